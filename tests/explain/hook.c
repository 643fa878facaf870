/* SPDX-License-Identifier: MIT */
/* Checking at each submit: compiled in by ROTA_CHECK, reports, and holds nothing back. */
#define ROTA_CHECK on_finding

#include <errno.h>
#include <rota.h>
#include <unistd.h>

#include "tap.h"

static unsigned reports;
static char last[240];
static uint64_t last_user_data;

void on_finding(void *arg, const struct rota_ring *ring, const struct io_uring_sqe *sqe,
                const struct rota_finding *finding)
{
    (void)arg;
    (void)ring;
    reports++;
    last_user_data = sqe ? sqe->user_data : 0;
    strcpy(last, finding->text);
}

static int reap(struct rota_ring *ring, uint64_t user_data)
{
    struct io_uring_cqe *cqe;
    int res = 1;

    while (!rota_peek_cqe(ring, &cqe)) {
        if (cqe->user_data == user_data)
            res = cqe->res;
        rota_cqe_seen(ring, cqe);
    }
    return res;
}

/* A wrong request, handed over by the caller. */
static void take_wrong(struct rota_ring *ring)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    rota_prep_nop(sqe);
    sqe->flags = 0x80;
    reports = 0;
}

/* Sends what a call has refused and left in the queue, and takes what came of it. */
static void clear(struct rota_ring *ring)
{
    rota_submit_and_get_events(ring);
    reap(ring, 0);
}

/* Each call that submits checks; kernels that lack the wait refuse it after the check. */
static void each_call(struct rota_ring *ring)
{
    struct __kernel_timespec *ts = (struct __kernel_timespec *)(void *)&(int64_t[2]){5, 0};
    struct __kernel_timespec *past = (struct __kernel_timespec *)(void *)&(int64_t[2]){0, 1};
    struct io_uring_cqe *cqe;
    struct rota_batch batch;

    take_wrong(ring);
    rota_submit_and_wait_timeout(ring, &cqe, 1, ts, NULL);
    is_int(reports, 1, "submit_and_wait_timeout checks");
    clear(ring);
    take_wrong(ring);
    rota_submit_and_wait_min_timeout(ring, &cqe, 1, ts, 1, NULL);
    is_int(reports, 1, "submit_and_wait_min_timeout checks");
    clear(ring);
    take_wrong(ring);
    rota_submit_and_wait_until(ring, &cqe, 1, past, NULL);
    is_int(reports, 1, "submit_and_wait_until checks");
    clear(ring);
    take_wrong(ring);
    rota_submit_and_wait_reg(ring, &cqe, 1, 0);
    is_int(reports, 1, "submit_and_wait_reg checks");
    clear(ring);
    take_wrong(ring);
    rota_submit_and_get_events(ring);
    is_int(reports, 1, "submit_and_get_events checks");
    reap(ring, 0);

    for (int wait = 0; wait < 2; wait++) {
        struct io_uring_sqe *sqe;

        if (rota_batch_begin(&batch, ring, 1))
            bail("no room for a batch");
        sqe = rota_batch_add(&batch);
        rota_prep_nop(sqe);
        sqe->flags = 0x80;
        reports = 0;
        is_int(wait ? rota_batch_flush_and_wait(&batch, 1) : rota_batch_flush(&batch), 1,
               "a batch is submitted");
        is_int(reports, 1, "and checked before");
        reap(ring, 0);
    }
}

int main(void)
{
    struct rota_config config;
    struct io_uring_sqe *sqe;
    struct rota_ring ring;
    struct __kernel_timespec *ts = (struct __kernel_timespec *)(void *)&(int64_t[2]){5, 0};

    rota_config_plain(&config);
    config.preferred_flags = IORING_SETUP_SUBMIT_ALL;
    if (rota_init(&ring, 8, &config) < 0)
        skip_all("no ring can be made here");

    rota_prep_nop(rota_get_sqe(&ring));
    is_int(rota_submit_and_wait(&ring, 1), 1, "a right request is submitted");
    is_int(reports, 0, "and nothing is reported");
    is_int(reap(&ring, 0), 0, "it completes");

    sqe = rota_get_sqe(&ring);
    rota_prep_nop(sqe);
    sqe->flags = 0x80;
    sqe->user_data = 5;
    is_int(rota_submit(&ring), 1, "a wrong one is submitted all the same");
    is_int(reports, 1, "and reported once");
    is_str(last, "NOP: flags has 0x80, which this kernel does not know; leave it out",
           "with the sentence");
    is_int(last_user_data, 5, "and the request");
    rota_submit_and_wait(&ring, 1);
    is_int(reports, 1, "what was submitted is not checked again");
    is_int(reap(&ring, 5), -EINVAL, "the kernel refuses it");

    sqe = rota_get_sqe(&ring);
    rota_prep_link_timeout(sqe, ts, 0);
    sqe->user_data = 6;
    is_int(rota_submit_and_wait(&ring, 1), 1, "a link timeout behind nothing");
    is_int(reports, 2, "is reported");
    is_str(last,
           "LINK_TIMEOUT must stand right behind another request with IOSQE_IO_LINK or "
           "IOSQE_IO_HARDLINK",
           "as one that needs a request before it");
    is_int(reap(&ring, 6), -EINVAL, "the kernel refuses it");

    sqe = rota_get_sqe(&ring);
    rota_prep_nop(sqe);
    sqe->flags = IOSQE_IO_LINK;
    sqe = rota_get_sqe(&ring);
    rota_prep_link_timeout(sqe, ts, 0);
    rota_submit_and_wait(&ring, 2);
    is_int(reports, 2, "behind a linked request it is right");
    reap(&ring, 0);

    /* Twelve more, so that the queue has wrapped. */
    for (int i = 0; i < 12; i++) {
        sqe = rota_get_sqe(&ring);
        rota_prep_nop(sqe);
        sqe->flags = (uint8_t)(i & 1 ? 0x80 : 0);
        rota_submit_and_wait(&ring, 1);
        reap(&ring, 0);
    }
    is_int(reports, 8, "the queue wraps, and each wrong request is reported once");

    sqe = rota_get_sqe(&ring);
    rota_prep_nop(sqe);
    sqe->flags = 0x80;
    is_int(rota_check_pending(&ring, NULL, NULL, NULL), 1, "counting needs no report");
    is_int(rota_check_pending(NULL, NULL, NULL, NULL), -EINVAL, "no ring is EINVAL");
    {
        uint32_t head = *ring.sq.khead;

        *ring.sq.khead = rota_sq_tail(&ring) + 5; /* a kernel that lies */
        is_int(rota_check_pending(&ring, NULL, NULL, NULL), 0, "a head that is nowhere");
        *ring.sq.khead = head;
    }
    rota_submit_and_wait(&ring, 1);
    reap(&ring, 0);
    each_call(&ring);
    rota_queue_exit(&ring);
    is_int(rota_check_pending(&ring, NULL, NULL, NULL), 0, "a ring that is torn down has nothing");
    return done();
}
