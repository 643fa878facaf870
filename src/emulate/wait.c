/* SPDX-License-Identifier: MIT */
/*
 * Waiting. All that can happen to a ring's requests comes through its inner
 * epoll: files that are ready, timers, and the eventfd by which workers and
 * other threads end a sleep.
 */
#include "emulate/emulate.h"

#include <signal.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "emulate/inside.h"

/*
 * Events taken at once. Not many: what a program does with the completions of some requests before
 * those of the next finds its memory in the cache.
 */
#define EVENTS 16
#define ROUNDS 64u
#define SECOND UINT64_C(1000000000)
/* What is passed on without a type has to have the size that the kernel reads. */
#define SIGSET ((size_t)ROTA_SIGSET_SIZE)

#define MILLI UINT64_C(1000000)
/* Waits in a row that find what they want before the epoll is looked at all the same. */
#define IMPATIENT 8u

uint64_t emulate_now(int clock_id)
{
    struct timespec ts;

    if (clock_gettime(clock_id, &ts) < 0)
        return 0;
    return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

void emulate_wake(struct emulate_ring *ring)
{
    const uint64_t one = 1;

    if (ring->wake_raised)
        return;
    ring->wake_raised = true;
    while (write(ring->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

static void drain(int fd)
{
    uint64_t count;

    while (read(fd, &count, sizeof(count)) < 0 && errno == EINTR)
        ;
}

/*
 * Sleeps until the epoll has something to tell, a time is up or a signal was handled: 0 or -errno.
 * That is poll's to do. The kernel begins it anew when there was no signal to handle but work of
 * its own, as when another ring of the process, a real one, ends; a wait of epoll ends with EINTR.
 */
static int sleep_until(const struct emulate_ring *ring, uint64_t timeout, const void *sigmask)
{
    struct pollfd ready = {.fd = ring->ready_fd, .events = POLLIN};
    struct __kernel_timespec ts = {
        .tv_sec = (int64_t)(timeout / SECOND),
        .tv_nsec = (long long)(timeout % SECOND),
    };
#ifdef SYS_ppoll_time64
    const long call = SYS_ppoll_time64;
#else
    const long call = SYS_ppoll;
#endif

    if (syscall(call, &ready, 1L, timeout == UINT64_MAX ? NULL : &ts, sigmask, SIGSET) < 0)
        return -errno;
    return 0;
}

static void retry_all(struct emulate_ring *ring)
{
    struct emulate_list mine;

    if (emulate_list_empty(&ring->retrying))
        return;
    /* Those that have to wait again come behind the others, for the next time. */
    emulate_list_add(&mine, &ring->retrying);
    while (ring->retrying.next != &mine) {
        struct emulate_request *request =
            EMULATE_ELEMENT(ring->retrying.next, struct emulate_request, node);

        emulate_list_del(&request->node);
        emulate_retry(ring, request);
    }
    emulate_list_del(&mine);
}

static void dispatch(struct emulate_ring *ring, const struct epoll_event *event)
{
    uint32_t number = (uint32_t)event->data.u64;

    switch (event->data.u64 & ~(uint64_t)UINT32_MAX) {
    case EMULATE_EVENT_FILE:
        emulate_files_event(ring, (int)number, event->events);
        break;
    case EMULATE_EVENT_CLOCK:
        emulate_timers_due(ring, number);
        break;
    default:
        ring->wake_raised = false;
        drain(ring->wake_fd);
        emulate_workers_done(ring);
        break;
    }
}

/* Has another who sleeps what it waits for? */
static bool others_satisfied(const struct emulate_ring *ring, const struct emulate_waiter *self)
{
    uint32_t ready = emulate_cq_ready(ring);

    for (struct emulate_list *link = ring->waiters.next; link != &ring->waiters;
         link = link->next) {
        const struct emulate_waiter *waiter = EMULATE_ELEMENT(link, struct emulate_waiter, node);

        if (waiter != self && waiter->target <= ready)
            return true;
    }
    return false;
}

/* Has who looks for a number of completions so many? */
static bool satisfied(const struct emulate_ring *ring, const struct emulate_waiter *self)
{
    return self && emulate_cq_ready(ring) >= self->target;
}

static int look(struct emulate_ring *ring, uint64_t timeout, const void *sigmask,
                const struct emulate_waiter *self)
{
    struct epoll_event events[EVENTS];
    unsigned rounds = 0;
    bool raised = false;
    int count, ret = 0;

    if (sigmask && !timeout)
        timeout = 1; /* ns: it is a wait, into which signals are let */
    do {
        /* Where the last look left something there is no need to sleep for it. */
        if (timeout && (sigmask || !ring->more_events)) {
            if (timeout > MILLI &&
                (!emulate_list_empty(&ring->retrying) || emulate_workers_interrupting(ring)))
                timeout = MILLI;
            emulate_ring_unlock(ring);
            ret = sleep_until(ring, timeout, sigmask);
            emulate_lock_take(&ring->lock);
            if (ring->closing)
                return -EBADF;
        }
        count = (int)syscall(SYS_epoll_pwait, ring->ready_fd, events, EVENTS, 0, NULL, SIGSET);
        for (int i = 0; i < count; i++) {
            raised |= events[i].data.u64 == EMULATE_EVENT_WAKE;
            dispatch(ring, &events[i]);
        }
        timeout = 0;
        ring->more_events = count == EVENTS;
    } while (ring->more_events && ++rounds < ROUNDS && !satisfied(ring, self));
    retry_all(ring);
    emulate_settle(ring);
    if (ring->hinted) {
        ring->hinted = false;
        emulate_watch_wake(ring);
    }
    /* What ended our sleep may have been meant for another, who found it taken and slept on. */
    if (raised && others_satisfied(ring, self))
        emulate_wake(ring);
    return ret;
}

int emulate_look(struct emulate_ring *ring, uint64_t timeout, const void *sigmask)
{
    return look(ring, timeout, sigmask, NULL);
}

/* Nanoseconds until what ends the wait, UINT64_MAX when nothing does. */
static uint64_t remaining(const struct emulate_ring *ring, const struct emulate_limit *limit,
                          uint64_t min_until)
{
    /* A minimum that is longer than the limit is waited for all the same. */
    uint64_t until = min_until != UINT64_MAX ? min_until : limit->deadline;
    uint64_t now;

    if (until == UINT64_MAX)
        return UINT64_MAX;
    now = emulate_now(ring->clock_id);
    return until > now ? until - now : 0;
}

int emulate_wait(struct emulate_ring *ring, uint32_t target, const struct emulate_limit *limit)
{
    struct emulate_waiter waiter = {.target = target};
    uint64_t min_until = limit->min_until;
    uint32_t timeouts = ring->timeouts;
    int ret;

    if (!emulate_list_empty(&ring->overflow))
        emulate_overflow_flush(ring);
    if (emulate_cq_ready(ring) >= target) {
        /* What waits for files must not starve because the rest never does. */
        if (ring->in_flight && ++ring->satisfied % IMPATIENT == 0)
            (void)emulate_look(ring, 0, NULL);
        return 0;
    }
    emulate_list_add(&waiter.node, &ring->waiters);
    for (;;) {
        uint64_t left = remaining(ring, limit, min_until);

        ring->slept = true;
        ret = look(ring, left, limit->sigmask, &waiter);
        emulate_overflow_flush(ring);
        if (ret == -EBADF)
            break;
        if (emulate_cq_ready(ring) >= waiter.target || ring->timeouts != timeouts) {
            ret = 0;
            break;
        }
        if (ret == -EINTR || ret == -EFAULT) /* the latter of the signal mask */
            break;
        if (min_until != UINT64_MAX && emulate_now(ring->clock_id) >= min_until) {
            min_until = UINT64_MAX;
            waiter.target = 1;
            if (emulate_cq_ready(ring)) {
                ret = 0;
                break;
            }
        }
        if (min_until == UINT64_MAX && limit->deadline != UINT64_MAX &&
            emulate_now(ring->clock_id) >= limit->deadline) {
            ret = -ETIME;
            break;
        }
    }
    emulate_list_del(&waiter.node);
    /* Who has something to read learns of the rest the next time. */
    return ret != -EBADF && emulate_cq_ready(ring) ? 0 : ret;
}

void emulate_notify(struct emulate_ring *ring)
{
    const uint64_t one = 1;

    if (ring->notify_fd < 0)
        return;
    if (__atomic_load_n(ring->queues.cq_flags, __ATOMIC_RELAXED) & IORING_CQ_EVENTFD_DISABLED)
        return;
    while (write(ring->notify_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

void emulate_tell(struct emulate_ring *ring)
{
    const uint64_t one = 1;
    uint32_t flags = 0;

    if (ring->timers_changed)
        emulate_timers_arm(ring);
    if (ring->posted_any) {
        if (!ring->notify_async || ring->posted_async)
            emulate_notify(ring);
        ring->posted_any = false;
        ring->posted_async = false;
        if (!emulate_list_empty(&ring->waiters) && others_satisfied(ring, NULL))
            emulate_wake(ring);
        if (!ring->event_raised && emulate_cq_ready(ring)) {
            ring->event_raised = true;
            while (write(ring->event_fd, &one, sizeof(one)) < 0 && errno == EINTR)
                ;
        }
    }
    /* An edge that nobody waited for makes the descriptor readable, until somebody looks. */
    if (ring->in_flight || ring->event_raised || ring->edges)
        flags |= IORING_SQ_TASKRUN;
    if (!emulate_list_empty(&ring->overflow))
        flags |= IORING_SQ_CQ_OVERFLOW;
    if (ring->need_wakeup)
        flags |= IORING_SQ_NEED_WAKEUP;
    if (flags != ring->shown) {
        ring->shown = flags;
        __atomic_store_n(ring->queues.sq_flags, flags, __ATOMIC_RELAXED);
    }
}

void emulate_event_lower(struct emulate_ring *ring)
{
    if (!ring->event_raised || emulate_cq_ready(ring))
        return;
    /* One who sleeps in enter and peeks until nothing is left does not watch the descriptor. */
    if (ring->slept) {
        ring->slept = false;
        return;
    }
    ring->event_raised = false;
    drain(ring->event_fd);
}
