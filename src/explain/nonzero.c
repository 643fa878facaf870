/* SPDX-License-Identifier: MIT */
/* Finds bytes of a request that are set although its opcode does not read them. */
#include "explain/check.h"
#include "ring/core.h"
#include "table/info_tables.h"

/* The member of the SQE that starts nearest below a byte and has only bytes that must be zero. */
static const struct rota_slot_info *zero_slot(uint64_t zero, unsigned byte)
{
    const struct rota_slot_info *best = NULL;

    for (unsigned i = 0; i < rota_sqe_slot_count; i++) {
        const struct rota_slot_info *slot = &rota_sqe_slots[i];
        uint64_t bytes;

        if (!slot->size || slot->size > 8 || (slot->size & (slot->size - 1U)))
            continue; /* an array */
        bytes = rota_check_bytes(slot->offset, slot->size);
        if (!(bytes >> byte & 1) || (bytes & ~zero))
            continue;
        if (!best || slot->size > best->size)
            best = slot;
    }
    return best;
}

/* The other name by which that member goes, or NULL. */
static const char *other_name(const struct rota_slot_info *slot)
{
    if (slot->size == 8 && slot->offset == offsetof(struct io_uring_sqe, off))
        return "addr2";
    if (slot->size == 4 && slot->offset == offsetof(struct io_uring_sqe, splice_fd_in))
        return "file_index";
    return NULL;
}

static void report_nonzero(struct rota_check *c, uint64_t zero, unsigned byte, unsigned *size)
{
    const struct rota_field_info *field = rota_check_field_at(c, byte);
    const struct rota_slot_info *slot = zero_slot(zero, byte);
    struct rota_text text;
    struct rota_finding *f;
    unsigned offset = field ? field->offset : slot ? slot->offset : byte;
    const char *name = field  ? rota_word(field->name)
                       : slot ? rota_word(slot->name)
                              : "a reserved byte";
    const char *also = field || !slot ? NULL : other_name(slot);
    uint64_t value;

    *size = field ? field->size : slot ? slot->size : 1;
    f = rota_check_found(c, ROTA_FINDING_NOT_ZERO, ROTA_STAGE_TAKE, -EINVAL, &text);
    if (!f)
        return;
    value = rota_sqe_field(c->sqe, offset, *size);
    rota_check_place(f, name, offset, *size, value);
    rota_text_all(&text, ": ", name, also ? "/" : "", also ? also : "", " must be 0", NULL);
    rota_check_put_is(&text, value);
    if (!field)
        return;
    if (field->when.count && rota_conditions_hold(field->when, c->sqe, c->ring) == ROTA_NO) {
        rota_text_put(&text, " unless ");
        rota_check_put_conditions(&text, field->when);
    } else {
        f->since = field->since;
        f->code = ROTA_FINDING_TOO_NEW;
        rota_text_put(&text, " before kernel ");
        rota_text_kernel(&text, field->since);
    }
}

void rota_check_zero(struct rota_check *c)
{
    uint64_t zero = ~c->read;

    for (unsigned word = 0; word < 8; word++) {
        unsigned eight = (unsigned)(zero >> (8 * word)) & 0xff;
        uint64_t value;

        if (!eight)
            continue;
        value = rota_sqe_field(c->sqe, 8 * word, 8);
        if (!value)
            continue;
        for (unsigned byte = 8 * word; byte < 8 * word + 8;) {
            unsigned size = 1;

            if ((zero >> byte & 1) && rota_sqe_field(c->sqe, byte, 1)) {
                report_nonzero(c, zero, byte, &size);
                /* One finding for each member, wherever in it the byte is. */
                byte = (byte / size + 1) * size;
            } else {
                byte++;
            }
        }
    }
}
