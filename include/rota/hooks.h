/* SPDX-License-Identifier: MIT */
/*
 * The irregular points of the table: conversions that generated prep functions
 * call by name. Nothing else belongs here.
 */
#ifndef ROTA_HOOKS_H
#define ROTA_HOOKS_H

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

ROTA_END_DECLS

#endif /* ROTA_HOOKS_H */
