/* SPDX-License-Identifier: MIT */
/*
 * Requests of newer kernels: multishot and direct accept, zero-copy send,
 * sockets made, bound and listened on by the ring, direct open, waiting for a
 * child. Each is skipped where the kernel lacks it.
 */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#define DIRECT_SLOTS 3u

static struct rota_ring ring;

/* A listening socket on the loopback, and its address. */
static int listener(struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, size) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &size) < 0)
        skip_all("no loopback network: %s", strerror(errno));
    return fd;
}

static int connected(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
        bail("connect: %s", strerror(errno));
    return fd;
}

/* Submits the SQE that was filled last, as number `data`. */
static struct completion run(struct io_uring_sqe *sqe, uint64_t data)
{
    sqe->user_data = data;
    if (rota_submit(&ring) != 1)
        bail("a request was not taken");
    return next_cqe(&ring);
}

static void test_multishot_accept(void)
{
    struct sockaddr_in address;
    struct io_uring_sqe *sqe;
    struct completion got;
    int fd = listener(&address), clients[4];

    sqe = must_get_sqe(&ring);
    rota_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    sqe->user_data = 1;
    if (rota_submit(&ring) != 1)
        bail("a request was not taken");
    for (unsigned i = 0; i < 4; i++) {
        clients[i] = connected(&address);
        got = next_cqe(&ring);
        if (i == 0 && got.res == -EINVAL) {
            skip(8, "this kernel has no multishot accept (5.19)");
            close(clients[0]);
            close(fd);
            return;
        }
        ok(got.user_data == 1 && got.res >= 0 && (got.flags & IORING_CQE_F_MORE),
           "client %u is accepted, and more may come", i);
        close(got.res);
        close(clients[i]);
    }
    sqe = must_get_sqe(&ring);
    rota_prep_cancel64(sqe, 1, 0);
    sqe->user_data = 2;
    if (rota_submit(&ring) != 1)
        bail("a request was not taken");
    for (unsigned i = 0; i < 2; i++) {
        got = next_cqe(&ring);
        if (got.user_data == 1)
            is_cqe(got, 1, -ECANCELED, 0, "the last of the accept");
        else
            is_cqe(got, 2, 0, 0, "its cancellation");
    }
    close(fd);
}

static void test_send_zc(void)
{
    static char out[4096], in[4096];
    struct sockaddr_in address;
    struct io_uring_sqe *sqe;
    struct completion got;
    int fd = listener(&address), client = connected(&address), server = accept(fd, NULL, NULL);

    if (!kernel_has(&ring, IORING_OP_SEND_ZC)) {
        skip(4, "this kernel has no SEND_ZC (6.0)");
    } else {
        memset(out, 'z', sizeof(out));
        sqe = must_get_sqe(&ring);
        rota_prep_send_zc(sqe, client, out, sizeof(out), 0, 0);
        got = run(sqe, 5);
        is_cqe(got, 5, sizeof(out), IORING_CQE_F_MORE, "SEND_ZC: the count");
        is_int(recv(server, in, sizeof(in), MSG_WAITALL), sizeof(in), "SEND_ZC: arrives");
        got = next_cqe(&ring);
        ok(got.user_data == 5 && (got.flags & IORING_CQE_F_NOTIF), "SEND_ZC: the notification");
        ok(!(got.flags & IORING_CQE_F_MORE), "SEND_ZC: is the last");
    }
    close(client);
    close(server);
    close(fd);
}

/* Accepts into a table of few slots until it is full; a slot that is cleared takes the next. */
static void test_accept_direct(void)
{
    struct sockaddr_in address;
    struct io_uring_sqe *sqe;
    int fd = listener(&address), clients[DIRECT_SLOTS + 1], none = -1;

    if (rota_register_files_sparse(&ring, DIRECT_SLOTS) < 0) {
        skip((int)DIRECT_SLOTS + 4, "this kernel has no sparse file table (5.19)");
        close(fd);
        return;
    }
    for (unsigned i = 0; i <= DIRECT_SLOTS; i++) {
        clients[i] = connected(&address);
        sqe = must_get_sqe(&ring);
        rota_prep_accept_direct(sqe, fd, NULL, NULL, 0, IORING_FILE_INDEX_ALLOC);
        if (i < DIRECT_SLOTS)
            is_cqe(run(sqe, i), i, (int)i, 0, "an accept into any slot");
        else
            is_cqe(run(sqe, i), i, -ENFILE, 0, "one more");
    }
    is_int(rota_register_files_update(&ring, 1, &none, 1), 1, "slot 1 is cleared");
    close(clients[DIRECT_SLOTS]);
    clients[DIRECT_SLOTS] = connected(&address);
    sqe = must_get_sqe(&ring);
    rota_prep_accept_direct(sqe, fd, NULL, NULL, 0, IORING_FILE_INDEX_ALLOC);
    is_cqe(run(sqe, 9), 9, 1, 0, "the next accept");
    close(clients[0]);
    clients[0] = connected(&address);
    sqe = must_get_sqe(&ring);
    rota_prep_accept_direct(sqe, fd, NULL, NULL, 0, DIRECT_SLOTS);
    is_cqe(run(sqe, 10), 10, -EINVAL, 0, "an accept into a slot beyond the table");
    for (unsigned i = 0; i <= DIRECT_SLOTS; i++)
        close(clients[i]);
    close(fd);
    is_int(rota_unregister_files(&ring), 0, "the table ends");
}

/* Makes a file in slot 1 and in any, uses it, closes it. */
static void test_socket(void)
{
    struct io_uring_sqe *sqe;
    struct completion got;

    if (!kernel_has(&ring, IORING_OP_SOCKET)) {
        skip(8, "this kernel has no SOCKET (5.19)");
        return;
    }
    sqe = must_get_sqe(&ring);
    rota_prep_socket(sqe, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0);
    got = run(sqe, 1);
    ok(got.res >= 0 && fcntl(got.res, F_GETFD) == FD_CLOEXEC, "SOCKET gives a descriptor");
    close(got.res);

    if (rota_register_files_sparse(&ring, 2) < 0)
        bail("rota_register_files_sparse");
    sqe = must_get_sqe(&ring);
    rota_prep_socket_direct(sqe, AF_INET, SOCK_STREAM, 0, 1, 0);
    is_cqe(run(sqe, 2), 2, 0, 0, "SOCKET into slot 1");
    sqe = must_get_sqe(&ring);
    rota_prep_socket_direct_alloc(sqe, AF_INET, SOCK_STREAM, 0, 0);
    is_cqe(run(sqe, 3), 3, 0, 0, "SOCKET into any slot, which is 0, and");
    sqe = must_get_sqe(&ring);
    rota_prep_socket_direct_alloc(sqe, AF_INET, SOCK_STREAM, 0, 0);
    is_cqe(run(sqe, 4), 4, -ENFILE, 0, "SOCKET into any slot, of which there is none, and");
    sqe = must_get_sqe(&ring);
    rota_prep_close_direct(sqe, 1);
    is_cqe(run(sqe, 5), 5, 0, 0, "CLOSE of slot 1");
    sqe = must_get_sqe(&ring);
    rota_prep_close_direct(sqe, 1);
    is_cqe(run(sqe, 6), 6, -EBADF, 0, "CLOSE once more");
    sqe = must_get_sqe(&ring);
    rota_prep_socket_direct_alloc(sqe, AF_INET, SOCK_STREAM, 0, 0);
    is_cqe(run(sqe, 7), 7, 1, 0, "SOCKET into any slot");
    is_int(rota_unregister_files(&ring), 0, "the table ends");
}

static void test_openat_direct(void)
{
    char path[64], name[80], in[8] = "";
    int dir = temporary_directory(path), fd;
    struct io_uring_sqe *sqe;

    if (rota_register_files_sparse(&ring, 2) < 0) {
        skip(6, "this kernel has no sparse file table (5.19)");
    } else {
        fd = openat(dir, "file", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        if (fd < 0 || write(fd, "direct", 6) != 6)
            bail("no file: %s", strerror(errno));
        close(fd);
        sqe = must_get_sqe(&ring);
        rota_prep_openat_direct(sqe, dir, "file", O_RDONLY, 0, 1);
        is_cqe(run(sqe, 1), 1, 0, 0, "OPENAT into slot 1");
        sqe = must_get_sqe(&ring);
        rota_prep_read(sqe, 1, in, sizeof(in), 0);
        rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
        is_cqe(run(sqe, 2), 2, 6, 0, "READ of slot 1");
        is_mem(in, "direct", 6, "is what was written");
        sqe = must_get_sqe(&ring);
        rota_prep_openat_direct(sqe, dir, "file", O_RDONLY, 0, IORING_FILE_INDEX_ALLOC);
        is_cqe(run(sqe, 3), 3, 0, 0, "OPENAT into any slot, which is 0, and");
        sqe = must_get_sqe(&ring);
        rota_prep_close_direct(sqe, 0);
        is_cqe(run(sqe, 4), 4, 0, 0, "CLOSE of slot 0");
        is_int(rota_unregister_files(&ring), 0, "the table ends");
    }
    snprintf(name, sizeof(name), "%s/file", path);
    unlink(name);
    close(dir);
    rmdir(path);
}

static void test_waitid(void)
{
    struct io_uring_sqe *sqe;
    siginfo_t info;
    pid_t child;

    if (!kernel_has(&ring, IORING_OP_WAITID)) {
        skip(3, "this kernel has no WAITID (6.7)");
        return;
    }
    memset(&info, 0, sizeof(info));
    fflush(stdout);
    child = fork();
    if (child < 0)
        bail("fork: %s", strerror(errno));
    if (!child)
        _exit(12);
    sqe = must_get_sqe(&ring);
    rota_prep_waitid(sqe, P_PID, child, &info, WEXITED, 0);
    is_cqe(run(sqe, 1), 1, 0, 0, "WAITID");
    is_int(info.si_pid, child, "of the child");
    is_int(info.si_status, 12, "tells its status");
}

/* A server made by the ring alone, two-way traffic, and an end in two linked steps. */
static void test_bind_listen(void)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);
    char in[8] = "";
    struct io_uring_sqe *sqe;
    int fd, client, server, one = 1;

    if (!kernel_has(&ring, IORING_OP_BIND) || !kernel_has(&ring, IORING_OP_LISTEN)) {
        skip(11, "this kernel has no BIND and LISTEN (6.11)");
        return;
    }
    memset(&address, 0, sizeof(address));
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sqe = must_get_sqe(&ring);
    rota_prep_socket(sqe, AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0, 0);
    fd = run(sqe, 1).res;
    ok(fd >= 0, "SOCKET");
    sqe = must_get_sqe(&ring);
    rota_prep_cmd_sock(sqe, SOCKET_URING_OP_SETSOCKOPT, fd, SOL_SOCKET, SO_REUSEADDR, &one,
                       sizeof(one));
    is_cqe(run(sqe, 2), 2, 0, 0, "an option");
    sqe = must_get_sqe(&ring);
    rota_prep_bind(sqe, fd, (struct sockaddr *)&address, sizeof(address));
    sqe->user_data = 3;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_listen(sqe, fd, 1);
    sqe->user_data = 4;
    submits(&ring, 2);
    is_cqe(next_cqe(&ring), 3, 0, 0, "BIND");
    is_cqe(next_cqe(&ring), 4, 0, 0, "LISTEN linked to it");
    if (getsockname(fd, (struct sockaddr *)&address, &size) < 0)
        bail("getsockname: %s", strerror(errno));

    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sqe = must_get_sqe(&ring);
    rota_prep_connect(sqe, client, (struct sockaddr *)&address, sizeof(address));
    is_cqe(run(sqe, 5), 5, 0, 0, "CONNECT");
    sqe = must_get_sqe(&ring);
    rota_prep_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
    server = run(sqe, 6).res;
    ok(server >= 0, "ACCEPT");
    for (unsigned way = 0; way < 2; way++) {
        sqe = must_get_sqe(&ring);
        rota_prep_send(sqe, way ? server : client, "12345678", 8, 0);
        sqe->user_data = 7;
        rota_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
        sqe = must_get_sqe(&ring);
        rota_prep_recv(sqe, way ? client : server, in, sizeof(in), MSG_WAITALL);
        sqe->user_data = 8;
        if (rota_submit(&ring) != 2)
            bail("requests were not taken");
        is_int(next_cqe(&ring).res, 8, "way %u: eight bytes, the send in silence", way);
    }
    sqe = must_get_sqe(&ring);
    rota_prep_shutdown(sqe, server, SHUT_RDWR);
    sqe->user_data = 9;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK | IOSQE_CQE_SKIP_SUCCESS);
    sqe = must_get_sqe(&ring);
    rota_prep_close(sqe, server);
    sqe->user_data = 10;
    submits(&ring, 2);
    is_cqe(next_cqe(&ring), 10, 0, 0, "CLOSE linked to SHUTDOWN");
    close(client);
    close(fd);
}

int main(void)
{
    make_ring(&ring, 16, 0);
    test_multishot_accept();
    test_send_zc();
    test_accept_direct();
    test_socket();
    test_openat_direct();
    test_waitid();
    test_bind_listen();
    rota_queue_exit(&ring);
    return done();
}
