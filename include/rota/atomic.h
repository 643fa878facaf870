/* SPDX-License-Identifier: MIT */
/*
 * The only accessors of memory that is shared with the kernel.
 *
 * A ring is two single-producer, single-consumer queues. Three orderings are
 * enough for them:
 *
 * - load acquire of the index that the other side publishes, before the
 *   entries it covers are read or reused;
 * - store release of our own index, after the entries were written or read;
 * - a full fence in two places, where a store must be ordered before a load of
 *   another word: SQPOLL submission (the tail, then the flags) and switching the
 *   eventfd on (the flags, then the tail that the next peek reads).
 *
 * Everything else is a relaxed access: it must not be torn, cached or
 * repeated by the compiler, and needs no order. A volatile load of an aligned
 * word is that on every target of gcc and clang; the __atomic builtin makes
 * gcc forget all that it knows of memory.
 */
#ifndef ROTA_ATOMIC_H
#define ROTA_ATOMIC_H

#include <rota/config.h>

ROTA_BEGIN_DECLS

ROTA_INLINE uint32_t rota_load_relaxed(const uint32_t *word)
{
#ifdef __SANITIZE_THREAD__ /* it takes a volatile load for a race, where both sides are looked at */
    return __atomic_load_n(word, __ATOMIC_RELAXED);
#else
    return *(const volatile uint32_t *)word;
#endif
}

ROTA_INLINE uint32_t rota_load_acquire(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

ROTA_INLINE void rota_store_relaxed(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
}

ROTA_INLINE void rota_store_release(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/* The tail of a provided-buffer ring is 16 bits wide. */
ROTA_INLINE uint16_t rota_load_relaxed16(const uint16_t *word)
{
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

ROTA_INLINE void rota_store_release16(uint16_t *word, uint16_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

/*
 * The older builtin, for one reason: gcc refuses the fence of the newer ones
 * under -fsanitize=thread, which does not know fences. Nothing that the
 * sanitizer sees is ordered by this one: the other side is the kernel.
 */
ROTA_INLINE void rota_full_fence(void)
{
    __sync_synchronize();
}

ROTA_END_DECLS

#endif /* ROTA_ATOMIC_H */
