/* SPDX-License-Identifier: MIT */
/* Making rings and tearing them down. */
#include "core.h"

#define FEATURES_NEEDED IORING_FEAT_SINGLE_MMAP

/* Set-up flags of which one is worth nothing without one of the others. */
static uint32_t drop_orphans(uint32_t flags, uint32_t required)
{
    uint32_t preferred = flags & ~required;

    if ((preferred & IORING_SETUP_DEFER_TASKRUN) && !(flags & IORING_SETUP_SINGLE_ISSUER))
        flags &= ~IORING_SETUP_DEFER_TASKRUN;
    if ((preferred & IORING_SETUP_TASKRUN_FLAG) &&
        !(flags & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN)))
        flags &= ~IORING_SETUP_TASKRUN_FLAG;
    if ((preferred & IORING_SETUP_HYBRID_IOPOLL) && !(flags & IORING_SETUP_IOPOLL))
        flags &= ~IORING_SETUP_HYBRID_IOPOLL;
    return flags;
}

/*
 * Calls io_uring_setup, and while it says EINVAL drops the newest preferred
 * flag that is left: setup flags were added in the order of their bits, so a
 * kernel that lacks one lacks all above it. Returns the fd or -errno.
 */
static int setup_with_fallback(const struct rota_kernel *kernel, unsigned entries,
                               struct io_uring_params *p, uint32_t required)
{
    for (;;) {
        uint32_t dropped = p->flags & ~required;
        int fd = kernel->setup(entries, p);

        if (fd != -EINVAL || !dropped)
            return fd;
        p->flags &= ~(1U << (31 - __builtin_clz(dropped)));
        p->flags = drop_orphans(p->flags, required);
    }
}

/* Registers the ring's fd with this thread; the ring goes on without when that fails. */
static void register_own_fd(struct rota_ring *ring)
{
    struct io_uring_rsrc_update update;

    update.offset = UINT32_MAX; /* any free slot */
    update.resv = 0;
    update.data = (uint32_t)ring->ring_fd;
    if (rota_kernel_of(ring)->reg(ring->ring_fd, IORING_REGISTER_RING_FDS, &update, 1) != 1)
        return;
    ring->enter_ring_fd = (int)update.offset;
    ring->enter_flags |= IORING_ENTER_REGISTERED_RING;
    ring->int_flags |= ROTA_INT_REGISTERED_FD;
}

static void unregister_own_fd(struct rota_ring *ring)
{
    struct io_uring_rsrc_update update;
    bool registered_only = ring->ring_fd < 0;

    update.offset = (uint32_t)ring->enter_ring_fd;
    update.resv = 0;
    update.data = 0;
    rota_kernel_of(ring)->reg(registered_only ? ring->enter_ring_fd : ring->ring_fd,
                              IORING_UNREGISTER_RING_FDS |
                                  (registered_only ? IORING_REGISTER_USE_REGISTERED_RING : 0),
                              &update, 1);
}

/* A ring that is none: every function is safe on it that checks, and rota_queue_exit does nothing. */
static void make_dead(struct rota_ring *ring)
{
    rota_zero(ring, sizeof(*ring));
    ring->ring_fd = -1;
    ring->enter_ring_fd = -1;
    rota_submit_choose(ring);
}

/* Gives back fd and registered index, which may be all that a half-made ring has. */
static void release_fd(struct rota_ring *ring)
{
    if (ring->int_flags & ROTA_INT_REGISTERED_FD)
        unregister_own_fd(ring);
    if (ring->ring_fd >= 0)
        rota_kernel_of(ring)->close(ring->ring_fd);
}

/* What the obtained flags mean for the paths that reap. */
static uint32_t derived_int_flags(uint32_t flags)
{
    uint32_t derived = 0;

    if (flags & IORING_SETUP_IOPOLL)
        derived |= ROTA_INT_ALWAYS_ASK;
    if ((flags & IORING_SETUP_DEFER_TASKRUN) && !(flags & IORING_SETUP_TASKRUN_FLAG))
        derived |= ROTA_INT_ALWAYS_ASK;
    return derived;
}

/* The common part: `p` carries all wishes, `required` those of its flags that may not be dropped. */
static int make_ring(struct rota_ring *ring, unsigned entries, struct io_uring_params *p,
                     uint32_t required, uint32_t options, const struct rota_placement *placement)
{
    int fd, ret;

    fd = setup_with_fallback(rota_kernel_of(ring), entries, p, required);
    if (fd < 0)
        return fd;
    ring->flags = p->flags;
    ring->features = p->features;
    ring->enter_ring_fd = fd;
    ring->int_flags |= derived_int_flags(p->flags);
    if (options & ROTA_WAIT_INTERRUPTIBLE)
        ring->int_flags |= ROTA_INT_INTERRUPTIBLE;
    if (p->flags & IORING_SETUP_REGISTERED_FD_ONLY) {
        ring->enter_flags |= IORING_ENTER_REGISTERED_RING;
        ring->int_flags |= ROTA_INT_REGISTERED_FD;
    } else {
        ring->ring_fd = fd;
    }

    ret = -ENOSYS;
    if ((p->features & FEATURES_NEEDED) != FEATURES_NEEDED)
        goto release;
    ret = rota_memory_attach(ring, fd, p, placement);
    if (ret < 0)
        goto release;
    if ((options & ROTA_REGISTER_RING_FD) && ring->ring_fd >= 0)
        register_own_fd(ring);
    ring->wait_flags = ring->enter_flags | IORING_ENTER_GETEVENTS;
    rota_submit_choose(ring);
    return 0;

release:
    release_fd(ring);
    return ret;
}

static bool sizes_make_sense(const struct rota_ring *ring, size_t ring_size)
{
    return ring && ring_size >= sizeof(*ring);
}

int rota_init_sized(struct rota_ring *ring, size_t ring_size, unsigned entries,
                    const struct rota_config *config)
{
    struct rota_config single_owner;
    struct rota_placement placement;
    struct io_uring_params params;
    uint32_t required;
    int ret;

    if (!sizes_make_sense(ring, ring_size))
        return -EINVAL;
    make_dead(ring);
    if (!config) {
        rota_config_single_owner(&single_owner);
        config = &single_owner;
    }
    if (!entries || config->reserved0 ||
        (config->options & ~(ROTA_WAIT_INTERRUPTIBLE | ROTA_REGISTER_RING_FD)))
        return -EINVAL;
    for (size_t i = 0; i < sizeof(config->reserved) / sizeof(config->reserved[0]); i++) {
        if (config->reserved[i])
            return -EINVAL;
    }
    if (!config->memory &&
        ((config->required_flags | config->preferred_flags) & IORING_SETUP_NO_MMAP))
        return -EINVAL;

    required = config->required_flags;
    rota_zero(&params, sizeof(params));
    if (config->cq_entries) {
        required |= IORING_SETUP_CQSIZE;
        params.cq_entries = config->cq_entries;
    }
    if (config->memory)
        required |= IORING_SETUP_NO_MMAP;
    params.flags = drop_orphans(required | config->preferred_flags, required);
    params.sq_thread_idle = config->sq_thread_idle;
    if (params.flags & IORING_SETUP_SQ_AFF)
        params.sq_thread_cpu = config->sq_thread_cpu;
    if (params.flags & IORING_SETUP_ATTACH_WQ)
        params.wq_fd = (uint32_t)config->wq_fd;
    placement.memory = config->memory;
    placement.size = config->memory_size;
    placement.ring_offset = 0;
    if (config->memory) {
        ret = rota_memory_place(&placement, entries, &params);
        if (ret < 0)
            return ret;
    }

    ring->kernel = config->kernel;
    ret = make_ring(ring, entries, &params, required, config->options, &placement);
    if (ret < 0)
        make_dead(ring);
    return ret;
}

int rota_queue_init_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                          struct io_uring_params *params)
{
    struct rota_placement mapped;
    int ret;

    if (!sizes_make_sense(ring, ring_size))
        return -EINVAL;
    make_dead(ring);
    if (!entries || !params || (params->flags & IORING_SETUP_NO_MMAP))
        return -EINVAL;
    mapped.memory = NULL;
    mapped.size = 0;
    mapped.ring_offset = 0;
    ret = make_ring(ring, entries, params, params->flags, ROTA_WAIT_INTERRUPTIBLE, &mapped);
    if (ret < 0)
        make_dead(ring);
    return ret;
}

void rota_queue_exit(struct rota_ring *ring)
{
    if (!ring || ring->enter_ring_fd < 0)
        return;
    rota_memory_detach(ring);
    release_fd(ring);
    make_dead(ring);
}

uint32_t rota_version(void)
{
    return ROTA_VERSION_MAJOR << 16 | ROTA_VERSION_MINOR << 8 | ROTA_VERSION_PATCH;
}
