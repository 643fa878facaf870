/* SPDX-License-Identifier: MIT */
/*
 * Zero-copy receive (6.15): a receive queue of a network device places data
 * in memory of the program, and a refill ring gives the memory back.
 *
 *     struct rota_zcrx_config config = {.if_idx = if_nametoindex("eth0"), .if_rxq = 3,
 *                                       .rq_entries = 4096, .area_size = 64 << 20};
 *     int ret = rota_zcrx_init(&ring, &zcrx, &config);
 *
 *     rota_prep_recv_zc(...)    (on the ring, with zcrx.id)
 *     ...
 *     use(rota_zcrx_data(&zcrx, cqe), cqe->res);
 *     rota_zcrx_give(&zcrx, cqe);
 *
 * The ring needs IORING_SETUP_DEFER_TASKRUN and CQEs of 32 bytes (CQE32, or
 * CQE_MIXED since 6.18); the process needs CAP_NET_ADMIN. The refill ring
 * belongs to one thread at a time.
 */
#ifndef ROTA_ZCRX_H
#define ROTA_ZCRX_H

#include <rota/atomic.h>
#include <rota/ring.h>

#include <asm/errno.h>

ROTA_BEGIN_DECLS

/* The refill ring. Members are for reading. */
struct rota_zcrx_rq {
    uint32_t *khead;
    uint32_t *ktail;
    uint32_t rq_tail; /* our copy of the tail */
    uint32_t ring_entries;
    struct io_uring_zcrx_rqe *rqes;
    void *ring_ptr;
    size_t ring_sz;
};

/* What rota_zcrx_init() makes. Members that are not set are zero. */
struct rota_zcrx_config {
    uint32_t if_idx;     /* the device */
    uint32_t if_rxq;     /* its receive queue */
    uint32_t rq_entries; /* of the refill ring, 1 to 32768; the kernel rounds up */
    uint32_t flags;      /* ZCRX_REG_*, but for ZCRX_REG_IMPORT: see rota_register_ifq() */
    uint32_t rx_buf_len; /* bytes of a receive buffer; 0 for a page (7.0) */
    uint32_t reserved0;

    /* Memory for the data, whole pages, until the ring has ended. NULL: anonymous memory. */
    void *area;
    size_t area_size;
    const struct zcrx_event_desc *events; /* NULL for none (7.2); read during the call */
    uint64_t reserved[2];
};

/* An instance. Members are for reading. */
struct rota_zcrx {
    struct rota_zcrx_rq rq;
    unsigned char *area;
    size_t area_size;
    uint64_t area_token;              /* what offsets in the refill ring are ORed with */
    uint32_t id;                      /* for RECV_ZC and rota_register_zcrx_ctrl() */
    uint32_t own_area;                /* 1: the area was mapped here */
    const struct rota_kernel *kernel; /* of the ring: what was mapped through it goes back to it */
    uint64_t reserved[2];
};

/*
 * rota_zcrx_init - take a receive queue over.
 *
 * A register call, with the rules of rota/resource.h. Returns 0, or with `zcrx`
 * empty and nothing left behind:
 *
 * - EBADF: the ring is torn down
 * - EBUSY: an AF_XDP socket has the queue; on 6.15, the ring has an instance
 * - EEXIST: the queue has another owner, or the device an XDP program; the
 *   ring belongs to another thread
 * - EINVAL: the ring lacks DEFER_TASKRUN or large CQEs; entries 0 or above
 *   32768; area_size 0 or no whole pages, area not at the start of one; a
 *   reserved member not zero; an unknown flag, or ZCRX_REG_IMPORT; the device
 *   does not split headers from data; the kernel is older
 * - ENODEV: no such device
 * - ENOMEM: no memory
 * - EOPNOTSUPP: the device cannot hand a queue over
 * - EPERM: no CAP_NET_ADMIN
 * - EPROTO: the kernel answered with offsets that make no sense
 * - ERANGE: the device has no such queue
 */
ROTA_API int rota_zcrx_init(struct rota_ring *ring, struct rota_zcrx *zcrx,
                            const struct rota_zcrx_config *config);

/*
 * rota_zcrx_exit - unmap area and refill ring.
 *
 * The queue goes back to the device when the ring ends: call this after
 * rota_queue_exit(). Calling it again does nothing.
 */
ROTA_API void rota_zcrx_exit(struct rota_zcrx *zcrx);

/*
 * rota_zcrx_flush - let the kernel take in what lies in the refill ring, now (6.19).
 *
 * Returns 0, or -EINVAL on older kernels, -ENXIO when the ring has no such
 * instance, and what register calls return besides.
 */
ROTA_API int rota_zcrx_flush(struct rota_ring *ring, struct rota_zcrx *zcrx);

/* The second half of a completion of RECV_ZC: where its data lie. */
ROTA_INLINE const struct io_uring_zcrx_cqe *rota_zcrx_cqe(const struct io_uring_cqe *cqe)
{
    return (const struct io_uring_zcrx_cqe *)(const void *)(cqe + 1);
}

/*
 * rota_zcrx_data - the data of a completion of RECV_ZC, cqe->res bytes of it.
 *
 * NULL when the completion has failed, or names memory outside of the area.
 */
ROTA_INLINE void *rota_zcrx_data(const struct rota_zcrx *zcrx, const struct io_uring_cqe *cqe)
{
    uint64_t offset = rota_zcrx_cqe(cqe)->off & ~IORING_ZCRX_AREA_MASK;

    if (cqe->res <= 0 || offset > zcrx->area_size || (uint64_t)cqe->res > zcrx->area_size - offset)
        return NULL;
    return zcrx->area + offset;
}

/* How many pieces can be given back before the kernel has taken some in. */
ROTA_INLINE unsigned rota_zcrx_space(const struct rota_zcrx *zcrx)
{
    /* Acquire: the kernel has read the entries below its head before we reuse them. */
    return zcrx->rq.ring_entries - (zcrx->rq.rq_tail - rota_load_acquire(zcrx->rq.khead));
}

/*
 * rota_zcrx_give - give the memory of a completion back.
 *
 * Each piece of data once. The device takes it in when it runs out of memory;
 * an instance without one (ZCRX_REG_NODEV) only at rota_zcrx_flush().
 *
 * Returns 0; -EINVAL for a CQE without data; -ENOBUFS when the refill ring is
 * full, which it is not as long as it has an entry for each piece that is out:
 * rota_zcrx_flush() makes room.
 */
ROTA_INLINE int rota_zcrx_give(struct rota_zcrx *zcrx, const struct io_uring_cqe *cqe)
{
    struct rota_zcrx_rq *rq = &zcrx->rq;
    struct io_uring_zcrx_rqe *rqe;

    if (!rota_zcrx_data(zcrx, cqe))
        return -EINVAL;
    if (!rota_zcrx_space(zcrx))
        return -ENOBUFS;
    rqe = &rq->rqes[rq->rq_tail & (rq->ring_entries - 1)];
    rqe->off = (rota_zcrx_cqe(cqe)->off & ~IORING_ZCRX_AREA_MASK) | zcrx->area_token;
    rqe->len = (uint32_t)cqe->res;
    rqe->__pad = 0;
    rq->rq_tail++;
    /* Release: the entry is written, and the data was read, before the kernel sees the tail. */
    rota_store_release(rq->ktail, rq->rq_tail);
    return 0;
}

ROTA_END_DECLS

#endif /* ROTA_ZCRX_H */
