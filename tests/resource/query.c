/* SPDX-License-Identifier: MIT */
/* What the kernel says about itself, by query and by probe, and whether it is true. */
#include "resource.h"

static void test_probe(void)
{
    size_t size = sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op);
    struct io_uring_probe *probe = calloc(1, size);
    struct rota_ring ring;
    bool ordered = true, known = true;

    if (!probe)
        bail("no memory");
    make_ring(&ring, 8, 0);
    is_int(rota_register_probe(&ring, probe, 257), -EINVAL, "more than 256 opcodes there are not");
    is_int(rota_register_probe(&ring, probe, 256), 0, "the kernel tells its opcodes");
    ok(probe->ops_len > IORING_OP_PROVIDE_BUFFERS, "those of 5.7 at least");
    is_int(probe->ops_len, probe->last_op + 1, "up to the last");
    for (unsigned i = 0; i < probe->ops_len; i++) {
        ordered = ordered && probe->ops[i].op == i;
        if (i <= IORING_OP_TEE)
            known = known && probe->ops[i].flags & IO_URING_OP_SUPPORTED;
    }
    ok(ordered, "in order");
    ok(known, "and supports all up to 5.8");
    is_int(rota_register_probe(&ring, probe, 256), -EINVAL, "the memory must be zero");
    /* What is beyond the last is refused. */
    if (probe->last_op < 255) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        sqe->opcode = (uint8_t)(probe->last_op + 1);
        is_int(run_one(&ring).res, -EINVAL, "the opcode after the last");
    }
    rota_queue_exit(&ring);
    free(probe);
}

static void test_query(void)
{
    struct io_uring_query_opcode opcodes, same;
    struct io_uring_query_scq scq;
    struct io_uring_query_zcrx zcrx;
    struct io_uring_query_hdr list[4];
    struct rota_ring ring;
    char small[8];
    int ret = rota_query(IO_URING_QUERY_OPCODES, &opcodes, sizeof(opcodes));

    if (ret == -EINVAL) {
        skip(1, "the kernel answers no queries (6.18)");
        return;
    }
    is_int(ret, sizeof(opcodes), "the kernel answers in full");
    ok(opcodes.nr_request_opcodes > IORING_OP_PIPE, "it has the opcodes of 6.18");
    ok(opcodes.nr_register_opcodes > IORING_REGISTER_QUERY, "and the register calls");
    make_ring(&ring, 8, 0);
    is_hex(opcodes.feature_flags & ring.features, ring.features, "it has what a ring has");
    ok(kernel_has(&ring, opcodes.nr_request_opcodes - 1), "the last opcode is there");
    ok(!kernel_has(&ring, opcodes.nr_request_opcodes), "and none after it");
    rota_queue_exit(&ring);
    ok(opcodes.ring_setup_flags & IORING_SETUP_CQE_MIXED, "it knows mixed CQEs");
    ok(opcodes.enter_flags & IORING_ENTER_EXT_ARG_REG, "and registered waits");
    ok(opcodes.sqe_flags & IOSQE_CQE_SKIP_SUCCESS, "and all IOSQE flags");

    memset(small, 0x5a, sizeof(small));
    ret = rota_query(IO_URING_QUERY_OPCODES, small, 4);
    is_int(ret, 4, "as much as there is room for");
    is_mem(small, &opcodes, 4, "the same");
    is_mem(small + 4, "\x5a\x5a\x5a\x5a", 4, "and no more");
    is_int(rota_query(999, &opcodes, sizeof(opcodes)), -EOPNOTSUPP, "an unknown question");
    is_int(opcodes.nr_request_opcodes, 0, "leaves a clean answer");
    is_int(rota_query(IO_URING_QUERY_OPCODES, &opcodes, 0), -EINVAL, "no room for an answer");

    /* Several at once: one that is not understood does not harm the others. */
    rota_query_prep(&list[0], IO_URING_QUERY_OPCODES, &opcodes, sizeof(opcodes), &list[1]);
    rota_query_prep(&list[1], 999, &same, sizeof(same), &list[2]);
    rota_query_prep(&list[2], IO_URING_QUERY_OPCODES, &same, sizeof(same), &list[3]);
    rota_query_prep(&list[3], IO_URING_QUERY_SCQ, &scq, sizeof(scq), NULL);
    memset(&scq, 0, sizeof(scq));
    is_int(rota_register_query(&list[0]), 0, "four questions");
    is_int(list[0].result, 0, "the first is answered");
    is_int(list[1].result, -EOPNOTSUPP, "the second is not understood");
    is_int(list[2].result, 0, "the third is answered");
    is_mem(&same, &opcodes, sizeof(same), "like the first");
    if (list[3].result == -EOPNOTSUPP) {
        skip(2, "the kernel does not tell the rings' header (6.19)");
    } else {
        ok(scq.hdr_size >= 48 && scq.hdr_size <= 1024, "the rings' header has %llu bytes",
           (unsigned long long)scq.hdr_size);
        ret = rota_query(IO_URING_QUERY_ZCRX, &zcrx, sizeof(zcrx));
        ok(ret == -EOPNOTSUPP || (ret > 0 && zcrx.rq_hdr_size >= 8),
           "zero-copy receive tells its header, or is not there");
    }
}

int main(void)
{
    struct footprint before = footprint();

    test_probe();
    test_query();
    is_clean(before, "questions");
    return done();
}
