/* SPDX-License-Identifier: MIT */
/*
 * Another process looked at from outside: a child makes situations real and
 * explains them to itself; its parent, where other descriptors are open, other
 * memory is mapped and other limits hold, must say the same of it.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <rota.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tap.h"

/* Of more memory than may be locked. */
static const struct rota_register_call call = {.opcode = IORING_REGISTER_BUFFERS, .nr_args = 1};

#define CASES 24

/* One request of the child, what it got, and what the child itself says to that. */
struct situation {
    char name[64];
    struct io_uring_sqe sqe;
    int res;
    bool is_other; /* sent by a thread that does not own the ring */
    char text[2048];
    char followed[1024];
};

/* What both see; the rest of the child's memory is its own. */
struct shared {
    struct situation situations[CASES];
    int count;
    int owner;
    char submit[1024], setup[1024], registered[1024], descriptors[1024], locked[1024];
};

static struct shared *shared;

static struct io_uring_sqe *add(const char *name, int res)
{
    struct situation *s = &shared->situations[shared->count++];

    if (shared->count > CASES)
        _exit(3);
    snprintf(s->name, sizeof(s->name), "%s", name);
    s->res = res;
    rota_sqe_clear(&s->sqe);
    return &s->sqe;
}

/* A ring as one knows it from outside. */
static void describe(struct rota_ring *ring)
{
    memset(ring, 0, sizeof(*ring));
    ring->flags = IORING_SETUP_SINGLE_ISSUER;
    ring->features = IORING_FEAT_EXT_ARG;
    ring->ring_fd = 990;
    ring->owner = shared->owner;
}

static void make_situations(const char *directory)
{
    static char text[] = "a text of the child";
    static struct iovec vectors[2];
    static struct msghdr message;
    static struct __kernel_timespec time = {.tv_sec = 7, .tv_nsec = 9};
    char *gone = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int sockets[2], pipes[2], reading, at;

    if (chdir(directory) || mkdir("inner", 0700) ||
        close(open("inner/file", O_CREAT | O_RDWR, 0600)) || gone == MAP_FAILED ||
        munmap(gone, 4096) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) || pipe(pipes))
        _exit(3);
    reading = fcntl(open("inner/file", O_RDONLY), F_DUPFD, 700);
    at = fcntl(open("inner", O_PATH | O_DIRECTORY), F_DUPFD, 710);
    vectors[0] = (struct iovec){text, sizeof(text)};
    vectors[1] = (struct iovec){gone, 16};
    message.msg_iov = vectors;
    message.msg_iovlen = 2;

    rota_prep_read(add("a descriptor that is not open", -EBADF), 990, text, 8, 0);
    rota_prep_write(add("a file open for reading", -EBADF), reading, text, 8, 0);
    rota_prep_recv(add("a file that is no socket", -ENOTSOCK), reading, text, 8, 0);
    rota_prep_read(add("a directory", -EISDIR), open(".", O_RDONLY), text, 8, 0);
    rota_prep_write(add("an address of nothing", -EFAULT), pipes[1], gone, 8, 0);
    rota_prep_writev(add("a vector of nothing", -EFAULT), pipes[1], vectors, 2, 0);
    rota_prep_openat(add("a path that is missing", -ENOENT), AT_FDCWD, "inner/missing", O_RDONLY,
                     0);
    rota_prep_openat(add("a path that is there", -EEXIST), AT_FDCWD, "inner/file",
                     O_RDWR | O_CREAT | O_EXCL, 0600);
    rota_prep_openat(add("a path below a descriptor", -ENOENT), at, "missing", O_RDONLY, 0);
    rota_prep_openat(add("a whole path", -EEXIST), AT_FDCWD, "/", O_RDWR | O_CREAT | O_EXCL, 0600);
    rota_prep_openat(add("a path through a file", -ENOTDIR), AT_FDCWD, "inner/file/below", O_RDONLY,
                     0);
    rota_prep_write(add("a limit of files", -EFBIG), pipes[1], text, 8, 0);
    rota_prep_accept(add("a limit of descriptors", -EMFILE), sockets[0], NULL, NULL, 0);
    rota_prep_read(add("a limit of locked memory", -ENOMEM), pipes[0], text, 8, 0);
    rota_prep_send(add("a field that must be zero", -EINVAL), sockets[0], text, 8, 0);
    shared->situations[shared->count - 1].sqe.addr3 = 1;
    rota_prep_nop(add("a thread that does not own the ring", -EEXIST));
    shared->situations[shared->count - 1].is_other = true;
    rota_prep_sendmsg(add("a message", -EPIPE), sockets[1], &message, 0);
    rota_prep_timeout(add("a time", -ETIME), &time, 0, 0);
    rota_prep_read(add("no error", 8), pipes[0], text, 8, 0);
}

static void child(const char *directory)
{
    struct rlimit files = {64, 64}, size = {12345, 12345}, locked = {4096, 4096};
    struct io_uring_params params = {.flags = IORING_SETUP_ATTACH_WQ, .wq_fd = 990};
    struct rota_ring ring;

    shared->owner = (int)syscall(SYS_gettid);
    make_situations(directory);
    if (setrlimit(RLIMIT_NOFILE, &files) || setrlimit(RLIMIT_FSIZE, &size) ||
        setrlimit(RLIMIT_MEMLOCK, &locked))
        _exit(3);
    describe(&ring);
    for (int i = 0; i < shared->count; i++) {
        struct situation *s = &shared->situations[i];

        ring.owner = s->is_other ? 1 : shared->owner;
        rota_explain(&ring, NULL, &s->sqe, s->res, s->text, sizeof(s->text));
        rota_sqe_format(&s->sqe, ROTA_FORMAT_FOLLOW, s->followed, sizeof(s->followed));
    }
    ring.owner = shared->owner;
    rota_explain_submit(&ring, -EBADF, shared->submit, sizeof(shared->submit));
    rota_explain_setup(8, &params, -EBADF, shared->setup, sizeof(shared->setup));
    rota_explain_setup(8, NULL, -EMFILE, shared->descriptors, sizeof(shared->descriptors));
    rota_explain_register_call(&ring, NULL, &call, -ENOMEM, shared->registered,
                               sizeof(shared->registered));
}

static void same(const char *got, const char *wanted, const char *name)
{
    if (!ok(!strcmp(got, wanted), "%s: both say the same", name))
        diag("outside: %s\ninside:  %s", got, wanted);
}

static void compare(const struct rota_process *process)
{
    struct io_uring_params params = {.flags = IORING_SETUP_ATTACH_WQ, .wq_fd = 990};
    struct rota_process shortened = *process;
    struct io_uring_sqe sqe;
    struct rota_ring ring;
    char text[2048];
    unsigned certain = 0;

    describe(&ring);
    for (int i = 0; i < shared->count; i++) {
        const struct situation *s = &shared->situations[i];

        ring.owner = s->is_other ? 1 : shared->owner;
        rota_process_explain(process, &ring, NULL, &s->sqe, s->res, text, sizeof(text));
        same(text, s->text, s->name);
        certain += strstr(text, "certain") != NULL;
        rota_process_sqe_format(process, &s->sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
        same(text, s->followed, s->name);
    }
    ok(certain >= 12, "%u of them are certain", certain);
    ring.owner = shared->owner;
    rota_process_explain_submit(process, &ring, -EBADF, text, sizeof(text));
    same(text, shared->submit, "a ring whose descriptor was closed");
    ok(strstr(text, "closed by somebody else"), "which is said");
    rota_process_explain_setup(process, 8, &params, -EBADF, text, sizeof(text));
    same(text, shared->setup, "a set-up with a shared ring that is none");
    rota_process_explain_setup(process, 8, NULL, -EMFILE, text, sizeof(text));
    same(text, shared->descriptors, "a set-up without a descriptor left");
    ok(strstr(text, "have 64 descriptors"), "which names the limit of the other process");
    rota_process_explain_register(process, &ring, NULL, &call, -ENOMEM, text, sizeof(text));
    same(text, shared->registered, "buffers beyond the limit of locked memory");
    ok(strstr(text, "RLIMIT_MEMLOCK is 4096 bytes"), "which names the limit of the other process");
    rota_process_explain_setup(process, 1, NULL, -ENOMEM, text, sizeof(text));
    ok(strstr(text, "RLIMIT_MEMLOCK is 4096") && !strstr(text, "can be made here"),
       "no ring is made on trial for another process");

    /* The text of the child is not in this process at that place, unless it inherited it. */
    shortened.data_shown = 6;
    sqe = shared->situations[1].sqe;
    rota_process_sqe_format(&shortened, &sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " \"a text\"..."), "data_shown shortens data");
    shortened.data_shown = 100;
    sqe.len = 20;
    rota_process_sqe_format(&shortened, &sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(strstr(text, " \"a text of the child\\x00\""), "and lengthens it up to what there is");

    is_int(rota_process_sqe_format(NULL, &sqe, 0, text, sizeof(text)), -EINVAL, "no process");
    is_int(rota_process_explain(NULL, NULL, NULL, &sqe, -5, text, sizeof(text)), -EINVAL,
           "no process");
    is_int(rota_process_explain_submit(NULL, &ring, -5, text, sizeof(text)), -EINVAL, "no process");
    is_int(rota_process_explain_submit(process, NULL, -5, text, sizeof(text)), -EINVAL, "no ring");
    is_int(rota_process_explain_setup(NULL, 1, NULL, -5, text, sizeof(text)), -EINVAL,
           "no process");
    is_int(rota_process_explain_register(NULL, &ring, NULL, &call, -5, text, sizeof(text)), -EINVAL,
           "no process");
    is_int(rota_process_explain(process, NULL, NULL, NULL, -5, text, sizeof(text)), -EINVAL,
           "no request");
}

/* Pointers of 32 bits: structures as such a program has them, at an address that fits. */
static void narrow(const struct rota_process *process)
{
    struct rota_process program = *process;
    uint32_t *low = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS
#ifdef MAP_32BIT
                             | MAP_32BIT
#endif
                         ,
                         -1, 0);
    struct io_uring_sqe sqe;
    char text[512], wanted[128];
    uint32_t base;

    if (low == MAP_FAILED || (uintptr_t)low > UINT32_MAX) {
        skip(2, "no memory below 4 GiB");
        return;
    }
    program.flags = ROTA_PROCESS_32BIT;
    base = (uint32_t)(uintptr_t)low;
    low[0] = 0x1000; /* a struct iovec */
    low[1] = 77;
    low[8] = 0; /* a struct msghdr */
    low[10] = base;
    low[11] = 1;
    rota_sqe_clear(&sqe);
    rota_prep_writev(&sqe, 1, (const struct iovec *)(const void *)low, 1, 0);
    rota_process_sqe_format(&program, &sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    if (!ok(strstr(text, "[{0x1000, 77}]"), "a vector of 32 bits"))
        diag("%s", text);
    rota_sqe_clear(&sqe);
    rota_prep_sendmsg(&sqe, 1, (const struct msghdr *)(const void *)(low + 8), 0);
    rota_process_sqe_format(&program, &sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    snprintf(wanted, sizeof(wanted), "{iov=0x%x [{0x1000, 77}]}", base);
    if (!ok(strstr(text, wanted), "a message header of 32 bits"))
        diag("%s", text);
    munmap(low, 4096);
}

/* What a command means that is sent to a slot: by the file table, as far as it is known. */
static void slots(const struct rota_process *process)
{
    struct rota_process program = *process;
    int files[] = {socket(AF_INET, SOCK_STREAM, 0), open("/dev/null", O_RDONLY), -1};
    struct rota_ring ring;
    struct io_uring_sqe sqe;
    char text[512];
    bool seen;

    if (files[0] < 0 || files[1] < 0 || rota_queue_init(2, &ring, 0) < 0) {
        skip(1, "no socket or no ring");
        return;
    }
    if (rota_register_files(&ring, files, 3) < 0)
        bail("no file table");
    rota_sqe_clear(&sqe);
    rota_prep_uring_cmd(&sqe, SOCKET_URING_OP_GETSOCKOPT, 0);
    sqe.flags = IOSQE_FIXED_FILE;
    rota_process_sqe_format(&program, &sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    if (!ok(strstr(text, " or "), "a slot of a ring that is not given: what it may be"))
        diag("%s", text);
    program.flags |= ROTA_PROCESS_RING;
    program.ring_fd = ring.ring_fd;
    rota_process_sqe_format(&program, &sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    /* Kernels before 6.12 or so show no more than the name of the entry. */
    seen = !strstr(text, " or ");
    if (!seen)
        skip(1, "this kernel does not show what is in a slot");
    else if (!ok(strstr(text, "cmd_op=SOCKET_URING_OP_GETSOCKOPT"), "a socket in a slot"))
        diag("%s", text);
    for (unsigned slot = 1; slot < 4; slot++) {
        bool null = slot == 1 && seen;

        sqe.fd = (int)slot;
        rota_process_sqe_format(&program, &sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
        if (!ok(!strstr(text, " or ") == null, "slot %u: %s", slot,
                null ? "a device to which all numbers are alike" : "nothing is known of it"))
            diag("%s", text);
    }
    rota_queue_exit(&ring);
    close(files[0]);
    close(files[1]);
}

int main(void)
{
    char directory[] = "/tmp/rota-process-XXXXXX", path[64];
    struct rota_process process = {0}, self = {.pid = getpid()};
    int ready[2], status;
    char byte;

    if (!mkdtemp(directory) || pipe(ready))
        bail("no directory or pipe");
    shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED)
        bail("no memory");
    process.pid = process.tid = fork();
    if (!process.pid) {
        child(directory);
        if (write(ready[1], "", 1) == 1)
            pause();
        _exit(0);
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        bail("the child did not come to its situations");
    if (process_vm_readv(process.pid, &(struct iovec){&byte, 1}, 1,
                         &(struct iovec){(void *)(uintptr_t)main, 1}, 1, 0) < 0) {
        skip(1, "another process may not be looked at here: %s", strerror(errno));
    } else {
        compare(&process);
        narrow(&self);
        slots(&self);
    }
    kill(process.pid, SIGKILL);
    waitpid(process.pid, &status, 0);
    snprintf(path, sizeof(path), "%s/inner/file", directory);
    unlink(path);
    snprintf(path, sizeof(path), "%s/inner", directory);
    rmdir(path);
    rmdir(directory);
    return done();
}
