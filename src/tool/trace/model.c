/* SPDX-License-Identifier: MIT */
/* Rings: found, made known, let go, and what is told of them; see model.h. */
#include "tool/trace/model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tool/trace/guess.h"
#include "tool/trace/trace.h"

#define SEARCH_NSEC  60000000u  /* between two searches for the memory of a ring ... */
#define SEARCH_SHARE 20         /* ... and so many times what one takes */
#define COMPARE_NSEC 200000000u /* between two questions whether a ring still lies where it lay */

void model_start(struct model *model)
{
    pthread_condattr_t attributes;

    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&model->new_ring, &attributes);
    pthread_condattr_destroy(&attributes);
    model->last_ring = &model->rings;
    list_start(&model->busy);
    list_start(&model->quiet);
    list_start(&model->all_names);
    list_start(&model->all_processes);
    model->start = now_ns();
}

uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

void model_lock(struct model *model)
{
    __atomic_add_fetch(&model->wanted, 1, __ATOMIC_RELAXED);
    pthread_mutex_lock(&model->lock);
    __atomic_sub_fetch(&model->wanted, 1, __ATOMIC_RELAXED);
}

void model_unlock(struct model *model)
{
    pthread_mutex_unlock(&model->lock);
}

void model_yield(struct model *model)
{
    if (!__atomic_load_n(&model->wanted, __ATOMIC_RELAXED))
        return;
    pthread_mutex_unlock(&model->lock);
    while (__atomic_load_n(&model->wanted, __ATOMIC_RELAXED))
        sched_yield();
    pthread_mutex_lock(&model->lock);
}

/*
 * Rings
 */

/* Reading starts where the queues stand. */
static void start_reading(struct ring *ring)
{
    struct indices now;

    if (!ring_indices(ring, &now))
        return;
    ring->sq_next = now.sq_head;
    ring->cq_next = now.cq_head;
    ring->overflow_seen = now.cq_overflow;
    ring->sq.tail = ring->sq.suspect_from = ring->sq.suspect_to = now.sq_head;
    ring->cq.suspect_from = ring->cq.suspect_to = now.cq_head;
    ring->head_seen = now.sq_head;
    ring->cq.tail = now.cq_head;
}

void model_set_quiet(struct model *model, struct ring *ring, bool quiet)
{
    list_remove(&ring->node);
    list_append(quiet ? &model->quiet : &model->busy, &ring->node);
    model->quiet_count += quiet;
    model->quiet_count -= ring->quiet;
    ring->quiet = quiet;
}

/* Makes its memory readable, if it can be; `file` is taken over. */
static void open_ring(struct model *model, struct ring *ring, int file)
{
    struct stat status;

    /* Also for one that cannot be read: somebody has to look when it is gone. */
    pthread_cond_signal(&model->new_ring);
    if (ring_attach(ring, file))
        return;
    ring->opened = true;
    start_reading(ring);
    list_append(&model->busy, &ring->node);
    if (++model->open_count > BUSY_RINGS)
        model_set_quiet(model, ring, true);
    if (!fstat(ring->file, &status)) {
        table_add(&model->ring_files, &ring->link, status.st_ino);
        ring->linked = true;
    }
}

struct ring *model_ring(struct model *model, int pid, int fd, int file,
                        const struct io_uring_params *params)
{
    struct ring *ring = need_memory(calloc(1, sizeof(*ring)));

    ring->number = ++model->ring_count;
    ring->pid = pid;
    ring->fd = fd;
    ring->params = *params;
    ring->features = params->features;
    ring->file = -1;
    *model->last_ring = ring;
    model->last_ring = &ring->next;
    list_start(&ring->node);
    if (fd >= 0)
        model_name(model, pid, fd, ring);
    open_ring(model, ring, file);
    return ring;
}

void model_close(struct model *model, struct ring *ring)
{
    if (ring->closed)
        return;
    if (ring_readable(ring) && ring->running) {
        backlog_read(model, ring, ring->pid, 0, now_ns());
    } else if (ring_readable(ring)) {
        struct looked look = {0};

        look_start(&look, model, ring, ring->pid, 0, now_ns(), now_ns());
        look_stopped(&look);
        look_report(&look);
    }
    ring->closed = true;
    model->unfound_count -= ring->unfound;
    ring->unfound = false;
    if (!list_empty(&ring->node)) {
        model->open_count--;
        model->quiet_count -= ring->quiet;
    }
    list_remove(&ring->node);
    if (ring->linked)
        table_remove(&model->ring_files, &ring->link);
    ring_detach(ring);
    model_event(model, &(struct event){.kind = EVENT_END,
                                       .time = now_ns() - model->start,
                                       .pid = ring->pid,
                                       .ring = ring});
}

void model_workers(struct model *model, int pid, unsigned count)
{
    const struct process *process = model_known_process(model, pid);
    const struct node *names = process ? &process->names : NULL;

    if (!process)
        return;
    for (const struct node *node = names->next; node != names; node = node->next) {
        struct ring *ring = entry_of(node, struct ring_name, of_process)->ring;

        if (count > ring->workers)
            ring->workers = count;
    }
}

static void tell_left_behind(struct model *model, struct ring *ring, const struct task *task)
{
    char text[128];
    unsigned count = 0;

    if (!ring || ring->visited == model->visit)
        return;
    ring->visited = model->visit;
    for (struct request *request = ring->pending.oldest; request; request = request->newer)
        count += request->tid == task->tid && !request->bad_slot &&
                 !(request_sqe(request)->flags & IOSQE_CQE_SKIP_SUCCESS);
    if (!count)
        return;
    snprintf(text, sizeof(text), "thread %d ended with %u request%s in flight", task->tid, count,
             count == 1 ? "" : "s");
    model_event(model, &(struct event){.kind = EVENT_NOTE,
                                       .time = now_ns() - model->start,
                                       .pid = task->pid,
                                       .tid = task->tid,
                                       .ring = ring,
                                       .text = text,
                                       .result = count});
}

void model_thread_ended(struct model *model, const struct task *task)
{
    const struct node *names = &model_process_of(model, task->pid)->names;

    if (!model->running)
        backlog_tell_all(model);
    model->visit++;
    for (const struct node *node = names->next; node != names; node = node->next)
        tell_left_behind(model, entry_of(node, struct ring_name, of_process)->ring, task);
    for (unsigned i = 0; i < REGISTERED_RINGS; i++)
        tell_left_behind(model, task->indices[i], task);
}

/* Kernels before 6.19 do not tell where the array of a resized queue lies. */
static void find_array(struct io_uring_params *params)
{
    uint32_t line = params->cq_off.cqes & -params->cq_off.cqes;
    uint32_t end = params->cq_off.cqes + params->cq_entries * 16;

    if ((params->flags & IORING_SETUP_NO_SQARRAY) || params->sq_off.array)
        return;
    if (params->flags & IORING_SETUP_CQE32)
        end *= 2; /* these kernels double what lies in front of the entries, too */
    params->sq_off.array = (end + line - 1) & -line;
}

void model_resized(struct model *model, struct ring *ring, const struct io_uring_params *params)
{
    uint32_t flags = ring_flags(ring);
    uint32_t sq_next = ring->sq_next, cq_next = ring->cq_next;
    int file = ring->file;

    (void)model;
    ring->file = -1; /* kept */
    ring_detach(ring);
    ring->params = *params;
    ring->params.flags = flags;
    ring->params.features = ring->features;
    find_array(&ring->params);
    if (!ring_attach(ring, file)) {
        ring->sq_next = sq_next;
        ring->cq_next = cq_next;
    }
}

void model_compare(struct model *model, struct ring *ring, int pid, int fd)
{
    struct io_uring_params params;
    struct ring_facts facts;
    struct indices now;
    uint64_t time;

    if (!ring->assumed || !ring->running || !ring->mapped || ring->idle < IDLE_LOOKS)
        return;
    time = now_ns();
    if (time - ring->compared_at < COMPARE_NSEC * (1 + model->name_count / 64))
        return;
    ring->compared_at = time;
    /* What the kernel says first cannot be ahead of what is read then, unless it lies elsewhere. */
    if (!ring_facts(pid, fd, &facts) || !ring_indices(ring, &now) ||
        ((int32_t)(facts.sq_tail - now.sq_tail) <= 0 &&
         (int32_t)(facts.cq_tail - now.cq_tail) <= 0) ||
        guess_params(pid, fd, ring->file, &params))
        return;
    model_resized(model, ring, &params);
    model_event(model, &(struct event){.kind = EVENT_NOTE,
                                       .time = time - model->start,
                                       .pid = pid,
                                       .ring = ring,
                                       .text = "its queues were given another size"});
}

int fetch_descriptor(int pid, int fd)
{
    long process = syscall(SYS_pidfd_open, pid, 0);
    long file;

    if (process < 0)
        return -1;
    file = syscall(SYS_pidfd_getfd, process, fd, 0);
    close((int)process);
    return (int)file;
}

#define IN_ITS_MEMORY "its queues lie in memory of the program (IORING_SETUP_NO_MMAP)"
#define START_IT      ": start the program by rota trace to see them"

/* How a search for its memory ended. */
static void tell_search(struct model *model, struct ring *ring, int error)
{
    const char *text = IN_ITS_MEMORY ", which may not be looked through" START_IT;

    if (!error)
        text = IN_ITS_MEMORY ", and were found there";
    else if (error == -EAGAIN)
        text = IN_ITS_MEMORY ", where it is looked for when requests of it were answered";
    else if (error == -E2BIG)
        text = IN_ITS_MEMORY ", which is too large to be looked through" START_IT;
    model_event(model, &(struct event){.kind = EVENT_NOTE,
                                       .time = now_ns() - model->start,
                                       .pid = ring->pid,
                                       .ring = ring,
                                       .text = text});
}

struct ring *model_fetch(struct model *model, int pid, int fd)
{
    struct io_uring_params params;
    struct stat status;
    struct ring *ring;
    int file, searched = 0;

    if (!is_ring(pid, fd))
        return NULL;
    file = fetch_descriptor(pid, fd);
    if (file < 0)
        return NULL;
    if (fstat(file, &status))
        status.st_ino = 0;
    /* Before Linux 5.12 all rings have one inode. */
    for (struct link *link = table_find(&model->ring_files, status.st_ino); link;
         link = table_next(link)) {
        ring = entry_of(link, struct ring, link);
        if (is_same_file(ring->file, 0, file)) {
            close(file);
            model_name(model, pid, fd, ring);
            return ring;
        }
    }
    if (guess_params(pid, fd, file, &params) < 0) {
        close(file);
        return NULL;
    }
    if (params.flags & IORING_SETUP_NO_MMAP)
        searched = find_own_memory(pid, fd, &params);
    ring = model_ring(model, pid, fd, file, &params);
    ring->assumed = true;
    ring->running = model->running || (params.flags & IORING_SETUP_SQPOLL);
    ring->unfound = searched == -EAGAIN;
    model->unfound_count += ring->unfound;
    model_event(
        model, &(struct event){
                   .kind = EVENT_FOUND, .time = now_ns() - model->start, .pid = pid, .ring = ring});
    if (searched)
        tell_search(model, ring, searched);
    return ring;
}

void model_search(struct model *model, struct ring *ring)
{
    struct io_uring_params params = ring->params;
    struct ring_facts facts;
    uint64_t begin = now_ns(), taken;
    int file, ret;

    if (!ring->unfound || begin < ring->search_at)
        return;
    ring->search_at = begin + SEARCH_NSEC;
    if (!ring_facts(ring->pid, ring->fd, &facts) || facts.sq_tail == ring->searched)
        return;
    ring->searched = facts.sq_tail;
    ret = find_own_memory(ring->pid, ring->fd, &params);
    taken = now_ns() - begin;
    ring->search_at += SEARCH_SHARE * taken;
    if (ret == -EAGAIN)
        return;
    ring->unfound = false;
    model->unfound_count--;
    file = ret ? -1 : fetch_descriptor(ring->pid, ring->fd);
    if (file >= 0) {
        ring->params = params;
        open_ring(model, ring, file);
    }
    tell_search(model, ring, ret);
}

void model_search_all(struct model *model)
{
    if (!model->unfound_count)
        return;
    for (struct ring *ring = model->rings; ring; ring = ring->next)
        model_search(model, ring);
}

void model_find_at(struct model *model, int pid, int fd)
{
    if (is_ring(pid, fd) && !model_named(model, pid, fd))
        model_fetch(model, pid, fd);
}

void model_find(struct model *model, int pid)
{
    char path[64];
    struct dirent *entry;
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    directory = opendir(path);
    if (!directory)
        return;
    while ((entry = readdir(directory))) {
        if (entry->d_name[0] != '.')
            model_find_at(model, pid, atoi(entry->d_name));
    }
    closedir(directory);
}

void event_tell(struct model *model, const struct event *event)
{
    if (!model->filter.by_ring || !event->ring || event->ring->number == model->filter.ring)
        model->sink->event(model->sink, event);
    if (event->kind == EVENT_END)
        pending_clear(&event->ring->pending);
}

void model_event(struct model *model, const struct event *event)
{
    /* In its order; and without a stop nobody waits for what was read before. */
    if (!backlog_is_empty(&model->backlog)) {
        backlog_event(model, event);
        if (!model->running)
            backlog_tell_all(model);
        return;
    }
    event_tell(model, event);
}

struct rota_process model_process(const struct model *model, const struct ring *ring, int pid,
                                  int tid)
{
    struct rota_process process = {.pid = pid, .tid = tid, .data_shown = model->data_shown};

    if (ring && ring->compat)
        process.flags |= ROTA_PROCESS_32BIT;
    if (model->own_filter)
        process.flags |= ROTA_PROCESS_FILTERED;
    if (ring && ring->fd >= 0 && ring->pid == pid) {
        process.flags |= ROTA_PROCESS_RING;
        process.ring_fd = ring->fd;
    }
    return process;
}

void model_describe(const struct ring *ring, struct rota_ring *description)
{
    memset(description, 0, sizeof(*description));
    description->flags = ring_flags(ring);
    description->features = ring->features;
    description->ring_fd = ring->fd;
    description->owner = ring->owner;
}
