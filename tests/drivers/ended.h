/* SPDX-License-Identifier: MIT */
/* The end of a server in a child. */
#ifndef ROTA_TESTS_ENDED_H
#define ROTA_TESTS_ENDED_H

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* Its exit status, or 128 and the signal's number; -1 when it does not end in half a minute. */
static int program_ended(pid_t pid)
{
    int status;

    for (int i = 0; i < 3000; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid)
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        usleep(10000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return -1;
}

#endif /* ROTA_TESTS_ENDED_H */
