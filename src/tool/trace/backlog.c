/* SPDX-License-Identifier: MIT */
/*
 * What was read and has not been told. To read a queue costs a twentieth of what a
 * line costs, and a queue that nobody stops is written over soon: so it is read
 * first, and matched and told a little at a time, in the order in which it was read.
 */
#include <stdlib.h>
#include <string.h>

#include "tool/trace/model.h"
#include "tool/trace/trace.h"

/* What is held at most; what passes then is counted. */
#define MOST_BYTES (24U << 20)
/* A result that comes so soon stands on the line of its request. */
#define HOLD_NSEC 150000u

struct entry {
    struct entry *next;
    enum {
        ENTRY_LOOK,
        ENTRY_EVENT,
    } kind;
    uint64_t time; /* when it came in here */
    struct looked look;
    struct event event; /* its texts are its own */
};

static size_t bytes_of(const struct entry *entry)
{
    return sizeof(*entry) + entry->look.raw_count * sizeof(struct raw_request) +
           entry->look.completion_count * sizeof(*entry->look.completions);
}

static struct entry *new_entry(struct backlog *backlog)
{
    struct entry *entry = backlog->unused;

    if (!entry)
        return need_memory(calloc(1, sizeof(*entry)));
    backlog->unused = entry->next;
    return entry;
}

static void put_entry(struct backlog *backlog, struct entry *entry)
{
    entry->next = NULL;
    if (backlog->last)
        backlog->last->next = entry;
    else
        backlog->first = entry;
    backlog->last = entry;
    if (!backlog->undigested)
        backlog->undigested = entry;
    backlog->bytes += bytes_of(entry);
}

bool backlog_is_full(const struct backlog *backlog)
{
    return backlog->bytes > MOST_BYTES;
}

bool backlog_is_empty(const struct backlog *backlog)
{
    return !backlog->first;
}

void backlog_read(struct model *model, struct ring *ring, int pid, int tid, uint64_t time)
{
    struct backlog *backlog = &model->backlog;
    struct entry *entry = new_entry(backlog);

    entry->kind = ENTRY_LOOK;
    entry->time = time;
    look_start(&entry->look, model, ring, pid, tid, time, time);
    look_running(&entry->look);
    if (entry->look.raw_count || entry->look.completion_count || entry->look.lost_requests ||
        entry->look.lost_completions) {
        put_entry(backlog, entry);
        return;
    }
    entry->next = backlog->unused;
    backlog->unused = entry;
}

static const char *copy_of(const char *text)
{
    return text ? need_memory(strdup(text)) : NULL;
}

void backlog_event(struct model *model, const struct event *event)
{
    struct entry *entry = new_entry(&model->backlog);

    entry->kind = ENTRY_EVENT;
    entry->time = 0;
    entry->event = *event;
    entry->event.text = copy_of(event->text);
    entry->event.why = copy_of(event->why);
    put_entry(&model->backlog, entry);
}

bool backlog_digest(struct backlog *backlog, unsigned count)
{
    bool any = backlog->undigested != NULL;

    while (count && backlog->undigested) {
        struct entry *entry = backlog->undigested;

        if (entry->kind == ENTRY_LOOK && !look_digest(&entry->look, &count))
            break;
        backlog->undigested = entry->next;
    }
    return any;
}

bool backlog_tell(struct model *model, unsigned count, uint64_t now)
{
    struct backlog *backlog = &model->backlog;
    bool any = false;

    while (count && backlog->first && backlog->first != backlog->undigested) {
        struct entry *entry = backlog->first;
        size_t bytes = bytes_of(entry);

        if (entry->time + HOLD_NSEC > now)
            break;
        any = true;
        if (entry->kind == ENTRY_LOOK) {
            if (!look_tell(&entry->look, &count))
                break;
        } else {
            event_tell(model, &entry->event);
            free((void *)(uintptr_t)entry->event.text);
            free((void *)(uintptr_t)entry->event.why);
            count--;
        }
        backlog->first = entry->next;
        if (!backlog->first)
            backlog->last = NULL;
        backlog->bytes -= bytes;
        entry->next = backlog->unused;
        backlog->unused = entry;
    }
    return any;
}

void backlog_tell_all(struct model *model)
{
    while (backlog_digest(&model->backlog, UINT32_MAX))
        continue;
    while (backlog_tell(model, UINT32_MAX, UINT64_MAX))
        continue;
}
