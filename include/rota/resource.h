/* SPDX-License-Identifier: MIT */
/*
 * What a ring lends to its requests: here files, and the buffers of other rings.
 *
 * rota/register.h has the calls of io_uring_register(2) that need nothing but
 * arguments, rota/buf_ring.h, rota/file_table.h, rota/region.h, rota/query.h
 * and rota/zcrx.h what they are named after.
 *
 * The calls here belong to both sides of the ring: no other call on it may run
 * at the same time. Beside the errors listed, calls that reach the kernel
 * return -EBADF for a ring that is torn down or was never made (the kernel is
 * not asked then), -EEXIST from a thread that does not own a single-issuer
 * ring, -EACCES when a restriction forbids the call, and -EINVAL where the
 * kernel is older than the call.
 */
#ifndef ROTA_RESOURCE_H
#define ROTA_RESOURCE_H

#include <rota/register.h>
#include <rota/ring.h>

ROTA_BEGIN_DECLS

/*
 * Files
 */

/*
 * rota_register_files - register files, so that requests name them by slot (5.1).
 *
 * `files` has `nr_files` descriptors, of which -1 leaves its slot empty; read
 * during the call only. The table keeps each file open after its descriptor
 * was closed.
 *
 * A table may not be larger than RLIMIT_NOFILE. On a ring of rota_queue_init()
 * the soft limit of the *process* is raised by `nr_files` when the kernel says
 * that it is too low, as far as the hard one allows, and the call is made
 * again: liburing does it, and its programs rely on it. On a ring of
 * rota_init() the limit is the program's to change.
 *
 * Returns 0, or:
 *
 * - EBADF: a descriptor is neither open nor -1, or is that of a ring
 * - EBUSY: the ring has a file table; unregister it first, or change its slots
 *   with rota_register_files_update()
 * - EINVAL: nr_files is 0
 * - EMFILE: nr_files is above RLIMIT_NOFILE, or above 1048576
 */
ROTA_API int rota_register_files(struct rota_ring *ring, const int *files, unsigned nr_files);

/*
 * rota_register_files_tags - the same, each file with a tag that is posted when
 * it is let go (5.13).
 *
 * `tags` has one for each file; 0 posts nothing, and NULL stands for no tags.
 * Returns as rota_register_files(); -EINVAL also for an empty slot with a tag.
 */
ROTA_API int rota_register_files_tags(struct rota_ring *ring, const int *files, const __u64 *tags,
                                      unsigned nr);

/*
 * rota_register_files_sparse - register `nr` empty slots (5.19).
 *
 * Returns as rota_register_files().
 */
ROTA_API int rota_register_files_sparse(struct rota_ring *ring, unsigned nr);

/*
 * Buffers of other rings
 */

/*
 * rota_clone_buffers - take over the buffer table of another ring (6.12).
 *
 * The pages are shared, not pinned again. `src` keeps its table, and may end
 * before this ring. When it has lost its descriptor (rota_close_ring_fd()),
 * its registered index is used, which works in the thread of that index.
 *
 * Returns 0, or:
 *
 * - EBADF: one of the rings is torn down
 * - EBUSY: this ring has a buffer table
 * - EEXIST: `src` has lost its descriptor, and the thread of its index is another
 * - EINVAL: the rings belong to different users or address spaces
 * - ENOMEM: no memory
 * - ENXIO: `src` has no buffer table
 */
ROTA_API int rota_clone_buffers(struct rota_ring *ring, struct rota_ring *src);

/*
 * rota_clone_buffers_offset - take over `nr` buffers of another ring (6.13).
 *
 * Entries src_off to src_off + nr - 1 of `src` become entries from dst_off on
 * here. With IORING_REGISTER_DST_REPLACE in `flags` they replace entries or
 * extend the table; without it this ring must have none.
 *
 * Returns 0, or as rota_clone_buffers(), and:
 *
 * - EINVAL: nr larger than the table of `src`, an unknown flag, more than 16384
 *   buffers here
 * - EOVERFLOW: the range reaches past the end of the table of `src`
 */
ROTA_API int rota_clone_buffers_offset(struct rota_ring *ring, struct rota_ring *src,
                                       unsigned dst_off, unsigned src_off, unsigned nr,
                                       unsigned flags);

ROTA_END_DECLS

#endif /* ROTA_RESOURCE_H */
