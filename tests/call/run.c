/* SPDX-License-Identifier: MIT */
/*
 * Every rota_start_NAME and rota_call_NAME on the kernel beneath: the live
 * trials of the table through handles. Each function also meets an error of
 * the kernel's: a start whose SQE has an unknown flag, a call behind a link
 * that fails. A trial that needs a later kernel is skipped when it fails.
 *
 *     calls [--list | TEXT]     only the trials whose title contains TEXT
 */
#include <rota/call.h>
#include "calls.h"

#include <pthread.h>
#include <signal.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

/* Long enough for a guest under emulation, short enough for a person. */
#define PATIENCE_SECONDS 20

static unsigned kernel[2];
static const char *running = "(none)";

static void out_of_patience(int signal_number)
{
    static const char text[] = "Bail out! a trial hangs: ";

    (void)signal_number;
    if (write(1, text, sizeof(text) - 1) < 0 || write(1, running, strlen(running)) < 0 ||
        write(1, "\n", 1) < 0)
        _exit(2);
    _exit(1);
}

/* What a trial gave. */
struct outcome {
    int res; /* of the first result */
    unsigned flags;
    unsigned cqes;
};

/* The SQE that a start has just filled. */
static struct io_uring_sqe *last_sqe(const struct rota_ring *ring)
{
    return (struct io_uring_sqe *)(void *)((char *)ring->sq.sqe_next -
                                           ((size_t)1 << ring->sq.sqe_shift));
}

/* Completions of the scenario's own requests, which handles have to leave alone. */
static void collect_others(struct live *l)
{
    struct io_uring_cqe *cqe;

    while (!rota_peek_cqe(&l->ring, &cqe)) {
        if (rota_is_op_data(cqe->user_data)) {
            live_fail(l, "a handle's completion was left in the queue");
        } else if (l->others < sizeof(l->other) / sizeof(l->other[0])) {
            l->other[l->others].user_data = cqe->user_data;
            l->other[l->others].res = cqe->res;
            l->other[l->others++].flags = cqe->flags;
        }
        rota_cqe_seen(&l->ring, cqe);
    }
}

/* Starts the request, plays the other side, awaits what the trial expects, ends the rest. */
static int with_handle(const struct call_trial *t, struct live *l, struct outcome *out)
{
    ROTA_OP(op);
    int ret = t->start(l, &op);

    if (ret < 0)
        return ret;
    if (t->amend)
        t->amend(l, last_sqe(&l->ring));
    ret = rota_submit(&l->ring);
    if (ret < 0)
        return ret;
    l->request = last_sqe(&l->ring)->user_data;
    if (t->scenario->act)
        t->scenario->act(l);
    do {
        ret = rota_await(&l->ring, &op);
        if (ret < 0 && ret != op.res)
            return ret;
        if (!out->cqes++) {
            out->res = ret;
            out->flags = op.flags;
        }
    } while (rota_op_active(&op) && out->cqes < t->cqes);
    if (rota_op_active(&op))
        (void)rota_op_cancel(&l->ring, &op);
    if (rota_op_active(&op) || rota_in_flight(&l->ring))
        live_fail(l, "the handle is active after its end");
    collect_others(l);
    return 0;
}

/* The other side of a call plays in a thread, once the kernel has the request. */
struct player {
    const struct call_trial *t;
    struct live *l;
    uint32_t head;
};

/* What live_cancel does, without the ring's queue: nobody knows the user_data of a call. */
static void cancel_from_outside(struct live *l)
{
    struct io_uring_sync_cancel_reg reg = {.flags = IORING_ASYNC_CANCEL_ANY,
                                           .timeout = {.tv_sec = -1, .tv_nsec = -1}};
    int ret = rota_sys_register(l->ring.ring_fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1);

    if (ret < 0)
        live_fail(l, "the call cannot be cancelled");
}

/* Whether the kernel has that (6.0): then it finds nothing to cancel. */
static bool can_cancel_from_outside(struct live *l)
{
    struct io_uring_sync_cancel_reg reg = {.flags = IORING_ASYNC_CANCEL_ANY,
                                           .timeout = {.tv_sec = -1, .tv_nsec = -1}};

    return rota_sys_register(l->ring.ring_fd, IORING_REGISTER_SYNC_CANCEL, &reg, 1) != -EINVAL;
}

static void *play(void *argument)
{
    const struct player *p = argument;
    const struct timespec moment = {0, 2000000};

    while (rota_load_acquire(p->l->ring.sq.khead) == p->head)
        nanosleep(&moment, NULL);
    nanosleep(&moment, NULL);
    if (p->t->scenario->act == live_cancel)
        cancel_from_outside(p->l);
    else
        p->t->scenario->act(p->l);
    return NULL;
}

static int with_call(const struct call_trial *t, struct live *l, struct outcome *out)
{
    /* These acts only look at the completion, which a call takes away. */
    bool acts = t->scenario->act && strcmp(t->scenario->name, "ring_cqe32") &&
                strcmp(t->scenario->name, "ring_big");
    struct player player = {t, l, rota_load_acquire(l->ring.sq.khead)};
    pthread_t thread;

    if (t->scenario->act == live_cancel && !can_cancel_from_outside(l)) {
        l->skip = "nobody can cancel a call on this kernel (6.0)";
        return 0;
    }
    if (acts && pthread_create(&thread, NULL, play, &player))
        return -EAGAIN;
    l->first_only = true;
    out->res = t->call(l);
    if (acts)
        pthread_join(thread, NULL);
    out->cqes = t->cqes; /* a call tells neither their number nor their flags */
    out->flags = t->flags;
    if (rota_in_flight(&l->ring))
        live_fail(l, "something is in flight after the call");
    collect_others(l);
    return 0;
}

static bool newer_than_kernel(const unsigned since[2])
{
    return since[0] > kernel[0] || (since[0] == kernel[0] && since[1] > kernel[1]);
}

/* Says why a trial that did not come out as the table says is no failure. */
static bool excused(const struct call_trial *t, const char *way)
{
    if (!newer_than_kernel(t->since))
        return false;
    skip(1, "%s by %s: needs Linux %u.%u, this is %u.%u", t->title, way, t->since[0], t->since[1],
         kernel[0], kernel[1]);
    return true;
}

static bool as_expected(const struct call_trial *t, struct live *l, int res)
{
    switch (t->kind) {
    case LIVE_EXACT:
        return res == t->result(l);
    case LIVE_FD:
        return res >= 0;
    case LIVE_POSITIVE:
        return res > 0;
    }
    return false;
}

static void judge(const struct call_trial *t, struct live *l, const struct outcome *out,
                  const char *way)
{
    bool good =
        as_expected(t, l, out->res) && out->cqes == t->cqes && (out->flags & t->flags) == t->flags;

    if (good && !t->error && t->scenario->check)
        t->scenario->check(l, out->res);
    if (good && !l->failed) {
        ok(1, "%s by %s", t->title, way);
        return;
    }
    if (excused(t, way))
        return;
    ok(0, "%s by %s", t->title, way);
    diag("result %d, expected %s%d; %u results, expected %u; flags %#x of %#x", out->res,
         t->kind == LIVE_EXACT ? "" : "at least ",
         t->kind == LIVE_EXACT ? t->result(l) : t->kind == LIVE_POSITIVE, out->cqes, t->cqes,
         out->flags & t->flags, t->flags);
    if (l->failed)
        diag("effect: %s", l->failed);
}

typedef int way_function(const struct call_trial *t, struct live *l, struct outcome *out);

static void run(const struct call_trial *t, way_function *go, const char *way)
{
    struct outcome out = {0, 0, 0};
    struct live l;
    int ret;

    /* What an older kernel does not refuse it would wait for. */
    if (t->error && excused(t, way))
        return;
    live_init(&l);
    running = t->title;
    alarm(PATIENCE_SECONDS);
    ret = t->scenario->open(&l);
    if (l.skip) {
        skip(1, "%s by %s: %s", t->title, way, l.skip);
    } else if (ret < 0) {
        if (!excused(t, way)) {
            ok(0, "%s by %s", t->title, way);
            diag("scenario %s: %s", t->scenario->name, strerror(-ret));
        }
    } else {
        /* What is to be refused may be wrong in its memory as well: no watch is to find that. */
        if (t->kind == LIVE_EXACT && t->result(&l) < 0)
            rota_on_submit(&l.ring, NULL, NULL);
        ret = go(t, &l, &out);
        if (ret < 0 && !excused(t, way)) {
            ok(0, "%s by %s", t->title, way);
            diag("ring: %s", strerror(-ret));
        } else if (l.skip) {
            skip(1, "%s by %s: %s", t->title, way, l.skip);
        } else if (ret == 0) {
            judge(t, &l, &out, way);
        }
    }
    if (t->scenario->close)
        t->scenario->close(&l);
    alarm(0);
}

/* A start that the kernel refuses: the handle gets the error, once, and is free. */
static void start_fails(const struct call_trial *t, struct live *l)
{
    ROTA_OP(op);
    int ret = t->start(l, &op);

    if (ret == 0) {
        last_sqe(&l->ring)->flags |= 0x80; /* no such flag */
        ret = rota_await(&l->ring, &op);
    }
    is_int(ret, -EINVAL, "rota_start_%s hands on the kernel's error", t->name);
    ok(!rota_op_active(&op) && !rota_in_flight(&l->ring), "rota_start_%s leaves nothing in flight",
       t->name);
}

/* A call behind a request that fails: cancelled, and the other one left to its owner. */
static void call_fails(const struct call_trial *t, struct live *l)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);
    struct io_uring_cqe *cqe = NULL;
    int ret;

    rota_prep_read(sqe, -1, NULL, 0, 0);
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    rota_sqe_set_data64(sqe, 42);
    ret = t->call(l);
    /* An SQE that is malformed by itself says so before the chain is looked at. */
    ok(ret == -ECANCELED || ret == -EINVAL || (ret < 0 && newer_than_kernel(t->since)),
       "rota_call_%s hands on the error of its chain: %d", t->name, ret);
    while (!rota_peek_cqe(&l->ring, &cqe) && cqe->user_data != 42)
        rota_cqe_seen(&l->ring, cqe); /* the scenario's own */
    ok(cqe && cqe->user_data == 42 && cqe->res < 0,
       "rota_call_%s leaves the caller's completion in the queue", t->name);
}

/* The first trial of each request that has to succeed. */
static bool is_first(unsigned index)
{
    const struct call_trial *t = &call_trials[index];

    if (t->error)
        return false;
    for (unsigned i = 0; i < index; i++) {
        if (!strcmp(call_trials[i].name, t->name) && !call_trials[i].error &&
            !!call_trials[i].call == !!t->call)
            return false;
    }
    return true;
}

static void run_errors(const struct call_trial *t)
{
    for (int i = 0; i < (t->call ? 2 : 1); i++) {
        struct live l;

        live_init(&l);
        running = t->title;
        alarm(PATIENCE_SECONDS);
        if (t->scenario->open(&l) < 0 || l.skip)
            skip(2, "%s: no scenario %s here", t->name, t->scenario->name);
        else if (i && rota_sq_ready(&l.ring)) /* the scenario's own link is the head of its chain */
            skip(2, "%s: in %s it ends a chain already", t->name, t->scenario->name);
        else if (i)
            call_fails(t, &l);
        else
            start_fails(t, &l);
        if (t->scenario->close)
            t->scenario->close(&l);
        alarm(0);
    }
}

int main(int argc, char **argv)
{
    struct utsname name;
    const char *only = argc > 1 ? argv[1] : NULL;

    if (uname(&name) || sscanf(name.release, "%u.%u", &kernel[0], &kernel[1]) != 2)
        bail("the kernel does not tell its version");
    if (only && !strcmp(only, "--list")) {
        for (unsigned i = 0; i < call_trial_count; i++)
            printf("%s\n", call_trials[i].title);
        return 0;
    }
    signal(SIGALRM, out_of_patience);
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < call_trial_count; i++) {
        const struct call_trial *t = &call_trials[i];

        if (only && !strstr(t->title, only))
            continue;
        run(t, with_handle, "handle");
        /* Its act sends a request of its own on the ring, from the thread that waits there. */
        if (t->call && strcmp(t->scenario->name, "timer_count"))
            run(t, with_call, "call");
    }
    /* Last: requests of the scenarios that they leave behind end in the kernel's own time. */
    for (unsigned i = 0; i < call_trial_count; i++) {
        if (is_first(i) && (!only || strstr(call_trials[i].title, only)))
            run_errors(&call_trials[i]);
    }
    return done();
}
