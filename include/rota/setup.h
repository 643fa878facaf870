/* SPDX-License-Identifier: MIT */
/*
 * Setting rings up and tearing them down. Include rota/ring.h, which says what
 * holds for all of it.
 */
#ifndef ROTA_SETUP_H
#define ROTA_SETUP_H

#include <rota/layout.h>

ROTA_BEGIN_DECLS

/*
 * Options of rota_init, for rota_config::options.
 */

/* A wait that a signal interrupts returns -EINTR instead of going on with the remaining time. */
#define ROTA_WAIT_INTERRUPTIBLE (1U << 0)

/*
 * Register the ring's file descriptor with the thread that makes the ring,
 * which saves the kernel a lookup on each call (5.18). Preferred: without it
 * where the kernel lacks it or the thread has no slot left, and on a ring that
 * starts disabled, which may come to belong to another thread (that one calls
 * rota_register_ring_fd() after rota_enable_rings()). Calls that enter the
 * kernel must then come from this thread.
 */
#define ROTA_REGISTER_RING_FD (1U << 1)

/*
 * The errors of set-up after which rota_init takes rota_config::fallback, for
 * rota_config::fallback_on.
 */

#define ROTA_FALLBACK_EPERM  (1U << 0) /* forbidden: kernel.io_uring_disabled, a seccomp filter */
#define ROTA_FALLBACK_EACCES (1U << 1) /* forbidden by a security module */
#define ROTA_FALLBACK_ENOSYS (1U << 2) /* no io_uring in the kernel, or a filter that says so */
#define ROTA_FALLBACK_ENOMEM (1U << 3) /* no memory, or RLIMIT_MEMLOCK where rings count */

/* io_uring is not to be had here, whatever the program does. */
#define ROTA_FALLBACK_REFUSED (ROTA_FALLBACK_EPERM | ROTA_FALLBACK_EACCES | ROTA_FALLBACK_ENOSYS)

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
     * A preferred flag whose conditions the others do not meet is dropped
     * before the kernel is asked. TASKRUN_FLAG is preferred whenever
     * DEFER_TASKRUN or COOP_TASKRUN is there.
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
     * rota_config_memory_size() bytes, aligned to ROTA_MEMORY_ALIGN, to be
     * kept until rota_queue_exit() has returned. Before 6.10 it must be
     * physically contiguous, in practice one huge page. NULL: the kernel's own.
     */
    void *memory;
    size_t memory_size;

    const struct rota_kernel *kernel; /* NULL: the real system calls */

    /*
     * The kernel to take when set-up on `kernel` fails with an error that is in
     * `fallback_on` (ROTA_FALLBACK_*, not 0), in practice &rota_kernel_emulated
     * of rota/emulate.h. NULL, with 0: none, the error is returned. A ring never
     * changes its kernel by itself; rota_ring_kind() tells on which it stands,
     * rota_ring_fallback_error() why. The table must live as long as the ring.
     */
    const struct rota_kernel *fallback;
    uint32_t fallback_on;
    uint32_t reserved1;   /* zero */
    uint64_t reserved[4]; /* zero */
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

/* What the inline functions below call: `ring_size` is the caller's sizeof(*ring). */
ROTA_API int rota_init_sized(struct rota_ring *ring, size_t ring_size, unsigned entries,
                             const struct rota_config *config);
ROTA_API int rota_queue_init_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                   struct io_uring_params *params);
ROTA_API int rota_queue_init_mem_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                       struct io_uring_params *params, void *buf, size_t buf_size);
ROTA_API int rota_queue_init_on_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                      struct io_uring_params *params,
                                      const struct rota_kernel *kernel);
ROTA_API int rota_queue_init_mem_on_sized(unsigned entries, struct rota_ring *ring,
                                          size_t ring_size, struct io_uring_params *params,
                                          void *buf, size_t buf_size,
                                          const struct rota_kernel *kernel);

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
 * - EAGAIN: SQPOLL, and the user may have no further thread (RLIMIT_NPROC)
 * - EBUSY: REGISTERED_FD_ONLY, and all 16 slots of the thread are in use
 * - EINVAL: `ring` NULL; entries 0 or more than the kernel takes (32768, unless
 *   CLAMP), cq_entries less than entries or above 65536 (the same); required
 *   flags of which one lacks another that it needs, or that exclude each other
 *   (found before the kernel is asked; rota_group_info("setup") has the
 *   rules); a required flag that the kernel does not know; an unknown option,
 *   a reserved member not zero; memory misaligned, or before 6.10 not
 *   contiguous; NO_MMAP without memory; no such CPU. rota_explain_setup()
 *   tells which, given the flags and sizes as struct io_uring_params
 * - ENOMEM: the kernel has none; RLIMIT_MEMLOCK before 5.12, and on some
 *   kernels from 6.13 to 7.1; or config->memory_size below
 *   rota_config_memory_size()
 * - ENOSYS: no io_uring, or one older than 5.4 (IORING_FEAT_SINGLE_MMAP)
 * - EOVERFLOW: a mixed queue (CQE_MIXED, SQE_MIXED) with a single entry
 * - EPERM, EACCES: forbidden by kernel.io_uring_disabled, seccomp (which
 *   answers what it was told to) or a security module; SQPOLL for lack of
 *   CAP_SYS_ADMIN before 5.11, of that or CAP_SYS_NICE before 5.13
 * - EMFILE, ENFILE: no file descriptor left
 * - ENXIO, EINVAL: config->wq_fd is no open file, or no ring
 * - EPROTO: the kernel answered with sizes or offsets that make no sense
 *
 * With config->fallback and an error that config->fallback_on has, the ring is
 * made there instead, in the same way from the same wishes, and what comes back
 * is that kernel's answer. EINVAL also when one of the two is set and the other
 * is not, or fallback_on has an unknown bit. What the program itself got wrong
 * (a memory_size that is too small) leads to no fallback.
 *
 * Any thread may make a ring; the fast kinds then belong to it.
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
 * cq_entries and wq_fd, all else zero, and receives the kernel's answer. The
 * ring keeps liburing's rules where those of rota_init() are others: the list
 * is at the top of rota/ring.h. The flags are those given, and with
 * DEFER_TASKRUN or COOP_TASKRUN also TASKRUN_FLAG, by which a peek knows that
 * a completion waits in the kernel without asking it.
 *
 * With IORING_SETUP_NO_MMAP (6.5) the library maps memory for the queues, and
 * unmaps it in rota_queue_exit(); rota_queue_init_mem() takes the caller's.
 * Before 6.10 that works as long as each queue fits into a page.
 *
 * Returns 0, or -errno as rota_init(), with the flags in `params` as before;
 * -EINVAL also when it is NULL.
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
 * rota_queue_init_on - rota_queue_init_params() on a kernel of the caller's choice.
 *
 * For programs that keep liburing's rules and have to run where io_uring is
 * not allowed: `kernel` is a table such as &rota_kernel_emulated, which must
 * live as long as the ring; NULL is the real one. There is no fallback here:
 * the caller sees the error, and calls again. Returns as
 * rota_queue_init_params().
 */
ROTA_INLINE int rota_queue_init_on(unsigned entries, struct rota_ring *ring,
                                   struct io_uring_params *params, const struct rota_kernel *kernel)
{
    return rota_queue_init_on_sized(entries, ring, sizeof(*ring), params, kernel);
}

/*
 * rota_ring_kind - what the ring stands on: the real kernel, the emulated one, or another table.
 *
 * ROTA_KERNEL_OTHER also for a ring that is torn down or could not be made.
 * Reads the ring only; any thread.
 */
ROTA_INLINE enum rota_kernel_kind rota_ring_kind(const struct rota_ring *ring)
{
    if (ring->enter_ring_fd < 0)
        return ROTA_KERNEL_OTHER;
    if (!ring->kernel)
        return ROTA_KERNEL_REAL;
    /* A copy of the real table with members of its own is not the real kernel. */
    return ring->kernel->kind == ROTA_KERNEL_REAL ? ROTA_KERNEL_OTHER : ring->kernel->kind;
}

/*
 * rota_ring_fallback_error - why the ring stands on rota_config::fallback.
 *
 * The -errno with which set-up on rota_config::kernel was refused, -EPERM for
 * example; 0 when the ring stands on the kernel that was asked for.
 * rota_ring_explain_kernel() says the same in words. Reads the ring only; any
 * thread.
 */
ROTA_INLINE int rota_ring_fallback_error(const struct rota_ring *ring)
{
    return ring->setup_error;
}

/*
 * rota_queue_exit - tear a ring down.
 *
 * Unmaps, unregisters and closes; ring->ring_fd is -1 afterwards, and calling
 * it again does nothing. What is called on the ring all the same finds its
 * queues empty, and says -EBADF where it would enter the kernel; so it does on
 * a ring that could not be made. A ring whose fd is registered must be torn down by
 * the thread that made it.
 *
 * Requests in flight: the kernel cancels those that wait and finishes those
 * that run, in its own time and possibly after this has returned. Their
 * completions are lost, their descriptors stay referenced until then, and
 * memory that they read or write must stay valid. To know when it may go,
 * cancel and reap before: ASYNC_CANCEL with ANY, or rota_cancel_all() of
 * rota/op.h where handles are used. When the process ends, the kernel does the
 * same, and takes the memory only when it is done.
 *
 * fork(2): a child has the queues mapped, too, unless rota_ring_dontfork()
 * keeps them out, and shares the descriptor, but not the requests: they belong
 * to the parent. All that a child may do with the parent's ring is forget it,
 * or call this, which takes nothing from the parent. What it must not do is
 * submit, reap or register. A registered fd is no good in the child; its index
 * belongs to the parent's thread, and this leaves it alone there.
 */
ROTA_API void rota_queue_exit(struct rota_ring *ring);

/*
 * rota_queue_init_mem - make a ring in memory of the caller (6.5).
 *
 * As liburing's: `params` as for rota_queue_init_params(), NO_MMAP is added;
 * `buf` and `buf_size` are the memory, with the demands of
 * rota_config::memory. rota_memory_size_params() tells how much it takes.
 *
 * Returns the number of bytes used, or -errno as rota_queue_init_params(), with
 * NO_MMAP taken out of `params` again; -ENOMEM when `buf_size` is too small,
 * -EINVAL when `buf` is NULL.
 */
ROTA_INLINE int rota_queue_init_mem(unsigned entries, struct rota_ring *ring,
                                    struct io_uring_params *params, void *buf, size_t buf_size)
{
    return rota_queue_init_mem_sized(entries, ring, sizeof(*ring), params, buf, buf_size);
}

/* rota_queue_init_mem_on - the same on a kernel of the caller's choice, as rota_queue_init_on(). */
ROTA_INLINE int rota_queue_init_mem_on(unsigned entries, struct rota_ring *ring,
                                       struct io_uring_params *params, void *buf, size_t buf_size,
                                       const struct rota_kernel *kernel)
{
    return rota_queue_init_mem_on_sized(entries, ring, sizeof(*ring), params, buf, buf_size,
                                        kernel);
}

/*
 * rota_memory_size_params - bytes of memory that the queues of such a ring take.
 *
 * Of `params` the flags count, and cq_entries with IORING_SETUP_CQSIZE. Never
 * too small for rota_queue_init_mem(), and within two pages of what the kernel
 * allocates for a ring of its own.
 *
 * Returns -EINVAL when no kernel would take the sizes. This and the two below
 * only calculate: any thread, any time.
 */
ROTA_API ptrdiff_t rota_memory_size_params(unsigned entries, const struct io_uring_params *params);

/* rota_memory_size - the same with IORING_SETUP_* `flags` and nothing else to say. */
ROTA_API ptrdiff_t rota_memory_size(unsigned entries, unsigned flags);

/* rota_config_memory_size - the same for rota_config::memory; NULL as for rota_init(). */
ROTA_API ptrdiff_t rota_config_memory_size(unsigned entries, const struct rota_config *config);

/*
 * rota_mlock_size_params - bytes by which such a ring counts against RLIMIT_MEMLOCK.
 *
 * Parameters as rota_memory_size_params(). Returns 0 from 5.12 on, where rings
 * are not meant to count (registered buffers still do); found by making a small
 * ring, and its errors are returned, those of rota_init(). Some kernels from
 * 6.13 to 7.1 count rings all the same and do not tell: for an unprivileged
 * process on those, rota_memory_size_params() is the number to plan with; its
 * -EINVAL comes back before 5.12.
 */
ROTA_API ptrdiff_t rota_mlock_size_params(unsigned entries, const struct io_uring_params *params);

/* rota_mlock_size - the same with IORING_SETUP_* `flags` and nothing else to say. */
ROTA_API ptrdiff_t rota_mlock_size(unsigned entries, unsigned flags);

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
    config->fallback = NULL;
    config->fallback_on = 0;
    config->reserved1 = 0;
    config->reserved[0] = 0;
    config->reserved[1] = 0;
    config->reserved[2] = 0;
    config->reserved[3] = 0;
}

/*
 * One thread makes the ring, submits and reaps: the fastest kind, and what a
 * NULL config means. Completions are worked on only when this thread asks for
 * them; its fd is registered. Calls that enter the kernel must not come from
 * another thread: there the registered index is none (-EINVAL, -EBADF) or that
 * of another ring, which would be entered instead; -EEXIST when the fd could
 * not be registered. COOP_TASKRUN is there for kernels before 6.1, which lack
 * DEFER_TASKRUN. With it epoll on ring_fd does not wake who sleeps: watch an
 * eventfd, see rota_register_eventfd().
 */
ROTA_INLINE void rota_config_single_owner(struct rota_config *config)
{
    rota_config_plain(config);
    config->preferred_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                              IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN |
                              IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY;
    config->options = ROTA_REGISTER_RING_FD;
}

/* Any thread may submit and reap, under the locking rules at the top of rota/ring.h. */
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
 * rota_config_fall_back - the ring may stand on `kernel` where io_uring is refused.
 *
 * To be called after one of the fillers above. The refusals are those of
 * ROTA_FALLBACK_REFUSED; who wants others sets the two members. With
 * &rota_kernel_emulated (rota/emulate.h, pkg-config rota-emulate) a program
 * written once runs in containers, too:
 *
 *     rota_config_single_owner(&config);
 *     rota_config_fall_back(&config, &rota_kernel_emulated);
 *     ret = rota_init(&ring, 64, &config);
 */
ROTA_INLINE void rota_config_fall_back(struct rota_config *config, const struct rota_kernel *kernel)
{
    config->fallback = kernel;
    config->fallback_on = ROTA_FALLBACK_REFUSED;
}

ROTA_END_DECLS

#endif /* ROTA_SETUP_H */
