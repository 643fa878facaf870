/* SPDX-License-Identifier: MIT */
/* Cancelling: one handle, everything on the ring, and calls that could not be finished. */
#include "call/calls.h"

#include <rota/prep.h>

/* Puts a cancel request of the library's own into the queue. */
static int queue_cancel(struct rota_ring *ring, uint64_t target, int flags, uint64_t kind)
{
    struct io_uring_sqe *sqe;
    int ret;

    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        return -EBUSY;
    ret = rota_calls_room(ring, 1);
    if (ret < 0)
        return ret;
    sqe = rota_get_sqe(ring);
    if (!sqe)
        return -EAGAIN;
    rota_prep_cancel64(sqe, target, flags);
    sqe->user_data = kind;
    ring->calls.cancels++;
    return 0;
}

int rota_op_request_cancel(struct rota_ring *ring, struct rota_op *op)
{
    int ret;

    if (!rota_op_active(op) || (op->state & ROTA_OP_CANCELLED))
        return 0;
    ret = queue_cancel(ring, data_of(op, DATA_OP), 0, DATA_CANCEL);
    /* Only now: the submit for want of room takes nothing from the completion queue. */
    if (ret == 0)
        op->state |= ROTA_OP_CANCELLED;
    return ret;
}

/* The cancel requests themselves are to be gone too: their completions name no memory, but linger. */
static int drain_cancels(struct rota_ring *ring)
{
    while (ring->calls.cancels) {
        struct rota_scan scan;
        int ret;

        rota_scan_start(&scan, ring, NULL);
        ret = rota_calls_wait(ring, &scan, NULL);
        if (ret < 0 && ret != -EINTR)
            return ret;
    }
    return 0;
}

/* Waits for the end of `op`, whatever it gives until then; stores its last result. */
static int wait_end(struct rota_ring *ring, struct rota_op *op, int *res)
{
    struct rota_scan scan;
    int ret;

    do {
        rota_scan_start(&scan, ring, op);
        ret = rota_calls_wait(ring, &scan, NULL);
        if (ret < 0 && ret != -EINTR)
            return ret;
        *res = scan.res;
    } while (!scan.ended);
    return 0;
}

int rota_op_cancel(struct rota_ring *ring, struct rota_op *op)
{
    int res = 0, ret;

    if (!rota_op_active(op))
        return op->state & ROTA_OP_DONE ? op->res : -EINVAL;
    ret = rota_calls_may_wait(ring);
    if (ret < 0)
        return ret;
    ret = rota_op_request_cancel(ring, op);
    if (ret < 0)
        return ret;
    op->state &= ~(ROTA_OP_FRESH | ROTA_OP_BLOCKED);
    op->state |= ROTA_OP_DROPPING;
    ret = wait_end(ring, op, &res);
    if (ret < 0)
        return ret;
    ret = drain_cancels(ring);
    return ret < 0 ? ret : res;
}

/* Waits for the completion of a cancel-all request; its res, or -errno of the wait in *error. */
static int await_cancel_all(struct rota_ring *ring, int *error)
{
    for (;;) {
        struct rota_scan scan;
        int ret;

        rota_scan_start(&scan, ring, NULL);
        ret = rota_calls_wait(ring, &scan, NULL);
        if (scan.cancel_all != INT32_MIN)
            return scan.cancel_all;
        if (ret < 0 && ret != -EINTR) {
            *error = ret;
            return 0;
        }
    }
}

int rota_cancel_all(struct rota_ring *ring)
{
    int ret = rota_calls_may_wait(ring);
    int error = 0;

    if (ret < 0)
        return ret;
    ring->calls.mode |= ROTA_CALLS_CLOSING;
    for (;;) {
        struct rota_scan scan;

        ret = queue_cancel(ring, 0, (int)(IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL),
                           DATA_CANCEL_ALL);
        if (ret == 0)
            ret = await_cancel_all(ring, &error);
        if (error)
            ret = error;
        /* -ENOENT: nothing was there to cancel; -EALREADY: it is past stopping. */
        if (ret == -EINVAL)
            ret = -EOPNOTSUPP;
        else if (ret == -ENOENT || ret == -EALREADY || ret > 0)
            ret = 0;
        if (ret < 0 || (!ring->calls.in_flight && !ring->calls.cancels))
            break;
        /* What could not be stopped, or waits behind it in a chain, ends in its own time. */
        rota_scan_start(&scan, ring, NULL);
        scan.no_blocked = true;
        ret = rota_calls_wait(ring, &scan, NULL);
        if (ret < 0 && ret != -EINTR)
            break;
        if (!ring->calls.in_flight && !ring->calls.cancels) {
            ret = 0;
            break;
        }
    }
    ring->calls.mode &= ~ROTA_CALLS_CLOSING;
    return ret;
}

/* Takes a request back that the kernel has not seen; true when it was still there. */
static bool withdraw(struct rota_ring *ring, struct rota_op *op)
{
    const struct rota_sq *sq = &ring->sq;
    uint32_t i, tail;

    if (rota_is_dead(ring))
        return false;
    /*
     * What was made visible to an SQPOLL thread is out of our hands. Otherwise
     * the head moves only within our own system calls: relaxed.
     */
    i = ring->flags & IORING_SETUP_SQPOLL ? sq->sqe_head : rota_load_relaxed(sq->khead);
    tail = rota_sq_tail(ring);
    for (; i != tail; i++) {
        struct io_uring_sqe *sqe = rota_sqe_at(ring, i);

        if (sqe->user_data != data_of(op, DATA_OP))
            continue;
        if (i + 1 == tail) {
            rota_sq_continue_at(ring, i);
        } else {
            rota_sqe_clear(sqe); /* a NOP of ours */
            sqe->fd = -1;
            sqe->user_data = DATA_CANCEL;
            ring->calls.cancels++;
        }
        ring->calls.in_flight--;
        op->state = rota_calls_settings(op);
        return true;
    }
    return false;
}

int rota_call_refused(const struct rota_ring *ring)
{
    return rota_calls_may_wait(ring);
}

/*
 * The handle of a call is gone when the call returns, so this one does not
 * return before the request has ended, or was never submitted.
 */
static ROTA_COLD int finish_call(struct rota_ring *ring, struct rota_op *op, bool stream,
                                 int entered)
{
    bool interrupted = entered == -EINTR;
    bool first = true; /* no result yet */
    int res = 0;

    if (interrupted)
        (void)rota_op_request_cancel(ring, op);
    while (rota_op_active(op)) {
        struct rota_scan scan;
        int ret;

        rota_scan_start(&scan, ring, op);
        ret = rota_calls_wait(ring, &scan, NULL);
        if (ret == 0) {
            if (first)
                res = scan.res;
            first = false;
            /* One result is what was asked for. */
            if (!scan.ended && stream) {
                op->state |= ROTA_OP_DROPPING;
                (void)rota_op_request_cancel(ring, op);
            }
        } else if (ret == -EINTR) {
            interrupted = true;
            (void)rota_op_request_cancel(ring, op);
        } else if (withdraw(ring, op)) {
            return ret;
        } else if (ret == -EAGAIN) {
            (void)rota_get_events(ring); /* no memory for the requests behind it */
        } else {
            rota_op_misuse(op, "a call cannot be finished: the completion queue is full of "
                               "completions that nobody takes, or the ring is gone");
        }
    }
    return interrupted && res == -ECANCELED ? -EINTR : res;
}

int rota_call_finish(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe *sqe,
                     int begun, bool stream)
{
    uint32_t head = ring->cq.cqe_head;
    const struct io_uring_cqe *cqe;
    int entered;

    if (ROTA_UNLIKELY(begun)) {
        int ret = begun > 0 ? rota_op_commit(ring, op, sqe, begun) : begun;

        if (ret < 0)
            return ret;
    }
    /* As in rota_await: nothing else in the queue, one completion, and it is this one. */
    if (ROTA_UNLIKELY(ring->calls.mode & ROTA_CALLS_AWAITS) ||
        ROTA_UNLIKELY(rota_load_acquire(ring->cq.ktail) != head))
        return finish_call(ring, op, stream, 0);
    entered = ring->submit_and_wait(ring, ring->sq.sqe_next, 1);
    if (ROTA_UNLIKELY(rota_load_acquire(ring->cq.ktail) == head)) {
        entered = rota_submit_and_wait_slow(ring, 1, entered);
        return finish_call(ring, op, stream, rota_calls_woken(ring, 1, entered));
    }
    cqe = rota_cqe_at(ring, head);
    if (ROTA_UNLIKELY(cqe->user_data != data_of(op, DATA_OP)) ||
        ROTA_UNLIKELY(cqe->flags & (IORING_CQE_F_MORE | IORING_CQE_F_NOTIF)))
        return finish_call(ring, op, stream, 0);
    op->res = cqe->res;
    ring->calls.in_flight--;
    rota_cq_advance(ring, 1);
    return op->res;
}
