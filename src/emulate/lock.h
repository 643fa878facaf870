/* SPDX-License-Identifier: MIT */
/*
 * A lock of one word, with the futex behind it: two atomic operations when
 * nobody else wants it, which is what each call on a ring pays.
 */
#ifndef ROTA_EMULATE_LOCK_H
#define ROTA_EMULATE_LOCK_H

#include <stdbool.h>
#include <stdint.h>

struct emulate_lock {
    uint32_t word; /* 0: free, 1: held, 2: held, and somebody sleeps for it */
};

/* lock.c: the ways that sleep and wake. */
void emulate_lock_slow(struct emulate_lock *lock);
void emulate_lock_wake(struct emulate_lock *lock);

static inline bool emulate_lock_try(struct emulate_lock *lock)
{
    uint32_t unlocked = 0;

    /* Acquire: what the last holder did is seen. */
    return __atomic_compare_exchange_n(&lock->word, &unlocked, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static inline void emulate_lock_take(struct emulate_lock *lock)
{
    if (!emulate_lock_try(lock))
        emulate_lock_slow(lock);
}

static inline void emulate_lock_give(struct emulate_lock *lock)
{
    /* Release: pairs with the acquire above. */
    if (__atomic_exchange_n(&lock->word, 0, __ATOMIC_RELEASE) == 2)
        emulate_lock_wake(lock);
}

#endif /* ROTA_EMULATE_LOCK_H */
