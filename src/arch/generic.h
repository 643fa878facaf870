/* SPDX-License-Identifier: MIT */
/* System calls through libc's syscall(), for architectures without assembly of their own. */
#ifndef ROTA_ARCH_GENERIC_H
#define ROTA_ARCH_GENERIC_H

#include <asm/unistd.h>
#include <errno.h>

long syscall(long number, ...);

#if defined(__NR_mmap2)
#define ROTA_NR_MMAP   __NR_mmap2 /* offset in units of 4096 bytes */
#define ROTA_MMAP_UNIT 4096u
#else
#define ROTA_NR_MMAP __NR_mmap
#endif
#if defined(__s390__)
#define ROTA_MMAP_PACKED /* one argument: the address of all six */
#endif
#if defined(__NR_clock_gettime64)
#define ROTA_NR_CLOCK __NR_clock_gettime64
#else
#define ROTA_NR_CLOCK __NR_clock_gettime
#endif

static inline long rota_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    int saved = errno; /* the library promises to leave it alone */
    long result = syscall(number, a, b, c, d, e, f);

    if (result == -1)
        result = -errno;
    errno = saved;
    return result;
}

/* io_uring_enter without its argument. */
static inline long rota_syscall_enter(long number, const int *fd, uint32_t submit, uint32_t wait_nr,
                                      uint32_t flags)
{
    return rota_syscall6(number, *fd, (long)submit, (long)wait_nr, (long)flags, 0, 0);
}

#endif /* ROTA_ARCH_GENERIC_H */
