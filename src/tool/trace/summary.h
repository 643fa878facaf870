/* SPDX-License-Identifier: MIT */
/* Sums by ring and opcode, and what they give away. */
#ifndef ROTA_SRC_TOOL_TRACE_SUMMARY_H
#define ROTA_SRC_TOOL_TRACE_SUMMARY_H

#include "tool/trace/sinks.h"

/* Latencies: four steps for each power of two of nanoseconds. */
#define LATENCY_STEPS 4
#define LATENCIES     (40 * LATENCY_STEPS)
#define ERRORS_TOLD   8

struct op_tally {
    uint64_t requests, completions, failed, bytes;
    bool timed;       /* of one at least the latency is known */
    uint64_t maximum; /* nanoseconds */
    uint64_t latencies[LATENCIES];
    struct {
        int error;
        uint64_t count;
    } errors[ERRORS_TOLD]; /* as they came; further ones are in `failed` only */
    uint64_t asked_async, without_buffer, unaligned, rearmed;
};

struct tally {
    struct op_tally *ops[256];
    uint64_t requests, completions, unknown;
    uint64_t enters, failed_enters, submitting, single, short_submits, idle;
    uint64_t submitted, found;
    uint64_t waits_for_one, found_by_one, in_flight_then;
    uint64_t cut;
    uint64_t left_behind; /* in flight when their thread ended */
    uint64_t lost_requests, lost_completions;
    uint64_t last_request; /* its number: whether a link was cut is known with the next look */
    uint64_t first_time, last_time;
    int poll_fd; /* of the last poll that was not multishot */
};

struct pathology {
    const char *name;
    char evidence[256];
    const char *remedy;
};

#define MOST_PATHOLOGIES 12

/* What is conspicuous about a ring; returns how many. */
unsigned find_pathologies(const struct ring *ring, struct pathology *found);
/* Whether so little was missed that a move of the tail is one submit. */
bool sees_batches(const struct ring *ring);
/* The latency that `percent` of the completions did not exceed. */
uint64_t latency_at(const struct op_tally *op, unsigned percent);

struct sink *summary_sink(const struct sink_options *options, bool json);

#endif /* ROTA_SRC_TOOL_TRACE_SUMMARY_H */
