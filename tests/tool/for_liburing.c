/* SPDX-License-Identifier: MIT */
/*
 * A program as it is written for liburing. It is built twice: with the drop-in,
 * and with rota's own names after `rota migrate`; both must pass. This comment
 * and the strings below name io_uring_submit(), and keep it.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define NEXT(ring)        io_uring_get_sqe(ring)
#define EACH(ring, h, cq) io_uring_for_each_cqe(ring, h, cq)

/* A name of its own that only looks like liburing's, and members that are called like functions. */
struct io_uring_user {
    struct io_uring *ring;
    int (*io_uring_submit)(struct io_uring *ring);
    unsigned io_uring_get_events;
};

static int io_uring_user_go(struct io_uring_user *user)
{
    user->io_uring_get_events++;
    return user->io_uring_submit(user->ring);
}

static void test_nops(struct io_uring *ring)
{
    struct io_uring_user user = {.ring = ring, .io_uring_submit = io_uring_submit};
    struct io_uring_cqe *cqe, *cqes[4];
    unsigned head, seen = 0;

    for (unsigned i = 0; i < 3; i++) {
        struct io_uring_sqe *sqe = NEXT(ring);

        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, i);
    }
    is_int(io_uring_sq_ready(ring), 3, "three wait for io_uring_submit()");
    is_int(io_uring_user_go(&user), 3, "and are submitted");
    is_int(user.io_uring_get_events, 1, "by a member that is called like a function");
    EACH(ring, head, cqe)
    {
        seen += io_uring_cqe_get_data64(cqe) == seen;
    }
    is_int(seen, 3, "each is shown in order");
    is_int(io_uring_peek_batch_cqe(ring, cqes, 4), 3, "all at once, too");
    io_uring_cq_advance(ring, seen);
    is_int(io_uring_cq_ready(ring), 0, "and then none");
}

static void test_wait(struct io_uring *ring)
{
    struct __kernel_timespec ts = {.tv_sec = 0, .tv_nsec = 1000000};
    struct io_uring_cqe *cqe;
    int ret;

    io_uring_prep_timeout(NEXT(ring), &ts, 0, 0);
    ret = io_uring_submit_and_wait(ring, 1);
    is_int(ret, 1, "a timeout is submitted");
    ret = io_uring_wait_cqe(ring, &cqe);
    ok(!ret && cqe->res == -ETIME, "and fires");
    io_uring_cqe_seen(ring, cqe);
    is_int(io_uring_peek_cqe(ring, &cqe), -EAGAIN, "then there is none");
}

static void test_socket(struct io_uring *ring)
{
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    char text[16] = "";
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair)) {
        skip(3, "no socket pair: %s", strerror(errno));
        return;
    }
    sqe = io_uring_get_sqe(ring);
    io_uring_prep_send(sqe, pair[0], "io_uring_", 9, 0);
    io_uring_sqe_set_flags(sqe, IOSQE_IO_LINK);
    io_uring_sqe_set_data(sqe, NULL);
    sqe = io_uring_get_sqe(ring);
    io_uring_prep_recv(sqe, pair[1], text, sizeof(text), 0);
    io_uring_sqe_set_data(sqe, text);
    is_int(io_uring_submit_and_wait(ring, 2), 2, "a message goes through a pair of sockets");
    io_uring_wait_cqe(ring, &cqe);
    io_uring_cqe_seen(ring, cqe);
    io_uring_wait_cqe(ring, &cqe);
    ok(io_uring_cqe_get_data(cqe) == text && cqe->res == 9, "and arrives");
    io_uring_cqe_seen(ring, cqe);
    is_str(text,
           "io"
           "_uring_",
           "its text is what it was");
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    struct io_uring_params params;
    struct io_uring ring;
    int ret;

    memset(&params, 0, sizeof(params));
    ret = io_uring_queue_init_params(8, &ring, &params);
    if (ret < 0)
        skip_all("no ring can be made: %s", strerror(-ret));
    ok(ring.ring_fd >= 0 && ring.features == params.features, "a ring");
    test_nops(&ring);
    test_wait(&ring);
    test_socket(&ring);
    io_uring_queue_exit(&ring);
    return done();
}
