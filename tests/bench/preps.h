/* SPDX-License-Identifier: MIT */
/* One prep function as generated/tests/bench_preps.c measures it, for each side. */
#ifndef ROTA_BENCH_PREPS_H
#define ROTA_BENCH_PREPS_H

#include "side.h"

/* `times` SQEs, one by one or as a batch that is put into the queue at its end. */
#if defined(SIDE_BATCH)
#define WITH_BATCH(ring, times)                                                       \
    for (struct rota_batch batch_, *once_ = begin_batch(&batch_, ring, times); once_; \
         rota_batch_commit(once_), once_ = NULL)
#define FOR_EACH_SQE(ring, times, sqe) \
    WITH_BATCH(ring, times)            \
    rota_batch_for_each (&batch_, sqe)
#define FOR_EACH_SQE128(ring, times, sqe) \
    WITH_BATCH(ring, times)               \
    while ((sqe = rota_batch_add128(&batch_)))

static inline struct rota_batch *begin_batch(struct rota_batch *batch, RING *ring, unsigned times)
{
    return rota_batch_begin(batch, ring, times) < 0 ? NULL : batch;
}
#else
#define FOR_EACH_SQE(ring, times, sqe)    while (times-- && (sqe = R(get_sqe)(ring)))
#define FOR_EACH_SQE128(ring, times, sqe) while (times-- && (sqe = R(get_sqe128)(ring)))
#endif

struct prep_case {
    const char *name;
    void (*call)(RING *ring, unsigned times);
    bool big; /* its SQE has 128 bytes */
};

/* A NULL name ends them. */
extern const struct prep_case OF(prep_cases)[];

#endif /* ROTA_BENCH_PREPS_H */
