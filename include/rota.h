/* SPDX-License-Identifier: MIT */
/*
 * The umbrella over the headers in rota/, except two: <rota/call.h>, which has
 * a function for each way to call the kernel through a ring (it is large, and
 * not every program wants it), and <rota/thread.h>, which needs librota-thread.
 */
#ifndef ROTA_H
#define ROTA_H

#include <rota/config.h>
#include <rota/types.h>
#include <rota/uapi.h>
#include <rota/atomic.h>
#include <rota/sqe.h>
#include <rota/syscall.h>
#include <rota/ring.h>
#include <rota/hooks.h>
#include <rota/prep.h>
#include <rota/register.h>
#include <rota/resource.h>
#include <rota/buf_ring.h>
#include <rota/file_table.h>
#include <rota/region.h>
#include <rota/query.h>
#include <rota/recvmsg.h>
#include <rota/zcrx.h>
#include <rota/names.h>
#include <rota/info.h>
#include <rota/caps.h>
#include <rota/explain.h>

#endif /* ROTA_H */
