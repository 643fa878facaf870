/* SPDX-License-Identifier: MIT */
/*
 * What `trace` looks at: `traced WHAT MILLISECONDS [RATE ENTRIES]`, which prints how many
 * nanoseconds one operation took, from the first to the last, if nothing else is said.
 *
 *     reads    cached reads of 4 KiB, 32 per enter
 *     paced    the same of 512 bytes, RATE a second in a queue of ENTRIES; prints how many
 *     calls    system calls that are not the ring's
 *     gaps     nothing: prints the percentage of RATE requests a second in a queue of ENTRIES
 *              that a thread could read which does nothing else, on the processor as it is
 */
#include <fcntl.h>
#include <rota.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define BATCH 32
#define SIZE  4096

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* One enter. */
static int batch(struct rota_ring *ring, int file, unsigned size)
{
    static char memory[BATCH][SIZE];
    struct io_uring_cqe *cqe;

    for (unsigned i = 0; i < BATCH; i++) {
        struct io_uring_sqe *sqe = rota_get_sqe(ring);

        if (!sqe)
            return -1;
        rota_prep_read(sqe, file, memory[i], size, 0);
    }
    if (rota_submit_and_wait(ring, BATCH) != BATCH)
        return -1;
    for (unsigned i = 0; i < BATCH; i++) {
        if (rota_peek_cqe(ring, &cqe) || cqe->res != (int)size)
            return -1;
        rota_cqe_seen(ring, cqe);
    }
    return 0;
}

/* What was overwritten while this thread did not run is what was sent then, but for a queue full. */
static int gaps(uint64_t duration, double rate, double entries)
{
    uint64_t start = now_ns(), before = start;
    double lost = 0;

    while (before - start < duration) {
        uint64_t now = now_ns();
        double sent = (double)(now - before) * rate / 1e9;

        lost += sent > entries ? sent - entries : 0;
        before = now;
    }
    printf("%.2f\n", 100 - 100 * lost / ((double)(before - start) * rate / 1e9));
    return 0;
}

int main(int argc, char **argv)
{
    uint64_t start, until, rate = argc > 4 ? strtoull(argv[3], NULL, 10) : 0, done = 0;
    unsigned entries = argc > 4 ? (unsigned)atoi(argv[4]) : BATCH;
    struct rota_ring ring;
    bool calls;
    int file;

    if (argc < 3)
        return 2;
    if (!strcmp(argv[1], "gaps"))
        return gaps(strtoull(argv[2], NULL, 10) * 1000000, (double)rate, entries);
    calls = !strcmp(argv[1], "calls");
    file = open("/proc/self/exe", O_RDONLY);
    if (file < 0 || (!calls && rota_queue_init(entries, &ring, 0) < 0))
        return 77;
    if (!calls && batch(&ring, file, SIZE))
        return 77;
    start = now_ns();
    until = start + strtoull(argv[2], NULL, 10) * 1000000;
    while (now_ns() < until) {
        if (calls) {
            for (unsigned i = 0; i < BATCH; i++)
                syscall(SYS_getppid);
        } else if (batch(&ring, file, rate ? 512 : SIZE)) {
            return 1;
        }
        done += BATCH;
        while (rate && (now_ns() - start) * rate < done * 1000000000U)
            continue;
    }
    if (rate)
        printf("%llu\n", (unsigned long long)done + BATCH);
    else
        printf("%.2f\n", (double)(now_ns() - start) / (double)done);
    return 0;
}
