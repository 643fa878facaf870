/* SPDX-License-Identifier: MIT */
/*
 * Sending. Zero-copy sends copy; that the memory is free again at once is told
 * by the notification. As in the kernel no send raises SIGPIPE.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <limits.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#include "emulate/calls.h"
#include "emulate/hooks.h"
#include "emulate/resources.h"
#include "emulate/vector.h"

/* Readiness first, if that was asked for. */
static bool waits_first(struct emulate_request *request)
{
    if (request->sqe.ioprio & IORING_RECVSEND_POLL_FIRST)
        request->flags |= EMULATE_REQ_POLL_FIRST;
    return (request->flags & EMULATE_REQ_POLL_FIRST) && !(request->flags & EMULATE_REQ_WAITED);
}

static bool is_stream(int fd)
{
    int type = 0;
    socklen_t size = sizeof(type);

    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return false;
    return type == SOCK_STREAM || type == SOCK_SEQPACKET;
}

/* Leaves out the first bytes of the vectors. `rest` has room for all of them. */
static void skip(struct msghdr *header, struct iovec *rest, uint64_t bytes)
{
    EMULATE_SET(header->msg_iovlen,
                emulate_vector_skip(header->msg_iov, (size_t)header->msg_iovlen, rest, bytes));
    header->msg_iov = rest;
}

/* Once. Most messages are no more than some bytes, for which there is a cheaper call; it judges
 * lengths that nobody has otherwise. */
static int64_t send_some(int fd, const struct msghdr *header, int flags)
{
    if (header->msg_iovlen == 1 && !header->msg_controllen &&
        header->msg_iov->iov_len <= INT32_MAX &&
        header->msg_namelen <= sizeof(struct sockaddr_storage))
        return emulate_sendto(fd, header->msg_iov->iov_base, header->msg_iov->iov_len, flags,
                              header->msg_name, header->msg_namelen);
    return emulate_result(sendmsg(fd, header, flags));
}

static int send_flags(struct emulate_request *request)
{
    uint32_t asked = request->sqe.msg_flags;

    if (asked & MSG_DONTWAIT)
        request->flags |= EMULATE_REQ_NOWAIT;
    return (int)asked | MSG_NOSIGNAL | (request->blocking ? 0 : MSG_DONTWAIT);
}

/* A bundle is sent as a whole, as if that had been asked for. */
static bool sends_all(const struct io_uring_sqe *sqe)
{
    return (sqe->msg_flags & MSG_WAITALL) ||
           ((sqe->ioprio & IORING_RECVSEND_BUNDLE) && (sqe->flags & IOSQE_BUFFER_SELECT));
}

static int64_t send_message(struct emulate_request *request, struct msghdr *header)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct iovec rest[EMULATE_VECTORS];
    uint64_t length = emulate_vector_length(header->msg_iov, (size_t)header->msg_iovlen);
    int flags = send_flags(request);
    int64_t sent, res;

    if (request->total)
        skip(header, rest, request->total);
    for (;;) {
        sent = send_some(request->fd, header, flags);
        if (sent < 0)
            break;
        request->total += (uint64_t)sent;
        if (request->total >= length || !sent || !sends_all(sqe) || !is_stream(request->fd))
            break;
        skip(header, rest, (uint64_t)sent);
    }
    if (sent == -EINTR && !request->blocking)
        return EMULATE_RETRY;
    if (sent == -EAGAIN && !(request->flags & EMULATE_REQ_NOWAIT))
        return -EAGAIN;
    res = sent < 0 && !request->total ? sent : (int64_t)request->total;
    if (res >= 0 && (uint64_t)res < length && sends_all(sqe))
        request->flags |= EMULATE_REQ_FAIL;
    return res;
}

/* Both kinds of SEND: memory, a registered buffer, vectors, a provided buffer, a bundle of them. */
static int64_t send_memory(struct emulate_ring *ring, struct emulate_request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct iovec one, copy[EMULATE_VECTORS];
    struct msghdr header;
    int64_t res;
    int ret;

    if (waits_first(request))
        return -EAGAIN;
    memset(&header, 0, sizeof(header));
    if (sqe->addr2) {
        header.msg_name = (void *)(uintptr_t)sqe->addr2;
        header.msg_namelen = sqe->addr_len;
    }
    if (request->iov) {
        header.msg_iov = request->iov;
        EMULATE_SET(header.msg_iovlen, request->iov_count);
    } else if ((request->flags & EMULATE_REQ_VECTOR) && !(request->flags & EMULATE_REQ_SELECTED)) {
        ret = emulate_copy_in(copy, sqe->addr, sqe->len * sizeof(*copy));
        if (!ret && (sqe->ioprio & IORING_RECVSEND_FIXED_BUF))
            ret = emulate_fixed_vector(ring, request, copy, sqe->len);
        if (ret)
            return ret;
        header.msg_iov = copy;
        EMULATE_SET(header.msg_iovlen, sqe->len);
    } else {
        one.iov_base = request->addr;
        one.iov_len = request->len;
        header.msg_iov = &one;
        header.msg_iovlen = 1;
    }
    res = send_message(request, &header);
    if (res > 0 && (sqe->ioprio & IORING_RECVSEND_BUNDLE) &&
        !(request->flags & EMULATE_REQ_WAITED) && emulate_buffer_left(ring, request)) {
        request->flags |= EMULATE_REQ_MORE;
        request->total = 0;
    }
    return res;
}

static int64_t send_header(struct emulate_ring *ring, struct emulate_request *request)
{
    struct iovec copy[EMULATE_VECTORS];
    struct msghdr header;
    int ret;

    if (waits_first(request))
        return -EAGAIN;
    if (!(request->sqe.msg_flags & MSG_WAITALL) && !request->buffer_node) {
        /* One call, which looks at the header and says what is wrong with it. */
        ssize_t sent = emulate_sendmsg(request->fd, request->sqe.addr, send_flags(request));

        if (sent >= 0)
            return sent;
        return errno == EINTR && !request->blocking ? EMULATE_RETRY : -errno;
    }
    ret = emulate_read_msghdr(request, &header);
    if (ret < 0)
        return ret;
    if (header.msg_iovlen) {
        ret = emulate_copy_in(copy, (uintptr_t)header.msg_iov,
                              (size_t)header.msg_iovlen * sizeof(*copy));
        if (ret)
            return ret;
        header.msg_iov = copy;
    }
    if (request->buffer_node) {
        ret = emulate_fixed_vector(ring, request, copy, (uint32_t)header.msg_iovlen);
        if (ret)
            return ret;
    }
    return send_message(request, &header);
}

EMULATE_HOOK(send)
{
    return send_memory(ring, request);
}

EMULATE_HOOK(sendmsg)
{
    return send_header(ring, request);
}

/* Only of these protocols the kernel knows that they take memory without a copy. */
static bool sends_zero_copy(int fd)
{
    int protocol = 0;
    socklen_t size = sizeof(protocol);

    if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
        return true; /* the send says what is wrong */
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP;
}

EMULATE_HOOK(send_zc)
{
    if (!sends_zero_copy(request->fd))
        return -EOPNOTSUPP;
    return send_memory(ring, request);
}

EMULATE_HOOK(sendmsg_zc)
{
    if (!sends_zero_copy(request->fd)) {
        struct msghdr header;
        int ret = emulate_read_msghdr(request, &header);

        return ret < 0 ? ret : -EOPNOTSUPP;
    }
    return send_header(ring, request);
}
