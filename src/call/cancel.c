/* SPDX-License-Identifier: MIT */
/* Cancelling: one handle, everything on the ring, and calls that could not be finished. */
#include "call/calls.h"

/* How often, and how long, the caller's own requests are looked for when no handle is left. */
#define OWN_ATTEMPTS 1000u
#define OWN_NSEC     1000000000u

/* How long a call whose completion may have been lost waits for it. */
#define LOST_NSEC 1000000000u

/* How often a call asks for memory without sleeping, where it could not wake up to ask again. */
#define UNTIMED_ATTEMPTS 1000u

int rota_op_request_cancel(struct rota_ring *ring, struct rota_op *op)
{
    int ret;

    if (!rota_op_active(op) || (op->state & ROTA_OP_CANCELLED))
        return 0;
    ret = rota_calls_queue_cancel(ring, data_of(op, DATA_OP), 0, DATA_CANCEL);
    if (ret < 0)
        return ret;
    /* Only now: the submit for want of room takes nothing from the completion queue. */
    op->state |= ROTA_OP_CANCELLED;
    op->prev = NULL;
    op->next = ring->calls.stopping;
    if (op->next)
        op->next->prev = op;
    ring->calls.stopping = op;
    ring->calls.asks = 0;
    ring->calls.mode |= ROTA_CALLS_STOPPING;
    return 0;
}

/* rota_calls_wait() for those whom no signal ends. */
static int wait_through(struct rota_ring *ring, struct rota_scan *scan, const uint64_t *deadline)
{
    struct rota_in_vain in_vain;

    rota_in_vain_start(&in_vain);
    for (;;) {
        int ret = rota_calls_wait(ring, scan, deadline);

        if (ret != -EINTR)
            return ret;
        if (rota_is_hopeless(ring, &in_vain, ROTA_IN_VAIN_MOST))
            return -EPROTO;
    }
}

/*
 * 0, or -ETIME at the end of the time. For those who wait in rounds: a round in
 * which something comes does not look, and something may come in each.
 */
static int check_time(const struct rota_ring *ring, uint64_t until)
{
    uint64_t now;
    int ret = rota_calls_clock(ring, &now);

    if (ret < 0)
        return ret;
    return now >= until ? -ETIME : 0;
}

/* One look at what has come, where no wait ends by time (before 5.11); -ETIME after the last one. */
static int look(struct rota_ring *ring, struct rota_scan *scan, uint64_t until)
{
    int ret = rota_calls_enter(ring, 0, NULL);

    if (ret >= 0)
        ret = rota_get_events(ring);
    rota_scan_queue(ring, scan);
    return ret >= 0 || ret == -EINTR ? check_time(ring, until) : ret;
}

void rota_calls_tidy(struct rota_ring *ring)
{
    struct rota_in_vain in_vain;
    uint64_t until;
    int ret = 0;

    rota_in_vain_start(&in_vain);
    if (!ring->calls.cancels)
        return;
    ret = rota_calls_deadline(ring, (uint64_t)ROTA_PAUSE_NSEC << ROTA_PAUSE_DOUBLINGS, &until);
    while (ret >= 0 && ring->calls.cancels) {
        struct rota_scan scan;

        rota_scan_start(&scan, ring, NULL);
        if (ring->features & IORING_FEAT_EXT_ARG) {
            ret = wait_through(ring, &scan, &until);
            if (ret >= 0)
                ret = check_time(ring, until);
        } else if (rota_is_hopeless(ring, &in_vain, ROTA_IN_VAIN_MOST)) {
            return; /* the clock stands still */
        } else {
            ret = look(ring, &scan, until);
        }
    }
}

/* Waits for the end of `op`, whatever it gives until then; stores its last result. */
static int wait_end(struct rota_ring *ring, struct rota_op *op, int *res)
{
    struct rota_scan scan;
    int ret;

    do {
        rota_scan_start(&scan, ring, op);
        ret = wait_through(ring, &scan, NULL);
        if (ret < 0)
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
    op->state &= ~ROTA_OP_FRESH;
    op->state |= ROTA_OP_DROPPING;
    ret = wait_end(ring, op, &res);
    if (ret < 0)
        return ret;
    rota_calls_tidy(ring);
    return res;
}

/*
 * Asks until nothing is found. Each answer ends what runs at that moment, and
 * lets what was linked behind it begin. With handles that goes on until they
 * have ended; the caller's own requests can be looked for only: what is found
 * each time, but does not end, or stands behind it, is left to itself then.
 */
static int cancel_everything(struct rota_ring *ring, const uint64_t *deadline)
{
    unsigned looked = 0, in_vain = 0;
    uint64_t until = 0; /* for the caller's own */
    bool answered = false;
    int ret = rota_calls_queue_cancel(ring, 0, (int)ROTA_CANCEL_EVERYTHING, DATA_CANCEL_ALL);

    while (ret >= 0) {
        struct rota_scan scan;

        rota_scan_start(&scan, ring, NULL);
        scan.no_blocked = answered;
        if (answered && !ring->calls.in_flight && !until &&
            (ring->features & IORING_FEAT_EXT_ARG)) {
            ret = rota_calls_deadline(ring, OWN_NSEC, &until);
            if (ret < 0 || !deadline || until < *deadline)
                deadline = &until;
        }
        ret = wait_through(ring, &scan, deadline);
        if (ret >= 0 && deadline && ring->calls.in_flight)
            ret = check_time(ring, *deadline);
        if (scan.cancel_all != INT32_MIN) {
            if (scan.cancel_all == -EINVAL && !answered && !scan.gone)
                return -EOPNOTSUPP;
            answered = true;
            in_vain = scan.cancel_all > 0 ? 0 : in_vain + 1;
        }
        if (ret == -ETIME && !ring->calls.in_flight)
            return 0;
        if (ret < 0 || ring->calls.in_flight || ring->calls.cancels)
            continue;
        /* Not at the first time: what is next in a chain may be about to start. */
        if (in_vain > 1 || ++looked > OWN_ATTEMPTS)
            break;
        ret = rota_calls_queue_cancel(ring, 0, (int)ROTA_CANCEL_EVERYTHING, DATA_CANCEL_ALL);
    }
    return ret;
}

static int cancel_all(struct rota_ring *ring, const uint64_t *deadline)
{
    int ret = rota_calls_may_wait(ring);

    if (ret < 0)
        return ret;
    ring->calls.mode |= ROTA_CALLS_CLOSING | ROTA_CALLS_STOPPING;
    ring->calls.asks = 0;
    ret = cancel_everything(ring, deadline);
    ring->calls.mode &= ~ROTA_CALLS_CLOSING;
    rota_calls_calm(ring);
    return ret;
}

int rota_cancel_all(struct rota_ring *ring)
{
    return cancel_all(ring, NULL);
}

int rota_cancel_all_timeout(struct rota_ring *ring, uint64_t nsec)
{
    uint64_t deadline;
    int ret = rota_calls_deadline(ring, nsec, &deadline);

    return ret < 0 ? ret : cancel_all(ring, &deadline);
}

/* Takes a request back that the kernel has not seen; true when it was still there. */
static bool withdraw(struct rota_ring *ring, struct rota_op *op)
{
    uint32_t tail = rota_sq_tail(ring), slots;

    if (rota_is_dead(ring))
        return false;
    /* What was made visible to an SQPOLL thread is out of our hands. */
    for (uint32_t i = rota_sq_unseen(ring); i != tail; i += slots) {
        struct io_uring_sqe *sqe = rota_sqe_at(ring, i);

        slots = rota_sqe_width(ring, i, tail);
        if (sqe->user_data != data_of(op, DATA_OP))
            continue;
        if (i + slots == tail) {
            rota_sq_continue_at(ring, i);
        } else {
            /* A NOP of ours, as large as what it replaces. */
            rota_sqe_clear(sqe);
            if (slots == 2) {
                rota_sqe_clear128(sqe);
                sqe->opcode = IORING_OP_NOP128;
            }
            sqe->fd = -1;
            sqe->user_data = DATA_CANCEL;
            ring->calls.cancels++;
        }
        ring->calls.in_flight--;
        if (op->state & ROTA_OP_CANCELLED)
            rota_calls_stopped(ring, op);
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
 * There is no memory for requests behind the call's own, which is on its way.
 * Sleeps until that one has ended, or a while, longer each time, after which
 * there may be some. Where no wait ends by time (before 5.11), after many
 * attempts, only for its end: what is behind goes along with the next call.
 */
static int rest(struct rota_ring *ring, uint32_t kept, unsigned times)
{
    bool timed = ring->features & IORING_FEAT_EXT_ARG;
    struct __kernel_timespec ts = {0, ROTA_PAUSE_NSEC};
    struct io_uring_cqe *cqe;

    ts.tv_nsec <<= times < ROTA_PAUSE_DOUBLINGS ? times : ROTA_PAUSE_DOUBLINGS;
    if (!timed && times < UNTIMED_ATTEMPTS)
        return rota_get_events(ring);
    return rota_wait_cqes(ring, &cqe, kept + 1, timed ? &ts : NULL, NULL);
}

/*
 * The handle of a call is gone when the call returns, so this one does not
 * return before the request has ended, or was never submitted. A signal, or the
 * news that completions were lost, stops it: then there is a reason.
 */
static ROTA_COLD int finish_call(struct rota_ring *ring, struct rota_op *op, bool stream,
                                 int entered)
{
    int reason = 0, res = 0;
    int ret = entered == -EINTR || entered == -EBADR ? entered : 0;
    bool first = true; /* no result yet */
    uint64_t until = 0;
    uint32_t kept = 0; /* completions that stay in the queue */
    unsigned refused = 0;
    struct rota_in_vain in_vain;

    rota_in_vain_start(&in_vain);
    for (;;) {
        struct rota_scan scan;

        if (ret == -EAGAIN && rest(ring, kept, refused++) == -EINTR)
            ret = -EINTR;
        if (ret < 0 && rota_is_hopeless(ring, &in_vain, ROTA_IN_VAIN_MOST))
            ret = -EPROTO;
        if (ret == -EINTR || ret == -EBADR) {
            reason = ret;
            (void)rota_op_request_cancel(ring, op);
            if (ret == -EBADR && !until)
                (void)rota_calls_deadline(ring, LOST_NSEC, &until);
        } else if (ret == -EBUSY && (ring->calls.mode & ROTA_CALLS_CHAIN)) {
            rota_chain_drop(ring); /* a callback has left it open: nothing could go on */
        } else if (ret < 0 && ret != -EAGAIN) {
            rota_op_misuse(op, ret == -ETIME
                                   ? "a call cannot be finished: its completion was lost"
                                   : "a call cannot be finished: the completion queue is full of "
                                     "completions that nobody takes, or the ring is gone");
        }
        if (!rota_op_active(op))
            break;
        rota_scan_start(&scan, ring, op);
        ret = rota_calls_wait(ring, &scan, until ? &until : NULL);
        kept = scan.pos - ring->cq.cqe_head;
        if (ret == 0) {
            if (first)
                res = scan.res;
            first = false;
            /* One result is what was asked for. */
            if (!scan.ended && stream) {
                op->state |= ROTA_OP_DROPPING;
                (void)rota_op_request_cancel(ring, op);
            }
        } else if (ret != -EINTR && withdraw(ring, op)) {
            return ret;
        }
    }
    return reason && res == -ECANCELED ? reason : res;
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
