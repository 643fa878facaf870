/* SPDX-License-Identifier: MIT */
/*
 * Rings that poll for completions, on a device that can be polled: reads and
 * writes of each kind, no interrupt, hybrid polling, a polling thread.
 *
 * ROTA_NVME names the disk, which is overwritten; the guests of tests/vm have
 * one.
 */
#include "support.h"

#include <sys/uio.h>

#define BLOCK  4096U
#define BLOCKS 64U
#define DEPTH  8U

static const char *path; /* of the disk */
static int disk;
static unsigned char *buffers; /* DEPTH blocks */

/* What block `number` holds: no two blocks are equal. */
static void fill(unsigned char *block, unsigned number)
{
    for (unsigned i = 0; i < BLOCK; i++)
        block[i] = (unsigned char)((number * 31 + i) % 251);
}

static bool holds(const unsigned char *block, unsigned number)
{
    unsigned char expected[BLOCK];

    fill(expected, number);
    return !memcmp(block, expected, BLOCK);
}

static unsigned char *buffer(unsigned index)
{
    return buffers + (size_t)index * BLOCK;
}

static void open_disk(void)
{
    char name[128], text[16] = "";
    FILE *file;

    path = getenv("ROTA_NVME");
    if (!path)
        skip_all("ROTA_NVME names no disk that can be polled and overwritten");
    (void)snprintf(name, sizeof(name), "/sys/block/%s/queue/io_poll", strrchr(path, '/') + 1);
    file = fopen(name, "re");
    if (!file || !fgets(text, sizeof(text), file) || text[0] != '1')
        skip_all("%s has no polling queues (nvme.poll_queues)", path);
    fclose(file);
    disk = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    if (disk < 0)
        bail("open %s: %s", path, strerror(errno));
    buffers = aligned_alloc(BLOCK, DEPTH * BLOCK);
    if (!buffers)
        bail("no memory");
    for (unsigned i = 0; i < BLOCKS; i++) {
        fill(buffers, i);
        if (pwrite(disk, buffers, BLOCK, (off_t)i * BLOCK) != BLOCK)
            bail("write %s: %s", path, strerror(errno));
    }
}

/* How many interrupts the NVMe devices have raised. */
static unsigned long interrupts(void)
{
    FILE *file = fopen("/proc/interrupts", "re");
    unsigned long sum = 0;
    char line[1024];

    if (!file)
        bail("open /proc/interrupts: %s", strerror(errno));
    while (fgets(line, sizeof(line), file)) {
        char *next = strchr(line, ':'), *end;

        if (!next || !strstr(line, "nvme"))
            continue;
        for (next++;; next = end) {
            unsigned long count = strtoul(next, &end, 10);

            if (end == next)
                break;
            sum += count;
        }
    }
    fclose(file);
    return sum;
}

/* Peeks until there is a completion: on such a ring a peek asks the device. */
static struct completion peek_until(struct rota_ring *ring)
{
    struct completion copy = {0, 0, 0};
    struct io_uring_cqe *cqe;
    long end = now_ms() + 10000;
    int ret;

    do {
        ret = rota_peek_cqe(ring, &cqe);
    } while (ret == -EAGAIN && now_ms() < end);
    if (ret < 0)
        bail("no completion by peeking: %s", strerror(-ret));
    copy = whole(cqe);
    rota_cqe_seen(ring, cqe);
    return copy;
}

static void test_one_read(struct rota_ring *ring, const char *kind)
{
    struct io_uring_cqe *cqe;

    is_int(rota_peek_cqe(ring, &cqe), -EAGAIN, "%s: with nothing in flight a peek finds nothing",
           kind);
    memset(buffers, 0, BLOCK);
    rota_prep_read(must_get_sqe(ring), disk, buffers, BLOCK, 5 * BLOCK);
    submits(ring, 1);
    is_cqe(peek_until(ring), 0, (int)BLOCK, 0, "%s: READ, reaped by peeking", kind);
    ok(holds(buffers, 5), "%s: the block has been read", kind);

    rota_prep_read(must_get_sqe(ring), disk, buffers, BLOCK, 6 * BLOCK);
    is_int(rota_submit_and_wait(ring, 1), 1, "%s: submit and wait", kind);
    is_int(rota_cq_ready(ring), 1, "%s: ends with the completion", kind);
    is_cqe(next_cqe(ring), 0, (int)BLOCK, 0, "%s: READ, waited for", kind);
    ok(holds(buffers, 6), "%s: the block has been read", kind);
}

/* Reads all blocks with DEPTH requests in flight; each must come back once, with its data. */
static void test_many(struct rota_ring *ring, const char *kind)
{
    unsigned char seen[BLOCKS] = {0};
    unsigned next = 0, done = 0, right = 0, once = 0;
    unsigned holder[DEPTH];

    while (next < DEPTH) {
        struct io_uring_sqe *sqe = must_get_sqe(ring);

        rota_prep_read(sqe, disk, buffer(next), BLOCK, (uint64_t)next * BLOCK);
        rota_sqe_set_data64(sqe, next);
        holder[next] = next;
        next++;
    }
    submits(ring, (int)DEPTH);
    while (done < BLOCKS) {
        struct completion got = done % 2 ? next_cqe(ring) : peek_until(ring);
        unsigned index = (unsigned)got.user_data;

        if (index >= DEPTH)
            bail("user_data %u was never sent", index);
        right += got.res == (int)BLOCK && holds(buffer(index), holder[index]);
        once += !seen[holder[index]];
        seen[holder[index]] = 1;
        done++;
        if (next < BLOCKS) {
            struct io_uring_sqe *sqe = must_get_sqe(ring);

            rota_prep_read(sqe, disk, buffer(index), BLOCK, (uint64_t)next * BLOCK);
            rota_sqe_set_data64(sqe, index);
            holder[index] = next++;
            if (rota_submit(ring) != 1)
                bail("a read was not taken");
        }
    }
    is_int(right, BLOCKS, "%s: %u reads, %u at a time, have the right data", kind, BLOCKS, DEPTH);
    is_int(once, BLOCKS, "%s: and each comes once", kind);
}

static void test_kinds(struct rota_ring *ring, const char *kind)
{
    struct iovec iov = {buffers, DEPTH * BLOCK};
    struct iovec parts[2] = {{buffer(2), BLOCK}, {buffer(4), BLOCK}};
    struct io_uring_sqe *sqe;
    int file = disk;

    fill(buffer(1), 1000);
    sqe = must_get_sqe(ring);
    rota_prep_write(sqe, disk, buffer(1), BLOCK, 9 * BLOCK);
    is_int(rota_submit_and_wait(ring, 1), 1, "%s: a write", kind);
    is_cqe(next_cqe(ring), 0, (int)BLOCK, 0, "%s: WRITE", kind);
    rota_prep_readv(must_get_sqe(ring), disk, parts, 2, 8 * BLOCK);
    is_int(rota_submit_and_wait(ring, 1), 1, "%s: a vectored read", kind);
    is_cqe(next_cqe(ring), 0, 2 * (int)BLOCK, 0, "%s: READV", kind);
    ok(holds(buffer(2), 8) && holds(buffer(4), 1000), "%s: sees what was written", kind);

    is_int(rota_register_buffers(ring, &iov, 1), 0, "%s: buffers are registered", kind);
    is_int(rota_register_files(ring, &file, 1), 0, "%s: and the disk", kind);
    fill(buffer(3), 9);
    sqe = must_get_sqe(ring);
    rota_prep_write_fixed(sqe, 0, buffer(3), BLOCK, 9 * BLOCK, 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    is_int(rota_submit_and_wait(ring, 1), 1, "%s: a fixed write", kind);
    is_cqe(next_cqe(ring), 0, (int)BLOCK, 0, "%s: WRITE_FIXED", kind);
    sqe = must_get_sqe(ring);
    rota_prep_read_fixed(sqe, 0, buffer(7), BLOCK, 9 * BLOCK, 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    submits(ring, 1);
    is_cqe(peek_until(ring), 0, (int)BLOCK, 0, "%s: READ_FIXED", kind);
    ok(holds(buffer(7), 9), "%s: and reads back", kind);

    rota_prep_poll_add(must_get_sqe(ring), disk, 1);
    (void)rota_submit(ring);
    is_cqe(peek_until(ring), 0, -EINVAL, 0, "%s: POLL_ADD, which cannot be polled for,", kind);
}

/* A polled ring that has these flags too; false after a skip when the kernel lacks one. */
static bool polled_ring(struct rota_ring *ring, unsigned flags, const char *kind)
{
    struct rota_config config;
    int ret;

    rota_config_iopoll(&config);
    config.required_flags |= flags;
    config.sq_thread_idle = 1000;
    ret = rota_init(ring, DEPTH, &config);
    if (ret == -EINVAL && (flags & IORING_SETUP_HYBRID_IOPOLL)) {
        skip(1, "%s: this kernel has no HYBRID_IOPOLL (6.13)", kind);
        return false;
    }
    if (ret < 0)
        bail("%s: no ring: %s", kind, strerror(-ret));
    return is_hex(ring->flags & (IORING_SETUP_IOPOLL | flags), IORING_SETUP_IOPOLL | flags,
                  "%s: the ring has its flags", kind);
}

static void test_ring(unsigned flags, const char *kind)
{
    struct rota_ring ring;
    unsigned long before, raised;

    if (!polled_ring(&ring, flags, kind))
        return;
    before = interrupts();
    test_one_read(&ring, kind);
    test_many(&ring, kind);
    raised = interrupts() - before;
    ok(raised < BLOCKS / 4, "%s: the device does not interrupt: %lu", kind, raised);
    test_kinds(&ring, kind);
    rota_queue_exit(&ring);
}

/* The kernel's thread submits and polls; the application only looks. */
static void test_thread(void)
{
    struct rota_ring ring;
    unsigned right = 0;
    int file = disk;

    if (!polled_ring(&ring, IORING_SETUP_SQPOLL, "polling thread"))
        return;
    is_int(rota_register_files(&ring, &file, 1), 0, "polling thread: the disk is registered");
    for (unsigned i = 0; i < DEPTH; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        rota_prep_read(sqe, 0, buffer(i), BLOCK, (uint64_t)(20 + i) * BLOCK);
        rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
        rota_sqe_set_data64(sqe, i);
    }
    submits(&ring, (int)DEPTH);
    for (unsigned i = 0; i < DEPTH; i++) {
        struct completion got = peek_until(&ring);

        right += got.user_data < DEPTH && got.res == (int)BLOCK &&
                 holds(buffer((unsigned)got.user_data), 20 + (unsigned)got.user_data);
    }
    is_int(right, DEPTH, "polling thread: all reads are found by peeking");
    rota_queue_exit(&ring);
}

/* A ring is torn down while reads are in flight. */
static void test_exit_in_flight(void)
{
    struct rota_ring ring;

    if (!polled_ring(&ring, 0, "exit"))
        return;
    for (unsigned i = 0; i < DEPTH; i++)
        rota_prep_read(must_get_sqe(&ring), disk, buffer(i), BLOCK, (uint64_t)i * BLOCK);
    submits(&ring, (int)DEPTH);
    rota_queue_exit(&ring);
    is_int(pread(disk, buffers, BLOCK, 0), BLOCK, "exit: the disk answers afterwards");
    ok(holds(buffers, 0), "exit: with its data");
}

int main(void)
{
    open_disk();
    test_ring(0, "polled");
    test_ring(IORING_SETUP_HYBRID_IOPOLL, "hybrid");
    test_thread();
    test_exit_in_flight();
    close(disk);
    free(buffers);
    return done();
}
