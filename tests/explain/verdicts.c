/* SPDX-License-Identifier: MIT */
/*
 * The verdicts of rota_sqe_check on requests that are read: for
 * tests/explain/from_json, which judges the same requests by ops.json.
 *
 * Each record has the set-up flags of a ring (32 bits), the first kernel of a
 * series and the first after it (16 bits each; 0xffff and 0 is the table's own
 * kernel), and 64 bytes of a request. Each line of the answer has the findings as STAGE:ERRNO.
 */
#include <rota.h>

#include <stdio.h>
#include <string.h>

struct record {
    uint32_t ring;
    uint16_t from;
    uint16_t before;
    struct io_uring_sqe sqe;
};

#define MOST 64

static struct rota_caps caps;

int main(void)
{
    struct record record;

    while (fread(&record, sizeof(record), 1, stdin) == 1) {
        struct rota_finding findings[MOST];
        struct rota_ring ring;
        int count;

        memset(&ring, 0, sizeof(ring));
        ring.flags = record.ring;
        caps.kernel_from = record.from;
        caps.kernel_before = record.before;
        count = rota_sqe_check(&ring, record.from == 0xffff ? NULL : &caps, &record.sqe, findings,
                               MOST);
        if (count > MOST)
            return 2;
        for (int i = 0; i < count; i++)
            printf("%s%s:%d", i ? " " : "",
                   findings[i].stage == ROTA_STAGE_TAKE ? "submit" : "issue", -findings[i].error);
        putchar('\n');
    }
    return ferror(stdin) || fflush(stdout) ? 1 : 0;
}
