/* SPDX-License-Identifier: MIT */
/* Requests, completions and parameters as text: exact, bounded, and harmless with bad addresses. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <rota.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "tap.h"

static void shows(const struct io_uring_sqe *sqe, unsigned options, const char *expected,
                  const char *name)
{
    char text[1024];
    int length = rota_sqe_format(sqe, options, text, sizeof(text));

    is_str(text, expected, "%s", name);
    is_int(length, strlen(expected), "%s: the length", name);
}

static void requests(void)
{
    struct io_uring_sqe sqe;

    rota_sqe_clear(&sqe);
    rota_prep_nop(&sqe);
    shows(&sqe, 0, "NOP(nop_flags=0)",
          "a NOP, whose prep function stores a descriptor nobody reads");
    sqe.fd = -2;
    shows(&sqe, 0, "NOP(nop_flags=0); not read: fd=0xfffffffe",
          "another one is no prep function's");

    rota_sqe_clear(&sqe);
    rota_prep_recv_multishot_select(&sqe, 5, 0, 3);
    rota_sqe_set_data64(&sqe, 42);
    sqe.flags |= IOSQE_IO_LINK;
    shows(&sqe, 0,
          "RECV(fd=5, addr=NULL, len=0, msg_flags=0, ioprio=IORING_RECV_MULTISHOT, optlen=0, "
          "buf_group=3) flags=IOSQE_IO_LINK|IOSQE_BUFFER_SELECT user_data=0x2a",
          "a multishot receive");

    rota_sqe_clear(&sqe);
    rota_prep_openat(&sqe, AT_FDCWD, NULL, O_WRONLY | O_CREAT | O_SYNC, 0600);
    sqe.personality = 2;
    shows(&sqe, 0,
          "OPENAT(fd=AT_FDCWD, addr=NULL, open_flags=O_SYNC|O_WRONLY|O_CREAT, len=384, "
          "file_index=0) personality=2",
          "flags of several bits");

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, 3, NULL, 16, (__u64)-1);
    sqe.flags = IOSQE_FIXED_FILE;
    sqe.rw_flags = 0x40001;
    shows(&sqe, 0,
          "READ(fd=slot 3, addr=NULL, len=16, off=-1, rw_flags=RWF_HIPRI|0x40000) "
          "flags=IOSQE_FIXED_FILE",
          "unknown bits");

    rota_sqe_clear(&sqe);
    rota_prep_shutdown(&sqe, 3, SHUT_WR);
    sqe.addr3 = 0x10;
    shows(&sqe, 0, "SHUTDOWN(fd=3, len=SHUT_WR); not read: addr3=0x10", "what is not read");

    rota_sqe_clear(&sqe);
    rota_prep_cancel64(&sqe, 7, 0);
    shows(&sqe, 0, "ASYNC_CANCEL(addr=7, cancel_flags=0)", "what one of several stores");

    rota_sqe_clear(&sqe);
    rota_prep_sendmsg(&sqe, 3, NULL, 0);
    shows(&sqe, 0, "SENDMSG(fd=3, addr=NULL, msg_flags=0)", "a length that nobody reads");

    rota_sqe_clear(&sqe);
    rota_prep_cmd_sock(&sqe, SOCKET_URING_OP_GETSOCKOPT, 3, 1, 2, NULL, 0);
    shows(&sqe, 0,
          "URING_CMD(fd=3, cmd_op=2 (SOCKET_URING_OP_GETSOCKOPT on a socket or "
          "FUSE_IO_URING_CMD_COMMIT_AND_FETCH on /dev/fuse), addr=0x200000001)",
          "a command by its names");

    rota_sqe_clear(&sqe);
    sqe.opcode = 250;
    sqe.off = 1;
    shows(&sqe, 0, "opcode 250(); not read: off=0x1", "an unknown opcode");
    is_int(rota_sqe_format(NULL, 0, NULL, 0), -EINVAL, "no request is EINVAL");
}

static void large(void)
{
    struct io_uring_sqe sqe[2];
    char text[512];

    memset(sqe, 0, sizeof(sqe));
    sqe[0].opcode = IORING_OP_URING_CMD128;
    memset(&sqe[1], 0xab, 2);
    rota_sqe_format(sqe, ROTA_FORMAT_BIG, text, sizeof(text));
    ok(strstr(text, "second half abab0000"), "the second half of a large request");
    rota_sqe_format(sqe, 0, text, sizeof(text));
    ok(!strstr(text, "second half"), "which is left out unless it is asked for");
}

/* What the number of a command means, as far as that can be known. */
static void commands(void)
{
    /* The kernel's struct ublksrv_ctrl_cmd, nvme_uring_cmd: as bytes, because headers may lack them. */
    static const struct {
        uint32_t dev_id;
        uint16_t queue_id, len;
        uint64_t addr, data;
        uint16_t dev_path_len, pad;
        uint32_t reserved;
    } control = {3, 0xffff, 64, 0x1000, 7, 9, 0, 0};
    static const unsigned char nvme[72] = {[0] = 2, [4] = 1, [71] = 5};
    int sock = socket(AF_UNIX, SOCK_STREAM, 0), file = open("/proc/self/exe", O_RDONLY),
        null = open("/dev/null", O_RDWR);
    union {
        struct io_uring_sqe sqe;
        unsigned char bytes[128];
    } big;
    struct io_uring_sqe sqe;
    char text[1024];

    memset(&big, 0, sizeof(big));
    rota_prep_ublk_add_dev(&big.sqe, 4, (const struct ublksrv_ctrl_cmd *)(const void *)&control);
    shows(&big.sqe, 0,
          "URING_CMD(fd=4, cmd_op=UBLK_U_CMD_ADD_DEV, cmd={dev_id=3, queue_id=65535, len=64, "
          "addr=0x1000, ...})",
          "a command with its structure, of which half is in the SQE");
    rota_sqe_format(&big.sqe, ROTA_FORMAT_BIG, text, sizeof(text));
    ok(strstr(text, "addr=0x1000, data=0x7, dev_path_len=9})") && !strstr(text, "second half") &&
           !strstr(text, "behind it"),
       "all of it when the second half may be looked at");
    big.bytes[127] = 0xee;
    rota_sqe_format(&big.sqe, ROTA_FORMAT_BIG, text, sizeof(text));
    ok(strstr(text, "behind it 0000"), "bytes behind it are shown");
    memset(&big, 0, sizeof(big));
    rota_prep_nvme_io(&big.sqe, 4, (const struct nvme_uring_cmd *)(const void *)nvme);
    big.sqe.opcode = IORING_OP_URING_CMD128;
    rota_sqe_format(&big.sqe, ROTA_FORMAT_BIG, text, sizeof(text));
    ok(strstr(text, "URING_CMD128(fd=4, cmd_op=NVME_URING_CMD_IO, cmd={opcode=2, nsid=1, rsvd2="),
       "the large opcode carries the same commands");

    rota_sqe_clear(&sqe);
    rota_prep_uring_cmd(&sqe, 1, 4);
    rota_sqe_format(&sqe, 0, text, sizeof(text));
    ok(strstr(text, "cmd_op=1 (SOCKET_URING_OP_SIOCOUTQ on a socket or ") &&
           strstr(text, " or FUSE_IO_URING_CMD_REGISTER on /dev/fuse or ") &&
           strstr(text, "IORING_MOCK_MGR_CMD_CREATE on /dev/io_uring_mock)"),
       "all that a small number may mean: %s", text);
    sqe.cmd_op = 5;
    shows(&sqe, 0, "URING_CMD(fd=4, cmd_op=5 (SOCKET_URING_OP_GETSOCKNAME on a socket))",
          "one meaning of a small number is no proof");
    sqe.cmd_op = 77;
    shows(&sqe, 0, "URING_CMD(fd=4, cmd_op=77)", "a number that nobody knows");

    sqe.cmd_op = 1;
    sqe.fd = sock;
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, "cmd_op=SOCKET_URING_OP_SIOCOUTQ)"), "a socket decides: %s", text);
    sqe.fd = null;
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, "cmd_op=1)"), "and so does a device with another name: %s", text);
    sqe.fd = file;
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, "cmd_op=1)"), "and a file: %s", text);
    rota_prep_ublk_fetch_req(&sqe, null, (const struct ublksrv_io_cmd *)(const void *)&control, 0);
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(!strstr(text, "UBLK_U_IO_FETCH_REQ"), "never a name that the file belies: %s", text);
    sqe.fd = 9999;
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, "cmd_op=UBLK_U_IO_FETCH_REQ, cmd={q_id=3, "), "a closed file decides nothing");
    close(sock);
    close(file);
    close(null);
}

static void following(void)
{
    struct iovec vectors[5] = {{(void *)16, 3}, {(void *)32, 4}, {NULL, 0}, {NULL, 1}, {NULL, 2}};
    struct __kernel_timespec time = {1, 500};
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(80)};
    struct sockaddr_un un = {.sun_family = AF_UNIX, .sun_path = "/run/x"};
    struct msghdr message = {.msg_iov = vectors, .msg_iovlen = 1};
    struct io_uring_sqe sqe;
    char text[1024];

    inet_pton(AF_INET, "192.0.2.7", &in.sin_addr);

    rota_sqe_clear(&sqe);
    rota_prep_unlinkat(&sqe, AT_FDCWD, "dir\t\"x\"", 0);
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " \"dir\\t\\\"x\\\"\""), "a path is quoted");
    rota_sqe_format(&sqe, 0, text, sizeof(text));
    ok(!strstr(text, "dir"), "and left alone unless asked for");

    rota_sqe_clear(&sqe);
    rota_prep_writev(&sqe, 1, vectors, 5, 0);
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " [{0x10, 3}, {0x20, 4}, {0, 0}, {0, 1}, ...]"), "vectors");

    rota_sqe_clear(&sqe);
    rota_prep_timeout(&sqe, &time, 0, 0);
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " {1 s, 500 ns}"), "a time");

    rota_sqe_clear(&sqe);
    rota_prep_connect(&sqe, 3, (struct sockaddr *)(void *)&in, sizeof(in));
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " {AF_INET, 192.0.2.7:80}"), "an IPv4 address");

    rota_sqe_clear(&sqe);
    rota_prep_connect(&sqe, 3, (struct sockaddr *)(void *)&un, sizeof(un));
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " {AF_UNIX, \"/run/x\"}"), "a local address");

    rota_sqe_clear(&sqe);
    rota_prep_sendmsg(&sqe, 3, &message, 0);
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " [{0x10, 3}]}"), "a message");

    rota_sqe_clear(&sqe);
    rota_prep_write(&sqe, 3, "hello\n", 6, 0);
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " \"hello\\n\", len=6"), "data to be written");
}

/* Addresses that lead nowhere, and one whose text runs into the end of its page. */
static void bad_addresses(void)
{
    static const uint64_t addresses[] = {1,
                                         4095,
                                         UINT64_MAX,
                                         UINT64_MAX - 7,
                                         UINT64_C(0x8000000000000000),
                                         UINT64_C(0xffffff0000000000)};
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct io_uring_sqe sqe;
    unsigned tried = 0;
    char text[1024];

    for (unsigned op = 0; op < 65; op++) {
        for (unsigned i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
            memset(&sqe, 0, sizeof(sqe));
            sqe.opcode = (uint8_t)op;
            sqe.addr = sqe.addr2 = sqe.addr3 = addresses[i];
            sqe.len = UINT32_MAX;
            tried += rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text)) > 0;
        }
    }
    is_int(tried, 65 * 6, "addresses that lead nowhere do no harm");

    if (pages == MAP_FAILED)
        bail("no memory");
    mprotect(pages + 4096, 4096, PROT_NONE);
    memset(pages, 'a', 4096);
    memset(&sqe, 0, sizeof(sqe));
    sqe.opcode = IORING_OP_UNLINKAT;
    sqe.addr = (uintptr_t)pages + 4090;
    rota_sqe_format(&sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " \"aaaaaa\"..."), "a text without an end stops where the memory does");
    munmap(pages, 8192);
}

/* Whatever the size of the buffer: no byte beyond it, terminated, the same beginning. */
static void bounds(void)
{
    struct io_uring_sqe sqe;
    char whole[1024], part[1024];
    int length;
    bool good = true;

    rota_sqe_clear(&sqe);
    rota_prep_recv_multishot_select(&sqe, 5, 0, 3);
    length = rota_sqe_format(&sqe, 0, whole, sizeof(whole));
    for (size_t size = 0; size < (size_t)length + 10; size++) {
        memset(part, '#', sizeof(part));
        good &= rota_sqe_format(&sqe, 0, part, size) == length;
        if (size) {
            size_t shown = size - 1 < (size_t)length ? size - 1 : (size_t)length;

            good &= part[shown] == '\0' && !memcmp(part, whole, shown);
        }
        for (size_t i = size; i < sizeof(part); i++)
            good &= part[i] == '#';
    }
    ok(good, "no size of the buffer makes it write beyond, or end without a terminator");
    is_int(rota_sqe_format(&sqe, 0, NULL, 0), length, "no buffer at all gives the length");
}

static void completions(void)
{
    struct io_uring_sqe sqe;
    struct io_uring_cqe cqe;
    char text[200];

    memset(&cqe, 0, sizeof(cqe));
    cqe.user_data = 7;
    cqe.res = -EINVAL;
    rota_cqe_format(&cqe, NULL, 0, text, sizeof(text));
    is_str(text, "res=-22 (EINVAL) user_data=0x7", "an error");

    rota_sqe_clear(&sqe);
    rota_prep_recv(&sqe, 1, NULL, 0, 0);
    cqe.res = 16;
    cqe.flags = 5U << IORING_CQE_BUFFER_SHIFT | IORING_CQE_F_BUFFER | IORING_CQE_F_MORE | 0x40;
    rota_cqe_format(&cqe, &sqe, 0, text, sizeof(text));
    is_str(text, "RECV: res=16 buffer=5 flags=IORING_CQE_F_MORE|0x40 user_data=0x7",
           "a buffer, a flag, an unknown flag");
    is_int(rota_cqe_format(NULL, NULL, 0, text, sizeof(text)), -EINVAL, "no completion is EINVAL");
}

static void parameters(void)
{
    struct io_uring_params params;
    char text[300];

    memset(&params, 0, sizeof(params));
    rota_params_format(&params, text, sizeof(text));
    is_str(text, "{flags=0}", "nothing asked for");
    params.flags = IORING_SETUP_SQPOLL | IORING_SETUP_CQSIZE | 1U << 30;
    params.cq_entries = 64;
    params.sq_thread_idle = 100;
    params.features = IORING_FEAT_NODROP;
    rota_params_format(&params, text, sizeof(text));
    is_str(text,
           "{flags=IORING_SETUP_SQPOLL|IORING_SETUP_CQSIZE|0x40000000, cq_entries=64, "
           "sq_thread_idle=100, features=IORING_FEAT_NODROP}",
           "flags, sizes and features");
    is_int(rota_params_format(NULL, text, sizeof(text)), -EINVAL, "no parameters is EINVAL");
}

#define OWN(name)   \
    {               \
        name, #name \
    }

static void errors(void)
{
    static const struct {
        int error;
        const char *name;
    } own[] = {
        OWN(EPERM),           OWN(ENOENT),    OWN(EINTR),     OWN(ENXIO),     OWN(EBADF),
        OWN(EAGAIN),          OWN(ENOMEM),    OWN(EACCES),    OWN(EFAULT),    OWN(EBUSY),
        OWN(EEXIST),          OWN(ENODEV),    OWN(EINVAL),    OWN(ENFILE),    OWN(EMFILE),
        OWN(ENOSPC),          OWN(ERANGE),    OWN(EDEADLK),   OWN(ENOSYS),    OWN(EBADR),
        OWN(ETIME),           OWN(EPROTO),    OWN(EOVERFLOW), OWN(EBADFD),    OWN(EOPNOTSUPP),
        OWN(ENOBUFS),         OWN(ESHUTDOWN), OWN(EALREADY),  OWN(ECANCELED), OWN(EOWNERDEAD),
        OWN(ENOTRECOVERABLE),
    };

    is_str(rota_error_name(-EINVAL), "EINVAL", "the name of a result");
    is_str(rota_error_name(ECANCELED), "ECANCELED", "the name of an errno");
    ok(!rota_error_name(0) && !rota_error_name(4000) && !rota_error_name(INT32_MIN),
       "a number that is no error has no name");
    ok(rota_error_meaning(-ENOBUFS), "an error has a meaning");
    ok(!rota_error_meaning(0) && !rota_error_meaning(EINVAL + 4096), "no error has none");
    /* What the headers say that functions of this library return. */
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        is_str(rota_error_name(-own[i].error), own[i].name, "%s has its name", own[i].name);
        ok(rota_error_meaning(-own[i].error), "and a meaning");
    }
}

int main(void)
{
    requests();
    large();
    commands();
    following();
    bad_addresses();
    bounds();
    completions();
    parameters();
    errors();
    return done();
}
