/* SPDX-License-Identifier: MIT */
/* Scenarios of reads, writes and what else is done with files, pipes and buffer groups. */
#include "live.h"

#include <linux/magic.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define HALF   4096U
#define SIZE   (2 * HALF)
#define GROUP  5
#define SLOTS  4
#define MAPPED 131072U

/* ---- helpers ---- */

/* Sends what was prepared and gives the result of the one completion. */
static int finish(struct live *l)
{
    struct io_uring_cqe *cqe = NULL;
    int ret = rota_submit_and_wait(&l->ring, 1);

    if (ret >= 0)
        ret = rota_peek_cqe(&l->ring, &cqe);
    if (ret < 0)
        return ret;
    ret = cqe->res;
    rota_cqe_seen(&l->ring, cqe);
    return ret;
}

static int provide(struct live *l, int size, int nr)
{
    int ret;

    l->bgid = GROUP;
    rota_prep_provide_buffers(rota_get_sqe(&l->ring), l->buf, size, nr, GROUP, 0);
    ret = finish(l);
    return ret < 0 ? ret : 0;
}

static int take_back(struct live *l, int nr)
{
    rota_prep_remove_buffers(rota_get_sqe(&l->ring), nr, GROUP);
    return finish(l);
}

/* Reads through a slot of the file table. */
static int read_slot(struct live *l, unsigned slot, void *buf, unsigned size)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);

    rota_prep_read(sqe, (int)slot, buf, size, 0);
    sqe->flags = IOSQE_FIXED_FILE;
    return finish(l);
}

static int write_slot(struct live *l, unsigned slot, const void *buf, unsigned size)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);

    rota_prep_write(sqe, (int)slot, buf, size, 0);
    sqe->flags = IOSQE_FIXED_FILE;
    return finish(l);
}

static int has_pattern(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i] != live_pattern(i))
            return 0;
    return 1;
}

static int is_zero(const unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (bytes[i])
            return 0;
    return 1;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Whatever a scenario of this file has made. */
static void close_all(struct live *l)
{
    live_relax(l);
    live_ring_close(l);
    live_file_close(l);
    close_fd(&l->fd2);
    close_fd(&l->pipe_r);
    close_fd(&l->pipe_w);
    free(l->buf2);
    l->buf2 = NULL;
}

static int open_pipe(int *read_end, int *write_end)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    *read_end = ends[0];
    *write_end = ends[1];
    return 0;
}

/* What is there to be read now; a check must not hang when the request did nothing. */
static ssize_t read_now(int fd, void *buf, size_t size)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    return poll(&ready, 1, 0) == 1 ? read(fd, buf, size) : -1;
}

static int new_buffer(struct live *l)
{
    l->size = SIZE;
    l->buf = aligned_alloc(HALF, SIZE);
    if (!l->buf)
        return -ENOMEM;
    memset(l->buf, 0, SIZE);
    return 0;
}

static void fill_pattern(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = live_pattern(i);
}

static void set_vectors(struct live *l)
{
    l->iov[0].iov_base = l->buf;
    l->iov[0].iov_len = HALF;
    l->iov[1].iov_base = l->buf + HALF;
    l->iov[1].iov_len = HALF;
}

static int register_buffer(struct live *l)
{
    struct iovec whole;

    whole.iov_base = l->buf;
    whole.iov_len = l->size;
    return rota_register_buffers(&l->ring, &whole, 1);
}

static int empty_table(struct live *l)
{
    int none[SLOTS];

    for (unsigned i = 0; i < SLOTS; i++)
        none[i] = -1;
    return rota_register_files(&l->ring, none, SLOTS);
}

/* ---- rings ---- */

static int open_cqe32(struct live *l)
{
    l->setup_flags = IORING_SETUP_CQE32;
    return live_ring_open(l);
}

static int open_sqe128(struct live *l)
{
    l->setup_flags = IORING_SETUP_SQE128;
    return live_ring_open(l);
}

static int open_big(struct live *l)
{
    l->setup_flags = IORING_SETUP_SQE128 | IORING_SETUP_CQE32;
    return live_ring_open(l);
}

/* The runner keeps no extra words; the completion of a NOP is there at once. */
static void look_at_words(struct live *l)
{
    struct io_uring_cqe *cqe = NULL;

    if (rota_peek_cqe(&l->ring, &cqe) < 0 ||
        (cqe->res == 0 && (cqe->big_cqe[0] != 17 || cqe->big_cqe[1] != 18)))
        live_fail(l, "the extra words have not arrived");
}

const struct live_scenario live_ring_only = {
    .name = "ring_only",
    .open = live_ring_open,
    .close = live_ring_close,
};
const struct live_scenario live_ring_cqe32 = {
    .name = "ring_cqe32",
    .open = open_cqe32,
    .act = look_at_words,
    .close = live_ring_close,
};
const struct live_scenario live_ring_sqe128 = {
    .name = "ring_sqe128",
    .open = open_sqe128,
    .close = live_ring_close,
};
const struct live_scenario live_ring_big = {
    .name = "ring_big",
    .open = open_big,
    .act = look_at_words,
    .close = live_ring_close,
};

/* ---- files ---- */

static int open_file(struct live *l)
{
    int ret = live_ring_open(l);

    if (ret < 0)
        return ret;
    ret = live_file_open(l);
    if (ret < 0)
        return ret;
    l->fd2 = open(l->path, O_RDONLY | O_CLOEXEC);
    if (l->fd2 < 0)
        return -errno;
    set_vectors(l);
    l->attr[0].addr = (uint64_t)(uintptr_t)(l->buf + HALF);
    l->attr[0].len = 8;
    return 0;
}

static int open_file_buffer(struct live *l)
{
    int ret = open_file(l);

    return ret < 0 ? ret : register_buffer(l);
}

static int open_file_big(struct live *l)
{
    l->setup_flags = IORING_SETUP_SQE128;
    return open_file_buffer(l);
}

static int open_directory(struct live *l)
{
    int ret = open_file_buffer(l);

    if (ret < 0)
        return ret;
    close_fd(&l->fd);
    l->fd = open(l->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return l->fd < 0 ? -errno : 0;
}

static int open_full(struct live *l)
{
    int ret = open_file(l);

    if (ret < 0)
        return ret;
    close_fd(&l->fd);
    l->fd = open("/dev/full", O_RDWR | O_CLOEXEC);
    if (l->fd < 0)
        l->skip = "there is no /dev/full";
    return 0;
}

static int open_iopoll(struct live *l)
{
    l->setup_flags = IORING_SETUP_IOPOLL;
    return open_file(l);
}

static int open_iopoll_buffer(struct live *l)
{
    l->setup_flags = IORING_SETUP_IOPOLL;
    return open_file_buffer(l);
}

/* The file once more, past the cache; its buffer is registered. */
static int open_direct(struct live *l)
{
    int ret = open_file_buffer(l);

    if (ret < 0)
        return ret;
    close_fd(&l->fd);
    l->fd = open(l->path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (l->fd < 0 || pread(l->fd, l->buf, HALF, 1) >= 0)
        l->skip = "the file system wants nothing to be aligned";
    return 0;
}

/* A file that is opened for reading and never read. */
static int open_namespace(struct live *l)
{
    int ret = open_file(l);

    if (ret < 0)
        return ret;
    close_fd(&l->fd);
    l->fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (l->fd < 0)
        l->skip = "there is no /proc/self/ns/net";
    return 0;
}

const struct live_scenario live_direct_file = {
    .name = "direct_file",
    .open = open_direct,
    .close = close_all,
};
const struct live_scenario live_namespace_file = {
    .name = "namespace_file",
    .open = open_namespace,
    .close = close_all,
};
const struct live_scenario live_temp_file = {
    .name = "temp_file",
    .open = open_file,
    .close = close_all,
};
const struct live_scenario live_directory = {
    .name = "directory",
    .open = open_directory,
    .close = close_all,
};
const struct live_scenario live_full_device = {
    .name = "full_device",
    .open = open_full,
    .close = close_all,
};
const struct live_scenario live_iopoll_file = {
    .name = "iopoll_file",
    .open = open_iopoll,
    .close = close_all,
};
const struct live_scenario live_iopoll_buffer = {
    .name = "iopoll_buffer",
    .open = open_iopoll_buffer,
    .close = close_all,
};

/* ---- files that are read ---- */

static void check_read(struct live *l, int res)
{
    if (!has_pattern(l->buf, (size_t)res))
        live_fail(l, "the buffer does not hold what the file has");
}

static int open_read_slot(struct live *l)
{
    int ret = open_file(l);
    int files[2];

    if (ret < 0)
        return ret;
    l->slot = 1;
    files[0] = -1;
    files[1] = l->fd;
    return rota_register_files(&l->ring, files, 2);
}

static int open_read_group(struct live *l)
{
    int ret = open_file(l);

    /* Only the buffer of the group may be written. */
    l->iov[0].iov_base = NULL;
    return ret < 0 ? ret : provide(l, SIZE, 1);
}

const struct live_scenario live_file_read = {
    .name = "file_read",
    .open = open_file,
    .check = check_read,
    .close = close_all,
};
const struct live_scenario live_file_read_slot = {
    .name = "file_read_slot",
    .open = open_read_slot,
    .check = check_read,
    .close = close_all,
};
const struct live_scenario live_file_read_group = {
    .name = "file_read_group",
    .open = open_read_group,
    .check = check_read,
    .close = close_all,
};
const struct live_scenario live_file_buffer = {
    .name = "file_buffer",
    .open = open_file_buffer,
    .check = check_read,
    .close = close_all,
};
const struct live_scenario live_file_big = {
    .name = "file_big",
    .open = open_file_big,
    .close = close_all,
};

/* ---- files that are written ---- */

static void invert(unsigned char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (unsigned char)~live_pattern(i);
}

static int open_write(struct live *l)
{
    int ret = open_file(l);

    if (ret == 0)
        invert(l->buf, l->size);
    return ret;
}

static int open_write_buffer(struct live *l)
{
    int ret = open_write(l);

    return ret < 0 ? ret : register_buffer(l);
}

static void check_write(struct live *l, int res)
{
    unsigned char found[SIZE];

    if (pread(l->fd, found, SIZE, 0) != SIZE || memcmp(found, l->buf, (size_t)res))
        live_fail(l, "the file does not hold what was written");
}

const struct live_scenario live_file_write = {
    .name = "file_write",
    .open = open_write,
    .check = check_write,
    .close = close_all,
};
const struct live_scenario live_file_write_buffer = {
    .name = "file_write_buffer",
    .open = open_write_buffer,
    .check = check_write,
    .close = close_all,
};

/* ---- pages of files ---- */

#ifndef SYS_cachestat
#define SYS_cachestat 451
#endif

/* Pages of the file that wait for the disk; -1 when the kernel (before 6.5) cannot tell. */
static long unwritten(int fd)
{
    struct {
        uint64_t off, len;
    } range = {0, 0};
    struct {
        uint64_t cached, dirty, writeback, evicted, recently_evicted;
    } found;

    if (syscall(SYS_cachestat, fd, &range, &found, 0))
        return -1;
    return (long)(found.dirty + found.writeback);
}

static int open_dirty(struct live *l)
{
    int ret = open_file(l);

    /* On a file system without a disk nothing is ever dirty. */
    if (ret == 0 && unwritten(l->fd) == 0)
        l->skip = "the scratch directory has no disk behind it";
    return ret;
}

static void check_dirty(struct live *l, int res)
{
    (void)res;
    if (unwritten(l->fd) > 0)
        live_fail(l, "pages of the file have not reached the disk");
}

static long resident(struct live *l)
{
    unsigned char pages[SIZE / HALF];
    void *map = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, l->fd, 0);
    long page = sysconf(_SC_PAGESIZE);
    long found = 0;

    if (map == MAP_FAILED)
        return -errno;
    if (mincore(map, SIZE, pages))
        found = -errno;
    for (size_t i = 0; found >= 0 && i * (size_t)page < SIZE; i++)
        found += pages[i] & 1;
    munmap(map, SIZE);
    return found;
}

static int open_cached(struct live *l)
{
    struct statfs fs;
    int ret = open_file(l);

    if (ret < 0)
        return ret;
    /* Only clean pages can be dropped. */
    if (fsync(l->fd) || fstatfs(l->fd, &fs))
        return -errno;
    if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
        l->skip = "the scratch directory is in memory, where pages are never dropped";
    else if (resident(l) <= 0)
        return -EIO;
    return 0;
}

static void check_cached(struct live *l, int res)
{
    (void)res;
    if (resident(l) != 0)
        live_fail(l, "the pages are still in memory");
}

const struct live_scenario live_file_dirty = {
    .name = "file_dirty",
    .open = open_dirty,
    .check = check_dirty,
    .close = close_all,
};
const struct live_scenario live_file_cached = {
    .name = "file_cached",
    .open = open_cached,
    .check = check_cached,
    .close = close_all,
};

/* ---- space of files ---- */

static long long length(struct live *l)
{
    struct stat st;

    return fstat(l->fd, &st) ? -1 : (long long)st.st_size;
}

static int open_space(struct live *l)
{
    struct statfs fs;
    int ret = open_file(l);

    if (ret < 0)
        return ret;
    if (fstatfs(l->fd, &fs))
        return -errno;
    if (fs.f_type == RAMFS_MAGIC)
        l->skip = "the scratch directory is a ramfs, where space cannot be managed";
    return 0;
}

static void check_grow(struct live *l, int res)
{
    (void)res;
    if (length(l) != 16384)
        live_fail(l, "the file does not have 16384 bytes");
}

static void check_cut(struct live *l, int res)
{
    (void)res;
    if (length(l) != 100)
        live_fail(l, "the file does not have 100 bytes");
}

static void check_hole(struct live *l, int res)
{
    (void)res;
    fill_pattern(l->buf, SIZE);
    if (length(l) != SIZE || pread(l->fd, l->buf, SIZE, 0) != SIZE)
        live_fail(l, "the file has changed its size");
    else if (!is_zero(l->buf, HALF))
        live_fail(l, "the hole has content");
    else if (l->buf[HALF] != live_pattern(HALF))
        live_fail(l, "the hole is larger than asked for");
}

const struct live_scenario live_file_grow = {
    .name = "file_grow",
    .open = open_space,
    .check = check_grow,
    .close = close_all,
};
const struct live_scenario live_file_hole = {
    .name = "file_hole",
    .open = open_space,
    .check = check_hole,
    .close = close_all,
};
const struct live_scenario live_file_cut = {
    .name = "file_cut",
    .open = open_file,
    .check = check_cut,
    .close = close_all,
};

/* ---- the file table ---- */

static int open_table(struct live *l)
{
    int ret = open_file(l);

    l->fds[0] = l->fd;
    return ret < 0 ? ret : empty_table(l);
}

static int open_table_bad(struct live *l)
{
    int ret = open_table(l);

    l->fds[0] = -5;
    return ret;
}

static int open_table_full(struct live *l)
{
    int files[SLOTS];
    int ret = open_file(l);

    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < SLOTS; i++)
        files[i] = l->fd;
    l->fds[0] = l->fd;
    return rota_register_files(&l->ring, files, SLOTS);
}

static void check_table(struct live *l, int res)
{
    /* The kernel tells the slot where it has chosen one; else it is slot 2. */
    unsigned slot = l->fds[0] == l->fd ? 2 : (unsigned)l->fds[0];

    (void)res;
    if (slot >= SLOTS || read_slot(l, slot, l->buf, SIZE) != SIZE || !has_pattern(l->buf, SIZE))
        live_fail(l, "the file cannot be read through its slot");
}

const struct live_scenario live_file_table = {
    .name = "file_table",
    .open = open_table,
    .check = check_table,
    .close = close_all,
};
const struct live_scenario live_file_table_bad = {
    .name = "file_table_bad",
    .open = open_table_bad,
    .close = close_all,
};
const struct live_scenario live_file_table_full = {
    .name = "file_table_full",
    .open = open_table_full,
    .close = close_all,
};

/* ---- memory ---- */

static int open_mapped(struct live *l)
{
    int ret = live_ring_open(l);
    void *map;

    if (ret < 0)
        return ret;
    map = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return -errno;
    l->buf = map;
    fill_pattern(l->buf, MAPPED);
    return 0;
}

static void check_mapped(struct live *l, int res)
{
    (void)res;
    if (!is_zero(l->buf, SIZE))
        live_fail(l, "the memory still has its content");
    if (l->buf[MAPPED - 1] != live_pattern(MAPPED - 1))
        live_fail(l, "memory outside the range was dropped");
}

static void close_mapped(struct live *l)
{
    live_ring_close(l);
    if (l->buf)
        munmap(l->buf, MAPPED);
    l->buf = NULL;
}

const struct live_scenario live_mapped_memory = {
    .name = "mapped_memory",
    .open = open_mapped,
    .check = check_mapped,
    .close = close_mapped,
};

/* ---- pipes ---- */

static int open_pipe_empty(struct live *l)
{
    int ret = live_ring_open(l);

    if (ret == 0)
        ret = new_buffer(l);
    if (ret < 0)
        return ret;
    set_vectors(l);
    return open_pipe(&l->pipe_r, &l->pipe_w);
}

static int open_pipe_full(struct live *l)
{
    int ret = open_pipe_empty(l);
    int flags;

    if (ret < 0)
        return ret;
    flags = fcntl(l->pipe_w, F_GETFL);
    if (flags < 0 || fcntl(l->pipe_w, F_SETFL, flags | O_NONBLOCK))
        return -errno;
    while (write(l->pipe_w, l->buf, HALF) > 0)
        ;
    return errno != EAGAIN || fcntl(l->pipe_w, F_SETFL, flags) ? -errno : 0;
}

static int open_no_reader(struct live *l)
{
    int ret = open_pipe_empty(l);

    close_fd(&l->pipe_r);
    return ret;
}

static int open_pipe_group(struct live *l)
{
    unsigned char bytes[64];
    int ret = open_pipe_empty(l);

    if (ret < 0)
        return ret;
    fill_pattern(bytes, sizeof(bytes));
    if (write(l->pipe_w, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
        return -EIO;
    return provide(l, HALF, 2);
}

static void writer_leaves(struct live *l)
{
    close_fd(&l->pipe_w);
}

/* A group hands out the buffer added last first. */
static void check_pipe_group(struct live *l, int res)
{
    if (!has_pattern(l->buf, (size_t)res) && !has_pattern(l->buf + HALF, (size_t)res))
        live_fail(l, "no buffer of the group holds what was in the pipe");
}

const struct live_scenario live_pipe_empty = {
    .name = "pipe_empty",
    .open = open_pipe_empty,
    .close = close_all,
};
const struct live_scenario live_pipe_full = {
    .name = "pipe_full",
    .open = open_pipe_full,
    .close = close_all,
};
const struct live_scenario live_pipe_no_reader = {
    .name = "pipe_no_reader",
    .open = open_no_reader,
    .close = close_all,
};
const struct live_scenario live_pipe_group = {
    .name = "pipe_group",
    .open = open_pipe_group,
    .act = writer_leaves,
    .check = check_pipe_group,
    .close = close_all,
};

/* ---- from pipe to pipe ---- */

static int open_splice(struct live *l)
{
    int ret = open_file(l);

    if (ret == 0)
        ret = open_pipe(&l->pipe_r, &l->pipe_w);
    l->slot = 0;
    return ret < 0 ? ret : rota_register_files(&l->ring, &l->fd, 1);
}

static void check_splice(struct live *l, int res)
{
    if (read_now(l->pipe_r, l->buf, SIZE) != res || !has_pattern(l->buf, (size_t)res))
        live_fail(l, "the pipe does not hold what the file has");
}

/* fd and fd2 are the far ends: fd feeds pipe_r, fd2 empties pipe_w. */
static int open_tee(struct live *l)
{
    unsigned char bytes[64];
    int ret = live_ring_open(l);

    if (ret == 0)
        ret = open_pipe(&l->pipe_r, &l->fd);
    if (ret == 0)
        ret = open_pipe(&l->fd2, &l->pipe_w);
    if (ret < 0)
        return ret;
    fill_pattern(bytes, sizeof(bytes));
    if (write(l->fd, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes))
        return -EIO;
    l->slot = 0;
    return rota_register_files(&l->ring, &l->pipe_r, 1);
}

static void check_tee(struct live *l, int res)
{
    unsigned char bytes[64];

    if (read_now(l->fd2, bytes, sizeof(bytes)) != res || !has_pattern(bytes, (size_t)res))
        live_fail(l, "the second pipe has no copy");
    memset(bytes, 0, sizeof(bytes));
    if (read_now(l->pipe_r, bytes, sizeof(bytes)) != (ssize_t)sizeof(bytes) ||
        !has_pattern(bytes, sizeof(bytes)))
        live_fail(l, "the first pipe has lost its bytes");
}

const struct live_scenario live_splice_to_pipe = {
    .name = "splice_to_pipe",
    .open = open_splice,
    .check = check_splice,
    .close = close_all,
};
const struct live_scenario live_tee_pipes = {
    .name = "tee_pipes",
    .open = open_tee,
    .check = check_tee,
    .close = close_all,
};

/* ---- new pipes ---- */

static void check_new_pipe(struct live *l, int res)
{
    char byte = 0;

    (void)res;
    if (write(l->fds[1], "x", 1) != 1 || read_now(l->fds[0], &byte, 1) != 1 || byte != 'x')
        live_fail(l, "the two descriptors are no pipe");
}

static void close_new_pipe(struct live *l)
{
    close_fd(&l->fds[0]);
    close_fd(&l->fds[1]);
    close_all(l);
}

static int open_pipe_exhausted(struct live *l)
{
    int ret = live_ring_open(l);

    return ret < 0 ? ret : live_exhaust(l);
}

static int open_pipe_slots(struct live *l)
{
    int ret = live_ring_open(l);

    return ret < 0 ? ret : empty_table(l);
}

static void check_pipe_slots(struct live *l, int res)
{
    char byte = 0;

    (void)res;
    /* The kernel tells the slots, chosen or not. */
    if (l->fds[0] < 0 || l->fds[1] != l->fds[0] + 1 ||
        write_slot(l, (unsigned)l->fds[1], "x", 1) != 1 ||
        read_slot(l, (unsigned)l->fds[0], &byte, 1) != 1 || byte != 'x')
        live_fail(l, "the two slots are no pipe");
}

const struct live_scenario live_pipe_wanted = {
    .name = "pipe_wanted",
    .open = live_ring_open,
    .check = check_new_pipe,
    .close = close_new_pipe,
};
const struct live_scenario live_pipe_exhausted = {
    .name = "pipe_exhausted",
    .open = open_pipe_exhausted,
    .close = close_all,
};
const struct live_scenario live_pipe_slots = {
    .name = "pipe_slots",
    .open = open_pipe_slots,
    .check = check_pipe_slots,
    .close = close_all,
};

/* ---- buffer groups ---- */

static int open_loose(struct live *l)
{
    int ret = live_ring_open(l);

    l->bgid = GROUP;
    return ret < 0 ? ret : new_buffer(l);
}

static int open_foreign(struct live *l)
{
#if defined(__s390x__)
    l->skip = "every address may be a program's on s390x, where the kernel has a space of its own";
    return -EOPNOTSUPP;
#else
    return open_loose(l);
#endif
}

static int open_group(struct live *l)
{
    int ret = open_loose(l);

    return ret < 0 ? ret : provide(l, 1024, 4);
}

/* As many buffers as a group can have, of one byte each. */
static int open_group_full(struct live *l)
{
    int ret = live_ring_open(l);

    if (ret < 0)
        return ret;
    l->buf = aligned_alloc(HALF, 65536);
    return l->buf ? provide(l, 1, 65536) : -ENOMEM;
}

static int open_group_ring(struct live *l)
{
    struct io_uring_buf_reg reg;
    int ret = open_loose(l);

    if (ret < 0)
        return ret;
    l->buf2 = aligned_alloc(65536, 65536); /* on a page, however large pages are */
    if (!l->buf2)
        return -ENOMEM;
    memset(l->buf2, 0, 65536);
    memset(&reg, 0, sizeof(reg));
    reg.ring_addr = (uint64_t)(uintptr_t)l->buf2;
    reg.ring_entries = 4;
    reg.bgid = GROUP;
    ret = rota_sys_register(l->ring.ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1);
    if (ret == -EINVAL)
        l->skip = "this kernel has no rings of buffers";
    return ret;
}

static void check_loose(struct live *l, int res)
{
    (void)res;
    if (take_back(l, 100) != 4)
        live_fail(l, "the group does not have 4 buffers");
}

static void check_group(struct live *l, int res)
{
    int left = take_back(l, 100);

    /* An empty group may be gone altogether. */
    if (left != 4 - res && !(res == 4 && left == -ENOENT))
        live_fail(l, "the group has not lost the buffers");
}

const struct live_scenario live_buffers_loose = {
    .name = "buffers_loose",
    .open = open_loose,
    .check = check_loose,
    .close = close_all,
};
const struct live_scenario live_buffers_foreign = {
    .name = "buffers_foreign",
    .open = open_foreign,
    .close = close_all,
};
const struct live_scenario live_buffers_group = {
    .name = "buffers_group",
    .open = open_group,
    .check = check_group,
    .close = close_all,
};
const struct live_scenario live_buffers_full = {
    .name = "buffers_full",
    .open = open_group_full,
    .close = close_all,
};
const struct live_scenario live_buffers_ring = {
    .name = "buffers_ring",
    .open = open_group_ring,
    .close = close_all,
};
