/* SPDX-License-Identifier: MIT */
/*
 * Provided buffers: the kernel picks a buffer when data arrives, instead of
 * each request holding one while it waits.
 *
 * The first part is liburing's interface to a ring of buffers, for those who
 * keep the books themselves. The second, struct rota_buffers, keeps them: it
 * owns the memory, turns a CQE into the bytes that came, and knows at each
 * moment which buffers are the kernel's and which the program's.
 *
 *     struct rota_buffers buffers;
 *     struct rota_buffers_config config = {.count = 256, .size = 2048, .group = 1};
 *     int ret = rota_buffers_init(&ring, &buffers, &config);
 *
 *     rota_prep_recv_multishot(sqe, sock, NULL, 0, 0);
 *     rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
 *     rota_sqe_set_buf_group(sqe, 1);
 *     ...
 *     struct rota_piece piece;
 *     int taken = rota_buffers_take(&buffers, cqe, &piece);
 *     while (taken > 0) {
 *         use(piece.data, piece.size);
 *         rota_buffers_give(&buffers, piece.id);
 *         taken = rota_buffers_next(&buffers, &piece);
 *     }
 *
 * A group belongs to one thread at a time: whoever takes and gives. Requests
 * may be submitted by another one.
 *
 * The functions that take the ring (but for the two that advance) make register
 * calls, with the rules of rota/resource.h: nothing else may run on the ring,
 * and beside the errors listed they return -EBADF for a ring that is torn down,
 * -EEXIST from a thread that does not own a single-issuer ring, -EACCES when a
 * restriction forbids it, and -EINVAL where the kernel is older.
 */
#ifndef ROTA_BUF_RING_H
#define ROTA_BUF_RING_H

#include <rota/atomic.h>
#include <rota/ring.h>

#include <asm/errno.h>

ROTA_BEGIN_DECLS

/*
 * Rings of buffers
 */

/*
 * rota_register_buf_ring - make a buffer group of a ring of buffers (5.19).
 *
 * `reg` says where the ring is, how many entries it has and which group it
 * makes; `flags` are IOU_PBUF_RING_* beyond those in the structure, which
 * (unlike in liburing) stays as it is. The ring starts on a page and stays
 * until it is unregistered. With IOU_PBUF_RING_MMAP (6.4) it is the kernel's:
 * ring_addr is 0, and mmap(2) finds it at IORING_OFF_PBUF_RING.
 *
 * Returns 0, or:
 *
 * - EEXIST: the group exists: it has a ring, or buffers
 * - EFAULT: the ring is not mapped, or its address is 0
 * - EINVAL: entries 0, no power of two or above 32768, the ring not at the start
 *   of a page, a flag or a min_left that the kernel does not know
 * - ENOMEM: no memory, or RLIMIT_MEMLOCK is too small
 */
ROTA_API int rota_register_buf_ring(struct rota_ring *ring, const struct io_uring_buf_reg *reg,
                                    unsigned flags);

/*
 * rota_buf_ring_head - how far the kernel has consumed the ring of a group (6.8).
 *
 * Stores the index of the entry that it takes next; untouched on failure.
 * Returns 0, -ENOENT for no such group, -EINVAL for one without a ring or an
 * older kernel.
 */
ROTA_API int rota_buf_ring_head(struct rota_ring *ring, int buf_group, uint16_t *head);

/*
 * rota_setup_buf_ring - make a group with a ring in memory of its own.
 *
 * `nentries` is a power of two up to 32768; `flags` are IOU_PBUF_RING_*, with
 * IOU_PBUF_RING_MMAP for memory of the kernel. The ring is empty. Returns it,
 * or NULL with -errno in *err (which may be NULL; 0 on success) and nothing
 * left behind: as rota_register_buf_ring(), -EINVAL for a group that is not 0
 * to 65535 (with memory of the kernel 2047: the place where it is mapped has no
 * bits for more), and -EBADF for memory of the kernel on a ring without
 * descriptor. Unlike liburing's, which maps that of another group then.
 */
ROTA_API struct io_uring_buf_ring *rota_setup_buf_ring(struct rota_ring *ring, unsigned nentries,
                                                       int bgid, unsigned flags, int *err);

/*
 * rota_free_buf_ring - end the group and give the memory of its ring back.
 *
 * Arguments as for rota_setup_buf_ring(), which has made it. Returns 0 or,
 * with the memory kept, -ENOENT for a group that there is not, -EINVAL for one
 * that has no ring or is not 0 to 65535, and for a number of entries that no
 * ring has.
 */
ROTA_API int rota_free_buf_ring(struct rota_ring *ring, struct io_uring_buf_ring *br,
                                unsigned nentries, int bgid);

/* The mask for indices of a ring of `ring_entries`. */
ROTA_INLINE int rota_buf_ring_mask(uint32_t ring_entries)
{
    return (int)(ring_entries - 1);
}

/* Empties a ring that is not registered yet. */
ROTA_INLINE void rota_buf_ring_init(struct io_uring_buf_ring *br)
{
    br->tail = 0;
}

/*
 * rota_buf_ring_add - write a buffer into the ring.
 *
 * `len` bytes at `addr`, known as `bid` from now on, `buf_offset` entries
 * behind the tail; `mask` is rota_buf_ring_mask(). The kernel does not see it
 * before rota_buf_ring_advance().
 */
ROTA_INLINE void rota_buf_ring_add(struct io_uring_buf_ring *br, void *addr, unsigned len,
                                   unsigned short bid, int mask, int buf_offset)
{
    /* Relaxed: only we write the tail. It lies over the unused end of the first entry. */
    unsigned tail = rota_load_relaxed16(&br->tail);
    struct io_uring_buf *buf =
        (struct io_uring_buf *)(void *)br + ((tail + (unsigned)buf_offset) & (unsigned)mask);

    buf->addr = (uint64_t)(uintptr_t)addr;
    buf->len = len;
    buf->bid = bid;
}

/* Shows `count` buffers that were added to the kernel. */
ROTA_INLINE void rota_buf_ring_advance(struct io_uring_buf_ring *br, int count)
{
    uint16_t tail = (uint16_t)(rota_load_relaxed16(&br->tail) + count);

    /* Release: the entries are written before the kernel can see the tail. */
    rota_store_release16(&br->tail, tail);
}

/* Shows `buf_count` buffers to the kernel and marks `cq_count` CQEs seen. */
ROTA_INLINE void rota_buf_ring_cq_advance_nr(struct rota_ring *ring, struct io_uring_buf_ring *br,
                                             int cq_count, int buf_count)
{
    rota_buf_ring_advance(br, buf_count);
    rota_cq_advance(ring, (unsigned)cq_count);
}

/* The same with one buffer for each CQE. */
ROTA_INLINE void rota_buf_ring_cq_advance(struct rota_ring *ring, struct io_uring_buf_ring *br,
                                          int count)
{
    rota_buf_ring_cq_advance_nr(ring, br, count, count);
}

/* How many buffers of the ring the kernel can still pick (6.8), or as rota_buf_ring_head(). */
ROTA_INLINE int rota_buf_ring_available(struct rota_ring *ring, struct io_uring_buf_ring *br,
                                        unsigned short bgid)
{
    uint16_t head;
    int ret = rota_buf_ring_head(ring, bgid, &head);

    if (ret < 0)
        return ret;
    return (uint16_t)(rota_load_relaxed16(&br->tail) - head);
}

/*
 * Managed buffers
 */

/* For rota_buffers_config::options. */

/* Huge pages of 2 MiB where there are some, for fewer TLB misses; normal ones where not. */
#define ROTA_BUFFERS_HUGE (1U << 0)
/* All buffers start in the program's hands, for rota_buffers_provide(). */
#define ROTA_BUFFERS_HELD (1U << 1)

/* What rota_buffers_init() makes. Members that are not set are zero. */
struct rota_buffers_config {
    uint32_t count;    /* buffers, 1 to 32768 */
    uint32_t size;     /* bytes of each; a multiple of 4096 makes them start at one */
    uint16_t group;    /* the group that they make */
    uint16_t flags;    /* IOU_PBUF_RING_MMAP, IOU_PBUF_RING_INC */
    uint32_t min_left; /* with INC: a rest of fewer bytes is not used any more (7.1) */
    uint32_t options;  /* ROTA_BUFFERS_* */
    uint32_t reserved0;

    /*
     * Memory for everything, of at least rota_buffers_memory_size() bytes, at
     * the start of a page, until rota_buffers_exit(). NULL: anonymous memory.
     */
    void *memory;
    size_t memory_size;
    uint64_t reserved[2];
};

/* What is known of one buffer; the manager's own. */
struct rota_buffer_state {
    uint32_t used;   /* bytes at its start that completions have brought */
    uint32_t length; /* bytes that the kernel was given */
    uint32_t pieces; /* handed out to the program and not given back */
    uint16_t place;  /* index in the ring where it was added last */
    uint16_t kernel; /* 1: the kernel's, in the ring or picked by a request */
};

/* A group of managed buffers. Members are for reading. */
struct rota_buffers {
    struct io_uring_buf_ring *br;
    struct rota_buffer_state *states;
    unsigned char *data; /* buffer `id` starts at data + id * size */
    uint32_t size;
    uint32_t count;
    uint16_t mask; /* of the ring's indices */
    uint16_t tail; /* our copy of the shared one */
    uint16_t group;
    uint16_t flags;
    uint32_t options;     /* ROTA_BUFFERS_HUGE is cleared when there were no huge pages */
    uint32_t with_kernel; /* buffers that are the kernel's */
    uint32_t held;        /* buffers of which the program holds pieces */
    uint32_t reserved0;
    void *memory; /* what was mapped; NULL for the caller's */
    size_t memory_size;
    size_t ring_size;                 /* bytes of a ring that is the kernel's; else 0 */
    const struct rota_kernel *kernel; /* of the ring: what was mapped through it goes back to it */
    uint64_t reserved[4];
};

/* Bytes that a CQE has brought, or as many of them as lie in one buffer. */
struct rota_piece {
    unsigned char *data;
    uint32_t size;
    uint32_t rest;  /* bytes of the same completion that lie in the next buffers */
    uint16_t id;    /* the buffer, for rota_buffers_give() */
    uint16_t place; /* where it was in the ring */
    uint16_t flags; /* those of the CQE, as far as they matter here */
    uint16_t reserved;
};

/* What the inline function below calls: `size` is the caller's sizeof(*buffers). */
ROTA_API int rota_buffers_init_sized(struct rota_ring *ring, struct rota_buffers *buffers,
                                     size_t size, const struct rota_buffers_config *config);

/*
 * rota_buffers_init - make a group of buffers, all of them the kernel's (5.19).
 *
 * Returns 0, or with nothing left behind:
 *
 * - EBADF: kernel memory (IOU_PBUF_RING_MMAP) on a ring without descriptor
 * - EEXIST: the group exists: it has a ring, or buffers
 * - EINVAL: count 0 or above 32768, size 0 or above 1 GiB, an unknown option, a
 *   reserved member not zero, memory not at the start of a page, a flag or a
 *   min_left that the kernel does not know, memory of the kernel for a group
 *   above 2047
 * - ENOMEM: no memory, or config->memory_size too small
 */
ROTA_INLINE int rota_buffers_init(struct rota_ring *ring, struct rota_buffers *buffers,
                                  const struct rota_buffers_config *config)
{
    return rota_buffers_init_sized(ring, buffers, sizeof(*buffers), config);
}

/* Bytes that rota_buffers_config::memory needs; 0 for a config that is not valid. */
ROTA_API size_t rota_buffers_memory_size(const struct rota_buffers_config *config);

/*
 * rota_buffers_exit - end the group, and give the memory back.
 *
 * Requests that name the group must have ended: the kernel would go on
 * writing to the buffers that they have picked. Calling it again, or after a
 * failed rota_buffers_init(), does nothing. `ring` may be torn down already.
 */
ROTA_API void rota_buffers_exit(struct rota_ring *ring, struct rota_buffers *buffers);

/* Adds a buffer at the tail and shows it to the kernel. */
ROTA_INLINE void rota_buffers_add(struct rota_buffers *buffers, uint16_t id, uint32_t length)
{
    struct rota_buffer_state *state = &buffers->states[id];
    struct io_uring_buf *buf =
        (struct io_uring_buf *)(void *)buffers->br + (buffers->tail & buffers->mask);

    buf->addr = (uint64_t)(uintptr_t)(buffers->data + (size_t)id * buffers->size);
    buf->len = length;
    buf->bid = id;
    state->used = 0;
    state->length = length;
    state->place = buffers->tail++;
    state->kernel = 1;
    buffers->with_kernel++;
    /* Release: the entry is written before the kernel can see the tail. */
    rota_store_release16(&buffers->br->tail, buffers->tail);
}

/* Makes a piece of up to `rest` bytes of a buffer that is the kernel's. */
ROTA_INLINE void rota_buffers_cut(struct rota_buffers *buffers, struct rota_piece *piece,
                                  uint16_t id, uint32_t rest)
{
    struct rota_buffer_state *state = &buffers->states[id];
    uint32_t room = state->length - state->used;

    piece->id = id;
    piece->place = state->place;
    piece->data = buffers->data + (size_t)id * buffers->size + state->used;
    piece->size = rest < room ? rest : room;
    piece->rest = rest - piece->size;
    state->used += piece->size;
    if (!state->pieces++)
        buffers->held++;
    /* BUF_MORE speaks of the buffer in which the completion ends. */
    if (piece->rest || !(piece->flags & IORING_CQE_F_BUF_MORE)) {
        state->kernel = 0;
        buffers->with_kernel--;
    }
}

/*
 * rota_buffers_take_result - rota_buffers_take() for who has no CQE: a handle
 * of rota/op.h keeps its `res` and its `flags`.
 *
 *     rota_buffers_take_result(&buffers, op->res, op->flags, &piece)
 *
 * In the callback of a stream these are those of the present result.
 */
ROTA_INLINE int rota_buffers_take_result(struct rota_buffers *buffers, int res, uint32_t flags,
                                         struct rota_piece *piece)
{
    uint32_t id = flags >> IORING_CQE_BUFFER_SHIFT;

    piece->data = NULL;
    piece->size = 0;
    piece->rest = 0;
    piece->id = 0;
    piece->place = 0;
    piece->reserved = 0;
    piece->flags = (uint16_t)(flags & (IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE));
    if (!(flags & IORING_CQE_F_BUFFER))
        return 0;
    if (ROTA_UNLIKELY(id >= buffers->count || !buffers->states[id].kernel))
        return -EINVAL;
    rota_buffers_cut(buffers, piece, (uint16_t)id, res > 0 ? (uint32_t)res : 0);
    return 1;
}

/*
 * rota_buffers_take - the first piece of what a CQE has brought.
 *
 * Each piece is the program's until rota_buffers_give(). Take in the order of
 * the CQEs, and before the CQE is marked seen.
 *
 * A request with IORING_RECVSEND_BUNDLE fills several buffers: while piece->rest
 * is not 0, rota_buffers_next() has more. A ring with IOU_PBUF_RING_INC gives
 * several pieces of one buffer, from several CQEs; it goes back to the kernel
 * when it is used up and all of them were given back. With INC, use requests
 * that consume what they report, such as receives: a file read that ends early
 * has consumed as much as it has asked for.
 *
 * Returns 1; 0 when the CQE has no buffer; -EINVAL when it names one that is
 * not the kernel's, so that it is of another group or was taken before. But
 * for 1, *piece is empty.
 */
ROTA_INLINE int rota_buffers_take(struct rota_buffers *buffers, const struct io_uring_cqe *cqe,
                                  struct rota_piece *piece)
{
    return rota_buffers_take_result(buffers, cqe->res, cqe->flags, piece);
}

/*
 * rota_buffers_next - the next piece of the same completion.
 *
 * `piece` is what rota_buffers_take() or this function has filled; its buffer
 * may have been given back. Returns 1; with *piece as it was, 0 when that was
 * the last piece, or -EINVAL when the ring has no further buffer of the
 * kernel's.
 */
ROTA_INLINE int rota_buffers_next(struct rota_buffers *buffers, struct rota_piece *piece)
{
    const struct io_uring_buf *bufs = (const struct io_uring_buf *)(const void *)buffers->br;
    uint16_t id;

    if (!piece->rest)
        return 0;
    /*
     * The kernel takes buffers in the order of the ring, and writes addresses
     * and lengths into it but no ids. The next one is not ours before this
     * completion is dealt with, so its entry is not overwritten.
     */
    id = bufs[(piece->place + 1) & buffers->mask].bid;
    if (ROTA_UNLIKELY(id >= buffers->count || !buffers->states[id].kernel))
        return -EINVAL;
    rota_buffers_cut(buffers, piece, id, piece->rest);
    return 1;
}

/*
 * rota_buffers_give - give a piece back.
 *
 * When it was the last of its buffer and the kernel has done with that, the
 * kernel gets it again, as a whole. Returns 0, or -EINVAL when the program
 * holds no piece of buffer `id`.
 */
ROTA_INLINE int rota_buffers_give(struct rota_buffers *buffers, unsigned id)
{
    struct rota_buffer_state *state;

    if (ROTA_UNLIKELY(id >= buffers->count))
        return -EINVAL;
    state = &buffers->states[id];
    if (ROTA_UNLIKELY(!state->pieces))
        return -EINVAL;
    if (--state->pieces)
        return 0;
    buffers->held--;
    if (!state->kernel)
        rota_buffers_add(buffers, (uint16_t)id, buffers->size);
    return 0;
}

/* Where buffer `id` starts; NULL for an id that is none. */
ROTA_INLINE void *rota_buffers_data(const struct rota_buffers *buffers, unsigned id)
{
    return id < buffers->count ? buffers->data + (size_t)id * buffers->size : NULL;
}

/*
 * rota_buffers_provide - give a buffer to the kernel that holds `length` bytes to send.
 *
 * For groups that sends take from (6.10), usually made with
 * ROTA_BUFFERS_HELD. The program must hold the buffer, in one piece, and all
 * of it: after the send has taken it, so it is again.
 *
 * Returns 0, or -EINVAL for an id that is none, a buffer that is the kernel's
 * or held in several pieces, a length of 0 or above the size.
 */
ROTA_INLINE int rota_buffers_provide(struct rota_buffers *buffers, unsigned id, uint32_t length)
{
    struct rota_buffer_state *state;

    if (id >= buffers->count || !length || length > buffers->size)
        return -EINVAL;
    state = &buffers->states[id];
    if (state->kernel || state->pieces != 1)
        return -EINVAL;
    state->pieces = 0;
    buffers->held--;
    rota_buffers_add(buffers, (uint16_t)id, length);
    return 0;
}

/* How many buffers are the kernel's: free for requests, or picked by one that has not completed. */
ROTA_INLINE unsigned rota_buffers_with_kernel(const struct rota_buffers *buffers)
{
    return buffers->with_kernel;
}

/* Of how many buffers the program holds pieces. With INC a buffer can be both. */
ROTA_INLINE unsigned rota_buffers_held(const struct rota_buffers *buffers)
{
    return buffers->held;
}

ROTA_END_DECLS

#endif /* ROTA_BUF_RING_H */
