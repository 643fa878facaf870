/* SPDX-License-Identifier: MIT */
/*
 * Every set-up flag on the running kernel: what it promises can be seen. And
 * set-up that fails at each of its steps, after which nothing is left.
 */
#include "support.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

static struct io_uring_cqe *cqe;

/* A ring of that kind, or a skip of `checks` checks when the kernel lacks it. */
static bool get_ring(struct rota_ring *ring, struct rota_config *config, int checks,
                     const char *since)
{
    int ret = rota_init(ring, 8, config);

    if (ret == -EINVAL)
        skip(checks, "this kernel lacks it (%s)", since);
    else if (ret < 0)
        bail("rota_init: %s", strerror(-ret));
    return ret >= 0;
}

/* A NOP goes through the ring. */
static bool works(struct rota_ring *ring)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);
    struct completion got;

    rota_prep_nop(sqe);
    sqe->user_data = 0x1234;
    if (rota_submit(ring) != 1)
        return false;
    got = next_cqe(ring);
    return got.user_data == 0x1234 && !got.res;
}

static void test_sizes_of_queues(void)
{
    struct io_uring_params params;
    struct rota_config config;
    struct rota_ring ring;

    rota_config_plain(&config);
    config.cq_entries = 100;
    if (get_ring(&ring, &config, 2, "5.5")) {
        is_int(ring.cq.ring_entries, 128, "CQSIZE: rounded up");
        ok(works(&ring), "CQSIZE: works");
        rota_queue_exit(&ring);
    }
    config.cq_entries = 4;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "CQSIZE: fewer than SQEs");
    config.cq_entries = 1 << 20;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "CQSIZE: too many");

    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_CLAMP;
    is_int(rota_queue_init_params(1 << 20, &ring, &params), 0, "CLAMP: a million entries");
    is_int(ring.sq.ring_entries, 32768, "CLAMP: become as many as there can be");
    ok(works(&ring), "CLAMP: works");
    rota_queue_exit(&ring);
}

static void test_attach(void)
{
    struct rota_config config;
    struct rota_ring first, second;
    int ends[2];

    rota_config_sqpoll(&config);
    if (!get_ring(&first, &config, 4, "5.11 without privileges"))
        return;
    config.required_flags |= IORING_SETUP_ATTACH_WQ;
    config.wq_fd = first.ring_fd;
    is_int(rota_init(&second, 8, &config), 0, "ATTACH_WQ: a second ring on one thread");
    ok(works(&second) && works(&first), "ATTACH_WQ: both work");
    rota_queue_exit(&first);
    ok(works(&second), "ATTACH_WQ: the second goes on alone");
    rota_queue_exit(&second);
    if (pipe2(ends, O_CLOEXEC) < 0)
        bail("pipe: %s", strerror(errno));
    config.wq_fd = ends[0];
    is_int(rota_init(&second, 8, &config), -EINVAL, "ATTACH_WQ: a pipe is no ring");
    close(ends[0]);
    close(ends[1]);
}

static void test_affinity(void)
{
    struct rota_config config;
    struct rota_ring ring;

    rota_config_sqpoll(&config);
    config.required_flags |= IORING_SETUP_SQ_AFF;
    config.sq_thread_cpu = (uint32_t)sched_getcpu();
    config.sq_thread_idle = 20;
    if (get_ring(&ring, &config, 3, "5.11 without privileges")) {
        ok(works(&ring), "SQ_AFF: works");
        usleep(100000);
        ok(rota_load_relaxed(ring.sq.kflags) & IORING_SQ_NEED_WAKEUP,
           "SQPOLL: the thread sleeps after its idle time");
        ok(works(&ring), "SQPOLL: and is woken");
        rota_queue_exit(&ring);
    }
    config.sq_thread_cpu = 1 << 20;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "SQ_AFF: no such CPU");
}

static void test_disabled(void)
{
    struct rota_config config;
    struct rota_ring ring;

    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_R_DISABLED;
    config.preferred_flags = IORING_SETUP_SINGLE_ISSUER;
    if (!get_ring(&ring, &config, 5, "5.10"))
        return;
    rota_prep_nop(must_get_sqe(&ring));
    is_int(rota_submit(&ring), -EBADFD, "R_DISABLED: nothing is taken");
    is_int(rota_submit_and_wait(&ring, 1), -EBADFD, "R_DISABLED: nor waited for");
    is_int(rota_enable_rings(&ring), 0, "R_DISABLED: until it is enabled");
    is_int(rota_submit_and_wait(&ring, 1), 1, "R_DISABLED: then it is");
    rota_cq_advance(&ring, 1);
    is_int(rota_enable_rings(&ring), -EBADFD, "R_DISABLED: once");
    rota_queue_exit(&ring);
}

/* Rings that only have to work. */
static void test_working(void)
{
    static const struct {
        uint32_t flags;
        const char *name, *since;
    } kinds[] = {
        {IORING_SETUP_SUBMIT_ALL, "SUBMIT_ALL", "5.18"},
        {IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN", "5.19"},
        {IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG, "TASKRUN_FLAG", "5.19"},
        {IORING_SETUP_SINGLE_ISSUER, "SINGLE_ISSUER", "6.0"},
        {IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN", "6.1"},
        {IORING_SETUP_SQE128, "SQE128", "5.19"},
        {IORING_SETUP_CQE32, "CQE32", "5.19"},
        {IORING_SETUP_SQE128 | IORING_SETUP_CQE32, "SQE128 and CQE32", "5.19"},
        {IORING_SETUP_NO_SQARRAY, "NO_SQARRAY", "6.6"},
        {IORING_SETUP_CQE_MIXED, "CQE_MIXED", "6.18"},
        {IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY, "SQE_MIXED", "6.19"},
        {IORING_SETUP_SQE_MIXED, "SQE_MIXED with an array", "6.19"},
        {IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY, "SQ_REWIND", "7.0"},
    };

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        struct rota_config config;
        struct rota_ring ring;
        uint32_t wanted;
        bool all = true;

        rota_config_plain(&config);
        config.required_flags = kinds[i].flags;
        if (!get_ring(&ring, &config, 2, kinds[i].since))
            continue;
        wanted = kinds[i].flags;
        if (wanted & (IORING_SETUP_COOP_TASKRUN | IORING_SETUP_DEFER_TASKRUN))
            wanted |= IORING_SETUP_TASKRUN_FLAG; /* for peeks that cost nothing */
        is_hex(ring.flags, wanted, "%s: was obtained", kinds[i].name);
        for (unsigned round = 0; round < 50; round++)
            all &= works(&ring);
        ok(all, "%s: works around the queue", kinds[i].name);
        rota_queue_exit(&ring);
    }
}

/* Completions of both sizes in one queue, over its end, where the kernel has them (6.18). */
static void test_mixed_cqes(void)
{
    struct rota_config config;
    struct rota_ring ring;
    uint64_t seen = 0, sent = 0;
    unsigned large = 0, shown = 0;
    bool right = true;

    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_CQE_MIXED;
    if (!get_ring(&ring, &config, 2, "6.18"))
        return;
    for (unsigned round = 0; round < 300; round++) {
        unsigned count = 1 + round % 5 - (round % 7 == 6 && round % 5), slots = 0, head;
        unsigned before = (unsigned)seen;

        for (unsigned i = 0; i < count; i++) {
            struct io_uring_sqe *sqe = must_get_sqe(&ring);

            rota_prep_nop(sqe);
            sqe->user_data = sent++;
            if ((round + i) % 3 == 0) {
                sqe->nop_flags = IORING_NOP_CQE32;
                sqe->off = sqe->user_data + 1; /* extra1 */
                sqe->addr = sqe->user_data + 2;
            }
        }
        right &= rota_submit_and_wait(&ring, count) == (int)count;
        while (seen < before + count) {
            uint64_t start = seen;

            rota_for_each_cqe (&ring, head, cqe) {
                bool is_large = rota_cqe_is_32(cqe);

                right &= cqe->user_data == seen && cqe->res == 0;
                right &= is_large == ((round + (seen - before)) % 3 == 0);
                large += is_large;
                slots += rota_cqe_nr(cqe);
                seen++;
            }
            rota_cq_advance(&ring, slots);
            shown += slots;
            slots = 0;
            if (seen == start)
                break;
        }
        if (seen != before + count)
            break;
    }
    is_int(seen, sent, "CQE_MIXED: all come, over gaps");
    ok(ring.cq.cqe_head > shown, "CQE_MIXED: of which there were %u", ring.cq.cqe_head - shown);
    ok(right && large > 100, "CQE_MIXED: in order, each of its size");
    rota_queue_exit(&ring);
}

/* Memory of the caller, through liburing's function, on a huge page where there is one. */
static void test_memory(void)
{
    struct io_uring_params params;
    struct rota_ring ring;
    size_t size = 2 << 20;
    bool huge = true;
    int ret, mappings = count_mappings();
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

    if (memory == MAP_FAILED) {
        huge = false;
        memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    if (memory == MAP_FAILED)
        bail("mmap: %s", strerror(errno));
    memset(&params, 0, sizeof(params));
    ret = rota_queue_init_mem(64, &ring, &params, memory, size);
    if (ret == -EINVAL) {
        skip(4, "this kernel takes no %s memory of the caller", huge ? "huge" : "scattered");
    } else {
        is_int(ret, rota_memory_size(64, 0), "NO_MMAP on a %s page: says how much it took",
               huge ? "huge" : "small");
        is_hex(ring.flags, IORING_SETUP_NO_MMAP, "NO_MMAP: was added");
        is_int(count_mappings(), mappings, "NO_MMAP: nothing was mapped");
        ok(works(&ring), "NO_MMAP: works");
        rota_queue_exit(&ring);
    }
    munmap(memory, size);
}

static void test_estimates(void)
{
    struct io_uring_params params;
    struct rota_ring ring;
    ptrdiff_t locked;

    for (unsigned entries = 1; entries <= 4096; entries *= 4) {
        memset(&params, 0, sizeof(params));
        params.flags = entries % 3 ? 0 : IORING_SETUP_SQE128;
        if (rota_queue_init_params(entries, &ring, &params) < 0)
            bail("rota_queue_init_params");
        size_t mapped = ring.sq.ring_sz + ring.sq.sqes_sz;
        size_t said = (size_t)rota_memory_size_params(entries, &params);

        ok(said >= mapped && said <= mapped + 3 * (size_t)ROTA_MEMORY_ALIGN,
           "%u entries: %zu bytes are mapped, %zu were foretold", entries, mapped, said);
        rota_queue_exit(&ring);
    }
    locked = rota_mlock_size(64, 0);
    make_ring(&ring, 1, 0);
    is_int(locked, ring.features & IORING_FEAT_NATIVE_WORKERS ? 0 : rota_memory_size(64, 0),
           "what counts against RLIMIT_MEMLOCK");
    rota_queue_exit(&ring);
}

/* The real kernel, whose how-many-eth call fails. */
static unsigned calls, failing;

static bool fails(void)
{
    return ++calls == failing;
}

static int faulty_setup(uint32_t entries, struct io_uring_params *p)
{
    return fails() ? -ENOMEM : rota_kernel_real.setup(entries, p);
}

static int faulty_reg(int fd, uint32_t opcode, const void *arg, uint32_t nr)
{
    return fails() ? -ENOMEM : rota_kernel_real.reg(fd, opcode, arg, nr);
}

static int faulty_map(size_t size, int fd, uint64_t offset, void **address)
{
    return fails() ? -ENOMEM : rota_kernel_real.map(size, fd, offset, address);
}

static int real_enter(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                      size_t size)
{
    return rota_kernel_real.enter(fd, submit, wait_nr, flags, arg, size);
}

static void test_faults(void)
{
    struct rota_kernel kernel = {.setup = faulty_setup,
                                 .enter = real_enter,
                                 .reg = faulty_reg,
                                 .map = faulty_map,
                                 .unmap = rota_kernel_real.unmap,
                                 .close = rota_kernel_real.close,
                                 .clock = rota_kernel_real.clock};
    int fds = count_fds(), mappings = count_mappings();
    struct rota_config config;
    struct rota_ring ring;

    rota_config_single_owner(&config);
    config.kernel = &kernel;
    for (failing = 1;; failing++) {
        int ret;

        calls = 0;
        ret = rota_init(&ring, 8, &config);
        if (ret >= 0) {
            if (calls >= failing)
                ok(works(&ring), "fault %u, of a preference: the ring goes without", failing);
            rota_queue_exit(&ring);
        } else {
            is_int(ret, -ENOMEM, "fault %u is handed on", failing);
        }
        is_int(count_fds(), fds, "fault %u leaves no descriptor", failing);
        is_int(count_mappings(), mappings, "fault %u leaves no mapping", failing);
        if (calls < failing)
            break;
    }
    ok(failing > 3, "set-up has more than three steps");

    /* No descriptor is left to have, as the kernel says it. */
    {
        struct rlimit limit, none;

        getrlimit(RLIMIT_NOFILE, &limit);
        none = limit;
        none.rlim_cur = (rlim_t)dup(0); /* the lowest number that is free */
        close((int)none.rlim_cur);
        setrlimit(RLIMIT_NOFILE, &none);
        is_int(rota_init(&ring, 8, NULL), -EMFILE, "no descriptor left: no ring");
        is_int(rota_mlock_size(8, 0), -EMFILE, "and no answer that would need one");
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

int main(void)
{
    struct rota_ring ring;
    int fds = count_fds(), mappings = count_mappings();

    make_ring(&ring, 1, 0);
    rota_queue_exit(&ring);
    test_sizes_of_queues();
    test_attach();
    test_affinity();
    test_disabled();
    test_working();
    test_mixed_cqes();
    test_memory();
    test_estimates();
    test_faults();
    is_int(count_fds(), fds, "no descriptor is left behind");
    is_int(count_mappings(), mappings, "no mapping is left behind");
    return done();
}
