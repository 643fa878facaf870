/* SPDX-License-Identifier: MIT */
/*
 * The choice by linking: a program of liburing's that is linked with `pkg-config
 * rota-liburing-emulated` falls back on the emulated kernel where io_uring is refused,
 * without a line of it changed. Only this file knows of that kernel.
 */
#include "liburing/symbols.h"

#include <rota/emulate.h>

/* What the linker is told to look for (-u), so that this member is taken out of its archive. */
__attribute__((visibility("hidden"))) const char rota_liburing_by_link = 1;

/* Before main(): the program has no ring yet. When there is no ring on either, its set-up will say so. */
__attribute__((constructor)) static void choose(void)
{
    (void)rota_liburing_fall_back(&rota_kernel_emulated, ROTA_FALLBACK_REFUSED);
}
