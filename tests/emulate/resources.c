/* SPDX-License-Identifier: MIT */
/* What is registered: tables of files and buffers with tags and updates, and direct descriptors. */
#include "single.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/uio.h>

static void files(struct twin *t)
{
    int p[2], r[2], slots[3], more[2] = {-1, IORING_REGISTER_FILES_SKIP}, epoll;
    struct io_uring_rsrc_update wild = {.offset = UINT32_MAX, .data = (uintptr_t)more};
    char buf[4];

    make_pipe(p);
    make_pipe(r);
    slots[0] = p[0];
    slots[1] = -1;
    slots[2] = r[0];
    say(t, "%d", reg(t, IORING_UNREGISTER_FILES, NULL, 0));
    say(t, " %d", reg(t, IORING_REGISTER_FILES_UPDATE, &wild, 1));
    say(t, " %d", reg(t, IORING_REGISTER_FILES, slots, 0));
    say(t, " %d", reg(t, IORING_REGISTER_FILES, slots, (1u << 20) + 1));
    say(t, " %d", rota_register_files(&t->ring, slots, 3));
    say(t, " %d", rota_register_files(&t->ring, slots, 3));
    put(p[1], "abcd");
    put(r[1], "efgh");
    /* The table keeps the file open. */
    close(p[0]);
    say(t, " | %d", FIXED(t, read(q, 0, buf, 2, 0)));
    say(t, " %d", FIXED(t, read(q, 1, buf, 2, 0)));
    say(t, " %d", FIXED(t, read(q, 2, buf, 2, 0)));
    say(t, " %d", FIXED(t, read(q, 3, buf, 2, 0)));
    more[0] = r[0];
    say(t, " | %d", rota_register_files_update(&t->ring, 1, more, 2));
    say(t, " %d", FIXED(t, read(q, 1, buf, 1, 0)));
    say(t, " %d", FIXED(t, read(q, 2, buf, 1, 0)));
    more[0] = -1;
    say(t, " %d", rota_register_files_update(&t->ring, 0, more, 1));
    say(t, " %d", FIXED(t, read(q, 0, buf, 1, 0)));
    say(t, " | %d", rota_register_files_update(&t->ring, 2, more, 2));
    say(t, " %d", rota_register_files_update(&t->ring, UINT32_MAX, more, 2));
    more[0] = 12345;
    say(t, " %d", rota_register_files_update(&t->ring, 0, more, 1));
    /* What comes before a wrong one stays. */
    more[0] = r[1];
    more[1] = 12345;
    say(t, " %d", rota_register_files_update(&t->ring, 0, more, 2));
    epoll = epoll_create1(0);
    more[0] = epoll;
    more[1] = t->ring.ring_fd;
    say(t, " %d", rota_register_files_update(&t->ring, 0, more, 2));
    say(t, " | %d", reg(t, IORING_UNREGISTER_FILES, more, 0));
    say(t, " %d", rota_unregister_files(&t->ring));
    say(t, " %d", FIXED(t, read(q, 1, buf, 1, 0)));
    close(epoll);
    close(p[1]);
    close(r[0]);
    close(r[1]);
}

/* Tags that were posted, sorted. */
static void say_tags(struct twin *t, unsigned count)
{
    say(t, " {");
    reap_sorted(t, count);
    say(t, " }");
    quiet(t);
}

static void file_tags(struct twin *t)
{
    const __u64 tags[3] = {70, 0, 72}, wrong[3] = {70, 71, 72};
    int p[2], slots[3], next_file;
    __u64 next_tag = 80;
    char buf[4];

    make_pipe(p);
    slots[0] = p[0];
    slots[1] = -1;
    slots[2] = p[1];
    say(t, "%d", rota_register_files_tags(&t->ring, slots, wrong, 3));
    quiet(t);
    say(t, " %d", rota_register_files_tags(&t->ring, slots, tags, 3));
    next_file = p[1];
    say(t, " %d", rota_register_files_update_tag(&t->ring, 0, &next_file, &next_tag, 1));
    say_tags(t, 1);
    next_file = -1;
    say(t, " %d", rota_register_files_update_tag(&t->ring, 0, &next_file, &next_tag, 1));
    next_tag = 0;
    say(t, " %d", rota_register_files_update_tag(&t->ring, 0, &next_file, &next_tag, 1));
    say_tags(t, 1);
    /* A request keeps its file, and the tag waits for it. */
    next_file = p[0];
    next_tag = 90;
    say(t, " %d", rota_register_files_update_tag(&t->ring, 1, &next_file, &next_tag, 1));
    PREP(t, 5, read(q, 1, buf, 1, 0))->flags |= IOSQE_FIXED_FILE;
    submit(t);
    next_file = -1;
    say(t, " %d", rota_register_files_update(&t->ring, 1, &next_file, 1));
    quiet(t);
    put(p[1], "x");
    say_tags(t, 2);
    say(t, " %d", rota_unregister_files(&t->ring));
    say_tags(t, 1);
    close(p[0]);
    close(p[1]);
}

static int null_file(struct twin *t, unsigned slot)
{
    return ONE(t, openat_direct(q, AT_FDCWD, "/dev/null", O_RDONLY, 0, slot));
}

static void direct(struct twin *t)
{
    int fds[2] = {0, 0}, fd;
    char buf[4];

    say(t, "%d", null_file(t, 0));
    say(t, " %d", null_file(t, IORING_FILE_INDEX_ALLOC));
    say(t, " %d", ONE(t, close_direct(q, 0)));
    say(t, " %d", reg(t, IORING_REGISTER_FILE_ALLOC_RANGE, NULL, 0));
    say(t, " %d", rota_register_file_alloc_range(&t->ring, 0, 1));
    say(t, " %d", rota_register_files_sparse(&t->ring, 5));
    say(t, " %d", rota_register_file_alloc_range(&t->ring, 3, 3));
    say(t, " %d", rota_register_file_alloc_range(&t->ring, UINT32_MAX, 3));
    say(t, " %d", rota_register_file_alloc_range(&t->ring, 1, 3));
    say(t, " | %d", null_file(t, IORING_FILE_INDEX_ALLOC));
    say(t, " %d", null_file(t, IORING_FILE_INDEX_ALLOC));
    say(t, " %d", null_file(t, IORING_FILE_INDEX_ALLOC));
    say(t, " %d", null_file(t, IORING_FILE_INDEX_ALLOC));
    say(t, " | %d", ONE(t, close_direct(q, 2)));
    say(t, " %d", ONE(t, close_direct(q, 2)));
    say(t, " %d", ONE(t, close_direct(q, 7)));
    say(t, " %d", null_file(t, IORING_FILE_INDEX_ALLOC));
    say(t, " | %d", null_file(t, 0));
    say(t, " %d", null_file(t, 0));
    say(t, " %d", null_file(t, 5));
    say(t, " %d", FIXED(t, read(q, 0, buf, 1, 0)));
    fd = ONE(t, fixed_fd_install(q, 0, 0));
    say(t, " | %d", fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC && read(fd, buf, 1) == 0);
    close(fd);
    fd = ONE(t, fixed_fd_install(q, 0, IORING_FIXED_FD_NO_CLOEXEC));
    say(t, " %d", fd >= 0 && fcntl(fd, F_GETFD) == 0);
    close(fd);
    say(t, " %d", ONE(t, fixed_fd_install(q, 4, 0)));
    /* A request updates the table: slots of its own choice, and by number. */
    say(t, " | %d", ONE(t, close_direct(q, 1)));
    say(t, " %d", ONE(t, close_direct(q, 3)));
    fds[0] = fds[1] = dup(1);
    say(t, " %d", ONE(t, files_update(q, fds, 2, (int)IORING_FILE_INDEX_ALLOC)));
    say(t, " %d", fds[0]);
    say(t, " %d", fds[1]);
    fds[0] = -1;
    say(t, " %d", ONE(t, files_update(q, fds, 1, 4)));
    say(t, " %d", ONE(t, files_update(q, fds, 1, 5)));
    say(t, " | %d", ONE(t, socket_direct(q, AF_UNIX, SOCK_STREAM, 0, 4, 0)));
    say(t, " %d", ONE(t, socket_direct_alloc(q, AF_UNIX, SOCK_STREAM, 0, 0)));
    say(t, " %d", rota_unregister_files(&t->ring));
}

static void buffers(struct twin *t)
{
    static char area[2][4096];
    struct iovec iov[3] = {{area[0], 4096}, {NULL, 0}, {area[1], 100}};
    struct iovec bad[] = {{NULL, 5}, {area[0], 0}, {(void *)8192, 4096}, {NULL, 4096}};
    int p[2];

    make_pipe(p);
    say(t, "%d", rota_unregister_buffers(&t->ring));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 0)));
    say(t, " %d", reg(t, IORING_REGISTER_BUFFERS, iov, 0));
    say(t, " %d", reg(t, IORING_REGISTER_BUFFERS, iov, 16385));
    bad[3].iov_base = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < 4; i++)
        say(t, " %d", rota_register_buffers(&t->ring, &bad[i], 1));
    munmap(bad[3].iov_base, 4096);
    say(t, " | %d", rota_register_buffers(&t->ring, iov, 3));
    say(t, " %d", rota_register_buffers(&t->ring, iov, 3));
    put(p[1], "abcdefgh");
    say(t, " | %d", ONE(t, read_fixed(q, p[0], area[0] + 4094, 2, 0, 0)));
    say(t, " %.2s", area[0] + 4094);
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0] + 4095, 2, 0, 0)));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 1)));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[1], 101, 0, 2)));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[1], 1, 0, 3)));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[1], 100, 0, 2)));
    say(t, " %.6s", area[1]);
    say(t, " %d", ONE(t, write_fixed(q, p[1], area[1], 3, 0, 2)));
    say(t, " | %d", rota_unregister_buffers(&t->ring));
    close(p[0]);
    close(p[1]);
}

static void buffer_tags(struct twin *t)
{
    static char area[2][64];
    struct iovec iov[3] = {{area[0], 64}, {area[1], 64}, {NULL, 0}};
    const __u64 tags[3] = {41, 42, 0}, wrong[3] = {41, 42, 43};
    __u64 next_tag = 50, none = 0;
    int p[2];

    make_pipe(p);
    put(p[1], "abc");
    say(t, "%d", rota_register_buffers_tags(&t->ring, iov, wrong, 3));
    quiet(t);
    say(t, " %d", rota_register_buffers_tags(&t->ring, iov, tags, 3));
    say(t, " %d", rota_register_buffers_update_tag(&t->ring, 2, iov, &next_tag, 1));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 2)));
    say(t, " %d", rota_register_buffers_update_tag(&t->ring, 0, &iov[2], &next_tag, 1));
    quiet(t);
    say(t, " %d", rota_register_buffers_update_tag(&t->ring, 0, &iov[2], &none, 1));
    say_tags(t, 1);
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 0)));
    say(t, " %d", rota_register_buffers_update_tag(&t->ring, 2, iov, &next_tag, 2));
    say(t, " %d", rota_register_buffers_update_tag(&t->ring, UINT32_MAX, iov, &next_tag, 2));
    say(t, " %d", rota_unregister_buffers(&t->ring));
    say_tags(t, 2);
    say(t, " %d", rota_register_buffers_sparse(&t->ring, 4));
    say(t, " %d", rota_register_buffers_update_tag(&t->ring, 3, iov, &none, 1));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 3)));
    close(p[0]);
    close(p[1]);
}

static void buffer_vectors(struct twin *t)
{
    static char area[64];
    static struct iovec many[1025];
    struct iovec whole = {area, 64}, iov[2] = {{area, 2}, {area + 62, 2}}, out = {area + 63, 2};
    int p[2];

    make_pipe(p);
    put(p[1], "abcd");
    say(t, "%d", rota_register_buffers(&t->ring, &whole, 1));
    say(t, " %d", ONE(t, readv_fixed(q, p[0], &out, 1, 0, 0, 0)));
    say(t, " %d", ONE(t, readv_fixed(q, p[0], iov, 2, 0, 0, 0)));
    say(t, " %.2s%.2s", area, area + 62);
    say(t, " %d", ONE(t, writev_fixed(q, p[1], iov, 2, 0, 0, 0)));
    say(t, " %d", ONE(t, readv_fixed(q, p[0], iov, 2, 0, 0, 1)));
    /* More than one call takes. */
    for (unsigned i = 0; i < 1025; i++)
        many[i] = (struct iovec){area, 0};
    say(t, " %d", ONE(t, readv_fixed(q, p[0], many, 1025, 0, 0, 0)));
    say(t, " %d", ONE(t, writev_fixed(q, p[1], many, 1025, 0, 0, 0)));
    close(p[0]);
    close(p[1]);
}

static void clones(struct twin *t)
{
    static char area[3][64];
    struct iovec iov[3] = {{area[0], 64}, {area[1], 64}, {area[2], 64}};
    struct rota_config config = {.kernel = t->kernel};
    struct rota_ring other;
    int p[2];

    make_pipe(p);
    put(p[1], "abcd");
    if (rota_init(&other, 4, &config))
        bail("second ring");
    say(t, "%d", rota_clone_buffers(&t->ring, &other));
    if (rota_register_buffers(&other, iov, 3))
        bail("buffers");
    say(t, " %d", rota_clone_buffers_offset(&t->ring, &other, 0, 2, 2, 0));
    say(t, " %d", rota_clone_buffers_offset(&t->ring, &other, 0, 0, 4, 0));
    say(t, " %d", rota_clone_buffers_offset(&t->ring, &other, 1, 0, 2, 0));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 0)));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[1], 1, 0, 2)));
    say(t, " %d", rota_clone_buffers(&t->ring, &other));
    say(t, " %d",
        rota_clone_buffers_offset(&t->ring, &other, 2, 0, 1, IORING_REGISTER_DST_REPLACE));
    rota_queue_exit(&other);
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 1)));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[0], 1, 0, 2)));
    say(t, " %d", ONE(t, read_fixed(q, p[0], area[1], 1, 0, 2)));
    say(t, " %d", rota_unregister_buffers(&t->ring));
    close(p[0]);
    close(p[1]);
}

static void eventfds(struct twin *t)
{
    int fd = eventfd(0, EFD_NONBLOCK), p[2];
    uint64_t count = 0;

    make_pipe(p);
    say(t, "%d", rota_unregister_eventfd(&t->ring));
    say(t, " %d", rota_register_eventfd(&t->ring, 12345));
    say(t, " %d", rota_register_eventfd(&t->ring, p[0]));
    say(t, " %d", reg(t, IORING_REGISTER_EVENTFD, &fd, 2));
    say(t, " %d", rota_register_eventfd(&t->ring, fd));
    say(t, " %d", rota_register_eventfd_async(&t->ring, fd));
    say(t, " %d", ONE(t, nop(q)));
    say(t, " %d", read(fd, &count, sizeof(count)) == 8 && count > 0);
    say(t, " %d", rota_unregister_eventfd(&t->ring));
    say(t, " %d", ONE(t, nop(q)));
    say(t, " %d", read(fd, &count, sizeof(count)) == -1);
    /* Only for what does not end when it is submitted. */
    say(t, " | %d", rota_register_eventfd_async(&t->ring, fd));
    say(t, " %d", ONE(t, nop(q)));
    say(t, " %d", read(fd, &count, sizeof(count)) == -1);
    say(t, " %d", rota_unregister_eventfd(&t->ring));
    close(fd);
    close(p[0]);
    close(p[1]);
}

/* A NOP that looks a file up, and slots of a table that is not there. */
static void looked_up(struct twin *t)
{
    int32_t fd = 0, slots[2] = {0, -1};
    uint32_t fixed = IORING_NOP_FILE | IORING_NOP_FIXED_FILE;
    struct io_uring_sqe *sqe;

    say(t, "%d", ONE(t, files_update(q, &fd, 1, (int)IORING_FILE_INDEX_ALLOC)));
    if (rota_register_files(&t->ring, slots, 2))
        bail("no table");
    for (int i = 0; i < 3; i++) {
        sqe = PREP(t, 1, nop(q));
        sqe->fd = i;
        sqe->nop_flags = fixed;
        say(t, " %d", one(t, sqe));
    }
    sqe = PREP(t, 1, nop(q));
    sqe->fd = 1 << 20;
    sqe->nop_flags = IORING_NOP_FILE;
    say(t, " %d", one(t, sqe));
}

static const struct scenario scenarios[] = {
    SCENARIO("files that are looked up", looked_up, "-6 0 -9 -9 -9",
             .opcode = IORING_OP_EPOLL_WAIT),
    SCENARIO("a table of files", files,
             "-6 -75 -22 -24 0 -16 | 2 -9 2 -9 | 2 1 1 1 -9 | -22 -75 -9 1 1 | -22 0 -9",
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("tags of files", file_tags,
             "-22 0 1 { 70:0 } -22 1 { 80:0 } 1[1] 1 { 5:1 90:0 } 0 { 72:0 }",
             .features = IORING_FEAT_RSRC_TAGS | IORING_FEAT_LINKED_FILE,
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("direct descriptors", direct,
             "-6 -23 -6 -22 -22 0 -22 -75 0 | 1 2 3 -23 | 0 -9 -22 2 | 0 0 -22 0 | 1 1 -9 | 0 0 2 "
             "3 1 1 -22 | 0 -23 0",
             .opcode = IORING_OP_FIXED_FD_INSTALL),
    SCENARIO("registered buffers", buffers,
             "-6 -14 -22 -22 -14 -14 -14 -14 | 0 -16 | 2 ab -14 -14 -14 -14 6 cdefgh 3 | 0",
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("tags of buffers", buffer_tags,
             "-22 0 1 1 -22 1 { 41:0 } -14 -22 -75 0 { 42:0 50:0 } 0 1 1",
             .features = IORING_FEAT_RSRC_TAGS | IORING_FEAT_LINKED_FILE,
             .opcode = IORING_OP_SENDMSG_ZC),
    SCENARIO("vectors of registered buffers", buffer_vectors, "0 -14 4 abcd 4 -14 -22 -22",
             .opcode = IORING_OP_READV_FIXED),
    SCENARIO("buffers of another ring", clones, "-6 -75 -22 0 -14 1 -16 0 1 1 -14 0",
             .opcode = IORING_OP_READV_FIXED),
    SCENARIO("eventfds", eventfds, "-6 -9 -22 -22 0 -16 0 1 0 0 1 | 0 0 1 0",
             .opcode = IORING_OP_SENDMSG_ZC),
};

int main(void)
{
    PLAY(scenarios);
    return done();
}
