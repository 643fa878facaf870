/* SPDX-License-Identifier: MIT */
/*
 * Handles: start a request, await it, and let everything else go on.
 *
 *     struct rota_op reading = ROTA_OP_INIT;
 *     int ret = rota_start_read(&ring, &reading, fd, buf, sizeof(buf), 0);
 *     if (ret < 0)
 *         return ret;
 *     compute();                            (others may be started meanwhile)
 *     ret = rota_await(&ring, &reading);    (bytes read, or -errno)
 *
 * or, when there is nothing else to do, `ret = rota_call_read(&ring, fd, ...)`.
 * Both functions exist for every request, in <rota/call.h>, which is to be
 * included beside <rota.h>.
 *
 * A handle lives in the caller's memory and must stay there, as must all
 * memory that the request uses, until rota_op_active() is false. This layer
 * allocates nothing, starts nothing of its own but what is asked for, and
 * belongs to the ring's reaping side: one thread at a time.
 *
 * Results. A completion is delivered to its handle: `res` and `flags` are set,
 * then the callback is called, if there is one. Completions of one handle are
 * delivered in the order in which they came, and so are those of different
 * handles as far as one call delivers them.
 *
 * - One result: rota_await() returns it, and the handle may be started again.
 * - Many (multishot): each rota_await() returns the next one, and
 *   rota_op_has_more() tells whether another will follow. Results that nobody
 *   has asked for yet are not copied anywhere, they stay in the completion
 *   queue, and beyond that in the kernel's backlog: nothing is lost, in the
 *   caller's memory there is no buffer to size or to overrun, and a stream
 *   that is not listened to is slowed down by the kernel. A handle with a
 *   callback gets every result at once.
 * - Zero-copy sends: rota_await() returns the result as soon as it is known;
 *   the buffer is still the kernel's while rota_op_active() is true. The next
 *   rota_await() waits for its release. `notif` then holds the res of the
 *   notification, and `flags` carries IORING_CQE_F_NOTIF.
 *
 * The caller's own requests on the same ring. Handles mark their user_data:
 * bits 48 to 55 hold 0xa5, which neither a pointer nor a small number has
 * there (rota_is_op_data() tells). Everything else is the caller's: awaiting
 * and polling leave such completions in the queue, unchanged and in order, and
 * rota_peek_cqe() finds them. They may be in other slots then: a pointer to a
 * CQE from before is void, and a rota_for_each_cqe() in whose body something is
 * awaited, polled or called ends there (break, and begin again). When they fill it and nothing can be delivered
 * any more, waiting returns -EBUSY: take them, and wait again. A program with
 * a loop of its own over the queue hands each CQE to rota_deliver(), which
 * takes those of handles.
 *
 * When the kernel is entered. Starting a request only fills an SQE. They are
 * handed over, all at once, when the queue has no room for the next one, when
 * something is awaited that is not there, by rota_poll() and rota_run(), by an
 * explicit rota_submit(), and after as many starts as rota_submit_after() says.
 *
 * Callbacks run inside the function that delivers. They may start requests
 * and rota_op_request_cancel(), also restart or release their own handle once
 * it is not active. They may look at the queue, and take the caller's own
 * completions. They may not wait, nor take results of other handles: the
 * functions that do return -EDEADLK, before they look at the handle.
 *
 * With ROTA_DEBUG defined when the program is compiled, a handle that is
 * started while active, or declared with ROTA_OP() and left while active,
 * ends the program with a message, and so does the use of a ring that belongs
 * to another thread (rota_owned()).
 */
#ifndef ROTA_OP_H
#define ROTA_OP_H

#include <rota/config.h>
#include <rota/ring.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/* What is called with each result of a handle. */
typedef void rota_op_callback(struct rota_ring *ring, struct rota_op *op);

/*
 * A handle. All zero (ROTA_OP_INIT, rota_op_init) is one that was never
 * started. `res`, `flags`, `notif` and `extra` are for reading, `data` is the
 * caller's, everything else is the library's.
 */
struct rota_op {
    uint32_t state;
    int32_t res;    /* of the latest result */
    uint32_t flags; /* its IORING_CQE_F_*; with F_BUFFER the id of the buffer too */
    int32_t notif;  /* zero-copy sends: res of the notification */
    rota_op_callback *callback;
    void *data;           /* the caller's, never looked at */
    uint64_t extra[2];    /* the second half of a result of 32 bytes */
    int64_t deadline[2];  /* seconds and nanoseconds, as the kernel reads them */
    struct rota_op *next; /* in the open chain, or among those that are to be stopped */
    struct rota_op *prev;
    rota_op_callback *next_callback; /* settings that wait for the end of the request */
    uint64_t next_deadline;          /* nanoseconds */
    uint8_t sqe_flags;
    uint8_t next_flags;
    uint8_t reserved0[6];
    uint64_t reserved[3];
} __attribute__((aligned(8)));

/* Bits of rota_op::state. */
#define ROTA_OP_PENDING   (1U << 0) /* further completions of the request will come */
#define ROTA_OP_TIMER     (1U << 1) /* the completion of its deadline will come */
#define ROTA_OP_FRESH     (1U << 2) /* it has a result that no await has returned */
#define ROTA_OP_DONE      (1U << 3) /* it has had its last result */
#define ROTA_OP_HELD      (1U << 4) /* its result waits for the deadline's completion */
#define ROTA_OP_EXPIRED   (1U << 5) /* the deadline struck */
#define ROTA_OP_BLOCKED   (1U << 6) /* a result stays in the queue because the last is fresh */
#define ROTA_OP_CANCELLED (1U << 7) /* its cancellation was asked for */
#define ROTA_OP_DROPPING  (1U << 8) /* nobody wants its results any more */
/* Settings, which stay from one start to the next. */
#define ROTA_OP_CALLBACK (1U << 16)
#define ROTA_OP_DEADLINE (1U << 17)
#define ROTA_OP_FLAGS    (1U << 18)
#define ROTA_OP_SETTINGS (ROTA_OP_CALLBACK | ROTA_OP_DEADLINE | ROTA_OP_FLAGS)
/* Settings that were made while the request was in flight: from its end on they hold. */
#define ROTA_OP_NEW_CALLBACK (1U << 20)
#define ROTA_OP_NEW_DEADLINE (1U << 21)
#define ROTA_OP_NEW_FLAGS    (1U << 22)
#define ROTA_OP_CHANGES      (ROTA_OP_NEW_CALLBACK | ROTA_OP_NEW_DEADLINE | ROTA_OP_NEW_FLAGS)
#define ROTA_OP_ACTIVE       (ROTA_OP_PENDING | ROTA_OP_TIMER)

/* clang-format off */
#define ROTA_OP_INIT {0, 0, 0, 0, NULL, NULL, {0, 0}, {0, 0}, NULL, NULL, NULL, 0, 0, 0, {0, 0, 0, 0, 0, 0}, {0, 0, 0}}
/* clang-format on */

/* Makes a handle that was never started, without settings. Not while it is active. */
ROTA_INLINE void rota_op_init(struct rota_op *op)
{
    op->state = 0;
    op->res = 0;
    op->flags = 0;
    op->notif = 0;
    op->callback = NULL;
    op->data = NULL;
    op->extra[0] = 0;
    op->extra[1] = 0;
    op->deadline[0] = 0;
    op->deadline[1] = 0;
    op->next = NULL;
    op->prev = NULL;
    op->sqe_flags = 0;
}

/* Ends the program with a message about a handle. */
ROTA_API void rota_op_misuse(const struct rota_op *op, const char *what)
    __attribute__((noreturn, cold));

/* True while the kernel may use the handle and the request's memory. */
ROTA_INLINE bool rota_op_active(const struct rota_op *op)
{
    return (op->state & ROTA_OP_ACTIVE) != 0;
}

/*
 * True when another completion follows the result that was returned last: the
 * next one of a stream, or the release of a zero-copy send's buffer.
 */
ROTA_INLINE bool rota_op_has_more(const struct rota_op *op)
{
    return (op->flags & IORING_CQE_F_MORE) != 0;
}

/* The id of the provided buffer that holds the result; -1 when the kernel took none. */
ROTA_INLINE int rota_op_buffer_id(const struct rota_op *op)
{
    return op->flags & IORING_CQE_F_BUFFER ? (int)(op->flags >> IORING_CQE_BUFFER_SHIFT) : -1;
}

/* What ROTA_OP() calls at the end of the scope. */
ROTA_INLINE void rota_op_leave(struct rota_op *op)
{
    if (ROTA_UNLIKELY(op->state & ROTA_OP_ACTIVE))
        rota_op_misuse(op, "a handle goes out of scope while its request is in flight");
}

/*
 * ROTA_OP(name); declares a local handle. In debug builds (ROTA_DEBUG) leaving
 * its scope while it is active ends the program with a message.
 */
#ifdef ROTA_DEBUG
#define ROTA_OP(name) struct rota_op name __attribute__((cleanup(rota_op_leave))) = ROTA_OP_INIT
#else
#define ROTA_OP(name) struct rota_op name = ROTA_OP_INIT
#endif

/*
 * Settings of a handle. They hold for the starts that follow, until changed;
 * a request in flight is not affected, nor are results of it that are still to
 * be delivered.
 */

/*
 * Calls `callback` with each result; NULL: none. Afterwards rota_await() still
 * works and returns the last result.
 */
ROTA_INLINE void rota_op_on_result(struct rota_op *op, rota_op_callback *callback)
{
    if (ROTA_UNLIKELY(op->state & ROTA_OP_ACTIVE)) {
        op->next_callback = callback;
        op->state |= ROTA_OP_NEW_CALLBACK;
        return;
    }
    op->callback = callback;
    op->state = callback ? op->state | ROTA_OP_CALLBACK : op->state & ~ROTA_OP_CALLBACK;
}

/*
 * rota_op_deadline - cancels the request when it takes longer than this.
 *
 * `nsec` are nanoseconds from the submission on, on CLOCK_MONOTONIC; 0: no
 * deadline. When it strikes, the result is -ETIME. A request that cannot be
 * stopped any more goes on, and gives its result. It costs a second SQE (a
 * LINK_TIMEOUT) and a second completion; both enter the queue, or none.
 * First kernel: 5.5.
 */
ROTA_INLINE void rota_op_deadline(struct rota_op *op, uint64_t nsec)
{
    if (ROTA_UNLIKELY(op->state & ROTA_OP_ACTIVE)) {
        op->next_deadline = nsec;
        op->state |= ROTA_OP_NEW_DEADLINE;
        return;
    }
    op->deadline[0] = (int64_t)(nsec / 1000000000u);
    op->deadline[1] = (int64_t)(nsec % 1000000000u);
    op->state = nsec ? op->state | ROTA_OP_DEADLINE : op->state & ~ROTA_OP_DEADLINE;
}

/*
 * rota_op_set_flags - IOSQE_* flags that its SQEs carry besides their own.
 *
 * FIXED_FILE, ASYNC, IO_DRAIN, BUFFER_SELECT. Not taken: IO_LINK and
 * IO_HARDLINK (see rota_chain_begin) and CQE_SKIP_SUCCESS, after which a
 * handle would wait for ever.
 */
ROTA_INLINE void rota_op_set_flags(struct rota_op *op, unsigned flags)
{
    flags &= IOSQE_FIXED_FILE | IOSQE_ASYNC | IOSQE_IO_DRAIN | IOSQE_BUFFER_SELECT;
    if (ROTA_UNLIKELY(op->state & ROTA_OP_ACTIVE)) {
        op->next_flags = (uint8_t)flags;
        op->state |= ROTA_OP_NEW_FLAGS;
        return;
    }
    op->sqe_flags = (uint8_t)flags;
    op->state = flags ? op->state | ROTA_OP_FLAGS : op->state & ~ROTA_OP_FLAGS;
}

/*
 * The user_data of handles
 */

#define ROTA_OP_DATA_MASK 0x00ff000000000007ull
#define ROTA_OP_DATA \
    0x00a5000000000001ull /* and the handle's address, which has none of these bits */

/* True when a completion with this user_data belongs to a handle. */
ROTA_INLINE bool rota_is_op_data(uint64_t user_data)
{
    return (user_data & 0x00ff000000000000ull) == 0x00a5000000000000ull;
}

/*
 * Starting
 */

/* The general paths of what generated start and call functions consist of. */
ROTA_API int rota_op_begin_slow(struct rota_ring *ring, struct rota_op *op,
                                struct io_uring_sqe **sqe_ptr, bool big);
ROTA_API int rota_op_commit(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe *sqe,
                            int begun);
ROTA_API int rota_call_refused(const struct rota_ring *ring);
ROTA_API int rota_call_finish(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe *sqe,
                              int begun, bool stream);

/*
 * First half of a start: takes an SQE and marks the handle. Returns 0 when
 * that was all and the SQE only has to be filled, 1 when rota_op_commit() must
 * follow, or -errno with nothing changed.
 */
ROTA_INLINE int rota_op_begin(struct rota_ring *ring, struct rota_op *op,
                              struct io_uring_sqe **sqe_ptr)
{
    struct io_uring_sqe *sqe;
    uint32_t state = op->state;

#ifdef ROTA_DEBUG
    (void)rota_owned(ring);
    if (ROTA_UNLIKELY(state & ROTA_OP_ACTIVE))
        rota_op_misuse(op, "a handle is started while its request is in flight");
#endif
    if (ROTA_UNLIKELY(state & (ROTA_OP_ACTIVE | ROTA_OP_DEADLINE | ROTA_OP_FLAGS)) ||
        ROTA_UNLIKELY(ring->calls.mode & ROTA_CALLS_STARTS))
        return rota_op_begin_slow(ring, op, sqe_ptr, false);
    sqe = rota_get_sqe(ring);
    if (ROTA_UNLIKELY(!sqe))
        return rota_op_begin_slow(ring, op, sqe_ptr, false);
    sqe->user_data = (uint64_t)(uintptr_t)op + ROTA_OP_DATA;
    op->state = (state & ROTA_OP_SETTINGS) | ROTA_OP_PENDING;
    ring->calls.in_flight++;
    *sqe_ptr = sqe;
    return 0;
}

/* The same for a request of 128 bytes. */
ROTA_INLINE int rota_op_begin128(struct rota_ring *ring, struct rota_op *op,
                                 struct io_uring_sqe **sqe_ptr)
{
    return rota_op_begin_slow(ring, op, sqe_ptr, true);
}

/* First half of a call, on a handle that lives only as long: refused where waiting is. */
ROTA_INLINE int rota_call_begin(struct rota_ring *ring, struct rota_op *op,
                                struct io_uring_sqe **sqe_ptr)
{
    rota_op_init(op);
    if (ROTA_UNLIKELY(ring->calls.mode & (ROTA_CALLS_CHAIN | ROTA_CALLS_DELIVERING)))
        return rota_call_refused(ring);
    return rota_op_begin(ring, op, sqe_ptr);
}

ROTA_INLINE int rota_call_begin128(struct rota_ring *ring, struct rota_op *op,
                                   struct io_uring_sqe **sqe_ptr)
{
    rota_op_init(op);
    if (ROTA_UNLIKELY(ring->calls.mode & (ROTA_CALLS_CHAIN | ROTA_CALLS_DELIVERING)))
        return rota_call_refused(ring);
    return rota_op_begin128(ring, op, sqe_ptr);
}

/*
 * Every rota_start_NAME() returns 0 once the request is in the queue, or with
 * nothing changed:
 *
 * - EALREADY: the handle's request is in flight
 * - EAGAIN, EBUSY and the other errors of rota_submit(): the queue was full,
 *   and the kernel would not take what is in it; with SQPOLL those of
 *   rota_sqring_wait(), too
 * - EINVAL: the ring has no SQEs of the size (128 bytes, or the second one of a
 *   deadline); the handle's address is not usable (NULL, not aligned to 8, or
 *   above 2^48), as far as that is looked at: the fast path takes every handle
 *   for one
 * - ENOSPC: the chain has no room left, see rota_chain_begin()
 * - ESHUTDOWN: rota_cancel_all() is at work
 * - EBADF, or the reason why rota_thread_ring() has no ring: there is no ring
 */

/*
 * rota_start_sqe - start a request that was prepared by hand.
 *
 * `sqe` is the last one that rota_get_sqe() returned, or rota_get_sqe128() for
 * a request of 128 bytes, filled by any means. Its
 * user_data is replaced, and the settings of the handle are applied. For
 * requests with options that the generated functions lack (personality,
 * priority, a command of your own).
 *
 * Returns as every start; -EINVAL for an SQE with CQE_SKIP_SUCCESS or a link
 * flag. On failure the SQE has been taken back. -EINVAL, and nothing is, for an
 * SQE that is not the last one or stands before the chain that is open, and for
 * NULL, which rota_get_sqe() returns of a full queue.
 */
ROTA_API int rota_start_sqe(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe *sqe);

/*
 * rota_submit_after - when starts are handed to the kernel without being asked.
 *
 * After `starts` of them are in the queue; 1: at once, for the lowest latency;
 * 0, as a ring is made: only when the queue is full or something is awaited,
 * for the fewest system calls.
 */
ROTA_API void rota_submit_after(struct rota_ring *ring, unsigned starts);

/*
 * Chains: starts that the kernel takes one after another.
 */

/*
 * rota_chain_begin - link the starts that follow into a chain.
 *
 *     ret = rota_chain_begin(&ring, 2, IOSQE_IO_LINK);
 *     if (ret < 0)
 *         return ret;
 *     rota_start_write(&ring, &writing, fd, buf, size, 0);
 *     rota_start_fsync(&ring, &flushing, fd, 0);
 *     ret = rota_chain_end(&ring);
 *
 * Room for `count` SQEs (one for each start, two with a deadline) is secured
 * beforehand. `link` is IOSQE_IO_LINK, when a request that fails, or reads or
 * writes less than asked for, is to cancel those behind it (-ECANCELED), or
 * IOSQE_IO_HARDLINK when not. Until the end nothing else may enter the queue,
 * nothing can be submitted (-EBUSY) and nothing awaited; the caller's own
 * completions can be waited for. A callback that opens a chain also closes it:
 * when one is left open, whoever delivers goes no further, and returns -EBUSY
 * where it would have to submit (a rota_call_NAME(), which must finish, drops it).
 *
 * Returns 0; -EBUSY: a chain is open; -EINVAL: another flag, count 0, or more
 * than the ring's queue can hold; and as a start when the queue was full, or
 * there is no ring.
 */
ROTA_API int rota_chain_begin(struct rota_ring *ring, unsigned count, unsigned link);

/*
 * rota_chain_end - close the chain.
 *
 * Returns 0, and it will be submitted as a whole. When one of its starts
 * failed, returns that start's error, and nothing of it was submitted: all its
 * handles are as if they had not been started. The same with -EINVAL when
 * anything but these starts was put into the queue meanwhile; it is taken back,
 * too. -EINVAL: no chain is open.
 */
ROTA_API int rota_chain_end(struct rota_ring *ring);

/* rota_chain_drop - take the whole chain back instead; does nothing when none is open. */
ROTA_API void rota_chain_drop(struct rota_ring *ring);

/*
 * Waiting. Besides what each function says, all of them return, with every
 * handle as it was:
 *
 * - EBADF, or the reason why rota_thread_ring() has no ring: there is no ring,
 *   or not any more
 * - EDEADLK: called from a callback
 * - EBUSY: a chain is open; or the completion queue is full of completions
 *   that this call may not take (the caller's own, and those of streams that
 *   nobody awaits); on an IOPOLL ring one of those is enough
 * - EBADR: completions were lost for lack of memory. A handle whose last one
 *   was among them stays active: rota_queue_exit() ends it
 * - EINTR: a signal came, on a ring whose waits are interruptible
 * - the errors of rota_submit_and_wait()
 */

/*
 * The one place where this layer enters the kernel.
 *
 * wait_nr 0: to hand over SQEs; the queue is full, or there are as many as
 * rota_submit_after() says, or rota_poll() was called. Otherwise to sleep until
 * the queue holds `wait_nr` completions, all SQEs going along. `ts`: the time
 * left, or NULL.
 */
ROTA_INLINE int rota_calls_enter(struct rota_ring *ring, uint32_t wait_nr,
                                 const struct __kernel_timespec *ts)
{
    if (!wait_nr)
        return rota_submit(ring);
    if (!ts)
        return rota_submit_and_wait(ring, wait_nr);
    return rota_submit_and_wait_timeout(ring, NULL, wait_nr, ts, NULL);
}

/* What rota_await() calls when it is not that simple, and when it was woken with an empty queue. */
ROTA_API int rota_await_slow(struct rota_ring *ring, struct rota_op *op);
ROTA_API int rota_await_missed(struct rota_ring *ring, struct rota_op *op, int entered);

/*
 * rota_await - wait for the next result of `op`, deliver all that come before it.
 *
 * Returns op->res. When rota_op_active() is true afterwards and
 * rota_op_has_more() false, the value is an error of the wait and not the
 * result. A handle that has had its last result returns it again. -EINVAL for
 * one that was never started.
 */
ROTA_INLINE int rota_await(struct rota_ring *ring, struct rota_op *op)
{
    uint32_t head = ring->cq.cqe_head;
    const struct io_uring_cqe *cqe;
    int res;

#ifdef ROTA_DEBUG
    (void)rota_owned(ring);
#endif
    /* In place: an ordinary handle, whose completion is the next in the queue. */
    if (ROTA_UNLIKELY(op->state != ROTA_OP_PENDING) ||
        ROTA_UNLIKELY(ring->calls.mode & ROTA_CALLS_AWAITS))
        return rota_await_slow(ring, op);
    /* Acquire, both times: pairs with the kernel's release after it has written the CQE. */
    if (rota_load_acquire(ring->cq.ktail) == head) {
        /* rota_submit_and_wait() without its look at the queue, which follows anyway. */
        res = ring->submit_and_wait(ring, ring->sq.sqe_next, 1);
        if (ROTA_UNLIKELY(rota_load_acquire(ring->cq.ktail) == head))
            return rota_await_missed(ring, op, res);
    }
    cqe = rota_cqe_at(ring, head);
    if (ROTA_UNLIKELY(cqe->user_data != ((uint64_t)(uintptr_t)op + ROTA_OP_DATA)) ||
        ROTA_UNLIKELY(cqe->flags & (IORING_CQE_F_MORE | IORING_CQE_F_NOTIF)))
        return rota_await_slow(ring, op);
    res = cqe->res;
    op->res = res;
    op->flags = cqe->flags;
    op->state = ROTA_OP_DONE;
    ring->calls.in_flight--;
    ring->cq.cqe_head = ++head;
    /* Release: the CQE was read before the kernel sees that it may reuse its slot. */
    rota_store_release(ring->cq.khead, head);
    return res;
}

/* What rota_await_timeout() found out. */
#define ROTA_RUNNING  0 /* time is up, and the request goes on */
#define ROTA_FINISHED 1 /* op->res is its result */
#define ROTA_STOPPED  2 /* it was cancelled, or its deadline struck: op->res says which */

/*
 * rota_await_timeout - the same for at most `nsec` nanoseconds.
 *
 * For those who drive a device: start a command, wait a while, look what
 * became of it, and go on waiting, or rota_op_cancel() it. With 0 it does not
 * sleep.
 *
 * Returns one of the three above, or -errno; -EINVAL for a handle that was never
 * started; -EOPNOTSUPP on kernels without IORING_FEAT_EXT_ARG (5.11), while the
 * result is not there.
 */
ROTA_API int rota_await_timeout(struct rota_ring *ring, struct rota_op *op, uint64_t nsec);

/*
 * rota_await_any - wait until one of `count` handles has a result.
 *
 * Entries may be NULL. Returns the index of the first in the array whose
 * result has not been returned by an await yet; that result is in its handle,
 * and counts as returned. -ENOENT when none has one and none is active.
 *
 * The array is read again after each round: a callback that releases its handle
 * sets the entry to NULL.
 */
ROTA_API int rota_await_any(struct rota_ring *ring, struct rota_op *const *ops, unsigned count);

/*
 * rota_await_all - wait until none of `count` handles is active.
 *
 * Entries may be NULL; the results are in the handles. Returns 0, at once when
 * none is active. -EBUSY when one is a stream without callback that has more
 * results than one. A callback that releases its handle sets the entry to NULL,
 * as for rota_await_any().
 */
ROTA_API int rota_await_all(struct rota_ring *ring, struct rota_op *const *ops, unsigned count);

/*
 * rota_poll - hand over what was started, deliver what is there; never sleeps.
 *
 * Returns how many results were delivered. What their callbacks have started is
 * handed over by the next call: a loop that sleeps elsewhere, in epoll_wait(2)
 * say, calls it until it returns 0.
 */
ROTA_API int rota_poll(struct rota_ring *ring);

/*
 * rota_run - deliver until no handle is active: the loop of a program that
 * lives in its callbacks.
 *
 * Returns 0. -EBUSY when a stream without callback has results that only
 * rota_await() can take.
 */
ROTA_API int rota_run(struct rota_ring *ring);

/*
 * rota_run_once - one round of it: sleep until something was delivered.
 *
 * Returns how many results were delivered; 0 when no handle is active, or when
 * what came was no result, such as the end of a deadline. -EBUSY as rota_run().
 */
ROTA_API int rota_run_once(struct rota_ring *ring);

/* How many handles of this ring are active. */
ROTA_INLINE unsigned rota_in_flight(const struct rota_ring *ring)
{
    return ring->calls.in_flight;
}

/*
 * rota_deliver - deliver one CQE, in a loop of your own over the queue.
 *
 *     while (!rota_peek_cqe(&ring, &cqe)) {
 *         ret = rota_deliver(&ring, cqe);
 *         if (ret == 0)
 *             own_completion(cqe);
 *         rota_cqe_seen(&ring, cqe);
 *     }
 *
 * The CQE is read before callbacks run; marking it seen is left to the caller,
 * before or after. Returns 1 when it belonged to a handle, and 0 when it is
 * the caller's own. -EBUSY when its handle, a stream without callback, still
 * holds a result that no await has returned: do that first; or while a chain is
 * open. -EDEADLK from a callback.
 */
ROTA_API int rota_deliver(struct rota_ring *ring, const struct io_uring_cqe *cqe);

/*
 * Cancelling
 *
 * The kernel is asked, and looks for the request at that moment. It may find it
 * just being tried by a worker, or not find it, because it waits for its turn
 * in a chain or behind a drain. So what has not stopped is asked to again,
 * after pauses from 50 microseconds to a tenth of a second, by whatever waits
 * on the ring, polls it or delivers: also by those who wait for another handle.
 * (rota_deliver() submits for that; before 6.0 nothing can be asked behind a
 * request with IO_DRAIN that waits.)
 *
 * What cannot be stopped, and is waited for:
 *
 * - reads from and writes to files on disks, and whatever else a worker is
 *   inside of and no signal ends: it ends by itself
 * - a request that stands in a chain behind one that is not cancelled: cancel
 *   the one that is running. Of a hard chain each is cancelled as its turn comes
 * - the buffer of a zero-copy send that is through: until the other side has
 *   taken the data, or the connection is reset
 * - commands to drivers (uring_cmd) that do not provide for it: they may wait
 *   for ever, and end with the ring
 *
 * Who cannot rely on their end uses the ways that wait for a while only:
 * rota_cancel_all_timeout(), and for one handle rota_op_request_cancel() and
 * rota_await_timeout().
 */

/*
 * rota_op_cancel - stop a request; returns only when its memory is free again.
 *
 * Results that a stream without callback gives meanwhile are dropped: where
 * they matter (descriptors of multishot accept), use rota_op_request_cancel()
 * and go on awaiting.
 *
 * Returns what became of it: -ECANCELED, or -EINTR for one that was stopped
 * halfway, or its result when it was faster; -EINVAL when it was never
 * started. When rota_op_active() is true afterwards, the error is that of the
 * wait, or of a start for lack of an SQE; signals do not end it.
 */
ROTA_API int rota_op_cancel(struct rota_ring *ring, struct rota_op *op);

/*
 * rota_op_request_cancel - ask for the same, without waiting.
 *
 * May be called from callbacks. The end comes as any other result. Returns 0,
 * also when it is not active or this was asked for before; -EBUSY: a chain is
 * open; the errors of a start for lack of an SQE or a ring.
 */
ROTA_API int rota_op_request_cancel(struct rota_ring *ring, struct rota_op *op);

/*
 * rota_cancel_all - stop every request on the ring, the caller's own too, and
 * deliver the results of the handles.
 *
 * For shutting down. Until it returns, callbacks that start a request get
 * -ESHUTDOWN. Afterwards no handle is active, and the completions of the
 * caller's own requests are in the queue or will come there soon.
 *
 * Returns 0; -EOPNOTSUPP before 5.19, with nothing cancelled; -EBUSY when a
 * stream without callback has results that only rota_await() can take; -EBADR
 * when completions were lost, whose handles never end; the errors of a start
 * for lack of an SQE. Signals do not end it.
 */
ROTA_API int rota_cancel_all(struct rota_ring *ring);

/*
 * rota_cancel_all_timeout - the same for at most `nsec` nanoseconds.
 *
 * Returns besides -ETIME: handles are still active (rota_in_flight() counts
 * them). Their memory stays the kernel's: go on waiting, or end the ring with
 * rota_queue_exit(), which says what becomes of them.
 */
ROTA_API int rota_cancel_all_timeout(struct rota_ring *ring, uint64_t nsec);

#ifdef ROTA_DEBUG
#define rota_await_timeout(ring, ...)       rota_await_timeout(rota_owned(ring), __VA_ARGS__)
#define rota_await_any(ring, ...)           rota_await_any(rota_owned(ring), __VA_ARGS__)
#define rota_await_all(ring, ...)           rota_await_all(rota_owned(ring), __VA_ARGS__)
#define rota_poll(ring)                     rota_poll(rota_owned(ring))
#define rota_run(ring)                      rota_run(rota_owned(ring))
#define rota_run_once(ring)                 rota_run_once(rota_owned(ring))
#define rota_op_cancel(ring, op)            rota_op_cancel(rota_owned(ring), op)
#define rota_op_request_cancel(ring, op)    rota_op_request_cancel(rota_owned(ring), op)
#define rota_cancel_all(ring)               rota_cancel_all(rota_owned(ring))
#define rota_cancel_all_timeout(ring, nsec) rota_cancel_all_timeout(rota_owned(ring), nsec)
#endif

ROTA_END_DECLS

#endif /* ROTA_OP_H */
