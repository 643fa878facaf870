/* SPDX-License-Identifier: MIT */
/*
 * Linked into the tests of a build with -Dwatch=true: every ring is watched
 * from its making to its end, see <rota/watch.h>. A test that has nothing
 * wrong with its memory is told nothing; one that is told something fails.
 */
#include <rota.h>
#include <rota/watch.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define RINGS 1024 /* alive at the same time; others are not watched */
#define ROOM  256

static struct entry {
    _Atomic(struct rota_ring *) ring;
    pid_t process;
    struct rota_watch watch;
    struct rota_loan loans[ROOM];
} entries[RINGS];

static atomic_uint mistakes, watched, most;

void __real_rota_submit_choose(struct rota_ring *ring);
void __wrap_rota_submit_choose(struct rota_ring *ring);
void __real_rota_caps_try(struct rota_caps *caps, struct rota_ring *ring);
void __wrap_rota_caps_try(struct rota_caps *caps, struct rota_ring *ring);
void __real_rota_queue_exit(struct rota_ring *ring);
void __wrap_rota_queue_exit(struct rota_ring *ring);

static void note(struct rota_watch *watch, enum rota_watch_kind kind,
                 const struct io_uring_sqe *sqe, const char *text)
{
    (void)watch;
    (void)kind;
    (void)sqe;
    mistakes++;
    fprintf(stderr, "# watched: %s\n", text);
}

static struct entry *entry_of(const struct rota_ring *ring)
{
    for (unsigned i = 0; i < most; i++) {
        if (entries[i].ring == ring)
            return &entries[i];
    }
    return NULL;
}

static struct entry *new_entry(struct rota_ring *ring)
{
    for (unsigned i = 0; i < RINGS; i++) {
        struct rota_ring *none = NULL;

        if (!atomic_compare_exchange_strong(&entries[i].ring, &none, ring))
            continue;
        for (unsigned n = most; n <= i;) {
            if (atomic_compare_exchange_weak(&most, &n, i + 1))
                break;
        }
        return &entries[i];
    }
    return NULL;
}

/* The last thing that is done to a ring that is made; later it is asked for again. */
void __wrap_rota_submit_choose(struct rota_ring *ring)
{
    struct entry *entry;

    __real_rota_submit_choose(ring);
    if (ring->submit_hook || !ring->sq.sqes)
        return;
    entry = entry_of(ring);
    if (!entry)
        entry = new_entry(ring);
    if (!entry)
        return;
    entry->process = getpid();
    if (rota_watch_begin(&entry->watch, ring, entry->loans, ROOM, note, NULL) == 0)
        watched++;
    else
        entry->ring = NULL;
}

void __wrap_rota_queue_exit(struct rota_ring *ring)
{
    struct entry *entry = ring ? entry_of(ring) : NULL;

    if (entry) {
        /* A test may have taken the hook for itself; a child may lack the queues. */
        if (ring->submit_hook && ring->submit_data == &entry->watch && entry->process == getpid())
            rota_watch_end(&entry->watch);
        entry->ring = NULL;
    }
    __real_rota_queue_exit(ring);
}

/* Trials of capabilities are wrong on purpose: the kernel is to refuse them. */
void __wrap_rota_caps_try(struct rota_caps *caps, struct rota_ring *ring)
{
    rota_on_submit(ring, NULL, NULL);
    __real_rota_caps_try(caps, ring);
}

#ifdef ROTA_WATCH_ASAN
/* Rings that belong to the thread: others may be submitting to theirs. */
static void on_free(const volatile void *memory)
{
    const int thread = (int)syscall(SYS_gettid);

    if (!memory)
        return;
    for (unsigned i = 0; i < most; i++) {
        struct rota_ring *ring = entries[i].ring;

        if (ring && ring->owner == thread && ring->submit_data == &entries[i].watch)
            rota_watch_freed(&entries[i].watch, (const void *)(uintptr_t)memory,
                             __sanitizer_get_allocated_size(memory));
    }
}

__attribute__((constructor)) static void begin(void)
{
    __sanitizer_install_malloc_and_free_hooks(rota_watch_on_malloc, on_free);
}
#endif

__attribute__((destructor)) static void end(void)
{
    if (getenv("ROTA_WATCHED"))
        fprintf(stderr, "# watched: %u rings\n", watched);
    if (mistakes) {
        fprintf(stderr, "# watched: %u mistakes\n", mistakes);
        _exit(99);
    }
}
