/* SPDX-License-Identifier: MIT */
/*
 * Ends that are not ordinary: cancelling, deadlines, waiting for a while,
 * shutting down. Buffers are freed or filled again at once where the library
 * says that they may be, for the sanitizers to see.
 */
#include "support.h"

#include <poll.h>

static struct rota_ring *ring;

/* A buffer that the kernel must not touch after it was given back. */
static char *new_buffer(void)
{
    char *buffer = malloc(64);

    if (!buffer)
        bail("no memory");
    memset(buffer, 'a', 64);
    return buffer;
}

static void cancel(void)
{
    struct rota_op a = ROTA_OP_INIT, *lent = malloc(sizeof(*lent));
    char *buffer = new_buffer();
    int pair[2];

    if (!lent)
        bail("no memory");
    rota_op_init(lent);
    make_pair(pair);
    is_int(rota_op_cancel(ring, &a), -EINVAL, "a handle that was never started");
    rota_start_nop(ring, &a);
    rota_await(ring, &a);
    is_int(rota_op_cancel(ring, &a), 0, "one that has ended gives its result");

    rota_start_recv(ring, lent, pair[0], buffer, 64, 0);
    is_int(rota_op_cancel(ring, lent), -ECANCELED, "one that was not even submitted");
    rota_start_recv(ring, lent, pair[0], buffer, 64, 0);
    rota_submit(ring);
    is_int(rota_op_cancel(ring, lent), -ECANCELED, "one in flight");
    ok(!rota_op_active(lent), "is not active any more");
    free(lent);
    free(buffer);
    if (write(pair[1], "late", 4) != 4)
        bail("write: %s", strerror(errno));

    buffer = new_buffer();
    rota_start_recv(ring, &a, pair[0], buffer, 64, 0);
    rota_submit(ring);
    is_int(rota_op_cancel(ring, &a), 4, "one that was faster gives its result");
    free(buffer);
    is_empty(ring, "cancel");
    close_pair(pair);
}

static int at_end;

static void note_end(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    at_end = op->res;
    free(op);
}

static void cancel_with_callback(void)
{
    struct rota_op *op = malloc(sizeof(*op));
    char *buffer = new_buffer();
    int pair[2];

    if (!op)
        bail("no memory");
    make_pair(pair);
    rota_op_init(op);
    rota_op_on_result(op, note_end);
    at_end = 0;
    rota_start_recv(ring, op, pair[0], buffer, 64, 0);
    is_int(rota_op_cancel(ring, op), -ECANCELED, "a handle that its callback frees");
    is_int(at_end, -ECANCELED, "and whose callback was told");
    free(buffer);

    op = malloc(sizeof(*op));
    buffer = new_buffer();
    if (!op)
        bail("no memory");
    rota_op_init(op);
    rota_op_on_result(op, note_end);
    at_end = 0;
    rota_start_recv(ring, op, pair[0], buffer, 64, 0);
    is_int(rota_op_request_cancel(ring, op), 0, "the same without waiting");
    is_int(at_end, 0, "has not ended yet");
    is_int(rota_run(ring), 0, "and does while others are run");
    is_int(at_end, -ECANCELED, "its callback was told");
    free(buffer);
    is_empty(ring, "cancel with callback");
    close_pair(pair);
}

/* A cancelled stream: what came before the end is for those who ask. */
static void cancel_stream(void)
{
    struct rota_op polling = ROTA_OP_INIT, nop = ROTA_OP_INIT;
    int pair[2];

    make_pair(pair);
    rota_start_poll_multishot(ring, &polling, pair[0], POLLIN);
    rota_submit(ring);
    if (write(pair[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
    rota_start_nop(ring, &nop);
    rota_await(ring, &nop);
    is_int(rota_op_cancel(ring, &polling), -ECANCELED, "a stream with a result that nobody took");
    is_empty(ring, "cancelled stream");
    close_pair(pair);
}

static void deadline(void)
{
    struct rota_op *a = malloc(sizeof(*a));
    char *buffer = new_buffer();
    uint64_t before;
    int pair[2];

    if (!a)
        bail("no memory");
    make_pair(pair);
    rota_op_init(a);
    rota_op_deadline(a, 20 * MSEC);
    before = now_ms();
    is_int(rota_start_recv(ring, a, pair[0], buffer, 64, 0), 0, "a receive with a deadline");
    is_int(rota_await(ring, a), -ETIME, "ends when it strikes");
    ok(now_ms() - before >= 19, "not earlier");
    ok(!rota_op_active(a), "and is over");
    is_empty(ring, "deadline that struck");

    rota_op_deadline(a, 60ull * SEC);
    if (write(pair[1], "word", 4) != 4)
        bail("write: %s", strerror(errno));
    is_int(rota_start_recv(ring, a, pair[0], buffer, 64, 0), 0, "one that is in time");
    is_int(rota_await(ring, a), 4, "gives its result");
    is_empty(ring, "deadline that did not strike");

    is_int(rota_start_recv(ring, a, pair[0], buffer, 64, 0), 0, "one that is cancelled before");
    is_int(rota_op_cancel(ring, a), -ECANCELED, "says so");
    is_empty(ring, "deadline of a cancelled one");

    is_int(rota_start_close(ring, a, -1), 0, "one that fails at once");
    is_int(rota_await(ring, a), -EBADF, "gives its error");
    is_empty(ring, "deadline of a failed one");
    rota_op_deadline(a, 0);
    rota_start_nop(ring, a);
    is_int(rota_await(ring, a), 0, "without deadline again");
    free(a);
    free(buffer);
    close_pair(pair);
}

/* Both SQEs of a deadline or none: with one slot left the first half must not go alone. */
static void deadline_in_full_queue(void)
{
    struct rota_op ops[64], a = ROTA_OP_INIT;
    unsigned entries = ring->sq.ring_entries, used = 0;
    char byte;
    int pair[2];

    if (ring->flags & IORING_SETUP_SQPOLL)
        return; /* its queue is emptied beside us */
    make_pair(pair);
    while (used < 64 && used + 1 < entries && rota_sq_space_left(ring) > 1) {
        rota_op_init(&ops[used]);
        rota_start_nop(ring, &ops[used++]);
    }
    rota_op_deadline(&a, 10 * MSEC);
    is_int(rota_sq_space_left(ring), 1, "one slot is left");
    is_int(rota_start_recv(ring, &a, pair[0], &byte, 1, 0), 0, "a start that needs two");
    is_int(rota_sq_ready(ring), 2, "has sent off what was there and queued both");
    is_int(rota_await(ring, &a), -ETIME, "and works");
    is_int(rota_run(ring), 0, "the others too");
    is_empty(ring, "full queue");
    close_pair(pair);
}

/* What an author of drivers does with a control command. */
static void for_a_while(void)
{
    struct rota_op command = ROTA_OP_INIT;
    char *buffer = new_buffer();
    uint64_t before = now_ms();
    int pair[2];

    make_pair(pair);
    rota_start_recv(ring, &command, pair[0], buffer, 64, 0);
    is_int(rota_await_timeout(ring, &command, 0), ROTA_RUNNING, "a command runs");
    is_int(rota_await_timeout(ring, &command, 20 * MSEC), ROTA_RUNNING, "still after a while");
    ok(now_ms() - before >= 19, "which was waited for");
    if (write(pair[1], "done", 4) != 4)
        bail("write: %s", strerror(errno));
    is_int(rota_await_timeout(ring, &command, 10ull * SEC), ROTA_FINISHED, "then it has finished");
    is_int(command.res, 4, "with its result");
    is_int(rota_await_timeout(ring, &command, 0), ROTA_FINISHED, "and stays so");

    rota_start_recv(ring, &command, pair[0], buffer, 64, 0);
    is_int(rota_await_timeout(ring, &command, MSEC), ROTA_RUNNING, "another one runs");
    is_int(rota_op_request_cancel(ring, &command), 0, "and is to be cancelled");
    is_int(rota_await_timeout(ring, &command, 10ull * SEC), ROTA_STOPPED, "which is told");
    is_int(command.res, -ECANCELED, "by its result too");

    rota_op_deadline(&command, 5 * MSEC);
    rota_start_recv(ring, &command, pair[0], buffer, 64, 0);
    is_int(rota_await_timeout(ring, &command, 10ull * SEC), ROTA_STOPPED, "a deadline counts");
    is_int(command.res, -ETIME, "and is told apart");
    is_int(rota_run(ring), 0, "nothing is left");
    is_empty(ring, "for a while");
    free(buffer);
    close_pair(pair);
}

/*
 * Chains
 */

static void chain(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT, c = ROTA_OP_INIT;
    unsigned entries = ring->sq.ring_entries;
    uint32_t tail;
    int pair[2];
    char byte;

    make_pair(pair);
    is_int(rota_chain_end(ring), -EINVAL, "no chain is open");
    is_int(rota_chain_begin(ring, 0, IOSQE_IO_LINK), -EINVAL, "a chain of nothing");
    is_int(rota_chain_begin(ring, 2, 0), -EINVAL, "a chain without link");
    is_int(rota_chain_begin(ring, entries + 1, IOSQE_IO_LINK), -EINVAL, "a chain too long");

    is_int(rota_chain_begin(ring, 3, IOSQE_IO_LINK), 0, "a chain of three");
    is_int(rota_chain_begin(ring, 1, IOSQE_IO_LINK), -EBUSY, "cannot hold another");
    rota_start_nop(ring, &a);
    is_int(rota_await(ring, &a), -EBUSY, "nothing can be awaited meanwhile");
    is_int(rota_call_nop(ring), -EBUSY, "nor called");
    rota_start_close(ring, &b, -1);
    rota_start_nop(ring, &c);
    is_int(rota_chain_end(ring), 0, "it is closed");
    is_int(rota_await(ring, &c), -ECANCELED, "what stands behind a failure is cancelled");
    is_int(rota_await(ring, &b), -EBADF, "the failure is told");
    is_int(rota_await(ring, &a), 0, "what stood before it was done");

    if (ring->features & IORING_FEAT_EXT_ARG) {
        rota_chain_begin(ring, 2, IOSQE_IO_LINK);
        rota_start_close(ring, &b, -1);
        rota_start_nop(ring, &c);
        rota_chain_end(ring);
        is_int(rota_await_timeout(ring, &c, 60ull * SEC), ROTA_FINISHED,
               "what the kernel has cancelled was not stopped by anybody");
        is_int(c.res, -ECANCELED, "though it says so");
        is_int(rota_await(ring, &b), -EBADF, "the failure is told");
    }

    is_int(rota_chain_begin(ring, 2, IOSQE_IO_HARDLINK), 0, "a hard chain");
    rota_start_close(ring, &b, -1);
    rota_start_nop(ring, &c);
    is_int(rota_chain_end(ring), 0, "is closed");
    is_int(rota_await(ring, &c), 0, "what stands behind a failure is done all the same");
    is_int(rota_await(ring, &b), -EBADF, "and the failure is told");

    /* Whole or not at all. */
    tail = rota_sq_tail(ring);
    is_int(rota_chain_begin(ring, 2, IOSQE_IO_LINK), 0, "a chain with room for two");
    rota_start_nop(ring, &a);
    rota_op_deadline(&b, SEC);
    is_int(rota_start_recv(ring, &b, pair[0], &byte, 1, 0), -ENOSPC, "has none for a deadline too");
    is_int(rota_chain_end(ring), -ENOSPC, "and is refused whole");
    ok(!rota_op_active(&a) && !rota_op_active(&b), "its handles are free");
    is_int(rota_sq_tail(ring), tail, "and the queue is as before");
    is_int(rota_in_flight(ring), 0, "nothing is in flight");
    rota_op_deadline(&b, 0);

    is_int(rota_chain_begin(ring, 2, IOSQE_IO_LINK), 0, "a chain that is dropped");
    rota_start_nop(ring, &a);
    rota_chain_drop(ring);
    is_int(rota_sq_tail(ring), tail, "leaves nothing");

    rota_op_deadline(&a, 10 * MSEC);
    is_int(rota_chain_begin(ring, 3, IOSQE_IO_LINK), 0, "a chain with a deadline in it");
    rota_start_recv(ring, &a, pair[0], &byte, 1, 0);
    rota_start_nop(ring, &c);
    is_int(rota_chain_end(ring), 0, "is closed");
    is_int(rota_await(ring, &a), -ETIME, "the deadline strikes");
    is_int(rota_await(ring, &c), -ECANCELED, "and what stands behind is cancelled");
    is_empty(ring, "chain");

    rota_op_deadline(&a, 0);
    rota_chain_begin(ring, 2, IOSQE_IO_LINK);
    rota_start_recv(ring, &a, pair[0], &byte, 1, 0);
    rota_start_nop(ring, &c);
    rota_chain_end(ring);
    is_int(rota_op_cancel(ring, &a), -ECANCELED, "the first of a chain is cancelled");
    is_int(rota_await(ring, &c), -ECANCELED, "and the rest with it");
    is_empty(ring, "cancelled chain");
    close_pair(pair);
}

/* What would submit is refused while a chain is open, and nothing of it moves. */
static void chain_is_whole(void)
{
    const struct __kernel_timespec second = {1, 0};
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;
    uint32_t tail, shared = *ring->sq.ktail, head = *ring->sq.khead;
    struct io_uring_cqe *cqe;

    tail = rota_sq_tail(ring);
    rota_prep_nop(rota_get_sqe(ring));
    is_int(rota_chain_begin(ring, 3, IOSQE_IO_LINK), 0, "a chain behind a request");
    rota_start_nop(ring, &a);
    is_int(rota_submit(ring), -EBUSY, "rota_submit() does not cut it");
    is_int(rota_submit_and_wait(ring, 1), -EBUSY, "nor rota_submit_and_wait()");
    is_int(rota_submit_and_wait(ring, 0), -EBUSY, "nor without a wait");
    is_int(rota_submit_and_wait_timeout(ring, &cqe, 1, &second, NULL),
           ring->features & IORING_FEAT_EXT_ARG ? -EBUSY : -EOPNOTSUPP, "nor with a timeout");
    is_int(rota_submit_and_wait_timeout(ring, &cqe, 1, NULL, NULL), -EBUSY, "nor with none");
    is_int(rota_submit_and_get_events(ring), -EBUSY, "nor rota_submit_and_get_events()");
    is_int(rota_poll(ring), -EBUSY, "nor rota_poll()");
    is_int(rota_op_request_cancel(ring, &a), -EBUSY, "nor a cancellation");
    is_int(rota_cancel_all(ring), -EBUSY, "nor that of all");
    is_int(rota_get_events(ring), 0, "completion work may run");
    is_int(rota_peek_cqe(ring, &cqe), -EAGAIN, "there is none");
    ok(*ring->sq.ktail == shared && *ring->sq.khead == head, "the kernel has seen nothing");
    rota_chain_drop(ring);
    ok(!rota_op_active(&a) && !rota_in_flight(ring), "it is dropped");
    is_int(rota_submit_and_wait(ring, 1), 1, "the one before it goes alone");
    is_int(rota_wait_cqe(ring, &cqe), 0, "and ends");
    rota_cqe_seen(ring, cqe);
    is_int(rota_sq_tail(ring), tail + 1, "nothing else");
    is_empty(ring, "a dropped chain");

    /* The caller's own completions may be waited for. */
    rota_prep_nop(rota_get_sqe(ring));
    rota_submit(ring);
    rota_chain_begin(ring, 2, IOSQE_IO_LINK);
    rota_start_nop(ring, &a);
    rota_start_nop(ring, &b);
    is_int(rota_wait_cqe(ring, &cqe), 0, "an open chain, and a wait without it");
    is_int(cqe ? (int)cqe->user_data : -1, 0, "for the caller's own");
    rota_cqe_seen(ring, cqe);
    is_int(rota_chain_end(ring), 0, "the chain ends");
    is_int(rota_await(ring, &b), 0, "and goes");
    is_int(rota_await(ring, &a), 0, "whole");
    is_empty(ring, "a chain beside a wait");

    if (ring->flags & IORING_SETUP_SQPOLL) {
        struct rota_op *ops = calloc(ring->sq.ring_entries, sizeof(*ops));

        if (!ops)
            bail("no memory");
        is_int(rota_chain_begin(ring, ring->sq.ring_entries, IOSQE_IO_LINK), 0, "one of them all");
        for (unsigned i = 0; i < ring->sq.ring_entries; i++)
            rota_start_nop(ring, &ops[i]);
        shared = *ring->sq.ktail;
        is_int(rota_sqring_wait(ring), -EBUSY, "there is no waiting for space");
        is_int(*ring->sq.ktail, shared, "and nothing is shown");
        rota_chain_drop(ring);
        free(ops);
        is_empty(ring, "a chain of them all");
    }
}

/* Nothing but its starts gets into a chain. */
static void chain_is_pure(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;
    uint32_t tail = rota_sq_tail(ring);
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;

    rota_chain_begin(ring, 4, IOSQE_IO_LINK);
    rota_start_nop(ring, &a);
    rota_prep_nop(rota_get_sqe(ring));
    is_int(rota_chain_end(ring), -EINVAL, "a request of the caller's at the end of a chain");
    ok(!rota_op_active(&a) && rota_sq_tail(ring) == tail, "goes with it");

    rota_chain_begin(ring, 4, IOSQE_IO_LINK);
    rota_prep_nop(rota_get_sqe(ring));
    is_int(rota_start_nop(ring, &a), -EINVAL, "one at its beginning stops what follows");
    is_int(rota_chain_end(ring), -EINVAL, "and the chain");
    rota_chain_begin(ring, 4, IOSQE_IO_LINK);
    rota_prep_nop(rota_get_sqe(ring));
    is_int(rota_chain_end(ring), -EINVAL, "one alone is no chain");
    is_int(rota_sq_tail(ring), tail, "nothing is left");

    rota_chain_begin(ring, 4, IOSQE_IO_LINK);
    rota_start_nop(ring, &a);
    is_int(rota_start_sqe(ring, &b, NULL), -EINVAL, "a start that fails");
    is_int(rota_chain_end(ring), -EINVAL, "fails the chain");
    rota_chain_begin(ring, 4, IOSQE_IO_LINK);
    rota_start_nop(ring, &a);
    sqe = rota_get_sqe(ring);
    rota_prep_nop(sqe);
    sqe->flags = IOSQE_CQE_SKIP_SUCCESS;
    is_int(rota_start_sqe(ring, &b, sqe), -EINVAL, "so does one that would post nothing");
    is_int(rota_chain_end(ring), -EINVAL, "in a chain");
    rota_chain_begin(ring, 4, IOSQE_IO_LINK);
    rota_start_nop(ring, &a);
    sqe = rota_get_sqe(ring);
    rota_prep_nop(sqe);
    is_int(rota_start_sqe(ring, &b, sqe), 0, "one by hand is a start like others");
    is_int(rota_chain_end(ring), 0, "in a chain");
    is_int(rota_await(ring, &b), 0, "that goes");
    is_int(rota_await(ring, &a), 0, "whole");

    tail = rota_sq_tail(ring);
    sqe = rota_get_sqe(ring);
    rota_prep_nop(sqe);
    sqe->user_data = 7;
    rota_chain_begin(ring, 1, IOSQE_IO_LINK);
    is_int(rota_start_sqe(ring, &a, sqe), -EINVAL, "what stands before a chain does not join it");
    is_int(rota_sq_tail(ring), tail + 1, "nor is it taken back");
    is_int(rota_chain_end(ring), -EINVAL, "which fails");
    is_int(rota_sq_tail(ring), tail + 1, "it is there");
    is_int(rota_submit_and_wait(ring, 1), 1, "and goes");
    is_int(rota_wait_cqe(ring, &cqe), 0, "alone");
    is_int((int)cqe->user_data, 7, "as it was");
    rota_cqe_seen(ring, cqe);
    is_int(rota_start_sqe(ring, &a, sqe), -EINVAL, "once submitted it is no start any more");
    is_empty(ring, "pure chains");
}

static void leave_open(struct rota_ring *r, struct rota_op *op)
{
    (void)op;
    (void)rota_chain_begin(r, 1, IOSQE_IO_LINK);
}

static unsigned counted;

static void count(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    (void)op;
    counted++;
}

/* A chain that a callback leaves open. */
static void chain_left_open(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;
    struct io_uring_cqe *cqe;

    rota_op_on_result(&a, leave_open);
    rota_op_on_result(&b, count);
    counted = 0;
    rota_start_nop(ring, &a);
    rota_start_nop(ring, &b);
    is_int(rota_submit_and_wait(ring, 2), 2, "a callback that leaves a chain open");
    while (rota_cq_ready(ring) < 2) /* an SQPOLL thread takes its time */
        rota_get_events(ring);
    is_int(rota_run_once(ring), 1, "is the last that is called");
    is_int((int)counted, 0, "for what others start would join it");
    is_int(rota_run(ring), -EBUSY, "and waits say so");
    is_int(rota_peek_cqe(ring, &cqe), 0, "the next completion is there");
    is_int(rota_deliver(ring, cqe), -EBUSY, "and not delivered");
    rota_chain_drop(ring);
    is_int(rota_run(ring), 0, "all goes on");
    is_int((int)counted, 1, "when it is closed");

    rota_start_nop(ring, &a);
    is_int(rota_call_nop(ring), 0, "a call has to finish");
    is_int(rota_chain_end(ring), -EINVAL, "and drops it");
    is_empty(ring, "chains left open");
}

/*
 * Shutting down
 */

static unsigned ended;
static int restarted;

static void restart(struct rota_ring *r, struct rota_op *op)
{
    ended++;
    restarted = rota_start_nop(r, op);
}

static void shutdown_all(void)
{
    enum {
        COUNT = 200
    };
    struct rota_op *ops[COUNT];
    char *buffers[COUNT];
    int pair[2], ret;

    make_pair(pair);
    ended = 0;
    restarted = 0;
    for (int i = 0; i < COUNT; i++) {
        ops[i] = malloc(sizeof(*ops[i]));
        buffers[i] = new_buffer();
        if (!ops[i])
            bail("no memory");
        rota_op_init(ops[i]);
        if (i % 2)
            rota_op_on_result(ops[i], restart);
        if (i % 3 == 0)
            rota_op_deadline(ops[i], 60ull * SEC);
        if (rota_start_recv(ring, ops[i], pair[0], buffers[i], 64, 0) < 0)
            bail("a receive does not start");
    }
    ret = rota_cancel_all(ring);
    if (ret == -EOPNOTSUPP) {
        skip(1, "this kernel cannot cancel everything at once");
        for (int i = 0; i < COUNT; i++) {
            rota_op_on_result(ops[i], NULL);
            rota_op_cancel(ring, ops[i]);
        }
    } else {
        unsigned cancelled = 0;

        is_int(ret, 0, "everything is cancelled");
        is_int(ended, COUNT / 2, "each callback was told");
        is_int(restarted, -ESHUTDOWN, "and could not start anew");
        for (int i = 0; i < COUNT; i++)
            cancelled += ops[i]->res == -ECANCELED && !rota_op_active(ops[i]);
        is_int(cancelled, COUNT, "each handle has the result");
    }
    is_int(rota_call_nop(ring), 0, "afterwards the ring works on");
    is_empty(ring, "shutdown");
    for (int i = 0; i < COUNT; i++) {
        free(ops[i]);
        free(buffers[i]);
    }
    close_pair(pair);
}

/* Shutting down leaves results of a stream to whoever awaits it. */
static void shutdown_stream(void)
{
    struct rota_op polling = ROTA_OP_INIT, nop = ROTA_OP_INIT;
    int pair[2], ret;

    make_pair(pair);
    if (write(pair[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
    rota_start_poll_multishot(ring, &polling, pair[0], POLLIN);
    for (int i = 0; !(polling.state & ROTA_OP_FRESH) && i < 1000; i++) {
        rota_start_nop(ring, &nop);
        rota_await(ring, &nop);
    }
    ret = rota_cancel_all(ring);
    if (ret == -EOPNOTSUPP) {
        skip(3, "this kernel cannot cancel everything at once");
        rota_op_cancel(ring, &polling);
    } else {
        is_int(ret, -EBUSY, "a stream has a result that nobody took");
        ok(rota_await(ring, &polling) > 0, "which an await does");
        is_int(rota_await(ring, &polling), -ECANCELED, "and then its end");
    }
    is_empty(ring, "shutdown of a stream");
    close_pair(pair);
}

/*
 * Signals
 */

static void nothing(int number)
{
    (void)number;
}

static void interrupted(void)
{
    struct rota_config config;
    struct rota_ring own;
    struct rota_op a = ROTA_OP_INIT;
    struct sigaction action = {.sa_handler = nothing}, before;
    struct itimerspec soon = {.it_value.tv_nsec = 20 * MSEC};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
    timer_t timer;
    char byte;
    int pair[2];
    const char *preloaded = getenv("LD_PRELOAD");

    if (preloaded && strstr(preloaded, "vgpreload")) {
        skip(1, "valgrind holds signals back while a program is in io_uring_enter");
        return;
    }
    rota_config_plain(&config);
    config.options = ROTA_WAIT_INTERRUPTIBLE;
    if (rota_init(&own, 8, &config) < 0)
        bail("no ring");
    make_pair(pair);
    sigaction(SIGUSR1, &action, &before);
    if (timer_create(CLOCK_MONOTONIC, &event, &timer))
        bail("no timer");
    timer_settime(timer, 0, &soon, NULL);
    rota_start_recv(&own, &a, pair[0], &byte, 1, 0);
    is_int(rota_await(&own, &a), -EINTR, "a signal ends an await");
    ok(rota_op_active(&a), "and leaves the handle active");
    is_int(rota_op_cancel(&own, &a), -ECANCELED, "which can be cancelled");
    timer_settime(timer, 0, &soon, NULL);
    is_int(rota_call_recv(&own, pair[0], &byte, 1, 0), -EINTR, "a signal cancels a call");
    is_empty(&own, "interrupted");
    timer_delete(timer);
    sigaction(SIGUSR1, &before, NULL);
    close_pair(pair);
    rota_queue_exit(&own);
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
        cancel();
        cancel_with_callback();
        cancel_stream();
        deadline();
        deadline_in_full_queue();
        for_a_while();
        chain();
        chain_is_whole();
        chain_is_pure();
        chain_left_open();
        shutdown_all();
        shutdown_stream();
        rota_queue_exit(&made);
    }
    interrupted();
    return done();
}
