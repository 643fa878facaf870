/* SPDX-License-Identifier: MIT */
/*
 * Provided buffers and the buffers of a multishot recvmsg, with liburing's
 * names; see <rota/buf_ring.h> and <rota/recvmsg.h>. Include <liburing.h>
 * instead.
 */
#ifndef ROTA_LIBURING_BUFFERS_H
#define ROTA_LIBURING_BUFFERS_H

#include <rota/liburing/register.h>
#include <rota/liburing/types.h>

struct io_uring_buf_ring *io_uring_setup_buf_ring(struct io_uring *ring, unsigned nentries,
                                                  int bgid, unsigned flags, int *err)
    ROTA_LIBURING_IS("rota_setup_buf_ring");
int io_uring_free_buf_ring(struct io_uring *ring, struct io_uring_buf_ring *br, unsigned nentries,
                           int bgid) ROTA_LIBURING_IS("rota_free_buf_ring");

IOURINGINLINE int io_uring_buf_ring_mask(__u32 ring_entries) LIBURING_NOEXCEPT
{
    return rota_buf_ring_mask(ring_entries);
}

IOURINGINLINE void io_uring_buf_ring_init(struct io_uring_buf_ring *br) LIBURING_NOEXCEPT
{
    rota_buf_ring_init(br);
}

IOURINGINLINE void io_uring_buf_ring_add(struct io_uring_buf_ring *br, void *addr, unsigned len,
                                         unsigned short bid, int mask,
                                         int buf_offset) LIBURING_NOEXCEPT
{
    rota_buf_ring_add(br, addr, len, bid, mask, buf_offset);
}

IOURINGINLINE void io_uring_buf_ring_advance(struct io_uring_buf_ring *br,
                                             int count) LIBURING_NOEXCEPT
{
    rota_buf_ring_advance(br, count);
}

IOURINGINLINE void __io_uring_buf_ring_cq_advance(struct io_uring *ring,
                                                  struct io_uring_buf_ring *br, int cq_count,
                                                  int buf_count) LIBURING_NOEXCEPT
{
    rota_buf_ring_cq_advance_nr(&ring->rota, br, cq_count, buf_count);
}

IOURINGINLINE void io_uring_buf_ring_cq_advance(struct io_uring *ring, struct io_uring_buf_ring *br,
                                                int count) LIBURING_NOEXCEPT
{
    rota_buf_ring_cq_advance(&ring->rota, br, count);
}

IOURINGINLINE int io_uring_buf_ring_available(struct io_uring *ring, struct io_uring_buf_ring *br,
                                              unsigned short bgid) LIBURING_NOEXCEPT
{
    return rota_buf_ring_available(&ring->rota, br, bgid);
}

IOURINGINLINE struct io_uring_recvmsg_out *io_uring_recvmsg_validate(
    void *buf, int buf_len, struct msghdr *msgh) LIBURING_NOEXCEPT
{
    return rota_recvmsg_validate(buf, buf_len, msgh);
}

IOURINGINLINE void *io_uring_recvmsg_name(struct io_uring_recvmsg_out *o) LIBURING_NOEXCEPT
{
    return rota_recvmsg_name(o);
}

IOURINGINLINE struct cmsghdr *io_uring_recvmsg_cmsg_firsthdr(struct io_uring_recvmsg_out *o,
                                                             struct msghdr *msgh) LIBURING_NOEXCEPT
{
    return rota_recvmsg_cmsg_firsthdr(o, msgh);
}

IOURINGINLINE struct cmsghdr *io_uring_recvmsg_cmsg_nexthdr(struct io_uring_recvmsg_out *o,
                                                            struct msghdr *msgh,
                                                            struct cmsghdr *cmsg) LIBURING_NOEXCEPT
{
    return rota_recvmsg_cmsg_nexthdr(o, msgh, cmsg);
}

IOURINGINLINE void *io_uring_recvmsg_payload(struct io_uring_recvmsg_out *o,
                                             struct msghdr *msgh) LIBURING_NOEXCEPT
{
    return rota_recvmsg_payload(o, msgh);
}

/* As liburing's 0 where the buffer ends before the payload, or was not validated. */
IOURINGINLINE unsigned io_uring_recvmsg_payload_length(struct io_uring_recvmsg_out *o, int buf_len,
                                                       struct msghdr *msgh) LIBURING_NOEXCEPT
{
    char *payload = (char *)rota_recvmsg_payload(o, msgh);

    if (buf_len < 0 || payload >= (char *)o + buf_len)
        return 0;
    return (unsigned)((char *)o + buf_len - payload);
}

#endif /* ROTA_LIBURING_BUFFERS_H */
