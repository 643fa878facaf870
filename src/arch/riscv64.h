/* SPDX-License-Identifier: MIT */
/* System calls on 64-bit RISC-V: number in a7, arguments in a0 to a5. */
#ifndef ROTA_ARCH_RISCV64_H
#define ROTA_ARCH_RISCV64_H

#include <asm/unistd.h>

#define ROTA_NR_MMAP  __NR_mmap
#define ROTA_NR_CLOCK __NR_clock_gettime

static inline long rota_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long a7 __asm__("a7") = number;
    register long a0 __asm__("a0") = a;
    register long a1 __asm__("a1") = b;
    register long a2 __asm__("a2") = c;
    register long a3 __asm__("a3") = d;
    register long a4 __asm__("a4") = e;
    register long a5 __asm__("a5") = f;

    __asm__ volatile("ecall"
                     : "+r"(a0)
                     : "r"(a7), "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5)
                     : "memory");
    return a0;
}

/* io_uring_enter without its argument. */
static inline long rota_syscall_enter(long number, const int *fd, uint32_t submit, uint32_t wait_nr,
                                      uint32_t flags)
{
    return rota_syscall6(number, *fd, (long)submit, (long)wait_nr, (long)flags, 0, 0);
}

#endif /* ROTA_ARCH_RISCV64_H */
