/* SPDX-License-Identifier: MIT */
/* A TCP echo server on a ring: multishot accept and receive, buffers from a ring of them. */
#include "echo.h"
#include "side.h"

#include <errno.h>

#define ENTRIES 1024u
#define BUFFERS 2048u
#define GROUP   0

enum {
    ACCEPT,
    RECEIVE,
    SEND
};

static RING ring;
static struct io_uring_buf_ring *br;
static unsigned char memory[BUFFERS][MESSAGE];

static struct io_uring_sqe *get(void)
{
    struct io_uring_sqe *sqe = R(get_sqe)(&ring);

    if (!sqe && R(submit)(&ring) >= 0)
        sqe = R(get_sqe)(&ring);
    if (!sqe)
        die("get_sqe");
    return sqe;
}

/* What its completions are about: 8 bits of kind, 24 of buffer, 32 of descriptor. */
static void label(struct io_uring_sqe *sqe, uint64_t kind, uint64_t buffer, int fd)
{
    R(sqe_set_data64)(sqe, kind << 56 | buffer << 32 | (uint32_t)fd);
}

static void start_accept(int fd)
{
    struct io_uring_sqe *sqe = get();

    PREP(multishot_accept)(sqe, fd, NULL, NULL, 0);
    label(sqe, ACCEPT, 0, fd);
}

static void start_receive(int fd)
{
    struct io_uring_sqe *sqe = get();

    PREP(recv_multishot)(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    label(sqe, RECEIVE, 0, fd);
}

static void start_send(int fd, unsigned buffer, int size)
{
    struct io_uring_sqe *sqe = get();

    PREP(send)(sqe, fd, memory[buffer], (size_t)size, MSG_NOSIGNAL);
    label(sqe, SEND, buffer, fd);
}

static void give_back(unsigned buffer)
{
    R(buf_ring_add)(br, memory[buffer], MESSAGE, (unsigned short)buffer, (int)BUFFERS - 1, 0);
    R(buf_ring_advance)(br, 1);
}

static void complete(const struct io_uring_cqe *cqe)
{
    uint64_t data = R(cqe_get_data64)(cqe);
    int fd = (int)(uint32_t)data;
    bool more = cqe->flags & IORING_CQE_F_MORE;

    switch (data >> 56) {
    case ACCEPT:
        if (cqe->res >= 0)
            start_receive(cqe->res);
        if (!more)
            start_accept(fd);
        break;
    case RECEIVE:
        if (cqe->res > 0)
            start_send(fd, cqe->flags >> IORING_CQE_BUFFER_SHIFT, cqe->res);
        if (more)
            break;
        if (cqe->res > 0 || cqe->res == -ENOBUFS)
            start_receive(fd);
        else
            close(fd);
        break;
    default:
        give_back(data >> 32 & 0xffffff);
    }
}

int main(void)
{
    int ret = side_init(&ring, ENTRIES, KIND_SINGLE);

    if (ret < 0 || !(br = R(setup_buf_ring)(&ring, BUFFERS, GROUP, 0, &ret))) {
        fprintf(stderr, "ring: error %d\n", ret);
        return 1;
    }
    for (unsigned i = 0; i < BUFFERS; i++)
        give_back(i);
    start_accept(listen_on_loopback());
    for (;;) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        ret = R(submit_and_wait)(&ring, 1);
        if (ret < 0 && ret != -EINTR)
            return 1;
        R(for_each_cqe)(&ring, head, cqe)
        {
            complete(cqe);
            seen++;
        }
        R(cq_advance)(&ring, seen);
    }
}
