/* SPDX-License-Identifier: MIT */
/* Handles on a scripted kernel: what the real one does rarely, or only when it is broken. */
#include "../ring/fake_kernel.h"

#include <rota/call.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct rota_ring ring;
static uint32_t dice = 1;

static uint32_t chance(uint32_t below)
{
    dice = dice * 1103515245u + 12345u;
    return (dice >> 16) % below;
}

/* The kernel takes what is queued, and completes nothing by itself. */
static void take_all(void)
{
    fake.step = 0;
    fake.steps = 0;
    fake_then(0)->count = true;
    fake.script[0].take = FAKE_ALL;
    fake.script[0].passes = 1;
    rota_submit(&ring);
    fake.step = 0;
    fake.steps = 0;
}

/* Posts as the kernel does: a large CQE that would go around the end is preceded by a filler. */
static bool post(uint64_t user_data, bool large)
{
    const struct fake_header *h = fake.header;
    uint32_t slots = large && !(ring.flags & IORING_SETUP_CQE32) ? 2 : 1, filler = 0;

    if (slots == 2 && (h->cq_tail & h->cq_mask) == h->cq_mask)
        filler = 1;
    if (h->cq_tail - h->cq_head + slots + filler > h->cq_entries)
        return false;
    if (filler)
        fake_post(0, 0, IORING_CQE_F_SKIP);
    fake_post(user_data, 7, slots == 2 ? IORING_CQE_F_32 : 0);
    return true;
}

/*
 * Completions of handles and of the caller's own, small and large, in every
 * order and at every place: a poll takes the ones and leaves the others whole,
 * in order, and without a slot lost between them.
 */
static void test_gaps(uint32_t flags, uint32_t begin, const char *kind)
{
    enum {
        HANDLES = 6
    };
    bool mixed = (flags & IORING_SETUP_CQE_MIXED) != 0;
    struct rota_op ops[HANDLES];
    uint64_t own[64];
    unsigned delivered = 0, posted = 0, reaped = 0, most = 0;
    uint64_t next_own = 1, first_own = 1;
    bool right = true, tight = true;

    fake_reset();
    fake.start = begin;
    fake_plain_ring(&ring, flags, 0);
    for (unsigned i = 0; i < HANDLES; i++)
        rota_op_init(&ops[i]);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned slots = 0, took;

        for (unsigned i = 0; i < HANDLES; i++) {
            if (!rota_op_active(&ops[i]) && rota_start_nop(&ring, &ops[i]) < 0)
                bail("a start fails");
        }
        take_all();
        for (unsigned i = 0; i < HANDLES; i++) {
            bool large = mixed && chance(3) == 0;

            if (chance(2) && next_own - first_own < 4 && post(next_own, large)) {
                own[next_own % 64] = large;
                next_own++;
            }
            if (chance(4) && post((uint64_t)(uintptr_t)&ops[i] + ROTA_OP_DATA, mixed && chance(2)))
                posted++;
        }
        do {
            took = (unsigned)rota_poll(&ring);
            delivered += took;
        } while (took);
        /* What is left is the caller's, and at most one filler at the end of the queue and one behind it. */
        for (uint64_t i = first_own; i != next_own; i++)
            slots += own[i % 64] ? 2 : 1;
        tight &= rota_cq_ready(&ring) >= slots && rota_cq_ready(&ring) <= slots + (mixed ? 2 : 0);
        if (rota_cq_ready(&ring) > most)
            most = rota_cq_ready(&ring);
        for (unsigned count = chance(4); count && first_own != next_own; count--) {
            struct io_uring_cqe *cqe;

            right &= rota_peek_cqe(&ring, &cqe) == 0 && cqe->user_data == first_own &&
                     cqe->res == 7 && rota_cqe_is_32(cqe) == (own[first_own % 64] != 0);
            if (right && rota_cqe_is_32(cqe))
                right &= cqe->big_cqe[0] == first_own + 1 && cqe->big_cqe[1] == first_own + 2;
            rota_cqe_seen(&ring, cqe);
            first_own++;
            reaped++;
        }
    }
    is_int(delivered, posted, "%s from 0x%x: every result reaches its handle", kind, begin);
    ok(right, "%s: the caller's stay whole and in order", kind);
    ok(tight, "%s: and no slot is lost", kind);
    ok(reaped > 10000 && posted > 10000 && most > 3, "%s: with much of both", kind);
    rota_queue_exit(&ring);
}

/* Fills the completion queue with the caller's own. */
static void fill_queue(void)
{
    while (rota_cq_ready(&ring) < ring.cq.ring_entries) {
        fake_prepare(&ring, 8, 100);
        rota_submit(&ring);
    }
}

static void empty_queue(void)
{
    rota_cq_advance(&ring, rota_cq_ready(&ring));
}

/* A callback that starts another request behind the call that is taken back. */
static struct rota_op behind = ROTA_OP_INIT;

/* A large request among small ones is taken back in one piece. */
static void test_large(bool last)
{
    struct rota_op first = ROTA_OP_INIT;
    unsigned count = 0;

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY, 0);
    fill_queue();
    if (last) {
        is_int(rota_call_nop128(&ring), -EBUSY, "a call of 128 bytes that cannot be finished");
        is_int(rota_sq_ready(&ring), 0, "is taken back");
        is_int(ring.calls.cancels, 0, "and leaves nothing");
    } else {
        /* Not taken as long as the queue is full; a start stands behind it. */
        struct io_uring_sqe *sqe;

        rota_start_nop128(&ring, &first);
        sqe = ring.sq.sqe_next - 2;
        memset(sqe + 1, 0xff, 64);
        rota_start_nop(&ring, &behind);
        is_int(rota_sq_ready(&ring), 3, "a large request and a small one");
        is_int(rota_call_nop(&ring), -EBUSY, "and a call that cannot be finished");
        is_int(rota_sq_ready(&ring), 3, "which alone is taken back");
        empty_queue();
        fake.taken = fake.posted = 0;
        is_int(rota_submit(&ring), 3, "three slots");
        count = fake.taken;
        is_int(count, 2, "of two requests");
        is_int(rota_await(&ring, &behind), 0, "the small one");
        is_int(rota_await(&ring, &first), 0, "and the large one");
    }
    empty_queue();
    is_int(rota_call_nop128(&ring), 0, "the next call works");
    rota_queue_exit(&ring);
}

/* A call behind which others were started is replaced by as much as it takes. */
static int busy_enter(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                      size_t size)
{
    (void)fd;
    (void)submit;
    (void)wait_nr;
    (void)flags;
    (void)arg;
    (void)size;
    if (!rota_op_active(&behind))
        rota_start_nop(&ring, &behind);
    return -ENOMEM;
}

static void test_replaced(void)
{
    struct rota_kernel kernel = fake_kernel;
    struct rota_config config;
    const struct rota_kernel *before;

    fake_reset();
    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY;
    fake_ring(&ring, &config);
    before = ring.kernel;
    kernel.enter = busy_enter;
    ring.kernel = &kernel;
    is_int(rota_call_nop128(&ring), -ENOMEM, "a call that the kernel does not take");
    ring.kernel = before;
    is_int(rota_sq_ready(&ring), 3, "leaves its place to what stands behind it");
    is_int(ring.calls.cancels, 1, "as one request of the library's");
    is_int(rota_await(&ring, &behind), 0, "which goes on");
    is_int(fake.taken, 2, "the kernel has seen two");
    rota_run(&ring);
    is_int(ring.calls.cancels, 0, "and nothing is left");
    rota_queue_exit(&ring);
}

/* Requests of both sizes that were prepared by hand. */
static void test_start_sqe(void)
{
    struct rota_op op = ROTA_OP_INIT, other = ROTA_OP_INIT;
    struct io_uring_sqe *sqe, *small;
    bool whole = true;

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY, 0);
    for (unsigned round = 0; round < 40; round++) {
        sqe = rota_get_sqe128(&ring);
        if (!sqe)
            bail("no large SQE");
        sqe->opcode = IORING_OP_URING_CMD128;
        memset(sqe->cmd, (int)round + 1, 80);
        if (rota_start_sqe(&ring, &op, sqe))
            bail("it does not start");
        sqe = ring.sq.sqe_next - 2;
        for (unsigned i = 0; i < 80; i++)
            whole &= sqe->cmd[i] == round + 1;
        whole &= sqe->opcode == IORING_OP_URING_CMD128;
        rota_start_nop(&ring, &other);
        fake.taken = 0;
        fake.posted = 0;
        whole &= rota_await(&ring, &op) == 0 && rota_await(&ring, &other) == 0 && fake.taken == 2;
    }
    ok(whole, "a large request that was made by hand goes in one piece");
    small = rota_get_sqe(&ring);
    sqe = rota_get_sqe(&ring);
    is_int(rota_start_sqe(&ring, &op, small), -EINVAL, "an SQE that is not the last one");
    is_int(rota_sq_ready(&ring), 2, "stays where it is");
    is_int(rota_start_sqe(&ring, &op, sqe), 0, "the last one starts");
    sqe = rota_get_sqe128(&ring);
    sqe->opcode = IORING_OP_NOP128;
    sqe->flags = IOSQE_IO_LINK;
    is_int(rota_start_sqe(&ring, &other, sqe), -EINVAL, "a large one with a link");
    is_int(rota_sq_ready(&ring), 2, "is taken back whole");
    rota_await(&ring, &op);
    rota_queue_exit(&ring);
}

/* The request ends, and a completion of the caller's comes with it, before the cancel's own. */
static struct rota_op stopped;

static int stops_it(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                    size_t size)
{
    if (!submit)
        return fake_kernel.enter(fd, submit, wait_nr, flags, arg, size);
    fake_take(submit);
    fake_post((uint64_t)(uintptr_t)&stopped + ROTA_OP_DATA, 5, 0);
    fake_post(1, 0, 0);
    return (int)submit;
}

/* What goes wrong after a handle has ended is not its result. */
static void test_stopped(void)
{
    struct rota_kernel kernel = fake_kernel;

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_IOPOLL, 0);
    rota_op_init(&stopped);
    rota_start_nop(&ring, &stopped);
    take_all();
    kernel.enter = stops_it;
    ring.kernel = &kernel;
    is_int(rota_op_cancel(&ring, &stopped), 5, "a cancelled handle gives its result");
    ok(!rota_op_active(&stopped), "and has ended");
    ring.kernel = &fake_kernel;
    rota_queue_exit(&ring);
}

/* Busy: what has come meanwhile may have made room, so that it is tried again. */
static struct rota_op three[3];
static unsigned calls;

static int busy_twice(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                      size_t size)
{
    (void)fd;
    (void)submit;
    (void)wait_nr;
    (void)flags;
    (void)arg;
    (void)size;
    if (calls < 3)
        fake_post((uint64_t)(uintptr_t)&three[2 - calls] + ROTA_OP_DATA, (int)calls, 0);
    return calls++ < 2 ? -EBUSY : 0;
}

static void test_busy(void)
{
    struct rota_kernel kernel = fake_kernel;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        rota_op_init(&three[i]);
        rota_start_nop(&ring, &three[i]);
    }
    take_all();
    kernel.enter = busy_twice;
    ring.kernel = &kernel;
    is_int(rota_await(&ring, &three[0]), 2, "busy as long as something comes");
    is_int((int)calls, 3, "is tried again");
    calls = 3;
    ring.kernel = &fake_kernel;
    rota_queue_exit(&ring);
}

/* A call that a signal stops before it was submitted: its handle, which goes, is nowhere. */
static void test_call_stopped(void)
{
    fake_reset();
    fake_plain_ring(&ring, 0, ROTA_WAIT_INTERRUPTIBLE);
    fake_then(-EINTR);
    fake_then(-EBUSY);
    is_int(rota_call_nop(&ring), -EBUSY, "a call that is taken back after a signal");
    ok(!ring.calls.stopping, "is not to be stopped any more");
    is_int(rota_in_flight(&ring), 0, "nor in flight");
    rota_queue_exit(&ring);
}

/* What was asked for to stop everything is answered when nobody waits for it any more. */
static void test_late_answer(void)
{
    struct rota_op op = ROTA_OP_INIT;
    unsigned before;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    rota_start_nop(&ring, &op);
    for (unsigned i = 0; i < 4; i++) {
        fake_then(0)->count = true;
        fake.script[i].take = FAKE_ALL;
        fake.script[i].passes = 1;
    }
    is_int(rota_cancel_all_timeout(&ring, 1), -ETIME, "an end that is not waited for");
    fake.step = fake.steps = 0;
    fake.posted = fake.taken;
    fake_post((uint64_t)(uintptr_t)&op + ROTA_OP_DATA, -ECANCELED, 0);
    fake_post(ROTA_OP_DATA ^ 1 ^ 4, 1, 0);
    is_int(rota_poll(&ring), 1, "comes with the answer");
    before = fake.enters;
    for (unsigned i = 0; i < 8; i++)
        rota_poll(&ring);
    is_int((int)(fake.enters - before), 0, "after which nothing more is asked for");
    is_int((int)ring.calls.cancels, 0, "nor on its way");
    rota_queue_exit(&ring);
}

/* Those that are to be stopped end in any order, and each is forgotten by the others. */
static void test_forgotten(void)
{
    struct rota_op ops[3];

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    for (unsigned i = 0; i < 3; i++) {
        rota_op_init(&ops[i]);
        rota_start_nop(&ring, &ops[i]);
    }
    take_all();
    for (unsigned i = 0; i < 3; i++)
        rota_op_request_cancel(&ring, &ops[i]);
    take_all();
    fake.posted = fake.taken;
    fake_post((uint64_t)(uintptr_t)&ops[1] + ROTA_OP_DATA, -ECANCELED, 0);
    rota_poll(&ring);
    memset(&ops[1], 0xff, sizeof(ops[1])); /* it may be released */
    fake_post((uint64_t)(uintptr_t)&ops[0] + ROTA_OP_DATA, -ECANCELED, 0);
    rota_poll(&ring);
    ok(ring.calls.stopping == &ops[2] && !ops[2].next && !ops[2].prev,
       "of three that are to stop one is left");
    fake_post((uint64_t)(uintptr_t)&ops[2] + ROTA_OP_DATA, -ECANCELED, 0);
    rota_poll(&ring);
    ok(!ring.calls.stopping, "and then none");
    rota_queue_exit(&ring);
}

/* Nothing of the library's joins a chain that a callback has left open while it asks again. */
static void leave_chain(struct rota_ring *r, struct rota_op *op)
{
    (void)op;
    (void)rota_chain_begin(r, 2, IOSQE_IO_LINK);
}

static void test_asks_beside_chain(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    rota_op_on_result(&b, leave_chain);
    rota_start_nop(&ring, &a);
    rota_start_nop(&ring, &b);
    take_all();
    rota_op_request_cancel(&ring, &a);
    take_all();
    fake.posted = fake.taken;
    fake_post(ROTA_OP_DATA ^ 1 ^ 3, -EALREADY, 0);
    fake_post((uint64_t)(uintptr_t)&b + ROTA_OP_DATA, 0, 0);
    is_int(rota_poll(&ring), 1, "a callback leaves a chain open");
    is_int(rota_sq_ready(&ring), 0, "which nothing has joined");
    rota_start_nop(&ring, &b);
    is_int(rota_chain_end(&ring), 0, "so that it is whole");
    rota_queue_exit(&ring);
}

/*
 * The end of a deadline stops what a worker is inside of by a signal, and its
 * timeout then answers EALREADY. What cannot be interrupted keeps its result.
 */
static void test_interrupted_deadline(void)
{
    static const struct {
        int res, timer, expected;
        const char *what;
    } rows[] = {
        {-EINTR, -ETIME, -ETIME, "a request that its deadline has interrupted"},
        {-EINTR, -EALREADY, -ETIME, "one that was interrupted inside a worker"},
        {7, -EALREADY, 7, "one that went on in its worker"},
        {-EINTR, -ECANCELED, -EINTR, "one that something else has interrupted"},
    };

    for (unsigned i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        struct rota_op op = ROTA_OP_INIT;
        uint64_t data = (uint64_t)(uintptr_t)&op + ROTA_OP_DATA;
        bool timer_first = i & 1;

        fake_reset();
        fake_plain_ring(&ring, 0, 0);
        rota_op_deadline(&op, 1);
        rota_start_nop(&ring, &op);
        take_all();
        if (timer_first)
            fake_post(data ^ 1 ^ 2, rows[i / 2].timer, 0);
        fake_post(data, rows[i / 2].res, 0);
        if (!timer_first)
            fake_post(data ^ 1 ^ 2, rows[i / 2].timer, 0);
        is_int(rota_await(&ring, &op), rows[i / 2].expected, "%s%s", rows[i / 2].what,
               timer_first ? ", the deadline's end told first" : "");
        rota_queue_exit(&ring);
    }
}

/* A submit that the kernel takes in part has not waited: that is no signal. */
static void test_short_submit(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;

    fake_reset();
    fake_plain_ring(&ring, 0, ROTA_WAIT_INTERRUPTIBLE);
    rota_start_nop(&ring, &a);
    rota_start_nop(&ring, &b);
    fake_then(0)->count = true;
    fake.script[0].take = 1;
    is_int(rota_await(&ring, &b), 0, "an await whose submit was a short one");
    is_int(rota_await(&ring, &a), 0, "on an interruptible ring");
    rota_queue_exit(&ring);
}

/* So long that no clock gets there. */
static void test_longest_time(void)
{
    struct rota_op op = ROTA_OP_INIT;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    rota_start_nop(&ring, &op);
    fake_then(0)->count = true;
    fake.script[0].take = 1;
    fake.script[0].passes = 5000;
    is_int(rota_await_timeout(&ring, &op, UINT64_MAX), ROTA_FINISHED, "the longest time is not up");
    rota_queue_exit(&ring);
}

/*
 * While something comes all the time the end of a time is heeded: of a cancel
 * request that is never answered, and of rota_cancel_all_timeout().
 */
static struct rota_op busy_stream;
static bool ends_it;

static int keeps_coming(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                        size_t size)
{
    (void)fd;
    (void)wait_nr;
    (void)flags;
    (void)arg;
    (void)size;
    fake.now_ms++;
    submit = fake_take(submit);
    if (ends_it)
        fake_post((uint64_t)(uintptr_t)&stopped + ROTA_OP_DATA, -ECANCELED, 0);
    ends_it = false;
    if (fake.now_ms < 100000)
        fake_post((uint64_t)(uintptr_t)&busy_stream + ROTA_OP_DATA, 1, IORING_CQE_F_MORE);
    return (int)submit;
}

static void nothing_to_do(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    (void)op;
}

static void test_busy_stream(void)
{
    struct rota_kernel kernel = fake_kernel;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    rota_op_init(&stopped);
    rota_op_init(&busy_stream);
    rota_op_on_result(&busy_stream, nothing_to_do);
    rota_start_nop(&ring, &stopped);
    rota_start_nop(&ring, &busy_stream);
    take_all();
    kernel.enter = keeps_coming;
    ring.kernel = &kernel;
    ends_it = true;
    fake.now_ms = 0;
    is_int(rota_op_cancel(&ring, &stopped), -ECANCELED, "a handle ends beside a busy stream");
    ok(fake.now_ms < 1000, "its cancel request is not waited for: %ld ms", fake.now_ms);
    fake.now_ms = 0;
    is_int(rota_cancel_all_timeout(&ring, 500000000u), -ETIME, "a stream that does not end");
    ok(fake.now_ms < 1000, "is waited for as long as was said: %ld ms", fake.now_ms);
    ring.kernel = &fake_kernel;
    rota_queue_exit(&ring);
}

/* A polling thread that leaves one slot free, and takes no more, while two are wanted. */
static bool clock_goes;

static int tick(int clock_id, struct __kernel_timespec *now)
{
    if (clock_goes)
        fake.now_ms++;
    return fake_kernel.clock(clock_id, now);
}

static void test_idle_thread(void)
{
    struct rota_kernel kernel = fake_kernel;
    struct rota_op op = ROTA_OP_INIT;

    rota_op_deadline(&op, 1);
    for (unsigned goes = 0; goes < 2; goes++) {
        fake_reset();
        fake_plain_ring(&ring, IORING_SETUP_SQPOLL, 0);
        kernel.clock = tick;
        ring.kernel = &kernel;
        clock_goes = goes != 0;
        fake_prepare(&ring, FAKE_ENTRIES - 1, 1);
        is_int(rota_start_nop(&ring, &op), -EAGAIN,
               goes ? "a thread that takes nothing" : "nor does the clock go");
        ok(!goes || fake.now_ms >= 10000, "is looked at for long enough: %ld ms", fake.now_ms);
        fake.header->sq_head++;
        is_int(rota_start_nop(&ring, &op), 0, "with a second slot there is room");
        rota_op_init(&op);
        rota_op_deadline(&op, 1);
        ring.kernel = &fake_kernel;
        rota_queue_exit(&ring);
    }
}

/* A stream whose cancelling fails halfway: nobody wants its results any more. */
static void test_dropping(void)
{
    struct rota_op op = ROTA_OP_INIT;
    uint64_t data = (uint64_t)(uintptr_t)&op + ROTA_OP_DATA;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    rota_start_nop(&ring, &op);
    take_all();
    memset(fake.script, 0, sizeof(fake.script));
    fake_then(-EBUSY);
    is_int(rota_op_cancel(&ring, &op), -EBUSY, "cancelling that fails");
    fake_post(data, 1, IORING_CQE_F_MORE);
    fake_then(0)->count = true;
    is_int(rota_poll(&ring), 1, "drops a result");
    ok(!(op.state & ROTA_OP_FRESH), "that no await is to return");
    fake_post(data, 2, IORING_CQE_F_MORE);
    fake_post(data, -ECANCELED, 0);
    fake_then(0)->count = true;
    is_int(rota_poll(&ring), 2, "and what comes until the end");
    ok(!rota_op_active(&op), "which is there");
    rota_queue_exit(&ring);
}

/* A buffer's release reaches its handle beside a result that nobody has asked for yet. */
static void test_release(void)
{
    struct rota_op send = ROTA_OP_INIT, other = ROTA_OP_INIT;
    uint64_t mark = ROTA_OP_DATA;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    rota_start_nop(&ring, &send);
    rota_start_nop(&ring, &other);
    take_all();
    fake_post((uint64_t)(uintptr_t)&send + mark, 5, IORING_CQE_F_MORE);
    fake_post((uint64_t)(uintptr_t)&send + mark, 3, IORING_CQE_F_NOTIF);
    fake_post((uint64_t)(uintptr_t)&other + mark, 1, 0);
    is_int(rota_await(&ring, &other), 1, "a handle behind the release of a buffer");
    ok(!rota_op_active(&send), "the buffer is free");
    is_int(send.notif, 3, "as its notification says");
    is_int(rota_cq_ready(&ring), 0, "nothing stays in the queue");
    is_int(rota_await(&ring, &send), 5, "the result is there all the same");
    rota_queue_exit(&ring);
}

/* Completions that were lost: told once, and no wait goes on as if nothing had happened. */
static void test_lost(void)
{
    struct rota_op op = ROTA_OP_INIT;
    struct rota_op *list[1] = {&op};

    for (unsigned way = 0; way < 7; way++) {
        int ret = 0;

        fake_reset();
        fake_plain_ring(&ring, 0, 0);
        rota_op_init(&op);
        rota_start_nop(&ring, &op);
        fake_then(-EBADR)->take = 1;
        if (way == 0)
            ret = rota_await(&ring, &op);
        else if (way == 1)
            ret = rota_await_any(&ring, list, 1);
        else if (way == 2)
            ret = rota_await_all(&ring, list, 1);
        else if (way == 3)
            ret = rota_run(&ring);
        else if (way == 4)
            ret = rota_await_timeout(&ring, &op, 1000000000);
        else if (way == 5)
            ret = rota_op_cancel(&ring, &op);
        else
            ret = rota_cancel_all(&ring);
        is_int(ret, -EBADR, "way %u to wait tells of a loss", way);
        ok(!fake.stuck, "and does not sleep");
        ok(rota_op_active(&op), "the handle is as it was");
        rota_queue_exit(&ring);
    }
    /* In place, where nothing but the ring itself was asked. */
    fake_reset();
    fake_plain_ring(&ring, 0, ROTA_WAIT_INTERRUPTIBLE);
    rota_op_init(&op);
    rota_start_nop(&ring, &op);
    fake_then(-EBADR)->take = 1;
    is_int(rota_await(&ring, &op), -EBADR, "nor where a signal ends it");
    rota_queue_exit(&ring);
}

/*
 * A call that is on its way, and behind it a request, of a callback, for which
 * the kernel has no memory. It completes the call only for who sleeps.
 */
static struct rota_op behind;
static unsigned asked, sleeps, slept_for;
static int64_t longest;

static void start_behind(struct rota_ring *r, struct rota_op *op)
{
    (void)op;
    rota_op_init(&behind);
    rota_start_nop(r, &behind);
}

static int has_no_memory(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                         size_t size)
{
    if (submit == 2) {
        fake_take(2);
        fake_complete(1);
        return 2;
    }
    if (submit) {
        if (++asked > 100000)
            bail("a call that asks for memory in a circle");
        return -EAGAIN;
    }
    if (!wait_nr)
        return 0;
    slept_for = wait_nr;
    if (flags & IORING_ENTER_EXT_ARG) {
        const struct io_uring_getevents_arg *ext = arg;
        const struct __kernel_timespec *ts = (const struct __kernel_timespec *)(uintptr_t)ext->ts;

        longest = ts->tv_nsec;
    }
    if (sleeps++ == 20) {
        fake_complete(1);
        return 0;
    }
    if (!(flags & IORING_ENTER_EXT_ARG))
        return fake_kernel.enter(fd, submit, wait_nr, flags, arg, size);
    fake.now_ms += 1000;
    return -ETIME;
}

static void test_no_memory(uint32_t features)
{
    struct rota_kernel kernel = fake_kernel;
    struct rota_op first = ROTA_OP_INIT;

    fake_reset();
    fake.features = features;
    fake_plain_ring(&ring, 0, 0);
    kernel.enter = has_no_memory;
    ring.kernel = &kernel;
    rota_op_on_result(&first, start_behind);
    rota_start_nop(&ring, &first);
    fake_post(1, 0, 0); /* the caller's own, which stays */
    asked = 0;
    longest = 0;
    sleeps = features & IORING_FEAT_EXT_ARG ? 0 : 20;
    is_int(rota_call_nop(&ring), 0, "a call that the kernel takes ends, whatever is behind it");
    is_int((int)sleeps, 21, "who waits for it sleeps");
    is_int((int)slept_for, 2, "for one more than there is");
    is_int(longest, features & IORING_FEAT_EXT_ARG ? 50000 << 11 : 0, "up to a tenth of a second");
    ok(asked <= 1001, "and seldom asks for memory: %u times", asked);
    is_int(rota_in_flight(&ring), 1, "what is behind");
    ring.kernel = &fake_kernel;
    is_int(rota_await(&ring, &behind), 0, "goes when there is some");
    rota_queue_exit(&ring);
}

/* A kernel without waits that end (before 5.11), and a cancel request behind a drain. */
static bool clock_stands;

static int cancels_late(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                        size_t size)
{
    fake.now_ms += !clock_stands && (fake.enters & 15) == 0;
    if (!submit) {
        fake.enters++;
        if (!wait_nr)
            return 0;
    }
    if (!submit || fake.taken)
        return fake_kernel.enter(fd, submit, wait_nr, flags, arg, size);
    fake_take(submit);
    fake_post((uint64_t)(uintptr_t)&stopped + ROTA_OP_DATA, -ECANCELED, 0);
    fake.posted = fake.taken;
    return (int)submit;
}

static void test_late_cancel(void)
{
    struct rota_kernel kernel = fake_kernel;

    fake_reset();
    fake.features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP;
    fake_plain_ring(&ring, 0, 0);
    kernel.enter = cancels_late;
    ring.kernel = &kernel;
    rota_op_init(&stopped);
    rota_start_nop(&ring, &stopped);
    is_int(rota_op_cancel(&ring, &stopped), -ECANCELED, "a handle that was cancelled");
    ok(!fake.stuck, "does not wait for its cancel request");
    is_int((int)ring.calls.cancels, 1, "which is still under way");
    ok(fake.now_ms >= 100 && fake.now_ms < 200, "but was looked for: %ld ms", fake.now_ms);
    fake.now_ms = 0;
    rota_op_init(&stopped);
    kernel.enter = fake_enter;
    rota_start_nop(&ring, &stopped);
    is_int(rota_await(&ring, &stopped), 0, "the ring goes on");
    fake_post(ROTA_OP_DATA ^ 1 ^ 3, -ENOENT, 0);
    is_int(rota_run(&ring), 0, "until it comes");
    is_int((int)ring.calls.cancels, 0, "to its end");

    /* One that was not even submitted when its handle ended. */
    rota_op_init(&stopped);
    rota_start_nop(&ring, &stopped);
    take_all();
    is_int(rota_op_request_cancel(&ring, &stopped), 0, "a request to cancel");
    fake_post((uint64_t)(uintptr_t)&stopped + ROTA_OP_DATA, 0, 0);
    fake.posted = fake.taken;
    is_int(rota_run(&ring), 0, "what it is for has ended before");
    is_int((int)ring.calls.cancels, 0, "it is submitted, and ends");
    rota_queue_exit(&ring);

    fake_reset();
    fake.features = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP;
    fake_plain_ring(&ring, 0, 0);
    kernel.enter = cancels_late;
    ring.kernel = &kernel;
    clock_stands = true;
    rota_op_init(&stopped);
    rota_start_nop(&ring, &stopped);
    is_int(rota_op_cancel(&ring, &stopped), -ECANCELED, "a clock that stands keeps nobody");
    rota_queue_exit(&ring);
}

/* A call whose kernel only ever says that there was a signal: it can be neither finished nor left. */
static int takes_and_interrupts(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags,
                                const void *arg, size_t size)
{
    (void)fd;
    (void)wait_nr;
    (void)flags;
    (void)arg;
    (void)size;
    fake_take(submit);
    return -EINTR;
}

static void test_endless(void)
{
    struct rota_kernel kernel = fake_kernel;
    int status = 0;
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0, 0};

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGILL, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
        alarm(100);
        close(2);
        fake_reset();
        fake_plain_ring(&ring, 0, ROTA_WAIT_INTERRUPTIBLE);
        kernel.enter = takes_and_interrupts;
        ring.kernel = &kernel;
        rota_call_nop(&ring);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    ok(WIFSIGNALED(status) && (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP),
       "a call that cannot be finished ends the program");
}

int main(void)
{
    test_no_memory(FAKE_FEATURES);
    test_no_memory(IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP);
    test_late_cancel();
    test_late_answer();
    test_idle_thread();
    test_busy_stream();
    test_forgotten();
    test_asks_beside_chain();
    test_interrupted_deadline();
    test_short_submit();
    test_longest_time();
    test_endless();
    test_large(true);
    test_large(false);
    test_replaced();
    test_start_sqe();
    test_lost();
    test_stopped();
    test_release();
    test_busy();
    test_call_stopped();
    test_dropping();
    test_gaps(0, 0, "plain");
    test_gaps(IORING_SETUP_CQE32, 0xffffff00, "CQE32");
    test_gaps(IORING_SETUP_CQE_MIXED, 0, "mixed");
    test_gaps(IORING_SETUP_CQE_MIXED, 0xffffff01, "mixed");
    return done();
}
