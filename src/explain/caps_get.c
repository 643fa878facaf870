/* SPDX-License-Identifier: MIT */
/* Asks the kernel what it can do: queries, probes, trials, and what follows from them. */
#include "explain/caps.h"
#include "ring/core.h"
#include "table/info_tables.h"
#include "explain/understand.h"

#define TRIAL_ENTRIES 128

/* An address at which nothing is, for calls that must fail after they were recognised. */
#define NOWHERE 16

/* Opcodes have eight bits, whatever a kernel says. */
#define CODES 256

static uint16_t counted(uint32_t codes)
{
    return (uint16_t)(codes < CODES ? codes : CODES);
}

static void query(struct rota_caps *caps, const struct rota_kernel *kernel)
{
    struct io_uring_query_opcode answer;
    struct io_uring_query_hdr header;

    rota_zero(&answer, sizeof(answer));
    rota_zero(&header, sizeof(header));
    header.query_op = IO_URING_QUERY_OPCODES;
    header.query_data = (uintptr_t)&answer;
    header.size = sizeof(answer);
    if (kernel->reg(-1, IORING_REGISTER_QUERY, &header, 0) < 0 || header.result < 0)
        return;
    caps->opcode_count = counted(answer.nr_request_opcodes);
    for (unsigned i = 0; i < caps->opcode_count; i++)
        rota_caps_set(caps->opcodes, i);
    caps->opcodes_how = ROTA_LEARNT_QUERY;
    caps->register_count = counted(answer.nr_register_opcodes);
    for (unsigned i = 0; i < CODES; i++) {
        rota_caps_set(caps->registers_known, i);
        if (i < answer.nr_register_opcodes)
            rota_caps_set(caps->registers, i);
    }
    caps->registers_how = ROTA_LEARNT_QUERY;
    caps->setup_flags = (uint32_t)answer.ring_setup_flags;
    caps->setup_known = UINT32_MAX;
    caps->setup_how = ROTA_LEARNT_QUERY;
    caps->features = (uint32_t)answer.feature_flags;
    caps->features_how = ROTA_LEARNT_QUERY;
    caps->enter_flags = (uint32_t)answer.enter_flags;
    caps->enter_known = UINT32_MAX;
    caps->enter_how = ROTA_LEARNT_QUERY;
    caps->sqe_flags = (uint32_t)answer.sqe_flags;
    caps->sqe_known = UINT32_MAX;
    caps->sqe_how = ROTA_LEARNT_QUERY;
}

static void probe(struct rota_caps *caps, struct rota_ring *ring)
{
    uint64_t memory[(sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)) / 8];
    struct io_uring_probe *answer = (struct io_uring_probe *)(void *)memory;

    rota_zero(memory, sizeof(memory));
    if (rota_ring_register(ring, IORING_REGISTER_PROBE, answer, 256) < 0)
        return;
    /* The probe also knows what was left out when the kernel was built. */
    for (unsigned i = 0; i < 4; i++)
        caps->opcodes[i] = 0;
    for (unsigned i = 0; i < answer->ops_len; i++) {
        if (answer->ops[i].flags & IO_URING_OP_SUPPORTED)
            rota_caps_set(caps->opcodes, answer->ops[i].op);
    }
    caps->opcode_count = (uint16_t)(answer->last_op + 1U);
    caps->opcodes_how = ROTA_LEARNT_PROBE;
}

/*
 * Trial set-ups
 */

static const struct rota_flag_rule *setup_rules(unsigned *count)
{
    return rota_group_info("setup", count);
}

/* 0 when a ring with that flag, and what it needs, can be made. */
static int try_setup(const struct rota_kernel *kernel, const struct rota_flag_rule *rule)
{
    struct io_uring_params params;
    int fd;

    rota_zero(&params, sizeof(params));
    params.flags =
        (uint32_t)(rule->value | rule->needs | (rule->needs_one & (0 - rule->needs_one)));
    if (params.flags & IORING_SETUP_DEFER_TASKRUN)
        params.flags |= IORING_SETUP_SINGLE_ISSUER;
    params.cq_entries = 4;
    fd = kernel->setup(2, &params); /* with room for a large request */
    if (fd < 0)
        return fd;
    if (!(params.flags & IORING_SETUP_REGISTERED_FD_ONLY))
        kernel->close(fd);
    return 0;
}

/*
 * Without a query: flags came in the order of their bits, so the newest that a
 * ring takes tells of all below it.
 */
static void try_setups(struct rota_caps *caps, const struct rota_kernel *kernel)
{
    unsigned count;
    const struct rota_flag_rule *rules = setup_rules(&count);
    uint32_t refused = 0;

    while (count--) {
        const struct rota_flag_rule *rule = &rules[count];
        int ret;

        /* Memory of the caller's and kernel threads are not tried; their neighbours tell. */
        if ((rule->value | rule->needs) &
            (IORING_SETUP_NO_MMAP | IORING_SETUP_SQPOLL | IORING_SETUP_ATTACH_WQ))
            continue;
        ret = try_setup(kernel, rule);
        if (ret == -EINVAL) {
            refused |= (uint32_t)rule->value;
            continue;
        }
        if (ret < 0)
            break;
        caps->setup_flags = (uint32_t)(rule->value | (rule->value - 1));
        break;
    }
    caps->setup_known = caps->setup_flags | refused;
    /* What stands above a flag that is refused is newer, hence missing. */
    if (refused)
        caps->setup_known |= ~((refused & (0 - refused)) - 1);
    if (caps->setup_known)
        caps->setup_how = ROTA_LEARNT_TRIAL;
}

/* Without a query: a register call that is there complains of its argument, not of its number. */
static void try_registers(struct rota_caps *caps, struct rota_ring *ring)
{
    for (unsigned i = 0; i < rota_register_info_count; i++) {
        const struct rota_register_info *info = &rota_register_infos[i];
        int ret;

        /* Those without an argument would do what they say. */
        if (!info->arg.at)
            continue;
        ret = rota_ring_register(ring, i, (const void *)NOWHERE, 1);
        if (ret == -EINVAL || ret == -EPERM || ret == -EACCES)
            continue;
        rota_caps_set(caps->registers, i);
        rota_caps_set(caps->registers_known, i);
        if (i >= caps->register_count)
            caps->register_count = (uint16_t)(i + 1);
    }
    caps->registers_how = ROTA_LEARNT_TRIAL;
}

/*
 * Inference
 */

static void there(struct rota_caps *caps, unsigned since, bool backported)
{
    if (!backported && since > caps->kernel_from)
        caps->kernel_from = (uint16_t)since;
}

static void missing(struct rota_caps *caps, unsigned since, bool backported)
{
    if (!backported && since && (!caps->kernel_before || since < caps->kernel_before))
        caps->kernel_before = (uint16_t)since;
}

static void estimate_flags(struct rota_caps *caps, const char *group, uint32_t flags,
                           uint32_t known)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    for (unsigned i = 0; i < count; i++) {
        if (!(known & rules[i].value))
            continue;
        if (flags & rules[i].value)
            there(caps, rules[i].since, rules[i].backported);
        else
            missing(caps, rules[i].since, rules[i].backported);
    }
}

/* Flags of requests that were tried. */
static void estimate_trials(struct rota_caps *caps)
{
    for (unsigned i = 0; i < rota_op_info_count && i < ROTA_CAPS_OPS; i++) {
        const struct rota_op_info *op = &rota_op_infos[i];

        for (unsigned k = 0; k < op->fields.count; k++) {
            const struct rota_field_info *field = &rota_fields(op->fields)[k];
            unsigned set = rota_flag_set_of(op, k);

            for (unsigned f = 0; set < ROTA_CAPS_FLAG_SETS && field->group.at && !field->values &&
                                 f < field->flags.count;
                 f++) {
                const struct rota_flag_info *flag = &rota_flags(field->flags)[f];

                if (caps->ops[i].flags[set].taken & flag->value)
                    there(caps, flag->since, flag->backported);
                else if (caps->ops[i].flags[set].tried & flag->value)
                    missing(caps, flag->since, flag->backported);
            }
        }
    }
}

/* Between which releases everything fits that was seen. */
static void estimate_kernel(struct rota_caps *caps)
{
    for (unsigned i = 0; caps->opcodes_how && i < rota_op_info_count; i++) {
        const struct rota_op_info *op = &rota_op_infos[i];

        /* A gap below the last opcode is a matter of how the kernel was built. */
        if (rota_caps_bit(caps->opcodes, i))
            there(caps, op->since, op->backported);
        else if (i >= caps->opcode_count)
            missing(caps, op->since, op->backported);
    }
    for (unsigned i = 0; i < rota_register_info_count; i++) {
        const struct rota_register_info *info = &rota_register_infos[i];

        if (rota_caps_bit(caps->registers, i))
            there(caps, info->since, info->backported);
        else if (rota_caps_bit(caps->registers_known, i))
            missing(caps, info->since, info->backported);
    }
    estimate_flags(caps, "setup", caps->setup_flags, caps->setup_known);
    if (caps->features_how)
        estimate_flags(caps, "feature", caps->features, UINT32_MAX);
    estimate_flags(caps, "enter", caps->enter_flags, caps->enter_known);
    estimate_flags(caps, "sqe", caps->sqe_flags, caps->sqe_known);
    /* Contradictory signs: a kernel with things of its own. The newest that is there counts. */
    if (caps->kernel_before && caps->kernel_before <= caps->kernel_from)
        caps->kernel_before = 0;
}

/* What nobody told, as far as the release tells. */
static void infer_flags(const struct rota_caps *caps, const char *group, uint32_t *flags,
                        uint32_t *known)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    for (unsigned i = 0; i < count; i++) {
        enum rota_answer answer = rota_since_holds(caps, rules[i].since, rules[i].backported);

        if ((*known & rules[i].value) || answer == ROTA_UNKNOWN)
            continue;
        *known |= (uint32_t)rules[i].value;
        if (answer == ROTA_YES)
            *flags |= (uint32_t)rules[i].value;
    }
}

static void infer(struct rota_caps *caps)
{
    if (!caps->enter_how) {
        infer_flags(caps, "enter", &caps->enter_flags, &caps->enter_known);
        if (caps->features & IORING_FEAT_EXT_ARG) {
            caps->enter_flags |= IORING_ENTER_EXT_ARG;
            caps->enter_known |= IORING_ENTER_EXT_ARG;
        }
        caps->enter_how = ROTA_LEARNT_INFERRED;
    }
    if (!caps->sqe_how) {
        infer_flags(caps, "sqe", &caps->sqe_flags, &caps->sqe_known);
        caps->sqe_how = ROTA_LEARNT_INFERRED;
    }
}

/* As rota_ring_kind() of a ring that stands on it. */
static uint8_t kind_of(const struct rota_kernel *kernel)
{
    if (!kernel || kernel == &rota_kernel_real)
        return ROTA_KERNEL_REAL;
    return kernel->kind == ROTA_KERNEL_REAL ? ROTA_KERNEL_OTHER : (uint8_t)kernel->kind;
}

int rota_caps_get_sized(struct rota_caps *caps, size_t size, const struct rota_kernel *kernel)
{
    struct rota_config config;
    struct rota_ring ring;
    bool queried;

    if (!caps)
        return -EINVAL;
    rota_zero(caps, size);
    if (size < sizeof(*caps))
        return -EINVAL;
    caps->magic = ROTA_CAPS_MAGIC;
    caps->layout = ROTA_CAPS_LAYOUT;
    caps->size = sizeof(*caps);
    caps->kind = kind_of(kernel);
    query(caps, kernel ? kernel : &rota_kernel_real);
    queried = caps->opcodes_how != ROTA_LEARNT_NOT;

    rota_config_plain(&config);
    config.preferred_flags = IORING_SETUP_SUBMIT_ALL;
    config.kernel = kernel;
    caps->ring_error = rota_init(&ring, TRIAL_ENTRIES, &config);
    if (caps->ring_error < 0) {
        estimate_kernel(caps);
        infer(caps);
        return caps->ring_error;
    }
    probe(caps, &ring);
    if (!queried) {
        caps->features = ring.features;
        caps->features_how = ROTA_LEARNT_SETUP;
        try_setups(caps, kernel ? kernel : &rota_kernel_real);
        try_registers(caps, &ring);
    }
    estimate_kernel(caps);
    infer(caps);
    rota_caps_try(caps, &ring);
    estimate_trials(caps);
    if (caps->kernel_before && caps->kernel_before <= caps->kernel_from)
        caps->kernel_before = 0;
    rota_queue_exit(&ring);
    return 0;
}
