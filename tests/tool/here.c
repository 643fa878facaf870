/* SPDX-License-Identifier: MIT */
/*
 * The commands that ask the kernel, on whatever kernel this is: probe and
 * doctor as they are, without a descriptor left, and with no memory to lock;
 * and what top asks of a ring that is busy.
 * In a guest of tests/vm, which has a sysctl of its own, also with
 * kernel.io_uring_disabled at 1 and 2.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <rota.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tap.h"
#include "tool/tool.h"
#include "tool/trace/guess.h"

#define NOBODY   65534
#define GROUP    4321
#define DISABLED "/proc/sys/kernel/io_uring_disabled"
#define FOR      "/proc/sys/kernel/io_uring_group"

static char output[1 << 18];

/* Runs a command in a child that `prepare` has changed, NULL for none; its status. */
static int run(int (*command)(int, char **), void (*prepare)(void), const char *first,
               const char *second)
{
    char *argv[] = {(char *)"rota", (char *)first, (char *)second, NULL};
    size_t length = 0;
    int ends[2], status;
    ssize_t got;
    pid_t child;

    output[0] = '\0';
    fflush(stdout);
    if (pipe(ends))
        bail("pipe: %s", strerror(errno));
    child = fork();
    if (child < 0)
        bail("fork: %s", strerror(errno));
    if (!child) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
        if (prepare)
            prepare();
        status = command(second ? 3 : first ? 2 : 1, argv);
        fflush(stdout);
        _exit(status);
    }
    close(ends[1]);
    while ((got = read(ends[0], output + length, sizeof(output) - 1 - length)) > 0)
        length += (size_t)got;
    output[length] = '\0';
    close(ends[0]);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The verdict of a check in doctor's JSON, as "blocked". */
static const char *verdict_of(const char *check)
{
    static char verdict[16];
    char key[64];
    const char *at;

    verdict[0] = '\0';
    snprintf(key, sizeof(key), "\"name\": \"%s\",", check);
    at = strstr(output, key);
    at = at ? strstr(at, "\"verdict\": \"") : NULL;
    if (at)
        sscanf(at, "\"verdict\": \"%15[a-z]", verdict);
    return verdict;
}

static bool says(const char *text)
{
    return strstr(output, text) != NULL;
}

static void limit(int resource, rlim_t value)
{
    struct rlimit limits = {value, value};

    /* libc's function wants an enum with one compiler and an int with another. */
    if (syscall(SYS_prlimit64, 0, resource, &limits, NULL))
        _exit(99);
}

static void become_nobody(void)
{
    if (!geteuid() && (setgroups(0, NULL) || setgid(NOBODY) || setuid(NOBODY)))
        _exit(99);
}

static void join_group(void)
{
    const gid_t group = GROUP;

    if (setgroups(1, &group) || setgid(NOBODY) || setuid(NOBODY))
        _exit(99);
}

static void no_descriptor(void)
{
    for (int fd = 3; fd < 64; fd++)
        close(fd);
    limit(RLIMIT_NOFILE, 3);
}

static void no_memory(void)
{
    limit(RLIMIT_MEMLOCK, 0);
    become_nobody();
}

static void test_probe(void)
{
    is_int(run(probe_main, NULL, "--all", "--json"), STATUS_OK, "probe --all --json works");
    ok(says("\"name\": \"NOP\",\n      \"has\": \"yes\""), "the kernel has NOP");
    ok(says("\"name\": \"IORING_FEAT_SINGLE_MMAP\",\n      \"has\": \"yes\""),
       "and the feature that every supported kernel has");
    is_int(run(probe_main, NULL, "NOP", "READV"), STATUS_OK, "probe NOP READV: status 0");
    ok(says("Request opcodes: 2 of 2\n"), "both are counted");
    is_int(run(probe_main, NULL, "--missing", NULL), STATUS_OK, "probe --missing works");
    ok(!says("  no   NOP "), "NOP is not missing");
    is_int(run(probe_main, NULL, "NO_SUCH_THING", NULL), STATUS_USAGE, "an unknown name: status 2");
}

static void test_doctor(void)
{
    is_int(run(doctor_main, NULL, NULL, NULL), STATUS_OK, "doctor: a ring can be made");
    ok(says("A ring can be made here.\n"), "it says so");
    ok(says("\n  single owner   yes") && says("\n  shared         yes"), "two profiles work");
    ok(!says("IN THE WAY"), "nothing is in the way");
    is_int(run(doctor_main, become_nobody, "--json", NULL), STATUS_OK, "nobody can make one, too");

    is_int(run(doctor_main, no_descriptor, "--json", NULL), STATUS_NO,
           "no descriptor is left: status 1");
    ok(says("\"error\": \"EMFILE\""), "the error is EMFILE");
    is_str(verdict_of("nofile"), "blocked", "nofile is in the way");
    is_str(verdict_of("sysctl"), "ok", "the sysctl is not");

    /* Whether rings count against the limit depends on the kernel; both are told. */
    if (run(doctor_main, no_memory, "--json", NULL) == STATUS_OK) {
        is_str(verdict_of("memlock"), "warning", "no memory to lock: a warning");
        ok(says("0 bytes for all registered buffers"), "it was tried with a buffer");
    } else {
        is_str(verdict_of("memlock"), "blocked", "no memory to lock: that is in the way");
        ok(says("\"error\": \"ENOMEM\""), "the error is ENOMEM");
    }
}

static bool write_to(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool written;

    if (fd < 0)
        return false;
    written = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
    close(fd);
    return written;
}

#define SYSCTL_CHECKS 16

static void test_sysctl(void)
{
    /* It is global to a machine, and other tests run on this one. */
    if (access("/plan", F_OK) || access("/programs", F_OK) || geteuid()) {
        skip(SYSCTL_CHECKS, "kernel.io_uring_disabled is changed in guests of tests/vm only");
        return;
    }
    if (access(DISABLED, F_OK)) {
        skip(SYSCTL_CHECKS, "this kernel has no kernel.io_uring_disabled (6.6)");
        return;
    }
    ok(write_to(DISABLED, "1"), "kernel.io_uring_disabled is set to 1");
    is_int(run(doctor_main, NULL, "--json", NULL), STATUS_OK, "1: root can make a ring");
    ok(says("this process has the capability"), "1: doctor knows why");
    is_int(run(doctor_main, become_nobody, "--json", NULL), STATUS_NO, "1: nobody cannot");
    ok(says("\"error\": \"EPERM\""), "1: the error is EPERM");
    is_str(verdict_of("sysctl"), "blocked", "1: the sysctl is in the way");
    ok(says("no group is set; this process has neither"), "1: what is missing");
    ok(write_to(FOR, "4321"), "kernel.io_uring_group is set");
    is_int(run(doctor_main, join_group, "--json", NULL), STATUS_OK, "1: a member can");
    ok(says("this process is in the group"), "1: doctor knows why");
    is_int(run(doctor_main, become_nobody, "--json", NULL), STATUS_NO, "1: others cannot");
    is_str(verdict_of("sysctl"), "blocked", "1: the sysctl is in their way");

    ok(write_to(DISABLED, "2"), "kernel.io_uring_disabled is set to 2");
    is_int(run(doctor_main, NULL, "--json", NULL), STATUS_NO, "2: root cannot make a ring");
    is_str(verdict_of("sysctl"), "blocked", "2: the sysctl is in the way");
    ok(write_to(DISABLED, "0") && write_to(FOR, "-1"), "both are set back");
}

static uint32_t busy_end;

/* Is inside the ring for some part of the time, and leaves it between. */
static void *keep_busy(void *arg)
{
    const struct timespec pause = {.tv_nsec = 50000};
    struct rota_ring *ring = arg;

    while (!__atomic_load_n(&busy_end, __ATOMIC_RELAXED)) {
        unsigned head, taken = 0;
        struct io_uring_cqe *cqe;

        for (unsigned i = 0; i < 64; i++)
            rota_prep_nop(rota_get_sqe(ring));
        if (rota_submit(ring) != 64)
            break;
        rota_for_each_cqe (ring, head, cqe)
            taken++;
        rota_cq_advance(ring, taken);
        nanosleep(&pause, NULL);
    }
    return NULL;
}

static bool is_past(const struct timespec *end)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec > end->tv_nsec);
}

/* What /proc tells of a ring is not told while the ring is locked: it is asked again. */
static void test_busy_ring(void)
{
    struct ring_facts facts;
    struct rota_ring ring;
    struct timespec end;
    unsigned missed = 0;
    pthread_t thread;

    if (rota_queue_init(64, &ring, 0) < 0) /* for any thread */
        bail("a ring of 64 entries");
    if (!ring_facts(getpid(), ring.ring_fd, &facts)) {
        skip(1, "this kernel does not tell the sizes of a ring");
        rota_queue_exit(&ring);
        return;
    }
    if (pthread_create(&thread, NULL, keep_busy, &ring))
        bail("a thread");
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec++;
    for (unsigned i = 0; i < 20000 && !is_past(&end); i++)
        missed += !ring_facts(getpid(), ring.ring_fd, &facts) || facts.sq_entries != 64;
    __atomic_store_n(&busy_end, 1, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);
    is_int(missed, 0, "a busy ring is seen each time");
    rota_queue_exit(&ring);
}

int main(void)
{
    struct rota_ring ring;
    int ret = rota_init(&ring, 1, NULL);

    if (ret < 0)
        skip_all("no ring can be made here: %s", strerror(-ret));
    rota_queue_exit(&ring);
    test_busy_ring();
    test_probe();
    test_doctor();
    test_sysctl();
    return done();
}
