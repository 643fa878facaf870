/* SPDX-License-Identifier: MIT */
/* Making rings and tearing them down. */
#include "ring/core.h"

#include <linux/time.h>

#define FEATURES_NEEDED IORING_FEAT_SINGLE_MMAP

void rota_make_none(struct rota_ring *ring)
{
    static const uint32_t zero = 0;
    static uint32_t unread; /* where CQEs that there are not are marked seen */
    uint32_t *word = (uint32_t *)(uintptr_t)&zero;

    rota_zero(ring, sizeof(*ring));
    ring->sq.khead = word;
    ring->sq.kflags = word;
    ring->sq.kdropped = word;
    ring->cq.khead = &unread;
    ring->cq.ktail = word;
    ring->cq.kpeek = word;
    ring->cq.koverflow = word;
    ring->ring_fd = -1;
    ring->enter_ring_fd = -1;
    ring->calls.mode = ROTA_CALLS_NO_RING;
    rota_submit_choose(ring);
}

void rota_release_fd(struct rota_ring *ring)
{
    if (ring->int_flags & ROTA_INT_REGISTERED_FD)
        rota_release_index(ring);
    if (ring->ring_fd >= 0)
        rota_kernel_of(ring)->close(ring->ring_fd);
}

uint32_t rota_with_taskrun_flag(uint32_t flags)
{
    const uint32_t deferred = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN;

    return flags & deferred ? flags | IORING_SETUP_TASKRUN_FLAG : flags;
}

/* What the obtained flags mean for the paths that reap. */
static uint32_t derived_int_flags(uint32_t flags)
{
    uint32_t derived = 0;

    if (flags & IORING_SETUP_IOPOLL)
        derived |= ROTA_INT_ALWAYS_ASK;
    if ((flags & (IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN)) &&
        !(flags & IORING_SETUP_TASKRUN_FLAG))
        derived |= ROTA_INT_ALWAYS_ASK;
    return derived;
}

int rota_take_fd(struct rota_ring *ring, int fd, const struct io_uring_params *p, uint32_t options,
                 const struct rota_placement *placement)
{
    int ret;

    ring->flags = p->flags;
    ring->features = p->features;
    ring->enter_ring_fd = fd;
    ring->int_flags |= derived_int_flags(p->flags);
    if (options & ROTA_WAIT_INTERRUPTIBLE)
        ring->int_flags |= ROTA_INT_INTERRUPTIBLE;
    if (options & ROTA_OPTION_LIKE_LIBURING)
        ring->int_flags |= ROTA_INT_INTERRUPTIBLE | ROTA_INT_LIKE_LIBURING;
    ring->calls.mode =
        p->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED) ? ROTA_CALLS_BIG : 0;
    if (p->flags & IORING_SETUP_REGISTERED_FD_ONLY) {
        ring->index_owner = rota_thread();
        ring->enter_flags |= IORING_ENTER_REGISTERED_RING;
        ring->int_flags |= ROTA_INT_REGISTERED_FD;
    } else {
        ring->ring_fd = fd;
    }

    if ((p->features & FEATURES_NEEDED) != FEATURES_NEEDED)
        return -ENOSYS;
    ret = rota_memory_attach(ring, fd, p, placement);
    if (ret < 0)
        return ret;
    ring->wait_flags = ring->enter_flags | IORING_ENTER_GETEVENTS;
    ring->clock_id = CLOCK_MONOTONIC;
    /* A ring that starts disabled belongs to the thread that enables it. */
    if ((p->flags & IORING_SETUP_SINGLE_ISSUER) && !(p->flags & IORING_SETUP_R_DISABLED))
        ring->owner = rota_thread();
    rota_submit_choose(ring);
    return 0;
}

int rota_make_exact(struct rota_ring *ring, unsigned entries, struct io_uring_params *params,
                    const struct rota_placement *placement)
{
    uint32_t flags = params->flags;
    int fd, ret;

    params->flags = rota_with_taskrun_flag(flags);
    fd = rota_kernel_of(ring)->setup(entries, params);
    if (fd == -EINVAL && params->flags != flags) {
        params->flags = flags;
        fd = rota_kernel_of(ring)->setup(entries, params);
    }
    ret = fd;
    if (fd >= 0) {
        ret = rota_take_fd(ring, fd, params, ROTA_OPTION_LIKE_LIBURING, placement);
        if (ret < 0)
            rota_release_fd(ring);
    }
    if (ret < 0) {
        rota_make_none(ring);
        params->flags = flags;
    }
    return ret;
}

int rota_release_index(struct rota_ring *ring)
{
    struct io_uring_rsrc_update update;

    /* To any other thread, the child of a fork among them, the index means a ring of its own. */
    if (ring->index_owner != rota_thread())
        return -EEXIST;
    update.offset = (uint32_t)ring->enter_ring_fd;
    update.resv = 0;
    update.data = 0;
    return rota_ring_register(ring, IORING_UNREGISTER_RING_FDS, &update, 1);
}

void rota_queue_exit(struct rota_ring *ring)
{
    /*
     * Its queues are the last that a ring has: also when neither descriptor nor
     * index is left, and not when it is but zeros, whose descriptor 0 is another's.
     */
    if (!ring || !ring->sq.ring_ptr)
        return;
    /* In a child of rota_ring_dontfork() there may be something else by now where they were. */
    if (!ring->mapped_by || ring->mapped_by == rota_process())
        rota_memory_detach(ring);
    rota_release_fd(ring);
    rota_make_none(ring);
}
