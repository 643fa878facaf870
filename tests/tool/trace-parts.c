/* SPDX-License-Identifier: MIT */
/*
 * Parts of rota trace on rings that are nothing but memory, so that each moment can be
 * chosen: what is counted as lost or unsure, which result stands on which line, and what a
 * call that is begun again looks like. Nothing here depends on time or on the kernel.
 */
#include <errno.h>
#include <rota.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tap.h"
#include "tool/trace/calls.h"
#include "tool/trace/model.h"
#include "tool/trace/sinks.h"
#include "tool/trace/summary.h"

#define ENTRIES 8

/* What the sink was told. */
static struct {
    struct sink sink;
    unsigned requests, with_result, completions, lost_requests, lost_completions;
    uint64_t latency;
    int64_t result;
    uint64_t number; /* of the request whose result was told last ... */
    bool timed, ambiguous;
    bool big, bad_slot; /* of the last request */
    int64_t noted;
} told;

static void put_event(struct sink *sink, const struct event *event)
{
    (void)sink;
    if (event->cqe) {
        told.number = event->request ? event->request->number : 0;
        told.timed = event->timed;
        told.ambiguous = event->ambiguous;
    }
    switch (event->kind) {
    case EVENT_NOTE:
        told.noted = event->result;
        break;
    case EVENT_REQUEST:
        told.big = event->request->big;
        told.bad_slot = event->request->bad_slot;
        told.requests++;
        told.with_result += event->cqe != NULL;
        told.latency = event->latency;
        break;
    case EVENT_COMPLETION:
        told.completions++;
        break;
    case EVENT_LOST:
        told.lost_requests += (unsigned)event->lost_requests;
        told.lost_completions += (unsigned)event->lost_completions;
        break;
    case EVENT_ENTER:
        told.result = event->result;
        break;
    default:
        break;
    }
}

static struct model model = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* A ring of ENTRIES requests and as many completions, without an array if nothing else is said. */
static struct fake {
    struct ring ring;
    struct snapshot snapshots[ENTRIES];
    struct {
        uint32_t sq_head, sq_tail, sq_flags, sq_dropped, cq_head, cq_tail, cq_overflow, pad;
        struct {
            uint64_t user_data;
            int32_t res;
            uint32_t flags;
        } cqes[ENTRIES];
        uint32_t array[ENTRIES];
    } queues;
    struct io_uring_sqe sqes[ENTRIES];
} fake;

#define AT(member) \
    ((uint32_t)offsetof(struct fake, member) - (uint32_t)offsetof(struct fake, queues))

static void start(void)
{
    struct ring *ring = &fake.ring;

    backlog_tell_all(&model);
    pending_clear(&ring->pending);
    memset(&fake, 0, sizeof(fake));
    memset(&told, 0, sizeof(told));
    told.sink.event = put_event;
    model.sink = &told.sink;
    model.running = true;
    ring->params.sq_entries = ENTRIES;
    ring->params.cq_entries = ENTRIES;
    ring->params.flags = IORING_SETUP_NO_SQARRAY;
    ring->params.sq_off.head = AT(queues.sq_head);
    ring->params.sq_off.tail = AT(queues.sq_tail);
    ring->params.sq_off.flags = AT(queues.sq_flags);
    ring->params.sq_off.dropped = AT(queues.sq_dropped);
    ring->params.cq_off.head = AT(queues.cq_head);
    ring->params.cq_off.tail = AT(queues.cq_tail);
    ring->params.cq_off.overflow = AT(queues.cq_overflow);
    ring->params.cq_off.cqes = AT(queues.cqes);
    ring->queues = (const unsigned char *)&fake.queues;
    ring->sqes = (const unsigned char *)fake.sqes;
    ring->snapshots = fake.snapshots;
    ring->mapped = true;
    ring->running = true;
    ring->file = -1;
}

/* The program sends so many, of which the kernel takes some. */
static void send(unsigned count, unsigned taken)
{
    for (; count; count--, fake.queues.sq_tail++) {
        struct io_uring_sqe *sqe = &fake.sqes[fake.queues.sq_tail % ENTRIES];

        memset(sqe, 0, sizeof(*sqe));
        sqe->user_data = fake.queues.sq_tail;
    }
    fake.queues.sq_head += taken;
}

/* The kernel answers so many, of which the program reaps some. */
static void answer(unsigned count, unsigned reaped)
{
    for (; count; count--, fake.queues.cq_tail++)
        fake.queues.cqes[fake.queues.cq_tail % ENTRIES].user_data = fake.queues.cq_tail;
    fake.queues.cq_head += reaped;
}

static void look(uint64_t time)
{
    backlog_read(&model, &fake.ring, 1, 0, time);
}

static void test_requests(void)
{
    start();
    send(4, 4);
    look(1);
    is_int(fake.ring.sq.read, 4, "four requests are read");
    is_int(fake.ring.sq.unsure, 0, "nothing was written over");
    /* Positions 8 and 9 lie where 0 and 1 were, which the kernel had taken when they were read. */
    send(6, 6);
    look(2);
    is_int(fake.ring.sq.read, 10, "and six more");
    is_int(fake.ring.sq.unsure, 2, "two of the first may have been others");
    send(8, 8);
    look(3);
    is_int(fake.ring.sq.unsure, 8, "then all that had been taken, and no more");
    /* Three wait when they are read: they are certain, however much comes then. */
    send(3, 0);
    look(4);
    send(5, 8);
    look(5);
    send(8, 8);
    look(6);
    is_int(fake.ring.sq.unsure, 8 + 3 + 0 + 5, "what waited while it was read is certain");
    is_int(fake.ring.sq.passed, 34, "as many have passed");
    is_int(fake.ring.sq.read, 34, "and were read");
    send(11, 11);
    look(7);
    backlog_tell_all(&model);
    is_int(fake.ring.sq.passed, 45, "eleven at once");
    is_int(told.lost_requests, 3, "of which three are lost, and told");
    is_int(told.requests, 42, "all others are told");
}

static void test_completions(void)
{
    start();
    answer(4, 4);
    look(1);
    answer(6, 6);
    look(2);
    is_int(fake.ring.cq.read, 10, "ten completions are read");
    is_int(fake.ring.cq.unsure, 2, "two of them may have been others");
    answer(8, 0);
    look(3);
    is_int(fake.ring.cq.unsure, 8, "then all that were reaped");
    fake.queues.cq_head += 8;
    answer(8, 8);
    look(4);
    is_int(fake.ring.cq.unsure, 8, "what was not reaped when it was read is certain");
    answer(10, 10);
    look(5);
    backlog_tell_all(&model);
    is_int(told.lost_completions, 2, "two of ten at once are lost, and told");
    is_int(told.completions, 34, "all others are told");
}

/* A line waits until its time has come: long enough for a fast result, not to be felt. */
static void test_lines(void)
{
    const uint64_t soon = 100000, due = 500000;

    start();
    send(2, 2);
    look(1000);
    ok(!backlog_tell(&model, 8, 1000 + due), "what is not matched is not told");
    ok(backlog_digest(&model.backlog, 1) && backlog_digest(&model.backlog, 1), "it is, one by one");
    ok(!backlog_digest(&model.backlog, 1), "and that is all");
    ok(!backlog_tell(&model, 8, 1000 + soon), "nothing is told before its time");
    is_int(told.requests, 0, "no line");
    answer(1, 1);
    look(due + 1000);
    ok(backlog_digest(&model.backlog, 8), "an answer is matched");
    ok(backlog_tell(&model, 8, due + 1000 + soon), "when its time has come, it is told");
    is_int(told.requests, 2, "both requests");
    is_int(told.with_result, 1, "one with the result that came meanwhile");
    is_int(told.completions, 0, "which has no line of its own");
    answer(1, 1);
    look(3 * due);
    backlog_tell_all(&model);
    is_int(told.completions, 1, "the other one gets one when it comes");
    ok(backlog_is_empty(&model.backlog), "nothing is left");
    start();
    send(5, 5);
    look(1);
    backlog_digest(&model.backlog, 99);
    ok(backlog_tell(&model, 2, due), "a few lines");
    is_int(told.requests, 2, "two as asked for");
    backlog_tell(&model, 9, due);
    is_int(told.requests, 5, "the rest goes on where it was");
}

/* One completion for what carries that user_data. */
static void answer_one(uint64_t user_data, uint32_t flags, uint64_t time)
{
    unsigned place = fake.queues.cq_tail % ENTRIES;

    fake.queues.cqes[place].user_data = user_data;
    fake.queues.cqes[place].flags = flags;
    fake.queues.cq_tail++;
    fake.queues.cq_head++;
    look(time);
    backlog_tell_all(&model);
}

/* One request more, of that kind. */
static void send_one(uint8_t opcode, uint64_t user_data, uint64_t time)
{
    unsigned place = fake.queues.sq_tail % ENTRIES;

    send(1, 1);
    fake.sqes[place].opcode = opcode;
    fake.sqes[place].user_data = user_data;
    look(time);
    backlog_tell_all(&model);
}

/* Ten at once in a queue of eight, all of requests that were not seen. */
static void miss_some(uint64_t time)
{
    for (unsigned i = 0; i < ENTRIES + 2; i++, fake.queues.cq_tail++, fake.queues.cq_head++)
        fake.queues.cqes[fake.queues.cq_tail % ENTRIES].user_data = 999;
    look(time);
    backlog_tell_all(&model);
    is_int(told.lost_completions, 2, "two completions were missed");
}

/* What may have ended unseen gives no latency, and makes room for who has its number now. */
static void test_gaps(void)
{
    const struct pending *pending = &fake.ring.pending;
    uint64_t first;

    start();
    send_one(IORING_OP_NOP, 1, 1);
    answer_one(1, 0, 5);
    first = told.number;
    ok(told.timed && !told.ambiguous, "without a gap a result is sure, and has a latency");
    send_one(IORING_OP_NOP, 1, 10);
    send_one(IORING_OP_NOP, 2, 11);
    miss_some(20);
    is_int((long long)pending->count, 2, "two requests were in flight");
    answer_one(1, 0, 30);
    is_int((long long)told.number, (long long)first + 1, "a result goes to the one that fits");
    ok(told.ambiguous && !told.timed, "but is not sure, and has no latency");
    send_one(IORING_OP_READ, 2, 40);
    answer_one(2, 0, 50);
    is_int((long long)told.number, (long long)first + 3, "a number used again is of the newer one");
    ok(told.ambiguous && !told.timed, "which is not sure either");
    is_int((long long)pending->count, 0, "the older one is given up ...");
    is_int((long long)pending->forgotten, 1, "... and counted");
    send_one(IORING_OP_NOP, 2, 60);
    answer_one(2, 0, 70);
    ok(told.timed && !told.ambiguous, "then all is sure again");
    start();
    send_one(IORING_OP_POLL_ADD, 7, 1);
    miss_some(10);
    answer_one(7, IORING_CQE_F_MORE, 20);
    ok(told.ambiguous, "a stream may have ended unseen");
    answer_one(7, IORING_CQE_F_MORE, 30);
    ok(!told.ambiguous, "but where it goes on it has not");
}

/* One number of several requests: each completion goes to the one that can have given it. */
static void test_fits(void)
{
    uint64_t first;

    start();
    send_one(IORING_OP_NOP, 5, 1);
    send_one(IORING_OP_SEND_ZC, 5, 2);
    answer_one(5, IORING_CQE_F_MORE, 3);
    first = told.number - 1;
    is_int((long long)model.request_count, (long long)first + 1, "F_MORE: none that ends at once");
    answer_one(5, IORING_CQE_F_NOTIF, 4);
    is_int((long long)told.number, (long long)first + 1, "F_NOTIF: the one that awaits it");
    ok(!told.ambiguous, "which is sure");
    answer_one(5, 0, 5);
    is_int((long long)told.number, (long long)first, "what is left: the other one");
    start();
    send_one(IORING_OP_NOP, 5, 1);
    first = model.request_count;
    fake.ring.pending.oldest->sqe[offsetof(struct io_uring_sqe, flags)] = IOSQE_CQE_SKIP_SUCCESS;
    send_one(IORING_OP_NOP, 5, 2);
    answer_one(5, 0, 3);
    is_int((long long)told.number, (long long)first + 1, "success: none that keeps it to itself");
}

/* Entries that are none, or that take two places of which one is there. */
static void test_places(void)
{
    start();
    answer_one(5, IORING_CQE_F_SKIP, 1);
    is_int(told.completions, 0, "what only fills the end of the queue is no completion");
    start();
    fake.ring.params.flags |= IORING_SETUP_SQE_MIXED;
    send_one(IORING_OP_NOP128, 5, 1);
    is_int(fake.ring.sq_next, 1, "half a large request: the tail is not passed");
    send_one(IORING_OP_NOP, 6, 2);
    is_int(told.requests, 2, "and what comes next is seen");
    start();
    fake.ring.params.flags |= IORING_SETUP_SQE_MIXED;
    send(ENTRIES - 1, ENTRIES - 1);
    send_one(IORING_OP_NOP128, 5, 1);
    ok(!told.big, "a large request at the end of the queue: nothing behind it is read");
    start();
    fake.ring.params.flags = 0;
    fake.ring.params.sq_off.array = AT(queues.array);
    fake.queues.array[0] = ENTRIES - 1;
    fake.queues.array[1] = 1U << 30;
    fake.sqes[ENTRIES - 1].opcode = IORING_OP_NOP128;
    fake.queues.sq_tail = fake.queues.sq_head = 1;
    look(1);
    backlog_tell_all(&model);
    ok(told.requests == 1 && !told.bad_slot, "an array that names another place");
    fake.queues.sq_tail = fake.queues.sq_head = 2;
    look(2);
    backlog_tell_all(&model);
    ok(told.requests == 2 && told.bad_slot, "and one that names none");
}

/* The same at a stop: what was copied when the call began is told when it returns. */
static void test_stops(void)
{
    const struct task task = {.pid = 1, .tid = 1};
    struct looked look = {0};

    start();
    model.running = fake.ring.running = false;
    fake.ring.params.flags |= IORING_SETUP_SQE_MIXED;
    fake.sqes[0].opcode = IORING_OP_NOP128;
    fake.queues.sq_tail = 3;
    model_snapshot(&model, &task, &fake.ring, 2);
    fake.queues.sq_head = 3;
    look_start(&look, &model, &fake.ring, 1, 1, 1, 2);
    look_stopped(&look);
    look_report(&look);
    is_int(told.requests, 2, "one request in two places, one behind it");
    is_int(told.lost_requests, 0, "and nothing between them");
}

/* A habit is one when it is frequent, by number and by share. */
static void test_habits(void)
{
    struct op_tally op = {.completions = 200, .errors = {{EAGAIN, 100}, {ECANCELED, 100}}};
    struct tally tally = {.ops = {&op}, .idle = 100, .enters = 200};
    struct ring ring = {.tally = &tally};
    struct pathology found[MOST_PATHOLOGIES];

    is_int(find_pathologies(&ring, found), 1, "half of the calls in vain are no habit, but ...");
    ok(!strcmp(found[0].name, "requests refused again and again") &&
           strstr(found[0].evidence, "100 of 200 NOP ended with EAGAIN"),
       "... refusals are");
    tally.enters = 199;
    is_int(find_pathologies(&ring, found), 2, "more than half are");
    op.errors[0].count = 99;
    tally.idle = 99;
    is_int(find_pathologies(&ring, found), 0, "less than a hundred are none");
}

/* A thread that ends leaves its own requests behind, not those of others on its ring. */
static void test_left_behind(void)
{
    const struct task task = {.pid = 1, .tid = 5};

    start();
    send_one(IORING_OP_NOP, 1, 1);
    send_one(IORING_OP_NOP, 2, 2);
    send_one(IORING_OP_NOP, 3, 3);
    fake.ring.pending.oldest->tid = fake.ring.pending.newest->tid = 5;
    model_name(&model, 1, 3, &fake.ring);
    model_thread_ended(&model, &task);
    is_int((long long)told.noted, 2, "two of three requests were its own");
}

/* Where nobody takes the lines away, reading stops in time. */
static void test_full(void)
{
    unsigned looks = 0;

    start();
    while (!backlog_is_full(&model.backlog) && looks < 100000) {
        send(ENTRIES, ENTRIES);
        look(++looks);
    }
    ok(looks > 1000 && looks < 100000, "the backlog is full at some time, after %u looks", looks);
    backlog_tell_all(&model);
    ok(!backlog_is_full(&model.backlog), "but not when all is told");
    is_int((long long)model.backlog.bytes, 0, "then nothing is held");
}

/* A result after so many nanoseconds, for the sums. */
static const struct op_tally *sum_up(struct sink *sink, struct ring *ring, uint64_t latency,
                                     unsigned completions)
{
    struct request request = {.completions = completions};
    struct completion cqe = {.res = 0};
    struct event event = {.kind = completions > 1 ? EVENT_COMPLETION : EVENT_REQUEST,
                          .ring = ring,
                          .request = &request,
                          .cqe = &cqe,
                          .timed = true,
                          .latency = latency};

    sink->event(sink, &event);
    return ring->tally->ops[0];
}

/* Latencies are told to a quarter of what they are, by the one that so many of a hundred reach. */
static void test_latencies(void)
{
    static const uint64_t latencies[] = {1, 3, 4, 7, 100, 1000, 12345, 1000000007};
    const struct sink_options options = {.model = &model};
    struct sink *sink = summary_sink(&options, false);

    for (unsigned i = 0; i < sizeof(latencies) / sizeof(latencies[0]); i++) {
        uint64_t latency = latencies[i], told_as;
        struct ring ring = {.number = 1};
        const struct op_tally *op;

        sum_up(sink, &ring, 0, 1);
        sum_up(sink, &ring, latency, 1);
        op = sum_up(sink, &ring, UINT64_C(1) << 40, 1);
        told_as = latency_at(op, 50);
        ok(told_as >= latency && told_as <= latency + latency / 4 + 1, "%llu ns as %llu",
           (unsigned long long)latency, (unsigned long long)told_as);
        is_int((long long)latency_at(op, 99), 1LL << 40, "the longest");
        sum_up(sink, &ring, latency, 2);
        sum_up(sink, &ring, latency, 3);
        is_int((long long)latency_at(op, 70), 1LL << 40, "what follows a first result has none");
        free(ring.tally->ops[0]);
        free(ring.tally);
    }
}

/* What a line has of a result: the buffer's number apart from the flags, and the time. */
static void test_results(void)
{
    static struct out out = {.fd = -1};
    const struct sink_options options = {.out = &out, .model = &model};
    struct ring ring = {.number = 1};
    struct request request = {.number = 7};
    struct completion cqe = {
        .res = 9,
        .flags = IORING_CQE_F_BUFFER | IORING_CQE_F_MORE | 21U << IORING_CQE_BUFFER_SHIFT,
    };
    const struct event event = {.kind = EVENT_REQUEST,
                                .ring = &ring,
                                .request = &request,
                                .cqe = &cqe,
                                .timed = true,
                                .latency = 12345};
    struct sink *text = text_sink(&options), *json = json_sink(&options);

    text->event(text, &event);
    out.block[out.length] = '\0';
    if (!ok(strstr(out.block, " = 9 buffer=21 CQE_F_MORE <12.3 us>\n"), "a line of text"))
        diag("%s", out.block);
    out.length = 0;
    json->event(json, &event);
    out.block[out.length] = '\0';
    if (!ok(strstr(out.block, "\"res\": 9, \"buffer\": 21, \"cqe_flags\": [\"CQE_F_BUFFER\", "
                              "\"CQE_F_MORE\"], \"latency_ns\": 12345}\n"),
            "a line of JSON"))
        diag("%s", out.block);
}

/* A call that a signal interrupts, and that the kernel begins again. */
static void test_restarts(void)
{
    static const int inside[] = {-512, -513, -514, -516};
    struct task task = {.call = __NR_io_uring_enter};
    struct looked look;
    bool looked;

    start();
    for (unsigned i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        call_returned(&model, &task, inside[i], &look, &looked);
        is_int((long long)told.result, -EINTR, "%d is told as EINTR", inside[i]);
    }
    call_returned(&model, &task, -511, &look, &looked);
    is_int((long long)told.result, -511, "-511 is what it is");
    call_returned(&model, &task, -517, &look, &looked);
    is_int((long long)told.result, -517, "so is -517");
    ok(!looked, "no ring is looked at");
}

int main(void)
{
    model_start(&model);
    test_requests();
    test_completions();
    test_lines();
    test_gaps();
    test_fits();
    test_places();
    test_full();
    test_latencies();
    test_results();
    test_stops();
    test_habits();
    test_restarts();
    test_left_behind();
    return done();
}
