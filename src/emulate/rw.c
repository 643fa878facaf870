/* SPDX-License-Identifier: MIT */
/*
 * Reads and writes. The first try may not block; a file that cannot say
 * whether it would, goes to a worker. Of a regular file all is transferred
 * that there is, with as many calls as it takes.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include "emulate/calls.h"
#include "emulate/hooks.h"
#include "emulate/resources.h"
#include "emulate/vector.h"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

struct transfer {
    struct iovec one;
    const struct iovec *iov;
    uint32_t count;
    uint64_t offset; /* UINT64_MAX: the file's own */
    int flags;
    bool writes;
};

/* The memory of the request. `copy` has room for its vectors. 0 or -errno. */
static int memory_of(struct emulate_ring *ring, struct emulate_request *request,
                     struct transfer *transfer, struct iovec *copy)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int ret;

    if (!(request->flags & EMULATE_REQ_VECTOR) || (request->flags & EMULATE_REQ_SELECTED)) {
        transfer->one.iov_base = request->addr;
        transfer->one.iov_len = request->len;
        transfer->iov = &transfer->one;
        transfer->count = 1;
        return 0;
    }
    transfer->iov = (const struct iovec *)(uintptr_t)sqe->addr;
    transfer->count = sqe->len;
    if (!(request->way->flags & EMULATE_WAY_FIXED_BUFFER))
        return 0; /* the system call says whether the vectors are there */
    ret = emulate_copy_in(copy, sqe->addr, sqe->len * sizeof(*copy));
    if (!ret)
        ret = emulate_fixed_vector(ring, request, copy, sqe->len);
    transfer->iov = copy;
    return ret;
}

static int64_t call(int fd, const struct transfer *transfer, uint64_t done)
{
    struct iovec rest[EMULATE_VECTORS];
    const struct iovec *iov = transfer->iov;
    uint64_t at = transfer->offset == UINT64_MAX ? UINT64_MAX : transfer->offset + done;
    size_t count = transfer->count;
    ssize_t ret;

    if (done) {
        count = emulate_vector_skip(iov, count, rest, done);
        iov = rest;
    }
    if (transfer->writes)
        ret = emulate_pwritev2(fd, iov, (int)count, at, transfer->flags);
    else
        ret = emulate_preadv2(fd, iov, (int)count, at, transfer->flags);
    return ret < 0 ? -errno : ret;
}

static bool is_regular(int fd)
{
    struct stat status;

    return !fstat(fd, &status) && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

static int64_t transfer_all(struct emulate_ring *ring, struct emulate_request *request, bool writes)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct iovec copy[EMULATE_VECTORS];
    struct transfer transfer = {.offset = sqe->off, .writes = writes};
    bool own_nowait = (sqe->rw_flags & RWF_NOWAIT) != 0, regular = false;
    int64_t got = 0;
    int ret;

    if (sqe->attr_type_mask)
        return -EINVAL; /* no file of ours takes any */
    ret = memory_of(ring, request, &transfer, copy);
    if (ret)
        return ret;
    if (own_nowait)
        request->flags |= EMULATE_REQ_NOWAIT;
    transfer.flags = (int)sqe->rw_flags | (request->blocking ? 0 : RWF_NOWAIT);
    for (;;) {
        got = call(request->fd, &transfer, request->total);
        if (got == -ESPIPE && transfer.offset != UINT64_MAX) {
            /* What cannot be positioned is not asked where. */
            transfer.offset = UINT64_MAX;
            continue;
        }
        if (got < 0)
            break;
        /* A call has read the vectors: they are there. What is short is judged by bytes. */
        request->len = (size_t)emulate_vector_length(transfer.iov, transfer.count);
        request->total += (uint64_t)got;
        if (!got || request->total >= request->len || own_nowait)
            break;
        if (!regular && !is_regular(request->fd))
            break;
        regular = true;
    }
    if (got == -EINTR && !request->blocking)
        return EMULATE_RETRY;
    if (got == -EAGAIN && !own_nowait && !request->blocking)
        return -EAGAIN; /* what was done stands in `total` */
    if (got == -EOPNOTSUPP && !own_nowait && !request->blocking)
        return EMULATE_PUNT; /* it cannot say whether it would block */
    if (request->total)
        got = (int64_t)request->total;
    return got;
}

EMULATE_HOOK(read)
{
    return transfer_all(ring, request, false);
}

EMULATE_HOOK(write)
{
    return transfer_all(ring, request, true);
}
