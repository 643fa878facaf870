/* SPDX-License-Identifier: MIT */
/* What is measured, as tests/bench/main.c sees it: one topic on one side, in several cases. */
#ifndef ROTA_BENCH_H
#define ROTA_BENCH_H

#include <stdbool.h>
#include <stdint.h>

/*
 * callgrind collects only inside functions of this kind, whose names begin
 * with measured_; so neither set-up nor the loop around them counts.
 */
#if __has_attribute(noipa)
#define MEASURED __attribute__((noipa)) static
#else
#define MEASURED __attribute__((noinline)) static
#endif

struct bench {
    const char *topic;
    const char *side;
    const char *(*name)(unsigned index); /* of a case; NULL behind the last */

    /* Makes ready for a case: 0, or -errno when this machine cannot do it. */
    int (*open)(unsigned index);
    /* Does it about `times` times, returns how often exactly; 0 is a failure. */
    uint64_t (*run)(unsigned index, unsigned times);
    void (*close)(void);
};

#endif /* ROTA_BENCH_H */
