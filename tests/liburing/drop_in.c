/* SPDX-License-Identifier: MIT */
/* A program of liburing's as it would be written: what its ring shows, and how its calls behave. */
#include <liburing.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "tap.h"

static void submit_nops(struct io_uring *ring, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, i + 1);
    }
    is_int(io_uring_submit(ring), count, "%u requests are submitted", count);
}

static void test_members(unsigned flags, const char *kind)
{
    struct io_uring ring;
    struct io_uring_params p = {0};
    struct io_uring_sq *sq = &ring.sq;
    struct io_uring_cq *cq = &ring.cq;
    int ret;

    p.flags = flags;
    ret = io_uring_queue_init_params(8, &ring, &p);
    if (ret < 0) {
        skip(1, "this kernel has no ring with %s", kind);
        return;
    }
    ok(ring.ring_fd >= 0 && ring.ring_fd == ring.enter_ring_fd, "%s: the descriptor", kind);
    ok(ring.flags == p.flags && ring.features == p.features, "%s: flags and features", kind);
    ok(sq->ring_entries == 8 && *sq->kring_entries == 8 && sq->ring_mask == 7 &&
           *sq->kring_mask == 7,
       "%s: sizes of the submission queue, as a copy and as the kernel's word", kind);
    ok(cq->ring_entries == p.cq_entries && *cq->kring_entries == p.cq_entries &&
           *cq->kring_mask == cq->ring_mask && cq->ring_mask == p.cq_entries - 1,
       "%s: and of the completion queue", kind);
    ok(sq->ring_ptr && cq->ring_ptr == sq->ring_ptr && cq->ring_sz == sq->ring_sz &&
           (char *)cq->khead == (char *)cq->ring_ptr + p.cq_off.head &&
           (char *)cq->cqes == (char *)cq->ring_ptr + p.cq_off.cqes &&
           (char *)sq->ktail == (char *)sq->ring_ptr + p.sq_off.tail,
       "%s: the mapping and what lies in it", kind);
    is_int(sq->sqes_sz, 8 * (flags & IORING_SETUP_SQE128 ? 128 : 64), "%s: bytes of SQEs", kind);
    ok(!sq->array == !!(ring.flags & IORING_SETUP_NO_SQARRAY), "%s: the array, if there is one",
       kind);
    is_int(*sq->kdropped + *cq->koverflow, 0, "%s: nothing is lost", kind);

    submit_nops(&ring, 3);
    is_int(*cq->ktail - *cq->khead, 3, "%s: three completions by the kernel's words", kind);
    is_int(cq->cqes[1u << io_uring_cqe_shift(&ring)].user_data, 2, "%s: the second by its slot",
           kind);
    io_uring_cq_advance(&ring, 3);
    is_int(*cq->khead, 3, "%s: and all are seen", kind);
    io_uring_queue_exit(&ring);
}

/* An SQE is handed out and filled as by liburing, whatever was in its slot. */
static void test_sqe(void)
{
    struct io_uring_sqe *sqe, again;
    struct io_uring ring;

    io_uring_queue_init(2, &ring, 0);
    for (int round = 0; round < 4; round++) {
        sqe = io_uring_get_sqe(&ring);
        if (round > 1)
            is_int(sqe->user_data, 0x1234, "user_data stays from round to round");
        memset(sqe, 0xa5, sizeof(*sqe));
        io_uring_initialize_sqe(sqe);
        io_uring_prep_nop(sqe);
        ok(sqe->user_data == 0xa5a5a5a5a5a5a5a5, "neither clearing nor a prep function touches it");
        memset(&again, 0, sizeof(again));
        again.fd = -1;
        again.user_data = sqe->user_data;
        ok(!memcmp(sqe, &again, sizeof(again)), "all else is that of a fresh NOP");
        sqe->user_data = 0x1234;
        io_uring_submit_and_wait(&ring, 1);
        io_uring_cq_advance(&ring, 1);
    }
    sqe = io_uring_get_sqe(&ring);
    sqe->ioprio = IORING_RECVSEND_POLL_FIRST;
    io_uring_prep_recv_multishot(sqe, 0, NULL, 0, 0);
    is_int(sqe->ioprio, IORING_RECVSEND_POLL_FIRST | IORING_RECV_MULTISHOT,
           "flags that stand in ioprio are kept");
    io_uring_prep_close_direct(sqe, IORING_FILE_INDEX_ALLOC);
    is_int(sqe->file_index, 0, "IORING_FILE_INDEX_ALLOC is a number like others to close_direct");
    io_uring_queue_exit(&ring);
}

static void test_reaping(void)
{
    struct io_uring_cqe *cqe = NULL, *copy;
    struct io_uring_cqe_iter iter;
    struct io_uring ring;
    unsigned head, seen = 0;
    uint64_t sum = 0;

    io_uring_queue_init(4, &ring, 0);
    is_int(io_uring_peek_cqe(&ring, &cqe), -EAGAIN, "a peek at an empty queue");
    ok(!cqe, "finds nothing");
    submit_nops(&ring, 3);
    is_int(io_uring_cq_ready(&ring), 3, "three are ready");
    iter = io_uring_cqe_iter_init(&ring);
    while (io_uring_cqe_iter_next(&iter, &copy))
        sum += copy->user_data;
    is_int(sum, 6, "liburing's iterator shows them");
    io_uring_for_each_cqe(&ring, head, cqe)
    {
        is_int(head, seen, "the index of CQE %u", seen);
        seen++;
    }
    ok(seen == 3 && cqe->user_data == 3, "after the loop it is the last one still");
    io_uring_cqe_seen(&ring, cqe);
    is_int(__io_uring_peek_cqe(&ring, &cqe, &head), 0, "the look without the kernel");
    ok(cqe && cqe->user_data == 2 && head == 2, "shows the next one, and how many there are");
    io_uring_cq_advance(&ring, 2);
    is_int(io_uring_wait_cqe_nr(&ring, &cqe, 0), -EAGAIN, "a wait for none does not wait");
    io_uring_queue_exit(&ring);
}

/* A ring as on a kernel that cannot keep the time of a wait. */
static void make_old(struct io_uring *ring)
{
    io_uring_queue_init(4, ring, 0);
    ring->rota.features &= ~(unsigned)(IORING_FEAT_EXT_ARG | IORING_FEAT_MIN_TIMEOUT);
    ring->rota.cq.kpeek = ring->rota.cq.khead;
}

static void on_alarm(int number)
{
    (void)number;
}

static void test_old_kernel(void)
{
    static const struct itimerval often = {{0, 20000}, {0, 20000}}, never = {{0, 0}, {0, 0}};
    struct __kernel_timespec ts = {0, 20000000};
    struct io_uring_cqe *cqe;
    struct io_uring ring;

    make_old(&ring);
    is_int(io_uring_wait_cqe_timeout(&ring, &cqe, &ts), -ETIME, "time is up without a completion");
    ok(!cqe, "and none is shown");
    is_int(io_uring_peek_cqe(&ring, &cqe), -EAGAIN, "nor is the timeout by a peek");
    submit_nops(&ring, 1);
    is_int(io_uring_peek_cqe(&ring, &cqe), 0, "a peek shows what is the program's");
    is_int(cqe->user_data, 1, "and only that");
    io_uring_cqe_seen(&ring, cqe);

    io_uring_prep_nop(io_uring_get_sqe(&ring));
    ok(io_uring_wait_cqe_timeout(&ring, &cqe, &ts) >= 0 && cqe, "a wait submits what was taken");
    io_uring_queue_exit(&ring);

    make_old(&ring);
    io_uring_prep_nop(io_uring_get_sqe(&ring));
    is_int(io_uring_submit_and_wait_timeout(&ring, &cqe, 2, &ts, NULL), 2,
           "a wait for two with one: the request and the timeout are counted");
    ok(cqe && cqe->user_data != LIBURING_UDATA_TIMEOUT, "and the one is shown");
    io_uring_cqe_seen(&ring, cqe);
    is_int(io_uring_wait_cqes_min_timeout(&ring, &cqe, 1, &ts, 10, NULL), -EINVAL,
           "no minimum of time");
    is_int(io_uring_submit_and_wait_reg(&ring, &cqe, 1, 0), -EINVAL, "no registered arguments");
    io_uring_queue_exit(&ring);

    make_old(&ring);
    submit_nops(&ring, 1);
    signal(SIGALRM, on_alarm);
    setitimer(ITIMER_REAL, &often, NULL);
    is_int(io_uring_wait_cqe_nr(&ring, &cqe, 2), 0, "a wait for two with one ends at a signal");
    ok(cqe && cqe->user_data == 1, "which shows the one");
    setitimer(ITIMER_REAL, &never, NULL);
    io_uring_queue_exit(&ring);
}

static void test_registering(void)
{
    struct rlimit limit, lower;
    struct io_uring ring;
    int *files;
    int ret;

    io_uring_queue_init(4, &ring, 0);
    ret = io_uring_register_ring_fd(&ring);
    if (ret == 1) {
        is_int(io_uring_register_ring_fd(&ring), -EEXIST, "the descriptor is registered once");
        ok(ring.enter_ring_fd != ring.ring_fd, "and calls go by its index");
        is_int(io_uring_unregister_ring_fd(&ring), 1, "it is given back");
        is_int(io_uring_unregister_ring_fd(&ring), -EINVAL, "once");
    } else {
        skip(4, "this kernel registers no ring");
    }
    getrlimit(RLIMIT_NOFILE, &limit);
    lower = limit;
    lower.rlim_cur = 64;
    files = malloc(200 * sizeof(*files));
    for (int i = 0; i < 200; i++)
        files[i] = -1;
    setrlimit(RLIMIT_NOFILE, &lower);
    if (limit.rlim_max < 264) {
        skip(2, "the limit of open files is low");
    } else {
        is_int(io_uring_register_files(&ring, files, 200), 0, "more files than the soft limit");
        getrlimit(RLIMIT_NOFILE, &lower);
        is_int(lower.rlim_cur, 264, "which is raised");
    }
    setrlimit(RLIMIT_NOFILE, &limit);
    free(files);
    is_int(io_uring_register_wait_reg(&ring, NULL, 1), -EINVAL, "a call that liburing gave up");
    io_uring_queue_exit(&ring);
}

static void test_probe(void)
{
    struct io_uring_probe *probe = io_uring_get_probe();

    ok(probe != NULL, "there is a probe");
    ok(probe && io_uring_opcode_supported(probe, IORING_OP_NOP), "which knows NOP");
    ok(probe && !io_uring_opcode_supported(probe, -1) && !io_uring_opcode_supported(probe, 255),
       "and no opcode that there is not");
    io_uring_free_probe(probe);
    io_uring_free_probe(NULL);
}

/* A ring in memory that the library brings: in one page, and in more. */
static void test_no_mmap(void)
{
    static const unsigned sizes[] = {2, 256};

    for (unsigned i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
        struct io_uring_params p = {0};
        struct io_uring ring;
        int ret;

        p.flags = IORING_SETUP_NO_MMAP;
        ret = io_uring_queue_init_params(sizes[i], &ring, &p);
        if (ret == -EINVAL) {
            skip(1, "this kernel takes no memory of the program's");
            continue;
        }
        is_int(ret, 0, "NO_MMAP without memory, %u entries", sizes[i]);
        submit_nops(&ring, 2);
        is_int(io_uring_cq_ready(&ring), 2, "it works");
        io_uring_queue_exit(&ring);
    }
}

/* Memory that the program was to bring and did not: the library's, and counted. */
static void test_no_memory(void)
{
    struct io_uring_params p = {0};
    struct io_uring ring;
    int ret = io_uring_queue_init_mem(8, &ring, &p, NULL, 1 << 16);

    if (ret == -EINVAL) {
        skip(2, "this kernel takes no memory of the program's");
        return;
    }
    ok(ret > 0 && ret % 4096 == 0, "a ring in no memory tells how much it has taken");
    ok(p.flags & IORING_SETUP_NO_MMAP, "which the kernel did not map");
    io_uring_queue_exit(&ring);
}

/* One NOP there and back; 0 if it came with its user_data. */
static int round_trip(struct io_uring *ring, uint64_t data)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);
    struct io_uring_cqe *cqe;
    int ret;

    io_uring_prep_nop(sqe);
    io_uring_sqe_set_data64(sqe, data);
    ret = io_uring_submit(ring) == 1 ? io_uring_wait_cqe(ring, &cqe) : 1;
    if (!ret)
        ret = cqe->user_data != data;
    io_uring_cq_advance(ring, 1);
    return ret;
}

/* A ring in shared memory is used by processes in turn, as database servers do. */
static void test_fork(void)
{
    struct io_uring *ring =
        mmap(NULL, sizeof(*ring), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status = -1;

    io_uring_queue_init(2, ring, 0);
    is_int(round_trip(ring, 1), 0, "the parent uses the ring");
    for (uint64_t child = 2; child < 5; child++) {
        pid_t pid = fork();

        if (!pid)
            _exit(round_trip(ring, child) || round_trip(ring, child + 10));
        waitpid(pid, &status, 0);
        is_int(status, 0, "a child uses it");
    }
    is_int(round_trip(ring, 5), 0, "and the parent again");
    io_uring_queue_exit(ring);
    munmap(ring, sizeof(*ring));
}

static unsigned asked;

static int refuse_setup(uint32_t entries, struct io_uring_params *params)
{
    (void)entries;
    (void)params;
    asked++;
    return -EPERM;
}

static int count_setup(uint32_t entries, struct io_uring_params *params)
{
    asked++;
    return rota_sys_setup(entries, params);
}

static int count_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                       const void *arg, size_t size)
{
    asked++;
    return rota_sys_enter(fd, to_submit, min_complete, flags, arg, size);
}

static int count_register(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    asked++;
    return rota_sys_register(fd, opcode, arg, nr_args);
}

/* Another kernel is a matter of one call, and of no less. */
static void test_kernels(void)
{
    struct rota_kernel refusing = rota_kernel_real, other = rota_kernel_real;
    struct io_uring_params p = {0};
    struct io_uring ring;
    int fd;

    refusing.setup = refuse_setup;
    other.setup = count_setup;
    other.enter = count_enter;
    other.reg = count_register;
    is_int(rota_liburing_fall_back(&other, ROTA_FALLBACK_EPERM), 0,
           "rings can be made: no fallback");
    is_int(io_uring_queue_init(2, &ring, 0), 0, "a ring");
    is_int(rota_ring_kind(&ring.rota), ROTA_KERNEL_REAL, "stands on the real kernel");
    io_uring_queue_exit(&ring);
    is_int(asked, 0, "and nobody asked the other one");

    rota_liburing_kernel(&refusing);
    is_int(io_uring_queue_init(2, &ring, 0), -EPERM, "a kernel that refuses, and no fallback");
    is_int(rota_liburing_fall_back(&other, ROTA_FALLBACK_ENOSYS), -EPERM, "of another error");
    is_int(io_uring_queue_init(2, &ring, 0), -EPERM, "there is none");
    is_int(rota_liburing_fall_back(&other, 0), -EINVAL, "nor of no error");
    is_int(rota_liburing_fall_back(&refusing, ROTA_FALLBACK_EPERM), -EPERM, "nor one that refuses");
    is_int(io_uring_queue_init(2, &ring, 0), -EPERM, "there is none");
    is_int(rota_liburing_fall_back(&other, ROTA_FALLBACK_EPERM), EPERM, "of this one there is");
    asked = 0;
    is_int(io_uring_queue_init(2, &ring, 0), 0, "a ring on the fallback");
    ok(asked > 0, "which made it"); /* an old kernel is asked again, with fewer flags */
    asked = 0;
    submit_nops(&ring, 1);
    is_int(asked, 1, "and is entered");
    io_uring_queue_exit(&ring);
    asked = 0;
    fd = io_uring_setup(2, &p);
    ok(fd >= 0 && io_uring_enter((unsigned)fd, 0, 0, 0, NULL) == 0 &&
           io_uring_enter2((unsigned)fd, 0, 0, 0, NULL, 0) == 0 &&
           io_uring_register((unsigned)fd, IORING_UNREGISTER_EVENTFD, NULL, 0) == -ENXIO,
       "the system calls by hand");
    is_int(asked, 4, "go there, too");
    is_int(io_uring_queue_mmap(fd, &p, &ring), 0, "and a ring made so is adopted");
    is_int(asked, 5, "by asking it");
    submit_nops(&ring, 1);
    io_uring_queue_exit(&ring);
    rota_liburing_kernel(NULL);
    asked = 0;
    is_int(io_uring_queue_init(2, &ring, 0), 0, "and back");
    is_int(asked, 0, "on the real kernel");
    io_uring_queue_exit(&ring);
}

static void test_versions(void)
{
    is_int(io_uring_major_version(), 2, "major version");
    is_int(io_uring_minor_version(), 15, "minor version");
    ok(!io_uring_check_version(2, 15) && io_uring_check_version(2, 16) &&
           !IO_URING_CHECK_VERSION(1, 99) && IO_URING_CHECK_VERSION(3, 0),
       "what is older than what");
    ok(io_uring_memory_size(8, 0) > 0 && io_uring_mlock_size(8, 0) >= 0, "sizes of memory");
}

int main(void)
{
    struct io_uring ring;
    int ret = io_uring_queue_init(2, &ring, 0);

    if (ret < 0)
        skip_all("io_uring_queue_init: %s", strerror(-ret));
    io_uring_queue_exit(&ring);
    test_members(0, "a plain ring");
    test_members(IORING_SETUP_SQE128 | IORING_SETUP_CQE32, "large SQEs and CQEs");
    test_sqe();
    test_reaping();
    test_old_kernel();
    test_registering();
    test_probe();
    test_no_mmap();
    test_no_memory();
    test_fork();
    test_kernels();
    test_versions();
    return done();
}
