/* SPDX-License-Identifier: MIT */
/*
 * From the completion queue to the handles.
 *
 * What has no taker stays in the queue: completions of the caller's own
 * requests, and results of streams that nobody has asked for. A scan walks
 * over them, takes the others out, and then moves what stays together, towards
 * the tail, so that order is kept and the head can give the freed slots back.
 * The slots between head and tail are ours to write: the kernel reads none of
 * them.
 */
#include "call/calls.h"

/* A completion as it was when it was taken out of the queue. */
struct completion {
    uint64_t user_data;
    int32_t res;
    uint32_t flags;
    uint64_t extra[2];
};

/*
 * A handle has a result, or its end: counts, marks, calls back. The callback
 * may release the handle: nothing touches it afterwards.
 */
static void report(struct rota_ring *ring, struct rota_op *op, struct rota_scan *scan)
{
    uint32_t state = op->state;
    bool ended = !(state & ROTA_OP_ACTIVE);

    if (ended) {
        ring->calls.in_flight--;
        state = (state & (ROTA_OP_SETTINGS | ROTA_OP_FRESH | ROTA_OP_CANCELLED | ROTA_OP_EXPIRED)) |
                ROTA_OP_DONE;
    }
    scan->delivered++;
    if (op == scan->target) {
        scan->hit = true;
        scan->ended = ended;
        scan->res = op->res;
        scan->state = state;
        state &= ~ROTA_OP_BLOCKED; /* the await that runs returns it */
    } else if (!(state & ROTA_OP_DROPPING) && (ended || !(state & ROTA_OP_CALLBACK))) {
        state |= ROTA_OP_FRESH; /* a callback takes all but the last, which an await returns */
    }
    op->state = state;
    if (state & ROTA_OP_CALLBACK) {
        ring->calls.mode |= ROTA_CALLS_DELIVERING;
        op->callback(ring, op);
        ring->calls.mode &= ~ROTA_CALLS_DELIVERING;
    }
}

/* The request of a handle with a deadline has ended; both completions are needed to say how. */
static void settle(struct rota_ring *ring, struct rota_op *op, struct rota_scan *scan)
{
    if (op->state & ROTA_OP_TIMER) {
        op->state |= ROTA_OP_HELD;
        return;
    }
    op->state &= ~ROTA_OP_HELD;
    if ((op->state & ROTA_OP_EXPIRED) && (op->res == -ECANCELED || op->res == -EINTR))
        op->res = -ETIME;
    report(ring, op, scan);
}

static void deliver_result(struct rota_ring *ring, struct rota_op *op, const struct completion *c,
                           struct rota_scan *scan)
{
    if (c->flags & IORING_CQE_F_NOTIF) {
        op->notif = c->res;
        op->flags = (op->flags & ~IORING_CQE_F_MORE) | IORING_CQE_F_NOTIF;
    } else {
        op->res = c->res;
        op->flags = c->flags;
        op->extra[0] = c->extra[0];
        op->extra[1] = c->extra[1];
    }
    if (c->flags & IORING_CQE_F_MORE) {
        report(ring, op, scan);
        return;
    }
    op->state &= ~ROTA_OP_PENDING;
    settle(ring, op, scan);
}

static void deliver(struct rota_ring *ring, const struct completion *c, struct rota_scan *scan)
{
    struct rota_op *op = data_handle(c->user_data);

    switch (data_kind(c->user_data)) {
    case DATA_OP:
        deliver_result(ring, op, c, scan);
        break;
    case DATA_TIMER:
        op->state &= ~ROTA_OP_TIMER;
        if (c->res == -ETIME)
            op->state |= ROTA_OP_EXPIRED;
        if (op->state & ROTA_OP_HELD)
            settle(ring, op, scan);
        break;
    case DATA_CANCEL_ALL:
        scan->cancel_all = c->res;
        ring->calls.cancels--;
        break;
    default:
        ring->calls.cancels--;
    }
}

/* True when the completion can be taken from the queue now. */
static bool has_taker(const struct io_uring_cqe *cqe, struct rota_scan *scan)
{
    struct rota_op *op;
    uint32_t blocking;

    switch (data_kind(cqe->user_data)) {
    case DATA_OP:
        op = data_handle(cqe->user_data);
        blocking = op->state & (ROTA_OP_FRESH | ROTA_OP_CALLBACK | ROTA_OP_DROPPING);
        /* A notification has a place of its own in the handle. */
        if (blocking != ROTA_OP_FRESH || (cqe->flags & IORING_CQE_F_NOTIF))
            return true;
        op->state |= ROTA_OP_BLOCKED;
        if (!scan->watch || scan->watch == op)
            scan->blocked = true;
        return false;
    case DATA_TIMER:
    case DATA_CANCEL:
    case DATA_CANCEL_ALL:
        return true;
    default:
        return false;
    }
}

static void copy_out(const struct rota_ring *ring, struct completion *c,
                     const struct io_uring_cqe *cqe)
{
    bool big = (ring->flags & IORING_SETUP_CQE32) || rota_cqe_is_32(cqe);

    c->user_data = cqe->user_data;
    c->res = cqe->res;
    c->flags = cqe->flags;
    c->extra[0] = big ? cqe->big_cqe[0] : 0;
    c->extra[1] = big ? cqe->big_cqe[1] : 0;
}

/*
 * Empties slots that have others before them which stay. On a mixed ring they
 * become gap fillers, which every reader skips.
 */
static void empty(struct rota_ring *ring, uint32_t pos, uint32_t slots)
{
    for (uint32_t i = 0; i < slots; i++) {
        struct io_uring_cqe *cqe = rota_cqe_at(ring, pos + i);

        cqe->user_data = DATA_TAKEN;
        cqe->res = 0;
        cqe->flags = ring->flags & IORING_SETUP_CQE_MIXED ? IORING_CQE_F_SKIP : 0;
    }
}

/* Moves what stays between the head and `end` up to `end`, and the head behind the freed slots. */
static void close_gaps(struct rota_ring *ring, uint32_t end)
{
    uint32_t head = ring->cq.cqe_head;
    uint32_t to = end;

    for (uint32_t from = end; from != head;) {
        struct io_uring_cqe *cqe = rota_cqe_at(ring, --from);

        if (cqe->user_data == DATA_TAKEN)
            continue;
        if (--to != from) {
            const rota_word *source = (const rota_word *)(const void *)cqe;
            rota_word *words = (rota_word *)(void *)rota_cqe_at(ring, to);

            for (uint32_t i = 0; i < ring->cq.cqe_size / sizeof(*words); i++)
                words[i] = source[i];
        }
    }
    rota_cq_advance(ring, to - head);
}

void rota_scan_start(struct rota_scan *scan, const struct rota_ring *ring,
                     const struct rota_op *target)
{
    scan->target = target;
    scan->watch = NULL;
    scan->no_blocked = false;
    scan->hit = false;
    scan->ended = false;
    scan->blocked = false;
    scan->state = 0;
    scan->res = 0;
    scan->cancel_all = INT32_MIN;
    scan->delivered = 0;
    scan->taken = 0;
    scan->pos = ring->cq.cqe_head;
}

void rota_scan_queue(struct rota_ring *ring, struct rota_scan *scan)
{
    bool mixed = (ring->flags & IORING_SETUP_CQE_MIXED) != 0;
    bool gaps = false;
    struct completion c;

    /* Acquire: pairs with the kernel's release after it has written the CQE. */
    while (!scan->hit && scan->pos != rota_load_acquire(ring->cq.ktail)) {
        const struct io_uring_cqe *cqe = rota_cqe_at(ring, scan->pos);
        uint32_t slots = mixed ? rota_cqe_nr(cqe) : 1;
        bool filler = mixed && (cqe->flags & IORING_CQE_F_SKIP);

        if (!filler && !has_taker(cqe, scan)) {
            scan->pos += slots;
            continue;
        }
        copy_out(ring, &c, cqe);
        /* The slots go back before the callback runs, which may need them for what it starts. */
        if (scan->pos == ring->cq.cqe_head) {
            rota_cq_advance(ring, slots);
        } else if (!filler) {
            empty(ring, scan->pos, slots);
            gaps = true;
        }
        scan->pos += slots;
        if (filler)
            continue;
        scan->taken++;
        deliver(ring, &c, scan);
    }
    if (gaps && !mixed)
        close_gaps(ring, scan->pos);
}

int rota_deliver(struct rota_ring *ring, const struct io_uring_cqe *cqe)
{
    struct rota_scan scan;
    struct completion c;

    if (ring->calls.mode & ROTA_CALLS_DELIVERING)
        return -EDEADLK;
    rota_scan_start(&scan, ring, NULL);
    if (!has_taker(cqe, &scan))
        return scan.blocked ? -EBUSY : 0;
    copy_out(ring, &c, cqe);
    deliver(ring, &c, &scan);
    return 1;
}
