/* SPDX-License-Identifier: MIT */
/* Cancellation that returns when the requests have ended. */
#include "resource.h"

static void poll_for(struct rota_ring *ring, int fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_poll_add(sqe, fd, POLLIN);
    rota_sqe_set_data64(sqe, user_data);
    submits(ring, 1);
}

static struct io_uring_sync_cancel_reg cancelling(uint64_t user_data, int fd, unsigned flags)
{
    struct io_uring_sync_cancel_reg reg;

    memset(&reg, 0, sizeof(reg));
    reg.addr = user_data;
    reg.fd = fd;
    reg.flags = flags;
    reg.timeout.tv_sec = -1;
    reg.timeout.tv_nsec = -1;
    return reg;
}

int main(void)
{
    struct footprint before = footprint();
    struct io_uring_sync_cancel_reg reg;
    struct rota_ring ring;
    int pair[2], other[2], ret;

    make_ring(&ring, 16, 0);
    make_pair(pair, SOCK_STREAM);
    make_pair(other, SOCK_STREAM);
    reg = cancelling(1, -1, 0);
    ret = rota_register_sync_cancel(&ring, &reg);
    if (ret == -EINVAL)
        skip_all("the kernel does not cancel while one waits (6.0)");
    is_int(ret, -ENOENT, "there is nothing to cancel");
    poll_for(&ring, pair[0], 1);
    is_int(rota_register_sync_cancel(&ring, &reg), 0, "a request by its user_data");
    is_cqe(next_cqe(&ring), 1, -ECANCELED, 0, "the request");
    is_int(rota_register_sync_cancel(&ring, &reg), -ENOENT, "there is no other");

    for (uint64_t i = 10; i < 13; i++)
        poll_for(&ring, pair[0], i);
    poll_for(&ring, other[0], 20);
    reg = cancelling(0, pair[0], IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL);
    is_int(rota_register_sync_cancel(&ring, &reg), 3, "all requests of a file");
    for (unsigned i = 0; i < 3; i++) {
        struct completion got = next_cqe(&ring);

        ok(got.user_data >= 10 && got.user_data < 13 && got.res == -ECANCELED,
           "request %u is cancelled", (unsigned)got.user_data);
    }
    ok(is_quiet(&ring), "that of another file is not");
    is_int(rota_register_sync_cancel(&ring, &reg), 0, "all of none is no error");
    reg = cancelling(0, 0, IORING_ASYNC_CANCEL_ANY);
    is_int(rota_register_sync_cancel(&ring, &reg), 1, "any request");
    is_cqe(next_cqe(&ring), 20, -ECANCELED, 0, "the last one");
    reg = cancelling(0, 9999, IORING_ASYNC_CANCEL_FD);
    is_int(rota_register_sync_cancel(&ring, &reg), -EBADF, "a file that is not open");
    reg = cancelling(0, 0, 1U << 31);
    is_int(rota_register_sync_cancel(&ring, &reg), -EINVAL, "an unknown flag");
    ok(works(&ring, 1), "the ring works");
    rota_queue_exit(&ring);
    close(pair[0]);
    close(pair[1]);
    close(other[0]);
    close(other[1]);
    is_clean(before, "cancellation");
    return done();
}
