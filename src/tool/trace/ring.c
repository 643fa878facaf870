/* SPDX-License-Identifier: MIT */
/* Reads the shared memory of another process's ring; see ring.h. */
#include "tool/trace/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

/* Far above what any kernel takes; no size below wraps. */
#define MOST_ENTRIES (1U << 24)

static uint32_t sqe_shift(const struct ring *ring)
{
    return ring_flags(ring) & IORING_SETUP_SQE128 ? 7 : 6;
}

static uint32_t cqe_shift(const struct ring *ring)
{
    return ring_flags(ring) & IORING_SETUP_CQE32 ? 5 : 4;
}

static bool has_array(const struct ring *ring)
{
    return !(ring_flags(ring) & IORING_SETUP_NO_SQARRAY);
}

static bool is_power_of_two(uint32_t value)
{
    return value && !(value & (value - 1));
}

/* True when an aligned word at `offset` lies inside. */
static bool word_fits(uint32_t offset, size_t size)
{
    return !(offset & 3) && size >= 4 && offset <= size - 4;
}

/* Whether what the kernel answered describes memory, and how much of it. */
static bool measure(struct ring *ring)
{
    const struct io_uring_params *p = &ring->params;
    uint64_t array_end = 0, cqe_end;

    if (!is_power_of_two(p->sq_entries) || !is_power_of_two(p->cq_entries) ||
        p->sq_entries > MOST_ENTRIES || p->cq_entries > MOST_ENTRIES)
        return false;
    if (has_array(ring))
        array_end = p->sq_off.array + (uint64_t)p->sq_entries * sizeof(uint32_t);
    cqe_end = p->cq_off.cqes + ((uint64_t)p->cq_entries << cqe_shift(ring));
    ring->queues_size = (size_t)(array_end > cqe_end ? array_end : cqe_end);
    ring->sqes_size = (size_t)p->sq_entries << sqe_shift(ring);
    return word_fits(p->sq_off.head, ring->queues_size) &&
           word_fits(p->sq_off.tail, ring->queues_size) &&
           word_fits(p->sq_off.flags, ring->queues_size) &&
           word_fits(p->sq_off.dropped, ring->queues_size) &&
           word_fits(p->cq_off.head, ring->queues_size) &&
           word_fits(p->cq_off.tail, ring->queues_size) &&
           word_fits(p->cq_off.overflow, ring->queues_size) && !(p->cq_off.cqes & 7) &&
           !(p->sq_off.array & 3);
}

static bool read_other(int pid, uint64_t address, void *to, size_t size)
{
    struct iovec local = {to, size};
    struct iovec remote = {(void *)(uintptr_t)address, size};

    return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

size_t backed_size(const void *memory, size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), done = 0;
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return 0;
    while (done < size) {
        struct iovec bytes[64];
        char drained[64];
        ssize_t copied;
        int count = 0;

        for (size_t at = done; at < size && count < 64; at += page)
            bytes[count++] = (struct iovec){(char *)(uintptr_t)memory + at, 1};
        copied = writev(ends[1], bytes, count);
        if (copied > 0) {
            done += (size_t)copied * page;
            if (read(ends[0], drained, sizeof(drained)) < 0)
                break;
        }
        if (copied != count)
            break;
    }
    close(ends[0]);
    close(ends[1]);
    return done;
}

static const unsigned char *map(int file, size_t size, uint64_t offset)
{
    void *memory = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_POPULATE, file, (off_t)offset);

    if (memory == MAP_FAILED)
        return NULL;
    if (backed_size(memory, size) < size) {
        munmap(memory, size);
        errno = EFAULT;
        return NULL;
    }
    return memory;
}

int ring_attach(struct ring *ring, int file)
{
    int ret = -EPROTO;

    ring->file = file;
    if (!measure(ring))
        goto fail;
    ring->mapped = !(ring_flags(ring) & IORING_SETUP_NO_MMAP);
    ret = -EOPNOTSUPP;
    if (!ring->mapped && !ring->params.cq_off.user_addr)
        goto fail;
    if (ring->mapped) {
        ring->queues = map(file, ring->queues_size, IORING_OFF_SQ_RING);
        ret = -errno;
        if (!ring->queues)
            goto fail;
        ring->sqes = map(file, ring->sqes_size, IORING_OFF_SQES);
        ret = -errno;
        if (!ring->sqes)
            goto fail;
    } else {
        unsigned char *queues = calloc(1, ring->queues_size);

        ring->remote_sqes = ring->params.sq_off.user_addr;
        ring->remote_queues = ring->params.cq_off.user_addr;
        ring->queues = queues;
        ret = -ENOMEM;
        if (!queues)
            goto fail;
    }
    ring->snapshots = calloc(ring->params.sq_entries, sizeof(*ring->snapshots));
    if (!ring->snapshots) {
        ret = -ENOMEM;
        goto fail;
    }
    return 0;

fail:
    ring_detach(ring);
    return ret;
}

void ring_detach(struct ring *ring)
{
    if (ring->mapped) {
        if (ring->queues)
            munmap((void *)(uintptr_t)ring->queues, ring->queues_size);
        if (ring->sqes)
            munmap((void *)(uintptr_t)ring->sqes, ring->sqes_size);
    } else {
        free((void *)(uintptr_t)ring->queues);
    }
    ring->queues = ring->sqes = NULL;
    if (ring->snapshots) {
        for (uint32_t i = 0; i < ring->params.sq_entries; i++)
            free(ring->snapshots[i].text);
        free(ring->snapshots);
        ring->snapshots = NULL;
    }
    if (ring->file >= 0)
        close(ring->file);
    ring->file = -1;
}

/* Acquire: what lies before the index is read after it. */
static uint32_t word(const struct ring *ring, uint32_t offset)
{
    return __atomic_load_n((const uint32_t *)(const void *)(ring->queues + offset),
                           __ATOMIC_ACQUIRE);
}

bool ring_indices(struct ring *ring, struct indices *now)
{
    const struct io_uring_params *p = &ring->params;

    if (!ring->queues)
        return false;
    /* The indices lie in front of the CQEs. */
    if (!ring->mapped && !read_other(ring->pid, ring->remote_queues,
                                     (void *)(uintptr_t)ring->queues, p->cq_off.cqes))
        return false;
    now->sq_head = word(ring, p->sq_off.head);
    now->sq_tail = word(ring, p->sq_off.tail);
    now->sq_flags = word(ring, p->sq_off.flags);
    now->sq_dropped = word(ring, p->sq_off.dropped);
    now->cq_head = word(ring, p->cq_off.head);
    now->cq_tail = word(ring, p->cq_off.tail);
    now->cq_overflow = word(ring, p->cq_off.overflow);
    return true;
}

/* Copies a part of the queues' memory, or of the SQEs'. */
static bool copy(const struct ring *ring, bool of_sqes, uint64_t offset, void *to, size_t size)
{
    if (!ring->mapped)
        return read_other(ring->pid, (of_sqes ? ring->remote_sqes : ring->remote_queues) + offset,
                          to, size);
    if (!ring->queues)
        return false;
    memcpy(to, (of_sqes ? ring->sqes : ring->queues) + offset, size);
    return true;
}

unsigned ring_sqe(struct ring *ring, uint32_t position, unsigned char *sqe, bool *big,
                  bool *bad_slot)
{
    const struct io_uring_params *p = &ring->params;
    uint32_t slot = position & (p->sq_entries - 1);
    size_t size = (size_t)1 << sqe_shift(ring);
    const struct rota_op_info *op;

    *bad_slot = false;
    *big = size == 128;
    if (has_array(ring)) {
        if (!copy(ring, false, p->sq_off.array + slot * sizeof(uint32_t), &slot, sizeof(slot)))
            return 0;
        if (slot >= p->sq_entries) {
            *bad_slot = true;
            memset(sqe, 0, size);
            return 1;
        }
    }
    if (!copy(ring, true, (uint64_t)slot << sqe_shift(ring), sqe, size))
        return 0;
    if (!(ring_flags(ring) & IORING_SETUP_SQE_MIXED))
        return 1;
    op = rota_opcode_info(sqe[0]);
    if (!op || !op->big || slot + 1 >= p->sq_entries)
        return 1;
    *big = true;
    return copy(ring, true, (uint64_t)(slot + 1) << 6, sqe + 64, 64) ? 2 : 0;
}

unsigned ring_cqe(struct ring *ring, uint32_t position, struct completion *cqe)
{
    uint32_t slot = position & (ring->params.cq_entries - 1);
    uint64_t offset = ring->params.cq_off.cqes + ((uint64_t)slot << cqe_shift(ring));

    memset(cqe, 0, sizeof(*cqe));
    if (!copy(ring, false, offset, cqe, 16))
        return 0;
    if (ring_flags(ring) & IORING_SETUP_CQE32) {
        cqe->big = true;
        return copy(ring, false, offset + 16, cqe->extra, 16) ? 1 : 0;
    }
    if (!(ring_flags(ring) & IORING_SETUP_CQE_MIXED) || !(cqe->flags & IORING_CQE_F_32) ||
        slot + 1 >= ring->params.cq_entries)
        return 1;
    cqe->big = true;
    return copy(ring, false, offset + 16, cqe->extra, 16) ? 2 : 0;
}
