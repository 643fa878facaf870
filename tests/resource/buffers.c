/* SPDX-License-Identifier: MIT */
/* Managed buffers: who owns what, multishot receives that run dry, pieces of buffers, bundles. */
#include "resource.h"

#define GROUP 109 /* kernels such as 6.1 do not start groups below 64 anew */

static void multishot(struct rota_ring *ring, int fd, uint64_t user_data)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    rota_sqe_set_buf_group(sqe, GROUP);
    rota_sqe_set_data64(sqe, user_data);
    submits(ring, 1);
}

/* One receive that takes a buffer, or as many as it needs. */
static void receive(struct rota_ring *ring, int fd, bool bundle)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_recv(sqe, fd, NULL, 0, 0);
    rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    rota_sqe_set_buf_group(sqe, GROUP);
    if (bundle)
        sqe->ioprio |= IORING_RECVSEND_BUNDLE;
    submits(ring, 1);
}

static struct io_uring_cqe *must_wait(struct rota_ring *ring)
{
    struct __kernel_timespec limit = {10, 0};
    struct io_uring_cqe *cqe;
    int ret = rota_wait_cqe_timeout(ring, &cqe, &limit);

    if (ret < 0)
        bail("no completion: %s", strerror(-ret));
    return cqe;
}

/* Takes the next completion's only piece, checks its text, and returns its buffer. */
static int take_text(struct rota_ring *ring, struct rota_buffers *buffers, const char *text)
{
    struct io_uring_cqe *cqe = must_wait(ring);
    struct rota_piece piece;
    int ret = rota_buffers_take(buffers, cqe, &piece);

    rota_cqe_seen(ring, cqe);
    if (!is_int(ret, 1, "a buffer with \"%s\"", text))
        return -1;
    is_int(piece.size, strlen(text), "of this size");
    is_mem(piece.data, text, strlen(text), "with this text");
    is_int(piece.rest, 0, "and no more");
    return piece.id;
}

static void owns(const struct rota_buffers *buffers, unsigned kernel, unsigned program)
{
    is_int(rota_buffers_with_kernel(buffers), kernel, "%u buffers are the kernel's", kernel);
    is_int(rota_buffers_held(buffers), program, "%u the program's", program);
}

static bool make_buffers(struct rota_ring *ring, struct rota_buffers *buffers, uint32_t count,
                         uint32_t size, uint16_t flags, uint32_t options)
{
    struct rota_buffers_config config = {
        .count = count, .size = size, .group = GROUP, .flags = flags, .options = options};
    int ret = rota_buffers_init(ring, buffers, &config);

    if (ret == -EINVAL)
        return false;
    if (ret < 0)
        bail("rota_buffers_init: %s", strerror(-ret));
    return true;
}

static void test_multishot(void)
{
    struct rota_buffers buffers;
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    struct completion got;
    int pair[2], ids[4];

    make_ring(&ring, 16, 0);
    make_pair(pair, SOCK_DGRAM);
    make_buffers(&ring, &buffers, 4, 64, 0, 0);
    owns(&buffers, 4, 0);
    multishot(&ring, pair[0], 1);
    must_send(pair[1], "one", 3);
    {
        struct io_uring_cqe *cqe = must_wait(&ring);

        if (cqe->res == -EINVAL) {
            skip(1, "no multishot receives (6.0)");
            goto end;
        }
        ok(rota_cqe_has_more(cqe), "there will be more");
    }
    ids[0] = take_text(&ring, &buffers, "one");
    owns(&buffers, 3, 1);
    must_send(pair[1], "two", 3);
    must_send(pair[1], "three", 5);
    must_send(pair[1], "four", 4);
    must_send(pair[1], "five", 4);
    ids[1] = take_text(&ring, &buffers, "two");
    ids[2] = take_text(&ring, &buffers, "three");
    ids[3] = take_text(&ring, &buffers, "four");
    owns(&buffers, 0, 4);
    is_cqe(next_cqe(&ring), 1, -ENOBUFS, 0, "the receive has run dry");

    is_int(rota_buffers_give(&buffers, (unsigned)ids[2]), 0, "one buffer goes back");
    owns(&buffers, 1, 3);
    is_int(rota_buffers_give(&buffers, (unsigned)ids[2]), -EINVAL, "once");
    is_int(rota_buffers_give(&buffers, 4), -EINVAL, "one that is none does not");
    owns(&buffers, 1, 3);
    multishot(&ring, pair[0], 2);
    is_int(take_text(&ring, &buffers, "five"), ids[2], "which is used next");
    is_cqe(next_cqe(&ring), 2, -ENOBUFS, 0, "dry again, the receive");
    is_int(rota_buffers_give(&buffers, (unsigned)ids[0]), 0, "another one");
    is_int(rota_buffers_give(&buffers, (unsigned)ids[1]), 0, "and another");
    multishot(&ring, pair[0], 2);
    must_send(pair[1], "six", 3);
    is_int(take_text(&ring, &buffers, "six"), ids[0], "in the order in which they went");
    owns(&buffers, 1, 3);

    sqe = must_get_sqe(&ring);
    rota_prep_cancel64(sqe, 2, 0);
    rota_sqe_set_data64(sqe, 3);
    submits(&ring, 1);
    for (unsigned i = 0; i < 2; i++) {
        got = next_cqe(&ring);
        if (got.user_data == 2)
            is_cqe(got, 2, -ECANCELED, 0, "the receive");
        else
            is_cqe(got, 3, 0, 0, "its cancellation");
    }
    owns(&buffers, 1, 3);
    for (unsigned id = 0; id < 4; id++)
        (void)rota_buffers_give(&buffers, id);
    owns(&buffers, 4, 0);
end:
    rota_buffers_exit(&ring, &buffers);
    is_int(buffers.count, 0, "the group has ended");
    rota_buffers_exit(&ring, &buffers);
    close(pair[0]);
    close(pair[1]);
    rota_queue_exit(&ring);
}

static void test_refused(void)
{
    struct rota_buffers buffers;
    struct rota_piece piece;
    struct rota_ring ring;
    struct io_uring_cqe cqe;

    make_ring(&ring, 8, 0);
    make_buffers(&ring, &buffers, 3, 64, 0, 0);
    memset(&cqe, 0, sizeof(cqe));
    memset(&piece, 0xa5, sizeof(piece));
    cqe.res = 5;
    is_int(rota_buffers_take(&buffers, &cqe, &piece), 0, "a CQE without buffer");
    ok(!piece.data && !piece.size && !piece.rest, "has no piece");
    cqe.flags = IORING_CQE_F_BUFFER | 3U << IORING_CQE_BUFFER_SHIFT;
    is_int(rota_buffers_take(&buffers, &cqe, &piece), -EINVAL, "one of another group");
    cqe.flags = IORING_CQE_F_BUFFER | 1U << IORING_CQE_BUFFER_SHIFT;
    is_int(rota_buffers_take(&buffers, &cqe, &piece), 1, "one of this group");
    is_int(piece.id, 1, "has the buffer");
    ok(piece.data == rota_buffers_data(&buffers, 1), "at its start");
    is_int(rota_buffers_next(&buffers, &piece), 0, "and no other");
    is_int(rota_buffers_take(&buffers, &cqe, &piece), -EINVAL, "taken once only");
    ok(!piece.data && !piece.size && !piece.rest, "leaves no piece");
    owns(&buffers, 2, 1);
    cqe.res = -EIO;
    cqe.flags = IORING_CQE_F_BUFFER | 2U << IORING_CQE_BUFFER_SHIFT;
    is_int(rota_buffers_take(&buffers, &cqe, &piece), 1, "a failure that has used a buffer");
    is_int(piece.size, 0, "has no data");
    is_int(rota_buffers_give(&buffers, 2), 0, "and gives the buffer back");
    is_int(rota_buffers_give(&buffers, 1), 0, "so does the other");
    owns(&buffers, 3, 0);
    ok(!rota_buffers_data(&buffers, 3), "there is no fourth");
    is_int(rota_buffers_provide(&buffers, 0, 8), -EINVAL, "the kernel's cannot be provided");
    cqe.res = 5;
    cqe.flags = IORING_CQE_F_BUFFER | IORING_CQE_F_BUF_MORE;
    is_int(rota_buffers_take(&buffers, &cqe, &piece), 1, "a first piece");
    cqe.flags = IORING_CQE_F_BUFFER;
    is_int(rota_buffers_take(&buffers, &cqe, &piece), 1, "and a second of the same buffer");
    owns(&buffers, 2, 1);
    is_int(rota_buffers_provide(&buffers, 0, 8), -EINVAL, "cannot be provided as one");
    is_int(rota_buffers_give(&buffers, 0), 0, "but when one has gone back");
    is_int(rota_buffers_provide(&buffers, 0, 8), 0, "the other can");
    owns(&buffers, 3, 0);
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
}

static void test_incremental(void)
{
    struct rota_buffers buffers;
    struct rota_ring ring;
    int pair[2], id;

    make_ring(&ring, 8, 0);
    if (!make_buffers(&ring, &buffers, 2, 40, IOU_PBUF_RING_INC, 0)) {
        skip(1, "no buffers that are used piece by piece (6.12)");
        rota_queue_exit(&ring);
        return;
    }
    make_pair(pair, SOCK_STREAM);
    must_send(pair[1], "0123456789", 10);
    receive(&ring, pair[0], false);
    id = take_text(&ring, &buffers, "0123456789");
    owns(&buffers, 2, 1);
    must_send(pair[1], "abcdefghij", 10);
    receive(&ring, pair[0], false);
    is_int(take_text(&ring, &buffers, "abcdefghij"), id, "from the same buffer");
    is_int(memcmp(rota_buffers_data(&buffers, (unsigned)id), "0123456789abcdefghij", 20), 0,
           "behind the first");
    is_int(rota_buffers_give(&buffers, (unsigned)id), 0, "one piece goes back");
    owns(&buffers, 2, 1);
    must_send(pair[1], "ABCDEFGHIJKLMNOPQRSTUVWXYZ", 26);
    receive(&ring, pair[0], false);
    is_int(take_text(&ring, &buffers, "ABCDEFGHIJKLMNOPQRST"), id, "what fills the buffer");
    owns(&buffers, 1, 1);
    receive(&ring, pair[0], false);
    ok(take_text(&ring, &buffers, "UVWXYZ") != id, "the rest from the next one");
    owns(&buffers, 1, 2);
    is_int(rota_buffers_give(&buffers, (unsigned)id), 0, "the second piece");
    owns(&buffers, 1, 2);
    is_int(rota_buffers_give(&buffers, (unsigned)id), 0, "the last one");
    owns(&buffers, 2, 1);
    is_int(rota_buffers_give(&buffers, (unsigned)id), -EINVAL, "there was no fourth");
    is_int(rota_buffers_give(&buffers, (unsigned)id ^ 1), 0, "the other buffer's piece");
    owns(&buffers, 2, 0);

    /* Over and over: the pieces of two buffers, in a stream that must not tear. */
    {
        unsigned char next = 0, sent = 0;
        bool same = true;

        for (unsigned round = 0; round < 500 && same; round++) {
            unsigned char text[64];
            unsigned size = round % 23 + 1, got = 0;

            for (unsigned i = 0; i < size; i++)
                text[i] = sent++;
            if (send(pair[1], text, size, 0) != (ssize_t)size)
                break;
            while (got < size && same) {
                struct io_uring_sqe *sqe = must_get_sqe(&ring);
                struct io_uring_cqe *cqe = NULL;
                struct rota_piece piece = {.size = 0};

                rota_prep_recv(sqe, pair[0], NULL, 0, 0);
                rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
                rota_sqe_set_buf_group(sqe, GROUP);
                same = rota_submit_and_wait(&ring, 1) == 1 && !rota_peek_cqe(&ring, &cqe) &&
                       rota_buffers_take(&buffers, cqe, &piece) == 1 && piece.size > 0;
                for (unsigned i = 0; same && i < piece.size; i++)
                    same = piece.data[i] == next++;
                got += piece.size;
                same = same && rota_buffers_give(&buffers, piece.id) == 0;
                rota_cqe_seen(&ring, cqe);
            }
        }
        ok(same, "500 messages in pieces, all bytes in order");
        is_int(next, sent, "to the last");
        owns(&buffers, 2, 0);
    }
    close(pair[0]);
    close(pair[1]);
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
}

/* Takes all pieces of the next completion and puts them together. */
static size_t take_all(struct rota_ring *ring, struct rota_buffers *buffers, char *text,
                       uint16_t *ids, unsigned *count)
{
    struct io_uring_cqe *cqe = must_wait(ring);
    struct rota_piece piece;
    size_t size = 0;
    int ret;

    *count = 0;
    for (ret = rota_buffers_take(buffers, cqe, &piece); ret > 0;
         ret = rota_buffers_next(buffers, &piece)) {
        memcpy(text + size, piece.data, piece.size);
        size += piece.size;
        ids[(*count)++] = piece.id;
    }
    is_int(ret, 0, "all pieces of %d bytes are found", cqe->res);
    rota_cqe_seen(ring, cqe);
    return size;
}

static void test_bundle(uint16_t flags)
{
    static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRST";
    struct rota_buffers buffers;
    struct rota_ring ring;
    unsigned most = 0;
    int pair[2];

    make_ring(&ring, 8, 0);
    if (!(ring.features & IORING_FEAT_RECVSEND_BUNDLE) ||
        !make_buffers(&ring, &buffers, 4, 16, flags, 0)) {
        skip(1, "no bundles (6.10), or none with flags %u", flags);
        rota_queue_exit(&ring);
        return;
    }
    make_pair(pair, SOCK_STREAM);
    for (unsigned round = 0; round < 20; round++) {
        char text[64];
        size_t got = 0;

        must_send(pair[1], alphabet, 56);
        while (got < 56) {
            uint16_t ids[8];
            unsigned count;
            size_t size;

            receive(&ring, pair[0], true);
            /* How many buffers it takes at once is up to the kernel. */
            size = take_all(&ring, &buffers, text + got, ids, &count);
            got += size;
            most = count > most ? count : most;
            is_int(rota_buffers_held(&buffers), count, "the program holds the %u of them", count);
            /* They go back in another order, which is that of the next bundle. */
            for (unsigned i = 0; i < count; i++)
                is_int(rota_buffers_give(&buffers, ids[(i + round) % count]), 0, "one goes back");
            owns(&buffers, 4, 0);
            if (!size)
                break;
        }
        is_mem(text, alphabet, 56, "round %u: all bytes in order", round);
    }
    if (most > 1)
        ok(most <= 4, "up to %u buffers came at once", most);
    else
        skip(1, "this kernel fills one buffer at a time");
    close(pair[0]);
    close(pair[1]);
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
}

static void test_send_bundle(void)
{
    struct rota_buffers buffers;
    struct io_uring_sqe *sqe;
    struct rota_ring ring;
    unsigned count;
    uint16_t ids[8];
    char text[64];
    int pair[2];

    make_ring(&ring, 8, 0);
    make_buffers(&ring, &buffers, 4, 16, 0, ROTA_BUFFERS_HELD);
    owns(&buffers, 0, 4);
    if (!(ring.features & IORING_FEAT_RECVSEND_BUNDLE)) {
        skip(1, "no bundles (6.10)");
        goto end;
    }
    make_pair(pair, SOCK_STREAM);
    memcpy(rota_buffers_data(&buffers, 2), "hello ", 6);
    memcpy(rota_buffers_data(&buffers, 0), "wide ", 5);
    memcpy(rota_buffers_data(&buffers, 3), "world", 5);
    is_int(rota_buffers_provide(&buffers, 2, 17), -EINVAL, "more than it holds");
    is_int(rota_buffers_provide(&buffers, 2, 0), -EINVAL, "nothing");
    is_int(rota_buffers_provide(&buffers, 4, 1), -EINVAL, "no buffer");
    is_int(rota_buffers_provide(&buffers, 2, 6), 0, "six bytes to send");
    is_int(rota_buffers_provide(&buffers, 2, 6), -EINVAL, "which are the kernel's now");
    is_int(rota_buffers_provide(&buffers, 0, 5), 0, "five more");
    is_int(rota_buffers_provide(&buffers, 3, 5), 0, "and the last five");
    owns(&buffers, 3, 1);
    sqe = must_get_sqe(&ring);
    rota_prep_send_bundle(sqe, pair[1], 0, 0);
    rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    rota_sqe_set_buf_group(sqe, GROUP);
    submits(&ring, 1);
    is_int(take_all(&ring, &buffers, text, ids, &count), 16, "16 bytes are sent at once");
    is_int(count, 3, "from three buffers");
    ok(ids[0] == 2 && ids[1] == 0 && ids[2] == 3, "in the order in which they were provided");
    owns(&buffers, 0, 4);
    is_int(recv(pair[0], text, sizeof(text), 0), 16, "they arrive");
    is_mem(text, "hello wide world", 16, "in order");
    close(pair[0]);
    close(pair[1]);
end:
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
}

/* Many datagrams through few buffers that go back late and in any order. */
static void test_stress(uint16_t flags)
{
    struct rota_buffers buffers;
    struct rota_ring ring;
    uint16_t held[50];
    unsigned count = 0, seed = 1;
    uint32_t received = 0;
    bool good = true;
    int pair[2];

    make_ring(&ring, 8, 0);
    if (!make_buffers(&ring, &buffers, 50, 100, flags, 0)) {
        skip(1, "no group with flags %u", flags);
        rota_queue_exit(&ring);
        return;
    }
    make_pair(pair, SOCK_DGRAM);
    while (received < 20000 && good) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);
        struct io_uring_cqe *cqe;
        struct rota_piece piece;

        seed = seed * 1103515245 + 12345;
        while (count && (count == 50 || (seed >> 16) % 3 == 0)) {
            unsigned which = (seed >> 8) % count;

            good = good && rota_buffers_give(&buffers, held[which]) == 0;
            held[which] = held[--count];
            seed = seed * 1103515245 + 12345;
        }
        must_send(pair[1], &received, sizeof(received));
        rota_prep_recv(sqe, pair[0], NULL, 0, 0);
        rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
        rota_sqe_set_buf_group(sqe, GROUP);
        good = good && rota_submit_and_wait(&ring, 1) == 1 && !rota_peek_cqe(&ring, &cqe) &&
               rota_buffers_take(&buffers, cqe, &piece) == 1 && piece.size == 4 &&
               !memcmp(piece.data, &received, 4);
        if (!good)
            break;
        rota_cqe_seen(&ring, cqe);
        held[count++] = piece.id;
        received++;
        good = buffers.with_kernel + buffers.held == 50 && buffers.held == count;
    }
    ok(good, "20000 datagrams through 50 buffers, flags %u", flags);
    is_int(received, 20000, "to the last");
    close(pair[0]);
    close(pair[1]);
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
}

static void test_memory(void)
{
    struct rota_buffers_config config = {.count = 5, .size = 4096, .group = GROUP};
    struct footprint before;
    struct rota_buffers buffers;
    struct rota_ring ring;
    size_t size = rota_buffers_memory_size(&config);
    unsigned char *memory;
    int pair[2], id;

    make_ring(&ring, 8, 0);
    make_pair(pair, SOCK_STREAM);
    ok(size >= 5 * 4096 + 8 * 16, "five pages and a ring need memory");
    memory = mmap(NULL, size + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    before = footprint();
    memset(memory, 0xa5, size + 4096);
    config.memory = memory;
    config.memory_size = size - 1;
    is_int(rota_buffers_init(&ring, &buffers, &config), -ENOMEM, "a byte too few");
    config.memory_size = size;
    config.memory = memory + 8;
    is_int(rota_buffers_init(&ring, &buffers, &config), -EINVAL, "not at the start of a page");
    config.memory = memory;
    is_int(rota_buffers_init(&ring, &buffers, &config), 0, "the caller's memory");
    ok(in_valgrind() || footprint().bytes == before.bytes, "and no other");
    for (unsigned i = 0; i < 5; i++) {
        unsigned char *data = rota_buffers_data(&buffers, i);

        ok((uintptr_t)data % 4096 == 0 && data >= memory && data + 4096 <= memory + size,
           "buffer %u starts on a page in it", i);
    }
    must_send(pair[1], "mine", 4);
    receive(&ring, pair[0], false);
    id = take_text(&ring, &buffers, "mine");
    is_int(rota_buffers_give(&buffers, (unsigned)id), 0, "back");
    rota_buffers_exit(&ring, &buffers);
    is_mem(memory + size, "\xa5\xa5\xa5\xa5", 4, "nothing behind it was written");
    is_clean(before, "buffers in the caller's memory");
    munmap(memory, size + 4096);

    before = footprint();
    config.memory = NULL;
    config.options = ROTA_BUFFERS_HUGE;
    is_int(rota_buffers_init(&ring, &buffers, &config), 0, "huge pages, or none");
    if (buffers.options & ROTA_BUFFERS_HUGE)
        is_int(buffers.memory_size, 1 << 21, "in a huge page");
    else
        diag("there are no huge pages");
    must_send(pair[1], "huge", 4);
    receive(&ring, pair[0], false);
    ok(take_text(&ring, &buffers, "huge") >= 0, "they work");
    rota_buffers_exit(&ring, &buffers);
    is_clean(before, "huge buffers");

    config.options = 0;
    config.flags = IOU_PBUF_RING_MMAP;
    if (rota_buffers_init(&ring, &buffers, &config) == -EINVAL) {
        skip(1, "no rings in the kernel's memory (6.4)");
    } else {
        must_send(pair[1], "kernel", 6);
        receive(&ring, pair[0], false);
        ok(take_text(&ring, &buffers, "kernel") >= 0, "a ring in the kernel's memory");
        rota_buffers_exit(&ring, &buffers);
    }
    is_clean(before, "a ring in the kernel's memory");
    close(pair[0]);
    close(pair[1]);
    rota_queue_exit(&ring);
}

static void test_config(void)
{
    const struct rota_buffers_config good = {.count = 4, .size = 64, .group = GROUP};
    struct rota_buffers_config bad;
    struct rota_buffers buffers, other;
    struct rota_ring ring;

    make_ring(&ring, 8, 0);
#define REFUSED(what, ...)                                                     \
    do {                                                                       \
        bad = good;                                                            \
        __VA_ARGS__;                                                           \
        is_int(rota_buffers_init(&ring, &buffers, &bad), -EINVAL, "%s", what); \
        is_int(buffers.count, 0, "leaves nothing");                            \
        rota_buffers_exit(&ring, &buffers);                                    \
    } while (0)
    REFUSED("no buffer", bad.count = 0);
    REFUSED("more than 32768", bad.count = 32769);
    REFUSED("empty buffers", bad.size = 0);
    REFUSED("buffers above 1 GiB", bad.size = (1U << 30) + 1);
    REFUSED("an unknown option", bad.options = 8);
    REFUSED("a reserved member", bad.reserved0 = 1);
    REFUSED("another reserved member", bad.reserved[1] = 1);
    REFUSED("a flag of the future", bad.flags = 0x8000);
    is_int(rota_buffers_memory_size(&bad) != 0, 1, "whose size is known");
    bad.count = 0;
    is_int(rota_buffers_memory_size(&bad), 0, "that of no buffers is not");
    is_int(rota_buffers_init_sized(&ring, &buffers, 8, &good), -EINVAL, "an older program");
    is_int(rota_buffers_init(&ring, &buffers, &good), 0, "a good one");
    is_int(rota_buffers_init(&ring, &other, &good), -EEXIST, "the same group again");
    owns(&buffers, 4, 0);
    rota_queue_exit(&ring);
    rota_buffers_exit(&ring, &buffers);
    is_int(buffers.count, 0, "it can end after its ring");
}

static void test_faults(uint16_t flags, uint32_t options, int faults)
{
    struct rota_buffers_config config = {
        .count = 4, .size = 64, .group = GROUP, .flags = flags, .options = options};
    struct footprint before;
    struct rota_buffers buffers;
    struct rota_ring ring;
    int at;

    make_fault_ring(&ring, 8, 0);
    before = footprint();
    for (at = 1; at < 10; at++) {
        int ret;

        arm_fault(at, -ENOMEM);
        ret = rota_buffers_init(&ring, &buffers, &config);
        if (!disarm_fault()) {
            is_int(ret, 0, "nothing else can fail");
            rota_buffers_exit(&ring, &buffers);
            break;
        }
        if (options & ROTA_BUFFERS_HUGE && at == 1) {
            is_int(ret, 0, "without huge pages");
            ok(!(buffers.options & ROTA_BUFFERS_HUGE), "normal ones are taken");
            rota_buffers_exit(&ring, &buffers);
        } else {
            is_int(ret, -ENOMEM, "call %d fails, flags %u", at, flags);
            is_int(buffers.count, 0, "no group");
        }
        is_clean(before, "a failed set-up");
    }
    is_int(at, faults + 1, "%d calls can fail", faults);
    rota_queue_exit(&ring);
}

int main(void)
{
    struct footprint before = footprint();
    struct rota_buffers buffers;
    struct rota_ring ring;
    bool kernel_memory;

    make_ring(&ring, 8, 0);
    if (!make_buffers(&ring, &buffers, 2, 16, 0, 0))
        skip_all("the kernel has no rings of buffers (5.19)");
    rota_buffers_exit(&ring, &buffers);
    kernel_memory = make_buffers(&ring, &buffers, 2, 16, IOU_PBUF_RING_MMAP, 0);
    rota_buffers_exit(&ring, &buffers);
    rota_queue_exit(&ring);
    test_multishot();
    test_refused();
    test_incremental();
    test_bundle(0);
    test_bundle(IOU_PBUF_RING_INC);
    test_send_bundle();
    test_stress(0);
    test_stress(IOU_PBUF_RING_MMAP);
    test_memory();
    test_config();
    test_faults(0, 0, 2);
    if (kernel_memory)
        test_faults(IOU_PBUF_RING_MMAP, 0, 3);
    is_clean(before, "managed buffers");
    return done();
}
