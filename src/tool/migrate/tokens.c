/* SPDX-License-Identifier: MIT */
/*
 * Divides C and C++ into tokens, as far as it takes to tell a name from what
 * stands in a string, a comment or the name of a file.
 */
#include <ctype.h>
#include <string.h>

#include "tool/migrate/migrate.h"

struct reader {
    struct file *file;
    const char *text;
    size_t length;
    size_t at;
    unsigned line;
    size_t line_start;
    unsigned groups;   /* directives so far */
    bool in_directive; /* until the end of the line */
    bool line_empty;   /* nothing but blanks so far: a # begins a directive */
    enum directive directive;
    unsigned words;         /* of the directive, so far */
    bool header_may_follow; /* behind #include, or __has_include( */
    bool has_include;       /* behind __has_include */
};

static char at(const struct reader *reader, size_t ahead)
{
    size_t place = reader->at + ahead;

    return place < reader->length ? reader->text[place] : '\0';
}

static bool begins_name(char c)
{
    return isalpha((unsigned char)c) || c == '_' || c == '$' || (unsigned char)c >= 0x80;
}

static bool in_name(char c)
{
    return begins_name(c) || isdigit((unsigned char)c);
}

/* A newline behind a backslash is none; the length of such a pair, or 0. */
static size_t spliced(const struct reader *reader, size_t ahead)
{
    if (at(reader, ahead) != '\\')
        return 0;
    if (at(reader, ahead + 1) == '\n')
        return 2;
    return at(reader, ahead + 1) == '\r' && at(reader, ahead + 2) == '\n' ? 3 : 0;
}

/* Goes on by that many bytes, counting lines. */
static void pass(struct reader *reader, size_t count)
{
    while (count-- && reader->at < reader->length) {
        if (reader->text[reader->at++] == '\n') {
            reader->line++;
            reader->line_start = reader->at;
        }
    }
}

static void add(struct reader *reader, enum token_kind kind, size_t length)
{
    struct token token = {
        .at = reader->at,
        .length = (unsigned)length,
        .line = reader->line,
        .column = (unsigned)(reader->at - reader->line_start) + 1,
        .group = reader->in_directive ? reader->groups : 0,
        .kind = kind,
        .directive = reader->in_directive ? reader->directive : DIRECTIVE_NOT,
    };

    bytes_add(&reader->file->tokens, &token, sizeof(token));
    pass(reader, length);
}

static void pass_line(struct reader *reader)
{
    while (reader->at < reader->length && at(reader, 0) != '\n')
        pass(reader, spliced(reader, 0) ? spliced(reader, 0) : 1);
}

static void pass_comment(struct reader *reader)
{
    if (at(reader, 1) == '/') {
        pass_line(reader);
        return;
    }
    pass(reader, 2);
    while (reader->at < reader->length && !(at(reader, 0) == '*' && at(reader, 1) == '/'))
        pass(reader, 1);
    pass(reader, 2);
}

/* Of a string or character from its quote on; one that is not closed ends with its line. */
static size_t quoted_length(const struct reader *reader, size_t from)
{
    char quote = at(reader, from);
    size_t length = from + 1;

    while (reader->at + length < reader->length && at(reader, length) != quote) {
        size_t pair = spliced(reader, length);

        if (at(reader, length) == '\n')
            return length;
        length += pair ? pair : at(reader, length) == '\\' ? 2 : 1;
    }
    length += at(reader, length) == quote;
    return reader->at + length <= reader->length ? length : reader->length - reader->at;
}

/* Of a raw string whose quote is the `from`th byte. */
static size_t raw_length(const struct reader *reader, size_t from)
{
    size_t open = from + 1, end;

    while (at(reader, open) && at(reader, open) != '(' && open - from <= 17)
        open++;
    if (at(reader, open) != '(')
        return quoted_length(reader, from);
    end = open + 1;
    while (reader->at + end < reader->length) {
        size_t tail = end + 1;

        if (at(reader, end) == ')' &&
            !strncmp(reader->text + reader->at + tail, reader->text + reader->at + from + 1,
                     open - from - 1) &&
            at(reader, tail + open - from - 1) == '"')
            return tail + open - from;
        end++;
    }
    return reader->length - reader->at;
}

/* Within a number a quote divides digits, and a sign follows an exponent. */
static size_t number_length(const struct reader *reader)
{
    size_t length = 1;

    for (;; length++) {
        char c = at(reader, length);

        if (c == '\'' && isalnum((unsigned char)at(reader, length + 1)))
            continue;
        if ((c == '+' || c == '-') && strchr("eEpP", at(reader, length - 1)))
            continue;
        if (!in_name(c) && c != '.')
            return length;
    }
}

static enum directive directive_of(const char *word, size_t length)
{
    static const struct {
        const char *word;
        enum directive directive;
    } known[] = {
        {"if", DIRECTIVE_CONDITION},      {"ifdef", DIRECTIVE_CONDITION},
        {"ifndef", DIRECTIVE_CONDITION},  {"elif", DIRECTIVE_CONDITION},
        {"elifdef", DIRECTIVE_CONDITION}, {"elifndef", DIRECTIVE_CONDITION},
        {"define", DIRECTIVE_DEFINE},     {"undef", DIRECTIVE_DEFINE},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].word) == length && !memcmp(known[i].word, word, length))
            return known[i].directive;
    }
    return DIRECTIVE_OTHER;
}

static bool is_word(const char *text, size_t length, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strlen(words[i]) == length && !memcmp(words[i], text, length))
            return true;
    }
    return false;
}

#define IS_WORD(text, length, words) is_word(text, length, words, sizeof(words) / sizeof(*(words)))

static void read_name(struct reader *reader)
{
    static const char *const raw[] = {"R", "LR", "uR", "UR", "u8R"};
    static const char *const includes[] = {"include", "include_next", "import"};
    static const char *const asks[] = {"__has_include", "__has_include_next"};
    static const char *const prose[] = {"error", "warning", "ident"};
    const char *word = reader->text + reader->at;
    size_t length = 1;

    while (in_name(at(reader, length)))
        length++;
    if (at(reader, length) == '"' && IS_WORD(word, length, raw)) {
        add(reader, TOKEN_STRING, raw_length(reader, length));
        return;
    }
    reader->has_include = IS_WORD(word, length, asks);
    reader->header_may_follow = false;
    if (reader->in_directive && !reader->words++) {
        reader->directive = directive_of(word, length);
        reader->header_may_follow = IS_WORD(word, length, includes);
        add(reader, TOKEN_NAME, length);
        if (IS_WORD(word, length, prose))
            pass_line(reader); /* it may have an apostrophe */
        return;
    }
    add(reader, TOKEN_NAME, length);
}

/* "<liburing.h>"; false when it is not closed on its line. */
static bool read_header(struct reader *reader)
{
    char close = at(reader, 0) == '<' ? '>' : '"';
    size_t length = 1;

    while (at(reader, length) && at(reader, length) != close && at(reader, length) != '\n')
        length++;
    if (at(reader, length) != close)
        return false;
    add(reader, TOKEN_HEADER, length + 1);
    return true;
}

static void read_other(struct reader *reader)
{
    static const char *const whole[] = {"...", "->*", "->", "::", "##", "&&"};
    bool opens = reader->has_include && at(reader, 0) == '(';

    if (at(reader, 0) == '#' && reader->line_empty && !reader->in_directive) {
        reader->in_directive = true;
        reader->groups++;
        reader->words = 0;
        reader->directive = DIRECTIVE_OTHER;
        add(reader, TOKEN_OTHER, 1);
        return;
    }
    reader->has_include = false;
    reader->header_may_follow = opens;
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++) {
        if (reader->at + strlen(whole[i]) <= reader->length &&
            !strncmp(reader->text + reader->at, whole[i], strlen(whole[i]))) {
            add(reader, TOKEN_OTHER, strlen(whole[i]));
            return;
        }
    }
    add(reader, TOKEN_OTHER, 1);
}

static void read_token(struct reader *reader)
{
    char c = at(reader, 0);
    bool header = reader->header_may_follow;

    if (c == '\n') {
        pass(reader, 1);
        reader->in_directive = reader->header_may_follow = reader->has_include = false;
        reader->line_empty = true;
        return;
    }
    if (c == '/' && (at(reader, 1) == '/' || at(reader, 1) == '*')) {
        pass_comment(reader); /* as good as a blank, also before a # */
        return;
    }
    if (spliced(reader, 0) || isspace((unsigned char)c)) {
        pass(reader, spliced(reader, 0) ? spliced(reader, 0) : 1);
        return;
    }
    if (header && (c == '<' || c == '"') && read_header(reader))
        reader->header_may_follow = false;
    else if (begins_name(c))
        read_name(reader);
    else if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)at(reader, 1))))
        add(reader, TOKEN_OTHER, number_length(reader));
    else if (c == '"')
        add(reader, TOKEN_STRING, quoted_length(reader, 0));
    else if (c == '\'')
        add(reader, TOKEN_OTHER, quoted_length(reader, 0));
    else
        read_other(reader);
    reader->line_empty = false;
}

void migrate_read_tokens(struct file *file)
{
    struct reader reader = {
        .file = file,
        .text = (const char *)file->text.data,
        .length = file->text.length,
        .line = 1,
        .line_empty = true,
    };

    if (reader.length >= 3 && !memcmp(reader.text, "\xef\xbb\xbf", 3))
        pass(&reader, 3); /* a byte order mark is no part of the first line */
    while (reader.at < reader.length)
        read_token(&reader);
}

bool token_is(const struct file *file, const struct token *token, const char *text)
{
    return token && strlen(text) == token->length &&
           !memcmp(file->text.data + token->at, text, token->length);
}
