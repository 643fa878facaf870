/* SPDX-License-Identifier: MIT */
/* Changing the size of the queues while the ring is in use. */
#include "ring/core.h"

#include <linux/mman.h>

/* What the kernel takes besides what the ring was made with. */
#define RESIZE_FLAGS ((uint32_t)(IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP))

/* Set-up flags that decide how the queues lie in memory. */
#define LAYOUT_FLAGS                                                                               \
    (IORING_SETUP_NO_SQARRAY | IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED | IORING_SETUP_CQE32 | \
     IORING_SETUP_CQE_MIXED)

/*
 * What of `p` is a wish. The rest is what a call before has left there: an
 * offset that this kernel does not write would be taken for its answer.
 */
static void take_wishes(struct io_uring_params *wishes, const struct io_uring_params *p)
{
    rota_zero(wishes, sizeof(*wishes));
    wishes->sq_entries = p->sq_entries;
    wishes->flags = p->flags & RESIZE_FLAGS;
    if (p->flags & IORING_SETUP_CQSIZE)
        wishes->cq_entries = p->cq_entries;
}

static void copy(void *to, const void *from, size_t size)
{
    unsigned char *t = to;
    const unsigned char *f = from;

    for (size_t i = 0; i < size; i++) {
        t[i] = f[i];
        __asm__ volatile("" : : : "memory"); /* or it becomes a call to memcpy */
    }
}

/*
 * Copies the entries from index `first` to `end` between two queues of
 * different sizes: none when that is more than there can be.
 */
static void copy_entries(void *to, uint32_t to_mask, const void *from, uint32_t from_mask,
                         uint32_t first, uint32_t end, uint32_t size)
{
    if (end - first > from_mask + 1)
        return;
    for (uint32_t i = first; i != end; i++)
        copy((char *)to + (size_t)(i & to_mask) * size,
             (const char *)from + (size_t)(i & from_mask) * size, size);
}

/*
 * Copies what waits in the queues once more. Before 7.0 the kernel moves 64
 * bytes of each SQE and 16 of each CQE, however large they are. The old
 * memory still holds them, and their indices have not changed.
 */
static void copy_large_entries(const struct rota_ring *old, struct rota_ring *ring)
{
    /*
     * Relaxed throughout: the kernel no longer touches the old memory, and of
     * the new only what lies behind the old tail.
     */
    if (ring->flags & IORING_SETUP_SQE128)
        copy_entries(ring->sq.sqes, ring->sq.ring_mask, old->sq.sqes, old->sq.ring_mask,
                     rota_load_relaxed(old->sq.khead), rota_load_relaxed(old->sq.ktail), 128);
    if (ring->flags & IORING_SETUP_CQE32)
        copy_entries(ring->cq.cqes, ring->cq.ring_mask, old->cq.cqes, old->cq.ring_mask,
                     rota_load_relaxed(old->cq.khead), rota_load_relaxed(old->cq.ktail), 32);
}

/* True when an SQE of two slots would be torn apart at the end of a queue of `entries`. */
static bool splits_sqe(const struct rota_ring *ring, uint32_t entries)
{
    uint32_t tail = rota_sq_tail(ring), slots;

    for (uint32_t i = rota_sq_unseen(ring); i != tail; i += slots) {
        slots = rota_sqe_width(ring, i, tail);
        if (slots == 2 && (i & (entries - 1)) == entries - 1)
            return true;
    }
    return false;
}

/* The same for CQEs. */
static bool splits_cqe(const struct rota_ring *ring, uint32_t entries)
{
    uint32_t end = rota_cq_end(ring), slots;

    for (uint32_t i = ring->cq.cqe_head; i != end; i += slots) {
        slots = rota_cqe_width(ring, i, end);
        if (slots == 2 && (i & (entries - 1)) == entries - 1)
            return true;
    }
    return false;
}

/*
 * Before 7.0 the kernel does not say where the array of the resized queue
 * lies: behind the CQEs, at the next cache line. With CQE32 it doubles not
 * only the CQEs but also what is in front of them. The header of those kernels
 * fits into one cache line, at whose end the CQEs begin.
 */
static void find_array(struct io_uring_params *p)
{
    uint32_t line = p->cq_off.cqes & -p->cq_off.cqes;
    uint32_t end = p->cq_off.cqes + p->cq_entries * (uint32_t)sizeof(struct io_uring_cqe);

    if ((p->flags & IORING_SETUP_NO_SQARRAY) || p->sq_off.array)
        return;
    if (p->flags & IORING_SETUP_CQE32)
        end *= 2;
    p->sq_off.array = (end + line - 1) & ~(line - 1);
}

/* Makes `next` the mapping of `ring`, and gives the old one back. */
static void replace_mapping(struct rota_ring *ring, struct rota_ring *next)
{
    uint32_t overflows = ring->cq.overflows;
    struct rota_sq sq;
    struct rota_cq cq;

    /* Not by assignment: some compilers call memcpy for it. */
    copy(&sq, &ring->sq, sizeof(sq));
    copy(&cq, &ring->cq, sizeof(cq));
    copy(&ring->sq, &next->sq, sizeof(sq));
    copy(&ring->cq, &next->cq, sizeof(cq));
    copy(&next->sq, &sq, sizeof(sq));
    copy(&next->cq, &cq, sizeof(cq));
    ring->cq.overflows = overflows;
    rota_memory_detach(next);
}

int rota_resize_rings(struct rota_ring *ring, struct io_uring_params *p)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    struct io_uring_params answer;
    struct rota_placement mapped;
    struct rota_ring next;
    void *reserved = NULL;
    size_t size;
    int ret;

    if (!p || (p->flags & ~(RESIZE_FLAGS | (ring->flags & LAYOUT_FLAGS))) ||
        (ring->int_flags & ROTA_INT_CALLER_MEMORY))
        return -EINVAL;
    if (ring->ring_fd < 0)
        return -EBADF;
    if (ring->calls.mode & (ROTA_CALLS_CHAIN | ROTA_CALLS_DELIVERING))
        return -EBUSY;

    take_wishes(&answer, p);
    size = rota_memory_plan(&answer, (ring->flags & LAYOUT_FLAGS) | answer.flags);
    if (!size)
        return -EINVAL;
    if (splits_sqe(ring, answer.sq_entries) || splits_cqe(ring, answer.cq_entries))
        return -EOVERFLOW;
    ret = kernel->map(size, -1, MAP_NORESERVE, &reserved);
    if (ret < 0)
        return ret;

    /*
     * The kernel moves what lies between its head and the shared tail: all
     * that was taken must be visible. Release, as in any submission.
     */
    rota_store_release(ring->sq.ktail, rota_sq_tail(ring));
    take_wishes(&answer, p);
    ret = rota_ring_register(ring, IORING_REGISTER_RESIZE_RINGS, &answer, 1);
    kernel->unmap(reserved, size);
    if (ret < 0)
        return ret;

    answer.flags |= ring->flags & LAYOUT_FLAGS;
    find_array(&answer);
    mapped.memory = NULL;
    mapped.size = 0;
    mapped.ring_offset = 0;
    rota_zero(&next, sizeof(next));
    next.kernel = ring->kernel;
    next.flags = ring->flags;
    ret = rota_memory_attach(&next, ring->ring_fd, &answer, &mapped);
    if (ret < 0) {
        rota_queue_exit(ring);
        return -ENOTRECOVERABLE;
    }
    copy_large_entries(ring, &next);
    replace_mapping(ring, &next);
    if (ring->mapped_by)
        (void)rota_ring_dontfork(ring);
    copy(p, &answer, sizeof(answer));
    return 0;
}
