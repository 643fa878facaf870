/* SPDX-License-Identifier: MIT */
/* Handles: results, callbacks, streams, other people's completions, order, and a full queue. */
#include "support.h"

#include <netinet/in.h>
#include <poll.h>

static struct rota_ring *ring;

/*
 * Results and order
 */

static struct rota_op *order[64];
static unsigned ordered;

static void note_order(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    order[ordered++] = op;
}

static void results(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT, c = ROTA_OP_INIT;
    char text[8] = "";
    int pair[2];

    make_pair(pair);
    is_int(rota_await(ring, &a), -EINVAL, "a handle that was never started gives nothing");
    is_int(rota_start_recv(ring, &a, pair[0], text, 4, 0), 0, "a receive starts");
    ok(rota_op_active(&a), "its handle is active");
    is_int(rota_in_flight(ring), 1, "one handle is in flight");
#ifndef ROTA_DEBUG
    is_int(rota_start_nop(ring, &a), -EALREADY, "it cannot be started twice");
#endif
    is_int(rota_start_nop(ring, &b), 0, "a NOP starts");
    is_int(rota_start_close(ring, &c, -1), 0, "a close of nothing starts");
    is_int(rota_await(ring, &c), -EBADF, "its error is the result");
    is_int(rota_await(ring, &b), 0, "the NOP's result was kept for it");
    ok(rota_op_active(&a), "the receive goes on");
    if (write(pair[1], "word", 4) != 4)
        bail("write: %s", strerror(errno));
    is_int(rota_await(ring, &a), 4, "the receive ends");
    is_mem(text, "word", 4, "with what was sent");
    is_int(rota_await(ring, &a), 4, "its result can be asked for again");
    is_int(rota_start_nop(ring, &a), 0, "the handle can be started again");
    is_int(rota_await(ring, &a), 0, "and gives the new result");
    is_int(rota_call_nop(ring), 0, "a NOP as a call");
    is_int(rota_call_close(ring, -1), -EBADF, "a call that fails");
    is_empty(ring, "results");
    close_pair(pair);
}

static void in_order(void)
{
    struct rota_op ops[16], last = ROTA_OP_INIT;
    bool same = true;

    ordered = 0;
    for (unsigned i = 0; i < 16; i++) {
        rota_op_init(&ops[i]);
        rota_op_on_result(&ops[i], note_order);
        if (rota_start_nop(ring, &ops[i]) < 0)
            bail("a NOP does not start");
    }
    rota_start_nop(ring, &last);
    is_int(rota_await(ring, &last), 0, "the last of 17 is awaited");
    is_int(ordered, 16, "the 16 before it were delivered");
    for (unsigned i = 0; i < ordered; i++)
        same = same && order[i] == &ops[i];
    ok(same, "in the order of their completions");
    is_empty(ring, "order");
}

/*
 * Callbacks
 */

static struct rota_op chained, refused;
static int rounds, inside[11];

static void again(struct rota_ring *r, struct rota_op *op)
{
    struct io_uring_cqe cqe = {.user_data = 1};
    struct rota_op *one[1] = {&refused};

    if (!rounds++) {
        inside[0] = rota_await(r, &refused);
        inside[1] = rota_call_nop(r);
        inside[2] = rota_poll(r);
        inside[3] = rota_run(r);
        inside[4] = rota_op_cancel(r, &refused);
        inside[5] = rota_await_timeout(r, &refused, 0);
        inside[6] = rota_await_any(r, one, 1);
        inside[7] = rota_await_all(r, one, 1);
        inside[8] = rota_run_once(r);
        inside[9] = rota_cancel_all(r);
        inside[10] = rota_deliver(r, &cqe);
    }
    if (rounds < 100)
        rota_start_nop(r, op);
    else
        memset(op, 0xff, sizeof(*op)); /* a handle may be released in its last callback */
}

static void callbacks(void)
{
    int pair[2];
    char byte;

    make_pair(pair);
    rounds = 0;
    rota_op_init(&refused);
    rota_start_recv(ring, &refused, pair[0], &byte, 1, 0);
    rota_op_init(&chained);
    rota_op_on_result(&chained, again);
    is_int(rota_start_nop(ring, &chained), 0, "a NOP with a callback starts");
    while (rounds < 100 && rota_poll(ring) >= 0)
        ;
    is_int(rounds, 100, "a callback restarts its handle until it releases it");
    for (int i = 0; i < 11; i++)
        is_int(inside[i], -EDEADLK, "waiting in a callback is refused (%d)", i);
    is_int(rota_op_cancel(ring, &refused), -ECANCELED, "what it refused to wait for is untouched");
    is_empty(ring, "callbacks");
    close_pair(pair);
}

static void run_loop(void)
{
    struct rota_op ops[8];

    for (unsigned i = 0; i < 8; i++) {
        rota_op_init(&ops[i]);
        rota_start_nop(ring, &ops[i]);
    }
    is_int(rota_run(ring), 0, "rota_run ends when nothing is in flight");
    is_empty(ring, "run");
    for (unsigned i = 0; i < 8; i++)
        if (ops[i].res || rota_op_active(&ops[i]))
            ok(0, "handle %u has its result", i);
    is_int(rota_poll(ring), 0, "a poll finds nothing more");
}

static void any_and_all(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;
    struct rota_op *both[3] = {&a, NULL, &b};
    int pair[2];
    char bytes[2];

    make_pair(pair);
    is_int(rota_await_any(ring, both, 3), -ENOENT, "none of two that were not started");
    rota_start_recv(ring, &a, pair[0], &bytes[0], 1, 0);
    rota_start_recv(ring, &b, pair[1], &bytes[1], 1, 0);
    if (write(pair[0], "b", 1) != 1)
        bail("write: %s", strerror(errno));
    is_int(rota_await_any(ring, both, 3), 2, "the one that has something is found");
    is_int(b.res, 1, "its result is in the handle");
    if (write(pair[1], "a", 1) != 1)
        bail("write: %s", strerror(errno));
    is_int(rota_await_any(ring, both, 3), 0, "then the other");
    is_int(rota_await_any(ring, both, 3), -ENOENT, "then none");
    rota_start_nop(ring, &a);
    rota_start_close(ring, &b, -1);
    is_int(rota_await_all(ring, both, 3), 0, "both are awaited");
    ok(!a.res && b.res == -EBADF, "both have their results");
    is_empty(ring, "any and all");
    close_pair(pair);
}

/*
 * The caller's own requests on the same ring
 */

static void own(uint64_t data)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    if (!sqe)
        bail("no SQE");
    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, data);
}

static void others(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT, c = ROTA_OP_INIT;
    static const uint64_t datas[4] = {0, 5, 0xffffffffffffffff, 0x00007fffdeadbee8};
    struct io_uring_cqe *cqe;

    own(datas[0]);
    rota_start_nop(ring, &a);
    own(datas[1]);
    own(datas[2]);
    rota_start_nop(ring, &b);
    own(datas[3]);
    rota_start_nop(ring, &c);
    is_int(rota_await(ring, &c), 0, "a handle behind other people's completions");
    is_int(rota_await(ring, &a), 0, "one among them");
    is_int(rota_await(ring, &b), 0, "another one");
    is_int(rota_call_nop(ring), 0, "a call behind them");
    for (unsigned i = 0; i < 4; i++) {
        if (!is_int(rota_peek_cqe(ring, &cqe), 0, "completion %u of the caller is there", i))
            return;
        is_hex(cqe->user_data, datas[i], "with its user_data");
        ok(!cqe->res && !(cqe->flags & ~IORING_CQE_F_32), "with its result");
        rota_cqe_seen(ring, cqe);
    }
    is_empty(ring, "others");
}

static void own_loop(void)
{
    struct rota_op a = ROTA_OP_INIT;
    struct io_uring_cqe *cqe;
    unsigned mine = 0, theirs = 0;

    own(1);
    rota_start_nop(ring, &a);
    own(2);
    rota_submit_and_wait(ring, 3);
    while (!rota_peek_cqe(ring, &cqe)) {
        int ret = rota_deliver(ring, cqe);

        if (ret == 0)
            mine += (unsigned)cqe->user_data;
        theirs += ret == 1;
        rota_cqe_seen(ring, cqe);
    }
    ok(mine == 3 && theirs == 1, "a loop of one's own tells both kinds apart");
    is_int(rota_await(ring, &a), 0, "what it delivered is the handle's result");
    is_empty(ring, "own loop");
}

static void full_of_others(void)
{
    struct rota_op a = ROTA_OP_INIT;
    struct io_uring_cqe *cqe;
    unsigned entries = ring->cq.ring_entries, count = 0;
    int ret;

    for (unsigned i = 0; i < entries; i++) {
        own(i);
        if (rota_sq_space_left(ring) == 0)
            rota_submit(ring);
        while (ring->flags & IORING_SETUP_SQPOLL && rota_sqring_wait(ring) == -EINTR)
            ; /* the end of the ring before */
    }
    rota_start_nop(ring, &a);
    ret = rota_await(ring, &a);
    is_int(ret, -EBUSY, "a queue full of other people's completions is reported");
    ok(rota_op_active(&a), "the handle stays active");
    while (!rota_peek_cqe(ring, &cqe) && count < entries) {
        if (cqe->user_data != count)
            ok(0, "completion %u is in its place", count);
        rota_cqe_seen(ring, cqe);
        count++;
    }
    is_int(count, entries, "all of them are there");
    is_int(rota_await(ring, &a), 0, "then the handle gets its result");
    is_empty(ring, "full");
}

/*
 * Streams
 *
 * The kernel promises a multishot poll no number of results. What becomes
 * ready before it has looked at the last event is one event with it: an SQPOLL
 * thread may complete requests that were submitted later first, so that a NOP
 * tells nothing of the poll beside it, and its own result has to be seen
 * before the byte may go. And what becomes ready while the poll is being set
 * up may be told twice. So the tests make sure of one result for each byte at
 * least, and the library has to deliver as many as the kernel has posted.
 */

/* How many completions the kernel has posted on this ring; the index counts them, modulo 2^32. */
static uint32_t posted(void)
{
    return rota_load_acquire(ring->cq.ktail);
}

static void send_byte(const int pair[2])
{
    if (write(pair[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
}

static void take_byte(const int pair[2])
{
    char byte;

    if (read(pair[0], &byte, 1) != 1)
        bail("read: %s", strerror(errno));
}

static void stream(void)
{
    struct rota_op polling = ROTA_OP_INIT, nop = ROTA_OP_INIT;
    struct rota_op *one[1] = {&polling};
    uint32_t others = posted(), before; /* completions that are not the stream's */
    uint32_t results = 0;
    int pair[2], ret;

    make_pair(pair);
    is_int(rota_start_poll_multishot(ring, &polling, pair[0], POLLIN), 0, "a stream starts");
    rota_submit(ring);
    for (int i = 0; i < 3; i++) {
        before = posted() - others;
        send_byte(pair);
        for (int tries = 0; posted() - others == before && tries < 5000; tries++) {
            if (tries)
                usleep(1000);
            rota_start_nop(ring, &nop);
            ret = rota_await(ring, &nop);
            others++;
            if (ret)
                bail("a NOP beside the stream: %d", ret);
        }
        ok(posted() - others != before, "byte %d becomes a completion beside NOPs", i + 1);
        take_byte(pair);
    }
    is_int(rota_await_all(ring, one, 1), -EBUSY, "results that nobody takes are reported by all");
    is_int(rota_run(ring), -EBUSY, "and by run");
    is_int(rota_run_once(ring), -EBUSY, "and by one round of it");
    for (; results < 3; results++) {
        ret = rota_await(ring, &polling);
        ok(ret > 0 && (ret & POLLIN), "result %u of the stream", results + 1);
        ok(rota_op_has_more(&polling), "and there will be more");
    }
    while ((ret = rota_await_timeout(ring, &polling, 0)) == ROTA_FINISHED)
        results++;
    is_int(ret, ROTA_RUNNING, "without more results it goes on");
    rota_chain_begin(ring, 1, IOSQE_IO_LINK);
    is_int(rota_await(ring, &polling), -EBUSY, "an await that fails");
    ok(rota_op_active(&polling) && !rota_op_has_more(&polling), "is told from a result");
    is_int(rota_await_timeout(ring, &polling, 0), -EBUSY, "so does one with a limit");
    is_int(rota_await_any(ring, one, 1), -EBUSY, "one of any");
    is_int(rota_await_all(ring, one, 1), -EBUSY, "one of all");
    is_int(rota_poll(ring), -EBUSY, "a poll");
    is_int(rota_run(ring), -EBUSY, "a loop");
    is_int(rota_run_once(ring), -EBUSY, "a round of it");
    is_int(rota_op_request_cancel(ring, &polling), -EBUSY, "what needs an SQE");
    is_int(rota_op_cancel(ring, &polling), -EBUSY, "or waits for its end");
    is_int(rota_cancel_all(ring), -EBUSY, "or for everybody's");
    rota_chain_drop(ring);
    is_int(rota_op_request_cancel(ring, &polling), 0, "the end is asked for");
    is_int(rota_op_request_cancel(ring, &polling), 0, "or has been");
    while ((ret = rota_await(ring, &polling)) > 0)
        results++;
    is_int(ret, -ECANCELED, "and comes");
    ok(!rota_op_has_more(&polling) && !rota_op_active(&polling), "as the last result");
    is_int(rota_run(ring), 0, "the cancel request has ended too");
    others += 2; /* the cancel request and the end */
    is_int(results, posted() - others, "each result was given once");
    is_empty(ring, "stream");
    close_pair(pair);
}

static unsigned events, ends;

static void count_events(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    if (op->res > 0)
        events++;
    if (!rota_op_active(op))
        ends++;
}

static void stream_with_callback(void)
{
    struct rota_op polling = ROTA_OP_INIT;
    uint32_t others = posted();
    int pair[2];

    make_pair(pair);
    events = ends = 0;
    rota_op_on_result(&polling, count_events);
    rota_start_poll_multishot(ring, &polling, pair[0], POLLIN);
    rota_submit(ring);
    for (int i = 0; i < 3; i++) {
        unsigned before = events;

        send_byte(pair);
        for (int tries = 0; events == before && tries < 5000; tries++) {
            rota_poll(ring);
            usleep(1000);
        }
        ok(events != before, "the callback is told of byte %d", i + 1);
        take_byte(pair);
    }
    is_int(rota_op_cancel(ring, &polling), -ECANCELED, "the stream is cancelled");
    others += 2; /* the cancel request and the end */
    is_int(events, posted() - others, "the callback got each event once");
    is_int(ends, 1, "and its end once");
    is_empty(ring, "stream with callback");
    close_pair(pair);
}

/*
 * A zero-copy send: one completion for the result, one for the buffer
 */

static bool tcp_pair(int pair[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(name);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pair[1] = -1;
    if (listener >= 0 && pair[0] >= 0 && !bind(listener, (struct sockaddr *)&name, size) &&
        !listen(listener, 1) && !getsockname(listener, (struct sockaddr *)&name, &size) &&
        !connect(pair[0], (struct sockaddr *)&name, size))
        pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    close(listener);
    return pair[1] >= 0;
}

static void zero_copy(void)
{
    static char data[4096], back[4096];
    struct rota_op sending = ROTA_OP_INIT, nop = ROTA_OP_INIT;
    int pair[2], ret;

    memset(data, 'z', sizeof(data));
    if (!tcp_pair(pair)) {
        skip(6, "no TCP over loopback here");
        return;
    }
    rota_start_send_zc(ring, &sending, pair[0], data, sizeof(data), 0, 0);
    ret = rota_await(ring, &sending);
    if (ret == -EINVAL || ret == -EOPNOTSUPP) {
        skip(6, "this kernel has no zero-copy send");
    } else {
        is_int(ret, sizeof(data), "a zero-copy send gives its result first");
        if (recv(pair[1], back, sizeof(back), MSG_WAITALL) != sizeof(back))
            bail("recv: %s", strerror(errno));
        is_int(rota_await(ring, &sending), sizeof(data), "then it waits for the buffer");
        ok(!rota_op_active(&sending), "which is free then");
        ok(sending.flags & IORING_CQE_F_NOTIF, "by a notification");
        /* Both while another is awaited: the handle has room for the two. */
        rota_start_send_zc(ring, &sending, pair[0], data, sizeof(data), 0, 0);
        rota_submit(ring);
        if (recv(pair[1], back, sizeof(back), MSG_WAITALL) != sizeof(back))
            bail("recv: %s", strerror(errno));
        for (int i = 0; rota_op_active(&sending) && i < 1000; i++) {
            rota_start_nop(ring, &nop);
            rota_await(ring, &nop);
            usleep(1000);
        }
        is_int(rota_await(ring, &sending), sizeof(data), "both reach a handle nobody waits for");
        is_int(rota_call_send_zc(ring, pair[0], data, sizeof(data), 0, 0), sizeof(data),
               "a call waits for both");
    }
    is_empty(ring, "zero copy");
    close_pair(pair);
}

/*
 * Submission
 */

static void policy(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;

    if (ring->flags & IORING_SETUP_SQPOLL)
        return; /* its thread takes what is visible at a time of its own */
    rota_start_nop(ring, &a);
    is_int(rota_sq_ready(ring), 1, "a start alone does not enter the kernel");
    is_int(rota_await(ring, &a), 0, "an await does");
    rota_submit_after(ring, 2);
    rota_start_nop(ring, &a);
    is_int(rota_sq_ready(ring), 1, "with batches of two the first start waits");
    rota_start_nop(ring, &b);
    is_int(rota_sq_ready(ring), 0, "and the second goes, with it");
    is_int(rota_await(ring, &a) | rota_await(ring, &b), 0, "both complete");
    rota_submit_after(ring, 1);
    rota_start_nop(ring, &a);
    is_int(rota_sq_ready(ring), 0, "with batches of one each start goes at once");
    is_int(rota_await(ring, &a), 0, "and completes");
    rota_submit_after(ring, 0);
}

static void prepared(void)
{
    struct rota_op a = ROTA_OP_INIT;
    struct io_uring_sqe *sqe = rota_get_sqe(ring);
    uint32_t tail;

    rota_prep_close(sqe, -1);
    sqe->personality = 0;
    is_int(rota_start_sqe(ring, &a, sqe), 0, "an SQE made by hand starts");
    is_int(rota_await(ring, &a), -EBADF, "and completes");
    /* Not rota_sq_ready(): an SQPOLL thread posts a completion before it moves the head. */
    tail = rota_sq_tail(ring);
    sqe = rota_get_sqe(ring);
    rota_prep_nop(sqe);
    rota_sqe_set_flags(sqe, IOSQE_CQE_SKIP_SUCCESS);
    is_int(rota_start_sqe(ring, &a, sqe), -EINVAL, "one that would not complete is refused");
    is_int(rota_sq_tail(ring), tail, "and taken back");
    for (unsigned i = 0; i < 2; i++) {
        sqe = rota_get_sqe(ring);
        rota_prep_nop(sqe);
        rota_sqe_set_flags(sqe, i ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK);
        is_int(rota_start_sqe(ring, &a, sqe), -EINVAL, "one of a chain of the caller's, too");
    }
    for (unsigned i = 0; i < 2; i++) {
        _Alignas(8) char bytes[sizeof(a) + 8] = {0};

        sqe = rota_get_sqe(ring);
        rota_prep_nop(sqe);
        is_int(rota_start_sqe(ring, i ? (struct rota_op *)(void *)(bytes + 4) : NULL, sqe), -EINVAL,
               i ? "a handle at an odd address" : "no handle");
    }
    is_int(rota_sq_tail(ring), tail, "all are taken back");
    ok(!rota_op_active(&a), "and the handle is as before");
    rota_start_nop(ring, &a);
    is_int(rota_await(ring, &a), 0, "which works");
    is_empty(ring, "prepared");
}

/* More than the queues hold, many times over: the library makes room on the way. */
static void thousand(void)
{
    enum {
        COUNT = 1000
    };
    static struct rota_op ops[COUNT];
    static struct rota_op *all[COUNT];
    static char bytes[COUNT];
    int pair[2], wrong = 0, error = 0, ret;

    make_pair(pair);
    for (int i = 0; i < COUNT; i++) {
        rota_op_init(&ops[i]);
        all[i] = &ops[i];
        ret = rota_start_recv(ring, &ops[i], pair[0], &bytes[i], 1, 0);
        if (ret < 0)
            error = ret;
    }
    is_int(error, 0, "a thousand receives start");
    rota_submit(ring);
    is_int(rota_in_flight(ring), COUNT, "and are in flight at once");
    if (write(pair[1], bytes, COUNT) != COUNT)
        bail("write: %s", strerror(errno));
    is_int(rota_await_all(ring, all, COUNT), 0, "all of them end");
    for (int i = 0; i < COUNT; i++)
        wrong += ops[i].res != 1;
    is_int(wrong, 0, "each with one byte");
    is_empty(ring, "thousand");
    close_pair(pair);
}

static void extras(void)
{
    struct rota_op a = ROTA_OP_INIT;
    int ret;

    if (!(ring->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED)))
        return;
    rota_start_nop_cqe32(ring, &a, 17, 18);
    ret = rota_await(ring, &a);
    if (ret == -EINVAL)
        skip(1, "this kernel's NOP has no extra words");
    else
        ok(!ret && a.extra[0] == 17 && a.extra[1] == 18, "the extra words reach the handle");
    is_empty(ring, "extras");
}

/* Requests of 128 bytes, among small ones: more than fit, and past the end of the queue. */
static void large(void)
{
    struct rota_op big[40], small[40];
    int wrong = 0;

    if (!(ring->flags & (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED))) {
        rota_op_init(&big[0]);
        is_int(rota_start_nop128(ring, &big[0]), -EINVAL, "a ring without large SQEs says so");
        return;
    }
    if (rota_call_nop128(ring) == -EINVAL) {
        skip(1, "this kernel has no request of 128 bytes");
        return;
    }
    for (int i = 0; i < 40; i++) {
        rota_op_init(&big[i]);
        rota_op_init(&small[i]);
        wrong += rota_start_nop128_result(ring, &big[i], i) < 0;
        wrong += rota_start_nop_result(ring, &small[i], -i) < 0;
    }
    is_int(wrong, 0, "large and small requests start");
    for (int i = 0; i < 40; i++)
        wrong += rota_await(ring, &small[i]) != -i || rota_await(ring, &big[i]) != i;
    is_int(wrong, 0, "and each gives its own result");
    is_int(rota_chain_begin(ring, 6, IOSQE_IO_LINK), 0, "a chain of both");
    rota_start_nop128(ring, &big[0]);
    rota_start_close(ring, &small[0], -1);
    rota_start_nop(ring, &small[1]);
    is_int(rota_chain_end(ring), 0, "is closed");
    is_int(rota_await(ring, &small[1]), -ECANCELED, "and cut where it fails");
    ok(!rota_await(ring, &big[0]) && rota_await(ring, &small[0]) == -EBADF, "not before");
    is_empty(ring, "large");
}

/* A queue of one has no room for a request and its deadline. */
static void queue_of_one(void)
{
    struct rota_op a = ROTA_OP_INIT;
    struct rota_ring one;

    if (rota_init(&one, 1, NULL) < 0)
        bail("no ring");
    rota_op_deadline(&a, SEC);
    is_int(rota_start_nop(&one, &a), -EINVAL, "a deadline in a queue of one");
    ok(!rota_op_active(&a) && !rota_sq_ready(&one), "leaves nothing");
    rota_op_deadline(&a, 0);
    is_int(rota_start_nop(&one, &a), 0, "without it there is room");
    is_int(rota_await(&one, &a), 0, "for the request");
    rota_queue_exit(&one);
}

/* The completion of a handle that still has an earlier result is not for it to take. */
static void deliver_twice(void)
{
    struct rota_op polling = ROTA_OP_INIT;
    struct io_uring_cqe *cqe;
    struct rota_ring own_ring;
    int pair[2], ret = 1;

    if (rota_init(&own_ring, 8, NULL) < 0)
        bail("no ring");
    make_pair(pair);
    if (write(pair[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
    rota_start_poll_multishot(&own_ring, &polling, pair[0], POLLIN);
    rota_submit_and_wait(&own_ring, 1);
    if (rota_peek_cqe(&own_ring, &cqe) || !rota_cqe_has_more(cqe)) {
        skip(4, "no multishot poll (5.13)");
    } else {
        is_int(rota_deliver(&own_ring, cqe), 1, "a first result is delivered");
        rota_cqe_seen(&own_ring, cqe);
        rota_op_request_cancel(&own_ring, &polling);
        rota_submit_and_wait(&own_ring, 2);
        while (ret == 1 && !rota_peek_cqe(&own_ring, &cqe)) {
            ret = rota_deliver(&own_ring, cqe);
            if (ret == 1)
                rota_cqe_seen(&own_ring, cqe);
        }
        is_int(ret, -EBUSY, "a second is not while nobody has taken the first");
        ok(rota_await(&own_ring, &polling) > 0, "which an await does");
        is_int(rota_await(&own_ring, &polling), -ECANCELED, "and then the second");
    }
    close_pair(pair);
    rota_queue_exit(&own_ring);
}

static void no_ring(struct rota_ring *dead, int reason, const char *why)
{
    struct rota_op a = ROTA_OP_INIT, left = ROTA_OP_INIT;
    struct rota_op *both[2] = {&a, &left};
    struct io_uring_sqe sqe;

    memset(&sqe, 0, sizeof(sqe));
    is_int(rota_start_nop(dead, &a), reason, "%s: a start fails", why);
    rota_op_deadline(&a, SEC);
    is_int(rota_start_nop(dead, &a), reason, "%s: with a deadline, too", why);
    is_int(rota_start_sqe(dead, &a, &sqe), reason, "%s: or by hand", why);
    is_int(rota_start_sqe(dead, &a, NULL), reason, "%s: or of nothing", why);
    is_int(rota_call_nop(dead), reason, "%s: so does a call", why);
    ok(!rota_op_active(&a), "%s: and the handle is as before", why);
    is_int(rota_await(dead, &a), -EINVAL, "%s: never started", why);
    is_int(rota_chain_begin(dead, 1, IOSQE_IO_LINK), reason, "%s: no chain", why);
    is_int(rota_await_any(dead, both, 2), -ENOENT, "%s: none is active", why);
    is_int(rota_await_all(dead, both, 2), 0, "%s: so all have ended", why);
    is_int(rota_poll(dead), reason, "%s: no poll", why);
    is_int(rota_run(dead), reason, "%s: no loop", why);
    is_int(rota_run_once(dead), reason, "%s: nor a round of it", why);
    is_int(rota_cancel_all(dead), reason, "%s: nothing to cancel", why);

    left.state = ROTA_OP_PENDING; /* its ring ended before it */
    is_int(rota_await(dead, &left), reason, "%s: no result is to come", why);
    is_int(rota_await_timeout(dead, &left, SEC), reason, "%s: for however long", why);
    is_int(rota_await_any(dead, both, 2), reason, "%s: nor any", why);
    is_int(rota_await_all(dead, both, 2), reason, "%s: nor all", why);
    is_int(rota_op_request_cancel(dead, &left), reason, "%s: it cannot be cancelled", why);
    is_int(rota_op_cancel(dead, &left), reason, "%s: in either way", why);
    left.state = ROTA_OP_DONE;
    is_int(rota_await(dead, &left), 0, "%s: but what has ended has its result", why);
}

int main(void)
{
    be_patient();
    for (unsigned i = 0; i < KINDS; i++) {
        struct rota_ring made;

        if (!kind_ring(&kinds[i], &made, 32)) {
            skip(1, "this kernel has no %s rings", kinds[i].name);
            continue;
        }
        diag("on a ring of kind: %s", kinds[i].name);
        ring = &made;
        results();
        in_order();
        callbacks();
        run_loop();
        any_and_all();
        others();
        own_loop();
        full_of_others();
        stream();
        stream_with_callback();
        zero_copy();
        policy();
        prepared();
        thousand();
        extras();
        large();
        rota_queue_exit(&made);
    }
    queue_of_one();
    deliver_twice();
    {
        struct rota_ring dead;

        if (rota_init(&dead, 0, NULL) != -EINVAL)
            bail("a ring of nothing");
        no_ring(&dead, -EBADF, "never made");
        if (rota_init(&dead, 8, NULL) < 0)
            bail("no ring");
        rota_queue_exit(&dead);
        no_ring(&dead, -EBADF, "torn down");
        dead.calls.no_ring = -EMFILE; /* as that of rota_thread_ring() */
        no_ring(&dead, -EMFILE, "for a reason");
    }
    return done();
}
