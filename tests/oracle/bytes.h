/* SPDX-License-Identifier: MIT */
/*
 * One prep function as the byte oracle calls it. generated/tests/test_bytes.c
 * is compiled twice, for rota and with BYTES_OF_LIBURING for liburing, each
 * with its own headers, so that neither sees a definition of the other.
 */
#ifndef ROTA_TESTS_ORACLE_BYTES_H
#define ROTA_TESTS_ORACLE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#define BYTES_ARGS 8

#if defined(BYTES_OF_LIBURING)
#include <liburing.h>
#define PREP(name)  io_uring_prep_##name
#define BYTES_CASES bytes_of_liburing
#elif defined(BYTES_OF_ROTA)
#include <rota.h>
#define PREP(name)  rota_prep_##name
#define BYTES_CASES bytes_of_rota
#endif

struct io_uring_sqe;

struct bytes_case {
    const char *name;
    void (*call)(struct io_uring_sqe *sqe, const uint64_t *arg);
    unsigned args;
};

/* In the order of the table, the same in both; a NULL name ends them. */
extern const struct bytes_case bytes_of_rota[];
extern const struct bytes_case bytes_of_liburing[];

#endif /* ROTA_TESTS_ORACLE_BYTES_H */
