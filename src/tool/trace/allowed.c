/* SPDX-License-Identifier: MIT */
/* What rota doctor says of tracing: tried on a child of its own. */
#include <errno.h>
#include <linux/ptrace.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/doctor.h"

/* Traces a child and fetches a descriptor of it, as rota trace does; 0 or -errno. */
static int try_tracing(const char **call)
{
    int ends[2], ret = 0;
    long process, file;
    pid_t child;
    char byte;

    *call = "fork(2)";
    if (pipe(ends))
        return -errno;
    child = fork();
    if (child < 0) {
        ret = -errno;
        close(ends[0]);
        close(ends[1]);
        return ret;
    }
    if (!child) {
        close(ends[1]);
        _exit(read(ends[0], &byte, 1) != 0);
    }
    close(ends[0]);
    *call = "ptrace(2)";
    if (syscall(SYS_ptrace, PTRACE_SEIZE, child, 0, 0) < 0) {
        ret = -errno;
    } else {
        *call = "pidfd_open(2)";
        process = syscall(SYS_pidfd_open, child, 0);
        ret = process < 0 ? -errno : 0;
        if (process >= 0) {
            *call = "pidfd_getfd(2)";
            file = syscall(SYS_pidfd_getfd, process, ends[0], 0);
            ret = file < 0 ? -errno : 0;
            if (file >= 0)
                close((int)file);
            close((int)process);
        }
    }
    close(ends[1]); /* the child ends */
    waitpid(child, NULL, 0);
    return ret;
}

static int yama_scope(void)
{
    FILE *file = fopen("/proc/sys/kernel/yama/ptrace_scope", "re");
    int scope = 0;

    if (!file)
        return 0;
    if (fscanf(file, "%d", &scope) != 1)
        scope = 0;
    fclose(file);
    return scope;
}

void check_tracing(struct checks *checks)
{
    struct check *check = add_check(checks, "tracing", VERDICT_OK);
    int scope = yama_scope(), ret;
    const char *call;

    ret = try_tracing(&call);
    if (ret < 0) {
        check->verdict = VERDICT_NOTE;
        say(check, "rota trace cannot work here: %s answers %s", call, strerror(-ret));
        if (scope == 3)
            advise(check, "kernel.yama.ptrace_scope is 3 until the next start of the system.");
        else
            advise(check, "In a container: --cap-add=SYS_PTRACE, or a seccomp profile that allows "
                          "ptrace, pidfd_open and pidfd_getfd.");
        return;
    }
    say(check, "rota trace can look at the programs that it starts");
    if (scope && geteuid() != 0) {
        check->verdict = VERDICT_NOTE;
        say(check, ", but not at running ones: kernel.yama.ptrace_scope is %d", scope);
        advise(check, "As root, or sysctl kernel.yama.ptrace_scope=0.");
    } else {
        say(check, ", and at running ones of %s", geteuid() ? "this user" : "everybody");
    }
}
