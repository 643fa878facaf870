/* SPDX-License-Identifier: MIT */
/*
 * Each request ends once: random ones, of which many wait for each other, are
 * cancelled or run into a limit, with signals, a small completion queue and,
 * where the ring may be shared, one thread that submits and one that reaps; and
 * streams with slow peers. An argument is the number of requests of each kind.
 */
#include <rota.h>
#include <rota/emulate.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "tap.h"

#define PIPES 8

struct work {
    struct rota_ring ring;
    unsigned count;
    unsigned submitted; /* by the one thread, read by the other */
    unsigned reaped;
    unsigned char *ends; /* by user_data: how often it ended */
    int pipes[PIPES][2];
    uint64_t seed;
    unsigned wrong;
};

static uint32_t chance(struct work *w, uint32_t below)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(w->seed >> 33) % below;
}

static void reap_some(struct work *w, bool wait)
{
    struct io_uring_cqe *cqe;

    if (wait && rota_wait_cqe(&w->ring, &cqe) < 0)
        return;
    while (!rota_peek_cqe(&w->ring, &cqe)) {
        if (cqe->user_data >= w->count || w->ends[cqe->user_data] ||
            (cqe->flags & IORING_CQE_F_MORE))
            w->wrong++;
        else
            w->ends[cqe->user_data] = 1;
        rota_cqe_seen(&w->ring, cqe);
        w->reaped++;
    }
}

static char scratch[PIPES][64];
static struct __kernel_timespec brief = {.tv_nsec = 300000};

/* One request. Every pipe gets as much as is read from it at the latest at the end. */
static void prepare(struct work *w, struct io_uring_sqe *sqe, unsigned number)
{
    unsigned pipe_number = chance(w, PIPES);
    int *fds = w->pipes[pipe_number];

    switch (chance(w, 8)) {
    case 0:
        rota_prep_read(sqe, fds[0], scratch[pipe_number], 1 + chance(w, 16), 0);
        break;
    case 1:
    case 2:
        rota_prep_write(sqe, fds[1], "0123456789abcdef", 16, 0);
        break;
    case 3:
        rota_prep_poll_add(sqe, fds[0], POLLIN);
        break;
    case 4:
        rota_prep_timeout(sqe, &brief, chance(w, 2) ? 3 : 0, 0);
        break;
    case 5:
        rota_prep_cancel64(sqe, number ? chance(w, number) : 0, 0);
        break;
    default:
        rota_prep_nop(sqe);
        break;
    }
    sqe->user_data = number;
    if (!chance(w, 5))
        sqe->flags |= IOSQE_IO_LINK;
    else if (!chance(w, 40))
        sqe->flags |= IOSQE_IO_DRAIN;
    if (!chance(w, 10))
        sqe->flags |= IOSQE_ASYNC;
}

/* What waits for data gets some, and what still waits is cancelled. */
static void help(struct work *w)
{
    for (unsigned i = 0; i < PIPES; i++) {
        char byte = 'x', many[4096];

        if (read(w->pipes[i][0], many, sizeof(many)) < 0 || chance(w, 2)) {
            if (write(w->pipes[i][1], &byte, 1) < 0)
                continue;
        }
    }
}

static void submit_all(struct work *w, bool reap)
{
    unsigned number = 0;

    while (number < w->count) {
        unsigned batch = 1 + chance(w, 16);

        while (batch-- && number < w->count) {
            struct io_uring_sqe *sqe = rota_get_sqe(&w->ring);

            if (!sqe)
                break;
            prepare(w, sqe, number++);
        }
        while (rota_sq_ready(&w->ring)) {
            int ret = rota_submit(&w->ring);

            if (ret < 0 && ret != -EINTR) {
                w->wrong++;
                return;
            }
        }
        __atomic_store_n(&w->submitted, number, __ATOMIC_RELEASE);
        help(w);
        if (reap && !chance(w, 4))
            reap_some(w, false);
    }
}

static void *submitter(void *data)
{
    submit_all(data, false);
    return NULL;
}

static void on_alarm(int number)
{
    (void)number;
}

static void run(const char *name, uint32_t flags, unsigned count, bool two_threads)
{
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_alarm};
    struct rota_config config = {.kernel = &rota_kernel_emulated, .required_flags = flags};
    struct work w = {.count = count, .seed = 42};
    struct timespec last, now;
    pthread_t other;
    unsigned missing = 0;

    config.options = ROTA_WAIT_INTERRUPTIBLE;
    w.ends = calloc(count, 1);
    for (unsigned i = 0; i < PIPES; i++) {
        if (pipe2(w.pipes[i], O_NONBLOCK))
            bail("pipe");
    }
    if (!w.ends || rota_init(&w.ring, 16, &config) < 0)
        bail("no ring");
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    if (two_threads)
        pthread_create(&other, NULL, submitter, &w);
    else
        submit_all(&w, true);
    clock_gettime(CLOCK_MONOTONIC, &last);
    while (w.reaped < count) {
        unsigned seen = w.reaped;
        struct __kernel_timespec ms = {.tv_nsec = 5000000};
        struct io_uring_cqe *cqe;

        (void)rota_wait_cqe_timeout(&w.ring, &cqe, &ms);
        reap_some(&w, false);
        if (!two_threads || __atomic_load_n(&w.submitted, __ATOMIC_ACQUIRE) == count) {
            if (two_threads) {
                pthread_join(other, NULL);
                two_threads = false;
            }
            help(&w);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (w.reaped != seen)
            last = now;
        else if (now.tv_sec - last.tv_sec > 10)
            break;
    }
    if (two_threads)
        pthread_join(other, NULL);
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_IGN); /* what is pending yet is dropped by that */
    for (unsigned i = 0; i < count; i++)
        missing += !w.ends[i];
    is_int(missing, 0, "%s: nothing is lost", name);
    is_int(w.wrong, 0, "%s: nothing is doubled or unknown", name);
    rota_queue_exit(&w.ring);
    for (unsigned i = 0; i < PIPES; i++) {
        close(w.pipes[i][0]);
        close(w.pipes[i][1]);
    }
    free(w.ends);
}

/* Rings that send each other messages, each from its own thread. */
struct talker {
    struct rota_ring ring;
    int other;
    unsigned count, got, sent;
};

static void *talk(void *data)
{
    struct talker *t = data;
    unsigned out = 0;

    while (t->got < t->count || t->sent < t->count) {
        struct io_uring_sqe *sqe = out < t->count ? rota_get_sqe(&t->ring) : NULL;
        struct __kernel_timespec s = {.tv_sec = 10};
        struct io_uring_cqe *cqe;

        if (sqe) {
            rota_prep_msg_ring(sqe, t->other, 7, 1, 0);
            sqe->user_data = 2;
            out++;
        }
        rota_submit(&t->ring);
        if (rota_wait_cqe_timeout(&t->ring, &cqe, &s) < 0)
            break;
        do {
            t->got += cqe->user_data == 1 && cqe->res == 7;
            t->sent += cqe->user_data == 2 && cqe->res == 0;
            rota_cqe_seen(&t->ring, cqe);
        } while (!rota_peek_cqe(&t->ring, &cqe));
    }
    return NULL;
}

static void messages(unsigned count)
{
    struct rota_config config = {.kernel = &rota_kernel_emulated};
    static struct talker a, b;
    pthread_t thread;

    if (rota_init(&a.ring, 8, &config) < 0 || rota_init(&b.ring, 8, &config) < 0)
        bail("no ring");
    a.other = b.ring.ring_fd;
    b.other = a.ring.ring_fd;
    a.count = b.count = count;
    pthread_create(&thread, NULL, talk, &b);
    talk(&a);
    pthread_join(thread, NULL);
    is_int(a.got + b.got, 2 * count, "all messages came");
    is_int(a.sent + b.sent, 2 * count, "and were sent");
    rota_queue_exit(&a.ring);
    rota_queue_exit(&b.ring);
}

/*
 * Peers that read and write little, and late: of each stream all arrives once and in order, whatever
 * it is received by, and whether or not receives are cancelled.
 */
#define STREAMS 8u
#define BUFFERS 8u
#define PART    512u

enum {
    RECEIVE,
    SEND,
    CANCEL
};

struct stream {
    int ours, theirs;
    uint64_t got, sent, their_got, their_sent; /* bytes */
    uint32_t flying[2];                        /* serial of the receive and of the send; 0: none */
    unsigned char in[PART], out[4 * PART];
};

static struct peers {
    struct work w; /* chance() and the ring */
    struct stream streams[STREAMS];
    struct io_uring_buf_ring *br;
    unsigned char buffers[BUFFERS][PART];
    uint32_t serial, cancels, receives; /* the latter two in flight, and how many there were */
    unsigned done, wrong, their_wrong;
    bool stop;
} peers;

static unsigned char byte_at(const struct stream *s, uint64_t at)
{
    return (unsigned char)(at ^ (at >> 8) * 7 ^ (uint64_t)(s - peers.streams) * 29);
}

static void fill(const struct stream *s, unsigned char *data, size_t size, uint64_t at)
{
    for (size_t i = 0; i < size; i++)
        data[i] = byte_at(s, at + i);
}

static unsigned differs(const struct stream *s, const unsigned char *data, size_t size, uint64_t at)
{
    for (size_t i = 0; i < size; i++) {
        if (data[i] != byte_at(s, at + i))
            return 1;
    }
    return 0;
}

static void read_theirs(struct stream *s, size_t most)
{
    unsigned char data[2 * PART];
    ssize_t got = recv(s->theirs, data, most, MSG_DONTWAIT);

    if (got <= 0)
        return;
    peers.their_wrong += differs(s, data, (size_t)got, s->their_got);
    s->their_got += (uint64_t)got;
}

static void *be_slow(void *unused)
{
    struct work mine = {.seed = 7};
    sigset_t all;

    (void)unused;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, NULL);
    while (!__atomic_load_n(&peers.stop, __ATOMIC_ACQUIRE)) {
        struct stream *s = &peers.streams[chance(&mine, STREAMS)];
        unsigned char data[2 * PART];
        size_t size = 1 + chance(&mine, sizeof(data));
        ssize_t sent;

        read_theirs(s, 1 + chance(&mine, sizeof(data)));
        fill(s, data, size, s->their_sent);
        sent = send(s->theirs, data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent > 0)
            s->their_sent += (uint64_t)sent;
        if (!chance(&mine, 16))
            usleep(chance(&mine, 100));
    }
    return NULL;
}

static uint64_t label(unsigned kind, const struct stream *s, uint32_t serial)
{
    return (uint64_t)serial << 16 | (uint64_t)(s - peers.streams) << 8 | kind;
}

static bool start(struct stream *s, unsigned kind)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&peers.w.ring);
    size_t size = 1 + chance(&peers.w, kind == SEND ? sizeof(s->out) : PART);

    if (!sqe)
        return false;
    s->flying[kind] = ++peers.serial;
    if (kind == SEND) {
        fill(s, s->out, size, s->sent);
        rota_prep_send(sqe, s->ours, s->out, size, chance(&peers.w, 2) ? MSG_WAITALL : 0);
    } else if (peers.receives++ % 4 == 0) {
        rota_prep_recv(sqe, s->ours, s->in, size, 0);
    } else if (chance(&peers.w, 3) == 0) {
        rota_prep_read(sqe, s->ours, s->in, (unsigned)size, 0);
    } else {
        rota_prep_recv_multishot(sqe, s->ours, NULL, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
    }
    sqe->user_data = label(kind, s, s->flying[kind]);
    return true;
}

static void cancel(uint64_t data, unsigned flags)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&peers.w.ring);

    if (!sqe)
        return;
    rota_prep_cancel64(sqe, data, (int)flags);
    sqe->user_data = label(CANCEL, peers.streams, 0);
    peers.cancels++;
}

static void received(struct stream *s, const struct io_uring_cqe *cqe)
{
    bool selected = cqe->flags & IORING_CQE_F_BUFFER;
    unsigned id = cqe->flags >> IORING_CQE_BUFFER_SHIFT;

    if (selected && id >= BUFFERS) {
        peers.wrong++;
        return;
    }
    peers.wrong += differs(s, selected ? peers.buffers[id] : s->in, (size_t)cqe->res, s->got);
    s->got += (uint64_t)cqe->res;
    if (selected) {
        rota_buf_ring_add(peers.br, peers.buffers[id], PART, (unsigned short)id, BUFFERS - 1, 0);
        rota_buf_ring_advance(peers.br, 1);
    }
}

static void ended(const struct io_uring_cqe *cqe)
{
    unsigned kind = cqe->user_data & 0xff, number = cqe->user_data >> 8 & 0xff;
    struct stream *s = &peers.streams[number % STREAMS];

    peers.done++;
    if (kind == CANCEL) {
        peers.cancels--;
        return;
    }
    if (kind > SEND || number >= STREAMS || s->flying[kind] != cqe->user_data >> 16) {
        peers.wrong++;
        return;
    }
    if (!(cqe->flags & IORING_CQE_F_MORE))
        s->flying[kind] = 0;
    if (cqe->res > 0 && kind == RECEIVE)
        received(s, cqe);
    else if (cqe->res > 0)
        s->sent += (uint64_t)cqe->res;
    else
        peers.wrong += cqe->res != -ECANCELED && !(kind == RECEIVE && cqe->res == -ENOBUFS);
}

static bool any_flies(void)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        if (peers.streams[i].flying[RECEIVE] || peers.streams[i].flying[SEND])
            return true;
    }
    return peers.cancels;
}

/* Until `count` completions came, and then until nothing is in flight; false: it never ends. */
static bool exchange(unsigned count)
{
    struct rota_ring *ring = &peers.w.ring;
    struct timespec last, now;

    clock_gettime(CLOCK_MONOTONIC, &last);
    while (peers.done < count || any_flies()) {
        struct __kernel_timespec limit = {.tv_nsec = 100000000};
        unsigned before = peers.done;
        struct io_uring_cqe *cqe;

        for (unsigned i = 0; i < STREAMS && peers.done < count; i++) {
            struct stream *s = &peers.streams[i];

            for (unsigned kind = RECEIVE; kind <= SEND; kind++) {
                if (!s->flying[kind] && !start(s, kind))
                    break;
            }
            if (s->flying[RECEIVE] && !chance(&peers.w, 32))
                cancel(label(RECEIVE, s, s->flying[RECEIVE]), 0);
        }
        if (peers.done >= count && !peers.cancels)
            cancel(0, IORING_ASYNC_CANCEL_ANY | IORING_ASYNC_CANCEL_ALL);
        (void)rota_submit_and_wait_timeout(ring, &cqe, 1, &limit, NULL);
        /* Not always all of them: the queue is full now and then. */
        while (chance(&peers.w, 24) && !rota_peek_cqe(ring, &cqe)) {
            ended(cqe);
            rota_cqe_seen(ring, cqe);
        }
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (peers.done != before)
            last = now;
        else if (now.tv_sec - last.tv_sec > 30)
            return false;
    }
    return true;
}

static void slow_peers(const char *name, uint32_t flags, unsigned count)
{
    struct itimerval often = {{0, 700}, {0, 700}}, never = {{0, 0}, {0, 0}};
    struct sigaction action = {.sa_handler = on_alarm};
    struct rota_config config = {.kernel = &rota_kernel_emulated,
                                 .required_flags = flags,
                                 .options = ROTA_WAIT_INTERRUPTIBLE};
    unsigned missing = 0;
    pthread_t other;
    int ret;

    memset(&peers, 0, sizeof(peers));
    peers.w.seed = 43;
    if (rota_init(&peers.w.ring, 16, &config) < 0)
        bail("no ring");
    peers.br = rota_setup_buf_ring(&peers.w.ring, BUFFERS, 0, 0, &ret);
    if (!peers.br)
        bail("no buffers");
    for (unsigned i = 0; i < BUFFERS; i++)
        rota_buf_ring_add(peers.br, peers.buffers[i], PART, (unsigned short)i, BUFFERS - 1, (int)i);
    rota_buf_ring_advance(peers.br, BUFFERS);
    for (unsigned i = 0; i < STREAMS; i++) {
        int ends[2], small = 4096;

        if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
            bail("sockets");
        for (unsigned j = 0; j < 2; j++)
            (void)setsockopt(ends[j], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
        peers.streams[i].ours = ends[0];
        peers.streams[i].theirs = ends[1];
    }
    pthread_create(&other, NULL, be_slow, NULL);
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    ok(exchange(count), "%s: all requests end", name);
    setitimer(ITIMER_REAL, &never, NULL);
    signal(SIGALRM, SIG_IGN);
    __atomic_store_n(&peers.stop, true, __ATOMIC_RELEASE);
    pthread_join(other, NULL);
    for (unsigned i = 0; i < STREAMS; i++) {
        struct stream *s = &peers.streams[i];
        ssize_t got;

        while ((got = recv(s->ours, s->in, PART, MSG_DONTWAIT)) > 0) {
            peers.wrong += differs(s, s->in, (size_t)got, s->got);
            s->got += (uint64_t)got;
        }
        while (s->their_got < s->sent) {
            uint64_t before = s->their_got;

            read_theirs(s, PART);
            if (s->their_got == before)
                break;
        }
        read_theirs(s, PART); /* nothing more, if all is well */
        missing += s->got != s->their_sent || s->their_got != s->sent;
        close(s->ours);
        close(s->theirs);
    }
    is_int(missing, 0, "%s: streams of which bytes are missing or too many", name);
    is_int(peers.wrong, 0, "%s: nothing is doubled, unknown or out of order", name);
    is_int(peers.their_wrong, 0, "%s: nor at the other side", name);
    rota_free_buf_ring(&peers.w.ring, peers.br, BUFFERS, 0);
    rota_queue_exit(&peers.w.ring);
}

int main(int argc, char **argv)
{
    unsigned count = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 6000;
    const uint32_t own = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;

    run("one thread", 0, count, false);
    run("an owner", own, count, false);
    run("two threads", 0, count, true);
    run("a polled queue", IORING_SETUP_SQPOLL, count, false);
    messages(count / 4);
    slow_peers("slow peers", 0, count);
    slow_peers("slow peers of an owner", own, count);
    return done();
}
