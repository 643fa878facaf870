/* SPDX-License-Identifier: MIT */
/*
 * Each request ends once: random ones, of which many wait for each other, are
 * cancelled or run into a limit, with signals, a small completion queue and,
 * where the ring may be shared, one thread that submits and one that reaps. An
 * argument is the number of requests.
 */
#include <rota.h>
#include <rota/emulate.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tap.h"

#define PIPES 8

struct work {
    struct rota_ring ring;
    unsigned count;
    unsigned submitted; /* by the one thread, read by the other */
    unsigned reaped;
    unsigned char *ends; /* by user_data: how often it ended */
    int pipes[PIPES][2];
    uint64_t seed;
    unsigned wrong;
};

static uint32_t chance(struct work *w, uint32_t below)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->seed >> 33) % below;
}

static void reap_some(struct work *w, bool wait)
{
    struct io_uring_cqe *cqe;

    if (wait && rota_wait_cqe(&w->ring, &cqe) < 0)
        return;
    while (!rota_peek_cqe(&w->ring, &cqe)) {
        if (cqe->user_data >= w->count || w->ends[cqe->user_data] ||
            (cqe->flags & IORING_CQE_F_MORE))
            w->wrong++;
        else
            w->ends[cqe->user_data] = 1;
        rota_cqe_seen(&w->ring, cqe);
        w->reaped++;
    }
}

static char scratch[PIPES][64];
static struct __kernel_timespec brief = {.tv_nsec = 300000};

/* One request. Every pipe gets as much as is read from it at the latest at the end. */
static void prepare(struct work *w, struct io_uring_sqe *sqe, unsigned number)
{
    unsigned pipe_number = chance(w, PIPES);
    int *fds = w->pipes[pipe_number];

    switch (chance(w, 8)) {
    case 0:
        rota_prep_read(sqe, fds[0], scratch[pipe_number], 1 + chance(w, 16), 0);
        break;
    case 1:
    case 2:
        rota_prep_write(sqe, fds[1], "0123456789abcdef", 16, 0);
        break;
    case 3:
        rota_prep_poll_add(sqe, fds[0], POLLIN);
        break;
    case 4:
        rota_prep_timeout(sqe, &brief, chance(w, 2) ? 3 : 0, 0);
        break;
    case 5:
        rota_prep_cancel64(sqe, number ? chance(w, number) : 0, 0);
        break;
    default:
        rota_prep_nop(sqe);
        break;
    }
    sqe->user_data = number;
    if (!chance(w, 5))
        sqe->flags |= IOSQE_IO_LINK;
    else if (!chance(w, 40))
        sqe->flags |= IOSQE_IO_DRAIN;
    if (!chance(w, 10))
        sqe->flags |= IOSQE_ASYNC;
}

/* What waits for data gets some, and what still waits is cancelled. */
static void help(struct work *w)
{
    for (unsigned i = 0; i < PIPES; i++) {
        char byte = 'x', many[4096];

        if (read(w->pipes[i][0], many, sizeof(many)) < 0 || chance(w, 2)) {
            if (write(w->pipes[i][1], &byte, 1) < 0)
                continue;
        }
    }
}

static void submit_all(struct work *w, bool reap)
{
    unsigned number = 0;

    while (number < w->count) {
        unsigned batch = 1 + chance(w, 16);

        while (batch-- && number < w->count) {
            struct io_uring_sqe *sqe = rota_get_sqe(&w->ring);

            if (!sqe)
                break;
            prepare(w, sqe, number++);
        }
        while (rota_sq_ready(&w->ring)) {
            int ret = rota_submit(&w->ring);

            if (ret < 0 && ret != -EINTR) {
                w->wrong++;
                return;
            }
        }
        __atomic_store_n(&w->submitted, number, __ATOMIC_RELEASE);
        help(w);
        if (reap && !chance(w, 4))
            reap_some(w, false);
    }
}

static void *submitter(void *data)
{
    submit_all(data, false);
    return NULL;
}

static void on_alarm(int number)
{
    (void)number;
}

static void run(const char *name, uint32_t flags, unsigned count, bool two_threads)
{
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_alarm};
    struct rota_config config = {.kernel = &rota_kernel_emulated, .required_flags = flags};
    struct work w = {.count = count, .seed = 42};
    struct timespec last, now;
    pthread_t other;
    unsigned missing = 0;

    config.options = ROTA_WAIT_INTERRUPTIBLE;
    w.ends = calloc(count, 1);
    for (unsigned i = 0; i < PIPES; i++) {
        if (pipe2(w.pipes[i], O_NONBLOCK))
            bail("pipe");
    }
    if (!w.ends || rota_init(&w.ring, 16, &config) < 0)
        bail("no ring");
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    if (two_threads)
        pthread_create(&other, NULL, submitter, &w);
    else
        submit_all(&w, true);
    clock_gettime(CLOCK_MONOTONIC, &last);
    while (w.reaped < count) {
        unsigned seen = w.reaped;
        struct __kernel_timespec ms = {.tv_nsec = 5000000};
        struct io_uring_cqe *cqe;

        (void)rota_wait_cqe_timeout(&w.ring, &cqe, &ms);
        reap_some(&w, false);
        if (!two_threads || __atomic_load_n(&w.submitted, __ATOMIC_ACQUIRE) == count) {
            if (two_threads) {
                pthread_join(other, NULL);
                two_threads = false;
            }
            help(&w);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (w.reaped != seen)
            last = now;
        else if (now.tv_sec - last.tv_sec > 10)
            break;
    }
    if (two_threads)
        pthread_join(other, NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_IGN); /* what is pending yet is dropped by that */
    for (unsigned i = 0; i < count; i++)
        missing += !w.ends[i];
    is_int(missing, 0, "%s: nothing is lost", name);
    is_int(w.wrong, 0, "%s: nothing is doubled or unknown", name);
    rota_queue_exit(&w.ring);
    for (unsigned i = 0; i < PIPES; i++) {
        close(w.pipes[i][0]);
        close(w.pipes[i][1]);
    }
    free(w.ends);
}

/* Rings that send each other messages, each from its own thread. */
struct talker {
    struct rota_ring ring;
    int other;
    unsigned count, got, sent;
};

static void *talk(void *data)
{
    struct talker *t = data;
    unsigned out = 0;

    while (t->got < t->count || t->sent < t->count) {
        struct io_uring_sqe *sqe = out < t->count ? rota_get_sqe(&t->ring) : NULL;
        struct __kernel_timespec s = {.tv_sec = 10};
        struct io_uring_cqe *cqe;

        if (sqe) {
            rota_prep_msg_ring(sqe, t->other, 7, 1, 0);
            sqe->user_data = 2;
            out++;
        }
        rota_submit(&t->ring);
        if (rota_wait_cqe_timeout(&t->ring, &cqe, &s) < 0)
            break;
        do {
            t->got += cqe->user_data == 1 && cqe->res == 7;
            t->sent += cqe->user_data == 2 && cqe->res == 0;
            rota_cqe_seen(&t->ring, cqe);
        } while (!rota_peek_cqe(&t->ring, &cqe));
    }
    return NULL;
}

static void messages(unsigned count)
{
    struct rota_config config = {.kernel = &rota_kernel_emulated};
    static struct talker a, b;
    pthread_t thread;

    if (rota_init(&a.ring, 8, &config) < 0 || rota_init(&b.ring, 8, &config) < 0)
        bail("no ring");
    a.other = b.ring.ring_fd;
    b.other = a.ring.ring_fd;
    a.count = b.count = count;
    pthread_create(&thread, NULL, talk, &b);
    talk(&a);
    pthread_join(thread, NULL);
    is_int(a.got + b.got, 2 * count, "all messages came");
    is_int(a.sent + b.sent, 2 * count, "and were sent");
    rota_queue_exit(&a.ring);
    rota_queue_exit(&b.ring);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 6000;
    const uint32_t own = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

    run("one thread", 0, count, false);
    run("an owner", own, count, false);
    run("two threads", 0, count, true);
    run("a polled queue", IORING_SETUP_SQPOLL, count, false);
    messages(count / 4);
    return done();
}
