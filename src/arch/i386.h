/* SPDX-License-Identifier: MIT */
/* System calls on i386: number in eax, arguments in ebx, ecx, edx, esi, edi, ebp. */
#ifndef ROTA_ARCH_I386_H
#define ROTA_ARCH_I386_H

#include <asm/unistd.h>

#ifndef __NR_clock_gettime64
#define __NR_clock_gettime64 403
#endif

#define ROTA_NR_MMAP   __NR_mmap2 /* offset in units of 4096 bytes */
#define ROTA_MMAP_UNIT 4096u
#define ROTA_NR_CLOCK  __NR_clock_gettime64

static inline long rota_syscall6(long number, long a, long b, long c, long d, long e, long f)
{
    long result;

    /*
     * ebp may be the frame pointer and cannot be an operand, so the sixth
     * argument travels through the stack; the push of its memory operand comes
     * first, while the stack pointer that the operand may use is still right.
     */
    __asm__ volatile("pushl %[sixth]\n\t"
                     "pushl %%ebp\n\t"
                     "movl 4(%%esp), %%ebp\n\t"
                     "int $0x80\n\t"
                     "popl %%ebp\n\t"
                     "addl $4, %%esp"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [sixth] "m"(f)
                     : "memory", "cc");
    return result;
}

/* io_uring_enter without its argument. */
static inline long rota_syscall_enter(long number, const int *fd, uint32_t submit, uint32_t wait_nr,
                                      uint32_t flags)
{
    return rota_syscall6(number, *fd, (long)submit, (long)wait_nr, (long)flags, 0, 0);
}

#endif /* ROTA_ARCH_I386_H */
