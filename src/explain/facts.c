/* SPDX-License-Identifier: MIT */
/* Conditions and facts of the table, as they hold for a request, on a ring and on a kernel. */
#include "explain/understand.h"

enum rota_answer rota_value_holds(const struct rota_condition *condition, uint64_t value)
{
    uint64_t wanted = condition->value & rota_field_mask(condition->size);

    switch (condition->kind) {
    case ROTA_COND_HAS:
        return (value & wanted) == wanted ? ROTA_YES : ROTA_NO;
    case ROTA_COND_LACKS:
        return value & wanted ? ROTA_NO : ROTA_YES;
    case ROTA_COND_WITHIN:
        return value & ~wanted ? ROTA_NO : ROTA_YES;
    case ROTA_COND_IS:
        return value == wanted ? ROTA_YES : ROTA_NO;
    case ROTA_COND_IS_NOT:
        return value != wanted ? ROTA_YES : ROTA_NO;
    case ROTA_COND_BELOW:
        return value < condition->value ? ROTA_YES : ROTA_NO;
    case ROTA_COND_ABOVE:
        return value > condition->value ? ROTA_YES : ROTA_NO;
    default:
        return ROTA_UNKNOWN;
    }
}

enum rota_answer rota_condition_holds(const struct rota_condition *condition,
                                      const struct io_uring_sqe *sqe, const struct rota_ring *ring)
{
    if (condition->offset != ROTA_COND_ON_RING)
        return rota_value_holds(condition, rota_sqe_field(sqe, condition->offset, condition->size));
    return ring ? rota_value_holds(condition, ring->flags) : ROTA_UNKNOWN;
}

enum rota_answer rota_conditions_hold(struct rota_condition_rows rows,
                                      const struct io_uring_sqe *sqe, const struct rota_ring *ring)
{
    const struct rota_condition *conditions = rota_conditions(rows);
    enum rota_answer answer = ROTA_YES;

    for (unsigned i = 0; i < rows.count; i++) {
        enum rota_answer one = rota_condition_holds(&conditions[i], sqe, ring);

        if (one == ROTA_NO)
            return ROTA_NO;
        if (one == ROTA_UNKNOWN)
            answer = ROTA_UNKNOWN;
    }
    return answer;
}

enum rota_answer rota_since_holds(const struct rota_caps *caps, unsigned since, bool backported)
{
    if (!caps || !since)
        return ROTA_YES;
    if (caps->kernel_from && since <= caps->kernel_from)
        return ROTA_YES;
    if (caps->kernel_before && since >= caps->kernel_before && !backported)
        return ROTA_NO;
    return ROTA_UNKNOWN;
}

static const struct rota_caps_op *trials_of(const struct rota_caps *caps,
                                            const struct rota_op_info *op)
{
    return caps && op->opcode < ROTA_CAPS_OPS ? &caps->ops[op->opcode] : NULL;
}

/* The answer of a trial if there was one, else `otherwise`. */
static enum rota_answer tried(unsigned set, unsigned yes, unsigned index,
                              enum rota_answer otherwise)
{
    if (index < 16 && (set >> index & 1))
        return yes >> index & 1 ? ROTA_YES : ROTA_NO;
    return otherwise;
}

enum rota_answer rota_fact_field(const struct rota_caps *caps, const struct rota_op_info *op,
                                 unsigned index)
{
    const struct rota_field_info *field = &rota_fields(op->fields)[index];
    const struct rota_caps_op *trials = trials_of(caps, op);
    enum rota_answer inferred;

    if (!trials || field->since <= op->since)
        return ROTA_YES;
    inferred = rota_since_holds(caps, field->since, field->backported);
    return tried(trials->fields_tried, trials->fields_read, index, inferred);
}

enum rota_answer rota_fact_rule(const struct rota_caps *caps, const struct rota_op_info *op,
                                unsigned index)
{
    const struct rota_rule_info *rule = &rota_rules(op->rules)[index];
    const struct rota_caps_op *trials = trials_of(caps, op);
    enum rota_answer begun, ended;

    if (!trials)
        return rule->until ? ROTA_NO : ROTA_YES;
    if (!rule->since && !rule->until)
        return ROTA_YES;
    begun = rota_since_holds(caps, rule->since, rule->backported);
    ended = rule->until ? rota_since_holds(caps, rule->until, false) : ROTA_NO;
    if (begun == ROTA_NO || ended == ROTA_YES)
        begun = ROTA_NO;
    else if (ended == ROTA_UNKNOWN)
        begun = ROTA_UNKNOWN;
    return tried(trials->rules_tried, trials->rules_hold, index, begun);
}

enum rota_answer rota_fact_ignored(const struct rota_caps *caps, const struct rota_op_info *op,
                                   unsigned index)
{
    const struct rota_ignored_info *ignored = &rota_ignored(op->ignored)[index];
    const struct rota_caps_op *trials = trials_of(caps, op);

    if (!ignored->until)
        return ROTA_NO;
    if (!trials)
        return ROTA_YES;
    /* Stable series often got such a check later than their release. */
    return tried(trials->ignored_tried, trials->ignored_zero, index,
                 rota_since_holds(caps, ignored->until, true));
}

unsigned rota_flag_set_of(const struct rota_op_info *op, unsigned index)
{
    unsigned set = 0;

    for (unsigned i = 0; i < index; i++)
        set += rota_fields(op->fields)[i].group.at && !rota_fields(op->fields)[i].values;
    return set < ROTA_CAPS_FLAG_SETS ? set : ROTA_CAPS_FLAG_SETS;
}

enum rota_answer rota_fact_flag(const struct rota_caps *caps, const struct rota_op_info *op,
                                unsigned index, unsigned flag)
{
    const struct rota_flag_info *info = &rota_flags(rota_fields(op->fields)[index].flags)[flag];
    const struct rota_caps_op *trials = trials_of(caps, op);
    unsigned set;

    if (!trials || info->since <= op->since)
        return ROTA_YES;
    set = rota_flag_set_of(op, index);
    if (set < ROTA_CAPS_FLAG_SETS && (trials->flags[set].tried & info->value))
        return trials->flags[set].taken & info->value ? ROTA_YES : ROTA_NO;
    return rota_since_holds(caps, info->since, info->backported);
}
