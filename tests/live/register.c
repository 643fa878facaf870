/* SPDX-License-Identifier: MIT */
/* Scenarios of the register calls: what a ring, a thread or a kernel is asked to remember. */
#include "live.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <net/if.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FUTEX2_KIND 130U /* FUTEX2_SIZE_U32 | FUTEX2_PRIVATE, absent from older headers */
#define GROUP       7
#define ENTRIES     8U
#define LEN         64U
#define PAGES       8U
#define NOBODY      INT_MAX /* a descriptor that is never open */
#define MARK        0x726f7461U
#define DENIED      (((uint64_t)MARK << 32) | MARK)
#define OPCODES     (IORING_OP_URING_CMD128 + 1U) /* that the table knows */

#define SCENARIO(name_, open_, check_)          \
    const struct live_scenario live_##name_ = { \
        .name = #name_, .open = (open_), .check = (check_), .close = close_all}

/* One that leaves its mark on the thread. */
#define SCENARIO_APART(name_, open_, check_)    \
    const struct live_scenario live_##name_ = { \
        .name = #name_, .open = (open_), .check = (check_), .close = close_all, .apart = 1}

/* What the scenarios of this file hold beside struct live; they run one at a time. */
static struct {
    size_t page;
    unsigned char *map; /* PAGES pages, and one that is not mapped for anything */
    struct rota_ring source;
    int old_fd;
    uint32_t probe[2][(sizeof(struct io_uring_probe) + 256 * sizeof(struct io_uring_probe_op)) /
                      sizeof(uint32_t)];
    int files[2];
    int none[1];
    unsigned limits[3][2];
    int have_limits;
    uint32_t slots[16];
    unsigned nr_slots;
    uint16_t head;
    cpu_set_t cpus;
    pid_t workers[64];
    unsigned nr_workers;
    struct rlimit memlock;
    int *many;
    int have_memlock;
    struct __user_cap_data_struct caps[2];
    int have_caps;
    int fuse_fd;
    int dir_fd;
    struct iovec bad;
    struct iovec wrong[2]; /* past the end of all addresses, and beyond 1 TiB */
    struct io_uring_restriction restrictions[2];
    struct io_uring_restriction odd;
    /* A struct io_uring_task_restriction with its list. */
    uint32_t task[(sizeof(struct io_uring_task_restriction) +
                   (IORING_REGISTER_LAST + OPCODES + 1) * sizeof(struct io_uring_restriction)) /
                  sizeof(uint32_t)];
    struct io_uring_buf_reg groups[2];
    struct io_uring_sync_cancel_reg cancel[2];
    struct io_uring_sqe sqes[2];
    struct io_uring_napi napi[2];
    struct io_uring_clock_register clocks[2];
    struct io_uring_region_desc descs[2];
    struct io_uring_mem_region_reg regions[2];
    struct io_uring_params params[2];
    struct io_uring_query_hdr queries[2];
    struct io_uring_query_opcode answer;
    struct io_uring_zcrx_area_reg area;
    struct io_uring_zcrx_ifq_reg ifq[2];
    struct zcrx_ctrl ctrl[2];
    struct io_uring_bpf filters[2];
} own = {.old_fd = -1, .fuse_fd = -1, .dir_fd = -1, .source.ring_fd = -1};

static struct sock_filter program[] = {
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 0),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MARK, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 0),
    BPF_STMT(BPF_RET | BPF_K, 1),
};

/* ---- helpers ---- */

static uint64_t address(const void *memory)
{
    return (uint64_t)(uintptr_t)memory;
}

static int reg(const struct live *l, unsigned opcode, const void *arg, unsigned nr)
{
    return rota_sys_register(l->ring.ring_fd, opcode, arg, nr);
}

/* Submits what was prepared and takes the next completion; 0 or -errno of the ring. */
static int take(struct rota_ring *ring, struct io_uring_cqe *out)
{
    struct __kernel_timespec patience = {.tv_sec = 3};
    struct io_uring_cqe *cqe = NULL;
    int ret = rota_submit_and_wait_timeout(ring, &cqe, 1, &patience, NULL);

    if (!cqe)
        return ret < 0 ? ret : -ETIME;
    *out = *cqe;
    rota_cqe_seen(ring, cqe);
    return 0;
}

/* The result of the one request that was prepared. */
static int outcome(struct rota_ring *ring)
{
    struct io_uring_cqe cqe;
    int ret = take(ring, &cqe);

    return ret < 0 ? ret : cqe.res;
}

static int nop(struct rota_ring *ring, unsigned flags, uint64_t user_data)
{
    struct io_uring_sqe *sqe = rota_get_sqe(ring);

    rota_prep_nop(sqe);
    rota_sqe_set_flags(sqe, flags);
    rota_sqe_set_data64(sqe, user_data);
    return outcome(ring);
}

static void want(struct live *l, int condition, const char *what)
{
    if (!condition)
        live_fail(l, what);
}

static int open_ring(struct live *l)
{
    own.page = (size_t)sysconf(_SC_PAGESIZE);
    return live_ring_open(l);
}

static int open_memory(struct live *l)
{
    size_t size = (PAGES + 1) * own.page;

    own.map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (own.map == MAP_FAILED) {
        own.map = NULL;
        return -ENOMEM;
    }
    if (mprotect(own.map + PAGES * own.page, own.page, PROT_NONE))
        return -errno;
    for (unsigned i = 0; i < 2; i++) {
        l->iov[i].iov_base = own.map + i * own.page;
        l->iov[i].iov_len = own.page;
    }
    return 0;
}

static unsigned char *page_at(unsigned nr)
{
    return own.map + nr * own.page;
}

static unsigned char *hole(void)
{
    return page_at(PAGES);
}

static int open_pipe(struct live *l)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK))
        return -errno;
    l->pipe_r = fds[0];
    l->pipe_w = fds[1];
    return 0;
}

static int open_source(unsigned flags)
{
    int ret = rota_queue_init(8, &own.source, flags);

    if (ret < 0)
        own.source.ring_fd = -1;
    return ret;
}

/* Gives a capability up until close_all takes it back. */
static int drop(unsigned capability)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct less[2];

    if (syscall(SYS_capget, &header, own.caps))
        return -errno;
    own.have_caps = 1;
    memcpy(less, own.caps, sizeof(less));
    less[capability / 32].effective &= ~(1U << (capability % 32));
    return syscall(SYS_capset, &header, less) ? -errno : 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Every scenario of this file ends here; nothing that was not opened is touched. */
static void close_all(struct live *l)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};

    if (own.have_caps)
        (void)syscall(SYS_capset, &header, own.caps);
    if (own.have_memlock)
        (void)setrlimit(RLIMIT_MEMLOCK, &own.memlock);
    if (own.have_limits)
        (void)reg(l, IORING_REGISTER_IOWQ_MAX_WORKERS, own.limits[2], 2);
    for (unsigned i = 0; i < own.nr_slots; i++) {
        struct io_uring_rsrc_update update = {.offset = own.slots[i]};

        (void)reg(l, IORING_UNREGISTER_RING_FDS, &update, 1);
    }
    /* What hangs in the file system ends with its server. */
    close_fd(&own.fuse_fd);
    close_fd(&own.dir_fd);
    if (own.source.sq.sqes)
        rota_queue_exit(&own.source);
    /* A ring may have no descriptor any more. */
    if (l->ring.sq.sqes)
        rota_queue_exit(&l->ring);
    close_fd(&l->fd2);
    close_fd(&l->pipe_r);
    close_fd(&l->pipe_w);
    live_file_close(l);
    free(own.many);
    if (own.map)
        munmap(own.map, (PAGES + 1) * own.page);
    memset(&own, 0, sizeof(own));
    own.old_fd = own.fuse_fd = own.dir_fd = own.source.ring_fd = -1;
}

/* ---- buffers ---- */

static int fixed(struct live *l, unsigned index, const struct iovec *iov)
{
    int ret;

    memset(iov->iov_base, 0, LEN);
    rota_prep_read_fixed(rota_get_sqe(&l->ring), l->fd, iov->iov_base, LEN, 0, (int)index);
    ret = outcome(&l->ring);
    for (unsigned i = 0; ret == LEN && i < LEN; i++) {
        if (((unsigned char *)iov->iov_base)[i] != live_pattern(i))
            return -EIO;
    }
    return ret;
}

/*
 * The tags of the first `nr` entries from `first` on come back when an update
 * empties them (giving up the whole table posts tags only since 6.13).
 */
static void expect_tags(struct live *l, unsigned opcode, unsigned first, unsigned nr)
{
    static const struct iovec no_buffers[2];
    static const int no_files[2] = {-1, -1};
    struct io_uring_rsrc_update2 update = {.offset = first, .nr = nr};
    uint64_t missing = 0;
    struct io_uring_cqe cqe;

    update.data = address(opcode == IORING_REGISTER_FILES_UPDATE2 ? (const void *)no_files
                                                                  : (const void *)no_buffers);
    want(l, reg(l, opcode, &update, sizeof(update)) == (int)nr, "an entry cannot be emptied");
    for (unsigned i = 0; i < nr; i++)
        missing ^= l->tags[i];
    for (unsigned i = 0; i < nr; i++) {
        if (take(&l->ring, &cqe)) {
            live_fail(l, "a tag did not come back");
            return;
        }
        missing ^= cqe.user_data;
    }
    want(l, missing == 0, "another tag came back");
}

static int buffers_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret == 0)
        ret = live_file_open(l);
    if (ret == 0)
        ret = open_memory(l);
    if (ret < 0)
        return ret;
    l->tags[0] = 0x7a61;
    l->tags[1] = 0x7a6200;
    own.bad.iov_base = hole();
    own.bad.iov_len = own.page;
    l->arg = &own.bad;
    return 0;
}

static int buffers_taken_open(struct live *l)
{
    int ret = buffers_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_BUFFERS, l->iov, 2);
}

static void buffers_check(struct live *l, int res)
{
    (void)res;
    want(l, fixed(l, 0, &l->iov[0]) == LEN, "buffer 0 cannot be used");
    want(l, fixed(l, 1, &l->iov[1]) == LEN, "buffer 1 cannot be used");
}

static void buffers_tagged_check(struct live *l, int res)
{
    buffers_check(l, res);
    expect_tags(l, IORING_REGISTER_BUFFERS_UPDATE, 0, 2);
}

static void buffers_sparse_check(struct live *l, int res)
{
    struct io_uring_rsrc_update2 update = {.offset = 7, .data = address(l->iov), .nr = 1};

    (void)res;
    want(l, fixed(l, 7, &l->iov[0]) == -EFAULT, "an entry is not empty");
    want(l, reg(l, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update)) == 1,
         "the last entry cannot be filled");
    want(l, fixed(l, 7, &l->iov[0]) == LEN, "the filled entry cannot be used");
    update.offset = 8;
    want(l, reg(l, IORING_REGISTER_BUFFERS_UPDATE, &update, sizeof(update)) == -EINVAL,
         "there are more entries");
}

static void buffers_gone_check(struct live *l, int res)
{
    (void)res;
    want(l, fixed(l, 0, &l->iov[0]) == -EFAULT, "a buffer can still be used");
}

static void buffers_replace_check(struct live *l, int res)
{
    (void)res;
    want(l, fixed(l, 1, &l->iov[0]) == LEN, "the entry is not the new buffer");
    expect_tags(l, IORING_REGISTER_BUFFERS_UPDATE, 1, 1);
}

static int memlock_open(struct live *l)
{
    struct rlimit none;
    /* A ring remembers whether its maker was above the limit. */
    int ret = drop(CAP_IPC_LOCK);

    if (ret == 0)
        ret = buffers_open(l);
    if (ret < 0)
        return ret;
    if (getrlimit(RLIMIT_MEMLOCK, &own.memlock))
        return -errno;
    own.have_memlock = 1;
    none = own.memlock;
    none.rlim_cur = 0;
    return setrlimit(RLIMIT_MEMLOCK, &none) ? -errno : 0;
}

static int buffers_wrong_open(struct live *l)
{
    int ret = buffers_open(l);

    if (sizeof(size_t) < 8)
        l->skip = "buffers of a 32-bit program cannot be that wrong";
    own.wrong[0].iov_base = (void *)(UINTPTR_MAX - own.page + 1);
    own.wrong[0].iov_len = 2 * own.page;
    own.wrong[1].iov_base = own.map;
    own.wrong[1].iov_len = (size_t)((UINT64_C(1) << 40) + 1);
    l->arg = &own.wrong[0];
    l->arg2 = &own.wrong[1];
    return ret;
}

SCENARIO(reg_buffers, buffers_open, buffers_check);
SCENARIO(reg_buffers_wrong, buffers_wrong_open, NULL);
SCENARIO(reg_buffers_tagged, buffers_open, buffers_tagged_check);
SCENARIO(reg_buffers_sparse, buffers_open, buffers_sparse_check);
SCENARIO(reg_buffers_taken, buffers_taken_open, buffers_gone_check);
SCENARIO(reg_buffers_replace, buffers_taken_open, buffers_replace_check);
SCENARIO(reg_memlock, memlock_open, NULL);

static int clone_none_open(struct live *l)
{
    int ret = buffers_open(l);

    if (ret == 0)
        ret = open_source(0);
    l->source = &own.source;
    l->ring_fd2 = own.source.ring_fd;
    return ret;
}

static int clone_open(struct live *l)
{
    int ret = clone_none_open(l);

    if (ret < 0)
        return ret;
    return rota_sys_register(l->ring_fd2, IORING_REGISTER_BUFFERS, l->iov, 2);
}

static int clone_index_open(struct live *l)
{
    int ret = clone_open(l);

    if (ret == 0)
        ret = rota_register_ring_fd(&own.source);
    if (ret >= 0)
        ret = rota_close_ring_fd(&own.source);
    return ret < 0 ? ret : 0;
}

static int clone_replace_open(struct live *l)
{
    int ret = clone_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_BUFFERS, l->iov, 2);
}

static void clone_replace_check(struct live *l, int res)
{
    (void)res;
    want(l, fixed(l, 0, &l->iov[0]) == LEN, "the entry that was to stay has changed");
    want(l, fixed(l, 1, &l->iov[0]) == LEN, "the entry is not the other ring's");
}

static void *open_owned_source(void *made)
{
    *(int *)made = open_source(IORING_SETUP_SINGLE_ISSUER);
    return NULL;
}

static int clone_owned_open(struct live *l)
{
    int made = -EIO;
    pthread_t owner;
    int ret = buffers_open(l);

    if (ret < 0)
        return ret;
    ret = pthread_create(&owner, NULL, open_owned_source, &made);
    if (ret)
        return -ret;
    pthread_join(owner, NULL);
    l->source = &own.source;
    return made;
}

SCENARIO(reg_clone, clone_open, buffers_check);
SCENARIO(reg_clone_owned, clone_owned_open, NULL);
SCENARIO(reg_clone_index, clone_index_open, buffers_check);
SCENARIO(reg_clone_replace, clone_replace_open, clone_replace_check);
SCENARIO(reg_clone_none, clone_none_open, NULL);

/* ---- files ---- */

static int from_slot(struct live *l, unsigned slot)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);
    int ret;

    memset(l->buf, 0, LEN);
    rota_prep_read(sqe, (int)slot, l->buf, LEN, 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    ret = outcome(&l->ring);
    for (unsigned i = 0; ret == LEN && i < LEN; i++) {
        if (l->buf[i] != live_pattern(i))
            return -EIO;
    }
    return ret;
}

static int files_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret == 0)
        ret = live_file_open(l);
    own.files[0] = l->fd;
    own.files[1] = -1;
    own.none[0] = NOBODY;
    l->arg = own.files;
    l->arg2 = own.none;
    l->tags[0] = 0x7a61;
    return ret;
}

static int files_many_open(struct live *l)
{
    int ret = files_open(l);

    own.many = calloc((1U << 20) + 1, sizeof(*own.many));
    l->arg = own.many;
    return ret < 0 ? ret : own.many ? 0 : -ENOMEM;
}

static int files_taken_open(struct live *l)
{
    int ret = files_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_FILES, own.files, 2);
}

static int files_range_open(struct live *l)
{
    struct io_uring_rsrc_register sparse = {.nr = 8, .flags = IORING_RSRC_REGISTER_SPARSE};
    int ret = files_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_FILES2, &sparse, sizeof(sparse));
}

static void files_check(struct live *l, int res)
{
    (void)res;
    want(l, from_slot(l, 0) == LEN, "slot 0 is not the file");
    want(l, from_slot(l, 1) == -EBADF, "slot 1 is not empty");
}

static void files_tagged_check(struct live *l, int res)
{
    files_check(l, res);
    expect_tags(l, IORING_REGISTER_FILES_UPDATE2, 0, 1);
}

static void files_sparse_check(struct live *l, int res)
{
    struct io_uring_rsrc_update update = {.offset = 7, .data = address(own.files)};

    (void)res;
    want(l, from_slot(l, 7) == -EBADF, "a slot is not empty");
    want(l, reg(l, IORING_REGISTER_FILES_UPDATE, &update, 1) == 1, "the last slot is not there");
    want(l, from_slot(l, 7) == LEN, "the filled slot cannot be used");
    update.offset = 8;
    want(l, reg(l, IORING_REGISTER_FILES_UPDATE, &update, 1) == -EINVAL, "there are more slots");
}

static void files_gone_check(struct live *l, int res)
{
    (void)res;
    want(l, from_slot(l, 0) == -EBADF, "a slot can still be used");
}

static void files_replace_check(struct live *l, int res)
{
    (void)res;
    want(l, from_slot(l, 1) == LEN, "slot 1 is not the file");
}

static void files_retag_check(struct live *l, int res)
{
    files_replace_check(l, res);
    expect_tags(l, IORING_REGISTER_FILES_UPDATE2, 1, 1);
}

static void files_range_check(struct live *l, int res)
{
    (void)res;
    for (int slot = 5; slot < 7; slot++) {
        rota_prep_openat_direct(rota_get_sqe(&l->ring), AT_FDCWD, l->path, O_RDONLY, 0,
                                IORING_FILE_INDEX_ALLOC);
        want(l, outcome(&l->ring) == slot, "a slot outside the range was taken");
    }
    rota_prep_openat_direct(rota_get_sqe(&l->ring), AT_FDCWD, l->path, O_RDONLY, 0,
                            IORING_FILE_INDEX_ALLOC);
    want(l, outcome(&l->ring) == -ENFILE, "the range has more slots");
}

SCENARIO(reg_files, files_open, files_check);
SCENARIO(reg_files_many, files_many_open, NULL);
SCENARIO(reg_files_tagged, files_open, files_tagged_check);
SCENARIO(reg_files_sparse, files_open, files_sparse_check);
SCENARIO(reg_files_taken, files_taken_open, files_gone_check);
SCENARIO(reg_files_replace, files_taken_open, files_replace_check);
SCENARIO(reg_files_retag, files_taken_open, files_retag_check);
SCENARIO(reg_files_range, files_range_open, files_range_check);

/* ---- eventfd, probe, identities ---- */

static int eventfd_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret < 0)
        return ret;
    l->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (l->fd < 0)
        return -errno;
    l->fd2 = open("/dev/null", O_RDWR | O_CLOEXEC);
    return l->fd2 < 0 ? -errno : 0;
}

static int eventfd_taken_open(struct live *l)
{
    int ret = eventfd_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_EVENTFD, &l->fd, 1);
}

/* Whether the eventfd was signalled, within so many milliseconds. */
static int signalled(struct live *l, int patience)
{
    struct pollfd wait = {.fd = l->fd, .events = POLLIN};
    uint64_t count;

    return poll(&wait, 1, patience) == 1 && read(l->fd, &count, sizeof(count)) == sizeof(count);
}

static void eventfd_check(struct live *l, int res)
{
    (void)res;
    want(l, nop(&l->ring, 0, 0) == 0 && signalled(l, 1000), "a completion did not signal");
}

static void eventfd_async_check(struct live *l, int res)
{
    (void)res;
    want(l, nop(&l->ring, 0, 0) == 0 && !signalled(l, 0), "a completion in line has signalled");
    want(l, nop(&l->ring, IOSQE_ASYNC, 0) == 0 && signalled(l, 1000), "a later one did not");
}

static void eventfd_gone_check(struct live *l, int res)
{
    (void)res;
    want(l, nop(&l->ring, 0, 0) == 0 && !signalled(l, 0), "a completion has signalled");
}

static int probe_open(struct live *l)
{
    int ret = open_ring(l);

    memset(own.probe[1], 0xff, sizeof(own.probe[1]));
    l->arg = own.probe[0];
    l->arg2 = own.probe[1];
    return ret;
}

static void probe_check(struct live *l, int res)
{
    const struct io_uring_probe *p = l->arg;

    (void)res;
    want(l, p->last_op >= IORING_OP_SPLICE - 1 && p->ops_len == p->last_op + 1, "no count");
    want(l, p->ops[IORING_OP_READV].op == IORING_OP_READV, "no opcodes");
    want(l, p->ops[IORING_OP_READV].flags & IO_URING_OP_SUPPORTED, "READV is not there");
}

static int identity(struct live *l, int id)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);

    rota_prep_nop(sqe);
    sqe->personality = (uint16_t)id;
    return outcome(&l->ring);
}

static void identity_check(struct live *l, int res)
{
    want(l, identity(l, res) == 0, "the id cannot be used");
    want(l, identity(l, res + 1) == -EINVAL, "another id can be used");
}

static int personality_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret == 0)
        ret = l->id = reg(l, IORING_REGISTER_PERSONALITY, NULL, 0);
    return ret < 0 ? ret : 0;
}

static void personality_check(struct live *l, int res)
{
    (void)res;
    want(l, identity(l, l->id) == -EINVAL, "the id can still be used");
}

static int personalities_full_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < 65535; i++) {
        ret = reg(l, IORING_REGISTER_PERSONALITY, NULL, 0);
        if (ret < 0)
            return ret;
    }
    return 0;
}

SCENARIO(reg_eventfd, eventfd_open, eventfd_check);
SCENARIO(reg_eventfd_async, eventfd_open, eventfd_async_check);
SCENARIO(reg_eventfd_taken, eventfd_taken_open, eventfd_gone_check);
SCENARIO(reg_probe, probe_open, probe_check);
SCENARIO(reg_ring, open_ring, NULL);
SCENARIO(reg_identity, open_ring, identity_check);
SCENARIO(reg_personality, personality_open, personality_check);
SCENARIO(reg_personalities_full, personalities_full_open, NULL);

/* ---- rings that are not enabled, restrictions ---- */

static int disabled_open(struct live *l)
{
    l->setup_flags = IORING_SETUP_R_DISABLED;
    return open_ring(l);
}

static void disabled_check(struct live *l, int res)
{
    (void)res;
    want(l, nop(&l->ring, 0, 0) == 0, "the ring takes no request");
}

static int restrict_late_open(struct live *l)
{
    int ret = open_ring(l);

    own.restrictions[0].opcode = IORING_RESTRICTION_REGISTER_OP;
    own.restrictions[0].register_op = IORING_REGISTER_ENABLE_RINGS;
    own.restrictions[1].opcode = IORING_RESTRICTION_SQE_OP;
    own.restrictions[1].sqe_op = IORING_OP_NOP;
    own.odd.opcode = 99;
    l->arg = own.restrictions;
    l->arg2 = &own.odd;
    return ret;
}

static int restrict_open(struct live *l)
{
    l->setup_flags = IORING_SETUP_R_DISABLED;
    return restrict_late_open(l);
}

static int restricted_open(struct live *l)
{
    int ret = restrict_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_RESTRICTIONS, own.restrictions, 2);
}

static void restrict_check(struct live *l, int res)
{
    struct io_uring_sqe *sqe;

    (void)res;
    want(l, reg(l, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0, "enabling is not allowed");
    want(l, nop(&l->ring, 0, 0) == 0, "NOP is not allowed");
    sqe = rota_get_sqe(&l->ring);
    sqe->opcode = IORING_OP_FSYNC;
    want(l, outcome(&l->ring) == -EACCES, "another opcode is allowed");
    want(l, reg(l, IORING_REGISTER_PERSONALITY, NULL, 0) == -EACCES, "another call is allowed");
}

/*
 * Restrictions of a thread stay. These allow everything but a call that no
 * ring takes anyway, so that later trials of the same thread go on.
 */
static int task_restrict_open(struct live *l)
{
    struct io_uring_task_restriction *task = (void *)own.task;
    struct io_uring_restriction *next = task->restrictions;
    int ret = open_ring(l);

    for (unsigned i = 0; i < IORING_REGISTER_LAST; i++) {
        if (i == IORING_REGISTER_SEND_MSG_RING)
            continue;
        next->opcode = IORING_RESTRICTION_REGISTER_OP;
        next++->register_op = (uint8_t)i;
    }
    for (unsigned i = 0; i < OPCODES; i++) {
        next->opcode = IORING_RESTRICTION_SQE_OP;
        next++->sqe_op = (uint8_t)i;
    }
    next->opcode = IORING_RESTRICTION_SQE_FLAGS_ALLOWED;
    next++->sqe_flags = 0xff;
    task->nr_res = (uint16_t)(next - task->restrictions);
    l->arg = task;
    return ret;
}

static void task_restrict_check(struct live *l, int res)
{
    (void)res;
    want(l, reg(l, IORING_REGISTER_SEND_MSG_RING, NULL, 0) == -EINVAL, "an older ring is limited");
    want(l, open_source(0) == 0, "no ring can be made any more");
    want(l,
         rota_sys_register(own.source.ring_fd, IORING_REGISTER_SEND_MSG_RING, NULL, 0) == -EACCES,
         "a new ring is not limited");
    want(l, nop(&own.source, 0, 0) == 0, "a new ring is limited too much");
}

static int task_restricted_open(struct live *l)
{
    int ret = task_restrict_open(l);

    if (ret == 0)
        ret = rota_sys_register(-1, IORING_REGISTER_RESTRICTIONS, own.task, 1);
    /* An earlier trial may have done so. */
    return ret == -EPERM ? 0 : ret;
}

/* Whether a thread without privilege could do lasting harm to itself. */
static int unprivileged(struct live *l, unsigned capability)
{
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1) {
        l->skip = "no_new_privs is set";
        return -EPERM;
    }
    return drop(capability);
}

static int task_unprivileged_open(struct live *l)
{
    int ret = task_restrict_open(l);

    return ret < 0 ? ret : unprivileged(l, CAP_SYS_ADMIN);
}

SCENARIO(reg_disabled, disabled_open, disabled_check);
SCENARIO(reg_restrict, restrict_open, restrict_check);
SCENARIO(reg_restricted, restricted_open, NULL);
SCENARIO(reg_restrict_late, restrict_late_open, NULL);
SCENARIO_APART(reg_task_restrict, task_restrict_open, task_restrict_check);
SCENARIO_APART(reg_task_restricted, task_restricted_open, NULL);
SCENARIO_APART(reg_task_unprivileged, task_unprivileged_open, NULL);

/* ---- workers ---- */

/* The state letter of a worker of this process, 0 for another thread. */
static char worker_state(pid_t thread)
{
    char text[128] = "";
    char path[64];
    const char *name_end;
    ssize_t got;
    int fd;

    (void)snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    got = read(fd, text, sizeof(text) - 1);
    close(fd);
    name_end = got > 0 && strstr(text, "(iou-wrk-") ? strchr(text, ')') : NULL;
    return name_end && name_end[1] ? name_end[2] : 0;
}

static int known(pid_t thread)
{
    for (unsigned i = 0; i < own.nr_workers; i++) {
        if (own.workers[i] == thread)
            return 1;
    }
    return 0;
}

/* A worker that is not known yet and, unless `state` is 0, is in that state. */
static pid_t find_worker(char state)
{
    DIR *threads = opendir("/proc/self/task");
    struct dirent *entry;
    pid_t found = 0;

    while (threads && !found && (entry = readdir(threads))) {
        pid_t thread = (pid_t)atoi(entry->d_name);
        char letter = thread > 0 && !known(thread) ? worker_state(thread) : 0;

        if (letter && (!state || letter == state))
            found = thread;
    }
    if (threads)
        closedir(threads);
    return found;
}

/* The same, waiting for it a while. */
static pid_t await_worker(char state, unsigned milliseconds)
{
    struct timespec moment = {.tv_nsec = 1000000};
    pid_t found = find_worker(state);

    for (unsigned i = 0; i < milliseconds && !found; i++) {
        nanosleep(&moment, NULL);
        found = find_worker(state);
    }
    return found;
}

/* Makes the workers that are there known. */
static void know_workers(void)
{
    pid_t found;

    while (own.nr_workers < sizeof(own.workers) / sizeof(own.workers[0]) &&
           (found = find_worker(0)))
        own.workers[own.nr_workers++] = found;
}

static int workers_open(struct live *l)
{
    cpu_set_t allowed;
    size_t first = 0;
    int ret = open_ring(l);

    if (ret == 0)
        ret = live_file_open(l);
    if (ret < 0)
        return ret;
    if (sched_getaffinity(0, sizeof(allowed), &allowed))
        return -errno;
    while (!CPU_ISSET(first, &allowed))
        first++;
    CPU_SET(first, &own.cpus);
    if (mkfifo(l->path2, 0600))
        return -errno;
    know_workers();
    l->arg = &own.cpus;
    l->size = sizeof(own.cpus);
    return 0;
}

/* Occupies workers, each with a pipe that nobody writes to, until a new one is there. */
static void fresh_worker(struct live *l, cpu_set_t *mask)
{
    pid_t worker = 0;

    CPU_ZERO(mask);
    for (unsigned i = 0; i < 8 && !worker; i++) {
        struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);

        rota_prep_openat(sqe, AT_FDCWD, l->path2, O_RDONLY | O_CLOEXEC, 0);
        rota_sqe_set_flags(sqe, IOSQE_ASYNC);
        if (rota_submit(&l->ring) != 1)
            break;
        worker = await_worker(0, 100);
    }
    if (!worker || sched_getaffinity(worker, sizeof(*mask), mask))
        live_fail(l, "no worker has started");
}

static void workers_check(struct live *l, int res)
{
    cpu_set_t mask;

    (void)res;
    fresh_worker(l, &mask);
    want(l, CPU_EQUAL(&mask, &own.cpus), "a worker has other processors");
}

static int workers_bound_open(struct live *l)
{
    int ret = workers_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_IOWQ_AFF, &own.cpus, sizeof(own.cpus));
}

static void workers_free_check(struct live *l, int res)
{
    cpu_set_t mask;

    (void)res;
    fresh_worker(l, &mask);
    if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
        want(l, CPU_COUNT(&mask) > 1, "a worker is still bound");
}

static void *make_ring(void *live)
{
    struct live *l = live;

    l->id = open_ring(l);
    CPU_SET(0, &own.cpus);
    l->arg = &own.cpus;
    l->size = sizeof(own.cpus);
    return NULL;
}

/* In a new process whose ring another thread has made, this thread has had nothing to do with rings. */
static int workers_none_open(struct live *l)
{
    pthread_t maker;
    int ret = pthread_create(&maker, NULL, make_ring, l);

    if (ret)
        return -ret;
    pthread_join(maker, NULL);
    return l->id;
}

static int workers_limits_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret == 0)
        ret = reg(l, IORING_REGISTER_IOWQ_MAX_WORKERS, own.limits[2], 2);
    own.have_limits = ret == 0;
    own.limits[0][0] = 2;
    own.limits[0][1] = 3;
    own.limits[1][0] = 1U << 31;
    l->arg = own.limits[0];
    l->arg2 = own.limits[1];
    return ret;
}

static void workers_limits_check(struct live *l, int res)
{
    unsigned now[2] = {0, 0};

    (void)res;
    want(l, !memcmp(own.limits[0], own.limits[2], sizeof(own.limits[0])), "other limits before");
    want(l, reg(l, IORING_REGISTER_IOWQ_MAX_WORKERS, now, 2) == 0 && now[0] == 2 && now[1] == 3,
         "other limits now");
}

SCENARIO(reg_workers, workers_open, workers_check);
SCENARIO_APART(reg_workers_none, workers_none_open, NULL);
SCENARIO(reg_workers_bound, workers_bound_open, workers_free_check);
SCENARIO(reg_workers_limits, workers_limits_open, workers_limits_check);

/* ---- registered rings ---- */

/* Whether the ring can be entered by an index of this thread. */
static int by_index(int index)
{
    return rota_sys_enter(index, 0, 0, IORING_ENTER_REGISTERED_RING, NULL, 0);
}

static void ring_fd_free_check(struct live *l, int res)
{
    (void)res;
    own.old_fd = l->ring.ring_fd;
    want(l, l->ring.enter_ring_fd < 16 && by_index(l->ring.enter_ring_fd) == 0, "no index");
    want(l, nop(&l->ring, 0, 0) == 0, "the ring does not work with its index");
}

static int ring_fd_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret == 0)
        ret = rota_register_ring_fd(&l->ring);
    own.old_fd = l->ring.ring_fd;
    l->id = l->ring.enter_ring_fd;
    return ret < 0 ? ret : 0;
}

static void ring_fd_check(struct live *l, int res)
{
    (void)res;
    if (l->ring.ring_fd < 0)
        want(l, fcntl(own.old_fd, F_GETFD) < 0 && by_index(l->id) == 0, "it is still open");
    else
        want(l, by_index(l->id) == -EBADF, "the index is still there");
    want(l, nop(&l->ring, 0, 0) == 0, "the ring does not work any more");
}

static int ring_fds_full_open(struct live *l)
{
    int ret = open_ring(l);

    while (ret >= 0 && own.nr_slots < 16) {
        struct io_uring_rsrc_update update = {.offset = UINT_MAX, .data = (__u64)l->ring.ring_fd};

        ret = reg(l, IORING_REGISTER_RING_FDS, &update, 1);
        if (ret == 1)
            own.slots[own.nr_slots++] = update.offset;
    }
    return ret == -EBUSY || ret == 1 ? 0 : ret;
}

SCENARIO(reg_ring_fd_free, open_ring, ring_fd_free_check);
SCENARIO(reg_ring_fd, ring_fd_open, ring_fd_check);
SCENARIO(reg_ring_fds_full, ring_fds_full_open, NULL);

/* ---- buffer groups ---- */

static int select_read(struct live *l, struct io_uring_cqe *cqe)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);

    rota_prep_read(sqe, l->pipe_r, NULL, LEN, 0);
    rota_sqe_set_flags(sqe, IOSQE_BUFFER_SELECT);
    rota_sqe_set_buf_group(sqe, GROUP);
    return take(&l->ring, cqe);
}

static void offer(struct io_uring_buf_ring *ring)
{
    ring->bufs[0].addr = address(page_at(3));
    ring->bufs[0].len = LEN;
    ring->bufs[0].bid = 9;
    rota_store_release16(&ring->tail, 1);
}

/* A message through the pipe lands in the one buffer. */
static int receive(struct live *l)
{
    struct io_uring_cqe cqe;

    if (write(l->pipe_w, "hello", 5) != 5 || select_read(l, &cqe) || cqe.res != 5)
        return -EIO;
    return rota_cqe_buffer_id(&cqe) == 9 && !memcmp(page_at(3), "hello", 5) ? 0 : -EIO;
}

static int buf_ring_open(struct live *l)
{
    int ret = open_ring(l);

    if (ret == 0)
        ret = open_memory(l);
    if (ret == 0)
        ret = open_pipe(l);
    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < 2; i++) {
        own.groups[i].ring_addr = address(page_at(2));
        own.groups[i].ring_entries = i ? 3 : ENTRIES;
        own.groups[i].bgid = GROUP;
    }
    l->bgid = GROUP;
    l->arg = &own.groups[0];
    l->arg2 = &own.groups[1];
    return 0;
}

static void buf_ring_check(struct live *l, int res)
{
    (void)res;
    offer((struct io_uring_buf_ring *)(void *)page_at(2));
    want(l, receive(l) == 0, "the buffer was not used");
}

static int buf_ring_kernel_open(struct live *l)
{
    int ret = buf_ring_open(l);

    own.groups[0].ring_addr = 0;
    return ret;
}

static void buf_ring_kernel_check(struct live *l, int res)
{
    uint64_t offset = IORING_OFF_PBUF_RING | ((uint64_t)GROUP << IORING_OFF_PBUF_SHIFT);
    size_t size = ENTRIES * sizeof(struct io_uring_buf);
    void *ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
                      l->ring.ring_fd, (off_t)offset);

    (void)res;
    if (ring == MAP_FAILED) {
        live_fail(l, "the ring of buffers cannot be mapped");
        return;
    }
    offer(ring);
    want(l, receive(l) == 0, "the buffer was not used");
    munmap(ring, size);
}

static int buf_ring_unmapped_open(struct live *l)
{
    int ret = buf_ring_open(l);

    if (ret == 0)
        own.groups[0].ring_addr = address(hole());
    return ret;
}

static int buf_ring_taken_open(struct live *l)
{
    int ret = buf_ring_open(l);

    if (ret == 0)
        ret = reg(l, IORING_REGISTER_PBUF_RING, &own.groups[0], 1);
    if (ret == 0)
        offer((struct io_uring_buf_ring *)(void *)page_at(2));
    return ret;
}

static void buf_ring_gone_check(struct live *l, int res)
{
    struct io_uring_cqe cqe;

    (void)res;
    want(l, write(l->pipe_w, "hello", 5) == 5 && select_read(l, &cqe) == 0 && cqe.res == -ENOBUFS,
         "the group can still be used");
}

static int buf_ring_used_open(struct live *l)
{
    int ret = buf_ring_taken_open(l);

    own.head = 99;
    l->arg = &own.head;
    return ret < 0 ? ret : receive(l);
}

static void buf_ring_used_check(struct live *l, int res)
{
    (void)res;
    want(l, own.head == 1, "the head is not 1");
}

static int buf_group_old_open(struct live *l)
{
    int ret = buf_ring_open(l);

    l->arg = &own.head;
    if (ret < 0)
        return ret;
    rota_prep_provide_buffers(rota_get_sqe(&l->ring), page_at(3), LEN, 1, GROUP, 9);
    ret = outcome(&l->ring);
    return ret < 0 ? ret : 0;
}

SCENARIO(reg_buf_ring, buf_ring_open, buf_ring_check);
SCENARIO(reg_buf_ring_kernel, buf_ring_kernel_open, buf_ring_kernel_check);
SCENARIO(reg_buf_ring_unmapped, buf_ring_unmapped_open, NULL);
SCENARIO(reg_buf_ring_taken, buf_ring_taken_open, buf_ring_gone_check);
SCENARIO(reg_buf_ring_used, buf_ring_used_open, buf_ring_used_check);
SCENARIO(reg_buf_group_old, buf_group_old_open, NULL);

/* ---- cancelling and messages ---- */

static int cancel_fd_open(struct live *l)
{
    int ret = open_ring(l);

    for (unsigned i = 0; i < 2; i++) {
        own.cancel[i].addr = 77 + i;
        own.cancel[i].fd = NOBODY;
        own.cancel[i].flags = i ? 1U << 20 : IORING_ASYNC_CANCEL_FD;
        own.cancel[i].timeout.tv_sec = -1;
        own.cancel[i].timeout.tv_nsec = -1;
    }
    l->arg = &own.cancel[0];
    l->arg2 = &own.cancel[1];
    return ret;
}

static int pending_open(struct live *l)
{
    struct io_uring_sqe *sqe;
    int ret = cancel_fd_open(l);

    own.cancel[0].flags = own.cancel[1].flags = 0;
    if (ret == 0)
        ret = open_memory(l);
    if (ret == 0)
        ret = open_pipe(l);
    if (ret < 0)
        return ret;
    sqe = rota_get_sqe(&l->ring);
    rota_prep_poll_add(sqe, l->pipe_r, POLLIN);
    rota_sqe_set_data64(sqe, 77);
    ret = rota_submit(&l->ring);
    return ret < 0 ? ret : 0;
}

static int pending_futex_open(struct live *l)
{
    static uint32_t word;
    struct io_uring_sqe *sqe;
    int ret = cancel_fd_open(l);

    own.cancel[0].flags = 0;
    if (ret < 0)
        return ret;
    sqe = rota_get_sqe(&l->ring);
    rota_prep_futex_wait(sqe, &word, 0, 0xffffffffU, FUTEX2_KIND, 0);
    rota_sqe_set_data64(sqe, 77);
    ret = rota_submit(&l->ring);
    return ret < 0 ? ret : 0;
}

static void pending_check(struct live *l, int res)
{
    struct io_uring_cqe cqe;

    (void)res;
    want(l, take(&l->ring, &cqe) == 0 && cqe.user_data == 77 && cqe.res == -ECANCELED,
         "the request was not cancelled");
}

/*
 * A request that cannot be cancelled: its worker waits for a FUSE server that
 * never answers, and only a fatal signal or the server's end wakes it.
 */
static int cancel_stuck_open(struct live *l)
{
    struct io_uring_sqe *sqe;
    char options[96];
    int ret = cancel_fd_open(l);

    own.cancel[0].flags = 0;
    own.cancel[0].timeout.tv_sec = 0;
    own.cancel[0].timeout.tv_nsec = 20000000;
    if (ret == 0)
        ret = live_file_open(l);
    if (ret < 0)
        return ret;
    own.fuse_fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    (void)snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=0,group_id=0",
                   own.fuse_fd);
    if (own.fuse_fd < 0 || mkdir(l->path2, 0700) ||
        mount("rota", l->path2, "fuse", MS_NOSUID | MS_NODEV, options)) {
        l->skip = "needs FUSE and the right to mount it";
        return -errno;
    }
    own.dir_fd = open(l->path2, O_PATH | O_DIRECTORY | O_CLOEXEC);
    ret = own.dir_fd < 0 ? -errno : 0;
    /* The descriptor keeps it alive; nothing is left behind if this program dies. */
    if (umount2(l->path2, MNT_DETACH) || rmdir(l->path2))
        return -errno;
    if (ret < 0)
        return ret;
    sqe = rota_get_sqe(&l->ring);
    rota_prep_openat(sqe, own.dir_fd, "file", O_RDONLY | O_CLOEXEC, 0);
    rota_sqe_set_flags(sqe, IOSQE_ASYNC);
    rota_sqe_set_data64(sqe, 77);
    ret = rota_submit(&l->ring);
    if (ret < 0)
        return ret;
    /* Until a worker has begun, the request can still be taken back. */
    return await_worker('D', 1000) ? 0 : -ETIME;
}

static int message_open(struct live *l)
{
    int ret = open_ring(l);

    for (unsigned i = 0; i < 2; i++) {
        rota_prep_msg_ring(&own.sqes[i], l->ring.ring_fd, 123, 0x7a61, 0);
        rota_sqe_set_flags(&own.sqes[i], i ? IOSQE_ASYNC : 0);
    }
    l->arg = &own.sqes[0];
    l->arg2 = &own.sqes[1];
    return ret;
}

static void message_check(struct live *l, int res)
{
    struct io_uring_cqe cqe;

    (void)res;
    want(l, take(&l->ring, &cqe) == 0 && cqe.user_data == 0x7a61 && cqe.res == 123,
         "the message did not arrive");
}

static int message_nowhere_open(struct live *l)
{
    int ret = message_open(l);

    if (ret == 0)
        ret = open_source(IORING_SETUP_R_DISABLED);
    rota_sqe_set_flags(&own.sqes[1], 0);
    own.sqes[0].fd = NOBODY;
    own.sqes[1].fd = own.source.ring_fd;
    return ret;
}

SCENARIO(reg_cancel_fd, cancel_fd_open, NULL);
SCENARIO(reg_pending, pending_open, pending_check);
SCENARIO(reg_pending_futex, pending_futex_open, pending_check);
SCENARIO(reg_cancel_stuck, cancel_stuck_open, NULL);
SCENARIO(reg_message, message_open, message_check);
SCENARIO(reg_message_nowhere, message_nowhere_open, NULL);

/* ---- waiting ---- */

static int napi_open(struct live *l)
{
    int ret = open_ring(l);

    own.napi[0].busy_poll_to = 50;
    own.napi[0].prefer_busy_poll = 1;
    own.napi[1].op_param = 99;
    l->arg = &own.napi[0];
    l->arg2 = &own.napi[1];
    return ret;
}

static void napi_check(struct live *l, int res)
{
    struct io_uring_napi now = {.busy_poll_to = 1};

    (void)res;
    want(l, reg(l, IORING_REGISTER_NAPI, &now, 1) == 0, "no settings");
    want(l, now.busy_poll_to == 50 && now.prefer_busy_poll == 1, "other settings");
}

static int napi_taken_open(struct live *l)
{
    struct io_uring_napi settings = {.busy_poll_to = 50, .prefer_busy_poll = 1};
    int ret = open_ring(l);

    l->arg = &own.napi[0];
    return ret < 0 ? ret : reg(l, IORING_REGISTER_NAPI, &settings, 1);
}

static void napi_gone_check(struct live *l, int res)
{
    struct io_uring_napi now = {.busy_poll_to = 1};

    (void)res;
    want(l, own.napi[0].busy_poll_to == 50 && own.napi[0].prefer_busy_poll == 1,
         "other settings were written back");
    want(l, reg(l, IORING_REGISTER_NAPI, &now, 1) == 0 && now.busy_poll_to == 0,
         "the settings still hold");
}

static int napi_static_open(struct live *l)
{
    struct io_uring_napi step = {.op_param = IO_URING_NAPI_TRACKING_STATIC};
    int ret = open_ring(l);

    /* Each call writes what was before into the structure. */
    if (ret == 0)
        ret = reg(l, IORING_REGISTER_NAPI, &step, 1);
    memset(&step, 0, sizeof(step));
    step.opcode = IO_URING_NAPI_STATIC_ADD_ID;
    step.op_param = 70000;
    own.napi[0] = step;
    own.napi[1].opcode = IO_URING_NAPI_STATIC_DEL_ID;
    own.napi[1].op_param = 80000;
    l->arg = &own.napi[0];
    l->arg2 = &own.napi[1];
    return ret < 0 ? ret : reg(l, IORING_REGISTER_NAPI, &step, 1);
}

static int napi_iopoll_open(struct live *l)
{
    l->setup_flags = IORING_SETUP_IOPOLL;
    return napi_open(l);
}

static int clock_open(struct live *l)
{
    int ret = open_ring(l);

    own.clocks[0].clockid = CLOCK_BOOTTIME;
    own.clocks[1].clockid = CLOCK_REALTIME;
    l->arg = &own.clocks[0];
    l->arg2 = &own.clocks[1];
    return ret;
}

static int64_t boottime(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void clock_check(struct live *l, int res)
{
    int64_t until = boottime() + 20000000;
    struct __kernel_timespec ts = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    struct io_uring_getevents_arg arg = {.ts = address(&ts)};

    (void)res;
    want(l,
         rota_sys_enter(l->ring.ring_fd, 0, 1,
                        IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_ABS_TIMER,
                        &arg, sizeof(arg)) == -ETIME,
         "the wait did not end by its time");
    want(l, boottime() >= until, "the wait has ended before its time");
}

static int region_make(struct live *l)
{
    struct io_uring_reg_wait *wait;
    int ret = open_memory(l);

    if (ret < 0)
        return ret;
    wait = (struct io_uring_reg_wait *)(void *)page_at(2);
    wait->flags = IORING_REG_WAIT_TS;
    wait->ts.tv_nsec = 5000000;
    for (unsigned i = 0; i < 2; i++) {
        own.descs[i].user_addr = address(i ? hole() : page_at(2));
        own.descs[i].size = own.page;
        own.descs[i].flags = IORING_MEM_REGION_TYPE_USER;
        own.regions[i].region_uptr = address(&own.descs[i]);
        own.regions[i].flags = IORING_MEM_REGION_REG_WAIT_ARG;
    }
    l->arg = &own.regions[0];
    l->arg2 = &own.regions[1];
    return 0;
}

static int region_late_open(struct live *l)
{
    int ret = open_ring(l);

    return ret < 0 ? ret : region_make(l);
}

static int region_open(struct live *l)
{
    l->setup_flags = IORING_SETUP_R_DISABLED;
    return region_late_open(l);
}

static int region_taken_open(struct live *l)
{
    int ret = region_open(l);

    return ret < 0 ? ret : reg(l, IORING_REGISTER_MEM_REGION, &own.regions[0], 1);
}

static int wait_array_open(struct live *l)
{
    int ret = region_open(l);

    if (ret == 0)
        l->arg = page_at(2);
    return ret;
}

static void region_check(struct live *l, int res)
{
    (void)res;
    want(l, reg(l, IORING_REGISTER_ENABLE_RINGS, NULL, 0) == 0, "the ring cannot be enabled");
    want(l,
         rota_sys_enter(l->ring.ring_fd, 0, 1,
                        IORING_ENTER_GETEVENTS | IORING_ENTER_EXT_ARG | IORING_ENTER_EXT_ARG_REG,
                        NULL, sizeof(struct io_uring_reg_wait)) == -ETIME,
         "the kernel did not read the wait from the region");
}

SCENARIO(reg_napi, napi_open, napi_check);
SCENARIO(reg_napi_taken, napi_taken_open, napi_gone_check);
SCENARIO(reg_napi_static, napi_static_open, NULL);
SCENARIO(reg_napi_iopoll, napi_iopoll_open, NULL);
SCENARIO(reg_clock, clock_open, clock_check);
SCENARIO(reg_region, region_open, region_check);
SCENARIO(reg_region_taken, region_taken_open, NULL);
SCENARIO(reg_region_late, region_late_open, NULL);
SCENARIO(reg_wait_array, wait_array_open, region_check);

/* ---- size ---- */

static int resize_plain_open(struct live *l)
{
    int ret = open_ring(l);

    own.params[0].sq_entries = 32;
    own.params[1].sq_entries = 1U << 16;
    l->arg = &own.params[0];
    l->arg2 = &own.params[1];
    return ret;
}

static int resize_open(struct live *l)
{
    l->setup_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    return resize_plain_open(l);
}

static int nops(struct live *l, unsigned nr)
{
    for (unsigned i = 0; i < nr; i++) {
        struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);

        if (!sqe)
            return -EBUSY;
        rota_prep_nop(sqe);
    }
    return rota_submit_and_wait(&l->ring, nr);
}

static void resize_check(struct live *l, int res)
{
    (void)res;
    want(l, l->ring.sq.ring_entries == 32, "the ring does not know its size");
    want(l, nops(l, 32) == 32 && rota_cq_ready(&l->ring) == 32, "32 requests do not fit");
}

static int resize_full_open(struct live *l)
{
    int ret = resize_open(l);

    own.params[0].sq_entries = own.params[0].cq_entries = 2;
    own.params[0].flags = IORING_SETUP_CQSIZE;
    if (ret == 0)
        ret = nops(l, 8);
    return ret < 0 ? ret : 0;
}

SCENARIO(reg_resize, resize_open, resize_check);
SCENARIO(reg_resize_full, resize_full_open, NULL);
SCENARIO(reg_resize_plain, resize_plain_open, NULL);

/* ---- query, zero-copy receive, filters ---- */

static int query_open(struct live *l)
{
    int ret = open_ring(l);

    for (unsigned i = 0; i < 2; i++) {
        own.queries[i].query_op = IO_URING_QUERY_OPCODES;
        own.queries[i].query_data = address(&own.answer);
        own.queries[i].size = sizeof(own.answer);
    }
    own.queries[1].next_entry = address(&own.queries[1]);
    l->arg = &own.queries[0];
    l->arg2 = &own.queries[1];
    return ret;
}

static int query_unmapped_open(struct live *l)
{
    int ret = query_open(l);

    if (ret == 0)
        ret = open_memory(l);
    if (ret == 0)
        own.queries[0].query_data = address(hole());
    return ret;
}

static int query_large_open(struct live *l)
{
    int ret = query_open(l);

    if (ret == 0)
        ret = open_memory(l);
    if (ret < 0)
        return ret;
    /* Kernels that take such a size fill all of it. */
    own.queries[0].query_data = address(page_at(4));
    own.queries[0].size = (__u32)own.page + 1;
    return 0;
}

static void query_check(struct live *l, int res)
{
    (void)res;
    want(l, own.queries[0].result == 0, "the query was not understood");
    want(l, own.answer.nr_register_opcodes > IORING_REGISTER_QUERY, "the query itself is unknown");
    want(l, (own.answer.feature_flags & l->ring.features) == l->ring.features,
         "the ring has features that the kernel has not");
}

static int zcrx_prepare(struct live *l)
{
    int ret = open_ring(l);

    if (ret == 0)
        ret = open_memory(l);
    if (ret < 0)
        return ret;
    own.area.addr = address(page_at(4));
    own.area.len = 4 * own.page;
    own.descs[0].user_addr = address(page_at(2));
    own.descs[0].size = own.page;
    own.descs[0].flags = IORING_MEM_REGION_TYPE_USER;
    for (unsigned i = 0; i < 2; i++) {
        own.ifq[i].if_idx = i ? 0x7ffffff0 : if_nametoindex("lo");
        own.ifq[i].rq_entries = 32;
        own.ifq[i].area_ptr = address(&own.area);
        own.ifq[i].region_ptr = address(&own.descs[0]);
    }
    l->arg = &own.ifq[0];
    l->arg2 = &own.ifq[1];
    return 0;
}

static int zcrx_open(struct live *l)
{
    l->setup_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQE32;
    return zcrx_prepare(l);
}

static int zcrx_plain_open(struct live *l)
{
    l->setup_flags = 0;
    return zcrx_prepare(l);
}

static int zcrx_nodev_open(struct live *l)
{
    int ret = zcrx_open(l);

    own.ifq[0].if_idx = 0;
    own.ifq[0].flags = ZCRX_REG_NODEV;
    return ret;
}

static int zcrx_import_open(struct live *l)
{
    int ret = zcrx_open(l);

    memset(&own.ifq[1], 0, sizeof(own.ifq[1]));
    own.ifq[0].if_idx = own.ifq[1].if_idx = (__u32)l->ring.ring_fd;
    own.ifq[0].flags = own.ifq[1].flags = ZCRX_REG_IMPORT;
    return ret;
}

static void zcrx_check(struct live *l, int res)
{
    (void)res;
    want(l, own.ifq[0].offsets.rqes >= 8, "no offsets were written back");
    want(l, (own.area.rq_area_token & ~IORING_ZCRX_AREA_MASK) == 0, "a strange token");
}

static int zcrx_unprivileged_open(struct live *l)
{
    int ret = zcrx_open(l);

    return ret < 0 ? ret : drop(CAP_NET_ADMIN);
}

static int zcrx_none_open(struct live *l)
{
    int ret = zcrx_open(l);

    own.ctrl[0].op = ZCRX_CTRL_EXPORT;
    own.ctrl[1].op = 99;
    l->arg = &own.ctrl[0];
    l->arg2 = &own.ctrl[1];
    return ret;
}

static int zcrx_ready_open(struct live *l)
{
    int ret = zcrx_none_open(l);

    own.ifq[0].if_idx = 0;
    own.ifq[0].flags = ZCRX_REG_NODEV;
    if (ret == 0)
        ret = reg(l, IORING_REGISTER_ZCRX_IFQ, &own.ifq[0], 1);
    own.ctrl[0].zcrx_id = own.ctrl[1].zcrx_id = own.ifq[0].zcrx_id;
    return ret;
}

static void zcrx_ready_check(struct live *l, int res)
{
    (void)res;
    l->fd2 = (int)own.ctrl[0].zc_export.zcrx_fd;
    want(l, l->fd2 > 2 && fcntl(l->fd2, F_GETFD) >= 0, "no descriptor was written back");
}

static int filter_open(struct live *l)
{
    int ret = open_ring(l);

    for (unsigned i = 0; i < 2; i++) {
        own.filters[i].cmd_type = IO_URING_BPF_CMD_FILTER;
        own.filters[i].filter.opcode = i ? 0xffff : IORING_OP_NOP;
        own.filters[i].filter.filter_len = sizeof(program) / sizeof(program[0]);
        own.filters[i].filter.filter_ptr = address(program);
    }
    l->arg = &own.filters[0];
    l->arg2 = &own.filters[1];
    return ret;
}

static void filter_check(struct live *l, int res)
{
    (void)res;
    want(l, nop(&l->ring, 0, DENIED) == -EACCES, "the request is not denied");
    want(l, nop(&l->ring, 0, 1) == 0, "another request is denied");
}

static void filter_task_check(struct live *l, int res)
{
    (void)res;
    want(l, nop(&l->ring, 0, DENIED) == 0, "an older ring is limited");
    want(l, open_source(0) == 0, "no ring can be made any more");
    want(l, nop(&own.source, 0, DENIED) == -EACCES, "the request is not denied");
    want(l, nop(&own.source, 0, 1) == 0, "another request is denied");
}

static int filter_size_open(struct live *l)
{
    int ret = filter_open(l);

    own.filters[0].filter.pdu_size = 255;
    return ret;
}

static int filter_unprivileged_open(struct live *l)
{
    int ret = filter_open(l);

    return ret < 0 ? ret : unprivileged(l, CAP_SYS_ADMIN);
}

SCENARIO(reg_query, query_open, query_check);
SCENARIO(reg_query_unmapped, query_unmapped_open, NULL);
SCENARIO(reg_query_large, query_large_open, NULL);
SCENARIO(reg_zcrx, zcrx_open, NULL);
SCENARIO(reg_zcrx_nodev, zcrx_nodev_open, zcrx_check);
SCENARIO(reg_zcrx_plain, zcrx_plain_open, NULL);
SCENARIO(reg_zcrx_import, zcrx_import_open, NULL);
SCENARIO(reg_zcrx_unprivileged, zcrx_unprivileged_open, NULL);
SCENARIO(reg_zcrx_ready, zcrx_ready_open, zcrx_ready_check);
SCENARIO(reg_zcrx_none, zcrx_none_open, NULL);
SCENARIO(reg_filter, filter_open, filter_check);
SCENARIO_APART(reg_filter_task, filter_open, filter_task_check);
SCENARIO(reg_filter_size, filter_size_open, NULL);
SCENARIO_APART(reg_filter_unprivileged, filter_unprivileged_open, NULL);
