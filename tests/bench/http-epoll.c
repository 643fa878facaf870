/* SPDX-License-Identifier: MIT */
/*
 * The server of tests/examples/http.c on epoll and ordinary system calls, to
 * compare with. The same requests, answers, buffers and limits; one thread.
 *
 *     http-epoll [--port N] DIR
 */
#include "../examples/http.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PART 65536 /* bytes of a file that are sent at once */

struct connection {
    int fd, file;
    bool writing; /* what epoll tells us of: room to write, or data to read */
    struct http_request request;
    char in[HTTP_HEAD_MAX]; /* received, and not yet answered */
    size_t in_size;
    char *out; /* what is to be sent */
    size_t out_size, out_done;
    uint64_t offset, left; /* the part of the file that was not read yet */
};

static int epoll, root;
static volatile sig_atomic_t stopping;
static struct open_how how = {.flags = O_RDONLY | O_NONBLOCK | O_CLOEXEC,
                              .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};

static void die(const char *what)
{
    fprintf(stderr, "http-epoll: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void drop(struct connection *c)
{
    if (c->file >= 0)
        close(c->file);
    close(c->fd);
    free(c->out);
    free(c);
}

static void watch(struct connection *c, bool writing, int operation)
{
    struct epoll_event event = {.events = writing ? EPOLLOUT : EPOLLIN, .data.ptr = c};

    c->writing = writing;
    if (epoll_ctl(epoll, operation, c->fd, &event) < 0)
        die("epoll_ctl");
}

/* Reads from the file into the free rest of the buffer; false when it has become shorter. */
static bool read_part(struct connection *c)
{
    size_t room = PART - c->out_size;
    ssize_t got =
        pread(c->file, c->out + c->out_size, c->left < room ? c->left : room, (off_t)c->offset);

    if (got <= 0)
        return false;
    c->out_size += (size_t)got;
    c->offset += (uint64_t)got;
    c->left -= (uint64_t)got;
    return true;
}

static bool answer(struct connection *c, int status)
{
    c->out_size = (size_t)http_plain_answer(&c->request, status, c->out);
    c->left = 0;
    return true;
}

static bool open_file(struct connection *c)
{
    struct stat st;
    int status;

    c->file = (int)syscall(SYS_openat2, root, c->request.path, &how, sizeof(how));
    if (c->file < 0)
        return answer(c, http_status_of(errno));
    if (fstat(c->file, &st) < 0)
        return answer(c, 500);
    if (!S_ISREG(st.st_mode))
        return answer(c, S_ISDIR(st.st_mode) ? 301 : 403);
    c->out_size = (size_t)http_file_head(&c->request, &st, c->out, &status);
    c->offset = 0;
    c->left = status == 304 || c->request.head ? 0 : (uint64_t)st.st_size;
    return !c->left || read_part(c);
}

/* Sends until all is through (1), the socket is full (0), or it is broken (-1). */
static int send_out(struct connection *c)
{
    for (;;) {
        ssize_t sent = send(c->fd, c->out + c->out_done, c->out_size - c->out_done,
                            MSG_NOSIGNAL | (c->left ? MSG_MORE : 0));

        if (sent < 0)
            return errno == EAGAIN ? 0 : -1;
        c->out_done += (size_t)sent;
        if (c->out_done < c->out_size)
            continue;
        c->out_size = c->out_done = 0;
        if (!c->left)
            return 1;
        if (!read_part(c))
            return -1;
    }
}

/* Answers the requests that are there; false when the connection is to end. */
static bool serve(struct connection *c)
{
    for (;;) {
        int length, sent;

        if (!c->out_size) {
            length = http_parse(&c->request, c->in, c->in_size);
            if (!length)
                return true;
            c->request.keep = c->request.keep && length > 0;
            if (length < 0) {
                answer(c, -length);
            } else {
                c->in_size -= (size_t)length;
                memmove(c->in, c->in + length, c->in_size);
                if (!open_file(c))
                    return false;
            }
        }
        sent = send_out(c);
        if (sent < 0)
            return false;
        if (!sent) {
            if (!c->writing)
                watch(c, true, EPOLL_CTL_MOD);
            return true;
        }
        if (c->file >= 0)
            close(c->file);
        c->file = -1;
        if (!c->request.keep)
            return false;
        if (c->writing)
            watch(c, false, EPOLL_CTL_MOD);
    }
}

static void ready(struct connection *c)
{
    if (!c->writing) {
        ssize_t got = recv(c->fd, c->in + c->in_size, sizeof(c->in) - c->in_size, 0);

        if (got < 0 && errno == EAGAIN)
            return;
        if (got <= 0) {
            drop(c);
            return;
        }
        c->in_size += (size_t)got;
    }
    if (!serve(c))
        drop(c);
}

static void accept_all(int listener)
{
    int fd, yes = 1;

    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0) {
        struct connection *c = calloc(1, sizeof(*c));

        if (!c || !(c->out = malloc(PART)))
            die("memory");
        c->fd = fd;
        c->file = -1;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
        watch(c, false, EPOLL_CTL_ADD);
    }
}

static void stop(int number)
{
    (void)number;
    stopping = 1;
}

int main(int argc, char **argv)
{
    struct sockaddr_in6 name = {.sin6_family = AF_INET6};
    struct sigaction action = {.sa_handler = stop};
    struct epoll_event events[256], listening = {.events = EPOLLIN};
    socklen_t size = sizeof(name);
    int listener, yes = 1;

    if (argc == 4 && !strcmp(argv[1], "--port"))
        name.sin6_port = htons((uint16_t)atoi(argv[2]));
    else if (argc != 2)
        return fprintf(stderr, "usage: http-epoll [--port N] DIR\n"), 2;
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
    root = open(argv[argc - 1], O_PATH | O_DIRECTORY | O_CLOEXEC);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (root < 0 || epoll < 0 || listener < 0 ||
        setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
        bind(listener, (struct sockaddr *)&name, size) || listen(listener, SOMAXCONN) ||
        getsockname(listener, (struct sockaddr *)&name, &size) ||
        epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening) < 0)
        die("start");
    printf("listening on %d\n", ntohs(name.sin6_port));
    fflush(stdout);
    while (!stopping) {
        int count = epoll_wait(epoll, events, 256, -1);

        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                ready(events[i].data.ptr);
            else
                accept_all(listener);
        }
    }
    return 0;
}
