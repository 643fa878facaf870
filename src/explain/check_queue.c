/* SPDX-License-Identifier: MIT */
/* Checks what waits for the next submit. */
#include "ring/core.h"
#include "explain/understand.h"

/* Findings of one request that are reported; more say little new. */
#define REPORTED 4

int rota_check_pending(const struct rota_ring *ring, const struct rota_caps *caps,
                       rota_check_report *report, void *arg)
{
    struct rota_finding findings[REPORTED];
    const struct io_uring_sqe *before = NULL;
    unsigned max = report ? REPORTED : 0;
    const struct rota_sq *sq;
    uint32_t head, tail;
    int total;

    if (!ring)
        return -EINVAL;
    sq = &ring->sq;
    if (rota_is_dead(ring))
        return 0;
    total = rota_check_thread(NULL, ring, findings, max);
    if (total && report)
        report(arg, ring, NULL, &findings[0]);
    /* Under SQPOLL what was made visible is the kernel's; else it has consumed up to its head. */
    head = rota_sq_unseen(ring);
    tail = rota_sq_tail(ring);
    while (head != tail) {
        size_t at = (size_t)(head & sq->ring_mask) << sq->sqe_shift;
        const struct io_uring_sqe *sqe = (const void *)((const char *)sq->sqes + at);
        const struct rota_op_info *op = rota_opcode_info(sqe->opcode);
        int count = rota_check_in_chain(ring, caps, sqe, true, before, findings, max);

        for (int i = 0; i < count && i < (int)max; i++)
            report(arg, ring, sqe, &findings[i]);
        total += count;
        before = sqe;
        head++;
        /* On a ring of both sizes a large request fills two places. */
        if ((ring->flags & IORING_SETUP_SQE_MIXED) && op && op->big && head != tail)
            head++;
    }
    return total;
}
