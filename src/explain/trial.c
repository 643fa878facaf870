/* SPDX-License-Identifier: MIT */
/*
 * Asks the kernel about requests without running them.
 *
 * Each request goes behind one that is sure to fail, in one chain. The kernel
 * takes a chain as a whole, looks at every field of each request in it, and
 * only then starts the first. So a request that it takes is cancelled before
 * it did anything, and the answer ECANCELED says so; one that it refuses has
 * the error of the refusal.
 */
#include <rota/names.h>

#include "explain/caps.h"
#include "ring/core.h"
#include "table/info_tables.h"
#include "explain/understand.h"

#define PAIRS 64

enum subject {
    ASK_OPCODE,
    ASK_IOSQE,
    ASK_FIELD,   /* taken: it is read */
    ASK_INVALID, /* refused: it is read */
    ASK_IGNORED, /* refused: it must be zero */
    ASK_RULE,    /* refused: the rule holds */
    ASK_FLAG,
};

struct question {
    uint8_t subject;
    uint8_t opcode;
    uint8_t index;
    uint8_t set; /* of rota_caps_op::flags */
    uint32_t flag;
};

struct trials {
    struct rota_caps *caps;
    struct rota_ring *ring;
    struct question asked[PAIRS];
    unsigned count;
    uint64_t nothing[32]; /* zero: an empty vector, message, time or address */
    char path[8];
};

/*
 * A request that the table calls right
 */

static void set_field(struct io_uring_sqe *sqe, unsigned offset, unsigned size, uint64_t value)
{
    unsigned char *at = (unsigned char *)sqe + offset;
    uint8_t byte = (uint8_t)value;
    uint16_t half = (uint16_t)value;
    uint32_t word = (uint32_t)value;

    if (size == 1)
        *at = byte;
    else if (size == 2)
        __builtin_memcpy(at, &half, sizeof(half));
    else if (size == 4)
        __builtin_memcpy(at, &word, sizeof(word));
    else
        __builtin_memcpy(at, &value, sizeof(value));
}

/* The value that is nearest to `value` and fulfils, or with `breaks` breaks, a condition. */
static uint64_t adapt(const struct rota_condition *c, uint64_t value, bool breaks)
{
    switch (c->kind) {
    case ROTA_COND_HAS:
        return breaks ? value & ~c->value : value | c->value;
    case ROTA_COND_LACKS:
        return breaks ? value | c->value : value & ~c->value;
    case ROTA_COND_WITHIN:
        return breaks ? value | (~c->value & (c->value + 1)) : value & c->value;
    case ROTA_COND_IS:
        return breaks ? c->value + 1 : c->value;
    case ROTA_COND_IS_NOT:
        return breaks ? c->value : c->value + 1;
    case ROTA_COND_BELOW:
        return breaks ? c->value : c->value - 1;
    default:
        return breaks ? c->value : c->value + 1;
    }
}

static void impose(struct io_uring_sqe *sqe, const struct rota_condition *c, bool breaks)
{
    if (c->offset == ROTA_COND_ON_RING)
        return;
    set_field(sqe, c->offset, c->size, adapt(c, rota_sqe_field(sqe, c->offset, c->size), breaks));
}

/* Changes what rules other than `but` find wrong. */
static void repair(const struct trials *t, struct io_uring_sqe *sqe, const struct rota_op_info *op,
                   const struct rota_rule_info *but)
{
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < op->rules.count; i++) {
            const struct rota_rule_info *rule = &rota_rules(op->rules)[i];

            if (rule == but || rota_conditions_hold(rule->when, sqe, t->ring) != ROTA_YES)
                continue;
            for (unsigned k = 0; k < rule->must.count; k++) {
                if (rota_condition_holds(&rota_conditions(rule->must)[k], sqe, t->ring) == ROTA_NO)
                    impose(sqe, &rota_conditions(rule->must)[k], false);
            }
        }
    }
}

static bool is_pointer(const char *type)
{
    for (; type && *type; type++) {
        if (*type == '*')
            return true;
    }
    return false;
}

static void fill_fields(const struct trials *t, struct io_uring_sqe *sqe,
                        const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(op->fields)[i];
        uint64_t value = rota_sqe_field(sqe, field->offset, field->size);

        if (rota_conditions_hold(field->when, sqe, t->ring) != ROTA_YES)
            continue;
        if (field->since > op->since)
            continue; /* older kernels want zero */
        if (is_pointer(rota_word(field->type))) {
            bool text = rota_text_same(rota_word(field->type), "const char *");

            value = (uintptr_t)(text ? (const void *)t->path : (const void *)t->nothing);
        } else if (field->role == ROTA_ROLE_FILE) {
            value = (uint32_t)t->ring->ring_fd;
        } else if (field->values && field->flags.count && !value) {
            value = rota_flags(field->flags)[0].value;
        }
        set_field(sqe, field->offset, field->size, value);
    }
}

static void make_right(const struct trials *t, struct io_uring_sqe *sqe,
                       const struct rota_op_info *op)
{
    rota_sqe_clear(sqe);
    sqe->opcode = op->opcode;
    if (op->buffer_select == ROTA_IOSQE_REQUIRED)
        sqe->flags |= IOSQE_BUFFER_SELECT;
    if (op->fixed_file == ROTA_IOSQE_REQUIRED)
        sqe->flags |= IOSQE_FIXED_FILE;
    fill_fields(t, sqe, op);
    repair(t, sqe, op, NULL);
}

/* How many things are wrong when the request is taken, as the newest kernel sees it. */
static int wrong(const struct trials *t, const struct io_uring_sqe *sqe,
                 struct rota_finding *findings)
{
    int count = rota_check_in_chain(t->ring, NULL, sqe, false, NULL, findings, 2);
    int early = 0;

    for (int i = 0; i < count && i < 2; i++)
        early += findings[i].stage == ROTA_STAGE_TAKE;
    return count > 2 ? count : early;
}

/*
 * Question and answer
 */

static void settle(struct trials *t, const struct question *q, int res)
{
    struct rota_caps_op *op = &t->caps->ops[q->opcode];
    unsigned bit = 1U << (q->index & 15);
    bool taken = res == -ECANCELED;

    /* The timeout of a request that has ended finds nothing to cancel. */
    if (res == -ENOENT && rota_op_infos[q->opcode].behind_link)
        taken = true;

    /* A refusal is EINVAL, EOPNOTSUPP or EBADF; anything else is about what the request points to. */
    if (!taken && res != -EINVAL && res != -EOPNOTSUPP && res != -EBADF)
        return;
    switch (q->subject) {
    case ASK_OPCODE:
        op->tried = taken;
        break;
    case ASK_IOSQE:
        op->iosqe_tried |= (uint8_t)q->flag;
        op->iosqe_taken |= taken ? (uint8_t)q->flag : 0;
        break;
    case ASK_FIELD:
    case ASK_INVALID:
        op->fields_tried |= (uint16_t)bit;
        if (taken == (q->subject == ASK_FIELD))
            op->fields_read |= (uint16_t)bit;
        break;
    case ASK_IGNORED:
        op->ignored_tried |= (uint16_t)bit;
        op->ignored_zero |= taken ? 0 : (uint16_t)bit;
        break;
    case ASK_RULE:
        op->rules_tried |= (uint16_t)bit;
        op->rules_hold |= taken ? 0 : (uint16_t)bit;
        break;
    default:
        op->flags[q->set].tried |= q->flag;
        op->flags[q->set].taken |= taken ? q->flag : 0;
        break;
    }
}

/* Sends what was asked and settles every answer; false when the ring fails. */
static bool flush(struct trials *t)
{
    unsigned left = t->count * 2; /* each pair has two completions at least */

    while (left) {
        struct io_uring_cqe *cqe;
        int ret = rota_submit_and_wait(t->ring, 1);

        if (ret < 0)
            return false;
        while (!rota_peek_cqe(t->ring, &cqe)) {
            uint64_t user_data = cqe->user_data;

            /* A notification is not the answer. */
            if (!(cqe->flags & IORING_CQE_F_NOTIF)) {
                left--;
                if (user_data < t->count)
                    settle(t, &t->asked[user_data], cqe->res);
            }
            rota_cqe_seen(t->ring, cqe);
        }
    }
    t->count = 0;
    return true;
}

static void ask(struct trials *t, const struct io_uring_sqe *request, enum subject subject,
                unsigned index, unsigned set, uint32_t flag)
{
    struct io_uring_sqe *sqe;
    struct question *q;

    if (t->count == PAIRS && !flush(t))
        return;
    /*
     * The request that fails: no timeout has this user_data, because none is
     * started. Not POLL_REMOVE: on 5.10 a chain goes on after its failure.
     */
    sqe = rota_get_sqe(t->ring);
    if (!sqe)
        return;
    sqe->opcode = IORING_OP_TIMEOUT_REMOVE;
    sqe->addr = UINT64_MAX;
    sqe->fd = -1;
    sqe->flags = IOSQE_IO_LINK;
    sqe->user_data = UINT64_MAX;

    sqe = rota_get_sqe(t->ring);
    if (!sqe)
        return; /* cannot be: the queue holds all pairs */
    for (unsigned i = 0; i < sizeof(*sqe); i += 8)
        set_field(sqe, i, 8, rota_sqe_field(request, i, 8));
    sqe->user_data = t->count;
    q = &t->asked[t->count++];
    q->subject = (uint8_t)subject;
    q->opcode = request->opcode;
    q->index = (uint8_t)index;
    q->set = (uint8_t)set;
    q->flag = flag;
}

/* Asks when nothing else is wrong with the request. */
static void ask_if_right(struct trials *t, const struct io_uring_sqe *sqe, enum subject subject,
                         unsigned index, unsigned set, uint32_t flag)
{
    struct rota_finding findings[2];

    if (!wrong(t, sqe, findings))
        ask(t, sqe, subject, index, set, flag);
}

/* All of this rests on chains that break: a request that does nothing must not be done. */
static bool chains_break(struct trials *t)
{
    struct io_uring_sqe sqe;

    rota_sqe_clear(&sqe);
    sqe.opcode = IORING_OP_NOP;
    ask(t, &sqe, ASK_OPCODE, 0, 0, 0);
    if (!flush(t) || !t->caps->ops[IORING_OP_NOP].tried)
        return false;
    t->caps->ops[IORING_OP_NOP].tried = 0;
    return true;
}

/*
 * What is asked of one opcode
 */

static void ask_iosqe(struct trials *t, const struct rota_op_info *op)
{
    struct io_uring_sqe sqe;

    if (op->buffer_select == ROTA_IOSQE_TAKEN) {
        make_right(t, &sqe, op);
        sqe.flags |= IOSQE_BUFFER_SELECT;
        repair(t, &sqe, op, NULL);
        ask_if_right(t, &sqe, ASK_IOSQE, 0, 0, IOSQE_BUFFER_SELECT);
    }
    /* A flag that older kernels do not look at cannot be told from one that they take. */
    if (op->fixed_file_since && op->fixed_file_before) {
        make_right(t, &sqe, op);
        sqe.flags |= IOSQE_FIXED_FILE;
        sqe.fd = 0;
        ask_if_right(t, &sqe, ASK_IOSQE, 0, 0, IOSQE_FIXED_FILE);
    }
}

static void ask_field(struct trials *t, const struct rota_op_info *op, unsigned index)
{
    const struct rota_field_info *field = &rota_fields(op->fields)[index];
    uint64_t known = 0, value = 1;
    struct io_uring_sqe sqe;

    make_right(t, &sqe, op);
    for (unsigned k = 0; k < field->when.count; k++)
        impose(&sqe, &rota_conditions(field->when)[k], false);
    if (field->before_ignored) {
        /* Only a value that is wrong tells whether somebody looks. */
        if (!field->group.at || field->values || field->others != ROTA_OTHERS_REFUSED)
            return;
        for (unsigned i = 0; i < field->group_rules.count; i++)
            known |= rota_flag_rules(field->group_rules)[i].value;
        value = UINT64_C(1) << (8 * field->size - 1);
        if (known & value)
            return;
        set_field(&sqe, field->offset, field->size, value);
        ask(t, &sqe, ASK_INVALID, index, 0, 0);
        return;
    }
    if (field->flags.count)
        value = rota_flags(field->flags)[field->values ? field->flags.count - 1U : 0].value;
    else if (is_pointer(rota_word(field->type)))
        value = (uintptr_t)t->nothing;
    if (!value)
        return;
    set_field(&sqe, field->offset, field->size, value);
    repair(t, &sqe, op, NULL);
    ask_if_right(t, &sqe, ASK_FIELD, index, 0, 0);
}

/*
 * Adds what a flag needs: flags of its group, and where a rule would refuse it
 * in the absence of others, one of those.
 */
static void add_needs(struct io_uring_sqe *sqe, const struct rota_op_info *op,
                      const struct rota_field_info *field, uint64_t flag)
{
    uint64_t value = rota_sqe_field(sqe, field->offset, field->size) | flag;

    for (unsigned i = 0; i < field->group_rules.count; i++) {
        if (rota_flag_rules(field->group_rules)[i].value == flag)
            value |= rota_flag_rules(field->group_rules)[i].needs;
    }
    for (unsigned i = 0; i < op->rules.count; i++) {
        const struct rota_rule_info *rule = &rota_rules(op->rules)[i];
        const struct rota_condition *when = rota_conditions(rule->when);

        if (rule->when.count == 1 && when->kind == ROTA_COND_LACKS &&
            when->offset == field->offset && !(value & when->value))
            value |= when->value & (0 - when->value);
    }
    set_field(sqe, field->offset, field->size, value);
}

static void ask_flags(struct trials *t, const struct rota_op_info *op, unsigned index)
{
    const struct rota_field_info *field = &rota_fields(op->fields)[index];
    unsigned set = rota_flag_set_of(op, index);
    struct io_uring_sqe sqe;

    if (set >= ROTA_CAPS_FLAG_SETS || field->others != ROTA_OTHERS_REFUSED)
        return;
    /* A kernel that does not look at the field lets every flag pass. */
    if (field->before_ignored && rota_fact_field(t->caps, op, index) != ROTA_YES)
        return;
    for (unsigned i = 0; i < field->flags.count; i++) {
        const struct rota_flag_info *flag = &rota_flags(field->flags)[i];

        if (flag->since <= op->since || flag->value > UINT32_MAX)
            continue;
        make_right(t, &sqe, op);
        for (unsigned k = 0; k < field->when.count; k++)
            impose(&sqe, &rota_conditions(field->when)[k], false);
        add_needs(&sqe, op, field, flag->value);
        repair(t, &sqe, op, NULL);
        if (rota_sqe_field(&sqe, field->offset, field->size) & flag->value)
            ask_if_right(t, &sqe, ASK_FLAG, index, set, (uint32_t)flag->value);
    }
}

static void ask_ignored(struct trials *t, const struct rota_op_info *op, unsigned index)
{
    const struct rota_ignored_info *ignored = &rota_ignored(op->ignored)[index];
    struct io_uring_sqe sqe;

    make_right(t, &sqe, op);
    set_field(&sqe, ignored->offset, ignored->size, 1);
    ask(t, &sqe, ASK_IGNORED, index, 0, 0);
}

static void ask_rule(struct trials *t, const struct rota_op_info *op, unsigned index)
{
    const struct rota_rule_info *rule = &rota_rules(op->rules)[index];
    struct rota_finding finding[2];
    struct io_uring_sqe sqe;

    make_right(t, &sqe, op);
    for (unsigned k = 0; k < rule->when.count; k++)
        impose(&sqe, &rota_conditions(rule->when)[k], false);
    impose(&sqe, &rota_conditions(rule->must)[0], true);
    repair(t, &sqe, op, rule);
    if (rota_conditions_hold(rule->when, &sqe, t->ring) != ROTA_YES ||
        rota_condition_holds(&rota_conditions(rule->must)[0], &sqe, t->ring) != ROTA_NO)
        return;
    /* Of an old rule the newest kernel finds nothing wrong, of a new one only itself. */
    if (wrong(t, &sqe, finding) == (rule->until ? 0 : 1) &&
        (rule->until || finding[0].rule == rule))
        ask(t, &sqe, ASK_RULE, index, 0, 0);
}

static void ask_first(struct trials *t, const struct rota_op_info *op)
{
    ask_iosqe(t, op);
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (rota_fields(op->fields)[i].since > op->since)
            ask_field(t, op, i);
    }
}

/* What the answers to those questions decide. */
static void ask_then(struct trials *t, const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (rota_fields(op->fields)[i].group.at && !rota_fields(op->fields)[i].values)
            ask_flags(t, op, i);
    }
    for (unsigned i = 0; i < op->ignored.count; i++) {
        if (rota_ignored(op->ignored)[i].until)
            ask_ignored(t, op, i);
    }
    for (unsigned i = 0; i < op->rules.count; i++) {
        if ((rota_rules(op->rules)[i].since || rota_rules(op->rules)[i].until) &&
            !rota_rules(op->rules)[i].at_issue)
            ask_rule(t, op, i);
    }
}

void rota_caps_try(struct rota_caps *caps, struct rota_ring *ring)
{
    struct io_uring_sqe sqe;
    struct trials t;

    rota_zero(&t, sizeof(t));
    t.caps = caps;
    t.ring = ring;
    t.path[0] = '.';
    if (!chains_break(&t))
        return;
    for (unsigned i = 0; i < rota_op_info_count && i < ROTA_CAPS_OPS; i++) {
        if (rota_caps_opcode(caps, i, NULL) != ROTA_YES)
            continue;
        make_right(&t, &sqe, &rota_op_infos[i]);
        ask_if_right(&t, &sqe, ASK_OPCODE, 0, 0, 0);
    }
    if (!flush(&t))
        return;
    for (unsigned i = 0; i < rota_op_info_count && i < ROTA_CAPS_OPS; i++) {
        if (caps->ops[i].tried)
            ask_first(&t, &rota_op_infos[i]);
    }
    if (!flush(&t))
        return;
    for (unsigned i = 0; i < rota_op_info_count && i < ROTA_CAPS_OPS; i++) {
        if (caps->ops[i].tried)
            ask_then(&t, &rota_op_infos[i]);
    }
    flush(&t);
}
