/* SPDX-License-Identifier: MIT */
/*
 * Rings made as liburing's behave as liburing's where rota's own differ on
 * purpose: each value here is what liburing 2.15 answers to the same calls.
 */
#include "support.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

static void on_alarm(int number)
{
    (void)number;
}

static void alarm_after_ms(long ms)
{
    struct itimerval once = {{0, 0}, {0, ms * 1000}};

    setitimer(ITIMER_REAL, &once, NULL);
}

static void submit_nop(struct rota_ring *ring, uint64_t data)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, data);
    is_int(rota_submit(ring), 1, "a NOP is submitted");
}

/* One is ready, two are wanted, and the time is up. */
static void test_partial(unsigned flags, const char *kind)
{
    struct __kernel_timespec ts = {0, 20000000};
    struct io_uring_cqe *cqe = NULL;
    struct rota_ring ring;

    make_ring(&ring, 8, flags);
    submit_nop(&ring, 7);
    is_int(rota_wait_cqe(&ring, &cqe), 0, "%s: one completes, in its own time", kind);
    is_int(rota_wait_cqes(&ring, &cqe, 2, &ts, NULL), 0, "%s: one of two, and time is up", kind);
    ok(cqe && cqe->user_data == 7, "  which is shown");
    cqe = NULL;
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 2, &ts, NULL), 0, "  also behind a submit");
    ok(cqe && cqe->user_data == 7, "  of nothing");
    rota_prep_nop(must_get_sqe(&ring));
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 4, &ts, NULL), 0,
           "  with a CQE there before, what is submitted is not counted");
    ok(cqe && cqe->user_data == 7, "  the first is shown");
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "  and the second comes");
    rota_cq_advance(&ring, 2);
    rota_prep_nop(must_get_sqe(&ring));
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 4, &ts, NULL), 1, "  without one, it is");
    is_int(rota_wait_cqe(&ring, &cqe), 0, "  and completes");
    rota_cqe_seen(&ring, cqe);
    is_int(rota_wait_cqes(&ring, &cqe, 2, &ts, NULL), -ETIME, "  none, and time is up");
    ok(!cqe, "  none is shown");
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 0, &ts, NULL), -EAGAIN,
           "  nothing to submit and none wanted");
    ok(!cqe, "  nor shown");
    submit_nop(&ring, 9);
    is_int(rota_wait_cqe(&ring, &cqe), 0, "  another comes");
    cqe = NULL;
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 0, &ts, NULL), 0, "  one that is there");
    ok(cqe && cqe->user_data == 9, "  is shown");
    rota_queue_exit(&ring);
}

/* One is ready, two are wanted, and a signal comes. */
static void test_signal(void)
{
    struct __kernel_timespec ts = {5, 0};
    struct io_uring_cqe *cqe = NULL;
    struct rota_ring ring;

    make_ring(&ring, 8, 0);
    submit_nop(&ring, 7);
    alarm_after_ms(30);
    is_int(rota_wait_cqes(&ring, &cqe, 2, &ts, NULL), 0, "one of two, and a signal");
    ok(cqe && cqe->user_data == 7, "  which is shown");
    alarm_after_ms(30);
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "  without a time, too");
    alarm_after_ms(30);
    is_int(rota_submit_and_wait(&ring, 2), 0, "  and behind a submit of nothing");
    rota_cqe_seen(&ring, cqe);
    alarm_after_ms(30);
    is_int(rota_wait_cqe(&ring, &cqe), -EINTR, "none, and a signal");
    ok(!cqe, "  none is shown");
    rota_queue_exit(&ring);
}

/* rota_init's rings tell of less than was wanted in the same way, but count what they submit. */
static void test_own_ring(void)
{
    struct __kernel_timespec ts = {0, 20000000};
    struct io_uring_cqe *cqe = NULL;
    struct rota_ring ring;

    is_int(rota_init(&ring, 8, NULL), 0, "a ring of rota_init");
    submit_nop(&ring, 7);
    is_int(rota_wait_cqes(&ring, &cqe, 2, &ts, NULL), 0, "  one of two, and time is up");
    ok(cqe && cqe->user_data == 7, "  which is shown");
    rota_prep_nop(must_get_sqe(&ring));
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 4, &ts, NULL), 1, "  a submit is counted");
    ok(cqe && cqe->user_data == 7, "  the first is shown");
    rota_cq_advance(&ring, 2);
    is_int(rota_submit_and_wait_timeout(&ring, &cqe, 0, &ts, NULL), -EAGAIN,
           "  nothing to submit and none wanted");
    is_int(rota_submit_and_wait_timeout(&ring, NULL, 0, NULL, NULL), -EAGAIN, "  nor to show");
    if (ring.enter_ring_fd != ring.ring_fd) {
        is_int(rota_register_ring_fd(&ring), 1, "  it registered itself, and may do it again");
        if (ring.features & IORING_FEAT_REG_REG_RING) {
            is_int(rota_close_ring_fd(&ring), 1, "  it works without descriptor");
            is_int(rota_unregister_ring_fd(&ring), -EINVAL, "  its index is all it has");
            submit_nop(&ring, 3);
        }
    }
    ring.features &= ~(uint32_t)(IORING_FEAT_EXT_ARG | IORING_FEAT_MIN_TIMEOUT);
    is_int(rota_submit_and_wait_reg(&ring, &cqe, 1, 0), -EOPNOTSUPP, "  before 5.11: says so");
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 1, &ts, 10, NULL), -EOPNOTSUPP, "  each time");
    rota_queue_exit(&ring);
}

static double seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void test_times(void)
{
    static const struct {
        struct __kernel_timespec ts;
        double least, most;
    } times[] = {
        {{0, 1100000000}, 1.1, 3}, {{-1, 1200000000}, 0.2, 2}, {{1, -900000000}, 0.1, 2},
        {{-1, 0}, 0, 0.5},         {{0, -1}, 0, 0.5},
    };
    struct io_uring_cqe *cqe;
    struct rota_ring ring;

    make_ring(&ring, 8, 0);
    for (unsigned i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
        double start = seconds(), took;

        is_int(rota_wait_cqe_timeout(&ring, &cqe, &times[i].ts), -ETIME, "time %u is up", i);
        took = seconds() - start;
        ok(took >= times[i].least && took < times[i].most, "  when it should: %.3f s", took);
    }
    rota_queue_exit(&ring);
}

/* What kernels before 5.11 and 6.12 lack has the code that liburing has for it. */
static void test_old_kernel(void)
{
    struct __kernel_timespec ts = {0, 1000};
    struct io_uring_cqe *cqe;
    struct rota_ring ring;

    make_ring(&ring, 8, 0);
    ring.features &= ~(uint32_t)(IORING_FEAT_EXT_ARG | IORING_FEAT_MIN_TIMEOUT);
    is_int(rota_submit_and_wait_reg(&ring, &cqe, 1, 0), -EINVAL, "no registered wait");
    is_int(rota_submit_and_wait_min_timeout(&ring, &cqe, 1, &ts, 10, NULL), -EINVAL,
           "no minimum time behind a submit");
    is_int(rota_wait_cqes_min_timeout(&ring, &cqe, 1, &ts, 10, NULL), -EINVAL, "nor elsewhere");
    is_int(rota_wait_cqes(&ring, &cqe, 1, &ts, NULL), -EOPNOTSUPP,
           "a time is not supported: rota submits nothing of its own");
    is_int(rota_sq_ready(&ring), 0, "nothing is in the queue");
    rota_queue_exit(&ring);
}

static void test_descriptor(void)
{
    struct io_uring_cqe *cqe;
    struct rota_ring ring;
    int fds = count_fds(), mappings = count_mappings(), ret;

    make_ring(&ring, 8, 0);
    ret = rota_register_ring_fd(&ring);
    if (ret == -EINVAL) {
        skip(1, "the kernel registers no rings (5.18)");
    } else {
        is_int(ret, 1, "the ring is registered");
        is_int(rota_register_ring_fd(&ring), -EEXIST, "not twice");
        if (ring.features & IORING_FEAT_REG_REG_RING) {
            is_int(rota_close_ring_fd(&ring), 1, "its descriptor is closed");
            is_int(rota_close_ring_fd(&ring), -EBADF, "not twice");
            submit_nop(&ring, 1);
            is_int(rota_unregister_ring_fd(&ring), 1, "and its index given up");
            is_int(rota_peek_cqe(&ring, &cqe), 0, "what is in the queue is");
            rota_cqe_seen(&ring, cqe);
            is_int(rota_peek_cqe(&ring, &cqe), -EBADF, "and nothing more");
            rota_prep_nop(must_get_sqe(&ring));
            is_int(rota_submit(&ring), -EBADF, "nothing is submitted");
            is_int(rota_submit_and_wait(&ring, 1), -EBADF, "nor waited for");
            is_int(rota_unregister_files(&ring), -EBADF, "nor registered");
            is_int(rota_unregister_ring_fd(&ring), -EINVAL, "nor given up again");
        }
    }
    rota_queue_exit(&ring);
    is_int(count_fds(), fds, "no descriptor is left behind");
    is_int(count_mappings(), mappings, "no mapping is left behind");
    is_int(rota_submit(&ring), -EBADF, "the ring is torn down");
}

/* The soft limit of descriptors is raised when files above it are registered. */
static void test_file_limit(void)
{
    const char *preload = getenv("LD_PRELOAD");
    struct rlimit limit, few, now;
    struct rota_ring ring, own;
    int files[200], ret;

    getrlimit(RLIMIT_NOFILE, &limit);
    if ((preload && strstr(preload, "vgpreload")) || limit.rlim_max < 300) {
        skip(1, "that limit cannot be tried here");
        return;
    }
    for (unsigned i = 0; i < 200; i++)
        files[i] = -1;
    few = limit;
    few.rlim_cur = 64;
    make_ring(&ring, 8, 0);
    is_int(rota_init(&own, 8, NULL), 0, "a ring of rota_init");

    setrlimit(RLIMIT_NOFILE, &few);
    is_int(rota_register_files(&own, files, 200), -EMFILE, "leaves the limit alone");
    is_int(rota_register_files(&ring, files, 200), 0, "files above the limit");
    getrlimit(RLIMIT_NOFILE, &now);
    is_int(now.rlim_cur, 264, "which is raised by their number");
    is_int(now.rlim_max, limit.rlim_max, "  the hard one is not");
    is_int(rota_unregister_files(&ring), 0, "they are there");
    setrlimit(RLIMIT_NOFILE, &few);
    ret = rota_register_files_sparse(&ring, 200);
    if (ret == -EINVAL) {
        skip(1, "the kernel has no sparse tables (5.19)");
    } else {
        is_int(ret, 0, "empty slots, too");
        is_int(rota_unregister_files(&ring), 0, "they are there");
        setrlimit(RLIMIT_NOFILE, &few);
        is_int(rota_register_files_tags(&ring, files, NULL, 200), 0, "and files with tags");
        is_int(rota_unregister_files(&ring), 0, "they are there");
    }
    setrlimit(RLIMIT_NOFILE, &few);
    is_int(rota_register_files(&ring, files, 64), 0, "as many as the limit");
    getrlimit(RLIMIT_NOFILE, &now);
    is_int(now.rlim_cur, 64, "do not raise it");
    rota_unregister_files(&ring);
    setrlimit(RLIMIT_NOFILE, &limit);
    rota_queue_exit(&own);
    rota_queue_exit(&ring);
}

/* NO_MMAP without memory: the ring brings its own. */
static void test_own_memory(void)
{
    struct io_uring_params params = {.flags = IORING_SETUP_NO_MMAP};
    struct rota_ring ring;
    int fds = count_fds();
    unsigned char resident;
    void *memory;
    bool all = true;
    int ret = rota_queue_init_params(8, &ring, &params);

    if (ret == -EINVAL) {
        skip(1, "no ring without mapping on this kernel (6.5)");
        return;
    }
    is_int(ret, 0, "NO_MMAP without memory");
    ok(params.sq_off.user_addr && params.cq_off.user_addr, "which it gets");
    memory = (void *)(uintptr_t)params.sq_off.user_addr;
    for (unsigned i = 0; i < 20; i++) {
        struct io_uring_cqe *cqe = NULL;

        rota_sqe_set_data64(must_get_sqe(&ring), i);
        all &= rota_submit_and_wait(&ring, 1) == 1 && !rota_peek_cqe(&ring, &cqe) &&
               cqe->user_data == i;
        rota_cqe_seen(&ring, cqe);
    }
    ok(all, "it works around the queue");
    rota_queue_exit(&ring);
    ok(mincore(memory, 1, &resident) < 0 && errno == ENOMEM, "its memory went with it");
    is_int(count_fds(), fds, "as did its descriptor");
    params.flags = IORING_SETUP_NO_MMAP | 1U << 31;
    is_int(rota_queue_init_params(8, &ring, &params), -EINVAL, "a flag that there is not");
    is_hex(params.flags, IORING_SETUP_NO_MMAP | 1U << 31, "leaves the flags as they were");
    ok(!params.sq_off.user_addr && !params.cq_off.user_addr, "without memory");
    params.flags = IORING_SETUP_NO_MMAP;
    is_int(rota_queue_init_params(1U << 20, &ring, &params), -EINVAL, "too many entries");
}

static void test_payload(void)
{
    struct msghdr msg = {.msg_namelen = 40, .msg_controllen = 30};
    struct io_uring_recvmsg_out out = {0};

    is_int(rota_recvmsg_payload_length(&out, 64, &msg), 0, "a buffer that is too short");
    is_int(rota_recvmsg_payload_length(&out, -1, &msg), 0, "none");
    is_int(rota_recvmsg_payload_length(&out, 15, &msg), 0, "shorter than the header");
    is_int(rota_recvmsg_payload_length(&out, 16 + 39, &msg), 0, "than the address");
    is_int(rota_recvmsg_payload_length(&out, 16 + 70, &msg), 0, "just long enough for no data");
    is_int(rota_recvmsg_payload_length(&out, 16 + 71, &msg), 1, "for a byte");
}

/* The real kernel, with its calls counted. */
static unsigned enters;

static int counting_enter(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags,
                          const void *arg, size_t size)
{
    enters++;
    return rota_sys_enter(fd, submit, wait_nr, flags, arg, size);
}

/* Peeks on rings whose completions wait for a visit cost none while there is none, and miss none. */
static void test_peek(uint32_t flags, const char *kind)
{
    struct rota_kernel kernel = rota_kernel_real;
    struct io_uring_cqe *cqe = NULL;
    struct rota_config config;
    struct rota_ring ring;
    int ends[2], found = 0;
    bool missed = false;
    char byte;

    kernel.enter = counting_enter;
    rota_config_plain(&config);
    config.required_flags = flags;
    config.kernel = &kernel;
    if (rota_init(&ring, 8, &config) < 0) {
        skip(1, "%s: not on this kernel", kind);
        return;
    }
    if (pipe(ends) < 0)
        bail("pipe: %s", strerror(errno));
    enters = 0;
    for (unsigned i = 0; i < 10000; i++)
        found += rota_peek_cqe(&ring, &cqe) != -EAGAIN;
    for (unsigned i = 0; i < 100; i++) {
        unsigned head;

        rota_for_each_cqe (&ring, head, cqe)
            found++;
    }
    is_int(enters, 0, "%s: empty peeks enter the kernel never", kind);
    is_int(found, 0, "  and find nothing");
    for (unsigned i = 0; i < 500; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        rota_prep_read(sqe, ends[0], &byte, 1, (uint64_t)-1);
        if (rota_submit(&ring) != 1 || write(ends[1], "x", 1) != 1)
            bail("a byte through a pipe");
        for (unsigned tries = 0; rota_peek_cqe(&ring, &cqe) && !missed; tries++)
            missed = tries > 100000000;
        if (missed)
            break;
        rota_cqe_seen(&ring, cqe);
    }
    ok(!missed, "  and a completion is found by peeking alone");
    close(ends[0]);
    close(ends[1]);
    rota_queue_exit(&ring);
}

int main(void)
{
    struct sigaction action = {.sa_handler = on_alarm};
    struct rota_ring ring;
    bool has_times;

    sigaction(SIGALRM, &action, NULL);
    make_ring(&ring, 8, 0);
    has_times = ring.features & IORING_FEAT_EXT_ARG;
    rota_queue_exit(&ring);

    if (has_times) {
        test_partial(0, "plain");
        test_partial(IORING_SETUP_SQPOLL, "SQPOLL");
        test_signal();
        test_own_ring();
        test_times();
    } else {
        skip(1, "the kernel has no waits with a time (5.11)");
    }
    test_old_kernel();
    test_descriptor();
    test_file_limit();
    test_own_memory();
    test_payload();
    test_peek(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "DEFER_TASKRUN");
    test_peek(IORING_SETUP_COOP_TASKRUN, "COOP_TASKRUN");
    return done();
}
