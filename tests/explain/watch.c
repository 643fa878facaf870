/* SPDX-License-Identifier: MIT */
/*
 * Twelve mistakes with the memory of requests, one for each time that memory
 * may have to live and each kind of it: every one is found, and nothing else.
 * Those that only AddressSanitizer can see need it in this program.
 */
#include <rota.h>
#include <rota/call.h>
#include <rota/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap.h"

static struct rota_ring ring;
static struct rota_watch watch;
static struct rota_loan loans[64];
static enum rota_watch_kind found;
static unsigned reports;
static char said[1024];
static int ends[2];

static void note(struct rota_watch *from, enum rota_watch_kind kind, const struct io_uring_sqe *sqe,
                 const char *text)
{
    (void)from;
    (void)sqe;
    found = kind;
    reports++;
    snprintf(said, sizeof(said), "%s", text);
}

static void forget(void)
{
    found = ROTA_WATCH_NONE;
    reports = 0;
    said[0] = 0;
}

/* The request that was prepared is submitted, and taken back where the kernel holds on to it. */
static void submit(void)
{
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe;

    rota_submit(&ring);
    sqe = rota_get_sqe(&ring);
    rota_prep_cancel64(sqe, 0, 0);
    sqe->user_data = 99;
    rota_submit_and_wait(&ring, 1);
    usleep(1000);
    while (!rota_peek_cqe(&ring, &cqe))
        rota_cqe_seen(&ring, cqe);
}

static void expect(enum rota_watch_kind kind, const char *what, const char *name)
{
    bool right = found == kind && reports == 1 && strstr(said, what) != NULL;

    ok(right, "%s: %s", name, right ? said : "not found");
    if (!right)
        printf("# found %d, %u reports: %s\n", found, reports, said);
    forget();
}

#ifdef ROTA_WATCH_ASAN
static void *freed(size_t size)
{
    void *memory = malloc(size);
    void *volatile copy = memory;

    memset(memory, 0, size);
    free(memory);
    return copy;
}

static void planted_for_asan(int fd)
{
    struct io_uring_sqe *sqe;
    struct iovec vector = {malloc(8), 8};
    char *buffer = malloc(16);
    char drained[64];
    int there = 0;

    sqe = rota_get_sqe(&ring);
    rota_prep_readv(sqe, ends[0], freed(sizeof(struct iovec)), 1, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "READV", "until submit, read: a vector that was freed");

    rota_prep_openat(rota_get_sqe(&ring), AT_FDCWD, freed(16), O_RDONLY, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "memory of path", "until submit, read: a name that was freed");

    free(vector.iov_base);
    rota_prep_readv(rota_get_sqe(&ring), ends[0], &vector, 1, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "8 bytes", "until completion, written: what a vector points to");

    rota_prep_read(rota_get_sqe(&ring), ends[0], freed(16), 16, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "writes to it until the completion",
           "until completion, written: a buffer that was freed");

    rota_prep_write(rota_get_sqe(&ring), ends[1], buffer, 32, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "reads it until the completion",
           "until completion, read: a length beyond the buffer");
    /* What has gone into the pipe all the same. */
    if (ioctl(ends[0], FIONREAD, &there) == 0 && there > 0)
        ok(read(ends[0], drained, sizeof(drained)) == there, "the pipe is empty again");
    else
        ok(true, "the pipe is empty");

    rota_prep_recvmsg(rota_get_sqe(&ring), fd, freed(sizeof(struct msghdr)), 0);
    submit();
    expect(ROTA_WATCH_POISONED, "reads and writes it", "until completion, both: a message header");

    rota_prep_send_zc(rota_get_sqe(&ring), fd, freed(16), 16, 0, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "until the notification",
           "until notification, read: what a zero-copy send sends");

    rota_prep_provide_buffers(rota_get_sqe(&ring), freed(16), 16, 1, 7, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "until it is unregistered",
           "until unregistered, written: a provided buffer");

    /* Freed while in flight: by the hook in free(), with the request in text. */
    if (rota_watch_frees(&watch) == 0) {
        char *volatile lent = malloc(24);

        rota_prep_read(rota_get_sqe(&ring), ends[0], lent, 24, 0);
        rota_submit(&ring);
        free(lent);
        expect(ROTA_WATCH_FREED, "READ(", "until completion, written: freed in flight");
        rota_watch_frees(NULL);
        submit();
    }
    forget();
    free(buffer);
}
#else
static void planted_for_asan(int fd)
{
    (void)fd;
    skip(10, "it takes AddressSanitizer to see what was freed");
}
#endif

__attribute__((noinline, no_sanitize_address)) static void *on_a_stack(void)
{
    char buffer[4096]; /* its lower end is deeper than what is called afterwards */
    char *volatile left = buffer;

    memset(left, 0, sizeof(buffer));
    return left;
}

__attribute__((noinline, no_sanitize_address)) static void start_on_stack(void)
{
    char buffer[64];
    struct io_uring_sqe *sqe = rota_get_sqe(&ring);

    rota_prep_read(sqe, ends[0], buffer, sizeof(buffer), 0);
    rota_submit(&ring);
}

static void planted(void)
{
    static char buffer[64];

    rota_prep_timeout(rota_get_sqe(&ring), on_a_stack(), 0, 0);
    submit();
    expect(ROTA_WATCH_STACK, "TIMEOUT", "until submit, read: a time on a stack that is gone");

    start_on_stack();
    rota_watch_look(&watch);
    expect(ROTA_WATCH_LEFT, "stack that was left",
           "until completion, written: its function returned");
    submit();
    forget();

    rota_prep_read(rota_get_sqe(&ring), ends[0], buffer, sizeof(buffer), 0);
    rota_submit(&ring);
    ok(!rota_watch_reuse(&watch, buffer + sizeof(buffer), 1, true), "memory beside it may be used");
    ok(rota_watch_reuse(&watch, buffer + 10, 4, false),
       "what a request in flight writes to may not");
    expect(ROTA_WATCH_REUSED, "used again", "until completion, written: used again");
    submit();
    forget();
    ok(!rota_watch_reuse(&watch, buffer, sizeof(buffer), true), "with the completion it may again");
}

/* Requests without a mistake, by handles and by hand, more than the watch has room for. */
static void innocent(void)
{
    static char text[32][8];
    struct io_uring_cqe *cqe;
    int reading, count = 0;

    for (int round = 0; round < 8; round++) {
        for (unsigned i = 0; i < 16; i++)
            rota_prep_write(rota_get_sqe(&ring), ends[1], text[i], 8, 0);
        rota_submit_and_wait(&ring, 16);
        while (!rota_peek_cqe(&ring, &cqe)) {
            rota_cqe_seen(&ring, cqe);
            count++;
        }
        for (unsigned i = 0; i < 16; i++) {
            char local[8];

            reading = rota_call_read(&ring, ends[0], local, sizeof(local), 0);
            count += reading == 8;
        }
    }
    rota_watch_look(&watch);
    ok(count == 256 && reports == 0, "nothing is reported of what is right (%d, %u)", count,
       reports);
    ok(watch.count == 0, "and nothing stays lent");
}

int main(void)
{
    int sockets[2];
    int ret = rota_init(&ring, 32, NULL);

    if (ret < 0)
        skip_all("no ring: %s", strerror(-ret));
    if (pipe(ends) || socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets))
        return 1;
    ok(rota_watch_begin(&watch, &ring, NULL, 0, note, NULL) == -EINVAL, "loans need room");
    ok(rota_watch_begin(&watch, &ring, loans, 64, note, NULL) == 0, "a ring is watched");
    innocent();
    planted_for_asan(sockets[0]);
    planted();
    innocent();
    ok(rota_watch_end(&watch) >= 3, "the end tells how many there were");
    rota_queue_exit(&ring);
    return done();
}
