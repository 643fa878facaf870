/* SPDX-License-Identifier: MIT */
/* What the sources of the core share: internal flags, kernel headers, the way into the kernel. */
#ifndef ROTA_CORE_H
#define ROTA_CORE_H

#include <rota/ring.h>

#include <asm/errno.h>
#include <linux/time_types.h>

#include "arch/syscall.h"

/*
 * rota_ring::int_flags
 */

/* A signal ends a wait with -EINTR. */
#define ROTA_INT_INTERRUPTIBLE (1U << 0)
/* The queues lie in the caller's memory: nothing to unmap. */
#define ROTA_INT_CALLER_MEMORY (1U << 1)
/* enter_ring_fd is a registered index, to be given back. */
#define ROTA_INT_REGISTERED_FD (1U << 2)
/* The kernel does not tell when it has completion work: an empty queue must ask. */
#define ROTA_INT_ALWAYS_ASK (1U << 3)
/* A submit takes no more than a store of the tail and a real system call. */
#define ROTA_INT_SIMPLE (1U << 4)
/*
 * Made by rota_queue_init* or rota_queue_mmap, by programs written for
 * liburing: where rota_init rings differ on purpose, this one does as
 * liburing's. The list is at the top of rota/ring.h.
 */
#define ROTA_INT_LIKE_LIBURING (1U << 5)

/* The sizes that base pages can have; which one it is only the kernel knows. */
#if defined(__x86_64__) || defined(__i386__)
#define ROTA_PAGE_SHIFT_MIN 12u
#define ROTA_PAGE_SHIFT_MAX 12u
#else
#define ROTA_PAGE_SHIFT_MIN 12u
#define ROTA_PAGE_SHIFT_MAX 18u
#endif

/* Kept out of the functions whose fast path has no room for it. */
#define ROTA_COLD __attribute__((cold, noinline))

/* Sets `size` bytes to zero. The barrier keeps the compiler from making this a call to memset. */
static inline void rota_zero(void *memory, size_t size)
{
    unsigned char *bytes = memory;

    for (size_t i = 0; i < size; i++) {
        bytes[i] = 0;
        __asm__ volatile("" : : : "memory");
    }
}

/* Copies `size` bytes; the same for memcpy. The two do not overlap. */
static inline void rota_copy(void *to, const void *from, size_t size)
{
    const unsigned char *source = from;
    unsigned char *target = to;

    for (size_t i = 0; i < size; i++) {
        target[i] = source[i];
        __asm__ volatile("" : : : "memory");
    }
}

/* True when the ring was torn down, or could not be made. */
static inline bool rota_is_dead(const struct rota_ring *ring)
{
    return ring->enter_ring_fd < 0;
}

/* The calling thread. */
static inline int rota_thread(void)
{
    return (int)rota_syscall6(__NR_gettid, 0, 0, 0, 0, 0, 0);
}

/* The calling process. */
static inline int rota_process(void)
{
    return (int)rota_syscall6(__NR_getpid, 0, 0, 0, 0, 0, 0);
}

/* Ends the program with a message. Without libc, and so that a debugger stops in the caller. */
__attribute__((noreturn)) static inline void rota_end_program(const char *what)
{
    static const char lead[] = "rota: ";
    size_t length = 0;

    while (what[length])
        length++;
    rota_syscall6(__NR_write, 2, (long)lead, sizeof(lead) - 1, 0, 0, 0);
    rota_syscall6(__NR_write, 2, (long)what, (long)length, 0, 0, 0);
    rota_syscall6(__NR_write, 2, (long)"\n", 1, 0, 0, 0);
    __builtin_trap();
}

/* io_uring_enter on the ring's kernel. */
static inline int rota_kernel_enter(const struct rota_ring *ring, uint32_t submit, uint32_t wait_nr,
                                    uint32_t flags, const void *arg, size_t size)
{
    flags |= ring->enter_flags;
    if (ROTA_UNLIKELY(ring->kernel))
        return ring->kernel->enter(ring->enter_ring_fd, submit, wait_nr, flags, arg, size);
    return rota_sys_enter(ring->enter_ring_fd, submit, wait_nr, flags, arg, size);
}

/* io_uring_enter on the real kernel, without an argument, in place: the fast path. */
static inline int rota_real_enter(const struct rota_ring *ring, uint32_t submit, uint32_t wait_nr,
                                  uint32_t flags)
{
    return (int)rota_syscall_enter(__NR_io_uring_enter, &ring->enter_ring_fd, submit, wait_nr,
                                   flags);
}

/* The ring's table of system calls; for everything but enter. */
static inline const struct rota_kernel *rota_kernel_of(const struct rota_ring *ring)
{
    return ring->kernel ? ring->kernel : &rota_kernel_real;
}

/* What rota_ring::kernel holds for a table that a program named: the real one has a fast path. */
static inline const struct rota_kernel *rota_kernel_named(const struct rota_kernel *kernel)
{
    return kernel == &rota_kernel_real ? NULL : kernel;
}

/*
 * The index behind the last CQE that is ready. Never further from the head than
 * the queue is long, whatever the shared word says.
 */
static inline uint32_t rota_cq_end(const struct rota_ring *ring)
{
    return ring->cq.cqe_head + rota_cq_ready(ring);
}

/*
 * How many slots the CQE in slot `pos` fills, of those before `end`. Two only
 * where the kernel writes such CQEs: on a mixed ring, and never around the end
 * of the queue.
 */
static inline uint32_t rota_cqe_width(const struct rota_ring *ring, uint32_t pos, uint32_t end)
{
    if (ROTA_LIKELY(!(ring->flags & IORING_SETUP_CQE_MIXED)) ||
        !rota_cqe_is_32(rota_cqe_at(ring, pos)))
        return 1;
    return (pos & ring->cq.ring_mask) != ring->cq.ring_mask && end - pos > 1 ? 2 : 1;
}

/* The SQE in slot `index` modulo the size of the queue. */
static inline struct io_uring_sqe *rota_sqe_at(const struct rota_ring *ring, uint32_t index)
{
    size_t offset = (size_t)(index & ring->sq.ring_mask) << ring->sq.sqe_shift;

    return (struct io_uring_sqe *)(void *)((char *)ring->sq.sqes + offset);
}

/*
 * How many slots the SQE in slot `pos` takes, of those before `tail`. Two for a
 * large one among small ones, which never goes around the end of the queue.
 */
static inline uint32_t rota_sqe_width(const struct rota_ring *ring, uint32_t pos, uint32_t tail)
{
    uint8_t opcode = rota_sqe_at(ring, pos)->opcode;

    if (!(ring->flags & IORING_SETUP_SQE_MIXED) ||
        (opcode != IORING_OP_NOP128 && opcode != IORING_OP_URING_CMD128))
        return 1;
    return (pos & ring->sq.ring_mask) != ring->sq.ring_mask && tail - pos > 1 ? 2 : 1;
}

/*
 * Where the part of the queue begins that the kernel has not seen. Never further
 * from the tail than the queue is long, whatever the shared word says.
 */
static inline uint32_t rota_sq_unseen(const struct rota_ring *ring)
{
    uint32_t tail = rota_sq_tail(ring);
    /* Relaxed: without SQPOLL the head moves only within our own system calls. */
    uint32_t head =
        ring->flags & IORING_SETUP_SQPOLL ? ring->sq.sqe_head : rota_load_relaxed(ring->sq.khead);

    return tail - head <= ring->sq.ring_entries ? head : tail;
}

/* The next SQE that is handed out is that of index `tail`. */
static inline void rota_sq_continue_at(struct rota_ring *ring, uint32_t tail)
{
    struct rota_sq *sq = &ring->sq;

    sq->sqe_next = rota_sqe_at(ring, tail);
    sq->sqe_stop = sq->sqes; /* the slow path works out the new ones */
    sq->sqe_stop_large = sq->sqes;
    sq->sqe_bias = tail - (uint32_t)((uintptr_t)sq->sqe_next >> sq->sqe_shift);
}

static inline uint32_t rota_sqe_size(uint32_t flags)
{
    return flags & IORING_SETUP_SQE128 ? 128 : 64;
}

static inline uint32_t rota_cqe_size(uint32_t flags)
{
    return flags & IORING_SETUP_CQE32 ? 32 : 16;
}

/*
 * setup.c
 */

struct rota_placement;

/* True when a caller was compiled with a struct rota_ring that this library can fill. */
static inline bool rota_size_is_known(const struct rota_ring *ring, size_t ring_size)
{
    return ring && ring_size >= sizeof(*ring);
}

/*
 * Makes a ring that is none: its queues look empty, what enters the kernel
 * says -EBADF, and rota_queue_exit does nothing.
 */
void rota_make_none(struct rota_ring *ring);

/*
 * Makes a ring of `fd`, as the kernel has described it in `p`, with the
 * options of rota_config. On failure `fd` stays open.
 */
int rota_take_fd(struct rota_ring *ring, int fd, const struct io_uring_params *p, uint32_t options,
                 const struct rota_placement *placement);

/* Gives back fd and registered index, which may be all that a half-made ring has. */
void rota_release_fd(struct rota_ring *ring);

/* Beside the options of rota_init: the ring keeps liburing's rules. */
#define ROTA_OPTION_LIKE_LIBURING (1U << 31)

/*
 * Setup flags, with the one by which the queue tells that completion work
 * waits: what a peek can read for nothing.
 */
uint32_t rota_with_taskrun_flag(uint32_t flags);

/* Makes a ring as liburing does, of these flags. On failure they are as before. */
int rota_make_exact(struct rota_ring *ring, unsigned entries, struct io_uring_params *params,
                    const struct rota_placement *placement);

/* Gives the registered index of the ring back to the thread; the ring forgets nothing. */
int rota_release_index(struct rota_ring *ring);

/*
 * memory.c: the only file that makes pointers from what the kernel answers.
 */

/* Where the queues go when the caller brings the memory: SQEs first, the ring at `ring_offset`. */
struct rota_placement {
    void *memory; /* NULL: the kernel's memory, mapped */
    size_t size;
    size_t ring_offset;
    bool owned; /* by the library: it goes with the ring */
};

/* Checks `params`, maps the queues of `fd` (or adopts the caller's memory), fills sq and cq. */
int rota_memory_attach(struct rota_ring *ring, int fd, const struct io_uring_params *params,
                       const struct rota_placement *placement);

/* Unmaps what rota_memory_attach mapped (the queues at least), and forgets all pointers. */
void rota_memory_detach(struct rota_ring *ring);

/*
 * placement.c
 */

/* rota_make_exact with NO_MMAP, in memory that is mapped for it. */
int rota_make_unmapped(struct rota_ring *ring, unsigned entries, struct io_uring_params *params);

/* Divides placement->memory between the queues and stores the addresses in `params`. */
int rota_memory_place(struct rota_placement *placement, unsigned entries,
                      struct io_uring_params *params);

/*
 * Bytes of address space, at least, that the queues of a ring of these
 * entries and flags take. Rounds the entries in `p` as the kernel does; 0 when
 * no kernel would take them.
 */
size_t rota_memory_plan(struct io_uring_params *p, uint32_t flags);

/*
 * submit.c
 */

/* Chooses how `ring`, which has its flags and its kernel, submits. */
void rota_submit_choose(struct rota_ring *ring);

struct rota_limit;

/* Submission of every kind, and the wait after it. */
int rota_submit_general(struct rota_ring *ring, uint32_t wait_nr, uint32_t enter_flags,
                        const struct rota_limit *limit);

/*
 * queue.c
 */

/*
 * SQ_REWIND: the kernel took `taken` SQEs, at most as many as there were; what
 * is left moves to the beginning of the queue.
 */
void rota_sq_rewind(struct rota_ring *ring, uint32_t taken);

/*
 * wait.c
 */

/* How long, and how, a call waits. */
struct rota_limit {
    const struct __kernel_timespec *ts; /* NULL: no limit */
    const void *sigmask;                /* NULL: the thread's own */
    uint32_t min_usec;                  /* after this time, one CQE is enough; 0: never */
    bool absolute;                      /* `ts` is a point in time */
    bool registered;                    /* all of it is in the registered element `index` */
    bool looks_again;                   /* liburing's rule for a wait without a time */
    int index;
};

/* No limit. */
extern const struct rota_limit rota_unlimited;

/* What one call of rota_wait_for is to achieve. */
struct rota_wait {
    uint32_t submit;  /* SQEs to hand over, visible already */
    uint32_t wait_nr; /* CQEs that must be ready before it returns */
    uint32_t flags;   /* IORING_ENTER_* for the first system call */
    const struct rota_limit *limit;
};

/* Returns 0 when this ring can wait with that limit, else -errno. */
int rota_limit_check(const struct rota_ring *ring, const struct rota_limit *limit);

/*
 * True when a wait without a time goes on at a signal that finds its first CQE:
 * liburing ends it only if one was there before the system call.
 */
bool rota_looks_again(const struct rota_ring *ring, const struct __kernel_timespec *ts);

/*
 * The one loop under every wait: enters until wait_nr CQEs are ready, the time
 * is up, or something fails. Not for a ring that is dead. Returns the number of SQEs taken if there is one,
 * else 0 or -errno.
 */
int rota_wait_for(struct rota_ring *ring, const struct rota_wait *wait);

/* The first CQE that is ready, past gap fillers; NULL if there is none. */
struct io_uring_cqe *rota_first_cqe(struct rota_ring *ring);

/*
 * Rounds of a wait that ended without a result and, as far as is told, without
 * a reason. Each may have been a signal, of which a rightful program takes as
 * many as it likes, but not more at a time than can be handled: a kernel that
 * does not sleep is known by its speed.
 */
struct rota_in_vain {
    uint32_t rounds;
    struct __kernel_timespec since;
};

/* After so many rounds it is looked how long they took. */
#define ROTA_IN_VAIN_MOST (1u << 20)

/* Nothing was in vain yet. Only the count is set: all of it would be a memset on some processors. */
static inline void rota_in_vain_start(struct rota_in_vain *in_vain)
{
    in_vain->rounds = 0;
}

/* Counts one more; true when the last `most` were too fast for signals. */
bool rota_is_hopeless(const struct rota_ring *ring, struct rota_in_vain *in_vain, uint32_t most);

/* What is common to all that wait without submitting; 0 or -errno. */
int rota_wait_within(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                     const struct rota_limit *limit);

/* Notes that the kernel holds a backlog, which every call with GETEVENTS flushes. */
static inline void rota_count_overflow(struct rota_ring *ring)
{
    if (ROTA_LIKELY(!rota_cq_has_overflow(ring)))
        return;
    ring->cq.overflows++;
    if (ring->overflow_hook)
        ring->overflow_hook(ring, ring->overflow_data);
}

#endif /* ROTA_CORE_H */
