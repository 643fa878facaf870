/* SPDX-License-Identifier: MIT */
/* Rings: set-up, by descriptor, tear-down, and the table of calls that all of it is reached through. */
#include "emulate/emulate.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "emulate/inside.h"
#include "ring/setup_rules.h"

/* All of IORING_SETUP_* but polling of devices. */
#define SETUP_KNOWN                                                                         \
    (IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF | IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP | \
     IORING_SETUP_ATTACH_WQ | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL |           \
     IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_SQE128 |          \
     IORING_SETUP_CQE32 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |         \
     IORING_SETUP_NO_MMAP | IORING_SETUP_REGISTERED_FD_ONLY | IORING_SETUP_NO_SQARRAY |     \
     IORING_SETUP_CQE_MIXED | IORING_SETUP_SQE_MIXED | IORING_SETUP_SQ_REWIND)

/* All but attributes of reads and writes, which only a device can take. */
#define FEATURES                                                                        \
    (IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE |         \
     IORING_FEAT_RW_CUR_POS | IORING_FEAT_CUR_PERSONALITY | IORING_FEAT_FAST_POLL |     \
     IORING_FEAT_POLL_32BITS | IORING_FEAT_SQPOLL_NONFIXED | IORING_FEAT_EXT_ARG |      \
     IORING_FEAT_NATIVE_WORKERS | IORING_FEAT_RSRC_TAGS | IORING_FEAT_CQE_SKIP |        \
     IORING_FEAT_LINKED_FILE | IORING_FEAT_REG_REG_RING | IORING_FEAT_RECVSEND_BUNDLE | \
     IORING_FEAT_MIN_TIMEOUT | IORING_FEAT_NO_IOWAIT)

/*
 * Where the words stand. What we write and what the application writes share
 * no cache line.
 */
enum {
    AT_SQ_HEAD = 0,
    AT_CQ_TAIL = 4,
    AT_SQ_FLAGS = 8,
    AT_SQ_DROPPED = 12,
    AT_CQ_OVERFLOW = 16,
    AT_SQ_MASK = 20,
    AT_SQ_ENTRIES = 24,
    AT_CQ_MASK = 28,
    AT_CQ_ENTRIES = 32,
    AT_SQ_TAIL = 64,
    AT_CQ_HEAD = 68,
    AT_CQ_FLAGS = 72,
    AT_CQES = 128,
};

/*
 * Rings by descriptor. A ring's memory is never given back to malloc, only to
 * the next ring: so a thread that comes too late finds a lock to take, and that
 * the ring is another.
 */
#define CHUNK  1024u
#define CHUNKS 1024u
static struct emulate_ring **chunks[CHUNKS];
static struct emulate_ring *unused;
static pthread_mutex_t rings_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static uint32_t workers_default = 4;
static _Thread_local int thread_id;
static _Thread_local uint32_t thread_forks;

uint32_t emulate_forks;

static void before_fork(void)
{
    pthread_mutex_lock(&rings_lock);
    emulate_memory_fork(true);
}

static void after_fork(void)
{
    emulate_memory_fork(false);
    pthread_mutex_unlock(&rings_lock);
}

static void after_fork_in_child(void)
{
    emulate_forks++;
    after_fork();
}

static void register_forks(void)
{
    (void)pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

int emulate_thread(void)
{
    if (!thread_id || thread_forks != emulate_forks) {
        thread_id = (int)syscall(SYS_gettid);
        thread_forks = emulate_forks;
    }
    return thread_id;
}

/* The place of `fd` in the table; NULL when there is none, and `make` did not help. */
static struct emulate_ring **place(int fd, bool make)
{
    struct emulate_ring **chunk;
    unsigned number = (unsigned)fd;

    if (number >= CHUNK * CHUNKS)
        return NULL;
    /* Acquire: pairs with the release below, so that the chunk is seen empty at least. */
    chunk = __atomic_load_n(&chunks[number / CHUNK], __ATOMIC_ACQUIRE);
    if (!chunk && make) {
        chunk = calloc(CHUNK, sizeof(struct emulate_ring *));
        __atomic_store_n(&chunks[number / CHUNK], chunk, __ATOMIC_RELEASE);
    }
    return chunk ? &chunk[number % CHUNK] : NULL;
}

static struct emulate_ring *find(int fd)
{
    struct emulate_ring **where = place(fd, false);

    /* Acquire: pairs with the release of setup, after the ring was filled. */
    return where ? __atomic_load_n(where, __ATOMIC_ACQUIRE) : NULL;
}

bool emulate_ring_is(int fd)
{
    bool busy = false;
    struct emulate_ring *ring = emulate_ring_trylock(fd, &busy);

    if (ring)
        emulate_ring_unlock(ring);
    return ring || busy;
}

static bool is_ours(const struct emulate_ring *ring, int fd)
{
    return ring->fd == fd && ring->forks == emulate_forks && !ring->closing;
}

/* The first descriptor that an epoll watches, as /proc tells it; -1 for what is no epoll. */
static int first_watched(int fd)
{
    char name[40], text[256];
    const char *found;
    ssize_t length;
    int file;

    snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    file = open(name, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return -1;
    length = read(file, text, sizeof(text) - 1);
    close(file);
    text[length < 0 ? 0 : length] = '\0';
    found = strstr(text, "tfd:");
    return found ? atoi(found + 4) : -1;
}

/* The ring whose descriptor `fd` is a copy of, locked: both are the same epoll. NULL: it is none. */
static struct emulate_ring *lock_original(int fd)
{
    int watched = fd < 0 ? -1 : first_watched(fd);

    for (unsigned i = 0; watched >= 0 && i < CHUNKS; i++) {
        struct emulate_ring **chunk = __atomic_load_n(&chunks[i], __ATOMIC_ACQUIRE);

        for (unsigned j = 0; chunk && j < CHUNK; j++) {
            struct emulate_ring *ring = __atomic_load_n(&chunk[j], __ATOMIC_ACQUIRE);

            if (!ring || ring->forks != emulate_forks)
                continue;
            emulate_lock_take(&ring->lock);
            if (ring->fd >= 0 && !ring->closing &&
                (ring->event_fd == watched || ring->ready_fd == watched))
                return ring;
            emulate_lock_give(&ring->lock);
        }
    }
    return NULL;
}

struct emulate_ring *emulate_ring_lock(int fd)
{
    struct emulate_ring *ring = find(fd);

    if (!ring)
        return lock_original(fd);
    if (ring->forks != emulate_forks)
        return NULL;
    emulate_lock_take(&ring->lock);
    if (is_ours(ring, fd))
        return ring;
    emulate_lock_give(&ring->lock);
    return NULL;
}

struct emulate_ring *emulate_ring_trylock(int fd, bool *busy)
{
    struct emulate_ring *ring = find(fd);

    *busy = false;
    if (!ring || ring->forks != emulate_forks)
        return NULL;
    if (!emulate_lock_try(&ring->lock)) {
        *busy = true;
        return NULL;
    }
    if (is_ours(ring, fd))
        return ring;
    emulate_lock_give(&ring->lock);
    return NULL;
}

void emulate_ring_give_way(struct emulate_ring *ring, struct emulate_ring *other)
{
    if (ring)
        emulate_ring_unlock(ring);
    emulate_lock_take(&other->lock);
    emulate_lock_give(&other->lock);
    if (ring)
        emulate_lock_take(&ring->lock);
}

void emulate_ring_wait_for(struct emulate_ring *ring, int fd)
{
    struct emulate_ring *other = find(fd);

    if (other)
        emulate_ring_give_way(ring, other);
}

struct emulate_ring *emulate_ring_lock_also(struct emulate_ring *ring, int fd)
{
    struct emulate_ring *other;
    bool busy;

    while (!(other = emulate_ring_trylock(fd, &busy)) && busy)
        emulate_ring_wait_for(ring, fd);
    return other;
}

int emulate_not_a_ring(int fd)
{
    const struct emulate_ring *ring = find(fd);

    /* One of the parent's, before a fork, is none here. */
    if (ring && ring->fd == fd && ring->forks != emulate_forks)
        return -EBADF;
    return fcntl(fd, F_GETFD) < 0 ? -EBADF : -EOPNOTSUPP;
}

void emulate_ring_unlock(struct emulate_ring *ring)
{
    emulate_tell(ring);
    emulate_lock_give(&ring->lock);
}

/*
 * Set-up
 */

const uint64_t emulate_known_setup = SETUP_KNOWN;
const uint64_t emulate_known_features = FEATURES;
const uint64_t emulate_queue_header = AT_CQES;

static uint32_t power_of_two(uint32_t value)
{
    uint32_t power = 1;

    while (power < value)
        power *= 2;
    return power;
}

static bool flags_fit(uint32_t flags)
{
    if (flags & ~(uint32_t)SETUP_KNOWN)
        return false;
    for (const struct rota_setup_rule *rule = rota_setup_rules; rule->flag; rule++) {
        if (!(flags & rule->flag))
            continue;
        if ((flags & rule->needs) != rule->needs || (flags & rule->excludes))
            return false;
        if (rule->needs_one && !(flags & rule->needs_one))
            return false;
    }
    return true;
}

/* Rounds the entries as the kernel does. 0 or -EINVAL. */
static int size_queues(uint32_t entries, struct io_uring_params *p)
{
    uint32_t cq = p->cq_entries;

    if (!entries)
        return -EINVAL;
    if (entries > ROTA_SQ_ENTRIES_MOST) {
        if (!(p->flags & IORING_SETUP_CLAMP))
            return -EINVAL;
        entries = ROTA_SQ_ENTRIES_MOST;
    }
    p->sq_entries = power_of_two(entries);
    if (!(p->flags & IORING_SETUP_CQSIZE)) {
        p->cq_entries = 2 * p->sq_entries;
        return 0;
    }
    if (!cq)
        return -EINVAL;
    if (cq > ROTA_CQ_ENTRIES_MOST) {
        if (!(p->flags & IORING_SETUP_CLAMP))
            return -EINVAL;
        cq = ROTA_CQ_ENTRIES_MOST;
    }
    p->cq_entries = power_of_two(cq);
    return p->cq_entries < p->sq_entries ? -EINVAL : 0;
}

static size_t rings_bytes(const struct io_uring_params *p)
{
    size_t size = AT_CQES + ((size_t)p->cq_entries << (p->flags & IORING_SETUP_CQE32 ? 5 : 4));

    if (!(p->flags & IORING_SETUP_NO_SQARRAY))
        size += p->sq_entries * sizeof(uint32_t);
    return size;
}

static void set_pointers(struct emulate_queues *q, const struct io_uring_params *p)
{
    unsigned char *at = q->rings;

    q->sq_head = (uint32_t *)(void *)(at + AT_SQ_HEAD);
    q->sq_tail = (uint32_t *)(void *)(at + AT_SQ_TAIL);
    q->sq_flags = (uint32_t *)(void *)(at + AT_SQ_FLAGS);
    q->sq_dropped = (uint32_t *)(void *)(at + AT_SQ_DROPPED);
    q->cq_head = (uint32_t *)(void *)(at + AT_CQ_HEAD);
    q->cq_tail = (uint32_t *)(void *)(at + AT_CQ_TAIL);
    q->cq_overflow = (uint32_t *)(void *)(at + AT_CQ_OVERFLOW);
    q->cq_flags = (uint32_t *)(void *)(at + AT_CQ_FLAGS);
    q->cqes = at + AT_CQES;
    q->sq_array = NULL;
    if (!(p->flags & IORING_SETUP_NO_SQARRAY))
        q->sq_array = (uint32_t *)(void *)(at + p->sq_off.array);
    q->sq_entries = p->sq_entries;
    q->cq_entries = p->cq_entries;
    *(uint32_t *)(void *)(at + AT_SQ_MASK) = p->sq_entries - 1;
    *(uint32_t *)(void *)(at + AT_SQ_ENTRIES) = p->sq_entries;
    *(uint32_t *)(void *)(at + AT_CQ_MASK) = p->cq_entries - 1;
    *(uint32_t *)(void *)(at + AT_CQ_ENTRIES) = p->cq_entries;
}

static void answer(struct io_uring_params *p)
{
    uint64_t rings = p->cq_off.user_addr, sqes = p->sq_off.user_addr;

    memset(&p->sq_off, 0, sizeof(p->sq_off));
    memset(&p->cq_off, 0, sizeof(p->cq_off));
    p->sq_off.head = AT_SQ_HEAD;
    p->sq_off.tail = AT_SQ_TAIL;
    p->sq_off.ring_mask = AT_SQ_MASK;
    p->sq_off.ring_entries = AT_SQ_ENTRIES;
    p->sq_off.flags = AT_SQ_FLAGS;
    p->sq_off.dropped = AT_SQ_DROPPED;
    if (!(p->flags & IORING_SETUP_NO_SQARRAY))
        p->sq_off.array = AT_CQES + (p->cq_entries << (p->flags & IORING_SETUP_CQE32 ? 5 : 4));
    p->cq_off.head = AT_CQ_HEAD;
    p->cq_off.tail = AT_CQ_TAIL;
    p->cq_off.ring_mask = AT_CQ_MASK;
    p->cq_off.ring_entries = AT_CQ_ENTRIES;
    p->cq_off.overflow = AT_CQ_OVERFLOW;
    p->cq_off.cqes = AT_CQES;
    p->cq_off.flags = AT_CQ_FLAGS;
    if (p->flags & IORING_SETUP_NO_MMAP) {
        p->cq_off.user_addr = rings;
        p->sq_off.user_addr = sqes;
    }
}

/* The queues that `p` (rounded, with its offsets) asks for. 0 or -errno. */
static int make_queues(struct emulate_queues *q, const struct io_uring_params *p)
{
    size_t page = emulate_page();
    size_t rings = (rings_bytes(p) + page - 1) / page * page;
    size_t sqes = (size_t)p->sq_entries << (p->flags & IORING_SETUP_SQE128 ? 7 : 6);

    memset(q, 0, sizeof(*q));
    if (p->flags & IORING_SETUP_NO_MMAP) {
        uint64_t at[2] = {p->cq_off.user_addr, p->sq_off.user_addr};

        const uint64_t size[2] = {rings_bytes(p), sqes};

        for (unsigned i = 0; i < 2; i++) {
            if (at[i] % page)
                return -EINVAL;
            if (!at[i] || emulate_check_memory(at[i], size[i]) < 0)
                return -EFAULT;
        }
        q->rings = (unsigned char *)(uintptr_t)at[0];
        q->sqes = (unsigned char *)(uintptr_t)at[1];
        memset(q->rings, 0, rings_bytes(p));
    } else {
        q->memory = emulate_memory_new(rings + sqes);
        if (!q->memory)
            return -ENOMEM;
        q->rings = q->memory->base;
        q->sqes = q->memory->base + rings;
    }
    set_pointers(q, p);
    return 0;
}

static struct emulate_ring *ring_new(void)
{
    struct emulate_ring *ring;

    pthread_mutex_lock(&rings_lock);
    ring = unused;
    if (ring)
        unused = ring->next_unused;
    pthread_mutex_unlock(&rings_lock);
    if (!ring) {
        ring = calloc(1, sizeof(*ring));
        if (!ring)
            return NULL;
    }
    emulate_lock_take(&ring->lock);
    memset((char *)ring + sizeof(ring->lock), 0, sizeof(*ring) - sizeof(ring->lock));
    ring->fd = -1;
    ring->ready_fd = -1;
    ring->event_fd = -1;
    ring->wake_fd = -1;
    ring->notify_fd = -1;
    ring->forks = emulate_forks;
    for (unsigned i = 0; i < EMULATE_CLOCKS; i++) {
        ring->clocks[i].fd = -1;
        ring->clocks[i].armed = UINT64_MAX;
    }
    emulate_list_init(&ring->all);
    emulate_list_init(&ring->deferred);
    emulate_list_init(&ring->starting);
    emulate_list_init(&ring->ending);
    emulate_list_init(&ring->retrying);
    emulate_list_init(&ring->counted);
    emulate_list_init(&ring->overflow);
    emulate_list_init(&ring->waiters);
    emulate_list_init(&ring->unchecked);
    ring->check_at = UINT64_MAX;
    ring->steady_enough = EMULATE_STEADY;
    return ring;
}

/* Frees what it owns; it is locked, then nobody's. */
static void ring_free(struct emulate_ring *ring)
{
    const int fds[] = {ring->fd, ring->ready_fd, ring->event_fd, ring->wake_fd, ring->notify_fd};
    struct emulate_request *request;

    while (!emulate_list_empty(&ring->overflow)) {
        struct emulate_list *link = ring->overflow.next;

        emulate_list_del(link);
        free(EMULATE_ELEMENT(link, struct emulate_overflow, node));
    }
    while (!emulate_list_empty(&ring->all)) {
        request = EMULATE_ELEMENT(ring->all.next, struct emulate_request, all);
        emulate_list_del(&request->all);
        emulate_request_drop(ring, request);
    }
    emulate_resources_free(ring);
    emulate_timers_free(ring);
    emulate_files_free(ring);
    while ((request = ring->free)) {
        ring->free = request->next_free;
        free(request);
    }
    free(ring->hash);
    emulate_memory_put(ring->queues.memory);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    ring->fd = -1;
    ring->closing = true;
    emulate_lock_give(&ring->lock);
    pthread_mutex_lock(&rings_lock);
    ring->next_unused = unused;
    unused = ring;
    pthread_mutex_unlock(&rings_lock);
}

/* The epolls and eventfds. 0 or -errno. */
static int make_descriptors(struct emulate_ring *ring)
{
    struct epoll_event event = {.events = EPOLLIN};

    ring->fd = epoll_create1(EPOLL_CLOEXEC);
    ring->ready_fd = epoll_create1(EPOLL_CLOEXEC);
    ring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    ring->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (ring->fd < 0 || ring->ready_fd < 0 || ring->event_fd < 0 || ring->wake_fd < 0)
        return -errno;
    event.data.u64 = EMULATE_EVENT_WAKE;
    if (epoll_ctl(ring->ready_fd, EPOLL_CTL_ADD, ring->wake_fd, &event) < 0 ||
        epoll_ctl(ring->fd, EPOLL_CTL_ADD, ring->event_fd, &event) < 0 ||
        epoll_ctl(ring->fd, EPOLL_CTL_ADD, ring->ready_fd, &event) < 0)
        return -errno;
    return emulate_timers_start(ring);
}

/* Puts the ring into the table. One that was closed behind our back is told so. 0 or -ENOMEM. */
static int publish(struct emulate_ring *ring)
{
    struct emulate_ring **where, *stale = NULL;

    pthread_mutex_lock(&rings_lock);
    where = place(ring->fd, true);
    if (where) {
        stale = *where;
        __atomic_store_n(where, ring, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&rings_lock);
    if (stale && stale->forks == emulate_forks) {
        emulate_lock_take(&stale->lock);
        stale->fd = -1; /* the number is ours now */
        if (!stale->closing && !stale->holds)
            emulate_ring_close(stale);
        else
            emulate_lock_give(&stale->lock);
    }
    return where ? 0 : -ENOMEM;
}

static int check_params(struct io_uring_params *p)
{
    const uint32_t both_cqe = IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED;
    const uint32_t both_sqe = IORING_SETUP_SQE128 | IORING_SETUP_SQE_MIXED;

    for (unsigned i = 0; i < sizeof(p->resv) / sizeof(p->resv[0]); i++) {
        if (p->resv[i])
            return -EINVAL;
    }
    if (!flags_fit(p->flags) || (p->flags & both_cqe) == both_cqe ||
        (p->flags & both_sqe) == both_sqe)
        return -EINVAL;
    if (p->flags & IORING_SETUP_ATTACH_WQ) {
        struct emulate_ring *other = emulate_ring_lock((int)p->wq_fd);
        bool fits;

        if (!other)
            return fcntl((int)p->wq_fd, F_GETFD) < 0 ? -ENXIO : -EINVAL;
        fits = !(p->flags & IORING_SETUP_SQPOLL) || (other->flags & IORING_SETUP_SQPOLL);
        emulate_ring_unlock(other);
        if (!fits)
            return -EINVAL;
    }
    return 0;
}

static int setup(uint32_t entries, struct io_uring_params *user)
{
    struct io_uring_params params, *p = &params;
    struct emulate_ring *ring;
    int ret;

    if (emulate_copy_in(p, (uintptr_t)user, sizeof(*p)) < 0)
        return -EFAULT;
    ret = check_params(p);
    if (!ret)
        ret = size_queues(entries, p);
    if (ret)
        return ret;
    if ((p->flags & IORING_SETUP_SQE_MIXED && p->sq_entries < 2) ||
        (p->flags & IORING_SETUP_CQE_MIXED && p->cq_entries < 2))
        return -EOVERFLOW;
    (void)pthread_once(&once, register_forks);
    emulate_registered_begin();
    ring = ring_new();
    if (!ring)
        return -ENOMEM;
    ring->flags = p->flags;
    ring->features = FEATURES;
    ring->disabled = (p->flags & IORING_SETUP_R_DISABLED) != 0;
    ring->sqe_shift = p->flags & IORING_SETUP_SQE128 ? 7 : 6;
    ring->cqe_shift = p->flags & IORING_SETUP_CQE32 ? 5 : 4;
    ring->clock_id = CLOCK_MONOTONIC;
    ring->idle = p->sq_thread_idle;
    ring->cpu = p->flags & IORING_SETUP_SQ_AFF ? p->sq_thread_cpu : UINT32_MAX;
    ring->workers_most[0] = __atomic_load_n(&workers_default, __ATOMIC_RELAXED);
    ring->workers_most[1] = ring->workers_most[0];
    if ((p->flags & IORING_SETUP_SINGLE_ISSUER) && !ring->disabled)
        ring->submitter = emulate_thread();
    answer(p);
    ret = make_queues(&ring->queues, p);
    if (ret)
        goto fail;
    ring->hash_mask = p->sq_entries < 64 ? 63 : p->sq_entries > 4096 ? 4095 : p->sq_entries - 1;
    ring->hash = calloc(ring->hash_mask + 1, sizeof(struct emulate_request *));
    if (!ring->hash) {
        ret = -ENOMEM;
        goto fail;
    }
    ret = make_descriptors(ring);
    if (ret)
        goto fail;
    if ((p->flags & IORING_SETUP_SQPOLL) && !ring->disabled) {
        ret = emulate_watch_start(ring);
        if (ret)
            goto fail;
    }
    p->features = FEATURES;
    ret = emulate_copy_out((uintptr_t)user, p, sizeof(*p));
    if (ret)
        goto fail;
    ret = ring->fd;
    if (p->flags & IORING_SETUP_REGISTERED_FD_ONLY) {
        ret = emulate_registered_add(ring);
        if (ret < 0)
            goto fail;
        close(ring->fd);
        ring->fd = -1;
        emulate_lock_give(&ring->lock);
        return ret;
    }
    if (publish(ring) < 0) {
        ret = -ENOMEM;
        goto fail;
    }
    emulate_lock_give(&ring->lock);
    return ret;

fail:
    emulate_ring_close(ring);
    return ret;
}

int emulate_ring_enable(struct emulate_ring *ring)
{
    if (!ring->disabled)
        return -EBADFD;
    if ((ring->flags & IORING_SETUP_SINGLE_ISSUER) && !ring->submitter)
        ring->submitter = emulate_thread();
    ring->disabled = false;
    return ring->flags & IORING_SETUP_SQPOLL ? emulate_watch_start(ring) : 0;
}

/*
 * New queues take over what is in the old ones: SQEs not taken yet and CQEs not
 * seen yet, at the same indices.
 */
int emulate_ring_resize(struct emulate_ring *ring, struct io_uring_params *p)
{
    const uint32_t may = IORING_SETUP_CQSIZE | IORING_SETUP_CLAMP;
    const uint32_t keeps = IORING_SETUP_NO_SQARRAY | IORING_SETUP_SQE128 | IORING_SETUP_CQE32 |
                           IORING_SETUP_NO_MMAP | IORING_SETUP_CQE_MIXED | IORING_SETUP_SQE_MIXED;
    struct emulate_queues old = ring->queues, new;
    uint32_t entries = p->sq_entries;
    uint32_t sq_tail, cq_head, flags = p->flags;
    int ret;

    if (!(ring->flags & IORING_SETUP_DEFER_TASKRUN))
        return -EINVAL;
    if (flags & ~(may | IORING_SETUP_NO_MMAP) || ((flags ^ ring->flags) & IORING_SETUP_NO_MMAP))
        return -EINVAL;
    p->flags = flags | (ring->flags & keeps);
    ret = size_queues(entries, p);
    if (ret)
        return ret;
    answer(p);
    sq_tail = __atomic_load_n(old.sq_tail, __ATOMIC_ACQUIRE);
    cq_head = __atomic_load_n(old.cq_head, __ATOMIC_ACQUIRE);
    if (sq_tail - ring->sq_head > p->sq_entries || ring->cq_tail - cq_head > p->cq_entries)
        return -EOVERFLOW;
    ret = make_queues(&new, p);
    if (ret)
        return ret;
    for (uint32_t i = ring->sq_head; i != sq_tail; i++) {
        size_t size = (size_t)1 << ring->sqe_shift;
        size_t from = (i & (old.sq_entries - 1)) * size, to = (i & (new.sq_entries - 1)) * size;

        memcpy(new.sqes + to, old.sqes + from, size);
    }
    for (uint32_t i = cq_head; i != ring->cq_tail; i++) {
        size_t size = (size_t)1 << ring->cqe_shift;
        size_t from = (i & (old.cq_entries - 1)) * size, to = (i & (new.cq_entries - 1)) * size;

        memcpy(new.cqes + to, old.cqes + from, size);
    }
    *new.sq_head = ring->sq_head;
    *new.sq_tail = sq_tail;
    *new.cq_head = cq_head;
    *new.cq_tail = ring->cq_tail;
    *new.sq_flags = *old.sq_flags;
    *new.sq_dropped = *old.sq_dropped;
    *new.cq_overflow = *old.cq_overflow;
    *new.cq_flags = *old.cq_flags;
    ring->queues = new;
    emulate_memory_put(old.memory);
    p->features = ring->features;
    return 0;
}

/*
 * Tear-down
 */

/* The last reference has gone: locked, then nobody's. Threads inside leave first. */
void emulate_ring_close(struct emulate_ring *ring)
{
    ring->closing = true;
    emulate_watch_wake(ring);
    if (ring->users) {
        emulate_wake(ring);
        emulate_lock_give(&ring->lock);
        return; /* the last one to leave comes here again */
    }
    emulate_lock_give(&ring->lock);
    emulate_watch_end(ring);
    emulate_workers_end(ring);
    emulate_lock_take(&ring->lock);
    ring_free(ring);
}

void emulate_ring_hold(struct emulate_ring *ring)
{
    ring->holds++;
}

void emulate_ring_drop(struct emulate_ring *ring)
{
    if (!--ring->holds && ring->fd < 0 && !ring->closing)
        emulate_ring_close(ring);
    else
        emulate_ring_unlock(ring);
}

/* In the child of a fork: the parent's epolls and timers are left as they are, and its threads are not here. */
static void forget(struct emulate_ring *ring)
{
    struct emulate_pool *pool = ring->pool;
    struct emulate_watcher *watch = ring->watch;

    ring->lock.word = 1; /* whoever held it is not here */
    ring->pool = NULL;
    ring->watch = NULL;
    ring->fd = ring->fd < 0 ? -1 : ring->fd;
    ring_free(ring);
    emulate_workers_forget(pool);
    emulate_watch_forget(watch);
}

static int close_ring(int fd)
{
    struct emulate_ring **where, *ring;

    pthread_mutex_lock(&rings_lock);
    where = place(fd, false);
    ring = where ? *where : NULL;
    if (ring && ring->fd == fd)
        __atomic_store_n(where, NULL, __ATOMIC_RELEASE);
    else
        ring = NULL;
    pthread_mutex_unlock(&rings_lock);
    if (!ring)
        return close(fd) < 0 ? -errno : 0;
    if (ring->forks != emulate_forks) {
        forget(ring);
        return 0;
    }
    emulate_lock_take(&ring->lock);
    close(ring->fd);
    ring->fd = -1;
    if (ring->holds || ring->closing)
        emulate_ring_unlock(ring);
    else
        emulate_ring_close(ring);
    return 0;
}

/*
 * The table
 */

static int reg(int fd, uint32_t opcode, const void *arg, uint32_t nr_args)
{
    struct emulate_ring *ring = NULL;
    bool registered = opcode & IORING_REGISTER_USE_REGISTERED_RING;
    int ret;

    opcode &= ~IORING_REGISTER_USE_REGISTERED_RING;
    if (opcode >= IORING_REGISTER_LAST)
        return -EINVAL;
    if (registered) {
        ring = emulate_registered((unsigned)fd);
        if (!ring)
            return emulate_not_registered((unsigned)fd);
        emulate_lock_take(&ring->lock);
    } else if (fd != -1) {
        ring = emulate_ring_lock(fd);
        if (!ring)
            return emulate_not_a_ring(fd);
    }
    if (ring && ring->submitter && ring->submitter != emulate_thread()) {
        emulate_ring_unlock(ring);
        return -EEXIST;
    }
    /* It may give up the last index of this very ring. */
    if (ring)
        emulate_ring_hold(ring);
    ret = emulate_register(ring, opcode, (void *)(uintptr_t)arg, nr_args);
    if (ring) {
        emulate_settle(ring);
        emulate_ring_drop(ring);
    }
    return ret;
}

static int map(size_t size, int fd, uint64_t offset, void **address)
{
    struct emulate_ring *ring;
    struct emulate_memory *memory = NULL;
    unsigned char *at = NULL;
    int ret = 0;

    if (fd == -1) {
        *address = mmap(NULL, size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | (int)offset, -1, 0);
        return *address == MAP_FAILED ? -errno : 0;
    }
    ring = emulate_ring_lock(fd);
    if (!ring)
        return -EBADF;
    switch (offset & IORING_OFF_MMAP_MASK) {
    case IORING_OFF_SQ_RING:
    case IORING_OFF_CQ_RING:
        memory = ring->queues.memory;
        at = ring->queues.rings;
        break;
    case IORING_OFF_SQES:
        memory = ring->queues.memory;
        at = ring->queues.sqes;
        break;
    default:
        memory = emulate_resource_memory(ring, offset);
        at = memory ? memory->base : NULL;
        break;
    }
    if (!memory || size > (size_t)(memory->base + memory->size - at))
        ret = -EINVAL;
    else
        emulate_memory_get(memory);
    *address = at;
    emulate_ring_unlock(ring);
    return ret;
}

static int clock_now(int clock_id, struct __kernel_timespec *now)
{
    struct timespec ts;

    if (clock_gettime(clock_id, &ts) < 0)
        return -errno;
    now->tv_sec = ts.tv_sec;
    now->tv_nsec = ts.tv_nsec;
    return 0;
}

const struct rota_kernel rota_kernel_emulated = {
    .setup = setup,
    .enter = emulate_enter,
    .reg = reg,
    .map = map,
    .unmap = emulate_memory_unmap,
    .close = close_ring,
    .clock = clock_now,
    .kind = ROTA_KERNEL_EMULATED,
};

int rota_emulate_workers(unsigned most)
{
    if (most > EMULATE_WORKERS_MOST)
        return -EINVAL;
    return (int)__atomic_exchange_n(&workers_default, most, __ATOMIC_RELAXED);
}
