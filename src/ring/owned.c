/* SPDX-License-Identifier: MIT */
/* What programs call that are compiled to find misuse. */
#include "ring/core.h"

struct rota_ring *rota_owned(struct rota_ring *ring)
{
    int owner = ring->index_owner ? ring->index_owner : ring->owner;

    if (owner && owner != rota_thread())
        rota_end_program("a ring is used by a thread that it does not belong to");
    return ring;
}

void rota_misuse(const char *what)
{
    rota_end_program(what);
}
