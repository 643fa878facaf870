/* SPDX-License-Identifier: MIT */
/*
 * Runs a program under a seccomp filter that denies io_uring, as container
 * runtimes install one.
 *
 *     refuse ACTION CALLS PROGRAM [ARGUMENT]...
 *
 * ACTION is the errno with which a call is answered, or `kill`; CALLS is `all`
 * or `setup`, or `ptrace`, which is denied then instead. Exit status 77 when no filter can be installed.
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
#include <sys/syscall.h>
#include <unistd.h>

/* The same on every architecture. */
#define NR_SETUP    425
#define NR_REGISTER 427

int main(int argc, char **argv)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, NR_SETUP, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NR_REGISTER, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    if (argc < 4) {
        fprintf(stderr, "usage: refuse ERRNO|kill all|setup|ptrace PROGRAM [ARGUMENT]...\n");
        return 2;
    }
    if (strcmp(argv[1], "kill") != 0)
        code[3].k = SECCOMP_RET_ERRNO | ((unsigned)atoi(argv[1]) & SECCOMP_RET_DATA);
    if (!strcmp(argv[2], "setup"))
        code[2].k = NR_SETUP;
    if (!strcmp(argv[2], "ptrace"))
        code[1].k = code[2].k = SYS_ptrace;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) {
        fprintf(stderr, "refuse: no filter: %s\n", strerror(errno));
        return 77;
    }
    execv(argv[3], argv + 3);
    fprintf(stderr, "refuse: %s: %s\n", argv[3], strerror(errno));
    return 127;
}
