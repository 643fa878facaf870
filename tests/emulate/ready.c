/* SPDX-License-Identifier: MIT */
/* Files that become ready: reads and writes, polls, sockets, and that a file's flags stay as they are. */
#include "twin.h"

#include <netinet/in.h>

static void make_pipe(int p[2])
{
    if (pipe(p))
        bail("pipe");
}

static void put(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        bail("write");
}

static void close_both(const int p[2])
{
    close(p[0]);
    close(p[1]);
}

static int listener(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof(*address);

    memset(address, 0, size);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, size) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)address, &size))
        bail("listener");
    return fd;
}

static void two_readers(struct twin *t)
{
    char a[4] = "", b[4] = "";
    int p[2];

    make_pipe(p);
    PREP(t, 1, read(q, p[0], a, 3, 0));
    PREP(t, 1, read(q, p[0], b, 3, 0));
    submit(t);
    quiet(t);
    put(p[1], "abc");
    reap(t, 1);
    put(p[1], "def");
    reap(t, 1);
    say(t, " %s", *a < *b ? a : b);
    say(t, "%s", *a < *b ? b : a);
    close_both(p);
}

static void full_pipe(struct twin *t)
{
    static char page[65536];
    int p[2];

    make_pipe(p);
    put(p[1], "x");
    if (fcntl(p[1], F_SETPIPE_SZ, 4096) < 0 || write(p[1], page, 4095) < 0)
        bail("full pipe");
    PREP(t, 1, write(q, p[1], "y", 1, 0));
    submit(t);
    quiet(t);
    if (read(p[0], page, 4096) != 4096)
        bail("read");
    reap(t, 1);
    close_both(p);
}

static void end_of_file(struct twin *t)
{
    char in[4];
    int p[2];

    make_pipe(p);
    PREP(t, 1, read(q, p[0], in, 3, 0));
    submit(t);
    close(p[1]);
    reap(t, 1);
    close(p[0]);
}

static void nonblocking_file(struct twin *t)
{
    char in[4];
    int p[2];

    make_pipe(p);
    fcntl(p[0], F_SETFL, O_NONBLOCK);
    PREP(t, 1, read(q, p[0], in, 3, 0));
    submit(t);
    put(p[1], "abc");
    reap(t, 1);
    say(t, " %d", fcntl(p[0], F_GETFL) == O_NONBLOCK);
    close_both(p);
}

static void blocking_file_stays(struct twin *t)
{
    char in[4];
    int p[2];

    make_pipe(p);
    PREP(t, 1, read(q, p[0], in, 3, 0));
    submit(t);
    say(t, " %d", fcntl(p[0], F_GETFL));
    put(p[1], "abc");
    reap(t, 1);
    say(t, " %d", fcntl(p[0], F_GETFL));
    close_both(p);
}

static void polls(struct twin *t)
{
    int p[2];

    make_pipe(p);
    PREP(t, 1, poll_add(q, p[1], POLLOUT));
    submit(t);
    reap(t, 1);
    PREP(t, 2, poll_add(q, p[0], POLLIN));
    submit(t);
    quiet(t);
    put(p[1], "abc");
    reap(t, 1);
    PREP(t, 3, poll_add(q, 9999, POLLIN));
    submit(t);
    reap(t, 1);
    close(p[1]);
    PREP(t, 4, poll_add(q, p[0], 0));
    submit(t);
    reap(t, 1);
    close(p[0]);
}

static void polls_again(struct twin *t)
{
    char in[4];
    int p[2];

    make_pipe(p);
    PREP(t, 1, poll_multishot(q, p[0], POLLIN));
    submit(t);
    quiet(t);
    for (unsigned i = 0; i < 3; i++) {
        put(p[1], "abc");
        reap(t, 1);
        quiet(t);
        if (read(p[0], in, 3) != 3)
            bail("read");
    }
    PREP(t, 2, poll_remove(q, 1));
    submit(t);
    reap_sorted(t, 2);
    put(p[1], "abc");
    quiet(t);
    close_both(p);
}

static void poll_removed(struct twin *t)
{
    int p[2];

    make_pipe(p);
    PREP(t, 1, poll_add(q, p[0], POLLIN));
    PREP(t, 2, poll_remove(q, 1));
    PREP(t, 3, poll_remove(q, 1));
    submit(t);
    reap_sorted(t, 3);
    close_both(p);
}

static void poll_updated(struct twin *t)
{
    int p[2];

    make_pipe(p);
    PREP(t, 1, poll_add(q, p[1], POLLPRI));
    submit(t);
    quiet(t);
    PREP(t, 2, poll_update(q, 1, 5, 0, IORING_POLL_UPDATE_USER_DATA));
    submit(t);
    reap(t, 1);
    PREP(t, 3, poll_update(q, 5, 0, POLLOUT, IORING_POLL_UPDATE_EVENTS));
    submit(t);
    reap_sorted(t, 2);
    close_both(p);
}

static void accepts(struct twin *t)
{
    struct sockaddr_in address;
    int listening = listener(&address), client = socket(AF_INET, SOCK_STREAM, 0);
    struct io_uring_cqe *cqe;

    PREP(t, 1, accept(q, listening, NULL, NULL, 0));
    submit(t);
    quiet(t);
    if (connect(client, (struct sockaddr *)&address, sizeof(address)))
        bail("connect");
    say(t, " %d", rota_wait_cqe(&t->ring, &cqe));
    say(t, " %d", cqe->res > 2);
    close(cqe->res);
    rota_cqe_seen(&t->ring, cqe);
    close(client);
    close(listening);
}

static void accepts_again(struct twin *t)
{
    struct sockaddr_in address;
    int listening = listener(&address);
    struct io_uring_cqe *cqe;

    PREP(t, 1, multishot_accept(q, listening, NULL, NULL, 0));
    submit(t);
    for (unsigned i = 0; i < 3; i++) {
        int client = socket(AF_INET, SOCK_STREAM, 0);

        if (connect(client, (struct sockaddr *)&address, sizeof(address)))
            bail("connect");
        say(t, " %d", rota_wait_cqe(&t->ring, &cqe));
        say(t, " %d%d", cqe->res > 2, (cqe->flags & IORING_CQE_F_MORE) != 0);
        close(cqe->res);
        rota_cqe_seen(&t->ring, cqe);
        close(client);
    }
    PREP(t, 2, cancel64(q, 1, 0));
    submit(t);
    reap_sorted(t, 2);
    close(listening);
}

/* Into slots, until there is none; the first has the number 0. */
static void accepts_into_slots(struct twin *t)
{
    struct sockaddr_in address;
    int fd = listener(&address), peers[3];

    if (rota_register_files_sparse(&t->ring, 2))
        bail("no slots");
    PREP(t, 1, multishot_accept_direct(q, fd, NULL, NULL, 0));
    submit(t);
    for (unsigned i = 0; i < 3; i++) {
        peers[i] = socket(AF_INET, SOCK_STREAM, 0);
        if (peers[i] < 0 || connect(peers[i], (struct sockaddr *)&address, sizeof(address)))
            bail("connect");
        reap(t, 1);
    }
    for (unsigned i = 0; i < 3; i++)
        close(peers[i]);
    close(fd);
}

static void connects(struct twin *t)
{
    struct sockaddr_in address;
    int listening = listener(&address), client = socket(AF_INET, SOCK_STREAM, 0);
    int refused = socket(AF_INET, SOCK_STREAM, 0);

    PREP(t, 1, connect(q, client, (struct sockaddr *)&address, sizeof(address)));
    submit(t);
    reap(t, 1);
    close(listening);
    PREP(t, 2, connect(q, refused, (struct sockaddr *)&address, sizeof(address)));
    submit(t);
    reap(t, 1);
    close(client);
    close(refused);
}

static void receives(struct twin *t)
{
    char in[8] = "";
    int s[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        bail("socketpair");
    PREP(t, 1, recv(q, s[0], in, 7, 0));
    submit(t);
    put(s[1], "abc");
    reap(t, 1);
    PREP(t, 2, recv(q, s[0], in, 7, MSG_DONTWAIT));
    submit(t);
    reap(t, 1);
    PREP(t, 3, recv(q, s[0], in, 6, MSG_WAITALL));
    submit(t);
    put(s[1], "abc");
    quiet(t);
    put(s[1], "def");
    reap(t, 1);
    say(t, " %s", in);
    PREP(t, 4, recv(q, s[0], in, 6, MSG_WAITALL))->flags |= IOSQE_IO_LINK;
    PREP(t, 5, nop(q));
    submit(t);
    put(s[1], "abc");
    close(s[1]);
    reap_sorted(t, 2);
    close(s[0]);
}

/* MSG_WAITALL goes on in the middle of a piece: what follows the message is left alone. */
static void whole_messages(struct twin *t)
{
    static char in[16], out[100000], back[100000];
    struct iovec parts[2] = {{in, 4}, {in + 4, 6}},
                 halves[2] = {{out, 50001}, {out + 50001, 49999}};
    struct msghdr header = {.msg_iov = parts, .msg_iovlen = 2};
    struct io_uring_cqe *cqe;
    size_t length = 0;
    int s[2], room = 4096;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        bail("socketpair");
    memset(in, 0, sizeof(in));
    PREP(t, 1, recvmsg(q, s[0], &header, MSG_WAITALL));
    submit(t);
    put(s[1], "abcdef");
    quiet(t);
    put(s[1], "ghijklm");
    reap(t, 1);
    say(t, " %s", in);
    say(t, " %d", (int)recv(s[0], in, 4, 0));

    for (size_t i = 0; i < sizeof(out); i++)
        out[i] = (char)(i * 7 / 3);
    setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    header.msg_iov = halves;
    PREP(t, 2, sendmsg(q, s[1], &header, MSG_WAITALL));
    submit(t);
    /* Until it is there, in pieces of a size that no vector has. */
    while (length < sizeof(back)) {
        ssize_t got = recv(s[0], back + length, 777, MSG_DONTWAIT);

        if (got > 0)
            length += (size_t)got;
        else if (rota_peek_cqe(&t->ring, &cqe) == 0 && cqe->res != (int)sizeof(out))
            break;
    }
    reap(t, 1);
    say(t, " %d", !memcmp(out, back, sizeof(out)));
    say(t, " %d", (int)recv(s[0], in, 1, MSG_DONTWAIT));
    close_both(s);
}

/* A message that is shorter is whole all the same, where messages have bounds. */
static void whole_datagram(struct twin *t)
{
    char in[16] = "";
    int s[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s))
        bail("socketpair");
    PREP(t, 1, recv(q, s[0], in, sizeof(in), MSG_WAITALL));
    submit(t);
    put(s[1], "abc");
    reap(t, 1);
    say(t, " %s", in);
    close_both(s);
}

static void messages(struct twin *t)
{
    char name[16] = "", in[8] = "";
    struct iovec iov[2] = {{in, 2}, {in + 2, 4}};
    struct msghdr header = {.msg_iov = iov, .msg_iovlen = 2, .msg_name = name, .msg_namelen = 16};
    int s[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s))
        bail("socketpair");
    PREP(t, 1, recvmsg(q, s[0], &header, 0));
    submit(t);
    iov[0].iov_base = NULL; /* stable: it was taken */
    put(s[1], "abcdefgh");
    reap(t, 1);
    say(t, " %s %d %u", in, header.msg_flags == MSG_TRUNC, header.msg_namelen);
    close_both(s);
}

static void polls_first(struct twin *t)
{
    char in[8] = "";
    int s[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        bail("socketpair");
    put(s[1], "abc");
    PREP(t, 1, recv(q, s[0], in, 7, 0))->ioprio |= IORING_RECVSEND_POLL_FIRST;
    submit(t);
    reap(t, 1);
    close_both(s);
}

/* The descriptor of the ring itself tells. */
static void descriptor(struct twin *t)
{
    struct pollfd ring = {.fd = t->ring.ring_fd, .events = POLLIN};
    char in[4];
    int p[2], n;

    make_pipe(p);
    say(t, "%d", poll(&ring, 1, 0));
    PREP(t, 1, nop(q));
    submit(t);
    say(t, "%d", poll(&ring, 1, 1000));
    reap(t, 1);
    n = poll(&ring, 1, 0);
    if (n && t->kernel) {
        struct io_uring_cqe *cqe;

        /* Once for nothing, as documented. */
        rota_peek_cqe(&t->ring, &cqe);
        rota_peek_cqe(&t->ring, &cqe);
        n = poll(&ring, 1, 0);
    }
    say(t, " %d", n);
    PREP(t, 2, read(q, p[0], in, 3, 0));
    submit(t);
    say(t, "%d", poll(&ring, 1, 0));
    put(p[1], "abc");
    say(t, "%d", poll(&ring, 1, 1000));
    reap(t, 1);
    close_both(p);
}

static const struct scenario scenarios[] = {
    SCENARIO("two readers of one pipe", two_readers, "[2] 1:3 1:3 abcdef"),
    SCENARIO("a full pipe", full_pipe, "[1] 1:1"),
    SCENARIO("end of file", end_of_file, "[1] 1:0"),
    SCENARIO("a file that does not block waits too", nonblocking_file, "[1] 1:3 1",
             .opcode = IORING_OP_WAITID),
    SCENARIO("a file that blocks stays so", blocking_file_stays, "[1] 0 1:3 0"),
    SCENARIO("polls", polls, "[1] 1:4[1] 2:1[1] 3:-9[1] 4:16"),
    SCENARIO("polls again and again", polls_again, "[1] 1:1+ 1:1+ 1:1+[1] 1:-125 2:0",
             .features = IORING_FEAT_RSRC_TAGS),
    SCENARIO("a poll removed", poll_removed, "[3] 1:-125 2:0 3:-2"),
    SCENARIO("a poll updated", poll_updated, "[1][1] 2:0[1] 3:0 5:4",
             .features = IORING_FEAT_RSRC_TAGS),
    SCENARIO("accepts", accepts, "[1] 0 1"),
    SCENARIO("accepts again and again", accepts_again, "[1] 0 11 0 11 0 11[1] 1:-125 2:0",
             .opcode = IORING_OP_SOCKET),
    SCENARIO("accepts into slots", accepts_into_slots, "[1] 1:0+ 1:1+ 1:-23",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("connects", connects, "[1] 1:0[1] 2:-111"),
    SCENARIO("receives", receives, "[1] 1:3[1] 2:-11[1] 3:6 abcdef[2] 4:3 5:-125",
             .opcode = IORING_OP_SOCKET),
    SCENARIO("a whole datagram", whole_datagram, "[1] 1:3 abc"),
    SCENARIO("whole messages", whole_messages, "[1] 1:10 abcdefghij 3[1] 2:100000 1 -1",
             .opcode = IORING_OP_SOCKET),
    SCENARIO("messages", messages, "[1] 1:6 abcdef 1 0", .features = IORING_FEAT_SUBMIT_STABLE),
    SCENARIO("polls first", polls_first, "[1] 1:3", .opcode = IORING_OP_SOCKET),
    SCENARIO("the descriptor tells", descriptor, "0[1]1 1:0 0[1]01 2:3"),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
