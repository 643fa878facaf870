/* SPDX-License-Identifier: MIT */
/*
 * What the parts that explain things share: reading fields, conditions and
 * facts of the table, the text of flags, looks at the process.
 */
#ifndef ROTA_SRC_UNDERSTAND_H
#define ROTA_SRC_UNDERSTAND_H

#include <rota/explain.h>

#include "table/info_tables.h"
#include "table/text.h"
#include "table/words.h"

/* A member of a structure by its place. */
static inline uint64_t rota_member(const void *structure, unsigned offset, unsigned size)
{
    const unsigned char *at = (const unsigned char *)structure + offset;
    uint16_t half;
    uint32_t word;
    uint64_t whole;

    switch (size) {
    case 1:
        return *at;
    case 2:
        __builtin_memcpy(&half, at, sizeof(half));
        return half;
    case 4:
        __builtin_memcpy(&word, at, sizeof(word));
        return word;
    default:
        __builtin_memcpy(&whole, at, sizeof(whole));
        return whole;
    }
}

/* A member of the SQE. */
static inline uint64_t rota_sqe_field(const struct io_uring_sqe *sqe, unsigned offset,
                                      unsigned size)
{
    return rota_member(sqe, offset, size);
}

/* All bits of a field of that size. */
static inline uint64_t rota_field_mask(unsigned size)
{
    return size >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * size)) - 1;
}

/* A flag field as its flags are defined: poll masks have their half-words swapped back. */
static inline uint64_t rota_field_flags(const struct rota_field_info *field, uint64_t value)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    if (field->half_words)
        return (value << 16 | value >> 16) & 0xffffffff;
#else
    (void)field;
#endif
    return value;
}

/*
 * facts.c
 */

/* Whether a condition holds; a condition on a ring that is not known is ROTA_UNKNOWN. */
enum rota_answer rota_condition_holds(const struct rota_condition *condition,
                                      const struct io_uring_sqe *sqe, const struct rota_ring *ring);
/* The same of a value that was read. */
enum rota_answer rota_value_holds(const struct rota_condition *condition, uint64_t value);
/* Whether all of them hold. */
enum rota_answer rota_conditions_hold(struct rota_condition_rows rows,
                                      const struct io_uring_sqe *sqe, const struct rota_ring *ring);

/* Whether what came with kernel `since` is there; `caps` NULL is the newest kernel. */
enum rota_answer rota_since_holds(const struct rota_caps *caps, unsigned since, bool backported);
/* Whether the kernel reads a field, does not take it yet, or checks a rule. */
enum rota_answer rota_fact_field(const struct rota_caps *caps, const struct rota_op_info *op,
                                 unsigned index);
enum rota_answer rota_fact_rule(const struct rota_caps *caps, const struct rota_op_info *op,
                                unsigned index);
/* Whether it wants an ignored field to be zero. */
enum rota_answer rota_fact_ignored(const struct rota_caps *caps, const struct rota_op_info *op,
                                   unsigned index);
/* Whether it takes flag `flag` of field `index`. */
enum rota_answer rota_fact_flag(const struct rota_caps *caps, const struct rota_op_info *op,
                                unsigned index, unsigned flag);
/* Which of rota_caps_op::flags belongs to that field; ROTA_CAPS_FLAG_SETS: none. */
unsigned rota_flag_set_of(const struct rota_op_info *op, unsigned index);

/* format.c: one of the values of a field's group by its name, or the number. */
void rota_text_value(struct rota_text *text, const struct rota_field_info *field, uint64_t value);

/*
 * process.c: looks at a process, by system calls that change nothing. `process`
 * NULL is the calling one.
 */

enum rota_file_kind {
    ROTA_FILE_CLOSED, /* the descriptor is not open */
    ROTA_FILE_REGULAR,
    ROTA_FILE_DIRECTORY,
    ROTA_FILE_SOCKET,
    ROTA_FILE_PIPE,
    ROTA_FILE_CHARACTER,
    ROTA_FILE_BLOCK,
    ROTA_FILE_LINK,
    ROTA_FILE_EVENTFD,
    ROTA_FILE_TIMERFD,
    ROTA_FILE_SIGNALFD,
    ROTA_FILE_INOTIFY,
    ROTA_FILE_EPOLL,
    ROTA_FILE_RING,
    ROTA_FILE_PIDFD,
    ROTA_FILE_OTHER,   /* anything else without a name */
    ROTA_FILE_UNKNOWN, /* it could not be looked at */
};

enum rota_file_kind rota_file_kind(const struct rota_process *process, int fd);
/* The kind of a file without a name in the file system, as /proc writes it: "pipe:[7]". */
enum rota_file_kind rota_file_kind_of(const char *text);
const char *rota_file_kind_name(enum rota_file_kind kind);
/* Whether two descriptors are one number, or one pipe. */
enum rota_answer rota_same_file(const struct rota_process *process, int fd, int other);
/* O_* flags of an open descriptor, or -errno. */
int rota_file_flags(const struct rota_process *process, int fd);
/* fcntl(2) with a command that takes nothing; a negative errno. */
int rota_file_control(int fd, int command);
/*
 * What direct I/O on a file wants addresses, and offsets and lengths, to be
 * multiples of; false when the kernel or the file system does not tell.
 */
bool rota_file_alignment(const struct rota_process *process, int fd, unsigned *memory,
                         unsigned *offset);
/* The thread that asks, or that sent the request; 0: not known. */
int rota_thread_id(const struct rota_process *process);
/* Copies up to `size` bytes of the process's memory; the number copied, or -errno. */
long rota_peek_memory(const struct rota_process *process, uint64_t address, void *to, size_t size);
/* Element `index` of a struct iovec array there; false when it cannot be read. */
bool rota_peek_vector(const struct rota_process *process, uint64_t address, uint64_t index,
                      uint64_t *base, uint64_t *size);
/* What the kernel finds in a struct msghdr; the types of libc would differ in name only. */
struct rota_message {
    uintptr_t name;
    int32_t name_size;
    uintptr_t vectors;
    size_t vector_count;
    uintptr_t control;
    size_t control_size;
    uint32_t flags;
};

/* False when it cannot be read. */
bool rota_peek_message(const struct rota_process *process, uint64_t address,
                       struct rota_message *message);
/* Bytes of a struct iovec. */
#define ROTA_VECTOR_SIZE (sizeof(void *) + sizeof(size_t))
/* Elements of a vector that the kernel takes at most. */
#define ROTA_VECTORS_TAKEN 1024u
/* Bytes that a socket address of a family has at least. */
unsigned rota_address_size(uint16_t family);
/* 0 or -errno of a look whether there is such a path. */
int rota_path_exists(const struct rota_process *process, int dirfd, const char *path);
/* The soft limit of a RLIMIT_*; UINT64_MAX: none, or it cannot be read. */
uint64_t rota_limit(const struct rota_process *process, int resource);
/* Where paths of the process begin, as a descriptor to be closed, or AT_FDCWD, or -errno. */
long rota_open_start(const struct rota_process *process, int dirfd, bool absolute);
/* Reads the start of a file into `buf`, terminated; its length or -errno. */
int rota_read_file(const char *path, char *buf, size_t size);
/* The same of /proc/PID/`name`; `fd` 0 or more is appended to the name. */
int rota_read_proc(const struct rota_process *process, const char *name, int fd, char *buf,
                   size_t size);

/* Room for "/proc/PID/fdinfo/NUMBER". */
#define ROTA_PROC_PATH 64
/* "/proc/PID/`name`"; `fd` 0 or more is appended. */
void rota_proc_path(char *path, const struct rota_process *process, const char *name, int fd);

/*
 * command.c: what the number of a command means.
 */

#define ROTA_COMMANDS_MAX 8 /* meanings of one number */

static inline bool rota_all_zero(const unsigned char *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (bytes[i])
            return false;
    }
    return true;
}

/* The meanings that a number may have. */
struct rota_command_set {
    const struct rota_command_info *found[ROTA_COMMANDS_MAX];
    unsigned count;
    bool certain; /* the only one there is, and the number or the file is proof of it */
};

/* The field with the number of a command, or NULL. */
const struct rota_field_info *rota_command_field(const struct rota_op_info *op);
/* What a number means to an opcode, whatever the file. */
void rota_commands_of(const struct rota_op_info *op, uint32_t number, struct rota_command_set *set);
/* Leaves out what a file of that kind does not take; `fd` negative: its name is not looked at. */
void rota_commands_on(struct rota_command_set *set, const struct rota_process *process, int fd,
                      enum rota_file_kind kind);
/* The same for a slot of the process's ring, where that is given and can be seen. */
void rota_commands_in_slot(struct rota_command_set *set, const struct rota_process *process,
                           unsigned slot);
/* The name of a command, or of the files to which every number means the same. */
void rota_command_put_name(struct rota_text *text, const struct rota_command_info *command);
/* Which of a ring's entries are too small for a command. */
enum rota_command_lack {
    ROTA_LACK_SQE = 1, /* requests of 128 bytes */
    ROTA_LACK_CQE = 2, /* completions of 32 bytes */
};
unsigned rota_command_lacks(const struct rota_ring *ring, const struct rota_op_info *op,
                            const struct rota_command_info *command);
/* "an SQE of 128 bytes and completions of 32", and the flags that make them. */
void rota_command_put_needs(struct rota_text *text, unsigned lacks);
void rota_command_put_flags(struct rota_text *text, unsigned lacks);
/* "NAME", or the number with what it may be in parentheses. */
void rota_command_put(struct rota_text *text, uint32_t number, const struct rota_command_set *set);
/* What a command says, from its structure in the SQE, of which `room` bytes are there. */
void rota_command_put_payload(struct rota_text *text, const struct io_uring_sqe *sqe,
                              const struct rota_command_info *command, unsigned room);

static inline const struct rota_family_info *rota_command_family(
    const struct rota_command_info *command)
{
    return &rota_family_table[command->family];
}

/*
 * check.c
 */

/* rota_sqe_check, with the request before it in the queue; `first` NULL: not known. */
int rota_check_in_chain(const struct rota_ring *ring, const struct rota_caps *caps,
                        const struct io_uring_sqe *sqe, bool chain_known,
                        const struct io_uring_sqe *before, struct rota_finding *findings,
                        unsigned max);

/* A finding when the ring belongs to another thread than the one that asks or sent the request. */
int rota_check_thread(const struct rota_process *process, const struct rota_ring *ring,
                      struct rota_finding *findings, unsigned max);

#endif /* ROTA_SRC_UNDERSTAND_H */
