/* SPDX-License-Identifier: MIT */
/* What a kernel can do, as a sentence and as JSON. */
#include "explain/caps.h"
#include "ring/core.h"
#include "table/info_tables.h"
#include "explain/understand.h"

static const char *learnt_words(const struct rota_caps *caps, enum rota_learnt how)
{
    static const char *const emulated[] = {
        [ROTA_LEARNT_NOT] = "nothing told of it",
        [ROTA_LEARNT_QUERY] = "the emulated kernel's query interface says so",
        [ROTA_LEARNT_PROBE] = "the emulated kernel's probe says so",
        [ROTA_LEARNT_SETUP] = "an emulated ring that was made says so",
        [ROTA_LEARNT_TRIAL] = "it was tried on the emulated kernel",
        [ROTA_LEARNT_INFERRED] = "inferred from what else the emulated kernel has",
    };
    static const char *const words[] = {
        [ROTA_LEARNT_NOT] = "nothing told of it",
        [ROTA_LEARNT_QUERY] = "the kernel's query interface says so",
        [ROTA_LEARNT_PROBE] = "the kernel's probe says so",
        [ROTA_LEARNT_SETUP] = "a ring that was made says so",
        [ROTA_LEARNT_TRIAL] = "it was tried",
        [ROTA_LEARNT_INFERRED] = "inferred from what came with the same release",
    };

    return caps->kind == ROTA_KERNEL_EMULATED ? emulated[how] : words[how];
}

static const char *learnt_key(enum rota_learnt how)
{
    static const char *const keys[] = {
        [ROTA_LEARNT_NOT] = "unknown", [ROTA_LEARNT_QUERY] = "query",
        [ROTA_LEARNT_PROBE] = "probe", [ROTA_LEARNT_SETUP] = "setup",
        [ROTA_LEARNT_TRIAL] = "trial", [ROTA_LEARNT_INFERRED] = "inferred",
    };

    return keys[how];
}

static const char *kind_key(unsigned kind)
{
    return kind == ROTA_KERNEL_REAL ? "real" : kind == ROTA_KERNEL_EMULATED ? "emulated" : "other";
}

static const char *answer_key(enum rota_answer answer)
{
    return answer == ROTA_YES ? "yes" : answer == ROTA_NO ? "no" : "unknown";
}

/*
 * In one sentence
 */

static void put_why(struct rota_text *text, const struct rota_caps *caps, enum rota_answer answer,
                    enum rota_learnt how, unsigned since, const char *config)
{
    rota_text_all(text, answer_key(answer), ": ", learnt_words(caps, how), NULL);
    if (answer == ROTA_YES)
        return;
    if (caps->ring_error && answer == ROTA_UNKNOWN) {
        rota_text_put(text, "; no ring could be made: ");
        rota_text_error(text, caps->ring_error);
    }
    /* No newer kernel brings what the emulated one lacks. */
    if (caps->kind == ROTA_KERNEL_EMULATED)
        return;
    if (since) {
        rota_text_put(text, "; first in ");
        rota_text_kernel(text, since);
    }
    if (config)
        rota_text_all(text, ", needs ", config, NULL);
}

static unsigned since_of_flag(const char *group, uint64_t value, const struct rota_op_info *op,
                              const char **refused)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);
    unsigned since = 0;

    *refused = NULL;
    for (unsigned i = 0; i < count; i++) {
        if (rules[i].value == value) {
            since = rules[i].since;
            *refused = rota_word(rules[i].refused);
        }
    }
    for (unsigned i = 0; op && i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(op->fields)[i];

        if (!field->group.at || !rota_text_same(rota_word(field->group), group))
            continue;
        for (unsigned k = 0; k < field->flags.count; k++) {
            if (rota_flags(field->flags)[k].value == value &&
                rota_flags(field->flags)[k].since > since)
                since = rota_flags(field->flags)[k].since;
        }
    }
    return since;
}

static bool is_ring_group(const char *kind)
{
    return rota_text_same(kind, "setup") || rota_text_same(kind, "feature") ||
           rota_text_same(kind, "enter") || rota_text_same(kind, "sqe");
}

int rota_caps_why(const struct rota_caps *caps, const char *kind, uint64_t value, unsigned opcode,
                  char *buf, size_t size)
{
    const struct rota_op_info *op = NULL;
    const char *refused = NULL;
    enum rota_answer answer;
    enum rota_learnt how;
    struct rota_text text;
    unsigned count, since;

    if (!caps || !kind)
        return -EINVAL;
    rota_text_start(&text, buf, size);
    if (rota_text_same(kind, "opcode")) {
        op = rota_opcode_info((unsigned)value);
        answer = rota_caps_opcode(caps, (unsigned)value, &how);
        put_why(&text, caps, answer, how, op ? op->since : 0, op ? rota_word(op->config) : NULL);
    } else if (rota_text_same(kind, "register")) {
        const struct rota_register_info *info = rota_register_opcode_info((unsigned)value);

        answer = rota_caps_register(caps, (unsigned)value, &how);
        put_why(&text, caps, answer, how, info ? info->since : 0, NULL);
    } else {
        if (!rota_group_info(kind, &count))
            return -EINVAL;
        if (!is_ring_group(kind))
            op = rota_opcode_info(opcode);
        answer = rota_caps_flag(caps, kind, value, opcode, &how);
        since = since_of_flag(kind, value, op, &refused);
        put_why(&text, caps, answer, how, since, NULL);
        if (refused)
            rota_text_all(&text, "; ", refused, NULL);
    }
    return rota_text_result(&text);
}

/*
 * JSON
 */

static void put_string(struct rota_text *text, const char *string)
{
    rota_text_char(text, '"');
    for (; *string; string++)
        rota_text_escaped(text, (unsigned char)*string, true);
    rota_text_char(text, '"');
}

static void put_key(struct rota_text *text, const char *key)
{
    put_string(text, key);
    rota_text_char(text, ':');
}

/* One thing: {"name":"READ","has":"yes","how":"probe","since":"5.6"} */
static void put_thing(struct rota_text *text, const char *name, enum rota_answer answer,
                      enum rota_learnt how, unsigned since)
{
    rota_text_char(text, '{');
    put_key(text, "name");
    put_string(text, name);
    rota_text_char(text, ',');
    put_key(text, "has");
    put_string(text, answer_key(answer));
    rota_text_char(text, ',');
    put_key(text, "how");
    put_string(text, learnt_key(how));
    if (since) {
        rota_text_char(text, ',');
        put_key(text, "since");
        rota_text_char(text, '"');
        rota_text_kernel(text, since);
        rota_text_char(text, '"');
    }
    rota_text_char(text, '}');
}

static void put_group(struct rota_text *text, const struct rota_caps *caps, const char *group)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    rota_text_char(text, ',');
    put_key(text, group);
    rota_text_char(text, '[');
    for (unsigned i = 0; i < count; i++) {
        enum rota_learnt how;
        enum rota_answer answer = rota_caps_flag(caps, group, rules[i].value, 0, &how);

        if (i)
            rota_text_char(text, ',');
        put_thing(text, rota_word(rules[i].name), answer, how, rules[i].since);
    }
    rota_text_char(text, ']');
}

/* The flags of one field of one opcode. */
static void put_field(struct rota_text *text, const struct rota_caps *caps,
                      const struct rota_op_info *op, const struct rota_field_info *field)
{
    rota_text_char(text, '{');
    put_key(text, "opcode");
    put_string(text, rota_word(op->name));
    rota_text_char(text, ',');
    put_key(text, "field");
    put_string(text, rota_word(field->name));
    rota_text_char(text, ',');
    put_key(text, "flags");
    rota_text_char(text, '[');
    for (unsigned k = 0; k < field->flags.count; k++) {
        enum rota_learnt how;
        enum rota_answer answer = rota_caps_flag(
            caps, rota_word(field->group), rota_flags(field->flags)[k].value, op->opcode, &how);

        if (k)
            rota_text_char(text, ',');
        put_thing(text, rota_word(rota_flags(field->flags)[k].name), answer, how,
                  rota_flags(field->flags)[k].since);
    }
    rota_text_put(text, "]}");
}

static void put_fields(struct rota_text *text, const struct rota_caps *caps)
{
    bool first = true;

    rota_text_char(text, ',');
    put_key(text, "flags");
    rota_text_char(text, '[');
    for (unsigned i = 0; i < rota_op_info_count; i++) {
        const struct rota_op_info *op = &rota_op_infos[i];

        for (unsigned k = 0; k < op->fields.count; k++) {
            if (!rota_fields(op->fields)[k].group.at || rota_fields(op->fields)[k].values)
                continue;
            if (!first)
                rota_text_char(text, ',');
            first = false;
            put_field(text, caps, op, &rota_fields(op->fields)[k]);
        }
    }
    rota_text_char(text, ']');
}

int rota_caps_format(const struct rota_caps *caps, char *buf, size_t size)
{
    struct rota_text text;
    enum rota_answer answer;
    enum rota_learnt how;

    if (!caps)
        return -EINVAL;
    rota_text_start(&text, buf, size);
    rota_text_char(&text, '{');
    put_key(&text, "kind");
    put_string(&text, kind_key(caps->kind));
    rota_text_char(&text, ',');
    put_key(&text, "ring_error");
    if (caps->ring_error) {
        rota_text_char(&text, '"');
        rota_text_error(&text, caps->ring_error);
        rota_text_char(&text, '"');
    } else {
        rota_text_put(&text, "null");
    }
    rota_text_char(&text, ',');
    put_key(&text, "kernel");
    rota_text_put(&text, "{\"from\":\"");
    rota_text_kernel(&text, caps->kernel_from);
    rota_text_put(&text, "\",\"before\":");
    if (caps->kernel_before) {
        rota_text_char(&text, '"');
        rota_text_kernel(&text, caps->kernel_before);
        rota_text_put(&text, "\"}");
    } else {
        rota_text_put(&text, "null}");
    }
    rota_text_char(&text, ',');
    put_key(&text, "opcodes");
    rota_text_char(&text, '[');
    for (unsigned i = 0; i < rota_op_info_count; i++) {
        answer = rota_caps_opcode(caps, i, &how);
        if (i)
            rota_text_char(&text, ',');
        put_thing(&text, rota_word(rota_op_infos[i].name), answer, how, rota_op_infos[i].since);
    }
    rota_text_put(&text, "],");
    put_key(&text, "registers");
    rota_text_char(&text, '[');
    for (unsigned i = 0; i < rota_register_info_count; i++) {
        answer = rota_caps_register(caps, i, &how);
        if (i)
            rota_text_char(&text, ',');
        put_thing(&text, rota_word(rota_register_infos[i].name), answer, how,
                  rota_register_infos[i].since);
    }
    rota_text_char(&text, ']');
    put_group(&text, caps, "setup");
    put_group(&text, caps, "feature");
    put_group(&text, caps, "enter");
    put_group(&text, caps, "sqe");
    put_fields(&text, caps);
    rota_text_char(&text, '}');
    return rota_text_result(&text);
}
