/* SPDX-License-Identifier: MIT */
/*
 * NVMe's own commands, past the block layer.
 *
 *     nvme identify DEVICE
 *     nvme read DEVICE FIRST COUNT [--poll]       (blocks, to standard output)
 *     nvme write DEVICE FIRST COUNT [--poll]      (from standard input)
 *
 * DEVICE is a name space: /dev/ng0n1, the character device that takes such
 * commands. A command is a structure of 72 bytes in a request of 128, and its
 * answer has 32 bytes, so that the ring has both sizes. Some commands are on
 * their way at the same time, each on a handle. With --poll the ring asks the
 * device instead of waiting for its interrupt, which needs polling queues of
 * the driver (nvme.poll_queues). What the name space is the controller tells,
 * by a command to its administration, which is not polled.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <linux/nvme_ioctl.h>
#include <rota.h>
#include <rota/call.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define IDENTIFY      0x06 /* of the administration */
#define WRITE_BLOCKS  0x01
#define READ_BLOCKS   0x02
#define IDENTIFY_SIZE 4096U
#define PIECE         65536U /* bytes of one command */
#define PIECES        8U     /* that are on their way at the same time */

struct disk {
    int fd;
    uint32_t number; /* of the name space */
    unsigned shift;  /* bytes of a block, as a power of two */
    uint64_t blocks;
    char model[41], serial[21];
};

/* Requests of 128 bytes and completions of 32. */
static int open_ring(struct rota_ring *ring, bool poll)
{
    struct rota_config config;

    if (poll)
        rota_config_iopoll(&config);
    else
        rota_config_single_owner(&config);
    config.required_flags |= IORING_SETUP_SQE128 | IORING_SETUP_CQE32;
    return rota_init(ring, 2 * PIECES, &config);
}

/* A negative errno, or NVMe's own status, which is positive. */
static const char *reason(int ret)
{
    static char text[48];

    if (ret < 0)
        return strerror(-ret);
    snprintf(text, sizeof(text), "the device answers %#x", (unsigned)ret);
    return text;
}

static int identify(struct rota_ring *ring, int controller, uint32_t number, unsigned what,
                    unsigned char *to)
{
    struct nvme_uring_cmd cmd;

    memset(&cmd, 0, sizeof(cmd));
    cmd.opcode = IDENTIFY;
    cmd.nsid = number;
    cmd.addr = (uintptr_t)to;
    cmd.data_len = IDENTIFY_SIZE;
    cmd.cdw10 = what;
    return rota_call_nvme_admin(ring, controller, &cmd);
}

/* Letters of a fixed number, without the blanks behind them. */
static void copy_text(char *to, const unsigned char *from, size_t size)
{
    memcpy(to, from, size);
    while (size && to[size - 1] == ' ')
        size--;
    to[size] = '\0';
}

static uint64_t little_endian(const unsigned char *bytes)
{
    uint64_t value = 0;

    for (int i = 7; i >= 0; i--)
        value = value << 8 | bytes[i];
    return value;
}

/* Opens a name space and asks its controller, whose name begins alike, what it is. */
static int open_disk(struct disk *disk, const char *path)
{
    unsigned char *page = aligned_alloc(IDENTIFY_SIZE, IDENTIFY_SIZE);
    char controller_path[32];
    unsigned controller_number;
    struct rota_ring ring;
    int controller, number, ret;

    disk->fd = open(path, O_RDWR | O_CLOEXEC);
    if (disk->fd < 0 || !page) {
        free(page);
        return -errno;
    }
    number = ioctl(disk->fd, NVME_IOCTL_ID);
    if (number < 0 || sscanf(path, "/dev/ng%un", &controller_number) != 1) {
        free(page);
        return -ENOTTY;
    }
    disk->number = (uint32_t)number;
    snprintf(controller_path, sizeof(controller_path), "/dev/nvme%u", controller_number);
    controller = open(controller_path, O_RDWR | O_CLOEXEC);
    ret = controller < 0 ? -errno : open_ring(&ring, false);
    if (ret >= 0) {
        ret = identify(&ring, controller, disk->number, 0, page);
        if (!ret) {
            const unsigned char *format = page + 128 + 4 * (page[26] & 15);

            disk->blocks = little_endian(page);
            disk->shift = format[2];
            ret = identify(&ring, controller, 0, 1, page);
        }
        if (!ret) {
            copy_text(disk->serial, page + 4, 20);
            copy_text(disk->model, page + 24, 40);
        }
        rota_queue_exit(&ring);
    }
    if (controller >= 0)
        close(controller);
    free(page);
    return ret ? ret : disk->shift < 9 || disk->shift > 16 ? -EINVAL : 0;
}

/* Starts a command that moves whole blocks. */
static int start_blocks(struct rota_ring *ring, struct rota_op *op, const struct disk *disk,
                        bool write, uint64_t first, uint32_t count, void *memory)
{
    struct nvme_uring_cmd cmd;

    memset(&cmd, 0, sizeof(cmd));
    cmd.opcode = write ? WRITE_BLOCKS : READ_BLOCKS;
    cmd.nsid = disk->number;
    cmd.addr = (uintptr_t)memory;
    cmd.data_len = count << disk->shift;
    cmd.cdw10 = (uint32_t)first;
    cmd.cdw11 = (uint32_t)(first >> 32);
    cmd.cdw12 = count - 1;
    return rota_start_nvme_io(ring, op, disk->fd, &cmd);
}

/* A piece of memory and its command. */
struct piece {
    struct rota_op op;
    char *memory;
    uint32_t count;
};

static bool whole(FILE *file, char *memory, size_t size, bool in)
{
    return (in ? fread(memory, 1, size, file) : fwrite(memory, 1, size, file)) == size;
}

/* Moves blocks between a disk and a file; pieces end in the order in which they began. */
static int move(const struct disk *disk, bool write, uint64_t first, uint64_t count, bool poll,
                FILE *file)
{
    struct piece pieces[PIECES];
    uint32_t each = PIECE >> disk->shift;
    unsigned begun = 0, ended = 0;
    uint64_t left = count;
    struct rota_ring ring;
    int ret = open_ring(&ring, poll), result = 0;

    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < PIECES; i++) {
        rota_op_init(&pieces[i].op);
        pieces[i].memory = aligned_alloc(4096, PIECE);
        if (!pieces[i].memory)
            result = -ENOMEM;
    }
    while ((left && !result) || ended != begun) {
        struct piece *p = &pieces[begun % PIECES];

        if (left && !result && begun - ended < PIECES) {
            p->count = left < each ? (uint32_t)left : each;
            if (write && !whole(file, p->memory, (size_t)p->count << disk->shift, true)) {
                result = -ENODATA;
                continue;
            }
            ret = start_blocks(&ring, &p->op, disk, write, first, p->count, p->memory);
            if (ret < 0) {
                result = ret;
                continue;
            }
            first += p->count;
            left -= p->count;
            begun++;
            continue;
        }
        p = &pieces[ended++ % PIECES];
        ret = rota_await(&ring, &p->op);
        if (ret && !result)
            result = ret;
        if (!write && !result && !whole(file, p->memory, (size_t)p->count << disk->shift, false))
            result = -EIO;
    }
    for (unsigned i = 0; i < PIECES; i++)
        free(pieces[i].memory);
    rota_queue_exit(&ring);
    return result || fflush(file) == 0 ? result : -errno;
}

static int usage(void)
{
    fprintf(stderr, "usage: nvme identify DEVICE\n"
                    "       nvme read DEVICE FIRST COUNT [--poll]\n"
                    "       nvme write DEVICE FIRST COUNT [--poll]\n");
    return 2;
}

int main(int argc, char **argv)
{
    bool poll = argc == 6 && !strcmp(argv[5], "--poll"), write;
    struct disk disk = {.fd = -1};
    uint64_t first, count;
    int ret;

    if (argc < 3 || (argc == 3) != !strcmp(argv[1], "identify") || argc == 4 || argc > 6 ||
        (argc == 6 && !poll))
        return usage();
    write = !strcmp(argv[1], "write");
    if (argc > 3 && !write && strcmp(argv[1], "read"))
        return usage();
    ret = open_disk(&disk, argv[2]);
    if (ret) {
        fprintf(stderr, "nvme: %s: %s\n", argv[2], reason(ret));
        return 1;
    }
    if (argc == 3) {
        printf("%s: %s, serial number %s, name space %u, %llu blocks of %u bytes\n", argv[2],
               disk.model, disk.serial, disk.number, (unsigned long long)disk.blocks,
               1U << disk.shift);
        close(disk.fd);
        return 0;
    }
    first = strtoull(argv[3], NULL, 0);
    count = strtoull(argv[4], NULL, 0);
    ret = first > disk.blocks || count > disk.blocks - first
              ? -EINVAL
              : move(&disk, write, first, count, poll, write ? stdin : stdout);
    if (ret)
        fprintf(stderr, "nvme: %s: %s\n", argv[2], reason(ret));
    close(disk.fd);
    return ret != 0;
}
