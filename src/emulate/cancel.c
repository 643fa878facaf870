/* SPDX-License-Identifier: MIT */
/* Cancellation, by user_data, file, opcode or all. */
#include "emulate/emulate.h"

#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"

#define CANCEL_KNOWN                                                              \
    (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ANY | \
     IORING_ASYNC_CANCEL_FD_FIXED | IORING_ASYNC_CANCEL_USERDATA | IORING_ASYNC_CANCEL_OP)

struct key {
    uint32_t flags;
    uint64_t user_data;
    int fd;
    uint8_t opcode;
    const struct emulate_request *self; /* who asks; NULL: no request */
};

int emulate_cancel_one(struct emulate_ring *ring, struct emulate_request *request)
{
    /* The kernel counts those that do nothing but wait for others, even a single one. */
    const uint32_t only_waits = EMULATE_WAY_WAITS | EMULATE_WAY_LOOKS;
    int count = 0;
    int ret;

    switch (request->state) {
    case EMULATE_WAITING:
        emulate_unwait(ring, request);
        emulate_poll_forget(ring, request);
        break;
    case EMULATE_TIMED:
        emulate_timer_del(ring, request);
        break;
    case EMULATE_RETRYING:
        emulate_list_del(&request->node);
        break;
    case EMULATE_HOOKED:
        ret = request->cancel(ring, request);
        if (ret < 0)
            return ret;
        break;
    case EMULATE_QUEUED:
    case EMULATE_RUNNING:
        ret = emulate_unpunt(ring, request);
        if (ret < 0)
            return ret;
        count = (request->way->flags & only_waits) == only_waits ? 1 : 0;
        if (ret)
            return count;
        break;
    default:
        return -ENOENT; /* it has not started, or ends already */
    }
    request->cqe_flags = 0;
    if (request->total && !(request->flags & EMULATE_REQ_MULTISHOT)) {
        /* It waited for the rest (MSG_WAITALL): what has come is the result, and too little. */
        request->flags |= EMULATE_REQ_FAIL;
        emulate_end_later(ring, request, (int64_t)request->total);
        return 0;
    }
    emulate_end_later(ring, request, -ECANCELED);
    return count;
}

bool emulate_same_file(int a, int b)
{
    if (a == b)
        return true;
#ifdef SYS_kcmp
    if (a >= 0 && b >= 0) {
        long pid = (long)getpid();

        return syscall(SYS_kcmp, pid, pid, KCMP_FILE, (unsigned long)a, (unsigned long)b) == 0;
    }
#endif
    return false;
}

static bool matches(const struct emulate_request *request, const struct key *key)
{
    bool by_data = (key->flags & IORING_ASYNC_CANCEL_USERDATA) ||
                   !(key->flags & (IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP));

    /* A LINK_TIMEOUT belongs to the request that it watches over. */
    if (request == key->self || request->watched)
        return false;
    if (request->state < EMULATE_WAITING || request->state > EMULATE_RUNNING)
        return false;
    if (key->flags & IORING_ASYNC_CANCEL_ANY)
        return true;
    if ((key->flags & IORING_ASYNC_CANCEL_OP) && request->sqe.opcode != key->opcode)
        return false;
    if (by_data && request->sqe.user_data != key->user_data)
        return false;
    return !(key->flags & IORING_ASYNC_CANCEL_FD) || emulate_same_file(request->fd, key->fd);
}

/* How many were cancelled (with ALL or ANY), or 0 for the one; -ENOENT, -EALREADY. */
static int cancel_matching(struct emulate_ring *ring, const struct key *key)
{
    bool all = key->flags & (IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
    struct emulate_list *link, *next;
    int count = 0, ret;

    if (!key->flags || key->flags == IORING_ASYNC_CANCEL_USERDATA) {
        struct emulate_request *request = ring->hash[emulate_hash(ring, key->user_data)];

        while (request && !matches(request, key))
            request = request->hash_next;
        return request ? emulate_cancel_one(ring, request) : -ENOENT;
    }
    /* Cancelling one takes no other out of the list: they end later. */
    for (link = ring->all.next; link != &ring->all; link = next) {
        struct emulate_request *request = EMULATE_ELEMENT(link, struct emulate_request, all);

        next = link->next;
        if (!matches(request, key))
            continue;
        ret = emulate_cancel_one(ring, request);
        if (!all)
            return ret;
        if (ret >= 0 || ret == -EALREADY)
            count++;
    }
    return all ? count : -ENOENT;
}

/* The descriptor behind a key by file; FD_FIXED: a slot. -EBADF. */
static int file_of_key(struct emulate_ring *ring, struct key *key, int fd, bool *owned)
{
    *owned = false;
    if (key->flags & IORING_ASYNC_CANCEL_FD_FIXED) {
        key->fd = emulate_file_dup(ring, (uint32_t)fd);
        *owned = key->fd >= 0;
        return key->fd < 0 ? -EBADF : 0;
    }
    key->fd = fd;
    return fcntl(fd, F_GETFD) < 0 ? -EBADF : 0;
}

EMULATE_HOOK(async_cancel)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct key key = {.flags = sqe->cancel_flags, .user_data = sqe->addr, .self = request};
    bool owned = false;
    int ret;

    if (key.flags & IORING_ASYNC_CANCEL_OP)
        key.opcode = (uint8_t)sqe->len;
    if (key.flags & IORING_ASYNC_CANCEL_FD) {
        if (sqe->flags & IOSQE_FIXED_FILE)
            key.flags |= IORING_ASYNC_CANCEL_FD_FIXED;
        ret = file_of_key(ring, &key, sqe->fd, &owned);
        if (ret < 0)
            return ret;
    }
    ret = cancel_matching(ring, &key);
    if (owned)
        close(key.fd);
    return ret;
}

int emulate_sync_cancel(struct emulate_ring *ring, const struct io_uring_sync_cancel_reg *arg)
{
    struct emulate_limit limit = {NULL, UINT64_MAX, UINT64_MAX};
    struct key key = {.flags = arg->flags, .user_data = arg->addr, .opcode = arg->opcode};
    bool timed = arg->timeout.tv_sec != -1 || arg->timeout.tv_nsec != -1;
    bool owned = false;
    int ret;

    if (arg->flags & ~(uint32_t)CANCEL_KNOWN)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(arg->pad) / sizeof(arg->pad[0]); i++) {
        if (arg->pad[i])
            return -EINVAL;
    }
    for (size_t i = 0; i < sizeof(arg->pad2) / sizeof(arg->pad2[0]); i++) {
        if (arg->pad2[i])
            return -EINVAL;
    }
    if (key.flags & IORING_ASYNC_CANCEL_FD) {
        ret = file_of_key(ring, &key, arg->fd, &owned);
        if (ret < 0)
            return ret;
    }
    ret = cancel_matching(ring, &key);
    if (timed)
        limit.deadline = emulate_now(ring->clock_id) + (uint64_t)arg->timeout.tv_sec * 1000000000u +
                         (uint64_t)arg->timeout.tv_nsec;
    /* One that a worker has begun: until it has ended. */
    if (ret == -EALREADY) {
        for (;;) {
            uint64_t now = emulate_now(ring->clock_id);

            emulate_settle(ring);
            ret = cancel_matching(ring, &key);
            if (ret != -EALREADY)
                break;
            if (limit.deadline <= now) {
                ret = -ETIME;
                break;
            }
            ret = emulate_look(
                ring, limit.deadline == UINT64_MAX ? UINT64_MAX : limit.deadline - now, NULL);
            if (ret < 0)
                break;
        }
        if (ret == -ENOENT || ret > 0)
            ret = 0;
    }
    if (owned)
        close(key.fd);
    return ret;
}
