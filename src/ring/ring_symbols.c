/* SPDX-License-Identifier: MIT */
/* The inline functions of the ring's headers once more, as symbols. */
#include "ring/symbols.h"

#include <rota/ring.h>
