/* SPDX-License-Identifier: MIT */
/*
 * Lists and tables whose elements carry what links them. Everything that is looked
 * up while programs run is found by these: thousands of rings, threads and names
 * cost no more by the event than one.
 */
#ifndef ROTA_SRC_TOOL_TRACE_LIST_H
#define ROTA_SRC_TOOL_TRACE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The structure of `type` whose `member` is at `pointer`. */
#define entry_of(pointer, type, member) ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A list is a ring of nodes, one of which is its head. */
struct node {
    struct node *next, *prev;
};

static inline void list_start(struct node *list)
{
    list->next = list->prev = list;
}

static inline bool list_empty(const struct node *list)
{
    return list->next == list;
}

static inline void list_append(struct node *list, struct node *node)
{
    node->next = list;
    node->prev = list->prev;
    list->prev->next = node;
    list->prev = node;
}

/* The node is a list of its own then: it may be taken out again. */
static inline void list_remove(struct node *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_start(node);
}

/* Takes the first to the end, and returns it; the list must not be empty. */
static inline struct node *list_turn(struct node *list)
{
    struct node *first = list->next;

    list_remove(first);
    list_append(list, first);
    return first;
}

/* What is found in a table by its key; several may have the same one. */
struct link {
    struct link *next;
    uint64_t key;
};

struct table {
    struct link **buckets;
    size_t size; /* a power of two, or 0 */
    size_t count;
};

/* The first of that key and the one behind another; NULL: there is none. */
struct link *table_find(const struct table *table, uint64_t key);
struct link *table_next(const struct link *link);
void table_add(struct table *table, struct link *link, uint64_t key);
/* It must be in there. */
void table_remove(struct table *table, struct link *link);

#endif /* ROTA_SRC_TOOL_TRACE_LIST_H */
