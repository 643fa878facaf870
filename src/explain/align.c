/* SPDX-License-Identifier: MIT */
/* Whether a request fits the blocks of a file that is open past the page cache. */
#include "explain/explain.h"
#include "ring/core.h"

/* What is wrong with the alignment of an address and a length; NULL: nothing. */
static const char *misaligned(uint64_t address, uint64_t size, unsigned memory, unsigned offset)
{
    if (address & (memory - 1))
        return "address";
    return size & (offset - 1) ? "length" : NULL;
}

bool rota_subject_alignment(const struct rota_subject *s, const struct rota_file_view *view,
                            struct rota_alignment *a)
{
    uint64_t base, size;

    a->memory = 512;
    a->offset = 512;
    a->known =
        view->fd >= 0 && rota_file_alignment(s->list->process, view->fd, &a->memory, &a->offset);
    a->vector = false;
    a->what = NULL;
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        if (rota_fields(s->op->fields)[i].offset == offsetof(struct io_uring_sqe, addr))
            a->vector = rota_field_is_vector(&rota_fields(s->op->fields)[i], s->sqe);
    }
    if (s->sqe->off != UINT64_MAX && (s->sqe->off & (a->offset - 1)))
        a->what = "offset";
    if (!a->what && !a->vector)
        a->what = misaligned(s->sqe->addr, s->sqe->len, a->memory, a->offset);
    for (uint32_t i = 0; !a->what && a->vector && i < s->sqe->len && i < 1024; i++) {
        if (!rota_peek_vector(s->list->process, s->sqe->addr, i, &base, &size))
            return false;
        a->what = misaligned(base, size, a->memory, a->offset);
    }
    return true;
}

enum rota_answer rota_subject_aligned(const struct rota_subject *s,
                                      const struct rota_file_view *view)
{
    struct rota_alignment a;

    /* Of memory that a group gives, and of positions that the file keeps, nothing is seen. */
    if (!rota_subject_alignment(s, view, &a) || !a.known || (s->sqe->flags & IOSQE_BUFFER_SELECT) ||
        s->sqe->off == UINT64_MAX)
        return ROTA_UNKNOWN;
    return a.what ? ROTA_NO : ROTA_YES;
}
