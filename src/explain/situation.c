/* SPDX-License-Identifier: MIT */
/*
 * What a look at the descriptors, slots, buffers, memory and paths of a request
 * shows, by the roles of its fields. No opcode is named here.
 */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/fcntl.h>
#include <linux/resource.h>

static const struct rota_ring_view blank = {
    .slot = ROTA_NOT_ASKED, .buffer = ROTA_NOT_ASKED, .personality = ROTA_NOT_ASKED};

static void put_fd(struct rota_text *text, const char *name, int fd)
{
    rota_text_all(text, name, "=", NULL);
    rota_text_signed(text, fd);
}

static void claim(struct rota_subject *s, const struct rota_field_info *field)
{
    s->claimed |= UINT32_C(1) << (field - rota_fields(s->op->fields));
}

static bool is_read(const struct rota_subject *s, const struct rota_field_info *field)
{
    return rota_conditions_hold(field->when, s->sqe, s->ring) != ROTA_NO;
}

/*
 * Descriptors and slots
 */

static void closed(struct rota_subject *s, const struct rota_field_info *field, int fd)
{
    struct rota_cause_writer w;

    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    put_fd(&w.text, rota_word(field->name), fd);
    rota_text_put(&w.text, " is not an open descriptor of this process");
    rota_text_put(&w.remedy, "open it before, and close it only after the completion");
}

static void empty_slot(struct rota_subject *s, const struct rota_field_info *field, unsigned slot)
{
    struct rota_ring_view ring;
    struct rota_cause_writer w;

    rota_copy(&ring, &blank, sizeof(ring));
    ring.slot = slot;
    rota_view_own_ring(s->list->process, s->ring, &ring);
    if (ring.known == ROTA_YES && ring.slot_filled)
        return;
    claim(s, field);
    if (!rota_cause_add(s->list, ring.known == ROTA_YES ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    if (ring.known == ROTA_YES && !ring.files) {
        rota_text_put(&w.text, "the ring has no file table, and ");
        put_fd(&w.text, rota_word(field->name), (int)slot);
        rota_text_put(&w.text, " is to be a slot of it");
        rota_text_put(&w.remedy, "register files, or leave IOSQE_FIXED_FILE out");
        return;
    }
    rota_text_put(&w.text, "slot ");
    rota_text_decimal(&w.text, slot);
    if (ring.known != ROTA_YES) {
        rota_text_put(&w.text, " of the ring's file table is empty, or the table is shorter, "
                               "or there is none");
    } else if (slot >= ring.files) {
        rota_text_put(&w.text, " lies beyond the ring's file table, which has ");
        rota_text_decimal(&w.text, ring.files);
    } else {
        rota_text_put(&w.text, " of the ring's file table is empty");
    }
    rota_text_put(&w.remedy, "register the file, or leave IOSQE_FIXED_FILE out");
}

static void by_path_only(struct rota_subject *s, const struct rota_field_info *field, int fd)
{
    struct rota_cause_writer w;

    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    put_fd(&w.text, rota_word(field->name), fd);
    rota_text_put(&w.text, " is not open for reading or writing (O_PATH)");
    rota_text_put(&w.remedy, "open it with the mode that the request needs");
}

/* A directory is not looked at where the path after it is absolute, or is empty and means it. */
static bool starts_elsewhere(const struct rota_subject *s, const struct rota_field_info *field)
{
    for (unsigned i = (unsigned)(field - rota_fields(s->op->fields)) + 1; i < s->op->fields.count;
         i++) {
        const struct rota_field_info *path = &rota_fields(s->op->fields)[i];
        char first;

        if (path->role == ROTA_ROLE_PATH || path->role == ROTA_ROLE_NEW_PATH ||
            path->role == ROTA_ROLE_ANY_PATH)
            return rota_peek_memory(s->list->process,
                                    rota_sqe_field(s->sqe, path->offset, path->size), &first,
                                    1) == 1 &&
                   (first == '/' || (!first && s->res != -EBADF));
    }
    return false;
}

static void look_at_descriptor(struct rota_subject *s, const struct rota_field_info *field)
{
    uint64_t value = rota_sqe_field(s->sqe, field->offset, field->size);
    struct rota_file_view view;
    struct rota_cause_writer w;

    if (field->role == ROTA_ROLE_DIRECTORY &&
        ((int32_t)value == AT_FDCWD || starts_elsewhere(s, field)))
        return;
    rota_subject_file(s, field, &view);
    if (view.slot) {
        if (s->res == -EBADF)
            empty_slot(s, field, (unsigned)value);
        return;
    }
    if (s->res == -EBADF && view.open == ROTA_NO)
        closed(s, field, (int32_t)value);
    else if (s->res == -EBADF && view.flags >= 0 && (view.flags & O_PATH) &&
             field->role != ROTA_ROLE_DIRECTORY)
        by_path_only(s, field, view.fd);
    if (s->res == -ENOTDIR && field->role == ROTA_ROLE_DIRECTORY && view.open == ROTA_YES &&
        view.kind != ROTA_FILE_DIRECTORY && view.kind != ROTA_FILE_UNKNOWN) {
        claim(s, field);
        if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
            return;
        put_fd(&w.text, rota_word(field->name), view.fd);
        rota_text_all(&w.text, " is ", rota_file_kind_name(view.kind), NULL);
        rota_text_put(&w.remedy, "start the path from a directory");
    }
}

/*
 * Registered buffers
 */

static void look_at_buffer(struct rota_subject *s, const struct rota_field_info *field)
{
    struct rota_ring_view ring;
    struct rota_cause_writer w;
    enum rota_answer within = ROTA_YES;

    rota_copy(&ring, &blank, sizeof(ring));
    ring.buffer = (unsigned)rota_sqe_field(s->sqe, field->offset, field->size);
    rota_view_own_ring(s->list->process, s->ring, &ring);
    if (ring.known != ROTA_YES)
        return;
    if (ring.buffer_filled)
        within = rota_subject_within(s, &ring);
    if ((ring.buffer_filled && within != ROTA_NO))
        return;
    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    if (!ring.buffers) {
        rota_text_put(&w.text, "the ring has no registered buffers, and ");
        put_fd(&w.text, rota_word(field->name), (int)ring.buffer);
        rota_text_put(&w.text, " is to be one");
    } else if (ring.buffer >= ring.buffers) {
        put_fd(&w.text, rota_word(field->name), (int)ring.buffer);
        rota_text_put(&w.text, " lies beyond the ring's registered buffers, of which there are ");
        rota_text_decimal(&w.text, ring.buffers);
    } else if (!ring.buffer_filled) {
        put_fd(&w.text, rota_word(field->name), (int)ring.buffer);
        rota_text_put(&w.text, " is a hole among the ring's registered buffers");
    } else {
        rota_text_put(&w.text, "addr=");
        rota_text_hex(&w.text, s->sqe->addr);
        rota_text_put(&w.text, " with len=");
        rota_text_decimal(&w.text, s->sqe->len);
        rota_text_put(&w.text, " is not all within registered buffer ");
        rota_text_decimal(&w.text, ring.buffer);
        rota_text_put(&w.text, ", which is ");
        rota_text_decimal(&w.text, ring.buffer_size);
        rota_text_put(&w.text, " bytes at ");
        rota_text_hex(&w.text, ring.buffer_address);
    }
    rota_text_put(&w.remedy, "register the buffer with rota_register_buffers and stay within it");
}

/*
 * Memory
 */

static bool is_pointer(const struct rota_field_info *field)
{
    return field->memory != ROTA_MEMORY_NONE;
}

static void look_at_memory(struct rota_subject *s, const struct rota_field_info *field)
{
    char words[sizeof(((struct rota_cause *)0)->text)];
    struct rota_cause_writer w;
    struct rota_text text;

    rota_text_start(&text, words, sizeof(words));
    if (rota_subject_memory(s, field, &text) != ROTA_NO)
        return;
    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    rota_text_put(&w.text, words);
    rota_text_all(&w.remedy, "pass the address of memory that ",
                  field->memory == ROTA_MEMORY_READ ? "" : "may be written and ",
                  "stays until the ", field->lives == ROTA_LIVES_SUBMIT ? "submit" : "completion",
                  NULL);
}

enum rota_answer rota_subject_memory_is_fine(const struct rota_subject *s)
{
    enum rota_answer answer = ROTA_NO;

    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (!is_pointer(field) || !is_read(s, field))
            continue;
        answer = rota_subject_memory(s, field, NULL);
        if (answer != ROTA_YES)
            return answer;
    }
    return answer;
}

/*
 * Paths
 */

static bool is_path(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_PATH || field->role == ROTA_ROLE_NEW_PATH ||
           field->role == ROTA_ROLE_ANY_PATH;
}

static void put_letters(struct rota_text *text, const char *letters, unsigned count)
{
    rota_text_char(text, '"');
    for (unsigned i = 0; i < count; i++)
        rota_text_escaped(text, (unsigned char)letters[i], false);
    rota_text_char(text, '"');
}

/* Whether what a look at the path answers would give the error. */
static bool path_explains(const struct rota_subject *s, const struct rota_field_info *field,
                          const struct rota_path_view *path)
{
    if (!path->last)
        return path->error && path->error == s->res;
    if (s->res == -EEXIST)
        return field->role == ROTA_ROLE_NEW_PATH && !path->error;
    if (s->res == -ENOENT)
        return (path->error == -ENOENT && (field->role == ROTA_ROLE_PATH || !path->length)) ||
               (path->beyond == -ENOENT && field->role != ROTA_ROLE_NEW_PATH);
    if (path->beyond == s->res)
        return true;
    return path->error && path->error == s->res;
}

static void put_path_state(struct rota_text *text, const struct rota_path_view *path)
{
    if (!path->length) {
        rota_text_put(text, ", which is empty");
    } else if (!path->last) {
        rota_text_put(text, ", and the directory ");
        put_letters(text, path->text, path->reach);
        rota_text_all(text,
                      path->error == -ENOENT    ? " does not exist"
                      : path->error == -ENOTDIR ? " is no directory"
                      : path->error == -EACCES  ? " may not be entered"
                                                : " answers ",
                      NULL);
        if (path->error != -ENOENT && path->error != -ENOTDIR && path->error != -EACCES)
            rota_text_error(text, path->error);
    } else if (path->beyond) {
        rota_text_put(text, path->beyond == -ENOENT
                                ? ", a symbolic link to something that does not exist"
                                : ", a symbolic link, and what it leads to answers ");
        if (path->beyond != -ENOENT)
            rota_text_error(text, path->beyond);
    } else if (!path->error) {
        rota_text_put(text, ", which exists");
    } else if (path->error == -ENOENT) {
        rota_text_put(text, ", which does not exist");
    } else {
        rota_text_put(text, ", a look at it answers ");
        rota_text_error(text, path->error);
    }
}

/* With AT_EMPTY_PATH an empty path stands for the descriptor before it. */
static bool may_be_empty(const struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (field->group.at && rota_text_same(rota_word(field->group), "at") &&
            (rota_sqe_field(s->sqe, field->offset, field->size) & AT_EMPTY_PATH))
            return true;
    }
    return false;
}

static void look_at_path(struct rota_subject *s, const struct rota_field_info *field)
{
    uint64_t address = rota_sqe_field(s->sqe, field->offset, field->size);
    struct rota_path_view path;
    struct rota_cause_writer w;

    if (!rota_view_path(s->list->process, rota_subject_directory(s, field), address, &path)) {
        if (s->res != -ENAMETOOLONG || path.length < ROTA_PATH_MAX)
            return;
        claim(s, field);
        if (rota_cause_add(s->list, ROTA_CERTAIN, &w))
            rota_text_all(&w.text, rota_word(field->name), " is a path of more than 4095 letters",
                          NULL);
        return;
    }
    /* Of a path that starts nowhere the start was told. */
    if (!path_explains(s, field, &path) ||
        (!path.length && field->role == ROTA_ROLE_PATH && may_be_empty(s)) ||
        (s->claimed && (path.error == -ENOTDIR || path.error == -EBADF)))
        return;
    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    rota_text_all(&w.text, rota_word(field->name), " names ", NULL);
    put_letters(&w.text, path.text, path.length < 100 ? path.length : 100);
    put_path_state(&w.text, &path);
    if (s->res == -ENOENT && !path.last && field->role != ROTA_ROLE_PATH)
        rota_text_put(&w.remedy, "make the directory first; that the last name is not there yet is "
                                 "as it should be");
}

void rota_situation_exact(struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (!is_read(s, field))
            continue;
        if (field->role == ROTA_ROLE_FILE || field->role == ROTA_ROLE_DESCRIPTOR ||
            field->role == ROTA_ROLE_DIRECTORY || field->role == ROTA_ROLE_INDEX)
            look_at_descriptor(s, field);
        else if (field->role == ROTA_ROLE_BUFFER && s->res == -EFAULT)
            look_at_buffer(s, field);
        else if (is_pointer(field) && s->res == -EFAULT)
            look_at_memory(s, field);
        else if (is_path(field))
            look_at_path(s, field);
    }
}

/*
 * Files that are particular
 */

/* Whether the request reads from its file or writes to it, as its memory tells. */
static enum rota_memory direction(const struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (field->offset != offsetof(struct io_uring_sqe, addr) || field->length)
            continue;
        if (rota_field_is_vector(field))
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

        if (field->offset != offsetof(struct io_uring_sqe, addr) || !rota_field_is_vector(field))
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

/* What is wrong with the alignment of an address and a length; NULL: nothing. */
static const char *misaligned(uint64_t address, uint64_t size, unsigned memory, unsigned offset)
{
    if (address & (memory - 1))
        return "address";
    return size & (offset - 1) ? "length" : NULL;
}

/* Files opened past the page cache are particular about positions, lengths and addresses. */
static void look_at_alignment(struct rota_subject *s, const struct rota_file_view *view)
{
    unsigned memory = 512, offset = 512;
    bool known = view->fd >= 0 && rota_file_alignment(s->list->process, view->fd, &memory, &offset);
    bool vector = false;
    const char *what = NULL;
    struct rota_cause_writer w;
    uint64_t base, size;

    for (unsigned i = 0; i < s->op->fields.count; i++) {
        if (rota_fields(s->op->fields)[i].offset == offsetof(struct io_uring_sqe, addr))
            vector = rota_field_is_vector(&rota_fields(s->op->fields)[i]);
    }
    if (s->sqe->off != UINT64_MAX && (s->sqe->off & (offset - 1)))
        what = "offset";
    if (!what && !vector)
        what = misaligned(s->sqe->addr, s->sqe->len, memory, offset);
    for (uint32_t i = 0; !what && vector && i < s->sqe->len && i < 1024; i++) {
        if (!rota_peek_vector(s->list->process, s->sqe->addr, i, &base, &size))
            return;
        what = misaligned(base, size, memory, offset);
    }
    if (!what || !rota_cause_add(s->list, known ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    put_fd(&w.text, "fd", view->fd);
    rota_text_all(&w.text, " is open with O_DIRECT, and the ", what, NULL);
    rota_text_put(&w.text, vector && what[0] != 'o' ? " of an element of the vector" : "");
    rota_text_put(&w.text, " is no multiple of ");
    rota_text_decimal(&w.text, what[0] == 'a' ? memory : offset);
    rota_text_put(&w.remedy, known ? "align addresses to "
                                   : "align all of them to the block size "
                                     "of the device, in doubt 4096");
    if (known) {
        rota_text_decimal(&w.remedy, memory);
        rota_text_put(&w.remedy, " bytes, offsets and lengths to ");
        rota_text_decimal(&w.remedy, offset);
    }
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
        if (least && (!bytes_of(s, &bytes) || bytes >= least)) {
            /* The counter of an eventfd has one value that means something else. */
            if (view->kind != ROTA_FILE_EVENTFD || way != ROTA_MEMORY_READ ||
                rota_peek_memory(s->list->process, s->sqe->addr, &value, 8) != 8 ||
                value != UINT64_MAX || !rota_cause_add(s->list, ROTA_CERTAIN, &w))
                return;
            put_fd(&w.text, "fd", view->fd);
            rota_text_put(&w.text, " is an eventfd, and the value to add is 0xffffffffffffffff");
            return;
        }
        if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
            return;
        put_fd(&w.text, "fd", view->fd);
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
    put_fd(&w.text, field_name(field), (int32_t)rota_sqe_field(s->sqe, field->offset, 4));
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

    if ((!lonely && s->res != -EISCONN) || view->fd < 0 || s->list->process)
        return;
    connected = rota_socket_connected(view->fd);
    if (connected != (lonely ? ROTA_NO : ROTA_YES) ||
        (s->res == -EINVAL && rota_socket_listens(view->fd) == ROTA_YES))
        return;
    /* Of an EINVAL there are other reasons, too. */
    if (!rota_cause_add(s->list, s->res == -EINVAL ? ROTA_POSSIBLE : ROTA_CERTAIN, &w))
        return;
    put_fd(&w.text, field_name(field), view->fd);
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
        put_fd(&w.text, rota_word(field->name), view.fd);
        rota_text_put(&w.text, " is open with O_NONBLOCK, and nothing was ready");
        rota_text_put(&w.remedy, "leave O_NONBLOCK out: the ring waits without a thread");
    }
    if (view.kind == ROTA_FILE_SOCKET)
        look_at_socket(s, field, &view);
    if (s->res == -EPIPE && view.kind == ROTA_FILE_PIPE && view.fd >= 0 && !s->list->process &&
        rota_pipe_is_broken(view.fd) && rota_cause_add(s->list, ROTA_CERTAIN, &w)) {
        put_fd(&w.text, field_name(field), view.fd);
        rota_text_put(&w.text, " is a pipe whose other end nobody has open for reading");
    }
    if (view.kind == ROTA_FILE_UNKNOWN || rota_cause_known(s->list, ROTA_CERTAIN))
        return;
    if (kind_explains(s->res, view.kind) && rota_cause_add(s->list, ROTA_CERTAIN, &w)) {
        put_fd(&w.text, field_name(field), (int32_t)rota_sqe_field(s->sqe, field->offset, 4));
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
            !is_read(s, field))
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

        if (field->role == ROTA_ROLE_FILE && is_read(s, field) && !(s->claimed >> i & 1))
            look_at_kind(s, field);
    }
}

/*
 * Limits
 */

static void look_at_descriptors(struct rota_subject *s)
{
    uint64_t limit = rota_limit(s->list->process, RLIMIT_NOFILE);
    unsigned open = rota_open_descriptors(s->list->process);
    struct rota_cause_writer w;

    if (limit == UINT64_MAX ||
        !rota_cause_add(s->list, open >= limit ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    rota_text_put(&w.text, "the process may have ");
    rota_text_decimal(&w.text, limit);
    rota_text_put(&w.text, " descriptors");
    if (open) {
        rota_text_put(&w.text, open >= limit ? " and has all of them: " : ", and now has ");
        rota_text_decimal(&w.text, open);
    }
    rota_text_put(&w.remedy, "close some, raise RLIMIT_NOFILE, or put files into the ring's table");
}

static void look_at_size(struct rota_subject *s)
{
    uint64_t limit = rota_limit(s->list->process, RLIMIT_FSIZE);
    struct rota_cause_writer w;

    if (limit == UINT64_MAX ||
        !rota_cause_add(s->list, s->sqe->off >= limit ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    rota_text_put(&w.text, "files of this process may have ");
    rota_text_decimal(&w.text, limit);
    rota_text_put(&w.text, " bytes");
    rota_text_put(&w.remedy, "raise RLIMIT_FSIZE");
}

void rota_situation_limits(struct rota_subject *s)
{
    uint64_t limit;
    struct rota_cause_writer w;

    if (s->res == -EMFILE) {
        look_at_descriptors(s);
    } else if (s->res == -EFBIG) {
        look_at_size(s);
    } else if (s->res == -ENOMEM) {
        limit = rota_limit(s->list->process, RLIMIT_MEMLOCK);
        if (limit != UINT64_MAX && rota_cause_add(s->list, ROTA_POSSIBLE, &w)) {
            rota_text_put(&w.text, "the process may lock ");
            rota_text_decimal(&w.text, limit);
            rota_text_put(&w.text, " bytes of memory");
            rota_text_put(&w.remedy, "raise RLIMIT_MEMLOCK");
        }
    }
}

void rota_situation_personality(struct rota_subject *s)
{
    struct rota_ring_view ring;

    rota_copy(&ring, &blank, sizeof(ring));
    ring.personality = s->sqe->personality;
    rota_view_own_ring(s->list->process, s->ring, &ring);
    if (ring.known == ROTA_YES && ring.personality_there)
        return;
    rota_cause_put(s->list, ring.known == ROTA_YES ? ROTA_CERTAIN : ROTA_LIKELY,
                   "the ring has no such personality",
                   "use an id that rota_register_personality returned");
}

void rota_situation_group(struct rota_subject *s)
{
    enum rota_answer exists =
        s->list->process ? ROTA_UNKNOWN : rota_group_exists(s->ring, s->sqe->buf_group);
    struct rota_cause_writer w;

    /* ENOENT means just that, or has another reason. */
    if (s->res == -ENOENT && exists != ROTA_NO)
        return;
    if (!rota_cause_add(s->list, exists == ROTA_NO ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    if (exists == ROTA_NO) {
        rota_text_put(&w.text, "the ring has no buffer group ");
        rota_text_decimal(&w.text, s->sqe->buf_group);
        rota_text_put(&w.remedy, "make it with rota_setup_buf_ring, or give it buffers");
        return;
    }
    rota_text_put(&w.text, "buffer group ");
    rota_text_decimal(&w.text, s->sqe->buf_group);
    rota_text_put(&w.text, exists == ROTA_YES ? " is empty"
                                              : " is empty, or there is no group of that number");
    rota_text_put(&w.remedy, "give buffers to the group, then send the request again");
}
