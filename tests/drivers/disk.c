/* SPDX-License-Identifier: MIT */
/*
 * Disks of the example `ublk` under programs that know nothing of it: fio with
 * its verification, a file system that is made, filled and checked. Their bad
 * days: a server that is killed, stopped or deleted meanwhile, a target that is
 * full, a hundred disks one after the other. And what a request costs: system
 * calls of the server, which are held, and reads in a second beside those of
 * null_blk, loop and nbd, which are only told.
 *
 * The programs are fio, mkfs.ext4 and e2fsck; what is missing is skipped.
 */
int example_main(int argc, char **argv);
#define main example_main
#include "../examples/ublk.c"
#undef main

#include <arpa/inet.h>
#include <endian.h>
#include <linux/fs.h>
#include <linux/loop.h>
#include <linux/nbd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <time.h>

#include "server.h"
#include "tap.h"

#define BLOCK 4096U
#define BYTES (16U << 20) /* of a disk */

static char scratch[200];
static char file[300]; /* behind a disk */

/*
 * Other programs
 */

static void log_of(pid_t pid, char *path, size_t size)
{
    snprintf(path, size, "%s/disk-%d.log", scratch, (int)pid);
}

static pid_t start_program(char *const *arguments)
{
    pid_t pid;

    fflush(stdout);
    pid = fork();
    if (!pid) {
        char log[300];
        int fd;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        log_of(getpid(), log, sizeof(log));
        fd = open(log, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        execvp(arguments[0], arguments);
        _exit(127);
    }
    return pid;
}

/* Its exit status; what it has said is shown when that is not the one which is wanted. */
static int end_program(pid_t pid, int wanted)
{
    char log[300], line[400];
    int status = -1;
    FILE *said;

    waitpid(pid, &status, 0);
    status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    log_of(pid, log, sizeof(log));
    said = status != wanted ? fopen(log, "r") : NULL;
    while (said && fgets(line, sizeof(line), said))
        diag("%s", line);
    if (said)
        fclose(said);
    unlink(log);
    return status;
}

static int run(char *const *arguments)
{
    return end_program(start_program(arguments), 0);
}

static bool have(const char *name, const char *package, const char *version)
{
    char *arguments[] = {(char *)(uintptr_t)name, (char *)(uintptr_t)version, NULL};

    if (end_program(start_program(arguments), 127) != 127)
        return true;
    skip(1, "%s is missing (package %s)", name, package);
    return false;
}

/* A file of zeros as large as the disk. */
static void make_file(void)
{
    int fd;

    snprintf(file, sizeof(file), "%s/disk-%d", scratch, (int)getpid());
    fd = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, BYTES) < 0)
        bail("cannot make %s: %s", file, strerror(errno));
    close(fd);
}

/* A server whose disk this program does not keep open. */
static bool start_disk(struct server *s, const char *name, char **arguments, bool optional)
{
    if (!start_server(s, arguments)) {
        if (optional)
            skip(1, "%s: this driver cannot do it", name);
        else
            ok(false, "%s: a disk", name);
        return false;
    }
    close(s->disk);
    s->disk = -1;
    return true;
}

static void end_disk(struct server *s, const char *name)
{
    is_int(stop_server(s), 0, "%s: the server ends as it should", name);
    close(s->output);
}

/*
 * fio: random reads and writes that are verified
 */

#define FIO                                                                                 \
    OPTION("fio"), OPTION("--ioengine=io_uring"), OPTION("--direct=1"), OPTION("--thread"), \
        OPTION("--rw=randrw"), OPTION("--verify=crc32c"), OPTION("--verify_fatal=1"),       \
        OPTION("--filename"), path

/* The depths from 1 to 64. */
static int fio(char *path)
{
    return run((char *[]){FIO,
                          OPTION("--name=one"),
                          OPTION("--bs=4k"),
                          OPTION("--size=2m"),
                          OPTION("--iodepth=1"),
                          OPTION("--name=some"),
                          OPTION("--stonewall"),
                          OPTION("--bs=4k"),
                          OPTION("--size=4m"),
                          OPTION("--iodepth=8"),
                          OPTION("--name=many"),
                          OPTION("--stonewall"),
                          OPTION("--bs=4k"),
                          OPTION("--size=8m"),
                          OPTION("--iodepth=64"),
                          OPTION("--name=large"),
                          OPTION("--stonewall"),
                          OPTION("--bs=256k"),
                          OPTION("--size=12m"),
                          OPTION("--iodepth=16"),
                          NULL});
}

/* Deep, until it is told to end (SIGINT: its status is 128) or its disk fails (1). */
static pid_t start_fio(char *path)
{
    return start_program((char *[]){FIO, OPTION("--name=endless"), OPTION("--bs=4k"),
                                    OPTION("--size=8m"), OPTION("--iodepth=64"),
                                    OPTION("--time_based"), OPTION("--runtime=3600"), NULL});
}

/* Reads and writes that a disk has done. */
static unsigned long done_by(const char *path)
{
    unsigned long number[5] = {0};
    char name[128];
    FILE *stat;

    snprintf(name, sizeof(name), "/sys/block/%.64s/stat", path + strlen("/dev/"));
    stat = fopen(name, "r");
    if (stat) {
        if (fscanf(stat, "%lu %lu %lu %lu %lu", &number[0], &number[1], &number[2], &number[3],
                   &number[4]) != 5)
            number[0] = number[4] = 0;
        fclose(stat);
    }
    return number[0] + number[4];
}

/* Waits until a disk is under load. */
static void wait_for_load(const char *name, const char *path)
{
    unsigned long before = done_by(path);

    for (int i = 0; i < 6000 && done_by(path) < before + 500; i++)
        usleep(10000);
    ok(done_by(path) >= before + 500, "%s: it is under load", name);
}

/* Waits until a disk is gone. */
static bool is_gone(const char *path)
{
    for (int i = 0; i < 3000 && access(path, F_OK) == 0; i++)
        usleep(10000);
    return access(path, F_OK) < 0;
}

static void verified(const char *name, char **arguments, bool optional)
{
    struct server s;

    if (!start_disk(&s, name, arguments, optional))
        return;
    is_int(fio(s.path), 0, "%s: fio verifies what it has written", name);
    end_disk(&s, name);
}

static void by_fio(void)
{
    verified("memory", ARGUMENTS(OPTION("--ram"), OPTION("16M")), false);
    verified("memory, 2 queues",
             ARGUMENTS(OPTION("--ram"), OPTION("16M"), OPTION("--queues"), OPTION("2")), false);
    make_file();
    verified("a file, 2 queues", ARGUMENTS(OPTION("--file"), file, OPTION("--queues"), OPTION("2")),
             false);
    make_file();
    verified(
        "a file without a copy",
        ARGUMENTS(OPTION("--file"), file, OPTION("--zero-copy"), OPTION("--queues"), OPTION("2")),
        true);
    verified("memory in batches, 2 queues",
             ARGUMENTS(OPTION("--ram"), OPTION("16M"), OPTION("--batch"), OPTION("--queues"),
                       OPTION("2")),
             true);
    make_file();
    verified("a file in batches without a copy",
             ARGUMENTS(OPTION("--file"), file, OPTION("--batch"), OPTION("--zero-copy")), true);
}

/*
 * Bad days
 */

/* fio does not notice that its disk has lost its server twice. */
static void killed(const char *name, char *way, bool optional)
{
    struct server s;
    char id[16];
    pid_t writer;

    make_file();
    if (!start_disk(&s, name, ARGUMENTS(OPTION("--file"), file, OPTION("--user-recovery"), way),
                    optional))
        return;
    snprintf(id, sizeof(id), "%d", s.id);
    writer = start_fio(s.path);
    for (int i = 0; i < 2; i++) {
        wait_for_load(name, s.path);
        kill(s.pid, SIGKILL);
        is_int(program_ended(s.pid), 128 + SIGKILL, "%s: the server is killed under load", name);
        close(s.output);
        if (!ok(start_disk(&s, name,
                           ((char *[]){OPTION("ublk"), OPTION("recover"), id, OPTION("--file"),
                                       file, NULL}),
                           false),
                "%s: another one takes its place", name))
            return;
    }
    wait_for_load(name, s.path);
    kill(writer, SIGINT);
    is_int(end_program(writer, 128), 128, "%s: every request was answered, and verified", name);
    end_disk(&s, name);
}

/* However a disk goes under load, its user is told and its server ends. */
static void goes(const char *name, int signal_number)
{
    struct server s;
    char id[16];
    pid_t writer;

    if (!start_disk(&s, name,
                    ARGUMENTS(OPTION("--ram"), OPTION("16M"), OPTION("--queues"), OPTION("2")),
                    false))
        return;
    snprintf(id, sizeof(id), "%d", s.id);
    writer = start_fio(s.path);
    wait_for_load(name, s.path);
    if (signal_number)
        kill(s.pid, signal_number);
    else
        is_int(run_example(((char *[]){OPTION("ublk"), OPTION("del"), id, NULL}), -1), 0, "%s",
               name);
    is_int(end_program(writer, 1), 1, "%s: fio is told that its disk is gone", name);
    is_int(program_ended(s.pid), 0, "%s: the server ends as it should", name);
    close(s.output);
    ok(is_gone(s.path), "%s: and so does the disk", name);
}

/* A target with less room than the disk. */
static void full(void)
{
    static _Alignas(4096) char memory[1 << 20];
    char place[300], target[320];
    struct server s;
    int error = 0;

    snprintf(place, sizeof(place), "%s/disk-small-%d", scratch, (int)getpid());
    snprintf(target, sizeof(target), "%s/file", place);
    if (mkdir(place, 0700) < 0 || mount("none", place, "tmpfs", 0, "size=4m") < 0)
        bail("no small file system: %s", strerror(errno));
    close(open(target, O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    ok(truncate(target, BYTES) == 0 && start_server(&s, ARGUMENTS(OPTION("--file"), target)),
       "a disk of a file for which there is no room");
    for (unsigned i = 0; i < BYTES / sizeof(memory) && !error; i++)
        error = pwrite(s.disk, memory, sizeof(memory), (off_t)(i * sizeof(memory))) < 0 ? errno : 0;
    is_int(error, ENOSPC, "a write tells that there is none");
    is_int(pread(s.disk, memory, BLOCK, 0), BLOCK, "what was written can be read");
    end_disk(&s, "a file without room");
    umount2(place, 0);
    rmdir(place);
}

static void hundred(void)
{
    int made = 0, ended = 0;
    struct server s;

    for (int i = 0; i < 100; i++) {
        if (!start_server(
                &s, ARGUMENTS(OPTION("--ram"), OPTION("1M"), OPTION("--queues"), OPTION("2"))))
            break;
        made++;
        ended += stop_server(&s) == 0;
        close(s.output);
    }
    is_int(made, 100, "a hundred disks, one after the other");
    is_int(ended, 100, "come and go");
    is_int(s.id, 0, "and the last one has the first number");
}

/*
 * A file system
 */

#define FILES     150
#define FILE_SIZE (128U << 10)

static void contents(unsigned char *memory, unsigned number)
{
    unsigned seed = number + 1;

    for (unsigned i = 0; i < FILE_SIZE; i++) {
        seed = seed * 1664525U + 1013904223U;
        memory[i] = (unsigned char)(seed >> 24);
    }
}

/* Writes or reads every file; how many are wrong. */
static int each_file(const char *place, bool write_them)
{
    static unsigned char memory[FILE_SIZE], found[FILE_SIZE];
    char path[300];
    int wrong = 0;

    for (unsigned i = 0; i < FILES; i++) {
        int fd;

        snprintf(path, sizeof(path), "%.200s/%u", place, i);
        fd = open(path, write_them ? O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC : O_RDONLY | O_CLOEXEC,
                  0644);
        contents(memory, i);
        if (write_them)
            wrong += write(fd, memory, FILE_SIZE) != (ssize_t)FILE_SIZE;
        else
            wrong += read(fd, found, FILE_SIZE) != (ssize_t)FILE_SIZE ||
                     memcmp(found, memory, FILE_SIZE) != 0;
        close(fd);
    }
    return wrong;
}

static int make_file_system(char *path)
{
    return run((char *[]){OPTION("mkfs.ext4"), OPTION("-q"), OPTION("-F"), path, NULL});
}

static int check_file_system(char *path)
{
    return run((char *[]){OPTION("e2fsck"), OPTION("-fn"), path, NULL});
}

static void file_system(const char *name, char **arguments, const char *place, bool optional)
{
    struct server s;

    if (!start_disk(&s, name, arguments, optional))
        return;
    is_int(make_file_system(s.path), 0, "%s: a file system is made", name);
    is_int(mount(s.path, place, "ext4", 0, ""), 0, "%s: and mounted", name);
    is_int(each_file(place, true), 0, "%s: it is filled", name);
    is_int(umount2(place, 0), 0, "%s: it is unmounted", name);
    is_int(check_file_system(s.path), 0, "%s: its check finds nothing", name);
    is_int(mount(s.path, place, "ext4", MS_RDONLY, ""), 0, "%s: it is mounted again", name);
    is_int(each_file(place, false), 0, "%s: and has what was written", name);
    is_int(umount2(place, 0), 0, "%s: it is unmounted for the last time", name);
    end_disk(&s, name);
}

/* A disk is deleted below a file system; the number can be used again when that is gone. */
static void deleted_below(char *place)
{
    char *arguments[] = {OPTION("ublk"), OPTION("del"), (char[16]){""}, NULL};
    struct server s;
    pid_t deleter;
    int status = -1;

    if (!start_disk(&s, "a mounted disk", ARGUMENTS(OPTION("--ram"), OPTION("32M")), false))
        return;
    is_int(make_file_system(s.path), 0, "a file system that will lose its disk");
    is_int(mount(s.path, place, "ext4", 0, ""), 0, "it is mounted");
    snprintf(arguments[2], 16, "%d", s.id);
    fflush(stdout);
    deleter = fork();
    if (!deleter)
        _exit(run_example(arguments, -1));
    ok(is_gone(s.path), "until the disk is deleted");
    ok(each_file(place, true) > 0, "it fails without the disk");
    is_int(umount2(place, 0), 0, "and can be unmounted");
    waitpid(deleter, &status, 0);
    is_int(status, 0, "which is what the deletion has waited for");
    ok(program_ended(s.pid) >= 0, "and the server");
    close(s.output);
}

static void file_systems(void)
{
    char place[300];

    snprintf(place, sizeof(place), "%s/disk-place-%d", scratch, (int)getpid());
    if (mkdir(place, 0700) < 0)
        bail("cannot make %s: %s", place, strerror(errno));
    file_system("memory",
                ARGUMENTS(OPTION("--ram"), OPTION("48M"), OPTION("--queues"), OPTION("2")), place,
                false);
    file_system("memory without a copy",
                ARGUMENTS(OPTION("--ram"), OPTION("48M"), OPTION("--zero-copy")), place, true);
    file_system("memory in batches", ARGUMENTS(OPTION("--ram"), OPTION("48M"), OPTION("--batch")),
                place, true);
    deleted_below(place);
    rmdir(place);
}

/*
 * What a request costs
 */

/* Random reads of a block at a depth; reads in a second, or 0. */
static unsigned reads(const char *path, unsigned depth, unsigned count)
{
    static _Alignas(4096) char memory[64][BLOCK];
    struct timespec start, end;
    struct rota_ring ring;
    unsigned started = 0, ended = 0, place = 1;
    int disk = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC), wrong = 0, ret = 0;
    double seconds;

    if (disk < 0 || rota_init(&ring, 64, NULL) < 0)
        return 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (ended < count && ret >= 0) {
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;

        while (started < count && started - ended < depth) {
            struct io_uring_sqe *sqe = rota_get_sqe(&ring);

            place = (place * 1103515245U + 12345U) & 0x7fffffff;
            rota_prep_read(sqe, disk, memory[started % 64], BLOCK,
                           (uint64_t)((place >> 8) % (BYTES / BLOCK)) * BLOCK);
            started++;
        }
        ret = rota_submit_and_wait(&ring, 1);
        rota_for_each_cqe (&ring, head, cqe) {
            wrong += cqe->res != (int)BLOCK;
            seen++;
        }
        rota_cq_advance(&ring, seen);
        ended += seen;
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    seconds = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    rota_queue_exit(&ring);
    close(disk);
    return wrong || ret < 0 ? 0 : (unsigned)((double)count / seconds);
}

#define FEW  500U  /* reads at depth 1 */
#define MANY 4000U /* at depth 32 */

static bool measure(const char *name, const char *path)
{
    unsigned one = reads(path, 1, FEW), many = reads(path, 32, MANY);

    diag("%s: %u reads in a second at depth 1, %u at depth 32", name, one, many);
    return ok(one && many, "%s: reads are right", name);
}

/* Holds what a server needs for a request, seen from itself. */
static void cost(const char *name, char **arguments, double calls_most, double copies_most,
                 bool optional)
{
    unsigned long requests = 0, calls = 0, copies = 0;
    unsigned queue;
    char line[200];
    struct server s;
    FILE *said;

    if (!start_disk(&s, name, arguments, optional))
        return;
    measure(name, s.path);
    stop_server(&s);
    said = fdopen(s.output, "r");
    while (said && fgets(line, sizeof(line), said))
        sscanf(line, "queue %u: %lu requests, %lu system calls, %lu copies", &queue, &requests,
               &calls, &copies);
    if (said)
        fclose(said);
    diag("%s: %.2f system calls and %.2f copies of the server for a request", name,
         requests ? (double)calls / (double)requests : 0.,
         requests ? (double)copies / (double)requests : 0.);
    /* Neighbours may become one request; a start and an end need a few calls. */
    ok(requests >= (FEW + MANY) / 2 && (double)calls <= calls_most * (double)requests + 200,
       "%s: %lu system calls for %lu requests", name, calls, requests);
    ok((double)copies <= copies_most * (double)requests, "%s: %lu copies for %lu requests", name,
       copies, requests);
}

static void costs_of_servers(void)
{
    cost("ublk, nothing", ARGUMENTS(OPTION("--null"), OPTION("--counts")), 1, 0, false);
    cost("ublk, nothing, in batches",
         ARGUMENTS(OPTION("--null"), OPTION("--batch"), OPTION("--counts")), 2, 0, true);
    cost("ublk, memory", ARGUMENTS(OPTION("--ram"), OPTION("16M"), OPTION("--counts")), 1, 1,
         false);
    cost("ublk, memory, in batches",
         ARGUMENTS(OPTION("--ram"), OPTION("16M"), OPTION("--batch"), OPTION("--counts")), 2, 1,
         true);
    cost("ublk, memory, without a copy",
         ARGUMENTS(OPTION("--ram"), OPTION("16M"), OPTION("--zero-copy"), OPTION("--counts")), 2, 0,
         true);
    make_file();
    cost("ublk, a file", ARGUMENTS(OPTION("--file"), file, OPTION("--counts")), 2, 0, false);
    cost("ublk, a file, without a copy",
         ARGUMENTS(OPTION("--file"), file, OPTION("--zero-copy"), OPTION("--counts")), 2, 0, true);
}

static bool set(const char *directory, const char *name, const char *value)
{
    char path[400];
    bool done;
    int fd;

    snprintf(path, sizeof(path), "%s/%s", directory, name);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    done = fd >= 0 && write(fd, value, strlen(value)) > 0;
    if (fd >= 0)
        close(fd);
    return done;
}

/* A disk of the driver null_blk: of nothing or of memory. */
static void beside_null_blk(const char *name, const char *memory)
{
    char place[300], device[340], path[64], index[16] = "";
    FILE *file_of_index;

    snprintf(place, sizeof(place), "%s/disk-config-%d", scratch, (int)getpid());
    snprintf(device, sizeof(device), "%s/nullb/rota", place);
    mkdir(place, 0700);
    if (mount("none", place, "configfs", 0, "") < 0 || mkdir(device, 0700) < 0) {
        skip(1, "%s: there is no null_blk", name);
    } else {
        bool made = set(device, "size", "16") && set(device, "memory_backed", memory) &&
                    set(device, "power", "1");

        snprintf(path, sizeof(path), "/dev/rota"); /* newer kernels name the disk as we do */
        if (access(path, F_OK) < 0) {
            char index_path[400];

            snprintf(index_path, sizeof(index_path), "%s/index", device);
            file_of_index = fopen(index_path, "r");
            if (!file_of_index || !fgets(index, sizeof(index), file_of_index))
                made = false;
            if (file_of_index)
                fclose(file_of_index);
            snprintf(path, sizeof(path), "/dev/nullb%d", atoi(index));
        }
        if (ok(made, "%s: a disk", name))
            measure(name, path);
        rmdir(device);
    }
    umount2(place, 0);
    rmdir(place);
}

static int memory_file(void)
{
    int fd = memfd_create("disk", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, BYTES) < 0)
        bail("no file in memory: %s", strerror(errno));
    return fd;
}

static void beside_loop(void)
{
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC), number = -1, memory, loop;
    char path[64];

    if (control >= 0) {
        number = ioctl(control, LOOP_CTL_GET_FREE);
        close(control);
    }
    snprintf(path, sizeof(path), "/dev/loop%d", number);
    loop = number < 0 ? -1 : open(path, O_RDWR | O_CLOEXEC);
    memory = memory_file();
    if (loop < 0 || ioctl(loop, LOOP_SET_FD, memory) < 0) {
        skip(1, "loop, memory: there is no loop device");
    } else {
        measure("loop, memory", path);
        ioctl(loop, LOOP_CLR_FD, 0);
    }
    close(memory);
    if (loop >= 0)
        close(loop);
}

/* The smallest server of the protocol: one request after the other. */
static void serve_nbd(int connection)
{
    static char memory[MAX_BYTES];
    int target = memory_file();

    for (;;) {
        struct nbd_request request;
        struct nbd_reply reply = {.magic = htonl(NBD_REPLY_MAGIC)};
        struct iovec parts[2] = {{&reply, sizeof(reply)}, {memory, 0}};
        uint32_t length;

        if (recv(connection, &request, sizeof(request), MSG_WAITALL) != sizeof(request) ||
            ntohl(request.type) != NBD_CMD_READ)
            _exit(0);
        length = ntohl(request.len);
        memcpy(&reply.handle, &request.handle, sizeof(reply.handle));
        if (length > sizeof(memory) ||
            pread(target, memory, length, (off_t)be64toh(request.from)) != (ssize_t)length)
            reply.error = htonl(EIO);
        else
            parts[1].iov_len = length;
        if (writev(connection, parts, 2) < 0)
            _exit(1);
    }
}

static void beside_nbd(void)
{
    int ends[2], disk = open("/dev/nbd0", O_RDWR | O_CLOEXEC);
    pid_t server, device;
    uint64_t size = 0;

    if (disk < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, ends) < 0) {
        skip(1, "nbd, memory: there is no nbd");
        return;
    }
    fflush(stdout);
    server = fork();
    if (!server) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(disk);
        close(ends[0]);
        serve_nbd(ends[1]);
    }
    close(ends[1]);
    if (ioctl(disk, NBD_SET_BLKSIZE, (unsigned long)BLOCK) < 0 ||
        ioctl(disk, NBD_SET_SIZE_BLOCKS, (unsigned long)(BYTES / BLOCK)) < 0 ||
        ioctl(disk, NBD_SET_SOCK, (unsigned long)ends[0]) < 0)
        bail("no disk of nbd: %s", strerror(errno));
    device = fork();
    if (!device) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        ioctl(disk, NBD_DO_IT);
        _exit(0);
    }
    for (int i = 0; i < 3000 && !size; i++) {
        ioctl(disk, BLKGETSIZE64, &size);
        usleep(10000);
    }
    measure("nbd, memory", "/dev/nbd0");
    ioctl(disk, NBD_DISCONNECT);
    close(ends[0]);
    waitpid(device, NULL, 0);
    close(disk);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

int main(void)
{
    const char *place = getenv("TMPDIR");
    struct device d;
    int ret = open_control(&d);

    if (ret < 0)
        skip_all("/dev/ublk-control: %s", reason(ret));
    close_control(&d);
    snprintf(scratch, sizeof(scratch), "%.150s", place ? place : "/tmp");
    costs_of_servers();
    beside_null_blk("null_blk, nothing", "0");
    beside_null_blk("null_blk, memory", "1");
    beside_loop();
    beside_nbd();
    if (have("mkfs.ext4", "e2fsprogs", "-V") && have("e2fsck", "e2fsprogs", "-V"))
        file_systems();
    if (have("fio", "fio", "--version")) {
        by_fio();
        killed("a file", NULL, false);
        killed("a file without a copy", OPTION("--zero-copy"), true);
        goes("SIGINT under load", SIGINT);
        goes("SIGTERM under load", SIGTERM);
        goes("deletion under load", 0);
    }
    full();
    hundred();
    unlink(file);
    return done();
}
