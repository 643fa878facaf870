/* SPDX-License-Identifier: MIT */
/*
 * Submission: makes the SQEs visible and tells the kernel.
 *
 * How many SQEs are to be submitted is always the distance between our tail
 * and the kernel's own head, never a count of ours: what an earlier call
 * handed over and the kernel did not take is thereby part of the next one,
 * and nothing is sent twice.
 */
#include "ring/core.h"

/*
 * SQPOLL: stores the tail and finds out whether the kernel's thread must be
 * woken. Returns how many SQEs became visible by this.
 */
static uint32_t publish_to_thread(struct rota_ring *ring, uint32_t *enter_flags)
{
    struct rota_sq *sq = &ring->sq;
    uint32_t tail = rota_sq_tail(ring);
    uint32_t published = tail - sq->sqe_head;

    if (published) {
        sq->sqe_head = tail;
        /* Release: the SQEs are written before the thread can see the tail. */
        rota_store_release(sq->ktail, tail);
    }
    /*
     * The thread sets NEED_WAKEUP, then looks at the tail once more, then
     * sleeps. We store the tail, then look at NEED_WAKEUP. Without a full
     * barrier between a store and the load after it on both sides, each could
     * miss what the other wrote, and the thread would sleep on a full queue.
     */
    rota_full_fence();
    if (rota_load_relaxed(sq->kflags) & IORING_SQ_NEED_WAKEUP)
        *enter_flags |= IORING_ENTER_SQ_WAKEUP;
    return published;
}

/*
 * Stores the tail. Returns how many SQEs the kernel has still to consume.
 *
 * Release costs nothing on top of the system call that follows, and lets
 * whoever looks at the queue meanwhile find complete SQEs. The head is read
 * relaxed: it moves only within system calls of the submitting side, of which
 * there is one at a time.
 */
static inline uint32_t publish(struct rota_ring *ring)
{
    uint32_t tail = rota_sq_tail(ring);

    /* With SQ_REWIND head and tail stay 0, and the kernel reads neither. */
    if (ring->flags & IORING_SETUP_SQ_REWIND)
        return tail;
    rota_store_release(ring->sq.ktail, tail);
    return tail - rota_load_relaxed(ring->sq.khead);
}

static inline bool is_simple(const struct rota_ring *ring)
{
    return ring->int_flags & ROTA_INT_SIMPLE;
}

/*
 * publish() for a simple ring whose SQEs have 1 << `shift` bytes. The head is
 * read as plain memory, which lets the compiler subtract it in place: it was
 * written within a system call of this side, and such a call clobbers all
 * memory.
 */
static inline uint32_t publish_simple(struct rota_ring *ring, const struct io_uring_sqe *next,
                                      uint32_t shift)
{
    const struct rota_sq *sq = &ring->sq;
    uint32_t tail = sq->sqe_bias + (uint32_t)((uintptr_t)next >> shift);

    rota_store_release(sq->ktail, tail);
    return tail - *sq->khead;
}

ROTA_COLD int rota_submit_general(struct rota_ring *ring, uint32_t wait_nr, uint32_t enter_flags,
                                  const struct rota_limit *limit)
{
    struct rota_wait wait;
    uint32_t published = 0;
    int ret;

    if (rota_is_dead(ring))
        return -EBADF;
    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        return -EBUSY;
    if (ring->submit_hook)
        ring->submit_hook(ring, __builtin_frame_address(0), ring->submit_data);
    wait.wait_nr = wait_nr;
    wait.flags = enter_flags;
    wait.limit = limit;
    if (ring->flags & IORING_SETUP_SQPOLL) {
        published = publish_to_thread(ring, &wait.flags);
        wait.submit = 0;
        if (!wait.flags && !wait_nr)
            return (int)published; /* the thread is awake */
    } else {
        wait.submit = publish(ring);
        /* On a polled ring nobody but this call looks for completions. */
        if (wait.submit && (ring->flags & IORING_SETUP_IOPOLL))
            wait.flags |= IORING_ENTER_GETEVENTS;
        if (!wait.submit && !wait.flags && !wait_nr)
            return 0;
    }
    ret = rota_wait_for(ring, &wait);
    /*
     * What became visible to the thread is on its way whatever the wait says,
     * except when there is no thread any more.
     */
    return published && ret != -EOWNERDEAD ? (int)published : ret;
}

int rota_submit(struct rota_ring *ring)
{
    uint32_t submit;

    if (ROTA_UNLIKELY(!is_simple(ring)))
        return rota_submit_general(ring, 0, 0, &rota_unlimited);
    submit = publish_simple(ring, ring->sq.sqe_next, ring->sq.sqe_shift);
    if (ROTA_UNLIKELY(!submit))
        return 0;
    return rota_real_enter(ring, submit, 0, ring->enter_flags);
}

static ROTA_COLD int submit_and_wait_general(struct rota_ring *ring, struct io_uring_sqe *next,
                                             unsigned wait_nr)
{
    (void)next;
    return rota_submit_general(ring, wait_nr, 0, &rota_unlimited);
}

/*
 * rota_submit_and_wait on a simple ring: the path that is counted in
 * instructions. Whether the ring is of that kind was decided when it was made.
 * With SQEs to submit, one system call: its caller looks what it brought.
 */
static inline int submit_and_wait_simple(struct rota_ring *ring, struct io_uring_sqe *next,
                                         unsigned wait_nr, uint32_t shift)
{
    uint32_t submit = publish_simple(ring, next, shift);

    if (ROTA_UNLIKELY(!submit))
        return submit_and_wait_general(ring, NULL, wait_nr);
    return rota_real_enter(ring, submit, wait_nr, ring->wait_flags);
}

static int submit_and_wait_small(struct rota_ring *ring, struct io_uring_sqe *next,
                                 unsigned wait_nr)
{
    return submit_and_wait_simple(ring, next, wait_nr, 6);
}

static int submit_and_wait_large(struct rota_ring *ring, struct io_uring_sqe *next,
                                 unsigned wait_nr)
{
    return submit_and_wait_simple(ring, next, wait_nr, 7);
}

void rota_submit_choose(struct rota_ring *ring)
{
    const uint32_t special = IORING_SETUP_SQPOLL | IORING_SETUP_IOPOLL | IORING_SETUP_SQ_REWIND;

    ring->int_flags &= ~ROTA_INT_SIMPLE;
    ring->submit_and_wait = submit_and_wait_general;
    /* An open chain, which no submit may cut, takes the path that looks for one. */
    if (rota_is_dead(ring) || ring->kernel || ring->submit_hook || (ring->flags & special) ||
        (ring->calls.mode & ROTA_CALLS_CHAIN))
        return;
    ring->int_flags |= ROTA_INT_SIMPLE;
    ring->submit_and_wait =
        ring->flags & IORING_SETUP_SQE128 ? submit_and_wait_large : submit_and_wait_small;
}

void rota_on_submit(struct rota_ring *ring,
                    void (*hook)(struct rota_ring *ring, const void *stack, void *data), void *data)
{
    if (rota_is_dead(ring))
        return;
    ring->submit_hook = hook;
    ring->submit_data = data;
    rota_submit_choose(ring);
}

int rota_submit_and_wait_slow(struct rota_ring *ring, unsigned wait_nr, int ret)
{
    struct rota_wait wait;

    /* What the general path says is the end, and so is an error, or a signal where it may be. */
    if (!is_simple(ring) || (ret < 0 && ret != -EINTR) ||
        (ring->int_flags & ROTA_INT_INTERRUPTIBLE))
        return ret;
    wait.submit = rota_sq_ready(ring);
    if (ret >= 0 && wait.submit)
        return ret; /* the kernel does not wait after a short submit */
    wait.wait_nr = wait_nr;
    wait.flags = 0;
    wait.limit = &rota_unlimited;
    if (ret <= 0)
        return rota_wait_for(ring, &wait);
    rota_wait_for(ring, &wait); /* the count that was taken goes first */
    return ret;
}

int rota_submit_and_get_events(struct rota_ring *ring)
{
    return rota_submit_general(ring, 0, IORING_ENTER_GETEVENTS, &rota_unlimited);
}

int rota_sqring_wait(struct rota_ring *ring)
{
    struct rota_in_vain in_vain;

    rota_in_vain_start(&in_vain);
    if (rota_is_dead(ring))
        return -EBADF;
    if (!(ring->flags & IORING_SETUP_SQPOLL) || rota_sq_space_left(ring))
        return 0;
    if (ring->calls.mode & ROTA_CALLS_CHAIN)
        return -EBUSY;
    for (;;) {
        uint32_t flags = IORING_ENTER_SQ_WAIT;
        int ret;

        publish_to_thread(ring, &flags);
        ret = rota_kernel_enter(ring, 0, 0, flags, NULL, 0);
        if (ret < 0 && ret != -EINTR)
            return ret;
        if (rota_sq_space_left(ring))
            return 0;
        /* A signal ends this wait before there is space, or work that the kernel does in its place. */
        if (ring->int_flags & ROTA_INT_INTERRUPTIBLE)
            return -EINTR;
        if (rota_is_hopeless(ring, &in_vain, ROTA_IN_VAIN_MOST))
            return -EPROTO;
    }
}
