/* SPDX-License-Identifier: MIT */
/*
 * What calls of liburing's return where programs seldom go: empty and full
 * queues, waits for nothing and in time, signals, batches, overflow, descriptors that
 * are registered, closed and asked for again, set-up of every kind, calls that
 * the kernel refuses. tests/liburing/run builds it with the drop-in and with
 * liburing, and compares what both print.
 */
#include <liburing.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *what, long long value)
{
    printf("  %s: %lld\n", what, value);
}

#define SAY(call) say(#call, (long long)(call))

/* A call that sets `cqe`: whether it points to something, too. */
#define SAY_CQE(call)                                                \
    do {                                                             \
        struct io_uring_cqe *cqe = (struct io_uring_cqe *)(void *)1; \
        say(#call, (call));                                          \
        say("is set", cqe != NULL);                                  \
    } while (0)

static void nop(struct io_uring *ring, unsigned long long data)
{
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring);

    if (!sqe) {
        puts("  the queue is full");
        return;
    }
    io_uring_prep_nop(sqe);
    sqe->user_data = data;
}

static void drain(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    unsigned head, seen = 0;

    io_uring_for_each_cqe(ring, head, cqe) seen++;
    io_uring_cq_advance(ring, seen);
    say("seen", seen);
}

static void look_at_waits(struct io_uring *ring)
{
    struct __kernel_timespec ts = {0, 1000000}, odd = {0, 1500000000}, past = {-1, 0};
    struct __kernel_timespec negative = {0, -5};
    sigset_t none;

    sigemptyset(&none);
    SAY(io_uring_submit(ring));
    SAY(io_uring_submit_and_wait(ring, 0));
    SAY(io_uring_get_events(ring));
    SAY_CQE(io_uring_peek_cqe(ring, &cqe));
    SAY_CQE(io_uring_wait_cqe_nr(ring, &cqe, 0));
    SAY_CQE(io_uring_wait_cqe_timeout(ring, &cqe, &ts));
    SAY_CQE(io_uring_wait_cqe_timeout(ring, &cqe, &past));
    SAY_CQE(io_uring_wait_cqe_timeout(ring, &cqe, &negative));
    SAY_CQE(io_uring_wait_cqe_timeout(ring, &cqe, &odd));
    SAY_CQE(io_uring_wait_cqes(ring, &cqe, 2, &ts, &none));
    SAY_CQE(io_uring_submit_and_wait_timeout(ring, &cqe, 1, &ts, NULL));
    SAY_CQE(io_uring_submit_and_wait_timeout(ring, &cqe, 0, &ts, NULL));
    SAY_CQE(io_uring_submit_and_wait_timeout(ring, &cqe, 0, NULL, NULL));
    SAY_CQE(io_uring_wait_cqes_min_timeout(ring, &cqe, 2, &ts, 10, NULL));
    SAY_CQE(io_uring_submit_and_wait_min_timeout(ring, &cqe, 1, &ts, 10, NULL));
    SAY_CQE(io_uring_submit_and_wait_reg(ring, &cqe, 1, 0));
    nop(ring, 1);
    nop(ring, 2);
    SAY(io_uring_sq_ready(ring));
    SAY_CQE(io_uring_submit_and_wait_timeout(ring, &cqe, 3, &ts, NULL));
    SAY(io_uring_cq_ready(ring));
    drain(ring);
}

static void look_at_queues(struct io_uring *ring)
{
    struct io_uring_cqe *cqes[3] = {NULL, NULL, NULL}, *cqe;
    unsigned seen = 0, head, tail = *ring->sq.ktail;

    for (unsigned i = 0; i < 5; i++)
        nop(ring, i);
    SAY(io_uring_sq_space_left(ring));
    SAY(*ring->sq.ktail - tail);
    SAY(io_uring_submit_and_get_events(ring));
    SAY(*ring->sq.ktail - tail);
    head = *ring->cq.khead;
    SAY(*ring->cq.ktail - head);
    for (unsigned i = 0; i < 3; i++) {
        unsigned count = io_uring_peek_batch_cqe(ring, cqes, 3);

        say("a batch", count);
        if (count)
            say("its first", (long long)cqes[0]->user_data);
        io_uring_cq_advance(ring, count);
    }
    SAY(io_uring_peek_batch_cqe(ring, cqes, 0));
    SAY(*ring->cq.khead - head);
    io_uring_cqe_seen(ring, NULL);
    SAY(io_uring_cq_ready(ring));
    /* More completions than the queue holds. */
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 4; i++)
            nop(ring, round * 4 + i);
        SAY(io_uring_submit(ring));
    }
    SAY(io_uring_cq_ready(ring));
    SAY(io_uring_cq_has_overflow(ring));
    while (!io_uring_peek_cqe(ring, &cqe) && seen < 20) {
        if (cqe->user_data != seen)
            say("out of order", (long long)cqe->user_data);
        seen++;
        io_uring_cqe_seen(ring, cqe);
    }
    say("in the end", seen);
}

static void look_at_descriptors(struct io_uring *ring)
{
    int event = eventfd(0, EFD_NONBLOCK);

    SAY(io_uring_register_ring_fd(ring));
    SAY(ring->enter_ring_fd != ring->ring_fd);
    SAY(io_uring_register_ring_fd(ring));
    nop(ring, 1);
    SAY(io_uring_submit_and_wait(ring, 1));
    drain(ring);
    SAY(io_uring_register_eventfd(ring, event));
    SAY(io_uring_cq_eventfd_enabled(ring));
    SAY(io_uring_cq_eventfd_toggle(ring, false));
    SAY(io_uring_cq_eventfd_enabled(ring));
    SAY(io_uring_cq_eventfd_toggle(ring, true));
    SAY(io_uring_unregister_eventfd(ring));
    close(event);
    SAY(io_uring_close_ring_fd(ring));
    SAY(ring->ring_fd);
    nop(ring, 2);
    SAY(io_uring_submit_and_wait(ring, 1));
    drain(ring);
    SAY(io_uring_register_ring_fd(ring));
    SAY(io_uring_close_ring_fd(ring));
    SAY(io_uring_unregister_ring_fd(ring));
}

static void look_at_setup(unsigned flags)
{
    struct io_uring_params p;
    struct io_uring ring;
    int ret;

    memset(&p, 0, sizeof(p));
    p.flags = flags;
    ret = io_uring_queue_init_params(4, &ring, &p);
    printf("flags 0x%x: %d\n", flags, ret);
    if (ret)
        return;
    SAY(p.sq_entries);
    SAY(p.cq_entries);
    SAY(p.features == ring.features);
    look_at_waits(&ring);
    look_at_queues(&ring);
    look_at_descriptors(&ring);
    io_uring_queue_exit(&ring);
    ret = io_uring_queue_init(2, &ring, flags);
    say("the same structure again", ret);
    if (ret)
        return;
    SAY(io_uring_unregister_ring_fd(&ring));
    nop(&ring, 1);
    SAY(io_uring_submit(&ring));
    io_uring_queue_exit(&ring);
}

static void look_at_sizes(void)
{
    struct io_uring ring;
    int ret;

    puts("sizes");
    SAY(io_uring_queue_init(0, &ring, 0));
    SAY(io_uring_queue_init(1U << 20, &ring, 0));
    ret = io_uring_queue_init(3, &ring, 0);
    say("three entries", ret);
    if (!ret) {
        SAY(ring.sq.ring_entries);
        io_uring_queue_exit(&ring);
    }
    ret = io_uring_queue_init(40000, &ring, IORING_SETUP_CLAMP);
    say("forty thousand", ret);
    if (!ret) {
        SAY(ring.sq.ring_entries);
        io_uring_queue_exit(&ring);
    }
}

static void look_at_memory(void)
{
    char *memory = mmap(NULL, 1 << 21, PROT_READ | PROT_WRITE,
                        MAP_ANONYMOUS | MAP_PRIVATE | MAP_POPULATE, -1, 0);
    const struct {
        const char *name;
        void *place;
        size_t size;
    } ways[] = {{"enough", memory, 1 << 16},
                {"little", memory, 100},
                {"not aligned", memory + 8, 1 << 16},
                {"none", NULL, 1 << 16}};

    puts("memory");
    SAY(io_uring_mlock_size(8, 0));
    for (unsigned i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
        struct io_uring_params p;
        struct io_uring ring;
        int ret;

        memset(&p, 0, sizeof(p));
        ret = io_uring_queue_init_mem(8, &ring, &p, ways[i].place, ways[i].size);
        say(ways[i].name, ret);
        if (ret < 0)
            continue;
        SAY((p.flags & IORING_SETUP_NO_MMAP) != 0);
        nop(&ring, 1);
        SAY(io_uring_submit_and_wait(&ring, 1));
        drain(&ring);
        io_uring_queue_exit(&ring);
    }
    munmap(memory, 1 << 21);
}

static void look_at_resources(struct io_uring *ring)
{
    static char memory[8192] __attribute__((aligned(4096)));
    struct iovec vector = {memory, 4096};
    int files[3] = {0, -1, 1}, update[2] = {-1, 1}, err = 5;
    unsigned workers[2] = {0, 0};
    struct io_uring_buf_ring *br;
    unsigned short head = 9;

    puts("resources");
    SAY(io_uring_register_files(ring, files, 3));
    SAY(io_uring_register_files(ring, files, 3));
    SAY(io_uring_register_files_update(ring, 1, update, 2));
    SAY(io_uring_register_files_update(ring, 9, update, 2));
    SAY(io_uring_unregister_files(ring));
    SAY(io_uring_unregister_files(ring));
    SAY(io_uring_register_files_sparse(ring, 8));
    SAY(io_uring_register_file_alloc_range(ring, 1, 4));
    SAY(io_uring_register_file_alloc_range(ring, 7, 4));
    SAY(io_uring_unregister_files(ring));
    SAY(io_uring_register_buffers(ring, &vector, 0));
    SAY(io_uring_register_buffers(ring, &vector, 1));
    SAY(io_uring_unregister_buffers(ring));
    SAY(io_uring_unregister_buffers(ring));
    SAY(io_uring_register_buffers_sparse(ring, 4));
    SAY(io_uring_register_buffers_update_tag(ring, 0, &vector, NULL, 1));
    SAY(io_uring_unregister_buffers(ring));
    SAY(io_uring_clone_buffers(ring, ring));
    SAY(io_uring_register_personality(ring) > 0);
    SAY(io_uring_unregister_personality(ring, 99));
    SAY(io_uring_register_iowq_max_workers(ring, workers));
    SAY(io_uring_enable_rings(ring));
    SAY(io_uring_register_restrictions(ring, NULL, 0));
    br = io_uring_setup_buf_ring(ring, 4, 1, 0, &err);
    say("a buffer ring", err);
    if (br) {
        io_uring_buf_ring_add(br, memory, 100, 7, io_uring_buf_ring_mask(4), 0);
        io_uring_buf_ring_advance(br, 1);
        SAY(io_uring_buf_ring_available(ring, br, 1));
        SAY(io_uring_buf_ring_head(ring, 1, &head));
        SAY(head);
        SAY(io_uring_setup_buf_ring(ring, 4, 1, 0, &err) != NULL);
        say("the same group", err);
        SAY(io_uring_free_buf_ring(ring, br, 4, 1));
    }
    SAY(io_uring_setup_buf_ring(ring, 3, 1, 0, &err) != NULL);
    say("three buffers", err);
    SAY(io_uring_setup_buf_ring(ring, 0, 1, 0, &err) != NULL);
    say("none", err);
    SAY(io_uring_buf_ring_head(ring, 9, &head));
}

static void look_at_calls(struct io_uring *ring)
{
    struct io_uring_params p;
    struct io_uring other;
    int fd;

    puts("calls");
    SAY(io_uring_enter((unsigned)ring->ring_fd, 0, 0, 0, NULL));
    SAY(io_uring_enter(9999, 0, 0, 0, NULL));
    SAY(io_uring_enter2((unsigned)ring->ring_fd, 0, 0, 0, NULL, 0));
    SAY(io_uring_register((unsigned)ring->ring_fd, 255, NULL, 0));
    SAY(io_uring_sqring_wait(ring));
    SAY(io_uring_ring_dontfork(ring));
    SAY(io_uring_major_version());
    SAY(io_uring_minor_version());
    SAY(io_uring_check_version(2, 15));
    SAY(io_uring_check_version(2, 16));
    memset(&p, 0, sizeof(p));
    fd = io_uring_setup(4, &p);
    if (fd < 0)
        return;
    SAY(io_uring_queue_mmap(fd, &p, &other));
    SAY(other.ring_fd == fd);
    nop(&other, 1);
    SAY(io_uring_submit_and_wait(&other, 1));
    drain(&other);
    io_uring_queue_exit(&other);
    SAY(fcntl(fd, F_GETFD));
}

static volatile sig_atomic_t signals;

static void on_alarm(int number)
{
    (void)number;
    signals++;
}

/* Signals come again and again, since the first may come before the wait. */
static void alarms(long microseconds)
{
    struct itimerval every = {{0, microseconds}, {0, microseconds}};

    setitimer(ITIMER_REAL, &every, NULL);
    signals = 0;
}

/* A call that signals come into, after `count` requests were taken; the second submits them before. */
#define SAY_SIGNALLED(count, call)             \
    do {                                       \
        for (unsigned i = 0; i < (count); i++) \
            nop(ring, i);                      \
        alarms(20000);                         \
        SAY_CQE(call);                         \
        alarms(0);                             \
        SAY(io_uring_sq_ready(ring));          \
        drain(ring);                           \
    } while (0)

#define SAY_WAIT_SIGNALLED(count, call)        \
    do {                                       \
        for (unsigned i = 0; i < (count); i++) \
            nop(ring, i);                      \
        SAY(io_uring_submit(ring));            \
        SAY_SIGNALLED(0, call);                \
    } while (0)

static void look_at_signals(struct io_uring *ring, int flags)
{
    struct __kernel_timespec ts = {10, 0}, brief = {0, 100000000};
    struct sigaction action;
    sigset_t blocked, none;

    printf("signals, flags 0x%x\n", (unsigned)flags);
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_alarm;
    action.sa_flags = flags;
    sigemptyset(&none);
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    for (unsigned count = 0; count < 2; count++) {
        SAY_SIGNALLED(count, (cqe = NULL, io_uring_submit_and_wait(ring, count + 1)));
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqe(ring, &cqe));
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqe_nr(ring, &cqe, count + 1));
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqe_timeout(ring, &cqe, &ts));
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqe_timeout(ring, &cqe, &brief) == -ETIME);
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqes(ring, &cqe, count + 1, &ts, NULL));
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqes(ring, &cqe, count + 1, NULL, NULL));
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqes(ring, &cqe, count + 1, &ts, &none));
        SAY_WAIT_SIGNALLED(count, io_uring_wait_cqes(ring, &cqe, count + 1, &brief, &blocked));
        SAY_SIGNALLED(count, io_uring_submit_and_wait_timeout(ring, &cqe, count + 1, &ts, NULL));
        SAY_SIGNALLED(count, io_uring_submit_and_wait_timeout(ring, &cqe, count + 1, NULL, &none));
        SAY_SIGNALLED(count, io_uring_submit_and_wait_timeout(ring, &cqe, count + 1, NULL, NULL));
        SAY_SIGNALLED(count,
                      io_uring_submit_and_wait_timeout(ring, &cqe, count + 1, &brief, &blocked));
        SAY_WAIT_SIGNALLED(count,
                           io_uring_wait_cqes_min_timeout(ring, &cqe, count + 1, &ts, 1000, NULL));
        SAY_SIGNALLED(count,
                      io_uring_submit_and_wait_min_timeout(ring, &cqe, count + 1, &ts, 1000, NULL));
        SAY_WAIT_SIGNALLED(count, (cqe = NULL, io_uring_enter((unsigned)ring->ring_fd, 0, count + 1,
                                                              IORING_ENTER_GETEVENTS, NULL)));
    }
    /* One that is pending when the wait lets it in. */
    sigprocmask(SIG_BLOCK, &blocked, NULL);
    raise(SIGALRM);
    signals = 0;
    SAY_CQE(io_uring_wait_cqes(ring, &cqe, 1, &ts, &none));
    SAY(signals);
    raise(SIGALRM);
    SAY_CQE(io_uring_submit_and_wait_timeout(ring, &cqe, 1, NULL, &none));
    SAY(signals);
    raise(SIGALRM);
    SAY_CQE(io_uring_wait_cqe_timeout(ring, &cqe, &brief));
    SAY(signals);
    /* With something there nothing waits, and the signal stays. */
    nop(ring, 1);
    SAY(io_uring_submit(ring));
    SAY_CQE(io_uring_wait_cqes(ring, &cqe, 1, &ts, &none));
    SAY(signals);
    drain(ring);
    sigprocmask(SIG_UNBLOCK, &blocked, NULL);
    SAY(signals);
}

/* A child that makes an event happen, and then sends signals, each long after the other. */
static pid_t disturber(int event)
{
    unsigned long long one = 1;
    pid_t parent = getpid(), child = fork();

    if (child)
        return child;
    usleep(150000);
    if (event >= 0 && write(event, &one, sizeof(one)) < 0)
        _exit(1);
    for (;;) {
        usleep(250000);
        if (getppid() != parent || kill(parent, SIGALRM))
            _exit(0);
    }
}

/* What it returns, and with which signal. */
#define SAY_DISTURBED(with_event, call)                                    \
    do {                                                                   \
        struct io_uring_cqe *cqe = NULL;                                   \
        pid_t child;                                                       \
                                                                           \
        if (with_event) {                                                  \
            io_uring_prep_poll_add(io_uring_get_sqe(ring), event, POLLIN); \
            io_uring_submit(ring);                                         \
        }                                                                  \
        signals = 0;                                                       \
        child = disturber((with_event) ? event : -1);                      \
        say(#call, (call));                                                \
        say("is set", cqe != NULL);                                        \
        say("at signal", signals);                                         \
        kill(child, SIGKILL);                                              \
        waitpid(child, NULL, 0);                                           \
        drain(ring);                                                       \
        if (with_event)                                                    \
            SAY(read(event, &value, sizeof(value)));                       \
    } while (0)

/* The first of several completions comes during the wait, and then a signal. */
static void look_at_parts(struct io_uring *ring)
{
    struct __kernel_timespec ts = {20, 0};
    int event = eventfd(0, EFD_NONBLOCK);
    unsigned long long value;
    sigset_t none;

    puts("parts");
    sigemptyset(&none);
    SAY_DISTURBED(true, io_uring_wait_cqe_nr(ring, &cqe, 2));
    SAY_DISTURBED(true, io_uring_wait_cqes(ring, &cqe, 3, NULL, &none));
    SAY_DISTURBED(true, io_uring_wait_cqes(ring, &cqe, 2, &ts, NULL));
    SAY_DISTURBED(true, io_uring_submit_and_wait(ring, 2));
    SAY_DISTURBED(true, io_uring_submit_and_wait_timeout(ring, &cqe, 2, NULL, NULL));
    SAY_DISTURBED(true, io_uring_submit_and_wait_timeout(ring, &cqe, 2, &ts, NULL));
    close(event);
}

/* The same behind a submit, whose system call a signal ends without a word. */
static void look_at_submitted_parts(struct io_uring *ring)
{
    struct __kernel_timespec ts = {20, 0};
    int event = eventfd(0, EFD_NONBLOCK);
    unsigned long long value;

    puts("submitted parts");
    nop(ring, 5);
    SAY_DISTURBED(false, io_uring_submit_and_wait_timeout(ring, &cqe, 2, NULL, NULL));
    nop(ring, 5);
    SAY_DISTURBED(false, io_uring_submit_and_wait_timeout(ring, &cqe, 2, &ts, NULL));
    nop(ring, 5);
    SAY_DISTURBED(false, io_uring_submit_and_wait(ring, 2));
    io_uring_prep_poll_add(io_uring_get_sqe(ring), event, POLLIN);
    SAY_DISTURBED(false, io_uring_submit_and_wait_timeout(ring, &cqe, 1, NULL, NULL));
    close(event);
}

/* What a ring of a kernel before 5.11 is: time is kept by a request. */
static void make_old(struct io_uring *ring)
{
    ring->features &= ~IORING_FEAT_EXT_ARG;
#ifdef ROTA_LIBURING
    ring->rota.cq.kpeek = ring->rota.cq.khead;
#endif
}

/* On rings where task work runs by itself, where a wait has to run it, and on old ones. */
static void look_at_signalled(void)
{
    static const unsigned flags[] = {0, IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER, 0};
    struct io_uring ring;

    for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++) {
        if (io_uring_queue_init(8, &ring, flags[i]))
            continue;
        if (i < 2) {
            look_at_signals(&ring, 0);
            look_at_signals(&ring, SA_RESTART);
            look_at_submitted_parts(&ring);
        } else {
            puts("before 5.11");
            make_old(&ring);
        }
        look_at_parts(&ring);
        io_uring_queue_exit(&ring);
    }
}

int main(void)
{
    /* SQPOLL's thread is as fast as the machine: what it leaves differs from run to run. */
    static const unsigned flags[] = {
        0,
        IORING_SETUP_IOPOLL,
        IORING_SETUP_CQSIZE,
        IORING_SETUP_CLAMP,
        IORING_SETUP_ATTACH_WQ,
        IORING_SETUP_R_DISABLED,
        IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_COOP_TASKRUN,
        IORING_SETUP_SQE128,
        IORING_SETUP_CQE32,
        IORING_SETUP_SQE128 | IORING_SETUP_CQE32,
        IORING_SETUP_DEFER_TASKRUN,
        IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER,
        IORING_SETUP_NO_MMAP,
        IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY,
        IORING_SETUP_NO_SQARRAY,
        IORING_SETUP_HYBRID_IOPOLL,
        1U << 30,
    };
    struct io_uring ring;

    for (unsigned i = 0; i < sizeof(flags) / sizeof(*flags); i++)
        look_at_setup(flags[i]);
    look_at_signalled();
    look_at_sizes();
    look_at_memory();
    if (io_uring_queue_init(8, &ring, 0))
        return 0;
    look_at_resources(&ring);
    look_at_calls(&ring);
    io_uring_queue_exit(&ring);
    return 0;
}
