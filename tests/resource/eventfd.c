/* SPDX-License-Identifier: MIT */
/* The eventfd that is signalled for completions, and its switch in shared memory. */
#include "resource.h"

#include <sys/eventfd.h>

/* Takes the count out of the eventfd; 0 when it is not signalled. */
static uint64_t signals(int fd)
{
    uint64_t count;

    return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

int main(void)
{
    struct footprint before = footprint();
    struct rota_ring ring;
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), pair[2];
    struct io_uring_sqe *sqe;

    make_ring(&ring, 8, 0);
    make_pair(pair, SOCK_STREAM);
    ok(rota_cq_eventfd_enabled(&ring), "signals are on from the start");
    is_int(rota_unregister_eventfd(&ring), -ENXIO, "there is no eventfd");
    is_int(rota_register_eventfd(&ring, pair[0]), -EINVAL, "a socket is none");
    is_int(rota_register_eventfd(&ring, -1), -EBADF, "nothing neither");
    is_int(rota_register_eventfd(&ring, fd), 0, "an eventfd is one");
    is_int(rota_register_eventfd(&ring, fd), -EBUSY, "one for a ring");
    is_int(signals(fd), 0, "nothing has happened");
    ok(works(&ring, 1), "a request completes");
    is_int(signals(fd), 1, "and is signalled");

    is_int(rota_cq_eventfd_toggle(&ring, true), 0, "switched on, as it is");
    is_int(rota_cq_eventfd_toggle(&ring, false), 0, "switched off");
    ok(!rota_cq_eventfd_enabled(&ring), "it is off");
    is_int(*ring.cq.kflags & IORING_CQ_EVENTFD_DISABLED, IORING_CQ_EVENTFD_DISABLED,
           "for the kernel, too");
    ok(works(&ring, 2), "a request completes");
    is_int(signals(fd), 0, "without a signal");
    is_int(rota_cq_eventfd_toggle(&ring, false), 0, "off, as it is");
    is_int(rota_cq_eventfd_toggle(&ring, true), 0, "switched on");
    ok(rota_cq_eventfd_enabled(&ring), "it is on");
    ok(works(&ring, 3), "a request completes");
    is_int(signals(fd), 1, "and is signalled");
    is_int(rota_unregister_eventfd(&ring), 0, "the eventfd is taken back");
    ok(works(&ring, 4), "a request completes");
    is_int(signals(fd), 0, "without a signal");

    /* Only what a worker completes. */
    is_int(rota_register_eventfd_async(&ring, fd), 0, "for workers");
    ok(works(&ring, 5), "a request completes at once");
    is_int(signals(fd), 0, "without a signal");
    sqe = must_get_sqe(&ring);
    rota_prep_nop(sqe);
    rota_sqe_set_flags(sqe, IOSQE_ASYNC);
    is_int(run_one(&ring).res, 0, "another one in a worker");
    /* The signal may come after the completion that it is for. */
    (void)poll(&(struct pollfd){.fd = fd, .events = POLLIN}, 1, 10000);
    is_int(signals(fd), 1, "and is signalled");

    {
        uint32_t *kflags = ring.cq.kflags;

        ring.cq.kflags = NULL; /* as on kernels before 5.8 */
        ok(rota_cq_eventfd_enabled(&ring), "without a switch it is on");
        is_int(rota_cq_eventfd_toggle(&ring, true), 0, "and stays on");
        is_int(rota_cq_eventfd_toggle(&ring, false), -EOPNOTSUPP, "for ever");
        ring.cq.kflags = kflags;
    }
    rota_queue_exit(&ring);
    close(pair[0]);
    close(pair[1]);
    close(fd);
    is_clean(before, "eventfds");
    return done();
}
