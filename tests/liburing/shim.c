/* SPDX-License-Identifier: MIT */
/*
 * What liburing's test programs take from inside liburing, and no header
 * declares: set-up without the flag that liburing adds, taking the mappings of
 * a ring away, and the SQEs that were taken made visible without a submit.
 */
#define _GNU_SOURCE
#include <liburing.h>
#include <string.h>

int __io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p,
                                 void *buf, size_t buf_size);
void io_uring_unmap_rings(struct io_uring_sq *sq, struct io_uring_cq *cq);
unsigned rota_shim_flush_sq(struct io_uring *ring);
const struct rota_kernel *rota_liburing_chosen(
    void); /* of the archive, which hides it from others */

int __io_uring_queue_init_params(unsigned entries, struct io_uring *ring, struct io_uring_params *p,
                                 void *buf, size_t buf_size)
{
    memset(ring, 0, sizeof(*ring));
    if (buf)
        return rota_queue_init_mem_on_sized(entries, &ring->rota, sizeof(ring->rota), p, buf,
                                            buf_size, rota_liburing_chosen());
    return rota_queue_init_on_sized(entries, &ring->rota, sizeof(ring->rota), p,
                                    rota_liburing_chosen());
}

void io_uring_unmap_rings(struct io_uring_sq *sq, struct io_uring_cq *cq)
{
    (void)cq; /* in the same mapping */
    (void)rota_liburing_chosen()->unmap(sq->ring_ptr, sq->ring_sz);
}

/* In the place of the function of the same purpose in the tests' helpers.c, which counts by hand. */
unsigned rota_shim_flush_sq(struct io_uring *ring)
{
    unsigned tail = rota_sq_tail(&ring->rota);

    io_uring_smp_store_release(ring->sq.ktail, tail);
    return tail - io_uring_load_sq_head(ring);
}
