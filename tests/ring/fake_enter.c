/* SPDX-License-Identifier: MIT */
/*
 * Submission and waiting against a scripted kernel: indices that wrap, short
 * submits, errors, signals, time, overflow, and rings of each kind.
 */
#include "fake_kernel.h"

static struct rota_ring ring;
static struct io_uring_cqe *cqe;

/* Thousands of requests over the wrap of all indices, in batches of changing size. */
static void test_wrap(uint32_t start)
{
    uint64_t sent = 0, seen = 0;
    bool in_order = true;
    unsigned head;

    fake_reset();
    fake.start = start;
    fake_plain_ring(&ring, 0, 0);
    is_int(rota_sq_space_left(&ring), FAKE_ENTRIES, "indices start at 0x%x: all slots are free",
           start);
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "and nothing is complete");
    for (unsigned round = 0; round < 100; round++) {
        unsigned batch = 1 + round % FAKE_ENTRIES, submitted;

        fake_prepare(&ring, batch, sent);
        sent += batch;
        if (batch == FAKE_ENTRIES && rota_get_sqe(&ring))
            in_order = false;
        submitted = (unsigned)(round % 2 ? rota_submit(&ring) : rota_submit_and_wait(&ring, batch));
        in_order &= submitted == batch && rota_cq_ready(&ring) == batch;
        if (round % 3 == 0) {
            unsigned count = 0;

            rota_for_each_cqe (&ring, head, cqe) {
                in_order &= cqe->user_data == seen + count;
                in_order &= head == ring.cq.cqe_head + count && cqe == rota_cqe_at(&ring, head);
                count++;
            }
            in_order &= !cqe && head == ring.cq.cqe_head + count;
            rota_cq_advance(&ring, count);
            seen += count;
        } else if (round % 3 == 1) {
            struct io_uring_cqe *batch_of[FAKE_ENTRIES];
            unsigned count = rota_peek_batch_cqe(&ring, batch_of, FAKE_ENTRIES);

            for (unsigned i = 0; i < count; i++)
                in_order &= batch_of[i]->user_data == seen + i;
            rota_cq_advance(&ring, count);
            seen += count;
        } else {
            while (!rota_peek_cqe(&ring, &cqe)) {
                in_order &= cqe->user_data == seen++;
                rota_cqe_seen(&ring, cqe);
            }
        }
    }
    ok(in_order, "each is taken and seen once, in order");
    is_int(seen, sent, "none is lost over the wrap");
    ok((uint32_t)(start + sent) == rota_sq_tail(&ring), "the tail is where it must be");
    is_int(fake.header->cq_head, ring.cq.cqe_head, "the head, too");
    rota_queue_exit(&ring);
}

static void test_short_submit(void)
{
    static const unsigned expected[] = {0, 1, 2, 3, 4, 5, 6};
    bool in_order = true;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    fake_prepare(&ring, 5, 0);
    fake_then(0)->count = true;
    fake.script[0].take = 2;
    fake.script[0].post = 2;
    is_int(rota_submit(&ring), 2, "the kernel takes two of five");
    is_int(rota_sq_ready(&ring), 3, "three stay");
    is_int(rota_sq_space_left(&ring), 5, "five slots are free");
    fake_prepare(&ring, 2, 5);
    is_int(rota_submit(&ring), 5, "they go with the two that come next");
    is_int(fake.last_submit, 5, "five were offered");
    is_int(fake.taken, 7, "seven were taken");
    for (unsigned i = 0; i < 7; i++)
        in_order &= fake.taken_data[i] == expected[i];
    ok(in_order, "each once and in order");

    fake_prepare(&ring, 4, 7);
    fake_then(0)->count = true;
    fake.script[1].take = 1;
    is_int(rota_submit_and_wait(&ring, 4), 1, "a short submit does not wait");
    is_int(rota_sq_ready(&ring), 3, "three stay again");
    is_int(rota_submit_and_wait(&ring, 4), 3, "and go with the next");
    rota_queue_exit(&ring);
}

static void test_errors(void)
{
    static const int errors[] = {-EAGAIN, -EBADF,  -EBADFD, -EBADR, -EBUSY,
                                 -EEXIST, -EINVAL, -ENOMEM, -ENXIO};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct __kernel_timespec ts = {1, 0};

        fake_reset();
        fake_plain_ring(&ring, 0, 0);
        fake_prepare(&ring, 3, 10);
        fake_then(errors[i]);
        is_int(rota_submit(&ring), errors[i], "submit hands through: %s", strerror(-errors[i]));
        fake_then(errors[i]);
        is_int(rota_submit_and_wait(&ring, 1), errors[i], "  and with a wait");
        fake_then(errors[i]);
        is_int(rota_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL), errors[i],
               "  and with time");
        ok(!cqe, "  without a CQE");
        fake_then(errors[i]);
        is_int(rota_submit_and_get_events(&ring), errors[i], "  and with events");
        fake_then(errors[i]);
        is_int(rota_wait_cqe(&ring, &cqe), errors[i], "  a wait, too");
        ok(!cqe, "  without a CQE");
        fake_then(errors[i]);
        is_int(rota_get_events(&ring), errors[i], "  and events alone");
        is_int(rota_sq_ready(&ring), 3, "  nothing is lost");
        is_int(rota_submit(&ring), 3, "  and all is sent next");
        is_int(fake.taken, 3, "  once");
        rota_queue_exit(&ring);
    }
}

/* Signals under both policies, with and without time. */
static void test_signals(void)
{
    struct __kernel_timespec ts = {1, 500000000};

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    fake_prepare(&ring, 1, 1);
    fake_then(0)->count = true;
    fake.script[0].take = 1;
    fake_then(-EINTR);
    fake_then(-EINTR);
    is_int(rota_submit_and_wait(&ring, 1), 1,
           "retry: a submit that a signal cuts short still waits");
    is_int(fake.enters, 4, "until its completion is there");
    is_int(fake.last_submit, 0, "without submitting again");
    is_int(rota_cq_ready(&ring), 1, "which it is");
    rota_cq_advance(&ring, 1);

    fake_prepare(&ring, 1, 2);
    rota_submit(&ring);
    rota_cq_advance(&ring, 1);
    fake.taken++; /* one more request is in flight */
    for (unsigned i = 0; i < 3; i++)
        fake_then(-EINTR)->passes = 400;
    fake.enters = 0;
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), 0, "retry: a wait with time goes on");
    is_int(fake.enters, 4, "after three signals");
    is_int(fake.last_ts.tv_sec, 0, "with the time that remains:");
    is_int(fake.last_ts.tv_nsec, 300000000, "1.5 s less three times 0.4");
    rota_cq_advance(&ring, 1);

    for (unsigned i = 0; i < 4; i++)
        fake_then(-EINTR)->passes = 400;
    fake.enters = 0;
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -ETIME,
           "retry: signals do not prolong the time");
    is_int(fake.enters, 4, "it is up after four of them");
    ok(!cqe, "and there is no CQE");
    is_int(ts.tv_nsec, 500000000, "the caller's time is untouched");

    fake.step = fake.steps = 0;
    fake_prepare(&ring, 1, 3);
    fake_then(0)->count = true;
    fake.script[0].take = 1;
    fake.script[0].passes = 2000;
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL), 1,
           "the count goes before the time");
    ok(!cqe, "which is up: there is no CQE");
    fake_complete(FAKE_ALL);
    rota_cq_advance(&ring, 1);
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, 0, ROTA_WAIT_INTERRUPTIBLE);
    fake_then(-EINTR);
    is_int(rota_wait_cqe(&ring, &cqe), -EINTR, "interruptible: a wait returns");
    ok(!cqe, "without a CQE");
    fake_then(-EINTR);
    is_int(rota_submit_and_wait(&ring, 1), -EINTR, "interruptible: so does a submit of nothing");
    fake_then(-EINTR);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -EINTR, "interruptible: and one with time");
    is_int(fake.last_ts.tv_nsec, 500000000, "which is the caller's");
    fake_prepare(&ring, 1, 1);
    fake_then(0)->count = true;
    fake.script[3].take = 1;
    is_int(rota_submit_and_wait(&ring, 1), 1, "interruptible: a count comes back as such");
    is_int(rota_cq_ready(&ring), 0, "with nothing complete");
    rota_queue_exit(&ring);
}

/* Nanoseconds of any number are added as the kernel does; what is before zero is up at once. */
static void test_odd_times(void)
{
    static const struct {
        struct __kernel_timespec given, passed;
    } times[] = {
        {{0, 999999999}, {0, 999999999}},
        {{0, 1000000000}, {1, 0}},
        {{0, 1200000000}, {1, 200000000}},
        {{2, 5000000001}, {7, 1}},
        {{5, -1}, {4, 999999999}},
        {{5, -2000000000}, {3, 0}},
        {{-5, 5000000001}, {0, 1}},
        {{-1, 0}, {0, 0}},
        {{0, -1}, {0, 0}},
        {{1, -1000000001}, {0, 0}},
        {{-5, 4999999999}, {0, 0}},
        {{INT64_MIN, INT64_MIN}, {0, 0}},
        {{INT64_MAX, INT64_MIN}, {INT64_MAX - 9223372037, 145224192}},
        {{0, INT64_MAX}, {9223372036, 854775807}},
        {{INT64_MAX - 1, 1000000003}, {INT64_MAX, 3}},
        {{INT64_MAX, 999999999}, {INT64_MAX, 999999999}},
    };

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        const struct __kernel_timespec *passed = &times[i].passed;

        fake.steps = fake.step = 0;
        fake_then(-ETIME);
        is_int(rota_wait_cqe_timeout(&ring, &cqe, &times[i].given), -ETIME, "odd time %u", i);
        ok(fake.last_ts.tv_sec == passed->tv_sec && fake.last_ts.tv_nsec == passed->tv_nsec,
           "  is passed on as %lld s %lld ns: %lld s %lld ns", (long long)passed->tv_sec,
           (long long)passed->tv_nsec, (long long)fake.last_ts.tv_sec,
           (long long)fake.last_ts.tv_nsec);
    }
    fake.steps = fake.step = 0;
    fake_then(-EINTR)->passes = 700;
    fake_then(-ETIME);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &times[2].given), -ETIME, "after a signal");
    ok(!fake.last_ts.tv_sec && fake.last_ts.tv_nsec == 500000000, "the rest of it is left");
    fake.steps = fake.step = 0;
    fake.enters = 0;
    fake_then(-EINTR);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &times[7].given), -ETIME,
           "before zero: one look, whatever it finds");
    is_int(fake.enters, 1, "and no second");
    rota_queue_exit(&ring);
}

static void test_times(void)
{
    struct __kernel_timespec ts = {0, 0};

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    fake_prepare(&ring, 1, 1);
    fake_then(-ETIME);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -ETIME, "no time is up at once");
    fake_then(-EINTR);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -ETIME, "  a signal changes nothing");
    is_int((int)fake.clocks, 0, "  and nobody asks what time it is");
    ts.tv_sec = INT64_MAX;
    fake_then(-EINTR)->passes = 5000;
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL), 1, "for ever is long enough");
    ok(cqe && cqe->user_data == 1, "for the completion");
    ok(fake.last_ts.tv_sec > INT64_MAX / 2, "and stays so after a signal");
    rota_cq_advance(&ring, 1);
    ts.tv_sec = 1;
    fake.clock_error = -EFAULT;
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -EFAULT,
           "without a clock there is no wait with time");
    rota_queue_exit(&ring);

    fake_reset();
    fake.features &= ~IORING_FEAT_EXT_ARG;
    fake_plain_ring(&ring, 0, 0);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -EOPNOTSUPP, "before 5.11 no wait has time");
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL), -EOPNOTSUPP, "nor a submit");
    is_int(fake.enters, 0, "and nothing was done");
    is_int(rota_sq_ready(&ring), 0, "no timeout request was hidden in the queue");
    rota_queue_exit(&ring);
}

static void test_overflow(void)
{
    unsigned seen = 0, head;
    bool in_order = true;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    for (unsigned i = 0; i < 5; i++) {
        fake_prepare(&ring, 8, i * 8);
        is_int(rota_submit(&ring), 8, "batch %u", i);
    }
    ok(rota_cq_has_overflow(&ring), "40 completions do not fit in 16 slots");
    is_int(rota_cq_ready(&ring), 16, "16 are in the queue");
    while (!rota_peek_cqe(&ring, &cqe)) {
        in_order &= cqe->user_data == seen++;
        rota_cqe_seen(&ring, cqe);
    }
    is_int(seen, 40, "peeking finds all of them");
    ok(in_order, "in order");
    ok(!rota_cq_has_overflow(&ring), "the backlog is gone");
    is_int(rota_cq_overflows(&ring), 2, "it was fetched twice, and counted");
    is_int(rota_cq_lost(&ring), 0, "nothing was lost");

    for (unsigned i = 0; i < 3; i++) {
        fake_prepare(&ring, 8, i * 8);
        rota_submit(&ring);
    }
    seen = 0;
    rota_for_each_cqe (&ring, head, cqe)
        seen++;
    is_int(seen, 16, "an iteration ends with the queue");
    is_int(rota_cq_overflows(&ring), 3, "and notes that there is more");
    rota_cq_advance(&ring, seen);
    rota_for_each_cqe (&ring, head, cqe)
        seen++;
    is_int(seen, 24, "the next one fetches it");
    rota_queue_exit(&ring);
}

/* A peek enters the kernel when there is work for it, and only then. */
static void test_task_work(void)
{
    const uint32_t defer = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    unsigned head;

    fake_reset();
    fake_plain_ring(&ring, defer | IORING_SETUP_TASKRUN_FLAG, 0);
    cqe = (struct io_uring_cqe *)(void *)&ring;
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "nothing is there");
    ok(!cqe, "no CQE");
    is_int(fake.enters, 0, "and nobody is asked");
    fake.taken = 1;
    fake.header->sq_flags |= IORING_SQ_TASKRUN;
    is_int(rota_peek_cqe(&ring, &cqe), 0, "with task work there is something");
    is_int(fake.enters, 1, "after a visit to the kernel");
    is_hex(fake.last_flags, IORING_ENTER_GETEVENTS, "that does not wait");
    is_int(fake.last_wait_nr, 0, "for anything");
    rota_cqe_seen(&ring, cqe);
    fake.taken = 2;
    rota_for_each_cqe (&ring, head, cqe)
        fake.enters += 100;
    is_int(fake.enters, 102, "an iteration over nothing looks, too");
    rota_cq_advance(&ring, 1);
    fake_then(-EEXIST);
    cqe = (struct io_uring_cqe *)(void *)&ring;
    is_int(rota_peek_cqe(&ring, &cqe), -EEXIST, "the wrong thread is told so");
    ok(!cqe, "and gets no CQE");
    fake_then(-EBADR);
    cqe = (struct io_uring_cqe *)(void *)&ring;
    is_int(rota_peek_cqe(&ring, &cqe), -EBADR, "what was lost is told by a peek, too");
    ok(!cqe, "without a CQE");
    fake_then(-EEXIST);
    is_int(rota_peek_batch_cqe(&ring, &cqe, 1), 0, "a peek for several finds none");
    fake_then(-EEXIST);
    {
        uint64_t copies[2][2];
        struct io_uring_cqe *to = (struct io_uring_cqe *)(void *)copies;

        is_int(rota_copy_cqes(&ring, to, 2, 0), -EEXIST, "also when it copies");
    }
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, defer, 0);
    is_hex(ring.flags, defer | IORING_SETUP_TASKRUN_FLAG,
           "the flag is asked for, though not given");
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "so that an empty peek");
    is_int(fake.enters, 0, "is no system call");
    rota_queue_exit(&ring);

    fake_reset();
    fake.known_flags = ~(uint32_t)IORING_SETUP_TASKRUN_FLAG;
    fake_plain_ring(&ring, defer, 0);
    is_hex(ring.flags, defer, "a kernel without it gives a ring all the same");
    fake.taken = 1;
    is_int(rota_peek_cqe(&ring, &cqe), 0, "without the flag a peek must always ask");
    is_int(fake.enters, 1, "and does");
    rota_cqe_seen(&ring, cqe);
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "also when there is nothing");
    is_int(fake.enters, 2, "each time");
    rota_queue_exit(&ring);

    fake_reset();
    fake.known_flags = ~(uint32_t)IORING_SETUP_TASKRUN_FLAG;
    fake_plain_ring(&ring, IORING_SETUP_COOP_TASKRUN, 0);
    fake.taken = 1;
    is_int(rota_peek_cqe(&ring, &cqe), 0, "cooperative without the flag: a peek must ask, too");
    rota_queue_exit(&ring);
    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_COOP_TASKRUN, 0);
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "with the flag it need not");
    is_int(fake.enters, 0, "and does not");
    rota_queue_exit(&ring);
}

static void test_sqpoll(void)
{
    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQPOLL, 0);
    fake_prepare(&ring, 3, 0);
    is_int(rota_submit(&ring), 3, "an awake thread: three are visible");
    is_int(fake.header->sq_tail, 3, "by the tail");
    is_int(fake.enters, 0, "without a system call");
    is_int(rota_submit(&ring), 0, "and are not counted twice");
    is_int(rota_sq_ready(&ring), 3, "the thread has not looked yet");
    fake.header->sq_flags |= IORING_SQ_NEED_WAKEUP;
    fake_prepare(&ring, 2, 3);
    is_int(rota_submit(&ring), 2, "a thread that sleeps: two more are visible");
    is_hex(fake.last_flags, IORING_ENTER_SQ_WAKEUP, "and it is woken");
    is_int(fake.enters, 1, "once");
    fake.header->sq_flags &= ~IORING_SQ_NEED_WAKEUP;
    fake_take(2);
    fake_prepare(&ring, 5, 5);
    ok(!rota_get_sqe(&ring), "the queue is full");
    is_int(rota_submit(&ring), 5, "the rest is visible");
    fake_then(-EINTR);
    fake_then(0);
    fake.script[1].passes = 0;
    fake_then(-EINVAL);
    is_int(rota_sqring_wait(&ring), -EINVAL,
           "waiting for space goes on until there is some, or an error");
    is_int(fake.enters, 4, "after three rounds");
    ok(fake.last_flags & IORING_ENTER_SQ_WAIT, "of the right kind");
    fake_take(1);
    is_int(rota_sqring_wait(&ring), 0, "with space there is nothing to wait for");
    is_int(fake.enters, 4, "and no system call");
    fake_take(7);
    fake_then(-EOWNERDEAD);
    fake.header->sq_flags |= IORING_SQ_NEED_WAKEUP;
    fake_prepare(&ring, 1, 10);
    is_int(rota_submit(&ring), -EOWNERDEAD, "a thread that died is reported");
    fake_then(-EINTR);
    fake_complete(FAKE_ALL);
    is_int(rota_submit_and_wait(&ring, 8), 0, "waiting works as elsewhere");
    fake.header->sq_flags = 0;
    fake_prepare(&ring, 1, 20);
    fake_then(0)->post = FAKE_ALL;
    fake_take(8);
    fake.enters = 0;
    rota_cq_advance(&ring, rota_cq_ready(&ring));
    fake.taken = fake.posted + 1;
    is_int(rota_submit_and_wait(&ring, 1), 1, "an awake thread is waited for");
    is_int(fake.enters, 1, "but not woken");
    ok(!(fake.last_flags & IORING_ENTER_SQ_WAKEUP), "by any flag");
    fake_take(8);
    fake_prepare(&ring, 8, 30);
    fake_then(-EINTR);
    fake_then(0);
    fake_then(-EAGAIN);
    is_int(rota_sqring_wait(&ring), -EAGAIN, "a wait for space goes on until it fails");
    fake_then(-EOWNERDEAD);
    is_int(rota_sqring_wait(&ring), -EOWNERDEAD, "or there is nobody to make any");
    fake.enters = 0;
    is_int(rota_sqring_wait(&ring), -EPROTO, "or the kernel does not wait at all");
    ok(fake.enters > 1000, "which is given some attempts");
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQPOLL, ROTA_WAIT_INTERRUPTIBLE);
    fake_prepare(&ring, 8, 0);
    fake_then(-EINTR);
    is_int(rota_sqring_wait(&ring), -EINTR, "or is interrupted");
    fake.enters = 0;
    is_int(rota_sqring_wait(&ring), -EINTR, "by what the kernel does not call a signal");
    is_int(fake.enters, 1, "at once");
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    is_int(rota_sqring_wait(&ring), 0, "without a thread there is nothing to wait for");
    rota_queue_exit(&ring);
}

static void test_iopoll(void)
{
    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_IOPOLL, 0);
    fake_prepare(&ring, 3, 0);
    is_int(rota_submit(&ring), 3, "a polled ring submits");
    ok(fake.last_flags & IORING_ENTER_GETEVENTS, "and reaps with it");
    is_int(rota_wait_cqe_nr(&ring, &cqe, 8), 0, "a wait for eight is content with some");
    ok(cqe && !cqe->user_data, "and has the first");
    rota_cq_advance(&ring, 3);
    fake.taken = 4;
    is_int(rota_peek_cqe(&ring, &cqe), 0, "a peek polls");
    rota_cqe_seen(&ring, cqe);
    fake.taken = 5;
    is_int(rota_wait_cqe(&ring, &cqe), 0, "so does a wait for one");
    rota_cqe_seen(&ring, cqe);
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_IOPOLL, ROTA_WAIT_INTERRUPTIBLE);
    fake.taken = 1;
    fake_then(0);
    fake_then(0)->post = 1;
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "a pause in polling is no signal");
    is_int(fake.enters, 2, "the wait goes on");
    rota_queue_exit(&ring);
}

static void test_waits_for_what_can_be(void)
{
    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    fake_prepare(&ring, 8, 0);
    rota_submit(&ring);
    fake_prepare(&ring, 8, 8);
    is_int(rota_submit_and_wait(&ring, 1000), 8,
           "a wait for more than fits is a wait for a full queue");
    is_int(fake.last_wait_nr, 16, "of 16");
    ok(!fake.stuck, "and ends");
    fake.enters = 0;
    is_int(rota_wait_cqe_nr(&ring, &cqe, 16), 0, "what is there need not be waited for");
    is_int(fake.enters, 0, "by a system call");
    is_int(rota_wait_cqe_nr(&ring, &cqe, 0), 0, "a wait for none is a peek");
    rota_cq_advance(&ring, 16);
    is_int(rota_wait_cqe_nr(&ring, &cqe, 0), -EAGAIN, "also of an empty queue");
    rota_queue_exit(&ring);
}

/* Small and large CQEs in one queue, with gaps before its end. */
static void test_mixed(void)
{
    struct rota_config config;
    uint64_t copies[4][4];
    uint64_t next = 0, seen = 0;
    unsigned head, gaps[4] = {0};
    bool right = true;

    fake_reset();
    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_CQE_MIXED;
    config.cq_entries = 8;
    fake_ring(&ring, &config);
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "mixed: nothing yet");
    for (unsigned round = 0; round < 200; round++) {
        /*
         * Two small ones and a large one, now and then one more: four or five slots,
         * so that large ones come to the end of the queue in each of the ways to reap.
         */
        for (unsigned i = 0; i < 3 + (round % 5 == 0); i++) {
            bool large = (i + round) % 3 == 1;

            if (large && (fake.header->cq_tail & 7) == 7) {
                fake_post(0xdead, -EIO, IORING_CQE_F_SKIP);
                gaps[round % 4]++;
            }
            fake_post(next, (int)next, large ? IORING_CQE_F_32 : 0);
            next++;
        }
        while (seen < next) {
            uint64_t before = seen;

            switch (round % 4) {
            case 0: {
                unsigned slots = 0;

                rota_for_each_cqe (&ring, head, cqe) {
                    right &= cqe->user_data == seen && cqe->res == (int)seen;
                    right &= !rota_cqe_is_32(cqe) || cqe->big_cqe[1] == seen + 2;
                    right &= head == ring.cq.cqe_head + slots && cqe == rota_cqe_at(&ring, head);
                    slots += rota_cqe_nr(cqe);
                    seen++;
                }
                right &= !cqe && head == ring.cq.cqe_head + slots;
                rota_cq_advance(&ring, slots);
                break;
            }
            case 1:
                while (!rota_peek_cqe(&ring, &cqe)) {
                    right &= cqe->user_data == seen++;
                    rota_cqe_seen(&ring, cqe);
                }
                break;
            case 2: {
                int count = rota_copy_cqes(&ring, (struct io_uring_cqe *)(void *)copies, 4, 1);

                for (int i = 0; i < count; i++) {
                    struct io_uring_cqe *copy = (struct io_uring_cqe *)(void *)copies[i];

                    right &= copy->user_data == seen;
                    right &= copies[i][2] == (rota_cqe_is_32(copy) ? seen + 1 : 0);
                    seen++;
                }
                break;
            }
            default: {
                struct io_uring_cqe *batch[8];
                unsigned count = rota_peek_batch_cqe(&ring, batch, 8), slots = 0;

                for (unsigned i = 0; i < count; i++) {
                    right &= batch[i]->user_data == seen++;
                    slots += rota_cqe_nr(batch[i]);
                }
                rota_cq_advance(&ring, slots);
                break;
            }
            }
            if (seen == before)
                break;
        }
        if (seen != next)
            break;
    }
    ok(right, "mixed: all come in order, and whole");
    is_int(seen, next, "mixed: none is lost at a gap");
    for (unsigned way = 0; way < 4; way++)
        ok(gaps[way] >= 3, "mixed: of which there were, in way %u: %u", way, gaps[way]);
    rota_peek_cqe(&ring, &cqe);
    is_int(rota_cq_ready(&ring), 0, "mixed: nothing is left over");

    /* A gap alone is nothing to wake up for. */
    fake.taken = fake.posted = 0;
    while ((fake.header->cq_tail & 7) != 7) {
        fake_post(1, 0, 0);
        rota_wait_cqe(&ring, &cqe);
        rota_cqe_seen(&ring, cqe);
    }
    fake_post(0xdead, 0, IORING_CQE_F_SKIP);
    fake.taken_data[0] = 77;
    fake.taken = 1;
    is_int(rota_wait_cqe(&ring, &cqe), 0, "mixed: a wait does not end with a gap");
    ok(cqe && cqe->user_data == 77, "mixed: but with what comes after it");
    rota_queue_exit(&ring);
}

static void test_large_sqes(void)
{
    uint64_t sent = 0;
    bool in_order = true;

    fake_reset();
    fake.start = 0xfffffffb;
    fake_plain_ring(&ring, IORING_SETUP_SQE128 | IORING_SETUP_CQE32 | IORING_SETUP_NO_SQARRAY, 0);
    for (unsigned round = 0; round < 20; round++) {
        fake_prepare(&ring, 3, sent);
        is_int(rota_submit_and_wait(&ring, 3), 3, "large entries, round %u", round);
        for (unsigned i = 0; i < 3; i++) {
            in_order &= !rota_peek_cqe(&ring, &cqe) && cqe->user_data == sent + i;
            rota_cqe_seen(&ring, cqe);
        }
        sent += 3;
    }
    ok(in_order, "all come back in order");
    rota_queue_exit(&ring);
}

int main(void)
{
    test_wrap(0);
    test_wrap(0xffffffff);
    test_wrap(0xffffff9c);
    test_wrap(0x7fffffff);
    test_short_submit();
    test_errors();
    test_signals();
    test_odd_times();
    test_times();
    test_overflow();
    test_task_work();
    test_sqpoll();
    test_iopoll();
    test_waits_for_what_can_be();
    test_mixed();
    test_large_sqes();
    ok(!fake.stuck, "no wait was ever without end");
    return done();
}
