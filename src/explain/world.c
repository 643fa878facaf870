/* SPDX-License-Identifier: MIT */
/* What can be seen of descriptors, sockets and rings. Changes nothing. */
#include "explain/world.h"
#include "ring/core.h"

#include <asm/ioctls.h>
#include <linux/fcntl.h>

/* With 64-bit seconds, as struct __kernel_timespec has them, on all machines. */
#ifdef __NR_ppoll_time64
#define NR_PPOLL __NR_ppoll_time64
#else
#define NR_PPOLL __NR_ppoll
#endif

/*
 * Files of /proc
 */

int rota_lines_open(struct rota_lines *lines, const struct rota_process *process, const char *name,
                    int fd)
{
    char path[ROTA_PROC_PATH];

    rota_proc_path(path, process, name, fd);
    lines->start = 0;
    lines->end = 0;
    lines->fd =
        (int)rota_syscall6(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0, 0, 0);
    return lines->fd < 0 ? lines->fd : 0;
}

void rota_lines_close(struct rota_lines *lines)
{
    rota_syscall6(__NR_close, lines->fd, 0, 0, 0, 0, 0);
}

/* Fetches more; false at the end of the file. */
static bool fill(struct rota_lines *lines)
{
    long got;

    /* What is left of the last line moves to the front. */
    for (unsigned i = lines->start; i < lines->end; i++)
        lines->buf[i - lines->start] = lines->buf[i];
    lines->end -= lines->start;
    lines->start = 0;
    /* Of a line that is longer than the buffer the end is left out. */
    if (lines->end == sizeof(lines->buf) - 1)
        lines->end--;
    got = rota_syscall6(__NR_read, lines->fd, (long)(lines->buf + lines->end),
                        (long)(sizeof(lines->buf) - 1 - lines->end), 0, 0, 0);
    if (got <= 0)
        return false;
    lines->end += (unsigned)got;
    return true;
}

const char *rota_lines_next(struct rota_lines *lines)
{
    unsigned at = lines->start;

    for (;;) {
        for (; at < lines->end; at++) {
            if (lines->buf[at] == '\n') {
                const char *line = lines->buf + lines->start;

                lines->buf[at] = '\0';
                lines->start = at + 1;
                return line;
            }
        }
        at -= lines->start;
        if (!fill(lines))
            return NULL;
        if (at > lines->end)
            at = lines->end;
        /* After a cut the last letter was read anew. */
        if (at)
            at--;
    }
}

/*
 * Descriptors
 */

/* Reads a number, and leaves `*text` behind it. */
static uint64_t number(const char **text)
{
    uint64_t value = 0;
    const char *p = *text;

    if (p[0] == '0' && p[1] == 'x') {
        for (p += 2; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
            value = value << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    } else {
        for (; *p >= '0' && *p <= '9'; p++)
            value = value * 10 + (uint64_t)(*p - '0');
    }
    *text = p;
    return value;
}

void rota_view_fd(const struct rota_process *process, int fd, struct rota_file_view *view)
{
    view->fd = fd;
    view->slot = false;
    view->flags = rota_file_flags(process, fd);
    view->kind = rota_file_kind(process, fd);
    view->open = view->kind == ROTA_FILE_CLOSED    ? ROTA_NO
                 : view->kind == ROTA_FILE_UNKNOWN ? ROTA_UNKNOWN
                                                   : ROTA_YES;
}

/* Descriptors that are tried one by one, which takes none; behind that number /proc is read. */
#define NUMBERS_TRIED 65536u

unsigned rota_open_descriptors(const struct rota_process *process, uint64_t limit)
{
    char path[ROTA_PROC_PATH];
    unsigned char entries[1024];
    unsigned count = 0;
    long fd, got;

    if (!process && limit <= NUMBERS_TRIED) {
        for (unsigned number = 0; number < limit; number++)
            count += rota_file_flags(NULL, (int)number) >= 0;
        return count;
    }
    rota_proc_path(path, process, "fd", -1);
    fd = rota_syscall6(__NR_openat, AT_FDCWD, (long)path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0,
                       0);
    if (fd < 0)
        return 0;
    while ((got = rota_syscall6(__NR_getdents64, fd, (long)entries, sizeof(entries), 0, 0, 0)) >
           0) {
        /* struct linux_dirent64: inode, offset, length of the entry, kind, name */
        for (long at = 0; at < got;) {
            const char *name = (const char *)entries + at + 19;
            uint16_t length;

            __builtin_memcpy(&length, entries + at + 16, sizeof(length));
            if (*name >= '0' && *name <= '9')
                count += number(&name) < limit;
            at += length ? length : got;
        }
    }
    rota_syscall6(__NR_close, fd, 0, 0, 0, 0, 0);
    return count && !process ? count - 1 : count; /* without the one that looked */
}

/*
 * Sockets
 */

#define SOL_SOCKET_HERE 1

#if defined(__mips__) || defined(__alpha__) || defined(__hppa__) || defined(__sparc__)
#undef SOL_SOCKET_HERE
#define SOL_SOCKET_HERE 0xffff
#endif

/* A number that getsockopt(2) gives at the level of sockets, or -errno. */
static int option(int fd, int name)
{
#ifdef __NR_getsockopt
    int value = 0;
    unsigned size = sizeof(value);
    long ret =
        rota_syscall6(__NR_getsockopt, fd, SOL_SOCKET_HERE, name, (long)&value, (long)&size, 0);

    return ret < 0 ? (int)ret : value;
#else
    (void)fd;
    (void)name;
    return -ENOSYS;
#endif
}

#if SOL_SOCKET_HERE == 1
#define TYPE_OPTION    3
#define LISTENS_OPTION 30
#define FAMILY_OPTION  39
#else
#define TYPE_OPTION    0x1008
#define LISTENS_OPTION 0x1009
#define FAMILY_OPTION  0x1029
#endif

enum rota_answer rota_socket_listens(int fd)
{
    int listens = option(fd, LISTENS_OPTION);

    return listens < 0 ? ROTA_UNKNOWN : listens ? ROTA_YES : ROTA_NO;
}

int rota_socket_type(int fd)
{
    return option(fd, TYPE_OPTION);
}

int rota_socket_family(int fd)
{
    return option(fd, FAMILY_OPTION);
}

int rota_bytes_waiting(int fd)
{
    int bytes = 0;
    long ret = rota_syscall6(__NR_ioctl, fd, FIONREAD, (long)&bytes, 0, 0, 0);

    return ret < 0 ? (int)ret : bytes;
}

enum rota_answer rota_socket_connected(int fd)
{
#ifdef __NR_getpeername
    unsigned char address[128];
    unsigned size = sizeof(address);
    long ret = rota_syscall6(__NR_getpeername, fd, (long)address, (long)&size, 0, 0, 0);

    return !ret ? ROTA_YES : ret == -ENOTCONN ? ROTA_NO : ROTA_UNKNOWN;
#else
    (void)fd;
    return ROTA_UNKNOWN;
#endif
}

enum rota_answer rota_socket_bound(int fd)
{
#ifdef __NR_getsockname
    unsigned char address[128];
    unsigned size = sizeof(address);
    uint16_t family;

    rota_zero(address, sizeof(address));
    if (rota_syscall6(__NR_getsockname, fd, (long)address, (long)&size, 0, 0, 0))
        return ROTA_UNKNOWN;
    __builtin_memcpy(&family, address, sizeof(family));
    switch (family) {
    case 1: /* AF_UNIX: a name follows */
        return size > sizeof(family) ? ROTA_YES : ROTA_NO;
    case 2:
    case 10: /* AF_INET, AF_INET6: a port follows */
        return address[2] | address[3] ? ROTA_YES : ROTA_NO;
    default:
        return ROTA_UNKNOWN;
    }
#else
    (void)fd;
    return ROTA_UNKNOWN;
#endif
}

bool rota_pipe_is_broken(int fd)
{
    struct {
        int fd;
        short events, revents;
    } one = {fd, 0, 0};
    const struct __kernel_timespec at_once = {0, 0};

    return rota_syscall6(NR_PPOLL, (long)&one, 1, (long)&at_once, 0, 8, 0) == 1 &&
           (one.revents & 0x8 /* POLLERR */);
}

/* fcntl(2) with F_GET_SEALS, and the seal that forbids no more than further seals. */
#define GET_SEALS    1034
#define SEAL_OF_SEAL 1

bool rota_file_is_sealed(int fd)
{
    int seals = rota_file_control(fd, GET_SEALS);

    return seals > 0 && (seals & ~SEAL_OF_SEAL);
}

/*
 * Rings
 */

static const char *after(const char *line, const char *start)
{
    while (*start && *line == *start) {
        line++;
        start++;
    }
    return *start ? NULL : line;
}

/* What lies below /dev may be a device; a name that is too long is none that is known. */
static void view_device(const char *path, struct rota_ring_view *view)
{
    const char *name = after(path, "/dev/");
    unsigned length = 0;

    while (name && name[length])
        length++;
    if (!length || length >= sizeof(view->device))
        return;
    for (unsigned i = 0; i <= length; i++)
        view->device[i] = name[i];
}

/* "    3: /some/file" of the file table, "    0: 0x7f0000000000/4096" of the buffers. */
static void view_entry(const char *line, bool files, struct rota_ring_view *view)
{
    unsigned index;

    while (*line == ' ')
        line++;
    index = (unsigned)number(&line);
    if (*line++ != ':')
        return;
    while (*line == ' ')
        line++;
    if (rota_text_same(line, "<none>"))
        return;
    view->filled += files;
    if (index != view->number)
        return;
    if (files && view->part == ROTA_RING_SLOT) {
        view->there = true;
        view->kind = rota_file_kind_of(line);
        view_device(line, view);
    } else if (!files && view->part == ROTA_RING_BUFFER) {
        view->address = number(&line);
        if (*line++ != '/')
            return;
        view->size = number(&line);
        /* A hole has neither. */
        view->there = view->address || view->size;
    }
}

/* "    1", and below it what the personality may do. */
static void view_personality(const char *line, struct rota_ring_view *view)
{
    while (*line == ' ')
        line++;
    if (view->part == ROTA_RING_PERSONALITY && *line >= '0' && *line <= '9' &&
        number(&line) == view->number && !*line)
        view->there = true;
}

void rota_view_ring(const struct rota_process *process, int ring_fd, enum rota_ring_part part,
                    unsigned number_asked, struct rota_ring_view *view)
{
    enum {
        ELSEWHERE,
        FILES,
        BUFFERS,
        PERSONALITIES
    } list = ELSEWHERE;
    struct rota_lines lines;
    const char *line;

    rota_zero(view, sizeof(*view));
    view->part = part;
    view->number = number_asked;
    view->known = ROTA_UNKNOWN;
    view->kind = ROTA_FILE_UNKNOWN;
    view->polled = ROTA_UNKNOWN;
    if (ring_fd < 0 || rota_lines_open(&lines, process, "fdinfo/", ring_fd) < 0)
        return;
    while ((line = rota_lines_next(&lines))) {
        const char *rest;

        if (line[0] == ' ' && list == PERSONALITIES) {
            view_personality(line, view);
        } else if (line[0] == ' ') {
            if (list != ELSEWHERE)
                view_entry(line, list == FILES, view);
        } else if ((rest = after(line, "SqThread:\t"))) {
            view->polled = *rest == '-' ? ROTA_NO : ROTA_YES;
        } else if ((rest = after(line, "UserFiles:\t"))) {
            list = FILES;
            view->known = ROTA_YES;
            view->files = (unsigned)number(&rest);
        } else if ((rest = after(line, "UserBufs:\t"))) {
            list = BUFFERS;
            view->buffers = (unsigned)number(&rest);
        } else if (after(line, "Personalities:")) {
            list = PERSONALITIES;
        } else {
            list = ELSEWHERE;
        }
    }
    rota_lines_close(&lines);
}

void rota_view_own_ring(const struct rota_process *process, const struct rota_ring *ring,
                        enum rota_ring_part part, unsigned number_asked,
                        struct rota_ring_view *view)
{
    bool there = ring && (process || !rota_is_dead(ring));

    rota_view_ring(process, there ? ring->ring_fd : -1, part, number_asked, view);
    /* While the polling thread holds the ring, the kernel leaves the entries out. */
    if (ring && (ring->flags & IORING_SETUP_SQPOLL))
        view->known = ROTA_UNKNOWN;
}

enum rota_answer rota_group_exists(const struct rota_ring *ring, unsigned group)
{
    struct io_uring_buf_status status;
    int ret;

    if (!ring || rota_is_dead(ring) || ring->ring_fd < 0)
        return ROTA_UNKNOWN;
    rota_zero(&status, sizeof(status));
    status.buf_group = group;
    ret = rota_kernel_of(ring)->reg(ring->ring_fd, IORING_REGISTER_PBUF_STATUS, &status, 1);
    if (!ret || ret == -EINVAL)
        /* EINVAL: of buffers that are no ring, or a kernel without the call. */
        return !ret ? ROTA_YES : ROTA_UNKNOWN;
    return ret == -ENOENT ? ROTA_NO : ROTA_UNKNOWN;
}
