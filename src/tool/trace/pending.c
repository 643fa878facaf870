/* SPDX-License-Identifier: MIT */
/*
 * A hash table by user_data with the requests of a bucket in the order of their
 * submission, beside a list of all in that order.
 */
#include "tool/trace/pending.h"

#include <stdlib.h>
#include <string.h>

#include "tool/trace/model.h"
#include "tool/trace/trace.h"

/* Programs that skip completions leave requests here for ever; so many are kept of them. */
#define MOST_PENDING (1U << 20)
#define BLOCK        128

struct request_block {
    struct request_block *next;
    struct request requests[BLOCK];
};

static size_t bucket_of(const struct pending *pending, uint64_t user_data)
{
    /* Pointers and counters both spread over the upper bits of the product. */
    return (size_t)(user_data * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (pending->bucket_count - 1);
}

static void append(struct pending *pending, struct request *request)
{
    struct bucket *bucket = &pending->buckets[bucket_of(pending, request_sqe(request)->user_data)];

    request->next = NULL;
    if (bucket->last)
        bucket->last->next = request;
    else
        bucket->first = request;
    bucket->last = request;
}

static void grow(struct pending *pending)
{
    size_t count = pending->bucket_count ? 2 * pending->bucket_count : 256;
    struct bucket *buckets = need_memory(calloc(count, sizeof(*buckets)));

    free(pending->buckets);
    pending->buckets = buckets;
    pending->bucket_count = count;
    for (struct request *request = pending->oldest; request; request = request->newer)
        append(pending, request);
}

/* More of them, all unused. */
static void allocate(struct pending *pending)
{
    struct request_block *block = need_memory(malloc(sizeof(*block)));

    block->next = pending->blocks;
    pending->blocks = block;
    for (unsigned i = 0; i < BLOCK; i++) {
        block->requests[i].next = pending->unused;
        pending->unused = &block->requests[i];
    }
}

struct request *pending_add(struct pending *pending, uint64_t user_data)
{
    struct request *request;

    if (pending->count >= MOST_PENDING && pending->oldest->told) {
        struct request *oldest = pending->oldest;

        pending_hide(pending, oldest);
        pending_free(pending, oldest);
        pending->forgotten++;
    }
    if (pending->count >= pending->bucket_count)
        grow(pending);
    if (!pending->unused)
        allocate(pending);
    request = pending->unused;
    pending->unused = request->next;
    memset(request, 0, offsetof(struct request, sqe));
    request->gaps = pending->gaps;
    memcpy(request->sqe + offsetof(struct io_uring_sqe, user_data), &user_data, sizeof(user_data));
    append(pending, request);
    request->older = pending->newest;
    if (pending->newest)
        pending->newest->newer = request;
    else
        pending->oldest = request;
    pending->newest = request;
    pending->count++;
    return request;
}

/* Whether a request can give such a completion, as far as its row tells. */
static bool fits(const struct request *request, const struct completion *cqe)
{
    const struct io_uring_sqe *sqe = request_sqe(request);
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

    if (request->bad_slot)
        return false;
    if (cqe->flags & IORING_CQE_F_NOTIF)
        return request->notification;
    if (request->notification)
        return false;
    if (op && (cqe->flags & IORING_CQE_F_MORE) && op->shape == ROTA_SHAPE_ONE)
        return false;
    if (cqe->res > 0 && (uint32_t)cqe->res > request_most(request))
        return false;
    return cqe->res < 0 || !(sqe->flags & IOSQE_CQE_SKIP_SUCCESS);
}

/* Whether it makes no difference which of the two is meant. */
static bool is_same(const struct request *a, const struct request *b)
{
    return !memcmp(a->sqe, b->sqe, 64);
}

void pending_doubt(struct pending *pending)
{
    pending->gaps++;
}

struct request *pending_match(struct pending *pending, const struct completion *cqe,
                              bool *ambiguous, struct request **missed)
{
    struct request *same = NULL, *found = NULL, *doubtful = NULL;

    *ambiguous = false;
    *missed = NULL;
    if (!pending->count)
        return NULL;
    for (struct request *request = pending->buckets[bucket_of(pending, cqe->user_data)].first;
         request && !(found && *ambiguous); request = request->next) {
        if (request_sqe(request)->user_data != cqe->user_data)
            continue;
        if (request->gaps != pending->gaps) {
            doubtful = doubtful ? doubtful : request;
            continue;
        }
        if (found)
            *ambiguous = !is_same(found, request) && fits(request, cqe);
        else if (fits(request, cqe))
            found = request;
        else if (!same && !request->bad_slot)
            same = request;
    }
    if (!doubtful)
        return found ? found : same;
    *ambiguous = true;
    if (!found)
        return fits(doubtful, cqe) || !same ? doubtful : same;
    *missed = doubtful;
    return found;
}

void pending_hide(struct pending *pending, struct request *request)
{
    struct bucket *bucket = &pending->buckets[bucket_of(pending, request_sqe(request)->user_data)];
    struct request *before = NULL;

    for (struct request *at = bucket->first; at != request; at = at->next)
        before = at;
    if (before)
        before->next = request->next;
    else
        bucket->first = request->next;
    if (bucket->last == request)
        bucket->last = before;
    if (request->older)
        request->older->newer = request->newer;
    else
        pending->oldest = request->newer;
    if (request->newer)
        request->newer->older = request->older;
    else
        pending->newest = request->older;
    pending->count--;
}

void pending_free(struct pending *pending, struct request *request)
{
    free(request->text);
    request->text = NULL;
    request->next = pending->unused;
    pending->unused = request;
}

void pending_clear(struct pending *pending)
{
    while (pending->oldest) {
        struct request *oldest = pending->oldest;

        pending_hide(pending, oldest);
        pending_free(pending, oldest);
    }
    while (pending->blocks) {
        struct request_block *block = pending->blocks;

        pending->blocks = block->next;
        free(block);
    }
    free(pending->buckets);
    memset(pending, 0, sizeof(*pending));
}
