/* SPDX-License-Identifier: MIT */
/*
 * A kernel that refuses: what starts, awaits, calls and chains leave behind
 * when io_uring_enter fails. The system calls are real but for those that the
 * test takes out.
 */
#include "support.h"

static struct rota_ring ring;
static struct rota_kernel kernel;

/* The next `fails` calls of io_uring_enter do nothing and return `error`. */
static int error, fails, entered;
static bool no_cancel_any; /* as before 5.19: nothing cancels everything, nor beside the queue */

static void spoil_cancels(uint32_t submit)
{
    uint32_t head = rota_load_relaxed(ring.sq.khead);

    for (uint32_t i = 0; i < submit; i++) {
        struct io_uring_sqe *sqe = &ring.sq.sqes[(head + i) & ring.sq.ring_mask];

        if (sqe->opcode == IORING_OP_ASYNC_CANCEL && (sqe->cancel_flags & IORING_ASYNC_CANCEL_ANY))
            sqe->cancel_flags = 1U << 31;
    }
}

static int failing_enter(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                         size_t size)
{
    entered++;
    if (no_cancel_any)
        spoil_cancels(submit);
    if (fails > 0) {
        fails--;
        return error;
    }
    return rota_kernel_real.enter(fd, submit, wait_nr, flags, arg, size);
}

static int failing_register(int fd, uint32_t opcode, const void *arg, uint32_t nr)
{
    if (no_cancel_any && opcode == IORING_REGISTER_SYNC_CANCEL)
        return -EINVAL;
    return rota_kernel_real.reg(fd, opcode, arg, nr);
}

static void fail_next(int count, int with)
{
    fails = count;
    error = with;
    entered = 0;
}

static void starts(void)
{
    struct rota_op ops[16], op = ROTA_OP_INIT;
    unsigned entries = ring.sq.ring_entries;

    for (unsigned i = 0; i < entries; i++) {
        rota_op_init(&ops[i]);
        is_int(rota_start_nop(&ring, &ops[i]), 0, "start %u fits", i);
    }
    fail_next(1, -EAGAIN);
    is_int(rota_start_nop(&ring, &op), -EAGAIN, "a full queue that the kernel does not take");
    ok(!rota_op_active(&op), "the handle is free");
    is_int(rota_in_flight(&ring), entries, "and not counted");
    fail_next(1, -EAGAIN);
    is_int(rota_start_sqe(&ring, &op, rota_get_sqe(&ring)), -EINVAL, "there is no SQE to start");
    is_int(entered, 0, "and nothing is done about it");
    fail_next(0, 0);
    is_int(rota_start_nop(&ring, &op), 0, "the next attempt succeeds");
    is_int(entered, 1, "with one system call");
    is_int(rota_run(&ring), 0, "nothing was lost or sent twice");
    for (unsigned i = 0; i < entries; i++) {
        if (ops[i].res || rota_op_active(&ops[i]))
            ok(0, "handle %u has ended", i);
    }
    is_empty(&ring, "starts");
}

static void awaits(void)
{
    struct rota_op op = ROTA_OP_INIT;
    struct rota_op *one[1] = {&op};
    int errors[] = {-EAGAIN, -ENOMEM, -EEXIST};

    for (unsigned i = 0; i < 3; i++) {
        rota_start_nop(&ring, &op);
        fail_next(2, errors[i]); /* an await tries once in place, and once for good */
        is_int(rota_await(&ring, &op), errors[i], "an await tells %s", strerror(-errors[i]));
        ok(rota_op_active(&op), "and leaves the handle active");
        fail_next(1, errors[i]);
        is_int(rota_await_any(&ring, one, 1), errors[i], "so does any");
        fail_next(1, errors[i]);
        is_int(rota_await_all(&ring, one, 1), errors[i], "and all");
        fail_next(1, errors[i]);
        is_int(rota_run(&ring), errors[i], "and run");
        fail_next(1, errors[i]);
        is_int(rota_poll(&ring), errors[i], "and poll");
        fail_next(1, errors[i]);
        is_int(rota_await_timeout(&ring, &op, SEC), errors[i], "and one with a limit");
        fail_next(2, errors[i]);
        is_int(rota_op_cancel(&ring, &op), errors[i], "and cancelling");
        ok(rota_op_active(&op), "the handle is still active");
        fail_next(0, 0);
        is_int(rota_await(&ring, &op), 0, "then it completes");
        is_int(rota_run(&ring), 0, "with its cancel request");
        is_empty(&ring, "awaits");
    }
}

/* What kernels before 5.11 and 5.19 cannot. */
static void old_kernels(void)
{
    uint32_t features = ring.features;
    struct rota_op op = ROTA_OP_INIT;
    char byte;
    int pair[2];

    make_pair(pair);
    is_int(rota_await_timeout(&ring, &op, SEC), -EINVAL, "never started");
    rota_start_recv(&ring, &op, pair[0], &byte, 1, 0);
    ring.features &= ~(uint32_t)IORING_FEAT_EXT_ARG;
    is_int(rota_await_timeout(&ring, &op, SEC), -EOPNOTSUPP, "no waits with a limit");
    is_int(rota_await_timeout(&ring, &op, 0), -EOPNOTSUPP, "however short");
    ok(rota_op_active(&op), "the request goes on");
    ring.features = features;
    rota_submit(&ring);
    no_cancel_any = true;
    is_int(rota_cancel_all(&ring), -EOPNOTSUPP, "no way to cancel everything");
    ok(rota_op_active(&op), "so nothing was");
    no_cancel_any = false;
    fail_next(0, 0);
    is_int(rota_op_cancel(&ring, &op), -ECANCELED, "one by one it goes");
    is_empty(&ring, "old kernels");
    close_pair(pair);
}

static void calls(void)
{
    struct rota_op before = ROTA_OP_INIT;
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;

    fail_next(2, -EAGAIN);
    is_int(rota_call_nop(&ring), -EAGAIN, "a call that the kernel does not take");
    is_int(rota_sq_ready(&ring), 0, "has been taken back");
    is_empty(&ring, "call");

    /* Others may have started something behind it, from a callback. Here: before it. */
    rota_start_nop(&ring, &before);
    sqe = rota_get_sqe(&ring);
    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, 7);
    fail_next(2, -ENOMEM);
    is_int(rota_call_nop(&ring), -ENOMEM, "a call behind others");
    is_int(rota_sq_ready(&ring), 2, "is taken back alone");
    is_int(rota_await(&ring, &before), 0, "the others are done");
    if (is_int(rota_wait_cqe(&ring, &cqe), 0, "both of them"))
        rota_cqe_seen(&ring, cqe);
    is_int(rota_call_nop(&ring), 0, "the next call works");
    is_empty(&ring, "calls");
}

static void chains(void)
{
    struct rota_op a = ROTA_OP_INIT, b = ROTA_OP_INIT, fill[16];
    unsigned entries = ring.sq.ring_entries;

    for (unsigned i = 0; i + 1 < entries; i++) {
        rota_op_init(&fill[i]);
        rota_start_nop(&ring, &fill[i]);
    }
    fail_next(1, -EAGAIN);
    is_int(rota_chain_begin(&ring, 2, IOSQE_IO_LINK), -EAGAIN,
           "a chain for which there is no room");
    is_int(rota_chain_end(&ring), -EINVAL, "is not open");
    is_int(rota_chain_begin(&ring, 2, IOSQE_IO_LINK), 0, "the next one is");
    rota_start_nop(&ring, &a);
    rota_start_nop(&ring, &b);
    is_int(rota_sq_ready(&ring), 2, "and is alone in the queue");
    is_int(rota_chain_end(&ring), 0, "it is closed");
    fail_next(2, -EAGAIN);
    is_int(rota_await(&ring, &b), -EAGAIN, "it is not taken at once");
    is_int(rota_await(&ring, &b), 0, "but whole");
    is_int(rota_run(&ring), 0, "the rest ends too");
    is_empty(&ring, "chains");
}

static void batches(void)
{
    struct rota_op op = ROTA_OP_INIT;

    rota_submit_after(&ring, 1);
    fail_next(1, -EAGAIN);
    is_int(rota_start_nop(&ring, &op), 0, "a start whose own submit fails is in the queue");
    ok(rota_op_active(&op), "and goes with the next");
    is_int(rota_await(&ring, &op), 0, "to its end");
    rota_submit_after(&ring, 0);
    is_empty(&ring, "batches");
}

int main(void)
{
    struct rota_config config;
    int ret;

    be_patient();
    kernel = rota_kernel_real;
    kernel.enter = failing_enter;
    kernel.reg = failing_register;
    rota_config_plain(&config);
    config.kernel = &kernel;
    ret = rota_init(&ring, 8, &config);
    if (ret == -ENOSYS || ret == -EPERM)
        skip_all("this system gives no ring: %s", strerror(-ret));
    if (ret < 0)
        bail("rota_init: %s", strerror(-ret));
    starts();
    awaits();
    old_kernels();
    calls();
    chains();
    batches();
    rota_queue_exit(&ring);
    return done();
}
