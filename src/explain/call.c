/* SPDX-License-Identifier: MIT */
/* What can be seen of a register call: its count, its argument, and what lies behind it. */
#include "explain/explain.h"
#include "ring/core.h"

/* Elements that are looked at; nobody waits for an explanation of a million. */
#define ELEMENTS_SEEN 4096u
#define VECTORS_SEEN  256u

void rota_call_look_at(struct rota_call_view *view, const struct rota_process *process,
                       const struct rota_ring *ring, const struct rota_register_call *call)
{
    long got = -EFAULT;

    view->process = process;
    view->ring = ring;
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

/* The same of a structure of which so many bytes are known; an array is 0 or is not. */
static enum rota_answer member_holds(const struct rota_condition *condition,
                                     const unsigned char *bytes, unsigned got)
{
    const unsigned char *member = bytes + condition->offset;
    unsigned size = condition->size;
    uint64_t value = 0;

    if (condition->offset + size > got)
        return ROTA_UNKNOWN;
    if (size == 1 || size == 2 || size == 4 || size == 8)
        return rota_value_holds(condition, rota_member(bytes, condition->offset, size));
    for (unsigned i = 0; i < size; i++)
        value |= member[i];
    return rota_value_holds(condition, value);
}

static enum rota_answer condition_holds(const struct rota_call_view *view,
                                        const struct rota_condition *condition)
{
    uint64_t value;

    if (condition->offset == ROTA_COND_ON_RING)
        return rota_condition_holds(condition, NULL, view->ring);
    if (!view->call)
        return ROTA_UNKNOWN;
    if (condition->offset < ROTA_COND_ON_ARG)
        return member_holds(condition, view->bytes, view->got);
    return value_of(view, condition->offset, condition->size, &value)
               ? rota_value_holds(condition, value)
               : ROTA_UNKNOWN;
}

/*
 * The array that the call goes through
 */

/* How many elements it has; false when that is not known, or it is of another call without a ring. */
static bool count_of(const struct rota_call_view *view, uint64_t *count)
{
    const struct rota_register_info *info = view->info;

    return info->items.kind != ROTA_ITEMS_NONE &&
           (view->ring || !info->without_ring || info->arg_bytes) &&
           value_of(view, info->items.count_at, info->items.count_bytes, count);
}

/* Where it is and how many elements it has; false when that is not known, or there is none. */
static bool items_of(const struct rota_call_view *view, uint64_t *address, uint64_t *count)
{
    const struct rota_items_info *items = &view->info->items;

    if (items->at == ROTA_ITEMS_NOWHERE || !count_of(view, count) ||
        !value_of(view, items->at, sizeof(*address), address))
        return false;
    if (*address)
        *address += items->inside;
    return true;
}

/* Elements that can be what an error is of. */
static uint64_t to_be_seen(const struct rota_call_view *view, uint64_t count)
{
    uint64_t most = view->info->items.kind == ROTA_ITEMS_VECTORS ? VECTORS_SEEN : ELEMENTS_SEEN;

    if (view->info->items.part && count)
        return 1;
    return count < most ? count : most;
}

/* Whether there can be more of them than were seen. */
static bool is_rest(const struct rota_call_view *view, uint64_t count)
{
    return !view->info->items.part && to_be_seen(view, count) < count;
}

/* One element; vectors look alike in all programs. The bytes that are known. */
static unsigned element_at(const struct rota_call_view *view, uint64_t address, uint64_t index,
                           unsigned char *element)
{
    const struct rota_items_info *items = &view->info->items;
    uint64_t vector[2];
    long got;

    if (items->kind == ROTA_ITEMS_VECTORS) {
        if (!rota_peek_vector(view->process, address, index, &vector[0], &vector[1]))
            return 0;
        rota_copy(element, vector, sizeof(vector));
        return sizeof(vector);
    }
    if (!address || items->bytes > ROTA_ELEMENT_BYTES)
        return 0;
    got = rota_peek_memory(view->process, address + index * items->bytes, element, items->bytes);
    return got > 0 ? (unsigned)got : 0;
}

/* The descriptor in an element. */
static bool descriptor_at(const struct rota_call_view *view, uint64_t address, uint64_t index,
                          int *fd)
{
    const struct rota_items_info *items = &view->info->items;
    unsigned char element[ROTA_ELEMENT_BYTES];

    if (element_at(view, address, index, element) < items->descriptor_at + items->descriptor_bytes)
        return false;
    *fd = (int32_t)rota_member(element, items->descriptor_at, items->descriptor_bytes);
    return true;
}

/* The first element of which all conditions hold. */
static enum rota_answer see_elements(const struct rota_call_view *view,
                                     struct rota_condition_rows rows, struct rota_found *found)
{
    unsigned char element[ROTA_ELEMENT_BYTES];
    uint64_t address, count;

    if (!view->call || !items_of(view, &address, &count))
        return ROTA_UNKNOWN;
    for (found->index = 0; found->index < to_be_seen(view, count); found->index++) {
        unsigned got = element_at(view, address, found->index, element);
        enum rota_answer all = ROTA_YES;

        if (!got)
            return ROTA_UNKNOWN;
        for (unsigned i = 0; i < rows.count && all == ROTA_YES; i++)
            all = member_holds(&rota_conditions(rows)[i], element, got);
        if (all != ROTA_NO)
            return all;
    }
    return is_rest(view, count) ? ROTA_UNKNOWN : ROTA_NO;
}

enum rota_answer rota_call_conditions_hold(const struct rota_call_view *view,
                                           const struct rota_error_info *error)
{
    enum rota_answer answer = ROTA_YES;
    struct rota_found found;

    for (unsigned i = 0; i < error->when.count; i++) {
        enum rota_answer one = condition_holds(view, &rota_conditions(error->when)[i]);

        if (one == ROTA_NO)
            return ROTA_NO;
        if (one == ROTA_UNKNOWN)
            answer = ROTA_UNKNOWN;
    }
    if (error->element.count) {
        enum rota_answer one = see_elements(view, error->element, &found);

        answer = one == ROTA_YES ? answer : one;
    }
    return answer;
}

/* The first vector that decides what is said of them. */
static enum rota_answer see_vectors(const struct rota_call_view *view, enum rota_look_kind kind,
                                    struct rota_found *found)
{
    uint64_t address, count, base, size;

    if (!items_of(view, &address, &count))
        return ROTA_UNKNOWN;
    for (found->index = 0; found->index < to_be_seen(view, count); found->index++) {
        int64_t reach;

        if (!rota_peek_vector(view->process, address, found->index, &base, &size))
            return ROTA_UNKNOWN;
        if (kind == ROTA_LOOK_WHOLE && !base != !size)
            return ROTA_NO;
        if (kind != ROTA_LOOK_WRITABLE || !base)
            continue;
        reach = rota_memory_reach(view->process, base, size, true);
        if (reach < 0)
            return ROTA_UNKNOWN;
        if ((uint64_t)reach < size)
            return ROTA_NO;
    }
    found->index = view->info->items.part ? 0 : ROTA_FOUND_NONE;
    return is_rest(view, count) ? ROTA_UNKNOWN : ROTA_YES;
}

static bool is_of_kind(enum rota_file_kind seen, enum rota_look_kind kind)
{
    switch (kind) {
    case ROTA_LOOK_OPEN:
        return seen != ROTA_FILE_CLOSED;
    case ROTA_LOOK_EVENTFD:
        return seen == ROTA_FILE_EVENTFD;
    default:
        return seen == ROTA_FILE_RING;
    }
}

/*
 * The first descriptor that decides what is said of them: all are open, one is a
 * ring, the only one is an eventfd.
 */
static enum rota_answer see_descriptors(const struct rota_call_view *view, enum rota_look_kind kind,
                                        struct rota_found *found)
{
    bool wanted = kind == ROTA_LOOK_RING;
    uint64_t address, count;
    int fd;

    if (!items_of(view, &address, &count))
        return ROTA_UNKNOWN;
    for (found->index = 0; found->index < to_be_seen(view, count); found->index++) {
        enum rota_file_kind seen;

        if (!descriptor_at(view, address, found->index, &fd))
            return ROTA_UNKNOWN;
        /* Holes, where there can be any. */
        if (count > 1 && (fd == -1 || fd == IORING_REGISTER_FILES_SKIP))
            continue;
        seen = rota_file_kind(view->process, fd);
        if (seen == ROTA_FILE_UNKNOWN)
            return ROTA_UNKNOWN;
        if (is_of_kind(seen, kind) == wanted)
            return wanted ? ROTA_YES : ROTA_NO;
    }
    found->index = view->info->items.part ? 0 : ROTA_FOUND_NONE;
    return is_rest(view, count) ? ROTA_UNKNOWN : wanted ? ROTA_NO : ROTA_YES;
}

/* Whether the slots from the first element on are all there. */
static enum rota_answer see_slots(const struct rota_call_view *view)
{
    struct rota_ring_view ring;
    uint64_t first, count;

    if (!count_of(view, &count) ||
        !value_of(view, view->info->items.first_at, sizeof(uint32_t), &first))
        return ROTA_UNKNOWN;
    rota_view_own_ring(view->process, view->ring, ROTA_RING_WHOLE, 0, &ring);
    if (ring.known != ROTA_YES)
        return ROTA_UNKNOWN;
    return first + count <=
                   (view->info->items.kind == ROTA_ITEMS_VECTORS ? ring.buffers : ring.files)
               ? ROTA_YES
               : ROTA_NO;
}

/* Whether an element holds nothing; those of an array that is not there do not. */
static enum rota_answer is_hole(const struct rota_call_view *view, uint64_t address, uint64_t index)
{
    uint64_t base, size;
    int fd;

    if (!address)
        return ROTA_YES;
    if (view->info->items.kind == ROTA_ITEMS_VECTORS) {
        if (!rota_peek_vector(view->process, address, index, &base, &size))
            return ROTA_UNKNOWN;
        return !base && !size ? ROTA_YES : ROTA_NO;
    }
    if (!descriptor_at(view, address, index, &fd))
        return ROTA_UNKNOWN;
    return fd == -1 || fd == IORING_REGISTER_FILES_SKIP ? ROTA_YES : ROTA_NO;
}

/* The first hole with a tag. */
static enum rota_answer see_tags(const struct rota_call_view *view, struct rota_found *found)
{
    uint64_t address, count, tags, tag;

    if (!items_of(view, &address, &count) ||
        !value_of(view, view->info->items.tags_at, sizeof(tags), &tags))
        return ROTA_UNKNOWN;
    for (found->index = 0; tags && found->index < to_be_seen(view, count); found->index++) {
        enum rota_answer hole = is_hole(view, address, found->index);

        if (hole == ROTA_UNKNOWN ||
            rota_peek_memory(view->process, tags + found->index * sizeof(tag), &tag, sizeof(tag)) !=
                (long)sizeof(tag))
            return ROTA_UNKNOWN;
        if (hole == ROTA_YES && tag)
            return ROTA_YES;
    }
    return tags && is_rest(view, count) ? ROTA_UNKNOWN : ROTA_NO;
}

/* Whether all of an array of anything else may be written, or is zero. */
static enum rota_answer see_bytes(const struct rota_call_view *view, enum rota_look_kind kind)
{
    unsigned char element[ROTA_ELEMENT_BYTES];
    uint64_t address, count;
    int64_t reach;

    if (!items_of(view, &address, &count))
        return ROTA_UNKNOWN;
    if (kind == ROTA_LOOK_ZERO) {
        for (uint64_t i = 0; i < to_be_seen(view, count); i++) {
            unsigned got = element_at(view, address, i, element);

            if (!got)
                return ROTA_UNKNOWN;
            while (got--) {
                if (element[got])
                    return ROTA_NO;
            }
        }
        return is_rest(view, count) ? ROTA_UNKNOWN : ROTA_YES;
    }
    count *= view->info->items.bytes;
    reach = rota_memory_reach(view->process, address, count, true);
    return reach < 0 ? ROTA_UNKNOWN : (uint64_t)reach < count ? ROTA_NO : ROTA_YES;
}

/* `found` is the element that decided, where there are elements that are told. */
static enum rota_answer see_items(const struct rota_call_view *view, enum rota_look_kind kind,
                                  struct rota_found *found)
{
    if (kind == ROTA_LOOK_WITHIN)
        return see_slots(view);
    if (kind == ROTA_LOOK_TAGGED)
        return see_tags(view, found);
    switch (view->info->items.kind) {
    case ROTA_ITEMS_DESCRIPTORS:
        return see_descriptors(view, kind, found);
    case ROTA_ITEMS_VECTORS:
        return see_vectors(view, kind, found);
    default:
        return see_bytes(view, kind);
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

    /* Of another process a ring may not be known. */
    if (look->kind == ROTA_LOOK_ABSENT)
        return holds(look, s->ring ? ROTA_NO : s->list->process ? ROTA_UNKNOWN : ROTA_YES);
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

/* The argument is there, where the call takes none, or is not. */
bool rota_call_argument_is_wrong(const struct rota_call_view *view, struct rota_cause_list *list)
{
    struct rota_cause_writer w;

    if (!view->call || !view->info || !view->info->arg.at == !view->call->arg ||
        !rota_cause_add(list, ROTA_CERTAIN, &w))
        return false;
    if (view->call->arg) {
        rota_text_put(&w.text, "the call takes no argument (arg), and it is ");
        rota_text_hex(&w.text, view->call->arg);
    } else {
        rota_text_all(&w.text, "the argument (arg) is NULL instead of ", rota_word(view->info->arg),
                      " *", NULL);
    }
    return true;
}

/* "flags within A|B" as what must be, and what is. */
static void put_must(struct rota_cause_list *list, const struct rota_condition *condition,
                     const unsigned char *bytes, const uint64_t *index)
{
    const char *text = rota_word(condition->text);
    struct rota_cause_writer w;

    if (!rota_cause_add(list, ROTA_CERTAIN, &w))
        return;
    for (; *text && *text != ' '; text++)
        rota_text_char(&w.text, *text);
    rota_text_put(&w.text, condition->kind == ROTA_COND_IS_NOT ? " must not be" : " must be");
    if (condition->kind == ROTA_COND_IS)
        text += sizeof(" is") - 1;
    else if (condition->kind == ROTA_COND_IS_NOT)
        text += sizeof(" is not") - 1;
    rota_text_put(&w.text, text);
    if (condition->size <= sizeof(uint64_t) && !(condition->size & (condition->size - 1))) {
        rota_text_put(&w.text, " (is ");
        rota_text_hex(&w.text, rota_member(bytes, condition->offset, condition->size));
        rota_text_char(&w.text, ')');
    }
    if (index) {
        rota_text_put(&w.text, " in element ");
        rota_text_decimal(&w.text, *index);
    }
}

bool rota_call_musts(const struct rota_call_view *view, struct rota_cause_list *list)
{
    unsigned before = list->count;
    unsigned char element[ROTA_ELEMENT_BYTES];
    uint64_t address, count;

    if (!view->call || !view->info)
        return false;
    for (unsigned i = 0; i < view->info->must.count; i++) {
        const struct rota_condition *condition = &rota_conditions(view->info->must)[i];

        if (member_holds(condition, view->bytes, view->got) == ROTA_NO)
            put_must(list, condition, view->bytes, NULL);
    }
    if (list->count != before || !view->info->items.must.count || !items_of(view, &address, &count))
        return list->count != before;
    for (uint64_t at = 0; at < to_be_seen(view, count); at++) {
        unsigned got = element_at(view, address, at, element);

        for (unsigned i = 0; i < view->info->items.must.count; i++) {
            const struct rota_condition *condition = &rota_conditions(view->info->items.must)[i];

            if (member_holds(condition, element, got) != ROTA_NO)
                continue;
            put_must(list, condition, element, count > 1 ? &at : NULL);
            return true;
        }
    }
    return false;
}

static bool put_missing(struct rota_cause_list *list, const char *what, uint64_t address,
                        uint64_t size, bool write)
{
    const char *memory =
        write ? "memory of this process that may be written" : "memory of this process";
    int64_t reach = rota_memory_reach(list->process, address, size, write);
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
        rota_text_all(&w.text, " are ", memory, NULL);
    } else {
        rota_text_all(&w.text, " bytes, and is no ", memory, NULL);
    }
    return true;
}

bool rota_call_memory_is_missing(const struct rota_call_view *view, struct rota_cause_list *list)
{
    const struct rota_items_info *items = view->info ? &view->info->items : NULL;
    uint64_t address, count, tags;

    if (!view->call || !items)
        return false;
    if (rota_call_argument_is_wrong(view, list))
        return true;
    if (view->info->arg_bytes && put_missing(list, "the argument", view->call->arg,
                                             view->info->arg_bytes, view->info->arg_written))
        return true;
    if (!items_of(view, &address, &count) || !count)
        return false;
    if (value_of(view, items->tags_at, sizeof(tags), &tags) && tags &&
        put_missing(list, "the array of tags", tags, count * sizeof(tags), false))
        return true;
    /*
     * What changes a table or is written back must be there; a table is also made
     * of nothing. Vectors of a program with another word size have another length.
     */
    return (address || items->part || items->written) &&
           !(view->process && (view->process->flags & ROTA_PROCESS_32BIT)) &&
           put_missing(list, "the array", address, count * items->bytes, items->written);
}

/* "name=value" of the members that conditions are about. */
static const char *put_values(struct rota_text *text, const struct rota_call_view *view,
                              struct rota_condition_rows rows, const char *before)
{
    for (unsigned i = 0; i < rows.count; i++) {
        const struct rota_condition *condition = &rota_conditions(rows)[i];
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
    return before;
}

/* "element 2 is 987" */
static const char *put_element(struct rota_text *text, const struct rota_call_view *view,
                               const struct rota_found *found, const char *before)
{
    uint64_t address, count, base, size;
    int fd;

    if (!items_of(view, &address, &count) || !address)
        return before;
    rota_text_all(text, before, "element ", NULL);
    rota_text_decimal(text, found->index);
    if (view->info->items.kind == ROTA_ITEMS_VECTORS &&
        rota_peek_vector(view->process, address, found->index, &base, &size)) {
        rota_text_put(text, " is ");
        rota_text_decimal(text, size);
        rota_text_put(text, " bytes at ");
        rota_text_hex(text, base);
    } else if (view->info->items.kind == ROTA_ITEMS_DESCRIPTORS &&
               descriptor_at(view, address, found->index, &fd)) {
        rota_text_put(text, " is ");
        rota_text_signed(text, fd);
    }
    return ", ";
}

/* The values that the conditions of a row are about, and the element that was found. */
void rota_call_evidence(struct rota_text *text, const struct rota_subject *s,
                        const struct rota_error_info *error)
{
    const struct rota_call_view *view = s->call;
    const char *before;
    struct rota_found found;

    if (!view->call)
        return;
    before = put_values(text, view, error->when, " (");
    for (unsigned i = 0; i < error->looks.count; i++) {
        const struct rota_look *look = &rota_looks(error->looks)[i];

        if (look->at != ROTA_LOOK_AT_ITEMS || look->kind == ROTA_LOOK_WITHIN ||
            view->info->items.kind == ROTA_ITEMS_BYTES ||
            holds(look, see_items(view, (enum rota_look_kind)look->kind, &found)) != ROTA_YES ||
            found.index == ROTA_FOUND_NONE)
            continue;
        before = put_element(text, view, &found, before);
        break;
    }
    if (error->element.count && see_elements(view, error->element, &found) == ROTA_YES)
        before = put_element(text, view, &found, before);
    if (before[0] == ',')
        rota_text_char(text, ')');
}
