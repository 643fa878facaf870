/* SPDX-License-Identifier: MIT */
/*
 * Submission: makes the SQEs visible and tells the kernel.
 *
 * How many SQEs are to be submitted is always the distance between our tail
 * and the kernel's own head, never a count of ours: what an earlier call
 * handed over and the kernel did not take is thereby part of the next one,
 * and nothing is sent twice.
 */
#include "core.h"

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

    rota_store_release(ring->sq.ktail, tail);
    return tail - rota_load_relaxed(ring->sq.khead);
}

/* True when a submit takes no more than a store of the tail and a real system call. */
static inline bool is_simple(const struct rota_ring *ring)
{
    return !ring->kernel &&
           !(ring->flags & (IORING_SETUP_SQPOLL | IORING_SETUP_IOPOLL | IORING_SETUP_SQE128));
}

/* publish() for a simple ring, whose SQEs have 64 bytes. */
static inline uint32_t publish_simple(struct rota_ring *ring)
{
    const struct rota_sq *sq = &ring->sq;
    uint32_t tail = sq->sqe_bias + (uint32_t)(((uintptr_t)sq->sqe_next - (uintptr_t)sq->sqes) >> 6);

    rota_store_release(sq->ktail, tail);
    return tail - rota_load_relaxed(sq->khead);
}

/* Submission of every kind, and the wait after it. */
static ROTA_COLD int submit_general(struct rota_ring *ring, uint32_t wait_nr, uint32_t enter_flags,
                                    const struct __kernel_timespec *ts, const void *sigmask)
{
    struct rota_wait wait;
    uint32_t published = 0;
    int ret;

    wait.wait_nr = wait_nr;
    wait.flags = enter_flags;
    wait.ts = ts;
    wait.sigmask = sigmask;
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

struct io_uring_sqe *rota_get_sqe_slow(struct rota_ring *ring)
{
    struct rota_sq *sq = &ring->sq;
    struct io_uring_sqe *sqe;
    uint32_t tail, place, run;

    if (!sq->khead)
        return NULL; /* torn down, or never made */
    tail = rota_sq_tail(ring);
    /*
     * Acquire: under SQPOLL another thread consumes, and pairs with this when
     * it releases the head after having copied the SQE. Without SQPOLL the
     * head moves only within our own system calls.
     */
    run = sq->ring_entries - (tail - rota_load_acquire(sq->khead));
    if (!run)
        return NULL;
    place = tail & sq->ring_mask;
    if (run > sq->ring_entries - place)
        run = sq->ring_entries - place; /* the next round begins at the first slot */

    sqe = rota_sqe_at(ring, tail);
    sq->sqe_bias = tail - place;
    sq->sqe_next = (struct io_uring_sqe *)(void *)((char *)sqe + ((size_t)1 << sq->sqe_shift));
    if (sq->sqe_shift == 6) {
        sq->sqe_stop = sqe + run;
        rota_sqe_clear(sqe);
    } else {
        sq->sqe_stop = sq->sqe_next; /* each large SQE comes this way */
        rota_sqe_clear128(sqe);
    }
    return sqe;
}

int rota_submit(struct rota_ring *ring)
{
    uint32_t submit, wait_nr = 0;

    if (ROTA_UNLIKELY(!is_simple(ring)))
        return submit_general(ring, 0, 0, NULL, NULL);
    submit = publish_simple(ring);
    if (ROTA_UNLIKELY(!submit))
        return 0;
    return rota_real_enter(ring, &submit, &wait_nr, ring->enter_flags);
}

/* The first system call of rota_submit_and_wait did not settle it. */
static ROTA_COLD int finish_wait(struct rota_ring *ring, uint32_t submit, uint32_t wait_nr, int ret)
{
    struct rota_wait wait;

    if (ret < 0 && ret != -EINTR)
        return ret;
    if (ret >= 0 && (uint32_t)ret != submit)
        return ret; /* the kernel does not wait after a short submit */
    if (ring->int_flags & ROTA_INT_INTERRUPTIBLE)
        return ret ? ret : -EINTR; /* which the kernel hides when a CQE is ready */
    wait.submit = ret < 0 ? submit : 0;
    wait.wait_nr = wait_nr;
    wait.flags = 0;
    wait.ts = NULL;
    wait.sigmask = NULL;
    if (ret <= 0)
        return rota_wait_for(ring, &wait);
    rota_wait_for(ring, &wait); /* the count that was taken goes first */
    return ret;
}

/*
 * rota_submit_and_wait on a simple ring: the path that is counted in
 * instructions. Whether the ring is of that kind was decided when it was made.
 */
static int submit_and_wait_simple(struct rota_ring *ring, unsigned wait_nr)
{
    uint32_t submit = publish_simple(ring);
    int ret = rota_real_enter(ring, &submit, &wait_nr, ring->wait_flags);
    uint32_t ready = rota_cq_ready(ring);

    /* A signal after SQEs were taken is reported as their count: only the queue tells. */
    if (ROTA_LIKELY(ret == (int)submit) && ROTA_LIKELY(ready >= wait_nr))
        return ret;
    return finish_wait(ring, submit, wait_nr, ret);
}

static int submit_and_wait_general(struct rota_ring *ring, unsigned wait_nr)
{
    return submit_general(ring, wait_nr, 0, NULL, NULL);
}

static int submit_and_wait_dead(struct rota_ring *ring, unsigned wait_nr)
{
    (void)ring;
    (void)wait_nr;
    return -EBADF;
}

void rota_submit_choose(struct rota_ring *ring)
{
    if (ring->enter_ring_fd < 0)
        ring->submit_and_wait = submit_and_wait_dead;
    else if (is_simple(ring))
        ring->submit_and_wait = submit_and_wait_simple;
    else
        ring->submit_and_wait = submit_and_wait_general;
}

int rota_submit_and_wait_timeout(struct rota_ring *ring, struct io_uring_cqe **cqe_ptr,
                                 unsigned wait_nr, const struct __kernel_timespec *ts,
                                 const void *sigmask)
{
    int ret;

    if (cqe_ptr)
        *cqe_ptr = NULL;
    if (!rota_wait_possible(ring, ts, &ret))
        return ret;
    ret = submit_general(ring, wait_nr, 0, ts, sigmask);
    if (cqe_ptr)
        *cqe_ptr = rota_first_cqe(ring);
    return ret;
}

int rota_submit_and_get_events(struct rota_ring *ring)
{
    return submit_general(ring, 0, IORING_ENTER_GETEVENTS, NULL, NULL);
}

int rota_sqring_wait(struct rota_ring *ring)
{
    int ret;

    if (!(ring->flags & IORING_SETUP_SQPOLL) || rota_sq_space_left(ring))
        return 0;
    do {
        uint32_t flags = IORING_ENTER_SQ_WAIT;

        publish_to_thread(ring, &flags);
        ret = rota_kernel_enter(ring, 0, 0, flags, NULL, 0);
        if (ret == -EINTR && (ring->int_flags & ROTA_INT_INTERRUPTIBLE))
            return ret;
    } while (ret == -EINTR || (ret >= 0 && !rota_sq_space_left(ring)));
    return ret < 0 ? ret : 0;
}
