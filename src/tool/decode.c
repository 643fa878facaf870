/* SPDX-License-Identifier: MIT */
/* `rota decode`: entries of the queues as text, from hexadecimal or binary. */
#include <errno.h>
#include <getopt.h>
#include <rota/explain.h>
#include <rota/names.h>
#include <string.h>
#include <unistd.h>

#include "tool/tool.h"

static const char help[] =
    "Usage: rota decode [OPTION]... [FILE]\n"
    "Prints submission queue entries, or with --cqe completions, as text. FILE, or\n"
    "the standard input when it is - or missing, holds them in binary or as\n"
    "hexadecimal text: plain digits, C arrays, log lines behind a colon, and what\n"
    "xxd, hexdump, od and gdb (x/64xb, x/16xw, x/8xg) print. Which of both is found\n"
    "out. Entries are those of a machine with this one's byte order.\n"
    "\n"
    "Options:\n"
    "  -c, --cqe          completions of 16 bytes; with IORING_CQE_F_32 of 32\n"
    "      --cqe32        completions of 32 bytes (IORING_SETUP_CQE32)\n"
    "      --sqe128       entries of 128 bytes (IORING_SETUP_SQE128); otherwise only\n"
    "                     opcodes such as NOP128 have them\n"
    "  -C, --check        what is wrong with each entry, for the newest kernel\n"
    "  -b, --binary       the input is binary\n"
    "  -x, --hex          the input is hexadecimal text\n"
    "  -s, --skip=BYTES   leave out so many bytes at the start of the data\n"
    "  -n, --count=N      at most so many entries\n"
    "  -j, --json         as JSON\n"
    "  -h, --help         print this\n"
    "\n"
    "Exit status: 0 done; 1 a part was no hexadecimal, or no whole entry, or --check\n"
    "has found something; 2 bad arguments; 3 the file cannot be read.\n"
    "\n"
    "Examples:\n"
    "  rota decode dump.bin\n"
    "  echo '1b000000 05000000' | rota decode\n"
    "  gdb -batch -ex 'x/64xb ring.sq.sqes' PROGRAM CORE | rota decode\n"
    "  grep cqe: log | rota decode --cqe --json\n";

static struct {
    bool cqe;
    bool cqe32;
    bool sqe128;
    bool check;
    bool binary;
    bool hex;
    bool json;
    uint64_t skip;
    uint64_t count;
} options = {.count = UINT64_MAX};

/*
 * Input
 */

static int read_all(const char *path, struct bytes *input)
{
    bool standard = !path || !strcmp(path, "-");
    FILE *file = standard ? stdin : fopen(path, "rbe");
    char buffer[65536];
    size_t got;
    int status = STATUS_OK;

    if (!file) {
        complain("%s: %s", path, strerror(errno));
        return STATUS_TROUBLE;
    }
    if (standard && isatty(STDIN_FILENO))
        complain("reading from the terminal; end with Ctrl-D");
    errno = 0;
    while ((got = fread(buffer, 1, sizeof(buffer), file)) > 0)
        bytes_add(input, buffer, got);
    if (ferror(file)) {
        complain("%s: %s", standard ? "standard input" : path, strerror(errno));
        status = STATUS_TROUBLE;
    }
    if (!standard)
        fclose(file);
    return status;
}

/* Text has no control characters besides blanks; entries have zeros, at least. */
static bool is_binary(const struct bytes *input)
{
    for (size_t i = 0; i < input->length; i++) {
        unsigned char c = input->data[i];

        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7f)
            return true;
    }
    return false;
}

/* How long an entry is, if it is not a special one. */
static size_t usual_size(void)
{
    if (options.cqe32)
        return 32;
    if (options.cqe)
        return 16;
    return options.sqe128 ? 128 : 64;
}

/* The bytes of the entries; whether all of the input made sense. */
static bool get_data(const struct bytes *input, struct bytes *data)
{
    struct hex_report report;

    if (options.binary || (!options.hex && is_binary(input))) {
        bytes_add(data, input->data, input->length);
        return true;
    }
    hex_parse((const char *)input->data, input->length, usual_size(), data, &report);
    if (report.skipped)
        complain("%zu line%s not hexadecimal and left out, first line %zu: '%s'", report.skipped,
                 report.skipped == 1 ? " is" : "s are", report.first_line, report.word);
    if (report.gaps)
        complain("lines are left out with a star, and no offsets tell how many: use od -v");
    return !report.skipped && !report.gaps;
}

/*
 * Entries
 */

/* Large enough, and aligned, for every kind. */
union entry_bytes {
    struct io_uring_sqe sqe;
    struct io_uring_cqe cqe;
    unsigned char bytes[128];
};

/* How long the entry at `data` is. */
static size_t entry_size(const unsigned char *data, size_t left)
{
    const struct rota_op_info *op = rota_opcode_info(data[0]);
    struct io_uring_cqe cqe;

    if (options.cqe && !options.cqe32 && left >= sizeof(cqe)) {
        memcpy(&cqe, data, sizeof(cqe));
        return cqe.flags & IORING_CQE_F_32 ? 32 : 16;
    }
    if (!options.cqe && !options.cqe32 && op && op->big)
        return 128;
    return usual_size();
}

static void write_bits(const char *key, const char *group, uint64_t value)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    json_array(key);
    for (unsigned i = 0; i < count; i++) {
        if (rules[i].value && (value & rules[i].value) == rules[i].value) {
            json_string(NULL, rota_info_text(rules[i].name));
            value &= ~rules[i].value;
        }
    }
    if (value)
        json_hex(NULL, value);
    json_end();
}

/* A field as a number: narrow ones as such, wide ones as a string. */
static void write_field(const struct io_uring_sqe *sqe, const struct rota_field_info *field)
{
    const unsigned char *at = (const unsigned char *)sqe + field->offset;
    uint16_t half;
    uint32_t word;
    uint64_t whole;

    switch (field->size) {
    case 1:
        json_number(rota_info_text(field->name), *at);
        break;
    case 2:
        memcpy(&half, at, sizeof(half));
        json_number(rota_info_text(field->name), half);
        break;
    case 4:
        memcpy(&word, at, sizeof(word));
        if (field->role == ROTA_ROLE_FILE)
            json_number(rota_info_text(field->name), (int32_t)word);
        else
            json_number(rota_info_text(field->name), word);
        break;
    case 8:
        memcpy(&whole, at, sizeof(whole));
        json_hex(rota_info_text(field->name), whole);
        break;
    default:
        break;
    }
}

static void write_sqe(const struct io_uring_sqe *sqe)
{
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

    json_string("opcode", rota_op_name(sqe->opcode));
    json_number("number", sqe->opcode);
    write_bits("flags", "sqe", sqe->flags);
    json_object("fields");
    for (unsigned i = 0; op && i < op->fields.count; i++) {
        bool again = false;

        /* A place that has two meanings shows once. */
        for (unsigned k = 0; k < i; k++)
            again |= !strcmp(rota_info_text(rota_info_fields(op->fields)[k].name),
                             rota_info_text(rota_info_fields(op->fields)[i].name));
        if (!again)
            write_field(sqe, &rota_info_fields(op->fields)[i]);
    }
    json_end();
    json_number("personality", sqe->personality);
    json_hex("user_data", sqe->user_data);
}

static void write_cqe(const struct io_uring_cqe *cqe)
{
    uint32_t flags = cqe->flags;

    json_number("res", cqe->res);
    json_string("error", cqe->res < 0 ? rota_error_name(cqe->res) : NULL);
    if (flags & IORING_CQE_F_BUFFER) {
        json_number("buffer", flags >> IORING_CQE_BUFFER_SHIFT);
        flags &= (1U << IORING_CQE_BUFFER_SHIFT) - 1;
    }
    write_bits("flags", "cqe", flags);
    json_hex("user_data", cqe->user_data);
}

static const char *const stages[] = {
    [ROTA_STAGE_CALL] = "call", [ROTA_STAGE_TAKE] = "submit", [ROTA_STAGE_ISSUE] = "issue"};

/* What is wrong with a request; how many things. */
static unsigned check(const struct io_uring_sqe *sqe)
{
    struct rota_finding findings[16];
    int count = rota_sqe_check(NULL, NULL, sqe, findings, 16);

    if (options.json)
        json_array("findings");
    for (int i = 0; i < count && i < 16; i++) {
        const struct rota_finding *finding = &findings[i];
        const char *name = rota_error_name(finding->error);

        if (options.json) {
            json_object(NULL);
            json_string("errno", name);
            json_string("at", stages[finding->stage]);
            json_string("field", finding->field);
            json_string("text", finding->text);
            json_end();
        } else {
            entry(8, 16, TONE_BAD, name ? name : "error", "%s", finding->text);
        }
    }
    if (options.json)
        json_end();
    return count > 0 ? (unsigned)count : 0;
}

/* One entry of `size` bytes of which `left` are there; whether something is wrong with it. */
static bool decode_entry(const unsigned char *data, size_t left, size_t size, size_t offset)
{
    bool is_cqe = options.cqe || options.cqe32, cut = left < size, wrong;
    unsigned big = size == 128 || size == 32 ? ROTA_FORMAT_BIG : 0;
    union entry_bytes at;
    char text[4096];

    memset(&at, 0, sizeof(at));
    memcpy(&at, data, cut ? left : size);
    if (is_cqe)
        rota_cqe_format(&at.cqe, NULL, big, text, sizeof(text));
    else
        rota_sqe_format(&at.sqe, big, text, sizeof(text));
    if (options.json) {
        json_object(NULL);
        json_number("offset", (int64_t)offset);
        json_number("size", (int64_t)(cut ? left : size));
        json_bool("cut", cut);
        json_string("text", text);
        if (is_cqe)
            write_cqe(&at.cqe);
        else
            write_sqe(&at.sqe);
    } else {
        paint(TONE_FAINT, "%04zx:", offset);
        printf(" %s\n", text);
        if (cut)
            printf("      (%zu of %zu bytes; the others are taken for 0)\n", left, size);
    }
    wrong = options.check && !is_cqe && check(&at.sqe);
    if (options.json)
        json_end();
    return wrong || cut;
}

static int decode(const struct bytes *data, bool complete)
{
    size_t offset = options.skip < data->length ? (size_t)options.skip : data->length;
    bool wrong = !complete;

    if (options.json)
        json_array(NULL);
    else if (offset == data->length)
        complain("there are no bytes to decode");
    if (offset == data->length)
        wrong = true;
    for (uint64_t i = 0; i < options.count && offset < data->length; i++) {
        size_t left = data->length - offset;
        size_t size = entry_size(data->data + offset, left);

        wrong |= decode_entry(data->data + offset, left, size, offset);
        offset += left < size ? left : size;
    }
    if (options.json)
        json_end();
    return wrong ? STATUS_NO : STATUS_OK;
}

static int decode_file(const char *path)
{
    struct bytes input = {NULL, 0, 0}, data = {NULL, 0, 0};
    int status = read_all(path, &input);

    if (!status) {
        bool complete = get_data(&input, &data);

        status = decode(&data, complete);
    }
    bytes_free(&input);
    bytes_free(&data);
    return status;
}

enum {
    OPTION_CQE32 = 256,
    OPTION_SQE128
};

int decode_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"cqe", no_argument, NULL, 'c'},
        {"cqe32", no_argument, NULL, OPTION_CQE32},
        {"sqe128", no_argument, NULL, OPTION_SQE128},
        {"check", no_argument, NULL, 'C'},
        {"binary", no_argument, NULL, 'b'},
        {"hex", no_argument, NULL, 'x'},
        {"skip", required_argument, NULL, 's'},
        {"count", required_argument, NULL, 'n'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "cCbxs:n:jh", long_options, NULL)) != -1) {
        switch (option) {
        case 'c':
            options.cqe = true;
            break;
        case OPTION_CQE32:
            options.cqe32 = true;
            break;
        case OPTION_SQE128:
            options.sqe128 = true;
            break;
        case 'C':
            options.check = true;
            break;
        case 'b':
            options.binary = true;
            break;
        case 'x':
            options.hex = true;
            break;
        case 's':
            if (!parse_number(optarg, SIZE_MAX, &options.skip))
                return usage_error("'%s' is no number of bytes", optarg);
            break;
        case 'n':
            if (!parse_number(optarg, UINT64_MAX, &options.count))
                return usage_error("'%s' is no number of entries", optarg);
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
    if (options.sqe128 && (options.cqe || options.cqe32))
        return usage_error("--sqe128 is for submissions, --cqe and --cqe32 are for completions");
    if (options.check && (options.cqe || options.cqe32))
        return usage_error("--check is for submissions");
    if (options.binary && options.hex)
        return usage_error("the input is either --binary or --hex");
    if (argc - optind > 1)
        return usage_error("more than one file");
    return decode_file(argv[optind]);
}
