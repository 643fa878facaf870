/* SPDX-License-Identifier: MIT */
/*
 * The cycle of a provided buffer: reap a read that the kernel gave a buffer,
 * find the bytes, give the buffer back. The reads themselves are not counted.
 */
#include "side.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define COUNT 64u
#define SIZE  64u
#define GROUP 1

static RING ring;
static int zeros = -1;
static struct io_uring_buf_ring *br;
static unsigned char memory[COUNT * SIZE];

/* The program keeps the books: one store per buffer, the tail once for all of them. */
MEASURED uint64_t measured_ring(RING *r, struct io_uring_buf_ring *b, unsigned char *data)
{
    int mask = (int)COUNT - 1;
    uint64_t bytes = 0;
#if defined(SIDE_RAW)
    uint32_t head = r->cq_head, tail = rota_load_acquire(r->cq_ktail);
    uint16_t end = b->tail;

    for (; head != tail; head++) {
        const struct io_uring_cqe *cqe = &r->cqes[head & r->cq_mask];
        unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;
        struct io_uring_buf *buf = &((struct io_uring_buf *)(void *)b)[end++ & mask];

        bytes += (unsigned)cqe->res + data[id * SIZE];
        buf->addr = (uint64_t)(data + id * SIZE);
        buf->len = SIZE;
        buf->bid = (uint16_t)id;
    }
    rota_store_release16(&b->tail, end);
    r->cq_head = head;
    rota_store_release(r->cq_khead, head);
#else
    struct io_uring_cqe *cqe;
    unsigned head;
    int n = 0;

    R(for_each_cqe)(r, head, cqe)
    {
        unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

        bytes += (unsigned)cqe->res + data[id * SIZE];
        R(buf_ring_add)(b, data + id * SIZE, SIZE, (unsigned short)id, mask, n++);
    }
    R(buf_ring_cq_advance)(r, b, n);
#endif
    return bytes;
}

#if defined(SIDE_ROTA)
static struct rota_buffers buffers;

/* The library keeps the books, and shows each buffer as it comes back. */
MEASURED uint64_t measured_managed(RING *r)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;
    uint64_t bytes = 0;

    rota_for_each_cqe (r, head, cqe) {
        struct rota_piece piece;

        if (rota_buffers_take(&buffers, cqe, &piece) > 0) {
            bytes += piece.size + piece.data[0];
            rota_buffers_give(&buffers, piece.id);
        }
        seen++;
    }
    rota_cq_advance(r, seen);
    return bytes;
}
#endif

static const char *name(unsigned index)
{
    static const char *const names[] = {"buffer ring", "managed buffers", NULL};

    return names[index];
}

static int open_ring(unsigned index)
{
    int ret = side_init(&ring, COUNT, KIND_DEFAULT);

    zeros = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    if (ret < 0)
        return ret;
#if defined(SIDE_ROTA)
    if (index) {
        struct rota_buffers_config config = {.count = COUNT, .size = SIZE, .group = GROUP};

        return rota_buffers_init(&ring, &buffers, &config);
    }
#endif
    if (index)
        return -ENOSYS;
#if defined(SIDE_RAW)
    br = mmap(NULL, COUNT * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE,
              MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    struct io_uring_buf_reg reg = {.ring_addr = (uint64_t)br, .ring_entries = COUNT, .bgid = GROUP};
    ret = rota_register((unsigned)ring.fd, IORING_REGISTER_PBUF_RING, &reg, 1);
    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < COUNT; i++) {
        struct io_uring_buf *buf = &((struct io_uring_buf *)(void *)br)[i];

        buf->addr = (uint64_t)(memory + i * SIZE);
        buf->len = SIZE;
        buf->bid = (uint16_t)i;
    }
    rota_store_release16(&br->tail, COUNT);
#else
    br = R(setup_buf_ring)(&ring, COUNT, GROUP, 0, &ret);
    if (!br)
        return ret;
    for (unsigned i = 0; i < COUNT; i++)
        R(buf_ring_add)(br, memory + i * SIZE, SIZE, (unsigned short)i, (int)COUNT - 1, (int)i);
    R(buf_ring_advance)(br, (int)COUNT);
#endif
    return 0;
}

static uint64_t run(unsigned index, unsigned times)
{
    uint64_t done = 0, bytes;

    for (; done < times; done += COUNT) {
        for (unsigned i = 0; i < COUNT; i++) {
            struct io_uring_sqe *sqe = R(get_sqe)(&ring);

            PREP(read)(sqe, zeros, NULL, SIZE, 0);
            sqe->flags |= IOSQE_BUFFER_SELECT;
            sqe->buf_group = GROUP;
        }
        if (R(submit_and_wait)(&ring, COUNT) != (int)COUNT)
            return 0;
#if defined(SIDE_ROTA)
        bytes = index ? measured_managed(&ring) : measured_ring(&ring, br, memory);
#else
        (void)index;
        bytes = measured_ring(&ring, br, memory);
#endif
        if (bytes != COUNT * SIZE)
            return 0;
    }
    return done;
}

static void close_ring(void)
{
#if defined(SIDE_ROTA)
    rota_buffers_exit(&ring, &buffers);
#endif
    R(queue_exit)(&ring);
    close(zeros);
}

const struct bench OF(buffers) = {"buffers", TEXT(SIDE), name, open_ring, run, close_ring};
