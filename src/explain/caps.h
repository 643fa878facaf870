/* SPDX-License-Identifier: MIT */
/* What the parts that fill struct rota_caps share. */
#ifndef ROTA_SRC_CAPS_H
#define ROTA_SRC_CAPS_H

#include <rota/caps.h>
#include <rota/ring.h>

/* Bits of the arrays of opcodes. */
static inline void rota_caps_set(uint64_t *bits, unsigned index)
{
    if (index < 256)
        bits[index / 64] |= UINT64_C(1) << (index % 64);
}

static inline bool rota_caps_bit(const uint64_t *bits, unsigned index)
{
    return index < 256 && (bits[index / 64] >> (index % 64) & 1);
}

/*
 * trial.c: fills caps->ops by requests on `ring`, which is empty and stays so.
 * What `caps` holds beforehand decides which opcodes are tried.
 */
void rota_caps_try(struct rota_caps *caps, struct rota_ring *ring);

#endif /* ROTA_SRC_CAPS_H */
