/* SPDX-License-Identifier: MIT */
/* Random reads through a ring, with registered buffers and a registered file. */
#include "files.h"
#include "side.h"

#include <sys/uio.h>

static RING ring;
static int fd = -1;

static int open_ring(unsigned index)
{
    struct iovec buffers[MAX_DEPTH];
    int ret;

    fd = open_file(index);
    if (fd < 0)
        return fd;
    ret = side_init(&ring, MAX_DEPTH, reads[index].own ? KIND_OWN : KIND_SINGLE);
    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < MAX_DEPTH; i++)
        buffers[i] = (struct iovec){memory + i * BLOCK, BLOCK};
    ret = R(register_buffers)(&ring, buffers, MAX_DEPTH);
    return ret < 0 ? ret : R(register_files)(&ring, &fd, 1);
}

static void start(uint64_t slot)
{
    struct io_uring_sqe *sqe = R(get_sqe)(&ring);

    PREP(read_fixed)(sqe, 0, memory + slot * BLOCK, BLOCK, next_offset(), (int)slot);
    sqe->flags |= IOSQE_FIXED_FILE;
    R(sqe_set_data64)(sqe, slot);
}

/* Each completion starts the next read in its place; the last ones are waited for. */
static uint64_t run(unsigned index, unsigned times)
{
    uint64_t started = reads[index].depth, done = 0;

    for (unsigned i = 0; i < started; i++)
        start(i);
    while (done < started) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        if (R(submit_and_wait)(&ring, 1) < 0)
            return 0;
        R(for_each_cqe)(&ring, head, cqe)
        {
            seen++;
            if (cqe->res != (int)BLOCK)
                return 0;
            if (started < times) {
                start(R(cqe_get_data64)(cqe));
                started++;
            }
        }
        R(cq_advance)(&ring, seen);
        done += seen;
    }
    return done;
}

static void close_ring(void)
{
    R(queue_exit)(&ring);
    close(fd);
}

const struct bench OF(files) = {"files", TEXT(SIDE), name, open_ring, run, close_ring};
