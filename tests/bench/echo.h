/* SPDX-License-Identifier: MIT */
/* What the echo servers share: a listening socket on loopback, whose port goes to stdout. */
#ifndef ROTA_BENCH_ECHO_H
#define ROTA_BENCH_ECHO_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define MESSAGE 64u /* bytes that come and go back */

static inline void die(const char *what)
{
    perror(what);
    exit(1);
}

static inline int listen_on_loopback(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) || listen(fd, 1024) ||
        getsockname(fd, (struct sockaddr *)&address, &size))
        die("listen");
    printf("%u\n", ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

#endif /* ROTA_BENCH_ECHO_H */
