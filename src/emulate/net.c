/* SPDX-License-Identifier: MIT */
/* Sockets: accepting, connecting and receiving, where more than one system call is to be made. */
#include "emulate/emulate.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "emulate/calls.h"
#include "emulate/hooks.h"
#include "emulate/inside.h"
#include "emulate/vector.h"

static bool is_nonblocking(int fd)
{
    return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0;
}

static bool is_ready(int fd, short events)
{
    struct pollfd now = {.fd = fd, .events = events};

    return poll(&now, 1, 0) > 0;
}

/*
 * There is no accept(2) that does not block but on a socket that is set so. On
 * any other a worker accepts once there is a connection: another thread or
 * process may take it first, and then only the worker waits.
 */
EMULATE_HOOK(accept)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int flags = (int)sqe->accept_flags, fd;

    (void)ring;
    if (sqe->ioprio & IORING_ACCEPT_MULTISHOT)
        request->flags |= EMULATE_REQ_MULTISHOT;
    if (sqe->ioprio & IORING_ACCEPT_DONTWAIT)
        request->flags |= EMULATE_REQ_NOWAIT;
    if (sqe->ioprio & IORING_ACCEPT_POLL_FIRST && !(request->flags & EMULATE_REQ_WAITED)) {
        request->flags |= EMULATE_REQ_POLL_FIRST;
        return -EAGAIN;
    }
    if (!request->blocking && !is_nonblocking(request->fd)) {
        int listening = 0;
        socklen_t size = sizeof(listening);

        if (getsockopt(request->fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) < 0)
            return -errno;
        if (listening && !is_ready(request->fd, POLLIN))
            return -EAGAIN;
        if (listening) {
            request->flags |= EMULATE_REQ_UNBOUNDED | EMULATE_REQ_WAITED;
            return EMULATE_PUNT;
        }
        /* Nothing will ever come: accept says at once what is wrong with the socket. */
    }
    if (sqe->file_index)
        flags |= SOCK_CLOEXEC;
    fd = accept4(request->fd, (struct sockaddr *)(uintptr_t)sqe->addr,
                 (socklen_t *)(uintptr_t)sqe->addr2, flags);
    if (fd < 0)
        return -errno;
    request->flags |= EMULATE_REQ_MORE;
    if (is_ready(request->fd, POLLIN))
        request->cqe_flags |= IORING_CQE_F_SOCK_NONEMPTY;
    return fd;
}

/* The outcome of a connection that was begun. */
static int64_t connected(int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(int), peer_size = sizeof(peer);
    int error = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return -errno;
    if (error)
        return -error;
    if (!getpeername(fd, (struct sockaddr *)&peer, &peer_size))
        return 0;
    return errno == ENOTCONN ? -EAGAIN : -errno;
}

/*
 * connect(2) on a socket that blocks: for as short a time as its send timeout
 * can say, on a worker. That is no change that anybody sees: nothing can be
 * sent before there is a connection.
 */
static int connect_briefly(int fd, const struct sockaddr *address, socklen_t size)
{
    const struct timeval brief = {0, 1};
    struct timeval before;
    socklen_t before_size = sizeof(before);
    int ret;

    if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &before, &before_size) < 0)
        return -errno;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &brief, sizeof(brief));
    ret = connect(fd, address, size) < 0 ? -errno : 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &before, before_size);
    return ret;
}

EMULATE_HOOK(connect)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    const struct sockaddr *address = (const struct sockaddr *)(uintptr_t)sqe->addr;
    socklen_t size = (socklen_t)sqe->addr2;
    int ret;

    (void)ring;
    if (request->hook[0])
        return connected(request->fd);
    if (is_nonblocking(request->fd)) {
        ret = connect(request->fd, address, size) < 0 ? -errno : 0;
    } else if (request->blocking) {
        ret = connect_briefly(request->fd, address, size);
        if (ret == -EAGAIN)
            return EMULATE_PUNT; /* a full queue of a local socket: once more, behind the others */
    } else {
        request->flags |= EMULATE_REQ_UNBOUNDED | EMULATE_REQ_WAITED;
        return EMULATE_PUNT;
    }
    if (ret != -EINPROGRESS)
        return ret;
    request->hook[0] = 1;
    return -EAGAIN;
}

static int receive_flags(const struct emulate_request *request)
{
    return (int)request->sqe.msg_flags | (request->blocking ? 0 : MSG_DONTWAIT);
}

/* Sets up what both receives share. -EAGAIN: readiness comes first. */
static int begin_receive(struct emulate_request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;

    if (sqe->msg_flags & MSG_DONTWAIT)
        request->flags |= EMULATE_REQ_NOWAIT;
    if (sqe->ioprio & IORING_RECV_MULTISHOT)
        request->flags |= EMULATE_REQ_MULTISHOT;
    if ((sqe->ioprio & IORING_RECVSEND_POLL_FIRST) && !(request->flags & EMULATE_REQ_WAITED)) {
        request->flags &= ~EMULATE_REQ_NOWAIT;
        request->flags |= EMULATE_REQ_POLL_FIRST;
        return -EAGAIN;
    }
    return 0;
}

/* Of a multishot: does the file have no bounds between what is received? Asked once. */
static bool is_stream(struct emulate_request *request)
{
    enum {
        UNKNOWN,
        STREAM,
        OTHER
    };
    uint64_t *known = &request->hook[2];
    socklen_t size = sizeof(int);
    int type = 0;

    if (*known == UNKNOWN) {
        (void)getsockopt(request->fd, SOL_SOCKET, SO_TYPE, &type, &size);
        *known = type == SOCK_STREAM ? STREAM : OTHER;
    }
    return *known == STREAM;
}

/*
 * More than that waits, as far as it costs little to know. A stream that has given all it had need
 * not be asked again before the next event, which tells of its end as well.
 */
static void note_more(struct emulate_request *request, int64_t got, size_t asked)
{
    int waiting = 0;

    if (got <= 0)
        return;
    if ((size_t)got == asked && (ioctl(request->fd, FIONREAD, &waiting) || waiting > 0)) {
        if (waiting > 0)
            request->cqe_flags |= IORING_CQE_F_SOCK_NONEMPTY;
    } else if ((request->flags & EMULATE_REQ_MULTISHOT) && (request->flags & EMULATE_REQ_WAITED) &&
               is_stream(request)) {
        request->flags |= EMULATE_REQ_DRAINED;
    }
}

/* More of a multishot's: unless the peer has ended, or its total was reached. */
static void count_shot(struct emulate_request *request, int64_t res)
{
    uint32_t most = request->sqe.optlen;

    request->total += (uint64_t)res;
    if (res > 0 && (!most || request->total < most))
        request->flags |= EMULATE_REQ_MORE;
}

/* With MSG_WAITALL: what is missing yet. */
static int64_t whole(struct emulate_request *request, int64_t res, size_t missing)
{
    int type = 0;
    socklen_t size = sizeof(type);

    if (!(request->sqe.msg_flags & MSG_WAITALL) || request->sqe.flags & IOSQE_BUFFER_SELECT)
        return res;
    if (res > 0) {
        (void)getsockopt(request->fd, SOL_SOCKET, SO_TYPE, &type, &size);
        request->total += (uint64_t)res;
        if ((size_t)res < missing && (type == SOCK_STREAM || type == SOCK_SEQPACKET) &&
            !(request->flags & EMULATE_REQ_NOWAIT))
            return -EAGAIN;
        if ((size_t)res < missing)
            request->flags |= EMULATE_REQ_FAIL;
        return (int64_t)request->total;
    }
    if (res == -EAGAIN && !(request->flags & EMULATE_REQ_NOWAIT))
        return res;
    request->flags |= EMULATE_REQ_FAIL;
    return request->total ? (int64_t)request->total : res;
}

/* Does it take what comes, one after the other, and wait for it? */
static bool is_ordinary(const struct emulate_request *request)
{
    return !(request->sqe.msg_flags & ~(uint32_t)(MSG_WAITALL | MSG_NOSIGNAL)) && !request->iov &&
           !request->blocking && !(request->flags & EMULATE_REQ_MULTISHOT);
}

EMULATE_HOOK(recv)
{
    size_t done = (size_t)request->total, length = request->len;
    struct msghdr header;
    int64_t got;

    if (begin_receive(request) < 0)
        return -EAGAIN;
    if (is_ordinary(request) && emulate_file_is_empty(ring, request->fd))
        return -EAGAIN;
    if (request->flags & EMULATE_REQ_MULTISHOT) {
        uint64_t most = request->sqe.optlen;

        done = 0;
        if (most && request->total + length > most)
            length = (size_t)(most - request->total);
    }
    if (request->iov) {
        memset(&header, 0, sizeof(header));
        header.msg_iov = request->iov;
        EMULATE_SET(header.msg_iovlen, request->iov_count);
        got = emulate_result(recvmsg(request->fd, &header, receive_flags(request)));
    } else {
        got = emulate_recv(request->fd, (char *)request->addr + done, length - done,
                           receive_flags(request));
    }
    if (got == -EINTR && !request->blocking)
        return EMULATE_RETRY;
    if (!request->iov)
        note_more(request, got, length - done);
    if (is_ordinary(request) && got > 0 && (size_t)got < length - done)
        emulate_file_emptied(ring, request->fd);
    if (request->flags & EMULATE_REQ_MULTISHOT) {
        if (got >= 0)
            count_shot(request, got);
        return got;
    }
    return whole(request, got, length - done);
}

/*
 * Messages
 */

int emulate_read_msghdr(const struct emulate_request *request, struct msghdr *header)
{
    int ret = emulate_copy_in(header, request->sqe.addr, sizeof(*header));

    if (ret < 0)
        return ret;
    return header->msg_iovlen > IOV_MAX ? -EMSGSIZE : 0;
}

int emulate_keep_msghdr(struct emulate_ring *ring, struct emulate_request *request)
{
    struct msghdr header, *kept;
    int ret = emulate_read_msghdr(request, &header);

    (void)ring;
    if (ret < 0)
        return ret;
    if (!request->hook[1])
        request->hook[1] = request->sqe.addr; /* where the answer goes */
    kept = emulate_keep(request, &header, sizeof(header));
    if (!kept)
        return -ENOMEM;
    if (header.msg_iovlen) {
        struct iovec *iov;

        iov = emulate_keep(request, NULL, (size_t)header.msg_iovlen * sizeof(*iov));
        if (!iov)
            return -ENOMEM;
        ret = emulate_copy_in(iov, (uintptr_t)header.msg_iov,
                              (size_t)header.msg_iovlen * sizeof(*iov));
        if (ret < 0)
            return ret;
        kept->msg_iov = iov;
    }
    if ((request->way->events & EPOLLOUT) && header.msg_name && header.msg_namelen) {
        void *name;

        if (header.msg_namelen > sizeof(struct sockaddr_storage))
            return -EINVAL;
        name = emulate_keep(request, NULL, header.msg_namelen);
        if (!name)
            return -ENOMEM;
        ret = emulate_copy_in(name, (uintptr_t)header.msg_name, header.msg_namelen);
        if (ret < 0)
            return ret;
        kept->msg_name = name;
    }
    request->sqe.addr = (uintptr_t)kept;
    return 0;
}

/* With a selected buffer: how much of it. */
int emulate_take_recvmsg(struct emulate_ring *ring, struct emulate_request *request)
{
    struct msghdr header;
    struct iovec first;
    int ret;

    (void)ring;
    if (!(request->sqe.flags & IOSQE_BUFFER_SELECT))
        return 0;
    ret = emulate_read_msghdr(request, &header);
    if (ret < 0)
        return ret;
    request->want = 0;
    if (request->sqe.ioprio & IORING_RECV_MULTISHOT || !header.msg_iovlen)
        return 0;
    if (header.msg_iovlen > 1)
        return -EINVAL;
    ret = emulate_copy_in(&first, (uintptr_t)header.msg_iov, sizeof(first));
    request->want = first.iov_len;
    return ret;
}

/* One message into a selected buffer: what it is, the address, the control data, the payload. */
static int64_t receive_record(struct emulate_request *request, const struct msghdr *asked)
{
    struct io_uring_recvmsg_out out;
    size_t name_room = asked->msg_namelen, control_room = asked->msg_controllen;
    size_t before = sizeof(out) + name_room + control_room;
    unsigned char *at = request->addr;
    struct msghdr header;
    struct iovec payload;
    ssize_t got;

    if (request->len < before)
        return -EFAULT;
    memset(&header, 0, sizeof(header));
    payload.iov_base = at + before;
    payload.iov_len = request->len - before;
    header.msg_name = name_room ? at + sizeof(out) : NULL;
    header.msg_namelen = (socklen_t)name_room;
    header.msg_control = control_room ? at + sizeof(out) + name_room : NULL;
    EMULATE_SET(header.msg_controllen, control_room);
    header.msg_iov = &payload;
    header.msg_iovlen = 1;
    got = recvmsg(request->fd, &header, receive_flags(request));
    if (got < 0)
        return errno == EINTR && !request->blocking ? EMULATE_RETRY : -errno;
    out.namelen = name_room ? header.msg_namelen : 0;
    out.controllen = control_room ? (uint32_t)header.msg_controllen : 0;
    out.payloadlen = (uint32_t)got;
    out.flags = (uint32_t)header.msg_flags;
    if (emulate_copy_out((uintptr_t)at, &out, sizeof(out)) < 0)
        return -EFAULT;
    count_shot(request, got);
    if ((size_t)got > payload.iov_len)
        got = (ssize_t)payload.iov_len;
    return (int64_t)before + got;
}

/* One receive of what the program's own header, which has not been copied yet, asks for. */
static bool is_plain(const struct emulate_request *request)
{
    return !(request->flags & (EMULATE_REQ_MULTISHOT | EMULATE_REQ_SELECTED | EMULATE_REQ_KEPT)) &&
           !(request->sqe.msg_flags & MSG_WAITALL);
}

/* What a receive has to say of itself, in the program's header. 0 or -EFAULT. */
static int tell_header(uint64_t user, const struct msghdr *header)
{
    struct msghdr *to = (struct msghdr *)(uintptr_t)user;

    if (emulate_check_memory(user, sizeof(*to)) < 0)
        return -EFAULT;
    to->msg_namelen = header->msg_namelen;
    to->msg_controllen = header->msg_controllen;
    to->msg_flags = header->msg_flags;
    return 0;
}

EMULATE_HOOK(recvmsg)
{
    struct msghdr header;
    struct iovec selected, rest[EMULATE_VECTORS];
    uint64_t user = request->hook[1] ? request->hook[1] : request->sqe.addr;
    size_t length;
    ssize_t got;
    int ret;

    (void)ring;
    if (begin_receive(request) < 0)
        return -EAGAIN;
    if (is_plain(request)) {
        /* The system call looks at the header, and says what is wrong with it. */
        got = emulate_recvmsg(request->fd, user, receive_flags(request));
        if (got >= 0)
            return got;
        return errno == EINTR && !request->blocking ? EMULATE_RETRY : -errno;
    }
    ret = emulate_read_msghdr(request, &header);
    if (ret < 0)
        return ret;
    if (request->flags & EMULATE_REQ_MULTISHOT)
        return receive_record(request, &header);
    header.msg_flags = 0;
    if (request->flags & EMULATE_REQ_SELECTED) {
        selected.iov_base = request->addr;
        selected.iov_len = request->len;
        header.msg_iov = request->iov ? request->iov : &selected;
        EMULATE_SET(header.msg_iovlen, request->iov ? request->iov_count : 1);
    }
    length = (size_t)emulate_vector_length(header.msg_iov, (size_t)header.msg_iovlen);
    if (request->total) {
        /* MSG_WAITALL goes on where it was. */
        EMULATE_SET(
            header.msg_iovlen,
            emulate_vector_skip(header.msg_iov, (size_t)header.msg_iovlen, rest, request->total));
        header.msg_iov = rest;
        length -= (size_t)request->total;
    }
    got = recvmsg(request->fd, &header, receive_flags(request));
    if (got < 0) {
        if (errno == EINTR && !request->blocking)
            return EMULATE_RETRY;
        return whole(request, -errno, length);
    }
    ret = tell_header(user, &header);
    return ret < 0 ? ret : whole(request, got, length);
}

/*
 * READ_MULTISHOT: of any file that can be waited for.
 */
EMULATE_HOOK(read_multishot)
{
    struct iovec iov;
    ssize_t got;

    (void)ring;
    request->flags |= EMULATE_REQ_MULTISHOT;
    iov.iov_base = request->addr;
    iov.iov_len = request->len;
    if (!request->blocking) {
        got = emulate_preadv2(request->fd, &iov, 1, request->sqe.off, RWF_NOWAIT);
        if (got < 0 && errno == ESPIPE)
            got = emulate_preadv2(request->fd, &iov, 1, UINT64_MAX, RWF_NOWAIT);
        if (got < 0 && errno == EOPNOTSUPP)
            return is_ready(request->fd, POLLIN) ? EMULATE_PUNT : -EAGAIN;
    } else {
        got = read(request->fd, request->addr, request->len);
    }
    if (got < 0)
        return errno == EINTR && !request->blocking ? EMULATE_RETRY : -errno;
    if (got > 0)
        request->flags |= EMULATE_REQ_MORE;
    return got;
}
