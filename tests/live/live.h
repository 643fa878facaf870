/* SPDX-License-Identifier: MIT */
/*
 * Live trials: what the generated test (one trial per line of the table) and
 * the handwritten scenarios share.
 *
 * A scenario sets a situation up (a file, a pair of sockets, a child process),
 * offers values by name, plays the other side, and checks the effect. A trial
 * prepares one request in it and says what must come back.
 */
#ifndef ROTA_TESTS_LIVE_H
#define ROTA_TESTS_LIVE_H

/* Trials name constants such as SPLICE_F_NONBLOCK; include this file first. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <rota.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <sys/xattr.h>

/* The user_data of the request that is tried; scenarios use others for their own. */
#define LIVE_USER_DATA 0x7e57

/* What scenarios offer. A scenario fills what its row in the table names. */
struct live {
    struct rota_ring ring;
    const char *skip;     /* why the scenario cannot be opened here */
    const char *failed;   /* what `check` found wrong */
    unsigned setup_flags; /* flags for the ring; set before live_ring_open */
    uint64_t request;     /* user_data of the trial's own request */
    bool first_only;      /* a stream is ended after its first result */
    bool exhausted;       /* live_exhaust was called, and `nofile` is the limit before */
    struct rlimit nofile;

    /* files and memory */
    int fd;
    int fd2;
    int fds[2];    /* descriptors that a request reads or fills in */
    unsigned slot; /* an index in the ring's file table */
    unsigned char *buf;
    unsigned char *buf2;
    size_t size; /* bytes in buf */
    struct iovec iov[2];
    struct io_uring_attr_pi attr[1]; /* protection information of a request */
    char dir[64];                    /* a scratch directory of this trial */
    char path[128];                  /* an existing file in it */
    char path2[128];                 /* a name in it that does not exist */

    /* buffer groups */
    int bgid;

    /* sockets and pipes */
    int sock;
    int peer;
    int pipe_r;
    int pipe_w;

    /* register calls */
    void *arg;                /* what the call is handed */
    void *arg2;               /* the same, of another kind */
    struct rota_ring *source; /* a ring that lends its buffers */
    __u64 tags[2];            /* for two buffers or files */
    int id;                   /* of an identity */

    /* other */
    uint64_t target; /* user_data of a request in flight */

    /* completions of the scenario's own requests, as far as the runner saw them */
    struct live_completion {
        uint64_t user_data;
        int res;
        unsigned flags;
    } other[4];
    unsigned others;

    /* requests, rings, processes and futexes (sys.c) */
    struct rota_ring ring2;
    int ring_fd;
    int ring_fd2;
    uint64_t target2;
    void *target_ptr; /* target as a pointer */
    uint64_t nsec;
    struct __kernel_timespec ts[1];
    struct __kernel_timespec hour[1];
    struct __kernel_timespec past[1]; /* before all time, hence invalid */
    struct __kernel_timespec soon[1]; /* `ts` after the scenario was opened */
    int epfd;
    struct epoll_event event[1];
    struct epoll_event events[4];
    int child;
    int child_fd;
    int stranger; /* a process that is no child */
    void *info;   /* a siginfo_t */
    uint32_t *futex;
    uint32_t *crooked; /* not aligned */
    long woken;
    struct futex_waitv *waitv;
    struct futex_waitv *bad_waitv; /* another value than the word has */
    struct futex_waitv *odd_waitv; /* unknown flags */
    int slot_fd;                   /* `slot` where a descriptor is expected */
    int empty_slot_fd;

    /* paths (path.c) */
    int dfd;               /* the scratch directory */
    const char *name;      /* `path` in it */
    const char *name2;     /* `path2` in it */
    const char *empty;     /* an empty string */
    const char *lost;      /* in a directory that does not exist */
    const char *proc_path; /* a file on another file system */
    char dir2[80];         /* an empty directory */
    char dir3[80];         /* a directory with a file in it */
    struct statx *statxbuf;
    const struct open_how *how;
    const struct open_how *beneath; /* may not leave the directory */
    const struct open_how *cloexec;
    const struct open_how *long_how; /* with more than any kernel knows */
    const struct open_how *cached;   /* makes a file, and may not wait */
    const struct open_how *how_mode; /* with permissions for a file that exists */
    const struct open_how *how_directory;
    const char *xname;  /* of an extended attribute */
    const char *xname2; /* of one that the file lacks */
    const char *xname3; /* of no namespace */
    const char *xvalue; /* four bytes */
    char xbuf[16];

    /* sockets: names, messages, commands (net.c) */
    struct sockaddr *sa; /* points to sa_data */
    struct sockaddr_storage sa_data;
    unsigned sa_len;
    unsigned *sa_len_ptr; /* points to sa_len */
    struct msghdr *msg;   /* points to msg_data, which gathers iov */
    struct msghdr msg_data;
    uint64_t data; /* address of buf, as a field holds it */
    int *option;   /* points to option_data */
    int option_data;
    void *group; /* a ring of provided buffers */
};

struct live_scenario {
    const char *name;
    /* 0, or -errno; with l->skip set the trial is skipped for that reason. */
    int (*open)(struct live *l);
    /* After the request was submitted: what the other side does. */
    void (*act)(struct live *l);
    /* After a success: the effect outside the ring; sets l->failed. */
    void (*check)(struct live *l, int res);
    /* Releases everything `open` took, whatever of it had succeeded. */
    void (*close)(struct live *l);
    /* The trial changes its thread for good: it runs in a child process. */
    int apart;
};

/* Clears everything; descriptors are then -1. The runner calls it before `open`. */
void live_init(struct live *l);

/* Makes l->ring with l->setup_flags; most scenarios need nothing else. */
int live_ring_open(struct live *l);
/* Ends the ring if there is one; part of each scenario's `close`. */
void live_ring_close(struct live *l);

/* A scratch directory, and in it the file `path` with `size` pattern bytes,
 * open for reading and writing as l->fd; l->buf has room for `size` bytes (8192
 * unless `size` was set before), which are zero and start on a page.
 * live_file_close takes the file, the directory (also `path2`) and l->buf. */
int live_file_open(struct live *l);
void live_file_close(struct live *l);

/* The byte that the pattern has at an offset. */
unsigned char live_pattern(size_t offset);

/* Whether a slot of a ring's file table holds the file of live_file_open: 0, or
 * the -errno with which reading from it fails, -EIO for other bytes. */
int live_slot_reads(struct rota_ring *ring, unsigned slot);

/* Lets the process have no further descriptor: 0 or -errno. live_relax takes that back. */
int live_exhaust(struct live *l);
void live_relax(struct live *l);

/* Cancels the request of the trial. */
void live_cancel(struct live *l);

/* Sets l->failed once; the text must be static. */
void live_fail(struct live *l, const char *what);

#endif /* ROTA_TESTS_LIVE_H */
