/* SPDX-License-Identifier: MIT */
/*
 * liburing's accessors of memory that is shared with the kernel, by the
 * compiler's atomics. Their orders are those of <rota/atomic.h>.
 */
#ifndef LIBURING_BARRIER_H
#define LIBURING_BARRIER_H

#ifndef _LOCAL_INLINE
#if defined(__cplusplus) && __cplusplus >= 202002L
#define _LOCAL_INLINE inline
#else
#define _LOCAL_INLINE static inline
#endif
#endif

#ifdef __cplusplus
#include <atomic>

#ifndef LIBURING_NOEXCEPT
#define LIBURING_NOEXCEPT noexcept
#endif

template <typename T> _LOCAL_INLINE void IO_URING_WRITE_ONCE(T &var, T val) LIBURING_NOEXCEPT
{
    __atomic_store_n(&var, val, __ATOMIC_RELAXED);
}

template <typename T> _LOCAL_INLINE T IO_URING_READ_ONCE(const T &var) LIBURING_NOEXCEPT
{
    return __atomic_load_n(&var, __ATOMIC_RELAXED);
}

template <typename T> _LOCAL_INLINE void io_uring_smp_store_release(T *p, T v) LIBURING_NOEXCEPT
{
    __atomic_store_n(p, v, __ATOMIC_RELEASE);
}

template <typename T> _LOCAL_INLINE T io_uring_smp_load_acquire(const T *p) LIBURING_NOEXCEPT
{
    return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

_LOCAL_INLINE void io_uring_smp_mb() LIBURING_NOEXCEPT
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}
#else
#include <stdatomic.h>

#define IO_URING_WRITE_ONCE(var, val)    __atomic_store_n(&(var), (val), __ATOMIC_RELAXED)
#define IO_URING_READ_ONCE(var)          __atomic_load_n(&(var), __ATOMIC_RELAXED)
#define io_uring_smp_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define io_uring_smp_load_acquire(p)     __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define io_uring_smp_mb()                __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

#endif /* LIBURING_BARRIER_H */
