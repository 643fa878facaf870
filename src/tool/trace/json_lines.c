/* SPDX-License-Identifier: MIT */
/* Events as JSON, one object a line; rota(1) describes the keys. */
#include <rota/names.h>
#include <stdio.h>
#include <string.h>

#include "tool/tool.h"
#include "tool/trace/sinks.h"

struct json {
    struct sink sink;
    struct sink_options options;
};

static const char *const kinds[] = {
    [EVENT_SETUP] = "setup", [EVENT_REGISTER] = "register", [EVENT_ENTER] = "enter",
    [EVENT_FOUND] = "found", [EVENT_REQUEST] = "request",   [EVENT_COMPLETION] = "completion",
    [EVENT_LOST] = "lost",   [EVENT_END] = "end",           [EVENT_NOTE] = "note",
};

/* What stands in front of a value; in one piece, for most of a line are keys. */
#define KEY(name) ", \"" name "\": "

static inline void number(struct out *out, const char *key, int64_t value)
{
    out_text(out, key);
    out_signed(out, value);
}

static inline void hex(struct out *out, const char *key, uint64_t value)
{
    out_text(out, key);
    out_char(out, '"');
    out_hex(out, value);
    out_char(out, '"');
}

static inline void string(struct out *out, const char *key, const char *value)
{
    out_text(out, key);
    out_json(out, value);
}

/* Flags as an array of their names; what has no name in hexadecimal. */
static void flags(struct out *out, const char *key, const char *group, uint64_t value)
{
    char names[1024];
    const char *at = value ? flags_text(group, value, "|", names, sizeof(names)) : "";

    out_text(out, key);
    out_char(out, '[');
    while (*at) {
        size_t length = strcspn(at, "|");

        out_char(out, '"');
        out_put(out, at, length);
        out_char(out, '"');
        at += length;
        if (*at) {
            out_text(out, ", ");
            at++;
        }
    }
    out_char(out, ']');
}

static void result(struct out *out, int64_t value)
{
    const char *name = value < 0 && value >= -MAX_ERRNO ? rota_error_name((int)value) : NULL;

    number(out, KEY("res"), value);
    if (name)
        string(out, KEY("error"), name);
}

static void request(struct out *out, const struct event *event, bool whole)
{
    const struct request *request = event->request;
    const struct io_uring_sqe *sqe = request_sqe(request);
    const char *name = rota_op_name(sqe->opcode);
    char text[8192];

    number(out, KEY("request"), (int64_t)request->number);
    string(out, KEY("op"), name);
    hex(out, KEY("user_data"), sqe->user_data);
    if (!whole)
        return;
    number(out, KEY("opcode"), sqe->opcode);
    number(out, KEY("fd"), sqe->fd);
    number(out, KEY("len"), sqe->len);
    hex(out, KEY("off"), sqe->off);
    hex(out, KEY("addr"), sqe->addr);
    flags(out, KEY("flags"), "sqe", sqe->flags);
    if (request->bad_slot) {
        out_text(out, KEY("dropped") "true");
    }
    request_text(request, text, sizeof(text));
    string(out, KEY("text"), text);
}

static void completion(struct out *out, const struct event *event)
{
    const struct completion *cqe = event->cqe;
    uint32_t bits = cqe->flags;

    if (!event->request)
        hex(out, KEY("user_data"), cqe->user_data);
    result(out, cqe->res);
    if (bits & IORING_CQE_F_BUFFER) {
        number(out, KEY("buffer"), bits >> IORING_CQE_BUFFER_SHIFT);
        bits &= (1U << IORING_CQE_BUFFER_SHIFT) - 1;
    }
    flags(out, KEY("cqe_flags"), "cqe", bits);
    if (cqe->big) {
        hex(out, KEY("extra1"), cqe->extra[0]);
        hex(out, KEY("extra2"), cqe->extra[1]);
    }
    if (event->ambiguous) {
        out_text(out, KEY("ambiguous") "true");
    }
    if (event->timed)
        number(out, KEY("latency_ns"), (int64_t)event->latency);
}

static void put_event(struct sink *sink, const struct event *event)
{
    const struct sink_options *options = &((const struct json *)sink)->options;
    struct out *out = options->out;

    if (event->kind == EVENT_ENTER && !options->enters && event->result >= 0 &&
        event->result >= (int64_t)event->to_submit)
        return;
    out_text(out, "{\"event\": \"");
    out_text(out, kinds[event->kind]);
    out_text(out, "\", \"time\": ");
    out_seconds(out, event->time, 1);
    number(out, KEY("pid"), event->pid);
    if (event->tid)
        number(out, KEY("tid"), event->tid);
    if (event->ring)
        number(out, KEY("ring"), event->ring->number);
    switch (event->kind) {
    case EVENT_SETUP:
    case EVENT_REGISTER:
    case EVENT_FOUND:
        if (event->text) {
            string(out, KEY("text"), event->text);
            result(out, event->result);
        }
        if (event->ring && event->kind != EVENT_REGISTER) {
            number(out, KEY("fd"), event->ring->fd);
            number(out, KEY("sq_entries"), event->ring->params.sq_entries);
            number(out, KEY("cq_entries"), event->ring->params.cq_entries);
            flags(out, KEY("setup_flags"), "setup", ring_flags(event->ring));
            flags(out, KEY("features"), "feature", event->ring->features);
        }
        break;
    case EVENT_ENTER:
        number(out, KEY("to_submit"), event->to_submit);
        number(out, KEY("min_complete"), event->min_complete);
        flags(out, KEY("enter_flags"), "enter", event->enter_flags);
        result(out, event->result);
        number(out, KEY("completions"), event->found);
        break;
    case EVENT_REQUEST:
        request(out, event, true);
        if (event->cqe)
            completion(out, event);
        break;
    case EVENT_COMPLETION:
        if (event->request)
            request(out, event, false);
        completion(out, event);
        break;
    case EVENT_LOST:
        number(out, KEY("requests"), (int64_t)event->lost_requests);
        number(out, KEY("completions"), (int64_t)event->lost_completions);
        break;
    case EVENT_NOTE:
        string(out, KEY("text"), event->text);
        break;
    case EVENT_END:
        number(out, KEY("in_flight"), (int64_t)event->ring->pending.count);
        break;
    }
    if (event->why)
        string(out, KEY("why"), event->why);
    out_text(out, "}\n");
}

static void end(struct sink *sink, uint64_t time)
{
    (void)sink;
    (void)time;
}

struct sink *json_sink(const struct sink_options *options)
{
    static struct json json;

    json.sink.event = put_event;
    json.sink.end = end;
    json.options = *options;
    return &json.sink;
}
