/* SPDX-License-Identifier: MIT */
/* What generated/src/tool_tables.c holds: the part of the table that only the command prints. */
#ifndef ROTA_SRC_TOOL_TABLES_H
#define ROTA_SRC_TOOL_TABLES_H

#include <rota/info.h>

/* A function for a register call. */
struct tool_call {
    const char *prototype;
    const char *summary;
    const char *example;
    uint16_t since;
    uint8_t opcode; /* IORING_REGISTER_* */
};

/* C source by opcode; NULL where there is no prep function. */
extern const char *const tool_op_examples[];
extern const unsigned tool_op_example_count;

extern const struct tool_call tool_calls[]; /* in the order of their opcodes */
extern const unsigned tool_call_count;

#endif /* ROTA_SRC_TOOL_TABLES_H */
