/* SPDX-License-Identifier: MIT */
/* Requests for which the fields are not quite the arguments of a system call. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <limits.h>
#include <linux/sockios.h>
#include <sched.h>
#include <string.h>

#include "emulate/calls.h"
#include "emulate/futex.h"
#include "emulate/hooks.h"
#include "emulate/resources.h"

EMULATE_HOOK(fsync)
{
    bool data = request->sqe.fsync_flags & IORING_FSYNC_DATASYNC;

    (void)ring;
    return emulate_result(data ? fdatasync(request->fd) : fsync(request->fd));
}

EMULATE_HOOK(fadvise)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint64_t length = sqe->addr ? sqe->addr : sqe->len;

    (void)ring;
    return -posix_fadvise(request->fd, (off_t)sqe->off, (off_t)length, (int)sqe->fadvise_advice);
}

EMULATE_HOOK(madvise)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint64_t length = sqe->off ? sqe->off : sqe->len;

    (void)ring;
    return emulate_result(
        madvise((void *)(uintptr_t)sqe->addr, (size_t)length, (int)sqe->fadvise_advice));
}

/* The flag that says that fd_in is a slot is the ring's, which has looked it up. */
EMULATE_HOOK(splice)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    unsigned flags = sqe->splice_flags & ~(unsigned)SPLICE_F_FD_IN_FIXED;
    loff_t in = (loff_t)sqe->splice_off_in, out = (loff_t)sqe->off;
    ssize_t moved;

    (void)ring;
    if (!sqe->len)
        return 0;
    moved = splice(sqe->splice_fd_in, in == -1 ? NULL : &in, request->fd, out == -1 ? NULL : &out,
                   sqe->len, flags);
    return emulate_result(moved);
}

EMULATE_HOOK(tee)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    unsigned flags = sqe->splice_flags & ~(unsigned)SPLICE_F_FD_IN_FIXED;
    ssize_t moved;

    (void)ring;
    if (!sqe->len)
        return 0;
    moved = tee(sqe->splice_fd_in, request->fd, sqe->len, flags);
    return emulate_result(moved);
}

EMULATE_HOOK(epoll_wait)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int64_t found = emulate_result(
        epoll_wait(request->fd, (struct epoll_event *)(uintptr_t)sqe->addr, (int)sqe->len, 0));

    (void)ring;
    return found ? found : -EAGAIN;
}

EMULATE_HOOK(futex_wake)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint32_t flags = (uint32_t)sqe->fd;
    int operation = FUTEX_WAKE_BITSET | (flags & FUTEX2_PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
    int most = sqe->addr2 > INT_MAX ? INT_MAX : (int)sqe->addr2;

    (void)ring;
    /* The old call has all but NUMA; and 0 wakes nobody, which it does not know. */
    if (flags & ~(uint32_t)(FUTEX2_SIZE_U32 | FUTEX2_PRIVATE))
        return emulate_result(
            syscall(SYS_futex_wake, (uintptr_t)sqe->addr, sqe->addr3, most, flags));
    if (!most)
        return 0;
    return emulate_result(syscall(SYS_futex, (uintptr_t)sqe->addr, operation, most, NULL, NULL,
                                  (uint32_t)sqe->addr3));
}

/*
 * Commands: those of sockets.
 */

static int64_t get_option(int fd, const struct io_uring_sqe *sqe)
{
    socklen_t length = sqe->optlen;
    int64_t ret;

    if (sqe->level != SOL_SOCKET)
        return -EOPNOTSUPP;
    ret = emulate_result(getsockopt(fd, (int)sqe->level, (int)sqe->optname,
                                    (void *)(uintptr_t)sqe->optval, &length));
    return ret < 0 ? ret : (int64_t)length;
}

static int64_t get_name(int fd, const struct io_uring_sqe *sqe)
{
    struct sockaddr *address = (struct sockaddr *)(uintptr_t)sqe->addr;
    socklen_t *length = (socklen_t *)(uintptr_t)sqe->addr3;

    if (sqe->optlen > 1)
        return -EINVAL;
    return emulate_result(sqe->optlen ? getpeername(fd, address, length)
                                      : getsockname(fd, address, length));
}

static int64_t count_bytes(int fd, unsigned long command)
{
    int bytes = 0;
    /* Not by libc, which disagrees with others about the type of a command. */
    int64_t ret = emulate_result(syscall(SYS_ioctl, fd, command, &bytes));

    return ret < 0 ? ret : bytes;
}

EMULATE_HOOK(uring_cmd)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int fd = request->fd, type;
    socklen_t size = sizeof(type);

    (void)ring;
    if (fcntl(fd, F_GETFD) < 0)
        return -EBADF;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return -EOPNOTSUPP;
    switch (sqe->cmd_op) {
    case SOCKET_URING_OP_SIOCINQ:
        return count_bytes(fd, SIOCINQ);
    case SOCKET_URING_OP_SIOCOUTQ:
        return count_bytes(fd, SIOCOUTQ);
    case SOCKET_URING_OP_GETSOCKOPT:
        return get_option(fd, sqe);
    case SOCKET_URING_OP_SETSOCKOPT:
        return emulate_result(setsockopt(fd, (int)sqe->level, (int)sqe->optname,
                                         (const void *)(uintptr_t)sqe->optval, sqe->optlen));
    case SOCKET_URING_OP_GETSOCKNAME:
        return get_name(fd, sqe);
    default:
        return -EOPNOTSUPP;
    }
}
