/* SPDX-License-Identifier: MIT */
/* Programs under ptrace(2): started or attached to, stopped at the ring's calls, let go. */
#ifndef ROTA_SRC_TOOL_TRACE_STOPS_H
#define ROTA_SRC_TOOL_TRACE_STOPS_H

#include "tool/trace/model.h"

struct stops {
    struct model *model;
    struct table by_tid;
    struct node tasks;
    unsigned count;
    int command;             /* the process that was started; 0: none */
    int status;              /* how it ended, as of waitpid(2) */
    bool all_calls;          /* attached: there is no filter, each call of the program stops */
    bool setup_only;         /* do not stop at io_uring_enter(2) */
    int report;              /* where a child tells why it could not become the command; -1: none */
    void (*idle)(void *arg); /* called now and then, when nothing stops */
    void *arg;
};

/*
 * Starts a command with a filter that stops it at the ring's calls, and nothing
 * else. 0, or -errno after a message: then `status` is what rota has to end with.
 */
int stops_start(struct stops *stops, char **argv, int *status);
/* Attaches to all threads of a process. 0, or -errno after a message. */
int stops_attach(struct stops *stops, int pid);
/*
 * Serves stops until nothing is left, or until a signal asks to leave. `command`
 * is named when it cannot be run; `status` tells then, and else how it ended.
 */
void stops_serve(struct stops *stops, const char *command);

#endif /* ROTA_SRC_TOOL_TRACE_STOPS_H */
