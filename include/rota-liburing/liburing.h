/* SPDX-License-Identifier: MIT */
/*
 * The interface of liburing 2.15 on rota: a program that includes <liburing.h>
 * is compiled with this folder in front and linked with librota-liburing and
 * librota, and is otherwise left as it is. `pkg-config rota-liburing` has the
 * flags; `pkg-config --variable=liburingdir rota` names a prefix for programs
 * that look for liburing themselves. rota_liburing(7) says what differs.
 */
#ifndef LIB_URING_H
#define LIB_URING_H

/* This is the one that goes together with <rota.h>. */
#define ROTA_LIBURING

#include "liburing/compat.h"
#include "liburing/io_uring.h"
#include "liburing/io_uring/bpf_filter.h"
#include "liburing/io_uring/query.h"
#include "liburing/io_uring_version.h"
#include <rota/liburing/types.h>

#include "liburing/barrier.h"

#ifndef __NR_io_uring_setup
#include <asm/unistd.h>
#endif
#ifndef __NR_io_uring_setup
#define __NR_io_uring_setup    425
#define __NR_io_uring_enter    426
#define __NR_io_uring_register 427
#endif

ROTA_BEGIN_DECLS

#include <rota/liburing/register.h>
#include <rota/liburing/queue.h>
#include <rota/liburing/prep.h>
#include <rota/liburing/buffers.h>

ROTA_END_DECLS

#if defined(ROTA_CHECK)
#include <rota/liburing/check.h>
#endif

#undef IOURINGINLINE
#undef _LOCAL_INLINE

#endif /* LIB_URING_H */
