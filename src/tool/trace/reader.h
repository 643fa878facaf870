/* SPDX-License-Identifier: MIT */
/* A thread that reads rings while nobody stops. */
#ifndef ROTA_SRC_TOOL_TRACE_READER_H
#define ROTA_SRC_TOOL_TRACE_READER_H

#include <dirent.h>

#include "tool/trace/stops.h"

/* A count of worker threads that goes on. */
struct workers {
    DIR *directory; /* NULL: none does */
    int pid;
    unsigned count;
};

struct reader {
    struct stops *stops;     /* whose rings; its model is the reader's */
    int find_in;             /* a process whose new rings are looked for; 0: none */
    int process;             /* the same as a descriptor */
    uint64_t checked, found; /* times */
    unsigned names_due;      /* to be checked, one at a time */
    DIR *files;              /* a search for new rings that goes on; NULL: none does */
    struct workers workers;
    pthread_t thread;
    bool started;
    bool ended; /* the process is gone */
    int stop;
};

/* Whether a process, by its descriptor, has ended, though it may still have its number. */
bool process_ended(int process);
/* 0 or a positive errno. */
int reader_start(struct reader *reader);
void reader_stop(struct reader *reader);

#endif /* ROTA_SRC_TOOL_TRACE_READER_H */
