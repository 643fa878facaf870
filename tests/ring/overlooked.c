/* SPDX-License-Identifier: MIT */
/*
 * What mutants of the core got away with: a submit that is cut short, polled
 * rings, memory that is dirty, indices of buffers that wrap, pieces that end
 * inside a buffer, and streams that overflow the queue.
 */
#include "support.h"

#include <sys/socket.h>

#define GROUP 5

/* Without SUBMIT_ALL the kernel stops behind an invalid request, and does not wait. */
static void test_short_submit(void)
{
    struct io_uring_cqe *cqe;
    struct rota_config config;
    struct rota_ring ring;

    unsigned found = 0;

    rota_config_plain(&config);
    is_int(rota_init(&ring, 8, &config), 0, "a ring whose waits go on after signals");
    for (unsigned i = 0; i < 5; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        rota_prep_nop(sqe);
        if (i == 1)
            sqe->opcode = 200;
        rota_sqe_set_data64(sqe, i);
    }
    is_int(rota_submit_and_wait(&ring, 5), 2, "a submit is cut short behind an invalid request");
    is_int(rota_sq_ready(&ring), 3, "the rest is in the queue, and was not sent behind");
    is_int(rota_cq_ready(&ring), 2, "two have completed");
    is_int(rota_submit_and_wait(&ring, 5), 3, "the rest goes next");
    is_int(rota_cq_ready(&ring), 5, "and is waited for");
    /* The refused one may come first: kernels before 5.19 post what succeeded at the end. */
    for (unsigned i = 0; i < 5 && !rota_peek_cqe(&ring, &cqe); i++) {
        ok(cqe->res == (cqe->user_data == 1 ? -EINVAL : 0), "request %u has its own result",
           (unsigned)cqe->user_data);
        found |= 1U << cqe->user_data;
        rota_cqe_seen(&ring, cqe);
    }
    is_int(found, 31, "each of the five has one");
    rota_queue_exit(&ring);
}

/* Which rings submit by the short path: those whose kernel does the rest. */
static void test_paths(void)
{
    static const struct {
        uint32_t flags;
        bool special;
        const char *name;
    } kinds[] = {
        {IORING_SETUP_SUBMIT_ALL, false, "SUBMIT_ALL"},
        {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, false, "DEFER_TASKRUN"},
        {IORING_SETUP_SQPOLL, true, "SQPOLL"},
        {IORING_SETUP_IOPOLL, true, "IOPOLL"},
        {IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY, true, "SQ_REWIND"},
    };
    struct rota_ring none, plain;

    memset(&none, 0, sizeof(none));
    make_ring(&plain, 8, 0);
    is_int(rota_queue_init(0, &none, 0), -EINVAL, "no ring");
    rota_on_submit(&plain, NULL, NULL); /* who looks at requests takes the general path */
    ok(plain.submit_and_wait != none.submit_and_wait, "a plain ring has a path of its own");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct rota_ring ring;

        if (rota_queue_init(8, &ring, kinds[i].flags) < 0) {
            skip(1, "%s: this kernel has none", kinds[i].name);
            continue;
        }
        rota_on_submit(&ring, NULL, NULL);
        ok(ring.submit_and_wait == (kinds[i].special ? none : plain).submit_and_wait, "%s: %s",
           kinds[i].name, kinds[i].special ? "by the general path" : "by the short one");
        rota_queue_exit(&ring);
    }
    rota_queue_exit(&plain);
}

static uint32_t brought(unsigned id, uint32_t more)
{
    return IORING_CQE_F_BUFFER | more | id << IORING_CQE_BUFFER_SHIFT;
}

/* The books of a manager are its own to clear; a tail of 16 bits wraps where they end. */
static void test_books(void)
{
    struct rota_buffers_config config = {.count = 4, .size = 64, .group = GROUP};
    size_t size = rota_buffers_memory_size(&config);
    struct rota_buffers buffers;
    struct rota_piece piece;
    struct rota_ring ring;
    bool all = true;
    void *memory = aligned_alloc(65536, (size + 65535) & ~(size_t)65535);

    make_ring(&ring, 8, 0);
    if (!memory)
        bail("memory");
    memset(memory, 0xff, size);
    config.memory = memory;
    config.memory_size = size;
    if (rota_buffers_init(&ring, &buffers, &config) < 0) {
        skip(1, "the kernel has no buffer rings (5.19)");
        rota_queue_exit(&ring);
        free(memory);
        return;
    }
    is_int(buffers.with_kernel, 4, "in dirty memory: all are the kernel's");
    is_int(rota_buffers_held(&buffers), 0, "and none the program's");
    for (uint32_t round = 0; round < 66000 && all; round++) {
        unsigned id = round % 4;

        all = rota_buffers_take_result(&buffers, 64, brought(id, 0), &piece) == 1 &&
              piece.id == id && piece.size == 64 && !piece.rest &&
              rota_buffers_held(&buffers) == 1 && !rota_buffers_give(&buffers, id) &&
              !rota_buffers_held(&buffers) && buffers.with_kernel == 4 &&
              buffers.br->tail == (uint16_t)(round + 5);
    }
    ok(all, "each can be taken and given 66000 times, and the tail is that of 16 bits");

    /* A bundle of a buffer and a half; what it began is not the kernel's any more. */
    is_int(rota_buffers_take_result(&buffers, 100, brought(0, 0), &piece), 1, "a bundle");
    is_int(piece.size, 64, "its first piece is a whole buffer");
    is_int(piece.rest, 36, "of which something is left");
    is_int(rota_buffers_next(&buffers, &piece), 1, "a second piece");
    is_int(piece.size, 36, "ends inside its buffer");
    is_int(piece.rest, 0, "with nothing left");
    is_int(piece.id, 1, "which is the next one");
    ok(piece.data == buffers.data + 64, "from its beginning");
    is_int(rota_buffers_next(&buffers, &piece), 0, "there is no third");
    is_int(buffers.with_kernel, 2, "two are the kernel's");
    is_int(rota_buffers_take_result(&buffers, 1, brought(1, 0), &piece), -EINVAL,
           "the second is not, though it was not full");
    is_int(rota_buffers_give(&buffers, 1), 0, "it goes back");
    is_int(rota_buffers_give(&buffers, 0), 0, "and the first");
    is_int(buffers.with_kernel, 4, "all are the kernel's again");
    is_int(buffers.br->bufs[(uint16_t)(buffers.tail - 2) & buffers.mask].len, 64,
           "with all of their bytes");
    rota_buffers_exit(&ring, &buffers);
    free(memory);
    rota_queue_exit(&ring);
}

/* The same with buffers that are used up bit by bit: the last one of a bundle stays the kernel's. */
static void test_incremental_bundle(void)
{
    struct rota_buffers_config config = {
        .count = 4, .size = 64, .group = GROUP, .flags = IOU_PBUF_RING_INC};
    struct rota_buffers buffers;
    struct rota_piece piece;
    struct rota_ring ring;

    make_ring(&ring, 8, 0);
    if (rota_buffers_init(&ring, &buffers, &config) < 0) {
        skip(1, "the kernel has no incremental buffers (6.12)");
        rota_queue_exit(&ring);
        return;
    }
    is_int(rota_buffers_take_result(&buffers, 100, brought(0, IORING_CQE_F_BUF_MORE), &piece), 1,
           "incremental: a bundle");
    is_int(rota_buffers_next(&buffers, &piece), 1, "of two pieces");
    is_int(piece.size, 36, "the second ends inside its buffer");
    is_int(buffers.with_kernel, 3, "which is still the kernel's");
    is_int(rota_buffers_take_result(&buffers, 28, brought(1, 0), &piece), 1, "the rest of it");
    ok(piece.data == buffers.data + 64 + 36, "begins where the first part ended");
    is_int(piece.size, 28, "and fills it");
    is_int(buffers.with_kernel, 2, "so that it is not the kernel's any more");
    is_int(rota_buffers_give(&buffers, 1), 0, "one of its pieces goes back");
    is_int(buffers.with_kernel, 2, "which is not enough");
    is_int(rota_buffers_give(&buffers, 1), 0, "then the other");
    is_int(buffers.with_kernel, 3, "and with it the buffer");
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
}

/* A multishot receive brings more than the queue holds: nothing is lost, nothing out of order. */
static void test_overflow(uint32_t flags, const char *kind)
{
    struct rota_buffers_config config = {.count = 64, .size = 64, .group = GROUP};
    struct rota_buffers buffers;
    struct rota_ring ring;
    struct rota_config how;
    unsigned expected = 0, starts = 0;
    bool right = true, active = false;
    int pair[2];

    rota_config_plain(&how);
    how.required_flags = flags;
    how.cq_entries = 4;
    if (rota_init(&ring, 4, &how) < 0) {
        skip(1, "%s: this kernel has no such ring", kind);
        return;
    }
    if (rota_buffers_init(&ring, &buffers, &config) < 0) {
        skip(1, "the kernel has no buffer rings (5.19)");
        rota_queue_exit(&ring);
        return;
    }
    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0)
        bail("socketpair: %s", strerror(errno));
    for (unsigned round = 0; round < 30 && right; round++) {
        unsigned upto = expected + 9; /* a datagram queue holds ten */

        if (!active) {
            struct io_uring_sqe *sqe = must_get_sqe(&ring);

            rota_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
            rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
            rota_sqe_set_buf_group(sqe, GROUP);
            right &= rota_submit(&ring) == 1;
            active = true;
            starts++;
        }
        for (unsigned i = expected; i < upto; i++)
            right &= write(pair[1], &i, sizeof(i)) == sizeof(i);
        right &= rota_get_events(&ring) == 0; /* all that the kernel can post, it posts now */
        while (expected < upto && right) {
            struct io_uring_cqe *cqe;
            struct rota_piece piece;

            right &= !rota_wait_cqe(&ring, &cqe) && cqe->res == sizeof(expected) &&
                     rota_buffers_take(&buffers, cqe, &piece) == 1 &&
                     !memcmp(piece.data, &expected, sizeof(expected)) &&
                     !rota_buffers_give(&buffers, piece.id);
            expected++;
            active = cqe && cqe->flags & IORING_CQE_F_MORE;
            rota_cqe_seen(&ring, cqe);
            if (!active && expected < upto) {
                struct io_uring_sqe *sqe = must_get_sqe(&ring);

                rota_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
                rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
                rota_sqe_set_buf_group(sqe, GROUP);
                right &= rota_submit(&ring) == 1;
                active = true;
                starts++;
            }
        }
    }
    ok(right, "%s: a stream that overflows the queue is whole and in order", kind);
    is_int(expected, 270, "%s: all of it, with %u starts and %u overflows", kind, starts,
           rota_cq_overflows(&ring));
    ok(rota_cq_overflows(&ring) > 0 || starts > 1, "%s: which it did", kind);
    is_int(rota_cq_lost(&ring), 0, "%s: nothing is lost", kind);
    rota_queue_exit(&ring);
    rota_buffers_exit(&ring, &buffers);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    test_short_submit();
    test_paths();
    test_books();
    test_incremental_bundle();
    test_overflow(0, "plain");
    test_overflow(IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN");
    test_overflow(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN");
    return done();
}
