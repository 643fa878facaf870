/* SPDX-License-Identifier: MIT */
/*
 * Readiness: one epoll, in which a descriptor is armed for what its requests
 * wait for. With requests of one shot it is armed for one event, which costs a
 * call for each wait, and means that a descriptor that was closed and is
 * another file now is noticed. Multishots leave it armed, so that each event
 * costs nothing but itself.
 */
#include "emulate/emulate.h"

#include <stdlib.h>
#include <sys/epoll.h>

#include "emulate/inside.h"

#define ALWAYS ((uint32_t)(EPOLLERR | EPOLLHUP))

static struct emulate_file *known_file(struct emulate_ring *ring, int fd)
{
    return fd >= 0 && (uint32_t)fd < ring->files_room ? ring->files[fd] : NULL;
}

static struct emulate_file *file_of(struct emulate_ring *ring, int fd)
{
    struct emulate_file *file = known_file(ring, fd);

    if (file || fd < 0)
        return file;
    if ((uint32_t)fd >= ring->files_room) {
        uint32_t room = ring->files_room ? ring->files_room : 64;
        struct emulate_file **files;

        while (room <= (uint32_t)fd)
            room *= 2;
        files = realloc(ring->files, room * sizeof(*files));
        if (!files)
            return NULL;
        for (uint32_t i = ring->files_room; i < room; i++)
            files[i] = NULL;
        ring->files = files;
        ring->files_room = room;
    }
    file = calloc(1, sizeof(*file));
    if (!file)
        return NULL;
    file->fd = fd;
    emulate_list_init(&file->waiting);
    ring->files[fd] = file;
    return file;
}

static int control(struct emulate_ring *ring, struct emulate_file *file, int what, uint32_t events)
{
    struct epoll_event event = {.events = events};

    event.data.u64 = EMULATE_EVENT_FILE | (uint32_t)file->fd;
    return epoll_ctl(ring->ready_fd, what, file->fd, &event) < 0 ? -errno : 0;
}

static void disarm(struct emulate_ring *ring, struct emulate_file *file)
{
    /* A forked child shares the epoll: what the parent waits for stays. */
    if (file->added && ring->forks == emulate_forks)
        (void)control(ring, file, EPOLL_CTL_DEL, 0);
    file->added = false;
    file->armed = 0;
}

static uint32_t wanted(const struct emulate_request *request)
{
    return request->events | (request->flags & EMULATE_REQ_MULTISHOT ? 0 : (uint32_t)EPOLLONESHOT);
}

/* Arms it for all that wait. `fresh`: the descriptor may be another file than it was. */
static int arm(struct emulate_ring *ring, struct emulate_file *file, bool fresh)
{
    uint32_t want = file->want;
    int ret;

    if (!fresh && file->armed == want)
        return 0;
    ret = file->added ? control(ring, file, EPOLL_CTL_MOD, want) : -ENOENT;
    if (ret == -ENOENT)
        ret = control(ring, file, EPOLL_CTL_ADD, want);
    if (ret == -EEXIST)
        ret = control(ring, file, EPOLL_CTL_MOD, want);
    file->added = !ret;
    file->armed = ret ? 0 : want;
    return ret;
}

int emulate_wait_ready(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_file *file = file_of(ring, request->fd);
    bool again = request->file && request->file == file;
    int ret;

    if (!file)
        return request->fd < 0 ? -EBADF : -ENOMEM;
    if (!request->events)
        request->events = request->way->events;
    request->file = file;
    request->state = EMULATE_WAITING;
    if (emulate_list_empty(&file->waiting))
        file->want = 0;
    file->want |= wanted(request);
    emulate_list_add(&request->node, &file->waiting);
    ret = arm(ring, file, !again || !(request->flags & EMULATE_REQ_MULTISHOT));
    if (ret < 0)
        emulate_unwait(ring, request);
    return ret;
}

void emulate_unwait(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_file *file = request->file;

    emulate_list_del(&request->node);
    request->state = EMULATE_NEW;
    /* Now, while it is open: later its number may be another file's. */
    if (file && file->armed && emulate_list_empty(&file->waiting))
        disarm(ring, file);
}

void emulate_files_event(struct emulate_ring *ring, int fd, uint32_t events)
{
    struct emulate_file *file = known_file(ring, fd);
    struct emulate_list *link, *next, due;

    if (!file)
        return;
    if (file->armed & EPOLLONESHOT)
        file->armed = 0;
    /* Those that wait again come behind the others: each is tried once. */
    emulate_list_init(&due);
    file->want = 0;
    for (link = file->waiting.next; link != &file->waiting; link = next) {
        struct emulate_request *request = EMULATE_ELEMENT(link, struct emulate_request, node);

        next = link->next;
        if (!(events & (request->events | ALWAYS))) {
            file->want |= wanted(request);
            continue;
        }
        emulate_list_del(link);
        emulate_list_add(link, &due);
    }
    while (!emulate_list_empty(&due)) {
        struct emulate_request *request = EMULATE_ELEMENT(due.next, struct emulate_request, node);

        emulate_list_del(&request->node);
        request->state = EMULATE_NEW;
        request->flags |= EMULATE_REQ_WAITED;
        if (request->sqe.opcode == IORING_OP_POLL_ADD)
            emulate_poll_event(ring, request, events);
        else
            emulate_retry(ring, request);
    }
    if (emulate_list_empty(&file->waiting)) {
        /* Used up, it costs nothing to leave it for the next request. */
        if (file->armed)
            disarm(ring, file);
    } else if (!file->armed || file->armed != file->want) {
        (void)arm(ring, file, true);
    }
}

void emulate_file_forget(struct emulate_ring *ring, int fd)
{
    struct emulate_file *file = known_file(ring, fd);

    if (file)
        disarm(ring, file);
}

void emulate_files_free(struct emulate_ring *ring)
{
    for (uint32_t i = 0; i < ring->files_room; i++)
        free(ring->files[i]);
    free(ring->files);
    ring->files = NULL;
    ring->files_room = 0;
}
