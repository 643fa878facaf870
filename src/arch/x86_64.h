/* SPDX-License-Identifier: MIT */
/* System calls on x86-64: number in rax, arguments in rdi, rsi, rdx, r10, r8, r9. */
#ifndef ROTA_ARCH_X86_64_H
#define ROTA_ARCH_X86_64_H

#include <asm/unistd.h>

#define ROTA_NR_MMAP  __NR_mmap
#define ROTA_NR_CLOCK __NR_clock_gettime

/*
 * io_uring_enter without its argument; the size of none, r9, is never looked
 * at. The descriptor comes by reference: it is loaded after the flags, over the
 * pointer to the ring, which was in the same register. Both are loaded before
 * the other registers are set, which a sanitizer's call would spoil.
 */
static inline long rota_syscall_enter(long number, const int *fd, uint32_t submit, uint32_t wait_nr,
                                      uint32_t flags)
{
    int descriptor, result;

    __asm__("" : "+r"(flags));
    descriptor = *fd;
    register uint32_t r10 __asm__("r10") = flags;
    register long r8 __asm__("r8") = 0;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(descriptor), "S"(submit), "d"(wait_nr), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result;
}

static inline long rota_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

#endif /* ROTA_ARCH_X86_64_H */
