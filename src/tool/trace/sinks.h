/* SPDX-License-Identifier: MIT */
/* The sinks of events. Each is made once and lives as long as the program. */
#ifndef ROTA_SRC_TOOL_TRACE_SINKS_H
#define ROTA_SRC_TOOL_TRACE_SINKS_H

#include "tool/trace/model.h"

struct sink_options {
    struct out *out;
    bool enters;   /* a line for each io_uring_enter(2) */
    uint32_t data; /* bytes of data that are shown when a request completed */
    const struct model *model;
};

struct sink *text_sink(const struct sink_options *options);
struct sink *json_sink(const struct sink_options *options);

/* The data that a completed request was given, at most `most` bytes of it; the number copied. */
size_t received(const struct event *event, unsigned char *bytes, size_t most);

#endif /* ROTA_SRC_TOOL_TRACE_SINKS_H */
