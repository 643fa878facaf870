/* SPDX-License-Identifier: MIT */
/*
 * Completion: CQEs out of the queue. Include rota/ring.h, which says what
 * holds for all of it.
 */
#ifndef ROTA_REAP_H
#define ROTA_REAP_H

#include <rota/layout.h>
#include <rota/submit.h>

ROTA_BEGIN_DECLS

/* What rota_peek_cqe() calls when the queue looks empty. */
ROTA_API int rota_peek_slow(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr);

/*
 * How many slots of the completion queue are filled and not yet seen. Looks
 * at memory only: completions that the kernel holds back (overflow, task
 * work) come into the queue with a wait, a peek or rota_get_events().
 */
ROTA_INLINE unsigned rota_cq_ready(const struct rota_ring *ring)
{
    /* Acquire: pairs with the kernel's release after it has written the CQEs. */
    uint32_t ready = rota_load_acquire(ring->cq.ktail) - ring->cq.cqe_head;

    /* No kernel says more than there are slots, unless it is broken. */
    return ready <= ring->cq.ring_entries ? ready : ring->cq.ring_entries;
}

/* True while completions that found the queue full wait in the kernel. */
ROTA_INLINE bool rota_cq_has_overflow(const struct rota_ring *ring)
{
    /* Relaxed: a hint; the flush it leads to is a system call. */
    return (rota_load_relaxed(ring->sq.kflags) & IORING_SQ_CQ_OVERFLOW) != 0;
}

/*
 * How often the library came upon completions that had found the queue full
 * and were kept in the kernel. It fetches them; none is lost, but each time
 * costs, and a number that grows asks for a larger queue (cq_entries).
 */
ROTA_INLINE unsigned rota_cq_overflows(const struct rota_ring *ring)
{
    return ring->cq.overflows;
}

/*
 * rota_on_overflow - call `hook` with `data` whenever such a backlog is found.
 *
 * It is called by the thread that found it, from inside a peek, a wait, an
 * iteration or a submit, before the backlog is fetched; it may count, log or
 * set a flag, and must not use the ring. `data` must stay valid until the hook
 * is replaced. NULL: none. To be set while no other call on the ring runs.
 */
ROTA_INLINE void rota_on_overflow(struct rota_ring *ring,
                                  void (*hook)(struct rota_ring *ring, void *data), void *data)
{
    ring->overflow_hook = hook;
    ring->overflow_data = data;
}

/* How many completions the kernel lost for lack of memory. */
ROTA_INLINE unsigned rota_cq_lost(const struct rota_ring *ring)
{
    return rota_load_relaxed(ring->cq.koverflow); /* a counter: no other memory depends on it */
}

/*
 * True when no CQE can be shown in place; `head` is ours. Of a ring that is
 * torn down the tail stays zero, and what is marked seen there lets the head
 * pass it: a head in front of the tail, not only one that equals it.
 */
ROTA_INLINE bool rota_cq_looks_empty(const struct rota_ring *ring, uint32_t head)
{
    /* Acquire: pairs with the kernel's release after it has written the CQE. */
    return (int32_t)(head - rota_load_acquire(ring->cq.kpeek)) >= 0;
}

/*
 * rota_peek_cqe - the next CQE, if there is one; never sleeps.
 *
 * It stays valid until rota_cqe_seen() or rota_cq_advance(), or until handles
 * are awaited, polled or called (rota/op.h), which moves it. When the queue
 * is empty and the kernel has completions that need a visit (task work,
 * overflow), this makes it: no completion is missed by peeking. Whether there
 * are is read from memory; only on an IOPOLL ring, where nothing tells, and on
 * some of rota_queue_mmap(), is each peek that finds the queue empty a system
 * call.
 *
 * Order: what the kernel has written for the request, to the CQE and to memory,
 * is there when this has returned it (acquire). It orders nothing between
 * threads of the program: who hands a CQE on needs the usual means.
 *
 * Returns 0 with *cqe_ptr set, else with *cqe_ptr NULL:
 *
 * - EAGAIN: none
 * - the errors of rota_get_events()
 */
ROTA_INLINE int rota_peek_cqe(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr)
{
    uint32_t head = ring->cq.cqe_head;

    if (ROTA_UNLIKELY(rota_cq_looks_empty(ring, head))) {
        struct io_uring_cqe *cqe; /* keeps the caller's variable in a register */
        int ret = rota_peek_slow(ring, &cqe);

        *cqe_ptr = cqe;
        return ret;
    }
    *cqe_ptr = rota_cqe_at(ring, head);
    return 0;
}

/*
 * rota_wait_cqes - wait until `wait_nr` CQEs are ready, without submitting.
 *
 * Parameters and errors as rota_submit_and_wait_timeout(), but `cqe_ptr` must
 * not be NULL. Returns 0 with *cqe_ptr the first CQE (wait_nr 0: as
 * rota_peek_cqe), which may come with fewer than wanted when time or a signal
 * ended the wait: rota_cq_ready() tells. *cqe_ptr is NULL with -ETIME and
 * -EINTR, and when an argument is bad or not supported; with the errors of the
 * kernel it is the first CQE if one is ready.
 *
 * It never submits: SQEs that were taken stay in the queue. liburing's submits
 * them before 5.11, when a time is given.
 */
ROTA_API int rota_wait_cqes(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                            const struct __kernel_timespec *ts, const void *sigmask);

/*
 * The other ways to wait, without submitting: parameters and errors as those
 * of rota_submit_and_wait_min_timeout(), rota_submit_and_wait_until() and
 * rota_submit_and_wait_reg(), results as rota_wait_cqes().
 */
ROTA_API int rota_wait_cqes_min_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                        unsigned wait_nr, const struct __kernel_timespec *ts,
                                        unsigned min_wait, const void *sigmask);
ROTA_API int rota_wait_cqes_until(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                  unsigned wait_nr, const struct __kernel_timespec *deadline,
                                  const void *sigmask);
ROTA_API int rota_wait_cqes_reg(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                unsigned wait_nr, int reg_index);

/* rota_wait_cqe_timeout - wait for one CQE, at most `ts`. */
ROTA_INLINE int rota_wait_cqe_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                      const struct __kernel_timespec *ts)
{
    return rota_wait_cqes(ring, cqe_ptr, 1, ts, NULL);
}

/* rota_wait_cqe_nr - wait until `wait_nr` CQEs are ready. */
ROTA_INLINE int rota_wait_cqe_nr(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                 unsigned wait_nr)
{
    return rota_wait_cqes(ring, cqe_ptr, wait_nr, NULL, NULL);
}

/* rota_wait_cqe - the next CQE, waiting for it when there is none. */
ROTA_INLINE int rota_wait_cqe(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr)
{
    struct io_uring_cqe *cqe; /* keeps the caller's variable in a register */
    uint32_t head = ring->cq.cqe_head;
    int ret;

    if (ROTA_LIKELY(!rota_cq_looks_empty(ring, head))) {
        *cqe_ptr = rota_cqe_at(ring, head);
        return 0;
    }
    ret = rota_wait_cqes(ring, &cqe, 1, NULL, NULL);
    *cqe_ptr = cqe;
    return ret;
}

/*
 * rota_peek_batch_cqe - pointers to up to `count` CQEs that are ready.
 *
 * Stores them in `cqes` in order and returns their number; 0 when there are
 * none (after a visit to the kernel, as rota_peek_cqe, whose errors are not
 * told). They stay valid until rota_cq_advance(). On a CQE_MIXED ring, advance
 * by the sum of rota_cqe_nr().
 */
ROTA_API unsigned rota_peek_batch_cqe(struct rota_ring *ring, struct io_uring_cqe **cqes,
                                      unsigned count);

/*
 * rota_copy_cqes - copy up to `count` CQEs out of the queue and mark them seen.
 *
 * `cqes` has room for `count` elements of 16 bytes, on CQE32 and CQE_MIXED
 * rings 32 bytes (the second half of a small one is zero). When fewer than
 * `wait_nr` are ready, waits as rota_wait_cqe_nr(); 0 never sleeps. `wait_nr`
 * is at most `count`.
 *
 * Returns the number copied. 0 when there is none and wait_nr is 0; -EINVAL
 * when wait_nr is above count; the errors of the wait (with wait_nr 0, of
 * rota_peek_cqe) when nothing is ready.
 */
ROTA_API int rota_copy_cqes(struct rota_ring *ring, struct io_uring_cqe *cqes, unsigned count,
                            unsigned wait_nr);

/*
 * rota_cq_advance - mark CQEs seen, from the oldest on; their slots go back to the kernel.
 *
 * `nr` is at most what was found ready: the number of CQEs, on a CQE_MIXED
 * ring the sum of their rota_cqe_nr().
 *
 * Order: CQEs are to be read before (release); afterwards the kernel writes new
 * ones into their slots at any time.
 */
ROTA_INLINE void rota_cq_advance(struct rota_ring *ring, unsigned nr)
{
    uint32_t head = ring->cq.cqe_head + nr;

    ring->cq.cqe_head = head;
    /* Release: the CQEs were read before the kernel sees that it may reuse their slots. */
    rota_store_release(ring->cq.khead, head);
}

/*
 * rota_cqe_seen - mark the oldest CQE seen; its slot goes back to the kernel.
 *
 * `cqe` is what rota_peek_cqe() or a wait returned; NULL does nothing.
 */
ROTA_INLINE void rota_cqe_seen(struct rota_ring *ring, const struct io_uring_cqe *cqe)
{
    if (!cqe)
        return;
    if (ROTA_UNLIKELY(ring->flags & IORING_SETUP_CQE_MIXED)) {
        unsigned ready = rota_cq_ready(ring), nr = rota_cqe_nr(cqe);

        rota_cq_advance(ring, nr < ready ? nr : ready);
    } else {
        rota_cq_advance(ring, 1);
    }
}

/*
 * Iteration over the CQEs that are ready, oldest first.
 *
 *     unsigned head, seen = 0;
 *     struct io_uring_cqe *cqe;
 *     rota_for_each_cqe(&ring, head, cqe) {
 *         handle(cqe);
 *         seen++;                         (CQE_MIXED: seen += rota_cqe_nr(cqe))
 *     }
 *     rota_cq_advance(&ring, seen);
 *
 * Those that arrive meanwhile wait for the next round. Calling
 * rota_cqe_seen() in the body instead of rota_cq_advance() after it works too.
 * On a CQE_MIXED ring a round ends where the queue wraps over a gap: the rest
 * comes with the next one. When the queue is empty and completions need a
 * visit to the kernel, it is made, as in rota_peek_cqe(). `head` is the index
 * of the CQE's slot, `cqe` NULL after the last one.
 *
 * The iterator is the macro's own: its functions work otherwise than those that
 * liburing has under these names.
 */
struct rota_cqe_iter {
    struct rota_ring *ring;
    struct io_uring_cqe *cqe; /* the one that is shown; NULL: the round is over */
    uint32_t left;            /* how many are shown, this one included; mixed: more than can be */
    uint32_t end;             /* so that end - left is the index of the slot of this one */
};

/*
 * What the functions below call: when the queue looks empty or is full, and
 * for each mixed CQE. They return the CQE to show, or NULL, and do not get the
 * iterator itself, so that it can live in registers.
 */
ROTA_API struct io_uring_cqe *rota_cqe_iter_start(struct rota_ring *ring, uint32_t *left);
ROTA_API struct io_uring_cqe *rota_cqe_iter_mixed(struct rota_ring *ring);

ROTA_INLINE_ALWAYS struct rota_cqe_iter rota_cqe_iter_init(struct rota_ring *ring)
{
    struct rota_cqe_iter iter;
    uint32_t head = ring->cq.cqe_head;

    iter.ring = ring;
    /* Acquire: pairs with the kernel's release after it has written the CQEs. */
    iter.end = rota_load_acquire(ring->cq.kpeek);
    iter.left = iter.end - head;
    /* One test for none, for as many as there can be, and for more, which no kernel says. */
    if (ROTA_UNLIKELY(iter.left - 1 >= ring->cq.ring_mask)) {
        uint32_t left = iter.left;

        iter.cqe = rota_cqe_iter_start(ring, &left);
        iter.end = ring->cq.cqe_head + left;
        iter.left = left;
    } else {
        iter.cqe = rota_cqe_at(ring, head);
    }
    return iter;
}

ROTA_INLINE_ALWAYS void rota_cqe_iter_next(struct rota_cqe_iter *iter)
{
    const struct rota_cq *cq = &iter->ring->cq;

    if (!--iter->left) {
        iter->cqe = NULL;
        return;
    }
    iter->cqe = (struct io_uring_cqe *)(void *)((char *)iter->cqe + cq->cqe_size);
    if (ROTA_UNLIKELY(iter->cqe >= cq->cqe_end)) {
        /* The end of the queue; or a mixed one, where each comes this way. */
        if (iter->ring->flags & IORING_SETUP_CQE_MIXED) {
            iter->cqe = rota_cqe_iter_mixed(iter->ring);
            iter->end = cq->mixed_next - (iter->cqe ? rota_cqe_nr(iter->cqe) : 0) + iter->left;
        } else {
            iter->cqe = cq->cqes;
        }
    }
}

#define rota_for_each_cqe(ring, head_, cqe_)                                            \
    for (struct rota_cqe_iter rota_iter_ = rota_cqe_iter_init(ring);                    \
         (head_) = rota_iter_.end - rota_iter_.left, ((cqe_) = rota_iter_.cqe) != NULL; \
         rota_cqe_iter_next(&rota_iter_), (void)(head_))

#ifdef ROTA_DEBUG /* see rota_owned() in rota/submit.h */
#define rota_wait_cqes(ring, ...) rota_wait_cqes(rota_owned(ring), __VA_ARGS__)
#define rota_wait_cqes_min_timeout(ring, ...) \
    rota_wait_cqes_min_timeout(rota_owned(ring), __VA_ARGS__)
#define rota_wait_cqes_until(ring, ...)  rota_wait_cqes_until(rota_owned(ring), __VA_ARGS__)
#define rota_wait_cqes_reg(ring, ...)    rota_wait_cqes_reg(rota_owned(ring), __VA_ARGS__)
#define rota_wait_cqe_timeout(ring, ...) rota_wait_cqe_timeout(rota_owned(ring), __VA_ARGS__)
#define rota_wait_cqe_nr(ring, ...)      rota_wait_cqe_nr(rota_owned(ring), __VA_ARGS__)
#define rota_wait_cqe(ring, cqe_ptr)     rota_wait_cqe(rota_owned(ring), cqe_ptr)
#define rota_copy_cqes(ring, ...)        rota_copy_cqes(rota_owned(ring), __VA_ARGS__)
#endif

ROTA_END_DECLS

#endif /* ROTA_REAP_H */
