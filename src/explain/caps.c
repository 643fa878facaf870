/* SPDX-License-Identifier: MIT */
/* Answers questions about what a kernel can do. */
#include "explain/caps.h"
#include "explain/understand.h"

bool rota_caps_valid(const struct rota_caps *caps)
{
    return caps && caps->magic == ROTA_CAPS_MAGIC && caps->layout == ROTA_CAPS_LAYOUT &&
           caps->size == sizeof(*caps);
}

/*
 * Questions
 */

static enum rota_answer tell(enum rota_answer answer, unsigned learnt, enum rota_learnt *how)
{
    /* The bytes may have come from a file. */
    if (learnt > ROTA_LEARNT_INFERRED || answer == ROTA_UNKNOWN)
        learnt = ROTA_LEARNT_NOT;
    if (how)
        *how = (enum rota_learnt)learnt;
    return answer;
}

enum rota_answer rota_caps_opcode(const struct rota_caps *caps, unsigned opcode,
                                  enum rota_learnt *how)
{
    if (!caps->opcodes_how)
        return tell(ROTA_UNKNOWN, 0, how);
    return tell(rota_caps_bit(caps->opcodes, opcode) ? ROTA_YES : ROTA_NO, caps->opcodes_how, how);
}

enum rota_answer rota_caps_register(const struct rota_caps *caps, unsigned opcode,
                                    enum rota_learnt *how)
{
    const struct rota_register_info *info = rota_register_opcode_info(opcode);

    opcode &= ~(unsigned)IORING_REGISTER_USE_REGISTERED_RING;
    if (rota_caps_bit(caps->registers, opcode))
        return tell(ROTA_YES, caps->registers_how, how);
    if (rota_caps_bit(caps->registers_known, opcode))
        return tell(ROTA_NO, caps->registers_how, how);
    if (!info)
        return tell(ROTA_UNKNOWN, 0, how);
    return tell(rota_since_holds(caps, info->since, info->backported), ROTA_LEARNT_INFERRED, how);
}

static enum rota_answer ask_word(uint32_t flags, uint32_t known, uint64_t value, unsigned learnt,
                                 enum rota_learnt *how)
{
    if ((known & value) != value)
        return tell(ROTA_UNKNOWN, 0, how);
    return tell((flags & value) == value ? ROTA_YES : ROTA_NO, learnt, how);
}

/* A flag that belongs to a field of an opcode. */
static enum rota_answer ask_field_flag(const struct rota_caps *caps, const struct rota_op_info *op,
                                       const char *group, uint64_t value, enum rota_learnt *how)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(op->fields)[i];
        unsigned set = rota_flag_set_of(op, i);

        if (!field->group.at || !rota_text_same(rota_word(field->group), group))
            continue;
        for (unsigned k = 0; k < field->flags.count; k++) {
            if (rota_flags(field->flags)[k].value != value)
                continue;
            if (op->opcode < ROTA_CAPS_OPS && !field->values && set < ROTA_CAPS_FLAG_SETS &&
                (caps->ops[op->opcode].flags[set].tried & value))
                return tell(rota_fact_flag(caps, op, i, k), ROTA_LEARNT_TRIAL, how);
            return tell(rota_fact_flag(caps, op, i, k), ROTA_LEARNT_INFERRED, how);
        }
        return tell(ROTA_NO, ROTA_LEARNT_INFERRED, how); /* no kernel takes it here */
    }
    return tell(ROTA_UNKNOWN, 0, how);
}

enum rota_answer rota_caps_flag(const struct rota_caps *caps, const char *group, uint64_t value,
                                unsigned opcode, enum rota_learnt *how)
{
    const struct rota_op_info *op;
    enum rota_answer there_at_all;

    if (!group)
        return tell(ROTA_UNKNOWN, 0, how);
    if (rota_text_same(group, "setup"))
        return ask_word(caps->setup_flags, caps->setup_known, value, caps->setup_how, how);
    if (rota_text_same(group, "feature"))
        return ask_word(caps->features, caps->features_how ? UINT32_MAX : 0, value,
                        caps->features_how, how);
    if (rota_text_same(group, "enter"))
        return ask_word(caps->enter_flags, caps->enter_known, value, caps->enter_how, how);
    if (rota_text_same(group, "sqe"))
        return ask_word(caps->sqe_flags, caps->sqe_known, value, caps->sqe_how, how);
    op = rota_opcode_info(opcode);
    if (!op)
        return tell(ROTA_UNKNOWN, 0, how);
    there_at_all = rota_caps_opcode(caps, opcode, how);
    return there_at_all == ROTA_YES ? ask_field_flag(caps, op, group, value, how) : there_at_all;
}
