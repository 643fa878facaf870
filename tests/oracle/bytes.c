/* SPDX-License-Identifier: MIT */
/*
 * Calls each prep function of rota and of liburing with the same arguments,
 * many times, and prints which bytes of the SQE ever differed: one line a
 * function, `NAME ROUNDS OFFSET...`, and below it for the first difference
 * the arguments. tests/oracle/bytes judges the lines.
 */
#include "bytes.h"

#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define ROUNDS   20000U
#define SQE_SIZE 128U

/* Values at which conversions and special meanings change. */
static const uint64_t edges[] = {
    0,
    1,
    2,
    (uint64_t)-1,
    (uint64_t)-2,
    (uint64_t)-100, /* AT_FDCWD */
    UINT8_MAX,
    UINT16_MAX,
    UINT16_MAX + 1,
    INT_MAX,
    (uint64_t)INT_MIN,
    (uint64_t)INT_MAX + 1,
    UINT32_MAX, /* IORING_FILE_INDEX_ALLOC */
    UINT32_MAX - 1,
    (uint64_t)UINT32_MAX + 1,
    INT64_MAX,
    (uint64_t)INT64_MIN,
};

static uint64_t state = 0x726f7461; /* fixed: each run asks the same */

/* xorshift64*: good enough to leave no bit alone. */
static uint64_t number(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * 0x2545f4914f6cdd1dU;
}

/* Half edges, half numbers of any width. */
static uint64_t argument(void)
{
    uint64_t choice = number();

    if (choice & 1)
        return edges[(choice >> 8) % (sizeof(edges) / sizeof(edges[0]))];
    return number() >> ((choice >> 8) % 64);
}

static void compare(const struct bytes_case *ours, const struct bytes_case *theirs)
{
    union {
        unsigned char bytes[SQE_SIZE];
        uint64_t aligned;
    } one, two;
    unsigned char differs[SQE_SIZE] = {0};
    uint64_t first[BYTES_ARGS] = {0}, arg[BYTES_ARGS];
    int found = 0;

    for (unsigned round = 0; round < ROUNDS; round++) {
        for (unsigned i = 0; i < BYTES_ARGS; i++)
            arg[i] = argument();
        memset(&one, 0, sizeof(one));
        memset(&two, 0, sizeof(two));
        ours->call((struct io_uring_sqe *)(void *)&one, arg);
        theirs->call((struct io_uring_sqe *)(void *)&two, arg);
        if (!memcmp(one.bytes, two.bytes, SQE_SIZE))
            continue;
        if (!found++)
            memcpy(first, arg, sizeof(first));
        for (unsigned i = 0; i < SQE_SIZE; i++)
            differs[i] |= one.bytes[i] != two.bytes[i];
    }
    printf("%s %u", ours->name, ROUNDS);
    for (unsigned i = 0; i < SQE_SIZE; i++) {
        if (differs[i])
            printf(" %u", i);
    }
    printf("\n");
    if (found) {
        printf("# in %d rounds; the first:", found);
        for (unsigned i = 0; i < ours->args; i++)
            printf(" 0x%" PRIx64, first[i]);
        printf("\n");
    }
}

int main(void)
{
    const struct bytes_case *ours = bytes_of_rota, *theirs = bytes_of_liburing;

    for (; ours->name && theirs->name; ours++, theirs++) {
        if (strcmp(ours->name, theirs->name) != 0)
            return 1;
        compare(ours, theirs);
    }
    return ours->name || theirs->name;
}
