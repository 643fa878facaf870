/* SPDX-License-Identifier: MIT */
/* Limits that programs with rings run into: locked memory, descriptors, polling queues. */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <rota.h>
#include <rota/explain.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "tool/doctor.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

/* Rings that were taken down give their memory back some time later. */
#define TRIES    50
#define PAUSE_NS 10000000

/* What kernels since 5.16 give by default. */
#define USUAL_MEMLOCK (8 * MIB)
/* What a server with a descriptor per connection soon has. */
#define USUAL_NOFILE 1024
/* Limits above are believed; pinning more for a trial would take its time. */
#define MOST_TRIED (64 * MIB)

static const char *size_name(uint64_t size)
{
    static char names[4][32];
    static unsigned next;
    char *name = names[next++ % 4];

    if (size >= MIB && size % MIB == 0)
        snprintf(name, sizeof(names[0]), "%" PRIu64 " MiB", size / MIB);
    else if (size >= KIB && size % KIB == 0)
        snprintf(name, sizeof(names[0]), "%" PRIu64 " KiB", size / KIB);
    else
        snprintf(name, sizeof(names[0]), "%" PRIu64 " bytes", size);
    return name;
}

int make_ring(struct rota_ring *ring, unsigned entries, const struct rota_config *config)
{
    const struct timespec pause = {0, PAUSE_NS};
    int ret = rota_init(ring, entries, config);

    for (int i = 0; i < TRIES && ret == -ENOMEM; i++) {
        nanosleep(&pause, NULL);
        ret = rota_init(ring, entries, config);
    }
    return ret;
}

/*
 * Registers a buffer of that size with a ring: what becomes of it. False when
 * there was no ring to try it with.
 */
static bool try_buffer(size_t size, int *ret)
{
    struct rota_config config;
    struct rota_ring ring;
    struct iovec buffer;
    void *memory;
    bool tried;

    memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return false;
    rota_config_plain(&config);
    tried = !make_ring(&ring, 1, &config);
    if (tried) {
        buffer.iov_base = memory;
        buffer.iov_len = size;
        *ret = rota_register_buffers(&ring, &buffer, 1);
        rota_queue_exit(&ring);
    }
    munmap(memory, size);
    return tried;
}

static void advise_memlock(struct check *check, const struct rlimit *limit)
{
    if (limit->rlim_max > limit->rlim_cur && limit->rlim_max == RLIM_INFINITY)
        advise(check, "ulimit -l unlimited. ");
    else if (limit->rlim_max > limit->rlim_cur)
        advise(check, "ulimit -l %" PRIu64 " (more needs root). ", (uint64_t)limit->rlim_max / KIB);
    advise(check, "For a service: LimitMEMLOCK=infinity; for a user: USER - memlock unlimited in "
                  "/etc/security/limits.conf; for a container: --ulimit memlock=-1.");
}

static int try_entries(unsigned entries, bool patient)
{
    struct rota_config config;
    struct rota_ring ring;
    int ret;

    rota_config_plain(&config);
    ret = patient ? make_ring(&ring, entries, &config) : rota_init(&ring, entries, &config);
    if (!ret)
        rota_queue_exit(&ring);
    return ret;
}

/*
 * Whether the memory of rings counts against the limit: with a limit of nothing
 * no ring can be made then. If so, for how many entries the limit is good.
 */
static void say_rings(struct check *check, int ret, const struct rlimit *limit)
{
    struct rlimit none = {0, limit->rlim_max};
    unsigned entries = 32768;
    int without;

    if (ret < 0 || setrlimit(RLIMIT_MEMLOCK, &none))
        return;
    without = try_entries(1, true);
    if (setrlimit(RLIMIT_MEMLOCK, limit))
        return;
    if (!without) {
        say(check, "; rings of this process do not count against it: tried");
        return;
    }
    while (entries > 1 && try_entries(entries, false) < 0)
        entries /= 2;
    say(check, "; rings count against it here, and one may now have %u entries: tried", entries);
}

void check_memlock(struct checks *checks, int ret)
{
    struct check *check = add_check(checks, "memlock", VERDICT_OK);
    struct rlimit limit;
    size_t more;
    int tried = 0;

    if (getrlimit(RLIMIT_MEMLOCK, &limit)) {
        say(check, "RLIMIT_MEMLOCK cannot be read: %s", strerror(errno));
        return;
    }
    if (limit.rlim_cur == RLIM_INFINITY) {
        say(check, "no limit");
        say_rings(check, ret, &limit);
        return;
    }
    say(check, "%s", size_name(limit.rlim_cur));
    if (ret == -ENOMEM) {
        check->verdict = VERDICT_BLOCKED;
        say(check, ", and this kernel counts the memory of rings against it, for all processes of "
                   "the user");
        advise_memlock(check, &limit);
        return;
    }
    if (ret < 0)
        return;
    if (limit.rlim_cur > MOST_TRIED) {
        say_rings(check, ret, &limit);
        return;
    }
    more = (size_t)limit.rlim_cur + (size_t)sysconf(_SC_PAGESIZE);
    if (!try_buffer(more, &tried))
        return;
    if (!tried) {
        say(check, ", but this process may exceed it (CAP_IPC_LOCK): tried");
        say_rings(check, ret, &limit);
        return;
    }
    check->verdict = limit.rlim_cur < USUAL_MEMLOCK ? VERDICT_WARNING : VERDICT_NOTE;
    say(check, " for all registered buffers of this user together; tried: registering %s gives %s",
        size_name(more), rota_error_name(tried) ? rota_error_name(tried) : "an unknown error");
    say_rings(check, ret, &limit);
    advise_memlock(check, &limit);
}

static unsigned count_open(void)
{
    DIR *directory = opendir("/proc/self/fd");
    const struct dirent *found;
    unsigned count = 0;

    if (!directory)
        return 0;
    while ((found = readdir(directory)))
        count += found->d_name[0] != '.';
    closedir(directory);
    return count ? count - 1 : 0; /* the directory itself */
}

void check_nofile(struct checks *checks, int ret)
{
    struct check *check = add_check(checks, "nofile", VERDICT_OK);
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit)) {
        say(check, "RLIMIT_NOFILE cannot be read: %s", strerror(errno));
        return;
    }
    say(check,
        "%" PRIu64 " descriptors (hard limit %" PRIu64 "), %u open; a ring's file table may have "
        "as many slots",
        (uint64_t)limit.rlim_cur, (uint64_t)limit.rlim_max, count_open());
    if (ret == -EMFILE)
        check->verdict = VERDICT_BLOCKED;
    else if (limit.rlim_cur <= USUAL_NOFILE)
        check->verdict = limit.rlim_cur < USUAL_NOFILE ? VERDICT_WARNING : VERDICT_NOTE;
    if (check->verdict == VERDICT_OK)
        return;
    if (limit.rlim_max > limit.rlim_cur)
        advise(check, "ulimit -n %" PRIu64 ", or setrlimit(2) in the program. ",
               (uint64_t)limit.rlim_max);
    advise(check, "For a service: LimitNOFILE=; for a user: nofile in /etc/security/limits.conf.");
}

/* The number in a file below /sys; -1 when there is none. */
static long read_number(const char *path)
{
    FILE *file = fopen(path, "re");
    long number;

    if (!file)
        return -1;
    if (fscanf(file, "%ld", &number) != 1)
        number = -1;
    fclose(file);
    return number;
}

/* Whether block devices are of that driver, by the beginning of their names. */
static bool is_named(const char *name, const char *start)
{
    return !strncmp(name, start, strlen(start));
}

void check_poll_queues(struct checks *checks)
{
    struct check *check = add_check(checks, "poll queues", VERDICT_OK);
    DIR *directory = opendir("/sys/block");
    const struct dirent *found;
    bool nvme = false, virtio = false;
    unsigned count = 0;
    char path[320];

    while (directory && (found = readdir(directory))) {
        if (found->d_name[0] == '.')
            continue;
        nvme |= is_named(found->d_name, "nvme");
        virtio |= is_named(found->d_name, "vd");
        snprintf(path, sizeof(path), "/sys/block/%s/queue/io_poll", found->d_name);
        if (read_number(path) > 0)
            say(check, "%s%s", count++ ? ", " : "", found->d_name);
    }
    if (directory)
        closedir(directory);
    if (count) {
        say(check, " can be polled on rings with IORING_SETUP_IOPOLL");
        return;
    }
    check->verdict = VERDICT_NOTE;
    say(check, "no block device here has any: reads and writes on a ring with "
               "IORING_SETUP_IOPOLL get EOPNOTSUPP");
    if (nvme)
        advise(check, "nvme.poll_queues=N on the kernel's command line, or options nvme "
                      "poll_queues=N in /etc/modprobe.d.");
    if (virtio)
        advise(check, "%svirtio_blk.poll_queues=N on the kernel's command line.", nvme ? " " : "");
    if (!nvme && !virtio)
        advise(check, "Polling is for NVMe and its like; on other devices use another profile.");
}
