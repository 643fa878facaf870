/* SPDX-License-Identifier: MIT */
/*
 * What a look at the descriptors, slots, buffers, memory and paths of a request
 * shows, by the roles of its fields. No opcode is named here.
 */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/fcntl.h>

void rota_cause_fd(struct rota_text *text, const char *name, int fd)
{
    rota_text_all(text, name, "=", NULL);
    rota_text_signed(text, fd);
}

static void claim(struct rota_subject *s, const struct rota_field_info *field)
{
    s->claimed |= UINT32_C(1) << (field - rota_fields(s->op->fields));
}

bool rota_subject_reads(const struct rota_subject *s, const struct rota_field_info *field)
{
    return rota_conditions_hold(field->when, s->sqe, s->ring) != ROTA_NO;
}

/*
 * Descriptors and slots
 */

/* Whether a flag would make the number a slot, and one that is filled. */
static bool may_be_slot(const struct rota_subject *s, const struct rota_field_info *field, int fd)
{
    struct rota_ring_view ring;

    if (fd < 0 || field->role != ROTA_ROLE_FILE || s->op->fixed_file != ROTA_IOSQE_TAKEN)
        return false;
    rota_view_own_ring(s->list->process, s->ring, ROTA_RING_SLOT, (unsigned)fd, &ring);
    return ring.known == ROTA_YES && ring.there;
}

static void closed(struct rota_subject *s, const struct rota_field_info *field, int fd)
{
    struct rota_cause_writer w;

    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    rota_cause_fd(&w.text, rota_word(field->name), fd);
    rota_text_put(&w.text, fd < 0 ? " is no descriptor at all"
                                  : " is not an open descriptor of this process");
    if (may_be_slot(s, field, fd)) {
        rota_text_put(&w.text, ", but a filled slot of the ring's file table");
        rota_text_put(&w.remedy, "set IOSQE_FIXED_FILE for a file that is used by its slot");
    } else if (fd < 0) {
        rota_text_put(&w.remedy, "look at what the call or request returned that was to open it");
    } else {
        rota_text_put(&w.remedy, "open it before, and close it only after the completion");
    }
}

/* What makes the field a slot is left out where a flag does. */
static void put_slot_remedy(struct rota_text *text, const struct rota_subject *s,
                            const struct rota_field_info *field, const char *what)
{
    rota_text_all(text, "register ", what, NULL);
    if (field->role == ROTA_ROLE_FILE && s->op->fixed_file == ROTA_IOSQE_TAKEN &&
        (s->sqe->flags & IOSQE_FIXED_FILE))
        rota_text_put(text, ", or leave IOSQE_FIXED_FILE out");
}

static void empty_slot(struct rota_subject *s, const struct rota_field_info *field, unsigned slot)
{
    struct rota_ring_view ring;
    struct rota_cause_writer w;

    rota_view_own_ring(s->list->process, s->ring, ROTA_RING_SLOT, slot, &ring);
    if (ring.known == ROTA_YES && ring.there)
        return;
    claim(s, field);
    if (!rota_cause_add(s->list, ring.known == ROTA_YES ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    if (ring.known == ROTA_YES && !ring.files) {
        rota_text_put(&w.text, "the ring has no file table, and ");
        rota_cause_fd(&w.text, rota_word(field->name), (int)slot);
        rota_text_put(&w.text, " is to be a slot of it");
        put_slot_remedy(&w.remedy, s, field, "files");
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
    put_slot_remedy(&w.remedy, s, field, "the file");
}

static void by_path_only(struct rota_subject *s, const struct rota_field_info *field, int fd)
{
    struct rota_cause_writer w;

    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    rota_cause_fd(&w.text, rota_word(field->name), fd);
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
        rota_cause_fd(&w.text, rota_word(field->name), view.fd);
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

    rota_view_own_ring(s->list->process, s->ring, ROTA_RING_BUFFER,
                       (unsigned)rota_sqe_field(s->sqe, field->offset, field->size), &ring);
    if (ring.known != ROTA_YES)
        return;
    if (ring.there)
        within = rota_subject_within(s, &ring);
    if (ring.there && within != ROTA_NO)
        return;
    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    if (!ring.buffers) {
        rota_text_put(&w.text, "the ring has no registered buffers, and ");
        rota_cause_fd(&w.text, rota_word(field->name), (int)ring.number);
        rota_text_put(&w.text, " is to be one");
    } else if (ring.number >= ring.buffers) {
        rota_cause_fd(&w.text, rota_word(field->name), (int)ring.number);
        rota_text_put(&w.text, " lies beyond the ring's registered buffers, of which there are ");
        rota_text_decimal(&w.text, ring.buffers);
    } else if (!ring.there) {
        rota_cause_fd(&w.text, rota_word(field->name), (int)ring.number);
        rota_text_put(&w.text, " is a hole among the ring's registered buffers");
    } else {
        rota_text_put(&w.text, "addr=");
        rota_text_hex(&w.text, s->sqe->addr);
        rota_text_put(&w.text, " with len=");
        rota_text_decimal(&w.text, s->sqe->len);
        rota_text_put(&w.text, " is not all within registered buffer ");
        rota_text_decimal(&w.text, ring.number);
        rota_text_put(&w.text, ", which is ");
        rota_text_decimal(&w.text, ring.size);
        rota_text_put(&w.text, " bytes at ");
        rota_text_hex(&w.text, ring.address);
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

        if (!is_pointer(field) || !rota_subject_reads(s, field))
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
        if (path->reach)
            put_letters(text, path->text, path->reach);
        else
            rota_text_put(text, "that it starts from");
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

/* The path in the address of a Unix socket. */
static void look_at_address(struct rota_subject *s, const struct rota_field_info *field)
{
    uint64_t address = rota_sqe_field(s->sqe, field->offset, field->size);
    uint64_t size = rota_sqe_field(s->sqe, field->length_at, field->length_size);
    struct rota_path_view path;
    struct rota_cause_writer w;
    bool forbidden;
    uint16_t family;

    if (!field->length_size || size <= sizeof(family) ||
        rota_peek_memory(s->list->process, address, &family, sizeof(family)) !=
            (long)sizeof(family) ||
        family != 1 /* AF_UNIX */ ||
        !rota_view_path(s->list->process, AT_FDCWD, address + sizeof(family), &path) ||
        !path.length || path.length > size - sizeof(family))
        return;
    forbidden = s->res == -EACCES && !path.error &&
                rota_path_allows(s->list->process, AT_FDCWD, path.text, ROTA_MAY_WRITE) == ROTA_NO;
    if (!forbidden && (path.error ? path.error != s->res : s->res != -EADDRINUSE))
        return;
    claim(s, field);
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    rota_text_all(&w.text, rota_word(field->name), " names the socket ", NULL);
    put_letters(&w.text, path.text, path.length);
    if (forbidden)
        rota_text_put(&w.text, ", which this process may not write to");
    else
        put_path_state(&w.text, &path);
    if (s->res == -EADDRINUSE)
        rota_text_put(&w.remedy, "remove it first, when nobody listens there any more");
}

void rota_situation_exact(struct rota_subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (!rota_subject_reads(s, field))
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
        else if (rota_field_points_to(field, "const struct sockaddr *"))
            look_at_address(s, field);
    }
}

void rota_situation_personality(struct rota_subject *s)
{
    struct rota_ring_view ring;

    rota_view_own_ring(s->list->process, s->ring, ROTA_RING_PERSONALITY, s->sqe->personality,
                       &ring);
    if (ring.known == ROTA_YES && ring.there)
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
    rota_text_put(&w.remedy,
                  "give buffers to the group, with rota_buf_ring_advance() where it is a "
                  "ring, then send the request again");
}

void rota_situation_group_memory(struct rota_subject *s)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(s->list, ROTA_LIKELY, &w))
        return;
    rota_text_put(&w.text, "the buffer that came from group ");
    rota_text_decimal(&w.text, s->sqe->buf_group);
    rota_text_put(&w.text, " is not all memory of this process, or may not be written");
    rota_text_put(&w.remedy, "give the group memory that may be written and stays until the buffer "
                             "has come back");
}
