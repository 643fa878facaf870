/* SPDX-License-Identifier: MIT */
/* `rota ops`: what its text and its JSON share. */
#ifndef ROTA_SRC_TOOL_OPS_H
#define ROTA_SRC_TOOL_OPS_H

#include "tool/tables.h"
#include "tool/tool.h"

/*
 * ops_rows.c
 */

/* By enum rota_iosqe: "taken" and so on. */
extern const char *const ops_iosqe_words[];

/* "EINVAL", or the number where it has no name. */
const char *ops_error_name(int error);
/* The prep functions of a request, and the functions of a register call. */
const struct rota_prep_info *ops_preps(unsigned opcode, unsigned *count);
const struct tool_call *ops_calls(unsigned opcode, unsigned *count);

/*
 * ops_json.c: one JSON object each, within an array.
 */

void ops_write_op(const struct rota_op_info *op, bool example);
void ops_write_register(unsigned opcode, const struct rota_register_info *info, bool example);
void ops_write_flag(const char *group, const struct rota_flag_rule *flag);
void ops_write_group(const char *group);

#endif /* ROTA_SRC_TOOL_OPS_H */
