/* SPDX-License-Identifier: MIT */
/*
 * Submission: SQEs from the queue to the kernel. Include rota/ring.h, which
 * says what holds for all of it.
 */
#ifndef ROTA_SUBMIT_H
#define ROTA_SUBMIT_H

#include <rota/layout.h>

ROTA_BEGIN_DECLS

/* What the functions below call once per round of the queue; on a ring of other SQEs each time. */
ROTA_API struct io_uring_sqe *rota_get_sqe_slow(struct rota_ring *ring);
ROTA_API struct io_uring_sqe *rota_get_sqe128_slow(struct rota_ring *ring);

/*
 * What these call: looks how many slots are free now, from the next one to the
 * end of the queue, and lets the inline functions have them. Returns their
 * number.
 */
ROTA_API uint32_t rota_sq_find_free(struct rota_ring *ring);

/* What rota_submit_and_wait() calls when fewer than `wait_nr` are ready after `ret` was returned. */
ROTA_API int rota_submit_and_wait_slow(struct rota_ring *ring, unsigned wait_nr, int ret);

/* The index behind the last SQE that was handed out: what the next submit makes the tail. */
ROTA_INLINE uint32_t rota_sq_tail(const struct rota_ring *ring)
{
    const struct rota_sq *sq = &ring->sq;

    return sq->sqe_bias + (uint32_t)((uintptr_t)sq->sqe_next >> sq->sqe_shift);
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
 * rota_sqring_wait()); always, when the ring is torn down. Taken one by one, a
 * link chain that does not fit is cut where the queue ends: take it as a batch
 * (rota/batch.h) instead.
 *
 * Order: a slot is handed out after the kernel has read what was in it before.
 */
ROTA_INLINE struct io_uring_sqe *rota_get_sqe(struct rota_ring *ring)
{
    struct io_uring_sqe *sqe = ring->sq.sqe_next;

    /*
     * Up to sqe_stop all slots are free, by the kernel's head as it was some
     * time ago. The head only moves on, so an old one errs on the safe side,
     * and the shared word is read once per round.
     */
    if (ROTA_UNLIKELY(sqe >= ring->sq.sqe_stop))
        return rota_get_sqe_slow(ring);
    ring->sq.sqe_next = sqe + 1;
    rota_sqe_clear(sqe);
    return sqe;
}

/*
 * rota_get_sqe128 - take the next free SQE of 128 bytes (5.19).
 *
 * For requests of that size (IORING_OP_URING_CMD128, NOP128). On a ring made
 * with IORING_SETUP_SQE128 the same as rota_get_sqe(). On one made with
 * IORING_SETUP_SQE_MIXED (6.19) it takes two slots, and counts as two in
 * rota_sq_ready() and in what submit returns. It may not start in the last
 * slot: then that slot is filled with a NOP which posts no completion. It
 * makes the kernel refuse IOSQE_IO_DRAIN on this ring, as every request with
 * IOSQE_CQE_SKIP_SUCCESS does. The NOP joins a link chain whose link flag is
 * set before this is called; should that chain fail in front of it, its
 * -ECANCELED is posted, with user_data 0. A batch (rota/batch.h) has no gaps.
 *
 * Returns NULL when there is not enough space, or the ring has no SQEs of that
 * size.
 */
ROTA_INLINE struct io_uring_sqe *rota_get_sqe128(struct rota_ring *ring)
{
    struct io_uring_sqe *sqe = ring->sq.sqe_next;

    if (ROTA_UNLIKELY(sqe >= ring->sq.sqe_stop_large))
        return rota_get_sqe128_slow(ring);
    ring->sq.sqe_next = sqe + 2;
    rota_sqe_clear128(sqe);
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
 * Order: what this thread has written before, to SQEs and to the memory that
 * they name, the kernel finds (release), and so does whoever sees a completion.
 *
 * With SQPOLL the result counts the SQEs made visible to the kernel's thread,
 * each once; the system call is made only when that thread sleeps. With IOPOLL
 * it also looks for completions, once, without waiting for any. With SQ_REWIND
 * (7.0) the queue begins anew at its first slot each time; SQEs that were not
 * taken are moved there, and pointers to them are void.
 *
 * Errors, each with nothing taken:
 *
 * - EAGAIN: no memory for the requests; submit again later
 * - EBADF, EBADFD: the ring is torn down, or was made with R_DISABLED and not
 *   enabled
 * - EBADR: completions were lost for lack of memory; the next call goes on (told
 *   by calls that wait, or run completion work)
 * - EBUSY: too many completions wait in the kernel: reap first (before 5.19);
 *   or a chain of handles is open (rota_chain_begin()), which is submitted whole
 * - EEXIST: single-issuer ring, and this is not its thread
 * - EINVAL, EBADF: the registered fd belongs to another thread, and this one
 *   has registered none, or not so many
 * - ENOMEM: no memory for what a thread needs at its first call
 * - ENXIO: the ring is being torn down at this very moment
 * - EPROTO: the kernel has ended the wait a million times without a reason, and
 *   faster than signals could
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
 * the number taken if there is one or a CQE is ready (rota_cq_ready() tells).
 */
ROTA_INLINE int rota_submit_and_wait(struct rota_ring *ring, unsigned wait_nr)
{
    /* Volatile: or gcc keeps it in a register through the loop before, at a copy for each SQE. */
    int ret =
        ring->submit_and_wait(ring, *(struct io_uring_sqe *volatile *)&ring->sq.sqe_next, wait_nr);

    /*
     * A signal that ends the wait after SQEs were taken is reported as their
     * count: only the queue tells. Relaxed: who reads the CQEs acquires them.
     */
    if (ROTA_UNLIKELY(rota_load_relaxed(ring->cq.kpeek) - ring->cq.cqe_head < wait_nr))
        return rota_submit_and_wait_slow(ring, wait_nr, ret);
    return ret;
}

/*
 * rota_submit_and_wait_timeout - the same with a limit on the waiting time.
 *
 * `ts` is relative, on CLOCK_MONOTONIC, NULL for none; nanoseconds beyond a
 * second are added, and what is negative in sum is up at once. `sigmask`
 * points to a sigset_t that holds during the wait, or is NULL. Both are read
 * during the call only. `cqe_ptr` (may be NULL) receives the first CQE that is
 * ready after the wait, NULL if there is none.
 *
 * Returns the number of SQEs taken when there is one, whatever became of the
 * wait (0 on a ring of rota_queue_init() when a CQE was ready before, as
 * liburing); otherwise 0 when a CQE is ready, be they fewer than wait_nr
 * because the time is up or a signal came. Errors, besides those of
 * rota_submit(), all with no CQE there:
 *
 * - EAGAIN: nothing to submit, and wait_nr is 0
 * - EFAULT: sigmask points to no memory of the process
 * - EINTR: interrupted by a signal, on an interruptible ring
 * - EOPNOTSUPP: ts given, and the kernel lacks IORING_FEAT_EXT_ARG (5.11).
 *   liburing submits a timeout request of its own there
 * - ETIME: time is up
 */
ROTA_API int rota_submit_and_wait_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                          unsigned wait_nr, const struct __kernel_timespec *ts,
                                          const void *sigmask);

/*
 * rota_submit_and_wait_min_timeout - wait longer for a batch than for one (6.12).
 *
 * As rota_submit_and_wait_timeout(), but in two parts: for `min_wait`
 * microseconds it waits for `wait_nr` CQEs. Then it returns if any is ready,
 * and otherwise waits for one until `ts`, counted from the call on, is up.
 *
 * Besides, returns -EOPNOTSUPP (-EINVAL on a ring of rota_queue_init()) when
 * the kernel lacks IORING_FEAT_MIN_TIMEOUT and min_wait is not 0.
 */
ROTA_API int rota_submit_and_wait_min_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                              unsigned wait_nr, const struct __kernel_timespec *ts,
                                              unsigned min_wait, const void *sigmask);

/*
 * rota_submit_and_wait_until - the same with a point in time as the limit (6.12).
 *
 * `deadline` is on the ring's clock: CLOCK_MONOTONIC, or what
 * rota_register_clock() chose (there is no clock that can be set). One that
 * has passed means: what is ready now. All else as
 * rota_submit_and_wait_timeout(), and -EOPNOTSUPP (-EINVAL on a ring of
 * rota_queue_init()) when the kernel lacks IORING_FEAT_MIN_TIMEOUT, which came
 * with it.
 */
ROTA_API int rota_submit_and_wait_until(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                        unsigned wait_nr, const struct __kernel_timespec *deadline,
                                        const void *sigmask);

/*
 * rota_submit_and_wait_reg - the same with arguments that are registered (6.13).
 *
 * `reg_index` is the index of a struct io_uring_reg_wait in the array that
 * rota_register_wait_reg() made known: time, minimum time and signal mask are
 * taken from there, and the kernel copies nothing. Its time is not known to
 * the library, so a signal ends the wait on every ring, as if it were
 * interruptible.
 *
 * Returns as rota_submit_and_wait_timeout(), and:
 *
 * - EFAULT: no array is registered, or the index is beyond it
 * - EINVAL: the flags of the element are wrong; the kernel is older than 6.13
 * - EOPNOTSUPP, on a ring of rota_queue_init() EINVAL: the kernel lacks
 *   IORING_FEAT_EXT_ARG
 */
ROTA_API int rota_submit_and_wait_reg(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                      unsigned wait_nr, int reg_index);

/*
 * rota_set_iowait - choose whether waiting threads count as waiting for I/O (6.15).
 *
 * By default they do, which raises the CPU's frequency on short waits and shows
 * as iowait in statistics. `enable` false: they do not, from the next wait on.
 *
 * Returns 0, or -EOPNOTSUPP when the kernel lacks IORING_FEAT_NO_IOWAIT.
 */
ROTA_API int rota_set_iowait(struct rota_ring *ring, bool enable);

/*
 * rota_submit_and_get_events - submit, and run the completion work that waits,
 * without sleeping. Returns as rota_submit().
 */
ROTA_API int rota_submit_and_get_events(struct rota_ring *ring);

/*
 * rota_get_events - run the completion work that waits, flush the overflow
 * backlog into the completion queue. Does not sleep.
 *
 * Returns 0, or the errors of rota_submit() that are not about SQEs: -EBADF,
 * -EBADFD, -EBADR, -EBUSY, -EEXIST and -EINVAL from the wrong thread, -ENXIO,
 * -EOWNERDEAD.
 */
ROTA_API int rota_get_events(struct rota_ring *ring);

/*
 * rota_sqring_wait - SQPOLL: wait until rota_get_sqe() can succeed.
 *
 * Of the submitting side. Returns 0 at once when there is space or the ring is
 * not SQPOLL; else 0, or -EINTR as a wait (which the end of another ring of the
 * thread can cause, too), -EINVAL before 5.10, -EBADF, -EBUSY while a chain of
 * handles is open, -EOWNERDEAD and the other errors of rota_submit() that are not
 * about SQEs.
 */
ROTA_API int rota_sqring_wait(struct rota_ring *ring);

/*
 * rota_on_submit - call `hook` with `data` before SQEs are handed to the kernel.
 *
 * For those who look at requests on their way, such as rota_watch_begin(). It
 * is called by the thread that submits, inside of every submit and every wait,
 * before the SQEs that were taken become visible; there may be none. Below
 * `stack` is the library's part of the stack, and what functions have left. It
 * may look at the ring, and must not use it. `data` must stay valid until the hook
 * is replaced. NULL: none. A ring with a hook takes the general path, a few
 * instructions longer. To be set while no other call on the ring runs; does
 * nothing on a ring that is torn down.
 */
ROTA_API void rota_on_submit(struct rota_ring *ring,
                             void (*hook)(struct rota_ring *ring, const void *stack, void *data),
                             void *data);

/*
 * rota_owned - returns `ring` when the calling thread may enter the kernel for it.
 *
 * When it belongs to another thread (made for a single issuer, or entered by an
 * index that is registered there), ends the program with a message. The kernel
 * does not tell reliably: with a ring of its own under that index, the thread
 * enters its own ring, and is told that nothing was to be taken.
 *
 * With ROTA_DEBUG defined when the program is compiled, every call that may
 * submit or wait does this first, those of handles too; it costs a system call.
 */
ROTA_API struct rota_ring *rota_owned(struct rota_ring *ring);

#ifdef ROTA_DEBUG
#define rota_submit(ring)                   rota_submit(rota_owned(ring))
#define rota_submit_and_wait(ring, wait_nr) rota_submit_and_wait(rota_owned(ring), wait_nr)
#define rota_submit_and_wait_timeout(ring, ...) \
    rota_submit_and_wait_timeout(rota_owned(ring), __VA_ARGS__)
#define rota_submit_and_wait_min_timeout(ring, ...) \
    rota_submit_and_wait_min_timeout(rota_owned(ring), __VA_ARGS__)
#define rota_submit_and_wait_until(ring, ...) \
    rota_submit_and_wait_until(rota_owned(ring), __VA_ARGS__)
#define rota_submit_and_wait_reg(ring, ...) rota_submit_and_wait_reg(rota_owned(ring), __VA_ARGS__)
#define rota_submit_and_get_events(ring)    rota_submit_and_get_events(rota_owned(ring))
#define rota_get_events(ring)               rota_get_events(rota_owned(ring))
#endif

ROTA_END_DECLS

#endif /* ROTA_SUBMIT_H */
