/* SPDX-License-Identifier: MIT */
/*
 * The memory of requests: looked at when they are submitted, and remembered
 * until they are over.
 *
 * A request is over with the completion of its user_data that lacks
 * IORING_CQE_F_MORE. Completions are followed in the queue itself, behind the
 * back of whoever takes them: what is no longer there to be seen is forgotten.
 * What the buffers of a group are goes on: each is the kernel's until a
 * completion hands it out.
 */
#include <rota/watch.h>

#include "explain/explain.h"
#include "explain/understand.h"
#include "ring/core.h"

/* How far below the running function a stack is taken for one that was left. */
#define STACK_BELOW (256u << 10)
/* And how far above it is taken for one at all: the usual limit of its size. */
#define STACK_ABOVE (UINT64_C(8) << 20)
/* Elements of a vector that are looked at. */
#define ELEMENTS 64u

static const struct io_uring_sqe *loaned(const struct rota_loan *loan)
{
    return (const void *)loan->sqe;
}

/* Room for the sentence behind the text of the request. */
#define TEXT_BEHIND 256u

/* Memory of a request, as the table describes it. */
struct piece {
    uint64_t address;
    uint64_t size;
    uint64_t each; /* of the buffers that it consists of; 0: it is one */
    struct rota_text_place name;
    uint8_t memory;
    uint8_t lives;
    bool held; /* the request is over, and the kernel has the memory all the same */
};

/* What the running functions own begins at `stack`; a little below it is what others have left. */
static bool below_stack(const struct rota_watch *watch, uint64_t address, const void *stack)
{
    uint64_t here = (uint64_t)(uintptr_t)stack;

    return address < here && here - address < watch->stack;
}

static void tell(struct rota_watch *watch, enum rota_watch_kind kind,
                 const struct io_uring_sqe *sqe, const struct piece *piece)
{
    static const char *const what[] = {
        [ROTA_WATCH_NONE] = "",
        [ROTA_WATCH_POISONED] = "was freed, or is none",
        [ROTA_WATCH_STACK] = "is on a stack that has been left",
        [ROTA_WATCH_FREED] = "was freed while the request is in flight",
        [ROTA_WATCH_LEFT] = "is on a stack that was left while the request is in flight",
        [ROTA_WATCH_REUSED] = "is used again while the request is in flight",
    };
    static const char *const held[] = {
        [ROTA_WATCH_FREED] = "was freed while it is in the group",
        [ROTA_WATCH_LEFT] = "is on a stack that was left while it is in the group",
        [ROTA_WATCH_REUSED] = "is used again while it is in the group",
    };
    static const char *const until[] = {
        [ROTA_LIVES_NONE] = "",
        [ROTA_LIVES_SUBMIT] = "the submission",
        [ROTA_LIVES_COMPLETION] = "the completion",
        [ROTA_LIVES_NOTIFICATION] = "the notification",
        [ROTA_LIVES_UNREGISTER] = "it is unregistered",
    };
    struct rota_text text;
    int length;

    rota_text_start(&text, watch->text, sizeof(watch->text));
    length = rota_sqe_format(sqe, 0, watch->text, sizeof(watch->text) - TEXT_BEHIND);
    text.length = length < 0 ? 0 : (size_t)length;
    if (text.length >= sizeof(watch->text) - TEXT_BEHIND)
        text.length = sizeof(watch->text) - TEXT_BEHIND - 1;
    rota_text_put(&text, ": the memory of ");
    rota_text_put(&text, rota_word(piece->name));
    rota_text_put(&text, " (");
    rota_text_decimal(&text, piece->size);
    rota_text_put(&text, piece->size == 1 ? " byte at " : " bytes at ");
    rota_text_hex(&text, piece->address);
    rota_text_put(&text, ") ");
    rota_text_put(&text, piece->held ? held[kind] : what[kind]);
    rota_text_put(&text, "; the kernel ");
    rota_text_put(&text, piece->memory == ROTA_MEMORY_READ      ? "reads it until "
                         : piece->memory == ROTA_MEMORY_WRITTEN ? "writes to it until "
                                                                : "reads and writes it until ");
    rota_text_put(&text, until[piece->lives]);
    watch->mistakes++;
    if (watch->report)
        watch->report(watch, kind, sqe, watch->text);
    else
        rota_end_program(watch->text);
}

static bool is_poisoned(const struct rota_watch *watch, uint64_t address, uint64_t size)
{
    return watch->poisoned && size && size <= SIZE_MAX &&
           watch->poisoned((void *)(uintptr_t)address, (size_t)size) != NULL;
}

static bool has_group(const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (rota_fields(op->fields)[i].role == ROTA_ROLE_GROUP)
            return true;
    }
    return false;
}

/* Whether it gives memory to a buffer group: `fd` pieces of `len` bytes, with numbers from `off` on. */
static bool fills_group(const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (rota_fields(op->fields)[i].lives == ROTA_LIVES_UNREGISTER)
            return has_group(op);
    }
    return false;
}

/*
 * Which loans end
 */

static bool of_request(const struct rota_loan *loan, uint64_t user_data)
{
    return !loan->held && loaned(loan)->user_data == user_data;
}

static bool in_group(const struct rota_loan *loan, uint64_t group)
{
    return loan->held && loaned(loan)->buf_group == group;
}

/* The completion does not tell the group: the buffer of that number of each. */
static bool is_buffer(const struct rota_loan *loan, uint64_t number)
{
    const struct io_uring_sqe *sqe = loaned(loan);

    return loan->held && (loan->address - sqe->addr) / sqe->len + sqe->off == number;
}

/* Not in the kernel's hands: until then it can be taken back, and be another request. */
static bool is_behind(const struct rota_loan *loan, uint64_t unseen)
{
    return !loan->held && (int32_t)(loan->place - (uint32_t)unseen) >= 0;
}

static bool is_taken(const struct rota_watch *watch, const struct rota_loan *loan)
{
    /* A queue that begins anew each time does not tell by places. */
    return (watch->ring->flags & IORING_SETUP_SQ_REWIND) ||
           !is_behind(loan, rota_sq_unseen(watch->ring));
}

static void drop(struct rota_watch *watch, bool (*ends)(const struct rota_loan *, uint64_t),
                 uint64_t what)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < watch->count; i++) {
        if (ends(&watch->loans[i], what))
            continue;
        if (kept != i)
            rota_copy(&watch->loans[kept], &watch->loans[i], sizeof(watch->loans[i]));
        kept++;
    }
    watch->count = kept;
}

static void lend(struct rota_watch *watch, const struct io_uring_sqe *sqe,
                 const struct piece *piece, const void *stack)
{
    uint64_t here = (uint64_t)(uintptr_t)stack;
    struct rota_loan *loan;

    if (watch->count == watch->room || (sqe->flags & IOSQE_CQE_SKIP_SUCCESS) ||
        (watch->ring->flags & IORING_SETUP_CQE_MIXED)) {
        watch->forgotten++;
        return;
    }
    loan = &watch->loans[watch->count++];
    rota_copy(loan->sqe, sqe, sizeof(loan->sqe));
    loan->address = piece->address;
    loan->size = piece->size;
    loan->serial = watch->serial;
    loan->place = watch->looked;
    loan->name = piece->name;
    loan->memory = piece->memory;
    loan->lives = piece->lives;
    loan->stack = piece->address >= here && piece->address - here < STACK_ABOVE;
    loan->told = false;
    loan->held = false;
}

/*
 * One piece of a request that is being submitted: false when something is
 * wrong with it. What is right is lent where it has to live on.
 */
static bool look_at(struct rota_watch *watch, const struct io_uring_sqe *sqe,
                    const struct piece *piece, const void *stack)
{
    enum rota_watch_kind kind = ROTA_WATCH_NONE;
    struct piece part = *piece;

    if (!piece->address || !piece->size)
        return true;
    if (below_stack(watch, piece->address, stack))
        kind = ROTA_WATCH_STACK;
    else if (is_poisoned(watch, piece->address, piece->size))
        kind = ROTA_WATCH_POISONED;
    if (kind != ROTA_WATCH_NONE) {
        tell(watch, kind, sqe, piece);
        return false;
    }
    if (piece->lives == ROTA_LIVES_SUBMIT)
        return true;
    /* Buffers of a group come back one by one. */
    part.size = piece->each ? piece->each : piece->size;
    for (uint64_t at = 0; at + part.size <= piece->size; at += part.size) {
        part.address = piece->address + at;
        lend(watch, sqe, &part, stack);
    }
    return true;
}

/* The bytes of a text with its end, as far as it can be read. */
static uint64_t text_size(uint64_t address)
{
    unsigned char bytes[256];

    for (uint64_t size = 0; size < ROTA_PATH_MAX;) {
        /* Not beyond a page, behind which there may be none. */
        uint64_t left = UINT64_C(256) - (address + size) % sizeof(bytes);
        long got = rota_peek_memory(NULL, address + size, bytes, (size_t)left);

        if (got <= 0)
            return size ? size : 1;
        for (long i = 0; i < got; i++) {
            if (!bytes[i])
                return size + (uint64_t)i + 1;
        }
        size += (uint64_t)got;
    }
    return ROTA_PATH_MAX;
}

/* What the elements of a vector name, which stays longer than the vector itself. */
static void look_at_vectors(struct rota_watch *watch, const struct io_uring_sqe *sqe,
                            const struct piece *vector, uint8_t memory, const void *stack)
{
    struct piece part = *vector;

    part.memory = memory;
    if (part.lives == ROTA_LIVES_SUBMIT)
        part.lives = ROTA_LIVES_COMPLETION;
    for (uint64_t i = 0; i < vector->size / ROTA_VECTOR_SIZE && i < ELEMENTS; i++) {
        if (!rota_peek_vector(NULL, vector->address, i, &part.address, &part.size))
            return;
        look_at(watch, sqe, &part, stack);
    }
}

/* What a message names: its address, its vectors with what they name, its control data. */
static void look_at_message(struct rota_watch *watch, const struct io_uring_sqe *sqe,
                            const struct piece *header, uint8_t memory, const void *stack)
{
    struct piece part = *header;
    struct rota_message m;

    /* With a buffer group everything goes into the buffer, or is not looked at. */
    if ((sqe->flags & IOSQE_BUFFER_SELECT) || !rota_peek_message(NULL, header->address, &m))
        return;
    part.memory = memory;
    part.address = m.name;
    part.size = m.name_size > 0 ? (uint64_t)m.name_size : 0;
    look_at(watch, sqe, &part, stack);
    part.address = m.control;
    part.size = m.control_size;
    look_at(watch, sqe, &part, stack);
    part.address = m.vectors;
    part.size = m.vector_count > ROTA_VECTORS_TAKEN ? 0 : m.vector_count * ROTA_VECTOR_SIZE;
    part.memory = ROTA_MEMORY_READ;
    part.lives = ROTA_LIVES_SUBMIT;
    if (!look_at(watch, sqe, &part, stack))
        return;
    part.lives = header->lives;
    look_at_vectors(watch, sqe, &part, memory, stack);
}

static void look_at_field(struct rota_watch *watch, const struct io_uring_sqe *sqe,
                          const struct rota_op_info *op, const struct rota_field_info *row,
                          const void *stack)
{
    bool vector = rota_field_is_vector(row, sqe);
    struct piece piece;

    rota_zero(&piece, sizeof(piece));
    piece.address = rota_sqe_field(sqe, row->offset, row->size);
    piece.size = row->length;
    piece.name = row->arg.at ? row->arg : row->name;
    piece.memory = row->memory;
    piece.lives = row->lives;
    if (!piece.address || rota_conditions_hold(row->when, sqe, watch->ring) != ROTA_YES)
        return;
    if (rota_field_is_text(row))
        piece.size = text_size(piece.address);
    else if (!piece.size)
        piece.size = row->length_size ? rota_sqe_field(sqe, row->length_at, row->length_size) : 1;
    piece.size *= vector ? ROTA_VECTOR_SIZE : rota_field_element(row);
    if (fills_group(op)) {
        piece.each = sqe->len;
        piece.size = sqe->fd > 0 ? (uint64_t)sqe->len * (uint32_t)sqe->fd : 0;
    }
    if (!look_at(watch, sqe, &piece, stack) || !row->elements)
        return;
    if (vector)
        look_at_vectors(watch, sqe, &piece, row->elements, stack);
    else if (rota_field_points_to(row, "struct msghdr *"))
        look_at_message(watch, sqe, &piece, row->elements, stack);
}

/* The memory of a command, where it is known what its number means to the file. */
static void look_at_command(struct rota_watch *watch, const struct io_uring_sqe *sqe,
                            const struct rota_op_info *op, const void *stack)
{
    const struct rota_field_info *field = rota_command_field(op);
    const struct rota_command_info *command;
    struct rota_command_set set;
    struct piece piece;

    rota_zero(&piece, sizeof(piece));
    if (!field)
        return;
    rota_commands_of(op, (uint32_t)rota_sqe_field(sqe, field->offset, field->size), &set);
    if (!set.certain && !(sqe->flags & IOSQE_FIXED_FILE))
        rota_commands_on(&set, NULL, sqe->fd, rota_file_kind(NULL, sqe->fd));
    command = set.certain ? set.found[0] : NULL;
    if (!command || (rota_command_lacks(watch->ring, op, command) & ROTA_LACK_SQE))
        return;
    for (unsigned i = 0; i < command->points.count; i++) {
        const struct rota_point_info *point = &rota_points(command->points)[i];

        piece.address = rota_sqe_field(sqe, point->offset, point->size);
        piece.size =
            point->length_size ? rota_sqe_field(sqe, point->length_at, point->length_size) : 1;
        if (point->vectors)
            piece.size *= ROTA_VECTOR_SIZE;
        piece.name = point->name;
        piece.memory = point->memory;
        piece.lives = point->lives;
        look_at(watch, sqe, &piece, stack);
    }
}

static void look_at_request(struct rota_watch *watch, const struct io_uring_sqe *sqe,
                            const void *stack)
{
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);
    const struct rota_field_info *rows;

    if (!op)
        return;
    watch->serial++;
    rows = rota_fields(op->fields);
    /* What takes buffers out of a group without handing them out may take any of them. */
    if (has_group(op) && !fills_group(op) && !(sqe->flags & IOSQE_BUFFER_SELECT))
        drop(watch, in_group, sqe->buf_group);
    for (unsigned i = 0; i < op->fields.count; i++) {
        /* With a buffer group the kernel does not look at the address. */
        if (rows[i].memory &&
            !((sqe->flags & IOSQE_BUFFER_SELECT) && rows[i].memory == ROTA_MEMORY_WRITTEN))
            look_at_field(watch, sqe, op, &rows[i], stack);
    }
    look_at_command(watch, sqe, op, stack);
}

/* The request of a completion, whose loans end with its last one. */
static void complete(struct rota_watch *watch, const struct io_uring_cqe *cqe)
{
    const uint64_t user_data = cqe->user_data;
    const struct rota_loan *first = NULL;
    bool several = false;
    uint32_t before;

    if (cqe->flags & IORING_CQE_F_BUFFER)
        drop(watch, is_buffer, cqe->flags >> IORING_CQE_BUFFER_SHIFT);
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    for (uint32_t i = 0; i < watch->count; i++) {
        struct rota_loan *loan = &watch->loans[i];

        if (!of_request(loan, user_data))
            continue;
        several = several || (first && first->serial != loan->serial);
        first = first ? first : loan;
    }
    if (!first)
        return;
    /* Buffers that are in the group now stay the kernel's. */
    if (!several && cqe->res >= 0 && fills_group(rota_opcode_info(loaned(first)->opcode))) {
        for (uint32_t i = 0; i < watch->count; i++) {
            struct rota_loan *loan = &watch->loans[i];

            loan->held = loan->held || of_request(loan, user_data);
        }
        return;
    }
    before = watch->count;
    drop(watch, of_request, user_data);
    /* Of several requests with one user_data it is not known which is over. */
    if (several)
        watch->forgotten += before - watch->count;
}

static void forget_all(struct rota_watch *watch)
{
    watch->forgotten += watch->count;
    watch->count = 0;
}

static void follow_completions(struct rota_watch *watch)
{
    const struct rota_cq *cq = &watch->ring->cq;
    uint32_t tail;

    if (rota_is_dead(watch->ring) || (watch->ring->flags & IORING_SETUP_CQE_MIXED))
        return;
    /* Acquire: pairs with the kernel's release after it has written the CQEs. */
    tail = rota_load_acquire(cq->ktail);
    /* Too many, or others stand in their places now. */
    if (tail - watch->seen > cq->ring_entries || watch->moves != cq->moves) {
        watch->moves = cq->moves;
        forget_all(watch);
        watch->seen = tail;
    }
    for (; watch->seen != tail; watch->seen++)
        complete(watch, rota_cqe_at(watch->ring, watch->seen));
}

static void report_loan(struct rota_watch *watch, struct rota_loan *loan, enum rota_watch_kind kind)
{
    struct piece piece = {
        .address = loan->address,
        .size = loan->size,
        .name = loan->name,
        .memory = loan->memory,
        .lives = loan->lives,
        .held = loan->held,
    };

    loan->told = true;
    tell(watch, kind, loaned(loan), &piece);
}

static unsigned look_at_loans(struct rota_watch *watch, const void *stack)
{
    uint32_t before = watch->mistakes;

    follow_completions(watch);
    for (uint32_t i = 0; i < watch->count; i++) {
        struct rota_loan *loan = &watch->loans[i];

        if (loan->told || !is_taken(watch, loan))
            continue;
        if (loan->stack && below_stack(watch, loan->address, stack))
            report_loan(watch, loan, ROTA_WATCH_LEFT);
        else if (is_poisoned(watch, loan->address, loan->size))
            report_loan(watch, loan, ROTA_WATCH_FREED);
    }
    return watch->mistakes - before;
}

ROTA_COLD unsigned rota_watch_look(struct rota_watch *watch)
{
    return look_at_loans(watch, __builtin_frame_address(0));
}

static void on_submit(struct rota_ring *ring, const void *stack, void *data)
{
    struct rota_watch *watch = data;
    const struct rota_sq *sq = &ring->sq;
    uint32_t tail = rota_sq_tail(ring);
    uint32_t head = ring->flags & IORING_SETUP_SQ_REWIND ? 0 : rota_sq_unseen(ring);

    look_at_loans(watch, stack);
    /* What was looked at and not taken is looked at again, whatever stands there now. */
    if (!(ring->flags & IORING_SETUP_SQ_REWIND))
        drop(watch, is_behind, head);
    if (tail - head > sq->ring_entries)
        head = tail; /* taken back, or not known: nothing of it is certain */
    while (head != tail) {
        size_t at = (size_t)(head & sq->ring_mask) << sq->sqe_shift;
        const struct io_uring_sqe *sqe = (const void *)((const char *)sq->sqes + at);
        const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

        watch->looked = head;
        look_at_request(watch, sqe, stack);
        head++;
        if ((ring->flags & IORING_SETUP_SQE_MIXED) && op && op->big && head != tail)
            head++;
    }
    watch->looked = tail;
}

int rota_watch_init(struct rota_watch *watch, struct rota_ring *ring, struct rota_loan *loans,
                    unsigned room, rota_watch_report *report, void *data,
                    void *(*poisoned)(void *address, size_t size))
{
    if (!watch || !ring || !loans || rota_is_dead(ring))
        return -EINVAL;
    watch->ring = ring;
    watch->report = report;
    watch->data = data;
    watch->poisoned = poisoned;
    watch->loans = loans;
    watch->room = room;
    watch->count = 0;
    watch->forgotten = 0;
    watch->mistakes = 0;
    watch->looked = rota_sq_unseen(ring);
    watch->seen = rota_load_acquire(ring->cq.ktail);
    watch->moves = ring->cq.moves;
    watch->serial = 0;
    watch->stack = STACK_BELOW;
    watch->text[0] = 0;
    rota_on_submit(ring, on_submit, watch);
    return 0;
}

#undef rota_watch_begin
int rota_watch_begin(struct rota_watch *watch, struct rota_ring *ring, struct rota_loan *loans,
                     unsigned room, rota_watch_report *report, void *data)
{
    return rota_watch_init(watch, ring, loans, room, report, data, NULL);
}

ROTA_COLD unsigned rota_watch_end(struct rota_watch *watch)
{
    look_at_loans(watch, __builtin_frame_address(0));
    rota_on_submit(watch->ring, NULL, NULL);
    return watch->mistakes;
}

static struct rota_loan *overlapping(struct rota_watch *watch, const void *memory, size_t size,
                                     bool write)
{
    uint64_t address = (uint64_t)(uintptr_t)memory;

    follow_completions(watch);
    for (uint32_t i = 0; i < watch->count; i++) {
        struct rota_loan *loan = &watch->loans[i];

        if (is_taken(watch, loan) && address < loan->address + loan->size &&
            loan->address < address + size && (write || loan->memory != ROTA_MEMORY_READ))
            return loan;
    }
    return NULL;
}

bool rota_watch_reuse(struct rota_watch *watch, const void *memory, size_t size, bool write)
{
    struct rota_loan *loan = overlapping(watch, memory, size, write);

    if (loan)
        report_loan(watch, loan, ROTA_WATCH_REUSED);
    return loan != NULL;
}

void rota_watch_freed(struct rota_watch *watch, const void *memory, size_t size)
{
    struct rota_loan *loan = overlapping(watch, memory, size, true);

    if (loan && !loan->told)
        report_loan(watch, loan, ROTA_WATCH_FREED);
}
