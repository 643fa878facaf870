/* SPDX-License-Identifier: MIT */
/*
 * The ptrace side. A program sees nothing of it: signals are passed on, stops by
 * a signal stay stops, a new thread is traced before it runs its first
 * instruction, and what is let go runs on as if nobody had looked.
 */
#include "tool/trace/stops.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tool/tool.h"
#include "tool/trace/calls.h"
#include "tool/trace/trace.h"

/* <sys/ptrace.h> and <linux/ptrace.h> exclude each other; the kernel's has the structure. */
static long trace_call(long request, int tid, uintptr_t address, uintptr_t data)
{
    return syscall(SYS_ptrace, request, tid, address, data);
}

#define COMMON_OPTIONS                                                                        \
    (PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | \
     PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT)

/* Room between two looks at signals that came just before a wait. */
#define TICK_USEC 100000

static volatile sig_atomic_t leave_asked;
static volatile sig_atomic_t forward_signal;

static void on_leave(int number)
{
    (void)number;
    leave_asked = 1;
}

static void on_forward(int number)
{
    forward_signal = number;
}

static void on_tick(int number)
{
    (void)number;
}

static void catch_signal(int number, void (*handler)(int))
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = handler; /* without SA_RESTART: the wait is to end */
    sigaction(number, &action, NULL);
}

/*
 * Tasks
 */

static struct task *find_task(const struct stops *stops, int tid)
{
    struct link *link = table_find(&stops->by_tid, (unsigned)tid);

    return link ? entry_of(link, struct task, link) : NULL;
}

/* A number in /proc/TID/status. */
static int status_number(int tid, const char *key)
{
    char path[64], line[128];
    int value = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    while (fgets(line, sizeof(line), file)) {
        if (!strncmp(line, key, strlen(key))) {
            value = atoi(line + strlen(key));
            break;
        }
    }
    fclose(file);
    return value;
}

/* A thread of the process `pid`, or the first one of a process. */
static int process_of_new(int pid, int tid)
{
    return !syscall(SYS_tgkill, pid, tid, 0) || errno == EPERM ? pid : tid;
}

/* `parent` is who made it, NULL: not known. /proc knows it all, but takes its time for it. */
static struct task *add_task(struct stops *stops, int tid, const struct task *parent)
{
    struct model *model = stops->model;
    struct task *task = need_memory(calloc(1, sizeof(*task)));
    int pid = parent ? process_of_new(parent->pid, tid) : status_number(tid, "Tgid:");
    struct process *process;

    task->tid = tid;
    task->pid = pid ? pid : tid;
    model_lock(model);
    process = model_process_of(model, task->pid);
    if (!process->tasks && model->name_count)
        model_copy_names(model, parent ? parent->pid : status_number(tid, "PPid:"), task->pid);
    process->tasks++;
    process->running++;
    table_add(&stops->by_tid, &task->link, (unsigned)tid);
    list_append(&stops->tasks, &task->node);
    stops->count++;
    model_unlock(model);
    return task;
}

static void remove_task(struct stops *stops, struct task *task)
{
    struct model *model = stops->model;
    struct process *process;

    model_lock(model);
    table_remove(&stops->by_tid, &task->link);
    list_remove(&task->node);
    stops->count--;
    if (task->submits && task->ring && task->ring->submits)
        task->ring->submits--;
    model_no_indices(model, task);
    process = model_process_of(model, task->pid);
    process->tasks--;
    process->running -= !task->ended;
    if (!process->tasks)
        model_forget(model, task->pid);
    model_unlock(model);
    free(task->text);
    free(task);
}

/*
 * Start and attach
 */

/*
 * Traces set-up, enter and register on every architecture that numbers them alike, lets all
 * else be. It looks at nothing but the number: so kernels since 5.11 run it once for each
 * number, and then know by heart which calls pass.
 */
static int install_filter(bool setup_only)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_setup, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_io_uring_register, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                 setup_only ? __NR_io_uring_register : __NR_io_uring_enter, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRACE),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};
    /* Nobody is locked up here: kernels before 5.16 would make the processor slow for it. */
    unsigned flags = SECCOMP_FILTER_FLAG_SPEC_ALLOW;

    if (!syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program))
        return 0;
    /* Without privilege a filter needs the promise to gain none. */
    if (errno != EACCES || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) ? -errno : 0;
}

enum failed {
    FAILED_FILTER = 1,
    FAILED_EXEC,
};

/* In the child: waits until it is traced, sets the filter, becomes the command. */
__attribute__((noreturn)) static void become(char **argv, int go, int report, bool setup_only)
{
    int32_t message[2] = {FAILED_FILTER, 0};
    char byte;

    if (read(go, &byte, 1) != 1)
        _exit(STATUS_TROUBLE);
    message[1] = -install_filter(setup_only);
    if (!message[1]) {
        execvp(argv[0], argv);
        message[0] = FAILED_EXEC;
        message[1] = errno;
    }
    if (write(report, message, sizeof(message)) < 0)
        _exit(STATUS_TROUBLE);
    _exit(STATUS_TROUBLE);
}

int stops_start(struct stops *stops, char **argv, int *status)
{
    int go[2], report[2], ret;
    int child;

    *status = STATUS_TROUBLE;
    if (pipe2(go, O_CLOEXEC) || pipe2(report, O_CLOEXEC)) {
        ret = errno;
        complain("cannot make a pipe: %s", strerror(ret));
        return -ret;
    }
    child = fork();
    if (child < 0) {
        ret = errno;
        complain("cannot start a process: %s", strerror(ret));
        return -ret;
    }
    if (!child) {
        close(go[1]);
        become(argv, go[0], report[1], stops->setup_only);
    }
    close(go[0]);
    close(report[1]);
    /* Without its tracer the filter would make the calls fail: it ends with it. */
    if (trace_call(PTRACE_SEIZE, child, 0,
                   COMMON_OPTIONS | PTRACE_O_TRACESECCOMP | PTRACE_O_EXITKILL) < 0) {
        ret = errno;
        close(go[1]);
        waitpid(child, NULL, 0);
        complain("cannot trace: %s; is ptrace(2) forbidden here?", strerror(ret));
        close(report[0]);
        return -ret;
    }
    add_task(stops, child, NULL);
    stops->command = child;
    if (write(go[1], "", 1) != 1) {
        /* It is gone already; the wait will tell. */
    }
    close(go[1]);
    stops->report = report[0];
    return 0;
}

int stops_attach(struct stops *stops, int pid)
{
    char path[64];
    bool again = true;

    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    /* Threads may start others while they are being attached: until none is new. */
    while (again) {
        DIR *directory = opendir(path);
        struct dirent *entry;

        again = false;
        if (!directory) {
            complain("there is no process %d", pid);
            return -ESRCH;
        }
        while ((entry = readdir(directory))) {
            int tid = atoi(entry->d_name);

            if (tid <= 0 || find_task(stops, tid))
                continue;
            if (trace_call(PTRACE_SEIZE, tid, 0, COMMON_OPTIONS) < 0) {
                int error = errno;
                int tracer = status_number(tid, "TracerPid:");

                if (error == ESRCH || (stops->count && tracer == getpid()))
                    continue;
                if (tracer && tracer != getpid())
                    complain("process %d is traced already, by process %d", pid, tracer);
                else if (!stops->count)
                    complain("process %d may not be traced: %s; it belongs to another user, "
                             "cannot be dumped, or kernel.yama.ptrace_scope forbids it",
                             pid, strerror(error));
                if (!stops->count) {
                    closedir(directory);
                    return -error;
                }
                continue;
            }
            add_task(stops, tid, NULL);
            trace_call(PTRACE_INTERRUPT, tid, 0, 0);
            again = true;
        }
        closedir(directory);
    }
    stops->all_calls = true;
    return stops->count ? 0 : -ESRCH;
}

/*
 * Stops
 */

static void go_on(struct stops *stops, struct task *task, int number)
{
    long request = PTRACE_CONT;

    if (task->in_call || (stops->all_calls && !stops->setup_only))
        request = PTRACE_SYSCALL;
    trace_call(request, task->tid, 0, (uintptr_t)number);
}

static bool is_narrow(uint32_t arch)
{
#ifdef __LP64__
    return !(arch & __AUDIT_ARCH_64BIT);
#else
    (void)arch;
    return false;
#endif
}

/* The beginning of one of the calls. */
static void entered(struct stops *stops, struct task *task, uint64_t number, const uint64_t *args,
                    uint32_t arch)
{
    task->call = (unsigned)number;
    memcpy(task->args, args, sizeof(task->args));
    task->compat = is_narrow(arch);
    if (task->compat) {
        for (unsigned i = 0; i < 6; i++)
            task->args[i] = (uint32_t)task->args[i];
    }
    model_lock(stops->model);
    call_entered(stops->model, task);
    model_unlock(stops->model);
}

static void system_call_stop(struct stops *stops, struct task *task)
{
    struct ptrace_syscall_info info;
    struct looked look;
    bool looked, before;

    if (trace_call(PTRACE_GET_SYSCALL_INFO, task->tid, sizeof(info), (uintptr_t)&info) <= 0) {
        go_on(stops, task, 0);
        return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_SECCOMP) {
        if (is_ring_call(info.seccomp.nr))
            entered(stops, task, info.seccomp.nr, (const uint64_t *)info.seccomp.args, info.arch);
        go_on(stops, task, 0);
        return;
    }
    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        if (stops->all_calls && is_ring_call(info.entry.nr))
            entered(stops, task, info.entry.nr, (const uint64_t *)info.entry.args, info.arch);
        go_on(stops, task, 0);
        return;
    }
    if (info.op != PTRACE_SYSCALL_INFO_EXIT || !task->in_call) {
        go_on(stops, task, 0);
        return;
    }
    model_lock(stops->model);
    before = call_returned(stops->model, task, info.exit.rval, &look, &looked);
    if (before && looked)
        look_report(&look);
    go_on(stops, task, 0);
    /* The program runs while its lines are made. */
    if (!before && looked)
        look_report(&look);
    model_unlock(stops->model);
}

/* A thread is about to end; the last one takes its process with it. */
static void exit_stop(struct stops *stops, struct task *task)
{
    struct model *model = stops->model;
    struct process *process;

    model_lock(model);
    if (task->in_call) {
        struct looked look;
        bool looked;

        call_returned(model, task, -EINTR, &look, &looked);
        if (looked)
            look_report(&look);
    }
    process = model_process_of(model, task->pid);
    process->running -= !task->ended;
    task->ended = true;
    if (process->running)
        model_thread_ended(model, task);
    model_no_indices(model, task);
    /* The descriptors are still there: what is to be read is read now, and nothing is held. */
    if (!process->running)
        model_forget(model, task->pid);
    model_unlock(model);
    go_on(stops, task, 0);
}

static void exec_stop(struct stops *stops, struct task *task)
{
    unsigned long former = 0;
    struct task *old;

    /* The thread that called it takes over the number of the process; all others are gone. */
    if (!trace_call(PTRACE_GETEVENTMSG, task->tid, 0, (uintptr_t)&former) &&
        (int)former != task->tid) {
        old = find_task(stops, (int)former);
        if (old)
            remove_task(stops, old);
    }
    task->in_call = false;
    model_lock(stops->model);
    if (task->ended) { /* the former one of that number was */
        task->ended = false;
        model_process_of(stops->model, task->pid)->running++;
    }
    model_no_indices(stops->model, task);
    if (task->submits && task->ring && task->ring->submits)
        task->ring->submits--;
    task->ring = NULL;
    task->submits = false;
    model_check_process(stops->model, task->pid);
    model_unlock(stops->model);
    go_on(stops, task, 0);
}

static void stopped(struct stops *stops, struct task *task, int status)
{
    int number = WSTOPSIG(status);
    int event = status >> 16;

    switch (event) {
    case PTRACE_EVENT_SECCOMP:
        system_call_stop(stops, task);
        return;
    case PTRACE_EVENT_CLONE:
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK: {
        unsigned long tid = 0;

        if (!trace_call(PTRACE_GETEVENTMSG, task->tid, 0, (uintptr_t)&tid) && tid &&
            !find_task(stops, (int)tid))
            add_task(stops, (int)tid, task);
        go_on(stops, task, 0);
        return;
    }
    case PTRACE_EVENT_EXEC:
        exec_stop(stops, task);
        return;
    case PTRACE_EVENT_EXIT:
        exit_stop(stops, task);
        return;
    case PTRACE_EVENT_STOP:
        if (number == SIGSTOP || number == SIGTSTP || number == SIGTTIN || number == SIGTTOU)
            trace_call(PTRACE_LISTEN, task->tid, 0, 0); /* it stays stopped until SIGCONT */
        else
            go_on(stops, task, 0);
        return;
    case 0:
        if (number == (SIGTRAP | 0x80)) {
            system_call_stop(stops, task);
            return;
        }
        go_on(stops, task, number);
        return;
    default:
        go_on(stops, task, 0);
        return;
    }
}

/* What a child reports that could not become the command. */
static void take_report(struct stops *stops, const char *command)
{
    int32_t message[2];

    if (read(stops->report, message, sizeof(message)) == (ssize_t)sizeof(message)) {
        if (message[0] == FAILED_FILTER) {
            complain("cannot set a seccomp filter: %s", strerror(message[1]));
            stops->status = STATUS_TROUBLE << 8;
        } else {
            complain("cannot run '%s': %s", command, strerror(message[1]));
            stops->status = (message[1] == ENOENT ? 127 : 126) << 8;
        }
    }
    close(stops->report);
    stops->report = -1;
}

/* Lets every thread run on without us. One in the middle of something is stopped first. */
static void leave(struct stops *stops)
{
    for (struct node *node = stops->tasks.next; node != &stops->tasks; node = node->next)
        trace_call(PTRACE_INTERRUPT, entry_of(node, struct task, node)->tid, 0, 0);
    while (stops->count) {
        int status, number = 0;
        int tid = (int)syscall(SYS_wait4, -1, &status, __WALL, NULL);
        struct task *task;

        if (tid < 0) {
            if (errno == EINTR)
                continue;
            break;
        }
        task = find_task(stops, tid);
        if (!task && WIFSTOPPED(status)) /* a new thread */
            task = add_task(stops, tid, NULL);
        if (!task)
            continue;
        if (WIFSTOPPED(status)) {
            /* A signal that was on its way is delivered. */
            if (!(status >> 16) && WSTOPSIG(status) != (SIGTRAP | 0x80))
                number = WSTOPSIG(status);
            trace_call(PTRACE_DETACH, tid, 0, (uintptr_t)number);
        }
        task->in_call = false;
        remove_task(stops, task);
    }
}

void stops_serve(struct stops *stops, const char *command)
{
    struct itimerval tick = {{0, TICK_USEC}, {0, TICK_USEC}};

    /* A command on the same terminal gets ^C by itself, and its end ends us. */
    catch_signal(SIGINT, stops->command ? on_tick : on_leave);
    catch_signal(SIGQUIT, stops->command ? on_tick : on_leave);
    catch_signal(SIGTERM, stops->command ? on_forward : on_leave);
    catch_signal(SIGHUP, stops->command ? on_forward : on_leave);
    catch_signal(SIGALRM, on_tick);
    setitimer(ITIMER_REAL, &tick, NULL);
    while (stops->count) {
        struct task *task;
        int status, tid;

        if (leave_asked) {
            leave(stops);
            break;
        }
        if (forward_signal && stops->command) {
            kill(stops->command, forward_signal);
            forward_signal = 0;
        }
        tid = (int)syscall(SYS_wait4, -1, &status, __WALL, NULL);
        if (tid < 0) {
            if (errno != EINTR)
                break;
            stops->idle(stops->arg);
            continue;
        }
        task = find_task(stops, tid);
        if (WIFSTOPPED(status)) {
            if (!task)
                task = add_task(stops, tid, NULL);
            stopped(stops, task, status);
            continue;
        }
        if (tid == stops->command) {
            stops->status = status;
            if (stops->report >= 0)
                take_report(stops, command);
        }
        if (task)
            remove_task(stops, task);
    }
    memset(&tick, 0, sizeof(tick));
    setitimer(ITIMER_REAL, &tick, NULL);
}
