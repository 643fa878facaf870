/* SPDX-License-Identifier: MIT */
/* The same random reads with pread(2): one at a time, whatever the depth. */
#include "bench.h"
#include "files.h"

static int fd = -1;

static int open_pread(unsigned index)
{
    fd = open_file(index);
    return fd < 0 ? fd : 0;
}

static uint64_t run(unsigned index, unsigned times)
{
    (void)index;
    for (unsigned i = 0; i < times; i++)
        if (pread(fd, memory, BLOCK, (off_t)next_offset()) != (ssize_t)BLOCK)
            return 0;
    return times;
}

static void close_pread(void)
{
    close(fd);
}

const struct bench files_pread = {"files", "pread", name, open_pread, run, close_pread};
