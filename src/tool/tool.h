/* SPDX-License-Identifier: MIT */
/* What the subcommands of `rota` share: exit codes, messages, text, JSON, names of the table. */
#ifndef ROTA_SRC_TOOL_TOOL_H
#define ROTA_SRC_TOOL_TOOL_H

#include <rota/info.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How the command ends; the manual page rota(1) promises these. */
enum status {
    STATUS_OK = 0,
    STATUS_NO = 1,      /* the answer is no */
    STATUS_USAGE = 2,   /* the arguments make no sense */
    STATUS_TROUBLE = 3, /* a file or the kernel stood in the way */
};

/* The subcommands; `argv[0]` is "rota probe" and so on. */
int probe_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
int ops_main(int argc, char **argv);
int explain_main(int argc, char **argv);
int decode_main(int argc, char **argv);
int migrate_main(int argc, char **argv);
int trace_main(int argc, char **argv);
int top_main(int argc, char **argv);

/*
 * Messages, on stderr, behind the name of the subcommand.
 */

/* What complain() begins with, and what usage_error() refers to. */
extern const char *tool_name;

__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);
/* The same with a line that refers to --help; always STATUS_USAGE. */
__attribute__((format(printf, 1, 2))) int usage_error(const char *format, ...);
/* STATUS_USAGE after getopt_long has said what was wrong. */
int bad_option(void);

/* A number in any base of C, the whole of the string; false when it is none or too large. */
bool parse_number(const char *text, uint64_t max, uint64_t *value);

/*
 * Text on stdout: colour on a terminal only, wrapped to its width.
 */

enum tone {
    TONE_PLAIN,
    TONE_GOOD,
    TONE_BAD,
    TONE_WARNING,
    TONE_TITLE,
    TONE_FAINT,
};

/* Whether the environment allows colour on a terminal. */
bool may_colour(void);
/* Looks at the terminal; to be called once, before anything is printed. */
void output_start(void);
__attribute__((format(printf, 2, 3))) void paint(enum tone tone, const char *format, ...);
/* A heading with an empty line above it, unless it is the first thing on the page. */
__attribute__((format(printf, 1, 2))) void heading(const char *format, ...);
/* A paragraph, each of its lines behind `indent` blanks. */
__attribute__((format(printf, 2, 3))) void paragraph(unsigned indent, const char *format, ...);
/* A label behind `indent` blanks, and a paragraph beside it from column `column` on. */
__attribute__((format(printf, 5, 6))) void entry(unsigned indent, unsigned column, enum tone tone,
                                                 const char *label, const char *format, ...);

/* A declaration, its parameters kept whole, further lines four blanks deeper. */
void declaration(unsigned indent, const char *prototype);

/* "6.7" of ROTA_KERNEL(6, 7); a string that lives until the eighth call after this one. */
const char *release_name(unsigned release);

/*
 * JSON on stdout, indented by two. `key` is NULL within an array. Strings that
 * are NULL become null; 64-bit numbers that may exceed what a double holds are
 * written as hexadecimal strings.
 */
void json_object(const char *key);
void json_array(const char *key);
void json_end(void);
void json_string(const char *key, const char *value);
void json_number(const char *key, int64_t value);
void json_hex(const char *key, uint64_t value);
void json_bool(const char *key, bool value);
void json_null(const char *key);
/* A release as "6.7"; null for 0. */
void json_release(const char *key, unsigned release);

/*
 * Names of the table, found in any case and with or without their prefix.
 */

enum kind {
    KIND_NONE,
    KIND_OPCODE,
    KIND_REGISTER,
    KIND_FLAG, /* or a numbered value */
    KIND_GROUP,
};

struct thing {
    enum kind kind;
    unsigned number;                   /* of an opcode or register opcode */
    const char *group;                 /* of a flag, or the group itself */
    const struct rota_flag_rule *flag; /* with KIND_FLAG */
};

/* What the name means: opcodes come first, then register opcodes, prep functions, flags, groups. */
struct thing find_thing(const char *name);
/* The number of that request opcode, by name or as a number; -1: there is none. */
int find_opcode(const char *name);
int find_register(const char *name);
/* The same also by the functions that make the call, of this library or of liburing. */
int find_call(const char *name);
/* The flag of that group; NULL: there is none. */
const struct rota_flag_rule *find_flag(const char *group, const char *name);
/* The groups of flags and values, counted from 0; NULL beyond the last one. */
const char *group_at(unsigned index);
/* The highest errno of any kernel. */
#define MAX_ERRNO 4095

/* A positive errno by name or number, with or without a sign; 0: there is none. */
int find_error(const char *name);

/* Which names did_you_mean() thinks of. */
enum names {
    NAMES_OPCODES = 1,
    NAMES_REGISTERS = 2,
    NAMES_FLAGS = 4,
    NAMES_SETUP = 8,
    NAMES_ERRORS = 16,
    NAMES_ALL = 7,
};

/* The name that is closest to a mistyped one, as "; did you mean READV?", or "". */
const char *did_you_mean(const char *name, unsigned which);

/*
 * The table in words; each fills the buffer and returns it.
 */

/* Flags of a group without their prefix; unknown bits in hexadecimal. */
const char *flags_text(const char *group, uint64_t value, const char *separator, char *buf,
                       size_t size);
/* "ioprio has IORING_RECV_MULTISHOT and len is 0" */
const char *conditions_text(struct rota_condition_rows rows, char *buf, size_t size);
/* "When ioprio has IORING_RECV_MULTISHOT, flags must have ... (before 6.17). Its reason." */
const char *rule_text(const struct rota_rule_info *rule, char *buf, size_t size);

/*
 * Bytes
 */

struct bytes {
    unsigned char *data;
    size_t length;
    size_t room;
};

/* Both end the program when there is no memory. */
void bytes_add(struct bytes *bytes, const void *data, size_t length);
void bytes_byte(struct bytes *bytes, unsigned char byte);
void bytes_free(struct bytes *bytes);

/* What hex_parse() could not make sense of. */
struct hex_report {
    size_t skipped;    /* lines without hexadecimal, or with something else in it */
    size_t first_line; /* the first of them, counted from 1 */
    char word[32];     /* what stood in the way there */
    bool gaps;         /* a star stands for lines, and no offsets say for how many */
};

/*
 * Reads hexadecimal text as xxd, hexdump, od, gdb, C and people write it.
 * `unit` is how long an entry is; it decides between readings that differ in
 * the number of bytes only.
 */
void hex_parse(const char *text, size_t length, size_t unit, struct bytes *out,
               struct hex_report *report);

#endif /* ROTA_SRC_TOOL_TOOL_H */
