/* SPDX-License-Identifier: MIT */
/* Any request on any ring and any kernel: the check ends, and its findings are sound. */
#include "fuzz.h"

static void sound(const struct rota_finding *findings, int count, int max)
{
    for (int i = 0; i < count && i < max; i++) {
        const struct rota_finding *f = &findings[i];

        if (!f->code || f->error >= 0 || f->stage > ROTA_STAGE_ISSUE || !f->text[0] ||
            strnlen(f->text, sizeof(f->text)) == sizeof(f->text))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct rota_caps caps;
    struct rota_finding findings[5];
    struct io_uring_params params;
    struct io_uring_sqe sqe;
    struct rota_ring ring;
    uint32_t entries;
    uint8_t choice;
    int count;

    take(&data, &size, &choice, sizeof(choice));
    take(&data, &size, &sqe, sizeof(sqe));
    take(&data, &size, &params, sizeof(params));
    take(&data, &size, &entries, sizeof(entries));
    memset(&ring, 0, sizeof(ring));
    take(&data, &size, &ring.flags, sizeof(ring.flags));
    take(&data, &size, &ring.owner, sizeof(ring.owner));
    take(&data, &size, &caps, sizeof(caps));

    count = rota_sqe_check(choice & 1 ? &ring : NULL, choice & 2 ? &caps : NULL, &sqe, findings, 5);
    sound(findings, count, 5);
    /* Counting gives the same number as describing. */
    if (rota_sqe_check(choice & 1 ? &ring : NULL, choice & 2 ? &caps : NULL, &sqe, NULL, 0) !=
        count)
        abort();
    count = rota_params_check(entries, &params, choice & 2 ? &caps : NULL, findings, 5);
    sound(findings, count, 5);
    return 0;
}
