/* SPDX-License-Identifier: MIT */
/*
 * Sends one changed request to the running kernel, in a process of its own:
 * whatever it does to that process, or however long it waits, the test goes on.
 */
#ifndef ROTA_TESTS_ATTEMPT_H
#define ROTA_TESTS_ATTEMPT_H

#include "trials.h"

#include "predict.h"

enum stage {
    STAGE_NOT_OPENED, /* the scenario cannot be had; see `why` */
    STAGE_LOST,       /* the process ended, or hung, before the request was submitted */
    STAGE_PENDING,    /* taken, and no completion within the time */
    STAGE_REFUSED,    /* refused before it ran */
    STAGE_ANSWERED,   /* taken, and completed */
};

struct outcome {
    enum stage stage;
    int res; /* of the first completion */
    unsigned cqes;
    bool expected; /* all came out as in the unchanged trial */
    char why[120];
    /* The request as the trial makes it, and its ring. */
    unsigned char image[SQE_BYTES];
    unsigned ring;
};

/* The unchanged request: waits longer, and there is nothing behind it in the queue. */
#define ATTEMPT_BASE 1U
/* Puts the request's file into the ring's table and names the slot instead. */
#define ATTEMPT_SLOT 2U
/* Looks at the effect as well, as the live trial does; a refusal then counts as an answer. */
#define ATTEMPT_CHECK 4U
/* The table foresees an answer: silence is waited out. */
#define ATTEMPT_ANSWER 8U

/*
 * trial    the scenario, and the request before its change
 * base     what ATTEMPT_BASE gave for the trial; NULL for that very call
 * request  the changed request: what differs from `base` is changed
 */
void attempt(const struct live_trial *trial, const struct outcome *base,
             const struct request *request, unsigned how, struct outcome *outcome);

#endif /* ROTA_TESTS_ATTEMPT_H */
