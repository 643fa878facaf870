/* SPDX-License-Identifier: MIT */
/* Waiting for handles: one, any, all, for a while, until none is left. */
#include "call/calls.h"

/* The result that an await returns counts as seen. */
static int take_result(struct rota_op *op)
{
    op->state &= ~(ROTA_OP_FRESH | ROTA_OP_BLOCKED);
    return op->res;
}

/*
 * Waits for the next result of `op`, which scan->res then holds; 0, or -errno
 * of the wait. Once hit, the handle is not touched: its callback may have
 * released it. Refused in a callback before anything else: a result that is
 * taken there would let later ones overtake those that the scan has passed.
 */
static int next_result(struct rota_ring *ring, struct rota_op *op, const uint64_t *deadline,
                       struct rota_scan *scan)
{
    int ret;

    if (ring->calls.mode & ROTA_CALLS_DELIVERING)
        return -EDEADLK;
    rota_scan_start(scan, ring, op);
    scan->state = op->state;
    if (op->state & ROTA_OP_FRESH) {
        scan->res = take_result(op);
        return 0;
    }
    if (!(op->state & ROTA_OP_ACTIVE)) {
        scan->res = op->res;
        return op->state & ROTA_OP_DONE ? 0 : -EINVAL;
    }
    ret = rota_calls_may_wait(ring);
    return ret < 0 ? ret : rota_calls_wait(ring, scan, deadline);
}

/* The value that an await returns is no result: then there must not seem to be more behind it. */
static int failed(struct rota_op *op, int ret)
{
    op->flags &= ~IORING_CQE_F_MORE;
    return ret;
}

int rota_await_slow(struct rota_ring *ring, struct rota_op *op)
{
    struct rota_scan scan;
    int ret = next_result(ring, op, NULL, &scan);

    return ret < 0 ? failed(op, ret) : scan.res;
}

int rota_await_missed(struct rota_ring *ring, struct rota_op *op, int entered)
{
    entered = rota_calls_woken(ring, 1, rota_submit_and_wait_slow(ring, 1, entered));
    /* What comes once, and not again with the next attempt. */
    if (entered == -EINTR || entered == -EBADR)
        return failed(op, entered);
    return rota_await_slow(ring, op);
}

int rota_await_timeout(struct rota_ring *ring, struct rota_op *op, uint64_t nsec)
{
    struct rota_scan scan;
    uint64_t deadline;
    bool stopped;
    int ret = rota_calls_deadline(ring, nsec, &deadline);

    if (ret < 0)
        return ret;
    ret = next_result(ring, op, &deadline, &scan);
    if (ret == -ETIME)
        return ROTA_RUNNING;
    if (ret < 0)
        return ret;
    stopped = scan.res == -ECANCELED || scan.res == -ETIME || scan.res == -EINTR;
    return stopped && (scan.state & (ROTA_OP_CANCELLED | ROTA_OP_EXPIRED)) ? ROTA_STOPPED
                                                                           : ROTA_FINISHED;
}

int rota_await_any(struct rota_ring *ring, struct rota_op *const *ops, unsigned count)
{
    int ret = 0;

    if (ring->calls.mode & ROTA_CALLS_DELIVERING)
        return -EDEADLK;
    for (;;) {
        struct rota_scan scan;
        bool active = false;

        for (unsigned i = 0; i < count; i++) {
            if (!ops[i])
                continue;
            if (ops[i]->state & ROTA_OP_FRESH) {
                (void)take_result(ops[i]);
                return (int)i;
            }
            active = active || rota_op_active(ops[i]);
        }
        if (!active)
            return -ENOENT;
        if (ret < 0)
            return ret;
        ret = rota_calls_may_wait(ring);
        if (ret < 0)
            return ret;
        rota_scan_start(&scan, ring, NULL);
        ret = rota_calls_wait(ring, &scan, NULL);
    }
}

int rota_await_all(struct rota_ring *ring, struct rota_op *const *ops, unsigned count)
{
    if (ring->calls.mode & ROTA_CALLS_DELIVERING)
        return -EDEADLK;
    for (unsigned i = 0; i < count; i++) {
        while (ops[i] && rota_op_active(ops[i])) {
            struct rota_scan scan;
            int ret = rota_calls_may_wait(ring);

            if (ret < 0)
                return ret;
            rota_scan_start(&scan, ring, NULL);
            scan.watch = ops[i];
            scan.no_blocked = true;
            ret = rota_calls_wait(ring, &scan, NULL);
            if (ret < 0)
                return ret;
        }
    }
    return 0;
}

int rota_poll(struct rota_ring *ring)
{
    struct rota_scan scan;
    int ret = rota_calls_may_wait(ring);

    if (ret < 0)
        return ret;
    if (rota_sq_ready(ring))
        ret = rota_calls_enter(ring, 0, NULL);
    rota_scan_start(&scan, ring, NULL);
    rota_scan_queue(ring, &scan);
    rota_calls_insist(ring);
    if (scan.delivered || ret < 0)
        return scan.delivered ? (int)scan.delivered : ret;
    /* Relaxed: a hint about work that only the system call below touches. */
    if (!(ring->int_flags & ROTA_INT_ALWAYS_ASK) &&
        !(rota_load_relaxed(ring->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)))
        return 0;
    ret = rota_get_events(ring);
    if (ret < 0)
        return ret;
    rota_scan_queue(ring, &scan);
    rota_calls_insist(ring);
    return (int)scan.delivered;
}

int rota_run_once(struct rota_ring *ring)
{
    struct rota_scan scan;
    int ret = rota_calls_may_wait(ring);

    if (ret < 0)
        return ret;
    if (!ring->calls.in_flight) {
        rota_calls_tidy(ring);
        return 0;
    }
    rota_scan_start(&scan, ring, NULL);
    scan.no_blocked = true;
    ret = rota_calls_wait(ring, &scan, NULL);
    /* A callback may have torn the ring down: a round it was all the same. */
    return ret < 0 && !scan.gone ? ret : (int)scan.delivered;
}

int rota_run(struct rota_ring *ring)
{
    int ret = rota_calls_may_wait(ring);

    while (ret >= 0 && ring->calls.in_flight)
        ret = rota_run_once(ring);
    if (ret < 0)
        return ret;
    rota_calls_tidy(ring);
    return 0;
}
