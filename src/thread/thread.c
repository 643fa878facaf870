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

static uintptr_t at_exit; /* the process's key plus one; 0: there is none yet */
static unsigned generation;
static const struct rota_config *chosen; /* NULL: that of rota_init() */

/* Runs in the child, which has one thread: this one. */
static void forked(void)
{
    generation++;
}

/*
 * Takes the first completion that keeps the handles from ending; nobody will
 * ask for it. False when there is none.
 */
static bool discard(struct rota_ring *ring)
{
    struct io_uring_cqe *cqe;
    uint64_t data;

    if (rota_peek_cqe(ring, &cqe) < 0)
        return false;
    data = cqe->user_data;
    if ((data & ROTA_OP_DATA_MASK) == ROTA_OP_DATA)
        (void)rota_op_cancel(ring, (struct rota_op *)(uintptr_t)(data & ~ROTA_OP_DATA_MASK));
    else
        rota_cqe_seen(ring, cqe);
    return true;
}

static void tear_down(struct own_ring *mine)
{
    if (!mine->made)
        return;
    mine->made = false;
    /* Requests of the parent are none of ours: only the descriptor and the mappings go. */
    if (mine->generation == generation) {
        rota_chain_drop(&mine->ring); /* nobody will end it */
        while (rota_in_flight(&mine->ring) && rota_cancel_all(&mine->ring) == -EBUSY &&
               discard(&mine->ring))
            ;
    }
    rota_queue_exit(&mine->ring);
}

static void thread_ends(void *mine)
{
    tear_down(mine);
}

/*
 * Makes the key, which every thread that finds none tries. Without a lock,
 * which a fork could leave locked in the child: of two threads at once one
 * makes a key in vain, and counts forks twice, which does no harm.
 */
static int prepare(void)
{
    uintptr_t none = 0;
    pthread_key_t key;
    int ret;

    /* Acquire, release: a key is used after it was made. */
    if (__atomic_load_n(&at_exit, __ATOMIC_ACQUIRE))
        return 0;
    ret = -pthread_key_create(&key, thread_ends);
    if (ret < 0)
        return ret;
    ret = -pthread_atfork(NULL, NULL, forked);
    if (ret < 0 || !__atomic_compare_exchange_n(&at_exit, &none, (uintptr_t)key + 1, false,
                                                __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
        (void)pthread_key_delete(key);
    return ret;
}

static int make(void)
{
    int ret = prepare();

    if (!ret)
        ret = -pthread_setspecific((pthread_key_t)(__atomic_load_n(&at_exit, __ATOMIC_ACQUIRE) - 1),
                                   &own);
    if (ret < 0)
        (void)rota_init(&own.ring, 0, NULL); /* a ring that is none, safe to use */
    else
        /* Acquire: what was written to the config before it was chosen is seen. */
        ret = rota_init(&own.ring, ENTRIES, __atomic_load_n(&chosen, __ATOMIC_ACQUIRE));
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

int rota_thread_ring_config(const struct rota_config *config)
{
    if (config && config->memory)
        return -EINVAL;
    /* Release: pairs with make(). */
    __atomic_store_n(&chosen, config, __ATOMIC_RELEASE);
    return 0;
}
