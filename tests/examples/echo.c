/* SPDX-License-Identifier: MIT */
/*
 * A TCP server that sends back what it gets.
 *
 *     echo [--port N] [--limit CONNECTIONS]
 *
 * Three requests do the work. One multishot accept brings all connections; one
 * multishot receive for each brings its data, in buffers that the kernel picks
 * when data arrives, so that idle connections hold none; and a send gives a
 * buffer back as soon as it is through. Large pieces go without a copy: the
 * handle then has two ends, the result and the release of the buffer. At the
 * limit the server stops accepting, and the system keeps the rest waiting.
 * SIGTERM and SIGINT end it: nothing more is received, what was received is
 * sent, and who does not read it within five seconds is cut off.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <getopt.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <rota.h>
#include <rota/call.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define GROUP       1
#define BUFFERS     512
#define BUFFER_SIZE 16384
#define WORTH_ZC    8192 /* bytes from which pinning pages costs less than copying them */
#define GRACE       5    /* seconds */

struct connection {
    struct connection *next, *previous;
    struct rota_op receiving, sending;
    int fd;
    int first, last; /* received pieces, by buffer; -1: none */
    bool ended;      /* nothing more will be received */
    bool hungry;     /* all buffers were taken: receive again when one is back */
    bool broken;     /* nothing more can be sent */
    bool zero_copy;  /* how the present send was started */
};

/* What was received into a buffer, and the buffer that holds the next piece. */
static struct {
    unsigned size, done;
    int next;
} pieces[BUFFERS];

static struct rota_ring ring;
static struct rota_buffers buffers;
static struct connection *connections;
static unsigned count, limit = 1000;
static int listener;
static struct rota_op accepting, signals, grace;
static struct signalfd_siginfo signal_info;
static const struct __kernel_timespec patience = {.tv_sec = GRACE};
static bool stopping, hurry, no_zc;

static void check(int ret, const char *what)
{
    if (ret >= 0)
        return;
    fprintf(stderr, "echo: %s: %s\n", what, strerror(-ret));
    exit(1);
}

static void accept_more(void)
{
    if (!stopping && count < limit && !rota_op_active(&accepting))
        check(rota_start_multishot_accept(&ring, &accepting, listener, NULL, NULL, SOCK_CLOEXEC),
              "accept");
}

static void receive(struct connection *c)
{
    c->hungry = false;
    if (stopping || rota_start_recv_multishot_select(&ring, &c->receiving, c->fd, 0, GROUP) < 0)
        c->ended = true;
}

/* A buffer is free again: connections that ran out of them go on. */
static void give(int id)
{
    rota_buffers_give(&buffers, (unsigned)id);
    for (struct connection *c = connections; c; c = c->next) {
        if (c->hungry)
            receive(c);
    }
}

/* Sends what is left of the first piece, or ends the connection when all is through. */
static void go_on(struct connection *c)
{
    int ret = 0;

    if (rota_op_active(&c->sending))
        return;
    while (c->broken && c->first >= 0) {
        int id = c->first;

        c->first = pieces[id].next;
        give(id);
    }
    if (c->first >= 0) {
        unsigned left = pieces[c->first].size - pieces[c->first].done;
        char *data =
            (char *)rota_buffers_data(&buffers, (unsigned)c->first) + pieces[c->first].done;

        c->zero_copy = left >= WORTH_ZC && !no_zc;
        if (c->zero_copy)
            ret = rota_start_send_zc(&ring, &c->sending, c->fd, data, left, MSG_NOSIGNAL, 0);
        else
            ret = rota_start_send(&ring, &c->sending, c->fd, data, left, MSG_NOSIGNAL);
        check(ret, "send");
        return;
    }
    if (!c->ended || rota_op_active(&c->receiving))
        return;
    if (c->fd >= 0)
        close(c->fd);
    if (c->previous)
        c->previous->next = c->next;
    else
        connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    free(c);
    count--;
    accept_more();
    if (stopping && !count)
        rota_op_request_cancel(&ring, &grace);
}

static void sent(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c = op->data;
    int id = c->first;

    (void)r;
    if (rota_op_active(op))
        return; /* the kernel still reads the buffer; the result stays in the handle */
    if (c->zero_copy && (op->res == -EOPNOTSUPP || op->res == -EINVAL)) {
        no_zc = true; /* a kernel without zero copy: once more, copying */
    } else if (op->res < 0) {
        c->broken = true;
    } else {
        pieces[id].done += (unsigned)op->res;
        if (pieces[id].done == pieces[id].size) {
            c->first = pieces[id].next;
            give(id);
        }
    }
    if (c->broken && rota_op_active(&c->receiving))
        rota_op_request_cancel(&ring, &c->receiving);
    go_on(c);
}

static void received(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c = op->data;
    struct io_uring_cqe cqe = {.res = op->res, .flags = op->flags};
    struct rota_piece piece;

    (void)r;
    if (rota_buffers_take(&buffers, &cqe, &piece) == 1) {
        pieces[piece.id].size = piece.size;
        pieces[piece.id].done = 0;
        pieces[piece.id].next = -1;
        if (c->first < 0)
            c->first = piece.id;
        else
            pieces[c->last].next = piece.id;
        c->last = piece.id;
    }
    if (!rota_op_active(op)) {
        if (op->res == -ENOBUFS)
            c->hungry = true;
        else if (op->res > 0)
            receive(c); /* the kernel ended the stream for reasons of its own */
        else
            c->ended = true;
        if (c->hungry && buffers.with_kernel)
            receive(c); /* one came back meanwhile */
    }
    go_on(c);
}

static void accepted(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c;

    (void)r;
    if (op->res >= 0) {
        c = calloc(1, sizeof(*c));
        if (!c) {
            close(op->res);
            return;
        }
        c->fd = op->res;
        c->first = c->last = -1;
        c->receiving.data = c->sending.data = c;
        rota_op_on_result(&c->receiving, received);
        rota_op_on_result(&c->sending, sent);
        c->next = connections;
        if (connections)
            connections->previous = c;
        connections = c;
        if (++count == limit)
            rota_op_request_cancel(&ring, &accepting);
        receive(c);
        if (c->ended)
            go_on(c);
    } else if (op->res != -ECANCELED) {
        fprintf(stderr, "echo: accept: %s\n", strerror(-op->res));
    }
    accept_more();
}

static void out_of_patience(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    hurry = op->res == -ETIME; /* and not cancelled, because all have gone */
}

static void signalled(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c = connections, *next;

    (void)op;
    stopping = true;
    rota_op_request_cancel(r, &accepting);
    for (; c; c = next) {
        next = c->next;
        c->ended = c->ended || c->hungry;
        c->hungry = false;
        rota_op_request_cancel(r, &c->receiving);
        go_on(c); /* one that was idle in between is closed here */
    }
    if (count)
        check(rota_start_timeout(r, &grace, &patience, 0, 0), "timeout");
}

/*
 * Resets what is left. Data that a peer does not read stays in the kernel, and
 * the buffers of zero-copy sends with it: only the end of the connection frees
 * them, no cancelling does.
 */
static void cut_off(void)
{
    const struct linger none = {.l_onoff = 1};

    for (struct connection *c = connections; c; c = c->next) {
        setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &none, sizeof(none));
        close(c->fd);
        c->fd = -1;
        c->broken = true;
    }
}

/* A socket that listens on a port of every address of this machine; prints which. */
static int listen_on(unsigned port)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    socklen_t size = sizeof(name);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int yes = 1;

    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
        bind(fd, (struct sockaddr *)&name, size) || listen(fd, SOMAXCONN) ||
        getsockname(fd, (struct sockaddr *)&name, &size))
        check(-errno, "listen");
    printf("listening on %d\n", ntohs(name.sin6_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                            {"limit", required_argument, NULL, 'l'},
                                            {NULL, 0, NULL, 0}};
    struct rota_buffers_config memory = {.count = BUFFERS, .size = BUFFER_SIZE, .group = GROUP};
    struct rota_config config;
    unsigned port = 7007;
    sigset_t mask;
    int option, fd;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?')
            return 2;
        *(option == 'p' ? &port : &limit) = (unsigned)strtoul(optarg, NULL, 10);
    }
    if (optind != argc || port > 65535 || !limit) {
        fprintf(stderr, "usage: echo [--port N] [--limit CONNECTIONS]\n");
        return 2;
    }
    sigemptyset(&mask);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGTERM);
    sigprocmask(SIG_BLOCK, &mask, NULL);
    fd = signalfd(-1, &mask, SFD_CLOEXEC);
    if (fd < 0)
        check(-errno, "signalfd");

    rota_config_single_owner(&config);
    config.cq_entries = 4096; /* many connections may have something to say at once */
    check(rota_init(&ring, 256, &config), "io_uring");
    check(rota_buffers_init(&ring, &buffers, &memory), "buffers");
    listener = listen_on(port);
    rota_op_on_result(&accepting, accepted);
    rota_op_on_result(&signals, signalled);
    rota_op_on_result(&grace, out_of_patience);
    accept_more();
    check(rota_start_read(&ring, &signals, fd, &signal_info, sizeof(signal_info), 0), "signals");

    while (rota_in_flight(&ring)) {
        int ret = rota_run_once(&ring);

        if (ret != -EINTR)
            check(ret, "wait");
        if (hurry) {
            hurry = false;
            cut_off();
            check(rota_cancel_all(&ring), "shutdown");
        }
    }
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
    close(listener);
    close(fd);
    return 0;
}
