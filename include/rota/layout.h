/* SPDX-License-Identifier: MIT */
/*
 * What a ring looks like in memory. Public because the hot path is inline: to
 * be filled by rota_init() or rota_queue_init*(), and read, never written, by
 * the program. Include rota/ring.h instead.
 */
#ifndef ROTA_LAYOUT_H
#define ROTA_LAYOUT_H

#include <rota/atomic.h>
#include <rota/config.h>
#include <rota/sqe.h>
#include <rota/syscall.h>
#include <rota/types.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/*
 * The submission queue. Members are for reading; those without a pointer to
 * the kernel's word are the library's own.
 */
struct rota_sq {
    /* What get_sqe and submit touch: one cache line, written by the submitting side only. */
    struct io_uring_sqe *sqes;
    struct io_uring_sqe *sqe_next; /* next slot to hand out */
    /* Where rota_get_sqe() takes the slow path, and rota_get_sqe128(); `sqes` for always. */
    struct io_uring_sqe *sqe_stop;
    struct io_uring_sqe *sqe_stop_large;
    uint32_t *khead;
    uint32_t *ktail;
    uint32_t sqe_bias; /* tail of the slot at sqe_next, less its address in slots */
    uint32_t sqe_head; /* SQPOLL only: the tail that was last made visible */
    uint32_t ring_mask;
    uint32_t ring_entries;

    uint32_t *kflags;
    uint32_t *kdropped;
    uint32_t *array;         /* NULL with IORING_SETUP_NO_SQARRAY */
    uint32_t *kring_mask;    /* the kernel's words for ring_mask and ring_entries */
    uint32_t *kring_entries; /* (NULL when the ring is torn down) */
    void *ring_ptr;          /* one mapping holds both queues */
    size_t ring_sz;
    uint32_t sqes_sz;
    uint32_t sqe_shift; /* log2 of the bytes between two slots: 6, or 7 with IORING_SETUP_SQE128 */
};

/* The completion queue: its first cache line is what reaping touches, and only it writes there. */
struct rota_cq {
    struct io_uring_cqe *cqes;
    struct io_uring_cqe *cqe_end; /* behind the last slot; on CQE_MIXED rings `cqes` */
    size_t cqe_size;              /* bytes between two slots: 16, or 32 with IORING_SETUP_CQE32 */
    uint32_t cqe_head;            /* next slot to look at; equals the word at khead */
    uint32_t cqe_bytes;           /* bytes of all slots minus one: masks index * cqe_size */
    uint32_t ring_mask;
    uint32_t ring_entries;
    uint32_t *khead;
    uint32_t *ktail;
    /* ktail; on rings that must always look empty khead (CQE_MIXED), or a zero (torn down) */
    const uint32_t *kpeek;

    uint32_t overflows;  /* how often a backlog of completions was found in the kernel */
    uint32_t mixed_next; /* CQE_MIXED: the slot behind the CQE that an iteration shows */
    uint32_t *koverflow;
    uint32_t *kflags; /* NULL on kernels before 5.8 */
    uint32_t *kring_mask;
    uint32_t *kring_entries;
    void *ring_ptr; /* the mapping of sq.ring_ptr */
    size_t ring_sz;
    uint32_t moves; /* how often handles took completions from behind others, which moved */
    uint32_t reserved[1];
};

struct rota_op;

/* Bits of rota_calls::mode: those that make a start take its general path, and an await. */
#define ROTA_CALLS_CHAIN      (1U << 0)
#define ROTA_CALLS_CLOSING    (1U << 1)
#define ROTA_CALLS_BATCH      (1U << 2)
#define ROTA_CALLS_DELIVERING (1U << 8)
#define ROTA_CALLS_BIG        (1U << 9)
#define ROTA_CALLS_NO_RING    (1U << 10)
#define ROTA_CALLS_STOPPING   (1U << 11) /* something is to stop: awaits look after it */
#define ROTA_CALLS_AGAIN      (1U << 12) /* the kernel said that it could not stop something */
#define ROTA_CALLS_PAUSED     (1U << 13) /* a timeout runs, after which it is asked again */
#define ROTA_CALLS_DUE        (1U << 14) /* which is now */
#define ROTA_CALLS_STARTS     (ROTA_CALLS_CHAIN | ROTA_CALLS_CLOSING | ROTA_CALLS_BATCH)
#define ROTA_CALLS_AWAITS                                                             \
    (ROTA_CALLS_CHAIN | ROTA_CALLS_DELIVERING | ROTA_CALLS_BIG | ROTA_CALLS_NO_RING | \
     ROTA_CALLS_STOPPING)

/* What the handles of rota/op.h need to know of a ring; the library's own. */
struct rota_calls {
    uint32_t mode;             /* ROTA_CALLS_*; 0 on the fast paths */
    uint32_t in_flight;        /* handles that are active */
    uint32_t cancels;          /* the library's own requests in flight */
    uint32_t batch;            /* starts after which to submit; 0: when it must */
    struct rota_op *chain;     /* handles of the open chain, last first */
    struct io_uring_sqe *last; /* its last SQE */
    uint32_t chain_tail;       /* the queue's tail where it began */
    uint32_t chain_room;       /* SQEs that it may still take */
    int32_t chain_error;       /* the first error of its starts */
    uint8_t chain_link;        /* IOSQE_IO_LINK or IOSQE_IO_HARDLINK */
    uint8_t reserved0[3];
    int32_t no_ring;          /* what a start returns on a ring that could not be made */
    uint32_t asks;            /* how often in vain it was asked to stop something */
    struct rota_op *stopping; /* handles whose cancellation was asked for */
};

/* A ring. */
struct rota_ring {
    struct rota_sq sq;
    struct rota_cq cq;

    /* What rota_submit_and_wait() calls on a ring of this kind; `next` is sq.sqe_next. */
    int (*submit_and_wait)(struct rota_ring *ring, struct io_uring_sqe *next, unsigned wait_nr);
    const struct rota_kernel *kernel; /* NULL: the real system calls */
    uint32_t flags;                   /* IORING_SETUP_* that were obtained */
    uint32_t features;                /* IORING_FEAT_* of this kernel */
    int ring_fd;                      /* -1: torn down, or registered only */
    int enter_ring_fd;                /* what io_uring_enter gets: ring_fd or a registered index */
    uint32_t enter_flags;             /* flags that every io_uring_enter of this ring carries */
    uint32_t wait_flags;              /* the same and IORING_ENTER_GETEVENTS */
    uint32_t int_flags;               /* the library's own, see src/ring/core.h */
    int owner;                        /* SINGLE_ISSUER: the thread that made it; 0: not known */
    struct rota_calls calls;

    /* See rota_on_overflow(). */
    void (*overflow_hook)(struct rota_ring *ring, void *data);
    void *overflow_data;
    /* See rota_on_submit(). */
    void (*submit_hook)(struct rota_ring *ring, const void *stack, void *data);
    void *submit_data;
    int32_t clock_id;   /* the clock that waits run on, see rota_register_clock() */
    int index_owner;    /* the thread whose registered index enter_ring_fd is; 0: it is none */
    uint64_t memory_sz; /* NO_MMAP in memory of the library's own: its bytes, from sq.sqes on */
    int32_t
        setup_error; /* why the ring stands on rota_config::fallback; see rota_ring_fallback_error() */
    int mapped_by; /* the process that alone has the queues mapped; 0: so have its children */
    uint64_t reserved[1]; /* zero; room to grow */
};

/* The CQE in slot `index` modulo the size of the queue. */
ROTA_INLINE struct io_uring_cqe *rota_cqe_at(const struct rota_ring *ring, uint32_t index)
{
    struct io_uring_cqe *cqe =
        (struct io_uring_cqe *)(void *)((char *)ring->cq.cqes +
                                        ((index * (uint32_t)ring->cq.cqe_size) &
                                         ring->cq.cqe_bytes));

    if (!cqe)
        __builtin_unreachable(); /* or rota_cqe_seen() would look, after every peek */
    return cqe;
}

ROTA_END_DECLS

#endif /* ROTA_LAYOUT_H */
