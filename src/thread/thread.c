/* SPDX-License-Identifier: MIT */
/* A ring for each thread, torn down when the thread ends, forgotten when the process forks. */
#include <rota/call.h>
#include <rota/thread.h>

#include <errno.h>
#include <pthread.h>

#define ENTRIES 64

struct own_ring {
    struct rota_ring ring;
    bool made;
    unsigned generation; /* the process that made it, counted in forks */
};

static _Thread_local struct own_ring own;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_exit;
static int no_key; /* why there is no key, or 0 */
static unsigned generation;

/* Runs in the child, which has one thread: this one. */
static void forked(void)
{
    generation++;
}

static void tear_down(struct own_ring *mine)
{
    if (!mine->made)
        return;
    mine->made = false;
    /* Requests of the parent are none of ours: only the descriptor and the mappings go. */
    if (mine->generation == generation && rota_in_flight(&mine->ring))
        (void)rota_cancel_all(&mine->ring);
    rota_queue_exit(&mine->ring);
}

static void thread_ends(void *mine)
{
    tear_down(mine);
}

static void prepare(void)
{
    no_key = -pthread_key_create(&at_exit, thread_ends);
    if (!no_key)
        no_key = -pthread_atfork(NULL, NULL, forked);
}

static int make(void)
{
    int ret = -pthread_once(&once, prepare);

    if (!ret)
        ret = no_key;
    if (!ret)
        ret = -pthread_setspecific(at_exit, &own);
    if (ret < 0)
        (void)rota_init(&own.ring, 0, NULL); /* a ring that is none, safe to use */
    else
        ret = rota_init(&own.ring, ENTRIES, NULL);
    return ret;
}

struct rota_ring *rota_thread_ring(void)
{
    int ret;

    if (ROTA_LIKELY(own.made && own.generation == generation))
        return &own.ring;
    tear_down(&own);
    ret = make();
    if (ret < 0) {
        own.ring.calls.no_ring = ret;
    } else {
        own.made = true;
        own.generation = generation;
    }
    return &own.ring;
}

void rota_thread_ring_exit(void)
{
    tear_down(&own);
}
