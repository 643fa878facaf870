/* SPDX-License-Identifier: MIT */
/* Room for SQEs: submits what is there when the queue is full. */
#include "call/calls.h"

/*
 * How long an SQPOLL thread may leave the queue as it is. It is waited for by
 * looking where one slot is free and two are wanted: the kernel's own wait is
 * for one.
 */
#define SQPOLL_NSEC 10000000000u

/* Rounds in which the thread has taken nothing. */
struct idle {
    uint32_t rounds;
    uint64_t since;
};

/* Counts one more; true when there is no more hope, or no clock that tells. */
static bool is_too_long(const struct rota_ring *ring, struct idle *idle)
{
    uint64_t now;

    if (rota_calls_clock(ring, &now) < 0)
        return true;
    if (!idle->rounds++)
        idle->since = now;
    return now - idle->since > SQPOLL_NSEC ||
           (now == idle->since && idle->rounds >= ROTA_IN_VAIN_MOST);
}

int rota_calls_room(struct rota_ring *ring, uint32_t count)
{
    struct rota_in_vain in_vain;
    struct idle idle = {0, 0};
    int ret;

    rota_in_vain_start(&in_vain);
    if (rota_is_dead(ring))
        return rota_calls_no_ring(ring);
    if (count > ring->sq.ring_entries)
        return -EINVAL;
    while (rota_sq_space_left(ring) < count) {
        uint32_t space = rota_sq_space_left(ring);

        ret = rota_calls_enter(ring, 0, NULL);
        if (ret < 0)
            return ret;
        if (ring->flags & IORING_SETUP_SQPOLL) {
            ret = rota_sqring_wait(ring);
            if (ret >= 0 && rota_sq_space_left(ring) == space && is_too_long(ring, &idle))
                ret = -EAGAIN;
        } else if (!ret || rota_sq_space_left(ring) == space) {
            ret = -EAGAIN; /* nothing was taken, whatever was said */
        }
        /* A signal, or work of the kernel's in its place, ends waits; a start is none. */
        if (ret == -EINTR)
            ret = rota_is_hopeless(ring, &in_vain, ROTA_IN_VAIN_MOST) ? -EPROTO : 0;
        if (ret < 0)
            return ret;
    }
    return 0;
}
