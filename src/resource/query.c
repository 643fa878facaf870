/* SPDX-License-Identifier: MIT */
/* One question to the kernel. */
#include "ring/core.h"

#include <rota/query.h>
#include <rota/register.h>

int rota_query(unsigned query_op, void *answer, size_t size)
{
    struct io_uring_query_hdr hdr;
    int ret;

    rota_zero(answer, size);
    rota_query_prep(&hdr, query_op, answer, size, NULL);
    ret = rota_register_query(&hdr);
    if (ret < 0)
        return ret;
    return hdr.result < 0 ? hdr.result : (int)hdr.size;
}
