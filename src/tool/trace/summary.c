/* SPDX-License-Identifier: MIT */
/* The sink that sums up, and prints at the end. */
#include "tool/trace/summary.h"

#include <errno.h>
#include <fcntl.h>
#include <rota/names.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"
#include "tool/trace/trace.h"

#define BAR 40

struct summary {
    struct sink sink;
    struct sink_options options;
    bool json;
};

static struct tally *tally_of(struct ring *ring)
{
    if (!ring->tally)
        ring->tally = need_memory(calloc(1, sizeof(*ring->tally)));
    return ring->tally;
}

static struct op_tally *op_of(struct ring *ring, unsigned opcode)
{
    struct op_tally **op = &tally_of(ring)->ops[opcode];

    if (!*op)
        *op = need_memory(calloc(1, sizeof(**op)));
    return *op;
}

/* Which of `latencies` counts it: the power of two, and the quarter above it. */
static unsigned latency_index(uint64_t latency)
{
    unsigned power, index;

    if (latency < LATENCY_STEPS)
        return (unsigned)latency;
    power = 63 - (unsigned)__builtin_clzll(latency);
    index = power * LATENCY_STEPS + (unsigned)(latency >> (power - 2) & (LATENCY_STEPS - 1));
    return index < LATENCIES ? index : LATENCIES - 1;
}

/* The upper end of what it counts. */
static uint64_t latency_end(unsigned index)
{
    unsigned power = index / LATENCY_STEPS;

    if (power < 2)
        return index;
    return (UINT64_C(1) << power) + ((uint64_t)(index % LATENCY_STEPS + 1) << (power - 2)) - 1;
}

uint64_t latency_at(const struct op_tally *op, unsigned percent)
{
    uint64_t total = 0, wanted, sum = 0;

    for (unsigned i = 0; i < LATENCIES; i++)
        total += op->latencies[i];
    wanted = (total * percent + 99) / 100;
    for (unsigned i = 0; i < LATENCIES; i++) {
        sum += op->latencies[i];
        /* The last one has no end. */
        if (sum && sum >= wanted)
            return latency_end(i) < op->maximum && i < LATENCIES - 1 ? latency_end(i) : op->maximum;
    }
    return 0;
}

/* The file status flags of a descriptor there; -1: not known. */
static int flags_of(int pid, int fd)
{
    char path[64], line[128];
    int flags = -1;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", pid, fd);
    file = fopen(path, "re");
    if (!file)
        return -1;
    while (fgets(line, sizeof(line), file)) {
        if (!strncmp(line, "flags:", 6)) {
            flags = (int)strtoul(line + 6, NULL, 8);
            break;
        }
    }
    fclose(file);
    return flags;
}

static void count_error(struct op_tally *op, const struct event *event)
{
    const struct io_uring_sqe *sqe = request_sqe(event->request);
    int error = -event->cqe->res;

    op->failed++;
    for (unsigned i = 0; i < ERRORS_TOLD; i++) {
        if (op->errors[i].error && op->errors[i].error != error)
            continue;
        op->errors[i].error = error;
        op->errors[i].count++;
        break;
    }
    if (error == ENOBUFS && (sqe->flags & IOSQE_BUFFER_SELECT))
        op->without_buffer++;
    if (error == EINVAL && !(sqe->flags & IOSQE_FIXED_FILE) &&
        request_most(event->request) != UINT32_MAX && ((sqe->addr | sqe->off | sqe->len) & 511)) {
        int flags = flags_of(event->request->pid, sqe->fd);

        if (flags >= 0 && (flags & O_DIRECT))
            op->unaligned++;
    }
}

static void count_completion(const struct event *event)
{
    struct tally *tally = tally_of(event->ring);
    struct op_tally *op;

    tally->completions++;
    if (!event->request) {
        tally->unknown++;
        return;
    }
    op = op_of(event->ring, event->request->sqe[0]);
    op->completions++;
    if (event->cqe->res < 0)
        count_error(op, event);
    else if (request_most(event->request) != UINT32_MAX)
        op->bytes += (uint64_t)event->cqe->res;
    if (event->request->completions > 1 || !event->timed)
        return; /* a stream and notifications say nothing of the time to the first result */
    op->timed = true;
    op->latencies[latency_index(event->latency)]++;
    if (event->latency > op->maximum)
        op->maximum = event->latency;
}

static void count_request(const struct event *event)
{
    const struct io_uring_sqe *sqe = request_sqe(event->request);
    struct op_tally *op = op_of(event->ring, sqe->opcode);
    struct tally *tally = event->ring->tally;

    op->requests++;
    tally->requests++;
    if (sqe->flags & IOSQE_ASYNC)
        op->asked_async++;
    if (request_is_poll_once(event->request)) {
        op->rearmed += sqe->fd == tally->poll_fd - 1;
        tally->poll_fd = sqe->fd + 1;
    }
}

static void count_enter(const struct event *event)
{
    struct tally *tally;

    if (!event->ring)
        return;
    tally = tally_of(event->ring);
    tally->enters++;
    if (event->result < 0) {
        tally->failed_enters++;
    } else {
        tally->submitted += (uint64_t)event->result;
        tally->short_submits += event->result < (int64_t)event->to_submit;
    }
    tally->found += event->found;
    if (event->to_submit) {
        tally->submitting++;
        tally->single += event->to_submit == 1;
    } else if (!event->found && (event->enter_flags & IORING_ENTER_GETEVENTS)) {
        tally->idle++;
    }
    if (event->min_complete == 1 && (event->enter_flags & IORING_ENTER_GETEVENTS)) {
        tally->waits_for_one++;
        tally->found_by_one += event->found;
        tally->in_flight_then += event->ring->pending.count;
    }
}

static void count(struct sink *sink, const struct event *event)
{
    struct tally *tally;

    (void)sink;
    if (event->ring) {
        tally = tally_of(event->ring);
        if (!tally->first_time)
            tally->first_time = event->time;
        if (event->time > tally->last_time)
            tally->last_time = event->time;
    }
    switch (event->kind) {
    case EVENT_REQUEST:
        count_request(event);
        if (event->cqe)
            count_completion(event);
        return;
    case EVENT_COMPLETION:
        count_completion(event);
        return;
    case EVENT_ENTER:
        count_enter(event);
        return;
    case EVENT_LOST:
        tally_of(event->ring)->lost_requests += event->lost_requests;
        tally_of(event->ring)->lost_completions += event->lost_completions;
        return;
    case EVENT_NOTE:
        if (event->ring && event->result > 0)
            tally_of(event->ring)->left_behind += (uint64_t)event->result;
        return;
    default:
        return;
    }
}

/*
 * Text
 */

static void put_bytes(struct out *out, uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1024 && unit < 6) {
        value /= 1024;
        unit++;
    }
    out_format(out, unit ? " %8.1f %-3s" : " %8.0f %-3s", value, units[unit]);
}

/* A duration to the right of ten columns; of nothing a stroke. */
static void put_duration(struct out *out, uint64_t nanoseconds, bool known)
{
    size_t before = out->length;
    char text[32];
    size_t length;

    if (!known) {
        out_text(out, "         -");
        return;
    }
    (void)out_room(out, 64);
    before = out->length;
    out_duration(out, nanoseconds);
    length = out->length - before;
    memcpy(text, out->block + before, length);
    out->length = before;
    for (size_t i = length; i < 10; i++)
        out_char(out, ' ');
    out_put(out, text, length);
}

static void put_histogram(struct out *out, const char *name, const struct op_tally *op)
{
    uint64_t powers[LATENCIES / LATENCY_STEPS] = {0}, most = 0;
    unsigned first = LATENCIES, last = 0;

    for (unsigned i = 0; i < LATENCIES; i++) {
        if (!op->latencies[i])
            continue;
        powers[i / LATENCY_STEPS] += op->latencies[i];
        if (i / LATENCY_STEPS < first)
            first = i / LATENCY_STEPS;
        last = i / LATENCY_STEPS;
    }
    for (unsigned i = 0; i < LATENCIES / LATENCY_STEPS; i++) {
        if (powers[i] > most)
            most = powers[i];
    }
    if (!most)
        return;
    out_format(out, "\n    %s: time to the first result\n", name);
    for (unsigned i = first; i <= last; i++) {
        unsigned length = (unsigned)(powers[i] * BAR / most);
        char bar[BAR + 1];

        /* A gap is one line, however wide it is. */
        if (!powers[i]) {
            if (powers[i - 1])
                out_text(out, "    ...\n");
            continue;
        }
        memset(bar, '#', length ? length : 1);
        bar[length ? length : 1] = '\0';
        out_text(out, "    from");
        put_duration(out, i ? UINT64_C(1) << i : 0, true);
        out_format(out, " |%-*s| %llu\n", BAR, bar, (unsigned long long)powers[i]);
    }
}

static void put_ops(struct out *out, const struct tally *tally)
{
    out_text(out, "\n    request           count    failed        bytes       p50       p90       "
                  "p99       max\n");
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        const struct op_tally *op = tally->ops[opcode];
        const char *name = rota_op_name(opcode);

        if (!op)
            continue;
        out_format(out, "    %-14s %8llu  %8llu", name ? name : "?",
                   (unsigned long long)op->requests, (unsigned long long)op->failed);
        put_bytes(out, op->bytes);
        put_duration(out, latency_at(op, 50), op->timed);
        put_duration(out, latency_at(op, 90), op->timed);
        put_duration(out, latency_at(op, 99), op->timed);
        put_duration(out, op->maximum, op->timed);
        out_char(out, '\n');
        for (unsigned i = 0; i < ERRORS_TOLD && op->errors[i].error; i++) {
            const char *error = rota_error_name(op->errors[i].error);

            out_format(out, "      %llu times %s: %s\n", (unsigned long long)op->errors[i].count,
                       error ? error : "an unknown error",
                       error ? rota_error_meaning(op->errors[i].error) : "");
        }
    }
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        if (tally->ops[opcode])
            put_histogram(out, rota_op_name(opcode) ? rota_op_name(opcode) : "?",
                          tally->ops[opcode]);
    }
}

static double share(uint64_t part, uint64_t whole)
{
    return whole ? 100.0 * (double)part / (double)whole : 100.0;
}

static void put_seen(struct out *out, const struct ring *ring)
{
    const struct followed *sq = &ring->sq, *cq = &ring->cq;

    if (!ring->opened) {
        out_text(out, "    its queues could not be read\n");
        return;
    }
    if (ring->params.flags & IORING_SETUP_SQ_REWIND && ring->running)
        out_text(out, "    requests cannot be followed without a stop: IORING_SETUP_SQ_REWIND has "
                      "no index\n");
    if (sq->passed == sq->read && cq->passed == cq->read && !sq->unsure && !cq->unsure) {
        out_text(out, "    seen: all of them\n");
        return;
    }
    out_format(out,
               "    seen: %llu of %llu requests (%.2f %%), %llu of %llu completions (%.2f %%); the "
               "others were overwritten first\n",
               (unsigned long long)sq->read, (unsigned long long)sq->passed,
               share(sq->read, sq->passed), (unsigned long long)cq->read,
               (unsigned long long)cq->passed, share(cq->read, cq->passed));
    if (sq->unsure || cq->unsure)
        out_format(
            out,
            "    of these %llu requests and %llu completions may have been overwritten while "
            "they were read\n",
            (unsigned long long)sq->unsure, (unsigned long long)cq->unsure);
    if (ring->running && (share(sq->read, sq->passed) < 90 || share(cq->read, cq->passed) < 90))
        out_format(out, "    to see more takes a processor that is free%s\n",
                   ring_flags(ring) & IORING_SETUP_SQPOLL ? "" : ", or --stop, which sees all");
}

static void put_ring(struct out *out, const struct ring *ring)
{
    const struct tally *tally = ring->tally;
    struct pathology found[MOST_PATHOLOGIES];
    unsigned count = find_pathologies(ring, found);
    char names[512];

    out_format(out, "ring %u  process %d, ", ring->number, ring->pid);
    if (ring->fd >= 0)
        out_format(out, "descriptor %d, ", ring->fd);
    out_format(out, "%u and %u entries, %s%s\n", ring->params.sq_entries, ring->params.cq_entries,
               ring->assumed ? "as far as can be seen " : "",
               ring_flags(ring) ? flags_text("setup", ring_flags(ring), "|", names, sizeof(names))
                                : "no flags");
    out_format(out, "    %llu requests and %llu completions in ",
               (unsigned long long)tally->requests, (unsigned long long)tally->completions);
    out_duration(out, tally->last_time - tally->first_time);
    out_char(out, '\n');
    if (tally->enters)
        out_format(
            out,
            "    %llu calls of io_uring_enter: %.1f requests and %.1f completions each; %llu "
            "brought nothing, %llu failed\n",
            (unsigned long long)tally->enters, (double)tally->submitted / (double)tally->enters,
            (double)tally->found / (double)tally->enters, (unsigned long long)tally->idle,
            (unsigned long long)tally->failed_enters);
    else if (ring->sq.batches && sees_batches(ring))
        out_format(out, "    about %.1f requests at a time\n",
                   (double)ring->sq.passed / (double)ring->sq.batches);
    put_seen(out, ring);
    if (tally->requests)
        put_ops(out, tally);
    for (unsigned i = 0; i < count; i++)
        out_format(out, "%s    ! %s: %s\n        %s\n", i ? "" : "\n", found[i].name,
                   found[i].evidence, found[i].remedy);
    out_char(out, '\n');
}

/*
 * JSON
 */

static void put_ring_json(struct out *out, const struct ring *ring)
{
    const struct tally *tally = ring->tally;
    struct pathology found[MOST_PATHOLOGIES];
    unsigned count = find_pathologies(ring, found);
    bool any = false;

    out_format(
        out,
        "{\"event\": \"summary\", \"ring\": %u, \"pid\": %d, \"fd\": %d, \"sq_entries\": %u, "
        "\"cq_entries\": %u, \"requests\": %llu, \"completions\": %llu, \"enters\": %llu, "
        "\"submitted\": %llu, \"found\": %llu, \"nothing_found\": %llu, ",
        ring->number, ring->pid, ring->fd, ring->params.sq_entries, ring->params.cq_entries,
        (unsigned long long)tally->requests, (unsigned long long)tally->completions,
        (unsigned long long)tally->enters, (unsigned long long)tally->submitted,
        (unsigned long long)tally->found, (unsigned long long)tally->idle);
    out_format(out,
               "\"sq\": {\"passed\": %llu, \"read\": %llu, \"unsure\": %llu, \"batches\": %llu}, "
               "\"cq\": {\"passed\": %llu, \"read\": %llu, \"unsure\": %llu}, \"ops\": [",
               (unsigned long long)ring->sq.passed, (unsigned long long)ring->sq.read,
               (unsigned long long)ring->sq.unsure, (unsigned long long)ring->sq.batches,
               (unsigned long long)ring->cq.passed, (unsigned long long)ring->cq.read,
               (unsigned long long)ring->cq.unsure);
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        const struct op_tally *op = tally->ops[opcode];

        if (!op)
            continue;
        out_text(out, any ? ", {\"op\": " : "{\"op\": ");
        any = true;
        out_json(out, rota_op_name(opcode));
        out_format(out,
                   ", \"opcode\": %u, \"requests\": %llu, \"completions\": %llu, \"failed\": %llu, "
                   "\"bytes\": %llu",
                   opcode, (unsigned long long)op->requests, (unsigned long long)op->completions,
                   (unsigned long long)op->failed, (unsigned long long)op->bytes);
        if (op->timed)
            out_format(
                out, ", \"p50_ns\": %llu, \"p90_ns\": %llu, \"p99_ns\": %llu, \"max_ns\": %llu",
                (unsigned long long)latency_at(op, 50), (unsigned long long)latency_at(op, 90),
                (unsigned long long)latency_at(op, 99), (unsigned long long)op->maximum);
        out_text(out, ", \"errors\": {");
        for (unsigned i = 0; i < ERRORS_TOLD && op->errors[i].error; i++) {
            const char *error = rota_error_name(op->errors[i].error);

            out_format(out, "%s\"%s\": %llu", i ? ", " : "", error ? error : "unknown",
                       (unsigned long long)op->errors[i].count);
        }
        out_text(out, "}}");
    }
    out_text(out, "], \"pathologies\": [");
    for (unsigned i = 0; i < count; i++) {
        out_text(out, i ? ", {\"name\": " : "{\"name\": ");
        out_json(out, found[i].name);
        out_text(out, ", \"evidence\": ");
        out_json(out, found[i].evidence);
        out_text(out, ", \"remedy\": ");
        out_json(out, found[i].remedy);
        out_char(out, '}');
    }
    out_text(out, "]}\n");
}

/* A ring that could be read, and through which nothing went. Servers keep some in store. */
static bool is_unused(const struct ring *ring)
{
    return ring->opened && !ring->sq.passed && !ring->cq.passed && !ring->tally->requests &&
           !ring->tally->completions && !ring->tally->enters;
}

static void end(struct sink *sink, uint64_t time)
{
    const struct summary *summary = (const struct summary *)sink;
    unsigned unused = 0;
    bool any = false;

    (void)time;
    for (struct ring *ring = summary->options.model->rings; ring; ring = ring->next) {
        if (!ring->tally)
            continue;
        any = true;
        if (summary->json)
            put_ring_json(summary->options.out, ring);
        else if (is_unused(ring))
            unused++;
        else
            put_ring(summary->options.out, ring);
    }
    if (unused)
        out_format(summary->options.out, "%u %sring%s: not used\n", unused,
                   unused == summary->options.model->ring_count ? "" : "other ",
                   unused == 1 ? "" : "s");
    if (!any && !summary->json)
        out_text(summary->options.out, "no ring was seen\n");
}

struct sink *summary_sink(const struct sink_options *options, bool json)
{
    static struct summary summary;

    summary.sink.event = count;
    summary.sink.end = end;
    summary.options = *options;
    summary.json = json;
    return &summary.sink;
}
