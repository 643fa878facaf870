/* SPDX-License-Identifier: MIT */
/* The descriptor of a ring: the index that stands for it, closing it, keeping it from children. */
#include "ring/core.h"

#include <linux/mman.h>

/* Calls enter with `fd` from now on, and with `flags` that say what it is. */
static void enter_with(struct rota_ring *ring, int fd, uint32_t flags)
{
    ring->enter_ring_fd = fd;
    ring->enter_flags = (ring->enter_flags & ~IORING_ENTER_REGISTERED_RING) | flags;
    ring->wait_flags = ring->enter_flags | IORING_ENTER_GETEVENTS;
}

int rota_register_ring_fd(struct rota_ring *ring)
{
    struct io_uring_rsrc_update update;
    int ret;

    if (rota_is_dead(ring))
        return -EBADF;
    if (ring->int_flags & ROTA_INT_REGISTERED_FD)
        return (ring->int_flags & ROTA_INT_LIKE_LIBURING) || ring->index_owner != rota_thread()
                   ? -EEXIST
                   : 1;
    update.offset = UINT32_MAX; /* any free slot */
    update.resv = 0;
    update.data = (uint32_t)ring->ring_fd;
    ret = rota_ring_register(ring, IORING_REGISTER_RING_FDS, &update, 1);
    if (ret < 0)
        return ret;
    if (ret != 1 || update.offset > INT32_MAX)
        return -EPROTO;
    enter_with(ring, (int)update.offset, IORING_ENTER_REGISTERED_RING);
    ring->int_flags |= ROTA_INT_REGISTERED_FD;
    ring->index_owner = rota_thread();
    return 1;
}

int rota_unregister_ring_fd(struct rota_ring *ring)
{
    int ret;

    if (!(ring->int_flags & ROTA_INT_REGISTERED_FD))
        return -EINVAL;
    /* Without a descriptor the index is all that holds the ring: liburing lets it go. */
    if (ring->ring_fd < 0 && !(ring->int_flags & ROTA_INT_LIKE_LIBURING))
        return -EINVAL;
    ret = rota_release_index(ring);
    if (ret != 1)
        return ret;
    ring->int_flags &= ~ROTA_INT_REGISTERED_FD;
    ring->index_owner = 0;
    enter_with(ring, ring->ring_fd, 0);
    rota_submit_choose(ring);
    return 1;
}

int rota_close_ring_fd(struct rota_ring *ring)
{
    if (rota_is_dead(ring))
        return -EBADF;
    if (!(ring->features & IORING_FEAT_REG_REG_RING))
        return -EOPNOTSUPP;
    if (!(ring->int_flags & ROTA_INT_REGISTERED_FD))
        return -EINVAL;
    if (ring->ring_fd < 0)
        return -EBADF;
    /* The descriptor is gone whatever close says. */
    rota_kernel_of(ring)->close(ring->ring_fd);
    ring->ring_fd = -1;
    return 1;
}

static int advise(void *memory, size_t size, int advice)
{
    return (int)rota_syscall6(__NR_madvise, (long)memory, (long)size, advice, 0, 0, 0);
}

int rota_ring_dontfork(struct rota_ring *ring)
{
    int ret;

    if (!ring->sq.ring_ptr)
        return -EINVAL;
    ret = advise(ring->sq.sqes, ring->sq.sqes_sz, MADV_DONTFORK);
    if (ret < 0)
        return ret;
    ret = advise(ring->sq.ring_ptr, ring->sq.ring_sz, MADV_DONTFORK);
    if (ret < 0)
        (void)advise(ring->sq.sqes, ring->sq.sqes_sz, MADV_DOFORK);
    else
        ring->mapped_by = rota_process();
    return ret;
}
