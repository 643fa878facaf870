/* SPDX-License-Identifier: MIT */
/* Scenarios of the live trials around sockets and commands: pairs, listeners, names, groups. */
#define _GNU_SOURCE
#include "live.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <linux/net_tstamp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define PIECE  64U /* bytes of one message, and of one buffer of a group */
#define GROUP  7
#define MEMORY 4096U
/* io_uring_recvmsg_out and the room for a name that socket_group_message asks for */
#define MESSAGE_HEAD (sizeof(struct io_uring_recvmsg_out) + sizeof(struct sockaddr_in))
/* Tells the requests of a scenario from the one on trial. */
#define OWN_REQUEST 0x0111

/* ---- memory, ring and release --------------------------------------------------------- */

static void fill(unsigned char *where, size_t size, size_t offset)
{
    for (size_t i = 0; i < size; i++)
        where[i] = live_pattern(offset + i);
}

static int holds(const unsigned char *where, size_t size, size_t offset)
{
    for (size_t i = 0; i < size; i++) {
        if (where[i] != live_pattern(offset + i))
            return 0;
    }
    return 1;
}

/* A page of zeros as l->buf and one as l->buf2, described by l->iov, l->msg and l->data. */
static int memory_open(struct live *l)
{
    l->buf = aligned_alloc(MEMORY, MEMORY);
    l->buf2 = aligned_alloc(MEMORY, MEMORY);
    if (!l->buf || !l->buf2)
        return -ENOMEM;
    memset(l->buf, 0, MEMORY);
    memset(l->buf2, 0, MEMORY);
    l->size = PIECE;
    l->data = (uintptr_t)l->buf;
    l->iov[0].iov_base = l->buf;
    l->iov[0].iov_len = PIECE / 4;
    l->iov[1].iov_base = l->buf + PIECE / 4;
    l->iov[1].iov_len = PIECE - PIECE / 4;
    l->msg = &l->msg_data;
    l->msg->msg_iov = l->iov;
    l->msg->msg_iovlen = 2;
    l->sa = (struct sockaddr *)&l->sa_data;
    l->sa_len = sizeof(struct sockaddr_in);
    l->sa_len_ptr = &l->sa_len;
    l->option = &l->option_data;
    return 0;
}

static int basics_open(struct live *l)
{
    int ret = memory_open(l);

    return ret < 0 ? ret : live_ring_open(l);
}

static void fd_close(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void net_close(struct live *l)
{
    live_relax(l);
    /* First the ring: a request in flight may still use the memory. */
    live_ring_close(l);
    fd_close(&l->sock);
    fd_close(&l->peer);
    fd_close(&l->fd);
    fd_close(&l->fd2);
    free(l->buf);
    free(l->buf2);
    free(l->group);
    l->buf = l->buf2 = l->group = NULL;
}

/* Sends a request of the scenario's own and waits for it; its result or -errno. */
static int own_request(struct live *l, const struct io_uring_sqe *request)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);
    struct io_uring_cqe *cqe;
    int ret;

    if (!sqe)
        return -EBUSY;
    *sqe = *request;
    sqe->user_data = OWN_REQUEST;
    ret = rota_submit(&l->ring);
    while (ret >= 0) {
        ret = rota_wait_cqe(&l->ring, &cqe);
        if (ret < 0)
            break;
        ret = cqe->res;
        if (cqe->user_data == OWN_REQUEST) {
            rota_cqe_seen(&l->ring, cqe);
            return ret;
        }
        ret = 0;
        rota_cqe_seen(&l->ring, cqe);
    }
    return ret;
}

/* A file table of four slots; the first holds `first` unless that is -1. */
static int table_open(struct live *l, int first)
{
    int files[4] = {first, -1, -1, -1};

    return rota_sys_register(l->ring.ring_fd, IORING_REGISTER_FILES, files, 4);
}

static int buffer_register(struct live *l)
{
    struct iovec whole = {l->buf, MEMORY};

    return rota_sys_register(l->ring.ring_fd, IORING_REGISTER_BUFFERS, &whole, 1);
}

/* ---- sockets -------------------------------------------------------------------------- */

static int pair_open(struct live *l, int type)
{
    int pair[2];

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
        return -errno;
    l->sock = pair[0];
    l->peer = pair[1];
    return 0;
}

static void loopback(struct sockaddr_in *name)
{
    memset(name, 0, sizeof(*name));
    name->sin_family = AF_INET;
    name->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
}

/* A socket with a loopback name, which also goes to l->sa; it listens if asked to. */
static int named_open(struct live *l, int *fd, int type, int backlog)
{
    struct sockaddr_in name;
    socklen_t len = sizeof(name);

    loopback(&name);
    *fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return -errno;
    if (bind(*fd, (struct sockaddr *)&name, len))
        return -errno;
    if (backlog && listen(*fd, backlog))
        return -errno;
    if (getsockname(*fd, (struct sockaddr *)&name, &len))
        return -errno;
    memcpy(&l->sa_data, &name, sizeof(name));
    return 0;
}

static int fresh_open(int *fd, int type)
{
    *fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    return *fd < 0 ? -errno : 0;
}

/* A client of the socket that l->sa says. */
static int client_open(struct live *l, int *fd)
{
    int ret = fresh_open(fd, SOCK_STREAM);

    if (ret == 0 && connect(*fd, l->sa, l->sa_len))
        ret = -errno;
    return ret;
}

/* A TCP connection: l->sock is one end, l->peer the other, l->sa the peer's. */
static int tcp_open(struct live *l)
{
    int listener = -1;
    int ret = named_open(l, &listener, SOCK_STREAM, 1);

    if (ret == 0)
        ret = client_open(l, &l->sock);
    if (ret == 0) {
        l->peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (l->peer < 0)
            ret = -errno;
    }
    fd_close(&listener);
    return ret;
}

/* The peer sends pattern bytes from `offset` on. */
static int peer_sends(struct live *l, size_t size, size_t offset)
{
    unsigned char bytes[2 * PIECE];

    fill(bytes, size, offset);
    return send(l->peer, bytes, size, MSG_NOSIGNAL) == (ssize_t)size ? 0 : -EIO;
}

static void act_peer_sends(struct live *l)
{
    if (peer_sends(l, PIECE, 0) < 0)
        live_fail(l, "the peer could not send");
}

/* What `res` said was sent has reached the peer. */
static void check_peer_received(struct live *l, int res)
{
    unsigned char bytes[2 * PIECE];
    struct timeval patience = {5, 0};
    size_t got = 0;

    (void)setsockopt(l->peer, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (got < (size_t)res) {
        ssize_t n = recv(l->peer, bytes + got, sizeof(bytes) - got, 0);

        if (n <= 0)
            break;
        got += (size_t)n;
    }
    if (got != (size_t)res || !holds(bytes, got, 0))
        live_fail(l, "the peer did not receive the bytes");
}

static void check_buffer(struct live *l, int res)
{
    if (!holds(l->buf, (size_t)res, 0))
        live_fail(l, "the buffer does not hold what the peer sent");
}

static int not_a_socket_open(struct live *l)
{
    struct sockaddr_in name;
    int ret = basics_open(l);

    loopback(&name);
    memcpy(&l->sa_data, &name, sizeof(name));
    l->fd = eventfd(0, EFD_CLOEXEC);
    return ret < 0 ? ret : l->fd < 0 ? -errno : 0;
}

const struct live_scenario live_not_a_socket = {
    .name = "not_a_socket",
    .open = not_a_socket_open,
    .close = net_close,
};

static int socket_idle_open(struct live *l)
{
    int ret = basics_open(l);

    return ret < 0 ? ret : pair_open(l, SOCK_STREAM);
}

const struct live_scenario live_socket_idle = {
    .name = "socket_idle",
    .open = socket_idle_open,
    .close = net_close,
};

static int socket_send_open(struct live *l)
{
    int ret = socket_idle_open(l);

    if (ret == 0)
        fill(l->buf, PIECE, 0);
    return ret;
}

const struct live_scenario live_socket_send = {
    .name = "socket_send",
    .open = socket_send_open,
    .check = check_peer_received,
    .close = net_close,
};

static int socket_broken_open(struct live *l)
{
    int ret = socket_send_open(l);

    fd_close(&l->peer);
    return ret;
}

const struct live_scenario live_socket_broken = {
    .name = "socket_broken",
    .open = socket_broken_open,
    .close = net_close,
};

/* A Unix socket that was never connected. */
static int socket_lonely_open(struct live *l)
{
    int ret = basics_open(l);

    if (ret == 0)
        l->sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return ret < 0 ? ret : l->sock < 0 ? -errno : 0;
}

const struct live_scenario live_socket_lonely = {
    .name = "socket_lonely",
    .open = socket_lonely_open,
    .close = net_close,
};

/* Neither the socket nor its peer has room for another byte. */
static int socket_full_open(struct live *l)
{
    int ret = socket_send_open(l);

    while (ret == 0 && send(l->sock, l->buf, MEMORY, MSG_DONTWAIT) > 0)
        ;
    return ret < 0 ? ret : errno == EAGAIN ? 0 : -errno;
}

const struct live_scenario live_socket_full = {
    .name = "socket_full",
    .open = socket_full_open,
    .close = net_close,
};

/* One piece more than a message may have. */
static int socket_pieces_open(struct live *l)
{
    int ret = socket_send_open(l);

    l->msg->msg_iovlen = 1025;
    return ret;
}

const struct live_scenario live_socket_pieces = {
    .name = "socket_pieces",
    .open = socket_pieces_open,
    .close = net_close,
};

static int socket_waiting_open(struct live *l)
{
    int ret = socket_idle_open(l);

    return ret < 0 ? ret : peer_sends(l, PIECE, 0);
}

const struct live_scenario live_socket_waiting = {
    .name = "socket_waiting",
    .open = socket_waiting_open,
    .check = check_buffer,
    .close = net_close,
};

const struct live_scenario live_socket_late = {
    .name = "socket_late",
    .open = socket_idle_open,
    .act = act_peer_sends,
    .check = check_buffer,
    .close = net_close,
};

static int socket_fixed_receive_open(struct live *l)
{
    int ret = socket_waiting_open(l);

    return ret < 0 ? ret : buffer_register(l);
}

const struct live_scenario live_socket_fixed_receive = {
    .name = "socket_fixed_receive",
    .open = socket_fixed_receive_open,
    .check = check_buffer,
    .close = net_close,
};

static void check_end_of_stream(struct live *l, int res)
{
    char byte;

    (void)res;
    if (recv(l->peer, &byte, 1, MSG_DONTWAIT) != 0)
        live_fail(l, "the peer does not see the end of the stream");
}

const struct live_scenario live_socket_shutdown = {
    .name = "socket_shutdown",
    .open = socket_idle_open,
    .check = check_end_of_stream,
    .close = net_close,
};

/* ---- groups of buffers ---------------------------------------------------------------- */

/* Four buffers of `each` bytes in l->buf2 become the group, one by one. */
static int group_provide(struct live *l, size_t each)
{
    struct io_uring_sqe request;

    l->bgid = GROUP;
    memset(&request, 0, sizeof(request));
    request.opcode = IORING_OP_PROVIDE_BUFFERS;
    request.fd = 4;
    request.addr = (uintptr_t)l->buf2;
    request.len = (__u32)each;
    request.buf_group = GROUP;
    return own_request(l, &request);
}

/* The same through a ring of `count` buffers, which bundles need. */
static int group_map(struct live *l, unsigned count)
{
    struct io_uring_buf_reg reg;
    struct io_uring_buf_ring *ring = aligned_alloc(MEMORY, MEMORY);
    int ret;

    l->bgid = GROUP;
    l->group = ring;
    if (!ring)
        return -ENOMEM;
    memset(ring, 0, MEMORY);
    memset(&reg, 0, sizeof(reg));
    reg.ring_addr = (uintptr_t)ring;
    reg.ring_entries = 4;
    reg.bgid = GROUP;
    ret = rota_sys_register(l->ring.ring_fd, IORING_REGISTER_PBUF_RING, &reg, 1);
    if (ret == -EINVAL)
        l->skip = "this kernel has no rings of provided buffers";
    for (unsigned i = 0; ret == 0 && i < count; i++) {
        ring->bufs[i].addr = (uintptr_t)(l->buf2 + i * PIECE);
        ring->bufs[i].len = PIECE;
        ring->bufs[i].bid = (__u16)i;
    }
    __atomic_store_n(&ring->tail, (__u16)count, __ATOMIC_RELEASE);
    return ret;
}

/* Whether a buffer of the group holds piece `which`, `skip` bytes after its start. */
static int in_group(const struct live *l, unsigned which, size_t each, size_t skip)
{
    for (unsigned i = 0; i < 4; i++) {
        if (holds(l->buf2 + i * each + skip, PIECE, which * PIECE))
            return 1;
    }
    return 0;
}

/* Whether the socket still has piece `which`. */
static int in_queue(const struct live *l, unsigned which)
{
    unsigned char bytes[2 * PIECE];
    ssize_t n = recv(l->sock, bytes, sizeof(bytes), MSG_DONTWAIT);

    return n == (ssize_t)PIECE && holds(bytes, PIECE, which * PIECE);
}

static void act_two_packets(struct live *l)
{
    if (peer_sends(l, PIECE, 0) < 0 || peer_sends(l, PIECE, PIECE) < 0)
        live_fail(l, "the peer could not send");
}

static int socket_group_open(struct live *l)
{
    int ret = basics_open(l);

    if (ret == 0)
        ret = pair_open(l, SOCK_SEQPACKET);
    return ret < 0 ? ret : group_provide(l, PIECE);
}

/* A single receive leaves the second packet in the queue, a multishot one does not. */
static void check_group(struct live *l, int res)
{
    (void)res;
    if (!in_group(l, 0, PIECE, 0))
        live_fail(l, "no buffer holds the first packet");
    else if (in_group(l, 1, PIECE, 0) == in_queue(l, 1))
        live_fail(l, "the second packet is neither in a buffer nor in the queue");
}

const struct live_scenario live_socket_group = {
    .name = "socket_group",
    .open = socket_group_open,
    .act = act_two_packets,
    .check = check_group,
    .close = net_close,
};

static int socket_group_message_open(struct live *l)
{
    struct sockaddr_storage other;
    int ret = basics_open(l);

    if (ret == 0)
        ret = named_open(l, &l->sock, SOCK_DGRAM, 0);
    other = l->sa_data;
    if (ret == 0)
        ret = named_open(l, &l->peer, SOCK_DGRAM, 0);
    if (ret == 0 && connect(l->peer, (struct sockaddr *)&other, l->sa_len))
        ret = -errno;
    if (ret == 0)
        ret = group_provide(l, 2 * PIECE);
    l->msg->msg_iovlen = 0;
    l->msg->msg_namelen = sizeof(struct sockaddr_in);
    return ret;
}

static void check_group_message(struct live *l, int res)
{
    struct io_uring_recvmsg_out head;

    (void)res;
    if (!in_group(l, 0, 2 * PIECE, MESSAGE_HEAD) || !in_group(l, 1, 2 * PIECE, MESSAGE_HEAD)) {
        live_fail(l, "the buffers do not hold both messages");
        return;
    }
    for (unsigned i = 0; i < 4; i++) {
        const unsigned char *buffer = l->buf2 + i * 2 * PIECE;

        memcpy(&head, buffer, sizeof(head));
        if (head.payloadlen == 0)
            continue;
        if (head.payloadlen != PIECE || head.namelen != sizeof(struct sockaddr_in) ||
            head.controllen != 0 || head.flags & MSG_TRUNC)
            live_fail(l, "the header does not describe the message");
        if (memcmp(buffer + sizeof(head), l->sa, l->sa_len))
            live_fail(l, "the name is not the sender's");
    }
}

const struct live_scenario live_socket_group_message = {
    .name = "socket_group_message",
    .open = socket_group_message_open,
    .act = act_two_packets,
    .check = check_group_message,
    .close = net_close,
};

static int socket_group_bundle_open(struct live *l)
{
    int ret = socket_idle_open(l);

    if (ret == 0)
        ret = peer_sends(l, 2 * PIECE, 0);
    return ret < 0 ? ret : group_map(l, 4);
}

/* A bundle fills buffer after buffer; limited pieces take a buffer each. */
static void check_group_bundle(struct live *l, int res)
{
    size_t piece = (size_t)res;

    if (!holds(l->buf2, piece, 0))
        live_fail(l, "the first buffers do not hold what the peer sent");
    if (piece < PIECE && !holds(l->buf2 + PIECE, piece, piece))
        live_fail(l, "the second buffer does not hold the second piece");
    if (piece < PIECE && !in_queue(l, 1))
        live_fail(l, "the rest is not in the queue");
}

const struct live_scenario live_socket_group_bundle = {
    .name = "socket_group_bundle",
    .open = socket_group_bundle_open,
    .check = check_group_bundle,
    .close = net_close,
};

static int socket_group_empty_open(struct live *l)
{
    int ret = socket_waiting_open(l);

    /* One piece: a message that takes its buffer from a group cannot have more. */
    l->msg->msg_iovlen = 1;
    return ret < 0 ? ret : group_map(l, 0);
}

const struct live_scenario live_socket_group_empty = {
    .name = "socket_group_empty",
    .open = socket_group_empty_open,
    .close = net_close,
};

static int socket_group_send_open(struct live *l)
{
    int ret = socket_idle_open(l);

    if (ret < 0)
        return ret;
    fill(l->buf2, 2 * PIECE, 0);
    return group_map(l, 2);
}

const struct live_scenario live_socket_group_send = {
    .name = "socket_group_send",
    .open = socket_group_send_open,
    .check = check_peer_received,
    .close = net_close,
};

/* ---- TCP and UDP ---------------------------------------------------------------------- */

static int tcp_send_open(struct live *l)
{
    int ret = basics_open(l);

    if (ret == 0)
        ret = tcp_open(l);
    if (ret < 0)
        return ret;
    fill(l->buf, PIECE, 0);
    return buffer_register(l);
}

const struct live_scenario live_tcp_send = {
    .name = "tcp_send",
    .open = tcp_send_open,
    .check = check_peer_received,
    .close = net_close,
};

/* The peer leaves without having read what it was sent. */
static int tcp_reset_open(struct live *l)
{
    struct pollfd over = {.events = POLLHUP};
    int ret = tcp_send_open(l);

    if (ret == 0 && send(l->sock, l->buf, PIECE, MSG_NOSIGNAL) != (ssize_t)PIECE)
        ret = -EIO;
    fd_close(&l->peer);
    over.fd = l->sock;
    if (ret == 0 && poll(&over, 1, 5000) != 1)
        ret = -ETIME;
    return ret;
}

const struct live_scenario live_tcp_reset = {
    .name = "tcp_reset",
    .open = tcp_reset_open,
    .close = net_close,
};

static int tcp_send_notify_open(struct live *l)
{
    l->target = 0x207e;
    return tcp_send_open(l);
}

/* The notification carries the user_data that was asked for. */
static void check_notified(struct live *l, int res)
{
    struct __kernel_timespec patience = {5, 0};
    struct io_uring_cqe *cqe = NULL;

    check_peer_received(l, res);
    if (rota_wait_cqe_timeout(&l->ring, &cqe, &patience) < 0) {
        live_fail(l, "no notification came");
        return;
    }
    if (cqe->user_data != l->target || !(cqe->flags & IORING_CQE_F_NOTIF))
        live_fail(l, "the notification does not carry its user_data");
    rota_cqe_seen(&l->ring, cqe);
}

const struct live_scenario live_tcp_send_notify = {
    .name = "tcp_send_notify",
    .open = tcp_send_notify_open,
    .check = check_notified,
    .close = net_close,
};

static int tcp_waiting_open(struct live *l)
{
    int ret = basics_open(l);

    if (ret == 0)
        ret = tcp_open(l);
    return ret < 0 ? ret : peer_sends(l, PIECE, 0);
}

const struct live_scenario live_tcp_waiting = {
    .name = "tcp_waiting",
    .open = tcp_waiting_open,
    .close = net_close,
};

static int tcp_big_open(struct live *l)
{
    int ret;

    l->setup_flags = IORING_SETUP_SQE128 | IORING_SETUP_CQE32;
    ret = tcp_waiting_open(l);
    l->fd = eventfd(0, EFD_CLOEXEC);
    return ret < 0 ? ret : l->fd < 0 ? -errno : 0;
}

const struct live_scenario live_tcp_big = {
    .name = "tcp_big",
    .open = tcp_big_open,
    .close = net_close,
};

#define AREA_PAGES 16U

/* An instance of zero-copy receive without a device: the area is l->arg, its rings l->group. */
static int zero_copy_register(struct live *l)
{
    struct io_uring_zcrx_area_reg area;
    struct io_uring_region_desc region;
    struct io_uring_zcrx_ifq_reg wish;
    int ret;

    l->arg = aligned_alloc(MEMORY, (size_t)AREA_PAGES * MEMORY);
    l->group = aligned_alloc(MEMORY, MEMORY);
    if (!l->arg || !l->group)
        return -ENOMEM;
    memset(l->arg, 0, (size_t)AREA_PAGES * MEMORY);
    memset(l->group, 0, MEMORY);
    memset(&area, 0, sizeof(area));
    area.addr = (uintptr_t)l->arg;
    area.len = (__u64)AREA_PAGES * MEMORY;
    memset(&region, 0, sizeof(region));
    region.user_addr = (uintptr_t)l->group;
    region.size = MEMORY;
    region.flags = IORING_MEM_REGION_TYPE_USER;
    memset(&wish, 0, sizeof(wish));
    wish.rq_entries = AREA_PAGES;
    wish.flags = ZCRX_REG_NODEV;
    wish.area_ptr = (uintptr_t)&area;
    wish.region_ptr = (uintptr_t)&region;
    ret = rota_sys_register(l->ring.ring_fd, IORING_REGISTER_ZCRX_IFQ, &wish, 1);
    l->id = (int)wish.zcrx_id;
    return ret;
}

static int tcp_zero_copy_open(struct live *l)
{
    int ret;

    l->setup_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32;
    ret = tcp_waiting_open(l);
    l->fd = eventfd(0, EFD_CLOEXEC);
    return ret < 0 ? ret : zero_copy_register(l);
}

/* A page of the area starts with what the peer sent. */
static void check_area(struct live *l, int res)
{
    const unsigned char *area = l->arg;

    for (unsigned i = 0; i < AREA_PAGES; i++) {
        if (holds(area + (size_t)i * MEMORY, (size_t)res, 0))
            return;
    }
    live_fail(l, "the area does not hold what the peer sent");
}

static void tcp_zero_copy_close(struct live *l)
{
    net_close(l);
    free(l->arg);
    l->arg = NULL;
}

const struct live_scenario live_tcp_zero_copy = {
    .name = "tcp_zero_copy",
    .open = tcp_zero_copy_open,
    .check = check_area,
    .close = tcp_zero_copy_close,
};

static int udp_plain_open(struct live *l)
{
    int ret = basics_open(l);

    return ret < 0 ? ret : fresh_open(&l->sock, SOCK_DGRAM);
}

static int udp_zero_copy_open(struct live *l)
{
    int ret;

    l->setup_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32;
    ret = udp_plain_open(l);
    return ret < 0 ? ret : zero_copy_register(l);
}

const struct live_scenario live_udp_zero_copy = {
    .name = "udp_zero_copy",
    .open = udp_zero_copy_open,
    .close = tcp_zero_copy_close,
};

const struct live_scenario live_udp_plain = {
    .name = "udp_plain",
    .open = udp_plain_open,
    .close = net_close,
};

static int udp_send_open(struct live *l)
{
    int ret = udp_plain_open(l);

    if (ret == 0)
        ret = named_open(l, &l->peer, SOCK_DGRAM, 0);
    if (ret == 0)
        fill(l->buf, PIECE, 0);
    return ret;
}

const struct live_scenario live_udp_send = {
    .name = "udp_send",
    .open = udp_send_open,
    .check = check_peer_received,
    .close = net_close,
};

static int udp_timestamps_open(struct live *l)
{
    int wanted = SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
                 SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY;
    int ret;

    l->setup_flags = IORING_SETUP_CQE32;
    ret = udp_send_open(l);
    if (ret < 0)
        return ret;
    if (connect(l->sock, l->sa, l->sa_len) ||
        setsockopt(l->sock, SOL_SOCKET, SO_TIMESTAMPING, &wanted, sizeof(wanted)))
        return -errno;
    return 0;
}

static void act_two_datagrams(struct live *l)
{
    for (int i = 0; i < 2; i++) {
        if (send(l->sock, l->buf, PIECE, 0) != (ssize_t)PIECE)
            live_fail(l, "the socket could not send");
    }
}

/* The request has taken the times out of the error queue: both, or the one that it waited for. */
static void check_error_queue(struct live *l, int res)
{
    int left = 0;

    (void)res;
    while (recvmsg(l->sock, l->msg, MSG_ERRQUEUE | MSG_DONTWAIT) >= 0)
        left++;
    if (left > (l->first_only ? 1 : 0))
        live_fail(l, "a time is still in the error queue");
}

const struct live_scenario live_udp_timestamps = {
    .name = "udp_timestamps",
    .open = udp_timestamps_open,
    .act = act_two_datagrams,
    .check = check_error_queue,
    .close = net_close,
};

/* ---- listeners ------------------------------------------------------------------------ */

static int listener_idle_open(struct live *l)
{
    int ret = basics_open(l);

    return ret < 0 ? ret : named_open(l, &l->sock, SOCK_STREAM, 4);
}

const struct live_scenario live_listener_idle = {
    .name = "listener_idle",
    .open = listener_idle_open,
    .close = net_close,
};

/* Closes what was accepted: a connection has the name of its listener. */
static void listener_close(struct live *l)
{
    struct sockaddr_in own, other;
    socklen_t len = sizeof(own);

    live_relax(l);
    live_ring_close(l);
    if (l->sock >= 0 && !getsockname(l->sock, (struct sockaddr *)&own, &len)) {
        for (int fd = 3; fd < 256; fd++) {
            len = sizeof(other);
            if (fd != l->sock && !getsockname(fd, (struct sockaddr *)&other, &len) &&
                len == sizeof(other) && !memcmp(&own, &other, sizeof(own)))
                close(fd);
        }
    }
    net_close(l);
}

static int listener_waiting_open(struct live *l)
{
    int ret = listener_idle_open(l);

    if (ret == 0)
        ret = client_open(l, &l->peer);
    memset(&l->sa_data, 0, sizeof(l->sa_data));
    l->sa_len = sizeof(l->sa_data);
    return ret;
}

/* The descriptor is connected to the client, and l->sa says so. */
static void check_accepted(struct live *l, int res)
{
    struct sockaddr_in client;
    socklen_t len = sizeof(client);

    if (getsockname(l->peer, (struct sockaddr *)&client, &len) || l->sa_len != len ||
        memcmp(l->sa, &client, len))
        live_fail(l, "the address is not the client's");
    if (fcntl(res, F_GETFD) != FD_CLOEXEC)
        live_fail(l, "the descriptor is not closed on exec");
    if (send(res, "hello", 5, MSG_NOSIGNAL) != 5 || recv(l->peer, l->buf, 5, 0) != 5 ||
        memcmp(l->buf, "hello", 5))
        live_fail(l, "the connection does not reach the client");
}

static int listener_exhausted_open(struct live *l)
{
    int ret = listener_waiting_open(l);

    return ret < 0 ? ret : live_exhaust(l);
}

const struct live_scenario live_listener_exhausted = {
    .name = "listener_exhausted",
    .open = listener_exhausted_open,
    .close = listener_close,
};

const struct live_scenario live_listener_waiting = {
    .name = "listener_waiting",
    .open = listener_waiting_open,
    .check = check_accepted,
    .close = listener_close,
};

static void act_two_clients(struct live *l)
{
    if (client_open(l, &l->peer) < 0 || client_open(l, &l->fd2) < 0)
        live_fail(l, "a client could not connect");
}

/* Both clients are through: each has a connection that names it as the peer. */
static void check_two_accepted(struct live *l, int res)
{
    int clients[2] = {l->peer, l->fd2};

    (void)res;
    for (int i = 0; i < 2; i++) {
        struct sockaddr_in client, other;
        socklen_t len = sizeof(client);
        int found = 0;

        if (getsockname(clients[i], (struct sockaddr *)&client, &len)) {
            live_fail(l, "a client has no name");
            return;
        }
        for (int fd = 3; fd < 256 && !found; fd++) {
            len = sizeof(other);
            found = !getpeername(fd, (struct sockaddr *)&other, &len) && len == sizeof(other) &&
                    !memcmp(&client, &other, sizeof(other));
        }
        if (!found)
            live_fail(l, "a client has no connection");
    }
}

const struct live_scenario live_listener_late = {
    .name = "listener_late",
    .open = listener_idle_open,
    .act = act_two_clients,
    .check = check_two_accepted,
    .close = listener_close,
};

/* A client's byte arrives at the connection in a slot. */
static void slot_receives(struct live *l, unsigned slot, int client, unsigned char byte)
{
    struct io_uring_sqe request;

    memset(&request, 0, sizeof(request));
    request.opcode = IORING_OP_RECV;
    request.flags = IOSQE_FIXED_FILE;
    request.fd = (__s32)slot;
    request.addr = (uintptr_t)l->buf;
    request.len = 1;
    request.msg_flags = MSG_WAITALL;
    if (send(client, &byte, 1, MSG_NOSIGNAL) != 1 || own_request(l, &request) != 1 ||
        l->buf[0] != byte)
        live_fail(l, "the slot does not hold the client's connection");
}

static int listener_direct_open(struct live *l)
{
    int ret = listener_idle_open(l);

    if (ret == 0)
        ret = client_open(l, &l->peer);
    l->slot = 2;
    return ret < 0 ? ret : table_open(l, -1);
}

static void check_slot_accepted(struct live *l, int res)
{
    (void)res;
    slot_receives(l, l->slot, l->peer, 'a');
}

const struct live_scenario live_listener_direct = {
    .name = "listener_direct",
    .open = listener_direct_open,
    .check = check_slot_accepted,
    .close = net_close,
};

static int listener_direct_late_open(struct live *l)
{
    int ret = listener_idle_open(l);

    return ret < 0 ? ret : table_open(l, -1);
}

/* Connections take the free slots in turn. */
static void check_slots_accepted(struct live *l, int res)
{
    slot_receives(l, (unsigned)res, l->peer, 'a');
    slot_receives(l, (unsigned)res + 1, l->fd2, 'b');
}

const struct live_scenario live_listener_direct_late = {
    .name = "listener_direct_late",
    .open = listener_direct_late_open,
    .act = act_two_clients,
    .check = check_slots_accepted,
    .close = net_close,
};

/* ---- names ---------------------------------------------------------------------------- */

/* l->peer has l->sa, l->sock is fresh. */
static int fresh_and_named_open(struct live *l, int backlog)
{
    int ret = basics_open(l);

    if (ret == 0)
        ret = named_open(l, &l->peer, SOCK_STREAM, backlog);
    return ret < 0 ? ret : fresh_open(&l->sock, SOCK_STREAM);
}

static int connect_ready_open(struct live *l)
{
    return fresh_and_named_open(l, 4);
}

static void check_connected(struct live *l, int res)
{
    struct sockaddr_in other;
    socklen_t len = sizeof(other);

    (void)res;
    if (getpeername(l->sock, (struct sockaddr *)&other, &len) || len != l->sa_len ||
        memcmp(l->sa, &other, len))
        live_fail(l, "the socket is not connected to the name");
}

const struct live_scenario live_connect_ready = {
    .name = "connect_ready",
    .open = connect_ready_open,
    .check = check_connected,
    .close = net_close,
};

/* The name is bound, so that nobody else takes it, but nobody listens. */
static int connect_refused_open(struct live *l)
{
    return fresh_and_named_open(l, 0);
}

const struct live_scenario live_connect_refused = {
    .name = "connect_refused",
    .open = connect_refused_open,
    .close = net_close,
};

const struct live_scenario live_bind_taken = {
    .name = "bind_taken",
    .open = connect_ready_open,
    .close = net_close,
};

static int bind_free_open(struct live *l)
{
    struct sockaddr_in name;
    int ret = basics_open(l);

    loopback(&name);
    memcpy(&l->sa_data, &name, sizeof(name));
    return ret < 0 ? ret : fresh_open(&l->sock, SOCK_STREAM);
}

static void check_bound(struct live *l, int res)
{
    struct sockaddr_in own;
    socklen_t len = sizeof(own);

    (void)res;
    if (getsockname(l->sock, (struct sockaddr *)&own, &len) || own.sin_port == 0 ||
        own.sin_addr.s_addr != htonl(INADDR_LOOPBACK))
        live_fail(l, "the socket does not have the name");
}

const struct live_scenario live_bind_free = {
    .name = "bind_free",
    .open = bind_free_open,
    .check = check_bound,
    .close = net_close,
};

/* A name of a network that no machine has (RFC 5737). */
static int bind_foreign_open(struct live *l)
{
    int ret = bind_free_open(l);

    ((struct sockaddr_in *)&l->sa_data)->sin_addr.s_addr = htonl(0xc0000201);
    return ret;
}

const struct live_scenario live_bind_foreign = {
    .name = "bind_foreign",
    .open = bind_foreign_open,
    .close = net_close,
};

static int bind_family_open(struct live *l)
{
    int ret = bind_free_open(l);

    l->sa->sa_family = AF_UNIX;
    return ret;
}

const struct live_scenario live_bind_family = {
    .name = "bind_family",
    .open = bind_family_open,
    .close = net_close,
};

static int listen_ready_open(struct live *l)
{
    int ret = basics_open(l);

    return ret < 0 ? ret : named_open(l, &l->sock, SOCK_STREAM, 0);
}

static void check_listening(struct live *l, int res)
{
    (void)res;
    if (client_open(l, &l->peer) < 0)
        live_fail(l, "a client cannot connect");
}

const struct live_scenario live_listen_ready = {
    .name = "listen_ready",
    .open = listen_ready_open,
    .check = check_listening,
    .close = net_close,
};

static int socket_get_name_open(struct live *l)
{
    int ret = basics_open(l);

    if (ret == 0)
        ret = tcp_open(l);
    memset(&l->sa_data, 0, sizeof(l->sa_data));
    l->sa_len = sizeof(l->sa_data);
    return ret;
}

static void check_got_name(struct live *l, int res)
{
    struct sockaddr_in own;
    socklen_t len = sizeof(own);

    (void)res;
    if (getsockname(l->sock, (struct sockaddr *)&own, &len) || l->sa_len != len ||
        memcmp(l->sa, &own, len))
        live_fail(l, "the name is not the socket's");
}

const struct live_scenario live_socket_get_name = {
    .name = "socket_get_name",
    .open = socket_get_name_open,
    .check = check_got_name,
    .close = net_close,
};

/* ---- new sockets ---------------------------------------------------------------------- */

static void check_new_socket(struct live *l, int res)
{
    int domain = -1, type = -1;
    socklen_t len = sizeof(int);

    if (getsockopt(res, SOL_SOCKET, SO_DOMAIN, &domain, &len) ||
        getsockopt(res, SOL_SOCKET, SO_TYPE, &type, &len) || domain != AF_INET ||
        type != SOCK_STREAM)
        live_fail(l, "the descriptor is no TCP socket");
    close(res);
}

static int socket_exhausted_open(struct live *l)
{
    int ret = basics_open(l);

    return ret < 0 ? ret : live_exhaust(l);
}

const struct live_scenario live_socket_exhausted = {
    .name = "socket_exhausted",
    .open = socket_exhausted_open,
    .close = net_close,
};

const struct live_scenario live_socket_new = {
    .name = "socket_new",
    .open = basics_open,
    .check = check_new_socket,
    .close = net_close,
};

/* The first slot is taken, so that slot 0 is never the answer; l->peer listens. */
static int socket_new_direct_open(struct live *l)
{
    int ret = basics_open(l);

    if (ret == 0)
        ret = named_open(l, &l->peer, SOCK_STREAM, 4);
    l->slot = 2;
    return ret < 0 ? ret : table_open(l, l->peer);
}

/* The socket in the slot can connect. */
static void check_new_slot(struct live *l, int res)
{
    struct io_uring_sqe request;

    memset(&request, 0, sizeof(request));
    request.opcode = IORING_OP_CONNECT;
    request.flags = IOSQE_FIXED_FILE;
    request.fd = res ? res : (__s32)l->slot;
    request.addr = (uintptr_t)l->sa;
    request.addr2 = l->sa_len;
    if (own_request(l, &request) != 0)
        live_fail(l, "the slot holds no TCP socket");
}

const struct live_scenario live_socket_new_direct = {
    .name = "socket_new_direct",
    .open = socket_new_direct_open,
    .check = check_new_slot,
    .close = net_close,
};

static int socket_new_full_open(struct live *l)
{
    int ret = basics_open(l);

    if (ret < 0)
        return ret;
    l->fd = eventfd(0, EFD_CLOEXEC);
    if (l->fd < 0)
        return -errno;
    return rota_sys_register(l->ring.ring_fd, IORING_REGISTER_FILES, &l->fd, 1);
}

const struct live_scenario live_socket_new_full = {
    .name = "socket_new_full",
    .open = socket_new_full_open,
    .close = net_close,
};

/* ---- commands ------------------------------------------------------------------------- */

static int socket_set_option_open(struct live *l)
{
    int ret = basics_open(l);

    l->option_data = 1;
    return ret < 0 ? ret : fresh_open(&l->sock, SOCK_STREAM);
}

static void check_option_set(struct live *l, int res)
{
    int value = 0;
    socklen_t len = sizeof(value);

    (void)res;
    if (getsockopt(l->sock, SOL_SOCKET, SO_KEEPALIVE, &value, &len) || value != 1)
        live_fail(l, "the option is not on");
}

const struct live_scenario live_socket_set_option = {
    .name = "socket_set_option",
    .open = socket_set_option_open,
    .check = check_option_set,
    .close = net_close,
};

static int socket_get_option_open(struct live *l)
{
    int ret = socket_set_option_open(l);

    if (ret == 0 && setsockopt(l->sock, SOL_SOCKET, SO_KEEPALIVE, &l->option_data, sizeof(int)))
        ret = -errno;
    l->option_data = 0;
    return ret;
}

static void check_option_got(struct live *l, int res)
{
    (void)res;
    if (l->option_data != 1)
        live_fail(l, "the answer does not say that the option is on");
}

const struct live_scenario live_socket_get_option = {
    .name = "socket_get_option",
    .open = socket_get_option_open,
    .check = check_option_got,
    .close = net_close,
};

#define DEVICE_SIZE    (1U << 20)
#define DISCARDED_SIZE (1U << 16)

/* Whether the device in `fd` can discard. */
static int can_discard(int number)
{
    char path[64];
    char text[32] = "0";
    int fd;

    (void)snprintf(path, sizeof(path), "/sys/block/loop%d/queue/discard_max_bytes", number);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && read(fd, text, sizeof(text) - 1) < 1)
        text[0] = '0';
    fd_close(&fd);
    return strtoull(text, NULL, 10) > 0;
}

/* A free loop device over l->fd as l->fd2; another process may take it first. */
static int loop_open(struct live *l)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    char path[32];
    int ret = -errno;

    if (control < 0) {
        l->skip = "there are no loop devices, or none for this user";
        return ret;
    }
    for (int tries = 0; tries < 16; tries++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);

        ret = number < 0 ? -errno : 0;
        if (ret < 0)
            break;
        (void)snprintf(path, sizeof(path), "/dev/loop%d", number);
        l->fd2 = open(path, O_RDWR | O_CLOEXEC);
        ret = l->fd2 < 0 ? -errno : 0;
        if (ret == 0 && ioctl(l->fd2, LOOP_SET_FD, l->fd) == 0) {
            if (!can_discard(number))
                l->skip = "the file system beneath cannot punch holes";
            break;
        }
        ret = ret < 0 ? ret : -errno;
        fd_close(&l->fd2);
        if (ret != -EBUSY)
            break;
    }
    fd_close(&control);
    if (ret < 0 && !l->skip)
        l->skip = "no loop device can be had";
    return ret;
}

/* The disk of ROTA_NVME, which may be overwritten; l->fd is another way to its bytes. */
static int disk_open(struct live *l, const char *path)
{
    unsigned char *pattern = malloc(DEVICE_SIZE);
    int ret = -ENOMEM;

    l->fd2 = open(path, O_RDWR | O_CLOEXEC);
    if (l->fd2 < 0)
        ret = -errno;
    else if (pattern)
        ret = 0;
    for (size_t i = 0; ret == 0 && i < DEVICE_SIZE; i++)
        pattern[i] = live_pattern(i);
    if (ret == 0 && pwrite(l->fd2, pattern, DEVICE_SIZE, 0) != (ssize_t)DEVICE_SIZE)
        ret = -EIO;
    free(pattern);
    fd_close(&l->fd);
    if (ret == 0)
        l->fd = open(path, O_RDONLY | O_CLOEXEC);
    return ret == 0 && l->fd < 0 ? -errno : ret;
}

static int block_device_open(struct live *l)
{
    const char *disk = getenv("ROTA_NVME");
    int ret;

    l->size = DEVICE_SIZE;
    ret = live_file_open(l);
    if (ret == 0)
        ret = live_ring_open(l);
    if (ret < 0)
        return ret;
    if (disk && access("/dev/loop-control", F_OK))
        return disk_open(l, disk);
    return loop_open(l);
}

static void check_discarded(struct live *l, int res)
{
    (void)res;
    if (pread(l->fd, l->buf, DEVICE_SIZE, 0) != (ssize_t)DEVICE_SIZE) {
        live_fail(l, "the file beneath cannot be read");
        return;
    }
    for (unsigned i = 0; i < DISCARDED_SIZE; i++) {
        if (l->buf[i])
            live_fail(l, "the bytes are still there");
    }
    if (!holds(l->buf + DISCARDED_SIZE, DEVICE_SIZE - DISCARDED_SIZE, DISCARDED_SIZE))
        live_fail(l, "more than the range is gone");
}

static void block_device_close(struct live *l)
{
    live_ring_close(l);
    if (l->fd2 >= 0)
        (void)ioctl(l->fd2, LOOP_CLR_FD);
    fd_close(&l->fd2);
    live_file_close(l);
}

const struct live_scenario live_block_device = {
    .name = "block_device",
    .open = block_device_open,
    .check = check_discarded,
    .close = block_device_close,
};
