/* SPDX-License-Identifier: MIT */
/*
 * A scripted kernel: the real core runs on top of it, the test decides what
 * each system call answers.
 *
 * It keeps queues in static memory, with indices that start where the test
 * says. Unless told otherwise, enter takes all SQEs it may, completes each at
 * once with result 0, keeps completions that find the queue full in a
 * backlog, and flushes it with GETEVENTS, as the kernel does.
 */
#ifndef ROTA_TESTS_FAKE_KERNEL_H
#define ROTA_TESTS_FAKE_KERNEL_H

#include "support.h"

#define FAKE_FD      1000
#define FAKE_ENTRIES 8
#define FAKE_SCRIPT  16
#define FAKE_ALL     0xffffffffu
#define FAKE_INDEX   7 /* of a ring without descriptor */
#define FAKE_FEATURES                                                     \
    (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_EXT_ARG | \
     IORING_FEAT_MIN_TIMEOUT | IORING_FEAT_NO_IOWAIT)

/* One call of enter, instead of the usual behaviour. */
struct fake_step {
    int result;    /* what it returns, unless `count` */
    bool count;    /* return the number of SQEs taken */
    unsigned take; /* takes at most that many SQEs */
    unsigned post; /* completes at most that many, from its list of what was taken */
    long passes;   /* milliseconds that it takes */
};

struct fake_header {
    uint32_t sq_head, sq_tail, cq_head, cq_tail;
    uint32_t sq_mask, cq_mask, sq_entries, cq_entries;
    uint32_t dropped, sq_flags, cq_flags, overflow;
    uint32_t padding[4];
};

static struct {
    /* What the test sets before rota_init. */
    uint32_t start;       /* first value of the four indices */
    uint32_t features;    /* IORING_FEAT_* */
    uint32_t known_flags; /* IORING_SETUP_*; others are answered with EINVAL */
    int setup_error, register_error, clock_error;
    unsigned failing_clock;                        /* the how-many-eth reading fails; 0: each */
    int failing_map;                               /* the how-many-eth map fails, from 1 on */
    void (*spoil)(struct io_uring_params *answer); /* changes the answer of setup */

    /* What the test sets before a call. */
    struct fake_step script[FAKE_SCRIPT];
    unsigned steps, step;

    /* What the test looks at. */
    unsigned setups, enters, maps, unmaps, closes, registers, clocks;
    uint32_t last_setup_flags;
    uint32_t last_flags, last_submit, last_wait_nr, last_min_usec;
    int last_fd, last_clock;
    const void *last_arg;
    size_t last_size;
    struct __kernel_timespec last_ts; /* tv_sec -1 when there was none */
    unsigned taken;
    uint64_t taken_data[4096]; /* user_data of what was taken, in order */
    uint8_t
        taken_flags[4096]; /* and IOSQE_*; those of a skipped one stand where the next one stands */
    unsigned skipped;      /* taken with CQE_SKIP_SUCCESS */
    bool stuck;            /* a wait that would never have ended */

    long now_ms;
    unsigned posted;
    uint64_t backlog[256];
    unsigned backlog_count;
    struct fake_header *header;
    char *ring_base, *sqe_base;
    uint32_t flags;
    _Alignas(4096) char ring_memory[16384];
    _Alignas(4096) char sqe_memory[8192];
} fake;

__attribute__((unused)) static void fake_reset(void)
{
    memset(&fake, 0, sizeof(fake));
    fake.features = FAKE_FEATURES;
    fake.known_flags = ~0u;
}

__attribute__((unused)) static struct fake_step *fake_then(int result)
{
    struct fake_step *step = &fake.script[fake.steps++];

    step->result = result;
    return step;
}

static int fake_setup(uint32_t entries, struct io_uring_params *p)
{
    uint32_t cqe_size = p->flags & IORING_SETUP_CQE32 ? 32 : 16;

    fake.setups++;
    fake.last_setup_flags = p->flags;
    if (fake.setup_error)
        return fake.setup_error;
    if (p->flags & ~fake.known_flags)
        return -EINVAL;
    p->sq_entries = entries;
    if (!(p->flags & IORING_SETUP_CQSIZE))
        p->cq_entries = 2 * entries;
    p->features = fake.features;
    fake.flags = p->flags;
    fake.ring_base = fake.ring_memory;
    fake.sqe_base = fake.sqe_memory;
    if (p->flags & IORING_SETUP_NO_MMAP) {
        fake.ring_base = (char *)(uintptr_t)p->cq_off.user_addr;
        fake.sqe_base = (char *)(uintptr_t)p->sq_off.user_addr;
    }
    fake.header = (struct fake_header *)(void *)fake.ring_base;
    fake.header->sq_mask = p->sq_entries - 1;
    fake.header->sq_entries = p->sq_entries;
    fake.header->cq_mask = p->cq_entries - 1;
    fake.header->cq_entries = p->cq_entries;
    fake.header->sq_head = fake.header->sq_tail = fake.start;
    fake.header->cq_head = fake.header->cq_tail = fake.start;
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
    if (!(p->flags & IORING_SETUP_NO_SQARRAY))
        p->sq_off.array = (uint32_t)sizeof(struct fake_header) + p->cq_entries * cqe_size;
    if (fake.spoil)
        fake.spoil(p);
    return p->flags & IORING_SETUP_REGISTERED_FD_ONLY ? FAKE_INDEX : FAKE_FD;
}

/* Writes one CQE at the shared tail; `extra` slots may follow. */
__attribute__((unused)) static void fake_post(uint64_t user_data, int res, uint32_t flags)
{
    uint32_t size = fake.flags & IORING_SETUP_CQE32 ? 32 : 16;
    struct io_uring_cqe *cqe =
        (struct io_uring_cqe *)(void *)(fake.ring_base + sizeof(struct fake_header) +
                                        (fake.header->cq_tail & fake.header->cq_mask) * size);

    cqe->user_data = user_data;
    cqe->res = res;
    cqe->flags = flags;
    if (flags & IORING_CQE_F_32) {
        cqe->big_cqe[0] = user_data + 1;
        cqe->big_cqe[1] = user_data + 2;
        fake.header->cq_tail++;
    }
    fake.header->cq_tail++;
}

static bool fake_cq_full(void)
{
    return fake.header->cq_tail - fake.header->cq_head == fake.header->cq_entries;
}

static void fake_flush(void)
{
    unsigned i = 0;

    while (i < fake.backlog_count && !fake_cq_full())
        fake_post(fake.backlog[i++], 0, 0);
    memmove(fake.backlog, fake.backlog + i, (fake.backlog_count - i) * sizeof(fake.backlog[0]));
    fake.backlog_count -= i;
    if (!fake.backlog_count)
        fake.header->sq_flags &= ~IORING_SQ_CQ_OVERFLOW;
}

/* Completes up to `count` of what was taken and not yet completed. */
static void fake_complete(unsigned count)
{
    while (count-- && fake.posted != fake.taken) {
        uint64_t user_data = fake.taken_data[fake.posted++ % 4096];

        if (fake.backlog_count || fake_cq_full()) {
            if (fake.backlog_count == 256)
                bail("the scripted kernel's backlog is full");
            fake.backlog[fake.backlog_count++] = user_data;
            fake.header->sq_flags |= IORING_SQ_CQ_OVERFLOW;
        } else {
            fake_post(user_data, 0, 0);
        }
    }
}

static unsigned fake_take(unsigned count)
{
    uint32_t size = fake.flags & IORING_SETUP_SQE128 ? 128 : 64;
    bool rewind = (fake.flags & IORING_SETUP_SQ_REWIND) != 0;
    uint32_t head = rewind ? 0 : fake.header->sq_head;
    unsigned taken = 0;

    while (taken < count && (rewind || head != fake.header->sq_tail)) {
        uint32_t slot = head & fake.header->sq_mask;
        struct io_uring_sqe *sqe = (struct io_uring_sqe *)(void *)(fake.sqe_base + slot * size);
        bool large = sqe->opcode == IORING_OP_NOP128 || sqe->opcode == IORING_OP_URING_CMD128;

        if (large && !(fake.flags & IORING_SETUP_SQE128)) {
            if (!(fake.flags & IORING_SETUP_SQE_MIXED) || slot == fake.header->sq_mask ||
                taken + 2 > count)
                bail("a large SQE in slot %u, %u of %u", slot, taken, count);
            head++;
            taken++;
        }
        head++;
        taken++;
        fake.taken_flags[fake.taken % 4096] = sqe->flags;
        if (!(sqe->flags & IOSQE_CQE_SKIP_SUCCESS))
            fake.taken_data[fake.taken++ % 4096] = sqe->user_data;
        else
            fake.skipped++;
    }
    if (!rewind)
        fake.header->sq_head = head;
    return taken;
}

static int fake_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                      const void *arg, size_t size)
{
    unsigned taken;

    fake.enters++;
    fake.last_fd = fd;
    fake.last_flags = flags;
    fake.last_submit = to_submit;
    fake.last_wait_nr = min_complete;
    fake.last_arg = arg;
    fake.last_size = size;
    fake.last_ts.tv_sec = -1;
    fake.last_min_usec = 0;
    if ((flags & IORING_ENTER_EXT_ARG) && !(flags & IORING_ENTER_EXT_ARG_REG)) {
        const struct io_uring_getevents_arg *ext = arg;

        if (size != sizeof(*ext))
            bail("an extended argument of %zu bytes", size);
        if (ext->ts)
            memcpy(&fake.last_ts, (const void *)(uintptr_t)ext->ts, sizeof(fake.last_ts));
        fake.last_min_usec = ext->min_wait_usec;
    }
    if (fake.step < fake.steps) {
        const struct fake_step *step = &fake.script[fake.step++];

        taken = fake_take(to_submit < step->take ? to_submit : step->take);
        fake_complete(step->post);
        fake.now_ms += step->passes;
        return step->count ? (int)taken : step->result;
    }
    taken = fake_take(to_submit);
    fake_complete(FAKE_ALL);
    if (flags & IORING_ENTER_GETEVENTS) {
        fake_flush();
        if (taken == to_submit && fake.header->cq_tail - fake.header->cq_head < min_complete) {
            fake.stuck = true;
            return -EDEADLK;
        }
    }
    return (int)taken;
}

static int fake_register(int fd, uint32_t opcode, const void *arg, uint32_t nr)
{
    (void)fd;
    fake.registers++;
    if (fake.register_error)
        return fake.register_error;
    if (opcode == IORING_REGISTER_RING_FDS) {
        struct io_uring_rsrc_update update;

        memcpy(&update, arg, sizeof(update));
        if (nr != 1 || update.data != FAKE_FD || update.offset != UINT32_MAX)
            return -EINVAL;
        update.offset = 5;
        memcpy((void *)(uintptr_t)arg, &update, sizeof(update));
        return 1;
    }
    return 0;
}

static int fake_map(size_t size, int fd, uint64_t offset, void **address)
{
    fake.maps++;
    if (fd != FAKE_FD)
        return -EBADF;
    if ((int)fake.maps == fake.failing_map)
        return -ENOMEM;
    if (size > (offset ? sizeof(fake.sqe_memory) : sizeof(fake.ring_memory)))
        return -EINVAL; /* as the kernel, which knows the size of what it has */
    *address = offset == IORING_OFF_SQES ? fake.sqe_memory : fake.ring_memory;
    return 0;
}

static int fake_unmap(void *address, size_t size)
{
    (void)size;
    if (address != fake.ring_memory && address != fake.sqe_memory)
        bail("an unmap of what was never mapped");
    fake.unmaps++;
    return 0;
}

static int fake_close(int fd)
{
    if (fd != FAKE_FD)
        bail("a close of descriptor %d", fd);
    fake.closes++;
    return 0;
}

static int fake_clock(int clock_id, struct __kernel_timespec *now)
{
    fake.clocks++;
    fake.last_clock = clock_id;
    now->tv_sec = 100 + fake.now_ms / 1000;
    now->tv_nsec = fake.now_ms % 1000 * 1000000;
    return !fake.failing_clock || fake.clocks == fake.failing_clock ? fake.clock_error : 0;
}

static const struct rota_kernel fake_kernel = {.setup = fake_setup,
                                               .enter = fake_enter,
                                               .reg = fake_register,
                                               .map = fake_map,
                                               .unmap = fake_unmap,
                                               .close = fake_close,
                                               .clock = fake_clock};

/* A ring on the scripted kernel, as `config` says but for the kernel. */
__attribute__((unused)) static void fake_ring(struct rota_ring *ring, struct rota_config *config)
{
    int ret;

    config->kernel = &fake_kernel;
    ret = rota_init(ring, FAKE_ENTRIES, config);
    if (ret < 0)
        bail("no ring on the scripted kernel: %s", strerror(-ret));
}

/* The same with `flags` and `options` and nothing else. */
__attribute__((unused)) static void fake_plain_ring(struct rota_ring *ring, uint32_t flags,
                                                    uint32_t options)
{
    struct rota_config config;

    rota_config_plain(&config);
    config.required_flags = flags;
    config.options = options;
    fake_ring(ring, &config);
}

/* Prepares `count` NOPs whose user_data count on from `first`. */
__attribute__((unused)) static void fake_prepare(struct rota_ring *ring, unsigned count,
                                                 uint64_t first)
{
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(ring);

        rota_prep_nop(sqe);
        sqe->user_data = first + i;
    }
}

#endif /* ROTA_TESTS_FAKE_KERNEL_H */
