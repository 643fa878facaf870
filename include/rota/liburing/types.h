/* SPDX-License-Identifier: MIT */
/*
 * What a ring is to a program of liburing's. Include <liburing.h> instead: this
 * and its neighbours are the drop-in behind it.
 */
#ifndef ROTA_LIBURING_TYPES_H
#define ROTA_LIBURING_TYPES_H

/* The headers that come along with liburing's, which programs rely on. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/swab.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>

#include <rota/buf_ring.h>
#include <rota/recvmsg.h>
#include <rota/region.h>
#include <rota/resource.h>
#include <rota/ring.h>
#include <rota/zcrx.h>

#ifndef uring_likely
#define uring_likely(cond) ROTA_LIKELY(cond)
#endif
#ifndef uring_unlikely
#define uring_unlikely(cond) ROTA_UNLIKELY(cond)
#endif

/*
 * Functions that the library has as symbols, too, and functions that it has
 * not. From C++20 on a module can export what is `inline` alone.
 */
#ifndef IOURINGINLINE
#if defined(__cplusplus) && __cplusplus >= 202002L
#define IOURINGINLINE inline
#else
#define IOURINGINLINE static inline
#endif
#endif
#ifndef _LOCAL_INLINE
#if defined(__cplusplus) && __cplusplus >= 202002L
#define _LOCAL_INLINE inline
#else
#define _LOCAL_INLINE static inline
#endif
#endif

#ifndef LIBURING_NOEXCEPT
#ifdef __cplusplus
#define LIBURING_NOEXCEPT noexcept
#else
#define LIBURING_NOEXCEPT
#endif
#endif

/*
 * A function of rota that does what liburing's does is that function: the name
 * and the types are liburing's, the symbol is rota's, and a call costs what it
 * costs there. The library itself defines the names.
 */
#ifdef ROTA_LIBURING_BUILDING
#define ROTA_LIBURING_IS(symbol) LIBURING_NOEXCEPT
#else
#define ROTA_LIBURING_IS(symbol) LIBURING_NOEXCEPT __asm__(symbol)
#endif

/* What a program is told that uses a member in which rota has something else. */
#define ROTA_LIBURING_NOT(text) __attribute__((deprecated(text)))

/*
 * The members of a queue: liburing's, each in the place of the one of struct
 * rota_sq or rota_cq that has its meaning (src/liburing/ring.c compares them).
 * All may be read whenever liburing's may. Those with a pointer to the kernel's
 * word may be used as there, with one exception: what a program writes to
 * *cq.khead rota does not see; io_uring_cq_advance() is for that.
 */
struct io_uring_sq {
    struct io_uring_sqe *sqes;
    void *rota_next[3];
    unsigned *khead;
    unsigned *ktail;
    unsigned rota_bias;
    /* Their difference in liburing is what was taken and not yet submitted. */
    union {
        unsigned sqe_head ROTA_LIBURING_NOT("rota keeps no such index: io_uring_sq_ready() counts");
        unsigned sqe_tail ROTA_LIBURING_NOT("rota keeps no such index: io_uring_sq_ready() counts");
    };
    unsigned ring_mask;
    unsigned ring_entries;
    unsigned *kflags;
    unsigned *kdropped;
    unsigned *array;
    unsigned *kring_mask;
    unsigned *kring_entries;
    void *ring_ptr;
    size_t ring_sz;
    unsigned sqes_sz;
    unsigned pad ROTA_LIBURING_NOT("reserved in liburing, too");
} __attribute__((may_alias));

struct io_uring_cq {
    struct io_uring_cqe *cqes;
    void *rota_end;
    size_t rota_size;
    unsigned rota_head[2];
    unsigned ring_mask;
    unsigned ring_entries;
    unsigned *khead;
    unsigned *ktail;
    const unsigned *rota_peek;
    unsigned rota_count[2];
    unsigned *koverflow;
    unsigned *kflags;
    unsigned *kring_mask;
    unsigned *kring_entries;
    void *ring_ptr;
    size_t ring_sz;
    unsigned pad[2] ROTA_LIBURING_NOT("reserved in liburing, too");
} __attribute__((may_alias));

/*
 * A ring: rota's, with liburing's names over it. It is larger than liburing's,
 * and laid out otherwise: programs have to be compiled with this header, and
 * cannot be handed librota-liburing in the place of liburing (LD_PRELOAD).
 */
struct io_uring {
    __extension__ union {
        struct rota_ring rota;
        struct {
            struct io_uring_sq sq;
            struct io_uring_cq cq;
            void (*rota_submit)(void);
            const void *rota_kernel;
            unsigned flags;
            unsigned features;
            int ring_fd;
            int enter_ring_fd;
            unsigned rota_flags[2];
            __u8 int_flags ROTA_LIBURING_NOT("private to liburing, and unused here");
            __u8 pad[3] ROTA_LIBURING_NOT("reserved in liburing, too");
            unsigned pad2 ROTA_LIBURING_NOT("reserved in liburing, too");
        };
    };
};

/* The refill queue of zero-copy receive, which a program of liburing's sets up by itself. */
struct io_uring_zcrx_rq {
    __u32 *khead;
    __u32 *ktail;
    __u32 rq_tail;
    unsigned ring_entries;

    struct io_uring_zcrx_rqe *rqes;
    void *ring_ptr;
};

#endif /* ROTA_LIBURING_TYPES_H */
