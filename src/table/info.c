/* SPDX-License-Identifier: MIT */
/*
 * Looks rows of the table up.
 */
#include <rota/info.h>
#include <rota/uapi.h>

#include "table/info_tables.h"
#include "table/text.h"

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
        if (rota_text_same(rota_group_entries[i].name, group)) {
            *count = rota_group_entries[i].count;
            return rota_group_entries[i].flags;
        }
    }
    return NULL;
}

const struct rota_prep_info *rota_prep_infos(unsigned *count)
{
    *count = rota_prep_table_count;
    return rota_prep_table;
}
