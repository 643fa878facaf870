/* SPDX-License-Identifier: MIT */
/* Doubly linked lists, the links inside of the elements. */
#ifndef ROTA_EMULATE_LIST_H
#define ROTA_EMULATE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct emulate_list {
    struct emulate_list *next, *prev;
};

/* The element of type `type` whose link `member` is at `link`. */
#define EMULATE_ELEMENT(link, type, member) \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* An empty list, and an element that is in none. */
static inline void emulate_list_init(struct emulate_list *list)
{
    list->next = list;
    list->prev = list;
}

static inline bool emulate_list_empty(const struct emulate_list *list)
{
    return list->next == list;
}

/* Puts `link`, which is in no list, in front of `before`: with the list itself, at its end. */
static inline void emulate_list_add(struct emulate_list *link, struct emulate_list *before)
{
    link->next = before;
    link->prev = before->prev;
    before->prev->next = link;
    before->prev = link;
}

/* Takes `link` out of its list, if it is in one. */
static inline void emulate_list_del(struct emulate_list *link)
{
    link->next->prev = link->prev;
    link->prev->next = link->next;
    emulate_list_init(link);
}

#endif /* ROTA_EMULATE_LIST_H */
