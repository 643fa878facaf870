/* SPDX-License-Identifier: MIT */
/*
 * Looks at every ring again and again: for completions that come between two
 * calls, for rings whose requests are taken by a polling thread or in a process
 * that is not stopped, and whether the programs still have their rings. As long
 * as requests come it spins, at a low priority, so that it takes little but what is left
 * of the processors; then it sleeps longer and longer.
 */
#include "tool/trace/reader.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NSEC     200000u  /* after the last request */
#define SHORTEST      20u      /* microseconds of sleep after spinning */
#define LONGEST       1000u    /* while something may come */
#define CHECK_NSEC    1000000u /* between two looks whether rings are still there */
#define PATIENCE_NSEC 2000000u /* with a call that submits */
#define WORKERS_NSEC  100000000u
#define FIND_NSEC     10000000u

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

/* Reads one ring; true when there was something. */
static bool read_ring(struct model *model, struct ring *ring, uint64_t now)
{
    uint32_t sq = ring->sq_next, cq = ring->cq_next;
    struct looked look;
    struct indices indices;

    /*
     * A call that submits makes completions visible before it tells that their
     * requests are taken: its own return reports them in the right order, unless
     * it goes on to wait for long.
     */
    if (!ring->running && ring->submits &&
        (now - ring->submit_at < PATIENCE_NSEC || !ring_indices(ring, &indices) ||
         indices.sq_head != ring->submit_to || (ring_flags(ring) & IORING_SETUP_SQ_REWIND)))
        return false;
    look_start(&look, model, ring, ring->pid, 0, now, now);
    if (ring->running)
        look_running(&look);
    else
        look_stopped(&look);
    if (look.request_count || look.completion_count || look.lost_requests || look.lost_completions)
        look_report(&look);
    return ring->sq_next != sq || ring->cq_next != cq;
}

static bool read_rings(struct model *model, bool *eager)
{
    uint64_t now = now_ns();
    bool any = false;

    for (struct ring *ring = model->rings; ring; ring = ring->next) {
        if (!ring_readable(ring))
            continue;
        any |= read_ring(model, ring, now);
        *eager |= ring->running;
    }
    return any;
}

/* The kernel's workers of a process are threads of it with a name of their own. */
static unsigned count_workers(int pid)
{
    char path[300], name[32];
    struct dirent *entry;
    unsigned count = 0;
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    directory = opendir(path);
    if (!directory)
        return 0;
    while ((entry = readdir(directory))) {
        FILE *file;

        snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, entry->d_name);
        file = fopen(path, "re");
        if (!file)
            continue;
        count += fgets(name, sizeof(name), file) && !strncmp(name, "iou-wrk-", 8);
        fclose(file);
    }
    closedir(directory);
    return count;
}

static void see_workers(struct model *model)
{
    for (struct ring *ring = model->rings; ring; ring = ring->next) {
        unsigned workers;

        if (ring->closed || !ring->tally)
            continue;
        workers = count_workers(ring->pid);
        if (workers > ring->workers)
            ring->workers = workers;
    }
}

static void *run(void *arg)
{
    struct reader *reader = arg;
    struct model *model = reader->stops->model;
    uint64_t last = 0, checked = 0, found = 0, workers = now_ns();
    unsigned sleep_usec = SHORTEST;

    /* Of this thread only. */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), 10);
    while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED)) {
        bool eager = false;
        uint64_t now;

        while (__atomic_load_n(&model->wanted, __ATOMIC_RELAXED))
            sched_yield();
        pthread_mutex_lock(&model->lock);
        now = now_ns();
        if (reader->find_in && now - found > FIND_NSEC) {
            found = now;
            model_find(model, reader->find_in);
            if (kill(reader->find_in, 0) < 0 && errno == ESRCH)
                __atomic_store_n(&reader->ended, true, __ATOMIC_RELAXED);
        }
        if (read_rings(model, &eager)) {
            last = now;
            sleep_usec = SHORTEST;
        }
        if (now - checked > CHECK_NSEC) {
            checked = now;
            model_check_names(model, reader->stops->tasks);
        }
        if (now - workers > WORKERS_NSEC) {
            workers = now;
            see_workers(model);
        }
        pthread_mutex_unlock(&model->lock);
        if (reader->ended)
            break;
        if (eager && now - last < SPIN_NSEC) {
            pause_briefly();
            continue;
        }
        nanosleep(&(struct timespec){0, (long)sleep_usec * 1000}, NULL);
        if (sleep_usec < LONGEST)
            sleep_usec *= 2;
    }
    return NULL;
}

int reader_start(struct reader *reader)
{
    sigset_t all, before;
    int ret;

    /* Signals are for the thread that waits for stops. */
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    ret = pthread_create(&reader->thread, NULL, run, reader);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    reader->started = !ret;
    return ret;
}

void reader_stop(struct reader *reader)
{
    struct model *model = reader->stops->model;
    bool eager;

    if (reader->started) {
        __atomic_store_n(&reader->stop, 1, __ATOMIC_RELAXED);
        pthread_join(reader->thread, NULL);
    }
    /* What came since. */
    pthread_mutex_lock(&model->lock);
    read_rings(model, &eager);
    pthread_mutex_unlock(&model->lock);
}
