/* SPDX-License-Identifier: MIT */
/* Every name of liburing's as a symbol: the inline functions, and those that are rota's. */
#define IOURINGINLINE __attribute__((visibility("default")))

/* They are defined in headers, without a declaration before. */
#pragma GCC diagnostic ignored "-Wmissing-prototypes"

#include "liburing/symbols.h"

void io_uring_queue_exit(struct io_uring *ring)
{
    rota_queue_exit(&ring->rota);
}

int io_uring_ring_dontfork(struct io_uring *ring)
{
    return rota_ring_dontfork(&ring->rota);
}

ssize_t io_uring_mlock_size(unsigned entries, unsigned flags)
{
    return rota_mlock_size(entries, flags);
}

ssize_t io_uring_mlock_size_params(unsigned entries, struct io_uring_params *p)
{
    return rota_mlock_size_params(entries, p);
}

ssize_t io_uring_memory_size(unsigned entries, unsigned flags)
{
    return rota_memory_size(entries, flags);
}

ssize_t io_uring_memory_size_params(unsigned entries, struct io_uring_params *p)
{
    return rota_memory_size_params(entries, p);
}

int __io_uring_sqring_wait(struct io_uring *ring)
{
    return rota_sqring_wait(&ring->rota);
}

int io_uring_set_iowait(struct io_uring *ring, bool enable_iowait)
{
    return rota_set_iowait(&ring->rota, enable_iowait);
}

int io_uring_submit(struct io_uring *ring)
{
    return rota_submit(&ring->rota);
}

int io_uring_submit_and_get_events(struct io_uring *ring)
{
    return rota_submit_and_get_events(&ring->rota);
}

int io_uring_get_events(struct io_uring *ring)
{
    return rota_get_events(&ring->rota);
}

unsigned io_uring_peek_batch_cqe(struct io_uring *ring, struct io_uring_cqe **cqes, unsigned count)
{
    return rota_peek_batch_cqe(&ring->rota, cqes, count);
}

struct io_uring_buf_ring *io_uring_setup_buf_ring(struct io_uring *ring, unsigned nentries,
                                                  int bgid, unsigned flags, int *err)
{
    return rota_setup_buf_ring(&ring->rota, nentries, bgid, flags, err);
}

int io_uring_free_buf_ring(struct io_uring *ring, struct io_uring_buf_ring *br, unsigned nentries,
                           int bgid)
{
    return rota_free_buf_ring(&ring->rota, br, nentries, bgid);
}

int io_uring_major_version(void)
{
    return IO_URING_VERSION_MAJOR;
}

int io_uring_minor_version(void)
{
    return IO_URING_VERSION_MINOR;
}

bool io_uring_check_version(int major, int minor)
{
    return IO_URING_CHECK_VERSION(major, minor);
}
