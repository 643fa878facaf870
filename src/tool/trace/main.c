/* SPDX-License-Identifier: MIT */
/* rota trace: what any program does with its rings. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tool/tool.h"
#include "tool/trace/reader.h"
#include "tool/trace/summary.h"
#include "tool/trace/trace.h"

/* What --follow-data takes at most. */
#define MOST_DATA 1024

void *need_memory(void *pointer)
{
    if (!pointer) {
        complain("no memory");
        exit(STATUS_TROUBLE);
    }
    return pointer;
}

struct options {
    uint64_t pid;
    const char *output;
    bool json, enters, summary, stop, no_stop;
    bool began; /* there was something to look at */
    struct model *model;
};

enum {
    OPTION_OP = 256,
    OPTION_FAILED,
    OPTION_SLOW,
    OPTION_RING,
    OPTION_FD,
    OPTION_FOLLOW_DATA,
    OPTION_ENTERS,
    OPTION_EXPLAIN,
    OPTION_SUMMARY,
    OPTION_STOP,
    OPTION_NO_STOP,
};

static void print_help(void)
{
    fputs("Usage: rota trace [OPTION]... [--] COMMAND [ARGUMENT]...\n"
          "       rota trace [OPTION]... -p PID\n"
          "What a program does with its rings: set-up, register calls, requests and their\n"
          "completions, in any language, without rebuilding it.\n"
          "\n"
          "Options:\n"
          "  -p, --pid PID        look at a running process, all its threads and rings\n"
          "  -o, --output FILE    write there instead of to standard error\n"
          "  -j, --json           one JSON object a line\n"
          "      --op OP[,OP]...  only these requests, such as READ,SEND\n"
          "      --failed         only what failed\n"
          "      --slow TIME      only what took so long, such as 10ms or 500us\n"
          "      --ring N         only the ring of that number\n"
          "      --fd N           only requests on that descriptor\n"
          "      --enters         also a line for each io_uring_enter(2)\n"
          "      --follow-data N  show up to N bytes of what is sent and received\n"
          "      --explain        under each failure, why\n"
          "      --no-stop        do not stop at io_uring_enter(2): read while it runs\n"
          "      --summary        sums by ring and opcode at the end, and what they give\n"
          "                       away; reads while it runs\n"
          "      --stop           with --summary: stop at io_uring_enter(2) nevertheless\n"
          "  -h, --help           print this\n"
          "\n"
          "Examples:\n"
          "  rota trace -- fio job.fio              each request of fio\n"
          "  rota trace --failed --explain ./a.out  what fails, and why\n"
          "  rota trace -p 1234 --slow 10ms         what is slow in a running server\n"
          "  rota trace --summary -- ./server       how it uses its rings, and what is odd\n"
          "  rota trace -o log --json -- CMD        for other programs\n"
          "\n"
          "Exit status: that of COMMAND, or 128 and the number of the signal that ended\n"
          "it; 126 or 127 when it cannot be run. With -p: 0. 2 bad arguments; 3 a file or\n"
          "the kernel stood in the way.\n",
          stdout);
}

/* "10ms", "500us", "2s", "100ns"; a number alone has milliseconds. */
static bool parse_time(const char *text, uint64_t *nanoseconds)
{
    static const struct {
        const char *name;
        double unit;
    } units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"", 1e6}};
    char *end;
    double value = strtod(text, &end);

    if (end == text || !(value >= 0) || value > 1e9)
        return false;
    for (unsigned i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (!strcmp(end, units[i].name)) {
            *nanoseconds = (uint64_t)(value * units[i].unit);
            return true;
        }
    }
    return false;
}

static int parse_ops(const char *text, struct filter *filter)
{
    char *list = need_memory(strdup(text)), *rest = list, *name;
    int status = STATUS_OK;

    filter->by_op = true;
    while ((name = strsep(&rest, ",")) && status == STATUS_OK) {
        int opcode = find_opcode(name);

        if (opcode < 0 || opcode > 255)
            status = usage_error("the table has no opcode '%s'%s", name,
                                 did_you_mean(name, NAMES_OPCODES));
        else
            filter->ops[opcode >> 6] |= UINT64_C(1) << (opcode & 63);
    }
    free(list);
    return status;
}

static int parse(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"pid", required_argument, NULL, 'p'},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"op", required_argument, NULL, OPTION_OP},
        {"failed", no_argument, NULL, OPTION_FAILED},
        {"slow", required_argument, NULL, OPTION_SLOW},
        {"ring", required_argument, NULL, OPTION_RING},
        {"fd", required_argument, NULL, OPTION_FD},
        {"enters", no_argument, NULL, OPTION_ENTERS},
        {"follow-data", required_argument, NULL, OPTION_FOLLOW_DATA},
        {"explain", no_argument, NULL, OPTION_EXPLAIN},
        {"summary", no_argument, NULL, OPTION_SUMMARY},
        {"stop", no_argument, NULL, OPTION_STOP},
        {"no-stop", no_argument, NULL, OPTION_NO_STOP},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct model *model = options->model;
    struct filter *filter = &model->filter;
    uint64_t value;
    int option, status;

    while ((option = getopt_long(argc, argv, "+p:o:jh", known, NULL)) != -1) {
        switch (option) {
        case 'p':
            if (!parse_number(optarg, INT32_MAX, &options->pid) || !options->pid)
                return usage_error("'%s' is no process id", optarg);
            break;
        case 'o':
            options->output = optarg;
            break;
        case 'j':
            options->json = true;
            break;
        case OPTION_OP:
            status = parse_ops(optarg, filter);
            if (status != STATUS_OK)
                return status;
            break;
        case OPTION_FAILED:
            filter->failed = true;
            break;
        case OPTION_SLOW:
            if (!parse_time(optarg, &filter->slow))
                return usage_error("'%s' is no time, such as 10ms", optarg);
            break;
        case OPTION_RING:
            filter->by_ring = true;
            if (!parse_number(optarg, UINT32_MAX, &filter->ring))
                return usage_error("'%s' is no number of a ring", optarg);
            break;
        case OPTION_FD:
            filter->by_fd = true;
            if (!parse_number(optarg, INT32_MAX, &filter->fd))
                return usage_error("'%s' is no descriptor", optarg);
            break;
        case OPTION_ENTERS:
            options->enters = true;
            break;
        case OPTION_FOLLOW_DATA:
            if (!parse_number(optarg, MOST_DATA, &value))
                return usage_error("'%s' is no number of bytes", optarg);
            model->data_shown = (uint32_t)value;
            break;
        case OPTION_EXPLAIN:
            model->explain = true;
            break;
        case OPTION_SUMMARY:
            options->summary = true;
            break;
        case OPTION_STOP:
            options->stop = true;
            break;
        case OPTION_NO_STOP:
            options->no_stop = true;
            break;
        case 'h':
            print_help();
            return -1;
        default:
            return bad_option();
        }
    }
    if (options->stop && options->no_stop)
        return usage_error("either --stop or --no-stop");
    model->running = options->no_stop || (options->summary && !options->stop);
    if (options->enters && model->running)
        return usage_error("--enters needs stops at io_uring_enter(2)");
    model->late = filter->failed || filter->slow;
    if (options->pid && optind < argc)
        return usage_error("either a command or -p");
    if (!options->pid && optind == argc)
        return usage_error("a command or -p is missing");
    return STATUS_OK;
}

static void idle(void *arg)
{
    struct model *model = arg;

    /* Who works on the rings just now writes by itself; to make the reader wait costs requests. */
    if (pthread_mutex_trylock(&model->lock))
        return;
    out_flush(model->out);
    pthread_mutex_unlock(&model->lock);
}

/* Ends as the command ended. */
static int status_of(int status)
{
    if (WIFSIGNALED(status))
        return 128 + WTERMSIG(status);
    return WEXITSTATUS(status);
}

/* Whether there is something to look at; says why not. */
static bool is_alive(int pid)
{
    long process = syscall(SYS_pidfd_open, pid, 0);
    bool ended;

    if (process < 0) {
        /* The number of a thread that is no process. */
        complain(errno == ESRCH ? "there is no process %d" : "%d is no process", pid);
        return false;
    }
    ended = process_ended((int)process);
    close((int)process);
    if (ended)
        complain("process %d has ended, and only waits for its parent to ask how", pid);
    return !ended;
}

/* Whether descriptors of a process may be had; says why not. */
static bool may_fetch(int pid)
{
    long process = syscall(SYS_pidfd_open, pid, 0), file;
    bool may;

    if (process < 0)
        return true; /* it ends just now */
    /* A descriptor that nobody has: what may be looked at answers that it is not open. */
    file = syscall(SYS_pidfd_getfd, process, INT32_MAX, 0);
    may = file >= 0 || errno != EPERM;
    close((int)process);
    if (file >= 0)
        close((int)file);
    if (!may)
        complain("process %d may not be looked at: it belongs to another user, cannot be dumped, "
                 "or kernel.yama.ptrace_scope forbids it",
                 pid);
    return may;
}

static volatile sig_atomic_t asked_to_leave;

static void on_signal(int number)
{
    (void)number;
    asked_to_leave = 1;
}

/* A running process, without ptrace: its rings are looked for and read. */
static int watch(struct options *options, struct stops *stops)
{
    struct reader reader = {.stops = stops, .find_in = (int)options->pid};
    struct model *model = stops->model;
    struct sigaction action;
    int ret;

    if (!may_fetch(reader.find_in))
        return STATUS_TROUBLE;
    reader.process = (int)syscall(SYS_pidfd_open, reader.find_in, 0);
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    options->began = true;
    ret = reader_start(&reader);
    if (ret) {
        complain("cannot start a thread: %s", strerror(ret));
        return STATUS_TROUBLE;
    }
    while (!asked_to_leave && !__atomic_load_n(&reader.ended, __ATOMIC_RELAXED)) {
        nanosleep(&(struct timespec){0, 20000000}, NULL);
        idle(model);
    }
    reader_stop(&reader);
    if (reader.process >= 0)
        close(reader.process);
    return STATUS_OK;
}

/* A descriptor and two mappings for each ring; what is started keeps its own limit. */
static void allow_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit))
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static int run(struct options *options, struct stops *stops, char **argv)
{
    struct reader reader = {.stops = stops};
    int status = STATUS_OK, ret;

    stops->setup_only = stops->model->running;
    if (options->pid && !is_alive((int)options->pid))
        return STATUS_TROUBLE;
    if (options->pid)
        allow_descriptors();
    if (options->pid && stops->model->running)
        return watch(options, stops);
    if (options->pid) {
        ret = stops_attach(stops, (int)options->pid);
        if (ret < 0)
            return STATUS_TROUBLE;
        model_lock(stops->model);
        model_find(stops->model, (int)options->pid);
        model_unlock(stops->model);
    } else {
        ret = stops_start(stops, argv, &status);
        if (ret < 0)
            return status;
        allow_descriptors();
    }
    options->began = true;
    /* A reader of the output that goes away is an error of ours, not an end for the program. */
    signal(SIGPIPE, SIG_IGN);
    ret = reader_start(&reader);
    if (ret)
        complain("cannot start a thread: %s", strerror(ret));
    stops_serve(stops, argv ? argv[0] : NULL);
    reader_stop(&reader);
    return stops->command ? status_of(stops->status) : STATUS_OK;
}

int trace_main(int argc, char **argv)
{
    static struct out out = {.fd = STDERR_FILENO};
    static struct model model = {.lock = PTHREAD_MUTEX_INITIALIZER};
    struct stops stops = {.model = &model, .idle = idle, .arg = &model, .report = -1};
    struct options options = {.model = &model};
    struct sink_options sinks = {.out = &out, .model = &model};
    int status = parse(argc, argv, &options);

    if (status)
        return status < 0 ? STATUS_OK : status;
    if (options.output) {
        out.fd = open(options.output, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (out.fd < 0) {
            complain("%s: %s", options.output, strerror(errno));
            return STATUS_TROUBLE;
        }
    } else {
        out.colour = isatty(STDERR_FILENO) && !options.json && may_colour();
    }
    model.out = &out;
    model.follow = !options.summary;
    model.own_filter = !options.pid;
    model_start(&model);
    if (model.explain)
        (void)rota_caps_get(&model.caps, NULL);
    sinks.enters = options.enters;
    sinks.data = model.data_shown;
    if (options.summary)
        model.sink = summary_sink(&sinks, options.json);
    else
        model.sink = options.json ? json_sink(&sinks) : text_sink(&sinks);
    list_start(&stops.tasks);
    status = run(&options, &stops, options.pid ? NULL : argv + optind);
    if (options.began)
        model.sink->end(model.sink, now_ns() - model.start);
    out_flush(&out);
    if (out.error && out.error != EPIPE) {
        complain("cannot write the output: %s", strerror(out.error));
        return STATUS_TROUBLE;
    }
    return status;
}
