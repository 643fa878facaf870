/* SPDX-License-Identifier: MIT */
/* Submission: takes SQEs from the queue, checks them, and makes chains of them. */
#include "emulate/emulate.h"

#include <stdlib.h>
#include <string.h>

#include "emulate/inside.h"

#define LINKS (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)
#define IOSQE_KNOWN                                                                        \
    (IOSQE_FIXED_FILE | IOSQE_IO_DRAIN | IOSQE_IO_LINK | IOSQE_IO_HARDLINK | IOSQE_ASYNC | \
     IOSQE_BUFFER_SELECT | IOSQE_CQE_SKIP_SUCCESS)

const uint64_t emulate_known_sqe = IOSQE_KNOWN;

static struct emulate_request *request_new(struct emulate_ring *ring)
{
    struct emulate_request *request = ring->free;

    if (request)
        ring->free = request->next_free;
    else
        request = malloc(sizeof(*request));
    return request;
}

#define ZERO_FROM  offsetof(struct emulate_request, events)
#define ZERO_UNTIL offsetof(struct emulate_request, all)

/* That of numbers which are no opcode's. */
static const struct emulate_way no_way = {.kind = EMULATE_REFUSED};

/* All but the SQE, which was copied. One by one: a short memset is a slow instruction here. */
static void request_init(struct emulate_request *request)
{
    uint8_t opcode = request->sqe.opcode;

    request->way = opcode < IORING_OP_LAST ? &emulate_ways[opcode] : &no_way;
    request->fd = -1;
    request->addr = (void *)(uintptr_t)request->sqe.addr;
    request->len = request->sqe.len;
    request->want = request->sqe.len;
    request->flags = 0;
    request->state = EMULATE_NEW;
    request->blocking = false;
    request->cancelled = false;
    request->cqe_flags = 0;
    request->iov_count = 0;
    request->iov = NULL;
    request->buffer_node = NULL;
    request->file_node = NULL;
    request->big_cqe[0] = 0;
    request->big_cqe[1] = 0;
    request->kept = NULL;
    request->link = NULL;
    request->watcher = NULL;
    request->watched = NULL;
    if (request->way->kind != EMULATE_NOW || request->sqe.flags)
        memset((char *)request + ZERO_FROM, 0, ZERO_UNTIL - ZERO_FROM);
}

/* The next SQE of the queue; NULL for an index that points nowhere. `*slots`: how many it takes. */
static const struct io_uring_sqe *next_sqe(struct emulate_ring *ring)
{
    const struct emulate_queues *q = &ring->queues;
    uint32_t index = ring->sq_head & (q->sq_entries - 1);

    ring->sq_head++;
    if (q->sq_array) {
        index = __atomic_load_n(&q->sq_array[index], __ATOMIC_RELAXED);
        if (index >= q->sq_entries) {
            uint32_t dropped = __atomic_load_n(q->sq_dropped, __ATOMIC_RELAXED);

            __atomic_store_n(q->sq_dropped, dropped + 1, __ATOMIC_RELAXED);
            return NULL;
        }
    }
    return (const struct io_uring_sqe *)(const void *)(q->sqes +
                                                       ((size_t)index << ring->sqe_shift));
}

static bool is_large(uint8_t opcode)
{
    return opcode < IORING_OP_LAST && (emulate_ways[opcode].flags & EMULATE_WAY_SQE128);
}

/* Copies the SQE; of a large one among small ones also the slot behind it. 0 or -EINVAL. */
static int copy_sqe(struct emulate_ring *ring, struct emulate_request *request,
                    const struct io_uring_sqe *sqe, uint32_t *left)
{
    if (ring->flags & IORING_SETUP_SQE128) {
        memcpy(request->sqe_bytes, sqe, 128);
        return 0;
    }
    memcpy(request->sqe_bytes, sqe, 64);
    if (!is_large(request->sqe.opcode))
        return 0;
    if (!(ring->flags & IORING_SETUP_SQE_MIXED))
        return -EINVAL;
    /* It needs a second slot, which neither the end of the queue nor that of the batch parts. */
    if (*left < 2 || !(ring->sq_head & (ring->queues.sq_entries - 1)))
        return -EINVAL;
    memcpy(request->sqe_bytes + 64, (const unsigned char *)sqe + 64, 64);
    ring->sq_head++;
    --*left;
    return 0;
}

/* Is the SQE one that can be done? In the kernel's order. */
static int check(struct emulate_ring *ring, struct emulate_request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int ret;

    if (request->way == &no_way)
        return -EINVAL;
    if (sqe->flags & ~(uint32_t)IOSQE_KNOWN)
        return -EINVAL;
    if (sqe->flags) {
        if ((sqe->flags & IOSQE_BUFFER_SELECT) && !(request->way->flags & EMULATE_WAY_BUFFER))
            return -EOPNOTSUPP;
        if (sqe->flags & IOSQE_CQE_SKIP_SUCCESS)
            ring->drain_disabled = true;
        if (sqe->flags & IOSQE_IO_DRAIN) {
            if (ring->drain_disabled)
                return -EOPNOTSUPP;
            /* In the middle of a chain it drains the whole chain, and the request behind it. */
            if (ring->chain_head) {
                ring->chain_head->flags |= EMULATE_REQ_DRAIN;
                ring->drain_next = true;
            } else {
                request->flags |= EMULATE_REQ_DRAIN;
            }
        }
    }
    if (ring->restricted) {
        ret = emulate_restricted(ring, sqe);
        if (ret < 0)
            return ret;
    }
    if (ring->drain_next && !ring->chain_head) {
        ring->drain_next = false;
        request->flags |= EMULATE_REQ_DRAIN;
    }
    if (sqe->personality)
        return -EINVAL;
    if (request->way->kind == EMULATE_REFUSED)
        return request->way->refusal;
    if (request->way->check) {
        ret = request->way->check(ring, request);
        if (ret < 0)
            return ret;
    }
    return request->way->take ? request->way->take(ring, request) : 0;
}

/* A chain, or a single request, is complete: starts it, unless a drain holds it. */
static void queue(struct emulate_ring *ring, struct emulate_request *head)
{
    if (!(head->flags & EMULATE_REQ_DRAIN) && emulate_list_empty(&ring->deferred)) {
        emulate_start(ring, head);
    } else {
        head->chain = 0;
        for (struct emulate_request *member = head; member; member = member->link)
            head->chain++;
        emulate_track_chain(ring, head);
        head->state = EMULATE_DEFERRED;
        ring->deferred_count += head->chain;
        emulate_list_add(&head->node, &ring->deferred);
    }
    emulate_settle(ring);
}

/* The head of a chain in which something is wrong fails, and all behind it. */
static void queue_failed(struct emulate_ring *ring, struct emulate_request *head)
{
    head->sqe.flags &= (uint8_t)~IOSQE_IO_HARDLINK;
    queue(ring, head);
}

static void fail(struct emulate_request *request, int res)
{
    if (request->flags & EMULATE_REQ_FAIL)
        return;
    request->flags |= EMULATE_REQ_FAIL;
    request->res = res;
}

/* Appends to the chain that is being submitted, or begins one. The head when it is complete. */
static struct emulate_request *chain(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_request *head = ring->chain_head;

    if (head) {
        ring->chain_last->link = request;
        ring->chain_last = request;
        if (request->sqe.flags & LINKS)
            return NULL;
        ring->chain_head = NULL;
        return head;
    }
    if (!(request->sqe.flags & LINKS))
        return request;
    ring->chain_head = request;
    ring->chain_last = request;
    return NULL;
}

static bool is_simple(const struct emulate_ring *ring, const struct emulate_request *request)
{
    return request->way->kind == EMULATE_NOW && !request->way->flags && !request->sqe.flags &&
           !request->flags && !ring->chain_head && emulate_list_empty(&ring->deferred);
}

/*
 * The short way of what is done at once, stands alone and holds nothing. False when it turned out
 * to be more than that, and its `run` has given that answer.
 */
static bool end_at_once(struct emulate_ring *ring, struct emulate_request *request, int64_t *answer)
{
    int64_t res = request->way->run(ring, request);

    *answer = res;
    if (res < INT32_MIN || request->flags || request->file_node || request->buffer_node ||
        request->kept)
        return false;
    emulate_post(ring, request->sqe.user_data, (int32_t)res, request->cqe_flags, request->big_cqe);
    request->next_free = ring->free;
    ring->free = request;
    emulate_settle(ring);
    return true;
}

/* One SQE. 0, or -errno when it was not taken as it is and ended no chain that goes on. */
static int submit_one(struct emulate_ring *ring, struct emulate_request *request, int ret)
{
    struct emulate_request *head;

    if (!ret)
        ret = check(ring, request);
    if (!ret && is_simple(ring, request)) {
        int64_t answer;

        if (end_at_once(ring, request, &answer))
            return 0;
        ring->in_flight++;
        emulate_conclude(ring, request, answer);
        emulate_settle(ring);
        return 0;
    }
    ring->in_flight++;
    if (!ret) {
        head = chain(ring, request);
        if (head && (head->flags & EMULATE_REQ_FAIL))
            queue_failed(ring, head);
        else if (head)
            queue(ring, head);
        return 0;
    }
    /* A chain with a wrong member is taken to its end, so that it fails as a whole. */
    fail(request, ret);
    if (request->way == &no_way)
        request->sqe.flags &= (uint8_t)~IOSQE_CQE_SKIP_SUCCESS;
    if (ring->chain_head)
        fail(ring->chain_head, -ECANCELED);
    head = chain(ring, request);
    if (!head)
        return 0;
    queue_failed(ring, head);
    return ret;
}

int emulate_submit(struct emulate_ring *ring, uint32_t count)
{
    /* Acquire: pairs with the application's release, after it has written the SQEs. */
    uint32_t tail = __atomic_load_n(ring->queues.sq_tail, __ATOMIC_ACQUIRE);
    uint32_t available, left, taken;

    if (ring->flags & IORING_SETUP_SQ_REWIND) {
        /* The queue begins at its first slot with each call, and has no indices. */
        ring->sq_head = 0;
        available = ring->queues.sq_entries;
    } else {
        available = tail - ring->sq_head;
        if (available > ring->queues.sq_entries)
            available = ring->queues.sq_entries;
    }
    if (count > available)
        count = available;
    if (!count)
        return 0;
    left = count;
    ring->submitting = true;
    ring->posted_before = ring->posted;
    do {
        struct emulate_request *request = request_new(ring);
        const struct io_uring_sqe *sqe;
        int ret;

        if (!request)
            break;
        sqe = next_sqe(ring);
        if (!sqe) {
            request->next_free = ring->free;
            ring->free = request;
            break;
        }
        ret = copy_sqe(ring, request, sqe, &left);
        request_init(request);
        if (submit_one(ring, request, ret) < 0 && !(ring->flags & IORING_SETUP_SUBMIT_ALL)) {
            left--;
            break;
        }
    } while (--left);
    /* A chain that the batch cuts off ends with it. */
    if (ring->chain_head) {
        struct emulate_request *head = ring->chain_head;

        ring->chain_head = NULL;
        if (head->flags & EMULATE_REQ_FAIL)
            queue_failed(ring, head);
        else
            queue(ring, head);
    }
    ring->submitting = false;
    /* Release: the application may write the slots again, all of them were copied. */
    if (!(ring->flags & IORING_SETUP_SQ_REWIND))
        __atomic_store_n(ring->queues.sq_head, ring->sq_head, __ATOMIC_RELEASE);
    taken = count - left;
    return taken ? (int)taken : -EAGAIN;
}
