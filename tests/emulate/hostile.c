/* SPDX-License-Identifier: MIT */
/*
 * What programs seldom do: wakes that follow a submit at once, memory that is not
 * there, copies of descriptors, rings that look at themselves or at each other.
 */
#include "twin.h"

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* on every processor but alpha */
#endif
#define SIZE_U32 2u /* FUTEX2_SIZE_U32, which older headers lack */
#define ROUNDS   50

static int reg(struct twin *t, unsigned opcode, const void *arg, unsigned nr)
{
    int fd = t->ring.ring_fd;

    return t->kernel ? t->kernel->reg(fd, opcode, arg, nr) : rota_sys_register(fd, opcode, arg, nr);
}

/*
 * Futexes
 */

static long wake(uint32_t *word)
{
    return syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

/* The wake changes nothing and comes at once: only one who waits already hears it. */
static void woken_at_once(struct twin *t)
{
    static uint32_t word;
    long woken = 0, ended = 0;

    for (unsigned i = 0; i < ROUNDS; i++) {
        struct __kernel_timespec limit = {.tv_sec = 30};
        struct io_uring_cqe *cqe;

        PREP(t, 1, futex_wait(q, &word, 0, FUTEX_BITSET_MATCH_ANY, SIZE_U32, 0));
        rota_submit(&t->ring);
        woken += wake(&word);
        if (rota_wait_cqe_timeout(&t->ring, &cqe, &limit) < 0)
            break;
        ended += cqe->user_data == 1 && cqe->res == 0;
        rota_cqe_seen(&t->ring, cqe);
    }
    say(t, "%ld %ld", woken, ended);
}

/* Two waits on one word, and as many on two words: each wake ends one, the mask is looked at. */
static void woken_in_turn(struct twin *t)
{
    static uint32_t word;

    PREP(t, 1, futex_wait(q, &word, 0, 1, SIZE_U32, 0));
    PREP(t, 2, futex_wait(q, &word, 0, 2, SIZE_U32 | FUTEX_PRIVATE_FLAG, 0));
    rota_submit(&t->ring);
    say(t, "%ld", syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 4));
    say(t, " %ld", syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 1));
    reap(t, 1);
    say(t, " %ld",
        syscall(SYS_futex, &word, FUTEX_WAKE_BITSET | FUTEX_PRIVATE_FLAG, 1, NULL, NULL, 2));
    reap(t, 1);
}

struct element {
    uint64_t value, address;
    uint32_t flags, reserved;
};

static void woken_of_several(struct twin *t)
{
    static uint32_t words[3];
    struct element elements[3];

    if (t->kernel && syscall(SYS_futex_waitv, NULL, 0, 0, NULL, 0) < 0 && errno == ENOSYS) {
        t->lacking = true;
        return;
    }
    for (unsigned i = 0; i < 3; i++)
        elements[i] = (struct element){.address = (uintptr_t)&words[i], .flags = SIZE_U32};
    for (unsigned i = 0; i < 3; i++) {
        PREP(t, 1, futex_waitv(q, (struct futex_waitv *)elements, 3, 0));
        rota_submit(&t->ring);
        say(t, " %ld", wake(&words[i]));
        reap(t, 1);
    }
    words[1] = 1;
    PREP(t, 2, futex_waitv(q, (struct futex_waitv *)elements, 3, 0));
    rota_submit(&t->ring);
    reap(t, 1);
    words[1] = 0;
}

static void not_waited_for(struct twin *t)
{
    static uint32_t word = 5;

    PREP(t, 1, futex_wait(q, &word, 4, FUTEX_BITSET_MATCH_ANY, SIZE_U32, 0));
    rota_submit(&t->ring);
    reap(t, 1);
    PREP(t, 2, futex_wait(q, &word, 5, FUTEX_BITSET_MATCH_ANY, SIZE_U32, 0));
    rota_submit(&t->ring);
    PREP(t, 3, cancel64(q, 2, 0));
    rota_submit(&t->ring);
    reap_sorted(t, 2);
    say(t, " %ld", wake(&word));
}

/*
 * Memory
 */

static void *pages(int protection)
{
    void *at = mmap(NULL, 65536, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        bail("no memory");
    return at;
}

static void bad_registers(struct twin *t)
{
    void *bad[3] = {pages(PROT_NONE), pages(PROT_READ), pages(PROT_READ)};
    struct iovec one = {.iov_base = bad[1], .iov_len = 4096};

    munmap(bad[2], 65536);
    for (unsigned i = 0; i < 3; i += 2) {
        say(t, " %d", reg(t, IORING_REGISTER_BUFFERS, bad[i], 1));
        say(t, " %d", reg(t, IORING_REGISTER_FILES, bad[i], 1));
        say(t, " %d", reg(t, IORING_REGISTER_EVENTFD, bad[i], 1));
        say(t, " %d", reg(t, IORING_REGISTER_PROBE, bad[i], 4));
    }
    say(t, " %d", reg(t, IORING_REGISTER_PROBE, bad[1], 4));
    say(t, " %d", reg(t, IORING_REGISTER_BUFFERS, &one, 1));
    munmap(bad[0], 65536);
    munmap(bad[1], 65536);
}

static void bad_requests(struct twin *t)
{
    char *bad = pages(PROT_NONE), *fixed = pages(PROT_READ | PROT_WRITE);
    struct msghdr *header = (void *)fixed, good = {.msg_iov = (void *)bad, .msg_iovlen = 1};
    int pair[2], pipes[2];

    if (socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) < 0 || pipe(pipes) < 0 ||
        write(pair[1], "abc", 3) != 3 || write(pipes[1], "abc", 3) != 3)
        bail("no descriptors");
    PREP(t, 1, recvmsg(q, pair[0], (struct msghdr *)bad, 0));
    PREP(t, 2, sendmsg(q, pair[0], (struct msghdr *)bad, 0));
    PREP(t, 3, recvmsg(q, pair[0], &good, 0));
    PREP(t, 4, sendmsg(q, pair[0], &good, 0));
    PREP(t, 5, readv(q, pipes[0], (struct iovec *)bad, 1, 0));
    PREP(t, 6, timeout(q, (struct __kernel_timespec *)bad, 0, 0));
    PREP(t, 7, openat(q, AT_FDCWD, bad, 0, 0));
    PREP(t, 8, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 9, link_timeout(q, (struct __kernel_timespec *)bad, 0));
    rota_submit(&t->ring);
    while (rota_sq_ready(&t->ring))
        rota_submit(&t->ring);
    reap_sorted(t, 9);
    /* A header that cannot be written. */
    memset(header, 0, sizeof(*header));
    mprotect(fixed, 65536, PROT_READ);
    PREP(t, 10, recvmsg(q, pair[0], header, 0));
    rota_submit(&t->ring);
    reap(t, 1);
    munmap(bad, 65536);
    munmap(fixed, 65536);
    close(pair[0]);
    close(pair[1]);
    close(pipes[0]);
    close(pipes[1]);
}

/*
 * Rings
 */

static void looks_at_itself(struct twin *t)
{
    PREP(t, 1, poll_add(q, t->ring.ring_fd, POLLIN));
    PREP(t, 2, poll_add(q, t->ring.ring_fd, POLLOUT));
    rota_submit(&t->ring);
    reap_sorted(t, 2);
}

static void a_copy(struct twin *t)
{
    int copy = dup(t->ring.ring_fd), other = dup(STDIN_FILENO);

    PREP(t, 1, nop(q));
    rota_submit(&t->ring);
    reap(t, 1);
    say(t, " %d",
        t->kernel ? t->kernel->enter(copy, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0)
                  : rota_sys_enter(copy, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0));
    say(t, " %d",
        t->kernel ? t->kernel->enter(other, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0)
                  : rota_sys_enter(other, 0, 0, IORING_ENTER_GETEVENTS, NULL, 0));
    close(copy);
    close(other);
}

struct pair {
    struct twin *twin;
    int by, of; /* the call is made on one ring, for the other */
    int failed;
};

static void *register_other(void *data)
{
    struct pair *pair = data;
    const struct rota_kernel *kernel = pair->twin->kernel;

    for (unsigned i = 0; i < 3000; i++) {
        struct io_uring_rsrc_update entry = {.offset = UINT32_MAX, .data = (unsigned)pair->of};
        int ret = kernel ? kernel->reg(pair->by, IORING_REGISTER_RING_FDS, &entry, 1)
                         : rota_sys_register(pair->by, IORING_REGISTER_RING_FDS, &entry, 1);

        pair->failed += ret != 1;
        entry.data = 0;
        ret = kernel ? kernel->reg(pair->by, IORING_UNREGISTER_RING_FDS, &entry, 1)
                     : rota_sys_register(pair->by, IORING_UNREGISTER_RING_FDS, &entry, 1);
        pair->failed += ret != 1;
    }
    return NULL;
}

/* Two threads, each of which registers the other's ring: nobody waits for whoever waits for him. */
static void each_other(struct twin *t)
{
    struct rota_ring second;
    struct io_uring_params params;
    pthread_t thread;
    struct pair a, b;

    memset(&params, 0, sizeof(params));
    if (rota_queue_init_on_sized(2, &second, sizeof(second), &params,
                                 t->kernel ? t->kernel : &rota_kernel_real) < 0)
        bail("no second ring");
    a = (struct pair){t, t->ring.ring_fd, second.ring_fd, 0};
    b = (struct pair){t, second.ring_fd, t->ring.ring_fd, 0};
    pthread_create(&thread, NULL, register_other, &b);
    register_other(&a);
    pthread_join(thread, NULL);
    say(t, "%d %d", a.failed, b.failed);
    rota_queue_exit(&second);
}

static int make(struct twin *t, uint32_t flags, int wq_fd)
{
    struct io_uring_params params;
    int fd;

    memset(&params, 0, sizeof(params));
    params.flags = flags;
    params.wq_fd = (uint32_t)wq_fd;
    fd = t->kernel ? t->kernel->setup(2, &params) : rota_sys_setup(2, &params);
    if (fd >= 0)
        t->kernel ? t->kernel->close(fd) : close(fd);
    return fd < 0 ? fd : 1;
}

static void attached(struct twin *t)
{
    int file = open("/dev/null", O_RDONLY);

    say(t, "%d", make(t, IORING_SETUP_ATTACH_WQ, t->ring.ring_fd));
    say(t, " %d", make(t, IORING_SETUP_ATTACH_WQ, file));
    close(file);
    say(t, " %d", make(t, IORING_SETUP_ATTACH_WQ, file));
}

/* An absolute time that has passed, and one to come. */
static void absolute(struct twin *t)
{
    const uint32_t flags = IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_ABS_TIMER;
    struct timespec before, now;

    for (long ms = 0; ms < 40; ms += 20) {
        struct __kernel_timespec until;
        struct io_uring_getevents_arg arg = {.ts = (uintptr_t)&until};
        int ret;

        clock_gettime(CLOCK_MONOTONIC, &before);
        until.tv_sec = before.tv_sec;
        until.tv_nsec = before.tv_nsec + ms * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        do { /* what a real ring of this thread left to be done ends a sleep, too */
            ret = t->kernel ? t->kernel->enter(t->ring.ring_fd, 0, 1, flags, &arg, sizeof(arg))
                            : rota_sys_enter(t->ring.ring_fd, 0, 1, flags, &arg, sizeof(arg));
        } while (ret == -EINTR);
        say(t, " %d", ret);
        clock_gettime(CLOCK_MONOTONIC, &now);
        say(t, " %d",
            (now.tv_sec - before.tv_sec) * 1000 + (now.tv_nsec - before.tv_nsec) / 1000000 >= ms);
    }
}

static const struct scenario scenarios[] = {
    SCENARIO("a wake at once", woken_at_once, "50 50", .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("wakes in turn", woken_in_turn, "0 1 1:0 1 2:0", .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("one of several words", woken_of_several, " 1 1:0 1 1:1 1 1:2 2:-11",
             .opcode = IORING_OP_FUTEX_WAITV),
    SCENARIO("a word that has changed", not_waited_for, " 1:-11 2:-125 3:1 0",
             .opcode = IORING_OP_FUTEX_WAIT),
    SCENARIO("memory that is not there, registered", bad_registers,
             " -14 -14 -14 -14 -14 -14 -14 -14 -14 -14"),
    SCENARIO("memory that is not there", bad_requests,
             " 1:-14 2:-14 3:-14 4:-14 5:-14 6:-14 7:-14 8:-125 9:-14 10:-14",
             .flags = IORING_SETUP_SUBMIT_ALL),
    SCENARIO("a ring that looks at itself", looks_at_itself, " 1:1 2:4"),
    SCENARIO("a copy of its descriptor", a_copy, " 1:0 0 -95"),
    SCENARIO("two that register each other", each_other, "0 0",
             .features = IORING_FEAT_LINKED_FILE),
    SCENARIO("workers of another", attached, "1 -22 -6"),
    SCENARIO("an absolute time", absolute, " -62 1 -62 1", .features = IORING_FEAT_MIN_TIMEOUT),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
