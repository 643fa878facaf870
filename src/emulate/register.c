/* SPDX-License-Identifier: MIT */
/* Register calls: who may make them, and those that are about no table of their own. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"
#include "emulate/resources.h"

struct emulate_resources *emulate_resources_of(struct emulate_ring *ring)
{
    if (!ring->resources)
        ring->resources = calloc(1, sizeof(*ring->resources));
    return ring->resources;
}

void emulate_resources_free(struct emulate_ring *ring)
{
    struct emulate_resources *all = ring->resources;

    if (!all)
        return;
    emulate_slots_free(ring, &all->files);
    emulate_slots_free(ring, &all->buffers);
    emulate_groups_free(ring);
    if (all->region_memory)
        emulate_memory_put(all->region_memory);
    free(all);
    ring->resources = NULL;
}

/* Do the restrictions that were registered leave the register calls alone? */
static bool registers_free(const struct emulate_resources *all)
{
    return !all->registers_allowed && all->limits_requests;
}

int emulate_register(struct emulate_ring *ring, unsigned opcode, void *arg, unsigned nr)
{
    const struct emulate_register_way *way;

    if (opcode >= IORING_REGISTER_LAST)
        return -EINVAL;
    way = &emulate_register_ways[opcode];
    if (!ring)
        return way->run && way->without_ring ? way->run(NULL, arg, nr) : -EINVAL;
    if (ring->resources && ring->resources->restrictions && !ring->disabled &&
        !registers_free(ring->resources) && !(ring->resources->registers_allowed >> opcode & 1))
        return -EACCES;
    if (!way->run)
        return -EINVAL;
    return way->run(ring, arg, nr);
}

/*
 * Tables
 */

static int register_resources(struct emulate_ring *ring, const void *arg, uint32_t size,
                              int (*make)(struct emulate_ring *, uint64_t, uint32_t, uint64_t))
{
    struct io_uring_rsrc_register asked;
    int ret;

    if (size != sizeof(asked))
        return -EINVAL;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    if (ret)
        return ret;
    if (!asked.nr || asked.resv2 || (asked.flags & ~(uint32_t)IORING_RSRC_REGISTER_SPARSE))
        return -EINVAL;
    if ((asked.flags & IORING_RSRC_REGISTER_SPARSE) && asked.data)
        return -EINVAL;
    return make(ring, asked.data, asked.nr, asked.tags);
}

static int change(struct emulate_ring *ring, const struct io_uring_rsrc_update2 *update,
                  uint32_t count,
                  int (*apply)(struct emulate_ring *, const struct io_uring_rsrc_update2 *,
                               uint32_t))
{
    uint32_t end;

    if (__builtin_add_overflow(update->offset, count, &end))
        return -EOVERFLOW;
    return apply(ring, update, count);
}

static int update_resources(struct emulate_ring *ring, const void *arg, uint32_t size,
                            int (*apply)(struct emulate_ring *,
                                         const struct io_uring_rsrc_update2 *, uint32_t))
{
    struct io_uring_rsrc_update2 update;
    int ret;

    if (size != sizeof(update))
        return -EINVAL;
    ret = emulate_copy_in(&update, (uintptr_t)arg, sizeof(update));
    if (ret)
        return ret;
    if (!update.nr || update.resv || update.resv2)
        return -EINVAL;
    return change(ring, &update, update.nr, apply);
}

int emulate_hook_register_files2(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return register_resources(ring, arg, nr, emulate_files_make);
}

int emulate_hook_register_buffers2(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return register_resources(ring, arg, nr, emulate_buffers_make);
}

int emulate_hook_register_files_update2(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return update_resources(ring, arg, nr, emulate_files_change);
}

int emulate_hook_register_buffers_update(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return update_resources(ring, arg, nr, emulate_buffers_change);
}

int emulate_hook_register_files_update(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct io_uring_rsrc_update2 update;
    int ret;

    if (!nr)
        return -EINVAL;
    memset(&update, 0, sizeof(update));
    ret = emulate_copy_in(&update, (uintptr_t)arg, sizeof(struct io_uring_rsrc_update));
    if (ret)
        return ret;
    if (update.resv)
        return -EINVAL;
    return change(ring, &update, nr, emulate_files_change);
}

/*
 * eventfd
 */

static bool is_eventfd(int fd)
{
    static const char eventfd[] = "anon_inode:[eventfd]";
    char name[40], link[64];
    ssize_t length;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    length = readlink(name, link, sizeof(link));
    /* Without /proc whatever is written to it will tell. */
    return length < 0 || (length == sizeof(eventfd) - 1 && !memcmp(link, eventfd, (size_t)length));
}

static int register_eventfd(struct emulate_ring *ring, const void *arg, uint32_t nr, bool async)
{
    int32_t fd;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    if (ring->notify_fd >= 0)
        return -EBUSY;
    ret = emulate_copy_in(&fd, (uintptr_t)arg, sizeof(fd));
    if (ret)
        return ret;
    if (fcntl(fd, F_GETFD) < 0)
        return -EBADF;
    if (!is_eventfd(fd))
        return -EINVAL;
    ring->notify_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (ring->notify_fd < 0)
        return -errno;
    ring->notify_async = async;
    ret = emulate_notify_changed(ring);
    if (ret < 0) {
        close(ring->notify_fd);
        ring->notify_fd = -1;
    }
    return ret;
}

int emulate_hook_register_eventfd(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return register_eventfd(ring, arg, nr, false);
}

int emulate_hook_register_eventfd_async(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return register_eventfd(ring, arg, nr, true);
}

int emulate_hook_unregister_eventfd(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    if (arg || nr)
        return -EINVAL;
    if (ring->notify_fd < 0)
        return -ENXIO;
    close(ring->notify_fd);
    ring->notify_fd = -1;
    ring->notify_async = false;
    return emulate_notify_changed(ring);
}

/*
 * What there is
 */

static bool is_supported(unsigned opcode)
{
    return emulate_ways[opcode].kind != EMULATE_REFUSED;
}

int emulate_hook_register_probe(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    uint64_t op_at = (uintptr_t)arg + offsetof(struct io_uring_probe, ops);
    struct io_uring_probe head;
    static const struct io_uring_probe no_head;
    static const struct io_uring_probe_op no_op;
    uint32_t count = nr < IORING_OP_LAST ? nr : IORING_OP_LAST;
    int ret;

    (void)ring;
    if (!arg || nr > 256)
        return -EINVAL;
    ret = emulate_copy_in(&head, (uintptr_t)arg, sizeof(head));
    if (ret)
        return ret;
    if (memcmp(&head, &no_head, sizeof(head)))
        return -EINVAL;
    for (uint32_t i = 0; i < count; i++) {
        struct io_uring_probe_op op;

        ret = emulate_copy_in(&op, op_at + i * sizeof(op), sizeof(op));
        if (ret)
            return ret;
        if (memcmp(&op, &no_op, sizeof(op)))
            return -EINVAL;
    }
    head.last_op = IORING_OP_LAST - 1;
    head.ops_len = (uint8_t)count;
    ret = emulate_copy_out((uintptr_t)arg, &head, sizeof(head));
    for (uint32_t i = 0; !ret && i < count; i++) {
        struct io_uring_probe_op op = no_op;

        op.op = (uint8_t)i;
        if (is_supported(i))
            op.flags = IO_URING_OP_SUPPORTED;
        ret = emulate_copy_out(op_at + i * sizeof(op), &op, sizeof(op));
    }
    return ret;
}

#define QUERY_MOST   256u /* bytes of an answer, more than any has */
#define QUERIES_MOST 1000u

/* The answer to a query and its size; 0: there is none. */
static uint32_t answer(uint32_t op, void *to)
{
    struct io_uring_query_opcode opcodes;
    struct io_uring_query_scq scq;

    switch (op) {
    case IO_URING_QUERY_OPCODES:
        memset(&opcodes, 0, sizeof(opcodes));
        opcodes.nr_request_opcodes = IORING_OP_LAST;
        opcodes.nr_register_opcodes = IORING_REGISTER_LAST;
        opcodes.feature_flags = emulate_known_features;
        opcodes.ring_setup_flags = emulate_known_setup;
        opcodes.enter_flags = emulate_known_enter;
        opcodes.sqe_flags = emulate_known_sqe;
        opcodes.nr_query_opcodes = __IO_URING_QUERY_MAX;
        memcpy(to, &opcodes, sizeof(opcodes));
        return sizeof(opcodes);
    case IO_URING_QUERY_SCQ:
        scq.hdr_size = emulate_queue_header;
        scq.hdr_alignment = 64;
        memcpy(to, &scq, sizeof(scq));
        return sizeof(scq);
    default:
        return 0;
    }
}

static int query_one(uint64_t at, uint64_t *next)
{
    static const unsigned char zeros[64];
    unsigned char data[QUERY_MOST];
    struct io_uring_query_hdr head;
    uint32_t room, filled = 0;
    int ret = emulate_copy_in(&head, at, sizeof(head));

    if (ret)
        return ret;
    room = head.size;
    if (room > emulate_page())
        return -E2BIG;
    if (head.query_op >= __IO_URING_QUERY_MAX) {
        head.result = -EOPNOTSUPP;
    } else if (head.__resv[0] || head.__resv[1] || head.__resv[2] || head.result || !room) {
        head.result = -EINVAL;
    } else {
        memset(data, 0, sizeof(data));
        filled = answer(head.query_op, data);
        head.result = filled ? 0 : -EOPNOTSUPP;
    }
    if (filled > room)
        filled = room;
    if (filled)
        ret = emulate_copy_out(head.query_data, data, filled);
    for (uint32_t done = filled; !ret && done < room;) {
        uint32_t part = room - done < sizeof(zeros) ? room - done : (uint32_t)sizeof(zeros);

        ret = emulate_copy_out(head.query_data + done, zeros, part);
        done += part;
    }
    head.size = filled;
    if (!ret)
        ret = emulate_copy_out(at, &head, sizeof(head));
    *next = head.next_entry;
    return ret;
}

int emulate_hook_register_query(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    uint64_t at = (uintptr_t)arg;
    unsigned count = 0;

    (void)ring;
    if (nr)
        return -EINVAL;
    while (at) {
        int ret = query_one(at, &at);

        if (ret)
            return ret;
        if (++count >= QUERIES_MOST)
            return -ERANGE;
    }
    return 0;
}

/*
 * Restrictions
 */

int emulate_restricted(struct emulate_ring *ring, const struct io_uring_sqe *sqe)
{
    const struct emulate_resources *all = ring->resources;
    uint8_t flags = sqe->flags;

    if (sqe->opcode >= IORING_OP_LAST ||
        !(all->ops_allowed[sqe->opcode / 64] >> (sqe->opcode % 64) & 1))
        return -EACCES;
    if ((flags & all->flags_required) != all->flags_required)
        return -EACCES;
    if (flags & ~(all->flags_allowed | all->flags_required))
        return -EACCES;
    return 0;
}

/* Adds one to what is allowed. 0 or -EINVAL. */
static int allow(struct emulate_resources *limits, const struct io_uring_restriction *one)
{
    switch (one->opcode) {
    case IORING_RESTRICTION_REGISTER_OP:
        if (one->register_op >= IORING_REGISTER_LAST)
            return -EINVAL;
        limits->registers_allowed |= UINT64_C(1) << one->register_op;
        return 0;
    case IORING_RESTRICTION_SQE_OP:
        if (one->sqe_op >= IORING_OP_LAST)
            return -EINVAL;
        limits->ops_allowed[one->sqe_op / 64] |= UINT64_C(1) << (one->sqe_op % 64);
        break;
    case IORING_RESTRICTION_SQE_FLAGS_ALLOWED:
        limits->flags_allowed = one->sqe_flags;
        break;
    case IORING_RESTRICTION_SQE_FLAGS_REQUIRED:
        limits->flags_required = one->sqe_flags;
        break;
    default:
        return -EINVAL;
    }
    limits->limits_requests = true;
    return 0;
}

int emulate_hook_register_restrictions(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    const uint32_t most = IORING_RESTRICTION_LAST + IORING_REGISTER_LAST + IORING_OP_LAST;
    struct emulate_resources limits, *all;
    int ret = 0;

    if (!ring)
        return -EINVAL; /* those of a thread need the kernel */
    if (!ring->disabled)
        return -EBADFD;
    all = emulate_resources_of(ring);
    if (!all)
        return -ENOMEM;
    if (all->restrictions)
        return -EBUSY;
    if (!arg || nr > most)
        return -EINVAL;
    memset(&limits, 0, sizeof(limits));
    for (uint32_t i = 0; !ret && i < nr; i++) {
        struct io_uring_restriction one;

        ret = emulate_copy_in(&one, (uintptr_t)arg + i * sizeof(one), sizeof(one));
        if (!ret)
            ret = allow(&limits, &one);
    }
    if (ret)
        return ret;
    all->restrictions = true;
    all->registers_allowed = limits.registers_allowed;
    memcpy(all->ops_allowed, limits.ops_allowed, sizeof(all->ops_allowed));
    all->flags_allowed = limits.flags_allowed;
    all->flags_required = limits.flags_required;
    all->limits_requests = limits.limits_requests;
    return 0;
}

int emulate_hook_register_enable_rings(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    const struct emulate_resources *all = ring->resources;
    int ret;

    if (arg || nr)
        return -EINVAL;
    ret = emulate_ring_enable(ring);
    /* A list of nothing but register calls leaves the requests alone; an empty one does not. */
    if (!ret && all && all->restrictions)
        ring->restricted = all->limits_requests || !all->registers_allowed;
    return ret;
}

/*
 * The rest
 */

/* Workers run where the program's threads may: the set is only looked at. */
int emulate_hook_register_iowq_aff(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    cpu_set_t asked, mine, beyond;
    size_t size = nr < sizeof(asked) ? nr : sizeof(asked);
    int ret;

    (void)ring;
    if (!arg || !nr)
        return -EINVAL;
    CPU_ZERO(&asked);
    ret = emulate_copy_in(&asked, (uintptr_t)arg, size);
    if (ret)
        return ret;
    if (sched_getaffinity(0, sizeof(mine), &mine) < 0)
        return -errno;
    CPU_AND(&beyond, &asked, &mine);
    return CPU_EQUAL(&beyond, &asked) ? 0 : -EINVAL;
}

int emulate_hook_unregister_iowq_aff(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    (void)ring;
    return arg || nr ? -EINVAL : 0;
}

int emulate_hook_register_iowq_max_workers(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    uint32_t limits[2];
    int ret;

    if (!arg || nr != 2)
        return -EINVAL;
    ret = emulate_copy_in(limits, (uintptr_t)arg, sizeof(limits));
    if (ret)
        return ret;
    if (limits[0] > INT_MAX || limits[1] > INT_MAX)
        return -EINVAL;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t before = ring->workers_most[i];

        if (limits[i])
            ring->workers_most[i] =
                limits[i] < EMULATE_WORKERS_MOST ? limits[i] : EMULATE_WORKERS_MOST;
        limits[i] = before;
    }
    emulate_workers_changed(ring);
    return emulate_copy_out((uintptr_t)arg, limits, sizeof(limits));
}

int emulate_hook_register_sync_cancel(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct io_uring_sync_cancel_reg asked;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    return ret ? ret : emulate_sync_cancel(ring, &asked);
}

int emulate_hook_register_clock(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct io_uring_clock_register asked;
    int ret;

    if (!arg || nr)
        return -EINVAL;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    if (ret)
        return ret;
    if (asked.__resv[0] || asked.__resv[1] || asked.__resv[2])
        return -EINVAL;
    if (asked.clockid != CLOCK_MONOTONIC && asked.clockid != CLOCK_BOOTTIME)
        return -EINVAL;
    ring->clock_id = (int)asked.clockid;
    return 0;
}

int emulate_hook_register_resize_rings(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct io_uring_params asked;
    int ret;

    if (!arg || nr != 1 || !(ring->flags & IORING_SETUP_DEFER_TASKRUN))
        return -EINVAL;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    if (ret)
        return ret;
    ret = emulate_ring_resize(ring, &asked);
    if (ret)
        return ret;
    return emulate_copy_out((uintptr_t)arg, &asked, sizeof(asked));
}

int emulate_hook_register_send_msg_ring(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct io_uring_sqe sqe;
    int64_t res;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    ret = emulate_copy_in(&sqe, (uintptr_t)arg, sizeof(sqe));
    if (ret)
        return ret;
    if (sqe.flags || sqe.opcode != IORING_OP_MSG_RING || sqe.addr != IORING_MSG_DATA)
        return -EINVAL;
    while ((res = emulate_message(ring, &sqe)) == EMULATE_RETRY)
        emulate_ring_wait_for(ring, sqe.fd);
    return (int)res;
}
