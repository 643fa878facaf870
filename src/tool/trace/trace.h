/* SPDX-License-Identifier: MIT */
/* What the parts of `rota trace` and `rota top` share beside the model. */
#ifndef ROTA_SRC_TOOL_TRACE_TRACE_H
#define ROTA_SRC_TOOL_TRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The pointer, or the end of the program when it is NULL. */
void *need_memory(void *pointer);

#endif /* ROTA_SRC_TOOL_TRACE_TRACE_H */
