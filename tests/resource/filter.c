/* SPDX-License-Identifier: MIT */
/* BPF programs that allow or deny requests. */
#include "resource.h"

#include <linux/filter.h>

int main(void)
{
    struct footprint before = footprint();
    /* Denies what has user_data 13; the filter sees it first, as two words of this machine. */
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 13, 2, 0),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 4), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 13, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),          BPF_STMT(BPF_RET | BPF_K, 1),
    };
    struct io_uring_bpf bpf;
    struct rota_ring ring, other;
    struct io_uring_sqe *sqe;
    int ret;

    make_ring(&ring, 8, 0);
    make_ring(&other, 8, 0);
    memset(&bpf, 0, sizeof(bpf));
    bpf.cmd_type = IO_URING_BPF_CMD_FILTER;
    bpf.filter.opcode = IORING_OP_NOP;
    bpf.filter.filter_len = sizeof(program) / sizeof(program[0]);
    bpf.filter.filter_ptr = (uint64_t)(uintptr_t)program;
    ret = rota_register_bpf_filter(&ring, &bpf);
    if (ret == -EINVAL)
        skip_all("the kernel takes no filters (7.0)");
    is_int(ret, 0, "a filter for one opcode");
    ok(works(&ring, 12), "it allows");
    sqe = must_get_sqe(&ring);
    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, 13);
    is_int(run_one(&ring).res, -EACCES, "and denies");
    ok(works(&ring, 14), "what it is told");
    ok(works(&other, 13), "on its ring only");
    sqe = must_get_sqe(&ring);
    rota_prep_files_update(sqe, NULL, 0, 0);
    rota_sqe_set_data64(sqe, 13);
    is_int(run_one(&ring).res, -EINVAL, "another opcode fails for its own reasons");
    bpf.filter.filter_len = 0;
    is_int(rota_register_bpf_filter(&ring, &bpf), -EINVAL, "a program without instructions");
    bpf.filter.filter_len = 1; /* it does not end */
    is_int(rota_register_bpf_filter(&ring, &bpf), -EINVAL, "a program that does not end");
    rota_queue_exit(&ring);
    rota_queue_exit(&other);
    is_clean(before, "filters");
    return done();
}
