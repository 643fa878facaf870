/* SPDX-License-Identifier: MIT */
/* Rings of provided buffers: registration and memory. */
#include "resource/buf_ring.h"
#include "ring/core.h"

#include <rota/register.h>

#define ENTRIES_MAX 32768u

/* The kernel's ids of groups have 16 bits; what is beyond would be cut off, and mean another. */
static bool is_group(int bgid)
{
    return bgid >= 0 && bgid <= (int)UINT16_MAX;
}

/* No more than any kernel takes, so that the bytes can be counted; what else is wrong it says. */
static bool is_size(unsigned nentries)
{
    return nentries && nentries <= ENTRIES_MAX;
}

int rota_register_buf_ring(struct rota_ring *ring, const struct io_uring_buf_reg *reg,
                           unsigned flags)
{
    struct io_uring_buf_reg arg;

    rota_zero(&arg, sizeof(arg));
    arg.ring_addr = reg->ring_addr;
    arg.ring_entries = reg->ring_entries;
    arg.bgid = reg->bgid;
    arg.flags = (uint16_t)(reg->flags | flags);
    arg.min_left = reg->min_left;
    for (unsigned i = 0; i < sizeof(arg.resv) / sizeof(arg.resv[0]); i++)
        arg.resv[i] = reg->resv[i];
    return rota_ring_register(ring, IORING_REGISTER_PBUF_RING, &arg, 1);
}

int rota_buf_ring_head(struct rota_ring *ring, int buf_group, uint16_t *head)
{
    struct io_uring_buf_status status;
    int ret;

    rota_zero(&status, sizeof(status));
    status.buf_group = (uint32_t)buf_group;
    ret = rota_ring_register(ring, IORING_REGISTER_PBUF_STATUS, &status, 1);
    if (ret < 0)
        return ret;
    *head = (uint16_t)status.head;
    return 0;
}

static void *map_ring(struct rota_ring *ring, size_t size, int fd, uint64_t offset, int *err)
{
    void *address = NULL;

    *err = rota_kernel_of(ring)->map(size, fd, offset, &address);
    return *err < 0 ? NULL : address;
}

/*
 * Where the kernel's memory of a group is mapped. Few bits of the group fit into
 * it below those that say what is mapped: of larger ones the kernel sees only
 * the rest, and maps the memory of another group.
 */
static bool offset_of_group(int bgid, uint64_t *offset)
{
    *offset = (uint64_t)(uint32_t)bgid << IORING_OFF_PBUF_SHIFT;
    if (!is_group(bgid) || (*offset & IORING_OFF_MMAP_MASK))
        return false;
    *offset |= IORING_OFF_PBUF_RING;
    return true;
}

void *rota_map_buf_ring(struct rota_ring *ring, size_t size, int bgid, int *err)
{
    uint64_t offset;

    *err = -EBADF;
    if (ring->ring_fd < 0)
        return NULL;
    *err = -EINVAL;
    if (!offset_of_group(bgid, &offset))
        return NULL;
    return map_ring(ring, size, ring->ring_fd, offset, err);
}

struct io_uring_buf_ring *rota_setup_buf_ring(struct rota_ring *ring, unsigned nentries, int bgid,
                                              unsigned flags, int *err)
{
    size_t size = (size_t)nentries * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg reg;
    void *br = NULL;
    int ignored;

    if (!err)
        err = &ignored;
    *err = -EINVAL;
    if (!is_size(nentries) || !is_group(bgid))
        return NULL;
    rota_zero(&reg, sizeof(reg));
    reg.ring_entries = nentries;
    reg.bgid = (uint16_t)bgid;
    if (!(flags & IOU_PBUF_RING_MMAP)) {
        br = map_ring(ring, size, -1, 0, err);
        if (!br)
            return NULL;
        reg.ring_addr = (uint64_t)(uintptr_t)br;
    }
    *err = rota_register_buf_ring(ring, &reg, flags);
    if (*err < 0) {
        if (br)
            rota_kernel_of(ring)->unmap(br, size);
        return NULL;
    }
    if (!br) {
        br = rota_map_buf_ring(ring, size, bgid, err);
        if (!br) {
            rota_unregister_buf_ring(ring, bgid);
            return NULL;
        }
    }
    rota_buf_ring_init(br);
    *err = 0;
    return br;
}

int rota_free_buf_ring(struct rota_ring *ring, struct io_uring_buf_ring *br, unsigned nentries,
                       int bgid)
{
    int ret;

    if (!is_size(nentries) || !is_group(bgid))
        return -EINVAL;
    ret = rota_unregister_buf_ring(ring, bgid);
    if (ret < 0)
        return ret;
    return rota_kernel_of(ring)->unmap(br, (size_t)nentries * sizeof(struct io_uring_buf));
}
