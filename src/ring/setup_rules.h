/* SPDX-License-Identifier: MIT */
/* Which set-up flags need or exclude each other, as the generator has drawn them from the table. */
#ifndef ROTA_SETUP_RULES_H
#define ROTA_SETUP_RULES_H

#include <rota/uapi.h>
#include <stdint.h>

struct rota_setup_rule {
    uint32_t flag;      /* IORING_SETUP_*; 0 behind the last rule */
    uint32_t needs;     /* flags that must be set with it */
    uint32_t needs_one; /* of which one must be */
    uint32_t excludes;  /* which must not be */
};

extern const struct rota_setup_rule rota_setup_rules[];

#endif /* ROTA_SETUP_RULES_H */
