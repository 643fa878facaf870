/* SPDX-License-Identifier: MIT */
/*
 * What the kind of a request's file shows: what it takes and in which sizes, and
 * whether a socket or pipe has another end. No opcode is named here.
 */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/fcntl.h>

/* Whether the request reads from its file or writes to it, as its memory tells. */
static enum rota_memory direction(const struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (field->offset != offsetof(struct io_uring_sqe, addr) || field->length)
            continue;
        if (rota_field_is_vector(field, s->sqe))
            return (enum rota_memory)field->elements;
        if (rota_field_is_data(field))
            return (enum rota_memory)field->memory;
    }
    return ROTA_MEMORY_NONE;
}

/* Bytes that the request is to move; false when that cannot be seen. */
static bool bytes_of(const struct rota_subject *s, uint64_t *bytes)
{
    *bytes = s->sqe->len;
    if (s->sqe->flags & IOSQE_BUFFER_SELECT)
        return false;
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];
        uint64_t base, size;

        if (field->offset != offsetof(struct io_uring_sqe, addr) ||
            !rota_field_is_vector(field, s->sqe))
            continue;
        *bytes = 0;
        for (uint32_t k = 0; k < s->sqe->len && k < 1024; k++) {
            if (!rota_peek_vector(s->list->process, s->sqe->addr, k, &base, &size))
                return false;
            *bytes += size;
        }
    }
    return true;
}

/* Files opened past the page cache are particular about positions, lengths and addresses. */
static void look_at_alignment(struct rota_subject *s, const struct rota_file_view *view)
{
    struct rota_cause_writer w;
    struct rota_alignment a;

    if (!rota_subject_alignment(s, view, &a) || !a.what ||
        !rota_cause_add(s->list, a.known ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    rota_cause_fd(&w.text, "fd", view->fd);
    rota_text_all(&w.text, " is open with O_DIRECT, and the ", a.what, NULL);
    rota_text_put(&w.text, a.vector && a.what[0] != 'o' ? " of an element of the vector" : "");
    rota_text_put(&w.text, " is no multiple of ");
    rota_text_decimal(&w.text, a.what[0] == 'a' ? a.memory : a.offset);
    rota_text_put(&w.remedy, a.known ? "align addresses to "
                                     : "align all of them to the block size "
                                       "of the device, in doubt 4096");
    if (a.known) {
        rota_text_decimal(&w.remedy, a.memory);
        rota_text_put(&w.remedy, " bytes, offsets and lengths to ");
        rota_text_decimal(&w.remedy, a.offset);
    }
}

/* An inotify queue gives whole events only. */
static void look_at_event(struct rota_subject *s, const struct rota_file_view *view, uint64_t bytes)
{
    int waiting = s->list->process ? -1 : rota_bytes_waiting(view->fd);
    struct rota_cause_writer w;

    if (waiting >= 0 && (uint64_t)waiting <= bytes)
        return;
    if (!rota_cause_add(s->list, waiting >= 0 ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    rota_cause_fd(&w.text, "fd", view->fd);
    rota_text_put(&w.text, " is an inotify queue, which is read in whole events of 16 bytes and a "
                           "name, and the next one does not fit ");
    rota_text_decimal(&w.text, bytes);
    rota_text_put(&w.text, " bytes");
    rota_text_put(&w.remedy, "make room for 16 + NAME_MAX + 1 = 272 bytes at least");
}

/* Descriptors that give and take records of a size of their own. */
static void look_at_records(struct rota_subject *s, const struct rota_file_view *view,
                            enum rota_memory way)
{
    static const struct {
        enum rota_file_kind kind;
        unsigned read, written; /* the least that is taken; 0: it cannot be done at all */
    } records[] = {
        {ROTA_FILE_EVENTFD, 8, 8},  {ROTA_FILE_TIMERFD, 8, 0}, {ROTA_FILE_SIGNALFD, 128, 0},
        {ROTA_FILE_INOTIFY, 16, 0}, {ROTA_FILE_EPOLL, 0, 0},   {ROTA_FILE_RING, 0, 0},
        {ROTA_FILE_PIDFD, 0, 0},
    };
    struct rota_cause_writer w;
    uint64_t bytes, value;

    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
        unsigned least = way == ROTA_MEMORY_WRITTEN ? records[i].read : records[i].written;
        const char *verb = way == ROTA_MEMORY_WRITTEN ? "read" : "written";

        if (records[i].kind != view->kind)
            continue;
        /* An event of inotify has a name of any length behind it. */
        if (view->kind == ROTA_FILE_INOTIFY && least && bytes_of(s, &bytes) && bytes >= least) {
            look_at_event(s, view, bytes);
            return;
        }
        if (least && (!bytes_of(s, &bytes) || bytes >= least)) {
            /* The counter of an eventfd has one value that means something else. */
            if (view->kind != ROTA_FILE_EVENTFD || way != ROTA_MEMORY_READ ||
                rota_peek_memory(s->list->process, s->sqe->addr, &value, 8) != 8 ||
                value != UINT64_MAX || !rota_cause_add(s->list, ROTA_CERTAIN, &w))
                return;
            rota_cause_fd(&w.text, "fd", view->fd);
            rota_text_put(&w.text, " is an eventfd, and the value to add is 0xffffffffffffffff");
            return;
        }
        if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
            return;
        rota_cause_fd(&w.text, "fd", view->fd);
        rota_text_all(&w.text, " is ", rota_file_kind_name(view->kind), ", which ", NULL);
        if (!least) {
            rota_text_all(&w.text, "cannot be ", verb, NULL);
            return;
        }
        rota_text_all(&w.text, "is ", verb, " in no less than ", NULL);
        rota_text_decimal(&w.text, least);
        rota_text_put(&w.text, " bytes, and here there are ");
        rota_text_decimal(&w.text, bytes);
        return;
    }
}

/* What kind of file would explain the error. */
static bool kind_explains(int error, enum rota_file_kind kind)
{
    switch (error) {
    case -ENOTSOCK:
        return kind != ROTA_FILE_SOCKET;
    case -EISDIR:
        return kind == ROTA_FILE_DIRECTORY;
    case -ESPIPE:
        return kind != ROTA_FILE_REGULAR && kind != ROTA_FILE_DIRECTORY && kind != ROTA_FILE_BLOCK;
    case -ENOTDIR:
        return kind != ROTA_FILE_DIRECTORY;
    case -ENOTTY:
    case -ENODEV:
        return kind != ROTA_FILE_CHARACTER && kind != ROTA_FILE_BLOCK;
    default:
        return false;
    }
}

static const char *field_name(const struct rota_field_info *field)
{
    return rota_word(field->name);
}

/* That its kind may be the reason, which is always so. */
static void put_kind(struct rota_subject *s, const struct rota_field_info *field,
                     const struct rota_file_view *view)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(s->list, ROTA_POSSIBLE, &w))
        return;
    rota_cause_fd(&w.text, field_name(field), (int32_t)rota_sqe_field(s->sqe, field->offset, 4));
    rota_text_all(&w.text, " is ", rota_file_kind_name(view->kind),
                  ", which may not be capable of this", NULL);
}

/* Errors that tell of a socket without, or with, another end. */
static void look_at_socket(struct rota_subject *s, const struct rota_field_info *field,
                           const struct rota_file_view *view)
{
    bool lonely =
        s->res == -ENOTCONN || s->res == -EDESTADDRREQ || s->res == -EPIPE || s->res == -EINVAL;
    enum rota_answer connected;
    struct rota_cause_writer w;

    if ((!lonely && s->res != -EISCONN) || view->fd < 0 || s->list->process ||
        rota_cause_known(s->list, ROTA_CERTAIN) ||
        (s->res == -EINVAL && direction(s) == ROTA_MEMORY_NONE))
        return;
    connected = rota_socket_connected(view->fd);
    if (connected != (lonely ? ROTA_NO : ROTA_YES) ||
        (s->res == -EINVAL && rota_socket_listens(view->fd) == ROTA_YES))
        return;
    /* Of an EINVAL there are other reasons, too. */
    if (!rota_cause_add(s->list, s->res == -EINVAL ? ROTA_POSSIBLE : ROTA_CERTAIN, &w))
        return;
    rota_cause_fd(&w.text, field_name(field), view->fd);
    rota_text_put(&w.text, lonely ? " is a socket that is not connected"
                                  : " is a socket that is connected already");
}

static void look_at_kind(struct rota_subject *s, const struct rota_field_info *field)
{
    enum rota_memory way = direction(s);
    struct rota_file_view view;
    struct rota_cause_writer w;

    rota_subject_file(s, field, &view);
    if (view.open != ROTA_YES)
        return;
    if (s->res == -EINVAL && way != ROTA_MEMORY_NONE && view.fd >= 0) {
        if (view.flags >= 0 && (view.flags & O_DIRECT))
            look_at_alignment(s, &view);
        look_at_records(s, &view, way);
    }
    if (s->res == -EAGAIN && view.flags >= 0 && (view.flags & O_NONBLOCK) &&
        rota_cause_add(s->list, ROTA_LIKELY, &w)) {
        rota_cause_fd(&w.text, rota_word(field->name), view.fd);
        rota_text_put(&w.text, " is open with O_NONBLOCK, and nothing was ready");
        rota_text_put(&w.remedy, "leave O_NONBLOCK out: the ring waits without a thread");
    }
    if (view.kind == ROTA_FILE_SOCKET)
        look_at_socket(s, field, &view);
    if (s->res == -EPIPE && view.kind == ROTA_FILE_PIPE && view.fd >= 0 && !s->list->process &&
        rota_pipe_is_broken(view.fd) && rota_cause_add(s->list, ROTA_CERTAIN, &w)) {
        rota_cause_fd(&w.text, field_name(field), view.fd);
        rota_text_put(&w.text, " is a pipe whose other end nobody has open for reading");
    }
    if (view.kind == ROTA_FILE_UNKNOWN || rota_cause_known(s->list, ROTA_CERTAIN))
        return;
    if (kind_explains(s->res, view.kind) && rota_cause_add(s->list, ROTA_CERTAIN, &w)) {
        rota_cause_fd(&w.text, field_name(field),
                      (int32_t)rota_sqe_field(s->sqe, field->offset, 4));
        rota_text_all(&w.text, " is ", rota_file_kind_name(view.kind), NULL);
        rota_text_put(&w.remedy, "use a descriptor of the kind that the operation is for");
    } else if (s->res == -EINVAL) {
        put_kind(s, field, &view);
    }
}

void rota_situation_anything(struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];
        struct rota_file_view view;

        if ((field->role != ROTA_ROLE_FILE && field->role != ROTA_ROLE_DESCRIPTOR) ||
            !rota_subject_reads(s, field))
            continue;
        rota_subject_file(s, field, &view);
        if (view.open == ROTA_YES)
            put_kind(s, field, &view);
    }
}

void rota_situation_kinds(struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (field->role == ROTA_ROLE_FILE && rota_subject_reads(s, field) && !(s->claimed >> i & 1))
            look_at_kind(s, field);
    }
}
