/* SPDX-License-Identifier: MIT */
/* Registered buffers and their copies in other rings. */
#include "resource.h"

#include <sys/wait.h>

#define SIZE 512

static char memory[3][SIZE];

static int register_three(struct rota_ring *ring)
{
    struct iovec iov[3];

    for (unsigned i = 0; i < 3; i++) {
        iov[i].iov_base = memory[i];
        iov[i].iov_len = SIZE;
    }
    return rota_register_buffers(ring, iov, 3);
}

/* Reads the start of the file into a registered buffer. */
static int read_fixed(struct rota_ring *ring, int fd, unsigned index, void *address)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_read_fixed(sqe, fd, address, 16, 0, (int)index);
    return run_one(ring).res;
}

/* What a child is told that wants its parent's buffers. */
static int clone_in_child(struct rota_ring *source)
{
    int status = 0;
    pid_t child = fork();

    if (!child) {
        struct rota_ring ring;

        _exit(rota_queue_init(8, &ring, 0) ? 255 : -rota_clone_buffers(&ring, source));
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}

int main(void)
{
    static const char content[] = "registered once.";
    struct footprint before = footprint();
    struct rota_ring source, ring, empty;
    int fd = temporary_file();
    int ret;

    if (write(fd, content, 16) != 16)
        bail("write: %s", strerror(errno));
    make_ring(&source, 8, 0);
    make_ring(&ring, 8, 0);
    make_ring(&empty, 8, 0);
    is_int(register_three(&source), 0, "a ring has three buffers");
    is_int(register_three(&source), -EBUSY, "and no second table");
    is_int(read_fixed(&source, fd, 1, memory[1]), 16, "which it uses");
    is_mem(memory[1], content, 16, "well");
    is_int(read_fixed(&ring, fd, 1, memory[1]), -EFAULT, "another has none");

    ret = rota_clone_buffers(&ring, &source);
    if (ret == -EINVAL) {
        skip(1, "the kernel does not clone buffers (6.12)");
        goto end;
    }
    is_int(ret, 0, "it takes them over");
    is_int(clone_in_child(&source), -EINVAL, "another process does not");
    memset(memory, 0, sizeof(memory));
    is_int(read_fixed(&ring, fd, 2, memory[2]), 16, "and uses them");
    is_mem(memory[2], content, 16, "well");
    is_int(rota_clone_buffers(&ring, &source), -EBUSY, "it has a table now");
    is_int(rota_unregister_buffers(&source), 0, "the first ring gives them up");
    is_int(read_fixed(&ring, fd, 0, memory[0]), 16, "which does not matter to the second");
    is_int(rota_clone_buffers(&source, &empty), -ENXIO, "a ring that has none lends none");
    is_int(rota_clone_buffers_fd(&source, -1, 0, 0, 0, 0), -EBADF, "no ring");
    is_int(rota_clone_buffers_fd(&source, fd, 0, 0, 0, 0), -EOPNOTSUPP, "not a ring");

    ret = rota_clone_buffers_offset(&source, &ring, 0, 1, 2, 0);
    if (ret == -EINVAL) {
        skip(1, "the kernel clones whole tables only (6.13)");
    } else {
        is_int(ret, 0, "two of the three, back");
        is_int(read_fixed(&source, fd, 0, memory[1]), 16, "the second is the first now");
        is_int(read_fixed(&source, fd, 1, memory[2]), 16, "the third is the second");
        is_int(read_fixed(&source, fd, 2, memory[2]), -EFAULT, "there is no third");
        is_int(rota_clone_buffers_offset(&source, &ring, 2, 0, 1, 0), -EBUSY,
               "the table is not extended");
        is_int(rota_clone_buffers_offset(&source, &ring, 2, 0, 1, IORING_REGISTER_DST_REPLACE), 0,
               "unless that is allowed");
        is_int(read_fixed(&source, fd, 2, memory[0]), 16, "then it is");
        is_int(rota_clone_buffers_offset(&empty, &ring, 0, 2, 2, 0), -EOVERFLOW,
               "what is not there is not cloned");
        is_int(rota_clone_buffers_offset(&empty, &ring, 0, 0, 4, 0), -EINVAL, "nor too many");
        is_int(rota_clone_buffers_offset(&empty, &ring, 0, 0, 1, 1U << 20), -EINVAL,
               "nor with a flag of the future");
        is_int(rota_clone_buffers_offset(&empty, &ring, 16384, 0, 1, IORING_REGISTER_DST_REPLACE),
               -EINVAL, "nor to where no table reaches");
        is_int(read_fixed(&empty, fd, 0, memory[0]), -EFAULT, "and nothing happens");
    }
    (void)rota_unregister_buffers(&source);

    /* A ring without descriptor is named by its index. */
    if (rota_register_ring_fd(&ring) == 1 && rota_close_ring_fd(&ring) == 1) {
        is_int(rota_clone_buffers(&empty, &ring), 0, "from a ring without descriptor");
        memset(memory, 0, sizeof(memory));
        is_int(read_fixed(&empty, fd, 0, memory[0]), 16, "works, too");
        is_mem(memory[0], content, 16, "the same");
    } else {
        skip(3, "a ring needs its descriptor (6.3)");
    }
end:
    rota_queue_exit(&source);
    rota_queue_exit(&ring);
    rota_queue_exit(&empty);
    close(fd);
    is_clean(before, "cloned buffers");
    return done();
}
