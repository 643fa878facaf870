/* SPDX-License-Identifier: MIT */
/* Memory that the kernel reads arguments from. */
#include "ring/core.h"

#include <rota/region.h>
#include <rota/register.h>

/*
 * Registers `*size` bytes at `address`, or of the kernel's for 0, rounded up
 * to whole pages: `*size` afterwards. How large a page is, only the kernel
 * knows: it refuses sizes that are not made of whole ones, so that the first
 * that it takes is right.
 */
static int register_pages(struct rota_ring *ring, uint64_t address, size_t *size, uint64_t flags,
                          uint64_t *offset)
{
    struct io_uring_mem_region_reg arg;
    struct io_uring_region_desc desc;
    uint64_t asked = 0;
    int ret = -EINVAL;

    rota_zero(&arg, sizeof(arg));
    arg.region_uptr = (uint64_t)(uintptr_t)&desc;
    arg.flags = flags;
    for (uint32_t shift = ROTA_PAGE_SHIFT_MIN; shift <= ROTA_PAGE_SHIFT_MAX && ret == -EINVAL;
         shift++) {
        uint64_t page = UINT64_C(1) << shift;

        rota_zero(&desc, sizeof(desc));
        desc.user_addr = address;
        asked = ((uint64_t)*size + page - 1) & ~(page - 1);
        desc.size = asked;
        desc.flags = address ? IORING_MEM_REGION_TYPE_USER : 0;
        ret = rota_register_region(ring, &arg);
    }
    if (ret < 0)
        return ret;
    /* As many as were asked for, or what is mapped and unmapped is not what there is. */
    if (desc.size != asked)
        return -EPROTO;
    *size = (size_t)asked;
    *offset = desc.mmap_offset;
    return 0;
}

int rota_register_wait_reg(struct rota_ring *ring, struct io_uring_reg_wait *reg, int nr)
{
    size_t size = (size_t)(unsigned)nr * sizeof(*reg);
    uint64_t offset;

    /* The second: what is beyond the address space of 32 bits would be cut off. */
    if (!reg || nr < 1 || size / sizeof(*reg) != (size_t)(unsigned)nr || size > SIZE_MAX / 2)
        return -EINVAL;
    return register_pages(ring, (uint64_t)(uintptr_t)reg, &size, IORING_MEM_REGION_REG_WAIT_ARG,
                          &offset);
}

int rota_region_init(struct rota_ring *ring, struct rota_region *region, size_t size,
                     unsigned flags)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    uint64_t kind = flags & ~ROTA_REGION_KERNEL, offset;
    void *memory = NULL;
    int ret;

    rota_zero(region, sizeof(*region));
    if (!size || size > SIZE_MAX / 2)
        return -EINVAL;
    if (flags & ROTA_REGION_KERNEL) {
        if (ring->ring_fd < 0)
            return -EBADF;
        ret = register_pages(ring, 0, &size, kind, &offset);
        if (ret < 0)
            return ret;
        ret = kernel->map(size, ring->ring_fd, offset, &memory);
    } else {
        ret = kernel->map(size, -1, 0, &memory);
        if (ret < 0)
            return ret;
        ret = register_pages(ring, (uint64_t)(uintptr_t)memory, &size, kind, &offset);
        if (ret < 0)
            kernel->unmap(memory, size);
    }
    if (ret < 0)
        return ret;
    region->kernel = kernel;
    region->memory = memory;
    region->size = size;
    return 0;
}

void rota_region_exit(struct rota_ring *ring, struct rota_region *region)
{
    (void)ring; /* which may have ended, and its table of system calls with it */
    if (region->memory)
        region->kernel->unmap(region->memory, region->size);
    rota_zero(region, sizeof(*region));
}
