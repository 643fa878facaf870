/* SPDX-License-Identifier: MIT */
/* The kernel's interface, under the name that liburing gives it. */
#ifndef LIBURING_IO_URING_H
#define LIBURING_IO_URING_H

#include <linux/fs.h>
#include <linux/types.h>
#include <rota/uapi.h>

#endif /* LIBURING_IO_URING_H */
