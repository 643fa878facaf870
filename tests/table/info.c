/* SPDX-License-Identifier: MIT */
/*
 * The rows of the table: what stands at their places, facts that were written
 * down by hand, and texts that are whole.
 */
#include <errno.h>
#include <rota.h>
#include <string.h>

#include "tap.h"

/* A text is there, is no part of another, and ends as its sentence does. */
static bool is_whole(struct rota_text_place place)
{
    const char *text = rota_info_text(place);

    return text && *text && !text[-1];
}

static bool is_text_or_none(struct rota_text_place place)
{
    return !place.at ? !rota_info_text(place) : is_whole(place);
}

static unsigned bad_conditions(struct rota_condition_rows rows)
{
    const struct rota_condition *conditions = rota_info_conditions(rows);
    unsigned bad = !conditions != !rows.count;

    for (unsigned i = 0; i < rows.count; i++)
        bad += !is_whole(conditions[i].text) || !conditions[i].size || !conditions[i].kind ||
               conditions[i].kind > ROTA_COND_ABOVE;
    return bad;
}

static unsigned bad_flags(const struct rota_field_info *field)
{
    const struct rota_flag_info *flags = rota_info_flags(field->flags);
    unsigned bad = !flags != !field->flags.count, count = 0;

    for (unsigned i = 0; i < field->flags.count; i++)
        bad += !is_whole(flags[i].name);
    bad += !field->group.at != !field->group_rules.count;
    if (field->group.at)
        bad += rota_info_flag_rules(field->group_rules) !=
                   rota_group_info(rota_info_text(field->group), &count) ||
               count != field->group_rules.count;
    return bad;
}

static unsigned bad_fields(const struct rota_op_info *op)
{
    const struct rota_field_info *fields = rota_info_fields(op->fields);
    const struct rota_ignored_info *ignored = rota_info_ignored(op->ignored);
    unsigned bad = !fields != !op->fields.count;

    bad += !ignored != !op->ignored.count;
    for (unsigned i = 0; i < op->fields.count; i++)
        bad += !is_whole(fields[i].name) || !is_whole(fields[i].summary) ||
               !is_text_or_none(fields[i].arg) || !is_text_or_none(fields[i].type) ||
               fields[i].size < 1 || fields[i].size > 8 || bad_flags(&fields[i]) ||
               bad_conditions(fields[i].when);
    for (unsigned i = 0; i < op->ignored.count; i++)
        bad += !is_whole(ignored[i].name) || !ignored[i].size;
    return bad;
}

static unsigned bad_errors(struct rota_error_rows rows)
{
    const struct rota_error_info *errors = rota_info_errors(rows);
    unsigned bad = !errors != !rows.count;

    for (unsigned i = 0; i < rows.count; i++)
        bad += !is_whole(errors[i].cause) || !is_text_or_none(errors[i].remedy) ||
               !rota_error_name(errors[i].error);
    return bad;
}

static unsigned bad_rules(const struct rota_op_info *op)
{
    const struct rota_rule_info *rules = rota_info_rules(op->rules);
    unsigned bad = !rules != !op->rules.count;

    for (unsigned i = 0; i < op->rules.count; i++)
        bad += !is_whole(rules[i].because) || !rules[i].must.count || rules[i].error >= 0 ||
               bad_conditions(rules[i].when) || bad_conditions(rules[i].must);
    return bad;
}

static void check_rows(void)
{
    const struct rota_op_info *op;
    const struct rota_register_info *call;
    unsigned bad = 0, number;

    for (number = 0; (op = rota_opcode_info(number)); number++)
        bad += op->opcode != number || !is_whole(op->name) || !is_whole(op->summary) ||
               !is_whole(op->res) || strcmp(rota_info_text(op->name), rota_op_name(number)) != 0 ||
               !is_text_or_none(op->syscall) || !is_text_or_none(op->config) ||
               !is_text_or_none(op->note) || bad_fields(op) || bad_rules(op) ||
               bad_errors(op->errors) || bad_conditions(op->stream_when);
    is_int(bad, 0, "each row of a request is whole");
    is_int(number, IORING_OP_LAST, "each opcode has one");
    for (number = 0; (call = rota_register_opcode_info(number)); number++)
        bad += !is_whole(call->name) || !is_whole(call->summary) || !is_whole(call->res) ||
               strcmp(rota_info_text(call->name), rota_register_name(number)) != 0 ||
               !is_text_or_none(call->arg) || !is_whole(call->nr_args) ||
               !is_text_or_none(call->note) || bad_errors(call->errors);
    is_int(bad, 0, "and each row of a register call");
    is_int(number, IORING_REGISTER_LAST, "each of those has one");
}

static void check_groups(void)
{
    unsigned bad = 0, groups = 0;

    for (const char *group; (group = rota_group_name(groups)); groups++) {
        unsigned count;
        const struct rota_flag_rule *rules = rota_group_info(group, &count);

        for (unsigned i = 0; i < count; i++)
            bad += !is_whole(rules[i].name) || !is_whole(rules[i].summary) ||
                   !is_text_or_none(rules[i].refused) || !rota_flag_name(group, rules[i].value) ||
                   (i && rules[i].value <= rules[i - 1].value);
        bad += !count;
    }
    ok(groups && !bad, "the %u groups stand in order of value, with names", groups);
}

static void check_preps(void)
{
    unsigned bad = 0, count;
    const struct rota_prep_info *preps = rota_prep_infos(&count);

    for (unsigned i = 0; i < count; i++)
        bad += !is_whole(preps[i].summary) ||
               strncmp(rota_info_text(preps[i].name), "rota_prep_", 10) != 0 ||
               !strstr(rota_info_text(preps[i].prototype), rota_info_text(preps[i].name)) ||
               (i && preps[i].opcode < preps[i - 1].opcode);
    ok(count > 100 && !bad, "the %u prep functions stand in order", count);
}

/* Facts as the kernel has them; the table is not asked for them. */
static void check_facts(void)
{
    const struct rota_op_info *op = rota_opcode_info(IORING_OP_SPLICE);
    const struct rota_field_info *fields = rota_info_fields(op->fields);
    const struct rota_field_info *flags = NULL;
    unsigned count;

    for (unsigned i = 0; i < op->fields.count; i++) {
        if (!strcmp(rota_info_text(fields[i].name), "splice_flags"))
            flags = &fields[i];
    }
    is_str(rota_info_text(op->name), "SPLICE", "SPLICE has its name");
    is_str(rota_info_text(op->syscall), "splice(2)", "it stands for splice(2)");
    is_int(op->since, ROTA_KERNEL(5, 7), "it came with 5.7");
    if (ok(flags != NULL, "it reads splice_flags")) {
        const struct rota_flag_info *last = &rota_info_flags(flags->flags)[flags->flags.count - 1];

        is_int(flags->offset, 28, "at byte 28");
        is_str(rota_info_text(last->name), "SPLICE_F_FD_IN_FIXED", "whose last flag is the ring's");
        is_hex(last->value, 1U << 31, "with its value");
    }
    op = rota_opcode_info(IORING_OP_NOP128);
    is_str(rota_info_text(op->name), "NOP128", "NOP128 has its name");
    ok(op->big, "and is large");
    op = rota_opcode_info(IORING_OP_NOP);
    ok(!op->syscall.at && !rota_info_text(op->syscall), "NOP stands for no system call");
    ok(rota_group_info("setup", &count)[0].value == IORING_SETUP_IOPOLL,
       "IOPOLL is a group's first");
}

static void check_nothing(void)
{
    ok(!rota_info_text((struct rota_text_place){0}), "no text is NULL");
    ok(!rota_info_conditions((struct rota_condition_rows){3, 0}) &&
           !rota_info_flags((struct rota_flag_rows){3, 0}) &&
           !rota_info_flag_rules((struct rota_flag_rule_rows){3, 0}) &&
           !rota_info_fields((struct rota_field_rows){3, 0}) &&
           !rota_info_ignored((struct rota_ignored_rows){3, 0}) &&
           !rota_info_rules((struct rota_rule_rows){3, 0}) &&
           !rota_info_errors((struct rota_error_rows){3, 0}),
       "no rows are NULL, wherever they would be");
}

static void check_commands(void)
{
    const struct rota_family_info *families;
    const struct rota_command_info *commands, *add = NULL;
    const struct rota_point_info *points;
    unsigned count, family_count, bad = 0, family = 0;

    families = rota_family_infos(&family_count);
    commands = rota_command_infos(&count);
    ok(family_count > 8 && count > 40, "%u commands of %u families", count, family_count);
    for (unsigned i = 0; i < family_count; i++)
        bad += !is_whole(families[i].name) || !is_whole(families[i].summary) ||
               !is_whole(families[i].place) || families[i].ring_error > 0;
    ok(!bad, "each family says what it is, and what takes its commands");
    for (unsigned i = 0; i < count; i++) {
        const struct rota_command_info *command = &commands[i];
        const struct rota_member_info *members = rota_info_members(command->members);

        bad += command->family < family || command->family >= family_count;
        family = command->family;
        bad += !is_text_or_none(command->name) || !is_whole(command->summary) ||
               command->bytes > 80 || !members != !command->members.count;
        for (unsigned k = 0; members && k < command->members.count; k++)
            bad += !is_whole(members[k].name) || !members[k].size || !members[k].count ||
                   members[k].offset + members[k].size > 80;
        points = rota_info_points(command->points);
        bad += !points != !command->points.count;
        for (unsigned k = 0; points && k < command->points.count; k++)
            bad += !is_whole(points[k].name) || !is_whole(points[k].summary) ||
                   points[k].size != 8 || points[k].offset + 8 > 128 || !points[k].memory ||
                   !points[k].lives || (points[k].length_size && points[k].length_at < 4);
        if (command->name.at && !strcmp(rota_info_text(command->name), "UBLK_U_CMD_ADD_DEV"))
            add = command;
    }
    ok(!bad, "the commands stand by families, and no member outside of the SQE");
    ok(add && add->coded && add->bytes == 32 && (add->number & 0xffff) == ('u' << 8 | 4),
       "one has the letter and the number that its driver gave it");
    points = add ? rota_info_points(add->points) : NULL;
    ok(points && add->points.count == 1 && points->offset == 48 + 8 &&
           points->length_at == 48 + 6 && points->length_size == 2 &&
           points->memory == ROTA_MEMORY_BOTH && points->lives == ROTA_LIVES_COMPLETION,
       "and the memory that its structure leads to");
    ok(!rota_info_members((struct rota_member_rows){3, 0}) &&
           !rota_info_points((struct rota_point_rows){3, 0}),
       "no members and no memory are NULL");
}

static void check_errors(void)
{
    unsigned bad = 0, known = 0;

    for (int error = 1; error < 4096; error++) {
        const char *name = rota_error_name(error), *meaning = rota_error_meaning(-error);

        bad += !name != !meaning;
        known += name != NULL;
        if (name && meaning)
            bad += name[0] != 'E' || !*meaning || meaning[-1] || rota_error_name(-error) != name;
    }
    ok(known > 90 && !bad, "%u errors have a name and a meaning", known);
    is_str(rota_error_name(EPERM), "EPERM", "the first error has its name");
    is_str(rota_error_name(-EHWPOISON), "EHWPOISON", "and the last");
    is_str(rota_error_meaning(-EHWPOISON), "the memory is broken", "and its meaning");
    is_str(rota_error_name(41), NULL, "a number that no error has gives none");
    is_str(rota_error_name(0), NULL, "nor does 0");
    is_str(rota_error_meaning(INT32_MIN), NULL, "nor the smallest number");
}

int main(void)
{
    check_rows();
    check_groups();
    check_preps();
    check_facts();
    check_nothing();
    check_commands();
    check_errors();
    return done();
}
