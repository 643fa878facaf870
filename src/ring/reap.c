/* SPDX-License-Identifier: MIT */
/* Taking many completions at once. */
#include "ring/core.h"

struct io_uring_cqe *rota_cqe_iter_start(struct rota_ring *ring, uint32_t *left)
{
    struct io_uring_cqe *cqe;

    if (*left && ring->cq.ring_entries) {
        rota_count_overflow(ring); /* the queue is full: there may be more than fitted */
        if (*left > ring->cq.ring_entries)
            *left = ring->cq.ring_entries;
        return rota_cqe_at(ring, ring->cq.cqe_head);
    }
    (void)rota_peek_slow(ring, &cqe);
    ring->cq.mixed_next = ring->cq.cqe_head;
    *left = 0;
    if (!cqe)
        return NULL;
    if (ring->flags & IORING_SETUP_CQE_MIXED) {
        *left = UINT32_MAX;
        return rota_cqe_iter_mixed(ring);
    }
    *left = rota_cq_ready(ring);
    return cqe;
}

struct io_uring_cqe *rota_cqe_iter_mixed(struct rota_ring *ring)
{
    struct rota_cq *cq = &ring->cq;
    struct io_uring_cqe *cqe = rota_cqe_at(ring, cq->mixed_next);

    /*
     * rota_cq_advance counts the slots of those that were shown, in one piece:
     * so a gap filler ends the round. Acquire: pairs with the kernel's release
     * after it has written the CQEs.
     */
    if (cq->mixed_next - cq->cqe_head >= rota_cq_ready(ring) || (cqe->flags & IORING_CQE_F_SKIP))
        return NULL;
    cq->mixed_next += rota_cqe_width(ring, cq->mixed_next, rota_cq_end(ring));
    return cqe;
}

unsigned rota_peek_batch_cqe(struct rota_ring *ring, struct io_uring_cqe **cqes, unsigned count)
{
    struct rota_cqe_iter iter = rota_cqe_iter_init(ring);
    unsigned found = 0;

    if (ROTA_UNLIKELY(ring->flags & IORING_SETUP_CQE_MIXED)) {
        for (; found < count && iter.cqe; rota_cqe_iter_next(&iter))
            cqes[found++] = iter.cqe;
        return found;
    }
    if (count > iter.left)
        count = iter.left;
    for (; found < count; found++)
        cqes[found] = rota_cqe_at(ring, iter.end - iter.left + found);
    return count;
}

/* An element of the array that rota_copy_cqes() fills. */
static struct io_uring_cqe *element(struct io_uring_cqe *cqes, size_t index, size_t size)
{
    return (struct io_uring_cqe *)(void *)((char *)cqes + index * size);
}

/* Copies a CQE of a mixed queue; of a small one the second half becomes zero. */
static void copy_mixed(struct io_uring_cqe *to, const struct io_uring_cqe *from, bool large)
{
    uint64_t *words = (uint64_t *)(void *)to;

    *to = *from;
    words[2] = large ? from->big_cqe[0] : 0;
    words[3] = large ? from->big_cqe[1] : 0;
}

static unsigned copy_all_mixed(struct rota_ring *ring, struct io_uring_cqe *cqes, unsigned count)
{
    const struct io_uring_cqe *cqe;
    unsigned copied = 0;

    while (copied < count && (cqe = rota_first_cqe(ring))) {
        uint32_t slots = rota_cqe_width(ring, ring->cq.cqe_head, rota_cq_end(ring));

        copy_mixed(element(cqes, copied++, 2 * sizeof(*cqe)), cqe, slots == 2);
        rota_cq_advance(ring, slots);
    }
    return copied;
}

static unsigned copy_all(struct rota_ring *ring, struct io_uring_cqe *cqes, unsigned count)
{
    const struct rota_cq *cq = &ring->cq;
    unsigned ready = rota_cq_ready(ring);

    if (count > ready)
        count = ready;
    for (uint32_t i = 0; i < count; i++) {
        const struct io_uring_cqe *from = rota_cqe_at(ring, cq->cqe_head + i);
        struct io_uring_cqe *to = element(cqes, i, cq->cqe_size);

        *to = *from;
        if (cq->cqe_size != sizeof(*to)) {
            to->big_cqe[0] = from->big_cqe[0];
            to->big_cqe[1] = from->big_cqe[1];
        }
    }
    rota_cq_advance(ring, count);
    return count;
}

int rota_copy_cqes(struct rota_ring *ring, struct io_uring_cqe *cqes, unsigned count,
                   unsigned wait_nr)
{
    struct io_uring_cqe *cqe;
    int ret;

    if (wait_nr > count)
        return -EINVAL;
    ret = rota_wait_cqes(ring, &cqe, wait_nr, NULL, NULL);
    if (!cqe)
        return ret == -EAGAIN && !wait_nr ? 0 : ret;
    if (ring->flags & IORING_SETUP_CQE_MIXED)
        return (int)copy_all_mixed(ring, cqes, count);
    return (int)copy_all(ring, cqes, count);
}
