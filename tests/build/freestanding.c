/* SPDX-License-Identifier: MIT */
/*
 * A program without libc, start-up code or dynamic linker: a NOP through a
 * ring, from its own entry point.
 */
#include <asm/errno.h>
#include <rota.h>

static _Noreturn void leave(int status)
{
#if defined(__x86_64__)
    __asm__ volatile("syscall" : : "a"(231L), "D"((long)status) : "rcx", "r11", "memory");
#elif defined(__i386__)
    __asm__ volatile("int $0x80" : : "a"(252L), "b"((long)status) : "memory");
#elif defined(__aarch64__)
    register long number __asm__("x8") = 94;
    register long first __asm__("x0") = status;
    __asm__ volatile("svc 0" : : "r"(number), "r"(first) : "memory");
#elif defined(__riscv)
    register long number __asm__("a7") = 94;
    register long first __asm__("a0") = status;
    __asm__ volatile("ecall" : : "r"(number), "r"(first) : "memory");
#endif
    for (;;)
        ;
}

static int nop(void)
{
    struct rota_ring ring;
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    int ret = rota_init(&ring, 4, NULL);

    if (ret == -ENOSYS || ret == -EPERM)
        return 77;
    if (ret < 0)
        return 1;
    sqe = rota_get_sqe(&ring);
    if (!sqe)
        return 2;
    rota_prep_nop(sqe);
    rota_sqe_set_data64(sqe, 42);
    if (rota_submit_and_wait(&ring, 1) != 1)
        return 3;
    if (rota_wait_cqe(&ring, &cqe) || cqe->user_data != 42 || cqe->res != 0)
        return 4;
    rota_cqe_seen(&ring, cqe);
    rota_queue_exit(&ring);
    return ring.ring_fd == -1 ? 0 : 5;
}

/* The kernel enters with an aligned stack, a C function expects one pushed word. */
#if defined(__x86_64__) || defined(__i386__)
__attribute__((force_align_arg_pointer))
#endif
_Noreturn void
_start(void);

void _start(void)
{
    leave(nop());
}
