/* SPDX-License-Identifier: MIT */
/* The inline functions of handles once more, as symbols. */
#include <rota/prep.h>
#include <rota/ring.h>

#include "ring/symbols.h"

#include <rota/op.h>
