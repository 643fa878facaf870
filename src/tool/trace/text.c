/* SPDX-License-Identifier: MIT */
/*
 * Events as lines for people:
 *
 *     SECONDS  THREAD ring N  #NUMBER REQUEST = RESULT <LATENCY>
 *     SECONDS  PROCESS ring N  #NUMBER NAME = RESULT <LATENCY>      completed later
 */
#include <rota/names.h>
#include <stdlib.h>
#include <string.h>

#include "tool/tool.h"
#include "tool/trace/calls.h"
#include "tool/trace/sinks.h"
#include "tool/trace/trace.h"

#define LINE_ROOM 8192

struct text {
    struct sink sink;
    struct sink_options options;
};

static const char *const colours[] = {
    [TONE_PLAIN] = "\033[0m",    [TONE_GOOD] = "\033[32m", [TONE_BAD] = "\033[31m",
    [TONE_WARNING] = "\033[33m", [TONE_TITLE] = "\033[1m", [TONE_FAINT] = "\033[2m",
};

static void tone(const struct text *text, enum tone tone)
{
    if (text->options.out->colour)
        out_text(text->options.out, colours[tone]);
}

static void prefix(const struct text *text, const struct event *event)
{
    struct out *out = text->options.out;

    tone(text, TONE_FAINT);
    out_seconds(out, event->time, 3);
    out_char(out, ' ');
    out_column(out, (unsigned)(event->tid ? event->tid : event->pid), 6);
    if (event->ring) {
        out_put(out, " ring ", 6);
        out_decimal(out, event->ring->number);
    }
    out_put(out, "  ", 2);
    tone(text, TONE_PLAIN);
}

static void put_result(const struct text *text, int64_t result, bool ambiguous)
{
    struct out *out = text->options.out;
    const char *name = result < 0 && result >= -MAX_ERRNO ? rota_error_name((int)result) : NULL;

    out_text(out, ambiguous ? " =? " : " = ");
    if (result < 0)
        tone(text, TONE_BAD);
    out_signed(out, result);
    if (name) {
        out_char(out, ' ');
        out_text(out, name);
    }
    if (result < 0)
        tone(text, TONE_PLAIN);
}

static void put_bytes(struct out *out, const unsigned char *bytes, size_t count)
{
    static const char hex[] = "0123456789abcdef";

    for (size_t i = 0; i < count; i++) {
        unsigned char c = bytes[i];

        if (c == '"' || c == '\\') {
            out_char(out, '\\');
            out_char(out, (char)c);
        } else if (c >= 0x20 && c < 0x7f) {
            out_char(out, (char)c);
        } else if (c == '\n') {
            out_put(out, "\\n", 2);
        } else {
            out_put(out, "\\x", 2);
            out_char(out, hex[c >> 4]);
            out_char(out, hex[c & 15]);
        }
    }
}

static void put_completion(const struct text *text, const struct event *event)
{
    const struct completion *cqe = event->cqe;
    struct out *out = text->options.out;
    uint32_t flags = cqe->flags;
    char names[256];

    put_result(text, cqe->res, event->ambiguous);
    if (flags & IORING_CQE_F_BUFFER) {
        out_text(out, " buffer=");
        out_decimal(out, flags >> IORING_CQE_BUFFER_SHIFT);
        flags &= ((1U << IORING_CQE_BUFFER_SHIFT) - 1) & ~IORING_CQE_F_BUFFER;
    }
    if (flags) {
        out_char(out, ' ');
        out_text(out, flags_text("cqe", flags, "|", names, sizeof(names)));
    }
    if (cqe->big && (cqe->extra[0] || cqe->extra[1])) {
        out_text(out, " extra=");
        out_hex(out, cqe->extra[0]);
        out_char(out, ',');
        out_hex(out, cqe->extra[1]);
    }
    if (text->options.data && cqe->res > 0) {
        unsigned char bytes[1024];
        size_t count = received(
            event, bytes, text->options.data < sizeof(bytes) ? text->options.data : sizeof(bytes));

        if (count) {
            out_text(out, " \"");
            put_bytes(out, bytes, count);
            out_text(out, count < (size_t)cqe->res ? "\"..." : "\"");
        }
    }
    if (event->timed) {
        out_text(out, " <");
        out_duration(out, event->latency);
        out_char(out, '>');
    }
}

static void put_why(const struct text *text, const char *why)
{
    struct out *out = text->options.out;

    while (why && *why) {
        const char *end = strchr(why, '\n');
        size_t length = end ? (size_t)(end - why) : strlen(why);

        out_text(out, "           | ");
        out_put(out, why, length);
        out_char(out, '\n');
        why = end ? end + 1 : NULL;
    }
}

static void put_request(const struct text *text, const struct event *event)
{
    struct out *out = text->options.out;
    const struct request *request = event->request;

    prefix(text, event);
    if (!request) { /* a completion of something that was not seen */
        out_text(out, "completion user_data=");
        out_hex(out, event->cqe->user_data);
        put_completion(text, event);
        out_char(out, '\n');
        return;
    }
    out_char(out, '#');
    out_decimal(out, request->number);
    out_char(out, ' ');
    if (request->bad_slot) {
        out_text(out, "dropped: the SQ array names no entry\n");
        return;
    }
    if (event->kind == EVENT_COMPLETION) {
        const char *name = rota_op_name(request->sqe[0]);

        out_text(out, name ? name : "?");
    } else {
        char *room = out_room(out, LINE_ROOM);

        out_took(out, request_text(request, room, LINE_ROOM));
    }
    if (event->cqe)
        put_completion(text, event);
    else
        out_text(out, " ...");
    out_char(out, '\n');
    if (event->why && event->ambiguous)
        put_why(text, "it may be another one's, which carried the same user_data");
    put_why(text, event->why);
}

static void put_call(const struct text *text, const struct event *event)
{
    struct out *out = text->options.out;
    const struct ring *ring = event->ring;

    prefix(text, event);
    out_text(out, event->text);
    put_result(text, event->result, false);
    if (event->kind == EVENT_SETUP && ring) {
        char names[512];

        out_text(out, "  {sq_entries=");
        out_decimal(out, ring->params.sq_entries);
        out_text(out, ", cq_entries=");
        out_decimal(out, ring->params.cq_entries);
        out_text(out, ", features=");
        out_text(out, flags_text("feature", ring->features, "|", names, sizeof(names)));
        out_char(out, '}');
        if (!ring_readable(ring))
            out_text(out, "  (its queues cannot be read)");
    }
    out_char(out, '\n');
    put_why(text, event->why);
}

static void put_enter(const struct text *text, const struct event *event)
{
    struct out *out = text->options.out;
    char call[512];
    const uint64_t args[6] = {(uint64_t)(event->ring ? event->ring->fd : -1), event->to_submit,
                              event->min_complete, event->enter_flags};

    if (!text->options.enters && event->result >= 0 && event->result >= (int64_t)event->to_submit)
        return;
    prefix(text, event);
    describe_enter(call, sizeof(call), args);
    out_text(out, call);
    put_result(text, event->result, false);
    if (event->result >= 0 && event->result < (int64_t)event->to_submit)
        out_text(out, "  (short)");
    out_char(out, '\n');
    put_why(text, event->why);
}

static void put_event(struct sink *sink, const struct event *event)
{
    const struct text *text = (const struct text *)sink;
    struct out *out = text->options.out;
    uint64_t unended;
    char names[512];

    switch (event->kind) {
    case EVENT_SETUP:
    case EVENT_REGISTER:
        put_call(text, event);
        return;
    case EVENT_ENTER:
        put_enter(text, event);
        return;
    case EVENT_REQUEST:
    case EVENT_COMPLETION:
        put_request(text, event);
        return;
    case EVENT_FOUND:
        prefix(text, event);
        out_text(out, "found: descriptor ");
        out_decimal(out, (unsigned)event->ring->fd);
        out_text(out, ", sq_entries=");
        out_decimal(out, event->ring->params.sq_entries);
        out_text(out, ", cq_entries=");
        out_decimal(out, event->ring->params.cq_entries);
        out_text(out, ", flags as far as can be seen: ");
        out_text(out, flags_text("setup", ring_flags(event->ring), "|", names, sizeof(names)));
        if (!ring_readable(event->ring))
            out_text(out, "  (its queues cannot be read)");
        out_char(out, '\n');
        return;
    case EVENT_LOST:
        prefix(text, event);
        tone(text, TONE_WARNING);
        out_text(out, "not seen: ");
        out_decimal(out, event->lost_requests);
        out_text(out, " requests and ");
        out_decimal(out, event->lost_completions);
        out_text(out, " completions were overwritten before they could be read");
        tone(text, TONE_PLAIN);
        out_char(out, '\n');
        return;
    case EVENT_NOTE:
        prefix(text, event);
        tone(text, TONE_WARNING);
        out_text(out, event->text);
        tone(text, TONE_PLAIN);
        out_char(out, '\n');
        return;
    case EVENT_END:
        unended = event->ring->pending.count + event->ring->pending.forgotten;
        prefix(text, event);
        out_text(out, "closed");
        if (unended) {
            out_text(out, ", with ");
            out_decimal(out, unended);
            out_text(out, unended == 1 ? " request" : " requests");
            out_text(out, " whose end was not seen");
        }
        out_char(out, '\n');
        return;
    }
}

static void end(struct sink *sink, uint64_t time)
{
    (void)sink;
    (void)time;
}

struct sink *text_sink(const struct sink_options *options)
{
    static struct text text;

    text.sink.event = put_event;
    text.sink.end = end;
    text.options = *options;
    return &text.sink;
}
