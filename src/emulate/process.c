/* SPDX-License-Identifier: MIT */
/* Waiting for futexes and children: first without, then on a worker of the kind for such waits. */
#include "emulate/emulate.h"

#include <linux/futex.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "emulate/hooks.h"

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* on every processor but alpha */
#endif
#ifndef SYS_futex
#define SYS_futex SYS_futex_time64
#endif

#define SIZE_MASK    3u
#define SIZE_32      2u
#define PRIVATE_FLAG 128u

static int64_t to_worker(struct emulate_request *request)
{
    request->flags |= EMULATE_REQ_UNBOUNDED;
    return EMULATE_PUNT;
}

EMULATE_HOOK(futex_wait)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint32_t flags = (uint32_t)sqe->fd, value;
    long ret;

    (void)ring;
    if (flags & ~(SIZE_MASK | PRIVATE_FLAG) || (flags & SIZE_MASK) != SIZE_32 || sqe->futex_flags ||
        sqe->off > UINT32_MAX || !sqe->addr3 || sqe->addr3 > UINT32_MAX)
        return -EINVAL;
    if (!request->blocking) {
        if (sqe->addr % sizeof(value))
            return -EINVAL;
        if (emulate_copy_in(&value, sqe->addr, sizeof(value)) < 0)
            return -EFAULT;
        if (value != (uint32_t)sqe->off)
            return -EAGAIN;
        return to_worker(request);
    }
    ret = syscall(SYS_futex, (uintptr_t)sqe->addr,
                  FUTEX_WAIT_BITSET | (flags & PRIVATE_FLAG ? FUTEX_PRIVATE_FLAG : 0),
                  (uint32_t)sqe->off, NULL, NULL, (uint32_t)sqe->addr3);
    /* Another value than it had when it was submitted: somebody has been there, and woke it. */
    return ret < 0 && errno != EAGAIN ? -errno : 0;
}

/* struct futex_waitv, which older headers lack. */
struct futex_element {
    uint64_t value;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};

#define ELEMENTS_MOST 128u

/* The first whose value is not what it is said to be; -EAGAIN: none; or another -errno. */
static int changed(const struct io_uring_sqe *sqe)
{
    struct futex_element element;
    uint32_t value;

    for (uint32_t i = 0; i < sqe->len; i++) {
        if (emulate_copy_in(&element, sqe->addr + i * sizeof(element), sizeof(element)) < 0 ||
            emulate_copy_in(&value, element.address, sizeof(value)) < 0)
            return -EFAULT;
        if (value != (uint32_t)element.value)
            return (int)i;
    }
    return -EAGAIN;
}

EMULATE_HOOK(futex_waitv)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    long ret;

    (void)ring;
    if (!request->blocking) {
        if (!sqe->len || sqe->len > ELEMENTS_MOST)
            return -EINVAL;
        ret = changed(sqe);
        if (ret >= 0)
            return -EAGAIN;
        return ret == -EAGAIN ? to_worker(request) : ret;
    }
    ret = syscall(SYS_futex_waitv, (uintptr_t)sqe->addr, sqe->len, 0, NULL, 0);
    if (ret >= 0)
        return ret;
    if (errno != EAGAIN)
        return -errno;
    ret = changed(sqe);
    return ret == -EAGAIN ? 0 : ret;
}

EMULATE_HOOK(waitid)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    int options = (int)sqe->file_index;
    siginfo_t info;
    long ret;

    (void)ring;
    if (sqe->waitid_flags)
        return -EINVAL;
    memset(&info, 0, sizeof(info));
    ret = syscall(SYS_waitid, (int)sqe->len, sqe->fd, &info,
                  request->blocking ? options : options | WNOHANG, NULL);
    if (ret < 0)
        return -errno;
    if (!info.si_pid && !request->blocking && !(options & WNOHANG))
        return to_worker(request);
    if (sqe->addr2 && emulate_copy_out(sqe->addr2, &info, sizeof(info)) < 0)
        return -EFAULT;
    return 0;
}
