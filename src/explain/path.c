/* SPDX-License-Identifier: MIT */
/* Follows a path part by part, to find the first that is not there. */
#include "explain/world.h"
#include "ring/core.h"

#include <linux/fcntl.h>
#include <linux/stat.h>

#ifndef AT_EACCESS
#define AT_EACCESS 0x200
#endif

/* One look from a directory that is opened for all of them. */
struct start {
    const struct rota_process *process;
    int dirfd;
    long opened; /* of another process; negative: none */
};

static long look(const struct start *start, const char *path, int flags, unsigned *mode)
{
    struct statx found;
    long dirfd = start->dirfd, ret;

    if (start->process) {
        dirfd = start->opened;
        while (*path == '/' && path[1])
            path++;
        if (*path == '/')
            path = ".";
    }
    ret = rota_syscall6(__NR_statx, dirfd, (long)path, flags, STATX_TYPE, (long)&found, 0);
    *mode = ret ? 0 : found.stx_mode & 0170000u;
    return ret;
}

static long begin(struct start *start, const struct rota_process *process, int dirfd, bool absolute)
{
    start->process = process;
    start->dirfd = dirfd;
    start->opened = process ? rota_open_start(process, dirfd, absolute) : -1;
    return process && start->opened < 0 ? start->opened : 0;
}

static void end(const struct start *start)
{
    if (start->opened >= 0)
        rota_syscall6(__NR_close, start->opened, 0, 0, 0, 0, 0);
}

/* Looks at the first part of the path that is not as it should be. */
static void walk(const struct start *start, struct rota_path_view *view)
{
    unsigned length = view->length, before = 0, mode;

    /* Slashes at the end ask for a directory and belong to the last part. */
    while (length > 1 && view->text[length - 1] == '/')
        length--;
    for (unsigned i = 1; i < length; i++) {
        if (view->text[i] != '/')
            continue;
        view->text[i] = '\0';
        view->error = (int)look(start, view->text, 0, &mode);
        view->text[i] = '/';
        if (!view->error && mode != 0040000)
            view->error = -ENOTDIR;
        if (view->error) {
            /* What may not be looked up is the fault of the directory that it lies in. */
            view->reach = view->error == -EACCES ? before : i;
            return;
        }
        before = i;
    }
    view->error = (int)look(start, view->text, AT_SYMLINK_NOFOLLOW, &mode);
    view->last = view->error != -EACCES;
    view->reach = view->last ? view->length : before;
    view->directory = mode == 0040000;
    view->link = mode == 0120000;
    view->type = mode;
    if (view->link) {
        view->beyond = (int)look(start, view->text, 0, &mode);
        view->type = mode;
    }
}

bool rota_view_path(const struct rota_process *process, int dirfd, uint64_t address,
                    struct rota_path_view *view)
{
    struct start start;
    long got = rota_peek_memory(process, address, view->text, sizeof(view->text));
    unsigned length = 0;
    long ret;

    /* The text may end short of an address where no memory is. */
    for (size_t size = sizeof(view->text); got < 0 && size > 1; size /= 2)
        got = rota_peek_memory(process, address, view->text, size / 2);
    while ((long)length < got && view->text[length])
        length++;
    view->error = 0;
    view->reach = 0;
    view->last = false;
    view->beyond = 0;
    view->directory = false;
    view->link = false;
    view->type = 0;
    view->length = length;
    if (got <= 0 || (long)length == got)
        return false;
    if (!length) {
        view->error = -ENOENT;
        view->last = true;
        return true;
    }
    ret = begin(&start, process, dirfd, view->text[0] == '/');
    if (ret < 0) {
        view->error = (int)ret;
        return true;
    }
    walk(&start, view);
    end(&start);
    return true;
}

enum rota_answer rota_path_populated(const struct rota_process *process, int dirfd,
                                     const char *path)
{
    unsigned char entries[512];
    enum rota_answer answer = ROTA_NO;
    struct start start;
    long fd, got;

    if (begin(&start, process, dirfd, path[0] == '/') < 0)
        return ROTA_UNKNOWN;
    if (process) {
        while (*path == '/' && path[1])
            path++;
        if (*path == '/')
            path = ".";
    }
    fd = rota_syscall6(__NR_openat, process ? start.opened : dirfd, (long)path,
                       O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0, 0, 0);
    end(&start);
    if (fd < 0)
        return fd == -ENOTDIR || fd == -ENOENT ? ROTA_NO : ROTA_UNKNOWN;
    while ((got = rota_syscall6(__NR_getdents64, fd, (long)entries, sizeof(entries), 0, 0, 0)) >
           0) {
        for (long at = 0; at < got;) {
            const char *name = (const char *)entries + at + 19;
            uint16_t length;

            __builtin_memcpy(&length, entries + at + 16, sizeof(length));
            if (!rota_text_same(name, ".") && !rota_text_same(name, ".."))
                answer = ROTA_YES;
            at += length ? length : got;
        }
    }
    rota_syscall6(__NR_close, fd, 0, 0, 0, 0, 0);
    return got < 0 ? ROTA_UNKNOWN : answer;
}

enum rota_answer rota_path_allows(const struct rota_process *process, int dirfd, const char *path,
                                  int what)
{
#ifdef __NR_faccessat2
    long ret;

    /* The rights asked for are those of who asks. */
    if (process)
        return ROTA_UNKNOWN;
    ret = rota_syscall6(__NR_faccessat2, dirfd, (long)path, what, AT_EACCESS, 0, 0);
    return !ret ? ROTA_YES : ret == -EACCES ? ROTA_NO : ROTA_UNKNOWN;
#else
    (void)process;
    (void)dirfd;
    (void)path;
    (void)what;
    return ROTA_UNKNOWN;
#endif
}

enum rota_answer rota_path_changeable(const struct rota_process *process, int dirfd,
                                      struct rota_path_view *view)
{
    unsigned end = view->length;
    enum rota_answer answer;
    char kept;

    while (end > 1 && view->text[end - 1] == '/')
        end--;
    while (end && view->text[end - 1] != '/')
        end--;
    if (!end)
        return rota_path_allows(process, dirfd, ".", ROTA_MAY_WRITE);
    kept = view->text[end];
    view->text[end] = '\0';
    answer = rota_path_allows(process, dirfd, view->text, ROTA_MAY_WRITE);
    view->text[end] = kept;
    return answer;
}
