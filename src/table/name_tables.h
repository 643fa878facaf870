/* SPDX-License-Identifier: MIT */
/*
 * What the generated name tables look like to the code that searches them.
 * Nothing in them is an address: a loader has nothing to mend, and a process
 * that looks no name up touches no page of them.
 */
#ifndef ROTA_SRC_NAME_TABLES_H
#define ROTA_SRC_NAME_TABLES_H

#include <rota/uapi.h>
#include <stddef.h>
#include <stdint.h>

struct rota_name {
    uint64_t value;
    uint16_t text;   /* distance from the start of the strings */
    uint8_t refused; /* a header defines it, and no released kernel takes it */
};

struct rota_name_group {
    uint16_t text;
    uint16_t first; /* of its entries */
    uint16_t count;
    uint8_t values; /* numbered values, not flags */
};

/* Only their addresses are of use outside of the generated file. */
struct rota_name_strings;
struct rota_name_table;
extern const struct rota_name_strings rota_name_strings;
extern const struct rota_name_table rota_name_table;

extern const uint16_t rota_op_names[]; /* 0 where there is none */
extern const unsigned rota_op_count;
extern const uint16_t rota_register_names[];
extern const unsigned rota_register_count;
extern const struct rota_name_group rota_name_groups[];
extern const unsigned rota_name_group_count;

/* Of a text that is there. */
static inline const char *rota_name_text(uint16_t text)
{
    return (const char *)&rota_name_strings + text;
}

static inline const struct rota_name *rota_name_entries(const struct rota_name_group *group)
{
    return (const struct rota_name *)&rota_name_table + group->first;
}

#endif /* ROTA_SRC_NAME_TABLES_H */
