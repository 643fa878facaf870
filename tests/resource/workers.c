/* SPDX-License-Identifier: MIT */
/* The workers that run what blocks: their number, their processors; and the clock of waits. */
#include "resource.h"

#include <sched.h>

static void test_limits(void)
{
    struct rota_ring ring;
    unsigned limits[2] = {0, 0}, before[2];
    int ret;

    make_ring(&ring, 8, 0);
    ret = rota_register_iowq_max_workers(&ring, limits);
    if (ret == -EINVAL) {
        skip(1, "the number of workers is fixed (5.15)");
        rota_queue_exit(&ring);
        return;
    }
    is_int(ret, 0, "the limits are told");
    ok(limits[IO_WQ_BOUND] && limits[IO_WQ_UNBOUND], "there are some");
    memcpy(before, limits, sizeof(before));
    limits[0] = 2;
    limits[1] = 3;
    is_int(rota_register_iowq_max_workers(&ring, limits), 0, "2 and 3");
    is_mem(limits, before, sizeof(before), "were others before");
    limits[0] = limits[1] = 0;
    is_int(rota_register_iowq_max_workers(&ring, limits), 0, "asked again");
    is_int(limits[0], 2, "they are 2");
    is_int(limits[1], 3, "and 3");
    limits[0] = 1U << 31;
    is_int(rota_register_iowq_max_workers(&ring, limits), -EINVAL, "not so many");
    rota_queue_exit(&ring);
}

static void test_affinity(void)
{
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    cpu_set_t cpus;
    int ret;

    make_ring(&ring, 8, 0);
    CPU_ZERO(&cpus);
    CPU_SET(0, &cpus);
    ret = rota_register_iowq_aff(&ring, sizeof(cpus), &cpus);
    if (ret == -EINVAL) {
        skip(1, "workers run anywhere (5.14)");
    } else {
        is_int(ret, 0, "workers run on one processor");
        sqe = must_get_sqe(&ring);
        rota_prep_nop(sqe);
        rota_sqe_set_flags(sqe, IOSQE_ASYNC);
        is_int(run_one(&ring).res, 0, "a worker works");
        is_int(rota_unregister_iowq_aff(&ring), 0, "on all again");
        is_int(rota_register_iowq_aff(&ring, 0, &cpus), -EINVAL, "a set without size");
    }
    rota_queue_exit(&ring);
}

static void test_clock(void)
{
    struct __kernel_timespec ts = {0, 20000000};
    struct io_uring_clock_register reg;
    struct io_uring_cqe *cqe;
    struct rota_ring ring;
    long start;
    int ret;

    make_ring(&ring, 8, 0);
    memset(&reg, 0, sizeof(reg));
    reg.clockid = CLOCK_BOOTTIME;
    ret = rota_register_clock(&ring, &reg);
    if (ret == -EINVAL) {
        skip(1, "waits run on CLOCK_MONOTONIC (6.12)");
    } else {
        is_int(ret, 0, "waits run on the clock that goes on in suspend");
        start = now_ms();
        is_int(rota_wait_cqe_timeout(&ring, &cqe, &ts), -ETIME, "a wait of 20 ms ends");
        ok(now_ms() - start >= 19, "after 20 ms");
        reg.clockid = CLOCK_MONOTONIC;
        is_int(rota_register_clock(&ring, &reg), 0, "back");
        reg.clockid = CLOCK_REALTIME;
        is_int(rota_register_clock(&ring, &reg), -EINVAL, "no waits on a clock that is set");
    }
    rota_queue_exit(&ring);
}

int main(void)
{
    struct footprint before = footprint();

    test_limits();
    test_affinity();
    test_clock();
    is_clean(before, "workers");
    return done();
}
