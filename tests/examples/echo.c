/* SPDX-License-Identifier: MIT */
/*
 * A TCP server that sends back what it gets.
 *
 *     echo [--port N] [--limit CONNECTIONS] [--kernel KERNEL]
 *
 * A multishot receive for each connection brings its data, in buffers that the
 * kernel picks when data arrives, so that idle connections hold none; and a
 * send gives a buffer back as soon as it is through. Large pieces go without a
 * copy: the handle then has two ends, the result and the release of the buffer.
 *
 * Nobody pays for somebody else. A connection keeps one buffer at most, the
 * one that is being sent, and there are more buffers than connections: what
 * comes while a send is on its way is copied and its buffer given back. Who
 * sends much and does not read is not received from until he does. The limit
 * is never exceeded: no more accepts wait than there are connections left, and
 * the system keeps the rest waiting. When an accept fails, as it does while
 * there are no descriptors left, it is tried again after a while, or when a
 * connection ends.
 *
 * SIGTERM and SIGINT end it: nothing more is received, what was received is
 * sent, and who does not read it within five seconds is cut off. KERNEL is real,
 * emulated or auto, see kernel.h.
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

#include "kernel.h"

#define GROUP       1
#define BUFFER_SIZE 16384
#define SPARE       256    /* buffers more than connections */
#define MOST        32000  /* connections: a group has at most 32768 buffers */
#define ACCEPTS     8      /* that wait at the same time */
#define PLENTY      131072 /* bytes that wait to be sent, above which no more are received */
#define WORTH_ZC    8192   /* bytes from which pinning pages costs less than copying them */
#define GRACE       5      /* seconds */

/* What came while a send was on its way. */
struct piece {
    struct piece *next;
    unsigned size;
    char data[];
};

struct connection {
    struct connection *next, *previous;
    struct rota_op receiving, sending;
    int fd;
    int id;     /* the buffer that is being sent; -1: none */
    char *data; /* what is left of it, or of the first piece */
    unsigned left;
    struct piece *first, *last;
    size_t waiting; /* bytes in the pieces */
    bool ended;     /* nothing more will be received */
    bool hungry;    /* all buffers were taken: receive again when one is back */
    bool paused;    /* plenty is waiting: receive again when it is less */
    bool broken;    /* nothing more can be sent */
    bool zero_copy; /* how the present send was started */
};

static struct rota_ring ring;
static struct rota_buffers buffers;
static struct connection *connections;
static unsigned count, limit = 1000, hungry, accepts;
static int listener;
static struct rota_op accepting[ACCEPTS], signals, grace, rest;
static struct signalfd_siginfo signal_info;
static const struct __kernel_timespec patience = {.tv_sec = GRACE};
static const struct __kernel_timespec a_while = {.tv_nsec = 200000000};
static bool stopping, hurry, no_zc, resting, told;

static void check(int ret, const char *what)
{
    if (ret >= 0)
        return;
    fprintf(stderr, "echo: %s: %s\n", what, strerror(-ret));
    exit(1);
}

/* Waits for as many connections as there may still be. */
static void accept_more(void)
{
    for (unsigned i = 0; i < ACCEPTS && count + accepts < limit && !stopping && !resting; i++) {
        if (rota_op_active(&accepting[i]))
            continue;
        check(rota_start_accept(&ring, &accepting[i], listener, NULL, NULL, SOCK_CLOEXEC),
              "accept");
        accepts++;
    }
}

static void receive(struct connection *c)
{
    c->paused = false;
    if (stopping || rota_start_recv_multishot_select(&ring, &c->receiving, c->fd, 0, GROUP) < 0)
        c->ended = true;
}

static void feed(struct connection *c)
{
    c->hungry = false;
    hungry--;
    receive(c);
}

/* A buffer is free again: connections that ran out of them go on. */
static void give(int id)
{
    rota_buffers_give(&buffers, (unsigned)id);
    for (struct connection *c = connections; hungry && c; c = c->next) {
        if (c->hungry)
            feed(c);
    }
}

/* What is being sent is through, or will never be. */
static void let_go(struct connection *c)
{
    struct piece *piece = c->first;

    if (c->id >= 0) {
        int id = c->id;

        c->id = -1;
        give(id);
    } else if (piece) {
        c->first = piece->next;
        c->waiting -= piece->size;
        free(piece);
    }
    c->left = 0;
}

static void forget(struct connection *c)
{
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
    resting = false; /* there is a descriptor again */
    accept_more();
    if (stopping && !count)
        rota_op_request_cancel(&ring, &grace);
}

/* Sends what is next, or ends the connection when all is through. */
static void go_on(struct connection *c)
{
    int ret = 0;

    if (rota_op_active(&c->sending))
        return;
    while (c->broken && (c->id >= 0 || c->first))
        let_go(c);
    if (!c->left && c->first) {
        c->data = c->first->data;
        c->left = c->first->size;
    }
    if (c->paused && c->waiting < PLENTY / 2 && !rota_op_active(&c->receiving))
        receive(c);
    if (c->left) {
        c->zero_copy = c->left >= WORTH_ZC && !no_zc;
        if (c->zero_copy)
            ret = rota_start_send_zc(&ring, &c->sending, c->fd, c->data, c->left, MSG_NOSIGNAL, 0);
        else
            ret = rota_start_send(&ring, &c->sending, c->fd, c->data, c->left, MSG_NOSIGNAL);
        check(ret, "send");
    } else if (c->ended && !rota_op_active(&c->receiving)) {
        forget(c);
    }
}

static void sent(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c = op->data;

    (void)r;
    if (rota_op_active(op))
        return; /* the kernel still reads the buffer; the result stays in the handle */
    if (c->zero_copy && (op->res == -EOPNOTSUPP || op->res == -EINVAL)) {
        no_zc = true; /* a kernel without zero copy: once more, copying */
    } else if (op->res < 0) {
        c->broken = true;
    } else {
        c->data += op->res;
        c->left -= (unsigned)op->res;
        if (!c->left)
            let_go(c);
    }
    if (c->broken && rota_op_active(&c->receiving))
        rota_op_request_cancel(&ring, &c->receiving);
    go_on(c);
}

/* A piece behind others: copied, so that its buffer is free for whoever has something to say. */
static void put_off(struct connection *c, const struct rota_piece *got)
{
    struct piece *piece = malloc(sizeof(*piece) + got->size);

    if (!piece) {
        c->broken = true;
        rota_op_request_cancel(&ring, &c->receiving);
    } else {
        memcpy(piece->data, got->data, got->size);
        piece->size = got->size;
        piece->next = NULL;
        *(c->first ? &c->last->next : &c->first) = piece;
        c->last = piece;
        c->waiting += got->size;
        if (c->waiting >= PLENTY && !c->paused) {
            c->paused = true;
            rota_op_request_cancel(&ring, &c->receiving);
        }
    }
    give(got->id);
}

static void received(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c = op->data;
    struct rota_piece got;

    (void)r;
    if (rota_buffers_take_result(&buffers, op->res, op->flags, &got) == 1) {
        if (c->broken || !got.size) {
            give(got.id);
        } else if (c->left) {
            put_off(c, &got);
        } else {
            c->id = got.id;
            c->data = (char *)got.data;
            c->left = got.size;
        }
    }
    if (!rota_op_active(op)) {
        if (c->broken || stopping || !op->res ||
            (op->res < 0 && op->res != -ENOBUFS && !c->paused)) {
            c->ended = true;
        } else if (op->res == -ENOBUFS && !buffers.with_kernel) {
            c->hungry = true;
            hungry++;
        } else if (!c->paused) {
            receive(c); /* the kernel ended the stream for reasons of its own, or one came back */
        }
    }
    go_on(c);
}

/*
 * Accepts fail for good while descriptors or memory are lacking: to try again at
 * once would be a loop.
 */
static void take_a_rest(int error)
{
    if (!told)
        fprintf(stderr, "echo: accept: %s; trying again\n", strerror(error));
    told = resting = true;
    if (!rota_op_active(&rest))
        check(rota_start_timeout(&ring, &rest, &a_while, 0, 0), "timeout");
}

static void rested(struct rota_ring *r, struct rota_op *op)
{
    (void)r;
    (void)op;
    resting = false;
    accept_more();
}

static void accepted(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c;

    (void)r;
    accepts--;
    if (op->res >= 0) {
        c = calloc(1, sizeof(*c));
        if (!c) {
            close(op->res);
            take_a_rest(ENOMEM);
            return;
        }
        told = false;
        c->fd = op->res;
        c->id = -1;
        c->receiving.data = c->sending.data = c;
        rota_op_on_result(&c->receiving, received);
        rota_op_on_result(&c->sending, sent);
        c->next = connections;
        if (connections)
            connections->previous = c;
        connections = c;
        count++;
        receive(c);
        if (c->ended)
            go_on(c);
    } else if (op->res != -ECANCELED && !stopping) {
        take_a_rest(-op->res);
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
    for (unsigned i = 0; i < ACCEPTS; i++)
        rota_op_request_cancel(r, &accepting[i]);
    rota_op_request_cancel(r, &rest);
    hungry = 0;
    for (; c; c = next) {
        next = c->next;
        c->ended = c->ended || c->hungry || (c->paused && !rota_op_active(&c->receiving));
        c->hungry = c->paused = false;
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
                                            {"kernel", required_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    struct rota_buffers_config memory = {.size = BUFFER_SIZE, .group = GROUP};
    struct rota_config config;
    unsigned port = 7007;
    sigset_t mask;
    int option, fd;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?' || (option == 'k' && !kernel_is(optarg)))
            return 2;
        if (option != 'k')
            *(option == 'p' ? &port : &limit) = (unsigned)strtoul(optarg, NULL, 10);
    }
    if (optind != argc || port > 65535 || !limit || limit > MOST) {
        fprintf(stderr,
                "usage: echo [--port N] [--limit CONNECTIONS] [--kernel real|emulated|auto]\n");
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
    choose_kernel(&config);
    check(rota_init(&ring, 256, &config), "io_uring");
    tell_kernel("echo", &ring);
    memory.count = limit + SPARE;
    check(rota_buffers_init(&ring, &buffers, &memory), "buffers");
    listener = listen_on(port);
    for (unsigned i = 0; i < ACCEPTS; i++)
        rota_op_on_result(&accepting[i], accepted);
    rota_op_on_result(&rest, rested);
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
