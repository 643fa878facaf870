/* SPDX-License-Identifier: MIT */
/* Requests that make descriptors, and the one that closes them. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <string.h>

#include "emulate/calls.h"
#include "emulate/hooks.h"
#include "emulate/resources.h"

/* What goes into a slot is no program's that is started meanwhile. */
static int close_on_exec(const struct io_uring_sqe *sqe, int flag)
{
    return sqe->file_index ? flag : 0;
}

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* Those that F_SETFL sets: what the file is to have of them stays, but for O_NONBLOCK. */
#define STATUS_FLAGS ((uint64_t)(O_APPEND | O_DIRECT | O_NOATIME))

/*
 * Opens what is found without waiting for a disk. As in the kernel a worker creates and empties
 * files, and nobody waits for the other end of a FIFO when the file is opened here. EMULATE_PUNT
 * where it has to be tried by a worker, who finds out what is wrong, too.
 */
static int64_t open_cached(const struct emulate_request *request, const char *path,
                           struct open_how how)
{
    bool nonblock = (how.flags & (O_NONBLOCK | O_PATH)) != 0;
    int64_t fd;

    if ((request->sqe.flags & IOSQE_ASYNC) ||
        (how.flags & (O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))))
        return EMULATE_PUNT;
    if (!nonblock)
        how.flags |= O_NONBLOCK;
    how.resolve |= RESOLVE_CACHED;
    fd = emulate_result(syscall(SYS_openat2, request->sqe.fd, path, &how, sizeof(how)));
    switch (fd) {
    case -EAGAIN: /* not in memory, or it changed */
    case -EINTR:
    case -EINVAL: /* an older kernel, or the caller's mistake */
    case -ENOSYS: /* a profile that does not know the call */
    case -EPERM:
        return EMULATE_PUNT;
    default:
        break;
    }
    /* Nobody but us knows the file yet. */
    if (fd >= 0 && !nonblock)
        (void)fcntl((int)fd, F_SETFL, (int)(how.flags & STATUS_FLAGS));
    return fd;
}

EMULATE_HOOK(openat)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int flags = (int)sqe->open_flags | O_LARGEFILE | close_on_exec(sqe, O_CLOEXEC);

    (void)ring;
    if (!request->blocking)
        return open_cached(request, (const char *)(uintptr_t)sqe->addr,
                           (struct open_how){.flags = (uint32_t)flags});
    return emulate_result(
        syscall(SYS_openat, sqe->fd, (const char *)(uintptr_t)sqe->addr, flags, sqe->len));
}

EMULATE_HOOK(openat2)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    const char *path = (const char *)(uintptr_t)sqe->addr;
    struct open_how how;
    int64_t fd;
    int ret;

    (void)ring;
    if (sqe->len < sizeof(how))
        return -EINVAL;
    ret = emulate_copy_in(&how, sqe->addr2, sizeof(how));
    if (ret)
        return ret;
    if (sqe->file_index && (how.flags & O_CLOEXEC))
        return -EINVAL;
    if (request->blocking)
        fd = emulate_result(syscall(SYS_openat2, sqe->fd, path, (const void *)(uintptr_t)sqe->addr2,
                                    (size_t)sqe->len));
    else if (sqe->len == sizeof(how))
        fd = open_cached(request, path, how);
    else
        return EMULATE_PUNT; /* larger than we know it */
    if (fd >= 0 && sqe->file_index)
        (void)fcntl((int)fd, F_SETFD, FD_CLOEXEC);
    return fd;
}

EMULATE_HOOK(socket)
{
    const struct io_uring_sqe *sqe = &request->sqe;

    (void)ring;
    return emulate_result(
        socket(sqe->fd, (int)sqe->off | close_on_exec(sqe, SOCK_CLOEXEC), (int)sqe->len));
}

/* The slots get the two ends one after the other. */
static int install_both(struct emulate_ring *ring, const int *ends, uint32_t index, int *slots)
{
    bool any = index == IORING_FILE_INDEX_ALLOC;
    int ret = emulate_file_install(ring, ends[0], index);

    if (ret < 0) {
        close(ends[1]);
        return ret;
    }
    slots[0] = any ? ret : (int)index - 1;
    ret = emulate_file_install(ring, ends[1], any ? index : index + 1);
    if (ret < 0) {
        (void)emulate_file_remove(ring, (uint32_t)slots[0]);
        return ret;
    }
    slots[1] = any ? ret : (int)index;
    return 0;
}

EMULATE_HOOK(pipe)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int ends[2], told[2], ret;

    if (pipe2(ends, (int)sqe->pipe_flags | close_on_exec(sqe, O_CLOEXEC)) < 0)
        return -errno;
    memcpy(told, ends, sizeof(told));
    if (sqe->file_index) {
        ret = install_both(ring, ends, sqe->file_index, told);
        if (ret)
            return ret;
    }
    ret = emulate_copy_out(sqe->addr, told, sizeof(told));
    if (ret && sqe->file_index) {
        (void)emulate_file_remove(ring, (uint32_t)told[0]);
        (void)emulate_file_remove(ring, (uint32_t)told[1]);
    } else if (ret) {
        close(ends[0]);
        close(ends[1]);
    }
    return ret;
}

EMULATE_HOOK(close)
{
    const struct io_uring_sqe *sqe = &request->sqe;

    if (sqe->file_index)
        return emulate_file_remove(ring, sqe->file_index - 1);
    if (sqe->fd < 0 || fcntl(sqe->fd, F_GETFD) < 0 || emulate_is_ring(sqe->fd))
        return -EBADF;
    emulate_file_forget(ring, sqe->fd);
    return emulate_result(close(sqe->fd));
}
