/* SPDX-License-Identifier: MIT */
/* Registering files: the limit of descriptors, which liburing's programs expect to be raised. */
#include "ring/core.h"

#include <rota/resource.h>

#include <linux/resource.h>

/*
 * Raises the process's soft limit of descriptors by `nr`, when it is below
 * that and the hard one allows it. True when there is a new limit to try.
 */
static bool raise_file_limit(uint32_t nr)
{
    struct rlimit64 limit;

    if (rota_syscall6(__NR_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0) < 0 ||
        limit.rlim_cur >= nr || limit.rlim_cur >= limit.rlim_max)
        return false;
    limit.rlim_cur = nr > limit.rlim_max - limit.rlim_cur ? limit.rlim_max : limit.rlim_cur + nr;
    return rota_syscall6(__NR_prlimit64, 0, RLIMIT_NOFILE, (long)&limit, 0, 0, 0) == 0;
}

/* Registers `nr` slots by the call that `opcode` is. */
static int register_slots(struct rota_ring *ring, unsigned opcode, const void *arg,
                          unsigned nr_args, uint32_t nr)
{
    int ret = rota_ring_register(ring, opcode, arg, nr_args);

    if (ret == -EMFILE && (ring->int_flags & ROTA_INT_LIKE_LIBURING) && raise_file_limit(nr))
        ret = rota_ring_register(ring, opcode, arg, nr_args);
    return ret;
}

int rota_register_files(struct rota_ring *ring, const int *files, unsigned nr_files)
{
    return register_slots(ring, IORING_REGISTER_FILES, files, nr_files, nr_files);
}

int rota_register_files_tags(struct rota_ring *ring, const int *files, const __u64 *tags,
                             unsigned nr)
{
    struct io_uring_rsrc_register arg;

    rota_zero(&arg, sizeof(arg));
    arg.nr = nr;
    arg.data = (uint64_t)(uintptr_t)files;
    arg.tags = (uint64_t)(uintptr_t)tags;
    return register_slots(ring, IORING_REGISTER_FILES2, &arg, sizeof(arg), nr);
}

int rota_register_files_sparse(struct rota_ring *ring, unsigned nr)
{
    struct io_uring_rsrc_register arg;

    rota_zero(&arg, sizeof(arg));
    arg.nr = nr;
    arg.flags = IORING_RSRC_REGISTER_SPARSE;
    return register_slots(ring, IORING_REGISTER_FILES2, &arg, sizeof(arg), nr);
}
