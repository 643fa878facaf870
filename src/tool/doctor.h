/* SPDX-License-Identifier: MIT */
/* The parts of `rota doctor`: trials, and looks at what surrounds the process. */
#ifndef ROTA_SRC_TOOL_DOCTOR_H
#define ROTA_SRC_TOOL_DOCTOR_H

#include <rota/ring.h>

#include "tool/tool.h"

enum verdict {
    VERDICT_OK,
    VERDICT_NOTE,    /* worth knowing */
    VERDICT_WARNING, /* a limit that will bite */
    VERDICT_BLOCKED, /* this is in the way of a ring */
};

#define MAX_CHECKS 16

/* One thing that was looked at. */
struct check {
    const char *name;
    enum verdict verdict;
    char text[400];
    char remedy[400];
};

struct checks {
    struct check of[MAX_CHECKS];
    unsigned count;
};

/* What a child that may be killed for it has seen. */
struct first_look {
    int killed; /* the signal that ended it: seccomp does so; 0 */
    int setup;  /* io_uring_setup(0, NULL): -EFAULT where rings are allowed */
    int enter;  /* io_uring_enter(-1, ...): -EBADF unless something stands before the kernel */
};

/* Calls that make nothing, in a child process. 0 or -errno. */
int look_first(struct first_look *look);

/*
 * rota_init(), and again for a while when there is no memory: some kernels
 * count rings against RLIMIT_MEMLOCK, those just taken down included.
 */
int make_ring(struct rota_ring *ring, unsigned entries, const struct rota_config *config);

struct check *add_check(struct checks *checks, const char *name, enum verdict verdict);
/* Whether something is known to be in the way. */
bool is_blocked(const struct checks *checks);
__attribute__((format(printf, 2, 3))) void say(struct check *check, const char *format, ...);
__attribute__((format(printf, 2, 3))) void advise(struct check *check, const char *format, ...);

/*
 * What may be in the way. `ret` is what a plain ring was refused with, or 0.
 */
void check_kernel(struct checks *checks, const struct first_look *look, int ret);
void check_sysctl(struct checks *checks, int ret);
void check_seccomp(struct checks *checks, const struct first_look *look, int ret);
/* To be called after the others: it is what remains. */
void check_module(struct checks *checks, int ret);

/* emulated.c: what programs get that can stand on the emulated kernel. */
void check_emulated(struct checks *checks, const struct first_look *look, int ret);

/*
 * Limits
 */
void check_memlock(struct checks *checks, int ret);
void check_nofile(struct checks *checks, int ret);
void check_poll_queues(struct checks *checks);

/* Whether rota trace can work here. */
void check_tracing(struct checks *checks);

#endif /* ROTA_SRC_TOOL_DOCTOR_H */
