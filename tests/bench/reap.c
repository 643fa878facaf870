/* SPDX-License-Identifier: MIT */
/* Instructions to reap one CQE, by each method; what fills the queue is not counted. */
#include "side.h"

#include <errno.h>
#include <string.h>

#define READY 64u /* CQEs at a time */

static RING ring;

static uint64_t look_at(const struct io_uring_cqe *cqe)
{
    return (uint64_t)cqe->user_data + (uint32_t)cqe->res;
}

MEASURED uint64_t measured_peek(RING *r)
{
    uint64_t sum = 0;
#if defined(SIDE_RAW)
    while (r->cq_head != rota_load_acquire(r->cq_ktail)) {
        sum += look_at(&r->cqes[r->cq_head & r->cq_mask]);
        rota_store_release(r->cq_khead, ++r->cq_head);
    }
#else
    struct io_uring_cqe *cqe;

    while (!R(peek_cqe)(r, &cqe)) {
        sum += look_at(cqe);
        R(cqe_seen)(r, cqe);
    }
#endif
    return sum;
}

MEASURED uint64_t measured_for_each(RING *r)
{
    uint64_t sum = 0;
#if defined(SIDE_RAW)
    uint32_t head = r->cq_head, tail = rota_load_acquire(r->cq_ktail);

    while (head != tail)
        sum += look_at(&r->cqes[head++ & r->cq_mask]);
    r->cq_head = head;
    rota_store_release(r->cq_khead, head);
#else
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;

    R(for_each_cqe)(r, head, cqe)
    {
        sum += look_at(cqe);
        seen++;
    }
    R(cq_advance)(r, seen);
#endif
    return sum;
}

#if !defined(SIDE_RAW)
MEASURED uint64_t measured_peek_batch(RING *r)
{
    struct io_uring_cqe *cqes[READY];
    unsigned n = R(peek_batch_cqe)(r, cqes, READY);
    uint64_t sum = 0;

    for (unsigned i = 0; i < n; i++)
        sum += look_at(cqes[i]);
    R(cq_advance)(r, n);
    return sum;
}
#endif

#if defined(SIDE_ROTA)
MEASURED uint64_t measured_copy(RING *r)
{
    uint64_t room[READY * 2]; /* a CQE ends in a flexible array: there are no arrays of it */
    struct io_uring_cqe *cqes = (struct io_uring_cqe *)(void *)room;
    int n = rota_copy_cqes(r, cqes, READY, 0);
    uint64_t sum = 0;

    for (int i = 0; i < n; i++)
        sum += look_at(&cqes[i]);
    return sum;
}
#endif

static const struct {
    const char *name;
    uint64_t (*reap)(RING *r);
} cases[] = {
    {"peek, seen", measured_peek},
    {"for_each, advance", measured_for_each},
#if defined(SIDE_RAW)
    {"peek_batch, advance", NULL},
#else
    {"peek_batch, advance", measured_peek_batch},
#endif
#if defined(SIDE_ROTA)
    {"copy_cqes", measured_copy},
#else
    {"copy_cqes", NULL},
#endif
    {NULL, NULL},
};

static const char *name(unsigned index)
{
    return cases[index].name;
}

static int open_ring(unsigned index)
{
    return cases[index].reap ? side_init(&ring, READY, KIND_DEFAULT) : -ENOSYS;
}

static uint64_t run(unsigned index, unsigned times)
{
    uint64_t done = 0;

    for (; done < times; done += READY) {
        for (unsigned i = 0; i < READY; i++) {
            struct io_uring_sqe *sqe = R(get_sqe)(&ring);

            PREP(nop)(sqe);
            R(sqe_set_data64)(sqe, 1);
        }
        if (R(submit_and_wait)(&ring, READY) != (int)READY || cases[index].reap(&ring) != READY)
            return 0;
    }
    return done;
}

static void close_ring(void)
{
    R(queue_exit)(&ring);
}

const struct bench OF(reap) = {"reap", TEXT(SIDE), name, open_ring, run, close_ring};
