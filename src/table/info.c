/* SPDX-License-Identifier: MIT */
/*
 * Looks rows of the table up.
 */
#include <rota/info.h>
#include <rota/uapi.h>

#include "table/info_tables.h"
#include "table/text.h"

const char *rota_info_text(struct rota_text_place text)
{
    return rota_word(text);
}

const struct rota_condition *rota_info_conditions(struct rota_condition_rows rows)
{
    return rows.count ? rota_conditions(rows) : NULL;
}

const struct rota_flag_info *rota_info_flags(struct rota_flag_rows rows)
{
    return rows.count ? rota_flags(rows) : NULL;
}

const struct rota_flag_rule *rota_info_flag_rules(struct rota_flag_rule_rows rows)
{
    return rows.count ? rota_flag_rules(rows) : NULL;
}

const struct rota_field_info *rota_info_fields(struct rota_field_rows rows)
{
    return rows.count ? rota_fields(rows) : NULL;
}

const struct rota_ignored_info *rota_info_ignored(struct rota_ignored_rows rows)
{
    return rows.count ? rota_ignored(rows) : NULL;
}

const struct rota_rule_info *rota_info_rules(struct rota_rule_rows rows)
{
    return rows.count ? rota_rules(rows) : NULL;
}

const struct rota_look *rota_info_looks(struct rota_look_rows rows)
{
    return rows.count ? rota_looks(rows) : NULL;
}

const struct rota_error_info *rota_info_errors(struct rota_error_rows rows)
{
    return rows.count ? rota_errors(rows) : NULL;
}

const struct rota_member_info *rota_info_members(struct rota_member_rows rows)
{
    return rows.count ? rota_members(rows) : NULL;
}

const struct rota_point_info *rota_info_points(struct rota_point_rows rows)
{
    return rows.count ? rota_points(rows) : NULL;
}

const struct rota_family_info *rota_family_infos(unsigned *count)
{
    *count = rota_family_table_count;
    return rota_family_table;
}

const struct rota_command_info *rota_command_infos(unsigned *count)
{
    *count = rota_command_table_count;
    return rota_command_table;
}

const struct rota_op_info *rota_opcode_info(unsigned opcode)
{
    return opcode < rota_op_info_count ? &rota_op_infos[opcode] : NULL;
}

const struct rota_register_info *rota_register_opcode_info(unsigned opcode)
{
    opcode &= ~(unsigned)IORING_REGISTER_USE_REGISTERED_RING;
    return opcode < rota_register_info_count ? &rota_register_infos[opcode] : NULL;
}

const struct rota_flag_rule *rota_group_info(const char *group, unsigned *count)
{
    *count = 0;
    for (unsigned i = 0; group && i < rota_group_entry_count; i++) {
        if (rota_text_same(rota_word(rota_group_entries[i].name), group)) {
            *count = rota_group_entries[i].flags.count;
            return rota_info_flag_rules(rota_group_entries[i].flags);
        }
    }
    return NULL;
}

const struct rota_prep_info *rota_prep_infos(unsigned *count)
{
    *count = rota_prep_table_count;
    return rota_prep_table;
}
