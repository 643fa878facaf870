/* SPDX-License-Identifier: MIT */
/* The prep functions once more, as symbols. */
#include <rota/ring.h>

#include "ring/symbols.h"

#include <rota/prep.h>
