/* SPDX-License-Identifier: MIT */
/*
 * A program of liburing's that was linked with the choice of the emulated kernel, and has not a word of
 * it: where io_uring is refused its rings work, and stand on that one; elsewhere on the real kernel.
 */
#include <liburing.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

#define NR_SETUP    425
#define NR_REGISTER 427

static int deny_io_uring(unsigned error)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, NR_SETUP, 0, 2),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NR_REGISTER, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(code) / sizeof(code[0]), code};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

/* What any program of liburing's does. */
static int copy_a_word(struct io_uring *ring)
{
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe;
    char word[5] = "";
    int ends[2], ret;

    if (pipe(ends) < 0 || write(ends[1], "word", 4) != 4)
        return -1;
    sqe = io_uring_get_sqe(ring);
    io_uring_prep_read(sqe, ends[0], word, 4, 0);
    ret = io_uring_submit_and_wait(ring, 1);
    if (ret == 1 && !io_uring_peek_cqe(ring, &cqe)) {
        ret = cqe->res;
        io_uring_cqe_seen(ring, cqe);
    }
    close(ends[0]);
    close(ends[1]);
    return ret == 4 && !strcmp(word, "word") ? 0 : -1;
}

static void as_it_is(bool refused)
{
    struct io_uring ring;
    int ret = io_uring_queue_init(4, &ring, 0);

    is_int(ret, 0, "a ring is made");
    if (ret < 0)
        return;
    is_int(rota_ring_kind(&ring.rota), refused ? ROTA_KERNEL_EMULATED : ROTA_KERNEL_REAL,
           "on the %s kernel", refused ? "emulated" : "real");
    is_int(copy_a_word(&ring), 0, "and works");
    io_uring_queue_exit(&ring);
}

/* The same program where io_uring is refused before its main() begins; its status. */
static int run_refused(void)
{
    char line[256];
    int status = 0, ends[2];
    FILE *lines;
    pid_t child;

    if (pipe(ends))
        return -1;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        dup2(ends[1], 1);
        close(ends[0]);
        close(ends[1]);
        if (deny_io_uring(EPERM))
            _exit(77);
        execl("/proc/self/exe", "by_link", "refused", (char *)NULL);
        _exit(1);
    }
    close(ends[1]);
    lines = fdopen(ends[0], "r");
    /* Its checks are its own. */
    while (lines && fgets(line, sizeof(line), lines)) {
        line[strcspn(line, "\n")] = '\0';
        diag("it says: %s", line);
    }
    if (lines)
        fclose(lines);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status))
        return -1;
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    struct io_uring_params params = {0};
    int fd, status;

    (void)argv;
    if (argc > 1) {
        as_it_is(true);
        return done();
    }
    fd = rota_sys_setup(1, &params);
    if (fd >= 0)
        close(fd);
    as_it_is(fd < 0);
    status = run_refused();
    if (status == 77)
        skip(1, "no filter can be installed here");
    else
        is_int(status, 0, "so does the program where io_uring is refused, on the emulated kernel");
    return done();
}
