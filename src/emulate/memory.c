/* SPDX-License-Identifier: MIT */
/*
 * Memory that the application maps. A mapping is the memory itself, not a
 * second view of it: so the descriptor of a ring need not be one that can be
 * mapped, and the child of a fork has a copy of its own, with which it cannot
 * disturb the parent.
 */
#include "emulate/emulate.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "emulate/futex.h"
#include "emulate/inside.h"

/* All that live. The lock is held across forks. */
static struct emulate_list memories = {&memories, &memories};
static pthread_mutex_t memories_lock = PTHREAD_MUTEX_INITIALIZER;

void emulate_memory_fork(bool before)
{
    if (before)
        pthread_mutex_lock(&memories_lock);
    else
        pthread_mutex_unlock(&memories_lock);
}

size_t emulate_page(void)
{
    static size_t page;
    size_t known = __atomic_load_n(&page, __ATOMIC_RELAXED);

    if (!known) {
        known = (size_t)sysconf(_SC_PAGESIZE);
        __atomic_store_n(&page, known, __ATOMIC_RELAXED);
    }
    return known;
}

struct emulate_memory *emulate_memory_new(size_t size)
{
    struct emulate_memory *memory = calloc(1, sizeof(*memory));
    size_t page = emulate_page();
    void *base;

    if (!memory)
        return NULL;
    size = (size + page - 1) / page * page;
    base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED) {
        free(memory);
        return NULL;
    }
    memory->base = base;
    memory->size = size;
    memory->refs = 1;
    pthread_mutex_lock(&memories_lock);
    emulate_list_add(&memory->node, &memories);
    pthread_mutex_unlock(&memories_lock);
    return memory;
}

/* Frees it if nothing refers to it any more. Unlocks. */
static void put_locked(struct emulate_memory *memory)
{
    bool last = !--memory->refs;

    if (last)
        emulate_list_del(&memory->node);
    pthread_mutex_unlock(&memories_lock);
    if (!last)
        return;
    munmap(memory->base, memory->size);
    free(memory);
}

void emulate_memory_put(struct emulate_memory *memory)
{
    if (!memory)
        return;
    pthread_mutex_lock(&memories_lock);
    put_locked(memory);
}

void emulate_memory_get(struct emulate_memory *memory)
{
    pthread_mutex_lock(&memories_lock);
    memory->refs++;
    pthread_mutex_unlock(&memories_lock);
}

int emulate_memory_unmap(void *address, size_t size)
{
    unsigned char *at = address;

    pthread_mutex_lock(&memories_lock);
    for (struct emulate_list *link = memories.next; link != &memories; link = link->next) {
        struct emulate_memory *memory = EMULATE_ELEMENT(link, struct emulate_memory, node);

        if (at >= memory->base && at < memory->base + memory->size) {
            put_locked(memory);
            return 0;
        }
    }
    pthread_mutex_unlock(&memories_lock);
    return munmap(address, size) < 0 ? -errno : 0;
}

/*
 * The program's memory. A system call finds out what cannot be read or written
 * before we touch it, and answers EFAULT as the kernel would.
 */

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

enum {
    UNKNOWN,
    TELLS,
    LACKS
};

/* Does the kernel know the advices? One that ignores what it does not know finds memory at 0, too. */
static bool populates(void)
{
    static uint32_t state;
    uint32_t known = __atomic_load_n(&state, __ATOMIC_RELAXED);

    if (known == UNKNOWN) {
        known = LACKS;
        if (madvise(NULL, emulate_page(), MADV_POPULATE_READ) < 0 && errno == ENOMEM)
            known = TELLS;
        __atomic_store_n(&state, known, __ATOMIC_RELAXED);
    }
    return known == TELLS;
}

/*
 * Before Linux 5.14: a call that reads a signal mask before it finds that it is told nonsense. Not at
 * the page's beginning: of the first page that is NULL, where it has no mask to read.
 */
static bool is_readable(uint64_t page)
{
    const int nonsense = -1;
    const uintptr_t mask = (uintptr_t)page + ROTA_SIGSET_SIZE;

    return syscall(SYS_rt_sigprocmask, nonsense, mask, NULL, (size_t)ROTA_SIGSET_SIZE) >= 0 ||
           errno != EFAULT;
}

/* The same: a change of a word that leaves it as it is. */
static bool is_writable(uint64_t at)
{
    static uint32_t nobody;
    const long operation = (long)FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0);

    return syscall(SYS_futex, &nobody, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, NULL, (uintptr_t)at,
                   operation) >= 0 ||
           errno == ENOSYS;
}

static int check(uint64_t address, uint64_t size, bool writes)
{
    uint64_t page = emulate_page(), from = address - address % page, end;

    if (!size)
        return 0;
    if (size > UINTPTR_MAX - (page - 1) || address > UINTPTR_MAX - (page - 1) - size)
        return -EFAULT;
    end = (address + size + page - 1) & ~(page - 1);
    if (populates()) {
        int advice = writes ? MADV_POPULATE_WRITE : MADV_POPULATE_READ;

        if (!madvise((void *)(uintptr_t)from, (size_t)(end - from), advice))
            return 0;
        /* Of memory that is a device's it says the same as of what may not be touched. */
        if (errno != EINVAL)
            return -EFAULT;
    }
    for (; from < end; from += page) {
        if (!(writes ? is_writable(from) : is_readable(from)))
            return -EFAULT;
    }
    return 0;
}

int emulate_check_readable(uint64_t address, uint64_t size)
{
    return check(address, size, false);
}

int emulate_check_memory(uint64_t address, uint64_t size)
{
    return check(address, size, true);
}

int emulate_copy_in(void *to, uint64_t from, size_t size)
{
    int ret = check(from, size, false);

    if (!ret)
        memcpy(to, (const void *)(uintptr_t)from, size);
    return ret;
}

int emulate_copy_out(uint64_t to, const void *from, size_t size)
{
    int ret = check(to, size, true);

    if (!ret)
        memcpy((void *)(uintptr_t)to, from, size);
    return ret;
}
