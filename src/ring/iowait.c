/* SPDX-License-Identifier: MIT */
/* Whether waits count as waits for input and output. */
#include "ring/core.h"

int rota_set_iowait(struct rota_ring *ring, bool enable)
{
    if (!(ring->features & IORING_FEAT_NO_IOWAIT))
        return -EOPNOTSUPP;
    if (enable)
        ring->enter_flags &= ~IORING_ENTER_NO_IOWAIT;
    else
        ring->enter_flags |= IORING_ENTER_NO_IOWAIT;
    ring->wait_flags = ring->enter_flags | IORING_ENTER_GETEVENTS;
    return 0;
}
