/* SPDX-License-Identifier: MIT */
/*
 * Requests that come again and again on one descriptor: the emulated kernel then asks epoll no more,
 * and what is under the number must be noticed all the same.
 */
#include "twin.h"

#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define ROUNDS 80

static unsigned controls;

/* Counts: it stands before libc's. */
int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    __atomic_add_fetch(&controls, 1, __ATOMIC_RELAXED);
    return (int)syscall(SYS_epoll_ctl, epoll, operation, fd, event);
}

static void tcp_pair(int p[2])
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof(name);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    p[1] = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&name, size) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&name, &size) ||
        connect(p[1], (struct sockaddr *)&name, size) || (p[0] = accept(listener, NULL, NULL)) < 0)
        bail("TCP");
    close(listener);
}

static void put(int fd, const char *text)
{
    if (send(fd, text, strlen(text), 0) != (ssize_t)strlen(text))
        bail("send");
}

static void close_both(const int p[2])
{
    close(p[0]);
    close(p[1]);
}

/* Until somebody knows the descriptor well. How many times epoll was told of it in the second half. */
static unsigned rounds(struct twin *t, const int p[2])
{
    unsigned before = 0;
    char in[8];

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct io_uring_cqe *cqe;

        if (i == ROUNDS / 2)
            before = controls;
        PREP(t, 99, recv(q, p[0], in, sizeof(in), 0));
        if (rota_submit(&t->ring) != 1)
            bail("submit");
        put(p[1], "abc");
        if (rota_wait_cqe(&t->ring, &cqe) || cqe->res != 3)
            bail("receive");
        rota_cqe_seen(&t->ring, cqe);
    }
    return controls - before;
}

static void costs_no_call(struct twin *t)
{
    int p[2];

    tcp_pair(p);
    say(t, "%s", rounds(t, p) < ROUNDS / 3 ? "few" : "many");
    close_both(p);
}

/* p[0] is the end of another connection from now on, whose far end is `other`. */
static void replace(const int p[2], int *other)
{
    int pair[2];

    tcp_pair(pair);
    if (dup2(pair[0], p[0]) < 0)
        bail("dup2");
    close(pair[0]);
    *other = pair[1];
}

/* What takes the number's place, and is ready before or after somebody waits for it. */
static void another_file(struct twin *t)
{
    for (int early = 0; early < 2; early++) {
        int p[2], other;
        char in[8];

        tcp_pair(p);
        rounds(t, p);
        replace(p, &other);
        if (early)
            put(other, "abcd");
        PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
        submit(t);
        if (!early)
            put(other, "abcd");
        reap(t, 1);
        close_both(p);
        close(other);
    }
}

/* Who sleeps on the ring's descriptor, and not in a call on it. */
static void another_file_polled(struct twin *t)
{
    struct pollfd ring = {.fd = t->ring.ring_fd, .events = POLLIN};
    int p[2], other;
    char in[8];

    tcp_pair(p);
    rounds(t, p);
    replace(p, &other);
    PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
    submit(t);
    put(other, "abcd");
    for (unsigned i = 0; i < 100; i++) {
        struct io_uring_cqe *cqe;

        if (poll(&ring, 1, 30000) != 1 || !rota_peek_cqe(&t->ring, &cqe))
            break;
    }
    reap(t, 1);
    close_both(p);
    close(other);
}

static void another_kind(struct twin *t)
{
    int p[2], other[2];
    char in[8];

    tcp_pair(p);
    rounds(t, p);
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, other) || dup2(other[0], p[0]) < 0)
        bail("socketpair");
    close(other[0]);
    put(other[1], "a");
    put(other[1], "bc");
    for (unsigned i = 1; i < 3; i++) {
        PREP(t, i, recv(q, p[0], in, sizeof(in), 0));
        submit(t);
        reap(t, 1);
    }
    close_both(p);
    close(other[1]);
}

/* One that is read at once, and one in memory, which takes a worker and finds no epoll on the way. */
static void file_that_cannot_wait(struct twin *t)
{
    const int files[2] = {open("/proc/self/exe", O_RDONLY | O_CLOEXEC),
                          memfd_create("edges", MFD_CLOEXEC)};
    char in[8];

    if (files[0] < 0 || files[1] < 0 || write(files[1], "abcdefgh", 8) != 8)
        bail("file");
    for (unsigned i = 0; i < 2; i++) {
        int p[2];

        tcp_pair(p);
        rounds(t, p);
        if (dup2(files[i], p[0]) < 0 || lseek(p[0], 0, SEEK_SET))
            bail("dup2");
        PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
        PREP(t, 2, read(q, p[0], in, sizeof(in), 0));
        submit(t);
        reap_sorted(t, 2);
        close_both(p);
        close(files[i]);
    }
}

/* The end comes with the data, and is told once. */
static void ends(struct twin *t)
{
    for (int reset = 0; reset < 2; reset++) {
        const struct linger at_once = {.l_onoff = 1};
        char in[8];
        int p[2];

        tcp_pair(p);
        rounds(t, p);
        put(p[1], "abc");
        if (!reset)
            shutdown(p[1], SHUT_WR);
        PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
        submit(t);
        reap(t, 1);
        if (reset) {
            setsockopt(p[1], SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
            close(p[1]);
        }
        PREP(t, 2, recv(q, p[0], in, sizeof(in), 0));
        submit(t);
        reap(t, 1);
        close(p[0]);
        if (!reset)
            close(p[1]);
    }
}

/* What is only looked at is still there. */
static void looks(struct twin *t)
{
    char in[8];
    int p[2];

    tcp_pair(p);
    rounds(t, p);
    put(p[1], "abc");
    PREP(t, 1, recv(q, p[0], in, sizeof(in), MSG_PEEK));
    submit(t);
    reap(t, 1);
    PREP(t, 2, recv(q, p[0], in, 2, 0));
    submit(t);
    reap(t, 1);
    PREP(t, 3, recv(q, p[0], in, sizeof(in), MSG_DONTWAIT));
    submit(t);
    reap(t, 1);
    PREP(t, 4, recv(q, p[0], in, sizeof(in), MSG_DONTWAIT));
    submit(t);
    reap(t, 1);
    close_both(p);
}

/* Both directions, a poll and a multishot beside what comes again and again. */
static void others_beside(struct twin *t)
{
    static char much[4 << 20];
    char in[8];
    int p[2];
    int small = 65536; /* lest all of it goes into the queues of the sockets */
    size_t got = 0;

    tcp_pair(p);
    setsockopt(p[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    setsockopt(p[1], SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    rounds(t, p);
    PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
    PREP(t, 2, poll_add(q, p[0], POLLIN));
    submit(t);
    put(p[1], "abc");
    reap_sorted(t, 2);
    PREP(t, 3, send(q, p[0], much, sizeof(much), MSG_WAITALL));
    PREP(t, 4, recv(q, p[0], in, sizeof(in), 0));
    submit(t);
    put(p[1], "abc");
    reap(t, 1);
    PREP(t, 5, recv(q, p[0], in, sizeof(in), 0));
    submit(t);
    while (got < sizeof(much)) {
        static char sink[1 << 16];
        ssize_t part = recv(p[1], sink, sizeof(sink), MSG_DONTWAIT);

        if (part > 0)
            got += (size_t)part;
        if (part < 0 && rota_submit_and_wait_timeout(
                            &t->ring, &(struct io_uring_cqe *){NULL}, 1,
                            &(struct __kernel_timespec){.tv_nsec = 1000000}, NULL) == -EINVAL)
            break;
    }
    reap(t, 1);
    put(p[1], "abcd");
    reap(t, 1);
    close_both(p);
}

/* Nobody waits: that is told to nobody, or once. */
static void nobody_waits(struct twin *t)
{
    struct pollfd ring = {.fd = t->ring.ring_fd, .events = POLLIN};
    struct io_uring_cqe *cqe;
    unsigned told = 0;
    char in[16];
    int p[2];

    tcp_pair(p);
    rounds(t, p);
    for (unsigned i = 0; i < 20; i++) {
        int waiting = 0;

        if (i < 5)
            put(p[1], "a");
        while (i < 5 && waiting < (int)i + 1)
            ioctl(p[0], FIONREAD, &waiting);
        told += poll(&ring, 1, 0) == 1;
        if (rota_peek_cqe(&t->ring, &cqe) != -EAGAIN)
            say(t, " something");
    }
    say(t, "%s", told < 3 ? "quiet" : "loud");
    PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
    submit(t);
    reap(t, 1);
    close_both(p);
}

static void eventfd_is_not_told(struct twin *t)
{
    int p[2], event = eventfd(0, EFD_NONBLOCK), waiting = 0;
    struct pollfd told = {.fd = event, .events = POLLIN};
    uint64_t count;
    char in[8];

    tcp_pair(p);
    if (event < 0 || rota_register_eventfd(&t->ring, event))
        bail("eventfd");
    rounds(t, p);
    /* The kernel may tell of the last round late. */
    while (poll(&told, 1, 100) == 1)
        (void)!read(event, &count, sizeof(count));
    put(p[1], "abc");
    while (waiting < 3)
        ioctl(p[0], FIONREAD, &waiting);
    quiet(t);
    say(t, "%d", (int)read(event, &count, sizeof(count)));
    PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
    submit(t);
    reap(t, 1);
    rota_unregister_eventfd(&t->ring);
    close(event);
    close_both(p);
}

static void cancelled(struct twin *t)
{
    char in[8];
    int p[2];

    tcp_pair(p);
    rounds(t, p);
    for (uint64_t i = 0; i < 10; i++) {
        PREP(t, 1, recv(q, p[0], in, sizeof(in), 0));
        submit(t);
        PREP(t, 2, cancel64(q, 1, 0));
        submit(t);
        reap_sorted(t, 2);
    }
    PREP(t, 3, recv(q, p[0], in, sizeof(in), 0));
    submit(t);
    put(p[1], "abc");
    reap(t, 1);
    close_both(p);
}

#define CANCELLED "[1][1] 1:-125 2:0"

static const struct scenario scenarios[] = {
    SCENARIO("a wait costs no call to epoll", costs_no_call, "few"),
    SCENARIO("another file under the number", another_file, "[1] 1:4[1] 1:4"),
    SCENARIO("another file, and nobody in a call", another_file_polled, "[1] 1:4"),
    SCENARIO("another kind of socket under the number", another_kind, "[1] 1:1[1] 2:2"),
    SCENARIO("a file that cannot be waited for", file_that_cannot_wait,
             "[2] 1:-88 2:8[2] 1:-88 2:8", .features = IORING_FEAT_RSRC_TAGS),
    SCENARIO("the end that comes with the data", ends, "[1] 1:3[1] 2:0[1] 1:3[1] 2:-104"),
    SCENARIO("what is looked at stays", looks, "[1] 1:3[1] 2:2[1] 3:1[1] 4:-11"),
    SCENARIO("others beside it", others_beside, "[2] 1:3 2:1[2] 4:3[1] 3:4194304 5:4",
             .opcode = IORING_OP_SOCKET),
    SCENARIO("nobody waits", nobody_waits, "quiet[1] 1:5"),
    SCENARIO("nobody waits, and peeks look at the flag", nobody_waits, "quiet[1] 1:5",
             .flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG),
    SCENARIO("an eventfd of one thread is not told either", eventfd_is_not_told, "-1[1] 1:3",
             .flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN),
    SCENARIO("an eventfd is not told of what nobody waits for", eventfd_is_not_told, "-1[1] 1:3"),
    SCENARIO("cancelled", cancelled,
             CANCELLED CANCELLED CANCELLED CANCELLED CANCELLED CANCELLED CANCELLED CANCELLED
                 CANCELLED CANCELLED "[1] 3:3"),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
