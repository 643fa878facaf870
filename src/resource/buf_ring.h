/* SPDX-License-Identifier: MIT */
/* What rings of provided buffers and their manager share. */
#ifndef ROTA_SRC_BUF_RING_H
#define ROTA_SRC_BUF_RING_H

#include <rota/buf_ring.h>
#include <rota/ring.h>

/* Maps the ring of a group that is the kernel's (IOU_PBUF_RING_MMAP); NULL with -errno in `*err`. */
void *rota_map_buf_ring(struct rota_ring *ring, size_t size, int bgid, int *err);

#endif /* ROTA_SRC_BUF_RING_H */
