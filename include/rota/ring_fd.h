/* SPDX-License-Identifier: MIT */
/*
 * The ring as a whole: its descriptor, its mapping, its size, and whether it
 * signals an eventfd.
 *
 * All of these belong to both sides of the ring: no other call on it may run
 * at the same time. Beside the errors listed, calls that reach the kernel
 * return -EBADF for a ring that is torn down or was never made (the kernel is
 * not asked then), -EEXIST from a thread that does not own a single-issuer
 * ring, -EACCES when a restriction forbids the call, and -EINVAL where the
 * kernel is older than the call.
 */
#ifndef ROTA_RING_FD_H
#define ROTA_RING_FD_H

#include <rota/atomic.h>
#include <rota/layout.h>

#include <asm/errno.h>

ROTA_BEGIN_DECLS

/*
 * The descriptor
 */

/*
 * rota_register_ring_fd - register the ring with the calling thread.
 *
 * The kernel then finds the ring by a small index instead of looking the
 * descriptor up on each call. From here on, calls that enter the kernel must
 * come from this thread: the index means nothing, or another ring, elsewhere.
 * The descriptor stays open and usable, see rota_close_ring_fd(). The
 * single-owner profile of rota_init() has done this already.
 *
 * Returns 1, the number of rings registered; also when the thread has
 * registered this ring already, save one of rota_queue_init(). Otherwise:
 *
 * - EBUSY: all 16 slots of the thread are in use
 * - EEXIST: the ring is registered with another thread, which has to give the
 *   index up first; a ring of rota_queue_init() also with this one, as liburing's
 * - EINVAL: the kernel is older than 5.18
 * - ENOMEM: no memory
 * - EPROTO: the kernel answered with an index that is none
 */
ROTA_API int rota_register_ring_fd(struct rota_ring *ring);

/*
 * rota_unregister_ring_fd - give the index up and go on with the descriptor.
 *
 * To be called by the thread that registered it; afterwards any thread may
 * enter the kernel again that the kind of ring allows.
 *
 * Returns 1; -EINVAL when the ring has no index, or nothing but its index
 * (rota_close_ring_fd(), REGISTERED_FD_ONLY): rota_queue_exit() ends such a
 * ring. One of rota_queue_init() is let go then, as liburing's: 1 comes back,
 * its requests end as in rota_queue_exit(), which is the only call left to
 * make on it, and all else says -EBADF. -EEXIST from another thread, to which
 * the index means another ring.
 */
ROTA_API int rota_unregister_ring_fd(struct rota_ring *ring);

/*
 * rota_enable_rings - enable a ring that was made with IORING_SETUP_R_DISABLED (5.10).
 *
 * Restrictions that were registered hold from here on. A single-issuer ring
 * belongs to the thread that calls this.
 *
 * Returns 0, or -EBADFD when the ring is enabled.
 */
ROTA_API int rota_enable_rings(struct rota_ring *ring);

/*
 * rota_close_ring_fd - close the descriptor of a ring whose index is registered.
 *
 * ring->ring_fd is -1 afterwards. The ring works on in its thread, but cannot
 * be mapped again (so not resized), polled, handed to another process or
 * named as the target of a message by descriptor. It ends with
 * rota_queue_exit() or with the thread.
 *
 * Returns 1, or with nothing changed:
 *
 * - EINVAL: the ring is not registered
 * - EBADF: it is closed already, or the ring is torn down
 * - EOPNOTSUPP: the kernel lacks IORING_FEAT_REG_REG_RING (6.3)
 */
ROTA_API int rota_close_ring_fd(struct rota_ring *ring);

/* What the inline function below calls: `ring_size` is the caller's sizeof(*ring). */
ROTA_API int rota_queue_mmap_sized(int fd, const struct io_uring_params *params,
                                   struct rota_ring *ring, size_t ring_size);
ROTA_API int rota_queue_mmap_on_sized(int fd, const struct io_uring_params *params,
                                      struct rota_ring *ring, size_t ring_size,
                                      const struct rota_kernel *kernel);

/*
 * rota_queue_mmap - adopt a ring that exists: map its queues.
 *
 * `fd` is a descriptor of the ring, from rota_setup(), another process or
 * dup(2); `params` is what io_uring_setup(2) answered when it was made. The
 * indices go on where they stand, so that a ring that is in use can be taken
 * over by whoever its former user has left alone. It keeps liburing's rules,
 * as after rota_queue_init(). When it was made with DEFER_TASKRUN or
 * COOP_TASKRUN, but without TASKRUN_FLAG, each peek that finds the queue empty
 * is a system call: nothing else tells that a completion waits.
 *
 * Returns 0, and the ring owns `fd`: rota_queue_exit() closes it. On failure
 * `fd` is the caller's as before, and `ring` safe to pass to
 * rota_queue_exit():
 *
 * - EBADF: not open
 * - EINVAL: a pointer is NULL; params name NO_MMAP or REGISTERED_FD_ONLY, or
 *   (on some kernels) sizes larger than the ring's
 * - ENOMEM: no memory or address space
 * - ENOSYS: the ring's kernel is older than 5.4 (IORING_FEAT_SINGLE_MMAP)
 * - EOPNOTSUPP: no ring
 * - EPROTO: params and the ring do not agree
 */
ROTA_INLINE int rota_queue_mmap(int fd, const struct io_uring_params *params,
                                struct rota_ring *ring)
{
    return rota_queue_mmap_sized(fd, params, ring, sizeof(*ring));
}

/*
 * rota_queue_mmap_on - the same for a ring that kernel->setup() has made.
 *
 * `kernel` must live as long as the ring; NULL is the real one.
 */
ROTA_INLINE int rota_queue_mmap_on(int fd, const struct io_uring_params *params,
                                   struct rota_ring *ring, const struct rota_kernel *kernel)
{
    return rota_queue_mmap_on_sized(fd, params, ring, sizeof(*ring), kernel);
}

/*
 * rota_ring_dontfork - keep the queues out of children that fork(2) makes.
 *
 * Without it a child has the queues mapped, too, and can disturb its
 * parent's; with it, touching them is a fault. The descriptor is inherited
 * all the same (it is close-on-exec), so a child may still call
 * rota_queue_exit(), which then unmaps nothing there, and should not do anything
 * else with the ring.
 *
 * Returns 0, or with nothing changed:
 *
 * - EINVAL: the ring has no mapping, or its queues share a huge page of the
 *   caller's (rota_config::memory), of which no part can be kept back
 * - ENOMEM: no memory, or that of the caller is not there any more
 */
ROTA_API int rota_ring_dontfork(struct rota_ring *ring);

/*
 * The size
 */

/*
 * rota_resize_rings - change the size of both queues while the ring is in use (6.13).
 *
 * In `p`, sq_entries (and cq_entries with IORING_SETUP_CQSIZE; without, twice
 * as many) are the new sizes, and flags is IORING_SETUP_CQSIZE and
 * IORING_SETUP_CLAMP or 0. On success it holds the sizes and offsets obtained,
 * and in flags also those of the ring that it keeps. All this is ignored when
 * `p` comes in again: only the members above have to be set anew.
 *
 * Completions that are ready stay ready, SQEs that were taken stay to be
 * submitted, requests in flight go on. Pointers to SQEs and CQEs from before
 * the call are void: fill and flush what was taken first. For rings made with
 * IORING_SETUP_DEFER_TASKRUN.
 *
 * Returns 0. Otherwise, with ring and `p` as before:
 *
 * - EBADF: the ring has no descriptor to map it with (rota_close_ring_fd())
 * - EBUSY: a chain of handles is open, or a handle's callback runs (rota/op.h)
 * - EINVAL: `p` is NULL; not a DEFER_TASKRUN ring, its queues in the caller's
 *   memory, a size is 0 or too large, fewer completions than requests, another
 *   flag
 * - ENOMEM: no memory or address space
 * - EOVERFLOW: what is in a queue does not fit into its new size
 *
 * - ENOTRECOVERABLE: the kernel, which has no way back, has resized the
 *   queues, but they cannot be mapped. The ring is torn down. Address space
 *   and mappings are reserved before the kernel is asked, so this takes
 *   another thread that exhausts them at this very moment
 */
ROTA_API int rota_resize_rings(struct rota_ring *ring, struct io_uring_params *p);

/*
 * The eventfd
 */

/* True unless rota_cq_eventfd_toggle() has switched the signals to the eventfd off. */
ROTA_INLINE bool rota_cq_eventfd_enabled(const struct rota_ring *ring)
{
    /* Relaxed: our own word, which the kernel only reads. */
    return !ring->cq.kflags || !(rota_load_relaxed(ring->cq.kflags) & IORING_CQ_EVENTFD_DISABLED);
}

/*
 * rota_cq_eventfd_toggle - switch the signals to the registered eventfd off or on.
 *
 * A store into the ring, no system call; by the reaping side. A completion
 * that is posted at that moment may still signal, or may not: after switching
 * on, peek once before waiting on the eventfd. What the peek does not find is
 * signalled.
 *
 * Returns 0, or -EOPNOTSUPP before 5.8.
 */
ROTA_INLINE int rota_cq_eventfd_toggle(struct rota_ring *ring, bool enabled)
{
    uint32_t flags;

    if (enabled == rota_cq_eventfd_enabled(ring))
        return 0;
    if (!ring->cq.kflags)
        return -EOPNOTSUPP;
    flags = rota_load_relaxed(ring->cq.kflags);
    if (enabled)
        flags &= ~(uint32_t)IORING_CQ_EVENTFD_DISABLED;
    else
        flags |= IORING_CQ_EVENTFD_DISABLED;
    rota_store_relaxed(ring->cq.kflags, flags);
    /*
     * The kernel stores the tail of the queue, then looks at the flag. We store
     * the flag, and the peek that follows looks at the tail. Without a full
     * barrier on both sides each could miss what the other wrote: a completion
     * that is neither found nor signalled.
     */
    if (enabled)
        rota_full_fence();
    return 0;
}

ROTA_END_DECLS

#endif /* ROTA_RING_FD_H */
