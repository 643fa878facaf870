/* SPDX-License-Identifier: MIT */
/*
 * Searches the generated name tables.
 */
#include <asm/errno.h>
#include <rota/names.h>
#include <stddef.h>

#include "table/name_tables.h"
#include "table/text.h"

/* `text` behind `prefix` if it starts so, `text` itself otherwise. */
static const char *behind(const char *text, const char *prefix)
{
    const char *rest = text;

    while (*prefix) {
        if (*rest++ != *prefix++)
            return text;
    }
    return rest;
}

static int number_of(const uint16_t *names, unsigned count, const char *name, const char *prefix)
{
    if (!name)
        return -EINVAL;
    name = behind(name, prefix);
    for (unsigned i = 0; i < count; i++) {
        if (names[i] && rota_text_same(rota_name_text(names[i]), name))
            return (int)i;
    }
    return -ENOENT;
}

static const char *name_at(const uint16_t *names, unsigned count, unsigned number)
{
    return number < count && names[number] ? rota_name_text(names[number]) : NULL;
}

const char *rota_op_name(unsigned opcode)
{
    return name_at(rota_op_names, rota_op_count, opcode);
}

int rota_op_number(const char *name)
{
    return number_of(rota_op_names, rota_op_count, name, "IORING_OP_");
}

const char *rota_register_name(unsigned opcode)
{
    opcode &= ~(unsigned)IORING_REGISTER_USE_REGISTERED_RING;
    return name_at(rota_register_names, rota_register_count, opcode);
}

int rota_register_number(const char *name)
{
    return number_of(rota_register_names, rota_register_count, name, "IORING_");
}

const char *rota_flag_name(const char *group, uint64_t value)
{
    if (!group)
        return NULL;
    for (unsigned g = 0; g < rota_name_group_count; g++) {
        const struct rota_name_group *found = &rota_name_groups[g];
        const struct rota_name *entries = rota_name_entries(found);

        if (!rota_text_same(rota_name_text(found->text), group))
            continue;
        for (unsigned i = 0; i < found->count; i++) {
            if (entries[i].value == value)
                return rota_name_text(entries[i].text);
        }
    }
    return NULL;
}

int rota_flag_value(const char *name, uint64_t *value)
{
    if (!value)
        return -EINVAL;
    *value = 0;
    if (!name)
        return -EINVAL;
    for (unsigned g = 0; g < rota_name_group_count; g++) {
        const struct rota_name *entries = rota_name_entries(&rota_name_groups[g]);

        for (unsigned i = 0; i < rota_name_groups[g].count; i++) {
            if (rota_text_same(rota_name_text(entries[i].text), name)) {
                *value = entries[i].value;
                return 0;
            }
        }
    }
    return -ENOENT;
}

const char *rota_group_name(unsigned index)
{
    return index < rota_name_group_count ? rota_name_text(rota_name_groups[index].text) : NULL;
}
