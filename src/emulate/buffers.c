/* SPDX-License-Identifier: MIT */
/*
 * Registered buffers: where they are and how long. Nothing is pinned; that a
 * buffer can be written is seen when it is registered.
 */
#include <stdlib.h>
#include <string.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"
#include "emulate/resources.h"

/* The buffer that a vector describes; `*node` is NULL for a hole. */
static int make_node(const struct iovec *iov, uint64_t tag, struct emulate_node **node)
{
    uint64_t addr = (uintptr_t)iov->iov_base, len = iov->iov_len;
    uintptr_t end;

    *node = NULL;
    if (!addr) {
        if (len)
            return -EFAULT;
        return tag ? -EINVAL : 0;
    }
    if (!len)
        return -EFAULT;
    if (len > SIZE_MAX / 2 || len > EMULATE_BUFFER_BYTES)
        return -EINVAL;
    if (__builtin_add_overflow((uintptr_t)addr, (uintptr_t)len, &end) ||
        end > UINTPTR_MAX - (emulate_page() - 1))
        return -EOVERFLOW;
    if (emulate_check_memory(addr, len) < 0)
        return -EFAULT;
    *node = emulate_node_new();
    if (!*node)
        return -ENOMEM;
    (*node)->addr = addr;
    (*node)->len = len;
    (*node)->tag = tag;
    return 0;
}

static int read_entry(uint64_t data, uint64_t tags, uint32_t index, struct iovec *iov,
                      uint64_t *tag)
{
    int ret = 0;

    memset(iov, 0, sizeof(*iov));
    *tag = 0;
    if (data)
        ret = emulate_copy_in(iov, data + index * sizeof(*iov), sizeof(*iov));
    if (!ret && tags)
        ret = emulate_copy_in(tag, tags + index * sizeof(*tag), sizeof(*tag));
    return ret;
}

int emulate_buffers_make(struct emulate_ring *ring, uint64_t data, uint32_t count, uint64_t tags)
{
    struct emulate_resources *all = emulate_resources_of(ring);
    struct emulate_slots made = {NULL, 0};
    int ret;

    if (!all)
        return -ENOMEM;
    if (all->buffers.count)
        return -EBUSY;
    if (!count || count > EMULATE_BUFFERS_MOST)
        return -EINVAL;
    ret = emulate_slots_make(&made, count);
    for (uint32_t i = 0; !ret && i < count; i++) {
        struct iovec iov;
        uint64_t tag;

        ret = read_entry(data, tags, i, &iov, &tag);
        if (!ret)
            ret = make_node(&iov, tag, &made.nodes[i]);
    }
    if (ret) {
        emulate_slots_drop(ring, &made);
        return ret;
    }
    all->buffers = made;
    return 0;
}

int emulate_buffers_change(struct emulate_ring *ring, const struct io_uring_rsrc_update2 *update,
                           uint32_t count)
{
    struct emulate_resources *all = ring->resources;
    uint32_t done;
    int ret = 0;

    if (!all || !all->buffers.count)
        return -ENXIO;
    if (update->offset + (uint64_t)count > all->buffers.count)
        return -EINVAL;
    for (done = 0; done < count; done++) {
        struct emulate_node *node;
        struct iovec iov;
        uint64_t tag;

        if (!update->data) {
            ret = -EFAULT;
            break;
        }
        ret = read_entry(update->data, update->tags, done, &iov, &tag);
        if (!ret)
            ret = make_node(&iov, tag, &node);
        if (ret)
            break;
        (void)emulate_slot_clear(ring, &all->buffers, update->offset + done);
        all->buffers.nodes[update->offset + done] = node;
    }
    return done ? (int)done : ret;
}

/*
 * For requests
 */

static bool within(const struct emulate_node *node, uint64_t addr, uint64_t len)
{
    return addr >= node->addr && len <= node->len && addr - node->addr <= node->len - len;
}

int emulate_fixed_buffer(struct emulate_ring *ring, struct emulate_request *request, uint64_t addr,
                         uint64_t len)
{
    struct emulate_resources *all = ring->resources;
    uint32_t index = request->sqe.buf_index;

    if (!request->buffer_node) {
        if (!all || index >= all->buffers.count || !all->buffers.nodes[index])
            return -EFAULT;
        request->buffer_node = all->buffers.nodes[index];
        request->buffer_node->refs++;
    }
    if (!(request->way->flags & EMULATE_WAY_MEMORY) || (request->flags & EMULATE_REQ_VECTOR))
        return 0; /* it is only held */
    if (!within(request->buffer_node, addr, len))
        return -EFAULT;
    request->addr = (void *)(uintptr_t)addr;
    request->len = (size_t)len;
    return 0;
}

int emulate_fixed_vector(struct emulate_ring *ring, struct emulate_request *request,
                         const struct iovec *iov, uint32_t count)
{
    (void)ring;
    for (uint32_t i = 0; i < count; i++) {
        if (!request->buffer_node ||
            !within(request->buffer_node, (uintptr_t)iov[i].iov_base, iov[i].iov_len))
            return -EFAULT;
    }
    return 0;
}

void emulate_fixed_buffer_put(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_node *node = request->buffer_node;

    request->buffer_node = NULL;
    if (node)
        emulate_node_put(ring, node);
}

/*
 * Register calls
 */

int emulate_hook_register_buffers(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return arg ? emulate_buffers_make(ring, (uintptr_t)arg, nr, 0) : -EFAULT;
}

int emulate_hook_unregister_buffers(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    if (arg || nr)
        return -EINVAL;
    if (!ring->resources || !ring->resources->buffers.count)
        return -ENXIO;
    emulate_slots_free(ring, &ring->resources->buffers);
    return 0;
}

/* Another slot with the same buffer, without its tag; a hole stays one. */
static int share(const struct emulate_node *from, struct emulate_node **to)
{
    *to = NULL;
    if (!from)
        return 0;
    *to = emulate_node_new();
    if (!*to)
        return -ENOMEM;
    (*to)->addr = from->addr;
    (*to)->len = from->len;
    return 0;
}

static int clone_from(struct emulate_ring *ring, struct emulate_ring *from,
                      struct io_uring_clone_buffers *asked)
{
    struct emulate_resources *all = emulate_resources_of(ring);
    struct emulate_slots *source = from->resources ? &from->resources->buffers : NULL;
    struct emulate_slots made = {NULL, 0};
    uint32_t end, source_end, size, old;
    int ret;

    if (!all)
        return -ENOMEM;
    old = all->buffers.count;
    if (!asked->nr && (asked->dst_off || asked->src_off))
        return -EINVAL;
    if (old && !(asked->flags & IORING_REGISTER_DST_REPLACE))
        return -EBUSY;
    if (!source || !source->count)
        return -ENXIO;
    if (!asked->nr)
        asked->nr = source->count;
    else if (asked->nr > source->count || asked->nr > EMULATE_BUFFERS_MOST)
        return -EINVAL;
    if (__builtin_add_overflow(asked->nr, asked->src_off, &source_end) ||
        source_end > source->count)
        return -EOVERFLOW;
    if (__builtin_add_overflow(asked->nr, asked->dst_off, &end))
        return -EOVERFLOW;
    if (end > EMULATE_BUFFERS_MOST)
        return -EINVAL;
    size = end > old ? end : old;
    ret = emulate_slots_make(&made, size);
    for (uint32_t i = 0; !ret && i < asked->nr; i++)
        ret = share(source->nodes[asked->src_off + i], &made.nodes[asked->dst_off + i]);
    if (ret) {
        emulate_slots_free(ring, &made);
        return ret;
    }
    /* What the clones do not replace stays. */
    for (uint32_t i = 0; i < old; i++) {
        if (i >= asked->dst_off && i < end)
            continue;
        made.nodes[i] = all->buffers.nodes[i];
        all->buffers.nodes[i] = NULL;
    }
    emulate_slots_free(ring, &all->buffers);
    all->buffers = made;
    return 0;
}

int emulate_hook_register_clone_buffers(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct io_uring_clone_buffers asked;
    struct emulate_ring *from;
    int ret;

    if (!arg || nr != 1)
        return -EINVAL;
    ret = emulate_copy_in(&asked, (uintptr_t)arg, sizeof(asked));
    if (ret)
        return ret;
    if (asked.flags & ~(uint32_t)(IORING_REGISTER_SRC_REGISTERED | IORING_REGISTER_DST_REPLACE))
        return -EINVAL;
    if (!(asked.flags & IORING_REGISTER_DST_REPLACE) && ring->resources &&
        ring->resources->buffers.count)
        return -EBUSY;
    if (asked.pad[0] || asked.pad[1] || asked.pad[2])
        return -EINVAL;
    if (asked.flags & IORING_REGISTER_SRC_REGISTERED) {
        from = emulate_registered(asked.src_fd);
        if (!from)
            return emulate_not_registered(asked.src_fd);
        if (from == ring)
            return clone_from(ring, ring, &asked);
        /* Its index is this thread's: it does not go away. */
        while (!emulate_lock_try(&from->lock))
            emulate_ring_give_way(ring, from);
    } else {
        if ((int)asked.src_fd == ring->fd)
            return clone_from(ring, ring, &asked);
        from = emulate_ring_lock_also(ring, (int)asked.src_fd);
        if (!from)
            return emulate_not_a_ring((int)asked.src_fd);
    }
    if (from->submitter && from->submitter != emulate_thread())
        ret = -EEXIST;
    else
        ret = clone_from(ring, from, &asked);
    emulate_ring_unlock(from);
    return ret;
}
