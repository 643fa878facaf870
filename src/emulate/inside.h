/* SPDX-License-Identifier: MIT */
/* What only the sources of the engine share. */
#ifndef ROTA_EMULATE_INSIDE_H
#define ROTA_EMULATE_INSIDE_H

#include "emulate/emulate.h"

/* What epoll_event::data of the ring's inner epoll says, with a number in the lower half. */
#define EMULATE_EVENT_FILE  (UINT64_C(0) << 32)
#define EMULATE_EVENT_CLOCK (UINT64_C(1) << 32)
#define EMULATE_EVENT_WAKE  (UINT64_C(2) << 32)

#define EMULATE_WORKERS_MOST 64u

/* emulate_ring::steady_enough at first. */
#define EMULATE_STEADY 4u

/* What a query tells: flags that are taken (ring.c, enter.c, submit.c). */
extern const uint64_t emulate_known_setup, emulate_known_features;
extern const uint64_t emulate_known_enter, emulate_known_sqe;
extern const uint64_t emulate_queue_header; /* bytes before the CQEs */

/* memory.c */
void emulate_memory_fork(bool before);
void emulate_memory_get(struct emulate_memory *memory);
int emulate_memory_unmap(void *address, size_t size);

/* ring.c */
/* Is it the descriptor of a ring of ours? */
bool emulate_ring_is(int fd);
void emulate_ring_close(struct emulate_ring *ring);
/* What is wrong with a descriptor that is no ring of this process: -EBADF or -EOPNOTSUPP. */
int emulate_not_a_ring(int fd);

/* wait.c: signals the registered eventfd, unless the application holds that back. */
void emulate_notify(struct emulate_ring *ring);
/* The queue was found empty; the ring's descriptor need not say that it is not. */
void emulate_event_lower(struct emulate_ring *ring);

/* enter.c */
int emulate_enter(int fd, uint32_t to_submit, uint32_t min_complete, uint32_t flags,
                  const void *arg, size_t size);

static inline uint32_t emulate_hash(const struct emulate_ring *ring, uint64_t user_data)
{
    return (uint32_t)((user_data * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & ring->hash_mask;
}

/* cancel.c: are both descriptors the same open file? */
bool emulate_same_file(int a, int b);

/* start.c: its file was found ready, or it may be tried again. */
void emulate_retry(struct emulate_ring *ring, struct emulate_request *request);
/* It was run elsewhere than in start.c, with that answer. */
void emulate_conclude(struct emulate_ring *ring, struct emulate_request *request, int64_t res);
/* The chain outlives the call. */
void emulate_track_chain(struct emulate_ring *ring, struct emulate_request *request);

/* worker.c: a thread of ours, which gets no signals. 0 or -errno. */
int emulate_thread_start(pthread_t *thread, void *(*function)(void *), void *data);
/* Interrupts once more who was interrupted and has not answered; is there one? */
bool emulate_workers_interrupting(struct emulate_ring *ring);

/* It is queued, and all workers of its kind are busy. */
bool emulate_waits_for_worker(struct emulate_ring *ring, const struct emulate_request *request);

/* poll.c: closes what a poll holds. */
void emulate_poll_forget(struct emulate_ring *ring, struct emulate_request *request);

/* complete.c: `res` came of a selected buffer. */
void emulate_buffer_used(struct emulate_ring *ring, struct emulate_request *request, int64_t res);
/* May this chain start, as far as drains go? */
bool emulate_may_start(const struct emulate_ring *ring, const struct emulate_request *head);
/* Frees a request of a ring that ends. */
void emulate_request_drop(struct emulate_ring *ring, struct emulate_request *request);

/* watch.c: ends its sleep, if the ring has such a thread. */
void emulate_watch_wake(struct emulate_ring *ring);

#endif /* ROTA_EMULATE_INSIDE_H */
