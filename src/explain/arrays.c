/* SPDX-License-Identifier: MIT */
/* Looks at arrays in memory: descriptors, vectors, words of futexes. */
#include "explain/explain.h"
#include "ring/core.h"

/* Elements that are looked at; nobody waits for an explanation of a million. */
#define ELEMENTS_SEEN 4096u

long rota_array_find(const struct rota_process *process, uint64_t address, uint64_t count,
                     bool rings, int *fd)
{
    for (uint64_t i = 0; i < count && i < ELEMENTS_SEEN; i++) {
        enum rota_file_kind kind;

        if (rota_peek_memory(process, address + i * sizeof(*fd), fd, sizeof(*fd)) !=
            (long)sizeof(*fd))
            return ROTA_ARRAY_UNSEEN;
        if (*fd == -1 || *fd == IORING_REGISTER_FILES_SKIP)
            continue;
        kind = rota_file_kind(process, *fd);
        if (kind == ROTA_FILE_UNKNOWN)
            return ROTA_ARRAY_UNSEEN;
        if (kind == (rings ? ROTA_FILE_RING : ROTA_FILE_CLOSED))
            return (long)i;
    }
    return count > ELEMENTS_SEEN ? ROTA_ARRAY_UNSEEN : -1;
}

enum rota_answer rota_vectors_bounded(const struct rota_process *process, uint64_t address,
                                      uint64_t count)
{
    bool small = process ? process->flags & ROTA_PROCESS_32BIT : sizeof(size_t) < sizeof(uint64_t);
    uint64_t base, size;

    for (uint64_t i = 0; i < count && i < ROTA_VECTORS_TAKEN; i++) {
        if (!rota_peek_vector(process, address, i, &base, &size))
            return ROTA_UNKNOWN;
        if (size > (small ? (uint64_t)INT32_MAX : (uint64_t)INT64_MAX))
            return ROTA_NO;
    }
    return ROTA_YES;
}
