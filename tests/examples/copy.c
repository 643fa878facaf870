/* SPDX-License-Identifier: MIT */
/*
 * Copies a file or a directory tree with many reads and writes in flight.
 *
 *     copy [--direct] [--sync] [--kernel KERNEL] [-q DEPTH] [-b KIB] SOURCE DESTINATION
 *
 * The tree is walked with ordinary system calls; the bytes go through the ring.
 * Each block is a small machine with a handle: it is read, then written, and
 * then free for the next part of whichever file has its turn, so that small
 * files overlap as well as the parts of a large one. Holes stay holes. Kept
 * are permissions and times, and links that are symbolic. DESTINATION is the
 * copy itself, not the directory to put it in; a directory that exists is
 * filled. --direct goes past the page cache, --sync brings each file to the
 * disk. After an error the unfinished file is removed, and the exit status 1.
 * KERNEL is real, emulated or auto, see kernel.h.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <rota.h>
#include <rota/call.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel.h"

#define PAGE 4096u /* what O_DIRECT wants sizes and addresses to be a multiple of */

struct file {
    char *source, *target;
    struct stat st;
    int in, out;
    unsigned blocks; /* in flight; one more while the walk still adds to them */
    bool failed;
    struct rota_op flush;
};

struct block {
    struct rota_op op;
    struct file *file;
    struct block *next; /* in the list of free ones */
    char *data;
    uint64_t offset; /* where the block stands in the file */
    uint32_t size;   /* how much of the file it holds */
    uint32_t done;   /* how much of that this step has moved */
    bool writing;
};

static struct rota_ring ring;
static struct block *idle; /* blocks that have nothing to do */
static uint32_t block_size = 256 * 1024;
static bool direct, sync_files, failed;
static struct stat top; /* of the destination: never copied into itself */
static uint64_t bytes, files;

static int complain(const char *path, const char *what, int error)
{
    fprintf(stderr, "copy: %s: %s: %s\n", path, what, strerror(error));
    failed = true;
    return -1;
}

static void progress(bool last)
{
    static uint64_t shown;

    if (!isatty(STDERR_FILENO) || (bytes - shown < 16 << 20 && !last))
        return;
    shown = bytes;
    fprintf(stderr, "\r%llu files, %llu MiB%s", (unsigned long long)files,
            (unsigned long long)(bytes >> 20), last ? "\n" : " ");
}

/* The last step of a file: what can be set only when no write comes any more. */
static void close_file(struct file *f)
{
    struct timespec times[2] = {f->st.st_atim, f->st.st_mtim};
    struct stat made;
    bool regular;

    /* With O_DIRECT the last write was a whole page. */
    if (!f->failed && (ftruncate(f->out, f->st.st_size) < 0 ||
                       fchmod(f->out, f->st.st_mode & 07777) < 0 || futimens(f->out, times) < 0))
        f->failed = complain(f->target, "attributes", errno) < 0;
    regular = fstat(f->out, &made) == 0 && S_ISREG(made.st_mode);
    close(f->in);
    if (close(f->out) < 0 && !f->failed)
        f->failed = complain(f->target, "close", errno) < 0;
    if (f->failed && regular)
        unlink(f->target);
    files += !f->failed;
    free(f->source);
    free(f->target);
    free(f);
}

static void flushed(struct rota_ring *r, struct rota_op *op)
{
    struct file *f = op->data;

    (void)r;
    if (op->res < 0)
        f->failed = complain(f->target, "fsync", -op->res) < 0;
    close_file(f);
}

/* A block, or the walk, has done with the file. */
static void let_go(struct file *f)
{
    int ret;

    if (--f->blocks)
        return;
    if (sync_files && !f->failed) {
        f->flush = (struct rota_op)ROTA_OP_INIT;
        f->flush.data = f;
        rota_op_on_result(&f->flush, flushed);
        ret = rota_start_fsync(&ring, &f->flush, f->out, 0);
        if (!ret)
            return;
        f->failed = complain(f->target, "fsync", -ret) < 0;
    }
    close_file(f);
}

/* Sends what is left of the block's present step. */
static int step(struct block *b)
{
    uint32_t left = b->size - b->done;

    if (direct) /* beyond the end of the file: a short read, and a write that is cut off later */
        left = (left + PAGE - 1) / PAGE * PAGE;
    if (b->writing)
        return rota_start_write(&ring, &b->op, b->file->out, b->data + b->done, left,
                                b->offset + b->done);
    return rota_start_read(&ring, &b->op, b->file->in, b->data + b->done, left,
                           b->offset + b->done);
}

/* A read or a write has ended: go on, or give the block back. */
static void moved(struct rota_ring *r, struct rota_op *op)
{
    struct block *b = op->data;
    struct file *f = b->file;
    int ret = op->res;

    (void)r;
    if (ret == -EINTR || ret == -EAGAIN) {
        ret = 0;
    } else if (ret < 0) {
        f->failed =
            complain(b->writing ? f->target : f->source, b->writing ? "write" : "read", -ret) < 0;
    } else if (ret == 0 && b->writing) {
        f->failed = complain(f->target, "write", ENOSPC) < 0;
    } else if (ret == 0) {
        b->size = b->done; /* the source has become shorter */
        if ((uint64_t)f->st.st_size > b->offset + b->done)
            f->st.st_size = (off_t)(b->offset + b->done);
    } else {
        b->done += (uint32_t)ret < b->size - b->done ? (uint32_t)ret : b->size - b->done;
    }
    if (b->done == b->size && !b->writing && b->size) {
        b->writing = true;
        b->done = 0;
    } else if (b->done == b->size) {
        bytes += b->size;
        progress(false);
    }
    if (!f->failed && (b->done < b->size)) {
        ret = step(b);
        if (ret == 0)
            return;
        f->failed = complain(f->source, "the ring", -ret) < 0;
    }
    b->next = idle;
    idle = b;
    let_go(f);
}

/* A block that is free, after waiting for one if need be. */
static struct block *free_block(void)
{
    struct block *b;

    while (!idle) {
        int ret = rota_run_once(&ring);

        if (ret < 0) {
            complain("the ring", "wait", -ret);
            exit(1);
        }
    }
    b = idle;
    idle = b->next;
    return b;
}

/* Starts the copying of one stretch of data. */
static void copy_stretch(struct file *f, uint64_t from, uint64_t to)
{
    while (from < to && !f->failed) {
        struct block *b = free_block();
        int ret;

        b->file = f;
        b->offset = from;
        b->size = to - from < block_size ? (uint32_t)(to - from) : block_size;
        b->done = 0;
        b->writing = false;
        f->blocks++;
        from += b->size;
        ret = step(b);
        if (ret < 0) {
            b->next = idle;
            idle = b;
            f->blocks--;
            f->failed = complain(f->source, "the ring", -ret) < 0;
        }
    }
}

static void copy_file(const char *source, const char *target, const struct stat *st)
{
    struct file *f = calloc(1, sizeof(*f));
    struct stat old;
    int flags = O_CLOEXEC | (direct ? O_DIRECT : 0);
    off_t data = 0;

    if (stat(target, &old) == 0 && old.st_dev == st->st_dev && old.st_ino == st->st_ino) {
        complain(target, "is the source itself", EINVAL);
        free(f);
        return;
    }
    if (!f || !(f->source = strdup(source)) || !(f->target = strdup(target))) {
        complain(source, "memory", ENOMEM);
        exit(1);
    }
    f->st = *st;
    f->blocks = 1;
    f->in = open(source, O_RDONLY | flags);
    f->out = f->in < 0 ? -1 : open(target, O_WRONLY | O_CREAT | O_TRUNC | flags, 0600);
    if (f->out < 0) {
        complain(f->in < 0 ? source : target, "open", errno);
        if (f->in >= 0)
            close(f->in);
        free(f->source);
        free(f->target);
        free(f);
        return;
    }
    /* The length first: what is not written afterwards is a hole. */
    if (ftruncate(f->out, st->st_size) < 0)
        f->failed = complain(target, "ftruncate", errno) < 0;
    while (data < st->st_size && !f->failed) {
        off_t hole;

        data = lseek(f->in, data, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            break; /* nothing but a hole up to the end */
        hole = data < 0 ? -1 : lseek(f->in, data, SEEK_HOLE);
        if (hole < 0) { /* a file system that knows of no holes */
            data = 0;
            hole = st->st_size;
        }
        copy_stretch(f, (uint64_t)data, (uint64_t)hole);
        data = hole;
    }
    let_go(f);
}

static void copy_link(const char *source, const char *target)
{
    char to[4096];
    ssize_t length = readlink(source, to, sizeof(to) - 1);

    if (length < 0) {
        complain(source, "readlink", errno);
        return;
    }
    to[length] = '\0';
    if (symlink(to, target) < 0 && (errno != EEXIST || unlink(target) || symlink(to, target)))
        complain(target, "symlink", errno);
}

static void copy_entry(const char *source, const char *target);

static void copy_directory(const char *source, const char *target, const struct stat *st)
{
    struct timespec times[2] = {st->st_atim, st->st_mtim};
    struct dirent *entry;
    DIR *dir = opendir(source);

    if (!dir || (mkdir(target, 0700) < 0 && errno != EEXIST)) {
        complain(dir ? target : source, dir ? "mkdir" : "open", errno);
        if (dir)
            closedir(dir);
        return;
    }
    if (!top.st_ino && stat(target, &top) < 0)
        complain(target, "stat", errno);
    while ((entry = readdir(dir))) {
        char *from, *to;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (asprintf(&from, "%s/%s", source, entry->d_name) < 0 ||
            asprintf(&to, "%s/%s", target, entry->d_name) < 0) {
            complain(source, "memory", ENOMEM);
            exit(1);
        }
        copy_entry(from, to);
        free(from);
        free(to);
    }
    closedir(dir);
    /* Files that are still being written do not change the directory any more. */
    if (chmod(target, st->st_mode & 07777) < 0 || utimensat(AT_FDCWD, target, times, 0) < 0)
        complain(target, "attributes", errno);
}

static void copy_entry(const char *source, const char *target)
{
    struct stat st;

    if (lstat(source, &st) < 0)
        complain(source, "stat", errno);
    else if (S_ISREG(st.st_mode))
        copy_file(source, target, &st);
    else if (S_ISLNK(st.st_mode))
        copy_link(source, target);
    else if (S_ISDIR(st.st_mode) && (st.st_dev != top.st_dev || st.st_ino != top.st_ino))
        copy_directory(source, target, &st);
    else if (!S_ISDIR(st.st_mode))
        complain(source, "copy", EOPNOTSUPP); /* a device, a socket, a pipe */
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
    static const struct option options[] = {
        {"direct", no_argument, NULL, 'd'},
        {"sync", no_argument, NULL, 's'},
        {"kernel", required_argument, NULL, 'k'},
        {NULL, 0, NULL, 0},
    };
    struct rota_config config;
    unsigned depth = 32;
    struct block *blocks;
    char *memory;
    int option, ret;

    while ((option = getopt_long(argc, argv, "q:b:", options, NULL)) != -1) {
        if (option == 'q')
            depth = number(optarg, 4096);
        else if (option == 'b')
            block_size = (number(optarg, 1024 * 1024) * 1024 + PAGE - 1) / PAGE * PAGE;
        else if (option == 'd')
            direct = true;
        else if (option == 's')
            sync_files = true;
        else if (option != 'k' || !kernel_is(optarg))
            return 2;
    }
    if (argc - optind != 2) {
        fprintf(stderr, "usage: copy [--direct] [--sync] [--kernel real|emulated|auto] [-q DEPTH] "
                        "[-b KIB] SOURCE DESTINATION\n");
        return 2;
    }
    rota_config_single_owner(&config);
    choose_kernel(&config);
    ret = rota_init(&ring, depth, &config);
    if (ret < 0)
        return complain("io_uring", "set-up", -ret), 1;
    tell_kernel("copy", &ring);
    blocks = calloc(depth, sizeof(*blocks));
    memory = aligned_alloc(PAGE, (size_t)depth * block_size);
    if (!blocks || !memory) {
        complain("blocks", "memory", ENOMEM);
        goto out;
    }
    for (unsigned i = 0; i < depth; i++) {
        blocks[i].data = memory + (size_t)i * block_size;
        blocks[i].op.data = &blocks[i];
        rota_op_on_result(&blocks[i].op, moved);
        blocks[i].next = idle;
        idle = &blocks[i];
    }
    copy_entry(argv[optind], argv[optind + 1]);
    ret = rota_run(&ring);
    if (ret < 0) {
        complain("the ring", "wait", -ret);
        rota_cancel_all(&ring); /* or the kernel would write to what is freed below */
    }
    progress(true);
out:
    rota_queue_exit(&ring);
    free(memory);
    free(blocks);
    return failed ? 1 : 0;
}
