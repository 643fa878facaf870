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

#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#include "tap.h"

#define BLOCK  4096U
#define BLOCKS 2048U /* 8 MiB */
#define DEPTH  64U

/* A server, and the disk that it has. */
struct server {
    pid_t pid;
    int id, disk;
};

static char file[256];

static int run_example(char **arguments, int output)
{
    int count = 0, status = -1;
    pid_t pid = fork();

    while (arguments[count])
        count++;
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (output >= 0)
            dup2(output, STDOUT_FILENO);
        for (int fd = 3; fd < 64; fd++)
            close(fd); /* a server that held its own disk open would wait for itself */
        exit(example_main(count, arguments));
    }
    if (output >= 0)
        return pid;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Starts a server and waits for its disk; false when it ended instead. */
static bool start_server(struct server *s, char **arguments)
{
    char line[64];
    int ends[2];
    size_t used = 0;
    ssize_t got;

    s->disk = -1;
    if (pipe(ends) < 0)
        return false;
    fflush(stdout);
    s->pid = run_example(arguments, ends[1]);
    close(ends[1]);
    while (used < sizeof(line) - 1 && (got = read(ends[0], line + used, 1)) == 1) {
        if (line[used++] == '\n')
            break;
    }
    close(ends[0]);
    line[used ? used - 1 : 0] = '\0';
    if (sscanf(line, "/dev/ublkb%d", &s->id) != 1) {
        waitpid(s->pid, NULL, 0);
        return false;
    }
    for (int i = 0; i < 200 && s->disk < 0; i++) { /* the node comes a moment later */
        s->disk = open(line, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (s->disk < 0)
            usleep(20000);
    }
    return s->disk >= 0;
}

/* Its exit status; it has to come soon. */
static int server_ended(struct server *s)
{
    int status;

    for (int i = 0; i < 3000; i++) {
        if (waitpid(s->pid, &status, WNOHANG) == s->pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        usleep(10000);
    }
    kill(s->pid, SIGKILL);
    waitpid(s->pid, &status, 0);
    return -1;
}

static int stop_server(struct server *s)
{
    if (s->disk >= 0)
        close(s->disk);
    kill(s->pid, SIGTERM);
    return server_ended(s);
}

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

static void way(const char *name, char **arguments, unsigned depth, bool optional)
{
    struct server s;

    memset(generations, 0, sizeof(generations));
    seed = 7; /* the same requests each time: the disks must become alike */
    if (!start_server(&s, arguments)) {
        if (optional)
            skip(4, "%s: this driver cannot do it", name);
        else
            ok(false, "%s: a disk", name);
        return;
    }
    is_int(exercise(s.disk, depth, depth == 1 ? 200 : 1500), 0, "%s: depth %u", name, depth);
    is_int(fsync(s.disk), 0, "%s: it is flushed", name);
    is_int(differing(s.disk), 0, "%s: every block is what was written last", name);
    is_int(stop_server(&s), 0, "%s: SIGTERM ends it", name);
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
#define ARGUMENTS(...) ((char *[]){(char[]){"ublk"}, (char[]){"add"}, __VA_ARGS__, NULL})
#define OPTION(text)   ((char[]){text})
    way("memory", ARGUMENTS(OPTION("--ram"), OPTION("8M")), 1, false);
    way("memory, 2 queues",
        ARGUMENTS(OPTION("--ram"), OPTION("8M"), OPTION("--queues"), OPTION("2")), DEPTH, false);
    make_file();
    way("a file", ARGUMENTS(OPTION("--file"), file, OPTION("--depth"), OPTION("8")), DEPTH, false);
    make_file();
    way("a file without a copy", ARGUMENTS(OPTION("--file"), file, OPTION("--zero-copy")), DEPTH,
        true);
    way("memory in batches",
        ARGUMENTS(OPTION("--ram"), OPTION("8M"), OPTION("--batch"), OPTION("--queues"),
                  OPTION("2")),
        DEPTH, true);
    make_file();
    way("a file in batches without a copy",
        ARGUMENTS(OPTION("--file"), file, OPTION("--batch"), OPTION("--zero-copy")), DEPTH, true);
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
           "and two targets at once");
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
    ok(server_ended(&s) >= 0, "and so does its server");
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
    ok(ret == -EBUSY || ret == -EOPNOTSUPP, "nothing stops a disk that is open: %s", reason(ret));
    close(s.disk);
    is_int(control(&d, rota_start_ublk_stop_dev, NULL, 0, 0), 0, "it is stopped");
    ret = control(&d, rota_start_ublk_del_dev_async, NULL, 0, 0);
    ok(!ret || ret == -EOPNOTSUPP || ret == -ENODEV, "and deleted without a wait: %s", reason(ret));
    ok(server_ended(&s) >= 0, "its server ends");
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
    is_int(server_ended(&s), 128 + SIGKILL, "the server is killed");
    snprintf(id, sizeof(id), "%d", s.id);
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

int main(void)
{
    struct device d;
    int ret = open_control(&d);

    if (ret < 0)
        skip_all("/dev/ublk-control: %s", reason(ret));
    close_control(&d);
    ways();
    broken_file();
    deleted();
    killed();
    controlled();
    nothing_there();
    unlink(file);
    return done();
}
