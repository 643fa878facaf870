/* SPDX-License-Identifier: MIT */
/* The life of a request, on rings of every kind: SQE, indices, submit, CQE, full queue, order. */
#include "support.h"

/* Private and shared indices of both queues, at once. */
static void is_state(const struct rota_ring *ring, unsigned own_tail, unsigned sq_head,
                     unsigned sq_tail, unsigned cq_head, unsigned cq_tail, const char *when)
{
    const unsigned got[] = {rota_sq_tail(ring), *ring->sq.khead, *ring->sq.ktail,
                            ring->cq.cqe_head,  *ring->cq.khead, *ring->cq.ktail};
    const unsigned expected[] = {own_tail, sq_head, sq_tail, cq_head, cq_head, cq_tail};

    is_mem(got, expected, sizeof(got), "indices %s", when);
}

static void test_life(const char *kind, struct rota_ring *ring)
{
    const struct io_uring_sqe expected = {
        .opcode = IORING_OP_NOP, .fd = -1, .user_data = 0xaaaaaaaa00000001};
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;

    diag("%s: flags 0x%x", kind, ring->flags);
    memset(ring->sq.sqes, 0xa5, ring->sq.sqes_sz);
    is_state(ring, 0, 0, 0, 0, 0, "at the start");
    sqe = must_get_sqe(ring);
    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, 0xaaaaaaaa00000001);
    is_mem(sqe, &expected, sizeof(expected), "the SQE is exactly a NOP");
    is_state(ring, 1, 0, 0, 0, 0, "after preparing");
    is_int(rota_sq_ready(ring), 1, "one is ready to be submitted");
    is_int(rota_sq_space_left(ring), ring->sq.ring_entries - 1, "the other slots are free");
    is_int(rota_peek_cqe(ring, &cqe), -EAGAIN, "nothing is complete");
    ok(!cqe, "and there is no CQE");

    is_int(rota_submit(ring), 1, "one is submitted");
    is_int(rota_wait_cqe(ring, &cqe), 0, "it completes");
    is_state(ring, 1, 1, 1, 0, 1, "after completion");
    is_cqe(whole(cqe), 0xaaaaaaaa00000001, 0, 0, "NOP");
    is_int(rota_cq_ready(ring), 1, "one is ready to be seen");
    rota_cqe_seen(ring, cqe);
    is_state(ring, 1, 1, 1, 1, 1, "after it was seen");
    rota_cqe_seen(ring, NULL);
    is_state(ring, 1, 1, 1, 1, 1, "after nothing was seen");
    is_int(rota_submit(ring), 0, "then there is nothing to submit");

    sqe = must_get_sqe(ring);
    rota_prep_nop(sqe);
    rota_sqe_set_flags(sqe, IOSQE_IO_DRAIN);
    rota_sqe_set_data(sqe, ring);
    is_int(rota_submit_and_wait(ring, 1), 1, "a second one, draining");
    is_int(rota_peek_cqe(ring, &cqe), 0, "is complete after the wait");
    ok(rota_cqe_get_data(cqe) == (void *)ring, "with the pointer that it was given");
    rota_cqe_seen(ring, cqe);
    is_state(ring, 2, 2, 2, 2, 2, "at the end");
}

static void test_full(void)
{
    struct rota_ring ring;
    struct io_uring_sqe *first;

    make_ring(&ring, 1, 0);
    first = must_get_sqe(&ring);
    ok(!rota_get_sqe(&ring), "a ring of one has no second SQE");
    ok(!rota_get_sqe(&ring), "and none when asked again");
    is_int(rota_sq_space_left(&ring), 0, "no space is left");
    rota_prep_nop(first);
    is_int(rota_submit(&ring), 1, "the first goes");
    ok(rota_get_sqe(&ring) == first, "then its slot is free again");
    rota_queue_exit(&ring);
}

static void test_clean_slots(void)
{
    static const char zero[128];
    struct rota_ring ring;

    make_ring(&ring, 4, IORING_SETUP_SQE128);
    memset(ring.sq.sqes, 0xff, ring.sq.sqes_sz);
    for (unsigned i = 0; i < 4; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        is_int((char *)sqe - (char *)ring.sq.sqes, 128 * (int)i, "large SQE %u has its place", i);
        is_mem(sqe, zero, 128, "and all 128 bytes are zero");
        if (i < 3)
            is_int(((unsigned char *)sqe)[128], 0xff, "and no byte more");
    }
    ok(!rota_get_sqe(&ring), "a full ring has none");
    is_int(rota_submit_and_wait(&ring, 4), 4, "zeroed SQEs are NOPs");
    rota_queue_exit(&ring);
}

static void test_large_cqes(void)
{
    struct rota_ring ring;
    struct io_uring_cqe *cqe;

    make_ring(&ring, 4, IORING_SETUP_CQE32);
    for (unsigned i = 0; i < 20; i++) {
        rota_sqe_set_data64(must_get_sqe(&ring), i);
        is_int(rota_submit_and_wait(&ring, 1), 1, "request %u", i);
        is_int(rota_peek_cqe(&ring, &cqe), 0, "is there");
        is_int((char *)cqe - (char *)ring.cq.cqes, 32 * (i & 7), "in its place");
        is_cqe(whole(cqe), i, 0, 0, "NOP");
        rota_cqe_seen(&ring, cqe);
    }
    rota_queue_exit(&ring);
}

static void test_batches(void)
{
    struct io_uring_cqe *cqes[16], *cqe;
    struct rota_ring ring;
    unsigned head, seen = 0;

    make_ring(&ring, 8, 0);
    is_int(rota_peek_batch_cqe(&ring, cqes, 16), 0, "an empty queue has no batch");
    for (unsigned round = 0; round < 10; round++) {
        bool in_order = true;

        for (unsigned i = 0; i < 7; i++)
            rota_sqe_set_data64(must_get_sqe(&ring), round * 10 + i);
        is_int(rota_submit_and_wait(&ring, 7), 7, "round %u", round);
        is_int(rota_cq_ready(&ring), 7, "all ready");
        seen = 0;
        rota_for_each_cqe (&ring, head, cqe) {
            in_order &= cqe->user_data == round * 10 + seen && head == round * 7 + seen;
            seen++;
        }
        ok(in_order && seen == 7, "are iterated over in order");
        is_int(rota_peek_batch_cqe(&ring, cqes, 3), 3, "three of them in a batch");
        is_int(cqes[2]->user_data, round * 10 + 2, "in order");
        rota_cq_advance(&ring, 3);
        is_int(rota_peek_batch_cqe(&ring, cqes, 16), 4, "the other four");
        is_int(cqes[0]->user_data, round * 10 + 3, "from where it stopped");
        rota_cq_advance(&ring, 4);
        is_int(rota_cq_ready(&ring), 0, "and all are seen");
    }
    for (unsigned i = 0; i < 5; i++)
        rota_sqe_set_data64(must_get_sqe(&ring), i);
    is_int(rota_submit_and_wait(&ring, 5), 5, "five more");
    seen = 0;
    rota_for_each_cqe (&ring, head, cqe) {
        seen += cqe->user_data == seen;
        rota_cqe_seen(&ring, cqe);
    }
    is_int(seen, 5, "may be marked seen inside the iteration");
    is_int(rota_cq_ready(&ring), 0, "and are");
    rota_queue_exit(&ring);
}

int main(void)
{
    struct rota_config config;
    struct rota_ring ring;

    make_ring(&ring, 8, 0);
    test_life("exact", &ring);
    rota_queue_exit(&ring);

    if (rota_init(&ring, 8, NULL) < 0)
        bail("rota_init");
    test_life("single owner", &ring);
    rota_queue_exit(&ring);

    rota_config_shared(&config);
    if (rota_init(&ring, 8, &config) < 0)
        bail("rota_init");
    test_life("shared", &ring);
    rota_queue_exit(&ring);

    test_full();
    if (rota_queue_init(4, &ring, IORING_SETUP_SQE128) == -EINVAL) {
        skip(2, "this kernel has no large SQEs and CQEs (5.19)");
    } else {
        rota_queue_exit(&ring);
        test_clean_slots();
        test_large_cqes();
    }
    test_batches();
    return done();
}
