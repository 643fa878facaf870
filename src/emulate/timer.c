/* SPDX-License-Identifier: MIT */
/*
 * Time: a heap for each clock, and a timerfd for each heap that is used (that
 * of the monotonic clock from the start), set to what is due first. It is set anew only when something is due earlier than
 * it knows; so a timeout that was taken back costs at most one event for
 * nothing.
 */
#include "emulate/emulate.h"

#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"

#define SECOND UINT64_C(1000000000)

static const int clock_ids[EMULATE_CLOCKS] = {CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME};

/*
 * The heap
 */

static bool earlier(const struct emulate_request *a, const struct emulate_request *b)
{
    return a->timer.deadline < b->timer.deadline;
}

static void place(struct emulate_clock *clock, uint32_t at, struct emulate_request *request)
{
    clock->heap[at] = request;
    request->timer.index = at + 1;
}

static void sift_up(struct emulate_clock *clock, uint32_t at)
{
    struct emulate_request *request = clock->heap[at];

    while (at && earlier(request, clock->heap[(at - 1) / 2])) {
        place(clock, at, clock->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(clock, at, request);
}

static void sift_down(struct emulate_clock *clock, uint32_t at)
{
    struct emulate_request *request = clock->heap[at];

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child + 1 < clock->count && earlier(clock->heap[child + 1], clock->heap[child]))
            child++;
        if (child >= clock->count || !earlier(clock->heap[child], request))
            break;
        place(clock, at, clock->heap[child]);
        at = child;
    }
    place(clock, at, request);
}

/* The clock's timerfd, in the epoll. 0 or -errno. */
static int open_clock(struct emulate_ring *ring, unsigned index)
{
    struct emulate_clock *clock = &ring->clocks[index];
    struct epoll_event event = {.events = EPOLLIN};

    if (clock->fd >= 0)
        return 0;
    clock->fd = timerfd_create(clock_ids[index], TFD_CLOEXEC | TFD_NONBLOCK);
    if (clock->fd < 0)
        return -errno;
    event.data.u64 = EMULATE_EVENT_CLOCK | index;
    if (epoll_ctl(ring->ready_fd, EPOLL_CTL_ADD, clock->fd, &event) < 0) {
        int error = errno;

        close(clock->fd);
        clock->fd = -1;
        return -error;
    }
    return 0;
}

int emulate_timers_start(struct emulate_ring *ring)
{
    return open_clock(ring, EMULATE_MONOTONIC);
}

int emulate_timer_add(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_clock *clock = &ring->clocks[request->timer.clock];
    int ret = open_clock(ring, request->timer.clock);

    if (ret < 0)
        return ret;
    if (clock->count == clock->room) {
        uint32_t room = clock->room ? 2 * clock->room : 16;
        struct emulate_request **heap = realloc(clock->heap, room * sizeof(*heap));

        if (!heap)
            return -ENOMEM;
        clock->heap = heap;
        clock->room = room;
    }
    clock->heap[clock->count] = request;
    sift_up(clock, clock->count++);
    ring->timers_changed = true;
    return 0;
}

void emulate_timer_del(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_clock *clock = &ring->clocks[request->timer.clock];
    uint32_t at = request->timer.index;

    if (request->timer.counted) {
        request->timer.counted = false;
        emulate_list_del(&request->node);
    }
    if (!at)
        return;
    request->timer.index = 0;
    at--;
    if (at == --clock->count)
        return;
    place(clock, at, clock->heap[clock->count]);
    sift_up(clock, at);
    sift_down(clock, clock->heap[at]->timer.index - 1);
}

/* When the clock is to tell of something; UINT64_MAX: never. */
static uint64_t first_due(const struct emulate_ring *ring, unsigned index)
{
    const struct emulate_clock *clock = &ring->clocks[index];
    uint64_t due = clock->count ? clock->heap[0]->timer.deadline : UINT64_MAX;

    return index == EMULATE_MONOTONIC && ring->check_at < due ? ring->check_at : due;
}

void emulate_timers_arm(struct emulate_ring *ring)
{
    ring->timers_changed = false;
    for (unsigned i = 0; i < EMULATE_CLOCKS; i++) {
        struct emulate_clock *clock = &ring->clocks[i];
        struct itimerspec at = {{0, 0}, {0, 0}};
        uint64_t deadline = first_due(ring, i);

        if (deadline >= clock->armed)
            continue;
        clock->armed = deadline;
        deadline = deadline ? deadline : 1; /* zero would be never */
        if (deadline > (uint64_t)INT64_MAX)
            deadline = INT64_MAX;
        at.it_value.tv_sec = (time_t)(deadline / SECOND);
        at.it_value.tv_nsec = (long)(deadline % SECOND);
        (void)timerfd_settime(clock->fd, TFD_TIMER_ABSTIME, &at, NULL);
    }
}

void emulate_timers_free(struct emulate_ring *ring)
{
    for (unsigned i = 0; i < EMULATE_CLOCKS; i++) {
        struct emulate_clock *clock = &ring->clocks[i];

        if (clock->fd >= 0)
            close(clock->fd);
        free(clock->heap);
        clock->fd = -1;
        clock->heap = NULL;
        clock->count = 0;
        clock->room = 0;
    }
}

/*
 * Timeouts
 */

static uint64_t sum(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - 1 - b ? UINT64_MAX - 1 : a + b;
}

/* The deadline, from the time that was read when it was submitted. */
static void set_deadline(struct emulate_request *request)
{
    if (request->sqe.timeout_flags & IORING_TIMEOUT_ABS)
        request->timer.deadline = request->timer.interval;
    else
        request->timer.deadline =
            sum(emulate_now(clock_ids[request->timer.clock]), request->timer.interval);
}

/* Time at `address`, or with `immediate` the number itself, in ns. 0 or -errno. */
static int read_time(uint64_t address, bool immediate, uint64_t *ns)
{
    struct __kernel_timespec ts;
    int ret;

    if (immediate) {
        *ns = address;
        return (int64_t)address < 0 ? -EINVAL : 0;
    }
    ret = emulate_copy_in(&ts, address, sizeof(ts));
    if (ret < 0)
        return ret;
    if (ts.tv_sec < 0 || ts.tv_nsec < 0)
        return -EINVAL;
    if ((uint64_t)ts.tv_sec >= UINT64_MAX / SECOND / 2)
        *ns = UINT64_MAX - 1;
    else
        *ns = (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
    return 0;
}

static int take_time(struct emulate_request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint32_t flags = sqe->timeout_flags;

    request->timer.clock = flags & IORING_TIMEOUT_BOOTTIME   ? EMULATE_BOOTTIME
                           : flags & IORING_TIMEOUT_REALTIME ? EMULATE_REALTIME
                                                             : EMULATE_MONOTONIC;
    return read_time(sqe->addr, (flags & IORING_TIMEOUT_IMMEDIATE_ARG) != 0,
                     &request->timer.interval);
}

int emulate_take_timeout(struct emulate_ring *ring, struct emulate_request *request)
{
    (void)ring;
    request->timer.repeats = (uint32_t)request->sqe.off;
    return take_time(request);
}

/* It watches over the request before it, which is no other such watcher. */
int emulate_take_link_timeout(struct emulate_ring *ring, struct emulate_request *request)
{
    int ret;

    if (!ring->chain_head || ring->chain_last->way == request->way)
        return -EINVAL;
    ret = take_time(request);
    if (!ret)
        request->flags |= EMULATE_REQ_WATCHES;
    return ret;
}

static bool is_multishot(const struct emulate_request *request)
{
    return (request->sqe.timeout_flags & IORING_TIMEOUT_MULTISHOT) != 0;
}

/* Sorted by what is still missing: the first that has it is the first of the list. */
static void add_counted(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_list *before = ring->counted.next;
    uint64_t base = ring->submitting ? ring->posted_before : ring->posted;

    request->timer.target = base + (uint32_t)request->sqe.off;
    request->timer.counted = true;
    while (before != &ring->counted) {
        const struct emulate_request *other = EMULATE_ELEMENT(before, struct emulate_request, node);

        if (other->timer.target > request->timer.target)
            break;
        before = before->next;
    }
    emulate_list_add(&request->node, before);
}

EMULATE_HOOK(timeout)
{
    int ret;

    set_deadline(request);
    ret = emulate_timer_add(ring, request);
    if (ret < 0)
        return ret;
    request->state = EMULATE_TIMED;
    if (request->sqe.off && !is_multishot(request))
        add_counted(ring, request);
    return EMULATE_PENDING;
}

/* Nobody but the request before it in a chain makes it start. */
EMULATE_HOOK(link_timeout)
{
    (void)ring;
    (void)request;
    return -ECANCELED;
}

void emulate_timers_count(struct emulate_ring *ring)
{
    while (!emulate_list_empty(&ring->counted)) {
        struct emulate_request *request =
            EMULATE_ELEMENT(ring->counted.next, struct emulate_request, node);

        if (ring->posted < request->timer.target)
            return;
        emulate_timer_del(ring, request);
        request->flags |= EMULATE_REQ_TIMEOUT;
        emulate_end(ring, request, 0);
    }
}

void emulate_watch_over(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_request *watcher = request->watcher;
    int ret = emulate_track(ring, watcher);

    set_deadline(watcher);
    watcher->state = EMULATE_TIMED;
    if (!ret)
        ret = emulate_timer_add(ring, watcher);
    if (ret < 0) {
        request->watcher = NULL;
        watcher->watched = NULL;
        emulate_end_later(ring, watcher, ret);
    }
}

/* A LINK_TIMEOUT is due: the request that it watches over is cancelled. */
static void end_watched(struct emulate_ring *ring, struct emulate_request *watcher)
{
    struct emulate_request *request = watcher->watched;
    int ret;

    watcher->watched = NULL;
    request->watcher = NULL;
    ret = emulate_cancel_one(ring, request);
    watcher->flags |=
        EMULATE_REQ_SUCCESS; /* it did what it is for: silent where that is asked for */
    emulate_end_later(ring, watcher, ret ? ret : -ETIME);
}

static void due(struct emulate_ring *ring, struct emulate_request *request)
{
    emulate_timer_del(ring, request);
    if (request->watched) {
        end_watched(ring, request);
        return;
    }
    request->flags |= EMULATE_REQ_TIMEOUT;
    if (request->sqe.timeout_flags & IORING_TIMEOUT_ETIME_SUCCESS)
        request->flags |= EMULATE_REQ_SUCCESS;
    if (is_multishot(request) && request->timer.repeats != 1 &&
        emulate_post_more(ring, request, -ETIME, 0)) {
        ring->posted--; /* as in the end: a timeout's own is not counted */
        ring->timeouts++;
        request->flags &= ~EMULATE_REQ_TIMEOUT;
        if (request->timer.repeats)
            request->timer.repeats--;
        set_deadline(request);
        (void)emulate_timer_add(ring, request); /* there is room: it was in it */
        return;
    }
    emulate_end(ring, request, -ETIME);
}

void emulate_timers_due(struct emulate_ring *ring, unsigned index)
{
    struct emulate_clock *clock = &ring->clocks[index];
    const struct itimerspec never = {{0, 0}, {0, 0}};
    uint64_t now = emulate_now(clock_ids[index]);

    /* Setting it is also what makes it unreadable. */
    (void)timerfd_settime(clock->fd, 0, &never, NULL);
    clock->armed = UINT64_MAX;
    ring->timers_changed = true;
    while (clock->count && clock->heap[0]->timer.deadline <= now)
        due(ring, clock->heap[0]);
    if (index == EMULATE_MONOTONIC && ring->check_at <= now)
        emulate_files_check(ring);
}

static struct emulate_request *find_timeout(struct emulate_ring *ring, uint64_t user_data,
                                            bool link)
{
    struct emulate_request *request = ring->hash[emulate_hash(ring, user_data)];

    for (; request; request = request->hash_next) {
        if (request->sqe.user_data == user_data && request->state == EMULATE_TIMED &&
            (request->watched != NULL) == link)
            return request;
    }
    return NULL;
}

EMULATE_HOOK(timeout_remove)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint32_t flags = sqe->timeout_flags;
    struct emulate_request *timeout =
        find_timeout(ring, sqe->addr, (flags & IORING_LINK_TIMEOUT_UPDATE) != 0);
    uint64_t time = 0;

    if (flags & IORING_TIMEOUT_UPDATE_MASK) {
        int ret = read_time(sqe->addr2, (flags & IORING_TIMEOUT_IMMEDIATE_ARG) != 0, &time);

        if (ret < 0)
            return ret;
    }
    if (!timeout)
        return -ENOENT;
    if (!(flags & IORING_TIMEOUT_UPDATE_MASK)) {
        emulate_timer_del(ring, timeout);
        emulate_end_later(ring, timeout, -ECANCELED);
        return 0;
    }
    emulate_timer_del(ring, timeout); /* one by count is one by time only from now on */
    timeout->timer.interval = time;
    timeout->timer.repeats = is_multishot(timeout) ? timeout->timer.repeats : 0;
    timeout->sqe.timeout_flags =
        (timeout->sqe.timeout_flags & ~(uint32_t)IORING_TIMEOUT_ABS) | (flags & IORING_TIMEOUT_ABS);
    if (!timeout->watched || flags & IORING_TIMEOUT_CLOCK_MASK)
        timeout->timer.clock = flags & IORING_TIMEOUT_BOOTTIME   ? EMULATE_BOOTTIME
                               : flags & IORING_TIMEOUT_REALTIME ? EMULATE_REALTIME
                                                                 : EMULATE_MONOTONIC;
    set_deadline(timeout);
    return emulate_timer_add(ring, timeout);
}
