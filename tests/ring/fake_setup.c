/* SPDX-License-Identifier: MIT */
/* Set-up against a scripted kernel: each step fails once, each answer is wrong once, nothing is left. */
#include "fake_kernel.h"

static size_t spoiled_word;
static uint32_t spoiled_value;

static void spoil_word(struct io_uring_params *p)
{
    ((uint32_t *)(void *)p)[spoiled_word] = spoiled_value;
}

/* What the memory of the queues says instead of what setup answered. */
static size_t spoiled_header;

static void spoil_header(struct io_uring_params *p)
{
    (void)p;
    *(uint32_t *)(void *)(fake.ring_memory + spoiled_header) = 3;
}

/* Makes a ring that must fail with `error`, and checks that all was given back. */
static void fails(int error, const char *why)
{
    struct rota_config config;
    struct rota_ring ring;
    unsigned failed_maps;

    rota_config_single_owner(&config);
    config.kernel = &fake_kernel;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), error, "%s", why);
    is_int(ring.ring_fd, -1, "  there is no fd");
    failed_maps = fake.failing_map && fake.maps >= (unsigned)fake.failing_map;
    is_int(fake.unmaps, fake.maps - failed_maps, "  all that was mapped is unmapped");
    is_int(fake.closes, fake.maps || error == -ENOSYS || error == -EPROTO, "  the fd is closed");
    rota_queue_exit(&ring);
    is_int(fake.closes, fake.maps || error == -ENOSYS || error == -EPROTO, "  once");
}

static void test_failing_calls(void)
{
    static const int errors[] = {-EPERM,  -EACCES, -ENOMEM, -EMFILE, -ENFILE,
                                 -EFAULT, -EAGAIN, -EBUSY,  -ENXIO,  -EOVERFLOW};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        fake_reset();
        fake.setup_error = errors[i];
        fails(errors[i], strerror(-errors[i]));
        is_int(fake.setups, 1, "  asked once");
    }
    for (int i = 1; i <= 2; i++) {
        fake_reset();
        fake.failing_map = i;
        fails(-ENOMEM, i == 1 ? "mapping the queues fails" : "mapping the SQEs fails");
    }
    fake_reset();
    fake.features = FAKE_FEATURES & ~IORING_FEAT_SINGLE_MMAP;
    fails(-ENOSYS, "a kernel before 5.4");
}

static void test_wrong_answers(void)
{
    static const struct {
        size_t offset;
        const char *name;
    } words[] = {
        {offsetof(struct io_uring_params, sq_off.head), "sq_off.head"},
        {offsetof(struct io_uring_params, sq_off.tail), "sq_off.tail"},
        {offsetof(struct io_uring_params, sq_off.ring_mask), "sq_off.ring_mask"},
        {offsetof(struct io_uring_params, sq_off.ring_entries), "sq_off.ring_entries"},
        {offsetof(struct io_uring_params, sq_off.flags), "sq_off.flags"},
        {offsetof(struct io_uring_params, sq_off.dropped), "sq_off.dropped"},
        {offsetof(struct io_uring_params, cq_off.head), "cq_off.head"},
        {offsetof(struct io_uring_params, cq_off.tail), "cq_off.tail"},
        {offsetof(struct io_uring_params, cq_off.ring_mask), "cq_off.ring_mask"},
        {offsetof(struct io_uring_params, cq_off.ring_entries), "cq_off.ring_entries"},
        {offsetof(struct io_uring_params, cq_off.overflow), "cq_off.overflow"},
        {offsetof(struct io_uring_params, cq_off.flags), "cq_off.flags"},
    };
    /* Far off, wrapping, misaligned, and the first word behind the end. */
    static const uint32_t wrong[] = {0x7ffffffc, 0xffffffff, 2,
                                     sizeof(struct fake_header) + 2 * FAKE_ENTRIES * 16};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
            char why[64];

            snprintf(why, sizeof(why), "%s is 0x%x", words[i].name, wrong[j]);
            fake_reset();
            spoiled_word = words[i].offset / sizeof(uint32_t);
            spoiled_value = wrong[j];
            fake.spoil = spoil_word;
            fails(-EPROTO, why);
        }
    }

    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, cq_off.cqes) / sizeof(uint32_t);
    spoiled_value = 0xfffffff0;
    fake.spoil = spoil_word;
    {
        struct rota_config config;
        struct rota_ring ring;

        rota_config_single_owner(&config);
        config.kernel = &fake_kernel;
        /* Where a size_t cannot hold their end, the mapping is not even tried. */
        is_int(rota_init(&ring, FAKE_ENTRIES, &config), sizeof(size_t) < 8 ? -EPROTO : -EINVAL,
               "CQEs beyond the end are refused by the mapping");
        is_int(fake.closes, 1, "  the fd is closed");
    }
    fake_reset();
    spoiled_value = sizeof(struct fake_header) + 4;
    fake.spoil = spoil_word;
    fails(-EPROTO, "CQEs at an odd place");

    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, sq_entries) / sizeof(uint32_t);
    spoiled_value = 7;
    fake.spoil = spoil_word;
    fails(-EPROTO, "7 SQEs");
    fake_reset();
    spoiled_value = 0;
    fake.spoil = spoil_word;
    fails(-EPROTO, "no SQEs");
    fake_reset();
    spoiled_value = 1U << 31;
    fake.spoil = spoil_word;
    fails(-EPROTO, "2^31 SQEs");
    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, cq_entries) / sizeof(uint32_t);
    spoiled_value = 15;
    fake.spoil = spoil_word;
    fails(-EPROTO, "15 CQEs");
    fake_reset();
    spoiled_value = 1U << 31;
    fake.spoil = spoil_word;
    fails(-EPROTO, "2^31 CQEs");
    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, sq_off.array) / sizeof(uint32_t);
    spoiled_value = 2;
    fake.known_flags = ~(uint32_t)IORING_SETUP_NO_SQARRAY;
    fake.spoil = spoil_word;
    fails(-EPROTO, "an array in an odd place");
    for (size_t i = 0; i < 4; i++) {
        static const size_t words_of[] = {
            offsetof(struct fake_header, sq_mask), offsetof(struct fake_header, cq_mask),
            offsetof(struct fake_header, sq_entries), offsetof(struct fake_header, cq_entries)};

        fake_reset();
        spoiled_header = words_of[i];
        fake.spoil = spoil_header;
        fails(-EPROTO, "memory that says otherwise than the answer");
    }
}

/* Before 5.8 the completion queue has no flags. */
static void test_no_cq_flags(void)
{
    struct rota_config config;
    struct rota_ring ring;

    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, cq_off.flags) / sizeof(uint32_t);
    spoiled_value = 0;
    fake.spoil = spoil_word;
    rota_config_plain(&config);
    fake_ring(&ring, &config);
    ok(!ring.cq.kflags, "no word for the flags of the completion queue");
    is_int(rota_cq_eventfd_toggle(&ring, false), -EOPNOTSUPP, "so no switch for the eventfd");
    is_int(rota_cq_eventfd_toggle(&ring, true), 0, "which is on");
    rota_queue_exit(&ring);
}

/* What is obtained on kernels that know only the flags up to one, and after how many questions. */
static void test_preferred_flags(void)
{
    const uint32_t all = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                         IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_COOP_TASKRUN |
                         IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY;
    static const struct {
        uint32_t newest;
        const char *version;
    } kernels[] = {
        {IORING_SETUP_NO_SQARRAY, "6.6"},    {IORING_SETUP_REGISTERED_FD_ONLY, "6.5"},
        {IORING_SETUP_DEFER_TASKRUN, "6.1"}, {IORING_SETUP_SINGLE_ISSUER, "6.0"},
        {IORING_SETUP_CQE32, "5.19"},        {IORING_SETUP_SUBMIT_ALL, "5.18"},
        {IORING_SETUP_R_DISABLED, "5.10"},
    };

    for (size_t i = 0; i < sizeof(kernels) / sizeof(kernels[0]); i++) {
        uint32_t known = (kernels[i].newest << 1) - 1;
        struct rota_config config;
        struct rota_ring ring;

        fake_reset();
        fake.known_flags = known;
        rota_config_single_owner(&config);
        fake_ring(&ring, &config);
        is_hex(ring.flags, all & known, "as on %s", kernels[i].version);
        is_int(fake.setups, 1 + __builtin_popcount(all & ~known), "  a question per dropped flag");
        rota_queue_exit(&ring);
    }

    struct rota_config config;
    struct rota_ring ring;

    fake_reset();
    fake.known_flags = IORING_SETUP_SUBMIT_ALL;
    rota_config_plain(&config);
    config.preferred_flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    config.kernel = &fake_kernel;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), 0, "flags without the one they need");
    is_hex(ring.flags, 0, "  are not even asked for");
    is_int(fake.setups, 1, "  so one question is enough");
    rota_queue_exit(&ring);

    fake_reset();
    fake.setup_error = -EINVAL;
    rota_config_single_owner(&config);
    config.required_flags = IORING_SETUP_CQE32;
    config.kernel = &fake_kernel;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL, "nothing helps");
    is_int(fake.setups, 7, "after all preferred flags were dropped");
}

static void test_registered_fd(void)
{
    struct rota_config config;
    struct rota_ring ring;

    fake_reset();
    rota_config_single_owner(&config);
    fake_ring(&ring, &config);
    is_int(ring.enter_ring_fd, 5, "the fd is registered");
    fake_prepare(&ring, 1, 1);
    is_int(rota_submit(&ring), 1, "a submit");
    is_int(fake.last_fd, 5, "names the index");
    ok(fake.last_flags & IORING_ENTER_REGISTERED_RING, "and says so");
    rota_queue_exit(&ring);
    is_int(fake.registers, 2, "the end unregisters it");
    is_int(fake.closes, 1, "and closes the fd");
    is_int(fake.unmaps, 2, "and unmaps both");

    fake_reset();
    fake.register_error = -EBUSY;
    fake_ring(&ring, &config);
    is_int(ring.enter_ring_fd, FAKE_FD, "no slot for the fd: the ring goes without");
    fake_prepare(&ring, 1, 1);
    is_int(rota_submit_and_wait(&ring, 1), 1, "a submit");
    is_int(fake.last_fd, FAKE_FD, "names the fd");
    ok(!(fake.last_flags & IORING_ENTER_REGISTERED_RING), "and says so");
    is_int(rota_register_buffers(&ring, NULL, 0), -EBUSY, "errors of register are handed through");
    rota_queue_exit(&ring);
    is_int(fake.registers, 2, "the end does not unregister what never was");
}

/* Flags that break a rule of the table: refused without asking, dropped if only preferred. */
static void test_rules(void)
{
    static const struct {
        uint32_t flags, without; /* what is required; what is left of it when it is preferred */
        const char *name;
    } rules[] = {
        {IORING_SETUP_SQ_AFF, 0, "SQ_AFF without SQPOLL"},
        {IORING_SETUP_DEFER_TASKRUN, 0, "DEFER_TASKRUN without SINGLE_ISSUER"},
        {IORING_SETUP_TASKRUN_FLAG, 0, "TASKRUN_FLAG without task work that waits"},
        {IORING_SETUP_HYBRID_IOPOLL, 0, "HYBRID_IOPOLL without IOPOLL"},
        {IORING_SETUP_SQ_REWIND, 0, "SQ_REWIND without NO_SQARRAY"},
        {IORING_SETUP_SQPOLL | IORING_SETUP_COOP_TASKRUN, IORING_SETUP_SQPOLL,
         "COOP_TASKRUN with SQPOLL"},
        {IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN,
         IORING_SETUP_SQPOLL | IORING_SETUP_SINGLE_ISSUER, "DEFER_TASKRUN with SQPOLL"},
        {IORING_SETUP_SQPOLL | IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY,
         IORING_SETUP_SQPOLL | IORING_SETUP_NO_SQARRAY, "SQ_REWIND with SQPOLL"},
        {IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED, IORING_SETUP_CQE32, "CQE_MIXED with CQE32"},
        {IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED, IORING_SETUP_SQE128,
         "SQE_MIXED with SQE128"},
        {IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG, 0, "a flag that needs a flag"},
    };
    struct io_uring_params params;
    struct rota_config config;
    struct rota_ring ring;
    bool no_kernel = rota_queue_init(1, &ring, 0) < 0; /* that way the real one is asked */

    rota_queue_exit(&ring);
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
        fake_reset();
        rota_config_plain(&config);
        config.required_flags = rules[i].flags;
        config.kernel = &fake_kernel;
        is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL, "%s is refused", rules[i].name);
        is_int(fake.setups, 0, "  without asking");
        memset(&params, 0, sizeof(params));
        params.flags = rules[i].flags;
        if (no_kernel)
            skip(1, "  either way: this kernel gives no ring");
        else
            is_int(rota_queue_init_params(FAKE_ENTRIES, &ring, &params), -EINVAL, "  either way");

        config.required_flags = 0;
        config.preferred_flags = rules[i].flags;
        is_int(rota_init(&ring, FAKE_ENTRIES, &config), 0, "  preferred, it is dropped");
        is_hex(fake.last_setup_flags, rules[i].without, "  and nothing else");
        rota_queue_exit(&ring);
    }

    fake_reset();
    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_CQE_MIXED;
    config.preferred_flags = IORING_SETUP_CQE32;
    fake_ring(&ring, &config);
    is_hex(ring.flags, IORING_SETUP_CQE_MIXED, "what a required flag excludes is dropped");
    rota_queue_exit(&ring);
}

static void test_caller_memory(void)
{
    static _Alignas(65536) char memory[4 * 65536];
    struct io_uring_params params;
    struct rota_config config;
    struct rota_ring ring;
    struct io_uring_params before;
    size_t size;
    int ret;

    fake_reset();
    rota_config_plain(&config);
    config.cq_entries = 32;
    size = (size_t)rota_config_memory_size(FAKE_ENTRIES, &config);
    ok(size && size <= sizeof(memory), "memory for a ring: %zu bytes", size);
    config.memory = memory;
    config.memory_size = size;
    config.required_flags = IORING_SETUP_REGISTERED_FD_ONLY;
    fake_ring(&ring, &config);
    is_int(ring.ring_fd, -1, "a ring without descriptor in the caller's memory");
    is_int(fake.maps, 0, "maps nothing");
    fake_prepare(&ring, 1, 5);
    is_int(rota_submit_and_wait(&ring, 1), 1, "works");
    is_int(fake.last_fd, FAKE_INDEX, "by its index");
    ok(fake.last_flags & IORING_ENTER_REGISTERED_RING, "and says so");
    is_int(rota_register_ring_fd(&ring), 1, "needs no other");
    is_int(rota_unregister_ring_fd(&ring), -EINVAL, "and cannot do without");
    rota_queue_exit(&ring);
    is_int(fake.unmaps + fake.closes, 0, "its end unmaps and closes nothing");
    is_int(fake.registers, 1, "but gives the index back");

    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, cq_off.cqes) / sizeof(uint32_t);
    spoiled_value = (uint32_t)size;
    fake.spoil = spoil_word;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EPROTO, "a ring larger than the memory");
    is_int(fake.registers, 1, "its index is given back");
    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, sq_entries) / sizeof(uint32_t);
    spoiled_value = 1U << 16;
    fake.spoil = spoil_word;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EPROTO, "SQEs beyond their part");
    is_int(fake.registers, 1, "its index is given back");
    fake_reset();
    spoiled_word = offsetof(struct io_uring_params, cq_off.head) / sizeof(uint32_t);
    spoiled_value = 2;
    fake.spoil = spoil_word;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EPROTO, "a word in a wrong place");
    is_int(fake.unmaps, 0, "nothing is unmapped");

    memset(&params, 0, sizeof(params));
    is_int(rota_queue_init_mem(FAKE_ENTRIES, NULL, &params, memory, sizeof(memory)), -EINVAL,
           "queue_init_mem: no ring");
    is_int(rota_queue_init_mem(0, &ring, &params, memory, sizeof(memory)), -EINVAL,
           "queue_init_mem: no entries");
    is_int(rota_queue_init_mem(1 << 16, &ring, &params, memory, sizeof(memory)), -EINVAL,
           "queue_init_mem: too many");
    is_int(rota_queue_init_mem(FAKE_ENTRIES, &ring, NULL, memory, sizeof(memory)), -EINVAL,
           "queue_init_mem: no params");
    is_int(rota_queue_init_mem(FAKE_ENTRIES, &ring, &params, NULL, 0), -EINVAL,
           "queue_init_mem: no memory");
    is_int(rota_queue_init_mem(FAKE_ENTRIES, &ring, &params, memory + 64, sizeof(memory) - 64),
           -EINVAL, "queue_init_mem: misaligned");
    memset(&before, 0, sizeof(before));
    is_mem(&params, &before, sizeof(before), "which changes no parameter");
    is_int(rota_queue_init_mem(FAKE_ENTRIES, &ring, &params, memory, 4096), -ENOMEM,
           "queue_init_mem: too little");
    is_mem(&params, &before, sizeof(before), "nor does that");
    params.flags = before.flags = 1U << 31;
    ret = rota_queue_init_mem(FAKE_ENTRIES, &ring, &params, memory, sizeof(memory));
    if (ret == -ENOSYS || ret == -EPERM)
        skip(1, "queue_init_mem asks the real kernel, which gives no ring: %s", strerror(-ret));
    else
        is_int(ret, -EINVAL, "queue_init_mem: a flag that nobody knows");
    is_mem(&params, &before, sizeof(before), "nor does the kernel's refusal");
    is_int(ring.ring_fd, -1, "no ring comes of that");
}

static void test_memory_sizes(void)
{
    struct rota_config config;
    struct io_uring_params params;

    memset(&params, 0, sizeof(params));
    is_int(rota_memory_size(0, 0), -EINVAL, "size: no entries");
    is_int(rota_memory_size(32769, 0), -EINVAL, "size: more than any kernel takes");
    is_int(rota_memory_size(32769, IORING_SETUP_CLAMP), rota_memory_size(32768, 0),
           "size: unless they are clamped");
    is_int(rota_memory_size(5, 0), rota_memory_size(8, 0), "size: rounded up");
    ok(rota_memory_size(1024, IORING_SETUP_SQE128) >= rota_memory_size(1024, 0) + 1024 * 64,
       "size: large SQEs");
    ok(rota_memory_size(1024, IORING_SETUP_CQE32) >= rota_memory_size(1024, 0) + 2048 * 16,
       "size: large CQEs");
    params.cq_entries = 1 << 16;
    is_int(rota_memory_size_params(8, &params), rota_memory_size(8, 0),
           "size: cq_entries count with CQSIZE only");
    params.flags = IORING_SETUP_CQSIZE;
    ok(rota_memory_size_params(8, &params) >= (1 << 20), "size: then they do");
    params.cq_entries = (1 << 16) + 1;
    is_int(rota_memory_size_params(8, &params), -EINVAL, "size: too many of them");
    params.cq_entries = 0;
    is_int(rota_memory_size_params(8, &params), -EINVAL, "size: none of them");
    params.cq_entries = 4;
    is_int(rota_memory_size_params(8, &params), -EINVAL, "size: fewer than SQEs");
    rota_config_single_owner(&config);
    config.cq_entries = 1 << 16;
    ok(rota_config_memory_size(8, &config) >= (1 << 20), "size: as a config says");
    is_int(rota_config_memory_size(8, NULL), rota_memory_size(8, 0), "size: of a NULL config");
}

static void test_adoption(void)
{
    struct io_uring_params params;
    struct rota_ring ring;

    memset(&params, 0, sizeof(params));
    is_int(rota_queue_mmap(3, &params, NULL), -EINVAL, "adopting into nothing");
    is_int(rota_queue_mmap(-1, &params, &ring), -EBADF, "adopting no descriptor");
    is_int(rota_queue_mmap(3, NULL, &ring), -EINVAL, "adopting without parameters");
    params.flags = IORING_SETUP_NO_MMAP;
    is_int(rota_queue_mmap(3, &params, &ring), -EINVAL, "adopting what cannot be mapped");
    rota_queue_exit(&ring);
    rota_queue_exit(NULL);
}

int main(void)
{
    test_rules();
    test_caller_memory();
    test_memory_sizes();
    test_adoption();
    test_no_cq_flags();
    test_failing_calls();
    test_wrong_answers();
    test_preferred_flags();
    test_registered_fd();
    return done();
}
