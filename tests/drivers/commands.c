/* SPDX-License-Identifier: MIT */
/*
 * The commands of files that need no driver of one's own: the null device,
 * zoned block devices, SCSI past the block layer, btrfs's encoded data; and
 * what each of them refuses. What a machine lacks is skipped; in the guests of
 * tests/vm the modules are there, a disk of btrfs (ROTA_BTRFS) and one that may
 * be overwritten (ROTA_NVME).
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/blkzoned.h>
#include <linux/btrfs.h>
#include <linux/fs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <rota.h>
#include <rota/call.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "tried.h"

/* What headers of older kernels lack. */
#ifndef BTRFS_IOC_ENCODED_READ /* 5.18 */
struct btrfs_ioctl_encoded_io_args {
    const struct iovec *iov;
    unsigned long iovcnt;
    __s64 offset;
    __u64 flags;
    __u64 len;
    __u64 unencoded_len;
    __u64 unencoded_offset;
    __u32 compression;
    __u32 encryption;
    __u8 reserved[64];
};
#endif

/* struct bsg_uring_cmd, which <linux/bsg.h> has since 7.1. */
struct command_of_bsg {
    uint64_t request;
    uint32_t request_len, protocol, subprotocol, max_response_len;
    uint64_t response, dout_xferp;
    uint32_t dout_xfer_len, dout_iovec_count;
    uint64_t din_xferp;
    uint32_t din_xfer_len, din_iovec_count, timeout_ms;
    uint8_t reserved[12];
};

static const char *reason(int ret)
{
    return strerror(-ret);
}

static int open_ring(struct rota_ring *ring, unsigned flags)
{
    struct rota_config config;

    rota_config_single_owner(&config);
    config.required_flags |= flags;
    return rota_init(ring, 8, &config);
}

/* Whether nothing here knows the command: the kernel is older than it, or built without it. */
static bool is_old(int ret)
{
    return ret == -EOPNOTSUPP || ret == -ENOTTY || ret == -EINVAL;
}

/*
 * The null device
 */

static void null_device(struct rota_ring *ring)
{
    int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    int ret = rota_call_uring_cmd(ring, 12345, fd);

    if (ret == -EOPNOTSUPP || ret == -EINVAL)
        skip(2, "the null device takes no commands (6.1)");
    else {
        does(null, ret == 0);
        is_int(rota_call_uring_cmd(ring, 0, fd), 0, "whatever the number is");
    }
    close(fd);
}

/*
 * Sockets
 */

static void sockets(struct rota_ring *ring)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), value = 0, ret;

    ret = rota_call_uring_cmd(ring, SOCKET_URING_OP_SIOCOUTQ, fd);
    if (ret == -EOPNOTSUPP || ret == -EINVAL)
        skip(1, "this kernel has no SOCKET_URING_OP_SIOCOUTQ (6.7)");
    else
        does(SOCKET_URING_OP_SIOCOUTQ, ret == 0);
    if (!is_old(ret) && listen(fd, 1) == 0) {
        refuses(SOCKET_URING_OP_SIOCINQ, EINVAL,
                rota_call_uring_cmd(ring, SOCKET_URING_OP_SIOCINQ, fd));
        refuses(SOCKET_URING_OP_SIOCOUTQ, EINVAL,
                rota_call_uring_cmd(ring, SOCKET_URING_OP_SIOCOUTQ, fd));
    }
    ret = rota_call_cmd_sock(ring, SOCKET_URING_OP_GETSOCKOPT, fd, SOL_SOCKET, SO_TYPE, &value,
                             sizeof(value));
    if (is_old(ret))
        skip(1, "this kernel has no SOCKET_URING_OP_GETSOCKOPT (6.7)");
    else
        refuses(SOCKET_URING_OP_GETSOCKOPT, EOPNOTSUPP,
                rota_call_cmd_sock(ring, SOCKET_URING_OP_GETSOCKOPT, fd, IPPROTO_TCP, TCP_NODELAY,
                                   &value, sizeof(value)));
    close(fd);
}

/*
 * Block devices
 */

static void discards(struct rota_ring *ring, const char *path)
{
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1, readable, ret;

    if (fd < 0) {
        skip(4, "ROTA_NVME names no disk that may be overwritten");
        return;
    }
    ret = rota_call_cmd_discard(ring, fd, 0, 65536);
    if (is_old(ret)) {
        skip(4, "this kernel has no BLOCK_URING_CMD_DISCARD (6.12)");
        close(fd);
        return;
    }
    does(BLOCK_URING_CMD_DISCARD, ret == 0);
    refuses(BLOCK_URING_CMD_DISCARD, EINVAL, rota_call_cmd_discard(ring, fd, 1, 65536));
    readable = open(path, O_RDONLY | O_CLOEXEC);
    refuses(block, EBADF, rota_call_cmd_discard(ring, readable, 0, 65536));
    close(readable);
    ret = rota_call_cmd_zone_reset_all(ring, fd);
    if (ret == -EINVAL)
        skip(1, "this kernel has no BLOCK_URING_CMD_ZONE_RESET_ALL (7.3)");
    else
        refuses(BLOCK_URING_CMD_ZONE_RESET_ALL, EOPNOTSUPP, ret);
    close(fd);
}

/* Where the next write of a zone goes; 0 on an error. */
static uint64_t write_pointer(int fd, uint64_t start)
{
    union {
        struct blk_zone_report report;
        char room[sizeof(struct blk_zone_report) + sizeof(struct blk_zone)];
    } answer = {.report = {.sector = start >> 9, .nr_zones = 1}};
    struct blk_zone zone;

    if (ioctl(fd, BLKREPORTZONE, &answer.report) < 0 || answer.report.nr_zones != 1)
        return 0;
    memcpy(&zone, answer.room + sizeof(answer.report), sizeof(zone));
    return zone.wp << 9;
}

static void zones(struct rota_ring *ring)
{
    static _Alignas(4096) char block[4096] = "data";
    int fd = open("/dev/nullb0", O_RDWR | O_DIRECT | O_CLOEXEC), ret;
    uint32_t sectors = 0;
    uint64_t size = 0, start, zone;

    if (fd < 0 || ioctl(fd, BLKGETZONESZ, &sectors) < 0 || !sectors ||
        ioctl(fd, BLKGETSIZE64, &size) < 0) {
        skip(5, "there is no zoned /dev/nullb0: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return;
    }
    zone = (uint64_t)sectors << 9;
    start = size - 2 * zone; /* the first zones may be conventional */
    if (!ok(pwrite(fd, block, sizeof(block), (off_t)start) == (ssize_t)sizeof(block) &&
                pwrite(fd, block, sizeof(block), (off_t)(start + zone)) == (ssize_t)sizeof(block),
            "two zones are written: %s", strerror(errno)))
        return;
    ok(write_pointer(fd, start) == start + sizeof(block), "which their write pointers show");
    ret = rota_call_cmd_zone_reset_all(ring, fd);
    if (is_old(ret)) {
        skip(3, "this kernel has no BLOCK_URING_CMD_ZONE_RESET_ALL (7.3)");
    } else {
        does(BLOCK_URING_CMD_ZONE_RESET_ALL, ret == 0);
        ok(write_pointer(fd, start) == start, "the first is empty");
        ok(write_pointer(fd, start + zone) == start + zone, "and so is the other");
        refuses(BLOCK_URING_CMD_DISCARD, EOPNOTSUPP, rota_call_cmd_discard(ring, fd, 0, 65536));
    }
    close(fd);
}

/*
 * SCSI
 */

static bool find_bsg(char *path, size_t size)
{
    DIR *list = opendir("/dev/bsg");
    struct dirent *entry;
    bool found = false;

    while (list && !found && (entry = readdir(list))) {
        /* One of four numbers is a device, others are hosts. */
        unsigned host, channel, target, unit;

        if (sscanf(entry->d_name, "%u:%u:%u:%u", &host, &channel, &target, &unit) == 4) {
            snprintf(path, size, "/dev/bsg/%.64s", entry->d_name);
            found = true;
        }
    }
    if (list)
        closedir(list);
    return found;
}

static int send_scsi(struct rota_ring *ring, int fd, const struct command_of_bsg *cmd)
{
    return rota_call_bsg_command(ring, fd, (const struct bsg_uring_cmd *)(const void *)cmd);
}

static void scsi(void)
{
    unsigned char inquiry[6] = {0x12, 0, 0, 0, 96, 0}, sense[96] = {0}, data[96] = {0};
    unsigned char unknown[6] = {0xc0}, read_capacity[10] = {0x25};
    struct command_of_bsg cmd = {
        .request = (uintptr_t)inquiry,
        .request_len = sizeof(inquiry),
        .response = (uintptr_t)sense,
        .max_response_len = sizeof(sense),
        .din_xferp = (uintptr_t)data,
        .din_xfer_len = sizeof(data),
    };
    char path[100], text[512];
    struct rota_ring ring, small;
    ROTA_OP(op);
    int fd = -1, ret;

    for (int i = 0; i < 200 && !find_bsg(path, sizeof(path));
         i++) { /* devices come in their time */
        if (!getenv("ROTA_KNOWN_KERNEL"))
            break;
        usleep(20000);
    }
    if (find_bsg(path, sizeof(path)))
        fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0 || open_ring(&ring, IORING_SETUP_SQE128 | IORING_SETUP_CQE32) < 0) {
        skip(10, "there is no SCSI device below /dev/bsg, or no ring for it");
        return;
    }
    ret = send_scsi(&ring, fd, &cmd);
    if (is_old(ret)) {
        skip(10, "bsg takes no commands of io_uring (7.1)");
        close(fd);
        rota_queue_exit(&ring);
        return;
    }
    does(bsg, ret == 0 && !memcmp(data + 8, "Linux   scsi_debug", 18));
    diag("%s: %.8s %.16s", path, data + 8, data + 16);
    cmd.request = (uintptr_t)unknown;
    cmd.request_len = sizeof(unknown);
    cmd.din_xfer_len = 0;
    rota_start_bsg_command(&ring, &op, fd, (const struct bsg_uring_cmd *)(const void *)&cmd);
    ret = rota_await(&ring, &op);
    ok(ret == 0 && (sense[0] & 0x7f) >= 0x70, "what the device does not know, its sense data says");
    cmd.request = (uintptr_t)read_capacity;
    cmd.request_len = sizeof(read_capacity);
    cmd.din_xfer_len = 8;
    is_int(send_scsi(&ring, fd, &cmd), 0, "it tells its capacity");
    ok(data[7] == 0 && data[6] == 2, "in blocks of 512 bytes");
    cmd.dout_xferp = (uintptr_t)data;
    cmd.dout_xfer_len = 8;
    refuses(bsg, EOPNOTSUPP, send_scsi(&ring, fd, &cmd));
    cmd.dout_xfer_len = 0;
    cmd.protocol = 7;
    refuses(bsg, EINVAL, send_scsi(&ring, fd, &cmd));
    cmd.protocol = 0;
    cmd.request_len = 0;
    is_int(send_scsi(&ring, fd, &cmd), -EINVAL, "as without a command descriptor");
    if (open_ring(&small, 0) == 0) {
        union {
            struct io_uring_sqe sqe;
            char room[128];
        } large;

        ret = rota_call_uring_cmd(&small, 0, fd);
        is_int(ret, -EOPNOTSUPP, "a ring of small entries is told");
        memset(&large, 0, sizeof(large));
        rota_prep_bsg_command(&large.sqe, fd, (const struct bsg_uring_cmd *)(const void *)&cmd);
        rota_explain(&small, NULL, &large.sqe, ret, text, sizeof(text));
        ok(strstr(text, "needs an SQE of 128 bytes and completions of 32 bytes"),
           "and the explanation says it: %s", text);
        rota_queue_exit(&small);
    }
    rota_queue_exit(&ring);
    close(fd);
}

/*
 * btrfs
 */

#define PIECE (128U << 10)

static int encoded_as_nobody(void *argument)
{
    struct btrfs_ioctl_encoded_io_args encoded = {0};
    struct rota_ring ring;
    int ret = open_ring(&ring, 0);

    return ret < 0 ? ret : rota_call_btrfs_encoded_read(&ring, *(int *)argument, &encoded);
}

static void encoded(struct rota_ring *ring, const char *disk)
{
    struct btrfs_ioctl_encoded_io_args args = {0};
    static char plain[PIECE], packed[PIECE], again[PIECE];
    struct iovec piece = {packed, sizeof(packed)};
    const char *scratch = getenv("TMPDIR");
    char place[256], path[300];
    int fd, copy, ret, bytes;

    snprintf(place, sizeof(place), "%.200s/btrfs-%d", scratch ? scratch : "/tmp", (int)getpid());
    if (!disk || mkdir(place, 0755) || mount(disk, place, "btrfs", 0, "compress-force=zlib") < 0) {
        skip(8, "no btrfs can be mounted: %s", disk ? strerror(errno) : "ROTA_BTRFS names no disk");
        rmdir(place);
        return;
    }
    for (unsigned i = 0; i < sizeof(plain); i++)
        plain[i] = (char)("a rota is a list of duties\n"[i % 27] + (int)(i >> 14));
    snprintf(path, sizeof(path), "%s/compressed", place);
    fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (write(fd, plain, sizeof(plain)) != (ssize_t)sizeof(plain) || fsync(fd))
        bail("cannot write to %s: %s", path, strerror(errno));
    args.iov = &piece;
    args.iovcnt = 1;
    bytes = rota_call_btrfs_encoded_read(ring, fd, &args);
    if (is_old(bytes)) {
        skip(8, "this kernel has no BTRFS_IOC_ENCODED_READ on rings (6.13): %s", reason(bytes));
    } else {
        does(BTRFS_IOC_ENCODED_READ, bytes > 0 && bytes < (int)PIECE / 4 && args.compression == 1 &&
                                         args.len == PIECE && args.unencoded_len == PIECE);
        diag("%d bytes for %u", bytes, PIECE);
        snprintf(path, sizeof(path), "%s/written", place);
        copy = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        piece.iov_len = (size_t)bytes;
        args.offset = 0;
        ret = rota_call_btrfs_encoded_write(ring, copy, &args);
        if (is_old(ret)) {
            skip(2, "this kernel has no BTRFS_IOC_ENCODED_WRITE on rings (6.14)");
        } else {
            does(BTRFS_IOC_ENCODED_WRITE, ret == bytes);
            ok(pread(copy, again, sizeof(again), 0) == (ssize_t)sizeof(again) &&
                   !memcmp(again, plain, sizeof(again)),
               "and the file system makes the text of it again");
        }
        if (!is_old(ret)) {
            args.reserved[63] = 1;
            refuses(btrfs, EINVAL, rota_call_btrfs_encoded_write(ring, copy, &args));
        }
        memset(&args, 0, sizeof(args));
        args.iov = &piece;
        args.iovcnt = 1;
        args.flags = 1;
        refuses(btrfs, EINVAL, rota_call_btrfs_encoded_read(ring, fd, &args));
        args.flags = 0;
        piece.iov_len = 16;
        refuses(BTRFS_IOC_ENCODED_READ, ENOBUFS, rota_call_btrfs_encoded_read(ring, fd, &args));
        refuses(btrfs, EPERM, as_nobody(encoded_as_nobody, &fd));
        close(copy);
    }
    close(fd);
    umount2(place, MNT_DETACH);
    rmdir(place);
}

int main(void)
{
    struct rota_ring ring;
    int ret = open_ring(&ring, 0);

    if (ret < 0)
        skip_all("no ring: %s", reason(ret));
    null_device(&ring);
    sockets(&ring);
    discards(&ring, getenv("ROTA_NVME"));
    zones(&ring);
    scsi();
    encoded(&ring, getenv("ROTA_BTRFS"));
    rota_queue_exit(&ring);
    return done();
}
