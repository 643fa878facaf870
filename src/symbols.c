/* SPDX-License-Identifier: MIT */
/* Every inline function of the public headers once more, as a symbol of the library. */
#define ROTA_INLINE __attribute__((visibility("default")))

/* They are defined in headers, without a declaration before. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#include <rota.h>
#include <rota/call.h>
