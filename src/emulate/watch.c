/* SPDX-License-Identifier: MIT */
/*
 * The thread that looks after a ring while its owner is elsewhere: with SQPOLL
 * it takes the SQEs, with a registered eventfd it makes completions that
 * nobody waits for known.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "emulate/emulate.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "emulate/inside.h"

/*
 * How long it looks for SQEs before it sleeps, whatever was asked for: a
 * thread in a kernel may spin for long, one among the program's own may not.
 */
#define SPIN_MOST UINT64_C(1000000)

struct emulate_watcher {
    pthread_t thread;
    struct emulate_ring *ring;
    int wake_fd; /* an eventfd of its own: others cannot take what was meant for it */
};

void emulate_watch_wake(struct emulate_ring *ring)
{
    const uint64_t one = 1;

    if (!ring->watch)
        return;
    while (write(ring->watch->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* Until something can go on, or it was woken. */
static void sleep_until_work(struct emulate_ring *ring, const struct emulate_watcher *watcher)
{
    struct pollfd fds[2] = {
        {.fd = ring->ready_fd, .events = POLLIN},
        {.fd = watcher->wake_fd, .events = POLLIN},
    };
    bool soon = !emulate_list_empty(&ring->retrying) || emulate_workers_interrupting(ring);
    uint64_t count;

    if (ring->hinted) {
        fds[0].fd = -1;
        soon = false;
    }
    emulate_ring_unlock(ring);
    (void)poll(fds, 2, soon ? 1 : -1);
    if (fds[1].revents)
        (void)!read(watcher->wake_fd, &count, sizeof(count));
    emulate_lock_take(&ring->lock);
}

static uint64_t spin_time(const struct emulate_ring *ring)
{
    uint64_t idle = (uint64_t)(ring->idle ? ring->idle : 1) * 1000000;

    return idle < SPIN_MOST ? idle : SPIN_MOST;
}

static bool has_sqes(const struct emulate_ring *ring)
{
    return __atomic_load_n(ring->queues.sq_tail, __ATOMIC_ACQUIRE) != ring->sq_head;
}

/* Shows that it sleeps, unless there is something to take after all; sleeps. */
static void sleep_shown(struct emulate_ring *ring, const struct emulate_watcher *watcher)
{
    ring->need_wakeup = true;
    emulate_tell(ring);
    /* Full fence: the application stores its tail, fences, and reads the flag. */
    __sync_synchronize();
    if (!has_sqes(ring))
        sleep_until_work(ring, watcher);
    ring->need_wakeup = false;
}

/*
 * With DEFER_TASKRUN the owner alone completes requests: what can go on is only made known, once
 * until the owner has looked.
 */
static void hint(struct emulate_ring *ring)
{
    struct pollfd ready = {.fd = ring->ready_fd, .events = POLLIN};

    if (ring->hinted || ring->closing || poll(&ready, 1, 0) <= 0)
        return;
    ring->hinted = true;
    if (emulate_list_empty(&ring->waiters))
        emulate_notify(ring);
}

static void *watch(void *data)
{
    struct emulate_watcher *watcher = data;
    struct emulate_ring *ring = watcher->ring;
    uint64_t last = 0;

    emulate_lock_take(&ring->lock);
    while (!ring->closing) {
        uint64_t posted = ring->posted;
        int taken;

        if (!(ring->flags & IORING_SETUP_SQPOLL)) {
            sleep_until_work(ring, watcher);
            if (ring->flags & IORING_SETUP_DEFER_TASKRUN)
                hint(ring);
            else
                (void)emulate_look(ring, 0, NULL);
            continue;
        }
        taken = has_sqes(ring) ? emulate_submit(ring, ring->queues.sq_entries) : 0;
        (void)emulate_look(ring, 0, NULL);
        if (taken > 0 || posted != ring->posted)
            last = emulate_now(CLOCK_MONOTONIC);
        if (emulate_now(CLOCK_MONOTONIC) - last < spin_time(ring)) {
            emulate_ring_unlock(ring);
            sched_yield();
            emulate_lock_take(&ring->lock);
        } else {
            sleep_shown(ring, watcher);
        }
    }
    emulate_lock_give(&ring->lock);
    return NULL;
}

/* The kernel alone knows which processors there are: -EINVAL for another. */
static int pin(pthread_t thread, uint32_t cpu)
{
    cpu_set_t one;

    if (cpu >= CPU_SETSIZE)
        return -EINVAL;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    return -pthread_setaffinity_np(thread, sizeof(one), &one);
}

int emulate_watch_start(struct emulate_ring *ring)
{
    struct emulate_watcher *watcher;
    int ret;

    if (ring->watch)
        return 0;
    watcher = calloc(1, sizeof(*watcher));
    if (!watcher)
        return -ENOMEM;
    watcher->ring = ring;
    watcher->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ret = watcher->wake_fd < 0 ? -errno : 0;
    if (!ret)
        ret = emulate_thread_start(&watcher->thread, watch, watcher);
    if (ret < 0) {
        if (watcher->wake_fd >= 0)
            close(watcher->wake_fd);
        free(watcher);
        return ret;
    }
    ring->watch = watcher;
    return ring->cpu == UINT32_MAX ? 0 : pin(watcher->thread, ring->cpu);
}

void emulate_watch_end(struct emulate_ring *ring)
{
    struct emulate_watcher *watcher = ring->watch;

    if (!watcher)
        return;
    ring->watch = NULL;
    (void)pthread_join(watcher->thread, NULL);
    emulate_watch_forget(watcher);
}

/* What is left of a watcher whose thread has ended, or never was in this process. */
void emulate_watch_forget(struct emulate_watcher *watcher)
{
    if (!watcher)
        return;
    close(watcher->wake_fd);
    free(watcher);
}

int emulate_notify_changed(struct emulate_ring *ring)
{
    /* Once there it stays: to look after a ring that needs it no more harms nobody. */
    if (ring->notify_fd < 0 || !ring->workers_most[0])
        return 0;
    return emulate_watch_start(ring);
}
