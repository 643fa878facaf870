/* SPDX-License-Identifier: MIT */
/*
 * One trial of the table as a handle runs it; the generated list holds them
 * all. The scenarios are those of tests/live.
 */
#ifndef ROTA_TESTS_CALLS_H
#define ROTA_TESTS_CALLS_H

/* Sets feature macros: before everything else. */
#include "trials.h"

#include <rota/call.h>

struct call_trial {
    const char *title;
    const char *name; /* of the request: rota_start_NAME */
    const struct live_scenario *scenario;
    unsigned since[2]; /* first kernel that must answer so */
    int (*start)(struct live *l, struct rota_op *op);
    /* Sets fields that the start function has no argument for; NULL: none. */
    void (*amend)(struct live *l, struct io_uring_sqe *sqe);
    /* The call function; NULL: fields have to be set, or there is none. */
    int (*call)(struct live *l);
    int (*result)(struct live *l);
    enum live_kind kind;
    unsigned cqes;
    unsigned flags; /* CQE flags that the first result carries */
    int error;      /* the trial provokes an error */
};

extern const struct call_trial call_trials[];
extern const unsigned call_trial_count;

#endif /* ROTA_TESTS_CALLS_H */
