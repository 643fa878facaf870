/* SPDX-License-Identifier: MIT */
/* Waits whose arguments lie in registered memory. */
#include "resource.h"

#include <signal.h>

/* Waits for one completion with element `index`; the time it took goes into *ms. */
static int wait_with(struct rota_ring *ring, int index, long *ms)
{
    struct io_uring_cqe *cqe;
    long start = now_ms();
    int ret = rota_submit_and_wait_reg(ring, &cqe, 1, index);

    *ms = now_ms() - start;
    return ret;
}

static void test_waits(struct rota_ring *ring, struct io_uring_reg_wait *waits)
{
    struct __kernel_timespec ts = {0, 30000000};
    long ms;

    rota_reg_wait_set(&waits[0], &ts, 0, NULL);
    ts.tv_nsec = 90000000;
    rota_reg_wait_set(&waits[3], &ts, 0, NULL);
    is_int(rota_enable_rings(ring), 0, "the ring is enabled");
    is_int(wait_with(ring, 0, &ms), -ETIME, "a wait of 30 ms ends");
    ok(ms >= 29 && ms < 5000, "after %ld ms", ms);
    is_int(wait_with(ring, 3, &ms), -ETIME, "one of 90 ms ends");
    ok(ms >= 89 && ms < 5000, "after %ld ms", ms);
    ts.tv_nsec = 1000000;
    rota_reg_wait_set(&waits[3], &ts, 0, NULL);
    is_int(wait_with(ring, 3, &ms), -ETIME, "it can be changed");
    ok(ms < 5000, "to end after %ld ms", ms);
    rota_prep_nop(must_get_sqe(ring));
    is_int(wait_with(ring, 0, &ms), 1, "a completion ends it, too");
    is_int(rota_cq_ready(ring), 1, "which is ready");
    rota_cq_advance(ring, 1);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int number)
{
    (void)number;
    alarms++;
}

/* A signal that the element's mask holds back does not end the wait. */
static void test_mask(struct rota_ring *ring, struct io_uring_reg_wait *wait)
{
    struct sigaction action, before;
    struct __kernel_timespec ts = {0, 60000000};
    sigset_t mask;
    long ms;
    int ret;

    memset(&action, 0, sizeof(action));
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, &before);
    sigemptyset(&mask);
    sigaddset(&mask, SIGALRM);
    rota_reg_wait_set(wait, &ts, 0, &mask);
    alarms = 0;
    ualarm(20000, 0);
    ret = wait_with(ring, 0, &ms);
    is_int(ret, -ETIME, "a signal that is held back does not end a wait");
    ok(ms >= 59, "of %ld ms", ms);
    is_int(alarms, 1, "and comes afterwards");
    rota_reg_wait_set(wait, &ts, 0, NULL);
    alarms = 0;
    ualarm(20000, 0);
    ret = wait_with(ring, 0, &ms);
    is_int(ret, -EINTR, "another one does");
    ok(ms < 59, "after %ld ms", ms);
    sigaction(SIGALRM, &before, NULL);
}

static void test_errors(void)
{
    struct footprint before = footprint();
    struct rota_region region, second;
    struct rota_ring ring;
    struct io_uring_reg_wait *waits;
    long ms;

    make_ring(&ring, 8, 0);
    is_int(rota_region_init(&ring, &region, 64, IORING_MEM_REGION_REG_WAIT_ARG), -EINVAL,
           "not for a ring that is enabled");
    ok(!region.memory, "which leaves nothing");
    is_int(rota_region_init(&ring, &region, 0, 0), -EINVAL, "no memory");
    is_int(rota_region_init(&ring, &region, 64, 1U << 20), -EINVAL, "an unknown flag");
    is_int(rota_region_init(&ring, &region, 100, 0), 0, "memory without a purpose");
    ok(region.size >= 4096, "is at least a page");
    is_int(rota_region_init(&ring, &second, 64, 0), -EBUSY, "one region for a ring");
    rota_region_exit(&ring, &second);
    rota_queue_exit(&ring);
    rota_region_exit(&ring, &region);
    rota_region_exit(&ring, &region);
    ok(!region.memory, "which ends once");

    waits = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    make_ring(&ring, 8, 0);
    is_int(rota_register_wait_reg(&ring, waits, 4), -EINVAL, "a ring that is enabled");
    is_int(wait_with(&ring, 0, &ms), -EFAULT, "and has no array");
    rota_queue_exit(&ring);
    make_ring(&ring, 8, IORING_SETUP_R_DISABLED);
    is_int(rota_register_wait_reg(&ring, waits, 0), -EINVAL, "no elements");
    is_int(rota_register_wait_reg(&ring, waits, -1), -EINVAL, "less than none");
    is_int(rota_register_wait_reg(&ring, NULL, 4), -EINVAL, "no array");
    is_int(rota_register_wait_reg(&ring, waits + 1, 4), -EINVAL, "not at the start of a page");
    mprotect(waits, 8192, PROT_READ);
    is_int(rota_register_wait_reg(&ring, waits, 4), -EFAULT, "memory that cannot be written");
    mprotect(waits, 8192, PROT_READ | PROT_WRITE);
    {
        void *gone = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        munmap(gone, 65536);
        is_int(rota_register_wait_reg(&ring, gone, 4), -EFAULT, "no memory at all");
    }
    is_int(rota_register_wait_reg(&ring, waits, 4), 0, "an array of the caller's");
    is_int(rota_register_wait_reg(&ring, waits, 4), -EBUSY, "once");
    test_waits(&ring, waits);
    test_mask(&ring, &waits[0]);
    is_int(wait_with(&ring, 4096, &ms), -EFAULT, "an element behind the memory");
    waits[0].flags = 0xff;
    is_int(wait_with(&ring, 0, &ms), -EINVAL, "an element that makes no sense");
    rota_queue_exit(&ring);
    munmap(waits, 8192);
    is_clean(before, "arrays of arguments");
}

static void test_region(unsigned flags)
{
    struct footprint before = footprint();
    struct rota_region region;
    struct rota_ring ring;
    int ret;

    make_ring(&ring, 8, IORING_SETUP_R_DISABLED);
    ret = rota_region_init(&ring, &region, 8 * sizeof(struct io_uring_reg_wait),
                           IORING_MEM_REGION_REG_WAIT_ARG | flags);
    if (is_int(ret, 0, "a region, flags 0x%x", flags)) {
        test_waits(&ring, region.memory);
        ok(works(&ring, 1), "the ring works");
    }
    rota_queue_exit(&ring);
    rota_region_exit(&ring, &region);
    is_clean(before, "a region");

    /* Each call on the way fails once. */
    for (int at = 1; at <= 2; at++) {
        make_fault_ring(&ring, 8, IORING_SETUP_R_DISABLED);
        before = footprint();
        arm_fault(at, -ENOMEM);
        is_int(rota_region_init(&ring, &region, 64, flags), -ENOMEM, "call %d fails", at);
        ok(disarm_fault() && !region.memory, "so there is no region");
        is_clean(before, "a failed region");
        if (at == 2 && (flags & ROTA_REGION_KERNEL))
            is_int(rota_region_init(&ring, &region, 64, flags), -EBUSY,
                   "but for the kernel's, which the ring has");
        else
            is_int(rota_region_init(&ring, &region, 64, flags), 0, "the next attempt succeeds");
        rota_queue_exit(&ring);
        rota_region_exit(&ring, &region);
    }
}

int main(void)
{
    struct rota_region region;
    struct rota_ring ring;
    int ret;

    if (in_valgrind())
        skip_all("valgrind takes the index of a wait's arguments for their address");
    make_ring(&ring, 8, 0);
    ret = rota_region_init(&ring, &region, 64, 0);
    rota_queue_exit(&ring);
    rota_region_exit(&ring, &region);
    if (ret == -EINVAL)
        skip_all("the kernel knows no regions (6.13)");
    test_region(0);
    test_region(ROTA_REGION_KERNEL);
    test_errors();
    return done();
}
