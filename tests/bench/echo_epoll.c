/* SPDX-License-Identifier: MIT */
/* The same echo server on epoll. */
#include "echo.h"

#include <errno.h>
#include <sys/epoll.h>

#define EVENTS 512

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        die("epoll_ctl");
}

/* Level-triggered: what is left is reported again. */
static void echo(int fd)
{
    char buffer[MESSAGE];
    ssize_t size = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT);

    if (size > 0)
        size = send(fd, buffer, (size_t)size, MSG_NOSIGNAL);
    if (size <= 0 && errno != EAGAIN)
        close(fd);
}

int main(void)
{
    struct epoll_event events[EVENTS];
    int epoll = epoll_create1(EPOLL_CLOEXEC), listener = listen_on_loopback();

    watch(epoll, listener);
    for (;;) {
        int n = epoll_wait(epoll, events, EVENTS, -1);

        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;

            if (fd != listener)
                echo(fd);
            else if ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
                watch(epoll, fd);
        }
    }
}
