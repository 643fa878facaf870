/* SPDX-License-Identifier: MIT */
/*
 * What the table claims about one request: which errors the kernel may answer,
 * or none. An interpreter of rota/info.h that knows nothing of any opcode.
 */
#ifndef ROTA_TESTS_PREDICT_H
#define ROTA_TESTS_PREDICT_H

#include <rota.h>
#include <rota/info.h>
#include <stdbool.h>

#define SQE_BYTES 128

/* What the kernel does with a byte of the SQE. */
enum byte_state {
    BYTE_ZERO,
    BYTE_IGNORED,
    BYTE_READ
};

/* A request to be tried. Pinned bits are what the claim is about; repairs leave them alone. */
struct request {
    const struct rota_op_info *op;
    union {
        unsigned char bytes[SQE_BYTES];
        struct io_uring_sqe sqe;
    };
    unsigned char pinned[SQE_BYTES];
    unsigned ring; /* set-up flags of the ring that gets it */
    unsigned ring_pinned;
};

enum breach_kind {
    BREACH_OPCODE, /* the kernel is older than the opcode */
    BREACH_ZERO,   /* a field that must be zero */
    BREACH_FLAG,   /* a flag that the opcode does not take */
    BREACH_VALUE,  /* a value that it does not take */
    BREACH_GROUP,  /* a flag without one that it needs, or beside one that it excludes */
    BREACH_IOSQE,
    BREACH_RING,
    BREACH_RULE,
};

/* One reason for which the table says that the request is refused. */
struct breach {
    enum breach_kind kind;
    int error; /* negative errno */
    uint8_t offset, size;
    uint64_t clear, set; /* how the field becomes good again */
    unsigned rule;       /* of BREACH_RULE */
    char why[160];
};

#define BREACHES 24

struct prediction {
    unsigned count; /* 0: the request is taken */
    struct breach breach[BREACHES];
};

/* The running kernel as ROTA_KERNEL(major, minor). */
extern unsigned predict_kernel;
/* Set to see this kernel as an early release of its series, without the checks that were added to
 * it later. Opcodes, fields and flags came to a series at once. */
extern bool predict_early;

/* Whether this kernel has something of a row, by its version or as a known backport. */
bool predict_has(const struct rota_op_info *op, unsigned what, unsigned index, unsigned flag,
                 unsigned since);

/* Whether the rule is one of this kernel's. */
bool predict_rule_active(const struct rota_op_info *op, unsigned rule);

void predict(const struct request *request, struct prediction *prediction);
void predict_states(const struct request *request, enum byte_state states[SQE_BYTES]);

uint64_t request_get(const struct request *request, unsigned offset, unsigned size);
/* Writes and pins a field or some bits of it; false when other bits are pinned already. */
bool request_pin(struct request *request, unsigned offset, unsigned size, uint64_t mask,
                 uint64_t value);

bool condition_holds(const struct request *request, const struct rota_condition *condition);
/* Makes a condition true or false and pins what decides; false when that cannot be. */
bool condition_force(struct request *request, const struct rota_condition *condition, bool truth);

/* Changes what is not pinned until the table has nothing against the request but the rule named
 * (-1: nothing at all); false when that cannot be. */
bool request_repair(struct request *request, int rule);

#endif /* ROTA_TESTS_PREDICT_H */
