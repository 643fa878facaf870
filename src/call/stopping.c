/* SPDX-License-Identifier: MIT */
/* Stopping what is to end: asking for it, and asking again for what did not stop. */
#include "call/calls.h"

#include <rota/prep.h>

uint64_t rota_calls_pause(const struct rota_ring *ring)
{
    return (uint64_t)ROTA_PAUSE_NSEC
           << (ring->calls.asks < ROTA_PAUSE_DOUBLINGS ? ring->calls.asks : ROTA_PAUSE_DOUBLINGS);
}

void rota_calls_calm(struct rota_ring *ring)
{
    if (!ring->calls.stopping && !(ring->calls.mode & ROTA_CALLS_CLOSING))
        ring->calls.mode &= ~(ROTA_CALLS_STOPPING | ROTA_CALLS_AGAIN | ROTA_CALLS_DUE);
}

void rota_calls_stopped(struct rota_ring *ring, struct rota_op *op)
{
    if (op->prev)
        op->prev->next = op->next;
    else
        ring->calls.stopping = op->next;
    if (op->next)
        op->next->prev = op->prev;
    ring->calls.asks = 0; /* it goes on: what stood behind it may have become the next */
    rota_calls_calm(ring);
}

/* Takes an SQE for a request of the library's own; NULL when the queue is full. */
static struct io_uring_sqe *take_sqe(struct rota_ring *ring, uint64_t kind)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    if (!sqe)
        return NULL;
    sqe->user_data = kind;
    ring->calls.cancels++;
    return sqe;
}

int rota_calls_queue_cancel(struct rota_ring *ring, uint64_t target, int flags, uint64_t kind)
{
    struct io_uring_sqe *sqe;
    int ret;

    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        return -EBUSY;
    ret = rota_calls_room(ring, 1);
    if (ret < 0)
        return ret;
    sqe = take_sqe(ring, kind);
    if (!sqe)
        return -EAGAIN;
    rota_prep_cancel64(sqe, target, flags);
    return 0;
}

/* Cancels without the queue (6.0). What it answers shows in the completions. */
static void cancel_now(struct rota_ring *ring, uint64_t target, uint32_t flags)
{
    struct io_uring_sync_cancel_reg arg;

    rota_zero(&arg, sizeof(arg));
    arg.addr = target;
    arg.fd = -1;
    arg.flags = flags;
    (void)rota_ring_register(ring, IORING_REGISTER_SYNC_CANCEL, &arg, 1);
}

/*
 * Asks through the queue, as long as what was asked before has been answered.
 * What was not stands behind a drain, where a further request would wait as
 * well; and on polled rings the kernel takes no cancel requests at all. There
 * the way beside the queue is left.
 */
static void ask(struct rota_ring *ring, uint64_t target, uint32_t flags, uint64_t kind, bool beside)
{
    if (beside)
        cancel_now(ring, target, flags);
    else
        (void)rota_calls_queue_cancel(ring, target, (int)flags, kind);
}

void rota_calls_ask(struct rota_ring *ring)
{
    bool beside = ring->calls.cancels || (ring->flags & IORING_SETUP_IOPOLL);

    ring->calls.mode &= ~(ROTA_CALLS_AGAIN | ROTA_CALLS_DUE);
    ring->calls.asks++;
    if (ring->calls.mode & ROTA_CALLS_CLOSING) {
        ask(ring, 0, ROTA_CANCEL_EVERYTHING, DATA_CANCEL_ALL, beside);
        return;
    }
    for (struct rota_op *op = ring->calls.stopping; op; op = op->next)
        ask(ring, data_of(op, DATA_OP), 0, DATA_CANCEL, beside);
}

void rota_calls_insist(struct rota_ring *ring)
{
    static const struct __kernel_timespec pauses[] = {
        {0, ROTA_PAUSE_NSEC},       {0, ROTA_PAUSE_NSEC << 1},
        {0, ROTA_PAUSE_NSEC << 2},  {0, ROTA_PAUSE_NSEC << 3},
        {0, ROTA_PAUSE_NSEC << 4},  {0, ROTA_PAUSE_NSEC << 5},
        {0, ROTA_PAUSE_NSEC << 6},  {0, ROTA_PAUSE_NSEC << 7},
        {0, ROTA_PAUSE_NSEC << 8},  {0, ROTA_PAUSE_NSEC << 9},
        {0, ROTA_PAUSE_NSEC << 10}, {0, ROTA_PAUSE_NSEC << ROTA_PAUSE_DOUBLINGS},
    };
    uint32_t asks = ring->calls.asks;
    struct io_uring_sqe *sqe;

    if (ROTA_LIKELY(!(ring->calls.mode & (ROTA_CALLS_AGAIN | ROTA_CALLS_DUE))) ||
        (ring->calls.mode & (ROTA_CALLS_CHAIN | ROTA_CALLS_DELIVERING)))
        return;
    if (ring->calls.mode & ROTA_CALLS_DUE) {
        rota_calls_ask(ring);
    } else if (!(ring->calls.mode & ROTA_CALLS_PAUSED)) {
        sqe = take_sqe(ring, DATA_PAUSE);
        if (!sqe)
            return; /* with the next call */
        rota_prep_timeout(sqe, &pauses[asks < ROTA_PAUSE_DOUBLINGS ? asks : ROTA_PAUSE_DOUBLINGS],
                          0, 0);
        ring->calls.mode |= ROTA_CALLS_PAUSED;
    }
    (void)rota_calls_enter(ring, 0, NULL);
}
