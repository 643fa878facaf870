/* SPDX-License-Identifier: MIT */
/* Small helpers on one SQE or one CQE; none of them touches a ring. */
#ifndef ROTA_SQE_H
#define ROTA_SQE_H

#include <rota/config.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/* Sixteen bytes that may lie over any type: how an SQE is cleared without calling memset. */
typedef uint64_t rota_clear_word __attribute__((vector_size(16), aligned(8), may_alias));

/*
 * Sets all 64 bytes of an SQE to zero. rota_get_sqe() has done so for the
 * SQEs that it returns; for an SQE in memory of your own.
 */
ROTA_INLINE void rota_sqe_clear(struct io_uring_sqe *sqe)
{
    rota_clear_word *words = (rota_clear_word *)(void *)sqe;
    rota_clear_word zero = {0, 0};

    words[0] = zero;
    words[1] = zero;
    words[2] = zero;
    words[3] = zero;
}

/* Sets all 128 bytes of a large SQE (IORING_SETUP_SQE128, SQE_MIXED) to zero. */
ROTA_INLINE void rota_sqe_clear128(struct io_uring_sqe *sqe)
{
    rota_sqe_clear(sqe);
    rota_sqe_clear((struct io_uring_sqe *)(void *)((char *)sqe + sizeof(*sqe)));
}

/*
 * Attaches 64 bits (or a pointer) that the completion hands back unchanged.
 * The prep functions never touch it, so that it may be set before or after
 * them. Without it user_data is 0: unlike liburing's, rota_get_sqe() leaves
 * nothing there of an earlier request.
 */
ROTA_INLINE void rota_sqe_set_data64(struct io_uring_sqe *sqe, uint64_t data)
{
    sqe->user_data = data;
}

ROTA_INLINE void rota_sqe_set_data(struct io_uring_sqe *sqe, void *data)
{
    sqe->user_data = (uint64_t)(uintptr_t)data;
}

/*
 * Replaces the IOSQE_* flags of the SQE. Call it after the prep function; where
 * that has set one (*_select has IOSQE_BUFFER_SELECT), pass sqe->flags with yours.
 */
ROTA_INLINE void rota_sqe_set_flags(struct io_uring_sqe *sqe, unsigned flags)
{
    sqe->flags = (uint8_t)flags;
}

/* Names the buffer group that IOSQE_BUFFER_SELECT takes a buffer from. */
ROTA_INLINE void rota_sqe_set_buf_group(struct io_uring_sqe *sqe, int group)
{
    sqe->buf_group = (uint16_t)group;
}

/* What rota_sqe_set_data64() or rota_sqe_set_data() attached to the request. */
ROTA_INLINE uint64_t rota_cqe_get_data64(const struct io_uring_cqe *cqe)
{
    return cqe->user_data;
}

ROTA_INLINE void *rota_cqe_get_data(const struct io_uring_cqe *cqe)
{
    return (void *)(uintptr_t)cqe->user_data;
}

/*
 * True when the request posts further CQEs after this one. Its user_data, and
 * the memory that it reads or writes, must stay valid until one comes without.
 */
ROTA_INLINE bool rota_cqe_has_more(const struct io_uring_cqe *cqe)
{
    return (cqe->flags & IORING_CQE_F_MORE) != 0;
}

/*
 * True for the second CQE of a zero-copy send, which says that the kernel no
 * longer reads the buffer; the result of the send itself came before it.
 */
ROTA_INLINE bool rota_cqe_is_notif(const struct io_uring_cqe *cqe)
{
    return (cqe->flags & IORING_CQE_F_NOTIF) != 0;
}

/* True when the kernel took a provided buffer for this completion. */
ROTA_INLINE bool rota_cqe_has_buffer(const struct io_uring_cqe *cqe)
{
    return (cqe->flags & IORING_CQE_F_BUFFER) != 0;
}

/* The id of that buffer; -1 when the kernel took none. */
ROTA_INLINE int rota_cqe_buffer_id(const struct io_uring_cqe *cqe)
{
    return rota_cqe_has_buffer(cqe) ? (int)(cqe->flags >> IORING_CQE_BUFFER_SHIFT) : -1;
}

/*
 * True when this CQE of an IORING_SETUP_CQE_MIXED ring is 32 bytes long and
 * `big_cqe` may be read. On an IORING_SETUP_CQE32 ring every CQE is, and none
 * carries this flag.
 */
ROTA_INLINE bool rota_cqe_is_32(const struct io_uring_cqe *cqe)
{
    return (cqe->flags & IORING_CQE_F_32) != 0;
}

/* How many slots of the completion queue the CQE fills: what rota_cq_advance() counts in. */
ROTA_INLINE unsigned rota_cqe_nr(const struct io_uring_cqe *cqe)
{
    return rota_cqe_is_32(cqe) ? 2 : 1;
}

ROTA_END_DECLS

#endif /* ROTA_SQE_H */
