/* SPDX-License-Identifier: MIT */
/*
 * Random programs on the real kernel and on the emulated one, which must tell
 * a program the same.
 *
 *     random [-n SEQUENCES] [-s SEED|time] [-i FIRST] [-p SECONDS] [-v] [--same]
 *
 * A sequence is made from the seed and its number: requests on scratch objects,
 * singly and in chains of both kinds, with timeouts, polls, streams, cancels,
 * provided and registered buffers, slots, drains and mistakes. It is run on a ring
 * of either kernel, of the same kind, and compared are the results and flags of
 * each request in their order, what every submit returned, all memory, and what is
 * in files, pipes, sockets and counters afterwards. Not compared is what no program
 * may rely on: the order of requests that nothing links, and numbers of descriptors.
 *
 * Each lane has objects of its own, and one chain at a time. A model of them says
 * how many completions must come before the next step, so that nothing depends on
 * time. --same runs the real kernel twice, to try the model. The seed is printed;
 * with a difference also the sequence, in words, and how to run it alone. -p is how
 * long a completion may take.
 */
#include <rota.h>
#include <rota/emulate.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

#define LANES    3
#define OPS      96 /* requests of a sequence at most */
#define STEPS    64
#define CHAIN    5
#define AREA     64 /* bytes of memory of each request */
#define BUFFERS  8
#define BUFFER   16 /* bytes of a provided buffer */
#define FILESIZE 256
#define CQES     512
#define SLOTS    4 /* of each lane */

/* The slots of a lane: what stays there, and the one that requests fill and empty. */
enum {
    SLOT_FILE,
    SLOT_PIPE,
    SLOT_PAIR,
    SLOT_OWN
};

/* Requests. Those up to the last of each group may be members of chains. */
enum what {
    NOP,
    READ,
    WRITE,
    READV,
    WRITEV,
    READ_FIXED,
    WRITE_FIXED,
    PIPE_READ,
    PIPE_WRITE,
    SEND,
    RECV,
    RECV_ALL,
    SENDMSG,
    RECVMSG,
    RECV_SELECT,
    PIPE_SELECT,
    POLL,
    FSYNC,
    TRUNCATE,
    FALLOCATE,
    STATX,
    SPLICE,
    SHORT_TIMEOUT,
    LONG_TIMEOUT,
    MESSAGE,
    OPEN_SLOT,
    CLOSE_SLOT,
    READ_SLOT,
    FILL_SLOT,
    EVENT_READ,
    EVENT_WRITE,
    ADVISE,
    CANCEL_NOTHING,
    BAD_FD,
    BAD_SLOT,
    CHAINABLE,
    LINK_SHORT = CHAINABLE, /* LINK_TIMEOUT: behind another one */
    LINK_LONG,
    INVALID,    /* refused when it is submitted */
    POLL_MULTI, /* streams: alone */
    RECV_MULTI,
    SOCKET,
    BAD_BUFFER,
    BAD_MEMORY,
    CANCEL, /* what the steps below make */
    CANCEL_FD,
    CANCEL_ANY,
    TIMEOUT_REMOVE,
    TIMEOUT_UPDATE,
    POLL_REMOVE,
    WHATS
};

static const char *const names[WHATS] = {
    "NOP",         "READ",      "WRITE",          "READV",       "WRITEV",         "READ_FIXED",
    "WRITE_FIXED", "PIPE_READ", "PIPE_WRITE",     "SEND",        "RECV",           "RECV_ALL",
    "SENDMSG",     "RECVMSG",   "RECV_SELECT",    "PIPE_SELECT", "POLL",           "FSYNC",
    "TRUNCATE",    "FALLOCATE", "STATX",          "SPLICE",      "SHORT_TIMEOUT",  "LONG_TIMEOUT",
    "MESSAGE",     "OPEN_SLOT", "CLOSE_SLOT",     "READ_SLOT",   "FILL_SLOT",      "EVENT_READ",
    "EVENT_WRITE", "ADVISE",    "CANCEL_NOTHING", "BAD_FD",      "BAD_SLOT",       "LINK_SHORT",
    "LINK_LONG",   "INVALID",   "POLL_MULTI",     "RECV_MULTI",  "SOCKET",         "BAD_BUFFER",
    "BAD_MEMORY",  "CANCEL",    "CANCEL_FD",      "CANCEL_ANY",  "TIMEOUT_REMOVE", "TIMEOUT_UPDATE",
    "POLL_REMOVE",
};

struct op {
    enum what what;
    unsigned lane;
    unsigned len, offset;
    unsigned variant; /* random bits */
    uint8_t flags;    /* IOSQE_* */
    unsigned target;  /* of a cancellation */
};

enum kind {
    SUBMIT, /* ops from `first`, `count` of them */
    FEED_PIPE,
    FEED_PAIR,
    FEED_EVENT,
};

struct step {
    enum kind kind;
    unsigned first, count, lane;
    unsigned expected; /* completions, all together, before the next step */
};

struct program {
    uint32_t setup;
    bool drains; /* then nothing is silent: the kernel refuses both on one ring */
    struct op ops[OPS];
    struct step steps[STEPS];
    unsigned op_count, step_count, expected;
};

/*
 * Chance
 */

static uint64_t state;

static unsigned chance(unsigned below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (unsigned)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % below;
}

static void seed_with(uint64_t seed, uint64_t number)
{
    state = seed * UINT64_C(0x9e3779b97f4a7c15) + number * UINT64_C(0xbf58476d1ce4e5b9) + 1;
    for (int i = 0; i < 4; i++)
        chance(2);
}

/*
 * The model: what of a lane decides whether a request succeeds, fails or waits.
 */

enum outcome {
    SUCCEEDS,
    FAILS,
    WAITS
};

static struct lane_model {
    unsigned pipe, pair, event; /* what can be read */
    unsigned kept;              /* by a receive that waits for all of it */
    unsigned size;              /* of the file */
    bool slot;                  /* SLOT_OWN holds a file */
    unsigned buffers;           /* that are left in the group */
    unsigned at, end;           /* requests of the chain that waits; at == end: none waits */
} model[LANES];

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* What becomes of a request that is begun now, and what that does to its lane. */
static enum outcome begin(const struct op *op)
{
    struct lane_model *m = &model[op->lane];
    unsigned got;

    switch (op->what) {
    case READ:
    case READV:
    case READ_FIXED:
        return op->offset + op->len <= m->size ? SUCCEEDS
                                               : FAILS; /* a short one breaks its chain */
    case WRITE:
    case WRITEV:
    case WRITE_FIXED:
    case FALLOCATE:
        if (op->offset + op->len > m->size)
            m->size = op->offset + op->len;
        return SUCCEEDS;
    case TRUNCATE:
        m->size = op->offset;
        return SUCCEEDS;
    case PIPE_READ:
        if (!m->pipe)
            return WAITS;
        got = least(m->pipe, op->len);
        m->pipe -= got;
        return got == op->len ? SUCCEEDS : FAILS;
    case PIPE_SELECT:
        if (!m->buffers)
            return FAILS;
        if (!m->pipe)
            return WAITS;
        m->buffers--;
        got = least(m->pipe, least(op->len, BUFFER));
        m->pipe -= got;
        return got == least(op->len, BUFFER) ? SUCCEEDS : FAILS;
    case PIPE_WRITE:
        m->pipe += op->len;
        return SUCCEEDS;
    case SPLICE:
        got = op->offset >= m->size ? 0 : least(op->len, m->size - op->offset);
        m->pipe += got;
        return got == op->len ? SUCCEEDS : FAILS;
    case RECV:
    case RECVMSG:
        if (!m->pair)
            return WAITS;
        m->pair -= least(m->pair, op->len);
        return SUCCEEDS;
    case RECV_ALL:
        /* What has come it keeps, until it has all or is cancelled. */
        got = least(m->pair, op->len - m->kept);
        m->pair -= got;
        m->kept += got;
        return m->kept < op->len ? WAITS : SUCCEEDS;
    case RECV_SELECT:
        if (!m->buffers)
            return FAILS;
        if (!m->pair)
            return WAITS;
        m->buffers--;
        m->pair -= least(m->pair, least(op->len, BUFFER));
        return SUCCEEDS;
    case POLL:
        return m->pipe ? SUCCEEDS : WAITS;
    case EVENT_READ:
        if (!m->event)
            return WAITS;
        m->event = 0;
        return SUCCEEDS;
    case EVENT_WRITE:
        m->event++;
        return SUCCEEDS;
    case OPEN_SLOT:
    case FILL_SLOT:
        m->slot = true;
        return SUCCEEDS;
    case CLOSE_SLOT:
        if (!m->slot)
            return FAILS;
        m->slot = false;
        return SUCCEEDS;
    case READ_SLOT:
        return m->slot ? SUCCEEDS : FAILS;
    case LONG_TIMEOUT:
    case POLL_MULTI:
    case RECV_MULTI:
        return WAITS;
    case SOCKET:
        return op->variant & 2 ? SUCCEEDS : FAILS;
    case SHORT_TIMEOUT: /* ETIME is a failure */
    case CANCEL_NOTHING:
    case BAD_FD:
    case BAD_SLOT:
    case BAD_BUFFER:
    case BAD_MEMORY:
    case INVALID:
        return FAILS;
    default:
        return SUCCEEDS;
    }
}

/* How many completions a request brings with that outcome. */
static unsigned brings(const struct op *op, bool success)
{
    unsigned count = success && (op->flags & IOSQE_CQE_SKIP_SUCCESS) ? 0 : 1;

    return op->what == MESSAGE && success ? count + 1 : count;
}

static bool is_link_timeout(const struct op *op)
{
    return op->what == LINK_SHORT || op->what == LINK_LONG;
}

/* What a stream brings now; it may end with that. `fed` when something has come just now. */
static unsigned run_stream(struct lane_model *m, const struct op *op, bool fed)
{
    unsigned pieces = (m->pair + BUFFER - 1) / BUFFER;

    if (op->what == POLL_MULTI)
        return fed || m->pipe;
    if (pieces <= m->buffers && (m->buffers || fed)) {
        m->buffers -= pieces;
        m->pair = 0;
        return pieces;
    }
    pieces = m->buffers;
    m->pair -= pieces * BUFFER;
    m->buffers = 0;
    m->at = m->end;
    return pieces + 1; /* ENOBUFS */
}

/*
 * Runs the lane's chain on from where it stands. `given` is what becomes of
 * the first one, when that was decided elsewhere.
 */
static unsigned run_chain(struct program *p, struct lane_model *m, const enum outcome *given)
{
    unsigned completions = 0;

    while (m->at < m->end) {
        const struct op *op = &p->ops[m->at];
        const struct op *timeout = m->at + 1 < m->end && is_link_timeout(op + 1) ? op + 1 : NULL;
        enum outcome outcome = given ? *given : begin(op);
        bool hard = op->flags & IOSQE_IO_HARDLINK;

        given = NULL;
        if (outcome == WAITS && timeout && timeout->what == LINK_SHORT)
            outcome = FAILS; /* it is cancelled, after a millisecond */
        if (outcome == WAITS) {
            if (op->what == POLL_MULTI || op->what == RECV_MULTI)
                completions += run_stream(m, op, false);
            return completions;
        }
        completions += brings(op, outcome == SUCCEEDS);
        m->kept = 0;
        m->at++;
        if (timeout) {
            /* It says ETIME or ECANCELED: both are failures, of which one is about it alone. */
            completions++;
            m->at++;
            hard = false;
            if (outcome == SUCCEEDS && m->at < m->end)
                continue;
        }
        if (outcome == FAILS && !hard) {
            /* Of a chain that breaks, who was to be silent about success keeps the rest silent. */
            if (!(op->flags & IOSQE_CQE_SKIP_SUCCESS))
                completions += m->end - m->at;
            m->at = m->end;
        }
    }
    return completions;
}

/*
 * Making a program
 */

static struct op *add_op(struct program *p, enum what what, unsigned lane)
{
    struct op *op = &p->ops[p->op_count++];

    memset(op, 0, sizeof(*op));
    op->what = what;
    op->lane = lane;
    op->len = 1 + chance(AREA);
    op->offset = chance(FILESIZE);
    op->variant = chance(1U << 16);
    return op;
}

static struct step *add_step(struct program *p, enum kind kind, unsigned lane)
{
    struct step *step = &p->steps[p->step_count++];

    memset(step, 0, sizeof(*step));
    step->kind = kind;
    step->lane = lane;
    step->first = p->op_count;
    return step;
}

static bool may_wait(enum what what)
{
    switch (what) {
    case PIPE_READ:
    case PIPE_SELECT:
    case RECV:
    case RECV_ALL:
    case RECVMSG:
    case RECV_SELECT:
    case POLL:
    case EVENT_READ:
    case LONG_TIMEOUT:
        return true;
    default:
        return false;
    }
}

/* May be done by a worker of the real kernel, and with it what follows in its chain. */
static bool may_leave(enum what what)
{
    switch (what) {
    case READ:
    case WRITE:
    case READV:
    case WRITEV:
    case READ_FIXED:
    case WRITE_FIXED:
    case FSYNC:
    case TRUNCATE:
    case FALLOCATE:
    case STATX:
    case SPLICE:
    case OPEN_SLOT:
    case READ_SLOT:
    case ADVISE:
    case PIPE_WRITE:
    case EVENT_WRITE:
    case SOCKET:
    case BAD_BUFFER:
        return true;
    default:
        return false;
    }
}

/* A chain in a lane that nothing waits in; what it brings is counted. */
static void add_chain(struct program *p, unsigned lane, bool drain)
{
    struct lane_model *m = &model[lane];
    unsigned length = chance(2) ? 1 : 1 + chance(CHAIN), invalid = CHAIN;
    /* What waits behind a drain holds everything up, and what waits in a worker is hard to stop. */
    bool forced = !chance(4), async = forced, never_waits = p->drains || async;
    uint8_t link = chance(3) ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK;
    unsigned first = p->op_count;

    if (length > 1 && !chance(12)) {
        invalid = chance(length);
        link = IOSQE_IO_LINK;
    }
    for (unsigned i = 0; i < length; i++) {
        enum what what = (enum what)chance(CHAINABLE);
        struct op *op;

        if (length == 1 && !chance(4))
            what = (enum what)(INVALID + chance(BAD_MEMORY - INVALID + 1));
        if (i == invalid)
            what = INVALID;
        if (never_waits && (may_wait(what) || what == POLL_MULTI || what == RECV_MULTI))
            what = READ;
        /* Timeouts that are due are slow: few of them. */
        if (what == SHORT_TIMEOUT && chance(4))
            what = NOP;
        /* A wait in a worker is another one: EINTR ends it, and a cancellation may come too late. */
        never_waits |= async = async || may_leave(what);
        op = add_op(p, what, lane);
        /* What is silent and in a worker nobody knows the end of. */
        if (!p->drains && !async && !chance(5) && what != POLL_MULTI && what != RECV_MULTI &&
            what != INVALID)
            op->flags |= IOSQE_CQE_SKIP_SUCCESS;
        if (forced && chance(2) && what < CHAINABLE && what != SHORT_TIMEOUT &&
            what != CANCEL_NOTHING)
            op->flags |= IOSQE_ASYNC;
        if (i + 1 < length || (invalid == CHAIN && length > 1 && !chance(6)))
            op->flags |= link;
        if (invalid == CHAIN && (op->flags & (IOSQE_IO_LINK | IOSQE_IO_HARDLINK)) &&
            what != SHORT_TIMEOUT && what != LONG_TIMEOUT && (i + 1 == length || !chance(6))) {
            struct op *timeout =
                add_op(p, may_wait(what) && !chance(3) ? LINK_SHORT : LINK_LONG, lane);

            op->flags = (uint8_t)((op->flags & ~IOSQE_IO_HARDLINK) | IOSQE_IO_LINK);
            if (i + 1 < length)
                timeout->flags |= IOSQE_IO_LINK;
            link = IOSQE_IO_LINK;
        } else if (i + 1 == length) {
            op->flags &= (uint8_t) ~(IOSQE_IO_LINK | IOSQE_IO_HARDLINK);
        }
    }
    if (drain)
        p->ops[first].flags |= IOSQE_IO_DRAIN;
    m->at = first;
    m->end = p->op_count;
    if (invalid < CHAIN) {
        /* Nothing of it is begun. */
        p->expected += p->op_count - first;
        if (p->ops[first].flags & IOSQE_CQE_SKIP_SUCCESS)
            p->expected -= p->op_count - first - 1;
        m->at = m->end;
    } else {
        p->expected += run_chain(p, m, NULL);
    }
}

static void add_cancel(struct program *p, enum what what, unsigned lane, unsigned target)
{
    struct step *step = add_step(p, SUBMIT, lane);

    add_op(p, what, lane)->target = target;
    step->count = 1;
    p->expected++;
    step->expected = p->expected;
}

/* What waits in a lane comes to its end, or goes on; sometimes nothing happens to it. */
static void resolve(struct program *p, unsigned lane)
{
    const enum outcome fails = FAILS;
    struct lane_model *m = &model[lane];
    const struct op *op = &p->ops[m->at];
    struct step *step;
    unsigned bytes = 1 + chance(2 * AREA - 1);

    if (!chance(3))
        return;
    if (op->what == LONG_TIMEOUT && chance(2)) {
        bool update = chance(2);

        add_cancel(p, update ? TIMEOUT_UPDATE : TIMEOUT_REMOVE, lane, m->at);
        p->expected += run_chain(p, m, &fails);
    } else if ((op->what == POLL || op->what == POLL_MULTI) && !chance(4)) {
        add_cancel(p, POLL_REMOVE, lane, m->at);
        p->expected += run_chain(p, m, &fails);
    } else if (op->what == LONG_TIMEOUT || chance(2)) {
        bool by_fd = op->what != LONG_TIMEOUT && chance(2);

        add_cancel(p, by_fd ? CANCEL_FD : CANCEL, lane, m->at);
        p->expected += run_chain(p, m, &fails);
    } else {
        switch (op->what) {
        case PIPE_READ:
        case PIPE_SELECT:
        case POLL:
        case POLL_MULTI:
            step = add_step(p, FEED_PIPE, lane);
            m->pipe += bytes;
            break;
        case EVENT_READ:
            step = add_step(p, FEED_EVENT, lane);
            m->event++;
            break;
        default:
            step = add_step(p, FEED_PAIR, lane);
            m->pair += bytes;
            break;
        }
        step->count = bytes;
        if (op->what == POLL_MULTI || op->what == RECV_MULTI)
            p->expected += run_stream(m, op, true);
        else
            p->expected += run_chain(p, m, NULL);
        step->expected = p->expected;
        return;
    }
    p->steps[p->step_count - 1].expected = p->expected;
}

static bool is_idle(unsigned lane)
{
    return model[lane].at == model[lane].end;
}

static bool all_idle(void)
{
    bool idle = true;

    for (unsigned i = 0; i < LANES; i++)
        idle &= is_idle(i);
    return idle;
}

static void make_program(struct program *p)
{
    static const uint32_t setups[] = {
        0,
        IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG,
        IORING_SETUP_CQE32,
        IORING_SETUP_SQE128,
        IORING_SETUP_NO_SQARRAY | IORING_SETUP_SINGLE_ISSUER,
    };
    unsigned rounds = 1 + chance(4);

    memset(p, 0, sizeof(*p));
    memset(model, 0, sizeof(model));
    for (unsigned i = 0; i < LANES; i++) {
        model[i].size = FILESIZE;
        model[i].buffers = BUFFERS;
    }
    p->drains = !chance(4);
    p->setup = setups[chance(sizeof(setups) / sizeof(setups[0]))];
    for (unsigned round = 0; round < rounds; round++) {
        struct step *step = add_step(p, SUBMIT, 0);
        bool drain = p->drains && all_idle() && chance(2);
        bool first = true;

        for (unsigned lane = 0; lane < LANES; lane++) {
            if (!is_idle(lane) || !chance(4))
                continue;
            add_chain(p, lane, drain && !first && all_idle());
            first = false;
        }
        step->count = p->op_count - step->first;
        step->expected = p->expected;
        if (!step->count)
            p->step_count--;
        for (unsigned lane = 0; lane < LANES; lane++) {
            if (!is_idle(lane))
                resolve(p, lane);
        }
    }
    /* A hard link may lead to the next one that waits. */
    while (!all_idle()) {
        const enum outcome fails = FAILS;

        add_cancel(p, CANCEL_ANY, 0, 0);
        for (unsigned lane = 0; lane < LANES; lane++) {
            if (!is_idle(lane))
                p->expected += run_chain(p, &model[lane], &fails);
        }
        p->steps[p->step_count - 1].expected = p->expected;
    }
}

/*
 * Running it
 */

struct seen {
    int res;
    unsigned flags;
};

struct trace {
    char why[128]; /* could not be run, or a promise was broken */
    bool impossible;
    int submits[STEPS * 4];
    unsigned submit_count;
    struct seen seen[OPS][16];
    unsigned count[OPS];
    unsigned messages[OPS];
    unsigned completions;
    unsigned char memory[OPS][AREA];
    unsigned char buffers[LANES][BUFFERS * BUFFER];
    unsigned char fixed[LANES][AREA];
    unsigned char files[LANES][1024];
    long sizes[LANES];
    unsigned char rests[LANES][2][1024]; /* what is left in pipe and socket, */
    long rest_sizes[LANES][3];           /* the latter at both ends */
    long events[LANES];
    struct statx statx[OPS];
};

struct world {
    struct rota_ring ring;
    int file[LANES], pipe[LANES][2], pair[LANES][2], event[LANES];
    struct io_uring_buf_ring *group[LANES];
    struct iovec iov[OPS][2];
    struct msghdr msg[OPS];
    int update[OPS];
};

static const struct __kernel_timespec soon = {0, 1000000}, late = {3600, 0};
static struct __kernel_timespec patience = {20, 0};

static void broken(struct trace *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void broken(struct trace *t, const char *format, ...)
{
    va_list args;

    if (t->why[0])
        return;
    va_start(args, format);
    vsnprintf(t->why, sizeof(t->why), format, args);
    va_end(args);
}

static bool open_world(struct world *w, struct trace *t, const struct program *p,
                       const struct rota_kernel *kernel)
{
    unsigned char pattern[FILESIZE];
    struct iovec fixed[LANES];
    int slots[LANES * SLOTS];
    struct rota_config config;
    int ret;

    rota_config_plain(&config);
    config.required_flags = p->setup;
    config.kernel = kernel;
    ret = rota_init(&w->ring, 64, &config);
    if (ret < 0) {
        broken(t, "no ring: %s", strerror(-ret));
        t->impossible = ret == -EINVAL || ret == -ENOSYS || ret == -EPERM;
        return false;
    }
    for (unsigned i = 0; i < FILESIZE; i++)
        pattern[i] = (unsigned char)(i * 7 + 1);
    for (unsigned i = 0; i < LANES; i++) {
        w->file[i] = memfd_create("random", MFD_CLOEXEC);
        w->event[i] = eventfd(0, EFD_CLOEXEC);
        if (w->file[i] < 0 || w->event[i] < 0 || pipe2(w->pipe[i], O_CLOEXEC) ||
            socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, w->pair[i]) ||
            pwrite(w->file[i], pattern, FILESIZE, 0) != FILESIZE)
            bail("scratch objects: %s", strerror(errno));
        slots[i * SLOTS + SLOT_FILE] = w->file[i];
        slots[i * SLOTS + SLOT_PIPE] = w->pipe[i][0];
        slots[i * SLOTS + SLOT_PAIR] = w->pair[i][0];
        slots[i * SLOTS + SLOT_OWN] = -1;
        fixed[i].iov_base = t->fixed[i];
        fixed[i].iov_len = AREA;
    }
    ret = rota_register_files(&w->ring, slots, LANES * SLOTS);
    if (ret >= 0)
        ret = rota_register_buffers(&w->ring, fixed, LANES);
    for (unsigned i = 0; i < LANES && ret >= 0; i++) {
        w->group[i] = rota_setup_buf_ring(&w->ring, BUFFERS, (int)i, 0, &ret);
        for (unsigned k = 0; w->group[i] && k < BUFFERS; k++)
            rota_buf_ring_add(w->group[i], t->buffers[i] + (size_t)k * BUFFER, BUFFER,
                              (unsigned short)k, BUFFERS - 1, (int)k);
        if (w->group[i])
            rota_buf_ring_advance(w->group[i], BUFFERS);
    }
    if (ret < 0) {
        broken(t, "registering: %s", strerror(-ret));
        t->impossible = ret == -EINVAL;
    }
    return ret >= 0;
}

static void close_world(struct world *w, struct trace *t)
{
    struct stat st;

    for (unsigned i = 0; i < LANES; i++) {
        uint64_t value = 0;

        if (fstat(w->file[i], &st) || pread(w->file[i], t->files[i], sizeof(t->files[i]), 0) < 0)
            bail("a file: %s", strerror(errno));
        t->sizes[i] = (long)st.st_size;
        fcntl(w->pipe[i][0], F_SETFL, O_NONBLOCK);
        t->rest_sizes[i][0] = read(w->pipe[i][0], t->rests[i][0], sizeof(t->rests[i][0]));
        t->rest_sizes[i][1] =
            recv(w->pair[i][0], t->rests[i][1], sizeof(t->rests[i][1]) / 2, MSG_DONTWAIT);
        t->rest_sizes[i][2] = recv(w->pair[i][1], t->rests[i][1] + sizeof(t->rests[i][1]) / 2,
                                   sizeof(t->rests[i][1]) / 2, MSG_DONTWAIT);
        fcntl(w->event[i], F_SETFL, O_NONBLOCK);
        t->events[i] = read(w->event[i], &value, sizeof(value)) < 0 ? 0 : (long)value;
        close(w->file[i]);
        close(w->pipe[i][0]);
        close(w->pipe[i][1]);
        close(w->pair[i][0]);
        close(w->pair[i][1]);
        close(w->event[i]);
        if (w->group[i])
            rota_free_buf_ring(&w->ring, w->group[i], BUFFERS, (int)i);
    }
    rota_queue_exit(&w->ring);
}

/* A descriptor of the lane, or with some chance its slot. */
static int file_of(const struct op *op, struct io_uring_sqe *sqe, int fd, unsigned slot)
{
    if (op->variant & 1)
        return fd;
    sqe->flags |= IOSQE_FIXED_FILE;
    return (int)(op->lane * SLOTS + slot);
}

static void spoil(struct io_uring_sqe *sqe, unsigned variant)
{
    rota_prep_nop(sqe);
    switch (variant % 4) {
    case 0:
        sqe->opcode = 250;
        break;
    case 1:
        sqe->flags = (uint8_t)(sqe->flags | 0x80);
        break;
    case 2:
        sqe->personality = 77;
        break;
    default:
        sqe->opcode = IORING_OP_TIMEOUT;
        sqe->len = 2; /* one time is all that it takes */
        break;
    }
}

static void prepare(struct world *w, struct trace *t, const struct program *p, unsigned number,
                    struct io_uring_sqe *sqe)
{
    const struct op *op = &p->ops[number];
    unsigned lane = op->lane, own = lane * SLOTS + SLOT_OWN;
    unsigned char *memory = t->memory[number];
    struct iovec *iov = w->iov[number];
    unsigned half = op->len / 2;
    uint8_t flags = op->flags;
    int fd;

    /* What is sent can be told from what anybody else sends. */
    for (unsigned i = 0; i < AREA; i++)
        memory[i] = (unsigned char)(number * 31 + i);
    iov[0] = (struct iovec){memory, half};
    iov[1] = (struct iovec){memory + half, op->len - half};
    w->msg[number] = (struct msghdr){.msg_iov = iov, .msg_iovlen = 2};
    sqe->flags = flags;
    switch (op->what) {
    case READ:
        fd = file_of(op, sqe, w->file[lane], SLOT_FILE);
        flags = sqe->flags;
        rota_prep_read(sqe, fd, memory, op->len, op->offset);
        break;
    case WRITE:
        fd = file_of(op, sqe, w->file[lane], SLOT_FILE);
        flags = sqe->flags;
        rota_prep_write(sqe, fd, memory, op->len, op->offset);
        break;
    case READV:
        rota_prep_readv(sqe, w->file[lane], iov, 2, op->offset);
        break;
    case WRITEV:
        rota_prep_writev(sqe, w->file[lane], iov, 2, op->offset);
        break;
    case READ_FIXED:
        rota_prep_read_fixed(sqe, w->file[lane], t->fixed[lane], op->len, op->offset, (int)lane);
        break;
    case WRITE_FIXED:
        rota_prep_write_fixed(sqe, w->file[lane], t->fixed[lane], op->len, op->offset, (int)lane);
        break;
    case PIPE_READ:
        fd = file_of(op, sqe, w->pipe[lane][0], SLOT_PIPE);
        flags = sqe->flags;
        rota_prep_read(sqe, fd, memory, op->len, op->variant & 2 ? 0 : (uint64_t)-1);
        break;
    case PIPE_WRITE:
        rota_prep_write(sqe, w->pipe[lane][1], memory, op->len, 0);
        break;
    case SEND:
        fd = file_of(op, sqe, w->pair[lane][0], SLOT_PAIR);
        flags = sqe->flags;
        rota_prep_send(sqe, fd, memory, op->len, 0);
        break;
    case RECV:
    case RECV_ALL:
        fd = file_of(op, sqe, w->pair[lane][0], SLOT_PAIR);
        flags = sqe->flags;
        rota_prep_recv(sqe, fd, memory, op->len, op->what == RECV_ALL ? MSG_WAITALL : 0);
        if (op->what == RECV && (op->variant & 4))
            sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
        break;
    case SENDMSG:
        rota_prep_sendmsg(sqe, w->pair[lane][0], &w->msg[number], 0);
        break;
    case RECVMSG:
        rota_prep_recvmsg(sqe, w->pair[lane][0], &w->msg[number], 0);
        break;
    case RECV_SELECT:
        rota_prep_recv(sqe, w->pair[lane][0], NULL, op->len, 0);
        sqe->buf_group = (uint16_t)lane;
        flags |= IOSQE_BUFFER_SELECT;
        break;
    case PIPE_SELECT:
        rota_prep_read(sqe, w->pipe[lane][0], NULL, op->len, 0);
        sqe->buf_group = (uint16_t)lane;
        flags |= IOSQE_BUFFER_SELECT;
        break;
    case POLL:
        rota_prep_poll_add(sqe, w->pipe[lane][0], POLLIN);
        break;
    case FSYNC:
        rota_prep_fsync(sqe, w->file[lane], op->variant & 2 ? IORING_FSYNC_DATASYNC : 0);
        break;
    case TRUNCATE:
        rota_prep_ftruncate(sqe, w->file[lane], op->offset);
        break;
    case FALLOCATE:
        rota_prep_fallocate(sqe, w->file[lane], 0, op->offset, op->len);
        break;
    case STATX:
        rota_prep_statx(sqe, w->file[lane], "", AT_EMPTY_PATH, STATX_SIZE | STATX_MODE,
                        &t->statx[number]);
        break;
    case SPLICE:
        rota_prep_splice(sqe, w->file[lane], op->offset, w->pipe[lane][1], -1, op->len, 0);
        break;
    case SHORT_TIMEOUT:
        rota_prep_timeout(sqe, &soon, 0, 0);
        break;
    case LONG_TIMEOUT:
        rota_prep_timeout(sqe, &late, 0,
                          op->variant & 2   ? IORING_TIMEOUT_BOOTTIME
                          : op->variant & 4 ? IORING_TIMEOUT_REALTIME
                                            : 0);
        break;
    case MESSAGE:
        rota_prep_msg_ring(sqe, w->ring.ring_fd, op->len, 0x10000 + number, 0);
        break;
    case OPEN_SLOT:
        rota_prep_openat_direct(sqe, AT_FDCWD, "/dev/zero", O_RDONLY, 0, own);
        break;
    case CLOSE_SLOT:
        rota_prep_close_direct(sqe, own);
        break;
    case READ_SLOT:
        rota_prep_read(sqe, (int)own, memory, op->len, 0);
        flags |= IOSQE_FIXED_FILE;
        break;
    case FILL_SLOT:
        w->update[number] = w->file[lane];
        rota_prep_files_update(sqe, &w->update[number], 1, (int)own);
        break;
    case EVENT_READ:
        rota_prep_read(sqe, w->event[lane], memory, 8, 0);
        break;
    case EVENT_WRITE:
        memset(memory, 0, AREA);
        memcpy(memory, &(uint64_t){1}, 8);
        rota_prep_write(sqe, w->event[lane], memory, 8, 0);
        break;
    case ADVISE:
        rota_prep_fadvise(sqe, w->file[lane], 0, op->len, POSIX_FADV_WILLNEED);
        break;
    case CANCEL_NOTHING:
        rota_prep_cancel64(sqe, 0x20000 + number, 0);
        break;
    case BAD_FD:
        rota_prep_read(sqe, 1000000, memory, op->len, 0);
        break;
    case BAD_SLOT:
        rota_prep_read(sqe, op->variant & 1 ? 1000 : -1, memory, op->len, 0);
        flags |= IOSQE_FIXED_FILE;
        break;
    case LINK_SHORT:
        rota_prep_link_timeout(sqe, &soon, 0);
        break;
    case LINK_LONG:
        rota_prep_link_timeout(sqe, &late, 0);
        break;
    case INVALID:
        spoil(sqe, op->variant);
        flags |= sqe->flags;
        break;
    case POLL_MULTI:
        rota_prep_poll_multishot(sqe, w->pipe[lane][0], POLLIN);
        break;
    case RECV_MULTI:
        rota_prep_recv_multishot(sqe, w->pair[lane][0], NULL, 0, 0);
        sqe->buf_group = (uint16_t)lane;
        flags |= IOSQE_BUFFER_SELECT;
        break;
    case SOCKET:
        rota_prep_socket(sqe, op->variant & 2 ? AF_UNIX : 999, SOCK_STREAM, 0, 0);
        break;
    case BAD_BUFFER:
        rota_prep_read_fixed(sqe, w->file[lane], t->fixed[lane] + 1, AREA, 0,
                             op->variant & 1 ? (int)lane : 99);
        break;
    case BAD_MEMORY:
        rota_prep_write(sqe, w->pipe[lane][1], (void *)16, op->len, 0);
        break;
    case CANCEL:
        rota_prep_cancel64(sqe, op->target, op->variant & 2 ? IORING_ASYNC_CANCEL_ALL : 0);
        break;
    case CANCEL_FD:
        switch (p->ops[op->target].what) {
        case PIPE_READ:
        case PIPE_SELECT:
        case POLL:
        case POLL_MULTI:
            fd = w->pipe[lane][0];
            break;
        case EVENT_READ:
            fd = w->event[lane];
            break;
        default:
            fd = w->pair[lane][0];
            break;
        }
        rota_prep_cancel_fd(sqe, fd, op->variant & 2 ? IORING_ASYNC_CANCEL_ALL : 0);
        break;
    case CANCEL_ANY:
        rota_prep_cancel64(sqe, 0, IORING_ASYNC_CANCEL_ANY);
        break;
    case TIMEOUT_REMOVE:
        rota_prep_timeout_remove(sqe, op->target, 0);
        break;
    case TIMEOUT_UPDATE:
        rota_prep_timeout_update(sqe, &soon, op->target, 0);
        break;
    case POLL_REMOVE:
        rota_prep_poll_remove(sqe, op->target);
        break;
    default:
        rota_prep_nop(sqe);
        break;
    }
    sqe->flags = flags;
    rota_sqe_set_data64(sqe, number);
}

static void take(struct trace *t, const struct program *p, const struct io_uring_cqe *cqe)
{
    uint64_t number = cqe->user_data;
    int res = cqe->res;

    t->completions++;
    if (number >= 0x10000 && number - 0x10000 < p->op_count) {
        if (cqe->res != (int)p->ops[number - 0x10000].len)
            broken(t, "a message says %d", cqe->res);
        t->messages[number - 0x10000]++;
    } else if (number >= p->op_count) {
        broken(t, "a completion of nobody's: %llu", (unsigned long long)number);
    } else if (t->count[number] == sizeof(t->seen[0]) / sizeof(t->seen[0][0])) {
        broken(t, "no end of completions of request %u", (unsigned)number);
    } else {
        struct seen *seen = &t->seen[number][t->count[number]++];

        if (p->ops[number].what == SOCKET && res >= 0) {
            close(res);
            res = 0;
        }
        seen->res = res;
        /* Whether there is more in a socket is a hint. */
        seen->flags = cqe->flags & ~(unsigned)IORING_CQE_F_SOCK_NONEMPTY;
    }
}

/* Takes completions until there are as many as the model says, and looks for one too many. */
static void settle(struct world *w, struct trace *t, const struct program *p,
                   const struct step *step)
{
    struct io_uring_cqe *cqe;

    while (t->completions < step->expected && !t->why[0]) {
        int ret = rota_wait_cqe_timeout(&w->ring, &cqe, &patience);

        if (ret < 0) {
            broken(t, "step %u: %u completions of %u: %s", (unsigned)(step - p->steps),
                   t->completions, step->expected, strerror(-ret));
            return;
        }
        take(t, p, cqe);
        rota_cqe_seen(&w->ring, cqe);
    }
    /* Twice: what ended now may have begun something. */
    rota_get_events(&w->ring);
    rota_get_events(&w->ring);
    while (!rota_peek_cqe(&w->ring, &cqe)) {
        take(t, p, cqe);
        rota_cqe_seen(&w->ring, cqe);
        broken(t, "step %u: %u completions instead of %u", (unsigned)(step - p->steps),
               t->completions, step->expected);
    }
}

static void run_step(struct world *w, struct trace *t, const struct program *p,
                     const struct step *step)
{
    char bytes[2 * AREA];

    memset(bytes, 'a' + (int)(step - p->steps) % 26, sizeof(bytes));
    if (step->kind == FEED_PIPE && write(w->pipe[step->lane][1], bytes, step->count) < 0)
        bail("write: %s", strerror(errno));
    if (step->kind == FEED_PAIR && send(w->pair[step->lane][1], bytes, step->count, 0) < 0)
        bail("send: %s", strerror(errno));
    if (step->kind == FEED_EVENT && eventfd_write(w->event[step->lane], 1))
        bail("eventfd: %s", strerror(errno));
    if (step->kind == SUBMIT) {
        for (unsigned i = 0; i < step->count; i++) {
            struct io_uring_sqe *sqe =
                p->setup & IORING_SETUP_SQE128 ? rota_get_sqe128(&w->ring) : rota_get_sqe(&w->ring);

            if (!sqe)
                bail("the queue is full");
            prepare(w, t, p, step->first + i, sqe);
        }
        while (rota_sq_ready(&w->ring) &&
               t->submit_count < sizeof(t->submits) / sizeof(t->submits[0])) {
            int ret = rota_submit(&w->ring);

            t->submits[t->submit_count++] = ret;
            if (ret <= 0) {
                broken(t, "step %u: a submit returns %d", (unsigned)(step - p->steps), ret);
                return;
            }
        }
    }
    settle(w, t, p, step);
}

static void run_program(const struct program *p, const struct rota_kernel *kernel, struct trace *t)
{
    static struct world world;

    memset(t, 0, sizeof(*t));
    memset(&world, 0, sizeof(world));
    if (!open_world(&world, t, p, kernel)) {
        rota_queue_exit(&world.ring);
        return;
    }
    for (unsigned i = 0; i < p->step_count && !t->why[0]; i++)
        run_step(&world, t, p, &p->steps[i]);
    close_world(&world, t);
}

/*
 * Comparing
 */

static unsigned differing;

static void differ(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void differ(const char *format, ...)
{
    char text[256];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    diag("  %s", text);
    differing++;
}

static void compare(const struct program *p, const struct trace *a, const struct trace *b)
{
    differing = 0;
    if (a->why[0] || b->why[0])
        differ("real: %s; emulated: %s", a->why[0] ? a->why : "well", b->why[0] ? b->why : "well");
    if (a->submit_count != b->submit_count ||
        memcmp(a->submits, b->submits, a->submit_count * sizeof(a->submits[0])) != 0)
        differ("submits return other counts");
    for (unsigned i = 0; i < p->op_count; i++) {
        for (unsigned k = 0; k < a->count[i] || k < b->count[i]; k++) {
            const struct seen none = {0x7fffffff, 0};
            const struct seen *left = k < a->count[i] ? &a->seen[i][k] : &none;
            const struct seen *right = k < b->count[i] ? &b->seen[i][k] : &none;

            if (left->res != right->res || left->flags != right->flags)
                differ("request %u, completion %u: %d 0x%x, emulated %d 0x%x", i, k, left->res,
                       left->flags, right->res, right->flags);
        }
        if (a->messages[i] != b->messages[i])
            differ("request %u: %u messages, emulated %u", i, a->messages[i], b->messages[i]);
        if (memcmp(a->memory[i], b->memory[i], AREA) != 0)
            differ("request %u: other memory", i);
        if (a->statx[i].stx_size != b->statx[i].stx_size ||
            a->statx[i].stx_mode != b->statx[i].stx_mode)
            differ("request %u: another statx", i);
    }
    for (unsigned i = 0; i < LANES; i++) {
        if (memcmp(a->buffers[i], b->buffers[i], sizeof(a->buffers[i])) != 0 ||
            memcmp(a->fixed[i], b->fixed[i], AREA) != 0)
            differ("lane %u: other buffers", i);
        if (a->sizes[i] != b->sizes[i] || memcmp(a->files[i], b->files[i], 1024) != 0)
            differ("lane %u: another file", i);
        if (memcmp(a->rest_sizes[i], b->rest_sizes[i], sizeof(a->rest_sizes[i])) != 0 ||
            memcmp(a->rests[i], b->rests[i], sizeof(a->rests[i])) != 0)
            differ("lane %u: other rests: %ld %ld %ld, emulated %ld %ld %ld", i,
                   a->rest_sizes[i][0], a->rest_sizes[i][1], a->rest_sizes[i][2],
                   b->rest_sizes[i][0], b->rest_sizes[i][1], b->rest_sizes[i][2]);
        if (a->events[i] != b->events[i])
            differ("lane %u: another counter", i);
    }
}

static void tell(const struct program *p, const struct trace *t)
{
    static const char *const kinds[] = {"submit", "feed pipe", "feed pair", "feed event"};

    diag("  setup 0x%x", p->setup);
    for (unsigned i = 0; i < p->step_count; i++) {
        const struct step *step = &p->steps[i];

        diag("  step %u: %s%s, %u, lane %u, then %u completions", i, kinds[step->kind],
             step->kind == SUBMIT ? "" : " with bytes", step->count, step->lane, step->expected);
        for (unsigned k = 0; step->kind == SUBMIT && k < step->count; k++) {
            const struct op *op = &p->ops[step->first + k];

            diag("    %u %s lane %u len %u offset %u variant 0x%x%s%s%s%s%s target %u",
                 step->first + k, names[op->what], op->lane, op->len, op->offset, op->variant,
                 op->flags & IOSQE_IO_LINK ? " LINK" : "",
                 op->flags & IOSQE_IO_HARDLINK ? " HARDLINK" : "",
                 op->flags & IOSQE_IO_DRAIN ? " DRAIN" : "",
                 op->flags & IOSQE_CQE_SKIP_SUCCESS ? " SKIP" : "",
                 op->flags & IOSQE_ASYNC ? " ASYNC" : "", op->target);
            for (unsigned n = 0; t && n < t->count[step->first + k]; n++)
                diag("      %d 0x%x", t->seen[step->first + k][n].res,
                     t->seen[step->first + k][n].flags);
        }
    }
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"same", no_argument, NULL, 'S'}, {NULL, 0, NULL, 0}};
    static struct program program;
    static struct trace left, right;
    uint64_t sequences = 2000, seed = 1, first = 0, requests = 0, impossible = 0;
    const struct rota_kernel *other = &rota_kernel_emulated;
    unsigned failures = 0;
    bool verbose = false;
    int option;

    while ((option = getopt_long(argc, argv, "n:s:i:p:v", options, NULL)) != -1) {
        if (option == 'n')
            sequences = strtoull(optarg, NULL, 0);
        else if (option == 's')
            seed = strcmp(optarg, "time") ? strtoull(optarg, NULL, 0) : (uint64_t)time(NULL);
        else if (option == 'i')
            first = strtoull(optarg, NULL, 0);
        else if (option == 'p')
            patience.tv_sec = atoi(optarg);
        else if (option == 'v')
            verbose = true;
        else if (option == 'S')
            other = NULL;
        else
            return 2;
    }
    diag("seed %llu", (unsigned long long)seed);
    for (uint64_t i = first; i < first + sequences && failures < 5; i++) {
        seed_with(seed, i);
        make_program(&program);
        if (verbose) {
            diag("sequence %llu", (unsigned long long)i);
            tell(&program, NULL);
        }
        run_program(&program, NULL, &left);
        if (left.impossible) {
            if (!impossible++)
                diag("a kind of ring that is not to be had here: %s", left.why);
            continue;
        }
        run_program(&program, other, &right);
        requests += program.op_count;
        compare(&program, &left, &right);
        if (!differing)
            continue;
        failures++;
        diag("^ sequence %llu: -s %llu -i %llu -n 1", (unsigned long long)i,
             (unsigned long long)seed, (unsigned long long)i);
        tell(&program, &left);
    }
    if (impossible == sequences)
        skip_all("the real kernel gives no ring here: %s", left.why);
    ok(!failures, "%llu sequences of %llu requests tell the same on both kernels",
       (unsigned long long)(sequences - impossible), (unsigned long long)requests);
    return done();
}
