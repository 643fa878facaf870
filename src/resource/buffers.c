/* SPDX-License-Identifier: MIT */
/* Managed buffer groups: their memory, and all of it into the kernel's hands. */
#include "resource/buf_ring.h"
#include "ring/core.h"

#include <rota/register.h>

#include <linux/mman.h>

#define COUNT_MAX  32768u
#define SIZE_MOST  (1u << 30)
#define DATA_ALIGN 4096u
#define HUGE_PAGE  (1u << 21)

#ifndef MAP_HUGE_2MB
#define MAP_HUGE_2MB (21u << 26)
#endif

/* Where the parts lie in the one piece of memory. */
struct plan {
    uint32_t entries;
    size_t ring; /* bytes at the start; 0 when the ring is the kernel's */
    size_t data; /* offset of the buffers; the states lie between */
    size_t total;
};

/* False for a config that is not valid. */
static bool make_plan(const struct rota_buffers_config *config, struct plan *plan)
{
    uint64_t ring, data, total;

    if (!config->count || config->count > COUNT_MAX || !config->size || config->size > SIZE_MOST ||
        (config->options & ~(ROTA_BUFFERS_HUGE | ROTA_BUFFERS_HELD)) || config->reserved0 ||
        config->reserved[0] || config->reserved[1])
        return false;
    plan->entries = 1;
    while (plan->entries < config->count)
        plan->entries <<= 1;
    ring = config->flags & IOU_PBUF_RING_MMAP
               ? 0
               : (uint64_t)plan->entries * sizeof(struct io_uring_buf);
    data = ring + (uint64_t)config->count * sizeof(struct rota_buffer_state);
    data = (data + DATA_ALIGN - 1) & ~(uint64_t)(DATA_ALIGN - 1);
    total = data + (uint64_t)config->count * config->size;
    if (total > SIZE_MAX / 2)
        return false;
    plan->ring = (size_t)ring;
    plan->data = (size_t)data;
    plan->total = (size_t)total;
    return true;
}

size_t rota_buffers_memory_size(const struct rota_buffers_config *config)
{
    struct plan plan;

    return make_plan(config, &plan) ? plan.total : 0;
}

/* Memory for everything, in huge pages if there are some. */
static int get_memory(struct rota_ring *ring, struct rota_buffers *buffers, size_t total)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    int ret;

    if (buffers->options & ROTA_BUFFERS_HUGE) {
        buffers->memory_size = (total + HUGE_PAGE - 1) & ~(size_t)(HUGE_PAGE - 1);
        ret = kernel->map(buffers->memory_size, -1, MAP_HUGETLB | MAP_HUGE_2MB, &buffers->memory);
        if (ret >= 0)
            return 0;
        buffers->options &= ~ROTA_BUFFERS_HUGE;
    }
    buffers->memory_size = total;
    return kernel->map(total, -1, 0, &buffers->memory);
}

/* The ring of entries, registered. */
static int get_ring(struct rota_ring *ring, struct rota_buffers *buffers,
                    const struct rota_buffers_config *config, void *memory, uint32_t entries)
{
    struct io_uring_buf_reg reg;
    int ret;

    rota_zero(&reg, sizeof(reg));
    reg.ring_entries = entries;
    reg.bgid = config->group;
    reg.flags = config->flags;
    reg.min_left = config->min_left;
    if (!(config->flags & IOU_PBUF_RING_MMAP)) {
        buffers->br = memory;
        rota_buf_ring_init(buffers->br);
        reg.ring_addr = (uint64_t)(uintptr_t)memory;
        return rota_register_buf_ring(ring, &reg, 0);
    }
    ret = rota_register_buf_ring(ring, &reg, 0);
    if (ret < 0)
        return ret;
    buffers->ring_size = (size_t)entries * sizeof(struct io_uring_buf);
    buffers->br = rota_map_buf_ring(ring, buffers->ring_size, config->group, &ret);
    if (!buffers->br)
        rota_unregister_buf_ring(ring, config->group);
    return ret;
}

int rota_buffers_init_sized(struct rota_ring *ring, struct rota_buffers *buffers, size_t size,
                            const struct rota_buffers_config *config)
{
    unsigned char *memory;
    struct plan plan;
    int ret;

    if (size < sizeof(*buffers))
        return -EINVAL;
    rota_zero(buffers, sizeof(*buffers));
    if (!make_plan(config, &plan))
        return -EINVAL;
    buffers->options = config->options;
    buffers->kernel = rota_kernel_of(ring);
    if (config->memory) {
        if (config->memory_size < plan.total)
            return -ENOMEM;
        if ((uintptr_t)config->memory % DATA_ALIGN)
            return -EINVAL;
        memory = config->memory;
    } else {
        ret = get_memory(ring, buffers, plan.total);
        if (ret < 0)
            goto clear;
        memory = buffers->memory;
    }
    ret = get_ring(ring, buffers, config, memory, plan.entries);
    if (ret < 0)
        goto unmap;

    buffers->states = (struct rota_buffer_state *)(void *)(memory + plan.ring);
    buffers->data = memory + plan.data;
    buffers->size = config->size;
    buffers->count = config->count;
    buffers->mask = (uint16_t)(plan.entries - 1);
    buffers->group = config->group;
    buffers->flags = config->flags;
    rota_zero(buffers->states, config->count * sizeof(struct rota_buffer_state));
    for (uint32_t id = 0; id < config->count; id++) {
        if (config->options & ROTA_BUFFERS_HELD) {
            buffers->states[id].pieces = 1;
            buffers->held++;
        } else {
            rota_buffers_add(buffers, (uint16_t)id, config->size);
        }
    }
    return 0;

unmap:
    if (buffers->memory)
        rota_kernel_of(ring)->unmap(buffers->memory, buffers->memory_size);
clear:
    rota_zero(buffers, sizeof(*buffers));
    return ret;
}

void rota_buffers_exit(struct rota_ring *ring, struct rota_buffers *buffers)
{
    if (!buffers->count)
        return;
    /* Fails only when the group has ended with its ring, which then does not know its kernel. */
    rota_unregister_buf_ring(ring, buffers->group);
    if (buffers->ring_size)
        buffers->kernel->unmap(buffers->br, buffers->ring_size);
    if (buffers->memory)
        buffers->kernel->unmap(buffers->memory, buffers->memory_size);
    rota_zero(buffers, sizeof(*buffers));
}
