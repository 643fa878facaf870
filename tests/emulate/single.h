/* SPDX-License-Identifier: MIT */
/* What scenarios need that make one request, or one register call, after the other. */
#ifndef ROTA_TESTS_EMULATE_SINGLE_H
#define ROTA_TESTS_EMULATE_SINGLE_H

#include "twin.h"

/* A register call as it is. */
__attribute__((unused)) static int reg(struct twin *t, unsigned opcode, const void *arg,
                                       unsigned nr)
{
    const struct rota_kernel *kernel = t->kernel ? t->kernel : &rota_kernel_real;

    return kernel->reg(t->ring.ring_fd, opcode, arg, nr);
}

__attribute__((unused)) static void make_pipe(int p[2])
{
    if (pipe(p))
        bail("pipe");
}

__attribute__((unused)) static void put(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
        bail("write");
}

/* One request: its result. */
__attribute__((unused)) static int32_t one(struct twin *t, struct io_uring_sqe *sqe)
{
    struct io_uring_cqe *cqe;
    int32_t res;

    (void)sqe;
    if (rota_submit(&t->ring) != 1 || rota_wait_cqe(&t->ring, &cqe))
        bail("no completion");
    res = cqe->res;
    rota_cqe_seen(&t->ring, cqe);
    return res;
}

#define ONE(t, call) one(t, PREP(t, 1, call))
/* The same on a slot of the file table. */
#define FIXED(t, call)                             \
    __extension__({                                \
        struct io_uring_sqe *f = PREP(t, 1, call); \
        f->flags |= IOSQE_FIXED_FILE;              \
        one(t, f);                                 \
    })

#endif /* ROTA_TESTS_EMULATE_SINGLE_H */
