/* SPDX-License-Identifier: MIT */
/*
 * The memory of a ring: maps it, checks every size and offset that the kernel
 * answered against the mapping, and only then makes pointers of them.
 */
#include "ring/core.h"

/* Far above any kernel's limit (SQ 32768, CQ 65536), and small enough that no size below wraps. */
#define MAX_ENTRIES (1U << 24)

static bool is_power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

/* True when `bytes` bytes at `offset`, aligned as a 32-bit word or stricter, lie inside `size`. */
static bool fits(uint64_t offset, uint64_t bytes, uint64_t alignment, uint64_t size)
{
    return !(offset & (alignment - 1)) && bytes <= size && offset <= size - bytes;
}

/* A 32-bit word of the ring; NULL after `*bad` was set, when the offset does not fit. */
static uint32_t *word_at(const struct rota_ring *ring, uint32_t offset, bool *bad)
{
    if (!fits(offset, sizeof(uint32_t), sizeof(uint32_t), ring->sq.ring_sz)) {
        *bad = true;
        return NULL;
    }
    return (uint32_t *)(void *)((char *)ring->sq.ring_ptr + offset);
}

#define SQES_OF_BOTH (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED)
#define CQES_OF_BOTH (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED)

/* The sizes that the kernel's answer implies, 0 in `*ring_bytes` when it makes no sense. */
static void sizes_of(const struct io_uring_params *p, uint64_t *ring_bytes, uint64_t *sqe_bytes)
{
    uint64_t sq_end = 0, cq_end;

    *ring_bytes = 0;
    *sqe_bytes = 0;
    /* All of one size, or of both, not both. */
    if ((p->flags & SQES_OF_BOTH) == SQES_OF_BOTH || (p->flags & CQES_OF_BOTH) == CQES_OF_BOTH)
        return;
    if (!is_power_of_two(p->sq_entries) || !is_power_of_two(p->cq_entries) ||
        p->sq_entries > MAX_ENTRIES || p->cq_entries > MAX_ENTRIES)
        return;
    if (!(p->flags & IORING_SETUP_NO_SQARRAY))
        sq_end = p->sq_off.array + (uint64_t)p->sq_entries * sizeof(uint32_t);
    cq_end = p->cq_off.cqes + (uint64_t)p->cq_entries * rota_cqe_size(p->flags);
    *sqe_bytes = (uint64_t)p->sq_entries * rota_sqe_size(p->flags);
    *ring_bytes = sq_end > cq_end ? sq_end : cq_end;
}

/* True when one of the words in front, or the array, lies in the CQEs, or a word in the array. */
static bool overlaps(const struct io_uring_params *p)
{
    const uint32_t words[] = {
        p->sq_off.head,      p->sq_off.tail,         p->sq_off.flags,     p->sq_off.dropped,
        p->sq_off.ring_mask, p->sq_off.ring_entries, p->cq_off.head,      p->cq_off.tail,
        p->cq_off.overflow,  p->cq_off.flags,        p->cq_off.ring_mask, p->cq_off.ring_entries,
    };
    uint64_t cqes = p->cq_off.cqes, array = p->sq_off.array;
    uint64_t cqes_end = cqes + (uint64_t)p->cq_entries * rota_cqe_size(p->flags);
    uint64_t array_end = array + (uint64_t)p->sq_entries * sizeof(uint32_t);

    if (p->flags & IORING_SETUP_NO_SQARRAY)
        array = array_end = 0;
    if (array < cqes_end && cqes < array_end)
        return true;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        uint64_t word = words[i];

        if ((word >= cqes && word < cqes_end) || (word >= array && word < array_end))
            return true;
    }
    return false;
}

/* Fills the pointers into ring->sq.ring_ptr. Returns 0, or -EPROTO for an offset outside of it. */
static int set_pointers(struct rota_ring *ring, const struct io_uring_params *p)
{
    struct rota_sq *sq = &ring->sq;
    struct rota_cq *cq = &ring->cq;
    bool bad = false;

    sq->khead = word_at(ring, p->sq_off.head, &bad);
    sq->ktail = word_at(ring, p->sq_off.tail, &bad);
    sq->kflags = word_at(ring, p->sq_off.flags, &bad);
    sq->kdropped = word_at(ring, p->sq_off.dropped, &bad);
    sq->kring_mask = word_at(ring, p->sq_off.ring_mask, &bad);
    sq->kring_entries = word_at(ring, p->sq_off.ring_entries, &bad);
    cq->khead = word_at(ring, p->cq_off.head, &bad);
    cq->ktail = word_at(ring, p->cq_off.tail, &bad);
    cq->koverflow = word_at(ring, p->cq_off.overflow, &bad);
    if (p->cq_off.flags)
        cq->kflags = word_at(ring, p->cq_off.flags, &bad);
    cq->kring_mask = word_at(ring, p->cq_off.ring_mask, &bad);
    cq->kring_entries = word_at(ring, p->cq_off.ring_entries, &bad);

    /* The kernel lays CQEs out at their own alignment of eight bytes at least. */
    if (!fits(p->cq_off.cqes, (uint64_t)p->cq_entries * rota_cqe_size(p->flags), 8, sq->ring_sz))
        bad = true;
    if (!(p->flags & IORING_SETUP_NO_SQARRAY) &&
        !fits(p->sq_off.array, (uint64_t)p->sq_entries * sizeof(uint32_t), sizeof(uint32_t),
              sq->ring_sz))
        bad = true;
    if (bad || overlaps(p))
        return -EPROTO;

    /* What the kernel wrote into the memory must agree with what it answered. */
    if (*sq->kring_mask != p->sq_entries - 1 || *sq->kring_entries != p->sq_entries ||
        *cq->kring_mask != p->cq_entries - 1 || *cq->kring_entries != p->cq_entries)
        return -EPROTO;

    cq->cqes = (struct io_uring_cqe *)(void *)((char *)sq->ring_ptr + p->cq_off.cqes);
    if (!(p->flags & IORING_SETUP_NO_SQARRAY)) {
        sq->array = (uint32_t *)(void *)((char *)sq->ring_ptr + p->sq_off.array);
        /* Identity, once: slot i always holds SQE i, and the array is never looked at again. */
        for (uint32_t i = 0; i < p->sq_entries; i++)
            rota_store_relaxed(&sq->array[i], i);
    }
    return 0;
}

int rota_memory_attach(struct rota_ring *ring, int fd, const struct io_uring_params *p,
                       const struct rota_placement *placement)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    struct rota_sq *sq = &ring->sq;
    struct rota_cq *cq = &ring->cq;
    uint64_t ring_bytes, sqe_bytes;
    void *address = NULL;
    int ret;

    sizes_of(p, &ring_bytes, &sqe_bytes);
    if (!ring_bytes || ring_bytes > SIZE_MAX || sqe_bytes > UINT32_MAX)
        return -EPROTO;
    sq->ring_sz = (size_t)ring_bytes;
    sq->sqes_sz = (uint32_t)sqe_bytes;

    if (placement->memory) {
        ring->int_flags |= ROTA_INT_CALLER_MEMORY;
        if (sqe_bytes > placement->ring_offset ||
            ring_bytes > placement->size - placement->ring_offset)
            return -EPROTO;
        sq->sqes = placement->memory;
        sq->ring_ptr = (char *)placement->memory + placement->ring_offset;
    } else {
        ret = kernel->map(sq->ring_sz, fd, IORING_OFF_SQ_RING, &address);
        if (ret < 0)
            return ret;
        sq->ring_ptr = address;
        ret = kernel->map(sq->sqes_sz, fd, IORING_OFF_SQES, &address);
        if (ret < 0)
            goto detach;
        sq->sqes = address;
    }

    ret = set_pointers(ring, p);
    if (ret < 0)
        goto detach;

    sq->ring_entries = p->sq_entries;
    sq->ring_mask = p->sq_entries - 1;
    sq->sqe_shift = rota_sqe_size(p->flags) == 128 ? 7 : 6;
    cq->ring_entries = p->cq_entries;
    cq->ring_mask = p->cq_entries - 1;
    cq->ring_ptr = sq->ring_ptr;
    cq->ring_sz = sq->ring_sz;
    cq->kpeek = p->flags & IORING_SETUP_CQE_MIXED ? cq->khead : cq->ktail;
    cq->cqe_size = rota_cqe_size(p->flags);
    cq->cqe_bytes = p->cq_entries * rota_cqe_size(p->flags) - 1;
    cq->cqe_end = cq->cqes;
    if (!(p->flags & IORING_SETUP_CQE_MIXED))
        cq->cqe_end = (struct io_uring_cqe *)(void *)((char *)cq->cqes + cq->cqe_bytes + 1);

    /*
     * Our copies of the indices start where the shared words stand. Relaxed:
     * nobody else knows this ring yet.
     */
    sq->sqe_head = rota_load_relaxed(sq->ktail);
    rota_sq_continue_at(ring, sq->sqe_head);
    cq->cqe_head = rota_load_relaxed(cq->khead);
    if (placement->memory && placement->owned)
        ring->memory_sz = placement->size;
    return 0;

detach:
    rota_memory_detach(ring);
    return ret;
}

void rota_memory_detach(struct rota_ring *ring)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);

    if (ring->memory_sz) {
        kernel->unmap(ring->sq.sqes, (size_t)ring->memory_sz);
        ring->memory_sz = 0;
    } else if (!(ring->int_flags & ROTA_INT_CALLER_MEMORY)) {
        if (ring->sq.sqes)
            kernel->unmap(ring->sq.sqes, ring->sq.sqes_sz);
        kernel->unmap(ring->sq.ring_ptr, ring->sq.ring_sz);
    }
    rota_zero(&ring->sq, sizeof(ring->sq));
    rota_zero(&ring->cq, sizeof(ring->cq));
}
