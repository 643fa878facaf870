/* SPDX-License-Identifier: MIT */
/*
 * Workers: threads for what may block. A worker has the request for itself
 * while it runs it; queue and results are guarded by the pool's own lock,
 * which is never held while the ring's is being waited for.
 *
 * There are two kinds of work, each with its number of threads, so that what
 * waits for somebody else (a futex, a child, a peer) cannot keep files from
 * being read.
 */
#include "emulate/emulate.h"

#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "emulate/inside.h"

#define THREADS_MOST (2 * EMULATE_WORKERS_MOST)
#define STACK_SIZE   (256u * 1024)

struct worker {
    struct emulate_pool *pool;
    pthread_t thread;
    struct emulate_request *request; /* that it runs; NULL: none */
    bool interrupt;                  /* it was cancelled */
};

struct emulate_pool {
    pthread_mutex_t lock;
    pthread_cond_t work;  /* something is queued, or it ends */
    pthread_cond_t ended; /* a thread has ended */
    struct emulate_ring *ring;
    int wake_fd;
    struct emulate_list queue;
    struct emulate_list done;
    bool raised; /* the ring was told of what is done */
    bool stop;
    bool interrupting; /* a worker was, and has not answered yet */
    unsigned count;    /* threads */
    unsigned alive;    /* of which have not ended */
    unsigned idle;
    unsigned running[2]; /* requests of each kind */
    unsigned most[2];
    struct worker workers[THREADS_MOST];
};

/*
 * The signal that interrupts a worker
 */

static int interrupt_signal; /* 0: none was free; set before there is a worker */
static pthread_once_t interrupt_once = PTHREAD_ONCE_INIT;

static void interrupted(int number)
{
    (void)number; /* that a call was ended is all it is for */
}

/* The first from SIGRTMAX - 3 downwards that the program does nothing with. */
static void choose_signal(void)
{
    for (int number = SIGRTMAX - 3; number >= SIGRTMIN; number--) {
        struct sigaction action = {.sa_handler = interrupted}, before;

        if (sigaction(number, NULL, &before) < 0 || before.sa_handler != SIG_DFL)
            continue;
        sigemptyset(&action.sa_mask);
        if (!sigaction(number, &action, NULL)) {
            interrupt_signal = number;
            return;
        }
    }
}

/* Under the pool's lock. A signal that comes before the call it is to end is sent again. */
static void interrupt_all(struct emulate_pool *pool)
{
    pool->interrupting = false;
    for (unsigned i = 0; i < pool->count; i++) {
        struct worker *worker = &pool->workers[i];

        if (!worker->request || !(worker->interrupt || pool->stop))
            continue;
        pool->interrupting = true;
        if (interrupt_signal)
            (void)pthread_kill(worker->thread, interrupt_signal);
    }
}

/*
 * The threads
 */

static unsigned kind(const struct emulate_request *request)
{
    return request->flags & EMULATE_REQ_UNBOUNDED ? 1 : 0;
}

/* Reads and writes at the file's own position happen in the order in which they were submitted. */
static bool in_order(const struct emulate_request *request)
{
    return (request->way->flags & EMULATE_WAY_FILE) && request->sqe.off == UINT64_MAX;
}

static bool must_wait(const struct emulate_pool *pool, const struct emulate_request *request)
{
    if (pool->running[kind(request)] >= pool->most[kind(request)])
        return true;
    if (!in_order(request))
        return false;
    for (unsigned i = 0; i < pool->count; i++) {
        const struct emulate_request *other = pool->workers[i].request;

        if (other && in_order(other) && other->fd == request->fd)
            return true;
    }
    return false;
}

static struct emulate_request *next_request(struct emulate_pool *pool)
{
    for (struct emulate_list *link = pool->queue.next; link != &pool->queue; link = link->next) {
        struct emulate_request *request = EMULATE_ELEMENT(link, struct emulate_request, node);

        if (!must_wait(pool, request)) {
            emulate_list_del(link);
            return request;
        }
    }
    return NULL;
}

static void tell_done(struct emulate_pool *pool)
{
    const uint64_t one = 1;

    if (pool->raised)
        return;
    pool->raised = true;
    while (write(pool->wake_fd, &one, sizeof(one)) < 0 && errno == EINTR)
        ;
}

/* Runs it, without any lock. A signal that is not for it makes it start again. */
static int64_t run(struct worker *worker, struct emulate_request *request)
{
    struct emulate_pool *pool = worker->pool;
    int64_t res;
    bool again;

    do {
        res = request->way->run(pool->ring, request);
        pthread_mutex_lock(&pool->lock);
        again = res == -EINTR && !worker->interrupt && !pool->stop;
        pthread_mutex_unlock(&pool->lock);
    } while (again);
    return res;
}

static void *work(void *data)
{
    struct worker *worker = data;
    struct emulate_pool *pool = worker->pool;
    struct emulate_request *request;

    pthread_mutex_lock(&pool->lock);
    while (!pool->stop) {
        request = next_request(pool);
        if (!request) {
            pool->idle++;
            pthread_cond_wait(&pool->work, &pool->lock);
            pool->idle--;
            continue;
        }
        worker->request = request;
        worker->interrupt = false;
        pool->running[kind(request)]++;
        pthread_mutex_unlock(&pool->lock);
        request->res = run(worker, request);
        pthread_mutex_lock(&pool->lock);
        pool->running[kind(request)]--;
        worker->request = NULL;
        request->cancelled = worker->interrupt;
        emulate_list_add(&request->node, &pool->done);
        tell_done(pool);
        if (!emulate_list_empty(&pool->queue))
            pthread_cond_signal(&pool->work); /* one that had to wait for this one */
    }
    pool->alive--;
    pthread_cond_signal(&pool->ended);
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

int emulate_thread_start(pthread_t *thread, void *(*function)(void *), void *data)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int error;

    if (pthread_attr_init(&attributes))
        return -ENOMEM;
    (void)pthread_attr_setstacksize(&attributes, STACK_SIZE + (size_t)PTHREAD_STACK_MIN);
    /* Signals are for the program's own threads; only the interruption reaches ours. */
    sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(thread, &attributes, function, data);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    return -error;
}

static void *work_interruptible(void *data)
{
    sigset_t mine;

    sigemptyset(&mine);
    if (interrupt_signal) {
        sigaddset(&mine, interrupt_signal);
        (void)pthread_sigmask(SIG_UNBLOCK, &mine, NULL);
    }
    return work(data);
}

/*
 * The ring's side
 */

static struct emulate_pool *pool_new(struct emulate_ring *ring)
{
    struct emulate_pool *pool = calloc(1, sizeof(*pool));

    if (!pool)
        return NULL;
    (void)pthread_mutex_init(&pool->lock, NULL);
    (void)pthread_cond_init(&pool->work, NULL);
    (void)pthread_cond_init(&pool->ended, NULL);
    emulate_list_init(&pool->queue);
    emulate_list_init(&pool->done);
    pool->ring = ring;
    pool->wake_fd = ring->wake_fd;
    pool->most[0] = ring->workers_most[0];
    pool->most[1] = ring->workers_most[1];
    return pool;
}

/* One thread more, if those there are cannot do it. False: there is none at all. */
static bool grow(struct emulate_pool *pool)
{
    struct worker *worker = &pool->workers[pool->count];

    if (pool->idle || pool->count >= pool->most[0] + pool->most[1] || pool->count >= THREADS_MOST)
        return pool->count != 0;
    (void)pthread_once(&interrupt_once, choose_signal);
    worker->pool = pool;
    if (emulate_thread_start(&worker->thread, work_interruptible, worker) < 0)
        return pool->count != 0;
    pool->count++;
    pool->alive++;
    return true;
}

bool emulate_punt(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_pool *pool = ring->pool;
    bool queued;

    if (!ring->workers_most[kind(request)])
        return false;
    if (!pool) {
        pool = pool_new(ring);
        if (!pool)
            return false;
        ring->pool = pool;
    }
    pthread_mutex_lock(&pool->lock);
    queued = grow(pool);
    if (queued) {
        request->blocking = true;
        request->state = EMULATE_QUEUED;
        emulate_list_add(&request->node, &pool->queue);
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return queued;
}

void emulate_workers_done(struct emulate_ring *ring)
{
    struct emulate_pool *pool = ring->pool;

    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    pool->raised = false;
    while (!emulate_list_empty(&pool->done)) {
        struct emulate_request *request =
            EMULATE_ELEMENT(pool->done.next, struct emulate_request, node);

        emulate_list_del(&request->node);
        pthread_mutex_unlock(&pool->lock);
        emulate_ran(ring, request, request->res);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
}

/* Under the pool's lock. */
static bool pool_runs(const struct emulate_pool *pool, const struct emulate_request *request)
{
    for (unsigned i = 0; i < pool->count; i++) {
        if (pool->workers[i].request == request)
            return true;
    }
    return false;
}

int emulate_unpunt(struct emulate_ring *ring, struct emulate_request *request)
{
    struct emulate_pool *pool = ring->pool;
    int ret = -EALREADY;

    pthread_mutex_lock(&pool->lock);
    for (struct emulate_list *link = pool->queue.next; link != &pool->queue; link = link->next) {
        if (link == &request->node) {
            emulate_list_del(link);
            ret = 0;
            break;
        }
    }
    /* Done, but all that came of it is that it has to wait: not begun, as it were. */
    if (ret < 0 && !pool_runs(pool, request) &&
        (request->res == -EAGAIN || request->res < INT32_MIN)) {
        emulate_list_del(&request->node);
        ret = 0;
    }
    for (unsigned i = 0; ret < 0 && i < pool->count; i++) {
        if (pool->workers[i].request == request) {
            pool->workers[i].interrupt = true;
            interrupt_all(pool);
            /* What waits for somebody else does nothing yet: it can be cancelled. */
            if (kind(request))
                ret = 1;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return ret;
}

bool emulate_waits_for_worker(struct emulate_ring *ring, const struct emulate_request *request)
{
    struct emulate_pool *pool = ring->pool;
    bool waits = false;

    pthread_mutex_lock(&pool->lock);
    if (must_wait(pool, request)) {
        for (struct emulate_list *link = pool->queue.next; link != &pool->queue; link = link->next)
            waits |= link == &request->node;
    }
    pthread_mutex_unlock(&pool->lock);
    return waits;
}

bool emulate_workers_interrupting(struct emulate_ring *ring)
{
    struct emulate_pool *pool = ring->pool;
    bool interrupting;

    if (!pool)
        return false;
    pthread_mutex_lock(&pool->lock);
    if (pool->interrupting)
        interrupt_all(pool);
    interrupting = pool->interrupting;
    pthread_mutex_unlock(&pool->lock);
    return interrupting;
}

void emulate_workers_changed(struct emulate_ring *ring)
{
    struct emulate_pool *pool = ring->pool;

    if (!pool)
        return;
    pthread_mutex_lock(&pool->lock);
    /* One of each kind remains for what is queued already. */
    for (unsigned i = 0; i < 2; i++)
        pool->most[i] = ring->workers_most[i] ? ring->workers_most[i] : 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

void emulate_workers_end(struct emulate_ring *ring)
{
    struct emulate_pool *pool = ring->pool;

    if (!pool)
        return;
    ring->pool = NULL;
    pthread_mutex_lock(&pool->lock);
    pool->stop = true;
    pthread_cond_broadcast(&pool->work);
    while (pool->alive) {
        struct timespec until;

        interrupt_all(pool);
        (void)clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += 2000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_nsec -= 1000000000;
            until.tv_sec++;
        }
        (void)pthread_cond_timedwait(&pool->ended, &pool->lock, &until);
    }
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->count; i++)
        (void)pthread_join(pool->workers[i].thread, NULL);
    (void)pthread_mutex_destroy(&pool->lock);
    (void)pthread_cond_destroy(&pool->work);
    (void)pthread_cond_destroy(&pool->ended);
    free(pool);
}

/* What a child of a fork has of its parent's workers: the memory. Its locks are as the parent had them. */
void emulate_workers_forget(struct emulate_pool *pool)
{
    free(pool);
}
