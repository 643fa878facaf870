/* SPDX-License-Identifier: MIT */
/* The raw system calls of this processor, and the numbers that older kernel headers lack. */
#ifndef ROTA_ARCH_SYSCALL_H
#define ROTA_ARCH_SYSCALL_H

#include <stddef.h>
#include <stdint.h>

#if defined(ROTA_LIBC_SYSCALLS)
#include "arch/generic.h"
#elif defined(__x86_64__) && !defined(__ILP32__)
#include "arch/x86_64.h"
#elif defined(__i386__)
#include "arch/i386.h"
#elif defined(__aarch64__) && !defined(__ILP32__)
#include "arch/aarch64.h"
#elif defined(__riscv) && __riscv_xlen == 64
#include "arch/riscv64.h"
#else
#include "arch/generic.h"
#endif

#ifndef __NR_io_uring_setup
#if defined(__alpha__)
#define __NR_io_uring_setup    535
#define __NR_io_uring_enter    536
#define __NR_io_uring_register 537
#elif defined(__mips__)
#define __NR_io_uring_setup    (__NR_Linux + 425)
#define __NR_io_uring_enter    (__NR_Linux + 426)
#define __NR_io_uring_register (__NR_Linux + 427)
#else
#define __NR_io_uring_setup    425
#define __NR_io_uring_enter    426
#define __NR_io_uring_register 427
#endif
#endif

#endif /* ROTA_ARCH_SYSCALL_H */
