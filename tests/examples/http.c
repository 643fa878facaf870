/* SPDX-License-Identifier: MIT */
/*
 * Serves the files of a directory over HTTP/1.1.
 *
 *     http [--port N] [--limit CONNECTIONS] [--idle SECONDS] [--kernel KERNEL] DIR
 *
 * Each connection is a machine with one handle, whose callback says what comes
 * next: receive a request, open the file, read a part, send it, and so on,
 * until the next request. Nothing outside DIR can be named: the kernel
 * resolves paths beneath it (RESOLVE_BENEATH).
 *
 * A request has half a minute (--idle) to begin, and once more to be complete,
 * however slowly its bytes trickle in. An answer may take as long as the client
 * reads: what counts is that the peer has acknowledged something within four
 * times as long, and not that a send is through, for which a third of the
 * socket's buffer has to be free. The limit is never exceeded: no more accepts
 * wait than there are connections left. When an accept fails, as it does while
 * there are no descriptors left, it is tried again after a while, or when a
 * connection ends.
 *
 * SIGTERM and SIGINT end the server: answers that are under way are finished,
 * for at most five seconds.
 */
#include "http.h"

#include <fcntl.h>
#include <getopt.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <rota.h>
#include <rota/call.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel.h"

#define PART    65536 /* bytes of a file that are sent at once */
#define ACCEPTS 8     /* that wait at the same time */

enum step {
    RECEIVING,
    OPENING,
    READING,
    SENDING
};

struct connection {
    struct connection *next, *previous;
    struct rota_op op;
    enum step step;
    int fd, file;
    struct http_request request;
    char in[HTTP_HEAD_MAX]; /* received, and not yet answered */
    size_t in_size;
    char *out; /* what is to be sent */
    size_t out_size, out_done;
    uint64_t offset, left; /* the part of the file that was not read yet */
    time_t since;          /* the last sign of life, or when the request began */
    int unread;            /* bytes that the peer has not acknowledged, when last looked at */
};

static struct rota_ring ring;
static struct connection *connections;
static unsigned count, limit = 1000, idle = 30, accepts;
static int listener, root;
static struct rota_op accepting[ACCEPTS], signals, clock_op;
static struct signalfd_siginfo signal_info;
static const struct __kernel_timespec second = {.tv_sec = 1};
static struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
                              .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
static bool stopping, hurry, resting, told;
static time_t now, stopped;

static void check(int ret, const char *what)
{
    if (ret >= 0)
        return;
    fprintf(stderr, "http: %s: %s\n", what, strerror(-ret));
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

static void drop(struct connection *c)
{
    if (c->file >= 0)
        close(c->file);
    close(c->fd);
    if (c->previous)
        c->previous->next = c->next;
    else
        connections = c->next;
    if (c->next)
        c->next->previous = c->previous;
    free(c->out);
    free(c);
    count--;
    resting = false; /* there is a descriptor again */
    accept_more();
    if (stopping && !count)
        rota_op_request_cancel(&ring, &clock_op);
}

/*
 * Each step starts one request. One that cannot be started ends the connection.
 */

static int send_out(struct connection *c)
{
    c->step = SENDING;
    return rota_start_send(&ring, &c->op, c->fd, c->out + c->out_done, c->out_size - c->out_done,
                           MSG_NOSIGNAL | (c->left ? MSG_MORE : 0));
}

static int read_part(struct connection *c)
{
    size_t room = PART - c->out_size;

    c->step = READING;
    return rota_start_read(&ring, &c->op, c->file, c->out + c->out_size,
                           (unsigned)(c->left < room ? c->left : room), c->offset);
}

static int answer(struct connection *c, int status)
{
    c->out_size = (size_t)http_plain_answer(&c->request, status, c->out);
    c->left = 0;
    return send_out(c);
}

/* Looks for a request in what was received, or receives more. */
static int next_request(struct connection *c)
{
    int length = http_parse(&c->request, c->in, c->in_size);

    c->out_size = c->out_done = 0;
    if (length < 0) {
        c->request.keep = false;
        return answer(c, -length);
    }
    if (!length) {
        c->step = RECEIVING;
        return stopping && !c->in_size ? -ECANCELED
                                       : rota_start_recv(&ring, &c->op, c->fd, c->in + c->in_size,
                                                         sizeof(c->in) - c->in_size, 0);
    }
    c->request.keep = c->request.keep && !stopping;
    c->in_size -= (size_t)length;
    memmove(c->in, c->in + length, c->in_size);
    c->step = OPENING;
    return rota_start_openat2(&ring, &c->op, root, c->request.path, &how);
}

/* The file is open: its head, and the first part behind it. */
static int opened(struct connection *c, int file)
{
    struct stat st;
    int status;

    if (file < 0)
        return answer(c, http_status_of(-file));
    c->file = file;
    if (fstat(file, &st) < 0)
        return answer(c, 500);
    if (S_ISDIR(st.st_mode))
        return answer(c, 301);
    if (!S_ISREG(st.st_mode))
        return answer(c, 403);
    c->out_size = (size_t)http_file_head(&c->request, &st, c->out, &status);
    c->offset = 0;
    c->left = status == 304 || c->request.head ? 0 : (uint64_t)st.st_size;
    return c->left ? read_part(c) : send_out(c);
}

static int was_read(struct connection *c, int res)
{
    if (res <= 0)
        return -EIO; /* the file has become shorter: too late for an error */
    c->out_size += (size_t)res;
    c->offset += (uint64_t)res;
    c->left -= (uint64_t)res;
    return send_out(c);
}

static int was_sent(struct connection *c, int res)
{
    if (res <= 0)
        return -EPIPE;
    c->out_done += (size_t)res;
    if (c->out_done < c->out_size)
        return send_out(c);
    c->out_size = c->out_done = 0;
    if (c->left)
        return read_part(c);
    if (c->file >= 0)
        close(c->file); /* nothing to wait for: no need of the ring */
    c->file = -1;
    return c->request.keep ? next_request(c) : -ECANCELED;
}

static int was_received(struct connection *c, int res)
{
    if (res <= 0)
        return -ECANCELED; /* the other side has closed, or we have waited enough */
    c->in_size += (size_t)res;
    return next_request(c);
}

static void go_on(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c = op->data;
    int ret = 0;

    (void)r;
    /* The clock of a request starts with its first byte, not with each. */
    if (c->step != RECEIVING || !c->in_size)
        c->since = now;
    switch (c->step) {
    case RECEIVING:
        ret = was_received(c, op->res);
        break;
    case OPENING:
        /* The first look at a name may be refused for the time being. */
        ret = op->res == -EAGAIN || op->res == -EINTR
                  ? rota_start_openat2(&ring, &c->op, root, c->request.path, &how)
                  : opened(c, op->res);
        break;
    case READING:
        ret = was_read(c, op->res);
        break;
    case SENDING:
        ret = was_sent(c, op->res);
        break;
    }
    if (ret < 0)
        drop(c);
}

/*
 * Accepts fail for good while descriptors or memory are lacking: to try again at
 * once would be a loop. The next tick ends the rest.
 */
static void take_a_rest(int error)
{
    if (!told)
        fprintf(stderr, "http: accept: %s; trying again\n", strerror(error));
    told = resting = true;
}

static void accepted(struct rota_ring *r, struct rota_op *op)
{
    struct connection *c;
    int yes = 1;

    (void)r;
    accepts--;
    if (op->res < 0) {
        if (op->res != -ECANCELED)
            take_a_rest(-op->res);
        accept_more();
        return;
    }
    c = calloc(1, sizeof(*c));
    if (!c || !(c->out = malloc(PART))) {
        close(op->res);
        free(c);
        take_a_rest(ENOMEM);
        return;
    }
    told = false;
    c->fd = op->res;
    c->file = -1;
    c->since = now;
    c->op.data = c;
    rota_op_on_result(&c->op, go_on);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
    c->next = connections;
    if (connections)
        connections->previous = c;
    connections = c;
    count++;
    if (next_request(c) < 0)
        drop(c);
    accept_more();
}

/* How long a connection may be as it is; a peer that has read something begins anew. */
static time_t patience(struct connection *c)
{
    int unread;

    if (c->step != SENDING)
        return idle;
    if (!ioctl(c->fd, SIOCOUTQ, &unread)) {
        if (unread < c->unread)
            c->since = now;
        c->unread = unread;
    }
    return 4 * (time_t)idle;
}

/* Once a second: what time it is, and who has been silent for too long. */
static void tick(struct rota_ring *r, struct rota_op *op)
{
    (void)op;
    now = time(NULL);
    resting = false;
    accept_more();
    for (struct connection *c = connections; c; c = c->next) {
        time_t most = patience(c);

        if (now - c->since > most)
            rota_op_request_cancel(r, &c->op);
    }
    hurry = stopping && now - stopped >= 5;
    if (!hurry && (!stopping || count))
        check(rota_start_timeout(r, &clock_op, &second, 0, 0), "timeout");
}

static void signalled(struct rota_ring *r, struct rota_op *op)
{
    (void)op;
    stopping = true;
    stopped = now;
    for (unsigned i = 0; i < ACCEPTS; i++)
        rota_op_request_cancel(r, &accepting[i]);
    for (struct connection *c = connections; c; c = c->next) {
        if (c->step == RECEIVING)
            rota_op_request_cancel(r, &c->op);
    }
    if (!count)
        rota_op_request_cancel(r, &clock_op);
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
                                            {"idle", required_argument, NULL, 'i'},
                                            {"kernel", required_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    struct rota_config config;
    unsigned port = 8080;
    sigset_t mask;
    int option, fd;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option == '?' || (option == 'k' && !kernel_is(optarg)))
            return 2;
        if (option != 'k')
            *(option == 'p'   ? &port
              : option == 'l' ? &limit
                              : &idle) = (unsigned)strtoul(optarg, NULL, 10);
    }
    if (argc - optind != 1 || port > 65535 || !limit || !idle) {
        fprintf(stderr, "usage: http [--port N] [--limit CONNECTIONS] [--idle SECONDS] "
                        "[--kernel real|emulated|auto] DIR\n");
        return 2;
    }
    root = open(argv[optind], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        check(-errno, argv[optind]);
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
    tell_kernel("http", &ring);
    listener = listen_on(port);
    for (unsigned i = 0; i < ACCEPTS; i++)
        rota_op_on_result(&accepting[i], accepted);
    rota_op_on_result(&signals, signalled);
    rota_op_on_result(&clock_op, tick);
    now = time(NULL);
    accept_more();
    check(rota_start_read(&ring, &signals, fd, &signal_info, sizeof(signal_info), 0), "signals");
    check(rota_start_timeout(&ring, &clock_op, &second, 0, 0), "timeout");

    while (rota_in_flight(&ring)) {
        int ret = rota_run_once(&ring);

        if (ret != -EINTR)
            check(ret, "wait");
        if (hurry) {
            hurry = false;
            check(rota_cancel_all(&ring), "shutdown");
        }
    }
    rota_queue_exit(&ring);
    close(listener);
    close(root);
    close(fd);
    return 0;
}
