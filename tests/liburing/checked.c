/* SPDX-License-Identifier: MIT */
/* The same program compiled with -DROTA_CHECK: its mistakes are explained, without a change. */
#include <liburing.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

/* What the library writes to descriptor 2 while one wrong request is submitted. */
static void capture(char *text, size_t size, int (*submit)(struct io_uring *ring))
{
    struct io_uring_sqe *sqe;
    struct io_uring ring;
    int ends[2], saved = dup(2);
    ssize_t got;

    if (pipe(ends) || io_uring_queue_init(4, &ring, 0))
        skip_all("no pipe or no ring");
    sqe = io_uring_get_sqe(&ring);
    io_uring_prep_recv(sqe, 0, NULL, 0, 0);
    sqe->addr2 = 16; /* no field of RECV */
    dup2(ends[1], 2);
    submit(&ring);
    dup2(saved, 2);
    close(saved);
    close(ends[1]);
    got = read(ends[0], text, size - 1);
    text[got > 0 ? got : 0] = 0;
    close(ends[0]);
    io_uring_queue_exit(&ring);
}

static int plain(struct io_uring *ring)
{
    return io_uring_submit(ring);
}

static int waiting(struct io_uring *ring)
{
    return io_uring_submit_and_wait(ring, 1);
}

static int timed(struct io_uring *ring)
{
    struct __kernel_timespec ts = {1, 0};
    struct io_uring_cqe *cqe;

    return io_uring_submit_and_wait_timeout(ring, &cqe, 1, &ts, NULL);
}

static int events(struct io_uring *ring)
{
    return io_uring_submit_and_get_events(ring);
}

int main(void)
{
    static const struct {
        const char *name;
        int (*submit)(struct io_uring *ring);
    } ways[] = {{"submit", plain},
                {"submit_and_wait", waiting},
                {"submit_and_wait_timeout", timed},
                {"submit_and_get_events", events}};
    char text[512];

    for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        capture(text, sizeof(text), ways[i].submit);
        ok(!strncmp(text, "io_uring: RECV: ", 16) && strstr(text, "addr2") &&
               strchr(text, '\n') == text + strlen(text) - 1,
           "%s says once what is wrong", ways[i].name);
    }
    return done();
}
