/* SPDX-License-Identifier: MIT */
/* A part of the kernel's interface, under the name that liburing gives it. */
#ifndef LIBURING_IO_URING_BPF_FILTER_H
#define LIBURING_IO_URING_BPF_FILTER_H

#include <linux/types.h>
#include <rota/uapi.h>

#endif /* LIBURING_IO_URING_BPF_FILTER_H */
