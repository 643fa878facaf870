/* SPDX-License-Identifier: MIT */
/*
 * Two threads on one ring without a lock: one submits, one reaps. To be run
 * under ThreadSanitizer as well: the two sides share nothing but the words
 * that the kernel sees too.
 */
#include "support.h"

#include <pthread.h>

#define REQUESTS 20000u

static struct rota_ring ring;
static bool submitted_right;

/* How the reaping side takes completions. */
enum method {
    METHOD_PEEK,
    METHOD_WAIT,
    METHOD_ITERATE,
    METHOD_COPY,
    METHODS
};

static const char *const method_names[METHODS] = {"peek", "wait", "for_each", "copy"};

/* Submits NOPs numbered from 0 on, one by one and in batches. */
static void *submit_all(void *argument)
{
    uint64_t sent = 0;
    bool right = true;

    (void)argument;
    while (sent < REQUESTS && right) {
        struct io_uring_sqe *sqe = rota_get_sqe(&ring);
        struct rota_batch batch;
        unsigned count = 1;
        int ret;

        if (!sqe) {
            /* SQPOLL: the thread is behind. */
            right &= rota_sqring_wait(&ring) == 0;
            continue;
        }
        rota_prep_nop(sqe);
        sqe->user_data = sent++;
        if (sent % 3 == 0 && sent + 4 < REQUESTS && rota_batch_begin(&batch, &ring, 4) == 0) {
            rota_batch_for_each (&batch, sqe) {
                rota_prep_nop(sqe);
                sqe->user_data = sent++;
            }
            rota_batch_commit(&batch);
            count += 4;
        }
        while ((ret = rota_submit(&ring)) == -EBUSY || ret == -EAGAIN)
            sched_yield(); /* kernels before 5.19: completions wait for room */
        right &= ret == (int)count;
    }
    submitted_right = right && sent == REQUESTS;
    return NULL;
}

/* Kernels before 6.1 may let completions overtake those that had to wait for room. */
static bool in_order;
static bool seen[REQUESTS];

/* Whether a completion may come where that of number `next` stands in the order. */
static bool is_next(uint64_t user_data, uint64_t next)
{
    if (user_data >= REQUESTS || seen[user_data] || (in_order && user_data != next))
        return false;
    return seen[user_data] = true;
}

/* Takes what there is by `method`, checks the order, and returns how many it were. */
static unsigned reap_some(enum method method, uint64_t next, bool *right)
{
    uint64_t copies[8][2]; /* user_data, res and flags */
    struct io_uring_cqe *cqe;
    unsigned head, count = 0;
    int ret;

    switch (method) {
    case METHOD_PEEK:
        if (rota_peek_cqe(&ring, &cqe) < 0)
            return 0;
        *right &= is_next(cqe->user_data, next) && !cqe->res;
        rota_cqe_seen(&ring, cqe);
        return 1;
    case METHOD_WAIT:
        if (rota_wait_cqe(&ring, &cqe) < 0)
            return 0;
        *right &= is_next(cqe->user_data, next) && !cqe->res;
        rota_cqe_seen(&ring, cqe);
        return 1;
    case METHOD_ITERATE:
        rota_for_each_cqe (&ring, head, cqe) {
            *right &= is_next(cqe->user_data, next + count) && !cqe->res;
            count++;
        }
        rota_cq_advance(&ring, count);
        return count;
    default:
        ret = rota_copy_cqes(&ring, (struct io_uring_cqe *)(void *)copies, 8, 1);
        for (int i = 0; i < ret; i++)
            *right &= is_next(copies[i][0], next + (unsigned)i) && !copies[i][1];
        return ret < 0 ? 0 : (unsigned)ret;
    }
}

static void test(const struct rota_config *config, const char *kind)
{
    for (unsigned method = 0; method < METHODS; method++) {
        uint64_t next = 0;
        pthread_t thread;
        bool right = true;
        int ret = rota_init(&ring, 16, config);

        if (ret < 0) {
            skip(2, "%s: no such ring: %s", kind, strerror(-ret));
            return;
        }
        memset(seen, 0, sizeof(seen));
        if (pthread_create(&thread, NULL, submit_all, NULL))
            bail("pthread_create");
        while (next < REQUESTS && right) {
            unsigned count = reap_some((enum method)method, next, &right);

            next += count;
            if (!count)
                sched_yield();
        }
        pthread_join(thread, NULL);
        ok(right && next == REQUESTS, "%s, %s: every completion once%s", kind, method_names[method],
           in_order ? " and in order" : "");
        ok(submitted_right, "%s, %s: every submit counted what it took", kind,
           method_names[method]);
        rota_queue_exit(&ring);
    }
}

int main(void)
{
    struct rota_config config;

    make_ring(&ring, 1, 0);
    in_order = kernel_has(&ring, IORING_OP_SENDMSG_ZC);
    rota_queue_exit(&ring);
    rota_config_shared(&config);
    test(&config, "shared");
    config.cq_entries = 16;
    test(&config, "small queues that overflow");
    rota_config_shared(&config);
    config.preferred_flags |= IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG;
    test(&config, "cooperative");
    rota_config_sqpoll(&config);
    config.sq_thread_idle = 1;
    test(&config, "SQPOLL");
    return done();
}
