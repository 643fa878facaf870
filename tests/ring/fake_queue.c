/* SPDX-License-Identifier: MIT */
/*
 * The submission queue against a scripted kernel: batches, SQEs of both sizes
 * in one queue, and a queue that begins anew with each submission.
 */
#include "fake_kernel.h"

static struct rota_ring ring;
static struct io_uring_cqe *cqe;

/* Takes what is ready; false unless user_data count on from `first`. */
static bool reap(uint64_t first, unsigned count)
{
    bool in_order = rota_cq_ready(&ring) == count;

    for (unsigned i = 0; i < count; i++) {
        in_order &= !rota_peek_cqe(&ring, &cqe) && cqe->user_data == first + i;
        rota_cqe_seen(&ring, cqe);
    }
    return in_order;
}

/* The next SQE of a batch; on a ring of large ones by either function. */
static struct io_uring_sqe *batch_next(struct rota_batch *batch, unsigned added)
{
    if ((ring.flags & IORING_SETUP_SQE128) && added % 3)
        return rota_batch_add128(batch);
    return rota_batch_add(batch);
}

static void test_batch(uint32_t flags, uint32_t begin, const char *kind)
{
    struct rota_batch batch;
    struct io_uring_sqe *sqe;
    uint64_t sent = 0;
    bool right = true;

    fake_reset();
    fake.start = begin;
    fake_plain_ring(&ring, flags, 0);
    is_int(rota_batch_begin(&batch, &ring, 0), -EINVAL, "%s: no batch of none", kind);
    is_int(rota_batch_begin(&batch, &ring, FAKE_ENTRIES + 1), -EINVAL,
           "%s: a chain that never fits is refused whole", kind);
    ok(!rota_batch_add(&batch), "%s: nothing can be added to it", kind);
    is_int(rota_sq_ready(&ring), 0, "%s: and nothing was taken", kind);

    for (unsigned round = 0; round < 100; round++) {
        unsigned count = 1 + round % FAKE_ENTRIES, added = 0;

        memset(fake.sqe_memory, 0xa5, sizeof(fake.sqe_memory));
        right &= rota_batch_begin(&batch, &ring, count) == 0;
        if (round % 2) {
            while ((sqe = batch_next(&batch, added))) {
                right &= !sqe->user_data && !((char *)sqe)[ring.sq.sqe_shift == 7 ? 127 : 63];
                rota_prep_nop(sqe);
                sqe->user_data = sent + added++;
            }
        } else {
            rota_batch_for_each (&batch, sqe) {
                right &= !sqe->user_data && !((char *)sqe)[ring.sq.sqe_shift == 7 ? 127 : 63];
                rota_prep_nop(sqe);
                sqe->user_data = sent + added++;
            }
        }
        right &= added == count && rota_sq_ready(&ring) == 0;
        if (round % 3 == 0) {
            right &= rota_batch_flush(&batch) == (int)count;
        } else if (round % 3 == 1) {
            right &= rota_batch_flush_and_wait(&batch, count) == (int)count;
        } else {
            rota_batch_commit(&batch);
            right &= rota_sq_ready(&ring) == count && rota_submit(&ring) == (int)count;
        }
        right &= !rota_batch_add(&batch);
        right &= reap(sent, count);
        sent += count;
    }
    ok(right, "%s: batches of all sizes go around, whole and in order", kind);
    is_int(fake.enters, 100, "%s: with one system call each", kind);

    /* Fewer than were reserved, none, and single SQEs in between. */
    for (unsigned round = 0; round < 100; round++) {
        unsigned reserved = 1 + round % FAKE_ENTRIES, taken = round % (reserved + 1);

        right &= rota_batch_begin(&batch, &ring, reserved) == 0;
        for (unsigned i = 0; i < taken; i++)
            batch_next(&batch, i)->user_data = sent + i;
        if (round % 4 == 3) {
            rota_batch_drop(&batch);
            right &= rota_sq_ready(&ring) == 0 && rota_submit(&ring) == 0;
            continue;
        }
        rota_batch_commit(&batch);
        if (taken < FAKE_ENTRIES)
            must_get_sqe(&ring)->user_data = sent + taken++;
        right &= rota_submit(&ring) == (int)taken;
        right &= reap(sent, taken);
        sent += taken;
    }
    ok(right, "%s: what is not taken stays free, what is dropped never goes", kind);

    fake_prepare(&ring, 5, sent);
    is_int(rota_batch_begin(&batch, &ring, 4), -EBUSY, "%s: four do not fit behind five", kind);
    ok(!rota_batch_add(&batch), "%s: none of them is taken", kind);
    is_int(rota_batch_begin(&batch, &ring, 3), 0, "%s: three do", kind);
    rota_batch_for_each (&batch, sqe) {
        sqe->user_data = sent + 5;
        break;
    }
    is_int(rota_batch_flush(&batch), 5, "%s: an iteration that is left takes nothing", kind);
    ok(reap(sent, 5), "%s: what was there before goes with it", kind);
    rota_queue_exit(&ring);
    is_int(rota_batch_begin(&batch, &ring, 1), -EBADF, "%s: no batch on a ring that has ended",
           kind);
    ok(!rota_batch_add(&batch), "%s: and nothing in it", kind);
}

/* A batch is taken back in the middle of its way around the end of the queue. */
static void test_batch_drop(void)
{
    struct rota_batch batch;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    fake_prepare(&ring, 6, 0);
    rota_submit(&ring);
    reap(0, 6);
    is_int(rota_batch_begin(&batch, &ring, 4), 0, "four slots over the end of the queue");
    for (unsigned i = 0; i < 3; i++)
        rota_batch_add(&batch)->user_data = 99;
    rota_batch_drop(&batch);
    fake_prepare(&ring, 8, 6);
    is_int(rota_submit(&ring), 8, "after the drop all eight are free");
    ok(reap(6, 8), "and none of the batch was seen");
    rota_queue_exit(&ring);
}

/* A ring of large SQEs: one by one, by either function, with all bytes zero. */
static void test_large(uint32_t begin)
{
    uint64_t sent = 0;
    bool right = true;

    fake_reset();
    fake.start = begin;
    fake_plain_ring(&ring, IORING_SETUP_SQE128, 0);
    for (unsigned round = 0; round < 100; round++) {
        unsigned count = 1 + round % FAKE_ENTRIES;

        memset(fake.sqe_memory, 0xa5, sizeof(fake.sqe_memory));
        for (unsigned i = 0; i < count; i++) {
            bool wide = (round + i) % 3;
            struct io_uring_sqe *sqe = wide ? rota_get_sqe128(&ring) : rota_get_sqe(&ring);

            for (unsigned byte = 0; sqe && byte < 128; byte++)
                right &= !((char *)sqe)[byte];
            right &= sqe != NULL;
            if (sqe)
                sqe->user_data = sent + i;
        }
        right &= rota_sq_ready(&ring) == count;
        if (count == FAKE_ENTRIES)
            right &= !rota_get_sqe128(&ring) && !rota_get_sqe(&ring);
        right &= rota_submit_and_wait(&ring, count) == (int)count;
        right &= reap(sent, count);
        sent += count;
    }
    ok(right, "large SQEs from 0x%x: by either function, in order", begin);
    rota_queue_exit(&ring);
    ok(!rota_get_sqe128(&ring), "none on a ring that has ended");
}

/* A link chain in a mixed queue, small and large, that goes over its end by a gap. */
static void test_mixed(uint32_t begin)
{
    uint64_t sent = 0;
    bool right = true;

    fake_reset();
    fake.start = begin;
    fake_plain_ring(&ring, IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY, 0);
    for (unsigned round = 0; round < 200; round++) {
        unsigned count = 0, slots = 0, before = rota_sq_tail(&ring) % FAKE_ENTRIES;
        bool gap;

        memset(fake.sqe_memory, 0xa5, sizeof(fake.sqe_memory));
        for (unsigned i = 0; i < 3; i++) {
            bool large = (round >> i) % 2;
            struct io_uring_sqe *sqe;

            sqe = large ? rota_get_sqe128(&ring) : rota_get_sqe(&ring);
            if (!sqe) {
                right = false;
                break;
            }
            if (large) {
                sqe->opcode = round % 5 ? IORING_OP_NOP128 : IORING_OP_URING_CMD128;
                right &= (char *)sqe - fake.sqe_memory <= 64 * (FAKE_ENTRIES - 2);
                for (unsigned j = 1; j < 16; j++)
                    right &= !((uint64_t *)(void *)sqe)[j];
            }
            sqe->user_data = sent + count++;
            slots += large ? 2 : 1;
        }
        gap = rota_sq_ready(&ring) != slots;
        right &= !gap || before + slots > FAKE_ENTRIES;
        right &= rota_submit(&ring) == (int)(slots + gap);
        right &= reap(sent, count);
        sent += count;
    }
    ok(right, "mixed from 0x%x: both sizes go around, large ones in one piece", begin);
    ok(fake.skipped > 10, "over gaps that complete in silence");

    while (rota_sq_tail(&ring) % FAKE_ENTRIES != FAKE_ENTRIES - 3)
        fake_prepare(&ring, 1, 0);
    rota_submit(&ring);
    fake.taken = fake.posted = fake.skipped = 0;
    rota_cq_advance(&ring, rota_cq_ready(&ring));
    struct io_uring_sqe *sqe = rota_get_sqe128(&ring);

    sqe->opcode = IORING_OP_NOP128;
    sqe->flags = IOSQE_IO_HARDLINK;
    memset(sqe + 1, 0xff, sizeof(*sqe)); /* the command: not flags */
    sqe = rota_get_sqe128(&ring);
    sqe->opcode = IORING_OP_NOP128;
    is_int(rota_submit(&ring), 5, "a chain of two large ones and a gap");
    is_hex(fake.taken_flags[1], 0, "its last SQE");
    is_int(fake.taken, 2, "two requests");
    is_int(fake.skipped, 1, "and one gap");
    sqe = (struct io_uring_sqe *)(void *)(fake.sqe_memory + 64 * (FAKE_ENTRIES - 1));
    is_hex(sqe->flags, IOSQE_IO_HARDLINK | IOSQE_CQE_SKIP_SUCCESS, "which continues the chain");
    is_hex(sqe->opcode, IORING_OP_NOP, "with a NOP");
    rota_cq_advance(&ring, rota_cq_ready(&ring));

    while (rota_sq_tail(&ring) % FAKE_ENTRIES != FAKE_ENTRIES - 1)
        fake_prepare(&ring, 1, 0);
    rota_submit(&ring);
    ok(rota_get_sqe128(&ring) != NULL, "a gap behind what was submitted");
    is_hex(sqe->flags, IOSQE_CQE_SKIP_SUCCESS, "is in no chain");
    rota_submit(&ring);
    rota_cq_advance(&ring, rota_cq_ready(&ring));

    /* No space: alone, in front of the end, and over it. */
    while (rota_sq_tail(&ring) % FAKE_ENTRIES != FAKE_ENTRIES - 1)
        fake_prepare(&ring, 1, 0);
    rota_submit(&ring);
    rota_cq_advance(&ring, rota_cq_ready(&ring));
    fake_prepare(&ring, 7, 0);
    ok(!rota_get_sqe128(&ring), "one slot is not enough");
    fake_prepare(&ring, 1, 0);
    ok(!rota_get_sqe128(&ring), "nor is none");
    is_int(rota_submit(&ring), 8, "nothing was taken for it");
    rota_cq_advance(&ring, rota_cq_ready(&ring));
    rota_queue_exit(&ring);
}

static void test_sizes(void)
{
    struct rota_config config;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    ok(!rota_get_sqe128(&ring), "a plain ring has no large SQE");
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQE128, 0);
    for (unsigned i = 0; i < FAKE_ENTRIES; i++)
        rota_get_sqe128(&ring)->user_data = i;
    ok(!rota_get_sqe128(&ring), "a ring of large ones has as many as entries");
    is_int(rota_submit(&ring), FAKE_ENTRIES, "which count one each");
    rota_queue_exit(&ring);

    /* Two slots, the tail in the second: only a gap that goes alone makes space. */
    fake_reset();
    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY;
    config.kernel = &fake_kernel;
    is_int(rota_init(&ring, 2, &config), 0, "a mixed queue of two");
    fake_prepare(&ring, 1, 0);
    rota_submit(&ring);
    ok(!rota_get_sqe128(&ring), "a large SQE does not fit at once");
    is_int(rota_submit(&ring), 1, "but the gap goes");
    ok(rota_get_sqe128(&ring) != NULL, "and then it does");
    is_int(rota_submit(&ring), 2, "with two slots");
    rota_queue_exit(&ring);

    is_int(rota_init(&ring, 4, &config), 0, "a mixed queue of four");
    fake_prepare(&ring, 3, 0);
    rota_submit(&ring);
    fake_prepare(&ring, 1, 0);
    fake_prepare(&ring, 1, 0);
    rota_submit(&ring);
    fake_prepare(&ring, 2, 0);
    rota_submit(&ring);
    is_int(rota_sq_tail(&ring) % 4, 3, "whose tail is in the last slot");
    fake_then(0)->count = true; /* takes nothing */
    fake_prepare(&ring, 2, 0);
    rota_submit(&ring);
    ok(rota_get_sqe128(&ring) != NULL, "two slots behind the end are enough in front of it");
    rota_queue_exit(&ring);
    is_int(rota_init(&ring, 4, &config), 0, "the same again");
    fake_prepare(&ring, 1, 0);
    rota_submit(&ring);
    fake_prepare(&ring, 2, 0);
    ok(!rota_get_sqe128(&ring), "the last slot and one more are not");
    is_int(rota_sq_ready(&ring), 2, "and nothing was taken");
    rota_queue_exit(&ring);
}

static void test_rewind(void)
{
    const uint32_t flags = IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY;
    uint64_t sent = 0;
    bool right = true;

    fake_reset();
    fake_plain_ring(&ring, flags, 0);
    for (unsigned round = 0; round < 50; round++) {
        unsigned count = 1 + round % FAKE_ENTRIES;

        right &= rota_get_sqe(&ring) == ring.sq.sqes; /* always the first slot */
        ring.sq.sqes[0].user_data = sent;
        fake_prepare(&ring, count - 1, sent + 1);
        if (count == FAKE_ENTRIES)
            right &= !rota_get_sqe(&ring);
        right &= rota_submit_and_wait(&ring, count) == (int)count;
        right &= fake.header->sq_tail == 0 && fake.header->sq_head == 0;
        right &= rota_sq_space_left(&ring) == FAKE_ENTRIES;
        right &= reap(sent, count);
        sent += count;
    }
    ok(right, "a queue that begins anew each time");
    is_int(rota_submit(&ring), 0, "an empty one needs no system call");

    fake_prepare(&ring, 6, sent);
    fake_then(0)->count = true;
    fake.script[0].take = 2;
    fake.script[0].post = 2;
    is_int(rota_submit(&ring), 2, "the kernel takes two of six");
    is_int(rota_sq_ready(&ring), 4, "four stay");
    ok(ring.sq.sqes[0].user_data == sent + 2, "from the first slot on");
    fake_prepare(&ring, 1, sent + 6);
    fake_then(-EAGAIN);
    is_int(rota_submit(&ring), -EAGAIN, "it takes none");
    is_int(rota_sq_ready(&ring), 5, "nothing moves");
    is_int(rota_submit(&ring), 5, "all go");
    ok(reap(sent, 7), "each once and in order");
    rota_queue_exit(&ring);

    /* A count that no kernel says: the queue is not moved further than it reaches. */
    for (unsigned huge = 0; huge < 2; huge++) {
        fake_reset();
        fake_plain_ring(&ring, flags, 0);
        fake_prepare(&ring, 2, 1);
        fake_then(huge ? INT32_MAX : 3)->take = 2;
        is_int(rota_submit(&ring), 2, "more taken than there were");
        is_int(rota_sq_ready(&ring), 0, "is all of them");
        ok(rota_get_sqe(&ring) == ring.sq.sqes, "and the queue begins anew");
        rota_queue_exit(&ring);
    }

    /* Indices that no kernel has there: what is left does not reach beyond the queue. */
    fake_reset();
    fake.start = 0x7ffffff0;
    fake_plain_ring(&ring, flags, 0);
    fake_prepare(&ring, 2, 1);
    fake_then(1);
    is_int(rota_submit(&ring), 1, "a queue that does not begin at 0");
    is_int(rota_sq_tail(&ring), 0, "does now");
    rota_queue_exit(&ring);
    fake_reset();
    fake_plain_ring(&ring, flags, 0);
    fake_prepare(&ring, FAKE_ENTRIES, 1);
    fake.header->sq_head = FAKE_ENTRIES;
    fake_prepare(&ring, FAKE_ENTRIES - 1, 1);
    fake.header->sq_head = 0;
    fake_then(FAKE_ENTRIES - 1);
    is_int(rota_submit(&ring), FAKE_ENTRIES - 1, "more than fit, of which some are left");
    ok(rota_sq_tail(&ring) <= FAKE_ENTRIES, "are no more than fit");
    rota_queue_exit(&ring);
}

/* With a polling thread, too, what is not visible to it yet is not submitted. */
static void test_mixed_sqpoll(void)
{
    struct io_uring_sqe *sqe;

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQE_MIXED | IORING_SETUP_SQPOLL, 0);
    fake_prepare(&ring, 6, 0);
    is_int(rota_submit(&ring), 6, "SQPOLL: six are visible");
    fake_take(6);
    sqe = must_get_sqe(&ring);
    sqe->flags = IOSQE_IO_LINK;
    ok(rota_get_sqe128(&ring) == ring.sq.sqes, "SQPOLL: a large one behind the gap");
    sqe = (struct io_uring_sqe *)(void *)(fake.sqe_memory + 64 * (FAKE_ENTRIES - 1));
    is_hex(sqe->flags, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS, "SQPOLL: which is in the chain");
    is_int(rota_submit(&ring), 4, "SQPOLL: four slots");
    rota_queue_exit(&ring);
}

/* Batches in a mixed queue follow each other without a gap inside. */
static void test_mixed_batch(uint32_t begin)
{
    struct rota_batch batch;
    uint64_t sent = 0;
    bool right = true;

    fake_reset();
    fake.start = begin;
    fake_plain_ring(&ring, IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY, 0);
    for (unsigned round = 0; round < 200; round++) {
        unsigned slots = 1 + round % FAKE_ENTRIES, used = 0, count = 0, padding;
        int ret;

        memset(fake.sqe_memory, 0xa5, sizeof(fake.sqe_memory));
        while ((ret = rota_batch_begin(&batch, &ring, slots)) == -EBUSY) {
            right &= !rota_batch_add128(&batch) && rota_sq_ready(&ring) > 0;
            right &= rota_submit(&ring) > 0; /* the gap, which completes in silence */
        }
        right &= ret == 0;
        padding = rota_sq_ready(&ring);
        while (used < slots) {
            bool large = (round + used) % 3 == 0 && slots - used >= 2;
            struct io_uring_sqe *sqe = large ? rota_batch_add128(&batch) : rota_batch_add(&batch);

            right &= sqe && !sqe->user_data && !sqe->len;
            if (!sqe)
                break;
            sqe->opcode = large ? IORING_OP_NOP128 : IORING_OP_NOP;
            sqe->user_data = sent + count++;
            used += large ? 2 : 1;
        }
        right &= !rota_batch_add128(&batch) && !rota_batch_add(&batch);
        right &= rota_batch_flush(&batch) == (int)(slots + padding);
        right &= reap(sent, count);
        sent += count;
    }
    ok(right, "mixed batches from 0x%x: in one piece, whole and in order", begin);
    ok(fake.skipped > 100, "behind gaps");
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    rota_batch_begin(&batch, &ring, 4);
    ok(!rota_batch_add128(&batch), "a plain ring has no large SQE in a batch either");
    rota_batch_drop(&batch);
    fake_prepare(&ring, FAKE_ENTRIES - 2, 0);
    rota_submit(&ring);
    ok(reap(0, FAKE_ENTRIES - 2), "two slots before the end of the queue");
    rota_batch_begin(&batch, &ring, 4);
    for (unsigned i = 0; i < 4; i++) {
        ok(!rota_batch_add128(&batch), "slot %u of four: still none", i);
        ok(rota_batch_add(&batch) != NULL, "slot %u of four: a small one", i);
    }
    ok(!rota_batch_add128(&batch) && !rota_batch_add(&batch), "no fifth");
    is_int(rota_batch_flush(&batch), 4, "the four go");
    rota_queue_exit(&ring);
    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQE128, 0);
    rota_batch_begin(&batch, &ring, 2);
    ok(rota_batch_add128(&batch) == ring.sq.sqes, "on a ring of large ones");
    ok(rota_batch_add(&batch) == ring.sq.sqes + 2, "all are");
    ok(!rota_batch_add128(&batch), "as many as were reserved");
    is_int(rota_batch_flush(&batch), 2, "and go");
    rota_queue_exit(&ring);
}

int main(void)
{
    test_mixed_batch(0);
    test_mixed_batch(0xfffffffa);
    test_mixed_sqpoll();
    test_batch(0, 0, "small");
    test_batch(IORING_SETUP_NO_SQARRAY, 0xfffffff3, "without array, near 2^32");
    test_batch(IORING_SETUP_SQE128, 0xffffffff, "large, near 2^32");
    test_batch(IORING_SETUP_CQE32, 0x7ffffffe, "large CQEs");
    test_batch_drop();
    test_large(0);
    test_large(0xfffffffd);
    test_mixed(0);
    test_mixed(0xfffffff5);
    test_sizes();
    test_rewind();
    ok(!fake.stuck, "no wait was ever without end");
    return done();
}
