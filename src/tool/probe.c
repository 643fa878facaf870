/* SPDX-License-Identifier: MIT */
/* `rota probe`: what this kernel can do, against the table. */
#include <getopt.h>
#include <rota/caps.h>
#include <rota/explain.h>
#include <rota/names.h>
#include <rota/uapi.h>
#include <string.h>
#include <sys/utsname.h>

#include "tool/tool.h"

static const char help[] =
    "Usage: rota probe [OPTION]... [NAME]...\n"
    "Asks the running kernel what its io_uring can do, and compares with the table:\n"
    "request opcodes, register calls, set-up, enter and request flags, features.\n"
    "With names only these: opcodes, register calls or flags, in any case, with or\n"
    "without IORING_OP_ and the like.\n"
    "\n"
    "Options:\n"
    "  -m, --missing  only what this kernel lacks, the flags of single requests too\n"
    "  -a, --all      also the flags of single requests\n"
    "  -j, --json     as JSON\n"
    "  -h, --help     print this\n"
    "\n"
    "Each line: yes, no or ? (cannot be known), the name, the first kernel that has\n"
    "it (+: some older stable series have it too), and how the answer was learnt:\n"
    "query (IORING_REGISTER_QUERY), probe (IORING_REGISTER_PROBE), setup (of a\n"
    "ring), trial (of a request or call), inferred (from the others).\n"
    "\n"
    "Exit status: 0 done, and all NAMEs are there; 1 one of the NAMEs is missing or\n"
    "cannot be known; 2 bad arguments; 3 the kernel cannot be asked.\n"
    "\n"
    "Examples:\n"
    "  rota probe\n"
    "  rota probe --missing\n"
    "  rota probe FUTEX_WAIT DEFER_TASKRUN && echo both are there\n"
    "  rota probe --json | jq -r '.opcodes[] | select(.has == \"no\") | .name'\n";

static const char *const learnt_names[] = {
    [ROTA_LEARNT_NOT] = "unknown", [ROTA_LEARNT_QUERY] = "query",
    [ROTA_LEARNT_PROBE] = "probe", [ROTA_LEARNT_SETUP] = "setup",
    [ROTA_LEARNT_TRIAL] = "trial", [ROTA_LEARNT_INFERRED] = "inferred",
};

static const char *const answer_names[] = {
    [ROTA_NO] = "no",
    [ROTA_YES] = "yes",
    [ROTA_UNKNOWN] = "unknown",
};

/* One line of the answer. */
struct row {
    const char *name;
    const char *of;     /* the opcode that a flag belongs to, or NULL */
    const char *config; /* the kernel option that it needs, or NULL */
    const char *summary;
    unsigned since;
    bool backported;
    enum rota_answer has;
    enum rota_learnt how;
};

#define MAX_ROWS 2048

struct section {
    const char *title;
    const char *key; /* in JSON */
    struct row *rows;
    unsigned count;
    unsigned have;
};

static struct rota_caps caps;

static struct {
    bool missing;
    bool all;
    bool json;
    struct thing *wanted;
    unsigned wanted_count;
} options;

static bool is_wanted(enum kind kind, unsigned number, const struct rota_flag_rule *flag)
{
    for (unsigned i = 0; i < options.wanted_count; i++) {
        const struct thing *thing = &options.wanted[i];

        if (thing->kind != kind)
            continue;
        if (kind == KIND_FLAG
                ? !strcmp(rota_info_text(thing->flag->name), rota_info_text(flag->name))
                : thing->number == number)
            return true;
    }
    return !options.wanted_count;
}

static void add(struct section *section, const struct row *row)
{
    if (section->count < MAX_ROWS)
        section->rows[section->count++] = *row;
    section->have += row->has == ROTA_YES;
}

static void collect_opcodes(struct section *section)
{
    const struct rota_op_info *op;

    for (unsigned i = 0; (op = rota_opcode_info(i)); i++) {
        struct row row = {.name = rota_info_text(op->name),
                          .config = rota_info_text(op->config),
                          .summary = rota_info_text(op->summary),
                          .since = op->since,
                          .backported = op->backported};

        if (!is_wanted(KIND_OPCODE, i, NULL))
            continue;
        row.has = rota_caps_opcode(&caps, i, &row.how);
        add(section, &row);
    }
}

static void collect_registers(struct section *section)
{
    const struct rota_register_info *info;

    for (unsigned i = 0; (info = rota_register_opcode_info(i)); i++) {
        struct row row = {.name = rota_info_text(info->name),
                          .summary = rota_info_text(info->summary),
                          .since = info->since,
                          .backported = info->backported};

        if (!is_wanted(KIND_REGISTER, i, NULL))
            continue;
        row.has = rota_caps_register(&caps, i, &row.how);
        add(section, &row);
    }
}

static void collect_group(struct section *section, const char *group)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    for (unsigned i = 0; i < count; i++) {
        struct row row = {.name = rota_info_text(rules[i].name),
                          .summary = rota_info_text(rules[i].summary),
                          .since = rules[i].since,
                          .backported = rules[i].backported};

        /* A flag that no released kernel takes is nothing that this one lacks. */
        if (rota_info_text(rules[i].refused) || !is_wanted(KIND_FLAG, 0, &rules[i]))
            continue;
        row.has = rota_caps_flag(&caps, group, rules[i].value, 0, &row.how);
        add(section, &row);
    }
}

static const struct rota_flag_rule *rule_of(const struct rota_field_info *field, uint64_t value)
{
    for (unsigned i = 0; i < field->group_rules.count; i++) {
        if (rota_info_flag_rules(field->group_rules)[i].value == value)
            return &rota_info_flag_rules(field->group_rules)[i];
    }
    return NULL;
}

/* The flags that the kernel's own fields take, opcode by opcode. */
static void collect_request_flags(struct section *section)
{
    const struct rota_op_info *op;

    for (unsigned i = 0; (op = rota_opcode_info(i)); i++) {
        /* What a missing opcode would take is no news. */
        if (rota_caps_opcode(&caps, i, NULL) != ROTA_YES)
            continue;
        for (unsigned f = 0; f < op->fields.count; f++) {
            const struct rota_field_info *field = &rota_info_fields(op->fields)[f];

            for (unsigned k = 0; !field->values && k < field->flags.count; k++) {
                const struct rota_flag_rule *rule =
                    rule_of(field, rota_info_flags(field->flags)[k].value);
                struct row row = {.name = rota_info_text(rota_info_flags(field->flags)[k].name),
                                  .of = rota_info_text(op->name),
                                  .summary = rule ? rota_info_text(rule->summary) : NULL,
                                  .since = rota_info_flags(field->flags)[k].since,
                                  .backported = rule && rule->backported};

                if (!rule || !is_wanted(KIND_FLAG, 0, rule))
                    continue;
                row.has =
                    rota_caps_flag(&caps, rota_info_text(field->group), rule->value, i, &row.how);
                add(section, &row);
            }
        }
    }
}

static bool is_shown(const struct row *row)
{
    return !options.missing || row->has == ROTA_NO;
}

static void print_row(const struct row *row)
{
    static const enum tone tones[] = {
        [ROTA_NO] = TONE_BAD, [ROTA_YES] = TONE_GOOD, [ROTA_UNKNOWN] = TONE_WARNING};
    char since[16], name[64];

    snprintf(since, sizeof(since), "%s%s", row->since ? release_name(row->since) : "",
             row->backported ? "+" : "");
    snprintf(name, sizeof(name), "%s%s%s", row->of ? row->of : "", row->of ? ": " : "", row->name);
    printf("  ");
    paint(tones[row->has], "%-3s", row->has == ROTA_UNKNOWN ? "?" : answer_names[row->has]);
    printf("  %-44s  ", name);
    if (row->has == ROTA_UNKNOWN)
        paint(TONE_FAINT, "%s\n", since);
    else if (row->has == ROTA_NO && row->config)
        paint(TONE_FAINT, "%-6s  %s; needs %s\n", since, learnt_names[row->how], row->config);
    else
        paint(TONE_FAINT, "%-6s  %s\n", since, learnt_names[row->how]);
}

static void print_section(const struct section *section)
{
    unsigned shown = 0;

    for (unsigned i = 0; i < section->count; i++)
        shown += is_shown(&section->rows[i]);
    if (!shown)
        return;
    if (options.missing)
        heading("%s: %u of %u missing", section->title, shown, section->count);
    else
        heading("%s: %u of %u", section->title, section->have, section->count);
    for (unsigned i = 0; i < section->count; i++) {
        if (is_shown(&section->rows[i]))
            print_row(&section->rows[i]);
    }
}

static void write_section(const struct section *section)
{
    json_array(section->key);
    for (unsigned i = 0; i < section->count; i++) {
        const struct row *row = &section->rows[i];

        if (!is_shown(row))
            continue;
        json_object(NULL);
        json_string("name", row->name);
        if (row->of)
            json_string("opcode", row->of);
        json_string("has", answer_names[row->has]);
        json_string("how", learnt_names[row->how]);
        json_release("since", row->since);
        json_bool("backported", row->backported);
        if (row->config)
            json_string("config", row->config);
        json_string("summary", row->summary);
        json_end();
    }
    json_end();
}

static void print_kernel(void)
{
    struct utsname uts;

    uname(&uts);
    paint(TONE_TITLE, "Linux %s", uts.release);
    printf(" on %s: what was seen fits ", uts.machine);
    if (caps.kernel_before)
        printf("%s or later, before %s\n", release_name(caps.kernel_from),
               release_name(caps.kernel_before));
    else
        printf("%s or later\n", release_name(caps.kernel_from));
}

static void write_kernel(void)
{
    struct utsname uts;

    uname(&uts);
    json_object("kernel");
    json_string("release", uts.release);
    json_string("machine", uts.machine);
    json_release("from", caps.kernel_from);
    json_release("before", caps.kernel_before);
    json_end();
}

/* How many opcodes the kernel has beyond the table. */
static unsigned unknown_opcodes(void)
{
    unsigned known = 0, more = 0;

    while (rota_opcode_info(known))
        known++;
    for (unsigned i = known; i < caps.opcode_count; i++)
        more += (unsigned)(caps.opcodes[i / 64] >> i % 64 & 1);
    return more;
}

static int print_all(struct section *sections, unsigned count)
{
    unsigned rows = 0, have = 0, shown = 0;

    for (unsigned i = 0; i < count; i++) {
        rows += sections[i].count;
        have += sections[i].have;
        for (unsigned k = 0; k < sections[i].count; k++)
            shown += is_shown(&sections[i].rows[k]);
    }
    if (options.json) {
        json_object(NULL);
        write_kernel();
        json_number("ring_error", caps.ring_error);
        for (unsigned i = 0; i < count; i++)
            write_section(&sections[i]);
        json_end();
    } else {
        if (!options.wanted_count)
            print_kernel();
        for (unsigned i = 0; i < count; i++)
            print_section(&sections[i]);
        if (!shown)
            printf("Nothing is missing.\n");
        if (!options.wanted_count && unknown_opcodes()) {
            heading("Unknown to the table: %u opcodes", unknown_opcodes());
            paragraph(2, "The kernel is newer than this library.");
        }
    }
    return options.wanted_count && have < rows ? STATUS_NO : STATUS_OK;
}

static int find_wanted(int argc, char **argv)
{
    static struct thing wanted[256];

    if (argc > 256)
        return usage_error("more than 256 names");
    for (int i = 0; i < argc; i++) {
        wanted[i] = find_thing(argv[i]);
        if (wanted[i].kind == KIND_NONE || wanted[i].kind == KIND_GROUP)
            return usage_error("the table has no opcode, register call or flag '%s'%s", argv[i],
                               did_you_mean(argv[i], NAMES_ALL));
    }
    options.wanted = wanted;
    options.wanted_count = (unsigned)argc;
    return STATUS_OK;
}

/* Names of which the probe knows nothing: values, flags of structures and of completions. */
static int find_unanswered(const struct section *sections, unsigned count, char **argv)
{
    for (unsigned i = 0; i < options.wanted_count; i++) {
        const struct thing *thing = &options.wanted[i];
        bool found = thing->kind != KIND_FLAG;

        for (unsigned s = 0; s < count && !found; s++) {
            for (unsigned k = 0; k < sections[s].count && !found; k++)
                found = !strcmp(sections[s].rows[k].name, rota_info_text(thing->flag->name));
        }
        if (!found)
            return usage_error("the kernel cannot be asked for '%s'; see rota ops %s", argv[i],
                               rota_info_text(thing->flag->name));
    }
    return STATUS_OK;
}

static int probe(char **names)
{
    static struct row rows[7][MAX_ROWS];
    struct section sections[7] = {
        {.title = "Request opcodes", .key = "opcodes"},
        {.title = "Register calls", .key = "registers"},
        {.title = "Set-up flags", .key = "setup"},
        {.title = "Enter flags", .key = "enter"},
        {.title = "Request flags", .key = "sqe"},
        {.title = "Features", .key = "features"},
        {.title = "Flags of single requests", .key = "flags"},
    };
    unsigned count = options.all || options.missing || options.wanted_count ? 7 : 6;
    int ret = rota_caps_get(&caps, NULL);

    if (ret < 0 && caps.opcodes_how == ROTA_LEARNT_NOT) {
        complain("the kernel cannot be asked: no ring can be made (%s); see rota doctor",
                 rota_error_name(ret) ? rota_error_name(ret) : "unknown error");
        return STATUS_TROUBLE;
    }
    if (ret < 0)
        complain("no ring can be made here (%s): this is what the kernel could do; "
                 "see rota doctor",
                 rota_error_name(ret) ? rota_error_name(ret) : "unknown error");
    for (unsigned i = 0; i < 7; i++)
        sections[i].rows = rows[i];
    collect_opcodes(&sections[0]);
    collect_registers(&sections[1]);
    collect_group(&sections[2], "setup");
    collect_group(&sections[3], "enter");
    collect_group(&sections[4], "sqe");
    collect_group(&sections[5], "feature");
    if (count == 7)
        collect_request_flags(&sections[6]);
    ret = find_unanswered(sections, count, names);
    return ret ? ret : print_all(sections, count);
}

int probe_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"missing", no_argument, NULL, 'm'},
        {"all", no_argument, NULL, 'a'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option, status;

    while ((option = getopt_long(argc, argv, "majh", long_options, NULL)) != -1) {
        switch (option) {
        case 'm':
            options.missing = true;
            break;
        case 'a':
            options.all = true;
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
    status = find_wanted(argc - optind, argv + optind);
    return status ? status : probe(argv + optind);
}
