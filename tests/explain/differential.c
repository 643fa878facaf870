/* SPDX-License-Identifier: MIT */
/*
 * The check against the kernel: random requests, right ones and such as break
 * a rule or two, and both must agree on each, in both directions.
 *
 *     differential [SEED [COUNT [SHOWN]]]
 *
 * No request runs. Each stands in a chain behind one that fails: the kernel
 * takes or refuses it by its fields, and cancels it when it was taken. So
 * nothing blocks and nothing has an effect.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "differential.h"

#include <errno.h>
#include <linux/openat2.h>
#include <linux/time_types.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define FIXED_SEED  UINT64_C(0x726f7461)
#define FIXED_COUNT 200000
#define RANDOM_TIME 3 /* seconds */
#define PAIRS       64
#define RINGS       6

struct place {
    struct rota_ring ring;
    const char *name;
    uint32_t flags;
    bool open;
    bool drains; /* requests with IOSQE_IO_DRAIN go here, those with CQE_SKIP_SUCCESS do not */
    struct io_uring_sqe sent[PAIRS];
    unsigned count;
};

static struct place places[RINGS] = {
    {.name = "plain"},
    {.name = "drain", .drains = true},
    {.name = "CQE32", .flags = IORING_SETUP_CQE32},
    {.name = "SQE128", .flags = IORING_SETUP_SQE128},
    {.name = "CQE_MIXED", .flags = IORING_SETUP_CQE_MIXED},
    {.name = "IOPOLL", .flags = IORING_SETUP_IOPOLL},
};

static struct rota_caps caps;
static unsigned long shown = 20; /* disagreements that are printed */
static struct scratch scratch;

/*
 * Cases where check and kernel differ by intention, the only ones. Each must
 * occur, where the kernel has the opcode.
 */
struct exception {
    const char *reason;
    const char *opcode; /* the only one to which it applies, or NULL */
    bool (*fits)(const struct place *place, const struct io_uring_sqe *sqe, int res,
                 const struct rota_finding *findings, int count);
    unsigned long seen;
    unsigned since; /* first kernel where it must occur, if that is not the opcode's */
    unsigned until; /* first kernel where it need not */
};

static bool leads_nowhere(const struct place *place, const struct io_uring_sqe *sqe, int res,
                          const struct rota_finding *findings, int count)
{
    (void)place;
    (void)sqe;
    (void)findings;
    (void)count;
    return res == -EFAULT;
}

static bool long_structure(const struct place *place, const struct io_uring_sqe *sqe, int res,
                           const struct rota_finding *findings, int count)
{
    (void)place;
    (void)findings;
    (void)count;
    return res == -E2BIG && sqe->len > sizeof(struct open_how);
}

static bool no_interface(const struct place *place, const struct io_uring_sqe *sqe, int res,
                         const struct rota_finding *findings, int count)
{
    (void)place;
    (void)sqe;
    (void)findings;
    (void)count;
    return res == -EINVAL;
}

static bool sum_of_two(const struct place *place, const struct io_uring_sqe *sqe, int res,
                       const struct rota_finding *findings, int count)
{
    (void)place;
    (void)findings;
    (void)count;
    return res == -EINVAL && (uint64_t)(uint32_t)sqe->fd + sqe->off > 65536;
}

static bool buffer_at_once(const struct place *place, const struct io_uring_sqe *sqe, int res,
                           const struct rota_finding *findings, int count)
{
    (void)place;
    (void)findings;
    (void)count;
    return res == -ENOBUFS && (sqe->flags & IOSQE_BUFFER_SELECT) &&
           caps.kernel_from < ROTA_KERNEL(6, 12);
}

static bool no_such_opcode(const struct place *place, const struct io_uring_sqe *sqe, int res,
                           const struct rota_finding *findings, int count)
{
    (void)place;
    (void)findings;
    (void)count;
    return res == -EINVAL && (sqe->cancel_flags & IORING_ASYNC_CANCEL_OP) &&
           sqe->len >= caps.opcode_count;
}

/* The realtime class of I/O priority, and memory beyond RLIMIT_MEMLOCK. */
static bool needs_privilege(const struct place *place, const struct io_uring_sqe *sqe, int res,
                            const struct rota_finding *findings, int count)
{
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);

    (void)place;
    (void)findings;
    (void)count;
    if (!geteuid())
        return false;
    return (res == -EPERM && sqe->ioprio >> 13 == 1) ||
           (res == -ENOMEM && op && op->shape == ROTA_SHAPE_NOTIFICATION);
}

static struct exception exceptions[] = {
    {.reason = "priorities and locked memory that only a privileged process has",
     .fits = needs_privilege},
    {.reason = "what an address leads to is not looked at by the check", .fits = leads_nowhere},
    {.reason = "nor is what follows a structure that is longer than the kernel's",
     .opcode = "OPENAT2",
     .fits = long_structure},
    {.reason = "a network interface would have to be registered, which takes hardware",
     .opcode = "RECV_ZC",
     .fits = no_interface},
    {.reason = "the sum of two fields is no condition of the table",
     .opcode = "PROVIDE_BUFFERS",
     .fits = sum_of_two},
    {.reason = "older kernels look for the buffer already when they take the request",
     .fits = buffer_at_once,
     .until = ROTA_KERNEL(6, 12)},
    {.reason = "which opcodes there are to be cancelled is a matter of the kernel",
     .opcode = "ASYNC_CANCEL",
     .fits = no_such_opcode,
     .since = ROTA_KERNEL(7, 1)},
};

/* Opcodes of which no request is right on this machine. */
static bool needs_hardware(unsigned opcode)
{
    for (unsigned i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        if (exceptions[i].fits == no_interface &&
            rota_op_number(exceptions[i].opcode) == (int)opcode)
            return true;
    }
    return false;
}

struct tally {
    unsigned long requests, taken, refused, excepted, disagreed;
    unsigned long by_op[256][2];
};

static void disagreement(struct tally *t, const struct place *place, const struct io_uring_sqe *sqe,
                         int res, const struct rota_finding *findings, int count)
{
    char text[600];

    for (unsigned i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        const char *opcode = exceptions[i].opcode;

        if ((!opcode || rota_op_number(opcode) == sqe->opcode) &&
            exceptions[i].fits(place, sqe, res, findings, count)) {
            exceptions[i].seen++;
            t->excepted++;
            return;
        }
    }
    if (t->disagreed++ >= shown)
        return;
    rota_sqe_format(sqe, 0, text, sizeof(text));
    diag("ring %s: %s", place->name, text);
    diag("  kernel: %d %s", res,
         res == -ECANCELED      ? "(taken)"
         : rota_error_name(res) ? rota_error_name(res)
                                : "");
    for (int i = 0; i < count; i++)
        diag("  check: %d stage %u %s", findings[i].error, findings[i].stage, findings[i].text);
}

static void compare(struct tally *t, const struct place *place, const struct io_uring_sqe *sqe,
                    int res)
{
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);
    struct rota_finding findings[8];
    int count = rota_sqe_check(&place->ring, &caps, sqe, findings, 8), early = 0;
    bool same_error = false;

    /* The timeout of a request that has ended finds nothing to cancel. */
    if (op && op->behind_link && res == -ENOENT)
        res = -ECANCELED;
    t->requests++;
    for (int i = 0; i < count && i < 8; i++) {
        if (findings[i].stage != ROTA_STAGE_TAKE)
            continue;
        early++;
        same_error |= findings[i].error == res;
    }
    t->by_op[sqe->opcode][res != -ECANCELED]++;
    if (res == -ECANCELED)
        t->taken++;
    else
        t->refused++;
    if (res == -ECANCELED ? early > 0 : !same_error)
        disagreement(t, place, sqe, res, findings, count < 8 ? count : 8);
}

/*
 * A request that was not answered in seconds never will be. Kernels before
 * 6.16 count completions to know when a drain may go on, and lose count when
 * chains are cancelled: on those the drains are given up.
 */
static void stuck(struct place *place, uint64_t answered)
{
    char text[600];

    if (place->drains && caps.kernel_from < ROTA_KERNEL(6, 16)) {
        diag("this kernel forgets to go on after a drain: the rest goes without drains");
        rota_queue_exit(&place->ring);
        place->open = false;
        place->count = 0;
        return;
    }
    for (unsigned i = 0; i < place->count; i++) {
        rota_sqe_format(&place->sent[i], 0, text, sizeof(text));
        diag("%s %s", answered >> i & 1 ? "answered" : "NO ANSWER", text);
    }
    bail("ring %s: requests without an answer", place->name);
}

static void flush(struct tally *t, struct place *place)
{
    struct __kernel_timespec patience = {place->drains ? 2 : 10, 0};
    unsigned left = 2 * place->count;
    uint64_t answered = 0;

    while (left) {
        struct io_uring_cqe *cqe;
        int ret = rota_submit_and_wait_timeout(&place->ring, &cqe, 1, &patience, NULL);

        if (ret < 0 && ret != -ETIME)
            bail("ring %s fails: %s", place->name, strerror(-ret));
        if (!cqe) {
            stuck(place, answered);
            return;
        }
        while (!rota_peek_cqe(&place->ring, &cqe)) {
            if (!(cqe->flags & IORING_CQE_F_NOTIF)) {
                left--;
                if (cqe->user_data < place->count) {
                    answered |= UINT64_C(1) << cqe->user_data;
                    compare(t, place, &place->sent[cqe->user_data], cqe->res);
                }
            }
            rota_cqe_seen(&place->ring, cqe);
        }
    }
    place->count = 0;
}

static void send(struct tally *t, struct place *place, const struct io_uring_sqe *request)
{
    struct io_uring_sqe *sqe;

    if (place->count == PAIRS)
        flush(t, place);
    if (!place->open)
        return;
    sqe = rota_get_sqe(&place->ring);
    rota_prep_timeout_remove(sqe, 1, 0);
    sqe->flags = IOSQE_IO_LINK;
    sqe->user_data = UINT64_MAX;
    sqe = rota_get_sqe(&place->ring);
    memcpy(sqe, request, sizeof(*sqe));
    sqe->user_data = place->count;
    place->sent[place->count] = *sqe;
    place->count++;
}

static struct place *choose(struct dice *dice)
{
    for (;;) {
        struct place *place = &places[dice_below(dice, RINGS)];

        if (place->open)
            return place;
    }
}

static void one(struct dice *dice, struct tally *t)
{
    struct place *place = choose(dice);
    struct aim aim = {&place->ring, &caps, &scratch};
    const struct rota_op_info *op = NULL;
    struct io_uring_sqe sqe;
    unsigned breaks = dice_below(dice, 3);

    while (!op)
        op = rota_opcode_info(dice_below(dice, 80));
    /*
     * A drain would wait for notifications, which come when memory is reused,
     * and for the timeout of a request that it holds back itself.
     */
    if (place->drains && (op->shape == ROTA_SHAPE_NOTIFICATION || op->behind_link))
        return;
    request_valid(dice, &aim, op, &sqe);
    while (breaks--)
        request_break(dice, &aim, op, &sqe);
    /* The timeout of a request that failed is dismissed, which counts as success. */
    if (op->behind_link)
        sqe.flags &= (uint8_t)~IOSQE_CQE_SKIP_SUCCESS;
    /*
     * A ring that has seen either of these flags refuses the other one for
     * ever, so that they need two rings.
     */
    if (place->drains && (sqe.flags & IOSQE_CQE_SKIP_SUCCESS) && !(sqe.flags & IOSQE_IO_DRAIN))
        sqe.flags &= (uint8_t)~IOSQE_CQE_SKIP_SUCCESS;
    if (!place->drains && (sqe.flags & IOSQE_IO_DRAIN) && !(sqe.flags & IOSQE_CQE_SKIP_SUCCESS))
        sqe.flags &= (uint8_t)~IOSQE_IO_DRAIN;
    if (place->drains && (sqe.flags & IOSQE_IO_DRAIN))
        sqe.flags &= (uint8_t)~IOSQE_CQE_SKIP_SUCCESS;
    send(t, place, &sqe);
}

static void finish(struct tally *t)
{
    for (unsigned i = 0; i < RINGS; i++) {
        if (places[i].open)
            flush(t, &places[i]);
    }
}

static void report(const struct tally *t, const char *name, uint64_t seed)
{
    ok(!t->disagreed, "%s: check and kernel agree on %lu requests", name, t->requests);
    diag("seed %#" PRIx64 ": %lu requests, %lu taken, %lu refused, %lu excepted, %lu disagreements",
         seed, t->requests, t->taken, t->refused, t->excepted, t->disagreed);
}

/* Memory for the requests that use registered buffers, under the numbers that they use. */
static void lend_buffers(struct place *place)
{
    struct iovec buffers[3];

    for (int i = 0; i < 3; i++) {
        buffers[i].iov_base = (void *)(uintptr_t)scratch_pointer(&scratch, "void *");
        buffers[i].iov_len = 1U << 20;
    }
    if (rota_register_buffers(&place->ring, buffers, 3) < 0)
        diag("ring %s goes without registered buffers", place->name);
}

static void open_rings(void)
{
    for (unsigned i = 0; i < RINGS; i++) {
        struct place *place = &places[i];
        struct rota_config config;

        rota_config_plain(&config);
        config.required_flags = place->flags;
        config.preferred_flags = IORING_SETUP_SUBMIT_ALL;
        place->open = !rota_init(&place->ring, 2 * PAIRS, &config);
        if (!place->open)
            diag("no ring of kind %s here", place->name);
        else if (rota_ring_register(&place->ring, IORING_REGISTER_PERSONALITY, NULL, 0) !=
                 scratch.personality)
            bail("the first identity of a ring is not 1");
        else
            lend_buffers(place);
    }
}

int main(int argc, char **argv)
{
    static struct tally fixed, random;
    struct dice dice = {argc > 1 ? strtoull(argv[1], NULL, 0) : FIXED_SEED};
    unsigned long count = argc > 2 ? strtoul(argv[2], NULL, 0) : FIXED_COUNT;
    uint64_t seed = dice.state;
    struct timespec now;
    int ret = rota_caps_get(&caps, NULL);

    if (ret == -EPERM || ret == -ENOSYS)
        skip_all("no ring can be made here");
    if (ret < 0)
        bail("rota_caps_get: %s", strerror(-ret));
    if (!(caps.features & IORING_FEAT_LINKED_FILE))
        skip_all("before 5.18 files are looked up already when a request is taken");
    if (argc > 3)
        shown = strtoul(argv[3], NULL, 0);
    scratch.personality = 1;
    if (scratch_open(&scratch))
        bail("no scratch memory");
    open_rings();

    for (unsigned long i = 0; i < count; i++)
        one(&dice, &fixed);
    finish(&fixed);
    report(&fixed, "fixed seed", seed);
    for (unsigned op = 0; op < ROTA_CAPS_OPS && rota_opcode_info(op); op++) {
        if (rota_caps_opcode(&caps, op, NULL) == ROTA_YES)
            ok((fixed.by_op[op][0] || needs_hardware(op)) && fixed.by_op[op][1],
               "%s was taken %lu times, refused %lu times", rota_op_name(op), fixed.by_op[op][0],
               fixed.by_op[op][1]);
    }
    for (unsigned i = 0; i < sizeof(exceptions) / sizeof(exceptions[0]); i++) {
        const struct exception *e = &exceptions[i];
        const char *opcode = e->opcode ? e->opcode : "any";

        if (e->opcode &&
            rota_caps_opcode(&caps, (unsigned)rota_op_number(e->opcode), NULL) != ROTA_YES)
            skip(1, "this kernel has no %s", e->opcode);
        else if (e->since > caps.kernel_from || (e->until && e->until <= caps.kernel_from))
            skip(1, "not on kernels like this one: %s", e->reason);
        else if (e->fits == needs_privilege && !geteuid())
            skip(1, "a privileged process is denied nothing");
        else
            ok(e->seen, "exception of %s occurs (%lu times): %s", opcode, e->seen, e->reason);
    }

    if (argc <= 1) {
        time_t end;

        clock_gettime(CLOCK_MONOTONIC, &now);
        end = now.tv_sec + RANDOM_TIME;
        dice.state = seed = (uint64_t)now.tv_nsec ^ (uint64_t)getpid() << 32;
        do {
            for (unsigned i = 0; i < 1000; i++)
                one(&dice, &random);
            clock_gettime(CLOCK_MONOTONIC, &now);
        } while (now.tv_sec < end);
        finish(&random);
        report(&random, "random seed", seed);
    }
    for (unsigned i = 0; i < RINGS; i++) {
        if (places[i].open)
            rota_queue_exit(&places[i].ring);
    }
    scratch_close(&scratch);
    return done();
}
