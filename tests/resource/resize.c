/* SPDX-License-Identifier: MIT */
/* Queues that change their size while requests are in flight, completions ready and SQEs taken. */
#include "resource.h"

#define KIND (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)

static int resize(struct rota_ring *ring, unsigned sq, unsigned cq)
{
    struct io_uring_params params;

    memset(&params, 0, sizeof(params));
    params.sq_entries = sq;
    if (cq) {
        params.cq_entries = cq;
        params.flags = IORING_SETUP_CQSIZE;
    }
    return rota_resize_rings(ring, &params);
}

/* Ends the program where the kernel cannot resize. */
static void need_resize(void)
{
    struct rota_ring ring;
    int ret = -EINVAL;

    if (try_ring(&ring, 4, KIND)) {
        ret = resize(&ring, 8, 0);
        rota_queue_exit(&ring);
    }
    if (ret == -EINVAL)
        skip_all("the kernel does not resize rings (6.13)");
}

static void prepare(struct rota_ring *ring, unsigned count, uint64_t first)
{
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(ring);

        rota_prep_nop(sqe);
        rota_sqe_set_data64(sqe, first + i);
    }
}

static void are_ready(struct rota_ring *ring, unsigned count, uint64_t first, const char *when);

/* The same parameters again and again: what an answer left in them is no wish. */
static void test_reuse(unsigned flags)
{
    static const unsigned sizes[] = {64, 16, 8, 128, 32};
    struct io_uring_params params;
    struct rota_ring ring;

    diag("parameters used again, flags 0x%x", KIND | flags);
    make_ring(&ring, 8, KIND | flags);
    memset(&params, 0, sizeof(params));
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        params.sq_entries = sizes[i];
        is_int(rota_resize_rings(&ring, &params), 0, "to %u", sizes[i]);
        is_int(ring.sq.ring_entries, sizes[i], "as asked for");
        is_int(ring.cq.ring_entries, 2 * sizes[i], "with twice as many completions");
        prepare(&ring, 8, 1000 * i);
        is_int(rota_submit_and_wait(&ring, 8), 8, "eight requests");
        are_ready(&ring, 8, 1000 * i, "those that were prepared");
    }
    /* Everything else may hold anything. */
    memset(&params, 0xff, sizeof(params));
    params.flags = IORING_SETUP_CLAMP;
    params.sq_entries = 16;
    is_int(rota_resize_rings(&ring, &params), 0, "what is not asked for is not looked at");
    prepare(&ring, 8, 7);
    is_int(rota_submit_and_wait(&ring, 8), 8, "eight more");
    are_ready(&ring, 8, 7, "after that");
    rota_queue_exit(&ring);
}

/* Takes the completions that are ready, and checks that they count on from `first`. */
static void are_ready(struct rota_ring *ring, unsigned count, uint64_t first, const char *when)
{
    struct io_uring_cqe *cqe;
    unsigned seen = 0;
    bool same = true;

    is_int(rota_cq_ready(ring), count, "%u completions are ready %s", count, when);
    while (!rota_peek_cqe(ring, &cqe)) {
        if (cqe->user_data != first + seen || cqe->res) {
            diag("got user_data %llu, res %d", (unsigned long long)cqe->user_data, cqe->res);
            same = false;
        }
        seen++;
        rota_cqe_seen(ring, cqe);
    }
    ok(same && seen == count, "each of them once, in order");
}

static void test_sizes(unsigned flags)
{
    struct footprint before = footprint();
    struct io_uring_params params;
    struct rota_ring ring;

    diag("flags 0x%x", KIND | flags);
    make_ring(&ring, 8, KIND | flags);
    memset(&params, 0, sizeof(params));
    params.sq_entries = 20;
    is_int(rota_resize_rings(&ring, &params), 0, "8 entries become 20");
    is_int(ring.sq.ring_entries, 32, "which are 32");
    is_int(ring.cq.ring_entries, 64, "and twice as many for completions");
    is_int(params.sq_entries, 32, "the parameters say so, too");
    is_int(params.cq_entries, 64, "for both");
    prepare(&ring, 32, 100);
    ok(!rota_get_sqe(&ring), "32 fit, not one more");
    is_int(rota_submit_and_wait(&ring, 32), 32, "all are submitted");
    are_ready(&ring, 32, 100, "in the larger queue");
    is_int(rota_sq_dropped(&ring), 0, "none was dropped");

    is_int(resize(&ring, 1, 2), 0, "1 and 2");
    for (unsigned i = 0; i < 3; i++)
        ok(works(&ring, 77), "the smallest ring works");
    is_int(resize(&ring, 2, 4), 0, "2 and 4");
    is_int(ring.sq.ring_entries, 2, "2");
    is_int(ring.cq.ring_entries, 4, "and 4");
    prepare(&ring, 2, 200);
    ok(!rota_get_sqe(&ring), "2 fit, not one more");
    is_int(rota_submit_and_wait(&ring, 2), 2, "both are submitted");
    are_ready(&ring, 2, 200, "in the smaller queue");
    is_int(resize(&ring, 8, 0), 0, "and back");
    ok(works(&ring, 1), "the ring works");
    rota_queue_exit(&ring);
    is_clean(before, "resizing");
}

/* A round of everything at once: in flight, ready, taken. */
static void test_in_flight(unsigned flags, unsigned sq, unsigned cq)
{
    struct footprint before = footprint();
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    int pair[2];

    diag("flags 0x%x, to %u and %u", KIND | flags, sq, cq);
    make_ring(&ring, 16, KIND | flags);
    make_pair(pair, SOCK_STREAM);
    /* Indices that are not at the start of the queue. */
    for (unsigned i = 0; i < 21; i++) {
        if (!works(&ring, i))
            bail("the ring does not work");
    }
    sqe = must_get_sqe(&ring);
    rota_prep_poll_add(sqe, pair[0], POLLIN);
    rota_sqe_set_data64(sqe, 1000);
    prepare(&ring, 5, 300);
    is_int(rota_submit_and_wait(&ring, 5), 6, "one stays in flight, five complete");
    prepare(&ring, 4, 400);
    is_int(rota_cq_ready(&ring), 5, "five are ready");
    is_int(rota_sq_ready(&ring), 4, "four are taken and not submitted");
    is_int(resize(&ring, sq, cq), 0, "the queues are resized");
    is_int(rota_sq_ready(&ring), 4, "four are still taken");
    are_ready(&ring, 5, 300, "from before");
    prepare(&ring, 1, 404);
    is_int(rota_submit_and_wait(&ring, 5), 5, "what was taken is submitted, and one more");
    are_ready(&ring, 5, 400, "of what was taken before");
    must_send(pair[1], "x", 1);
    is_cqe(next_cqe(&ring), 1000, POLLIN, 0, "what was in flight");
    ok(is_quiet(&ring), "nothing completes twice");
    close(pair[0]);
    close(pair[1]);
    rota_queue_exit(&ring);
    is_clean(before, "resizing with requests in flight");
}

/* Ever larger and smaller, with work in all queues, over many rounds of the indices. */
static void test_rounds(void)
{
    struct rota_ring ring;
    uint64_t sent = 0, seen = 0;
    bool same = true;
    unsigned seed = 12345;

    make_ring(&ring, 8, KIND);
    for (unsigned round = 0; round < 300 && same; round++) {
        unsigned taken, ready;

        seed = seed * 1103515245 + 12345;
        prepare(&ring, (seed >> 16) % 4 + 1, sent);
        taken = rota_sq_ready(&ring);
        sent += taken;
        if ((seed >> 8) % 3)
            same = same && rota_submit_and_wait(&ring, taken) == (int)taken;
        taken = rota_sq_ready(&ring);
        same = same && resize(&ring, 8U << (seed >> 20) % 4, 0) == 0;
        same = same && rota_sq_ready(&ring) == taken;
        same = same && rota_submit_and_wait(&ring, taken) == (int)taken;
        ready = rota_cq_ready(&ring);
        for (unsigned i = 0; i < ready; i++) {
            struct io_uring_cqe *cqe;

            if (rota_peek_cqe(&ring, &cqe) || cqe->user_data != seen++)
                same = false;
            rota_cqe_seen(&ring, cqe);
        }
    }
    ok(same, "300 rounds of sizes lose nothing");
    is_int(seen, sent, "everything that was sent was seen");
    rota_queue_exit(&ring);
}

static void test_large_sqes(void)
{
    struct rota_ring ring;
    struct io_uring_sqe *sqe;

    make_ring(&ring, 8, KIND | IORING_SETUP_SQE128);
    for (unsigned i = 0; i < 5; i++)
        works(&ring, i);
    for (unsigned i = 0; i < 6; i++) {
        sqe = must_get_sqe(&ring);
        rota_prep_nop(sqe);
        rota_sqe_set_data64(sqe, 500 + i);
        memset(sqe + 1, (int)('a' + i), 64);
    }
    is_int(resize(&ring, 32, 0), 0, "large SQEs move");
    for (unsigned i = 0; i < 6; i++) {
        uint32_t head = *ring.sq.khead;
        unsigned char expected[64];
        size_t slot = (size_t)((head + i) & ring.sq.ring_mask) * 128;

        memset(expected, (int)('a' + i), 64);
        is_mem((char *)ring.sq.sqes + slot + 64, expected, 64, "the second half of number %u", i);
    }
    is_int(rota_submit_and_wait(&ring, 6), 6, "and are submitted");
    are_ready(&ring, 6, 500, "of large SQEs");
    rota_queue_exit(&ring);
}

/* A NOP whose completion fills both halves of a large CQE, where the kernel has it (6.18). */
static bool large_nop(struct rota_ring *ring, uint64_t user_data)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, user_data);
    sqe->nop_flags = IORING_NOP_CQE32;
    sqe->off = user_data + 1;
    sqe->addr = user_data + 2;
    return rota_submit_and_wait(ring, 1) == 1;
}

static void test_large_cqes(void)
{
    struct rota_ring ring;
    struct io_uring_cqe *cqe;
    bool same = true;

    make_ring(&ring, 8, KIND | IORING_SETUP_CQE32);
    for (unsigned i = 0; i < 5; i++)
        works(&ring, i);
    large_nop(&ring, 600);
    if (rota_peek_cqe(&ring, &cqe) || cqe->res == -EINVAL) {
        skip(1, "no request with a large completion (6.18)");
        rota_queue_exit(&ring);
        return;
    }
    for (unsigned i = 1; i < 12; i++)
        large_nop(&ring, 600 + 10 * i);
    is_int(rota_cq_ready(&ring), 12, "twelve large completions are ready");
    is_int(resize(&ring, 32, 0), 0, "large CQEs move");
    is_int(rota_cq_ready(&ring), 12, "all twelve");
    for (unsigned i = 0; i < 12 && same; i++) {
        same = !rota_peek_cqe(&ring, &cqe) && cqe->user_data == 600 + 10 * i &&
               cqe->big_cqe[0] == 601 + 10 * i && cqe->big_cqe[1] == 602 + 10 * i;
        rota_cqe_seen(&ring, cqe);
    }
    ok(same, "both halves of each");
    rota_queue_exit(&ring);
}

/* In a mixed queue a large entry takes two neighbouring slots, which a smaller queue may not have. */
static void test_mixed(void)
{
    struct rota_ring ring;
    struct io_uring_cqe *cqe;

    if (!try_ring(&ring, 8, KIND | IORING_SETUP_CQE_MIXED)) {
        skip(1, "no rings with CQEs of both sizes (6.18)");
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        works(&ring, i);
    large_nop(&ring, 700); /* in slots 3 and 4 */
    is_int(resize(&ring, 4, 4), -EOVERFLOW, "it would be torn apart at the end of 4 slots");
    is_int(ring.cq.ring_entries, 16, "so nothing happens");
    is_int(resize(&ring, 8, 8), 0, "8 slots have room for it");
    if (ok(!rota_peek_cqe(&ring, &cqe), "it is ready")) {
        ok(rota_cqe_is_32(cqe), "and large");
        is_int(cqe->big_cqe[0], 701, "with its second half");
        is_int(cqe->big_cqe[1], 702, "all of it");
        rota_cqe_seen(&ring, cqe);
    }
    is_int(resize(&ring, 4, 4), 0, "an empty queue can be that small");
    ok(works(&ring, 1), "and works");
    rota_queue_exit(&ring);

    if (!try_ring(&ring, 8, KIND | IORING_SETUP_SQE_MIXED)) {
        skip(1, "no rings with SQEs of both sizes (6.19)");
        return;
    }
    prepare(&ring, 3, 0);
    {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        /* Two slots of the queue, taken one by one: they are neighbours. */
        rota_prep_nop128(sqe);
        rota_sqe_set_data64(sqe, 3);
        (void)must_get_sqe(&ring);
    }
    is_int(resize(&ring, 4, 0), -EOVERFLOW, "neither may a large SQE be torn apart");
    is_int(resize(&ring, 16, 0), 0, "in more slots it is safe");
    is_int(rota_submit_and_wait(&ring, 4), 5, "it is submitted");
    are_ready(&ring, 4, 0, "of SQEs of both sizes");
    rota_queue_exit(&ring);
}

static void test_errors(void)
{
    struct footprint before;
    struct io_uring_params params, copy;
    struct rota_ring ring;

    make_ring(&ring, 8, KIND);
    prepare(&ring, 6, 800);
    is_int(resize(&ring, 4, 0), -EOVERFLOW, "what is taken does not fit");
    is_int(ring.sq.ring_entries, 8, "so nothing happens");
    is_int(rota_submit_and_wait(&ring, 6), 6, "all are submitted");
    memset(&params, 0, sizeof(params));
    params.sq_entries = params.cq_entries = 4;
    params.flags = IORING_SETUP_CQSIZE;
    copy = params;
    is_int(rota_resize_rings(&ring, &params), -EOVERFLOW, "what is ready does not fit");
    is_mem(&params, &copy, sizeof(copy), "the parameters are as before");
    are_ready(&ring, 6, 800, "after two refusals");
    is_int(resize(&ring, 0, 0), -EINVAL, "no entries");
    is_int(resize(&ring, 1U << 30, 0), -EINVAL, "far too many");
    is_int(resize(&ring, 1U << 16, 0), -EINVAL, "too many");
    is_int(resize(&ring, 8, 4), -EINVAL, "fewer completions than requests");
    is_int(rota_resize_rings(&ring, NULL), -EINVAL, "no parameters");
    memset(&params, 0, sizeof(params));
    params.sq_entries = 16;
    params.flags = IORING_SETUP_SQPOLL;
    is_int(rota_resize_rings(&ring, &params), -EINVAL, "another flag");
    params.flags = IORING_SETUP_CLAMP;
    params.sq_entries = 1U << 20;
    is_int(rota_resize_rings(&ring, &params), 0, "too many, clamped");
    is_int(ring.sq.ring_entries, params.sq_entries, "to what the kernel has");
    ok(works(&ring, 1), "the ring works");
    is_int(rota_register_ring_fd(&ring), 1, "registered");
    is_int(resize(&ring, 8, 0), 0, "it can be resized");
    ok(works(&ring, 2), "and works");
    is_int(rota_close_ring_fd(&ring), 1, "without its descriptor");
    is_int(resize(&ring, 16, 0), -EBADF, "it cannot");
    ok(works(&ring, 3), "but works");
    rota_queue_exit(&ring);
    make_ring(&ring, 8, 0);
    is_int(resize(&ring, 16, 0), -EINVAL, "a ring of another kind");
    ok(works(&ring, 4), "works");
    rota_queue_exit(&ring);

    /* Each call on the way fails once: reserve, register, map, map. */
    for (int at = 1; at <= 4; at++) {
        int ret;

        make_fault_ring(&ring, 8, KIND);
        before = footprint();
        prepare(&ring, 2, 900);
        arm_fault(at, -ENOMEM);
        ret = resize(&ring, 64, 0);
        ok(disarm_fault(), "call %d fails", at);
        if (at <= 2) {
            is_int(ret, -ENOMEM, "which is reported");
            is_clean(before, "a refused resize");
            is_int(ring.sq.ring_entries, 8, "the ring is as before");
            is_int(rota_submit_and_wait(&ring, 2), 2, "nothing is lost");
            are_ready(&ring, 2, 900, "after a failure");
            rota_queue_exit(&ring);
        } else {
            is_int(ret, -ENOTRECOVERABLE, "too late for the kernel");
            is_int(ring.enter_ring_fd, -1, "the ring is torn down");
            is_int(footprint().fds, before.fds - 1, "with its descriptor");
            ok(in_valgrind() || footprint().bytes < before.bytes, "and its mapping");
            is_int(rota_submit_and_wait(&ring, 0), -EBADF, "which it says");
        }
    }
}

int main(void)
{
    need_resize();
    test_reuse(0);
    test_reuse(IORING_SETUP_NO_SQARRAY);
    test_reuse(IORING_SETUP_CQE32);
    test_sizes(0);
    test_sizes(IORING_SETUP_NO_SQARRAY);
    test_sizes(IORING_SETUP_CQE32);
    test_in_flight(0, 64, 0);
    test_in_flight(IORING_SETUP_NO_SQARRAY, 8, 8);
    test_in_flight(IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SUBMIT_ALL, 32, 128);
    test_in_flight(IORING_SETUP_CQE32 | IORING_SETUP_SQE128, 128, 0);
    test_rounds();
    test_large_sqes();
    test_large_cqes();
    test_mixed();
    test_errors();
    return done();
}
