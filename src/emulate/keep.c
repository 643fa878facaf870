/* SPDX-License-Identifier: MIT */
/* Copies of what a request points to, for one that outlives its submission. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "emulate/resources.h"

/* More than any of the calls takes. */
#define MOST ((size_t)1 << 20)

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
    ret = emulate_copy_in(read, *pointer, size);
    if (!ret) {
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
        const char *from = (const char *)(uintptr_t)(*pointer + length);
        size_t part;
        void *copy;

        step = step < room ? step : room;
        if (emulate_check_readable((uintptr_t)from, step) < 0)
            return -EFAULT;
        part = strnlen(from, step);
        memcpy(text + length, from, part);
        length += part;
        if (part == step)
            continue;
        text[length] = '\0';
        copy = emulate_keep(request, text, length + 1);
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
