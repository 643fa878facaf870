/* SPDX-License-Identifier: MIT */
/* Completions: the one place where a CQE comes into being, and what the end of a request entails. */
#include "emulate/emulate.h"

#include <stdlib.h>
#include <string.h>

#include "emulate/inside.h"

uint32_t emulate_cq_ready(const struct emulate_ring *ring)
{
    /* Acquire: pairs with the application's release, after it has read the CQEs. */
    uint32_t head = __atomic_load_n(ring->queues.cq_head, __ATOMIC_ACQUIRE);
    uint32_t ready = ring->cq_tail - head;

    /* A head that makes no sense leaves no room. */
    return ready > ring->queues.cq_entries ? ring->queues.cq_entries : ready;
}

static struct io_uring_cqe *slot(const struct emulate_ring *ring, uint32_t index)
{
    size_t offset = (size_t)(index & (ring->queues.cq_entries - 1)) << ring->cqe_shift;

    return (struct io_uring_cqe *)(void *)(ring->queues.cqes + offset);
}

static void show_tail(struct emulate_ring *ring)
{
    /* Release: whoever sees the tail sees the CQE. */
    __atomic_store_n(ring->queues.cq_tail, ring->cq_tail, __ATOMIC_RELEASE);
}

/* put() on a ring that has large CQEs, or some. */
__attribute__((noinline)) static bool put_large(struct emulate_ring *ring, uint64_t user_data,
                                                int32_t res, uint32_t cqe_flags,
                                                const uint64_t *big)
{
    static const uint64_t none[2];
    bool mixed = (ring->flags & IORING_SETUP_CQE_MIXED) && (cqe_flags & IORING_CQE_F_32);
    bool large = mixed || (ring->flags & IORING_SETUP_CQE32);
    uint32_t last = ring->queues.cq_entries - 1;
    /* A large one among small ones does not go around the end: a filler stands there. */
    bool filler = mixed && (ring->cq_tail & last) == last;
    uint32_t slots = 1u + (mixed ? 1u : 0u) + (filler ? 1u : 0u);
    struct io_uring_cqe *cqe;

    if (emulate_cq_ready(ring) + slots > ring->queues.cq_entries)
        return false;
    if (filler) {
        cqe = slot(ring, ring->cq_tail++);
        cqe->user_data = 0;
        cqe->res = 0;
        cqe->flags = IORING_CQE_F_SKIP;
    }
    cqe = slot(ring, ring->cq_tail);
    cqe->user_data = user_data;
    cqe->res = res;
    cqe->flags = cqe_flags;
    if (large) {
        big = big ? big : none;
        cqe->big_cqe[0] = big[0];
        cqe->big_cqe[1] = big[1];
    }
    ring->cq_tail += mixed ? 2 : 1;
    show_tail(ring);
    return true;
}

/* Writes a CQE, if there is room; `big` may be NULL. */
static inline bool put(struct emulate_ring *ring, uint64_t user_data, int32_t res,
                       uint32_t cqe_flags, const uint64_t *big)
{
    struct io_uring_cqe *cqe;

    if (ring->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED))
        return put_large(ring, user_data, res, cqe_flags, big);
    if (emulate_cq_ready(ring) >= ring->queues.cq_entries)
        return false;
    cqe = slot(ring, ring->cq_tail++);
    cqe->user_data = user_data;
    cqe->res = res;
    cqe->flags = cqe_flags;
    show_tail(ring);
    return true;
}

static void note_posted(struct emulate_ring *ring)
{
    ring->posted++;
    ring->posted_any = true;
    if (!ring->submitting)
        ring->posted_async = true;
}

/* There is no room, or others wait for some already. */
__attribute__((noinline)) static bool keep_late(struct emulate_ring *ring, uint64_t user_data,
                                                int32_t res, uint32_t cqe_flags,
                                                const uint64_t *big)
{
    struct emulate_overflow *late;

    late = calloc(1, sizeof(*late));
    if (!late) {
        uint32_t lost = __atomic_load_n(ring->queues.cq_overflow, __ATOMIC_RELAXED);

        __atomic_store_n(ring->queues.cq_overflow, lost + 1, __ATOMIC_RELAXED);
        return false;
    }
    late->user_data = user_data;
    late->res = res;
    late->cqe_flags = cqe_flags;
    if (big)
        memcpy(late->big, big, sizeof(late->big));
    emulate_list_add(&late->node, &ring->overflow);
    return true;
}

bool emulate_post(struct emulate_ring *ring, uint64_t user_data, int32_t res, uint32_t cqe_flags,
                  const uint64_t *big)
{
    note_posted(ring);
    if (emulate_list_empty(&ring->overflow) && put(ring, user_data, res, cqe_flags, big))
        return true;
    return keep_late(ring, user_data, res, cqe_flags, big);
}

bool emulate_post_more(struct emulate_ring *ring, struct emulate_request *request, int32_t res,
                       uint32_t cqe_flags)
{
    if (!emulate_list_empty(&ring->overflow) ||
        !put(ring, request->sqe.user_data, res, cqe_flags | IORING_CQE_F_MORE, request->big_cqe))
        return false;
    note_posted(ring);
    return true;
}

void emulate_overflow_flush(struct emulate_ring *ring)
{
    while (!emulate_list_empty(&ring->overflow)) {
        struct emulate_overflow *late =
            EMULATE_ELEMENT(ring->overflow.next, struct emulate_overflow, node);

        if (!put(ring, late->user_data, late->res, late->cqe_flags, late->big))
            return;
        ring->posted_any = true;
        emulate_list_del(&late->node);
        free(late);
    }
}

/*
 * Memory of requests
 */

struct kept {
    struct kept *next;
    uint64_t data[]; /* aligned as all that is kept needs it */
};

void *emulate_keep(struct emulate_request *request, const void *data, size_t size)
{
    struct kept *kept = malloc(sizeof(*kept) + size);

    if (!kept)
        return NULL;
    kept->next = request->kept;
    request->kept = kept;
    if (data)
        memcpy(kept->data, data, size);
    else
        memset(kept->data, 0, size);
    return kept->data;
}

static void free_kept(struct emulate_request *request)
{
    struct kept *kept = request->kept;

    request->kept = NULL;
    while (kept) {
        struct kept *next = kept->next;

        free(kept);
        kept = next;
    }
}

static void hash_del(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_request **at = &ring->hash[emulate_hash(ring, request->sqe.user_data)];

    while (*at && *at != request)
        at = &(*at)->hash_next;
    if (*at)
        *at = request->hash_next;
}

int emulate_track(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_request **at;

    if (!(request->flags & EMULATE_REQ_TRACKED)) {
        at = &ring->hash[emulate_hash(ring, request->sqe.user_data)];
        request->hash_next = *at;
        *at = request;
        emulate_list_add(&request->all, &ring->all);
        request->flags |= EMULATE_REQ_TRACKED;
    }
    if (request->flags & EMULATE_REQ_KEPT)
        return 0;
    request->flags |= EMULATE_REQ_KEPT;
    return request->way->keep ? request->way->keep(ring, request) : 0;
}

void emulate_untrack(struct emulate_ring *ring, struct emulate_request *request)
{
    if (!(request->flags & EMULATE_REQ_TRACKED))
        return;
    request->flags &= ~EMULATE_REQ_TRACKED;
    hash_del(ring, request);
    emulate_list_del(&request->all);
}

void emulate_release(struct emulate_ring *ring, struct emulate_request *request)
{
    if (request->file_node)
        emulate_file_put(ring, request);
    if (request->buffer_node)
        emulate_fixed_buffer_put(ring, request);
    if (request->kept)
        free_kept(request);
    request->next_free = ring->free;
    ring->free = request;
}

void emulate_request_drop(struct emulate_ring *ring, struct emulate_request *request)
{
    emulate_poll_forget(ring, request);
    emulate_release(ring, request);
}

/*
 * Ends
 */

static void post_end(struct emulate_ring *ring, struct emulate_request *request, bool failed)
{
    uint32_t cqe_flags = request->cqe_flags;
    uint32_t flags = request->flags;

    if (flags & EMULATE_REQ_SILENT)
        return;
    if (flags & EMULATE_REQ_NOTIFY)
        cqe_flags |= IORING_CQE_F_MORE;
    if (failed || !(request->sqe.flags & IOSQE_CQE_SKIP_SUCCESS))
        emulate_post(ring, request->sqe.user_data, (int32_t)request->res, cqe_flags,
                     request->big_cqe);
    if (flags & EMULATE_REQ_TIMEOUT) {
        ring->posted--; /* those who count do not count it */
        ring->timeouts++;
    }
    if (flags & EMULATE_REQ_NOTIFY)
        emulate_post(ring, request->sqe.user_data, (int32_t)request->hook[3], IORING_CQE_F_NOTIF,
                     NULL);
}

static void forget(struct emulate_ring *ring, struct emulate_request *request)
{
    ring->in_flight--;
    if (request->flags & EMULATE_REQ_TRACKED)
        emulate_untrack(ring, request);
    if (request->file_node || request->buffer_node || request->kept) {
        emulate_release(ring, request);
        return;
    }
    request->next_free = ring->free;
    ring->free = request;
}

/* What stands behind a request that failed does not start. `silent`: nor tell. */
static void cancel_chain(struct emulate_ring *ring, struct emulate_request *request, bool silent)
{
    while (request) {
        struct emulate_request *next = request->link;

        if (!(request->flags & EMULATE_REQ_FAIL))
            request->res = -ECANCELED;
        if (silent)
            request->flags |= EMULATE_REQ_SILENT;
        request->flags &= ~(EMULATE_REQ_NOTIFY | EMULATE_REQ_TIMEOUT);
        request->cqe_flags = 0;
        post_end(ring, request, true);
        forget(ring, request);
        request = next;
    }
}

/* The end of what a LINK_TIMEOUT watches over is that of the timeout. */
static void end_watcher(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_request *watcher = request->watcher;

    request->watcher = NULL;
    watcher->watched = NULL;
    watcher->flags |= EMULATE_REQ_SUCCESS; /* not to be needed is no failure */
    emulate_timer_del(ring, watcher);
    emulate_end_later(ring, watcher, -ECANCELED);
}

void emulate_buffer_used(struct emulate_ring *ring, struct emulate_request *request, int64_t res)
{
    emulate_buffer_commit(ring, request, res);
    request->flags &= ~EMULATE_REQ_SELECTED;
}

void emulate_end(struct emulate_ring *ring, struct emulate_request *request, int64_t res)
{
    struct emulate_request *next = request->link;
    bool failed;

    request->state = EMULATE_NEW;
    request->res = res;
    request->link = NULL;
    if (request->flags & EMULATE_REQ_SELECTED)
        emulate_buffer_used(ring, request, res);
    if (res < 0 && !(request->flags & EMULATE_REQ_SUCCESS))
        request->flags |= EMULATE_REQ_FAIL;
    if ((request->way->flags & EMULATE_WAY_SHORT_FAILS) && res >= 0 && (uint64_t)res < request->len)
        request->flags |= EMULATE_REQ_FAIL;
    failed = request->flags & EMULATE_REQ_FAIL;
    post_end(ring, request, failed);
    if (request->watcher)
        end_watcher(ring, request);
    if (next && failed && !(request->sqe.flags & IOSQE_IO_HARDLINK)) {
        bool silent = (request->sqe.flags & IOSQE_CQE_SKIP_SUCCESS) != 0;

        cancel_chain(ring, next, silent);
    } else if (next) {
        next->state = EMULATE_STARTING;
        emulate_list_add(&next->node, &ring->starting);
    }
    forget(ring, request);
}

void emulate_end_later(struct emulate_ring *ring, struct emulate_request *request, int64_t res)
{
    request->state = EMULATE_ENDING;
    request->res = res;
    emulate_list_add(&request->node, &ring->ending);
}

bool emulate_may_start(const struct emulate_ring *ring, const struct emulate_request *head)
{
    /* All that is in flight stands behind the drain, then: nothing is before it. */
    return !(head->flags & EMULATE_REQ_DRAIN) || ring->in_flight == ring->deferred_count;
}

/* The chains behind a drain that it no longer holds. */
static void start_deferred(struct emulate_ring *ring)
{
    while (!emulate_list_empty(&ring->deferred)) {
        struct emulate_request *head =
            EMULATE_ELEMENT(ring->deferred.next, struct emulate_request, node);

        if (!emulate_may_start(ring, head))
            return;
        emulate_list_del(&head->node);
        ring->deferred_count -= head->chain;
        head->state = EMULATE_STARTING;
        emulate_list_add(&head->node, &ring->starting);
    }
}

void emulate_settle_all(struct emulate_ring *ring)
{
    struct emulate_request *request;

    for (;;) {
        if (!emulate_list_empty(&ring->starting)) {
            request = EMULATE_ELEMENT(ring->starting.next, struct emulate_request, node);
            emulate_list_del(&request->node);
            emulate_start(ring, request);
        } else if (!emulate_list_empty(&ring->ending)) {
            request = EMULATE_ELEMENT(ring->ending.next, struct emulate_request, node);
            emulate_list_del(&request->node);
            emulate_end(ring, request, request->res);
        } else {
            if (!emulate_list_empty(&ring->counted))
                emulate_timers_count(ring);
            if (!emulate_list_empty(&ring->deferred))
                start_deferred(ring);
            if (emulate_list_empty(&ring->starting) && emulate_list_empty(&ring->ending))
                return;
        }
    }
}
