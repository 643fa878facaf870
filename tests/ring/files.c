/* SPDX-License-Identifier: MIT */
/* Files through the ring: vectors, links, splices, registered buffers and files, opening, paths. */
#include "support.h"

#include <sys/uio.h>

static struct rota_ring ring;

/* READV on an index of the file table, on a ring of one entry. */
static void test_readv_registered(void)
{
    char buffer[128];
    struct iovec vector = {buffer, sizeof(buffer)};
    struct rota_ring one;
    int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    struct io_uring_sqe *sqe;

    make_ring(&one, 1, 0);
    memset(buffer, 0xff, sizeof(buffer));
    is_int(rota_register_files(&one, &fd, 1), 0, "a file is registered");
    is_int(rota_register_files(&one, &fd, 1), -EBUSY, "a second table is refused");
    sqe = must_get_sqe(&one);
    rota_prep_readv(sqe, 0, &vector, 1, 0);
    rota_sqe_set_data64(sqe, 0xcccccccc);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    ok(!rota_get_sqe(&one), "the ring is full");
    is_int(rota_submit(&one), 1, "the first goes");
    is_cqe(next_cqe(&one), 0xcccccccc, sizeof(buffer), 0, "READV");
    is_mem(buffer, (const char[128]){0}, sizeof(buffer), "the zeros arrived");
    is_int(rota_unregister_files(&one), 0, "unregistered");
    is_int(rota_unregister_files(&one), -ENXIO, "nothing is left to unregister");
    close(fd);
    rota_queue_exit(&one);
}

/* WRITEV, FSYNC and READV, one after the other by links. */
static void test_linked_vectors(void)
{
    char out[128], in[128];
    struct iovec write_vector = {out, sizeof(out)}, read_vector = {in, sizeof(in)};
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe;
    int fd = temporary_file();

    memset(out, 42, sizeof(out));
    memset(in, 0, sizeof(in));
    sqe = must_get_sqe(&ring);
    rota_prep_writev(sqe, fd, &write_vector, 1, 17);
    sqe->user_data = 1;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_fsync(sqe, fd, 0);
    sqe->user_data = 2;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_readv(sqe, fd, &read_vector, 1, 17);
    sqe->user_data = 3;
    is_int(rota_sq_ready(&ring), 3, "three are prepared");
    is_int(rota_submit_and_wait(&ring, 3), 3, "three are submitted and waited for");
    is_int(rota_sq_ready(&ring), 0, "none is left");
    for (unsigned i = 0; i < 3; i++) {
        is_int(rota_cq_ready(&ring), 3 - (int)i, "%u completions are ready", 3 - i);
        is_int(rota_peek_cqe(&ring, &cqe), 0, "the next is there");
        is_cqe(whole(cqe), i + 1, i == 1 ? 0 : 128, 0, "link %u", i + 1);
        rota_cqe_seen(&ring, cqe);
    }
    is_int(rota_cq_ready(&ring), 0, "no completion is left");
    is_mem(in, out, sizeof(in), "what was written is read");
    close(fd);
}

static void test_linked_write_read(void)
{
    char out[20] = "twenty bytes to keep", in[20] = "";
    struct io_uring_sqe *sqe;
    int fd = temporary_file();

    sqe = must_get_sqe(&ring);
    rota_prep_write(sqe, fd, out, sizeof(out), 10000);
    sqe->user_data = 1;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_read(sqe, fd, in, sizeof(in), 10000);
    sqe->user_data = 2;
    is_int(rota_submit(&ring), 2, "both are submitted");
    is_cqe(next_cqe(&ring), 1, 20, 0, "WRITE");
    is_cqe(next_cqe(&ring), 2, 20, 0, "READ");
    is_mem(in, out, sizeof(in), "the bytes are the same");
    close(fd);
}

static void test_splice(void)
{
    char out[20] = "through a pipe's eye", in[20] = "";
    struct io_uring_sqe *sqe;
    int from = temporary_file(), to = temporary_file(), ends[2];

    if (pwrite(from, out, sizeof(out), 0) != (ssize_t)sizeof(out) || pipe2(ends, O_CLOEXEC) < 0)
        bail("no file or pipe: %s", strerror(errno));
    sqe = must_get_sqe(&ring);
    rota_prep_splice(sqe, from, 0, ends[1], -1, sizeof(out), 0);
    sqe->user_data = 1;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_splice(sqe, ends[0], -1, to, 10, sizeof(out), 0);
    sqe->user_data = 2;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_read(sqe, to, in, sizeof(in), 10);
    sqe->user_data = 3;
    is_int(rota_submit_and_wait(&ring, 3), 3, "three are submitted");
    is_cqe(next_cqe(&ring), 1, 20, 0, "SPLICE into the pipe");
    is_cqe(next_cqe(&ring), 2, 20, 0, "SPLICE out of it");
    is_cqe(next_cqe(&ring), 3, 20, 0, "READ");
    is_mem(in, out, sizeof(in), "the bytes went all the way");
    close(from);
    close(to);
    close(ends[0]);
    close(ends[1]);
}

static void test_fixed_buffers(void)
{
    static char buffers[2][64];
    struct iovec vectors[2] = {{buffers[0], 64}, {buffers[1], 64}};
    struct io_uring_sqe *sqe;
    int fd = temporary_file();

    memset(buffers[0], 'z', 64);
    memcpy(buffers[0], "foobar", 6);
    memset(buffers[1], 'x', 64);
    is_int(rota_register_buffers(&ring, vectors, 2), 0, "two buffers are registered");
    is_int(rota_register_buffers(&ring, vectors, 2), -EBUSY, "and not twice");
    sqe = must_get_sqe(&ring);
    rota_prep_write_fixed(sqe, fd, buffers[0], 6, 3, 0);
    sqe->user_data = 1;
    rota_sqe_set_flags(sqe, IOSQE_IO_LINK);
    sqe = must_get_sqe(&ring);
    rota_prep_read_fixed(sqe, fd, buffers[1], 64, 0, 1);
    sqe->user_data = 2;
    is_int(rota_submit_and_wait(&ring, 2), 2, "two are submitted");
    is_cqe(next_cqe(&ring), 1, 6, 0, "WRITE_FIXED");
    is_cqe(next_cqe(&ring), 2, 9, 0, "READ_FIXED");
    is_mem(buffers[1], "\0\0\0foobarx", 10, "the hole is zeros, then the bytes, then nothing");
    is_int(rota_unregister_buffers(&ring), 0, "unregistered");
    is_int(rota_unregister_buffers(&ring), -ENXIO, "nothing is left to unregister");
    close(fd);
}

static void test_open_stat_close(int dir)
{
    const struct io_uring_sqe expected = {.opcode = IORING_OP_OPENAT,
                                          .fd = dir,
                                          .addr = (uintptr_t) "new",
                                          .len = 0644,
                                          .open_flags = O_RDWR | O_CREAT | O_CLOEXEC,
                                          .user_data = 7};
    struct io_uring_sqe *sqe;
    struct statx status;
    struct completion opened;
    int fd;

    sqe = must_get_sqe(&ring);
    rota_prep_openat(sqe, dir, (const char *)(uintptr_t)expected.addr, O_RDWR | O_CREAT | O_CLOEXEC,
                     0644);
    sqe->user_data = 7;
    is_mem(sqe, &expected, sizeof(expected), "OPENAT has exactly these bytes");
    is_int(rota_submit(&ring), 1, "it is submitted");
    opened = next_cqe(&ring);
    fd = opened.res;
    if (!ok(fd >= 0 && opened.user_data == 7, "OPENAT completes with a descriptor"))
        return;
    ok(fcntl(fd, F_GETFD) == FD_CLOEXEC, "which is open");

    sqe = must_get_sqe(&ring);
    rota_prep_fallocate(sqe, fd, 0, 0, 65536);
    sqe->user_data = 8;
    is_int(rota_submit(&ring), 1, "FALLOCATE is submitted");
    is_cqe(next_cqe(&ring), 8, 0, 0, "FALLOCATE");

    memset(&status, 0xff, sizeof(status));
    sqe = must_get_sqe(&ring);
    rota_prep_statx(sqe, dir, "new", 0, STATX_SIZE | STATX_TYPE, &status);
    sqe->user_data = 9;
    is_int(rota_submit(&ring), 1, "STATX is submitted");
    is_cqe(next_cqe(&ring), 9, 0, 0, "STATX");
    is_int(status.stx_size, 65536, "the size is there");
    ok(S_ISREG(status.stx_mode), "and the type");

    sqe = must_get_sqe(&ring);
    rota_prep_close(sqe, fd);
    sqe->user_data = 10;
    is_int(rota_submit(&ring), 1, "CLOSE is submitted");
    is_cqe(next_cqe(&ring), 10, 0, 0, "CLOSE");
    is_int(fcntl(fd, F_GETFD), -1, "the descriptor is gone");
}

static void finish(uint64_t user_data, const char *name)
{
    is_int(rota_submit(&ring), 1, "%s is submitted", name);
    is_cqe(next_cqe(&ring), user_data, 0, 0, "%s", name);
}

static void test_paths(int dir)
{
    struct io_uring_sqe *sqe;
    struct stat status;
    char target[8] = "";

    if (!kernel_has(&ring, IORING_OP_LINKAT)) {
        skip(1, "this kernel has no MKDIRAT, SYMLINKAT, LINKAT (5.15)");
        return;
    }
    sqe = must_get_sqe(&ring);
    rota_prep_mkdirat(sqe, dir, "dir", 0700);
    sqe->user_data = 1;
    finish(1, "MKDIRAT");
    ok(!fstatat(dir, "dir", &status, 0) && S_ISDIR(status.st_mode), "the directory is there");

    sqe = must_get_sqe(&ring);
    rota_prep_renameat(sqe, dir, "new", dir, "dir/old", 0);
    sqe->user_data = 2;
    finish(2, "RENAMEAT");
    is_int(faccessat(dir, "new", F_OK, 0), -1, "the file is not where it was");

    sqe = must_get_sqe(&ring);
    rota_prep_symlinkat(sqe, "dir/old", dir, "soft");
    sqe->user_data = 3;
    finish(3, "SYMLINKAT");
    is_int(readlinkat(dir, "soft", target, sizeof(target)), 7, "the symbolic link has a target");
    is_mem(target, "dir/old", 7, "of that name");

    sqe = must_get_sqe(&ring);
    rota_prep_linkat(sqe, dir, "dir/old", dir, "hard", 0);
    sqe->user_data = 4;
    finish(4, "LINKAT");
    ok(!fstatat(dir, "hard", &status, 0) && status.st_nlink == 2, "the file has two names");

    for (unsigned i = 0; i < 4; i++) {
        static const char *const names[] = {"hard", "soft", "dir/old", "dir"};

        sqe = must_get_sqe(&ring);
        rota_prep_unlinkat(sqe, dir, names[i], i == 3 ? AT_REMOVEDIR : 0);
        sqe->user_data = 5 + i;
        finish(5 + i, "UNLINKAT");
        is_int(faccessat(dir, names[i], F_OK, AT_SYMLINK_NOFOLLOW), -1, "%s is gone", names[i]);
    }
    sqe = must_get_sqe(&ring);
    rota_prep_unlinkat(sqe, dir, "dir", 0);
    sqe->user_data = 20;
    is_int(rota_submit(&ring), 1, "one more");
    is_cqe(next_cqe(&ring), 20, -ENOENT, 0, "UNLINKAT of what is gone");
}

/* The file table: replace, clear, update through the ring, and a cleared slot. */
static void read_slot(int slot, int res)
{
    static char byte[1];
    struct io_uring_sqe *sqe = must_get_sqe(&ring);

    rota_prep_read(sqe, slot, byte, 1, 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    sqe->user_data = 99;
    rota_submit(&ring);
    is_cqe(next_cqe(&ring), 99, res, 0, "READ of slot %d", slot);
}

static void test_file_table(void)
{
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC),
        null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int files[3] = {zero, -1, null}, change;
    struct io_uring_sqe *sqe;

    is_int(rota_register_files(&ring, files, 3), 0, "two files and a gap are registered");
    read_slot(0, 1);
    read_slot(1, -EBADF);
    read_slot(2, 0);
    change = null;
    is_int(rota_register_files_update(&ring, 0, &change, 1), 1, "slot 0 is replaced");
    read_slot(0, 0);
    change = zero;
    is_int(rota_register_files_update(&ring, 1, &change, 1), 1, "slot 1 is filled");
    read_slot(1, 1);
    is_int(rota_register_files_update(&ring, 3, &change, 1), -EINVAL, "slot 3 does not exist");
    files[0] = files[1] = files[2] = -1;
    sqe = must_get_sqe(&ring);
    rota_prep_files_update(sqe, files, 3, 0);
    sqe->user_data = 4;
    is_int(rota_submit(&ring), 1, "FILES_UPDATE is submitted");
    is_cqe(next_cqe(&ring), 4, 3, 0, "FILES_UPDATE");
    for (int slot = 0; slot < 3; slot++)
        read_slot(slot, -EBADF);
    is_int(rota_unregister_files(&ring), 0, "unregistered");
    close(zero);
    close(null);
}

int main(void)
{
    char path[32];
    int dir = temporary_directory(path);

    make_ring(&ring, 8, 0);
    test_readv_registered();
    test_linked_vectors();
    test_linked_write_read();
    test_splice();
    test_fixed_buffers();
    test_file_table();
    test_open_stat_close(dir);
    test_paths(dir);
    rota_queue_exit(&ring);
    unlinkat(dir, "new", 0);
    close(dir);
    rmdir(path);
    return done();
}
