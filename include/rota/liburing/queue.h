/* SPDX-License-Identifier: MIT */
/*
 * Setting up, submitting, waiting and reaping with liburing's names. What a
 * function does, its parameters and errors stand in <rota/ring.h> and
 * <rota/resource.h>, under the same name behind rota_; what is said here is
 * what differs. Include <liburing.h> instead.
 */
#ifndef ROTA_LIBURING_QUEUE_H
#define ROTA_LIBURING_QUEUE_H

#include <rota/hooks.h>
#include <rota/liburing/types.h>

/* The user_data of the request that ends a wait in time where the kernel cannot (before 5.11). */
#define LIBURING_UDATA_TIMEOUT ((__u64)-1)

/* Set-up. As liburing's they ask for IORING_SETUP_NO_SQARRAY first. */
int io_uring_queue_init_mem(unsigned entries, struct io_uring *ring, struct io_uring_params *p,
                            void *buf, size_t buf_size) LIBURING_NOEXCEPT;
int io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                               struct io_uring_params *p) LIBURING_NOEXCEPT;
int io_uring_queue_init(unsigned entries, struct io_uring *ring, unsigned flags) LIBURING_NOEXCEPT;
int io_uring_queue_mmap(int fd, struct io_uring_params *p, struct io_uring *ring) LIBURING_NOEXCEPT;
void io_uring_queue_exit(struct io_uring *ring) ROTA_LIBURING_IS("rota_queue_exit");
int io_uring_ring_dontfork(struct io_uring *ring) ROTA_LIBURING_IS("rota_ring_dontfork");

ssize_t io_uring_mlock_size(unsigned entries, unsigned flags) ROTA_LIBURING_IS("rota_mlock_size");
ssize_t io_uring_mlock_size_params(unsigned entries, struct io_uring_params *p)
    ROTA_LIBURING_IS("rota_mlock_size_params");
ssize_t io_uring_memory_size(unsigned entries, unsigned flags) ROTA_LIBURING_IS("rota_memory_size");
ssize_t io_uring_memory_size_params(unsigned entries, struct io_uring_params *p)
    ROTA_LIBURING_IS("rota_memory_size_params");

/*
 * What the rings stand on. liburing has no word for it, so these are rota's.
 *
 * rota_liburing_kernel(): rings that are made from now on, and the system calls
 * below, go to `kernel`, &rota_kernel_emulated of <rota/emulate.h> for example,
 * which must live as long as they; NULL is the real one, as it is before any
 * call. For the whole process: a program calls it before its first ring.
 *
 * rota_liburing_fall_back(): the same, but only if a small ring is refused now
 * with one of `errors` (ROTA_FALLBACK_*). Returns the errno with which it was (a
 * positive number, EPERM say), and `kernel` is chosen; 0 when a ring can be made,
 * and -errno when neither makes one, or `errors` is none: nothing has changed
 * then. rota_ring_kind(&ring->rota) tells what a ring stands on.
 */
void rota_liburing_kernel(const struct rota_kernel *kernel) LIBURING_NOEXCEPT;
int rota_liburing_fall_back(const struct rota_kernel *kernel, unsigned errors) LIBURING_NOEXCEPT;

/*
 * What the kernel's probe says: one call of io_uring_register(2), after making
 * a ring in the first. NULL when there is none; to be freed with the last.
 */
struct io_uring_probe *io_uring_get_probe(void) LIBURING_NOEXCEPT;
struct io_uring_probe *io_uring_get_probe_ring(struct io_uring *ring) LIBURING_NOEXCEPT;
void io_uring_free_probe(struct io_uring_probe *probe) LIBURING_NOEXCEPT;

IOURINGINLINE int io_uring_opcode_supported(const struct io_uring_probe *p,
                                            int op) LIBURING_NOEXCEPT
{
    return op >= 0 && op <= p->last_op && (p->ops[op].flags & IO_URING_OP_SUPPORTED) != 0;
}

/* The system calls. */
int io_uring_setup(unsigned entries, struct io_uring_params *p) LIBURING_NOEXCEPT;
int io_uring_enter(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
                   sigset_t *sig) LIBURING_NOEXCEPT;
int io_uring_enter2(unsigned fd, unsigned to_submit, unsigned min_complete, unsigned flags,
                    void *arg, size_t sz) LIBURING_NOEXCEPT;
int io_uring_register(unsigned fd, unsigned opcode, const void *arg,
                      unsigned nr_args) LIBURING_NOEXCEPT;

/* Calls that are not in <rota/liburing/register.h>. */
int __io_uring_clone_buffers(struct io_uring *dst, struct io_uring *src,
                             unsigned flags) LIBURING_NOEXCEPT;
int __io_uring_clone_buffers_offset(struct io_uring *dst, struct io_uring *src, unsigned dst_off,
                                    unsigned src_off, unsigned nr,
                                    unsigned flags) LIBURING_NOEXCEPT;
int io_uring_set_iowait(struct io_uring *ring, bool enable_iowait)
    ROTA_LIBURING_IS("rota_set_iowait");

/*
 * Submission.
 */

/* What the two below call once per round of the queue. */
struct io_uring_sqe *rota_liburing_get_sqe(struct io_uring *ring) LIBURING_NOEXCEPT;
struct io_uring_sqe *rota_liburing_get_sqe128(struct io_uring *ring) LIBURING_NOEXCEPT;

/* What liburing clears in an SQE that it hands out: all but user_data and what each prep function writes. */
IOURINGINLINE void io_uring_initialize_sqe(struct io_uring_sqe *sqe) LIBURING_NOEXCEPT
{
    sqe->buf_index = 0;
    sqe->personality = 0;
    sqe->file_index = 0;
    /* Says nothing, but that one store for the three must not become two when a prep function sets buf_index. */
    __asm__("" : "+m"(sqe->buf_index));
    sqe->flags = 0;
    sqe->ioprio = 0;
    sqe->rw_flags = 0;
    sqe->addr3 = 0;
    sqe->__pad2[0] = 0;
}

/* Cleared on both ways alike, so that a compiler sees what a prep function need not clear again. */
IOURINGINLINE struct io_uring_sqe *_io_uring_get_sqe(struct io_uring *ring) LIBURING_NOEXCEPT
{
    struct io_uring_sqe *sqe = ring->rota.sq.sqe_next;

    if (ROTA_UNLIKELY(sqe >= ring->rota.sq.sqe_stop)) {
        sqe = rota_liburing_get_sqe(ring);
        if (!sqe)
            return NULL;
    } else {
        ring->rota.sq.sqe_next = sqe + 1;
    }
    io_uring_initialize_sqe(sqe);
    return sqe;
}

IOURINGINLINE struct io_uring_sqe *io_uring_get_sqe(struct io_uring *ring) LIBURING_NOEXCEPT
{
    return _io_uring_get_sqe(ring);
}

IOURINGINLINE struct io_uring_sqe *io_uring_get_sqe128(struct io_uring *ring) LIBURING_NOEXCEPT
{
    struct io_uring_sqe *sqe = ring->rota.sq.sqe_next;

    if (ROTA_UNLIKELY(sqe >= ring->rota.sq.sqe_stop_large)) {
        sqe = rota_liburing_get_sqe128(ring);
        if (!sqe)
            return NULL;
    } else {
        ring->rota.sq.sqe_next = sqe + 2;
    }
    io_uring_initialize_sqe(sqe);
    return sqe;
}

int io_uring_submit(struct io_uring *ring) ROTA_LIBURING_IS("rota_submit");
int io_uring_submit_and_get_events(struct io_uring *ring)
    ROTA_LIBURING_IS("rota_submit_and_get_events");
int io_uring_get_events(struct io_uring *ring) ROTA_LIBURING_IS("rota_get_events");

/* Where <rota/explain.h> came first the name may be that of a check; the check here is another. */
#pragma push_macro("rota_submit_and_wait")
#undef rota_submit_and_wait
IOURINGINLINE int io_uring_submit_and_wait(struct io_uring *ring,
                                           unsigned wait_nr) LIBURING_NOEXCEPT
{
    return rota_submit_and_wait(&ring->rota, wait_nr);
}
#pragma pop_macro("rota_submit_and_wait")

/*
 * Waits with a limit. Before 5.11 the time is kept by a request of the
 * library's own, with LIBURING_UDATA_TIMEOUT, which is submitted with all that
 * was taken; its completion is not shown by a peek or a wait, and is by an
 * iteration. What has no such substitute is refused with -EINVAL.
 */
int io_uring_submit_and_wait_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                     unsigned wait_nr, struct __kernel_timespec *ts,
                                     sigset_t *sigmask) LIBURING_NOEXCEPT;
int io_uring_submit_and_wait_min_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                         unsigned wait_nr, struct __kernel_timespec *ts,
                                         unsigned min_wait, sigset_t *sigmask) LIBURING_NOEXCEPT;
int io_uring_submit_and_wait_reg(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                 unsigned wait_nr, int reg_index) LIBURING_NOEXCEPT;
int io_uring_wait_cqes(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned wait_nr,
                       struct __kernel_timespec *ts, sigset_t *sigmask) LIBURING_NOEXCEPT;
int io_uring_wait_cqes_min_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                   unsigned wait_nr, struct __kernel_timespec *ts,
                                   unsigned min_ts_usec, sigset_t *sigmask) LIBURING_NOEXCEPT;
int io_uring_wait_cqe_timeout(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                              struct __kernel_timespec *ts) LIBURING_NOEXCEPT;

/* Under them in liburing: submits if `submit` is not 0, then waits. */
int __io_uring_get_cqe(struct io_uring *ring, struct io_uring_cqe **cqe_ptr, unsigned submit,
                       unsigned wait_nr, sigset_t *sigmask) LIBURING_NOEXCEPT;
int __io_uring_sqring_wait(struct io_uring *ring) LIBURING_NOEXCEPT;

IOURINGINLINE unsigned io_uring_load_sq_head(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    /* Acquire: the kernel has read the SQEs in front of it. */
    return rota_load_acquire(ring->rota.sq.khead);
}

IOURINGINLINE unsigned io_uring_sq_ready(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_sq_ready(&ring->rota);
}

IOURINGINLINE unsigned io_uring_sq_space_left(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_sq_space_left(&ring->rota);
}

IOURINGINLINE unsigned io_uring_sqe_shift_from_flags(unsigned flags) LIBURING_NOEXCEPT
{
    return flags & IORING_SETUP_SQE128 ? 1 : 0;
}

IOURINGINLINE unsigned io_uring_sqe_shift(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return io_uring_sqe_shift_from_flags(ring->rota.flags);
}

IOURINGINLINE int io_uring_sqring_wait(struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_sqring_wait(&ring->rota);
}

/*
 * Completion.
 */

IOURINGINLINE unsigned io_uring_cqe_shift_from_flags(unsigned flags) LIBURING_NOEXCEPT
{
    return flags & IORING_SETUP_CQE32 ? 1 : 0;
}

IOURINGINLINE unsigned io_uring_cqe_shift(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return io_uring_cqe_shift_from_flags(ring->rota.flags);
}

IOURINGINLINE unsigned io_uring_cqe_nr(const struct io_uring_cqe *cqe)
{
    return rota_cqe_nr(cqe);
}

IOURINGINLINE unsigned io_uring_cq_ready(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_cq_ready(&ring->rota);
}

IOURINGINLINE bool io_uring_cq_has_overflow(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_cq_has_overflow(&ring->rota);
}

IOURINGINLINE void io_uring_cq_advance(struct io_uring *ring, unsigned nr) LIBURING_NOEXCEPT
{
    rota_cq_advance(&ring->rota, nr);
}

IOURINGINLINE void io_uring_cqe_seen(struct io_uring *ring,
                                     struct io_uring_cqe *cqe) LIBURING_NOEXCEPT
{
    rota_cqe_seen(&ring->rota, cqe);
}

IOURINGINLINE bool io_uring_cq_eventfd_enabled(const struct io_uring *ring) LIBURING_NOEXCEPT
{
    return rota_cq_eventfd_enabled(&ring->rota);
}

IOURINGINLINE int io_uring_cq_eventfd_toggle(struct io_uring *ring, bool enabled) LIBURING_NOEXCEPT
{
    return rota_cq_eventfd_toggle(&ring->rota, enabled);
}

unsigned io_uring_peek_batch_cqe(struct io_uring *ring, struct io_uring_cqe **cqes, unsigned count)
    ROTA_LIBURING_IS("rota_peek_batch_cqe");

/* What io_uring_peek_cqe() calls when the queue looks empty. */
int rota_liburing_peek(struct io_uring *ring, struct io_uring_cqe **cqe_ptr) LIBURING_NOEXCEPT;

IOURINGINLINE int io_uring_peek_cqe(struct io_uring *ring,
                                    struct io_uring_cqe **cqe_ptr) LIBURING_NOEXCEPT
{
    const struct rota_cq *cq = &ring->rota.cq;
    struct io_uring_cqe *cqe; /* keeps the caller's variable in a register */
    int ret;

    /* Acquire: pairs with the kernel's release after it has written the CQE. */
    if (ROTA_LIKELY(rota_load_acquire(cq->kpeek) != cq->cqe_head)) {
        *cqe_ptr = rota_cqe_at(&ring->rota, cq->cqe_head);
        return 0;
    }
    ret = rota_liburing_peek(ring, &cqe);
    *cqe_ptr = cqe;
    return ret;
}

IOURINGINLINE int io_uring_wait_cqe_nr(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                       unsigned wait_nr) LIBURING_NOEXCEPT
{
    return io_uring_wait_cqes(ring, cqe_ptr, wait_nr, NULL, NULL);
}

IOURINGINLINE int io_uring_wait_cqe(struct io_uring *ring,
                                    struct io_uring_cqe **cqe_ptr) LIBURING_NOEXCEPT
{
    const struct rota_cq *cq = &ring->rota.cq;
    struct io_uring_cqe *cqe; /* keeps the caller's variable in a register */
    int ret;

    /* Acquire: pairs with the kernel's release after it has written the CQE. */
    if (ROTA_LIKELY(rota_load_acquire(cq->kpeek) != cq->cqe_head)) {
        *cqe_ptr = rota_cqe_at(&ring->rota, cq->cqe_head);
        return 0;
    }
    ret = io_uring_wait_cqes(ring, &cqe, 1, NULL, NULL);
    *cqe_ptr = cqe;
    return ret;
}

/*
 * Two helpers that liburing's header shows. The first passes over a CQE that is
 * not the program's and returns true if it did; `*err` gets what the timeout
 * request of an old kernel failed with. The second looks for the next CQE in
 * memory only, and sets *cqe_ptr to NULL when there is none.
 */
_LOCAL_INLINE bool io_uring_skip_cqe(struct io_uring *ring, struct io_uring_cqe *cqe, int *err)
{
    if (!(cqe->flags & IORING_CQE_F_SKIP)) {
        if ((ring->rota.features & IORING_FEAT_EXT_ARG) || cqe->user_data != LIBURING_UDATA_TIMEOUT)
            return false;
        if (cqe->res < 0)
            *err = cqe->res;
    }
    rota_cq_advance(&ring->rota, rota_cqe_nr(cqe));
    return !*err;
}

IOURINGINLINE int __io_uring_peek_cqe(struct io_uring *ring, struct io_uring_cqe **cqe_ptr,
                                      unsigned *nr_available) LIBURING_NOEXCEPT
{
    struct io_uring_cqe *cqe = NULL;
    unsigned ready;
    int err = 0;

    while ((ready = rota_cq_ready(&ring->rota)) != 0) {
        cqe = rota_cqe_at(&ring->rota, ring->rota.cq.cqe_head);
        if (!io_uring_skip_cqe(ring, cqe, &err))
            break;
        cqe = NULL;
    }
    *cqe_ptr = err ? NULL : cqe;
    if (nr_available)
        *nr_available = ready;
    return err;
}

/*
 * Iteration: liburing's own iterator, for programs that use it by name, and
 * the macro, which is rota's. After the last CQE `cqe` is that one still.
 */
struct io_uring_cqe_iter {
    struct io_uring_cqe *cqes;
    unsigned mask;
    unsigned shift;
    unsigned head;
    unsigned tail;
};

IOURINGINLINE struct io_uring_cqe_iter io_uring_cqe_iter_init(const struct io_uring *ring)
    LIBURING_NOEXCEPT
{
    const struct rota_cq *cq = &ring->rota.cq;
    struct io_uring_cqe_iter iter;

    iter.cqes = cq->cqes;
    iter.mask = cq->ring_mask;
    iter.shift = io_uring_cqe_shift(ring);
    iter.head = cq->cqe_head;
    /* Acquire: pairs with the kernel's release after it has written the CQEs. */
    iter.tail = rota_load_acquire(cq->ktail);
    return iter;
}

IOURINGINLINE bool io_uring_cqe_iter_next(struct io_uring_cqe_iter *iter,
                                          struct io_uring_cqe **cqe) LIBURING_NOEXCEPT
{
    struct io_uring_cqe *next;

    if (iter->head == iter->tail)
        return false;
    next = &iter->cqes[(iter->head & iter->mask) << iter->shift];
    iter->head += rota_cqe_nr(next);
    *cqe = next;
    return true;
}

#define io_uring_for_each_cqe(ring, head__, cqe_)                                \
    for (struct rota_cqe_iter rota_iter_ = rota_cqe_iter_init(&(ring)->rota);    \
         (head__) = rota_iter_.end - rota_iter_.left,                            \
                              rota_iter_.cqe && ((cqe_) = rota_iter_.cqe, true); \
         rota_cqe_iter_next(&rota_iter_), (void)(head__), (void)(cqe_))

/*
 * user_data, flags
 */

_LOCAL_INLINE __u64 uring_ptr_to_u64(const void *ptr) LIBURING_NOEXCEPT
{
    return (__u64)(uintptr_t)ptr;
}

/* There are the functions for 64 bits. */
#define LIBURING_HAVE_DATA64

IOURINGINLINE void io_uring_sqe_set_data(struct io_uring_sqe *sqe, void *data) LIBURING_NOEXCEPT
{
    sqe->user_data = (uintptr_t)data;
}

IOURINGINLINE void *io_uring_cqe_get_data(const struct io_uring_cqe *cqe) LIBURING_NOEXCEPT
{
    return (void *)(uintptr_t)cqe->user_data;
}

IOURINGINLINE void io_uring_sqe_set_data64(struct io_uring_sqe *sqe, __u64 data) LIBURING_NOEXCEPT
{
    sqe->user_data = data;
}

IOURINGINLINE __u64 io_uring_cqe_get_data64(const struct io_uring_cqe *cqe)
{
    return cqe->user_data;
}

IOURINGINLINE void io_uring_sqe_set_flags(struct io_uring_sqe *sqe,
                                          unsigned flags) LIBURING_NOEXCEPT
{
    sqe->flags = (__u8)flags;
}

IOURINGINLINE void io_uring_sqe_set_buf_group(struct io_uring_sqe *sqe, int bgid) LIBURING_NOEXCEPT
{
    sqe->buf_group = (__u16)bgid;
}

/*
 * The prep functions that are not in <rota/liburing/prep.h>: those under the
 * others, for any opcode; the one that treats IORING_FILE_INDEX_ALLOC as any
 * number; those that set flags to zero which have no argument for them.
 */

_LOCAL_INLINE void __io_uring_set_target_fixed_file(struct io_uring_sqe *sqe,
                                                    unsigned file_index) LIBURING_NOEXCEPT
{
    sqe->file_index = file_index + 1; /* 0 is no slot */
}

IOURINGINLINE void io_uring_prep_rw(int op, struct io_uring_sqe *sqe, int fd, const void *addr,
                                    unsigned len, __u64 offset) LIBURING_NOEXCEPT
{
    sqe->opcode = (__u8)op;
    sqe->fd = fd;
    sqe->off = offset;
    sqe->addr = (uintptr_t)addr;
    sqe->len = len;
}

_LOCAL_INLINE unsigned __io_uring_prep_poll_mask(unsigned poll_mask) LIBURING_NOEXCEPT
{
    return rota_hook_poll_mask(poll_mask);
}

IOURINGINLINE void __io_uring_prep_uring_cmd(struct io_uring_sqe *sqe, int op, __u32 cmd_op,
                                             int fd) LIBURING_NOEXCEPT
{
    io_uring_prep_rw(op, sqe, fd, NULL, 0, 0);
    sqe->cmd_op = cmd_op;
}

IOURINGINLINE void io_uring_prep_close_direct(struct io_uring_sqe *sqe,
                                              unsigned file_index) LIBURING_NOEXCEPT
{
    io_uring_prep_rw(IORING_OP_CLOSE, sqe, 0, NULL, 0, 0);
    __io_uring_set_target_fixed_file(sqe, file_index);
}

IOURINGINLINE void io_uring_prep_getxattr(struct io_uring_sqe *sqe, const char *name, char *value,
                                          const char *path, unsigned len) LIBURING_NOEXCEPT
{
    io_uring_prep_rw(IORING_OP_GETXATTR, sqe, 0, name, len, (uintptr_t)value);
    sqe->addr3 = (uintptr_t)path;
    sqe->xattr_flags = 0;
}

IOURINGINLINE void io_uring_prep_fgetxattr(struct io_uring_sqe *sqe, int fd, const char *name,
                                           char *value, unsigned len) LIBURING_NOEXCEPT
{
    io_uring_prep_rw(IORING_OP_FGETXATTR, sqe, fd, name, len, (uintptr_t)value);
    sqe->xattr_flags = 0;
}

IOURINGINLINE void io_uring_prep_rename(struct io_uring_sqe *sqe, const char *oldpath,
                                        const char *newpath) LIBURING_NOEXCEPT
{
    io_uring_prep_rw(IORING_OP_RENAMEAT, sqe, AT_FDCWD, oldpath, (__u32)AT_FDCWD,
                     (uintptr_t)newpath);
    sqe->rename_flags = 0;
}

/*
 * The version: that of the interface, not of rota.
 */

int io_uring_major_version(void) LIBURING_NOEXCEPT;
int io_uring_minor_version(void) LIBURING_NOEXCEPT;

/* True when the library, or this header, is older than major.minor. */
bool io_uring_check_version(int major, int minor) LIBURING_NOEXCEPT;
#define IO_URING_CHECK_VERSION(major, minor) \
    ((major) > IO_URING_VERSION_MAJOR ||     \
     ((major) == IO_URING_VERSION_MAJOR && (minor) > IO_URING_VERSION_MINOR))

#endif /* ROTA_LIBURING_QUEUE_H */
