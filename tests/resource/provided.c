/* SPDX-License-Identifier: MIT */
/* Provided buffers of the older kind: handed over, used up, handed over again, taken back. */
#include "resource.h"

#define COUNT 4
#define SIZE  64
#define GROUP 3

static char memory[COUNT][SIZE];

static struct completion provide(struct rota_ring *ring, int first, int count)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_provide_buffers(sqe, memory[first], SIZE, count, GROUP, first);
    rota_sqe_set_data64(sqe, 1);
    return run_one(ring);
}

static struct completion select_read(struct rota_ring *ring, int fd, unsigned offset)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_read(sqe, fd, NULL, SIZE, offset);
    rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    rota_sqe_set_buf_group(sqe, GROUP);
    rota_sqe_set_data64(sqe, 2);
    return run_one(ring);
}

static struct completion select_recv(struct rota_ring *ring, int fd)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_recv(sqe, fd, NULL, SIZE, 0);
    rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    rota_sqe_set_buf_group(sqe, GROUP);
    rota_sqe_set_data64(sqe, 3);
    return run_one(ring);
}

/* The id in the flags of a completion; -1 without one. */
static int buffer_of(struct completion got)
{
    return got.flags & IORING_CQE_F_BUFFER ? (int)(got.flags >> IORING_CQE_BUFFER_SHIFT) : -1;
}

static void test_file(void)
{
    unsigned char expected[SIZE];
    unsigned char content[8 * SIZE];
    struct completion got;
    struct rota_ring ring;
    unsigned used = 0;
    int fd = temporary_file();

    for (size_t i = 0; i < sizeof(content); i++)
        content[i] = (unsigned char)(i / SIZE * 16 + i % 16);
    if (write(fd, content, sizeof(content)) != (ssize_t)sizeof(content))
        bail("write: %s", strerror(errno));
    make_ring(&ring, 8, 0);
    is_cqe(provide(&ring, 0, COUNT), 1, 0, 0, "four buffers handed over");
    for (unsigned i = 0; i < COUNT; i++) {
        int id;

        got = select_read(&ring, fd, i * SIZE);
        is_int(got.res, SIZE, "read %u", i);
        id = buffer_of(got);
        if (!ok(id >= 0 && id < COUNT && !(used & 1U << id), "has a buffer of its own"))
            continue;
        used |= 1U << id;
        is_mem(memory[id], content + i * SIZE, SIZE, "with the data");
    }
    is_int(used, 15, "four reads use four buffers");
    got = select_read(&ring, fd, 0);
    is_cqe(got, 2, -ENOBUFS, 0, "a fifth read");

    memset(memory[2], 0, SIZE);
    is_cqe(provide(&ring, 2, 1), 1, 0, 0, "buffer 2 handed over again");
    got = select_read(&ring, fd, 5 * SIZE);
    is_cqe(got, 2, SIZE, IORING_CQE_F_BUFFER | 2U << IORING_CQE_BUFFER_SHIFT, "the next read");
    memcpy(expected, content + 5 * SIZE, SIZE);
    is_mem(memory[2], expected, SIZE, "its data are in buffer 2");
    close(fd);
    rota_queue_exit(&ring);
}

static void test_remove(void)
{
    struct io_uring_sqe *sqe;
    struct rota_ring ring;
    uint16_t head = 7;
    int fd = temporary_file(), err = 0;

    if (write(fd, memory, SIZE) != SIZE)
        bail("write: %s", strerror(errno));
    make_ring(&ring, 8, 0);
    sqe = must_get_sqe(&ring);
    rota_prep_remove_buffers(sqe, 1, GROUP);
    is_int(run_one(&ring).res, -ENOENT, "there is no such group");
    is_cqe(provide(&ring, 0, COUNT), 1, 0, 0, "four buffers handed over");
    is_int(rota_buf_ring_head(&ring, GROUP, &head), -EINVAL, "the group has no ring");
    is_int(head, 7, "nor a head");
    is_int(rota_free_buf_ring(&ring, NULL, COUNT, GROUP), -EINVAL, "that could be freed");
    ok(!rota_setup_buf_ring(&ring, COUNT, GROUP, 0, &err), "and cannot have one");
    ok(err == -EEXIST || err == -EINVAL, "because it exists, or the kernel is older than 5.19");
    sqe = must_get_sqe(&ring);
    rota_prep_remove_buffers(sqe, 3, GROUP);
    is_int(run_one(&ring).res, 3, "three are taken back");
    is_int(select_read(&ring, fd, 0).res, SIZE, "one is left");
    is_int(select_read(&ring, fd, 0).res, -ENOBUFS, "only one");
    is_cqe(provide(&ring, 1, 2), 1, 0, 0, "two handed over");
    sqe = must_get_sqe(&ring);
    rota_prep_remove_buffers(sqe, 9, GROUP);
    is_int(run_one(&ring).res, 2, "nine taken back are two");
    close(fd);
    rota_queue_exit(&ring);
}

static void test_socket(void)
{
    struct rota_ring ring;
    struct completion got;
    unsigned used = 0;
    int pair[2];

    make_ring(&ring, 8, 0);
    make_pair(pair, SOCK_STREAM);
    is_cqe(provide(&ring, 0, COUNT), 1, 0, 0, "four buffers handed over");
    for (unsigned i = 0; i < COUNT; i++) {
        char text[8];
        int id;

        snprintf(text, sizeof(text), "data %u", i);
        must_send(pair[1], text, 7);
        got = select_recv(&ring, pair[0]);
        is_int(got.res, 7, "receive %u", i);
        id = buffer_of(got);
        if (!ok(id >= 0 && id < COUNT && !(used & 1U << id), "has a buffer of its own"))
            continue;
        used |= 1U << id;
        is_mem(memory[id], text, 7, "with the data");
    }
    must_send(pair[1], "more", 4);
    is_cqe(select_recv(&ring, pair[0]), 3, -ENOBUFS, 0, "a fifth receive");
    is_cqe(provide(&ring, 2, 1), 1, 0, 0, "buffer 2 handed over again");
    got = select_recv(&ring, pair[0]);
    is_int(got.res, 4, "the next receive has lost nothing");
    is_int(buffer_of(got), 2, "in buffer 2");
    is_mem(memory[2], "more", 4, "the data that waited");
    close(pair[0]);
    close(pair[1]);
    rota_queue_exit(&ring);
}

int main(void)
{
    struct footprint before = footprint();

    test_file();
    test_remove();
    test_socket();
    is_clean(before, "provided buffers");
    return done();
}
