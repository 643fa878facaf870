/* SPDX-License-Identifier: MIT */
/* What the program declares itself, in any of its files; filled by migrate_find_own(). */
#ifndef ROTA_SRC_TOOL_MIGRATE_OWN_H
#define ROTA_SRC_TOOL_MIGRATE_OWN_H

#include "tool/migrate/place.h"

struct own {
    const struct file *file;
    unsigned line;
};

/* Where a name of liburing's is declared, by its place in migrate_functions or migrate_tags; NULL: nowhere. */
const struct own *own_function(int function);
const struct own *own_structure(int tag);

/* Whether the tag's name by itself is, somewhere, a type, a namespace, or a variable or the like. */
bool own_is_type(int tag);
bool own_is_namespace(int tag);
bool own_is_variable(int tag);

/* Some file includes rota already: its names are no collision. */
bool own_has_rota(void);

/* Whether a header that is included by that name, without its quotes, is the program's own. */
bool own_has_header(const struct file *file, const char *header);

/* A whole argument of a macro that puts names together or makes strings of them. */
bool own_macro_joins(const struct place *place);

#endif /* ROTA_SRC_TOOL_MIGRATE_OWN_H */
