/* SPDX-License-Identifier: MIT */
/* What the ring tests share: rings, completions as values, temporary files. */
#ifndef ROTA_TESTS_RING_SUPPORT_H
#define ROTA_TESTS_RING_SUPPORT_H

#include <rota.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "../tap.h"

/* How many descriptors this process has open. */
__attribute__((unused)) static int count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    if (!dir)
        bail("opendir /proc/self/fd: %s", strerror(errno));
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* How many mappings of rings it has. */
__attribute__((unused)) static int count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    char line[512];
    int count = 0;

    if (!maps)
        bail("open /proc/self/maps: %s", strerror(errno));
    while (fgets(line, sizeof(line), maps))
        count += strstr(line, "io_uring") != NULL;
    fclose(maps);
    return count;
}

/* A ring with exactly `flags`, or the end of the program. */
__attribute__((unused)) static void make_ring(struct rota_ring *ring, unsigned entries,
                                              unsigned flags)
{
    int ret = rota_queue_init(entries, ring, flags);

    if (ret == -ENOSYS || ret == -EPERM)
        skip_all("this system gives no ring: %s", strerror(-ret));
    if (ret < 0)
        bail("rota_queue_init(%u, 0x%x): %s", entries, flags, strerror(-ret));
}

/* An SQE, where one must be free. */
__attribute__((unused)) static struct io_uring_sqe *must_get_sqe(struct rota_ring *ring)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    if (!sqe)
        bail("no free SQE where one must be");
    return sqe;
}

/* A CQE as a value. */
struct completion {
    uint64_t user_data;
    int res;
    unsigned flags;
};

__attribute__((unused)) static struct completion whole(const struct io_uring_cqe *cqe)
{
    struct completion copy = {cqe->user_data, cqe->res, cqe->flags};

    return copy;
}

/* Waits up to ten seconds for the next CQE, marks it seen and returns a copy. */
__attribute__((unused)) static struct completion next_cqe(struct rota_ring *ring)
{
    struct __kernel_timespec limit = {10, 0};
    struct completion copy;
    struct io_uring_cqe *cqe;
    int ret = rota_wait_cqe_timeout(ring, &cqe, &limit);

    if (ret < 0)
        bail("no completion: %s", strerror(-ret));
    copy = whole(cqe);
    rota_cqe_seen(ring, cqe);
    return copy;
}

/* Checks the three members of a CQE at once; `format` names the request. */
__attribute__((format(printf, 5, 6), unused)) static bool is_cqe(struct completion got,
                                                                 uint64_t user_data, int res,
                                                                 unsigned flags, const char *format,
                                                                 ...)
{
    bool same = got.user_data == user_data && got.res == res && got.flags == flags;
    char name[256];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    if (!ok(same, "%s completes with %d", name, res))
        diag("got: user_data %llu, res %d, flags 0x%x; expected: %llu, %d, 0x%x",
             (unsigned long long)got.user_data, got.res, got.flags, (unsigned long long)user_data,
             res, flags);
    return same;
}

/* Submits what was prepared, and checks that the kernel took `count` requests. */
__attribute__((unused)) static bool submits(struct rota_ring *ring, int count)
{
    return is_int(rota_submit(ring), count, "%d submitted", count);
}

/* A new empty file of this test's own, already unlinked. */
__attribute__((unused)) static int temporary_file(void)
{
    char path[] = "/tmp/rota-ring-XXXXXX";
    int fd = mkstemp(path);

    if (fd < 0)
        bail("mkstemp: %s", strerror(errno));
    unlink(path);
    return fd;
}

/* A new directory; stores its path, of at least 32 bytes, and returns a descriptor of it. */
__attribute__((unused)) static int temporary_directory(char *path)
{
    int fd;

    strcpy(path, "/tmp/rota-ring-XXXXXX");
    if (!mkdtemp(path))
        bail("mkdtemp: %s", strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        bail("open %s: %s", path, strerror(errno));
    return fd;
}

/* Milliseconds on the clock that waits run on. */
__attribute__((unused)) static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* True when the running kernel knows the opcode. */
__attribute__((unused)) static bool kernel_has(struct rota_ring *ring, unsigned opcode)
{
    size_t size = sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op);
    struct io_uring_probe *probe = calloc(1, size);
    bool has;

    if (!probe)
        bail("no memory");
    has = rota_ring_register(ring, IORING_REGISTER_PROBE, probe, 256) >= 0 &&
          opcode <= probe->last_op && (probe->ops[opcode].flags & IO_URING_OP_SUPPORTED);
    free(probe);
    return has;
}

#endif /* ROTA_TESTS_RING_SUPPORT_H */
