/* SPDX-License-Identifier: MIT */
/*
 * Causes that are looked at: each situation is made real, the kernel gives its
 * error, and the explanation names what is the case as certain.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <rota.h>
#include <rota/op.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

static struct rota_ring ring;
static struct rota_caps caps;
static char memory[4096];

/* Runs a request; its explanation must contain the text. */
static void runs(const struct io_uring_sqe *request, int expected, const char *wanted)
{
    struct io_uring_sqe *sqe;
    struct io_uring_cqe *cqe;
    char text[4096];
    int res;

    if (rota_caps_opcode(&caps, request->opcode, NULL) != ROTA_YES) {
        skip(2, "this kernel has no %s", rota_op_name(request->opcode));
        return;
    }
    sqe = rota_get_sqe(&ring);
    memcpy(sqe, request, sizeof(*sqe));
    if (rota_submit_and_wait(&ring, 1) < 0 || rota_wait_cqe(&ring, &cqe) < 0)
        bail("the ring fails");
    res = cqe->res;
    rota_cqe_seen(&ring, cqe);
    if (!is_int(res, expected, "the kernel answers %s", rota_error_name(expected)))
        return;
    rota_explain(&ring, &caps, request, res, text, sizeof(text));
    if (!ok(strstr(text, wanted), "which is explained: %s", wanted))
        diag("%s", text);
}

static void descriptors(void)
{
    int file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    int path = open("/", O_PATH | O_CLOEXEC);
    int directory = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct io_uring_sqe sqe;
    char wanted[200];

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, 1000, memory, 1, 0);
    runs(&sqe, -EBADF, "1. certain: fd=1000 is not an open descriptor of this process");

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, null, memory, 1, 0);
    (void)snprintf(wanted, sizeof(wanted), "1. certain: The file is not open for reading (fd=%d)",
                   null);
    runs(&sqe, -EBADF, wanted);

    rota_sqe_clear(&sqe);
    rota_prep_write(&sqe, file, memory, 1, 0);
    (void)snprintf(wanted, sizeof(wanted), "1. certain: The file is not open for writing (fd=%d)",
                   file);
    runs(&sqe, -EBADF, wanted);

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, path, memory, 1, 0);
    (void)snprintf(wanted, sizeof(wanted),
                   "1. certain: fd=%d is not open for reading or writing (O_PATH)", path);
    runs(&sqe, -EBADF, wanted);

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, 3, memory, 1, 0);
    sqe.flags = IOSQE_FIXED_FILE;
    runs(&sqe, -EBADF, "1. certain: the ring has no file table, and fd=3 is to be a slot of it");

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, directory, memory, 1, 0);
    (void)snprintf(wanted, sizeof(wanted), "1. certain: The descriptor is a directory (fd=%d)",
                   directory);
    runs(&sqe, -EISDIR, wanted);

    rota_sqe_clear(&sqe);
    rota_prep_recv(&sqe, file, memory, 1, 0);
    (void)snprintf(wanted, sizeof(wanted), "1. certain: The descriptor is not a socket (fd=%d)",
                   file);
    runs(&sqe, -ENOTSOCK, wanted);

    rota_sqe_clear(&sqe);
    rota_prep_openat(&sqe, file, "x", O_RDONLY, 0);
    (void)snprintf(wanted, sizeof(wanted), "certain: fd=%d is a regular file", file);
    runs(&sqe, -ENOTDIR, wanted);
    close(file);
    close(null);
    close(path);
    close(directory);
}

static void addresses(void)
{
    struct iovec vectors[2] = {{memory, 1}, {(void *)48, 1}};
    int zero = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    struct io_uring_sqe sqe;

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, zero, (void *)32, 1, 0);
    runs(&sqe, -EFAULT, "1. certain: addr=0x20 is no memory of this process");

    rota_sqe_clear(&sqe);
    rota_prep_readv(&sqe, zero, (const struct iovec *)64, 1, 0);
    runs(&sqe, -EFAULT, "1. certain: addr=0x40 is no memory of this process");

    rota_sqe_clear(&sqe);
    rota_prep_readv(&sqe, zero, &vectors[1], 1, 0);
    runs(&sqe, -EFAULT,
         "1. certain: element 0 of the vector: base=0x30 is no memory of this process");

    rota_sqe_clear(&sqe);
    rota_prep_unlinkat(&sqe, AT_FDCWD, NULL, 0);
    runs(&sqe, -EFAULT, "1. certain: addr=NULL is no memory of this process");
    close(zero);
}

static void paths(void)
{
    struct io_uring_sqe sqe;

    rota_sqe_clear(&sqe);
    rota_prep_openat(&sqe, AT_FDCWD, "/no/such/thing", O_RDONLY, 0);
    runs(&sqe, -ENOENT,
         "1. certain: addr names \"/no/such/thing\", and the directory \"/no\" does not exist");

    rota_sqe_clear(&sqe);
    rota_prep_mkdirat(&sqe, AT_FDCWD, "/proc", 0700);
    runs(&sqe, -EEXIST, "1. certain: addr names \"/proc\", which exists");

    rota_sqe_clear(&sqe);
    rota_prep_openat(&sqe, AT_FDCWD, "/proc/self/exe/x", O_RDONLY, 0);
    runs(&sqe, -ENOTDIR,
         "1. certain: addr names \"/proc/self/exe/x\", and the directory "
         "\"/proc/self/exe\" is no directory");
}

static void alignment(void)
{
    char name[] = "./rota-direct-XXXXXX";
    int fd = mkostemp(name, O_DIRECT | O_CLOEXEC);
    struct io_uring_sqe sqe;

    if (fd < 0) {
        skip(2, "the file system here has no O_DIRECT");
        return;
    }
    unlink(name);
    rota_sqe_clear(&sqe);
    rota_prep_write(&sqe, fd, memory + 1, 7, 3);
    if (pwrite(fd, memory + 1, 7, 3) >= 0) {
        skip(2, "the file system here does not mind");
        close(fd);
        return;
    }
    runs(&sqe, -EINVAL, " is open with O_DIRECT, and the offset is no multiple of ");
    close(fd);
}

static void set_up(void)
{
    struct rota_config config;
    struct rota_ring other;
    char text[2048];
    int ret;

    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_R_DISABLED;
    if (rota_init(&other, 4, &config)) {
        skip(2, "this kernel has no IORING_SETUP_R_DISABLED");
    } else {
        rota_prep_nop(rota_get_sqe(&other));
        ret = rota_submit(&other);
        is_int(ret, -EBADFD, "a disabled ring takes nothing");
        rota_explain_submit(&other, ret, text, sizeof(text));
        ok(strstr(text, "1. certain: the ring was made with IORING_SETUP_R_DISABLED and is not "
                        "enabled -> call rota_enable_rings()"),
           "which is explained");
        rota_queue_exit(&other);
    }
    ret = rota_submit_and_wait(&other, 1);
    is_int(ret, -EBADF, "a ring that was torn down takes nothing");
    rota_explain_submit(&other, ret, text, sizeof(text));
    ok(strstr(text, "1. certain: the ring was torn down, or never made"), "which is explained");
}

static void forgotten(void)
{
    struct __kernel_timespec soon = {0};
    struct io_uring_cqe *cqe;
    char text[2048];
    int ret;

    soon.tv_nsec = 1000000;
    ret = rota_peek_cqe(&ring, &cqe);
    is_int(ret, -EAGAIN, "a peek at nothing");
    rota_explain_submit(&ring, ret, text, sizeof(text));
    ok(strstr(text, "1. likely: no completion is ready, as a peek answers"), "is explained");

    rota_prep_nop(rota_get_sqe(&ring));
    ret = rota_peek_cqe(&ring, &cqe);
    is_int(ret, -EAGAIN, "a peek before the submit");
    rota_explain_submit(&ring, ret, text, sizeof(text));
    ok(strstr(text, "1. likely: 1 request stands in the queue and nothing has submitted what is "
                    "there -> call rota_submit()"),
       "says that it was forgotten");

    rota_prep_nop(rota_get_sqe(&ring));
    if (ring.features & IORING_FEAT_EXT_ARG) {
        ret = rota_wait_cqe_timeout(&ring, &cqe, &soon);
        is_int(ret, -ETIME, "a wait before the submit");
        rota_explain_submit(&ring, ret, text, sizeof(text));
        ok(strstr(text, "1. certain: 2 requests stand in the queue"), "says that it was forgotten");
    } else {
        skip(2, "this kernel has no IORING_FEAT_EXT_ARG");
    }
    is_int(rota_submit_and_wait(&ring, 2), 2, "then it is made up for");
    rota_cq_advance(&ring, rota_cq_ready(&ring));
}

struct visit {
    struct rota_ring *ring;
    char text[2048];
    int ret;
};

static void *visit(void *arg)
{
    struct visit *v = arg;

    v->ret = rota_submit(v->ring);
    rota_explain_submit(v->ring, v->ret, v->text, sizeof(v->text));
    return NULL;
}

static void threads(void)
{
    struct rota_config config;
    struct rota_ring other;
    struct visit v;
    pthread_t thread;

    rota_config_plain(&config);
    config.required_flags = IORING_SETUP_SINGLE_ISSUER;
    if (rota_init(&other, 4, &config)) {
        skip(2, "this kernel has no IORING_SETUP_SINGLE_ISSUER");
        return;
    }
    rota_prep_nop(rota_get_sqe(&other));
    v.ring = &other;
    if (pthread_create(&thread, NULL, visit, &v))
        bail("no thread");
    pthread_join(thread, NULL);
    is_int(v.ret, -EEXIST, "a single-issuer ring takes nothing from another thread");
    ok(strstr(v.text, "1. certain: SINGLE_ISSUER ring used from thread "), "which is explained");
    rota_queue_exit(&other);
}

static void *visit_register(void *arg)
{
    struct visit *v = arg;

    rota_explain_register(v->ring, &caps, IORING_REGISTER_PBUF_RING, -EINVAL, v->text,
                          sizeof(v->text));
    return NULL;
}

/* A ring is entered by an index of its thread: to others it means nothing. */
static void index_of_a_thread(void)
{
    struct rota_ring other;
    struct visit v;
    pthread_t thread;

    if (rota_init(&other, 4, NULL) || !other.index_owner) {
        skip(3, "no ring can be registered with its thread");
        rota_queue_exit(&other);
        return;
    }
    rota_prep_nop(rota_get_sqe(&other));
    v.ring = &other;
    if (pthread_create(&thread, NULL, visit, &v))
        bail("no thread");
    pthread_join(thread, NULL);
    ok(v.ret == -EINVAL || v.ret == -EBADF, "another thread has no such index");
    if (!ok(strstr(v.text, "1. certain: the ring's descriptor is registered with the thread"),
            "which is known for certain"))
        diag("%s", v.text);
    if (pthread_create(&thread, NULL, visit_register, &v))
        bail("no thread");
    pthread_join(thread, NULL);
    ok(!strstr(v.text, "is registered with the thread"), "a register call names the descriptor");
    rota_queue_exit(&other);
}

/* A chain that is open. */
static void open_chain(void)
{
    char text[2048];
    int ret;

    if (rota_chain_begin(&ring, 2, IOSQE_IO_LINK))
        bail("no chain");
    ret = rota_submit(&ring);
    rota_explain_submit(&ring, ret, text, sizeof(text));
    rota_chain_drop(&ring);
    if (!ok(strstr(text, "1. certain: a chain of handles is open"), "a chain that is open"))
        diag("%s", text);
    ok(!strstr(text, "completion queue is full"), "is the only cause");
    rota_explain_submit(&ring, -EBUSY, text, sizeof(text));
    ok(strstr(text, "1. likely: the completion queue is full"), "as long as it is");
}

static void register_calls(void)
{
    struct io_uring_files_update update = {.offset = 0};
    char text[2048];
    int ret = rota_ring_register(&ring, IORING_REGISTER_RESIZE_RINGS, &update, 1);

    if (rota_caps_register(&caps, IORING_REGISTER_RESIZE_RINGS, NULL) == ROTA_YES) {
        is_int(ret, -EINVAL, "a plain ring cannot be resized");
        rota_explain_register(&ring, &caps, IORING_REGISTER_RESIZE_RINGS, ret, text, sizeof(text));
        if (!ok(strstr(text, "1. certain: REGISTER_RESIZE_RINGS needs a ring with "
                             "IORING_SETUP_DEFER_TASKRUN"),
                "which is explained"))
            diag("%s", text);
    } else {
        skip(2, "this kernel has no RESIZE_RINGS");
    }
    ret = rota_ring_register(&ring, IORING_REGISTER_EVENTFD, (const void *)16, 1);
    is_int(ret, -EFAULT, "an argument that is no memory");
    rota_explain_register(&ring, &caps, IORING_REGISTER_EVENTFD, ret, text, sizeof(text));
    ok(strstr(text, "is no memory of this process"), "is explained");
    rota_explain_register(&ring, &caps, IORING_REGISTER_EVENTFD, 0, text, sizeof(text));
    ok(strstr(text, "is no error"), "a success is called one");
}

/* The library knows who owns a ring: it blames no thread that is the right one. */
static void right_thread(void)
{
    struct rota_ring own;
    char text[2048];

    if (rota_init(&own, 4, NULL)) {
        skip(3, "no ring can be made");
        return;
    }
    if (!(own.flags & IORING_SETUP_SINGLE_ISSUER)) {
        skip(3, "this kernel has no rings of one thread");
        rota_queue_exit(&own);
        return;
    }
    rota_explain_register(&own, &caps, IORING_REGISTER_PBUF_RING, -EINVAL, text, sizeof(text));
    if (!ok(strstr(text, "1. likely: The number of entries is no power of two"),
            "buffers that are refused to the owner"))
        diag("%s", text);
    rota_explain_register(&own, &caps, IORING_REGISTER_PBUF_RING, -EEXIST, text, sizeof(text));
    if (!ok(strstr(text, "1. likely: The group exists"), "a group that exists already"))
        diag("%s", text);
    rota_explain_submit(&own, -EINVAL, text, sizeof(text));
    ok(!strstr(text, "thread"), "a time that is refused to the owner");
    rota_queue_exit(&own);
}

static void tables(void)
{
    char text[2048];
    int ret = rota_register_files_sparse(&ring, 2);

    if (ret) {
        skip(4, "this kernel has no empty file table");
        return;
    }
    ret = rota_register_files_sparse(&ring, 2);
    is_int(ret, -EBUSY, "a second file table");
    rota_explain_register(&ring, &caps, IORING_REGISTER_FILES, ret, text, sizeof(text));
    ok(strstr(text, "1. certain: The ring already has a file table."), "is explained");
    rota_unregister_files(&ring);
    ret = rota_unregister_files(&ring);
    is_int(ret, -ENXIO, "no file table to end");
    rota_explain_register(&ring, &caps, IORING_UNREGISTER_FILES, ret, text, sizeof(text));
    ok(strstr(text, "1. certain: The ring has no file table."), "is explained");
}

/* Cancelled by the address of the entry, and a file that goes beyond another ring's table. */
static void other_requests(void)
{
    int ends[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct rota_ring other;
    struct io_uring_sqe sqe, *read;
    struct open_how how = {.flags = O_RDONLY, .mode = 0644};

    if (pipe(ends) || rota_queue_init(4, &other, 0))
        bail("no pipe, or no ring");
    read = rota_get_sqe(&ring);
    rota_prep_read(read, ends[0], memory, 1, 0);
    rota_submit(&ring);
    rota_sqe_clear(&sqe);
    rota_prep_cancel(&sqe, read, 0);
    runs(&sqe, -ENOENT, "which is the address of an entry of the queue");
    rota_sqe_clear(&sqe);
    rota_prep_openat2(&sqe, AT_FDCWD, "/dev/null", &how);
    runs(&sqe, -EINVAL, "1. certain: The structure has a mode and asks for no file to be made");
    if (!rota_register_files_sparse(&ring, 2) && !rota_register_files_sparse(&other, 1) &&
        rota_register_files_update(&ring, 0, &file, 1) == 1 &&
        rota_caps_opcode(&caps, IORING_OP_MSG_RING, NULL) == ROTA_YES) {
        rota_sqe_clear(&sqe);
        rota_prep_msg_ring_fd(&sqe, other.ring_fd, 0, 1, 5, 0);
        runs(&sqe, -EINVAL, "1. certain: The slot lies outside the other ring's file table");
    } else {
        skip(2, "this kernel sends no files");
    }
    rota_unregister_files(&ring);
    if (write(ends[1], "x", 1) != 1)
        bail("a pipe takes nothing");
    rota_wait_cqe(&ring, &(struct io_uring_cqe *){NULL});
    rota_cq_advance(&ring, 1);
    rota_queue_exit(&other);
    close(file);
    close(ends[0]);
    close(ends[1]);
}

/* Who sleeps in an epoll set on a DEFER_TASKRUN ring is not woken, and can be told why. */
static void epoll(void)
{
    struct epoll_event event = {.events = EPOLLIN};
    struct __kernel_timespec soon = {.tv_sec = 0, .tv_nsec = 1000000};
    struct io_uring_cqe *cqe;
    struct rota_config config;
    struct rota_ring own;
    char text[2048];
    int set = epoll_create1(EPOLL_CLOEXEC), ret;

    rota_config_single_owner(&config);
    config.required_flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN;
    if (rota_init(&own, 4, &config)) {
        skip(3, "this kernel has no IORING_SETUP_DEFER_TASKRUN");
        close(set);
        return;
    }
    ret = rota_wait_cqe_timeout(&own, &cqe, &soon);
    rota_explain_submit(&own, ret, text, sizeof(text));
    ok(ret == -ETIME && !strstr(text, "epoll"), "without an epoll set there is no word of it");
    if (epoll_ctl(set, EPOLL_CTL_ADD, own.ring_fd, &event))
        bail("a ring cannot be watched");
    ret = rota_wait_cqe_timeout(&own, &cqe, &soon);
    rota_explain_submit(&own, ret, text, sizeof(text));
    if (!ok(strstr(text, "likely: the epoll set fd=") && strstr(text, "rota_register_eventfd()"),
            "with one there is"))
        diag("%s", text);
    rota_explain_submit(&ring, ret, text, sizeof(text));
    ok(!strstr(text, "epoll"), "but not of a ring that wakes");
    rota_queue_exit(&own);
    close(set);
}

static void success(void)
{
    struct rota_cause causes[2];
    struct io_uring_sqe sqe;
    char text[300];

    rota_sqe_clear(&sqe);
    rota_prep_read(&sqe, 0, memory, 1, 0);
    rota_explain(NULL, NULL, &sqe, 0, text, sizeof(text));
    is_str(text, "READ: 0 is no error: Bytes read; 0 at the end of the file.",
           "a result that is no error");
    is_int(rota_request_causes(NULL, NULL, &sqe, 5, causes, 2), 0, "has no cause");
    is_int(rota_request_causes(NULL, NULL, NULL, -1, causes, 2), -EINVAL, "no request is EINVAL");
    is_int(rota_explain(NULL, NULL, NULL, -1, text, sizeof(text)), -EINVAL, "nor is it explained");
    is_int(rota_request_causes(NULL, NULL, &sqe, -1, NULL, 2), -EINVAL, "no room for causes");
    is_int(rota_setup_causes(1, NULL, -1, NULL, 2), -EINVAL, "  of a set-up");
    is_int(rota_enter_causes(&ring, -1, NULL, 2), -EINVAL, "  of a submit");
    is_int(rota_register_causes(&ring, NULL, 0, -1, NULL, 2), -EINVAL, "  of a register call");
    is_int(rota_enter_causes(NULL, -1, causes, 2), -EINVAL, "no ring that a submit could be on");
    is_int(rota_explain_submit(NULL, -1, text, sizeof(text)), -EINVAL, "nor is that explained");
    is_int(rota_enter_causes(&ring, -EAGAIN, NULL, 0), 0, "no causes are asked for");
    ok(rota_register_causes(&ring, NULL, IORING_REGISTER_SYNC_CANCEL, -EINTR, causes, 2) == 1 &&
           rota_register_causes(&ring, NULL, IORING_REGISTER_PROBE, -ENOMEM, causes, 2) == 1 &&
           rota_register_causes(&ring, NULL, 250, -EINVAL, causes, 2) == 1,
       "what any call may answer is explained");
    ok(rota_enter_causes(&ring, -ENXIO, causes, 2) == 1 && causes[0].certainty == ROTA_LIKELY,
       "what cannot be seen is not certain");
    is_int(rota_setup_causes(1, NULL, 0, causes, 2) | rota_enter_causes(&ring, 1, causes, 2) |
               rota_register_causes(&ring, NULL, 0, 1, causes, 2),
           0, "what is no error has none");
    sqe.fd = 1000;
    is_int(rota_request_causes(NULL, NULL, &sqe, -EBADF, causes, 1), 1, "no more than asked for");
}

/* Why there is no ring, as a number. */
static void refusals(void)
{
    struct io_uring_params p = {.flags = IORING_SETUP_ATTACH_WQ, .wq_fd = 1000};
    static const int errors[] = {EPERM,  EACCES, ENOSYS, EINVAL, EOVERFLOW, EBADF, ENXIO,
                                 ENOMEM, EMFILE, ENFILE, EFAULT, EPROTO,    0};
    enum rota_refusal refusal;

    is_int(rota_setup_refusal(8, NULL, 3), ROTA_REFUSED_UNKNOWN, "a ring is no refusal");
    is_int(rota_setup_refusal(8, NULL, -EXDEV), ROTA_REFUSED_UNKNOWN, "an error of nothing");
    is_int(rota_setup_refusal(0, NULL, -EINVAL), ROTA_REFUSED_ARGUMENT, "no entries");
    is_int(rota_setup_refusal(8, NULL, -EINVAL), ROTA_REFUSED_CONFIG, "arguments that are right");
    is_int(rota_setup_refusal(8, NULL, -EPROTO), ROTA_REFUSED_ANSWER, "a strange answer");
    is_int(rota_setup_refusal(8, NULL, -EMFILE), ROTA_REFUSED_NO_DESCRIPTOR, "no descriptor");
    is_int(rota_setup_refusal(8, NULL, -ENFILE), ROTA_REFUSED_NO_DESCRIPTOR, "nowhere");
    is_int(rota_setup_refusal(8, &p, -EBADF), ROTA_REFUSED_SHARED_RING, "no ring to share");
    is_int(rota_setup_refusal(8, NULL, -EFAULT), ROTA_REFUSED_ARGUMENT, "parameters nowhere");
    p.flags = IORING_SETUP_SQPOLL | IORING_SETUP_SQ_AFF;
    p.sq_thread_cpu = 100000;
    is_int(rota_setup_refusal(8, &p, -EINVAL), ROTA_REFUSED_PROCESSOR, "no such processor");
    p.flags = IORING_SETUP_NO_MMAP;
    is_int(rota_setup_refusal(8, &p, -EFAULT), ROTA_REFUSED_GIVEN_MEMORY, "memory nowhere");
    /* A small ring can be made, and this one as well: the lack is over, or was of what was given. */
    refusal = rota_setup_refusal(8, NULL, -ENOMEM);
    ok(refusal == ROTA_REFUSED_GIVEN_MEMORY || refusal == ROTA_REFUSED_MEMLOCK, "no memory: %d",
       (int)refusal);
    for (unsigned i = 0; errors[i]; i++) {
        struct rota_cause causes[ROTA_MAX_CAUSES];
        int count = rota_setup_causes(8, &p, -errors[i], causes, ROTA_MAX_CAUSES), without = 0;

        for (int n = 0; n < count; n++)
            without += causes[n].refusal == ROTA_REFUSED_UNKNOWN;
        is_int(without, 0, "set-up, %s: each cause has its number", strerror(errors[i]));
        is_int(rota_setup_refusal(8, &p, -errors[i]),
               count ? causes[0].refusal : ROTA_REFUSED_UNKNOWN, "and the first is the answer");
    }
}

int main(void)
{
    struct rota_config config;

    rota_config_plain(&config);
    if (rota_caps_get(&caps, NULL) < 0 || rota_init(&ring, 8, &config) < 0)
        skip_all("no ring can be made here");
    descriptors();
    addresses();
    paths();
    alignment();
    set_up();
    forgotten();
    threads();
    index_of_a_thread();
    open_chain();
    register_calls();
    right_thread();
    tables();
    other_requests();
    epoll();
    success();
    refusals();
    rota_queue_exit(&ring);
    return done();
}
