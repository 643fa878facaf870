/* SPDX-License-Identifier: MIT */
/*
 * The little of <string.h> that the core needs, and a writer of bounded text,
 * without libc.
 */
#ifndef ROTA_SRC_TEXT_H
#define ROTA_SRC_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline int rota_text_same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

/*
 * Text that goes into a caller's buffer and never beyond it. `length` counts
 * what the whole text needs, whether it fitted or not; the buffer is
 * terminated after every step. `size` may be 0, `buf` then NULL.
 */
struct rota_text {
    char *buf;
    size_t size;
    size_t length;
};

void rota_text_start(struct rota_text *text, char *buf, size_t size);

void rota_text_char(struct rota_text *text, char c);
void rota_text_put(struct rota_text *text, const char *string); /* NULL puts nothing */
void rota_text_decimal(struct rota_text *text, uint64_t value);
void rota_text_signed(struct rota_text *text, int64_t value);
void rota_text_hex(struct rota_text *text, uint64_t value); /* 0x..., and 0 as 0 */

/* Two digits for each byte. */
void rota_text_bytes(struct rota_text *text, const unsigned char *bytes, unsigned count);

/* Small numbers as decimals, others in hexadecimal. */
void rota_text_number(struct rota_text *text, uint64_t value);

/* Several strings one after another; the last argument is NULL. */
void rota_text_all(struct rota_text *text, ...) __attribute__((sentinel));

/* A character as it stands in a C string or, with `json`, a JSON string. */
void rota_text_escaped(struct rota_text *text, unsigned char c, bool json);

/* The result of a function that writes text: what the whole of it needs. */
int rota_text_result(const struct rota_text *text);

#endif /* ROTA_SRC_TEXT_H */
