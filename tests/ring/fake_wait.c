/* SPDX-License-Identifier: MIT */
/*
 * Waits with every kind of limit against a scripted kernel: minimum times,
 * points in time, registered arguments, other clocks, and what signals, time
 * and hidden reasons make of each.
 */
#include "fake_kernel.h"

#include <rota/call.h>

static struct rota_ring ring;
static struct io_uring_cqe *cqe;

/* A ring with `count` requests in flight that complete only by a step of the script. */
static void start(uint32_t options, unsigned count)
{
    fake_reset();
    fake_plain_ring(&ring, 0, options);
    if (!count)
        return;
    fake_prepare(&ring, count, 0);
    fake_then(0)->count = true;
    fake.script[0].take = count;
    rota_submit(&ring);
    fake.enters = 0;
}

static struct fake_step *then(int result, unsigned post, long passes)
{
    struct fake_step *step = fake_then(result);

    step->post = post;
    step->passes = passes;
    return step;
}

static void test_min_timeout(void)
{
    struct __kernel_timespec ts = {1, 0};

    start(0, 4);
    then(0, FAKE_ALL, 0);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, &ts, 5000, NULL), 0, "minimum: all come");
    is_int(fake.enters, 1, "in one system call");
    is_int(fake.last_min_usec, 5000, "with the minimum");
    is_int(fake.last_ts.tv_sec, 1, "and the limit");
    rota_queue_exit(&ring);

    start(0, 4);
    then(0, 1, 5);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, &ts, 5000, NULL), 0,
           "minimum: one of four is enough when it is over");
    is_int(fake.enters, 1, "no second system call for the rest");
    ok(cqe && cqe->user_data == 0, "and it is there");
    rota_queue_exit(&ring);

    start(0, 4);
    then(0, 1, 2);
    then(-EINTR, 0, 1);
    then(0, 0, 2);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, &ts, 5000, NULL), 0,
           "minimum: signals do not end it");
    is_int(fake.enters, 3, "it goes on twice");
    is_int(fake.last_min_usec, 2000, "5 ms less 3");
    is_int(fake.last_wait_nr, 4, "for all four");
    is_int(fake.last_ts.tv_nsec, 997000000, "of one second less 3 ms");
    rota_queue_exit(&ring);

    start(0, 4);
    then(-EINTR, 0, 6);
    then(0, 1, 1);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, &ts, 5000, NULL), 0,
           "minimum: after it a wait is one for one");
    is_int(fake.last_wait_nr, 1, "also after a signal");
    is_int(fake.last_min_usec, 0, "without a minimum");
    rota_queue_exit(&ring);

    start(0, 4);
    then(-ETIME, 0, 1000);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, &ts, 5000, NULL), -ETIME,
           "minimum: none comes at all");
    ok(!cqe, "there is no CQE");
    then(0, FAKE_ALL, 0);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, NULL, 5000, NULL), 0,
           "minimum: without a limit");
    is_int(fake.last_ts.tv_sec, -1, "none is passed");
    rota_queue_exit(&ring);
    start(0, 4);
    then(-EINTR, 0, 2);
    then(0, 1, 3);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, NULL, 5000, NULL), 0,
           "minimum: without a limit, through a signal");
    is_int(fake.last_min_usec, 3000, "what is left of it");
    rota_queue_exit(&ring);

    start(0, 0);
    fake_prepare(&ring, 2, 0);
    is_int(rota_submit_and_wait_min_timeout(&ring, &cqe, 2, &ts, 100, NULL), 2,
           "minimum: behind a submit");
    is_int(fake.last_min_usec, 100, "it is passed");
    ok(cqe != NULL, "and the first CQE handed out");
    fake_prepare(&ring, 1, 0);
    is_int(rota_submit_and_wait_timeout(&ring, NULL, 1, &ts, NULL), 1, "which is not a must");
    rota_queue_exit(&ring);

    start(ROTA_WAIT_INTERRUPTIBLE, 4);
    then(0, 1, 2);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, &ts, 5000, NULL), 0,
           "minimum: a signal ends an interruptible wait");
    ok(cqe != NULL, "with what came");
    then(0, 1, 6);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 4, &ts, 5000, NULL), 0,
           "minimum: but not when the time was over");
    rota_queue_exit(&ring);

    fake_reset();
    fake.features &= ~IORING_FEAT_MIN_TIMEOUT;
    fake_plain_ring(&ring, 0, 0);
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 1, &ts, 1, NULL), -EOPNOTSUPP,
           "minimum: not before 6.12");
    is_int(rota_wait_cqes_until(&ring, &cqe, 1, &ts, NULL), -EOPNOTSUPP, "points in time, too");
    fake_prepare(&ring, 1, 0);
    cqe = (struct io_uring_cqe *)(void *)&ring;
    is_int(rota_submit_and_wait_min_timeout(&ring, &cqe, 1, &ts, 1, NULL), -EOPNOTSUPP,
           "minimum: nor with a submit");
    ok(!cqe, "which has no CQE");
    is_int(rota_submit_and_wait_until(&ring, &cqe, 1, &ts, NULL), -EOPNOTSUPP,
           "points in time neither");
    is_int(fake.enters, 0, "nothing is done");
    is_int(rota_sq_ready(&ring), 1, "the request is still there");
    is_int(rota_submit(&ring), 1, "and can go");
    rota_cq_advance(&ring, 1);
    fake.enters = fake.taken = fake.posted = 0;
    fake.taken = 1;
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 1, &ts, 0, NULL), 0, "no minimum needs none");
    rota_cq_advance(&ring, 1);
    fake.taken = 2;
    is_int(rota_wait_cqes_until(&ring, &cqe, 1, NULL, NULL), 0, "nor does no point in time");
    rota_queue_exit(&ring);
}

static void test_until(void)
{
    struct __kernel_timespec deadline = {101, 0}, odd = {100, 1000000000}; /* it is 100 now */

    start(0, 2);
    then(-EINTR, 0, 400);
    then(-EINTR, 0, 400);
    then(0, FAKE_ALL, 0);
    is_int(rota_wait_cqes_until(&ring, &cqe, 2, &deadline, NULL), 0, "until: through signals");
    is_int(fake.enters, 3, "of which there were two");
    ok(fake.last_flags & IORING_ENTER_ABS_TIMER, "the time is said to be absolute");
    is_int(fake.last_ts.tv_sec, 101, "and does not change");
    rota_queue_exit(&ring);

    start(0, 2);
    then(0, 1, 1000);
    is_int(rota_wait_cqes_until(&ring, &cqe, 2, &deadline, NULL), 0,
           "until: one of two at that time");
    ok(cqe != NULL, "which is there");
    rota_cq_advance(&ring, 1);
    then(-ETIME, 0, 0);
    is_int(rota_wait_cqes_until(&ring, &cqe, 1, &deadline, NULL), -ETIME, "until: a time that was");
    then(-ETIME, 0, 0);
    is_int(rota_wait_cqes_until(&ring, &cqe, 1, &odd, NULL), -ETIME,
           "until: with many nanoseconds");
    ok(fake.last_ts.tv_sec == 101 && !fake.last_ts.tv_nsec, "which make a second");
    rota_queue_exit(&ring);

    start(0, 0);
    fake_prepare(&ring, 1, 3);
    is_int(rota_submit_and_wait_until(&ring, &cqe, 1, &deadline, NULL), 1, "until: with a submit");
    ok(fake.last_flags & IORING_ENTER_ABS_TIMER, "is absolute as well");
    rota_queue_exit(&ring);
}

static void test_registered(void)
{
    start(0, 1);
    then(0, 1, 0);
    is_int(rota_wait_cqes_reg(&ring, &cqe, 1, 3), 0, "registered: a wait");
    ok((uintptr_t)fake.last_arg == 3 * sizeof(struct io_uring_reg_wait), "names its element");
    is_int(fake.last_size, sizeof(struct io_uring_reg_wait), "and its size");
    is_hex(fake.last_flags & (IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG),
           IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG, "with both flags");
    is_int(fake.clocks, 0, "no clock is read");
    rota_queue_exit(&ring);

    start(0, 2);
    then(-EINTR, 0, 0);
    is_int(rota_wait_cqes_reg(&ring, &cqe, 1, 0), -EINTR, "registered: a signal ends it");
    then(0, 1, 0);
    is_int(rota_wait_cqes_reg(&ring, &cqe, 2, 0), 0, "registered: so may a time that it hides");
    is_int(rota_cq_ready(&ring), 1, "with less than was asked for");
    then(-ETIME, 0, 0);
    is_int(rota_wait_cqes_reg(&ring, &cqe, 2, 0), 0, "registered: the time is up, with one ready");
    rota_cq_advance(&ring, 1);
    then(-ETIME, 0, 0);
    is_int(rota_wait_cqes_reg(&ring, &cqe, 2, 0), -ETIME, "registered: with none");
    is_int(rota_wait_cqes_reg(&ring, &cqe, 2, -1), -EFAULT, "registered: no such element");
    fake_prepare(&ring, 1, 9);
    is_int(rota_submit_and_wait_reg(&ring, &cqe, 1, 1), 1, "registered: with a submit");
    ok((uintptr_t)fake.last_arg == sizeof(struct io_uring_reg_wait), "and its element");
    fake_then(0)->count = true;
    fake.script[fake.steps - 1].take = 1;
    fake_prepare(&ring, 1, 10);
    is_int(rota_submit_and_wait_reg(&ring, &cqe, 8, 1), 1, "registered: the count goes first");
    rota_queue_exit(&ring);

    fake_reset();
    fake.features &= ~IORING_FEAT_EXT_ARG;
    fake_plain_ring(&ring, 0, 0);
    is_int(rota_wait_cqes_reg(&ring, &cqe, 1, 0), -EOPNOTSUPP, "registered: not before 5.11");
    is_int(rota_submit_and_wait_reg(&ring, NULL, 1, 0), -EOPNOTSUPP, "registered: nor a submit");
    rota_queue_exit(&ring);
    start(0, 0);
    then(-EINVAL, 0, 0);
    is_int(rota_wait_cqes_reg(&ring, &cqe, 1, 0), -EINVAL, "registered: nor before 6.13");
    fake_prepare(&ring, 1, 1);
    is_int(rota_submit_and_wait_reg(&ring, NULL, 1, -1), -EFAULT, "registered: no such element");
    is_int(rota_sq_ready(&ring), 1, "registered: nothing is done");
    rota_queue_exit(&ring);
}

static void test_clock(void)
{
    struct io_uring_clock_register clock = {.clockid = CLOCK_BOOTTIME};
    struct __kernel_timespec ts = {1, 0};

    start(0, 1);
    then(-EINTR, 0, 1);
    then(0, 1, 1);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), 0, "clock: a wait with time");
    is_int(fake.last_clock, CLOCK_MONOTONIC, "goes by the monotonic one");
    fake.register_error = -EINVAL;
    is_int(rota_register_clock(&ring, &clock), -EINVAL, "clock: one that is refused");
    fake.taken++;
    then(-EINTR, 0, 1);
    then(0, 1, 1);
    rota_cq_advance(&ring, 1);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), 0, "clock: changes nothing");
    is_int(fake.last_clock, CLOCK_MONOTONIC, "not even here");
    fake.register_error = 0;
    is_int(rota_register_clock(&ring, &clock), 0, "clock: another one");
    fake.taken++;
    then(-EINTR, 0, 1);
    then(0, 1, 1);
    rota_cq_advance(&ring, 1);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), 0, "clock: is what waits go by");
    is_int(fake.last_clock, CLOCK_BOOTTIME, "then");

    rota_cq_advance(&ring, 1);
    fake.taken++;
    fake.clocks = 0;
    fake.failing_clock = 2;
    fake.clock_error = -EFAULT;
    then(-EINTR, 0, 1);
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -EFAULT, "clock: one that fails in the middle");
    fake.clocks = 0;
    fake_prepare(&ring, 1, 9);
    then(0, 0, 0)->count = true;
    fake.script[fake.steps - 1].take = 1;
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 1, &ts, NULL), 1,
           "clock: the count goes before that");
    rota_queue_exit(&ring);
}

static void test_iowait(void)
{
    start(0, 0);
    is_int(rota_set_iowait(&ring, false), 0, "iowait: off");
    fake_prepare(&ring, 1, 1);
    is_int(rota_submit_and_wait(&ring, 1), 1, "a wait");
    ok(fake.last_flags & IORING_ENTER_NO_IOWAIT, "says so");
    is_int(rota_set_iowait(&ring, true), 0, "iowait: on again");
    fake_prepare(&ring, 1, 1);
    is_int(rota_submit_and_wait(&ring, 1), 1, "a wait");
    ok(!(fake.last_flags & IORING_ENTER_NO_IOWAIT), "no longer does");
    rota_queue_exit(&ring);

    fake_reset();
    fake.features &= ~IORING_FEAT_NO_IOWAIT;
    fake_plain_ring(&ring, 0, 0);
    is_int(rota_set_iowait(&ring, false), -EOPNOTSUPP, "iowait: not before 6.15");
    rota_queue_exit(&ring);
}

static void test_signal_mask(void)
{
    uint64_t mask = 1;
    struct __kernel_timespec ts = {1, 0};

    start(0, 2);
    then(0, 1, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 1, NULL, &mask), 0, "mask: without a time");
    ok(fake.last_arg == &mask && fake.last_size == ROTA_SIGSET_SIZE, "it is the argument itself");
    rota_cq_advance(&ring, 1);
    then(0, 1, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 1, &ts, &mask), 0, "mask: with a time");
    ok(fake.last_flags & IORING_ENTER_EXT_ARG, "it is part of the extended one");
    rota_queue_exit(&ring);
}

static unsigned hooked;

static void hook(struct rota_ring *which, void *data)
{
    if (which != &ring || data != &hooked)
        bail("the hook got something else");
    hooked++;
}

static void test_hook(void)
{
    start(0, 0);
    rota_on_overflow(&ring, hook, &hooked);
    for (unsigned i = 0; i < 3; i++) {
        fake_prepare(&ring, 8, i * 8);
        rota_submit(&ring);
    }
    is_int(hooked, 0, "overflow: nobody has looked yet");
    for (unsigned i = 0; i < 16; i++) {
        rota_peek_cqe(&ring, &cqe);
        rota_cqe_seen(&ring, cqe);
    }
    is_int(hooked, 0, "nor at what fitted");
    is_int(rota_peek_cqe(&ring, &cqe), 0, "what did not is fetched");
    is_int(hooked, 1, "and the hook called");
    is_int(rota_cq_overflows(&ring), 1, "as often as it was counted");
    rota_on_overflow(&ring, NULL, NULL);
    rota_cq_advance(&ring, 8);
    fake_prepare(&ring, 8, 0);
    rota_submit(&ring);
    fake_prepare(&ring, 8, 0);
    rota_submit(&ring);
    fake_prepare(&ring, 8, 0);
    rota_submit(&ring);
    is_int(rota_submit_and_get_events(&ring), 0, "without a hook");
    is_int(hooked, 1, "none is called");
    is_int(rota_cq_overflows(&ring), 2, "but it is counted");
    rota_queue_exit(&ring);
}

/* Reasons that the kernel hides when a CQE is ready. */
static void test_hidden_reasons(void)
{
    struct __kernel_timespec ts = {1, 0}, none = {0, 0};

    start(0, 3);
    then(0, 1, 0);
    then(0, 1, 0);
    then(0, 1, 0);
    is_int(rota_wait_cqe_nr(&ring, &cqe, 3), 0, "hidden: three come one by one");
    is_int(fake.enters, 3, "in as many rounds");
    rota_queue_exit(&ring);

    start(0, 3);
    then(0, 1, 600);
    then(0, 1, 600);
    is_int(rota_wait_cqes(&ring, &cqe, 3, &ts, NULL), 0, "hidden: the time is found out");
    ok(cqe != NULL, "with what is ready");
    is_int(rota_cq_ready(&ring), 2, "two are ready");
    is_int(rota_wait_cqes(&ring, &cqe, 2, &ts, NULL), 0, "which need no system call");
    is_int(fake.enters, 2, "nor had one");
    then(0, 0, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 3, &none, NULL), 0, "hidden: no time at all");
    is_int(fake.enters, 3, "is one look");
    rota_queue_exit(&ring);

    start(ROTA_WAIT_INTERRUPTIBLE, 3);
    then(0, 1, 0);
    is_int(rota_wait_cqe_nr(&ring, &cqe, 3), 0, "hidden: interruptible, it was a signal");
    is_int(fake.enters, 1, "which ended the wait");
    is_int(rota_cq_ready(&ring), 1, "with one of three");
    then(0, 1, 1000);
    is_int(rota_wait_cqes(&ring, &cqe, 3, &ts, NULL), 0, "or time, by the clock");
    then(0, 0, 10);
    is_int(rota_wait_cqes(&ring, &cqe, 3, &ts, NULL), 0, "or not");
    is_int(fake.enters, 3, "a round each");
    rota_cq_advance(&ring, 2);
    then(-EINTR, 1, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 3, &ts, NULL), 0, "one that comes with the signal");
    ok(cqe != NULL, "is there");
    rota_cq_advance(&ring, 1);
    then(-ETIME, 0, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 3, &ts, NULL), -ETIME, "time is up: there is none");
    ok(!cqe, "certainly");
    rota_queue_exit(&ring);

    /* A completion that came between a signal and the next round. */
    start(0, 1);
    then(-EINTR, 1, 0);
    is_int(rota_wait_cqe(&ring, &cqe), 0, "a completion that comes with the signal");
    is_int(fake.enters, 1, "ends the wait");
    rota_queue_exit(&ring);

    /* A submit that is interrupted before anything was taken goes again. */
    start(0, 0);
    fake_prepare(&ring, 2, 0);
    then(-EINTR, 0, 0);
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 2, &ts, NULL), 2, "nothing was taken yet");
    is_int(fake.taken, 2, "it is then, once");
    fake_prepare(&ring, 2, 0);
    then(-EINTR, 0, 0);
    is_int(rota_submit_and_get_events(&ring), 2, "without a wait, too");
    rota_queue_exit(&ring);
    start(ROTA_WAIT_INTERRUPTIBLE, 0);
    fake_prepare(&ring, 2, 0);
    then(-EINTR, 0, 0);
    is_int(rota_submit_and_get_events(&ring), -EINTR, "interruptible: it is told");
    is_int(rota_sq_ready(&ring), 2, "and nothing lost");
    rota_queue_exit(&ring);
}

/* One call that posts a gap filler and a CQE, then those that post nothing. */
static unsigned rounds, posts_more;

static int posts_gap(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                     size_t size)
{
    (void)fd;
    (void)submit;
    (void)wait_nr;
    (void)flags;
    (void)arg;
    (void)size;
    if (!rounds++) {
        fake_post(0, 0, IORING_CQE_F_SKIP);
        fake_post(1, 0, 0);
    } else if (posts_more) {
        fake_post(2, 0, 0);
    }
    return 0;
}

/* In a queue of both sizes a gap ends a wait early, too: what is not one is a signal. */
static void test_hidden_in_mixed(void)
{
    struct rota_kernel kernel = fake_kernel;

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_CQE_MIXED, ROTA_WAIT_INTERRUPTIBLE);
    fake_post(0, 0, 0);
    fake_then(0);
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "mixed: a signal that is hidden");
    is_int(fake.enters, 1, "ends a wait for two");
    ok(cqe != NULL, "with the one that is ready");
    rota_cqe_seen(&ring, cqe);
    kernel.enter = posts_gap;
    ring.kernel = &kernel;
    posts_more = 1;
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "mixed: a gap ends none");
    is_int((long)rounds, 2, "but costs a round");
    is_int(rota_cq_ready(&ring), 2, "both are ready");
    rota_cq_advance(&ring, 2);
    rounds = posts_more = 0;
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "mixed: a signal after a gap");
    is_int((long)rounds, 2, "is none of the gap's");
    is_int(rota_cq_ready(&ring), 1, "and ends the wait");
    ring.kernel = &fake_kernel;
    rota_queue_exit(&ring);
}

/* A polled ring finds nothing more while a completion that is not the handles' waits in it. */
static void test_polled_handles(void)
{
    struct rota_op op = ROTA_OP_INIT;

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_IOPOLL, 0);
    rota_start_nop(&ring, &op);
    fake_then(0)->count = true;
    fake.script[0].take = 1;
    rota_submit(&ring);
    fake_post(5, 0, 0);
    fake.enters = 0;
    is_int(rota_await(&ring, &op), -EBUSY, "handles: one completion of the caller's is in the way");
    is_int(fake.enters, 0, "so nobody is asked");
    rota_peek_cqe(&ring, &cqe);
    rota_cqe_seen(&ring, cqe);
    is_int(rota_await(&ring, &op), 0, "and not any more");
    rota_queue_exit(&ring);
}

/* As liburing: a wait without a time ends with the system call before which a CQE was there. */
static void start_like_liburing(unsigned count)
{
    struct io_uring_params params = {0};

    fake_reset();
    is_int(rota_queue_init_on(FAKE_ENTRIES, &ring, &params, &fake_kernel), 0, "like liburing");
    if (!count)
        return;
    fake_prepare(&ring, count, 0);
    fake_then(0)->count = true;
    fake.script[0].take = count;
    rota_submit(&ring);
    fake.enters = 0;
}

static void test_looks_again(void)
{
    struct __kernel_timespec ts = {1, 0};

    start_like_liburing(4);
    then(0, 1, 0);
    then(0, 1, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 4, NULL, NULL), 0, "one came, and a signal: it goes on");
    is_int(fake.enters, 2, "to the next signal");
    then(0, 1, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 4, NULL, NULL), 0, "some were there before");
    is_int(fake.enters, 3, "one system call");
    rota_queue_exit(&ring);

    start_like_liburing(4);
    then(0, 1, 0);
    then(-EINTR, 0, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 4, NULL, NULL), 0, "what is there goes before EINTR");
    ok(cqe && fake.enters == 2, "  and is shown");
    rota_queue_exit(&ring);

    start_like_liburing(4);
    then(-EINTR, 0, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 4, NULL, NULL), -EINTR, "none came");
    is_int(fake.enters, 1, "at the first signal");
    then(0, 1, 0);
    is_int(rota_wait_cqes(&ring, &cqe, 4, &ts, NULL), 0, "with a time");
    is_int(fake.enters, 2, "at the first, too");
    rota_queue_exit(&ring);

    start_like_liburing(4);
    then(0, 1, 0);
    is_int(rota_submit_and_wait(&ring, 4), 0, "submit_and_wait is one system call");
    is_int(fake.enters, 1, "whatever came");
    rota_queue_exit(&ring);

    start_like_liburing(0);
    fake_prepare(&ring, 2, 0);
    then(0, 0, 0)->count = true;
    fake.script[0].take = 2;
    then(0, 1, 0);
    then(-EINTR, 0, 0);
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 2, NULL, NULL), 2,
           "behind a submit the signal is another's, and so is the one that finds the first");
    ok(cqe && fake.enters == 3, "  it ends with the third");
    rota_queue_exit(&ring);
}

int main(void)
{
    test_looks_again();
    test_polled_handles();
    test_min_timeout();
    test_until();
    test_registered();
    test_clock();
    test_iowait();
    test_signal_mask();
    test_hook();
    test_hidden_reasons();
    test_hidden_in_mixed();
    ok(!fake.stuck, "no wait was ever without end");
    return done();
}
