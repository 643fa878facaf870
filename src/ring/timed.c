/* SPDX-License-Identifier: MIT */
/* Waits with a limit, with and without a submission before. */
#include "ring/core.h"

int rota_wait_cqes_min_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                               unsigned wait_nr, const struct __kernel_timespec *ts,
                               unsigned min_wait, const void *sigmask)
{
    struct rota_limit limit = {.ts = ts, .sigmask = sigmask, .min_usec = min_wait};

    return rota_wait_within(ring, cqe_ptr, wait_nr, &limit);
}

int rota_wait_cqes_until(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                         const struct __kernel_timespec *deadline, const void *sigmask)
{
    struct rota_limit limit = {.ts = deadline, .sigmask = sigmask, .absolute = true};

    return rota_wait_within(ring, cqe_ptr, wait_nr, &limit);
}

int rota_wait_cqes_reg(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                       int reg_index)
{
    struct rota_limit limit = {.registered = true, .index = reg_index};

    return rota_wait_within(ring, cqe_ptr, wait_nr, &limit);
}

/* What is common to all that submit and wait with a limit. */
static int submit_and_wait_within(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                  unsigned wait_nr, const struct rota_limit *limit)
{
    struct io_uring_cqe *cqe;
    bool untold; /* liburing does not count what it submits when a CQE was there before */
    int ret = rota_limit_check(ring, limit);

    if (cqe_ptr)
        *cqe_ptr = NULL;
    if (ret < 0)
        return ret;
    untold = cqe_ptr && (ring->int_flags & ROTA_INT_LIKE_LIBURING) && rota_first_cqe(ring);
    ret = rota_submit_general(ring, wait_nr, 0, limit);
    cqe = rota_first_cqe(ring);
    if (!cqe && !ret && !wait_nr)
        ret = rota_peek_slow(ring, &cqe);
    if (cqe_ptr)
        *cqe_ptr = cqe;
    return untold && ret > 0 ? 0 : ret;
}

int rota_submit_and_wait_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                 unsigned wait_nr, const struct __kernel_timespec *ts,
                                 const void *sigmask)
{
    struct rota_limit limit = {
        .ts = ts, .sigmask = sigmask, .looks_again = rota_looks_again(ring, ts)};

    return submit_and_wait_within(ring, cqe_ptr, wait_nr, &limit);
}

int rota_submit_and_wait_min_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                     unsigned wait_nr, const struct __kernel_timespec *ts,
                                     unsigned min_wait, const void *sigmask)
{
    struct rota_limit limit = {.ts = ts, .sigmask = sigmask, .min_usec = min_wait};

    return submit_and_wait_within(ring, cqe_ptr, wait_nr, &limit);
}

int rota_submit_and_wait_until(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                               unsigned wait_nr, const struct __kernel_timespec *deadline,
                               const void *sigmask)
{
    struct rota_limit limit = {.ts = deadline, .sigmask = sigmask, .absolute = true};

    return submit_and_wait_within(ring, cqe_ptr, wait_nr, &limit);
}

int rota_submit_and_wait_reg(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                             unsigned wait_nr, int reg_index)
{
    struct rota_limit limit = {.registered = true, .index = reg_index};

    return submit_and_wait_within(ring, cqe_ptr, wait_nr, &limit);
}
