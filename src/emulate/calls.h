/* SPDX-License-Identifier: MIT */
/*
 * The system calls that requests stand for, with the arguments that the fields
 * of a request are, and -errno for an error. The table names them without the
 * prefix emulate_call_.
 */
#ifndef ROTA_EMULATE_CALLS_H
#define ROTA_EMULATE_CALLS_H

#ifndef _GNU_SOURCE
#error "libc hides these calls without _GNU_SOURCE"
#endif

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

/* For members of a message header, which have another type in each libc. */
#define EMULATE_SET(member, value) ((member) = (__typeof__(member))(value))

/* What libc returns as the kernel returned it. */
static inline int64_t emulate_result(int64_t result)
{
    return result < 0 ? -errno : result;
}

/* preadv2 and pwritev2 with errno, which not every libc has; -1: at the file's own position. */
static inline ssize_t emulate_preadv2(int fd, const struct iovec *iov, int count, uint64_t offset,
                                      int flags)
{
    /* The upper half is looked at where a long has 32 bits only. */
    return syscall(SYS_preadv2, fd, iov, (long)count, (long)offset, (long)(offset >> 32),
                   (long)flags);
}

static inline ssize_t emulate_pwritev2(int fd, const struct iovec *iov, int count, uint64_t offset,
                                       int flags)
{
    return syscall(SYS_pwritev2, fd, iov, (long)count, (long)offset, (long)(offset >> 32),
                   (long)flags);
}

/*
 * Messages with the program's own header, at whatever address. Not by libc, which may look at it before the kernel
 * has said that it is there. With errno.
 */
static inline ssize_t emulate_sendmsg(int fd, uint64_t header, int flags)
{
#ifdef SYS_sendmsg
    return syscall(SYS_sendmsg, fd, (uintptr_t)header, flags);
#else
    return sendmsg(fd, (const struct msghdr *)(uintptr_t)header, flags);
#endif
}

static inline ssize_t emulate_recvmsg(int fd, uint64_t header, int flags)
{
#ifdef SYS_recvmsg
    return syscall(SYS_recvmsg, fd, (uintptr_t)header, flags);
#else
    return recvmsg(fd, (struct msghdr *)(uintptr_t)header, flags);
#endif
}

static inline int64_t emulate_call_sync_file_range(int fd, uint64_t offset, uint32_t length,
                                                   int flags)
{
    return emulate_result(sync_file_range(fd, (off_t)offset, (off_t)length, (unsigned)flags));
}

static inline int64_t emulate_call_fallocate(int fd, int mode, uint64_t offset, uint64_t length)
{
    return emulate_result(fallocate(fd, mode, (off_t)offset, (off_t)length));
}

static inline int64_t emulate_call_ftruncate(int fd, int64_t length)
{
    return emulate_result(ftruncate(fd, (off_t)length));
}

/*
 * These without libc, in which they are points where a thread may be cancelled: it would end with
 * the ring's lock held. To look whether it was costs as much as some calls do.
 */
static inline int64_t emulate_sendto(int fd, const void *data, size_t size, int flags,
                                     const struct sockaddr *to, size_t to_size)
{
    return emulate_result(syscall(SYS_sendto, fd, data, size, (long)flags, to, to_size));
}

static inline int64_t emulate_recv(int fd, void *data, size_t size, int flags)
{
    return emulate_result(syscall(SYS_recvfrom, fd, data, size, (long)flags, NULL, NULL));
}

struct statx; /* not every libc has it */

static inline int64_t emulate_call_statx(int dfd, const char *path, int flags, unsigned mask,
                                         struct statx *out)
{
    return emulate_result(syscall(SYS_statx, dfd, path, flags, mask, out));
}

static inline int64_t emulate_call_epoll_ctl(int epoll, int op, int fd,
                                             const struct epoll_event *event)
{
    return emulate_result(epoll_ctl(epoll, op, fd, (struct epoll_event *)(uintptr_t)event));
}

static inline int64_t emulate_call_shutdown(int fd, int how)
{
    return emulate_result(shutdown(fd, how));
}

static inline int64_t emulate_call_bind(int fd, const struct sockaddr *address, unsigned length)
{
    return emulate_result(bind(fd, address, length));
}

static inline int64_t emulate_call_listen(int fd, int backlog)
{
    return emulate_result(listen(fd, backlog));
}

static inline int64_t emulate_call_renameat2(int olddfd, const char *oldpath, int newdfd,
                                             const char *newpath, unsigned flags)
{
    return emulate_result(syscall(SYS_renameat2, olddfd, oldpath, newdfd, newpath, flags));
}

static inline int64_t emulate_call_unlinkat(int dfd, const char *path, int flags)
{
    return emulate_result(unlinkat(dfd, path, flags));
}

static inline int64_t emulate_call_mkdirat(int dfd, const char *path, unsigned mode)
{
    return emulate_result(mkdirat(dfd, path, (mode_t)mode));
}

static inline int64_t emulate_call_symlinkat(const char *target, int dfd, const char *path)
{
    return emulate_result(symlinkat(target, dfd, path));
}

static inline int64_t emulate_call_linkat(int olddfd, const char *oldpath, int newdfd,
                                          const char *newpath, int flags)
{
    return emulate_result(linkat(olddfd, oldpath, newdfd, newpath, flags));
}

static inline int64_t emulate_call_fsetxattr(int fd, const char *name, const char *value,
                                             unsigned size, int flags)
{
    return emulate_result(fsetxattr(fd, name, value, size, flags));
}

static inline int64_t emulate_call_setxattr(const char *path, const char *name, const char *value,
                                            unsigned size, int flags)
{
    return emulate_result(setxattr(path, name, value, size, flags));
}

static inline int64_t emulate_call_fgetxattr(int fd, const char *name, char *value, unsigned size)
{
    return emulate_result(fgetxattr(fd, name, value, size));
}

static inline int64_t emulate_call_getxattr(const char *path, const char *name, char *value,
                                            unsigned size)
{
    return emulate_result(getxattr(path, name, value, size));
}

#endif /* ROTA_EMULATE_CALLS_H */
