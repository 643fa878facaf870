/* SPDX-License-Identifier: MIT */
/* Memory that ring and application share besides the queues, and what the waits read in it. */
#include "emulate/resources.h"

#include <limits.h>
#include <string.h>

#include "emulate/hooks.h"

/* Where the application maps a region: as the kernel tells it. */
#define OFFSET_REGION UINT64_C(0x20000000)
#define OFFSET_KIND   UINT64_C(0xf8000000)

int emulate_region_make(struct io_uring_region_desc *region, uint64_t offset,
                        struct emulate_memory **memory, unsigned char **at)
{
    static const struct io_uring_region_desc empty;
    uint64_t page = emulate_page(), end;

    if (memcmp(region->__resv, empty.__resv, sizeof(region->__resv)))
        return -EINVAL;
    if (region->flags & ~(uint32_t)IORING_MEM_REGION_TYPE_USER)
        return -EINVAL;
    if (!(region->flags & IORING_MEM_REGION_TYPE_USER) != !region->user_addr)
        return -EFAULT;
    if (!region->size || region->mmap_offset || region->id)
        return -EINVAL;
    if (region->size / page > INT_MAX)
        return -E2BIG;
    if ((region->user_addr | region->size) & (page - 1))
        return -EINVAL;
    if (__builtin_add_overflow(region->user_addr, region->size, &end) || end > UINTPTR_MAX)
        return -EOVERFLOW;
    if (region->flags & IORING_MEM_REGION_TYPE_USER) {
        if (emulate_check_memory(region->user_addr, region->size) < 0)
            return -EFAULT;
        *memory = NULL;
        *at = (unsigned char *)(uintptr_t)region->user_addr;
        return 0;
    }
    if (region->size > SIZE_MAX)
        return -ENOMEM;
    *memory = emulate_memory_new((size_t)region->size);
    if (!*memory)
        return -ENOMEM;
    *at = (*memory)->base;
    region->mmap_offset = offset;
    return 0;
}

int emulate_hook_register_mem_region(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct emulate_resources *all = emulate_resources_of(ring);
    struct io_uring_mem_region_reg asked;
    struct io_uring_region_desc region;
    struct emulate_memory *memory = NULL;
    unsigned char *at = NULL;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    if (!all)
        return -ENOMEM;
    if (all->region)
        return -EBUSY;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    if (!ret)
        ret = emulate_copy_in(&region, asked.region_uptr, sizeof(region));
    if (ret)
        return ret;
    if (asked.__resv[0] || asked.__resv[1])
        return -EINVAL;
    if (asked.flags & ~(uint64_t)IORING_MEM_REGION_REG_WAIT_ARG)
        return -EINVAL;
    if ((asked.flags & IORING_MEM_REGION_REG_WAIT_ARG) && !ring->disabled)
        return -EINVAL;
    ret = emulate_region_make(&region, OFFSET_REGION, &memory, &at);
    if (ret)
        return ret;
    ret = emulate_copy_out(asked.region_uptr, &region, sizeof(region));
    if (ret) {
        if (memory)
            emulate_memory_put(memory);
        return ret;
    }
    all->region = true;
    all->region_at = at;
    all->region_size = region.size;
    all->region_memory = memory;
    all->region_waits = asked.flags & IORING_MEM_REGION_REG_WAIT_ARG;
    return 0;
}

const struct io_uring_reg_wait *emulate_registered_wait(struct emulate_ring *ring, uint64_t offset,
                                                        size_t size)
{
    const struct emulate_resources *all = ring->resources;
    uint64_t end;

    if (!all || !all->region_waits || size != sizeof(struct io_uring_reg_wait))
        return NULL;
    if (offset % sizeof(long) || __builtin_add_overflow(offset, size, &end) ||
        end > all->region_size)
        return NULL;
    return (const struct io_uring_reg_wait *)(const void *)(all->region_at + offset);
}

struct emulate_memory *emulate_resource_memory(struct emulate_ring *ring, uint64_t offset)
{
    const struct emulate_group *group;

    if (!ring->resources)
        return NULL;
    if (offset == OFFSET_REGION)
        return ring->resources->region_memory;
    if ((offset & OFFSET_KIND) != IORING_OFF_PBUF_RING)
        return NULL;
    group = emulate_group_find(
        ring, (uint16_t)((offset & ~IORING_OFF_MMAP_MASK) >> IORING_OFF_PBUF_SHIFT));
    return group ? group->memory : NULL;
}
