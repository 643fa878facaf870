/* SPDX-License-Identifier: MIT */
/* Waiting: the one loop under every wait, and what peeks do when the queue is empty. */
#include "ring/core.h"

#include <linux/time.h>

#define NSEC_PER_SEC  1000000000
#define NSEC_PER_USEC 1000
#define USEC_PER_SEC  1000000u

/*
 * The same number where the kernel has lost completions: no wait sleeps until
 * it has said so, which it does not while a CQE is ready.
 */
#define IN_VAIN_LOST (1u << 10)

/* The first rounds in vain are not worth a look at the clock. */
#define IN_VAIN_FREE 64u

/* A signal takes at least so long: sent, slept for, handled, and returned from. */
#define SIGNAL_NSEC 4000

const struct rota_limit rota_unlimited = {.ts = NULL};

int rota_limit_check(const struct rota_ring *ring, const struct rota_limit *limit)
{
    const struct __kernel_timespec *ts = limit->ts;
    int lacking = ring->int_flags & ROTA_INT_LIKE_LIBURING ? -EINVAL : -EOPNOTSUPP;

    if (rota_is_dead(ring))
        return -EBADF;
    if (limit->registered && !(ring->features & IORING_FEAT_EXT_ARG))
        return lacking;
    /* As the kernel says of an index that is too large, and so is one below 0. */
    if (limit->registered && (size_t)limit->index > SIZE_MAX / sizeof(struct io_uring_reg_wait))
        return -EFAULT;
    /* Points in time have no feature bit of their own; they came with minimum times. */
    if ((limit->min_usec || (limit->absolute && ts)) && !(ring->features & IORING_FEAT_MIN_TIMEOUT))
        return lacking;
    if (ts && !(ring->features & IORING_FEAT_EXT_ARG))
        return -EOPNOTSUPP; /* where liburing submits a request of its own */
    return 0;
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

/*
 * The time that the kernel makes of `ts`: nanoseconds are added however many
 * they are, and what is before zero is up at once. Divides by shifting: what
 * 32-bit compilers do for a division of 64 bits is a function that they bring.
 */
static void time_normal(const struct __kernel_timespec *ts, struct __kernel_timespec *to)
{
    uint64_t nsec = ts->tv_nsec < 0 ? -(uint64_t)ts->tv_nsec : (uint64_t)ts->tv_nsec;
    int64_t sec = ts->tv_sec, whole = 0;
    bool before = ts->tv_nsec < 0;

    for (uint32_t shift = 34; shift--;) {
        uint64_t part = (uint64_t)NSEC_PER_SEC << shift;

        if (nsec >= part) {
            nsec -= part;
            whole += (int64_t)1 << shift;
        }
    }
    if (before) {
        if (nsec) {
            nsec = NSEC_PER_SEC - nsec;
            whole++;
        }
        whole = -whole;
    }
    if (__builtin_add_overflow(sec, whole, &sec))
        sec = before ? -1 : INT64_MAX;
    if (sec < 0) {
        sec = 0;
        nsec = 0;
    }
    to->tv_sec = sec;
    to->tv_nsec = (int64_t)nsec;
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

bool rota_looks_again(const struct rota_ring *ring, const struct __kernel_timespec *ts)
{
    return !ts && (ring->int_flags & ROTA_INT_LIKE_LIBURING);
}

struct io_uring_cqe *rota_first_cqe(struct rota_ring *ring)
{
    struct rota_cq *cq = &ring->cq;

    /* No more gap fillers than slots, which is fewer than a broken kernel can say there are. */
    for (uint32_t most = cq->ring_entries; most && rota_cq_ready(ring); most--) {
        struct io_uring_cqe *cqe = rota_cqe_at(ring, cq->cqe_head);

        if (ROTA_LIKELY(!(ring->flags & IORING_SETUP_CQE_MIXED) ||
                        !(cqe->flags & IORING_CQE_F_SKIP)))
            return cqe;
        /* Release: its flags were read before the kernel may reuse the slot. */
        rota_store_release(cq->khead, ++cq->cqe_head);
    }
    return NULL;
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

/* What is left of a limit, and the points in time that it stands for. */
struct clocked {
    const struct __kernel_timespec *ts; /* for the next system call; NULL: no limit */
    uint32_t min_usec;
    struct __kernel_timespec asked; /* the limit's own, normal; when there is one */
    struct __kernel_timespec deadline, min_deadline, left;
};

/* One io_uring_enter of a wait, with the argument that the limit asks for. */
static int enter_once(struct rota_ring *ring, uint32_t submit, uint32_t wait_nr, uint32_t flags,
                      const struct rota_limit *limit, const struct clocked *time)
{
    struct io_uring_getevents_arg arg;
    const void *offset;

    if (limit->registered) {
        /* The argument is where the element lies in the registered region. */
        offset = (const void *)((uintptr_t)limit->index * sizeof(struct io_uring_reg_wait));
        return rota_kernel_enter(ring, submit, wait_nr,
                                 flags | IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG, offset,
                                 sizeof(struct io_uring_reg_wait));
    }
    if (!time->ts && !time->min_usec)
        return rota_kernel_enter(ring, submit, wait_nr, flags, limit->sigmask,
                                 limit->sigmask ? ROTA_SIGSET_SIZE : 0);
    rota_zero(&arg, sizeof(arg));
    arg.sigmask = (uint64_t)(uintptr_t)limit->sigmask;
    arg.sigmask_sz = ROTA_SIGSET_SIZE;
    arg.min_wait_usec = time->min_usec;
    arg.ts = (uint64_t)(uintptr_t)time->ts;
    if (limit->absolute) /* which excludes a minimum, so that there is a time */
        flags |= IORING_ENTER_ABS_TIMER;
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
 * Otherwise it was `skipped`, a gap in a mixed queue that counts there, or
 * polling that made a pause.
 */
static bool hides_a_reason(const struct rota_ring *ring, uint32_t wait_nr, bool skipped)
{
    return wait_nr > 1 && !skipped && !(ring->flags & IORING_SETUP_IOPOLL);
}

/* True when the limit is "not at all": one look, whatever it finds. */
static bool is_instant(const struct rota_limit *limit, const struct clocked *time)
{
    return limit->ts && !limit->absolute && is_zero(&time->asked);
}

/* Reads the clock, which no sane one says is before zero. */
static int read_clock(const struct rota_ring *ring, struct __kernel_timespec *now)
{
    int ret = rota_kernel_of(ring)->clock(ring->clock_id, now);

    if (ret >= 0 && (now->tv_sec < 0 || now->tv_nsec < 0 || now->tv_nsec >= NSEC_PER_SEC))
        return -EPROTO;
    return ret;
}

/* Reads the clock and works out when the time is up. */
static int start_clock(const struct rota_ring *ring, const struct rota_limit *limit,
                       struct clocked *time)
{
    struct __kernel_timespec min, now;
    int ret = read_clock(ring, &now);

    if (ret < 0)
        return ret;
    if (limit->ts && !limit->absolute) {
        time->deadline = now;
        time_add(&time->deadline, &time->asked);
    } else if (limit->ts) {
        time->deadline = time->asked;
    }
    min.tv_sec = limit->min_usec / USEC_PER_SEC;
    min.tv_nsec = limit->min_usec % USEC_PER_SEC * NSEC_PER_USEC;
    time->min_deadline = now;
    time_add(&time->min_deadline, &min);
    return 0;
}

/* Reads the clock again. Returns 0 with the rest of the times in `time`, -ETIME when all is up. */
static int check_clock(const struct rota_ring *ring, const struct rota_limit *limit,
                       struct clocked *time)
{
    struct __kernel_timespec now, min;
    int ret = read_clock(ring, &now);

    if (ret < 0)
        return ret;
    if (limit->ts) {
        if (!time_left(&time->deadline, &now, &time->left))
            return -ETIME;
        if (!limit->absolute)
            time->ts = &time->left;
    }
    if (time->min_usec)
        time->min_usec = time_left(&time->min_deadline, &now, &min)
                             ? (uint32_t)(min.tv_sec * USEC_PER_SEC + min.tv_nsec / NSEC_PER_USEC)
                             : 0;
    return 0;
}

bool rota_is_hopeless(const struct rota_ring *ring, struct rota_in_vain *in_vain, uint32_t most)
{
    struct __kernel_timespec now, least;

    in_vain->rounds++;
    if (in_vain->rounds == IN_VAIN_FREE && read_clock(ring, &in_vain->since) < 0) {
        in_vain->since.tv_sec = 0;
        in_vain->since.tv_nsec = 0;
    }
    if (in_vain->rounds < most)
        return false;
    in_vain->rounds = 0;
    if (read_clock(ring, &now) < 0)
        return true; /* nothing else tells signals from a kernel that does not sleep */
    least.tv_sec = 0;
    least.tv_nsec = (int64_t)(most - IN_VAIN_FREE) * SIGNAL_NSEC;
    time_normal(&least, &least);
    time_add(&least, &in_vain->since);
    return time_left(&least, &now, &least);
}

/* What a wait says that failed: what was taken goes before the reason. */
static int early(int taken, int reason)
{
    return taken ? taken : reason;
}

/*
 * What a wait says that time or a signal ended: nothing of that while a CQE is
 * ready, as in the kernel. -ETIME means that there is none.
 */
static int ended(struct rota_ring *ring, int taken, int reason)
{
    return rota_first_cqe(ring) ? taken : early(taken, reason);
}

int rota_wait_for(struct rota_ring *ring, const struct rota_wait *wanted)
{
    uint32_t submit = wanted->submit, wait_nr = wanted->wait_nr, flags = wanted->flags;
    const struct rota_limit *limit = wanted->limit;
    bool retry = !(ring->int_flags & ROTA_INT_INTERRUPTIBLE), timed;
    struct clocked time;
    struct rota_in_vain in_vain;
    bool skipped = false, goes_on;
    int taken = 0, ret;

    rota_in_vain_start(&in_vain);
    if (wait_nr > ring->cq.ring_entries)
        wait_nr = ring->cq.ring_entries;
    if (wait_nr)
        flags |= IORING_ENTER_GETEVENTS;
    time.ts = NULL;
    if (limit->ts) {
        time_normal(limit->ts, &time.asked);
        time.ts = &time.asked;
    }
    time.min_usec = limit->min_usec;
    /* The clock is a system call, too: it is read only when there may be a second round. */
    timed = wait_nr && ((limit->ts && !is_instant(limit, &time)) || limit->min_usec) &&
            (retry || wait_nr > 1 || !is_simple_wait(ring));

    /* Nothing to hand over and enough there already: no system call for that. */
    if (!submit && wait_nr && !(flags & ~IORING_ENTER_GETEVENTS) && is_satisfied(ring, wait_nr))
        return 0;
    if (timed) {
        ret = start_clock(ring, limit, &time);
        if (ret < 0)
            return ret;
    }

    for (;;) {
        if (flags & IORING_ENTER_GETEVENTS)
            rota_count_overflow(ring);
        goes_on = limit->looks_again && !(wait_nr && rota_cq_ready(ring));
        ret = enter_once(ring, submit, wait_nr, flags, limit, &time);
        if (ret == -ETIME)
            return ended(ring, taken, ret);
        if (ret < 0 && ret != -EINTR)
            return early(taken, ret);
        if (ret >= 0) {
            /* The other side's, who may be another thread: only who waits may look. */
            uint32_t head = wait_nr ? ring->cq.cqe_head : 0;

            if ((uint32_t)ret > submit)
                ret = (int)submit; /* more than there were no kernel takes */
            taken += ret;
            if (ret && (ring->flags & IORING_SETUP_SQ_REWIND))
                rota_sq_rewind(ring, (uint32_t)ret);
            /* After a short submit the kernel has not waited. */
            if ((uint32_t)ret < submit || !wait_nr || is_satisfied(ring, wait_nr))
                return taken;
            skipped = ring->cq.cqe_head != head;
            submit = 0; /* after a signal before anything was taken, they go with the next round */
        }

        /* The wait ended early. What was taken is reported first, as the kernel does. */
        if (ret < 0)
            goes_on = false;
        if (taken && !retry && !goes_on)
            return taken;
        if (limit->registered)
            return ret < 0 ? ended(ring, taken, ret)
                           : taken; /* the library does not know the time */
        if (is_instant(limit, &time))
            return ended(ring, taken, -ETIME);
        if (timed) {
            int error = check_clock(ring, limit, &time);

            if (error < 0)
                return ended(ring, taken, error);
            if (limit->min_usec && !time.min_usec) {
                wait_nr = 1; /* from here on, any will do */
                if (is_satisfied(ring, wait_nr))
                    return taken;
            }
        }
        if (!retry && !goes_on && (ret < 0 || hides_a_reason(ring, wait_nr, skipped)))
            return ended(ring, taken, -EINTR);
        if (ret >= 0)
            flags = IORING_ENTER_GETEVENTS;
        if (!(ring->flags & IORING_SETUP_IOPOLL) &&
            rota_is_hopeless(ring, &in_vain, rota_cq_lost(ring) ? IN_VAIN_LOST : ROTA_IN_VAIN_MOST))
            return early(taken, rota_cq_lost(ring) ? -EBADR : -EPROTO);
        if (!submit && wait_nr && is_satisfied(ring, wait_nr))
            return taken;
    }
}

int rota_get_events(struct rota_ring *ring)
{
    int ret;

    if (rota_is_dead(ring))
        return -EBADF;
    rota_count_overflow(ring);
    ret = rota_kernel_enter(ring, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
    return ret < 0 ? ret : 0;
}

int rota_peek_slow(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr)
{
    int ret;

    *cqe_ptr = rota_first_cqe(ring);
    if (*cqe_ptr)
        return 0;
    if (rota_is_dead(ring))
        return -EBADF;
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

int rota_wait_within(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                     const struct rota_limit *limit)
{
    struct rota_wait wait;
    int ret = rota_limit_check(ring, limit);

    *cqe_ptr = NULL;
    if (ret < 0)
        return ret;
    if (!wait_nr)
        return rota_peek_slow(ring, cqe_ptr);
    wait.submit = 0;
    wait.wait_nr = wait_nr;
    wait.flags = 0;
    wait.limit = limit;
    ret = rota_wait_for(ring, &wait);
    *cqe_ptr = rota_first_cqe(ring);
    return ret;
}

int rota_wait_cqes(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                   const struct __kernel_timespec *ts, const void *sigmask)
{
    struct rota_limit limit = {
        .ts = ts, .sigmask = sigmask, .looks_again = rota_looks_again(ring, ts)};

    return rota_wait_within(ring, cqe_ptr, wait_nr, &limit);
}
