/* SPDX-License-Identifier: MIT */
/* Output in blocks: a line costs no system call. */
#ifndef ROTA_SRC_TOOL_TRACE_OUT_H
#define ROTA_SRC_TOOL_TRACE_OUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OUT_BLOCK 65536

struct out {
    int fd;
    int error; /* errno of the first write that failed; nothing is written after it */
    bool colour;
    size_t length;
    char block[OUT_BLOCK];
};

/* Room for a text of `size` bytes at the end of the block, to be taken with out_took(). */
char *out_room(struct out *out, size_t size);
static inline void out_took(struct out *out, size_t length)
{
    out->length += length;
}

/* Of any length. */
void out_long(struct out *out, const char *text, size_t length);
/* In line, so that a text in quotes is copied by its known length. */
static inline void out_put(struct out *out, const char *text, size_t length)
{
    if (length > OUT_BLOCK - out->length) {
        out_long(out, text, length);
        return;
    }
    memcpy(out->block + out->length, text, length);
    out->length += length;
}
static inline void out_text(struct out *out, const char *text)
{
    out_put(out, text, strlen(text));
}
static inline void out_char(struct out *out, char c)
{
    *out_room(out, 1) = c;
    out->length++;
}
void out_decimal(struct out *out, uint64_t value);
void out_signed(struct out *out, int64_t value);
void out_hex(struct out *out, uint64_t value);
/* A number to the right of `width` columns. */
void out_column(struct out *out, uint64_t value, unsigned width);
/* Seconds with six digits behind the point, of nanoseconds. */
void out_seconds(struct out *out, uint64_t nanoseconds, unsigned width);
/* "850 ns", "12.3 us", "4.56 ms", "1.20 s" */
void out_duration(struct out *out, uint64_t nanoseconds);
__attribute__((format(printf, 2, 3))) void out_format(struct out *out, const char *format, ...);
/* A JSON string in quotes, or null. */
void out_json(struct out *out, const char *text);
void out_flush(struct out *out);
/* Whether the block should be written soon; who adds a line or two then does not wait for it. */
static inline bool out_is_long(const struct out *out)
{
    return out->length >= OUT_BLOCK / 4;
}

#endif /* ROTA_SRC_TOOL_TRACE_OUT_H */
