/* SPDX-License-Identifier: MIT */
/* What the scenarios of the live trials share: a ring, a scratch file, a pattern. */
#include "live.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PAGE 4096U

void live_init(struct live *l)
{
    memset(l, 0, sizeof(*l));
    l->ring.ring_fd = -1;
    l->request = LIVE_USER_DATA;
    l->fd = l->fd2 = -1;
    l->fds[0] = l->fds[1] = -1;
    l->sock = l->peer = -1;
    l->pipe_r = l->pipe_w = -1;
}

int live_ring_open(struct live *l)
{
    int ret = rota_queue_init(8, &l->ring, l->setup_flags);

    if (ret == -EINVAL && l->setup_flags)
        l->skip = "this kernel lacks a set-up flag that the scenario needs";
    if (ret < 0)
        l->ring.ring_fd = -1;
    return ret;
}

void live_ring_close(struct live *l)
{
    if (l->ring.ring_fd < 0)
        return;
    rota_queue_exit(&l->ring);
    l->ring.ring_fd = -1;
}

unsigned char live_pattern(size_t offset)
{
    /* 251 is prime: no page of the pattern equals another. */
    return (unsigned char)(offset % 251 + 1);
}

static int make_names(struct live *l)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(l->dir, sizeof(l->dir), "%s/rota-XXXXXX", base ? base : "/tmp");

    /* A long TMPDIR must not make the trial fail. */
    if (n < 0 || (size_t)n >= sizeof(l->dir))
        strcpy(l->dir, "/tmp/rota-XXXXXX");
    if (!mkdtemp(l->dir)) {
        n = errno;
        l->dir[0] = '\0';
        return -n;
    }
    (void)snprintf(l->path, sizeof(l->path), "%s/file", l->dir);
    (void)snprintf(l->path2, sizeof(l->path2), "%s/absent", l->dir);
    return 0;
}

int live_file_open(struct live *l)
{
    int ret = make_names(l);

    if (ret < 0)
        return ret;
    if (!l->size)
        l->size = 2 * (size_t)PAGE;
    l->buf = aligned_alloc(PAGE, (l->size + PAGE - 1) / PAGE * PAGE);
    if (!l->buf)
        return -ENOMEM;
    l->fd = open(l->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (l->fd < 0)
        return -errno;
    for (size_t i = 0; i < l->size; i++)
        l->buf[i] = live_pattern(i);
    if (pwrite(l->fd, l->buf, l->size, 0) != (ssize_t)l->size)
        return -EIO;
    /* What a read is to fill must not hold the answer beforehand. */
    memset(l->buf, 0, l->size);
    return 0;
}

void live_file_close(struct live *l)
{
    if (l->fd >= 0)
        close(l->fd);
    l->fd = -1;
    free(l->buf);
    l->buf = NULL;
    if (!l->dir[0])
        return;
    (void)unlink(l->path);
    (void)unlink(l->path2);
    (void)rmdir(l->dir);
    l->dir[0] = '\0';
}

int live_exhaust(struct live *l)
{
    struct rlimit none;
    int lowest;

    if (getrlimit(RLIMIT_NOFILE, &l->nofile))
        return -errno;
    /* The lowest descriptor that is free; no other is below it. */
    lowest = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (lowest < 0)
        return -errno;
    close(lowest);
    none = l->nofile;
    none.rlim_cur = (rlim_t)lowest;
    if (setrlimit(RLIMIT_NOFILE, &none))
        return -errno;
    l->exhausted = true;
    return 0;
}

void live_relax(struct live *l)
{
    if (l->exhausted)
        (void)setrlimit(RLIMIT_NOFILE, &l->nofile);
    l->exhausted = false;
}

void live_fail(struct live *l, const char *what)
{
    if (!l->failed)
        l->failed = what;
}
