/* SPDX-License-Identifier: MIT */
/*
 * Situations that bug reports tell of: each is made real, the kernel gives its
 * error, and the first cause is the right one.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <pthread.h>
#include <rota.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "first.h"

#define NOBODY 65534
#define MANY   1025

static struct rota_ring ring;
static struct rota_caps caps;
static char memory[8192];
static struct iovec many[MANY];
static char place[] = "/tmp/rota-situations-XXXXXX";
static int file, secret, directory, pipe_ends[2], pair[2], tcp, listener;
static struct sockaddr_in address;

/* Sends the request; the kernel answers `error`, and the first cause has that text. */
static void gives(int error, const char *wanted)
{
    const struct __kernel_timespec patience = {.tv_sec = 3, .tv_nsec = 0};
    struct io_uring_cqe *cqe;
    char text[4096];
    bool mine, ended_by_us = false;
    int res = 0;

    if (rota_caps_opcode(&caps, request.opcode, NULL) != ROTA_YES) {
        skip(1, "this kernel has no %s", rota_op_name(request.opcode));
        return;
    }
    request.user_data = 0x5109;
    memcpy(rota_get_sqe(&ring), &request, sizeof(request));
    if (rota_submit(&ring) < 0)
        bail("the ring fails");
    do {
        if (rota_wait_cqe_timeout(&ring, &cqe, &patience) < 0) {
            if (ended_by_us || caps.kernel_from >= ROTA_KERNEL(6, 18))
                bail("%s does not end", rota_op_name(request.opcode));
            /* Older kernels wait for some files before they look at the length. */
            ended_by_us = true;
            rota_prep_cancel64(rota_get_sqe(&ring), request.user_data, 0);
            (void)rota_submit(&ring);
            mine = false;
            continue;
        }
        res = cqe->res;
        mine = cqe->user_data == 0x5109;
        rota_cqe_seen(&ring, cqe);
    } while (!mine);
    if (res != error && (res >= 0 || caps.kernel_from < ROTA_KERNEL(6, 18))) {
        skip(1, "this kernel answers %d to that %s", res, rota_op_name(request.opcode));
        return;
    }
    rota_explain(&ring, &caps, &request, res, text, sizeof(text));
    finds(text, wanted);
}

static void messages(void)
{
    struct msghdr message = {.msg_iov = many, .msg_iovlen = MANY};
    struct iovec two[2] = {{memory, 4}, {(void *)64, 4}};
    int ends[2];

    rota_prep_sendmsg(fresh(), pair[0], &message, 0);
    gives(-EMSGSIZE, "certain: The message has more than 1024 pieces (addr=0x");
    rota_prep_recvmsg(fresh(), pair[0], &message, 0);
    gives(-EMSGSIZE, "certain: The message header has more than 1024 pieces (addr=0x");

    rota_prep_send(fresh(), pair[0], two, 2, 0);
    request.ioprio = IORING_SEND_VECTORIZED;
    if (caps.kernel_from >= ROTA_KERNEL(6, 17))
        gives(-EFAULT, "certain: element 1 of the vector: base=0x40 is no memory of this process");

    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends))
        bail("socketpair: %s", strerror(errno));
    rota_prep_send(fresh(), ends[0], memory, 1, MSG_OOB);
    gives(-EOPNOTSUPP, "likely: Sockets of this kind have no data out of band");
    close(ends[0]);
    close(ends[1]);
}

static void sockets(void)
{
    static struct sockaddr_un lost = {.sun_family = AF_UNIX, .sun_path = "no-such-socket"};
    static struct sockaddr_un taken = {.sun_family = AF_UNIX, .sun_path = "file"};
    int unix_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char wanted[200];

    rota_prep_connect(fresh(), unix_socket, (struct sockaddr *)&lost, sizeof(lost));
    gives(-ENOENT, "certain: addr names the socket \"no-such-socket\", which does not exist");
    rota_prep_bind(fresh(), unix_socket, (struct sockaddr *)&taken, sizeof(taken));
    gives(-EADDRINUSE, "certain: addr names the socket \"file\", which exists");
    rota_prep_connect(fresh(), tcp, (struct sockaddr *)&lost, sizeof(lost));
    gives(-EAFNOSUPPORT, "certain: The address belongs to another family than the socket");
    rota_prep_connect(fresh(), tcp, (struct sockaddr *)&address, 4);
    gives(-EINVAL, "certain: The length is not that of an address of its family");
    rota_prep_bind(fresh(), tcp, (struct sockaddr *)&address, 4);
    gives(-EINVAL, "certain: The length is not that of an address of its family");
    rota_prep_recv(fresh(), listener, memory, 8, 0);
    (void)snprintf(wanted, sizeof(wanted), "certain: The socket is not connected (fd=%d)",
                   listener);
    gives(-ENOTCONN, wanted);
    rota_prep_uring_cmd(fresh(), 99, tcp);
    gives(-EOPNOTSUPP, "certain: A socket has no such command (cmd_op=99, fd=");
    rota_prep_uring_cmd(fresh(), SOCKET_URING_OP_SIOCINQ, file);
    gives(-EOPNOTSUPP, "certain: Files of this kind take no commands");
    rota_prep_socket(fresh(), 200, SOCK_STREAM, 0, 0);
    gives(-EAFNOSUPPORT, "certain: The kernel does not know the address family");
    close(unix_socket);
}

/* Memory that commands' structures lead to, of which no driver is asked here. */
static void says_of(const struct rota_ring *of, const struct io_uring_sqe *sqe, const char *wanted)
{
    char text[4096];

    rota_explain(of, NULL, sqe, -EFAULT, text, sizeof(text));
    if (!ok(!wanted || strstr(text, wanted), "memory of a command: %s", wanted ? wanted : "fine"))
        diag("%s", text);
    if (!wanted)
        ok(!strstr(text, " memory of this process") && !strstr(text, "may not write"),
           "and no word of what is there");
}

static void points(void)
{
    static const char constant[4096] = "what nobody writes";
    struct {
        uint32_t device;
        uint16_t queue, length;
        uint64_t address, data[2];
    } control = {.length = 64, .address = 0x40};
    struct {
        uint32_t start[6];
        uint64_t address;
        uint32_t metadata_length, data_length, words[8];
    } disk = {.data_length = 2};
    struct iovec pieces[2] = {{memory, 8}, {(void *)(uintptr_t)0x40, 8}};
    union {
        struct io_uring_sqe sqe;
        char room[128];
    } large;
    struct rota_config config;
    struct rota_ring big;

    rota_config_single_owner(&config);
    config.required_flags |= IORING_SETUP_SQE128;
    if (rota_init(&big, 4, &config) < 0) {
        skip(8, "this kernel has no large requests");
        return;
    }
    memset(&large, 0, sizeof(large));
    rota_prep_ublk_get_dev_info(&large.sqe, -1, (const struct ublksrv_ctrl_cmd *)(void *)&control);
    says_of(&big, &large.sqe, "UBLK_U_CMD_GET_DEV_INFO: addr=0x40 is no memory of this process");
    control.address = (uintptr_t)constant;
    memset(&large, 0, sizeof(large));
    rota_prep_ublk_get_dev_info(&large.sqe, -1, (const struct ublksrv_ctrl_cmd *)(void *)&control);
    says_of(&big, &large.sqe, "is memory that this process may not write");
    memset(&large, 0, sizeof(large));
    rota_prep_ublk_set_params(&large.sqe, -1, (const struct ublksrv_ctrl_cmd *)(void *)&control);
    says_of(&big, &large.sqe, NULL);
    disk.address = (uintptr_t)pieces;
    memset(&large, 0, sizeof(large));
    rota_prep_nvme_io_vec(&large.sqe, -1, (const struct nvme_uring_cmd *)(void *)&disk);
    says_of(&big, &large.sqe,
            "NVME_URING_CMD_IO_VEC: element 1 of the vector: base=0x40 is no memory");
    memset(&large, 0, sizeof(large));
    rota_prep_nvme_io(&large.sqe, -1, (const struct nvme_uring_cmd *)(void *)&disk);
    says_of(&big, &large.sqe, NULL);
    large.sqe.uring_cmd_flags = IORING_URING_CMD_FIXED;
    says_of(&big, &large.sqe, NULL);
    rota_queue_exit(&big);
}

static void opens(void)
{
    struct open_how linkless = {.resolve = RESOLVE_NO_SYMLINKS};
    struct open_how beneath = {.resolve = RESOLVE_BENEATH};
    struct open_how unknown = {.resolve = UINT64_C(1) << 40};
    struct open_how cached = {.flags = O_CREAT | O_RDWR, .mode = 0600, .resolve = 0x20};

    rota_prep_openat2(fresh(), AT_FDCWD, "link", &linkless);
    gives(-ELOOP, "certain: RESOLVE_NO_SYMLINKS, RESOLVE_NO_MAGICLINKS or O_NOFOLLOW is set");
    rota_prep_openat2(fresh(), directory, "/etc/passwd", &beneath);
    gives(-EXDEV, "certain: The path leaves the directory or its file system");
    rota_prep_openat2(fresh(), directory, "file", &unknown);
    gives(-EINVAL, "certain: The structure asks for something in `resolve`");
    rota_prep_openat2(fresh(), directory, "fresh", &cached);
    gives(-EAGAIN, "certain: RESOLVE_CACHED is set");
    rota_prep_openat(fresh(), AT_FDCWD, "link", O_RDONLY | O_NOFOLLOW, 0);
    gives(-ELOOP, "certain: O_NOFOLLOW is set and the path names a symbolic link");
    rota_prep_openat(fresh(), AT_FDCWD, "file", O_RDONLY | O_DIRECTORY, 0);
    gives(-ENOTDIR, "certain: O_DIRECTORY is set and the path names no directory");
    rota_prep_openat(fresh(), AT_FDCWD, "file/below", O_RDONLY, 0);
    gives(-ENOTDIR,
          "certain: addr names \"file/below\", and the directory \"file\" is no directory");
    rota_prep_renameat(fresh(), AT_FDCWD, "sub", AT_FDCWD, "sub/below", 0);
    gives(-EINVAL, "likely: The new path lies below the old one");
}

/* What the rights of another user forbid. */
static void rights(void)
{
    struct open_how reading = {.flags = O_RDONLY}, writing = {.flags = O_WRONLY};
    struct open_how making = {.flags = O_WRONLY | O_CREAT, .mode = 0600};

    if (geteuid() || chmod(place, 0755)) {
        skip(10, "only root can become somebody who may not");
        return;
    }
    if (setegid(NOBODY) || seteuid(NOBODY))
        bail("seteuid: %s", strerror(errno));
    rota_prep_openat(fresh(), AT_FDCWD, "secret", O_RDONLY, 0);
    gives(-EACCES, "certain: The process may not read the file (addr=\"secret\")");
    rota_prep_openat(fresh(), AT_FDCWD, "file", O_WRONLY, 0);
    gives(-EACCES, "certain: The process may not write to the file (addr=\"file\")");
    rota_prep_openat(fresh(), AT_FDCWD, "file", O_RDWR, 0);
    gives(-EACCES, "certain: The process may not write to the file (addr=\"file\")");
    rota_prep_openat(fresh(), AT_FDCWD, "locked/inside", O_RDONLY, 0);
    gives(-EACCES, "certain: addr names \"locked/inside\", and the directory \"locked\" may not be "
                   "entered");
    rota_prep_openat(fresh(), AT_FDCWD, "mine", O_WRONLY | O_CREAT, 0600);
    gives(-EACCES, "certain: The process may not make a file in the directory (addr=\"mine\")");
    rota_prep_openat2(fresh(), AT_FDCWD, "secret", &reading);
    gives(-EACCES, "certain: The process may not read the file");
    rota_prep_openat2(fresh(), AT_FDCWD, "file", &writing);
    gives(-EACCES, "certain: The process may not write to the file");
    rota_prep_openat2(fresh(), AT_FDCWD, "mine", &making);
    gives(-EACCES, "certain: The process may not make a file in the directory");
    rota_prep_unlinkat(fresh(), AT_FDCWD, "file", 0);
    gives(-EACCES, "certain: The process may not remove a name from the directory (addr=\"file\")");
    rota_prep_mkdirat(fresh(), AT_FDCWD, "sub/made", 0700);
    gives(-EACCES, "certain: The process may not make a name in the directory (addr=\"sub/made\")");
    if (seteuid(0) || setegid(0))
        bail("seteuid: %s", strerror(errno));
}

static void files(void)
{
    int queue = inotify_init1(IN_CLOEXEC), signals;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    rota_prep_read(fresh(), file, memory, 8, (uint64_t)-5);
    gives(-EINVAL, "certain: The offset is negative and not -1");
    rota_prep_read(fresh(), signals, memory, 100, 0);
    gives(-EINVAL, "certain: fd=");
    if (inotify_add_watch(queue, place, IN_CREATE) < 0)
        bail("inotify: %s", strerror(errno));
    close(open("a-name-of-more-than-sixteen-letters", O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    rota_prep_read(fresh(), queue, memory, 20, 0);
    gives(-EINVAL, "certain: fd=");
    close(queue);
    close(signals);
}

/* A timeout whose remedy was applied already, and one that can still get it. */
static void remedies(void)
{
    static const struct __kernel_timespec soon = {.tv_sec = 0, .tv_nsec = 1000};
    char text[2000];

    rota_prep_timeout(fresh(), &soon, 0, 0);
    gives(-ETIME, "certain: The time is over");
    rota_explain(&ring, &caps, &request, -ETIME, text, sizeof(text));
    ok(strstr(text, "Set IORING_TIMEOUT_ETIME_SUCCESS"), "with a remedy");
    request.timeout_flags = IORING_TIMEOUT_ETIME_SUCCESS;
    rota_explain(&ring, &caps, &request, -ETIME, text, sizeof(text));
    ok(!strstr(text, "->"), "which is not given to whom has done it");
}

static void cancels(void)
{
    struct io_uring_sqe *read;

    rota_prep_read(read = rota_get_sqe(&ring), pipe_ends[0], memory, 8, 0);
    read->user_data = 4711;
    rota_prep_poll_remove(fresh(), 4711);
    gives(-ENOENT, "certain: No poll request in flight has this user_data (addr=4711); READ, the "
                   "last one submitted with it, has completed or is of another kind");
    rota_prep_cancel64(rota_get_sqe(&ring), 4711, 0);
    rota_prep_cancel64(fresh(), 8000, 0);
    gives(-ENOENT, "certain: no request in flight has the user_data 8000 ->");
    rota_prep_timeout_remove(fresh(), 8000, 0);
    gives(-ENOENT, "certain: No timeout in flight has this user_data (addr=8000) ->");
}

static void descriptors(void)
{
    struct rlimit old, low;
    int next = dup(file);

    close(next);
    if (next < 0 || getrlimit(RLIMIT_NOFILE, &old))
        bail("no descriptor");
    low = old;
    low.rlim_cur = (rlim_t)next;
    if (setrlimit(RLIMIT_NOFILE, &low))
        bail("setrlimit: %s", strerror(errno));
    rota_prep_openat(fresh(), AT_FDCWD, "file", O_RDONLY, 0);
    gives(-EMFILE, "certain: the process may have ");
    setrlimit(RLIMIT_NOFILE, &old);
}

/* Two descriptors that are one, or that must not be. */
static void twins(void)
{
    int set = epoll_create1(EPOLL_CLOEXEC), again = dup(pipe_ends[1]);
    struct epoll_event event = {.events = EPOLLIN};
    char text[4096];

    rota_prep_splice(fresh(), pipe_ends[0], -1, again, -1, 4, 0);
    gives(-EINVAL, "certain: Both are the same pipe (fd=");
    rota_prep_tee(fresh(), file, pipe_ends[1], 4, 0);
    gives(-EINVAL, "certain: The input is no pipe");
    rota_explain(&ring, &caps, &request, -EINVAL, text, sizeof(text));
    ok(!strstr(text, "same pipe"), "a file and a pipe are not called one");
    rota_prep_epoll_ctl(fresh(), set, set, EPOLL_CTL_ADD, &event);
    gives(-EINVAL, "certain: The file is the epoll set itself (fd=");
    close(again);
    close(set);
    if (rota_caps_opcode(&caps, IORING_OP_MSG_RING, NULL) != ROTA_YES)
        return;
    rota_prep_msg_ring_fd(fresh(), ring.ring_fd, 0, 0, 77, 0);
    rota_explain(&ring, &caps, &request, -EINVAL, text, sizeof(text));
    finds(text, "certain: A file is sent to the ring it comes from");
    rota_explain(&ring, &caps, &request, -EBADF, text, sizeof(text));
    ok(strstr(text, "-> register files") && !strstr(text, "IOSQE_FIXED_FILE"),
       "a slot that no flag makes one has no remedy of leaving it out");
}

/* Structures and arrays of which a part is wrong. */
static void parts(void)
{
    static uint32_t word = 5;
    struct {
        uint64_t value, address;
        uint32_t flags, reserved;
    } words[2] = {{5, (uintptr_t)&word, 130, 0}, {5, 64, 130, 0}};
    struct iovec endless[2] = {{memory, 1}, {memory, SIZE_MAX}};
    int fds[2] = {file, ring.ring_fd};

    rota_prep_futex_waitv(fresh(), (struct futex_waitv *)words, 2, 0);
    gives(-EFAULT, "certain: word 1: uaddr=0x40 is no memory of this process");
    words[1].address = (uintptr_t)&word + 2;
    gives(-EINVAL, "certain: The address of a word is no multiple of four");
    words[1] = words[0];
    words[1].flags = 131;
    rota_prep_futex_waitv(fresh(), (struct futex_waitv *)words, 2, 0);
    gives(-EINVAL, "certain: A word has unknown flags, or its reserved field is not zero");
    rota_prep_readv(fresh(), file, endless, 2, 0);
    gives(-EINVAL, "certain: A vector is longer than any memory can be");
    if (rota_register_files(&ring, fds, 1))
        bail("no files can be registered");
    rota_prep_files_update(fresh(), fds + 1, 1, 0);
    gives(-EBADF, "certain: A descriptor is that of a ring, which cannot be registered (addr=0x");
    fds[1] = 987;
    gives(-EBADF, "certain: A descriptor is not open (addr=0x");
    rota_unregister_files(&ring);
    rota_prep_madvise(fresh(), memory + 1, 64, MADV_DONTNEED);
    gives(-EINVAL, "certain: The address is not on a page boundary");
    rota_prep_madvise(fresh(), (void *)0x10000, 4096, MADV_DONTNEED);
    gives(-ENOMEM, "certain: Part of the range is not mapped");
    /* The kernel makes room for the vectors before it counts them. */
    rota_prep_readv_fixed(fresh(), file, many, 2000, 0, 0, 0);
    gives(-EINVAL, "certain: READV_FIXED: len must be below 1025 (is 0x7d0)");
    rota_prep_writev_fixed(fresh(), file, many, 262145, 0, 0, 0);
    gives(-ENOMEM, "certain: WRITEV_FIXED: len must be below 262145 (is 0x40001); the kernel "
                   "answers ENOMEM");
    rota_prep_write(fresh(), file, memory, 8, UINT64_C(1) << 62);
    gives(-EFBIG, "likely: The file would become larger than its file system allows");
}

/* What a path names, and how it is to be opened. */
static void kinds_of_paths(void)
{
    static struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "socket"};
    int unix_socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (bind(unix_socket, (struct sockaddr *)&name, sizeof(name)) || mkfifo("fifo", 0600))
        bail("no socket or pipe in the directory: %s", strerror(errno));
    rota_prep_openat(fresh(), AT_FDCWD, "socket", O_RDWR, 0);
    gives(-ENXIO, "certain: The path names a socket, which is connected to and not opened");
    rota_prep_openat(fresh(), AT_FDCWD, "fifo", O_WRONLY | O_NONBLOCK, 0);
    gives(-ENXIO, "certain: O_NONBLOCK and O_WRONLY are set, and nobody reads the pipe");
    rota_prep_openat(fresh(), AT_FDCWD, "/proc/self/exe", O_WRONLY, 0);
    gives(-ETXTBSY, "likely: The file is a program that is running");
    rota_prep_openat(fresh(), AT_FDCWD, "sub", O_TMPFILE, 0600);
    gives(-EINVAL, "certain: O_TMPFILE makes a file to be written");
    rota_prep_openat(fresh(), AT_FDCWD, "/proc/self/maps", O_DIRECT, 0);
    gives(-EINVAL, "likely: The file system cannot open files with O_DIRECT");
    if (caps.kernel_from >= ROTA_KERNEL(6, 4)) {
        rota_prep_openat(fresh(), AT_FDCWD, "made", O_CREAT | O_DIRECTORY, 0600);
        gives(-EINVAL, "certain: O_CREAT and O_DIRECTORY exclude each other");
    }
    rota_prep_connect(fresh(), unix_socket, (struct sockaddr *)&address, sizeof(address));
    gives(-EINVAL, "certain: The address belongs to another family, and sockets of this one");
    if (caps.kernel_from >= ROTA_KERNEL(6, 6)) {
        rota_prep_uring_cmd(fresh(), SOCKET_URING_OP_SIOCINQ, listener);
        gives(-EINVAL, "likely: SOCKET_URING_OP_SIOCINQ: A socket that listens has no bytes");
    }
    close(unix_socket);
    unlink("socket");
    unlink("fifo");
}

/*
 * Calls
 */

static void registered(unsigned call, int ret, const char *wanted)
{
    char text[4096];

    if (ret >= 0 || ret == -EINVAL) {
        skip(1, "this kernel answers %d", ret);
        return;
    }
    rota_explain_register(&ring, &caps, call, ret, text, sizeof(text));
    finds(text, wanted);
}

static void calls(void)
{
    struct io_uring_sync_cancel_reg sync = {.addr = 4242, .timeout = {-1, -1}};
    static int table[100];
    struct rlimit old, low;
    char text[2000];

    for (unsigned i = 0; i < 100; i++)
        table[i] = -1;
    if (getrlimit(RLIMIT_NOFILE, &old))
        bail("getrlimit: %s", strerror(errno));
    low = old;
    low.rlim_cur = 60;
    if (setrlimit(RLIMIT_NOFILE, &low))
        bail("setrlimit: %s", strerror(errno));
    registered(IORING_REGISTER_FILES, rota_register_files(&ring, table, 100),
               "certain: The table would have more slots than RLIMIT_NOFILE or 1048576 "
               "(RLIMIT_NOFILE is 60)");
    setrlimit(RLIMIT_NOFILE, &old);
    registered(IORING_UNREGISTER_PBUF_RING, rota_unregister_buf_ring(&ring, 77),
               "certain: There is no such group.");
    registered(IORING_REGISTER_SYNC_CANCEL, rota_register_sync_cancel(&ring, &sync),
               "certain: No request matches.");
    rota_explain_register(&ring, &caps, IORING_REGISTER_ENABLE_RINGS, -EBADFD, text, sizeof(text));
    ok(!strstr(text, "is not enabled"), "a ring that was never disabled is not called so");
    ok(strstr(text, "certain: The ring is enabled already."), "but enabled");
}

/* Errors without the request: what the table knows. */
static void in_general(void)
{
    static struct rota_cause causes[64];
    int count = rota_opcode_causes(NULL, IORING_OP_RECV, -EINVAL, causes, 64), last = ROTA_CERTAIN;
    bool sorted = true, rule = false;

    for (int i = 0; i < count; i++) {
        sorted &= causes[i].certainty <= last;
        last = causes[i].certainty;
        rule |= strstr(causes[i].text, "When ioprio has IORING_RECV_MULTISHOT, flags must have "
                                       "IOSQE_BUFFER_SELECT") != NULL;
    }
    ok(count >= 10 && sorted, "an EINVAL of RECV: %d causes, the surest first", count);
    ok(rule, "rules among them");
    is_int(rota_opcode_causes(NULL, IORING_OP_RECV, -EINVAL, causes, 2), 2, "as many as fit");
    is_int(rota_opcode_causes(NULL, IORING_OP_RECV, 0, causes, 64), 0, "no error");
    is_int(rota_opcode_causes(NULL, 250, -EINVAL, causes, 64), -EINVAL, "no such opcode");
    is_int(rota_opcode_causes(NULL, IORING_OP_RECV, -EINVAL, NULL, 1), -EINVAL, "no room");
    count = rota_call_causes(NULL, IORING_REGISTER_FILES, -EMFILE, causes, 64);
    ok(count == 1 && causes[0].certainty == ROTA_CERTAIN &&
           strstr(causes[0].text, "more slots than RLIMIT_NOFILE"),
       "the only reason of an error is certain");
    ok(rota_call_causes(NULL, IORING_REGISTER_BUFFERS, -EEXIST, causes, 64) == 1,
       "a call from another thread");
    count = rota_call_causes(NULL, IORING_REGISTER_MEM_REGION, -EINVAL, causes, 64);
    ok(count > 1 && !strcmp(causes[count - 2].text,
                            "A member of the structure is not as it must be: __resv is 0, flags "
                            "within IORING_MEM_REGION_REG_WAIT_ARG."),
       "what members must be");
    ok(count > 0 && !strncmp(causes[count - 1].text, "A member of an element is not as it", 35),
       "  and those of what it leads to");
    is_int(rota_call_causes(NULL, 250, -EINVAL, causes, 64), -EINVAL, "no such call");
    count = rota_any_causes(-ECANCELED, causes, 64);
    ok(count > 4 && causes[0].certainty == ROTA_LIKELY &&
           strstr(causes[0].text, "in a chain of IOSQE_IO_LINK failed or came short") &&
           strstr(causes[count - 1].text, ": "),
       "of any request: what is the case most often first");
    is_int(rota_any_causes(-EINVAL, causes, 2), 2, "as many as fit");
    is_int(rota_any_causes(0, causes, 64), 0, "no error");
    is_int(rota_any_causes(-EINVAL, NULL, 1), -EINVAL, "no room");
}

static void *visit(void *arg)
{
    char *text = arg;
    int ret;

    rota_prep_nop(rota_get_sqe(&ring));
    ret = rota_submit(&ring);
    rota_explain_submit(&ring, ret, text, 2000);
    return NULL;
}

static void threads(void)
{
    char text[2000];
    struct io_uring_cqe *cqe;
    pthread_t thread;

    if (!(ring.flags & IORING_SETUP_SINGLE_ISSUER)) {
        skip(1, "this kernel has no rings of one thread");
        return;
    }
    if (pthread_create(&thread, NULL, visit, text))
        bail("no thread");
    pthread_join(thread, NULL);
    ok(strstr(text, "1. certain: ") && strstr(text, "thread"), "a ring of another thread");
    diag("%s", text);
    /* What it left in the queue. */
    if (rota_submit(&ring) > 0 && !rota_wait_cqe(&ring, &cqe))
        rota_cqe_seen(&ring, cqe);
}

static void set_ups(void)
{
    struct io_uring_params params;
    char text[2000];

    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF;
    params.sq_thread_cpu = 4000;
    rota_explain_setup(8, &params, -EINVAL, text, sizeof(text));
    if (access("/sys/devices/system/cpu/online", R_OK))
        skip(1, "/sys does not tell of processors");
    else
        finds(text, "certain: sq_thread_cpu=4000 is no processor of this machine, whose are 0");
    params.sq_thread_cpu = 0;
    rota_explain_setup(8, &params, -EINVAL, text, sizeof(text));
    ok(!strstr(text, "certain: sq_thread_cpu"), "processor 0 is one");
}

int main(void)
{
    socklen_t size = sizeof(address);

    if (rota_caps_get(&caps, NULL) < 0 || rota_init(&ring, 16, NULL) < 0)
        skip_all("no ring can be made here");
    if (!mkdtemp(place) || chdir(place) || mkdir("sub", 0755) || mkdir("locked", 0700) ||
        symlink("file", "link") || pipe2(pipe_ends, O_CLOEXEC) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        bail("no place to work in: %s", strerror(errno));
    file = open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    secret = open("secret", O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    close(open("locked/inside", O_CREAT | O_RDWR | O_CLOEXEC, 0644));
    directory = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (tcp < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
        listen(listener, 4) || getsockname(listener, (struct sockaddr *)&address, &size))
        skip_all("no TCP socket can be made here: %s", strerror(errno));
    for (unsigned i = 0; i < MANY; i++)
        many[i] = (struct iovec){memory, 1};
    messages();
    sockets();
    points();
    opens();
    rights();
    files();
    twins();
    parts();
    kinds_of_paths();
    remedies();
    cancels();
    descriptors();
    calls();
    in_general();
    threads();
    set_ups();
    if (chdir("/") || unlinkat(directory, "file", 0))
        diag("%s stays", place);
    unlinkat(directory, "secret", 0);
    unlinkat(directory, "link", 0);
    unlinkat(directory, "a-name-of-more-than-sixteen-letters", 0);
    unlinkat(directory, "locked/inside", 0);
    unlinkat(directory, "locked", AT_REMOVEDIR);
    unlinkat(directory, "sub", AT_REMOVEDIR);
    rmdir(place);
    return done();
}
