/* SPDX-License-Identifier: MIT */
/* The slots of the submission queue: those that are free, and those that a kernel has left. */
#include "ring/core.h"

void rota_sq_rewind(struct rota_ring *ring, uint32_t taken)
{
    uint32_t tail = rota_sq_tail(ring);
    /* It begins at 0 each time, so that there are no more than slots, unless the kernel is broken. */
    uint32_t left = tail <= ring->sq.ring_entries ? tail - taken : 0;
    size_t words = ((size_t)left << ring->sq.sqe_shift) / sizeof(rota_clear_word);
    rota_clear_word *to = (rota_clear_word *)(void *)ring->sq.sqes;
    const rota_clear_word *from = (const rota_clear_word *)(const void *)rota_sqe_at(ring, taken);

    for (size_t i = 0; i < words; i++)
        to[i] = from[i];
    rota_sq_continue_at(ring, left);
}

uint32_t rota_sq_find_free(struct rota_ring *ring)
{
    struct rota_sq *sq = &ring->sq;
    uint32_t tail, place, run;

    tail = rota_sq_tail(ring);
    /*
     * Acquire: under SQPOLL another thread consumes, and pairs with this when
     * it releases the head after having copied the SQE. Without SQPOLL the
     * head moves only within our own system calls.
     */
    run = sq->ring_entries - (tail - rota_load_acquire(sq->khead));
    if (!run)
        return 0;
    place = tail & sq->ring_mask;
    if (run > sq->ring_entries - place)
        run = sq->ring_entries - place; /* the next round begins at the first slot */

    rota_sq_continue_at(ring, tail);
    if (ring->flags & IORING_SETUP_SQE128) {
        sq->sqe_stop_large = sq->sqe_next + 2 * (size_t)run;
    } else {
        sq->sqe_stop = sq->sqe_next + run;
        if (ring->flags & IORING_SETUP_SQE_MIXED)
            sq->sqe_stop_large = sq->sqe_stop - 1; /* a large one does not begin in the last */
    }
    return run;
}

struct io_uring_sqe *rota_get_sqe_slow(struct rota_ring *ring)
{
    if (ring->flags & IORING_SETUP_SQE128)
        return rota_get_sqe128(ring);
    return rota_sq_find_free(ring) ? rota_get_sqe(ring) : NULL;
}

/*
 * The link flags of the last SQE of a mixed queue; 0 when it was submitted.
 * Found from the front, because a slot does not tell whether it is an SQE or
 * the second half of one.
 */
static uint8_t last_link(const struct rota_ring *ring)
{
    uint32_t tail = rota_sq_tail(ring);
    const struct io_uring_sqe *sqe = NULL;

    for (uint32_t i = rota_sq_unseen(ring); i != tail; i += rota_sqe_width(ring, i, tail))
        sqe = rota_sqe_at(ring, i);
    return sqe ? sqe->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK) : 0;
}

/*
 * The NOP in the last slot of the queue, where a large SQE may not begin. An
 * open link chain goes through it.
 */
static void fill_gap(struct rota_ring *ring)
{
    uint8_t link = last_link(ring);
    struct io_uring_sqe *gap = rota_get_sqe(ring);

    if (!gap)
        return; /* the kernel's head is nowhere in the queue */
    gap->opcode = IORING_OP_NOP;
    gap->fd = -1;
    gap->flags = IOSQE_CQE_SKIP_SUCCESS | link;
}

/* Room for a large SQE in a queue of both sizes, where the next slot is; false if there is none. */
static bool make_place(struct rota_ring *ring)
{
    const struct rota_sq *sq = &ring->sq;
    uint32_t space = rota_sq_space_left(ring);

    if (space < 2)
        return false;
    if ((rota_sq_tail(ring) & sq->ring_mask) == sq->ring_mask) {
        /* In a queue of two it has to go alone, or there would never be space. */
        if (space > 2 || sq->ring_entries == 2)
            fill_gap(ring);
        if (space == 2)
            return false;
    }
    return true;
}

struct io_uring_sqe *rota_get_sqe128_slow(struct rota_ring *ring)
{
    bool mixed = (ring->flags & IORING_SETUP_SQE_MIXED) != 0;

    if ((!mixed && !(ring->flags & IORING_SETUP_SQE128)) || (mixed && !make_place(ring)))
        return NULL;
    /* Where there is a place it is found, unless the kernel's head jumps meanwhile. */
    return rota_sq_find_free(ring) >= (mixed ? 2u : 1u) ? rota_get_sqe128(ring) : NULL;
}

int rota_batch_begin_slow(struct rota_ring *ring, unsigned nr)
{
    const struct rota_sq *sq = &ring->sq;
    uint32_t space, run;

    if (rota_is_dead(ring))
        return -EBADF;
    if (!nr || nr > sq->ring_entries)
        return -EINVAL;
    space = rota_sq_space_left(ring);
    if (nr > space)
        return -EBUSY;
    run = sq->ring_entries - (rota_sq_tail(ring) & sq->ring_mask);
    if (run < nr && (ring->flags & IORING_SETUP_SQE_MIXED)) {
        /*
         * Whatever its SQEs are, it begins at the first slot. The gap is filled
         * even if there is no space behind it: with the next submit there is.
         */
        for (space -= run; run; run--)
            fill_gap(ring);
        if (nr > space)
            return -EBUSY;
    }
    run = rota_sq_find_free(ring);
    return (int)(run < nr ? run : nr);
}
