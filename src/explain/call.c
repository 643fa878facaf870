/* SPDX-License-Identifier: MIT */
/* What can be seen of a register call: its count, its argument, and what lies behind it. */
#include "explain/explain.h"
#include "ring/core.h"

#define VECTORS_SEEN 256u
#define GIB          (UINT64_C(1) << 30)
#define TIB          (UINT64_C(1) << 40)

void rota_call_look_at(struct rota_call_view *view, const struct rota_process *process,
                       const struct rota_register_call *call)
{
    long got = -EFAULT;

    view->process = process;
    view->call = call;
    view->info = call ? rota_register_opcode_info(call->opcode) : NULL;
    view->got = 0;
    if (!view->info || !view->info->arg_bytes)
        return;
    if (call->arg)
        got = rota_peek_memory(process, call->arg, view->bytes, view->info->arg_bytes);
    if (got > 0)
        view->got = (unsigned)got;
}

/* The count, the argument itself, or a member of the structure there. */
static bool value_of(const struct rota_call_view *view, unsigned offset, unsigned size,
                     uint64_t *value)
{
    if (!view->call)
        return false;
    if (offset == ROTA_COND_ON_COUNT) {
        *value = view->call->nr_args;
    } else if (offset == ROTA_COND_ON_ARG) {
        *value = view->call->arg;
    } else {
        if (offset + size > view->got)
            return false;
        *value = rota_member(view->bytes, offset, size);
    }
    return true;
}

enum rota_answer rota_call_conditions_hold(const struct rota_call_view *view,
                                           struct rota_condition_rows rows,
                                           const struct rota_ring *ring)
{
    enum rota_answer answer = ROTA_YES;

    for (unsigned i = 0; i < rows.count; i++) {
        const struct rota_condition *condition = &rota_conditions(rows)[i];
        enum rota_answer one = ROTA_UNKNOWN;
        uint64_t value;

        if (condition->offset == ROTA_COND_ON_RING)
            one = rota_condition_holds(condition, NULL, ring);
        else if (value_of(view, condition->offset, condition->size, &value))
            one = rota_value_holds(condition, value);
        if (one == ROTA_NO)
            return ROTA_NO;
        if (one == ROTA_UNKNOWN)
            answer = ROTA_UNKNOWN;
    }
    return answer;
}

/*
 * The array that the call goes through
 */

/* Where it is and how many elements it has; false when that is not known. */
static bool items_of(const struct rota_call_view *view, uint64_t *address, uint64_t *count)
{
    const struct rota_items_info *items = &view->info->items;

    return items->kind != ROTA_ITEMS_NONE && value_of(view, items->at, sizeof(*address), address) &&
           value_of(view, items->count_at, items->count_bytes, count);
}

/* The first vector that decides what is said of them. */
static enum rota_answer see_vectors(const struct rota_call_view *view, enum rota_look_kind kind,
                                    struct rota_found *found)
{
    uint64_t address, count;

    if (!items_of(view, &address, &count))
        return ROTA_UNKNOWN;
    for (found->index = 0; found->index < count && found->index < VECTORS_SEEN; found->index++) {
        int64_t reach;

        if (!rota_peek_vector(view->process, address, found->index, &found->base, &found->size))
            return ROTA_UNKNOWN;
        if (kind == ROTA_LOOK_WHOLE && !found->base != !found->size)
            return ROTA_NO;
        if ((kind == ROTA_LOOK_LARGE && found->size > GIB) ||
            (kind == ROTA_LOOK_HUGE && found->size > TIB))
            return ROTA_YES;
        if (kind != ROTA_LOOK_WRITABLE || !found->base)
            continue;
        reach = rota_memory_reach(view->process, found->base, found->size, true);
        if (reach < 0)
            return ROTA_UNKNOWN;
        if ((uint64_t)reach < found->size)
            return ROTA_NO;
    }
    if (count > VECTORS_SEEN)
        return ROTA_UNKNOWN;
    return kind == ROTA_LOOK_LARGE || kind == ROTA_LOOK_HUGE ? ROTA_NO : ROTA_YES;
}

/* The first descriptor that decides what is said of them. */
static enum rota_answer see_descriptors(const struct rota_call_view *view, enum rota_look_kind kind,
                                        struct rota_found *found)
{
    uint64_t address, count;
    long at;

    if (!items_of(view, &address, &count))
        return ROTA_UNKNOWN;
    if (kind == ROTA_LOOK_EVENTFD) {
        enum rota_file_kind what;

        found->index = 0;
        if (rota_peek_memory(view->process, address, &found->fd, sizeof(found->fd)) !=
            (long)sizeof(found->fd))
            return ROTA_UNKNOWN;
        what = rota_file_kind(view->process, found->fd);
        return what == ROTA_FILE_UNKNOWN   ? ROTA_UNKNOWN
               : what == ROTA_FILE_EVENTFD ? ROTA_YES
                                           : ROTA_NO;
    }
    at = rota_array_find(view->process, address, count, kind == ROTA_LOOK_RING, &found->fd);
    if (at == ROTA_ARRAY_UNSEEN)
        return ROTA_UNKNOWN;
    found->index = at < 0 ? 0 : (uint64_t)at;
    return (at >= 0) == (kind == ROTA_LOOK_RING) ? ROTA_YES : ROTA_NO;
}

/* Whether all of an array of anything else may be written. */
static enum rota_answer see_bytes(const struct rota_call_view *view)
{
    uint64_t address, count;
    int64_t reach;

    if (!items_of(view, &address, &count))
        return ROTA_UNKNOWN;
    count *= view->info->items.bytes;
    reach = rota_memory_reach(view->process, address, count, true);
    return reach < 0 ? ROTA_UNKNOWN : (uint64_t)reach < count ? ROTA_NO : ROTA_YES;
}

/* `found` is the element that decided, where there are elements that are told. */
static enum rota_answer see_items(const struct rota_call_view *view, enum rota_look_kind kind,
                                  struct rota_found *found)
{
    switch (view->info->items.kind) {
    case ROTA_ITEMS_DESCRIPTORS:
        return see_descriptors(view, kind, found);
    case ROTA_ITEMS_VECTORS:
        return see_vectors(view, kind, found);
    default:
        return see_bytes(view);
    }
}

/* A member of the structure: a descriptor, a number, an address. */
static enum rota_answer see_member(const struct rota_call_view *view, const struct rota_ring *ring,
                                   const struct rota_look *look)
{
    bool wide = look->kind == ROTA_LOOK_PAGED;
    unsigned size = wide ? 8 : look->kind == ROTA_LOOK_PRESENT ? 2 : 4;
    enum rota_file_kind what;
    uint64_t value;

    if (!value_of(view, look->at, size, &value))
        return ROTA_UNKNOWN;
    switch (look->kind) {
    case ROTA_LOOK_PAGED:
        return rota_starts_page(value);
    case ROTA_LOOK_POWER:
        return value && !(value & (value - 1)) ? ROTA_YES : ROTA_NO;
    case ROTA_LOOK_PRESENT:
        return view->process ? ROTA_UNKNOWN : rota_group_exists(ring, (unsigned)value);
    default:
        what = rota_file_kind(view->process, (int32_t)value);
        if (what == ROTA_FILE_UNKNOWN)
            return ROTA_UNKNOWN;
        if (look->kind == ROTA_LOOK_OPEN)
            return what == ROTA_FILE_CLOSED ? ROTA_NO : ROTA_YES;
        return what == ROTA_FILE_RING ? ROTA_YES : ROTA_NO;
    }
}

static enum rota_answer holds(const struct rota_look *look, enum rota_answer seen)
{
    if (seen == ROTA_UNKNOWN)
        return ROTA_UNKNOWN;
    return (seen == ROTA_YES) != look->negated ? ROTA_YES : ROTA_NO;
}

enum rota_answer rota_call_look_holds(const struct rota_subject *s, const struct rota_look *look)
{
    struct rota_found found;

    if (look->at == ROTA_LOOK_AT_RING)
        return rota_look_holds(s, look);
    if (!s->call->call)
        return ROTA_UNKNOWN;
    if (look->at == ROTA_LOOK_AT_ITEMS)
        return holds(look, see_items(s->call, (enum rota_look_kind)look->kind, &found));
    return holds(look, see_member(s->call, s->ring, look));
}

/*
 * What is wrong with every call in the same way
 */

bool rota_call_count_is_wrong(const struct rota_call_view *view, struct rota_cause_list *list)
{
    struct rota_cause_writer w;

    if (!view->call || !view->info || !view->info->counted ||
        (view->call->nr_args >= view->info->count_min &&
         view->call->nr_args <= view->info->count_max))
        return false;
    if (!rota_cause_add(list, ROTA_CERTAIN, &w))
        return true;
    rota_text_put(&w.text, "the count (nr_args) is ");
    rota_text_decimal(&w.text, view->call->nr_args);
    rota_text_put(&w.text, view->info->count_min == view->info->count_max ? " and must be "
                                                                          : " and is from ");
    rota_text_decimal(&w.text, view->info->count_min);
    if (view->info->count_min != view->info->count_max) {
        rota_text_put(&w.text, " to ");
        rota_text_decimal(&w.text, view->info->count_max);
    }
    return true;
}

static bool put_unreadable(struct rota_cause_list *list, const char *what, uint64_t address,
                           uint64_t size)
{
    int64_t reach = rota_memory_reach(list->process, address, size, false);
    struct rota_cause_writer w;

    if (reach < 0 || (uint64_t)reach >= size)
        return false;
    if (!rota_cause_add(list, ROTA_CERTAIN, &w))
        return true;
    rota_text_all(&w.text, what, "=", NULL);
    rota_text_hex(&w.text, address);
    rota_text_put(&w.text, " is to have ");
    rota_text_decimal(&w.text, size);
    if (reach) {
        rota_text_put(&w.text, " bytes, and only the first ");
        rota_text_decimal(&w.text, (uint64_t)reach);
        rota_text_put(&w.text, " are memory of this process");
    } else {
        rota_text_put(&w.text, " bytes, and is no memory of this process");
    }
    return true;
}

bool rota_call_memory_is_missing(const struct rota_call_view *view, struct rota_cause_list *list)
{
    uint64_t address, count;

    if (!view->call || !view->info)
        return false;
    if (view->info->arg_bytes &&
        put_unreadable(list, "the argument", view->call->arg, view->info->arg_bytes))
        return true;
    /* Vectors of a program with another word size have another length. */
    return items_of(view, &address, &count) && count && address &&
           !(view->process && (view->process->flags & ROTA_PROCESS_32BIT)) &&
           put_unreadable(list, "the array", address, count * view->info->items.bytes);
}

/* The values that the conditions of a row are about, and the element that was found. */
void rota_call_evidence(struct rota_text *text, const struct rota_subject *s,
                        const struct rota_error_info *error)
{
    const struct rota_call_view *view = s->call;
    const char *before = " (";

    if (!view->call)
        return;
    for (unsigned i = 0; i < error->when.count; i++) {
        const struct rota_condition *condition = &rota_conditions(error->when)[i];
        uint64_t value;

        if (condition->offset == ROTA_COND_ON_RING ||
            (i && condition[-1].offset == condition->offset) ||
            !value_of(view, condition->offset, condition->size, &value))
            continue;
        rota_text_put(text, before);
        for (const char *p = rota_word(condition->text); *p && *p != ' '; p++)
            rota_text_char(text, *p);
        rota_text_char(text, '=');
        if (value > UINT32_MAX)
            rota_text_hex(text, value);
        else
            rota_text_decimal(text, value);
        before = ", ";
    }
    for (unsigned i = 0; i < error->looks.count; i++) {
        const struct rota_look *look = &rota_looks(error->looks)[i];
        struct rota_found found;

        if (look->at != ROTA_LOOK_AT_ITEMS || view->info->items.kind == ROTA_ITEMS_BYTES ||
            holds(look, see_items(view, (enum rota_look_kind)look->kind, &found)) != ROTA_YES)
            continue;
        rota_text_all(text, before, "element ", NULL);
        rota_text_decimal(text, found.index);
        rota_text_put(text, " is ");
        if (view->info->items.kind == ROTA_ITEMS_DESCRIPTORS) {
            rota_text_signed(text, found.fd);
        } else {
            rota_text_decimal(text, found.size);
            rota_text_put(text, " bytes at ");
            rota_text_hex(text, found.base);
        }
        before = ", ";
        break;
    }
    if (before[0] == ',')
        rota_text_char(text, ')');
}
