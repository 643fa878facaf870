/* SPDX-License-Identifier: MIT */
/* Random reads of 4 KiB, as every side of the topic `files` does them. */
#ifndef ROTA_BENCH_FILES_H
#define ROTA_BENCH_FILES_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#define BLOCK     4096u
#define MAX_DEPTH 64u

static const struct {
    const char *name;
    unsigned depth;
    bool direct;
    bool own; /* rings: each library's own defaults instead of single-owner flags */
} reads[] = {
    {"cached, depth 1", 1, false, false},
    {"cached, depth 8", 8, false, false},
    {"cached, depth 64", 64, false, false},
    {"O_DIRECT, depth 1", 1, true, false},
    {"O_DIRECT, depth 8", 8, true, false},
    {"O_DIRECT, depth 64", 64, true, false},
    {"cached, depth 1, own defaults", 1, false, true},
    {NULL, 0, false, false},
};

static uint64_t blocks, random_state;
static unsigned char *memory; /* a block for each read in flight */

/* Opens $ROTA_BENCH_FILE; every side walks through it in the same random order. */
static int open_file(unsigned index)
{
    const char *path = getenv("ROTA_BENCH_FILE");
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC | (reads[index].direct ? O_DIRECT : 0)) : -1;
    off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);

    if (fd < 0)
        return path ? -errno : -ENOENT;
    blocks = (uint64_t)size / BLOCK;
    random_state = 88172645463325252u;
    if (!memory)
        memory = aligned_alloc(BLOCK, BLOCK * MAX_DEPTH);
    return memory && blocks ? fd : -EINVAL;
}

static uint64_t next_offset(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % blocks * BLOCK;
}

static const char *name(unsigned index)
{
    return reads[index].name;
}

#endif /* ROTA_BENCH_FILES_H */
