/* SPDX-License-Identifier: MIT */
/*
 * Watching the memory of requests, for tests and debug builds: it is looked at
 * when a request is submitted, and known to be the kernel's until the request
 * is over. Include it beside <rota.h>.
 *
 *     struct rota_loan loans[256];
 *     struct rota_watch watch;
 *     rota_watch_begin(&watch, &ring, loans, 256, NULL, NULL);
 *     ...
 *     rota_watch_end(&watch);
 *
 * What it finds, by the table's `memory` and `lives`:
 *
 * - memory that AddressSanitizer knows to be freed, out of bounds or out of
 *   scope, when a request that names it is submitted: buffers, names to their
 *   end, structures, vectors and messages with what they point to, and what
 *   commands lead to whose number is known. Compile the program that calls
 *   rota_watch_begin() with -fsanitize=address for it;
 * - memory on a part of the stack that has been left, with or without it;
 * - memory that is freed (AddressSanitizer) or left on the stack while a
 *   request in flight lends it to the kernel, or while it is a buffer of a
 *   group (rota_prep_provide_buffers()) that no completion has handed out: at
 *   the next submit or wait, at rota_watch_look(), and with
 *   rota_watch_frees() in the free() itself;
 * - memory that the program says it is going to use again, with
 *   rota_watch_reuse(), while it is lent.
 *
 * It follows the completion queue to know which requests are over. Where it
 * cannot (more completions between two looks than the queue has places, a
 * queue with completions of both sizes, requests without completion, several
 * in flight with the same user_data, a handle's completion that is taken from
 * behind others that stay) it forgets what is lent: it never reports what is
 * none. One thing it has to be told: a program that submits on stacks
 * of less than 256 KiB, as coroutines have, sets `stack` of the watch to what
 * is stack in any case below the function that submits, or to 0. Nothing is
 * allocated and no lock is taken; everything here belongs to the thread that
 * submits.
 */
#ifndef ROTA_WATCH_H
#define ROTA_WATCH_H

#include <rota/info.h>
#include <rota/ring.h>

ROTA_BEGIN_DECLS

/* What is wrong with the memory of a request. */
enum rota_watch_kind {
    ROTA_WATCH_NONE,
    ROTA_WATCH_POISONED, /* it is submitted with memory that was freed or does not exist */
    ROTA_WATCH_STACK,    /* it is submitted with memory on a stack that has been left */
    ROTA_WATCH_FREED,    /* memory was freed while the request in flight uses it */
    ROTA_WATCH_LEFT,     /* the function was left whose stack the request in flight uses */
    ROTA_WATCH_REUSED,   /* rota_watch_reuse(): memory that the request in flight uses */
};

/* Memory that a request in flight lends to the kernel; the library's own. */
struct rota_loan {
    uint64_t sqe[8]; /* the first 64 bytes of the request */
    uint64_t address;
    uint64_t size;
    uint32_t serial;             /* of the request: all of its loans have the same */
    uint32_t place;              /* of its SQE, counted on from round to round */
    struct rota_text_place name; /* of the field that names it, see rota/info.h */
    uint8_t memory;              /* enum rota_memory */
    uint8_t lives;               /* enum rota_lives */
    bool stack;                  /* it lay on the stack of the thread that submitted it */
    bool told;                   /* it was reported */
    bool held;                   /* the request is over, and the buffer in its group */
    uint8_t reserved[7];
};

struct rota_watch;

/* What is called with each mistake; `text` is gone afterwards. */
typedef void rota_watch_report(struct rota_watch *watch, enum rota_watch_kind kind,
                               const struct io_uring_sqe *sqe, const char *text);

/* A watch; members are for reading, except `stack`. */
struct rota_watch {
    struct rota_ring *ring;
    rota_watch_report *report;                     /* NULL: the program ends with the text */
    void *data;                                    /* the caller's */
    void *(*poisoned)(void *address, size_t size); /* AddressSanitizer's, or NULL */
    struct rota_loan *loans;
    uint32_t room;
    uint32_t count;     /* loans that are open */
    uint32_t forgotten; /* how many had no room, or were lost sight of */
    uint32_t mistakes;  /* how often it has reported */
    uint32_t looked;    /* the place of the SQE that is looked at, or the tail */
    uint32_t seen;      /* the place in the completion queue up to which CQEs were */
    uint32_t moves;     /* of the completion queue, when it was looked at */
    uint32_t serial;
    uint32_t stack; /* bytes below the running function that are taken for stack: 256 KiB */
    char text[768];
};

#if defined(__SANITIZE_ADDRESS__)
#define ROTA_WATCH_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ROTA_WATCH_ASAN 1
#endif
#endif

#ifdef ROTA_WATCH_ASAN
void *__asan_region_is_poisoned(void *address, size_t size);
#endif

/* What rota_watch_begin() is; `poisoned` is __asan_region_is_poisoned() or NULL. */
ROTA_API int rota_watch_init(struct rota_watch *watch, struct rota_ring *ring,
                             struct rota_loan *loans, unsigned room, rota_watch_report *report,
                             void *data, void *(*poisoned)(void *address, size_t size));

/*
 * rota_watch_begin - watch a ring.
 *
 * `loans` is room for as many pieces of memory in flight; a request has up to
 * three, and one for each element of a vector or buffer of a group. `report` is
 * called with each mistake, and may look at everything but must not use the
 * ring; NULL writes it to standard error and ends the program. `watch`, `loans` and `ring` must
 * stay where they are until rota_watch_end(). It takes the ring's hook,
 * rota_on_submit().
 *
 * Returns 0; -EINVAL: an argument is NULL, or the ring is torn down.
 */
ROTA_API int rota_watch_begin(struct rota_watch *watch, struct rota_ring *ring,
                              struct rota_loan *loans, unsigned room, rota_watch_report *report,
                              void *data);

#ifdef ROTA_WATCH_ASAN
#define rota_watch_begin(watch, ring, loans, room, report, data) \
    rota_watch_init(watch, ring, loans, room, report, data, __asan_region_is_poisoned)
#endif

/* rota_watch_end - stop watching; before the ring is torn down. Returns how many mistakes it found. */
ROTA_API unsigned rota_watch_end(struct rota_watch *watch);

/* rota_watch_look - look at what is lent now. Returns how many new mistakes it found. */
ROTA_API unsigned rota_watch_look(struct rota_watch *watch);

/*
 * rota_watch_reuse - whether memory may be used again.
 *
 * Reports when `size` bytes at `memory` are lent to the kernel: written to
 * or both, or read where `write` says that they are going to be changed. For
 * a pool of buffers, where one comes back. Returns whether they are.
 */
ROTA_API bool rota_watch_reuse(struct rota_watch *watch, const void *memory, size_t size,
                               bool write);

/* For allocators: whether `size` bytes at `memory`, which go back to them, are lent. Reports it. */
ROTA_API void rota_watch_freed(struct rota_watch *watch, const void *memory, size_t size);

#ifdef ROTA_WATCH_ASAN
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *memory);

/* The watch of this thread whose free() is looked at. */
static inline struct rota_watch **rota_watch_of_thread(void)
{
    static __thread struct rota_watch *watch;

    return &watch;
}

static inline void rota_watch_on_malloc(const volatile void *memory, size_t size)
{
    (void)memory;
    (void)size;
}

static inline void rota_watch_on_free(const volatile void *memory)
{
    struct rota_watch *watch = *rota_watch_of_thread();

    if (watch && memory)
        rota_watch_freed(watch, (const void *)(uintptr_t)memory,
                         __sanitizer_get_allocated_size(memory));
}

/*
 * rota_watch_frees - look at each free() of this thread from now on; NULL: not any more.
 *
 * With AddressSanitizer only. Returns 0, or -ENOMEM when its hooks are all taken.
 */
static inline int rota_watch_frees(struct rota_watch *watch)
{
    static __thread bool installed;

    if (watch && !installed &&
        !__sanitizer_install_malloc_and_free_hooks(rota_watch_on_malloc, rota_watch_on_free))
        return -12; /* ENOMEM */
    installed = true;
    *rota_watch_of_thread() = watch;
    return 0;
}
#endif

ROTA_END_DECLS

#endif /* ROTA_WATCH_H */
