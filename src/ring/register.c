/* SPDX-License-Identifier: MIT */
/* The one way into io_uring_register(2) of a ring. */
#include "ring/core.h"

/* What the library has to know of a registration that succeeded. */
static void note(struct rota_ring *ring, unsigned opcode, const void *arg)
{
    if (opcode == IORING_REGISTER_CLOCK)
        ring->clock_id = (int32_t)((const struct io_uring_clock_register *)arg)->clockid;
    /* The kernel, too, takes the thread that enables a ring for its single issuer. */
    if (opcode == IORING_REGISTER_ENABLE_RINGS && (ring->flags & IORING_SETUP_SINGLE_ISSUER))
        ring->owner = rota_thread();
}

int rota_ring_register(struct rota_ring *ring, unsigned opcode, const void *arg, unsigned nr_args)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    int ret;

    /* To the kernel, descriptor -1 means that there is no ring: some calls would do something. */
    if (rota_is_dead(ring))
        return -EBADF;
    /* A ring without an fd of its own is named by its registered index. */
    if (ring->ring_fd < 0 && (ring->int_flags & ROTA_INT_REGISTERED_FD)) {
        /* Which means another ring in another thread: it would be changed instead. */
        if (ring->index_owner != rota_thread())
            return -EEXIST;
        ret = kernel->reg(ring->enter_ring_fd, opcode | IORING_REGISTER_USE_REGISTERED_RING, arg,
                          nr_args);
    } else {
        ret = kernel->reg(ring->ring_fd, opcode, arg, nr_args);
    }
    if (ret >= 0)
        note(ring, opcode, arg);
    return ret;
}

int rota_enable_rings(struct rota_ring *ring)
{
    return rota_ring_register(ring, IORING_REGISTER_ENABLE_RINGS, NULL, 0);
}
