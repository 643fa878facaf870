/* SPDX-License-Identifier: MIT */
/* The inline functions of what a ring lends once more, as symbols. */
#include <rota/prep.h>
#include <rota/ring.h>

#include "ring/symbols.h"

#include <rota/buf_ring.h>
#include <rota/file_table.h>
#include <rota/query.h>
#include <rota/recvmsg.h>
#include <rota/region.h>
#include <rota/resource.h>
#include <rota/zcrx.h>
