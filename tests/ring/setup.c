/* SPDX-License-Identifier: MIT */
/* Setting rings up: sizes, what is refused, what preferred flags do, and that nothing is left behind. */
#include "support.h"

#include <stddef.h>
#include <sys/mman.h>

static void test_sizes(void)
{
    is_int(sizeof(struct io_uring_params), 120, "params are 120 bytes");
    is_int(sizeof(struct io_uring_sqe), 64, "an SQE is 64 bytes");
    is_int(sizeof(struct io_uring_cqe), 16, "a CQE is 16 bytes");
    is_hex(IORING_OFF_SQ_RING, 0, "offset of the SQ ring");
    is_hex(IORING_OFF_CQ_RING, 0x8000000, "offset of the CQ ring");
    is_hex(IORING_OFF_SQES, 0x10000000, "offset of the SQEs");
    is_int(offsetof(struct rota_ring, cq) % sizeof(void *), 0, "the completion queue is aligned");
}

static void test_refusals(void)
{
    struct rota_config config;
    struct io_uring_params params;
    struct rota_ring ring;
    int fds = count_fds(), mappings = count_mappings();

    memset(&params, 0, sizeof(params));
    is_int(rota_queue_init(0, &ring, 0), -EINVAL, "no entries is an error");
    is_int(rota_queue_init(8, NULL, 0), -EINVAL, "no ring is an error");
    is_int(rota_queue_init_params(8, &ring, NULL), -EINVAL, "no params is an error");
    is_int(rota_init(&ring, 0, NULL), -EINVAL, "rota_init: no entries is an error");
    is_int(rota_init(NULL, 8, NULL), -EINVAL, "rota_init: no ring is an error");
    is_int(rota_init_sized(&ring, sizeof(ring) - 1, 8, NULL), -EINVAL,
           "a ring smaller than the library's is an error");
    is_int(rota_queue_init(8, &ring, 1U << 31), -EINVAL, "an unknown flag is an error");
    is_int(ring.ring_fd, -1, "the failed ring has no fd");
    rota_queue_exit(&ring);
    rota_cq_advance(&ring, 3);
    is_int(rota_cq_ready(&ring), 0, "and nothing in its queue, whatever is marked seen");
    is_int(rota_queue_init(1U << 20, &ring, 0), -EINVAL, "too many entries is an error");
    is_int(rota_init(&ring, 32769, NULL), -EINVAL, "rota_init: one too many is an error");
    rota_queue_exit(&ring);

    rota_config_shared(&config);
    config.reserved[3] = 1;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "a reserved member that is set is an error");
    rota_config_shared(&config);
    config.reserved0 = 1;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "so is another one");
    rota_config_shared(&config);
    config.options = 1U << 31;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "an unknown option is an error");
    rota_config_shared(&config);
    config.required_flags = 1U << 31;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "a required flag is never dropped");
    rota_config_shared(&config);
    config.required_flags = IORING_SETUP_NO_MMAP;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "NO_MMAP without memory is an error");
    rota_config_shared(&config);
    config.required_flags = IORING_SETUP_ATTACH_WQ;
    config.wq_fd = -1;
    is_int(rota_init(&ring, 8, &config), -ENXIO, "attaching to no open file is an error");
    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_CQE_MIXED;
    config.cq_entries = 2;
    if (rota_init(&ring, 1, &config) < 0) {
        skip(1, "this kernel has no mixed queues (6.18)");
    } else {
        rota_queue_exit(&ring);
        config.cq_entries = 1;
        is_int(rota_init(&ring, 1, &config), -EOVERFLOW, "a mixed queue of one is an error");
    }

    is_int(count_fds(), fds, "no descriptor is left behind");
    is_int(count_mappings(), mappings, "no mapping is left behind");
}

/* The calls as they are: what they say of arguments that are none, and that errno stays. */
static void test_bare_calls(void)
{
    struct io_uring_params params;
    int ends[2], fd;

    if (pipe2(ends, O_CLOEXEC) < 0)
        bail("pipe: %s", strerror(errno));
    errno = 1234;
    is_int(rota_sys_setup(8, NULL), -EFAULT, "setup: no parameters");
    memset(&params, 0, sizeof(params));
    params.resv[2] = 1;
    is_int(rota_sys_setup(8, &params), -EINVAL, "setup: a reserved member");
    is_int(params.resv[2], 1, "which it leaves");
    is_int(params.features, 0, "without an answer");
    params.resv[2] = 0;
    fd = rota_sys_setup(8, &params);
    ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "setup: a ring, closed by exec");
    is_int(rota_sys_enter(fd, 0, 0, 0, NULL, 0), 0, "enter: nothing to do");
    is_int(rota_sys_enter(fd, 0, 0, 1U << 31, NULL, 0), -EINVAL, "enter: an unknown flag");
    is_int(rota_sys_register(fd, 0x7fff, NULL, 0), -EINVAL, "register: an unknown opcode");
    close(fd);
    errno = 1234;
    is_int(rota_sys_enter(fd, 0, 0, 0, NULL, 0), -EBADF, "enter: a ring that is closed");
    is_int(rota_sys_register(fd, IORING_UNREGISTER_FILES, NULL, 0), -EBADF, "register: the same");
    is_int(rota_sys_enter(ends[0], 0, 0, 0, NULL, 0), -EOPNOTSUPP, "enter: a pipe");
    is_int(rota_sys_register(ends[0], IORING_UNREGISTER_FILES, NULL, 0), -EOPNOTSUPP,
           "register: the same");
    is_int(errno, 1234, "none of them touches errno");
    close(ends[0]);
    close(ends[1]);
}

/* What marks CQEs seen that there are not leaves a ring that is none empty; copies of it, too. */
static void test_dead_seen(const struct rota_ring *made, const char *kind)
{
    static const unsigned counts[] = {1, 2, 7, 1u << 20, UINT32_MAX / 2 - (1u << 20) - 10};
    struct rota_ring ring = *made, other;
    struct io_uring_cqe *cqe, *cqes[2];
    unsigned head, seen = 0, wrong = 0;

    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        rota_cq_advance(&ring, counts[i]);
        other = ring;
        wrong += rota_peek_cqe(&other, &cqe) != -EBADF || cqe;
        wrong += rota_wait_cqe(&other, &cqe) != -EBADF || cqe;
        wrong += rota_cq_ready(&other) != 0 || rota_peek_batch_cqe(&other, cqes, 2) != 0;
        wrong += rota_submit_and_wait(&other, 1) != -EBADF || rota_get_sqe(&other);
        rota_for_each_cqe (&other, head, cqe)
            seen++;
    }
    is_int(wrong, 0, "%s: however many are marked seen", kind);
    is_int(seen, 0, "%s: there are none", kind);
    rota_queue_exit(&ring);
    rota_queue_exit(&other);
}

/* A ring of zeros was never one: its descriptor 0 is the program's. */
static void test_zeros(void)
{
    struct rota_ring ring;
    int own = dup(0);
    bool lent = fcntl(0, F_GETFD) < 0 && open("/dev/null", O_RDONLY) == 0;

    memset(&ring, 0, sizeof(ring));
    rota_queue_exit(&ring);
    ok(fcntl(0, F_GETFD) >= 0, "the end of a ring of zeros closes nothing");
    if (lent)
        close(0);
    else if (fcntl(0, F_GETFD) < 0)
        dup2(own, 0);
    close(own);
}

/* Every function on a ring that is none: an answer, and no crash. */
static void test_dead(struct rota_ring *ring, const char *kind)
{
    struct __kernel_timespec ts = {1, 0};
    uint64_t memory[4];
    struct io_uring_cqe *copies = (struct io_uring_cqe *)(void *)memory, *cqes[2], *cqe = copies;
    struct rota_batch batch;
    unsigned head, seen = 0;

    ok(!rota_get_sqe(ring) && !rota_get_sqe128(ring), "%s: no SQE", kind);
    is_int(rota_batch_begin(&batch, ring, 1), -EBADF, "%s: no batch", kind);
    ok(!rota_batch_add(&batch) && !rota_batch_add128(&batch), "%s: with nothing in it", kind);
    is_int(rota_batch_flush(&batch), -EBADF, "%s: nor to flush", kind);
    is_int(rota_batch_flush_and_wait(&batch, 1), -EBADF, "%s: nor to wait for", kind);
    is_int(rota_sq_ready(ring), 0, "%s: nothing is ready", kind);
    is_int(rota_sq_space_left(ring), 0, "%s: nothing is free", kind);
    is_int(rota_sq_dropped(ring), 0, "%s: nothing was dropped", kind);
    is_int(rota_cq_ready(ring), 0, "%s: nothing is complete", kind);
    is_int(rota_cq_lost(ring), 0, "%s: nothing is lost", kind);
    ok(!rota_cq_has_overflow(ring), "%s: nothing waits in the kernel", kind);

    is_int(rota_submit(ring), -EBADF, "%s: submit", kind);
    for (unsigned nr = 0; nr < 2; nr++) {
        is_int(rota_submit_and_wait(ring, nr), -EBADF, "%s: submit and wait for %u", kind, nr);
        is_int(rota_submit_and_wait_timeout(ring, &cqe, nr, &ts, NULL), -EBADF, "%s: for a time",
               kind);
        is_int(rota_submit_and_wait_timeout(ring, NULL, nr, NULL, NULL), -EBADF, "%s: for ever",
               kind);
        is_int(rota_submit_and_wait_min_timeout(ring, &cqe, nr, &ts, 5, NULL), -EBADF,
               "%s: for a minimum time", kind);
        is_int(rota_submit_and_wait_until(ring, &cqe, nr, &ts, NULL), -EBADF, "%s: until", kind);
        is_int(rota_submit_and_wait_reg(ring, &cqe, nr, 0), -EBADF, "%s: registered", kind);
        is_int(rota_wait_cqes(ring, &cqe, nr, &ts, NULL), -EBADF, "%s: wait for %u", kind, nr);
        is_int(rota_wait_cqes(ring, &cqe, nr, NULL, NULL), -EBADF, "%s: wait for ever", kind);
        is_int(rota_wait_cqes_min_timeout(ring, &cqe, nr, &ts, 5, NULL), -EBADF,
               "%s: wait for a minimum time", kind);
        is_int(rota_wait_cqes_until(ring, &cqe, nr, &ts, NULL), -EBADF, "%s: wait until", kind);
        is_int(rota_wait_cqes_reg(ring, &cqe, nr, 0), -EBADF, "%s: wait registered", kind);
        is_int(rota_copy_cqes(ring, copies, 2, nr), -EBADF, "%s: copy %u", kind, nr);
        ok(!cqe, "%s: none of them brings a CQE", kind);
    }
    cqe = copies;
    is_int(rota_peek_cqe(ring, &cqe), -EBADF, "%s: peek", kind);
    ok(!cqe, "%s: finds nothing", kind);
    is_int(rota_wait_cqe(ring, &cqe), -EBADF, "%s: wait for one", kind);
    is_int(rota_peek_batch_cqe(ring, cqes, 2), 0, "%s: peek at two", kind);
    rota_for_each_cqe (ring, head, cqe)
        seen++;
    is_int(seen, 0, "%s: an iteration over nothing", kind);
    rota_cq_advance(ring, seen);
    is_int(rota_get_events(ring), -EBADF, "%s: get events", kind);
    is_int(rota_submit_and_get_events(ring), -EBADF, "%s: submit and get events", kind);
    is_int(rota_sqring_wait(ring), -EBADF, "%s: wait for the queue", kind);
    test_dead_seen(ring, kind);
}

static void test_exact(void)
{
    struct io_uring_params params;
    struct rota_ring ring;
    int fds = count_fds();

    make_ring(&ring, 5, 0);
    is_int(ring.sq.ring_entries, 8, "5 entries become 8");
    is_int(ring.cq.ring_entries, 16, "and 16 completions");
    is_hex(ring.flags, 0, "no flag is added");
    ok(ring.ring_fd >= 0, "the ring has an fd");
    is_int(ring.enter_ring_fd, ring.ring_fd, "which is what enter gets");
    ok(ring.features & IORING_FEAT_SINGLE_MMAP, "the features are there");
    is_int(rota_sq_space_left(&ring), 8, "all 8 are free");
    is_int(rota_sq_ready(&ring), 0, "none is ready");
    is_int(rota_cq_ready(&ring), 0, "nothing is complete");
    ok(ring.sq.array && ring.sq.array[7] == 7, "the array is the identity");
    rota_queue_exit(&ring);
    is_int(ring.ring_fd, -1, "after the end the fd is -1");
    is_int(count_fds(), fds, "and closed");
    test_dead(&ring, "torn down");
    rota_queue_exit(&ring);
    ok(true, "tearing down twice does nothing");
    is_int(rota_queue_init(0, &ring, 0), -EINVAL, "no ring without entries");
    test_dead(&ring, "never made");

    memset(&params, 0, sizeof(params));
    params.flags = IORING_SETUP_CQSIZE;
    params.cq_entries = 64;
    is_int(rota_queue_init_params(4, &ring, &params), 0, "with parameters");
    is_int(ring.cq.ring_entries, 64, "the completion queue has the size asked for");
    is_int(params.cq_entries, 64, "and the kernel's answer came back");
    rota_queue_exit(&ring);
}

static void test_profiles(void)
{
    struct rota_config config;
    struct rota_ring ring;
    uint32_t newest = 1U << 30;
    int fds = count_fds();

    is_int(rota_init(&ring, 8, NULL), 0, "the NULL config gives a ring");
    ok(!(ring.flags &
         ~(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG |
           IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_NO_SQARRAY)),
       "it has no flag but those of a single owner");
    diag("single owner: flags 0x%x, registered %s", ring.flags,
         ring.enter_ring_fd != ring.ring_fd ? "yes" : "no");
    rota_queue_exit(&ring);

    rota_config_single_owner(&config);
    config.preferred_flags |= newest;
    is_int(rota_init(&ring, 8, &config), 0, "a preferred flag from the future is dropped");
    ok(!(ring.flags & newest), "and not among those obtained");
    rota_queue_exit(&ring);

    rota_config_shared(&config);
    config.cq_entries = 128;
    is_int(rota_init(&ring, 8, &config), 0, "a shared ring");
    is_int(ring.cq.ring_entries, 128, "with the completion queue asked for");
    is_int(ring.enter_ring_fd, ring.ring_fd, "whose fd is not registered");
    rota_queue_exit(&ring);

    rota_config_sqpoll(&config);
    config.sq_thread_idle = 50;
    is_int(rota_init(&ring, 8, &config), 0, "a ring with a polling thread");
    ok(ring.flags & IORING_SETUP_SQPOLL, "has it");
    rota_queue_exit(&ring);

    rota_config_iopoll(&config);
    is_int(rota_init(&ring, 8, &config), 0, "a ring that polls for completions");
    ok(ring.flags & IORING_SETUP_IOPOLL, "does");
    rota_queue_exit(&ring);
    is_int(count_fds(), fds, "none leaves a descriptor behind");
}

static void test_caller_memory(void)
{
    struct rota_config config;
    struct rota_ring ring;
    size_t size;
    char *mapping, *memory;
    int mappings = count_mappings(), ret;

    rota_config_single_owner(&config);
    is_int(rota_config_memory_size(0, &config), -EINVAL, "for no entries there is no size");
    size = (size_t)rota_config_memory_size(8, &config);
    ok(size % ROTA_MEMORY_ALIGN == 0, "memory for 8 entries is %zu bytes", size);
    ok(rota_config_memory_size(64, &config) >= (ptrdiff_t)size, "and for more it is not less");
    mapping = mmap(NULL, size + ROTA_MEMORY_ALIGN, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED)
        bail("mmap: %s", strerror(errno));
    memory = mapping + (-(uintptr_t)mapping & (ROTA_MEMORY_ALIGN - 1));
    config.memory = memory + 8;
    config.memory_size = size;
    is_int(rota_init(&ring, 8, &config), -EINVAL, "misaligned memory is an error");
    config.memory = memory;
    config.memory_size = size - 1;
    is_int(rota_init(&ring, 8, &config), -ENOMEM, "a byte too few is an error");
    config.memory_size = size;
    ret = rota_init(&ring, 8, &config);
    if (ret == -EINVAL) {
        skip(4, "this kernel takes no memory of the caller (6.5)");
    } else if (is_int(ret, 0, "a ring in the caller's memory")) {
        ok((char *)ring.sq.sqes >= memory && (char *)ring.sq.sqes < memory + size,
           "has its SQEs there");
        is_int(count_mappings(), mappings, "and no mapping of its own");
        rota_prep_nop(must_get_sqe(&ring));
        is_int(rota_submit_and_wait(&ring, 1), 1, "and works");
        rota_queue_exit(&ring);
    }
    config.required_flags = IORING_SETUP_REGISTERED_FD_ONLY;
    ret = rota_init(&ring, 8, &config);
    if (ret == -EINVAL) {
        skip(4, "this kernel has no rings without an fd (6.5)");
    } else if (is_int(ret, 0, "a ring without an fd")) {
        is_int(ring.ring_fd, -1, "has none");
        rota_sqe_set_data64(must_get_sqe(&ring), 9);
        is_int(rota_submit_and_wait(&ring, 1), 1, "and works");
        is_cqe(next_cqe(&ring), 9, 0, 0, "its request");
        rota_queue_exit(&ring);
        is_int(rota_init(&ring, 8, &config), 0, "its registered index was given back");
        rota_queue_exit(&ring);
    }
    munmap(mapping, size + ROTA_MEMORY_ALIGN);
}

int main(void)
{
    struct rota_ring ring;

    make_ring(&ring, 1, 0);
    rota_queue_exit(&ring);
    test_sizes();
    test_refusals();
    test_zeros();
    test_bare_calls();
    test_exact();
    test_profiles();
    test_caller_memory();
    is_hex(rota_version(), ROTA_VERSION_MAJOR << 16 | ROTA_VERSION_MINOR << 8 | ROTA_VERSION_PATCH,
           "library and headers are of one version");
    return done();
}
