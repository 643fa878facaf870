/* SPDX-License-Identifier: MIT */
/* Making a ring in liburing's way: exactly the flags that were given. */
#include "ring/core.h"

int rota_queue_init_on_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                             struct io_uring_params *params, const struct rota_kernel *kernel)
{
    struct rota_placement mapped = {NULL, 0, 0, false};

    if (!rota_size_is_known(ring, ring_size))
        return -EINVAL;
    rota_make_none(ring);
    if (!entries || !params)
        return -EINVAL;
    ring->kernel = rota_kernel_named(kernel);
    if (params->flags & IORING_SETUP_NO_MMAP)
        return rota_make_unmapped(ring, entries, params);
    return rota_make_exact(ring, entries, params, &mapped);
}

int rota_queue_init_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                          struct io_uring_params *params)
{
    return rota_queue_init_on_sized(entries, ring, ring_size, params, NULL);
}
