/* SPDX-License-Identifier: MIT */
/*
 * Why a wait found nothing: what the queue still shows of the requests that the
 * kernel took. Only of a ring that is so young that none has been written over.
 */
#include "explain/explain.h"
#include "ring/core.h"

/* What was taken from the queue, and what may come of it. */
struct taken {
    uint32_t requests;
    uint32_t posted;                  /* completions, also of what other rings sent */
    uint32_t silent;                  /* requests that post nothing when they succeed */
    bool streams;                     /* one of them may post more than one */
    const struct rota_op_info *drain; /* the first with IOSQE_IO_DRAIN */
    uint32_t before;                  /* requests that stand before that one */
};

static bool may_stream(const struct rota_ring *ring, const struct rota_op_info *op,
                       const struct io_uring_sqe *sqe)
{
    return op->shape != ROTA_SHAPE_ONE &&
           (rota_conditions_hold(op->stream_when, sqe, ring) != ROTA_NO ||
            (op->stream_or_when.count &&
             rota_conditions_hold(op->stream_or_when, sqe, ring) != ROTA_NO));
}

/* False when that cannot be seen. */
static bool look(const struct rota_ring *ring, struct taken *taken)
{
    if (rota_is_dead(ring) || !ring->sq.khead || !ring->cq.ktail || !ring->sq.sqes ||
        (ring->flags & (IORING_SETUP_SQE_MIXED | IORING_SETUP_SQ_REWIND | IORING_SETUP_CQE_MIXED)))
        return false;
    taken->requests = rota_load_acquire(ring->sq.khead);
    taken->posted = rota_load_acquire(ring->cq.ktail);
    taken->silent = 0;
    taken->streams = false;
    taken->drain = NULL;
    taken->before = 0;
    if (rota_sq_tail(ring) > ring->sq.ring_entries || taken->requests > rota_sq_tail(ring))
        return false;
    for (uint32_t i = 0; i < taken->requests; i++) {
        const struct io_uring_sqe *sqe = rota_sqe_at(ring, i);
        const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

        if (!op)
            return false;
        taken->streams |= may_stream(ring, op, sqe);
        taken->silent += (sqe->flags & IOSQE_CQE_SKIP_SUCCESS) != 0;
        if ((sqe->flags & IOSQE_IO_DRAIN) && !taken->drain) {
            taken->drain = op;
            taken->before = i;
        }
    }
    return true;
}

static void put_silent(struct rota_cause_list *list, const struct taken *taken)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(list, ROTA_LIKELY, &w))
        return;
    rota_text_put(&w.text, "nothing is in flight that has to answer: of the requests submitted, ");
    rota_text_decimal(&w.text, taken->silent);
    rota_text_put(&w.text, taken->silent == 1 ? " has" : " have");
    rota_text_put(&w.text, " IOSQE_CQE_SKIP_SUCCESS, with which success posts no completion");
    rota_text_put(&w.remedy, "wait only for requests without the flag");
}

static void put_drain(struct rota_cause_list *list, const struct taken *taken)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(list, ROTA_LIKELY, &w))
        return;
    rota_text_all(&w.text, rota_word(taken->drain->name),
                  " with IOSQE_IO_DRAIN, and all behind it, wait until every request before it "
                  "has completed, and of ",
                  NULL);
    rota_text_decimal(&w.text, taken->before);
    rota_text_put(&w.text, " only ");
    rota_text_decimal(&w.text, taken->posted);
    rota_text_put(&w.text, taken->posted == 1 ? " has" : " have");
    rota_text_put(&w.remedy, "order requests by IOSQE_IO_LINK where some may wait for long");
}

void rota_situation_stall(struct rota_cause_list *list, const struct rota_ring *ring)
{
    struct rota_cause_writer w;
    struct taken taken;
    unsigned ready;

    if (list->process || !look(ring, &taken))
        return;
    ready = rota_cq_ready(ring);
    if (ready && rota_cause_add(list, ROTA_LIKELY, &w)) {
        rota_text_decimal(&w.text, ready);
        rota_text_put(&w.text, ready == 1 ? " completion is" : " completions are");
        rota_text_put(&w.text, " there, and the wait was for more");
        rota_text_put(&w.remedy, "wait for no more than are in flight");
        return;
    }
    if (!taken.requests && !taken.posted)
        rota_cause_put(list, ROTA_CERTAIN, "nothing was ever submitted to this ring", NULL);
    else if (taken.streams)
        return;
    else if (taken.drain && taken.posted + taken.silent < taken.before)
        put_drain(list, &taken);
    else if (taken.silent && taken.posted + taken.silent >= taken.requests)
        put_silent(list, &taken);
    else if (!taken.silent && taken.posted >= taken.requests)
        rota_cause_put(list, ROTA_LIKELY,
                       "every request that was submitted has completed already: nothing is in "
                       "flight",
                       "count what is in flight, and wait for no more");
}
