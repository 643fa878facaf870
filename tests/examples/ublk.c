/* SPDX-License-Identifier: MIT */
/*
 * A block device whose driver is this program.
 *
 *     ublk add --ram SIZE | --file PATH | --null [--queues N] [--depth N]
 *              [--zero-copy] [--batch] [--user-recovery] [--counts]
 *     ublk recover ID (the options of its add)
 *     ublk list
 *     ublk del ID
 *
 * `add` prints the name of the disk and serves it until SIGINT or SIGTERM. The
 * control commands go through handles with a limit of time, on a ring of large
 * requests. Each queue has a thread with a ring of its own: it offers all its
 * tags to the driver, and from then on a round is one system call, which hands
 * over the answers and what the target is to do, and waits for more. The
 * character device and the target are registered files.
 *
 * Data is moved in one of two ways. Usually the driver copies it between the
 * request and the tag's buffer. With --zero-copy the request's own pages become
 * a registered buffer under the tag's number, and the target reads or writes
 * those. With --batch one command answers many requests and one that stays
 * fetches them; without, there is a command for each.
 *
 * When somebody else stops the disk, the server ends as well. What fails in the
 * target is the request's answer. A device made with --user-recovery outlives a
 * server that is killed: requests, also those that it was serving, wait until
 * `recover` has brought another one. With --counts each queue says in the end
 * how many requests it has served with how many system calls, and how often it
 * has copied data itself.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pthread.h>
#include <rota.h>
#include <rota/call.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ublk.h"

#define LIMIT       20000000000U /* nanoseconds that a control command may take */
#define MAX_BYTES   (256U << 10) /* of a request */
#define MAX_QUEUES  16U
#define MAX_DEPTH   1024U
#define FIRST_IDS   64U /* that `list` asks for */
#define NULL_SIZE   (UINT64_C(1) << 30)
#define COMMITS     4U /* batches of answers that may be on their way */
#define TAG_BUFFERS 8U /* of fetched tags; a power of two */

enum {
    SLOT_DRIVER,
    SLOT_TARGET,
    SLOTS
};

/* What a completion is about; the tag or batch stands in the lower half of user_data. */
enum {
    ABOUT_FETCH,
    ABOUT_TARGET,
    ABOUT_COMMIT,
    ABOUT_TAGS
};
#define ABOUT(what, number) ((uint64_t)(what) << 32 | (number))

struct options {
    const char *path; /* of the target; NULL: memory or nothing */
    uint64_t size;
    bool null, zero_copy, batch, recovery, counts;
    unsigned queues, depth;
};

struct device {
    struct options options;
    int control, driver, target;
    char *memory; /* of a RAM disk, when it is copied from and to */
    struct rota_ring ring;
    struct ublksrv_ctrl_dev_info info;
};

/* Answers that go with one command. */
struct commit {
    char *elements;
    unsigned count;
    int taken; /* the result when all is well */
    bool busy;
};

struct queue {
    struct device *device;
    unsigned id, depth;
    pthread_t thread;
    sem_t *offered;
    int error;
    struct rota_ring ring;
    const struct ublksrv_io_desc *requests;
    char *buffers;
    uint32_t *done;    /* bytes of each tag's request */
    unsigned fetching; /* commands that wait in the driver */
    unsigned working;  /* requests that the target has */
    unsigned long served, calls, copies;
    /* batches */
    struct commit commits[COMMITS];
    unsigned element;   /* bytes of one */
    uint16_t *answered; /* tags that wait for a free batch, and their results */
    int32_t *results;
    unsigned waiting;
    struct io_uring_buf_ring *tags;
    uint16_t *tag_memory;
};

static const char *reason(int ret)
{
    return strerror(-ret);
}

/*
 * The driver's end
 */

/* An entry; when the queue is full, what it holds goes first. */
static struct io_uring_sqe *take(struct queue *q)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&q->ring);

    if (!sqe) {
        rota_submit(&q->ring);
        sqe = rota_get_sqe(&q->ring);
    }
    if (!sqe)
        abort(); /* a submit frees every entry */
    return sqe;
}

static char *buffer_of(const struct queue *q, unsigned tag)
{
    return q->buffers + (size_t)tag * MAX_BYTES;
}

static void command_of(const struct queue *q, unsigned tag, int result, struct ublksrv_io_cmd *cmd)
{
    memset(cmd, 0, sizeof(*cmd));
    cmd->q_id = (uint16_t)q->id;
    cmd->tag = (uint16_t)tag;
    cmd->result = result;
    if (!q->device->options.zero_copy)
        cmd->addr = (uintptr_t)buffer_of(q, tag);
}

static void offer(struct queue *q, unsigned tag)
{
    struct io_uring_sqe *sqe = take(q);
    struct ublksrv_io_cmd cmd;

    command_of(q, tag, 0, &cmd);
    rota_prep_ublk_fetch_req(sqe, SLOT_DRIVER, &cmd, q->device->options.zero_copy ? tag : 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, ABOUT(ABOUT_FETCH, tag));
    q->fetching++;
}

static void answer(struct queue *q, unsigned tag, int result)
{
    struct io_uring_sqe *sqe;
    struct ublksrv_io_cmd cmd;

    if (q->device->options.batch) {
        q->answered[q->waiting] = (uint16_t)tag;
        q->results[q->waiting++] = result;
        return;
    }
    sqe = take(q);
    command_of(q, tag, result, &cmd);
    rota_prep_ublk_commit_and_fetch_req(sqe, SLOT_DRIVER, &cmd,
                                        q->device->options.zero_copy ? tag : 0);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, ABOUT(ABOUT_FETCH, tag));
    q->fetching++;
}

/*
 * Batches
 */

static void element_of(const struct queue *q, char *at, unsigned tag, int result)
{
    struct ublk_elem_header head = {(uint16_t)tag, (uint16_t)tag, result};
    uint64_t address = (uintptr_t)buffer_of(q, tag);

    memcpy(at, &head, sizeof(head));
    if (!q->device->options.zero_copy)
        memcpy(at + sizeof(head), &address, sizeof(address));
}

static void batch_of(const struct queue *q, unsigned count, struct ublk_batch_io *batch)
{
    memset(batch, 0, sizeof(*batch));
    batch->q_id = (uint16_t)q->id;
    batch->nr_elem = (uint16_t)count;
    batch->elem_bytes = (uint8_t)q->element;
    if (!q->device->options.zero_copy)
        batch->flags = UBLK_BATCH_F_HAS_BUF_ADDR;
}

static void send_batch(struct queue *q, struct commit *commit, bool first)
{
    struct io_uring_sqe *sqe = take(q);
    struct ublk_batch_io batch;

    batch_of(q, commit->count, &batch);
    if (first)
        rota_prep_ublk_prep_io_cmds(sqe, SLOT_DRIVER, &batch, commit->elements);
    else
        rota_prep_ublk_commit_io_cmds(sqe, SLOT_DRIVER, &batch, commit->elements);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, ABOUT(ABOUT_COMMIT, (uint32_t)(commit - q->commits)));
    commit->taken = first ? 0 : (int)(commit->count * q->element);
    commit->busy = true;
}

/* All answers that wait, with one command. */
static void commit_batch(struct queue *q)
{
    for (unsigned i = 0; i < COMMITS && q->waiting; i++) {
        struct commit *commit = &q->commits[i];

        if (commit->busy)
            continue;
        for (unsigned k = 0; k < q->waiting; k++)
            element_of(q, commit->elements + k * q->element, q->answered[k], q->results[k]);
        commit->count = q->waiting;
        q->waiting = 0;
        send_batch(q, commit, false);
    }
}

static void fetch_tags(struct queue *q)
{
    struct io_uring_sqe *sqe = take(q);
    struct ublk_batch_io batch;

    memset(&batch, 0, sizeof(batch));
    batch.q_id = (uint16_t)q->id;
    batch.elem_bytes = sizeof(uint16_t);
    rota_prep_ublk_fetch_io_cmds(sqe, SLOT_DRIVER, &batch, 0);
    rota_sqe_set_flags(sqe, sqe->flags | IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, ABOUT(ABOUT_TAGS, 0));
    q->fetching++;
}

static void give_tags(struct queue *q, unsigned id)
{
    rota_buf_ring_add(q->tags, q->tag_memory + (size_t)id * q->depth,
                      (unsigned)(q->depth * sizeof(uint16_t)), (unsigned short)id,
                      (int)TAG_BUFFERS - 1, 0);
    rota_buf_ring_advance(q->tags, 1);
}

/*
 * The target's end
 */

static void target_io(struct queue *q, unsigned tag)
{
    const struct ublksrv_io_desc *request = &q->requests[tag];
    uint64_t offset = (request->start_sector << 9) + q->done[tag];
    uint32_t left = (request->nr_sectors << 9) - q->done[tag];
    bool write = ublksrv_get_op(request) == UBLK_IO_OP_WRITE;
    struct io_uring_sqe *sqe = take(q);

    /* The address of a request's own pages begins at 0. */
    if (q->device->options.zero_copy && write)
        rota_prep_write_fixed(sqe, SLOT_TARGET, (void *)(uintptr_t)q->done[tag], left, offset,
                              (int)tag);
    else if (q->device->options.zero_copy)
        rota_prep_read_fixed(sqe, SLOT_TARGET, (void *)(uintptr_t)q->done[tag], left, offset,
                             (int)tag);
    else if (write)
        rota_prep_write(sqe, SLOT_TARGET, buffer_of(q, tag) + q->done[tag], left, offset);
    else
        rota_prep_read(sqe, SLOT_TARGET, buffer_of(q, tag) + q->done[tag], left, offset);
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, ABOUT(ABOUT_TARGET, tag));
    q->working++;
}

static void target_other(struct queue *q, unsigned tag)
{
    const struct ublksrv_io_desc *request = &q->requests[tag];
    uint64_t offset = request->start_sector << 9, bytes = (uint64_t)request->nr_sectors << 9;
    struct io_uring_sqe *sqe = take(q);

    switch (ublksrv_get_op(request)) {
    case UBLK_IO_OP_FLUSH:
        rota_prep_fsync(sqe, SLOT_TARGET, IORING_FSYNC_DATASYNC);
        break;
    default: /* discards and zeroes: a hole is both */
        rota_prep_fallocate(sqe, SLOT_TARGET, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset,
                            bytes);
        break;
    }
    rota_sqe_set_flags(sqe, IOSQE_FIXED_FILE);
    rota_sqe_set_data64(sqe, ABOUT(ABOUT_TARGET, tag));
    q->working++;
}

static void begin(struct queue *q, unsigned tag)
{
    const struct ublksrv_io_desc *request = &q->requests[tag];
    uint32_t bytes = request->nr_sectors << 9;
    uint64_t offset = request->start_sector << 9;
    struct device *d = q->device;
    unsigned op = ublksrv_get_op(request);

    q->done[tag] = 0;
    q->served++;
    if (op > UBLK_IO_OP_WRITE_ZEROES || op == UBLK_IO_OP_WRITE_SAME) {
        answer(q, tag, -EOPNOTSUPP);
    } else if (d->options.null) {
        answer(q, tag, op <= UBLK_IO_OP_WRITE ? (int)bytes : 0);
    } else if (d->memory && op == UBLK_IO_OP_READ) {
        memcpy(buffer_of(q, tag), d->memory + offset, bytes);
        q->copies++;
        answer(q, tag, (int)bytes);
    } else if (d->memory && op == UBLK_IO_OP_WRITE) {
        memcpy(d->memory + offset, buffer_of(q, tag), bytes);
        q->copies++;
        answer(q, tag, (int)bytes);
    } else if (op <= UBLK_IO_OP_WRITE) {
        target_io(q, tag);
    } else {
        target_other(q, tag);
    }
}

/* A part of a request is done: the rest follows, or its answer. */
static void target_done(struct queue *q, unsigned tag, int res)
{
    const struct ublksrv_io_desc *request = &q->requests[tag];
    uint32_t bytes = request->nr_sectors << 9;

    if (res < 0 || ublksrv_get_op(request) > UBLK_IO_OP_WRITE) {
        answer(q, tag, res);
        return;
    }
    q->done[tag] += (uint32_t)res;
    if (q->done[tag] >= bytes)
        answer(q, tag, (int)bytes);
    else if (res)
        target_io(q, tag);
    else
        answer(q, tag, -EIO); /* the file has become shorter than the disk */
}

/*
 * A queue
 */

static void fetched_tags(struct queue *q, const struct io_uring_cqe *cqe)
{
    if (cqe->res > 0 && (cqe->flags & IORING_CQE_F_BUFFER)) {
        unsigned id = (unsigned)rota_cqe_buffer_id(cqe);
        const uint16_t *tags = q->tag_memory + (size_t)id * q->depth;

        for (unsigned i = 0; i < (unsigned)cqe->res / sizeof(*tags); i++)
            begin(q, tags[i]);
        give_tags(q, id);
    }
    if (cqe->flags & IORING_CQE_F_MORE)
        return;
    q->fetching--;
    if (cqe->res >= 0 || cqe->res == -ENOBUFS) /* else the device has been stopped */
        fetch_tags(q);
}

static void completed(struct queue *q, const struct io_uring_cqe *cqe)
{
    unsigned number = (uint32_t)cqe->user_data;

    switch (cqe->user_data >> 32) {
    case ABOUT_FETCH:
        q->fetching--;
        if (cqe->res == UBLK_IO_RES_OK)
            begin(q, number);
        /* else ENODEV: the device has been stopped, and the tag is not offered again */
        break;
    case ABOUT_TARGET:
        q->working--;
        target_done(q, number, cqe->res);
        break;
    case ABOUT_COMMIT:
        q->commits[number].busy = false;
        if (cqe->res != q->commits[number].taken && cqe->res != -ENODEV)
            fprintf(stderr, "ublk: queue %u: a batch: %s\n", q->id,
                    cqe->res < 0 ? reason(cqe->res) : "not all of it was taken");
        break;
    case ABOUT_TAGS:
        fetched_tags(q, cqe);
        break;
    }
}

static bool commits_under_way(const struct queue *q)
{
    for (unsigned i = 0; i < COMMITS; i++) {
        if (q->commits[i].busy)
            return true;
    }
    return false;
}

static int open_batches(struct queue *q)
{
    int ret = 0;

    q->element = sizeof(struct ublk_elem_header) +
                 (q->device->options.zero_copy ? 0U : (unsigned)sizeof(uint64_t));
    q->answered = calloc(q->depth, sizeof(*q->answered));
    q->results = calloc(q->depth, sizeof(*q->results));
    q->tag_memory = calloc((size_t)q->depth * TAG_BUFFERS, sizeof(*q->tag_memory));
    if (!q->answered || !q->results || !q->tag_memory)
        return -ENOMEM;
    for (unsigned i = 0; i < COMMITS; i++) {
        q->commits[i].elements = calloc(q->depth, q->element);
        if (!q->commits[i].elements)
            return -ENOMEM;
    }
    q->tags = rota_setup_buf_ring(&q->ring, TAG_BUFFERS, 0, 0, &ret);
    if (!q->tags)
        return ret;
    for (unsigned i = 0; i < TAG_BUFFERS; i++)
        give_tags(q, i);
    return 0;
}

static int open_queue(struct queue *q)
{
    struct device *d = q->device;
    int files[SLOTS] = {[SLOT_DRIVER] = d->driver, [SLOT_TARGET] = d->target};
    size_t bytes = q->depth * sizeof(struct ublksrv_io_desc);
    off_t start = (off_t)(UBLKSRV_CMD_BUF_OFFSET +
                          q->id * UBLK_MAX_QUEUE_DEPTH * sizeof(struct ublksrv_io_desc));
    void *map;
    int ret = rota_init(&q->ring, 2 * q->depth + COMMITS, NULL);

    if (ret < 0)
        return ret;
    map = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, d->driver, start);
    if (map == MAP_FAILED)
        return -errno;
    q->requests = map;
    q->done = calloc(q->depth, sizeof(*q->done));
    if (!q->done)
        return -ENOMEM;
    if (d->options.zero_copy)
        ret = rota_register_buffers_sparse(&q->ring, q->depth);
    else if (posix_memalign((void **)&q->buffers, 4096, (size_t)q->depth * MAX_BYTES))
        ret = -ENOMEM;
    if (ret >= 0)
        ret = rota_register_files(&q->ring, files, SLOTS);
    return ret >= 0 && d->options.batch ? open_batches(q) : ret;
}

static void close_queue(struct queue *q)
{
    rota_queue_exit(&q->ring);
    if (q->requests)
        munmap((void *)(uintptr_t)q->requests, q->depth * sizeof(struct ublksrv_io_desc));
    for (unsigned i = 0; i < COMMITS; i++)
        free(q->commits[i].elements);
    free(q->tag_memory);
    free(q->answered);
    free(q->results);
    free(q->buffers);
    free(q->done);
}

/* Offers every tag, by one command or one for each; nothing is submitted yet. */
static void offer_all(struct queue *q)
{
    if (!q->device->options.batch) {
        for (unsigned tag = 0; tag < q->depth; tag++)
            offer(q, tag);
        return;
    }
    for (unsigned tag = 0; tag < q->depth; tag++)
        element_of(q, q->commits[0].elements + tag * q->element, tag, 0);
    q->commits[0].count = q->depth;
    send_batch(q, &q->commits[0], true);
    fetch_tags(q);
}

static void *serve_queue(void *argument)
{
    struct queue *q = argument;
    int ret = open_queue(q);

    if (ret >= 0) {
        offer_all(q);
        ret = rota_submit(&q->ring);
    }
    q->error = ret < 0 ? ret : 0;
    sem_post(q->offered);
    while (ret >= 0 && (q->fetching || q->working || commits_under_way(q))) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        ret = rota_submit_and_wait(&q->ring, 1);
        q->calls++;
        if (ret == -EINTR)
            ret = 0;
        rota_for_each_cqe (&q->ring, head, cqe) {
            completed(q, cqe);
            seen++;
        }
        rota_cq_advance(&q->ring, seen);
        commit_batch(q);
    }
    close_queue(q);
    if (q->device->options.counts)
        printf("queue %u: %lu requests, %lu system calls, %lu copies\n", q->id, q->served, q->calls,
               q->copies);
    kill(getpid(), SIGTERM); /* without its queues a server is at its end, whoever stopped them */
    return NULL;
}

/*
 * Control
 */

typedef int start_control(struct rota_ring *ring, struct rota_op *op, int fd,
                          const struct ublksrv_ctrl_cmd *cmd);

/* One control command, with a limit of time. */
static int control(struct device *d, start_control *start, void *memory, size_t size, uint64_t data)
{
    struct ublksrv_ctrl_cmd cmd;
    ROTA_OP(op);
    int ret;

    memset(&cmd, 0, sizeof(cmd));
    cmd.dev_id = d->info.dev_id;
    cmd.queue_id = UINT16_MAX;
    cmd.addr = (uintptr_t)memory;
    cmd.len = (uint16_t)size;
    cmd.data[0] = data;
    rota_op_deadline(&op, LIMIT);
    ret = start(&d->ring, &op, d->control, &cmd);
    return ret < 0 ? ret : rota_await(&d->ring, &op);
}

static int open_control(struct device *d)
{
    struct rota_config config;
    int ret;

    memset(d, 0, sizeof(*d));
    d->driver = d->target = -1;
    d->control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);
    if (d->control < 0)
        return -errno;
    rota_config_single_owner(&config);
    config.required_flags |= IORING_SETUP_SQE128;
    ret = rota_init(&d->ring, 8, &config);
    if (ret < 0)
        close(d->control);
    return ret;
}

/* Says why open_control() has failed. */
static int no_control(const struct device *d, int ret)
{
    fprintf(stderr, "ublk: %s: %s%s\n", d->control < 0 ? "/dev/ublk-control" : "a ring",
            reason(ret), ret == -ENOENT ? " (is the module ublk_drv loaded?)" : "");
    return 1;
}

static void close_control(struct device *d)
{
    rota_queue_exit(&d->ring);
    close(d->control);
    if (d->driver >= 0)
        close(d->driver);
    if (d->target >= 0)
        close(d->target);
    if (d->memory)
        munmap(d->memory, (size_t)d->options.size);
}

static int open_target(struct device *d)
{
    struct options *o = &d->options;
    struct stat st;

    if (o->null) {
        o->size = NULL_SIZE;
        d->target = open("/dev/null", O_RDWR | O_CLOEXEC);
        return d->target < 0 ? -errno : 0;
    }
    if (!o->path) {
        d->target = memfd_create("ublk", MFD_CLOEXEC);
        if (d->target < 0 || ftruncate(d->target, (off_t)o->size) < 0)
            return -errno;
        if (o->zero_copy)
            return 0;
        if (o->size > SIZE_MAX / 2)
            return -EFBIG;
        d->memory = mmap(NULL, (size_t)o->size, PROT_READ | PROT_WRITE, MAP_SHARED, d->target, 0);
        if (d->memory != MAP_FAILED)
            return 0;
        d->memory = NULL;
        return -errno;
    }
    d->target = open(o->path, O_RDWR | O_CLOEXEC);
    if (d->target < 0 || fstat(d->target, &st) < 0)
        return -errno;
    o->size = (uint64_t)(S_ISBLK(st.st_mode) ? lseek(d->target, 0, SEEK_END) : st.st_size);
    return o->size >= 4096 ? 0 : -EINVAL;
}

static uint64_t flags_of(const struct options *o)
{
    return (o->recovery ? UBLK_F_USER_RECOVERY | UBLK_F_USER_RECOVERY_REISSUE : 0U) |
           (o->zero_copy ? UBLK_F_SUPPORT_ZERO_COPY | UBLK_F_AUTO_BUF_REG : 0U) |
           (o->batch ? UBLK_F_BATCH_IO : 0U);
}

static int add_device(struct device *d, uint64_t wanted)
{
    const struct options *o = &d->options;
    struct ublksrv_ctrl_dev_info *info = &d->info;
    struct ublk_params params;
    int ret;

    info->nr_hw_queues = (uint16_t)o->queues;
    info->queue_depth = (uint16_t)o->depth;
    info->max_io_buf_bytes = MAX_BYTES;
    info->dev_id = UINT32_MAX;
    info->ublksrv_pid = getpid();
    info->flags = wanted;
    ret = control(d, rota_start_ublk_add_dev, info, sizeof(*info), 0);
    if (ret < 0)
        return ret;
    if (wanted & ~info->flags) /* the driver leaves out what it does not know */
        return -EOPNOTSUPP;
    memset(&params, 0, sizeof(params));
    params.len = sizeof(params);
    params.types = UBLK_PARAM_TYPE_BASIC | UBLK_PARAM_TYPE_DISCARD;
    params.basic.attrs = UBLK_ATTR_VOLATILE_CACHE;
    params.basic.logical_bs_shift = 9;
    params.basic.physical_bs_shift = params.basic.io_min_shift = params.basic.io_opt_shift = 12;
    params.basic.max_sectors = info->max_io_buf_bytes >> 9;
    params.basic.dev_sectors = o->size >> 9;
    params.discard.discard_granularity = 4096;
    params.discard.max_discard_sectors = params.discard.max_write_zeroes_sectors = UINT32_MAX >> 9;
    params.discard.max_discard_segments = 1;
    return control(d, rota_start_ublk_set_params, &params, sizeof(params), 0);
}

/* The character device appears a moment after ADD_DEV. */
static int open_driver(struct device *d)
{
    char path[32];

    snprintf(path, sizeof(path), "/dev/ublkc%u", d->info.dev_id);
    for (int i = 0; i < 200; i++) {
        d->driver = open(path, O_RDWR | O_CLOEXEC);
        if (d->driver >= 0)
            return 0;
        if (errno != ENOENT && errno != EBUSY && errno != EACCES)
            break;
        usleep(10000);
    }
    return -errno;
}

/* Starts the threads, and waits until each has offered its tags. */
static int start_queues(struct device *d, struct queue *queues, unsigned *started)
{
    sem_t offered;
    int ret = 0;

    sem_init(&offered, 0, 0);
    for (*started = 0; *started < d->info.nr_hw_queues && !ret; ++*started) {
        struct queue *q = &queues[*started];

        q->device = d;
        q->id = *started;
        q->depth = d->info.queue_depth;
        q->offered = &offered;
        ret = -pthread_create(&q->thread, NULL, serve_queue, q);
        if (ret)
            break;
        while (sem_wait(&offered) < 0) {
        }
        ret = q->error;
    }
    sem_destroy(&offered);
    return ret;
}

/* Waits until the last server's end has been seen, and asks what the device is. */
static int take_over(struct device *d)
{
    struct ublk_params params;
    int ret;

    memset(&params, 0, sizeof(params));
    params.len = sizeof(params);
    ret = control(d, rota_start_ublk_get_params, &params, sizeof(params), 0);
    if (ret >= 0 && d->options.size >> 9 < params.basic.dev_sectors)
        ret = -ENOSPC; /* it is not what the disk was made of */
    if (ret < 0)
        return ret;
    ret = -EBUSY;
    for (int i = 0; i < 1000 && ret == -EBUSY; i++) {
        ret = control(d, rota_start_ublk_start_user_recovery, NULL, 0, 0);
        if (ret == -EBUSY)
            usleep(10000);
    }
    if (ret < 0)
        return ret;
    ret = control(d, rota_start_ublk_get_dev_info, &d->info, sizeof(d->info), 0);
    d->options.batch = d->info.flags & UBLK_F_BATCH_IO;
    d->options.zero_copy = d->info.flags & UBLK_F_AUTO_BUF_REG;
    return ret;
}

/* Serves until a signal comes; whatever ends it, no thread is left. */
static int serve(struct device *d, bool again, const sigset_t *ends)
{
    struct queue queues[MAX_QUEUES];
    unsigned started = 0;
    int ret, signal_number;

    memset(queues, 0, sizeof(queues));
    ret = open_driver(d);
    if (ret >= 0)
        ret = start_queues(d, queues, &started);
    if (ret >= 0)
        ret = control(d, again ? rota_start_ublk_end_user_recovery : rota_start_ublk_start_dev,
                      NULL, 0, (uint64_t)getpid());
    if (ret >= 0) {
        printf("/dev/ublkb%u\n", d->info.dev_id);
        fflush(stdout);
        sigwait(ends, &signal_number);
    }
    control(d, rota_start_ublk_stop_dev, NULL, 0, 0);
    for (unsigned i = 0; i < started; i++)
        pthread_join(queues[i].thread, NULL);
    return ret;
}

/* Says why a device has not gone. */
static void tell_deleted(const struct device *d, int ret)
{
    if (ret == -ETIME)
        fprintf(stderr, "ublk: device %u goes when the last one closes it\n", d->info.dev_id);
    else if (ret < 0 && ret != -ENODEV)
        fprintf(stderr, "ublk: device %u stays: %s\n", d->info.dev_id, reason(ret));
}

static int add(const struct options *options, bool again, unsigned id)
{
    struct device d;
    sigset_t ends;
    int ret = open_control(&d), gone;
    bool ours;

    if (ret < 0)
        return no_control(&d, ret);
    sigemptyset(&ends);
    sigaddset(&ends, SIGINT);
    sigaddset(&ends, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &ends, NULL);
    d.options = *options;
    d.info.dev_id = id;
    ret = open_target(&d);
    if (ret < 0) {
        fprintf(stderr, "ublk: %s: %s\n", options->path ? options->path : "memory", reason(ret));
        close_control(&d);
        return 1;
    }
    ret = again ? take_over(&d) : add_device(&d, flags_of(options));
    ours = ret >= 0 || (!again && d.info.dev_id != UINT32_MAX);
    if (ret >= 0)
        ret = serve(&d, again, &ends);
    if (ret < 0)
        fprintf(stderr, "ublk: %s\n", reason(ret));
    if (d.driver >= 0)
        close(d.driver);
    d.driver = -1;
    gone = ours ? control(&d, rota_start_ublk_del_dev, NULL, 0, 0) : 0;
    tell_deleted(&d, gone);
    close_control(&d);
    return ret < 0 || (gone < 0 && gone != -ENODEV); /* somebody else may have deleted it */
}

static int list(void)
{
    static const char *const states[] = {"dead", "live", "quiesced", "failing"};
    struct device d;
    int ret = open_control(&d);

    if (ret < 0)
        return no_control(&d, ret);
    for (unsigned id = 0; id < FIRST_IDS; id++) {
        struct ublksrv_ctrl_dev_info info;

        memset(&info, 0, sizeof(info));
        d.info.dev_id = id;
        if (control(&d, rota_start_ublk_get_dev_info, &info, sizeof(info), 0) < 0)
            continue;
        printf("/dev/ublkb%u: %s, %u queues of %u, process %d, flags %#llx\n", id,
               info.state < 4 ? states[info.state] : "strange", info.nr_hw_queues, info.queue_depth,
               info.ublksrv_pid, (unsigned long long)info.flags);
    }
    close_control(&d);
    return 0;
}

static int del(unsigned id)
{
    struct device d;
    int ret = open_control(&d);

    if (ret < 0)
        return no_control(&d, ret);
    d.info.dev_id = id;
    ret = control(&d, rota_start_ublk_stop_dev, NULL, 0, 0);
    if (ret < 0) {
        fprintf(stderr, "ublk: device %u: %s\n", id, reason(ret));
    } else {
        ret = control(&d, rota_start_ublk_del_dev, NULL, 0, 0);
        tell_deleted(&d, ret);
        if (ret == -ENODEV) /* its server was faster */
            ret = 0;
    }
    close_control(&d);
    return ret < 0;
}

/*
 * The command line
 */

static int usage(void)
{
    fprintf(stderr, "usage: ublk add --ram SIZE | --file PATH | --null [--queues N] [--depth N]\n"
                    "                [--zero-copy] [--batch] [--user-recovery] [--counts]\n"
                    "       ublk recover ID (the options of its add)\n"
                    "       ublk list\n"
                    "       ublk del ID\n");
    return 2;
}

static int wrong(const char *option, const char *argument, const char *least, unsigned most,
                 const char *unit)
{
    fprintf(stderr, "ublk: %s takes %s to %u%s, not '%s'\n", option, least, most, unit, argument);
    return 2;
}

/* A number with K, M or G behind it; 0: it is none. */
static uint64_t number(const char *text, uint64_t most)
{
    char *end;
    uint64_t value = strtoull(text, &end, 0);
    unsigned shift = *end == 'K' ? 10 : *end == 'M' ? 20 : *end == 'G' ? 30 : 0;

    if (end == text || (shift ? end[1] : *end) || value > most >> shift)
        return 0;
    return value << shift;
}

static bool is_id(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 9;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {
        {"ram", required_argument, NULL, 'r'},   {"file", required_argument, NULL, 'f'},
        {"null", no_argument, NULL, 'n'},        {"queues", required_argument, NULL, 'q'},
        {"depth", required_argument, NULL, 'd'}, {"zero-copy", no_argument, NULL, 'z'},
        {"batch", no_argument, NULL, 'b'},       {"user-recovery", no_argument, NULL, 'u'},
        {"counts", no_argument, NULL, 'c'},      {NULL, 0, NULL, 0},
    };
    struct options o = {.queues = 1, .depth = 64};
    unsigned targets = 0;
    int option;

    optind = 1;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'r':
            o.size = number(optarg, UINT64_C(1) << 40) & ~UINT64_C(4095);
            if (!o.size)
                return wrong("--ram", optarg, "4K", 1024, "G");
            targets++;
            break;
        case 'f':
            o.path = optarg;
            targets++;
            break;
        case 'n':
            o.null = true;
            targets++;
            break;
        case 'q':
            o.queues = (unsigned)number(optarg, MAX_QUEUES);
            if (!o.queues)
                return wrong("--queues", optarg, "1", MAX_QUEUES, "");
            break;
        case 'd':
            o.depth = (unsigned)number(optarg, MAX_DEPTH);
            if (!o.depth)
                return wrong("--depth", optarg, "1", MAX_DEPTH, "");
            break;
        case 'z':
            o.zero_copy = true;
            break;
        case 'b':
            o.batch = true;
            break;
        case 'u':
            o.recovery = true;
            break;
        case 'c':
            o.counts = true;
            break;
        default:
            return usage();
        }
    }
    argc -= optind;
    argv += optind;
    if (argc == 1 && !strcmp(argv[0], "add") && targets == 1)
        return add(&o, false, UINT32_MAX);
    if (argc == 1 && !strcmp(argv[0], "list") && !targets)
        return list();
    if (argc == 2 && is_id(argv[1])) {
        if (!strcmp(argv[0], "recover") && targets == 1)
            return add(&o, true, (unsigned)strtoul(argv[1], NULL, 10));
        if (!strcmp(argv[0], "del") && !targets)
            return del((unsigned)strtoul(argv[1], NULL, 10));
    }
    return usage();
}
