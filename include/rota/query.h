/* SPDX-License-Identifier: MIT */
/*
 * Asking the kernel what its io_uring can do (6.18), one question at a time
 * or several in one call. No ring is needed. For answers on older kernels,
 * too, see rota/caps.h.
 *
 *     struct io_uring_query_opcode opcodes;
 *     int ret = rota_query(IO_URING_QUERY_OPCODES, &opcodes, sizeof(opcodes));
 */
#ifndef ROTA_QUERY_H
#define ROTA_QUERY_H

#include <rota/config.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/*
 * rota_query - ask one question.
 *
 * `query_op` is one of IO_URING_QUERY_*, `answer` the structure that belongs
 * to it, `size` its size. What the kernel does not fill becomes zero, so that
 * a structure of newer headers reads as "nothing of that" on an older kernel.
 *
 * From any thread. Returns how many bytes the kernel has filled, or with the
 * answer all zero:
 *
 * - EINVAL: the kernel is older than 6.18, or size 0
 * - ENOSYS: it has no io_uring
 * - EOPNOTSUPP: it does not know the question
 * - EPERM: seccomp forbids the call, if that is its answer; the sysctl
 *   kernel.io_uring_disabled does not
 */
ROTA_API int rota_query(unsigned query_op, void *answer, size_t size);

/*
 * rota_query_prep - fill one header of a list for rota_register_query().
 *
 * `next` is the header that follows, NULL for none; the list ends there and
 * has no loop. After the call, `result` and `size` of each header say what
 * became of it.
 */
ROTA_INLINE void rota_query_prep(struct io_uring_query_hdr *hdr, unsigned query_op, void *answer,
                                 size_t size, const struct io_uring_query_hdr *next)
{
    hdr->next_entry = (uint64_t)(uintptr_t)next;
    hdr->query_data = (uint64_t)(uintptr_t)answer;
    hdr->query_op = query_op;
    hdr->size = (uint32_t)size;
    hdr->result = 0;
    hdr->__resv[0] = hdr->__resv[1] = hdr->__resv[2] = 0;
}

ROTA_END_DECLS

#endif /* ROTA_QUERY_H */
