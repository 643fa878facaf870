/* SPDX-License-Identifier: MIT */
/*
 * What the queue still shows of the requests around one that failed: entries
 * stay where they were until later ones take their places. And whether the
 * thread that sent it can have ended.
 */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/fcntl.h>

#define LINKS (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)

struct queue {
    const struct rota_ring *ring;
    uint32_t tail;  /* one past the last entry */
    uint32_t count; /* entries behind it that are still to be seen */
};

/* False when the queue cannot be looked at. */
static bool open_queue(const struct rota_subject *s, struct queue *queue)
{
    const struct rota_ring *ring = s->ring;

    if (!ring || s->list->process || rota_is_dead(ring) || !ring->sq.sqes ||
        (ring->flags & (IORING_SETUP_SQE_MIXED | IORING_SETUP_SQ_REWIND)))
        return false;
    queue->ring = ring;
    queue->tail = rota_sq_tail(ring);
    queue->count = ring->sq.ring_mask + 1;
    /* Of a young ring not every entry has been used. */
    if (queue->tail < queue->count)
        queue->count = queue->tail;
    return true;
}

/* The entry `back` before the tail; 1 is the last. NULL: it is not to be seen any more. */
static const struct io_uring_sqe *entry(const struct queue *queue, uint32_t back)
{
    const struct rota_sq *sq = &queue->ring->sq;
    size_t at = (size_t)((queue->tail - back) & sq->ring_mask) << sq->sqe_shift;

    return back && back <= queue->count ? (const void *)((const char *)sq->sqes + at) : NULL;
}

static bool alike(const struct io_uring_sqe *a, const struct io_uring_sqe *b, bool user_data)
{
    for (unsigned i = 0; i < 64; i += 8) {
        if (i == offsetof(struct io_uring_sqe, user_data) && !user_data)
            continue;
        if (rota_sqe_field(a, i, 8) != rota_sqe_field(b, i, 8))
            return false;
    }
    return true;
}

/* How far before the tail the request stands; 0: nowhere. */
static uint32_t find(const struct queue *queue, const struct io_uring_sqe *sqe)
{
    for (int user_data = 1; user_data >= 0; user_data--) {
        for (uint32_t back = 1; back <= queue->count; back++) {
            if (alike(entry(queue, back), sqe, user_data))
                return back;
        }
    }
    return 0;
}

static const char *name_of(const struct io_uring_sqe *sqe)
{
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

    return op ? rota_word(op->name) : "a request";
}

/* The field with the user_data of another request, or NULL. */
static const struct rota_field_info *request_field(const struct rota_op_info *op)
{
    for (unsigned i = 0; op && i < op->fields.count; i++) {
        if (rota_fields(op->fields)[i].role == ROTA_ROLE_REQUEST)
            return &rota_fields(op->fields)[i];
    }
    return NULL;
}

/*
 * What must stand behind another
 */

/* A request that stands behind another one to watch over it. */
static bool belongs_to_another(const struct io_uring_sqe *sqe)
{
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

    return op && op->behind_link;
}

static void not_behind(struct rota_subject *s)
{
    struct rota_cause_writer w;
    const struct io_uring_sqe *before = NULL;
    struct queue queue;
    uint32_t back = 0;

    if (open_queue(s, &queue)) {
        back = find(&queue, s->sqe);
        before = back ? entry(&queue, back + 1) : NULL;
    }
    if (back && !before && back == queue.tail) {
        rota_cause_put(s->list, ROTA_CERTAIN,
                       "it is the first request of the ring, and has to stand right behind "
                       "another one with IOSQE_IO_LINK",
                       NULL);
    } else if (before && !(before->flags & LINKS)) {
        if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
            return;
        rota_text_all(&w.text, "the request before it, ", name_of(before),
                      ", has no IOSQE_IO_LINK, and it belongs right behind one that has", NULL);
        rota_text_put(&w.remedy, "set IOSQE_IO_LINK on the request before it");
    } else if (before && belongs_to_another(before)) {
        if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
            return;
        rota_text_all(&w.text, "the request before it, ", name_of(before),
                      ", belongs to another one itself, and can have none of its own", NULL);
        rota_text_put(&w.remedy, "give a request one at most, right behind it");
    } else if (before) {
        if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
            return;
        rota_text_all(&w.text, "a submit came between it and the request before it, ",
                      name_of(before),
                      " with IOSQE_IO_LINK: it stands first of its submission, and a chain ends "
                      "with its submit",
                      NULL);
        rota_text_put(&w.remedy, "take the entries of a chain together with rota_batch(), or "
                                 "submit before when too few are free");
    } else {
        rota_cause_put(s->list, ROTA_LIKELY,
                       "it does not stand right behind another request with IOSQE_IO_LINK",
                       "set IOSQE_IO_LINK on the request before it, and submit them together");
    }
}

/*
 * What was cancelled
 */

/* A request in the queue that names this one by its user_data. */
static const struct io_uring_sqe *canceller(const struct queue *queue,
                                            const struct io_uring_sqe *sqe, uint32_t upto)
{
    for (uint32_t back = 1; back < upto; back++) {
        const struct io_uring_sqe *other = entry(queue, back);
        const struct rota_field_info *field = request_field(rota_opcode_info(other->opcode));

        if (field && rota_sqe_field(other, field->offset, field->size) == sqe->user_data)
            return other;
    }
    return NULL;
}

/* Whether the thread that a ring is bound to has ended. */
static enum rota_answer owner_ended(const struct rota_ring *ring)
{
    long ret;

    if (!ring || !(ring->flags & IORING_SETUP_SINGLE_ISSUER) || !ring->owner)
        return ROTA_UNKNOWN;
    ret = rota_syscall6(__NR_tgkill, rota_syscall6(__NR_getpid, 0, 0, 0, 0, 0, 0), ring->owner, 0,
                        0, 0, 0);
    return ret == -ESRCH ? ROTA_YES : ROTA_NO;
}

static void put_ended(struct rota_subject *s, enum rota_certainty certainty)
{
    enum rota_answer ended = s->list->process ? ROTA_UNKNOWN : owner_ended(s->ring);

    /* A polling thread sends in place of the others. */
    if (ended == ROTA_NO || (s->ring && (s->ring->flags & IORING_SETUP_SQPOLL)))
        return;
    rota_cause_put(s->list, ended == ROTA_YES ? ROTA_CERTAIN : certainty,
                   "the thread that submitted it has ended, and with it what it had in flight",
                   "keep the thread until its requests have completed, or submit from one that "
                   "stays");
}

static void put_chain(struct rota_subject *s, enum rota_certainty certainty,
                      const struct io_uring_sqe *before)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(s->list, certainty, &w))
        return;
    rota_text_put(&w.text, "the request before it in the chain");
    if (before)
        rota_text_all(&w.text, ", ", name_of(before), ",", NULL);
    rota_text_put(&w.text, " failed, was refused, or came short");
    rota_text_put(&w.remedy, "look at the first completion of the chain that is negative");
    if (!before || !(before->flags & IOSQE_IO_HARDLINK))
        rota_text_put(&w.remedy, "; IOSQE_IO_HARDLINK keeps a chain going");
}

static void cancelled(struct rota_subject *s)
{
    const struct io_uring_sqe *before = NULL, *after = NULL, *by = NULL;
    struct rota_cause_writer w;
    struct queue queue;
    uint32_t back = 0;

    if (open_queue(s, &queue) && (back = find(&queue, s->sqe))) {
        before = entry(&queue, back + 1);
        after = entry(&queue, back - 1);
        by = s->sqe->user_data ? canceller(&queue, s->sqe, back) : NULL;
    }
    /* The row knows better what ends a request that belongs to another one. */
    if (s->op->behind_link)
        return;
    if (by && rota_cause_add(s->list, ROTA_LIKELY, &w)) {
        rota_text_all(&w.text, name_of(by), " named it by its user_data ", NULL);
        rota_text_number(&w.text, s->sqe->user_data);
        rota_text_put(&w.text, " and ended it");
    }
    if (after && (s->sqe->flags & LINKS) && belongs_to_another(after) &&
        rota_cause_add(s->list, ROTA_LIKELY, &w)) {
        rota_text_all(&w.text, "the time of the ", name_of(after),
                      " behind it was over, which ended it", NULL);
    }
    if (before && (before->flags & LINKS))
        put_chain(s, ROTA_LIKELY, before);
    if (!by && back && !(before && (before->flags & LINKS)) && !(s->sqe->flags & LINKS))
        put_ended(s, ROTA_LIKELY);
    else
        put_ended(s, ROTA_POSSIBLE);
    if (!back)
        put_chain(s, ROTA_LIKELY, NULL);
    rota_cause_put(s->list, ROTA_POSSIBLE, "it was cancelled, or the ring ended", NULL);
}

/*
 * What was to cancel
 */

/* Whether it says by flags how it finds its requests. */
static bool has_keys(const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (rota_fields(op->fields)[i].group.at &&
            rota_text_same(rota_word(rota_fields(op->fields)[i].group), "async_cancel"))
            return true;
    }
    return false;
}

static bool selects(const struct rota_subject *s, uint32_t flag)
{
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (field->group.at && rota_text_same(rota_word(field->group), "async_cancel"))
            return rota_sqe_field(s->sqe, field->offset, field->size) & flag;
    }
    return false;
}

static bool by_user_data(const struct rota_subject *s)
{
    return selects(s, IORING_ASYNC_CANCEL_USERDATA) ||
           !selects(s, IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_ANY);
}

static void put_keys(struct rota_text *text, const struct rota_subject *s, uint64_t user_data)
{
    const struct rota_op_info *other = rota_opcode_info(s->sqe->len);
    const char *joint = " ";

    if (selects(s, IORING_ASYNC_CANCEL_FD)) {
        rota_text_all(text, joint, "is on ",
                      selects(s, IORING_ASYNC_CANCEL_FD_FIXED) ? "slot " : "fd=", NULL);
        rota_text_signed(text, s->sqe->fd);
        joint = " and ";
    }
    if (selects(s, IORING_ASYNC_CANCEL_OP)) {
        rota_text_all(text, joint, "is ", other ? rota_word(other->name) : "of that opcode", NULL);
        joint = " and ";
    }
    if (by_user_data(s)) {
        rota_text_all(text, joint, "has the user_data ", NULL);
        rota_text_number(text, user_data);
    }
}

/* The last request in the queue that has that user_data, beside the one that failed. */
static const struct io_uring_sqe *bearer(const struct queue *queue, const struct rota_subject *s,
                                         uint64_t user_data)
{
    for (uint32_t back = 1; back <= queue->count; back++) {
        if (entry(queue, back)->user_data == user_data && !alike(entry(queue, back), s->sqe, true))
            return entry(queue, back);
    }
    return NULL;
}

/* What the row says of those that look for one kind of request, and the number that is sought. */
static void put_row(struct rota_text *text, const struct rota_subject *s,
                    const struct rota_field_info *field, uint64_t wanted)
{
    for (unsigned i = 0; i < s->op->errors.count; i++) {
        const struct rota_error_info *error = &rota_errors(s->op->errors)[i];

        if (error->error != s->res)
            continue;
        rota_cause_sentence(text, error, true);
        break;
    }
    rota_text_all(text, " (", rota_word(field->name), "=", NULL);
    rota_text_number(text, wanted);
    rota_text_char(text, ')');
}

static void matched_nothing(struct rota_subject *s, const struct rota_field_info *field)
{
    uint64_t wanted = rota_sqe_field(s->sqe, field->offset, field->size), from;
    const struct io_uring_sqe *other;
    struct rota_cause_writer w;
    struct queue queue;

    if (!rota_cause_add(s->list, ROTA_CERTAIN, &w))
        return;
    if (has_keys(s->op)) {
        rota_text_put(&w.text, "no request in flight");
        put_keys(&w.text, s, wanted);
    } else {
        put_row(&w.text, s, field, wanted);
    }
    rota_text_put(&w.remedy, "set the user_data of a request before it is submitted, and cancel "
                             "it by the same number; what has completed cannot be found");
    if (!by_user_data(s) || !open_queue(s, &queue))
        return;
    /* The address of an entry is the mistake that liburing's old calls invite. */
    from = (uintptr_t)queue.ring->sq.sqes;
    if (wanted >= from &&
        wanted < from + ((uint64_t)(queue.ring->sq.ring_mask + 1) << queue.ring->sq.sqe_shift))
        rota_text_put(&w.text, ", which is the address of an entry of the queue: a request goes "
                               "by its user_data");
    other = bearer(&queue, s, wanted);
    if (other)
        rota_text_all(&w.text, "; ", name_of(other),
                      ", the last one submitted with it, has completed or is of another kind",
                      NULL);
}

void rota_chain_causes(struct rota_subject *s)
{
    const struct rota_field_info *field = request_field(s->op);

    if (s->res == -EINVAL && s->op->behind_link && !rota_cause_known(s->list, ROTA_CERTAIN))
        not_behind(s);
    else if (s->res == -ECANCELED)
        cancelled(s);
    else if (s->res == -ENOENT && field)
        matched_nothing(s, field);
    else if (s->res == -EFAULT && !rota_cause_known(s->list, ROTA_CERTAIN) &&
             !(s->sqe->flags & IOSQE_BUFFER_SELECT) && rota_subject_memory_is_fine(s) == ROTA_YES &&
             !rota_subject_buffer(s))
        put_ended(s, ROTA_LIKELY);
}
