/* SPDX-License-Identifier: MIT */
/*
 * To be included before all others: the inline functions of public headers are
 * then inline in C's own sense, and become symbols only where ROTA_SYMBOL()
 * asks for it. For sources that hold few of many.
 */
#ifndef ROTA_SRC_ONE_SYMBOL_H
#define ROTA_SRC_ONE_SYMBOL_H

#define ROTA_INLINE __attribute__((visibility("default"))) inline

/* A declaration without `inline` makes the definition of the header an external one. */
#define ROTA_SYMBOL(function) extern __typeof__(function) function

#endif /* ROTA_SRC_ONE_SYMBOL_H */
