/* SPDX-License-Identifier: MIT */
/* Futexes: calls and flags that older headers lack, and processors whose call has another name. */
#ifndef ROTA_EMULATE_FUTEX_H
#define ROTA_EMULATE_FUTEX_H

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_futex /* 32-bit processors that never had a 32-bit time */
#define SYS_futex SYS_futex_time64
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* on every processor but alpha */
#endif
#ifndef SYS_futex_wake
#define SYS_futex_wake 454
#endif

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 0x02
#endif
#ifndef FUTEX2_PRIVATE
#define FUTEX2_PRIVATE FUTEX_PRIVATE_FLAG
#endif
#ifndef FUTEX2_SIZE_MASK
#define FUTEX2_SIZE_MASK 0x03
#endif

#endif /* ROTA_EMULATE_FUTEX_H */
