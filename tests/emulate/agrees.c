/* SPDX-License-Identifier: MIT */
/*
 * The emulated kernel refuses what rota_sqe_check() says is refused, and takes the rest: random requests.
 * Each stands in a chain behind one that fails, so that none of them is run: what is taken is cancelled.
 */
#include <rota.h>
#include <rota/caps.h>
#include <rota/emulate.h>
#include <rota/explain.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

#define UNKNOWN  0x80 /* an IOSQE flag that there is not */
#define REQUESTS 60000
#define SHOWN    12 /* disagreements that are told in full */

static uint64_t state = 20240607;
static unsigned char memory[1 << 16];
static int pipes[2];

static uint64_t chance(void)
{
    /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static uint64_t number(void)
{
    uint64_t bits = chance();

    switch (chance() % 6) {
    case 0:
        return 1;
    case 1:
        return bits % 16;
    case 2:
        return UINT64_C(1) << bits % 64;
    case 3:
        return UINT64_C(1) << bits % 8 | UINT64_C(1) << bits / 8 % 8;
    case 4:
        return UINT64_MAX;
    default:
        return bits;
    }
}

/* The fields in which requests differ; user_data, opcode and flags apart. */
static const struct {
    uint8_t offset, size;
} fields[] = {{2, 2},  {4, 4},  {8, 8},  {8, 4},  {12, 4}, {16, 8}, {24, 4}, {28, 4},
              {40, 2}, {44, 4}, {44, 2}, {46, 2}, {48, 8}, {56, 8}, {56, 4}, {60, 4}};

static void draw(struct io_uring_sqe *sqe)
{
    static const uint8_t flags[] = {
        0, 0, 0, 0, IOSQE_FIXED_FILE, IOSQE_ASYNC, IOSQE_BUFFER_SELECT, UNKNOWN};

    sqe->opcode = (uint8_t)(chance() % (IORING_OP_LAST + 1));
    sqe->fd = pipes[0];
    sqe->addr = (uintptr_t)memory;
    if (chance() % 2)
        sqe->len = 1;
    if (chance() % 4 == 0)
        sqe->addr2 = (uintptr_t)memory;
    for (uint64_t changes = chance() % 4; changes; changes--) {
        unsigned which = chance() % (sizeof(fields) / sizeof(fields[0]));
        unsigned char *at = (unsigned char *)sqe + fields[which].offset;
        uint64_t value = number();
        uint32_t half = (uint32_t)value;
        uint16_t quarter = (uint16_t)value;

        memcpy(at,
               fields[which].size == 8   ? (void *)&value
               : fields[which].size == 4 ? (void *)&half
                                         : (void *)&quarter,
               fields[which].size);
    }
    sqe->flags = flags[chance() % sizeof(flags)];
}

/* What the kernel made of the request: its result, 0 when it was taken. */
static int32_t send(struct rota_ring *ring, const struct io_uring_sqe *request)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);
    struct io_uring_cqe *cqe;
    int32_t res = 1;
    int got = 0;

    rota_prep_nop(sqe);
    sqe->nop_flags = IORING_NOP_INJECT_RESULT;
    sqe->len = (uint32_t)-EIO;
    sqe->flags = IOSQE_IO_LINK;
    sqe->user_data = 1;
    sqe = rota_get_sqe(ring);
    memcpy(sqe, request, ring->flags & IORING_SETUP_SQE128 ? 128 : 64);
    sqe->user_data = 2;
    if (rota_submit(ring) < 0)
        bail("submit");
    while (got < 2 && !rota_wait_cqe(ring, &cqe)) {
        got++;
        if (cqe->user_data == 2)
            res = cqe->res;
        rota_cqe_seen(ring, cqe);
    }
    return res == -ECANCELED ? 0 : res;
}

/*
 * Does one of the findings foresee that answer? The check says no more of an opcode that is not there, of
 * which a kernel looks at the flags first.
 */
static bool foresees(const struct rota_finding *findings, int count, uint8_t flags, int32_t res)
{
    bool refused = false;

    for (int i = 0; i < count; i++) {
        if (findings[i].stage == ROTA_STAGE_ISSUE)
            continue;
        refused = true;
        if (findings[i].error == res ||
            (findings[i].code == ROTA_FINDING_MISSING && res == -EINVAL && (flags & UNKNOWN)))
            return true;
    }
    return !refused && !res;
}

static void agree(unsigned flags, const char *what)
{
    struct rota_config config = {.kernel = &rota_kernel_emulated, .required_flags = flags};
    unsigned char request[128];
    struct io_uring_sqe *sqe = (void *)request;
    struct rota_finding findings[8];
    unsigned bad = 0, refused = 0;
    struct rota_caps caps;
    struct rota_ring ring;
    char text[512];

    if (rota_init(&ring, 8, &config) || rota_caps_get(&caps, &rota_kernel_emulated))
        bail("set-up");
    for (unsigned i = 0; i < REQUESTS; i++) {
        int count, most = sizeof(findings) / sizeof(findings[0]);
        int32_t res;

        memset(request, 0, sizeof(request));
        draw(sqe);
        count = rota_sqe_check(&ring, &caps, sqe, findings, (unsigned)most);
        res = send(&ring, sqe);
        refused += res != 0;
        if (res == -EFAULT || foresees(findings, count < most ? count : most, sqe->flags, res))
            continue;
        if (bad++ >= SHOWN)
            continue;
        (void)rota_sqe_format(sqe, 0, text, sizeof(text));
        printf("# %s: %d\n# but %s\n", text, res,
               count > 0 ? findings[0].text : "nothing is wrong with it");
    }
    rota_queue_exit(&ring);
    is_int((int)bad, 0, "%s: of %u requests, %u of them refused, all that the check says", what,
           REQUESTS, refused);
}

/* What is said of a message to a descriptor: a ring of another kernel is none here. */
static void explains_messages(void)
{
    struct rota_config config = {.kernel = &rota_kernel_emulated};
    struct rota_ring ring, waiting, real;
    struct io_uring_sqe sqe = {0};
    char text[2048];

    if (rota_init(&ring, 8, &config))
        bail("set-up");
    config.required_flags = IORING_SETUP_R_DISABLED;
    if (rota_init(&waiting, 8, &config))
        bail("set-up");
    rota_prep_msg_ring(&sqe, waiting.ring_fd, 1, 2, 0);
    (void)rota_explain(&ring, NULL, &sqe, -EBADFD, text, sizeof(text));
    ok(strstr(text, "The ring has not been enabled yet") && !strstr(text, "certain"),
       "a ring that is not enabled yet is not taken for no ring");
    rota_prep_msg_ring(&sqe, pipes[0], 1, 2, 0);
    (void)rota_explain(&ring, NULL, &sqe, -EBADFD, text, sizeof(text));
    ok(strstr(text, "certain: The descriptor is no ring"), "a pipe is none");
    if (rota_init(&real, 8, NULL) < 0) {
        skip(1, "no ring of the real kernel can be made");
    } else {
        rota_prep_msg_ring(&sqe, real.ring_fd, 1, 2, 0);
        (void)rota_explain(&ring, NULL, &sqe, -EBADFD, text, sizeof(text));
        ok(strstr(text, "certain: The descriptor is no ring"), "the real kernel's are none");
        rota_queue_exit(&real);
    }
    rota_queue_exit(&waiting);
    rota_queue_exit(&ring);
}

int main(void)
{
    if (pipe(pipes))
        bail("pipe");
    explains_messages();
    agree(0, "a plain ring");
    agree(IORING_SETUP_SQE128 | IORING_SETUP_CQE32, "a ring of large entries");
    agree(IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, "a ring of one thread");
    return done();
}
