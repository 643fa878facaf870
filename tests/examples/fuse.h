/* SPDX-License-Identifier: MIT */
/* What <linux/fuse.h> of older kernels lacks. */
#ifndef EXAMPLE_FUSE_H
#define EXAMPLE_FUSE_H

#include <linux/fuse.h>
#include <stdint.h>

#ifndef FUSE_OVER_IO_URING /* 6.14 */
#define FUSE_OVER_IO_URING (1ULL << 41)

enum fuse_uring_cmd {
    FUSE_IO_URING_CMD_REGISTER = 1,
    FUSE_IO_URING_CMD_COMMIT_AND_FETCH = 2,
};

struct fuse_uring_ent_in_out {
    uint64_t flags;
    uint64_t commit_id;
    uint32_t payload_sz;
    uint32_t padding;
    uint64_t reserved;
};

struct fuse_uring_req_header {
    char in_out[128];
    char op_in[128];
    struct fuse_uring_ent_in_out ring_ent_in_out;
};

struct fuse_uring_cmd_req {
    uint64_t flags;
    uint64_t commit_id;
    uint16_t qid;
    uint8_t padding[6];
};
#endif

#endif /* EXAMPLE_FUSE_H */
