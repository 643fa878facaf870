/* SPDX-License-Identifier: MIT */
/* The lock's ways that sleep and wake. */
#include "emulate/lock.h"

#include "emulate/futex.h"

#define SPINS 100

static void futex(uint32_t *word, int what, uint32_t value)
{
    (void)syscall(SYS_futex, word, what | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void emulate_lock_slow(struct emulate_lock *lock)
{
    for (unsigned i = 0; i < SPINS; i++) {
        if (!__atomic_load_n(&lock->word, __ATOMIC_RELAXED) && emulate_lock_try(lock))
            return;
    }
    /* Who comes this way cannot tell whether others sleep: it says that they do. */
    while (__atomic_exchange_n(&lock->word, 2, __ATOMIC_ACQUIRE))
        futex(&lock->word, FUTEX_WAIT, 2);
}

void emulate_lock_wake(struct emulate_lock *lock)
{
    futex(&lock->word, FUTEX_WAKE, 1);
}
