/* SPDX-License-Identifier: MIT */
/*
 * Behind this line, each inline function of a public header is a symbol of the
 * library: for bindings, which cannot use the inline one. What the header
 * includes of lower rooms is to be included before, so that each symbol has
 * one place.
 */
#undef ROTA_INLINE
#undef ROTA_INLINE_ALWAYS
#define ROTA_INLINE        __attribute__((visibility("default")))
#define ROTA_INLINE_ALWAYS ROTA_INLINE

/* They are defined in headers, without a declaration before. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
