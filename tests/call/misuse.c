/* SPDX-License-Identifier: MIT */
/* With ROTA_DEBUG, a handle that is started twice or left while active ends the program. */
#define ROTA_DEBUG
#include "support.h"

#include <pthread.h>
#include <sys/resource.h>
#include <sys/wait.h>

static struct rota_ring ring;

static void fill_with_own(void)
{
    for (unsigned i = 0; i < ring.cq.ring_entries; i++) {
        struct io_uring_sqe *sqe = rota_get_sqe(&ring);

        if (!sqe) {
            rota_submit(&ring);
            sqe = rota_get_sqe(&ring);
        }
        rota_prep_nop(sqe);
    }
}

static void twice(void)
{
    ROTA_OP(op);

    rota_start_nop(&ring, &op);
    rota_start_nop(&ring, &op);
}

static void left(void)
{
    ROTA_OP(op);

    rota_start_nop(&ring, &op);
}

/* The ring of another thread, which has a ring of its own: the kernel would take that one. */
static void wrong_submit(struct rota_ring *r)
{
    rota_submit(r);
}

static void wrong_wait(struct rota_ring *r)
{
    struct io_uring_cqe *cqe;

    rota_wait_cqe(r, &cqe);
}

static void wrong_call(struct rota_ring *r)
{
    rota_call_nop(r);
}

static void wrong_await(struct rota_ring *r)
{
    struct rota_op op = ROTA_OP_INIT;

    rota_await(r, &op);
}

static void wrong_run(struct rota_ring *r)
{
    rota_run(r);
}

static void (*wrong)(struct rota_ring *r);

static void *stranger(void *unused)
{
    struct rota_ring own;

    if (rota_init(&own, 8, NULL) < 0)
        return unused;
    wrong(&ring);
    return unused;
}

static void strange_thread(void)
{
    pthread_t thread;

    if (!pthread_create(&thread, NULL, stranger, NULL))
        pthread_join(thread, NULL);
}

static void unfinished_call(void)
{
    fill_with_own();
    rota_submit_after(&ring, 1); /* or it would not be handed over, and taken back */
    rota_call_nop(&ring);
}

/* The same while the request can still be taken back. */
static void refused_call(void)
{
    struct io_uring_cqe *cqe;
    unsigned count = 0;

    if (rota_init(&ring, 8, NULL) < 0)
        bail("no ring");
    fill_with_own();
    is_int(rota_call_nop(&ring), -EBUSY, "a call that cannot be finished is not begun");
    is_int(rota_in_flight(&ring), 0, "and leaves nothing in flight");
    while (!rota_peek_cqe(&ring, &cqe)) {
        rota_cqe_seen(&ring, cqe);
        count++;
    }
    is_int(count, ring.cq.ring_entries, "the caller's completions are all there");
    is_int(rota_call_nop(&ring), 0, "after that it works");
    rota_queue_exit(&ring);
}

static void proper(void)
{
    ROTA_OP(op);

    rota_start_nop(&ring, &op);
    rota_await(&ring, &op);
    rota_start_nop(&ring, &op);
    rota_await(&ring, &op);
    write(2, "rota: fine\n", 11) == 11 ? raise(SIGTRAP) : 0;
}

static void too_long(void)
{
    struct io_uring_sqe sqe;

    rota_prep_send(&sqe, 1, "", (size_t)UINT32_MAX + 1, 0);
}

static void dies(void (*misuse)(void), const char *text, const char *name)
{
    char said[256] = "";
    int out[2], status = 0;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC))
        bail("pipe: %s", strerror(errno));
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        struct rlimit no_core = {0, 0};

        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGILL, SIG_DFL);
        signal(SIGTRAP, SIG_DFL);
        dup2(out[1], 2);
        if (rota_init(&ring, 8, NULL) < 0)
            _exit(3);
        misuse();
        _exit(0);
    }
    close(out[1]);
    if (read(out[0], said, sizeof(said) - 1) < 0)
        bail("read: %s", strerror(errno));
    /* The message comes in pieces. */
    for (size_t n = strlen(said); n < sizeof(said) - 1;) {
        ssize_t more = read(out[0], said + n, sizeof(said) - 1 - n);

        if (more <= 0)
            break;
        n += (size_t)more;
    }
    close(out[0]);
    waitpid(pid, &status, 0);
    ok(WIFSIGNALED(status) && (WTERMSIG(status) == SIGILL || WTERMSIG(status) == SIGTRAP),
       "%s ends the program", name);
    if (!ok(strstr(said, text) != NULL, "%s is explained", name))
        diag("said: %s", said);
}

int main(void)
{
    struct rota_ring probe;
    int ret = rota_init(&probe, 1, NULL);
    bool owned = ret == 0 && (probe.flags & IORING_SETUP_SINGLE_ISSUER);

    be_patient();
    if (ret == -ENOSYS || ret == -EPERM)
        skip_all("this system gives no ring: %s", strerror(-ret));
    rota_queue_exit(&probe);
    dies(proper, "rota: fine", "proper use, with a signal of its own,");
#if SIZE_MAX > UINT32_MAX
    dies(too_long, "len has more than 32 bits", "a length that would be cut");
#else
    (void)too_long;
    skip(2, "no length has more than 32 bits here");
#endif
    dies(twice, "started while its request is in flight", "a handle that is started twice");
    dies(left, "goes out of scope while its request is in flight", "a handle left in flight");
    {
        static const struct {
            void (*use)(struct rota_ring *r);
            const char *name;
        } uses[] = {
            {wrong_submit, "a submit"}, {wrong_wait, "a wait"}, {wrong_call, "a call"},
            {wrong_await, "an await"},  {wrong_run, "a run"},
        };

        for (unsigned i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
            /* A ring of an older kernel belongs to nobody. */
            if (!owned) {
                skip(2, "this kernel has no rings of one thread");
                continue;
            }
            wrong = uses[i].use;
            dies(strange_thread, "thread that it does not belong to", uses[i].name);
        }
    }
    dies(unfinished_call, "a call cannot be finished", "a call in a queue that nobody empties");
    refused_call();
    return done();
}
