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
#include <sys/syscall.h>
#include <unistd.h>

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
 * Is it memory? Addresses as NULL with an offset and negative numbers are told
 * at once; the kernel knows of the pages of all others. What it does not tell
 * is whether they may be read or written.
 */
static bool is_mapped(uint64_t address, size_t size)
{
    uint64_t page = emulate_page(), from = address - address % page, end;
    unsigned char in_core[64];

    if (!size)
        return true;
    if (address < page || size > UINTPTR_MAX - address)
        return false;
    end = address + size;
    while (from < end) {
        uint64_t bytes = end - from;

        if (bytes > sizeof(in_core) * page)
            bytes = sizeof(in_core) * page;
        if (mincore((void *)(uintptr_t)from, (size_t)bytes, in_core) < 0 && errno != ENOSYS &&
            errno != EPERM)
            return false;
        from += bytes;
    }
    return true;
}

int emulate_copy_in(void *to, uint64_t from, size_t size)
{
    if (!is_mapped(from, size))
        return -EFAULT;
    memcpy(to, (const void *)(uintptr_t)from, size);
    return 0;
}

int emulate_copy_out(uint64_t to, const void *from, size_t size)
{
    if (!is_mapped(to, size))
        return -EFAULT;
    memcpy((void *)(uintptr_t)to, from, size);
    return 0;
}
