/* SPDX-License-Identifier: MIT */
/* What the rings of liburing's programs stand on, which the program or its linking has chosen. */
#include "liburing/symbols.h"

#include <asm/errno.h>

static const struct rota_kernel *chosen = &rota_kernel_real;

const struct rota_kernel *rota_liburing_chosen(void)
{
    /* Acquire: pairs with the choice, so that the table is seen as it was then. */
    return __atomic_load_n(&chosen, __ATOMIC_ACQUIRE);
}

void rota_liburing_kernel(const struct rota_kernel *kernel)
{
    __atomic_store_n(&chosen, kernel ? kernel : &rota_kernel_real, __ATOMIC_RELEASE);
}

int rota_liburing_fall_back(const struct rota_kernel *kernel, unsigned errors)
{
    const struct rota_kernel *first = rota_liburing_chosen();
    struct rota_config config;
    struct rota_ring trial;
    int ret;

    rota_config_plain(&config);
    config.kernel = first;
    config.fallback = kernel;
    config.fallback_on = errors;
    ret = rota_init(&trial, 1, &config);
    if (ret < 0)
        return ret;
    ret = rota_ring_fallback_error(&trial);
    rota_queue_exit(&trial);
    if (ret < 0)
        rota_liburing_kernel(kernel);
    return -ret;
}

/*
 * The system calls, on the same kernel.
 */

int io_uring_setup(unsigned entries, struct io_uring_params *p)
{
    return rota_liburing_chosen()->setup(entries, p);
}

int io_uring_enter2(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
                    void *arg, size_t sz)
{
    return rota_liburing_chosen()->enter((int)fd, to_submit, min_complete, flags, arg, sz);
}

int io_uring_enter(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
                   sigset_t *sig)
{
    return io_uring_enter2(fd, to_submit, min_complete, flags, sig, ROTA_SIGSET_SIZE);
}

int io_uring_register(unsigned fd, unsigned opcode, const void *arg, unsigned nr_args)
{
    return rota_liburing_chosen()->reg((int)fd, opcode, arg, nr_args);
}
