/* SPDX-License-Identifier: MIT */
/* A header of the drop-in that uses each form of declaration once. */
#ifndef ROTA_LIBURING_TINY_H
#define ROTA_LIBURING_TINY_H

#include <rota/tiny.h>
#include <time.h>

#define io_uring_tiny_each(ring, x)   rota_tiny_each(ring, x)
#define io_uring_tiny_few(ring)       rota_tiny_few(ring, 0)
#define IO_URING_TINY_VERSION         3

struct io_uring {
    struct rota_tiny rota;
};

struct io_uring_tiny_pair {
    uint8_t low ROTA_LIBURING_NOT("the other half is enough");
    uint64_t high ROTA_LIBURING_NOT("reserved in liburing, too");
};

struct io_uring_tiny_iter {
    int other;
};

/* A symbol of rota's with another name, and one that takes something else. */
const char *io_uring_tiny_wrong(unsigned which) ROTA_LIBURING_IS("rota_tiny_right");
void io_uring_tiny_more(int one) ROTA_LIBURING_IS("rota_tiny_left");

/* The same name. */
void io_uring_tiny_left(void) LIBURING_NOEXCEPT;
/* The same name for something else. */
int io_uring_tiny_right(unsigned which) LIBURING_NOEXCEPT;
/* Of a structure that rota lacks. */
const char *__io_uring_tiny_right(struct io_uring_tiny_iter *iter) LIBURING_NOEXCEPT;

IOURINGINLINE size_t io_uring_tiny_size(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_tiny_length(&ring->rota);
}

IOURINGINLINE __u64 io_uring_tiny_length(const struct io_uring *ring)
{
    return ring->rota.length;
}

IOURINGINLINE size_t io_uring_tiny_twice(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_tiny_length(&ring->rota) * 2;
}

#endif /* ROTA_LIBURING_TINY_H */
