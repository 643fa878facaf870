/* SPDX-License-Identifier: MIT */
/* The whole NOP loop: get, prep, submit and wait, reap; in batches, for two kinds of ring. */
#include "side.h"

#if defined(SIDE_HANDLES)
#include <rota/call.h>
#endif

#define MAX_BATCH 128u

static const struct {
    const char *name;
    unsigned batch;
    enum kind kind;
} cases[] = {
    {"default 1", 1, KIND_DEFAULT},       {"default 4", 4, KIND_DEFAULT},
    {"default 32", 32, KIND_DEFAULT},     {"default 128", 128, KIND_DEFAULT},
    {"single-owner 1", 1, KIND_SINGLE},   {"single-owner 4", 4, KIND_SINGLE},
    {"single-owner 32", 32, KIND_SINGLE}, {"single-owner 128", 128, KIND_SINGLE},
    {"own defaults 1", 1, KIND_OWN},      {NULL, 0, KIND_OWN},
};

static RING ring;

static const char *name(unsigned index)
{
    return cases[index].name;
}

static int open_ring(unsigned index)
{
    return side_init(&ring, MAX_BATCH, cases[index].kind);
}

#if defined(SIDE_RAW)
/* Free slots are not looked for: after each round all are. */
MEASURED uint64_t measured_nop(struct raw_ring *r, unsigned batch, unsigned rounds)
{
    uint64_t sum = 0;

    while (rounds--) {
        uint32_t tail = r->sq_tail, head = r->cq_head;

        for (unsigned i = 0; i < batch; i++) {
            struct io_uring_sqe *sqe = &r->sqes[tail++ & r->sq_mask];

            memset(sqe, 0, sizeof(*sqe));
            sqe->opcode = IORING_OP_NOP;
            sqe->user_data = 1;
        }
        r->sq_tail = tail;
        rota_store_release(r->sq_ktail, tail);
        if (raw_enter(r, batch, batch) != (long)batch)
            return 0;
        tail = rota_load_acquire(r->cq_ktail);
        while (head != tail)
            sum += r->cqes[head++ & r->cq_mask].user_data;
        r->cq_head = head;
        rota_store_release(r->cq_khead, head);
    }
    return sum;
}
#elif defined(SIDE_HANDLES)
MEASURED uint64_t measured_nop(struct rota_ring *r, unsigned batch, unsigned rounds)
{
    static struct rota_op ops[MAX_BATCH];
    uint64_t sum = 0;

    while (rounds--) {
        for (unsigned i = 0; i < batch; i++)
            if (rota_start_nop(r, &ops[i]) < 0)
                return 0;
        for (unsigned i = 0; i < batch; i++)
            sum += !rota_await(r, &ops[i]);
    }
    return sum;
}
#else
/* Submits `batch` NOPs and waits for them. */
static inline bool submit(RING *r, unsigned batch)
{
#if defined(SIDE_BATCH)
    struct rota_batch b;
    struct io_uring_sqe *sqe;

    if (rota_batch_begin(&b, r, batch) < 0)
        return false;
    while ((sqe = rota_batch_add(&b))) {
        rota_prep_nop(sqe);
        rota_sqe_set_data64(sqe, 1);
    }
    return rota_batch_flush_and_wait(&b, batch) == (int)batch;
#else
    for (unsigned i = 0; i < batch; i++) {
        struct io_uring_sqe *sqe = R(get_sqe)(r);

        if (!sqe)
            return false;
        PREP(nop)(sqe);
        R(sqe_set_data64)(sqe, 1);
    }
    return R(submit_and_wait)(r, batch) == (int)batch;
#endif
}

MEASURED uint64_t measured_nop(RING *r, unsigned batch, unsigned rounds)
{
    uint64_t sum = 0;

    while (rounds--) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        if (!submit(r, batch))
            return 0;
        R(for_each_cqe)(r, head, cqe)
        {
            sum += R(cqe_get_data64)(cqe);
            seen++;
        }
        R(cq_advance)(r, seen);
    }
    return sum;
}
#endif

static uint64_t run(unsigned index, unsigned times)
{
    unsigned batch = cases[index].batch;

    return measured_nop(&ring, batch, (times + batch - 1) / batch);
}

static void close_ring(void)
{
    R(queue_exit)(&ring);
}

const struct bench OF(nop) = {"nop", TEXT(SIDE), name, open_ring, run, close_ring};
