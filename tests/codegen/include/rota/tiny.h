/* SPDX-License-Identifier: MIT */
/* A header that uses each form of declaration once. */
#ifndef ROTA_TINY_H
#define ROTA_TINY_H

#define ROTA_TINY_ONE (1U << 0) /* the first */
/* Both of them. */
#define ROTA_TINY_ALL (ROTA_TINY_ONE | 2u)
#define ROTA_TINY_TEXT "no number"
#define ROTA_TINY_CALL(x) (x)
#define rota_tiny_each(tiny, x) (x)
#define rota_tiny_few(tiny, x, y) (x)
#if defined(__LP64__) && !defined(__odd__)
#define ROTA_TINY_ALIGN 64
#else
#define ROTA_TINY_ALIGN 32
#endif

/* How it went. */
enum rota_tiny_end {
    ROTA_TINY_NEVER, /* it did not */
    ROTA_TINY_LATE = 4,
    ROTA_TINY_LATER,
};

struct rota_tiny_pair {
    uint8_t low;
    uint64_t high; /* the upper half; not the lower */
};

/* What is looked at. */
struct rota_tiny {
    /* Two of them. */
    struct rota_tiny_pair pairs[ROTA_TINY_ONE + 1];
    const void *next;
    void (*hook)(struct rota_tiny *tiny, int why);
    size_t length;
    uint16_t flags;
} __attribute__((aligned(8)));

/* What is called. */
typedef void rota_tiny_hook(struct rota_tiny *tiny, void *data);

/*
 * rota_tiny_look - look at a thing; it may take a while.
 *
 * Returns 0, or
 *
 * - EBUSY, EAGAIN: somebody else looks
 * - EINVAL: `tiny` is NULL
 *
 * -EPERM for a thing that is not yours.
 */
ROTA_API int rota_tiny_look(struct rota_tiny *tiny, const char *const *names,
                            void (*hook)(int, void *), uint64_t words[2]);

/* Two at once: neither says why. */
ROTA_API void rota_tiny_left(void) __attribute__((cold));
ROTA_API const char *rota_tiny_right(unsigned which);

/* The length. */
ROTA_INLINE size_t rota_tiny_length(const struct rota_tiny *tiny)
{
    return tiny->length;
}

/* The tiny thing that is always there. */
ROTA_API extern const struct rota_tiny rota_tiny_first;

#endif /* ROTA_TINY_H */
