/* SPDX-License-Identifier: MIT */
/* Register calls that are about no table: restrictions, probe, query, clocks, rings of a thread. */
#include "single.h"

#include <sys/mman.h>

static void probes(struct twin *t)
{
    static unsigned char
        memory[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
    struct io_uring_probe *probe = (void *)memory;

    memset(memory, 0, sizeof(memory));
    say(t, "%d", reg(t, IORING_REGISTER_PROBE, probe, 257));
    say(t, " %d", reg(t, IORING_REGISTER_PROBE, NULL, 1));
    probe->last_op = 1;
    say(t, " %d", reg(t, IORING_REGISTER_PROBE, probe, 256));
    probe->last_op = 0;
    probe->ops[3].flags = 1;
    say(t, " %d", reg(t, IORING_REGISTER_PROBE, probe, 256));
    probe->ops[3].flags = 0;
    say(t, " %d", reg(t, IORING_REGISTER_PROBE, probe, 2));
    say(t, " %d", probe->ops_len);
    say(t, " %d", probe->ops[1].op);
    say(t, " %d", probe->ops[1].flags);
    say(t, " %d", probe->ops[2].flags);
}

static void queries(struct twin *t)
{
    struct io_uring_query_opcode opcodes = {0};
    struct io_uring_query_hdr unknown = {.query_op = 77, .size = 8};
    struct io_uring_query_hdr first = {.query_data = (uintptr_t)&opcodes,
                                       .size = sizeof(opcodes),
                                       .query_op = IO_URING_QUERY_OPCODES,
                                       .next_entry = (uintptr_t)&unknown};
    uint64_t nothing = 0;

    unknown.query_data = (uintptr_t)&nothing;
    say(t, "%d", reg(t, IORING_REGISTER_QUERY, &first, 1));
    say(t, " %d", reg(t, IORING_REGISTER_QUERY, &first, 0));
    say(t, " %d", first.result);
    say(t, " %d", first.size == sizeof(opcodes));
    say(t, " %d", opcodes.nr_request_opcodes >= IORING_OP_PIPE);
    say(t, " %d", (opcodes.sqe_flags & IOSQE_IO_LINK) != 0);
    say(t, " %d", (opcodes.enter_flags & IORING_ENTER_EXT_ARG) != 0);
    say(t, " %d", (opcodes.ring_setup_flags & IORING_SETUP_DEFER_TASKRUN) != 0);
    say(t, " %d", (opcodes.feature_flags & IORING_FEAT_NODROP) != 0);
    say(t, " %d", unknown.result);
    say(t, " %d", (int)unknown.size);
    /* A short answer, and a list that never ends. */
    memset(&first, 0, sizeof(first));
    memset(&opcodes, 0, sizeof(opcodes));
    first.query_data = (uintptr_t)&opcodes;
    first.size = 4;
    say(t, " | %d", reg(t, IORING_REGISTER_QUERY, &first, 0));
    say(t, " %d", (int)first.size);
    say(t, " %d", opcodes.nr_request_opcodes > 0);
    say(t, " %d", (int)opcodes.nr_register_opcodes);
    first.next_entry = (uintptr_t)&first;
    say(t, " %d", reg(t, IORING_REGISTER_QUERY, &first, 0));
}

static void restrictions(struct twin *t)
{
    struct io_uring_restriction few[] = {
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_NOP},
        {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = IORING_OP_READ},
        {.opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED, .sqe_flags = IOSQE_IO_LINK},
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_REGISTER_ENABLE_RINGS},
        {.opcode = IORING_RESTRICTION_REGISTER_OP, .register_op = IORING_UNREGISTER_EVENTFD},
    };
    struct io_uring_restriction wrong = {.opcode = IORING_RESTRICTION_SQE_OP, .sqe_op = 250};
    struct io_uring_restriction kind = {.opcode = 9};
    char buf[1];

    say(t, "%d", rota_register_restrictions(&t->ring, &wrong, 1));
    say(t, " %d", rota_register_restrictions(&t->ring, &kind, 1));
    say(t, " %d", rota_register_restrictions(&t->ring, few, 5));
    say(t, " %d", rota_register_restrictions(&t->ring, few, 5));
    say(t, " %d", rota_enable_rings(&t->ring));
    say(t, " %d", ONE(t, nop(q)));
    say(t, " %d", ONE(t, write(q, -1, buf, 1, 0)));
    say(t, " %d", ONE(t, read(q, -1, buf, 1, 0)));
    PREP(t, 1, nop(q))->flags |= IOSQE_ASYNC;
    say(t, " %d", one(t, NULL));
    say(t, " %d", rota_unregister_eventfd(&t->ring));
    say(t, " %d", rota_unregister_files(&t->ring));
    say(t, " %d", rota_enable_rings(&t->ring));
    say(t, " %d", rota_register_restrictions(&t->ring, few, 5));
}

static void not_disabled(struct twin *t)
{
    struct io_uring_restriction one_of = {.opcode = IORING_RESTRICTION_SQE_OP};

    say(t, "%d", rota_register_restrictions(&t->ring, &one_of, 1));
    say(t, " %d", rota_enable_rings(&t->ring));
}

static void small_things(struct twin *t)
{
    struct io_uring_clock_register clock = {.clockid = CLOCK_BOOTTIME};
    unsigned workers[2] = {3, 5};

    say(t, "%d", rota_register_clock(&t->ring, &clock));
    clock.clockid = CLOCK_REALTIME;
    say(t, " %d", rota_register_clock(&t->ring, &clock));
    clock.clockid = CLOCK_MONOTONIC;
    clock.__resv[1] = 1;
    say(t, " %d", rota_register_clock(&t->ring, &clock));
    say(t, " | %d", reg(t, IORING_REGISTER_IOWQ_MAX_WORKERS, workers, 1));
    say(t, " %d", rota_register_iowq_max_workers(&t->ring, workers));
    workers[0] = workers[1] = 0;
    say(t, " %d", rota_register_iowq_max_workers(&t->ring, workers));
    say(t, " %u", workers[0]);
    say(t, " %u", workers[1]);
    workers[0] = 1u << 31;
    say(t, " %d", rota_register_iowq_max_workers(&t->ring, workers));
    say(t, " | %d", reg(t, IORING_UNREGISTER_IOWQ_AFF, workers, 0));
    say(t, " %d", reg(t, 200, NULL, 0));
}

static void thread_rings(struct twin *t)
{
    const struct rota_kernel *kernel = t->kernel ? t->kernel : &rota_kernel_real;
    struct io_uring_rsrc_update entry = {.offset = 7, .data = (unsigned)t->ring.ring_fd};
    struct io_uring_rsrc_update wrong = {.offset = 16, .data = (unsigned)t->ring.ring_fd};
    int p[2];

    make_pipe(p);
    say(t, "%d", reg(t, IORING_REGISTER_RING_FDS, &entry, 0));
    say(t, " %d", reg(t, IORING_REGISTER_RING_FDS, &entry, 17));
    say(t, " %d", reg(t, IORING_REGISTER_RING_FDS, &wrong, 1));
    say(t, " %d", reg(t, IORING_REGISTER_RING_FDS, &entry, 1));
    say(t, " %d", reg(t, IORING_REGISTER_RING_FDS, &entry, 1));
    wrong.offset = 8;
    wrong.data = (unsigned)p[0];
    say(t, " %d", reg(t, IORING_REGISTER_RING_FDS, &wrong, 1));
    wrong.data = 12345;
    say(t, " %d", reg(t, IORING_REGISTER_RING_FDS, &wrong, 1));
    /* By its index it is entered, and called. */
    say(t, " | %d", kernel->enter(7, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0));
    say(t, " %d", kernel->enter(8, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0));
    say(t, " %d", kernel->enter(16, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0));
    say(t, " %d",
        kernel->reg(7, IORING_UNREGISTER_FILES | IORING_REGISTER_USE_REGISTERED_RING, NULL, 0));
    entry.offset = 7;
    say(t, " | %d", reg(t, IORING_UNREGISTER_RING_FDS, &entry, 1));
    entry.data = 0;
    say(t, " %d", reg(t, IORING_UNREGISTER_RING_FDS, &entry, 1));
    say(t, " %d", reg(t, IORING_UNREGISTER_RING_FDS, &entry, 1));
    say(t, " %d", kernel->enter(7, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0));
    close(p[0]);
    close(p[1]);
}

static void regions(struct twin *t)
{
    const struct rota_kernel *kernel = t->kernel ? t->kernel : &rota_kernel_real;
    struct io_uring_region_desc region = {.size = 4096};
    struct io_uring_mem_region_reg asked = {.region_uptr = (uintptr_t)&region};
    void *address, *constant;

    constant = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    region.user_addr = 4096;
    say(t, "%d", reg(t, IORING_REGISTER_MEM_REGION, &asked, 1));
    region.user_addr = (uintptr_t)constant;
    region.flags = IORING_MEM_REGION_TYPE_USER;
    say(t, " %d", reg(t, IORING_REGISTER_MEM_REGION, &asked, 1));
    region.flags = 0;
    region.user_addr = 0;
    region.size = 100;
    say(t, " %d", reg(t, IORING_REGISTER_MEM_REGION, &asked, 1));
    region.size = 4096;
    asked.flags = IORING_MEM_REGION_REG_WAIT_ARG;
    say(t, " %d", reg(t, IORING_REGISTER_MEM_REGION, &asked, 1));
    asked.flags = 0;
    say(t, " %d", reg(t, IORING_REGISTER_MEM_REGION, &asked, 1));
    say(t, " %llx", (unsigned long long)region.mmap_offset);
    say(t, " %d", kernel->map(4096, t->ring.ring_fd, region.mmap_offset, &address));
    memset(address, 1, 4096);
    say(t, " %d", kernel->unmap(address, 4096));
    memset(&region, 0, sizeof(region));
    region.size = 4096;
    say(t, " %d", reg(t, IORING_REGISTER_MEM_REGION, &asked, 1));
    munmap(constant, 4096);
}

static void registered_wait(struct twin *t)
{
    static unsigned char page[4096] __attribute__((aligned(4096)));
    const struct rota_kernel *kernel = t->kernel ? t->kernel : &rota_kernel_real;
    struct io_uring_region_desc region = {
        .size = 4096, .user_addr = (uintptr_t)page, .flags = IORING_MEM_REGION_TYPE_USER};
    struct io_uring_mem_region_reg asked = {.region_uptr = (uintptr_t)&region,
                                            .flags = IORING_MEM_REGION_REG_WAIT_ARG};
    struct io_uring_reg_wait *wait = (void *)(page + 64);
    unsigned flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG;
    int fd = t->ring.ring_fd, ret;

    memset(page, 0, sizeof(page));
    wait->ts.tv_nsec = 2000000;
    wait->flags = IORING_REG_WAIT_TS;
    say(t, "%d", reg(t, IORING_REGISTER_MEM_REGION, &asked, 1));
    say(t, " %d", rota_enable_rings(&t->ring));
    /* A real ring that ended just before interrupts its thread once, on some kernels. */
    do {
        ret = kernel->enter(fd, 0, 1, flags, (void *)64, sizeof(*wait));
    } while (ret == -EINTR);
    say(t, " %d", ret);
    say(t, " %d", kernel->enter(fd, 0, 1, flags, (void *)4064, sizeof(*wait)));
    say(t, " %d", kernel->enter(fd, 0, 1, flags, (void *)60, sizeof(*wait)));
}

static void messages(struct twin *t)
{
    struct io_uring_sqe sqe;
    const struct rota_kernel *kernel = t->kernel ? t->kernel : &rota_kernel_real;
    int p[2];

    make_pipe(p);
    memset(&sqe, 0, sizeof(sqe));
    rota_prep_msg_ring(&sqe, t->ring.ring_fd, 17, 4711, 0);
    say(t, "%d", kernel->reg(-1, IORING_REGISTER_SEND_MSG_RING, &sqe, 1));
    reap(t, 1);
    sqe.flags = IOSQE_ASYNC;
    say(t, " %d", kernel->reg(-1, IORING_REGISTER_SEND_MSG_RING, &sqe, 1));
    sqe.flags = 0;
    say(t, " %d", kernel->reg(-1, IORING_REGISTER_SEND_MSG_RING, &sqe, 0));
    sqe.fd = p[0];
    say(t, " %d", kernel->reg(-1, IORING_REGISTER_SEND_MSG_RING, &sqe, 1));
    sqe.fd = 12345;
    say(t, " %d", kernel->reg(-1, IORING_REGISTER_SEND_MSG_RING, &sqe, 1));
    close(p[0]);
    close(p[1]);
}

static void sync_cancel(struct twin *t)
{
    struct io_uring_sync_cancel_reg asked = {.addr = 7, .timeout = {-1, -1}};
    char buf[1];
    int p[2];

    make_pipe(p);
    say(t, "%d", rota_register_sync_cancel(&t->ring, &asked));
    PREP(t, 7, read(q, p[0], buf, 1, 0));
    submit(t);
    say(t, " %d", rota_register_sync_cancel(&t->ring, &asked));
    reap(t, 1);
    PREP(t, 7, read(q, p[0], buf, 1, 0));
    PREP(t, 8, read(q, p[0], buf, 1, 0));
    submit(t);
    asked.flags = IORING_ASYNC_CANCEL_FD | IORING_ASYNC_CANCEL_ALL;
    asked.fd = p[0];
    say(t, " %d", rota_register_sync_cancel(&t->ring, &asked) >= 0);
    reap_sorted(t, 2);
    asked.flags = 1u << 20;
    say(t, " %d", rota_register_sync_cancel(&t->ring, &asked));
    asked.flags = 0;
    asked.pad[2] = 1;
    say(t, " %d", rota_register_sync_cancel(&t->ring, &asked));
    close(p[0]);
    close(p[1]);
}

static void resize(struct twin *t)
{
    struct io_uring_params p = {.sq_entries = 64, .cq_entries = 256, .flags = IORING_SETUP_CQSIZE};

    PREP(t, 1, nop(q));
    PREP(t, 2, nop(q));
    submit(t);
    PREP(t, 3, nop(q));
    say(t, " %d", rota_resize_rings(&t->ring, &p));
    say(t, " %u", t->ring.sq.ring_entries);
    say(t, " %u", t->ring.cq.ring_entries);
    submit(t);
    reap(t, 3);
    memset(&p, 0, sizeof(p));
    p.sq_entries = 4;
    p.flags = IORING_SETUP_IOPOLL;
    say(t, " %d", rota_resize_rings(&t->ring, &p));
}

static const struct scenario scenarios[] = {
    SCENARIO("probe", probes, "-22 -22 -22 -22 0 2 1 1 0", .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("queries", queries, "-22 0 0 1 1 1 1 1 1 -95 0 | 0 4 1 0 -34",
             .opcode = IORING_OP_PIPE),
    SCENARIO("restrictions", restrictions, "-22 -22 0 -16 0 0 -13 -9 -13 -6 -13 -77 -13",
             .flags = IORING_SETUP_R_DISABLED, .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("restrictions of a ring that is enabled", not_disabled, "-77 -77",
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("clocks and workers", small_things, "0 -22 -22 | -22 0 0 3 5 -22 | -22 -22",
             .opcode = IORING_OP_LISTEN),
    SCENARIO("rings of a thread", thread_rings,
             "-22 -22 -22 1 -16 -95 -9 | 0 -9 -22 -6 | -22 1 1 -9",
             .features = IORING_FEAT_REG_REG_RING, .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("a region", regions, "-14 -14 -22 -22 0 20000000 0 0 -16",
             .opcode = IORING_OP_READV_FIXED),
    SCENARIO("arguments of waits in a region", registered_wait, "0 0 -62 -14 -14",
             .flags = IORING_SETUP_R_DISABLED, .opcode = IORING_OP_READV_FIXED),
    SCENARIO("messages without a ring", messages, "0 4711:17 -22 -22 -77 -9",
             .opcode = IORING_OP_READV_FIXED),
    SCENARIO("cancelling at once", sync_cancel, "-2[1] 0 7:-125[2] 1 7:-125 8:-125 -22 -22",
             .opcode = IORING_OP_SEND_ZC),
    SCENARIO("resizing", resize, "[2] 0 64 256[1] 1:0 2:0 3:0 -22",
             .flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
             .opcode = IORING_OP_READV_FIXED),
};

/* What the kernel does not know of is told at both ends of the numbers. */
static void unknown(void)
{
    const struct rota_kernel *k = &rota_kernel_emulated;
    struct io_uring_params p = {0};
    int fd = k->setup(4, &p);

    is_int(k->reg(fd, IORING_REGISTER_LAST, NULL, 0), -EINVAL, "the number behind the last call");
    is_int(k->reg(fd, UINT32_MAX & ~IORING_REGISTER_USE_REGISTERED_RING, NULL, 0), -EINVAL,
           "and the largest");
    k->close(fd);
}

/* As many entries as there may be, and one more; as many opcodes as a probe may have. */
static void largest(void)
{
    static union {
        struct io_uring_probe probe;
        unsigned char room[sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)];
    } all;
    const struct rota_kernel *k = &rota_kernel_emulated;
    struct io_uring_params p = {0}, clamped = {.flags = IORING_SETUP_CLAMP};
    int fd;

    is_int(k->setup(32769, &p), -EINVAL, "more entries than there may be");
    fd = k->setup(32769, &clamped);
    is_int(clamped.sq_entries, 32768, "are as many as there may be, if that will do");
    is_int(k->reg(fd, IORING_REGISTER_PROBE, &all, 256), 0, "a probe of 256 opcodes");
    k->close(fd);
}

/* The ring's memory is its own: that nobody maps it any more takes nothing from it. */
static void unmapped(void)
{
    const struct rota_kernel *k = &rota_kernel_emulated;
    struct io_uring_params p = {0};
    void *rings, *sqes;
    int fd = k->setup(4, &p);

    if (fd < 0 || k->map(4096, fd, IORING_OFF_SQ_RING, &rings) ||
        k->map(4096, fd, IORING_OFF_SQES, &sqes))
        bail("no ring");
    is_int(k->unmap(rings, 4096), 0, "its words are given back");
    is_int(k->unmap(sqes, 4096), 0, "and its SQEs");
    is_int(k->enter(fd, 4, 0, IORING_ENTER_GETEVENTS, NULL, 0), 0, "it still looks at both");
    is_int(k->close(fd), 0, "and is closed");
}

int main(void)
{
    PLAY(scenarios);
    unknown();
    largest();
    unmapped();
    return done();
}
