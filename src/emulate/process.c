/* SPDX-License-Identifier: MIT */
/* Waiting for futexes and children: first without, then on a worker of the kind for such waits. */
#include "emulate/emulate.h"

#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "emulate/futex.h"
#include "emulate/hooks.h"
#include "emulate/inside.h"

/* struct futex_waitv, which older headers lack. */
struct futex_element {
    uint64_t value;
    uint64_t address;
    uint32_t flags;
    uint32_t reserved;
};

#define ELEMENTS_MOST 128u

/*
 * A wait for a futex has to be in effect when the call that submitted it
 * returns, for a wake may follow at once; but it is a worker that waits. So the
 * worker falls asleep on words of ours, and the submitter moves it, asleep as
 * it is, to the program's (FUTEX_CMP_REQUEUE): then it is known to wait there.
 */
enum passage {
    CLOSED,  /* the worker has not come yet */
    ENTERED, /* it falls asleep on our words */
    MISSED,  /* it shall go to the program's by itself: nobody moves it */
    LEFT,    /* it was woken, or is awake for another reason */
};

struct gate {
    uint32_t passage; /* enum passage */
    uint32_t count;
    struct futex_element *elements; /* the program's, or a copy of ours */
    struct futex_element inner[ELEMENTS_MOST];
    uint32_t words[ELEMENTS_MOST]; /* 1 until the sleeper has been moved */
};

#define GATE 0 /* in request->hook */

/* How long a submitter waits for a worker that does not come to it, in ns. */
#define PATIENCE UINT64_C(1000000000)

static struct gate *gate_of(const struct emulate_request *request)
{
    return (struct gate *)(uintptr_t)request->hook[GATE];
}

static long wait_word(uintptr_t address, uint32_t value, uint32_t flags, uint32_t mask)
{
    return syscall(SYS_futex, address,
                   FUTEX_WAIT_BITSET | (flags & FUTEX2_PRIVATE ? FUTEX_PRIVATE_FLAG : 0), value,
                   NULL, NULL, mask);
}

static bool open_gate(struct gate *gate)
{
    uint32_t closed = CLOSED;

    return gate && __atomic_compare_exchange_n(&gate->passage, &closed, ENTERED, false,
                                               __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

/* The worker is awake. Must it go to the program's words by itself? */
static bool leave_gate(struct gate *gate, long ret)
{
    int error = errno;
    bool missed = __atomic_exchange_n(&gate->passage, LEFT, __ATOMIC_ACQ_REL) == MISSED;

    errno = error;
    /* Its word is 0 already: it was moved, then stopped, and came back here when it went on. */
    return missed || (ret < 0 && error == EAGAIN);
}

/* Moves who sleeps on a word of ours, if somebody does. */
static bool move(const struct gate *gate, uint32_t i, uint32_t value)
{
    const struct futex_element *to = &gate->elements[i];
    int operation = FUTEX_CMP_REQUEUE | (to->flags & FUTEX2_PRIVATE ? FUTEX_PRIVATE_FLAG : 0);
    const unsigned long wake = 0, requeue = 1;

    return syscall(SYS_futex, &gate->words[i], operation, wake, requeue, (uintptr_t)to->address,
                   value) == 1;
}

/* Nobody can be sure that the worker sleeps: it goes on by itself, as soon as it can. */
static void give_up(struct gate *gate)
{
    uint32_t before = __atomic_exchange_n(&gate->passage, MISSED, __ATOMIC_ACQ_REL);

    for (uint32_t i = 0; before == ENTERED && i < gate->count; i++) {
        __atomic_store_n(&gate->words[i], 0, __ATOMIC_RELEASE);
        (void)syscall(SYS_futex, &gate->words[i],
                      FUTEX_WAKE |
                          (gate->elements[i].flags & FUTEX2_PRIVATE ? FUTEX_PRIVATE_FLAG : 0),
                      1, NULL, NULL, 0);
    }
}

/* Waits until the worker sleeps on that word, and moves it. */
static void pass_one(struct emulate_ring *ring, const struct emulate_request *request, uint32_t i)
{
    const struct timespec moment = {0, 50000};
    struct gate *gate = gate_of(request);
    uint64_t start = emulate_now(CLOCK_MONOTONIC);

    for (unsigned rounds = 0; !move(gate, i, 1); rounds++) {
        uint32_t passage = __atomic_load_n(&gate->passage, __ATOMIC_ACQUIRE);

        if (passage == LEFT || passage == MISSED)
            return;
        if ((passage == CLOSED && emulate_waits_for_worker(ring, request)) ||
            emulate_now(CLOCK_MONOTONIC) - start > PATIENCE) {
            give_up(gate);
            return;
        }
        if (rounds < 100)
            (void)sched_yield();
        else
            (void)nanosleep(&moment, NULL);
    }
    __atomic_store_n(&gate->words[i], 0, __ATOMIC_RELEASE);
    (void)move(gate, i, 0); /* one that was stopped in between sleeps there again */
}

/* The first whose value is not what it is said to be; -EAGAIN: none; -EFAULT. */
static int changed(const struct futex_element *elements, uint32_t count)
{
    uint32_t value;

    for (uint32_t i = 0; i < count; i++) {
        if (emulate_copy_in(&value, elements[i].address, sizeof(value)) < 0)
            return -EFAULT;
        if (value != (uint32_t)elements[i].value)
            return (int)i;
    }
    return -EAGAIN;
}

/* All words have the values that they are waited for with: a worker waits from now on. */
static int64_t begin(struct emulate_ring *ring, struct emulate_request *request,
                     struct futex_element *elements, uint32_t count)
{
    struct gate *gate = emulate_keep(request, NULL, sizeof(*gate));

    if (!gate)
        return -ENOMEM;
    gate->count = count;
    gate->elements = elements;
    for (uint32_t i = 0; i < count; i++) {
        gate->words[i] = 1;
        gate->inner[i].value = 1;
        gate->inner[i].address = (uintptr_t)&gate->words[i];
        gate->inner[i].flags = elements[i].flags;
    }
    request->hook[GATE] = (uintptr_t)gate;
    request->flags |= EMULATE_REQ_UNBOUNDED;
    if (!emulate_punt(ring, request)) {
        gate->passage = MISSED;
        request->blocking = true;
        return request->way->run(ring, request);
    }
    for (uint32_t i = 0; i < count; i++)
        pass_one(ring, request, i);
    if (changed(elements, count) == -EAGAIN)
        return EMULATE_PENDING;
    /* Meanwhile one has changed, and its wake may have come too early to be heard. */
    request->flags |= EMULATE_REQ_LATE;
    if (emulate_unpunt(ring, request))
        return EMULATE_PENDING;
    request->blocking = false;
    return -EAGAIN;
}

EMULATE_HOOK(futex_wait)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    uint32_t flags = (uint32_t)sqe->fd;
    struct gate *gate = gate_of(request);
    long ret;

    if (flags & ~(uint32_t)(FUTEX2_SIZE_MASK | FUTEX2_PRIVATE) ||
        (flags & FUTEX2_SIZE_MASK) != FUTEX2_SIZE_U32 || sqe->futex_flags ||
        sqe->off > UINT32_MAX || !sqe->addr3 || sqe->addr3 > UINT32_MAX)
        return -EINVAL;
    if (!request->blocking) {
        struct futex_element one = {.value = sqe->off, .address = sqe->addr, .flags = flags};
        struct futex_element *kept;
        int error;

        if (sqe->addr % sizeof(uint32_t))
            return -EINVAL;
        error = changed(&one, 1);
        if (error != -EAGAIN)
            return error < 0 ? error : -EAGAIN;
        error = emulate_track(ring, request);
        if (error)
            return error;
        kept = emulate_keep(request, &one, sizeof(one));
        return kept ? begin(ring, request, kept, 1) : -ENOMEM;
    }
    if (open_gate(gate)) {
        ret = wait_word((uintptr_t)&gate->words[0], 1, flags, (uint32_t)sqe->addr3);
        if (!leave_gate(gate, ret))
            return ret < 0 ? -errno : 0;
    }
    ret = wait_word((uintptr_t)sqe->addr, (uint32_t)sqe->off, flags, (uint32_t)sqe->addr3);
    /* Another value than it had when it was submitted: somebody has been there, and woke it. */
    return ret < 0 && errno != EAGAIN ? -errno : 0;
}

static long wait_words(const struct futex_element *elements, uint32_t count)
{
    return syscall(SYS_futex_waitv, elements, count, 0, NULL, 0);
}

/* Are those flags and addresses that can be moved to? The system call judges all others. */
static bool movable(const struct futex_element *elements, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (elements[i].reserved ||
            (elements[i].flags & ~(uint32_t)FUTEX2_PRIVATE) != FUTEX2_SIZE_U32 ||
            elements[i].address % sizeof(uint32_t))
            return false;
    }
    return true;
}

EMULATE_HOOK(futex_waitv)
{
    const struct io_uring_sqe *sqe = &request->sqe;
    struct gate *gate = gate_of(request);
    struct futex_element *elements;
    long ret;

    if (!request->blocking) {
        int error;

        if (!sqe->len || sqe->len > ELEMENTS_MOST)
            return -EINVAL;
        error = emulate_track(ring, request); /* sqe->addr is a copy from now on */
        if (error)
            return error;
        elements = (struct futex_element *)(uintptr_t)sqe->addr;
        error = elements ? changed(elements, sqe->len) : -EFAULT;
        if (error != -EAGAIN)
            return error < 0 ? error : -EAGAIN;
        if (!movable(elements, sqe->len)) {
            request->flags |= EMULATE_REQ_UNBOUNDED;
            return EMULATE_PUNT;
        }
        return begin(ring, request, elements, sqe->len);
    }
    elements = (struct futex_element *)(uintptr_t)sqe->addr;
    if (open_gate(gate)) {
        ret = wait_words(gate->inner, gate->count);
        if (!leave_gate(gate, ret))
            return ret < 0 ? -errno : ret;
    }
    ret = wait_words(elements, sqe->len);
    if (ret >= 0 || errno != EAGAIN)
        return ret < 0 ? -errno : ret;
    ret = changed(elements, sqe->len);
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
        return EMULATE_PUNT;
    if (sqe->addr2 && emulate_copy_out(sqe->addr2, &info, sizeof(info)) < 0)
        return -EFAULT;
    return 0;
}
