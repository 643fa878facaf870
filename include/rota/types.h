/* SPDX-License-Identifier: MIT */
/*
 * Types that libc or other kernel headers own, declared but never defined:
 * include their own header where you need to look inside.
 */
#ifndef ROTA_TYPES_H
#define ROTA_TYPES_H

#include <rota/config.h>

struct __kernel_timespec; /* <linux/time_types.h>: two 64-bit words, seconds and nanoseconds */
struct cmsghdr;           /* <sys/socket.h> */
struct msghdr;            /* <sys/socket.h> */
struct iovec;             /* <sys/uio.h> */

#endif /* ROTA_TYPES_H */
