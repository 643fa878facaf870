/* SPDX-License-Identifier: MIT */
/* Rings of provided buffers by hand: of one, of two, the kernel's memory, what is refused. */
#include "resource.h"

#define GROUP 100 /* kernels such as 6.1 do not start groups below 64 anew */
#define SIZE  32

static struct completion select_recv(struct rota_ring *ring, int fd)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_recv(sqe, fd, NULL, 0, 0);
    rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    rota_sqe_set_buf_group(sqe, GROUP);
    rota_sqe_set_data64(sqe, 1);
    return run_one(ring);
}

static unsigned with_buffer(unsigned id)
{
    return IORING_CQE_F_BUFFER | id << IORING_CQE_BUFFER_SHIFT;
}

/* A receive leaves F_SOCK_NONEMPTY when there is more: not what this is about. */
static struct completion plain(struct completion got)
{
    got.flags &= ~(unsigned)IORING_CQE_F_SOCK_NONEMPTY;
    return got;
}

static void test_one(struct rota_ring *ring)
{
    char buffer[SIZE];
    struct io_uring_buf_ring *br;
    int pair[2], mask = rota_buf_ring_mask(1), err = 1;

    make_pair(pair, SOCK_STREAM);
    br = rota_setup_buf_ring(ring, 1, GROUP, 0, &err);
    ok(br, "a ring of one buffer");
    is_int(err, 0, "without error");
    must_send(pair[1], "early", 5);
    is_cqe(select_recv(ring, pair[0]), 1, -ENOBUFS, 0, "a receive without buffers");
    for (unsigned i = 0; i < 3; i++) {
        rota_buf_ring_add(br, buffer, SIZE, 0, mask, 0);
        rota_buf_ring_advance(br, 1);
        is_cqe(select_recv(ring, pair[0]), 1, 5, with_buffer(0), "a receive with the buffer");
        is_mem(buffer, i ? "later" : "early", 5, "which has the data");
        must_send(pair[1], "later", 5);
        is_cqe(select_recv(ring, pair[0]), 1, -ENOBUFS, 0, "a receive before it is back");
    }
    is_int(rota_free_buf_ring(ring, br, 1, GROUP), 0, "the group ends");
    is_int(rota_free_buf_ring(ring, br, 1, GROUP), -ENOENT, "once");
    close(pair[0]);
    close(pair[1]);
}

static void test_two(struct rota_ring *ring)
{
    static const char message[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    char buffers[2][16];
    struct io_uring_buf_ring *br;
    int pair[2], mask = rota_buf_ring_mask(2), err;
    uint16_t head = 99;

    make_pair(pair, SOCK_STREAM);
    br = rota_setup_buf_ring(ring, 2, GROUP, 0, &err);
    for (unsigned short i = 0; i < 2; i++)
        rota_buf_ring_add(br, buffers[i], 16, (unsigned short)(7 + i), mask, i);
    rota_buf_ring_advance(br, 2);
    must_send(pair[1], message, 36);
    is_cqe(plain(select_recv(ring, pair[0])), 1, 16, with_buffer(7), "the first 16 bytes");
    is_mem(buffers[0], message, 16, "are in the first buffer");
    is_cqe(plain(select_recv(ring, pair[0])), 1, 16, with_buffer(8), "the next 16");
    is_mem(buffers[1], message + 16, 16, "are in the second");
    is_cqe(select_recv(ring, pair[0]), 1, -ENOBUFS, 0, "the rest has no buffer");
    rota_buf_ring_add(br, buffers[1], 16, 8, mask, 0);
    rota_buf_ring_advance(br, 1);
    is_cqe(select_recv(ring, pair[0]), 1, 4, with_buffer(8), "the last 4 bytes");
    is_mem(buffers[1], message + 32, 4, "are in the buffer that came back");

    if (rota_buf_ring_head(ring, GROUP, &head) == -EINVAL) {
        skip(5, "the kernel does not tell how far it is (6.8)");
    } else {
        is_int(head, 3, "three buffers are consumed");
        is_int(rota_buf_ring_available(ring, br, GROUP), 0, "none is left");
        rota_buf_ring_add(br, buffers[0], 16, 7, mask, 0);
        rota_buf_ring_add(br, buffers[1], 16, 8, mask, 1);
        rota_buf_ring_advance(br, 2);
        is_int(rota_buf_ring_available(ring, br, GROUP), 2, "two are");
        head = 99;
        is_int(rota_buf_ring_head(ring, GROUP + 1, &head), -ENOENT, "no such group");
        is_int(head, 99, "tells nothing");
    }
    is_int(rota_free_buf_ring(ring, br, 2, GROUP), 0, "the group ends");
    close(pair[0]);
    close(pair[1]);
}

/* The tail is 16 bits wide and wraps; buffers and CQEs go back together. */
static void test_wrap(struct rota_ring *ring)
{
    char buffers[4][SIZE];
    struct io_uring_buf_ring *br;
    int pair[2], mask = rota_buf_ring_mask(4), err;
    unsigned good = 0;

    make_pair(pair, SOCK_DGRAM);
    br = rota_setup_buf_ring(ring, 4, GROUP, 0, &err);
    for (unsigned short i = 0; i < 4; i++)
        rota_buf_ring_add(br, buffers[i], SIZE, i, mask, i);
    rota_buf_ring_advance(br, 4);
    for (uint32_t i = 0; i < 66000; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(ring);
        struct io_uring_cqe *cqe;
        unsigned id;

        must_send(pair[1], &i, sizeof(i));
        rota_prep_recv(sqe, pair[0], NULL, 0, 0);
        rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
        rota_sqe_set_buf_group(sqe, GROUP);
        if (rota_submit_and_wait(ring, 1) != 1 || rota_peek_cqe(ring, &cqe))
            break;
        id = (unsigned)rota_cqe_buffer_id(cqe);
        if (cqe->res != sizeof(i) || id != i % 4 || memcmp(buffers[id], &i, sizeof(i)))
            break;
        rota_buf_ring_add(br, buffers[id], SIZE, (unsigned short)id, mask, 0);
        rota_buf_ring_cq_advance(ring, br, 1);
        good++;
    }
    is_int(good, 66000, "66000 messages through four buffers");
    is_int(br->tail, (66000 + 4) & 0xffff, "the tail has wrapped");
    is_int(rota_cq_ready(ring), 0, "all completions are seen");
    rota_buf_ring_cq_advance_nr(ring, br, 0, 0);
    is_int(br->tail, (66000 + 4) & 0xffff, "nothing more, nothing less");
    is_int(rota_free_buf_ring(ring, br, 4, GROUP), 0, "the group ends");
    close(pair[0]);
    close(pair[1]);
}

static void test_kernel_memory(struct rota_ring *ring)
{
    char buffer[SIZE];
    struct io_uring_buf_ring *br;
    int pair[2], err;

    br = rota_setup_buf_ring(ring, 8, GROUP, IOU_PBUF_RING_MMAP, &err);
    if (!br && err == -EINVAL) {
        skip(1, "no rings of buffers in the kernel's memory (6.4)");
        return;
    }
    is_int(err, 0, "a ring in the kernel's memory");
    make_pair(pair, SOCK_STREAM);
    rota_buf_ring_add(br, buffer, SIZE, 3, rota_buf_ring_mask(8), 0);
    rota_buf_ring_advance(br, 1);
    must_send(pair[1], "kernel", 6);
    is_cqe(select_recv(ring, pair[0]), 1, 6, with_buffer(3), "a receive");
    is_mem(buffer, "kernel", 6, "with the data");
    is_int(rota_free_buf_ring(ring, br, 8, GROUP), 0, "the group ends");
    close(pair[0]);
    close(pair[1]);

    /* The place of a mapping has few bits for the group: some would be that of another one. */
    for (int group = 2047; group <= 65535; group = 2 * group + 1) {
        struct rota_buffers_config config = {
            .group = (uint16_t)group, .count = 2, .size = 8, .flags = IOU_PBUF_RING_MMAP};
        struct rota_buffers buffers;

        br = rota_setup_buf_ring(ring, 8, group, IOU_PBUF_RING_MMAP, &err);
        is_int(err, group < 2048 ? 0 : -EINVAL, "the kernel's memory for group %d", group);
        ok(!br == !!err, "  no ring that is none");
        if (br)
            is_int(rota_free_buf_ring(ring, br, 8, group), 0, "  the group ends");
        is_int(rota_buffers_init(ring, &buffers, &config), group < 2048 ? 0 : -EINVAL,
               "  nor managed buffers");
        rota_buffers_exit(ring, &buffers);
        br = rota_setup_buf_ring(ring, 8, group, 0, &err);
        is_int(err, 0, "  it is left free, and may have the caller's");
        is_int(rota_free_buf_ring(ring, br, 8, group), 0, "  until it ends");
    }
}

static void test_errors(struct rota_ring *ring)
{
    struct io_uring_buf_ring *br;
    struct io_uring_buf_reg reg;
    uint16_t head;
    void *page;
    int err = 0;

    ok(!rota_setup_buf_ring(ring, 3, GROUP, 0, &err), "three entries");
    is_int(err, -EINVAL, "are no power of two");
    ok(!rota_setup_buf_ring(ring, 65536, GROUP, 0, &err), "65536 entries");
    is_int(err, -EINVAL, "are too many");
    ok(!rota_setup_buf_ring(ring, 1U << 31, GROUP, 0, &err), "2^31 entries");
    is_int(err, -EINVAL, "are, too, whether there is memory or not");
    ok(!rota_setup_buf_ring(ring, 0, GROUP, 0, &err), "no entries");
    is_int(err, -EINVAL, "are too few");
    ok(!rota_setup_buf_ring(ring, 4, 65536 + GROUP, 0, &err), "a group above 65535");
    is_int(err, -EINVAL, "is none");
    ok(!rota_setup_buf_ring(ring, 4, -1, 0, &err), "one below 0");
    is_int(err, -EINVAL, "neither");
    ok(!rota_setup_buf_ring(ring, 4, GROUP, 0x8000, &err), "a flag of the future");
    is_int(err, -EINVAL, "is not known");
    br = rota_setup_buf_ring(ring, 4, GROUP, 0, NULL);
    ok(br, "the error is not asked for");
    ok(!rota_setup_buf_ring(ring, 4, GROUP, 0, &err), "the group, although empty,");
    is_int(err, -EEXIST, "exists");
    is_int(rota_free_buf_ring(ring, br, 4, 65536 + GROUP), -EINVAL, "it is not the one above");
    is_int(rota_free_buf_ring(ring, br, 4, GROUP + 1), -ENOENT, "nor the next, which is none");
    is_int(rota_free_buf_ring(ring, br, 0, GROUP), -EINVAL, "nor has it no entries");
    is_int(rota_free_buf_ring(ring, br, 32769, GROUP), -EINVAL, "nor more than there can be");
    if (rota_buf_ring_head(ring, GROUP, &head) == -EINVAL)
        skip(1, "the kernel does not tell heads (6.8)");
    else
        is_int(rota_buf_ring_head(ring, GROUP + 1, &head), -ENOENT, "and has no head");
    rota_buf_ring_add(br, &reg, 8, 0, 3, 0);
    rota_buf_ring_advance(br, 1);
    ok(!rota_setup_buf_ring(ring, 4, GROUP, 0, &err), "the group");
    is_int(err, -EEXIST, "exists");
    is_int(rota_free_buf_ring(ring, br, 4, GROUP), 0, "it ends");

    memset(&reg, 0, sizeof(reg));
    reg.ring_entries = 4;
    reg.bgid = GROUP;
    reg.ring_addr = 64;
    is_int(rota_register_buf_ring(ring, &reg, 0), -EINVAL, "not at the start of a page");
    reg.ring_addr = 0;
    is_int(rota_register_buf_ring(ring, &reg, 0), -EFAULT, "no address");
    page = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page, 65536);
    reg.ring_addr = (uint64_t)(uintptr_t)page;
    is_int(rota_register_buf_ring(ring, &reg, 0), -EFAULT, "nothing at the address");
    is_int(reg.flags, 0, "the structure is as before");
}

static void test_faults(unsigned flags)
{
    struct footprint before;
    struct rota_ring ring;
    int at, err = 0;

    make_fault_ring(&ring, 8, 0);
    before = footprint();
    for (at = 1; at < 10; at++) {
        struct io_uring_buf_ring *br;

        arm_fault(at, -ENOMEM);
        br = rota_setup_buf_ring(&ring, 4, GROUP, flags, &err);
        if (!disarm_fault()) {
            ok(br && !err, "nothing else can fail");
            is_int(rota_free_buf_ring(&ring, br, 4, GROUP), 0, "the group ends");
            break;
        }
        ok(!br && err == -ENOMEM, "call %d fails, flags %u", at, flags);
        is_clean(before, "a failed set-up");
    }
    is_int(at, 3, "two calls can fail");
    rota_queue_exit(&ring);
}

int main(void)
{
    struct footprint before = footprint();
    struct io_uring_buf_ring *br;
    struct rota_ring ring;
    int err;

    make_ring(&ring, 8, 0);
    br = rota_setup_buf_ring(&ring, 2, GROUP, 0, &err);
    if (!br && err == -EINVAL)
        skip_all("the kernel has no rings of buffers (5.19)");
    is_int(rota_free_buf_ring(&ring, br, 2, GROUP), 0, "an empty group ends");
    test_one(&ring);
    test_two(&ring);
    test_wrap(&ring);
    test_kernel_memory(&ring);
    test_errors(&ring);
    rota_queue_exit(&ring);
    test_faults(0);
    make_ring(&ring, 8, 0);
    br = rota_setup_buf_ring(&ring, 2, GROUP, IOU_PBUF_RING_MMAP, &err);
    if (br) {
        is_int(rota_free_buf_ring(&ring, br, 2, GROUP), 0, "a group in the kernel's memory ends");
        test_faults(IOU_PBUF_RING_MMAP);
    }
    rota_queue_exit(&ring);
    is_clean(before, "rings of buffers");
    return done();
}
