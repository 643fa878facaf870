/* SPDX-License-Identifier: MIT */
/*
 * One source for several sides: rota, its batches and handles, liburing, and
 * a hand-written ring on raw system calls; and rota on the emulated kernel. rota has liburing's names behind its own prefix, so that
 * R(submit)(ring) reads the same for all; OF(nop) is a name of this side's own.
 */
#ifndef ROTA_BENCH_SIDE_H
#define ROTA_BENCH_SIDE_H

#include "bench.h"

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)
#define TEXT_(a)    #a
#define TEXT(a)     TEXT_(a)
#define OF(name)    JOIN(name##_, SIDE)

#if defined(SIDE_LIBURING)
#include <liburing.h>
#define SIDE       liburing
#define RING       struct io_uring
#define R(name)    io_uring_##name
#define PREP(name) io_uring_prep_##name
#else
#include <rota.h>
#define PREP(name) rota_prep_##name
#if defined(SIDE_RAW)
#include "raw.h"
#define SIDE    raw
#define RING    struct raw_ring
#define R(name) raw_##name
#else
#define RING    struct rota_ring
#define R(name) rota_##name
#if defined(SIDE_BATCH)
#define SIDE batch
#elif defined(SIDE_HANDLES)
#define SIDE handles
#elif defined(SIDE_EMULATED)
#include <rota/emulate.h>
#define SIDE emulated
#else
#define SIDE rota
#endif
#endif
#endif

/* The single-owner profile of rota, in the words of the other sides. */
#define SINGLE_OWNER                                                                       \
    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | \
     IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL)

/*
 * How a ring is set up: without flags or single-owner, the same flags on
 * every side; or in the way the library does it when nothing is asked for.
 */
enum kind {
    KIND_DEFAULT,
    KIND_SINGLE,
    KIND_OWN
};

static inline int side_init(RING *ring, unsigned entries, enum kind kind)
{
#if defined(SIDE_LIBURING)
    int ret = io_uring_queue_init(entries, ring, kind == KIND_SINGLE ? SINGLE_OWNER : 0);

    if (!ret && kind == KIND_SINGLE)
        ret = io_uring_register_ring_fd(ring) == 1 ? 0 : -EINVAL;
    return ret;
#elif defined(SIDE_RAW)
    uint32_t flags = kind == KIND_SINGLE ? SINGLE_OWNER : 0;

    return raw_init(ring, entries, IORING_SETUP_NO_SQARRAY | flags, kind == KIND_SINGLE);
#else
    struct rota_config config;

    if (kind == KIND_DEFAULT) {
        rota_config_plain(&config);
        config.preferred_flags = IORING_SETUP_NO_SQARRAY; /* liburing takes it unasked */
    } else {
        rota_config_single_owner(&config); /* what NULL means */
    }
#if defined(SIDE_EMULATED)
    config.kernel = &rota_kernel_emulated;
#endif
    return rota_init(ring, entries, &config);
#endif
}

#endif /* ROTA_BENCH_SIDE_H */
