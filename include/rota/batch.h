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
    struct io_uring_sqe *next; /* next slot to hand out, or the second half of the last one */
    struct io_uring_sqe *stop; /* the slot for which rota_batch_slot takes the slow path */
    uint32_t left;             /* slots of the batch that do not lie before `stop` */
    uint32_t bias;             /* what rota_sq::sqe_bias becomes */
};

/* What the functions below call where the slots that follow each other end, and for large SQEs. */
ROTA_API int rota_batch_begin_slow(struct rota_ring *ring, unsigned nr, uint32_t *left);
ROTA_API struct io_uring_sqe *rota_batch_slot_slow(struct rota_ring *ring,
                                                   struct io_uring_sqe *next, uint32_t *left,
                                                   struct io_uring_sqe **stop);
ROTA_API void rota_batch_commit_slow(struct rota_ring *ring, struct io_uring_sqe *next,
                                     uint32_t bias);

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
    struct rota_sq *sq = &ring->sq;
    uint32_t left = 0;
    int run = (int)nr; /* so many slots of the batch follow each other */

    /* Up to sqe_stop all slots are free, as in rota_get_sqe(). */
    if (ROTA_UNLIKELY((size_t)(sq->sqe_stop - sq->sqe_next) < nr || !nr))
        run = rota_batch_begin_slow(ring, nr, &left);
    batch->ring = ring;
    batch->next = sq->sqe_next;
    batch->stop = sq->sqe_next;
    batch->left = left;
    batch->bias = sq->sqe_bias;
    if (ROTA_UNLIKELY(run < 0))
        return run;
    batch->stop += run;
    return 0;
}

/* First half of rota_batch_add(): the next SQE, all zero, not taken yet; NULL if none is left. */
ROTA_INLINE_ALWAYS struct io_uring_sqe *rota_batch_slot(struct rota_batch *batch)
{
    struct io_uring_sqe *sqe = batch->next;

    if (ROTA_UNLIKELY(sqe == batch->stop)) {
        struct io_uring_sqe *stop; /* not the batch's own, which can then live in registers */
        uint32_t left = batch->left;

        if (!left)
            return NULL;
        sqe = rota_batch_slot_slow(batch->ring, sqe, &left, &stop);
        if (sqe < batch->next)
            batch->bias += batch->ring->sq.ring_entries;
        batch->next = sqe;
        batch->left = left;
        batch->stop = stop;
        return sqe;
    }
    rota_sqe_clear(sqe);
    return sqe;
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
        batch->next = sqe + 1;
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
    struct io_uring_sqe *sqe = batch->next;

    if (batch->ring->sq.sqe_shift != 6)
        return rota_batch_add(batch);
    if (!(batch->ring->flags & IORING_SETUP_SQE_MIXED) || batch->stop - sqe < 2)
        return NULL;
    batch->next = sqe + 2;
    rota_sqe_clear128(sqe);
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
    for (; ((sqe) = rota_batch_slot(batch)) != NULL; (batch)->next++)

/*
 * rota_batch_commit - put the SQEs that were taken into the queue.
 *
 * They go with the next submit. Those that were reserved and not taken are
 * free again. The batch has ended.
 */
ROTA_INLINE_ALWAYS void rota_batch_commit(struct rota_batch *batch)
{
    struct rota_sq *sq = &batch->ring->sq;

    if (ROTA_UNLIKELY(batch->bias != sq->sqe_bias || sq->sqe_shift != 6))
        rota_batch_commit_slow(batch->ring, batch->next, batch->bias);
    else
        sq->sqe_next = batch->next;
    batch->stop = batch->next;
    batch->left = 0;
}

/* rota_batch_drop - free all SQEs of the batch; none is submitted. The batch has ended. */
ROTA_INLINE_ALWAYS void rota_batch_drop(struct rota_batch *batch)
{
    batch->stop = batch->next;
    batch->left = 0;
}

/* rota_batch_flush - commit, then rota_submit(): what was in the queue before goes too. */
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
