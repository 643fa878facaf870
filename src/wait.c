/* SPDX-License-Identifier: MIT */
/* Waiting and reaping: one loop under every wait, and what peeks do when the queue is empty. */
#include "core.h"

#include <linux/time.h>

#define NSEC_PER_SEC 1000000000

bool rota_wait_possible(const struct rota_ring *ring, const struct __kernel_timespec *ts,
                        int *error)
{
    if (!ts)
        return true;
    if (ts->tv_sec < 0 || ts->tv_nsec < 0 || ts->tv_nsec >= NSEC_PER_SEC) {
        *error = -EINVAL;
        return false;
    }
    if (!(ring->features & IORING_FEAT_EXT_ARG)) {
        *error = -EOPNOTSUPP;
        return false;
    }
    return true;
}

/*
 * Times. Sums saturate at the largest second instead of wrapping: a timeout of
 * 2^63 seconds is "for ever".
 */

static void time_add(struct __kernel_timespec *to, const struct __kernel_timespec *ts)
{
    int64_t carry = 0;

    to->tv_nsec += ts->tv_nsec;
    if (to->tv_nsec >= NSEC_PER_SEC) {
        to->tv_nsec -= NSEC_PER_SEC;
        carry = 1;
    }
    if (ts->tv_sec > INT64_MAX - 1 - to->tv_sec)
        to->tv_sec = INT64_MAX;
    else
        to->tv_sec += ts->tv_sec + carry;
}

/* Stores deadline - now in `left`; false when that is not positive. */
static bool time_left(const struct __kernel_timespec *deadline, const struct __kernel_timespec *now,
                      struct __kernel_timespec *left)
{
    left->tv_sec = deadline->tv_sec - now->tv_sec;
    left->tv_nsec = deadline->tv_nsec - now->tv_nsec;
    if (left->tv_nsec < 0) {
        left->tv_nsec += NSEC_PER_SEC;
        left->tv_sec--;
    }
    return left->tv_sec >= 0 && (left->tv_sec > 0 || left->tv_nsec > 0);
}

static bool is_zero(const struct __kernel_timespec *ts)
{
    return !ts->tv_sec && !ts->tv_nsec;
}

struct io_uring_cqe *rota_first_cqe(struct rota_ring *ring)
{
    struct rota_cq *cq = &ring->cq;

    while (rota_cq_ready(ring)) {
        struct io_uring_cqe *cqe = rota_cqe_at(ring, cq->cqe_head);

        if (ROTA_LIKELY(!(ring->flags & IORING_SETUP_CQE_MIXED) ||
                        !(cqe->flags & IORING_CQE_F_SKIP)))
            return cqe;
        /* Release: its flags were read before the kernel may reuse the slot. */
        rota_store_release(cq->khead, ++cq->cqe_head);
    }
    return NULL;
}

/* Notes that the kernel holds a backlog, which every call with GETEVENTS flushes. */
static void count_overflow(struct rota_ring *ring)
{
    if (rota_cq_has_overflow(ring))
        ring->cq.overflows++;
}

struct io_uring_cqe *rota_cqe_iter_look(struct rota_ring *ring, uint32_t head, uint32_t look,
                                        uint32_t *tail)
{
    bool mixed = (ring->flags & IORING_SETUP_CQE_MIXED) != 0;
    struct io_uring_cqe *cqe;

    *tail = head;
    if (head != look || head - ring->cq.cqe_head == ring->cq.ring_entries) {
        count_overflow(ring); /* a round over a full queue: there may be more than fitted */
        return NULL;
    }
    if (head == ring->cq.cqe_head) {
        if (rota_peek_slow(ring, &cqe) < 0)
            return NULL;
        head = ring->cq.cqe_head; /* past a gap filler */
    } else {
        cqe = rota_cqe_at(ring, head);
        /*
         * Inside a round of mixed CQEs. rota_cq_advance counts the slots of
         * those that were shown, in one piece: so a gap filler ends the round.
         */
        if (head == rota_load_acquire(ring->cq.ktail) || (cqe->flags & IORING_CQE_F_SKIP))
            return NULL;
    }
    /* Acquire, here and above: pairs with the kernel's release after it has written the CQEs. */
    *tail = mixed ? head + rota_cqe_nr(cqe) : rota_load_acquire(ring->cq.ktail);
    return cqe;
}

/* True when `nr` CQEs are ready, or as many as this ring can be waited for. */
static bool is_satisfied(struct rota_ring *ring, uint32_t nr)
{
    if (ring->flags & IORING_SETUP_CQE_MIXED)
        (void)rota_first_cqe(ring); /* a gap filler is no completion */
    /* A polled ring finds no more completions while one of them waits to be seen. */
    if ((ring->flags & IORING_SETUP_IOPOLL) && nr > 1)
        nr = 1;
    return rota_cq_ready(ring) >= nr;
}

/* One io_uring_enter of a wait, with the argument that `ts` and `sigmask` ask for. */
static int enter_once(struct rota_ring *ring, uint32_t submit, uint32_t wait_nr, uint32_t flags,
                      const struct __kernel_timespec *ts, const void *sigmask)
{
    struct io_uring_getevents_arg arg;

    if (!ts)
        return rota_kernel_enter(ring, submit, wait_nr, flags, sigmask,
                                 sigmask ? ROTA_SIGSET_SIZE : 0);
    rota_zero(&arg, sizeof(arg));
    arg.sigmask = (uint64_t)(uintptr_t)sigmask;
    arg.sigmask_sz = ROTA_SIGSET_SIZE;
    arg.ts = (uint64_t)(uintptr_t)ts;
    return rota_kernel_enter(ring, submit, wait_nr, flags | IORING_ENTER_EXT_ARG, &arg,
                             sizeof(arg));
}

/* True when the kernel ends a wait for one CQE only with the CQE or with an error. */
static bool is_simple_wait(const struct rota_ring *ring)
{
    return !(ring->flags & (IORING_SETUP_IOPOLL | IORING_SETUP_CQE_MIXED));
}

/*
 * True when a wait that ended early, without an error, was ended by a signal
 * or by time. The kernel reports neither when at least one CQE is ready.
 * Otherwise it was a gap in a mixed queue, or polling that made a pause.
 */
static bool hides_a_reason(const struct rota_ring *ring, uint32_t wait_nr)
{
    return wait_nr > 1 && is_simple_wait(ring);
}

int rota_wait_for(struct rota_ring *ring, const struct rota_wait *wanted)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    uint32_t submit = wanted->submit, wait_nr = wanted->wait_nr, flags = wanted->flags;
    const struct __kernel_timespec *ts = wanted->ts;
    struct __kernel_timespec deadline, now, left;
    bool retry = !(ring->int_flags & ROTA_INT_INTERRUPTIBLE), clocked;
    int taken = 0, ret;

    if (wait_nr > ring->cq.ring_entries)
        wait_nr = ring->cq.ring_entries;
    if (wait_nr)
        flags |= IORING_ENTER_GETEVENTS;
    /* The clock is a system call, too: it is read only when there may be a second round. */
    deadline.tv_sec = 0;
    deadline.tv_nsec = 0;
    clocked = ts && wait_nr && !is_zero(ts) && (retry || wait_nr > 1 || !is_simple_wait(ring));
    if (clocked) {
        ret = kernel->clock(CLOCK_MONOTONIC, &deadline);
        if (ret < 0)
            return ret;
        time_add(&deadline, ts);
    }

    for (;;) {
        /* Nothing to hand over and enough there already: no system call for that. */
        if (!submit && wait_nr && !(flags & ~IORING_ENTER_GETEVENTS) && is_satisfied(ring, wait_nr))
            return taken;
        if (flags & IORING_ENTER_GETEVENTS)
            count_overflow(ring);
        ret = enter_once(ring, submit, wait_nr, flags, ts, wanted->sigmask);
        if (ret < 0 && ret != -EINTR)
            return taken ? taken : ret;
        if (ret >= 0) {
            taken += ret;
            if ((uint32_t)ret < submit)
                return taken; /* a short submit: the kernel has not waited */
            if (is_satisfied(ring, wait_nr))
                return taken;
            submit = 0; /* after a signal before anything was taken, they go with the next round */
        }

        /* The wait ended early. What was taken is reported first, as the kernel does. */
        if (taken && !retry)
            return taken;
        if (ts && is_zero(ts))
            return taken ? taken : -ETIME;
        if (clocked) {
            int error = kernel->clock(CLOCK_MONOTONIC, &now);

            if (error < 0 || !time_left(&deadline, &now, &left))
                return taken ? taken : error < 0 ? error : -ETIME;
            ts = &left;
        }
        if (!retry && (ret < 0 || hides_a_reason(ring, wait_nr)))
            return -EINTR;
        flags = IORING_ENTER_GETEVENTS;
    }
}

int rota_get_events(struct rota_ring *ring)
{
    int ret;

    count_overflow(ring);
    ret = rota_kernel_enter(ring, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
    return ret < 0 ? ret : 0;
}

int rota_peek_slow(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr)
{
    int ret;

    *cqe_ptr = rota_first_cqe(ring);
    if (*cqe_ptr)
        return 0;
    /* Relaxed: a hint about work that only the system call below touches. */
    if (!(ring->int_flags & ROTA_INT_ALWAYS_ASK) &&
        !(rota_load_relaxed(ring->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)))
        return -EAGAIN;
    ret = rota_get_events(ring);
    *cqe_ptr = rota_first_cqe(ring);
    if (*cqe_ptr)
        return 0;
    return ret < 0 ? ret : -EAGAIN;
}

int rota_wait_cqes(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                   const struct __kernel_timespec *ts, const void *sigmask)
{
    struct rota_wait wait;
    int ret;

    *cqe_ptr = NULL;
    if (!rota_wait_possible(ring, ts, &ret))
        return ret;
    if (!wait_nr)
        return rota_peek_slow(ring, cqe_ptr);
    wait.submit = 0;
    wait.wait_nr = wait_nr;
    wait.flags = 0;
    wait.ts = ts;
    wait.sigmask = sigmask;
    ret = rota_wait_for(ring, &wait);
    *cqe_ptr = rota_first_cqe(ring);
    return ret;
}

unsigned rota_peek_batch_cqe(struct rota_ring *ring, struct io_uring_cqe **cqes, unsigned count)
{
    struct rota_cqe_iter iter = rota_cqe_iter_init(ring);
    unsigned found = 0;

    while (found < count && rota_cqe_iter_next(&iter, &cqes[found]))
        found++;
    return found;
}

/* Copies one CQE of `size` bytes into an element of `stride`, whose rest becomes zero. */
static void copy_cqe(struct io_uring_cqe *to, const struct io_uring_cqe *from, uint32_t size,
                     uint32_t stride)
{
    uint64_t *to_words = (uint64_t *)(void *)to;

    to->user_data = from->user_data;
    to->res = from->res;
    to->flags = from->flags;
    if (stride == sizeof(*to))
        return;
    to_words[2] = size > sizeof(*to) ? from->big_cqe[0] : 0;
    to_words[3] = size > sizeof(*to) ? from->big_cqe[1] : 0;
}

int rota_copy_cqes(struct rota_ring *ring, struct io_uring_cqe *cqes, unsigned count,
                   unsigned wait_nr)
{
    bool mixed = ring->flags & IORING_SETUP_CQE_MIXED;
    uint32_t stride = mixed ? 32 : ring->cq.cqe_size;
    struct io_uring_cqe *cqe;
    unsigned copied = 0;
    int ret;

    if (wait_nr > count)
        return -EINVAL;
    ret = rota_wait_cqes(ring, &cqe, wait_nr, NULL, NULL);
    if (!cqe)
        return ret == -EAGAIN && !wait_nr ? 0 : ret;

    for (; copied < count && cqe; cqe = rota_first_cqe(ring)) {
        unsigned slots = mixed ? rota_cqe_nr(cqe) : 1;
        uint32_t size = mixed ? 16 * slots : stride;

        copy_cqe((struct io_uring_cqe *)(void *)((char *)cqes + (size_t)copied * stride), cqe, size,
                 stride);
        copied++;
        rota_cq_advance(ring, slots);
    }
    return (int)copied;
}
