/* SPDX-License-Identifier: MIT */
/* What a ring is forbidden before it is enabled: opcodes, flags, register calls. */
#include "resource.h"

static struct completion nop(struct rota_ring *ring, unsigned flags)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_nop(sqe);
    rota_sqe_set_flags(sqe, flags);
    return run_one(ring);
}

static struct completion poll_in(struct rota_ring *ring, int fd, unsigned flags)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_poll_add(sqe, fd, POLLIN);
    rota_sqe_set_flags(sqe, flags);
    return run_one(ring);
}

int main(void)
{
    struct footprint before = footprint();
    struct io_uring_restriction list[5], odd;
    struct rota_ring ring;
    int pair[2], files[1], ret;

    make_pair(pair, SOCK_STREAM);
    must_send(pair[1], "x", 1);
    files[0] = pair[0];
    memset(list, 0, sizeof(list));
    list[0].opcode = IORING_RESTRICTION_SQE_OP;
    list[0].sqe_op = IORING_OP_POLL_ADD;
    list[1].opcode = IORING_RESTRICTION_REGISTER_OP;
    list[1].register_op = IORING_REGISTER_FILES;
    list[2].opcode = IORING_RESTRICTION_REGISTER_OP;
    list[2].register_op = IORING_REGISTER_ENABLE_RINGS;
    list[3].opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    list[3].sqe_flags = IOSQE_ASYNC;
    list[4].opcode = IORING_RESTRICTION_SQE_FLAGS_REQUIRED;
    list[4].sqe_flags = IOSQE_FIXED_FILE;

    make_ring(&ring, 8, IORING_SETUP_R_DISABLED);
    memset(&odd, 0, sizeof(odd));
    odd.opcode = 99;
    is_int(rota_register_restrictions(&ring, &odd, 1), -EINVAL, "an unknown restriction");
    ret = rota_register_restrictions(&ring, list, 5);
    is_int(ret, 0, "five restrictions");
    is_int(rota_register_restrictions(&ring, list, 5), -EBUSY, "once");
    is_int(rota_enable_rings(&ring), 0, "hold when the ring is enabled");
    is_int(rota_register_restrictions(&ring, list, 5), -EACCES, "and for good");
    is_int(nop(&ring, 0).res, -EACCES, "another opcode");
    is_int(poll_in(&ring, pair[0], 0).res, -EACCES, "without the flag that it needs");
    is_int(rota_register_files(&ring, files, 1), 0, "files may be registered");
    is_int(rota_unregister_files(&ring), -EACCES, "but not unregistered");
    is_int(rota_register_personality(&ring), -EACCES, "nor anything else");
    is_int(poll_in(&ring, 0, IOSQE_FIXED_FILE).res, POLLIN, "the request that is allowed");
    is_int(poll_in(&ring, 0, IOSQE_FIXED_FILE | IOSQE_ASYNC).res, POLLIN, "with a flag, too");
    is_int(poll_in(&ring, 0, IOSQE_FIXED_FILE | IOSQE_IO_DRAIN).res, -EACCES, "not with another");
    rota_queue_exit(&ring);

    make_ring(&ring, 8, 0);
    is_int(rota_register_restrictions(&ring, list, 5), -EBADFD, "a ring that is enabled");
    ok(works(&ring, 1), "is not restricted");
    rota_queue_exit(&ring);
    close(pair[0]);
    close(pair[1]);
    is_clean(before, "restrictions");
    return done();
}
