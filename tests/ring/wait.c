/* SPDX-License-Identifier: MIT */
/* Waiting on the real kernel: time that runs out, signals under both policies, signal masks. */
#include "support.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
    (void)number;
    signals++;
}

/* A SIGALRM every `ms` milliseconds, none for 0. */
static void alarm_every(long ms)
{
    struct itimerval timer = {{0, ms * 1000}, {0, ms * 1000}};

    signals = 0;
    if (setitimer(ITIMER_REAL, &timer, NULL) < 0)
        bail("setitimer: %s", strerror(errno));
}

/* A request that completes after `ts`. */
static void prepare_timeout(struct rota_ring *ring, const struct __kernel_timespec *ts)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_timeout(sqe, ts, 0, 0);
    sqe->user_data = 1;
}

static void test_time_runs_out(struct rota_ring *ring)
{
    struct __kernel_timespec ts = {0, 50000000}, none = {0, 0};
    struct io_uring_cqe *cqe = (struct io_uring_cqe *)(void *)&ts;
    long start = now_ms(), took;

    is_int(rota_wait_cqe_timeout(ring, &cqe, &ts), -ETIME, "nothing comes within 50 ms");
    took = now_ms() - start;
    ok(took >= 49 && took < 5000, "which it took: %ld", took);
    ok(!cqe, "and there is no CQE");
    is_int(rota_wait_cqe_timeout(ring, &cqe, &none), -ETIME, "nothing is there right now");
    is_int(rota_wait_cqes(ring, &cqe, 1, &ts, (const void *)16), -EFAULT, "a mask that is nowhere");
    is_int(rota_submit_and_wait_timeout(ring, &cqe, 1, NULL, (const void *)16), -EFAULT,
           "without a time, too");

    rota_prep_nop(must_get_sqe(ring));
    is_int(rota_submit_and_wait_timeout(ring, &cqe, 2, &ts, NULL), 1, "one of two comes");
    ok(cqe != NULL, "and is there");
    is_int(rota_wait_cqes(ring, &cqe, 2, &ts, NULL), 0, "the second never does");
    ok(cqe != NULL, "but the first is there");
    is_int(rota_submit_and_wait_timeout(ring, &cqe, 2, &ts, NULL), 0, "for a submit, too");
    ok(cqe != NULL, "which has nothing to submit");
    rota_cqe_seen(ring, cqe);
    is_int(rota_submit_and_wait_timeout(ring, &cqe, 1, &ts, NULL), -ETIME,
           "nothing to submit, nothing comes");
    ok(!cqe, "no CQE");
}

static void test_retry(struct rota_ring *ring)
{
    struct __kernel_timespec limit = {0, 200000000}, later = {0, 150000000};
    struct io_uring_cqe *cqe;
    long start, took;

    alarm_every(20);
    start = now_ms();
    is_int(rota_wait_cqe_timeout(ring, &cqe, &limit), -ETIME, "retry: the time runs out");
    took = now_ms() - start;
    ok(signals > 2, "although signals came: %d", (int)signals);
    ok(took >= 199 && took < 2000, "at its time, not later: %ld", took);

    prepare_timeout(ring, &later);
    is_int(rota_submit_and_wait(ring, 1), 1, "retry: a submit waits through signals");
    is_int(rota_cq_ready(ring), 1, "its completion is there");
    is_cqe(next_cqe(ring), 1, -ETIME, 0, "TIMEOUT");

    prepare_timeout(ring, &later);
    is_int(rota_submit(ring), 1, "another");
    is_int(rota_wait_cqe(ring, &cqe), 0, "retry: so does a wait");
    rota_cqe_seen(ring, cqe);

    prepare_timeout(ring, &later);
    is_int(rota_submit(ring), 1, "another");
    is_int(rota_submit_and_wait(ring, 1), 0, "retry: so does a submit of nothing");
    is_int(rota_cq_ready(ring), 1, "until it is there");
    rota_cq_advance(ring, 1);
    alarm_every(0);
}

static void test_interruptible(struct rota_ring *ring)
{
    struct __kernel_timespec limit = {5, 0}, later = {1, 0};
    struct io_uring_cqe *cqe;
    long start = now_ms();

    alarm_every(50);
    is_int(rota_wait_cqe_timeout(ring, &cqe, &limit), -EINTR, "interruptible: a wait ends");
    ok(!cqe, "without a CQE");
    is_int(rota_wait_cqe(ring, &cqe), -EINTR, "interruptible: one without time, too");
    ok(now_ms() - start < 4000, "before its time");
    prepare_timeout(ring, &later);
    is_int(rota_submit_and_wait(ring, 1), 1, "interruptible: a submit returns its count");
    is_int(rota_cq_ready(ring), 0, "with nothing complete");
    rota_prep_nop(must_get_sqe(ring));
    is_int(rota_submit(ring), 1, "with one of two ready the kernel hides the signal:");
    start = now_ms();
    is_int(rota_submit_and_wait(ring, 2), 0, "interruptible: it ends a submit");
    is_int(rota_wait_cqe_nr(ring, &cqe, 2), 0, "interruptible: a wait, too");
    is_int(rota_wait_cqes(ring, &cqe, 2, &limit, NULL), 0, "interruptible: and one with time");
    ok(now_ms() - start < 700, "before the second comes");
    ok(cqe != NULL && cqe->res == 0, "with the one that is ready");
    rota_cqe_seen(ring, cqe);
    alarm_every(0);
    is_cqe(next_cqe(ring), 1, -ETIME, 0, "later it completes: TIMEOUT");
}

static void test_signal_mask(struct rota_ring *ring)
{
    struct __kernel_timespec limit = {0, 200000000};
    struct io_uring_cqe *cqe;
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    alarm_every(20);
    is_int(rota_wait_cqes(ring, &cqe, 1, &limit, &mask), -ETIME,
           "a masked signal does not interrupt");
    alarm_every(0);

    sigprocmask(SIG_BLOCK, &mask, NULL);
    alarm_every(50);
    sigdelset(&mask, SIGALRM);
    is_int(rota_wait_cqes(ring, &cqe, 1, NULL, &mask), -EINTR,
           "one that the mask lets through does");
    is_int(signals, 1, "and was delivered during the wait");
    alarm_every(0);
    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    sigprocmask(SIG_UNBLOCK, &mask, NULL);
}

int main(void)
{
    struct sigaction action;
    struct rota_config config;
    struct rota_ring ring;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);

    make_ring(&ring, 8, 0);
    if (!(ring.features & IORING_FEAT_EXT_ARG))
        skip_all("this kernel has no waits with a time (5.11)");
    test_time_runs_out(&ring);
    test_interruptible(&ring);
    test_signal_mask(&ring);
    rota_queue_exit(&ring);

    if (rota_init(&ring, 8, NULL) < 0)
        bail("rota_init");
    test_time_runs_out(&ring);
    test_retry(&ring);
    rota_queue_exit(&ring);

    rota_config_shared(&config);
    if (rota_init(&ring, 8, &config) < 0)
        bail("rota_init");
    test_retry(&ring);
    rota_queue_exit(&ring);

    rota_config_shared(&config);
    config.options |= ROTA_WAIT_INTERRUPTIBLE;
    if (rota_init(&ring, 8, &config) < 0)
        bail("rota_init");
    test_interruptible(&ring);
    rota_queue_exit(&ring);
    return done();
}
