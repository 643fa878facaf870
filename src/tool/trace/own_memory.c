/* SPDX-License-Identifier: MIT */
/*
 * Where a ring lies whose program brought the memory (IORING_SETUP_NO_MMAP). Only the
 * set-up told that. But it is memory of the program, at the beginning of a page, and
 * fdinfo tells what has to stand there: the sizes of the queues, and how far both have
 * come. So the pages that are there are looked through. Rings that were never used look
 * alike, and their entries cannot be recognised; they are told apart when they are used.
 */
#include "tool/trace/guess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tool/trace/calls.h"
#include "tool/trace/model.h"
#include "tool/trace/trace.h"

#define AT_ONCE       512                 /* pages looked at by one system call */
#define HEADER        256                 /* bytes of a ring in front of its completions, at most */
#define MOST_PAGES    (UINT64_C(1) << 22) /* that are mapped */
#define MOST_THERE    (UINT64_C(1) << 20) /* that are in memory */
#define MOST_ALIKE    1024                /* places that are kept */
#define FRESH_NSEC    50000000u /* a program with many rings is not looked through for each */
#define PAGE_IS_THERE (UINT64_C(1) << 63)

struct search {
    int pid;
    size_t page;
    uint32_t sq_entries, cq_entries;
    const struct io_uring_params *params;
    uint32_t header; /* bytes */
    int pagemap;
    uint64_t mapped, there; /* pages, so far */
    uint64_t places[MOST_ALIKE];
    unsigned count;
    int result;
    uint64_t ended; /* when */
};

static uint32_t word(const unsigned char *header, uint32_t offset)
{
    uint32_t value;

    memcpy(&value, header + offset, sizeof(value));
    return value;
}

/* Sizes, which do not change. */
static bool is_header(const struct search *search, const unsigned char *header)
{
    const struct io_uring_params *p = search->params;

    return word(header, p->sq_off.ring_mask) == p->sq_entries - 1 &&
           word(header, p->sq_off.ring_entries) == p->sq_entries &&
           word(header, p->cq_off.ring_mask) == p->cq_entries - 1 &&
           word(header, p->cq_off.ring_entries) == p->cq_entries;
}

/* Looks at the beginnings of some pages, all of which are there. */
static void look_at(struct search *search, const uint64_t *pages, unsigned count)
{
    static unsigned char headers[AT_ONCE][HEADER];
    struct iovec local[AT_ONCE], remote[AT_ONCE];

    for (unsigned i = 0; i < count; i++) {
        local[i] = (struct iovec){headers[i], search->header};
        remote[i] = (struct iovec){(void *)(uintptr_t)pages[i], search->header};
    }
    for (unsigned from = 0; from < count;) {
        ssize_t got = process_vm_readv(search->pid, local + from, count - from, remote + from,
                                       count - from, 0);
        unsigned read = got > 0 ? (unsigned)((size_t)got / search->header) : 0;

        for (unsigned i = from; i < from + read; i++) {
            if (search->count < MOST_ALIKE && is_header(search, headers[i]))
                search->places[search->count++] = pages[i];
        }
        from += read + 1; /* and over the one that cannot be read */
    }
}

/* One mapping; false when there is too much to be looked through. */
static bool look_through(struct search *search, uint64_t start, uint64_t end)
{
    uint64_t entries[AT_ONCE], pages[AT_ONCE];
    uint64_t all = (end - start) / search->page;

    if (all > MOST_PAGES)
        return true; /* so much is address space that is kept free: a sanitizer's shadow, say */
    search->mapped += all;
    if (search->mapped > MOST_PAGES)
        return false;
    for (uint64_t at = start; at < end;) {
        uint64_t most = (end - at) / search->page;
        size_t wanted = most < AT_ONCE ? (size_t)most : AT_ONCE;
        ssize_t got = pread(search->pagemap, entries, wanted * sizeof(entries[0]),
                            (off_t)(at / search->page * sizeof(entries[0])));
        size_t count = got > 0 ? (size_t)got / sizeof(entries[0]) : 0;
        unsigned there = 0;

        if (!count)
            return true;
        for (size_t i = 0; i < count; i++) {
            if (entries[i] & PAGE_IS_THERE)
                pages[there++] = at + i * search->page;
        }
        search->there += there;
        if (search->there > MOST_THERE)
            return false;
        look_at(search, pages, there);
        at += count * search->page;
    }
    return true;
}

static int look_everywhere(struct search *search)
{
    char path[64], line[512];
    bool whole = true;
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%d/pagemap", search->pid);
    search->pagemap = open(path, O_RDONLY | O_CLOEXEC);
    snprintf(path, sizeof(path), "/proc/%d/maps", search->pid);
    maps = search->pagemap < 0 ? NULL : fopen(path, "re");
    if (!maps) {
        if (search->pagemap >= 0)
            close(search->pagemap);
        return -EACCES;
    }
    while (whole && fgets(line, sizeof(line), maps)) {
        unsigned long long start, end;
        char mode[5];

        if (sscanf(line, "%llx-%llx %4s", &start, &end, mode) == 3 && mode[0] == 'r' &&
            mode[1] == 'w')
            whole = look_through(search, start, end);
    }
    fclose(maps);
    close(search->pagemap);
    return whole ? 0 : -E2BIG;
}

/* Whether an index that runs on may have had that value between two others. */
static bool is_between(uint32_t before, uint32_t value, uint32_t after)
{
    return value - before <= after - before;
}

/* The one place whose indices are those of the ring; 0: none, or several. */
static uint64_t place_of(const struct search *search, int fd)
{
    static unsigned char headers[MOST_ALIKE][HEADER];
    const struct io_uring_params *p = search->params;
    struct ring_facts before, after;
    uint64_t found = 0;
    unsigned fitting = 0;

    if (!ring_facts(search->pid, fd, &before))
        return 0;
    for (unsigned i = 0; i < search->count; i++) {
        if (!read_process(search->pid, search->places[i], headers[i], search->header))
            memset(headers[i], 0, search->header);
    }
    if (!ring_facts(search->pid, fd, &after))
        return 0;
    for (unsigned i = 0; i < search->count; i++) {
        const unsigned char *header = headers[i];

        if (is_header(search, header) &&
            is_between(before.sq_head, word(header, p->sq_off.head), after.sq_head) &&
            is_between(before.sq_tail, word(header, p->sq_off.tail), after.sq_tail) &&
            is_between(before.cq_head, word(header, p->cq_off.head), after.cq_head) &&
            is_between(before.cq_tail, word(header, p->cq_off.tail), after.cq_tail)) {
            found = search->places[i];
            fitting++;
        }
    }
    return fitting == 1 ? found : 0;
}

static uint64_t align_up(uint64_t value, uint64_t alignment)
{
    return (value + alignment - 1) & ~(alignment - 1);
}

/* A queue as it would be with entries of some size; numbers are those of its requests. */
struct queue {
    const unsigned char *bytes;
    size_t size; /* of an entry */
    size_t number_at;
    uint32_t entries, end; /* how many, and the position behind the last one that was used */
};

static uint64_t number_in(const struct queue *queue, uint32_t back)
{
    uint32_t slot = (queue->end - back) & (queue->entries - 1);
    uint64_t number;

    memcpy(&number, queue->bytes + slot * queue->size + queue->number_at, sizeof(number));
    return number;
}

/* How many of the last entries of one queue have a number that is also in the other one. */
static unsigned common(const struct queue *one, const struct queue *other)
{
    uint32_t last = one->end < one->entries ? one->end : one->entries, count = 0;
    uint32_t most = other->end < other->entries ? other->end : other->entries;

    for (uint32_t i = 1; i <= last && i <= 8; i++) {
        uint64_t number = number_in(one, i);

        for (uint32_t j = 1; number && j <= most; j++) {
            if (number_in(other, j) == number) {
                count++;
                break;
            }
        }
    }
    return count;
}

/* The array of a program that fills its entries in turn counts from 0. */
static bool is_array(const struct search *search, uint64_t address)
{
    uint32_t slots[64], count = search->params->sq_entries;

    if (count > 64)
        count = 64;
    if (!read_process(search->pid, address, slots, count * sizeof(slots[0])))
        return false;
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] != i)
            return false;
    }
    return count > 1;
}

/* Whether requests and completions of these sizes belong together: how many of the last ones. */
static unsigned rate(const struct search *search, uint64_t place, uint64_t sqes_at, size_t sqe_size,
                     size_t cqe_size)
{
    const struct io_uring_params *p = search->params;
    size_t sqes_size = p->sq_entries * sqe_size, cqes_size = p->cq_entries * cqe_size;
    unsigned char *bytes = need_memory(malloc(sqes_size + cqes_size));
    unsigned char header[HEADER];
    unsigned count = 0;

    if (read_process(search->pid, place, header, search->header) &&
        read_process(search->pid, place + p->cq_off.cqes, bytes, cqes_size) &&
        read_process(search->pid, sqes_at, bytes + cqes_size, sqes_size)) {
        struct queue cq = {bytes, cqe_size, offsetof(struct io_uring_cqe, user_data), p->cq_entries,
                           word(header, p->cq_off.tail)};
        struct queue sq = {bytes + cqes_size, sqe_size, offsetof(struct io_uring_sqe, user_data),
                           p->sq_entries, word(header, p->sq_off.head)};

        count = common(&sq, &cq) + common(&cq, &sq);
    }
    free(bytes);
    return count;
}

/*
 * The requests lie in memory of their own, of which nothing is told: they are looked for in
 * front of the queues and behind them, where liburing puts them, too, with all sizes
 * that entries may have. They are where the last completions find what they answer.
 */
static bool find_entries(const struct search *search, uint64_t place,
                         struct io_uring_params *params)
{
    uint32_t alignment = params->sq_off.array - params->cq_off.cqes;
    struct io_uring_params best = *params;
    unsigned most = 0;

    for (unsigned kind = 0; kind < 8; kind++) {
        uint32_t cqe_size = kind & 1 ? 32 : 16, sqe_size = kind & 2 ? 128 : 64;
        uint64_t end = params->cq_off.cqes + (uint64_t)params->cq_entries * cqe_size;
        uint64_t array = align_up(end, alignment);
        bool has_array = is_array(search, place + array);
        uint64_t queues = align_up(has_array ? array + params->sq_entries * 4 : end, search->page);
        uint64_t sqes = align_up((uint64_t)params->sq_entries * sqe_size, search->page);
        uint64_t at = kind & 4 ? place + queues : place - sqes;
        unsigned found = rate(search, place, at, sqe_size, cqe_size);

        if (found <= most)
            continue;
        most = found;
        best = *params;
        best.flags |= (kind & 1 ? IORING_SETUP_CQE32 : 0U) | (kind & 2 ? IORING_SETUP_SQE128 : 0U) |
                      (has_array ? 0U : IORING_SETUP_NO_SQARRAY);
        best.sq_off.array = has_array ? (uint32_t)array : 0;
        best.cq_off.user_addr = place;
        best.sq_off.user_addr = at;
    }
    *params = best;
    return most > 0;
}

/* Whether a search of just now looked for rings of the same kind in the same process. */
static bool is_fresh(const struct search *search, int pid, const struct io_uring_params *params)
{
    return search->pid == pid && search->sq_entries == params->sq_entries &&
           search->cq_entries == params->cq_entries && now_ns() - search->ended < FRESH_NSEC;
}

int find_own_memory(int pid, int fd, struct io_uring_params *params)
{
    static struct search search; /* large */
    uint64_t place;

    if (params->cq_off.cqes > HEADER)
        return -EPROTO;
    search.params = params;
    if (!is_fresh(&search, pid, params)) {
        search.pid = pid;
        search.sq_entries = params->sq_entries;
        search.cq_entries = params->cq_entries;
        search.page = (size_t)sysconf(_SC_PAGESIZE);
        search.header = params->cq_off.cqes;
        search.mapped = search.there = 0;
        search.count = 0;
        search.result = look_everywhere(&search);
        search.ended = now_ns();
    }
    if (search.result)
        return search.result;
    place = place_of(&search, fd);
    return place && find_entries(&search, place, params) ? 0 : -EAGAIN;
}
