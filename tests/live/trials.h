/* SPDX-License-Identifier: MIT */
/*
 * One trial of the table, as the generated list holds it.
 */
#ifndef ROTA_TESTS_TRIALS_H
#define ROTA_TESTS_TRIALS_H

#include "live.h"

enum live_kind {
    LIVE_EXACT,    /* the result equals `result` */
    LIVE_FD,       /* the result is 0 or more */
    LIVE_POSITIVE, /* the result is 1 or more */
};

struct live_trial {
    const char *title;
    const struct live_scenario *scenario;
    unsigned opcode;
    unsigned since[2];     /* first kernel that must answer so */
    const char *backports; /* older series that do, too: "5.10 6.1"; or NULL */
    /* A request: fills the SQE. */
    void (*send)(struct live *l, struct io_uring_sqe *sqe);
    /* Or a register call: makes it. */
    int (*call)(struct live *l);
    int (*result)(struct live *l);
    enum live_kind kind;
    unsigned cqes;
    unsigned flags; /* CQE flags that the first completion carries */
    unsigned error; /* 1 and up: which error of the row it provokes; 0: it succeeds */
};

extern const struct live_trial live_trials[];
extern const unsigned live_trial_count;

/* An error that no trial provokes but a breakage of the oracle of explanations. */
struct live_broken {
    uint8_t opcode;
    uint8_t error;        /* which of the row's, from 1 on */
    const char *breakage; /* its name */
    unsigned since, until;
};

extern const struct live_broken live_broken[];
extern const unsigned live_broken_count;

/* Of register calls: of tests/explain/calls.c. */
extern const struct live_broken live_broken_calls[];
extern const unsigned live_broken_call_count;

#endif /* ROTA_TESTS_TRIALS_H */
