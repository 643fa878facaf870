/* SPDX-License-Identifier: MIT */
/* The descriptor of a ring: registered, closed, adopted, kept from children; rings that start disabled. */
#include "resource.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void test_register(void)
{
    struct footprint before = footprint();
    struct rota_ring ring;
    int fd, index;

    make_ring(&ring, 8, 0);
    fd = ring.ring_fd;
    is_int(rota_unregister_ring_fd(&ring), -EINVAL, "no index, nothing to unregister");
    index = rota_register_ring_fd(&ring);
    if (index == -EINVAL) {
        skip(1, "the kernel registers no rings (5.18)");
        rota_queue_exit(&ring);
        return;
    }
    is_int(index, 1, "one ring is registered");
    index = ring.enter_ring_fd;
    ok(index >= 0 && index < 16, "it has an index");
    is_int(ring.ring_fd, fd, "and its descriptor");
    ok(works(&ring, 1), "it works by its index");
    is_int(rota_register_ring_fd(&ring), -EEXIST, "not a second time");
    is_int(ring.enter_ring_fd, index, "which leaves it its index");
    is_int(rota_unregister_ring_fd(&ring), 1, "unregistered");
    is_int(ring.enter_ring_fd, fd, "the descriptor is used again");
    ok(works(&ring, 2), "it works by its descriptor");
    is_int(rota_sys_enter(index, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0), -EBADF,
           "the index is free");
    is_int(rota_unregister_ring_fd(&ring), -EINVAL, "there is no index any more");
    rota_queue_exit(&ring);
    is_int(rota_register_ring_fd(&ring), -EBADF, "a ring that is torn down");
    is_clean(before, "a registered ring");
}

static void test_all_slots(void)
{
    struct rota_ring rings[17];
    unsigned count = 0;
    int ret = 1;

    while (count < 17 && ret == 1) {
        make_ring(&rings[count], 2, 0);
        ret = rota_register_ring_fd(&rings[count++]);
    }
    if (ret == -EINVAL)
        skip(3, "the kernel registers no rings (5.18)");
    else {
        is_int(ret, -EBUSY, "a thread registers 16 rings");
        is_int(count, 17, "and not one more");
        ok(works(&rings[16], 7), "the ring that was refused works by its descriptor");
    }
    while (count)
        rota_queue_exit(&rings[--count]);
    /* All slots came back: this would fail otherwise. */
    make_ring(&rings[0], 2, 0);
    if (ret != -EINVAL)
        is_int(rota_register_ring_fd(&rings[0]), 1, "rings that end give their slots back");
    rota_queue_exit(&rings[0]);
}

static void test_close(void)
{
    struct footprint before = footprint();
    struct rota_ring ring, other;
    int fd, index;

    make_ring(&ring, 8, 0);
    fd = ring.ring_fd;
    if (!(ring.features & IORING_FEAT_REG_REG_RING)) {
        is_int(rota_close_ring_fd(&ring), -EOPNOTSUPP, "the kernel needs the descriptor (6.3)");
        rota_queue_exit(&ring);
        return;
    }
    is_int(rota_close_ring_fd(&ring), -EINVAL, "not without an index");
    is_int(ring.ring_fd, fd, "which changes nothing");
    is_int(rota_register_ring_fd(&ring), 1, "with an index");
    is_int(rota_close_ring_fd(&ring), 1, "it can be closed");
    is_int(ring.ring_fd, -1, "the ring has no descriptor");
    ok(fcntl(fd, F_GETFD) < 0 && errno == EBADF, "which is closed");
    ok(works(&ring, 3), "the ring works");
    is_int(rota_register_files_sparse(&ring, 4), 0, "register calls, too");
    is_int(rota_unregister_files(&ring), 0, "and their opposite");
    is_int(rota_close_ring_fd(&ring), -EBADF, "there is nothing to close any more");
    is_int(rota_register_ring_fd(&ring), -EEXIST, "it is registered");
    index = ring.enter_ring_fd;

    /* An index means nothing to others: a new ring gets another one. */
    make_ring(&other, 8, 0);
    is_int(rota_register_ring_fd(&other), 1, "another ring");
    ok(other.enter_ring_fd != index, "has another index");
    rota_queue_exit(&other);
    rota_queue_exit(&ring);
    is_int(ring.enter_ring_fd, -1, "torn down");
    is_int(rota_sys_enter(index, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0), -EBADF,
           "its index is free");
    is_clean(before, "a ring without descriptor");
}

static void test_registered_only(void)
{
    struct footprint before = footprint();
    struct rota_config config;
    struct rota_ring ring;
    size_t size, mapped = 1 << 21;
    void *memory;
    int ret;

    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_REGISTERED_FD_ONLY;
    size = (size_t)rota_config_memory_size(4, &config);
    /* Before 6.10 the memory has to be contiguous: one huge page is. */
    memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
    if (memory == MAP_FAILED) {
        mapped *= 2;
        memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    }
    config.memory = (char *)memory + (-(uintptr_t)memory & (ROTA_MEMORY_ALIGN - 1));
    config.memory_size = size;
    ret = rota_init(&ring, 4, &config);
    if (ret == -EINVAL || ret == -ENOMEM) {
        skip(1, "no ring by index only: %s", strerror(-ret));
    } else if (is_int(ret, 0, "a ring that never had a descriptor")) {
        is_int(ring.ring_fd, -1, "has none");
        is_int(footprint().fds, before.fds, "the process neither");
        ok(works(&ring, 5), "it works");
        is_int(rota_register_ring_fd(&ring), 1, "it is registered");
        is_int(rota_unregister_ring_fd(&ring), -EINVAL, "and stays so");
        is_int(rota_close_ring_fd(&ring), -EBADF, "there is nothing to close");
        rota_queue_exit(&ring);
        is_int(ring.enter_ring_fd, -1, "and it ends");

        struct rota_ring rings[16];

        for (unsigned i = 0; i < 16; i++) {
            make_ring(&rings[i], 1, 0);
            (void)rota_register_ring_fd(&rings[i]);
        }
        is_int(rota_init(&ring, 4, &config), -EBUSY, "a thread has 16 indices, not one more");
        for (unsigned i = 0; i < 16; i++)
            rota_queue_exit(&rings[i]);
    }
    munmap(memory, mapped);
    is_clean(before, "a ring by index only");
}

/* What a thread is told that uses another one's index: without and with a ring of its own. */
static int elsewhere[5];

static void *enter_elsewhere(void *arg)
{
    struct rota_ring *ring = arg, own;

    rota_prep_nop(must_get_sqe(ring));
    elsewhere[0] = rota_submit(ring);
    elsewhere[1] = rota_get_events(ring);
    make_ring(&own, 2, 0);
    elsewhere[2] = works(&own, 1);
    elsewhere[3] = rota_submit(ring);
    elsewhere[4] = rota_register_ring_fd(ring);
    rota_queue_exit(&own);
    return NULL;
}

static void test_other_thread(void)
{
    struct rota_config config;
    struct rota_ring ring;
    pthread_t thread;

    rota_config_plain(&config);
    if (rota_init(&ring, 8, &config) < 0)
        bail("no plain ring");
    if (rota_register_ring_fd(&ring) != 1) {
        skip(1, "the kernel registers no rings (5.18)");
    } else {
        pthread_create(&thread, NULL, enter_elsewhere, &ring);
        pthread_join(thread, NULL);
        is_int(elsewhere[0], -EINVAL, "another thread does not know the index");
        is_int(elsewhere[1], -EINVAL, "for no call");
        ok(elsewhere[2], "with a ring of its own");
        is_int(elsewhere[3], -EBADF, "it has indices, but not this one");
        is_int(elsewhere[4], -EEXIST, "it does not register the ring for itself");
        is_int(rota_register_ring_fd(&ring), 1, "to its own thread it is registered");
        is_int(rota_submit(&ring), 1, "what it prepared goes with the next submit");
    }
    rota_queue_exit(&ring);
}

/* By the index of another thread's ring, which has no descriptor, it would change its own. */
static void *register_elsewhere(void *arg)
{
    struct rota_ring *ring = arg, own;
    int files[] = {0};

    make_ring(&own, 2, 0);
    if (rota_register_ring_fd(&own) != 1 || own.enter_ring_fd != ring->enter_ring_fd)
        bail("no index like the other's");
    elsewhere[0] = rota_register_files(&own, files, 1);
    elsewhere[1] = rota_unregister_files(ring);
    elsewhere[2] = rota_clone_buffers(&own, ring);
    elsewhere[3] = rota_unregister_files(&own);
    rota_queue_exit(&own);
    return NULL;
}

static void test_other_index(void)
{
    struct rota_ring ring;
    pthread_t thread;
    int files[] = {0};

    make_ring(&ring, 8, 0);
    if (rota_register_ring_fd(&ring) != 1 || rota_close_ring_fd(&ring) != 1) {
        skip(1, "no ring goes without a descriptor (6.3)");
    } else {
        is_int(rota_register_files(&ring, files, 1), 0, "files of a ring without descriptor");
        pthread_create(&thread, NULL, register_elsewhere, &ring);
        pthread_join(thread, NULL);
        is_int(elsewhere[0], 0, "another thread has files at the same index");
        is_int(elsewhere[1], -EEXIST, "and cannot name the first ring by it");
        is_int(elsewhere[2], -EEXIST, "nor take its buffers over");
        is_int(elsewhere[3], 0, "it has still its own");
        is_int(rota_unregister_files(&ring), 0, "and the first ring, too");
    }
    rota_queue_exit(&ring);
}

static void test_adopt(void)
{
    struct footprint before = footprint();
    struct io_uring_params params;
    struct rota_ring ring;
    int fd, ret, pair[2];

    memset(&params, 0, sizeof(params));
    fd = rota_setup(8, &params);
    if (fd < 0)
        bail("rota_setup: %s", strerror(-fd));
    is_int(rota_queue_mmap(fd, &params, &ring), 0, "the queues of a ring are mapped");
    is_int(ring.ring_fd, fd, "the ring owns the descriptor");
    is_int(ring.sq.ring_entries, 8, "and knows the size");
    ok(works(&ring, 6), "it works");

    /* A second view of the same ring, as another process would have it. */
    {
        struct rota_ring view;
        int copy = dup(fd);

        for (unsigned i = 0; i < 3; i++)
            ok(works(&ring, i), "request %u", i);
        is_int(rota_queue_mmap(copy, &params, &view), 0, "a copy of the descriptor is adopted");
        is_int(rota_sq_ready(&view), 0, "nothing waits there");
        ok(works(&view, 10), "the indices go on where they stood");
        rota_queue_exit(&view);
        ok(fcntl(copy, F_GETFD) < 0, "the copy is closed");
        ok(fcntl(fd, F_GETFD) >= 0, "the descriptor is not");
    }
    rota_queue_exit(&ring);
    ok(fcntl(fd, F_GETFD) < 0, "until its own ring ends");

    is_int(rota_queue_mmap(-1, &params, &ring), -EBADF, "no descriptor");
    is_int(rota_queue_mmap(fd, &params, &ring), -EBADF, "one that is closed");
    make_pair(pair, SOCK_STREAM);
    is_int(rota_queue_mmap(pair[0], &params, &ring), -EOPNOTSUPP, "one that is no ring");
    ok(fcntl(pair[0], F_GETFD) >= 0, "stays the caller's");
    close(pair[0]);
    close(pair[1]);
    fd = temporary_file();
    is_int(rota_queue_mmap(fd, &params, &ring), -EOPNOTSUPP, "nor one that can be mapped");
    close(fd);
    is_int(rota_queue_mmap(0, NULL, &ring), -EINVAL, "no parameters");
    params.flags |= IORING_SETUP_NO_MMAP;
    is_int(rota_queue_mmap(0, &params, &ring), -EINVAL, "memory of the caller");
    is_int(rota_queue_mmap_sized(0, &params, &ring, sizeof(ring) - 8), -EINVAL,
           "a ring of an older program");

    /* Answers that the ring does not agree with. */
    memset(&params, 0, sizeof(params));
    fd = rota_setup(8, &params);
    if (in_valgrind()) {
        skip(1, "valgrind maps memory by itself");
    } else {
        struct rlimit limit, none;

        getrlimit(RLIMIT_AS, &limit);
        none = limit;
        none.rlim_cur = 0;
        setrlimit(RLIMIT_AS, &none);
        ret = rota_queue_mmap(fd, &params, &ring);
        setrlimit(RLIMIT_AS, &limit);
        is_int(ret, -ENOMEM, "no address space");
    }
    params.sq_entries = 16;
    is_int(rota_queue_mmap(fd, &params, &ring), -EPROTO, "another size");
    params.sq_entries = 1U << 20;
    params.cq_entries = 1U << 21;
    /* Kernels differ in when they notice. */
    ret = rota_queue_mmap(fd, &params, &ring);
    ok(ret == -EINVAL || ret == -EPROTO, "a size beyond the memory");
    params.sq_entries = 3;
    is_int(rota_queue_mmap(fd, &params, &ring), -EPROTO, "a size that is none");
    params.features = 0;
    is_int(rota_queue_mmap(fd, &params, &ring), -ENOSYS, "a kernel that maps the queues apart");
    rota_queue_exit(&ring);
    ok(fcntl(fd, F_GETFD) >= 0, "the descriptor stays the caller's");
    close(fd);
    is_clean(before, "adopted rings");
}

static bool is_touched(const volatile uint32_t *word)
{
    int status;
    pid_t child = fork();

    if (!child) {
        signal(SIGSEGV, SIG_DFL);
        _exit(*word == *word ? 0 : 1);
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void test_dontfork(void)
{
    struct io_uring_params params;
    struct rota_ring ring;
    int ret, status;
    void *queues;
    pid_t child;
    bool real;

    if (in_valgrind()) {
        skip(1, "valgrind does not know of MADV_DONTFORK");
        return;
    }
    if (rota_queue_init(8, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) < 0)
        make_ring(&ring, 8, 0);
    ok(is_touched(ring.sq.khead), "a child sees the queues");
    is_int(rota_ring_dontfork(&ring), 0, "the queues are kept back");
    ok(!is_touched(ring.sq.khead), "a child does not see the ring");
    ok(!is_touched((uint32_t *)(void *)ring.sq.sqes), "nor the SQEs");
    ok(works(&ring, 8), "the parent works on");
    child = fork();
    if (!child) {
        /* There may be something else by now. */
        volatile char *there = mmap(ring.sq.ring_ptr, ring.sq.ring_sz, PROT_READ | PROT_WRITE,
                                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

        rota_queue_exit(&ring);
        *there = 1;
        _exit(0);
    }
    waitpid(child, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 0,
       "a child can end its ring, and keeps what it has in its place");
    ok(works(&ring, 9), "which does not disturb the parent");
    memset(&params, 0, sizeof(params));
    params.sq_entries = 32;
    ret = rota_resize_rings(&ring, &params);
    if (ret < 0)
        skip(1, "the kernel resizes no rings (6.13)");
    else
        ok(!is_touched(ring.sq.khead) && !is_touched((uint32_t *)(void *)ring.sq.sqes),
           "queues of another size are kept back, too");
    queues = ring.sq.ring_ptr;
    real = rota_ring_kind(&ring) == ROTA_KERNEL_REAL;
    rota_queue_exit(&ring);
    if (real)
        ok(msync(queues, 4096, MS_ASYNC) < 0, "the ring's own process unmaps them");
    is_int(rota_ring_dontfork(&ring), -EINVAL, "a ring without queues");
}

static void *enable_and_use(void *arg)
{
    struct rota_ring *ring = arg;
    static int result;

    result = rota_enable_rings(ring);
    if (result == 0)
        result = works(ring, 11) ? 0 : -EIO;
    return &result;
}

static void test_enable(void)
{
    struct rota_config config;
    struct rota_ring ring;
    pthread_t thread;
    void *result;

    make_ring(&ring, 8, IORING_SETUP_R_DISABLED);
    rota_prep_nop(must_get_sqe(&ring));
    is_int(rota_submit(&ring), -EBADFD, "a disabled ring takes no request");
    is_int(rota_sq_ready(&ring), 1, "which stays in the queue");
    is_int(rota_enable_rings(&ring), 0, "it is enabled");
    is_int(rota_submit(&ring), 1, "and takes it");
    is_int(rota_enable_rings(&ring), -EBADFD, "once is enough");
    rota_queue_exit(&ring);

    if (!try_ring(&ring, 8, IORING_SETUP_R_DISABLED | IORING_SETUP_SINGLE_ISSUER)) {
        skip(1, "no single-issuer rings (6.0)");
        return;
    }
    is_int(ring.owner, 0, "a disabled single-issuer ring has no owner");
    pthread_create(&thread, NULL, enable_and_use, &ring);
    pthread_join(thread, &result);
    is_int(*(int *)result, 0, "another thread enables and uses it");
    ok(ring.owner > 0 && ring.owner != getpid(), "and owns it");
    rota_prep_nop(must_get_sqe(&ring));
    is_int(rota_submit(&ring), -EEXIST, "its maker does not");
    is_int(rota_enable_rings(&ring), -EEXIST, "and registers nothing");
    rota_queue_exit(&ring);

    /* Of the fast kind, too: its maker's index would be another ring there, or none. */
    rota_config_single_owner(&config);
    config.required_flags = IORING_SETUP_R_DISABLED;
    if (!is_int(rota_init(&ring, 8, &config), 0, "a disabled ring of a single owner"))
        return;
    pthread_create(&thread, NULL, enable_and_use, &ring);
    pthread_join(thread, &result);
    is_int(*(int *)result, 0, "is enabled and used by another thread");
    rota_queue_exit(&ring);
}

/* To the kernel descriptor -1 is the wish to do without a ring: nothing of the kind may get there. */
static void test_no_ring(struct rota_ring *none, const char *why)
{
    struct rota_buffers_config buffers_config = {.count = 4, .size = 64, .group = 100};
    struct rota_zcrx_config zcrx_config = {.if_idx = 1, .rq_entries = 8, .area_size = 65536};
    struct io_uring_params params = {.sq_entries = 16};
    struct footprint before;
    struct rota_file_table table;
    struct rota_buffers buffers;
    struct rota_region region;
    struct rota_zcrx zcrx;
    struct rota_ring ring;
    struct io_uring_sqe sqe;
    uint64_t map[1];
    uint16_t head = 5;
    void *page;
    int err = 0;

    make_ring(&ring, 8, 0);
    before = footprint();
    is_int(rota_register_ring_fd(none), -EBADF, "%s has no index", why);
    is_int(rota_unregister_ring_fd(none), -EINVAL, "  to give back");
    is_int(rota_close_ring_fd(none), -EBADF, "  nor a descriptor");
    is_int(rota_enable_rings(none), -EBADF, "  is not enabled");
    is_int(rota_resize_rings(none, &params), -EBADF, "  nor resized");
    is_int(rota_ring_dontfork(none), -EINVAL, "  nor kept from children");
    is_int(rota_register_files_sparse(none, 4), -EBADF, "  registers nothing");
    memset(&sqe, 0, sizeof(sqe));
    rota_prep_msg_ring(&sqe, ring.ring_fd, 1, 2, 0);
    is_int(rota_ring_register(none, IORING_REGISTER_SEND_MSG_RING, &sqe, 1), -EBADF,
           "  not even what needs no ring");
    ok(is_quiet(&ring), "  and the message has not come");
    is_int(rota_clone_buffers(none, &ring), -EBADF, "  takes no buffers");
    is_int(rota_clone_buffers(&ring, none), -EBADF, "  and lends none");
    is_int(rota_buf_ring_head(none, 1, &head), -EBADF, "  has no group");
    is_int(head, 5, "  whose head could be told");
    ok(!rota_setup_buf_ring(none, 4, 1, 0, &err) && err == -EBADF, "  nor makes one");
    is_int(rota_buffers_init(none, &buffers, &buffers_config), -EBADF, "  of either kind");
    rota_buffers_exit(none, &buffers);
    is_int(rota_file_table_init(none, &table, 4, map), -EBADF, "  has no file table");
    rota_file_table_exit(none, &table);
    is_int(rota_region_init(none, &region, 64, 0), -EBADF, "  no region");
    is_int(rota_region_init(none, &region, 64, ROTA_REGION_KERNEL), -EBADF, "  of either kind");
    rota_region_exit(none, &region);
    page = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    is_int(rota_register_wait_reg(none, page, 4), -EBADF, "  no arguments for waits");
    munmap(page, 65536);
    is_int(rota_zcrx_init(none, &zcrx, &zcrx_config), -EBADF, "  no zero-copy receive");
    is_int(rota_zcrx_flush(none, &zcrx), -EBADF, "  to flush");
    rota_zcrx_exit(&zcrx);
    is_int(rota_cq_eventfd_toggle(none, false), -EOPNOTSUPP, "  no switch");
    is_clean(before, "all that");
    rota_queue_exit(&ring);
}

int main(void)
{
    test_register();
    test_all_slots();
    test_close();
    test_registered_only();
    test_other_thread();
    test_other_index();
    test_adopt();
    test_dontfork();
    test_enable();
    {
        struct rota_ring ring;

        make_ring(&ring, 8, 0);
        rota_queue_exit(&ring);
        test_no_ring(&ring, "a ring that is torn down");
        (void)rota_init(&ring, 0, NULL);
        test_no_ring(&ring, "a ring that was never made");
    }
    return done();
}
