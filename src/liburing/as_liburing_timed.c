/* SPDX-License-Identifier: MIT */
/* The waits that submit, and those with further arguments. */
#include "liburing/symbols.h"

#include <asm/errno.h>

int io_uring_wait_cqes_min_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                   unsigned wait_nr, struct __kernel_timespec *ts,
                                   unsigned min_ts_usec, sigset_t *sigmask)
{
    if (!(ring->rota.features & IORING_FEAT_MIN_TIMEOUT))
        return -EINVAL;
    return rota_wait_cqes_min_timeout(&ring->rota, cqe_ptr, wait_nr, ts, min_ts_usec, sigmask);
}

int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                     unsigned wait_nr, struct __kernel_timespec *ts,
                                     sigset_t *sigmask)
{
    if (kernel_keeps_time(ring))
        return rota_submit_and_wait_timeout(&ring->rota, cqe_ptr, wait_nr, ts, sigmask);
    if (!ts) {
        int submitted = rota_submit(&ring->rota), ret;

        if (submitted < 0)
            return submitted;
        ret = rota_liburing_wait(ring, cqe_ptr, wait_nr, NULL, sigmask);
        return submitted ? submitted : ret;
    }
    return rota_liburing_wait(ring, cqe_ptr, wait_nr, ts, sigmask);
}

int io_uring_submit_and_wait_min_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                         unsigned wait_nr, struct __kernel_timespec *ts,
                                         unsigned min_wait, sigset_t *sigmask)
{
    if (!(ring->rota.features & IORING_FEAT_MIN_TIMEOUT))
        return -EINVAL;
    return rota_submit_and_wait_min_timeout(&ring->rota, cqe_ptr, wait_nr, ts, min_wait, sigmask);
}

int io_uring_submit_and_wait_reg(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                 unsigned wait_nr, int reg_index)
{
    if (!kernel_keeps_time(ring))
        return -EINVAL;
    return rota_submit_and_wait_reg(&ring->rota, cqe_ptr, wait_nr, reg_index);
}

int __io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned submit,
                       unsigned wait_nr, sigset_t *sigmask)
{
    if (submit)
        return io_uring_submit_and_wait_timeout(ring, cqe_ptr, wait_nr, NULL, sigmask);
    return io_uring_wait_cqes(ring, cqe_ptr, wait_nr, NULL, sigmask);
}
