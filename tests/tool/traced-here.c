/* SPDX-License-Identifier: MIT */
/*
 * rota trace on whatever kernel this is, in one program that can be moved into a
 * guest: it traces itself, and compares what was seen with what it did.
 */
#include <errno.h>
#include <fcntl.h>
#include <rota.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"
#include "tool/tool.h"

#define STATUS 5
#define BATCH  4

static char text[1 << 20];
static const char *self;

/* What is traced cannot be looked at for leaks. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0";
}

/* What is traced: requests in batches, each fifth of which fails. */
static int target(unsigned flags, unsigned count)
{
    struct io_uring_params params = {.flags = flags, .sq_thread_idle = 50};
    struct rota_ring ring;
    unsigned came = 0;

    if (rota_queue_init_params(16, &ring, &params) < 0)
        return 77;
    for (unsigned sent = 0; sent < count;) {
        struct io_uring_cqe *cqe;

        for (unsigned i = 0; i < BATCH; i++, sent++) {
            struct io_uring_sqe *sqe = rota_get_sqe(&ring);

            if (sent % 5 == 4)
                rota_prep_fsync(sqe, 999, 0);
            else
                rota_prep_nop(sqe);
            sqe->user_data = sent;
        }
        /* Before Linux 6.0 a submit ends at a request that is refused. */
        while (came < sent) {
            if (rota_submit_and_wait(&ring, 1) < 0)
                return 1;
            while (!rota_peek_cqe(&ring, &cqe)) {
                rota_cqe_seen(&ring, cqe);
                came++;
            }
        }
    }
    rota_queue_exit(&ring);
    return STATUS;
}

/* Traces it with an option or without; its status, and the lines of the trace in `text`. */
static int trace(const char *option, unsigned flags, unsigned count)
{
    char file[] = "/tmp/rota-traced-XXXXXX", flag_text[16], count_text[16];
    const char *argv[] = {"rota trace", "--json", "-o",      file,       option, "--",
                          self,         "target", flag_text, count_text, NULL};
    int fd = mkstemp(file), status;
    ssize_t got;
    pid_t child;

    if (fd < 0)
        bail("mkstemp: %s", strerror(errno));
    snprintf(flag_text, sizeof(flag_text), "%u", flags);
    snprintf(count_text, sizeof(count_text), "%u", count);
    fflush(stdout);
    child = fork();
    if (child < 0)
        bail("fork: %s", strerror(errno));
    if (!child)
        _exit(trace_main(10, (char **)(uintptr_t)argv));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        continue;
    got = read(fd, text, sizeof(text) - 1);
    text[got > 0 ? got : 0] = '\0';
    close(fd);
    unlink(file);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Lines of a kind that have this, too. */
static unsigned lines(const char *kind, const char *with)
{
    unsigned count = 0;
    char key[64];

    snprintf(key, sizeof(key), "{\"event\": \"%s\"", kind);
    for (const char *at = text, *end; *at; at = *end ? end + 1 : end) {
        const char *found;

        end = strchr(at, '\n');
        if (!end)
            end = at + strlen(at);
        found = strstr(at, with);
        count += !strncmp(at, key, strlen(key)) && found && found < end;
    }
    return count;
}

/* The sum of a number behind `key` in all lines of a kind. */
static unsigned long sum(const char *kind, const char *key)
{
    unsigned long total = 0;
    char begin[64];

    snprintf(begin, sizeof(begin), "{\"event\": \"%s\"", kind);
    for (const char *at = strstr(text, begin); at; at = strstr(at + 1, begin)) {
        const char *number = strstr(at, key);

        total += number ? strtoul(number + strlen(key), NULL, 10) : 0;
    }
    return total;
}

static void test_kind(const char *name, unsigned flags)
{
    int status = trace("--follow-data=0", flags, 40);
    unsigned long lost;

    if (status == 77) {
        skip(1, "a ring with %s: this kernel has none", name);
        return;
    }
    is_int(status, STATUS, "%s: the program ends as without", name);
    lost = sum("lost", "\"requests\": ");
    is_int(lines("request", "") + lost, 40, "%s: each request is seen, or counted", name);
    is_int(lines("request", "\"res\": ") + lines("completion", "\"res\": ") +
               sum("lost", "\"completions\": "),
           40, "%s: and each completion", name);
    if (flags & IORING_SETUP_SQPOLL)
        return;
    is_int(lost, 0, "%s: nothing is lost at stops", name);
    is_int(lines("request", "\"error\": \"EBADF\"") + lines("completion", "\"error\": \"EBADF\""),
           8, "%s: the failed ones by name", name);
    is_int(lines("setup", "\"sq_entries\": 16"), 1, "%s: the set-up", name);
}

static void test_running(void)
{
    is_int(trace("--no-stop", 0, 400), STATUS, "--no-stop: the program ends as without");
    is_int(lines("request", "") + sum("lost", "\"requests\": "), 400,
           "--no-stop: each request is seen, or counted");
    is_int(trace("--summary", 0, 400), STATUS, "--summary: the program ends as without");
    is_int(sum("summary", "\"passed\": "), 400, "--summary: how many there were");
}

int main(int argc, char **argv)
{
    struct io_uring_params params = {0};
    struct rota_ring ring;
    int status;

    if (argc > 3 && !strcmp(argv[1], "target"))
        return target((unsigned)atoi(argv[2]), (unsigned)atoi(argv[3]));
    self = argv[0];
    status = rota_queue_init_params(1, &ring, &params);
    if (status < 0)
        skip_all("no ring can be made: %s", strerror(-status));
    rota_queue_exit(&ring);
    status = trace("--follow-data=0", 0, BATCH);
    if (status == STATUS_TROUBLE)
        skip_all("nothing can be traced here");
    test_kind("no flag", 0);
    test_kind("SQPOLL", IORING_SETUP_SQPOLL);
    test_kind("SQE128 and CQE32", IORING_SETUP_SQE128 | IORING_SETUP_CQE32);
    test_kind("DEFER_TASKRUN", IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SINGLE_ISSUER);
    test_kind("NO_SQARRAY", IORING_SETUP_NO_SQARRAY);
    test_running();
    return done();
}
