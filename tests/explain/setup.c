/* SPDX-License-Identifier: MIT */
/*
 * Why there is no ring: the check of the arguments against the kernel, over
 * random flags and sizes in both directions, and the situations that forbid a
 * ring, each made real in a process of its own.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "differential.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define SEED  UINT64_C(0x7e7)
#define COUNT 4000

/*
 * As an unprivileged user fewer: some kernels count the memory of rings against
 * RLIMIT_MEMLOCK, and are slow to give it back.
 */
#define COUNT_UNPRIVILEGED 200

static struct rota_caps caps;

/*
 * Arguments
 */

static void disagree(unsigned entries, const struct io_uring_params *p, int ret,
                     const struct rota_finding *findings, int count)
{
    char text[400];

    rota_params_format(p, text, sizeof(text));
    diag("entries %u %s: kernel %d", entries, text, ret);
    for (int i = 0; i < count && i < 4; i++)
        diag("  check: %s", findings[i].text);
}

static void random_params(struct dice *dice, struct io_uring_params *p, unsigned *entries)
{
    static const unsigned sizes[] = {0, 1, 2, 3, 8, 33, 64, 32768, 32769, 65536, 1U << 31};

    memset(p, 0, sizeof(*p));
    for (unsigned n = dice_below(dice, 5); n; n--)
        p->flags |= 1U << dice_below(dice, 24);
    /* Some need each other. */
    if (dice_below(dice, 2) && (p->flags & IORING_SETUP_DEFER_TASKRUN))
        p->flags |= IORING_SETUP_SINGLE_ISSUER;
    if (dice_below(dice, 2) && (p->flags & IORING_SETUP_TASKRUN_FLAG))
        p->flags |= IORING_SETUP_COOP_TASKRUN;
    /* Memory of ours, and the threads and processors of this machine, are another matter. */
    p->flags &= ~(uint32_t)(IORING_SETUP_NO_MMAP | IORING_SETUP_ATTACH_WQ);
    if (p->flags & IORING_SETUP_SQ_AFF)
        p->sq_thread_cpu = (uint32_t)sched_getcpu();
    *entries = dice_below(dice, 4) ? 1 + dice_below(dice, 8)
                                   : sizes[dice_below(dice, sizeof(sizes) / sizeof(sizes[0]))];
    p->cq_entries =
        dice_below(dice, 4) ? 16 : sizes[dice_below(dice, sizeof(sizes) / sizeof(sizes[0]))];
    if (!dice_below(dice, 20))
        p->resv[dice_below(dice, 3)] = 1;
}

static void arguments(void)
{
    struct dice dice = {SEED};
    unsigned agreed = 0, made = 0, refused = 0;
    unsigned rounds = geteuid() ? COUNT_UNPRIVILEGED : COUNT;

    for (unsigned i = 0; i < rounds; i++) {
        struct rota_finding findings[4];
        struct io_uring_params p, copy;
        bool foretold = false;
        unsigned entries;
        int count, ret;

        random_params(&dice, &p, &entries);
        /* Large rings take long to make, and what they lack is memory. */
        if ((p.flags & IORING_SETUP_CLAMP) && (entries > 64 || p.cq_entries > 64))
            p.flags &= ~(uint32_t)IORING_SETUP_CLAMP;
        copy = p;
        count = rota_params_check(entries, &p, &caps, findings, 4);
        ret = rota_sys_setup(entries, &copy);
        if (ret >= 0)
            close(ret);
        if (ret == -ENOMEM) {
            agreed++; /* nothing is wrong with the arguments */
            continue;
        }
        for (int k = 0; k < count && k < 4; k++)
            foretold |= findings[k].error == ret;
        if (ret >= 0 ? !count : foretold)
            agreed++;
        else
            disagree(entries, &p, ret, findings, count);
        made += ret >= 0;
        refused += ret < 0;
    }
    is_int(agreed, rounds, "check and kernel agree on the arguments of %u set-ups", rounds);
    diag("seed %#" PRIx64 ": %u made, %u refused", SEED, made, refused);
    /* What an unprivileged user may lock is soon used up. */
    ok(made > rounds / 100 && refused > rounds / 100, "of both kinds there were enough");
}

static void sentence(unsigned entries, const struct io_uring_params *p, const char *expected)
{
    struct rota_finding finding;

    is_int(rota_params_check(entries, p, NULL, &finding, 1) > 0, 1, "found: %s", expected);
    is_str(finding.text, expected, "the sentence");
}

static void sentences(void)
{
    struct io_uring_params p;

    memset(&p, 0, sizeof(p));
    sentence(0, &p, "entries is 0; it must be 1 to 32768");
    sentence(40000, &p, "entries is 40000; it must be 1 to 32768, or set IORING_SETUP_CLAMP");
    p.flags = IORING_SETUP_DEFER_TASKRUN;
    sentence(1, &p, "IORING_SETUP_DEFER_TASKRUN needs IORING_SETUP_SINGLE_ISSUER");
    p.flags = IORING_SETUP_TASKRUN_FLAG;
    sentence(1, &p,
             "IORING_SETUP_TASKRUN_FLAG needs one of "
             "IORING_SETUP_COOP_TASKRUN|IORING_SETUP_DEFER_TASKRUN");
    p.flags = IORING_SETUP_COOP_TASKRUN | IORING_SETUP_SQPOLL;
    sentence(1, &p, "IORING_SETUP_COOP_TASKRUN excludes IORING_SETUP_SQPOLL");
    p.flags = IORING_SETUP_CQSIZE;
    p.cq_entries = 4;
    sentence(8, &p, "cq_entries is 4; it must not be less than entries, which is 8");
    p.flags = 1U << 31;
    sentence(1, &p, "flags has 0x80000000, which means nothing; leave it out");
    p.flags = 0;
    p.resv[1] = 1;
    sentence(1, &p, "resv must be 0; clear the whole structure before it is filled");
    is_int(rota_params_check(1, NULL, NULL, NULL, 0), -EINVAL, "no parameters is EINVAL");
    is_int(rota_params_check(1, &p, NULL, NULL, 1), -EINVAL, "so is no room");
}

/*
 * Situations
 */

enum {
    DONE,
    CANNOT
};

/* Runs `situation` in a child, which says whether the text that it gets is right. */
static void apart(const char *name, int (*situation)(char *text, size_t size, const char **wanted))
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        bail("fork: %s", strerror(errno));
    if (!child) {
        const char *wanted = "";
        char text[4096] = "";

        if (situation(text, sizeof(text), &wanted) == CANNOT)
            _exit(77);
        if (strstr(text, wanted))
            _exit(0);
        diag("%s", text);
        fflush(stdout);
        _exit(1);
    }
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip(1, "%s: it cannot be made real here", name);
    else
        ok(WIFEXITED(status) && !WEXITSTATUS(status), "%s is explained", name);
}

static int nothing_wrong(char *text, size_t size, const char **wanted)
{
    int ret = 1;

    *wanted = "a ring can be made here";
    rota_setup_explain(&ret, text, size);
    return ret == 0 ? DONE : CANNOT;
}

static int deny(int error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 425, 0, 1), /* io_uring_setup */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int filtered(char *text, size_t size, const char **wanted)
{
    int ret;

    *wanted = "1. likely: a seccomp filter is set on this thread";
    if (deny(EPERM))
        return CANNOT;
    rota_setup_explain(&ret, text, size);
    return ret == -EPERM ? DONE : CANNOT;
}

static int filtered_silently(char *text, size_t size, const char **wanted)
{
    int ret;

    *wanted = "set-up: -38 ENOSYS: the kernel lacks it\n 1. likely: a seccomp filter";
    if (deny(ENOSYS))
        return CANNOT;
    rota_setup_explain(&ret, text, size);
    return ret == -ENOSYS ? DONE : CANNOT;
}

/* What a program can do about it itself, where io_uring is refused, and there only. */
static int way_out(char *text, size_t size, const char **wanted)
{
    int ret;

    *wanted = "\n    or fall back on the emulated kernel: rota_config_fall_back(), "
              "<rota/emulate.h>";
    rota_explain_setup(1, NULL, -EMFILE, text, size);
    if (strstr(text, "emulated"))
        return DONE; /* which is not what was wanted */
    if (deny(EPERM))
        return CANNOT;
    rota_setup_explain(&ret, text, size);
    return ret == -EPERM ? DONE : CANNOT;
}

/* A file in place of one of /proc/sys, for this process alone. */
static int stand_in(const char *path, const char *content)
{
    char name[] = "/tmp/rota-sysctl-XXXXXX";
    int fd = mkstemp(name), ret;

    if (fd < 0)
        return -1;
    ret = write(fd, content, strlen(content)) < 0 || fchmod(fd, 0644) ||
          mount(name, path, NULL, MS_BIND, NULL);
    close(fd);
    unlink(name);
    return ret;
}

static int own_mounts(void)
{
    return unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

static int switched_off(char *text, size_t size, const char **wanted)
{
    *wanted = "1. certain: kernel.io_uring_disabled is 2: nobody may make a ring on this system "
              "-> sysctl kernel.io_uring_disabled=0";
    if (own_mounts() || stand_in("/proc/sys/kernel/io_uring_disabled", "2\n"))
        return CANNOT;
    rota_explain_setup(8, NULL, -EPERM, text, size);
    return DONE;
}

static int for_a_group(char *text, size_t size, const char **wanted)
{
    *wanted = "1. certain: kernel.io_uring_disabled is 1: only processes with CAP_SYS_ADMIN or in "
              "group 4711 may make a ring -> join that group";
    if (own_mounts() || stand_in("/proc/sys/kernel/io_uring_disabled", "1\n") ||
        stand_in("/proc/sys/kernel/io_uring_group", "4711\n"))
        return CANNOT;
    rota_explain_setup(8, NULL, -EPERM, text, size);
    return DONE;
}

static int for_our_group(char *text, size_t size, const char **wanted)
{
    char group[16];

    *wanted = "1. possible: a security module";
    (void)snprintf(group, sizeof(group), "%d\n", (int)getegid());
    if (own_mounts() || stand_in("/proc/sys/kernel/io_uring_disabled", "1\n") ||
        stand_in("/proc/sys/kernel/io_uring_group", group))
        return CANNOT;
    rota_explain_setup(8, NULL, -EPERM, text, size);
    return DONE;
}

static int no_descriptor(char *text, size_t size, const char **wanted)
{
    struct rlimit limit = {3, 3};
    int ret;

    *wanted = "1. certain: the process may have 3 descriptors (RLIMIT_NOFILE), and has all of them";
    if (setrlimit(RLIMIT_NOFILE, &limit))
        return CANNOT;
    rota_setup_explain(&ret, text, size);
    return ret == -EMFILE ? DONE : CANNOT;
}

/* A kernel that has memory for small rings only. */
static int deny_large(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 425, 0, 3), /* io_uring_setup */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) +
                                               (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? 4 : 0)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 32768, 0, 1), /* entries */
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static int too_large(char *text, size_t size, const char **wanted)
{
    *wanted = "1. certain: a ring with 1 entry can be made here, one with 32768 cannot";
    if (deny_large())
        return CANNOT;
    rota_explain_setup(32768, NULL, -ENOMEM, text, size);
    /* Where the memory of rings is counted, the limit may be it as well, and comes first. */
    if (strstr(text, "1. likely: RLIMIT_MEMLOCK"))
        *wanted = "2. likely: a ring with 1 entry can be made here, one with 32768 cannot";
    return DONE;
}

/* The library says ENOMEM, too: not because of the size of the ring. */
static int too_little_given(char *text, size_t size, const char **wanted)
{
    static unsigned char memory[ROTA_MEMORY_ALIGN] __attribute__((aligned(ROTA_MEMORY_ALIGN)));
    struct rota_config config;
    struct rota_ring ring;
    int ret;

    *wanted = "1. likely: a plain ring with 8 entries can be made here now: the memory given";
    rota_config_plain(&config);
    config.memory = memory;
    config.memory_size = 100;
    ret = rota_init(&ring, 8, &config);
    rota_explain_setup(8, NULL, ret, text, size);
    return ret == -ENOMEM ? DONE : CANNOT;
}

static int wrong_config(char *text, size_t size, const char **wanted)
{
    struct rota_config config;
    struct rota_ring ring;
    int ret;

    *wanted = "possible: of a rota_config, an option is unknown";
    rota_config_plain(&config);
    config.options = 0x80;
    ret = rota_init(&ring, 8, &config);
    rota_explain_setup(8, NULL, ret, text, size);
    return ret == -EINVAL ? DONE : CANNOT;
}

static int little_memory(char *text, size_t size, const char **wanted)
{
    struct rlimit limit = {4096, 4096}; /* less than the smallest ring takes */

    *wanted = "likely: RLIMIT_MEMLOCK is 4096 bytes";
    if (setrlimit(RLIMIT_MEMLOCK, &limit))
        return CANNOT;
    rota_explain_setup(1, NULL, -ENOMEM, text, size);
    return DONE;
}

static int conflict(char *text, size_t size, const char **wanted)
{
    struct io_uring_params p;
    int ret;

    *wanted = "certain: IORING_SETUP_DEFER_TASKRUN excludes IORING_SETUP_SQPOLL";
    memset(&p, 0, sizeof(p));
    p.flags = IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_SQPOLL;
    ret = rota_sys_setup(1, &p);
    rota_explain_setup(1, &p, ret, text, size);
    return ret == -EINVAL ? DONE : CANNOT;
}

static int too_old(char *text, size_t size, const char **wanted)
{
    struct io_uring_params p;
    int ret;

    *wanted = "certain: this kernel has no IORING_SETUP_SQ_REWIND (first in 7.0)";
    memset(&p, 0, sizeof(p));
    p.flags = IORING_SETUP_SQ_REWIND | IORING_SETUP_NO_SQARRAY;
    ret = rota_sys_setup(1, &p);
    rota_explain_setup(1, &p, ret, text, size);
    return ret == -EINVAL ? DONE : CANNOT;
}

static int no_such_ring(char *text, size_t size, const char **wanted)
{
    struct io_uring_params p;
    int ret;

    *wanted = "certain: wq_fd is not an open descriptor";
    memset(&p, 0, sizeof(p));
    p.flags = IORING_SETUP_ATTACH_WQ;
    p.wq_fd = 1000;
    ret = rota_sys_setup(1, &p);
    rota_explain_setup(1, &p, ret, text, size);
    return ret < 0 ? DONE : CANNOT;
}

/* A ring whose threads another one may share, but not the polling thread that it lacks. */
static int share_no_thread(char *text, size_t size, const char **wanted)
{
    struct io_uring_params p;
    struct rota_ring plain;
    int ret = rota_queue_init(1, &plain, 0);

    *wanted = "certain: the ring in wq_fd has no polling thread to share, as IORING_SETUP_SQPOLL "
              "asks for";
    if (ret < 0)
        return CANNOT;
    memset(&p, 0, sizeof(p));
    p.flags = IORING_SETUP_ATTACH_WQ | IORING_SETUP_SQPOLL;
    p.wq_fd = (__u32)plain.ring_fd;
    ret = rota_sys_setup(1, &p);
    rota_explain_setup(1, &p, ret, text, size);
    return ret == -EINVAL && !strstr(text, "no ring") ? DONE : CANNOT;
}

int main(void)
{
    sentences();
    apart("a ring that can be made", nothing_wrong);
    apart("a filter that answers EPERM", filtered);
    apart("a filter that answers ENOSYS", filtered_silently);
    apart("the program's own way out", way_out);
    apart("the sysctl at 2", switched_off);
    apart("the sysctl at 1", for_a_group);
    apart("the sysctl at 1 with our own group", for_our_group);
    apart("a process without a free descriptor", no_descriptor);
    apart("a ring that is too large", too_large);
    apart("memory of our own that is too small", too_little_given);
    apart("a member of the configuration that makes no sense", wrong_config);
    apart("a small limit on locked memory", little_memory);
    apart("flags that exclude each other", conflict);
    apart("a flag that the kernel lacks", too_old);
    apart("a ring to share with that there is not", no_such_ring);
    apart("a ring to share with that has no such thread", share_no_thread);
    if (rota_caps_get(&caps, NULL) < 0)
        skip(2, "no ring can be made here");
    else
        arguments();
    return done();
}
