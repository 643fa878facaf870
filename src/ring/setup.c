/* SPDX-License-Identifier: MIT */
/* Making rings and tearing them down. */
#include "ring/core.h"

#include <rota/info.h>
#include <rota/op.h>
#include <rota/resource.h>

#include <linux/time.h>

#define FEATURES_NEEDED IORING_FEAT_SINGLE_MMAP

/* The flag of `rule` if `flags` has it against the rule, else 0; and what of `flags` it excludes. */
static uint32_t offending(const struct rota_flag_rule *rule, uint32_t flags, uint32_t *excluded)
{
    uint32_t value = (uint32_t)rule->value, needs = (uint32_t)rule->needs;
    uint32_t needs_one = (uint32_t)rule->needs_one;

    *excluded = 0;
    if (!(flags & value))
        return 0;
    *excluded = flags & (uint32_t)rule->excludes;
    if ((flags & needs) != needs || (needs_one && !(flags & needs_one)) || *excluded)
        return value;
    return 0;
}

/*
 * Drops preferred flags whose conditions the others do not meet. Returns what
 * is left, and in `*valid` whether it breaks no rule of the table.
 */
static uint32_t apply_rules(uint32_t flags, uint32_t required, bool *valid)
{
    unsigned count, i = 0;
    const struct rota_flag_rule *rules = rota_group_info("setup", &count);

    *valid = true;
    while (i < count) {
        uint32_t excluded, wrong = offending(&rules[i], flags, &excluded);

        if (!wrong) {
            i++;
            continue;
        }
        if (!(wrong & ~required))
            wrong = excluded & ~required; /* then what it excludes, if that is not required */
        if (!wrong) {
            *valid = false;
            return flags;
        }
        flags &= ~wrong;
        i = 0; /* others may have needed these */
    }
    return flags;
}

/*
 * Calls io_uring_setup, and while it says EINVAL drops the newest preferred
 * flag that is left: setup flags were added in the order of their bits, so a
 * kernel that lacks one lacks all above it. Flags that break a rule are not
 * even asked for. Returns the fd or -errno.
 */
static int setup_with_fallback(const struct rota_kernel *kernel, unsigned entries,
                               struct io_uring_params *p, uint32_t required)
{
    for (;;) {
        uint32_t preferred;
        bool valid;
        int fd;

        p->flags = apply_rules(p->flags, required, &valid);
        if (!valid)
            return -EINVAL;
        preferred = p->flags & ~required;
        fd = kernel->setup(entries, p);
        if (fd != -EINVAL || !preferred)
            return fd;
        p->flags &= ~(1U << (31 - __builtin_clz(preferred)));
    }
}

/*
 * A ring that is none: its queues look empty, what enters the kernel says
 * -EBADF, and rota_queue_exit does nothing.
 */
static void make_dead(struct rota_ring *ring)
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

/* Gives back fd and registered index, which may be all that a half-made ring has. */
static void release_fd(struct rota_ring *ring)
{
    if (ring->int_flags & ROTA_INT_REGISTERED_FD)
        rota_release_index(ring);
    if (ring->ring_fd >= 0)
        rota_kernel_of(ring)->close(ring->ring_fd);
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

/* Makes a ring of `fd`, as the kernel has described it in `p`. On failure `fd` stays open. */
static int take_fd(struct rota_ring *ring, int fd, const struct io_uring_params *p,
                   uint32_t options, const struct rota_placement *placement)
{
    int ret;

    ring->flags = p->flags;
    ring->features = p->features;
    ring->enter_ring_fd = fd;
    ring->int_flags |= derived_int_flags(p->flags);
    if (options & ROTA_WAIT_INTERRUPTIBLE)
        ring->int_flags |= ROTA_INT_INTERRUPTIBLE;
    ring->calls.mode =
        p->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED) ? ROTA_CALLS_BIG : 0;
    if (p->flags & IORING_SETUP_REGISTERED_FD_ONLY) {
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
    /* The ring goes on without when there is no slot. */
    if ((options & ROTA_REGISTER_RING_FD) && ring->ring_fd >= 0)
        (void)rota_register_ring_fd(ring);
    /* A ring that starts disabled belongs to the thread that enables it. */
    if ((p->flags & IORING_SETUP_SINGLE_ISSUER) && !(p->flags & IORING_SETUP_R_DISABLED))
        ring->owner = (int)rota_syscall6(__NR_gettid, 0, 0, 0, 0, 0, 0);
    rota_submit_choose(ring);
    return 0;
}

/* The common part: `p` carries all wishes, `required` its flags that may not be dropped. */
static int make_ring(struct rota_ring *ring, unsigned entries, struct io_uring_params *p,
                     uint32_t required, uint32_t options, const struct rota_placement *placement)
{
    int fd, ret;

    fd = setup_with_fallback(rota_kernel_of(ring), entries, p, required);
    if (fd < 0)
        return fd;
    ret = take_fd(ring, fd, p, options, placement);
    if (ret < 0)
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
    params.flags = required | config->preferred_flags;
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

/* rota_queue_init_params and rota_queue_init_mem after their checks. */
static int init_exact(struct rota_ring *ring, unsigned entries, struct io_uring_params *params,
                      const struct rota_placement *placement)
{
    int ret = make_ring(ring, entries, params, params->flags, ROTA_WAIT_INTERRUPTIBLE, placement);

    if (ret < 0)
        make_dead(ring);
    return ret;
}

int rota_queue_init_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                          struct io_uring_params *params)
{
    struct rota_placement mapped = {NULL, 0, 0};

    if (!sizes_make_sense(ring, ring_size))
        return -EINVAL;
    make_dead(ring);
    if (!entries || !params || (params->flags & IORING_SETUP_NO_MMAP))
        return -EINVAL;
    return init_exact(ring, entries, params, &mapped);
}

int rota_queue_init_mem_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                              struct io_uring_params *params, void *buf, size_t buf_size)
{
    struct rota_placement placement = {buf, buf_size, 0};
    ptrdiff_t used;
    uint32_t flags;
    int ret;

    if (!sizes_make_sense(ring, ring_size))
        return -EINVAL;
    make_dead(ring);
    if (!entries || !params || !buf)
        return -EINVAL;
    flags = params->flags;
    params->flags |= IORING_SETUP_NO_MMAP;
    used = rota_memory_size_params(entries, params); /* some megabytes at most */
    ret = rota_memory_place(&placement, entries, params);
    if (ret >= 0)
        ret = init_exact(ring, entries, params, &placement);
    if (ret < 0) {
        /* As they were: good for another attempt, without memory of the caller's, too. */
        params->flags = flags;
        params->sq_off.user_addr = 0;
        params->cq_off.user_addr = 0;
        return ret;
    }
    return (int)used;
}

int rota_queue_mmap_sized(int fd, const struct io_uring_params *params, struct rota_ring *ring,
                          size_t ring_size)
{
    struct rota_placement mapped = {NULL, 0, 0};
    int ret;

    if (!sizes_make_sense(ring, ring_size))
        return -EINVAL;
    make_dead(ring);
    if (fd < 0)
        return -EBADF;
    if (!params || (params->flags & (IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY)))
        return -EINVAL;
    /* Other files can be mapped as well, and fault where they are shorter: ask what it is. */
    ret = rota_sys_enter(fd, 0, 0, 0, NULL, 0);
    if (ret == -EBADF || ret == -EOPNOTSUPP)
        return ret;
    ret = take_fd(ring, fd, params, ROTA_WAIT_INTERRUPTIBLE, &mapped);
    if (ret < 0)
        make_dead(ring);
    ring->owner = 0; /* who made it is not known */
    return ret;
}

void rota_queue_exit(struct rota_ring *ring)
{
    if (!ring || rota_is_dead(ring))
        return;
    rota_memory_detach(ring);
    release_fd(ring);
    make_dead(ring);
}

uint32_t rota_version(void)
{
    return ROTA_VERSION_MAJOR << 16 | ROTA_VERSION_MINOR << 8 | ROTA_VERSION_PATCH;
}
