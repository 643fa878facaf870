/* SPDX-License-Identifier: MIT */
/* Looks at the calling process: its descriptors, memory, paths and limits. Changes nothing. */
#include "ring/core.h"
#include "explain/understand.h"

#include <linux/fcntl.h>
#include <linux/resource.h>
#include <linux/stat.h>

#define PATH_FLAGS AT_SYMLINK_NOFOLLOW

/* The kernel's struct iovec; <linux/uio.h> defines one that collides with libc's. */
struct span {
    void *base;
    size_t size;
};

enum rota_file_kind rota_file_kind(int fd)
{
    struct statx found;
    long ret = rota_syscall6(__NR_statx, fd, (long)"", AT_EMPTY_PATH, STATX_TYPE, (long)&found, 0);

    if (ret == -EBADF)
        return ROTA_FILE_CLOSED;
    if (ret < 0)
        return ROTA_FILE_UNKNOWN;
    switch (found.stx_mode & 0170000) {
    case 0100000:
        return ROTA_FILE_REGULAR;
    case 0040000:
        return ROTA_FILE_DIRECTORY;
    case 0140000:
        return ROTA_FILE_SOCKET;
    case 0010000:
        return ROTA_FILE_PIPE;
    case 0020000:
        return ROTA_FILE_CHARACTER;
    case 0060000:
        return ROTA_FILE_BLOCK;
    case 0120000:
        return ROTA_FILE_LINK;
    default:
        return ROTA_FILE_OTHER;
    }
}

const char *rota_file_kind_name(enum rota_file_kind kind)
{
    static const char *const names[] = {
        [ROTA_FILE_CLOSED] = "not open",
        [ROTA_FILE_REGULAR] = "a regular file",
        [ROTA_FILE_DIRECTORY] = "a directory",
        [ROTA_FILE_SOCKET] = "a socket",
        [ROTA_FILE_PIPE] = "a pipe",
        [ROTA_FILE_CHARACTER] = "a character device",
        [ROTA_FILE_BLOCK] = "a block device",
        [ROTA_FILE_LINK] = "a symbolic link",
        [ROTA_FILE_OTHER] = "no file (an event, epoll, ring or similar descriptor)",
        [ROTA_FILE_UNKNOWN] = "of unknown kind",
    };

    return names[kind];
}

int rota_file_flags(int fd)
{
#ifdef __NR_fcntl
    return (int)rota_syscall6(__NR_fcntl, fd, F_GETFL, 0, 0, 0, 0);
#else
    return (int)rota_syscall6(__NR_fcntl64, fd, F_GETFL, 0, 0, 0, 0);
#endif
}

int rota_thread_id(void)
{
    return (int)rota_syscall6(__NR_gettid, 0, 0, 0, 0, 0, 0);
}

long rota_peek_memory(uint64_t address, void *to, size_t size)
{
    struct span local, remote;
    long pid;

    if (address != (uintptr_t)address)
        return -EFAULT; /* more bits than an address has */
    local.base = to;
    local.size = size;
    remote.base = (void *)(uintptr_t)address;
    remote.size = size;
    pid = rota_syscall6(__NR_getpid, 0, 0, 0, 0, 0, 0);
    return rota_syscall6(__NR_process_vm_readv, pid, (long)&local, 1, (long)&remote, 1, 0);
}

int rota_path_exists(int dirfd, const char *path)
{
    struct statx found;

    return (int)rota_syscall6(__NR_statx, dirfd, (long)path, PATH_FLAGS, STATX_TYPE, (long)&found,
                              0);
}

uint64_t rota_limit(int resource)
{
    uint64_t limits[2]; /* struct rlimit64 */

    if (rota_syscall6(__NR_prlimit64, 0, resource, 0, (long)limits, 0, 0) < 0)
        return UINT64_MAX;
    return limits[0];
}

int rota_read_file(const char *path, char *buf, size_t size)
{
    long fd, ret;
    size_t length = 0;

    buf[0] = '\0';
    fd = rota_syscall6(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    if (fd < 0)
        return (int)fd;
    do {
        ret =
            rota_syscall6(__NR_read, fd, (long)(buf + length), (long)(size - 1 - length), 0, 0, 0);
        if (ret > 0)
            length += (size_t)ret;
    } while (ret > 0 && length + 1 < size);
    rota_syscall6(__NR_close, fd, 0, 0, 0, 0, 0);
    buf[length] = '\0';
    return ret < 0 ? (int)ret : (int)length;
}
