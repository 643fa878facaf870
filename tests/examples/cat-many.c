/* SPDX-License-Identifier: MIT */
/*
 * Prints many files one after another.
 *
 *     cat-many [--kernel KERNEL] [-q DEPTH] FILE...
 *
 * Each file is opened, read and closed by one chain of three requests, of which
 * DEPTH are under way while the output waits for the first. The file never
 * gets a descriptor of the process: it is opened into a slot of the ring's own
 * table, which costs less and cannot leak. The links are hard ones, so that a
 * short read does not keep the file from being closed. A file that is longer
 * than a buffer takes further rounds. The exit status is 1 when one failed.
 * KERNEL is real, emulated or auto, see kernel.h.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <rota.h>
#include <rota/call.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel.h"

#define SIZE 65536

struct lane {
    struct rota_op opening, reading, closing;
    char data[SIZE];
};

static struct rota_ring ring;
static struct lane *lanes;

static int fail(const char *what, int error)
{
    fprintf(stderr, "cat-many: %s: %s\n", what, strerror(error));
    return 1;
}

/* Sends off the chain that brings up to SIZE bytes from an offset. */
static int fetch(unsigned slot, const char *path, uint64_t offset)
{
    struct lane *lane = &lanes[slot];
    int ret = rota_chain_begin(&ring, 3, IOSQE_IO_HARDLINK);

    if (ret < 0)
        return ret;
    rota_start_openat_direct(&ring, &lane->opening, AT_FDCWD, path, O_RDONLY, 0, slot);
    rota_start_read(&ring, &lane->reading, (int)slot, lane->data, SIZE, offset);
    rota_start_close_direct(&ring, &lane->closing, slot);
    return rota_chain_end(&ring); /* has the error of whichever could not start */
}

static int put(const char *data, size_t size)
{
    while (size) {
        ssize_t written = write(STDOUT_FILENO, data, size);

        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

/* Prints a file whose first round is under way; 0 or 1. */
static int print(unsigned slot, const char *path)
{
    struct lane *lane = &lanes[slot];
    uint64_t offset = 0;

    for (;;) {
        int ret = rota_await(&ring, &lane->closing); /* the last of the chain */

        if (rota_op_active(&lane->closing))
            return fail("the ring", -ret);
        if (lane->opening.res < 0)
            return fail(path, -lane->opening.res);
        if (lane->reading.res < 0)
            return fail(path, -lane->reading.res);
        ret = put(lane->data, (size_t)lane->reading.res);
        if (ret < 0)
            return fail("output", -ret);
        if (!lane->reading.res || (offset == 0 && lane->reading.res < SIZE))
            return 0;
        offset += (uint64_t)lane->reading.res;
        ret = fetch(slot, path, offset);
        if (ret < 0)
            return fail(path, -ret);
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"kernel", required_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    unsigned depth = 64, files;
    struct rota_config config;
    int failed = 0, option, ret;

    while ((option = getopt_long(argc, argv, "q:", options, NULL)) != -1) {
        if (option == 'q')
            depth = (unsigned)strtoul(optarg, NULL, 10);
        if (!depth || depth > 1024 || option == '?' || (option == 'k' && !kernel_is(optarg))) {
            fprintf(stderr, "usage: cat-many [--kernel real|emulated|auto] [-q DEPTH] FILE...\n");
            return 2;
        }
    }
    files = (unsigned)(argc - optind);
    argv += optind;
    lanes = calloc(depth, sizeof(*lanes));
    if (!lanes)
        return fail("memory", ENOMEM);
    rota_config_single_owner(&config);
    choose_kernel(&config);
    ret = rota_init(&ring, 3 * depth, &config);
    if (ret < 0)
        return fail("io_uring", -ret);
    tell_kernel("cat-many", &ring);
    ret = rota_register_files_sparse(&ring, depth);
    if (ret < 0)
        return fail("the ring's table of files", -ret);
    for (unsigned i = 0; i < depth; i++)
        rota_op_set_flags(&lanes[i].reading, IOSQE_FIXED_FILE);

    for (unsigned i = 0; i < files && i < depth; i++) {
        ret = fetch(i, argv[i], 0);
        if (ret < 0)
            return fail(argv[i], -ret);
    }
    for (unsigned i = 0; i < files; i++) {
        failed |= print(i % depth, argv[i]);
        if (i + depth < files) {
            ret = fetch(i % depth, argv[i + depth], 0);
            if (ret < 0)
                return fail(argv[i + depth], -ret);
        }
    }
    rota_queue_exit(&ring);
    free(lanes);
    return failed;
}
