/* SPDX-License-Identifier: MIT */
/* What the differential tests share: random numbers, scratch memory, random requests. */
#ifndef ROTA_TESTS_DIFFERENTIAL_H
#define ROTA_TESTS_DIFFERENTIAL_H

#include <rota.h>
#include <rota/caps.h>
#include <rota/explain.h>
#include <stdint.h>

/* A generator that gives the same numbers from the same seed everywhere. */
struct dice {
    uint64_t state;
};

static inline uint64_t dice_roll(struct dice *dice)
{
    uint64_t x = dice->state += UINT64_C(0x9e3779b97f4a7c15);

    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A number below `sides`. */
static inline unsigned dice_below(struct dice *dice, unsigned sides)
{
    return (unsigned)(dice_roll(dice) % sides);
}

/* Memory that requests point to; every structure is valid and followed by zeros. */
struct scratch {
    unsigned char *area;
    size_t size;
    int fd; /* an open file */
    int personality;
};

int scratch_open(struct scratch *scratch);
void scratch_close(struct scratch *scratch);
/* What an argument of that C type may point to. */
uint64_t scratch_pointer(const struct scratch *scratch, const char *type);

/* Where random requests go. */
struct aim {
    const struct rota_ring *ring;
    const struct rota_caps *caps;
    const struct scratch *scratch;
};

/* A random request of that opcode in which the check finds nothing, if it can be helped. */
void request_valid(struct dice *dice, const struct aim *aim, const struct rota_op_info *op,
                   struct io_uring_sqe *sqe);
/* Breaks something in it, or tries to. */
void request_break(struct dice *dice, const struct aim *aim, const struct rota_op_info *op,
                   struct io_uring_sqe *sqe);

#endif /* ROTA_TESTS_DIFFERENTIAL_H */
