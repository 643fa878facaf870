/* SPDX-License-Identifier: MIT */
/* The kernel's probe in memory of its own: without libc there is no other. */
#include "liburing/symbols.h"

/* Opcodes that a probe has room for: all that an SQE can have. */
#define PROBE_OPS  256u
#define PROBE_SIZE (sizeof(struct io_uring_probe) + PROBE_OPS * sizeof(struct io_uring_probe_op))

struct io_uring_probe *io_uring_get_probe_ring(struct io_uring *ring)
{
    void *memory = NULL;

    if (rota_kernel_real.map(PROBE_SIZE, -1, 0, &memory) < 0)
        return NULL;
    if (rota_register_probe(&ring->rota, memory, PROBE_OPS) < 0) {
        io_uring_free_probe(memory);
        return NULL;
    }
    return memory;
}

struct io_uring_probe *io_uring_get_probe(void)
{
    struct io_uring_probe *probe;
    struct io_uring ring;

    if (io_uring_queue_init(2, &ring, 0) < 0)
        return NULL;
    probe = io_uring_get_probe_ring(&ring);
    io_uring_queue_exit(&ring);
    return probe;
}

void io_uring_free_probe(struct io_uring_probe *probe)
{
    if (probe)
        rota_kernel_real.unmap(probe, PROBE_SIZE);
}
