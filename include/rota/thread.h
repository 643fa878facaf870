/* SPDX-License-Identifier: MIT */
/*
 * A ring for each thread, made when it is first used: a library of its own,
 * librota-thread (pkg-config rota-thread), because it needs libc.
 *
 *     ret = rota_call_read(rota_thread_ring(), fd, buf, sizeof(buf), 0);
 *
 * is the system call on a ring, without a word about set-up and tear-down.
 */
#ifndef ROTA_THREAD_H
#define ROTA_THREAD_H

#include <rota/op.h>
#include <rota/ring.h>

ROTA_BEGIN_DECLS

/*
 * rota_thread_ring - the calling thread's ring.
 *
 * A ring of 64 SQEs of the single-owner kind (rota_config_single_owner), unless
 * rota_thread_ring_config() has said another one. It belongs to this thread: others must not use it, nor the pointer after the
 * thread has ended. At the end of the thread its handles are cancelled, their
 * callbacks told, results that nobody awaits dropped, and it is torn down;
 * memory that its requests use has to live until then, so a thread that ends
 * with handles of its own stack in flight calls rota_cancel_all() before.
 * Kernels before 5.19 cannot cancel everything at once: there a thread ends its
 * requests itself. What cannot be stopped (rota/op.h lists it) holds up the end
 * of the thread: one that has such requests calls rota_cancel_all_timeout(),
 * and if that is not enough rota_queue_exit() on this ring.
 *
 * After fork() the child has no ring: the first call there makes a new one,
 * and the requests in flight stay the parent's. A handle that was active at
 * the fork is so for ever in the child; rota_op_init() makes it usable.
 *
 * Never NULL. When no ring can be made, the one that is returned fails every
 * start, and every wait of rota/op.h, with the reason (those of rota_init, for
 * example -ENOSYS or -EPERM), and the next call tries again. The reason is
 * -EAGAIN or -ENOMEM when the thread's end could not be arranged for: no key of
 * pthread_key_create(3), or no memory, is left.
 *
 * From any thread. First kernel: that of rota_init().
 */
ROTA_API struct rota_ring *rota_thread_ring(void);

/*
 * rota_thread_ring_config - of which kind the rings of threads are, from now on.
 *
 * config   as for rota_init(), with memory NULL: two rings cannot share it. NULL:
 *          rota_config_single_owner() again. It is not copied: it must stay as it
 *          is as long as threads make rings, and so be static, or set once for all.
 *
 * For the whole process, and the way to let these rings stand on the emulated
 * kernel where io_uring is refused:
 *
 *     static struct rota_config config;
 *     rota_config_single_owner(&config);
 *     rota_config_fall_back(&config, &rota_kernel_emulated);
 *     rota_thread_ring_config(&config);
 *
 * Threads that have a ring keep it. It is for main() to call, before there are
 * others: a library has no business here.
 *
 * Returns 0; -EINVAL when config->memory is not NULL. What else is wrong with
 * it the rings say. From any thread.
 */
ROTA_API int rota_thread_ring_config(const struct rota_config *config);

/*
 * rota_thread_ring_exit - tear this thread's ring down now, as its end does.
 *
 * For threads that live on without one. Does nothing when there is none. Not
 * from a callback.
 */
ROTA_API void rota_thread_ring_exit(void);

ROTA_END_DECLS

#endif /* ROTA_THREAD_H */
