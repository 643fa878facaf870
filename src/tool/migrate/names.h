/* SPDX-License-Identifier: MIT */
/* The names in generated/src/tool/migration.c: liburing's, and what each is here; and advice. */
#ifndef ROTA_SRC_TOOL_MIGRATE_NAMES_H
#define ROTA_SRC_TOOL_MIGRATE_NAMES_H

#include "tool/migrate/migrate.h"

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

/* The place in migrate_functions or migrate_tags; -1 when it is not there. */
int names_function(const char *name);
int names_tag(const char *name);

/* A tag of the kernel's; a name that <rota.h> declares. */
bool names_kernel_tag(const char *name);
bool names_own(const char *name);

/* What there is instead of a member, and of a name that rota lacks; NULL when nothing is to be said. */
const char *names_member(const char *name);
const char *names_instead(const char *name);

/* A token as a string, until the next one is asked for; "" when it is longer than any name here. */
const char *names_token(const struct file *file, const struct token *token);

/* Whether it looks as if it were liburing's. */
bool names_like_liburing(const char *name);

/* Whether "uring" stands in the text as a word or as the end of io_uring or liburing, in either case. */
bool names_uring(const char *text, size_t length);

#endif /* ROTA_SRC_TOOL_MIGRATE_NAMES_H */
