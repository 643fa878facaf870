/* SPDX-License-Identifier: MIT */
/*
 * The oracle of explanations: requests that succeed are broken in exactly one
 * known way, the running kernel fails them, and the explanation is asked: is
 * its first cause the thing that was broken, and is nothing certain that is
 * false?
 *
 *     oracle [SEED [SECONDS [SHOWN]]]
 *
 * Without arguments the seed is fixed, and requests are broken until 20000 have
 * failed, and the rows of the table that name their breakage have been met; with
 * SECONDS for so long. Built with ORACLE_SHARE, one of so many breakages is tried
 * on each trial and once, for slow machines and other kernels. `oracle TEXT`
 * prints all that concerns the breakages or trials whose name contains TEXT.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "breakage.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define FIXED_SEED  UINT64_C(0x726f7461)
#define FIXED_COUNT 20000
#ifndef ORACLE_SHARE
#define ORACLE_SHARE 1
#endif
#define USER_DATA   UINT64_C(0x0bac1e)
#define PATIENCE_NS 20000000
#define PATIENCES   2 /* a loaded machine may be late once */
#define MAX_ROUNDS  400
#define ROW_TRIES   20
#define WORKERS     4

static struct rota_caps caps;
static unsigned long shown = 12;
static const char *only;

#define MAX_BREAKAGES  128
#define MAX_EXCEPTIONS 8
#define MAX_BROKEN     128

/* What one of the processes that share the work has counted. */
struct tally {
    unsigned long asked, failed, right, uncertain, unexplained, false_certain, excepted;
    unsigned long failed_by[MAX_BREAKAGES], right_by[MAX_BREAKAGES]; /* by breakage */
    unsigned char opcode_failed[256]; /* a broken request of the opcode has failed */
    unsigned long excepted_by[MAX_EXCEPTIONS];
    unsigned long row_first[MAX_BROKEN]; /* the row that is to be provoked stood first */
};

static struct tally *tally;
static unsigned char *hangs; /* by trial and breakage: how often it did not fail but waited */

/*
 * What is broken can be out of sight: the reasons why another cause stands
 * first. Each is counted, and has to be met.
 */
struct exception {
    const char *breakage; /* whose name this is, or NULL */
    const char *opcode;   /* or NULL: any */
    int error;            /* with which the kernel answers; 0: any */
    const char *reason;
};

static const struct exception exceptions[] = {
    {"value", "EPOLL_CTL", -EFAULT, "an operation that is unknown reads the event first"},
};

#define EXCEPTIONS (sizeof(exceptions) / sizeof(exceptions[0]))
_Static_assert(EXCEPTIONS <= MAX_EXCEPTIONS, "room to count them");

static bool is_excepted(const struct victim *v, const struct breakage *b, int res)
{
    for (size_t i = 0; i < EXCEPTIONS; i++) {
        const struct exception *e = &exceptions[i];

        if ((!e->breakage || !strcmp(e->breakage, b->name)) &&
            (!e->opcode || !strcmp(e->opcode, rota_info_text(v->op->name))) &&
            (!e->error || e->error == res)) {
            tally->excepted_by[i]++;
            return true;
        }
    }
    return false;
}

/*
 * One request
 */

static int send_one(struct rota_ring *ring, const struct io_uring_sqe *request)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    if (!sqe)
        return -EBUSY;
    memcpy(sqe, request, sizeof(*sqe));
    return 0;
}

static void *visit(void *arg)
{
    struct victim *v = arg;

    if (!send_one(&v->live->ring, &v->sqe))
        (void)rota_submit(&v->live->ring);
    return NULL;
}

/* Sends the broken request; false when it does not come to an end in time. */
static bool answer(struct victim *v, int *res)
{
    struct rota_ring *ring = &v->live->ring;
    const struct __kernel_timespec patience = {.tv_sec = 0, .tv_nsec = PATIENCE_NS};
    struct io_uring_cqe *cqe;
    pthread_t thread;

    if (v->has_before && send_one(ring, &v->before))
        return false;
    if (v->submit_between && rota_submit(ring) < 0)
        return false;
    if (v->by_thread) {
        if (pthread_create(&thread, NULL, visit, v))
            return false;
        pthread_join(thread, NULL);
    } else if (send_one(ring, &v->sqe) || rota_submit(ring) < 0) {
        return false;
    }
    if (v->trial->scenario->act && !v->by_thread)
        v->trial->scenario->act(v->live);
    while (!rota_wait_cqe_timeout(ring, &cqe, &patience)) {
        bool mine = cqe->user_data == USER_DATA;

        *res = cqe->res;
        rota_cqe_seen(ring, cqe);
        if (mine)
            return true;
    }
    return false;
}

/*
 * The verdict
 */

static bool names(const struct victim *v, const char *text)
{
    return strstr(text, v->wanted) || (v->or_else && strstr(text, v->or_else));
}

static void show(const struct victim *v, const struct breakage *b, int res, const char *what)
{
    char text[4096];

    rota_sqe_format(&v->sqe, 0, text, sizeof(text));
    diag("%s: breakage %s of %s: wanted \"%s\"", what, b->name, v->trial->title, v->wanted);
    diag("  %s", text);
    rota_explain(&v->live->ring, &caps, &v->sqe, res, text, sizeof(text));
    diag("  %s", text);
}

/* The rows of the table that this breakage is to provoke. */
static void look_for_rows(const struct victim *v, const struct breakage *b, int res,
                          const char *first)
{
    for (unsigned i = 0; i < live_broken_count; i++) {
        const struct live_broken *row = &live_broken[i];
        const struct rota_error_info *error;
        const char *cause;

        if (row->opcode != v->op->opcode || strcmp(row->breakage, b->name) != 0)
            continue;
        error = &rota_info_errors(v->op->errors)[row->error - 1];
        cause = rota_info_text(error->cause);
        /* Its full stop makes room for what was seen. */
        if (error->error == res && !strncmp(first, cause, strlen(cause) - 1))
            tally->row_first[i]++;
    }
}

static void judge(const struct victim *v, const struct breakage *b, int res)
{
    struct rota_cause causes[ROTA_MAX_CAUSES];
    int count = rota_request_causes(&v->live->ring, &caps, &v->sqe, res, causes, ROTA_MAX_CAUSES);
    const char *what = NULL;
    bool wrong = false;

    tally->failed++;
    tally->opcode_failed[v->op->opcode] = 1;
    tally->failed_by[b - breakages]++;
    for (int i = 0; i < count; i++)
        wrong |= causes[i].certainty == ROTA_CERTAIN && !names(v, causes[i].text);
    if (count > 0)
        look_for_rows(v, b, res, causes[0].text);
    if (count > 0 && names(v, causes[0].text) && !wrong) {
        tally->right++;
        tally->right_by[b - breakages]++;
        tally->uncertain += causes[0].certainty != ROTA_CERTAIN;
    } else if (is_excepted(v, b, res)) {
        tally->excepted++;
        tally->right_by[b - breakages]++;
    } else if (wrong) {
        tally->false_certain++;
        what = "false";
    } else if (count <= 0) {
        tally->unexplained++;
        what = "unexplained";
    } else {
        what = "another first";
    }
    if (what && (only || shown)) {
        shown -= shown > 0;
        show(v, b, res, what);
    }
}

static void try(unsigned trial, unsigned number, struct dice *dice)
{
    const struct live_trial *t = &live_trials[trial];
    const struct breakage *b = &breakages[number];
    unsigned char *hang = &hangs[trial * breakage_count + number];
    struct victim v;
    struct live l;
    int res = 0;

    if (*hang >= PATIENCES)
        return;
    memset(&v, 0, sizeof(v));
    v.live = &l;
    v.trial = t;
    v.op = rota_opcode_info(t->opcode);
    v.caps = &caps;
    v.opened[0] = v.opened[1] = -1;
    live_init(&l);
    if (t->scenario->open(&l) < 0 || l.skip) {
        *hang = PATIENCES;
    } else {
        t->send(&l, &v.sqe);
        v.sqe.user_data = USER_DATA;
        if (b->apply(&v, dice)) {
            bool ended = answer(&v, &res);

            tally->asked++;
            *hang += !ended;
            /* What a trial answers when nothing is broken is no failure of this one. */
            if (ended && res < 0 && !(t->kind == LIVE_EXACT && res == t->result(&l)))
                judge(&v, b, res);
        }
    }
    breakage_undo(&v);
    if (t->scenario->close)
        t->scenario->close(&l);
}

static bool is_base(const struct live_trial *t)
{
    return !t->error && !t->call && !t->scenario->apart &&
           rota_caps_opcode(&caps, t->opcode, NULL) == ROTA_YES &&
           ROTA_KERNEL(t->since[0], t->since[1]) <= caps.kernel_from;
}

static bool chosen(const struct live_trial *t, const struct breakage *b)
{
    return !only || strstr(t->title, only) || !strcmp(b->name, only);
}

static const struct breakage *breakage_named(const char *name)
{
    for (unsigned i = 0; i < breakage_count; i++) {
        if (!strcmp(breakages[i].name, name))
            return &breakages[i];
    }
    return NULL;
}

/* Rows that the dice have missed so far: their breakage of their requests, some times more. */
static void provoke_rows(struct dice *dice)
{
    for (unsigned i = 0; i < live_broken_count; i++) {
        const struct breakage *b = breakage_named(live_broken[i].breakage);

        for (unsigned tries = 0; b && tries < ROW_TRIES && !tally->row_first[i]; tries++) {
            for (unsigned t = 0; t < live_trial_count; t++) {
                if (live_trials[t].opcode == live_broken[i].opcode && is_base(&live_trials[t]))
                    try(t, (unsigned)(b - breakages), dice);
            }
        }
    }
}

/* One process breaks requests until it has had enough of them, or of time. */
static void work(uint64_t seed, unsigned long wanted, time_t end)
{
    struct dice dice = {seed};

    if (breakages_open())
        bail("no memory or directory to break requests with");
    unsigned rounds = only ? 3 : ORACLE_SHARE > 1 ? 1 : MAX_ROUNDS;

    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned t = 0; t < live_trial_count; t++) {
            /* Each trial has its turn once at least. */
            if (!only && round && (end ? time(NULL) >= end : tally->failed >= wanted))
                goto enough;
            for (unsigned b = 0; is_base(&live_trials[t]) && b < breakage_count; b++) {
                if (chosen(&live_trials[t], &breakages[b]) &&
                    (only || !dice_below(&dice, ORACLE_SHARE)))
                    try(t, b, &dice);
            }
        }
    }
enough:
    if (!only && !end && ORACLE_SHARE == 1)
        provoke_rows(&dice);
    breakages_close();
}

static void add_up(struct tally *sum, const struct tally *one)
{
    sum->asked += one->asked;
    sum->failed += one->failed;
    sum->right += one->right;
    sum->uncertain += one->uncertain;
    sum->unexplained += one->unexplained;
    sum->false_certain += one->false_certain;
    sum->excepted += one->excepted;
    for (unsigned i = 0; i < MAX_BREAKAGES; i++) {
        sum->failed_by[i] += one->failed_by[i];
        sum->right_by[i] += one->right_by[i];
    }
    for (unsigned i = 0; i < 256; i++)
        sum->opcode_failed[i] |= one->opcode_failed[i];
    for (unsigned i = 0; i < MAX_EXCEPTIONS; i++)
        sum->excepted_by[i] += one->excepted_by[i];
    for (unsigned i = 0; i < MAX_BROKEN; i++)
        sum->row_first[i] += one->row_first[i];
}

/* Each error that the table leaves to a breakage was provoked by it. */
static void report_rows(const struct tally *sum)
{
    for (unsigned i = 0; i < live_broken_count; i++) {
        const struct live_broken *row = &live_broken[i];
        const struct rota_op_info *op = rota_opcode_info(row->opcode);
        const struct rota_error_info *error = &rota_info_errors(op->errors)[row->error - 1];

        if (!breakage_named(row->breakage))
            ok(0, "%s: there is no breakage %s", rota_op_name(row->opcode), row->breakage);
        else if (rota_caps_opcode(&caps, row->opcode, NULL) != ROTA_YES ||
                 row->since > caps.kernel_from || (row->until && row->until <= caps.kernel_from))
            skip(1, "this kernel does not answer so to %s", rota_op_name(row->opcode));
        else
            ok(sum->row_first[i], "%s %s, broken by %s: %s", rota_op_name(row->opcode),
               rota_error_name(error->error), row->breakage, rota_info_text(error->cause));
    }
}

static void report(const struct tally *sum, uint64_t seed, bool fixed)
{
    unsigned opcodes = 0, kinds = 0;
    bool base[256] = {false};

    for (unsigned i = 0; i < live_trial_count; i++)
        base[live_trials[i].opcode] |= is_base(&live_trials[i]);
    for (unsigned i = 0; i < 256; i++)
        opcodes += sum->opcode_failed[i];
    for (unsigned i = 0; i < breakage_count; i++) {
        kinds += sum->failed_by[i] != 0;
        if (sum->failed_by[i] != sum->right_by[i] || only)
            diag("%-18s %6lu failed, %6lu right", breakages[i].name, sum->failed_by[i],
                 sum->right_by[i]);
    }
    diag("seed %#llx: %lu requests broken, %lu failed (%u opcodes, %u kinds of breakage), %lu "
         "right, %lu of them not certain, %lu excepted",
         (unsigned long long)seed, sum->asked, sum->failed, opcodes, kinds, sum->right,
         sum->uncertain, sum->excepted);
    if (fixed) {
        ok(sum->failed >= FIXED_COUNT, "%lu broken requests have failed", sum->failed);
        ok(kinds >= 40, "%u kinds of breakage", kinds);
    }
    for (unsigned i = 0; fixed && i < 256; i++) {
        if (base[i])
            ok(sum->opcode_failed[i], "%s was broken", rota_op_name(i));
    }
    if (fixed)
        report_rows(sum);
    for (unsigned i = 0; fixed && i < EXCEPTIONS; i++)
        ok(sum->excepted_by[i], "the exception is met: %s", exceptions[i].reason);
    ok(sum->right * 100 >= (sum->failed - sum->excepted) * 98,
       "the first cause is right in %.2f %%",
       sum->failed ? 100.0 * (double)sum->right / (double)(sum->failed - sum->excepted) : 0.0);
    ok(!sum->false_certain, "%lu times something certain is false", sum->false_certain);
    ok(!sum->unexplained, "%lu are unexplained", sum->unexplained);
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : FIXED_SEED;
    unsigned seconds = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 0;
    time_t end = seconds ? time(NULL) + (time_t)seconds : 0;
    struct tally sum = {0}, *all;
    unsigned workers;

    if (argc > 1 && !seed)
        only = argv[1];
    if (argc > 3)
        shown = strtoul(argv[3], NULL, 0);
    if (rota_caps_get(&caps, NULL) < 0)
        skip_all("no ring can be made here");
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    workers = only ? 1 : WORKERS;
    all = mmap(NULL, workers * sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
               0);
    hangs = calloc((size_t)live_trial_count * breakage_count, 1);
    if (all == MAP_FAILED || !hangs || breakage_count > MAX_BREAKAGES ||
        live_broken_count > MAX_BROKEN)
        bail("no memory");
    fflush(stdout);
    for (unsigned i = 0; i < workers; i++) {
        pid_t child = fork();

        if (child < 0)
            bail("fork: %s", strerror(errno));
        if (child)
            continue;
        tally = &all[i];
        work(seed + i, FIXED_COUNT / workers + 1, end);
        fflush(stdout);
        _exit(0);
    }
    for (unsigned i = 0; i < workers; i++) {
        int status = 0;

        if (wait(&status) < 0 || status)
            ok(0, "a process ended with status %#x", (unsigned)status);
    }
    for (unsigned i = 0; i < workers; i++)
        add_up(&sum, &all[i]);
    report(&sum, seed, !seconds && !only && ORACLE_SHARE == 1);
    return done();
}
