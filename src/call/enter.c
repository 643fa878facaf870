/* SPDX-License-Identifier: MIT */
/* The one wait under all waits of the call layer. */
#include "call/calls.h"

int rota_calls_woken(const struct rota_ring *ring, uint32_t wait_nr, int entered)
{
    if (entered < 0 || !(ring->int_flags & ROTA_INT_INTERRUPTIBLE) ||
        rota_cq_ready(ring) >= wait_nr)
        return entered;
    /* A short submit ends the wait too; an SQPOLL thread takes SQEs when it likes. */
    if (!(ring->flags & IORING_SETUP_SQPOLL) && rota_sq_ready(ring))
        return entered;
    return -EINTR;
}

/*
 * rota_calls_enter() for a wait. A kernel that takes nothing and does not wait
 * will not do so later, whatever it says.
 */
static int enter(struct rota_ring *ring, uint32_t wait_nr, const struct __kernel_timespec *ts)
{
    uint32_t before = rota_sq_ready(ring);
    int ret;

    if (before > ring->sq.ring_entries)
        return -EPROTO; /* the kernel's head is nowhere in the queue: it would never have taken all */
    ret = rota_calls_enter(ring, wait_nr, ts);
    if (ret >= 0 && before && !(ring->flags & IORING_SETUP_SQPOLL) &&
        rota_sq_ready(ring) == before && rota_cq_ready(ring) < wait_nr)
        return -EAGAIN;
    return ret;
}

/* Goes to the kernel for more than the `kept` completions that stay; 0 when there may be some. */
static int fetch(struct rota_ring *ring, uint32_t kept, const uint64_t *deadline)
{
    struct __kernel_timespec ts;
    uint64_t now, left;
    int ret;

    if (kept >= ring->cq.ring_entries || (kept && (ring->flags & IORING_SETUP_IOPOLL)))
        return -EBUSY;
    if (!deadline)
        return rota_calls_woken(ring, kept + 1, enter(ring, kept + 1, NULL));
    ret = rota_calls_clock(ring, &now);
    if (ret < 0)
        return ret;
    /* At the end of the time one look without sleep is left. */
    left = *deadline > now ? *deadline - now : 0;
    ts.tv_sec = (int64_t)(left / NSEC_PER_SEC);
    ts.tv_nsec = (int64_t)(left % NSEC_PER_SEC);
    ret = enter(ring, kept + 1, &ts);
    if (ret >= 0 && !left)
        return -ETIME;
    /* That time is up is hidden behind a count like a signal: the clock tells them apart. */
    if (ret >= 0 && rota_calls_woken(ring, kept + 1, ret) == -EINTR) {
        ret = rota_calls_clock(ring, &now);
        if (ret >= 0)
            ret = now < *deadline ? -EINTR : -ETIME;
    }
    return ret;
}

/* fetch() while something is to be stopped: wakes up to ask for it again. */
static int fetch_and_ask(struct rota_ring *ring, uint32_t kept, const uint64_t *deadline)
{
    uint64_t until, now;
    int ret;

    if (!(ring->features & IORING_FEAT_EXT_ARG)) {
        rota_calls_insist(ring);
        return fetch(ring, kept, deadline);
    }
    ret = rota_calls_deadline(ring, rota_calls_pause(ring), &until);
    if (ret < 0)
        return ret;
    if (deadline && *deadline <= until)
        return fetch(ring, kept, deadline);
    ret = fetch(ring, kept, &until);
    if (ret < 0 && ret != -ETIME)
        return ret;
    /* That time is up is not told while completions stay in the queue: the clock knows. */
    ret = rota_calls_clock(ring, &now);
    if (ret >= 0 && now >= until)
        rota_calls_ask(ring);
    return ret;
}

int rota_calls_wait(struct rota_ring *ring, struct rota_scan *scan, const uint64_t *deadline)
{
    int error = 0;

    for (;;) {
        unsigned before = scan->taken;

        rota_scan_queue(ring, scan);
        if (scan->target && scan->hit)
            return 0;
        if (scan->gone)
            return -EBADF;
        if (!scan->target && scan->taken)
            return 0;
        if (scan->no_blocked && scan->blocked)
            return -EBUSY;
        /*
         * Kernels before 5.19 refuse SQEs while completions wait for room: what
         * the scan took may have made some.
         */
        if (error < 0 && !(error == -EBUSY && scan->taken != before))
            return error;
        if (ring->calls.mode & ROTA_CALLS_STOPPING)
            error = fetch_and_ask(ring, scan->pos - ring->cq.cqe_head, deadline);
        else
            error = fetch(ring, scan->pos - ring->cq.cqe_head, deadline);
    }
}
