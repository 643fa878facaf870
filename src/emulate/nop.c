/* SPDX-License-Identifier: MIT */
/* NOP, which can do more than nothing: look up a file or a buffer, and answer what it is told. */
#include "emulate/emulate.h"

#include <fcntl.h>

#include "emulate/hooks.h"

__attribute__((noinline)) static int64_t do_as_told(struct emulate_ring *ring,
                                                    struct emulate_request *request)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint32_t flags = sqe->nop_flags;
    int64_t res = flags & IORING_NOP_INJECT_RESULT ? (int32_t)sqe->len : 0;
    int ret;

    if (flags & IORING_NOP_FILE) {
        request->sqe.flags &= (uint8_t)~IOSQE_FIXED_FILE;
        if (flags & IORING_NOP_FIXED_FILE)
            request->sqe.flags |= IOSQE_FIXED_FILE;
        ret = emulate_file_get(ring, request);
        if (ret < 0 || fcntl(request->fd, F_GETFD) < 0)
            return -EBADF;
    }
    if (flags & IORING_NOP_FIXED_BUFFER) {
        ret = emulate_fixed_buffer(ring, request, 0, 0);
        if (ret < 0)
            return ret;
    }
    if (flags & IORING_NOP_CQE32) {
        request->big_cqe[0] = sqe->off;
        request->big_cqe[1] = sqe->addr;
        if (ring->flags & IORING_SETUP_CQE_MIXED)
            request->cqe_flags |= IORING_CQE_F_32;
    }
    if (flags & IORING_NOP_TW) {
        if (res < 0)
            request->flags |= EMULATE_REQ_FAIL;
        emulate_end_later(ring, request, res);
        return EMULATE_PENDING;
    }
    return res;
}

EMULATE_HOOK(nop)
{
    return request->sqe.nop_flags ? do_as_told(ring, request) : 0;
}
