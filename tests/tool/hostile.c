/* SPDX-License-Identifier: MIT */
/*
 * A program that does its worst to whoever looks at its rings:
 *
 *     hostile SEED
 *
 * A thread of it fills the shared queues with noise, indices and the index array
 * included, while others enter the kernel, register, fork, and end in the middle
 * of it. It ends with status 3, or is killed by itself with a signal.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <pthread.h>
#include <rota.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ROUNDS 60

/* A ring by hand, so that all of its memory is at hand. */
struct raw {
    int fd;
    struct io_uring_params params;
    unsigned char *queues, *sqes;
    size_t queues_size, sqes_size;
};

static volatile int ended;
static struct raw raws[4];

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static bool make(struct raw *raw, unsigned flags)
{
    memset(&raw->params, 0, sizeof(raw->params));
    raw->params.flags = flags;
    raw->fd = (int)syscall(__NR_io_uring_setup, 16, &raw->params);
    if (raw->fd < 0)
        return false;
    raw->queues_size = raw->params.cq_off.cqes + 32 * (size_t)raw->params.cq_entries;
    if (raw->params.sq_off.array + 4 * (size_t)raw->params.sq_entries > raw->queues_size)
        raw->queues_size = raw->params.sq_off.array + 4 * (size_t)raw->params.sq_entries;
    raw->sqes_size = 64 * (size_t)raw->params.sq_entries;
    raw->queues = mmap(NULL, raw->queues_size, PROT_READ | PROT_WRITE, MAP_SHARED, raw->fd,
                       IORING_OFF_SQ_RING);
    raw->sqes =
        mmap(NULL, raw->sqes_size, PROT_READ | PROT_WRITE, MAP_SHARED, raw->fd, IORING_OFF_SQES);
    return raw->queues != MAP_FAILED && raw->sqes != MAP_FAILED;
}

/* Requests that do no harm to anybody but us. */
static const unsigned char opcodes[] = {
    IORING_OP_NOP,
    IORING_OP_POLL_ADD,
    IORING_OP_TIMEOUT,
    IORING_OP_ASYNC_CANCEL,
    IORING_OP_FADVISE,
    IORING_OP_MADVISE,
    IORING_OP_STATX,
    IORING_OP_SENDMSG,
    IORING_OP_WRITEV,
    IORING_OP_CONNECT,
    200,
    255,
};

static void noise(struct raw *raw, uint32_t *seed)
{
    size_t at = next(seed) % (raw->queues_size / 4);
    uint32_t value = next(seed);
    unsigned char *sqe = raw->sqes + 64 * (size_t)(next(seed) % raw->params.sq_entries);

    /* Anything, anywhere but in the words that only the kernel writes. */
    if (at * 4 != raw->params.sq_off.ring_mask && at * 4 != raw->params.cq_off.ring_mask)
        __atomic_store_n((uint32_t *)(void *)raw->queues + at, next(seed) & 1 ? value : value & 31,
                         __ATOMIC_RELAXED);
    for (unsigned i = 0; i < 64; i += 4) {
        value = next(seed) & 3 ? next(seed) << 8 | next(seed) : 0;
        memcpy(sqe + i, &value, 4);
    }
    sqe[0] = opcodes[next(seed) % sizeof(opcodes)];
    sqe[4] = 0xff; /* no descriptor that is open */
    sqe[5] = sqe[6] = 0x7f;
    sqe[7] = 0;
}

static void *disturb(void *arg)
{
    uint32_t seed = *(uint32_t *)arg;

    while (!ended) {
        for (unsigned i = 0; i < 4; i++) {
            if (raws[i].queues)
                noise(&raws[i], &seed);
        }
    }
    return NULL;
}

static void *enter(void *arg)
{
    uint32_t seed = *(uint32_t *)arg + 77;

    for (unsigned round = 0; round < ROUNDS; round++) {
        struct raw *raw = &raws[next(&seed) % 4];

        syscall(__NR_io_uring_enter, raw->fd, next(&seed) % 40, 0,
                next(&seed) & 1 ? IORING_ENTER_GETEVENTS : next(&seed) & 31, NULL, 0);
        /* Arguments that lead nowhere; nothing of it may succeed in an interesting way. */
        syscall(__NR_io_uring_register, raw->fd, next(&seed) % 40, (uintptr_t)next(&seed) << 12,
                next(&seed) % 20);
        syscall(__NR_io_uring_setup, next(&seed) % 100, (uintptr_t)next(&seed) << 12);
        if (round % 16 == 5) {
            pid_t child = fork();

            if (!child) {
                syscall(__NR_io_uring_enter, raw->fd, 3, 0, 0, NULL, 0);
                _exit(0);
            }
            waitpid(child, NULL, 0);
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    uint32_t seed = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
    pthread_t threads[3];

    for (unsigned i = 0; i < 4; i++) {
        static const unsigned flags[] = {0, IORING_SETUP_SQE128, IORING_SETUP_CQE32,
                                         IORING_SETUP_SQPOLL};

        if (!make(&raws[i], flags[i]))
            return 77;
    }
    pthread_create(&threads[0], NULL, disturb, &seed);
    pthread_create(&threads[1], NULL, enter, &seed);
    pthread_create(&threads[2], NULL, enter, &seed);
    pthread_join(threads[1], NULL);
    if (seed % 3 == 1)
        kill(getpid(), SIGKILL); /* with everything running */
    if (seed % 3 == 2)
        close(raws[0].fd); /* its memory is still mapped */
    pthread_join(threads[2], NULL);
    ended = 1;
    pthread_join(threads[0], NULL);
    return 3;
}
