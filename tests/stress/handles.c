/* SPDX-License-Identifier: MIT */
/*
 * Handles at random: started, chained, awaited, cancelled in every way, with
 * callbacks that start, restart and release others, deadlines, settings that
 * change in flight, streams, and the caller's own requests among them. A handle
 * that is not active is freed or filled with rubbish at once, for the
 * sanitizers. No step may last, and after each the numbers agree.
 *
 *     handles [STEPS [SEED [KIND]]]
 */
#include "stress.h"

#include <poll.h>

#define HANDLES  40
#define OWN_MOST 6

struct item {
    struct rota_op *op;
    char *byte; /* what a receive fills; freed when the request has ended */
    bool stream;
    bool in_chain; /* in the one that is open */
    unsigned starts;
};

static struct rota_ring ring;
static struct item items[HANDLES];
static int pair[2], pipe_ends[2];
static unsigned own_sent, own_seen;
static bool listed; /* an await waits for handles: none may be released, or begin anew */
static uint64_t steps, step, callbacks, wrong;
static const char *doing = "nothing";
static uint64_t began;

/* Called with each signal: a step that lasts is a wait without end. */
static void watch(int number)
{
    stress_signal(number);
    if (began && now_ms() - began > 30000) {
        static const char text[] = "not ok - a step does not end: ";

        if (write(1, text, sizeof(text) - 1) < 0 || write(1, doing, strlen(doing)) < 0 ||
            write(1, "\n", 1) < 0)
            _exit(2);
        _exit(1);
    }
}

static void check(bool right, const char *what)
{
    if (right)
        return;
    wrong++;
    if (wrong < 20)
        diag("step %llu, %s: %s", (unsigned long long)step, doing, what);
}

static struct item *item_of(struct rota_op *op)
{
    return op->data;
}

static void start(struct item *item);

/* A new handle for an item whose old one is at rest. */
static void renew(struct item *item)
{
    check(!rota_op_active(item->op), "a handle at rest");
    memset(item->op, 0x5a, sizeof(*item->op));
    free(item->op);
    item->op = malloc(sizeof(*item->op));
    if (!item->op)
        bail("no memory");
    rota_op_init(item->op);
    item->op->data = item;
}

static void on_result(struct rota_ring *r, struct rota_op *op)
{
    struct item *item = item_of(op);
    struct rota_op *other = items[chance(HANDLES)].op;

    callbacks++;
    check(r == &ring && item && item->op == op, "a callback for its handle");
    if (!item || item->op != op)
        return;
    switch (chance(10)) {
    case 0:
        check(rota_await_timeout(r, other, 0) == -EDEADLK, "no await in a callback");
        break;
    case 1:
        check(rota_poll(r) == -EDEADLK, "no poll in a callback");
        break;
    case 2:
        (void)rota_op_request_cancel(r, other);
        break;
    case 3:
        rota_op_on_result(other, chance(2) ? on_result : NULL);
        break;
    case 4:
        if (!rota_op_active(op) && !listed) {
            renew(item);
            if (chance(2))
                start(item);
        }
        break;
    case 5:
        if (!rota_op_active(op) && !listed)
            start(item);
        break;
    default:;
    }
}

static void settings(struct rota_op *op)
{
    if (chance(3) == 0)
        rota_op_on_result(op, chance(2) ? on_result : NULL);
    if (chance(4) == 0)
        rota_op_deadline(op, chance(2) ? 1 + chance(2000000) : 0);
    if (chance(4) == 0)
        rota_op_set_flags(op, chance(3) ? 0 : IOSQE_ASYNC);
}

static void start(struct item *item)
{
    struct rota_op *op = item->op;
    int ret;

    if (rota_op_active(op))
        return;
    if (!item->byte)
        item->byte = malloc(1);
    if (!item->byte)
        bail("no memory");
    item->stream = false;
    switch (chance(8)) {
    case 0:
    case 1:
        ret = rota_start_recv(&ring, op, pair[0], item->byte, 1, 0);
        break;
    case 2:
        ret = rota_start_read(&ring, op, pipe_ends[0], item->byte, 1, (uint64_t)-1);
        break;
    case 3:
        ret = rota_start_poll_multishot(&ring, op, pair[0], POLLIN);
        item->stream = true;
        break;
    case 4:
        ret = rota_start_close(&ring, op, -1);
        break;
    default:
        ret = rota_start_nop(&ring, op);
    }
    check(ret == 0 || ret == -ESHUTDOWN || ret == -EBUSY || ret == -EAGAIN || ret == -ENOSPC,
          "a start fails for a known reason");
    item->starts += ret == 0;
}

/* What does not touch memory any more is given back, and what has ended counted. */
static void sweep(void)
{
    unsigned active = 0;

    for (unsigned i = 0; i < HANDLES; i++) {
        struct item *item = &items[i];

        if (rota_op_active(item->op)) {
            active++;
            continue;
        }
        item->in_chain = false;
        if (item->byte) {
            *item->byte = 0;
            free(item->byte);
            item->byte = NULL;
        }
        if (chance(8) == 0)
            renew(item);
    }
    check(active == rota_in_flight(&ring), "as many are active as the ring says");
}

static void own_request(void)
{
    struct io_uring_sqe *sqe;

    if (own_sent - own_seen >= OWN_MOST)
        return;
    sqe = rota_get_sqe(&ring);
    if (!sqe)
        return;
    rota_prep_nop(sqe);
    sqe->user_data = ++own_sent;
}

/* The caller's own completions come in order, and are never taken by others. */
static void own_completions(void)
{
    struct io_uring_cqe *cqe;

    while (!rota_peek_cqe(&ring, &cqe) && !rota_is_op_data(cqe->user_data)) {
        check(cqe->user_data == ++own_seen, "own completions in order");
        rota_cqe_seen(&ring, cqe);
    }
}

static void chain(void)
{
    unsigned count = 1 + chance(4);
    int ret = rota_chain_begin(&ring, count, chance(2) ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK);

    if (ret < 0)
        return;
    for (unsigned i = 0; i < count; i++) {
        struct item *item = &items[chance(HANDLES)];
        unsigned before = item->starts;

        start(item);
        item->in_chain |= item->starts != before;
        if (chance(16) == 0)
            check(rota_submit(&ring) == -EBUSY, "an open chain is not cut");
        if (chance(16) == 0)
            check(rota_submit_and_wait(&ring, chance(3)) == -EBUSY, "nor for a wait");
    }
    if (chance(8))
        (void)rota_chain_end(&ring);
    else
        rota_chain_drop(&ring);
}

static void own_loop(void)
{
    struct io_uring_cqe *cqe;

    rota_submit(&ring);
    for (unsigned i = 0; i < 8 && !rota_peek_cqe(&ring, &cqe); i++) {
        int ret = rota_deliver(&ring, cqe);

        if (ret == -EBUSY) {
            struct rota_op *op = (struct rota_op *)(uintptr_t)(cqe->user_data & ~ROTA_OP_DATA_MASK);

            (void)rota_await_timeout(&ring, op, 0); /* the result that it still holds */
            ret = rota_deliver(&ring, cqe);
        }
        check(ret == 0 || ret == 1, "what was found is delivered");
        if (ret == 0)
            check(cqe->user_data == ++own_seen, "own completions in order");
        rota_cqe_seen(&ring, cqe);
    }
}

static void feed(void)
{
    int fd = chance(2) ? pair[1] : pipe_ends[1];

    if (write(fd, "xy", 1 + chance(2)) < 0 && errno != EAGAIN && errno != EINTR)
        bail("write: %s", strerror(errno));
    if (chance(4) == 0) {
        char drain[64];

        (void)!recv(pair[0], drain, sizeof(drain), MSG_DONTWAIT);
    }
}

/*
 * What stands in a chain behind one that waits cannot be stopped alone. False
 * when there is no room for the requests.
 */
static bool stop_chains(void)
{
    for (unsigned i = 0; i < HANDLES; i++) {
        if (items[i].in_chain && rota_op_request_cancel(&ring, items[i].op) < 0)
            return false;
    }
    return true;
}

/* Its cancellation was asked for. Others may have filled the queue meanwhile. */
static void until_ended(struct item *item)
{
    unsigned starts = item->starts;

    /* Its callback may have released it, or started it again. */
    while (item->starts == starts && rota_op_active(item->op)) {
        int ret = rota_await(&ring, item->op);

        if (ret == -EBUSY)
            own_loop();
    }
}

static bool streams(void)
{
    for (unsigned i = 0; i < HANDLES; i++) {
        if (items[i].stream && rota_op_active(items[i].op))
            return true;
    }
    return false;
}

static void wait_a_while(struct item *item)
{
    unsigned starts = item->starts;
    struct rota_op *list[4];
    int ret;

    switch (chance(5)) {
    case 0:
        ret = rota_await_timeout(&ring, item->op, chance(200000));
        check(ret == ROTA_RUNNING || ret == ROTA_FINISHED || ret == ROTA_STOPPED ||
                  ret == -EINVAL || ret == -EBUSY || ret == -EINTR,
              "an await for a while");
        break;
    case 1:
        if (stop_chains() && rota_op_request_cancel(&ring, item->op) == 0)
            until_ended(item);
        break;
    case 2:
        if (!stop_chains())
            break;
        ret = rota_op_cancel(&ring, item->op);
        check(item->starts != starts || !rota_op_active(item->op) || ret == -EBUSY ||
                  ret == -EAGAIN,
              "a cancelled handle ends");
        break;
    case 3:
        ret = stop_chains() ? 0 : -1;
        for (unsigned i = 0; i < 4; i++) {
            list[i] = items[chance(HANDLES)].op;
            ret |= rota_op_request_cancel(&ring, list[i]);
        }
        listed = true;
        if (ret == 0)
            (void)rota_await_any(&ring, list, 4);
        listed = false;
        break;
    default:
        /* Streams that nobody awaits could fill the queue, which a call does not survive. */
        if (!streams())
            check(rota_call_nop(&ring) <= 0, "a call");
    }
}

static void one_step(void)
{
    struct item *item = &items[chance(HANDLES)];
    int ret;

#define DO(what, ...) \
    do {              \
        doing = what; \
        __VA_ARGS__;  \
    } while (0)
    switch (chance(24)) {
    case 0:
    case 1:
    case 2:
    case 3:
        DO("start", settings(item->op); start(item));
        break;
    case 4:
        DO("chain", chain());
        break;
    case 5:
    case 6:
        DO("poll", check(rota_poll(&ring) >= 0, "a poll"));
        break;
    case 7:
        DO("submit", rota_submit(&ring));
        break;
    case 8:
    case 9:
        DO("feed", feed());
        break;
    case 10:
        DO("own request", own_request());
        break;
    case 11:
        DO("own completions", own_completions());
        break;
    case 12:
        DO("request cancel", rota_op_request_cancel(&ring, item->op));
        break;
    case 13:
    case 14:
        DO("wait", wait_a_while(item));
        break;
    case 15:
        DO("settings in flight", settings(item->op));
        break;
    case 16:
        DO("own loop", own_loop());
        break;
    case 17:
        DO("batch", rota_submit_after(&ring, chance(3)));
        break;
    case 18:
        if (chance(200) == 0) {
            DO("cancel all", while ((ret = rota_cancel_all(&ring)) == -EBUSY) own_loop());
            check(ret == 0, "everything is cancelled");
            check(rota_in_flight(&ring) == 0, "and nothing is active");
        }
        break;
    case 19:
        DO("cancel all for a while",
           if (chance(100) == 0)(void) rota_cancel_all_timeout(&ring, chance(100000)));
        break;
    default:
        DO("sweep", sweep());
    }
#undef DO
}

static void run(const struct stress_kind *kind, uint64_t count)
{
    int ret;

    if (!stress_ring(kind, &ring, 32)) {
        skip(1, "no %s ring here", kind->name);
        return;
    }
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) ||
        pipe2(pipe_ends, O_CLOEXEC))
        bail("sockets: %s", strerror(errno));
    fcntl(pipe_ends[1], F_SETFL, O_NONBLOCK);
    for (unsigned i = 0; i < HANDLES; i++) {
        memset(&items[i], 0, sizeof(items[i]));
        items[i].op = malloc(sizeof(*items[i].op));
        if (!items[i].op)
            bail("no memory");
        rota_op_init(items[i].op);
        items[i].op->data = &items[i];
    }
    own_sent = own_seen = 0;
    wrong = callbacks = 0;
    for (step = 0; step < count; step++) {
        began = now_ms();
        one_step();
    }
    doing = "the end";
    began = now_ms();
    while ((ret = rota_cancel_all(&ring)) == -EBUSY)
        own_loop();
    is_int(ret, 0, "%s: everything ends", kind->name);
    sweep();
    is_int(rota_in_flight(&ring), 0, "%s: nothing is active", kind->name);
    while (own_seen != own_sent && now_ms() - began < 20000) {
        rota_get_events(&ring);
        own_completions();
    }
    is_int(own_seen, own_sent, "%s: own requests complete", kind->name);
    began = 0;
    is_int(wrong, 0, "%s: %llu steps, %llu callbacks", kind->name, (unsigned long long)count,
           (unsigned long long)callbacks);
    rota_queue_exit(&ring);
    for (unsigned i = 0; i < HANDLES; i++) {
        free(items[i].op);
        free(items[i].byte);
    }
    for (unsigned i = 0; i < 2; i++) {
        close(pair[i]);
        close(pipe_ends[i]);
    }
}

int main(int argc, char **argv)
{
    const char *only = argc > 3 ? argv[3] : NULL;
    struct sigaction action = {.sa_handler = watch};

    steps = argc > 1 ? strtoull(argv[1], NULL, 0) : 60000;
    stress_seed(argc > 2 ? argv[2] : "1");
    stress_signals(true);
    sigaction(SIGALRM, &action, NULL);
    for (unsigned i = 0; i < STRESS_KINDS; i++) {
        if (!only || !strcmp(only, stress_kinds[i].name))
            run(&stress_kinds[i], only ? steps : steps / STRESS_KINDS);
    }
    stress_signals(false);
    ok(stress_signals_seen > 0, "signals came");
    return done();
}
