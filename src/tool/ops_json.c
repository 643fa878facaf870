/* SPDX-License-Identifier: MIT */
/* `rota ops --json`: rows of the table, named as in ops.json. */
#include <rota/explain.h>
#include <rota/names.h>
#include <rota/uapi.h>

#include "tool/ops.h"

static const char *const lives_words[] = {
    [ROTA_LIVES_NONE] = NULL,
    [ROTA_LIVES_SUBMIT] = "submit",
    [ROTA_LIVES_COMPLETION] = "completion",
    [ROTA_LIVES_NOTIFICATION] = "notification",
    [ROTA_LIVES_UNREGISTER] = "unregister",
};

static const char *const memory_words[] = {
    [ROTA_MEMORY_NONE] = NULL,
    [ROTA_MEMORY_READ] = "read",
    [ROTA_MEMORY_WRITTEN] = "written",
    [ROTA_MEMORY_BOTH] = "both",
};

static const char *const shape_words[] = {
    [ROTA_SHAPE_ONE] = "one",
    [ROTA_SHAPE_STREAM] = "stream",
    [ROTA_SHAPE_NOTIFICATION] = "notification",
};

static const char *const role_words[] = {
    [ROTA_ROLE_NUMBER] = NULL,
    [ROTA_ROLE_FILE] = "file",
    [ROTA_ROLE_DESCRIPTOR] = "descriptor",
    [ROTA_ROLE_DIRECTORY] = "directory",
    [ROTA_ROLE_SLOT] = "slot",
    [ROTA_ROLE_INDEX] = "index",
    [ROTA_ROLE_FAR_SLOT] = "far_slot",
    [ROTA_ROLE_BUFFER] = "buffer",
    [ROTA_ROLE_GROUP] = "group",
    [ROTA_ROLE_REQUEST] = "request",
    [ROTA_ROLE_PATH] = "path",
    [ROTA_ROLE_NEW_PATH] = "new_path",
    [ROTA_ROLE_ANY_PATH] = "any_path",
    [ROTA_ROLE_ATTRIBUTE] = "attribute",
    [ROTA_ROLE_TEXT] = "text",
    [ROTA_ROLE_DESCRIPTORS] = "descriptors",
    [ROTA_ROLE_COMMAND] = "command",
};

static void write_conditions(const char *key, struct rota_condition_rows rows)
{
    const struct rota_condition *conditions = rota_info_conditions(rows);

    json_array(key);
    for (unsigned i = 0; i < rows.count; i++)
        json_string(NULL, rota_info_text(conditions[i].text));
    json_end();
}

static void write_errors(struct rota_error_rows rows)
{
    const struct rota_error_info *errors = rota_info_errors(rows);

    json_array("errors");
    for (unsigned i = 0; i < rows.count; i++) {
        json_object(NULL);
        json_string("errno", ops_error_name(errors[i].error));
        json_string("cause", rota_info_text(errors[i].cause));
        json_string("remedy", rota_info_text(errors[i].remedy));
        json_end();
    }
    json_end();
}

static void write_emulation(const struct tool_emulation *emulation)
{
    json_object("emulated");
    json_string("way", emulation->way);
    json_string("text", emulation->text);
    json_end();
}

static void write_field(const struct rota_field_info *field)
{
    json_object(NULL);
    json_string("name", rota_info_text(field->name));
    json_number("offset", field->offset);
    json_number("size", field->size);
    json_string("type", rota_info_text(field->type));
    json_string("arg", rota_info_text(field->arg));
    json_string("summary", rota_info_text(field->summary));
    json_string("role", role_words[field->role]);
    json_string("memory", memory_words[field->memory]);
    json_string("lives", lives_words[field->lives]);
    json_release("since", field->since);
    write_conditions("when", field->when);
    json_string("group", rota_info_text(field->group));
    json_array("flags");
    for (unsigned i = 0; i < field->flags.count; i++) {
        json_object(NULL);
        json_string("name", rota_info_text(rota_info_flags(field->flags)[i].name));
        json_hex("value", rota_info_flags(field->flags)[i].value);
        json_release("since", rota_info_flags(field->flags)[i].since);
        json_end();
    }
    json_end();
    json_end();
}

static void write_rule(const struct rota_rule_info *rule)
{
    json_object(NULL);
    write_conditions("when", rule->when);
    write_conditions("must", rule->must);
    json_string("errno", ops_error_name(rule->error));
    json_string("because", rota_info_text(rule->because));
    json_release("since", rule->since);
    json_release("until", rule->until);
    json_string("at", rule->at_issue ? "issue" : "submit");
    json_end();
}

static void write_iosqe(const struct rota_op_info *op)
{
    json_object("iosqe");
    json_string("IOSQE_FIXED_FILE", ops_iosqe_words[op->fixed_file]);
    if (op->fixed_file_since) {
        json_release("fixed_file_since", op->fixed_file_since);
        json_string("fixed_file_before",
                    op->fixed_file_before ? ops_error_name(op->fixed_file_before) : "ignored");
    }
    json_string("IOSQE_BUFFER_SELECT", ops_iosqe_words[op->buffer_select]);
    json_string("IOSQE_CQE_SKIP_SUCCESS", ops_iosqe_words[op->cqe_skip]);
    json_end();
}

static void write_set(const char *key, const char *group, uint64_t value)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    json_array(key);
    for (unsigned i = 0; i < count; i++) {
        if (rules[i].value && (value & rules[i].value) == rules[i].value)
            json_string(NULL, rota_info_text(rules[i].name));
    }
    json_end();
}

void ops_write_op(const struct rota_op_info *op, bool example)
{
    unsigned count;
    const struct rota_prep_info *preps = ops_preps(op->opcode, &count);

    json_object(NULL);
    json_string("kind", "opcode");
    json_string("name", rota_info_text(op->name));
    json_number("number", op->opcode);
    json_string("summary", rota_info_text(op->summary));
    json_release("since", op->since);
    json_bool("backported", op->backported);
    json_string("syscall", rota_info_text(op->syscall));
    json_string("config", rota_info_text(op->config));
    json_string("note", rota_info_text(op->note));
    json_array("functions");
    for (unsigned i = 0; i < count; i++) {
        json_object(NULL);
        json_string("name", rota_info_text(preps[i].name));
        json_string("prototype", rota_info_text(preps[i].prototype));
        json_string("summary", rota_info_text(preps[i].summary));
        json_release("since", preps[i].since);
        json_end();
    }
    json_end();
    json_array("fields");
    for (unsigned i = 0; i < op->fields.count; i++)
        write_field(&rota_info_fields(op->fields)[i]);
    json_end();
    json_array("ignored");
    for (unsigned i = 0; i < op->ignored.count; i++)
        json_string(NULL, rota_info_text(rota_info_ignored(op->ignored)[i].name));
    json_end();
    write_iosqe(op);
    json_bool("iopoll", op->iopoll);
    json_bool("big", op->big);
    write_set("setup_one_of", "setup", op->setup_one_of);
    json_object("completion");
    json_string("shape", shape_words[op->shape]);
    write_conditions("when", op->stream_when);
    if (op->stream_or_when.count)
        write_conditions("or_when", op->stream_or_when);
    if (op->short_fails)
        json_string("short", "failure");
    if (op->short_when.count)
        write_conditions("short_when", op->short_when);
    json_string("res", rota_info_text(op->res));
    write_set("flags", "cqe", op->cqe_flags);
    json_end();
    json_array("rules");
    for (unsigned i = 0; i < op->rules.count; i++)
        write_rule(&rota_info_rules(op->rules)[i]);
    json_end();
    write_errors(op->errors);
    if (op->opcode < tool_op_emulation_count)
        write_emulation(&tool_op_emulations[op->opcode]);
    if (example)
        json_string("example",
                    op->opcode < tool_op_example_count ? tool_op_examples[op->opcode] : NULL);
    json_end();
}

void ops_write_register(unsigned opcode, const struct rota_register_info *info, bool example)
{
    unsigned count;
    const struct tool_call *calls = ops_calls(opcode, &count);

    json_object(NULL);
    json_string("kind", "register");
    json_string("name", rota_info_text(info->name));
    json_number("number", opcode);
    json_string("summary", rota_info_text(info->summary));
    json_release("since", info->since);
    json_bool("backported", info->backported);
    json_string("arg", rota_info_text(info->arg));
    json_string("nr_args", rota_info_text(info->nr_args));
    json_string("res", rota_info_text(info->res));
    json_string("note", rota_info_text(info->note));
    write_set("needs", "setup", info->needs);
    write_set("refuses", "setup", info->refuses);
    json_release("without_ring", info->without_ring);
    json_bool("only_without_ring", info->only_without_ring);
    json_array("functions");
    for (unsigned i = 0; i < count; i++) {
        json_object(NULL);
        json_string("prototype", calls[i].prototype);
        json_string("summary", calls[i].summary);
        json_release("since", calls[i].since);
        json_end();
    }
    json_end();
    write_errors(info->errors);
    if (opcode < tool_register_emulation_count)
        write_emulation(&tool_register_emulations[opcode]);
    if (example)
        json_string("example", count ? calls[0].example : NULL);
    json_end();
}

void ops_write_flag(const char *group, const struct rota_flag_rule *flag)
{
    json_object(NULL);
    json_string("kind", "flag");
    json_string("name", rota_info_text(flag->name));
    json_string("group", group);
    json_hex("value", flag->value);
    json_string("summary", rota_info_text(flag->summary));
    json_release("since", flag->since);
    json_bool("backported", flag->backported);
    write_set("needs", group, flag->needs);
    write_set("needs_one", group, flag->needs_one);
    write_set("excludes", group, flag->excludes);
    json_string("refused", rota_info_text(flag->refused));
    json_end();
}

void ops_write_group(const char *group)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    json_object(NULL);
    json_string("kind", "group");
    json_string("name", group);
    json_array("flags");
    for (unsigned i = 0; i < count; i++)
        ops_write_flag(group, &rules[i]);
    json_end();
    json_end();
}
