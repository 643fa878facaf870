/* SPDX-License-Identifier: MIT */
/*
 * Buffers of a multishot RECVMSG: address, control messages and data are what
 * recvmsg(2) and libc's macros say of the same datagrams.
 */
#include "resource.h"

#include <netinet/in.h>
#include <sys/socket.h>

#define COUNT 8
#define SIZE  512
#define GROUP 7
#define ROOM  64 /* for the data of one datagram */

static char memory[COUNT][SIZE];
static int receiver, sender;
static struct sockaddr_in from;

/* One datagram as recvmsg(2) shows it. */
struct plain {
    struct msghdr msg;
    struct sockaddr_in name;
    _Alignas(8) char control[128];
    char data[ROOM];
    ssize_t size;
};

static void open_sockets(void)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof(to);
    int on = 1;

    receiver = socket(AF_INET, SOCK_DGRAM, 0);
    sender = socket(AF_INET, SOCK_DGRAM, 0);
    if (receiver < 0 || sender < 0 || bind(receiver, (struct sockaddr *)&to, length) ||
        getsockname(receiver, (struct sockaddr *)&to, &length) ||
        connect(sender, (struct sockaddr *)&to, length) ||
        getsockname(sender, (struct sockaddr *)&from, &length) ||
        setsockopt(receiver, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) ||
        setsockopt(receiver, IPPROTO_IP, IP_RECVTTL, &on, sizeof(on)) ||
        setsockopt(receiver, IPPROTO_IP, IP_RECVTOS, &on, sizeof(on)))
        bail("sockets: %s", strerror(errno));
}

static void send_bytes(size_t size)
{
    char data[200];

    memset(data, 'a' + (int)(size % 26), sizeof(data));
    if (send(sender, data, size, 0) != (ssize_t)size)
        bail("send: %s", strerror(errno));
}

static void receive_plain(struct plain *p, size_t controllen)
{
    struct iovec iov = {p->data, ROOM};

    memset(p, 0, sizeof(*p));
    p->msg.msg_name = &p->name;
    p->msg.msg_namelen = sizeof(p->name);
    p->msg.msg_iov = &iov;
    p->msg.msg_iovlen = 1;
    p->msg.msg_control = controllen ? p->control : NULL;
    p->msg.msg_controllen = controllen;
    p->size = recvmsg(receiver, &p->msg, 0);
    if (p->size < 0)
        bail("recvmsg: %s", strerror(errno));
    p->msg.msg_iov = NULL;
}

/* True when both ways show the same control messages, byte by byte. */
static bool same_control(struct io_uring_recvmsg_out *out, struct msghdr *msg, struct plain *p,
                         unsigned *count)
{
    struct cmsghdr *theirs = CMSG_FIRSTHDR(&p->msg), *ours = rota_recvmsg_cmsg_firsthdr(out, msg);

    for (*count = 0; theirs && ours; ++*count) {
        if (ours->cmsg_len != theirs->cmsg_len || memcmp(ours, theirs, theirs->cmsg_len))
            return false;
        theirs = CMSG_NXTHDR(&p->msg, theirs);
        ours = rota_recvmsg_cmsg_nexthdr(out, msg, ours);
    }
    return !theirs && !ours;
}

/* A datagram of `size` bytes, received both ways with that much space for control messages. */
static void test_datagram(struct rota_ring *ring, size_t size, size_t controllen, unsigned messages)
{
    struct msghdr msg = {.msg_namelen = sizeof(struct sockaddr_in), .msg_controllen = controllen};
    int header = (int)(sizeof(struct io_uring_recvmsg_out) + msg.msg_namelen + controllen);
    unsigned count, expected = (unsigned)(size < ROOM ? size : ROOM);
    struct io_uring_recvmsg_out *out;
    struct io_uring_sqe *sqe;
    struct completion got;
    struct plain plain;
    char *buf;

    sqe = must_get_sqe(ring);
    rota_prep_provide_buffers(sqe, memory, header + ROOM, 1, GROUP, 0);
    is_int(run_one(ring).res, 0, "%zu bytes: a buffer", size);
    send_bytes(size);
    receive_plain(&plain, controllen);
    send_bytes(size);
    sqe = must_get_sqe(ring);
    rota_prep_recvmsg_multishot_select(sqe, receiver, &msg, 0, GROUP);
    got = run_one(ring);
    ok(got.res == header + (int)expected, "%zu bytes: the buffer holds %d", size, got.res);
    buf = memory[0];
    out = rota_recvmsg_validate(buf, got.res, &msg);
    if (!ok(out == (void *)buf, "%zu bytes: it is valid", size))
        return;
    ok(!rota_recvmsg_validate(buf, header - 1, &msg), "%zu bytes: not when it is shorter", size);
    ok(!rota_recvmsg_validate(buf, 15, &msg) && !rota_recvmsg_validate(buf, -ENOBUFS, &msg),
       "%zu bytes: nor for nothing", size);
    ok(rota_recvmsg_validate(buf, header, &msg) && !rota_recvmsg_payload_length(out, header, &msg),
       "%zu bytes: without data it is", size);
    is_int(out->namelen, sizeof(from), "%zu bytes: the length of the address", size);
    ok(!memcmp(rota_recvmsg_name(out), &from, sizeof(from)), "%zu bytes: the address", size);
    is_int(rota_recvmsg_payload_length(out, got.res, &msg), expected, "%zu bytes: as many", size);
    ok(!memcmp(rota_recvmsg_payload(out, &msg), plain.data, expected), "%zu bytes: the data", size);
    is_hex(out->flags, (unsigned)plain.msg.msg_flags, "%zu bytes: the flags", size);
    is_int(out->controllen, plain.msg.msg_controllen, "%zu bytes: the length of control", size);
    ok(same_control(out, &msg, &plain, &count), "%zu bytes: the control messages", size);
    is_int(count, messages, "%zu bytes: their number", size);

    /* The stream ends for want of a buffer, now or when another datagram comes; or is made to. */
    if (got.flags & IORING_CQE_F_MORE) {
        sqe = must_get_sqe(ring);
        rota_prep_cancel_fd(sqe, receiver, IORING_ASYNC_CANCEL_ALL);
        rota_sqe_set_data64(sqe, 9);
        got = run_one(ring);
        if (got.user_data == 9)
            got = next_cqe(ring);
        else
            (void)next_cqe(ring);
        ok(got.res == -ENOBUFS || got.res == -ECANCELED, "%zu bytes: the end: %d", size, got.res);
    }
}

/* Control messages that no kernel writes. */
static void test_damaged(void)
{
    struct msghdr msg = {.msg_namelen = 8, .msg_controllen = 64};
    _Alignas(8) char buf[sizeof(struct io_uring_recvmsg_out) + 8 + 64] = {0};
    struct io_uring_recvmsg_out *out = rota_recvmsg_validate(buf, sizeof(buf), &msg);
    struct cmsghdr *first = (struct cmsghdr *)(void *)(buf + sizeof(*out) + 8);

    out->controllen = 64;
    first->cmsg_len = sizeof(*first);
    ok(rota_recvmsg_cmsg_firsthdr(out, &msg) == first, "a message without data");
    ok(!rota_recvmsg_cmsg_nexthdr(out, &msg, first), "behind it one of length 0, which is none");
    first->cmsg_len = 65;
    ok(!rota_recvmsg_cmsg_firsthdr(out, &msg), "one that goes beyond the space");
    ok(!rota_recvmsg_cmsg_nexthdr(out, &msg, first), "nothing is behind it");
    first->cmsg_len = (size_t)-1;
    ok(!rota_recvmsg_cmsg_nexthdr(out, &msg, first), "nor behind one without end");
    first->cmsg_len = 64;
    ok(rota_recvmsg_cmsg_firsthdr(out, &msg) == first, "one that fills it");
    ok(!rota_recvmsg_cmsg_nexthdr(out, &msg, first), "is the last");
    out->controllen = sizeof(*first) - 1;
    ok(!rota_recvmsg_cmsg_firsthdr(out, &msg), "less than a header");
    out->controllen = 0;
    ok(!rota_recvmsg_cmsg_firsthdr(out, &msg), "none at all");
}

int main(void)
{
    struct rota_ring ring;
    int ret;

    test_damaged();
    ret = rota_queue_init(8, &ring, 0);
    if (ret < 0)
        bail("no ring: %s", strerror(-ret));
    open_sockets();
    /* The multishot kind came with that request. */
    if (!kernel_has(&ring, IORING_OP_SEND_ZC)) {
        skip(1, "no multishot recvmsg (6.0)");
    } else {
        test_datagram(&ring, 10, 128, 3);
        test_datagram(&ring, 33, 128, 3);
        test_datagram(&ring, 0, 128, 3);
        test_datagram(&ring, 150, 128, 3); /* cut off */
        test_datagram(&ring, 20, CMSG_SPACE(sizeof(int)), 1);
        test_datagram(&ring, 20, 0, 0);
    }
    rota_queue_exit(&ring);
    return done();
}
