/* SPDX-License-Identifier: MIT */
/* Vectors of memory: how long they are, and what is left of them after a part was moved. */
#ifndef ROTA_EMULATE_VECTOR_H
#define ROTA_EMULATE_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>

#define EMULATE_VECTORS 1024u /* what one call takes */

static inline uint64_t emulate_vector_length(const struct iovec *iov, size_t count)
{
    uint64_t length = 0;

    for (size_t i = 0; i < count; i++)
        length += iov[i].iov_len;
    return length;
}

/* Puts what follows the first bytes into `rest`, which has room for all; returns how many pieces. */
static inline size_t emulate_vector_skip(const struct iovec *iov, size_t count, struct iovec *rest,
                                         uint64_t bytes)
{
    while (count && bytes >= iov->iov_len) {
        bytes -= iov->iov_len;
        iov++;
        count--;
    }
    if (!count)
        return 0;
    memmove(rest, iov, count * sizeof(*iov));
    rest[0].iov_base = (char *)rest[0].iov_base + bytes;
    rest[0].iov_len -= (size_t)bytes;
    return count;
}

#endif /* ROTA_EMULATE_VECTOR_H */
