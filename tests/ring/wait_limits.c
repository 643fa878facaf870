/* SPDX-License-Identifier: MIT */
/*
 * Waits with minimum times, points in time, masks, other clocks and without
 * iowait on the running kernel, under signals: the time that remains shrinks.
 */
#include "support.h"

#include <signal.h>
#include <sys/time.h>

static volatile sig_atomic_t signals;
static struct io_uring_cqe *cqe;

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

/* `ms` milliseconds from now on a clock. */
static struct __kernel_timespec from_now(clockid_t clock, long ms)
{
    struct __kernel_timespec when;
    struct timespec now;

    clock_gettime(clock, &now);
    when.tv_sec = now.tv_sec + (now.tv_nsec / 1000000 + ms) / 1000;
    when.tv_nsec = (now.tv_nsec / 1000000 + ms) % 1000 * 1000000 + now.tv_nsec % 1000000;
    return when;
}

/* A request that completes after `ts`. */
static void start_timer(struct rota_ring *ring, const struct __kernel_timespec *ts)
{
    rota_prep_timeout(must_get_sqe(ring), ts, 0, 0);
    if (rota_submit(ring) != 1)
        bail("a timer was not taken");
}

static void test_until(struct rota_ring *ring, const char *kind)
{
    struct __kernel_timespec deadline;
    long start = now_ms(), took;

    alarm_every(20);
    deadline = from_now(CLOCK_MONOTONIC, 200);
    is_int(rota_wait_cqes_until(ring, &cqe, 1, &deadline, NULL), -ETIME, "%s: until a time", kind);
    took = now_ms() - start;
    ok(signals > 2 && took >= 199 && took < 2000, "%s: through %d signals, %ld ms", kind,
       (int)signals, took);
    is_int(rota_wait_cqes_until(ring, &cqe, 1, &deadline, NULL), -ETIME, "%s: a time that was",
           kind);
    rota_prep_nop(must_get_sqe(ring));
    start = now_ms();
    deadline = from_now(CLOCK_MONOTONIC, 100);
    is_int(rota_submit_and_wait_until(ring, &cqe, 2, &deadline, NULL), 1,
           "%s: one of two comes until then", kind);
    took = now_ms() - start;
    ok(took >= 99 && took < 2000, "%s: it waits for the second: %ld ms", kind, took);
    ok(cqe != NULL, "%s: the first is there", kind);
    alarm_every(0);
    rota_cq_advance(ring, 1);
}

static void test_min_timeout(struct rota_ring *ring, const char *kind)
{
    struct __kernel_timespec limit = {5, 0}, soon = {0, 50000000}, later = {0, 150000000};
    struct __kernel_timespec short_limit = {0, 200000000};
    long start, took;

    start_timer(ring, &soon);
    start = now_ms();
    is_int(rota_wait_cqes_min_timeout(ring, &cqe, 2, &limit, 100000, NULL), 0,
           "%s: at least 100 ms for two", kind);
    took = now_ms() - start;
    ok(took >= 99 && took < 4000, "%s: then one is enough: %ld ms", kind, took);
    is_int(rota_cq_ready(ring), 1, "%s: one is there", kind);
    rota_cq_advance(ring, 1);

    start_timer(ring, &later);
    alarm_every(20);
    start = now_ms();
    is_int(rota_wait_cqes_min_timeout(ring, &cqe, 2, &limit, 50000, NULL), 0,
           "%s: later than the minimum, through signals", kind);
    took = now_ms() - start;
    ok(took >= 149 && took < 4000, "%s: the first is enough: %ld ms", kind, took);
    rota_cq_advance(ring, 1);

    start = now_ms();
    is_int(rota_submit_and_wait_min_timeout(ring, &cqe, 2, &short_limit, 50000, NULL), -ETIME,
           "%s: nothing comes at all", kind);
    took = now_ms() - start;
    ok(took >= 199 && took < 2000, "%s: within the whole time: %ld ms", kind, took);
    alarm_every(0);
}

static void test_interruptible(struct rota_ring *ring)
{
    struct __kernel_timespec limit = {5, 0}, deadline = from_now(CLOCK_MONOTONIC, 5000);
    long start = now_ms();

    alarm_every(30);
    is_int(rota_wait_cqes_until(ring, &cqe, 1, &deadline, NULL), -EINTR,
           "interruptible: until a time");
    is_int(rota_wait_cqes_min_timeout(ring, &cqe, 2, &limit, 4000000, NULL), -EINTR,
           "interruptible: at least a time");
    alarm_every(0);
    ok(now_ms() - start < 3000, "interruptible: both before it");
}

static void test_mask(struct rota_ring *ring)
{
    struct __kernel_timespec limit = {0, 150000000}, deadline;
    sigset_t mask;

    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    alarm_every(20);
    deadline = from_now(CLOCK_MONOTONIC, 150);
    is_int(rota_wait_cqes_until(ring, &cqe, 1, &deadline, &mask), -ETIME,
           "masked: a signal does not end a wait until a time");
    is_int(rota_wait_cqes_min_timeout(ring, &cqe, 2, &limit, 1000, &mask), -ETIME,
           "masked: nor one with a minimum");
    alarm_every(0);
}

static void test_clock(void)
{
    struct io_uring_clock_register clock = {.clockid = CLOCK_BOOTTIME};
    struct __kernel_timespec limit = {0, 100000000}, deadline;
    struct rota_ring ring;
    long start, took;

    if (rota_init(&ring, 8, NULL) < 0)
        bail("rota_init");
    if (rota_register_clock(&ring, &clock) < 0) {
        skip(4, "this kernel has one clock only (6.12)");
    } else {
        alarm_every(20);
        start = now_ms();
        is_int(rota_wait_cqe_timeout(&ring, &cqe, &limit), -ETIME, "boot clock: a time");
        took = now_ms() - start;
        ok(took >= 99 && took < 2000, "boot clock: goes by: %ld ms", took);
        start = now_ms();
        deadline = from_now(CLOCK_BOOTTIME, 100);
        is_int(rota_wait_cqes_until(&ring, &cqe, 1, &deadline, NULL), -ETIME,
               "boot clock: until a time");
        took = now_ms() - start;
        ok(took >= 98 && took < 2000, "boot clock: comes: %ld ms", took);
        alarm_every(0);
    }
    rota_queue_exit(&ring);
}

static void test_iowait(struct rota_ring *ring)
{
    int ret = rota_set_iowait(ring, false);

    if (ret == -EOPNOTSUPP) {
        skip(3, "this kernel always counts waits as I/O (6.15)");
        return;
    }
    is_int(ret, 0, "iowait: off");
    rota_prep_nop(must_get_sqe(ring));
    is_int(rota_submit_and_wait(ring, 1), 1, "iowait: the kernel takes the flag");
    rota_cq_advance(ring, 1);
    is_int(rota_set_iowait(ring, true), 0, "iowait: on");
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
    if (!(ring.features & IORING_FEAT_MIN_TIMEOUT))
        skip_all("this kernel has no minimum times and points in time (6.12)");
    test_interruptible(&ring);
    test_mask(&ring);
    test_iowait(&ring);
    rota_queue_exit(&ring);

    if (rota_init(&ring, 8, NULL) < 0)
        bail("rota_init");
    test_until(&ring, "single owner");
    test_min_timeout(&ring, "single owner");
    rota_queue_exit(&ring);

    rota_config_shared(&config);
    if (rota_init(&ring, 8, &config) < 0)
        bail("rota_init");
    test_until(&ring, "shared");
    test_min_timeout(&ring, "shared");
    rota_queue_exit(&ring);
    test_clock();
    return done();
}
