/* SPDX-License-Identifier: MIT */
/* What <linux/ublk_cmd.h> of older kernels lacks. */
#ifndef EXAMPLE_UBLK_H
#define EXAMPLE_UBLK_H

#include <linux/ublk_cmd.h>

#ifndef UBLK_F_AUTO_BUF_REG /* 6.16 */
#define UBLK_F_UPDATE_SIZE  (1ULL << 10)
#define UBLK_F_AUTO_BUF_REG (1ULL << 11)
#define UBLK_F_QUIESCE      (1ULL << 12)
#endif

#ifndef UBLK_F_SHMEM_ZC /* 7.1 */
#define UBLK_F_SHMEM_ZC (1ULL << 19)
#endif

#ifndef UBLK_F_BATCH_IO /* 7.0 */
#define UBLK_F_BATCH_IO           (1ULL << 15)
#define UBLK_BATCH_F_HAS_BUF_ADDR (1 << 1)

struct ublk_elem_header {
    __u16 tag;
    __u16 buf_index;
    __s32 result;
};

struct ublk_batch_io {
    __u16 q_id;
    __u16 flags;
    __u16 nr_elem;
    __u8 elem_bytes;
    __u8 reserved;
    __u64 reserved2;
};
#endif

#endif /* EXAMPLE_UBLK_H */
