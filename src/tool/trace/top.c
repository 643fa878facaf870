/* SPDX-License-Identifier: MIT */
/*
 * rota top: every ring of the system, or of a process, and how busy it is. Nobody
 * is stopped, and nothing of a ring is held between two looks: each look fetches
 * the descriptor, maps the queues, reads and lets go.
 */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <rota/names.h>

#include "tool/tool.h"
#include "tool/trace/guess.h"
#include "tool/trace/model.h"
#include "tool/trace/trace.h"

/* The operations that a line has room for. */
#define OPS_SHOWN 3

/* Looking for rings takes at most this part of the time. */
#define SCAN_SHARE 50

/* A ring, with what the look before told. */
struct row {
    struct row *next;
    int pid, fd;
    uint64_t inode;
    char command[32];
    bool present; /* at this look */
    bool measured;
    bool has_params;
    struct io_uring_params params;
    struct ring_facts facts;
    struct indices before, now;
    uint64_t time_before, time_now;
    uint64_t work_before, total_before;
    /* Of the requests and completions since the last look, as far as they still lie there. */
    uint32_t sampled_requests, sampled_completions, errors;
    uint32_t ops[256];
};

enum order {
    ORDER_REQUESTS,
    ORDER_COMPLETIONS,
    ORDER_IN_FLIGHT,
    ORDER_MEMORY,
    ORDER_PROCESS,
};

static const struct {
    char key;
    const char *name;
} orders[] = {
    [ORDER_REQUESTS] = {'r', "requests"},   [ORDER_COMPLETIONS] = {'c', "completions"},
    [ORDER_IN_FLIGHT] = {'i', "in flight"}, [ORDER_MEMORY] = {'m', "memory"},
    [ORDER_PROCESS] = {'p', "process"},
};

#define ORDER_COUNT (sizeof(orders) / sizeof(orders[0]))

struct top {
    struct row *rows;
    unsigned closed_to_us; /* processes that may not be looked at */
    uint64_t scan_after;
    int pid; /* 0: all */
    enum order order;
    bool json, once, terminal;
    double interval;
    struct out out;
};

/*
 * Looking
 */

static bool is_ring_link(int directory, const char *name)
{
    char target[64];
    ssize_t length = readlinkat(directory, name, target, sizeof(target) - 1);

    if (length < 0)
        return false;
    target[length] = '\0';
    return !strcmp(target, "anon_inode:[io_uring]");
}

static void read_command(int pid, char *command, size_t size)
{
    char path[64];
    FILE *file;

    command[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    file = fopen(path, "re");
    if (!file)
        return;
    if (!fgets(command, (int)size, file))
        command[0] = '\0';
    fclose(file);
    command[strcspn(command, "\n")] = '\0';
    for (char *c = command; *c; c++) {
        if (!isprint((unsigned char)*c))
            *c = '?';
    }
}

/* Notes a ring; one that several processes share is that of the first. */
static void note_ring(struct top *top, int pid, int fd, uint64_t inode, bool unique)
{
    struct row *row, **end;

    for (end = &top->rows; *end; end = &(*end)->next) {
        row = *end;
        if ((row->pid == pid && row->fd == fd && row->inode == inode) ||
            (unique && row->inode == inode && row->present)) {
            row->present = true;
            return;
        }
    }
    row = need_memory(calloc(1, sizeof(*row)));
    row->pid = pid;
    row->fd = fd;
    row->inode = inode;
    row->present = true;
    read_command(pid, row->command, sizeof(row->command));
    *end = row;
}

/* On newer kernels each ring has an inode of its own; on others they share one. */
static bool inodes_are_unique(void)
{
    static int known = -1;

    if (known < 0) {
        struct io_uring_params params;
        struct stat first, second;
        long a, b;

        memset(&params, 0, sizeof(params));
        a = smallest_ring(&params);
        memset(&params, 0, sizeof(params));
        b = smallest_ring(&params);
        known = a >= 0 && b >= 0 && !fstat((int)a, &first) && !fstat((int)b, &second) &&
                first.st_ino != second.st_ino;
        if (a >= 0)
            close((int)a);
        if (b >= 0)
            close((int)b);
    }
    return known;
}

static void scan_process(struct top *top, int pid)
{
    char path[64];
    struct dirent *entry;
    DIR *directory;

    snprintf(path, sizeof(path), "/proc/%d/fd", pid);
    directory = opendir(path);
    if (!directory) {
        top->closed_to_us += errno == EACCES || errno == EPERM;
        return;
    }
    while ((entry = readdir(directory))) {
        struct stat found;

        if (entry->d_name[0] == '.' || !is_ring_link(dirfd(directory), entry->d_name) ||
            fstatat(dirfd(directory), entry->d_name, &found, 0))
            continue;
        note_ring(top, pid, atoi(entry->d_name), found.st_ino, inodes_are_unique());
    }
    closedir(directory);
}

static void scan(struct top *top)
{
    uint64_t start = now_ns();
    struct dirent *entry;
    DIR *directory;

    for (struct row *row = top->rows; row; row = row->next)
        row->present = false;
    top->closed_to_us = 0;
    if (top->pid) {
        scan_process(top, top->pid);
    } else {
        directory = opendir("/proc");
        if (!directory)
            return;
        while ((entry = readdir(directory))) {
            int pid = atoi(entry->d_name);

            if (pid > 0 && pid != getpid())
                scan_process(top, pid);
        }
        closedir(directory);
    }
    top->scan_after = now_ns() + (now_ns() - start) * SCAN_SHARE;
}

/* What lies in the queues of what came since the last look. */
static void sample_entries(struct row *row, struct ring *ring)
{
    uint32_t requests = row->now.sq_tail - row->before.sq_tail;
    uint32_t completions = row->now.cq_tail - row->before.cq_tail;

    memset(row->ops, 0, sizeof(row->ops));
    row->sampled_requests = row->sampled_completions = row->errors = 0;
    if (!row->time_before)
        return;
    if (requests > ring->params.sq_entries)
        requests = ring->params.sq_entries;
    if (completions > ring->params.cq_entries)
        completions = ring->params.cq_entries;
    for (uint32_t i = 0; i < requests; i++) {
        unsigned char sqe[SQE_BYTES];
        bool big, bad_slot;

        if (!ring_sqe(ring, row->now.sq_tail - 1 - i, sqe, &big, &bad_slot) || bad_slot)
            continue;
        row->ops[sqe[0]]++;
        row->sampled_requests++;
    }
    for (uint32_t i = 0; i < completions; i++) {
        struct completion cqe;

        if (!ring_cqe(ring, row->now.cq_tail - 1 - i, &cqe))
            continue;
        row->sampled_completions++;
        row->errors += cqe.res < 0;
    }
}

static bool look_at_row(struct row *row)
{
    struct ring ring = {.file = -1, .pid = row->pid};
    int file;

    row->work_before = row->facts.work_usec;
    row->total_before = row->facts.total_usec;
    if (!ring_facts(row->pid, row->fd, &row->facts))
        return false;
    row->before = row->now;
    row->time_before = row->time_now;
    row->time_now = now_ns();
    row->now.sq_head = row->facts.sq_head;
    row->now.sq_tail = row->facts.sq_tail;
    row->now.cq_head = row->facts.cq_head;
    row->now.cq_tail = row->facts.cq_tail;
    row->measured = row->time_before != 0;
    file = fetch_descriptor(row->pid, row->fd);
    if (file < 0)
        return true; /* fdinfo alone must do */
    if (!row->has_params || row->params.sq_entries != row->facts.sq_entries ||
        row->params.cq_entries != row->facts.cq_entries)
        row->has_params = !guess_params(row->pid, row->fd, file, &row->params);
    if (!row->has_params) {
        close(file);
        return true;
    }
    ring.params = row->params;
    if (!ring_attach(&ring, file)) {
        struct indices now;

        if (ring_indices(&ring, &now)) {
            row->now = now;
            row->time_now = now_ns();
        }
        sample_entries(row, &ring);
        ring_detach(&ring);
    }
    return true;
}

static void look(struct top *top)
{
    if (now_ns() >= top->scan_after)
        scan(top);
    for (struct row **at = &top->rows; *at;) {
        struct row *row = *at;

        if (row->present && look_at_row(row)) {
            at = &row->next;
            continue;
        }
        *at = row->next;
        free(row);
    }
}

/*
 * Figures
 */

static double per_second(const struct row *row, uint32_t now, uint32_t before)
{
    double time = (double)(row->time_now - row->time_before) / 1e9;

    return row->measured && time > 0 ? (double)(uint32_t)(now - before) / time : 0;
}

static double request_rate(const struct row *row)
{
    return per_second(row, row->now.sq_tail, row->before.sq_tail);
}

static double completion_rate(const struct row *row)
{
    return per_second(row, row->now.cq_tail, row->before.cq_tail);
}

static double error_rate(const struct row *row)
{
    if (!row->sampled_completions)
        return 0;
    return completion_rate(row) * row->errors / row->sampled_completions;
}

/*
 * Taken and not completed, where each request gives one completion. A ring with
 * streams or without completions for success says something else: -1.
 */
static int64_t in_flight(const struct row *row)
{
    int32_t count = (int32_t)(row->now.sq_head - row->now.cq_tail);

    return count < 0 ? -1 : count;
}

static uint64_t memory(const struct row *row)
{
    uint64_t sqe = row->params.flags & IORING_SETUP_SQE128 ? 128 : 64;
    uint64_t cqe = row->params.flags & IORING_SETUP_CQE32 ? 32 : 16;

    return row->facts.sq_entries * (sqe + 4) + row->facts.cq_entries * cqe +
           row->facts.buffer_bytes;
}

static double sqpoll_share(const struct row *row)
{
    uint64_t total = row->facts.total_usec - row->total_before;

    if (!row->measured || !total)
        return 0;
    return 100.0 * (double)(row->facts.work_usec - row->work_before) / (double)total;
}

static enum order sort_order;

static double sort_key(const struct row *row)
{
    switch (sort_order) {
    case ORDER_COMPLETIONS:
        return completion_rate(row);
    case ORDER_IN_FLIGHT:
        return (double)in_flight(row);
    case ORDER_MEMORY:
        return (double)memory(row);
    case ORDER_PROCESS:
        return -row->pid;
    case ORDER_REQUESTS:
    default:
        return request_rate(row);
    }
}

static int compare(const void *a, const void *b)
{
    const struct row *first = *(struct row *const *)a, *second = *(struct row *const *)b;
    double x = sort_key(first), y = sort_key(second);

    if (x != y)
        return x < y ? 1 : -1;
    if (first->pid != second->pid)
        return first->pid < second->pid ? -1 : 1;
    return first->fd < second->fd ? -1 : 1;
}

static struct row **sorted(const struct top *top, unsigned *count)
{
    struct row **list;

    *count = 0;
    for (struct row *row = top->rows; row; row = row->next)
        ++*count;
    list = need_memory(malloc((*count + 1) * sizeof(*list)));
    *count = 0;
    for (struct row *row = top->rows; row; row = row->next)
        list[(*count)++] = row;
    sort_order = top->order;
    qsort(list, *count, sizeof(*list), compare);
    return list;
}

/*
 * Showing
 */

static const char *short_number(double value, char *buf, size_t size)
{
    static const char units[] = " kMGT";
    unsigned unit = 0;

    while (value >= 9999.5 && unit < 4) {
        value /= 1000;
        unit++;
    }
    if (unit)
        snprintf(buf, size, "%.0f%c", value, units[unit]);
    else
        snprintf(buf, size, value > 0 && value < 10 ? "%.1f" : "%.0f", value);
    return buf;
}

static const char *short_bytes(uint64_t bytes, char *buf, size_t size)
{
    static const char *const units[] = {"B", "K", "M", "G", "T"};
    double value = (double)bytes;
    unsigned unit = 0;

    while (value >= 1024 && unit < 4) {
        value /= 1024;
        unit++;
    }
    snprintf(buf, size, unit && value < 10 ? "%.1f%s" : "%.0f%s", value, units[unit]);
    return buf;
}

/* "READ 80% WRITE 20%", of what was sampled. */
static void ops_text(const struct row *row, char *buf, size_t size)
{
    uint32_t ops[256];
    size_t length = 0;

    buf[0] = '\0';
    memcpy(ops, row->ops, sizeof(ops));
    for (unsigned n = 0; n < OPS_SHOWN && row->sampled_requests; n++) {
        unsigned best = 0;
        int wrote;

        for (unsigned i = 1; i < 256; i++) {
            if (ops[i] > ops[best])
                best = i;
        }
        if (!ops[best])
            break;
        wrote = snprintf(buf + length, size - length, "%s%s %u%%", n ? " " : "",
                         rota_op_name(best) ? rota_op_name(best) : "?",
                         (unsigned)((uint64_t)ops[best] * 100 / row->sampled_requests));
        if (wrote < 0 || (size_t)wrote >= size - length)
            break;
        length += (size_t)wrote;
        ops[best] = 0;
    }
}

static int row_text(const struct row *row, char *buf, size_t size)
{
    char sq[24], cq[24], rate[16], came[16], errors[16], flight[16], bytes[16], poll[24], ops[96];

    snprintf(sq, sizeof(sq), "%u/%u", row->now.sq_tail - row->now.sq_head, row->facts.sq_entries);
    snprintf(cq, sizeof(cq), "%u/%u", row->now.cq_tail - row->now.cq_head, row->facts.cq_entries);
    if (in_flight(row) < 0)
        snprintf(flight, sizeof(flight), "-");
    else
        snprintf(flight, sizeof(flight), "%lld", (long long)in_flight(row));
    if (row->facts.sq_thread < 0)
        snprintf(poll, sizeof(poll), "-");
    else
        snprintf(poll, sizeof(poll), "%d %.0f%%", row->facts.sq_thread, sqpoll_share(row));
    ops_text(row, ops, sizeof(ops));
    return snprintf(buf, size, "%7d %-15.15s %4d %11s %11s %8s %7s %7s %7s %5llu %9s %6s  %s",
                    row->pid, row->command, row->fd, sq, cq, flight,
                    short_number(request_rate(row), rate, sizeof(rate)),
                    short_number(completion_rate(row), came, sizeof(came)),
                    short_number(error_rate(row), errors, sizeof(errors)),
                    (unsigned long long)row->facts.overflowed, poll,
                    short_bytes(memory(row), bytes, sizeof(bytes)), ops);
}

static const char header[] =
    "    PID COMMAND           FD     SQ used     CQ used INFLIGHT   REQ/s   CQE/s   ERR/s  OVFL  "
    " SQPOLL    MEM  REQUESTS";

static void show_json(struct top *top, const struct row *row)
{
    struct out *out = &top->out;
    bool any = false;

    out_format(out, "{\"pid\": %d, \"command\": ", row->pid);
    out_json(out, row->command);
    out_format(out,
               ", \"fd\": %d, \"sq_entries\": %u, \"cq_entries\": %u, \"sq_used\": %u, "
               "\"cq_used\": %u, \"in_flight\": ",
               row->fd, row->facts.sq_entries, row->facts.cq_entries,
               row->now.sq_tail - row->now.sq_head, row->now.cq_tail - row->now.cq_head);
    if (in_flight(row) < 0)
        out_text(out, "null");
    else
        out_signed(out, in_flight(row));
    out_format(out,
               ", \"requests_per_second\": %.1f, \"completions_per_second\": %.1f, "
               "\"errors_per_second\": %.1f, \"overflow\": %llu, \"sq_thread\": ",
               request_rate(row), completion_rate(row), error_rate(row),
               (unsigned long long)row->facts.overflowed);
    if (row->facts.sq_thread < 0)
        out_text(out, "null");
    else
        out_signed(out, row->facts.sq_thread);
    out_format(out,
               ", \"sq_thread_busy\": %.1f, \"files\": %llu, \"buffers\": %llu, \"memory\": %llu, "
               "\"sampled\": %u, \"ops\": {",
               sqpoll_share(row), (unsigned long long)row->facts.files,
               (unsigned long long)row->facts.buffers, (unsigned long long)memory(row),
               row->sampled_requests);
    for (unsigned i = 0; i < 256; i++) {
        if (!row->ops[i])
            continue;
        out_text(out, any ? ", " : "");
        any = true;
        out_json(out, rota_op_name(i) ? rota_op_name(i) : "unknown");
        out_format(out, ": %u", row->ops[i]);
    }
    out_text(out, "}}\n");
}

static void show_plain(struct top *top)
{
    unsigned count;
    struct row **rows = sorted(top, &count);
    char line[512];

    if (!top->json)
        out_format(&top->out, "%s\n", header);
    for (unsigned i = 0; i < count; i++) {
        if (top->json) {
            show_json(top, rows[i]);
            continue;
        }
        row_text(rows[i], line, sizeof(line));
        out_format(&top->out, "%s\n", line);
    }
    if (!count && !top->json)
        out_text(&top->out, "no ring is to be seen\n");
    if (top->closed_to_us && !top->json)
        out_format(&top->out, "%u processes of others may not be looked at; as root they may\n",
                   top->closed_to_us);
    if (!top->once && !top->json)
        out_char(&top->out, '\n');
    out_flush(&top->out);
    free(rows);
}

static volatile sig_atomic_t leave_now;
static volatile sig_atomic_t resized;

static void on_signal(int number)
{
    if (number == SIGWINCH)
        resized = 1;
    else
        leave_now = 1;
}

/* A line of the screen, no longer than it is wide. */
static void screen_line(struct out *out, const char *text, unsigned columns, bool title)
{
    size_t length = strlen(text);

    if (title)
        out_text(out, "\033[7m");
    out_put(out, text, length < columns ? length : columns);
    if (title) {
        for (size_t i = length; i < columns; i++)
            out_char(out, ' ');
        out_text(out, "\033[0m");
    }
    out_text(out, "\033[K\r\n");
}

static void show_screen(struct top *top)
{
    struct winsize size = {.ws_row = 24, .ws_col = 80};
    struct out *out = &top->out;
    double requests = 0, completions = 0;
    char line[512], a[16], b[16];
    unsigned count, room;
    struct row **rows = sorted(top, &count);

    ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    for (unsigned i = 0; i < count; i++) {
        requests += request_rate(rows[i]);
        completions += completion_rate(rows[i]);
    }
    out_text(out, "\033[H");
    snprintf(line, sizeof(line),
             "rota top: %u ring%s, %s requests/s, %s completions/s; sorted by %s%s", count,
             count == 1 ? "" : "s", short_number(requests, a, sizeof(a)),
             short_number(completions, b, sizeof(b)), orders[top->order].name,
             top->closed_to_us ? "; not all processes may be looked at" : "");
    screen_line(out, line, size.ws_col, false);
    screen_line(out, "sort: r requests  c completions  i in flight  m memory  p process    q quit",
                size.ws_col, false);
    screen_line(out, header, size.ws_col, true);
    room = size.ws_row > 4 ? size.ws_row - 4u : 0;
    for (unsigned i = 0; i < count && i < room; i++) {
        row_text(rows[i], line, sizeof(line));
        screen_line(out, line, size.ws_col, false);
    }
    out_text(out, "\033[J");
    out_flush(out);
    free(rows);
}

/* Until the next look; true when a key asks to show again at once. */
static bool wait_for_key(struct top *top, uint64_t until)
{
    struct pollfd keyboard = {.fd = STDIN_FILENO, .events = POLLIN};
    uint64_t now = now_ns();
    char key;

    if (now >= until || poll(&keyboard, 1, (int)((until - now) / 1000000) + 1) <= 0)
        return resized;
    if (read(STDIN_FILENO, &key, 1) != 1 || key == 'q' || key == 'Q' || key == 3) {
        leave_now = 1;
        return false;
    }
    for (unsigned i = 0; i < ORDER_COUNT; i++) {
        if (orders[i].key == tolower((unsigned char)key))
            top->order = (enum order)i;
    }
    return true;
}

static int run_screen(struct top *top)
{
    static const char start[] = "\033[?1049h\033[?25l\033[H\033[2J", end[] = "\033[?25h\033[?1049l";
    struct termios before, raw;
    bool keys = !tcgetattr(STDIN_FILENO, &before);

    if (keys) {
        raw = before;
        raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
        raw.c_cc[VMIN] = 1;
        raw.c_cc[VTIME] = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    }
    out_text(&top->out, start);
    while (!leave_now && !top->out.error) {
        uint64_t until = now_ns() + (uint64_t)(top->interval * 1e9);

        look(top);
        show_screen(top);
        while (!leave_now && now_ns() < until) {
            if (wait_for_key(top, until)) {
                if (resized)
                    out_text(&top->out, "\033[2J");
                resized = 0;
                show_screen(top);
            }
        }
    }
    out_text(&top->out, end);
    out_flush(&top->out);
    if (keys)
        tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return STATUS_OK;
}

static void sleep_until(uint64_t until)
{
    while (!leave_now) {
        uint64_t now = now_ns();

        if (now >= until)
            return;
        nanosleep(&(struct timespec){(time_t)((until - now) / 1000000000),
                                     (long)((until - now) % 1000000000)},
                  NULL);
    }
}

static int run_plain(struct top *top)
{
    look(top);
    do {
        sleep_until(now_ns() + (uint64_t)(top->interval * 1e9));
        if (leave_now)
            break;
        look(top);
        show_plain(top);
    } while (!top->once && !top->out.error);
    if (top->out.error && top->out.error != EPIPE) {
        complain("cannot write the output: %s", strerror(top->out.error));
        return STATUS_TROUBLE;
    }
    return STATUS_OK;
}

static void print_help(void)
{
    fputs("Usage: rota top [OPTION]...\n"
          "The rings of all processes, or of one, and how busy they are. Stops nobody.\n"
          "\n"
          "Options:\n"
          "  -p, --pid PID        only the rings of that process\n"
          "  -d, --delay SECONDS  time between two looks; 1 when not given\n"
          "      --once           print the table once, after one delay\n"
          "  -j, --json           one JSON object for each ring and look\n"
          "  -h, --help           print this\n"
          "\n"
          "Keys: r, c, i, m, p sort by requests, completions, requests in flight, memory\n"
          "or process; q quits.\n"
          "\n"
          "Examples:\n"
          "  rota top                     who uses rings, and how busily\n"
          "  rota top --once --json -p 1  for a script\n"
          "\n"
          "Exit status: 0 done; 2 bad arguments; 3 the kernel stood in the way, or the\n"
          "output cannot be written.\n",
          stdout);
}

static int parse(int argc, char **argv, struct top *top)
{
    static const struct option known[] = {
        {"pid", required_argument, NULL, 'p'}, {"delay", required_argument, NULL, 'd'},
        {"once", no_argument, NULL, 'o'},      {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},      {NULL, 0, NULL, 0},
    };
    uint64_t value;
    char *end;
    int option;

    while ((option = getopt_long(argc, argv, "p:d:jh", known, NULL)) != -1) {
        switch (option) {
        case 'p':
            if (!parse_number(optarg, INT32_MAX, &value) || !value)
                return usage_error("'%s' is no process id", optarg);
            top->pid = (int)value;
            break;
        case 'd':
            top->interval = strtod(optarg, &end);
            if (end == optarg || *end || !(top->interval >= 0.01 && top->interval <= 86400))
                return usage_error("'%s' is no number of seconds from 0.01 to 86400", optarg);
            break;
        case 'o':
            top->once = true;
            break;
        case 'j':
            top->json = true;
            break;
        case 'h':
            print_help();
            return -1;
        default:
            return bad_option();
        }
    }
    if (optind < argc)
        return usage_error("unexpected argument '%s'", argv[optind]);
    return STATUS_OK;
}

int top_main(int argc, char **argv)
{
    static struct top top = {.interval = 1, .out = {.fd = STDOUT_FILENO}};
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGWINCH};
    struct sigaction action;
    const char *term = getenv("TERM");
    int status = parse(argc, argv, &top);

    if (status)
        return status < 0 ? STATUS_OK : status;
    if (top.pid && kill(top.pid, 0) < 0 && errno == ESRCH) {
        complain("there is no process %d", top.pid);
        return STATUS_TROUBLE;
    }
    memset(&action, 0, sizeof(action));
    action.sa_handler = on_signal;
    for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        sigaction(ends[i], &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    top.terminal = isatty(STDOUT_FILENO) && term && *term && strcmp(term, "dumb") != 0;
    return top.terminal && !top.once && !top.json ? run_screen(&top) : run_plain(&top);
}
