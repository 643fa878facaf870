/* SPDX-License-Identifier: MIT */
/* Cases at the edges of what requests take, each of which some change of one line would break. */
#include "single.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/eventfd.h>

/* In the order of their times, whatever was taken back between them. */
static void order_of_times(struct twin *t)
{
    static const unsigned ranks[] = {8, 3, 6, 1, 7, 2, 9, 5, 4};
    struct __kernel_timespec times[10];
    struct timespec now;

    /* Far enough for a slow machine to be done with the submit. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    for (unsigned i = 0; i < 9; i++) {
        struct __kernel_timespec *time = &times[ranks[i]];

        time->tv_sec = now.tv_sec + 1;
        time->tv_nsec = now.tv_nsec / 2 + ranks[i] * 2000000;
        PREP(t, ranks[i], timeout(q, time, 0, IORING_TIMEOUT_ABS));
    }
    PREP(t, 20, timeout_remove(q, 6, 0));
    PREP(t, 21, timeout_remove(q, 1, 0));
    submit(t);
    for (unsigned i = 0; i < 11; i++) {
        struct io_uring_cqe *cqe;

        if (rota_wait_cqe(&t->ring, &cqe))
            bail("wait");
        if (cqe->res == -ETIME)
            say(t, " %d", (int)cqe->user_data);
        rota_cqe_seen(&t->ring, cqe);
    }
}

static void wrong_times(struct twin *t)
{
    struct __kernel_timespec nsec = {.tv_nsec = -1}, sec = {.tv_sec = -1};

    say(t, "%d", ONE(t, timeout(q, &nsec, 0, 0)));
    say(t, " %d", ONE(t, timeout(q, &sec, 0, 0)));
    say(t, " %d", ONE(t, timeout(q, NULL, 0, 0)));
}

static void counts_in_one_call(struct twin *t)
{
    struct __kernel_timespec minute = {.tv_sec = 60};

    PREP(t, 1, nop(q));
    PREP(t, 2, timeout(q, &minute, 1, 0));
    PREP(t, 3, nop(q));
    submit(t);
    reap_sorted(t, 3);
}

/* A poll that is changed goes on as before, or does not. */
static void poll_changed(struct twin *t)
{
    for (unsigned again = 0; again < 2; again++) {
        struct io_uring_sqe *sqe;
        int p[2];

        make_pipe(p);
        sqe = PREP(t, 1, poll_add(q, p[1], POLLERR));
        sqe->len = again ? IORING_POLL_ADD_MULTI : 0;
        submit(t);
        PREP(t, 2,
             poll_update(q, 1, 0, POLLOUT,
                         IORING_POLL_UPDATE_EVENTS | (again ? 0 : IORING_POLL_ADD_MULTI)));
        submit(t);
        reap_sorted(t, 2);
        close(p[0]);
        if (again)
            reap(t, 1);
        close(p[1]);
        PREP(t, 3, cancel64(q, 1, 0));
        submit(t);
        reap_sorted(t, again ? 2 : 1);
    }
}

static void poll_of_a_regular_file(struct twin *t)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

    PREP(t, 1, poll_multishot(q, fd, POLLIN));
    submit(t);
    reap(t, 1);
    close(fd);
}

/* Where the address of a message goes, though the header was copied. */
static void who_sent_it(struct twin *t)
{
    struct sockaddr_in name = {.sin_family = AF_INET}, from = {0};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    char in[8];
    struct iovec iov = {in, sizeof(in)};
    struct msghdr header = {
        .msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = &iov, .msg_iovlen = 1};

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&name, size) ||
        getsockname(fd, (struct sockaddr *)&name, &size))
        bail("UDP");
    PREP(t, 1, recvmsg(q, fd, &header, 0));
    submit(t);
    PREP(t, 2, sendto(q, fd, "abc", 3, 0, (struct sockaddr *)&name, sizeof(name)));
    submit(t);
    reap_sorted(t, 2);
    say(t, " %d %d", from.sin_port == name.sin_port, (int)header.msg_namelen);
    close(fd);
}

static void wrong_opcode(struct twin *t)
{
    struct io_uring_sqe *sqe = PREP(t, 1, nop(q));

    sqe->opcode = 0xf0;
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    submit(t);
    reap(t, 1);
    /* Behind what links whatever comes, a wrong one ends all. */
    PREP(t, 2, nop(q))->flags |= IOSQE_IO_HARDLINK;
    sqe = PREP(t, 3, nop(q));
    sqe->opcode = 0xf0;
    sqe->flags |= IOSQE_IO_LINK;
    PREP(t, 4, nop(q));
    submit(t);
    reap_sorted(t, 3);
}

/* Whole messages, of which each is one send. */
static void sends_of_packets(struct twin *t)
{
    int p[2];
    char in[8];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, p))
        bail("socketpair");
    say(t, "%d", ONE(t, send(q, p[0], "abc", 3, MSG_WAITALL)));
    say(t, " %d", ONE(t, recv(q, p[1], in, sizeof(in), MSG_DONTWAIT)));
    close(p[1]);
    /* No signal comes of it. */
    say(t, " %d", ONE(t, send(q, p[0], "abc", 3, 0)));
    say(t, " %d", ONE(t, send(q, p[0], "abc", 3, MSG_WAITALL)));
    close(p[0]);
}

/* What is sent in parts, and breaks: as far as it came, and what is linked behind does not begin. */
static void sends_a_part(struct twin *t)
{
    static char much[8 << 20];
    struct io_uring_cqe *cqe;
    int p[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, p))
        bail("socketpair");
    PREP(t, 1, send(q, p[0], much, sizeof(much), MSG_WAITALL))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, nop(q));
    submit(t);
    quiet(t);
    close(p[1]);
    for (unsigned i = 0; i < 2; i++) {
        if (rota_wait_cqe(&t->ring, &cqe))
            bail("wait");
        say(t, " %d:%d", (int)cqe->user_data,
            cqe->res > 0 && cqe->res < (int)sizeof(much) ? 1 : cqe->res);
        rota_cqe_seen(&t->ring, cqe);
    }
    close(p[0]);
}

/* Registered buffers whose memory cannot be. */
static void wrong_buffers(struct twin *t)
{
    static char memory[8192];
    struct iovec last = {(void *)(UINTPTR_MAX - 8191), 8190};
    struct iovec two[2] = {{memory, 64}, {memory, 128}}, change[2] = {{memory, 32}, {NULL, 5}};
    struct io_uring_rsrc_update2 update = {.data = (uintptr_t)change, .nr = 2};

    say(t, "%d", reg(t, IORING_REGISTER_BUFFERS, &last, 1));
    say(t, " %d", reg(t, IORING_REGISTER_BUFFERS, two, 2));
    say(t, " %d", reg(t, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update)));
    update.offset = 1;
    say(t, " %d", reg(t, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update)));
}

static const struct scenario scenarios[] = {
    SCENARIO("the order of times", order_of_times, "[11] 2 3 4 5 7 8 9",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("times that are wrong", wrong_times, "-22 -22 -14", .opcode = IORING_OP_SEND_ZC),
    SCENARIO("counts of one call", counts_in_one_call, "[3] 1:0 2:0 3:0",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("a poll that is changed", poll_changed,
             "[1][1] 1:4 2:0[1] 3:-2[1][1] 1:4+ 2:0 1:12+[1] 1:-125 3:0",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("a poll of a regular file", poll_of_a_regular_file, "[1] 1:1",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("who sent it", who_sent_it, "[1][1] 1:3 2:3 1 16", .opcode = IORING_OP_SEND_ZC),
    SCENARIO("a wrong opcode", wrong_opcode, "[1] 1:-22[3] 2:-125 3:-22 4:-125",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("sends of packets", sends_of_packets, "3 3 -32 -32", .opcode = IORING_OP_SEND_ZC),
    SCENARIO("a part of a send", sends_a_part, "[2] 1:1 2:-125", .opcode = IORING_OP_SEND_ZC),
    SCENARIO("buffers that are wrong", wrong_buffers, "-75 0 1 -22", .opcode = IORING_OP_SEND_ZC),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
