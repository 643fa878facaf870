/* SPDX-License-Identifier: MIT */
/* The kernel headers that liburing brings along; what older ones lack of commands is in <rota/liburing/prep.h>. */
#ifndef LIBURING_COMPAT_H
#define LIBURING_COMPAT_H

#include <linux/openat2.h>
#include <linux/time_types.h>
#define UAPI_LINUX_IO_URING_H_SKIP_LINUX_TIME_TYPES_H 1

#if __has_include(<linux/blkdev.h>)
#include <linux/blkdev.h>
#else
#include <linux/ioctl.h>
#endif

#endif /* LIBURING_COMPAT_H */
