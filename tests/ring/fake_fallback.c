/* SPDX-License-Identifier: MIT */
/*
 * The kernel that a ring stands on: the one that was named, or the fallback after
 * exactly those errors that were chosen, and what the ring says of it.
 */
#include "fake_kernel.h"

#include <rota/explain.h>

/* A second kernel, which refuses with an error of the test's choice; the scripted one is the fallback. */
static struct {
    int error; /* of set-up; 0: it makes a ring, */
    bool old;  /* of a kernel before 5.4 */
    unsigned setups, closes;
    uint32_t known_flags;
} first;

static int first_setup(uint32_t entries, struct io_uring_params *params)
{
    (void)entries;
    first.setups++;
    if (params->flags & ~first.known_flags)
        return -EINVAL;
    params->flags |= 1U << 31; /* an answer to nothing: must not reach the fallback */
    return first.error ? first.error : FAKE_FD + 1;
}

static int first_close(int fd)
{
    (void)fd;
    first.closes++;
    return 0;
}

static struct rota_kernel refusing;

static void start(int error)
{
    fake_reset();
    memset(&first, 0, sizeof(first));
    first.error = error;
    first.known_flags = ~0u;
    refusing = fake_kernel;
    refusing.setup = first_setup;
    refusing.close = first_close;
}

static const struct {
    int error;
    uint32_t bit;
} choices[] = {
    {-EPERM, ROTA_FALLBACK_EPERM},
    {-EACCES, ROTA_FALLBACK_EACCES},
    {-ENOSYS, ROTA_FALLBACK_ENOSYS},
    {-ENOMEM, ROTA_FALLBACK_ENOMEM},
};
#define CHOICES (sizeof(choices) / sizeof(choices[0]))

static const uint32_t all_bits =
    ROTA_FALLBACK_EPERM | ROTA_FALLBACK_EACCES | ROTA_FALLBACK_ENOSYS | ROTA_FALLBACK_ENOMEM;

static bool real_rings(void)
{
    struct io_uring_params params = {0};
    int fd = rota_sys_setup(1, &params);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void test_each_error(void)
{
    for (size_t i = 0; i < CHOICES; i++) {
        for (size_t k = 0; k < CHOICES; k++) {
            struct rota_config config;
            struct rota_ring ring;
            bool leads = i == k;

            start(choices[i].error);
            rota_config_plain(&config);
            config.kernel = &refusing;
            config.fallback = &fake_kernel;
            config.fallback_on = choices[k].bit;
            is_int(rota_init(&ring, FAKE_ENTRIES, &config), leads ? 0 : choices[i].error,
                   "%s, fallback on %s", strerror(-choices[i].error), strerror(-choices[k].error));
            is_int(fake.setups, leads, "  the fallback is asked %s", leads ? "once" : "never");
            is_int(rota_ring_fallback_error(&ring), leads ? choices[i].error : 0, "  and why");
            ok(!leads || ring.kernel == &fake_kernel, "  the ring stands on it");
            is_int(fake.last_setup_flags & (1U << 31), 0, "  asked for what was asked for");
            rota_queue_exit(&ring);
            is_int(fake.closes, leads, "  and closed by it");
            is_int(rota_ring_fallback_error(&ring), 0, "  a ring that is none has no reason");
        }
    }
}

static void test_other_errors(void)
{
    static const int errors[] = {-EINVAL, -EMFILE, -ENFILE,    -EAGAIN, -EBUSY,
                                 -EFAULT, -ENXIO,  -EOVERFLOW, -EPROTO, -EBADF};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct rota_config config;
        struct rota_ring ring;

        start(errors[i]);
        rota_config_plain(&config);
        config.kernel = &refusing;
        config.fallback = &fake_kernel;
        config.fallback_on = all_bits;
        is_int(rota_init(&ring, FAKE_ENTRIES, &config), errors[i], "%s leads to no fallback",
               strerror(-errors[i]));
        is_int(fake.setups, 0, "  which is not asked");
    }
}

static void test_off_by_default(void)
{
    static void (*const fillers[])(struct rota_config *) = {
        rota_config_plain, rota_config_single_owner, rota_config_shared, rota_config_sqpoll,
        rota_config_iopoll};
    struct rota_config config;
    struct rota_ring ring;

    for (size_t i = 0; i < sizeof(fillers) / sizeof(fillers[0]); i++) {
        memset(&config, 0xff, sizeof(config));
        fillers[i](&config);
        ok(!config.kernel && !config.fallback && !config.fallback_on,
           "filler %zu names no kernel and no fallback", i);
    }
    start(-EPERM);
    rota_config_single_owner(&config);
    config.kernel = &refusing;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EPERM, "without a fallback it is an error");
    rota_config_fall_back(&config, &fake_kernel);
    ok(config.fallback == &fake_kernel && config.fallback_on == ROTA_FALLBACK_REFUSED &&
           !(ROTA_FALLBACK_REFUSED & ROTA_FALLBACK_ENOMEM),
       "rota_config_fall_back takes the refusals, a lack of memory not among them");
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), 0, "with it a ring");
    ok(ring.flags & IORING_SETUP_DEFER_TASKRUN, "of the kind that was asked for");
    rota_queue_exit(&ring);
}

static void test_mistakes(void)
{
    struct rota_config good, config;
    struct rota_ring ring;

    start(-EPERM);
    rota_config_plain(&good);
    good.kernel = &refusing;
    good.fallback = &fake_kernel;
    good.fallback_on = ROTA_FALLBACK_EPERM;
    config = good;
    config.fallback = NULL;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL, "errors without a fallback");
    config = good;
    config.fallback_on = 0;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL, "a fallback without errors");
    config.fallback_on = all_bits + 1;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL, "an error that there is not");
    config = good;
    config.reserved1 = 1;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL, "a reserved member");
    config = good;
    config.reserved[3] = 1;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EINVAL, "another one");
    is_int(first.setups + fake.setups, 0, "nobody was asked");

    if (!real_rings()) {
        skip(1, "how much memory a ring needs is asked of the real kernel, which gives none");
        return;
    }
    /* -ENOMEM for memory that is too small is the program's mistake, and no lack. */
    config = good;
    config.fallback_on = all_bits;
    config.memory = fake.ring_memory;
    config.memory_size = 64;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -ENOMEM, "memory that is too small");
    is_int(first.setups + fake.setups, 0, "leads nowhere");
}

static void test_half_made(void)
{
    struct rota_config config;
    struct rota_ring ring;

    /* Set-up succeeds, and the answer is that of a kernel before 5.4. */
    start(0);
    rota_config_plain(&config);
    config.kernel = &refusing;
    config.fallback = &fake_kernel;
    config.fallback_on = ROTA_FALLBACK_ENOSYS;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), 0, "a kernel that is too old leads there, too");
    is_int(first.closes, 1, "its descriptor is closed");
    is_int(rota_ring_fallback_error(&ring), -ENOSYS, "and that is why");
    rota_queue_exit(&ring);
    is_int(first.closes + fake.closes, 2, "each is closed by the one that made it");

    /* Each drops flags by itself. */
    start(-EPERM);
    first.known_flags = 0;
    fake.known_flags = IORING_SETUP_SUBMIT_ALL;
    rota_config_shared(&config);
    config.kernel = &refusing;
    rota_config_fall_back(&config, &fake_kernel);
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), 0, "preferred flags that the first lacks");
    is_int(ring.flags, IORING_SETUP_SUBMIT_ALL, "are taken where the fallback has them");
    rota_queue_exit(&ring);

    /* Both fail. */
    start(-EPERM);
    fake.setup_error = -EMFILE;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EMFILE, "both fail: the last error");
    is_int(rota_ring_fallback_error(&ring), 0, "of a ring that is none");
    is_int(rota_ring_kind(&ring), ROTA_KERNEL_OTHER, "on nothing");
    is_int(rota_submit(&ring), -EBADF, "and safe to use");
    rota_queue_exit(&ring);
}

/* What a ring says of its kernel, in words. */
static void says(struct rota_ring *ring, enum rota_kernel_kind kind, const char *words)
{
    char text[200], small[8];
    int length = rota_ring_explain_kernel(ring, text, sizeof(text));

    is_int(rota_ring_kind(ring), kind, "%s", words);
    ok(length == (int)strlen(text) && !strncmp(text, words, strlen(words)), "  in words");
    diag("%s", text);
    is_int(rota_ring_explain_kernel(ring, small, sizeof(small)), length, "  and how many");
    is_int(strlen(small), sizeof(small) - 1, "  cut where there is no room");
}

static void test_kinds(void)
{
    struct rota_kernel emulated = fake_kernel, copy = fake_kernel;
    struct rota_config config;
    struct rota_ring ring;

    is_int(rota_kernel_real.kind, ROTA_KERNEL_REAL, "the real table says so");
    is_int(rota_ring_explain_kernel(NULL, NULL, 0), -EINVAL, "no ring, no words");
    start(-EPERM);
    rota_config_plain(&config);
    config.kernel = &fake_kernel;
    rota_init(&ring, FAKE_ENTRIES, &config);
    says(&ring, ROTA_KERNEL_OTHER, "a kernel of the program's own");
    rota_queue_exit(&ring);
    says(&ring, ROTA_KERNEL_OTHER, "no kernel: ");

    emulated.kind = ROTA_KERNEL_EMULATED;
    config.kernel = &refusing;
    rota_config_fall_back(&config, &emulated);
    rota_init(&ring, FAKE_ENTRIES, &config);
    says(&ring, ROTA_KERNEL_EMULATED,
         "the emulated kernel, because set-up on the kernel that was asked for failed: -1 EPERM");
    rota_queue_exit(&ring);

    /* A copy of the real table is what the program made of it. */
    copy.kind = ROTA_KERNEL_REAL;
    config.kernel = &copy;
    rota_init(&ring, FAKE_ENTRIES, &config);
    says(&ring, ROTA_KERNEL_OTHER, "a kernel of the program's own");
    rota_queue_exit(&ring);
    /* A kind of a later release. */
    copy.kind = (enum rota_kernel_kind)77;
    rota_init(&ring, FAKE_ENTRIES, &config);
    says(&ring, (enum rota_kernel_kind)77, "a kernel of the program's own");
    rota_queue_exit(&ring);

    rota_config_plain(&config);
    if (rota_init(&ring, 4, &config) < 0) {
        skip(1, "this system gives no ring");
        return;
    }
    says(&ring, ROTA_KERNEL_REAL, "the real kernel");
    rota_queue_exit(&ring);
    config.kernel = &rota_kernel_real;
    is_int(rota_init(&ring, 4, &config), 0, "the real kernel by name");
    ok(!ring.kernel, "  is the fast path");
    says(&ring, ROTA_KERNEL_REAL, "the real kernel");
    rota_queue_exit(&ring);
}

static unsigned maps, unmaps;

static int counted_map(size_t size, int fd, uint64_t offset, void **address)
{
    maps++;
    return rota_kernel_real.map(size, fd, offset, address);
}

static int counted_unmap(void *address, size_t size)
{
    unmaps++;
    return rota_kernel_real.unmap(address, size);
}

/* liburing's ways to make a ring, on a kernel of one's choice. */
static void test_like_liburing(void)
{
    static char memory[16384] __attribute__((aligned(ROTA_MEMORY_ALIGN)));
    struct io_uring_params params = {0};
    struct rota_kernel mapping;
    struct rota_ring ring;

    start(-EPERM);
    is_int(rota_queue_init_on(FAKE_ENTRIES, &ring, &params, &fake_kernel), 0, "rota_queue_init_on");
    ok(ring.kernel == &fake_kernel, "  stands on it");
    rota_queue_exit(&ring);
    is_int(fake.closes, 1, "  to the end");
    memset(&params, 0, sizeof(params));
    is_int(rota_queue_init_on(FAKE_ENTRIES, &ring, &params, &refusing), -EPERM,
           "  an error is an error");
    is_int(rota_ring_kind(&ring), ROTA_KERNEL_OTHER, "  and the ring none");
    rota_queue_exit(&ring);

    if (!real_rings()) {
        skip(1, "how much memory a ring needs is asked of the real kernel, which gives none");
        return;
    }
    start(-EPERM);
    mapping = fake_kernel;
    mapping.map = counted_map;
    mapping.unmap = counted_unmap;
    maps = unmaps = 0;
    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_NO_MMAP;
    is_int(rota_queue_init_on(FAKE_ENTRIES, &ring, &params, &mapping), 0,
           "with NO_MMAP in memory of its map");
    is_int(maps, 1, "  mapped by it");
    rota_queue_exit(&ring);
    is_int(unmaps, 1, "  and unmapped");

    start(-EPERM);
    memset(&params, 0, sizeof(params));
    ok(rota_queue_init_mem_on(FAKE_ENTRIES, &ring, &params, memory, sizeof(memory), &fake_kernel) >
           0,
       "rota_queue_init_mem_on");
    is_int(fake.maps, 0, "  in the caller's memory");
    rota_queue_exit(&ring);
    is_int(fake.closes, 1, "  to the end");

    start(-EPERM);
    memset(&params, 0, sizeof(params));
    fake_setup(FAKE_ENTRIES, &params);
    is_int(rota_queue_mmap_on(FAKE_FD, &params, &ring, &fake_kernel), 0, "rota_queue_mmap_on");
    is_int(fake.enters, 1, "  asks whether it is a ring");
    is_int(fake.maps, 2, "  and maps it");
    rota_queue_exit(&ring);
    is_int(fake.closes, 1, "  to the end");
    fake_then(-EOPNOTSUPP);
    is_int(rota_queue_mmap_on(FAKE_FD, &params, &ring, &fake_kernel), -EOPNOTSUPP,
           "  what is no ring there is refused");
    ok(!ring.kernel, "  and nothing of it stays");
    rota_queue_exit(&ring);
    is_int(fake.closes, 1, "  with its descriptor left alone");
}

int main(void)
{
    test_each_error();
    test_other_errors();
    test_off_by_default();
    test_mistakes();
    test_half_made();
    test_kinds();
    test_like_liburing();
    return done();
}
