/* SPDX-License-Identifier: MIT */
/* The file table: its slots, files that requests open into them, and what happens when it is full. */
#include "resource.h"

#include <netinet/in.h>
#include <sys/resource.h>

static uint64_t map[ROTA_FILE_TABLE_WORDS(300)];

/* Reads the first byte of the file in a slot; -errno when that fails. */
static int first_byte(struct rota_ring *ring, int slot)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);
    unsigned char byte = 0;
    struct completion got;

    rota_prep_read(sqe, slot, &byte, 1, 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    got = run_one(ring);
    return got.res == 1 ? byte : got.res;
}

static int file_with(unsigned char byte)
{
    int fd = temporary_file();

    if (write(fd, &byte, 1) != 1)
        bail("write: %s", strerror(errno));
    return fd;
}

static void test_slots(void)
{
    struct footprint before = footprint();
    struct rota_file_table table, other;
    struct rota_ring ring;
    bool same = true;
    int fd, fd2;

    make_ring(&ring, 8, 0);
    memset(map, 0xff, sizeof(map));
    is_int(rota_file_table_init(&ring, &table, 0, map), -EINVAL, "no slots");
    is_int(rota_file_table_init(&ring, &table, 3, NULL), -EINVAL, "no map");
    is_int(rota_file_table_init(&ring, &table, (1U << 20) + 1, map), -EMFILE, "too many slots");
    if (in_valgrind()) {
        skip(1, "valgrind keeps that limit to itself");
    } else {
        struct rlimit limit, few;
        int ret;

        getrlimit(RLIMIT_NOFILE, &limit);
        few = limit;
        few.rlim_cur = 64;
        setrlimit(RLIMIT_NOFILE, &few);
        ret = rota_file_table_init(&ring, &table, 65, map);
        setrlimit(RLIMIT_NOFILE, &limit);
        is_int(ret, -EMFILE, "more than the process may have open");
    }
    is_int(table.slots, 0, "there is no table");
    is_int(rota_file_table_init(&ring, &table, 130, map), 0, "130 slots");
    is_int(rota_file_table_init(&ring, &other, 4, map + 4), -EBUSY, "one table for a ring");
    is_int(rota_file_table_free(&table), 130, "all are free");
    fd = file_with('a');
    fd2 = file_with('b');
    for (int slot = 0; slot < 130; slot++)
        same = same && rota_file_table_install(&ring, &table, slot % 2 ? fd2 : fd) == slot;
    ok(same, "they are filled from the lowest on");
    is_int(rota_file_table_install(&ring, &table, fd), -ENFILE, "not one more");
    is_int(rota_file_table_free(&table), 0, "none is free");
    for (int slot = 0; slot < 130 && same; slot++)
        same = first_byte(&ring, slot) == (slot % 2 ? 'b' : 'a');
    ok(same, "each has its file");

    is_int(rota_file_table_remove(&ring, &table, 129), 0, "the last is emptied");
    is_int(rota_file_table_remove(&ring, &table, 64), 0, "one in the middle, too");
    is_int(rota_file_table_remove(&ring, &table, 64), -EINVAL, "once");
    is_int(rota_file_table_remove(&ring, &table, 130), -EINVAL, "there is no such slot");
    is_int(first_byte(&ring, 64), -EBADF, "it has no file");
    ok(!rota_file_table_is_used(&table, 64), "and is free");
    is_int(rota_file_table_remove(&ring, &table, 128), 0, "a third");
    is_int(rota_file_table_install(&ring, &table, fd), 64, "the lowest is filled first");
    is_int(rota_file_table_install(&ring, &table, fd), 128, "then the next");
    is_int(rota_file_table_install(&ring, &table, fd), 129, "then the last");
    is_int(rota_file_table_remove(&ring, &table, 128), 0, "one is emptied");
    is_int(rota_file_table_install(&ring, &table, fd), 128, "and filled");
    is_int(rota_file_table_install(&ring, &table, fd), -ENFILE, "and there is no other");
    is_int(rota_file_table_remove(&ring, &table, 129), 0, "the last is emptied");
    is_int(rota_file_table_remove(&ring, &table, 64), 0, "and the one in the middle");
    ok(rota_file_table_is_used(&table, 63), "its neighbour is not");
    is_int(rota_file_table_reserve(&table), 64, "the lowest is reserved");
    is_int(rota_file_table_reserve(&table), 129, "then the next");
    is_int(rota_file_table_reserve(&table), -ENFILE, "and no more");
    is_int(rota_file_table_release(&table, 129), 0, "a slot is released");
    is_int(rota_file_table_release(&table, 129), -EINVAL, "once");
    is_int(rota_file_table_release(&table, 130), -EINVAL, "there is no such slot");
    is_int(rota_file_table_install(&ring, &table, fd2), 129, "and taken again");

    is_int(first_byte(&ring, 2), 'a', "slot 2 has a file");
    is_int(rota_file_table_update(&ring, &table, 2, fd2), 0, "it gets another one");
    is_int(first_byte(&ring, 2), 'b', "which it has now");
    is_int(rota_file_table_update(&ring, &table, 2, -1), -EBADF, "no file");
    is_int(first_byte(&ring, 2), 'b', "changes nothing");
    is_int(rota_file_table_update(&ring, &table, 2, ring.ring_fd), -EBADF, "a ring");
    is_int(first_byte(&ring, 2), -EBADF, "leaves the slot empty");
    is_int(rota_file_table_update(&ring, &table, 2, fd2), 0, "until the next");
    is_int(rota_file_table_update(&ring, &table, 2, 9999), -EBADF, "a file that is not open");
    ok(rota_file_table_is_used(&table, 2), "leaves the slot in use");
    is_int(rota_file_table_update(&ring, &table, 2, fd), 0, "for the next");
    is_int(first_byte(&ring, 2), 'a', "which it has");
    is_int(rota_file_table_update(&ring, &table, 130, fd), -EINVAL, "there is no such slot");
    is_int(rota_file_table_remove(&ring, &table, 7), 0, "slot 7 is emptied");
    is_int(rota_file_table_update(&ring, &table, 7, fd), -EINVAL, "and cannot be updated");
    is_int(rota_file_table_install(&ring, &table, -1), -EBADF, "nothing cannot be installed");
    is_int(rota_file_table_install(&ring, &table, -2), -EBADF, "nor can less");
    is_int(rota_file_table_install(&ring, &table, 9999), -EBADF, "nor a file that is not open");
    is_int(rota_file_table_install(&ring, &table, ring.ring_fd), -EBADF, "nor a ring");
    is_int(rota_file_table_free(&table), 1, "which cost no slot");
    is_int(rota_file_table_install(&ring, &table, fd), 7, "the slot is still there");
    close(fd);
    close(fd2);
    is_int(first_byte(&ring, 7), 'a', "the table keeps the file open");
    rota_file_table_exit(&ring, &table);
    is_int(first_byte(&ring, 7), -EBADF, "until it ends");
    rota_file_table_exit(&ring, &table);
    is_int(rota_file_table_init(&ring, &table, 1, map), 0, "the ring can have another");
    rota_queue_exit(&ring);
    rota_file_table_exit(&ring, &table);
    is_int(table.slots, 0, "it can end after its ring");
    is_clean(before, "file tables");
}

/* A kernel without sparse tables is asked in another way. */
static void test_old_kernel(void)
{
    struct footprint before = footprint();
    struct rota_file_table table;
    struct rota_ring ring;
    int fd = file_with('c');

    make_fault_ring(&ring, 8, 0);
    arm_fault(1, -EINVAL);
    is_int(rota_file_table_init(&ring, &table, 300, map), 0, "a list of empty slots");
    ok(disarm_fault(), "where the kernel has no sparse tables");
    is_int(rota_file_table_install(&ring, &table, fd), 0, "works");
    is_int(first_byte(&ring, 0), 'c', "the same");
    is_int(first_byte(&ring, 299), -EBADF, "up to the last slot");
    rota_file_table_exit(&ring, &table);
    arm_fault(1, -ENOMEM);
    is_int(rota_file_table_init(&ring, &table, 300, map), -ENOMEM, "another error is reported");
    (void)disarm_fault();
    is_int(table.slots, 0, "there is no table");
    rota_queue_exit(&ring);
    close(fd);
    is_clean(before, "a list of empty slots");
}

/* Whether the kernel can open files into slots (5.15), and picks slots itself (5.19). */
static bool kernel_allocates(struct rota_ring *ring)
{
    struct rota_file_table table;
    struct io_uring_sqe *sqe;
    int res;

    if (rota_file_table_init(ring, &table, 1, map) < 0)
        return false;
    sqe = must_get_sqe(ring);
    rota_prep_openat_direct(sqe, AT_FDCWD, "/", O_RDONLY, 0, IORING_FILE_INDEX_ALLOC);
    res = run_one(ring).res;
    rota_file_table_exit(ring, &table);
    return res == 0;
}

static void test_direct(struct rota_ring *ring)
{
    struct rota_file_table table;
    struct io_uring_sqe *sqe;
    int slot;

    rota_file_table_init(ring, &table, 6, map);
    slot = rota_file_table_reserve(&table);
    sqe = must_get_sqe(ring);
    rota_prep_openat_direct(sqe, AT_FDCWD, "/dev/zero", O_RDONLY, 0, (unsigned)slot);
    is_int(run_one(ring).res, 0, "a file is opened into a slot of ours");
    is_int(first_byte(ring, slot), 0, "it can be read");
    sqe = must_get_sqe(ring);
    rota_prep_close_direct(sqe, (unsigned)slot);
    is_int(run_one(ring).res, 0, "and closed");
    is_int(rota_file_table_release(&table, (unsigned)slot), 0, "the slot is free again");
    sqe = must_get_sqe(ring);
    rota_prep_close_direct(sqe, (unsigned)slot);
    is_int(run_one(ring).res, -EBADF, "which closing says, too");

    is_int(rota_file_table_leave_to_kernel(ring, &table, 7), -EINVAL, "more than there are");
    slot = rota_file_table_leave_to_kernel(ring, &table, 2);
    if (slot == -EINVAL) {
        skip(1, "the kernel knows no range of slots (6.0)");
        rota_file_table_exit(ring, &table);
        return;
    }
    is_int(slot, 0, "two slots are left to the kernel");
    is_int(rota_file_table_free(&table), 4, "four are ours");
    for (int i = 0; i < 2; i++) {
        sqe = must_get_sqe(ring);
        rota_prep_socket_direct_alloc(sqe, AF_UNIX, SOCK_STREAM, 0, 0);
        slot = run_one(ring).res;
        ok(slot == 4 || slot == 5, "the kernel picks one of its slots: %d", slot);
    }
    sqe = must_get_sqe(ring);
    rota_prep_socket_direct_alloc(sqe, AF_UNIX, SOCK_STREAM, 0, 0);
    is_int(run_one(ring).res, -ENFILE, "and has no third");
    for (int i = 0; i < 4; i++)
        is_int(rota_file_table_reserve(&table), i, "slot %d is still ours", i);
    is_int(rota_file_table_reserve(&table), -ENFILE, "a fifth is not");
    is_int(rota_file_table_leave_to_kernel(ring, &table, 3), -EINVAL, "one of three is in use");
    is_int(rota_file_table_remove(ring, &table, 5), 0, "a slot of the kernel's is emptied");
    sqe = must_get_sqe(ring);
    rota_prep_socket_direct_alloc(sqe, AF_UNIX, SOCK_STREAM, 0, 0);
    is_int(run_one(ring).res, 5, "which it uses again");
    is_int(rota_file_table_release(&table, 3), 0, "a slot of ours is released");
    is_int(rota_file_table_leave_to_kernel(ring, &table, 3), 0, "and left to the kernel");
    sqe = must_get_sqe(ring);
    rota_prep_socket_direct_alloc(sqe, AF_UNIX, SOCK_STREAM, 0, 0);
    is_int(run_one(ring).res, 3, "which uses it");
    is_int(rota_file_table_free(&table), 0, "it is not ours");
    rota_file_table_exit(ring, &table);
}

static int listener(struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t length = sizeof(*address);

    memset(address, 0, sizeof(*address));
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, sizeof(*address)) || listen(fd, 16) ||
        getsockname(fd, (struct sockaddr *)address, &length))
        bail("no listening socket: %s", strerror(errno));
    return fd;
}

static int client(const struct sockaddr_in *address)
{
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
        bail("no connection: %s", strerror(errno));
    return fd;
}

static int accept_into_table(struct rota_ring *ring, int fd)
{
    struct io_uring_sqe *sqe = must_get_sqe(ring);

    rota_prep_accept_direct(sqe, fd, NULL, NULL, 0, IORING_FILE_INDEX_ALLOC);
    return run_one(ring).res;
}

static void test_accept(struct rota_ring *ring)
{
    struct rota_file_table table;
    struct sockaddr_in address;
    int fd = listener(&address), clients[6], none = -1;

    rota_file_table_init(ring, &table, 3, map);
    for (int i = 0; i < 6; i++)
        clients[i] = client(&address);
    for (int i = 0; i < 3; i++)
        is_int(accept_into_table(ring, fd), i, "connection %d goes into slot %d", i, i);
    is_int(accept_into_table(ring, fd), -ENFILE, "the table is full");
    is_int(rota_register_files_update(ring, 1, &none, 1), 1, "slot 1 comes back by an update");
    is_int(accept_into_table(ring, fd), 1, "and is used");
    is_int(accept_into_table(ring, fd), -ENFILE, "the table is full again");
    for (int i = 0; i < 6; i++)
        close(clients[i]);
    close(fd);
    rota_file_table_exit(ring, &table);
}

static void test_multishot_accept(struct rota_ring *ring)
{
    struct rota_file_table table;
    struct sockaddr_in address;
    struct io_uring_sqe *sqe;
    struct completion got;
    int fd = listener(&address), clients[4], none = -1;
    bool taken[3] = {false, false, false};

    rota_file_table_init(ring, &table, 3, map);
    sqe = must_get_sqe(ring);
    rota_prep_multishot_accept_direct(sqe, fd, NULL, NULL, 0);
    rota_sqe_set_data64(sqe, 1);
    submits(ring, 1);
    for (int i = 0; i < 3; i++) {
        clients[i] = client(&address);
        got = next_cqe(ring);
        ok(got.res >= 0 && got.res < 3 && !taken[got.res], "client %d gets slot %d", i, got.res);
        is_int(got.flags & IORING_CQE_F_MORE, IORING_CQE_F_MORE, "and there will be more");
        if (got.res >= 0 && got.res < 3)
            taken[got.res] = true;
    }
    clients[3] = client(&address);
    is_cqe(next_cqe(ring), 1, -ENFILE, 0, "a fourth client ends it: the accept");
    is_int(rota_register_files_update(ring, 0, &none, 1), 1, "slot 0 comes back");
    sqe = must_get_sqe(ring);
    rota_prep_multishot_accept_direct(sqe, fd, NULL, NULL, 0);
    rota_sqe_set_data64(sqe, 2);
    submits(ring, 1);
    close(clients[3]);
    clients[3] = client(&address);
    got = next_cqe(ring);
    is_cqe(got, 2, 0, IORING_CQE_F_MORE, "the next accept");
    sqe = must_get_sqe(ring);
    rota_prep_cancel64(sqe, 2, 0);
    rota_sqe_set_data64(sqe, 3);
    submits(ring, 1);
    for (int i = 0; i < 2; i++) {
        got = next_cqe(ring);
        if (got.user_data == 3)
            ok(got.res == 0 || got.res == -ENOENT, "the cancellation completes with %d", got.res);
        else /* cancelled, or the connection that the first accept had no slot for */
            ok(got.res == -ECANCELED || got.res == -ENFILE, "the accept ends with %d", got.res);
    }
    for (int i = 0; i < 4; i++)
        close(clients[i]);
    close(fd);
    rota_file_table_exit(ring, &table);
}

int main(void)
{
    struct footprint before;
    struct rota_ring ring;

    test_slots();
    test_old_kernel();
    make_ring(&ring, 8, 0);
    before = footprint();
    if (!kernel_allocates(&ring)) {
        skip(1, "the kernel picks no slots (5.19)");
    } else {
        test_direct(&ring);
        test_accept(&ring);
        test_multishot_accept(&ring);
        is_clean(before, "files in slots");
    }
    rota_queue_exit(&ring);
    return done();
}
