/* SPDX-License-Identifier: MIT */
/*
 * What the check says of frequent mistakes, word for word, and that the kernel
 * beneath refuses each of them with the error foretold.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <limits.h>
#include <errno.h>
#include <fcntl.h>
#include <rota.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tap.h"

static struct rota_caps caps;
static struct rota_ring ring; /* that the requests are made for */
static char memory[64];

/* The answer to a request behind one that fails: it is taken or refused, and never runs. */
static int taken_or_refused(const struct io_uring_sqe *request)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&ring);
    int res = 0;

    rota_prep_timeout_remove(sqe, 1, 0);
    sqe->flags = IOSQE_IO_LINK;
    sqe = rota_get_sqe(&ring);
    memcpy(sqe, request, sizeof(*sqe));
    sqe->user_data = 7;
    if (rota_submit_and_wait(&ring, 2) < 0)
        bail("the ring fails");
    for (int i = 0; i < 2; i++) {
        struct io_uring_cqe *cqe;

        if (rota_wait_cqe(&ring, &cqe) < 0)
            bail("the ring fails");
        if (cqe->user_data == 7)
            res = cqe->res;
        rota_cqe_seen(&ring, cqe);
    }
    return res;
}

static void says(const struct io_uring_sqe *sqe, const char *name, enum rota_finding_code code,
                 int error, const char *sentence)
{
    struct rota_finding finding;
    int count = rota_sqe_check(&ring, NULL, sqe, &finding, 1);

    if (!is_int(count, 1, "%s: one thing is wrong", name))
        return;
    is_str(finding.text, sentence, "%s: the sentence", name);
    is_int(finding.code, code, "%s: the code", name);
    is_int(finding.error, error, "%s: the error", name);
    if (rota_caps_opcode(&caps, sqe->opcode, NULL) != ROTA_YES)
        skip(1, "%s: this kernel has no %s", name, rota_op_name(sqe->opcode));
    else if (rota_sqe_check(&ring, &caps, sqe, NULL, 0) != 1)
        skip(1, "%s: this kernel does not check it", name);
    else if (finding.stage == ROTA_STAGE_TAKE)
        is_int(taken_or_refused(sqe), error, "%s: the kernel", name);
}

/* The ten mistakes of the documentation, in its order. */
static void mistakes(void)
{
    struct io_uring_sqe sqe;

    rota_sqe_clear(&sqe);
    rota_prep_recv_multishot(&sqe, 0, NULL, 0, 0);
    says(&sqe, "a multishot receive without a buffer group", ROTA_FINDING_RULE, -EINVAL,
         "RECV: flags must have IOSQE_BUFFER_SELECT (is 0) when ioprio has IORING_RECV_MULTISHOT. "
         "A multishot receive takes a buffer from a group for each completion.");

    rota_sqe_clear(&sqe);
    rota_prep_read_multishot(&sqe, 0, 0, 0, 1);
    sqe.flags = 0;
    says(&sqe, "a multishot read without a buffer group", ROTA_FINDING_REQUIRED, -EINVAL,
         "READ_MULTISHOT needs IOSQE_BUFFER_SELECT");

    rota_sqe_clear(&sqe);
    rota_prep_accept(&sqe, 0, NULL, NULL, 0);
    sqe.flags = IOSQE_BUFFER_SELECT;
    says(&sqe, "a buffer group where none is taken", ROTA_FINDING_REFUSED, -EOPNOTSUPP,
         "ACCEPT: IOSQE_BUFFER_SELECT is not taken, the kernel answers EOPNOTSUPP");

    rota_sqe_clear(&sqe);
    rota_prep_recv(&sqe, 0, memory, sizeof(memory), 0);
    sqe.addr2 = 0x10;
    says(&sqe, "a field that was left from an earlier request", ROTA_FINDING_NOT_ZERO, -EINVAL,
         "RECV: off/addr2 must be 0 (is 0x10)");

    rota_sqe_clear(&sqe);
    rota_prep_openat(&sqe, AT_FDCWD, "/", O_RDONLY | O_CLOEXEC, 0);
    sqe.file_index = 1;
    says(&sqe, "a slot that would be closed by exec", ROTA_FINDING_RULE, -EINVAL,
         "OPENAT: open_flags must not have O_CLOEXEC (is 0x80000) when file_index is not 0. A slot "
         "of the file table is never inherited.");

    rota_sqe_clear(&sqe);
    rota_prep_timeout(&sqe, NULL, 0, 0);
    sqe.len = 0;
    says(&sqe, "a timeout whose length was not set", ROTA_FINDING_RULE, -EINVAL,
         "TIMEOUT: len must be 1 (is 0). A timeout has exactly one timespec.");

    rota_sqe_clear(&sqe);
    rota_prep_poll_multishot(&sqe, 0, 1);
    sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
    says(&sqe, "a multishot poll that is silent about success", ROTA_FINDING_RULE, -EINVAL,
         "POLL_ADD: flags must not have IOSQE_CQE_SKIP_SUCCESS (is 0x40) when len has "
         "IORING_POLL_ADD_MULTI. A poll request that reports each event cannot be silent about "
         "success.");

    rota_sqe_clear(&sqe);
    rota_prep_send_zc(&sqe, 0, memory, sizeof(memory), 0, 0);
    sqe.flags = IOSQE_CQE_SKIP_SUCCESS;
    says(&sqe, "a zero-copy send without its completion", ROTA_FINDING_REFUSED, -EINVAL,
         "SEND_ZC: IOSQE_CQE_SKIP_SUCCESS is not taken, the kernel answers EINVAL");

    rota_sqe_clear(&sqe);
    rota_prep_nop(&sqe);
    sqe.flags = IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS;
    says(&sqe, "a drain on a ring with silent requests", ROTA_FINDING_SQE_FLAGS, -EOPNOTSUPP,
         "NOP: IOSQE_IO_DRAIN and IOSQE_CQE_SKIP_SUCCESS exclude each other on one ring; the "
         "kernel answers EOPNOTSUPP");

    rota_sqe_clear(&sqe);
    rota_prep_fixed_fd_install(&sqe, 0, 0);
    sqe.flags = 0;
    says(&sqe, "a descriptor where a slot is meant", ROTA_FINDING_REQUIRED, -EBADF,
         "FIXED_FD_INSTALL needs IOSQE_FIXED_FILE; the kernel answers EBADF");

    rota_sqe_clear(&sqe);
    sqe.opcode = IORING_OP_URING_CMD128;
    says(&sqe, "a large request on a ring of small ones", ROTA_FINDING_RING, -EINVAL,
         "URING_CMD128 needs a ring with SQE128 or SQE_MIXED");

    rota_sqe_clear(&sqe);
    rota_prep_uring_cmd(&sqe, (int)0xc0207504, 3);
    says(&sqe, "a command on a ring whose requests are too small", ROTA_FINDING_RING, -EINVAL,
         "URING_CMD: UBLK_U_CMD_ADD_DEV needs an SQE of 128 bytes; make the ring with "
         "IORING_SETUP_SQE128");
    sqe.cmd_op = 0xc0484e80;
    says(&sqe, "a command on a ring of which both are too small", ROTA_FINDING_RING, -EOPNOTSUPP,
         "URING_CMD: NVME_URING_CMD_IO needs an SQE of 128 bytes and completions of 32 bytes; "
         "make the ring with IORING_SETUP_SQE128 and IORING_SETUP_CQE32");
}

static void kinds(void)
{
    struct io_uring_sqe sqe;
    struct rota_caps old = caps;
    struct rota_finding finding;

    rota_sqe_clear(&sqe);
    rota_prep_recvmsg(&sqe, 0, NULL, 0);
    sqe.ioprio = IORING_RECVSEND_BUNDLE;
    says(&sqe, "a flag of the group that the opcode does not take", ROTA_FINDING_FLAGS, -EINVAL,
         "RECVMSG: ioprio has IORING_RECVSEND_BUNDLE, which it does not take; leave it out");

    rota_sqe_clear(&sqe);
    rota_prep_shutdown(&sqe, 0, 9);
    says(&sqe, "a value that means nothing", ROTA_FINDING_VALUE, -EINVAL,
         "SHUTDOWN: len is 9, which is none of SHUT_RD, SHUT_WR, SHUT_RDWR");

    rota_sqe_clear(&sqe);
    rota_prep_statx(&sqe, AT_FDCWD, "/", 0x6000, 0, NULL);
    says(&sqe, "flags that exclude each other", ROTA_FINDING_CONFLICT, -EINVAL,
         "STATX: statx_flags has AT_STATX_FORCE_SYNC, which excludes AT_STATX_DONT_SYNC");

    rota_sqe_clear(&sqe);
    rota_prep_nop(&sqe);
    sqe.flags = 0x80;
    says(&sqe, "an unknown flag of all requests", ROTA_FINDING_SQE_FLAGS, -EINVAL,
         "NOP: flags has 0x80, which this kernel does not know; leave it out");

    rota_sqe_clear(&sqe);
    sqe.opcode = 255;
    is_int(rota_sqe_check(NULL, NULL, &sqe, &finding, 1), 1, "an unknown opcode is found");
    is_str(finding.text, "opcode 255 is none that this library knows; the last is 64",
           "an unknown opcode: the sentence");

    rota_sqe_clear(&sqe);
    sqe.opcode = IORING_OP_FUTEX_WAIT;
    old.opcodes[0] &= ~(UINT64_C(1) << IORING_OP_FUTEX_WAIT);
    old.opcode_count = IORING_OP_FUTEX_WAIT;
    is_int(rota_sqe_check(NULL, &old, &sqe, &finding, 1), 1, "a missing opcode is found");
    is_str(finding.text,
           "this kernel has no FUTEX_WAIT (first in 6.7), or was built without "
           "CONFIG_FUTEX",
           "a missing opcode: the sentence");
    is_int(finding.since, ROTA_KERNEL(6, 7), "a missing opcode: its kernel");

    is_int(rota_sqe_check(NULL, NULL, NULL, &finding, 1), -EINVAL, "no request is EINVAL");
    is_int(rota_sqe_check(NULL, NULL, &sqe, NULL, 1), -EINVAL, "no room is EINVAL");
}

/* A ring whose owner is somebody else. */
static void threads(void)
{
    struct rota_finding finding;
    struct io_uring_sqe sqe;
    struct rota_ring other;
    char expected[100];

    if (rota_init(&other, 4, NULL) < 0 || !(other.flags & IORING_SETUP_SINGLE_ISSUER)) {
        skip(3, "this kernel has no IORING_SETUP_SINGLE_ISSUER");
        return;
    }
    rota_sqe_clear(&sqe);
    rota_prep_nop(&sqe);
    is_int(rota_sqe_check(&other, NULL, &sqe, &finding, 1), 0, "the owner may use its ring");
    is_int(other.owner, gettid(), "the ring knows its owner");
    other.owner = 10;
    other.index_owner = 0;
    (void)snprintf(expected, sizeof(expected),
                   "SINGLE_ISSUER ring used from thread %d, owner is 10; the kernel answers EEXIST",
                   gettid());
    is_int(rota_sqe_check(&other, NULL, &sqe, &finding, 1), 1, "another thread may not");
    is_str(finding.text, expected, "another thread: the sentence");
    other.index_owner = 11;
    (void)snprintf(expected, sizeof(expected), "registered ring used from thread %d, owner is 11",
                   gettid());
    is_int(rota_sqe_check(&other, NULL, &sqe, &finding, 1), 1, "nor where its index is another's");
    is_str(finding.text, expected, "another index: the sentence");
    other.index_owner = gettid(); /* for its end */
    is_int(finding.stage, ROTA_STAGE_CALL, "it is the call that fails");
    rota_queue_exit(&other);
}

/* Numbers that no kernel answers, and of which one has no negation: for the sanitizers. */
static void impossible(void)
{
    static const int answers[] = {INT_MIN, INT_MIN + 1, -4096, -4095, INT_MAX};

    for (unsigned i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        struct io_uring_sqe sqe;
        char text[2000], number[32];
        int answer = answers[i], said = 0;

        (void)snprintf(number, sizeof(number), "%d", answer);
        rota_sqe_clear(&sqe);
        rota_prep_read(&sqe, 0, text, sizeof(text), 0);
        said += rota_explain(&ring, &caps, &sqe, answer, text, sizeof(text)) > 0;
        ok(strstr(text, number) != NULL, "%d is said as it is", answer);
        said += rota_explain(&ring, NULL, NULL, answer, text, sizeof(text)) != 0;
        said += rota_explain_submit(&ring, answer, text, sizeof(text)) > 0;
        said += rota_explain_register(&ring, &caps, 1, answer, text, sizeof(text)) > 0;
        said += rota_explain_setup(8, NULL, answer, text, sizeof(text)) > 0;
        ok(said >= 4, "%d: each has something to say", answer);
        ok(answer == -4095 || !rota_error_name(answer), "%d has no name", answer);
    }
}

int main(void)
{
    struct rota_config config;
    int ret = rota_caps_get(&caps, NULL);

    rota_config_plain(&config);
    config.preferred_flags = IORING_SETUP_SUBMIT_ALL;
    if (ret < 0 || rota_init(&ring, 8, &config) < 0)
        skip_all("no ring can be made here");
    mistakes();
    kinds();
    threads();
    impossible();
    rota_queue_exit(&ring);
    return done();
}
