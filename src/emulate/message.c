/* SPDX-License-Identifier: MIT */
/*
 * Messages to other rings. The target's lock is only tried, because its own
 * holder may be about to send here: a request then goes on later.
 */
#include "emulate/emulate.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"

static int64_t send_data(struct emulate_ring *to, const struct io_uring_sqe *sqe)
{
    uint32_t cqe_flags = sqe->msg_ring_flags & IORING_MSG_RING_FLAGS_PASS ? sqe->file_index : 0;

    if (sqe->addr3 || (sqe->msg_ring_flags & ~(uint32_t)IORING_MSG_RING_FLAGS_PASS))
        return -EINVAL;
    if (!(sqe->msg_ring_flags & IORING_MSG_RING_FLAGS_PASS) && sqe->file_index)
        return -EINVAL;
    if (to->disabled)
        return -EBADFD;
    return emulate_post(to, sqe->off, (int32_t)sqe->len, cqe_flags, NULL) ? 0 : -EOVERFLOW;
}

/* Only the thread that it belongs to could take a file, and that has ended. */
static bool is_orphan(const struct emulate_ring *ring)
{
    return (ring->flags & IORING_SETUP_DEFER_TASKRUN) && ring->submitter &&
           syscall(SYS_tgkill, getpid(), ring->submitter, 0) < 0 && errno == ESRCH;
}

static int64_t send_file(struct emulate_ring *from, struct emulate_ring *to,
                         const struct io_uring_sqe *sqe)
{
    int fd, ret;

    if (sqe->len || to == from || !from)
        return -EINVAL;
    if (to->disabled)
        return -EBADFD;
    if (is_orphan(to))
        return -EOWNERDEAD;
    fd = emulate_file_dup(from, (uint32_t)sqe->addr3);
    if (fd < 0)
        return fd;
    ret = emulate_file_install(to, fd, sqe->file_index);
    if (ret < 0 || (sqe->msg_ring_flags & IORING_MSG_RING_CQE_SKIP))
        return ret;
    return emulate_post(to, sqe->off, ret, 0, NULL) ? ret : -EOVERFLOW;
}

static int64_t message_to(struct emulate_ring *from, int fd, const struct io_uring_sqe *sqe)
{
    const uint32_t known = IORING_MSG_RING_CQE_SKIP | IORING_MSG_RING_FLAGS_PASS;
    struct emulate_ring *to;
    bool busy, own = from && from->fd == fd;
    int64_t res;

    if (sqe->msg_ring_flags & ~known)
        return -EINVAL;
    to = own ? from : emulate_ring_trylock(fd, &busy);
    if (!to) {
        if (busy)
            return EMULATE_RETRY;
        return fcntl(fd, F_GETFD) < 0 ? -EBADF : -EBADFD;
    }
    switch (sqe->addr) {
    case IORING_MSG_DATA:
        res = send_data(to, sqe);
        break;
    case IORING_MSG_SEND_FD:
        res = send_file(from, to, sqe);
        break;
    default:
        res = -EINVAL;
        break;
    }
    if (!own)
        emulate_ring_unlock(to);
    return res;
}

int64_t emulate_message(struct emulate_ring *from, const struct io_uring_sqe *sqe)
{
    return message_to(from, sqe->fd, sqe);
}

EMULATE_HOOK(msg_ring)
{
    return message_to(ring, request->fd, &request->sqe);
}
