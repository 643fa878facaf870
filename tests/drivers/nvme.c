/* SPDX-License-Identifier: MIT */
/*
 * The example `nvme` on a disk that may be overwritten (ROTA_NVME, a block
 * device): what it writes the block device shows, what that holds it reads,
 * waiting for interrupts and polling; and commands with vectors.
 */
int example_main(int argc, char **argv);
#define main example_main
#include "../examples/nvme.c"
#undef main

#include <linux/fs.h>
#include <sys/uio.h>

#include "tried.h"

#define BYTES (1U << 20)

static void fill(unsigned char *memory, unsigned seed)
{
    for (unsigned i = 0; i < BYTES; i++) {
        seed = seed * 1664525U + 1013904223U;
        memory[i] = (unsigned char)(seed >> 24);
    }
}

/* One way of waiting: both directions, against the block device. */
static void way(const struct disk *disk, int block, bool poll)
{
    const char *name = poll ? "polled" : "with interrupts";
    unsigned char *ours = aligned_alloc(4096, BYTES), *theirs = aligned_alloc(4096, BYTES);
    uint64_t count = BYTES >> disk->shift;
    FILE *file = tmpfile();
    int ret;

    if (!ours || !theirs || !file)
        bail("no memory or no file");
    fill(ours, 1 + poll);
    fwrite(ours, 1, BYTES, file);
    rewind(file);
    ret = move(disk, true, 8, count, poll, file);
    if (poll && ret == -EOPNOTSUPP) {
        skip(4, "the driver has no polling queues");
        return;
    }
    is_int(ret, 0, "blocks are written %s", name);
    memset(theirs, 0, BYTES);
    ok(pread(block, theirs, BYTES, (off_t)8 << disk->shift) == (ssize_t)BYTES &&
           !memcmp(ours, theirs, BYTES),
       "the block device shows them");
    fill(theirs, 77 + poll);
    ok(pwrite(block, theirs, BYTES, (off_t)4096 << disk->shift) == (ssize_t)BYTES && !fsync(block),
       "the block device writes others");
    rewind(file);
    ret = move(disk, false, 4096, count, poll, file);
    rewind(file);
    memset(ours, 0, BYTES);
    ok(!ret && fread(ours, 1, BYTES, file) == BYTES && !memcmp(ours, theirs, BYTES),
       "they are read %s", name);
    fclose(file);
    free(ours);
    free(theirs);
}

/* Data in several pieces of memory, to the name space and to the controller. */
static void vectors(const struct disk *disk, const char *controller_path, int block)
{
    char *memory = aligned_alloc(4096, 4 * 4096), *wanted = aligned_alloc(4096, 8192);
    struct iovec pieces[2];
    struct nvme_uring_cmd cmd;
    struct rota_ring ring;
    int controller = open(controller_path, O_RDWR | O_CLOEXEC);

    if (!memory || !wanted || open_ring(&ring, false) < 0)
        bail("no memory or no ring");
    pieces[0] = (struct iovec){memory + 8192, 4096};
    pieces[1] = (struct iovec){memory, 4096};
    memset(&cmd, 0, sizeof(cmd));
    cmd.opcode = READ_BLOCKS;
    cmd.nsid = disk->number;
    cmd.addr = (uintptr_t)pieces;
    cmd.data_len = 2;
    cmd.cdw10 = 8;
    cmd.cdw12 = (8192U >> disk->shift) - 1;
    is_int(rota_call_nvme_io_vec(&ring, disk->fd, &cmd), 0, "a read into two pieces of memory");
    ok(pread(block, wanted, 8192, (off_t)8 << disk->shift) == 8192 &&
           !memcmp(memory + 8192, wanted, 4096) && !memcmp(memory, wanted + 4096, 4096),
       "which hold the block device's data");
    memset(&cmd, 0, sizeof(cmd));
    cmd.opcode = IDENTIFY;
    cmd.addr = (uintptr_t)pieces;
    cmd.data_len = 1;
    cmd.cdw10 = 1;
    is_int(rota_call_nvme_admin_vec(&ring, controller, &cmd), 0,
           "a command to the controller with one");
    ok(!strncmp(memory + 8192 + 4, disk->serial, strlen(disk->serial)), "which tells its number");
    cmd.opcode = READ_BLOCKS;
    cmd.nsid = disk->number;
    cmd.addr = (uintptr_t)memory;
    cmd.data_len = 4096;
    cmd.cdw10 = UINT32_MAX;
    cmd.cdw11 = UINT32_MAX;
    ok(rota_call_nvme_io(&ring, disk->fd, &cmd) > 0, "a status of NVMe's own is positive");
    rota_queue_exit(&ring);
    close(controller);
    free(memory);
    free(wanted);
}

/* A write through a descriptor for reading only, by nobody. */
static int write_as_nobody(void *argument)
{
    const struct disk *disk = argument;
    struct nvme_uring_cmd cmd;
    struct rota_ring ring;
    int ret = open_ring(&ring, false);

    memset(&cmd, 0, sizeof(cmd));
    cmd.opcode = WRITE_BLOCKS;
    cmd.nsid = disk->number;
    return ret < 0 ? ret : rota_call_nvme_io(&ring, disk->fd, &cmd);
}

static void refusals(const struct disk *disk, const char *path)
{
    struct disk reading = *disk;
    struct nvme_uring_cmd cmd;
    struct rota_ring ring;

    reading.fd = open(path, O_RDONLY | O_CLOEXEC);
    if (reading.fd < 0 || open_ring(&ring, false) < 0)
        bail("no device or no ring");
    refuses(nvme, EACCES, as_nobody(write_as_nobody, &reading));
    memset(&cmd, 0, sizeof(cmd));
    cmd.opcode = READ_BLOCKS;
    cmd.nsid = disk->number;
    cmd.flags = 1;
    refuses(nvme, EINVAL, rota_call_nvme_io(&ring, disk->fd, &cmd));
    cmd.flags = 0;
    cmd.nsid = disk->number + 1;
    refuses(nvme, EINVAL, rota_call_nvme_io(&ring, disk->fd, &cmd));
    rota_queue_exit(&ring);
    close(reading.fd);
}

/* What is said of a ring of the wrong sizes. */
static void small_ring(const struct disk *disk)
{
    struct nvme_uring_cmd cmd;
    struct rota_ring ring;
    char text[512];
    union {
        struct io_uring_sqe sqe;
        char room[128];
    } large;

    memset(&cmd, 0, sizeof(cmd));
    memset(&large, 0, sizeof(large));
    if (rota_init(&ring, 4, NULL) < 0)
        bail("no ring");
    ok(rota_call_nvme_io(&ring, disk->fd, &cmd) < 0, "a ring of small requests starts no command");
    is_int(rota_call_uring_cmd(&ring, (int)NVME_URING_CMD_IO, disk->fd), -EOPNOTSUPP,
           "and the driver takes none");
    rota_prep_nvme_io(&large.sqe, disk->fd, &cmd);
    rota_explain(&ring, NULL, &large.sqe, -EOPNOTSUPP, text, sizeof(text));
    ok(strstr(text, "NVME_URING_CMD_IO needs an SQE of 128 bytes and completions of 32 bytes"),
       "the reason is told: %s", text);
    rota_queue_exit(&ring);
}

int main(void)
{
    const char *path = getenv("ROTA_NVME");
    unsigned controller, number;
    char name[32], controller_path[32];
    struct disk disk = {.fd = -1};
    uint64_t size = 0;
    int block, ret;

    if (!path || sscanf(path, "/dev/nvme%un%u", &controller, &number) != 2)
        skip_all("ROTA_NVME names no NVMe disk that may be overwritten");
    snprintf(name, sizeof(name), "/dev/ng%un%u", controller, number);
    snprintf(controller_path, sizeof(controller_path), "/dev/nvme%u", controller);
    ret = open_disk(&disk, name);
    if (ret == -ENOENT || ret == -EOPNOTSUPP || ret == -EINVAL || ret == -ENOSYS)
        skip_all("%s: %s: this kernel has no such commands", name, reason(ret));
    is_int(ret, 0, "a name space is identified");
    block = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
    ok(block >= 0 && ioctl(block, BLKGETSIZE64, &size) == 0 && size == disk.blocks << disk.shift,
       "it is as large as the block device");
    is_str(disk.serial, "rota", "its serial number is that of the guest");
    way(&disk, block, false);
    way(&disk, block, true);
    vectors(&disk, controller_path, block);
    refusals(&disk, name);
    small_ring(&disk);
    close(block);
    close(disk.fd);
    return done();
}
