/* SPDX-License-Identifier: MIT */
/* Zero-copy receive: area and refill ring. */
#include "ring/core.h"

#include <rota/register.h>
#include <rota/zcrx.h>

#define ENTRIES_MAX 32768u

/* In the smallest pages: larger ones the kernel asks for itself, once it has looked at the device. */
#define PAGE_REST ((1u << ROTA_PAGE_SHIFT_MIN) - 1)

/* True when `bytes` at `offset`, in units of `alignment`, lie inside `size`. */
static bool fits(uint64_t offset, uint64_t bytes, uint64_t alignment, uint64_t size)
{
    return !(offset & (alignment - 1)) && bytes <= size && offset <= size - bytes;
}

/* Makes pointers of what the kernel answered. Returns 0 or -EPROTO. */
static int set_pointers(struct rota_zcrx_rq *rq, const struct io_uring_zcrx_ifq_reg *reg)
{
    uint64_t bytes = (uint64_t)reg->rq_entries * sizeof(struct io_uring_zcrx_rqe);
    char *base = rq->ring_ptr;

    if (!reg->rq_entries || (reg->rq_entries & (reg->rq_entries - 1)) ||
        !fits(reg->offsets.head, sizeof(uint32_t), sizeof(uint32_t), rq->ring_sz) ||
        !fits(reg->offsets.tail, sizeof(uint32_t), sizeof(uint32_t), rq->ring_sz) ||
        !fits(reg->offsets.rqes, bytes, sizeof(uint64_t), rq->ring_sz))
        return -EPROTO;
    rq->khead = (uint32_t *)(void *)(base + reg->offsets.head);
    rq->ktail = (uint32_t *)(void *)(base + reg->offsets.tail);
    rq->rqes = (struct io_uring_zcrx_rqe *)(void *)(base + reg->offsets.rqes);
    rq->ring_entries = reg->rq_entries;
    rq->rq_tail = rota_load_relaxed(rq->ktail);
    return 0;
}

/* Registers with a refill ring in memory of `page`-sized pages. */
static int try_pages(struct rota_ring *ring, struct rota_zcrx *zcrx,
                     const struct rota_zcrx_config *config, uint64_t page)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    struct io_uring_zcrx_area_reg area;
    struct io_uring_zcrx_ifq_reg reg;
    struct io_uring_region_desc desc;
    uint32_t entries = 1;
    uint64_t bytes;
    int ret;

    while (entries < config->rq_entries)
        entries <<= 1;
    /* A page for the header, of which nothing else is promised. */
    bytes = page + (uint64_t)entries * sizeof(struct io_uring_zcrx_rqe);
    zcrx->rq.ring_sz = (size_t)((bytes + page - 1) & ~(page - 1));
    ret = kernel->map(zcrx->rq.ring_sz, -1, 0, &zcrx->rq.ring_ptr);
    if (ret < 0)
        return ret;

    rota_zero(&area, sizeof(area));
    area.addr = (uint64_t)(uintptr_t)zcrx->area;
    area.len = zcrx->area_size;
    rota_zero(&desc, sizeof(desc));
    desc.user_addr = (uint64_t)(uintptr_t)zcrx->rq.ring_ptr;
    desc.size = zcrx->rq.ring_sz;
    desc.flags = IORING_MEM_REGION_TYPE_USER;
    rota_zero(&reg, sizeof(reg));
    reg.if_idx = config->if_idx;
    reg.if_rxq = config->if_rxq;
    reg.rq_entries = config->rq_entries;
    reg.flags = config->flags;
    reg.area_ptr = (uint64_t)(uintptr_t)&area;
    reg.region_ptr = (uint64_t)(uintptr_t)&desc;
    reg.rx_buf_len = config->rx_buf_len;
    reg.event_desc = (uint64_t)(uintptr_t)config->events;
    ret = rota_register_ifq(ring, &reg);
    if (ret >= 0)
        ret = set_pointers(&zcrx->rq, &reg);
    if (ret < 0) {
        kernel->unmap(zcrx->rq.ring_ptr, zcrx->rq.ring_sz);
        zcrx->rq.ring_ptr = NULL;
        return ret;
    }
    zcrx->area_token = area.rq_area_token;
    zcrx->id = reg.zcrx_id;
    return 0;
}

int rota_zcrx_init(struct rota_ring *ring, struct rota_zcrx *zcrx,
                   const struct rota_zcrx_config *config)
{
    int ret = -EINVAL;

    rota_zero(zcrx, sizeof(*zcrx));
    /* What is imported has an area and a refill ring already. */
    if ((config->flags & ZCRX_REG_IMPORT) || config->reserved0 || config->reserved[0] ||
        config->reserved[1] || !config->area_size || !config->rq_entries ||
        config->rq_entries > ENTRIES_MAX || (config->area_size & PAGE_REST) ||
        ((uintptr_t)config->area & PAGE_REST))
        return -EINVAL;
    zcrx->kernel = rota_kernel_of(ring);
    zcrx->area = config->area;
    zcrx->area_size = config->area_size;
    if (!zcrx->area) {
        void *memory = NULL;

        ret = rota_kernel_of(ring)->map(zcrx->area_size, -1, 0, &memory);
        if (ret < 0) {
            rota_zero(zcrx, sizeof(*zcrx));
            return ret;
        }
        zcrx->area = memory;
        zcrx->own_area = 1;
    }
    ret = -EINVAL;
    for (uint32_t shift = ROTA_PAGE_SHIFT_MIN; shift <= ROTA_PAGE_SHIFT_MAX && ret == -EINVAL;
         shift++)
        ret = try_pages(ring, zcrx, config, UINT64_C(1) << shift);
    if (ret < 0)
        rota_zcrx_exit(zcrx);
    return ret;
}

void rota_zcrx_exit(struct rota_zcrx *zcrx)
{
    if (zcrx->rq.ring_ptr)
        zcrx->kernel->unmap(zcrx->rq.ring_ptr, zcrx->rq.ring_sz);
    if (zcrx->own_area)
        zcrx->kernel->unmap(zcrx->area, zcrx->area_size);
    rota_zero(zcrx, sizeof(*zcrx));
}

int rota_zcrx_flush(struct rota_ring *ring, struct rota_zcrx *zcrx)
{
    struct zcrx_ctrl ctrl;

    rota_zero(&ctrl, sizeof(ctrl));
    ctrl.zcrx_id = zcrx->id;
    ctrl.op = ZCRX_CTRL_FLUSH_RQ;
    return rota_register_zcrx_ctrl(ring, &ctrl);
}
