/* SPDX-License-Identifier: MIT */
/*
 * Large SQEs on the running kernel: alone, between small ones and over the
 * end of the queue in a gap, in chains; and a queue that begins anew with
 * each submission. Skipped where the kernel lacks them.
 */
#include "support.h"

static struct rota_ring ring;

/* A ring with these flags, or a skip of `checks` checks. */
static bool get_ring(unsigned entries, uint32_t flags, int checks, const char *since)
{
    int ret = rota_queue_init(entries, &ring, flags);

    if (ret == -EINVAL)
        skip(checks, "this kernel lacks it (%s)", since);
    else if (ret < 0)
        bail("rota_queue_init: %s", strerror(-ret));
    return ret >= 0;
}

/* A NOP of either size; NULL when it does not fit. */
static struct io_uring_sqe *add_nop(bool large, uint64_t data)
{
    struct io_uring_sqe *sqe = large ? rota_get_sqe128(&ring) : rota_get_sqe(&ring);

    if (!sqe)
        return NULL;
    if (large)
        sqe->opcode = IORING_OP_NOP128;
    else
        rota_prep_nop(sqe);
    sqe->user_data = data;
    return sqe;
}

static void test_mixed(uint32_t more, const char *kind)
{
    uint64_t sent = 0, seen = 0;
    unsigned gaps = 0, large = 0;
    bool right = true;

    if (!get_ring(8, IORING_SETUP_SQE_MIXED | more, 4, "6.19"))
        return;
    for (unsigned round = 0; round < 500; round++) {
        unsigned count = 1 + round % 3, slots = 0;
        struct io_uring_sqe *sqe = NULL;

        /* A chain, so that the order is certain, and a gap that breaks it is found out. */
        for (unsigned i = 0; i < count; i++) {
            bool is_large = (round + i * i) % 2;

            if (sqe)
                sqe->flags |= IOSQE_IO_LINK;
            sqe = add_nop(is_large, sent++);
            right &= sqe != NULL;
            if (!sqe)
                break;
            if (is_large)
                memset(sqe + 1, 0, sizeof(*sqe));
            slots += is_large ? 2 : 1;
            large += is_large;
        }
        if (!sqe)
            break;
        gaps += rota_sq_ready(&ring) - slots;
        slots = rota_sq_ready(&ring);
        right &= rota_submit_and_wait(&ring, count) == (int)slots;
        for (unsigned i = 0; i < count; i++) {
            struct completion got = next_cqe(&ring);

            right &= got.user_data == seen++ && got.res == 0;
        }
        right &= rota_cq_ready(&ring) == 0;
    }
    is_int(seen, sent, "%s: %u small and large ones complete", kind, (unsigned)sent);
    ok(right, "%s: in order, as the chains say", kind);
    ok(gaps > 20 && large > 100, "%s: %u large ones, %u gaps that nobody hears of", kind, large,
       gaps);
    is_int(rota_sq_dropped(&ring), 0, "%s: none is dropped", kind);
    rota_queue_exit(&ring);
}

/* A chain broken by a failure ends at the gap, too. */
static void test_broken_chain(void)
{
    struct rota_batch batch;
    struct io_uring_sqe *sqe;

    if (!get_ring(8, IORING_SETUP_SQE_MIXED | IORING_SETUP_SUBMIT_ALL, 10, "6.19"))
        return;
    for (uint64_t i = 0; i < 6; i++)
        add_nop(false, i);
    is_int(rota_submit_and_wait(&ring, 6), 6, "six slots are used");
    rota_cq_advance(&ring, 6);
    sqe = add_nop(false, 10);
    sqe->nop_flags = IORING_NOP_INJECT_RESULT;
    sqe->len = (uint32_t)-EIO;
    sqe->flags |= IOSQE_IO_LINK;
    sqe = add_nop(true, 11);
    is_int(rota_submit_and_wait(&ring, 3), 4, "a failure, a gap and a large one");
    is_cqe(next_cqe(&ring), 10, -EIO, 0, "the first");
    is_cqe(next_cqe(&ring), 0, -ECANCELED, 0, "the gap, because it could not succeed,");
    is_cqe(next_cqe(&ring), 11, -ECANCELED, 0, "the large one behind it");

    /* The same as a batch, which has no gap inside. */
    while (rota_sq_tail(&ring) % 8 != 6) {
        add_nop(false, 0);
        rota_submit(&ring);
        next_cqe(&ring);
    }
    is_int(rota_batch_begin(&batch, &ring, 3), 0, "a batch over the end of the queue");
    sqe = rota_batch_add(&batch);
    rota_prep_nop(sqe);
    sqe->user_data = 20;
    sqe->nop_flags = IORING_NOP_INJECT_RESULT;
    sqe->len = (uint32_t)-EIO;
    sqe->flags |= IOSQE_IO_LINK;
    sqe = rota_batch_add128(&batch);
    sqe->opcode = IORING_OP_NOP128;
    sqe->user_data = 21;
    is_int(rota_batch_flush_and_wait(&batch, 2), 5, "two slots of gap, and three");
    is_cqe(next_cqe(&ring), 20, -EIO, 0, "the first");
    is_cqe(next_cqe(&ring), 21, -ECANCELED, 0, "the large one next to it");
    is_int(rota_cq_ready(&ring), 0, "and no more");
    rota_queue_exit(&ring);
}

static void test_large_only(void)
{
    bool right = true;

    if (!get_ring(4, IORING_SETUP_SQE128, 1, "5.19"))
        return;
    for (unsigned round = 0; round < 50; round++) {
        struct io_uring_sqe *sqe = rota_get_sqe128(&ring);
        struct completion got;

        right &= sqe != NULL;
        if (!sqe)
            break;
        rota_prep_nop(sqe);
        sqe->user_data = round;
        right &= rota_submit(&ring) == 1;
        got = next_cqe(&ring);
        right &= got.user_data == round && !got.res;
    }
    ok(right, "SQE128: large ones around the queue");
    rota_queue_exit(&ring);
}

static void test_rewind(void)
{
    uint64_t sent = 0, seen = 0;
    bool right = true;

    if (!get_ring(8, IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY, 5, "7.0"))
        return;
    for (unsigned round = 0; round < 100; round++) {
        unsigned count = 1 + round % 8;

        for (unsigned i = 0; i < count; i++)
            right &= add_nop(false, sent++) == &ring.sq.sqes[i];
        right &= rota_submit_and_wait(&ring, count) == (int)count;
        for (unsigned i = 0; i < count; i++)
            right &= next_cqe(&ring).user_data == seen++;
    }
    ok(right, "SQ_REWIND: each submission begins at the first slot");

    for (unsigned i = 0; i < 5; i++) {
        struct io_uring_sqe *sqe = add_nop(false, 100 + i);

        if (i == 1)
            sqe->opcode = 255;
    }
    is_int(rota_submit(&ring), 2, "SQ_REWIND: the kernel stops after a bad one");
    is_int(rota_sq_ready(&ring), 3, "SQ_REWIND: three stay");
    is_int(rota_submit(&ring), 3, "SQ_REWIND: and go with the next submit");
    right = true;
    for (unsigned i = 0; i < 5; i++) {
        struct completion got = next_cqe(&ring);

        right &= got.user_data == 100 + i && got.res == (i == 1 ? -EINVAL : 0);
    }
    ok(right && !rota_cq_ready(&ring), "SQ_REWIND: each completes once");
    rota_queue_exit(&ring);
}

int main(void)
{
    make_ring(&ring, 1, 0);
    rota_queue_exit(&ring);
    test_large_only();
    test_mixed(0, "mixed");
    test_mixed(IORING_SETUP_NO_SQARRAY, "mixed without array");
    test_mixed(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "mixed, deferred");
    test_broken_chain();
    test_rewind();
    return done();
}
