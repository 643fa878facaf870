/* SPDX-License-Identifier: MIT */
/* What the tests of handles share: rings of several kinds, a pipe, patience. */
#ifndef ROTA_TESTS_CALLS_SUPPORT_H
#define ROTA_TESTS_CALLS_SUPPORT_H

#include <rota.h>
#include <rota/call.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define MSEC 1000000u /* nanoseconds */
#define SEC  1000000000u

/* A kind of ring that every test of this folder runs on. */
struct kind {
    const char *name;
    unsigned flags;
    bool null_config;
};

static const struct kind kinds[] = {
    {"single owner", 0, true},
    {"plain", 0, false},
    {"SQPOLL", IORING_SETUP_SQPOLL, false},
    {"CQE32", IORING_SETUP_CQE32, false},
    {"CQE_MIXED", IORING_SETUP_CQE_MIXED, false},
    {"SQE128", IORING_SETUP_SQE128, false},
    {"SQE_MIXED", IORING_SETUP_SQE_MIXED, false},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* A ring of a kind; false where the kernel lacks it, and then the reason is in a diagnostic. */
__attribute__((unused)) static bool kind_ring(const struct kind *kind, struct rota_ring *ring,
                                              unsigned entries)
{
    int ret = kind->null_config ? rota_init(ring, entries, NULL)
                                : rota_queue_init(entries, ring, kind->flags);

    if (ret == -ENOSYS || ret == -EPERM)
        skip_all("this system gives no ring: %s", strerror(-ret));
    if (ret < 0)
        diag("no %s ring here: %s", kind->name, strerror(-ret));
    return ret >= 0;
}

/* Two ends of a connection. */
__attribute__((unused)) static void make_pair(int pair[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        bail("socketpair: %s", strerror(errno));
}

__attribute__((unused)) static void close_pair(int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

__attribute__((unused)) static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Nothing of the handles' is in flight, and nothing is left in the queue. */
__attribute__((unused)) static void is_empty(struct rota_ring *ring, const char *when)
{
    struct io_uring_cqe *cqe;

    is_int(rota_in_flight(ring), 0, "%s: no handle is active", when);
    is_int(ring->calls.cancels, 0, "%s: no cancel request is under way", when);
    is_int(rota_peek_cqe(ring, &cqe), -EAGAIN, "%s: the queue is empty", when);
}

/* No test may hang a suite. */
__attribute__((unused)) static void be_patient(void)
{
    alarm(100); /* an emulated processor beside others is slow */
}

#endif /* ROTA_TESTS_CALLS_SUPPORT_H */
