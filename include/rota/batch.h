/* SPDX-License-Identifier: MIT */
/*
 * Batches: several SQEs that enter the queue together or not at all.
 *
 *     struct rota_batch batch;
 *     int ret = rota_batch_begin(&batch, &ring, 3);
 *     if (ret < 0)
 *         return ret;                             (none was taken)
 *     struct io_uring_sqe *sqe = rota_batch_add(&batch);
 *     rota_prep_write(sqe, fd, header, header_size, 0);
 *     sqe->flags |= IOSQE_IO_LINK;
 *     ...
 *     ret = rota_batch_flush(&batch);             (one system call)
 *
 * A link chain belongs into a batch: if it does not fit, it is refused whole,
 * and nobody can submit half of it. It is also the fastest way to fill many
 * SQEs, because the batch lives in registers: keep it a local variable, and
 * pass its address to the functions below only.
 *
 * Between begin and its end (commit, flush or drop) nothing else may take SQEs
 * from the ring or submit, and the batch belongs to the submitting side. On a
 * ring of large SQEs (SQE128) those of a batch are large. On a mixed one
 * (SQE_MIXED) they are small, rota_batch_add128() takes large ones, and the
 * slots of the batch follow each other without a gap: where it would go over
 * the end of the queue, the slots up to there are filled with NOPs that post
 * no completion, as rota_get_sqe128() does.
 */
#ifndef ROTA_BATCH_H
#define ROTA_BATCH_H

#include <rota/submit.h>

ROTA_BEGIN_DECLS

/* SQEs that are reserved. The library's own. */
struct rota_batch {
    struct rota_ring *ring;
    struct io_uring_sqe *next;       /* next slot to hand out */
    struct io_uring_sqe *stop;       /* where rota_batch_slot takes the slow path */
    struct io_uring_sqe *stop_large; /* where rota_batch_add128 does */
    size_t step;                     /* bytes between two slots */
    uint32_t left;                   /* slots behind the end of the queue, at its beginning */
    uint32_t bias;                   /* what rota_sq::sqe_bias becomes */
};

/* What rota_batch_begin() calls once per round of the queue: how many slots follow each other. */
ROTA_API int rota_batch_begin_slow(struct rota_ring *ring, unsigned nr);

/* From `next` on, so many slots follow each other. */
ROTA_INLINE_ALWAYS void rota_batch_reach(struct rota_batch *batch, uint32_t run)
{
    const struct rota_ring *ring = batch->ring;
    struct io_uring_sqe *end =
        (struct io_uring_sqe *)(void *)((char *)batch->next + run * batch->step);

    /* `sqes` is never above `next`: the slow path, always. */
    batch->stop = batch->step == 64 ? end : ring->sq.sqes;
    if (batch->step != 64)
        batch->stop_large = end;
    else
        batch->stop_large = ring->flags & IORING_SETUP_SQE_MIXED ? end - 1 : ring->sq.sqes;
}

/* rota_batch_drop - free all SQEs of the batch; none is submitted. The batch has ended. */
ROTA_INLINE_ALWAYS void rota_batch_drop(struct rota_batch *batch)
{
    batch->stop = batch->next;
    batch->stop_large = batch->next;
    batch->left = 0;
}

/*
 * rota_batch_begin - reserve `nr` SQEs, or none.
 *
 * On a mixed ring `nr` counts slots: two for a large SQE.
 *
 * Returns 0, or with nothing changed, and `batch` one without SQEs:
 *
 * - EBADF: the ring is torn down
 * - EBUSY: fewer are free: submit (SQPOLL: rota_sqring_wait()), then try again
 * - EINVAL: nr is 0, or more than the queue has, so that it never fits
 */
ROTA_INLINE_ALWAYS int rota_batch_begin(struct rota_batch *batch, struct rota_ring *ring,
                                        unsigned nr)
{
    const struct rota_sq *sq = &ring->sq;

    batch->ring = ring;
    batch->step = 64;
    /* Up to sqe_stop all slots are free, as in rota_get_sqe(); it may lie before sqe_next. */
    if (ROTA_UNLIKELY((int64_t)(sq->sqe_stop - sq->sqe_next) < (int64_t)nr || !nr)) {
        int run = rota_batch_begin_slow(ring, nr);

        batch->next = sq->sqe_next;
        batch->bias = sq->sqe_bias;
        if (run < 0) {
            rota_batch_drop(batch);
            return run;
        }
        if (ring->flags & IORING_SETUP_SQE128)
            batch->step = 128;
        batch->left = nr - (uint32_t)run;
        rota_batch_reach(batch, (uint32_t)run);
        return 0;
    }
    batch->next = sq->sqe_next;
    batch->bias = sq->sqe_bias;
    batch->left = 0;
    rota_batch_reach(batch, nr);
    return 0;
}

/* The slots go on at the beginning of the queue; false when there are none. */
ROTA_INLINE_ALWAYS bool rota_batch_wrap(struct rota_batch *batch)
{
    if (!batch->left)
        return false;
    batch->next = batch->ring->sq.sqes;
    batch->bias += batch->ring->sq.ring_entries;
    rota_batch_reach(batch, batch->left);
    batch->left = 0;
    return true;
}

/* First half of rota_batch_add(): the next SQE, all zero, not taken yet; NULL if none is left. */
ROTA_INLINE_ALWAYS struct io_uring_sqe *rota_batch_slot(struct rota_batch *batch)
{
    if (ROTA_UNLIKELY(batch->next >= batch->stop)) {
        if ((batch->step == 64 || batch->next >= batch->stop_large) && !rota_batch_wrap(batch))
            return NULL;
        if (batch->step != 64)
            rota_sqe_clear(batch->next + 1);
    }
    rota_sqe_clear(batch->next);
    return batch->next;
}

/* Second half: the slot is taken. */
ROTA_INLINE_ALWAYS void rota_batch_take(struct rota_batch *batch)
{
    batch->next = (struct io_uring_sqe *)(void *)((char *)batch->next + batch->step);
}

/*
 * rota_batch_add - take the next SQE of the batch.
 *
 * All of its bytes are zero. Returns NULL when all were taken.
 */
ROTA_INLINE_ALWAYS struct io_uring_sqe *rota_batch_add(struct rota_batch *batch)
{
    struct io_uring_sqe *sqe = rota_batch_slot(batch);

    if (ROTA_LIKELY(sqe != NULL))
        rota_batch_take(batch);
    return sqe;
}

/*
 * rota_batch_add128 - take a large SQE of the batch.
 *
 * On a ring of large SQEs the same as rota_batch_add(), on a mixed one it
 * takes two slots. Returns NULL when that many are not left, and on other rings.
 */
ROTA_INLINE_ALWAYS struct io_uring_sqe *rota_batch_add128(struct rota_batch *batch)
{
    struct io_uring_sqe *sqe;

    /* A mixed queue has nothing to wrap to, a batch of small SQEs no large ones there either. */
    if (ROTA_UNLIKELY(batch->next >= batch->stop_large) &&
        (batch->step == 64 || !rota_batch_wrap(batch)))
        return NULL;
    sqe = batch->next;
    rota_sqe_clear128(sqe);
    batch->next = sqe + 2;
    return sqe;
}

/*
 * rota_batch_for_each - a loop that takes all SQEs of the batch that are left.
 *
 *     rota_batch_for_each (&batch, sqe)
 *         rota_prep_recv(sqe, ...);
 *
 * With `break` the SQE of that round is not taken; end the batch then.
 */
#define rota_batch_for_each(batch, sqe) \
    for (; ((sqe) = rota_batch_slot(batch)) != NULL; rota_batch_take(batch))

/*
 * rota_batch_commit - put the SQEs that were taken into the queue.
 *
 * They go with the next submit. Those that were reserved and not taken are
 * free again. The batch has ended.
 */
ROTA_INLINE_ALWAYS void rota_batch_commit(struct rota_batch *batch)
{
    struct rota_sq *sq = &batch->ring->sq;

    sq->sqe_next = batch->next;
    if (ROTA_UNLIKELY(batch->bias != sq->sqe_bias)) {
        /* In a new round: what is free there is found out by the next. */
        sq->sqe_bias = batch->bias;
        sq->sqe_stop = sq->sqes;
        sq->sqe_stop_large = sq->sqes;
    }
    rota_batch_drop(batch);
}

/* rota_batch_flush - commit, then rota_submit(), with its results: what was queued before goes too. */
ROTA_INLINE_ALWAYS int rota_batch_flush(struct rota_batch *batch)
{
    rota_batch_commit(batch);
    return rota_submit(batch->ring);
}

/* rota_batch_flush_and_wait - commit, then rota_submit_and_wait(). */
ROTA_INLINE_ALWAYS int rota_batch_flush_and_wait(struct rota_batch *batch, unsigned wait_nr)
{
    rota_batch_commit(batch);
    return rota_submit_and_wait(batch->ring, wait_nr);
}

ROTA_END_DECLS

#endif /* ROTA_BATCH_H */
