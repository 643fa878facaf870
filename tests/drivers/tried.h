/* SPDX-License-Identifier: MIT */
/*
 * What the trials of commands say, so that tests/codegen/test_tried.py finds them:
 * the table names the program that tries a command or an error of it.
 */
#ifndef ROTA_TESTS_TRIED_H
#define ROTA_TESTS_TRIED_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* A command, or any command of a family, is answered with that error. */
#define refuses(command, error, ret) is_int(ret, -(error), "%s: %s", #command, #error)

/* A command does what it shall. */
#define does(command, what) ok(what, "%s", #command)

/* A function's result in a child that is nobody; -ENOTRECOVERABLE when there is none. */
__attribute__((unused)) static int as_nobody(int (*function)(void *), void *argument)
{
    int ends[2], result = -ENOTRECOVERABLE;
    pid_t pid;

    if (pipe(ends) < 0)
        return result;
    fflush(stdout);
    pid = fork();
    if (!pid) {
        if (!setgid(65534) && !setuid(65534)) {
            result = function(argument);
            if (write(ends[1], &result, sizeof(result)) < 0)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    if (read(ends[0], &result, sizeof(result)) < 0)
        result = -errno;
    close(ends[0]);
    waitpid(pid, NULL, 0);
    return result;
}

#endif /* ROTA_TESTS_TRIED_H */
