/* SPDX-License-Identifier: MIT */
/* The resource calls on a scripted kernel: answers that no real one gives on demand. */
#include "../ring/fake_kernel.h"

#include <rota/op.h>

#include <limits.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

/* What the script says beside fake_kernel.h. */
static struct {
    unsigned refused; /* the register opcode that is answered with `error` */
    int error;
    unsigned calls;
    unsigned last; /* the last opcode, as the kernel saw it */
    int last_fd;

    bool says_array; /* whether a resized ring tells where its array is */
    bool resized;
    uint32_t array;
    void (*spoil_resize)(struct io_uring_params *answer);
    _Alignas(4096) char ring_memory[16384];
    _Alignas(4096) char sqe_memory[8192];

    struct io_uring_zcrx_offsets offsets;
    uint32_t zcrx_entries; /* 0: as many as were asked for */

    struct io_uring_region_desc region; /* as it was asked for */
    uint64_t region_flags, spoilt_size; /* what the answer's size is more by */
    unsigned regions;                   /* attempts */

    int anonymous;         /* maps of memory without a file that are still there */
    int failing_anonymous; /* the how-many-eth fails */
    int anonymous_maps;
} script;

static uint32_t power_of_two(uint32_t value)
{
    uint32_t rounded = 1;

    while (rounded < value)
        rounded <<= 1;
    return rounded;
}

/* What a kernel before 7.0 does: large entries are moved by their first 64 and 16 bytes. */
static int resize(struct io_uring_params *p)
{
    struct fake_header *old = fake.header, *new = (struct fake_header *)(void *)script.ring_memory;
    uint32_t cqe_shift = fake.flags & IORING_SETUP_CQE32 ? 1 : 0;

    memset(script.ring_memory, 0, sizeof(script.ring_memory));
    memset(script.sqe_memory, 0, sizeof(script.sqe_memory));
    p->sq_entries = power_of_two(p->sq_entries);
    p->cq_entries =
        p->flags & IORING_SETUP_CQSIZE ? power_of_two(p->cq_entries) : 2 * p->sq_entries;
    if (old->sq_tail - old->sq_head > p->sq_entries || old->cq_tail - old->cq_head > p->cq_entries)
        return -EOVERFLOW;
    *new = *old;
    new->sq_entries = p->sq_entries;
    new->sq_mask = p->sq_entries - 1;
    new->cq_entries = p->cq_entries;
    new->cq_mask = p->cq_entries - 1;
    for (uint32_t i = old->sq_head; i != old->sq_tail; i++)
        memcpy(script.sqe_memory + (i & new->sq_mask) * 64,
               fake.sqe_memory + (i & old->sq_mask) * 64, 64);
    for (uint32_t i = old->cq_head; i != old->cq_tail; i++)
        memcpy(script.ring_memory + sizeof(*new) + (i & new->cq_mask) * 16,
               fake.ring_memory + sizeof(*old) + (i & old->cq_mask) * 16, 16);
    p->sq_off.head = offsetof(struct fake_header, sq_head);
    p->sq_off.tail = offsetof(struct fake_header, sq_tail);
    p->sq_off.ring_mask = offsetof(struct fake_header, sq_mask);
    p->sq_off.ring_entries = offsetof(struct fake_header, sq_entries);
    p->sq_off.flags = offsetof(struct fake_header, sq_flags);
    p->sq_off.dropped = offsetof(struct fake_header, dropped);
    p->cq_off.head = offsetof(struct fake_header, cq_head);
    p->cq_off.tail = offsetof(struct fake_header, cq_tail);
    p->cq_off.ring_mask = offsetof(struct fake_header, cq_mask);
    p->cq_off.ring_entries = offsetof(struct fake_header, cq_entries);
    p->cq_off.overflow = offsetof(struct fake_header, overflow);
    p->cq_off.flags = offsetof(struct fake_header, cq_flags);
    p->cq_off.cqes = sizeof(struct fake_header);
    script.array = (uint32_t)((sizeof(*new) + p->cq_entries * 16) << cqe_shift);
    p->sq_off.array = script.says_array ? script.array : 0;
    if (script.spoil_resize)
        script.spoil_resize(p);
    script.resized = true;
    fake.header = new;
    return 0;
}

static int script_reg(int fd, uint32_t opcode, const void *arg, uint32_t nr)
{
    void *answer = (void *)(uintptr_t)arg;

    script.calls++;
    script.last = opcode;
    script.last_fd = fd;
    opcode &= ~IORING_REGISTER_USE_REGISTERED_RING;
    if (opcode == script.refused)
        return script.error;
    switch (opcode) {
    case IORING_REGISTER_RESIZE_RINGS:
        return resize(answer);
    case IORING_REGISTER_ZCRX_IFQ: {
        struct io_uring_zcrx_ifq_reg *reg = answer;

        reg->offsets = script.offsets;
        reg->zcrx_id = 17;
        reg->rq_entries = script.zcrx_entries ? script.zcrx_entries : power_of_two(reg->rq_entries);
        ((struct io_uring_zcrx_area_reg *)(uintptr_t)reg->area_ptr)->rq_area_token =
            (uint64_t)2 << IORING_ZCRX_AREA_SHIFT;
        return 0;
    }
    case IORING_REGISTER_MEM_REGION: {
        const struct io_uring_mem_region_reg *reg = answer;
        struct io_uring_region_desc *desc = (void *)(uintptr_t)reg->region_uptr;

        script.region = *desc;
        script.region_flags = reg->flags;
        script.regions++;
        desc->size += script.spoilt_size;
        return 0;
    }
    case IORING_UNREGISTER_RING_FDS:
    case IORING_REGISTER_FILES_UPDATE:
        return (int)nr;
    default:
        return fake_register(fd, opcode, arg, nr);
    }
}

static int script_map(size_t size, int fd, uint64_t offset, void **address)
{
    void *memory;

    if (fd == FAKE_FD && script.resized) {
        *address = offset == IORING_OFF_SQES ? script.sqe_memory : script.ring_memory;
        return size > (offset ? sizeof(script.sqe_memory) : sizeof(script.ring_memory)) ? -EINVAL
                                                                                        : 0;
    }
    if (fd >= 0)
        return fake_map(size, fd, offset, address);
    if (++script.anonymous_maps == script.failing_anonymous)
        return -ENOMEM;
    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return -ENOMEM;
    *address = memory;
    script.anonymous++;
    return 0;
}

static int script_unmap(void *address, size_t size)
{
    if (address == fake.ring_memory || address == fake.sqe_memory)
        return fake_unmap(address, size);
    if (address == script.ring_memory || address == script.sqe_memory)
        return 0;
    script.anonymous--;
    return munmap(address, size) ? -errno : 0;
}

static struct rota_kernel kernel;

static void make(struct rota_ring *ring, uint32_t flags)
{
    struct rota_config config;
    int ret;

    fake_reset();
    memset(&script, 0, sizeof(script));
    script.refused = ~0U;
    kernel = fake_kernel;
    kernel.reg = script_reg;
    kernel.map = script_map;
    kernel.unmap = script_unmap;
    rota_config_plain(&config);
    config.required_flags = flags;
    config.kernel = &kernel;
    fake.features |= IORING_FEAT_REG_REG_RING;
    ret = rota_init(ring, FAKE_ENTRIES, &config);
    if (ret < 0)
        bail("no ring on the scripted kernel: %s", strerror(-ret));
}

static void refuse(unsigned opcode, int error)
{
    script.refused = opcode;
    script.error = error;
}

static void test_ring_fd(void)
{
    struct rota_ring ring;

    make(&ring, 0);
    refuse(IORING_REGISTER_RING_FDS, -EBUSY);
    is_int(rota_register_ring_fd(&ring), -EBUSY, "no slot");
    is_int(ring.enter_ring_fd, FAKE_FD, "the descriptor is used");
    refuse(IORING_REGISTER_RING_FDS, 0);
    is_int(rota_register_ring_fd(&ring), -EPROTO, "a kernel that registers nothing");
    is_int(ring.enter_ring_fd, FAKE_FD, "has no index");
    refuse(IORING_REGISTER_RING_FDS, 1);
    is_int(rota_register_ring_fd(&ring), -EPROTO, "nor has one that does not say which");
    is_int(ring.enter_ring_fd, FAKE_FD, "and the ring goes on by its descriptor");
    refuse(~0U, 0);
    is_int(rota_register_ring_fd(&ring), 1, "registered");
    is_int(ring.enter_ring_fd, 5, "by an index");
    is_hex(ring.enter_flags, IORING_ENTER_REGISTERED_RING, "which enter is told");
    is_hex(ring.wait_flags, IORING_ENTER_REGISTERED_RING | IORING_ENTER_GETEVENTS, "waits, too");
    refuse(IORING_UNREGISTER_RING_FDS, -ENOMEM);
    is_int(rota_unregister_ring_fd(&ring), -ENOMEM, "a failure");
    is_int(ring.enter_ring_fd, 5, "leaves the index");
    refuse(~0U, 0);
    is_int(rota_close_ring_fd(&ring), 1, "closed");
    is_int(fake.closes, 1, "once");
    (void)rota_register_files_sparse(&ring, 4);
    is_int(script.last_fd, 5, "register calls go by the index");
    ok(script.last & IORING_REGISTER_USE_REGISTERED_RING, "and say so");
    rota_queue_exit(&ring);
    is_int(script.last, IORING_UNREGISTER_RING_FDS | IORING_REGISTER_USE_REGISTERED_RING,
           "the index is given back at the end");
    is_int(fake.closes, 1, "nothing is closed twice");
    is_int(rota_close_ring_fd(&ring), -EBADF, "a ring that is torn down");
    is_int(rota_unregister_ring_fd(&ring), -EINVAL, "has no index");

    make(&ring, 0);
    ring.features &= ~(uint32_t)IORING_FEAT_REG_REG_RING;
    is_int(rota_close_ring_fd(&ring), -EOPNOTSUPP, "a kernel that needs the descriptor");
    rota_queue_exit(&ring);
}

/* True when a child of fork(2) finds `memory` mapped. */
static bool child_sees(void *memory)
{
    int status;
    pid_t child = fork();

    if (!child)
        _exit(madvise(memory, 4096, MADV_NORMAL) ? 1 : 0);
    return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static void test_dontfork(void)
{
    struct rota_ring ring;
    void *queues;

    /* Memory that is not there any more: the kernel says so for either queue. */
    make(&ring, 0);
    queues = ring.sq.sqes;
    ring.sq.sqes = (struct io_uring_sqe *)(void *)((char *)queues + 1);
    is_int(rota_ring_dontfork(&ring), -EINVAL, "SQEs that do not start on a page");
    ring.sq.sqes = queues;
    queues = ring.sq.ring_ptr;
    ring.sq.ring_ptr = (char *)queues + 1;
    is_int(rota_ring_dontfork(&ring), -EINVAL, "queues that do not");
    ring.sq.ring_ptr = queues;
    if (getenv("ROTA_UNDER_QEMU"))
        skip(1, "a child of qemu-user does not run once a page was kept from children");
    else
        ok(child_sees(fake.sqe_memory), "and then a child still has the SQEs");
    rota_queue_exit(&ring);
    is_int(fake.unmaps, 2, "the ring is not one whose children have no queues");

    make(&ring, 0);
    queues = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(queues, 65536);
    ring.sq.sqes = queues;
    if (madvise(queues, 4096, MADV_DONTFORK) == 0)
        skip(1, "SQEs that are gone: madvise does not look whether memory is there");
    else
        is_int(rota_ring_dontfork(&ring), -ENOMEM, "SQEs that are gone");
    ring.sq.sqes = (struct io_uring_sqe *)(void *)fake.sqe_memory;
    rota_queue_exit(&ring);
}

static int resize_to(struct rota_ring *ring, uint32_t sq, uint32_t cq, uint32_t flags)
{
    struct io_uring_params p;

    memset(&p, 0, sizeof(p));
    p.sq_entries = sq;
    p.cq_entries = cq;
    p.flags = flags | (cq ? IORING_SETUP_CQSIZE : 0);
    return rota_resize_rings(ring, &p);
}

/* Large SQEs and CQEs survive a kernel that moves a part of them. */
static void test_resize_large(bool says_array)
{
    struct rota_ring ring;
    bool same = true;

    make(&ring, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
    script.says_array = says_array;
    for (unsigned i = 0; i < 5; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        sqe->user_data = 50 + i;
        memset(sqe + 1, (int)('A' + i), 64);
    }
    for (unsigned i = 0; i < 6; i++) {
        struct io_uring_cqe *cqe =
            (struct io_uring_cqe *)(void *)(fake.ring_memory + sizeof(struct fake_header) +
                                            fake.header->cq_tail * 32);

        fake_post(70 + i, 0, 0);
        cqe->big_cqe[0] = 170 + i;
        cqe->big_cqe[1] = 270 + i;
    }
    is_int(resize_to(&ring, 16, 0, 0), 0, "resized, array %s", says_array ? "told" : "not told");
    is_int((char *)ring.sq.array - (char *)ring.sq.ring_ptr, script.array, "the array is found");
    for (uint32_t i = 0; i < ring.sq.ring_entries; i++)
        same = same && ring.sq.array[i] == i;
    ok(same, "and filled");
    is_int(rota_sq_ready(&ring), 5, "five SQEs are still there");
    same = true;
    for (unsigned i = 0; i < 5; i++) {
        char expected[64];

        memset(expected, (int)('A' + i), 64);
        same = same && *(uint64_t *)(void *)(script.sqe_memory + i * 128 + 32) == 50 + i &&
               !memcmp(script.sqe_memory + i * 128 + 64, expected, 64);
    }
    ok(same, "all of each");
    same = true;
    for (unsigned i = 0; i < 6; i++) {
        struct io_uring_cqe *cqe;

        same = same && !rota_peek_cqe(&ring, &cqe) && cqe->user_data == 70 + i &&
               cqe->big_cqe[0] == 170 + i && cqe->big_cqe[1] == 270 + i;
        rota_cq_advance(&ring, 1);
    }
    ok(same, "and six CQEs");
    is_int(script.anonymous, 0, "the reservation is given back");
    is_int(fake.unmaps, 2, "the old mapping is, too");
    rota_queue_exit(&ring);
}

static void no_header(struct io_uring_params *p)
{
    p->cq_off.tail = 1U << 30;
}

/* The heads that it leaves in the old memory are nowhere in the queues. */
static void leave_heads(struct io_uring_params *p)
{
    struct fake_header *old = (struct fake_header *)(void *)fake.ring_memory;

    (void)p;
    old->sq_head = old->sq_tail + 1;
    old->cq_head = old->cq_tail + 1;
}

static void test_resize_lies(void)
{
    struct rota_ring ring;

    make(&ring, IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
    fake.header->sq_flags = IORING_SQ_CQ_OVERFLOW;
    rota_get_events(&ring);
    script.spoil_resize = leave_heads;
    script.says_array = true;
    alarm(50); /* four billion entries take longer */
    is_int(resize_to(&ring, 16, 0, 0), 0, "heads that are nowhere are not followed");
    alarm(0);
    is_int(rota_cq_overflows(&ring), 1, "what was counted is kept");
    rota_queue_exit(&ring);
}

static void test_resize(void)
{
    struct rota_config config;
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    void *memory;

    make(&ring, IORING_SETUP_NO_SQARRAY);
    is_int(resize_to(&ring, 16, 0, 0), 0, "without an array");
    ok(!ring.sq.array, "there is none");
    is_int(resize_to(&ring, 16, 0, IORING_SETUP_IOPOLL), -EINVAL, "a flag that is not taken");
    script.anonymous_maps = 0;
    script.failing_anonymous = 1;
    is_int(resize_to(&ring, 8, 0, 0), -ENOMEM, "no address space");
    is_int(script.last, IORING_REGISTER_RESIZE_RINGS, "the kernel was asked before");
    script.failing_anonymous = 0;
    refuse(IORING_REGISTER_RESIZE_RINGS, -EPERM);
    is_int(resize_to(&ring, 8, 0, 0), -EPERM, "the kernel refuses");
    is_int(ring.sq.ring_entries, 16, "so nothing happens");
    is_int(script.anonymous, 0, "and nothing is left");
    refuse(~0U, 0);
    script.spoil_resize = no_header;
    is_int(resize_to(&ring, 8, 0, 0), -ENOTRECOVERABLE, "an answer that makes no sense");
    is_int(ring.enter_ring_fd, -1, "ends the ring");
    is_int(fake.closes, 1, "with its descriptor");
    is_int(script.anonymous, 0, "and all memory");

    /* Callbacks and chains of the call layer hold pointers into the queues. */
    make(&ring, 0);
    ring.calls.mode |= ROTA_CALLS_CHAIN;
    is_int(resize_to(&ring, 16, 0, 0), -EBUSY, "a chain is open");
    ring.calls.mode = ROTA_CALLS_DELIVERING;
    is_int(resize_to(&ring, 16, 0, 0), -EBUSY, "a callback runs");
    ring.calls.mode = 0;
    is_int(resize_to(&ring, 16, 0, 0), 0, "neither");
    rota_queue_exit(&ring);

    /* Entries of two slots. */
    make(&ring, IORING_SETUP_SQE_MIXED);
    for (unsigned i = 0; i < 3; i++)
        rota_prep_nop(must_get_sqe(&ring));
    sqe = must_get_sqe(&ring);
    rota_prep_nop128(sqe);
    (void)must_get_sqe(&ring);
    is_int(resize_to(&ring, 4, 0, 0), -EOVERFLOW, "an SQE would be torn apart");
    is_int(resize_to(&ring, 8, 32, 0), 0, "and is not");
    ring.sq.sqes[3].opcode = IORING_OP_URING_CMD128;
    is_int(resize_to(&ring, 4, 0, 0), -EOVERFLOW, "another kind, too");
    rota_queue_exit(&ring);

    make(&ring, IORING_SETUP_CQE_MIXED);
    for (unsigned i = 0; i < 7; i++)
        fake_post(i, 0, 0);
    fake_post(7, 0, IORING_CQE_F_32);
    is_int(resize_to(&ring, 8, 8, 0), -EOVERFLOW, "a CQE would be torn apart");
    is_int(resize_to(&ring, 8, 16, 0), 0, "and is not");
    is_int(rota_cq_ready(&ring), 9, "all are ready");
    rota_queue_exit(&ring);

    /* The caller's memory cannot be mapped anew. */
    fake_reset();
    rota_config_plain(&config);
    config.kernel = &fake_kernel;
    config.memory_size = 1 << 20;
    memory = mmap(NULL, 2 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    config.memory = (char *)memory + (-(uintptr_t)memory & (ROTA_MEMORY_ALIGN - 1));
    if (is_int(rota_init(&ring, FAKE_ENTRIES, &config), 0, "a ring in the caller's memory")) {
        is_int(resize_to(&ring, 16, 0, 0), -EINVAL, "queues in the caller's memory");
        rota_queue_exit(&ring);
    }
    munmap(memory, 2 << 20);
}

static void test_buffers(void)
{
    struct rota_buffers_config config = {.count = 4, .size = 64, .options = ROTA_BUFFERS_HUGE};
    struct rota_buffers buffers;
    struct rota_region region;
    struct rota_piece piece;
    struct io_uring_cqe cqe;
    struct rota_ring ring;
    uint16_t head = 5;
    int err = 0;

    make(&ring, 0);
    script.failing_anonymous = 1;
    is_int(rota_buffers_init(&ring, &buffers, &config), 0, "no huge page");
    is_hex(buffers.options, 0, "so it has none");
    is_int(script.anonymous, 1, "but others");
    rota_buffers_exit(&ring, &buffers);
    script.anonymous_maps = 0;
    script.failing_anonymous = 0;
    is_int(rota_buffers_init(&ring, &buffers, &config), 0, "huge pages");
    is_hex(buffers.options, ROTA_BUFFERS_HUGE, "it has them");
    is_int(buffers.memory_size, 1 << 21, "whole ones");

    /* A completion that claims more than there is. */
    memset(&cqe, 0, sizeof(cqe));
    cqe.res = 1000;
    cqe.flags = IORING_CQE_F_BUFFER;
    is_int(rota_buffers_take(&buffers, &cqe, &piece), 1, "1000 bytes in buffers of 64");
    for (unsigned i = 1; i < 4; i++)
        is_int(rota_buffers_next(&buffers, &piece), 1, "the next piece");
    is_int(rota_buffers_next(&buffers, &piece), -EINVAL, "there are only four");
    rota_buffers_exit(&ring, &buffers);

    /* Entries of the ring whose id is none. */
    is_int(rota_buffers_init(&ring, &buffers, &config), 0, "once more");
    is_int(rota_buffers_take(&buffers, &cqe, &piece), 1, "the first piece");
    ((struct io_uring_buf *)(void *)buffers.br)[1].bid = 4;
    is_int(rota_buffers_next(&buffers, &piece), -EINVAL, "a ring that was written over");
    rota_buffers_exit(&ring, &buffers);
    is_int(script.anonymous, 0, "nothing is left");

    /* What came from a table of system calls goes back to it, also after its ring. */
    is_int(rota_buffers_init(&ring, &buffers, &config), 0, "buffers that outlive their ring");
    is_int(rota_region_init(&ring, &region, 64, 0), 0, "and a region");
    rota_queue_exit(&ring);
    is_int(script.anonymous, 2, "have their memory");
    rota_buffers_exit(&ring, &buffers);
    rota_region_exit(&ring, &region);
    is_int(script.anonymous, 0, "which goes back where it came from");
    make(&ring, 0);

    refuse(IORING_REGISTER_PBUF_STATUS, -ENOENT);
    is_int(rota_buf_ring_head(&ring, 3, &head), -ENOENT, "no such group");
    is_int(head, 5, "leaves the head");
    is_int(rota_buf_ring_available(&ring, (struct io_uring_buf_ring *)(void *)fake.sqe_memory, 3),
           -ENOENT, "nor a number of buffers");
    refuse(IORING_UNREGISTER_PBUF_RING, -EINVAL);
    {
        struct io_uring_buf_ring *br = rota_setup_buf_ring(&ring, 4, 3, 0, &err);

        ok(br, "a ring");
        is_int(rota_free_buf_ring(&ring, br, 4, 3), -EINVAL, "whose group does not end");
        is_int(script.anonymous, 1, "keeps its memory");
        refuse(~0U, 0);
        is_int(rota_free_buf_ring(&ring, br, 4, 3), 0, "until it does");
    }
    ring.ring_fd = -1; /* as after rota_close_ring_fd() */
    ok(!rota_setup_buf_ring(&ring, 4, 3, IOU_PBUF_RING_MMAP, &err), "no descriptor");
    is_int(err, -EBADF, "no mapping");
    config.flags = IOU_PBUF_RING_MMAP;
    is_int(rota_buffers_init(&ring, &buffers, &config), -EBADF, "nor for managed buffers");
    is_int(script.anonymous, 0, "nothing is left");
    ring.ring_fd = FAKE_FD;
    rota_queue_exit(&ring);
}

static void test_file_table(void)
{
    struct rota_file_table table;
    struct rota_ring ring;
    uint64_t map[2];

    make(&ring, 0);
    refuse(IORING_REGISTER_FILES2, -EINVAL);
    script.failing_anonymous = 1;
    is_int(rota_file_table_init(&ring, &table, 100, map), -ENOMEM, "no memory for a list");
    script.failing_anonymous = 0;
    is_int(rota_file_table_init(&ring, &table, 100, map), 0, "a list");
    is_int(script.anonymous, 0, "which goes at once");
    is_int(rota_file_table_install(&ring, &table, 3), 0, "a file");
    refuse(IORING_REGISTER_FILES_UPDATE, -ENOMEM);
    is_int(rota_file_table_install(&ring, &table, 3), -ENOMEM, "a failure");
    is_int(rota_file_table_free(&table), 99, "costs no slot");
    is_int(rota_file_table_remove(&ring, &table, 0), -ENOMEM, "another one");
    ok(rota_file_table_is_used(&table, 0), "does not free the slot");
    is_int(rota_file_table_remove(&ring, &table, 100), -EINVAL, "there is no such slot");
    refuse(IORING_REGISTER_FILE_ALLOC_RANGE, -EINVAL);
    is_int(rota_file_table_leave_to_kernel(&ring, &table, 50), -EINVAL, "the kernel wants none");
    is_int(rota_file_table_free(&table), 99, "they stay ours");
    refuse(~0U, 0);
    for (int i = 1; i < 80; i++)
        (void)rota_file_table_reserve(&table);
    for (unsigned i = 40; i < 80; i++)
        (void)rota_file_table_release(&table, i);
    (void)rota_file_table_reserve(&table);
    is_int(rota_file_table_release(&table, 40), 0, "the last one that is used");
    is_int(rota_file_table_leave_to_kernel(&ring, &table, 60), 0, "the rest is the kernel's");
    is_int(rota_file_table_reserve(&table), -ENFILE, "and not ours");
    is_int(rota_file_table_release(&table, 40), -EINVAL, "nor ours to release");
    is_int(rota_file_table_update(&ring, &table, 40, 3), -EINVAL, "nor to update");
    is_int(rota_file_table_remove(&ring, &table, 40), 0, "but to empty");
    refuse(IORING_REGISTER_FILES_UPDATE, -ENOMEM);
    is_int(rota_file_table_update(&ring, &table, 0, 3), -ENOMEM, "a failure of an update");
    ok(rota_file_table_is_used(&table, 0), "frees no slot");
    refuse(~0U, 0);
    is_int(rota_file_table_leave_to_kernel(&ring, &table, 101), -EINVAL, "more than there are");
    rota_file_table_exit(&ring, &table);
    rota_queue_exit(&ring);
}

static void test_region(void)
{
    struct rota_region region;
    struct rota_ring ring;

    make(&ring, 0);
    is_int(rota_region_init(&ring, &region, 100, 0), 0, "a region");
    is_int(region.size % 4096, 0, "of whole pages");
    rota_region_exit(&ring, &region);
    is_int(script.anonymous, 0, "which ends");
    is_int(rota_region_init(&ring, &region, SIZE_MAX, 0), -EINVAL, "more than there is");
    refuse(IORING_REGISTER_MEM_REGION, -EBUSY);
    is_int(rota_region_init(&ring, &region, 100, ROTA_REGION_KERNEL), -EBUSY, "the kernel refuses");
    ok(!region.memory && !region.size, "so there is none");
    ring.ring_fd = -1; /* as after rota_close_ring_fd() */
    is_int(rota_region_init(&ring, &region, 100, ROTA_REGION_KERNEL), -EBADF, "no descriptor");
    ring.ring_fd = FAKE_FD;
    rota_queue_exit(&ring);
}

/* What is asked for, and what is taken for an answer. */
static void test_region_sizes(void)
{
    static const struct {
        int nr;
        uint64_t size;
    } sizes[] = {{1, 4096},
                 {63, 4096},
                 {64, 4096},
                 {65, 8192},
                 {1 << 20, 1 << 26},
                 {INT_MAX, UINT64_C(1) << 37},
                 {1 << 26, UINT64_C(1) << 32},
                 {(1 << 26) + 1, (UINT64_C(1) << 32) + 4096}};
    static const uint64_t wrong[] = {4096, 1, UINT64_MAX, UINT64_C(0) - 4096, UINT64_C(1) << 32};
    static struct io_uring_reg_wait waits[2];
    struct rota_region region;
    struct rota_ring ring;

    make(&ring, 0);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        bool fits = sizes[i].size <= SIZE_MAX / 2;

        script.regions = 0;
        is_int(rota_register_wait_reg(&ring, waits, sizes[i].nr), fits ? 0 : -EINVAL,
               "%d arguments of waits", sizes[i].nr);
        is_int(script.regions, fits, "  one call where there is such memory");
        if (!fits)
            continue;
        is_hex(script.region.size, sizes[i].size, "  of so many bytes");
        is_hex(script.region.user_addr, (uintptr_t)waits, "  where they lie");
        is_int(script.region.flags, IORING_MEM_REGION_TYPE_USER, "  in the caller's memory");
        is_int((long)script.region_flags, IORING_MEM_REGION_REG_WAIT_ARG, "  for waits");
    }
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        script.spoilt_size = wrong[i];
        is_int(rota_register_wait_reg(&ring, waits, 2), -EPROTO, "another size than asked for");
        is_int(rota_region_init(&ring, &region, 100, 0), -EPROTO, "of a region, too");
        ok(!region.memory && !region.size, "of which there is none then");
        is_int(script.anonymous, 0, "nor its memory");
        is_int(rota_region_init(&ring, &region, 100, ROTA_REGION_KERNEL), -EPROTO,
               "nor one of the kernel's");
        ok(!region.memory && !region.size, "which is not mapped");
    }
    script.spoilt_size = 0;
    is_int(rota_region_init(&ring, &region, 4097, 0), 0, "a region of two pages");
    is_int((long)region.size, 8192, "has them");
    is_hex(script.region.user_addr, (uintptr_t)region.memory, "and is known to the kernel");
    rota_region_exit(&ring, &region);
    is_int(script.anonymous, 0, "until it ends");
    rota_queue_exit(&ring);
}

/* The limit of descriptors is raised only when it is what stands in the way. */
static void test_limit_is_enough(void)
{
    struct io_uring_params params;
    struct rlimit limit, few, now;
    struct rota_ring ring;
    int files[5] = {-1, -1, -1, -1, -1};

    make(&ring, 0);
    rota_queue_exit(&ring);
    memset(&params, 0, sizeof(params));
    if (rota_queue_init_on(FAKE_ENTRIES, &ring, &params, &kernel) < 0)
        bail("no ring on the scripted kernel");
    refuse(IORING_REGISTER_FILES, -EMFILE);
    getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned nr = 3; nr <= 5; nr++) {
        few = limit;
        few.rlim_cur = 4;
        script.calls = 0;
        setrlimit(RLIMIT_NOFILE, &few);
        is_int(rota_register_files(&ring, files, nr), -EMFILE, "a limit of four, %u files", nr);
        getrlimit(RLIMIT_NOFILE, &now);
        setrlimit(RLIMIT_NOFILE, &limit);
        is_int((long)now.rlim_cur, nr > 4 ? 9 : 4, "  raised by their number if there are more");
        is_int((int)script.calls, nr > 4 ? 2 : 1, "  and tried again then");
    }
    rota_queue_exit(&ring);
}

/* In a child: the hard limit cannot be raised again by everybody. */
static int register_below(unsigned soft, unsigned hard, unsigned *now)
{
    struct rlimit few = {.rlim_cur = soft, .rlim_max = hard}, limit;
    struct io_uring_params params;
    struct rota_ring ring;
    int files[5] = {-1, -1, -1, -1, -1};

    memset(&params, 0, sizeof(params));
    if (rota_queue_init_on(FAKE_ENTRIES, &ring, &params, &kernel) < 0 ||
        setrlimit(RLIMIT_NOFILE, &few))
        return -1;
    script.calls = 0;
    (void)rota_register_files(&ring, files, 5);
    getrlimit(RLIMIT_NOFILE, &limit);
    *now = (unsigned)limit.rlim_cur;
    return (int)script.calls;
}

static void test_hard_limit(void)
{
    const char *preload = getenv("LD_PRELOAD");
    struct rota_ring ring;
    int status = 0;
    pid_t child;

    if (preload && strstr(preload, "vgpreload")) {
        skip(1, "valgrind keeps that limit to itself");
        return;
    }
    if (rota_sys_setup(0, NULL) == -ENOSYS) {
        skip(1, "an emulator of processors goes round for want of descriptors of its own");
        return;
    }
    make(&ring, 0);
    rota_queue_exit(&ring);
    refuse(IORING_REGISTER_FILES, -EMFILE);
    fflush(stdout);
    child = fork();
    if (child < 0)
        bail("fork");
    if (!child) {
        unsigned now = 0, wrong = 0;

        wrong |= (register_below(4, 6, &now) != 2 || now != 6) ? 1U : 0;
        wrong |= (register_below(4, 4, &now) != 1 || now != 4) ? 2U : 0;
        _exit((int)wrong);
    }
    if (waitpid(child, &status, 0) != child)
        bail("waitpid");
    is_int(status, 0, "up to the hard limit, and not again when it is reached");
}

static void test_zcrx(void)
{
    static const int errors[] = {-EBUSY, -EEXIST, -EPERM, -ERANGE};
    struct rota_zcrx_config config = {.if_idx = 1, .rq_entries = 30, .area_size = 8192};
    struct rota_zcrx zcrx;
    struct rota_ring ring;

    make(&ring, 0);
    script.offsets.head = 0;
    script.offsets.tail = 64;
    script.offsets.rqes = 128;
    is_int(rota_zcrx_init(&ring, &zcrx, &config), 0, "an instance");
    is_int(zcrx.rq.ring_entries, 32, "with the entries that the kernel made");
    is_int((char *)zcrx.rq.ktail - (char *)zcrx.rq.ring_ptr, 64, "and its offsets");
    is_int((char *)zcrx.rq.rqes - (char *)zcrx.rq.ring_ptr, 128, "all of them");
    is_int(zcrx.id, 17, "and its id");
    is_int(rota_zcrx_space(&zcrx), 32, "the refill ring is empty");
    is_int(rota_zcrx_flush(&ring, &zcrx), 0, "and can be flushed");
    rota_zcrx_exit(&zcrx);
    rota_zcrx_exit(&zcrx);
    is_int(script.anonymous, 0, "what came through the table of the ring went back through it");

    {
        unsigned char *area =
            mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        config.area = area;
        is_int(rota_zcrx_init(&ring, &zcrx, &config), 0, "in memory of the caller's");
        rota_zcrx_exit(&zcrx);
        area[8191] = 1; /* faults if it is gone */
        munmap(area, 8192);
        config.area = NULL;
    }

#define REFUSED(what, ...)                                                  \
    do {                                                                    \
        struct io_uring_zcrx_offsets good = script.offsets;                 \
                                                                            \
        __VA_ARGS__;                                                        \
        is_int(rota_zcrx_init(&ring, &zcrx, &config), -EPROTO, "%s", what); \
        ok(!zcrx.rq.ring_ptr && !zcrx.area, "leaves nothing");              \
        script.offsets = good;                                              \
        script.zcrx_entries = 0;                                            \
    } while (0)
    REFUSED("a head outside of the memory", script.offsets.head = 1U << 20);
    REFUSED("a head at an odd place", script.offsets.head = 2);
    REFUSED("a tail outside", script.offsets.tail = 1U << 20);
    REFUSED("entries outside", script.offsets.rqes = 1U << 20);
    REFUSED("entries that reach outside", script.zcrx_entries = 1024);
    REFUSED("entries at an odd place", script.offsets.rqes = 132);
    REFUSED("a number of entries that is none", script.zcrx_entries = 3);
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        refuse(IORING_REGISTER_ZCRX_IFQ, errors[i]);
        is_int(rota_zcrx_init(&ring, &zcrx, &config), errors[i], "the kernel refuses: %s",
               strerror(-errors[i]));
        ok(!zcrx.rq.ring_ptr && !zcrx.area, "which leaves nothing");
    }
    refuse(IORING_REGISTER_ZCRX_CTRL, -EINVAL);
    is_int(rota_zcrx_flush(&ring, &zcrx), -EINVAL, "a kernel that cannot flush");
    rota_queue_exit(&ring);
}

int main(void)
{
    test_ring_fd();
    test_dontfork();
    test_resize_large(true);
    test_resize_large(false);
    test_resize();
    test_resize_lies();
    test_buffers();
    test_file_table();
    test_region();
    test_region_sizes();
    test_limit_is_enough();
    test_hard_limit();
    test_zcrx();
    return done();
}
