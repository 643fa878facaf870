/* SPDX-License-Identifier: MIT */
/* A loop of the program's own, as the guide has it: it sleeps in epoll, and misses nothing. */
#include <rota.h>
#include <rota/call.h>

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

#define GROUP 3
#define TURNS 300

/* Sends a number to the other end, until the number has been round often enough. */
struct end {
    struct rota_op op, sending;
    struct rota_buffers *buffers;
    int fd;
    unsigned number, wrong;
};

static unsigned turns;

static void received(struct rota_ring *ring, struct rota_op *op)
{
    struct end *end = op->data;
    struct rota_piece piece;
    int taken = rota_buffers_take_result(end->buffers, op->res, op->flags, &piece);

    if (taken == 1 && piece.size == sizeof(end->number)) {
        memcpy(&end->number, piece.data, sizeof(end->number));
        end->wrong += end->number != turns++;
        end->number = turns;
        if (turns < TURNS)
            rota_start_send(ring, &end->sending, end->fd, &end->number, sizeof(end->number), 0);
        rota_buffers_give(end->buffers, piece.id);
    } else {
        end->wrong += op->res != -ECANCELED;
    }
}

static void make_end(struct rota_ring *ring, struct end *end, struct rota_buffers *buffers, int fd)
{
    memset(end, 0, sizeof(*end));
    end->buffers = buffers;
    end->fd = fd;
    end->op.data = end->sending.data = end;
    rota_op_on_result(&end->op, received);
    is_int(rota_start_recv_multishot_select(ring, &end->op, fd, 0, GROUP), 0, "an end listens");
}

static void play(const struct rota_config *kind, const char *name)
{
    struct rota_buffers_config config = {.count = 4, .size = 64, .group = GROUP};
    struct epoll_event event = {.events = EPOLLIN};
    struct rota_buffers buffers;
    struct rota_piece piece;
    struct rota_ring ring;
    struct end ends[2];
    int fds[2], epoll = epoll_create1(EPOLL_CLOEXEC), ret = 0;
    unsigned first = 0;

    if (rota_init(&ring, 16, kind) < 0)
        skip_all("this system gives no ring");
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, ring.ring_fd, &event) < 0 ||
        socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        bail("epoll or socketpair: %s", strerror(errno));
    if (rota_buffers_init(&ring, &buffers, &config) < 0) {
        skip(1, "%s: the kernel has no buffer rings (5.19)", name);
    } else {
        is_int(rota_buffers_take_result(&buffers, 5, 0, &piece), 0, "a result without buffer");
        is_int(rota_buffers_take_result(&buffers, 5, IORING_CQE_F_BUFFER | 4U << 16, &piece),
               -EINVAL, "a buffer that there is not");
        make_end(&ring, &ends[0], &buffers, fds[0]);
        make_end(&ring, &ends[1], &buffers, fds[1]);
        if (write(fds[0], &first, sizeof(first)) != sizeof(first))
            bail("write: %s", strerror(errno));
        turns = 0;
        alarm(20);
        while (turns < TURNS && ret >= 0) {
            ret = rota_poll(&ring);
            if (ret == 0)
                (void)epoll_wait(epoll, &event, 1, -1);
        }
        alarm(0);
        is_int(turns, TURNS, "%s: a number goes round", name);
        is_int(ends[0].wrong + ends[1].wrong, 0, "counting");
        is_int(rota_cancel_all(&ring), 0, "and stops");
    }
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
    close(epoll);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    struct rota_config config;

    play(NULL, "default");
    rota_config_plain(&config);
    play(&config, "plain");
    rota_config_sqpoll(&config);
    play(&config, "SQPOLL");
    return done();
}
