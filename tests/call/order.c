/* SPDX-License-Identifier: MIT */
/*
 * What stays in the queue: results of one handle come in the order in which
 * they were posted, whatever a callback does, and settings made meanwhile are
 * for the next start.
 */
#include "support.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/eventfd.h>

static struct rota_ring *ring;
static struct rota_op *stream;
static int counter; /* an eventfd: each read, and each poll, finds what was written */

/* One more result of a poll; level-triggered, so that it must not stay readable. */
static void count_up(void)
{
    uint64_t one = 1;
    unsigned before = rota_cq_ready(ring);

    if (write(counter, &one, sizeof(one)) != sizeof(one))
        bail("write: %s", strerror(errno));
    while (rota_cq_ready(ring) == before)
        rota_get_events(ring);
    if (read(counter, &one, sizeof(one)) != sizeof(one))
        bail("read: %s", strerror(errno));
}

/* Waits until the queue holds `count` completions, without delivering any. */
static void until_ready(unsigned count)
{
    while (rota_cq_ready(ring) < count) {
        rota_submit(ring);
        rota_get_events(ring);
        usleep(100);
    }
}

/* What the callback in the middle of a scan tries. */
enum attempt {
    AWAIT,
    AWAIT_TIMEOUT,
    AWAIT_ANY,
    AWAIT_ALL,
    ON_RESULT,
    ATTEMPTS
};

static const char *const attempt_names[] = {"rota_await", "rota_await_timeout", "rota_await_any",
                                            "rota_await_all", "rota_op_on_result"};
static enum attempt attempt;
static int attempt_result;
static unsigned later_calls;

static void later(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    (void)op;
    later_calls++;
}

static void try_it(struct rota_ring *r, struct rota_op *op)
{
    struct rota_op *list[1] = {stream};

    (void)op;
    attempt_result = -EDEADLK;
    switch (attempt) {
    case AWAIT:
        attempt_result = rota_await(r, stream);
        break;
    case AWAIT_TIMEOUT:
        attempt_result = rota_await_timeout(r, stream, 0);
        break;
    case AWAIT_ANY:
        attempt_result = rota_await_any(r, list, 1);
        break;
    case AWAIT_ALL:
        attempt_result = rota_await_all(r, list, 1);
        break;
    default:
        rota_op_on_result(stream, later);
    }
}

/*
 * A stream has a result that nobody took, a second one stays in the queue, and
 * behind a callback that meddles comes its last one.
 */
static void meddle(enum attempt how)
{
    const char *name = attempt_names[how];
    struct rota_op nop = ROTA_OP_INIT;
    int first;

    attempt = how;
    later_calls = 0;
    stream = malloc(sizeof(*stream));
    if (!stream)
        bail("no memory");
    rota_op_init(stream);
    rota_op_on_result(&nop, try_it);
    rota_start_poll_multishot(ring, stream, counter, POLLIN);
    rota_submit(ring);
    count_up();
    rota_poll(ring);
    ok(stream->state & ROTA_OP_FRESH, "%s: a stream has a result", name);
    first = stream->res;
    count_up();
    rota_start_nop(ring, &nop);
    until_ready(2);
    rota_op_request_cancel(ring, stream);
    until_ready(4);

    rota_poll(ring);
    is_int(attempt_result, -EDEADLK, "%s: refused in a callback", name);
    ok(rota_op_active(stream), "%s: the last result has not overtaken the second", name);
    is_int(stream->res, first, "%s: the handle is as it was", name);
    is_int(rota_await(ring, stream), first, "%s: the first is taken", name);
    is_int(rota_await(ring, stream), first, "%s: the second comes second", name);
    ok(rota_op_active(stream), "%s: and is not the last", name);
    is_int(rota_await(ring, stream), -ECANCELED, "%s: the last comes last", name);
    ok(!rota_op_active(stream), "%s: then it is over", name);
    is_int(later_calls, 0, "%s: a callback set meanwhile is not for these results", name);
    if (how == ON_RESULT) {
        is_int(rota_start_nop(ring, stream), 0, "%s: the next start", name);
        rota_run(ring);
        is_int(later_calls, 1, "%s: is the one that has it", name);
    }
    free(stream);
    is_empty(ring, name);
}

/* Settings between a start and its submission, its result, its end. */
static void settings_in_flight(void)
{
    struct rota_op op = ROTA_OP_INIT;
    int pair[2];
    char byte;

    make_pair(pair);
    rota_op_deadline(&op, 60ull * SEC);
    rota_start_recv(ring, &op, pair[0], &byte, 1, 0);
    rota_op_deadline(&op, 0);
    rota_op_on_result(&op, later);
    rota_op_set_flags(&op, IOSQE_ASYNC);
    rota_submit(ring);
    if (write(pair[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
    later_calls = 0;
    is_int(rota_await(ring, &op), 1, "a deadline is that of the start");
    is_int(later_calls, 0, "so is the callback");
    is_int(rota_sq_ready(ring), 0, "nothing is queued");
    is_int(rota_start_recv(ring, &op, pair[0], &byte, 1, 0), 0, "the next start");
    if (!(ring->flags & IORING_SETUP_SQPOLL))
        is_int(rota_sq_ready(ring), 1, "has no deadline");
    ok((ring->sq.sqe_next[ring->flags & IORING_SETUP_SQE128 ? -2 : -1].flags & IOSQE_ASYNC) != 0,
       "but the flag");
    rota_op_deadline(&op, 10 * MSEC);
    rota_op_set_flags(&op, 0);
    rota_op_on_result(&op, NULL);
    if (write(pair[1], "y", 1) != 1)
        bail("write: %s", strerror(errno));
    is_int(rota_await(ring, &op), 1, "and ends well");
    is_int(later_calls, 1, "with the callback");
    rota_start_recv(ring, &op, pair[0], &byte, 1, 0);
    is_int(rota_await(ring, &op), -ETIME, "the one after that has the new deadline");
    is_int(later_calls, 1, "and no callback");

    /* What was started is taken back: the settings made meanwhile hold all the same. */
    is_int(rota_chain_begin(ring, 2, IOSQE_IO_LINK), 0, "in a chain");
    rota_start_recv(ring, &op, pair[0], &byte, 1, 0);
    rota_op_deadline(&op, 0);
    rota_op_on_result(&op, later);
    rota_chain_drop(ring);
    is_int(rota_start_nop(ring, &op), 0, "that was dropped");
    is_int(rota_await(ring, &op), 0, "they hold");
    is_int(later_calls, 2, "too");
    is_empty(ring, "settings in flight");
    close_pair(pair);
}

/*
 * Callbacks and the caller's own completions
 */

static unsigned seen_own, seen_other, ready_in_callback;

static void look_at_queue(struct rota_ring *r, struct rota_op *op)
{
    struct io_uring_cqe *cqe;
    unsigned head;

    (void)op;
    ready_in_callback = 0;
    rota_for_each_cqe (r, head, cqe) {
        if (rota_is_op_data(cqe->user_data))
            seen_other++;
        else
            seen_own++;
        if (cqe->user_data == 1)
            ready_in_callback++;
    }
}

static void own_nop(uint64_t data)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);
    int ret;

    /* The thread of an SQPOLL ring may be slower than this test. */
    while (!sqe && (ret = rota_sqring_wait(ring), ret >= 0 || ret == -EINTR))
        sqe = rota_get_sqe(ring);
    if (!sqe)
        bail("no SQE");
    rota_prep_nop(sqe);
    sqe->user_data = data;
}

/* A callback that looks at the queue finds the caller's completions, and none that was taken. */
static void callback_looks(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT, c = ROTA_OP_INIT;
    struct io_uring_cqe *cqe;

    seen_own = 0;
    seen_other = 0;
    rota_op_on_result(&c, look_at_queue);
    own_nop(1);
    rota_start_nop(ring, &a);
    own_nop(2);
    rota_start_nop(ring, &b);
    rota_start_nop(ring, &c);
    until_ready(5);
    is_int(rota_poll(ring), 3, "three results between completions of one's own");
    is_int(seen_own, 2, "a callback sees the two");
    is_int(seen_other, 0, "and nothing of the others");
    for (uint64_t i = 1; i <= 2; i++) {
        is_int(rota_peek_cqe(ring, &cqe), 0, "own completion %u", (unsigned)i);
        is_int((int)cqe->user_data, (int)i, "in order");
        rota_cqe_seen(ring, cqe);
    }
    is_empty(ring, "callback that looks");
}

static void take_own(struct rota_ring *r, struct rota_op *op)
{
    struct io_uring_cqe *cqe;

    (void)op;
    while (!rota_peek_cqe(r, &cqe) && !rota_is_op_data(cqe->user_data)) {
        seen_own++;
        rota_cqe_seen(r, cqe);
    }
}

/* A callback that takes what the scan has left behind it. */
static void callback_takes(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;

    seen_own = 0;
    rota_op_on_result(&a, take_own);
    rota_op_on_result(&b, take_own);
    for (unsigned round = 0; round < 50; round++) {
        own_nop(1);
        rota_start_nop(ring, &a);
        own_nop(2);
        own_nop(3);
        rota_start_nop(ring, &b);
        until_ready(5);
        is_int(rota_poll(ring), 2, "both callbacks run");
    }
    is_int(seen_own, 150, "and take each completion once");
    is_empty(ring, "callback that takes");
}

/* One completion that nobody takes costs one slot, however many come and go behind it. */
static void one_stays(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;
    struct io_uring_cqe *cqe;
    unsigned good = 0;

    own_nop(42);
    rota_submit(ring);
    for (unsigned i = 0; i < 1000; i++)
        good += rota_call_nop(ring) == 0;
    is_int(good, 1000, "calls beside a completion that stays");
    is_int(rota_cq_ready(ring), 1, "which is all that is in the queue");
    rota_start_nop(ring, &a);
    rota_start_nop(ring, &b);
    is_int(rota_call_nop(ring), 0, "one more, with two others");
    is_int(rota_await(ring, &a), 0, "the first");
    is_int(rota_await(ring, &b), 0, "the second");
    is_int(rota_peek_cqe(ring, &cqe), 0, "it is still there");
    is_int((int)cqe->user_data, 42, "unchanged");
    rota_cqe_seen(ring, cqe);
    is_empty(ring, "one stays");
}

static void tear_down(struct rota_ring *r, struct rota_op *op)
{
    (void)op;
    rota_queue_exit(r);
}

/* The end of the ring in a callback is the end of the wait that runs it. */
static void callback_ends_ring(const struct kind *kind)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;
    struct rota_ring own, *before = ring;
    struct io_uring_cqe *cqe;

    if (!kind_ring(kind, &own, 8))
        return;
    ring = &own;
    rota_op_on_result(&a, tear_down);
    own_nop(1);
    rota_start_nop(ring, &a);
    rota_start_nop(ring, &b);
    until_ready(3);
    is_int(rota_await(ring, &b), -EBADF, "a callback tears the ring down");
    is_int(rota_peek_cqe(ring, &cqe), -EBADF, "and nothing is left of it");
    rota_queue_exit(ring);
    ring = before;
}

static const struct kind *kind_again;

static void make_anew(struct rota_ring *r, struct rota_op *op)
{
    (void)op;
    rota_queue_exit(r);
    if (!kind_ring(kind_again, r, 8))
        bail("no second ring");
}

/* The same when there is another ring by then: what has gone with the first one never ends. */
static void callback_replaces_ring(const struct kind *kind)
{
    kind_again = kind;
    for (unsigned how = 0; how < 6; how++) {
        struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT;
        struct rota_op *list[1] = {&b};
        struct rota_ring own, *before = ring;
        int pair[2], ret;
        char byte;

        make_pair(pair);
        if (!kind_ring(kind, &own, 8))
            bail("no ring");
        ring = &own;
        if (how == 3 && !(ring->features & IORING_FEAT_EXT_ARG)) {
            skip(1, "no waits with a limit here (5.11)");
            rota_queue_exit(ring);
            close_pair(pair);
            ring = before;
            continue;
        }
        rota_op_on_result(&a, make_anew);
        rota_start_recv(ring, &b, pair[0], &byte, 1, 0);
        rota_start_nop(ring, &a);
        if (how == 0)
            ret = rota_await(ring, &b);
        else if (how == 1)
            ret = rota_await_any(ring, list, 1);
        else if (how == 2)
            ret = rota_await_all(ring, list, 1);
        else if (how == 3)
            ret = rota_await_timeout(ring, &b, 3600ull * SEC);
        else if (how == 4)
            ret = rota_cancel_all(ring);
        else
            ret = rota_run(ring);
        is_int(ret, how == 5 ? 0 : -EBADF, "a callback replaces the ring under wait %u", how);
        is_int(rota_call_nop(ring), 0, "which then works");
        is_empty(ring, "another ring");
        rota_queue_exit(ring);
        close_pair(pair);
        ring = before;
    }
}

/* Callbacks that release their handles, and say so in the array. */
static struct rota_op *owned[4];

static void release(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    for (unsigned i = 0; i < 4; i++) {
        if (owned[i] == op)
            owned[i] = NULL;
    }
    free(op);
}

static void callback_releases(void)
{
    for (unsigned how = 0; how < 2; how++) {
        for (unsigned i = 0; i < 4; i++) {
            owned[i] = malloc(sizeof(*owned[i]));
            if (!owned[i])
                bail("no memory");
            rota_op_init(owned[i]);
            rota_op_on_result(owned[i], release);
            rota_start_nop(ring, owned[i]);
        }
        if (how)
            is_int(rota_await_all(ring, owned, 4), 0, "all of those that go with their results");
        else
            is_int(rota_await_any(ring, owned, 4), -ENOENT, "none of those has one to return");
        ok(!owned[0] && !owned[1] && !owned[2] && !owned[3], "all have gone");
        is_empty(ring, "released");
    }
}

int main(void)
{
    be_patient();
    counter = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (counter < 0)
        bail("eventfd: %s", strerror(errno));
    for (unsigned i = 0; i < KINDS; i++) {
        struct rota_ring made;

        if (!kind_ring(&kinds[i], &made, 8)) {
            skip(1, "this kernel has no %s rings", kinds[i].name);
            continue;
        }
        diag("on a ring of kind: %s", kinds[i].name);
        ring = &made;
        for (unsigned how = 0; how < ATTEMPTS; how++)
            meddle((enum attempt)how);
        settings_in_flight();
        callback_looks();
        callback_takes();
        one_stays();
        callback_ends_ring(&kinds[i]);
        callback_replaces_ring(&kinds[i]);
        callback_releases();
        rota_queue_exit(&made);
    }
    return done();
}
