/* SPDX-License-Identifier: MIT */
/*
 * The three io_uring system calls as the kernel has them, and the table
 * through which a ring reaches its kernel.
 *
 * Programs rarely need this header: the ring layer (rota/ring.h) makes these
 * calls. It serves those who build their own ring, and tests that put a
 * scripted kernel under a ring.
 */
#ifndef ROTA_SYSCALL_H
#define ROTA_SYSCALL_H

#include <rota/config.h>
#include <rota/types.h>
#include <rota/uapi.h>

ROTA_BEGIN_DECLS

/* Size of the kernel's signal set in bytes: what rota_enter() passes beside `sigmask`. */
#if defined(__mips__)
#define ROTA_SIGSET_SIZE 16
#else
#define ROTA_SIGSET_SIZE 8
#endif

/*
 * io_uring_setup(2): creates a ring of at least `entries` SQEs.
 *
 * `params` carries the wishes in and the answer out; all of it must be set,
 * unused members to zero. Returns a file descriptor (close-on-exec) or, with
 * IORING_SETUP_REGISTERED_FD_ONLY, the registered index; -errno on failure
 * (with -EINVAL `params` is as it was, else it may hold an answer to nothing):
 *
 * - EACCES: forbidden by a security module
 * - EAGAIN: SQPOLL, and the user may have no further thread
 * - EBUSY: REGISTERED_FD_ONLY, and all 16 slots of the thread are in use
 * - EFAULT: `params` points outside the address space
 * - EINVAL: entries 0 or too large, unknown or conflicting flags, a reserved
 *   member not zero
 * - EMFILE, ENFILE: no file descriptor left
 * - ENOMEM: no memory, or the locked-memory limit (before 5.12, and on
 *   some kernels from 6.13 to 7.1)
 * - ENOSYS: kernel without io_uring
 * - ENXIO: ATTACH_WQ, and wq_fd is not open
 * - EOVERFLOW: a mixed queue with a single entry
 * - EPERM: forbidden by the sysctl kernel.io_uring_disabled, by a security
 *   module, or (SQPOLL) for lack of CAP_SYS_ADMIN before 5.11, of that or
 *   CAP_SYS_NICE before 5.13; a seccomp filter also answers this, or what it
 *   was told to
 *
 * Never sets errno. This and the two below may be called by any thread.
 * First kernel: 5.1.
 */
ROTA_API int rota_sys_setup(uint32_t entries, struct io_uring_params *params);

/*
 * io_uring_enter(2): submits `to_submit` SQEs and, with
 * IORING_ENTER_GETEVENTS, waits for `min_complete` completions.
 *
 * `arg` is a signal mask of `size` bytes, or with IORING_ENTER_EXT_ARG a
 * struct io_uring_getevents_arg. Returns the number of SQEs taken, or -errno
 * as the manual page of io_uring_enter lists them: -EBADF when `fd` is not
 * open, -EOPNOTSUPP when it is no ring. A wait that fails after SQEs were taken
 * still returns their number. Never sets errno. First kernel: 5.1.
 */
ROTA_API int rota_sys_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                            const void *arg, size_t size);

/*
 * io_uring_register(2): `opcode` is one of IORING_REGISTER_*, `arg` and
 * `nr_args` mean what that opcode says. Descriptor -1 stands for no ring, with
 * opcodes that need none. Returns 0 or a count or index as the opcode says, or
 * -errno: -EBADF when `fd` is not open, -EOPNOTSUPP when it is no ring, -EINVAL
 * for an opcode that the kernel does not know. Never sets errno. First kernel:
 * 5.1.
 */
ROTA_API int rota_sys_register(int fd, uint32_t opcode, const void *arg, uint32_t nr_args);

/* What stands below a ring; rota_ring_kind() tells. */
enum rota_kernel_kind {
    ROTA_KERNEL_OTHER = 0,    /* a table of the program's own, a scripted one for example */
    ROTA_KERNEL_REAL = 1,     /* the system calls */
    ROTA_KERNEL_EMULATED = 2, /* rota_kernel_emulated of rota/emulate.h */
};

/*
 * The kernel under a ring. A ring uses the real system calls unless
 * rota_config::kernel names a table; then every call that the ring makes goes
 * through it, so that a test can answer with any error, short count or
 * offset. All functions must be set, none may touch the ring. Each has the
 * contract of the call it stands for and returns -errno, the two pointers
 * too: `map` stores the address through `address`. With descriptor -1 it is
 * for anonymous memory, and `offset` holds further MAP_* flags.
 *
 * The table must live as long as the ring.
 */
struct rota_kernel {
    int (*setup)(uint32_t entries, struct io_uring_params *params);
    int (*enter)(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags, const void *arg,
                 size_t size);
    int (*reg)(int fd, uint32_t opcode, const void *arg, uint32_t nr_args);
    int (*map)(size_t size, int fd, uint64_t offset, void **address);
    int (*unmap)(void *address, size_t size);
    int (*close)(int fd);
    int (*clock)(int clock_id, struct __kernel_timespec *now);
    enum rota_kernel_kind kind; /* what explanations call it; 0 for a table of the program's own */
};

/*
 * The table of the real system calls: a start for one that changes a few of
 * them. Rings on such a copy stand on ROTA_KERNEL_OTHER, whatever its `kind`.
 */
ROTA_API extern const struct rota_kernel rota_kernel_real;

/* The names and argument orders of liburing for the three calls. */
ROTA_INLINE int rota_setup(unsigned entries, struct io_uring_params *params)
{
    return rota_sys_setup(entries, params);
}

ROTA_INLINE int rota_enter(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
                           const void *sigmask)
{
    return rota_sys_enter((int)fd, to_submit, min_complete, flags, sigmask, ROTA_SIGSET_SIZE);
}

ROTA_INLINE int rota_enter2(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
                            const void *arg, size_t size)
{
    return rota_sys_enter((int)fd, to_submit, min_complete, flags, arg, size);
}

ROTA_INLINE int rota_register(unsigned fd, unsigned opcode, const void *arg, unsigned nr_args)
{
    return rota_sys_register((int)fd, opcode, arg, nr_args);
}

ROTA_END_DECLS

#endif /* ROTA_SYSCALL_H */
