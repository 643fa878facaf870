/* SPDX-License-Identifier: MIT */
/* What is new in a ring: read, matched, told; see model.h. */
#include <stdlib.h>
#include <string.h>

#include "tool/trace/model.h"
#include "tool/trace/summary.h"
#include "tool/trace/trace.h"

void look_start(struct looked *look, struct model *model, struct ring *ring, int pid, int tid,
                uint64_t submitted, uint64_t time)
{
    struct looked fresh = {
        /* Its arrays are used again. */
        .raw = look->raw,
        .raw_room = look->raw_room,
        .requests = look->requests,
        .request_room = look->request_room,
        .completions = look->completions,
        .completion_room = look->completion_room,
    };

    *look = fresh;
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

/* A head that was seen is the end of a submit: a chain that goes on behind it is cut. */
static void see_head(struct ring *ring, uint32_t head)
{
    const struct snapshot *last = snapshot_at(ring, head - 1);

    if (head == ring->head_seen)
        return;
    ring->head_seen = head;
    ring->cuts += last->links && last->position == head - 1;
}

static struct raw_request *add_raw(struct looked *look)
{
    if (look->raw_count == look->raw_room) {
        look->raw_room = look->raw_room ? 2 * look->raw_room : 64;
        look->raw = need_memory(realloc(look->raw, look->raw_room * sizeof(struct raw_request)));
    }
    return &look->raw[look->raw_count++];
}

/* One request after the other up to the tail; returns where it ended. */
static void copy_queue(struct looked *look, uint32_t tail)
{
    struct ring *ring = look->ring;

    while (ring->sq_next != tail) {
        struct raw_request *raw = add_raw(look);
        uint32_t position = ring->sq_next;
        unsigned taken = ring_sqe(ring, ring->sq_next, raw->sqe, &raw->big, &raw->bad_slot);
        const void *sqe = raw->sqe;
        struct snapshot *last;

        if (!taken) {
            look->raw_count--;
            break;
        }
        if (tail - ring->sq_next < taken)
            taken = tail - ring->sq_next;
        raw->position = position;
        ring->sq.read += taken;
        ring->sq_next += taken;
        last = snapshot_at(ring, ring->sq_next - 1);
        last->position = ring->sq_next - 1;
        last->links = !raw->bad_slot && (((const struct io_uring_sqe *)sqe)->flags &
                                         (IOSQE_IO_LINK | IOSQE_IO_HARDLINK));
    }
}

/* The next tail after suspects were read: which of their places were filled again by then. */
static void settle(struct followed *queue, uint32_t tail, uint32_t entries)
{
    uint32_t end = tail - entries; /* the first that lies where it lay */

    if ((int32_t)(end - queue->suspect_from) > 0)
        queue->unsure += (int32_t)(end - queue->suspect_to) > 0
                             ? queue->suspect_to - queue->suspect_from
                             : end - queue->suspect_from;
    queue->suspect_from = queue->suspect_to = tail;
}

/*
 * What was published meanwhile lies where the oldest were: whether those were
 * copied before or after is not known, so they count as not read. Returns from
 * where on the copies are whole.
 */
static uint32_t drop_overwritten(struct looked *look, uint32_t first, uint32_t tail)
{
    struct ring *ring = look->ring;
    uint32_t from = tail - ring->params.sq_entries;
    unsigned dropped = 0;

    if ((int32_t)(from - first) <= 0)
        return first;
    if ((int32_t)(from - ring->sq_next) > 0)
        from = ring->sq_next;
    while (dropped < look->raw_count && (int32_t)(from - look->raw[dropped].position) > 0)
        dropped++;
    look->raw_count -= dropped;
    memmove(look->raw, look->raw + dropped, look->raw_count * sizeof(struct raw_request));
    look->lost_requests += from - first;
    ring->sq.read -= from - first;
    return from;
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
    uint32_t position, first;

    if (!ring_indices(ring, &now))
        return;
    if (now.sq_tail == ring->sq.tail) {
        see_head(ring, now.sq_head);
        return;
    }
    settle(&ring->sq, now.sq_tail, entries);
    ring->sq.batches++;
    ring->sq.passed += now.sq_tail - ring->sq.tail;
    if (now.sq_tail - ring->sq_next > entries) {
        look->lost_requests += now.sq_tail - entries - ring->sq_next;
        ring->sq_next = now.sq_tail - entries;
    }
    first = ring->sq_next;
    copy_queue(look, now.sq_tail);
    see_head(ring, now.sq_head);
    if (ring_indices(ring, &after)) {
        position = drop_overwritten(look, first, after.sq_tail);
        /* Taken meanwhile. */
        if ((int32_t)(after.sq_head - position) > 0) {
            ring->sq.suspect_from = position;
            ring->sq.suspect_to =
                (int32_t)(after.sq_head - now.sq_tail) > 0 ? now.sq_tail : after.sq_head;
        }
        see_head(ring, after.sq_head);
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

static void add_completion(struct looked *look, const struct completion *cqe, uint32_t position)
{
    unsigned n = look->completion_count;

    if (n == look->completion_room) {
        look->completion_room = n ? 2 * n : 64;
        look->completions = need_memory(
            realloc(look->completions, look->completion_room * sizeof(*look->completions)));
    }
    look->completions[n].cqe = *cqe;
    look->completions[n].position = position;
    look->completions[n].request = NULL;
    look->completions[n].told = false;
    look->completions[n].ambiguous = false;
    look->completion_count = n + 1;
    if (cqe->res < 0)
        look->failed = true;
}

/* Finds its request, which must have been added before. */
static void match(struct looked *look, unsigned n)
{
    const struct completion *cqe = &look->completions[n].cqe;
    struct pending *pending = &look->ring->pending;
    struct request *missed, *request;
    bool ambiguous;

    request = pending_match(pending, cqe, &ambiguous, &missed);
    if (missed && missed->told) {
        pending_hide(pending, missed);
        pending_free(pending, missed);
        pending->forgotten++;
    }
    if (!request && look->ring->submits && !look->ring->running)
        request = take_submitted(look, cqe->user_data);
    look->completions[n].request = request;
    look->completions[n].ambiguous = ambiguous;
    if (!request)
        return;
    if (!request->completions++ && !request->told) {
        request->answer = *cqe;
        request->answered = look->time;
        request->ambiguous = ambiguous;
        look->completions[n].told = true;
    }
    /* The zero-copy sends: F_MORE on a result says that a notification follows. */
    if (!(cqe->flags & IORING_CQE_F_MORE)) {
        request->notification = false;
        request->done = true;
    } else {
        request->notification = request_notifies(request);
        request->gaps = pending->gaps;
    }
    if (request->done)
        pending_hide(pending, request);
}

bool look_digest(struct looked *look, unsigned *count)
{
    for (; *count && look->digested_raw < look->raw_count; look->digested_raw++, --*count) {
        const struct raw_request *raw = &look->raw[look->digested_raw];
        struct request *request = add_request(look, raw->sqe, raw->big);

        request->bad_slot = raw->bad_slot;
        if (look->model->follow && !raw->bad_slot && request_follows(raw->sqe)) {
            struct rota_process process =
                model_process(look->model, look->ring, look->pid, look->tid);

            request->text = text_of_sqe(&process, raw->sqe, raw->big);
        }
    }
    /* Those that were read came behind those that were missed. */
    if (look->lost_completions && !look->doubted && look->digested_raw == look->raw_count) {
        look->doubted = true;
        pending_doubt(&look->ring->pending);
    }
    for (; *count && look->digested < look->completion_count; look->digested++, --*count)
        match(look, look->digested);
    return look->digested_raw == look->raw_count && look->digested == look->completion_count;
}

/* The same for completions that the kernel may have written over meanwhile. */
static void drop_replaced(struct looked *look, uint32_t first, uint32_t tail)
{
    struct ring *ring = look->ring;
    uint32_t from = tail - ring->params.cq_entries;
    unsigned dropped = 0;

    if ((int32_t)(from - first) <= 0)
        return;
    if ((int32_t)(from - ring->cq_next) > 0)
        from = ring->cq_next;
    while (dropped < look->completion_count &&
           (int32_t)(from - look->completions[dropped].position) > 0)
        dropped++;
    look->completion_count -= dropped;
    memmove(look->completions, look->completions + dropped,
            look->completion_count * sizeof(*look->completions));
    look->lost_completions += from - first;
    ring->cq.read -= from - first;
}

static void look_completions(struct looked *look, uint32_t to)
{
    struct ring *ring = look->ring;
    uint32_t entries = ring->params.cq_entries;
    struct indices after;
    uint32_t lost, from;

    if ((int32_t)(to - ring->cq_next) <= 0)
        return;
    settle(&ring->cq, to, entries);
    ring->cq.batches++;
    ring->cq.passed += to - ring->cq_next;
    lost = to - ring->cq_next;
    lost = lost > entries ? lost - entries : 0;
    ring->cq_next += lost;
    look->lost_completions += lost;
    from = ring->cq_next;
    while (ring->cq_next != to) {
        struct completion cqe;
        uint32_t position = ring->cq_next;
        unsigned taken = ring_cqe(ring, position, &cqe);

        if (!taken)
            break;
        ring->cq.read += taken;
        if (to - ring->cq_next < taken)
            taken = to - ring->cq_next;
        ring->cq_next += taken;
        if (!(cqe.flags & IORING_CQE_F_SKIP))
            add_completion(look, &cqe, position);
    }
    if (ring->running && ring_indices(ring, &after)) {
        drop_replaced(look, from, after.cq_tail);
        /* Reaped meanwhile: the kernel may be filling them again. */
        ring->cq.suspect_from = from;
        ring->cq.suspect_to = (int32_t)(after.cq_head - to) > 0     ? to
                              : (int32_t)(after.cq_head - from) > 0 ? after.cq_head
                                                                    : from;
    }
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
    unsigned all = UINT32_MAX;

    if (!ring_indices(ring, &before) || !ring_indices(ring, &now))
        return;
    look_overflow(ring, &before);
    if (!(ring_flags(ring) & IORING_SETUP_SQ_REWIND))
        look_taken(look, now.sq_head);
    look_completions(look, before.cq_tail);
    look_digest(look, &all);
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
                 const struct completion *cqe, uint64_t completed, bool ambiguous)
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
    if (cqe && request && completed > request->time && !ambiguous) {
        event.latency = completed - request->time;
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

    if (!look->request_count || look->ring->running || !look->ring->tally)
        return;
    last = look->requests[look->request_count - 1];
    if (request_sqe(last)->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK))
        look->ring->tally->cut++;
}

/* One line for each request, with its first completion when that is there, then the others. */
static bool tell_some(struct looked *look, unsigned *count)
{
    for (; look->told < look->request_count; look->told++) {
        struct request *request = look->requests[look->told];

        if (!*count)
            return false;
        --*count;
        tell(look, EVENT_REQUEST, request, request->completions ? &request->answer : NULL,
             request->answered, request->ambiguous);
        request->told = true;
    }
    for (; look->told_completions < look->completion_count; look->told_completions++) {
        unsigned n = look->told_completions;

        if (look->completions[n].told)
            continue;
        if (!*count)
            return false;
        --*count;
        tell(look, EVENT_COMPLETION, look->completions[n].request, &look->completions[n].cqe,
             look->time, look->completions[n].ambiguous);
    }
    return true;
}

bool look_tell(struct looked *look, unsigned *count)
{
    struct model *model = look->model;

    if (!tell_some(look, count))
        return false;
    for (unsigned i = 0; i < look->completion_count; i++) {
        struct request *request = look->completions[i].request;

        if (request && request->done) {
            request->done = false;
            pending_free(&look->ring->pending, request);
        }
    }
    look_cut(look);
    if (look->lost_requests || look->lost_completions)
        event_tell(model, &(struct event){.kind = EVENT_LOST,
                                          .time = look->time - model->start,
                                          .pid = look->pid,
                                          .ring = look->ring,
                                          .lost_requests = look->lost_requests,
                                          .lost_completions = look->lost_completions});
    return true;
}

void look_report(struct looked *look)
{
    unsigned count = UINT32_MAX;

    backlog_tell_all(look->model);
    while (!look_digest(look, &count))
        count = UINT32_MAX;
    count = UINT32_MAX;
    while (!look_tell(look, &count))
        count = UINT32_MAX;
    free(look->raw);
    free(look->requests);
    free(look->completions);
    memset(look, 0, sizeof(*look));
}
