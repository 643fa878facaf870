/* SPDX-License-Identifier: MIT */
/*
 * What the table says beyond the run-time tables of rota/info.h: the groups
 * that flag fields draw from, and the stable series that carry something
 * newer than themselves. Generated into generated/tests/rules_data.c.
 */
#ifndef ROTA_TESTS_RULES_H
#define ROTA_TESTS_RULES_H

#include <stdbool.h>
#include <stdint.h>

/* A flag or value of a group and the other flags that it wants or forbids. */
struct rules_flag {
    const char *name;
    uint64_t value; /* 0 where this machine's headers do not know the constant */
    uint64_t needs, needs_one, excludes;
    bool refused; /* by every kernel, whatever becomes of unknown flags */
};

struct rules_group {
    const char *name;
    const struct rules_flag *flags;
    unsigned count;
};

/* The group of a field, by its place in rota_op_info::fields. */
struct rules_field {
    uint8_t opcode;
    uint8_t field;
    const struct rules_group *group;
};

enum rules_what {
    RULES_OP,
    RULES_FIELD,
    RULES_FLAG,
    RULES_RULE,
    RULES_IGNORED
};

/* Something that a stable series has although it is older than `since`. */
struct rules_backport {
    uint8_t opcode;
    uint8_t what;    /* enum rules_what */
    uint8_t index;   /* of the field, rule or ignored field */
    uint8_t flag;    /* of the flag in the field */
    uint16_t series; /* ROTA_KERNEL(major, minor) */
};

extern const struct rules_field rules_fields[];
extern const unsigned rules_field_count;
extern const struct rules_backport rules_backports[];
extern const unsigned rules_backport_count;

/* Per opcode, why no trial shows it where none does; NULL otherwise. */
extern const char *const rules_untried[];

#endif /* ROTA_TESTS_RULES_H */
