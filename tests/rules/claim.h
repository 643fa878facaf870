/* SPDX-License-Identifier: MIT */
/* Trying claims of the table one by one, and the account of how they came out, printed as TAP. */
#ifndef ROTA_TESTS_CLAIM_H
#define ROTA_TESTS_CLAIM_H

#include "attempt.h"

#define CLAIM_TRIALS 32

/* A good request of the opcode: a trial that came out as it should. */
struct base {
    const struct live_trial *trial;
    struct outcome outcome;
};

enum claim_kind {
    CLAIM_ZERO,
    CLAIM_IGNORED,
    CLAIM_FLAG,
    CLAIM_IOSQE,
    CLAIM_RING,
    CLAIM_RULE,
    CLAIM_KINDS,
};

/* Prints every claim. */
extern bool claim_verbose;

/* The opcode on trial, and its good requests. */
extern const struct rota_op_info *op;
extern struct base bases[CLAIM_TRIALS];
extern unsigned base_count;

/* Starts the account of one kind, and prints it. */
void claim_begin(void);
void claim_report(enum claim_kind kind);
/* All claims of the opcode are skipped. */
void claim_skip_all(const char *why);
/* Prints the sums; the exit status of the program. */
int claim_done(void);

/* One claim came out: as the table says, otherwise, or not at all. */
void claim_kept(void);
__attribute__((format(printf, 1, 2))) void claim_broken(const char *format, ...);
__attribute__((format(printf, 1, 2))) void claim_not_shown(const char *format, ...);

/* The request of a trial, to be changed. */
struct request claim_base(const struct base *base);

/* What the kernel did, in words. */
const char *claim_answer(const struct outcome *outcome);

/*
 * Tries a request and books the claim, which `text` names. `how` are ATTEMPT_*
 * flags; `like_base` wants the very outcome of the unchanged request.
 */
void claim(const struct base *base, const struct request *request, unsigned how, bool like_base,
           const char *text);
/* The same, but returns why nothing was shown instead of booking that; NULL when it was shown. */
const char *claim_try(const struct base *base, const struct request *request, unsigned how,
                      bool like_base, const char *text);

#endif /* ROTA_TESTS_CLAIM_H */
