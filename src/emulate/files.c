/* SPDX-License-Identifier: MIT */
/*
 * The table of files. A registered file is a descriptor of ours, so that the
 * file stays open when the program closes its own.
 */
#include "emulate/resources.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"

#define NONE (-1)

bool emulate_is_ring(int fd)
{
    char name[32], link[64];
    ssize_t length;

    if (emulate_ring_is(fd))
        return true;
    /* "/proc/self/fd/" and the number */
    memcpy(name, "/proc/self/fd/", 14);
    {
        char digits[12];
        unsigned number = (unsigned)fd, count = 0, at = 14;

        do
            digits[count++] = (char)('0' + number % 10);
        while (number /= 10);
        while (count)
            name[at++] = digits[--count];
        name[at] = '\0';
    }
    length = readlink(name, link, sizeof(link) - 1);
    return length == sizeof("anon_inode:[io_uring]") - 1 &&
           !memcmp(link, "anon_inode:[io_uring]", (size_t)length);
}

/* A descriptor of ours for the file behind `fd`. -EBADF also for rings, and for those of O_PATH. */
static int own_descriptor(int fd)
{
    int flags = fcntl(fd, F_GETFL), own;

    if (flags < 0 || (flags & O_PATH) || emulate_is_ring(fd))
        return -EBADF;
    own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    return own < 0 ? -errno : own;
}

/* A bit of the kernel's map of used slots is set, or cleared: where it looks next. */
static void slot_used(struct emulate_resources *all, uint32_t index)
{
    all->alloc_hint = index + 1;
}

static void slot_freed(struct emulate_resources *all, uint32_t index)
{
    all->alloc_hint = index;
}

static void set_range(struct emulate_resources *all, uint32_t start, uint32_t count)
{
    all->alloc_start = start;
    all->alloc_end = start + count;
    all->alloc_hint = start;
}

/* Takes `fd` over, also when it fails. */
static int put_file(struct emulate_ring *ring, uint32_t index, int fd, uint64_t tag)
{
    struct emulate_resources *all = ring->resources;
    struct emulate_node *node = emulate_node_new();

    if (!node) {
        close(fd);
        return -ENOMEM;
    }
    node->fd = fd;
    node->tag = tag;
    (void)emulate_slot_clear(ring, &all->files, index);
    all->files.nodes[index] = node;
    slot_used(all, index);
    return 0;
}

int emulate_files_make(struct emulate_ring *ring, uint64_t data, uint32_t count, uint64_t tags)
{
    struct emulate_resources *all = emulate_resources_of(ring);
    struct emulate_slots made = {NULL, 0};
    struct rlimit limit;
    int ret;

    if (!all)
        return -ENOMEM;
    if (all->files.count)
        return -EBUSY;
    if (!count)
        return -EINVAL;
    if (count > EMULATE_FILES_MOST)
        return -EMFILE;
    if (!getrlimit(RLIMIT_NOFILE, &limit) && count > limit.rlim_cur)
        return -EMFILE;
    ret = emulate_slots_make(&made, count);
    for (uint32_t i = 0; !ret && i < count; i++) {
        struct emulate_node *node;
        uint64_t tag = 0;
        int32_t fd = NONE;

        if (tags)
            ret = emulate_copy_in(&tag, tags + i * sizeof(tag), sizeof(tag));
        if (!ret && data)
            ret = emulate_copy_in(&fd, data + i * sizeof(fd), sizeof(fd));
        if (ret)
            break;
        if (fd == NONE) {
            if (tag)
                ret = -EINVAL;
            continue;
        }
        fd = own_descriptor(fd);
        if (fd < 0) {
            ret = fd;
            break;
        }
        node = emulate_node_new();
        if (!node) {
            close(fd);
            ret = -ENOMEM;
            break;
        }
        node->fd = fd;
        node->tag = tag;
        made.nodes[i] = node;
    }
    if (ret) {
        emulate_slots_drop(ring, &made);
        return ret;
    }
    all->files = made;
    set_range(all, 0, count);
    return 0;
}

int emulate_files_change(struct emulate_ring *ring, const struct io_uring_rsrc_update2 *update,
                         uint32_t count)
{
    struct emulate_resources *all = ring->resources;
    uint32_t done;
    int ret = 0;

    if (!all || !all->files.count)
        return -ENXIO;
    if (update->offset + (uint64_t)count > all->files.count)
        return -EINVAL;
    for (done = 0; done < count; done++) {
        uint32_t index = update->offset + done;
        uint64_t tag = 0;
        int32_t fd;

        if (update->tags)
            ret = emulate_copy_in(&tag, update->tags + done * sizeof(tag), sizeof(tag));
        if (!ret)
            ret = emulate_copy_in(&fd, update->data + done * sizeof(fd), sizeof(fd));
        if (ret)
            break;
        if ((fd == IORING_REGISTER_FILES_SKIP || fd == NONE) && tag) {
            ret = -EINVAL;
            break;
        }
        if (fd == IORING_REGISTER_FILES_SKIP)
            continue;
        if (emulate_slot_clear(ring, &all->files, index))
            slot_freed(all, index);
        if (fd == NONE)
            continue;
        ret = own_descriptor(fd);
        if (ret < 0)
            break;
        ret = put_file(ring, index, ret, tag);
        if (ret)
            break;
    }
    return done ? (int)done : ret;
}

/* A free slot of the range, as the kernel looks for one; -ENFILE. */
static int64_t find_slot(struct emulate_resources *all)
{
    uint32_t end = all->alloc_end;

    /* One that was filled or emptied by its number may have been outside. */
    if (all->alloc_hint < all->alloc_start || all->alloc_hint > end)
        all->alloc_hint = all->alloc_start;
    for (;;) {
        for (uint32_t i = all->alloc_hint; i < end && i < all->files.count; i++) {
            if (!all->files.nodes[i])
                return i;
        }
        if (all->alloc_hint == all->alloc_start)
            return -ENFILE;
        end = all->alloc_hint;
        all->alloc_hint = all->alloc_start;
    }
}

int emulate_file_install(struct emulate_ring *ring, int fd, uint32_t index)
{
    struct emulate_resources *all = ring->resources;
    int64_t slot = (int64_t)index - 1;
    int ret;

    if (index == IORING_FILE_INDEX_ALLOC)
        slot = all && all->files.count ? find_slot(all) : -ENFILE;
    if (slot < 0)
        ret = (int)slot;
    else if (!all || !all->files.count)
        ret = -ENXIO;
    else if ((uint64_t)slot >= all->files.count)
        ret = -EINVAL;
    else
        ret = 0;
    if (ret) {
        close(fd);
        return ret;
    }
    ret = put_file(ring, (uint32_t)slot, fd, 0);
    if (ret)
        return ret;
    return index == IORING_FILE_INDEX_ALLOC ? (int)slot : 0;
}

int emulate_file_remove(struct emulate_ring *ring, uint32_t index)
{
    struct emulate_resources *all = ring->resources;

    if (!all || !all->files.count)
        return -ENXIO;
    if (index >= all->files.count)
        return -EINVAL;
    if (!emulate_slot_clear(ring, &all->files, index))
        return -EBADF;
    slot_freed(all, index);
    return 0;
}

int emulate_file_get(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_resources *all = ring->resources;
    struct emulate_node *node;

    request->fd = request->sqe.fd;
    if (!(request->sqe.flags & IOSQE_FIXED_FILE))
        return 0;
    if (request->file_node) {
        request->fd = request->file_node->fd;
        return 0;
    }
    request->fd = -1;
    if (!all || (uint32_t)request->sqe.fd >= all->files.count)
        return -EBADF;
    node = all->files.nodes[request->sqe.fd];
    if (!node)
        return -EBADF;
    node->refs++;
    request->file_node = node;
    request->fd = node->fd;
    return 0;
}

void emulate_file_put(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_node *node = request->file_node;

    request->file_node = NULL;
    if (node)
        emulate_node_put(ring, node);
}

int emulate_file_dup(struct emulate_ring *ring, uint32_t index)
{
    struct emulate_resources *all = ring->resources;
    int fd;

    if (!all || index >= all->files.count || !all->files.nodes[index])
        return -EBADF;
    fd = fcntl(all->files.nodes[index]->fd, F_DUPFD_CLOEXEC, 0);
    return fd < 0 ? -errno : fd;
}

/*
 * Register calls and requests
 */

int emulate_hook_register_files(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    return arg ? emulate_files_make(ring, (uintptr_t)arg, nr, 0) : -EFAULT;
}

int emulate_hook_unregister_files(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    if (arg || nr)
        return -EINVAL;
    if (!ring->resources || !ring->resources->files.count)
        return -ENXIO;
    emulate_slots_free(ring, &ring->resources->files);
    set_range(ring->resources, 0, 0);
    return 0;
}

int emulate_hook_register_file_alloc_range(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    struct io_uring_file_index_range range;
    uint32_t end;
    int ret;

    if (!arg || nr)
        return -EINVAL;
    ret = emulate_copy_in(&range, (uintptr_t)arg, sizeof(range));
    if (ret)
        return ret;
    if (__builtin_add_overflow(range.off, range.len, &end))
        return -EOVERFLOW;
    if (range.resv || end > (ring->resources ? ring->resources->files.count : 0))
        return -EINVAL;
    if (ring->resources)
        set_range(ring->resources, range.off, range.len);
    return 0;
}

/* FILES_UPDATE with IORING_FILE_INDEX_ALLOC: each descriptor becomes the slot that it went to. */
static int64_t allocate(struct emulate_ring *ring, uint64_t data, uint32_t count)
{
    uint32_t done;
    int ret = 0;

    if (!ring->resources || !ring->resources->files.count)
        return -ENXIO;
    for (done = 0; done < count; done++) {
        uint64_t at = data + done * sizeof(int32_t);
        int32_t fd;

        ret = emulate_copy_in(&fd, at, sizeof(fd));
        if (ret)
            break;
        ret = own_descriptor(fd);
        if (ret < 0)
            break;
        ret = emulate_file_install(ring, ret, IORING_FILE_INDEX_ALLOC);
        if (ret < 0)
            break;
        if (emulate_copy_out(at, &ret, sizeof(ret)) < 0) {
            (void)emulate_file_remove(ring, (uint32_t)ret);
            ret = -EFAULT;
            break;
        }
    }
    return done ? (int64_t)done : ret;
}

EMULATE_HOOK(files_update)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct io_uring_rsrc_update2 update;
    uint32_t end;

    if ((uint32_t)sqe->off == IORING_FILE_INDEX_ALLOC)
        return allocate(ring, sqe->addr, sqe->len);
    memset(&update, 0, sizeof(update));
    update.offset = (uint32_t)sqe->off;
    update.data = sqe->addr;
    if (__builtin_add_overflow(update.offset, sqe->len, &end))
        return -EOVERFLOW;
    return emulate_files_change(ring, &update, sqe->len);
}

EMULATE_HOOK(fixed_fd_install)
{
    bool keep = request->sqe.install_fd_flags & IORING_FIXED_FD_NO_CLOEXEC;
    int fd = fcntl(request->fd, keep ? F_DUPFD : F_DUPFD_CLOEXEC, 0);

    (void)ring;
    return fd < 0 ? -errno : fd;
}
