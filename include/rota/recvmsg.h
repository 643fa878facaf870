/* SPDX-License-Identifier: MIT */
/*
 * Looking into the buffers that a multishot RECVMSG fills (6.0).
 *
 *     struct io_uring_recvmsg_out *out = rota_recvmsg_validate(buf, cqe->res, &msg);
 *     if (!out)
 *         return -EBADMSG;                    (no whole header)
 *     from = rota_recvmsg_name(out);          (out->namelen bytes)
 *     data = rota_recvmsg_payload(out, &msg);
 *     size = rota_recvmsg_payload_length(out, cqe->res, &msg);
 *
 * A buffer starts with a struct io_uring_recvmsg_out. Behind it are as many
 * bytes for the sender's address as the request's message header has in
 * msg_namelen, then msg_controllen bytes for control messages, whatever came of
 * them, and then the data. `msgh` is always that message header, or one with
 * the same two lengths.
 *
 * Names, arguments and meaning are liburing's. Nothing here touches a ring; any
 * thread may call it. <sys/socket.h> has the structures of libc.
 */
#ifndef ROTA_RECVMSG_H
#define ROTA_RECVMSG_H

#include <rota/config.h>
#include <rota/types.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/* A struct msghdr and the start of a struct cmsghdr, as the kernel reads and writes them. */
struct rota_msghdr_words {
    void *name;
    int namelen;
    void *iov;
    size_t iovlen;
    void *control;
    size_t controllen;
} __attribute__((may_alias));

struct rota_cmsghdr_words {
    size_t len; /* with this header, without the padding behind it */
    int level;
    int type;
} __attribute__((may_alias));

/* The space for the address. */
ROTA_INLINE size_t rota_msghdr_namelen(const struct msghdr *msgh)
{
    return (size_t)((const struct rota_msghdr_words *)(const void *)msgh)->namelen;
}

/* The space for control messages. */
ROTA_INLINE size_t rota_msghdr_controllen(const struct msghdr *msgh)
{
    return ((const struct rota_msghdr_words *)(const void *)msgh)->controllen;
}

/*
 * rota_recvmsg_validate - the header at the start of a buffer.
 *
 * `buf` is the buffer that the completion names, `buf_len` its res.
 *
 * Returns NULL when the buffer is too short for the header and the space of
 * address and control messages: then nothing of it may be looked at.
 */
ROTA_INLINE struct io_uring_recvmsg_out *rota_recvmsg_validate(void *buf, int buf_len,
                                                               const struct msghdr *msgh)
{
    size_t namelen = rota_msghdr_namelen(msgh);
    size_t size = buf_len < 0 ? 0 : (size_t)buf_len;

    if (size < sizeof(struct io_uring_recvmsg_out))
        return NULL;
    size -= sizeof(struct io_uring_recvmsg_out);
    if (size < namelen || size - namelen < rota_msghdr_controllen(msgh))
        return NULL;
    return (struct io_uring_recvmsg_out *)buf;
}

/*
 * rota_recvmsg_name - the sender's address.
 *
 * out->namelen is its length; when that is more than msg_namelen, the address
 * was cut off there.
 */
ROTA_INLINE void *rota_recvmsg_name(struct io_uring_recvmsg_out *out)
{
    return out + 1;
}

/* The control message at `offset` from the first; NULL if no whole one is there. */
ROTA_INLINE struct cmsghdr *rota_recvmsg_cmsg_at(struct io_uring_recvmsg_out *out,
                                                 const struct msghdr *msgh, size_t offset)
{
    char *cmsg = (char *)rota_recvmsg_name(out) + rota_msghdr_namelen(msgh) + offset;
    const struct rota_cmsghdr_words *words = (const struct rota_cmsghdr_words *)(void *)cmsg;

    if (offset > out->controllen || out->controllen - offset < sizeof(*words) ||
        words->len < sizeof(*words) || words->len > out->controllen - offset)
        return NULL;
    return (struct cmsghdr *)(void *)cmsg;
}

/*
 * rota_recvmsg_cmsg_firsthdr - the first control message; NULL if there is none.
 *
 * Shows whole messages only, as CMSG_FIRSTHDR of cmsg(3); MSG_CTRUNC in
 * out->flags says that some did not fit.
 */
ROTA_INLINE struct cmsghdr *rota_recvmsg_cmsg_firsthdr(struct io_uring_recvmsg_out *out,
                                                       const struct msghdr *msgh)
{
    return rota_recvmsg_cmsg_at(out, msgh, 0);
}

/* rota_recvmsg_cmsg_nexthdr - the one behind `cmsg`; NULL after the last. */
ROTA_INLINE struct cmsghdr *rota_recvmsg_cmsg_nexthdr(struct io_uring_recvmsg_out *out,
                                                      const struct msghdr *msgh,
                                                      const struct cmsghdr *cmsg)
{
    const char *first = (const char *)rota_recvmsg_name(out) + rota_msghdr_namelen(msgh);
    size_t len = ((const struct rota_cmsghdr_words *)(const void *)cmsg)->len;

    if (len < sizeof(struct rota_cmsghdr_words) || len > out->controllen)
        return NULL;
    len = (len + sizeof(size_t) - 1) & ~(sizeof(size_t) - 1);
    return rota_recvmsg_cmsg_at(out, msgh, (size_t)((const char *)cmsg - first) + len);
}

/* rota_recvmsg_payload - the data. */
ROTA_INLINE void *rota_recvmsg_payload(struct io_uring_recvmsg_out *out, const struct msghdr *msgh)
{
    return (char *)rota_recvmsg_name(out) + rota_msghdr_namelen(msgh) +
           rota_msghdr_controllen(msgh);
}

/*
 * rota_recvmsg_payload_length - how many bytes of data are in the buffer.
 *
 * `buf_len` as for rota_recvmsg_validate(); 0 when that would find it too
 * short. When out->payloadlen is more, the message was cut off (MSG_TRUNC in
 * out->flags).
 */
ROTA_INLINE unsigned rota_recvmsg_payload_length(const struct io_uring_recvmsg_out *out,
                                                 int buf_len, const struct msghdr *msgh)
{
    size_t namelen = rota_msghdr_namelen(msgh), controllen = rota_msghdr_controllen(msgh);
    size_t size = buf_len < 0 ? 0 : (size_t)buf_len;

    if (size < sizeof(*out))
        return 0;
    size -= sizeof(*out);
    if (size < namelen || size - namelen < controllen)
        return 0;
    return (unsigned)(size - namelen - controllen);
}

ROTA_END_DECLS

#endif /* ROTA_RECVMSG_H */
