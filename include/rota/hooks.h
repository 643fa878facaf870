/* SPDX-License-Identifier: MIT */
/*
 * The irregular points of the table: conversions that generated prep functions
 * call by name. Nothing else belongs here.
 */
#ifndef ROTA_HOOKS_H
#define ROTA_HOOKS_H

#include <linux/ioctl.h>
#include <rota/config.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/*
 * A poll mask as the kernel reads it. The field was once 16 bits wide, so on a
 * big-endian machine the kernel swaps its half-words, not its bytes.
 */
ROTA_INLINE __u32 rota_hook_poll_mask(unsigned mask)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return (mask << 16) | (mask >> 16);
#else
    return mask;
#endif
}

/*
 * The number of a slot in the ring's file table as an SQE holds it: one more,
 * because 0 means an ordinary descriptor. IORING_FILE_INDEX_ALLOC, which asks
 * the kernel to choose, stays as it is.
 */
ROTA_INLINE __u32 rota_hook_direct_slot(unsigned slot)
{
    return slot == IORING_FILE_INDEX_ALLOC ? slot : slot + 1;
}

/* A descriptor in a 64-bit field: the kernel reads its low half. */
ROTA_INLINE __u32 rota_hook_zero_extend(int value)
{
    return (__u32)value;
}

/* Words that may lie over any type, at any address. */
typedef __u64 rota_hook_word __attribute__((may_alias, aligned(1)));

/*
 * Copies what a command says, `bytes` of them, a multiple of 8, to `offset` in
 * the SQE: beyond 64 bytes into the second half of a large one.
 */
ROTA_INLINE void rota_hook_copy(struct io_uring_sqe *sqe, unsigned offset, const void *from,
                                unsigned bytes)
{
    rota_hook_word *to = (rota_hook_word *)(void *)((unsigned char *)sqe + offset);
    const rota_hook_word *words = (const rota_hook_word *)from;

    for (unsigned i = 0; i < bytes / 8; i++)
        to[i] = words[i];
}

ROTA_END_DECLS

#endif /* ROTA_HOOKS_H */
