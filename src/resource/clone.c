/* SPDX-License-Identifier: MIT */
/* Taking over the buffers of another ring. */
#include "ring/core.h"

#include <rota/resource.h>

int rota_clone_buffers_offset(struct rota_ring *ring, struct rota_ring *src, unsigned dst_off,
                              unsigned src_off, unsigned nr, unsigned flags)
{
    if (rota_is_dead(src))
        return -EBADF;
    if (src->ring_fd >= 0)
        return rota_clone_buffers_fd(ring, src->ring_fd, dst_off, src_off, nr, flags);
    if (src->index_owner != rota_thread())
        return -EEXIST; /* here it means another ring */
    return rota_clone_buffers_fd(ring, src->enter_ring_fd, dst_off, src_off, nr,
                                 flags | IORING_REGISTER_SRC_REGISTERED);
}

int rota_clone_buffers(struct rota_ring *ring, struct rota_ring *src)
{
    return rota_clone_buffers_offset(ring, src, 0, 0, 0, 0);
}
