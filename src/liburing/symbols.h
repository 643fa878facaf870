/* SPDX-License-Identifier: MIT */
/* What the sources of librota-liburing share: <liburing.h> with names that are its own. */
#ifndef ROTA_LIBURING_SYMBOLS_H
#define ROTA_LIBURING_SYMBOLS_H

/* The names that the header gives to rota's functions are symbols here. */
#define ROTA_LIBURING_BUILDING

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <liburing.h>

/* as_liburing_wait.c: a wait on a kernel that cannot keep the time itself. */
__attribute__((visibility("hidden"))) int rota_liburing_wait(struct io_uring *ring,
                                                             struct io_uring_cqe **cqe_ptr,
                                                             unsigned wait_nr,
                                                             struct __kernel_timespec *ts,
                                                             sigset_t *sigmask);

/* kernel.c: the kernel of rings that are made now. Never NULL. */
__attribute__((visibility("hidden"))) const struct rota_kernel *rota_liburing_chosen(void);

/* From 5.11 on. */
static inline bool kernel_keeps_time(const struct io_uring *ring)
{
    return ROTA_LIKELY(ring->rota.features & IORING_FEAT_EXT_ARG);
}

#pragma GCC visibility push(default)

#endif /* ROTA_LIBURING_SYMBOLS_H */
