/* SPDX-License-Identifier: MIT */
/* Points in time of the call layer: nanoseconds of CLOCK_MONOTONIC. */
#include "call/calls.h"

#include <linux/time.h>

int rota_calls_clock(const struct rota_ring *ring, uint64_t *now)
{
    struct __kernel_timespec ts = {0, 0};
    int ret = rota_kernel_of(ring)->clock(CLOCK_MONOTONIC, &ts);

    *now = (uint64_t)ts.tv_sec * NSEC_PER_SEC + (uint64_t)ts.tv_nsec;
    return ret >= 0 && (ts.tv_sec < 0 || ts.tv_nsec < 0) ? -EPROTO : ret;
}

int rota_calls_deadline(const struct rota_ring *ring, uint64_t nsec, uint64_t *deadline)
{
    int ret = rota_calls_clock(ring, deadline);

    /* Half of what there is stands for ever. */
    if (*deadline > UINT64_MAX / 2 || nsec > UINT64_MAX / 2 - *deadline)
        *deadline = UINT64_MAX / 2;
    else
        *deadline += nsec;
    return ret;
}
