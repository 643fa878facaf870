/* SPDX-License-Identifier: MIT */
/*
 * The smallest ring that does the same: no library, system calls in line, and
 * nothing that the benchmarks do not need. It is what a program would write by
 * hand that never leaves the flags it was written for.
 */
#ifndef ROTA_BENCH_RAW_H
#define ROTA_BENCH_RAW_H

#include <errno.h>
#include <rota/atomic.h>
#include <rota/syscall.h>
#include <rota/uapi.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct raw_ring {
    struct io_uring_sqe *sqes;
    uint32_t *sq_khead, *sq_ktail;
    uint32_t sq_tail, sq_mask, sq_entries;
    struct io_uring_cqe *cqes;
    uint32_t *cq_khead, *cq_ktail;
    uint32_t cq_head, cq_mask;
    int fd, enter_fd;
    uint32_t enter_flags;
};

static inline long raw_enter(const struct raw_ring *ring, unsigned submit, unsigned wait_nr)
{
#if defined(__x86_64__)
    register long flags __asm__("r10") = (long)ring->enter_flags;
    register long arg __asm__("r8") = 0;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(SYS_io_uring_enter), "D"(ring->enter_fd), "S"(submit), "d"(wait_nr),
                       "r"(flags), "r"(arg)
                     : "rcx", "r11", "memory");
    return result;
#else
    return rota_sys_enter(ring->enter_fd, submit, wait_nr, ring->enter_flags, NULL, 0);
#endif
}

/* For ring sizes and flags that are known to work: no error is unwound. */
static inline int raw_init(struct raw_ring *ring, unsigned entries, uint32_t flags, bool registered)
{
    struct io_uring_params p = {.flags = flags};
    struct io_uring_rsrc_update update = {.offset = -1U};
    int fd = rota_setup(entries, &p);
    char *queue, *sqes;

    if (fd < 0)
        return fd;
    queue = mmap(NULL, p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe),
                 PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, IORING_OFF_SQ_RING);
    sqes = mmap(NULL, p.sq_entries * sizeof(struct io_uring_sqe), PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_POPULATE, fd, (long)IORING_OFF_SQES);
    if (queue == MAP_FAILED || sqes == MAP_FAILED)
        return -ENOMEM;
    *ring = (struct raw_ring){
        .sqes = (void *)sqes,
        .sq_khead = (void *)(queue + p.sq_off.head),
        .sq_ktail = (void *)(queue + p.sq_off.tail),
        .sq_mask = p.sq_entries - 1,
        .sq_entries = p.sq_entries,
        .cqes = (void *)(queue + p.cq_off.cqes),
        .cq_khead = (void *)(queue + p.cq_off.head),
        .cq_ktail = (void *)(queue + p.cq_off.tail),
        .cq_mask = p.cq_entries - 1,
        .fd = fd,
        .enter_fd = fd,
        .enter_flags = IORING_ENTER_GETEVENTS,
    };
    update.data = (__u64)fd;
    if (registered && rota_register((unsigned)fd, IORING_REGISTER_RING_FDS, &update, 1) == 1) {
        ring->enter_fd = (int)update.offset;
        ring->enter_flags |= IORING_ENTER_REGISTERED_RING;
    }
    return 0;
}

/* The mappings stay until the program ends; there are a handful of rings. */
static inline void raw_queue_exit(struct raw_ring *ring)
{
    struct io_uring_rsrc_update update = {.offset = (uint32_t)ring->enter_fd};

    if (ring->enter_fd != ring->fd)
        rota_register((unsigned)ring->fd, IORING_UNREGISTER_RING_FDS, &update, 1);
    close(ring->fd);
}

/* Free slots are not looked for: a program that reaps what it submits knows that there is one. */
static inline struct io_uring_sqe *raw_get_sqe(struct raw_ring *ring)
{
    struct io_uring_sqe *sqe = &ring->sqes[ring->sq_tail++ & ring->sq_mask];

    memset(sqe, 0, sizeof(*sqe));
    return sqe;
}

/* Its rings have no large SQEs. */
static inline struct io_uring_sqe *raw_get_sqe128(struct raw_ring *r)
{
    (void)r;
    return NULL;
}

static inline int raw_submit_and_wait(struct raw_ring *ring, unsigned wait_nr)
{
    uint32_t submit = ring->sq_tail - rota_load_relaxed(ring->sq_ktail);

    rota_store_release(ring->sq_ktail, ring->sq_tail);
    return (int)raw_enter(ring, submit, wait_nr);
}

#define raw_sqe_set_data64 rota_sqe_set_data64

#endif /* ROTA_BENCH_RAW_H */
