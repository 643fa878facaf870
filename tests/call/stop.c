/* SPDX-License-Identifier: MIT */
/*
 * Stopping what does not stop at the first request: the kernel does not find
 * it, finds it at work, lets the next of a chain begin, or cannot even look. A
 * table of system calls makes certain what is a race otherwise.
 */
#include "support.h"

#include <poll.h>

static struct rota_ring ring;
static struct rota_kernel kernel;
static unsigned misses;  /* cancel requests that are to find nothing */
static bool no_register; /* nor is there a way beside the queue */
static unsigned cancels, timeouts;

/* What is about to be submitted: cancel requests that miss name a request that there is not. */
static int missing_enter(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                         size_t size)
{
    uint32_t head = rota_load_acquire(ring.sq.khead);

    for (uint32_t i = 0; i < submit; i++) {
        struct io_uring_sqe *sqe = &ring.sq.sqes[(head + i) & ring.sq.ring_mask];

        timeouts += sqe->opcode == IORING_OP_TIMEOUT;
        if (sqe->opcode != IORING_OP_ASYNC_CANCEL)
            continue;
        cancels++;
        if (misses) {
            misses--;
            sqe->addr = 1;
            sqe->cancel_flags = 0;
        }
    }
    return rota_kernel_real.enter(fd, submit, wait_nr, flags, arg, size);
}

static int missing_register(int fd, uint32_t opcode, const void *arg, uint32_t nr)
{
    if (opcode == IORING_REGISTER_SYNC_CANCEL && no_register)
        return -EINVAL;
    return rota_kernel_real.reg(fd, opcode, arg, nr);
}

static void miss(unsigned count)
{
    misses = count;
    cancels = 0;
    timeouts = 0;
}

/* A callback that shows that others go on meanwhile. */
static unsigned results;

static void count_result(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    (void)op;
    results++;
}

static void asked_again(const char *kind)
{
    struct rota_op op = ROTA_OP_INIT, other = ROTA_OP_INIT;
    struct io_uring_cqe *cqe;
    char byte[2];
    int pair[2];
    uint64_t before;

    /* On a slow machine a pause ends before the answer is there, and the other way is taken. */
    no_register = true;
    make_pair(pair);
    rota_start_recv(&ring, &op, pair[0], &byte[0], 1, 0);
    miss(5);
    is_int(rota_op_cancel(&ring, &op), -ECANCELED, "%s: what was missed five times", kind);
    is_int(cancels, 6, "%s: is asked for a sixth time", kind);
    is_empty(&ring, "missed");

    rota_start_recv(&ring, &op, pair[0], &byte[0], 1, 0);
    miss(5);
    rota_op_request_cancel(&ring, &op);
    is_int(rota_await(&ring, &op), -ECANCELED, "%s: the same by an await", kind);
    is_int(cancels, 6, "%s: of six", kind);
    rota_run(&ring);
    is_empty(&ring, "missed, awaited");

    /* By an await for another, which cannot come before. */
    rota_start_recv(&ring, &op, pair[0], &byte[0], 1, 0);
    rota_start_recv(&ring, &other, pair[0], &byte[1], 1, 0);
    rota_op_on_result(&op, NULL);
    rota_submit(&ring);
    miss(3);
    rota_op_request_cancel(&ring, &op);
    rota_op_request_cancel(&ring, &other);
    is_int(rota_await(&ring, &other), -ECANCELED, "%s: by an await for another", kind);
    is_int(rota_run(&ring), 0, "%s: and a run", kind);
    is_int(op.res, -ECANCELED, "%s: both are cancelled", kind);
    is_empty(&ring, "missed, two");

    /* Nobody waits: a loop that polls, and one of one's own. */
    rota_start_recv(&ring, &op, pair[0], &byte[0], 1, 0);
    miss(3);
    rota_op_request_cancel(&ring, &op);
    before = now_ms();
    while (rota_op_active(&op) && now_ms() - before < 5000)
        rota_poll(&ring);
    is_int(rota_await(&ring, &op), -ECANCELED, "%s: by polling", kind);
    is_int(cancels, 4, "%s: with a pause each time", kind);
    is_int(timeouts, 3, "%s: which is a timeout", kind);
    rota_run(&ring);

    rota_start_recv(&ring, &op, pair[0], &byte[0], 1, 0);
    rota_op_on_result(&other, count_result);
    rota_start_nop(&ring, &other);
    miss(3);
    results = 0;
    rota_op_request_cancel(&ring, &op);
    rota_submit(&ring);
    while (rota_op_active(&op) || ring.calls.cancels) {
        if (rota_wait_cqe(&ring, &cqe) < 0)
            bail("no completion");
        is_int(rota_deliver(&ring, cqe), 1, "%s: by a loop of one's own", kind);
        rota_cqe_seen(&ring, cqe);
    }
    is_int(op.res, -ECANCELED, "%s: cancelled", kind);
    is_int(cancels, 4, "%s: at the fourth attempt", kind);
    is_int(results, 1, "%s: others go on", kind);
    is_empty(&ring, "missed, delivered");

    rota_start_recv(&ring, &op, pair[0], &byte[0], 1, 0);
    miss(5);
    is_int(rota_cancel_all(&ring), 0, "%s: everything", kind);
    ok(!rota_op_active(&op) && op.res == -ECANCELED, "%s: is cancelled", kind);
    is_empty(&ring, "missed, all");
    no_register = false;
    close_pair(pair);
}

/* Without an end there is a way out, and a call that is interrupted, too. */
static void way_out(void)
{
    struct rota_op op = ROTA_OP_INIT;
    char byte;
    int pair[2];
    uint64_t before = now_ms();

    make_pair(pair);
    no_register = true;
    rota_start_recv(&ring, &op, pair[0], &byte, 1, 0);
    miss(~0u);
    is_int(rota_cancel_all_timeout(&ring, 60 * MSEC), -ETIME, "what does not stop");
    ok(now_ms() - before >= 59, "is waited for as long as was said");
    ok(cancels > 2 && cancels < 40, "and asked for, less and less");
    is_int(rota_in_flight(&ring), 1, "it is in flight");
    is_int(rota_call_nop(&ring), 0, "and the ring works on");
    rota_op_request_cancel(&ring, &op);
    is_int(rota_await_timeout(&ring, &op, 20 * MSEC), ROTA_RUNNING, "one handle, for a while");
    miss(0);
    is_int(rota_await_timeout(&ring, &op, 10ull * SEC), ROTA_STOPPED, "until it stops");
    rota_run(&ring);
    is_empty(&ring, "way out");
    no_register = false;
    close_pair(pair);
}

/* Requests behind a drain wait, the cancel requests, too. */
static void drained(const char *kind)
{
    struct rota_op first = ROTA_OP_INIT, behind = ROTA_OP_INIT;
    struct rota_op *both[2] = {&first, &behind};
    char byte[2];
    int pair[2];

    make_pair(pair);
    for (unsigned all = 0; all < 2; all++) {
        rota_start_recv(&ring, &first, pair[0], &byte[0], 1, 0);
        rota_op_set_flags(&behind, IOSQE_IO_DRAIN);
        rota_start_recv(&ring, &behind, pair[0], &byte[1], 1, 0);
        rota_submit(&ring);
        if (all) {
            is_int(rota_cancel_all(&ring), 0, "%s: everything, behind a drain", kind);
        } else {
            is_int(rota_op_cancel(&ring, &first), -ECANCELED, "%s: one before a drain", kind);
            is_int(rota_op_cancel(&ring, &behind), -ECANCELED, "%s: and the one behind", kind);
        }
        is_int(rota_await_all(&ring, both, 2), 0, "%s: both have ended", kind);
        is_int(first.res, -ECANCELED, "%s: the first", kind);
        is_int(behind.res, -ECANCELED, "%s: the second", kind);
        rota_run(&ring);
        is_empty(&ring, "drained");
    }
    close_pair(pair);
}

/* The first request to stop everything finds nothing: what is to be found may be about to start. */
static void own_missed(void)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&ring);
    struct __kernel_timespec limit = {20, 0};
    struct io_uring_cqe *cqe;
    int pair[2];
    char byte;

    make_pair(pair);
    rota_prep_recv(sqe, pair[0], &byte, 1, 0);
    sqe->user_data = 1;
    rota_submit(&ring);
    miss(1);
    no_register = true; /* the other way would find it while this one is on its way */
    is_int(rota_cancel_all(&ring), 0, "the caller's own, which is missed once");
    no_register = false;
    is_int(rota_wait_cqe_timeout(&ring, &cqe, &limit), 0, "ends");
    is_int(cqe ? cqe->res : 0, -ECANCELED, "all the same");
    rota_cqe_seen(&ring, cqe);
    is_empty(&ring, "missed");
    close_pair(pair);
}

/* A cancel request behind a drain that stays there: nobody waits for its answer for long. */
static void lingering(const char *kind)
{
    struct rota_op op = ROTA_OP_INIT;
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    char byte[2];
    int pair[2];
    uint64_t began;

    make_pair(pair);
    sqe = rota_get_sqe(&ring);
    rota_prep_recv(sqe, pair[0], &byte[0], 1, 0);
    sqe->user_data = 1;
    rota_start_recv(&ring, &op, pair[1], &byte[1], 1, 0);
    sqe = rota_get_sqe(&ring);
    rota_prep_nop(sqe);
    sqe->flags = IOSQE_IO_DRAIN;
    sqe->user_data = 2;
    rota_submit(&ring);
    is_int(rota_op_request_cancel(&ring, &op), 0, "%s: a cancel request behind a drain", kind);
    is_int(rota_await(&ring, &op), -ECANCELED, "%s: its request ends", kind);
    ok(ring.calls.cancels > 0, "%s: it does not", kind);
    began = now_ms();
    is_int(rota_run(&ring), 0, "%s: no handle is active", kind);
    is_int(rota_run_once(&ring), 0, "%s: nor is there anything to deliver", kind);
    ok(now_ms() - began < 10000, "%s: which does not last", kind);
    if (write(pair[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
    for (int i = 1; i <= 2; i++) {
        is_int(rota_wait_cqe(&ring, &cqe), 0, "%s: the caller's own end", kind);
        is_int(cqe ? (int)cqe->user_data : 0, i, "%s: in order", kind);
        rota_cqe_seen(&ring, cqe);
    }
    rota_run(&ring);
    is_empty(&ring, "lingering");
    close_pair(pair);
}

/* A hard chain of requests that wait: each begins when the one before it is cancelled. */
static void hard_chain(unsigned count, const char *kind)
{
    struct rota_op ops[16], *list[16];
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    unsigned cancelled = 0;
    char bytes[16];
    int pair[2];

    make_pair(pair);
    for (unsigned i = 0; i < count; i++)
        rota_op_init(&ops[i]);
    is_int(rota_chain_begin(&ring, count, IOSQE_IO_HARDLINK), 0, "%s: a hard chain of %u", kind,
           count);
    for (unsigned i = 0; i < count; i++)
        rota_start_recv(&ring, &ops[i], pair[0], &bytes[i], 1, 0);
    rota_chain_end(&ring);
    rota_submit(&ring);
    is_int(rota_cancel_all(&ring), 0, "%s: is cancelled", kind);
    for (unsigned i = 0; i < count; i++)
        cancelled += !rota_op_active(&ops[i]) && ops[i].res == -ECANCELED;
    is_int(cancelled, count, "%s: each of it", kind);
    is_empty(&ring, "hard chain");

    /* One by one: the next is asked for at once when its turn comes. */
    rota_chain_begin(&ring, count, IOSQE_IO_HARDLINK);
    for (unsigned i = 0; i < count; i++) {
        list[i] = &ops[i];
        rota_start_recv(&ring, &ops[i], pair[0], &bytes[i], 1, 0);
    }
    rota_chain_end(&ring);
    rota_submit(&ring);
    cancelled = 0;
    for (unsigned i = 0; i < count; i++)
        cancelled += rota_op_request_cancel(&ring, &ops[i]) == 0;
    is_int(cancelled, count, "%s: each is asked to stop", kind);
    is_int(rota_await_all(&ring, list, count), 0, "%s: and does", kind);
    is_int(ring.calls.asks, 0, "%s: after pauses that begin anew with each", kind);
    rota_run(&ring);
    is_empty(&ring, "hard chain, one by one");

    /* The same without handles. */
    for (unsigned i = 0; i < count; i++) {
        sqe = rota_get_sqe(&ring);
        if (!sqe)
            bail("no SQE");
        rota_prep_recv(sqe, pair[0], &bytes[i], 1, 0);
        if (i + 1 < count)
            sqe->flags |= IOSQE_IO_HARDLINK;
        sqe->user_data = i;
    }
    is_int(rota_cancel_all(&ring), 0, "%s: the caller's own", kind);
    /* It is looked for during a second, in which a thread may not have got a processor. */
    for (int again = 0; rota_cq_ready(&ring) < count && again < 30; again++)
        (void)rota_cancel_all(&ring);
    is_int(rota_wait_cqe_nr(&ring, &cqe, count), 0, "%s: ends as well", kind);
    rota_cq_advance(&ring, count);
    is_empty(&ring, "own hard chain");
    close_pair(pair);
}

/* The race itself: a worker that is just trying what is to be cancelled. */
static void race(const char *kind)
{
    struct rota_op op = ROTA_OP_INIT;
    unsigned ends = 0, rounds = 0;
    uint64_t before = now_ms();
    char byte;
    int fd[2];

    if (pipe2(fd, O_CLOEXEC))
        bail("pipe: %s", strerror(errno));
    rota_op_set_flags(&op, IOSQE_ASYNC);
    /* Where a processor is emulated a round with SQPOLL takes half a second. */
    for (unsigned round = 0; round < 200 && now_ms() - before < 8000; round++) {
        int ret;

        rota_start_read(&ring, &op, fd[0], &byte, 1, (uint64_t)-1);
        rota_submit(&ring);
        for (volatile unsigned spin = round * 15; spin; spin--) {
        }
        ret = round % 2 ? rota_op_cancel(&ring, &op) : rota_cancel_all(&ring);
        rounds++;
        ends += !rota_op_active(&op) && (ret == 0 || ret == -ECANCELED || ret == -EINTR);
    }
    is_int(ends, rounds, "%s: cancelled while a worker tries it", kind);
    is_empty(&ring, "race");
    close(fd[0]);
    close(fd[1]);
}

int main(void)
{
    struct rota_config config;
    int ret;

    alarm(100); /* SQPOLL on a busy machine takes its time */
    for (unsigned i = 0; i < KINDS; i++) {
        if (!kind_ring(&kinds[i], &ring, 32)) {
            skip(1, "this kernel has no %s rings", kinds[i].name);
            continue;
        }
        ret = rota_cancel_all(&ring);
        if (ret == -EOPNOTSUPP) {
            skip(1, "this kernel cannot cancel everything at once");
        } else {
            hard_chain(2, kinds[i].name);
            hard_chain(16, kinds[i].name);
            race(kinds[i].name);
        }
        rota_queue_exit(&ring);
    }

    kernel = rota_kernel_real;
    kernel.enter = missing_enter;
    kernel.reg = missing_register;
    rota_config_single_owner(&config);
    config.kernel = &kernel;
    ret = rota_init(&ring, 8, &config);
    if (ret < 0)
        bail("rota_init: %s", strerror(-ret));
    if (rota_cancel_all(&ring) == -EOPNOTSUPP) {
        skip(1, "this kernel cannot cancel everything at once");
        rota_queue_exit(&ring);
        return done();
    }
    asked_again("waits with a limit");
    own_missed();
    if (rota_register_sync_cancel(&ring, &(struct io_uring_sync_cancel_reg){.fd = -1}) == -ENOENT) {
        drained("asked beside the queue");
        lingering("asked beside the queue");
    } else {
        skip(1, "this kernel cancels through the queue only");
    }
    way_out();
    ring.features &= ~(uint32_t)IORING_FEAT_EXT_ARG;
    asked_again("no waits with a limit");
    rota_queue_exit(&ring);
    return done();
}
