/* SPDX-License-Identifier: MIT */
/* TIMEOUT, its removal, and ASYNC_CANCEL: what ends a request before its time. */
#include "support.h"

static struct rota_ring ring;

static void test_expires(void)
{
    struct __kernel_timespec ts = {0, 10000000};
    struct io_uring_sqe *sqe = must_get_sqe(&ring);
    long start = now_ms(), took;

    rota_prep_timeout(sqe, &ts, 0, 0);
    sqe->user_data = 0x55555555;
    is_int(rota_submit(&ring), 1, "TIMEOUT of 10 ms is submitted");
    is_cqe(next_cqe(&ring), 0x55555555, -ETIME, 0, "TIMEOUT");
    took = now_ms() - start;
    ok(took >= 9 && took < 5000, "after 10 ms: %ld", took);
}

static void test_counts(void)
{
    struct __kernel_timespec ts = {60, 0};
    struct io_uring_sqe *sqe = must_get_sqe(&ring);
    unsigned timeouts = 0, nops = 0;

    rota_prep_timeout(sqe, &ts, 1, 0);
    sqe->user_data = 1;
    sqe = must_get_sqe(&ring);
    rota_prep_nop(sqe);
    sqe->user_data = 2;
    is_int(rota_submit(&ring), 2, "TIMEOUT after one completion, and a NOP");
    for (unsigned i = 0; i < 2; i++) {
        struct completion got = next_cqe(&ring);

        timeouts += got.user_data == 1 && got.res == 0;
        nops += got.user_data == 2 && got.res == 0;
    }
    ok(timeouts == 1 && nops == 1, "both complete with 0");
}

static void test_removal(void)
{
    struct __kernel_timespec ts = {60, 0};
    struct io_uring_sqe *sqe = must_get_sqe(&ring);
    unsigned timeouts = 0, removals = 0;

    rota_prep_timeout(sqe, &ts, 0, 0);
    sqe->user_data = 0x88888888;
    is_int(rota_submit(&ring), 1, "TIMEOUT of a minute is submitted");
    sqe = must_get_sqe(&ring);
    rota_prep_timeout_remove(sqe, 0x88888888, 0);
    sqe->user_data = 0x99999999;
    is_int(rota_submit(&ring), 1, "and its removal");
    for (unsigned i = 0; i < 2; i++) {
        struct completion got = next_cqe(&ring);

        timeouts += got.user_data == 0x88888888 && got.res == -ECANCELED;
        removals += got.user_data == 0x99999999 && got.res == 0;
    }
    ok(timeouts == 1 && removals == 1, "-ECANCELED and 0, in either order");

    sqe = must_get_sqe(&ring);
    rota_prep_timeout_remove(sqe, 0x88888888, 0);
    sqe->user_data = 3;
    is_int(rota_submit(&ring), 1, "a removal of what is gone");
    is_cqe(next_cqe(&ring), 3, -ENOENT, 0, "TIMEOUT_REMOVE");
}

static void test_cancel(void)
{
    struct io_uring_sqe *sqe;
    unsigned reads = 0, cancels = 0;
    char byte;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC) < 0)
        bail("pipe: %s", strerror(errno));
    sqe = must_get_sqe(&ring);
    rota_prep_read(sqe, ends[0], &byte, 1, 0);
    sqe->user_data = 4;
    is_int(rota_submit(&ring), 1, "READ of an empty pipe is submitted");
    sqe = must_get_sqe(&ring);
    rota_prep_cancel64(sqe, 4, 0);
    sqe->user_data = 5;
    is_int(rota_submit(&ring), 1, "and its cancellation by user_data");
    for (unsigned i = 0; i < 2; i++) {
        struct completion got = next_cqe(&ring);

        reads += got.user_data == 4 && (got.res == -ECANCELED || got.res == -EINTR);
        cancels += got.user_data == 5 && (got.res == 0 || got.res == -EALREADY);
    }
    ok(reads == 1 && cancels == 1, "both complete");
    close(ends[0]);
    close(ends[1]);
}

int main(void)
{
    make_ring(&ring, 8, 0);
    test_expires();
    test_counts();
    test_removal();
    test_cancel();
    rota_queue_exit(&ring);
    return done();
}
