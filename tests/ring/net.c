/* SPDX-License-Identifier: MIT */
/* Sockets through the ring: accept and connect, send and receive, messages, a linked timeout, shutdown. */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>

static struct rota_ring ring;

static int socket_on_loopback(int type, struct sockaddr_in *address)
{
    socklen_t size = sizeof(*address);
    int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, size) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &size) < 0)
        skip_all("no loopback network: %s", strerror(errno));
    return fd;
}

static void test_stream(void)
{
    struct sockaddr_in address;
    int listener = socket_on_loopback(SOCK_STREAM, &address);
    char out[10] = "0123456789", in[32] = "";
    struct io_uring_sqe *sqe;
    struct completion first, second;
    int client, server;

    if (listen(listener, 1) < 0)
        bail("listen: %s", strerror(errno));
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sqe = must_get_sqe(&ring);
    rota_prep_accept(sqe, listener, NULL, NULL, SOCK_CLOEXEC);
    sqe->user_data = 1;
    submits(&ring, 1);
    sqe = must_get_sqe(&ring);
    rota_prep_connect(sqe, client, (struct sockaddr *)&address, sizeof(address));
    sqe->user_data = 2;
    submits(&ring, 1);
    first = next_cqe(&ring);
    second = next_cqe(&ring);
    if (first.user_data == 2) {
        struct completion swap = first;

        first = second;
        second = swap;
    }
    server = first.res;
    ok(first.user_data == 1 && server >= 0, "ACCEPT completes with a descriptor");
    is_cqe(second, 2, 0, 0, "CONNECT");

    sqe = must_get_sqe(&ring);
    rota_prep_send(sqe, client, out, sizeof(out), 0);
    sqe->user_data = 3;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_recv(sqe, server, in, sizeof(in), 0);
    sqe->user_data = 4;
    submits(&ring, 2);
    is_cqe(next_cqe(&ring), 3, 10, 0, "SEND");
    first = next_cqe(&ring);
    first.flags &= ~(unsigned)IORING_CQE_F_SOCK_NONEMPTY;
    is_cqe(first, 4, 10, 0, "RECV of less than its buffer");
    is_mem(in, out, sizeof(out), "the bytes arrived");

    /* Nothing comes any more: the linked timeout ends the receive. */
    struct __kernel_timespec limit = {0, 1000000};

    sqe = must_get_sqe(&ring);
    rota_prep_recv(sqe, server, in, sizeof(in), 0);
    sqe->user_data = 5;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_link_timeout(sqe, &limit, 0);
    sqe->user_data = 6;
    submits(&ring, 2);
    for (unsigned i = 0; i < 2; i++) {
        struct completion got = next_cqe(&ring);

        if (got.user_data == 5)
            ok(got.res == -ECANCELED || got.res == -EINTR, "RECV is cancelled: %d", got.res);
        else
            ok(got.user_data == 6 && (got.res == -ETIME || got.res == -EALREADY),
               "LINK_TIMEOUT has fired: %d", got.res);
    }

    if (kernel_has(&ring, IORING_OP_SHUTDOWN)) {
        sqe = must_get_sqe(&ring);
        rota_prep_shutdown(sqe, client, SHUT_WR);
        sqe->user_data = 7;
        submits(&ring, 1);
        is_cqe(next_cqe(&ring), 7, 0, 0, "SHUTDOWN");
        is_int(recv(server, in, sizeof(in), 0), 0, "the other side sees the end");
        is_int(send(client, out, 1, MSG_NOSIGNAL), -1, "and nothing more can be sent");
    } else {
        skip(4, "this kernel has no SHUTDOWN (5.11)");
    }
    close(listener);
    close(client);
    close(server);
}

static void test_datagrams(void)
{
    struct sockaddr_in to, from, sender;
    int server = socket_on_loopback(SOCK_DGRAM, &to),
        client = socket_on_loopback(SOCK_DGRAM, &sender);
    char out[128], in[128];
    struct iovec out_vector = {out, sizeof(out)}, in_vector = {in, sizeof(in)};
    struct msghdr out_message, in_message;
    struct io_uring_sqe *sqe;

    memset(out, 42, sizeof(out));
    memset(in, 0, sizeof(in));
    memset(&out_message, 0, sizeof(out_message));
    memset(&in_message, 0, sizeof(in_message));
    out_message.msg_name = &to;
    out_message.msg_namelen = sizeof(to);
    out_message.msg_iov = &out_vector;
    out_message.msg_iovlen = 1;
    in_message.msg_name = &from;
    in_message.msg_namelen = sizeof(from);
    in_message.msg_iov = &in_vector;
    in_message.msg_iovlen = 1;

    sqe = must_get_sqe(&ring);
    rota_prep_sendmsg(sqe, client, &out_message, 0);
    sqe->user_data = 1;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_recvmsg(sqe, server, &in_message, 0);
    sqe->user_data = 2;
    submits(&ring, 2);
    is_cqe(next_cqe(&ring), 1, 128, 0, "SENDMSG");
    is_cqe(next_cqe(&ring), 2, 128, 0, "RECVMSG");
    is_mem(in, out, sizeof(in), "the datagram arrived");
    is_int(from.sin_port, sender.sin_port, "from the sender's port");
    close(server);
    close(client);
}

int main(void)
{
    make_ring(&ring, 16, 0);
    test_stream();
    test_datagrams();
    rota_queue_exit(&ring);
    return done();
}
