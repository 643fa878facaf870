/* SPDX-License-Identifier: MIT */
/* Rings of liburing's programs: what they look like in memory, set-up and teardown. */
#include "liburing/symbols.h"

#include <asm/errno.h>

/* liburing's members lie where rota's of the same meaning do. */
#define SAME(structure, member, ours)                                                   \
    _Static_assert(offsetof(structure, member) == offsetof(ours, member) &&             \
                       sizeof(((structure *)0)->member) == sizeof(((ours *)0)->member), \
                   #member " is somewhere else")

#define SAME_IN_SQ(member)   SAME(struct io_uring_sq, member, struct rota_sq)
#define SAME_IN_CQ(member)   SAME(struct io_uring_cq, member, struct rota_cq)
#define SAME_IN_RING(member) SAME(struct io_uring, member, struct rota_ring)

SAME_IN_SQ(sqes);
SAME_IN_SQ(khead);
SAME_IN_SQ(ktail);
SAME_IN_SQ(ring_mask);
SAME_IN_SQ(ring_entries);
SAME_IN_SQ(kflags);
SAME_IN_SQ(kdropped);
SAME_IN_SQ(array);
SAME_IN_SQ(kring_mask);
SAME_IN_SQ(kring_entries);
SAME_IN_SQ(ring_ptr);
SAME_IN_SQ(ring_sz);
SAME_IN_SQ(sqes_sz);
SAME_IN_CQ(cqes);
SAME_IN_CQ(ring_mask);
SAME_IN_CQ(ring_entries);
SAME_IN_CQ(khead);
SAME_IN_CQ(ktail);
SAME_IN_CQ(koverflow);
SAME_IN_CQ(kflags);
SAME_IN_CQ(kring_mask);
SAME_IN_CQ(kring_entries);
SAME_IN_CQ(ring_ptr);
SAME_IN_CQ(ring_sz);
SAME_IN_RING(sq);
SAME_IN_RING(cq);
SAME_IN_RING(flags);
SAME_IN_RING(features);
SAME_IN_RING(ring_fd);
SAME_IN_RING(enter_ring_fd);

/*
 * Where the library's own timeouts are among the completions the fast paths
 * must not show them: the queue looks empty there, and the slow one decides.
 */
static int finish(struct io_uring *ring, int ret)
{
    if (ret >= 0 && !(ring->rota.features & IORING_FEAT_EXT_ARG))
        ring->rota.cq.kpeek = ring->rota.cq.khead;
    return ret;
}

/* One attempt, with memory if there is some. */
static int attempt(unsigned entries, struct io_uring *ring, struct io_uring_params *p, void *buf,
                   size_t buf_size)
{
    if (buf)
        return rota_queue_init_mem_on_sized(entries, &ring->rota, sizeof(ring->rota), p, buf,
                                            buf_size, rota_liburing_chosen());
    return rota_queue_init_on_sized(entries, &ring->rota, sizeof(ring->rota), p,
                                    rota_liburing_chosen());
}

/* Without the array of indices if the kernel can; what was asked for is not dropped. */
static int make(unsigned entries, struct io_uring *ring, struct io_uring_params *p, void *buf,
                size_t buf_size)
{
    uint32_t flags = p->flags;
    int ret;

    p->flags |= IORING_SETUP_NO_SQARRAY;
    ret = attempt(entries, ring, p, buf, buf_size);
    if (ret != -EINVAL || (flags & IORING_SETUP_NO_SQARRAY))
        return ret;
    p->flags = flags;
    return attempt(entries, ring, p, buf, buf_size);
}

/* Without memory it is the library's, as with the flag alone, and counted all the same. */
int io_uring_queue_init_mem(unsigned entries, struct io_uring *ring, struct io_uring_params *p,
                            void *buf, size_t buf_size)
{
    int ret;

    if (!buf)
        p->flags |= IORING_SETUP_NO_MMAP;
    ret = finish(ring, make(entries, ring, p, buf, buf_size));
    return ret || buf ? ret : (int)rota_memory_size_params(entries, p);
}

int io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p)
{
    return finish(ring, make(entries, ring, p, NULL, 0));
}

int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags)
{
    struct io_uring_params p = {0};

    p.flags = flags;
    return io_uring_queue_init_params(entries, ring, &p);
}

int io_uring_queue_mmap(int fd, struct io_uring_params *p, struct io_uring *ring)
{
    return finish(ring, rota_queue_mmap_on_sized(fd, p, &ring->rota, sizeof(ring->rota),
                                                 rota_liburing_chosen()));
}
