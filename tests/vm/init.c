/* SPDX-License-Identifier: MIT */
/*
 * PID 1 of a test guest: runs the programs of /plan and reports over the console.
 *
 * /plan has one directive per line:
 *     timeout SECONDS           limit for each program that follows
 *     module PATH [PARAMETERS]  load a kernel module
 *     disk MIB VARIABLE         wait for the disk of that size (names depend on the order of
 *                               probing), and set VARIABLE to its device for the programs
 *     filesystem MIB TYPE DIR VARIABLE
 *                               wait for the disk, mount it, set VARIABLE=DIR
 *     set VARIABLE TEXT         set VARIABLE for the programs
 *     write PATH TEXT           write TEXT to a file of /proc or /sys; it may be absent
 *     run PATH                  run a program
 *
 * Each report is a record of one line, `@rota:SEQUENCE:TYPE:LENGTH:TEXT`, so that the reader tells
 * a whole record from one that kernel output has damaged, and notices a lost one. Types:
 *     H  hello: kernel release, machine, milliseconds since boot
 *     B  a program begins: its name
 *     L  a line of its output; P the same without the end of the line
 *     K  a warning or worse from the kernel log
 *     N  a note of this init
 *     E  the program ended: "exit CODE" or "signal NUMBER" or "timeout SECONDS", milliseconds
 *     Z  nothing more follows
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/klog.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

enum {
    TEXT_MAX = 1000,        /* bytes of one record's text before it is escaped */
    DEVICE_WAIT_MS = 10000, /* probing a disk is asynchronous */
    KILL_WAIT_MS = 5000,    /* what SIGKILL has not ended by then hangs in the kernel */
    KLOG_WARNING = 4,
    CONSOLE_LOGLEVEL = 8, /* klogctl: set the level that reaches the console */
};

static int console = STDOUT_FILENO;
static int kmsg = -1;
static unsigned long sequence;
static int64_t limit_ms = 60000;

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_BOOTTIME, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void write_all(int fd, const char *data, size_t size)
{
    while (size) {
        ssize_t done = write(fd, data, size);

        if (done < 0 && errno != EINTR && errno != EAGAIN)
            return;
        if (done > 0) {
            data += done;
            size -= (size_t)done;
        }
    }
}

/* Sends one record. Everything but printable ASCII is escaped: a record is always one line. */
static void record(char type, const char *text, size_t size)
{
    char escaped[4 * TEXT_MAX + 1], line[sizeof(escaped) + 64];
    size_t used = 0;
    int length;

    if (size > TEXT_MAX)
        size = TEXT_MAX;
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)text[i];

        if (c >= ' ' && c <= '~' && c != '\\')
            escaped[used++] = (char)c;
        else
            used += (size_t)snprintf(escaped + used, 5, "\\x%02x", c);
    }
    escaped[used] = '\0';
    length = snprintf(line, sizeof(line), "@rota:%lu:%c:%zu:%s\n", sequence++, type, used, escaped);
    write_all(console, line, (size_t)length);
}

__attribute__((format(printf, 2, 3))) static void report(char type, const char *format, ...)
{
    char text[TEXT_MAX];
    va_list args;
    int size;

    va_start(args, format);
    size = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (size > 0)
        record(type, text, (size_t)size < sizeof(text) ? (size_t)size : sizeof(text) - 1);
}

static void put_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 ? errno != ENOENT : write(fd, text, strlen(text)) < 0)
        report('N', "cannot write %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

static void mount_at(const char *device, const char *path, const char *type)
{
    mkdir(path, 0755);
    if (mount(device, path, type, 0, NULL) < 0)
        report('N', "cannot mount %s on %s: %s", type, path, strerror(errno));
}

static void mount_filesystems(void)
{
    mount_at("devtmpfs", "/dev", "devtmpfs");
    mount_at("proc", "/proc", "proc");
    mount_at("sysfs", "/sys", "sysfs");
    mount_at("devpts", "/dev/pts", "devpts");
    mount_at("tmpfs", "/dev/shm", "tmpfs");
    mount_at("tmpfs", "/tmp", "tmpfs");
    mount_at("tmpfs", "/run", "tmpfs");
    chmod("/tmp", 01777);
}

/* The kernel gives `lo` its address when it comes up. */
static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        report('N', "cannot raise the loopback interface: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* Takes over the console: no translation of newlines, nothing of the kernel's in between. */
static void open_console(void)
{
    struct termios settings;
    int fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);

    if (fd >= 0)
        console = fd;
    if (tcgetattr(console, &settings) == 0) {
        cfmakeraw(&settings);
        tcsetattr(console, TCSANOW, &settings);
    }
    klogctl(CONSOLE_LOGLEVEL, NULL, 1);
    kmsg = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (kmsg >= 0)
        lseek(kmsg, 0, SEEK_END);
}

/* Passes on what the kernel has logged since the last call, warnings and worse. */
static void forward_kernel_log(void)
{
    char entry[8192];
    ssize_t size;

    /* EPIPE: entries were overwritten before they were read; the next read goes on after them. */
    while (kmsg >= 0 && ((size = read(kmsg, entry, sizeof(entry) - 1)) > 0 || errno == EPIPE)) {
        char *text;

        if (size <= 0)
            continue;
        entry[size] = '\0';
        text = strchr(entry, ';');
        if (!text || (strtoul(entry, NULL, 10) & 7) > KLOG_WARNING)
            continue;
        text++;
        record('K', text, strcspn(text, "\n"));
    }
}

/* Reports where each thread of each process but this one waits: what a hang looks like. */
static void report_stacks(void)
{
    static const char *const files[] = {"wchan", "syscall", "stack"};
    char path[128], text[TEXT_MAX];
    DIR *processes = opendir("/proc");
    struct dirent *process, *thread;

    while (processes && (process = readdir(processes))) {
        long pid = strtol(process->d_name, NULL, 10);
        DIR *threads;

        snprintf(path, sizeof(path), "/proc/%ld/exe", pid);
        if (pid <= 1 || readlink(path, text, sizeof(text)) < 0) /* kernel threads have none */
            continue;
        snprintf(path, sizeof(path), "/proc/%ld/task", pid);
        threads = opendir(path);
        while (threads && (thread = readdir(threads))) {
            if (thread->d_name[0] == '.')
                continue;
            for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
                char *line, *rest = text;
                ssize_t size;
                int fd;

                snprintf(path, sizeof(path), "/proc/%ld/task/%.16s/%s", pid, thread->d_name,
                         files[i]);
                fd = open(path, O_RDONLY | O_CLOEXEC);
                size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
                if (fd >= 0)
                    close(fd);
                text[size > 0 ? size : 0] = '\0';
                while ((line = strsep(&rest, "\n")))
                    if (*line)
                        report('N', "thread %.16s %s: %.200s", thread->d_name, files[i], line);
            }
        }
        if (threads)
            closedir(threads);
    }
    if (processes)
        closedir(processes);
}

static void load_module(const char *path, const char *parameters)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || (syscall(SYS_finit_module, fd, parameters, 0) < 0 && errno != EEXIST))
        report('N', "cannot load %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* The size of a disk in 512-byte sectors, 0 when it has none. */
static unsigned long long disk_sectors(const char *name)
{
    unsigned long long sectors = 0;
    char path[PATH_MAX];
    FILE *file;

    snprintf(path, sizeof(path), "/sys/block/%s/size", name);
    file = fopen(path, "re");
    if (!file || fscanf(file, "%llu", &sectors) != 1)
        sectors = 0;
    if (file)
        fclose(file);
    return sectors;
}

/* Finds the disk of a size, once; its device has to be there too. */
static bool find_disk(unsigned long long sectors, char *path, size_t size)
{
    DIR *disks = opendir("/sys/block");
    struct dirent *disk;
    bool found = false;

    while (disks && !found && (disk = readdir(disks))) {
        if (disk->d_name[0] == '.' || disk_sectors(disk->d_name) != sectors)
            continue;
        snprintf(path, size, "/dev/%s", disk->d_name);
        found = access(path, F_OK) == 0;
    }
    if (disks)
        closedir(disks);
    return found;
}

static bool wait_for_disk(const char *mebibytes, char *path, size_t size)
{
    const struct timespec pause = {.tv_nsec = 20000000};
    int64_t end = now_ms() + DEVICE_WAIT_MS;

    while (!find_disk(strtoull(mebibytes, NULL, 10) * 2048, path, size)) {
        if (now_ms() > end) {
            report('N', "no disk of %s MiB", mebibytes);
            return false;
        }
        nanosleep(&pause, NULL);
    }
    return true;
}

static void mount_disk(const char *mebibytes, const char *type, const char *directory,
                       const char *variable)
{
    char device[PATH_MAX];

    if (!wait_for_disk(mebibytes, device, sizeof(device)))
        return;
    mkdir(directory, 0777);
    if (mount(device, directory, type, 0, NULL) < 0) {
        report('N', "cannot mount %s: %s", device, strerror(errno));
        return;
    }
    chmod(directory, 01777);
    setenv(variable, directory, 1);
}

/* Output of a program on its way to records: whole lines, long ones in pieces. */
struct output {
    int fd;
    size_t used;
    char text[TEXT_MAX];
};

static void flush_output(struct output *output, char type)
{
    record(type, output->text, output->used);
    output->used = 0;
}

/* Reads what is there; false at the end of the output. */
static bool read_output(struct output *output)
{
    char data[4096];
    ssize_t size = read(output->fd, data, sizeof(data));

    if (size < 0)
        return errno == EAGAIN || errno == EINTR;
    for (ssize_t i = 0; i < size; i++) {
        if (data[i] == '\n') {
            flush_output(output, 'L');
            continue;
        }
        if (output->used == sizeof(output->text))
            flush_output(output, 'P');
        output->text[output->used++] = data[i];
    }
    return size > 0;
}

/* In the child: a session, a directory and an empty input of its own, then the program. */
__attribute__((noreturn)) static void become(const char *path, const char *directory, int out)
{
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    int in = open("/dev/null", O_RDWR);

    setsid();
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    if (in > STDERR_FILENO)
        close(in);
    if (chdir(directory) < 0)
        dprintf(STDERR_FILENO, "# no directory %s: %s\n", directory, strerror(errno));
    execv(path, argv);
    dprintf(STDERR_FILENO, "# cannot execute %s: %s\n", path, strerror(errno));
    _exit(126);
}

/* Waits until the program has ended, passing on its output; false when it has not by `end`. */
static bool follow(pid_t pid, struct output *output, int64_t end, int *status)
{
    bool open = true;

    for (;;) {
        struct pollfd wait = {.fd = open ? output->fd : -1, .events = POLLIN};
        pid_t ended;

        if (poll(&wait, 1, 20) > 0)
            open = read_output(output);
        /* Orphans are ours too: anything else that is reaped here was a descendant. */
        while ((ended = waitpid(-1, status, WNOHANG)) > 0)
            if (ended == pid)
                return true;
        if (now_ms() > end)
            return false;
    }
}

/* Ends every process but this one. */
static void kill_all(void)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int64_t end = now_ms() + KILL_WAIT_MS;

    kill(-1, SIGKILL);
    for (;;) {
        pid_t ended = waitpid(-1, NULL, WNOHANG);

        if (ended < 0)
            return;
        if (ended > 0)
            continue;
        if (now_ms() > end) {
            report('N', "a process survives SIGKILL");
            report_stacks();
            return;
        }
        nanosleep(&pause, NULL);
    }
}

static void drain(struct output *output)
{
    struct pollfd ready = {.fd = output->fd, .events = POLLIN};

    while (poll(&ready, 1, 0) > 0 && read_output(output))
        ;
    if (output->used)
        flush_output(output, 'L');
}

static void run_program(const char *path)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    struct output output = {.fd = -1};
    char directory[PATH_MAX];
    int64_t start = now_ms();
    int pipe_fds[2], status = 0;
    bool ended;
    pid_t pid;

    report('B', "%s", name);
    snprintf(directory, sizeof(directory), "/tmp/%s", name);
    mkdir(directory, 0700);
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK) < 0) {
        report('E', "exit 126 0");
        return;
    }
    fcntl(pipe_fds[1], F_SETFL, 0); /* the program's end blocks, as a program expects */
    pid = fork();
    if (pid == 0)
        become(path, directory, pipe_fds[1]);
    close(pipe_fds[1]);
    output.fd = pipe_fds[0];
    ended = pid > 0 && follow(pid, &output, start + limit_ms, &status);
    if (!ended)
        report_stacks();
    kill_all();
    drain(&output);
    close(pipe_fds[0]);
    forward_kernel_log();
    if (!ended)
        report('E', "timeout %lld %lld", (long long)(limit_ms / 1000),
               (long long)(now_ms() - start));
    else if (WIFSIGNALED(status))
        report('E', "signal %d %lld", WTERMSIG(status), (long long)(now_ms() - start));
    else
        report('E', "exit %d %lld", WEXITSTATUS(status), (long long)(now_ms() - start));
}

/* The next word of a line, or an empty string at its end. */
static const char *word(char **rest)
{
    const char *found = *rest ? strsep(rest, " ") : NULL;

    return found ? found : "";
}

static void carry_out(char *line)
{
    char *rest = line;
    const char *directive = word(&rest);

    if (!strcmp(directive, "timeout")) {
        limit_ms = strtol(word(&rest), NULL, 10) * 1000;
    } else if (!strcmp(directive, "module")) {
        const char *path = word(&rest);

        load_module(path, rest ? rest : "");
    } else if (!strcmp(directive, "disk")) {
        const char *mebibytes = word(&rest);
        char device[PATH_MAX];

        if (wait_for_disk(mebibytes, device, sizeof(device)))
            setenv(word(&rest), device, 1);
    } else if (!strcmp(directive, "filesystem")) {
        const char *mebibytes = word(&rest), *type = word(&rest), *directory = word(&rest);

        mount_disk(mebibytes, type, directory, word(&rest));
    } else if (!strcmp(directive, "set")) {
        const char *variable = word(&rest);

        setenv(variable, rest ? rest : "", 1);
    } else if (!strcmp(directive, "write")) {
        const char *path = word(&rest);

        put_file(path, rest ? rest : "");
    } else if (!strcmp(directive, "run")) {
        run_program(word(&rest));
    } else {
        report('N', "unknown directive: %s", directive);
    }
}

static void carry_out_plan(void)
{
    FILE *plan = fopen("/plan", "re");
    char *line = NULL;
    size_t size = 0;

    if (!plan)
        report('N', "cannot read /plan: %s", strerror(errno));
    while (plan && getline(&line, &size, plan) > 0) {
        line[strcspn(line, "\n")] = '\0';
        carry_out(line);
    }
    free(line);
    if (plan)
        fclose(plan);
}

int main(void)
{
    struct utsname system;

    mount_filesystems();
    open_console();
    uname(&system);
    report('H', "%s %s %lld", system.release, system.machine, (long long)now_ms());
    setenv("PATH", "/bin:/sbin", 1);
    setenv("HOME", "/root", 1);
    setenv("TMPDIR", "/tmp", 1);
    raise_loopback();
    carry_out_plan();
    report('Z', "%lld", (long long)now_ms());
    tcdrain(console);
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}
