/* SPDX-License-Identifier: MIT */
/* What is registered with a ring, for the sources that look after it. All of it under its lock. */
#ifndef ROTA_EMULATE_RESOURCES_H
#define ROTA_EMULATE_RESOURCES_H

#include "emulate/table.h"

#define EMULATE_FILES_MOST   (1u << 20)
#define EMULATE_BUFFERS_MOST (1u << 14)
#define EMULATE_GROUPS       64u /* lists that groups of buffers are found in */

/* What stands in a slot of a table: a file, a registered buffer, or a provided buffer. */
struct emulate_node {
    uint32_t refs; /* the slot, and each request that uses it */
    uint32_t id;   /* of a provided buffer */
    int fd;        /* of a file, ours alone; -1: none */
    uint64_t tag;  /* posted when it is no longer used; 0: not */
    uint64_t addr;
    uint64_t len;
    struct emulate_node *next; /* provided buffers of a group */
};

struct emulate_slots {
    struct emulate_node **nodes;
    uint32_t count; /* 0: there is no table */
};

/* Buffers to choose from: a list of provided ones, or a ring. */
struct emulate_group {
    struct emulate_group *next;
    uint16_t id;
    uint16_t head; /* of the ring: counts up with each buffer that was used */
    uint32_t mask; /* of the ring: entries - 1 */
    bool ring;
    bool incremental;
    uint32_t least;    /* incremental: a rest below is not used */
    uint32_t provided; /* in the list */
    struct emulate_node *first, *last;
    struct io_uring_buf_ring *entries;
    struct emulate_memory *memory; /* of a ring that the application maps; NULL: its own */
    /* Who took buffers from the head of the ring and has not said how much of them it used. */
    struct emulate_request *holder;
    uint16_t held;        /* how many buffers */
    uint64_t held_length; /* their bytes */
};

struct emulate_resources {
    struct emulate_slots files, buffers;
    uint32_t alloc_start, alloc_end, alloc_hint; /* where a free slot is looked for */
    struct emulate_group *groups[EMULATE_GROUPS];

    bool restrictions; /* were registered */
    uint64_t registers_allowed;
    uint64_t ops_allowed[(IORING_OP_LAST + 63) / 64];
    uint8_t flags_allowed, flags_required;
    bool limits_requests; /* some restriction is about requests */

    bool region; /* is registered */
    uint64_t region_size;
    unsigned char *region_at;
    struct emulate_memory *region_memory; /* NULL: the application's own */
    bool region_waits;                    /* holds arguments of waits */
};

/* register.c: made at first need; NULL: no memory. */
struct emulate_resources *emulate_resources_of(struct emulate_ring *ring);

/* nodes.c */
struct emulate_node *emulate_node_new(void);
/* One reference less; the last one gives the file back, and posts the tag. */
void emulate_node_put(struct emulate_ring *ring, struct emulate_node *node);
/* Empties a slot; false when it was empty. */
bool emulate_slot_clear(struct emulate_ring *ring, struct emulate_slots *slots, uint32_t index);
/* 0 or -ENOMEM */
int emulate_slots_make(struct emulate_slots *slots, uint32_t count);
void emulate_slots_free(struct emulate_ring *ring, struct emulate_slots *slots);
/* The same of slots that nobody has seen: what was never registered posts no tag. */
void emulate_slots_drop(struct emulate_ring *ring, struct emulate_slots *slots);

/* What FILES2 and BUFFERS2 share with calls that take arrays. `data` 0: all slots are empty. */
int emulate_files_make(struct emulate_ring *ring, uint64_t data, uint32_t count, uint64_t tags);
int emulate_buffers_make(struct emulate_ring *ring, uint64_t data, uint32_t count, uint64_t tags);
/* How many slots were changed, or -errno if the first could not be. */
int emulate_files_change(struct emulate_ring *ring, const struct io_uring_rsrc_update2 *update,
                         uint32_t count);
int emulate_buffers_change(struct emulate_ring *ring, const struct io_uring_rsrc_update2 *update,
                           uint32_t count);

/* files.c: empties a slot of the file table. 0, -ENXIO, -EINVAL or -EBADF. */
int emulate_file_remove(struct emulate_ring *ring, uint32_t index);
/* Whether the descriptor is that of a ring, emulated or not. */
bool emulate_is_ring(int fd);

/* groups.c */
void emulate_groups_free(struct emulate_ring *ring);
struct emulate_group *emulate_group_find(struct emulate_ring *ring, uint16_t id);
/* Whether the group of the request has a buffer beyond those that it holds. */
bool emulate_buffer_left(struct emulate_ring *ring, const struct emulate_request *request);

/* regions.c: 0 or -errno; describes memory of the application, or makes some. */
int emulate_region_make(struct io_uring_region_desc *region, uint64_t offset,
                        struct emulate_memory **memory, unsigned char **at);

#endif /* ROTA_EMULATE_RESOURCES_H */
