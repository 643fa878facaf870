/* SPDX-License-Identifier: MIT */
/*
 * What the generated run-time tables look like to the code that searches them.
 * Nothing in them is an address: a loader has nothing to mend, and a process
 * that looks nothing up touches no page of them.
 */
#ifndef ROTA_SRC_INFO_TABLES_H
#define ROTA_SRC_INFO_TABLES_H

#include <rota/info.h>
#include <stddef.h>

struct rota_group_entry {
    struct rota_text_place name;
    struct rota_flag_rule_rows flags;
};

/* A member of struct io_uring_sqe. */
struct rota_slot_info {
    struct rota_text_place name;
    uint8_t offset;
    uint8_t size;
};

/* Where the upper and the lower 32 bits of a 64-bit field at `offset` lie. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define ROTA_UPPER_HALF(offset) (offset)
#define ROTA_LOWER_HALF(offset) ((offset) + 4)
#else
#define ROTA_UPPER_HALF(offset) ((offset) + 4)
#define ROTA_LOWER_HALF(offset) (offset)
#endif

/* Tables of which only the address is of use outside of the generated file. */
extern const struct rota_info_strings rota_info_strings;
extern const struct rota_condition_table rota_condition_table;
extern const struct rota_flag_table rota_flag_table;
extern const struct rota_flag_rule_table rota_flag_rule_table;
extern const struct rota_field_table rota_field_table;
extern const struct rota_ignored_table rota_ignored_table;
extern const struct rota_rule_table rota_rule_table;
extern const struct rota_look_table rota_look_table;
extern const struct rota_error_table rota_error_table;
extern const struct rota_member_table rota_member_table;
extern const struct rota_point_table rota_point_table;

/*
 * What the public functions of the longer names do, inline and without a look
 * at the count: for loops, which look at it themselves.
 */
static inline const char *rota_word(struct rota_text_place text)
{
    return text.at ? (const char *)&rota_info_strings + text.at : NULL;
}

static inline const struct rota_condition *rota_conditions(struct rota_condition_rows rows)
{
    return (const struct rota_condition *)&rota_condition_table + rows.first;
}

static inline const struct rota_flag_info *rota_flags(struct rota_flag_rows rows)
{
    return (const struct rota_flag_info *)&rota_flag_table + rows.first;
}

static inline const struct rota_flag_rule *rota_flag_rules(struct rota_flag_rule_rows rows)
{
    return (const struct rota_flag_rule *)&rota_flag_rule_table + rows.first;
}

static inline const struct rota_field_info *rota_fields(struct rota_field_rows rows)
{
    return (const struct rota_field_info *)&rota_field_table + rows.first;
}

static inline const struct rota_ignored_info *rota_ignored(struct rota_ignored_rows rows)
{
    return (const struct rota_ignored_info *)&rota_ignored_table + rows.first;
}

static inline const struct rota_rule_info *rota_rules(struct rota_rule_rows rows)
{
    return (const struct rota_rule_info *)&rota_rule_table + rows.first;
}

static inline const struct rota_look *rota_looks(struct rota_look_rows rows)
{
    return (const struct rota_look *)&rota_look_table + rows.first;
}

static inline const struct rota_error_info *rota_errors(struct rota_error_rows rows)
{
    return (const struct rota_error_info *)&rota_error_table + rows.first;
}

static inline const struct rota_member_info *rota_members(struct rota_member_rows rows)
{
    return (const struct rota_member_info *)&rota_member_table + rows.first;
}

static inline const struct rota_point_info *rota_points(struct rota_point_rows rows)
{
    return (const struct rota_point_info *)&rota_point_table + rows.first;
}

extern const struct rota_family_info rota_family_table[];
extern const unsigned rota_family_table_count;
extern const struct rota_command_info rota_command_table[];
extern const unsigned rota_command_table_count;
extern const struct rota_slot_info rota_sqe_slots[];
extern const unsigned rota_sqe_slot_count;
extern const struct rota_op_info rota_op_infos[];
extern const unsigned rota_op_info_count;
extern const struct rota_register_info rota_register_infos[];
extern const unsigned rota_register_info_count;
extern const struct rota_group_entry rota_group_entries[];
extern const unsigned rota_group_entry_count;
extern const struct rota_prep_info rota_prep_table[];
extern const unsigned rota_prep_table_count;

#endif /* ROTA_SRC_INFO_TABLES_H */
