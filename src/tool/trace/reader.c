/* SPDX-License-Identifier: MIT */
/*
 * Looks at the rings again and again: for completions that come between two
 * calls, for rings whose requests are taken by a polling thread or in a process
 * that is not stopped, and whether the programs still have their rings.
 *
 * A queue of 64 entries is written over in 64 microseconds at a million requests a
 * second, and an interrupt may take half of that. So between two looks only small
 * pieces of other work are done: a few lines or a block of output, and a system call or
 * two, of which each costs about as much. A second thread for that work would take the
 * same processor, and whole time slices of it. As long as requests come this one
 * spins, at a low priority, so that it takes little but what is left of the
 * processors; then it sleeps longer and longer.
 */
#include "tool/trace/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SPIN_NSEC     200000u /* awake, after the last request */
#define PAUSE_NSEC    4000u   /* of it, between two looks in vain */
#define SHORTEST      20u     /* microseconds of sleep after spinning */
#define LONGEST       1000u   /* while something may come */
#define LONGEST_EAGER 100u    /* while nothing else tells of it, and something came lately ... */
#define LATELY_NSEC   1000000000u
#define CHECK_NSEC    1000000u /* between two looks whether rings are still there */
#define PATIENCE_NSEC 2000000u /* with a call that submits */
#define FIND_NSEC     10000000u

#define LINES_AT_ONCE 8  /* told between two looks */
#define MATCH_AT_ONCE 32 /* requests and completions */
#define RINGS_AT_ONCE 16 /* between two chances for who waits for the lock */
#define FILES_AT_ONCE 4  /* of which is looked whether they are rings */

/*
 * Each look takes lines of the cache away from who writes to them, which then waits for
 * them: a look that is repeated at once would slow a program by a tenth.
 */
static void pause_briefly(const struct model *model, uint64_t now)
{
    uint64_t until = now + PAUSE_NSEC;

    while (now < until && !__atomic_load_n(&model->wanted, __ATOMIC_RELAXED)) {
#if defined(__x86_64__) || defined(__i386__)
        for (unsigned i = 0; i < 8; i++)
            __builtin_ia32_pause();
#endif
        now = now_ns();
    }
}

/* Reads one ring; true when there was something. */
static bool read_ring(struct model *model, struct ring *ring, uint64_t now)
{
    uint32_t sq = ring->sq_next, cq = ring->cq_next;
    struct looked look = {0};
    struct indices indices;

    if (ring->running) {
        backlog_read(model, ring, ring->pid, 0, now);
        return ring->sq_next != sq || ring->cq_next != cq;
    }
    /*
     * A call that submits makes completions visible before it tells that their
     * requests are taken: its own return reports them in the right order, unless
     * it goes on to wait for long.
     */
    if (ring->submits &&
        (now - ring->submit_at < PATIENCE_NSEC || !ring_indices(ring, &indices) ||
         indices.sq_head != ring->submit_to || (ring_flags(ring) & IORING_SETUP_SQ_REWIND)))
        return false;
    look_start(&look, model, ring, ring->pid, 0, now, now);
    look_stopped(&look);
    if (look.request_count || look.completion_count || look.lost_requests || look.lost_completions)
        look_report(&look);
    return ring->sq_next != sq || ring->cq_next != cq;
}

/* The next of the busy rings; those at which nothing comes become quiet. */
static bool read_busy(struct model *model, uint64_t now, bool *eager)
{
    struct ring *ring = entry_of(list_turn(&model->busy), struct ring, node);

    *eager |= ring->running;
    if (read_ring(model, ring, now)) {
        ring->idle = 0;
        return true;
    }
    if (++ring->idle > IDLE_LOOKS && model->open_count - model->quiet_count > BUSY_RINGS)
        model_set_quiet(model, ring, true);
    return false;
}

static bool read_quiet(struct model *model, uint64_t now, bool *eager)
{
    struct ring *ring = entry_of(list_turn(&model->quiet), struct ring, node);

    *eager |= ring->running;
    if (!read_ring(model, ring, now)) {
        ring->idle++;
        return false;
    }
    ring->idle = 0;
    model_set_quiet(model, ring, false);
    return true;
}

/* All the busy ones, and some of the others. */
static bool read_rings(struct model *model, uint64_t now, bool all, bool *eager)
{
    unsigned busy = model->open_count - model->quiet_count;
    unsigned quiet = all ? model->quiet_count : BUSY_RINGS + model->quiet_count / 32;
    bool any = false;

    /* Both may change where somebody else goes first. */
    for (unsigned i = 1; i <= busy && !list_empty(&model->busy); i++) {
        any |= read_busy(model, now, eager);
        if (!(i % RINGS_AT_ONCE)) {
            model_yield(model);
            now = now_ns();
        }
    }
    for (unsigned i = 1; i <= quiet && !list_empty(&model->quiet); i++) {
        any |= read_quiet(model, now, eager);
        if (!(i % RINGS_AT_ONCE)) {
            model_yield(model);
            now = now_ns();
        }
    }
    return any;
}

static bool is_worker(int pid, const char *tid)
{
    static const char name[] = "iou-wrk-"; /* and the number of the thread that it works for */
    char path[300], read_name[sizeof(name)] = "";
    int file;

    snprintf(path, sizeof(path), "/proc/%d/task/%s/comm", pid, tid);
    file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    if (read(file, read_name, sizeof(name) - 1) < 0)
        read_name[0] = '\0';
    close(file);
    return !strcmp(read_name, name);
}

/*
 * The kernel's workers of a process are threads of it with a name of their own.
 * They are counted one at a time, in one process after the other.
 */
static void count_workers(struct model *model, struct workers *workers)
{
    struct dirent *entry;
    char path[64];

    if (!workers->directory) {
        if (list_empty(&model->all_processes))
            return;
        workers->pid = entry_of(list_turn(&model->all_processes), struct process, node)->pid;
        workers->count = 0;
        snprintf(path, sizeof(path), "/proc/%d/task", workers->pid);
        workers->directory = opendir(path);
        return;
    }
    entry = readdir(workers->directory);
    if (entry) {
        workers->count += entry->d_name[0] != '.' && is_worker(workers->pid, entry->d_name);
        return;
    }
    closedir(workers->directory);
    workers->directory = NULL;
    model_workers(model, workers->pid, workers->count);
}

bool process_ended(int process)
{
    struct pollfd ended = {.fd = process, .events = POLLIN};

    return process < 0 || poll(&ended, 1, 0) > 0;
}

/* The descriptors of a process, a few at a time, in search of new rings; false: that was all. */
static bool find_some(struct reader *reader)
{
    struct dirent *entry = NULL;
    char path[64];

    if (!reader->files) {
        snprintf(path, sizeof(path), "/proc/%d/fd", reader->find_in);
        reader->files = opendir(path);
        return reader->files;
    }
    for (unsigned i = 0; i < FILES_AT_ONCE && (entry = readdir(reader->files)); i++) {
        if (entry->d_name[0] != '.')
            model_find_at(reader->stops->model, reader->find_in, atoi(entry->d_name));
    }
    if (entry)
        return true;
    closedir(reader->files);
    reader->files = NULL;
    model_search_all(reader->stops->model);
    return false;
}

/* A piece of what is done once in a while; false: nothing of it is due. */
static bool look_around(struct reader *reader, uint64_t now)
{
    struct model *model = reader->stops->model;

    if (reader->names_due) {
        reader->names_due--;
        model_check_names(model, 1);
        return true;
    }
    if (now - reader->checked > CHECK_NSEC) {
        reader->checked = now;
        reader->names_due = 1 + model->name_count / 128;
        if (!model->follow && !reader->workers.directory)
            count_workers(model, &reader->workers);
        return true;
    }
    if (reader->find_in && (reader->files || now - reader->found > FIND_NSEC)) {
        reader->found = now;
        if (!find_some(reader) && process_ended(reader->process))
            __atomic_store_n(&reader->ended, true, __ATOMIC_RELAXED);
        return true;
    }
    if (reader->workers.directory) {
        count_workers(model, &reader->workers);
        return true;
    }
    return false;
}

/* A piece of the telling; false: there was nothing that may be told yet. */
static bool tell_some(struct model *model, uint64_t now)
{
    if (out_is_long(model->out)) {
        out_flush(model->out);
        return true;
    }
    return backlog_digest(&model->backlog, MATCH_AT_ONCE) ||
           backlog_tell(model, LINES_AT_ONCE, now);
}

/* Sleeps, with the lock open; true when a ring is new, whose requests will come at once. */
static bool sleep_usec(const struct reader *reader, unsigned usec)
{
    struct model *model = reader->stops->model;
    uint64_t until = now_ns() + UINT64_C(1000) * usec;
    struct timespec time = {(time_t)(until / 1000000000U), (long)(until % 1000000000U)};

    /* It may have been told while the lock was left to others. */
    if (__atomic_load_n(&reader->stop, __ATOMIC_RELAXED))
        return false;
    /* A program without rings is not to feel that somebody wakes and looks. */
    if (!model->open_count && !reader->find_in && list_empty(&model->all_names))
        return !pthread_cond_wait(&model->new_ring, &model->lock);
    return !pthread_cond_timedwait(&model->new_ring, &model->lock, &time);
}

static void *run(void *arg)
{
    struct reader *reader = arg;
    struct model *model = reader->stops->model;
    unsigned usec = SHORTEST;
    uint64_t last = 0;

    /* Of this thread only, and below what the user asked for. */
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), getpriority(PRIO_PROCESS, 0) + 10);
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    pthread_mutex_lock(&model->lock);
    while (!__atomic_load_n(&reader->stop, __ATOMIC_RELAXED) && !reader->ended) {
        uint64_t now = now_ns();
        bool eager = false, around;

        if (!backlog_is_full(&model->backlog) && read_rings(model, now, false, &eager)) {
            last = now;
            usec = SHORTEST;
        }
        around = look_around(reader, now);
        if (tell_some(model, now))
            last = now;
        model_yield(model);
        if (around || !backlog_is_empty(&model->backlog))
            continue;
        if (eager && now - last < SPIN_NSEC) {
            pause_briefly(model, now);
            continue;
        }
        if (sleep_usec(reader, usec)) {
            last = now_ns();
            usec = SHORTEST;
        } else if (usec < (eager && now - last < LATELY_NSEC ? LONGEST_EAGER : LONGEST)) {
            usec *= 2;
        }
    }
    pthread_mutex_unlock(&model->lock);
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
    bool eager = false; /* nobody waits here */

    if (reader->started) {
        pthread_mutex_lock(&model->lock);
        __atomic_store_n(&reader->stop, 1, __ATOMIC_RELAXED);
        pthread_cond_signal(&model->new_ring);
        pthread_mutex_unlock(&model->lock);
        pthread_join(reader->thread, NULL);
    }
    if (reader->workers.directory)
        closedir(reader->workers.directory);
    if (reader->files)
        closedir(reader->files);
    /* What came since. */
    pthread_mutex_lock(&model->lock);
    read_rings(model, now_ns(), true, &eager);
    backlog_tell_all(model);
    pthread_mutex_unlock(&model->lock);
}
