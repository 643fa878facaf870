/* SPDX-License-Identifier: MIT */
/* Rings that a thread has registered: sixteen indices of its own, each of which keeps its ring. */
#include <pthread.h>

#include "emulate/hooks.h"
#include "emulate/inside.h"
#include "emulate/resources.h"

#define INDICES 16u

static _Thread_local struct {
    struct emulate_ring *ring[INDICES];
    uint32_t forks; /* of which process they are */
    bool ends;      /* the key's destructor will run */
    bool late;      /* it runs for the second time */
} mine;

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;

static void drop(unsigned index)
{
    struct emulate_ring *ring = mine.ring[index];

    mine.ring[index] = NULL;
    if (!ring)
        return;
    emulate_lock_take(&ring->lock);
    emulate_ring_drop(ring);
}

/* The thread ends. What else ends with it may need the rings once more, so it goes first. */
static void drop_all(void *unused)
{
    (void)unused;
    if (!mine.late) {
        mine.late = true;
        if (!pthread_setspecific(key, &mine))
            return;
    }
    for (unsigned i = 0; i < INDICES && mine.forks == emulate_forks; i++)
        drop(i);
}

static void make_key(void)
{
    (void)pthread_key_create(&key, drop_all);
}

/* In the child of a fork none of the parent's count. */
static void renew(void)
{
    if (mine.forks != emulate_forks) {
        for (unsigned i = 0; i < INDICES; i++)
            mine.ring[i] = NULL;
        mine.forks = emulate_forks;
        mine.ends = false;
    }
    if (!mine.ends) {
        (void)pthread_once(&once, make_key);
        mine.ends = !pthread_setspecific(key, &mine);
    }
}

struct emulate_ring *emulate_registered(unsigned index)
{
    return index < INDICES && mine.forks == emulate_forks ? mine.ring[index] : NULL;
}

void emulate_registered_begin(void)
{
    renew();
}

int emulate_not_registered(unsigned index)
{
    return index < INDICES && mine.ends && mine.forks == emulate_forks ? -EBADF : -EINVAL;
}

/* The ring is locked. An index from `start` up to `end`, or -EBUSY. */
static int add(struct emulate_ring *ring, unsigned start, unsigned end)
{
    renew();
    for (unsigned i = start; i < end; i++) {
        if (mine.ring[i])
            continue;
        mine.ring[i] = ring;
        emulate_ring_hold(ring);
        return (int)i;
    }
    return -EBUSY;
}

int emulate_registered_add(struct emulate_ring *ring)
{
    return add(ring, 0, INDICES);
}

/* The same for the ring of a descriptor, `ring` being the one that is locked. */
static int add_descriptor(struct emulate_ring *ring, int fd, unsigned start, unsigned end)
{
    struct emulate_ring *other;
    int ret;

    if (fd == ring->fd)
        return add(ring, start, end);
    other = emulate_ring_lock_also(ring, fd);
    if (!other)
        return emulate_not_a_ring(fd);
    ret = add(other, start, end);
    emulate_ring_unlock(other);
    return ret;
}

/* Gives up an index, the ring of this call being locked. */
static void give_up(struct emulate_ring *ring, unsigned index)
{
    struct emulate_ring *other = emulate_registered(index);

    if (other == ring) {
        /* The call itself holds it as well, and gives the lock up at its end. */
        mine.ring[index] = NULL;
        ring->holds--;
    } else {
        /* Two rings that give up each other must not wait with their locks held; the call holds this one. */
        emulate_ring_unlock(ring);
        drop(index);
        emulate_lock_take(&ring->lock);
    }
}

int emulate_hook_register_ring_fds(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    uint32_t done;
    int ret = 0;

    if (!nr || nr > INDICES)
        return -EINVAL;
    for (done = 0; done < nr; done++) {
        uint64_t at = (uintptr_t)arg + done * sizeof(struct io_uring_rsrc_update);
        struct io_uring_rsrc_update entry;
        unsigned start = 0, end = INDICES;

        ret = emulate_copy_in(&entry, at, sizeof(entry));
        if (ret)
            break;
        if (entry.resv) {
            ret = -EINVAL;
            break;
        }
        if (entry.offset != UINT32_MAX) {
            if (entry.offset >= INDICES) {
                ret = -EINVAL;
                break;
            }
            start = entry.offset;
            end = start + 1;
        }
        ret = add_descriptor(ring, (int)entry.data, start, end);
        if (ret < 0)
            break;
        entry.offset = (uint32_t)ret;
        ret = emulate_copy_out(at, &entry, sizeof(entry));
        if (ret) {
            give_up(ring, entry.offset);
            break;
        }
    }
    return done ? (int)done : ret;
}

int emulate_hook_unregister_ring_fds(struct emulate_ring *ring, void *arg, uint32_t nr)
{
    uint32_t done;
    int ret = 0;

    if (!nr || nr > INDICES)
        return -EINVAL;
    for (done = 0; done < nr; done++) {
        struct io_uring_rsrc_update entry;

        ret = emulate_copy_in(&entry, (uintptr_t)arg + done * sizeof(entry), sizeof(entry));
        if (ret)
            break;
        if (entry.resv || entry.data || entry.offset >= INDICES) {
            ret = -EINVAL;
            break;
        }
        if (emulate_registered(entry.offset))
            give_up(ring, entry.offset);
    }
    return done ? (int)done : ret;
}
