/* SPDX-License-Identifier: MIT */
/*
 * POLL_ADD and POLL_REMOVE. A poll of one shot shares the descriptor's place in
 * the epoll with other requests. A multishot, which reports edges, has a
 * descriptor of its own for the same file.
 */
#include "emulate/emulate.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"

/* Events that a poll may name; what says how to wait is ours to choose. */
#define EVENTS_KNOWN ((uint32_t)0x23ff)
#define ALWAYS       ((uint32_t)(EPOLLERR | EPOLLHUP))

/* Number of the multishot's own descriptor, in request->hook. */
#define OWN 0

static uint32_t mask_of(const struct io_uring_sqe *sqe)
{
    uint32_t mask = sqe->poll32_events;

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    mask = mask << 16 | mask >> 16;
#endif
    return mask & EVENTS_KNOWN;
}

static bool is_multishot(const struct emulate_request *request)
{
    return (request->sqe.len & IORING_POLL_ADD_MULTI) != 0;
}

void emulate_poll_forget(struct emulate_ring *ring, struct emulate_request *request)
{
    if (!(request->flags & EMULATE_REQ_OWN))
        return;
    /* The file stays open elsewhere: epoll would keep it, under a number that is another's soon. */
    emulate_file_forget(ring, (int)request->hook[OWN]);
    close((int)request->hook[OWN]);
    request->flags &= ~EMULATE_REQ_OWN;
}

/* Waits on a descriptor of its own, for edges unless levels are asked for. */
static int64_t wait_edges(struct emulate_ring *ring, struct emulate_request *request)
{
    int fd = request->fd, own, ret;

    own = fcntl(fd == ring->fd ? ring->event_fd : fd, F_DUPFD_CLOEXEC, 0);
    if (own < 0)
        return -errno;
    request->hook[OWN] = (uint64_t)own;
    request->flags |= EMULATE_REQ_OWN;
    emulate_file_forget(ring, own);
    request->flags |= EMULATE_REQ_MULTISHOT;
    if (!(request->sqe.len & IORING_POLL_ADD_LEVEL))
        request->events |= EPOLLET;
    request->fd = own;
    request->file = NULL;
    ret = emulate_wait_ready(ring, request, false);
    request->fd = fd;
    if (ret < 0)
        emulate_poll_forget(ring, request);
    return ret < 0 ? ret : EMULATE_PENDING;
}

EMULATE_HOOK(poll_add)
{
    struct pollfd now = {.fd = request->fd};
    uint32_t mask = mask_of(&request->sqe);
    int ret;

    now.events = (short)mask;
    if (poll(&now, 1, 0) < 0)
        now.revents = 0;
    if (now.revents & POLLNVAL)
        return -EBADF;
    /* What is taken from it in this very call has left room in the queue of a ring. */
    if ((mask & POLLOUT) && emulate_ring_is(request->fd))
        now.revents |= POLLOUT;
    request->events = mask;
    if (is_multishot(request)) {
        int64_t res = wait_edges(ring, request);

        /* A file that is always ready has no edges: it is reported once. */
        return res == -EPERM && now.revents ? (int64_t)(uint16_t)now.revents
               : res == -EPERM              ? -EINVAL
                                            : res;
    }
    if (now.revents)
        return (uint16_t)now.revents;
    if (request->fd == ring->fd) {
        /* An epoll does not watch itself; what tells of its completions can be watched. */
        request->fd = ring->event_fd;
        ret = emulate_wait_ready(ring, request, false);
        request->fd = ring->fd;
    } else {
        ret = emulate_wait_ready(ring, request, false);
    }
    if (ret == -EPERM)
        return -EINVAL;
    return ret < 0 ? ret : EMULATE_PENDING;
}

void emulate_event_poll(struct emulate_ring *ring, struct emulate_request *request, uint32_t events)
{
    uint32_t ready = events & (request->events | ALWAYS) & EVENTS_KNOWN;

    bool own_notice = is_multishot(request) && ring->notify_fd >= 0 &&
                      emulate_same_file(request->fd, ring->notify_fd);

    /* The ring's own eventfd, where each CQE makes the next event, is reported once. */
    if (is_multishot(request) && !own_notice &&
        emulate_post_more(ring, request, (int32_t)ready, 0)) {
        /* It stays armed: the next edge, or level, comes by itself. */
        request->state = EMULATE_WAITING;
        request->file->want |= request->events;
        emulate_list_add(&request->node, &request->file->waiting);
        return;
    }
    emulate_poll_forget(ring, request);
    emulate_end(ring, request, ready);
}

static struct emulate_request *find_poll(struct emulate_ring *ring, uint64_t user_data)
{
    struct emulate_request *request = ring->hash[emulate_hash(ring, user_data)];

    for (; request; request = request->hash_next) {
        if (request->sqe.user_data == user_data && request->way->event &&
            request->state == EMULATE_WAITING)
            return request;
    }
    return NULL;
}

EMULATE_HOOK(poll_remove)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct emulate_request *poll_request = find_poll(ring, sqe->addr);
    int64_t res;

    if (!poll_request)
        return -ENOENT;
    emulate_unwait(ring, poll_request);
    emulate_poll_forget(ring, poll_request);
    if (!(sqe->len & (IORING_POLL_UPDATE_EVENTS | IORING_POLL_UPDATE_USER_DATA))) {
        emulate_end_later(ring, poll_request, -ECANCELED);
        return 0;
    }
    /* What it waits for; whether it goes on after an event stays as it was. */
    if (sqe->len & IORING_POLL_UPDATE_EVENTS)
        poll_request->sqe.poll32_events = sqe->poll32_events;
    if (sqe->len & IORING_POLL_UPDATE_USER_DATA) {
        emulate_untrack(ring, poll_request);
        poll_request->sqe.user_data = sqe->off;
        (void)emulate_track(ring, poll_request);
    }
    res = emulate_hook_poll_add(ring, poll_request);
    if (res != EMULATE_PENDING)
        emulate_end_later(ring, poll_request, res);
    return 0;
}
