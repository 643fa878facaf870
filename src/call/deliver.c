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
    rota_op_callback *callback = state & ROTA_OP_CALLBACK ? op->callback : NULL;
    bool ended = !(state & ROTA_OP_ACTIVE);

    if (ended) {
        ring->calls.in_flight--;
        if (state & ROTA_OP_CANCELLED)
            rota_calls_stopped(ring, op);
        state = (state & (ROTA_OP_FRESH | ROTA_OP_CANCELLED | ROTA_OP_EXPIRED)) |
                rota_calls_settings(op) | ROTA_OP_DONE;
    }
    scan->delivered++;
    if (op == scan->target) {
        scan->hit = true;
        scan->ended = ended;
        scan->res = op->res;
        scan->state = state;
    } else if (!(state & ROTA_OP_DROPPING) && (ended || !callback)) {
        state |= ROTA_OP_FRESH; /* a callback takes all but the last, which an await returns */
    }
    op->state = state;
    if (callback) {
        ring->calls.mode |= ROTA_CALLS_DELIVERING;
        callback(ring, op);
        /* Neither a ring that is torn down has the mark, nor one that was made in its place. */
        scan->gone = !(ring->calls.mode & ROTA_CALLS_DELIVERING);
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
        /* -EALREADY: a worker was at it, and has been interrupted. */
        if (c->res == -ETIME || c->res == -EALREADY)
            op->state |= ROTA_OP_EXPIRED;
        if (op->state & ROTA_OP_HELD)
            settle(ring, op, scan);
        break;
    case DATA_CANCEL_ALL:
        scan->cancel_all = c->res;
        ring->calls.cancels--;
        if (ring->calls.mode & ROTA_CALLS_CLOSING)
            ring->calls.mode |= ROTA_CALLS_AGAIN; /* until nothing is in flight */
        break;
    case DATA_PAUSE:
        ring->calls.cancels--;
        ring->calls.mode &= ~ROTA_CALLS_PAUSED;
        if (ring->calls.mode & ROTA_CALLS_STOPPING)
            ring->calls.mode |= ROTA_CALLS_DUE;
        break;
    default:
        ring->calls.cancels--;
        /* Not found, or found at work. Whoever has ended meanwhile is not among them any more. */
        if (c->res < 0 && (ring->calls.mode & ROTA_CALLS_STOPPING))
            ring->calls.mode |= ROTA_CALLS_AGAIN;
    }
}

/* True when a completion with this user_data stays in the queue in front of the scan. */
static bool stays(const struct rota_ring *ring, const struct rota_scan *scan, uint64_t user_data)
{
    for (uint32_t pos = ring->cq.cqe_head; pos != scan->pos;
         pos += rota_cqe_width(ring, pos, scan->pos)) {
        if (rota_cqe_at(ring, pos)->user_data == user_data)
            return true;
    }
    return false;
}

/*
 * True when the completion can be taken from the queue now. What comes behind
 * one of the same handle that stays does so, too, whatever has become of the
 * handle meanwhile: nothing overtakes, and the last one comes last.
 */
static bool has_taker(const struct rota_ring *ring, const struct io_uring_cqe *cqe,
                      struct rota_scan *scan)
{
    struct rota_op *op;
    uint32_t blocking;
    bool blocked;

    switch (data_kind(cqe->user_data)) {
    case DATA_OP:
        op = data_handle(cqe->user_data);
        blocking = op->state & (ROTA_OP_FRESH | ROTA_OP_CALLBACK | ROTA_OP_DROPPING);
        /* A notification has a place of its own in the handle. */
        blocked = blocking == ROTA_OP_FRESH && !(cqe->flags & IORING_CQE_F_NOTIF);
        if (!blocked && (op->state & ROTA_OP_BLOCKED))
            blocked = stays(ring, scan, cqe->user_data);
        if (!blocked) {
            op->state &= ~ROTA_OP_BLOCKED;
            return true;
        }
        op->state |= ROTA_OP_BLOCKED;
        if (!scan->watch || scan->watch == op)
            scan->blocked = true;
        return false;
    case DATA_TIMER:
    case DATA_CANCEL:
    case DATA_CANCEL_ALL:
    case DATA_PAUSE:
        return true;
    default:
        return false;
    }
}

/* Copies the CQE in `slots` slots. */
static void copy_out(const struct rota_ring *ring, struct completion *c,
                     const struct io_uring_cqe *cqe, uint32_t slots)
{
    bool big = (ring->flags & IORING_SETUP_CQE32) || slots == 2;

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

static void copy_slot(struct rota_ring *ring, uint32_t to, uint32_t from)
{
    const rota_word *source = (const rota_word *)(const void *)rota_cqe_at(ring, from);
    rota_word *words = (rota_word *)(void *)rota_cqe_at(ring, to);

    for (uint32_t i = 0; i < ring->cq.cqe_size / sizeof(*words); i++)
        words[i] = source[i];
}

/* Moves what stays between the head and `end` up to `end`. Returns where it begins then. */
static uint32_t move_up(struct rota_ring *ring, uint32_t end)
{
    uint32_t to = end;

    for (uint32_t from = end; from != ring->cq.cqe_head;) {
        if (rota_cqe_at(ring, --from)->user_data != DATA_TAKEN && --to != from)
            copy_slot(ring, to, from);
    }
    return to;
}

/*
 * The same in a mixed queue, which can be read from the front only: a slot does
 * not tell whether it is a CQE or the second half of one. So what stays first
 * moves together at the head, and from there, slot by slot, up to `end`. Where
 * this would lay a large one around the end of the queue, it begins one slot
 * earlier, and a gap filler follows it; at least one slot is free for that.
 */
static uint32_t move_up_mixed(struct rota_ring *ring, uint32_t end)
{
    uint32_t head = ring->cq.cqe_head, mask = ring->cq.ring_mask;
    uint32_t packed = head, split = head, up, slots;
    bool splits = false;

    for (uint32_t from = head; from != end; from += slots) {
        slots = rota_cqe_width(ring, from, end);
        if (rota_cqe_at(ring, from)->flags & IORING_CQE_F_SKIP)
            continue;
        for (uint32_t i = 0; i < slots; i++)
            copy_slot(ring, packed + i, from + i);
        packed += slots;
    }
    up = end - packed;
    for (uint32_t i = head; (int32_t)(packed - i) > 0; i += slots) {
        slots = rota_cqe_is_32(rota_cqe_at(ring, i)) ? 2 : 1;
        if (slots == 2 && ((i + up) & mask) == mask) {
            split = i + 2;
            splits = true;
            break;
        }
    }
    for (uint32_t i = packed; i != head;) {
        i--;
        copy_slot(ring, i + up - (splits && (int32_t)(i - split) < 0), i);
    }
    if (splits)
        empty(ring, split + up - 1, 1);
    return head + up - splits;
}

/* Closes the gaps between what stays before `end`; the freed slots go back to the kernel. */
static void close_gaps(struct rota_ring *ring, uint32_t end)
{
    uint32_t first;

    ring->cq.moves++;
    first = ring->flags & IORING_SETUP_CQE_MIXED ? move_up_mixed(ring, end) : move_up(ring, end);

    rota_cq_advance(ring, first - ring->cq.cqe_head);
}

void rota_scan_start(struct rota_scan *scan, const struct rota_ring *ring,
                     const struct rota_op *target)
{
    scan->target = target;
    scan->watch = NULL;
    scan->no_blocked = false;
    scan->hit = false;
    scan->ended = false;
    scan->gone = false;
    scan->blocked = false;
    scan->state = 0;
    scan->res = 0;
    scan->cancel_all = INT32_MIN;
    scan->delivered = 0;
    scan->taken = 0;
    scan->pos = ring->cq.cqe_head;
}

/* True when the completion is one of a handle that has a callback. */
static bool calls_back(const struct completion *c)
{
    uint64_t kind = data_kind(c->user_data);

    return (kind == DATA_OP || kind == DATA_TIMER) &&
           (data_handle(c->user_data)->state & ROTA_OP_CALLBACK);
}

/* What stayed in front of the scan may have been taken: then it begins again. */
static void find_place(const struct rota_ring *ring, struct rota_scan *scan)
{
    if (scan->pos - ring->cq.cqe_head > rota_cq_ready(ring))
        scan->pos = ring->cq.cqe_head;
}

void rota_scan_queue(struct rota_ring *ring, struct rota_scan *scan)
{
    /* A kernel that is faster than this loop is left for the next one. */
    uint32_t most = ring->cq.ring_entries;
    uint32_t end;
    bool gaps = false;
    struct completion c;

    find_place(ring, scan); /* a wait's, when the kernel has marked them as gap fillers meanwhile */
    /* What else would be started by callbacks must not join a chain that one has left open. */
    while (!scan->hit && most-- && !(ring->calls.mode & ROTA_CALLS_CHAIN) &&
           scan->pos != (end = rota_cq_end(ring))) {
        const struct io_uring_cqe *cqe = rota_cqe_at(ring, scan->pos);
        uint32_t slots = rota_cqe_width(ring, scan->pos, end);
        bool filler = (ring->flags & IORING_SETUP_CQE_MIXED) && (cqe->flags & IORING_CQE_F_SKIP);

        if (!filler && !has_taker(ring, cqe, scan)) {
            scan->pos += slots;
            continue;
        }
        copy_out(ring, &c, cqe, slots);
        /* The slots go back before the callback runs, which may need them for what it starts. */
        if (scan->pos == ring->cq.cqe_head) {
            rota_cq_advance(ring, slots);
        } else {
            empty(ring, scan->pos, slots);
            gaps = true;
        }
        scan->pos += slots;
        if (filler)
            continue;
        scan->taken++;
        /* A callback finds the queue as its program left it: without what was emptied. */
        if (gaps && calls_back(&c)) {
            close_gaps(ring, scan->pos);
            gaps = false;
        }
        deliver(ring, &c, scan);
        if (scan->gone)
            return;
        find_place(ring, scan); /* a callback's doing */
    }
    if (gaps)
        close_gaps(ring, scan->pos);
}

/* The slots of a CQE that the caller has found; it may be any of them. */
static uint32_t width_of(const struct rota_ring *ring, const struct io_uring_cqe *cqe)
{
    const struct io_uring_cqe *last = rota_cqe_at(ring, ring->cq.ring_mask);

    return (ring->flags & IORING_SETUP_CQE_MIXED) && rota_cqe_is_32(cqe) && cqe != last ? 2 : 1;
}

int rota_deliver(struct rota_ring *ring, const struct io_uring_cqe *cqe)
{
    struct rota_scan scan;
    struct completion c;

    if (ring->calls.mode & ROTA_CALLS_DELIVERING)
        return -EDEADLK;
    rota_scan_start(&scan, ring, NULL);
    if (!has_taker(ring, cqe, &scan))
        return scan.blocked ? -EBUSY : 0;
    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        return -EBUSY;
    copy_out(ring, &c, cqe, width_of(ring, cqe));
    deliver(ring, &c, &scan);
    rota_calls_insist(ring);
    return 1;
}
