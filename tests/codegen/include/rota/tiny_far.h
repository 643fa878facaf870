/* SPDX-License-Identifier: MIT */
/*
 * A library of its own,
 * librota-tiny.
 */
#ifdef __cplusplus
ROTA_API int rota_tiny_never(void);
#endif

ROTA_API int rota_tiny_far(int how);
