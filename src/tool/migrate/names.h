/* SPDX-License-Identifier: MIT */
/* The names in generated/src/tool/migration.c: liburing's, and what each is here. */
#ifndef ROTA_SRC_TOOL_MIGRATE_NAMES_H
#define ROTA_SRC_TOOL_MIGRATE_NAMES_H

#include <stddef.h>

struct migrate_name {
    const char *name;
    const char *rota; /* NULL: nothing that means the same */
};

extern const struct migrate_name migrate_functions[]; /* and macros */
extern const unsigned migrate_function_count;
extern const struct migrate_name migrate_tags[];
extern const unsigned migrate_tag_count;
extern const struct migrate_name migrate_members[];
extern const unsigned migrate_member_count;
extern const char *const migrate_kernel_tags[];
extern const unsigned migrate_kernel_tag_count;
extern const char *const migrate_own_names[];
extern const unsigned migrate_own_name_count;
extern const char *const migrate_headers[];
extern const unsigned migrate_header_count;

#endif /* ROTA_SRC_TOOL_MIGRATE_NAMES_H */
