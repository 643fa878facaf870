/* SPDX-License-Identifier: MIT */
/*
 * A table of registered files that knows which of its slots are free.
 *
 *     struct rota_file_table table;
 *     uint64_t map[ROTA_FILE_TABLE_WORDS(1024)];
 *     int ret = rota_file_table_init(&ring, &table, 1024, map);
 *
 *     int slot = rota_file_table_install(&ring, &table, fd);
 *     close(fd);                                  (the table keeps the file open)
 *     rota_prep_read(sqe, slot, buffer, size, 0);
 *     rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
 *     ...
 *     rota_file_table_remove(&ring, &table, slot);
 *
 * Requests that open a file into a slot get it in one of two ways: a slot of
 * the program's choice from rota_file_table_reserve(), or any slot of a range
 * that is left to the kernel, see rota_file_table_leave_to_kernel().
 *
 * Functions that take the ring follow the rules of rota/register.h, and return
 * the errors that it names for all calls beside those listed; the table itself
 * needs a lock when several threads use it.
 */
#ifndef ROTA_FILE_TABLE_H
#define ROTA_FILE_TABLE_H

#include <rota/ring.h>

ROTA_BEGIN_DECLS

/* How many uint64_t the map of a table of `slots` needs. */
#define ROTA_FILE_TABLE_WORDS(slots) ((size_t)(slots) / 64 + ((size_t)(slots) % 64 != 0))

/* Members are for reading. */
struct rota_file_table {
    uint64_t *map;   /* one bit for each slot, 1: in use */
    uint32_t slots;  /* in the table */
    uint32_t own;    /* slots that this allocates; those behind are the kernel's */
    uint32_t used;   /* of `own`, in use */
    uint32_t lowest; /* no slot below is free */
    uint64_t reserved[2];
};

/*
 * rota_file_table_init - register a table of empty slots, and manage it.
 *
 * `map` has ROTA_FILE_TABLE_WORDS(slots) elements, whatever they contain, and
 * stays until rota_file_table_exit(). On kernels before 5.19, which make no
 * sparse tables, the same is reached with a list of empty slots.
 *
 * Returns 0, or:
 *
 * - EBUSY: the ring has a file table
 * - EINVAL: slots 0, or no map
 * - EMFILE: more slots than RLIMIT_NOFILE or the kernel's limit
 * - ENOMEM: no memory
 */
ROTA_API int rota_file_table_init(struct rota_ring *ring, struct rota_file_table *table,
                                  unsigned slots, uint64_t *map);

/*
 * rota_file_table_exit - unregister the table.
 *
 * Its files are let go, once requests that use them have ended. Calling it
 * again does nothing, nor does it on a ring that is torn down.
 */
ROTA_API void rota_file_table_exit(struct rota_ring *ring, struct rota_file_table *table);

/*
 * rota_file_table_leave_to_kernel - let the kernel allocate the last `count` slots (6.0).
 *
 * Requests with IORING_FILE_INDEX_ALLOC then take a slot there, and never one
 * that this table has handed out; they complete with -ENFILE when there is
 * none. Such a slot comes back with a close_direct request, or with
 * rota_file_table_remove().
 *
 * Returns 0, or with nothing changed -EINVAL when count is above the number of
 * slots, one of them is in use, or the kernel is older; with count 0 the kernel
 * may use no slot. Slots that come back to the table because count is lower than
 * before must be empty.
 */
ROTA_API int rota_file_table_leave_to_kernel(struct rota_ring *ring, struct rota_file_table *table,
                                             unsigned count);

/*
 * rota_file_table_install - put a file into the lowest free slot.
 *
 * Returns the slot, or with nothing changed -ENFILE when there is none, -EBADF
 * when `fd` is not open or is that of a ring, -ENOMEM for no memory.
 */
ROTA_API int rota_file_table_install(struct rota_ring *ring, struct rota_file_table *table, int fd);

/*
 * rota_file_table_update - put another file into a slot that is in use.
 *
 * Requests in flight keep the former one. Returns 0; -EINVAL for a slot that
 * is not in use or not one that this table allocates; -EBADF and -ENOMEM as
 * above. The kernel takes the former file out before it looks for the new one:
 * when that is not open, or is a ring, the slot is empty, and still in use. A
 * negative `fd` changes nothing.
 */
ROTA_API int rota_file_table_update(struct rota_ring *ring, struct rota_file_table *table,
                                    unsigned slot, int fd);

/*
 * rota_file_table_remove - empty a slot and make it free.
 *
 * Takes slots of the kernel's range, too, also empty ones. Returns 0, or with
 * nothing changed -EINVAL for a slot of this table's that is free, or one that
 * is not in the table; -ENOMEM for no memory.
 */
ROTA_API int rota_file_table_remove(struct rota_ring *ring, struct rota_file_table *table,
                                    unsigned slot);

/*
 * rota_file_table_reserve - take the lowest free slot without putting anything into it.
 *
 * For requests that open a file into a slot of the caller's choice. Returns
 * the slot, or -ENFILE.
 */
ROTA_API int rota_file_table_reserve(struct rota_file_table *table);

/*
 * rota_file_table_release - make a slot free that is empty already.
 *
 * After a request that was to fill a reserved slot has failed, or a
 * close_direct has emptied one. Returns 0, or -EINVAL for a slot that is free
 * or is not one that this table allocates.
 */
ROTA_API int rota_file_table_release(struct rota_file_table *table, unsigned slot);

/* True when the table has handed the slot out. */
ROTA_INLINE bool rota_file_table_is_used(const struct rota_file_table *table, unsigned slot)
{
    return slot < table->own && (table->map[slot / 64] >> (slot % 64) & 1);
}

/* How many slots can still be handed out. */
ROTA_INLINE unsigned rota_file_table_free(const struct rota_file_table *table)
{
    return table->own - table->used;
}

ROTA_END_DECLS

#endif /* ROTA_FILE_TABLE_H */
