/* SPDX-License-Identifier: MIT */
/* Buffers that the kernel picks: lists and rings of them, incremental use, bundles. */
#include "single.h"

#include <sys/prctl.h>

static char memory[8][64];

/* Takes completions and says which buffer each used: RES, RES@ID, RES@ID~ when some of it is left. */
static void picks(struct twin *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct __kernel_timespec limit = {.tv_sec = 5};
        struct io_uring_cqe *cqe;
        int ret = rota_wait_cqe_timeout(&t->ring, &cqe, &limit);

        if (ret < 0) {
            say(t, " (%d)", ret);
            return;
        }
        say(t, " %d", cqe->res);
        if (cqe->flags & IORING_CQE_F_BUFFER)
            say(t, "@%u", cqe->flags >> IORING_CQE_BUFFER_SHIFT);
        if (cqe->flags & IORING_CQE_F_BUF_MORE)
            say(t, "~");
        if (cqe->flags & IORING_CQE_F_MORE)
            say(t, "+");
        rota_cqe_seen(&t->ring, cqe);
    }
}

/* A read or receive that picks a buffer of the group. */
static void pick(struct twin *t, struct io_uring_sqe *sqe, uint16_t group)
{
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = group;
    if (rota_submit(&t->ring) != 1)
        bail("submit");
    picks(t, 1);
}

static void pair(int s[2])
{
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, s))
        bail("socketpair");
}

static void close_both(const int p[2])
{
    close(p[0]);
    close(p[1]);
}

static void lists(struct twin *t)
{
    char one_byte;
    int p[2];

    make_pipe(p);
    put(p[1], "abcdefghijklmnopqrst");
    say(t, "%d", ONE(t, remove_buffers(q, 1, 3)));
    pick(t, PREP(t, 1, read(q, p[0], NULL, 2, 0)), 3);
    say(t, " %d", ONE(t, provide_buffers(q, memory, 64, 4, 3, 10)));
    pick(t, PREP(t, 1, read(q, p[0], NULL, 2, 0)), 3);
    pick(t, PREP(t, 1, read(q, p[0], NULL, 0, 0)), 3);
    say(t, " %.2s%.2s", memory[0], memory[1]);
    put(p[1], "abc");
    pick(t, PREP(t, 1, read(q, p[0], NULL, 100, 0)), 3);
    /* A read that fails uses its buffer all the same. */
    pick(t, PREP(t, 1, read(q, p[1], NULL, 1, 0)), 3);
    put(p[1], "d");
    pick(t, PREP(t, 1, read(q, p[0], NULL, 1, 0)), 3);
    pick(t, PREP(t, 1, read(q, p[0], NULL, 1, 0)), 3);
    say(t, " | %d", ONE(t, provide_buffers(q, memory, 64, 3, 3, 20)));
    say(t, " %d", ONE(t, remove_buffers(q, 2, 3)));
    put(p[1], "e");
    pick(t, PREP(t, 1, read(q, p[0], NULL, 1, 0)), 3);
    say(t, " %d", ONE(t, remove_buffers(q, 2, 3)));
    say(t, " %d", ONE(t, provide_buffers(q, memory, 64, 2, 3, 65535)));
    say(t, " %d", ONE(t, read(q, p[0], &one_byte, 0, 0)));
    close_both(p);
}

/* A ring of `count` buffers of 64 bytes that is full. */
static struct io_uring_buf_ring *ring_of(struct twin *t, unsigned count, uint16_t group,
                                         unsigned flags, unsigned filled)
{
    int ret;
    struct io_uring_buf_ring *br = rota_setup_buf_ring(&t->ring, count, group, flags, &ret);

    if (!br) {
        say(t, "(%d)", ret);
        return NULL;
    }
    for (unsigned i = 0; i < filled; i++)
        rota_buf_ring_add(br, memory[i], 64, (unsigned short)(30 + i), rota_buf_ring_mask(count),
                          (int)i);
    rota_buf_ring_advance(br, (int)filled);
    return br;
}

static void rings(struct twin *t)
{
    struct io_uring_buf_reg asked = {.ring_entries = 4, .bgid = 5};
    struct io_uring_buf_reg wrong = {.ring_entries = 3, .bgid = 6};
    struct io_uring_buf_ring *br;
    uint16_t head = 99;
    int p[2];

    make_pipe(p);
    put(p[1], "abcdef");
    say(t, "%d", reg(t, IORING_REGISTER_PBUF_RING, &asked, 1));
    asked.ring_addr = 64;
    say(t, " %d", reg(t, IORING_REGISTER_PBUF_RING, &asked, 1));
    say(t, " %d", reg(t, IORING_REGISTER_PBUF_RING, &wrong, 1));
    say(t, " %d", reg(t, IORING_UNREGISTER_PBUF_RING, &asked, 1));
    br = ring_of(t, 4, 5, 0, 2);
    if (!br)
        return;
    asked.ring_addr = (uintptr_t)br;
    say(t, " %d", reg(t, IORING_REGISTER_PBUF_RING, &asked, 1));
    say(t, " %d", ONE(t, provide_buffers(q, memory, 64, 4, 5, 0)));
    say(t, " %d", ONE(t, remove_buffers(q, 1, 5)));
    say(t, " |");
    pick(t, PREP(t, 1, read(q, p[0], NULL, 2, 0)), 5);
    say(t, " %d", rota_buf_ring_head(&t->ring, 5, &head));
    say(t, " %d", head);
    pick(t, PREP(t, 1, read(q, p[1], NULL, 2, 0)), 5);
    pick(t, PREP(t, 1, read(q, p[0], NULL, 2, 0)), 5);
    pick(t, PREP(t, 1, read(q, p[0], NULL, 2, 0)), 5);
    rota_buf_ring_add(br, memory[4], 1, 77, rota_buf_ring_mask(4), 0);
    rota_buf_ring_advance(br, 1);
    pick(t, PREP(t, 1, read(q, p[0], NULL, 2, 0)), 5);
    say(t, " %.2s%.2s%.1s", memory[0], memory[1], memory[4]);
    say(t, " %d", rota_buf_ring_head(&t->ring, 6, &head));
    say(t, " | %d", rota_free_buf_ring(&t->ring, br, 4, 5));
    pick(t, PREP(t, 1, read(q, p[0], NULL, 2, 0)), 5);
    say(t, " %d", ONE(t, provide_buffers(q, memory, 64, 1, 5, 0)));
    asked.ring_addr = 0;
    say(t, " %d", reg(t, IORING_UNREGISTER_PBUF_RING, &asked, 1));
    close_both(p);
}

/* The kernel's memory, mapped at the group's offset. */
static void mapped(struct twin *t)
{
    const struct rota_kernel *kernel = t->kernel ? t->kernel : &rota_kernel_real;
    struct io_uring_buf_reg asked = {.ring_entries = 8, .bgid = 2, .flags = IOU_PBUF_RING_MMAP};
    uint64_t at = IORING_OFF_PBUF_RING | (UINT64_C(2) << IORING_OFF_PBUF_SHIFT);
    struct io_uring_buf_ring *br;
    void *address;
    int p[2];

    make_pipe(p);
    put(p[1], "abc");
    say(t, "%d", reg(t, IORING_REGISTER_PBUF_RING, &asked, 1));
    say(t, " %d", kernel->map(4096, t->ring.ring_fd, at, &address));
    br = address;
    rota_buf_ring_add(br, memory[3], 2, 9, 7, 0);
    rota_buf_ring_advance(br, 1);
    pick(t, PREP(t, 1, read(q, p[0], NULL, 0, 0)), 2);
    say(t, " %.2s", memory[3]);
    asked.flags = 0;
    say(t, " %d", reg(t, IORING_UNREGISTER_PBUF_RING, &asked, 1));
    say(t, " %d", kernel->unmap(address, 4096));
    close_both(p);
}

static void incremental(struct twin *t)
{
    struct io_uring_buf_ring *br;
    uint16_t head;
    int s[2];

    pair(s);
    br = ring_of(t, 4, 1, IOU_PBUF_RING_INC, 2);
    if (!br)
        return;
    put(s[1], "0123456789");
    pick(t, PREP(t, 1, recv(q, s[0], NULL, 4, 0)), 1);
    pick(t, PREP(t, 1, recv(q, s[0], NULL, 4, 0)), 1);
    say(t, " %.8s", memory[0]);
    say(t, " %d", rota_buf_ring_head(&t->ring, 1, &head));
    say(t, " %d", head);
    if (write(s[1], memory[7], 60) != 60)
        bail("write");
    /* What is left of the first one, and no more. */
    pick(t, PREP(t, 1, recv(q, s[0], NULL, 0, 0)), 1);
    pick(t, PREP(t, 1, recv(q, s[0], NULL, 0, 0)), 1);
    say(t, " %d", rota_buf_ring_head(&t->ring, 1, &head));
    say(t, " %d", head);
    pick(t, PREP(t, 1, recv(q, s[0], NULL, 0, MSG_DONTWAIT)), 1);
    close(s[1]);
    pick(t, PREP(t, 1, recv(q, s[0], NULL, 0, 0)), 1);
    rota_free_buf_ring(&t->ring, br, 4, 1);
    close(s[0]);
}

/* A file that cannot say whether a read would block: a worker reads it. */
static void workers(struct twin *t)
{
    struct io_uring_buf_ring *br;
    uint16_t head;
    int fd = open("/proc/self/comm", O_RDONLY), null = open("/dev/null", O_RDONLY);

    if (prctl(PR_SET_NAME, "twin"))
        bail("prctl");
    br = ring_of(t, 4, 1, 0, 2);
    if (!br)
        return;
    pick(t, PREP(t, 1, read(q, fd, NULL, 0, 0)), 1);
    say(t, " %.4s", memory[0]);
    pick(t, PREP(t, 1, read(q, null, NULL, 0, 0)), 1);
    say(t, " %d", rota_buf_ring_head(&t->ring, 1, &head));
    say(t, " %d", head);
    pick(t, PREP(t, 1, read(q, fd, NULL, 0, 0)), 1);
    rota_free_buf_ring(&t->ring, br, 4, 1);
    close(fd);
    close(null);
}

static void multishot(struct twin *t)
{
    struct io_uring_buf_ring *br;
    struct io_uring_sqe *sqe;
    int s[2];

    pair(s);
    br = ring_of(t, 4, 1, 0, 3);
    if (!br)
        return;
    sqe = PREP(t, 1, recv_multishot(q, s[0], NULL, 0, 0));
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 1;
    submit(t);
    put(s[1], "ab");
    picks(t, 1);
    put(s[1], "cd");
    picks(t, 1);
    put(s[1], "ef");
    picks(t, 1);
    put(s[1], "gh");
    picks(t, 1);
    say(t, " %.2s%.2s%.2s", memory[0], memory[1], memory[2]);
    quiet(t);
    rota_free_buf_ring(&t->ring, br, 4, 1);
    close_both(s);
}

/* What cannot be read at all says so, and addresses that no memory can have are none. */
static void impossible(struct twin *t)
{
    struct io_uring_buf_ring *br;
    struct io_uring_sqe *sqe;
    int p[2];

    make_pipe(p);
    br = ring_of(t, 4, 1, 0, 3);
    if (!br)
        return;
    sqe = PREP(t, 1, read_multishot(q, p[1], 0, 0, 1));
    pick(t, sqe, 1);
    rota_free_buf_ring(&t->ring, br, 4, 1);
    close_both(p);
    PREP(t, 2, provide_buffers(q, NULL, 64, 4, 2, 0))->addr = UINT64_MAX - 100;
    submit(t);
    picks(t, 1);
}

/* A multishot that receives messages, with the descriptor that came along. */
static void records(struct twin *t)
{
    union {
        struct cmsghdr header;
        unsigned char bytes[CMSG_SPACE(sizeof(int))];
    } control = {.header = {.cmsg_len = CMSG_LEN(sizeof(int)),
                            .cmsg_level = SOL_SOCKET,
                            .cmsg_type = SCM_RIGHTS}};
    struct iovec data = {"hi", 2};
    struct msghdr asked = {.msg_controllen = sizeof(control)};
    struct msghdr sent = {.msg_iov = &data,
                          .msg_iovlen = 1,
                          .msg_control = &control,
                          .msg_controllen = sizeof(control)};
    struct io_uring_recvmsg_out out;
    struct io_uring_buf_ring *br;
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    struct cmsghdr got;
    int s[2], fd = -1;

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s))
        bail("socketpair");
    br = ring_of(t, 4, 1, 0, 3);
    if (!br)
        return;
    sqe = PREP(t, 1, recvmsg_multishot(q, s[0], &asked, 0));
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = 1;
    submit(t);
    memcpy(CMSG_DATA(&control.header), &s[0], sizeof(int));
    if (sendmsg(s[1], &sent, 0) != 2)
        bail("sendmsg");
    if (rota_wait_cqe(&t->ring, &cqe))
        bail("no completion");
    memcpy(&out, memory[0], sizeof(out));
    memcpy(&got, memory[0] + sizeof(out), sizeof(got));
    memcpy(&fd,
           memory[0] + sizeof(out) + ((unsigned char *)CMSG_DATA(&control.header) - control.bytes),
           sizeof(fd));
    say(t, " %d", cqe->res == (int)(sizeof(out) + sizeof(control)) + 2);
    say(t, " %u %d", out.payloadlen, out.controllen == sizeof(control));
    say(t, " %d %d", got.cmsg_type == SCM_RIGHTS, fcntl(fd, F_GETFD) >= 0 && !close(fd));
    say(t, " %.2s", memory[0] + sizeof(out) + sizeof(control));
    rota_cqe_seen(&t->ring, cqe);
    rota_free_buf_ring(&t->ring, br, 4, 1);
    close_both(s);
}

static void receive_bundles(struct twin *t)
{
    struct io_uring_buf_ring *br;
    struct io_uring_sqe *sqe;
    uint16_t head;
    int s[2];

    pair(s);
    br = ring_of(t, 8, 1, 0, 4);
    if (!br)
        return;
    memset(memory[7], 'x', 64);
    for (unsigned i = 0; i < 2; i++) {
        if (write(s[1], memory[7], 50) != 50)
            bail("write");
    }
    sqe = PREP(t, 1, recv(q, s[0], NULL, 0, 0));
    sqe->ioprio |= IORING_RECVSEND_BUNDLE;
    pick(t, sqe, 1);
    say(t, " %d", rota_buf_ring_head(&t->ring, 1, &head));
    say(t, " %d", head);
    put(s[1], "abc");
    sqe = PREP(t, 1, recv(q, s[0], NULL, 2, 0));
    sqe->ioprio |= IORING_RECVSEND_BUNDLE;
    pick(t, sqe, 1);
    sqe = PREP(t, 1, recv(q, s[0], NULL, 0, 0));
    sqe->ioprio |= IORING_RECVSEND_BUNDLE;
    pick(t, sqe, 1);
    rota_free_buf_ring(&t->ring, br, 8, 1);
    close_both(s);
}

static void send_bundles(struct twin *t)
{
    struct io_uring_buf_ring *br;
    struct io_uring_sqe *sqe;
    char got[256];
    uint16_t head;
    int s[2];

    pair(s);
    br = ring_of(t, 8, 1, 0, 3);
    if (!br)
        return;
    for (unsigned i = 0; i < 3; i++)
        memset(memory[i], (int)('a' + i), 64);
    sqe = PREP(t, 1, send(q, s[0], NULL, 10, 0));
    pick(t, sqe, 1);
    say(t, " %zd", read(s[1], got, sizeof(got)));
    sqe = PREP(t, 1, send_bundle(q, s[0], 0, 0));
    pick(t, sqe, 1);
    say(t, " %zd", read(s[1], got, sizeof(got)));
    say(t, " %c%c%c", got[0], got[63], got[64]);
    quiet(t);
    say(t, " %d", rota_buf_ring_head(&t->ring, 1, &head));
    say(t, " %d", head);
    sqe = PREP(t, 1, send_bundle(q, s[0], 0, 0));
    pick(t, sqe, 1);
    rota_free_buf_ring(&t->ring, br, 8, 1);
    close_both(s);
}

static void send_increments(struct twin *t)
{
    struct io_uring_buf_ring *br;
    char got[256];
    uint16_t head;
    int s[2];

    pair(s);
    br = ring_of(t, 8, 1, IOU_PBUF_RING_INC, 3);
    if (!br)
        return;
    pick(t, PREP(t, 1, send_bundle(q, s[0], 0, 0)), 1);
    say(t, " %zd", read(s[1], got, sizeof(got)));
    say(t, " %d", rota_buf_ring_head(&t->ring, 1, &head));
    say(t, " %d", head);
    rota_free_buf_ring(&t->ring, br, 8, 1);
    close_both(s);
}

static const struct scenario scenarios[] = {
    SCENARIO("lists", lists, "-2 -105 0 2@10 18@11 abcd 3@12 -9@13 -105 -105 | 0 2 1@22 0 -22 0",
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("rings", rings,
             "-14 -22 -22 -2 -17 -22 -22 | 2@30 0 1 -9 2@31 -105 1@77 abcde -2 | 0 -105 0 -22",
             .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("a ring that is mapped", mapped, "0 0 2@9 ab 0 0", .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("incremental use", incremental, " 4@30~ 4@30~ 01234567 0 0 56@30 6@31~ 0 1 -11 0",
             .features = IORING_FEAT_MIN_TIMEOUT, .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("files that only a worker can read", workers, " 5@30 twin 0@31 0 2 -105",
             .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("multishot", multishot, "[1] 2@30+ 2@31+ 2@32+ -105 abcdef",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("what is impossible", impossible, " -9[1] -75", .opcode = IORING_OP_READ_MULTISHOT),
    SCENARIO("messages with a descriptor", records, "[1] 1 2 1 1 1 hi",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("bundles received", receive_bundles, " 100@30 0 2 2@32 1@33",
             .features = IORING_FEAT_RECVSEND_BUNDLE, .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("bundles sent, used bit by bit", send_increments, " 192@30 192 0 3",
             .features = IORING_FEAT_MIN_TIMEOUT, .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("bundles sent", send_bundles, " 10@30 10 128@31 128 bbc 0 3 -105",
             .features = IORING_FEAT_RECVSEND_BUNDLE, .opcode = IORING_OP_SENDMSG_ZC),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
