/* SPDX-License-Identifier: MIT */
/* The call by which SQEs are handed over and completions waited for. */
#include "emulate/emulate.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>

#include "emulate/inside.h"

#define ENTER_KNOWN                                                                 \
    (IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP | IORING_ENTER_SQ_WAIT |       \
     IORING_ENTER_EXT_ARG | IORING_ENTER_REGISTERED_RING | IORING_ENTER_ABS_TIMER | \
     IORING_ENTER_EXT_ARG_REG | IORING_ENTER_NO_IOWAIT)

const uint64_t emulate_known_enter = ENTER_KNOWN;

#define SECOND UINT64_C(1000000000)

static const struct emulate_limit unlimited = {NULL, UINT64_MAX, UINT64_MAX};

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - 1 - b ? UINT64_MAX - 1 : a + b;
}

/* A time of the caller's as ns; UINT64_MAX - 1 where it is too large. */
static uint64_t nanoseconds(const struct __kernel_timespec *ts)
{
    uint64_t seconds = (uint64_t)ts->tv_sec;

    if (ts->tv_sec < 0)
        return 0;
    if (seconds >= UINT64_MAX / SECOND / 2)
        return UINT64_MAX - 1;
    return seconds * SECOND + (uint64_t)ts->tv_nsec;
}

static void set_times(const struct emulate_ring *ring, struct emulate_limit *limit,
                      const struct __kernel_timespec *ts, uint32_t min_usec, bool absolute)
{
    uint64_t now = ts || min_usec ? emulate_now(ring->clock_id) : 0;

    if (ts)
        limit->deadline = absolute ? nanoseconds(ts) : sum(now, nanoseconds(ts));
    if (min_usec)
        limit->min_until = sum(now, (uint64_t)min_usec * 1000);
}

/* What the argument of a waiting call says. 0 or -errno. */
static int read_limit(struct emulate_ring *ring, struct emulate_limit *limit, uint32_t flags,
                      const void *arg, size_t size)
{
    bool absolute = (flags & IORING_ENTER_ABS_TIMER) != 0;
    struct io_uring_getevents_arg ext;
    struct __kernel_timespec ts;

    if (!(flags & IORING_ENTER_EXT_ARG)) {
        limit->sigmask = arg;
        return arg && size != ROTA_SIGSET_SIZE ? -EINVAL : 0;
    }
    if (flags & IORING_ENTER_EXT_ARG_REG) {
        const struct io_uring_reg_wait *wait = emulate_registered_wait(ring, (uintptr_t)arg, size);

        if (!wait)
            return -EFAULT;
        if (wait->flags & ~(uint32_t)IORING_REG_WAIT_TS)
            return -EINVAL;
        limit->sigmask = (const void *)(uintptr_t)wait->sigmask;
        if (limit->sigmask && wait->sigmask_sz != ROTA_SIGSET_SIZE)
            return -EINVAL;
        ts = wait->ts;
        set_times(ring, limit, wait->flags & IORING_REG_WAIT_TS ? &ts : NULL, wait->min_wait_usec,
                  absolute);
        return 0;
    }
    if (size != sizeof(ext))
        return -EINVAL;
    if (emulate_copy_in(&ext, (uintptr_t)arg, sizeof(ext)) < 0)
        return -EFAULT;
    if (ext.ts && emulate_copy_in(&ts, ext.ts, sizeof(ts)) < 0)
        return -EFAULT;
    limit->sigmask = (const void *)(uintptr_t)ext.sigmask;
    if (limit->sigmask && ext.sigmask_sz != ROTA_SIGSET_SIZE)
        return -EINVAL;
    set_times(ring, limit, ext.ts ? &ts : NULL, ext.min_wait_usec, absolute);
    return 0;
}

/* With SQPOLL the thread takes the SQEs. */
static int submit_to_thread(struct emulate_ring *ring, uint32_t to_submit, uint32_t flags)
{
    if (flags & IORING_ENTER_SQ_WAKEUP)
        emulate_watch_wake(ring);
    while (flags & IORING_ENTER_SQ_WAIT) {
        uint32_t tail = __atomic_load_n(ring->queues.sq_tail, __ATOMIC_ACQUIRE);

        if (tail - ring->sq_head < ring->queues.sq_entries || ring->closing)
            break;
        emulate_watch_wake(ring);
        emulate_ring_unlock(ring);
        sched_yield();
        emulate_lock_take(&ring->lock);
    }
    return (int)to_submit;
}

static int get_events(struct emulate_ring *ring, uint32_t min_complete, uint32_t flags,
                      const void *arg, size_t size)
{
    struct emulate_limit limit = unlimited;
    int ret = 0;

    if (arg || (flags & IORING_ENTER_EXT_ARG))
        ret = read_limit(ring, &limit, flags, arg, size);
    if (ret < 0)
        return ret;
    if (min_complete > ring->queues.cq_entries)
        min_complete = ring->queues.cq_entries;
    if (min_complete)
        return emulate_wait(ring, min_complete, &limit);
    (void)emulate_look(ring, 0, NULL);
    emulate_overflow_flush(ring);
    emulate_event_lower(ring);
    return 0;
}

static int enter_locked(struct emulate_ring *ring, uint32_t to_submit, uint32_t min_complete,
                        uint32_t flags, const void *arg, size_t size)
{
    int taken = 0, ret = 0;

    if (ring->disabled)
        return -EBADFD;
    if (ring->flags & IORING_SETUP_SQPOLL) {
        taken = submit_to_thread(ring, to_submit, flags);
    } else {
        if (ring->submitter && ring->submitter != emulate_thread() &&
            (to_submit || ring->flags & IORING_SETUP_DEFER_TASKRUN))
            return -EEXIST;
        if (to_submit)
            taken = emulate_submit(ring, to_submit);
        if (taken != (int)to_submit)
            return taken;
    }
    if (flags & IORING_ENTER_GETEVENTS)
        ret = get_events(ring, min_complete, flags, arg, size);
    return taken ? taken : ret;
}

int emulate_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                  const void *arg, size_t size)
{
    struct emulate_ring *ring;
    int ret;

    if (flags & ~(uint32_t)ENTER_KNOWN)
        return -EINVAL;
    if (flags & IORING_ENTER_REGISTERED_RING) {
        ring = emulate_registered((unsigned)fd);
        if (!ring)
            return emulate_not_registered((unsigned)fd);
        emulate_lock_take(&ring->lock);
    } else {
        ring = emulate_ring_lock(fd);
        if (!ring)
            return emulate_not_a_ring(fd);
    }
    ring->users++;
    ret = enter_locked(ring, to_submit, min_complete, flags, arg, size);
    if (!--ring->users && ring->closing) {
        emulate_ring_close(ring);
        return ret;
    }
    emulate_ring_unlock(ring);
    return ret;
}
