/* SPDX-License-Identifier: MIT */
/* Everything that rota offers: the umbrella over the headers in rota/. */
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
#include <rota/names.h>
#include <rota/info.h>

#endif /* ROTA_H */
