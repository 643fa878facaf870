/* SPDX-License-Identifier: MIT */
/* What the sources of the call layer share: marks in user_data, and one scan over the queue. */
#ifndef ROTA_CALLS_H
#define ROTA_CALLS_H

#include "ring/core.h"

#include <rota/op.h>

/* User_data with the low bits of ROTA_OP_DATA changed: other completions of this layer. */
#define DATA_OP         ROTA_OP_DATA
#define DATA_TIMER      (ROTA_OP_DATA ^ 1 ^ 2) /* of a handle's deadline */
#define DATA_CANCEL     (ROTA_OP_DATA ^ 1 ^ 3) /* of a cancel request; no address */
#define DATA_CANCEL_ALL (ROTA_OP_DATA ^ 1 ^ 4) /* the same */
#define DATA_TAKEN      (ROTA_OP_DATA ^ 1 ^ 5) /* never in a request: a slot that was emptied */
#define DATA_PAUSE      (ROTA_OP_DATA ^ 1 ^ 6) /* of a timeout before the next cancel request */

/* Which of the above; anything else is the caller's. */
static inline uint64_t data_kind(uint64_t user_data)
{
    return user_data & ROTA_OP_DATA_MASK;
}

/* The handle in user_data of kind DATA_OP or DATA_TIMER. */
static inline struct rota_op *data_handle(uint64_t user_data)
{
    return (struct rota_op *)(uintptr_t)(user_data & ~ROTA_OP_DATA_MASK);
}

static inline uint64_t data_of(const struct rota_op *op, uint64_t kind)
{
    return (uint64_t)(uintptr_t)op ^ kind;
}

/*
 * The settings of a handle whose request is not in flight any more, as they
 * are to stand in its state: those that were made meanwhile hold from now on.
 */
static inline uint32_t rota_calls_settings(struct rota_op *op)
{
    uint32_t state = op->state;

    if (ROTA_UNLIKELY(state & ROTA_OP_CHANGES)) {
        op->state = 0; /* that of a handle at rest, which takes settings */
        if (!(state & ROTA_OP_NEW_CALLBACK))
            op->next_callback = state & ROTA_OP_CALLBACK ? op->callback : NULL;
        if (!(state & ROTA_OP_NEW_FLAGS))
            op->next_flags = state & ROTA_OP_FLAGS ? op->sqe_flags : 0;
        rota_op_on_result(op, op->next_callback);
        rota_op_set_flags(op, op->next_flags);
        if (state & ROTA_OP_NEW_DEADLINE)
            rota_op_deadline(op, op->next_deadline);
        else
            op->state |= state & ROTA_OP_DEADLINE;
        state = op->state;
    }
    return state & ROTA_OP_SETTINGS;
}

/* A word that may lie over any type: for copies that no compiler makes a call to memcpy. */
typedef uint64_t rota_word __attribute__((may_alias));

/* SQEs of ordinary size on this ring; they are not, on a ring of large ones. */
static inline bool rota_calls_small(const struct rota_ring *ring)
{
    return ring->sq.sqe_shift == 6;
}

/* One walk over the completion queue, which may go on after more has come. */
struct rota_scan {
    const struct rota_op *target; /* stop when it has a result; NULL: take what there is */
    const struct rota_op *watch;  /* a stream whose untaken results are looked for; NULL: any */
    bool no_blocked;              /* give up the wait when `blocked` becomes true */

    bool hit;           /* the target has a result */
    bool ended;         /* and it was the last one */
    bool gone;          /* a callback has torn the ring down; what is there now is another one */
    bool blocked;       /* a watched stream has a result for which its handle has no room */
    uint32_t state;     /* of the target when it had the result; its callback may have freed it */
    int res;            /* the target's result */
    int cancel_all;     /* res of a DATA_CANCEL_ALL completion; INT32_MIN: none came */
    unsigned delivered; /* results that reached a handle */
    unsigned taken;     /* completions that left the queue */
    uint32_t pos;       /* slots before it were looked at and stay */
};

/*
 * deliver.c
 */

void rota_scan_start(struct rota_scan *scan, const struct rota_ring *ring,
                     const struct rota_op *target);

/* Delivers from scan->pos on, until the target is hit or the queue is at its end. */
void rota_scan_queue(struct rota_ring *ring, struct rota_scan *scan);

/*
 * clock.c
 */

#define NSEC_PER_SEC 1000000000u

/* CLOCK_MONOTONIC in nanoseconds. */
int rota_calls_clock(const struct rota_ring *ring, uint64_t *now);

/* The point in time that is `nsec` nanoseconds from now. */
int rota_calls_deadline(const struct rota_ring *ring, uint64_t nsec, uint64_t *deadline);

/*
 * room.c
 */

/* Makes room for `count` SQEs, submitting what is there; 0 or -errno. */
int rota_calls_room(struct rota_ring *ring, uint32_t count);

/*
 * enter.c
 */

/*
 * Scans, and sleeps until the target is hit or, without target, anything was
 * taken. `deadline`: NULL, or the CLOCK_MONOTONIC nanoseconds at which it gives
 * up with -ETIME.
 */
int rota_calls_wait(struct rota_ring *ring, struct rota_scan *scan, const uint64_t *deadline);

/*
 * What a rota_calls_enter() for `wait_nr` completions really said. After SQEs
 * were taken a signal is reported as their count, and only the queues tell.
 */
int rota_calls_woken(const struct rota_ring *ring, uint32_t wait_nr, int entered);

/*
 * stopping.c
 */

/* The pauses between two attempts: each twice as long as the one before. */
#define ROTA_PAUSE_NSEC      50000u
#define ROTA_PAUSE_DOUBLINGS 11u /* 0.1 seconds */

/* The handle has ended: nobody needs to ask any more. */
void rota_calls_stopped(struct rota_ring *ring, struct rota_op *op);

/* The pause before asking again, in nanoseconds. */
uint64_t rota_calls_pause(const struct rota_ring *ring);

/* Asks no more when nothing is to be stopped any more. */
void rota_calls_calm(struct rota_ring *ring);

/* Asks once more to stop what is to be stopped. */
void rota_calls_ask(struct rota_ring *ring);

/* The same where nobody waits: after a pause, which is a timeout request. Submits what it adds. */
void rota_calls_insist(struct rota_ring *ring);

#define ROTA_CANCEL_EVERYTHING (IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL)

/* Puts a cancel request of the library's own into the queue; 0, or -errno as a start. */
int rota_calls_queue_cancel(struct rota_ring *ring, uint64_t target, int flags, uint64_t kind);

/*
 * cancel.c
 */

/*
 * The cancel requests themselves are to be gone, too: their completions name no
 * memory, but linger. Those behind a drain, which may stay for long, are not
 * waited for, and what goes wrong meanwhile is nobody's result.
 */
void rota_calls_tidy(struct rota_ring *ring);

/* What there is to say of a ring that is none. */
static inline int rota_calls_no_ring(const struct rota_ring *ring)
{
    return ring->calls.no_ring ? ring->calls.no_ring : -EBADF;
}

/* 0 when completions may be taken from the queue now, else the -errno that says why not. */
static inline int rota_calls_may_wait(const struct rota_ring *ring)
{
    if (ring->calls.mode & ROTA_CALLS_NO_RING)
        return rota_calls_no_ring(ring);
    if (ring->calls.mode & ROTA_CALLS_DELIVERING)
        return -EDEADLK;
    return ring->calls.mode & ROTA_CALLS_CHAIN ? -EBUSY : 0;
}

#endif /* ROTA_CALLS_H */
