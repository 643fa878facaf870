/* SPDX-License-Identifier: MIT */
/* A process that makes one ring and ends: with a shared library, what its start costs. */
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

    if (NAME(queue_init)(8, &ring, 0) < 0)
        return 1;
    NAME(queue_exit)(&ring);
    return 0;
}
