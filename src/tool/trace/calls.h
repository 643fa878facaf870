/* SPDX-License-Identifier: MIT */
/* What a stop at one of the three system calls means. */
#ifndef ROTA_SRC_TOOL_TRACE_CALLS_H
#define ROTA_SRC_TOOL_TRACE_CALLS_H

#include "tool/trace/model.h"

/* Whether it is one of the three. */
bool is_ring_call(uint64_t number);
/* A thread enters a call; `number` and `args` are in `task`. */
void call_entered(struct model *model, struct task *task);
/*
 * The call has returned, or the thread has ended in it. Collects what is new
 * into `look`, to be reported; true when that must happen before the thread goes
 * on, because its memory and descriptors are to be looked at.
 */
bool call_returned(struct model *model, struct task *task, int64_t result, struct looked *look,
                   bool *looked);

/*
 * describe.c: calls as text, into a buffer
 */
void describe_setup(char *buf, size_t size, uint32_t entries, const struct io_uring_params *params);
void describe_enter(char *buf, size_t size, const uint64_t *args);
/* Reads the argument in the other process. */
void describe_register(char *buf, size_t size, const struct rota_process *process,
                       const uint64_t *args);
/* Copies from another process; false when not all of it is there. */
bool read_process(int pid, uint64_t address, void *to, size_t size);

#endif /* ROTA_SRC_TOOL_TRACE_CALLS_H */
