/* SPDX-License-Identifier: MIT */
/* Scenarios of polls, timers, cancellation, epoll, messages, children and futexes. */
#define _GNU_SOURCE
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* 64-bit time only, as on riscv32: the call is the same. */
#if !defined(SYS_futex) && defined(SYS_futex_time64)
#define SYS_futex SYS_futex_time64
#endif

#define SLOTS       4U
#define EVENT_DATA  0xe9U
#define READER      0x4eadULL /* user_data of the scenario's own read */
#define FUTEX2_KIND 130U      /* FUTEX2_SIZE_U32 | FUTEX2_PRIVATE, absent from older headers */

/* Requests in flight write here, and a trial may end before they have. */
static unsigned char scratch[2];
static siginfo_t info;
static struct futex_waitv vectors[3][2];
static uint32_t words[3];

/* A ring, and every descriptor of this file's scenarios marked as not open. */
static int start(struct live *l)
{
    l->fd = l->fd2 = l->pipe_r = l->pipe_w = l->epfd = l->child_fd = -1;
    l->ring_fd2 = l->ring2.ring_fd = -1;
    l->target = 0x7a61;
    l->target2 = 0x7a62;
    l->target_ptr = (void *)(uintptr_t)l->target;
    l->nsec = 5000000;
    l->ts[0].tv_nsec = 5000000;
    l->hour[0].tv_sec = 3600;
    l->past[0].tv_sec = -1;
    return live_ring_open(l);
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void finish(struct live *l)
{
    live_relax(l);
    live_ring_close(l);
    if (l->ring2.ring_fd >= 0)
        rota_queue_exit(&l->ring2);
    l->ring2.ring_fd = -1;
    shut(&l->epfd);
    shut(&l->pipe_r);
    shut(&l->pipe_w);
    shut(&l->fd2);
    shut(&l->child_fd);
}

static int start_with_pipe(struct live *l)
{
    int fds[2];
    int ret = start(l);

    if (ret < 0)
        return ret;
    if (pipe2(fds, O_CLOEXEC))
        return -errno;
    l->pipe_r = fds[0];
    l->pipe_w = fds[1];
    return 0;
}

/* An SQE for a request of the scenario's own. */
static struct io_uring_sqe *own(struct live *l, uint64_t user_data)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);

    rota_sqe_set_data64(sqe, user_data);
    return sqe;
}

/* Sends them; they must not have failed at once. */
static int send_off(struct live *l, int count)
{
    int ret = rota_submit(&l->ring);

    if (ret < 0)
        return ret;
    return ret == count && !rota_cq_ready(&l->ring) ? 0 : -EIO;
}

static void write_byte(struct live *l)
{
    if (write(l->pipe_w, "x", 1) != 1)
        live_fail(l, "the pipe takes no byte");
}

static void note(struct live *l, struct io_uring_cqe *cqe)
{
    if (l->others < sizeof(l->other) / sizeof(l->other[0])) {
        l->other[l->others].user_data = cqe->user_data;
        l->other[l->others].res = cqe->res;
        l->other[l->others++].flags = cqe->flags;
    }
    rota_cqe_seen(&l->ring, cqe);
}

/* Whether `count` requests of the scenario's own end with a result, waiting if need be. */
static void expect_end(struct live *l, uint64_t user_data, unsigned count, int res)
{
    struct __kernel_timespec patience = {.tv_sec = 5};
    struct io_uring_cqe *cqe;
    unsigned found;

    for (;;) {
        found = 0;
        for (unsigned i = 0; i < l->others; i++) {
            if (l->other[i].user_data != user_data)
                continue;
            if (l->other[i].res != res) {
                live_fail(l, "the request in flight ended with another result");
                return;
            }
            found++;
        }
        if (found == count)
            return;
        if (rota_wait_cqe_timeout(&l->ring, &cqe, &patience)) {
            live_fail(l, "the request in flight has not ended");
            return;
        }
        note(l, cqe);
    }
}

/* The completion that arrives on the second ring. */
static int second_ring(struct live *l, struct live_completion *got)
{
    struct __kernel_timespec patience = {.tv_sec = 5};
    struct io_uring_cqe *cqe;

    if (rota_wait_cqe_timeout(&l->ring2, &cqe, &patience)) {
        live_fail(l, "nothing came on the second ring");
        return -ETIME;
    }
    got->user_data = cqe->user_data;
    got->res = cqe->res;
    got->flags = cqe->flags;
    rota_cqe_seen(&l->ring2, cqe);
    return 0;
}

void live_cancel(struct live *l)
{
    rota_prep_cancel64(own(l, 0), l->request, 0);
    if (rota_submit(&l->ring) != 1)
        live_fail(l, "the cancellation was not taken");
}

int live_slot_reads(struct rota_ring *ring, unsigned slot)
{
    const uint64_t mine = 0x510f;
    struct __kernel_timespec patience = {.tv_sec = 5};
    struct io_uring_sqe *sqe = rota_get_sqe(ring);
    struct io_uring_cqe *cqe;
    unsigned char bytes[16];
    int ret;

    rota_prep_read(sqe, (int)slot, bytes, sizeof(bytes), 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    rota_sqe_set_data64(sqe, mine);
    ret = rota_submit(ring);
    while (ret >= 0) {
        ret = rota_wait_cqe_timeout(ring, &cqe, &patience);
        if (!ret && cqe->user_data == mine) {
            ret = cqe->res;
            rota_cqe_seen(ring, cqe);
            break;
        }
        if (!ret)
            rota_cqe_seen(ring, cqe);
    }
    if (ret < 0)
        return ret;
    if ((size_t)ret != sizeof(bytes))
        return -EIO;
    for (size_t i = 0; i < sizeof(bytes); i++) {
        if (bytes[i] != live_pattern(i))
            return -EIO;
    }
    return 0;
}

/* ------------------------------------------------------------------ polls */

static int sys_ring_open(struct live *l)
{
    int ret = start(l);

    l->fd = 1 << 20; /* beyond the limit of open files: never a descriptor */
    return ret;
}

const struct live_scenario live_sys_ring = {
    .name = "sys_ring",
    .open = sys_ring_open,
    .close = finish,
};

const struct live_scenario live_poll_pipe = {
    .name = "poll_pipe",
    .open = start_with_pipe,
    .act = write_byte,
    .close = finish,
};

const struct live_scenario live_poll_cancelled = {
    .name = "poll_cancelled",
    .open = start_with_pipe,
    .act = live_cancel,
    .close = finish,
};

static int poll_in_flight_open(struct live *l)
{
    int ret = start_with_pipe(l);

    if (ret < 0)
        return ret;
    rota_prep_poll_add(own(l, l->target), l->pipe_r, EPOLLIN);
    return send_off(l, 1);
}

static void target_cancelled(struct live *l, int res)
{
    (void)res;
    expect_end(l, l->target, 1, -ECANCELED);
}

const struct live_scenario live_poll_in_flight = {
    .name = "poll_in_flight",
    .open = poll_in_flight_open,
    .check = target_cancelled,
    .close = finish,
};

static int poll_retargeted_open(struct live *l)
{
    int ret = start_with_pipe(l);

    if (ret < 0)
        return ret;
    rota_prep_poll_add(own(l, l->target), l->pipe_r, EPOLLPRI);
    return send_off(l, 1);
}

static void poll_retargeted_check(struct live *l, int res)
{
    (void)res;
    expect_end(l, l->target2, 1, EPOLLIN);
}

const struct live_scenario live_poll_retargeted = {
    .name = "poll_retargeted",
    .open = poll_retargeted_open,
    .act = write_byte,
    .check = poll_retargeted_check,
    .close = finish,
};

/* ----------------------------------------------------------------- timers */

static void monotonic(struct __kernel_timespec *now, long more)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    now->tv_sec = ts.tv_sec + (ts.tv_nsec + more) / 1000000000;
    now->tv_nsec = (ts.tv_nsec + more) % 1000000000;
}

static int timer_open(struct live *l)
{
    int ret = start(l);

    monotonic(l->soon, (long)l->ts[0].tv_nsec);
    return ret;
}

static void timer_check(struct live *l, int res)
{
    struct __kernel_timespec now;

    (void)res;
    /* The clocks of an emulated machine's CPUs differ by some microseconds. */
    monotonic(&now, 1000000);
    if (now.tv_sec < l->soon[0].tv_sec ||
        (now.tv_sec == l->soon[0].tv_sec && now.tv_nsec < l->soon[0].tv_nsec))
        live_fail(l, "the time was not over");
}

const struct live_scenario live_timer = {
    .name = "timer",
    .open = timer_open,
    .check = timer_check,
    .close = finish,
};

const struct live_scenario live_timer_cancelled = {
    .name = "timer_cancelled",
    .open = start,
    .act = live_cancel,
    .close = finish,
};

static void timer_count_act(struct live *l)
{
    rota_prep_nop(own(l, l->target));
    if (rota_submit(&l->ring) != 1)
        live_fail(l, "the NOP was not taken");
}

const struct live_scenario live_timer_count = {
    .name = "timer_count",
    .open = start,
    .act = timer_count_act,
    .close = finish,
};

static int timer_in_flight_open(struct live *l)
{
    int ret = start(l);

    if (ret < 0)
        return ret;
    rota_prep_timeout(own(l, l->target), l->hour, 0, 0);
    return send_off(l, 1);
}

const struct live_scenario live_timer_in_flight = {
    .name = "timer_in_flight",
    .open = timer_in_flight_open,
    .check = target_cancelled,
    .close = finish,
};

static void target_expired(struct live *l, int res)
{
    (void)res;
    expect_end(l, l->target, 1, -ETIME);
}

const struct live_scenario live_timer_restarted = {
    .name = "timer_restarted",
    .open = timer_in_flight_open,
    .check = target_expired,
    .close = finish,
};

static int timer_repeating_open(struct live *l)
{
    int ret = timer_open(l);

    if (ret < 0)
        return ret;
    rota_prep_timeout(own(l, l->target), l->hour, 0, IORING_TIMEOUT_MULTISHOT);
    return send_off(l, 1);
}

const struct live_scenario live_timer_repeating = {
    .name = "timer_repeating",
    .open = timer_repeating_open,
    .close = finish,
};

static void prepare_read(struct live *l, uint64_t user_data, unsigned flags)
{
    struct io_uring_sqe *sqe = own(l, user_data);

    rota_prep_read(sqe, l->pipe_r, scratch, 1, 0);
    sqe->flags |= (__u8)flags;
}

/* The read goes with the submit of the trial's own request. */
static int linked_read_open(struct live *l)
{
    int ret = start_with_pipe(l);

    if (ret < 0)
        return ret;
    prepare_read(l, READER, IOSQE_IO_LINK);
    return 0;
}

static void reader_cancelled(struct live *l, int res)
{
    (void)res;
    expect_end(l, READER, 1, -ECANCELED);
}

const struct live_scenario live_linked_read = {
    .name = "linked_read",
    .open = linked_read_open,
    .check = reader_cancelled,
    .close = finish,
};

const struct live_scenario live_linked_read_answered = {
    .name = "linked_read_answered",
    .open = linked_read_open,
    .act = write_byte,
    .close = finish,
};

static int linked_read_in_flight_open(struct live *l)
{
    int ret = linked_read_open(l);

    if (ret < 0)
        return ret;
    rota_prep_link_timeout(own(l, l->target), l->hour, 0);
    return send_off(l, 2);
}

static void linked_read_in_flight_check(struct live *l, int res)
{
    target_expired(l, res);
    reader_cancelled(l, res);
}

const struct live_scenario live_linked_read_in_flight = {
    .name = "linked_read_in_flight",
    .open = linked_read_in_flight_open,
    .check = linked_read_in_flight_check,
    .close = finish,
};

/* ----------------------------------------------------------- cancellation */

static int read_in_flight_open(struct live *l)
{
    int ret = start_with_pipe(l);

    if (ret < 0)
        return ret;
    prepare_read(l, l->target, 0);
    return send_off(l, 1);
}

const struct live_scenario live_read_in_flight = {
    .name = "read_in_flight",
    .open = read_in_flight_open,
    .check = target_cancelled,
    .close = finish,
};

/* The same on a file of the ring's table. */
static int slot_read_in_flight_open(struct live *l)
{
    struct io_uring_sqe *sqe;
    int ret = start_with_pipe(l);

    if (ret < 0)
        return ret;
    ret = rota_register((unsigned)l->ring.ring_fd, IORING_REGISTER_FILES, &l->pipe_r, 1);
    if (ret < 0)
        return ret;
    sqe = own(l, l->target);
    rota_prep_read(sqe, 0, scratch, 1, 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    return send_off(l, 1);
}

const struct live_scenario live_slot_read_in_flight = {
    .name = "slot_read_in_flight",
    .open = slot_read_in_flight_open,
    .check = target_cancelled,
    .close = finish,
};

static int two_reads_in_flight_open(struct live *l)
{
    int ret = start_with_pipe(l);

    if (ret < 0)
        return ret;
    prepare_read(l, l->target, 0);
    prepare_read(l, l->target, 0);
    return send_off(l, 2);
}

static void two_reads_in_flight_check(struct live *l, int res)
{
    (void)res;
    expect_end(l, l->target, 2, -ECANCELED);
}

const struct live_scenario live_two_reads_in_flight = {
    .name = "two_reads_in_flight",
    .open = two_reads_in_flight_open,
    .check = two_reads_in_flight_check,
    .close = finish,
};

/* ------------------------------------------------------------ descriptors */

static int close_fd_open(struct live *l)
{
    int ret = start(l);

    if (ret < 0)
        return ret;
    l->fd2 = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return l->fd2 < 0 ? -errno : 0;
}

static void close_fd_check(struct live *l, int res)
{
    (void)res;
    if (fcntl(l->fd2, F_GETFD) != -1 || errno != EBADF)
        live_fail(l, "the descriptor is still open");
    else
        l->fd2 = -1;
}

const struct live_scenario live_close_fd = {
    .name = "close_fd",
    .open = close_fd_open,
    .check = close_fd_check,
    .close = finish,
};

/* A file of live_file_open in slot `slot` of a table of SLOTS slots. */
static int start_with_slot(struct live *l, unsigned slot)
{
    int table[SLOTS] = {-1, -1, -1, -1};
    int ret = start(l);

    if (!ret)
        ret = live_file_open(l);
    if (ret < 0)
        return ret;
    table[slot] = l->fd;
    return rota_register((unsigned)l->ring.ring_fd, IORING_REGISTER_FILES, table, SLOTS);
}

static void finish_with_file(struct live *l)
{
    finish(l);
    live_file_close(l);
}

static int slot_open(struct live *l)
{
    l->slot = 1;
    l->slot_fd = 1;
    l->empty_slot_fd = 2;
    return start_with_slot(l, l->slot);
}

static void close_slot_check(struct live *l, int res)
{
    (void)res;
    if (live_slot_reads(&l->ring, l->slot) != -EBADF)
        live_fail(l, "the slot is not empty");
}

const struct live_scenario live_close_slot = {
    .name = "close_slot",
    .open = slot_open,
    .check = close_slot_check,
    .close = finish_with_file,
};

static void installed(struct live *l, int fd, int cloexec)
{
    struct stat ours, theirs;
    int flags = fcntl(fd, F_GETFD);

    if (fstat(l->fd, &ours) || fstat(fd, &theirs) || ours.st_ino != theirs.st_ino)
        live_fail(l, "the descriptor is of another file");
    if (flags < 0 || !!(flags & FD_CLOEXEC) != cloexec)
        live_fail(l, "the descriptor's close-on-exec flag is wrong");
    close(fd);
}

static void fixed_file_check(struct live *l, int res)
{
    installed(l, res, 1);
}

const struct live_scenario live_fixed_file = {
    .name = "fixed_file",
    .open = slot_open,
    .check = fixed_file_check,
    .close = finish_with_file,
};

static int slot_exhausted_open(struct live *l)
{
    int ret = slot_open(l);

    return ret < 0 ? ret : live_exhaust(l);
}

const struct live_scenario live_slot_exhausted = {
    .name = "slot_exhausted",
    .open = slot_exhausted_open,
    .close = finish_with_file,
};

static void fixed_file_kept_check(struct live *l, int res)
{
    installed(l, res, 0);
}

const struct live_scenario live_fixed_file_kept = {
    .name = "fixed_file_kept",
    .open = slot_open,
    .check = fixed_file_kept_check,
    .close = finish_with_file,
};

/* ------------------------------------------------------------------ epoll */

static int epoll_open(struct live *l, int member, uint32_t events, uint32_t data)
{
    struct epoll_event event = {.events = events, .data = {.u32 = data}};
    int ret = start_with_pipe(l);

    if (ret < 0)
        return ret;
    l->event[0].events = EPOLLIN;
    l->event[0].data.u32 = EVENT_DATA;
    l->epfd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epfd < 0 || (member && epoll_ctl(l->epfd, EPOLL_CTL_ADD, l->pipe_r, &event)))
        return -errno;
    return 0;
}

/* How many events a byte in the pipe makes; the first is in l->events[0]. */
static int events_of_a_byte(struct live *l)
{
    write_byte(l);
    return epoll_wait(l->epfd, l->events, 4, 0);
}

static int epoll_add_open(struct live *l)
{
    int ret = epoll_open(l, 0, 0, 0);

    return ret < 0 ? ret : live_file_open(l);
}

static void epoll_reports(struct live *l, int res)
{
    (void)res;
    if (events_of_a_byte(l) != 1 || l->events[0].data.u32 != EVENT_DATA ||
        l->events[0].events != EPOLLIN)
        live_fail(l, "the set does not report the event that was asked for");
}

const struct live_scenario live_epoll_add = {
    .name = "epoll_add",
    .open = epoll_add_open,
    .check = epoll_reports,
    .close = finish_with_file,
};

static int epoll_mod_open(struct live *l)
{
    return epoll_open(l, 1, EPOLLPRI, 1);
}

const struct live_scenario live_epoll_mod = {
    .name = "epoll_mod",
    .open = epoll_mod_open,
    .check = epoll_reports,
    .close = finish,
};

static int epoll_member_open(struct live *l)
{
    return epoll_open(l, 1, EPOLLIN, EVENT_DATA);
}

static void epoll_del_check(struct live *l, int res)
{
    (void)res;
    if (events_of_a_byte(l) != 0)
        live_fail(l, "the pipe is still in the set");
}

const struct live_scenario live_epoll_del = {
    .name = "epoll_del",
    .open = epoll_member_open,
    .check = epoll_del_check,
    .close = finish,
};

static int epoll_busy_open(struct live *l)
{
    int ret = epoll_member_open(l);

    if (ret == 0)
        write_byte(l);
    return ret;
}

const struct live_scenario live_epoll_busy = {
    .name = "epoll_busy",
    .open = epoll_busy_open,
    .close = finish,
};

static void epoll_ready_check(struct live *l, int res)
{
    (void)res;
    if (l->events[0].data.u32 != EVENT_DATA || l->events[0].events != EPOLLIN)
        live_fail(l, "another event arrived");
}

const struct live_scenario live_epoll_ready = {
    .name = "epoll_ready",
    .open = epoll_member_open,
    .act = write_byte,
    .check = epoll_ready_check,
    .close = finish,
};

const struct live_scenario live_epoll_cancelled = {
    .name = "epoll_cancelled",
    .open = epoll_member_open,
    .act = live_cancel,
    .close = finish,
};

/* --------------------------------------------------------------- messages */

static int second_ring_open(struct live *l, unsigned flags)
{
    int ret = rota_queue_init(8, &l->ring2, flags);

    if (ret < 0) {
        l->ring2.ring_fd = -1;
        return ret;
    }
    l->ring_fd = l->ring.ring_fd;
    l->ring_fd2 = l->ring2.ring_fd;
    return 0;
}

static int message_ring_open(struct live *l)
{
    int ret = start_with_pipe(l);

    return ret < 0 ? ret : second_ring_open(l, 0);
}

static void message_arrived(struct live *l, unsigned flags)
{
    struct live_completion got;

    if (second_ring(l, &got) < 0)
        return;
    if (got.user_data != 77 || got.res != 42 || got.flags != flags)
        live_fail(l, "another message arrived");
}

static void message_ring_check(struct live *l, int res)
{
    (void)res;
    message_arrived(l, 0);
}

const struct live_scenario live_message_ring = {
    .name = "message_ring",
    .open = message_ring_open,
    .check = message_ring_check,
    .close = finish,
};

static void message_ring_flags_check(struct live *l, int res)
{
    (void)res;
    message_arrived(l, 5);
}

const struct live_scenario live_message_ring_flags = {
    .name = "message_ring_flags",
    .open = message_ring_open,
    .check = message_ring_flags_check,
    .close = finish,
};

static int message_ring_disabled_open(struct live *l)
{
    int ret = start(l);

    return ret < 0 ? ret : second_ring_open(l, IORING_SETUP_R_DISABLED);
}

const struct live_scenario live_message_ring_disabled = {
    .name = "message_ring_disabled",
    .open = message_ring_disabled_open,
    .close = finish,
};

static int message_ring_bare_open(struct live *l)
{
    int ret = start_with_slot(l, 0);

    l->slot = 1;
    l->slot_fd = 1;
    return ret < 0 ? ret : second_ring_open(l, 0);
}

const struct live_scenario live_message_ring_bare = {
    .name = "message_ring_bare",
    .open = message_ring_bare_open,
    .close = finish_with_file,
};

static void *make_ring_and_leave(void *arg)
{
    struct live *l = arg;

    return (void *)(intptr_t)second_ring_open(l, IORING_SETUP_SINGLE_ISSUER |
                                                     IORING_SETUP_DEFER_TASKRUN);
}

static int message_ring_orphan_open(struct live *l)
{
    int ret = start_with_slot(l, 0);
    void *made = NULL;
    pthread_t thread;

    if (ret < 0)
        return ret;
    ret = pthread_create(&thread, NULL, make_ring_and_leave, l);
    if (ret)
        return -ret;
    pthread_join(thread, &made);
    if ((intptr_t)made == -EINVAL)
        l->skip = "this kernel has no rings that belong to one thread";
    return (int)(intptr_t)made;
}

const struct live_scenario live_message_ring_orphan = {
    .name = "message_ring_orphan",
    .open = message_ring_orphan_open,
    .close = finish_with_file,
};

/* Slot 0 of the other table is in use, so that slot 1 is the first free one. */
static int message_ring_file_open(struct live *l)
{
    int table[SLOTS] = {-1, -1, -1, -1};
    int ret = message_ring_bare_open(l);

    if (ret < 0)
        return ret;
    l->fd2 = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (l->fd2 < 0)
        return -errno;
    table[0] = l->fd2;
    return rota_register((unsigned)l->ring_fd2, IORING_REGISTER_FILES, table, SLOTS);
}

static void message_ring_file_check(struct live *l, int res)
{
    (void)res;
    if (live_slot_reads(&l->ring2, l->slot))
        live_fail(l, "the other ring does not have the file");
}

const struct live_scenario live_message_ring_file = {
    .name = "message_ring_file",
    .open = message_ring_file_open,
    .check = message_ring_file_check,
    .close = finish_with_file,
};

/* --------------------------------------------------------------- children */

/* It ends with status 7 as soon as it reads a byte, or when its parent is gone. */
static int child_open(struct live *l)
{
    int ret = start_with_pipe(l);
    pid_t pid;

    if (ret < 0)
        return ret;
    memset(&info, 0xff, sizeof(info));
    l->info = &info;
    l->stranger = getpid();
    pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0) {
        char byte;

        close(l->pipe_w);
        _exit(read(l->pipe_r, &byte, 1) == 1 ? 7 : 1);
    }
    l->child = pid;
#ifdef SYS_pidfd_open
    l->child_fd = (int)syscall(SYS_pidfd_open, pid, 0);
#endif
    return 0;
}

static void child_close(struct live *l)
{
    /* Only a child that is still ours may be killed: its number may be somebody else's. */
    if (l->child > 0 && waitpid(l->child, NULL, WNOHANG) == 0) {
        kill(l->child, SIGKILL);
        (void)waitpid(l->child, NULL, 0);
    }
    l->child = 0;
    finish(l);
}

static void child_exits_check(struct live *l, int res)
{
    (void)res;
    if (info.si_signo != SIGCHLD || info.si_code != CLD_EXITED || info.si_status != 7 ||
        info.si_pid != l->child)
        live_fail(l, "the child's end is not what arrived");
    if (waitpid(l->child, NULL, WNOHANG) != -1 || errno != ECHILD)
        live_fail(l, "the child can still be waited for");
}

const struct live_scenario live_child_exits = {
    .name = "child_exits",
    .open = child_open,
    .act = write_byte,
    .check = child_exits_check,
    .close = child_close,
};

static void child_lives_check(struct live *l, int res)
{
    (void)res;
    if (info.si_signo || info.si_pid)
        live_fail(l, "something is said about a child that lives");
    if (waitpid(l->child, NULL, WNOHANG) != 0)
        live_fail(l, "the child has ended");
}

const struct live_scenario live_child_lives = {
    .name = "child_lives",
    .open = child_open,
    .check = child_lives_check,
    .close = child_close,
};

static int child_in_flight_open(struct live *l)
{
    int ret = child_open(l);

    if (ret < 0)
        return ret;
    rota_prep_waitid(own(l, l->target), P_PID, l->child, l->info, WEXITED, 0);
    return send_off(l, 1);
}

const struct live_scenario live_child_in_flight = {
    .name = "child_in_flight",
    .open = child_in_flight_open,
    .check = target_cancelled,
    .close = child_close,
};

const struct live_scenario live_child_cancelled = {
    .name = "child_cancelled",
    .open = child_open,
    .act = live_cancel,
    .close = child_close,
};

/* ---------------------------------------------------------------- futexes */

static int futex_open(struct live *l)
{
    memset(words, 0, sizeof(words));
    l->futex = &words[0];
    l->crooked = (uint32_t *)(void *)((char *)words + 1);
    return start(l);
}

static void futex_word_act(struct live *l)
{
    l->woken = syscall(SYS_futex, l->futex, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static void one_woken(struct live *l, int res)
{
    (void)res;
    if (l->woken != 1)
        live_fail(l, "the waker found nobody");
}

const struct live_scenario live_futex_word = {
    .name = "futex_word",
    .open = futex_open,
    .act = futex_word_act,
    .check = one_woken,
    .close = finish,
};

const struct live_scenario live_futex_cancelled = {
    .name = "futex_cancelled",
    .open = futex_open,
    .act = live_cancel,
    .close = finish,
};

static int futex_in_flight_open(struct live *l)
{
    int ret = futex_open(l);

    if (ret < 0)
        return ret;
    rota_prep_futex_wait(own(l, l->target), l->futex, 0, 0xffffffffU, FUTEX2_KIND, 0);
    return send_off(l, 1);
}

const struct live_scenario live_futex_in_flight = {
    .name = "futex_in_flight",
    .open = futex_in_flight_open,
    .check = target_cancelled,
    .close = finish,
};

static int futex_shared_open(struct live *l)
{
    void *page =
        mmap(NULL, sizeof(*l->futex), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (page == MAP_FAILED)
        return -errno;
    l->futex = page;
    return start(l);
}

static void futex_shared_act(struct live *l)
{
    int status = 0;
    pid_t pid = fork();

    if (pid == 0)
        _exit((int)syscall(SYS_futex, l->futex, FUTEX_WAKE, 1, NULL, NULL, 0));
    if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status))
        l->woken = WEXITSTATUS(status);
}

static void futex_shared_close(struct live *l)
{
    finish(l);
    if (l->futex)
        munmap(l->futex, sizeof(*l->futex));
    l->futex = NULL;
}

const struct live_scenario live_futex_shared = {
    .name = "futex_shared",
    .open = futex_shared_open,
    .act = futex_shared_act,
    .check = one_woken,
    .close = futex_shared_close,
};

/* The waiter is a request on a second ring: it waits as soon as it is submitted. */
static int futex_waiter_open(struct live *l)
{
    struct io_uring_sqe *sqe;
    int ret = futex_open(l);

    if (ret >= 0)
        ret = second_ring_open(l, 0);
    if (ret < 0)
        return ret;
    sqe = rota_get_sqe(&l->ring2);
    rota_prep_futex_wait(sqe, l->futex, 0, 0xffffffffU, FUTEX2_KIND, 0);
    rota_sqe_set_data64(sqe, l->target);
    ret = rota_submit(&l->ring2);
    if (ret < 0)
        return ret;
    return rota_cq_ready(&l->ring2) ? -EIO : 0;
}

static void futex_waiter_check(struct live *l, int res)
{
    struct live_completion got;

    (void)res;
    if (second_ring(l, &got) == 0 && (got.user_data != l->target || got.res != 0))
        live_fail(l, "the waiter was not woken");
}

const struct live_scenario live_futex_waiter = {
    .name = "futex_waiter",
    .open = futex_waiter_open,
    .check = futex_waiter_check,
    .close = finish,
};

static int futex_words_open(struct live *l)
{
    memset(vectors, 0, sizeof(vectors));
    for (unsigned i = 0; i < 3; i++) {
        for (unsigned j = 0; j < 2; j++) {
            vectors[i][j].uaddr = (uintptr_t)&words[j];
            vectors[i][j].flags = FUTEX2_KIND;
        }
    }
    vectors[1][1].val = 9;
    vectors[2][1].flags = 0x40;
    l->waitv = vectors[0];
    l->bad_waitv = vectors[1];
    l->odd_waitv = vectors[2];
    return futex_open(l);
}

static void futex_words_act(struct live *l)
{
    l->woken = syscall(SYS_futex, &words[1], FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

const struct live_scenario live_futex_words = {
    .name = "futex_words",
    .open = futex_words_open,
    .act = futex_words_act,
    .check = one_woken,
    .close = finish,
};
