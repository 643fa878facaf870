/* SPDX-License-Identifier: MIT */
/*
 * Situations that users of io_uring report, as they come to them: the request or
 * call is made, the kernel answers, and the first cause is what was wrong.
 */
#define _GNU_SOURCE
#include <rota.h>
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "first.h"

#ifndef FALLOC_FL_COLLAPSE_RANGE
#define FALLOC_FL_COLLAPSE_RANGE 8
#endif
#ifndef MFD_ALLOW_SEALING
#define MFD_ALLOW_SEALING 2U
#endif
#ifndef RWF_ATOMIC
#define RWF_ATOMIC 0x40
#endif
#define SEAL_WRITE 8
#define ADD_SEALS  1033

static struct rota_caps caps;
static struct rota_ring ring;
static char memory[8192];
static char place[] = "/tmp/rota-reports-XXXXXX";
static int file, pipe_ends[2], pair[2];

static void queue(uint64_t user_data)
{
    request.user_data = user_data;
    memcpy(rota_get_sqe(&ring), &request, sizeof(request));
}

/* Waits for the completion of that request; -EINPROGRESS when none comes. */
static int result(uint64_t user_data)
{
    const struct __kernel_timespec patience = {.tv_sec = 30, .tv_nsec = 0};
    struct io_uring_cqe *cqe;

    for (;;) {
        bool found;
        int res;

        if (rota_wait_cqe_timeout(&ring, &cqe, &patience) < 0)
            return -EINPROGRESS;
        res = cqe->res;
        found = cqe->user_data == user_data;
        rota_cqe_seen(&ring, cqe);
        if (found)
            return res;
    }
}

/* What is said first of the answer `res` to the request. */
static void says(int res, int error, const char *wanted)
{
    char text[4096];

    if (res != error && (res >= 0 || caps.kernel_from < ROTA_KERNEL(6, 18))) {
        skip(1, "this kernel answers %d to that %s", res, rota_op_name(request.opcode));
        return;
    }
    rota_explain(&ring, &caps, &request, res, text, sizeof(text));
    finds(text, wanted);
}

static void gives(int error, const char *wanted)
{
    if (rota_caps_opcode(&caps, request.opcode, NULL) != ROTA_YES) {
        skip(1, "this kernel has no %s", rota_op_name(request.opcode));
        return;
    }
    queue(0x5109);
    if (rota_submit(&ring) < 0)
        bail("the ring fails");
    says(result(0x5109), error, wanted);
}

/* What is said first of an error that this machine need not give. */
static void would_say(int error, const char *wanted)
{
    char text[4096];

    rota_explain(&ring, NULL, &request, error, text, sizeof(text));
    finds(text, wanted);
}

static void slots(void)
{
    int only[2] = {-1, file};
    char text[4096];

    rota_prep_read(fresh(), -1, memory, 8, 0);
    gives(-EBADF, "certain: fd=-1 is no descriptor at all -> look at what the call");
    rota_prep_cancel_fd(fresh(), 3, IORING_ASYNC_CANCEL_FD_FIXED);
    gives(-EBADF, "certain: the ring has no file table, and fd=3 is to be a slot of it");
    rota_explain(&ring, NULL, &request, -EBADF, text, sizeof(text));
    ok(!strstr(text, "IOSQE_FIXED_FILE"), "what was not set is not to be left out");
    if (caps.kernel_from < ROTA_KERNEL(6, 0) || rota_register_files_sparse(&ring, 64)) {
        skip(4, "this kernel makes no empty table");
        return;
    }
    if (rota_register_files_update(&ring, 50, &only[1], 1) != 1)
        bail("no file can be registered");
    rota_prep_read(fresh(), 50, memory, 8, 0);
    gives(-EBADF, "certain: fd=50 is not an open descriptor of this process, but a filled slot of "
                  "the ring's file table -> set IOSQE_FIXED_FILE");
    rota_prep_read(fresh(), 51, memory, 8, 0);
    gives(-EBADF, "certain: fd=51 is not an open descriptor of this process -> open it");
    if (rota_register_file_alloc_range(&ring, 50, 1))
        bail("no range of slots can be set");
    rota_prep_openat_direct(fresh(), AT_FDCWD, "file", O_RDONLY, 0, IORING_FILE_INDEX_ALLOC);
    gives(-ENFILE, "likely: IORING_FILE_INDEX_ALLOC was given, and no slot is free in the range");
    rota_prep_pipe_direct(fresh(), only, 0, IORING_FILE_INDEX_ALLOC);
    gives(-ENFILE, "likely: IORING_FILE_INDEX_ALLOC was given, and fewer than two slots are free");
    rota_unregister_files(&ring);
}

static void files(void)
{
    int sealed = memfd_create("rota", MFD_ALLOW_SEALING | MFD_CLOEXEC);

    if (sealed < 0 || ftruncate(sealed, 4096) || fcntl(sealed, ADD_SEALS, SEAL_WRITE | 6))
        bail("no file can be sealed");
    rota_prep_write(fresh(), sealed, memory, 8, 0);
    gives(-EPERM, "certain: The file is sealed against writing");
    rota_prep_ftruncate(fresh(), sealed, 8);
    gives(-EPERM, "certain: The file is sealed against its new size");
    rota_prep_fallocate(fresh(), sealed, 3, 0, 4096);
    gives(-EPERM, "certain: The file is sealed against what is asked");
    close(sealed);
    rota_prep_fallocate(fresh(), file, FALLOC_FL_COLLAPSE_RANGE, 1, 7);
    would_say(-EINVAL, "likely: FALLOC_FL_COLLAPSE_RANGE wants offset and length in whole blocks");
    rota_prep_write(fresh(), file, memory, 4096, 0);
    request.rw_flags = RWF_ATOMIC;
    if (caps.kernel_from >= ROTA_KERNEL(6, 11))
        gives(-EOPNOTSUPP, "likely: RWF_ATOMIC is set, and the file is not open with O_DIRECT");
    rota_prep_splice(fresh(), pipe_ends[0], -1, pair[0], 10, 4, 0);
    gives(-EINVAL, "certain: An offset is given for the output, which has no positions");
    rota_prep_splice(fresh(), pair[0], 10, pipe_ends[1], -1, 4, 0);
    gives(-EINVAL, "certain: An offset is given for the input, which has no positions");
}

/* A file open with O_DIRECT and all in its place is not blamed for its alignment. */
static void direct(void)
{
    static char aligned[8192] __attribute__((aligned(4096)));
    struct iovec piece = {aligned + 1, 4096};
    int fd = open("file", O_RDWR | O_DIRECT | O_CLOEXEC);
    char text[4096];

    if (fd < 0) {
        skip(2, "no file can be opened with O_DIRECT here");
        return;
    }
    rota_prep_readv(fresh(), fd, &piece, 1, 0);
    rota_explain(&ring, NULL, &request, -EINVAL, text, sizeof(text));
    if (!strstr(text, "certain: fd=")) {
        skip(2, "the file system does not tell what it wants");
    } else {
        piece.iov_base = aligned;
        rota_explain(&ring, NULL, &request, -EINVAL, text, sizeof(text));
        ok(!strstr(text, "aligned"), "what is aligned is not called otherwise");
        rota_prep_read(fresh(), fd, aligned, 4096, 0);
        request.attr_type_mask = IORING_RW_ATTR_FLAG_PI;
        would_say(-EINVAL, "likely: IORING_RW_ATTR_FLAG_PI is set and the file has no protection");
    }
    close(fd);
}

static void paths(void)
{
    if (geteuid()) {
        skip(8, "only root is told of mount points, and not of rights");
        return;
    }
    rota_prep_unlinkat(fresh(), AT_FDCWD, ".", AT_REMOVEDIR);
    gives(-EINVAL, "likely: The path ends in `.`, which cannot be removed");
    rota_prep_unlinkat(fresh(), AT_FDCWD, "/proc", AT_REMOVEDIR);
    gives(-EBUSY, "likely: It is a mount point or the root directory");
    rota_prep_renameat(fresh(), AT_FDCWD, "sub/.", AT_FDCWD, "sub2", 0);
    gives(-EBUSY, "likely: One of the two is a mount point, or its path ends in `.`");
    rota_prep_mkdirat(fresh(), AT_FDCWD, "/proc/rota", 0700);
    gives(-ENOENT, "likely: The file system makes no directories there");
    rota_prep_openat(fresh(), AT_FDCWD, "fresh/", O_CREAT | O_RDWR, 0600);
    gives(-EISDIR, "certain: The path ends in a slash, and O_CREAT makes no directories");
    if (!mknod("device", S_IFCHR | 0600, (240 << 8) | 77)) {
        rota_prep_openat(fresh(), AT_FDCWD, "device", O_RDONLY, 0);
        gives(-ENXIO, "likely: The path names a device file, and no driver or device is behind it");
        unlink("device");
    }
    rota_prep_setxattr(fresh(), "", "x", "file", 0, 1);
    gives(-ERANGE, "likely: The name is empty or longer than 255 bytes");
    rota_prep_setxattr(fresh(), "user.a", "x", "/dev/null", 0, 1);
    gives(-EPERM, "likely: Attributes of the namespace `user.` are only for regular files");
}

/* What sockets answer. */
static void sockets(void)
{
    static struct sockaddr_un stale = {.sun_family = AF_UNIX, .sun_path = "datagrams"};
    static struct sockaddr_in address = {.sin_family = AF_INET};
    static struct sockaddr_in6 other = {.sin6_family = AF_INET6};
    static char control[CMSG_SPACE(sizeof(int))];
    struct iovec piece = {memory, 8};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int local = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int lonely = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    unsigned length = 0x80000000;
    socklen_t size = sizeof(address);
    int client;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || udp < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
        listen(listener, 4) || getsockname(listener, (struct sockaddr *)&address, &size)) {
        skip(12, "no TCP or UDP socket can be made here");
        return;
    }
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client, (struct sockaddr *)&address, sizeof(address)))
        bail("connect: %s", strerror(errno));
    rota_prep_accept(fresh(), listener, (struct sockaddr *)memory, &length, 0);
    gives(-EINVAL, "certain: The place for the length of the address holds a negative number");
    rota_prep_connect(fresh(), listener, (struct sockaddr *)&address, sizeof(address));
    gives(-EISCONN, "certain: The socket listens");
    rota_prep_send(fresh(), udp, memory, 8, 0);
    rota_prep_send_set_addr(&request, (struct sockaddr *)&address, 4);
    if (caps.kernel_from >= ROTA_KERNEL(6, 1)) /* older ones want no address at all */
        gives(-EINVAL, "certain: The length is not that of an address of its family");
    rota_prep_sendto(fresh(), udp, memory, 8, 0, (struct sockaddr *)&other, sizeof(other));
    gives(-EAFNOSUPPORT, "certain: The address belongs to another family than the socket");
    address.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    rota_prep_connect(fresh(), udp, (struct sockaddr *)&address, sizeof(address));
    would_say(-EACCES, "likely: The address is one for broadcasts");
    message.msg_control = control;
    message.msg_controllen = sizeof(control);
    rota_prep_sendmsg(fresh(), pair[0], &message, 0);
    gives(-EINVAL, "certain: The length of the name is negative, or a control message does not");
    ((struct cmsghdr *)(void *)control)->cmsg_len = CMSG_LEN(sizeof(int));
    {
        char text[4096];

        rota_explain(&ring, &caps, &request, -EINVAL, text, sizeof(text));
        ok(!strstr(text, "control message"),
           "a header that is well formed is not called otherwise");
    }
    if (bind(local, (struct sockaddr *)&stale, sizeof(stale)))
        bail("bind: %s", strerror(errno));
    rota_prep_connect(fresh(), lonely, (struct sockaddr *)&stale, sizeof(stale));
    gives(-EPROTOTYPE, "certain: The socket at that path is of another type");
    would_say(-EAGAIN, "certain: The queue of who listens there is full");
    rota_prep_sendto(fresh(), lonely, memory, 8, 0, (struct sockaddr *)&stale, sizeof(stale));
    gives(-EOPNOTSUPP, "likely: A destination is given, and sockets of this kind send only");
    rota_prep_listen(fresh(), lonely, 4);
    gives(-EINVAL, "likely: The socket has no address, which its kind needs to listen");
    unlink("datagrams");
    close(listener);
    close(client);
    close(udp);
    close(local);
    close(lonely);
}

/* Buffers that a group gives, and those that do not suit. */
static void groups(void)
{
    static struct msghdr header = {.msg_namelen = 100};
    struct io_uring_buf_ring *buffers;
    int err;

    rota_prep_provide_buffers(fresh(), (void *)(uintptr_t)0x4000, 64, 1, 5, 0);
    queue(1);
    if (rota_submit(&ring) < 0 || result(1) < 0) {
        skip(1, "this kernel looks at the buffers that it is given");
    } else {
        if (write(pair[1], "abcdefgh", 8) != 8)
            bail("write: %s", strerror(errno));
        rota_prep_recv(fresh(), pair[0], NULL, 64, 0);
        request.flags |= IOSQE_BUFFER_SELECT;
        request.buf_group = 5;
        gives(-EFAULT, "likely: the buffer that came from group 5 is not all memory");
    }
    buffers = rota_setup_buf_ring(&ring, 8, 3, 0, &err);
    if (!buffers || caps.kernel_from < ROTA_KERNEL(6, 8)) {
        skip(3, "this kernel has no rings of buffers, or does not tell of them");
        return;
    }
    rota_buf_ring_add(buffers, memory, 64, 0, 7, 0);
    rota_buf_ring_advance(buffers, 1);
    rota_prep_recvmsg_multishot(fresh(), pair[0], &header, 0);
    request.flags |= IOSQE_BUFFER_SELECT;
    request.buf_group = 3;
    if (write(pair[1], "abcdefgh", 8) != 8)
        bail("write: %s", strerror(errno));
    gives(-EFAULT, "likely: A buffer of the group is shorter than struct io_uring_recvmsg_out");
    rota_prep_provide_buffers(fresh(), memory, 64, 1, 3, 0);
    gives(-EINVAL, "certain: The group is a ring of buffers (buf_group=3) -> Add to it");
    rota_prep_remove_buffers(fresh(), 1, 3);
    gives(-EINVAL, "certain: The group is a ring of buffers (buf_group=3) -> End it");
    rota_free_buf_ring(&ring, buffers, 8, 3);
}

static void others(void)
{
    static const struct __kernel_timespec time = {.tv_sec = 1, .tv_nsec = 0};
    struct epoll_event event = {.events = EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT};
    int set = epoll_create1(EPOLL_CLOEXEC);
    char *page;

    rota_prep_epoll_ctl(fresh(), set, pipe_ends[0], EPOLL_CTL_ADD, &event);
    gives(-EINVAL, "likely: EPOLLEXCLUSIVE goes only with EPOLL_CTL_ADD");
    close(set);
    page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, file, 0);
    if (page == MAP_FAILED)
        bail("mmap: %s", strerror(errno));
    munmap(page, 4096);
    page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
    rota_prep_madvise(fresh(), page, 4096, MADV_REMOVE);
    gives(-EACCES, "likely: MADV_REMOVE wants memory that is mapped shared");
    munmap(page, 4096);
    rota_prep_read(fresh(), pipe_ends[0], memory, 8, (uint64_t)-1);
    request.flags |= IOSQE_IO_LINK;
    queue(1);
    rota_prep_link_timeout(fresh(), &time, 0);
    request.flags |= IOSQE_IO_LINK;
    queue(2);
    rota_prep_link_timeout(fresh(), &time, 0);
    queue(3);
    if (rota_submit(&ring) < 0)
        bail("the ring fails");
    says(result(3), -EINVAL, "certain: the request before it, LINK_TIMEOUT, belongs to another");
    rota_prep_cancel64(fresh(), 1, 0);
    queue(4);
    (void)rota_submit(&ring);
    (void)result(4);
    /* The number is that of NVMe (NVME_URING_CMD_IO), but it is the file that takes no commands. */
    rota_prep_uring_cmd(fresh(), (int)0xc0484e80u, file);
    gives(-EOPNOTSUPP, "certain: Files of this kind take no commands");
}

/* What a class of priority needs of who has no rights. */
static void rights(void)
{
    struct open_how how = {.flags = O_RDONLY | O_NOATIME};

    rota_prep_openat(fresh(), AT_FDCWD, "file", O_RDONLY | O_NOATIME, 0);
    would_say(-EPERM, "likely: O_NOATIME is set, and the file is that of another user");
    rota_prep_openat2(fresh(), AT_FDCWD, "file", &how);
    would_say(-EPERM, "likely: The structure asks for O_NOATIME");
    rota_prep_read(fresh(), file, memory, 8, 0);
    request.ioprio = 1 << 13;
    would_say(-EPERM, "likely: A real-time priority of I/O needs CAP_SYS_NICE");
}

static void submit_says(const struct rota_ring *of, int ret, const char *wanted)
{
    char text[4096];

    rota_explain_submit(of, ret, text, sizeof(text));
    finds(text, wanted);
}

/* Waits that nothing ends. */
static void stalls(void)
{
    const struct __kernel_timespec soon = {.tv_sec = 0, .tv_nsec = 1000000};
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe;
    struct rota_ring young;

    if (rota_queue_init(8, &young, 0) < 0)
        bail("no ring");
    submit_says(&young, rota_wait_cqe_timeout(&young, &cqe, &soon),
                "certain: nothing was ever submitted to this ring");
    rota_prep_nop(rota_get_sqe(&young));
    rota_submit(&young);
    if (!rota_wait_cqe(&young, &cqe))
        rota_cqe_seen(&young, cqe);
    submit_says(&young, rota_wait_cqe_timeout(&young, &cqe, &soon),
                "likely: every request that was submitted has completed already");
    if (caps.sqe_flags & IOSQE_CQE_SKIP_SUCCESS) {
        rota_prep_nop(sqe = rota_get_sqe(&young));
        sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
        rota_submit(&young);
        submit_says(&young, rota_wait_cqe_timeout(&young, &cqe, &soon),
                    "likely: nothing is in flight that has to answer: of the requests submitted, 1 "
                    "has IOSQE_CQE_SKIP_SUCCESS");
    }
    rota_queue_exit(&young);
    if (rota_queue_init(8, &young, IORING_SETUP_SQPOLL) < 0) {
        skip(1, "this kernel gives no polling thread");
    } else {
        rota_prep_nop(rota_get_sqe(&young));
        submit_says(&young, rota_wait_cqe_timeout(&young, &cqe, &soon),
                    "certain: 1 request stands in the queue and nothing has submitted");
        rota_queue_exit(&young);
    }
    if (rota_queue_init(8, &young, 0) < 0)
        bail("no ring");
    rota_prep_read(rota_get_sqe(&young), pipe_ends[0], memory, 8, (uint64_t)-1);
    rota_prep_nop(sqe = rota_get_sqe(&young));
    sqe->flags |= IOSQE_IO_DRAIN;
    rota_submit(&young);
    submit_says(&young, rota_wait_cqe_timeout(&young, &cqe, &soon),
                "likely: NOP with IOSQE_IO_DRAIN, and all behind it, wait until every request "
                "before it has completed, and of 1 only 0 have");
    /* Somebody closes the ring's number, and a file gets it. */
    if (dup2(file, young.ring_fd) < 0)
        bail("dup2: %s", strerror(errno));
    rota_prep_nop(rota_get_sqe(&young));
    submit_says(&young, rota_submit(&young), "certain: the ring's descriptor ");
    rota_queue_exit(&young);
}

/* A profile of a container that allows to make rings, and no more. */
static void filtered(void)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_enter, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {4, filter};
    pid_t child = fork();
    int status = 0;

    if (!child) {
        char text[2000];

        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program))
            _exit(2);
        rota_explain_submit(&ring, -EPERM, text, sizeof(text));
        _exit(!strstr(text, "1. likely: a seccomp filter is set on this thread"));
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2)
        skip(1, "no filter can be set");
    else
        ok(!status, "a call that a filter denies");
}

int main(void)
{
    if (rota_caps_get(&caps, NULL) < 0 || rota_init(&ring, 16, NULL) < 0)
        skip_all("no ring can be made here");
    if (!mkdtemp(place) || chdir(place) || mkdir("sub", 0700) || pipe2(pipe_ends, O_CLOEXEC) ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        bail("no place to work in: %s", strerror(errno));
    file = open("file", O_CREAT | O_RDWR | O_CLOEXEC, 0644);
    if (file < 0 || ftruncate(file, 8192))
        bail("no file");
    slots();
    files();
    direct();
    paths();
    sockets();
    groups();
    others();
    rights();
    stalls();
    filtered();
    unlink("file");
    rmdir("sub");
    if (chdir("/") || rmdir(place))
        diag("%s stays", place);
    return done();
}
