/* SPDX-License-Identifier: MIT */
/* Messages between rings: data, flags, files; from a ring and from none. */
#include "resource.h"

static void test_data(struct rota_ring *from, struct rota_ring *to)
{
    struct io_uring_sqe *sqe;

    sqe = must_get_sqe(from);
    rota_prep_msg_ring(sqe, to->ring_fd, 123, 0xabcdef0123456789, 0);
    rota_sqe_set_data64(sqe, 1);
    is_cqe(run_one(from), 1, 0, 0, "the message");
    is_cqe(next_cqe(to), 0xabcdef0123456789, 123, 0, "what it brings");

    sqe = must_get_sqe(from);
    rota_prep_msg_ring(sqe, from->ring_fd, 7, 8, 0);
    rota_sqe_set_data64(sqe, 2);
    submits(from, 1);
    {
        struct completion one = next_cqe(from), two = next_cqe(from);

        if (one.user_data != 8) {
            struct completion swap = one;

            one = two;
            two = swap;
        }
        is_cqe(one, 8, 7, 0, "a message to oneself");
        is_cqe(two, 2, 0, 0, "and its sending");
    }

    sqe = must_get_sqe(from);
    rota_prep_msg_ring_cqe_flags(sqe, to->ring_fd, 5, 6, 0, 0x1234);
    rota_sqe_set_data64(sqe, 3);
    {
        struct completion got = run_one(from);

        if (got.res == -EINVAL) {
            skip(2, "messages bring no flags (6.3)");
        } else {
            is_cqe(got, 3, 0, 0, "a message with flags");
            is_cqe(next_cqe(to), 6, 5, 0x1234, "which it brings");
        }
    }

    sqe = must_get_sqe(from);
    rota_prep_msg_ring(sqe, to->ring_fd, 1, 9, IORING_MSG_RING_CQE_SKIP);
    rota_sqe_set_data64(sqe, 4);
    is_int(run_one(from).res, -EINVAL, "data cannot come without a completion");
    ok(is_quiet(to), "and do not");
    sqe = must_get_sqe(from);
    rota_prep_msg_ring(sqe, 0, 1, 9, 0);
    rota_sqe_set_data64(sqe, 4);
    is_int(run_one(from).res, -EBADFD, "no ring takes no message");
}

static void test_files(struct rota_ring *from, struct rota_ring *to)
{
    int pair[2], table[2];
    struct io_uring_sqe *sqe;
    struct completion got;
    char byte = 0;

    make_pair(pair, SOCK_STREAM);
    table[0] = pair[0];
    table[1] = -1;
    is_int(rota_register_files(from, table, 2), 0, "a ring with a file");
    table[0] = -1;
    is_int(rota_register_files(to, table, 2), 0, "and one without");
    sqe = must_get_sqe(from);
    rota_prep_msg_ring_fd(sqe, to->ring_fd, 0, 1, 55, 0);
    rota_sqe_set_data64(sqe, 1);
    got = run_one(from);
    if (got.res == -EINVAL) {
        skip(1, "messages bring no files (6.0)");
        goto end;
    }
    is_cqe(got, 1, 0, 0, "a file is sent");
    got = next_cqe(to);
    is_int(got.user_data, 55, "it arrives");
    must_send(pair[1], "!", 1);
    sqe = must_get_sqe(to);
    rota_prep_recv(sqe, 1, &byte, 1, 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    is_int(run_one(to).res, 1, "and is used");
    is_int(byte, '!', "there");
    sqe = must_get_sqe(from);
    rota_prep_msg_ring_fd(sqe, to->ring_fd, 1, 0, 56, 0);
    is_int(run_one(from).res, -EBADF, "an empty slot cannot be sent");

    sqe = must_get_sqe(from);
    rota_prep_msg_ring_fd_alloc(sqe, to->ring_fd, 0, 57, 0);
    is_int(run_one(from).res, 0, "into a slot of the kernel's choice");
    got = next_cqe(to);
    is_int(got.user_data, 57, "it arrives");
    sqe = must_get_sqe(from);
    rota_prep_msg_ring_fd_alloc(sqe, to->ring_fd, 0, 58, 0);
    is_int(run_one(from).res, -ENFILE, "until the table is full");
    sqe = must_get_sqe(from);
    rota_prep_msg_ring_fd(sqe, to->ring_fd, 0, 0, 59, IORING_MSG_RING_CQE_SKIP);
    is_int(run_one(from).res, 0, "a file may come without a completion");
    ok(is_quiet(to), "and does");
end:
    is_int(rota_unregister_files(from), 0, "the tables end");
    is_int(rota_unregister_files(to), 0, "both");
    close(pair[0]);
    close(pair[1]);
}

static void test_sync(struct rota_ring *to)
{
    struct io_uring_sqe sqe;
    int ret;

    memset(&sqe, 0, sizeof(sqe));
    rota_prep_msg_ring(&sqe, to->ring_fd, 321, 77, 0);
    ret = rota_register_sync_msg(&sqe);
    if (ret == -EINVAL) {
        skip(1, "the kernel sends no messages without a ring (6.13)");
        return;
    }
    is_int(ret, 0, "a message without a ring");
    is_cqe(next_cqe(to), 77, 321, 0, "what it brings");
    sqe.flags = IOSQE_ASYNC;
    is_int(rota_register_sync_msg(&sqe), -EINVAL, "flags mean nothing there");
    memset(&sqe, 0, sizeof(sqe));
    rota_prep_nop(&sqe);
    is_int(rota_register_sync_msg(&sqe), -EINVAL, "nor do other requests");
    memset(&sqe, 0, sizeof(sqe));
    rota_prep_msg_ring(&sqe, 9999, 1, 1, 0);
    is_int(rota_register_sync_msg(&sqe), -EBADF, "nor what is not open");
    ok(is_quiet(to), "and nothing arrives");
}

int main(void)
{
    struct footprint before = footprint();
    struct rota_ring from, to;

    make_ring(&from, 8, 0);
    if (!kernel_has(&from, IORING_OP_MSG_RING))
        skip_all("the kernel has no messages between rings (5.18)");
    make_ring(&to, 8, 0);
    test_data(&from, &to);
    test_files(&from, &to);
    test_sync(&to);
    rota_queue_exit(&to);
    /* A ring that completes only what its owner asks for. */
    if (try_ring(&to, 8, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN)) {
        diag("to a single-owner ring");
        test_data(&from, &to);
        test_sync(&to);
        rota_queue_exit(&to);
    }
    rota_queue_exit(&from);
    is_clean(before, "messages");
    return done();
}
