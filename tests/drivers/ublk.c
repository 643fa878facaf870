/* SPDX-License-Identifier: MIT */
/*
 * The example `ublk` as a driver: what is written to the disk is read again,
 * whichever way the data goes, and however the server or the disk ends.
 *
 * The example is compiled in, because a guest has nothing but test programs;
 * its server runs in a child. Where the driver ublk_drv or the right to use it
 * is missing, all is skipped.
 */
int example_main(int argc, char **argv);
#define main example_main
#include "../examples/ublk.c"
#undef main

#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>

#include "server.h"
#include "tried.h"

#define BLOCK  4096U
#define BLOCKS 2048U /* 8 MiB */
#define DEPTH  64U

static char file[256];

/*
 * Writes and reads that know what is where
 */

struct slot {
    char *memory;
    unsigned block;
    bool write, busy;
};

static uint64_t seed;

static unsigned random_below(unsigned limit)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned)(seed >> 33) % limit;
}

static void fill(char *memory, unsigned block, uint32_t generation)
{
    uint64_t word = (uint64_t)block << 32 | generation;

    for (unsigned i = 0; i < BLOCK / 8; i++) {
        uint64_t value = generation ? word * (2 * i + 1) : 0;

        memcpy(memory + 8 * i, &value, 8);
    }
}

static bool holds(const char *memory, unsigned block, uint32_t generation)
{
    static char wanted[BLOCK];

    fill(wanted, block, generation);
    return !memcmp(memory, wanted, BLOCK);
}

/* The blocks as they were written last; 0: never. */
static uint32_t generations[BLOCKS];
static bool block_busy[BLOCKS];

/* Random requests at a depth; how many were wrong, or the -errno of a ring. */
static int exercise(int disk, unsigned depth, unsigned requests)
{
    struct slot slots[DEPTH];
    struct rota_ring ring;
    unsigned started = 0, flying = 0;
    int wrong = 0, ret = rota_init(&ring, DEPTH, NULL);

    if (ret < 0)
        return ret;
    for (unsigned i = 0; i < depth; i++) {
        slots[i].busy = false;
        slots[i].memory = aligned_alloc(BLOCK, BLOCK);
    }
    while (started < requests || flying) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        for (unsigned i = 0; i < depth && started < requests; i++) {
            struct slot *s = &slots[i];
            struct io_uring_sqe *sqe;

            if (s->busy)
                continue;
            s->block = random_below(BLOCKS);
            if (block_busy[s->block])
                continue;
            block_busy[s->block] = s->busy = true;
            s->write = random_below(2);
            sqe = rota_get_sqe(&ring);
            if (s->write) {
                fill(s->memory, s->block, ++generations[s->block]);
                rota_prep_write(sqe, disk, s->memory, BLOCK, (uint64_t)s->block * BLOCK);
            } else {
                memset(s->memory, 0xee, BLOCK);
                rota_prep_read(sqe, disk, s->memory, BLOCK, (uint64_t)s->block * BLOCK);
            }
            rota_sqe_set_data64(sqe, i);
            started++;
            flying++;
        }
        ret = rota_submit_and_wait(&ring, 1);
        rota_for_each_cqe (&ring, head, cqe) {
            struct slot *s = &slots[cqe->user_data];

            if (cqe->res != (int)BLOCK ||
                (!s->write && !holds(s->memory, s->block, generations[s->block])))
                wrong++;
            s->busy = block_busy[s->block] = false;
            flying--;
            seen++;
        }
        rota_cq_advance(&ring, seen);
        if (ret < 0)
            break;
    }
    rota_queue_exit(&ring);
    for (unsigned i = 0; i < depth; i++)
        free(slots[i].memory);
    return wrong;
}

/* Every block of the disk; how many differ. */
static unsigned differing(int disk)
{
    static _Alignas(4096) char memory[64 * BLOCK];
    unsigned wrong = 0;

    for (unsigned first = 0; first < BLOCKS; first += 64) {
        if (pread(disk, memory, sizeof(memory), (off_t)first * BLOCK) != (ssize_t)sizeof(memory))
            return BLOCKS;
        for (unsigned i = 0; i < 64; i++)
            wrong += !holds(memory + (size_t)i * BLOCK, first + i, generations[first + i]);
    }
    return wrong;
}

/*
 * The ways of the data
 */

/* What the server has said in the end: no more system calls for a request than it shall need. */
static void is_cheap(const char *name, struct server *s, unsigned long most)
{
    unsigned long requests = 0, calls = 0, more, others;
    FILE *said = fdopen(s->output, "r");
    char line[200];
    unsigned queue;

    while (said && fgets(line, sizeof(line), said)) {
        if (sscanf(line, "queue %u: %lu requests, %lu system calls", &queue, &more, &others) == 3) {
            requests += more;
            calls += others;
        }
    }
    if (said)
        fclose(said);
    /* In the end each tag's command is answered, and a signal or two may come. */
    ok(requests >= 200 && calls <= most * requests + 300, "%s: %lu system calls for %lu requests",
       name, calls, requests);
}

static void way(const char *name, char **arguments, unsigned depth, unsigned long most,
                bool optional)
{
    struct server s;

    memset(generations, 0, sizeof(generations));
    seed = 7; /* the same requests each time: the disks must become alike */
    if (!start_server(&s, arguments)) {
        if (optional)
            skip(5, "%s: this driver cannot do it", name);
        else
            ok(false, "%s: a disk", name);
        return;
    }
    is_int(exercise(s.disk, depth, depth == 1 ? 200 : 1500), 0, "%s: depth %u", name, depth);
    is_int(fsync(s.disk), 0, "%s: it is flushed", name);
    is_int(differing(s.disk), 0, "%s: every block is what was written last", name);
    is_int(stop_server(&s), 0, "%s: SIGTERM ends it", name);
    is_cheap(name, &s, most);
}

/* A file of zeros as large as the disk. */
static void make_file(void)
{
    const char *place = getenv("TMPDIR");
    int fd;

    snprintf(file, sizeof(file), "%s/ublk-%d", place ? place : "/tmp", (int)getpid());
    fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, (off_t)BLOCKS * BLOCK) < 0)
        bail("cannot make %s: %s", file, strerror(errno));
    close(fd);
}

static void ways(void)
{
    way("memory", ARGUMENTS(OPTION("--counts"), OPTION("--ram"), OPTION("8M")), 1, 1, false);
    way("memory, 2 queues",
        ARGUMENTS(OPTION("--counts"), OPTION("--ram"), OPTION("8M"), OPTION("--queues"),
                  OPTION("2")),
        DEPTH, 1, false);
    make_file();
    way("a file",
        ARGUMENTS(OPTION("--counts"), OPTION("--file"), file, OPTION("--depth"), OPTION("8")),
        DEPTH, 2, false);
    make_file();
    way("a file without a copy",
        ARGUMENTS(OPTION("--counts"), OPTION("--file"), file, OPTION("--zero-copy")), DEPTH, 2,
        true);
    way("memory in batches",
        ARGUMENTS(OPTION("--counts"), OPTION("--ram"), OPTION("8M"), OPTION("--batch"),
                  OPTION("--queues"), OPTION("2")),
        DEPTH, 2, true);
    make_file();
    way("a file in batches without a copy",
        ARGUMENTS(OPTION("--counts"), OPTION("--file"), file, OPTION("--batch"),
                  OPTION("--zero-copy")),
        DEPTH, 3, true);
}

/* Commands that say more: the queue that is meant, or how long a path is. */
static int control_more(struct device *d, start_control *start, struct ublksrv_ctrl_cmd *cmd)
{
    ROTA_OP(op);
    int ret;

    cmd->dev_id = d->info.dev_id;
    rota_op_deadline(&op, LIMIT);
    ret = start(&d->ring, &op, d->control, cmd);
    return ret < 0 ? ret : rota_await(&d->ring, &op);
}

static int control_queue(struct device *d, start_control *start, uint64_t queue, void *memory,
                         size_t size)
{
    /* The queue stands in data[0]. */
    struct ublksrv_ctrl_cmd cmd = {
        .queue_id = UINT16_MAX, .len = (uint16_t)size, .addr = (uintptr_t)memory, .data = {queue}};

    return control_more(d, start, &cmd);
}

static int control_path(struct device *d, start_control *start, void *memory, size_t size,
                        size_t path)
{
    struct ublksrv_ctrl_cmd cmd = {
        .queue_id = UINT16_MAX, .len = (uint16_t)size, .addr = (uintptr_t)memory};
    /* The members behind data, where <linux/ublk_cmd.h> before 6.3 has a second number. */
    uint16_t length = (uint16_t)path;

    memcpy((char *)&cmd + 24, &length, sizeof(length));
    return control_more(d, start, &cmd);
}

/*
 * Ends
 */

static void broken_file(void)
{
    static _Alignas(4096) char memory[BLOCK];
    struct server s;

    make_file();
    if (!start_server(&s, ARGUMENTS(OPTION("--file"), file))) {
        ok(false, "a disk of a file");
        return;
    }
    ok(truncate(file, BLOCK) == 0, "the file behind a disk is cut");
    is_int(pread(s.disk, memory, BLOCK, 0), BLOCK, "what is left can be read");
    ok(pread(s.disk, memory, BLOCK, 8 * BLOCK) < 0 && errno == EIO,
       "what is gone is an error of the disk");
    is_int(stop_server(&s), 0, "and the server ends as it should");
}

static void nothing_there(void)
{
    fflush(stdout);
    freopen("/dev/null", "w", stderr);
    is_int(run_example(ARGUMENTS(OPTION("--file"), OPTION("/nowhere/file")), -1), 1,
           "a target that is not there is refused");
    is_int(run_example(((char *[]){OPTION("ublk"), OPTION("del"), OPTION("60"), NULL}), -1), 1,
           "so is a device that is not there");
    is_int(run_example(ARGUMENTS(OPTION("--ram"), OPTION("8M"), OPTION("--null")), -1), 2,
           "two targets at once");
    is_int(run_example(ARGUMENTS(OPTION("--null"), OPTION("--queues"), OPTION("17")), -1), 2,
           "more queues than there may be");
    is_int(run_example(ARGUMENTS(OPTION("--ram"), OPTION("12X")), -1), 2, "what is no size");
    is_int(run_example(((char *[]){OPTION("ublk"), OPTION("del"), OPTION("6x"), NULL}), -1), 2,
           "and what is no number");
}

/* Reads until the disk is gone. */
static int read_for_ever(int disk)
{
    static _Alignas(4096) char memory[BLOCK];

    for (unsigned i = 0; i < 1000000; i++) {
        if (pread(disk, memory, BLOCK, (off_t)(i % BLOCKS) * BLOCK) != (ssize_t)BLOCK)
            return 0;
    }
    return 1;
}

static void deleted(void)
{
    char id[16];
    struct server s;
    pid_t reader;
    int status = -1;

    if (!start_server(&s, ARGUMENTS(OPTION("--ram"), OPTION("8M")))) {
        ok(false, "a disk to remove");
        return;
    }
    fflush(stdout);
    reader = fork();
    if (!reader)
        _exit(read_for_ever(s.disk));
    close(s.disk);
    usleep(200000);
    snprintf(id, sizeof(id), "%d", s.id);
    /* It waits for the server, which ends when its disk has been stopped, and deletes, too. */
    is_int(run_example(((char *[]){OPTION("ublk"), OPTION("del"), id, NULL}), -1), 0,
           "a disk is removed under its reader");
    waitpid(reader, &status, 0);
    ok(WIFEXITED(status) && !WEXITSTATUS(status), "whose reads come to an end");
    ok(program_ended(s.pid) >= 0, "and so does its server");
}

/* Questions to the driver, and what only a test has a use for. */
static void controlled(void)
{
    struct {
        char path[32];
        struct ublksrv_ctrl_dev_info info;
    } named;
    struct ublk_params params;
    uint64_t features = 0;
    unsigned long processors[16] = {0};
    struct server s;
    struct device d;
    int ret;

    if (!start_server(&s, ARGUMENTS(OPTION("--ram"), OPTION("8M"))) || open_control(&d) < 0) {
        ok(false, "a disk to ask about");
        return;
    }
    d.info.dev_id = (uint32_t)s.id;
    is_int(control(&d, rota_start_ublk_get_features, &features, sizeof(features), 0), 0,
           "the driver tells its features");
    ok(features & UBLK_F_USER_RECOVERY, "recovery is one");
    memset(&params, 0, sizeof(params));
    params.len = sizeof(params);
    is_int(control(&d, rota_start_ublk_get_params, &params, sizeof(params), 0), 0,
           "a device tells its parameters");
    is_int(params.basic.dev_sectors, BLOCKS * BLOCK / 512, "as they were set");
    is_int(control_queue(&d, rota_start_ublk_get_queue_affinity, 0, processors, sizeof(processors)),
           0, "a queue tells its processors");
    ok(processors[0], "of which there is one");
    memset(&named, 0, sizeof(named));
    snprintf(named.path, sizeof(named.path), "/dev/ublkc%d", s.id);
    is_int(
        control_path(&d, rota_start_ublk_get_dev_info2, &named, sizeof(named), sizeof(named.path)),
        0, "a device is found by its path, too");
    is_int(named.info.nr_hw_queues, 1, "and tells its queues");
    ret = control(&d, rota_start_ublk_try_stop_dev, NULL, 0, 0);
    if (ret == -EOPNOTSUPP)
        skip(1, "this driver has no UBLK_U_CMD_TRY_STOP_DEV (7.0)");
    else
        refuses(UBLK_U_CMD_TRY_STOP_DEV, EBUSY, ret);
    close(s.disk);
    is_int(control(&d, rota_start_ublk_stop_dev, NULL, 0, 0), 0, "it is stopped");
    ret = control(&d, rota_start_ublk_del_dev_async, NULL, 0, 0);
    ok(!ret || ret == -EOPNOTSUPP || ret == -ENODEV, "and deleted without a wait: %s", reason(ret));
    ok(program_ended(s.pid) >= 0, "its server ends");
    close_control(&d);
}

static void killed(void)
{
    char id[16];
    struct server s;
    int disk;

    make_file();
    memset(generations, 0, sizeof(generations));
    if (!start_server(&s, ARGUMENTS(OPTION("--file"), file, OPTION("--user-recovery")))) {
        skip(4, "this driver has no recovery");
        return;
    }
    is_int(exercise(s.disk, 16, 300), 0, "a disk that will lose its server");
    kill(s.pid, SIGKILL);
    is_int(program_ended(s.pid), 128 + SIGKILL, "the server is killed");
    snprintf(id, sizeof(id), "%d", s.id);
    is_int(run_example(((char *[]){OPTION("ublk"), OPTION("recover"), id, OPTION("--ram"),
                                   OPTION("4M"), NULL}),
                       -1),
           1, "one with less room is refused");
    disk = s.disk;
    if (!ok(start_server(&s, ((char *[]){OPTION("ublk"), OPTION("recover"), id, OPTION("--file"),
                                         file, NULL})),
            "another one takes its place"))
        return;
    is_int(exercise(disk, 16, 300), 0, "who had the disk open goes on");
    is_int(differing(disk), 0, "and nothing was lost");
    close(disk);
    is_int(stop_server(&s), 0, "the new one ends as it should");
}

/*
 * Commands that the example has no use for: a server of one queue and one tag
 * in a thread of this process.
 */

#define TAGS 1U

enum mini_way {
    MINI_PLAIN,
    MINI_ASKS,     /* UBLK_F_NEED_GET_DATA: where the data of a write shall go */
    MINI_REGISTERS /* the request's pages become a registered buffer by a command */
};

struct mini {
    enum mini_way way;
    struct device device;
    struct queue queue; /* as buffer_of() and its like want it */
    pthread_t thread;
    sem_t offered;
    unsigned asked;                                      /* questions where data shall go */
    int error, ended;                                    /* of the server; of its tag */
    int no_tag, no_queue, no_state, fetched, registered; /* answers to what is wrong */
    bool stall;                                          /* keeps requests while this is set */
    unsigned kept;
};

static void mini_offer(struct mini *m, unsigned tag)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&m->queue.ring);
    struct ublksrv_io_cmd cmd = {.tag = (uint16_t)tag};

    if (m->way != MINI_REGISTERS)
        cmd.addr = (uintptr_t)buffer_of(&m->queue, tag);
    rota_prep_ublk_fetch_req(sqe, m->device.driver, &cmd, 0);
    rota_sqe_set_data64(sqe, tag);
}

static void mini_answer(struct mini *m, unsigned tag, int result)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&m->queue.ring);
    struct ublksrv_io_cmd cmd = {.tag = (uint16_t)tag, .result = result};

    if (m->way != MINI_REGISTERS)
        cmd.addr = (uintptr_t)buffer_of(&m->queue, tag);
    rota_prep_ublk_commit_and_fetch_req(sqe, m->device.driver, &cmd, 0);
    rota_sqe_set_data64(sqe, tag);
}

/* Moves a request's data through its own pages, and tries what is refused. */
static int mini_registered(struct mini *m, unsigned tag, bool write, uint64_t offset,
                           uint32_t bytes)
{
    struct ublksrv_io_cmd cmd = {.tag = (uint16_t)tag, .addr = tag};
    struct rota_ring *ring = &m->queue.ring;
    int ret = rota_call_ublk_register_io_buf(ring, m->device.driver, &cmd), moved;

    if (ret < 0)
        return ret;
    m->registered = rota_call_ublk_register_io_buf(ring, m->device.driver, &cmd);
    moved = write ? rota_call_write_fixed(ring, m->device.target, NULL, bytes, offset, (int)tag)
                  : rota_call_read_fixed(ring, m->device.target, NULL, bytes, offset, (int)tag);
    ret = rota_call_ublk_unregister_io_buf(ring, m->device.driver, &cmd);
    return ret < 0 ? ret : moved;
}

static void mini_begin(struct mini *m, unsigned tag)
{
    const struct ublksrv_io_desc *request = &m->queue.requests[tag];
    uint32_t bytes = request->nr_sectors << 9;
    uint64_t offset = request->start_sector << 9;
    unsigned op = ublksrv_get_op(request);

    while (__atomic_load_n(&m->stall, __ATOMIC_ACQUIRE)) {
        __atomic_store_n(&m->kept, 1, __ATOMIC_RELEASE);
        usleep(1000);
    }
    if (op > UBLK_IO_OP_WRITE) {
        mini_answer(m, tag, 0);
    } else if (m->way == MINI_REGISTERS) {
        mini_answer(m, tag, mini_registered(m, tag, op == UBLK_IO_OP_WRITE, offset, bytes));
    } else {
        char *disk = m->device.memory + offset, *buffer = buffer_of(&m->queue, tag);

        if (op == UBLK_IO_OP_WRITE)
            memcpy(disk, buffer, bytes);
        else
            memcpy(buffer, disk, bytes);
        mini_answer(m, tag, (int)bytes);
    }
}

static void mini_completed(struct mini *m, const struct io_uring_cqe *cqe, unsigned *fetching)
{
    unsigned tag = (unsigned)cqe->user_data;

    if (cqe->res == UBLK_IO_RES_OK) {
        mini_begin(m, tag);
    } else if (cqe->res == UBLK_IO_RES_NEED_GET_DATA) {
        struct ublksrv_io_cmd cmd = {.tag = (uint16_t)tag,
                                     .addr = (uintptr_t)buffer_of(&m->queue, tag)};
        struct io_uring_sqe *sqe = rota_get_sqe(&m->queue.ring);

        m->asked++;
        rota_prep_ublk_need_get_data(sqe, m->device.driver, &cmd);
        rota_sqe_set_data64(sqe, tag);
    } else {
        --*fetching;
        m->ended = cqe->res;
    }
}

/* Commands about tags that are refused, before any is offered. */
static void mini_refusals(struct mini *m)
{
    struct ublksrv_io_cmd cmd = {.tag = TAGS};
    struct rota_ring *ring = &m->queue.ring;

    m->no_tag = rota_call_ublk_fetch_req(ring, m->device.driver, &cmd, 0);
    cmd.tag = 0;
    cmd.q_id = 1;
    m->no_queue = rota_call_ublk_fetch_req(ring, m->device.driver, &cmd, 0);
    cmd.q_id = 0;
    m->no_state = rota_call_ublk_commit_and_fetch_req(ring, m->device.driver, &cmd, 0);
}

static void *mini_serve(void *argument)
{
    struct mini *m = argument;
    struct queue *q = &m->queue;
    unsigned fetching = TAGS;
    int ret = open_queue(q);

    if (ret >= 0) {
        mini_refusals(m);
        for (unsigned tag = 0; tag < TAGS; tag++)
            mini_offer(m, tag);
        ret = rota_submit(&q->ring);
        if (ret >= 0) {
            struct ublksrv_io_cmd cmd = {.addr = (uintptr_t)q->buffers};

            m->fetched = rota_call_ublk_fetch_req(&q->ring, m->device.driver, &cmd, 0);
        }
    }
    m->error = ret < 0 ? ret : 0;
    sem_post(&m->offered);
    while (ret >= 0 && fetching) {
        struct io_uring_cqe *cqe, seen;

        ret = rota_submit_and_wait(&q->ring, 1);
        while (ret >= 0 && rota_peek_cqe(&q->ring, &cqe) == 0) {
            seen = *cqe; /* calls in between have the queue to themselves */
            rota_cqe_seen(&q->ring, cqe);
            mini_completed(m, &seen, &fetching);
        }
    }
    close_queue(q);
    return NULL;
}

/* Opens the driver and offers the tags; the disk does not appear yet. */
static int mini_offer_all(struct mini *m)
{
    int ret = open_driver(&m->device);

    if (ret < 0)
        return ret;
    memset(&m->queue, 0, sizeof(m->queue));
    m->queue.device = &m->device;
    m->queue.depth = TAGS;
    sem_init(&m->offered, 0, 0);
    ret = -pthread_create(&m->thread, NULL, mini_serve, m);
    if (!ret) {
        while (sem_wait(&m->offered) < 0) {
        }
        ret = m->error;
    }
    return ret;
}

static bool mini_open(struct mini *m, enum mini_way way, uint64_t flags)
{
    struct device *d = &m->device;
    int ret;

    memset(m, 0, sizeof(*m));
    if (open_control(d) < 0)
        return false;
    m->way = way;
    d->options = (struct options){.size = BLOCKS * BLOCK, .queues = 1, .depth = TAGS};
    ret = open_target(d);
    d->info.dev_id = UINT32_MAX;
    if (ret >= 0)
        ret = add_device(d, flags);
    d->options.zero_copy = way == MINI_REGISTERS; /* a table for the buffers */
    if (ret >= 0)
        ret = mini_offer_all(m);
    if (ret >= 0)
        ret = control(d, rota_start_ublk_start_dev, NULL, 0, (uint64_t)getpid());
    if (ret < 0)
        diag("no disk: %s", reason(ret));
    return ret >= 0;
}

static void mini_end(struct mini *m)
{
    struct device *d = &m->device;

    control(d, rota_start_ublk_stop_dev, NULL, 0, 0);
    pthread_join(m->thread, NULL);
    close(d->driver);
    d->driver = -1;
    is_int(control(d, rota_start_ublk_del_dev, NULL, 0, 0), 0, "it is deleted");
    is_int(m->error, 0, "its server had no error");
    refuses(ublk_io, ENODEV, m->ended);
    close_control(d);
}

static int mini_disk(const struct mini *m)
{
    char path[32];
    int fd = -1;

    snprintf(path, sizeof(path), "/dev/ublkb%u", m->device.info.dev_id);
    for (int i = 0; i < 500 && fd < 0; i++) {
        fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (fd < 0)
            usleep(20000);
    }
    return fd;
}

static void mini_exercise(const struct mini *m)
{
    int disk = mini_disk(m);

    memset(generations, 0, sizeof(generations));
    is_int(exercise(disk, 16, 200), 0, "requests are right");
    is_int(differing(disk), 0, "and every block is");
    close(disk);
}

static uint64_t features(void)
{
    struct device d;
    uint64_t known = 0;

    if (open_control(&d) < 0)
        return 0;
    if (control(&d, rota_start_ublk_get_features, &known, sizeof(known), 0) < 0)
        known = 0; /* 6.5 */
    close_control(&d);
    return known;
}

static void asks(void)
{
    struct mini m;

    if (!ok(mini_open(&m, MINI_ASKS, UBLK_F_NEED_GET_DATA), "a disk that asks for memory"))
        return;
    mini_exercise(&m);
    does(UBLK_U_IO_NEED_GET_DATA, m.asked > 50);
    refuses(ublk_io, EINVAL, m.no_tag);
    refuses(ublk_io, EINVAL, m.no_queue);
    refuses(ublk_io, EINVAL, m.no_state);
    refuses(UBLK_U_IO_FETCH_REQ, EBUSY, m.fetched);
    mini_end(&m);
}

static void registers(uint64_t known)
{
    struct mini m;

    if (!(known &
          UBLK_F_AUTO_BUF_REG)) { /* a release later, but 6.15 has a bit of an older meaning */
        skip(7, "this driver has no UBLK_U_IO_REGISTER_IO_BUF (6.15)");
        return;
    }
    if (!ok(mini_open(&m, MINI_REGISTERS, UBLK_F_SUPPORT_ZERO_COPY), "a disk without copies"))
        return;
    mini_exercise(&m);
    refuses(UBLK_U_IO_REGISTER_IO_BUF, EBUSY, m.registered);
    mini_end(&m);
}

static void resizes(uint64_t known)
{
    struct mini m;
    uint64_t size = 0;
    int disk;

    if (!(known & UBLK_F_UPDATE_SIZE)) {
        skip(5, "this driver has no UBLK_U_CMD_UPDATE_SIZE (6.16)");
        return;
    }
    if (!ok(mini_open(&m, MINI_PLAIN, UBLK_F_UPDATE_SIZE), "a disk that changes its size"))
        return;
    disk = mini_disk(&m);
    does(UBLK_U_CMD_UPDATE_SIZE,
         control(&m.device, rota_start_ublk_update_size, NULL, 0, BLOCKS / 2 * (BLOCK >> 9)) == 0);
    ok(ioctl(disk, BLKGETSIZE64, &size) == 0 && size == BLOCKS / 2 * BLOCK, "it is half as large");
    close(disk);
    mini_end(&m);
}

/* One block, read in a child that waits as long as it takes. */
static pid_t reader_of(int disk, unsigned block)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        static _Alignas(4096) char memory[BLOCK];

        _exit(pread(disk, memory, BLOCK, (off_t)block * BLOCK) == (ssize_t)BLOCK &&
                      holds(memory, block, generations[block])
                  ? 0
                  : 1);
    }
    return pid;
}

/* A server that goes in peace, and its successor. */
static void quiesces(uint64_t known)
{
    struct mini m;
    struct device *d = &m.device;
    pid_t reader;
    int disk, status = -1;

    if (!(known & UBLK_F_QUIESCE)) {
        skip(10, "this driver has no UBLK_U_CMD_QUIESCE_DEV (6.16)");
        return;
    }
    if (!ok(mini_open(&m, MINI_PLAIN, UBLK_F_USER_RECOVERY | UBLK_F_QUIESCE),
            "a disk whose server may go"))
        return;
    memset(generations, 0, sizeof(generations));
    disk = mini_disk(&m);
    is_int(exercise(disk, 1, 50), 0, "requests are right");
    refuses(UBLK_U_CMD_START_USER_RECOVERY, EBUSY,
            control(d, rota_start_ublk_start_user_recovery, NULL, 0, 0));
    __atomic_store_n(&m.stall, true, __ATOMIC_RELEASE);
    reader = reader_of(disk, 0);
    for (int i = 0; i < 3000 && !__atomic_load_n(&m.kept, __ATOMIC_ACQUIRE); i++)
        usleep(10000);
    does(UBLK_U_CMD_QUIESCE_DEV, control(d, rota_start_ublk_quiesce_dev, NULL, 0, 5000) == 0);
    __atomic_store_n(&m.stall, false, __ATOMIC_RELEASE);
    waitpid(reader, &status, 0);
    is_int(status, 0, "what was being served is answered");
    /* The tag of that answer was busy then, and is offered again: it has to be told, too. */
    is_int(control(d, rota_start_ublk_quiesce_dev, NULL, 0, 5000), 0, "and its tag is ended");
    pthread_join(m.thread, NULL);
    close(d->driver);
    reader = reader_of(disk, 1);
    is_int(take_over(d), 0, "another server takes over");
    is_int(mini_offer_all(&m), 0, "and offers its tags");
    is_int(control(d, rota_start_ublk_end_user_recovery, NULL, 0, (uint64_t)getpid()), 0,
           "the disk goes on");
    waitpid(reader, &status, 0);
    is_int(status, 0, "with what was waiting");
    is_int(differing(disk), 0, "and nothing is lost");
    close(disk);
    mini_end(&m);
}

/* struct ublk_shmem_buf_reg, which <linux/ublk_cmd.h> has since 7.1. */
struct shared_memory {
    uint64_t addr, len;
    uint32_t flags, reserved;
};

static void shares(uint64_t known)
{
    struct shared_memory wanted = {.len = 1 << 20};
    struct mini m;
    int index;

    if (!(known & UBLK_F_SHMEM_ZC)) {
        skip(7, "this driver has no UBLK_U_CMD_REG_BUF (7.1)");
        return;
    }
    if (!ok(mini_open(&m, MINI_PLAIN, UBLK_F_SHMEM_ZC), "a disk that shares memory"))
        return;
    wanted.addr = (uintptr_t)m.device.memory;
    index = control(&m.device, rota_start_ublk_reg_buf, &wanted, sizeof(wanted), 0);
    does(UBLK_U_CMD_REG_BUF, index >= 0);
    does(UBLK_U_CMD_UNREG_BUF,
         control(&m.device, rota_start_ublk_unreg_buf, NULL, 0, (uint64_t)index) == 0);
    refuses(UBLK_U_CMD_UNREG_BUF, ENOENT,
            control(&m.device, rota_start_ublk_unreg_buf, NULL, 0, (uint64_t)index));
    wanted.len = 4097;
    refuses(UBLK_U_CMD_REG_BUF, EINVAL,
            control(&m.device, rota_start_ublk_reg_buf, &wanted, sizeof(wanted), 0));
    mini_end(&m);
}

/*
 * Commands that are wrong
 */

static int add_with(struct device *d, uint32_t id, uint16_t queues)
{
    struct ublksrv_ctrl_dev_info info = {
        .nr_hw_queues = queues, .queue_depth = 1, .max_io_buf_bytes = MAX_BYTES};

    info.dev_id = d->info.dev_id = id;
    return control(d, rota_start_ublk_add_dev, &info, sizeof(info), 0);
}

static int add_as_nobody(void *argument)
{
    struct rota_config config;
    struct device d;
    int ret;

    memset(&d, 0, sizeof(d));
    d.control = *(int *)argument;
    rota_config_single_owner(&config);
    config.required_flags |= IORING_SETUP_SQE128;
    ret = rota_init(&d.ring, 8, &config);
    return ret < 0 ? ret : add_with(&d, UINT32_MAX, 1);
}

/* Of a device that serves. */
static void refused_live(void)
{
    struct ublk_params params = {.len = sizeof(params), .types = UBLK_PARAM_TYPE_BASIC};
    struct server s;
    struct device d;
    ROTA_OP(op);
    struct ublksrv_ctrl_cmd cmd = {.queue_id = UINT16_MAX};

    if (!start_server(&s, ARGUMENTS(OPTION("--ram"), OPTION("8M"))) || open_control(&d) < 0) {
        ok(false, "a disk that is live");
        return;
    }
    refuses(ublk_control, EPERM, as_nobody(add_as_nobody, &d.control));
    refuses(UBLK_U_CMD_ADD_DEV, EEXIST, add_with(&d, (uint32_t)s.id, 1));
    refuses(UBLK_U_CMD_START_DEV, EEXIST,
            control(&d, rota_start_ublk_start_dev, NULL, 0, (uint64_t)s.pid));
    refuses(UBLK_U_CMD_SET_PARAMS, EACCES,
            control(&d, rota_start_ublk_set_params, &params, sizeof(params), 0));
    refuses(UBLK_U_CMD_START_USER_RECOVERY, EINVAL,
            control(&d, rota_start_ublk_start_user_recovery, NULL, 0, 0));
    cmd.dev_id = (uint32_t)s.id;
    rota_start_ublk_del_dev(&d.ring, &op, d.control, &cmd); /* it waits: the disk is open */
    rota_submit(&d.ring);
    usleep(300000);
    refuses(UBLK_U_CMD_DEL_DEV, EINTR, rota_op_cancel(&d.ring, &op));
    close(s.disk);
    ok(program_ended(s.pid) >= 0, "the server ends all the same");
    close_control(&d);
}

/* Of a device that has not started. */
static void refused_new(void)
{
    struct ublk_params params = {.len = sizeof(params), .types = UBLK_PARAM_TYPE_BASIC};
    struct device d;

    if (open_control(&d) < 0)
        return;
    d.info.dev_id = 59;
    refuses(ublk_control, ENODEV, control(&d, rota_start_ublk_stop_dev, NULL, 0, 0));
    refuses(UBLK_U_CMD_ADD_DEV, EINVAL, add_with(&d, UINT32_MAX, 0));
    is_int(add_with(&d, 58, 1), 0, "a device of a number that was wished for");
    refuses(UBLK_U_CMD_START_DEV, EINVAL,
            control(&d, rota_start_ublk_start_dev, NULL, 0, (uint64_t)getpid()));
    params.basic.logical_bs_shift = 3;
    refuses(UBLK_U_CMD_SET_PARAMS, EINVAL,
            control(&d, rota_start_ublk_set_params, &params, sizeof(params), 0));
    is_int(control(&d, rota_start_ublk_del_dev, NULL, 0, 0), 0, "it goes without having started");
    close_control(&d);
}

/* Of batches: tags that have not two bytes; and such a command without its own function. */
static void refused_batch(uint64_t known)
{
    static uint16_t memory[8];
    struct ublk_batch_io batch = {.elem_bytes = 3};
    struct io_uring_buf_ring *tags;
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    struct rota_ring ring;
    struct device d;
    ROTA_OP(op);
    int ret;

    if (!(known & UBLK_F_BATCH_IO) || open_control(&d) < 0) {
        skip(4, "this driver has no batches (7.0)");
        return;
    }
    d.options = (struct options){.size = BLOCKS * BLOCK, .queues = 1, .depth = 8};
    d.info.dev_id = UINT32_MAX;
    is_int(add_device(&d, UBLK_F_BATCH_IO), 0, "a device of batches");
    if (open_driver(&d) < 0 || rota_init(&ring, 4, NULL) < 0)
        bail("no device or no ring");
    tags = rota_setup_buf_ring(&ring, 1, 0, 0, &ret);
    if (!tags)
        bail("no buffers: %s", reason(ret));
    rota_buf_ring_add(tags, memory, sizeof(memory), 0, 0, 0);
    rota_buf_ring_advance(tags, 1);
    rota_start_ublk_fetch_io_cmds(&ring, &op, d.driver, &batch, 0);
    refuses(UBLK_U_IO_FETCH_IO_CMDS, EINVAL, rota_await(&ring, &op));
    batch.elem_bytes = sizeof(uint16_t);
    sqe = rota_get_sqe(&ring);
    rota_prep_uring_cmd_multishot(sqe, (int)_IOWR('u', 0x27, struct ublk_batch_io), d.driver, 0);
    memcpy((char *)sqe + 48, &batch, sizeof(batch)); /* the place of a command's structure */
    rota_submit(&ring);
    usleep(50000);
    is_int(rota_peek_cqe(&ring, &cqe), -EAGAIN, "a multishot command waits for requests");
    control(&d, rota_start_ublk_stop_dev, NULL, 0, 0);
    rota_queue_exit(&ring);
    close(d.driver);
    d.driver = -1;
    is_int(control(&d, rota_start_ublk_del_dev, NULL, 0, 0), 0, "until its device goes");
    close_control(&d);
}

int main(void)
{
    struct device d;
    uint64_t known;
    int ret = open_control(&d);

    if (ret < 0)
        skip_all("/dev/ublk-control: %s", reason(ret));
    close_control(&d);
    known = features();
    ways();
    broken_file();
    deleted();
    killed();
    controlled();
    asks();
    registers(known);
    resizes(known);
    quiesces(known);
    shares(known);
    refused_live();
    refused_new();
    refused_batch(known);
    nothing_there();
    unlink(file);
    return done();
}
