/* SPDX-License-Identifier: MIT */
/* One request in a process of its own; what became of it comes back through shared memory. */
#include "attempt.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define USER_DATA 0x7e57U
#define TAIL      0x7a11U
/* How long a request may stay silent before it counts as taken, and one that has to answer; in
 * milliseconds. */
#define SILENCE      60
#define LONG_SILENCE 5000
/* After that the process is ended: what is in flight ends with it. */
#define PATIENCE 10000

static struct outcome *shared;

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void nap(long microseconds)
{
    struct timespec time = {0, microseconds * 1000};

    nanosleep(&time, NULL);
}

/* The changes of the parent on the request that the trial has made here, with its own addresses. */
static void apply(struct io_uring_sqe *sqe, const struct outcome *base, const struct request *r)
{
    unsigned char *bytes = (unsigned char *)sqe;
    size_t size =
        r->ring & (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED) ? SQE_BYTES : sizeof(*sqe);

    for (size_t i = 0; i < size; i++) {
        unsigned char changed = (base->image[i] ^ r->bytes[i]) | r->pinned[i];

        bytes[i] = (unsigned char)((bytes[i] & ~changed) | (r->bytes[i] & changed));
    }
}

/* Names a slot instead of the descriptor: of a table of one, or the last of four that are there. */
static int use_slot(struct rota_ring *ring, struct io_uring_sqe *sqe)
{
    int fd = sqe->fd;
    struct io_uring_files_update last = {.offset = 3, .fds = (uintptr_t)&fd};
    int ret = rota_sys_register(ring->ring_fd, IORING_REGISTER_FILES, &fd, 1);

    sqe->fd = 0;
    if (ret == -EBUSY) {
        ret = rota_sys_register(ring->ring_fd, IORING_REGISTER_FILES_UPDATE, &last, 1);
        sqe->fd = (int)last.offset;
    }
    sqe->flags |= IOSQE_FIXED_FILE;
    return ret;
}

/* Gathers completions until the request ends, all that were expected are there, or time is out. */
static void collect(const struct live_trial *t, struct rota_ring *ring, struct live *l, long until,
                    unsigned *flags)
{
    struct io_uring_cqe *cqe;

    for (;;) {
        while (rota_peek_cqe(ring, &cqe) == 0) {
            bool last = false;

            if (cqe->user_data == USER_DATA) {
                if (!shared->cqes++) {
                    shared->res = cqe->res;
                    *flags = cqe->flags;
                }
                last = !(cqe->flags & IORING_CQE_F_MORE) || shared->cqes >= t->cqes;
            } else if (cqe->user_data != TAIL &&
                       l->others < sizeof(l->other) / sizeof(l->other[0])) {
                l->other[l->others].user_data = cqe->user_data;
                l->other[l->others].res = cqe->res;
                l->other[l->others++].flags = cqe->flags;
            }
            rota_cqe_seen(ring, cqe);
            if (last)
                return;
        }
        if (now_ms() >= until)
            return;
        /* A ring with IOPOLL finds completions here only. */
        if (rota_sys_enter(ring->ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
            return;
        nap(100);
    }
}

static bool as_expected(const struct live_trial *t, struct live *l, unsigned flags)
{
    int res = shared->res;
    bool good = t->kind == LIVE_EXACT ? res == t->result(l)
                : t->kind == LIVE_FD  ? res >= 0
                                      : res > 0;

    return good && shared->cqes == t->cqes && (flags & t->flags) == t->flags;
}

/* Submits, plays the other side, collects. */
static void run(const struct live_trial *t, struct live *l, struct rota_ring *ring,
                const struct outcome *base, const struct request *r, unsigned how)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring), *tail = NULL;
    unsigned ready, flags = 0;
    int ret;

    t->send(l, sqe);
    shared->ring = l->ring.flags;
    memcpy(shared->image, sqe,
           ring->flags & (IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED) ? SQE_BYTES : sizeof(*sqe));
    if (r)
        apply(sqe, base, r);
    if ((how & ATTEMPT_SLOT) && use_slot(ring, sqe) < 0) {
        shared->stage = STAGE_NOT_OPENED;
        (void)snprintf(shared->why, sizeof(shared->why), "no slot for the file");
        return;
    }
    /* Any identity must be a registered one. */
    if (sqe->personality) {
        ret = rota_sys_register(ring->ring_fd, IORING_REGISTER_PERSONALITY, NULL, 0);
        if (ret > 0)
            sqe->personality = (uint16_t)ret;
    }
    rota_sqe_set_data64(sqe, USER_DATA);
    /* The kernel stops at a request that it refuses: what comes behind tells. Where the effect is
     * looked at, nothing else may be in the queue. */
    if (!(how & (ATTEMPT_BASE | ATTEMPT_CHECK))) {
        tail = rota_get_sqe(ring);
        rota_prep_nop(tail);
        rota_sqe_set_data64(tail, TAIL);
    }
    ready = rota_sq_ready(ring);
    ret = rota_submit(ring);
    shared->stage = STAGE_PENDING;
    if (ret < 0) {
        shared->stage = STAGE_LOST;
        (void)snprintf(shared->why, sizeof(shared->why), "submit answered %d", ret);
        return;
    }
    if (tail && (unsigned)ret < ready)
        shared->stage = STAGE_REFUSED;
    else if (t->scenario->act && ring == &l->ring)
        t->scenario->act(l);
    collect(t, ring, l, now_ms() + (how & (ATTEMPT_BASE | ATTEMPT_ANSWER) ? LONG_SILENCE : SILENCE),
            &flags);
    if (!shared->cqes)
        return;
    if (shared->stage == STAGE_PENDING)
        shared->stage = STAGE_ANSWERED;
    shared->expected = as_expected(t, l, flags);
    if (shared->expected && (how & ATTEMPT_CHECK) && t->scenario->check)
        t->scenario->check(l, shared->res);
    if (l->failed) {
        shared->expected = false;
        (void)snprintf(shared->why, sizeof(shared->why), "%s", l->failed);
    }
}

static void child(const struct live_trial *t, const struct outcome *base, const struct request *r,
                  unsigned how)
{
    struct live l;
    struct rota_ring other;
    int ret;

    live_init(&l);
    ret = t->scenario->open(&l);
    if (l.skip || ret < 0) {
        shared->stage = STAGE_NOT_OPENED;
        (void)snprintf(shared->why, sizeof(shared->why), "%s", l.skip ? l.skip : strerror(-ret));
    } else if (r && r->ring != base->ring) {
        ret = rota_queue_init(8, &other, r->ring);
        if (ret < 0) {
            shared->stage = STAGE_NOT_OPENED;
            (void)snprintf(shared->why, sizeof(shared->why), "a ring with flags %#x: %s", r->ring,
                           strerror(-ret));
        } else {
            run(t, &l, &other, base, r, how);
            rota_queue_exit(&other);
        }
    } else {
        run(t, &l, &l.ring, base, r, how);
    }
    if (t->scenario->close)
        t->scenario->close(&l);
}

/* Waits for the process, and after the patience ends it with all that it started. */
static void await(pid_t pid)
{
    long until = now_ms() + PATIENCE;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    for (;;) {
        long left = until - now_ms();
        struct timespec time = {left / 1000, left % 1000 * 1000000};
        siginfo_t ended = {0};

        if (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOHANG | WNOWAIT) < 0 || ended.si_pid ||
            left <= 0)
            break;
        (void)sigtimedwait(&set, NULL, &time);
    }
    /* It is not reaped yet, so the group is still ours; what it started may be left in it. */
    (void)kill(-pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

void attempt(const struct live_trial *t, const struct outcome *base, const struct request *r,
             unsigned how, struct outcome *o)
{
    sigset_t set, before;
    pid_t pid;

    if (!shared) {
        shared =
            mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (shared == MAP_FAILED)
            bail("no shared memory");
    }
    memset(shared, 0, sizeof(*shared));
    shared->stage = STAGE_LOST;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &before);
    fflush(stdout);
    pid = fork();
    if (pid < 0)
        bail("no process: %s", strerror(errno));
    if (pid == 0) {
        (void)setpgid(0, 0);
        sigprocmask(SIG_SETMASK, &before, NULL);
        child(t, base, r, how);
        _exit(0);
    }
    (void)setpgid(pid, pid);
    await(pid);
    sigprocmask(SIG_SETMASK, &before, NULL);
    *o = *shared;
    if (o->stage == STAGE_LOST && !o->why[0])
        (void)snprintf(o->why, sizeof(o->why), "the process was lost");
}
