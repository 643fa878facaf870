/* SPDX-License-Identifier: MIT */
/* What set-up takes: sizes, and which flags need or exclude each other, drawn from the table. */
#ifndef ROTA_SETUP_RULES_H
#define ROTA_SETUP_RULES_H

#include <rota/uapi.h>
#include <stdint.h>

/* What the kernels that there are take, without or with CLAMP. */
#define ROTA_SQ_ENTRIES_MOST 32768u
#define ROTA_CQ_ENTRIES_MOST (2 * ROTA_SQ_ENTRIES_MOST)

struct rota_setup_rule {
    uint32_t flag;      /* IORING_SETUP_*; 0 behind the last rule */
    uint32_t needs;     /* flags that must be set with it */
    uint32_t needs_one; /* of which one must be */
    uint32_t excludes;  /* which must not be */
};

extern const struct rota_setup_rule rota_setup_rules[];

#endif /* ROTA_SETUP_RULES_H */
