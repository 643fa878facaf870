/* SPDX-License-Identifier: MIT */
/* What the resource tests share: counts of what a process holds, and a kernel that fails when told. */
#ifndef ROTA_TESTS_RESOURCE_H
#define ROTA_TESTS_RESOURCE_H

#include "../ring/support.h"

#include <dirent.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* Descriptors and mapped bytes of this process, but for heap and stack. */
struct footprint {
    unsigned fds;
    size_t bytes;
};

__attribute__((unused)) static struct footprint footprint(void)
{
    struct footprint now = {0, 0};
    static char text[1 << 17];
    size_t length = 0;
    ssize_t got;
    DIR *dir;
    int fd;

    /* Newer C libraries map memory of their own when random numbers are first asked for. */
    if (getrandom(text, 1, 0) < 0)
        bail("getrandom: %s", strerror(errno));
    dir = opendir("/proc/self/fd");

    if (!dir)
        bail("/proc/self/fd: %s", strerror(errno));
    while (readdir(dir))
        now.fds++;
    closedir(dir);
    fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    while (fd >= 0 && (got = read(fd, text + length, sizeof(text) - 1 - length)) > 0)
        length += (size_t)got;
    if (fd < 0 || !length)
        bail("/proc/self/maps cannot be read");
    close(fd);
    text[length] = '\0';
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned long start, end;

        if (!strstr(line, "[heap]") && !strstr(line, "[stack]") &&
            sscanf(line, "%lx-%lx", &start, &end) == 2)
            now.bytes += end - start;
    }
    return now;
}

/* Under valgrind, which maps memory of its own and does not know all of io_uring. */
__attribute__((unused)) static bool in_valgrind(void)
{
    const char *preload = getenv("LD_PRELOAD");

    return preload && strstr(preload, "vgpreload");
}

/* Checks that the process holds what it held before. */
__attribute__((unused)) static void is_clean(struct footprint before, const char *what)
{
    struct footprint now = footprint();

    is_int(now.fds, before.fds, "no descriptor is left behind by %s", what);
    if (in_valgrind())
        skip(1, "valgrind maps memory, too");
    else
        is_int(now.bytes, before.bytes, "no mapping is left behind by %s", what);
}

/*
 * The real kernel, except that the how-many-eth call that can fail does, with
 * an error of the test's choice. Calls are counted over setup, register and map.
 */
static struct {
    int at;    /* 0: none fails */
    int error; /* negative */
    int count;
} fault;

static bool fault_strikes(void)
{
    return ++fault.count == fault.at;
}

static int fault_setup(uint32_t entries, struct io_uring_params *params)
{
    return fault_strikes() ? fault.error : rota_kernel_real.setup(entries, params);
}

static int fault_reg(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    return fault_strikes() ? fault.error : rota_kernel_real.reg(fd, opcode, arg, nr_args);
}

static int fault_map(size_t size, int fd, uint64_t offset, void **address)
{
    return fault_strikes() ? fault.error : rota_kernel_real.map(size, fd, offset, address);
}

static struct rota_kernel fault_kernel;

/* A ring on the failing kernel; nothing fails before fault.at is set. */
__attribute__((unused)) static void make_fault_ring(struct rota_ring *ring, unsigned entries,
                                                    uint32_t flags)
{
    struct rota_config config;
    int ret;

    fault_kernel = rota_kernel_real;
    fault_kernel.setup = fault_setup;
    fault_kernel.reg = fault_reg;
    fault_kernel.map = fault_map;
    fault.at = 0;
    rota_config_plain(&config);
    config.required_flags = flags;
    config.kernel = &fault_kernel;
    ret = rota_init(ring, entries, &config);
    if (ret < 0)
        bail("no ring on the failing kernel: %s", strerror(-ret));
}

/* From now on the `at`th call fails with `error`. */
__attribute__((unused)) static void arm_fault(int at, int error)
{
    fault.at = at;
    fault.error = error;
    fault.count = 0;
}

/* Whether the armed fault has struck; disarms it. */
__attribute__((unused)) static bool disarm_fault(void)
{
    bool struck = fault.count >= fault.at;

    fault.at = 0;
    return struck;
}

/* A ring with exactly these flags where the kernel has them. */
__attribute__((unused)) static bool try_ring(struct rota_ring *ring, unsigned entries,
                                             unsigned flags)
{
    int ret = rota_queue_init(entries, ring, flags);

    if (ret == -EINVAL)
        return false;
    if (ret < 0)
        bail("rota_queue_init(%u, 0x%x): %s", entries, flags, strerror(-ret));
    return true;
}

/* Submits one NOP with `user_data` and checks that it completes. */
__attribute__((unused)) static bool works(struct rota_ring *ring, uint64_t user_data)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);
    struct completion got;
    int ret;

    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, user_data);
    ret = rota_submit_and_wait(ring, 1);
    if (ret != 1) {
        diag("rota_submit_and_wait: %d", ret);
        return false;
    }
    got = next_cqe(ring);
    return got.user_data == user_data && got.res == 0;
}

/* Submits what was prepared as one request, and returns its completion. */
__attribute__((unused)) static struct completion run_one(struct rota_ring *ring)
{
    int ret = rota_submit(ring);

    if (ret != 1)
        bail("rota_submit: %d where 1 was expected", ret);
    return next_cqe(ring);
}

/* True when nothing is ready, after a visit to the kernel. */
__attribute__((unused)) static bool is_quiet(struct rota_ring *ring)
{
    struct io_uring_cqe *cqe;

    (void)rota_get_events(ring);
    return rota_peek_cqe(ring, &cqe) == -EAGAIN;
}

__attribute__((unused)) static void make_pair(int pair[2], int type)
{
    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
        bail("socketpair: %s", strerror(errno));
}

__attribute__((unused)) static void must_send(int fd, const void *data, size_t size)
{
    if (send(fd, data, size, 0) != (ssize_t)size)
        bail("send: %s", strerror(errno));
}

#endif /* ROTA_TESTS_RESOURCE_H */
