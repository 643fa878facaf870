/* SPDX-License-Identifier: MIT */
/* Slots of the tables of files and buffers, and what stands in them for as long as it is used. */
#include "emulate/resources.h"

#include <stdlib.h>
#include <unistd.h>

struct emulate_node *emulate_node_new(void)
{
    struct emulate_node *node = calloc(1, sizeof(*node));

    if (node) {
        node->refs = 1;
        node->fd = -1;
    }
    return node;
}

void emulate_node_put(struct emulate_ring *ring, struct emulate_node *node)
{
    if (--node->refs)
        return;
    if (node->fd >= 0) {
        emulate_file_forget(ring, node->fd);
        close(node->fd);
    }
    if (node->tag && !ring->closing)
        (void)emulate_post(ring, node->tag, 0, 0, NULL);
    free(node);
}

bool emulate_slot_clear(struct emulate_ring *ring, struct emulate_slots *slots, uint32_t index)
{
    struct emulate_node *node = slots->nodes[index];

    if (!node)
        return false;
    slots->nodes[index] = NULL;
    emulate_node_put(ring, node);
    return true;
}

int emulate_slots_make(struct emulate_slots *slots, uint32_t count)
{
    slots->nodes = calloc(count, sizeof(*slots->nodes));
    if (!slots->nodes)
        return -ENOMEM;
    slots->count = count;
    return 0;
}

void emulate_slots_free(struct emulate_ring *ring, struct emulate_slots *slots)
{
    /* From the last to the first, as the kernel posts the tags. */
    for (uint32_t i = slots->count; i--;)
        (void)emulate_slot_clear(ring, slots, i);
    free(slots->nodes);
    slots->nodes = NULL;
    slots->count = 0;
}

void emulate_slots_drop(struct emulate_ring *ring, struct emulate_slots *slots)
{
    for (uint32_t i = 0; i < slots->count; i++) {
        if (slots->nodes[i])
            slots->nodes[i]->tag = 0;
    }
    emulate_slots_free(ring, slots);
}
