/* SPDX-License-Identifier: MIT */
/* Waits and queues: time limits, signals, a full CQ, kinds of rings, and two threads on one. */
#include "twin.h"

#include <sys/eventfd.h>
#include <sys/mman.h>

#define MS 1000000

static long elapsed_ms(const struct timespec *since)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (now.tv_sec - since->tv_sec) * 1000 + (now.tv_nsec - since->tv_nsec) / MS;
}

static void limits(struct twin *t)
{
    struct __kernel_timespec ms20 = {.tv_nsec = 20L * MS};
    struct io_uring_cqe *cqe;
    struct timespec since;

    clock_gettime(CLOCK_MONOTONIC, &since);
    say(t, "%d", rota_wait_cqe_timeout(&t->ring, &cqe, &ms20));
    say(t, " %d", elapsed_ms(&since) >= 20);
    PREP(t, 1, nop(q));
    submit(t);
    say(t, " %d", rota_wait_cqes(&t->ring, &cqe, 2, &ms20, NULL));
    reap(t, 1);
}

static void min_wait(struct twin *t)
{
    struct __kernel_timespec ms500 = {.tv_nsec = 500L * MS};
    struct io_uring_cqe *cqe;
    struct timespec since;

    clock_gettime(CLOCK_MONOTONIC, &since);
    PREP(t, 1, nop(q));
    say(t, "%d", rota_submit_and_wait_min_timeout(&t->ring, &cqe, 2, &ms500, 20000, NULL));
    say(t, " %d", elapsed_ms(&since) >= 20 && elapsed_ms(&since) < 400);
    reap(t, 1);
    clock_gettime(CLOCK_MONOTONIC, &since);
    ms500.tv_nsec = 60L * MS;
    say(t, " %d", rota_submit_and_wait_min_timeout(&t->ring, &cqe, 2, &ms500, 20000, NULL));
    say(t, " %d", elapsed_ms(&since) >= 60);
}

static volatile sig_atomic_t signals;

static void on_signal(int number)
{
    (void)number;
    signals++;
}

static void *poke(void *thread)
{
    struct timespec pause = {.tv_nsec = 20L * MS};

    nanosleep(&pause, NULL);
    pthread_kill(*(pthread_t *)thread, SIGUSR1);
    return NULL;
}

static void interrupted(struct twin *t)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    pthread_t self = pthread_self(), other;

    signals = 0;
    sigaction(SIGUSR1, &action, &before);
    pthread_create(&other, NULL, poke, &self);
    say(t, "%d",
        t->kernel ? t->kernel->enter(t->ring.ring_fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 8)
                  : rota_sys_enter(t->ring.ring_fd, 0, 1, IORING_ENTER_GETEVENTS, NULL, 8));
    pthread_join(other, NULL);
    say(t, " %d", (int)signals);
    sigaction(SIGUSR1, &before, NULL);
}

static void masked(struct twin *t)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    struct __kernel_timespec ms20 = {.tv_nsec = 20L * MS};
    struct io_uring_cqe *cqe;
    sigset_t usr1, none, old;

    signals = 0;
    sigemptyset(&none);
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    sigaction(SIGUSR1, &action, &before);
    pthread_sigmask(SIG_BLOCK, &usr1, &old);
    raise(SIGUSR1);
    rota_wait_cqe_timeout(&t->ring, &cqe, &ms20);
    say(t, "%d", (int)signals);
    rota_wait_cqes(&t->ring, &cqe, 1, &ms20, &none);
    say(t, " %d", (int)signals);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    sigaction(SIGUSR1, &before, NULL);
}

static void overflow(struct twin *t)
{
    for (uint64_t i = 1; i <= 12; i++) {
        PREP(t, i, nop(q));
        rota_submit(&t->ring);
    }
    say(t, "%u %d", rota_cq_ready(&t->ring), rota_cq_has_overflow(&t->ring));
    reap(t, 12);
    quiet(t);
    say(t, " %d", rota_cq_has_overflow(&t->ring));
}

static void full_at_once(struct twin *t)
{
    for (uint64_t i = 1; i <= 4; i++)
        PREP(t, i, nop(q));
    say(t, "%p ", (void *)rota_get_sqe(&t->ring));
    submit(t);
    reap(t, 4);
}

static void too_many(struct twin *t)
{
    say(t, "%d",
        t->kernel ? t->kernel->enter(t->ring.ring_fd, 5, 0, 0, NULL, 0)
                  : rota_sys_enter(t->ring.ring_fd, 5, 0, 0, NULL, 0));
    say(t, " %d",
        t->kernel ? t->kernel->enter(t->ring.ring_fd, 0, 0, 1u << 20, NULL, 0)
                  : rota_sys_enter(t->ring.ring_fd, 0, 0, 1u << 20, NULL, 0));
}

static void *other_thread(void *data)
{
    struct twin *t = data;

    PREP(t, 2, nop(q));
    say(t, " %d", rota_submit(&t->ring));
    return NULL;
}

static void other_issuer(struct twin *t)
{
    pthread_t other;

    PREP(t, 1, nop(q));
    submit(t);
    reap(t, 1);
    pthread_create(&other, NULL, other_thread, t);
    pthread_join(other, NULL);
}

static void disabled(struct twin *t)
{
    PREP(t, 1, nop(q));
    submit(t);
    say(t, " %d", rota_enable_rings(&t->ring));
    submit(t);
    reap(t, 1);
    say(t, " %d", rota_enable_rings(&t->ring));
}

static void notified(struct twin *t)
{
    int fd = eventfd(0, EFD_NONBLOCK), p[2];
    struct pollfd event = {.fd = fd, .events = POLLIN};
    uint64_t count = 0;
    char in[4];

    if (pipe(p))
        bail("pipe");
    say(t, "%d", rota_register_eventfd(&t->ring, fd));
    PREP(t, 1, nop(q));
    submit(t);
    say(t, "%d", poll(&event, 1, 1000));
    say(t, " %d", read(fd, &count, sizeof(count)) == 8 && count == 1);
    PREP(t, 2, read(q, p[0], in, 3, 0));
    submit(t);
    say(t, "%d", poll(&event, 1, 0));
    if (write(p[1], "abc", 3) != 3)
        bail("write");
    say(t, "%d", poll(&event, 1, 1000));
    reap(t, 2);
    say(t, " %d", rota_unregister_eventfd(&t->ring));
    close(fd);
    close(p[0]);
    close(p[1]);
}

/* One thread waits, another submits. */
static void *submitter(void *data)
{
    struct twin *t = data;
    struct timespec pause = {.tv_nsec = 10L * MS};

    nanosleep(&pause, NULL);
    PREP(t, 1, nop(q));
    rota_submit(&t->ring);
    nanosleep(&pause, NULL);
    PREP(t, 2, nop(q));
    rota_submit(&t->ring);
    return NULL;
}

static void two_threads(struct twin *t)
{
    pthread_t other;

    pthread_create(&other, NULL, submitter, t);
    reap(t, 2);
    pthread_join(other, NULL);
}

static void polled_queue(struct twin *t)
{
    for (uint64_t i = 1; i <= 3; i++) {
        PREP(t, i, nop(q));
        rota_submit(&t->ring);
        reap(t, 1);
    }
    usleep(20000); /* it sleeps now */
    PREP(t, 4, nop(q));
    PREP(t, 5, nop(q));
    submit(t);
    reap(t, 2);
}

static void large_cqes(struct twin *t)
{
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe = PREP(t, 1, nop(q));

    sqe->nop_flags = IORING_NOP_CQE32;
    sqe->off = 11;
    sqe->addr = 12;
    submit(t);
    say(t, " %d", rota_wait_cqe(&t->ring, &cqe));
    say(t, " %llu %llu", (unsigned long long)cqe->big_cqe[0], (unsigned long long)cqe->big_cqe[1]);
    rota_cqe_seen(&t->ring, cqe);
}

static void mixed_cqes(struct twin *t)
{
    struct io_uring_cqe *cqe;

    for (uint64_t i = 1; i <= 40; i++) {
        struct io_uring_sqe *sqe = PREP(t, i, nop(q));

        if (i % 3 == 0) {
            sqe->nop_flags = IORING_NOP_CQE32;
            sqe->off = i;
        }
        rota_submit(&t->ring);
        if (rota_wait_cqe(&t->ring, &cqe) || cqe->user_data != i ||
            (i % 3 == 0 && cqe->big_cqe[0] != i))
            say(t, "wrong at %d", (int)i);
        rota_cqe_seen(&t->ring, cqe);
    }
}

static void mixed_sqes(struct twin *t)
{
    for (uint64_t i = 1; i <= 20; i++) {
        struct io_uring_sqe *sqe = i % 3 ? rota_get_sqe(&t->ring) : rota_get_sqe128(&t->ring);

        if (i % 3)
            rota_prep_nop(sqe);
        else
            rota_prep_nop128(sqe);
        sqe->user_data = i;
        rota_submit(&t->ring);
        reap(t, 1);
    }
}

static void large_sqes(struct twin *t)
{
    for (uint64_t i = 1; i <= 6; i++)
        PREP(t, i, nop(q));
    submit(t);
    reap(t, 6);
}

/* One CQE is left, the ring goes away with a request in flight. */
static void left_behind(struct twin *t)
{
    static char in[4];
    int p[2];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, nop(q));
    PREP(t, 2, read(q, p[0], in, 3, 0));
    submit(t);
    close(p[0]);
    close(p[1]);
}

static void forked(struct twin *t)
{
    int p[2], status = 0;
    char in[4];
    pid_t child;

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0));
    submit(t);
    child = fork();
    if (!child) {
        if (t->kernel)
            rota_queue_exit(&t->ring);
        _exit(0);
    }
    waitpid(child, &status, 0);
    say(t, " %d", status);
    if (write(p[1], "abc", 3) != 3)
        bail("write");
    reap(t, 1);
    close(p[0]);
    close(p[1]);
}

#define DEFERRED \
    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG)
#define TWENTY \
    " 1:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:0 11:0 12:0 13:0 14:0 15:0 16:0 17:0 18:0 19:0 20:0"

static const struct scenario scenarios[] = {
    SCENARIO("time limits", limits, "-62 1[1] 0 1:0", .features = IORING_FEAT_EXT_ARG),
    SCENARIO("a minimum", min_wait, "1 1 1:0 -62 1", .features = IORING_FEAT_MIN_TIMEOUT),
    SCENARIO("a minimum, deferred", min_wait, "1 1 1:0 -62 1", .flags = DEFERRED,
             .features = IORING_FEAT_MIN_TIMEOUT),
    SCENARIO("a signal", interrupted, "-4 1"),
    SCENARIO("a signal mask", masked, "0 1", .features = IORING_FEAT_EXT_ARG),
    SCENARIO("a full CQ", overflow, "8 1 1:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0 10:0 11:0 12:0 0",
             .entries = 4, .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("a full SQ", full_at_once, "(nil) [4] 1:0 2:0 3:0 4:0", .entries = 4),
    SCENARIO("more than there is", too_many, "0 -22"),
    SCENARIO("another issuer", other_issuer, "[1] 1:0 -17", .flags = IORING_SETUP_SINGLE_ISSUER),
    SCENARIO("a disabled ring", disabled, "[-77] 0[1] 1:0 -77", .flags = IORING_SETUP_R_DISABLED),
    SCENARIO("an eventfd", notified, "0[1]1 1[1]01 1:0 2:3 0"),
    SCENARIO("an eventfd, deferred", notified, "0[1]1 1[1]01 1:0 2:3 0", .flags = DEFERRED,
             .features = IORING_FEAT_REG_REG_RING),
    SCENARIO("two threads", two_threads, " 1:0 2:0"),
    SCENARIO("a polled queue", polled_queue, " 1:0 2:0 3:0[2] 4:0 5:0",
             .flags = IORING_SETUP_SQPOLL, .features = IORING_FEAT_NATIVE_WORKERS),
    SCENARIO("large CQEs", large_cqes, "[1] 0 11 12", .flags = IORING_SETUP_CQE32,
             .opcode = IORING_OP_NOP128),
    SCENARIO("CQEs of both sizes", mixed_cqes, "", .flags = IORING_SETUP_CQE_MIXED, .entries = 4),
    SCENARIO("SQEs of both sizes", mixed_sqes, TWENTY, .flags = IORING_SETUP_SQE_MIXED,
             .entries = 4),
    SCENARIO("large SQEs", large_sqes, "[6] 1:0 2:0 3:0 4:0 5:0 6:0", .flags = IORING_SETUP_SQE128),
    SCENARIO("no index array", large_sqes, "[6] 1:0 2:0 3:0 4:0 5:0 6:0",
             .flags = IORING_SETUP_NO_SQARRAY),
    SCENARIO("left behind", left_behind, "[2]"),
    SCENARIO("a fork", forked, "[1] 0 1:3"),
};

/* A real ring that ends leaves work for the thread that had it, which is no signal. */
static void beside_a_real_ring(void)
{
    struct rota_config config = {.kernel = &rota_kernel_emulated,
                                 .options = ROTA_WAIT_INTERRUPTIBLE};
    struct rota_ring ring, real;
    unsigned interrupted = 0;

    if (rota_init(&ring, 8, &config) < 0)
        bail("no ring");
    for (unsigned i = 0; i < 8; i++) {
        struct __kernel_timespec limit = {.tv_nsec = 30000000};
        struct io_uring_cqe *cqe;

        if (rota_init(&real, 8, NULL) < 0) {
            skip(1, "no real ring");
            break;
        }
        rota_prep_nop(rota_get_sqe(&real));
        (void)rota_submit_and_wait(&real, 1);
        rota_queue_exit(&real);
        interrupted += rota_wait_cqe_timeout(&ring, &cqe, &limit) == -EINTR;
    }
    is_int(interrupted, 0, "the end of a real ring interrupts no wait");
    rota_queue_exit(&ring);
}

int main(void)
{
    PLAY(scenarios);
    beside_a_real_ring();
    return done();
}
