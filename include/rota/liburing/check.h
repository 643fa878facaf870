/* SPDX-License-Identifier: MIT */
/*
 * Mistakes explained: a program that is compiled with -DROTA_CHECK has every
 * request looked at when it is submitted, and what is wrong said on the
 * standard error output. With -DROTA_CHECK=NAME the function NAME is told
 * instead, see <rota/explain.h>. Including this header does what -DROTA_CHECK
 * does.
 */
#ifndef ROTA_LIBURING_CHECK_H
#define ROTA_LIBURING_CHECK_H

#include <rota/explain.h>
#include <rota/liburing/queue.h>

#if !defined(ROTA_CHECK) || ROTA_CHECK + 0 == 1
#undef ROTA_CHECK
#define ROTA_CHECK rota_check_print
#endif

#ifdef __cplusplus
extern "C" {
#endif

static inline int rota_liburing_submit(struct io_uring *ring)
{
    (void)rota_check_pending(&ring->rota, NULL, ROTA_CHECK, NULL);
    return io_uring_submit(ring);
}

static inline int rota_liburing_submit_and_get_events(struct io_uring *ring)
{
    (void)rota_check_pending(&ring->rota, NULL, ROTA_CHECK, NULL);
    return io_uring_submit_and_get_events(ring);
}

static inline int rota_liburing_submit_and_wait(struct io_uring *ring, unsigned wait_nr)
{
    (void)rota_check_pending(&ring->rota, NULL, ROTA_CHECK, NULL);
    return io_uring_submit_and_wait(ring, wait_nr);
}

static inline int rota_liburing_submit_and_wait_timeout(struct io_uring *ring,
                                                        struct io_uring_cqe **cqe_ptr,
                                                        unsigned wait_nr,
                                                        struct __kernel_timespec *ts,
                                                        sigset_t *sigmask)
{
    (void)rota_check_pending(&ring->rota, NULL, ROTA_CHECK, NULL);
    return io_uring_submit_and_wait_timeout(ring, cqe_ptr, wait_nr, ts, sigmask);
}

static inline int rota_liburing_submit_and_wait_min_timeout(struct io_uring *ring,
                                                            struct io_uring_cqe **cqe_ptr,
                                                            unsigned wait_nr,
                                                            struct __kernel_timespec *ts,
                                                            unsigned min_wait, sigset_t *sigmask)
{
    (void)rota_check_pending(&ring->rota, NULL, ROTA_CHECK, NULL);
    return io_uring_submit_and_wait_min_timeout(ring, cqe_ptr, wait_nr, ts, min_wait, sigmask);
}

static inline int rota_liburing_submit_and_wait_reg(struct io_uring *ring,
                                                    struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                                                    int reg_index)
{
    (void)rota_check_pending(&ring->rota, NULL, ROTA_CHECK, NULL);
    return io_uring_submit_and_wait_reg(ring, cqe_ptr, wait_nr, reg_index);
}

#define io_uring_submit                      rota_liburing_submit
#define io_uring_submit_and_get_events       rota_liburing_submit_and_get_events
#define io_uring_submit_and_wait             rota_liburing_submit_and_wait
#define io_uring_submit_and_wait_timeout     rota_liburing_submit_and_wait_timeout
#define io_uring_submit_and_wait_min_timeout rota_liburing_submit_and_wait_min_timeout
#define io_uring_submit_and_wait_reg         rota_liburing_submit_and_wait_reg

#ifdef __cplusplus
}
#endif

#endif /* ROTA_LIBURING_CHECK_H */
