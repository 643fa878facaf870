/* SPDX-License-Identifier: MIT */
/*
 * The kernel's header, in front of one that may be older: a program may include
 * <linux/io_uring.h> before <liburing.h> or behind it.
 */
#ifndef ROTA_LIBURING_LINUX_IO_URING_H
#define ROTA_LIBURING_LINUX_IO_URING_H

#include <linux/fs.h>
#include <linux/types.h>
#include <rota/uapi.h>

#endif /* ROTA_LIBURING_LINUX_IO_URING_H */
