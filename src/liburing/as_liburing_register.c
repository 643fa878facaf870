/* SPDX-License-Identifier: MIT */
/* The register calls in which liburing does more than rota. */
#include "liburing/symbols.h"

#include <asm/errno.h>

int io_uring_register_buf_ring(struct io_uring *ring, struct io_uring_buf_reg *reg, unsigned flags)
{
    reg->flags = (__u16)(reg->flags | flags); /* liburing's leaves them there */
    return rota_register_buf_ring(&ring->rota, reg, 0);
}

int __io_uring_clone_buffers_offset(struct io_uring *dst, struct io_uring *src, unsigned dst_off,
                                    unsigned src_off, unsigned nr, unsigned flags)
{
    int fd = src->rota.ring_fd;

    if ((flags & IORING_REGISTER_SRC_REGISTERED) &&
        (src->rota.enter_flags & IORING_ENTER_REGISTERED_RING) &&
        (src->rota.features & IORING_FEAT_REG_REG_RING))
        fd = src->rota.enter_ring_fd;
    else
        flags &= ~(unsigned)IORING_REGISTER_SRC_REGISTERED;
    return rota_clone_buffers_fd(&dst->rota, fd, dst_off, src_off, nr, flags);
}

int __io_uring_clone_buffers(struct io_uring *dst, struct io_uring *src, unsigned flags)
{
    return __io_uring_clone_buffers_offset(dst, src, 0, 0, 0, flags);
}

/* The call that liburing still declares was replaced before a kernel was released with it. */
int io_uring_register_wait_reg(struct io_uring *ring, struct io_uring_reg_wait *reg, int nr)
{
    (void)ring;
    (void)reg;
    (void)nr;
    return -EINVAL;
}

int io_uring_resize_rings(struct io_uring *ring, struct io_uring_params *p)
{
    int ret;

    if (ring->rota.flags & IORING_SETUP_NO_MMAP)
        return -EINVAL;
    ret = rota_resize_rings(&ring->rota, p);
    p->flags = 0; /* what the kernel answered would be a wish in the next call */
    return ret;
}
