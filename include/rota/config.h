/* SPDX-License-Identifier: MIT */
/* Version, visibility and compiler vocabulary that every other rota header builds on. */
#ifndef ROTA_CONFIG_H
#define ROTA_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if !defined(__GNUC__)
#error "rota needs the GNU C extensions of GCC or Clang (__atomic builtins, inline assembly)"
#endif

#define ROTA_VERSION_MAJOR 0
#define ROTA_VERSION_MINOR 1
#define ROTA_VERSION_PATCH 0

/*
 * True when these headers are at least version major.minor. For the library
 * that the program runs with, which may be newer, see rota_version().
 */
#define ROTA_VERSION_AT_LEAST(major, minor) \
    (ROTA_VERSION_MAJOR > (major) ||        \
     (ROTA_VERSION_MAJOR == (major) && ROTA_VERSION_MINOR >= (minor)))

/* An exported function of the shared library. */
#define ROTA_API __attribute__((visibility("default")))

/*
 * How the functions in these headers are defined. The library itself compiles
 * them once with `ROTA_INLINE` set to `ROTA_API`, so that a binding that
 * cannot use a C header finds each of them as a symbol.
 */
#ifndef ROTA_INLINE
#define ROTA_INLINE static inline
/* The same, where a call would cost more than it saves: it would force a local object into memory. */
#define ROTA_INLINE_ALWAYS static inline __attribute__((always_inline))
#else
#define ROTA_INLINE_ALWAYS ROTA_INLINE
#endif

#define ROTA_LIKELY(condition)   __builtin_expect(!!(condition), 1)
#define ROTA_UNLIKELY(condition) __builtin_expect(!!(condition), 0)

/*
 * In debug builds, an argument that its field cannot hold ends the program
 * with a message instead of being cut.
 */
#ifdef ROTA_DEBUG
#define ROTA_HOLDS(type, value, message) ((value) == (type)(value) ? (void)0 : rota_misuse(message))
#else
#define ROTA_HOLDS(type, value, message) ((void)0)
#endif

/* The inline functions are C, casts and NULL too: a C++ program that forbids those hears not of ours. */
#ifdef __cplusplus
#define ROTA_BEGIN_DECLS                                                                  \
    extern "C" {                                                                          \
    _Pragma("GCC diagnostic push") _Pragma("GCC diagnostic ignored \"-Wold-style-cast\"") \
        _Pragma("GCC diagnostic ignored \"-Wzero-as-null-pointer-constant\"")
#define ROTA_END_DECLS            \
    _Pragma("GCC diagnostic pop") \
    }
#else
#define ROTA_BEGIN_DECLS
#define ROTA_END_DECLS
#endif

ROTA_BEGIN_DECLS

/* Ends the program with a message on standard error; what debug builds call. */
ROTA_API void rota_misuse(const char *what) __attribute__((noreturn, cold));

ROTA_END_DECLS

#endif /* ROTA_CONFIG_H */
