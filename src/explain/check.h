/* SPDX-License-Identifier: MIT */
/* What the parts of the check share. */
#ifndef ROTA_SRC_CHECK_H
#define ROTA_SRC_CHECK_H

#include "explain/understand.h"

#define ROTA_FIELD_NONE 0xff

/* One request under examination, and where its findings go. */
struct rota_check {
    const struct rota_ring *ring;
    const struct rota_caps *caps;
    const struct io_uring_sqe *sqe;
    const struct rota_op_info *op;
    struct rota_finding *findings;
    unsigned max;
    unsigned count;
    uint64_t flagged; /* a bit for each byte at which a field with wrong flags starts */
    uint64_t read;    /* a bit for each of the first 64 bytes that the kernel reads or ignores */
};

/* The bits of the bytes of a member. */
static inline uint64_t rota_check_bytes(unsigned offset, unsigned size)
{
    return ((UINT64_C(1) << size) - 1) << offset;
}

/*
 * Counts a finding. Returns where to describe it, with `text` started, or NULL
 * when there is no room: then nothing need be written.
 */
struct rota_finding *rota_check_found(struct rota_check *c, enum rota_finding_code code,
                                      enum rota_stage stage, int error, struct rota_text *text);
/* Which field it is about, and what is in it. */
void rota_check_place(struct rota_finding *f, const char *name, unsigned offset, unsigned size,
                      uint64_t value);
/* The field of the row that lies at a byte of the SQE, or NULL. */
const struct rota_field_info *rota_check_field_at(const struct rota_check *c, unsigned byte);

/* The error, when it is not the usual EINVAL. */
void rota_check_put_answer(struct rota_text *text, int error);
/* " (is 0x10)" */
void rota_check_put_is(struct rota_text *text, uint64_t value);
/* A condition as a demand: "ioprio must have IORING_RECV_MULTISHOT". */
void rota_check_put_demand(struct rota_text *text, const struct rota_condition *condition);
/* Conditions as they stand in the table, with "and" between them. */
void rota_check_put_conditions(struct rota_text *text, struct rota_condition_rows rows);

/* nonzero.c: all bytes that are not read must be zero. */
void rota_check_zero(struct rota_check *c);

#endif /* ROTA_SRC_CHECK_H */
