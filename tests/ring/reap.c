/* SPDX-License-Identifier: MIT */
/* Reaping on the real kernel: overflow, copies across the wrap, deferred task work, short submits. */
#include "support.h"

#include <pthread.h>

static struct io_uring_cqe *cqe;

/* 256 completions on a queue of 16: all come, in order, and the library says that it helped. */
static void test_overflow(const struct rota_config *config, const char *kind)
{
    struct rota_ring ring;
    uint64_t seen = 0;
    bool in_order = true;

    if (rota_init(&ring, 8, config) < 0)
        bail("rota_init");
    for (unsigned i = 0; i < 256; i++) {
        rota_sqe_set_data64(must_get_sqe(&ring), i);
        if (i % 8 == 7 && rota_submit(&ring) != 8)
            in_order = false;
    }
    ok(rota_cq_has_overflow(&ring), "%s: the queue of %u has overflown", kind,
       ring.cq.ring_entries);
    while (!rota_peek_cqe(&ring, &cqe)) {
        in_order &= cqe->user_data == seen++ && cqe->res == 0;
        rota_cqe_seen(&ring, cqe);
    }
    is_int(seen, 256, "%s: peeking finds all", kind);
    ok(in_order, "%s: in order", kind);
    ok(rota_cq_overflows(&ring) > 0, "%s: the backlog was counted", kind);
    is_int(rota_cq_lost(&ring), 0, "%s: nothing was lost", kind);
    rota_queue_exit(&ring);
}

static void test_copy(void)
{
    struct io_uring_cqe *copies = calloc(8, sizeof(*copies));
    struct rota_ring ring;
    uint64_t sent = 0, seen = 0;
    bool right = true;

    if (!copies)
        bail("no memory");
    make_ring(&ring, 4, 0);
    is_int(rota_copy_cqes(&ring, copies, 8, 0), 0, "an empty queue has nothing to copy");
    is_int(rota_copy_cqes(&ring, copies, 2, 3), -EINVAL, "one cannot wait for more than one takes");
    for (unsigned round = 0; round < 1000; round++) {
        unsigned batch = 1 + round % 4;
        int count;

        for (unsigned i = 0; i < batch; i++)
            rota_sqe_set_data64(must_get_sqe(&ring), sent++);
        right &= rota_submit(&ring) == (int)batch;
        count = rota_copy_cqes(&ring, copies, 8, batch);
        right &= count == (int)batch;
        for (int i = 0; i < count; i++)
            right &= copies[i].user_data == seen++ && !copies[i].res && !copies[i].flags;
    }
    ok(right, "a thousand rounds of copies across the wrap are whole and in order");
    is_int(seen, sent, "all were copied");
    for (unsigned i = 0; i < 3; i++)
        rota_sqe_set_data64(must_get_sqe(&ring), i);
    rota_submit(&ring);
    is_int(rota_copy_cqes(&ring, copies, 2, 1), 2, "no more are copied than asked for");
    is_int(rota_cq_ready(&ring), 1, "and the rest stays");
    rota_queue_exit(&ring);
    free(copies);
}

/* With DEFER_TASKRUN a completion waits for a visit to the kernel: peeking makes it. */
static void test_deferred(uint32_t flags, const char *kind)
{
    struct rota_config config;
    struct rota_ring ring;
    char byte = 0;
    int ends[2];

    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | flags;
    if (rota_init(&ring, 8, &config) == -EINVAL) {
        skip(3, "this kernel has no DEFER_TASKRUN (6.1)");
        return;
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        bail("pipe: %s", strerror(errno));
    rota_prep_read(must_get_sqe(&ring), ends[0], &byte, 1, 0);
    rota_submit(&ring);
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "%s: an empty pipe has nothing", kind);
    if (write(ends[1], "x", 1) != 1)
        bail("write: %s", strerror(errno));
    is_int(rota_cq_ready(&ring), 0, "%s: a byte alone completes nothing", kind);
    for (unsigned i = 0; i < 1000 && rota_peek_cqe(&ring, &cqe); i++)
        usleep(1000);
    ok(cqe && cqe->res == 1 && byte == 'x', "%s: but a peek does", kind);
    close(ends[0]);
    close(ends[1]);
    rota_queue_exit(&ring);
}

static void *other_thread(void *argument)
{
    struct rota_ring *ring = argument;

    rota_prep_nop(must_get_sqe(ring));
    return (void *)(intptr_t)rota_submit(ring);
}

static void test_wrong_thread(void)
{
    struct rota_config config;
    struct rota_ring ring;
    pthread_t thread;
    void *result;

    rota_config_single_owner(&config);
    config.options = 0; /* an unregistered fd, so that the ring itself is what refuses */
    if (rota_init(&ring, 8, &config) < 0)
        bail("rota_init");
    if (!(ring.flags & IORING_SETUP_SINGLE_ISSUER)) {
        skip(3, "this kernel has no SINGLE_ISSUER (6.0)");
    } else {
        pthread_create(&thread, NULL, other_thread, &ring);
        pthread_join(thread, &result);
        is_int((intptr_t)result, -EEXIST, "another thread is refused");
        is_int(rota_sq_ready(&ring), 1, "its request stays");
        is_int(rota_submit_and_wait(&ring, 1), 1, "and the owner can send it");
    }
    rota_queue_exit(&ring);
}

/* A request that is invalid from the start, between good ones. */
static void test_bad_request(uint32_t flags, const char *kind)
{
    struct rota_ring ring;
    unsigned good = 0, bad = 0;

    if (rota_queue_init(8, &ring, flags) == -EINVAL) {
        skip(6, "this kernel has no SUBMIT_ALL (5.18)");
        return;
    }
    for (unsigned i = 0; i < 5; i++) {
        struct io_uring_sqe *sqe = must_get_sqe(&ring);

        rota_prep_nop(sqe);
        sqe->user_data = i;
        if (i == 2)
            sqe->opcode = 255;
    }
    if (flags & IORING_SETUP_SUBMIT_ALL) {
        is_int(rota_submit(&ring), 5, "%s: all five are taken", kind);
    } else {
        is_int(rota_submit_and_wait(&ring, 5), 3,
               "%s: the bad third one is the last that is taken, and nothing is waited for", kind);
        is_int(rota_sq_ready(&ring), 2, "%s: two stay", kind);
        is_int(rota_submit(&ring), 2, "%s: and go with the next submit", kind);
    }
    is_int(rota_sq_ready(&ring), 0, "%s: none is left", kind);
    is_int(rota_submit(&ring), 0, "%s: and none goes twice", kind);
    for (unsigned i = 0; i < 5; i++) {
        struct completion got = next_cqe(&ring);

        bad += got.user_data == 2 && got.res == -EINVAL;
        good += got.user_data != 2 && got.res == 0;
    }
    ok(good == 4 && bad == 1, "%s: four complete, one is invalid", kind);
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "%s: five in all", kind);
    rota_queue_exit(&ring);
}

static void test_sqpoll(void)
{
    struct rota_config config;
    struct rota_ring ring;
    unsigned completed = 0;
    bool right = true;

    rota_config_sqpoll(&config);
    config.sq_thread_idle = 10;
    if (rota_init(&ring, 4, &config) < 0) {
        skip(3, "no polling thread for this user");
        return;
    }
    for (unsigned round = 0; round < 200; round++) {
        struct io_uring_sqe *sqe;

        while (!(sqe = rota_get_sqe(&ring))) {
            if (rota_sqring_wait(&ring) < 0)
                bail("rota_sqring_wait");
        }
        rota_prep_nop(sqe);
        sqe->user_data = round;
        right &= rota_submit(&ring) == 1;
        if (round % 50 == 49)
            usleep(30000); /* long enough for the thread to fall asleep */
        while (!rota_peek_cqe(&ring, &cqe)) {
            completed++;
            rota_cqe_seen(&ring, cqe);
        }
    }
    while (completed < 200) {
        next_cqe(&ring);
        completed++;
    }
    ok(right, "SQPOLL: each submit counts one");
    is_int(completed, 200, "SQPOLL: all complete, also after the thread slept");
    is_int(rota_sq_ready(&ring), 0, "SQPOLL: the queue is empty");
    rota_queue_exit(&ring);
}

/* The ring ends while completions are looked at. */
static void test_ended(void)
{
    struct rota_ring ring;
    unsigned head, seen = 0;

    make_ring(&ring, 8, 0);
    for (unsigned i = 0; i < 4; i++)
        rota_prep_nop(must_get_sqe(&ring));
    rota_submit_and_wait(&ring, 4);
    rota_for_each_cqe (&ring, head, cqe) {
        seen++;
        rota_queue_exit(&ring);
        break;
    }
    rota_cq_advance(&ring, seen);
    rota_cqe_seen(&ring, cqe);
    is_int(rota_cq_ready(&ring), 0, "a ring that has ended is empty, whatever is marked seen");
    is_int(rota_peek_cqe(&ring, &cqe), -EBADF, "a peek says so");
    ok(!cqe, "without a completion");
    is_int(rota_wait_cqe(&ring, &cqe), -EBADF, "and a wait");
    ok(!cqe, "without one, too");
    seen = 0;
    rota_for_each_cqe (&ring, head, cqe)
        seen++;
    is_int(seen, 0, "and a loop");
    is_int(rota_submit_and_wait(&ring, 1), -EBADF, "and a submit");
    (void)head;
}

int main(void)
{
    struct rota_config config;
    struct rota_ring ring;

    make_ring(&ring, 1, 0);
    rota_queue_exit(&ring);
    test_ended();
    rota_config_single_owner(&config);
    test_overflow(&config, "single owner");
    rota_config_shared(&config);
    test_overflow(&config, "shared");
    test_copy();
    test_deferred(IORING_SETUP_TASKRUN_FLAG, "with TASKRUN_FLAG");
    test_deferred(0, "without TASKRUN_FLAG");
    test_wrong_thread();
    test_bad_request(0, "without SUBMIT_ALL");
    test_bad_request(IORING_SETUP_SUBMIT_ALL, "with SUBMIT_ALL");
    test_sqpoll();
    return done();
}
