/* SPDX-License-Identifier: MIT */
/*
 * The ring of another process, seen from outside: its shared memory, mapped
 * read-only or copied, and the indices that tell what is new in it. Nothing here
 * writes to the ring, and nothing trusts what stands in it: it may change while
 * it is read, and sizes and offsets are checked against the mapping.
 */
#ifndef ROTA_SRC_TOOL_TRACE_RING_H
#define ROTA_SRC_TOOL_TRACE_RING_H

#include <rota.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tool/trace/list.h"
#include "tool/trace/pending.h"

#define SQE_BYTES 128 /* of the largest one */

/* The shared words at one moment. */
struct indices {
    uint32_t sq_head;
    uint32_t sq_tail;
    uint32_t sq_flags;
    uint32_t sq_dropped;
    uint32_t cq_head;
    uint32_t cq_tail;
    uint32_t cq_overflow;
};

/* A request as it lay in the queue; it may still be changed before the kernel takes it. */
struct snapshot {
    uint32_t position;
    bool filled;
    bool bad_slot; /* the SQ array names no entry */
    bool big;      /* all 128 bytes are there */
    bool links;    /* read without a stop: a chain goes on behind it */
    int pid, tid;  /* who submits it */
    uint64_t time; /* when */
    char *text;    /* with what its addresses lead to, or NULL */
    _Alignas(8) unsigned char sqe[SQE_BYTES];
};

/* What is known of one queue without a stop. */
struct followed {
    uint64_t passed;  /* positions that the index went over since the ring is watched */
    uint64_t read;    /* of these, read */
    uint64_t unsure;  /* of these, perhaps overwritten while they were read */
    uint64_t batches; /* times that the index was seen to have moved */
    uint32_t suspect_from, suspect_to; /* read after they had been consumed; see reader.c */
    uint32_t tail;                     /* when they were read */
};

/* Sums for --summary; see summary.c. */
struct tally;

struct ring {
    struct ring *next;
    struct node node; /* of those that can be read, busy or quiet */
    struct link link; /* by the inode of its file */
    bool linked;      /* is in the table */
    bool quiet;       /* is in that list */
    unsigned names;   /* descriptors and indices that it goes by */
    unsigned idle;    /* looks at which nothing was new, since something was */
    unsigned visited; /* the last visit of model_thread_ended() */
    unsigned number;  /* from 1, in the order in which rings were seen */
    int pid;          /* the process that made it, or where it was found */
    int fd;           /* its descriptor there; -1: it has only a registered index */
    int owner;        /* the thread that SINGLE_ISSUER binds it to; 0: not known */
    int file;         /* our own descriptor of it; -1: none */
    bool assumed;     /* flags were not seen but concluded */
    bool compat;      /* made by a program of 32 bits */
    bool unfound;     /* lies in memory of the program, and is looked for again at `search_at` */
    uint64_t search_at;
    uint32_t searched;    /* the tail of its requests then */
    uint64_t compared_at; /* when it was last asked whether this still is its memory */
    bool opened;          /* its memory could be had, at some time */
    bool closed;          /* nobody has it any more; kept for its name and sums */
    uint32_t features;
    struct io_uring_params params; /* as the kernel answered */

    const unsigned char *queues; /* indices, CQEs, SQ array */
    const unsigned char *sqes;
    size_t queues_size;
    size_t sqes_size;
    bool mapped;            /* else `queues` and `sqes` are copies ... */
    uint64_t remote_queues; /* ... of what lies there in `pid` */
    uint64_t remote_sqes;

    /* How far it was read. */
    uint32_t sq_next;           /* position of the next request to be reported */
    uint32_t cq_next;           /* position of the next completion */
    struct snapshot *snapshots; /* by position, as many as the queue has entries */
    struct followed sq, cq;
    uint32_t head_seen; /* how far the kernel had taken them at the last look without a stop */
    uint64_t cuts;      /* chains that such a look saw end with a submit */
    uint32_t overflow_seen;
    uint32_t overflow;   /* completions that the kernel has dropped since */
    uint64_t overflowed; /* looks at which the queue was full and more were waiting */
    unsigned workers;    /* the most worker threads of its process that were seen */
    bool running;        /* its requests are read without a stop */
    unsigned submits;    /* calls that submit, and have not returned */
    uint32_t submit_to;  /* what they may take up to */
    uint64_t submit_at;  /* when the last of them began */

    struct pending pending;
    struct tally *tally;
};

/*
 * Makes the memory of the ring readable, as `params` describe it; 0 or -errno.
 * Takes ownership of `file`, which may be -1 when the program brought the memory.
 */
int ring_attach(struct ring *ring, int file);
/*
 * Bytes of a mapping of ours that are there, in whole pages. Beyond the memory of a
 * ring a touch would be a SIGBUS; a system call that is to read there copies nothing.
 * It is a write to a pipe, for process_vm_readv(2) cannot read the rings of kernels
 * before 6.10.
 */
size_t backed_size(const void *memory, size_t size);
/* Lets go of the memory and the descriptor: nothing of the ring is held any more. */
void ring_detach(struct ring *ring);

static inline bool ring_readable(const struct ring *ring)
{
    return ring->queues != NULL;
}

/* False when the process no longer lets itself be read. */
bool ring_indices(struct ring *ring, struct indices *now);

/*
 * Copies the request at a position of the SQ; 64 bytes, or 128 when `*big`.
 * Returns the number of positions it takes; 0 when it cannot be read. `*bad_slot`
 * is set when the SQ array leads outside the queue: the kernel drops that one.
 */
unsigned ring_sqe(struct ring *ring, uint32_t position, unsigned char *sqe, bool *big,
                  bool *bad_slot);

/* Copies the completion at a position of the CQ, 32 bytes; the same result. */
unsigned ring_cqe(struct ring *ring, uint32_t position, struct completion *cqe);

static inline uint32_t ring_flags(const struct ring *ring)
{
    return ring->params.flags;
}

#endif /* ROTA_SRC_TOOL_TRACE_RING_H */
