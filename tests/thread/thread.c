/* SPDX-License-Identifier: MIT */
/* A ring for each thread: made on first use, its own, torn down at the end, forgotten by a child. */
#include "call/support.h"

#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <rota/thread.h>
#include <sys/resource.h>
#include <sys/wait.h>

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    if (!dir)
        bail("/proc/self/fd: %s", strerror(errno));
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

static void *other_thread(void *ring)
{
    struct rota_ring *mine = rota_thread_ring();
    int ret = rota_call_nop(mine);

    *(struct rota_ring **)ring = mine;
    return (void *)(intptr_t)ret;
}

static int pair[2];
static char late[64];
static struct rota_op receiving;
static int end;

static void note_end(struct rota_ring *ring, struct rota_op *op)
{
    (void)ring;
    end = op->res;
}

/* Ends with a request in flight. */
static void *leaving_thread(void *unused)
{
    (void)unused;
    rota_op_init(&receiving);
    rota_op_on_result(&receiving, note_end);
    if (rota_start_recv(rota_thread_ring(), &receiving, pair[0], late, sizeof(late), 0) < 0)
        return "no start";
    rota_submit(rota_thread_ring());
    return NULL;
}

/*
 * All rings are made before the first one goes: the thread sanitizer does not
 * see the library's system calls, and would take a mapping at the address of a
 * former one for the same memory.
 */
static pthread_barrier_t all_there;

static void *busy_thread(void *unused)
{
    int failed = rota_call_nop(rota_thread_ring()) < 0;

    (void)unused;
    pthread_barrier_wait(&all_there);
    for (int i = 0; i < 1000; i++)
        failed += rota_call_nop(rota_thread_ring()) < 0;
    pthread_barrier_wait(&all_there);
    return failed ? "a call fails" : NULL;
}

/* All keys of the process are in use: a thread could not be told of its end. */
static void no_key(void)
{
    enum {
        MOST = 4096
    };
    static pthread_key_t keys[MOST];
    int count = 0;

    while (count < MOST && pthread_key_create(&keys[count], NULL) == 0)
        count++;
    ok(count < MOST, "%d keys are all there are", count);
    is_int(rota_call_nop(rota_thread_ring()), -EAGAIN, "without a key a call says so");
    is_int(rota_run(rota_thread_ring()), -EAGAIN, "and so does a wait");
    while (count)
        pthread_key_delete(keys[--count]);
    is_int(rota_call_nop(rota_thread_ring()), 0, "with one the next call makes the ring");
}

/* It leaves a hard chain, a stream whose results nobody took, and completions of its own. */
static struct rota_op left[3], left_stream;
static char left_bytes[3];

static void *untidy_thread(void *unused)
{
    struct rota_ring *ring = rota_thread_ring();
    struct rota_op nop = ROTA_OP_INIT;

    (void)unused;
    rota_start_poll_multishot(ring, &left_stream, pair[1], POLLIN);
    for (int i = 0; i < 4; i++) {
        rota_submit(ring);
        if (write(pair[0], "x", 1) != 1)
            return "write";
        rota_call_nop(ring);
    }
    for (unsigned i = 0; i < ring->sq.ring_entries; i++) {
        struct io_uring_sqe *sqe = rota_get_sqe(ring);

        if (sqe)
            rota_prep_nop(sqe);
    }
    rota_start_nop(ring, &nop);
    rota_await(ring, &nop);
    if (rota_chain_begin(ring, 3, IOSQE_IO_HARDLINK) < 0)
        return "no chain";
    for (int i = 0; i < 3; i++)
        rota_start_recv(ring, &left[i], pair[0], &left_bytes[i], 1, 0);
    rota_chain_end(ring);
    rota_submit(ring);
    return NULL;
}

/* Ends before its chain does. */
static void *chained_thread(void *unused)
{
    struct rota_ring *ring = rota_thread_ring();

    (void)unused;
    rota_op_init(&left[0]);
    rota_op_init(&left[1]);
    if (rota_start_recv(ring, &left[0], pair[0], &left_bytes[0], 1, 0) < 0 || rota_submit(ring) < 0)
        return "no request";
    if (rota_chain_begin(ring, 2, IOSQE_IO_LINK) < 0 || rota_start_nop(ring, &left[1]) < 0)
        return "no chain";
    return NULL;
}

static void open_chain(void)
{
    pthread_t thread;
    void *result;

    make_pair(pair);
    pthread_create(&thread, NULL, chained_thread, NULL);
    pthread_join(thread, &result);
    ok(!result, "a thread ends in the middle of a chain");
    ok(!rota_op_active(&left[1]), "which is dropped");
    if (rota_cancel_all(rota_thread_ring()) == -EOPNOTSUPP)
        skip(1, "this kernel cannot cancel everything at once");
    else
        ok(!rota_op_active(&left[0]), "and what is in flight is cancelled");
    close_pair(pair);
}

static void untidy(void)
{
    pthread_t thread;
    void *result;
    int active = 0;

    if (rota_cancel_all(rota_thread_ring()) == -EOPNOTSUPP) {
        skip(1, "this kernel cannot cancel everything at once");
        return;
    }
    make_pair(pair);
    pthread_create(&thread, NULL, untidy_thread, NULL);
    pthread_join(thread, &result);
    ok(!result, "a thread ends with everything unfinished");
    for (int i = 0; i < 3; i++)
        active += rota_op_active(&left[i]);
    active += rota_op_active(&left_stream);
    is_int(active, 0, "and leaves no handle active");
    close_pair(pair);
}

static void threads(void)
{
    struct rota_ring *mine = rota_thread_ring(), *theirs = NULL;
    pthread_t thread[8];
    void *result;
    int before, failed = 0;

    is_int(rota_call_nop(mine), 0, "a call on this thread's ring");
    ok(rota_thread_ring() == mine, "which is the same the next time");
    before = count_descriptors();
    pthread_create(&thread[0], NULL, other_thread, &theirs);
    pthread_join(thread[0], &result);
    is_int((intptr_t)result, 0, "a call on another thread's");
    ok(theirs && theirs != mine, "which is another one");
    is_int(count_descriptors(), before, "and was closed with its thread");

    make_pair(pair);
    before = count_descriptors();
    end = 0;
    pthread_create(&thread[0], NULL, leaving_thread, NULL);
    pthread_join(thread[0], &result);
    ok(!result, "a thread ends with a request in flight");
    if (!end && rota_cancel_all(mine) == -EOPNOTSUPP)
        skip(1, "this kernel cannot cancel everything at once");
    else
        is_int(end, -ECANCELED, "which is cancelled");
    is_int(count_descriptors(), before, "and its ring is closed");
    close_pair(pair);

    pthread_barrier_init(&all_there, NULL, 8);
    for (int i = 0; i < 8; i++)
        pthread_create(&thread[i], NULL, busy_thread, NULL);
    for (int i = 0; i < 8; i++) {
        pthread_join(thread[i], &result);
        failed += result != NULL;
    }
    is_int(failed, 0, "eight threads at once");
}

/* With a ring that any thread may enter, too: there the kernel would do what a child asks for. */
static void child(const struct rota_config *config)
{
    struct rota_op op = ROTA_OP_INIT;
    int status = 0;
    char byte;
    pid_t pid;

    rota_thread_ring_exit();
    rota_thread_ring_config(config);
    make_pair(pair);
    rota_start_recv(rota_thread_ring(), &op, pair[0], &byte, 1, 0);
    rota_submit(rota_thread_ring());
    fflush(stdout);
    pid = fork();
    if (pid == 0)
        _exit(rota_call_nop(rota_thread_ring()) == 0 && rota_in_flight(rota_thread_ring()) == 0
                  ? 42
                  : 1);
    waitpid(pid, &status, 0);
    ok(WIFEXITED(status) && WEXITSTATUS(status) == 42, "a child has a ring of its own");
    if (write(pair[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
    is_int(rota_await(rota_thread_ring(), &op), 1, "and the parent's request goes on");
    close_pair(pair);
    rota_thread_ring_exit();
    rota_thread_ring_config(NULL);
}

static void no_ring(void)
{
    struct rlimit limit, none;
    int ret;

    rota_thread_ring_exit();
    getrlimit(RLIMIT_NOFILE, &limit);
    none = limit;
    none.rlim_cur = 0;
    setrlimit(RLIMIT_NOFILE, &none);
    ret = rota_call_nop(rota_thread_ring());
    is_int(rota_poll(rota_thread_ring()), -EMFILE, "there is nothing to wait on without a ring");
    setrlimit(RLIMIT_NOFILE, &limit);
    is_int(ret, -EMFILE, "without a ring a call says why there is none");
    is_int(rota_call_nop(rota_thread_ring()), 0, "and the next one makes it");
    rota_thread_ring_exit();
    rota_thread_ring_exit();
}

static int refuse(uint32_t entries, struct io_uring_params *params)
{
    (void)entries;
    (void)params;
    return -EPERM;
}

static void *configured_thread(void *kind)
{
    struct rota_ring *ring = rota_thread_ring();
    int ret = rota_call_nop(ring);

    *(int *)kind = ret < 0 ? ret : rota_ring_fallback_error(ring);
    return NULL;
}

/* The kind of ring is the program's to choose, and with it what rings stand on. */
static void configured(void)
{
    static char memory[16];
    struct rota_kernel refusing = rota_kernel_real;
    struct rota_config config;
    pthread_t thread;
    int other = 0;

    is_int(rota_call_nop(rota_thread_ring()), 0, "this thread has its ring");
    refusing.setup = refuse;
    rota_config_single_owner(&config);
    config.kernel = &refusing;
    is_int(rota_thread_ring_config(&config), 0, "rings of another kind from now on");
    is_int(rota_call_nop(rota_thread_ring()), 0, "this thread keeps its ring");
    pthread_create(&thread, NULL, configured_thread, &other);
    pthread_join(thread, NULL);
    is_int(other, -EPERM, "another one gets the new kind, and its error");
    rota_config_fall_back(&config, &rota_kernel_real);
    pthread_create(&thread, NULL, configured_thread, &other);
    pthread_join(thread, NULL);
    is_int(other, -EPERM, "with a fallback a ring, which knows why it is there");
    rota_thread_ring_exit();
    is_int(rota_call_nop(rota_thread_ring()), 0, "this thread, too");
    is_int(rota_ring_fallback_error(rota_thread_ring()), -EPERM, "knows it");
    is_int(rota_ring_kind(rota_thread_ring()), ROTA_KERNEL_REAL, "and on what");
    config.memory = memory;
    is_int(rota_thread_ring_config(&config), -EINVAL, "memory of one ring is not for many");
    config.memory = NULL;
    rota_thread_ring_exit();
    is_int(rota_call_nop(rota_thread_ring()), 0, "the refused config has changed nothing");
    is_int(rota_ring_fallback_error(rota_thread_ring()), -EPERM, "at all");
    is_int(rota_thread_ring_config(NULL), 0, "the usual kind again");
    rota_thread_ring_exit();
    is_int(rota_call_nop(rota_thread_ring()), 0, "works");
    is_int(rota_ring_fallback_error(rota_thread_ring()), 0, "without a fallback");
    rota_thread_ring_exit();
}

int main(void)
{
    struct rota_config shared;
    struct rota_ring probe;
    int ret = rota_init(&probe, 1, NULL);

    be_patient();
    if (ret == -ENOSYS || ret == -EPERM)
        skip_all("this system gives no ring: %s", strerror(-ret));
    rota_queue_exit(&probe);
    no_key(); /* before there is one */
    threads();
    untidy();
    open_chain();
    child(NULL);
    rota_config_shared(&shared);
    child(&shared);
    no_ring();
    configured();
    return done();
}
