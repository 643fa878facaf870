/* SPDX-License-Identifier: MIT */
/* The same random reads with libaio, whose cached reads block in io_submit. */
#include "bench.h"
#include "files.h"

#include <libaio.h>
#include <string.h>

static io_context_t context;
static int fd = -1;

static int open_aio(unsigned index)
{
    fd = open_file(index);
    memset(&context, 0, sizeof(context));
    return fd < 0 ? fd : io_setup((int)MAX_DEPTH, &context);
}

static uint64_t run(unsigned index, unsigned times)
{
    struct iocb blocks_of[MAX_DEPTH], *ready[MAX_DEPTH];
    struct io_event events[MAX_DEPTH];
    long n = (long)reads[index].depth;
    uint64_t started = (uint64_t)n, done = 0;

    for (long i = 0; i < n; i++)
        ready[i] = &blocks_of[i];
    while (done < started) {
        for (long i = 0; i < n; i++) {
            long slot = ready[i] - blocks_of;

            io_prep_pread(ready[i], fd, memory + slot * BLOCK, BLOCK, (long long)next_offset());
        }
        /* A full request queue takes fewer; with these depths it never is. */
        if (n && io_submit(context, n, ready) != n)
            return 0;
        long got = io_getevents(context, 1, (long)MAX_DEPTH, events, NULL);

        n = 0;
        for (long i = 0; i < got; i++) {
            if (events[i].res != BLOCK)
                return 0;
            if (started < times) {
                ready[n++] = events[i].obj;
                started++;
            }
        }
        if (got <= 0)
            return 0;
        done += (uint64_t)got;
    }
    return done;
}

static void close_aio(void)
{
    io_destroy(context);
    close(fd);
}

const struct bench files_libaio = {"files", "libaio", name, open_aio, run, close_aio};
