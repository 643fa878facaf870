/* SPDX-License-Identifier: MIT */
/*
 * Making a ring of required and preferred flags: what breaks a rule is left
 * out. On the kernel that was named, or on the one that may take its place.
 */
#include "ring/core.h"
#include "ring/setup_rules.h"

/* The flag of `rule` if `flags` has it against the rule, else 0; and what of `flags` it excludes. */
static uint32_t offending(const struct rota_setup_rule *rule, uint32_t flags, uint32_t *excluded)
{
    *excluded = 0;
    if (!(flags & rule->flag))
        return 0;
    *excluded = flags & rule->excludes;
    if ((flags & rule->needs) != rule->needs || (rule->needs_one && !(flags & rule->needs_one)) ||
        *excluded)
        return rule->flag;
    return 0;
}

/*
 * Drops preferred flags whose conditions the others do not meet. Returns what
 * is left, and in `*valid` whether it breaks no rule of the table.
 */
static uint32_t apply_rules(uint32_t flags, uint32_t required, bool *valid)
{
    const struct rota_setup_rule *rule = rota_setup_rules;

    *valid = true;
    while (rule->flag) {
        uint32_t excluded, wrong = offending(rule, flags, &excluded);

        if (!wrong) {
            rule++;
            continue;
        }
        if (!(wrong & ~required))
            wrong = excluded & ~required; /* then what it excludes, if that is not required */
        if (!wrong) {
            *valid = false;
            return flags;
        }
        flags &= ~wrong;
        rule = rota_setup_rules; /* others may have needed these */
    }
    return flags;
}

/*
 * Calls io_uring_setup, and while it says EINVAL drops the newest preferred
 * flag that is left: setup flags were added in the order of their bits, so a
 * kernel that lacks one lacks all above it. Flags that break a rule are not
 * even asked for. Returns the fd or -errno.
 */
static int setup_without_unknown(const struct rota_kernel *kernel, unsigned entries,
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

/* Makes the ring on `kernel`, of wishes that were looked at. On failure it is none. */
static int make_on(struct rota_ring *ring, const struct rota_kernel *kernel, unsigned entries,
                   const struct io_uring_params *wishes, uint32_t required, uint32_t options,
                   const struct rota_placement *placement)
{
    struct io_uring_params params;
    int fd, ret;

    rota_copy(&params, wishes, sizeof(params));
    ring->kernel = rota_kernel_named(kernel);
    fd = setup_without_unknown(rota_kernel_of(ring), entries, &params, required);
    ret = fd;
    if (fd >= 0) {
        ret = rota_take_fd(ring, fd, &params, options, placement);
        if (ret < 0)
            rota_release_fd(ring);
    }
    if (ret < 0) {
        rota_make_none(ring);
        return ret;
    }
    /* The ring goes on without when there is no slot, or when its thread is yet to come. */
    if ((options & ROTA_REGISTER_RING_FD) && ring->ring_fd >= 0 &&
        !(ring->flags & IORING_SETUP_R_DISABLED))
        (void)rota_register_ring_fd(ring);
    return 0;
}

/* Whether set-up that failed with `error` may go on with the fallback. */
static bool leads_to_fallback(const struct rota_config *config, int error)
{
    switch (error) {
    case -EPERM:
        return config->fallback_on & ROTA_FALLBACK_EPERM;
    case -EACCES:
        return config->fallback_on & ROTA_FALLBACK_EACCES;
    case -ENOSYS:
        return config->fallback_on & ROTA_FALLBACK_ENOSYS;
    case -ENOMEM:
        return config->fallback_on & ROTA_FALLBACK_ENOMEM;
    default:
        return false;
    }
}

/* Whether there is such a config: known options, nothing in reserved members, a whole fallback. */
static bool is_valid(const struct rota_config *config)
{
    const uint32_t known = ROTA_FALLBACK_REFUSED | ROTA_FALLBACK_ENOMEM;

    for (size_t i = 0; i < sizeof(config->reserved) / sizeof(config->reserved[0]); i++) {
        if (config->reserved[i])
            return false;
    }
    if (config->reserved0 || config->reserved1 || (config->fallback_on & ~known) ||
        !config->fallback != !config->fallback_on ||
        (config->options & ~(ROTA_WAIT_INTERRUPTIBLE | ROTA_REGISTER_RING_FD)))
        return false;
    return config->memory ||
           !((config->required_flags | config->preferred_flags) & IORING_SETUP_NO_MMAP);
}

int rota_init_sized(struct rota_ring *ring, size_t ring_size, unsigned entries,
                    const struct rota_config *config)
{
    struct rota_config single_owner;
    struct rota_placement placement;
    struct io_uring_params wishes;
    uint32_t required;
    int error, ret;

    if (!rota_size_is_known(ring, ring_size))
        return -EINVAL;
    rota_make_none(ring);
    if (!config) {
        rota_config_single_owner(&single_owner);
        config = &single_owner;
    }
    if (!entries || !is_valid(config))
        return -EINVAL;

    required = config->required_flags;
    rota_zero(&wishes, sizeof(wishes));
    if (config->cq_entries) {
        required |= IORING_SETUP_CQSIZE;
        wishes.cq_entries = config->cq_entries;
    }
    if (config->memory)
        required |= IORING_SETUP_NO_MMAP;
    wishes.flags = required | config->preferred_flags;
    wishes.sq_thread_idle = config->sq_thread_idle;
    if (wishes.flags & IORING_SETUP_SQ_AFF)
        wishes.sq_thread_cpu = config->sq_thread_cpu;
    if (wishes.flags & IORING_SETUP_ATTACH_WQ)
        wishes.wq_fd = (uint32_t)config->wq_fd;
    placement.memory = config->memory;
    placement.size = config->memory_size;
    placement.ring_offset = 0;
    placement.owned = false;
    if (config->memory) {
        ret = rota_memory_place(&placement, entries, &wishes);
        if (ret < 0)
            return ret;
    }
    wishes.flags = rota_with_taskrun_flag(wishes.flags);

    error = make_on(ring, config->kernel, entries, &wishes, required, config->options, &placement);
    if (error >= 0 || !leads_to_fallback(config, error))
        return error;
    ret = make_on(ring, config->fallback, entries, &wishes, required, config->options, &placement);
    if (ret >= 0)
        ring->setup_error = error;
    return ret;
}
