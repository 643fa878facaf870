/* SPDX-License-Identifier: MIT */
/*
 * Copies a file with many reads and writes in flight.
 *
 *     copy [-q DEPTH] [-b KIB] SOURCE DESTINATION
 *
 * Each block of the file is a small machine: it is read, then written, then
 * the next block takes its place. A short read or write goes on where it
 * stopped. At the end the file is flushed to the disk; after an error the
 * unfinished destination is removed.
 */
#include <errno.h>
#include <fcntl.h>
#include <rota.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct block {
    char *data;
    uint64_t offset; /* where the block stands in the file */
    uint32_t size;   /* how much of the file it holds */
    uint32_t done;   /* how much of that this step has moved */
    int writing;
};

struct copy {
    struct rota_ring ring;
    const char *source;
    const char *destination;
    int in;
    int out;
    uint64_t size;   /* of the source; less when it shrinks while we copy */
    uint64_t next;   /* offset of the next block to read */
    uint64_t copied; /* bytes that were written */
    unsigned busy;   /* blocks in flight */
    unsigned depth;
    uint32_t block_size;
};

static int fail(const char *file, const char *what, int error)
{
    fprintf(stderr, "copy: %s: %s: %s\n", file, what, strerror(error));
    return -1;
}

static void progress(const struct copy *c, int last)
{
    static int shown = -1;
    int percent = c->size ? (int)(c->copied * 100 / c->size) : 100;
    char bar[51];

    if (!isatty(STDERR_FILENO) || (percent == shown && !last))
        return;
    shown = percent;
    memset(bar, ' ', 50);
    memset(bar, '=', (size_t)percent / 2);
    bar[50] = '\0';
    fprintf(stderr, "\r[%s] %3d %%%s", bar, percent, last ? "\n" : "");
}

/* Sends what is left of the block's present step. */
static void step(struct copy *c, struct block *b)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&c->ring); /* there is one for each block */

    if (b->writing)
        rota_prep_write(sqe, c->out, b->data + b->done, b->size - b->done, b->offset + b->done);
    else
        rota_prep_read(sqe, c->in, b->data + b->done, b->size - b->done, b->offset + b->done);
    rota_sqe_set_data(sqe, b);
}

/* Gives a block the next part of the file; 0 when nothing is left. */
static int take_next(struct copy *c, struct block *b)
{
    if (c->next >= c->size)
        return 0;
    b->offset = c->next;
    b->size = c->size - c->next < c->block_size ? (uint32_t)(c->size - c->next) : c->block_size;
    b->done = 0;
    b->writing = 0;
    c->next += b->size;
    step(c, b);
    return 1;
}

/* A read or write of this block has ended with `res`. */
static int completed(struct copy *c, struct block *b, int res)
{
    const char *file = b->writing ? c->destination : c->source;

    if (res == -EINTR || res == -EAGAIN) {
        step(c, b);
        return 0;
    }
    if (res < 0)
        return fail(file, b->writing ? "write" : "read", -res);
    if (res == 0 && b->writing)
        return fail(file, "write", ENOSPC);
    if (res == 0) {
        /* The source ends earlier than it said. */
        if (c->size > b->offset + b->done)
            c->size = b->offset + b->done;
        b->size = b->done;
    }
    b->done += (uint32_t)res;
    if (b->done == b->size && !b->writing) {
        b->writing = 1;
        b->done = 0;
    } else if (b->done == b->size) {
        c->copied += b->size;
        progress(c, 0);
    }
    if (b->done < b->size)
        step(c, b);
    else if (!take_next(c, b))
        c->busy--;
    return 0;
}

static int copy_blocks(struct copy *c, struct block *blocks)
{
    int failed = 0;

    for (unsigned i = 0; i < c->depth && take_next(c, &blocks[i]); i++)
        c->busy++;
    while (c->busy) {
        struct io_uring_cqe *cqe;
        int ret = rota_submit_and_wait(&c->ring, 1);

        if (ret < 0)
            return fail(c->source, "the ring", -ret);
        while (!rota_peek_cqe(&c->ring, &cqe)) {
            struct block *b = rota_cqe_get_data(cqe);
            int res = cqe->res;

            rota_cqe_seen(&c->ring, cqe);
            /* After an error: wait for what is in flight, start nothing. */
            if (failed)
                c->busy--;
            else if (completed(c, b, res)) {
                failed = 1;
                c->busy--;
            }
        }
    }
    return failed ? -1 : 0;
}

static int flush(struct copy *c)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&c->ring);
    struct io_uring_cqe *cqe;
    int ret;

    rota_prep_fsync(sqe, c->out, 0);
    ret = rota_submit_and_wait(&c->ring, 1);
    if (ret >= 0)
        ret = rota_wait_cqe(&c->ring, &cqe);
    if (ret >= 0) {
        ret = cqe->res;
        rota_cqe_seen(&c->ring, cqe);
    }
    /* Pipes and the like cannot be flushed, and need not be. */
    return ret < 0 && ret != -EINVAL ? fail(c->destination, "fsync", -ret) : 0;
}

static int copy_file(struct copy *c)
{
    struct block *blocks = calloc(c->depth, sizeof(*blocks));
    char *memory = malloc((size_t)c->depth * c->block_size);
    int ret;

    if (!blocks || !memory) {
        ret = fail(c->source, "memory for the blocks", ENOMEM);
    } else {
        for (unsigned i = 0; i < c->depth; i++)
            blocks[i].data = memory + (size_t)i * c->block_size;
        ret = copy_blocks(c, blocks);
        if (ret == 0)
            ret = flush(c);
        if (ret == 0)
            progress(c, 1);
    }
    free(memory);
    free(blocks);
    return ret;
}

static int open_files(struct copy *c)
{
    struct stat st, target;

    c->in = open(c->source, O_RDONLY | O_CLOEXEC);
    if (c->in < 0 || fstat(c->in, &st) < 0)
        return fail(c->source, "open", errno);
    if (!S_ISREG(st.st_mode))
        return fail(c->source, "open", S_ISDIR(st.st_mode) ? EISDIR : EINVAL);
    if (stat(c->destination, &target) == 0 && target.st_dev == st.st_dev &&
        target.st_ino == st.st_ino)
        return fail(c->destination, "is the source itself", EINVAL);
    c->size = (uint64_t)st.st_size;
    c->out = open(c->destination, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, st.st_mode & 0777);
    if (c->out < 0)
        return fail(c->destination, "open", errno);
    return 0;
}

static unsigned number(const char *text, unsigned most)
{
    char *end;
    unsigned long value = strtoul(text, &end, 10);

    if (*end || end == text || !value || value > most) {
        fprintf(stderr, "copy: '%s' is not a number from 1 to %u\n", text, most);
        exit(2);
    }
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    struct copy c = {.in = -1, .out = -1, .depth = 32, .block_size = 256 * 1024};
    int option;
    int ret;

    while ((option = getopt(argc, argv, "q:b:")) != -1) {
        if (option == 'q')
            c.depth = number(optarg, 4096);
        else if (option == 'b')
            c.block_size = number(optarg, 1024 * 1024) * 1024;
        else
            return 2;
    }
    if (argc - optind != 2) {
        fprintf(stderr, "usage: copy [-q DEPTH] [-b KIB] SOURCE DESTINATION\n");
        return 2;
    }
    c.source = argv[optind];
    c.destination = argv[optind + 1];
    ret = rota_init(&c.ring, c.depth, NULL);
    if (ret < 0) {
        fail("io_uring", "set-up", -ret);
        return 1;
    }
    ret = open_files(&c);
    if (ret == 0) {
        ret = copy_file(&c);
        if (close(c.out) < 0 && ret == 0)
            ret = fail(c.destination, "close", errno);
        if (ret < 0)
            unlink(c.destination);
    }
    if (c.in >= 0)
        close(c.in);
    rota_queue_exit(&c.ring);
    return ret < 0 ? 1 : 0;
}
