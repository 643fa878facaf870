/* SPDX-License-Identifier: MIT */
/*
 * The same scenario on both kernels.
 *
 * A scenario is a function that drives a ring and says what it sees, line by
 * line. It runs on the emulated kernel, and must say what stands beside it in
 * the list; and on the real one, where there is one that can do it, and must
 * say the same.
 */
#ifndef ROTA_TESTS_EMULATE_TWIN_H
#define ROTA_TESTS_EMULATE_TWIN_H

#include <rota.h>
#include <rota/caps.h>
#include <rota/emulate.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

struct twin {
    const struct rota_kernel *kernel; /* NULL: the real one */
    struct rota_ring ring;
    bool lacking; /* the kernel is too old for it, real or below the emulated one */
    char text[4096];
    size_t length;
};

struct scenario {
    const char *name;
    void (*run)(struct twin *);
    const char *expected;
    uint32_t flags;      /* IORING_SETUP_* of its ring */
    uint32_t cq_entries; /* 0: twice the SQEs */
    uint32_t features;   /* IORING_FEAT_* without which the real kernel cannot do it */
    uint8_t opcode;      /* the newest that it uses */
    uint8_t entries;     /* 0: 32 */
};

/* Name, function, what it says, and members of the struct that are not zero. */
#define SCENARIO(title, function, ...)                              \
    {                                                               \
        .name = (title), .run = (function), .expected = __VA_ARGS__ \
    }

__attribute__((format(printf, 2, 3), unused)) static void say(struct twin *t, const char *format,
                                                              ...)
{
    va_list args;

    va_start(args, format);
    if (t->length < sizeof(t->text))
        t->length +=
            (size_t)vsnprintf(t->text + t->length, sizeof(t->text) - t->length, format, args);
    va_end(args);
}

/* An SQE with its user_data; the queue has room. */
__attribute__((unused)) static struct io_uring_sqe *next(struct twin *t, uint64_t user_data)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&t->ring);

    if (!sqe)
        bail("the queue is full");
    sqe->user_data = user_data;
    return sqe;
}

/* PREP(t, 1, read(q, fd, buf, len, 0)): the next SQE, `q`, prepared; its address. */
#define PREP(t, data, call)                     \
    __extension__({                             \
        struct io_uring_sqe *q = next(t, data); \
                                                \
        rota_prep_##call;                       \
        q;                                      \
    })

static void say_completion(struct twin *t, uint64_t user_data, int32_t res, uint32_t flags)
{
    say(t, " %llu:%d", (unsigned long long)user_data, res);
    if (flags & IORING_CQE_F_MORE)
        say(t, "+");
    if (flags & IORING_CQE_F_NOTIF)
        say(t, "n");
}

static void say_cqe(struct twin *t, const struct io_uring_cqe *cqe)
{
    say_completion(t, cqe->user_data, cqe->res, cqe->flags);
}

/* Takes `count` completions, in their order; at most five seconds for each. */
__attribute__((unused)) static void reap(struct twin *t, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct __kernel_timespec limit = {.tv_sec = 5};
        struct io_uring_cqe *cqe;
        int ret = rota_wait_cqe_timeout(&t->ring, &cqe, &limit);

        if (ret < 0) {
            say(t, " (%d)", ret);
            return;
        }
        say_cqe(t, cqe);
        rota_cqe_seen(&t->ring, cqe);
    }
}

/* The same in the order of user_data, where the kernel promises none. */
__attribute__((unused)) static void reap_sorted(struct twin *t, unsigned count)
{
    struct {
        uint64_t user_data;
        int32_t res;
        uint32_t flags;
    } found[64];
    unsigned have = 0;

    while (have < count) {
        struct __kernel_timespec limit = {.tv_sec = 5};
        struct io_uring_cqe *cqe;
        unsigned at = have;
        int ret = rota_wait_cqe_timeout(&t->ring, &cqe, &limit);

        if (ret < 0) {
            say(t, " (%d)", ret);
            break;
        }
        while (at && found[at - 1].user_data > cqe->user_data) {
            found[at] = found[at - 1];
            at--;
        }
        found[at].user_data = cqe->user_data;
        found[at].res = cqe->res;
        found[at].flags = cqe->flags;
        have++;
        rota_cqe_seen(&t->ring, cqe);
    }
    for (unsigned i = 0; i < have; i++)
        say_completion(t, found[i].user_data, found[i].res, found[i].flags);
}

__attribute__((unused)) static void submit(struct twin *t)
{
    say(t, "[%d]", rota_submit(&t->ring));
}

/* Nothing more is to come. */
__attribute__((unused)) static void quiet(struct twin *t)
{
    struct __kernel_timespec limit = {.tv_nsec = 2000000};
    struct io_uring_cqe *cqe;
    int ret = rota_wait_cqe_timeout(&t->ring, &cqe, &limit);

    if (ret != -ETIME)
        say(t, " not quiet: %d", ret);
    if (!ret)
        say_cqe(t, cqe);
}

static bool can(struct twin *t, const struct scenario *s)
{
    static struct rota_caps caps;

    if ((t->ring.features & s->features) != s->features)
        return false;
    if (!rota_caps_valid(&caps) && rota_caps_get(&caps, NULL) < 0)
        return false;
    return rota_caps_opcode(&caps, s->opcode, NULL) == ROTA_YES;
}

/* True when it ran. */
static bool play(const struct scenario *s, const struct rota_kernel *kernel, struct twin *t)
{
    struct rota_config config = {.kernel = kernel, .cq_entries = s->cq_entries};
    int ret;

    memset(t, 0, sizeof(*t));
    config.required_flags = s->flags;
    t->kernel = kernel;
    ret = rota_init(&t->ring, s->entries ? s->entries : 32, &config);
    if (ret < 0) {
        say(t, "set-up: %d", ret);
        return kernel != NULL;
    }
    if (!kernel && !can(t, s))
        t->lacking = true;
    else
        s->run(t);
    rota_queue_exit(&t->ring);
    return !t->lacking;
}

static bool same(const char *found, const char *expected)
{
    return !strcmp(found, expected);
}

__attribute__((unused)) static void play_all(const struct scenario *scenarios, size_t count)
{
    static struct twin t;

    for (size_t i = 0; i < count; i++) {
        const struct scenario *s = &scenarios[i];

        if (!play(s, &rota_kernel_emulated, &t))
            skip(1, "%s: a system call is not there", s->name);
        else if (!ok(same(t.text, s->expected), "%s: emulated", s->name))
            diag("found    %s\nexpected %s", t.text, s->expected);
        if (!play(s, NULL, &t)) {
            skip(1, "%s: the real kernel cannot do it", s->name);
            continue;
        }
        if (!ok(same(t.text, s->expected), "%s: real", s->name))
            diag("found    %s\nexpected %s", t.text, s->expected);
    }
}

#define PLAY(scenarios) play_all(scenarios, sizeof(scenarios) / sizeof((scenarios)[0]))

#endif /* ROTA_TESTS_EMULATE_TWIN_H */
