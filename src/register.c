/* SPDX-License-Identifier: MIT */
/* Registration: what a ring lends to its requests. */
#include "core.h"

int rota_ring_register(struct rota_ring *ring, unsigned opcode, const void *arg, unsigned nr_args)
{
    /* A ring without an fd of its own is named by its registered index. */
    if (ring->ring_fd < 0 && (ring->int_flags & ROTA_INT_REGISTERED_FD))
        return rota_kernel_of(ring)->reg(
            ring->enter_ring_fd, opcode | IORING_REGISTER_USE_REGISTERED_RING, arg, nr_args);
    return rota_kernel_of(ring)->reg(ring->ring_fd, opcode, arg, nr_args);
}
