/* SPDX-License-Identifier: MIT */
/* The table's verdict on a request, and how a request is made to follow or to break it. */
#include "predict.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "rules.h"

#define FLAGS_OFFSET offsetof(struct io_uring_sqe, flags)

unsigned predict_kernel;
bool predict_early;

/* ---- fields ---------------------------------------------------------------------------- */

/* The array at the end of the SQE has no size of its own. */
static unsigned width(unsigned offset, unsigned size)
{
    return size ? size : (unsigned)sizeof(struct io_uring_sqe) - offset;
}

static uint64_t full(unsigned size)
{
    return size >= 8 ? UINT64_MAX : (1ULL << (8 * size)) - 1;
}

uint64_t request_get(const struct request *r, unsigned offset, unsigned size)
{
    uint64_t v64;
    uint32_t v32;
    uint16_t v16;

    switch (size) {
    case 1:
        return r->bytes[offset];
    case 2:
        memcpy(&v16, r->bytes + offset, sizeof(v16));
        return v16;
    case 4:
        memcpy(&v32, r->bytes + offset, sizeof(v32));
        return v32;
    default:
        memcpy(&v64, r->bytes + offset, sizeof(v64));
        return v64;
    }
}

static void to_bytes(unsigned char *bytes, unsigned size, uint64_t value)
{
    uint32_t v32 = (uint32_t)value;
    uint16_t v16 = (uint16_t)value;
    uint8_t v8 = (uint8_t)value;

    memcpy(bytes,
           size == 1   ? (void *)&v8
           : size == 2 ? (void *)&v16
           : size == 4 ? (void *)&v32
                       : (void *)&value,
           size);
}

/* Writes the masked bits unless that changes a pinned one. */
static bool put(struct request *r, unsigned offset, unsigned size, uint64_t mask, uint64_t value)
{
    unsigned char new_bytes[8];
    uint64_t old = request_get(r, offset, size);

    to_bytes(new_bytes, size, (old & ~mask) | (value & mask));
    for (unsigned i = 0; i < size; i++) {
        if ((new_bytes[i] ^ r->bytes[offset + i]) & r->pinned[offset + i])
            return false;
    }
    memcpy(r->bytes + offset, new_bytes, size);
    return true;
}

bool request_pin(struct request *r, unsigned offset, unsigned size, uint64_t mask, uint64_t value)
{
    unsigned char bits[8];

    if (!put(r, offset, size, mask, value))
        return false;
    to_bytes(bits, size, mask);
    for (unsigned i = 0; i < size; i++)
        r->pinned[offset + i] |= bits[i];
    return true;
}

/* ---- conditions ------------------------------------------------------------------------ */

static uint64_t subject(const struct request *r, const struct rota_condition *c)
{
    return c->offset == ROTA_COND_ON_RING ? r->ring : request_get(r, c->offset, c->size);
}

/* Negative constants of the table arrive with all 64 bits. */
static uint64_t operand(const struct rota_condition *c)
{
    return c->value & full(c->size);
}

bool condition_holds(const struct request *r, const struct rota_condition *c)
{
    uint64_t v = subject(r, c), wanted = operand(c);

    switch (c->kind) {
    case ROTA_COND_HAS:
        return (v & wanted) == wanted;
    case ROTA_COND_LACKS:
        return !(v & wanted);
    case ROTA_COND_WITHIN:
        return !(v & ~wanted);
    case ROTA_COND_IS:
        return v == wanted;
    case ROTA_COND_IS_NOT:
        return v != wanted;
    case ROTA_COND_BELOW:
        return v < wanted;
    case ROTA_COND_ABOVE:
        return v > wanted;
    }
    return false;
}

/* The bits that decide a condition, and what they must be. */
static void decide(const struct request *r, const struct rota_condition *c, bool truth,
                   uint64_t *mask, uint64_t *value)
{
    uint64_t all = full(c->size), wanted = operand(c);

    *mask = all;
    switch (c->kind) {
    case ROTA_COND_HAS:
        *mask = wanted;
        *value = truth ? wanted : 0;
        break;
    case ROTA_COND_LACKS:
        *mask = truth ? wanted : wanted & -wanted;
        *value = truth ? 0 : *mask;
        break;
    case ROTA_COND_WITHIN:
        *mask = truth ? all & ~wanted : ~wanted & (wanted + 1) & all;
        *value = truth ? 0 : *mask;
        break;
    case ROTA_COND_IS:
    case ROTA_COND_IS_NOT:
        if (truth == (c->kind == ROTA_COND_IS))
            *value = wanted;
        else
            *value = wanted == 1 ? 2 : 1;
        /* Any other value serves: one that is there already stays. */
        if (condition_holds(r, c) == truth)
            *value = subject(r, c);
        break;
    case ROTA_COND_BELOW:
        *value = truth ? (subject(r, c) < wanted ? subject(r, c) : wanted - 1) : wanted;
        break;
    default:
        *value = truth ? (subject(r, c) > wanted ? subject(r, c) : wanted + 1) : wanted;
        break;
    }
}

static bool settle(struct request *r, const struct rota_condition *c, bool truth, bool pin)
{
    uint64_t mask, value = 0;

    if (condition_holds(r, c) == truth && !pin)
        return true;
    decide(r, c, truth, &mask, &value);
    if (c->offset == ROTA_COND_ON_RING) {
        unsigned changed = (unsigned)((r->ring & ~mask) | value) ^ r->ring;

        if (changed & r->ring_pinned)
            return false;
        r->ring ^= changed;
        r->ring_pinned |= pin ? (unsigned)mask : 0;
    } else if (pin ? !request_pin(r, c->offset, c->size, mask, value)
                   : !put(r, c->offset, c->size, mask, value)) {
        return false;
    }
    return condition_holds(r, c) == truth;
}

bool condition_force(struct request *r, const struct rota_condition *c, bool truth)
{
    return settle(r, c, truth, true);
}

static bool all_hold(const struct request *r, struct rota_condition_rows rows)
{
    const struct rota_condition *c = rota_info_conditions(rows);

    for (unsigned i = 0; i < rows.count; i++) {
        if (!condition_holds(r, &c[i]))
            return false;
    }
    return true;
}

/* ---- what this kernel has -------------------------------------------------------------- */

bool predict_has(const struct rota_op_info *op, unsigned what, unsigned index, unsigned flag,
                 unsigned since)
{
    if (since <= predict_kernel)
        return true;
    /* What is as old as the opcode came with it to the series that carry it. */
    if (what != RULES_OP && since <= op->since)
        return predict_has(op, RULES_OP, 0, 0, op->since);
    if (predict_early && (what == RULES_RULE || what == RULES_IGNORED))
        return false;
    for (unsigned i = 0; i < rules_backport_count; i++) {
        const struct rules_backport *b = &rules_backports[i];

        if (b->opcode == op->opcode && b->what == what && b->index == index && b->flag == flag &&
            b->series == predict_kernel)
            return true;
    }
    return false;
}

bool predict_rule_active(const struct rota_op_info *op, unsigned rule)
{
    const struct rota_rule_info *r = &rota_info_rules(op->rules)[rule];

    return predict_has(op, RULES_RULE, rule, 0, r->since) &&
           !(r->until && r->until <= predict_kernel);
}

static bool op_known(const struct rota_op_info *op)
{
    return predict_has(op, RULES_OP, 0, 0, op->since);
}

/* First kernel that knows an IOSQE flag. */
static unsigned iosqe_since(unsigned flag)
{
    unsigned count;
    const struct rota_flag_rule *flags = rota_group_info("sqe", &count);

    for (unsigned i = 0; i < count; i++) {
        if (flags[i].value == flag)
            return flags[i].since;
    }
    return 0xffff;
}

static enum byte_state field_state(const struct request *r, unsigned index)
{
    const struct rota_field_info *f = &rota_info_fields(r->op->fields)[index];

    if (!predict_has(r->op, RULES_FIELD, index, 0, f->since))
        return f->before_ignored ? BYTE_IGNORED : BYTE_ZERO;
    if (all_hold(r, f->when))
        return BYTE_READ;
    return f->otherwise_ignored ? BYTE_IGNORED : BYTE_ZERO;
}

static void mark(enum byte_state *states, unsigned offset, unsigned size, enum byte_state state)
{
    for (unsigned i = offset; i < offset + size; i++) {
        if (states[i] < state)
            states[i] = state;
    }
}

void predict_states(const struct request *r, enum byte_state states[SQE_BYTES])
{
    const struct rota_op_info *op = r->op;

    for (unsigned i = 0; i < SQE_BYTES; i++)
        states[i] = i < sizeof(struct io_uring_sqe) ? BYTE_ZERO : BYTE_READ;
    mark(states, offsetof(struct io_uring_sqe, opcode), 1, BYTE_READ);
    mark(states, FLAGS_OFFSET, 1, BYTE_READ);
    mark(states, offsetof(struct io_uring_sqe, user_data), 8, BYTE_READ);
    mark(states, offsetof(struct io_uring_sqe, personality), 2, BYTE_READ);
    if (r->sqe.flags & IOSQE_BUFFER_SELECT)
        mark(states, offsetof(struct io_uring_sqe, buf_group), 2, BYTE_READ);
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *f = &rota_info_fields(op->fields)[i];

        mark(states, f->offset, width(f->offset, f->size), field_state(r, i));
    }
    for (unsigned i = 0; i < op->ignored.count; i++) {
        const struct rota_ignored_info *item = &rota_info_ignored(op->ignored)[i];

        if (!item->until || !predict_has(op, RULES_IGNORED, i, 0, item->until))
            mark(states, item->offset, width(item->offset, item->size), BYTE_IGNORED);
    }
}

/* ---- the verdict ----------------------------------------------------------------------- */

__attribute__((format(printf, 5, 6))) static struct breach *blame(struct prediction *p,
                                                                  enum breach_kind kind, int error,
                                                                  unsigned offset,
                                                                  const char *format, ...)
{
    struct breach *b = &p->breach[p->count < BREACHES ? p->count++ : BREACHES - 1];
    va_list args;

    memset(b, 0, sizeof(*b));
    b->kind = kind;
    b->error = error;
    b->offset = (uint8_t)offset;
    va_start(args, format);
    (void)vsnprintf(b->why, sizeof(b->why), format, args);
    va_end(args);
    return b;
}

static void blame_field(struct prediction *p, enum breach_kind kind, int error,
                        const struct rota_field_info *f, uint64_t clear, uint64_t set,
                        const char *what, const char *which)
{
    struct breach *b =
        blame(p, kind, error, f->offset, "%s %s %s", rota_info_text(f->name), what, which);

    b->size = f->size;
    b->clear = clear;
    b->set = set;
}

static const struct rules_group *group_of(const struct rota_op_info *op, unsigned field)
{
    for (unsigned i = 0; i < rules_field_count; i++) {
        if (rules_fields[i].opcode == op->opcode && rules_fields[i].field == field)
            return rules_fields[i].group;
    }
    return NULL;
}

/* The flags that the field takes on this kernel. */
static uint64_t taken(const struct rota_op_info *op, unsigned field)
{
    const struct rota_field_info *f = &rota_info_fields(op->fields)[field];
    uint64_t mask = 0;

    for (unsigned i = 0; i < f->flags.count; i++) {
        if (predict_has(op, RULES_FLAG, field, i, rota_info_flags(f->flags)[i].since))
            mask |= rota_info_flags(f->flags)[i].value;
    }
    return mask;
}

static bool takes_value(const struct rota_op_info *op, unsigned field, uint64_t value)
{
    const struct rota_field_info *f = &rota_info_fields(op->fields)[field];

    for (unsigned i = 0; i < f->flags.count; i++) {
        if (rota_info_flags(f->flags)[i].value == value &&
            predict_has(op, RULES_FLAG, field, i, rota_info_flags(f->flags)[i].since))
            return true;
    }
    return false;
}

static void judge_group(struct prediction *p, const struct rota_field_info *f,
                        const struct rules_group *g, uint64_t value)
{
    for (unsigned i = 0; i < g->count; i++) {
        const struct rules_flag *flag = &g->flags[i];

        if (!flag->value || (value & flag->value) != flag->value)
            continue;
        if ((value & flag->needs) != flag->needs)
            blame_field(p, BREACH_GROUP, -EINVAL, f, 0, flag->needs, "lacks what goes with",
                        flag->name);
        if (flag->needs_one && !(value & flag->needs_one))
            blame_field(p, BREACH_GROUP, -EINVAL, f, 0, flag->needs_one & -flag->needs_one,
                        "lacks one that goes with", flag->name);
        if (value & flag->excludes)
            blame_field(p, BREACH_GROUP, -EINVAL, f, value & flag->excludes, 0, "has what excludes",
                        flag->name);
    }
}

/* The flags of a group that no kernel takes. */
static uint64_t refused(const struct rules_group *g)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < g->count; i++)
        mask |= g->flags[i].refused ? g->flags[i].value : 0;
    return mask;
}

static void judge_flags(const struct request *r, struct prediction *p, unsigned field)
{
    const struct rota_field_info *f = &rota_info_fields(r->op->fields)[field];
    uint64_t value = request_get(r, f->offset, f->size), bad;
    char text[32];

    if (f->values) {
        if (f->others != ROTA_OTHERS_IGNORED && !takes_value(r->op, field, value)) {
            (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)value);
            blame_field(p, BREACH_VALUE, f->others_error, f, full(f->size),
                        rota_info_flags(f->flags)[0].value, "is", text);
        }
        return;
    }
    bad = value & ~taken(r->op, field);
    if (f->others == ROTA_OTHERS_IGNORED)
        bad &= refused(group_of(r->op, field));
    if (bad) {
        (void)snprintf(text, sizeof(text), "%#llx", (unsigned long long)bad);
        blame_field(p, BREACH_FLAG, f->others_error, f, bad, 0, "has", text);
    }
    judge_group(p, f, group_of(r->op, field), value);
}

static void judge_iosqe(const struct request *r, struct prediction *p)
{
    const struct rota_op_info *op = r->op;
    unsigned flags = r->sqe.flags;
    unsigned unknown = 0;
    bool select_taken =
        op->buffer_select != ROTA_IOSQE_REFUSED && op->buffer_select_since <= predict_kernel;
    struct breach *b;

    for (unsigned bit = 1; bit < 0x100; bit <<= 1)
        unknown |= iosqe_since(bit) > predict_kernel ? bit : 0;
    if (flags & unknown) {
        b = blame(p, BREACH_IOSQE, -EINVAL, FLAGS_OFFSET, "flags has %#x", flags & unknown);
        b->clear = flags & unknown;
    }
    if ((flags & IOSQE_FIXED_FILE) && op->fixed_file == ROTA_IOSQE_REFUSED) {
        b = blame(p, BREACH_IOSQE, op->fixed_file_error, FLAGS_OFFSET, "IOSQE_FIXED_FILE");
        b->clear = IOSQE_FIXED_FILE;
    }
    if (!(flags & IOSQE_FIXED_FILE) && op->fixed_file == ROTA_IOSQE_REQUIRED) {
        b = blame(p, BREACH_IOSQE, op->fixed_file_error, FLAGS_OFFSET, "no IOSQE_FIXED_FILE");
        b->set = IOSQE_FIXED_FILE;
    }
    if ((flags & IOSQE_BUFFER_SELECT) && !select_taken) {
        b = blame(p, BREACH_IOSQE, -EOPNOTSUPP, FLAGS_OFFSET, "IOSQE_BUFFER_SELECT");
        b->clear = IOSQE_BUFFER_SELECT;
    }
    if (!(flags & IOSQE_BUFFER_SELECT) && op->buffer_select == ROTA_IOSQE_REQUIRED) {
        b = blame(p, BREACH_IOSQE, -EINVAL, FLAGS_OFFSET, "no IOSQE_BUFFER_SELECT");
        b->set = IOSQE_BUFFER_SELECT;
    }
    if ((flags & IOSQE_CQE_SKIP_SUCCESS) && op->cqe_skip == ROTA_IOSQE_REFUSED) {
        b = blame(p, BREACH_IOSQE, -EINVAL, FLAGS_OFFSET, "IOSQE_CQE_SKIP_SUCCESS");
        b->clear = IOSQE_CQE_SKIP_SUCCESS;
    }
    for (unsigned i = 0; i < p->count; i++) {
        if (p->breach[i].kind == BREACH_IOSQE)
            p->breach[i].size = 1;
    }
}

static void judge_ring(const struct request *r, struct prediction *p)
{
    struct breach *b;

    if ((r->ring & IORING_SETUP_IOPOLL) && !r->op->iopoll) {
        b = blame(p, BREACH_RING, -EINVAL, 0, "a ring with IORING_SETUP_IOPOLL");
        b->clear = IORING_SETUP_IOPOLL;
    }
    if (r->op->setup_one_of && !(r->ring & r->op->setup_one_of)) {
        b = blame(p, BREACH_RING, -EINVAL, 0, "a ring without the set-up it needs");
        b->set = r->op->setup_one_of & -r->op->setup_one_of;
    }
}

static void judge_rules(const struct request *r, struct prediction *p)
{
    for (unsigned i = 0; i < r->op->rules.count; i++) {
        const struct rota_rule_info *rule = &rota_info_rules(r->op->rules)[i];
        struct breach *b;

        if (!predict_rule_active(r->op, i) || !all_hold(r, rule->when) || all_hold(r, rule->must))
            continue;
        b = blame(p, BREACH_RULE, rule->error, 0, "rule: %s", rota_info_text(rule->because));
        b->rule = i;
    }
}

void predict(const struct request *r, struct prediction *p)
{
    enum byte_state states[SQE_BYTES];

    memset(p, 0, sizeof(*p));
    if (!op_known(r->op)) {
        blame(p, BREACH_OPCODE, -EINVAL, 0, "%s", rota_info_text(r->op->name));
        return;
    }
    predict_states(r, states);
    for (unsigned i = 0; i < SQE_BYTES; i++) {
        if (states[i] == BYTE_ZERO && r->bytes[i]) {
            struct breach *b = blame(p, BREACH_ZERO, -EINVAL, i, "byte %u is not 0", i);

            b->size = 1;
            b->clear = 0xff;
        }
    }
    for (unsigned i = 0; i < r->op->fields.count; i++) {
        if (rota_info_fields(r->op->fields)[i].group.at && field_state(r, i) == BYTE_READ)
            judge_flags(r, p, i);
    }
    judge_iosqe(r, p);
    judge_ring(r, p);
    judge_rules(r, p);
}

/* ---- repairs --------------------------------------------------------------------------- */

/* `FIELD is not FLAG` where that flag is pinned: another flag of the field beside it. */
static bool add_flag(struct request *r, const struct rota_condition *c)
{
    if (c->kind != ROTA_COND_IS_NOT)
        return false;
    for (unsigned i = 0; i < r->op->fields.count; i++) {
        const struct rota_field_info *f = &rota_info_fields(r->op->fields)[i];

        if (f->offset != c->offset || f->size != c->size || !f->flags.count || f->values)
            continue;
        for (uint64_t rest = taken(r->op, i) & ~operand(c); rest; rest &= rest - 1) {
            if (put(r, c->offset, c->size, rest & -rest, rest))
                return true;
        }
    }
    return false;
}

/* Makes `must` true, or where that is pinned one of `when` false. */
static bool mend_rule(struct request *r, const struct rota_rule_info *rule)
{
    bool mended = true;

    for (unsigned i = 0; i < rule->must.count; i++)
        mended &= settle(r, &rota_info_conditions(rule->must)[i], true, false) ||
                  add_flag(r, &rota_info_conditions(rule->must)[i]);
    for (unsigned i = 0; i < rule->when.count && !mended; i++)
        mended = settle(r, &rota_info_conditions(rule->when)[i], false, false);
    return mended;
}

static bool mend(struct request *r, const struct breach *b)
{
    if (b->kind == BREACH_OPCODE)
        return false;
    if (b->kind == BREACH_RULE)
        return mend_rule(r, &rota_info_rules(r->op->rules)[b->rule]);
    if (b->kind == BREACH_RING) {
        unsigned ring = (r->ring & ~(unsigned)b->clear) | (unsigned)b->set;

        if ((ring ^ r->ring) & r->ring_pinned)
            return false;
        r->ring = ring;
        return true;
    }
    return put(r, b->offset, b->size, b->clear | b->set, b->set);
}

bool request_repair(struct request *r, int rule)
{
    struct prediction p;

    for (int round = 0; round < 8; round++) {
        bool clean = true;

        predict(r, &p);
        for (unsigned i = 0; i < p.count; i++) {
            if (p.breach[i].kind == BREACH_RULE && (int)p.breach[i].rule == rule)
                continue;
            clean = false;
            if (!mend(r, &p.breach[i]))
                return false;
        }
        if (clean)
            return true;
    }
    return false;
}
