/* SPDX-License-Identifier: MIT */
/*
 * Runs a program under a seccomp filter as a container runtime makes it of a profile.
 *
 *     contain RULES ERRNO PROGRAM [ARGUMENT]...
 *
 * RULES is a file of lines "NUMBER ERRNO", a system call and what it is answered
 * with, 0 to let it pass; all others are answered with ERRNO. tests/emulated/contained
 * writes it. Exit status 77 when no filter can be installed.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MOST 2000 /* of 4096 that the kernel takes */

static struct sock_filter code[2 * MOST + 2];
static unsigned short length;

static void add(unsigned short what, unsigned value, unsigned char yes, unsigned char no)
{
    code[length++] = (struct sock_filter){what, yes, no, value};
}

static void answer(unsigned long error)
{
    add(BPF_RET | BPF_K,
        error ? SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA) : SECCOMP_RET_ALLOW, 0, 0);
}

int main(int argc, char **argv)
{
    struct sock_fprog program = {0, code};
    unsigned long number, error;
    FILE *rules;

    if (argc < 4) {
        fprintf(stderr, "usage: contain RULES ERRNO PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    rules = fopen(argv[1], "re");
    if (!rules) {
        fprintf(stderr, "contain: %s: %s\n", argv[1], strerror(errno));
        return 2;
    }
    add(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr), 0, 0);
    while (fscanf(rules, "%lu %lu", &number, &error) == 2 && length < 2 * MOST) {
        add(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1);
        answer(error);
    }
    fclose(rules);
    answer(strtoul(argv[2], NULL, 10));
    program.len = length;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) {
        fprintf(stderr, "contain: no filter: %s\n", strerror(errno));
        return 77;
    }
    execv(argv[3], argv + 3);
    fprintf(stderr, "contain: %s: %s\n", argv[3], strerror(errno));
    return 127;
}
