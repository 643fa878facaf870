/* SPDX-License-Identifier: MIT */
/* Ways to break a request that is right: each exactly one thing, by name. */
#ifndef ROTA_TESTS_BREAKAGE_H
#define ROTA_TESTS_BREAKAGE_H

#include "trials.h"

#include "differential.h"

/* A request that is about to be broken, and what the first cause must then say. */
struct victim {
    struct live *live;
    const struct live_trial *trial;
    const struct rota_op_info *op;
    const struct rota_caps *caps;
    struct io_uring_sqe sqe;
    struct io_uring_sqe before; /* goes first when `has_before` */
    bool has_before;
    bool submit_between; /* and alone */
    bool by_thread;      /* a thread submits it, and ends */
    const char *wanted;  /* the first cause has this ... */
    const char *or_else; /* ... or this, when it is not NULL */
    char text[160];      /* room for them */
    int opened[2];       /* descriptors to be closed afterwards */
    bool limited;        /* a limit is to be raised again */
    bool powerless;      /* the rights of root are to be had again */
};

struct breakage {
    const char *name;
    /* Breaks it; false when there is nothing to break in this way. */
    bool (*apply)(struct victim *v, struct dice *dice);
};

extern const struct breakage breakages[];
extern const unsigned breakage_count;

/* Makes the memory and files that all of them use; 0 or -1. */
int breakages_open(void);
void breakages_close(void);
/* Undoes what lies outside of the request. */
void breakage_undo(struct victim *v);

#endif /* ROTA_TESTS_BREAKAGE_H */
