/* SPDX-License-Identifier: MIT */
/* Instructions of get_sqe, a prep function and set_data64: nothing enters the kernel. */
#include "preps.h"

#define ENTRIES 1024u /* long enough that what stands before the loop weighs nothing */

static RING ring;

static const char *name(unsigned index)
{
    return OF(prep_cases)[index].name;
}

static int open_ring(unsigned index)
{
    unsigned flags = OF(prep_cases)[index].big ? IORING_SETUP_SQE128 : 0;

#if defined(SIDE_RAW)
    return flags ? -EOPNOTSUPP : raw_init(&ring, ENTRIES, IORING_SETUP_NO_SQARRAY, false);
#elif defined(SIDE_LIBURING)
    return io_uring_queue_init(ENTRIES, &ring, flags);
#else
    return rota_queue_init(ENTRIES, &ring, flags | IORING_SETUP_NO_SQARRAY);
#endif
}

/* What the kernel would do: it takes every SQE and moves the head. */
static void consume(void)
{
#if defined(SIDE_RAW)
    rota_store_release(ring.sq_khead, ring.sq_tail);
#elif defined(SIDE_LIBURING)
    io_uring_smp_store_release(ring.sq.khead, *ring.sq.khead + io_uring_sq_ready(&ring));
#else
    rota_store_release(ring.sq.khead, rota_sq_tail(&ring));
#endif
}

static uint64_t run(unsigned index, unsigned times)
{
    uint64_t done = 0;

    for (; done < times; done += ENTRIES) {
        OF(prep_cases)[index].call(&ring, ENTRIES);
        consume();
    }
    return done;
}

static void close_ring(void)
{
    R(queue_exit)(&ring);
}

const struct bench OF(preps) = {"preps", TEXT(SIDE), name, open_ring, run, close_ring};
