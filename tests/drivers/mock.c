/* SPDX-License-Identifier: MIT */
/*
 * The kernel's mock files (CONFIG_IO_URING_MOCK_FILE), which no kernel of Debian
 * has: tests/vm/mock builds the module for a guest. All commands, what they
 * refuse, and what the table says of memory behind them.
 */
#include <fcntl.h>
#include <poll.h>
#include <rota.h>
#include <rota/call.h>
#include <sys/uio.h>

#include "tried.h"

#define SIZE 8192U

/* Submits the request; what it comes to. */
static int result(struct rota_ring *ring)
{
    struct io_uring_cqe *cqe;
    int ret;

    rota_submit(ring);
    ret = rota_wait_cqe(ring, &cqe);
    if (ret < 0)
        return ret;
    ret = cqe->res;
    rota_cqe_seen(ring, cqe);
    return ret;
}

/* A command of the manager, by its structure in plain memory. */
static int manage(struct rota_ring *ring, int fd, int number, void *memory, unsigned size)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    rota_prep_uring_cmd(sqe, number, fd);
    sqe->addr = (uintptr_t)memory;
    sqe->len = size;
    return result(ring);
}

/* A copy between parts of a registered buffer and plain memory. */
static int copy(struct rota_ring *ring, int fd, const struct iovec *parts, unsigned count,
                void *plain, unsigned flags)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    rota_prep_uring_cmd(sqe, IORING_MOCK_CMD_COPY_REGBUF, fd);
    sqe->addr = (uintptr_t)parts;
    sqe->len = count;
    sqe->addr3 = (uintptr_t)plain;
    sqe->file_index = flags;
    sqe->uring_cmd_flags = IORING_URING_CMD_FIXED; /* without it the kernel warns of itself */
    return result(ring);
}

static int probe_as_nobody(void *argument)
{
    struct io_uring_mock_probe probe;
    struct rota_ring ring;
    int ret = rota_init(&ring, 4, NULL);

    memset(&probe, 0, sizeof(probe));
    return ret < 0
               ? ret
               : manage(&ring, *(int *)argument, IORING_MOCK_MGR_CMD_PROBE, &probe, sizeof(probe));
}

static int create(struct rota_ring *ring, int manager, unsigned flags, uint64_t size,
                  uint64_t delay, int *fd)
{
    struct io_uring_mock_create wanted;
    int ret;

    memset(&wanted, 0, sizeof(wanted));
    wanted.flags = flags;
    wanted.file_size = size;
    wanted.rw_delay_ns = delay;
    ret = manage(ring, manager, IORING_MOCK_MGR_CMD_CREATE, &wanted, sizeof(wanted));
    *fd = (int)wanted.out_fd;
    return ret;
}

static void managers(struct rota_ring *ring, int manager)
{
    struct io_uring_mock_probe probe;
    int fd;

    memset(&probe, 0, sizeof(probe));
    is_int(manage(ring, manager, IORING_MOCK_MGR_CMD_PROBE, &probe, sizeof(probe)), 0,
           "the features are told");
    ok(probe.features > IORING_MOCK_FEAT_POLL, "and there are those that the table knows: %llu",
       (unsigned long long)probe.features);
    refuses(mock_manager, EPERM, as_nobody(probe_as_nobody, &manager));
    memset(&probe, 0, sizeof(probe));
    refuses(mock_manager, EINVAL,
            manage(ring, manager, IORING_MOCK_MGR_CMD_PROBE, &probe, sizeof(probe) - 8));
    probe.__resv[0] = 1;
    refuses(mock_manager, EINVAL,
            manage(ring, manager, IORING_MOCK_MGR_CMD_PROBE, &probe, sizeof(probe)));
    refuses(IORING_MOCK_MGR_CMD_CREATE, EINVAL, create(ring, manager, 1U << 31, SIZE, 0, &fd));
    refuses(IORING_MOCK_MGR_CMD_CREATE, EINVAL,
            create(ring, manager, 0, (UINT64_C(1) << 30) + 1, 0, &fd));
    refuses(IORING_MOCK_MGR_CMD_CREATE, EINVAL, create(ring, manager, 0, SIZE, 1000000001, &fd));
}

static void copies(struct rota_ring *ring, int fd)
{
    static char buffer[SIZE], plain[SIZE];
    const struct iovec whole = {buffer, SIZE};
    struct iovec parts[2] = {{buffer + 4096, 100}, {buffer, 50}};

    for (unsigned i = 0; i < SIZE; i++)
        buffer[i] = (char)(i * 7 + i / 256);
    is_int(rota_register_buffers(ring, &whole, 1), 0, "a registered buffer");
    is_int(copy(ring, fd, parts, 2, plain, IORING_MOCK_COPY_FROM), 150,
           "parts of it are copied out");
    ok(!memcmp(plain, buffer + 4096, 100) && !memcmp(plain + 100, buffer, 50), "in their order");
    memset(plain, 'x', SIZE);
    is_int(copy(ring, fd, parts, 2, plain, 0), 150, "and copied in");
    ok(!memcmp(plain, buffer + 4096, 100) && !memcmp(plain, buffer, 50), "what the memory had");
    refuses(IORING_MOCK_CMD_COPY_REGBUF, EINVAL, copy(ring, fd, parts, 2, plain, 2));
    refuses(IORING_MOCK_CMD_COPY_REGBUF, EFAULT, copy(ring, fd, parts, 2, NULL, 0));
    parts[0].iov_base = plain;
    refuses(IORING_MOCK_CMD_COPY_REGBUF, EFAULT, copy(ring, fd, parts, 2, plain, 0));
}

/* What the file is for: reads and writes of a kind that other files have seldom. */
static void files(struct rota_ring *ring, int manager)
{
    static char memory[SIZE];
    int fd;

    is_int(create(ring, manager, IORING_MOCK_CREATE_F_SUPPORT_NOWAIT, SIZE, 0, &fd), 0,
           "a file that never blocks");
    memset(memory, 'x', SIZE);
    is_int(rota_call_read(ring, fd, memory, 100, 0), 100, "it is read");
    ok(!memory[0] && !memory[99] && memory[100] == 'x', "as zeros");
    is_int(rota_call_read(ring, fd, memory, 100, SIZE - 99), -EINVAL, "not beyond its end");
    copies(ring, fd);
    close(fd);
    is_int(create(ring, manager, IORING_MOCK_CREATE_F_POLL, SIZE, 20000000, &fd), 0,
           "a file that is slow and can be polled");
    is_int(rota_call_write(ring, fd, memory, 100, 0), 100, "it is written");
    is_int(rota_call_poll_add(ring, fd, POLLIN), POLLIN, "and is ready");
    close(fd);
}

int main(void)
{
    int manager = open("/dev/io_uring_mock", O_RDWR | O_CLOEXEC);
    struct rota_ring ring;

    if (manager < 0)
        skip_all("/dev/io_uring_mock: %s (CONFIG_IO_URING_MOCK_FILE)", strerror(errno));
    if (rota_init(&ring, 8, NULL) < 0)
        bail("no ring");
    managers(&ring, manager);
    files(&ring, manager);
    rota_queue_exit(&ring);
    close(manager);
    return done();
}
