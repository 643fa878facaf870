/* SPDX-License-Identifier: MIT */
/* What the parts of `rota migrate` share: tokens of a file, and what is to be done with them. */
#ifndef ROTA_SRC_TOOL_MIGRATE_MIGRATE_H
#define ROTA_SRC_TOOL_MIGRATE_MIGRATE_H

#include <stdbool.h>
#include <stddef.h>

#include "tool/tool.h"

enum language {
    LANGUAGE_C,
    LANGUAGE_CXX,
    LANGUAGE_EITHER, /* a header */
    LANGUAGE_NONE,   /* a build file, say: read, and never changed */
};

enum token_kind {
    TOKEN_NAME,
    TOKEN_STRING, /* with its quotes, and its prefix if it is a raw one */
    TOKEN_HEADER, /* of an #include or a __has_include, with quotes or brackets */
    TOKEN_OTHER,  /* a number, a character, punctuation: "->", "::", "##" and "..." are one each */
};

enum directive {
    DIRECTIVE_NOT,
    DIRECTIVE_CONDITION,
    DIRECTIVE_DEFINE, /* and undef */
    DIRECTIVE_OTHER,
};

struct token {
    size_t at;
    unsigned length;
    unsigned line;   /* counted from 1 */
    unsigned column; /* of bytes, counted from 1 */
    unsigned group;  /* 0: the program's text; else the directive, counted from 1 */
    enum token_kind kind;
    enum directive directive;
};

struct edit {
    size_t at;
    size_t length;
    unsigned line;
    unsigned column;
    const char *text;
};

struct remark {
    unsigned line; /* 0: of the whole file */
    unsigned column;
    bool left; /* a person has to look; else it is only said */
    char *text;
};

struct file {
    const char *name;
    enum language language;
    bool has_rota; /* includes rota's headers already */
    struct bytes text;
    struct bytes tokens;  /* struct token */
    struct bytes edits;   /* struct edit, in the order of the text */
    struct bytes remarks; /* struct remark, in the order of the text */
};

static inline const struct token *file_tokens(const struct file *file, size_t *count)
{
    *count = file->tokens.length / sizeof(struct token);
    return (const struct token *)(const void *)file->tokens.data;
}

static inline const struct edit *file_edits(const struct file *file, size_t *count)
{
    *count = file->edits.length / sizeof(struct edit);
    return (const struct edit *)(const void *)file->edits.data;
}

static inline const struct remark *file_remarks(const struct file *file, size_t *count)
{
    *count = file->remarks.length / sizeof(struct remark);
    return (const struct remark *)(const void *)file->remarks.data;
}

/* Whether the token is that text. */
bool token_is(const struct file *file, const struct token *token, const char *text);

/* Fills file->tokens of its text. */
void migrate_read_tokens(struct file *file);

/* First of all files: what the program itself declares. Then of each: edits and remarks. */
void migrate_find_own(const struct file *files, size_t count);
void migrate_decide(struct file *file);

/* The text with its edits; to be freed. */
struct bytes migrate_changed(const struct file *file);
/* Prints what changes, as diff -u does. */
void migrate_print_diff(const struct file *file);

#endif /* ROTA_SRC_TOOL_MIGRATE_MIGRATE_H */
