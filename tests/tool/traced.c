/* SPDX-License-Identifier: MIT */
/*
 * A program to be traced, that says what it did:
 *
 *     traced MODE [ARGUMENT]...
 *
 * prints `submit USER_DATA` and `complete USER_DATA RESULT` for each request and
 * completion, in the order in which it met them, and ends with status 5. A kind
 * of ring that this kernel lacks: `lacking ERROR`, status 77.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <rota.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define STATUS 5

static void lacking(int error)
{
    printf("lacking %s\n", strerror(-error));
    exit(77);
}

/* One chain of requests in batches; their results are 0, or an error that is asked for. */
static void use(struct rota_ring *ring, unsigned count, unsigned batch, bool quiet)
{
    unsigned sent = 0, came = 0;

    while (came < count) {
        unsigned now = 0;
        struct io_uring_cqe *cqe;
        int ret;

        for (; now < batch && sent < count; now++, sent++) {
            struct io_uring_sqe *sqe = rota_get_sqe(ring);

            if (!sqe)
                break;
            rota_prep_nop(sqe);
            sqe->user_data = 0x1000 + sent;
            if (sent % 5 == 4) {
                sqe->nop_flags = IORING_NOP_INJECT_RESULT;
                sqe->len = (unsigned)-EIO;
            }
            if (!quiet)
                printf("submit %#x\n", 0x1000 + sent);
        }
        ret = rota_submit_and_wait(ring, now);
        if (ret < 0 && ret != -EINTR)
            exit(printf("submit: %s\n", strerror(-ret)) ? 1 : 1);
        while (!rota_peek_cqe(ring, &cqe)) {
            if (!quiet)
                printf("complete %#llx %d\n", (unsigned long long)cqe->user_data, cqe->res);
            rota_cqe_seen(ring, cqe);
            came++;
        }
    }
}

static void make(struct rota_ring *ring, unsigned entries, unsigned flags)
{
    struct io_uring_params params = {.flags = flags};
    int ret;

    if (flags & IORING_SETUP_SQPOLL)
        params.sq_thread_idle = 50;
    if (flags & IORING_SETUP_NO_MMAP) {
        static unsigned char memory[4][1 << 16] __attribute__((aligned(4096)));
        static unsigned next;

        ret = rota_queue_init_mem(entries, ring, &params, memory[next++ % 4], sizeof(memory[0]));
        ret = ret > 0 ? 0 : ret;
    } else {
        ret = rota_queue_init_params(entries, ring, &params);
    }
    if (ret < 0)
        lacking(ret);
}

/* kind FLAGS ENTRIES COUNT BATCH [quiet] */
static void kind(char **argv, bool quiet)
{
    struct rota_ring ring;

    make(&ring, (unsigned)atoi(argv[1]), (unsigned)strtoul(argv[0], NULL, 0));
    use(&ring, (unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]), quiet);
    rota_queue_exit(&ring);
}

/* Nanoseconds since then. */
static long long since(const struct timespec *start)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long long)(now.tv_sec - start->tv_sec) * 1000000000 + now.tv_nsec - start->tv_nsec;
}

/* paced ENTRIES COUNT BATCH RATE: cached reads, so many a second. */
static void paced(char **argv)
{
    unsigned entries = (unsigned)atoi(argv[0]), count = (unsigned)atoi(argv[1]);
    unsigned batch = (unsigned)atoi(argv[2]), rate = (unsigned)atoi(argv[3]);
    int file = open("/proc/self/exe", O_RDONLY);
    static char memory[4096];
    struct timespec start;
    struct rota_ring ring;

    make(&ring, entries, 0);
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned sent = 0; sent < count;) {
        struct io_uring_cqe *cqe;

        for (unsigned i = 0; i < batch; i++, sent++) {
            struct io_uring_sqe *sqe = rota_get_sqe(&ring);

            rota_prep_read(sqe, file, memory, 512, 0);
            sqe->user_data = sent;
        }
        rota_submit_and_wait(&ring, batch);
        while (!rota_peek_cqe(&ring, &cqe))
            rota_cqe_seen(&ring, cqe);
        while (since(&start) * rate < sent * 1000000000LL)
            continue;
    }
    printf("nanoseconds %lld\n", since(&start));
    rota_queue_exit(&ring);
}

/* Calls by a registered index. */
static void indexed(void)
{
    struct rota_ring ring;
    int ret;

    make(&ring, 8, 0);
    ret = rota_register_ring_fd(&ring);
    if (ret < 0)
        lacking(ret);
    use(&ring, 12, 4, false);
    rota_close_ring_fd(&ring); /* nothing but the index is left */
    use(&ring, 12, 4, false);
    rota_queue_exit(&ring);
}

static void *thread(void *arg)
{
    struct rota_ring ring;

    make(&ring, 16, 0);
    use(&ring, *(unsigned *)arg, 4, true);
    rota_queue_exit(&ring);
    return NULL;
}

static void threads(unsigned count)
{
    pthread_t ids[64];
    unsigned each = 40;

    for (unsigned i = 0; i < count; i++)
        pthread_create(&ids[i], NULL, thread, &each);
    for (unsigned i = 0; i < count; i++)
        pthread_join(ids[i], NULL);
    printf("threads %u\n", count);
}

static void *waits(void *arg)
{
    return read(*(int *)arg, &(char){0}, 1) ? NULL : arg;
}

/*
 * crowd RINGS THREADS COUNT: that many rings and threads that do nothing, beside one
 * ring with COUNT calls, and the time that those take.
 */
static void crowd(char **argv)
{
    unsigned rings = (unsigned)atoi(argv[0]), count = (unsigned)atoi(argv[2]);
    unsigned waiting = (unsigned)atoi(argv[1]);
    struct rlimit limit;
    struct timespec start;
    struct rota_ring ring;
    pthread_attr_t small;
    int ends[2];

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < rings + 100 || pipe(ends))
        lacking(-EMFILE);
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 65536);
    for (unsigned i = 0; i < waiting; i++) {
        pthread_t id;

        if (pthread_create(&id, &small, waits, &ends[0]))
            lacking(-EAGAIN);
    }
    clock_gettime(CLOCK_MONOTONIC, &start);
    for (unsigned i = 0; i < rings; i++) {
        struct io_uring_params params = {0};

        if (syscall(__NR_io_uring_setup, 1, &params) < 0)
            lacking(-errno);
    }
    printf("setups %lld\n", since(&start));
    make(&ring, 8, 0);
    use(&ring, 8, 1, true);
    clock_gettime(CLOCK_MONOTONIC, &start);
    use(&ring, count, 1, true);
    printf("calls %lld\n", since(&start));
    fflush(stdout);
    _exit(STATUS);
}

/* A child uses what it has inherited, its ends passed on. */
static void forks(void)
{
    struct rota_ring ring;
    int status;

    make(&ring, 8, 0);
    use(&ring, 3, 3, true);
    if (!fork()) {
        use(&ring, 7, 7, true);
        _exit(9);
    }
    wait(&status);
    printf("child %d\n", WEXITSTATUS(status));
    rota_queue_exit(&ring);
}

/* A ring under a number that nobody has seen, in another process. */
static void passes(void)
{
    struct rota_ring ring;
    int status;

    make(&ring, 8, 0);
    rota_prep_nop(rota_get_sqe(&ring));
    /* The child enters the kernel for what its parent has prepared. */
    __atomic_store_n(ring.sq.ktail, *ring.sq.ktail + 1, __ATOMIC_RELEASE);
    if (!fork()) {
        int fd = dup2(ring.ring_fd, 77);

        close(ring.ring_fd);
        _exit(syscall(__NR_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) == 1 ? 8 : 1);
    }
    wait(&status);
    printf("child %d\n", WEXITSTATUS(status));
}

/* Counts its rounds at `arg`, if that is not NULL. */
static void *keeps_going(void *arg)
{
    struct rota_ring ring;

    make(&ring, 8, 0);
    for (;;) {
        use(&ring, 16, 4, true);
        if (arg)
            __atomic_add_fetch((unsigned *)arg, 1, __ATOMIC_RELAXED);
    }
    return arg;
}

static char *program;

static void *execs_beside(void *arg)
{
    struct timespec time = {0, 20000000};

    nanosleep(&time, NULL);
    execl(program, program, "joins", (char *)NULL);
    return arg;
}

/* The first thread's ring outlives the other thread. */
static void joins(void)
{
    unsigned count = 4;
    struct rota_ring ring;
    pthread_t id;

    make(&ring, 8, 0);
    use(&ring, 4, 2, false);
    pthread_create(&id, NULL, thread, &count);
    pthread_join(id, NULL);
    usleep(5000);
    use(&ring, 4, 2, false);
    rota_queue_exit(&ring);
}

/* A thread that is not the first becomes another program, in the middle of calls of the others. */
static void execs(void)
{
    pthread_t id;

    for (unsigned i = 0; i < 3; i++)
        pthread_create(&id, NULL, keeps_going, NULL);
    pthread_create(&id, NULL, execs_beside, NULL);
    keeps_going(NULL);
}

static void *waits_for_ever(void *arg)
{
    struct rota_ring *ring = arg;
    static char byte;
    int ends[2];

    if (pipe(ends))
        exit(1);
    rota_prep_read(rota_get_sqe(ring), ends[0], &byte, 1, 0);
    rota_submit_and_wait(ring, 1);
    return NULL;
}

static void *exits_at_once(void *arg)
{
    struct rota_ring ring;

    make(&ring, 8, 0);
    rota_prep_nop(rota_get_sqe(&ring));
    rota_submit(&ring);
    syscall(SYS_exit, 0);
    return arg;
}

/* Threads end with rings open, the first one too, and the last one ends the process from inside. */
static void exits(void)
{
    static struct rota_ring ring;
    pthread_t id;

    for (unsigned i = 0; i < 20; i++)
        pthread_create(&id, NULL, exits_at_once, NULL);
    make(&ring, 8, 0);
    pthread_create(&id, NULL, waits_for_ever, &ring);
    usleep(20000);
    printf("threads ended\n");
    fflush(stdout);
    syscall(SYS_exit_group, STATUS);
}

/* A child that is stopped, goes on, and is killed, in the middle of its calls. */
static void stops(void)
{
    unsigned *rounds =
        mmap(NULL, sizeof(*rounds), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int status, killed;
    pid_t child = fork();

    if (!child)
        keeps_going(rounds);
    for (unsigned i = 0; i < 5; i++) {
        unsigned seen;

        usleep(5000);
        kill(child, SIGSTOP);
        if (waitpid(child, &status, WUNTRACED) != child || !WIFSTOPPED(status))
            exit(1);
        seen = __atomic_load_n(rounds, __ATOMIC_RELAXED);
        usleep(5000);
        if (waitpid(child, &status, WNOHANG | WUNTRACED) ||
            seen != __atomic_load_n(rounds, __ATOMIC_RELAXED))
            exit(1); /* it did not stay stopped, or stopped twice */
        kill(child, SIGCONT);
        if (waitpid(child, &status, WCONTINUED) != child || !WIFCONTINUED(status))
            exit(1);
    }
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    kill(child, SIGKILL); /* while it is stopped */
    killed = waitpid(child, &status, 0) == child && WIFSIGNALED(status);
    printf("killed %d %d\n", killed, WTERMSIG(status));
}

static void vforks(void)
{
    for (unsigned i = 0; i < 5; i++) {
        pid_t child = vfork();
        int status;

        if (!child) {
            execl(program, program, "kind", "0", "8", "4", "2", (char *)NULL);
            _exit(9);
        }
        waitpid(child, &status, 0);
        printf("child %d\n", WEXITSTATUS(status));
        fflush(stdout);
    }
}

/* Becomes somebody else, who may not be dumped, and goes on with its ring. */
static void becomes_nobody(void)
{
    struct rota_ring ring, other;

    make(&ring, 8, 0);
    use(&ring, 8, 4, false);
    if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
        printf("as before\n");
    use(&ring, 8, 4, false);
    make(&other, 8, 0);
    use(&other, 8, 4, false);
}

/* Lets go of everything but the descriptor, with requests in flight, and asks for more. */
static void unmaps(void)
{
    struct rota_ring ring, copy;

    for (unsigned i = 0; i < 20; i++) {
        make(&ring, 8, 0);
        copy = ring;
        rota_prep_poll_add(rota_get_sqe(&ring), 1, 0x2000 /* POLLRDHUP: never */);
        rota_submit(&ring);
        rota_prep_nop(rota_get_sqe(&ring));
        __atomic_store_n(ring.sq.ktail, *ring.sq.ktail + 1, __ATOMIC_RELEASE);
        for (unsigned fd = 0; i % 3 == 2 && fd < 3; fd++)
            dup2(1, copy.ring_fd); /* another file under its number */
        munmap(copy.sq.sqes, 8 * sizeof(struct io_uring_sqe));
        if (syscall(__NR_io_uring_enter, copy.ring_fd, 1, 0, 0, NULL, 0) < 0 && i % 3 != 2)
            exit(1);
        close(copy.ring_fd);
    }
    printf("let go\n");
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

/* Signals at a high rate, while requests go and while it waits for one that does not come. */
static void signalled(void)
{
    struct itimerval rate = {{0, 200}, {0, 200}};
    struct __kernel_timespec time = {.tv_nsec = 50000000};
    struct io_uring_cqe *cqe;
    struct sigaction action;
    struct rota_ring ring;
    int ret;

    memset(&action, 0, sizeof(action));
    action.sa_handler = count_signal;
    sigaction(SIGALRM, &action, NULL);
    make(&ring, 8, 0);
    setitimer(ITIMER_REAL, &rate, NULL);
    use(&ring, 2000, 4, true);
    do {
        ret = rota_wait_cqe_timeout(&ring, &cqe, &time);
    } while (signals < 100 && (ret == -EINTR || ret == -ETIME));
    memset(&rate, 0, sizeof(rate));
    setitimer(ITIMER_REAL, &rate, NULL);
    printf("signals %s, wait %s\n", signals >= 100 ? "many" : "few",
           ret == -EINTR || ret == -ETIME ? "ended" : "broken");
    rota_queue_exit(&ring);
}

/* A socket in the ring's table is let go with the ring: the other end hears of it. */
static void lets_go(void)
{
    struct rota_ring ring;
    int ends[2];
    char byte;

    make(&ring, 8, 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || rota_register_files(&ring, &ends[1], 1))
        exit(1);
    close(ends[1]);
    use(&ring, 4, 4, true);
    rota_queue_exit(&ring);
    printf("end of file %zd\n", read(ends[0], &byte, 1));
}

/* Requests of all sorts that fail, and strings that are worth to be read. */
static void fails(void)
{
    static const char text[] = "sent by the program";
    struct io_uring_cqe *cqe;
    struct rota_ring ring;
    struct io_uring_params params = {.flags = IORING_SETUP_SQ_AFF};
    int files[2];

    printf("setup %ld\n", syscall(__NR_io_uring_setup, 8, &params));
    make(&ring, 8, 0);
    rota_prep_write(rota_get_sqe(&ring), 999, text, sizeof(text) - 1, 0);
    rota_submit_and_wait(&ring, 1);
    rota_peek_cqe(&ring, &cqe);
    rota_cqe_seen(&ring, cqe);
    rota_prep_openat(rota_get_sqe(&ring), AT_FDCWD, "/nowhere/to/be/found", O_RDONLY, 0);
    rota_submit_and_wait(&ring, 1);
    rota_peek_cqe(&ring, &cqe);
    rota_cqe_seen(&ring, cqe);
    /* A number that is a command of sockets: to one, and to a file that has none of that number. */
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, files))
        exit(1);
    files[1] = open("/dev/null", O_RDWR);
    for (unsigned i = 0; i < 2; i++) {
        rota_prep_cmd_sock(rota_get_sqe(&ring), SOCKET_URING_OP_GETSOCKOPT, files[i], SOL_SOCKET,
                           SO_TYPE, &params, sizeof(params.flags));
        rota_submit_and_wait(&ring, 1);
        rota_peek_cqe(&ring, &cqe);
        rota_cqe_seen(&ring, cqe);
    }
    printf("register %d\n", rota_register_buffers(&ring, NULL, 1));
    rota_queue_exit(&ring);
}

static void *leaves(void *arg)
{
    struct rota_ring *ring = arg;
    int ends[2];

    if (pipe(ends))
        exit(1);
    rota_prep_poll_add(rota_get_sqe(ring), ends[0], 1 /* POLLIN: never */);
    rota_submit(ring);
    return NULL;
}

/* Habits that a summary names. */
static void odd(const char *habit)
{
    struct io_uring_cqe *cqe;
    struct rota_ring ring;
    char *memory = NULL;
    int ends[2], file;
    pthread_t id;

    make(&ring, 8, 0);
    if (!strcmp(habit, "single")) {
        use(&ring, 200, 1, true);
    } else if (!strcmp(habit, "overflow")) {
        for (unsigned i = 0; i < 8; i++)
            use(&ring, 0, 0, true);
        for (unsigned i = 0; i < 40; i++) {
            rota_prep_nop(rota_get_sqe(&ring));
            rota_submit(&ring);
        }
        while (!rota_peek_cqe(&ring, &cqe))
            rota_cqe_seen(&ring, cqe);
    } else if (!strcmp(habit, "cut")) {
        struct io_uring_sqe *sqe = rota_get_sqe(&ring);

        rota_prep_nop(sqe);
        sqe->flags |= IOSQE_IO_LINK;
        rota_submit(&ring);
        usleep(500000); /* for a tracer on a machine that has much else to do */
        use(&ring, 4, 4, true);
    } else if (!strcmp(habit, "whole")) {
        /* The tail moves for each of a chain, and one call takes all of it. */
        for (unsigned i = 0; i < 4; i++) {
            struct io_uring_sqe *sqe = rota_get_sqe(&ring);

            rota_prep_nop(sqe);
            sqe->flags |= i < 3 ? IOSQE_IO_LINK : 0;
            __atomic_store_n(ring.sq.ktail, *ring.sq.ktail + 1, __ATOMIC_RELEASE);
            usleep(300000);
        }
        syscall(__NR_io_uring_enter, ring.ring_fd, 4, 4, IORING_ENTER_GETEVENTS, NULL, 0);
        _exit(STATUS);
    } else if (!strcmp(habit, "workers")) {
        /* Each in a thread of the kernel, which it keeps for long. */
        if (pipe(ends))
            exit(1);
        for (unsigned i = 0; i < 4; i++) {
            struct io_uring_sqe *sqe = rota_get_sqe(&ring);

            rota_prep_read(sqe, ends[0], NULL, 8, 0);
            sqe->flags |= IOSQE_ASYNC;
        }
        rota_submit(&ring);
        usleep(400000);
        _exit(STATUS);
    } else if (!strcmp(habit, "short")) {
        rota_get_sqe(&ring)->opcode = 250;
        rota_prep_nop(rota_get_sqe(&ring));
        rota_submit(&ring);
        rota_submit(&ring);
    } else if (!strcmp(habit, "thread")) {
        /* Under two numbers it is one ring. */
        syscall(__NR_io_uring_enter, dup(ring.ring_fd), 0, 0, 0, NULL, 0);
        pthread_create(&id, NULL, leaves, &ring);
        pthread_join(id, NULL);
    } else if (!strcmp(habit, "buffers")) {
        for (unsigned i = 0; i < 3 && !pipe(ends); i++) {
            struct io_uring_sqe *sqe = rota_get_sqe(&ring);

            rota_prep_read(sqe, ends[0], NULL, 8, 0);
            sqe->flags |= IOSQE_BUFFER_SELECT;
            if (write(ends[1], "x", 1) != 1)
                exit(1);
            rota_submit_and_wait(&ring, 1);
            rota_peek_cqe(&ring, &cqe);
            rota_cqe_seen(&ring, cqe);
        }
    } else if (!strcmp(habit, "polls")) {
        if (pipe(ends))
            exit(1);
        for (unsigned i = 0; i < 150; i++) {
            rota_prep_poll_add(rota_get_sqe(&ring), ends[1], 4 /* POLLOUT */);
            rota_submit_and_wait(&ring, 1);
            rota_peek_cqe(&ring, &cqe);
            rota_cqe_seen(&ring, cqe);
        }
    } else if (!strcmp(habit, "refused")) {
        for (unsigned i = 0; i < 150; i++) {
            rota_prep_fsync(rota_get_sqe(&ring), 998, 0);
            rota_submit_and_wait(&ring, 1);
            rota_peek_cqe(&ring, &cqe);
            rota_cqe_seen(&ring, cqe);
        }
    } else if (!strcmp(habit, "direct")) {
        file = open("/proc/self/exe", O_RDONLY | O_DIRECT);
        if (file < 0 || posix_memalign((void **)&memory, 4096, 8192))
            lacking(-errno);
        rota_prep_read(rota_get_sqe(&ring), file, memory + 1, 100, 3);
        rota_submit_and_wait(&ring, 1);
        rota_peek_cqe(&ring, &cqe);
        if (cqe->res != -EINVAL)
            lacking(-EOPNOTSUPP);
    } else if (!strcmp(habit, "idle")) {
        for (unsigned i = 0; i < 150; i++)
            syscall(__NR_io_uring_enter, ring.ring_fd, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0);
    } else if (!strcmp(habit, "one")) {
        /* Ten stay in flight, and one after the other is waited for. */
        if (pipe(ends))
            exit(1);
        for (unsigned i = 0; i < 10; i++) {
            rota_prep_poll_add(rota_get_sqe(&ring), ends[0], 1 /* POLLIN: never */);
            rota_submit(&ring);
        }
        use(&ring, 300, 1, true);
    }
    rota_queue_exit(&ring);
}

/* Requests that carry one number, and can be told apart by their results, or cannot. */
static void alike(void)
{
    static char memory[4][128];
    struct io_uring_cqe *cqe;
    struct rota_ring ring;

    make(&ring, 8, 0);
    for (unsigned round = 0; round < 2; round++) {
        unsigned sizes[] = {round ? 8 : 4, round ? 8 : 100};
        int ends[2][2];

        for (unsigned i = 0; i < 2; i++) {
            struct io_uring_sqe *sqe = rota_get_sqe(&ring);

            if (pipe(ends[i]))
                exit(1);
            rota_prep_read(sqe, ends[i][0], memory[2 * round + i], sizes[i], 0);
            sqe->user_data = 7 + round;
        }
        rota_submit(&ring);
        if (write(ends[1][1], memory[0], round ? 8 : 50) < 0 || rota_wait_cqe(&ring, &cqe))
            exit(1);
        rota_cqe_seen(&ring, cqe);
        rota_submit(&ring); /* a call that shows it */
    }
    _exit(STATUS);
}

/* The last of many rings, at a pace at which each request can be seen. */
static void one_of_many(void)
{
    struct io_uring_params params = {0};
    struct rota_ring ring;

    for (unsigned i = 0; i < 150; i++) {
        memset(&params, 0, sizeof(params));
        if (syscall(__NR_io_uring_setup, 1, &params) < 0)
            lacking(-errno);
    }
    make(&ring, 8, 0);
    for (unsigned i = 0; i < 50; i++) {
        use(&ring, 2, 2, true);
        usleep(10000);
    }
    _exit(STATUS);
}

/* Until its input ends: a request now and then; with an 'r' in queues of another size, with
 * each other byte on another ring, which has the number of the one before. Beside it are some
 * that are not used. */
static void lingers(unsigned flags, unsigned unused)
{
    struct timespec time = {0, 1000000};
    unsigned rounds = 0;
    struct rota_ring ring;
    char byte;

    for (unsigned i = 0; i < unused; i++)
        make(&ring, 8, flags);
    make(&ring, 8, flags);
    fcntl(0, F_SETFL, O_NONBLOCK);
    printf("ready\n");
    fflush(stdout);
    for (ssize_t got; (got = read(0, &byte, 1)) != 0;) {
        if (got == 1 && byte == 'r') {
            struct io_uring_params sizes = {.sq_entries = 32, .cq_entries = 128};
            int ret = rota_resize_rings(&ring, &sizes);

            if (ret < 0)
                lacking(ret);
        } else if (got == 1) {
            rota_queue_exit(&ring);
            make(&ring, 8, flags);
        }
        use(&ring, 2, 2, true);
        rounds++;
        nanosleep(&time, NULL);
    }
    printf("rounds %s\n", rounds > 1 ? "many" : "few");
    rota_queue_exit(&ring);
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    program = argv[0];
    if (!strcmp(mode, "kind") && argc >= 6)
        kind(argv + 2, argc > 6);
    else if (!strcmp(mode, "paced") && argc > 5)
        paced(argv + 2);
    else if (!strcmp(mode, "indexed"))
        indexed();
    else if (!strcmp(mode, "crowd") && argc > 4)
        crowd(argv + 2);
    else if (!strcmp(mode, "threads") && argc > 2)
        threads((unsigned)atoi(argv[2]));
    else if (!strcmp(mode, "forks"))
        forks();
    else if (!strcmp(mode, "passes"))
        passes();
    else if (!strcmp(mode, "signalled"))
        signalled();
    else if (!strcmp(mode, "lets-go"))
        lets_go();
    else if (!strcmp(mode, "fails"))
        fails();
    else if (!strcmp(mode, "lingers"))
        lingers(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 0,
                argc > 3 ? (unsigned)atoi(argv[3]) : 0);
    else if (!strcmp(mode, "one-of-many"))
        one_of_many();
    else if (!strcmp(mode, "alike"))
        alike();
    else if (!strcmp(mode, "joins"))
        joins();
    else if (!strcmp(mode, "execs"))
        execs();
    else if (!strcmp(mode, "exits"))
        exits();
    else if (!strcmp(mode, "stops"))
        stops();
    else if (!strcmp(mode, "vforks"))
        vforks();
    else if (!strcmp(mode, "nobody"))
        becomes_nobody();
    else if (!strcmp(mode, "unmaps"))
        unmaps();
    else if (!strcmp(mode, "odd") && argc > 2)
        odd(argv[2]);
    else if (!strcmp(mode, "becomes"))
        execl(argv[0], argv[0], "kind", "0", "8", "4", "2", (char *)NULL);
    else if (!strcmp(mode, "killed"))
        raise(SIGTERM);
    else
        return 2;
    fflush(stdout);
    return STATUS;
}
