/* SPDX-License-Identifier: MIT */
/* Slots, peeks and waits; before 5.11 a request keeps the time of a wait. */
#include "liburing/symbols.h"

#include <asm/errno.h>

/* As it is: the caller clears what liburing clears. */
struct io_uring_sqe *rota_liburing_get_sqe(struct io_uring *ring)
{
    struct rota_sq *sq = &ring->rota.sq;
    struct io_uring_sqe *sqe;
    bool large = ring->rota.flags & IORING_SETUP_SQE128;

    if (!(large && sq->sqe_next < sq->sqe_stop_large) && !rota_sq_find_free(&ring->rota))
        return NULL;
    sqe = sq->sqe_next;
    sq->sqe_next = sqe + (large ? 2 : 1);
    return sqe;
}

struct io_uring_sqe *rota_liburing_get_sqe128(struct io_uring *ring)
{
    return rota_get_sqe128_slow(&ring->rota);
}

/* Takes an SQE for the request that ends the wait, and submits it with all others. */
static int submit_timeout(struct io_uring *ring, unsigned wait_nr, struct __kernel_timespec *ts)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (!sqe) {
        int ret = rota_submit(&ring->rota);

        if (ret < 0)
            return ret;
        sqe = io_uring_get_sqe(ring);
        if (!sqe)
            return -EAGAIN;
    }
    io_uring_prep_timeout(sqe, ts, wait_nr, 0);
    sqe->user_data = LIBURING_UDATA_TIMEOUT;
    return rota_submit(&ring->rota);
}

/*
 * A wait before 5.11. The kernel wakes a waiter when a timeout ends, however
 * few completions there are; what it ended with decides. liburing's says how
 * many were submitted where this says why it has no completion: its callers
 * look for a negative number before they look at the CQE.
 */
int rota_liburing_wait(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                       struct __kernel_timespec *ts, sigset_t *sigmask)
{
    int submitted = 0, ret;
    unsigned ready;

    *cqe_ptr = NULL;
    if (ts)
        submitted = submit_timeout(ring, wait_nr, ts);
    if (submitted < 0)
        return submitted;
    for (;;) {
        ret = __io_uring_peek_cqe(ring, cqe_ptr, &ready);
        if (ret < 0)
            return ret;
        if (*cqe_ptr && ready >= wait_nr)
            return submitted;
        if (!wait_nr)
            return submitted ? submitted : rota_liburing_peek(ring, cqe_ptr);
        ret = rota_sys_enter(ring->rota.enter_ring_fd, 0, wait_nr, ring->rota.wait_flags, sigmask,
                             ROTA_SIGSET_SIZE);
        if (*cqe_ptr) /* a signal, and one was there before */
            return submitted;
        if (ret < 0)
            return ret;
    }
}

int rota_liburing_peek(struct io_uring *ring, struct io_uring_cqe **cqe_ptr)
{
    int ret;

    if (kernel_keeps_time(ring))
        return rota_peek_slow(&ring->rota, cqe_ptr);
    (void)__io_uring_peek_cqe(ring, cqe_ptr, NULL);
    if (*cqe_ptr)
        return 0;
    ret = rota_peek_slow(&ring->rota, cqe_ptr);
    if (ret < 0)
        return ret;
    /* It was in the kernel, and may have brought a timeout of ours. */
    (void)__io_uring_peek_cqe(ring, cqe_ptr, NULL);
    return *cqe_ptr ? 0 : -EAGAIN;
}

int io_uring_wait_cqes(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                       struct __kernel_timespec *ts, sigset_t *sigmask)
{
    if (kernel_keeps_time(ring))
        return rota_wait_cqes(&ring->rota, cqe_ptr, wait_nr, ts, sigmask);
    return rota_liburing_wait(ring, cqe_ptr, wait_nr, ts, sigmask);
}

int io_uring_wait_cqe_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                              struct __kernel_timespec *ts)
{
    return io_uring_wait_cqes(ring, cqe_ptr, 1, ts, NULL);
}
