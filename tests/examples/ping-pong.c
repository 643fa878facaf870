/* SPDX-License-Identifier: MIT */
/*
 * Two threads that throw a number to each other through their rings.
 *
 *     ping-pong [--kernel KERNEL] [ROUNDS]
 *
 * Each thread has a ring of its own. A message is a request on the sender's
 * ring, with a handle, and a completion on the receiver's, without one: it
 * carries what the sender has put into it. So each queue holds completions of
 * both kinds, and the loop below tells them apart. KERNEL is real, emulated or
 * auto, see kernel.h.
 */
#include <errno.h>
#include <getopt.h>
#include <pthread.h>
#include <rota.h>
#include <rota/call.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kernel.h"

struct player {
    const char *name;
    struct player *other;
    struct rota_ring ring;
    int ready; /* 0, or why there is no ring */
    int result;
    uint64_t caught;
};

static uint64_t rounds = 100000;
static pthread_barrier_t start;

/* The next number that the other thread has thrown; -errno in *error. */
static uint64_t receive(struct rota_ring *ring, int *error)
{
    for (;;) {
        struct io_uring_cqe *cqe;
        uint64_t number;
        int mine;

        *error = rota_submit_and_wait(ring, 1); /* what was started goes along */
        if (*error >= 0)
            *error = rota_wait_cqe(ring, &cqe);
        if (*error < 0)
            return 0;
        number = cqe->user_data;
        mine = rota_deliver(ring, cqe) == 0; /* not the end of a message that we have sent */
        rota_cqe_seen(ring, cqe);
        if (mine)
            return number;
    }
}

static int play(struct player *p, int serves)
{
    struct rota_op sending = ROTA_OP_INIT;
    uint64_t number = 0;
    int error = 0;

    while (number < rounds) {
        if (serves || number) {
            /* The message before is long through, as an answer to it has come. */
            error = rota_await(&p->ring, &sending);
            if (error < 0 && error != -EINVAL) /* never started */
                return error;
            error =
                rota_start_msg_ring(&p->ring, &sending, p->other->ring.ring_fd, 0, number + 1, 0);
            if (error < 0)
                return error;
        }
        if (number + 1 >= rounds && (serves || number))
            break; /* the other one has the last number */
        number = receive(&p->ring, &error);
        if (error < 0)
            return error;
        p->caught++;
    }
    if (rota_op_active(&sending))
        error = rota_await(&p->ring, &sending);
    return error;
}

static void *thread(void *argument)
{
    struct player *p = argument;
    struct rota_config config;

    rota_config_single_owner(&config);
    choose_kernel(&config);
    p->ready = rota_init(&p->ring, 8, &config); /* a ring belongs to the thread that makes it */
    if (!p->ready)
        tell_kernel(p->name, &p->ring);
    pthread_barrier_wait(&start);
    if (!p->ready && !p->other->ready)
        p->result = play(p, p < p->other);
    pthread_barrier_wait(&start); /* nobody throws at a ring that is gone */
    rota_queue_exit(&p->ring);
    return NULL;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"kernel", required_argument, NULL, 'k'},
                                            {NULL, 0, NULL, 0}};
    struct player players[2] = {{.name = "ping"}, {.name = "pong"}};
    struct timespec begin, end;
    pthread_t threads[2];
    double seconds;
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (option != 'k' || !kernel_is(optarg))
            rounds = 0;
    }
    if (rounds && optind < argc)
        rounds = strtoull(argv[optind], NULL, 10);
    if (argc - optind > 1 || !rounds) {
        fprintf(stderr, "usage: ping-pong [--kernel real|emulated|auto] [ROUNDS]\n");
        return 2;
    }
    pthread_barrier_init(&start, NULL, 2);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    for (int i = 0; i < 2; i++) {
        players[i].other = &players[1 - i];
        if (pthread_create(&threads[i], NULL, thread, &players[i])) {
            fprintf(stderr, "ping-pong: no thread\n");
            return 1;
        }
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    clock_gettime(CLOCK_MONOTONIC, &end);
    for (int i = 0; i < 2; i++) {
        int error = players[i].ready ? players[i].ready : players[i].result;

        if (error < 0) {
            fprintf(stderr, "ping-pong: %s: %s\n", players[i].name, strerror(-error));
            return 1;
        }
    }
    seconds = (double)(end.tv_sec - begin.tv_sec) + (double)(end.tv_nsec - begin.tv_nsec) / 1e9;
    printf("ping caught %llu, pong caught %llu; %.2f microseconds a throw\n",
           (unsigned long long)players[0].caught, (unsigned long long)players[1].caught,
           seconds * 1e6 / (double)rounds);
    return 0;
}
