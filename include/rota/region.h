/* SPDX-License-Identifier: MIT */
/*
 * Memory that ring and kernel share for the arguments of waits (6.13).
 *
 * A wait names an element of an array in it instead of handing a timeout and
 * a signal mask over, which the kernel would have to copy each time. The ring
 * must be disabled (IORING_SETUP_R_DISABLED) when the memory is registered,
 * has at most one such region, and keeps it until it ends. The register calls
 * here have the rules of rota/resource.h, and beside the errors listed return
 * -EBADF for a ring that is torn down, -EEXIST from a thread that does not own a
 * single-issuer ring, and -EACCES when a restriction forbids them.
 *
 *     struct rota_region region;
 *     struct io_uring_reg_wait *waits;
 *     int ret = rota_region_init(&ring, &region, 4 * sizeof(*waits),
 *                                IORING_MEM_REGION_REG_WAIT_ARG);
 *     waits = region.memory;
 *     rota_reg_wait_set(&waits[0], &timeout, 0, NULL);
 *     ret = rota_enable_rings(&ring);
 */
#ifndef ROTA_REGION_H
#define ROTA_REGION_H

#include <rota/ring.h>

ROTA_BEGIN_DECLS

/* For rota_region_init(): memory that the kernel allocates, and only the ring keeps. */
#define ROTA_REGION_KERNEL (1U << 31)

/* Members are for reading. */
struct rota_region {
    void *memory;                     /* all zero at first */
    size_t size;                      /* as asked for, and up to the end of the page */
    const struct rota_kernel *kernel; /* of the ring: what was mapped through it goes back to it */
    uint64_t reserved[2];
};

/*
 * rota_region_init - get memory of at least `size` bytes and register it.
 *
 * `flags` are IORING_MEM_REGION_REG_WAIT_ARG, ROTA_REGION_KERNEL, or both, or
 * 0 for memory that is only kept. Returns 0, or with `region` empty and nothing
 * left behind:
 *
 * - EBADF: kernel memory on a ring without descriptor
 * - EBUSY: the ring has a region
 * - EINVAL: size 0 or beyond the address space; REG_WAIT_ARG, and the ring is
 *   enabled; an unknown flag; the kernel is older
 * - ENOMEM: no memory, or RLIMIT_MEMLOCK is too small. When it is the mapping of
 *   kernel memory that fails, the ring has its region all the same
 */
ROTA_API int rota_region_init(struct rota_ring *ring, struct rota_region *region, size_t size,
                              unsigned flags);

/*
 * rota_region_exit - unmap the memory.
 *
 * The kernel keeps using its pages until the ring ends: call it after
 * rota_queue_exit(), or make no more waits that name elements. Calling it again,
 * or after a failed rota_region_init(), does nothing.
 */
ROTA_API void rota_region_exit(struct rota_ring *ring, struct rota_region *region);

/*
 * rota_register_wait_reg - register an array of the caller's for waits.
 *
 * The array `reg` of `nr` elements starts on a page; the pages that it lies
 * on are registered whole, and stay until the ring ends. Elements may be
 * changed between waits. liburing's, in 2.15, does nothing but fail.
 *
 * Returns 0, or:
 *
 * - EBUSY: the ring has a region already, of this or another kind
 * - EFAULT: the pages are not mapped for writing
 * - EINVAL: the ring is enabled, nr below 1, reg NULL or not at the start of a
 *   page; the kernel is older
 * - ENOMEM: no memory, or RLIMIT_MEMLOCK is too small
 */
ROTA_API int rota_register_wait_reg(struct rota_ring *ring, struct io_uring_reg_wait *reg, int nr);

/*
 * rota_reg_wait_set - fill an element.
 *
 * `ts` is the timeout, copied, or NULL for none; `min_wait_usec` how long to
 * wait for all completions before one is enough, or 0; `sigmask` a sigset_t
 * that stays as long as the element is used, or NULL.
 */
ROTA_INLINE void rota_reg_wait_set(struct io_uring_reg_wait *reg,
                                   const struct __kernel_timespec *ts, unsigned min_wait_usec,
                                   const void *sigmask)
{
    reg->ts.tv_sec = ts ? ts->tv_sec : 0;
    reg->ts.tv_nsec = ts ? ts->tv_nsec : 0;
    reg->min_wait_usec = min_wait_usec;
    reg->flags = ts ? (uint32_t)IORING_REG_WAIT_TS : 0;
    reg->sigmask = (uint64_t)(uintptr_t)sigmask;
    reg->sigmask_sz = sigmask ? ROTA_SIGSET_SIZE : 0;
    reg->pad[0] = reg->pad[1] = reg->pad[2] = 0;
    reg->pad2[0] = reg->pad2[1] = 0;
}

ROTA_END_DECLS

#endif /* ROTA_REGION_H */
