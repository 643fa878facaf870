/* SPDX-License-Identifier: MIT */
/*
 * The ring: set up (rota/setup.h), get an SQE and submit (rota/submit.h,
 * rota/batch.h), wait and reap (rota/reap.h), tear down; its descriptor, its
 * mapping and its size (rota/ring_fd.h).
 *
 *     struct rota_ring ring;
 *     int ret = rota_init(&ring, 64, NULL);
 *     if (ret < 0)
 *         return ret;
 *
 *     struct io_uring_sqe *sqe = rota_get_sqe(&ring);
 *     rota_prep_read(sqe, fd, buffer, sizeof(buffer), 0);
 *     rota_sqe_set_data(sqe, buffer);
 *     ret = rota_submit_and_wait(&ring, 1);
 *
 *     struct io_uring_cqe *cqe;
 *     while (!rota_peek_cqe(&ring, &cqe)) {
 *         use(rota_cqe_get_data(cqe), cqe->res);
 *         rota_cqe_seen(&ring, cqe);
 *     }
 *     rota_queue_exit(&ring);
 *
 * Rules that hold for all of it:
 *
 * - Functions return 0 or a count, or -errno; errno itself is never touched.
 *   -EINVAL for a bad argument means that nothing was changed.
 * - A function is inline when it touches shared memory only, and a call when
 *   it may enter the kernel.
 * - Nothing here allocates, locks, starts a thread or submits a request of
 *   its own. `user_data` is the caller's, all 64 bits of it.
 * - One thread may submit while another reaps, without a lock; two threads on
 *   the same side need a lock of their own. The submitting side is
 *   rota/submit.h and rota/batch.h up to rota_submit(), the reaping side
 *   rota/reap.h. Functions that do both (submit_and_wait and its variants, a
 *   rota_submit() with IOPOLL) belong to both sides. For two threads set the
 *   ring up with rota_config_shared(): a ring made for a single issuer
 *   (IORING_SETUP_SINGLE_ISSUER, the default of rota_init) belongs to the
 *   thread that made it; others get -EEXIST. Where its fd is registered (by
 *   default, too) they must not even try: the index that stands for it is
 *   none in another thread (-EINVAL, -EBADF), or that of another ring.
 * - struct rota_ring must not move in memory while calls on it run; between
 *   calls it may be copied elsewhere, and the old copy then forgotten.
 *
 * Names, argument orders and meanings are liburing's where it has the
 * function. A ring of rota_queue_init*() or rota_queue_mmap() keeps liburing's
 * rules where those of rota_init() are others:
 *
 * - A signal ends its waits: with -EINTR, or with 0 when a CQE is ready. Those
 *   of rota_init() go on, with the time that is left, until as many are ready
 *   as were wanted (ROTA_WAIT_INTERRUPTIBLE: as the others).
 * - A wait without a time goes on to the next signal when the first of several
 *   CQEs, or nothing but the submit in front of it, came before this one.
 * - rota_submit_and_wait_timeout() and its like return 0, not the number of
 *   SQEs taken, when a CQE was ready before.
 * - rota_register_ring_fd() says -EEXIST when called again, and
 *   rota_unregister_ring_fd() lets a ring go whose descriptor is closed.
 * - Registering files raises the process's soft RLIMIT_NOFILE.
 * - Waits with a minimum time or registered arguments say -EINVAL on a kernel
 *   that lacks them; others -EOPNOTSUPP, which is no other mistake's code.
 * - IORING_SETUP_NO_MMAP without memory brings its own; rota_init() refuses it.
 *
 * On every ring, what a program that was written for liburing may notice:
 *
 * - rota_get_sqe() clears the SQE, user_data included; prep functions write
 *   only what they need, so that an SQE is not filled twice without
 *   rota_sqe_clear().
 * - A peek that finds the queue empty enters the kernel when completions wait
 *   there, so that none is missed. For that, IORING_SETUP_TASKRUN_FLAG is added
 *   to DEFER_TASKRUN and COOP_TASKRUN: a peek with nothing to find stays a
 *   look at memory. No other flag is added (liburing adds NO_SQARRAY).
 * - Before 5.11 a wait with a time says -EOPNOTSUPP; liburing submits a timeout
 *   request, and whatever else is in the queue.
 * - rota_submit_and_wait_min_timeout() heeds the minimum also without a time,
 *   and a minimum of 0 is no minimum on every kernel.
 * - With SQPOLL, submits count what they made visible, each SQE once;
 *   liburing's count again what the thread has not taken yet.
 * - rota_wait_cqes_reg() works (6.13); liburing 2.15's only fails.
 * - A time that is nowhere (a wrong `ts`) is the program's fault, not -EFAULT.
 *
 * And what differs in a single function stands in its own comment, after
 * "Unlike liburing".
 */
#ifndef ROTA_RING_H
#define ROTA_RING_H

#include <rota/batch.h>
#include <rota/layout.h>
#include <rota/reap.h>
#include <rota/ring_fd.h>
#include <rota/setup.h>
#include <rota/submit.h>

ROTA_BEGIN_DECLS

/*
 * rota_ring_register - io_uring_register(2) on this ring, with any opcode.
 *
 * rota/register.h has a function for each of them. Belongs to both sides of
 * the ring. Returns what the opcode returns or -errno, -EBADF for a ring that is
 * torn down or was never made, -EEXIST from another thread than that of the
 * index when the ring has no descriptor; never sets errno.
 */
ROTA_API int rota_ring_register(struct rota_ring *ring, unsigned opcode, const void *arg,
                                unsigned nr_args);

ROTA_END_DECLS

#endif /* ROTA_RING_H */
