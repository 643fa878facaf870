/* SPDX-License-Identifier: MIT */
/* How the memory of a ring is laid out whose set-up was not seen. */
#ifndef ROTA_SRC_TOOL_TRACE_GUESS_H
#define ROTA_SRC_TOOL_TRACE_GUESS_H

#include <rota/uapi.h>
#include <stdbool.h>
#include <stdint.h>

/* What /proc/PID/fdinfo/FD says of a ring. */
struct ring_facts {
    uint32_t sq_entries, cq_entries;
    uint32_t sq_head, sq_tail, cq_head, cq_tail;
    int sq_thread; /* process id of the polling thread; -1: none */
    int sq_cpu;
    uint64_t files, buffers, buffer_bytes;
    uint64_t total_usec, work_usec; /* of the polling thread; 0 where the kernel does not say */
    uint64_t overflowed;            /* completions that wait for room */
    bool big_sqe, big_cqe;          /* seen in an entry that waits */
};

/* The least ring that can be asked for; its descriptor, or -1 with errno set. */
long smallest_ring(struct io_uring_params *params);

/*
 * False when there is no such descriptor, it may not be looked at, is no ring, or one
 * that was locked for 50 ms.
 */
bool ring_facts(int pid, int fd, struct ring_facts *facts);

/*
 * Fills what io_uring_setup(2) would have answered: sizes as fdinfo tells them,
 * offsets those of a ring of one's own, sizes of entries by what can be mapped of
 * `file`, our own descriptor of the ring. Of a ring in memory of the program's
 * own only the sizes of the queues are found, with IORING_SETUP_NO_MMAP in the
 * flags and no address. 0 or -errno.
 */
int guess_params(int pid, int fd, int file, struct io_uring_params *params);

/*
 * Looks for such a ring in the memory of its process, and completes `params`: both
 * addresses, the sizes of entries, whether there is an SQ array. -EAGAIN: several rings
 * look alike, or the process has not touched it, or none of its requests was answered:
 * once it was used it may be found. -E2BIG: there is too much memory; -EACCES: it may
 * not be looked at; -EPROTO: this kernel's rings are others. One thread at a time.
 */
int find_own_memory(int pid, int fd, struct io_uring_params *params);

#endif /* ROTA_SRC_TOOL_TRACE_GUESS_H */
