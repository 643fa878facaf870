/* SPDX-License-Identifier: MIT */
/*
 * Conservation: what is submitted completes once, with its own data, on every
 * kind of ring, under signals, with a completion queue that overflows, with
 * chains that break, and with submits that the kernel takes only in part.
 *
 *     conserve [COMPLETIONS [SEED [KIND]]]
 *
 * COMPLETIONS are divided between the kinds. The seed decides everything but
 * the time at which signals come.
 */
#include "stress.h"

#define SLOTS 1024u /* requests in flight, at most */

/* Each request carries its slot and a count of the slot, so that nothing else is taken for it. */
static struct {
    uint32_t uses;
    bool flying;
} slots[SLOTS];
static uint32_t free_slots[SLOTS], free_count;

static struct rota_ring ring;
static uint64_t sent, done_count, wrong, short_submits, overflows, signals_seen;

static void start_anew(void)
{
    memset(slots, 0, sizeof(slots));
    for (free_count = 0; free_count < SLOTS; free_count++)
        free_slots[free_count] = free_count;
    sent = done_count = wrong = short_submits = 0;
}

static uint64_t take_slot(void)
{
    uint32_t slot = free_slots[--free_count];

    slots[slot].flying = true;
    sent++;
    return (uint64_t)++slots[slot].uses << 16 | slot;
}

static void completed(const struct io_uring_cqe *cqe)
{
    uint32_t slot = cqe->user_data & 0xffff;

    if (!cqe->user_data && (ring.flags & IORING_SETUP_SQE_MIXED))
        return; /* the filler in front of a large SQE, in a chain that broke */
    if (slot >= SLOTS || !slots[slot].flying || slots[slot].uses != cqe->user_data >> 16) {
        wrong++;
        return;
    }
    slots[slot].flying = false;
    free_slots[free_count++] = slot;
    done_count++;
}

/* Some requests of every size and temper; a chain of them breaks now and then. */
static void prepare(unsigned count)
{
    while (count-- && free_count) {
        bool large = (ring.flags & IORING_SETUP_SQE_MIXED) && chance(4) == 0;
        struct io_uring_sqe *sqe = large ? rota_get_sqe128(&ring) : rota_get_sqe(&ring);
        uint64_t data;

        if (!sqe)
            return;
        data = take_slot();
        switch (chance(16)) {
        case 0:
            rota_prep_close(sqe,
                            -1); /* fails: the end of a chain, or of a submit without SUBMIT_ALL */
            break;
        case 1:
            rota_prep_nop(sqe);
            sqe->flags |= IOSQE_ASYNC;
            break;
        case 2:
            sqe->opcode = 255; /* not a request at all */
            sqe->fd = -1;
            break;
        default:
            rota_prep_nop(sqe);
        }
        if (large)
            sqe->opcode = IORING_OP_NOP128;
        if (ring.flags & IORING_SETUP_IOPOLL)
            sqe->flags &= (uint8_t)~IOSQE_ASYNC;
        /* Not as the last one: what is submitted next would join. */
        if (count && free_count && !large && chance(4) == 0 && rota_sq_space_left(&ring) > 2)
            sqe->flags |= chance(2) ? IOSQE_IO_LINK : IOSQE_IO_HARDLINK;
        sqe->user_data = data;
    }
}

static void reap(unsigned way)
{
    struct io_uring_cqe *cqe, *found[32];
    uint64_t copies[32][4];
    unsigned head, count = 0;
    int ret;

    switch (way) {
    case 0:
        while (!rota_peek_cqe(&ring, &cqe)) {
            completed(cqe);
            rota_cqe_seen(&ring, cqe);
        }
        break;
    case 1:
        rota_for_each_cqe (&ring, head, cqe) {
            completed(cqe);
            count += rota_cqe_nr(cqe);
        }
        (void)head;
        rota_cq_advance(&ring, count);
        break;
    case 2:
        ret = (int)rota_peek_batch_cqe(&ring, found, 32);
        for (int i = 0; i < ret; i++) {
            completed(found[i]);
            count += (ring.flags & IORING_SETUP_CQE_MIXED) ? rota_cqe_nr(found[i]) : 1;
        }
        rota_cq_advance(&ring, count);
        break;
    default:
        ret = rota_copy_cqes(&ring, (struct io_uring_cqe *)(void *)copies, 16, 0);
        for (int i = 0; i < ret; i++)
            completed(
                (struct io_uring_cqe *)(void *)((char *)copies + (size_t)i * copied_size(&ring)));
    }
}

/* Gives up when nothing comes for so long. */
static void settle(const char *kind)
{
    uint64_t before = done_count, until = now_ms() + 20000;

    while (done_count + wrong < sent) {
        int ret = rota_submit(&ring);

        if (ret < 0 && ret != -EINTR && ret != -EAGAIN && ret != -EBUSY)
            bail("%s: submit: %s", kind, strerror(-ret));
        (void)rota_get_events(&ring);
        reap(0);
        if (done_count != before) {
            before = done_count;
            until = now_ms() + 20000;
        } else if (now_ms() > until) {
            break;
        }
    }
}

static void conserve(const struct stress_kind *kind, uint64_t count)
{
    uint64_t flushed;

    if (!stress_ring(kind, &ring, 32)) {
        skip(1, "no %s ring here", kind->name);
        return;
    }
    start_anew();
    while (sent < count) {
        struct __kernel_timespec soon = {0, (long long)chance(20000)};
        unsigned ready;
        int ret;

        prepare(1 + chance(32));
        ready = rota_sq_ready(&ring);
        switch (chance(5)) {
        case 0:
            ret = rota_submit(&ring);
            break;
        case 1:
            ret = rota_submit_and_wait(&ring, sent == done_count ? 0 : 1);
            break;
        case 2:
            ret = rota_submit_and_wait_timeout(&ring, NULL, 1 + chance(4), &soon, NULL);
            break;
        case 3:
            ret = rota_submit_and_get_events(&ring);
            break;
        default:
            ret = 0; /* they go with others */
        }
        if (ret < 0 && ret != -EINTR && ret != -ETIME && ret != -EAGAIN && ret != -EBUSY)
            bail("%s: %s", kind->name, strerror(-ret));
        short_submits += ret > 0 && (unsigned)ret < ready;
        /* Not always: or the queue would never overflow. */
        if (chance(3) || !free_count || sent - done_count > SLOTS / 2)
            reap(chance(4));
        if (ring.flags & IORING_SETUP_SQPOLL && !rota_sq_space_left(&ring))
            (void)rota_sqring_wait(&ring);
    }
    settle(kind->name);
    is_int(done_count, sent, "%s: %llu requests complete", kind->name, (unsigned long long)sent);
    is_int(wrong, 0, "%s: each once", kind->name);
    is_int(rota_cq_lost(&ring), 0, "%s: none was lost", kind->name);
    flushed = rota_cq_overflows(&ring);
    overflows += flushed;
    diag("%s: %llu backlogs, %llu short submits", kind->name, (unsigned long long)flushed,
         (unsigned long long)short_submits);
    rota_queue_exit(&ring);
}

int main(int argc, char **argv)
{
    uint64_t completions = argc > 1 ? strtoull(argv[1], NULL, 0) : 300000;
    const char *only = argc > 3 ? argv[3] : NULL;

    stress_seed(argc > 2 ? argv[2] : "1");
    stress_signals(true);
    for (unsigned i = 0; i < STRESS_KINDS; i++) {
        if (!only || !strcmp(only, stress_kinds[i].name))
            conserve(&stress_kinds[i], only ? completions : completions / STRESS_KINDS);
    }
    stress_signals(false);
    signals_seen = (uint64_t)stress_signals_seen;
    ok(signals_seen > 0, "%llu signals came", (unsigned long long)signals_seen);
    if (!only)
        ok(overflows > 0, "%llu backlogs were flushed", (unsigned long long)overflows);
    return done();
}
