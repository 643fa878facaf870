/* SPDX-License-Identifier: MIT */
/* The looks of the table: what each word of codegen/table/looks.py sees. */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/fcntl.h>
#include <linux/openat2.h>

/* Of 5.12, which older headers do not know. */
#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif
#define RESOLVE_ALL                                                                    \
    (RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH | \
     RESOLVE_IN_ROOT | RESOLVE_CACHED)

/* A look at something that is not there fails, whatever it looks for. */
#define NOTHING_THERE (-1)

static int yes(bool seen)
{
    return seen ? ROTA_YES : ROTA_NO;
}

static uint64_t value_of(const struct rota_subject *s, const struct rota_field_info *field)
{
    return rota_sqe_field(s->sqe, field->offset, field->size);
}

static void view_slot(const struct rota_subject *s, unsigned slot, struct rota_file_view *view)
{
    struct rota_ring_view ring;

    rota_view_own_ring(s->list->process, s->ring, ROTA_RING_SLOT, slot, &ring);
    view->fd = -1;
    view->slot = true;
    view->flags = -EBADF;
    view->open = ring.known == ROTA_YES ? (enum rota_answer)yes(ring.there) : ROTA_UNKNOWN;
    view->kind = ring.kind;
}

void rota_subject_file(const struct rota_subject *s, const struct rota_field_info *field,
                       struct rota_file_view *view)
{
    uint64_t value = value_of(s, field);

    if (field->role == ROTA_ROLE_SLOT)
        view_slot(s, (unsigned)value - 1, view);
    else if (field->role == ROTA_ROLE_INDEX ||
             (field->role == ROTA_ROLE_FILE && (s->sqe->flags & IOSQE_FIXED_FILE)) ||
             (field->slot_when.count &&
              rota_conditions_hold(field->slot_when, s->sqe, s->ring) == ROTA_YES))
        view_slot(s, (unsigned)value, view);
    else
        rota_view_fd(s->list->process, (int32_t)value, view);
}

/*
 * Descriptors
 */

static int see_mode(const struct rota_file_view *view, int refused)
{
    if (view->flags < 0)
        return ROTA_UNKNOWN;
    return yes(!(view->flags & O_PATH) && (view->flags & O_ACCMODE) != refused);
}

static int see_flag(const struct rota_file_view *view, int flag)
{
    return view->flags < 0 ? ROTA_UNKNOWN : yes(view->flags & flag);
}

static int see_kind(const struct rota_file_view *view, enum rota_file_kind kind)
{
    return view->kind == ROTA_FILE_UNKNOWN ? ROTA_UNKNOWN : yes(view->kind == kind);
}

/*
 * Whether it is a ring to the kernel that the request was sent to. To the
 * emulated one no ring of the real kernel is, and its own look like the epolls
 * that they are made of; of others nothing is known.
 */
static int see_whether_ring(const struct rota_subject *s, const struct rota_file_view *view)
{
    switch (s->ring ? rota_ring_kind(s->ring) : ROTA_KERNEL_REAL) {
    case ROTA_KERNEL_REAL:
        return see_kind(view, ROTA_FILE_RING);
    case ROTA_KERNEL_EMULATED:
        return view->kind == ROTA_FILE_UNKNOWN || view->kind == ROTA_FILE_EPOLL ? ROTA_UNKNOWN
                                                                                : ROTA_NO;
    default:
        return ROTA_UNKNOWN;
    }
}

static int see_socket(const struct rota_subject *s, const struct rota_file_view *view,
                      enum rota_look_kind kind)
{
    int type;

    if (view->kind != ROTA_FILE_SOCKET && view->kind != ROTA_FILE_UNKNOWN)
        return NOTHING_THERE;
    if (view->fd < 0 || s->list->process || view->kind == ROTA_FILE_UNKNOWN)
        return ROTA_UNKNOWN;
    switch (kind) {
    case ROTA_LOOK_LISTENING:
        return (int)rota_socket_listens(view->fd);
    case ROTA_LOOK_CONNECTED:
        return (int)rota_socket_connected(view->fd);
    case ROTA_LOOK_BOUND:
        return (int)rota_socket_bound(view->fd);
    default:
        type = rota_socket_type(view->fd);
        return type < 0 ? ROTA_UNKNOWN : yes(type == 2);
    }
}

static int see_ring(const struct rota_ring_view *ring, enum rota_look_kind kind)
{
    if (ring->known != ROTA_YES)
        return ROTA_UNKNOWN;
    switch (kind) {
    case ROTA_LOOK_TABLED:
        return yes(ring->files);
    case ROTA_LOOK_BUFFERED:
        return yes(ring->buffers);
    default:
        return yes(ring->filled == ring->files); /* no slot is free where there is none */
    }
}

static int see_other_ring(const struct rota_subject *s, const struct rota_file_view *view,
                          enum rota_look_kind kind)
{
    struct rota_ring_view ring;

    if (view->kind != ROTA_FILE_RING)
        return view->kind == ROTA_FILE_UNKNOWN ? ROTA_UNKNOWN : NOTHING_THERE;
    rota_view_ring(s->list->process, view->fd, ROTA_RING_WHOLE, 0, &ring);
    return see_ring(&ring, kind);
}

static int see_seekable(const struct rota_file_view *view)
{
    switch (view->kind) {
    case ROTA_FILE_REGULAR:
    case ROTA_FILE_DIRECTORY:
    case ROTA_FILE_BLOCK:
        return ROTA_YES;
    case ROTA_FILE_CHARACTER:
    case ROTA_FILE_UNKNOWN:
        return ROTA_UNKNOWN;
    default:
        return ROTA_NO;
    }
}

/* Whether another descriptor of the request leads to the same file. */
static int see_same(const struct rota_subject *s, const struct rota_field_info *field,
                    const struct rota_file_view *view)
{
    struct rota_file_view other;

    if (view->fd < 0)
        return ROTA_UNKNOWN;
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *second = &rota_fields(s->op->fields)[i];

        if (second == field ||
            (second->role != ROTA_ROLE_FILE && second->role != ROTA_ROLE_DESCRIPTOR))
            continue;
        rota_subject_file(s, second, &other);
        if (other.fd < 0)
            return other.open == ROTA_NO ? NOTHING_THERE : ROTA_UNKNOWN;
        return (int)rota_same_file(s->list->process, view->fd, other.fd);
    }
    return ROTA_UNKNOWN;
}

/* Whether it is the ring that the request was sent to; it may have further descriptors. */
static int see_own(const struct rota_subject *s, const struct rota_file_view *view)
{
    if (view->kind != ROTA_FILE_RING)
        return view->kind == ROTA_FILE_UNKNOWN ? ROTA_UNKNOWN : ROTA_NO;
    return s->ring && view->fd >= 0 && view->fd == s->ring->ring_fd ? ROTA_YES : ROTA_UNKNOWN;
}

static int see_file(const struct rota_subject *s, const struct rota_field_info *field,
                    enum rota_look_kind kind)
{
    static const enum rota_file_kind kinds[] = {
        [ROTA_LOOK_REGULAR] = ROTA_FILE_REGULAR, [ROTA_LOOK_DIRECTORY] = ROTA_FILE_DIRECTORY,
        [ROTA_LOOK_SOCKET] = ROTA_FILE_SOCKET,   [ROTA_LOOK_PIPE] = ROTA_FILE_PIPE,
        [ROTA_LOOK_BLOCK] = ROTA_FILE_BLOCK,     [ROTA_LOOK_CHARACTER] = ROTA_FILE_CHARACTER,
        [ROTA_LOOK_EPOLL] = ROTA_FILE_EPOLL,     [ROTA_LOOK_EVENTFD] = ROTA_FILE_EVENTFD,
    };
    struct rota_file_view view;

    rota_subject_file(s, field, &view);
    if (kind == ROTA_LOOK_OPEN)
        return (int)view.open;
    if (view.open != ROTA_YES)
        return view.open == ROTA_NO ? NOTHING_THERE : ROTA_UNKNOWN;
    switch (kind) {
    case ROTA_LOOK_READABLE:
        return see_mode(&view, O_WRONLY);
    case ROTA_LOOK_WRITABLE:
        return see_mode(&view, O_RDONLY);
    case ROTA_LOOK_APPENDING:
        return see_flag(&view, O_APPEND);
    case ROTA_LOOK_DIRECT:
        return see_flag(&view, O_DIRECT);
    case ROTA_LOOK_NONBLOCKING:
        return see_flag(&view, O_NONBLOCK);
    case ROTA_LOOK_SEEKABLE:
        return see_seekable(&view);
    case ROTA_LOOK_LISTENING:
    case ROTA_LOOK_CONNECTED:
    case ROTA_LOOK_BOUND:
    case ROTA_LOOK_DATAGRAM:
        return see_socket(s, &view, kind);
    case ROTA_LOOK_TABLED:
    case ROTA_LOOK_FULL:
        return see_other_ring(s, &view, kind);
    case ROTA_LOOK_SEALED:
        return s->list->process || view.fd < 0 ? ROTA_UNKNOWN : yes(rota_file_is_sealed(view.fd));
    case ROTA_LOOK_ALIGNED:
        return (int)rota_subject_aligned(s, &view);
    case ROTA_LOOK_SAME:
        return see_same(s, field, &view);
    case ROTA_LOOK_OWN:
        return see_own(s, &view);
    case ROTA_LOOK_RING:
        return see_whether_ring(s, &view);
    default:
        return see_kind(&view, kinds[kind]);
    }
}

/*
 * Slots, buffers, groups
 */

static int see_slot(const struct rota_subject *s, const struct rota_field_info *field)
{
    uint64_t value = value_of(s, field);
    struct rota_ring_view ring;

    if (field->role != ROTA_ROLE_INDEX)
        value--;
    if (field->role == ROTA_ROLE_FAR_SLOT)
        rota_view_ring(s->list->process, s->sqe->fd, ROTA_RING_WHOLE, 0, &ring);
    else
        rota_view_own_ring(s->list->process, s->ring, ROTA_RING_WHOLE, 0, &ring);
    if (ring.known != ROTA_YES)
        return ROTA_UNKNOWN;
    return ring.files ? yes(value < ring.files) : NOTHING_THERE;
}

static int see_buffer(const struct rota_subject *s, const struct rota_field_info *field,
                      bool within)
{
    struct rota_ring_view ring;

    rota_view_own_ring(s->list->process, s->ring, ROTA_RING_BUFFER, (unsigned)value_of(s, field),
                       &ring);
    if (ring.known != ROTA_YES)
        return ROTA_UNKNOWN;
    if (!within || !ring.there)
        return yes(ring.there);
    return (int)rota_subject_within(s, &ring);
}

static int see_group(const struct rota_subject *s, unsigned group)
{
    return s->list->process ? ROTA_UNKNOWN : (int)rota_group_exists(s->ring, group);
}

/*
 * Paths and memory
 */

int rota_subject_directory(const struct rota_subject *s, const struct rota_field_info *field)
{
    /* The nearest one before the path. */
    for (const struct rota_field_info *f = field; f-- != rota_fields(s->op->fields);) {
        if (f->role == ROTA_ROLE_DIRECTORY)
            return (int32_t)value_of(s, f);
    }
    return AT_FDCWD;
}

static int see_path(const struct rota_subject *s, const struct rota_field_info *field,
                    enum rota_look_kind kind)
{
    struct rota_path_view path;
    int dirfd = rota_subject_directory(s, field);

    if (!rota_view_path(s->list->process, dirfd, value_of(s, field), &path))
        return ROTA_UNKNOWN;
    if (kind == ROTA_LOOK_EMPTY)
        return yes(!path.length);
    if (!path.length)
        return NOTHING_THERE;
    if (path.error && kind != ROTA_LOOK_PRESENT && kind != ROTA_LOOK_REACHABLE &&
        kind != ROTA_LOOK_CHANGEABLE)
        return NOTHING_THERE;
    switch (kind) {
    case ROTA_LOOK_PRESENT:
        return yes(!path.error);
    case ROTA_LOOK_REACHABLE:
        return yes(path.last);
    case ROTA_LOOK_CHANGEABLE:
        return path.last ? (int)rota_path_changeable(s->list->process, dirfd, &path)
                         : NOTHING_THERE;
    case ROTA_LOOK_DIRECTORY:
        return yes(path.directory);
    case ROTA_LOOK_LINK:
        return yes(path.link);
    case ROTA_LOOK_SOCKET:
    case ROTA_LOOK_PIPE:
        return path.type ? yes(path.type == (kind == ROTA_LOOK_PIPE ? 0010000 : 0140000))
                         : ROTA_UNKNOWN;
    case ROTA_LOOK_READABLE:
        return (int)rota_path_allows(s->list->process, dirfd, path.text, ROTA_MAY_READ);
    case ROTA_LOOK_WRITABLE:
        return (int)rota_path_allows(s->list->process, dirfd, path.text, ROTA_MAY_WRITE);
    default:
        return (int)rota_path_populated(s->list->process, dirfd, path.text);
    }
}

static int see_time(const struct rota_subject *s, uint64_t address)
{
    int64_t time[2];

    if (rota_peek_memory(s->list->process, address, time, sizeof(time)) != (long)sizeof(time))
        return NOTHING_THERE;
    return yes(time[0] >= 0 && time[1] >= 0 && time[1] < 1000000000);
}

/* A length of which the kernel reads 32 bits, with a sign. */
static int see_length(const struct rota_subject *s, uint64_t address)
{
    int32_t length;

    if (rota_peek_memory(s->list->process, address, &length, sizeof(length)) !=
        (long)sizeof(length))
        return NOTHING_THERE;
    return yes(length >= 0);
}

/* The kernel's struct open_how. */
struct how {
    uint64_t flags, mode, resolve;
};

static int see_how(const struct rota_subject *s, uint64_t address, enum rota_look_kind kind)
{
    struct how how;

    if (rota_peek_memory(s->list->process, address, &how, sizeof(how)) != (long)sizeof(how))
        return NOTHING_THERE;
    switch (kind) {
    case ROTA_LOOK_CREATING:
        return yes(how.flags & O_CREAT);
    case ROTA_LOOK_MODED:
        return yes(how.mode);
    case ROTA_LOOK_READING:
        return yes((how.flags & O_ACCMODE) != O_WRONLY);
    case ROTA_LOOK_WRITING:
        return yes((how.flags & O_ACCMODE) != O_RDONLY || (how.flags & O_TRUNC));
    case ROTA_LOOK_CONFINED:
        return yes(how.resolve & (RESOLVE_NO_XDEV | RESOLVE_BENEATH | RESOLVE_IN_ROOT));
    case ROTA_LOOK_CACHED:
        return yes(how.resolve & RESOLVE_CACHED);
    case ROTA_LOOK_LINKLESS:
        return yes((how.resolve & (RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS)) ||
                   (how.flags & O_NOFOLLOW));
    default:
        return yes(!(how.resolve & ~(uint64_t)RESOLVE_ALL) && how.flags <= UINT32_MAX);
    }
}

/*
 * Socket addresses
 */

static int see_address(const struct rota_subject *s, const struct rota_field_info *field,
                       enum rota_look_kind kind)
{
    uint64_t size = field->length_size
                        ? rota_sqe_field(s->sqe, field->length_at, field->length_size)
                        : sizeof(uint16_t);
    struct rota_file_view view;
    uint16_t family;
    int own;

    if (size < sizeof(family))
        return ROTA_NO;
    if (rota_peek_memory(s->list->process, value_of(s, field), &family, sizeof(family)) !=
        (long)sizeof(family))
        return NOTHING_THERE;
    if (kind == ROTA_LOOK_WHOLE)
        return yes(size >= rota_address_size(family));
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        if (rota_fields(s->op->fields)[i].role != ROTA_ROLE_FILE)
            continue;
        rota_subject_file(s, &rota_fields(s->op->fields)[i], &view);
        own = s->list->process || view.fd < 0 ? -1 : rota_socket_family(view.fd);
        return own < 0 ? ROTA_UNKNOWN : yes(own == family);
    }
    return ROTA_UNKNOWN;
}

static int see_message(const struct rota_subject *s, uint64_t address)
{
    struct rota_message message;

    if (!rota_peek_message(s->list->process, address, &message))
        return NOTHING_THERE;
    return yes(message.vector_count > ROTA_VECTORS_TAKEN);
}

/* Bytes before the data of a control message. */
#define CONTROL_HEADER (sizeof(size_t) + 2 * sizeof(int))

/* Whether the length of the name, and those of the control messages, can be. */
static int see_form(const struct rota_subject *s, uint64_t address)
{
    struct rota_message message;
    size_t length, left;

    if (!rota_peek_message(s->list->process, address, &message))
        return NOTHING_THERE;
    if (message.name && message.name_size < 0)
        return ROTA_NO;
    if (s->list->process && (s->list->process->flags & ROTA_PROCESS_32BIT))
        return ROTA_UNKNOWN;
    for (left = message.control ? message.control_size : 0; left >= CONTROL_HEADER;) {
        if (rota_peek_memory(s->list->process, message.control, &length, sizeof(length)) !=
            (long)sizeof(length))
            return ROTA_UNKNOWN;
        if (length < CONTROL_HEADER || length > left)
            return ROTA_NO;
        length = (length + sizeof(length) - 1) & ~(sizeof(length) - 1);
        if (length > left)
            break;
        message.control += length;
        left -= length;
    }
    return ROTA_YES;
}

/* Whether no vector, of the field or of the message there, is too long. */
static int see_vectors(const struct rota_subject *s, const struct rota_field_info *field,
                       uint64_t address)
{
    struct rota_message message = {.vectors = 0};

    if (!rota_field_points_to(field, "struct msghdr *"))
        return (int)rota_vectors_bounded(s->list->process, address, s->sqe->len);
    if (!rota_peek_message(s->list->process, address, &message))
        return NOTHING_THERE;
    return (int)rota_vectors_bounded(s->list->process, message.vectors, message.vector_count);
}

/* Flags of a futex that are known: its size, of which 32 bits are taken, and FUTEX2_PRIVATE. */
#define FUTEX_SIZE_32   2u
#define FUTEX_FLAGS_ALL (FUTEX_SIZE_32 | 128u)

/* Whether all words of a wait are such that the kernel takes them. */
static int see_futexes(const struct rota_subject *s, const struct rota_field_info *field,
                       enum rota_look_kind kind)
{
    struct rota_futex word;
    uint64_t i;

    for (i = 0; rota_subject_futex(s, field, i, &word); i++) {
        if (kind == ROTA_LOOK_ALIGNED
                ? word.address & 3
                : word.reserved || !(word.flags & FUTEX_SIZE_32) || (word.flags & ~FUTEX_FLAGS_ALL))
            return ROTA_NO;
    }
    return i ? ROTA_YES : NOTHING_THERE;
}

/* Where pages have several sizes the smallest says only what does not start on one. */
enum rota_answer rota_starts_page(uint64_t address)
{
    if (address & ((UINT64_C(1) << ROTA_PAGE_SHIFT_MIN) - 1))
        return ROTA_NO;
    return ROTA_PAGE_SHIFT_MIN == ROTA_PAGE_SHIFT_MAX ? ROTA_YES : ROTA_UNKNOWN;
}

static int see_descriptors(const struct rota_subject *s, const struct rota_field_info *field,
                           enum rota_look_kind kind)
{
    int fd;
    long at = rota_array_find(s->list->process, value_of(s, field),
                              rota_sqe_field(s->sqe, field->length_at, field->length_size),
                              kind == ROTA_LOOK_RING, &fd);

    if (at == ROTA_ARRAY_UNSEEN)
        return ROTA_UNKNOWN;
    return yes((at >= 0) == (kind == ROTA_LOOK_RING));
}

static int see_memory(const struct rota_subject *s, const struct rota_field_info *field,
                      enum rota_look_kind kind)
{
    uint64_t address = value_of(s, field);

    switch (kind) {
    case ROTA_LOOK_VALID:
        return rota_field_points_to(field, "unsigned *") ? see_length(s, address)
                                                         : see_time(s, address);
    case ROTA_LOOK_FORMED:
        return see_form(s, address);
    case ROTA_LOOK_CREATING:
    case ROTA_LOOK_MODED:
    case ROTA_LOOK_READING:
    case ROTA_LOOK_WRITING:
    case ROTA_LOOK_CONFINED:
    case ROTA_LOOK_CACHED:
    case ROTA_LOOK_LINKLESS:
        return see_how(s, address, kind);
    case ROTA_LOOK_KNOWN:
        return rota_field_points_to(field, "struct futex_waitv *") ? see_futexes(s, field, kind)
                                                                   : see_how(s, address, kind);
    case ROTA_LOOK_CROWDED:
        return see_message(s, address);
    case ROTA_LOOK_RELATED:
    case ROTA_LOOK_WHOLE:
        return see_address(s, field, kind);
    case ROTA_LOOK_BOUNDED:
        return see_vectors(s, field, address);
    case ROTA_LOOK_PAGED:
        return (int)rota_starts_page(address);
    case ROTA_LOOK_MAPPED:
        return (int)rota_memory_mapped(
            s->list->process, address,
            rota_sqe_field(s->sqe, field->length_at, field->length_size));
    case ROTA_LOOK_ALIGNED:
        if (rota_field_points_to(field, "struct futex_waitv *"))
            return see_futexes(s, field, kind);
        return yes(!(address & (rota_field_element(field) - 1)));
    default:
        return (int)rota_subject_memory(s, field, NULL);
    }
}

static int see_field(const struct rota_subject *s, const struct rota_field_info *field,
                     enum rota_look_kind kind)
{
    if (rota_conditions_hold(field->when, s->sqe, s->ring) == ROTA_NO)
        return NOTHING_THERE;
    switch (field->role) {
    case ROTA_ROLE_FILE:
    case ROTA_ROLE_DESCRIPTOR:
    case ROTA_ROLE_DIRECTORY:
        return see_file(s, field, kind);
    case ROTA_ROLE_SLOT:
    case ROTA_ROLE_INDEX:
    case ROTA_ROLE_FAR_SLOT:
        return kind == ROTA_LOOK_WITHIN ? see_slot(s, field) : see_file(s, field, kind);
    case ROTA_ROLE_BUFFER:
        return see_buffer(s, field, kind == ROTA_LOOK_WITHIN);
    case ROTA_ROLE_GROUP:
        return see_group(s, (unsigned)value_of(s, field));
    case ROTA_ROLE_DESCRIPTORS:
        return see_descriptors(s, field, kind);
    case ROTA_ROLE_PATH:
    case ROTA_ROLE_NEW_PATH:
    case ROTA_ROLE_ANY_PATH:
    case ROTA_ROLE_TEXT:
        return see_path(s, field, kind);
    default:
        return see_memory(s, field, kind);
    }
}

static int see(const struct rota_subject *s, const struct rota_look *look)
{
    struct rota_ring_view ring;

    if (look->at != ROTA_LOOK_AT_RING)
        return see_field(s, &rota_fields(s->op->fields)[look->at], (enum rota_look_kind)look->kind);
    rota_view_own_ring(s->list->process, s->ring, ROTA_RING_WHOLE, 0, &ring);
    return see_ring(&ring, (enum rota_look_kind)look->kind);
}

enum rota_answer rota_look_holds(const struct rota_subject *s, const struct rota_look *look)
{
    int seen = see(s, look);

    if (seen == NOTHING_THERE)
        return ROTA_NO;
    if (seen == ROTA_UNKNOWN)
        return ROTA_UNKNOWN;
    return (seen == ROTA_YES) != look->negated ? ROTA_YES : ROTA_NO;
}
