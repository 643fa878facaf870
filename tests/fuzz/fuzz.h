/* SPDX-License-Identifier: MIT */
/* What the fuzz targets share: parts of the input, and a buffer that must not be overrun. */
#ifndef ROTA_TESTS_FUZZ_H
#define ROTA_TESTS_FUZZ_H

#include <rota.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next bytes of the input; zeros when it is used up. */
static inline void take(const uint8_t **data, size_t *size, void *to, size_t wanted)
{
    size_t got = *size < wanted ? *size : wanted;

    memset(to, 0, wanted);
    memcpy(to, *data, got);
    *data += got;
    *size -= got;
}

/*
 * A buffer of exactly so many bytes, so that the sanitizer sees one too many.
 * finish_text() looks whether what was written is a string in it.
 */
static inline char *start_text(size_t size)
{
    char *text = malloc(size ? size : 1);

    if (!text)
        abort();
    return text;
}

static inline void finish_text(char *text, size_t size, int length)
{
    if (length < 0)
        abort();
    if (size) {
        size_t end = strnlen(text, size);

        if (end == size || end > (size_t)length || (end < (size_t)length && end + 1 != size))
            abort();
    }
    free(text);
}

#endif /* ROTA_TESTS_FUZZ_H */
