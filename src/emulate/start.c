/* SPDX-License-Identifier: MIT */
/* Starting requests: the first try, what becomes of it, and the tries after that. */
#include "emulate/emulate.h"

#include <poll.h>

#include "emulate/inside.h"

/* Completions of one multishot in a row, before others have their turn. */
#define SHOTS 32u

enum outcome {
    ENDED,
    PENDING,
    AGAIN, /* try once more, now */
};

/* What the request holds until it ends. 0 or -errno. */
static int prepare(struct emulate_ring *ring, struct emulate_request *request)
{
    int ret;

    request->flags |= EMULATE_REQ_PREPARED;
    if (request->way->flags & EMULATE_WAY_FILE) {
        ret = emulate_file_get(ring, request);
        if (ret < 0)
            return ret;
    }
    if ((request->way->flags & EMULATE_WAY_FIXED_BUFFER) || (request->flags & EMULATE_REQ_FIXED)) {
        ret = emulate_fixed_buffer(ring, request, request->sqe.addr, request->sqe.len);
        if (ret < 0)
            return ret;
    }
    return 0;
}

static bool selects(const struct emulate_request *request)
{
    return (request->sqe.flags & IOSQE_BUFFER_SELECT) && (request->way->flags & EMULATE_WAY_BUFFER);
}

static void unselect(struct emulate_ring *ring, struct emulate_request *request)
{
    if (!(request->flags & EMULATE_REQ_SELECTED))
        return;
    /* What a part of was moved already stays its own until the rest was. */
    if (request->total && !(request->flags & EMULATE_REQ_MULTISHOT))
        return;
    emulate_buffer_commit(ring, request, -EAGAIN);
    request->flags &= ~EMULATE_REQ_SELECTED;
}

/* A worker is to do it; without one, we. */
static enum outcome to_worker(struct emulate_ring *ring, struct emulate_request *request)
{
    int ret = emulate_track(ring, request);

    /* It waits no more, so it takes its buffer along. */
    if (!ret && selects(request) && !(request->flags & EMULATE_REQ_SELECTED))
        ret = emulate_buffer_select(ring, request);
    if (ret < 0) {
        emulate_end(ring, request, ret);
        return ENDED;
    }
    if (request->way->flags & EMULATE_WAY_WAITS)
        request->flags |= EMULATE_REQ_UNBOUNDED;
    if (emulate_punt(ring, request))
        return PENDING;
    request->blocking = true;
    return AGAIN;
}

/*
 * It waits for its file, or, where that is always ready, goes to a worker. `tried`: the file was
 * found not to be ready.
 */
static enum outcome to_wait(struct emulate_ring *ring, struct emulate_request *request, bool tried)
{
    int ret;

    unselect(ring, request);
    ret = emulate_track(ring, request);
    if (!ret)
        ret = emulate_wait_ready(ring, request, tried);
    if (!ret)
        return PENDING;
    if (ret == -EPERM) {
        if (!request->blocking)
            return to_worker(ring, request);
        ret = -EAGAIN; /* it blocked already, and this is what came of it */
    }
    emulate_end(ring, request, ret);
    return ENDED;
}

/* One of a multishot's results, which goes on unless the queue is full. */
static enum outcome one_shot(struct emulate_ring *ring, struct emulate_request *request,
                             int64_t res, unsigned *shots)
{
    /* A bundle that has had its share lets the others have theirs. */
    bool capped = request->iov && request->want && (uint64_t)res >= request->want;
    bool drained = (request->flags & EMULATE_REQ_DRAINED) != 0;

    request->flags &= ~(EMULATE_REQ_MORE | EMULATE_REQ_DRAINED);
    if (request->flags & EMULATE_REQ_SELECTED)
        emulate_buffer_used(ring, request, res);
    if (!emulate_post_more(ring, request, (int32_t)res, request->cqe_flags)) {
        emulate_end(ring, request, res);
        return ENDED;
    }
    request->cqe_flags = 0;
    return !drained && !capped && ++*shots < SHOTS ? AGAIN : to_wait(ring, request, drained);
}

static bool is_to_wait_first(const struct emulate_request *request)
{
    return (request->flags & (EMULATE_REQ_POLL_FIRST | EMULATE_REQ_WAITED)) ==
           EMULATE_REQ_POLL_FIRST;
}

/* What `run` answered, here or on a worker. */
static enum outcome conclude(struct emulate_ring *ring, struct emulate_request *request,
                             int64_t res, unsigned *shots)
{
    const struct emulate_way *way = request->way;

    switch (res) {
    case EMULATE_PENDING:
        (void)emulate_track(ring, request);
        return PENDING;
    case EMULATE_RETRY:
        unselect(ring, request);
        (void)emulate_track(ring, request);
        request->state = EMULATE_RETRYING;
        emulate_list_add(&request->node, &ring->retrying);
        return PENDING;
    case EMULATE_PUNT:
        /* First when the file is ready, so that no worker sleeps for it. */
        if (way->kind == EMULATE_READY && !(request->flags & EMULATE_REQ_WAITED))
            return to_wait(ring, request, false);
        return to_worker(ring, request);
    case -EAGAIN:
        if (way->kind == EMULATE_READY && !(request->flags & EMULATE_REQ_NOWAIT))
            return to_wait(ring, request, !is_to_wait_first(request));
        break;
    default:
        break;
    }
    if (res >= 0 && (way->flags & EMULATE_WAY_INSTALLS) && request->sqe.file_index) {
        int ret = emulate_file_install(ring, (int)res, request->sqe.file_index);

        res = ret;
        if (ret < 0)
            request->flags &= ~EMULATE_REQ_MORE;
    }
    if ((request->flags & EMULATE_REQ_MORE) && (request->flags & EMULATE_REQ_MULTISHOT))
        return one_shot(ring, request, res, shots);
    emulate_end(ring, request, res);
    return ENDED;
}

/* Is it known that there is nothing to read? Of messages a socket does not tell without a try. */
static bool is_read_out(int fd)
{
    struct pollfd one = {.fd = fd, .events = POLLIN};
    int type = SOCK_STREAM;
    socklen_t size = sizeof(type);

    (void)getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
    return type == SOCK_STREAM && !poll(&one, 1, 0);
}

/* Tries until it ends or has to wait. */
static bool attempt(struct emulate_ring *ring, struct emulate_request *request)
{
    const struct emulate_way *way = request->way;
    enum outcome outcome;
    unsigned shots = 0;
    int64_t res;
    int ret;

    do {
        request->state = EMULATE_NEW;
        if (!(request->flags & EMULATE_REQ_PREPARED)) {
            ret = prepare(ring, request);
            if (ret < 0) {
                emulate_end(ring, request, ret);
                return false;
            }
        }
        if (way->kind == EMULATE_WORKER && !request->blocking &&
            !(way->flags & EMULATE_WAY_LOOKS)) {
            outcome = to_worker(ring, request);
            continue;
        }
        if (is_to_wait_first(request)) {
            outcome = to_wait(ring, request, false);
            continue;
        }
        if (selects(request) && !(request->flags & EMULATE_REQ_SELECTED)) {
            ret = emulate_buffer_select(ring, request);
            if (ret == -ENOBUFS && shots && is_read_out(request->fd)) {
                /* The last buffer took all that was there: nobody lacks one yet. */
                outcome = to_wait(ring, request, true);
                continue;
            }
            if (ret < 0) {
                emulate_end(ring, request, ret);
                return false;
            }
        }
        res = way->run(ring, request);
        outcome = conclude(ring, request, res, &shots);
    } while (outcome == AGAIN);
    return outcome == PENDING;
}

/* The LINK_TIMEOUT behind it leaves the chain: it is a watcher. */
static void take_watcher(struct emulate_request *request)
{
    struct emulate_request *next = request->link;

    if (!next || !(next->flags & EMULATE_REQ_WATCHES))
        return;
    request->link = next->link;
    next->link = NULL;
    request->watcher = next;
    next->watched = request;
}

/* The rest of the chain outlives the call too. */
static void track_chain(struct emulate_ring *ring, struct emulate_request *request)
{
    for (; request; request = request->link) {
        int ret;

        if (request->flags & EMULATE_REQ_TRACKED)
            return;
        ret = emulate_track(ring, request);
        request->state = EMULATE_LINKED;
        if (ret < 0) {
            request->flags |= EMULATE_REQ_FAIL;
            request->res = ret;
        }
    }
}

void emulate_track_chain(struct emulate_ring *ring, struct emulate_request *request)
{
    track_chain(ring, request);
}

void emulate_start(struct emulate_ring *ring, struct emulate_request *request)
{
    take_watcher(request);
    request->state = EMULATE_NEW;
    if (request->flags & EMULATE_REQ_FAIL) {
        emulate_end(ring, request, request->res);
        return;
    }
    if (!attempt(ring, request))
        return;
    track_chain(ring, request->link);
    if (request->watcher)
        emulate_watch_over(ring, request);
}

void emulate_retry(struct emulate_ring *ring, struct emulate_request *request)
{
    (void)attempt(ring, request);
}

void emulate_conclude(struct emulate_ring *ring, struct emulate_request *request, int64_t res)
{
    unsigned shots = 0;

    if (conclude(ring, request, res, &shots) == AGAIN)
        (void)attempt(ring, request);
}

void emulate_ran(struct emulate_ring *ring, struct emulate_request *request, int64_t res)
{
    request->state = EMULATE_NEW;
    request->blocking = false;
    if (request->cancelled) {
        request->cancelled = false;
        if (res == -EINTR && (request->flags & EMULATE_REQ_LATE)) {
            emulate_end(ring, request, -EAGAIN);
            return;
        }
        /* It was to end, and did nothing: it does not wait again. */
        if (res == -EAGAIN || res < INT32_MIN ||
            (res == -EINTR && request->flags & EMULATE_REQ_UNBOUNDED))
            res = -ECANCELED;
        if (res == -ECANCELED) {
            emulate_end(ring, request, res);
            return;
        }
    }
    emulate_conclude(ring, request, res);
}
