/* SPDX-License-Identifier: MIT */
/* Writes JSON to stdout, one value after another. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"

#define MAX_DEPTH 16

static struct {
    char closing[MAX_DEPTH];
    bool any[MAX_DEPTH]; /* something stands in it already */
    unsigned depth;
} json;

/* The bytes of the UTF-8 sequence at `text`, 0 when there is none. */
static unsigned sequence(const unsigned char *text)
{
    unsigned more, least;
    unsigned long code;

    if (text[0] < 0x80)
        return 1;
    if (text[0] >= 0xc2 && text[0] < 0xe0) {
        more = 1;
        least = 0x80;
        code = text[0] & 0x1fU;
    } else if (text[0] >= 0xe0 && text[0] < 0xf0) {
        more = 2;
        least = 0x800;
        code = text[0] & 0x0fU;
    } else if (text[0] >= 0xf0 && text[0] < 0xf5) {
        more = 3;
        least = 0x10000;
        code = text[0] & 0x07U;
    } else {
        return 0;
    }
    for (unsigned i = 1; i <= more; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (text[i] & 0x3fU);
    }
    if (code < least || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
        return 0;
    return more + 1;
}

static void put_string(const char *string)
{
    const unsigned char *text = (const unsigned char *)string;

    putchar('"');
    while (*text) {
        unsigned bytes = sequence(text);

        if (!bytes) {
            fputs("\\ufffd", stdout);
            text++;
            continue;
        }
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if (*text == '\n')
            fputs("\\n", stdout);
        else if (*text < 0x20 || *text == 0x7f)
            printf("\\u%04x", *text);
        else
            fwrite(text, 1, bytes, stdout);
        text += bytes;
    }
    putchar('"');
}

/* What stands before a value: a comma, a new line, the key. */
static void begin(const char *key)
{
    if (json.depth) {
        if (json.any[json.depth - 1])
            putchar(',');
        json.any[json.depth - 1] = true;
        printf("\n%*s", (int)(2 * json.depth), "");
    }
    if (key) {
        put_string(key);
        fputs(": ", stdout);
    }
}

static void open_with(const char *key, char opening, char closing)
{
    begin(key);
    putchar(opening);
    if (json.depth == MAX_DEPTH)
        abort(); /* deeper than any caller nests */
    json.closing[json.depth] = closing;
    json.any[json.depth] = false;
    json.depth++;
}

void json_object(const char *key)
{
    open_with(key, '{', '}');
}

void json_array(const char *key)
{
    open_with(key, '[', ']');
}

void json_end(void)
{
    json.depth--;
    if (json.any[json.depth])
        printf("\n%*s", (int)(2 * json.depth), "");
    putchar(json.closing[json.depth]);
    if (!json.depth)
        putchar('\n');
}

void json_string(const char *key, const char *value)
{
    begin(key);
    if (value)
        put_string(value);
    else
        fputs("null", stdout);
}

void json_number(const char *key, int64_t value)
{
    begin(key);
    printf("%" PRId64, value);
}

void json_hex(const char *key, uint64_t value)
{
    begin(key);
    printf("\"0x%" PRIx64 "\"", value);
}

void json_bool(const char *key, bool value)
{
    begin(key);
    fputs(value ? "true" : "false", stdout);
}

void json_null(const char *key)
{
    json_string(key, NULL);
}

void json_release(const char *key, unsigned release)
{
    json_string(key, release ? release_name(release) : NULL);
}
