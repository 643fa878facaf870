/* SPDX-License-Identifier: MIT */
/*
 * Hexadecimal as people have it: plain digits, C arrays, log lines, and the
 * output of xxd, hexdump, od and gdb. Where a program prints words instead of
 * bytes, they are those of this machine's byte order.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

/* All stars of a dump stand for no more bytes than this: one of that size is a mistake. */
#define MAX_GAP (1U << 26)

/* What stands on one line, and where in the dump it claims to stand. */
struct line {
    char offset[20]; /* digits in front, of whatever base, or empty */
    size_t start;    /* of its bytes in the output */
    size_t count;
    bool repeat; /* lines equal to the one before were left out above it */
    bool colon;  /* the offset ends with one: xxd and gdb */
};

static unsigned digit(char c)
{
    return isdigit((unsigned char)c) ? (unsigned)(c - '0')
                                     : (unsigned)(tolower((unsigned char)c) - 'a') + 10;
}

static size_t hex_length(const char *text, size_t length)
{
    size_t i = 0;

    while (i < length && isxdigit((unsigned char)text[i]))
        i++;
    return i;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f';
}

/* What may stand between bytes. */
static bool is_separator(char c)
{
    return is_blank(c) || strchr(",;:{}[]()\"'_-", c) != NULL;
}

/* The digits as they stand: two make a byte, an odd one in front stands for itself. */
static void add_bytes(struct bytes *out, const char *text, size_t length)
{
    if (length % 2) {
        bytes_byte(out, (unsigned char)digit(*text));
        text++;
        length--;
    }
    for (size_t i = 0; i < length; i += 2)
        bytes_byte(out, (unsigned char)(digit(text[i]) << 4 | digit(text[i + 1])));
}

/* The digits as a number of this machine that is as wide as they are. */
static void add_number(struct bytes *out, const char *text, size_t length)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    add_bytes(out, text, length);
#else
    size_t left = length;

    while (left > 1) {
        left -= 2;
        bytes_byte(out, (unsigned char)(digit(text[left]) << 4 | digit(text[left + 1])));
    }
    if (left)
        bytes_byte(out, (unsigned char)digit(*text));
#endif
}

/*
 * The part of a line that holds data. A prefix that ends with a colon goes; so
 * does the text that dumps print beside the bytes. An offset is kept.
 */
static void trim(const char **text, size_t *length, struct line *line)
{
    const char *at = *text;
    size_t left = *length, digits, prefix = 0, start;

    while (left && is_blank(*at)) {
        at++;
        left--;
    }
    /* `00000010: ` of xxd, `0x7ffe10 <sqe+16>:` of gdb, `[12.5] sqe: ` of a log. */
    for (size_t i = 0; i < left; i++) {
        if (at[i] == ':' && (i + 1 == left || is_blank(at[i + 1])))
            prefix = i + 1;
    }
    if (prefix) {
        start = prefix > 2 && at[0] == '0' && (at[1] == 'x' || at[1] == 'X') ? 2 : 0;
        digits = hex_length(at + start, prefix - start);
        if (digits && digits < sizeof(line->offset) &&
            (at[start + digits] == ':' || at[start + digits] == ' ')) {
            memcpy(line->offset, at + start, digits);
            line->offset[digits] = '\0';
            line->colon = true;
        }
        at += prefix;
        left -= prefix;
        while (left && is_blank(*at)) {
            at++;
            left--;
        }
        /* xxd: two blanks, then the same as text. */
        for (size_t i = 0; line->colon && !start && i + 1 < left; i++) {
            if (at[i] == ' ' && at[i + 1] == ' ')
                left = i;
        }
    }
    for (size_t i = 0; i < left; i++) {
        bool comment = at[i] == '/' && i + 1 < left && (at[i + 1] == '/' || at[i + 1] == '*');

        if (at[i] == '|' || at[i] == '>' || at[i] == '#' || comment)
            left = i;
    }
    /* `unsigned char sqe[] = { 0x1b,` */
    for (size_t i = 0; i < left; i++) {
        if (at[i] == '{') {
            at += i;
            left -= i;
            break;
        }
    }
    *text = at;
    *length = left;
}

/* The next word of a line; false at its end. */
static bool next_word(const char **text, size_t *length, const char **word, size_t *word_length)
{
    size_t i = 0;

    while (*length && is_separator(**text)) {
        (*text)++;
        (*length)--;
    }
    while (i < *length && !is_separator((*text)[i]) && !(i && (*text)[i] == '\\'))
        i++;
    *word = *text;
    *word_length = i;
    *text += i;
    *length -= i;
    return i;
}

/* Digits behind 0x, or `\x`, or bare; 0 when the word is something else. */
static size_t digits_of(const char **word, size_t length, bool *number)
{
    *number = length > 2 && (*word)[0] == '0' && ((*word)[1] == 'x' || (*word)[1] == 'X');
    if (*number || (length > 2 && (*word)[0] == '\\' && (*word)[1] == 'x')) {
        *word += 2;
        length -= 2;
    }
    while (*number && length > 1 && strchr("uUlL", (*word)[length - 1]))
        length--;
    return hex_length(*word, length) == length ? length : 0;
}

/*
 * Whether the first word is the offset of od or hexdump: longer than a byte,
 * and of another length than what follows. Alone it is one when the lines
 * before had offsets like it: the end of the dump.
 */
static bool starts_with_offset(const char *text, size_t length, size_t before)
{
    const char *first, *second;
    size_t first_length, second_length;

    if (!next_word(&text, &length, &first, &first_length) || first_length < 6 ||
        first_length > 16 || hex_length(first, first_length) != first_length)
        return false;
    if (!next_word(&text, &length, &second, &second_length))
        return before == first_length;
    return hex_length(second, second_length) == second_length && second_length != first_length;
}

/* The bytes of one line; false, with nothing added, when something else stands in it. */
static bool parse_line(const char *text, size_t length, struct bytes *out, struct line *line,
                       size_t offset_length, struct hex_report *report)
{
    size_t before = out->length, word_length, digits;
    const char *word;
    bool number, words = false;

    trim(&text, &length, line);
    if (!line->offset[0] && starts_with_offset(text, length, offset_length)) {
        next_word(&text, &length, &word, &word_length);
        memcpy(line->offset, word, word_length);
        line->offset[word_length] = '\0';
        words = true; /* what od and hexdump print with more than two digits are words */
    }
    while (next_word(&text, &length, &word, &word_length)) {
        const char *whole = word;

        digits = digits_of(&word, word_length, &number);
        if (!digits) {
            if (!report->skipped)
                snprintf(report->word, sizeof(report->word), "%.*s",
                         (int)(word_length < 24 ? word_length : 24), whole);
            out->length = before;
            return false;
        }
        if (number || words)
            add_number(out, word, digits);
        else
            add_bytes(out, word, digits);
    }
    return true;
}

/*
 * Lines that a dump left out
 */

struct lines {
    struct line *of;
    size_t count;
    size_t room;
};

static struct line *add_line(struct lines *lines)
{
    if (lines->count == lines->room) {
        lines->room = lines->room ? 2 * lines->room : 64;
        lines->of = realloc(lines->of, lines->room * sizeof(*lines->of));
        if (!lines->of) {
            complain("no memory");
            exit(STATUS_TROUBLE);
        }
    }
    lines->of[lines->count] = (struct line){.repeat = false};
    return &lines->of[lines->count++];
}

/* Bytes between the offsets of two lines beyond what stands there; -1 when that makes no sense. */
static long long gap(const struct line *from, const struct line *to, int base)
{
    char *end;
    unsigned long long first = strtoull(from->offset, &end, base);
    unsigned long long next;

    if (*end)
        return -1;
    next = strtoull(to->offset, &end, base);
    if (*end || next < first || next - first < from->count || next - first > MAX_GAP)
        return -1;
    return (long long)(next - first - from->count);
}

/*
 * Whether the offsets are of that base: each line begins where the one before
 * ends, but for what stars stand for, which is not too much altogether.
 */
static bool base_fits(const struct lines *lines, int base)
{
    unsigned long long total = 0;

    for (size_t i = 0; i + 1 < lines->count; i++) {
        const struct line *from = &lines->of[i], *to = &lines->of[i + 1];
        long long left_out;

        if (!from->offset[0] || !to->offset[0])
            continue;
        left_out = gap(from, to, base);
        if (!to->repeat && left_out)
            return false;
        if (to->repeat && (left_out <= 0 || !from->count || left_out % (long long)from->count))
            return false;
        total += (unsigned long long)left_out;
        if (total > MAX_GAP)
            return false;
    }
    return true;
}

/*
 * The base of the offsets. Where lines were left out more than one may fit:
 * then the one that makes whole entries, and among those od's octal if there
 * are seven digits, and hexadecimal otherwise, as everybody else prints it.
 */
static int offset_base(const struct lines *lines, size_t unit)
{
    static const int seven[] = {8, 10, 16}, others[] = {16, 10, 8};
    const struct line *last = lines->count ? &lines->of[lines->count - 1] : NULL;
    const int *bases;

    if (!last || !last->offset[0])
        return 0;
    bases = strlen(last->offset) == 7 && !last->colon ? seven : others;
    for (int whole = 1; whole >= 0; whole--) {
        for (int i = 0; i < 3; i++) {
            long long total = gap(&lines->of[0], last, bases[i]);

            if (total < 0 || !base_fits(lines, bases[i]))
                continue;
            total += (long long)(lines->of[0].count + last->count);
            if (!whole || total % (long long)unit == 0)
                return bases[i];
        }
    }
    return 0;
}

/* Puts repeated lines back where a dump had a star; false when nobody can know how many. */
static bool fill(struct bytes *out, const struct lines *lines, size_t unit)
{
    struct bytes whole = {NULL, 0, 0};
    int base = offset_base(lines, unit);
    bool complete = true;

    for (size_t i = 0; i < lines->count; i++) {
        const struct line *line = &lines->of[i];

        if (line->repeat && !(i && base && line->offset[0] && line[-1].offset[0])) {
            complete = false;
        } else if (line->repeat) {
            const struct line *last = &line[-1];
            long long left_out = gap(last, line, base);

            for (; last->count && left_out > 0; left_out -= (long long)last->count)
                bytes_add(&whole, out->data + last->start, last->count);
        }
        if (line->count) /* or there may be no bytes at all */
            bytes_add(&whole, out->data + line->start, line->count);
    }
    bytes_free(out);
    *out = whole;
    return complete;
}

void hex_parse(const char *text, size_t length, size_t unit, struct bytes *out,
               struct hex_report *report)
{
    const char *end = text + length;
    struct lines lines = {NULL, 0, 0};
    bool repeat = false, repeats = false;
    size_t number = 0, offset_length = 0;

    *report = (struct hex_report){0, 0, "", false};
    while (text < end) {
        const char *stop = memchr(text, '\n', (size_t)(end - text));
        size_t size = (size_t)((stop ? stop : end) - text);
        struct line *line;

        number++;
        if (size && text[0] == '*' && hex_length(text + 1, size - 1) == 0) {
            repeat = repeats = true;
        } else {
            line = add_line(&lines);
            line->start = out->length;
            line->repeat = repeat;
            if (!parse_line(text, size, out, line, offset_length, report) && !report->skipped++)
                report->first_line = number;
            line->count = out->length - line->start;
            if (line->count || line->offset[0])
                repeat = false;
            else
                lines.count--; /* nothing stands in it */
            if (line->offset[0])
                offset_length = strlen(line->offset);
        }
        text += size + 1;
    }
    if (repeats)
        report->gaps = !fill(out, &lines, unit) || repeat;
    free(lines.of);
}
