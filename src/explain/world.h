/* SPDX-License-Identifier: MIT */
/* Looks at files, rings, memory and paths, for those who explain an error. */
#ifndef ROTA_SRC_WORLD_H
#define ROTA_SRC_WORLD_H

#include "explain/understand.h"

/* A file of /proc, line by line; what does not fit the buffer of a line is left out. */
struct rota_lines {
    int fd;
    unsigned start, end;
    char buf[512];
};

/* "/proc/PID/NAME" as rota_proc_path() has it. 0 or -errno; rota_lines_close() only after 0. */
int rota_lines_open(struct rota_lines *lines, const struct rota_process *process, const char *name,
                    int fd);
/* The next line without its end, or NULL. */
const char *rota_lines_next(struct rota_lines *lines);
void rota_lines_close(struct rota_lines *lines);

/* What can be seen of a descriptor, or of a slot of a ring's file table. */
struct rota_file_view {
    int fd; /* the descriptor; -1 for a slot */
    bool slot;
    enum rota_answer open; /* it is open, or the slot holds a file */
    enum rota_file_kind kind;
    int flags; /* O_*, or negative when they cannot be seen */
};

void rota_view_fd(const struct rota_process *process, int fd, struct rota_file_view *view);

/* What of a ring is looked at beside its tables as a whole. */
enum rota_ring_part {
    ROTA_RING_WHOLE,
    ROTA_RING_SLOT,
    ROTA_RING_BUFFER,
    ROTA_RING_PERSONALITY,
};

/* What /proc tells of a ring and, in it, of one slot, registered buffer or personality. */
struct rota_ring_view {
    enum rota_ring_part part;
    unsigned number;          /* which one */
    enum rota_answer known;   /* ROTA_UNKNOWN: nothing below was seen */
    bool there;               /* the slot or buffer is filled, the personality registered */
    enum rota_file_kind kind; /* of what is in the slot */
    char device[32];          /* what is in it, as it is called below /dev; "": something else */
    uint64_t address, size;   /* of the buffer */
    unsigned files, filled;   /* slots of the file table, and those that hold a file */
    unsigned buffers;
    enum rota_answer polled; /* a thread of the kernel takes its requests (IORING_SETUP_SQPOLL) */
};

void rota_view_ring(const struct rota_process *process, int ring_fd, enum rota_ring_part part,
                    unsigned number, struct rota_ring_view *view);
/* The same of a ring of the library; without one nothing is known. */
void rota_view_own_ring(const struct rota_process *process, const struct rota_ring *ring,
                        enum rota_ring_part part, unsigned number, struct rota_ring_view *view);

/* What getsockopt(2) and its like tell of a descriptor of the calling process. */
enum rota_answer rota_socket_listens(int fd);
enum rota_answer rota_socket_connected(int fd);
enum rota_answer rota_socket_bound(int fd);
/* Whether nobody can read what is written to a pipe. */
bool rota_pipe_is_broken(int fd);
/* Whether a file of memory forbids one way of changing it at least. */
bool rota_file_is_sealed(int fd);
/* SOCK_*, or negative. */
int rota_socket_type(int fd);
/* AF_*, or negative. */
int rota_socket_family(int fd);
/* Bytes that can be read from a descriptor now, or negative. */
int rota_bytes_waiting(int fd);

/* Whether there is a buffer group of that number, on a ring of the calling process. */
enum rota_answer rota_group_exists(const struct rota_ring *ring, unsigned group);

/* How many descriptors below `limit` are open; 0: that cannot be seen. Needs none itself. */
unsigned rota_open_descriptors(const struct rota_process *process, uint64_t limit);

/*
 * How many bytes from an address on the kernel could read, or with `write`
 * write: at most `size`. Negative when the map of the process cannot be read.
 */
int64_t rota_memory_reach(const struct rota_process *process, uint64_t address, uint64_t size,
                          bool write);

/* Whether all of that is mapped, in whatever way. */
enum rota_answer rota_memory_mapped(const struct rota_process *process, uint64_t address,
                                    uint64_t size);

#define ROTA_PATH_MAX 4096

/* A path, and how far it leads. */
struct rota_path_view {
    int error;       /* 0: it names something; else what a look answers: -ENOENT, -ENOTDIR ... */
    unsigned reach;  /* letters of the first part that answers so; all of them for the last */
    bool last;       /* that part is the last one */
    int beyond;      /* what following the symbolic link that it names answers; 0: nothing bad */
    bool directory;  /* it names a directory */
    bool link;       /* it names a symbolic link */
    unsigned type;   /* S_IFMT of what it leads to; 0: that is not known */
    unsigned length; /* letters */
    char text[ROTA_PATH_MAX];
};

/* False when there is no text at that address, or a longer one than any path may be. */
bool rota_view_path(const struct rota_process *process, int dirfd, uint64_t address,
                    struct rota_path_view *view);
/* What faccessat2(2) is asked. */
#define ROTA_MAY_WRITE 2
#define ROTA_MAY_READ  4

/* Whether the calling process may do that to what a path names. */
enum rota_answer rota_path_allows(const struct rota_process *process, int dirfd, const char *path,
                                  int what);
/* Whether it may make and remove names in the directory of the path's last part. */
enum rota_answer rota_path_changeable(const struct rota_process *process, int dirfd,
                                      struct rota_path_view *view);
/* Whether a directory has something in it. */
enum rota_answer rota_path_populated(const struct rota_process *process, int dirfd,
                                     const char *path);

#endif /* ROTA_SRC_WORLD_H */
