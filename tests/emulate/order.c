/* SPDX-License-Identifier: MIT */
/* Order: chains, drains, what is skipped, and what happens to a batch with a wrong SQE in it. */
#include "twin.h"

static void nops(struct twin *t)
{
    for (uint64_t i = 1; i <= 4; i++)
        PREP(t, i, nop(q));
    submit(t);
    reap(t, 4);
    quiet(t);
}

static void link_in_order(struct twin *t)
{
    int p[2];
    char in[4], out[4] = "abc";

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, write(q, p[1], out, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 3);
    quiet(t);
    close(p[0]);
    close(p[1]);
}

static void link_waits(struct twin *t)
{
    int p[2];
    char in[4];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, nop(q));
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 1);
    quiet(t);
    if (write(p[1], "abc", 3) != 3)
        bail("write");
    reap(t, 2);
    close(p[0]);
    close(p[1]);
}

static void link_fails(struct twin *t)
{
    PREP(t, 1, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, read(q, -1, NULL, 0, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 4, nop(q));
    PREP(t, 5, nop(q));
    submit(t);
    reap_sorted(t, 5);
    quiet(t);
}

static void short_read_fails(struct twin *t)
{
    int p[2];
    char in[8];

    if (pipe(p) || write(p[1], "abc", 3) != 3)
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 8, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, nop(q));
    submit(t);
    reap(t, 2);
    close(p[0]);
    close(p[1]);
}

static void hard_link_goes_on(struct twin *t)
{
    PREP(t, 1, read(q, -1, NULL, 0, 0))->flags |= IOSQE_IO_HARDLINK;
    PREP(t, 2, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 3);
}

static void invalid_member(struct twin *t)
{
    PREP(t, 1, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, nop(q))->opcode = 255;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 2);
    submit(t);
    reap(t, 1);
    quiet(t);
}

static void invalid_in_the_middle(struct twin *t)
{
    struct io_uring_sqe *sqe;

    PREP(t, 1, nop(q))->flags |= IOSQE_IO_LINK;
    sqe = PREP(t, 2, nop(q));
    sqe->opcode = 255;
    sqe->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    PREP(t, 4, nop(q));
    submit(t);
    reap_sorted(t, 4);
    quiet(t);
}

static void invalid_single(struct twin *t)
{
    PREP(t, 1, nop(q));
    PREP(t, 2, nop(q))->opcode = 255;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 2);
    quiet(t);
    submit(t);
    reap(t, 1);
}

static void unknown_flag(struct twin *t)
{
    PREP(t, 1, nop(q))->flags = 1 << 7;
    submit(t);
    reap(t, 1);
}

static void select_without_buffers(struct twin *t)
{
    PREP(t, 1, nop(q))->flags = IOSQE_BUFFER_SELECT;
    submit(t);
    reap(t, 1);
}

static void submit_all(struct twin *t)
{
    PREP(t, 1, nop(q));
    PREP(t, 2, nop(q))->opcode = 255;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 3);
    quiet(t);
}

static void skip_success(struct twin *t)
{
    PREP(t, 1, nop(q))->flags |= IOSQE_CQE_SKIP_SUCCESS;
    PREP(t, 2, nop(q));
    PREP(t, 3, read(q, -1, NULL, 0, 0))->flags |= IOSQE_CQE_SKIP_SUCCESS;
    submit(t);
    reap_sorted(t, 2);
    quiet(t);
}

static void skip_in_chain(struct twin *t)
{
    PREP(t, 1, nop(q))->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
    PREP(t, 2, nop(q))->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 1);
    quiet(t);
}

/* A member that fails speaks; behind one that was to be silent nobody does. */
static void skip_and_fail(struct twin *t)
{
    PREP(t, 1, read(q, -1, NULL, 0, 0))->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
    PREP(t, 2, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 1);
    quiet(t);
}

static void skipped_behind_failed(struct twin *t)
{
    PREP(t, 1, read(q, -1, NULL, 0, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, nop(q))->flags |= IOSQE_CQE_SKIP_SUCCESS | IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    reap_sorted(t, 3);
    quiet(t);
}

static void drain(struct twin *t)
{
    int p[2];
    char in[4];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0));
    PREP(t, 2, nop(q))->flags |= IOSQE_IO_DRAIN;
    PREP(t, 3, nop(q));
    submit(t);
    quiet(t);
    if (write(p[1], "abc", 3) != 3)
        bail("write");
    reap(t, 3);
    close(p[0]);
    close(p[1]);
}

static void drained_chain(struct twin *t)
{
    int p[2];
    char in[4];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0));
    PREP(t, 2, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q))->flags |= IOSQE_IO_DRAIN;
    PREP(t, 4, nop(q));
    submit(t);
    quiet(t);
    if (write(p[1], "abc", 3) != 3)
        bail("write");
    reap(t, 4);
    close(p[0]);
    close(p[1]);
}

static void drain_after_skip(struct twin *t)
{
    PREP(t, 1, nop(q))->flags |= IOSQE_CQE_SKIP_SUCCESS;
    PREP(t, 2, nop(q))->flags |= IOSQE_IO_DRAIN;
    submit(t);
    reap(t, 1);
    quiet(t);
}

static void open_chain(struct twin *t)
{
    PREP(t, 1, nop(q))->flags |= IOSQE_IO_LINK;
    submit(t);
    reap(t, 1);
    PREP(t, 2, nop(q));
    submit(t);
    reap(t, 1);
}

static void long_chain(struct twin *t)
{
    for (uint64_t i = 1; i <= 32; i++)
        PREP(t, i, nop(q))->flags |= i < 32 ? IOSQE_IO_LINK : 0;
    submit(t);
    reap(t, 32);
    quiet(t);
}

static void inject(struct twin *t)
{
    struct io_uring_sqe *sqe = PREP(t, 1, nop(q));

    sqe->nop_flags = IORING_NOP_INJECT_RESULT;
    sqe->len = 77;
    sqe = PREP(t, 2, nop(q));
    sqe->nop_flags = IORING_NOP_INJECT_RESULT;
    sqe->len = (uint32_t)-5;
    sqe->flags = IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    reap(t, 3);
}

static void personality(struct twin *t)
{
    PREP(t, 1, nop(q))->personality = 9;
    submit(t);
    reap(t, 1);
}

static const struct scenario scenarios[] = {
    SCENARIO("nops", nops, "[4] 1:0 2:0 3:0 4:0"),
    SCENARIO("a chain runs in order", link_in_order, "[3] 1:3 2:3 3:0"),
    SCENARIO("a chain waits for its first", link_waits, "[3] 3:0 1:3 2:0"),
    SCENARIO("a chain ends with what fails", link_fails, "[5] 1:0 2:-9 3:-125 4:-125 5:0",
             .features = IORING_FEAT_LINKED_FILE),
    SCENARIO("a short read fails its chain", short_read_fails, "[2] 1:3 2:-125"),
    SCENARIO("a hard link goes on", hard_link_goes_on, "[3] 1:-9 2:0 3:0",
             .features = IORING_FEAT_LINKED_FILE),
    SCENARIO("an invalid last member", invalid_member, "[2] 1:-125 2:-22[1] 3:0",
             .features = IORING_FEAT_LINKED_FILE),
    SCENARIO("an invalid member in the middle", invalid_in_the_middle,
             "[4] 1:-125 2:-22 3:-125 4:0"),
    SCENARIO("an invalid request stops the batch", invalid_single, "[2] 1:0 2:-22[1] 3:0",
             .features = IORING_FEAT_LINKED_FILE),
    SCENARIO("an unknown flag", unknown_flag, "[1] 1:-22"),
    SCENARIO("buffers for an opcode that takes none", select_without_buffers, "[1] 1:-95"),
    SCENARIO("SUBMIT_ALL goes on", submit_all, "[3] 1:0 2:-22 3:0",
             .flags = IORING_SETUP_SUBMIT_ALL),
    SCENARIO("success is skipped", skip_success, "[3] 2:0 3:-9", .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("success is skipped in a chain", skip_in_chain, "[3] 3:0",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("a silent one that fails", skip_and_fail, "[3] 1:-9",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("a silent one behind one that fails", skipped_behind_failed, "[3] 1:-9 2:-125 3:-125",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("a drain", drain, "[3] 1:3 2:0 3:0"),
    SCENARIO("a drain in a chain", drained_chain, "[4] 1:3 2:0 3:0 4:0"),
    SCENARIO("a drain after a silent one", drain_after_skip, "[2] 2:-95",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("a chain ends with its batch", open_chain, "[1] 1:0[1] 2:0"),
    SCENARIO("a long chain", long_chain,
             "[32] 1:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:0 11:0 12:0 13:0 14:0 15:0 16:0 17:0 "
             "18:0 19:0 "
             "20:0 21:0 22:0 23:0 24:0 25:0 26:0 27:0 28:0 29:0 30:0 31:0 32:0"),
    SCENARIO("NOP answers what it is told", inject, "[3] 1:77 2:-5 3:-125",
             .features = IORING_FEAT_MIN_TIMEOUT),
    SCENARIO("no personality", personality, "[1] 1:-22"),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
