/* SPDX-License-Identifier: MIT */
/* What the generated tables of ways are made with, and how register calls are found in one. */
#ifndef ROTA_EMULATE_TABLE_H
#define ROTA_EMULATE_TABLE_H

#include <sys/epoll.h>

#include "emulate/emulate.h"

/*
 * A register call. `arg` and `nr` are the caller's, not looked at yet; the ring
 * is locked, or NULL on descriptor -1.
 */
struct emulate_register_way {
    int (*run)(struct emulate_ring *ring, void *arg, uint32_t nr); /* NULL: refused */
    uint32_t needs;    /* IORING_SETUP_* that the ring must have */
    bool without_ring; /* it works on descriptor -1 */
};

/* Generated: one for each register opcode. */
extern const struct emulate_register_way emulate_register_ways[IORING_REGISTER_LAST];

/* What a file is waited for to be. */
#define EMULATE_READABLE EPOLLIN
#define EMULATE_WRITABLE EPOLLOUT

/* The eight words of an SQE, and a mask of some bytes of one as it is on a little-endian machine. */
static inline uint64_t emulate_word(const struct io_uring_sqe *sqe, unsigned number)
{
    uint64_t word;

    __builtin_memcpy(&word, (const unsigned char *)sqe + 8 * (size_t)number, sizeof(word));
    return word;
}

#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define EMULATE_BYTES(mask) __builtin_bswap64(mask##ULL)
#else
#define EMULATE_BYTES(mask) (mask##ULL)
#endif

/* Whether a field has bits beyond those that it takes. */
static inline bool emulate_beyond(uint64_t value, uint64_t taken)
{
    return value & ~taken;
}

/* poll32_events as a mask: big-endian machines store its halves in the other order. */
static inline uint32_t emulate_poll_mask(uint32_t events)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return events << 16 | events >> 16;
#else
    return events;
#endif
}

/*
 * keep.c: copies what `pointer`, a field of the request's SQE, leads to, so that it
 * lives as long as the request does, and lets the field lead to the copy. NULL
 * stays NULL. 0, -EFAULT, -ENOMEM, or for more than a system call could take
 * -E2BIG or -ENAMETOOLONG.
 */
int emulate_keep_memory(struct emulate_request *request, __u64 *pointer, size_t size);
int emulate_keep_text(struct emulate_request *request, __u64 *pointer);
/*
 * The same for a second descriptor that is a slot of the file table: `*index` becomes a descriptor,
 * which stays open as long as the request lives. 0 or -EBADF.
 */
int emulate_keep_slot(struct emulate_ring *ring, struct emulate_request *request, __s32 *index);

#endif /* ROTA_EMULATE_TABLE_H */
