/* SPDX-License-Identifier: MIT */
/* A thread that reads rings while nobody stops. */
#ifndef ROTA_SRC_TOOL_TRACE_READER_H
#define ROTA_SRC_TOOL_TRACE_READER_H

#include "tool/trace/stops.h"

struct reader {
    struct stops *stops; /* whose rings; its model is the reader's */
    bool eager;          /* spins while there is something to read, for no stop tells of it */
    int find_in;         /* a process whose new rings are looked for; 0: none */
    pthread_t thread;
    bool started;
    bool ended; /* the process is gone */
    int stop;
};

/* 0 or a positive errno. */
int reader_start(struct reader *reader);
void reader_stop(struct reader *reader);

#endif /* ROTA_SRC_TOOL_TRACE_READER_H */
