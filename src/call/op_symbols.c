/* SPDX-License-Identifier: MIT */
/* The inline functions of handles once more, as symbols. */
#include <rota.h>

#include "ring/symbols.h"

#include <rota/op.h>
