/* SPDX-License-Identifier: MIT */
/* What around a process may forbid io_uring to it: kernel, sysctl, seccomp, security module. */
#include <errno.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <rota/explain.h>
#include <rota/syscall.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/doctor.h"

#define CAP_SYS_ADMIN_BIT 21

struct check *add_check(struct checks *checks, const char *name, enum verdict verdict)
{
    struct check *check;

    if (checks->count == MAX_CHECKS)
        abort(); /* there are not that many */
    check = &checks->of[checks->count++];
    *check = (struct check){.name = name, .verdict = verdict};
    return check;
}

bool is_blocked(const struct checks *checks)
{
    for (unsigned i = 0; i < checks->count; i++) {
        if (checks->of[i].verdict == VERDICT_BLOCKED)
            return true;
    }
    return false;
}

static void put(char *text, size_t size, const char *format, va_list args)
{
    size_t length = strlen(text);

    vsnprintf(text + length, size - length, format, args);
}

void say(struct check *check, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(check->text, sizeof(check->text), format, args);
    va_end(args);
}

void advise(struct check *check, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    put(check->remedy, sizeof(check->remedy), format, args);
    va_end(args);
}

int look_first(struct first_look *look)
{
    const struct rlimit no_core = {0, 0};
    struct first_look *shared; /* no pipe: there may be no descriptor left */
    pid_t child;
    int status;

    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        return -errno;
    fflush(stdout);
    child = fork();
    if (child < 0) {
        status = -errno;
        munmap(shared, sizeof(*shared));
        return status;
    }
    if (!child) {
        setrlimit(RLIMIT_CORE, &no_core); /* a filter that kills would leave one */
        shared->setup = rota_sys_setup(0, NULL);
        shared->enter = rota_sys_enter(-1, 0, 0, 0, NULL, 0);
        _exit(0);
    }
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    *look = *shared;
    look->killed = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    munmap(shared, sizeof(*shared));
    return 0;
}

/* The first line of a file; false when it cannot be read. */
static bool read_line(const char *path, char *line, size_t size)
{
    FILE *file = fopen(path, "re");
    bool found;

    if (!file)
        return false;
    found = fgets(line, (int)size, file) != NULL;
    fclose(file);
    if (found)
        line[strcspn(line, "\n")] = '\0';
    return found;
}

/* What follows a key in a file of lines. */
static bool read_key(const char *path, const char *key, char *value, size_t size)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool found = false;

    if (!file)
        return false;
    while (!found && fgets(line, sizeof(line), file)) {
        size_t length = strlen(key);

        if (strncmp(line, key, length) != 0)
            continue;
        length += strspn(line + length, " \t");
        line[strcspn(line, "\n")] = '\0';
        snprintf(value, size, "%s", line + length);
        found = true;
    }
    fclose(file);
    return found;
}

static bool has_capability(unsigned bit)
{
    char text[64];

    return read_key("/proc/self/status", "CapEff:", text, sizeof(text)) &&
           (strtoull(text, NULL, 16) >> bit & 1);
}

/* The filter mode of this process; -1 when the kernel does not tell. */
static int seccomp_mode(void)
{
    char text[64];

    return read_key("/proc/self/status", "Seccomp:", text, sizeof(text)) ? atoi(text) : -1;
}

/*
 * Kernel
 */

/* What the kernel's configuration says of CONFIG_IO_URING: "y", "n", or "" when it is not here. */
static const char *config_io_uring(const char *release)
{
    static const char *const places[] = {"/boot/config-%s", "/lib/modules/%s/config",
                                         "/usr/lib/kernel/config-%s"};
    char path[256], value[16];

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        const char *rest = strchr(places[i], '%') + 2;

        snprintf(path, sizeof(path), "%.*s%s%s", (int)(rest - 2 - places[i]), places[i], release,
                 rest);
        if (read_key(path, "CONFIG_IO_URING=", value, sizeof(value)))
            return *value == 'y' ? "y" : "n";
        if (read_key(path, "# CONFIG_IO_URING is not set", value, sizeof(value)))
            return "n";
    }
    return "";
}

void check_kernel(struct checks *checks, const struct first_look *look, int ret)
{
    struct check *check = add_check(checks, "kernel", VERDICT_OK);
    unsigned major = 0, minor = 0;
    struct utsname uts;
    const char *config;

    uname(&uts);
    say(check, "Linux %s on %s", uts.release, uts.machine);
    /* A filter answers ENOSYS, too; that io_uring_enter exists is proof against it. */
    if (ret != -ENOSYS || look->enter == -EBADF || look->killed)
        return;
    config = config_io_uring(uts.release);
    if (sscanf(uts.release, "%u.%u", &major, &minor) == 2 && (major << 8 | minor) < 0x501) {
        check->verdict = VERDICT_BLOCKED;
        say(check, ", which has no io_uring");
        advise(check, "Run Linux 5.4 or newer.");
    } else if (*config == 'n' || (seccomp_mode() == 0 && *config != 'y')) {
        check->verdict = VERDICT_BLOCKED;
        say(check, ", built without CONFIG_IO_URING");
        advise(check, "Use a kernel with CONFIG_IO_URING=y (in its menu it shows with "
                      "CONFIG_EXPERT only).");
    } else if (seccomp_mode() == 0) {
        check->verdict = VERDICT_BLOCKED;
        say(check, ": io_uring_setup answers ENOSYS although its configuration has "
                   "CONFIG_IO_URING=y; something that emulates the kernel is in between");
        advise(check, "Leave the emulation (gVisor, qemu-user and their like).");
    }
}

/*
 * sysctl
 */

static bool in_group(gid_t group)
{
    gid_t groups[1024];
    int count = getgroups(1024, groups);

    for (int i = 0; i < count; i++) {
        if (groups[i] == group)
            return true;
    }
    return getegid() == group;
}

/* The name of a group, from the file: what a sysctl names is local. False when it has none there. */
static bool group_name(gid_t group, char *name, size_t size)
{
    FILE *file = fopen("/etc/group", "re");
    const struct group *found = NULL;

    if (!file)
        return false;
    while ((found = fgetgrent(file)) && found->gr_gid != group)
        ;
    if (found)
        snprintf(name, size, "%s", found->gr_name);
    fclose(file);
    return found != NULL;
}

static void only_for_some(struct check *check)
{
    char text[32], name[64] = "";
    long group = -1;
    bool known;

    if (read_line("/proc/sys/kernel/io_uring_group", text, sizeof(text)))
        group = atol(text);
    known = group >= 0 && group_name((gid_t)group, name, sizeof(name));
    say(check, "kernel.io_uring_disabled is 1: rings are for CAP_SYS_ADMIN%s",
        group >= 0 ? " and the members of group " : " only, no group is set");
    if (known)
        say(check, "%s (%ld)", name, group);
    else if (group >= 0)
        say(check, "%ld", group);
    if (has_capability(CAP_SYS_ADMIN_BIT)) {
        say(check, "; this process has the capability");
        return;
    }
    if (group >= 0 && in_group((gid_t)group)) {
        say(check, "; this process is in the group");
        return;
    }
    say(check, "; this process has neither");
    check->verdict = VERDICT_BLOCKED;
    if (known)
        advise(check, "As root: usermod -aG %s USER, then log in again. ", name);
    else
        advise(check, "As root: sysctl kernel.io_uring_group=GID of a group that the user is in. ");
    advise(check, "Or for everybody: sysctl kernel.io_uring_disabled=0. To keep it, put the line "
                  "into /etc/sysctl.d/io_uring.conf.");
}

void check_sysctl(struct checks *checks, int ret)
{
    struct check *check = add_check(checks, "sysctl", VERDICT_OK);
    char text[32];

    if (!read_line("/proc/sys/kernel/io_uring_disabled", text, sizeof(text))) {
        if (errno == ENOENT)
            say(check, "there is no kernel.io_uring_disabled here (it came with 6.6)");
        else
            say(check, "kernel.io_uring_disabled cannot be read: %s", strerror(errno));
        return;
    }
    switch (atoi(text)) {
    case 0:
        say(check, "kernel.io_uring_disabled is 0: everybody may make rings");
        break;
    case 1:
        only_for_some(check);
        break;
    default:
        check->verdict = VERDICT_BLOCKED;
        say(check, "kernel.io_uring_disabled is %s: nobody may make a ring, root neither", text);
        advise(check, "As root: sysctl kernel.io_uring_disabled=0, or 1 and kernel.io_uring_group "
                      "for some users only. To keep it, change the file in /etc/sysctl.d that sets "
                      "it.");
    }
    /* What the file says and what the kernel does may differ where /proc is a fake. */
    if (check->verdict == VERDICT_BLOCKED && ret != -EPERM) {
        check->verdict = VERDICT_NOTE;
        check->remedy[0] = '\0';
    }
}

/*
 * seccomp and containers
 */

static bool exists(const char *path)
{
    return !access(path, F_OK);
}

/* In which container or service this is, as far as it shows; NULL for none. */
static const char *container(void)
{
    static char name[64];

    if (exists("/.dockerenv"))
        return "docker";
    if (exists("/run/.containerenv"))
        return "podman";
    if (getenv("KUBERNETES_SERVICE_HOST"))
        return "kubernetes";
    if (read_line("/run/systemd/container", name, sizeof(name)) && *name)
        return name;
    if (getenv("container")) {
        snprintf(name, sizeof(name), "%s", getenv("container"));
        return name;
    }
    return NULL;
}

static void advise_on_filter(struct check *check)
{
    const char *where = container();

    if (where && !strcmp(where, "kubernetes"))
        advise(check, "Give the container a securityContext.seccompProfile of type Localhost whose "
                      "profile allows");
    else if (where && (!strcmp(where, "docker") || !strcmp(where, "podman")))
        advise(check,
               "Start the container with --security-opt seccomp=PROFILE.json, a copy of "
               "%s's default profile that allows",
               where);
    else if (getenv("INVOCATION_ID"))
        advise(check, "Add SystemCallFilter=@aio to the systemd unit; the filter must allow");
    else
        advise(check, "Whoever installed the filter (container runtime, systemd "
                      "SystemCallFilter=, sandbox) must allow");
    advise(check, " io_uring_setup, io_uring_enter and io_uring_register. A filter cannot be "
                  "taken off a running process.");
}

static void say_error(struct check *check, const char *call, int ret)
{
    const char *name = rota_error_name(ret);

    say(check, "%s answers %s", call, name ? name : "an unknown error");
}

void check_seccomp(struct checks *checks, const struct first_look *look, int ret)
{
    struct check *check = add_check(checks, "seccomp", VERDICT_OK);
    const char *where = container();
    int mode = seccomp_mode();

    if (look->killed) {
        check->verdict = VERDICT_BLOCKED;
        say(check, "a filter kills processes that call io_uring_setup (signal %d)", look->killed);
    } else if (mode == SECCOMP_MODE_FILTER && look->enter != -EBADF) {
        check->verdict = VERDICT_BLOCKED;
        say(check, "a filter denies io_uring: ");
        say_error(check, "io_uring_enter", look->enter);
        say(check, " where the kernel itself says EBADF");
    } else if (mode == SECCOMP_MODE_FILTER && ret < 0 && look->setup != -EFAULT) {
        /* The sysctl does the same, and then says so itself. */
        check->verdict = is_blocked(checks) ? VERDICT_NOTE : VERDICT_BLOCKED;
        say(check, "a filter is active");
        if (check->verdict == VERDICT_BLOCKED) {
            say(check, ", and nothing else explains that ");
            say_error(check, "io_uring_setup", ret);
        }
    } else if (mode == SECCOMP_MODE_FILTER) {
        say(check, "a filter is active and lets io_uring through");
    } else if (mode < 0) {
        say(check, "the kernel does not tell whether there is a filter");
    } else {
        say(check, "no filter");
    }
    if (where)
        say(check, "; this is a container (%s)", where);
    if (check->verdict == VERDICT_BLOCKED)
        advise_on_filter(check);
}

void check_module(struct checks *checks, int ret)
{
    struct check *check;
    char names[128];

    if ((ret != -EPERM && ret != -EACCES) || is_blocked(checks))
        return;
    check = add_check(checks, "security module", VERDICT_BLOCKED);
    say(check, "nothing else explains the refusal, so a security module is left");
    if (read_line("/sys/kernel/security/lsm", names, sizeof(names)))
        say(check, "; active are %s", names);
    advise(check, "Look for a denial in the audit log (ausearch -m avc, journalctl -k), and give "
                  "the program's domain the permission: SELinux class io_uring.");
}
