/* SPDX-License-Identifier: MIT */
/* The version that a program runs with. */
#include <rota/ring.h>

uint32_t rota_version(void)
{
    return ROTA_VERSION_MAJOR << 16 | ROTA_VERSION_MINOR << 8 | ROTA_VERSION_PATCH;
}
