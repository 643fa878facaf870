/* SPDX-License-Identifier: MIT */
/* One request, and what is said first of it. */
#ifndef ROTA_TESTS_EXPLAIN_FIRST_H
#define ROTA_TESTS_EXPLAIN_FIRST_H

#include <rota.h>
#include <stdio.h>
#include <string.h>

#include "tap.h"

static struct io_uring_sqe request;

static struct io_uring_sqe *fresh(void)
{
    rota_sqe_clear(&request);
    return &request;
}

static void finds(const char *text, const char *wanted)
{
    char first[300];

    (void)snprintf(first, sizeof(first), "1. %s", wanted);
    if (!ok(strstr(text, first), "the first cause: %s", wanted))
        diag("%s", text);
}

#endif /* ROTA_TESTS_EXPLAIN_FIRST_H */
