/* SPDX-License-Identifier: MIT */
/* `rota ops`: the rows of the table for people. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <rota/explain.h>
#include <rota/names.h>
#include <rota/uapi.h>
#include <string.h>

#include "tool/ops.h"

static const char help[] =
    "Usage: rota ops [OPTION]... [NAME]...\n"
    "Prints what the table knows: of a request its functions, fields, flags with\n"
    "their first kernel, lifetimes of memory, completion, refusals, errors and an\n"
    "example; of a register call and of a flag the same, as far as it applies.\n"
    "NAME is an opcode, a prep function, a register call, a flag or a group of\n"
    "flags, in any case, with or without IORING_OP_ and the like. Without a name:\n"
    "the list of opcodes.\n"
    "\n"
    "Options:\n"
    "  -r, --register    list the register calls\n"
    "  -g, --groups      list the groups of flags and values\n"
    "  -f, --functions   list the functions that fill requests\n"
    "  -e, --no-example  leave the examples out\n"
    "  -j, --json        as JSON\n"
    "  -h, --help        print this\n"
    "\n"
    "Exit status: 0 done; 2 bad arguments, or no such NAME.\n"
    "\n"
    "Examples:\n"
    "  rota ops\n"
    "  rota ops recv send_zc\n"
    "  rota ops IORING_SETUP_DEFER_TASKRUN\n"
    "  rota ops recvsend                      a group of flags\n"
    "  rota ops --json read | jq '.[0].fields[] | {name, lives}'\n";

static struct {
    bool json;
    bool no_example;
} options;

/* The column in which the texts of a row stand. */
#define COLUMN 16

/*
 * A request, as text
 */

static const struct rota_flag_rule *rule_of(struct rota_flag_rule_rows rows, uint64_t value)
{
    const struct rota_flag_rule *rules = rota_info_flag_rules(rows);

    for (unsigned i = 0; i < rows.count; i++) {
        if (rules[i].value == value)
            return &rules[i];
    }
    return NULL;
}

/* Empty, " (6.7)" or " (6.7, and some stable series before it)". */
static const char *since_text(unsigned since, bool backported)
{
    static char texts[4][64];
    static unsigned next;
    char *text = texts[next++ % 4];

    *text = '\0';
    if (since)
        snprintf(text, sizeof(texts[0]), " (%s%s)", release_name(since),
                 backported ? ", and some stable series before it" : "");
    return text;
}

static void print_functions(unsigned opcode)
{
    unsigned count;
    const struct rota_prep_info *preps = ops_preps(opcode, &count);

    if (!count)
        return;
    heading("  Functions");
    for (unsigned i = 0; i < count; i++) {
        declaration(4, rota_info_text(preps[i].prototype));
        paragraph(8, "%s (%s)", rota_info_text(preps[i].summary), release_name(preps[i].since));
    }
}

static void print_memory(const struct rota_field_info *field)
{
    static const char *const accesses[] = {
        [ROTA_MEMORY_NONE] = "",
        [ROTA_MEMORY_READ] = "The kernel reads this memory",
        [ROTA_MEMORY_WRITTEN] = "The kernel writes to this memory",
        [ROTA_MEMORY_BOTH] = "The kernel reads and writes this memory",
    };
    static const char *const times[] = {
        [ROTA_LIVES_NONE] = ".",
        [ROTA_LIVES_SUBMIT] = "; it may be reused once the request is submitted.",
        [ROTA_LIVES_COMPLETION] = "; it must stay valid until the completion.",
        [ROTA_LIVES_NOTIFICATION] = "; it must stay valid and unchanged until the notification.",
        [ROTA_LIVES_UNREGISTER] = "; it must stay valid until it is unregistered or handed back.",
    };

    if (field->memory != ROTA_MEMORY_NONE)
        paragraph(COLUMN, "%s%s", accesses[field->memory], times[field->lives]);
}

/* Whether the flags are those of a system call, which its own manual page explains. */
static bool is_foreign(const char *group)
{
    const char *own;

    for (unsigned i = 0; (own = rota_group_name(i)); i++) {
        if (!strcmp(own, group))
            return false;
    }
    return true;
}

static void print_foreign_flags(const struct rota_field_info *field)
{
    char text[1024] = "";
    size_t length = 0;

    for (unsigned i = 0; i < field->flags.count && length < sizeof(text); i++)
        length += (size_t)snprintf(text + length, sizeof(text) - length, "%s%s", i ? ", " : "",
                                   rota_info_text(rota_info_flags(field->flags)[i].name));
    paragraph(COLUMN, "%s.", text);
}

static void print_field_flags(const struct rota_field_info *field)
{
    static const char *const others[] = {
        [ROTA_OTHERS_REFUSED] = "EINVAL when the request is taken",
        [ROTA_OTHERS_ISSUE] = "EINVAL when the request runs",
        [ROTA_OTHERS_IGNORED] = "not looked at",
    };

    bool foreign = field->flags.count && is_foreign(rota_info_text(field->group));

    if (foreign)
        print_foreign_flags(field);
    for (unsigned i = 0; !foreign && i < field->flags.count; i++) {
        const struct rota_flag_rule *rule =
            rule_of(field->group_rules, rota_info_flags(field->flags)[i].value);

        entry(COLUMN, COLUMN + 4, TONE_PLAIN, rota_info_text(rota_info_flags(field->flags)[i].name),
              "%s%s", rule ? rota_info_text(rule->summary) : "",
              since_text(rota_info_flags(field->flags)[i].since, rule && rule->backported));
    }
    if (field->flags.count)
        paragraph(COLUMN, "Others: %s.", others[field->others]);
}

static void print_field(const struct rota_field_info *field, unsigned opcode_since)
{
    char condition[512];

    if (field->type.at && field->arg.at)
        entry(4, COLUMN, TONE_TITLE, rota_info_text(field->name), "%s%s%s: %s",
              rota_info_text(field->type), strchr(rota_info_text(field->type), '*') ? "" : " ",
              rota_info_text(field->arg), rota_info_text(field->summary));
    else
        entry(4, COLUMN, TONE_TITLE, rota_info_text(field->name), "%s",
              rota_info_text(field->summary));
    if (field->when.count)
        paragraph(COLUMN, "Read when %s; otherwise it %s.",
                  conditions_text(field->when, condition, sizeof(condition)),
                  field->otherwise_ignored ? "is not looked at" : "must be 0");
    if (field->since > opcode_since)
        paragraph(COLUMN, "Since %s%s; before, it %s.", release_name(field->since),
                  field->backported ? " and in some stable series" : "",
                  field->before_ignored ? "was not looked at" : "had to be 0");
    print_memory(field);
    print_field_flags(field);
}

static void print_fields(const struct rota_op_info *op)
{
    heading("  Fields of struct io_uring_sqe");
    for (unsigned i = 0; i < op->fields.count; i++)
        print_field(&rota_info_fields(op->fields)[i], op->since);
    for (unsigned i = 0; i < op->ignored.count; i++) {
        const struct rota_ignored_info *ignored = &rota_info_ignored(op->ignored)[i];

        if (ignored->until)
            entry(4, COLUMN, TONE_TITLE, rota_info_text(ignored->name),
                  "Not looked at before %s, then zero.", release_name(ignored->until));
        else
            entry(4, COLUMN, TONE_TITLE, rota_info_text(ignored->name), "Not looked at.");
    }
    paragraph(4, "All others must be 0, besides opcode, flags, personality and user_data.");
}

static void print_iosqe(const char *name, unsigned how, unsigned since, int error)
{
    char text[128];

    snprintf(text, sizeof(text), "%s%s%s%s", ops_iosqe_words[how], since ? " since " : "",
             since ? release_name(since) : "", how == ROTA_IOSQE_REFUSED ? " with " : "");
    if (how == ROTA_IOSQE_REFUSED)
        entry(4, 30, TONE_PLAIN, name, "%s%s", text, ops_error_name(error));
    else
        entry(4, 30, TONE_PLAIN, name, "%s", text);
}

static void print_rings(const struct rota_op_info *op)
{
    char flags[256];

    heading("  Request flags and rings");
    print_iosqe("IOSQE_FIXED_FILE", op->fixed_file, op->fixed_file_since, op->fixed_file_error);
    if (op->fixed_file_since)
        entry(4, 30, TONE_PLAIN, "", "before: %s%s",
              op->fixed_file_before ? "refused with " : "not looked at",
              op->fixed_file_before ? ops_error_name(op->fixed_file_before) : "");
    print_iosqe("IOSQE_BUFFER_SELECT", op->buffer_select, op->buffer_select_since, -EOPNOTSUPP);
    print_iosqe("IOSQE_CQE_SKIP_SUCCESS", op->cqe_skip, op->cqe_skip_since, -EINVAL);
    entry(4, 30, TONE_PLAIN, "IORING_SETUP_IOPOLL", "%s",
          op->iopoll ? "the ring may have it" : "the ring must not have it");
    if (op->setup_one_of) {
        flags_text("setup", op->setup_one_of, ", ", flags, sizeof(flags));
        paragraph(4, "The ring needs one of %s.", flags);
    }
    if (op->big)
        paragraph(4, "The entry has 128 bytes.");
    if (op->behind_link)
        paragraph(4, "It stands right behind another request that has IOSQE_IO_LINK.");
}

static void print_completion(const struct rota_op_info *op)
{
    static const char *const shapes[] = {
        [ROTA_SHAPE_ONE] = "One.",
        [ROTA_SHAPE_STREAM] = "Any number, all but the last with IORING_CQE_F_MORE",
        [ROTA_SHAPE_NOTIFICATION] =
            "A result, and later IORING_CQE_F_NOTIF, when the memory is free",
    };
    char text[512], other[512];

    heading("  Completion");
    if (op->shape == ROTA_SHAPE_ONE)
        entry(4, COLUMN, TONE_TITLE, "entries", "%s", shapes[op->shape]);
    else if (op->stream_when.count)
        entry(4, COLUMN, TONE_TITLE, "entries", "%s, when %s%s%s; otherwise one.",
              shapes[op->shape], conditions_text(op->stream_when, text, sizeof(text)),
              op->stream_or_when.count ? ", or when " : "",
              op->stream_or_when.count ? conditions_text(op->stream_or_when, other, sizeof(other))
                                       : "");
    else
        entry(4, COLUMN, TONE_TITLE, "entries", "%s.", shapes[op->shape]);
    entry(4, COLUMN, TONE_TITLE, "res", "%s", rota_info_text(op->res));
    if (op->short_fails)
        entry(4, COLUMN, TONE_TITLE, "less",
              "Less than asked for counts as a failure%s%s: it cancels links, and is posted in "
              "spite of IOSQE_CQE_SKIP_SUCCESS.",
              op->short_when.count ? " when " : "",
              op->short_when.count ? conditions_text(op->short_when, text, sizeof(text)) : "");
    if (op->cqe_flags) {
        unsigned count;
        const struct rota_flag_rule *rules = rota_group_info("cqe", &count);
        bool first = true;

        for (unsigned i = 0; i < count; i++) {
            if (!rules[i].value || (op->cqe_flags & rules[i].value) != rules[i].value)
                continue;
            entry(4, COLUMN, TONE_TITLE, first ? "flags" : "", "%s: %s%s",
                  rota_info_text(rules[i].name), rota_info_text(rules[i].summary),
                  since_text(rules[i].since, rules[i].backported));
            first = false;
        }
    }
}

static void print_rule(const struct rota_rule_info *rule)
{
    char text[768];

    entry(4, COLUMN, TONE_TITLE, ops_error_name(rule->error), "%s",
          rule_text(rule, text, sizeof(text)));
}

static void print_errors(struct rota_error_rows rows)
{
    const struct rota_error_info *errors = rota_info_errors(rows);

    for (unsigned i = 0; i < rows.count; i++)
        entry(4, COLUMN, TONE_TITLE, ops_error_name(errors[i].error), "%s%s%s",
              rota_info_text(errors[i].cause), errors[i].remedy.at ? " " : "",
              errors[i].remedy.at ? rota_info_text(errors[i].remedy) : "");
}

static void print_example(const char *source)
{
    if (!source || options.no_example)
        return;
    heading("  Example");
    for (const char *line = source; *line;) {
        size_t length = strcspn(line, "\n");

        printf("%s%.*s\n", length ? "    " : "", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

static void print_op(const struct rota_op_info *op)
{
    heading("IORING_OP_%s", rota_info_text(op->name));
    paragraph(2, "%s", rota_info_text(op->summary));
    entry(2, COLUMN, TONE_FAINT, "opcode", "%u", op->opcode);
    entry(2, COLUMN, TONE_FAINT, "first kernel", "%s%s", release_name(op->since),
          op->backported ? ", and some stable series before it" : "");
    if (op->syscall.at)
        entry(2, COLUMN, TONE_FAINT, "system call", "%s", rota_info_text(op->syscall));
    if (op->config.at)
        entry(2, COLUMN, TONE_FAINT, "needs", "a kernel with %s", rota_info_text(op->config));
    if (op->note.at)
        entry(2, COLUMN, TONE_FAINT, "note", "%s", rota_info_text(op->note));
    if (op->opcode < tool_op_emulation_count)
        entry(2, COLUMN, TONE_FAINT, "emulated", "%s", tool_op_emulations[op->opcode].text);
    print_functions(op->opcode);
    print_fields(op);
    print_rings(op);
    print_completion(op);
    if (op->rules.count) {
        heading("  Refused combinations");
        for (unsigned i = 0; i < op->rules.count; i++)
            print_rule(&rota_info_rules(op->rules)[i]);
    }
    if (op->errors.count) {
        heading("  Errors of this request");
        print_errors(op->errors);
    }
    print_example(op->opcode < tool_op_example_count ? tool_op_examples[op->opcode] : NULL);
}

/*
 * A register call, a flag, a group, as text
 */

static void print_register(unsigned opcode, const struct rota_register_info *info)
{
    unsigned count;
    const struct tool_call *calls = ops_calls(opcode, &count);
    char flags[256];

    heading("IORING_%s", rota_info_text(info->name));
    paragraph(2, "%s", rota_info_text(info->summary));
    entry(2, COLUMN, TONE_FAINT, "opcode", "%u of io_uring_register(2)", opcode);
    entry(2, COLUMN, TONE_FAINT, "first kernel", "%s%s", release_name(info->since),
          info->backported ? ", and some stable series before it" : "");
    entry(2, COLUMN, TONE_FAINT, "arg", "%s", info->arg.at ? rota_info_text(info->arg) : "NULL");
    entry(2, COLUMN, TONE_FAINT, "nr_args", "%s", rota_info_text(info->nr_args));
    entry(2, COLUMN, TONE_FAINT, "result", "%s", rota_info_text(info->res));
    if (info->needs)
        entry(2, COLUMN, TONE_FAINT, "ring", "must have %s",
              flags_text("setup", info->needs, ", ", flags, sizeof(flags)));
    if (info->refuses)
        entry(2, COLUMN, TONE_FAINT, "ring", "must not have %s",
              flags_text("setup", info->refuses, ", ", flags, sizeof(flags)));
    if (info->only_without_ring)
        entry(2, COLUMN, TONE_FAINT, "ring", "none: the descriptor is -1");
    else if (info->without_ring)
        entry(2, COLUMN, TONE_FAINT, "ring", "or none, with the descriptor -1 (%s)",
              release_name(info->without_ring));
    if (info->note.at)
        entry(2, COLUMN, TONE_FAINT, "note", "%s", rota_info_text(info->note));
    if (opcode < tool_register_emulation_count)
        entry(2, COLUMN, TONE_FAINT, "emulated", "%s", tool_register_emulations[opcode].text);
    if (count)
        heading("  Functions");
    for (unsigned i = 0; i < count; i++) {
        declaration(4, calls[i].prototype);
        paragraph(8, "%s (%s)", calls[i].summary, release_name(calls[i].since));
    }
    if (info->errors.count) {
        heading("  Errors");
        print_errors(info->errors);
    }
    print_example(count ? calls[0].example : NULL);
}

static void print_flag(const char *group, const struct rota_flag_rule *flag)
{
    char text[256];
    unsigned printed = 0;

    heading("%s", rota_info_text(flag->name));
    paragraph(2, "%s", rota_info_text(flag->summary));
    entry(2, COLUMN, TONE_FAINT, "value", "0x%" PRIx64 ", of group %s", flag->value, group);
    if (flag->since)
        entry(2, COLUMN, TONE_FAINT, "first kernel", "%s%s", release_name(flag->since),
              flag->backported ? ", and some stable series before it" : "");
    if (flag->needs)
        entry(2, COLUMN, TONE_FAINT, "needs", "%s",
              flags_text(group, flag->needs, ", ", text, sizeof(text)));
    if (flag->needs_one)
        entry(2, COLUMN, TONE_FAINT, "needs one of", "%s",
              flags_text(group, flag->needs_one, ", ", text, sizeof(text)));
    if (flag->excludes)
        entry(2, COLUMN, TONE_FAINT, "excludes", "%s",
              flags_text(group, flag->excludes, ", ", text, sizeof(text)));
    if (flag->refused.at)
        entry(2, COLUMN, TONE_FAINT, "refused", "%s", rota_info_text(flag->refused));
    for (unsigned i = 0; rota_opcode_info(i); i++) {
        const struct rota_op_info *op = rota_opcode_info(i);

        for (unsigned f = 0; f < op->fields.count; f++) {
            const struct rota_field_info *field = &rota_info_fields(op->fields)[f];

            for (unsigned k = 0; k < field->flags.count; k++) {
                if (!strcmp(rota_info_text(rota_info_flags(field->flags)[k].name),
                            rota_info_text(flag->name)))
                    entry(2, COLUMN, TONE_FAINT, printed++ ? "" : "taken by", "%s in %s%s",
                          rota_info_text(op->name), rota_info_text(field->name),
                          since_text(rota_info_flags(field->flags)[k].since, false));
            }
        }
    }
}

static void print_group(const char *group)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    heading("Group %s", group);
    for (unsigned i = 0; i < count; i++) {
        char label[80];

        snprintf(label, sizeof(label), "%s 0x%" PRIx64, rota_info_text(rules[i].name),
                 rules[i].value);
        entry(2, 6, TONE_PLAIN, label, "%s%s%s", rota_info_text(rules[i].summary),
              is_foreign(group) ? "" : since_text(rules[i].since, rules[i].backported),
              rules[i].refused.at ? " No released kernel takes it." : "");
    }
}

/*
 * Lists, and what was asked for
 */

static void list_line(const char *number, const char *name, unsigned since, const char *summary)
{
    char line[64];

    snprintf(line, sizeof(line), "%3s  %-20s  %-5s", number, name, release_name(since));
    entry(0, 33, TONE_PLAIN, line, "%s", summary);
}

static void list_ops(void)
{
    const struct rota_op_info *op;
    char number[8];

    for (unsigned i = 0; (op = rota_opcode_info(i)); i++) {
        snprintf(number, sizeof(number), "%u", i);
        if (options.json)
            ops_write_op(op, !options.no_example);
        else
            list_line(number, rota_info_text(op->name), op->since, rota_info_text(op->summary));
    }
}

static void list_registers(void)
{
    const struct rota_register_info *info;

    for (unsigned i = 0; (info = rota_register_opcode_info(i)); i++) {
        char label[64];

        if (options.json) {
            ops_write_register(i, info, !options.no_example);
            continue;
        }
        snprintf(label, sizeof(label), "%3u  %-28s  %-5s", i, rota_info_text(info->name),
                 release_name(info->since));
        entry(0, 41, TONE_PLAIN, label, "%s", rota_info_text(info->summary));
    }
}

static void list_functions(void)
{
    unsigned count;
    const struct rota_prep_info *preps = rota_prep_infos(&count);

    for (unsigned i = 0; i < count; i++) {
        const char *name = rota_info_text(preps[i].name);

        if (options.json) {
            json_object(NULL);
            json_string("name", name);
            json_string("prototype", rota_info_text(preps[i].prototype));
            json_string("op", rota_op_name(preps[i].opcode));
            json_string("since", release_name(preps[i].since));
            json_string("summary", rota_info_text(preps[i].summary));
            json_end();
        } else {
            entry(0, 41, TONE_PLAIN, name, "%s", rota_info_text(preps[i].summary));
        }
    }
}

static void list_groups(void)
{
    const char *group;

    for (unsigned i = 0; (group = group_at(i)); i++) {
        unsigned count;
        const struct rota_flag_rule *rules = rota_group_info(group, &count);

        if (options.json)
            ops_write_group(group);
        else
            entry(0, 20, TONE_PLAIN, group, "%u, as %s", count,
                  count ? rota_info_text(rules[0].name) : "none");
    }
}

static void show(const struct thing *thing)
{
    switch (thing->kind) {
    case KIND_OPCODE:
        if (options.json)
            ops_write_op(rota_opcode_info(thing->number), !options.no_example);
        else
            print_op(rota_opcode_info(thing->number));
        break;
    case KIND_REGISTER:
        if (options.json)
            ops_write_register(thing->number, rota_register_opcode_info(thing->number),
                               !options.no_example);
        else
            print_register(thing->number, rota_register_opcode_info(thing->number));
        break;
    case KIND_FLAG:
        if (options.json)
            ops_write_flag(thing->group, thing->flag);
        else
            print_flag(thing->group, thing->flag);
        break;
    case KIND_GROUP:
        if (options.json)
            ops_write_group(thing->group);
        else
            print_group(thing->group);
        break;
    case KIND_NONE:
        break;
    }
}

static int show_named(int count, char **names)
{
    /* All names first, so that a bad one prints nothing. */
    for (int i = 0; i < count; i++) {
        if (find_thing(names[i]).kind == KIND_NONE)
            return usage_error("the table has no '%s'%s", names[i],
                               did_you_mean(names[i], NAMES_ALL));
    }
    if (options.json)
        json_array(NULL);
    for (int i = 0; i < count; i++) {
        struct thing thing = find_thing(names[i]);

        show(&thing);
    }
    if (options.json)
        json_end();
    return STATUS_OK;
}

int ops_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"register", no_argument, NULL, 'r'},
        {"groups", no_argument, NULL, 'g'},
        {"no-example", no_argument, NULL, 'e'},
        {"json", no_argument, NULL, 'j'},
        {"functions", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    void (*list)(void) = list_ops;
    int option;

    while ((option = getopt_long(argc, argv, "rgefjh", long_options, NULL)) != -1) {
        switch (option) {
        case 'r':
            list = list_registers;
            break;
        case 'g':
            list = list_groups;
            break;
        case 'f':
            list = list_functions;
            break;
        case 'e':
            options.no_example = true;
            break;
        case 'j':
            options.json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return STATUS_OK;
        default:
            return bad_option();
        }
    }
    if (optind < argc && list != list_ops)
        return usage_error("a list takes no names, as '%s'", argv[optind]);
    if (optind < argc)
        return show_named(argc - optind, argv + optind);
    if (options.json)
        json_array(NULL);
    list();
    if (options.json)
        json_end();
    return STATUS_OK;
}
