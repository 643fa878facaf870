/* SPDX-License-Identifier: MIT */
/*
 * What the generated name tables look like to the code that searches them.
 */
#ifndef ROTA_SRC_NAME_TABLES_H
#define ROTA_SRC_NAME_TABLES_H

#include <rota/uapi.h>
#include <stdint.h>

struct rota_name {
    const char *name;
    uint64_t value;
    int refused; /* a header defines it, and no released kernel takes it */
};

struct rota_name_group {
    const char *name;
    const struct rota_name *entries;
    unsigned count;
    int values; /* numbered values, not flags */
};

extern const char *const rota_op_names[];
extern const unsigned rota_op_count;
extern const char *const rota_register_names[];
extern const unsigned rota_register_count;
extern const struct rota_name_group rota_name_groups[];
extern const unsigned rota_name_group_count;

#endif /* ROTA_SRC_NAME_TABLES_H */
