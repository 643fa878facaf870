/* SPDX-License-Identifier: MIT */
/* Set-up against a scripted kernel: each step fails once, each answer is wrong once, nothing is left. */
#include "fake_kernel.h"

static size_t spoiled_word;
static uint32_t spoiled_value;

static void spoil_word(struct io_uring_params *p)
{
    ((uint32_t *)(void *)p)[spoiled_word] = spoiled_value;
}

static void spoil_mask(struct io_uring_params *p)
{
    (void)p;
    fake.header->cq_mask = 3;
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
    static const int errors[] = {-EPERM, -ENOMEM, -EMFILE, -ENFILE, -EFAULT};

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
    static const uint32_t wrong[] = {0x7ffffffc, 0xffffffff, 2};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        for (size_t j = 0; j < 3; j++) {
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
        is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL,
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
    fake.spoil = spoil_mask;
    fails(-EPROTO, "memory that says otherwise than the answer");
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

int main(void)
{
    test_failing_calls();
    test_wrong_answers();
    test_preferred_flags();
    test_registered_fd();
    return done();
}
