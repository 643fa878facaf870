/* SPDX-License-Identifier: MIT */
/* Adopting a ring that exists. */
#include "ring/core.h"

int rota_queue_mmap_on_sized(int fd, const struct io_uring_params *params, struct rota_ring *ring,
                             size_t ring_size, const struct rota_kernel *kernel)
{
    struct rota_placement mapped = {NULL, 0, 0, false};
    int ret;

    if (!rota_size_is_known(ring, ring_size))
        return -EINVAL;
    rota_make_none(ring);
    if (fd < 0)
        return -EBADF;
    if (!params || (params->flags & (IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY)))
        return -EINVAL;
    /* Other files can be mapped as well, and fault where they are shorter: ask what it is. */
    ring->kernel = rota_kernel_named(kernel);
    ret = rota_kernel_of(ring)->enter(fd, 0, 0, 0, NULL, 0);
    if (ret != -EBADF && ret != -EOPNOTSUPP)
        ret = rota_take_fd(ring, fd, params, ROTA_OPTION_LIKE_LIBURING, &mapped);
    if (ret < 0)
        rota_make_none(ring);
    ring->owner = 0; /* who made it is not known */
    return ret;
}

int rota_queue_mmap_sized(int fd, const struct io_uring_params *params, struct rota_ring *ring,
                          size_t ring_size)
{
    return rota_queue_mmap_on_sized(fd, params, ring, ring_size, NULL);
}
