/* SPDX-License-Identifier: MIT */
/*
 * Load for the echo servers: every connection sends a message when the last
 * one has come back. The servers take turns; the others sleep meanwhile.
 *
 *     load CONNECTIONS ROUNDS MS SIDE PORT PID [SIDE PORT PID ...]
 *
 * Prints two lines a turn: nanoseconds per message, and nanoseconds of
 * processor time that the server needed for it.
 */
#include "echo.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#define SERVERS     8
#define CONNECTIONS 1024

struct server {
    const char *side;
    clockid_t cpu;
    int epoll;
    int fds[CONNECTIONS];
};

static uint64_t now(clockid_t clock)
{
    struct timespec ts;

    if (clock_gettime(clock, &ts))
        die("clock_gettime");
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void connect_all(struct server *s, const char *side, int port, int pid, int connections)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int one = 1;

    s->side = side;
    s->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (clock_getcpuclockid(pid, &s->cpu))
        die("clock_getcpuclockid");
    for (int i = 0; i < connections; i++) {
        struct epoll_event event = {.events = EPOLLIN, .data = {.fd = 0}};
        int fd = event.data.fd = s->fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) ||
            epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event))
            die("connect");
    }
}

static void send_message(int fd)
{
    char message[MESSAGE];

    memset(message, 'r', sizeof(message));
    if (send(fd, message, sizeof(message), MSG_NOSIGNAL) != (ssize_t)sizeof(message))
        die("send");
}

/* All connections at once for `ms`; the last message of each is waited for. Returns how many. */
static uint64_t drive(const struct server *s, int connections, unsigned ms)
{
    uint64_t end = now(CLOCK_MONOTONIC) + ms * UINT64_C(1000000), done = 0;
    int flying = connections;

    for (int i = 0; i < connections; i++)
        send_message(s->fds[i]);
    while (flying) {
        struct epoll_event events[512];
        int n = epoll_wait(s->epoll, events, 512, 5000);
        bool on = now(CLOCK_MONOTONIC) < end;

        if (n <= 0)
            die("a message did not come back");
        for (int i = 0; i < n; i++) {
            char message[MESSAGE];
            int fd = events[i].data.fd;

            if (recv(fd, message, sizeof(message), MSG_WAITALL) != (ssize_t)sizeof(message))
                die("recv");
            done++;
            if (on)
                send_message(fd);
            else
                flying--;
        }
    }
    return done;
}

int main(int argc, char **argv)
{
    static struct server servers[SERVERS];
    int n = (argc - 4) / 3, connections = argc > 6 ? atoi(argv[1]) : 0;
    unsigned rounds = argc > 6 ? (unsigned)atoi(argv[2]) : 0;

    if (connections < 1 || connections > CONNECTIONS || n > SERVERS)
        return 2;
    for (int i = 0; i < n; i++) {
        char **words = &argv[4 + 3 * i];

        connect_all(&servers[i], words[0], atoi(words[1]), atoi(words[2]), connections);
        drive(&servers[i], connections, 1); /* the first messages are not typical */
    }
    for (unsigned round = 0; round < rounds; round++) {
        for (int i = 0; i < n; i++) {
            const struct server *s = &servers[(round + (unsigned)i) % (unsigned)n];
            uint64_t cpu = now(s->cpu), start = now(CLOCK_MONOTONIC);
            double done = (double)drive(s, connections, (unsigned)atoi(argv[3]));

            printf("%d connections\t%s\t%u\t%.1f\n", connections, s->side, round,
                   (double)(now(CLOCK_MONOTONIC) - start) / done);
            printf("%d connections, processor\t%s\t%u\t%.1f\n", connections, s->side, round,
                   (double)(now(s->cpu) - cpu) / done);
        }
    }
    return 0;
}
