/* SPDX-License-Identifier: MIT */
#include "tool/trace/list.h"

#include <stdlib.h>

#include "tool/trace/trace.h"

#define SMALLEST 64

static struct link **bucket_of(const struct table *table, uint64_t key)
{
    return &table->buckets[(size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (table->size - 1)];
}

static struct link *of_key(struct link *link, uint64_t key)
{
    while (link && link->key != key)
        link = link->next;
    return link;
}

struct link *table_find(const struct table *table, uint64_t key)
{
    return table->size ? of_key(*bucket_of(table, key), key) : NULL;
}

struct link *table_next(const struct link *link)
{
    return of_key(link->next, link->key);
}

static void grow(struct table *table)
{
    struct table former = *table;

    table->size = former.size ? 2 * former.size : SMALLEST;
    table->buckets = need_memory(calloc(table->size, sizeof(struct link *)));
    for (size_t i = 0; i < former.size; i++) {
        for (struct link *link = former.buckets[i], *next; link; link = next) {
            struct link **bucket = bucket_of(table, link->key);

            next = link->next;
            link->next = *bucket;
            *bucket = link;
        }
    }
    free(former.buckets);
}

void table_add(struct table *table, struct link *link, uint64_t key)
{
    struct link **bucket;

    if (table->count >= table->size)
        grow(table);
    bucket = bucket_of(table, key);
    link->key = key;
    link->next = *bucket;
    *bucket = link;
    table->count++;
}

void table_remove(struct table *table, struct link *link)
{
    struct link **at = bucket_of(table, link->key);

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    table->count--;
}
