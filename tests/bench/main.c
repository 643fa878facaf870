/* SPDX-License-Identifier: MIT */
/*
 * Runs the cases of a topic on every side that was built.
 *
 *     bench count TOPIC                under callgrind: one dump per case and side
 *     bench clock TOPIC ROUNDS MS      MS milliseconds of each side in turn, ROUNDS times
 *
 * Prints one line per measurement, tabs between: case, side, then operations
 * (count), or round and nanoseconds per operation (clock), or SKIP and why.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS           (void)0
#define CALLGRIND_DUMP_STATS_AT(label) (void)(label)
#endif

#define COUNTED 4096u
#define SIDES   8u
#define SOME    512u /* between two looks at the clock */

/* Weak: a side whose library is missing was not compiled. */
#define WEAK __attribute__((weak))
extern const struct bench preps_rota WEAK, preps_batch WEAK, preps_liburing WEAK, preps_raw WEAK;
extern const struct bench nop_rota WEAK, nop_batch WEAK, nop_handles WEAK, nop_liburing WEAK,
    nop_raw WEAK, nop_emulated WEAK;
extern const struct bench reap_rota WEAK, reap_liburing WEAK, reap_raw WEAK;
extern const struct bench buffers_rota WEAK, buffers_liburing WEAK, buffers_raw WEAK;
extern const struct bench messages_rota WEAK, messages_liburing WEAK, messages_raw WEAK;
extern const struct bench files_rota WEAK, files_liburing WEAK, files_pread WEAK, files_libaio WEAK;

static const struct bench *const benches[] = {
    &preps_rota,    &preps_batch,       &preps_liburing, &preps_raw,        &nop_rota,
    &nop_batch,     &nop_handles,       &nop_liburing,   &nop_raw,          &reap_rota,
    &reap_liburing, &reap_raw,          &buffers_rota,   &buffers_liburing, &buffers_raw,
    &messages_rota, &messages_liburing, &messages_raw,   &files_rota,       &files_liburing,
    &files_pread,   &files_libaio,      &nop_emulated,
};

static uint64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static int open_side(const struct bench *b, unsigned index)
{
    int ret = b->open(index);

    if (ret < 0)
        printf("%s\t%s\tSKIP\t%s\n", b->name(index), b->side, strerror(-ret));
    return ret;
}

static void count(const struct bench *b, unsigned index)
{
    char label[128];
    uint64_t done;

    if (open_side(b, index) < 0)
        return;
    b->run(index, COUNTED); /* the first round of a queue, and lazy binding, are not typical */
    snprintf(label, sizeof(label), "%s/%s", b->name(index), b->side);
    CALLGRIND_ZERO_STATS;
    done = b->run(index, COUNTED);
    CALLGRIND_DUMP_STATS_AT(label);
    printf("%s\t%s\t%llu\n", b->name(index), b->side, (unsigned long long)done);
    b->close();
    if (!done)
        exit(1);
}

/* Nanoseconds per operation over about `ms` milliseconds. */
static double clock_side(const struct bench *b, unsigned index, unsigned ms)
{
    uint64_t start = now(), end = start + ms * UINT64_C(1000000), done = 0, time;

    do {
        uint64_t some = b->run(index, SOME);

        if (!some) {
            fprintf(stderr, "%s, %s on %s failed\n", b->topic, b->name(index), b->side);
            exit(1);
        }
        done += some;
        time = now();
    } while (time < end);
    return (double)(time - start) / (double)done;
}

/* The side that begins changes with each round: none always runs behind the same other one. */
static void clock_all(const struct bench *const *sides, unsigned n, unsigned index, unsigned rounds,
                      unsigned ms)
{
    const struct bench *able[SIDES];
    unsigned left = 0;

    for (unsigned i = 0; i < n; i++)
        if (!open_side(sides[i], index))
            able[left++] = sides[i];
    for (unsigned i = 0; i < left; i++)
        clock_side(able[i], index, 1); /* the first round is not typical */
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned i = 0; i < left; i++) {
            const struct bench *b = able[(round + i) % left];
            double ns = clock_side(b, index, ms);

            printf("%s\t%s\t%u\t%.3f\n", b->name(index), b->side, round, ns);
        }
    }
    for (unsigned i = 0; i < left; i++)
        able[i]->close();
}

int main(int argc, char **argv)
{
    const struct bench *sides[SIDES];
    unsigned n = 0;

    if (argc < 3)
        return 2;
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++)
        if (benches[i] && !strcmp(benches[i]->topic, argv[2]))
            sides[n++] = benches[i];
    for (unsigned index = 0; n && sides[0]->name(index); index++) {
        if (!strcmp(argv[1], "clock") && argc == 5)
            clock_all(sides, n, index, (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
        else
            for (unsigned i = 0; i < n; i++)
                count(sides[i], index);
    }
    return n ? 0 : 2;
}
