/* SPDX-License-Identifier: MIT */
/* The functions that start a request and wait for it once more, as symbols. */
#include <rota/prep.h>
#include <rota/ring.h>
#include <rota/op.h>

#include "ring/symbols.h"

#include <rota/call.h>
