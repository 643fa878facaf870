/* SPDX-License-Identifier: MIT */
/* The inline functions of explanations once more, as symbols. */
#include <rota/ring.h>

#include "ring/symbols.h"

#include <rota/caps.h>
