/* SPDX-License-Identifier: MIT */
/* `rota explain`: what an error means, of a request, a register call or a set-up. */
#include <errno.h>
#include <getopt.h>
#include <rota/caps.h>
#include <rota/explain.h>
#include <rota/names.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"

static const char help[] =
    "Usage: rota explain [OPTION]... OPCODE ERRNO\n"
    "       rota explain [OPTION]... [register] CALL ERRNO\n"
    "       rota explain [OPTION]... setup [FLAGS] ERRNO\n"
    "       rota explain [OPTION]... submit ERRNO\n"
    "       rota explain [OPTION]... ERRNO\n"
    "Says what an error means: of a request, of a call of io_uring_register(2), of\n"
    "making a ring with these flags, of a submit or wait (`submit`, `enter` or\n"
    "`wait`), or of any request; the surest cause first. OPCODE is the name of a\n"
    "request, or of a function that fills one. Set-ups are looked at as things are\n"
    "here and now. ERRNO is a name or a number, with or without a\n"
    "minus sign; FLAGS are names joined by | or commas, a number, or none.\n"
    "\n"
    "Options:\n"
    "  -n, --entries=N     set-up: entries of the submission queue (8)\n"
    "  -c, --cq-entries=N  set-up: entries of the completion queue (twice as many)\n"
    "  -l, --list          list the names of errors and what they mean\n"
    "  -j, --json          as JSON\n"
    "  -h, --help          print this\n"
    "\n"
    "Exit status: 0 causes are known; 1 none is; 2 bad arguments.\n"
    "\n"
    "Examples:\n"
    "  rota explain recv EINVAL\n"
    "  rota explain ACCEPT -95\n"
    "  rota explain setup 'DEFER_TASKRUN|SQPOLL' EINVAL\n"
    "  rota explain setup none EPERM\n"
    "  rota explain register REGISTER_BUFFERS ENOMEM\n"
    "  rota explain submit EBUSY\n"
    "  rota explain ENOBUFS\n";

#define MAX_REASONS 512

static struct rota_cause reasons[MAX_REASONS];
static int reason_count;

static struct {
    uint64_t entries;
    uint64_t cq_entries;
    bool list;
    bool json;
} options = {8, 0, false, false};

/*
 * Set-ups
 */

/* Names joined by | or commas; STATUS_USAGE when one is unknown. */
static int parse_flags(char *text, uint32_t *flags)
{
    char *save = NULL;

    *flags = 0;
    for (char *name = strtok_r(text, "|,+ ", &save); name; name = strtok_r(NULL, "|,+ ", &save)) {
        const struct rota_flag_rule *flag;
        uint64_t number;

        if (!strcasecmp(name, "none"))
            continue;
        if (parse_number(name, UINT32_MAX, &number)) {
            *flags |= (uint32_t)number;
            continue;
        }
        flag = find_flag("setup", name);
        if (!flag)
            return usage_error("there is no set-up flag '%s'%s", name,
                               did_you_mean(name, NAMES_SETUP));
        *flags |= (uint32_t)flag->value;
    }
    return STATUS_OK;
}

static void explain_setup(uint32_t flags, int error)
{
    struct io_uring_params params;

    memset(&params, 0, sizeof(params));
    params.flags = flags;
    params.cq_entries = (uint32_t)options.cq_entries;
    if ((flags & IORING_SETUP_CQSIZE) && !params.cq_entries)
        params.cq_entries = (uint32_t)(2 * options.entries);
    reason_count =
        rota_setup_causes((unsigned)options.entries, &params, error, reasons, MAX_REASONS);
}

/*
 * Output
 */

static int answer(const char *what, int error)
{
    static const char *const certainties[] = {
        [ROTA_POSSIBLE] = "possible", [ROTA_LIKELY] = "likely", [ROTA_CERTAIN] = "certain"};
    static const enum tone tones[] = {
        [ROTA_POSSIBLE] = TONE_PLAIN, [ROTA_LIKELY] = TONE_WARNING, [ROTA_CERTAIN] = TONE_BAD};
    const char *name = rota_error_name(error), *meaning = rota_error_meaning(error);
    char label[600];

    if (options.json) {
        json_object(NULL);
        json_string("operation", what);
        json_number("error", error);
        json_string("name", name);
        json_string("meaning", meaning);
        json_array("causes");
    } else {
        snprintf(label, sizeof(label), "%s: %d%s%s%s", what, error, name ? " " : "",
                 name ? name : "", meaning ? ":" : "");
        entry(0, (unsigned)strlen(label) + 1, TONE_TITLE, label, "%s", meaning ? meaning : "");
    }
    for (int i = 0; i < reason_count; i++) {
        const struct rota_cause *reason = &reasons[i];
        const char *remedy = reason->remedy[0] ? reason->remedy : NULL;

        if (options.json) {
            json_object(NULL);
            json_string("certainty", certainties[reason->certainty]);
            json_string("text", reason->text);
            json_string("remedy", remedy);
            json_end();
        } else {
            entry(2, 12, tones[reason->certainty], certainties[reason->certainty], "%s",
                  reason->text);
            if (remedy)
                paragraph(12, "-> %s", remedy);
        }
    }
    if (options.json) {
        json_end();
        json_end();
    }
    return reason_count > 0 ? STATUS_OK : STATUS_NO;
}

static int parse_error(const char *text, int *error)
{
    *error = -find_error(text);
    if (!*error)
        return usage_error("'%s' is no error%s", text, did_you_mean(text, NAMES_ERRORS));
    return STATUS_OK;
}

static int register_call(char **words)
{
    int opcode = find_call(words[0]), error, status;
    const struct rota_register_info *info;
    struct rota_caps caps;

    if (opcode < 0)
        return usage_error("the table has no register call '%s'%s", words[0],
                           did_you_mean(words[0], NAMES_REGISTERS));
    status = parse_error(words[1], &error);
    if (status)
        return status;
    (void)rota_caps_get(&caps, NULL);
    reason_count = rota_call_causes(&caps, (unsigned)opcode, error, reasons, MAX_REASONS);
    info = rota_register_opcode_info((unsigned)opcode);
    return answer(rota_info_text(info->name), error);
}

/* The request that a function of that name fills, starts or makes; -1: there is none. */
static int function_opcode(const char *name)
{
    struct thing thing = find_thing(name);

    return thing.kind == KIND_OPCODE ? (int)thing.number : -1;
}

static int request(char **words)
{
    int opcode = find_opcode(words[0]), error, status;
    struct rota_caps caps;

    if (opcode < 0 && find_call(words[0]) >= 0)
        return register_call(words);
    if (opcode < 0)
        opcode = function_opcode(words[0]);
    if (opcode < 0)
        return usage_error("the table has no opcode '%s'%s", words[0],
                           did_you_mean(words[0], NAMES_OPCODES));
    status = parse_error(words[1], &error);
    if (status)
        return status;
    (void)rota_caps_get(&caps, NULL);
    reason_count = rota_opcode_causes(&caps, (unsigned)opcode, error, reasons, MAX_REASONS);
    return answer(rota_op_name((unsigned)opcode), error);
}

static int setup(char **words)
{
    char params[512];
    uint32_t flags;
    int error, status = parse_flags(words[0], &flags);

    if (!status)
        status = parse_error(words[1], &error);
    if (status)
        return status;
    explain_setup(flags, error);
    snprintf(params, sizeof(params), "setup ");
    flags_text("setup", flags, "|", params + strlen(params), sizeof(params) - strlen(params));
    return answer(params, error);
}

/* What a submit or a wait would mean by it, on a ring that is not at hand: it may be of any kind. */
static int submit(char **words)
{
    struct rota_ring ring;
    int error, status = parse_error(words[0], &error);

    if (status)
        return status;
    memset(&ring, 0, sizeof(ring));
    ring.ring_fd = -1;
    ring.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_R_DISABLED;
    reason_count = rota_enter_causes(&ring, error, reasons, MAX_REASONS);
    /* What is certain of this ring is likely of the one that is meant. */
    for (int i = 0; i < reason_count; i++) {
        if (reasons[i].certainty == ROTA_CERTAIN)
            reasons[i].certainty = ROTA_LIKELY;
    }
    return answer("submit or wait", error);
}

static int any_request(char **words)
{
    int error, status = parse_error(words[0], &error);

    if (status)
        return status;
    reason_count = rota_any_causes(error, reasons, MAX_REASONS);
    /* That it has a meaning is enough of an answer. */
    status = answer("any request", error);
    return rota_error_name(error) ? STATUS_OK : status;
}

static int list_errors(void)
{
    if (options.json)
        json_array(NULL);
    for (int error = 1; error <= MAX_ERRNO; error++) {
        if (!rota_error_name(error))
            continue;
        if (options.json) {
            json_object(NULL);
            json_string("name", rota_error_name(error));
            json_number("number", error);
            json_string("meaning", rota_error_meaning(error));
            json_end();
        } else {
            entry(0, 18, TONE_PLAIN, rota_error_name(error), "%s", rota_error_meaning(error));
        }
    }
    if (options.json)
        json_end();
    return STATUS_OK;
}

/* "-22" and "-EINVAL" are errors, not options. */
static void hide_signs(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1] && (argv[i][1] == 'E' || find_error(argv[i] + 1)))
            argv[i]++;
    }
}

/* Without flags the set-up of a plain ring is meant. */
static char **plain_setup(char *error)
{
    static char none[] = "none";
    static char *words[2];

    words[0] = none;
    words[1] = error;
    return words;
}

int explain_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"entries", required_argument, NULL, 'n'}, {"cq-entries", required_argument, NULL, 'c'},
        {"list", no_argument, NULL, 'l'},          {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
    };
    int option, left;

    hide_signs(argc, argv);
    while ((option = getopt_long(argc, argv, "n:c:ljh", long_options, NULL)) != -1) {
        switch (option) {
        case 'n':
            if (!parse_number(optarg, UINT32_MAX, &options.entries))
                return usage_error("'%s' is no number of entries", optarg);
            break;
        case 'c':
            if (!parse_number(optarg, UINT32_MAX, &options.cq_entries))
                return usage_error("'%s' is no number of entries", optarg);
            break;
        case 'l':
            options.list = true;
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
    argv += optind;
    left = argc - optind;
    if (options.list)
        return left ? usage_error("a list takes no names, as '%s'", argv[0]) : list_errors();
    if (left == 3 && !strcmp(argv[0], "setup"))
        return setup(argv + 1);
    if (left == 3 && !strcmp(argv[0], "register"))
        return register_call(argv + 1);
    if (left == 2 && !strcmp(argv[0], "setup") && find_error(argv[1]))
        return setup(plain_setup(argv[1]));
    if (left == 2 &&
        (!strcmp(argv[0], "submit") || !strcmp(argv[0], "enter") || !strcmp(argv[0], "wait")))
        return submit(argv + 1);
    if (left == 1 && find_error(argv[0]))
        return any_request(argv);
    if (left == 2 && strcmp(argv[0], "setup") != 0 && strcmp(argv[0], "register") != 0)
        return request(argv);
    if (left > 2)
        return usage_error("too many arguments");
    return usage_error(left ? "an error is missing" : "an opcode and an error are missing");
}
