/* SPDX-License-Identifier: MIT */
/*
 * No file of the kernel tells the flags of a ring. What can be seen: fdinfo has
 * the sizes of the queues; the offsets of the indices are the same in each ring of
 * a kernel; how many pages can be mapped tells the sizes of entries and whether
 * there is an SQ array, except in queues of less than a page, where entries that
 * wait are shown by fdinfo in their size. What cannot be seen is what most
 * programs have: entries of 64 and 16 bytes, and an array.
 */
#include "tool/trace/guess.h"

#include <errno.h>
#include <rota.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "tool/trace/ring.h"

/* Of a millisecond each. A ring is seldom locked for longer than a submit takes. */
#define FACTS_TRIES 50

long smallest_ring(struct io_uring_params *params)
{
    return syscall(__NR_io_uring_setup, 1, params);
}

/* `silent` is set when the file is there and says nothing of a ring. */
static bool read_facts(int pid, int fd, struct ring_facts *facts, bool *silent)
{
    char path[64], line[512];
    bool in_sqes = false, in_cqes = false, in_buffers = false, in_overflow = false, mask = false;
    FILE *file;

    memset(facts, 0, sizeof(*facts));
    facts->sq_thread = -1;
    facts->sq_cpu = -1;
    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
    file = fopen(path, "re");
    *silent = file != NULL;
    if (!file)
        return false;
    while (fgets(line, sizeof(line), file)) {
        char *colon = strchr(line, ':');
        uint64_t value;

        if (!colon)
            continue;
        if (line[0] == ' ') {
            if (in_sqes && strstr(line, ", e0:"))
                facts->big_sqe = true;
            if (in_cqes && strstr(line, ", extra1:"))
                facts->big_cqe = true;
            if (in_buffers) { /* NUMBER: 0xADDRESS/LENGTH */
                const char *slash = strchr(colon, '/');

                facts->buffer_bytes += slash ? strtoull(slash + 1, NULL, 10) : 0;
            }
            if (in_overflow)
                facts->overflowed++;
            continue;
        }
        *colon = '\0';
        value = (uint64_t)strtoll(colon + 1, NULL, 0);
        in_sqes = !strcmp(line, "SQEs");
        in_cqes = !strcmp(line, "CQEs");
        in_buffers = !strcmp(line, "UserBufs");
        in_overflow = !strcmp(line, "CqOverflowList");
        if (!strcmp(line, "SqMask")) {
            facts->sq_entries = (uint32_t)value + 1;
            mask = true;
        } else if (!strcmp(line, "CqMask")) {
            facts->cq_entries = (uint32_t)value + 1;
        } else if (!strcmp(line, "SqHead")) {
            facts->sq_head = (uint32_t)value;
        } else if (!strcmp(line, "SqTail")) {
            facts->sq_tail = (uint32_t)value;
        } else if (!strcmp(line, "CqHead")) {
            facts->cq_head = (uint32_t)value;
        } else if (!strcmp(line, "CqTail")) {
            facts->cq_tail = (uint32_t)value;
        } else if (!strcmp(line, "SqThread")) {
            *silent = false;
            facts->sq_thread = (int)value;
        } else if (!strcmp(line, "SqThreadCpu")) {
            facts->sq_cpu = (int)value;
        } else if (!strcmp(line, "SqTotalTime")) {
            facts->total_usec = value;
        } else if (!strcmp(line, "SqWorkTime")) {
            facts->work_usec = value;
        } else if (!strcmp(line, "UserFiles")) {
            facts->files = value;
        } else if (!strcmp(line, "UserBufs")) {
            facts->buffers = value;
        }
    }
    fclose(file);
    return mask;
}

bool ring_facts(int pid, int fd, struct ring_facts *facts)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    /* While somebody is inside the ring, newer kernels tell nothing of it. */
    for (unsigned tries = 0;; tries++) {
        bool silent;

        if (read_facts(pid, fd, facts, &silent))
            return true;
        if (!silent || tries == FACTS_TRIES)
            return false;
        nanosleep(&pause, NULL);
    }
}

/* Bytes of a mapping of the ring that are there, up to `most`. */
static size_t backed(int file, uint64_t offset, size_t most)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size;

    /* Older kernels refuse to map more than there is; newer ones leave the rest empty. */
    for (size = (most + page - 1) / page * page; size; size = size / 2 / page * page) {
        char *memory = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, (off_t)offset);
        size_t there;

        if (memory == MAP_FAILED)
            continue;
        there = backed_size(memory, size);
        munmap(memory, size);
        return there;
    }
    return 0;
}

static uint32_t align_up(uint32_t value, uint32_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

int guess_params(int pid, int fd, int file, struct io_uring_params *params)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), queues, sqes;
    struct ring_facts facts;
    uint32_t alignment;
    long own;

    if (!ring_facts(pid, fd, &facts))
        return -EPROTO;
    /* The offsets of this kernel, by a ring of one's own. */
    memset(params, 0, sizeof(*params));
    own = smallest_ring(params);
    if (own < 0)
        return -errno;
    close((int)own);
    /* Its two CQEs are shorter than a line of the cache, and the array begins on the next one. */
    alignment = params->sq_off.array - params->cq_off.cqes;
    if (!alignment || (alignment & (alignment - 1)))
        return -EPROTO;

    params->sq_entries = facts.sq_entries;
    params->cq_entries = facts.cq_entries;
    params->flags = facts.sq_thread >= 0 ? IORING_SETUP_SQPOLL : 0;
    sqes = backed(file, IORING_OFF_SQES, (size_t)facts.sq_entries * 128);
    if (!sqes) { /* the program brought the memory: where is not told */
        params->flags |= IORING_SETUP_NO_MMAP;
        return 0;
    }
    if (facts.big_sqe || sqes > align_up(facts.sq_entries * 64, (uint32_t)page))
        params->flags |= IORING_SETUP_SQE128;
    queues =
        backed(file, IORING_OFF_SQ_RING,
               params->cq_off.cqes + (size_t)facts.cq_entries * 32 + facts.sq_entries * 4 + page);
    params->sq_off.array = align_up(params->cq_off.cqes + facts.cq_entries * 16, alignment);
    if (facts.big_cqe ||
        queues > align_up(params->sq_off.array + facts.sq_entries * 4, (uint32_t)page)) {
        params->flags |= IORING_SETUP_CQE32;
        params->sq_off.array = align_up(params->cq_off.cqes + facts.cq_entries * 32, alignment);
    }
    if (queues < align_up(params->sq_off.array + facts.sq_entries * 4, (uint32_t)page))
        params->flags |= IORING_SETUP_NO_SQARRAY;
    return 0;
}
