/* SPDX-License-Identifier: MIT */
/* What the sums of a ring give away: each with its evidence and a remedy. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include <rota/names.h>

#include "tool/trace/summary.h"

/* So often before a habit is called one. */
#define HABIT 100
/* Nanoseconds from one call to the next of a ring that is busy. */
#define OFTEN 1000000

struct list {
    struct pathology *at;
    unsigned count;
};

__attribute__((format(printf, 4, 5))) static void add(struct list *list, const char *name,
                                                      const char *remedy, const char *evidence, ...)
{
    struct pathology *one = &list->at[list->count];
    va_list args;

    if (list->count == MOST_PATHOLOGIES)
        return;
    list->count++;
    one->name = name;
    one->remedy = remedy;
    va_start(args, evidence);
    vsnprintf(one->evidence, sizeof(one->evidence), evidence, args);
    va_end(args);
}

typedef unsigned long long number;

bool sees_batches(const struct ring *ring)
{
    return ring->sq.read * 10 >= ring->sq.passed * 9;
}

static void look_at_calls(struct list *list, const struct ring *ring, const struct tally *tally)
{
    if (tally->submitting >= HABIT && tally->single * 10 >= tally->submitting * 9)
        add(list, "one request per enter",
            "prepare several requests, then submit once; or wait and submit in one call",
            "%llu of %llu submitting calls had one request", (number)tally->single,
            (number)tally->submitting);
    else if (!tally->enters && sees_batches(ring) && ring->sq.batches >= HABIT &&
             ring->sq.passed * 10 <= ring->sq.batches * 11)
        add(list, "one request per enter", "prepare several requests, then submit once",
            "the tail of the queue moved %llu times for %llu requests", (number)ring->sq.batches,
            (number)ring->sq.passed);
    if (tally->short_submits)
        add(list, "short submits",
            "submit the rest again, or set the ring up with IORING_SETUP_SUBMIT_ALL",
            "%llu calls took less than they were given: a request was refused on the way",
            (number)tally->short_submits);
    if (tally->waits_for_one >= HABIT && tally->found_by_one < 2 * tally->waits_for_one &&
        tally->in_flight_then >= 8 * tally->waits_for_one &&
        tally->last_time - tally->first_time < tally->waits_for_one * OFTEN)
        add(list, "waits for one when many come",
            "wait for several, with a minimal time to wait (io_uring_submit_and_wait_min_timeout)",
            "%llu calls waited for one completion and got %.1f, with %.0f in flight, %.0f times a "
            "second",
            (number)tally->waits_for_one,
            (double)tally->found_by_one / (double)tally->waits_for_one,
            (double)tally->in_flight_then / (double)tally->waits_for_one,
            (double)tally->waits_for_one * 1e9 /
                (double)(tally->last_time - tally->first_time + 1));
    if (tally->idle >= HABIT && tally->idle * 2 > tally->enters)
        add(list, "enters that find nothing",
            "look at the completion queue first: that needs no call",
            "%llu of %llu calls submitted nothing and brought nothing", (number)tally->idle,
            (number)tally->enters);
}

static void look_at_queues(struct list *list, const struct ring *ring, const struct tally *tally)
{
    if (ring->overflowed || ring->overflow)
        add(list, "overflow",
            "make the completion queue larger (IORING_SETUP_CQSIZE), or reap first",
            ring->overflow
                ? "%u completions were dropped, and the queue of %u was full at %llu looks"
                : "%u completions were dropped, but the queue of %u was full at %llu looks",
            ring->overflow, ring->params.cq_entries, (number)ring->overflowed);
    if (tally->cut + ring->cuts)
        add(list, "links cut by a submit",
            "see to it that a chain fits into what is left of the queue; rota_batch does",
            "%s%llu times the last request of a submit was linked to one that did not come with it",
            ring->running ? "at least " : "", (number)(tally->cut + ring->cuts));
    if (tally->left_behind)
        add(list, "threads that end with requests in flight",
            "wait for them, or let a thread submit that lives on: its requests are cancelled",
            "%llu requests were in flight when their thread ended", (number)tally->left_behind);
    if (ring->workers)
        add(list, "work for worker threads",
            "use files that can be polled, O_DIRECT, or buffers that are there; or set their "
            "number with io_uring_register_iowq_max_workers",
            "up to %u worker thread%s of the process %s seen at work", ring->workers,
            ring->workers == 1 ? "" : "s", ring->workers == 1 ? "was" : "were");
}

static void look_at_op(struct list *list, unsigned opcode, const struct op_tally *op)
{
    const char *name = rota_op_name(opcode);

    if (op->unaligned)
        add(list, "unaligned O_DIRECT",
            "align address, offset and length to the block size, in doubt 4096",
            "%llu %s on files with O_DIRECT were refused, and not aligned to 512",
            (number)op->unaligned, name);
    if (op->without_buffer)
        add(list, "buffer groups that run empty", "give more buffers, or give them back earlier",
            "%llu %s ended with ENOBUFS", (number)op->without_buffer, name);
    if (op->rearmed >= HABIT)
        add(list, "polls armed again by hand",
            "use a multishot poll (io_uring_prep_poll_multishot)",
            "%llu %s asked for one event on the descriptor of the one before", (number)op->rearmed,
            name);
    for (unsigned i = 0; i < ERRORS_TOLD; i++) {
        int error = op->errors[i].error;

        /* Refused for what they are, not for what happened. */
        if (op->errors[i].count < HABIT ||
            (error != EINVAL && error != EOPNOTSUPP && error != EBADF && error != EFAULT &&
             error != EAGAIN && error != EPERM && error != EACCES))
            continue;
        add(list, "requests refused again and again", "rota trace --failed --explain says why",
            "%llu of %llu %s ended with %s", (number)op->errors[i].count, (number)op->completions,
            name, rota_error_name(error));
    }
}

unsigned find_pathologies(const struct ring *ring, struct pathology *found)
{
    const struct tally *tally = ring->tally;
    struct list list = {found, 0};

    if (!tally)
        return 0;
    look_at_calls(&list, ring, tally);
    look_at_queues(&list, ring, tally);
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        if (tally->ops[opcode])
            look_at_op(&list, opcode, tally->ops[opcode]);
    }
    return list.count;
}
