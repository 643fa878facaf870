/* SPDX-License-Identifier: MIT */
/*
 * Explains the result of a request: what its row says of the error, what the
 * check finds, and what a look at the descriptors, addresses, paths and limits
 * of the process shows. No opcode is named here.
 */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/fcntl.h>
#include <linux/resource.h>

/* What files opened with O_DIRECT demand at least; many devices demand more. */
#define DIRECT_ALIGNMENT 512u

/* Elements of a vector that are looked at. */
#define VECTORS_SEEN 64

/* Where one explanation stands. */
struct subject {
    const struct rota_ring *ring;
    const struct rota_caps *caps;
    const struct io_uring_sqe *sqe;
    const struct rota_op_info *op;
    int res;
    struct rota_cause_list *list;
};

/*
 * What the check finds
 */

static int check(const struct subject *s, struct rota_finding *findings, unsigned max)
{
    int other = s->ring ? rota_check_thread(s->list->process, s->ring, findings, max) : 0;

    if (other < 0 || (unsigned)other >= max)
        return other;
    return other + rota_check_in_chain(s->ring, s->caps, s->sqe, false, NULL, findings + other,
                                       max - (unsigned)other);
}

static void from_check(struct subject *s)
{
    struct rota_finding findings[4];
    int count = check(s, findings, 4);

    for (int i = 0; i < count && i < 4; i++) {
        if (findings[i].error == s->res)
            rota_cause_put(s->list, ROTA_CERTAIN, findings[i].text, NULL);
    }
}

/*
 * Descriptors
 */

/* Whether the request reads from its file or writes to it, as its memory tells. */
static enum rota_memory direction(const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(op->fields)[i];

        if (field->offset == offsetof(struct io_uring_sqe, addr) && field->type.at &&
            (rota_text_same(rota_word(field->type), "void *") ||
             rota_text_same(rota_word(field->type), "const void *")))
            return (enum rota_memory)field->memory;
    }
    return ROTA_MEMORY_NONE;
}

static void put_fd(struct rota_text *text, const char *name, int fd)
{
    rota_text_all(text, name, "=", NULL);
    rota_text_signed(text, fd);
}

static void closed(struct subject *s, const char *name, int fd)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    put_fd(&w.text, name, fd);
    rota_text_put(&w.text, " is not an open descriptor of this process");
    rota_text_put(&w.remedy, "open it before, and close it only after the completion");
}

static void wrong_mode(struct subject *s, const char *name, int fd)
{
    int flags = rota_file_flags(s->list->process, fd);
    enum rota_memory wanted = direction(s->op);
    struct rota_cause_writer w;
    const char *lack = NULL;

    if (flags < 0 || wanted == ROTA_MEMORY_NONE)
        return;
    if (flags & O_PATH)
        lack = "for reading or writing (O_PATH)";
    else if (wanted == ROTA_MEMORY_WRITTEN && (flags & O_ACCMODE) == O_WRONLY)
        lack = "for reading";
    else if (wanted == ROTA_MEMORY_READ && (flags & O_ACCMODE) == O_RDONLY)
        lack = "for writing";
    if (!lack || !rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    put_fd(&w.text, name, fd);
    rota_text_all(&w.text, " is not open ", lack, NULL);
    rota_text_put(&w.remedy, "open it with the mode that the request needs");
}

/* Files opened past the page cache are particular about positions, lengths and addresses. */
static void look_at_direct(struct subject *s, const char *name, int fd)
{
    int flags = rota_file_flags(s->list->process, fd);
    struct rota_cause_writer w;
    bool polled = s->ring && (s->ring->flags & IORING_SETUP_IOPOLL);

    if (flags < 0 || direction(s->op) == ROTA_MEMORY_NONE)
        return;
    if (s->res == -EINVAL && (flags & O_DIRECT) &&
        ((s->sqe->addr | s->sqe->len | (s->sqe->off == UINT64_MAX ? 0 : s->sqe->off)) &
         (DIRECT_ALIGNMENT - 1)) &&
        rota_cause_add(s->list, ROTA_LIKELY, &w)) {
        put_fd(&w.text, name, fd);
        rota_text_put(&w.text,
                      " is open with O_DIRECT, and addr, len or off is no multiple of 512");
        rota_text_put(&w.remedy, "align all three to the block size of the device, in doubt 4096");
    }
    if (s->res == -EOPNOTSUPP && polled && !(flags & O_DIRECT) &&
        rota_cause_add(s->list, ROTA_CERTAIN, &w)) {
        rota_text_put(&w.text, "the ring has IORING_SETUP_IOPOLL, and ");
        put_fd(&w.text, name, fd);
        rota_text_put(&w.text, " is not open with O_DIRECT");
        rota_text_put(&w.remedy,
                      "open it with O_DIRECT, or use a ring without IORING_SETUP_IOPOLL");
    }
}

/* What kind of file would explain the error. */
static bool kind_explains(int error, enum rota_file_kind kind)
{
    switch (-error) {
    case ENOTSOCK:
        return kind != ROTA_FILE_SOCKET;
    case EISDIR:
        return kind == ROTA_FILE_DIRECTORY;
    case ENOTDIR:
        return kind != ROTA_FILE_DIRECTORY;
    case ESPIPE:
        return kind == ROTA_FILE_PIPE || kind == ROTA_FILE_SOCKET || kind == ROTA_FILE_CHARACTER;
    case ENOTTY:
    case ENODEV:
        return kind != ROTA_FILE_CHARACTER && kind != ROTA_FILE_BLOCK;
    default:
        return false;
    }
}

static void look_at_fd(struct subject *s, const struct rota_field_info *field)
{
    int fd = (int32_t)rota_sqe_field(s->sqe, field->offset, 4);
    enum rota_file_kind kind;
    struct rota_cause_writer w;

    if (field->role == ROTA_ROLE_FILE && (s->sqe->flags & IOSQE_FIXED_FILE)) {
        if (s->res == -EBADF && rota_cause_add(s->list, ROTA_LIKELY, &w)) {
            rota_text_put(&w.text, "slot ");
            rota_text_signed(&w.text, fd);
            rota_text_put(&w.text, " of the ring's file table is empty, or the table is shorter, "
                                   "or there is none");
            rota_text_put(&w.remedy, "register the file, or leave IOSQE_FIXED_FILE out");
        }
        return;
    }
    if (field->role != ROTA_ROLE_FILE && fd < 0)
        return; /* AT_FDCWD, or no descriptor at all */
    kind = rota_file_kind(s->list->process, fd);
    if (kind == ROTA_FILE_CLOSED && s->res == -EBADF)
        closed(s, rota_word(field->name), fd);
    if (kind == ROTA_FILE_CLOSED || kind == ROTA_FILE_UNKNOWN)
        return;
    if (field->role == ROTA_ROLE_FILE) {
        if (s->res == -EBADF)
            wrong_mode(s, rota_word(field->name), fd);
        look_at_direct(s, rota_word(field->name), fd);
    }
    if ((kind_explains(s->res, kind) || (s->res == -EINVAL && field->role == ROTA_ROLE_FILE)) &&
        rota_cause_add(s->list, s->res == -EINVAL ? ROTA_POSSIBLE : ROTA_CERTAIN, &w)) {
        put_fd(&w.text, rota_word(field->name), fd);
        rota_text_all(&w.text, " is ", rota_file_kind_name(kind), NULL);
        if (s->res == -EINVAL)
            rota_text_put(&w.text, ", which may not be capable of this");
        rota_text_put(&w.remedy, "use a descriptor of the kind that the operation is for");
    }
}

/* Fields that hold a descriptor: those of role file, and plain integers at the place of fd. */
static bool is_descriptor(const struct rota_field_info *field)
{
    if (field->size != 4 || field->group.at)
        return false;
    if (field->role == ROTA_ROLE_FILE)
        return true;
    return field->type.at && rota_text_same(rota_word(field->type), "int") && !field->role &&
           (field->offset == offsetof(struct io_uring_sqe, fd) ||
            rota_text_same(rota_word(field->name), "splice_fd_in"));
}

/*
 * Addresses and paths
 */

static bool is_pointer(const struct rota_field_info *field)
{
    for (const char *type = rota_word(field->type); type && *type; type++) {
        if (*type == '*')
            return true;
    }
    return false;
}

/* An element of a vector whose memory is not there. */
static void look_at_vectors(struct subject *s, const struct rota_field_info *field,
                            uint64_t address)
{
    struct rota_cause_writer w;

    for (uint32_t i = 0; i < s->sqe->len && i < VECTORS_SEEN; i++) {
        uint64_t base, size;
        unsigned char byte;

        if (!rota_peek_vector(s->list->process, address, i, &base, &size))
            return;
        if (!size || rota_peek_memory(s->list->process, base, &byte, 1) != -EFAULT)
            continue;
        if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
            return;
        rota_text_put(&w.text, "element ");
        rota_text_decimal(&w.text, i);
        rota_text_all(&w.text, " of the vector at ", rota_word(field->name), " has the base ",
                      NULL);
        rota_text_hex(&w.text, base);
        rota_text_put(&w.text, ", which is no memory of this process");
        return;
    }
}

static void look_at_address(struct subject *s, const struct rota_field_info *field)
{
    uint64_t address = rota_sqe_field(s->sqe, field->offset, field->size);
    struct rota_cause_writer w;
    unsigned char byte;

    if (rota_peek_memory(s->list->process, address, &byte, 1) != -EFAULT) {
        if (rota_text_same(rota_word(field->type), "const struct iovec *"))
            look_at_vectors(s, field, address);
        return;
    }
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    rota_text_all(&w.text, rota_word(field->name), "=", NULL);
    if (address)
        rota_text_hex(&w.text, address);
    else
        rota_text_put(&w.text, "NULL");
    rota_text_put(&w.text, " is no memory of this process");
    rota_text_put(&w.remedy, "pass the address of memory that stays until the ");
    rota_text_put(&w.remedy, field->lives == ROTA_LIVES_SUBMIT ? "submit" : "completion");
}

/* The directory that a path starts from: the descriptor before it in the row. */
static int directory_of(const struct subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        if (is_descriptor(&rota_fields(s->op->fields)[i]))
            return (int32_t)rota_sqe_field(s->sqe, rota_fields(s->op->fields)[i].offset, 4);
    }
    return -100; /* AT_FDCWD */
}

static void look_at_path(struct subject *s, const struct rota_field_info *field)
{
    char path[256];
    long got =
        rota_peek_memory(s->list->process, rota_sqe_field(s->sqe, field->offset, field->size), path,
                         sizeof(path) - 1);
    struct rota_cause_writer w;
    long end = 0;
    int found;

    while (end < got && path[end])
        end++;
    if (got <= 0 || end == got)
        return; /* no text, or too long a one to look at */
    found = rota_path_exists(s->list->process, directory_of(s), path);
    if (!((s->res == -ENOENT && found == -ENOENT) || (s->res == -EEXIST && !found) ||
          (found < 0 && found == s->res)))
        return;
    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    rota_text_all(&w.text, rota_word(field->name), " names \"", NULL);
    for (long i = 0; i < end; i++)
        rota_text_escaped(&w.text, (unsigned char)path[i], false);
    rota_text_put(&w.text, "\", ");
    if (!end)
        rota_text_put(&w.text, "which is empty");
    else if (found == -ENOENT)
        rota_text_put(&w.text, "which does not exist");
    else if (!found)
        rota_text_put(&w.text, "which exists");
    else
        rota_text_all(&w.text, "a look at it answers ", rota_error_name(found), NULL);
}

static void look_at_fields(struct subject *s)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (rota_conditions_hold(field->when, s->sqe, s->ring) == ROTA_NO)
            continue;
        if (is_descriptor(field))
            look_at_fd(s, field);
        else if (is_pointer(field) && s->res == -EFAULT)
            look_at_address(s, field);
        else if (is_pointer(field) && rota_text_same(rota_word(field->type), "const char *"))
            look_at_path(s, field);
    }
}

/*
 * Limits
 */

static void look_at_limits(struct subject *s)
{
    struct rota_cause_writer w;
    uint64_t limit;

    if (s->res == -EMFILE || s->res == -ENFILE) {
        limit = rota_limit(s->list->process, RLIMIT_NOFILE);
        if (s->res == -EMFILE && limit != UINT64_MAX && rota_cause_add(s->list, ROTA_LIKELY, &w)) {
            rota_text_put(&w.text, "the process may have ");
            rota_text_decimal(&w.text, limit);
            rota_text_put(&w.text, " descriptors");
            rota_text_put(&w.remedy, "close some, raise RLIMIT_NOFILE, or put files into the "
                                     "ring's table");
        }
    } else if (s->res == -ENOMEM) {
        limit = rota_limit(s->list->process, RLIMIT_MEMLOCK);
        if (limit != UINT64_MAX && rota_cause_add(s->list, ROTA_POSSIBLE, &w)) {
            rota_text_put(&w.text, "the process may lock ");
            rota_text_decimal(&w.text, limit);
            rota_text_put(&w.text, " bytes of memory");
            rota_text_put(&w.remedy, "raise RLIMIT_MEMLOCK");
        }
    } else if (s->res == -EFBIG) {
        limit = rota_limit(s->list->process, RLIMIT_FSIZE);
        if (limit != UINT64_MAX && rota_cause_add(s->list, ROTA_LIKELY, &w)) {
            rota_text_put(&w.text, "files of this process may have ");
            rota_text_decimal(&w.text, limit);
            rota_text_put(&w.text, " bytes");
            rota_text_put(&w.remedy, "raise RLIMIT_FSIZE");
        }
    }
}

/*
 * The row, and what holds for every request
 */

static void from_row(struct subject *s)
{
    for (unsigned i = 0; i < s->op->errors.count; i++) {
        if (rota_errors(s->op->errors)[i].error == s->res)
            rota_cause_put(s->list, ROTA_LIKELY, rota_word(rota_errors(s->op->errors)[i].cause),
                           rota_word(rota_errors(s->op->errors)[i].remedy));
    }
}

static void from_all_requests(struct subject *s)
{
    switch (-s->res) {
    case ECANCELED:
        rota_cause_put(s->list, ROTA_LIKELY,
                       "the request before it in the chain failed, was refused, or came short",
                       "look at the first completion of the chain that is negative; "
                       "IOSQE_IO_HARDLINK keeps a chain going");
        rota_cause_put(s->list, ROTA_POSSIBLE, "it was cancelled, or the ring or its thread ended",
                       NULL);
        break;
    case EINVAL:
        if (s->op->behind_link)
            rota_cause_put(s->list, ROTA_LIKELY,
                           "it does not stand right behind another request with IOSQE_IO_LINK",
                           "set IOSQE_IO_LINK on the request before it");
        if (s->sqe->personality)
            rota_cause_put(s->list, ROTA_LIKELY, "the ring has no such personality",
                           "use an id that rota_register_personality returned");
        if (!rota_cause_known(s->list, ROTA_CERTAIN))
            rota_cause_put(s->list, ROTA_POSSIBLE,
                           "the file or its driver does not take these values", NULL);
        break;
    case EACCES:
        rota_cause_put(s->list, ROTA_POSSIBLE,
                       "the ring has restrictions that forbid the opcode or a flag",
                       "allow it before rota_enable_rings");
        break;
    case EOPNOTSUPP:
        if (s->sqe->flags & (IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS))
            rota_cause_put(s->list, ROTA_POSSIBLE,
                           "a ring that has seen IOSQE_CQE_SKIP_SUCCESS refuses IOSQE_IO_DRAIN",
                           "use two rings, or only one of the flags");
        if (s->op->config.at)
            rota_cause_put(s->list, ROTA_POSSIBLE, "the kernel was built without the operation",
                           rota_word(s->op->config));
        break;
    case ENOBUFS:
        if (s->sqe->flags & IOSQE_BUFFER_SELECT)
            rota_cause_put(s->list, ROTA_LIKELY,
                           "the buffer group is empty, or there is no group of that number",
                           "give buffers to the group, then send the request again");
        break;
    case EINTR:
        rota_cause_put(s->list, ROTA_POSSIBLE,
                       "the worker was interrupted, such as by a "
                       "cancellation",
                       "send it again");
        break;
    case EAGAIN:
        rota_cause_put(s->list, ROTA_POSSIBLE,
                       "the file is open with O_NONBLOCK, or a flag forbids to wait",
                       "leave O_NONBLOCK out: the ring waits without a thread");
        break;
    default:
        break;
    }
}

static int causes_of(const struct rota_process *process, const struct rota_ring *ring,
                     const struct rota_caps *caps, const struct io_uring_sqe *sqe, int res,
                     struct rota_cause *causes, unsigned max)
{
    struct rota_cause_list list = {causes, max, 0, process};
    struct subject s;

    if (res >= 0)
        return 0;
    s.ring = ring;
    s.caps = caps;
    s.sqe = sqe;
    s.op = rota_opcode_info(sqe->opcode);
    s.res = res;
    s.list = &list;
    from_check(&s);
    if (s.op) {
        look_at_fields(&s);
        from_row(&s);
        look_at_limits(&s);
        from_all_requests(&s);
    }
    rota_cause_rank(&list);
    return (int)list.count;
}

int rota_request_causes(const struct rota_ring *ring, const struct rota_caps *caps,
                        const struct io_uring_sqe *sqe, int res, struct rota_cause *causes,
                        unsigned max)
{
    if (!sqe || (max && !causes))
        return -EINVAL;
    return causes_of(NULL, ring, caps, sqe, res, causes, max);
}

/* What a result that is no error means. */
static void put_success(struct rota_text *text, const struct rota_op_info *op, int res)
{
    rota_text_all(text, op ? rota_word(op->name) : "the request", ": ", NULL);
    rota_text_signed(text, res);
    rota_text_put(text, " is no error");
    if (op)
        rota_text_all(text, ": ", rota_word(op->res), NULL);
}

static int explain(const struct rota_process *process, const struct rota_ring *ring,
                   const struct rota_caps *caps, const struct io_uring_sqe *sqe, int res, char *buf,
                   size_t size)
{
    struct rota_cause causes[ROTA_MAX_CAUSES];
    const struct rota_op_info *op;
    struct rota_text text;
    int count;

    if (!sqe)
        return -EINVAL;
    op = rota_opcode_info(sqe->opcode);
    rota_text_start(&text, buf, size);
    if (res >= 0) {
        put_success(&text, op, res);
        return rota_text_result(&text);
    }
    count = causes_of(process, ring, caps, sqe, res, causes, ROTA_MAX_CAUSES);
    rota_answer_text(&text, op ? rota_word(op->name) : "an unknown opcode", res);
    rota_cause_text(&text, causes, count);
    return rota_text_result(&text);
}

int rota_explain(const struct rota_ring *ring, const struct rota_caps *caps,
                 const struct io_uring_sqe *sqe, int res, char *buf, size_t size)
{
    return explain(NULL, ring, caps, sqe, res, buf, size);
}

int rota_process_explain(const struct rota_process *process, const struct rota_ring *ring,
                         const struct rota_caps *caps, const struct io_uring_sqe *sqe, int res,
                         char *buf, size_t size)
{
    return process ? explain(process, ring, caps, sqe, res, buf, size) : -EINVAL;
}
