/* SPDX-License-Identifier: MIT */
/* The example `ublk` as a server in a child; for programs that have the example compiled in. */
#ifndef ROTA_TESTS_SERVER_H
#define ROTA_TESTS_SERVER_H

#include <sys/prctl.h>
#include <sys/wait.h>

#include "ended.h"

#define ARGUMENTS(...) ((char *[]){(char[]){"ublk"}, (char[]){"add"}, __VA_ARGS__, NULL})
#define OPTION(text)   ((char[]){text})

/* A server, and the disk that it has. */
struct server {
    pid_t pid;
    int id, disk;
    int output; /* what it says after its disk's name */
    char path[64];
};

static int run_example(char **arguments, int output)
{
    int count = 0, status = -1;
    pid_t pid = fork();

    while (arguments[count])
        count++;
    if (!pid) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (output >= 0)
            dup2(output, STDOUT_FILENO);
        for (int fd = 3; fd < 64; fd++)
            close(fd); /* a server that held its own disk open would wait for itself */
        exit(example_main(count, arguments));
    }
    if (output >= 0)
        return pid;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* Starts a server and waits for its disk; false when it ended instead. */
static bool start_server(struct server *s, char **arguments)
{
    char *line = s->path;
    int ends[2];
    size_t used = 0;
    ssize_t got;

    s->disk = -1;
    if (pipe(ends) < 0)
        return false;
    fflush(stdout);
    s->pid = run_example(arguments, ends[1]);
    close(ends[1]);
    while (used < sizeof(s->path) - 1 && (got = read(ends[0], line + used, 1)) == 1) {
        if (line[used++] == '\n')
            break;
    }
    s->output = ends[0];
    line[used ? used - 1 : 0] = '\0';
    if (sscanf(line, "/dev/ublkb%d", &s->id) != 1) {
        waitpid(s->pid, NULL, 0);
        close(s->output);
        return false;
    }
    for (int i = 0; i < 200 && s->disk < 0; i++) { /* the node comes a moment later */
        s->disk = open(line, O_RDWR | O_DIRECT | O_CLOEXEC);
        if (s->disk < 0)
            usleep(20000);
    }
    return s->disk >= 0;
}

static int stop_server(struct server *s)
{
    if (s->disk >= 0)
        close(s->disk);
    s->disk = -1;
    kill(s->pid, SIGTERM);
    return program_ended(s->pid);
}

#endif /* ROTA_TESTS_SERVER_H */
