/* SPDX-License-Identifier: MIT */
/* A writer of bounded text, without libc. */
#include "table/text.h"

#include <stdarg.h>

void rota_text_start(struct rota_text *text, char *buf, size_t size)
{
    text->buf = buf;
    text->size = buf ? size : 0;
    text->length = 0;
    if (text->size)
        buf[0] = '\0';
}

void rota_text_char(struct rota_text *text, char c)
{
    /* One place stays free for the end, and a text that was cut stays cut. */
    if (text->length + 1 < text->size) {
        text->buf[text->length] = c;
        text->buf[text->length + 1] = '\0';
    }
    text->length++;
}

void rota_text_put(struct rota_text *text, const char *string)
{
    size_t length = text->length;

    if (!string)
        return;
    /* As rota_text_char() does, with the end written once. */
    for (; *string && length + 1 < text->size; length++)
        text->buf[length] = *string++;
    if (length < text->size)
        text->buf[length] = '\0';
    while (*string++)
        length++;
    text->length = length;
}

void rota_text_all(struct rota_text *text, ...)
{
    const char *string;
    va_list args;

    va_start(args, text);
    while ((string = va_arg(args, const char *)) != NULL)
        rota_text_put(text, string);
    va_end(args);
}

/*
 * Divides by ten and returns the remainder. By limbs of 16 bits, because a
 * division of 64 bits would be a call into libgcc on 32-bit machines.
 */
static unsigned divide_by_ten(uint64_t *value)
{
    uint64_t quotient = 0;
    uint32_t rest = 0;

    if (*value <= UINT32_MAX) { /* nearly always */
        rest = (uint32_t)*value % 10;
        *value = (uint32_t)*value / 10;
        return rest;
    }

    for (int shift = 48; shift >= 0; shift -= 16) {
        rest = rest << 16 | (uint32_t)(*value >> shift & 0xffff);
        quotient = quotient << 16 | rest / 10;
        rest %= 10;
    }
    *value = quotient;
    return rest;
}

void rota_text_decimal(struct rota_text *text, uint64_t value)
{
    char digits[20]; /* 2^64 has as many */
    unsigned count = 0;

    do
        digits[count++] = (char)('0' + divide_by_ten(&value));
    while (value);
    while (count)
        rota_text_char(text, digits[--count]);
}

void rota_text_signed(struct rota_text *text, int64_t value)
{
    if (value < 0) {
        rota_text_char(text, '-');
        rota_text_decimal(text, 0 - (uint64_t)value);
    } else {
        rota_text_decimal(text, (uint64_t)value);
    }
}

void rota_text_hex(struct rota_text *text, uint64_t value)
{
    int shift = 60;

    if (value)
        rota_text_put(text, "0x");
    while (shift && !(value >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        rota_text_char(text, "0123456789abcdef"[value >> shift & 15]);
}

void rota_text_bytes(struct rota_text *text, const unsigned char *bytes, unsigned count)
{
    static const char digits[] = "0123456789abcdef";

    for (unsigned i = 0; i < count; i++) {
        rota_text_char(text, digits[bytes[i] >> 4]);
        rota_text_char(text, digits[bytes[i] & 15]);
    }
}

void rota_text_number(struct rota_text *text, uint64_t value)
{
    if (value < 1000000)
        rota_text_decimal(text, value);
    else
        rota_text_hex(text, value);
}

void rota_text_escaped(struct rota_text *text, unsigned char c, bool json)
{
    static const char hex[] = "0123456789abcdef";
    const char *known = "nrt\"\\";
    const char *codes = "\n\r\t\"\\";

    for (unsigned i = 0; codes[i]; i++) {
        if (c == (unsigned char)codes[i]) {
            rota_text_char(text, '\\');
            rota_text_char(text, known[i]);
            return;
        }
    }
    if (c >= 0x20 && c < 0x7f) {
        rota_text_char(text, (char)c);
        return;
    }
    rota_text_put(text, json ? "\\u00" : "\\x");
    rota_text_char(text, hex[c >> 4]);
    rota_text_char(text, hex[c & 15]);
}

int rota_text_result(const struct rota_text *text)
{
    return text->length > INT32_MAX ? INT32_MAX : (int)text->length;
}
