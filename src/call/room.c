/* SPDX-License-Identifier: MIT */
/* Room for SQEs: submits what is there when the queue is full. */
#include "call/calls.h"

int rota_calls_room(struct rota_ring *ring, uint32_t count)
{
    struct rota_in_vain in_vain;
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
        if (ring->flags & IORING_SETUP_SQPOLL)
            ret = rota_sqring_wait(ring);
        else if (!ret || rota_sq_space_left(ring) == space)
            ret = -EAGAIN; /* nothing was taken, whatever was said */
        /* A signal, or work of the kernel's in its place, ends waits; a start is none. */
        if (ret == -EINTR)
            ret = rota_is_hopeless(ring, &in_vain, ROTA_IN_VAIN_MOST) ? -EPROTO : 0;
        if (ret < 0)
            return ret;
    }
    return 0;
}
