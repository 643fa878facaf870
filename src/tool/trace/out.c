/* SPDX-License-Identifier: MIT */
#include "tool/trace/out.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void out_flush(struct out *out)
{
    size_t done = 0;

    while (done < out->length && !out->error) {
        ssize_t wrote = write(out->fd, out->block + done, out->length - done);

        if (wrote > 0)
            done += (size_t)wrote;
        else if (wrote < 0 && errno != EINTR)
            out->error = errno;
    }
    out->length = 0;
}

char *out_room(struct out *out, size_t size)
{
    if (size > OUT_BLOCK - out->length)
        out_flush(out);
    return out->block + out->length;
}

void out_long(struct out *out, const char *text, size_t length)
{
    while (length) {
        size_t part = length < OUT_BLOCK ? length : OUT_BLOCK;

        memcpy(out_room(out, part), text, part);
        out->length += part;
        text += part;
        length -= part;
    }
}

/* The digits of a number at the end of a buffer of 20; returns how many. */
static unsigned digits(char *end, uint64_t value)
{
    unsigned count = 0;

    do {
        *--end = (char)('0' + value % 10);
        value /= 10;
        count++;
    } while (value);
    return count;
}

void out_decimal(struct out *out, uint64_t value)
{
    char text[20];
    unsigned count = digits(text + sizeof(text), value);

    out_put(out, text + sizeof(text) - count, count);
}

void out_signed(struct out *out, int64_t value)
{
    if (value < 0)
        out_char(out, '-');
    out_decimal(out, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void out_hex(struct out *out, uint64_t value)
{
    static const char hex[] = "0123456789abcdef";
    char text[16];
    unsigned count = 0;

    do {
        text[sizeof(text) - ++count] = hex[value & 15];
        value >>= 4;
    } while (value);
    out_put(out, "0x", 2);
    out_put(out, text + sizeof(text) - count, count);
}

void out_column(struct out *out, uint64_t value, unsigned width)
{
    char text[20];
    unsigned count = digits(text + sizeof(text), value);

    for (unsigned i = count; i < width; i++)
        out_char(out, ' ');
    out_put(out, text + sizeof(text) - count, count);
}

void out_seconds(struct out *out, uint64_t nanoseconds, unsigned width)
{
    uint64_t micro = nanoseconds / 1000;
    char text[7] = ".";

    out_column(out, micro / 1000000, width);
    micro %= 1000000;
    for (unsigned i = 6; i; i--) {
        text[i] = (char)('0' + micro % 10);
        micro /= 10;
    }
    out_put(out, text, sizeof(text));
}

void out_duration(struct out *out, uint64_t nanoseconds)
{
    static const struct {
        uint64_t from;
        uint64_t unit;
        const char *name;
    } units[] = {{UINT64_C(1000000000), UINT64_C(1000000000), " s"},
                 {UINT64_C(1000000), UINT64_C(1000000), " ms"},
                 {UINT64_C(1000), UINT64_C(1000), " us"}};

    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        uint64_t whole, rest;

        if (nanoseconds < units[i].from)
            continue;
        /* Three digits that count. */
        whole = nanoseconds / units[i].unit;
        rest = nanoseconds % units[i].unit * 100 / units[i].unit;
        out_decimal(out, whole);
        if (whole < 100) {
            out_char(out, '.');
            out_char(out, (char)('0' + rest / 10));
            if (whole < 10)
                out_char(out, (char)('0' + rest % 10));
        }
        out_text(out, units[i].name);
        return;
    }
    out_decimal(out, nanoseconds);
    out_text(out, " ns");
}

void out_format(struct out *out, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(out_room(out, 4096), 4096, format, args);
    va_end(args);
    if (length > 0)
        out_took(out, length < 4096 ? (size_t)length : 4095);
}

void out_json(struct out *out, const char *text)
{
    if (!text) {
        out_text(out, "null");
        return;
    }
    out_char(out, '"');
    while (*text) {
        size_t plain = 0;
        unsigned char c;

        while ((c = (unsigned char)text[plain]) >= 0x20 && c != '"' && c != '\\')
            plain++;
        out_put(out, text, plain);
        text += plain;
        if (!c)
            break;
        if (c == '"' || c == '\\') {
            out_char(out, '\\');
            out_char(out, (char)c);
        } else if (c == '\n') {
            out_text(out, "\\n");
        } else {
            out_format(out, "\\u%04x", c);
        }
        text++;
    }
    out_char(out, '"');
}
