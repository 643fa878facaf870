/* SPDX-License-Identifier: MIT */
/* Starting requests with handles: the general paths, deadlines, chains, and misuse. */
#include "call/calls.h"

#include <rota/prep.h>

/* The bits of a handle's address that its user_data has no room for. */
static bool is_usable(const struct rota_op *op)
{
    return op && !((uint64_t)(uintptr_t)op & ROTA_OP_DATA_MASK);
}

/* Slots that one start takes: its own, which may be two wide, and that of its deadline. */
static uint32_t slots_of(const struct rota_ring *ring, const struct rota_op *op, bool big)
{
    uint32_t slots = 1;

    /* A large SQE in a queue of small ones takes two, and may need a filler before it. */
    if (big && rota_calls_small(ring))
        slots = ring->sq.ring_entries > 2 ? 3 : 2;
    return op->state & ROTA_OP_DEADLINE ? slots + 1 : slots;
}

/* True when the open chain is all that has entered the queue since it was begun. */
static bool is_unmixed(const struct rota_ring *ring)
{
    const struct io_uring_sqe *last = ring->calls.last;
    uint32_t tail = rota_sq_tail(ring);

    if (!last)
        return tail == ring->calls.chain_tail;
    return last == rota_sqe_at(ring, tail - 1) ||
           (last == rota_sqe_at(ring, tail - 2) && rota_sqe_width(ring, tail - 2, tail) == 2);
}

static int begin(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe **sqe_ptr,
                 bool big)
{
    struct io_uring_sqe *sqe;
    uint32_t slots;
    int ret;

    if (!is_usable(op))
        return -EINVAL;
    if (op->state & ROTA_OP_ACTIVE)
        return -EALREADY;
    if (ring->calls.mode & ROTA_CALLS_CLOSING)
        return -ESHUTDOWN;
    if (big && !(ring->flags & (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED)))
        return -EINVAL;
    slots = slots_of(ring, op, big);
    if (ring->calls.mode & ROTA_CALLS_CHAIN) {
        if (!is_unmixed(ring))
            return -EINVAL;
        /* Submitting to make room would cut the chain. */
        if (slots > ring->calls.chain_room)
            return -ENOSPC;
    } else {
        ret = rota_calls_room(ring, slots);
        if (ret < 0)
            return ret;
    }
    sqe = big ? rota_get_sqe128(ring) : rota_get_sqe(ring);
    if (!sqe)
        return -EAGAIN;
    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        ring->calls.chain_room -= slots;
    sqe->user_data = data_of(op, DATA_OP);
    op->state = (op->state & ROTA_OP_SETTINGS) | ROTA_OP_PENDING;
    ring->calls.in_flight++;
    *sqe_ptr = sqe;
    return 1;
}

/* A start says `ret`. The first one that fails is what the end of an open chain says. */
static int started(struct rota_ring *ring, int ret)
{
    if (ret < 0 && (ring->calls.mode & ROTA_CALLS_CHAIN) && !ring->calls.chain_error)
        ring->calls.chain_error = ret;
    return ret;
}

int rota_op_begin_slow(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe **sqe_ptr,
                       bool big)
{
    return started(ring, begin(ring, op, sqe_ptr, big));
}

/* The SQE behind the request's own that bounds its time. */
static struct io_uring_sqe *add_deadline(struct rota_ring *ring, struct rota_op *op)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring); /* begin has made sure of it */

    sqe->opcode = IORING_OP_LINK_TIMEOUT;
    sqe->fd = -1;
    sqe->addr = (uint64_t)(uintptr_t)op->deadline;
    sqe->len = 1;
    sqe->user_data = data_of(op, DATA_TIMER);
    op->state |= ROTA_OP_TIMER;
    return sqe;
}

/* SQEs that the kernel has not been told of. */
static uint32_t unsubmitted(const struct rota_ring *ring)
{
    if (ring->flags & IORING_SETUP_SQPOLL)
        return rota_sq_tail(ring) - ring->sq.sqe_head;
    return rota_sq_ready(ring);
}

/* Submits when there is enough for the policy. The SQEs stay in the queue if that fails. */
static void submit_batch(struct rota_ring *ring)
{
    if (ring->calls.batch && unsubmitted(ring) >= ring->calls.batch)
        (void)rota_calls_enter(ring, 0, NULL);
}

int rota_op_commit(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe *sqe, int begun)
{
    struct io_uring_sqe *last = sqe;

    if (begun < 0)
        return begun;
    if (op->state & ROTA_OP_FLAGS)
        sqe->flags |= op->sqe_flags;
    if (op->state & ROTA_OP_DEADLINE) {
        sqe->flags |= IOSQE_IO_LINK;
        last = add_deadline(ring, op);
    }
    if (ring->calls.mode & ROTA_CALLS_CHAIN) {
        /* The link to its deadline has to be a soft one, or the timeout would not be its own. */
        last->flags |= ring->calls.chain_link;
        op->next = ring->calls.chain;
        ring->calls.chain = op;
        ring->calls.last = last;
    } else {
        submit_batch(ring);
    }
    return 0;
}

/* Where the SQEs begin that can still become a start: nothing in front of an open chain joins it. */
static uint32_t open_from(const struct rota_ring *ring)
{
    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        return ring->calls.chain_tail;
    return rota_sq_unseen(ring);
}

int rota_start_sqe(struct rota_ring *ring, struct rota_op *op, struct io_uring_sqe *sqe)
{
    uint32_t tail = rota_sq_tail(ring), slots;
    uint64_t copy[16];
    size_t words;
    struct io_uring_sqe *again;
    int ret = -EINVAL;

    if (ring->calls.mode & ROTA_CALLS_NO_RING)
        return rota_calls_no_ring(ring);
    if (!sqe)
        return started(ring, -EINVAL);
    slots = 1;
    if (sqe == rota_sqe_at(ring, tail - 2))
        slots = rota_sqe_width(ring, tail - 2, tail);
    if (sqe != rota_sqe_at(ring, tail - slots) || tail - open_from(ring) < slots)
        return started(ring, -EINVAL);
    words = ((size_t)slots << ring->sq.sqe_shift) / sizeof(copy[0]);
    /* Taken back first, so that room can be made and a failure leaves nothing. */
    for (size_t i = 0; i < words; i++)
        copy[i] = ((const rota_word *)(const void *)sqe)[i];
    rota_sq_continue_at(ring, tail - slots);
    if (!(sqe->flags & (IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK | IOSQE_IO_HARDLINK)))
        ret = begin(ring, op, &again, slots == 2);
    if (ret < 0)
        return started(ring, ret);
    for (size_t i = 0; i < words; i++)
        ((rota_word *)(void *)again)[i] = copy[i];
    again->user_data = data_of(op, DATA_OP);
    return rota_op_commit(ring, op, again, ret);
}

void rota_submit_after(struct rota_ring *ring, unsigned starts)
{
    ring->calls.batch = starts;
    ring->calls.mode &= ~ROTA_CALLS_BATCH;
    if (starts)
        ring->calls.mode |= ROTA_CALLS_BATCH;
}

/* Opens the chain, or closes it; while it is open nothing can be submitted. */
static void set_chain(struct rota_ring *ring, bool open)
{
    if (open)
        ring->calls.mode |= ROTA_CALLS_CHAIN;
    else
        ring->calls.mode &= ~ROTA_CALLS_CHAIN;
    rota_submit_choose(ring);
}

int rota_chain_begin(struct rota_ring *ring, unsigned count, unsigned link)
{
    int ret;

    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        return -EBUSY;
    if (!count || (link != IOSQE_IO_LINK && link != IOSQE_IO_HARDLINK))
        return -EINVAL;
    ret = rota_calls_room(ring, count);
    if (ret < 0)
        return ret;
    set_chain(ring, true);
    ring->calls.chain = NULL;
    ring->calls.last = NULL;
    ring->calls.chain_tail = rota_sq_tail(ring);
    ring->calls.chain_room = count;
    ring->calls.chain_error = 0;
    ring->calls.chain_link = (uint8_t)link;
    return 0;
}

void rota_chain_drop(struct rota_ring *ring)
{
    if (!(ring->calls.mode & ROTA_CALLS_CHAIN))
        return;
    for (struct rota_op *op = ring->calls.chain; op; op = op->next) {
        op->state = rota_calls_settings(op);
        ring->calls.in_flight--;
    }
    rota_sq_continue_at(ring, ring->calls.chain_tail);
    set_chain(ring, false);
}

int rota_chain_end(struct rota_ring *ring)
{
    int ret = ring->calls.chain_error;

    if (!(ring->calls.mode & ROTA_CALLS_CHAIN))
        return -EINVAL;
    if (!ret && !is_unmixed(ring))
        ret = -EINVAL;
    if (ret < 0) {
        rota_chain_drop(ring);
        return ret;
    }
    if (ring->calls.last)
        ring->calls.last->flags &= (uint8_t) ~(IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
    set_chain(ring, false);
    submit_batch(ring);
    return 0;
}

void rota_op_misuse(const struct rota_op *op, const char *what)
{
    (void)op; /* for the debugger, in the frame that traps */
    rota_end_program(what);
}
