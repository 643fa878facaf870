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

/* How the emulated kernel does it, by opcode. */
struct tool_emulation {
    const char *way; /* as in the table: now, ready, worker, timer, ring, refused */
    const char *text;
};

extern const struct tool_emulation tool_op_emulations[];
extern const unsigned tool_op_emulation_count;
extern const struct tool_emulation tool_register_emulations[];
extern const unsigned tool_register_emulation_count;

extern const struct tool_call tool_calls[]; /* in the order of their opcodes */
extern const unsigned tool_call_count;

/* A member of a structure that a register call takes. */
struct tool_member {
    const char *name;
    uint16_t offset;
    uint16_t size; /* of all of it */
    uint8_t unit;  /* of one element; 0: it is a structure */
    bool is_signed;
};

struct tool_struct {
    const char *name; /* without "struct" */
    uint16_t size;
    uint16_t count;
    const struct tool_member *members;
};

extern const struct tool_struct tool_structs[];
extern const unsigned tool_struct_count;

#endif /* ROTA_SRC_TOOL_TABLES_H */
