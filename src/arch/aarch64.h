/* SPDX-License-Identifier: MIT */
/* System calls on arm64: number in x8, arguments in x0 to x5. */
#ifndef ROTA_ARCH_AARCH64_H
#define ROTA_ARCH_AARCH64_H

#include <asm/unistd.h>

#define ROTA_NR_MMAP  __NR_mmap
#define ROTA_NR_CLOCK __NR_clock_gettime

static inline long rota_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    register long x4 __asm__("x4") = e;
    register long x5 __asm__("x5") = f;

    __asm__ volatile("svc #0"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                     : "memory", "cc");
    return x0;
}

/* io_uring_enter without its argument. */
static inline long rota_syscall_enter(long number, const int *fd, uint32_t submit, uint32_t wait_nr,
                                      uint32_t flags)
{
    return rota_syscall6(number, *fd, (long)submit, (long)wait_nr, (long)flags, 0, 0);
}

#endif /* ROTA_ARCH_AARCH64_H */
