/* SPDX-License-Identifier: MIT */
/*
 * The emulated kernel: io_uring where io_uring is not to be had, a library of
 * its own, librota-emulate (pkg-config rota-emulate), because it needs libc and
 * threads.
 *
 *     struct rota_config config = {.kernel = &rota_kernel_emulated};
 *
 *     ret = rota_init(&ring, 64, &config);
 *
 * makes a ring that stands on ordinary system calls. All else, the ring, its
 * resources, handles, explanations and the program, is the same code; what a
 * request means, and the order in which requests end, is as on the kernel.
 *
 * Where it differs:
 * - Work goes on while a thread is in a call on the ring (and on the workers). A
 *   request that could not end when it was submitted ends in a later wait or
 *   peek, as on a ring with DEFER_TASKRUN; IORING_SQ_TASKRUN is shown
 *   meanwhile on every kind of ring, so that a peek knows. With a registered
 *   eventfd, or with SQPOLL, a thread of its own looks after the ring.
 * - A FUTEX_WAIT is in effect when the call that submitted it returns, as long as
 *   a worker is free. With more such waits than workers, one is woken when its
 *   word has changed before a worker comes to it; a FUTEX_WAKE that changes
 *   nothing meanwhile passes it by.
 * - What came and went before anybody looked is no event of a multishot poll.
 * - A request does not keep its file open: a descriptor that is not a
 *   registered one must stay open until the requests on it have ended. After many
 *   requests on one number that number is taken to be the same file; where it is
 *   another by then, a request on it may wait some hundredths of a second longer
 *   than it has to, which happens less often each time it was so.
 * - What may block runs on workers (rota_emulate_workers). One that blocks and
 *   is cancelled is interrupted with a signal, SIGRTMAX - 3 or the next below it
 *   that the program has no handler for, which is sent to workers only; its
 *   handler, which does nothing, is installed when the first worker starts, and is
 *   not to be replaced. No other signal reaches a thread of the library.
 * - poll(2) and epoll(7) find the ring's descriptor readable when completions
 *   wait or work can go on, and sometimes when it turns out that there is
 *   none. Watched with EPOLLET, peek until nothing is found.
 * - A copy of a ring's descriptor, by dup(2), does for calls, each of which looks
 *   into /proc; with the descriptor itself the ring ends. What mmap(2) would give
 *   is to be had from the table's map() only. Memory that is not there, or
 *   is not to be read or written, is -EFAULT as long as no other thread takes it
 *   away in the moment in which it was looked at.
 * - After fork() the child has no emulated rings: its calls on them say
 *   -EBADF, and rota_queue_exit() gives back what they held.
 * - What only a kernel can do is refused as by a kernel that lacks it, and
 *   the probe says so.
 */
#ifndef ROTA_EMULATE_H
#define ROTA_EMULATE_H

#include <rota/syscall.h>

ROTA_BEGIN_DECLS

/*
 * The table of the emulated kernel, for rota_config::kernel. Each call has the
 * contract of the call that it stands for (rota/syscall.h); setup returns
 * -ENOMEM for lack of memory, and -EMFILE or -ENFILE when the few descriptors
 * that a ring needs are not to be had. Any thread.
 */
ROTA_API extern const struct rota_kernel rota_kernel_emulated;

/*
 * rota_emulate_workers - how many workers a ring may have.
 *
 * `most`: threads for requests that may block, from 0 to 64; 4 if this was never
 * called. As many again may wait for others (futexes, children, pipes that are
 * spliced, sockets that block in accept or connect), so that these cannot keep
 * files from being read. All are made when they are first needed, and end with
 * their ring. A registered eventfd and SQPOLL need one thread more, which an
 * eventfd gets only where workers are allowed at all.
 * With 0 the submitting call does such work itself, and blocks. Rings made
 * afterwards take it; IORING_REGISTER_IOWQ_MAX_WORKERS changes it for one.
 *
 * Returns what it was before, or -EINVAL above 64. Any thread.
 */
ROTA_API int rota_emulate_workers(unsigned most);

ROTA_END_DECLS

#endif /* ROTA_EMULATE_H */
