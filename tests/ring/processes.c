/* SPDX-License-Identifier: MIT */
/* A ring and the end of processes: fork beside it, and exit with requests in flight. */
#include "support.h"

#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

static int pipe_ends[2];

static void make_pipe(void)
{
    if (pipe2(pipe_ends, O_CLOEXEC) < 0)
        bail("pipe: %s", strerror(errno));
}

/* The exit status of a child that runs `body`; -1 when a signal ended it. */
static int in_child(int (*body)(struct rota_ring *ring), struct rota_ring *ring)
{
    int status;
    pid_t child;

    fflush(stdout);
    child = fork();
    if (child < 0)
        bail("fork: %s", strerror(errno));
    if (!child)
        _exit(body(ring));
    if (waitpid(child, &status, 0) < 0)
        bail("waitpid: %s", strerror(errno));
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* On the parent's ring: all that a child may do. Its own ring must not notice. */
static int ends_parents_ring(struct rota_ring *ring)
{
    struct rota_ring own, third;
    int ret = rota_init(&own, 8, NULL);

    if (ret < 0)
        return 1;
    if (own.enter_ring_fd != ring->enter_ring_fd || own.index_owner == ring->index_owner)
        return 77; /* no registered index here, or not the same */
    if (rota_unregister_ring_fd(ring) != -EEXIST)
        return 2;
    rota_queue_exit(ring);
    if (rota_init(&third, 8, NULL) < 0 || third.enter_ring_fd == own.enter_ring_fd)
        return 3;
    rota_prep_nop(must_get_sqe(&third));
    rota_prep_nop(must_get_sqe(&own));
    return rota_submit_and_wait(&own, 1) == 1 && rota_sq_ready(&own) == 0 &&
                   rota_sq_ready(&third) == 1
               ? 42
               : 4;
}

/* The index of a ring belongs to a thread: its number means another ring in a child. */
static void test_index(uint32_t flags, const char *kind)
{
    struct rota_ring ring;
    int status;

    if (rota_queue_init(8, &ring, flags) < 0 || rota_register_ring_fd(&ring) != 1) {
        skip(1, "%s: the kernel registers no rings", kind);
        rota_queue_exit(&ring);
        return;
    }
    status = in_child(ends_parents_ring, &ring);
    if (status == 77)
        skip(1, "%s: the child's ring has another index", kind);
    else
        is_int(status, 42, "%s: a child ends the parent's ring and keeps its own", kind);
    rota_prep_nop(must_get_sqe(&ring));
    is_int(rota_submit_and_wait(&ring, 1), 1, "%s: the parent's works on", kind);
    is_int(rota_unregister_ring_fd(&ring), 1, "%s: and gives its index up", kind);
    rota_queue_exit(&ring);
}

/*
 * How many rings of this machine the kernel is about to end. It works on 64 at
 * most: when as many never end, because a request in them does not, all that
 * come after them wait.
 */
static unsigned rings_ending(void)
{
    DIR *dir = opendir("/proc");
    struct dirent *entry;
    unsigned count = 0;

    while (dir && (entry = readdir(dir))) {
        char path[300], name[64] = "";
        int fd;

        snprintf(path, sizeof(path), "/proc/%s/comm", entry->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (read(fd, name, sizeof(name) - 1) > 0)
            count += strstr(name, "+iou_exit") != NULL;
        close(fd);
    }
    if (dir)
        closedir(dir);
    return count;
}

/* Before long nobody holds the reading end of the pipe any more. */
static void reader_goes_away(const char *who)
{
    struct pollfd writer = {.fd = pipe_ends[1], .events = 0};
    bool held_up = rings_ending() >= 64;
    bool gone = poll(&writer, 1, held_up ? 500 : 5000) == 1 && (writer.revents & POLLERR);

    if (!gone && held_up)
        skip(1, "64 rings of others that never end hold the kernel up");
    else
        ok(gone, "%s: the kernel lets go of its files", who);
}

/* A NOP goes through the ring. */
static bool works(struct rota_ring *ring, uint64_t data)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_nop(sqe);
    sqe->user_data = data;
    return rota_submit(ring) == 1 && next_cqe(ring).user_data == data;
}

static int does_nothing(struct rota_ring *ring)
{
    (void)ring;
    return 0;
}

static int tears_down(struct rota_ring *ring)
{
    rota_queue_exit(ring);
    return ring->ring_fd != -1;
}

static int makes_its_own(struct rota_ring *ring)
{
    struct rota_ring own;

    rota_queue_exit(ring);
    if (rota_init(&own, 8, NULL) < 0)
        return 1;
    if (!works(&own, 7))
        return 2;
    rota_queue_exit(&own);
    return 0;
}

static void test_fork(const struct rota_config *config, const char *kind, bool dontfork)
{
    static int (*const children[])(struct rota_ring *) = {does_nothing, tears_down, makes_its_own};
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    char byte = 0;

    if (rota_init(&ring, 8, config) < 0)
        bail("rota_init");
    if (dontfork && rota_ring_dontfork(&ring) < 0)
        bail("rota_ring_dontfork");
    for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
        make_pipe();
        /* One request is in flight, one in the queue, one complete. */
        sqe = must_get_sqe(&ring);
        rota_prep_read(sqe, pipe_ends[0], &byte, 1, 0);
        sqe->user_data = 1;
        if (rota_submit(&ring) != 1)
            bail("rota_submit");
        sqe = must_get_sqe(&ring);
        rota_prep_nop(sqe);
        sqe->user_data = 2;

        is_int(in_child(children[i], &ring), 0, "%s: child %zu ends as it should", kind, i);
        is_int(rota_sq_ready(&ring), 1, "%s: the parent's request is still in the queue", kind);
        is_int(rota_submit(&ring), 1, "%s: and can be submitted", kind);
        is_cqe(next_cqe(&ring), 2, 0, 0, "the NOP behind the fork");
        if (write(pipe_ends[1], "x", 1) != 1)
            bail("write: %s", strerror(errno));
        is_cqe(next_cqe(&ring), 1, 1, 0, "the read in front of it");
        ok(byte == 'x', "%s: into the parent's memory", kind);
        byte = 0;
        close(pipe_ends[0]);
        close(pipe_ends[1]);
    }
    rota_queue_exit(&ring);
}

/* Makes a ring, reads from the pipe and has a timer run, and ends without a word. */
static int exits_in_flight(struct rota_ring *unused)
{
    static struct __kernel_timespec hour = {3600, 0};
    static char bytes[64];
    struct rota_config config;
    struct rota_ring ring;

    (void)unused;
    close(pipe_ends[1]);
    rota_config_single_owner(&config);
    if (rota_init(&ring, 8, &config) < 0)
        return 1;
    rota_prep_read(must_get_sqe(&ring), pipe_ends[0], bytes, sizeof(bytes), 0);
    rota_prep_timeout(must_get_sqe(&ring), &hour, 0, 0);
    struct io_uring_sqe *sqe = must_get_sqe(&ring);

    rota_prep_read(sqe, pipe_ends[0], bytes, sizeof(bytes), 0);
    rota_sqe_set_flags(sqe, IOSQE_ASYNC); /* a worker sleeps in it */
    return rota_submit(&ring) == 3 ? 0 : 2;
}

static void test_exit(void)
{
    make_pipe();
    is_int(in_child(exits_in_flight, NULL), 0, "a process ends with requests in flight");
    close(pipe_ends[0]);
    reader_goes_away("exit");
    close(pipe_ends[1]);
}

/* The same, but only the ring ends. */
static void test_teardown(const struct rota_config *config, const char *kind)
{
    static struct __kernel_timespec hour = {3600, 0};
    static char bytes[64];
    struct rota_ring ring;
    int fds = count_fds();

    make_pipe();
    if (rota_init(&ring, 8, config) < 0)
        bail("rota_init");
    rota_prep_read(must_get_sqe(&ring), pipe_ends[0], bytes, sizeof(bytes), 0);
    rota_prep_timeout(must_get_sqe(&ring), &hour, 0, 0);
    is_int(rota_submit(&ring), 2, "%s: two requests in flight", kind);
    rota_prep_nop(must_get_sqe(&ring));
    rota_queue_exit(&ring);
    is_int(ring.ring_fd, -1, "%s: the ring ends", kind);
    close(pipe_ends[0]);
    reader_goes_away(kind);
    close(pipe_ends[1]);
    is_int(count_fds(), fds, "%s: no descriptor is left", kind);
}

int main(void)
{
    struct rota_config config;
    struct rota_ring ring;

    make_ring(&ring, 1, 0);
    rota_queue_exit(&ring);
    rota_config_single_owner(&config);
    test_fork(&config, "single owner", false);
    test_fork(&config, "single owner, kept from children", true);
    test_teardown(&config, "single owner");
    rota_config_shared(&config);
    test_fork(&config, "shared", false);
    test_teardown(&config, "shared");
    test_index(0, "plain");
    test_index(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "single issuer");
    test_exit();
    return done();
}
