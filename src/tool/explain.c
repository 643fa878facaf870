/* SPDX-License-Identifier: MIT */
/* `rota explain`: what an error means, of a request, a register call or a set-up. */
#include <errno.h>
#include <getopt.h>
#include <rota/caps.h>
#include <rota/explain.h>
#include <rota/names.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "tool/tool.h"

static const char help[] =
    "Usage: rota explain [OPTION]... OPCODE ERRNO\n"
    "       rota explain [OPTION]... register CALL ERRNO\n"
    "       rota explain [OPTION]... setup FLAGS ERRNO\n"
    "       rota explain [OPTION]... submit ERRNO\n"
    "       rota explain [OPTION]... ERRNO\n"
    "Says what an error means: of a request, of a call of io_uring_register(2), of\n"
    "making a ring with these flags, of a submit or wait (`submit` or `enter`), or\n"
    "of any request; the surest cause first. Set-ups are looked at as things are\n"
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

/* One reason, as far as the table and a look around tell. */
struct reason {
    enum rota_certainty certainty;
    char text[768];
    const char *remedy;
};

#define MAX_REASONS 128

static struct {
    struct reason of[MAX_REASONS];
    unsigned count;
} reasons;

static struct {
    uint64_t entries;
    uint64_t cq_entries;
    bool list;
    bool json;
} options = {8, 0, false, false};

__attribute__((format(printf, 3, 4))) static void add(enum rota_certainty certainty,
                                                      const char *remedy, const char *format, ...)
{
    struct reason *reason;
    va_list args;

    if (reasons.count == MAX_REASONS)
        return;
    reason = &reasons.of[reasons.count++];
    reason->certainty = certainty;
    reason->remedy = remedy && *remedy ? remedy : NULL;
    va_start(args, format);
    vsnprintf(reason->text, sizeof(reason->text), format, args);
    va_end(args);
}

/*
 * Requests
 */

static void add_rules(const struct rota_op_info *op, int error)
{
    char text[768];

    for (unsigned i = 0; i < op->rules.count; i++) {
        if (rota_info_rules(op->rules)[i].error == error)
            add(ROTA_POSSIBLE, NULL, "%s",
                rule_text(&rota_info_rules(op->rules)[i], text, sizeof(text)));
    }
}

static void add_iosqe(const struct rota_op_info *op, int error)
{
    static const char buffers[] = "Pass the address of a buffer instead.";

    if (op->fixed_file == ROTA_IOSQE_REFUSED && op->fixed_file_error == error)
        add(ROTA_POSSIBLE, "Pass a descriptor instead of a slot.",
            "IOSQE_FIXED_FILE is set; this request does not take it.");
    if (op->fixed_file == ROTA_IOSQE_REQUIRED && op->fixed_file_error == error)
        add(ROTA_POSSIBLE, "Register the file and set the flag.",
            "IOSQE_FIXED_FILE is not set; this request needs it.");
    if (op->buffer_select == ROTA_IOSQE_REFUSED && error == -EOPNOTSUPP)
        add(ROTA_POSSIBLE, buffers, "IOSQE_BUFFER_SELECT is set; this request does not take it.");
    if (op->cqe_skip == ROTA_IOSQE_REFUSED && error == -EINVAL)
        add(ROTA_POSSIBLE, NULL, "IOSQE_CQE_SKIP_SUCCESS is set; this request does not take it.");
}

/* Whether any bytes at that place of the SQE are read, common to all requests, or ignored. */
static bool is_used(const struct rota_op_info *op, unsigned offset)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (offset >= rota_info_fields(op->fields)[i].offset &&
            offset < (unsigned)rota_info_fields(op->fields)[i].offset +
                         rota_info_fields(op->fields)[i].size)
            return true;
    }
    for (unsigned i = 0; i < op->ignored.count; i++) {
        if (!rota_info_ignored(op->ignored)[i].until &&
            offset >= rota_info_ignored(op->ignored)[i].offset &&
            offset < (unsigned)rota_info_ignored(op->ignored)[i].offset +
                         rota_info_ignored(op->ignored)[i].size)
            return true;
    }
    return false;
}

static void add_zero_fields(const struct rota_op_info *op)
{
    static const struct {
        const char *name;
        unsigned offset;
    } members[] = {
        {"ioprio", 2},     {"fd", 4},
        {"off/addr2", 8},  {"addr", 16},
        {"len", 24},       {"flags of the operation", 28},
        {"buf_index", 40}, {"splice_fd_in/file_index/optlen", 44},
        {"addr3", 48},     {"__pad2", 56},
    };
    char list[256] = "";
    size_t length = 0;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (!is_used(op, members[i].offset))
            length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
                                       length ? ", " : "", members[i].name);
    }
    if (length)
        add(ROTA_POSSIBLE, "Start from rota_get_sqe(), which clears the entry.",
            "A field that this request does not read is not 0: %s.", list);
}

static void add_flag_fields(const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_info_fields(op->fields)[i];

        if (field->group.at && field->others != ROTA_OTHERS_IGNORED)
            add(ROTA_POSSIBLE, NULL,
                "%s holds %s that this request does not take, or this kernel does not know yet; "
                "rota ops %s lists them.",
                rota_info_text(field->name), field->values ? "a value" : "a flag",
                rota_info_text(op->name));
    }
}

/* What the fields make possible: descriptors that are not open, memory that is not there. */
static void add_fields(const struct rota_op_info *op, int error)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_info_fields(op->fields)[i];

        if (error == -EBADF && field->role == ROTA_ROLE_FILE)
            add(ROTA_POSSIBLE, NULL,
                "%s is not an open descriptor, or with IOSQE_FIXED_FILE not a filled slot.",
                rota_info_text(field->name));
        if (error == -EFAULT && field->memory != ROTA_MEMORY_NONE)
            add(ROTA_POSSIBLE,
                field->lives == ROTA_LIVES_SUBMIT
                    ? NULL
                    : "Keep the memory until the completion has come.",
                "%s does not point to memory of the process.", rota_info_text(field->name));
        if (error == -EFAULT && field->role == ROTA_ROLE_BUFFER)
            add(ROTA_POSSIBLE, NULL,
                "%s is not the index of a registered buffer, or the range lies "
                "outside of it.",
                rota_info_text(field->name));
    }
}

static void add_missing(const struct rota_op_info *op)
{
    static char remedy[96];
    enum rota_learnt how;
    struct rota_caps caps;

    (void)rota_caps_get(&caps, NULL);
    if (rota_caps_opcode(&caps, op->opcode, &how) == ROTA_NO) {
        if (op->config.at)
            snprintf(remedy, sizeof(remedy), "Use Linux %s or newer with %s.",
                     release_name(op->since), rota_info_text(op->config));
        else
            snprintf(remedy, sizeof(remedy), "Use Linux %s or newer.", release_name(op->since));
        add(ROTA_CERTAIN, remedy, "This kernel does not have the opcode.");
    }
}

static void add_ring(const struct rota_op_info *op, int error)
{
    char flags[128];

    if (error != -EINVAL)
        return;
    if (!op->iopoll)
        add(ROTA_POSSIBLE, "Use a second ring without it.",
            "The ring was made with IORING_SETUP_IOPOLL, on which this request does not run.");
    if (op->setup_one_of)
        add(ROTA_POSSIBLE, NULL, "The ring was not made with one of %s.",
            flags_text("setup", op->setup_one_of, ", ", flags, sizeof(flags)));
    if (op->behind_link)
        add(ROTA_POSSIBLE, NULL,
            "It does not stand right behind another request that has IOSQE_IO_LINK.");
}

static void add_errors(struct rota_error_rows rows, int error)
{
    const struct rota_error_info *errors = rota_info_errors(rows);

    for (unsigned i = 0; i < rows.count; i++) {
        if (errors[i].error == error)
            add(ROTA_LIKELY, rota_info_text(errors[i].remedy), "%s",
                rota_info_text(errors[i].cause));
    }
}

static void explain_request(const struct rota_op_info *op, int error)
{
    if (error == -EINVAL)
        add_missing(op);
    add_errors(op->errors, error);
    add_rules(op, error);
    add_iosqe(op, error);
    add_ring(op, error);
    add_fields(op, error);
    if (error == -EINVAL) {
        add_flag_fields(op);
        add_zero_fields(op);
        add(ROTA_POSSIBLE, NULL, "sqe->personality is not the id of registered credentials.");
    }
    if (error == -EACCES)
        add(ROTA_POSSIBLE, NULL,
            "A restriction of the ring forbids the opcode or one of its flags.");
    if (error == -ECANCELED)
        add(ROTA_LIKELY, NULL,
            "The request was cancelled, or stood behind one that failed in a chain of "
            "IOSQE_IO_LINK.");
    if (error == -ENOBUFS && op->buffer_select != ROTA_IOSQE_REFUSED)
        add(ROTA_POSSIBLE, NULL, "The buffer group is empty, or there is none of that number.");
    /* The system call's own errors are those of its manual page. */
    if (op->syscall.at)
        add(ROTA_POSSIBLE, NULL, "The errors of %s come back as well; see its manual page.",
            rota_info_text(op->syscall));
}

/*
 * Register calls
 */

static void explain_register(unsigned opcode, const struct rota_register_info *info, int error)
{
    static char remedy[64];
    enum rota_learnt how;
    struct rota_caps caps;
    char flags[128];

    if (error == -EINVAL) {
        (void)rota_caps_get(&caps, NULL);
        snprintf(remedy, sizeof(remedy), "Use Linux %s or newer.", release_name(info->since));
        if (rota_caps_register(&caps, opcode, &how) == ROTA_NO)
            add(ROTA_CERTAIN, remedy, "This kernel does not have the call.");
    }
    add_errors(info->errors, error);
    if (error == -EINVAL && info->needs)
        add(ROTA_POSSIBLE, NULL, "The ring was not made with %s.",
            flags_text("setup", info->needs, ", ", flags, sizeof(flags)));
    if (error == -EINVAL && info->refuses)
        add(ROTA_POSSIBLE, NULL, "The ring was made with %s.",
            flags_text("setup", info->refuses, ", ", flags, sizeof(flags)));
    if (error == -EFAULT && info->arg.at)
        add(ROTA_POSSIBLE, NULL, "The argument (%s) is not in memory of the process.",
            rota_info_text(info->arg));
    if (error == -EBADF)
        add(ROTA_POSSIBLE, NULL, "The ring is torn down.");
    if (error == -EEXIST)
        add(ROTA_POSSIBLE, "Make the call from the thread that made the ring.",
            "The ring was made with IORING_SETUP_SINGLE_ISSUER and belongs to another thread.");
    if (error == -EACCES)
        add(ROTA_POSSIBLE, NULL, "A restriction of the ring forbids the call.");
}

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
    static struct rota_cause causes[ROTA_MAX_CAUSES];
    struct io_uring_params params;
    int count;

    memset(&params, 0, sizeof(params));
    params.flags = flags;
    params.cq_entries = (uint32_t)options.cq_entries;
    if ((flags & IORING_SETUP_CQSIZE) && !params.cq_entries)
        params.cq_entries = (uint32_t)(2 * options.entries);
    count = rota_setup_causes((unsigned)options.entries, &params, error, causes, ROTA_MAX_CAUSES);
    for (int i = 0; i < count; i++)
        add((enum rota_certainty)causes[i].certainty, causes[i].remedy, "%s", causes[i].text);
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
    for (int certainty = ROTA_CERTAIN; certainty >= ROTA_POSSIBLE; certainty--) {
        for (unsigned i = 0; i < reasons.count; i++) {
            const struct reason *reason = &reasons.of[i];

            if (reason->certainty != (enum rota_certainty)certainty)
                continue;
            if (options.json) {
                json_object(NULL);
                json_string("certainty", certainties[certainty]);
                json_string("text", reason->text);
                json_string("remedy", reason->remedy);
                json_end();
            } else {
                entry(2, 12, tones[certainty], certainties[certainty], "%s", reason->text);
                if (reason->remedy)
                    paragraph(12, "-> %s", reason->remedy);
            }
        }
    }
    if (options.json) {
        json_end();
        json_end();
    }
    return reasons.count ? STATUS_OK : STATUS_NO;
}

static int parse_error(const char *text, int *error)
{
    *error = -find_error(text);
    if (!*error)
        return usage_error("'%s' is no error%s", text, did_you_mean(text, NAMES_ERRORS));
    return STATUS_OK;
}

static int request(char **words)
{
    int opcode = find_opcode(words[0]), error, status;

    if (opcode < 0)
        return usage_error("the table has no opcode '%s'%s", words[0],
                           did_you_mean(words[0], NAMES_OPCODES));
    status = parse_error(words[1], &error);
    if (status)
        return status;
    explain_request(rota_opcode_info((unsigned)opcode), error);
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

/* What a submit or a wait on a ring in good order would mean by it. */
static int submit(char **words)
{
    static struct rota_cause causes[ROTA_MAX_CAUSES];
    struct rota_ring ring;
    int error, status = parse_error(words[0], &error), ret, count;

    if (status)
        return status;
    ret = rota_init(&ring, 1, NULL);
    if (ret < 0) {
        complain("no ring can be made here, see rota doctor: %s", strerror(-ret));
        return STATUS_TROUBLE;
    }
    count = rota_enter_causes(&ring, error, causes, ROTA_MAX_CAUSES);
    for (int i = 0; i < count; i++)
        add((enum rota_certainty)causes[i].certainty == ROTA_CERTAIN
                ? ROTA_LIKELY
                : (enum rota_certainty)causes[i].certainty,
            causes[i].remedy, "%s", causes[i].text);
    rota_queue_exit(&ring);
    return answer("submit or wait", error);
}

/* Every request of which the table knows the error, each with its causes. */
static int any_request(char **words)
{
    const struct rota_op_info *op;
    int error, status = parse_error(words[0], &error);

    if (status)
        return status;
    for (unsigned opcode = 0; (op = rota_opcode_info(opcode)); opcode++) {
        for (unsigned i = 0; i < op->errors.count; i++) {
            const struct rota_error_info *row = &rota_info_errors(op->errors)[i];

            if (row->error == error)
                add(ROTA_POSSIBLE, rota_info_text(row->remedy), "%s: %s", rota_info_text(op->name),
                    rota_info_text(row->cause));
        }
    }
    /* That it has a meaning is enough of an answer. */
    status = answer("any request", error);
    return rota_error_name(error) ? STATUS_OK : status;
}

static int register_call(char **words)
{
    int opcode = find_register(words[0]), error, status;
    const struct rota_register_info *info;

    if (opcode < 0)
        return usage_error("the table has no register call '%s'%s", words[0],
                           did_you_mean(words[0], NAMES_REGISTERS));
    status = parse_error(words[1], &error);
    if (status)
        return status;
    info = rota_register_opcode_info((unsigned)opcode);
    explain_register((unsigned)opcode, info, error);
    return answer(rota_info_text(info->name), error);
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
    if (left == 2 && (!strcmp(argv[0], "submit") || !strcmp(argv[0], "enter")))
        return submit(argv + 1);
    if (left == 1 && find_error(argv[0]))
        return any_request(argv);
    if (left == 2 && strcmp(argv[0], "setup") != 0 && strcmp(argv[0], "register") != 0)
        return request(argv);
    if (left > 2)
        return usage_error("too many arguments");
    return usage_error(left ? "an error is missing" : "an opcode and an error are missing");
}
