/* SPDX-License-Identifier: MIT */
/*
 * Runs the live trials of the table on the kernel beneath: each request is
 * sent in its scenario, and what comes back must be what the table says. A
 * trial that needs a later kernel is skipped when it fails, and passes when
 * the kernel has the feature all the same (distributions backport).
 *
 * With ROTA_KNOWN_KERNEL in the environment the running kernel is one that the
 * table speaks of: then it must have what the table says that its series got
 * by backport, and nothing else of a later one.
 *
 *     live [--list | TEXT]     only the trials whose title contains TEXT
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "trials.h"

/* How long a completion may take: long enough for a guest under emulation. */
#define PATIENCE_SECONDS 5

static unsigned kernel[2];
static int known_kernel;
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

static int newer_than_kernel(const unsigned since[2])
{
    return since[0] > kernel[0] || (since[0] == kernel[0] && since[1] > kernel[1]);
}

/* Sends the request and collects its completions; 0 or -errno of the ring. */
static int exchange(const struct live_trial *t, struct live *l, struct io_uring_cqe *first,
                    unsigned *count)
{
    const struct __kernel_timespec patience = {.tv_sec = PATIENCE_SECONDS};
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);
    int ret;

    *count = 0;
    if (!sqe)
        return -EBUSY;
    t->send(l, sqe);
    rota_sqe_set_data64(sqe, LIVE_USER_DATA);
    /* What is to be refused may be wrong in its memory as well: no watch is to find that. */
    if (t->kind == LIVE_EXACT && t->result(l) < 0)
        rota_on_submit(&l->ring, NULL, NULL);
    ret = rota_submit(&l->ring);
    if (ret < 0)
        return ret;
    if (t->scenario->act)
        t->scenario->act(l);
    while (*count < t->cqes) {
        struct io_uring_cqe *cqe = NULL;

        ret = rota_wait_cqe_timeout(&l->ring, &cqe, &patience);
        if (ret < 0)
            return ret;
        /* Scenarios may have requests of their own in flight. */
        if (cqe->user_data == LIVE_USER_DATA) {
            if (!(*count)++)
                *first = *cqe;
            /* A request that has ended sends nothing more. */
            if (!(cqe->flags & IORING_CQE_F_MORE) && *count < t->cqes) {
                rota_cqe_seen(&l->ring, cqe);
                return 0;
            }
        } else if (l->others < sizeof(l->other) / sizeof(l->other[0])) {
            l->other[l->others].user_data = cqe->user_data;
            l->other[l->others].res = cqe->res;
            l->other[l->others++].flags = cqe->flags;
        }
        rota_cqe_seen(&l->ring, cqe);
    }
    return 0;
}

static int as_expected(const struct live_trial *t, struct live *l, int res)
{
    switch (t->kind) {
    case LIVE_EXACT:
        return res == t->result(l);
    case LIVE_FD:
        return res >= 0;
    case LIVE_POSITIVE:
        return res > 0;
    }
    return 0;
}

/* Whether the table lists the series of the running kernel among the backports. */
static int backported(const struct live_trial *t)
{
    char series[32];
    const char *found;
    size_t length;

    if (!t->backports)
        return 0;
    length = (size_t)snprintf(series, sizeof(series), "%u.%u", kernel[0], kernel[1]);
    for (found = strstr(t->backports, series); found; found = strstr(found + 1, series)) {
        if ((found == t->backports || found[-1] == ' ') &&
            (found[length] == ' ' || found[length] == '\0'))
            return 1;
    }
    return 0;
}

/* Says why a trial that did not come out as the table says is no failure. */
static int excused(const struct live_trial *t)
{
    if (!newer_than_kernel(t->since) || (known_kernel && backported(t)))
        return 0;
    skip(1, "%s: needs Linux %u.%u, this is %u.%u", t->title, t->since[0], t->since[1], kernel[0],
         kernel[1]);
    return 1;
}

static void judge(const struct live_trial *t, struct live *l, int res, unsigned cqes,
                  unsigned flags)
{
    int wanted = t->kind == LIVE_EXACT ? t->result(l) : 0;
    int good = as_expected(t, l, res) && cqes == t->cqes && (flags & t->flags) == t->flags;

    if (good && !t->error && t->scenario->check)
        t->scenario->check(l, res);
    if (good && !l->failed) {
        /* EINVAL is also what a kernel says that knows nothing of the request. */
        int early = known_kernel && !t->error && newer_than_kernel(t->since) && !backported(t);

        ok(!early, "%s", t->title);
        if (early)
            diag("it works, but the table has it from Linux %u.%u on", t->since[0], t->since[1]);
        return;
    }
    if (excused(t))
        return;
    ok(0, "%s", t->title);
    diag("result %d, expected %s%d; %u completions, expected %u; flags %#x of %#x", res,
         t->kind == LIVE_EXACT ? "" : "at least ", t->kind == LIVE_POSITIVE ? 1 : wanted, cqes,
         t->cqes, flags & t->flags, t->flags);
    if (l->failed)
        diag("effect: %s", l->failed);
}

static void run(const struct live_trial *t)
{
    struct live l;
    struct io_uring_cqe first;
    unsigned cqes = 0;
    int ret;

    live_init(&l);
    memset(&first, 0, sizeof(first));
    running = t->title;
    alarm(4 * PATIENCE_SECONDS);
    ret = t->scenario->open(&l);
    if (l.skip) {
        if (!excused(t))
            skip(1, "%s: %s", t->title, l.skip);
    } else if (ret < 0) {
        if (!excused(t)) {
            ok(0, "%s", t->title);
            diag("scenario %s: %s", t->scenario->name, strerror(-ret));
        }
    } else if (t->call) {
        judge(t, &l, t->call(&l), t->cqes, t->flags);
    } else {
        ret = exchange(t, &l, &first, &cqes);
        if (ret < 0 && !excused(t)) {
            ok(0, "%s", t->title);
            diag("ring: %s", strerror(-ret));
        } else if (ret == 0) {
            judge(t, &l, first.res, cqes, first.flags);
        }
    }
    if (t->scenario->close)
        t->scenario->close(&l);
    alarm(0);
}

/* The same in a child process, whose verdict is counted here. */
static void run_apart(const struct live_trial *t)
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        bail("fork: %s", strerror(errno));
    if (!child) {
        int failed = tap_failed;
        int skipped = tap_skipped;

        run(t);
        _exit(tap_failed != failed ? 1 : tap_skipped != skipped ? 77 : 0);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        ok(0, "%s", t->title);
        diag("the child process died");
        return;
    }
    tap_run++;
    tap_failed += WEXITSTATUS(status) == 1;
    tap_skipped += WEXITSTATUS(status) == 77;
}

int main(int argc, char **argv)
{
    struct utsname name;
    const char *only = argc > 1 ? argv[1] : NULL;

    if (uname(&name) || sscanf(name.release, "%u.%u", &kernel[0], &kernel[1]) != 2)
        bail("the kernel does not tell its version");
    if (only && !strcmp(only, "--list")) {
        for (unsigned i = 0; i < live_trial_count; i++)
            printf("%s\n", live_trials[i].title);
        return 0;
    }
    known_kernel = getenv("ROTA_KNOWN_KERNEL") != NULL;
    signal(SIGALRM, out_of_patience);
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < live_trial_count; i++) {
        if (only && !strstr(live_trials[i].title, only))
            continue;
        if (live_trials[i].scenario->apart)
            run_apart(&live_trials[i]);
        else
            run(&live_trials[i]);
    }
    return done();
}
