/* SPDX-License-Identifier: MIT */
/*
 * Frequent mistakes, made with liburing: one request after the other, each with its
 * number as user_data, so that rota trace --explain can say what is wrong with it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

/* Numbers that older headers of liburing lack. */
enum {
    OP_POLL_ADD = 6,
    OP_RECVMSG = 10,
    OP_TIMEOUT = 11,
    OP_ACCEPT = 13,
    OP_OPENAT = 18,
    OP_READ = 22,
    OP_WRITE = 23,
    OP_RECV = 27,
    OP_SHUTDOWN = 34,
    OP_SEND_ZC = 47,
    OP_READ_MULTISHOT = 49,
    OP_FIXED_FD_INSTALL = 54,
    OP_WRITEV = 2,
};

static struct io_uring ring;
static unsigned number;

static struct io_uring_sqe *start(int opcode, int fd, const void *address, unsigned length)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);

    if (!sqe)
        exit(1); /* each is sent before the next */
    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = (unsigned char)opcode;
    sqe->fd = fd;
    sqe->addr = (uintptr_t)address;
    sqe->len = length;
    sqe->user_data = ++number;
    return sqe;
}

static void send_it(void)
{
    struct io_uring_cqe *cqe;

    io_uring_submit_and_wait(&ring, 1);
    if (io_uring_peek_cqe(&ring, &cqe))
        return;
    printf("%u %d\n", number, cqe->res);
    io_uring_cqe_seen(&ring, cqe);
}

static void *elsewhere(void *arg)
{
    struct io_uring *other = arg;

    io_uring_prep_nop(io_uring_get_sqe(other));
    io_uring_submit(other);
    return NULL;
}

int main(void)
{
    static char memory[64];
    static char text[] = "data";
    struct iovec vectors[2] = {{text, 4}, {NULL, 4}};
    struct rlimit few = {64, 64};
    char *gone = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int reading = open("/proc/self/exe", O_RDONLY), sockets[2], pipes[2];
    struct io_uring_sqe *sqe;
    struct io_uring other;
    pthread_t thread;

    if (io_uring_queue_init(8, &ring, 0) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) ||
        pipe(pipes) || munmap(gone, 4096))
        return 77;

    /* 1 */ start(OP_RECV, sockets[0], NULL, 0)->ioprio = 2; /* IORING_RECV_MULTISHOT */
    send_it();
    /* 2 */ start(OP_READ_MULTISHOT, pipes[0], NULL, 0);
    send_it();
    /* 3 */ start(OP_ACCEPT, sockets[0], NULL, 0)->flags = 1 << 5; /* IOSQE_BUFFER_SELECT */
    send_it();
    /* 4 */ start(OP_RECV, sockets[0], memory, 64)->off = 0x10;
    send_it();
    /* 5 */ sqe = start(OP_OPENAT, AT_FDCWD, "/", 0);
    sqe->open_flags = O_RDONLY | O_CLOEXEC;
    sqe->splice_fd_in = 1; /* file_index */
    send_it();
    /* 6 */ start(OP_TIMEOUT, -1, memory, 0);
    send_it();
    /* 7 */ sqe = start(OP_POLL_ADD, pipes[0], NULL, 1); /* IORING_POLL_ADD_MULTI */
    sqe->poll32_events = 1;
    sqe->flags = 1 << 6; /* IOSQE_CQE_SKIP_SUCCESS */
    send_it();
    /* 8 */ start(OP_SEND_ZC, sockets[0], memory, 64)->flags = 1 << 6;
    send_it();
    /* 9 */ start(OP_FIXED_FD_INSTALL, reading, NULL, 0);
    send_it();
    /* 10 */ start(OP_RECVMSG, sockets[0], memory, 1)->ioprio = 1 << 4; /* BUNDLE */
    send_it();
    /* 11 */ start(OP_SHUTDOWN, sockets[0], NULL, 9);
    send_it();
    /* 12 */ start(OP_READ, 60, memory, 64);
    send_it();
    /* 13 */ start(OP_WRITE, reading, memory, 64);
    send_it();
    /* 14 */ start(OP_READ, pipes[1], memory, 64);
    send_it();
    /* 15 */ start(OP_RECV, reading, memory, 64);
    send_it();
    /* 16 */ start(OP_WRITE, pipes[1], gone, 64);
    send_it();
    /* 17 */ start(OP_WRITEV, pipes[1], vectors, 2);
    vectors[0].iov_base = gone;
    send_it();
    /* 18 */ start(OP_OPENAT, AT_FDCWD, "/no/such/file", 0)->open_flags = O_RDONLY;
    send_it();
    /* 19 */ start(OP_READ, 0, memory, 64)->flags = 1; /* IOSQE_FIXED_FILE */
    send_it();
    /* 20 */ setrlimit(RLIMIT_NOFILE, &few);
    while (dup(reading) >= 0)
        ;
    start(OP_OPENAT, AT_FDCWD, "/", 0)->open_flags = O_RDONLY;
    send_it();

    /* 21: not a request but the call. */
    close(10);
    if (!io_uring_queue_init(8, &other, 1u << 12)) { /* IORING_SETUP_SINGLE_ISSUER */
        pthread_create(&thread, NULL, elsewhere, &other);
        pthread_join(thread, NULL);
    }
    return 6;
}
