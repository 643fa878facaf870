/* SPDX-License-Identifier: MIT */
/* Rings in the caller's memory: how much they take, what lies where, and making one. */
#include "ring/core.h"
#include "ring/setup_rules.h"

/* The kernel's queue header in front of the CQEs: 64 to 512 bytes, by the size of a cache line. */
#define HEADER_BOUND 1024u

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

static uint32_t round_up_entries(uint32_t entries)
{
    uint32_t rounded = 1;

    while (rounded < entries)
        rounded <<= 1;
    return rounded;
}

/* The size of one queue as the kernel makes it of `entries`; 0 when it does not take so many. */
static uint32_t planned_entries(uint32_t entries, uint32_t limit, uint32_t flags)
{
    if (entries > limit)
        return flags & IORING_SETUP_CLAMP ? limit : 0;
    return entries ? round_up_entries(entries) : 0;
}

/*
 * Bytes for the SQEs, and for all of it, of a ring that is still to be made; 0
 * when out of range. Rounds the entries in `p` as the kernel does.
 */
static uint64_t planned_size(struct io_uring_params *p, uint32_t flags, uint64_t *sqe_bytes)
{
    uint64_t ring_bytes;

    p->sq_entries = planned_entries(p->sq_entries, ROTA_SQ_ENTRIES_MOST, flags);
    if (!p->sq_entries)
        return 0;
    if (flags & IORING_SETUP_CQSIZE)
        p->cq_entries = planned_entries(p->cq_entries, ROTA_CQ_ENTRIES_MOST, flags);
    else
        p->cq_entries = 2 * p->sq_entries;
    if (p->cq_entries < p->sq_entries)
        return 0;
    *sqe_bytes = align_up((uint64_t)p->sq_entries * rota_sqe_size(flags), ROTA_MEMORY_ALIGN);
    /* Room for the array, too: NO_SQARRAY may be a flag that the kernel lacks. */
    ring_bytes = HEADER_BOUND + (uint64_t)p->cq_entries * rota_cqe_size(flags) +
                 (uint64_t)p->sq_entries * sizeof(uint32_t);
    return *sqe_bytes + align_up(ring_bytes, ROTA_MEMORY_ALIGN);
}

size_t rota_memory_plan(struct io_uring_params *p, uint32_t flags)
{
    uint64_t sqe_bytes;

    return (size_t)planned_size(p, flags, &sqe_bytes);
}

ptrdiff_t rota_memory_size_params(unsigned entries, const struct io_uring_params *params)
{
    struct io_uring_params plan;
    size_t bytes;

    rota_zero(&plan, sizeof(plan));
    plan.sq_entries = entries;
    plan.cq_entries = params->cq_entries;
    bytes = rota_memory_plan(&plan, params->flags);
    return bytes ? (ptrdiff_t)bytes : -EINVAL;
}

int rota_memory_place(struct rota_placement *placement, unsigned entries, struct io_uring_params *p)
{
    uint64_t address = (uint64_t)(uintptr_t)placement->memory;
    struct io_uring_params plan;
    uint64_t sqe_bytes, bytes;

    rota_zero(&plan, sizeof(plan));
    plan.sq_entries = entries;
    plan.cq_entries = p->cq_entries;
    bytes = planned_size(&plan, p->flags, &sqe_bytes);
    if (!bytes || (address & (ROTA_MEMORY_ALIGN - 1)))
        return -EINVAL;
    if (placement->size < bytes)
        return -ENOMEM;
    placement->ring_offset = (size_t)sqe_bytes;
    /* Some kernels (6.12 is one) start at index 0 but do not clear the shared words. */
    rota_zero((char *)placement->memory + sqe_bytes, HEADER_BOUND);
    p->sq_off.user_addr = address;
    p->cq_off.user_addr = address + sqe_bytes;
    return 0;
}

/* Makes a ring in the memory of `placement`; on failure `params` is good for another attempt. */
static int make_placed(struct rota_ring *ring, unsigned entries, struct io_uring_params *params,
                       struct rota_placement *placement)
{
    int ret = rota_memory_place(placement, entries, params);

    if (ret >= 0)
        ret = rota_make_exact(ring, entries, params, placement);
    if (ret < 0) {
        params->sq_off.user_addr = 0;
        params->cq_off.user_addr = 0;
    }
    return ret;
}

int rota_make_unmapped(struct rota_ring *ring, unsigned entries, struct io_uring_params *params)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring); /* a ring that fails forgets it */
    struct rota_placement placement = {NULL, 0, 0, true};
    ptrdiff_t size = rota_memory_size_params(entries, params);
    int ret;

    if (size < 0)
        return (int)size;
    placement.size = (size_t)size;
    ret = kernel->map(placement.size, -1, 0, &placement.memory);
    if (ret < 0)
        return ret;
    ret = make_placed(ring, entries, params, &placement);
    if (ret < 0)
        kernel->unmap(placement.memory, placement.size);
    return ret;
}

int rota_queue_init_mem_on_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                                 struct io_uring_params *params, void *buf, size_t buf_size,
                                 const struct rota_kernel *kernel)
{
    struct rota_placement placement = {buf, buf_size, 0, false};
    ptrdiff_t used;
    uint32_t flags;
    int ret;

    if (!rota_size_is_known(ring, ring_size))
        return -EINVAL;
    rota_make_none(ring);
    if (!entries || !params || !buf)
        return -EINVAL;
    ring->kernel = rota_kernel_named(kernel);
    flags = params->flags;
    params->flags |= IORING_SETUP_NO_MMAP;
    used = rota_memory_size_params(entries, params); /* some megabytes at most */
    ret = make_placed(ring, entries, params, &placement);
    params->flags = ret < 0 ? flags : params->flags;
    return ret < 0 ? ret : (int)used;
}

int rota_queue_init_mem_sized(unsigned entries, struct rota_ring *ring, size_t ring_size,
                              struct io_uring_params *params, void *buf, size_t buf_size)
{
    return rota_queue_init_mem_on_sized(entries, ring, ring_size, params, buf, buf_size, NULL);
}
