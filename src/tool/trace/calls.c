/* SPDX-License-Identifier: MIT */
/* Set-up, register and enter, at their beginning and at their end. */
#include "tool/trace/calls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tool/trace/trace.h"

#define CALL_TEXT 2048

/* What the kernel returns inside, before it begins the call again. */
#define FIRST_RESTART (-516)
#define LAST_RESTART  (-512)

bool is_ring_call(uint64_t number)
{
    return number == __NR_io_uring_setup || number == __NR_io_uring_enter ||
           number == __NR_io_uring_register;
}

static struct ring *ring_of(struct model *model, struct task *task, uint64_t fd, bool registered)
{
    struct ring *ring;

    if (registered)
        return fd < REGISTERED_RINGS ? task->indices[fd] : NULL;
    ring = model_named(model, task->pid, (int)fd);
    return ring ? ring : model_fetch(model, task->pid, (int)fd);
}

static void set_text(struct task *task)
{
    if (!task->text)
        task->text = need_memory(malloc(CALL_TEXT));
    task->text[0] = '\0';
}

static void enter_entered(struct model *model, struct task *task)
{
    uint32_t to_submit = (uint32_t)task->args[1];
    struct ring *ring =
        ring_of(model, task, task->args[0], task->args[3] & IORING_ENTER_REGISTERED_RING);
    struct looked look = {0};
    struct indices now;

    task->ring = ring;
    if (ring && ring->unfound)
        model_search(model, ring);
    if (!ring || !ring_readable(ring))
        return;
    /* What completed since the last look. */
    if (ring->running) {
        backlog_read(model, ring, task->pid, task->tid, task->entered);
    } else {
        look_start(&look, model, ring, task->pid, task->tid, task->entered, task->entered);
        look_stopped(&look);
        look_report(&look);
    }
    task->cq_before = ring_indices(ring, &now) ? now.cq_tail : 0;
    if (to_submit && !ring->running) {
        model_snapshot(model, task, ring, to_submit);
        ring->submits++;
        task->submits = true;
    }
}

void call_entered(struct model *model, struct task *task)
{
    struct rota_process process;

    task->in_call = true;
    task->ring = NULL;
    task->entered = now_ns();
    switch (task->call) {
    case __NR_io_uring_setup:
        set_text(task);
        if (!read_process(task->pid, task->args[1], &task->params, sizeof(task->params)))
            memset(&task->params, 0, sizeof(task->params));
        describe_setup(task->text, CALL_TEXT, (uint32_t)task->args[0], &task->params);
        break;
    case __NR_io_uring_enter:
        enter_entered(model, task);
        break;
    default:
        set_text(task);
        task->ring = (int)task->args[0] < 0
                         ? NULL
                         : ring_of(model, task, task->args[0],
                                   task->args[1] & IORING_REGISTER_USE_REGISTERED_RING);
        process = model_process(model, task->ring, task->pid, task->tid);
        if (task->compat)
            process.flags |= ROTA_PROCESS_32BIT;
        describe_register(task->text, CALL_TEXT, &process, task->args);
        break;
    }
}

static void explain_call(const struct model *model, const struct task *task, int result, char *why,
                         size_t size)
{
    struct rota_process process = model_process(model, task->ring, task->pid, task->tid);
    struct rota_register_call call;
    struct rota_ring ring;

    why[0] = '\0';
    if (result >= 0 || !model->explain)
        return;
    if (task->ring)
        model_describe(task->ring, &ring);
    switch (task->call) {
    case __NR_io_uring_setup:
        rota_process_explain_setup(&process, (unsigned)task->args[0], &task->params, result, why,
                                   size);
        break;
    case __NR_io_uring_enter:
        if (task->ring)
            rota_process_explain_submit(&process, &ring, result, why, size);
        break;
    default:
        call.opcode = (uint32_t)task->args[1] & ~IORING_REGISTER_USE_REGISTERED_RING;
        call.nr_args = (uint32_t)task->args[3];
        call.arg = (uint64_t)task->args[2];
        rota_process_explain_register(&process, task->ring ? &ring : NULL, &model->caps, &call,
                                      result, why, size);
        break;
    }
}

static void setup_returned(struct model *model, struct task *task, int result)
{
    struct io_uring_params params;
    int fd = result, file = -1;
    struct ring *ring;

    if (result < 0 || !read_process(task->pid, task->args[1], &params, sizeof(params)))
        return;
    if (params.flags & IORING_SETUP_REGISTERED_FD_ONLY)
        fd = -1;
    else
        file = fetch_descriptor(task->pid, fd);
    ring = model_ring(model, task->pid, fd, file, &params);
    ring->compat = task->compat;
    /* Its polling thread takes requests at any time, and nobody stops for it. */
    ring->running = model->running || (params.flags & IORING_SETUP_SQPOLL);
    if (!(params.flags & IORING_SETUP_R_DISABLED))
        ring->owner = task->tid;
    if (fd < 0 && result < REGISTERED_RINGS)
        model_index(model, task, (unsigned)result, ring);
    task->ring = ring;
    if (ring->running && (params.flags & IORING_SETUP_SQ_REWIND))
        model_event(model, &(struct event){.kind = EVENT_NOTE,
                                           .time = now_ns() - model->start,
                                           .pid = task->pid,
                                           .ring = ring,
                                           .text = "a ring with SQ_REWIND has no index: its "
                                                   "requests are not seen without a stop"});
}

/* Which indices of the thread stand for which rings. */
static void indices_returned(struct model *model, struct task *task, int result, bool adds)
{
    for (int i = 0; i < result && i < REGISTERED_RINGS; i++) {
        struct io_uring_rsrc_update update;

        if (!read_process(task->pid, task->args[2] + (uint64_t)i * sizeof(update), &update,
                          sizeof(update)))
            return;
        if (update.offset >= REGISTERED_RINGS)
            continue;
        model_index(model, task, update.offset,
                    adds ? ring_of(model, task, update.data, false) : NULL);
    }
}

static void register_returned(struct model *model, struct task *task, int result)
{
    struct io_uring_params params;

    if (result < 0)
        return;
    switch (task->args[1] & ~(uint64_t)IORING_REGISTER_USE_REGISTERED_RING) {
    case IORING_REGISTER_RING_FDS:
        indices_returned(model, task, result, true);
        break;
    case IORING_UNREGISTER_RING_FDS:
        indices_returned(model, task, result, false);
        break;
    case IORING_REGISTER_ENABLE_RINGS:
        if (task->ring)
            task->ring->owner = task->tid;
        break;
    case IORING_REGISTER_RESIZE_RINGS:
        if (task->ring && read_process(task->pid, task->args[2], &params, sizeof(params)))
            model_resized(model, task->ring, &params);
        break;
    default:
        break;
    }
}

bool call_returned(struct model *model, struct task *task, int64_t result, struct looked *look,
                   bool *looked)
{
    struct ring *ring = task->ring;
    struct event event = {.pid = task->pid, .tid = task->tid, .text = task->text};
    char why[4096];
    bool explains;

    *looked = false;
    task->in_call = false;
    if (task->submits && ring) {
        task->submits = false;
        if (ring->submits)
            ring->submits--;
    }
    if (result >= FIRST_RESTART && result <= LAST_RESTART)
        result = -EINTR;
    if (task->call == __NR_io_uring_setup)
        setup_returned(model, task, (int)result);
    explain_call(model, task, (int)result, why, sizeof(why));
    event.time = task->entered - model->start;
    event.ring = task->ring;
    event.result = result;
    event.why = why[0] ? why : NULL;
    if (task->call != __NR_io_uring_enter) {
        event.kind = task->call == __NR_io_uring_setup ? EVENT_SETUP : EVENT_REGISTER;
        model_event(model, &event);
        if (task->call == __NR_io_uring_register)
            register_returned(model, task, (int)result);
        return false;
    }
    event.kind = EVENT_ENTER;
    event.to_submit = (uint32_t)task->args[1];
    event.min_complete = (uint32_t)task->args[2];
    event.enter_flags = (uint32_t)task->args[3];
    event.text = NULL;
    if (!ring || !ring_readable(ring)) {
        model_event(model, &event);
        return false;
    }
    memset(look, 0, sizeof(*look));
    look_start(look, model, ring, task->pid, task->tid, task->entered, now_ns());
    if (ring->running) {
        look_running(look);
    } else {
        if ((ring_flags(ring) & IORING_SETUP_SQ_REWIND) && result > 0)
            look_rewound(look, (uint32_t)result);
        look_stopped(look);
    }
    event.found = ring->cq_next - task->cq_before;
    model_event(model, &event);
    explains = model->explain && look->failed;
    *looked = true;
    return explains;
}
