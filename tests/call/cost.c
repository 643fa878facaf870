/* SPDX-License-Identifier: MIT */
/*
 * NOPs one after another, three ways, for tests/call/cost to count their
 * instructions: through the ring alone, through a handle, as a call.
 *
 *     cost raw|handle|call COUNT
 */
#include <rota.h>
#include <rota/call.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The loops are functions of their own, so that each is compiled like a program's. */
__attribute__((noinline)) static int raw(struct rota_ring *ring, long count)
{
    for (long i = 0; i < count; i++) {
        struct io_uring_sqe *sqe = rota_get_sqe(ring);
        struct io_uring_cqe *cqe;
        int ret;

        if (!sqe)
            return -1;
        rota_prep_nop(sqe);
        rota_sqe_set_data(sqe, ring);
        ret = rota_submit_and_wait(ring, 1);
        if (ret < 0)
            return ret;
        ret = rota_peek_cqe(ring, &cqe);
        if (ret < 0)
            return ret;
        if (rota_cqe_get_data(cqe) != ring || cqe->res < 0)
            return -1;
        rota_cqe_seen(ring, cqe);
    }
    return 0;
}

__attribute__((noinline)) static int handle(struct rota_ring *ring, long count)
{
    struct rota_op op = ROTA_OP_INIT;

    for (long i = 0; i < count; i++) {
        int ret = rota_start_nop(ring, &op);

        if (ret < 0)
            return ret;
        ret = rota_await(ring, &op);
        if (ret < 0)
            return ret;
    }
    return 0;
}

__attribute__((noinline)) static int call(struct rota_ring *ring, long count)
{
    for (long i = 0; i < count; i++) {
        int ret = rota_call_nop(ring);

        if (ret < 0)
            return ret;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct rota_ring ring;
    long count = argc == 3 ? atol(argv[2]) : 0;
    int ret = rota_init(&ring, 8, NULL);

    if (argc != 3)
        return 2;
    if (ret == -ENOSYS || ret == -EPERM)
        return 77;
    if (ret < 0)
        return 1;
    if (!strcmp(argv[1], "raw"))
        ret = raw(&ring, count);
    else if (!strcmp(argv[1], "handle"))
        ret = handle(&ring, count);
    else
        ret = call(&ring, count);
    rota_queue_exit(&ring);
    if (ret < 0)
        fprintf(stderr, "cost: %s\n", strerror(-ret));
    return ret < 0 ? 1 : 0;
}
