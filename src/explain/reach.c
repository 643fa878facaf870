/* SPDX-License-Identifier: MIT */
/* How far the memory of a process reaches, and whether that of a request does. */
#include "explain/explain.h"
#include "ring/core.h"

/* Pages at which memory is tried when the map of the process cannot be read. */
#define PAGES_TRIED 256u

static uint64_t hexadecimal(const char **text)
{
    uint64_t value = 0;
    const char *p = *text;

    for (; (*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'f'); p++)
        value = value << 4 | (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
    *text = p;
    return value;
}

/* What an area of the map must allow. */
enum area {
    ANY,
    READABLE,
    WRITABLE,
};

/* The first address from `address` on that no such area of the map has. */
static bool map_end(const struct rota_process *process, uint64_t address, enum area wanted,
                    uint64_t *end)
{
    struct rota_lines lines;
    const char *line;
    uint64_t reached = address;

    if (rota_lines_open(&lines, process, "maps", -1) < 0)
        return false;
    /* "7f0000000000-7f0000001000 rw-p ...", in order of addresses */
    while ((line = rota_lines_next(&lines))) {
        uint64_t first = hexadecimal(&line), last;

        line++;
        last = hexadecimal(&line);
        line++;
        if (last <= reached)
            continue;
        if (first > reached || (wanted != ANY && line[wanted == WRITABLE ? 1 : 0] == '-'))
            break;
        reached = last;
    }
    rota_lines_close(&lines);
    *end = reached;
    return true;
}

int64_t rota_memory_reach(const struct rota_process *process, uint64_t address, uint64_t size,
                          bool write)
{
    uint64_t page = UINT64_C(1) << ROTA_PAGE_SHIFT_MIN, end = address, at = address;
    bool mapped = map_end(process, address, write ? WRITABLE : READABLE, &end);
    unsigned char byte;

    if (!size)
        return 0;
    if (!mapped && write)
        return -1;
    if (address > UINT64_MAX - size)
        size = UINT64_MAX - address;
    if (mapped && end < address + size)
        size = end - address;
    /* The map also has areas behind the end of their file, and such that may not be read. */
    for (unsigned i = 0; i < PAGES_TRIED && at < address + size; i++) {
        long got = rota_peek_memory(process, at, &byte, 1);

        if (got == -EFAULT)
            return (int64_t)(at - address);
        if (got < 0 && !mapped)
            return -1;
        if (got < 0)
            break;
        at = (at / page + 1) * page;
    }
    return size > INT64_MAX ? INT64_MAX : (int64_t)size;
}

enum rota_answer rota_memory_mapped(const struct rota_process *process, uint64_t address,
                                    uint64_t size)
{
    uint64_t end;

    if (!map_end(process, address, ANY, &end))
        return ROTA_UNKNOWN;
    return end - address >= size ? ROTA_YES : ROTA_NO;
}

/*
 * The memory that a request names
 */

bool rota_field_points_to(const struct rota_field_info *field, const char *what)
{
    for (const char *at = rota_word(field->type); at && *at; at++) {
        const char *w = what;
        const char *p = at;

        while (*w && *p == *w) {
            p++;
            w++;
        }
        if (!*w)
            return true;
    }
    return false;
}

uint64_t rota_field_element(const struct rota_field_info *field)
{
    static const struct {
        const char *type;
        unsigned size;
    } sizes[] = {
        {"struct iovec *", ROTA_VECTOR_SIZE},
        {"struct msghdr *", sizeof(struct rota_message)},
        {"struct __kernel_timespec *", 16},
        {"struct statx *", 256},
#if defined(__x86_64__)
        {"struct epoll_event *", 12},
#else
        {"struct epoll_event *", 16},
#endif
        {"struct futex_waitv *", 24},
        {"struct io_uring_attr_pi *", 32},
        {"int *", 4},
        {"unsigned *", 4},
        {"uint32_t *", 4},
    };

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        if (rota_field_points_to(field, sizes[i].type))
            return sizes[i].size;
    }
    return 1;
}

static uint64_t extent_of(const struct rota_subject *s, const struct rota_field_info *field)
{
    uint64_t count = field->length;

    if (!count)
        count = rota_sqe_field(s->sqe, field->length_at, field->length_size);
    /* Of an address whose length lies elsewhere: as much as the shortest usual one has. */
    if (field->length == 1 && rota_field_points_to(field, "struct sockaddr *"))
        count = 16;
    return count *
           (rota_field_is_vector(field, s->sqe) ? ROTA_VECTOR_SIZE : rota_field_element(field));
}

/* One range; `name` may have a second part. NO with a sentence where it is not as it should be. */
static enum rota_answer range(const struct rota_subject *s, const char *name, const char *part,
                              uint64_t address, uint64_t size, bool write, struct rota_text *text)
{
    int64_t reach = rota_memory_reach(s->list->process, address, size, write);

    if (reach < 0)
        return ROTA_UNKNOWN;
    if ((uint64_t)reach >= size)
        return ROTA_YES;
    if (!text)
        return ROTA_NO;
    rota_text_all(text, name, part, "=", NULL);
    if (address)
        rota_text_hex(text, address);
    else
        rota_text_put(text, "NULL");
    if (reach) {
        rota_text_put(text, " is to have ");
        rota_text_decimal(text, size);
        rota_text_put(text, " bytes, and only the first ");
        rota_text_decimal(text, (uint64_t)reach);
        rota_text_put(text, write ? " are memory that this process may write"
                                  : " are memory of this process");
    } else if (write && rota_memory_reach(s->list->process, address, 1, false) > 0) {
        rota_text_put(text, " is memory that this process may not write");
    } else {
        rota_text_put(text, " is no memory of this process");
    }
    return ROTA_NO;
}

/* What the elements of a vector name. */
static enum rota_answer vectors(const struct rota_subject *s, uint64_t address, uint64_t count,
                                bool write, struct rota_text *text)
{
    for (uint64_t i = 0; i < count && i < ROTA_VECTORS_TAKEN; i++) {
        uint64_t base, size;
        enum rota_answer answer;
        struct rota_text name;
        char part[48];

        if (!rota_peek_vector(s->list->process, address, i, &base, &size))
            return ROTA_UNKNOWN;
        rota_text_start(&name, part, sizeof(part));
        rota_text_put(&name, "element ");
        rota_text_decimal(&name, i);
        answer = range(s, part, " of the vector: base", base, size, write, text);
        if (answer != ROTA_YES)
            return answer;
    }
    return ROTA_YES;
}

static enum rota_answer message(const struct rota_subject *s, const struct rota_field_info *field,
                                uint64_t address, struct rota_text *text)
{
    bool write = field->elements == ROTA_MEMORY_WRITTEN;
    struct rota_message m;
    enum rota_answer answer;

    if (s->list->process && (s->list->process->flags & ROTA_PROCESS_32BIT))
        return ROTA_UNKNOWN;
    answer = range(s, rota_word(field->name), "", address, sizeof(m), write, text);
    if (answer != ROTA_YES)
        return answer;
    if (!rota_peek_message(s->list->process, address, &m))
        return ROTA_UNKNOWN;
    if (m.name && m.name_size > 0)
        answer = range(s, rota_word(field->name), "->msg_name", m.name, (uint64_t)m.name_size,
                       write, text);
    if (answer == ROTA_YES && m.vector_count <= ROTA_VECTORS_TAKEN)
        answer = range(s, rota_word(field->name), "->msg_iov", m.vectors,
                       m.vector_count * ROTA_VECTOR_SIZE, false, text);
    if (answer == ROTA_YES && !(s->sqe->flags & IOSQE_BUFFER_SELECT) && !rota_subject_buffer(s) &&
        field->elements)
        answer = vectors(s, m.vectors, m.vector_count, write, text);
    if (answer == ROTA_YES && m.control_size)
        answer = range(s, rota_word(field->name), "->msg_control", m.control, m.control_size, write,
                       text);
    return answer;
}

/* The words of a wait on several futexes; true with the next one while there are some. */
bool rota_subject_futex(const struct rota_subject *s, const struct rota_field_info *field,
                        uint64_t index, struct rota_futex *word)
{
    uint64_t address = rota_sqe_field(s->sqe, field->offset, field->size);

    return rota_field_points_to(field, "struct futex_waitv *") && index < s->sqe->len &&
           index < ROTA_FUTEXES_TAKEN &&
           rota_peek_memory(s->list->process, address + index * sizeof(*word), word,
                            sizeof(*word)) == (long)sizeof(*word);
}

static enum rota_answer futexes(const struct rota_subject *s, const struct rota_field_info *field,
                                struct rota_text *text)
{
    enum rota_answer answer = ROTA_YES;
    struct rota_futex word;

    for (uint64_t i = 0; answer == ROTA_YES && rota_subject_futex(s, field, i, &word); i++) {
        struct rota_text name;
        char part[48];

        rota_text_start(&name, part, sizeof(part));
        rota_text_put(&name, "word ");
        rota_text_decimal(&name, i);
        answer = range(s, part, ": uaddr", word.address, sizeof(uint32_t), false, text);
    }
    return answer;
}

/* Text that ends before its memory does. */
static enum rota_answer string(const struct rota_subject *s, const struct rota_field_info *field,
                               uint64_t address, struct rota_text *text)
{
    unsigned char bytes[256];

    for (uint64_t at = address; at - address < ROTA_PATH_MAX;) {
        long got = rota_peek_memory(s->list->process, at, bytes, sizeof(bytes));

        if (got == -EFAULT)
            return range(s, rota_word(field->name), "", address, at - address + 1, false, text);
        if (got <= 0)
            return ROTA_UNKNOWN;
        for (long i = 0; i < got; i++) {
            if (!bytes[i])
                return ROTA_YES;
        }
        at += (uint64_t)got;
    }
    return ROTA_YES;
}

const struct rota_field_info *rota_subject_buffer(const struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (field->role == ROTA_ROLE_BUFFER &&
            rota_conditions_hold(field->when, s->sqe, s->ring) == ROTA_YES)
            return field;
    }
    return NULL;
}

bool rota_field_is_data(const struct rota_field_info *field)
{
    return field->offset == offsetof(struct io_uring_sqe, addr) &&
           rota_field_points_to(field, "void *");
}

bool rota_field_is_text(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_PATH || field->role == ROTA_ROLE_NEW_PATH ||
           field->role == ROTA_ROLE_ANY_PATH || field->role == ROTA_ROLE_ATTRIBUTE ||
           field->role == ROTA_ROLE_TEXT;
}

bool rota_field_is_vector(const struct rota_field_info *field, const struct io_uring_sqe *sqe)
{
    return rota_field_points_to(field, "struct iovec *") ||
           (field->vector_when.count &&
            rota_conditions_hold(field->vector_when, sqe, NULL) == ROTA_YES);
}

enum rota_answer rota_subject_memory(const struct rota_subject *s,
                                     const struct rota_field_info *field, struct rota_text *text)
{
    uint64_t address = rota_sqe_field(s->sqe, field->offset, field->size);
    bool write = field->memory == ROTA_MEMORY_WRITTEN || field->memory == ROTA_MEMORY_BOTH;
    enum rota_answer answer;

    if (!address && field->optional)
        return ROTA_YES;
    /* Data lies in a group's buffer or a registered one, wherever the pointer leads. */
    if (rota_field_is_data(field) &&
        ((s->sqe->flags & IOSQE_BUFFER_SELECT) || rota_subject_buffer(s)))
        return ROTA_YES;
    if (rota_field_is_text(field))
        return string(s, field, address, text);
    if (rota_field_points_to(field, "struct msghdr *"))
        return message(s, field, address, text);
    answer = range(s, rota_word(field->name), "", address, extent_of(s, field), write, text);
    if (answer == ROTA_YES && rota_field_is_vector(field, s->sqe) && field->elements &&
        !(s->sqe->flags & IOSQE_BUFFER_SELECT))
        answer = vectors(s, address, extent_of(s, field) / ROTA_VECTOR_SIZE,
                         field->elements == ROTA_MEMORY_WRITTEN, text);
    return answer == ROTA_YES ? futexes(s, field, text) : answer;
}

enum rota_answer rota_subject_point(const struct rota_subject *s,
                                    const struct rota_point_info *point, struct rota_text *text)
{
    uint64_t address = rota_sqe_field(s->sqe, point->offset, point->size);
    uint64_t count = 1;
    /* Of memory that the command reads or writes as it likes no more is known than that it is. */
    bool write = point->memory == ROTA_MEMORY_WRITTEN;
    enum rota_answer answer;

    if (point->length_size)
        count = rota_sqe_field(s->sqe, point->length_at, point->length_size);
    if (!count || (!address && !point->length_size))
        return ROTA_YES;
    if (s->sqe->uring_cmd_flags & IORING_URING_CMD_FIXED)
        return ROTA_UNKNOWN; /* it lies in a registered buffer */
    if (!point->vectors)
        return range(s, rota_word(point->name), "", address, count, write, text);
    if (count > ROTA_VECTORS_TAKEN)
        return ROTA_UNKNOWN;
    answer = range(s, rota_word(point->name), "", address, count * ROTA_VECTOR_SIZE, false, text);
    return answer == ROTA_YES ? vectors(s, address, count, write, text) : answer;
}

static enum rota_answer piece_within(uint64_t address, uint64_t size,
                                     const struct rota_ring_view *buffer)
{
    return address >= buffer->address && size <= buffer->size &&
                   address - buffer->address <= buffer->size - size
               ? ROTA_YES
               : ROTA_NO;
}

enum rota_answer rota_subject_within(const struct rota_subject *s,
                                     const struct rota_ring_view *buffer)
{
    uint64_t address = s->sqe->addr, count = s->sqe->len, base, size;
    enum rota_answer answer = ROTA_YES;
    bool pieces = false;

    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];
        struct rota_message m;

        if (field->offset != offsetof(struct io_uring_sqe, addr))
            continue;
        pieces = rota_field_is_vector(field, s->sqe);
        if (!rota_field_points_to(field, "struct msghdr *"))
            continue;
        if (!rota_peek_message(s->list->process, address, &m))
            return ROTA_UNKNOWN;
        pieces = true;
        address = m.vectors;
        count = m.vector_count;
    }
    if (!pieces)
        return piece_within(address, count, buffer);
    for (uint64_t i = 0; i < count && i < ROTA_VECTORS_TAKEN && answer == ROTA_YES; i++) {
        if (!rota_peek_vector(s->list->process, address, i, &base, &size))
            return ROTA_UNKNOWN;
        answer = piece_within(base, size, buffer);
    }
    return answer;
}
