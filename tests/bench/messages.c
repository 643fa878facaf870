/* SPDX-License-Identifier: MIT */
/* A message from one ring to another: get, prep, submit; reap on both. */
#include "side.h"

static RING from, to;

static const char *name(unsigned index)
{
    return index ? NULL : "msg_ring";
}

static int open_rings(unsigned index)
{
    int ret = side_init(&from, 8, KIND_DEFAULT);

    (void)index;
    return ret < 0 ? ret : side_init(&to, 8, KIND_DEFAULT);
}

#if defined(SIDE_RAW)
static int reap(struct raw_ring *r)
{
    int res;

    if (r->cq_head == rota_load_acquire(r->cq_ktail))
        return -1;
    res = r->cqes[r->cq_head & r->cq_mask].res;
    rota_store_release(r->cq_khead, ++r->cq_head);
    return res;
}
#define ring_fd fd
#else
static int reap(RING *r)
{
    struct io_uring_cqe *cqe;
    int res;

    if (R(peek_cqe)(r, &cqe))
        return -1;
    res = cqe->res;
    R(cqe_seen)(r, cqe);
    return res;
}
#endif

MEASURED uint64_t measured_messages(RING *a, RING *b, unsigned times)
{
    uint64_t done = 0;

    while (times--) {
        struct io_uring_sqe *sqe = R(get_sqe)(a);

        if (!sqe)
            return 0;
        PREP(msg_ring)(sqe, b->ring_fd, 1, 7, 0);
        R(sqe_set_data64)(sqe, 1);
        if (R(submit_and_wait)(a, 1) != 1 || reap(a) != 0 || reap(b) != 1)
            return 0;
        done++;
    }
    return done;
}

static uint64_t run(unsigned index, unsigned times)
{
    (void)index;
    return measured_messages(&from, &to, times);
}

static void close_rings(void)
{
    R(queue_exit)(&from);
    R(queue_exit)(&to);
}

const struct bench OF(messages) = {"messages", TEXT(SIDE), name, open_rings, run, close_rings};
