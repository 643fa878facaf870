/* SPDX-License-Identifier: MIT */
/*
 * Checks a request against the table, its ring and its kernel. No opcode is
 * named here: what is wrong follows from the row.
 */
#include <rota/names.h>

#include "explain/check.h"
#include "ring/core.h"
#include "table/info_tables.h"

/* Bytes that are read for every request: opcode, flags, user_data, personality. */
#define READ_ALWAYS (UINT64_C(0x3) | UINT64_C(0xff) << 32 | UINT64_C(0x3) << 42)

/*
 * Opcode and IOSQE flags
 */

static bool check_opcode(struct rota_check *c)
{
    struct rota_text text;
    struct rota_finding *f;
    unsigned opcode = c->sqe->opcode;

    if (!c->op) {
        /* What the library does not know the kernel may know all the same. */
        f = rota_check_found(c, ROTA_FINDING_OPCODE, ROTA_STAGE_TAKE, -EINVAL, &text);
        if (f) {
            rota_check_place(f, "opcode", 0, 1, opcode);
            rota_text_put(&text, "opcode ");
            rota_text_decimal(&text, opcode);
            rota_text_put(&text, " is none that this library knows; the last is ");
            rota_text_decimal(&text, rota_op_info_count - 1);
        }
        return false;
    }
    if (!c->caps || rota_caps_opcode(c->caps, opcode, NULL) != ROTA_NO)
        return true;
    f = rota_check_found(c, ROTA_FINDING_MISSING, ROTA_STAGE_TAKE,
                         opcode < c->caps->opcode_count && c->op->config.at ? -EOPNOTSUPP : -EINVAL,
                         &text);
    if (f) {
        rota_check_place(f, "opcode", 0, 1, opcode);
        f->since = c->op->since;
        rota_text_start(&text, f->text, sizeof(f->text));
        rota_text_all(&text, "this kernel has no ", rota_word(c->op->name), " (first in ", NULL);
        rota_text_kernel(&text, c->op->since);
        rota_text_char(&text, ')');
        if (c->op->config.at)
            rota_text_all(&text, ", or was built without ", rota_word(c->op->config), NULL);
        rota_check_put_answer(&text, f->error);
    }
    return false;
}

static void refuse_flag(struct rota_check *c, const char *name, enum rota_stage stage, int error,
                        unsigned since)
{
    struct rota_text text;
    struct rota_finding *f = rota_check_found(
        c, since ? ROTA_FINDING_TOO_NEW : ROTA_FINDING_REFUSED, stage, error, &text);

    if (!f)
        return;
    rota_check_place(f, "flags", 1, 1, c->sqe->flags);
    f->since = (uint16_t)since;
    rota_text_all(&text, ": ", name, " is not taken", NULL);
    if (since) {
        rota_text_put(&text, " before ");
        rota_text_kernel(&text, since);
    }
    rota_text_put(&text, ", the kernel answers ");
    rota_text_error(&text, error);
}

static void require_flag(struct rota_check *c, const char *name, int error)
{
    struct rota_text text;
    struct rota_finding *f =
        rota_check_found(c, ROTA_FINDING_REQUIRED, ROTA_STAGE_TAKE, error, &text);

    if (!f)
        return;
    rota_check_place(f, "flags", 1, 1, c->sqe->flags);
    rota_text_all(&text, " needs ", name, NULL);
    rota_check_put_answer(&text, error);
}

/* True when the kernel is too old to take that flag for this opcode. */
static bool too_old(const struct rota_check *c, unsigned since, unsigned flag)
{
    const struct rota_caps_op *trials;

    if (!c->caps || !since)
        return false;
    if (c->op->opcode < ROTA_CAPS_OPS) {
        trials = &c->caps->ops[c->op->opcode];
        if (trials->iosqe_tried & flag)
            return !(trials->iosqe_taken & flag);
    }
    return rota_since_holds(c->caps, since, true) == ROTA_NO;
}

static void check_flags(struct rota_check *c)
{
    unsigned flags = c->sqe->flags;
    const struct rota_op_info *op = c->op;
    unsigned known = IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK |
                     IOSQE_ASYNC | IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS;
    struct rota_text text;
    struct rota_finding *f;

    if (c->caps && c->caps->sqe_known)
        known &= c->caps->sqe_flags | ~c->caps->sqe_known;
    if (flags & ~known) {
        f = rota_check_found(c, ROTA_FINDING_SQE_FLAGS, ROTA_STAGE_TAKE, -EINVAL, &text);
        if (f) {
            rota_check_place(f, "flags", 1, 1, flags);
            rota_text_put(&text, ": flags has ");
            rota_text_group(&text, "sqe", flags & ~known);
            rota_text_put(&text, ", which this kernel does not know; leave it out");
        }
    }
    if ((flags & IOSQE_IO_DRAIN) && (flags & IOSQE_CQE_SKIP_SUCCESS)) {
        f = rota_check_found(c, ROTA_FINDING_SQE_FLAGS, ROTA_STAGE_TAKE, -EOPNOTSUPP, &text);
        if (f) {
            rota_check_place(f, "flags", 1, 1, flags);
            rota_text_put(&text, ": IOSQE_IO_DRAIN and IOSQE_CQE_SKIP_SUCCESS exclude each other "
                                 "on one ring; the kernel answers EOPNOTSUPP");
        }
    }
    if (flags & IOSQE_BUFFER_SELECT) {
        if (op->buffer_select == ROTA_IOSQE_REFUSED)
            refuse_flag(c, "IOSQE_BUFFER_SELECT", ROTA_STAGE_TAKE, -EOPNOTSUPP, 0);
        else if (too_old(c, op->buffer_select_since, IOSQE_BUFFER_SELECT))
            refuse_flag(c, "IOSQE_BUFFER_SELECT", ROTA_STAGE_TAKE, -EOPNOTSUPP,
                        op->buffer_select_since);
        c->read |= UINT64_C(3) << offsetof(struct io_uring_sqe, buf_group);
    } else if (op->buffer_select == ROTA_IOSQE_REQUIRED) {
        require_flag(c, "IOSQE_BUFFER_SELECT", -EINVAL);
    }
    if (flags & IOSQE_FIXED_FILE) {
        if (op->fixed_file == ROTA_IOSQE_REFUSED)
            refuse_flag(c, "IOSQE_FIXED_FILE", ROTA_STAGE_TAKE, op->fixed_file_error, 0);
        else if (op->fixed_file_before && too_old(c, op->fixed_file_since, IOSQE_FIXED_FILE))
            refuse_flag(c, "IOSQE_FIXED_FILE", ROTA_STAGE_TAKE, op->fixed_file_before,
                        op->fixed_file_since);
    } else if (op->fixed_file == ROTA_IOSQE_REQUIRED) {
        require_flag(c, "IOSQE_FIXED_FILE", op->fixed_file_error);
    }
    if ((flags & IOSQE_CQE_SKIP_SUCCESS) && op->cqe_skip == ROTA_IOSQE_REFUSED)
        refuse_flag(c, "IOSQE_CQE_SKIP_SUCCESS", ROTA_STAGE_TAKE, -EINVAL, 0);
}

/*
 * The ring
 */

/* A command that needs larger entries than the ring has, and says so by its number alone. */
static void check_command(struct rota_check *c)
{
    const struct rota_field_info *field = rota_command_field(c->op);
    const struct rota_family_info *family;
    struct rota_command_set set;
    struct rota_finding *f;
    struct rota_text text;
    unsigned lacks;
    uint64_t number;

    if (!field)
        return;
    number = rota_sqe_field(c->sqe, field->offset, field->size);
    rota_commands_of(c->op, (uint32_t)number, &set);
    if (!set.certain)
        return;
    family = rota_command_family(set.found[0]);
    lacks = rota_command_lacks(c->ring, c->op, set.found[0]);
    if (!lacks || !family->ring_error)
        return;
    f = rota_check_found(c, ROTA_FINDING_RING, ROTA_STAGE_ISSUE, family->ring_error, &text);
    if (f) {
        rota_check_place(f, rota_word(field->name), field->offset, field->size, number);
        rota_text_all(&text, ": ", rota_word(set.found[0]->name), " needs ", NULL);
        rota_command_put_needs(&text, lacks);
        rota_text_put(&text, "; make the ring with ");
        rota_command_put_flags(&text, lacks);
    }
}

static void check_ring(struct rota_check *c)
{
    const struct rota_op_info *op = c->op;
    uint32_t flags = c->ring->flags;
    struct rota_text text;
    struct rota_finding *f;

    if (op->setup_one_of && !(flags & op->setup_one_of)) {
        f = rota_check_found(c, ROTA_FINDING_RING, ROTA_STAGE_TAKE, -EINVAL, &text);
        if (f) {
            bool first = true;

            rota_text_put(&text, " needs a ring with ");
            for (uint32_t rest = op->setup_one_of; rest; rest &= rest - 1) {
                const char *name = rota_flag_name("setup", rest & (0 - rest));

                rota_text_all(&text, first ? "" : " or ",
                              name ? name + sizeof("IORING_SETUP_") - 1 : "another flag", NULL);
                first = false;
            }
        }
    }
    check_command(c);
    if ((flags & IORING_SETUP_IOPOLL) && !op->iopoll) {
        f = rota_check_found(c, ROTA_FINDING_RING, ROTA_STAGE_TAKE, -EINVAL, &text);
        if (f)
            rota_text_put(&text,
                          ": a ring with IORING_SETUP_IOPOLL does not take it; use another ring");
    }
}

/*
 * Fields
 */

static enum rota_stage stage_of(const struct rota_field_info *field)
{
    return field->others == ROTA_OTHERS_REFUSED ? ROTA_STAGE_TAKE : ROTA_STAGE_ISSUE;
}

static void check_value(struct rota_check *c, const struct rota_field_info *field, uint64_t value)
{
    struct rota_text text;
    struct rota_finding *f;

    if (field->others == ROTA_OTHERS_IGNORED)
        return;
    for (unsigned i = 0; i < field->flags.count; i++) {
        if ((rota_flags(field->flags)[i].value & rota_field_mask(field->size)) == value)
            return;
    }
    f = rota_check_found(c, ROTA_FINDING_VALUE, stage_of(field), field->others_error, &text);
    if (!f)
        return;
    rota_check_place(f, rota_word(field->name), field->offset, field->size, value);
    rota_text_all(&text, ": ", rota_word(field->name), " is ", NULL);
    rota_text_number(&text, value);
    rota_text_put(&text, ", which is none of ");
    for (unsigned i = 0; i < field->flags.count; i++)
        rota_text_all(&text, i ? ", " : "", rota_word(rota_flags(field->flags)[i].name), NULL);
}

/* Flags that exclude or need each other, as the group says. */
static void check_conflicts(struct rota_check *c, const struct rota_field_info *field,
                            uint64_t value)
{
    struct rota_text text;
    struct rota_finding *f;

    for (unsigned i = 0; i < field->group_rules.count; i++) {
        const struct rota_flag_rule *rule = &rota_flag_rules(field->group_rules)[i];
        uint64_t clash = value & rule->excludes;
        uint64_t lacking = rule->needs & ~value;
        uint64_t one_of = value & rule->needs_one ? 0 : rule->needs_one;

        if (!rule->value || (value & rule->value) != rule->value)
            continue;
        /* Of those that the opcode takes none is refused by all kernels. */
        if (rule->refused.at && field->others == ROTA_OTHERS_IGNORED) {
            f = rota_check_found(c, ROTA_FINDING_FLAGS, stage_of(field), -EINVAL, &text);
            if (f) {
                rota_check_place(f, rota_word(field->name), field->offset, field->size, value);
                rota_text_all(&text, ": ", rota_word(field->name), " has ", rota_word(rule->name),
                              ": ", rota_word(rule->refused), NULL);
            }
        }
        /* Of two that exclude each other the first reports it. */
        if (clash && (clash & (0 - clash)) < rule->value)
            clash = 0;
        if (!clash && !lacking && !one_of)
            continue;
        f = rota_check_found(c, ROTA_FINDING_CONFLICT, stage_of(field), -EINVAL, &text);
        if (!f)
            continue;
        rota_check_place(f, rota_word(field->name), field->offset, field->size, value);
        rota_text_all(&text, ": ", rota_word(field->name), " has ", rota_word(rule->name),
                      clash ? ", which excludes " : ", which needs ", NULL);
        if (!clash && !lacking)
            rota_text_put(&text, "one of ");
        rota_text_flags(&text, rota_flag_rules(field->group_rules), field->group_rules.count,
                        clash     ? clash
                        : lacking ? lacking
                                  : one_of);
    }
}

/* Flags of a field that a rule refuses by name, with its own reason. */
static uint64_t flags_of_rules(const struct rota_check *c, const struct rota_field_info *field)
{
    uint64_t flags = 0;

    for (unsigned i = 0; i < c->op->rules.count; i++) {
        const struct rota_rule_info *rule = &rota_rules(c->op->rules)[i];

        for (unsigned k = 0; !rule->when.count && k < rule->must.count; k++) {
            if (rota_conditions(rule->must)[k].kind == ROTA_COND_LACKS &&
                rota_conditions(rule->must)[k].offset == field->offset &&
                rota_fact_rule(c->caps, c->op, i) == ROTA_YES)
                flags |= rota_conditions(rule->must)[k].value;
        }
    }
    return flags;
}

static void check_taken(struct rota_check *c, unsigned index, uint64_t raw, uint64_t value)
{
    const struct rota_field_info *field = &rota_fields(c->op->fields)[index];
    uint64_t rest = value;
    struct rota_text text;
    struct rota_finding *f;

    for (unsigned i = 0; i < field->flags.count && rest; i++) {
        const struct rota_flag_info *flag = &rota_flags(field->flags)[i];

        if (!flag->value || (value & flag->value) != flag->value)
            continue;
        rest &= ~flag->value;
        if (rota_fact_flag(c->caps, c->op, index, i) != ROTA_NO)
            continue;
        f = rota_check_found(c, ROTA_FINDING_TOO_NEW, stage_of(field), field->others_error, &text);
        if (f) {
            rota_check_place(f, rota_word(field->name), field->offset, field->size, raw);
            f->since = flag->since;
            rota_text_all(&text, ": ", rota_word(field->name), " has ", rota_word(flag->name),
                          ", which this kernel does not take here (first in ", NULL);
            rota_text_kernel(&text, flag->since);
            rota_text_char(&text, ')');
            rota_check_put_answer(&text, f->error);
        }
    }
    rest &= ~flags_of_rules(c, field);
    if (!rest)
        return;
    c->flagged |= UINT64_C(1) << field->offset;
    f = rota_check_found(c, ROTA_FINDING_FLAGS, stage_of(field), field->others_error, &text);
    if (f) {
        rota_check_place(f, rota_word(field->name), field->offset, field->size, raw);
        rota_text_all(&text, ": ", rota_word(field->name), " has ", NULL);
        rota_text_flags(&text, rota_flag_rules(field->group_rules), field->group_rules.count, rest);
        rota_text_put(&text, ", which it does not take; leave it out");
        rota_check_put_answer(&text, f->error);
    }
}

static void check_flag_field(struct rota_check *c, unsigned index, uint64_t raw)
{
    const struct rota_field_info *field = &rota_fields(c->op->fields)[index];
    uint64_t value = rota_field_flags(field, raw);

    if (field->others != ROTA_OTHERS_IGNORED)
        check_taken(c, index, raw, value);
    check_conflicts(c, field, value);
}

static void check_fields(struct rota_check *c)
{
    const struct rota_op_info *op = c->op;
    const struct rota_field_info *fields = rota_fields(op->fields);
    const struct rota_ignored_info *ignored = rota_ignored(op->ignored);

    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &fields[i];
        uint64_t bytes = rota_check_bytes(field->offset, field->size);
        enum rota_answer there = rota_fact_field(c->caps, op, i);
        enum rota_answer when = ROTA_YES;
        uint64_t value;

        if (there == ROTA_NO) {
            if (field->before_ignored)
                c->read |= bytes;
            continue;
        }
        if (field->when.count)
            when = rota_conditions_hold(field->when, c->sqe, c->ring);
        if (when == ROTA_NO) {
            if (field->otherwise_ignored || there == ROTA_UNKNOWN)
                c->read |= bytes;
            continue;
        }
        c->read |= bytes;
        if (!field->group.at || when == ROTA_UNKNOWN || there == ROTA_UNKNOWN)
            continue;
        value = rota_sqe_field(c->sqe, field->offset, field->size);
        if (field->values)
            check_value(c, field, value);
        else if (value)
            check_flag_field(c, i, value);
    }
    for (unsigned i = 0; i < op->ignored.count; i++) {
        if (rota_fact_ignored(c->caps, op, i) != ROTA_YES)
            c->read |= rota_check_bytes(ignored[i].offset, ignored[i].size);
    }
}

/*
 * Rules
 */

static void report_rule(struct rota_check *c, const struct rota_rule_info *rule,
                        const struct rota_condition *broken)
{
    struct rota_text text;
    struct rota_finding *f;

    /* That a field has unknown flags was said, when the rule says nothing else. */
    if (!rule->when.count && broken->kind == ROTA_COND_BELOW && broken->offset < 64 &&
        (c->flagged >> broken->offset & 1))
        return;
    f = rota_check_found(
        c, broken->offset == ROTA_COND_ON_RING ? ROTA_FINDING_RING : ROTA_FINDING_RULE,
        rule->at_issue ? ROTA_STAGE_ISSUE : ROTA_STAGE_TAKE, rule->error, &text);
    if (!f)
        return;
    f->rule = rule;
    rota_text_put(&text, ": ");
    rota_check_put_demand(&text, broken);
    if (broken->offset != ROTA_COND_ON_RING) {
        const struct rota_field_info *field = rota_check_field_at(c, broken->offset);
        uint64_t value = rota_sqe_field(c->sqe, broken->offset, broken->size);

        rota_check_place(f, field ? rota_word(field->name) : NULL, broken->offset, broken->size,
                         value);
        rota_check_put_is(&text, value);
    }
    if (rule->when.count) {
        rota_text_put(&text, " when ");
        rota_check_put_conditions(&text, rule->when);
    }
    rota_check_put_answer(&text, rule->error);
    rota_text_all(&text, ". ", rota_word(rule->because), NULL);
}

static void check_rules(struct rota_check *c)
{
    const struct rota_op_info *op = c->op;
    const struct rota_rule_info *rules = rota_rules(op->rules);

    for (unsigned i = 0; i < op->rules.count; i++) {
        const struct rota_rule_info *rule = &rules[i];
        const struct rota_condition *must = rota_conditions(rule->must);

        if (rule->when.count && rota_conditions_hold(rule->when, c->sqe, c->ring) != ROTA_YES)
            continue;
        for (unsigned k = 0; k < rule->must.count; k++) {
            if (rota_condition_holds(&must[k], c->sqe, c->ring) != ROTA_NO)
                continue;
            if (rota_fact_rule(c->caps, op, i) == ROTA_YES)
                report_rule(c, rule, &must[k]);
            break;
        }
    }
}

static void check_chain(struct rota_check *c, const struct io_uring_sqe *before)
{
    struct rota_text text;
    struct rota_finding *f;

    if (!c->op->behind_link)
        return;
    if (before && (before->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)) &&
        before->opcode != c->sqe->opcode)
        return;
    f = rota_check_found(c, ROTA_FINDING_CHAIN, ROTA_STAGE_TAKE, -EINVAL, &text);
    if (f)
        rota_text_put(&text, " must stand right behind another request with IOSQE_IO_LINK or "
                             "IOSQE_IO_HARDLINK");
}

/* The thread that a ring belongs to: by its registered index, else as its single issuer; 0: none. */
static int owner_of(const struct rota_ring *ring)
{
    if (ring->index_owner)
        return ring->index_owner;
    return ring->flags & IORING_SETUP_SINGLE_ISSUER ? ring->owner : 0;
}

static bool is_other_thread(const struct rota_process *process, const struct rota_ring *ring,
                            int *self)
{
    if (!owner_of(ring))
        return false;
    *self = rota_thread_id(process);
    return *self && *self != owner_of(ring);
}

/* Reports a ring that belongs to another thread. */
static void check_thread(struct rota_check *c, const struct rota_process *process)
{
    struct rota_text text;
    struct rota_finding *f;
    int self, error;

    if (!c->ring || !is_other_thread(process, c->ring, &self))
        return;
    /* In a thread without that index the kernel says so, in one with it there is another ring. */
    error = c->ring->index_owner ? -EINVAL : -EEXIST;
    f = rota_check_found(c, ROTA_FINDING_THREAD, ROTA_STAGE_CALL, error, &text);
    if (!f)
        return;
    rota_text_start(&text, f->text, sizeof(f->text));
    rota_text_put(&text, c->ring->index_owner ? "registered ring used from thread "
                                              : "SINGLE_ISSUER ring used from thread ");
    rota_text_decimal(&text, (unsigned)self);
    rota_text_put(&text, ", owner is ");
    rota_text_decimal(&text, (unsigned)owner_of(c->ring));
    rota_check_put_answer(&text, error);
}

static void check_request(struct rota_check *c, bool chain_known, const struct io_uring_sqe *before)
{
    c->op = rota_opcode_info(c->sqe->opcode);
    c->read = READ_ALWAYS;
    if (!check_opcode(c))
        return;
    check_flags(c);
    if (c->ring)
        check_ring(c);
    check_fields(c);
    rota_check_zero(c);
    check_rules(c);
    if (chain_known)
        check_chain(c, before);
}

static void start(struct rota_check *c, const struct rota_ring *ring, const struct rota_caps *caps,
                  const struct io_uring_sqe *sqe, struct rota_finding *findings, unsigned max)
{
    c->ring = ring;
    c->caps = caps;
    c->sqe = sqe;
    c->op = NULL;
    c->findings = findings;
    c->max = max;
    c->count = 0;
    c->flagged = 0;
    c->read = 0;
}

int rota_check_thread(const struct rota_process *process, const struct rota_ring *ring,
                      struct rota_finding *findings, unsigned max)
{
    struct rota_check c;

    start(&c, ring, NULL, NULL, findings, max);
    check_thread(&c, process);
    return (int)c.count;
}

int rota_check_in_chain(const struct rota_ring *ring, const struct rota_caps *caps,
                        const struct io_uring_sqe *sqe, bool chain_known,
                        const struct io_uring_sqe *before, struct rota_finding *findings,
                        unsigned max)
{
    struct rota_check c;

    start(&c, ring, caps, sqe, findings, max);
    check_request(&c, chain_known, before);
    return (int)c.count;
}

int rota_sqe_check(const struct rota_ring *ring, const struct rota_caps *caps,
                   const struct io_uring_sqe *sqe, struct rota_finding *findings, unsigned max)
{
    struct rota_check c;

    if (!sqe || (max && !findings))
        return -EINVAL;
    start(&c, ring, caps, sqe, findings, max);
    check_thread(&c, NULL);
    check_request(&c, false, NULL);
    return (int)c.count;
}
