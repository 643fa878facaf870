/* SPDX-License-Identifier: MIT */
/* Rings, their names, and what was read of them; see model.h. */
#include "tool/trace/model.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tool/trace/guess.h"
#include "tool/trace/summary.h"
#include "tool/trace/trace.h"

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

/*
 * Names
 */

struct ring *model_named(struct model *model, int pid, int fd)
{
    for (struct ring_name *name = model->names; name; name = name->next) {
        if (name->pid == pid && name->fd == fd)
            return name->ring;
    }
    return NULL;
}

void model_name(struct model *model, int pid, int fd, struct ring *ring)
{
    struct ring_name *name;

    for (name = model->names; name; name = name->next) {
        if (name->pid == pid && name->fd == fd) {
            name->ring = ring;
            return;
        }
    }
    name = need_memory(calloc(1, sizeof(*name)));
    name->pid = pid;
    name->fd = fd;
    name->ring = ring;
    name->next = model->names;
    model->names = name;
}

void model_copy_names(struct model *model, int from, int to)
{
    for (struct ring_name *name = model->names; name; name = name->next) {
        if (name->pid == from && !model_named(model, to, name->fd))
            model_name(model, to, name->fd, name->ring);
    }
}

void model_forget(struct model *model, int pid)
{
    for (struct ring_name **at = &model->names; *at;) {
        struct ring_name *name = *at;

        if (name->pid != pid) {
            at = &name->next;
            continue;
        }
        *at = name->next;
        free(name);
    }
}

/* What a descriptor is, by its link in /proc: rings are all called the same. */
static bool is_ring(int pid, int fd)
{
    char path[64], target[64];
    ssize_t length;

    if (pid)
        snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid, fd);
    else
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    length = readlink(path, target, sizeof(target) - 1);
    if (length < 0)
        return false;
    target[length] = '\0';
    return !strcmp(target, "anon_inode:[io_uring]");
}

/* Whether two descriptors, `a` ours and `b` of `pid` (0: ours), are one ring. */
static bool is_same_file(int a, int pid, int b)
{
    struct stat first, second;
    char path[64];
    long ret = syscall(SYS_kcmp, getpid(), pid ? pid : getpid(), KCMP_FILE, a, b);

    if (ret >= 0)
        return !ret;
    /* A kernel without kcmp(2): on newer ones each ring has an inode of its own. */
    snprintf(path, sizeof(path), "/proc/%d/fd/%d", pid ? pid : getpid(), b);
    return !fstat(a, &first) && !stat(path, &second) && first.st_ino == second.st_ino;
}

static bool has_index(const struct task *tasks, const struct ring *ring)
{
    for (; tasks; tasks = tasks->next) {
        for (unsigned i = 0; i < REGISTERED_RINGS; i++) {
            if (tasks->indices[i] == ring)
                return true;
        }
    }
    return false;
}

void model_check_names(struct model *model, const struct task *tasks)
{
    for (struct ring_name **at = &model->names; *at;) {
        struct ring_name *name = *at;

        if (is_ring(name->pid, name->fd) &&
            (name->ring->file < 0 || is_same_file(name->ring->file, name->pid, name->fd))) {
            at = &name->next;
            continue;
        }
        *at = name->next;
        free(name);
    }
    for (struct ring *ring = model->rings; ring; ring = ring->next) {
        bool named = false;

        if (ring->closed)
            continue;
        for (struct ring_name *name = model->names; name && !named; name = name->next)
            named = name->ring == ring;
        if (named || has_index(tasks, ring))
            continue;
        if (ring_readable(ring)) {
            struct looked look;

            look_start(&look, model, ring, ring->pid, 0, now_ns(), now_ns());
            if (ring->running)
                look_running(&look);
            else
                look_stopped(&look);
            look_report(&look);
        }
        ring->closed = true;
        ring_detach(ring);
        model_event(model, &(struct event){.kind = EVENT_END,
                                           .time = now_ns() - model->start,
                                           .pid = ring->pid,
                                           .ring = ring});
        pending_clear(&ring->pending);
    }
}

void model_thread_ended(struct model *model, int pid, int tid)
{
    for (struct ring *ring = model->rings; ring; ring = ring->next) {
        char text[128];
        unsigned count = 0;

        for (struct request *request = ring->pending.oldest; request; request = request->newer)
            count += request->tid == tid && !request->bad_slot &&
                     !(request_sqe(request)->flags & IOSQE_CQE_SKIP_SUCCESS);
        if (!count)
            continue;
        snprintf(text, sizeof(text), "thread %d ended with %u request%s in flight", tid, count,
                 count == 1 ? "" : "s");
        model_event(model, &(struct event){.kind = EVENT_NOTE,
                                           .time = now_ns() - model->start,
                                           .pid = pid,
                                           .tid = tid,
                                           .ring = ring,
                                           .text = text,
                                           .result = count});
    }
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
    ring->cq.tail = now.cq_head;
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
    if (fd >= 0)
        model_name(model, pid, fd, ring);
    if (!ring_attach(ring, file))
        start_reading(ring);
    return ring;
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

struct ring *model_fetch(struct model *model, int pid, int fd)
{
    struct io_uring_params params;
    struct ring *ring;
    int file;

    if (!is_ring(pid, fd))
        return NULL;
    file = fetch_descriptor(pid, fd);
    if (file < 0)
        return NULL;
    for (ring = model->rings; ring; ring = ring->next) {
        if (ring->file >= 0 && is_same_file(ring->file, 0, file)) {
            close(file);
            model_name(model, pid, fd, ring);
            return ring;
        }
    }
    if (guess_params(pid, fd, file, &params) < 0) {
        close(file);
        return NULL;
    }
    ring = model_ring(model, pid, fd, file, &params);
    ring->assumed = true;
    ring->running = model->running || (params.flags & IORING_SETUP_SQPOLL);
    model_event(
        model, &(struct event){
                   .kind = EVENT_FOUND, .time = now_ns() - model->start, .pid = pid, .ring = ring});
    return ring;
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
        int fd = atoi(entry->d_name);

        if (entry->d_name[0] != '.' && is_ring(pid, fd) && !model_named(model, pid, fd))
            model_fetch(model, pid, fd);
    }
    closedir(directory);
}

/*
 * What is new in a ring
 */

void look_start(struct looked *look, struct model *model, struct ring *ring, int pid, int tid,
                uint64_t submitted, uint64_t time)
{
    memset(look, 0, sizeof(*look));
    look->model = model;
    look->ring = ring;
    look->pid = pid;
    look->tid = tid;
    look->submitted = submitted;
    look->time = time;
}

static struct snapshot *snapshot_at(struct ring *ring, uint32_t position)
{
    return &ring->snapshots[position & (ring->params.sq_entries - 1)];
}

void model_snapshot(struct model *model, const struct task *task, struct ring *ring,
                    uint32_t to_submit)
{
    bool rewind = ring_flags(ring) & IORING_SETUP_SQ_REWIND;
    struct indices now;
    uint32_t from, to;
    unsigned taken;

    if (!ring_indices(ring, &now))
        return;
    from = rewind ? 0 : now.sq_head;
    to = rewind ? to_submit : now.sq_tail;
    if (to - from > ring->params.sq_entries)
        to = from + ring->params.sq_entries;
    for (uint32_t position = from; position != to; position += taken) {
        struct snapshot *snapshot = snapshot_at(ring, position);

        free(snapshot->text);
        snapshot->text = NULL;
        taken = ring_sqe(ring, position, snapshot->sqe, &snapshot->big, &snapshot->bad_slot);
        snapshot->filled = taken != 0;
        snapshot->position = position;
        snapshot->pid = task->pid;
        snapshot->tid = task->tid;
        snapshot->time = task->entered;
        ring->submit_to = position + taken;
        ring->submit_at = task->entered;
        if (!taken || (int32_t)(to - position) < (int32_t)taken)
            break;
        /* What it points to may be used again as soon as the kernel has it. */
        if (model->follow && !snapshot->bad_slot && request_follows(snapshot->sqe)) {
            struct rota_process process = model_process(model, ring, task->pid, task->tid);

            snapshot->text = text_of_sqe(&process, snapshot->sqe, snapshot->big);
        }
    }
}

static struct request *add_request(struct looked *look, const unsigned char *sqe, bool big)
{
    struct request *request;
    uint64_t user_data;

    memcpy(&user_data, sqe + offsetof(struct io_uring_sqe, user_data), sizeof(user_data));
    request = pending_add(&look->ring->pending, user_data);
    memcpy(request->sqe, sqe, big ? 128 : 64);
    request->big = big;
    request->number = ++look->model->request_count;
    request->time = look->submitted;
    request->pid = look->pid;
    request->tid = look->tid;
    if (look->request_count == look->request_room) {
        look->request_room = look->request_room ? 2 * look->request_room : 64;
        look->requests =
            need_memory(realloc(look->requests, look->request_room * sizeof(struct request *)));
    }
    look->requests[look->request_count++] = request;
    return request;
}

/* Reports a snapshot as taken; false when there is none of that position. */
static unsigned take_snapshot(struct looked *look, uint32_t position)
{
    struct snapshot *snapshot = snapshot_at(look->ring, position);
    struct request *request;

    if (!snapshot->filled || snapshot->position != position)
        return 0;
    request = add_request(look, snapshot->sqe, snapshot->big);
    request->bad_slot = snapshot->bad_slot;
    request->pid = snapshot->pid;
    request->tid = snapshot->tid;
    request->time = snapshot->time;
    request->text = snapshot->text;
    snapshot->text = NULL;
    snapshot->filled = false;
    return snapshot->big && !(ring_flags(look->ring) & IORING_SETUP_SQE128) ? 2 : 1;
}

static void look_taken(struct looked *look, uint32_t to)
{
    struct ring *ring = look->ring;

    while ((int32_t)(to - ring->sq_next) > 0) {
        unsigned taken = take_snapshot(look, ring->sq_next);

        ring->sq.passed++;
        if (taken)
            ring->sq.read++;
        else
            look->lost_requests++;
        ring->sq_next += taken ? taken : 1;
    }
}

void look_rewound(struct looked *look, uint32_t count)
{
    unsigned taken = 1;

    for (uint32_t position = 0; position < count && taken; position += taken) {
        taken = take_snapshot(look, position);
        look->ring->sq.passed += taken ? 1 : 0;
        look->ring->sq.read += taken ? 1 : 0;
    }
}

/*
 * Straight from the queue, where nobody is stopped. A slot may be filled again
 * once the kernel has taken it, before the tail tells of that. So what was still
 * waiting after it was copied is certain; the rest is suspect until the next
 * tail is seen: what was filled meanwhile is published by then.
 */
static void look_queue(struct looked *look)
{
    struct ring *ring = look->ring;
    uint32_t entries = ring->params.sq_entries;
    struct indices now, after;
    uint32_t position;

    if (!ring_indices(ring, &now))
        return;
    if (now.sq_tail == ring->sq.tail)
        return;
    /* The next tail after a suspect was read. */
    for (position = ring->sq.suspect_from; position != ring->sq.suspect_to; position++) {
        if (now.sq_tail - position <= entries)
            break;
        ring->sq.unsure++;
    }
    ring->sq.suspect_from = ring->sq.suspect_to = now.sq_tail;
    ring->sq.batches++;
    ring->sq.passed += now.sq_tail - ring->sq.tail;
    if (now.sq_tail - ring->sq_next > entries) {
        look->lost_requests += now.sq_tail - entries - ring->sq_next;
        ring->sq_next = now.sq_tail - entries;
    }
    while (ring->sq_next != now.sq_tail) {
        unsigned char sqe[SQE_BYTES];
        bool big, bad_slot;
        unsigned taken = ring_sqe(ring, ring->sq_next, sqe, &big, &bad_slot);
        struct request *request;

        if (!taken)
            break;
        request = add_request(look, sqe, big);
        request->bad_slot = bad_slot;
        ring->sq.read += taken;
        if (look->model->follow && !bad_slot && request_follows(sqe)) {
            struct rota_process process = model_process(look->model, ring, look->pid, look->tid);

            request->text = text_of_sqe(&process, sqe, big);
        }
        if (now.sq_tail - ring->sq_next < taken)
            taken = now.sq_tail - ring->sq_next;
        ring->sq_next += taken;
    }
    if (ring_indices(ring, &after)) {
        uint32_t first = now.sq_tail - look->request_count;

        /* Published meanwhile: those are overwritten for certain. */
        for (position = first; position != now.sq_tail; position++) {
            if (after.sq_tail - position <= entries)
                break;
            ring->sq.unsure++;
        }
        /* Taken meanwhile. */
        if ((int32_t)(after.sq_head - position) > 0) {
            ring->sq.suspect_from = position;
            ring->sq.suspect_to =
                (int32_t)(after.sq_head - now.sq_tail) > 0 ? now.sq_tail : after.sq_head;
        }
    }
    ring->sq.tail = now.sq_tail;
}

/*
 * While a call submits, completions are visible before the head tells that their
 * requests are taken. That one is complete tells it as well, also of those before it.
 */
static struct request *take_submitted(struct looked *look, uint64_t user_data)
{
    struct ring *ring = look->ring;
    uint32_t position = ring->sq_next;

    for (; (int32_t)(ring->submit_to - position) > 0; position++) {
        const struct snapshot *snapshot = snapshot_at(ring, position);
        const void *sqe = snapshot->sqe;

        if (!snapshot->filled || snapshot->position != position || snapshot->bad_slot ||
            ((const struct io_uring_sqe *)sqe)->user_data != user_data)
            continue;
        look_taken(look, position + 1);
        return look->requests[look->request_count - 1];
    }
    return NULL;
}

static void add_completion(struct looked *look, const struct completion *cqe)
{
    bool ambiguous;
    struct request *request = pending_match(&look->ring->pending, cqe, &ambiguous);
    unsigned n = look->completion_count;

    if (!request && look->ring->submits && !look->ring->running)
        request = take_submitted(look, cqe->user_data);
    if (n == look->completion_room) {
        look->completion_room = n ? 2 * n : 64;
        look->completions = need_memory(
            realloc(look->completions, look->completion_room * sizeof(*look->completions)));
    }
    look->completions[n].cqe = *cqe;
    look->completions[n].request = request;
    look->completions[n].told = false;
    look->completions[n].ambiguous = ambiguous;
    look->completion_count = n + 1;
    if (request) {
        request->completions++;
        /* The zero-copy sends: F_MORE on a result says that a notification follows. */
        if (!(cqe->flags & IORING_CQE_F_MORE)) {
            request->notification = false;
            request->done = true;
        } else if (request_notifies(request)) {
            request->notification = true;
        }
        if (request->done)
            pending_hide(&look->ring->pending, request);
    }
    if (cqe->res < 0)
        look->failed = true;
}

static void look_completions(struct looked *look, uint32_t to)
{
    struct ring *ring = look->ring;
    uint32_t entries = ring->params.cq_entries;
    struct indices after;
    uint32_t lost, first = look->completion_count;

    if ((int32_t)(to - ring->cq_next) <= 0)
        return;
    ring->cq.batches++;
    ring->cq.passed += to - ring->cq_next;
    lost = to - ring->cq_next;
    lost = lost > entries ? lost - entries : 0;
    ring->cq_next += lost;
    look->lost_completions += lost;
    while (ring->cq_next != to) {
        struct completion cqe;
        unsigned taken = ring_cqe(ring, ring->cq_next, &cqe);

        if (!taken)
            break;
        ring->cq.read += taken;
        if (to - ring->cq_next < taken)
            taken = to - ring->cq_next;
        ring->cq_next += taken;
        if (!(cqe.flags & IORING_CQE_F_SKIP))
            add_completion(look, &cqe);
    }
    /* Those that the kernel has written over meanwhile. */
    if (ring_indices(ring, &after) && after.cq_tail - to > entries)
        ring->cq.unsure += look->completion_count - first;
}

static void look_overflow(struct ring *ring, const struct indices *now)
{
    ring->overflow = now->cq_overflow - ring->overflow_seen;
    ring->overflowed += now->sq_flags & IORING_SQ_CQ_OVERFLOW ? 1 : 0;
}

/*
 * The tail of the completions is read before the head of the requests: whatever
 * is complete then was taken before, and its request is reported first.
 */
void look_stopped(struct looked *look)
{
    struct ring *ring = look->ring;
    struct indices before, now;

    if (!ring_indices(ring, &before) || !ring_indices(ring, &now))
        return;
    look_overflow(ring, &before);
    if (!(ring_flags(ring) & IORING_SETUP_SQ_REWIND))
        look_taken(look, now.sq_head);
    look_completions(look, before.cq_tail);
}

void look_running(struct looked *look)
{
    struct indices before;

    if (!ring_indices(look->ring, &before))
        return;
    look_overflow(look->ring, &before);
    look_queue(look);
    look_completions(look, before.cq_tail);
}

static bool wants_request(const struct filter *filter, const struct ring *ring,
                          const struct request *request)
{
    const struct io_uring_sqe *sqe;

    if (filter->by_ring && ring->number != filter->ring)
        return false;
    if (!request)
        return !filter->by_op && !filter->by_fd;
    sqe = request_sqe(request);
    if (filter->by_op && !(filter->ops[sqe->opcode >> 6] >> (sqe->opcode & 63) & 1))
        return false;
    return !filter->by_fd || (uint32_t)sqe->fd == filter->fd;
}

static bool wants_result(const struct filter *filter, const struct completion *cqe,
                         uint64_t latency)
{
    return latency >= filter->slow && (!filter->failed || cqe->res < 0);
}

static void tell(struct looked *look, enum event_kind kind, struct request *request,
                 const struct completion *cqe, bool ambiguous)
{
    struct model *model = look->model;
    char why[4096];
    struct event event = {
        .kind = kind,
        .time = (kind == EVENT_REQUEST ? request->time : look->time) - model->start,
        .pid = request ? request->pid : look->pid,
        .tid = kind == EVENT_REQUEST ? request->tid : 0,
        .ring = look->ring,
        .request = request,
        .cqe = cqe,
        .ambiguous = ambiguous,
    };

    if (!wants_request(&model->filter, look->ring, request))
        return;
    if (cqe && request && look->time > request->time) {
        event.latency = look->time - request->time;
        event.timed = true;
    }
    if (model->late) {
        /* Whole, when it turned out to be one that is wanted. */
        if (!cqe || !wants_result(&model->filter, cqe, event.latency))
            return;
        if (request && !request->shown) {
            event.kind = EVENT_REQUEST;
            event.time = request->time - model->start;
            event.tid = request->tid;
        }
    }
    if (cqe && cqe->res < 0 && model->explain && request) {
        struct rota_process process = model_process(model, look->ring, request->pid, request->tid);
        struct rota_ring ring;

        model_describe(look->ring, &ring);
        if (rota_process_explain(&process, &ring, &model->caps, request_sqe(request), cqe->res, why,
                                 sizeof(why)) > 0)
            event.why = why;
    }
    model->sink->event(model->sink, &event);
    if (request)
        request->shown = true;
}

/* A chain that goes on behind the last request of a submit does not: that is where it ends. */
static void look_cut(const struct looked *look)
{
    const struct request *last;

    if (!look->request_count || !look->ring->tally)
        return;
    last = look->requests[look->request_count - 1];
    if (request_sqe(last)->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK))
        look->ring->tally->cut++;
}

void look_report(struct looked *look)
{
    struct model *model = look->model;
    unsigned at = 0;

    for (unsigned i = 0; i < look->request_count; i++) {
        struct request *request = look->requests[i];
        const struct completion *cqe = NULL;

        /* The first completion of a request that is new stands on its line; they mostly come in order. */
        if (request->completions) {
            while (at < look->completion_count && look->completions[at].request != request)
                at++;
            if (at == look->completion_count) {
                for (at = 0; at < look->completion_count; at++) {
                    if (look->completions[at].request == request)
                        break;
                }
            }
            if (at < look->completion_count)
                cqe = &look->completions[at].cqe;
        }
        tell(look, EVENT_REQUEST, request, cqe, cqe && look->completions[at].ambiguous);
        if (cqe)
            look->completions[at++].told = true;
    }
    for (unsigned i = 0; i < look->completion_count; i++) {
        if (!look->completions[i].told)
            tell(look, EVENT_COMPLETION, look->completions[i].request, &look->completions[i].cqe,
                 look->completions[i].ambiguous);
    }
    for (unsigned i = 0; i < look->completion_count; i++) {
        struct request *request = look->completions[i].request;

        if (request && request->done) {
            request->done = false;
            pending_free(&look->ring->pending, request);
        }
    }
    look_cut(look);
    if (look->lost_requests || look->lost_completions)
        model_event(model, &(struct event){.kind = EVENT_LOST,
                                           .time = look->time - model->start,
                                           .pid = look->pid,
                                           .ring = look->ring,
                                           .lost_requests = look->lost_requests,
                                           .lost_completions = look->lost_completions});
    free(look->requests);
    free(look->completions);
    look->requests = NULL;
    look->completions = NULL;
}

void model_event(struct model *model, struct event *event)
{
    if (!model->filter.by_ring || !event->ring || event->ring->number == model->filter.ring)
        model->sink->event(model->sink, event);
}

struct rota_process model_process(const struct model *model, const struct ring *ring, int pid,
                                  int tid)
{
    struct rota_process process = {.pid = pid, .tid = tid, .data_shown = model->data_shown};

    if (ring && ring->compat)
        process.flags |= ROTA_PROCESS_32BIT;
    if (model->own_filter)
        process.flags |= ROTA_PROCESS_FILTERED;
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
