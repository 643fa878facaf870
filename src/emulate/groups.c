/* SPDX-License-Identifier: MIT */
/*
 * Groups of provided buffers, from which a request takes one when it runs.
 *
 * A buffer of a list leaves it when it is taken. The head of a ring moves only
 * when it is known how much was used, so that a try which came to nothing
 * leaves no trace; who took buffers from the head holds them meanwhile. Another
 * request that comes before that is known (a worker is at it) makes the first
 * one use all that it holds, as the kernel does when it cannot wait.
 */
#include "emulate/resources.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emulate/futex.h"
#include "emulate/hooks.h"

#define BUNDLE_MOST  1024u /* buffers of one bundle */
#define BUNDLE_SIZED 256u  /* of one for a number of bytes */

struct emulate_group *emulate_group_find(struct emulate_ring *ring, uint16_t id)
{
    struct emulate_group *group;

    if (!ring->resources)
        return NULL;
    group = ring->resources->groups[id % EMULATE_GROUPS];
    while (group && group->id != id)
        group = group->next;
    return group;
}

static struct emulate_group *group_new(struct emulate_ring *ring, uint16_t id)
{
    struct emulate_resources *all = emulate_resources_of(ring);
    struct emulate_group *group = all ? calloc(1, sizeof(*group)) : NULL;

    if (!group)
        return NULL;
    group->id = id;
    group->next = all->groups[id % EMULATE_GROUPS];
    all->groups[id % EMULATE_GROUPS] = group;
    return group;
}

static void group_free(struct emulate_ring *ring, struct emulate_group *group)
{
    struct emulate_group **at = &ring->resources->groups[group->id % EMULATE_GROUPS];

    while (*at != group)
        at = &(*at)->next;
    *at = group->next;
    while (group->first) {
        struct emulate_node *node = group->first;

        group->first = node->next;
        free(node);
    }
    if (group->memory)
        emulate_memory_put(group->memory);
    free(group);
}

void emulate_groups_free(struct emulate_ring *ring)
{
    for (uint32_t i = 0; i < EMULATE_GROUPS; i++) {
        while (ring->resources->groups[i])
            group_free(ring, ring->resources->groups[i]);
    }
}

/*
 * Rings
 */

static struct io_uring_buf *entry_at(const struct emulate_group *group, uint16_t index)
{
    /* The entries overlay the header of the structure, whose tail stands in the first one. */
    return (struct io_uring_buf *)(void *)group->entries + (index & group->mask);
}

static uint16_t ring_tail(const struct emulate_group *group)
{
    /* Acquire: pairs with the application's release, after it has written the entries. */
    return __atomic_load_n(&group->entries->tail, __ATOMIC_ACQUIRE);
}

static uint64_t entry_addr(const struct io_uring_buf *entry)
{
    /* No atomic: where it is aligned to four bytes there is none, and after the tail none is needed. */
    return *(const volatile __u64 *)&entry->addr;
}

static uint32_t entry_len(const struct io_uring_buf *entry)
{
    return __atomic_load_n(&entry->len, __ATOMIC_RELAXED);
}

/* Uses that many bytes from the head. False when the last buffer has some left. */
static bool use_some(struct emulate_group *group, uint64_t length)
{
    if (!length)
        return false;
    while (length) {
        struct io_uring_buf *entry = entry_at(group, group->head);
        uint32_t there = entry_len(entry);
        uint32_t part = length < there ? (uint32_t)length : there;
        uint32_t rest = there - part;

        if (rest >= group->least || !part) {
            *(volatile __u64 *)&entry->addr = entry_addr(entry) + part;
            __atomic_store_n(&entry->len, rest, __ATOMIC_RELAXED);
            return false;
        }
        __atomic_store_n(&entry->len, 0, __ATOMIC_RELAXED);
        group->head++;
        length -= part;
    }
    return true;
}

/* Whoever holds buffers uses all of them. */
static void settle_holder(struct emulate_group *group)
{
    if (!group->holder)
        return;
    if (group->incremental)
        (void)use_some(group, group->held_length);
    else
        group->head = (uint16_t)(group->head + group->held);
    group->holder = NULL;
}

static bool bundles(const struct emulate_request *request)
{
    return (request->way->flags & EMULATE_WAY_BUNDLES) &&
           (request->sqe.ioprio & IORING_RECVSEND_BUNDLE);
}

/* The buffers of a bundle, up to `want` bytes in all (0: whatever is there). 0 or -errno. */
static int take_bundle(struct emulate_group *group, struct emulate_request *request,
                       uint16_t available, uint64_t want)
{
    uint32_t first = entry_len(entry_at(group, group->head));
    uint64_t most = want ? want : INT_MAX, count = available;

    if (want) {
        uint64_t needed;

        if (!first)
            return -ENOBUFS;
        needed = (want + first - 1) / first;
        if (count > needed)
            count = needed;
        if (count > BUNDLE_SIZED)
            count = BUNDLE_SIZED;
    }
    if (count > BUNDLE_MOST)
        count = BUNDLE_MOST;
    request->iov = calloc((size_t)count, sizeof(*request->iov));
    if (!request->iov)
        return -ENOMEM;
    request->iov_count = 0;
    group->held_length = 0;
    while (request->iov_count < count && most) {
        struct io_uring_buf *entry = entry_at(group, (uint16_t)(group->head + request->iov_count));
        struct iovec *iov = &request->iov[request->iov_count];
        uint64_t length = entry_len(entry);

        if (length > most) {
            length = most;
            /* Only a part of the last one: it is left for another time. */
            if (!group->incremental && request->iov_count)
                break;
        }
        iov->iov_base = (void *)(uintptr_t)entry_addr(entry);
        iov->iov_len = (size_t)length;
        group->held_length += length;
        most -= length;
        request->iov_count++;
    }
    group->held = (uint16_t)request->iov_count;
    request->addr = request->iov[0].iov_base;
    request->len = (size_t)group->held_length;
    return 0;
}

static int take_from_ring(struct emulate_group *group, struct emulate_request *request,
                          uint64_t want)
{
    struct io_uring_buf *entry;
    uint16_t available;
    uint32_t there;

    settle_holder(group);
    available = (uint16_t)(ring_tail(group) - group->head);
    if (!available)
        return -ENOBUFS;
    entry = entry_at(group, group->head);
    request->buffer_id = __atomic_load_n(&entry->bid, __ATOMIC_RELAXED);
    if (bundles(request)) {
        int ret = take_bundle(group, request, available, want);

        if (ret)
            return ret;
    } else {
        there = entry_len(entry);
        request->addr = (void *)(uintptr_t)entry_addr(entry);
        request->len = want && want < there ? (size_t)want : there;
        group->held = 1;
        group->held_length = request->len;
    }
    group->holder = request;
    return 0;
}

/*
 * Lists
 */

static int take_from_list(struct emulate_group *group, struct emulate_request *request,
                          uint64_t want)
{
    struct emulate_node *node = group->first;

    if (!node)
        return -ENOBUFS;
    group->first = node->next;
    if (!group->first)
        group->last = NULL;
    group->provided--;
    request->buffer_node = node;
    request->buffer_id = node->id;
    request->addr = (void *)(uintptr_t)node->addr;
    request->len = want && want < node->len ? (size_t)want : (size_t)node->len;
    return 0;
}

/* Puts it back in front, as if it had never been taken. */
static void back_to_list(struct emulate_group *group, struct emulate_node *node)
{
    node->next = group->first;
    group->first = node;
    if (!group->last)
        group->last = node;
    group->provided++;
}

/*
 * For requests
 */

int emulate_buffer_select(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_group *group = emulate_group_find(ring, request->sqe.buf_group);
    uint64_t want = request->want;
    int ret;

    if (!group)
        return (request->way->flags & EMULATE_WAY_UNKNOWN_GROUP) || bundles(request) ? -ENOENT
                                                                                     : -ENOBUFS;
    if (request->flags & EMULATE_REQ_VECTOR) {
        struct iovec iov;

        ret = emulate_copy_in(&iov, request->sqe.addr, sizeof(iov));
        if (ret)
            return ret;
        want = iov.iov_len;
    }
    ret = group->ring ? take_from_ring(group, request, want) : take_from_list(group, request, want);
    if (!ret)
        request->flags |= EMULATE_REQ_SELECTED;
    return ret;
}

/* How many buffers of a bundle that many bytes used. */
static uint16_t buffers_of(const struct emulate_request *request, uint64_t length)
{
    uint16_t count = 0;

    while (count < request->iov_count && length) {
        uint64_t part = request->iov[count].iov_len;

        length -= part < length ? part : length;
        count++;
    }
    return count;
}

void emulate_buffer_commit(struct emulate_ring *ring, struct emulate_request *request, int64_t res)
{
    struct emulate_group *group = emulate_group_find(ring, request->sqe.buf_group);
    struct emulate_node *node = request->buffer_node;
    uint16_t flags = request->way->flags;
    bool whole = true, used = res > 0 || (!res && !(flags & EMULATE_WAY_END_UNUSED));

    if (node && (flags & EMULATE_WAY_FAILURE_USES) && res < 0 && res != -EAGAIN)
        used = true;
    if (node) {
        request->buffer_node = NULL;
        if (!used && group && !group->ring)
            back_to_list(group, node);
        else
            free(node);
    } else if (group && group->holder == request) {
        group->holder = NULL;
        if (!used)
            whole = false;
        else if (group->incremental)
            whole = use_some(group, (uint64_t)res);
        else
            group->head =
                (uint16_t)(group->head + (request->iov ? buffers_of(request, (uint64_t)res) : 1));
    }
    if (used)
        request->cqe_flags |= IORING_CQE_F_BUFFER | request->buffer_id << IORING_CQE_BUFFER_SHIFT |
                              (whole ? 0 : IORING_CQE_F_BUF_MORE);
    free(request->iov);
    request->iov = NULL;
    request->iov_count = 0;
}

bool emulate_buffer_left(struct emulate_ring *ring, const struct emulate_request *request)
{
    struct emulate_group *group = emulate_group_find(ring, request->sqe.buf_group);

    if (!group)
        return false;
    if (!group->ring)
        return group->first;
    return ring_tail(group) !=
           (uint16_t)(group->head + (group->holder == request ? group->held : 0));
}

/*
 * Requests
 */

/* Is it an address that programs have? Nobody waits there for the sake of these bits. */
static bool is_programs(uint64_t address)
{
    uint32_t nobody = 1U << 31;

    address &= ~UINT64_C(3);
    return syscall(SYS_futex, (uintptr_t)address, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 1, NULL,
                   NULL, nobody) >= 0 ||
           errno != EFAULT;
}

EMULATE_HOOK(provide_buffers)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint64_t addr = sqe->addr, end;
    uint32_t length = sqe->len, count = (uint32_t)sqe->fd, added;
    uint32_t id = (uint32_t)sqe->off;
    struct emulate_group *group;

    if (__builtin_mul_overflow((uint64_t)length, count, &end) ||
        __builtin_add_overflow(addr, end, &end))
        return -EOVERFLOW;
    if (end > UINTPTR_MAX || !addr || (end > addr && !is_programs(end - 1)))
        return -EFAULT;
    if (id + count > 65536)
        return -EINVAL;
    group = emulate_group_find(ring, sqe->buf_group);
    if (!group)
        group = group_new(ring, sqe->buf_group);
    if (!group)
        return -ENOMEM;
    if (group->ring)
        return -EINVAL;
    for (added = 0; added < count; added++) {
        struct emulate_node *node;

        if (group->provided == UINT16_MAX)
            return added ? 0 : -EOVERFLOW;
        node = emulate_node_new();
        if (!node)
            return added ? 0 : -ENOMEM;
        node->addr = addr + (uint64_t)added * length;
        node->len = length;
        node->id = (uint16_t)(id + added);
        if (group->last)
            group->last->next = node;
        else
            group->first = node;
        group->last = node;
        group->provided++;
    }
    return 0;
}

EMULATE_HOOK(remove_buffers)
{
    struct emulate_group *group = emulate_group_find(ring, request->sqe.buf_group);
    uint32_t count = (uint32_t)request->sqe.fd, removed;

    if (!group)
        return -ENOENT;
    if (group->ring)
        return -EINVAL;
    for (removed = 0; removed < count && group->first; removed++) {
        struct emulate_node *node = group->first;

        group->first = node->next;
        free(node);
    }
    if (!group->first)
        group->last = NULL;
    group->provided -= removed;
    return removed;
}

/*
 * Register calls
 */

int emulate_hook_register_pbuf_ring(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    static const struct io_uring_buf_reg empty;
    struct io_uring_region_desc region;
    struct emulate_memory *memory = NULL;
    struct io_uring_buf_reg asked;
    struct emulate_group *group;
    unsigned char *at = NULL;
    size_t page = emulate_page(), size;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    if (ret)
        return ret;
    if (memcmp(asked.resv, empty.resv, sizeof(asked.resv)))
        return -EINVAL;
    if (asked.flags & ~(IOU_PBUF_RING_MMAP | IOU_PBUF_RING_INC))
        return -EINVAL;
    if (asked.min_left && !(asked.flags & IOU_PBUF_RING_INC))
        return -EINVAL;
    if (!asked.ring_entries || (asked.ring_entries & (asked.ring_entries - 1)) ||
        asked.ring_entries >= 65536)
        return -EINVAL;
    group = emulate_group_find(ring, asked.bgid);
    if (group && (group->ring || group->first))
        return -EEXIST;
    memset(&region, 0, sizeof(region));
    size = asked.ring_entries * sizeof(struct io_uring_buf);
    region.size = (size + page - 1) & ~(page - 1);
    if (!(asked.flags & IOU_PBUF_RING_MMAP)) {
        region.user_addr = asked.ring_addr;
        region.flags = IORING_MEM_REGION_TYPE_USER;
    }
    ret = emulate_region_make(&region, 0, &memory, &at);
    if (ret)
        return ret;
    if (!group)
        group = group_new(ring, asked.bgid);
    if (!group) {
        if (memory)
            emulate_memory_put(memory);
        return -ENOMEM;
    }
    group->ring = true;
    group->incremental = asked.flags & IOU_PBUF_RING_INC;
    group->least = asked.min_left ? asked.min_left : 1;
    group->mask = asked.ring_entries - 1;
    group->head = 0;
    group->entries = (struct io_uring_buf_ring *)(void *)at;
    group->memory = memory;
    return 0;
}

int emulate_hook_unregister_pbuf_ring(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    static const struct io_uring_buf_reg empty;
    struct io_uring_buf_reg asked;
    struct emulate_group *group;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    if (ret)
        return ret;
    if (memcmp(asked.resv, empty.resv, sizeof(asked.resv)) || asked.flags)
        return -EINVAL;
    group = emulate_group_find(ring, asked.bgid);
    if (!group)
        return -ENOENT;
    if (!group->ring)
        return -EINVAL;
    group_free(ring, group);
    return 0;
}

int emulate_hook_register_pbuf_status(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    static const struct io_uring_buf_status empty;
    struct io_uring_buf_status status;
    struct emulate_group *group;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    ret = emulate_copy_in(&status, (uintptr_t)arg, sizeof(status));
    if (ret)
        return ret;
    if (memcmp(status.resv, empty.resv, sizeof(status.resv)))
        return -EINVAL;
    group = emulate_group_find(ring, (uint16_t)status.buf_group);
    if (!group)
        return -ENOENT;
    if (!group->ring)
        return -EINVAL;
    status.head = group->head;
    return emulate_copy_out((uintptr_t)arg, &status, sizeof(status));
}
