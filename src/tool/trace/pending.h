/* SPDX-License-Identifier: MIT */
/* Requests in flight, found again by what their completions carry. */
#ifndef ROTA_SRC_TOOL_TRACE_PENDING_H
#define ROTA_SRC_TOOL_TRACE_PENDING_H

#include <rota.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A completion: its 16 bytes, and the second half where there is one. */
struct completion {
    uint64_t user_data;
    int32_t res;
    uint32_t flags;
    uint64_t extra[2];
    bool big;
};

struct request {
    struct request *next;          /* of the same bucket, older first */
    struct request *older, *newer; /* of the ring, in the order of submission */
    uint64_t number;               /* from 1, over all rings */
    uint64_t time;                 /* when it was submitted, or seen */
    int pid, tid;                  /* tid 0: not known */
    unsigned completions;          /* so far */
    bool big;                      /* all 128 bytes are there */
    bool bad_slot;                 /* dropped by the kernel: the SQ array led nowhere */
    bool shown;                    /* a sink has been told of it */
    bool told;                     /* its line was passed to the sink, or was not wanted */
    bool done;                     /* its last completion was seen */
    bool ambiguous;                /* ... of `answer` */
    struct completion answer;      /* the first, when it came before the line was told ... */
    uint64_t answered;             /* ... and when */
    bool notification;             /* a notification is due */
    uint32_t gaps;                 /* of the completions, before it or its last sign of life */
    char *text;                    /* with what its addresses lead to, or NULL */
    _Alignas(8) unsigned char sqe[128];
};

static inline const struct io_uring_sqe *request_sqe(const struct request *request)
{
    return (const struct io_uring_sqe *)(const void *)request->sqe;
}

struct bucket {
    struct request *first, *last;
};

struct pending {
    struct bucket *buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
    struct request *oldest, *newest;
    struct request *unused;
    struct request_block *blocks; /* where they lie */
    uint64_t forgotten;           /* let go although no completion was seen */
    uint32_t gaps;                /* times that completions were missed */
};

/* A new request of that user_data, the rest zero; ends the program without memory. */
struct request *pending_add(struct pending *pending, uint64_t user_data);
/* Completions were missed: any request that is in flight by now may have ended with them. */
void pending_doubt(struct pending *pending);
/*
 * The request that a completion answers, NULL when none fits. Several may carry
 * the same user_data: then the oldest that can give such a completion, and
 * `*ambiguous` is set when another one could have given it, too.
 *
 * One that may have ended unseen comes behind all others, and is never sure. When
 * another one is found, a number that is used again says that it has: that is what
 * `*missed` is set to, else to NULL.
 */
struct request *pending_match(struct pending *pending, const struct completion *cqe,
                              bool *ambiguous, struct request **missed);
/* Takes a request out, so that no further completion finds it; it stays readable ... */
void pending_hide(struct pending *pending, struct request *request);
/* ... until this. */
void pending_free(struct pending *pending, struct request *request);
void pending_clear(struct pending *pending);

#endif /* ROTA_SRC_TOOL_TRACE_PENDING_H */
