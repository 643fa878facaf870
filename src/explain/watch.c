/* SPDX-License-Identifier: MIT */
/*
 * The memory of requests: looked at when they are submitted, and remembered
 * until they are over.
 *
 * A request is over with the completion of its user_data that lacks
 * IORING_CQE_F_MORE. Completions are followed in the queue itself, behind the
 * back of whoever takes them: what is no longer there to be seen is forgotten.
 */
#include <rota/watch.h>

#include "explain/explain.h"
#include "explain/understand.h"
#include "ring/core.h"

/* How far below the running function a stack is taken for one that was left. */
#define STACK_BELOW (UINT64_C(256) << 10)
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

struct piece {
    uint64_t address;
    uint64_t size;
    uint8_t memory;
};

/* What the running functions own begins at `stack`; a little below it is what others have left. */
static bool below_stack(uint64_t address, const void *stack)
{
    uint64_t here = (uint64_t)(uintptr_t)stack;

    return address < here && here - address < STACK_BELOW;
}

static void tell(struct rota_watch *watch, enum rota_watch_kind kind,
                 const struct io_uring_sqe *sqe, unsigned field, const struct piece *piece)
{
    static const char *const what[] = {
        [ROTA_WATCH_NONE] = "",
        [ROTA_WATCH_POISONED] = "was freed, or is none",
        [ROTA_WATCH_STACK] = "is on a stack that has been left",
        [ROTA_WATCH_FREED] = "was freed while the request is in flight",
        [ROTA_WATCH_LEFT] = "is on a stack that was left while the request is in flight",
        [ROTA_WATCH_REUSED] = "is used again while the request is in flight",
    };
    static const char *const until[] = {
        [ROTA_LIVES_NONE] = "",
        [ROTA_LIVES_SUBMIT] = "the submission",
        [ROTA_LIVES_COMPLETION] = "the completion",
        [ROTA_LIVES_NOTIFICATION] = "the notification",
        [ROTA_LIVES_UNREGISTER] = "it is unregistered",
    };
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);
    const struct rota_field_info *row = &rota_info_fields(op->fields)[field];
    const char *name = rota_word(row->arg);
    struct rota_text text;
    int length;

    rota_text_start(&text, watch->text, sizeof(watch->text));
    length = rota_sqe_format(sqe, 0, watch->text, sizeof(watch->text) - TEXT_BEHIND);
    text.length = length < 0 ? 0 : (size_t)length;
    if (text.length >= sizeof(watch->text) - TEXT_BEHIND)
        text.length = sizeof(watch->text) - TEXT_BEHIND - 1;
    rota_text_put(&text, ": the memory of ");
    rota_text_put(&text, name && *name ? name : rota_word(row->name));
    rota_text_put(&text, " (");
    rota_text_decimal(&text, piece->size);
    rota_text_put(&text, piece->size == 1 ? " byte at " : " bytes at ");
    rota_text_hex(&text, piece->address);
    rota_text_put(&text, ") ");
    rota_text_put(&text, what[kind]);
    rota_text_put(&text, "; the kernel ");
    rota_text_put(&text, piece->memory == ROTA_MEMORY_READ      ? "reads it until "
                         : piece->memory == ROTA_MEMORY_WRITTEN ? "writes to it until "
                                                                : "reads and writes it until ");
    rota_text_put(&text, until[row->lives]);
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

/* One piece of a request that is being submitted: 1 when something is wrong with it. */
static bool look_at(struct rota_watch *watch, const struct io_uring_sqe *sqe, unsigned field,
                    const struct piece *piece, const void *stack)
{
    enum rota_watch_kind kind = ROTA_WATCH_NONE;

    if (below_stack(piece->address, stack))
        kind = ROTA_WATCH_STACK;
    else if (is_poisoned(watch, piece->address, piece->size))
        kind = ROTA_WATCH_POISONED;
    if (kind == ROTA_WATCH_NONE)
        return false;
    tell(watch, kind, sqe, field, piece);
    return true;
}

static void lend(struct rota_watch *watch, const struct io_uring_sqe *sqe, unsigned field,
                 uint8_t lives, const struct piece *piece, const void *stack)
{
    struct rota_loan *loan;
    uint64_t here = (uint64_t)(uintptr_t)stack;

    if (lives != ROTA_LIVES_COMPLETION && lives != ROTA_LIVES_NOTIFICATION)
        return;
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
    loan->field = (uint16_t)field;
    loan->memory = piece->memory;
    loan->lives = lives;
    loan->stack = piece->address >= here && piece->address - here < STACK_ABOVE;
    loan->told = false;
}

static void look_at_field(struct rota_watch *watch, const struct io_uring_sqe *sqe, unsigned index,
                          const struct rota_field_info *row, const void *stack)
{
    struct piece piece = {rota_sqe_field(sqe, row->offset, row->size), row->length, row->memory};
    const uint64_t word = sizeof(void *);
    uint64_t count;

    if (!piece.address || rota_conditions_hold(row->when, sqe, watch->ring) != ROTA_YES)
        return;
    if (!piece.size)
        piece.size = row->length_size ? rota_sqe_field(sqe, row->length_at, row->length_size) : 1;
    count = piece.size;
    piece.size *= rota_field_element(row);
    if (!piece.size || look_at(watch, sqe, index, &piece, stack))
        return;
    lend(watch, sqe, index, row->lives, &piece, stack);
    if (!row->elements || rota_field_element(row) != 2 * word)
        return;
    /* A vector: what its elements point to must stay until the completion, whatever it itself does. */
    for (uint64_t i = 0; i < count && i < ELEMENTS; i++) {
        const uintptr_t *element = (const uintptr_t *)(uintptr_t)(piece.address + i * 2 * word);
        struct piece part = {element[0], element[1], row->elements};

        if (part.address && part.size && !look_at(watch, sqe, index, &part, stack))
            lend(watch, sqe, index,
                 row->lives == ROTA_LIVES_NOTIFICATION ? ROTA_LIVES_NOTIFICATION
                                                       : ROTA_LIVES_COMPLETION,
                 &part, stack);
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
    rows = rota_info_fields(op->fields);
    for (unsigned i = 0; i < op->fields.count; i++) {
        /* With a buffer group the kernel does not look at the address. */
        if (rows[i].memory &&
            !((sqe->flags & IOSQE_BUFFER_SELECT) && rows[i].memory == ROTA_MEMORY_WRITTEN))
            look_at_field(watch, sqe, i, &rows[i], stack);
    }
}

/* The request of a completion: the oldest with its user_data. Its loans end with its last one. */
static void complete(struct rota_watch *watch, const struct io_uring_cqe *cqe)
{
    uint32_t serial = 0, kept = 0;
    bool found = false;

    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    for (uint32_t i = 0; i < watch->count && !found; i++) {
        found = loaned(&watch->loans[i])->user_data == cqe->user_data;
        serial = watch->loans[i].serial;
    }
    for (uint32_t i = 0; found && i < watch->count; i++) {
        if (watch->loans[i].serial == serial)
            continue;
        if (kept != i)
            rota_copy(&watch->loans[kept], &watch->loans[i], sizeof(watch->loans[i]));
        kept++;
    }
    if (found)
        watch->count = kept;
}

static void follow_completions(struct rota_watch *watch)
{
    const struct rota_cq *cq = &watch->ring->cq;
    uint32_t tail;

    if (rota_is_dead(watch->ring) || (watch->ring->flags & IORING_SETUP_CQE_MIXED))
        return;
    /* Acquire: pairs with the kernel's release after it has written the CQEs. */
    tail = rota_load_acquire(cq->ktail);
    if (tail - watch->seen > cq->ring_entries) {
        watch->forgotten += watch->count;
        watch->count = 0;
        watch->seen = tail;
    }
    for (; watch->seen != tail; watch->seen++)
        complete(watch, rota_cqe_at(watch->ring, watch->seen));
}

static void report_loan(struct rota_watch *watch, struct rota_loan *loan, enum rota_watch_kind kind)
{
    struct piece piece = {loan->address, loan->size, loan->memory};

    loan->told = true;
    tell(watch, kind, loaned(loan), loan->field, &piece);
}

static unsigned look_at_loans(struct rota_watch *watch, const void *stack)
{
    uint32_t before = watch->mistakes;

    follow_completions(watch);
    for (uint32_t i = 0; i < watch->count; i++) {
        struct rota_loan *loan = &watch->loans[i];

        if (loan->told)
            continue;
        if (loan->stack && below_stack(loan->address, stack))
            report_loan(watch, loan, ROTA_WATCH_LEFT);
        else if (is_poisoned(watch, loan->address, loan->size))
            report_loan(watch, loan, ROTA_WATCH_FREED);
    }
    return watch->mistakes - before;
}

unsigned rota_watch_look(struct rota_watch *watch)
{
    return look_at_loans(watch, __builtin_frame_address(0));
}

static void on_submit(struct rota_ring *ring, const void *stack, void *data)
{
    struct rota_watch *watch = data;
    const struct rota_sq *sq = &ring->sq;
    uint32_t tail = rota_sq_tail(ring);
    uint32_t head = ring->flags & IORING_SETUP_SQ_REWIND ? 0 : watch->looked;

    look_at_loans(watch, stack);
    if (tail - head > sq->ring_entries)
        head = tail; /* taken back, or not known: nothing of it is certain */
    while (head != tail) {
        size_t at = (size_t)(head & sq->ring_mask) << sq->sqe_shift;
        const struct io_uring_sqe *sqe = (const void *)((const char *)sq->sqes + at);
        const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

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
    watch->serial = 0;
    watch->reserved0 = 0;
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

unsigned rota_watch_end(struct rota_watch *watch)
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

        if (address < loan->address + loan->size && loan->address < address + size &&
            (write || loan->memory != ROTA_MEMORY_READ))
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
