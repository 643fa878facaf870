/* SPDX-License-Identifier: MIT */
/* What the stress programs share: chance by a seed, kinds of rings, signals that come and go. */
#ifndef ROTA_TESTS_STRESS_H
#define ROTA_TESTS_STRESS_H

#include <rota.h>
#include <rota/call.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"

static uint64_t stress_state;

__attribute__((unused)) static void stress_seed(const char *text)
{
    stress_state = strtoull(text, NULL, 0) * 2 + 1;
    diag("seed %s", text);
}

/* A number below `below`: xorshift64*. */
__attribute__((unused)) static uint32_t chance(uint32_t below)
{
    stress_state ^= stress_state >> 12;
    stress_state ^= stress_state << 25;
    stress_state ^= stress_state >> 27;
    return (uint32_t)((stress_state * 0x2545f4914f6cdd1dull >> 32) % below);
}

struct stress_kind {
    const char *name;
    uint32_t flags;
    bool null_config;
    uint32_t options;
};

static const struct stress_kind stress_kinds[] = {
    {"default", 0, true, 0},
    {"plain", 0, false, 0},
    {"interruptible", 0, false, ROTA_WAIT_INTERRUPTIBLE},
    {"SUBMIT_ALL", IORING_SETUP_SUBMIT_ALL, false, 0},
    {"COOP_TASKRUN", IORING_SETUP_COOP_TASKRUN, false, 0},
    {"DEFER_TASKRUN", IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, false, 0},
    {"SQPOLL", IORING_SETUP_SQPOLL, false, 0},
    {"SQE128", IORING_SETUP_SQE128, false, 0},
    {"CQE32", IORING_SETUP_CQE32, false, 0},
    {"CQE_MIXED", IORING_SETUP_CQE_MIXED, false, 0},
    {"SQE_MIXED", IORING_SETUP_SQE_MIXED, false, 0},
    {"SQ_REWIND", IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY, false, 0},
};
#define STRESS_KINDS (sizeof(stress_kinds) / sizeof(stress_kinds[0]))

/* A ring whose completion queue is no larger than the other; false where the kernel has none. */
__attribute__((unused)) static bool stress_ring(const struct stress_kind *kind,
                                                struct rota_ring *ring, unsigned entries)
{
    struct rota_config config;
    int ret;

    if (kind->null_config) {
        rota_config_single_owner(&config);
    } else {
        rota_config_plain(&config);
        config.required_flags = kind->flags;
        config.options = kind->options;
    }
    config.cq_entries = entries;
    ret = rota_init(ring, entries, &config);
    if (ret == -ENOSYS || ret == -EPERM)
        skip_all("this system gives no ring: %s", strerror(-ret));
    return ret >= 0;
}

/* Bytes of one element that rota_copy_cqes() writes. */
__attribute__((unused)) static size_t copied_size(const struct rota_ring *ring)
{
    return ring->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED) ? 32 : 16;
}

__attribute__((unused)) static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static volatile sig_atomic_t stress_signals_seen;

static void stress_signal(int number)
{
    (void)number;
    stress_signals_seen++;
}

/* A signal every millisecond or so, which interrupts whatever waits. */
__attribute__((unused)) static void stress_signals(bool on)
{
    struct itimerval often = {{0, on ? 937 : 0}, {0, on ? 937 : 0}};
    struct sigaction action = {.sa_handler = stress_signal};

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
}

#endif /* ROTA_TESTS_STRESS_H */
