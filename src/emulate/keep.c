/* SPDX-License-Identifier: MIT */
/*
 * Copies of what a request points to, for one that outlives its submission. A
 * system call answers EFAULT for memory that is not there; so the memory is
 * read by one, too.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "emulate/resources.h"

/* More than any of the calls takes. */
#define MOST ((size_t)1 << 20)

/* Reads up to `size` bytes: how many, or -EFAULT. */
static ssize_t read_some(void *to, uint64_t from, size_t size)
{
    struct iovec here = {.iov_base = to, .iov_len = size};
    struct iovec there = {.iov_base = (void *)(uintptr_t)from, .iov_len = size};
    ssize_t got = process_vm_readv(getpid(), &here, 1, &there, 1, 0);

    if (got >= 0)
        return got;
    if (errno == EFAULT)
        return -EFAULT;
    /* Where that call is denied only addresses that cannot be right are found out. */
    return emulate_copy_in(to, from, size) < 0 ? -EFAULT : (ssize_t)size;
}

int emulate_keep_memory(struct emulate_request *request, __u64 *pointer, size_t size)
{
    unsigned char few[256], *read = few;
    void *copy;
    int ret = 0;

    if (!*pointer || !size)
        return 0;
    if (size > MOST)
        return -E2BIG;
    if (size > sizeof(few)) {
        read = malloc(size);
        if (!read)
            return -ENOMEM;
    }
    if (read_some(read, *pointer, size) != (ssize_t)size) {
        ret = -EFAULT;
    } else {
        copy = emulate_keep(request, read, size);
        if (copy)
            *pointer = (uintptr_t)copy;
        else
            ret = -ENOMEM;
    }
    if (read != few)
        free(read);
    return ret;
}

int emulate_keep_text(struct emulate_request *request, __u64 *pointer)
{
    char text[PATH_MAX];
    size_t length = 0;

    if (!*pointer)
        return 0;
    while (length < sizeof(text)) {
        /* Up to the end of a page: what is beyond need not be there. */
        size_t page = emulate_page(), room = sizeof(text) - length;
        size_t step = page - (size_t)((*pointer + length) & (page - 1));
        ssize_t got = read_some(text + length, *pointer + length, step < room ? step : room);
        void *end, *copy;

        if (got <= 0)
            return -EFAULT;
        end = memchr(text + length, '\0', (size_t)got);
        length += (size_t)got;
        if (!end)
            continue;
        copy = emulate_keep(request, text, (size_t)((char *)end - text) + 1);
        if (!copy)
            return -ENOMEM;
        *pointer = (uintptr_t)copy;
        return 0;
    }
    return -ENAMETOOLONG;
}

int emulate_keep_slot(struct emulate_ring *ring, struct emulate_request *request, __s32 *index)
{
    struct emulate_resources *all = ring->resources;
    struct emulate_node *node;

    if (!all || (uint32_t)*index >= all->files.count)
        return -EBADF;
    node = all->files.nodes[*index];
    if (!node)
        return -EBADF;
    node->refs++;
    request->buffer_node = node; /* which nothing else uses in a request with two files */
    *index = node->fd;
    return 0;
}
