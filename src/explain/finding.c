/* SPDX-License-Identifier: MIT */
/* Findings, and the words that they are made of. */
#include "explain/check.h"
#include "ring/core.h"

struct rota_finding *rota_check_found(struct rota_check *c, enum rota_finding_code code,
                                      enum rota_stage stage, int error, struct rota_text *text)
{
    struct rota_finding *f;

    if (c->count++ >= c->max)
        return NULL;
    f = &c->findings[c->count - 1];
    f->code = (uint8_t)code;
    f->stage = (uint8_t)stage;
    f->error = (int16_t)error;
    f->offset = ROTA_FIELD_NONE;
    f->size = 0;
    f->since = 0;
    f->value = 0;
    f->field = NULL;
    f->rule = NULL;
    rota_text_start(text, f->text, sizeof(f->text));
    if (c->op)
        rota_text_put(text, rota_word(c->op->name));
    return f;
}

void rota_check_place(struct rota_finding *f, const char *name, unsigned offset, unsigned size,
                      uint64_t value)
{
    f->field = name;
    f->offset = (uint8_t)offset;
    f->size = (uint8_t)size;
    f->value = value;
}

const struct rota_field_info *rota_check_field_at(const struct rota_check *c, unsigned byte)
{
    for (unsigned i = 0; i < c->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(c->op->fields)[i];

        if (byte >= field->offset && byte < (unsigned)field->offset + field->size)
            return field;
    }
    return NULL;
}

void rota_check_put_answer(struct rota_text *text, int error)
{
    if (error == -EINVAL)
        return;
    rota_text_put(text, "; the kernel answers ");
    rota_text_error(text, error);
}

void rota_check_put_is(struct rota_text *text, uint64_t value)
{
    rota_text_put(text, " (is ");
    rota_text_hex(text, value);
    rota_text_char(text, ')');
}

/* What follows the operator in a condition's text: the operand. */
static const char *operand_of(const struct rota_condition *condition)
{
    const char *operand = rota_word(condition->text);

    for (const char *p = rota_word(condition->text); *p; p++) {
        if (*p == ' ')
            operand = p + 1;
    }
    return operand;
}

void rota_check_put_demand(struct rota_text *text, const struct rota_condition *condition)
{
    static const char *const demands[] = {
        [ROTA_COND_HAS] = " must have ",        [ROTA_COND_LACKS] = " must not have ",
        [ROTA_COND_WITHIN] = " may only have ", [ROTA_COND_IS] = " must be ",
        [ROTA_COND_IS_NOT] = " must not be ",   [ROTA_COND_BELOW] = " must be below ",
        [ROTA_COND_ABOVE] = " must be above ",
    };

    if (condition->offset == ROTA_COND_ON_RING)
        rota_text_put(text, "the ");
    for (const char *p = rota_word(condition->text); *p && *p != ' '; p++)
        rota_text_char(text, *p);
    rota_text_all(text, demands[condition->kind], operand_of(condition), NULL);
}

void rota_check_put_conditions(struct rota_text *text, struct rota_condition_rows rows)
{
    const struct rota_condition *conditions = rota_conditions(rows);

    for (unsigned i = 0; i < rows.count; i++)
        rota_text_all(text, i ? " and " : "", rota_word(conditions[i].text), NULL);
}
