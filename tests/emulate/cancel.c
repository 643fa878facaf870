/* SPDX-License-Identifier: MIT */
/* Cancellation by each key, of requests in each state, and from outside of the queue. */
#include "twin.h"

static struct __kernel_timespec never = {.tv_sec = 1000};

struct two_pipes {
    int a[2], b[2];
    char in[8];
};

/* Requests 1 and 2 read one pipe, 3 the other; 4 is a timeout. */
static void start(struct twin *t, struct two_pipes *p)
{
    if (pipe(p->a) || pipe(p->b))
        bail("pipe");
    PREP(t, 1, read(q, p->a[0], p->in, 3, 0));
    PREP(t, 2, read(q, p->a[0], p->in, 3, 0));
    PREP(t, 3, read(q, p->b[0], p->in, 3, 0));
    PREP(t, 4, timeout(q, &never, 0, 0));
    submit(t);
}

static void stop(const struct two_pipes *p)
{
    close(p->a[0]);
    close(p->a[1]);
    close(p->b[0]);
    close(p->b[1]);
}

static void by_data(struct twin *t)
{
    struct two_pipes p;

    start(t, &p);
    PREP(t, 9, cancel64(q, 2, 0));
    PREP(t, 10, cancel64(q, 4, 0));
    PREP(t, 11, cancel64(q, 77, 0));
    submit(t);
    reap_sorted(t, 5);
    quiet(t);
    stop(&p);
}

static void all_of_data(struct twin *t)
{
    char in[4];
    int p[2];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0));
    PREP(t, 1, read(q, p[0], in, 3, 0));
    PREP(t, 1, poll_add(q, p[0], POLLIN));
    submit(t);
    PREP(t, 9, cancel64(q, 1, IORING_ASYNC_CANCEL_ALL));
    submit(t);
    reap_sorted(t, 4);
    PREP(t, 10, cancel64(q, 1, IORING_ASYNC_CANCEL_ALL));
    submit(t);
    reap(t, 1);
    close(p[0]);
    close(p[1]);
}

static void by_file(struct twin *t)
{
    struct two_pipes p;

    start(t, &p);
    PREP(t, 9, cancel_fd(q, p.b[0], 0));
    submit(t);
    reap_sorted(t, 2);
    PREP(t, 10, cancel_fd(q, p.b[0], 0));
    PREP(t, 11, cancel_fd(q, p.a[0], IORING_ASYNC_CANCEL_ALL));
    PREP(t, 12, cancel_fd(q, 9999, 0));
    submit(t);
    reap_sorted(t, 5);
    quiet(t);
    stop(&p);
}

static void by_same_file(struct twin *t)
{
    struct two_pipes p;
    int other;

    start(t, &p);
    other = dup(p.b[0]);
    PREP(t, 9, cancel_fd(q, other, 0));
    submit(t);
    reap_sorted(t, 2);
    close(other);
    stop(&p);
}

static void any(struct twin *t)
{
    struct two_pipes p;

    start(t, &p);
    PREP(t, 9, cancel64(q, 0, IORING_ASYNC_CANCEL_ANY));
    submit(t);
    reap_sorted(t, 5);
    quiet(t);
    stop(&p);
}

static void by_opcode(struct twin *t)
{
    struct two_pipes p;
    struct io_uring_sqe *sqe;

    start(t, &p);
    sqe = PREP(t, 9, cancel64(q, 0, IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_ALL));
    sqe->len = IORING_OP_TIMEOUT;
    sqe = PREP(t, 10, cancel64(q, 3, IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_USERDATA));
    sqe->len = IORING_OP_READ;
    sqe = PREP(t, 11, cancel64(q, 1, IORING_ASYNC_CANCEL_OP | IORING_ASYNC_CANCEL_USERDATA));
    sqe->len = IORING_OP_WRITE;
    submit(t);
    reap_sorted(t, 5);
    stop(&p);
}

static void linked(struct twin *t)
{
    char in[4];
    int p[2];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, nop(q));
    submit(t);
    PREP(t, 9, cancel64(q, 2, 0)); /* not started: nobody knows it */
    submit(t);
    reap(t, 1);
    PREP(t, 10, cancel64(q, 1, 0));
    submit(t);
    reap_sorted(t, 3);
    close(p[0]);
    close(p[1]);
}

static void wrong(struct twin *t)
{
    PREP(t, 1, cancel64(q, 1, 0))->off = 5;
    PREP(t, 2, cancel64(q, 1, 1 << 20));
    submit(t);
    reap(t, 1);
    submit(t);
    reap(t, 1);
}

static void sync_cancel(struct twin *t)
{
    struct io_uring_sync_cancel_reg reg = {.addr = 2, .timeout = {-1, -1}};
    struct two_pipes p;

    start(t, &p);
    say(t, " %d", rota_register_sync_cancel(&t->ring, &reg));
    say(t, " %d", rota_register_sync_cancel(&t->ring, &reg));
    reap(t, 1);
    reg.flags = IORING_ASYNC_CANCEL_ANY;
    say(t, " %d", rota_register_sync_cancel(&t->ring, &reg));
    reap_sorted(t, 3);
    stop(&p);
}

static const struct scenario scenarios[] = {
    SCENARIO("by user_data", by_data, "[4][3] 2:-125 4:-125 9:0 10:0 11:-2"),
    SCENARIO("all of a user_data", all_of_data, "[3][1] 1:-125 1:-125 1:-125 9:3[1] 10:0",
             .opcode = IORING_OP_SOCKET),
    SCENARIO("by file", by_file, "[4][1] 3:-125 9:0[3] 1:-125 2:-125 10:-2 11:2 12:-9",
             .opcode = IORING_OP_SOCKET),
    SCENARIO("by another descriptor of the file", by_same_file, "[4][1] 3:-125 9:0",
             .opcode = IORING_OP_SOCKET),
    SCENARIO("any", any, "[4][1] 1:-125 2:-125 3:-125 4:-125 9:4", .opcode = IORING_OP_SOCKET),
    SCENARIO("by opcode", by_opcode, "[4][3] 3:-125 4:-125 9:1 10:0 11:-2",
             .opcode = IORING_OP_WAITID),
    SCENARIO("in a chain", linked, "[2][1] 9:-2[1] 1:-125 2:-125 10:0"),
    SCENARIO("wrong", wrong, "[1] 1:-22[1] 2:-22", .opcode = IORING_OP_WAITID),
    SCENARIO("from outside of the queue", sync_cancel, "[4] 0 -2 2:-125 3 1:-125 3:-125 4:-125",
             .opcode = IORING_OP_SOCKET),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
