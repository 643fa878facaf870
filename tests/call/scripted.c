/* SPDX-License-Identifier: MIT */
/* Handles on a scripted kernel: what the real one does rarely, or only when it is broken. */
#include "../ring/fake_kernel.h"

#include <rota/call.h>

static struct rota_ring ring;
static uint32_t dice = 1;

static uint32_t chance(uint32_t below)
{
    dice = dice * 1103515245u + 12345u;
    return (dice >> 16) % below;
}

/* The kernel takes what is queued, and completes nothing by itself. */
static void take_all(void)
{
    fake.step = 0;
    fake.steps = 0;
    fake_then(0)->count = true;
    fake.script[0].take = FAKE_ALL;
    fake.script[0].passes = 1;
    rota_submit(&ring);
    fake.step = 0;
    fake.steps = 0;
}

/* Posts as the kernel does: a large CQE that would go around the end is preceded by a filler. */
static bool post(uint64_t user_data, bool large)
{
    const struct fake_header *h = fake.header;
    uint32_t slots = large && !(ring.flags & IORING_SETUP_CQE32) ? 2 : 1, filler = 0;

    if (slots == 2 && (h->cq_tail & h->cq_mask) == h->cq_mask)
        filler = 1;
    if (h->cq_tail - h->cq_head + slots + filler > h->cq_entries)
        return false;
    if (filler)
        fake_post(0, 0, IORING_CQE_F_SKIP);
    fake_post(user_data, 7, slots == 2 ? IORING_CQE_F_32 : 0);
    return true;
}

/*
 * Completions of handles and of the caller's own, small and large, in every
 * order and at every place: a poll takes the ones and leaves the others whole,
 * in order, and without a slot lost between them.
 */
static void test_gaps(uint32_t flags, uint32_t begin, const char *kind)
{
    enum {
        HANDLES = 6
    };
    bool mixed = (flags & IORING_SETUP_CQE_MIXED) != 0;
    struct rota_op ops[HANDLES];
    uint64_t own[64];
    unsigned delivered = 0, posted = 0, reaped = 0, most = 0;
    uint64_t next_own = 1, first_own = 1;
    bool right = true, tight = true;

    fake_reset();
    fake.start = begin;
    fake_plain_ring(&ring, flags, 0);
    for (unsigned i = 0; i < HANDLES; i++)
        rota_op_init(&ops[i]);
    for (unsigned round = 0; round < 20000; round++) {
        unsigned slots = 0, took;

        for (unsigned i = 0; i < HANDLES; i++) {
            if (!rota_op_active(&ops[i]) && rota_start_nop(&ring, &ops[i]) < 0)
                bail("a start fails");
        }
        take_all();
        for (unsigned i = 0; i < HANDLES; i++) {
            bool large = mixed && chance(3) == 0;

            if (chance(2) && next_own - first_own < 4 && post(next_own, large)) {
                own[next_own % 64] = large;
                next_own++;
            }
            if (chance(4) && post((uint64_t)(uintptr_t)&ops[i] + ROTA_OP_DATA, mixed && chance(2)))
                posted++;
        }
        do {
            took = (unsigned)rota_poll(&ring);
            delivered += took;
        } while (took);
        /* What is left is the caller's, and at most one filler at the end of the queue and one behind it. */
        for (uint64_t i = first_own; i != next_own; i++)
            slots += own[i % 64] ? 2 : 1;
        tight &= rota_cq_ready(&ring) >= slots && rota_cq_ready(&ring) <= slots + (mixed ? 2 : 0);
        if (rota_cq_ready(&ring) > most)
            most = rota_cq_ready(&ring);
        for (unsigned count = chance(4); count && first_own != next_own; count--) {
            struct io_uring_cqe *cqe;

            right &= rota_peek_cqe(&ring, &cqe) == 0 && cqe->user_data == first_own &&
                     cqe->res == 7 && rota_cqe_is_32(cqe) == (own[first_own % 64] != 0);
            if (right && rota_cqe_is_32(cqe))
                right &= cqe->big_cqe[0] == first_own + 1 && cqe->big_cqe[1] == first_own + 2;
            rota_cqe_seen(&ring, cqe);
            first_own++;
            reaped++;
        }
    }
    is_int(delivered, posted, "%s from 0x%x: every result reaches its handle", kind, begin);
    ok(right, "%s: the caller's stay whole and in order", kind);
    ok(tight, "%s: and no slot is lost", kind);
    ok(reaped > 10000 && posted > 10000 && most > 3, "%s: with much of both", kind);
    rota_queue_exit(&ring);
}

int main(void)
{
    test_gaps(0, 0, "plain");
    test_gaps(IORING_SETUP_CQE32, 0xffffff00, "CQE32");
    test_gaps(IORING_SETUP_CQE_MIXED, 0, "mixed");
    test_gaps(IORING_SETUP_CQE_MIXED, 0xffffff01, "mixed");
    return done();
}
