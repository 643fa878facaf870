/* SPDX-License-Identifier: MIT */
/*
 * The ring: set up, get an SQE, submit, wait, reap, tear down.
 *
 *     struct rota_ring ring;
 *     int ret = rota_init(&ring, 64, NULL);
 *     if (ret < 0)
 *         return ret;
 *
 *     struct io_uring_sqe *sqe = rota_get_sqe(&ring);
 *     rota_prep_read(sqe, fd, buffer, sizeof(buffer), 0);
 *     rota_sqe_set_data(sqe, buffer);
 *     ret = rota_submit_and_wait(&ring, 1);
 *
 *     struct io_uring_cqe *cqe;
 *     while (!rota_peek_cqe(&ring, &cqe)) {
 *         use(rota_cqe_get_data(cqe), cqe->res);
 *         rota_cqe_seen(&ring, cqe);
 *     }
 *     rota_queue_exit(&ring);
 *
 * Rules that hold for all of it:
 *
 * - Functions return 0 or a count, or -errno; errno itself is never touched.
 *   -EINVAL for a bad argument means that nothing was changed.
 * - A function is inline when it touches shared memory only, and a call when
 *   it may enter the kernel.
 * - Nothing here allocates, locks, starts a thread or submits a request of
 *   its own. `user_data` is the caller's, all 64 bits of it.
 * - One thread may submit (get_sqe, submit) while another reaps (peek, wait,
 *   seen); two threads on the same side need a lock of their own. Functions
 *   that do both belong to both sides. A ring made for a single issuer
 *   (IORING_SETUP_SINGLE_ISSUER, the default of rota_init) belongs to the
 *   thread that made it; others get -EEXIST.
 * - struct rota_ring must not move in memory while calls on it run; between
 *   calls it may be copied elsewhere, and the old copy then forgotten.
 */
#ifndef ROTA_RING_H
#define ROTA_RING_H

#include <rota/atomic.h>
#include <rota/config.h>
#include <rota/sqe.h>
#include <rota/syscall.h>
#include <rota/types.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/*
 * The submission queue. Members are for reading; those without a pointer to
 * the kernel's word are the library's own.
 */
struct rota_sq {
    /* What get_sqe and submit touch: one cache line, written by the submitting side only. */
    struct io_uring_sqe *sqes;
    struct io_uring_sqe *sqe_next; /* next slot to hand out */
    struct io_uring_sqe *sqe_stop; /* where rota_get_sqe takes the slow path */
    uint32_t *khead;
    uint32_t *ktail;
    uint32_t *kflags;
    uint32_t sqe_bias; /* tail of the slot at sqe_next, less its place in sqes */
    uint32_t sqe_head; /* SQPOLL only: the tail that was last made visible */
    uint32_t ring_mask;
    uint32_t ring_entries;

    uint32_t *kdropped;
    uint32_t *array;    /* NULL with IORING_SETUP_NO_SQARRAY */
    uint32_t sqe_shift; /* log2 of the bytes between two slots: 6, or 7 with IORING_SETUP_SQE128 */
    uint32_t reserved;
    size_t sqes_sz;
    size_t ring_sz; /* one mapping holds both queues */
    void *ring_ptr;
};

/* The completion queue: one cache line, written by the reaping side only. */
struct rota_cq {
    struct io_uring_cqe *cqes;
    uint32_t cqe_head;  /* next slot to look at; equals the word at khead */
    uint32_t cqe_size;  /* bytes between two slots: 16, or 32 with IORING_SETUP_CQE32 */
    uint32_t cqe_bytes; /* bytes of all slots minus one: masks index * cqe_size */
    uint32_t ring_mask;
    uint32_t ring_entries;
    uint32_t overflows; /* how often a backlog of completions was found in the kernel */
    uint32_t *khead;
    uint32_t *ktail;
    const uint32_t *kpeek; /* ktail; on CQE_MIXED rings khead, so that they always look empty */
    uint32_t *koverflow;
    uint32_t *kflags; /* NULL on kernels before 5.8 */
};

/*
 * A ring. Public because the hot path is inline; to be filled by rota_init()
 * or rota_queue_init*() and read, never written, by the program.
 */
struct rota_ring {
    struct rota_sq sq;
    struct rota_cq cq;

    /* What rota_submit_and_wait() means on a ring of this kind. */
    int (*submit_and_wait)(struct rota_ring *ring, unsigned wait_nr);
    const struct rota_kernel *kernel; /* NULL: the real system calls */
    uint32_t flags;                   /* IORING_SETUP_* that were obtained */
    uint32_t features;                /* IORING_FEAT_* of this kernel */
    int ring_fd;                      /* -1: torn down, or registered only */
    int enter_ring_fd;                /* what io_uring_enter gets: ring_fd or a registered index */
    uint32_t enter_flags;             /* flags that every io_uring_enter of this ring carries */
    uint32_t wait_flags;              /* the same and IORING_ENTER_GETEVENTS */
    uint32_t int_flags;               /* the library's own, see src/core.h */
    uint32_t reserved0;
    uint64_t reserved[16]; /* zero; room to grow */
};

/*
 * Options of rota_init, for rota_config::options.
 */

/* A wait that a signal interrupts returns -EINTR instead of going on with the remaining time. */
#define ROTA_WAIT_INTERRUPTIBLE (1U << 0)

/*
 * Register the ring's file descriptor with the thread that makes the ring,
 * which saves the kernel a lookup on each call (5.18). Preferred: without it
 * where the kernel lacks it or the thread has no slot left. Calls that enter
 * the kernel must then come from this thread.
 */
#define ROTA_REGISTER_RING_FD (1U << 1)

/*
 * How rota_init sets a ring up. All zero is a plain ring: no setup flag, any
 * thread, interrupted waits go on. The fillers below make the four usual
 * kinds; members may be changed afterwards.
 */
struct rota_config {
    /*
     * IORING_SETUP_* without which there is no ring, and those that are taken
     * where the kernel has them: when set-up says EINVAL, preferred flags are
     * dropped from the newest on until it succeeds. rota_ring::flags tells
     * what was obtained. CQSIZE and NO_MMAP follow from the members below.
     */
    uint32_t required_flags;
    uint32_t preferred_flags;

    uint32_t options;        /* ROTA_WAIT_INTERRUPTIBLE, ROTA_REGISTER_RING_FD */
    uint32_t cq_entries;     /* size of the completion queue; 0: twice the submission queue */
    uint32_t sq_thread_cpu;  /* with SQ_AFF: the CPU of the SQPOLL thread */
    uint32_t sq_thread_idle; /* SQPOLL: milliseconds until the thread sleeps; 0: one second */
    int wq_fd; /* with ATTACH_WQ: the ring whose worker pool (and SQPOLL thread) to share */
    uint32_t reserved0; /* zero */

    /*
     * Memory for the queues instead of the kernel's (6.5): at least
     * rota_memory_size() bytes, aligned to ROTA_MEMORY_ALIGN, to be kept until
     * rota_queue_exit() has returned. Before 6.10 it must be physically
     * contiguous, in practice one huge page. NULL: the kernel's own.
     */
    void *memory;
    size_t memory_size;

    const struct rota_kernel *kernel; /* NULL: the real system calls */
    uint64_t reserved[6];             /* zero */
};

/* Alignment of rota_config::memory: no kernel of this architecture has larger base pages. */
#if defined(__x86_64__) || defined(__i386__)
#define ROTA_MEMORY_ALIGN 4096u
#else
#define ROTA_MEMORY_ALIGN 65536u
#endif

/*
 * Set-up
 */

/* What the macros and inline functions below call: `ring_size` is the caller's sizeof(*ring). */
ROTA_API int rota_init_sized(struct rota_ring *ring, size_t ring_size, unsigned entries,
                             const struct rota_config *config);
ROTA_API int rota_queue_init_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                   struct io_uring_params *params);

/*
 * rota_init - make a ring.
 *
 * `entries` is the number of SQEs that fit before a submit; the kernel rounds
 * it up to a power of two (sq.ring_entries tells). `config` says what kind of
 * ring; it is not needed afterwards. NULL is the fastest kind, see
 * rota_config_single_owner().
 *
 * Returns 0, or -errno with nothing left behind and `ring` safe to pass to
 * rota_queue_exit():
 *
 * - EINVAL: entries 0 or more than the kernel takes (32768, unless CLAMP);
 *   a required flag that the kernel does not know; flags that exclude each
 *   other; a reserved member not zero; memory misaligned
 * - ENOMEM: the kernel has none; before 5.12 RLIMIT_MEMLOCK; or
 *   config->memory_size below rota_memory_size()
 * - ENOSYS: no io_uring, or one older than 5.4 (IORING_FEAT_SINGLE_MMAP)
 * - EPERM: forbidden by kernel.io_uring_disabled, seccomp or a security module
 * - EMFILE, ENFILE: no file descriptor left
 * - ENXIO, EINVAL: config->wq_fd is no open file, or no ring
 * - EPROTO: the kernel answered with sizes or offsets that make no sense
 */
ROTA_INLINE int rota_init(struct rota_ring *ring, unsigned entries,
                          const struct rota_config *config)
{
    return rota_init_sized(ring, sizeof(*ring), entries, config);
}

/*
 * rota_queue_init_params - make a ring with exactly these parameters.
 *
 * As liburing's: `params` holds flags, sq_thread_cpu, sq_thread_idle,
 * cq_entries and wq_fd, all else zero, and receives the kernel's answer.
 * Unlike liburing's, no flag is added (liburing tries NO_SQARRAY), and
 * IORING_SETUP_NO_MMAP is refused: caller's memory goes through rota_init().
 * Waits return -EINTR when a signal interrupts them.
 *
 * Returns 0 or -errno as rota_init().
 */
ROTA_INLINE int rota_queue_init_params(unsigned entries, struct rota_ring *ring,
                                       struct io_uring_params *params)
{
    return rota_queue_init_sized(entries, ring, sizeof(*ring), params);
}

/* rota_queue_init - the same with IORING_SETUP_* `flags` and nothing else to say. */
ROTA_INLINE int rota_queue_init(unsigned entries, struct rota_ring *ring, unsigned flags)
{
    struct io_uring_params params;
    uint32_t *words = (uint32_t *)(void *)&params;

    for (size_t i = 0; i < sizeof(params) / sizeof(*words); i++)
        __atomic_store_n(&words[i], 0, __ATOMIC_RELAXED); /* a loop that stays one: no memset */
    params.flags = flags;
    return rota_queue_init_params(entries, ring, &params);
}

/*
 * rota_queue_exit - tear a ring down.
 *
 * Unmaps, unregisters and closes; ring->ring_fd is -1 afterwards, and calling
 * it again does nothing. Requests in flight are cancelled or finished by the
 * kernel in its own time: memory that they read or write must stay valid
 * until their completions were seen, so reap (or cancel and reap) first. A
 * ring whose fd is registered must be torn down by the thread that made it.
 */
ROTA_API void rota_queue_exit(struct rota_ring *ring);

/*
 * rota_memory_size - bytes that rota_config::memory needs for such a ring.
 *
 * Of `config` the flags and cq_entries count; NULL as for rota_init. Never
 * too small; 0 when no kernel would take the sizes.
 */
ROTA_API size_t rota_memory_size(unsigned entries, const struct rota_config *config);

/* The version of the library at run time: major << 16 | minor << 8 | patch. */
ROTA_API uint32_t rota_version(void);

/* A config with everything zero: a plain ring. */
ROTA_INLINE void rota_config_plain(struct rota_config *config)
{
    config->required_flags = 0;
    config->preferred_flags = 0;
    config->options = 0;
    config->cq_entries = 0;
    config->sq_thread_cpu = 0;
    config->sq_thread_idle = 0;
    config->wq_fd = 0;
    config->reserved0 = 0;
    config->memory = NULL;
    config->memory_size = 0;
    config->kernel = NULL;
    config->reserved[0] = 0;
    config->reserved[1] = 0;
    config->reserved[2] = 0;
    config->reserved[3] = 0;
    config->reserved[4] = 0;
    config->reserved[5] = 0;
}

/*
 * One thread makes the ring, submits and reaps: the fastest kind, and what a
 * NULL config means. Completions are worked on only when this thread asks for
 * them; its fd is registered. Other threads get -EEXIST (or -EBADF) for calls
 * that enter the kernel. COOP_TASKRUN is there for kernels before 6.1, which
 * lack DEFER_TASKRUN.
 */
ROTA_INLINE void rota_config_single_owner(struct rota_config *config)
{
    rota_config_plain(config);
    config->preferred_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                              IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN |
                              IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY;
    config->options = ROTA_REGISTER_RING_FD;
}

/* Any thread may submit and reap, under the locking rules at the top of this file. */
ROTA_INLINE void rota_config_shared(struct rota_config *config)
{
    rota_config_plain(config);
    config->preferred_flags = IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY;
}

/* A kernel thread polls the submission queue, so that a submit is rarely a system call. */
ROTA_INLINE void rota_config_sqpoll(struct rota_config *config)
{
    rota_config_shared(config);
    config->required_flags = IORING_SETUP_SQPOLL;
}

/*
 * Completions are polled for, without interrupts: for O_DIRECT reads and
 * writes on a device that has poll queues, and few other requests.
 */
ROTA_INLINE void rota_config_iopoll(struct rota_config *config)
{
    rota_config_shared(config);
    config->required_flags = IORING_SETUP_IOPOLL;
}

/*
 * Submission
 */

/* What rota_get_sqe() calls once per round of the queue, and for each SQE of 128 bytes. */
ROTA_API struct io_uring_sqe *rota_get_sqe_slow(struct rota_ring *ring);

/* The index behind the last SQE that was handed out: what the next submit makes the tail. */
ROTA_INLINE uint32_t rota_sq_tail(const struct rota_ring *ring)
{
    const struct rota_sq *sq = &ring->sq;

    return sq->sqe_bias +
           (uint32_t)(((uintptr_t)sq->sqe_next - (uintptr_t)sq->sqes) >> sq->sqe_shift);
}

/*
 * rota_get_sqe - take the next free SQE.
 *
 * All of its 64 (SQE128: 128) bytes are zero, user_data included. Fill it
 * with a prep function; it counts as submitted with the next submit whether
 * it was filled or not (all zero is a NOP). It belongs to the caller until
 * then.
 *
 * Returns NULL when the queue is full: submit, then try again (SQPOLL: see
 * rota_sqring_wait()).
 */
ROTA_INLINE struct io_uring_sqe *rota_get_sqe(struct rota_ring *ring)
{
    struct io_uring_sqe *sqe = ring->sq.sqe_next;

    /*
     * Up to sqe_stop all slots are free, by the kernel's head as it was some
     * time ago. The head only moves on, so an old one errs on the safe side,
     * and the shared word is read once per round.
     */
    if (ROTA_UNLIKELY(sqe == ring->sq.sqe_stop))
        return rota_get_sqe_slow(ring);
    ring->sq.sqe_next = sqe + 1;
    rota_sqe_clear(sqe);
    return sqe;
}

/* How many SQEs were taken from the queue and not yet consumed by the kernel. */
ROTA_INLINE unsigned rota_sq_ready(const struct rota_ring *ring)
{
    /* Acquire: a caller may reuse what this calls free, after the kernel has copied it. */
    return rota_sq_tail(ring) - rota_load_acquire(ring->sq.khead);
}

/* How many times rota_get_sqe() would succeed now. */
ROTA_INLINE unsigned rota_sq_space_left(const struct rota_ring *ring)
{
    return ring->sq.ring_entries - rota_sq_ready(ring);
}

/* How many SQEs the kernel dropped because their index in the array was invalid: stays 0. */
ROTA_INLINE unsigned rota_sq_dropped(const struct rota_ring *ring)
{
    return rota_load_relaxed(ring->sq.kdropped); /* a counter: no other memory depends on it */
}

/*
 * rota_submit - hand all SQEs taken so far to the kernel.
 *
 * Returns how many it took, 0 when there are none (then without a system
 * call). It may take fewer than there are: without IORING_SETUP_SUBMIT_ALL it
 * stops after one that is invalid (which is taken, and completes with its
 * error), and when it runs out of memory. The rest stays in the queue, in
 * order, and goes with the next submit; rota_sq_ready() counts it.
 *
 * With SQPOLL the result counts the SQEs made visible to the kernel's thread,
 * each once; the system call is made only when that thread sleeps.
 *
 * Errors, each with nothing taken:
 *
 * - EAGAIN: no memory for the requests; submit again later
 * - EBADF, EBADFD: the ring is torn down, or was made with R_DISABLED and not
 *   enabled
 * - EBADR: completions were lost for lack of memory; the next call goes on
 * - EBUSY: too many completions wait in the kernel: reap first (before 5.19)
 * - EEXIST: single-issuer ring, and this is not its thread
 * - EINVAL: the registered fd belongs to another thread
 * - EOWNERDEAD: the SQPOLL thread is gone (the SQEs are visible all the same)
 */
ROTA_API int rota_submit(struct rota_ring *ring);

/*
 * rota_submit_and_wait - submit, then wait until `wait_nr` CQEs are ready.
 *
 * Returns the number of SQEs taken, as rota_submit(), which also lists the
 * errors. When that is less than there were, it has not waited. `wait_nr`
 * beyond the size of the completion queue means a full queue. On an IOPOLL
 * ring it returns with at least one CQE.
 *
 * A signal ends the wait on rings whose waits are interruptible: -EINTR, or
 * the number taken if there is one (then rota_cq_ready() tells).
 */
ROTA_INLINE int rota_submit_and_wait(struct rota_ring *ring, unsigned wait_nr)
{
    return ring->submit_and_wait(ring, wait_nr);
}

/*
 * rota_submit_and_wait_timeout - the same with a limit on the waiting time.
 *
 * `ts` is relative, on CLOCK_MONOTONIC, NULL for none; `sigmask` points to a
 * sigset_t that holds during the wait, or is NULL. Both are read during the
 * call only. `cqe_ptr` (may be NULL) receives the first CQE that is ready
 * after the wait, NULL if there is none.
 *
 * Returns the number of SQEs taken when there is one, whatever became of the
 * wait; otherwise 0, or besides the errors of rota_submit():
 *
 * - EINTR: interrupted by a signal, on an interruptible ring
 * - EINVAL: ts negative, or its nanoseconds not below 1000000000
 * - EOPNOTSUPP: ts given, and the kernel lacks IORING_FEAT_EXT_ARG (5.11).
 *   Unlike liburing, no timeout request is submitted behind your back
 * - ETIME: time is up; CQEs that are ready but fewer than wait_nr stay ready
 */
ROTA_API int rota_submit_and_wait_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                          unsigned wait_nr, const struct __kernel_timespec *ts,
                                          const void *sigmask);

/*
 * rota_submit_and_get_events - submit, and run the completion work that waits,
 * without sleeping. Returns as rota_submit().
 */
ROTA_API int rota_submit_and_get_events(struct rota_ring *ring);

/*
 * rota_get_events - run the completion work that waits, flush the overflow
 * backlog into the completion queue. Does not sleep.
 *
 * Returns 0, or -EEXIST from the wrong thread, -EBADF, -EBADFD as rota_submit().
 */
ROTA_API int rota_get_events(struct rota_ring *ring);

/*
 * rota_sqring_wait - SQPOLL: wait until rota_get_sqe() can succeed.
 *
 * Returns 0 at once when there is space or the ring is not SQPOLL; else 0, or
 * -EINTR as a wait, -EINVAL before 5.10, -EOWNERDEAD as rota_submit().
 */
ROTA_API int rota_sqring_wait(struct rota_ring *ring);

/*
 * Completion
 */

/* What rota_peek_cqe() calls when the queue looks empty. */
ROTA_API int rota_peek_slow(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr);

/* The CQE in slot `index` modulo the size of the queue. */
ROTA_INLINE struct io_uring_cqe *rota_cqe_at(const struct rota_ring *ring, uint32_t index)
{
    return (struct io_uring_cqe *)(void *)((char *)ring->cq.cqes +
                                           ((index * ring->cq.cqe_size) & ring->cq.cqe_bytes));
}

/*
 * How many slots of the completion queue are filled and not yet seen. Looks
 * at memory only: completions that the kernel holds back (overflow, task
 * work) come into the queue with a wait, a peek or rota_get_events().
 */
ROTA_INLINE unsigned rota_cq_ready(const struct rota_ring *ring)
{
    /* Acquire: pairs with the kernel's release after it has written the CQEs. */
    return rota_load_acquire(ring->cq.ktail) - ring->cq.cqe_head;
}

/* True while completions that found the queue full wait in the kernel. */
ROTA_INLINE bool rota_cq_has_overflow(const struct rota_ring *ring)
{
    /* Relaxed: a hint; the flush it leads to is a system call. */
    return (rota_load_relaxed(ring->sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/*
 * How often the library came upon completions that had found the queue full
 * and were kept in the kernel. It fetches them; none is lost, but each time
 * costs, and a number that grows asks for a larger queue (cq_entries).
 */
ROTA_INLINE unsigned rota_cq_overflows(const struct rota_ring *ring)
{
    return ring->cq.overflows;
}

/* How many completions the kernel lost for lack of memory. */
ROTA_INLINE unsigned rota_cq_lost(const struct rota_ring *ring)
{
    return rota_load_relaxed(ring->cq.koverflow); /* a counter: no other memory depends on it */
}

/*
 * rota_peek_cqe - the next CQE, if there is one; never sleeps.
 *
 * It stays valid until rota_cqe_seen() or rota_cq_advance(). When the queue
 * is empty and the kernel has completions that need a visit (task work,
 * overflow, IOPOLL), this makes it: no completion is missed by peeking.
 *
 * Returns 0 with *cqe_ptr set, else with *cqe_ptr NULL:
 *
 * - EAGAIN: none
 * - the errors of rota_get_events()
 */
ROTA_INLINE int rota_peek_cqe(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr)
{
    uint32_t head = ring->cq.cqe_head;

    /* Acquire: pairs with the kernel's release after it has written the CQE. */
    if (ROTA_UNLIKELY(rota_load_acquire(ring->cq.kpeek) == head)) {
        struct io_uring_cqe *cqe; /* keeps the caller's variable in a register */
        int ret = rota_peek_slow(ring, &cqe);

        *cqe_ptr = cqe;
        return ret;
    }
    *cqe_ptr = rota_cqe_at(ring, head);
    return 0;
}

/*
 * rota_wait_cqes - wait until `wait_nr` CQEs are ready, without submitting.
 *
 * Parameters and errors as rota_submit_and_wait_timeout(). Returns 0 with
 * *cqe_ptr the first CQE (wait_nr 0: as rota_peek_cqe). On failure *cqe_ptr
 * is the first CQE if some, but too few, are ready, else NULL.
 *
 * Unlike liburing's it never submits: SQEs that were taken stay in the queue.
 */
ROTA_API int rota_wait_cqes(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                            const struct __kernel_timespec *ts, const void *sigmask);

/* rota_wait_cqe_timeout - wait for one CQE, at most `ts`. */
ROTA_INLINE int rota_wait_cqe_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                      const struct __kernel_timespec *ts)
{
    return rota_wait_cqes(ring, cqe_ptr, 1, ts, NULL);
}

/* rota_wait_cqe_nr - wait until `wait_nr` CQEs are ready. */
ROTA_INLINE int rota_wait_cqe_nr(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                 unsigned wait_nr)
{
    return rota_wait_cqes(ring, cqe_ptr, wait_nr, NULL, NULL);
}

/* rota_wait_cqe - the next CQE, waiting for it when there is none. */
ROTA_INLINE int rota_wait_cqe(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr)
{
    struct io_uring_cqe *cqe; /* keeps the caller's variable in a register */
    int ret;

    /* Acquire: pairs with the kernel's release after it has written the CQE. */
    if (ROTA_LIKELY(rota_load_acquire(ring->cq.kpeek) != ring->cq.cqe_head)) {
        *cqe_ptr = rota_cqe_at(ring, ring->cq.cqe_head);
        return 0;
    }
    ret = rota_wait_cqes(ring, &cqe, 1, NULL, NULL);
    *cqe_ptr = cqe;
    return ret;
}

/*
 * rota_peek_batch_cqe - pointers to up to `count` CQEs that are ready.
 *
 * Stores them in `cqes` in order and returns their number; 0 when there are
 * none (after a visit to the kernel, as rota_peek_cqe). They stay valid until
 * rota_cq_advance(). On a CQE_MIXED ring, advance by the sum of rota_cqe_nr().
 */
ROTA_API unsigned rota_peek_batch_cqe(struct rota_ring *ring, struct io_uring_cqe **cqes,
                                      unsigned count);

/*
 * rota_copy_cqes - copy up to `count` CQEs out of the queue and mark them seen.
 *
 * `cqes` has room for `count` elements of 16 bytes, on CQE32 and CQE_MIXED
 * rings 32 bytes (the second half of a small one is zero). When fewer than
 * `wait_nr` are ready, waits as rota_wait_cqe_nr(); 0 never sleeps. `wait_nr`
 * is at most `count`.
 *
 * Returns the number copied. 0 when there is none and wait_nr is 0; -EINVAL
 * when wait_nr is above count; the errors of the wait when nothing is ready.
 */
ROTA_API int rota_copy_cqes(struct rota_ring *ring, struct io_uring_cqe *cqes, unsigned count,
                            unsigned wait_nr);

/*
 * rota_cq_advance - mark CQEs seen, from the oldest on; their slots go back to the kernel.
 *
 * `nr` is at most what was found ready: the number of CQEs, on a CQE_MIXED
 * ring the sum of their rota_cqe_nr().
 */
ROTA_INLINE void rota_cq_advance(struct rota_ring *ring, unsigned nr)
{
    uint32_t head = ring->cq.cqe_head + nr;

    ring->cq.cqe_head = head;
    /* Release: the CQEs were read before the kernel sees that it may reuse their slots. */
    rota_store_release(ring->cq.khead, head);
}

/*
 * rota_cqe_seen - mark the oldest CQE seen; its slot goes back to the kernel.
 *
 * `cqe` is what rota_peek_cqe() or a wait returned; NULL does nothing.
 */
ROTA_INLINE void rota_cqe_seen(struct rota_ring *ring, const struct io_uring_cqe *cqe)
{
    if (!cqe)
        return;
    if (ROTA_UNLIKELY(ring->flags & IORING_SETUP_CQE_MIXED))
        rota_cq_advance(ring, rota_cqe_nr(cqe));
    else
        rota_cq_advance(ring, 1);
}

/*
 * Iteration over the CQEs that are ready, oldest first.
 *
 *     unsigned head, seen = 0;
 *     struct io_uring_cqe *cqe;
 *     rota_for_each_cqe(&ring, head, cqe) {
 *         handle(cqe);
 *         seen++;                         (CQE_MIXED: seen += rota_cqe_nr(cqe))
 *     }
 *     rota_cq_advance(&ring, seen);
 *
 * Those that arrive meanwhile wait for the next round. Calling
 * rota_cqe_seen() in the body instead of rota_cq_advance() after it works too.
 * On a CQE_MIXED ring a round ends where the queue wraps over a gap: the rest
 * comes with the next one. When the queue is empty and completions need a
 * visit to the kernel, it is made, as in rota_peek_cqe(). `head` is the index
 * of the CQE's slot.
 */
struct rota_cqe_iter {
    struct rota_ring *ring;
    uint32_t head; /* next slot to show */
    uint32_t tail; /* end of what is shown without another look */
    uint32_t look; /* a head at which to look again: where the round began */
};

/*
 * What rota_cqe_iter_next() calls when the queue was empty or full, and for
 * each mixed CQE. Returns the next CQE or NULL, and in `*tail` where to look
 * again. It does not get the iterator itself, so that this can live in
 * registers.
 */
ROTA_API struct io_uring_cqe *rota_cqe_iter_look(struct rota_ring *ring, uint32_t head,
                                                 uint32_t look, uint32_t *tail);

ROTA_INLINE struct rota_cqe_iter rota_cqe_iter_init(struct rota_ring *ring)
{
    struct rota_cqe_iter iter;

    iter.ring = ring;
    iter.head = ring->cq.cqe_head;
    /* Acquire: pairs with the kernel's release after it has written the CQE. */
    iter.tail = rota_load_acquire(ring->cq.kpeek);
    iter.look = iter.head;
    return iter;
}

ROTA_INLINE bool rota_cqe_iter_next(struct rota_cqe_iter *iter, struct io_uring_cqe **cqe)
{
    struct io_uring_cqe *next;
    uint32_t tail;

    if (ROTA_LIKELY(iter->head != iter->tail)) {
        *cqe = rota_cqe_at(iter->ring, iter->head++);
        return true;
    }
    /* The end of a round, unless it began here: then the queue was empty, or full. */
    if (ROTA_LIKELY((iter->head ^ iter->look) & iter->ring->cq.ring_mask))
        return false;
    next = rota_cqe_iter_look(iter->ring, iter->head, iter->look, &tail);
    if (!next)
        return false;
    iter->tail = tail;
    if (iter->ring->flags & IORING_SETUP_CQE_MIXED)
        iter->head = iter->look = tail;
    else
        iter->head++;
    *cqe = next;
    return true;
}

#define rota_for_each_cqe(ring, head_, cqe)                          \
    for (struct rota_cqe_iter rota_iter_ = rota_cqe_iter_init(ring); \
         (head_) = rota_iter_.head, rota_cqe_iter_next(&rota_iter_, &(cqe)); (void)(head_))

/*
 * Registration
 */

/*
 * rota_ring_register - io_uring_register(2) on this ring, with any opcode.
 *
 * rota/register.h has a function for each of them. Returns what the opcode returns or -errno; never sets errno.
 */
ROTA_API int rota_ring_register(struct rota_ring *ring, unsigned opcode, const void *arg,
                                unsigned nr_args);

ROTA_END_DECLS

#endif /* ROTA_RING_H */
