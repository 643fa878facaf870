/* SPDX-License-Identifier: MIT */
/* The slots of a table of registered files. */
#include "ring/core.h"

#include <rota/file_table.h>
#include <rota/register.h>

/* Registers `slots` empty ones by a list of -1, which is how kernels before 5.19 are told. */
static int register_list(struct rota_ring *ring, unsigned slots)
{
    const struct rota_kernel *kernel = rota_kernel_of(ring);
    uint64_t size = (uint64_t)slots * sizeof(int);
    void *memory = NULL;
    int *files;
    int ret;

    if (size > SIZE_MAX / 2)
        return -ENOMEM;
    ret = kernel->map((size_t)size, -1, 0, &memory);
    if (ret < 0)
        return ret;
    files = memory;
    for (unsigned i = 0; i < slots; i++)
        files[i] = -1;
    ret = rota_ring_register(ring, IORING_REGISTER_FILES, files, slots);
    kernel->unmap(memory, (size_t)size);
    return ret;
}

/* Not by rota_register_files_sparse(), which may raise the limit of the process. */
static int register_sparse(struct rota_ring *ring, unsigned slots)
{
    struct io_uring_rsrc_register arg;

    rota_zero(&arg, sizeof(arg));
    arg.nr = slots;
    arg.flags = IORING_RSRC_REGISTER_SPARSE;
    return rota_ring_register(ring, IORING_REGISTER_FILES2, &arg, sizeof(arg));
}

static void clear(struct rota_file_table *table)
{
    rota_zero(table, sizeof(*table));
}

int rota_file_table_init(struct rota_ring *ring, struct rota_file_table *table, unsigned slots,
                         uint64_t *map)
{
    int ret;

    clear(table);
    if (!slots || !map)
        return -EINVAL;
    ret = register_sparse(ring, slots);
    if (ret == -EINVAL)
        ret = register_list(ring, slots);
    if (ret < 0)
        return ret;
    rota_zero(map, ROTA_FILE_TABLE_WORDS(slots) * sizeof(*map));
    table->map = map;
    table->slots = slots;
    table->own = slots;
    return 0;
}

void rota_file_table_exit(struct rota_ring *ring, struct rota_file_table *table)
{
    if (!table->slots)
        return;
    /* Fails only when the table has ended with its ring. */
    rota_unregister_files(ring);
    clear(table);
}

int rota_file_table_leave_to_kernel(struct rota_ring *ring, struct rota_file_table *table,
                                    unsigned count)
{
    uint32_t own = table->slots - count;
    int ret;

    if (count > table->slots)
        return -EINVAL;
    for (uint32_t slot = own; slot < table->own; slot++) {
        if (rota_file_table_is_used(table, slot))
            return -EINVAL;
    }
    ret = rota_register_file_alloc_range(ring, own, count);
    if (ret < 0)
        return ret;
    /* Slots that come back from the kernel's range are free here; their bits were never set. */
    table->own = own;
    return 0;
}

int rota_file_table_reserve(struct rota_file_table *table)
{
    for (uint32_t slot = table->lowest; slot < table->own; slot = (slot | 63) + 1) {
        uint64_t free = ~table->map[slot / 64] & (UINT64_MAX << (slot % 64));

        if (!free)
            continue;
        slot = (slot & ~63u) + (uint32_t)__builtin_ctzll(free);
        if (slot >= table->own)
            break;
        table->map[slot / 64] |= UINT64_C(1) << (slot % 64);
        table->used++;
        table->lowest = slot + 1;
        return (int)slot;
    }
    table->lowest = table->own;
    return -ENFILE;
}

int rota_file_table_release(struct rota_file_table *table, unsigned slot)
{
    if (!rota_file_table_is_used(table, slot))
        return -EINVAL;
    table->map[slot / 64] &= ~(UINT64_C(1) << (slot % 64));
    table->used--;
    if (slot < table->lowest)
        table->lowest = slot;
    return 0;
}

/* Puts one file, or -1, into a slot. Returns 0 or -errno. */
static int put(struct rota_ring *ring, unsigned slot, int fd)
{
    int ret = rota_register_files_update(ring, slot, &fd, 1);

    return ret < 0 ? ret : 0;
}

int rota_file_table_install(struct rota_ring *ring, struct rota_file_table *table, int fd)
{
    int slot, ret;

    if (fd < 0)
        return -EBADF; /* to the kernel -1 and -2 mean something else */
    slot = rota_file_table_reserve(table);
    if (slot < 0)
        return slot;
    ret = put(ring, (unsigned)slot, fd);
    if (ret < 0) {
        (void)rota_file_table_release(table, (unsigned)slot);
        return ret;
    }
    return slot;
}

int rota_file_table_update(struct rota_ring *ring, struct rota_file_table *table, unsigned slot,
                           int fd)
{
    if (!rota_file_table_is_used(table, slot))
        return -EINVAL;
    if (fd < 0)
        return -EBADF;
    return put(ring, slot, fd);
}

int rota_file_table_remove(struct rota_ring *ring, struct rota_file_table *table, unsigned slot)
{
    int ret;

    if (slot >= table->slots || (slot < table->own && !rota_file_table_is_used(table, slot)))
        return -EINVAL;
    ret = put(ring, slot, -1);
    if (ret < 0)
        return ret;
    if (slot < table->own)
        (void)rota_file_table_release(table, slot);
    return 0;
}
