/* SPDX-License-Identifier: MIT */
/* What is done elsewhere than in the owner's call: by workers, by other rings, in other memory. */
#include "twin.h"

#include <dirent.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

static void files(struct twin *t)
{
    char name[] = "/tmp/emulate-XXXXXX", in[8] = "";
    int fd = mkstemp(name);
    struct stat st;

    if (fd < 0)
        bail("mkstemp");
    PREP(t, 1, write(q, fd, "abcdef", 6, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, fsync(q, fd, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, read(q, fd, in, 4, 2))->flags |= IOSQE_IO_LINK;
    PREP(t, 4, fallocate(q, fd, 0, 0, 100))->flags |= IOSQE_IO_LINK;
    PREP(t, 5, unlinkat(q, AT_FDCWD, name, 0));
    submit(t);
    reap(t, 5);
    say(t, " %s", in);
    say(t, " %d %d", fstat(fd, &st) == 0 && st.st_size == 100, access(name, F_OK));
    close(fd);
}

/* At the file's own position, one behind the other. */
static void own_position(struct twin *t)
{
    char name[] = "/tmp/emulate-XXXXXX", in[33] = "";
    int fd = mkstemp(name);

    if (fd < 0)
        bail("mkstemp");
    for (uint64_t i = 0; i < 8; i++)
        PREP(t, i, write(q, fd, &"01234567"[i], 1, (uint64_t)-1))->flags |= IOSQE_IO_LINK;
    PREP(t, 8, nop(q));
    submit(t);
    reap(t, 9);
    say(t, " %zd %s", pread(fd, in, 32, 0), in);
    close(fd);
    unlink(name);
}

static void path_is_taken(struct twin *t)
{
    char name[] = "/tmp/emulate-XXXXXX", path[sizeof(name)];
    int p[2];
    char in[4];

    if (!mkdtemp(name) || pipe(p))
        bail("mkdtemp");
    memcpy(path, name, sizeof(name));
    PREP(t, 1, read(q, p[0], in, 1, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, unlinkat(q, AT_FDCWD, path, AT_REMOVEDIR));
    submit(t);
    memset(path, 'x', sizeof(path) - 1); /* needed until submit only */
    if (write(p[1], "a", 1) != 1)
        bail("write");
    reap(t, 2);
    say(t, " %d", access(name, F_OK));
    close(p[0]);
    close(p[1]);
}

static void children(struct twin *t)
{
    siginfo_t info;
    pid_t child = fork();

    if (!child) {
        usleep(20000);
        _exit(7);
    }
    memset(&info, 0, sizeof(info));
    PREP(t, 1, waitid(q, P_PID, child, &info, WEXITED, 0));
    submit(t);
    reap(t, 1);
    say(t, " %d %d", info.si_status, info.si_pid == child);
    PREP(t, 2, waitid(q, P_PID, child, &info, WEXITED, 0));
    submit(t);
    reap(t, 1);
}

#define WORD (FUTEX2_SIZE_U32 | FUTEX2_PRIVATE)
#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 2
#define FUTEX2_PRIVATE  128
#endif
#define ALL 0xffffffffu

static void futexes(struct twin *t)
{
    static uint32_t word;

    word = 1;
    PREP(t, 1, futex_wait(q, &word, 2, ALL, WORD, 0));
    submit(t);
    reap(t, 1);
    PREP(t, 2, futex_wait(q, &word, 1, ALL, WORD, 0));
    submit(t);
    __atomic_store_n(&word, 2, __ATOMIC_RELAXED);
    PREP(t, 3, futex_wake(q, &word, 1, ALL, WORD, 0))->flags |= IOSQE_CQE_SKIP_SUCCESS;
    submit(t);
    reap(t, 1);
    PREP(t, 4, futex_wait(q, &word, 2, ALL, WORD, 0));
    submit(t);
    usleep(20000);
    PREP(t, 5, cancel64(q, 4, 0))->flags |= IOSQE_CQE_SKIP_SUCCESS; /* 0, or 1 since 6.18 */
    submit(t);
    reap(t, 1);
}

/* More that wait than there are workers: files are read all the same. */
static void many_wait(struct twin *t)
{
    static uint32_t word;
    char name[] = "/tmp/emulate-XXXXXX";
    int fd = mkstemp(name);

    if (fd < 0)
        bail("mkstemp");
    word = 1;
    for (uint64_t i = 10; i < 18; i++)
        PREP(t, i, futex_wait(q, &word, 1, ALL, WORD, 0));
    submit(t);
    usleep(20000);
    PREP(t, 1, fsync(q, fd, 0));
    submit(t);
    reap(t, 1);
    PREP(t, 2, cancel64(q, 0, IORING_ASYNC_CANCEL_ANY));
    submit(t);
    reap_sorted(t, 9);
    close(fd);
    unlink(name);
}

static void messages(struct twin *t)
{
    struct rota_config config = {.kernel = t->kernel};
    struct rota_ring other;
    struct io_uring_cqe *cqe;

    if (rota_init(&other, 8, &config) < 0)
        bail("no second ring");
    PREP(t, 1, msg_ring(q, other.ring_fd, 77, 5, 0));
    PREP(t, 2, msg_ring(q, 0, 77, 5, 0));
    PREP(t, 3, msg_ring(q, 9999, 77, 5, 0));
    PREP(t, 4, msg_ring(q, t->ring.ring_fd, 78, 6, 0));
    submit(t);
    reap_sorted(t, 5);
    say(t, " %d", rota_wait_cqe(&other, &cqe));
    say(t, " %llu:%d", (unsigned long long)cqe->user_data, cqe->res);
    rota_cqe_seen(&other, cqe);
    rota_queue_exit(&other);
}

static void own_memory(struct twin *t)
{
    struct rota_config config = {.kernel = t->kernel};
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    size_t size = 1 << 20;
    int ret;

    config.memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    config.memory_size = size;
    if (config.memory == MAP_FAILED)
        bail("mmap");
    ret = rota_init(&ring, 8, &config);
    say(t, "%d", ret);
    if (ret < 0)
        return;
    for (unsigned i = 0; i < 20; i++) {
        sqe = rota_get_sqe(&ring);
        rota_prep_nop(sqe);
        sqe->user_data = i;
        rota_submit(&ring);
        if (rota_wait_cqe(&ring, &cqe) || cqe->user_data != i)
            say(t, " wrong at %u", i);
        rota_cqe_seen(&ring, cqe);
    }
    rota_queue_exit(&ring);
    munmap(config.memory, size);
}

static void resized(struct twin *t)
{
    struct io_uring_params p;

    for (uint64_t i = 1; i <= 3; i++)
        PREP(t, i, nop(q));
    submit(t);
    PREP(t, 4, nop(q));
    memset(&p, 0, sizeof(p));
    p.sq_entries = 64;
    p.cq_entries = 256;
    p.flags = IORING_SETUP_CQSIZE;
    say(t, " %d", rota_resize_rings(&t->ring, &p));
    say(t, " %u %u", t->ring.sq.ring_entries, t->ring.cq.ring_entries);
    submit(t);
    reap(t, 4);
}

static void registered_ring(struct twin *t)
{
    say(t, "%d ", rota_register_ring_fd(&t->ring));
    PREP(t, 1, nop(q));
    submit(t);
    reap(t, 1);
    say(t, " %d", rota_close_ring_fd(&t->ring));
    PREP(t, 2, nop(q));
    submit(t);
    reap(t, 1);
}

static void no_workers(struct twin *t)
{
    struct rota_config config = {.kernel = t->kernel};
    struct rota_ring mine = t->ring;
    char name[] = "/tmp/emulate-XXXXXX";
    int fd = mkstemp(name), before = t->kernel ? rota_emulate_workers(0) : 0;

    if (fd < 0 || rota_init(&t->ring, 8, &config) < 0)
        bail("no ring");
    PREP(t, 1, write(q, fd, "abc", 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, fsync(q, fd, 0));
    submit(t);
    if (t->kernel)
        say(t, " %u", rota_cq_ready(&t->ring));
    else
        say(t, " 2");
    reap(t, 2);
    rota_queue_exit(&t->ring);
    t->ring = mine;
    if (t->kernel)
        rota_emulate_workers((unsigned)before);
    close(fd);
    unlink(name);
}

#define DEFERRED \
    (IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG)

static volatile sig_atomic_t handled;

static void handle(int number)
{
    (void)number;
    handled++;
}

/* The program's signals are for its own threads, whichever they are. */
static void signals_stay_out(struct twin *t)
{
    struct sigaction action = {.sa_handler = handle};
    const struct timespec moment = {.tv_nsec = 20000000}, none = {0};
    char name[] = "/tmp/emulate-XXXXXX";
    sigset_t mine, before;
    int fd = mkstemp(name), numbers[] = {SIGUSR1, SIGRTMIN + 1, SIGRTMAX - 1}, got = 0;

    if (fd < 0)
        bail("mkstemp");
    sigemptyset(&mine);
    for (unsigned i = 0; i < 3; i++) {
        sigaction(numbers[i], &action, NULL);
        sigaddset(&mine, numbers[i]);
    }
    pthread_sigmask(SIG_BLOCK, &mine, &before);
    handled = 0;
    PREP(t, 1, fsync(q, fd, 0))->flags |= IOSQE_ASYNC; /* now there is a worker */
    submit(t);
    reap(t, 1);
    for (unsigned i = 0; i < 3; i++)
        kill(getpid(), numbers[i]);
    nanosleep(&moment, NULL);
    while (sigtimedwait(&mine, NULL, &none) > 0)
        got++;
    say(t, " %d %d", got, (int)handled);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(fd);
    unlink(name);
}

static const struct scenario scenarios[] = {
    SCENARIO("signals stay out", signals_stay_out, "[1] 1:0 3 0"),
    SCENARIO("files", files, "[5] 1:6 2:0 3:4 4:0 5:0 cdef 1 -1", .opcode = IORING_OP_UNLINKAT),
    SCENARIO("at the file's position", own_position,
             "[9] 0:1 1:1 2:1 3:1 4:1 5:1 6:1 7:1 8:0 8 01234567"),
    SCENARIO("a path is taken", path_is_taken, "[2] 1:1 2:0 -1", .opcode = IORING_OP_UNLINKAT),
    SCENARIO("children", children, "[1] 1:0 7 1[1] 2:-10", .opcode = IORING_OP_WAITID),
    SCENARIO("futexes", futexes, "[1] 1:-11[1][1] 2:0[1][1] 4:-125",
             .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("many that wait", many_wait,
             "[8][1] 1:0[1] 2:8 10:-125 11:-125 12:-125 13:-125 14:-125 15:-125 16:-125 17:-125",
             .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("messages", messages, "[4] 1:0 2:-77 3:-9 4:0 6:78 0 5:77",
             .opcode = IORING_OP_MSG_RING),
    SCENARIO("memory of one's own", own_memory, "0", .opcode = IORING_OP_FUTEX_WAIT,
             .features = IORING_FEAT_MIN_TIMEOUT),
    SCENARIO("resized", resized, "[3] 0 64 256[1] 1:0 2:0 3:0 4:0", .flags = DEFERRED,
             .features = IORING_FEAT_NO_IOWAIT),
    SCENARIO("a registered ring", registered_ring, "1 [1] 1:0 1[1] 2:0",
             .features = IORING_FEAT_REG_REG_RING),
    SCENARIO("no workers", no_workers, "[2] 2 1:3 2:0"),
};

/* How many there may be: what it was is told, and what cannot be changes nothing. */
/*
 * What is in memory is opened in the call that submits, where nobody waits for the other end of a
 * FIFO; a request that is told to goes to a worker, and waits.
 */
static char fifo[] = "/tmp/emulate-fifo-XXXXXX";

static void say_open(struct twin *t)
{
    struct io_uring_cqe *cqe;

    if (rota_peek_cqe(&t->ring, &cqe)) {
        say(t, " later");
        return;
    }
    say(t, " %d", cqe->res < 0 ? cqe->res : 0);
    if (cqe->res >= 0) {
        int flags = fcntl(cqe->res, F_GETFL);

        say(t, "%s%s", flags & O_NONBLOCK ? "n" : "", flags & O_APPEND ? "a" : "");
        close(cqe->res);
    }
    rota_cqe_seen(&t->ring, cqe);
}

static void open_now(struct twin *t)
{
    (void)rota_submit(&t->ring);
    say_open(t);
}

/* When it has ended. */
static void reap_opened(struct twin *t)
{
    struct __kernel_timespec limit = {.tv_sec = 30};
    struct io_uring_cqe *cqe;

    (void)rota_submit(&t->ring);
    (void)rota_wait_cqe_timeout(&t->ring, &cqe, &limit);
    say_open(t);
}

static void opens(struct twin *t)
{
    struct open_how how = {.flags = O_RDONLY}, nonblock = {.flags = O_RDONLY | O_NONBLOCK};
    int fd;

    PREP(t, 1, openat(q, AT_FDCWD, fifo, O_RDONLY | O_APPEND, 0));
    open_now(t);
    PREP(t, 2, openat(q, AT_FDCWD, fifo, O_WRONLY, 0));
    open_now(t);
    PREP(t, 3, openat2(q, AT_FDCWD, fifo, &how));
    open_now(t);
    PREP(t, 4, openat2(q, AT_FDCWD, fifo, &nonblock));
    open_now(t);
    PREP(t, 5, openat(q, AT_FDCWD, fifo, O_PATH, 0));
    reap_opened(t);
    PREP(t, 6, openat(q, AT_FDCWD, fifo, O_RDONLY, 0))->flags |= IOSQE_ASYNC;
    submit(t);
    quiet(t);
    fd = open(fifo, O_WRONLY);
    reap_opened(t);
    close(fd);
}

static const struct scenario cached[] = {
    SCENARIO("opens what is in memory", opens, " 0a -6 0 0n 0[1] 0", .opcode = IORING_OP_OPENAT2),
};

/* Nor does that need a thread. */
static unsigned threads(void)
{
    unsigned count = 0;
    DIR *all = opendir("/proc/self/task");

    while (all && readdir(all))
        count++;
    if (all)
        closedir(all);
    return count;
}

static void opens_alone(void)
{
    struct rota_config config = {.kernel = &rota_kernel_emulated};
    struct io_uring_cqe *cqe;
    struct rota_ring ring;
    unsigned before = threads();

    if (rota_init(&ring, 8, &config) < 0)
        bail("no ring");
    rota_prep_openat(rota_get_sqe(&ring), AT_FDCWD, "/tmp", O_RDONLY, 0);
    is_int(rota_submit_and_wait(&ring, 1), 1, "a directory is opened");
    if (rota_peek_cqe(&ring, &cqe) || cqe->res < 0)
        bail("no directory");
    close(cqe->res);
    is_int(threads(), before, "by no other thread");
    rota_queue_exit(&ring);
}

/* Has the kernel such a look, and does the file system of /tmp? */
static bool looks(void)
{
    struct open_how how = {.flags = O_RDONLY | O_NONBLOCK, .resolve = RESOLVE_CACHED};
    int fd = (int)syscall(SYS_openat2, AT_FDCWD, fifo, &how, sizeof(how));

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

static void memory_opens(void)
{
    int fd = mkstemp(fifo);

    if (fd < 0 || close(fd) || unlink(fifo) || mkfifo(fifo, 0600))
        bail("mkfifo");
    if (looks()) {
        opens_alone();
        PLAY(cached);
    } else {
        skip(1, "no open that only looks at memory");
    }
    unlink(fifo);
}

static void limits(void)
{
    int before = rota_emulate_workers(64);

    is_int(before, 4, "four workers unless it is said");
    is_int(rota_emulate_workers(65), -EINVAL, "more than sixty-four cannot be");
    is_int(rota_emulate_workers(UINT32_MAX), -EINVAL, "by far");
    is_int(rota_emulate_workers((unsigned)before), 64, "and nothing has changed");
}

int main(void)
{
    PLAY(scenarios);
    limits();
    memory_opens();
    return done();
}
