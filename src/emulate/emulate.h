/* SPDX-License-Identifier: MIT */
/*
 * What the sources of the emulated kernel share.
 *
 * The engine takes SQEs from the ring's memory, and keeps a struct
 * emulate_request for each until its last CQE. How a request is done stands in
 * the generated table emulate_ways; resources.h's room (tables of files and
 * buffers, groups, what is registered) is behind the functions at the end.
 *
 * Who may do what. All of a ring is guarded by its lock: whoever progresses it
 * (a thread in enter, the watcher) holds it, and gives it up only to sleep. A
 * worker runs a request without the lock, and touches nothing but that
 * request. Completions are posted only under the lock, so that there is one
 * place where a CQE comes into being, complete.c.
 */
#ifndef ROTA_EMULATE_INTERNAL_H
#define ROTA_EMULATE_INTERNAL_H

#include <rota/emulate.h>
#include <rota/syscall.h>
#include <rota/uapi.h>

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "emulate/list.h"
#include "emulate/lock.h"

struct emulate_ring;
struct emulate_request;
struct emulate_resources; /* what is registered; its own room's secret */
struct emulate_memory;

/*
 * Ways: how a request is done.
 */
enum emulate_way_kind {
    EMULATE_REFUSED, /* not at all: -EINVAL, as a kernel that lacks the opcode */
    EMULATE_NOW,     /* at once: `run` never blocks */
    EMULATE_READY,   /* `run` tries without blocking; -EAGAIN waits until the file is ready */
    EMULATE_WORKER,  /* `run` may block: a worker calls it (without workers: the submitter) */
    EMULATE_TIMER,   /* a time: `run` arms it and returns EMULATE_PENDING */
    EMULATE_RING,    /* on the ring itself, under its lock, at once or pending */
};

/* From a `run`: the request was taken over, and ends with emulate_end(). */
#define EMULATE_PENDING (INT64_MIN)

/* From a `run` of any kind but a worker's: a worker is to run it, with `request->blocking` set. */
#define EMULATE_PUNT (INT64_MIN + 1)

/* From a `run`: as -EAGAIN, but not for a file: the next progress tries again. */
#define EMULATE_RETRY (INT64_MIN + 2)

/*
 * emulate_way::flags
 */

/* fd is a descriptor to work on, or with IOSQE_FIXED_FILE a slot: emulate_file_get(). */
#define EMULATE_WAY_FILE (1U << 0)
/* Takes IOSQE_BUFFER_SELECT: the engine selects before `run` and commits after it. */
#define EMULATE_WAY_BUFFER (1U << 1)
/*
 * A result below request->len fails the links behind it. Where sqe.len counts vectors, `run` sets
 * request->len to their bytes.
 */
#define EMULATE_WAY_SHORT_FAILS (1U << 2)
/* The request's buf_index names a registered buffer, which the engine resolves before `run`. */
#define EMULATE_WAY_FIXED_BUFFER (1U << 3)
/* The SQE is of 128 bytes. */
#define EMULATE_WAY_SQE128 (1U << 4)
/*
 * With sqe.file_index, a result that is a descriptor goes into that slot of the table. The engine
 * does so after `run`, which may have been a worker's: emulate_file_install().
 */
#define EMULATE_WAY_INSTALLS (1U << 5)
/*
 * Of one with a registered buffer: addr and len are memory in it. With EMULATE_REQ_VECTOR its
 * vectors are, which `run` looks at.
 */
#define EMULATE_WAY_MEMORY (1U << 6)
/* It waits for others, for as long as they like, and not only for the file. */
#define EMULATE_WAY_WAITS (1U << 7)
/* WORKER: `run` is called without blocking first, and hands over to a worker by EMULATE_PUNT. */
#define EMULATE_WAY_LOOKS (1U << 8)
/* Takes several provided buffers where IORING_RECVSEND_BUNDLE says so. */
#define EMULATE_WAY_BUNDLES (1U << 9)
/* A result of 0, the end of what can be read, uses no provided buffer. */
#define EMULATE_WAY_END_UNUSED (1U << 10)
/* One that fails uses its provided buffer of a list all the same. */
#define EMULATE_WAY_FAILURE_USES (1U << 11)
/* A group of buffers that is not there is -ENOENT, not -ENOBUFS. */
#define EMULATE_WAY_UNKNOWN_GROUP (1U << 12)

struct emulate_way {
    uint8_t kind;    /* enum emulate_way_kind */
    uint16_t flags;  /* EMULATE_WAY_* */
    uint16_t events; /* READY: EPOLLIN or EPOLLOUT to wait for, unless `run` set request->events */
    /*
     * Is the SQE valid? 0 or -errno, before anything is done; may set what `run`
     * reads (request->flags, request->events). NULL: always.
     */
    int (*check)(struct emulate_ring *ring, struct emulate_request *request);
    /* After `check`: reads what has to be there at that time only. 0 or -errno. NULL: nothing. */
    int (*take)(struct emulate_ring *ring, struct emulate_request *request);
    /* READY: is told what the file is ready for. NULL: `run` is called once more. */
    void (*event)(struct emulate_ring *ring, struct emulate_request *request, uint32_t events);
    /*
     * Called once, before a request that could not end at once outlives the call
     * that submitted it: copies what must live "until submit" only (paths,
     * vectors, times) with emulate_keep(), and lets request->sqe point to the
     * copies. 0 or -errno, which ends the request. NULL: there is nothing.
     */
    int (*keep)(struct emulate_ring *ring, struct emulate_request *request);
    /*
     * Does it. Under the lock and without blocking when !request->blocking; on a
     * worker, without the lock, when request->blocking. Returns what res will be,
     * -errno, or one of EMULATE_PENDING, EMULATE_PUNT and EMULATE_RETRY. It may
     * set cqe_flags and big_cqe.
     */
    int64_t (*run)(struct emulate_ring *ring, struct emulate_request *request);
    int16_t refusal;    /* REFUSED: -errno, as of a kernel that was built without it */
    const char *reason; /* REFUSED: why, for the documentation and findings */
};

/* Generated: one for each opcode. */
extern const struct emulate_way emulate_ways[IORING_OP_LAST];

/*
 * emulate_request::flags
 */
#define EMULATE_REQ_MULTISHOT  (1U << 0) /* each success posts with F_MORE and goes on */
#define EMULATE_REQ_KEPT       (1U << 1) /* way->keep was called */
#define EMULATE_REQ_FAIL       (1U << 2) /* ended as a failure, for the links behind it */
#define EMULATE_REQ_CANCEL     (1U << 3) /* to be cancelled as soon as it can be */
#define EMULATE_REQ_SELECTED   (1U << 4) /* holds a selected buffer */
#define EMULATE_REQ_SKIP       (1U << 5) /* posts no CQE when it succeeds */
#define EMULATE_REQ_NOWAIT     (1U << 6) /* -EAGAIN is the result: it must not wait for readiness */
#define EMULATE_REQ_POLL_FIRST (1U << 7) /* waits for readiness before the first try */
#define EMULATE_REQ_FIXED      (1U << 8) /* as EMULATE_WAY_FIXED_BUFFER, set by `check` */
#define EMULATE_REQ_NOTIFY     (1U << 9) /* set by `check`: F_MORE, and a second CQE with F_NOTIF */
#define EMULATE_REQ_TRACKED    (1U << 10) /* is in ring->all and the hash */
#define EMULATE_REQ_PREPARED   (1U << 11) /* holds its file and its registered buffer */
#define EMULATE_REQ_WAITED     (1U << 12) /* was found ready at least once */
#define EMULATE_REQ_SILENT     (1U << 13) /* a cancelled link behind a failed one with CQE_SKIP */
#define EMULATE_REQ_TIMEOUT    (1U << 14) /* its CQE is none that timeouts count */
#define EMULATE_REQ_SUCCESS    (1U << 15) /* set by `run`: an -errno that is no failure for links */
#define EMULATE_REQ_MORE       (1U << 16) /* set by `run` of a multishot: this one is not the last */
#define EMULATE_REQ_WATCHES    (1U << 17) /* LINK_TIMEOUT: of the request before it in the chain */
#define EMULATE_REQ_DRAIN      (1U << 18) /* head of a chain: starts when all before have ended */
#define EMULATE_REQ_UNBOUNDED  (1U << 19) /* set by `run` before EMULATE_PUNT: waits for others */
#define EMULATE_REQ_DRAINED    (1U << 20) /* set by `run` with MORE: the next try is for an event */
#define EMULATE_REQ_VECTOR     (1U << 21) /* set by `check`: addr and len are vectors */
#define EMULATE_REQ_LATE       (1U << 22) /* what it was to wait for had happened: -EAGAIN */
#define EMULATE_REQ_OWN        (1U << 23) /* a poll that holds a descriptor of its own (poll.c) */

enum emulate_state {
    EMULATE_NEW,      /* being submitted, or ended */
    EMULATE_DEFERRED, /* behind a drain */
    EMULATE_LINKED,   /* in a chain, behind a request that has not ended */
    EMULATE_WAITING,  /* for readiness of its file */
    EMULATE_TIMED,    /* for its time */
    EMULATE_HOOKED,   /* taken over by its hook, which set `cancel` */
    EMULATE_RETRYING, /* the next progress tries again */
    EMULATE_QUEUED,   /* for a worker */
    EMULATE_RUNNING,  /* on a worker */
    EMULATE_STARTING, /* in ring->starting */
    EMULATE_ENDING,   /* in ring->ending, with its result */
};

/* A buffer or file that a request holds; what it is only resources know. */
struct emulate_node;

struct emulate_request {
    /* What most requests touch stands first. */
    union {
        struct io_uring_sqe sqe; /* our own copy: the caller's slot is free once it was taken */
        unsigned char sqe_bytes[128];
    };
    const struct emulate_way *way;
    int fd;      /* the descriptor, resolved from a slot where needed; -1: none */
    int64_t res; /* once it has ended */

    /* Memory: addr and len of the SQE, or of the buffer that was selected or is registered. */
    void *addr;
    size_t len;
    size_t want; /* most that a selected buffer may have; 0: all of it */

    /* From here on zero at the start. */
    uint32_t flags; /* EMULATE_REQ_* */
    uint8_t state;  /* enum emulate_state */
    bool blocking;  /* `run` may block: we are on a worker, or there is none */
    bool cancelled; /* while a worker ran it */
    uint32_t cqe_flags;
    uint32_t iov_count;
    struct iovec *iov; /* a vector instead of addr and len, of several buffers; NULL: none */
    struct emulate_node *buffer_node; /* resources': what must stay registered */
    struct emulate_node *file_node;   /* resources': the slot it came from */
    uint64_t big_cqe[2];
    void *kept;                      /* emulate_keep(): a chain of allocations, freed at the end */
    struct emulate_request *link;    /* the next one, which starts when this one ends */
    struct emulate_request *watcher; /* the LINK_TIMEOUT that watches over this */
    struct emulate_request *watched; /* of a LINK_TIMEOUT: whom it watches */

    /* And these, unless its way is EMULATE_NOW. */
    uint32_t events;           /* EPOLL* to wait for */
    uint32_t buffer_id;        /* EMULATE_REQ_SELECTED: for the CQE */
    uint32_t chain;            /* of a head behind a drain: members */
    struct emulate_file *file; /* WAITING: the descriptor in the ring's epoll */
    uint64_t total;            /* bytes of a receive so far */
    uint64_t hook[4];          /* for `run` of irregular opcodes */
    struct {
        uint64_t deadline; /* ns on `clock` */
        uint64_t interval; /* ns of a multishot */
        uint64_t target;   /* by count: completions at which it ends */
        uint32_t index;    /* in the heap, plus one; 0: in none */
        uint32_t repeats;
        uint8_t clock; /* enum emulate_clock_index */
        bool counted;  /* in ring->counted */
    } timer;

    /* Set where they are used. */
    struct emulate_list all;  /* in ring->all */
    struct emulate_list node; /* in the list of its state */
    struct emulate_request *hash_next;
    struct emulate_request *next_free;
    /* EMULATE_HOOKED: takes it back, so that it can be ended. 0, or -EALREADY: too late. */
    int (*cancel)(struct emulate_ring *ring, struct emulate_request *request);
};

/* The clocks that timers stand on. */
enum emulate_clock_index {
    EMULATE_MONOTONIC,
    EMULATE_REALTIME,
    EMULATE_BOOTTIME,
    EMULATE_CLOCKS,
};

struct emulate_clock {
    int fd;         /* timerfd in the epoll; -1: none yet */
    uint64_t armed; /* the deadline it is set to; UINT64_MAX: none */
    struct emulate_request **heap;
    uint32_t count, room;
};

/* A descriptor in the ring's epoll, and who waits for it. */
struct emulate_file {
    int fd;
    bool added;      /* epoll may know it */
    bool unchecked;  /* in ring->unchecked */
    bool empty;      /* all that had come was received, and epoll would have told of more */
    bool ended;      /* the peer sends no more, or there is an error: that may be told once only */
    uint8_t stream;  /* whether a short receive means that it is empty; 0: not known yet */
    uint32_t armed;  /* the mask that epoll has; 0: none, or it was used up */
    uint32_t want;   /* at least what the requests wait for, and how (ready.c) */
    uint32_t steady; /* calls in a row that found the same file under the number */
    uint32_t since;  /* unchecked: ring->checks when it last was left to what epoll has */
    struct emulate_list waiting;
    struct emulate_list node; /* in ring->unchecked */
};

/* One thread that sleeps in enter. */
struct emulate_waiter {
    struct emulate_list node;
    uint32_t target; /* CQEs it waits for */
};

struct emulate_overflow {
    struct emulate_list node;
    uint64_t user_data;
    uint64_t big[2];
    int32_t res;
    uint32_t cqe_flags;
};

/* The words of the queues, in memory that the application shares. */
struct emulate_queues {
    struct emulate_memory *memory; /* that holds them; NULL: the application's own (NO_MMAP) */
    unsigned char *rings;
    unsigned char *sqes;
    uint32_t *sq_head, *sq_tail, *sq_flags, *sq_dropped, *sq_array;
    uint32_t *cq_head, *cq_tail, *cq_overflow, *cq_flags;
    unsigned char *cqes;
    uint32_t sq_entries, cq_entries;
};

struct emulate_ring {
    struct emulate_lock lock;
    int fd; /* the ring's descriptor: an epoll of `ready_fd` and `event_fd`; -1: this is none */
    uint32_t generation; /* counted up with each ring that this memory is */

    /* Set-up. */
    uint32_t flags; /* IORING_SETUP_* */
    uint32_t features;
    int submitter;   /* thread of SINGLE_ISSUER; 0: not known yet */
    bool disabled;   /* R_DISABLED, until ENABLE_RINGS */
    bool restricted; /* ask emulate_restricted() at each SQE */
    uint8_t sqe_shift, cqe_shift;
    int clock_id; /* of waits: REGISTER_CLOCK */

    struct emulate_queues queues;
    uint32_t sq_head; /* our own, so that hostile memory cannot move it */
    uint32_t cq_tail;
    uint64_t posted;        /* CQEs, but for those of timeouts that expired: what timeouts count */
    uint64_t posted_before; /* the same, when the present call began to submit */
    uint32_t timeouts;      /* that expired: each ends all waits */

    /* Requests. */
    struct emulate_request *free;
    struct emulate_list all; /* that could not end at once, and have not ended */
    struct emulate_request **hash;
    uint32_t hash_mask;
    uint32_t in_flight;           /* submitted and not ended */
    uint32_t deferred_count;      /* of those, in chains behind a drain */
    struct emulate_list deferred; /* heads, in order */
    struct emulate_list starting; /* their turn has come */
    struct emulate_list ending;   /* have a result, to be posted */
    struct emulate_list retrying;
    struct emulate_list counted;                     /* timeouts by count, in order of target */
    struct emulate_request *chain_head, *chain_last; /* being submitted */
    bool drain_next;                                 /* the next chain drains too */
    bool drain_disabled;                             /* CQE_SKIP_SUCCESS was used */
    bool submitting;                                 /* in the submitting call, for notify_async */

    struct emulate_list overflow;
    struct emulate_list waiters;
    uint32_t users; /* threads inside of a call on it */
    uint32_t holds; /* registered indices that keep it without a descriptor */
    uint32_t forks; /* of which process it is */
    bool closing;
    bool posted_any;    /* since others were last told */
    bool posted_async;  /* and not by the submitting call */
    bool slept;         /* somebody slept in enter since the queue was last found empty */
    uint32_t satisfied; /* waits in a row that needed no look at the epoll */
    uint32_t shown;     /* sq.flags as we wrote them */
    bool hinted; /* DEFER_TASKRUN: its eventfd says that there is work, nobody has looked yet */
    bool need_wakeup; /* SQPOLL: the thread sleeps */
    struct emulate_ring *next_unused;

    /* Readiness. */
    int ready_fd; /* epoll: files, timers, wake_fd */
    int event_fd; /* readable: completions may wait; only for who polls the ring's descriptor */
    int wake_fd;  /* in ready_fd: ends the sleep of a waiter */
    bool event_raised;
    bool wake_raised;
    struct emulate_file **files; /* by descriptor */
    uint32_t files_room;
    uint32_t edges;                /* files that are armed whether anybody waits or not */
    struct emulate_list unchecked; /* files that somebody waits for without having asked epoll */
    uint64_t check_at;             /* ns: when these are looked at; UINT64_MAX: there are none */
    uint32_t checks;               /* such looks */
    uint32_t steady_enough;        /* emulate_file::steady of one that need not be asked about */
    bool more_events;              /* the last look at the epoll took as many as it could */
    struct emulate_clock clocks[EMULATE_CLOCKS];
    bool timers_changed; /* since the timerfds were last set */

    /* Workers. */
    struct emulate_pool *pool;     /* NULL: none was needed yet */
    uint32_t workers_most[2];      /* IOWQ_MAX_WORKERS: bounded, unbounded */
    struct emulate_watcher *watch; /* thread of SQPOLL or of a registered eventfd */

    uint32_t idle;     /* ms that a thread of SQPOLL looks before it sleeps */
    uint32_t cpu;      /* that it runs on; UINT32_MAX: on any */
    int notify_fd;     /* the eventfd that was registered; -1: none */
    bool notify_async; /* only for what did not end in the submitting call */

    struct emulate_resources *resources; /* NULL: nothing was registered yet */
};

/*
 * ring.c: rings by descriptor.
 */

/* The ring of descriptor `fd`, locked; NULL when it is none. */
struct emulate_ring *emulate_ring_lock(int fd);
/* The same, but NULL with `*busy` when another holds the lock. For whoever holds one already. */
struct emulate_ring *emulate_ring_trylock(int fd, bool *busy);
/*
 * For a call on `ring`, which is locked and held by it: locks another as well, and gives up the first while another
 * thread has the second, so that nobody waits for whoever waits for him. NULL when `fd` is no ring.
 */
struct emulate_ring *emulate_ring_lock_also(struct emulate_ring *ring, int fd);
/*
 * Gives up the lock (`ring` may be NULL) until nobody holds that of `other`; the same with the ring of a descriptor.
 * Memory that was a ring once has a lock for ever.
 */
void emulate_ring_give_way(struct emulate_ring *ring, struct emulate_ring *other);
void emulate_ring_wait_for(struct emulate_ring *ring, int fd);
/* Lets others know what there is to know, and unlocks. */
void emulate_ring_unlock(struct emulate_ring *ring);
/* A registered index refers to the ring, which then outlives its descriptor. Locked. */
void emulate_ring_hold(struct emulate_ring *ring);
/* Unlocks, and tears the ring down when nothing refers to it any more. */
void emulate_ring_drop(struct emulate_ring *ring);
/* The calling thread, as gettid(2) has it. */
int emulate_thread(void);
/* Forks of this process and its parents: what was made before another count is not ours. */
extern uint32_t emulate_forks;

/* Register opcode RESIZE_RINGS: new queues, with all that is in the old ones. */
int emulate_ring_resize(struct emulate_ring *ring, struct io_uring_params *params);
/* ENABLE_RINGS. */
int emulate_ring_enable(struct emulate_ring *ring);

/*
 * memory.c: memory that the application maps, through the table's map and unmap. It lives until
 * neither the ring nor a mapping refers to it.
 */
struct emulate_memory {
    struct emulate_list node;
    unsigned char *base;
    size_t size;
    uint32_t refs;
};

/* Zeroed pages; the caller holds the first reference. NULL: no memory. */
struct emulate_memory *emulate_memory_new(size_t size);
void emulate_memory_put(struct emulate_memory *memory);
/* The size of a page. */
size_t emulate_page(void);

/* Copies from and to the program's memory; -EFAULT for what may not be read or written. */
int emulate_copy_in(void *to, uint64_t from, size_t size);
int emulate_copy_out(uint64_t to, const void *from, size_t size);
/* May all of that memory be read, or written? 0 or -EFAULT. */
int emulate_check_readable(uint64_t address, uint64_t size);
int emulate_check_memory(uint64_t address, uint64_t size);

/*
 * complete.c
 */

/*
 * Posts a CQE that ends no request (a multishot's, a tag, a message). False when there is no
 * room and no memory to keep it until there is.
 */
bool emulate_post(struct emulate_ring *ring, uint64_t user_data, int32_t res, uint32_t cqe_flags,
                  const uint64_t *big);
/* CQEs that wait in the queue. */
uint32_t emulate_cq_ready(const struct emulate_ring *ring);
/* Moves what had no room into the queue, as far as there is now. */
void emulate_overflow_flush(struct emulate_ring *ring);
/* A multishot's: false when the queue itself has no room, and the multishot must end. */
bool emulate_post_more(struct emulate_ring *ring, struct emulate_request *request, int32_t res,
                       uint32_t cqe_flags);
/*
 * Ends a request that is pending or was run: posts its CQE, gives back what it holds, and puts the
 * next of its chain into ring->starting.
 */
void emulate_end(struct emulate_ring *ring, struct emulate_request *request, int64_t res);
/* The same, but behind all that is going on now: ring->ending. */
void emulate_end_later(struct emulate_ring *ring, struct emulate_request *request, int64_t res);

/* Copies `size` bytes that live until the request has ended; NULL: no memory. */
void *emulate_keep(struct emulate_request *request, const void *data, size_t size);

/*
 * ready.c, timer.c, cancel.c, worker.c: engine's.
 */

/*
 * Waits for request->events of request->fd; then way->run is called again. `tried`: it was found not to be ready just
 * now, so that it is enough to hear of a change. 0 or -errno: -EPERM for a file that is always ready.
 */
int emulate_wait_ready(struct emulate_ring *ring, struct emulate_request *request, bool tried);
/* A receive took less than it asked for. */
void emulate_file_emptied(struct emulate_ring *ring, int fd);
/* Is it known that there is nothing to receive, and that the end of that will be told? */
bool emulate_file_is_empty(const struct emulate_ring *ring, int fd);
/* A descriptor was closed or replaced by us: forget what epoll knew of it. */
void emulate_file_forget(struct emulate_ring *ring, int fd);

/* Cancels as struct io_uring_sync_cancel_reg says. May give up the lock to wait. 0 or -errno. */
int emulate_sync_cancel(struct emulate_ring *ring, const struct io_uring_sync_cancel_reg *cancel);

/* submit.c: takes up to `count` SQEs. How many, or -errno. */
int emulate_submit(struct emulate_ring *ring, uint32_t count);
/* start.c: tries a request, whose turn it is, and sees to what becomes of it. */
void emulate_start(struct emulate_ring *ring, struct emulate_request *request);
/* A worker has run it: `res` is the result. */
void emulate_ran(struct emulate_ring *ring, struct emulate_request *request, int64_t res);
/* Works off starting, ending, timeouts by count and what a drain no longer holds. */
void emulate_settle_all(struct emulate_ring *ring);

static inline void emulate_settle(struct emulate_ring *ring)
{
    if (!emulate_list_empty(&ring->starting) || !emulate_list_empty(&ring->ending) ||
        !emulate_list_empty(&ring->counted) || !emulate_list_empty(&ring->deferred))
        emulate_settle_all(ring);
}

/* The request outlives the call: it can be found from now on, and keeps what it needs. 0 or -errno. */
int emulate_track(struct emulate_ring *ring, struct emulate_request *request);
void emulate_untrack(struct emulate_ring *ring, struct emulate_request *request);
/* Gives back what it holds; the request is free then. */
void emulate_release(struct emulate_ring *ring, struct emulate_request *request);

/* wait.c: what a sleep may be ended by. */
struct emulate_limit {
    const void *sigmask; /* NULL: the thread's own */
    uint64_t deadline;   /* ns on ring->clock_id; UINT64_MAX: none */
    uint64_t min_until;  /* the same: from then on one CQE is enough; UINT64_MAX: never */
};

/* Sleeps until that many CQEs are ready. 0, -ETIME, -EINTR, -EBADF. */
int emulate_wait(struct emulate_ring *ring, uint32_t min_complete,
                 const struct emulate_limit *limit);
/* Looks at the epoll for up to `timeout` ns (UINT64_MAX: for ever) without the lock. 0, -EINTR, -EBADF. */
int emulate_look(struct emulate_ring *ring, uint64_t timeout, const void *sigmask);
/* Tells others what happened: flags, eventfd, sleepers, who polls the descriptor. */
void emulate_tell(struct emulate_ring *ring);
/* Ends the sleep of one that sleeps on the epoll. */
void emulate_wake(struct emulate_ring *ring);
uint64_t emulate_now(int clock_id);

/* ready.c */
void emulate_files_event(struct emulate_ring *ring, int fd, uint32_t events);
/* ring->check_at has come. */
void emulate_files_check(struct emulate_ring *ring);
/* Takes it from the file that it waits for. */
void emulate_unwait(struct emulate_ring *ring, struct emulate_request *request);
void emulate_files_free(struct emulate_ring *ring);

/* timer.c */
int emulate_timer_add(struct emulate_ring *ring, struct emulate_request *request);
void emulate_timer_del(struct emulate_ring *ring, struct emulate_request *request);
/* A timerfd expired: what is due ends. */
void emulate_timers_due(struct emulate_ring *ring, unsigned clock);
/* Sets the timerfds to what is due first. */
/* Opens the clock that nearly all use: who backs off for want of descriptors has none for it. */
int emulate_timers_start(struct emulate_ring *ring);
void emulate_timers_arm(struct emulate_ring *ring);
void emulate_timers_free(struct emulate_ring *ring);
/* Timeouts by count that have what they waited for. */
void emulate_timers_count(struct emulate_ring *ring);
/* LINK_TIMEOUT: `request` was started, and has not ended. */
void emulate_watch_over(struct emulate_ring *ring, struct emulate_request *request);

/* cancel.c: takes back one request, which ends with -ECANCELED: 0 or 1. -ENOENT, -EALREADY. */
int emulate_cancel_one(struct emulate_ring *ring, struct emulate_request *request);

/* worker.c */
/* A worker shall run it; false: there is none, and can be none. */
bool emulate_punt(struct emulate_ring *ring, struct emulate_request *request);
/* Takes from the workers what they have done. */
void emulate_workers_done(struct emulate_ring *ring);
/*
 * Takes it back, if no worker has begun: 0. Else interrupts: -EALREADY, or 1 for one that waits for
 * others, and ends with -ECANCELED by itself.
 */
int emulate_unpunt(struct emulate_ring *ring, struct emulate_request *request);
/* Stops and ends all; their requests are lost. Unlocked. */
void emulate_workers_end(struct emulate_ring *ring);
void emulate_workers_forget(struct emulate_pool *pool);

/* watch.c: the thread that looks after a ring with SQPOLL or a registered eventfd. */
int emulate_watch_start(struct emulate_ring *ring);
void emulate_watch_end(struct emulate_ring *ring);
void emulate_watch_forget(struct emulate_watcher *watcher);

/* IOWQ_MAX_WORKERS took effect: ring->workers_most. */
void emulate_workers_changed(struct emulate_ring *ring);
/* The registered eventfd changed: a watcher may be needed, or no more. 0 or -errno. */
int emulate_notify_changed(struct emulate_ring *ring);

/*
 * resources: written apart, in resource_*.c.
 */

/* io_uring_register(2) on a locked ring (NULL: descriptor -1, opcodes that need none). */
int emulate_register(struct emulate_ring *ring, unsigned opcode, void *arg, unsigned nr);

/*
 * Sets request->fd from sqe.fd: the descriptor itself, or with IOSQE_FIXED_FILE
 * what is in that slot, which stays open until emulate_file_put. 0 or -EBADF.
 */
int emulate_file_get(struct emulate_ring *ring, struct emulate_request *request);
void emulate_file_put(struct emulate_ring *ring, struct emulate_request *request);

/*
 * Takes a buffer of sqe.buf_group: addr, len (at most request->want, if
 * that is not 0), buffer_id, EMULATE_REQ_SELECTED; with a bundle iov and
 * iov_count. 0, -ENOBUFS or another -errno.
 */
int emulate_buffer_select(struct emulate_ring *ring, struct emulate_request *request);
/*
 * After a try. res > 0, or 0 where that used the buffer: consumes it, and adds F_BUFFER, its id and
 * F_BUF_MORE to request->cqe_flags. res < 0: puts it back as if it had not been taken.
 */
void emulate_buffer_commit(struct emulate_ring *ring, struct emulate_request *request, int64_t res);

/*
 * Checks that [addr, addr + len) lies in registered buffer sqe.buf_index, and
 * sets request->addr and len; the buffer stays until emulate_fixed_buffer_put.
 * 0 or -EFAULT.
 */
int emulate_fixed_buffer(struct emulate_ring *ring, struct emulate_request *request, uint64_t addr,
                         uint64_t len);
/* The same for each element of a vector, as READV_FIXED has it. */
int emulate_fixed_vector(struct emulate_ring *ring, struct emulate_request *request,
                         const struct iovec *iov, uint32_t count);
void emulate_fixed_buffer_put(struct emulate_ring *ring, struct emulate_request *request);

/*
 * Puts `fd`, which is taken over, into slot `index` (sqe.file_index - 1, or IORING_FILE_INDEX_ALLOC)
 * of the table. Returns 0 or the slot with ALLOC; on failure -errno, and `fd` is closed.
 */
int emulate_file_install(struct emulate_ring *ring, int fd, uint32_t index);

/* May this ring submit such a request? 0 or -EACCES; only asked while ring->restricted. */
int emulate_restricted(struct emulate_ring *ring, const struct io_uring_sqe *sqe);

/* The ring behind a registered index of this thread; NULL: none. Not locked. */
struct emulate_ring *emulate_registered(unsigned index);
/* What is wrong with an index that leads to none. */
int emulate_not_registered(unsigned index);
/* The thread makes a ring: from now on it has indices. */
void emulate_registered_begin(void);
/* REGISTERED_FD_ONLY: an index for a new ring, which it holds. -EBUSY: none is free. */
int emulate_registered_add(struct emulate_ring *ring);

/* IORING_ENTER_EXT_ARG_REG: the registered wait argument at `offset`; NULL: -EFAULT. */
const struct io_uring_reg_wait *emulate_registered_wait(struct emulate_ring *ring, uint64_t offset,
                                                        size_t size);

/* map() at IORING_OFF_PBUF_RING and the like: the memory there, or NULL. */
struct emulate_memory *emulate_resource_memory(struct emulate_ring *ring, uint64_t offset);

/* A descriptor of its own for what is in slot `index` of the table; -EBADF. */
int emulate_file_dup(struct emulate_ring *ring, uint32_t index);

/* The ring ends: gives all of it back, without posting. In the child of a fork, memory only. */
void emulate_resources_free(struct emulate_ring *ring);

/* net.c: `keep` of messages: the header, its vector, of sent ones the address; sqe.addr is the copy. */
int emulate_keep_msghdr(struct emulate_ring *ring, struct emulate_request *request);
/* The header of a message; 0 or -errno. */
int emulate_read_msghdr(const struct emulate_request *request, struct msghdr *header);

/*
 * message.c: what MSG_RING and its register opcode do. `from` is locked, or NULL. res, or
 * EMULATE_RETRY when another works on the target.
 */
int64_t emulate_message(struct emulate_ring *from, const struct io_uring_sqe *sqe);

/* A `run` of an irregular opcode. The table names them, emulate/hooks.h declares all. */
#define EMULATE_HOOK(name) \
    int64_t emulate_hook_##name(struct emulate_ring *ring, struct emulate_request *request)

#endif /* ROTA_EMULATE_INTERNAL_H */
