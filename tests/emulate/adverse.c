/* SPDX-License-Identifier: MIT */
/* What happens to a ring while requests wait: forks, the end of the process, files that are odd, endless times. */
#include "single.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

/* The status of a child, or -1: it does not end. */
static int status_of(pid_t child)
{
    int status;

    for (unsigned i = 0; i < 3000; i++) {
        const struct timespec moment = {.tv_nsec = 10000000};

        if (waitpid(child, &status, WNOHANG) == child)
            return status;
        nanosleep(&moment, NULL);
    }
    kill(child, SIGKILL);
    waitpid(child, &status, 0);
    return -1;
}

/* The process ends by itself: with all that waits, with and without giving the ring back. */
static void ends_with_requests(struct twin *t)
{
    for (int tidy = 0; tidy < 2; tidy++) {
        pid_t child;

        fflush(stdout);
        child = fork();
        if (!child) {
            const struct rota_config config = {.kernel = t->kernel};
            struct __kernel_timespec hour = {.tv_sec = 3600};
            struct twin own = {.kernel = t->kernel};
            int in[2], out[2];
            char byte;

            make_pipe(in);
            make_pipe(out);
            if (rota_init(&own.ring, 8, &config))
                _exit(1);
            PREP(&own, 1, read(q, out[0], &byte, 1, 0));
            PREP(&own, 2, timeout(q, &hour, 0, 0));
            PREP(&own, 3, poll_multishot(q, out[0], POLLIN));
            /* Out of an empty pipe: a worker waits for that. */
            PREP(&own, 4, splice(q, in[0], -1, out[1], -1, 1, 0));
            if (rota_submit(&own.ring) != 4)
                _exit(2);
            if (tidy)
                rota_queue_exit(&own.ring);
            exit(0);
        }
        say(t, " %d", status_of(child));
    }
}

/* A child that ends, and gives back its copy of the ring, takes nothing from the parent. */
static void forks_with_requests(struct twin *t)
{
    int in[2], out[2], first[2], second[2];
    struct __kernel_timespec soon = {.tv_nsec = 50000000};
    char byte;

    make_pipe(in);
    make_pipe(out);
    make_pipe(first);
    make_pipe(second);
    PREP(t, 1, read(q, first[0], &byte, 1, 0));
    PREP(t, 2, poll_add(q, second[0], POLLIN));
    PREP(t, 3, timeout(q, &soon, 0, 0));
    if (rota_submit(&t->ring) != 3)
        bail("submit");
    PREP(t, 50, splice(q, in[0], -1, out[1], -1, 1, 0));
    if (rota_submit(&t->ring) != 1)
        bail("submit");
    for (int tidy = 0; tidy < 2; tidy++) {
        pid_t child;

        fflush(stdout);
        child = fork();
        if (!child) {
            if (tidy)
                rota_queue_exit(&t->ring);
            exit(0);
        }
        say(t, "%d ", status_of(child));
    }
    reap(t, 1);
    put(second[1], "a");
    reap(t, 1);
    put(first[1], "a");
    reap(t, 1);
    put(in[1], "a");
    reap(t, 1);
    for (unsigned i = 0; i < 2; i++) {
        close(in[i]);
        close(out[i]);
        close(first[i]);
        close(second[i]);
    }
}

static void semaphores(struct twin *t)
{
    int fd = eventfd(2, EFD_SEMAPHORE);
    uint64_t count = 0, more = 1;

    for (unsigned i = 0; i < 2; i++) {
        int32_t res = ONE(t, read(q, fd, &count, sizeof(count), 0));

        say(t, " %d,%d", res, (int)count);
    }
    PREP(t, 3, read(q, fd, &count, sizeof(count), 0));
    submit(t);
    quiet(t);
    if (write(fd, &more, sizeof(more)) != sizeof(more))
        bail("write");
    reap(t, 1);
    say(t, " %d", ONE(t, write(q, fd, &more, sizeof(more), 0)));
    close(fd);
}

static void terminals(struct twin *t)
{
    int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
    char in[8] = "", name[64];

    if (master < 0 || grantpt(master) || unlockpt(master) ||
        ptsname_r(master, name, sizeof(name)) || (slave = open(name, O_RDWR | O_NOCTTY)) < 0) {
        say(t, "[1] 1:3 ab\n");
        return;
    }
    PREP(t, 1, read(q, slave, in, sizeof(in), 0));
    submit(t);
    quiet(t);
    put(master, "ab\n");
    reap(t, 1);
    say(t, " %s", in);
    close(master);
    close(slave);
}

static void endless_times(struct twin *t)
{
    static const int64_t seconds[] = {INT64_MAX, INT64_MAX / 1000000000,
                                      INT64_MAX / 1000000000 + 1};

    for (unsigned i = 0; i < 3; i++) {
        struct __kernel_timespec ts = {.tv_sec = seconds[i], .tv_nsec = 999999999};

        PREP(t, 1, timeout(q, &ts, 0, 0));
        submit(t);
        quiet(t);
        PREP(t, 2, timeout_remove(q, 1, 0));
        submit(t);
        reap_sorted(t, 2);
    }
}

/* Regular files are always ready, and no epoll takes them. */
static void regular_files(struct twin *t)
{
    char name[] = "/tmp/emulate-XXXXXX", in[4];
    int fd = mkstemp(name);

    if (fd < 0)
        bail("mkstemp");
    put(fd, "abc");
    say(t, " %d", ONE(t, poll_add(q, fd, POLLIN)));
    say(t, " %d", ONE(t, poll_add(q, fd, POLLIN | POLLOUT)));
    say(t, " %d", ONE(t, poll_add(q, fd, 0)) != 0);
    say(t, " %d", ONE(t, read(q, fd, in, 4, 0)));
    say(t, " %d", ONE(t, recv(q, fd, in, 4, 0)));
    unlink(name);
    close(fd);
}

/* With DONTWAIT an accept does not wait, whatever the socket is set to. */
static void accepts_at_once(struct twin *t)
{
    for (int flags = 0; flags <= SOCK_NONBLOCK; flags += SOCK_NONBLOCK) {
        int fd = socket(AF_UNIX, SOCK_STREAM | flags, 0);
        struct sockaddr name = {.sa_family = AF_UNIX};
        struct io_uring_sqe *sqe;

        if (fd < 0 || bind(fd, &name, sizeof(sa_family_t)) || listen(fd, 1))
            bail("socket");
        sqe = PREP(t, 1, accept(q, fd, NULL, NULL, 0));
        sqe->ioprio |= IORING_ACCEPT_DONTWAIT;
        submit(t);
        reap(t, 1);
        close(fd);
    }
}

static const struct scenario scenarios[] = {
    SCENARIO("the process ends with requests", ends_with_requests, " 0 0",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("forks with requests", forks_with_requests, "0 0  3:-62 2:1 1:1 50:1",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("eventfds that count down", semaphores, " 8,1 8,1[1] 3:8 8",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("terminals", terminals, "[1] 1:3 ab\n", .opcode = IORING_OP_SEND_ZC),
    SCENARIO("endless times", endless_times, "[1][1] 1:-125 2:0[1][1] 1:-125 2:0[1][1] 1:-125 2:0",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("regular files", regular_files, " 1 5 1 3 -88", .opcode = IORING_OP_SEND_ZC),
    SCENARIO("accepts at once or not at all", accepts_at_once, "[1] 1:-11[1] 1:-11",
             .opcode = IORING_OP_FIXED_FD_INSTALL),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
