/* SPDX-License-Identifier: MIT */
/*
 * The smallest program that does something with a ring: what the core costs is
 * measured with it. With LIBURING it is the same one on liburing.
 */
#ifdef LIBURING
#include <liburing.h>
#define NAME(name) io_uring_##name
#define RING       io_uring
#else
#include <rota.h>
#define NAME(name) rota_##name
#define RING       rota_ring
#endif

int main(void)
{
    struct RING ring;
    struct io_uring_cqe *cqe;
    char buffer[16];
    int ret;

    ret = NAME(queue_init)(8, &ring, 0);
    if (ret < 0)
        return 1;
    NAME(prep_read)(NAME(get_sqe)(&ring), 0, buffer, sizeof(buffer), 0);
    ret = NAME(submit)(&ring);
    if (ret == 1 && !NAME(wait_cqe)(&ring, &cqe)) {
        ret = cqe->res;
        NAME(cqe_seen)(&ring, cqe);
    }
    NAME(queue_exit)(&ring);
    return ret < 0;
}
