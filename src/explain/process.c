/* SPDX-License-Identifier: MIT */
/* Looks at a process, the calling one or another: its descriptors, memory, paths and limits. Changes nothing. */
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

void rota_proc_path(char *path, const struct rota_process *process, const char *name, int fd)
{
    struct rota_text text;

    rota_text_start(&text, path, ROTA_PROC_PATH);
    rota_text_put(&text, "/proc/");
    if (process)
        rota_text_signed(&text, process->pid);
    else
        rota_text_put(&text, "self");
    rota_text_all(&text, "/", name, NULL);
    if (fd >= 0)
        rota_text_signed(&text, fd);
}

static bool starts_with(const char *text, const char *start)
{
    while (*start && *text == *start) {
        text++;
        start++;
    }
    return !*start;
}

enum rota_file_kind rota_file_kind_of(const char *text)
{
    static const struct {
        const char *start;
        enum rota_file_kind kind;
    } kinds[] = {
        {"socket:", ROTA_FILE_SOCKET},
        {"pipe:", ROTA_FILE_PIPE},
        {"anon_inode:[eventfd]", ROTA_FILE_EVENTFD},
        {"anon_inode:[timerfd]", ROTA_FILE_TIMERFD},
        {"anon_inode:[signalfd]", ROTA_FILE_SIGNALFD},
        {"anon_inode:inotify", ROTA_FILE_INOTIFY},
        {"anon_inode:[eventpoll]", ROTA_FILE_EPOLL},
        {"anon_inode:[io_uring]", ROTA_FILE_RING},
        {"anon_inode:[pidfd]", ROTA_FILE_PIDFD},
        {"pidfd:", ROTA_FILE_PIDFD},
        {"anon_inode:", ROTA_FILE_OTHER},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (starts_with(text, kinds[i].start))
            return kinds[i].kind;
    }
    return ROTA_FILE_UNKNOWN;
}

/* The name that /proc gives a descriptor: "pipe:[7]"; false when there is none. */
static bool proc_name(const struct rota_process *process, int fd, char *name, size_t size)
{
    char path[ROTA_PROC_PATH];
    long length;

    rota_proc_path(path, process, "fd/", fd);
    length = rota_syscall6(__NR_readlinkat, AT_FDCWD, (long)path, (long)name, (long)size - 1, 0, 0);
    if (length < 0)
        return false;
    name[length] = '\0';
    return true;
}

/* What has no type in the file system is told apart by the name that /proc gives it. */
static enum rota_file_kind nameless_kind(const struct rota_process *process, int fd)
{
    enum rota_file_kind kind;
    char name[64];

    if (!proc_name(process, fd, name, sizeof(name)))
        return ROTA_FILE_OTHER;
    kind = rota_file_kind_of(name);
    return kind == ROTA_FILE_UNKNOWN ? ROTA_FILE_OTHER : kind;
}

enum rota_answer rota_same_file(const struct rota_process *process, int fd, int other)
{
    char one[64], two[64];

    if (fd == other)
        return ROTA_YES;
    if (!proc_name(process, fd, one, sizeof(one)) || !proc_name(process, other, two, sizeof(two)))
        return ROTA_UNKNOWN;
    if (rota_file_kind_of(one) != rota_file_kind_of(two))
        return ROTA_NO;
    /* Of pipes the name is the identity; what else there is may be one file opened twice. */
    if (rota_file_kind_of(one) != ROTA_FILE_PIPE)
        return ROTA_UNKNOWN;
    return rota_text_same(one, two) ? ROTA_YES : ROTA_NO;
}

enum rota_file_kind rota_file_kind(const struct rota_process *process, int fd)
{
    enum rota_file_kind kind;
    struct statx found;
    char path[ROTA_PROC_PATH];
    long ret;

    if (!process) {
        ret = rota_syscall6(__NR_statx, fd, (long)"", AT_EMPTY_PATH, STATX_TYPE, (long)&found, 0);
    } else if (fd < 0) {
        return ROTA_FILE_CLOSED;
    } else {
        rota_proc_path(path, process, "fd/", fd);
        ret = rota_syscall6(__NR_statx, AT_FDCWD, (long)path, 0, STATX_TYPE, (long)&found, 0);
        /* Nothing of that name: either the descriptor is not open, or there is no such process. */
        if (ret == -ENOENT && rota_read_proc(process, "stat", -1, path, sizeof(path)) > 0)
            ret = -EBADF;
    }
    if (ret == -EBADF)
        return ROTA_FILE_CLOSED;
    if (ret < 0)
        return ROTA_FILE_UNKNOWN;
    switch (found.stx_mode & 0170000) {
    case 0100000:
        /* A pidfd calls itself a regular file. */
        kind = nameless_kind(process, fd);
        return kind == ROTA_FILE_PIDFD ? kind : ROTA_FILE_REGULAR;
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
        return nameless_kind(process, fd);
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
        [ROTA_FILE_EVENTFD] = "an eventfd",
        [ROTA_FILE_TIMERFD] = "a timerfd",
        [ROTA_FILE_SIGNALFD] = "a signalfd",
        [ROTA_FILE_INOTIFY] = "an inotify queue",
        [ROTA_FILE_EPOLL] = "an epoll set",
        [ROTA_FILE_RING] = "an io_uring",
        [ROTA_FILE_PIDFD] = "a pidfd",
        [ROTA_FILE_OTHER] = "no file (an event or similar descriptor)",
        [ROTA_FILE_UNKNOWN] = "of unknown kind",
    };

    return names[kind];
}

/* The octal number behind "flags:" of /proc/PID/fdinfo/FD, which begins "pos: ... flags: ...". */
static int flags_in(const char *info)
{
    static const char key[] = "flags:";
    int flags = 0;

    for (; *info; info++) {
        const char *at = info;
        const char *k = key;

        while (*k && *at == *k) {
            at++;
            k++;
        }
        if (*k)
            continue;
        while (*at == ' ' || *at == '\t')
            at++;
        for (; *at >= '0' && *at <= '7'; at++)
            flags = flags << 3 | (*at - '0');
        return flags;
    }
    return -EINVAL;
}

int rota_file_control(int fd, int command)
{
#ifdef __NR_fcntl
    return (int)rota_syscall6(__NR_fcntl, fd, command, 0, 0, 0, 0);
#else
    return (int)rota_syscall6(__NR_fcntl64, fd, command, 0, 0, 0, 0);
#endif
}

int rota_file_flags(const struct rota_process *process, int fd)
{
    char info[256];
    int ret;

    if (process) {
        ret = fd < 0 ? -EBADF : rota_read_proc(process, "fdinfo/", fd, info, sizeof(info));
        return ret < 0 ? ret : flags_in(info);
    }
    return rota_file_control(fd, F_GETFL);
}

int rota_thread_id(const struct rota_process *process)
{
    if (process)
        return process->tid;
    return (int)rota_syscall6(__NR_gettid, 0, 0, 0, 0, 0, 0);
}

long rota_peek_memory(const struct rota_process *process, uint64_t address, void *to, size_t size)
{
    struct span local, remote;
    long pid;

    if (address != (uintptr_t)address)
        return -EFAULT; /* more bits than an address has */
    local.base = to;
    local.size = size;
    remote.base = (void *)(uintptr_t)address;
    remote.size = size;
    pid = process ? process->pid : rota_syscall6(__NR_getpid, 0, 0, 0, 0, 0, 0);
    return rota_syscall6(__NR_process_vm_readv, pid, (long)&local, 1, (long)&remote, 1, 0);
}

bool rota_peek_vector(const struct rota_process *process, uint64_t address, uint64_t index,
                      uint64_t *base, uint64_t *size)
{
    if (process && (process->flags & ROTA_PROCESS_32BIT)) {
        uint32_t vector[2];

        if (rota_peek_memory(process, address + index * sizeof(vector), vector, sizeof(vector)) !=
            (long)sizeof(vector))
            return false;
        *base = vector[0];
        *size = vector[1];
    } else {
        size_t vector[2];

        if (rota_peek_memory(process, address + index * sizeof(vector), vector, sizeof(vector)) !=
            (long)sizeof(vector))
            return false;
        *base = vector[0];
        *size = vector[1];
    }
    return true;
}

/* The same of a program of 32 bits. */
struct message32 {
    uint32_t name;
    int32_t name_size;
    uint32_t vectors;
    uint32_t vector_count;
    uint32_t control;
    uint32_t control_size;
    uint32_t flags;
};

bool rota_peek_message(const struct rota_process *process, uint64_t address,
                       struct rota_message *message)
{
    struct message32 small;

    if (!process || !(process->flags & ROTA_PROCESS_32BIT))
        return rota_peek_memory(process, address, message, sizeof(*message)) ==
               (long)sizeof(*message);
    if (rota_peek_memory(process, address, &small, sizeof(small)) != (long)sizeof(small))
        return false;
    message->name = small.name;
    message->name_size = small.name_size;
    message->vectors = small.vectors;
    message->vector_count = small.vector_count;
    message->control = small.control;
    message->control_size = small.control_size;
    message->flags = small.flags;
    return true;
}

unsigned rota_address_size(uint16_t family)
{
    switch (family) {
    case 1: /* AF_UNIX: the family and some name */
        return 3;
    case 2: /* AF_INET */
        return 16;
    case 10: /* AF_INET6: all but the scope */
        return 24;
    default:
        return sizeof(family);
    }
}

long rota_open_start(const struct rota_process *process, int dirfd, bool absolute)
{
    char start[ROTA_PROC_PATH];

    if (absolute)
        rota_proc_path(start, process, "root", -1);
    else if (dirfd == AT_FDCWD)
        rota_proc_path(start, process, "cwd", -1);
    else if (dirfd < 0)
        return -EBADF;
    else
        rota_proc_path(start, process, "fd/", dirfd);
    return rota_syscall6(__NR_openat, AT_FDCWD, (long)start, O_PATH | O_CLOEXEC, 0, 0, 0);
}

int rota_path_exists(const struct rota_process *process, int dirfd, const char *path)
{
    struct statx found;
    long start, ret;

    if (process) {
        start = rota_open_start(process, dirfd, *path == '/');
        if (start < 0)
            return (int)start;
        while (*path == '/' && path[1])
            path++;
        if (*path == '/')
            path = ".";
        ret = rota_syscall6(__NR_statx, start, (long)path, PATH_FLAGS, STATX_TYPE, (long)&found, 0);
        rota_syscall6(__NR_close, start, 0, 0, 0, 0, 0);
        return (int)ret;
    }
    return (int)rota_syscall6(__NR_statx, dirfd, (long)path, PATH_FLAGS, STATX_TYPE, (long)&found,
                              0);
}

uint64_t rota_limit(const struct rota_process *process, int resource)
{
    uint64_t limits[2]; /* struct rlimit64 */

    if (rota_syscall6(__NR_prlimit64, process ? process->pid : 0, resource, 0, (long)limits, 0, 0) <
        0)
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

int rota_read_proc(const struct rota_process *process, const char *name, int fd, char *buf,
                   size_t size)
{
    char path[ROTA_PROC_PATH];

    rota_proc_path(path, process, name, fd);
    return rota_read_file(path, buf, size);
}

bool rota_file_alignment(const struct rota_process *process, int fd, unsigned *memory,
                         unsigned *offset)
{
    /* struct statx as kernels since 6.1 fill it, which older headers do not know */
    uint32_t found[64];
    char path[ROTA_PROC_PATH];
    long ret;

    rota_zero(found, sizeof(found));
    if (process) {
        rota_proc_path(path, process, "fd/", fd);
        ret = rota_syscall6(__NR_statx, AT_FDCWD, (long)path, 0, 0x2000 /* STATX_DIOALIGN */,
                            (long)found, 0);
    } else {
        ret = rota_syscall6(__NR_statx, fd, (long)"", AT_EMPTY_PATH, 0x2000, (long)found, 0);
    }
    if (ret || !(found[0] & 0x2000) || !found[38] || !found[39])
        return false;
    *memory = found[38];
    *offset = found[39];
    return true;
}
