/* SPDX-License-Identifier: MIT */
/* The system calls that the core makes, and the table of the real ones. */
#include "arch/syscall.h"

#include <rota/syscall.h>

#include <linux/mman.h>

#ifndef ROTA_MMAP_UNIT
#define ROTA_MMAP_UNIT 1u
#endif

int rota_sys_setup(uint32_t entries, struct io_uring_params *params)
{
    return (int)rota_syscall6(__NR_io_uring_setup, (long)entries, (long)params, 0, 0, 0, 0);
}

int rota_sys_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                   const void *arg, size_t size)
{
    return (int)rota_syscall6(__NR_io_uring_enter, fd, (long)to_submit, (long)min_complete,
                              (long)flags, (long)arg, (long)size);
}

int rota_sys_register(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    return (int)rota_syscall6(__NR_io_uring_register, fd, (long)opcode, (long)arg, (long)nr_args, 0,
                              0);
}

static long call_mmap(size_t size, long flags, int fd, uint64_t offset)
{
    long pages = (long)(offset / ROTA_MMAP_UNIT);
#ifdef ROTA_MMAP_PACKED
    long arguments[6] = {0, (long)size, PROT_READ | PROT_WRITE, flags, fd, pages};

    return rota_syscall6(ROTA_NR_MMAP, (long)arguments, 0, 0, 0, 0, 0);
#else
    return rota_syscall6(ROTA_NR_MMAP, 0, (long)size, PROT_READ | PROT_WRITE, flags, fd, pages);
#endif
}

static int real_map(size_t size, int fd, uint64_t offset, void **address)
{
    long flags = fd < 0 ? (long)(MAP_PRIVATE | MAP_ANONYMOUS | offset) : MAP_SHARED | MAP_POPULATE;
    long result = call_mmap(size, flags, fd, fd < 0 ? 0 : offset);

    /* The last page of the address space is where errors live; no mapping starts there. */
    if ((unsigned long)result > -4096UL)
        return (int)result;
    *address = (void *)result;
    return 0;
}

static int real_unmap(void *address, size_t size)
{
    return (int)rota_syscall6(__NR_munmap, (long)address, (long)size, 0, 0, 0, 0);
}

static int real_close(int fd)
{
    return (int)rota_syscall6(__NR_close, fd, 0, 0, 0, 0, 0);
}

static int real_clock(int clock_id, struct __kernel_timespec *now)
{
    return (int)rota_syscall6(ROTA_NR_CLOCK, clock_id, (long)now, 0, 0, 0, 0);
}

const struct rota_kernel rota_kernel_real = {
    .setup = rota_sys_setup,
    .enter = rota_sys_enter,
    .reg = rota_sys_register,
    .map = real_map,
    .unmap = real_unmap,
    .close = real_close,
    .clock = real_clock,
    .kind = ROTA_KERNEL_REAL,
};
