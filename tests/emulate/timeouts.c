/* SPDX-License-Identifier: MIT */
/* Time: timeouts by time, by count, repeated, taken back and changed, and those that watch a request. */
#include "twin.h"

#define MS 1000000

static struct __kernel_timespec soon = {.tv_nsec = 5L * MS};
static struct __kernel_timespec later = {.tv_nsec = 60L * MS};
static struct __kernel_timespec never = {.tv_sec = 1000};

static struct __kernel_timespec in(int clock_id, long ns)
{
    struct timespec now;
    struct __kernel_timespec at;

    clock_gettime(clock_id, &now);
    at.tv_sec = now.tv_sec + (now.tv_nsec + ns) / 1000000000;
    at.tv_nsec = (now.tv_nsec + ns) % 1000000000;
    return at;
}

static void expires(struct twin *t)
{
    PREP(t, 1, timeout(q, &soon, 0, 0));
    submit(t);
    reap(t, 1);
    quiet(t);
}

static void in_order_of_time(struct twin *t)
{
    PREP(t, 1, timeout(q, &later, 0, 0));
    PREP(t, 2, timeout(q, &soon, 0, 0));
    submit(t);
    reap(t, 2);
}

static void absolute(struct twin *t)
{
    struct __kernel_timespec at = in(CLOCK_MONOTONIC, 5L * MS), past = {.tv_nsec = 1};

    PREP(t, 1, timeout(q, &at, 0, IORING_TIMEOUT_ABS));
    PREP(t, 2, timeout(q, &past, 0, IORING_TIMEOUT_ABS));
    submit(t);
    reap_sorted(t, 2);
}

static void other_clocks(struct twin *t)
{
    struct __kernel_timespec real = in(CLOCK_REALTIME, 5L * MS),
                             boot = in(CLOCK_BOOTTIME, 15L * MS);

    PREP(t, 1, timeout(q, &real, 0, IORING_TIMEOUT_ABS | IORING_TIMEOUT_REALTIME));
    PREP(t, 2, timeout(q, &boot, 0, IORING_TIMEOUT_ABS | IORING_TIMEOUT_BOOTTIME));
    PREP(t, 3, timeout(q, &soon, 0, IORING_TIMEOUT_REALTIME | IORING_TIMEOUT_BOOTTIME));
    submit(t);
    reap_sorted(t, 3);
}

static void zero(struct twin *t)
{
    struct __kernel_timespec none = {0, 0};

    PREP(t, 1, timeout(q, &none, 0, 0));
    submit(t);
    reap(t, 1);
}

static void bad_times(struct twin *t)
{
    struct __kernel_timespec bad = {.tv_sec = -1};

    PREP(t, 1, timeout(q, &bad, 0, 0));
    submit(t);
    reap(t, 1);
    PREP(t, 2, timeout(q, NULL, 0, 0));
    submit(t);
    reap(t, 1);
    PREP(t, 3, timeout(q, &soon, 0, 0))->len = 2;
    submit(t);
    reap(t, 1);
}

static void by_count(struct twin *t)
{
    PREP(t, 1, timeout(q, &never, 2, 0));
    submit(t);
    PREP(t, 2, nop(q));
    submit(t);
    reap(t, 1);
    quiet(t);
    PREP(t, 3, nop(q));
    submit(t);
    reap_sorted(t, 2);
}

static void counts_in_its_batch(struct twin *t)
{
    PREP(t, 1, nop(q));
    PREP(t, 2, timeout(q, &never, 2, 0));
    PREP(t, 3, nop(q));
    submit(t);
    reap_sorted(t, 3);
}

static void by_count_in_time(struct twin *t)
{
    PREP(t, 1, timeout(q, &soon, 2, 0));
    PREP(t, 2, nop(q));
    submit(t);
    reap_sorted(t, 2);
}

static void counts_no_timeouts(struct twin *t)
{
    PREP(t, 1, timeout(q, &later, 1, 0));
    PREP(t, 2, timeout(q, &soon, 0, 0));
    submit(t);
    reap(t, 2);
}

static void two_by_count(struct twin *t)
{
    PREP(t, 1, timeout(q, &never, 3, 0));
    PREP(t, 2, timeout(q, &never, 1, 0));
    submit(t);
    PREP(t, 3, nop(q));
    submit(t);
    reap_sorted(t, 2);
    quiet(t);
    PREP(t, 4, nop(q));
    PREP(t, 5, nop(q));
    submit(t);
    reap_sorted(t, 3);
}

static void removed(struct twin *t)
{
    PREP(t, 1, timeout(q, &never, 0, 0));
    PREP(t, 2, timeout_remove(q, 1, 0));
    PREP(t, 3, timeout_remove(q, 9, 0));
    submit(t);
    reap_sorted(t, 3);
    quiet(t);
}

static void updated(struct twin *t)
{
    PREP(t, 1, timeout(q, &never, 0, 0));
    PREP(t, 2, timeout_update(q, &soon, 1, 0));
    PREP(t, 3, timeout_update(q, &soon, 9, 0));
    submit(t);
    reap_sorted(t, 3);
}

static void repeated(struct twin *t)
{
    PREP(t, 1, timeout(q, &soon, 3, IORING_TIMEOUT_MULTISHOT));
    submit(t);
    reap(t, 3);
    quiet(t);
}

static void repeated_and_removed(struct twin *t)
{
    PREP(t, 1, timeout(q, &soon, 0, IORING_TIMEOUT_MULTISHOT));
    submit(t);
    reap(t, 2);
    PREP(t, 2, timeout_remove(q, 1, 0));
    submit(t);
    reap_sorted(t, 2);
    quiet(t);
}

static void success(struct twin *t)
{
    PREP(t, 1, timeout(q, &soon, 0, IORING_TIMEOUT_ETIME_SUCCESS))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, nop(q));
    PREP(t, 3, timeout(q, &soon, 0, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 4, nop(q));
    submit(t);
    reap_sorted(t, 4);
}

static void watches(struct twin *t)
{
    int p[2];
    char in[4];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, link_timeout(q, &soon, 0));
    submit(t);
    reap_sorted(t, 2);
    quiet(t);
    close(p[0]);
    close(p[1]);
}

static void watches_in_a_chain(struct twin *t)
{
    int p[2];
    char in[4];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, link_timeout(q, &soon, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    reap_sorted(t, 3);
    PREP(t, 4, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 5, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 6, link_timeout(q, &soon, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 7, nop(q));
    submit(t);
    reap_sorted(t, 4);
    close(p[0]);
    close(p[1]);
}

static void watches_in_vain(struct twin *t)
{
    int p[2];
    char in[4];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, link_timeout(q, &never, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, nop(q));
    submit(t);
    if (write(p[1], "abc", 3) != 3)
        bail("write");
    reap_sorted(t, 3);
    PREP(t, 4, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 5, link_timeout(q, &never, 0));
    submit(t);
    reap_sorted(t, 2);
    close(p[0]);
    close(p[1]);
}

static void watches_nobody(struct twin *t)
{
    PREP(t, 1, link_timeout(q, &soon, 0));
    submit(t);
    reap(t, 1);
    PREP(t, 2, nop(q))->flags |= IOSQE_IO_LINK;
    PREP(t, 3, link_timeout(q, &soon, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 4, link_timeout(q, &soon, 0));
    submit(t);
    reap_sorted(t, 3);
}

static void watch_updated(struct twin *t)
{
    int p[2];
    char in[4];

    if (pipe(p))
        bail("pipe");
    PREP(t, 1, read(q, p[0], in, 3, 0))->flags |= IOSQE_IO_LINK;
    PREP(t, 2, link_timeout(q, &never, 0));
    submit(t);
    PREP(t, 3, timeout_update(q, &soon, 2, IORING_LINK_TIMEOUT_UPDATE));
    submit(t);
    reap_sorted(t, 3);
    close(p[0]);
    close(p[1]);
}

/* An expired timeout ends a wait for more than there is. */
static void ends_waits(struct twin *t)
{
    struct io_uring_cqe *cqe;

    PREP(t, 1, timeout(q, &soon, 0, 0));
    say(t, "%d", rota_submit_and_wait(&t->ring, 1));
    reap(t, 1);
    PREP(t, 2, timeout(q, &soon, 0, 0));
    say(t, " %d", rota_submit_and_wait(&t->ring, 1));
    say(t, " %d", rota_peek_cqe(&t->ring, &cqe));
    reap(t, 1);
}

static const struct scenario scenarios[] = {
    SCENARIO("expires", expires, "[1] 1:-62"),
    SCENARIO("in the order of time", in_order_of_time, "[2] 2:-62 1:-62"),
    SCENARIO("absolute", absolute, "[2] 1:-62 2:-62"),
    SCENARIO("other clocks", other_clocks, "[3] 1:-62 2:-62 3:-22",
             .features = IORING_FEAT_RSRC_TAGS | IORING_FEAT_CQE_SKIP),
    SCENARIO("at once", zero, "[1] 1:-62"),
    SCENARIO("times that are none", bad_times, "[1] 1:-22[1] 2:-14[1] 3:-22",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("by count", by_count, "[1][1] 2:0[1] 1:0 3:0"),
    SCENARIO("counts its batch", counts_in_its_batch, "[3] 1:0 2:0 3:0",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("by count, but time is up", by_count_in_time, "[2] 1:-62 2:0"),
    SCENARIO("counts no timeouts", counts_no_timeouts, "[2] 2:-62 1:-62"),
    SCENARIO("two by count", two_by_count, "[2][1] 2:0 3:0[2] 1:0 4:0 5:0"),
    SCENARIO("removed", removed, "[3] 1:-125 2:0 3:-2"),
    SCENARIO("updated", updated, "[3] 1:-62 2:0 3:-2", .features = IORING_FEAT_RSRC_TAGS),
    SCENARIO("repeated", repeated, "[1] 1:-62+ 1:-62+ 1:-62", .features = IORING_FEAT_REG_REG_RING,
             .opcode = IORING_OP_WAITID),
    SCENARIO("repeated and removed", repeated_and_removed, "[1] 1:-62+ 1:-62+[1] 1:-125 2:0",
             .opcode = IORING_OP_WAITID),
    SCENARIO("success for the chain", success, "[4] 1:-62 2:0 3:-62 4:-125",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("watches", watches, "[2] 1:-125 2:-62"),
    SCENARIO("watches in a chain", watches_in_a_chain,
             "[3] 1:-125 2:-62 3:-125[4] 4:0 5:-125 6:-62 7:-125"),
    SCENARIO("watches in vain", watches_in_vain, "[3] 1:3 2:-125 3:0[2] 4:0 5:-125"),
    SCENARIO("watches nobody", watches_nobody, "[1] 1:-22[3] 2:-125 3:-125 4:-22",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("the watch is updated", watch_updated, "[2][1] 1:-125 2:-62 3:0",
             .features = IORING_FEAT_CQE_SKIP),
    SCENARIO("ends waits", ends_waits, "1 1:-62 1 0 2:-62"),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
