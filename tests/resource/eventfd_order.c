/* SPDX-License-Identifier: MIT */
/*
 * Switching the eventfd on, while the kernel posts: what the peek that follows
 * does not find must be signalled. The kernel's side is a thread on a scripted
 * ring that does what the kernel does, in its order.
 *
 *     eventfd_order [ROUNDS]
 */
#include "../ring/fake_kernel.h"

#include <pthread.h>
#include <rota/resource.h>

static struct rota_ring ring;
static uint32_t posting, posted;
static unsigned rounds = 300000, signalled;

static void until(const uint32_t *turn, uint32_t value)
{
    while (__atomic_load_n(turn, __ATOMIC_ACQUIRE) != value) {
    }
}

static void pause_for(unsigned turns)
{
    for (volatile unsigned i = turns; i; i--) {
    }
}

static void *post(void *unused)
{
    struct fake_header *h = fake.header;

    for (uint32_t i = 1; i <= rounds; i++) {
        until(&posting, i);
        pause_for(i % 37);
        __atomic_store_n(&h->cq_tail, h->cq_tail + 1, __ATOMIC_RELEASE);
        __sync_synchronize();
        signalled = !(__atomic_load_n(&h->cq_flags, __ATOMIC_RELAXED) & IORING_CQ_EVENTFD_DISABLED);
        __atomic_store_n(&posted, i, __ATOMIC_RELEASE);
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    unsigned lost = 0, found = 0;

    if (argc > 1)
        rounds = (unsigned)strtoul(argv[1], NULL, 0);
    fake_reset();
    fake_plain_ring(&ring, 0, 0);
    if (pthread_create(&thread, NULL, post, NULL))
        bail("no thread");
    for (uint32_t i = 1; i <= rounds; i++) {
        struct io_uring_cqe *cqe;
        bool seen;

        rota_cq_eventfd_toggle(&ring, false);
        __sync_synchronize();
        __atomic_store_n(&posting, i, __ATOMIC_RELEASE);
        pause_for(i % 41);
        rota_cq_eventfd_toggle(&ring, true);
        seen = rota_peek_cqe(&ring, &cqe) == 0;
        until(&posted, i);
        found += seen;
        lost += !seen && !signalled;
        rota_cq_advance(&ring, 1);
    }
    pthread_join(thread, NULL);
    is_int(lost, 0, "of %u completions none is neither found nor signalled", rounds);
    diag("%u were found by the peek", found);
    return done();
}
