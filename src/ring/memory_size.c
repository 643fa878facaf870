/* SPDX-License-Identifier: MIT */
/* How much memory a ring will take, for those who bring it or watch a limit. */
#include "ring/core.h"

ptrdiff_t rota_memory_size(unsigned entries, unsigned flags)
{
    struct io_uring_params params;

    rota_zero(&params, sizeof(params));
    params.flags = flags;
    return rota_memory_size_params(entries, &params);
}

ptrdiff_t rota_config_memory_size(unsigned entries, const struct rota_config *config)
{
    struct io_uring_params params;

    rota_zero(&params, sizeof(params));
    if (config) {
        params.flags = config->required_flags | config->preferred_flags;
        params.cq_entries = config->cq_entries;
        if (config->cq_entries)
            params.flags |= IORING_SETUP_CQSIZE;
    }
    return rota_memory_size_params(entries, &params);
}

ptrdiff_t rota_mlock_size_params(unsigned entries, const struct io_uring_params *params)
{
    struct io_uring_params small;
    int fd;

    rota_zero(&small, sizeof(small));
    fd = rota_sys_setup(1, &small);
    if (fd < 0)
        return fd;
    rota_kernel_real.close(fd);
    /* Rings are charged to the memory cgroup since the kernel that has these workers. */
    if (small.features & IORING_FEAT_NATIVE_WORKERS)
        return 0;
    return rota_memory_size_params(entries, params);
}

ptrdiff_t rota_mlock_size(unsigned entries, unsigned flags)
{
    struct io_uring_params params;

    rota_zero(&params, sizeof(params));
    params.flags = flags;
    return rota_mlock_size_params(entries, &params);
}
