/* SPDX-License-Identifier: MIT */
/*
 * What is known of the programs that are looked at: their rings, under which
 * names they are called, and what happened to them, as events for the sinks.
 *
 *     calls.c    a stop at a system call  \
 *     reader.c   a look without a stop     > look.c  ->  events  ->  text, JSON, summary
 *                                         (backlog.c)
 *
 *     model.c    rings: found, made known, let go
 *     names.c    what they are called
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
    struct link link;       /* by process and descriptor */
    struct node node;       /* of all, in the order in which they are checked */
    struct node of_process; /* in the order in which they were seen */
    int pid, fd;
    struct ring *ring;
};

struct process {
    struct link link; /* by its number */
    struct node node; /* of all */
    int pid;
    unsigned tasks;   /* threads that are traced */
    unsigned running; /* of these, such as do not end just now */
    struct node names;
};

#define REGISTERED_RINGS 16 /* what a thread may register */

/* A thread that is traced. */
struct task {
    struct link link; /* by tid */
    struct node node;
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

/* What was read and has not been told, in its order; see backlog.c. */
struct backlog {
    struct entry *first, *last;
    struct entry *undigested; /* from here on; NULL: all is */
    struct entry *unused;
    size_t bytes;
};

struct model {
    pthread_mutex_t lock;
    pthread_cond_t new_ring; /* wakes who sleeps until it looks at rings again */
    unsigned wanted;         /* how many wait for the lock in model_lock() */
    struct ring *rings;
    struct ring **last_ring;
    unsigned ring_count;
    unsigned visit;
    struct node busy, quiet; /* rings that can be read; the quiet ones are looked at in turn */
    unsigned open_count, quiet_count; /* both together, and the latter */
    unsigned unfound_count;           /* rings whose memory is looked for */
    struct table ring_files;          /* the same by inode */
    struct table names, processes;
    struct node all_names, all_processes;
    unsigned name_count;
    uint64_t start;
    uint64_t request_count;
    struct sink *sink;
    struct out *out; /* where the sink writes */
    struct backlog backlog;
    struct filter filter;
    bool late;    /* a filter looks at results: requests are reported when they complete */
    bool running; /* no ring stops at its calls */
    bool follow;  /* texts are wanted, with what addresses lead to */
    bool explain;
    bool own_filter; /* the programs carry the seccomp filter of this tool */
    uint32_t data_shown;
    struct rota_caps caps;
};

void model_start(struct model *model);
uint64_t now_ns(void);

/*
 * The lock, for who serves stops: the reader, who takes it all the time, stands back.
 */
void model_lock(struct model *model);
void model_unlock(struct model *model);
/* In the middle of much work: lets somebody who waits go first. */
void model_yield(struct model *model);

/* The lock is taken by the caller of everything below. */

/*
 * names.c
 */

/* A process, known from now on; and NULL for one that is not. */
struct process *model_process_of(struct model *model, int pid);
struct process *model_known_process(const struct model *model, int pid);
/* A ring under a name; NULL for none that is known. */
struct ring *model_named(struct model *model, int pid, int fd);
void model_name(struct model *model, int pid, int fd, struct ring *ring);
/* What a process called its rings, its copy calls them too. */
void model_copy_names(struct model *model, int from, int to);
/* Forgets the names of a process that ended. */
void model_forget(struct model *model, int pid);
/* Makes an index of a thread a name of a ring, or of none; and all of them of none. */
void model_index(struct model *model, struct task *task, unsigned index, struct ring *ring);
void model_no_indices(struct model *model, struct task *task);
/*
 * Whether descriptors still are the rings that they were: the next `count` of
 * all, in turn, or those of a process. A ring without a name is let go.
 */
void model_check_names(struct model *model, unsigned count);
void model_check_process(struct model *model, int pid);
/* Whether a descriptor of a process is a ring. */
bool is_ring(int pid, int fd);
/* Whether two descriptors, `a` ours and `b` of `pid` (0: ours), are one file. */
bool is_same_file(int a, int pid, int b);

/*
 * model.c
 */

/* So many worker threads of the kernel were seen in a process. */
void model_workers(struct model *model, int pid, unsigned count);
/* A thread ends: what it had in flight is told. Its indices are still there. */
void model_thread_ended(struct model *model, const struct task *task);
/* So many rings are looked at again and again; of others only those at which something comes. */
#define BUSY_RINGS 64
#define IDLE_LOOKS 32 /* in vain, until a ring is a quiet one */
void model_set_quiet(struct model *model, struct ring *ring, bool quiet);
/* Nobody has the ring any more: what is new in it is read, and nothing of it is held. */
void model_close(struct model *model, struct ring *ring);
/* A new ring, readable when its memory could be had. `file` is taken over. */
struct ring *model_ring(struct model *model, int pid, int fd, int file,
                        const struct io_uring_params *params);
/* A copy of a descriptor of another process; -1 when that may not be had. */
int fetch_descriptor(int pid, int fd);
/* The ring behind a descriptor of another process, made known when it is new; NULL: none. */
struct ring *model_fetch(struct model *model, int pid, int fd);
/* The same of one that may be new, and of each descriptor of a process. */
void model_find_at(struct model *model, int pid, int fd);
void model_find(struct model *model, int pid);
/*
 * Looks for the memory of a ring that was not found before, when it was used since then;
 * and of all such rings. Not more often than is good for the processor.
 */
void model_search(struct model *model, struct ring *ring);
void model_search_all(struct model *model);
/*
 * Where no call stops that gives the queues another size: whether a ring that was silent
 * is silent only because it is elsewhere now. `fd` is what it is called in `pid`.
 */
void model_compare(struct model *model, struct ring *ring, int pid, int fd);
/* The queues have another size now. */
void model_resized(struct model *model, struct ring *ring, const struct io_uring_params *params);

/*
 * look.c
 */

/* Copies what the kernel is about to take. */
void model_snapshot(struct model *model, const struct task *task, struct ring *ring,
                    uint32_t to_submit);

/* A request as it was copied from the queue, without a stop. */
struct raw_request {
    uint32_t position;
    bool big, bad_slot;
    _Alignas(8) unsigned char sqe[SQE_BYTES];
};

/* What can be read of a ring, with its process and thread where that is known. */
struct looked {
    struct model *model;
    struct ring *ring;
    int pid, tid;
    uint64_t submitted; /* time of the requests */
    uint64_t time;      /* of the completions */
    struct raw_request *raw;
    unsigned raw_count, raw_room;
    struct request **requests;
    unsigned request_count, request_room;
    struct {
        struct completion cqe;
        uint32_t position;
        struct request *request;
        bool told;
        bool ambiguous;
    } * completions;
    unsigned completion_count, completion_room;
    bool failed;  /* a completion carries an error */
    bool doubted; /* what was in flight is in doubt, since completions were missed */
    uint64_t lost_requests, lost_completions;
    unsigned digested_raw, digested; /* of `raw` and `completions`: matched */
    unsigned told, told_completions; /* of `requests` and `completions`: passed to the sinks */
};

/* `look` is zero, or was told: its arrays are used again. */
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
/*
 * Makes requests of what was copied, and finds those that the completions answer: at
 * most `*count` of both, which is counted down; true when it was all of them.
 */
bool look_digest(struct looked *look, unsigned *count);
/*
 * Tells the sinks, and forgets what is complete: at most `*count` lines, which is
 * counted down; true when it was all of it.
 */
bool look_tell(struct looked *look, unsigned *count);
/* All of it, behind what waits to be told; and frees its arrays. */
void look_report(struct looked *look);

/*
 * backlog.c
 */

/* Reads what is new in a ring that does not stop, to be told in its turn. */
void backlog_read(struct model *model, struct ring *ring, int pid, int tid, uint64_t time);
/* The same with an event, which is copied. */
void backlog_event(struct model *model, const struct event *event);
bool backlog_is_empty(const struct backlog *backlog);
/* Nothing should be read before some of it is told. */
bool backlog_is_full(const struct backlog *backlog);
/* Matches about so many requests and completions; false when there was nothing. */
bool backlog_digest(struct backlog *backlog, unsigned count);
/*
 * Tells about so many lines of what is digested and was read a little before `now`; false
 * when there was nothing. A request that waits so long has its result on its line.
 */
bool backlog_tell(struct model *model, unsigned count, uint64_t now);
void backlog_tell_all(struct model *model);

/* Tells the sinks of something that happened, behind what was read before it; or now. */
void model_event(struct model *model, const struct event *event);
void event_tell(struct model *model, const struct event *event);
/* The process that a request was sent from, for rota_process_*(). */
struct rota_process model_process(const struct model *model, const struct ring *ring, int pid,
                                  int tid);
/* What rota_process_explain*() wants to know of a ring. */
void model_describe(const struct ring *ring, struct rota_ring *description);

/*
 * request.c: what the row of a request says
 */

/* Whether its text needs a look into its process, at its memory or its file, when it is submitted. */
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
