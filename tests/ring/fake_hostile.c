/* SPDX-License-Identifier: MIT */
/*
 * A kernel that lies: what it writes into the shared words, into completions
 * and into its answers is refused, or bounded by what there is. Nothing here
 * may loop without end, or read or write outside of the mapping.
 */
#include "fake_kernel.h"

#include <rota/call.h>

#define FAR 0x40000000u

static struct rota_ring ring;
static struct io_uring_cqe *cqe;

/* A completion queue whose tail is far away. */
static void far_tail(uint32_t flags, uint32_t marks, const char *kind)
{
    struct io_uring_cqe *found[64];
    uint64_t copies[64][4];
    struct rota_op op = ROTA_OP_INIT;
    unsigned head, count = 0, entries;

    fake_reset();
    fake_plain_ring(&ring, flags, 0);
    entries = ring.cq.ring_entries;
    for (unsigned i = 0; i < entries; i++) {
        cqe = (struct io_uring_cqe *)(void *)((char *)ring.cq.cqes + i * ring.cq.cqe_size);
        cqe->user_data = i;
        cqe->res = 0;
        cqe->flags = marks;
    }
    fake.header->cq_tail += FAR + 1;
    ok(rota_cq_ready(&ring) == entries, "%s: no more are ready than there are slots", kind);
    rota_for_each_cqe (&ring, head, cqe)
        count++;
    ok(count > 0 && count <= entries, "%s: a loop shows each slot once at most", kind);
    (void)head;
    ok(rota_peek_batch_cqe(&ring, found, 64) <= entries, "%s: so does a batch", kind);
    is_int(rota_wait_cqe_nr(&ring, &cqe, entries), 0, "%s: a wait is satisfied", kind);
    is_int(rota_start_nop(&ring, &op), 0, "%s: a handle", kind);
    is_int(rota_await(&ring, &op), -EBUSY, "%s: waits in vain", kind);
    ok(rota_poll(&ring) <= 1, "%s: a poll finds one at most", kind);
    ok(rota_copy_cqes(&ring, (struct io_uring_cqe *)(void *)copies, 64, 1) > 0, "%s: copies", kind);
    rota_queue_exit(&ring);
}

/* The same, of gap fillers: as many are skipped as there are slots. */
static void far_fillers(void)
{
    uint32_t before;

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_CQE_MIXED, 0);
    for (unsigned i = 0; i < ring.cq.ring_entries; i++)
        ring.cq.cqes[i].flags = IORING_CQE_F_SKIP;
    fake.header->cq_tail += FAR + 1;
    before = ring.cq.cqe_head;
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "nothing but gap fillers");
    ok(!cqe && ring.cq.cqe_head - before <= 2 * ring.cq.ring_entries, "of which %u are skipped",
       ring.cq.cqe_head - before);
    ok(fake.header->cq_head == ring.cq.cqe_head, "their slots are the kernel's again");
    rota_queue_exit(&ring);
}

/* Marks that a CQE is large, where none can be. */
static void false_marks(void)
{
    uint64_t copy[4];
    struct rota_op op = ROTA_OP_INIT;
    unsigned seen = 0;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    for (unsigned i = 0; i < 3 * ring.cq.ring_entries; i++) {
        rota_start_nop(&ring, &op);
        fake.script[0] = (struct fake_step){.count = true, .take = 1};
        fake.step = 0;
        fake.steps = 1;
        rota_submit(&ring);
        cqe = rota_cqe_at(&ring, fake.header->cq_tail);
        cqe->user_data = (uint64_t)(uintptr_t)&op + ROTA_OP_DATA;
        cqe->res = 5;
        cqe->flags = IORING_CQE_F_32;
        fake.header->cq_tail++;
        seen += rota_await(&ring, &op) == 5 && !op.extra[0] && !op.extra[1];
    }
    is_int(seen, 3 * ring.cq.ring_entries, "on a ring of small ones the mark means nothing");
    rota_queue_exit(&ring);

    /* In the last slot, and as the last that is ready: no kernel writes them there. */
    for (unsigned last = 0; last < 2; last++) {
        fake_reset();
        fake.start = last ? 15 : 3;
        fake_plain_ring(&ring, IORING_SETUP_CQE_MIXED, 0);
        cqe = rota_cqe_at(&ring, fake.header->cq_tail);
        cqe->user_data = 7;
        cqe->flags = IORING_CQE_F_32;
        fake.header->cq_tail += last ? 2 : 1;
        memset(copy, 0xff, sizeof(copy));
        is_int(rota_copy_cqes(&ring, (struct io_uring_cqe *)(void *)copy, 1, 0), 1,
               "one is copied");
        is_int((int)copy[0], 7, "which is that one");
        ok(!copy[2] && !copy[3], "without a second half");
        rota_cq_advance(&ring, rota_cq_ready(&ring));

        cqe = rota_cqe_at(&ring, fake.header->cq_tail);
        cqe->flags = IORING_CQE_F_32;
        fake.header->cq_tail++;
        rota_peek_cqe(&ring, &cqe);
        rota_cqe_seen(&ring, cqe);
        is_int(rota_cq_ready(&ring), 0, "no more is marked seen than was there");
        rota_queue_exit(&ring);
    }
}

/*
 * Answers to set-up
 */

static void refused(void (*spoil)(struct io_uring_params *answer), uint32_t flags, const char *what)
{
    struct rota_config config;

    fake_reset();
    fake.spoil = spoil;
    rota_config_plain(&config);
    config.required_flags = flags;
    config.kernel = &fake_kernel;
    is_int(rota_init(&ring, FAKE_ENTRIES, &config), -EPROTO, "%s", what);
    is_int(rota_peek_cqe(&ring, &cqe), -EBADF, "%s: there is no ring", what);
}

static void cqes_at_start(struct io_uring_params *p)
{
    p->cq_off.cqes = 0;
}

static void cqes_over_tail(struct io_uring_params *p)
{
    p->cq_off.cqes = offsetof(struct fake_header, overflow);
}

static void array_over_cqes(struct io_uring_params *p)
{
    p->sq_off.array = p->cq_off.cqes + 8;
}

static void array_over_words(struct io_uring_params *p)
{
    p->sq_off.array = p->sq_off.dropped;
}

static void both_sqes(struct io_uring_params *p)
{
    p->flags |= IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED;
}

static void both_cqes(struct io_uring_params *p)
{
    p->flags |= IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED;
}

/*
 * System calls
 */

static unsigned calls;

static int says_nothing(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                        size_t size)
{
    (void)fd;
    (void)submit;
    (void)wait_nr;
    (void)flags;
    (void)arg;
    (void)size;
    calls++;
    return 0;
}

static int says_one(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                    size_t size)
{
    (void)says_nothing(fd, submit, wait_nr, flags, arg, size);
    return 1;
}

/* A signal each time, says a kernel that does not sleep. */
static int says_interrupted(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags,
                            const void *arg, size_t size)
{
    (void)says_nothing(fd, submit, wait_nr, flags, arg, size);
    return -EINTR;
}

static int clock_before(int id, struct __kernel_timespec *now)
{
    (void)id;
    now->tv_sec = INT64_MIN;
    now->tv_nsec = -1;
    return 0;
}

static void endless(void)
{
    struct rota_kernel kernel = fake_kernel;
    struct __kernel_timespec second = {1, 0};
    struct rota_op op = ROTA_OP_INIT;
    struct rota_op ops[FAKE_ENTRIES];
    int ret = 0;

    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    kernel.enter = says_nothing;
    ring.kernel = &kernel;
    is_int(rota_wait_cqe(&ring, &cqe), -EPROTO, "waits that end without a reason come to an end");
    ok(!cqe && calls > 1000, "but not soon");
    fake.header->overflow = 1;
    calls = 0;
    is_int(rota_wait_cqe(&ring, &cqe), -EBADR, "where completions were lost, that is told");
    ok(calls < 2000, "soon: after %u calls", calls);
    fake_post(7, 0, 0); /* as long as one is ready, the kernel does not tell */
    calls = 0;
    is_int(rota_wait_cqes(&ring, &cqe, 2, NULL, NULL), -EBADR, "beside one that is ready, too");
    ok(cqe && calls < 2000, "after %u calls", calls);
    calls = 0;
    is_int(rota_wait_cqes(&ring, &cqe, 2, &second, NULL), -EBADR, "and with a limit");
    ok(cqe && calls < 2000, "after %u calls", calls);
    rota_cqe_seen(&ring, cqe);
    fake.header->overflow = 0;
    ring.flags |= IORING_SETUP_CQE_MIXED;
    is_int(rota_wait_cqe(&ring, &cqe), -EPROTO, "on a ring of both sizes it is so, too");
    ring.flags &= ~IORING_SETUP_CQE_MIXED;
    is_int(rota_start_nop(&ring, &op), 0, "a start");
    is_int(rota_await(&ring, &op), -EAGAIN, "that is not taken ends its await");
    is_int(rota_op_cancel(&ring, &op), -EAGAIN, "and cancelling");

    kernel.enter = says_one; /* and takes nothing */
    is_int(rota_await(&ring, &op), -EAGAIN, "nor does it help to say that it was");
    for (unsigned i = 0; i <= FAKE_ENTRIES && !ret && i < FAKE_ENTRIES; i++) {
        rota_op_init(&ops[i]);
        ret = rota_start_nop(&ring, &ops[i]);
    }
    is_int(ret, -EAGAIN, "a queue that is never emptied is full");

    kernel.clock = clock_before;
    is_int(rota_wait_cqes(&ring, &cqe, 1, &second, NULL), -EPROTO, "a clock before zero");
    is_int(rota_await_timeout(&ring, &op, 1000), -EPROTO, "for handles, too");
    is_int(rota_wait_cqes_reg(&ring, &cqe, 1, -1), -EFAULT, "an index that is none");
    ring.kernel = &fake_kernel;
    rota_queue_exit(&ring);
}

/* Signals that the kernel does not tell of, a millisecond apart, and then what is waited for. */
static unsigned signals;

static int is_signalled(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                        size_t size)
{
    (void)says_nothing(fd, submit, wait_nr, flags, arg, size);
    fake.now_ms++;
    if (calls == signals) {
        fake_post(8, 0, 0);
        fake_take(FAKE_ALL);
    }
    return 0;
}

/* As many signals, and from then on no sleep any more. */
static int goes_wrong(int fd, uint32_t submit, uint32_t wait_nr, uint32_t flags, const void *arg,
                      size_t size)
{
    fake.now_ms += calls < signals;
    return says_nothing(fd, submit, wait_nr, flags, arg, size);
}

static void many_signals(void)
{
    struct rota_kernel kernel = fake_kernel;
    struct rota_op op = ROTA_OP_INIT;

    kernel.enter = is_signalled;
    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    ring.kernel = &kernel;
    fake_post(7, 0, 0);
    calls = 0;
    signals = 3u << 19;
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "signals do not end a wait, however many");
    is_int((int)calls, (int)signals, "it goes on until there is what it waits for");
    rota_cq_advance(&ring, 1);
    fake.header->overflow = 1;
    calls = 0;
    signals = 5000;
    is_int(rota_wait_cqe_nr(&ring, &cqe, 2), 0, "nor where completions were lost once");
    rota_queue_exit(&ring);

    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQPOLL, 0);
    ring.kernel = &kernel;
    fake_prepare(&ring, FAKE_ENTRIES, 1);
    calls = 0;
    signals = 3u << 19;
    is_int(rota_sqring_wait(&ring), 0, "nor one for room");
    kernel.enter = says_nothing;
    fake_prepare(&ring, FAKE_ENTRIES, 1);
    is_int(rota_sqring_wait(&ring), -EPROTO, "which ends where nothing else can be the reason");
    rota_queue_exit(&ring);

    /* Waits of this ring are interruptible; a start is none. */
    kernel.enter = is_signalled;
    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQPOLL, ROTA_WAIT_INTERRUPTIBLE);
    ring.kernel = &kernel;
    fake_prepare(&ring, FAKE_ENTRIES, 1);
    calls = 0;
    signals = 5;
    is_int(rota_sqring_wait(&ring), -EINTR, "here a signal ends the wait for room");
    is_int(rota_start_nop(&ring, &op), 0, "and does not keep a handle from starting");
    ok(calls >= signals, "which waits for room");
    rota_op_init(&op);
    rota_queue_exit(&ring);
    fake_reset();
    fake_plain_ring(&ring, IORING_SETUP_SQPOLL, ROTA_WAIT_INTERRUPTIBLE);
    kernel.enter = says_nothing;
    ring.kernel = &kernel;
    fake_prepare(&ring, FAKE_ENTRIES, 1);
    is_int(rota_start_nop(&ring, &op), -EPROTO, "but not for ever");
    rota_queue_exit(&ring);

    kernel.enter = goes_wrong;
    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    ring.kernel = &kernel;
    calls = 0;
    is_int(rota_wait_cqe(&ring, &cqe), -EPROTO, "what was slow may become too fast later");
    kernel.enter = says_nothing;
    fake.clock_error = -EIO;
    is_int(rota_wait_cqe(&ring, &cqe), -EPROTO, "without a clock the number decides");
    rota_queue_exit(&ring);

    /* What is told is no better a reason when no time passes. */
    kernel.enter = says_interrupted;
    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    ring.kernel = &kernel;
    is_int(rota_wait_cqe(&ring, &cqe), -EPROTO, "signals without end come to an end");
    rota_queue_exit(&ring);
    fake_reset();
    fake_plain_ring(&ring, 0, ROTA_WAIT_INTERRUPTIBLE);
    ring.kernel = &kernel;
    is_int(rota_wait_cqe(&ring, &cqe), -EINTR, "where they end a wait, the first one does");
    rota_start_nop(&ring, &op);
    is_int(rota_op_cancel(&ring, &op), -EPROTO, "and cancelling, which they do not end");
    is_int(rota_cancel_all(&ring), -EPROTO, "of everything, too");
    rota_queue_exit(&ring);
}

/* The head of the submission queue is nowhere in it. */
static void far_head(uint32_t flags, const char *kind)
{
    struct rota_batch batch;
    struct rota_op op = ROTA_OP_INIT;
    unsigned taken = 0;

    for (unsigned ahead = 0; ahead < 2; ahead++) {
        fake_reset();
        fake_plain_ring(&ring, flags, 0);
        fake_prepare(&ring, 3, 1);
        fake.header->sq_head += ahead ? FAR : 0 - FAR;
        for (unsigned i = 0; i < 3 * FAKE_ENTRIES; i++)
            taken += rota_get_sqe(&ring) != NULL;
        for (unsigned i = 0; i < 3 * FAKE_ENTRIES; i++)
            taken += rota_get_sqe128(&ring) != NULL;
        for (unsigned i = 1; i <= FAKE_ENTRIES; i++) {
            if (rota_batch_begin(&batch, &ring, i) == 0)
                rota_batch_drop(&batch);
        }
        fake.header->sq_head = rota_sq_tail(&ring) + FAR;
        fake_then(-ENOMEM);
        fake_then(-ENOMEM);
        fake_then(-ENOMEM);
        fake_then(-ENOMEM);
        if (rota_start_nop(&ring, &op) == 0) {
            is_int(rota_await_timeout(&ring, &op, 1), -EPROTO, "%s: it is told to who waits", kind);
            (void)rota_chain_begin(&ring, 2, IOSQE_IO_LINK);
        }
        ok(true, "%s: a head %s ends no loop and leaves no memory", kind,
           ahead ? "ahead" : "behind");
        rota_queue_exit(&ring);
    }
    ok(taken < 13 * FAKE_ENTRIES, "%s: and does not give endlessly", kind);
}

/* A mixed queue of one, where no large SQE can lie, with a head that promises room for it. */
static void single_slot(void)
{
    struct rota_config config;

    fake_reset();
    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY;
    config.kernel = &fake_kernel;
    if (rota_init(&ring, 1, &config) < 0)
        bail("no ring of one");
    ok(!rota_get_sqe128(&ring), "a queue of one has no large SQE");
    fake.header->sq_head += FAR;
    ok(!rota_get_sqe128(&ring), "whatever the head says");
    rota_queue_exit(&ring);
}

int main(void)
{
    alarm(300);
    far_tail(0, 0, "plain");
    far_tail(0, IORING_CQE_F_32, "plain, marked large");
    far_tail(IORING_SETUP_CQE32, 0, "CQE32");
    far_tail(IORING_SETUP_CQE_MIXED, 0, "mixed");
    far_tail(IORING_SETUP_CQE_MIXED, IORING_CQE_F_32, "mixed, all large");
    far_fillers();
    false_marks();
    refused(cqes_at_start, 0, "CQEs over the words");
    refused(cqes_at_start, IORING_SETUP_NO_SQARRAY, "CQEs over the words, without array");
    refused(cqes_over_tail, 0, "CQEs over some of them");
    refused(array_over_cqes, 0, "an array over the CQEs");
    refused(array_over_words, 0, "an array over the words");
    refused(both_sqes, 0, "SQEs of all sizes");
    refused(both_sqes, IORING_SETUP_SQE128, "SQEs of both sizes and of one");
    refused(both_cqes, 0, "CQEs of all sizes");
    endless();
    many_signals();
    far_head(0, "plain");
    far_head(IORING_SETUP_SQE_MIXED | IORING_SETUP_NO_SQARRAY, "mixed");
    far_head(IORING_SETUP_SQE128, "large");
    single_slot();
    return done();
}
