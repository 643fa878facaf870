/* SPDX-License-Identifier: MIT */
/* Requests that are system calls, each with what it may get wrong: paths, files, sockets, memory. */
#include "single.h"

#include <linux/futex.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/xattr.h>

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE FUTEX_PRIVATE_FLAG
#endif

static char dir[] = "/tmp/rota-requests-XXXXXX";
static int at;

static void paths(struct twin *t)
{
    struct open_how how = {.flags = O_RDONLY};
    struct stat status;
    int fd;

    say(t, "%d", ONE(t, mkdirat(q, at, "d", 0700)));
    say(t, " %d", ONE(t, mkdirat(q, at, "d", 0700)));
    fd = ONE(t, openat(q, at, "d/f", O_CREAT | O_RDWR, 0600));
    say(t, " %d", fd >= 0);
    say(t, " %d", ONE(t, ftruncate(q, fd, 100)));
    say(t, " %d", fstat(fd, &status) ? -1 : (int)status.st_size);
    say(t, " %d", ONE(t, close(q, fd)));
    say(t, " %d", ONE(t, close(q, fd)));
    say(t, " %d", ONE(t, close(q, t->ring.ring_fd)));
    say(t, " | %d", ONE(t, linkat(q, at, "d/f", at, "d/g", 0)));
    say(t, " %d", ONE(t, symlinkat(q, "f", at, "d/h")));
    say(t, " %d", ONE(t, renameat(q, at, "d/g", at, "d/i", 0)));
    say(t, " %d", ONE(t, renameat(q, at, "d/g", at, "d/i", 0)));
    say(t, " %d", ONE(t, renameat(q, at, "d/i", at, "d/f", RENAME_NOREPLACE)));
    fd = ONE(t, openat2(q, at, "d/i", &how));
    say(t, " %d", fd >= 0);
    say(t, " %d", ONE(t, close(q, fd)));
    how.resolve = RESOLVE_NO_SYMLINKS;
    say(t, " %d", ONE(t, openat2(q, at, "d/h", &how)));
    how.resolve = UINT64_MAX;
    say(t, " %d", ONE(t, openat2(q, at, "d/i", &how)));
    say(t, " | %d", ONE(t, unlinkat(q, at, "d", 0)));
    say(t, " %d", ONE(t, unlinkat(q, at, "d/f", 0)));
    say(t, " %d", ONE(t, unlinkat(q, at, "d/h", 0)));
    say(t, " %d", ONE(t, unlinkat(q, at, "d/i", 0)));
    say(t, " %d", ONE(t, unlinkat(q, at, "d", AT_REMOVEDIR)));
    say(t, " %d", ONE(t, openat(q, at, "d/f", O_RDONLY, 0)));
    say(t, " %d", ONE(t, openat(q, at, (const char *)8192, O_RDONLY, 0)));
    say(t, " %d", ONE(t, openat(q, 12345, "d/f", O_RDONLY, 0)));
}

static void data(struct twin *t)
{
    static char in[8192], out[8192];
    struct iovec iov[2] = {{in, 5}, {in + 5, 3}}, two[2] = {{out, 4}, {out + 4, 8}};
    struct iovec *gone; /* memory that cannot be read */
    struct statx about;
    int fd = openat(at, "data", O_CREAT | O_RDWR | O_TRUNC, 0600);

    memcpy(in, "0123456789", 10);
    gone = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (gone == MAP_FAILED)
        bail("mmap");
    say(t, "%d", ONE(t, write(q, fd, in, 10, 4096)));
    say(t, " %d", ONE(t, writev(q, fd, iov, 2, 0)));
    say(t, " %d", ONE(t, read(q, fd, out, 8192, 0)));
    say(t, " %.8s", out);
    say(t, " %.10s", out + 4096);
    say(t, " %d", ONE(t, read(q, fd, out, 10, 5000)));
    memset(out, 0, 16);
    say(t, " %d", ONE(t, readv(q, fd, two, 2, 2)));
    say(t, " %.6s", out);
    /* The file's own position. */
    say(t, " | %d", ONE(t, read(q, fd, out, 3, (__u64)-1)));
    say(t, " %d", ONE(t, read(q, fd, out, 3, (__u64)-1)));
    say(t, " %.3s", out);
    say(t, " %d", ONE(t, write(q, fd, "ab", 2, (__u64)-1)));
    say(t, " %d", (int)lseek(fd, 0, SEEK_CUR));
    say(t, " | %d", ONE(t, fsync(q, fd, 0)));
    say(t, " %d", ONE(t, fsync(q, fd, IORING_FSYNC_DATASYNC)));
    say(t, " %d", ONE(t, sync_file_range(q, fd, 100, 0, 0)));
    say(t, " %d", ONE(t, fallocate(q, fd, 0, 0, 8192)));
    say(t, " %d", ONE(t, fadvise(q, fd, 0, 100, POSIX_FADV_WILLNEED)));
    say(t, " %d", ONE(t, fadvise(q, fd, 0, 100, 99)));
    say(t, " %d", ONE(t, statx(q, fd, "", AT_EMPTY_PATH, STATX_SIZE, (struct statx *)&about)));
    say(t, " %d", (int)about.stx_size);
    say(t, " %d", ONE(t, madvise(q, out, 1, 99)));
    say(t, " | %d", ONE(t, read(q, fd, (void *)8192, 10, 0)));
    say(t, " %d", ONE(t, write(q, fd, (void *)8192, 10, 0)));
    say(t, " %d", ONE(t, readv(q, fd, gone, 1, 0)));
    say(t, " %d", ONE(t, read(q, 12345, out, 10, 0)));
    say(t, " %d", ONE(t, read(q, at, out, 10, 0)));
    say(t, " %d", ONE(t, fsync(q, 12345, 0)));
    say(t, " %d", ONE(t, ftruncate(q, at, 10)));
    close(fd);
    munmap(gone, 4096);
}

static void attributes(struct twin *t)
{
    char value[16] = "", path[64];
    int fd = openat(at, "attributes", O_CREAT | O_RDWR, 0600), ret;

    (void)snprintf(path, sizeof(path), "%s/attributes", dir);
    ret = ONE(t, fsetxattr(q, fd, "user.a", "one", 0, 3));
    if (ret == -EOPNOTSUPP) {
        say(t, "0 3 one 0 3 two -61 -61 -17");
        close(fd);
        return;
    }
    say(t, "%d", ret);
    say(t, " %d", ONE(t, fgetxattr(q, fd, "user.a", value, sizeof(value))));
    say(t, " %.3s", value);
    say(t, " %d", ONE(t, setxattr(q, "user.b", "two", path, 0, 3)));
    say(t, " %d", ONE(t, getxattr(q, "user.b", value, path, sizeof(value))));
    say(t, " %.3s", value);
    say(t, " %d", ONE(t, getxattr(q, "user.c", value, path, sizeof(value))));
    say(t, " %d", ONE(t, fgetxattr(q, fd, "user.c", value, sizeof(value))));
    say(t, " %d", ONE(t, fsetxattr(q, fd, "user.a", "one", XATTR_CREATE, 3)));
    close(fd);
    (void)unlinkat(at, "attributes", 0);
}

static void pipes(struct twin *t)
{
    int p[2], r[2], fd = openat(at, "pipes", O_CREAT | O_RDWR | O_TRUNC, 0600);
    char buf[16] = "";

    say(t, "%d", ONE(t, pipe(q, p, O_CLOEXEC)));
    say(t, " %d", fcntl(p[0], F_GETFD) == FD_CLOEXEC);
    make_pipe(r);
    put(p[1], "abcdef");
    say(t, " %d", ONE(t, tee(q, p[0], r[1], 3, 0)));
    say(t, " %d", ONE(t, splice(q, p[0], -1, r[1], -1, 6, 0)));
    say(t, " %d", (int)read(r[0], buf, sizeof(buf)));
    say(t, " %s", buf);
    put(p[1], "xyz");
    say(t, " %d", ONE(t, splice(q, p[0], -1, fd, 2, 3, 0)));
    say(t, " %d", (int)pread(fd, buf, 8, 2));
    say(t, " %.3s", buf);
    say(t, " %d", ONE(t, splice(q, fd, 2, r[1], -1, 2, 0)));
    say(t, " %d", ONE(t, splice(q, p[0], -1, r[1], -1, 0, 0)));
    say(t, " %d", ONE(t, splice(q, 12345, -1, r[1], -1, 1, 0)));
    /* From a slot. */
    say(t, " | %d", rota_register_files(&t->ring, p, 1));
    put(p[1], "mn");
    say(t, " %d", ONE(t, splice(q, 0, -1, r[1], -1, 2, SPLICE_F_FD_IN_FIXED)));
    say(t, " %d", ONE(t, splice(q, 1, -1, r[1], -1, 2, SPLICE_F_FD_IN_FIXED)));
    say(t, " %d", rota_unregister_files(&t->ring));
    for (unsigned i = 0; i < 2; i++) {
        close(p[i]);
        close(r[i]);
    }
    close(fd);
}

static void sockets(struct twin *t)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t size = sizeof(address);
    int server, value = 1, got = 0, s[2];

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server = ONE(t, socket(q, AF_INET, SOCK_STREAM, 0, 0));
    say(t, "%d", server >= 0);
    say(t, " %d",
        ONE(t, cmd_sock(q, SOCKET_URING_OP_SETSOCKOPT, server, SOL_SOCKET, SO_REUSEADDR, &value,
                        sizeof(value))));
    say(t, " %d",
        ONE(t, cmd_sock(q, SOCKET_URING_OP_GETSOCKOPT, server, SOL_SOCKET, SO_REUSEADDR, &got,
                        sizeof(got))));
    say(t, " %d", got);
    say(t, " %d",
        ONE(t, cmd_sock(q, SOCKET_URING_OP_GETSOCKOPT, server, IPPROTO_TCP, 1, &got, sizeof(got))));
    say(t, " %d", ONE(t, bind(q, server, any, size)));
    say(t, " %d", ONE(t, listen(q, server, 4)));
    if (getsockname(server, any, &size))
        bail("getsockname");
    s[0] = ONE(t, socket(q, AF_INET, SOCK_STREAM, 0, 0));
    say(t, " %d", ONE(t, connect(q, s[0], any, size)));
    s[1] = ONE(t, accept(q, server, NULL, NULL, 0));
    say(t, " %d", s[1] >= 0);
    say(t, " %d", ONE(t, send(q, s[0], "hello", 5, 0)));
    poll(&(struct pollfd){.fd = s[1], .events = POLLIN}, 1, 1000);
    say(t, " %d", ONE(t, cmd_sock(q, SOCKET_URING_OP_SIOCINQ, s[1], 0, 0, NULL, 0)));
    say(t, " %d", ONE(t, shutdown(q, s[0], SHUT_WR)));
    say(t, " %d", ONE(t, send(q, s[0], "hello", 5, 0)));
    say(t, " %d", ONE(t, shutdown(q, 12345, SHUT_WR)));
    say(t, " %d", ONE(t, listen(q, at, 4)));
    say(t, " %d", ONE(t, socket(q, 12345, SOCK_STREAM, 0, 0)));
    close(server);
    close(s[0]);
    close(s[1]);
}

static void sends(struct twin *t)
{
    struct iovec iov[2] = {{"ab", 2}, {"cde", 3}};
    struct msghdr header = {.msg_iov = iov, .msg_iovlen = 2};
    char got[16] = "";
    int s[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        bail("socketpair");
    say(t, "%d", ONE(t, sendmsg(q, s[0], &header, 0)));
    say(t, " %d", (int)read(s[1], got, sizeof(got)));
    say(t, " %s", got);
    close(s[1]);
    /* No SIGPIPE. */
    say(t, " %d", ONE(t, send(q, s[0], "x", 1, 0)));
    say(t, " %d", ONE(t, sendmsg(q, s[0], &header, 0)));
    say(t, " %d", ONE(t, sendmsg(q, s[0], (struct msghdr *)8192, 0)));
    say(t, " %d", ONE(t, send(q, at, "x", 1, 0)));
    say(t, " %d", ONE(t, send(q, 12345, "x", 1, 0)));
    close(s[0]);
}

static void zero_copy(struct twin *t)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    struct sockaddr *any = (struct sockaddr *)&address;
    socklen_t size = sizeof(address);
    static char area[64] = "registered";
    struct iovec whole = {area, sizeof(area)};
    struct io_uring_sqe *sqe;
    char got[32] = "";
    int a = socket(AF_INET, SOCK_DGRAM, 0), b = socket(AF_INET, SOCK_DGRAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(b, any, size) || getsockname(b, any, &size) || connect(a, any, size))
        bail("datagrams");
    PREP(t, 1, send_zc(q, a, "abc", 3, 0, 0));
    submit(t);
    reap(t, 2);
    say(t, " %d", (int)read(b, got, sizeof(got)));
    if (rota_register_buffers(&t->ring, &whole, 1))
        bail("buffers");
    PREP(t, 2, send_zc_fixed(q, a, area, 10, 0, 0, 0));
    submit(t);
    reap(t, 2);
    say(t, " %d", (int)read(b, got, sizeof(got)));
    say(t, " %.10s", got);
    PREP(t, 3, send_zc_fixed(q, a, area + 60, 10, 0, 0, 0));
    submit(t);
    reap_sorted(t, 2);
    sqe = PREP(t, 4, send_zc(q, a, "abc", 3, 0, 0));
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    submit(t);
    reap(t, 1);
    close(a);
    close(b);
}

static void events(struct twin *t)
{
    struct epoll_event ev = {.events = EPOLLIN, .data = {.u64 = 5}}, got = {0};
    int epoll = epoll_create1(0), p[2];

    make_pipe(p);
    say(t, "%d", ONE(t, epoll_ctl(q, epoll, p[0], EPOLL_CTL_ADD, &ev)));
    say(t, " %d", ONE(t, epoll_ctl(q, epoll, p[0], EPOLL_CTL_ADD, &ev)));
    say(t, " %d", ONE(t, epoll_ctl(q, epoll, p[0], EPOLL_CTL_ADD, (struct epoll_event *)8192)));
    PREP(t, 1, epoll_wait(q, epoll, &got, 1, 0));
    submit(t);
    quiet(t);
    put(p[1], "x");
    reap(t, 1);
    say(t, " %d", (int)got.data.u64);
    say(t, " %d", ONE(t, epoll_wait(q, epoll, &got, 1, 0)));
    say(t, " %d", ONE(t, epoll_wait(q, p[0], &got, 1, 0)));
    say(t, " %d", ONE(t, epoll_ctl(q, epoll, p[0], EPOLL_CTL_DEL, NULL)));
    close(epoll);
    close(p[0]);
    close(p[1]);
}

static void wakes(struct twin *t)
{
    static uint32_t word = 1;
    struct io_uring_cqe *cqe;
    int woken = 0, waited = -1;

    say(t, "%d",
        ONE(t,
            futex_wake(q, &word, 1, FUTEX_BITSET_MATCH_ANY, FUTEX2_SIZE_U32 | FUTEX2_PRIVATE, 0)));
    PREP(t, 1,
         futex_wait(q, &word, 1, FUTEX_BITSET_MATCH_ANY, FUTEX2_SIZE_U32 | FUTEX2_PRIVATE, 0));
    submit(t);
    /* It may take a while until it sleeps. */
    while (!woken || waited < 0) {
        if (!woken) {
            PREP(t, 2,
                 futex_wake(q, &word, 1, FUTEX_BITSET_MATCH_ANY, FUTEX2_SIZE_U32 | FUTEX2_PRIVATE,
                            0));
            (void)rota_submit(&t->ring);
        }
        if (rota_wait_cqe(&t->ring, &cqe))
            bail("wait");
        if (cqe->user_data == 1)
            waited = cqe->res;
        else
            woken += cqe->res;
        rota_cqe_seen(&t->ring, cqe);
    }
    say(t, " %d", woken);
    say(t, " %d", waited);
}

/* What lives until the submit only may be overwritten then. */
static void submitted(struct twin *t)
{
    char name[] = "fresh";
    struct iovec iov = {NULL, 4};
    char got[4] = "";
    int p[2];

    make_pipe(p);
    PREP(t, 1, mkdirat(q, at, name, 0700));
    submit(t);
    memset(name, 'z', sizeof(name) - 1);
    reap(t, 1);
    say(t, " %d", unlinkat(at, "fresh", AT_REMOVEDIR));
    iov.iov_base = got;
    PREP(t, 2, readv(q, p[0], &iov, 1, 0));
    submit(t);
    memset(&iov, 0, sizeof(iov));
    put(p[1], "data");
    reap(t, 1);
    say(t, " %.4s", got);
    close(p[0]);
    close(p[1]);
}

static const struct scenario scenarios[] = {
    SCENARIO("paths", paths,
             "0 -17 1 0 100 0 -9 -9 | 0 0 0 -2 -17 1 0 -40 -22 | -21 0 0 0 0 -2 -14 -9",
             .opcode = IORING_OP_FTRUNCATE),
    SCENARIO("data", data,
             "10 8 4106 01234567 0123456789 0 12 234567 | 3 3 345 2 8 | 0 0 0 0 0 -22 0 8192 -22 "
             "| -14 -14 -14 -9 -21 -9 -22",
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("attributes", attributes, "0 3 one 0 3 two -61 -61 -17", .opcode = IORING_OP_GETXATTR),
    SCENARIO("pipes", pipes, "0 1 3 6 9 abcabcdef 3 3 xyz 2 0 -9 | 0 2 -9 0",
             .opcode = IORING_OP_PIPE),
    SCENARIO("sockets", sockets, "1 0 4 1 -95 0 0 0 1 5 5 0 -32 -9 -88 -97",
             .opcode = IORING_OP_LISTEN),
    SCENARIO("sends", sends, "5 5 abcde -32 -32 -14 -88 -9", .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("zero-copy sends", zero_copy,
             "[1] 1:3+ 1:0n 3[1] 2:10+ 2:0n 10 registered[1] 3:-14+ 3:0n[1] 4:-22",
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("epoll", events, "0 -17 -14[1] 1:1 5 1 -22 0", .opcode = IORING_OP_EPOLL_WAIT),
    SCENARIO("futexes", wakes, "0[1] 1 0", .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("what lives until the submit", submitted, "[1] 1:0 0[1] 2:4 data",
             .opcode = IORING_OP_MKDIRAT, .features = IORING_FEAT_SUBMIT_STABLE),
};

int main(void)
{
    if (!mkdtemp(dir))
        bail("mkdtemp");
    at = open(dir, O_RDONLY | O_DIRECTORY);
    PLAY(scenarios);
    (void)unlinkat(at, "data", 0);
    (void)unlinkat(at, "pipes", 0);
    (void)rmdir(dir);
    return done();
}
