/* SPDX-License-Identifier: MIT */
/*
 * What is known of the programs that are looked at: their rings, under which
 * names they are called, and what happened to them, as events for the sinks.
 *
 *     calls.c    a stop at a system call  \
 *     reader.c   a look without a stop     > model.c  ->  events  ->  text, JSON, summary
 *
 * Everything here is guarded by one lock: the thread that serves ptrace and the
 * one that reads without a stop both come here.
 */
#ifndef ROTA_SRC_TOOL_TRACE_MODEL_H
#define ROTA_SRC_TOOL_TRACE_MODEL_H

#include <pthread.h>
#include <rota.h>
#include <stdbool.h>
#include <stdint.h>

#include "tool/trace/out.h"
#include "tool/trace/ring.h"

enum event_kind {
    EVENT_SETUP,      /* io_uring_setup(2) has returned; `ring` NULL: it failed */
    EVENT_REGISTER,   /* io_uring_register(2) has returned */
    EVENT_ENTER,      /* io_uring_enter(2) has returned */
    EVENT_FOUND,      /* a ring that was there before it was looked at */
    EVENT_REQUEST,    /* taken by the kernel; with `cqe` when it was complete at once */
    EVENT_COMPLETION, /* of a request that was reported before, or of none that is known */
    EVENT_LOST,       /* so many were overwritten before they could be read */
    EVENT_END,        /* nobody has the ring any more */
    EVENT_NOTE,       /* something to be said of a program: `text` */
};

struct event {
    enum event_kind kind;
    uint64_t time; /* nanoseconds since the start */
    int pid, tid;  /* tid 0: not known */
    struct ring *ring;
    struct request *request; /* NULL with a completion: not known */
    const struct completion *cqe;
    bool ambiguous;   /* another request in flight could have given `cqe` */
    bool timed;       /* request and completion were not first seen at once */
    uint64_t latency; /* with `cqe` and `request` */
    const char *text; /* the call without its result */
    int64_t result;   /* of the call */
    const char *why;  /* what --explain says, several lines, or NULL */
    uint64_t lost_requests, lost_completions;
    /* Of io_uring_enter(2). */
    uint32_t to_submit, min_complete, enter_flags;
    uint32_t found; /* completions that were there when it returned and not before */
};

/* Where events go. */
struct sink {
    void (*event)(struct sink *sink, const struct event *event);
    void (*end)(struct sink *sink, uint64_t time);
};

/* Which requests are of interest; all of them when nothing is set. */
struct filter {
    bool by_op, by_ring, by_fd;
    uint64_t ops[4]; /* bits by opcode */
    uint64_t ring, fd;
    bool failed;
    uint64_t slow; /* nanoseconds; 0: any */
};

/* A descriptor that is a ring. */
struct ring_name {
    struct ring_name *next;
    int pid, fd;
    struct ring *ring;
};

#define REGISTERED_RINGS 16 /* what a thread may register */

/* A thread that is traced. */
struct task {
    struct task *next;
    int tid, pid;
    bool compat; /* runs code of 32 bits */
    bool ended;  /* is on its way out */
    bool in_call;
    struct ring *indices[REGISTERED_RINGS];
    /* The call that it is in. */
    unsigned call;
    uint64_t args[6];
    struct ring *ring;
    uint64_t entered;
    uint32_t cq_before;
    bool submits; /* counted in ring->submits */
    struct io_uring_params params;
    char *text;
};

struct model {
    pthread_mutex_t lock;
    struct ring *rings;
    unsigned wanted; /* how many wait for the lock in model_lock() */
    struct ring **last_ring;
    unsigned ring_count;
    struct ring_name *names;
    uint64_t start;
    uint64_t request_count;
    struct sink *sink;
    struct out *out; /* where the sink writes */
    struct filter filter;
    bool late;    /* a filter looks at results: requests are reported when they complete */
    bool running; /* no ring stops at its calls */
    bool follow;  /* texts are wanted, with what addresses lead to */
    bool explain;
    bool own_filter; /* the programs carry the seccomp filter of this tool */
    uint32_t data_shown;
    struct rota_caps caps;
};

uint64_t now_ns(void);

/*
 * The lock, for who serves stops: the reader, who takes it all the time, stands back.
 */
void model_lock(struct model *model);
void model_unlock(struct model *model);

/* The lock is taken by the caller of everything below. */

/* A ring under a name; NULL for none that is known. */
struct ring *model_named(struct model *model, int pid, int fd);
void model_name(struct model *model, int pid, int fd, struct ring *ring);
/* What a process called its rings, its copy calls them too. */
void model_copy_names(struct model *model, int from, int to);
/* Forgets the names of a process that ended or started another program. */
void model_forget(struct model *model, int pid);
/* A thread ends: what it had in flight is told. */
void model_thread_ended(struct model *model, int pid, int tid);
/* Looks whether descriptors still are the rings that they were, and lets go of rings without. */
void model_check_names(struct model *model, const struct task *tasks);

/* A new ring, readable when its memory could be had. `file` is taken over. */
struct ring *model_ring(struct model *model, int pid, int fd, int file,
                        const struct io_uring_params *params);
/* A copy of a descriptor of another process; -1 when that may not be had. */
int fetch_descriptor(int pid, int fd);
/* The ring behind a descriptor of another process, made known when it is new; NULL: none. */
struct ring *model_fetch(struct model *model, int pid, int fd);
/* The same of each descriptor of a process. */
void model_find(struct model *model, int pid);
/* The queues have another size now. */
void model_resized(struct model *model, struct ring *ring, const struct io_uring_params *params);

/* Copies what the kernel is about to take. */
void model_snapshot(struct model *model, const struct task *task, struct ring *ring,
                    uint32_t to_submit);
/* What can be read of a ring, with its process and thread where that is known. */
struct looked {
    struct model *model;
    struct ring *ring;
    int pid, tid;
    uint64_t submitted; /* time of the requests */
    uint64_t time;      /* of the completions */
    struct request **requests;
    unsigned request_count, request_room;
    struct {
        struct completion cqe;
        struct request *request;
        bool told;
        bool ambiguous;
    } * completions;
    unsigned completion_count, completion_room;
    bool failed; /* a completion carries an error */
    uint64_t lost_requests, lost_completions;
};

void look_start(struct looked *look, struct model *model, struct ring *ring, int pid, int tid,
                uint64_t submitted, uint64_t time);
/*
 * Collects what is new: the requests that the kernel has taken, of the snapshots
 * that were made of them, or straight from the queue where nobody stops for a
 * snapshot; then the completions.
 */
void look_stopped(struct looked *look);
void look_running(struct looked *look);
/* With SQ_REWIND a call takes the first `count` of the queue, and no index tells. */
void look_rewound(struct looked *look, uint32_t count);
/* Tells the sinks, and forgets what is complete. */
void look_report(struct looked *look);

void model_event(struct model *model, struct event *event);
/* The process that a request was sent from, for rota_process_*(). */
struct rota_process model_process(const struct model *model, const struct ring *ring, int pid,
                                  int tid);
/* What rota_process_explain*() wants to know of a ring. */
void model_describe(const struct ring *ring, struct rota_ring *description);

/*
 * request.c: what the row of a request says
 */

/* Whether it points to memory that is worth to be shown when it is submitted. */
bool request_follows(const unsigned char *sqe);
/* Whether a result with F_MORE means that a notification follows. */
bool request_notifies(const struct request *request);
/* The largest result that makes sense: as many bytes as it asks for. */
uint32_t request_most(const struct request *request);
/* Whether it is a poll that ends with its first event. */
bool request_is_poll_once(const struct request *request);
/* Its text with what its addresses lead to, to be freed. */
char *text_of_sqe(const struct rota_process *process, const unsigned char *sqe, bool big);
/* Its text, of at most `size` bytes with the end; returns the length that was written. */
size_t request_text(const struct request *request, char *buf, size_t size);

#endif /* ROTA_SRC_TOOL_TRACE_MODEL_H */
