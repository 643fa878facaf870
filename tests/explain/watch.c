/* SPDX-License-Identifier: MIT */
/*
 * Mistakes with the memory of requests: one with every pointer of the table
 * when it is submitted, and for each time that memory may have to live and
 * each kind of it one in flight. Every one is found, and nothing else. Those
 * that only AddressSanitizer can see need it in this program.
 */
#include <rota.h>
#include <rota/call.h>
#include <rota/watch.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap.h"

static struct rota_ring ring;
static struct rota_watch watch;
static struct rota_loan loans[64];
static enum rota_watch_kind found;
static unsigned reports;
static char said[1024];
static int ends[2];

static void note(struct rota_watch *from, enum rota_watch_kind kind, const struct io_uring_sqe *sqe,
                 const char *text)
{
    (void)from;
    (void)sqe;
    found = kind;
    reports++;
    snprintf(said, sizeof(said), "%s", text);
}

static void forget(void)
{
    found = ROTA_WATCH_NONE;
    reports = 0;
    said[0] = 0;
}

/* The request that was prepared is submitted, and taken back where the kernel holds on to it. */
static void submit(void)
{
    struct io_uring_cqe *cqe;
    struct io_uring_sqe *sqe;

    rota_submit(&ring);
    sqe = rota_get_sqe(&ring);
    rota_prep_cancel64(sqe, 0, 0);
    sqe->user_data = 99;
    rota_submit_and_wait(&ring, 1);
    usleep(1000);
    while (!rota_peek_cqe(&ring, &cqe))
        rota_cqe_seen(&ring, cqe);
}

static void expect(enum rota_watch_kind kind, const char *what, const char *name)
{
    bool right = found == kind && reports == 1 && strstr(said, what) != NULL;

    ok(right, "%s: %s", name, right ? said : "not found");
    if (!right)
        printf("# found %d, %u reports: %s\n", found, reports, said);
    forget();
}

#ifdef ROTA_WATCH_ASAN
static void *freed(size_t size)
{
    void *memory = malloc(size);
    void *volatile copy = memory;

    memset(memory, 0, size);
    free(memory);
    return copy;
}

static void planted_for_asan(int fd)
{
    struct io_uring_sqe *sqe;
    struct iovec vector = {malloc(8), 8};
    char *buffer = malloc(16);
    char drained[64];
    int there = 0;

    sqe = rota_get_sqe(&ring);
    rota_prep_readv(sqe, ends[0], freed(sizeof(struct iovec)), 1, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "READV", "until submit, read: a vector that was freed");

    rota_prep_openat(rota_get_sqe(&ring), AT_FDCWD, freed(16), O_RDONLY, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "memory of path", "until submit, read: a name that was freed");

    free(vector.iov_base);
    rota_prep_readv(rota_get_sqe(&ring), ends[0], &vector, 1, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "8 bytes", "until completion, written: what a vector points to");

    rota_prep_read(rota_get_sqe(&ring), ends[0], freed(16), 16, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "writes to it until the completion",
           "until completion, written: a buffer that was freed");

    rota_prep_write(rota_get_sqe(&ring), ends[1], buffer, 32, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "reads it until the completion",
           "until completion, read: a length beyond the buffer");
    /* What has gone into the pipe all the same. */
    if (ioctl(ends[0], FIONREAD, &there) == 0 && there > 0)
        ok(read(ends[0], drained, sizeof(drained)) == there, "the pipe is empty again");
    else
        ok(true, "the pipe is empty");

    rota_prep_recvmsg(rota_get_sqe(&ring), fd, freed(sizeof(struct msghdr)), 0);
    submit();
    expect(ROTA_WATCH_POISONED, "reads and writes it", "until completion, both: a message header");

    rota_prep_send_zc(rota_get_sqe(&ring), fd, freed(16), 16, 0, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "until the notification",
           "until notification, read: what a zero-copy send sends");

    rota_prep_provide_buffers(rota_get_sqe(&ring), freed(16), 16, 1, 7, 0);
    submit();
    expect(ROTA_WATCH_POISONED, "until it is unregistered",
           "until unregistered, written: a provided buffer");

    /* Freed while in flight: by the hook in free(), with the request in text. */
    if (rota_watch_frees(&watch) == 0) {
        char *volatile lent = malloc(24);

        rota_prep_read(rota_get_sqe(&ring), ends[0], lent, 24, 0);
        rota_submit(&ring);
        free(lent);
        expect(ROTA_WATCH_FREED, "READ(", "until completion, written: freed in flight");
        rota_watch_frees(NULL);
        submit();
    }
    forget();
    free(buffer);
}
#else
static void planted_for_asan(int fd)
{
    (void)fd;
    skip(10, "it takes AddressSanitizer to see what was freed");
}
#endif

__attribute__((noinline, no_sanitize_address)) static void *on_a_stack(void)
{
    char buffer[4096]; /* its lower end is deeper than what is called afterwards */
    char *volatile left = buffer;

    memset(left, 0, sizeof(buffer));
    return left;
}

__attribute__((noinline, no_sanitize_address)) static void start_on_stack(void)
{
    char buffer[64];
    struct io_uring_sqe *sqe = rota_get_sqe(&ring);

    rota_prep_read(sqe, ends[0], buffer, sizeof(buffer), 0);
    rota_submit(&ring);
}

static void planted(void)
{
    static char buffer[64];

    rota_prep_timeout(rota_get_sqe(&ring), on_a_stack(), 0, 0);
    submit();
    expect(ROTA_WATCH_STACK, "TIMEOUT", "until submit, read: a time on a stack that is gone");

    start_on_stack();
    rota_watch_look(&watch);
    expect(ROTA_WATCH_LEFT, "stack that was left",
           "until completion, written: its function returned");
    submit();
    forget();

    rota_prep_read(rota_get_sqe(&ring), ends[0], buffer, sizeof(buffer), 0);
    rota_submit(&ring);
    ok(!rota_watch_reuse(&watch, buffer + sizeof(buffer), 1, true), "memory beside it may be used");
    ok(rota_watch_reuse(&watch, buffer + 10, 4, false),
       "what a request in flight writes to may not");
    expect(ROTA_WATCH_REUSED, "used again", "until completion, written: used again");
    submit();
    forget();
    ok(!rota_watch_reuse(&watch, buffer, sizeof(buffer), true), "with the completion it may again");
}

/*
 * What no kernel has to answer: requests are shown to the watch and never
 * submitted, and the test writes the completions itself.
 */

static struct rota_ring lab;
static struct rota_watch lab_watch;
static struct rota_loan lab_loans[32];

static struct io_uring_sqe *lab_sqe(void)
{
    struct io_uring_sqe *sqe = rota_get_sqe(&lab);

    if (!sqe) { /* they were all shown: the queue begins anew */
        rota_watch_end(&lab_watch);
        rota_queue_exit(&lab);
        if (rota_queue_init(64, &lab, 0) < 0 ||
            rota_watch_begin(&lab_watch, &lab, lab_loans, 32, note, NULL))
            exit(1);
        sqe = rota_get_sqe(&lab);
    }
    return sqe;
}

/*
 * Shown, and with `taken` in the kernel's hands, as far as the queue tells. A frame of its own, as a
 * submit has: what the caller's frame holds is not below it.
 */
__attribute__((noinline)) static void present(bool taken)
{
    lab.submit_hook(&lab, __builtin_frame_address(0), lab.submit_data);
    if (taken)
        __atomic_fetch_add(lab.sq.khead, rota_sq_ready(&lab), __ATOMIC_RELEASE);
}

static void show(void)
{
    present(true);
}

static void answer(uint64_t user_data, int res, unsigned flags)
{
    uint32_t tail = *lab.cq.ktail;
    struct io_uring_cqe *cqe = &lab.cq.cqes[tail & lab.cq.ring_mask];

    cqe->user_data = user_data;
    cqe->res = res;
    cqe->flags = flags;
    __atomic_store_n(lab.cq.ktail, tail + 1, __ATOMIC_RELEASE);
}

/* The memory is given back while it is lent, and once more when it is not. */
static void planted_in_flight(void *memory, size_t size, const char *what, const char *name)
{
    rota_watch_freed(&lab_watch, memory, size);
    expect(ROTA_WATCH_FREED, what, name);
}

static bool lent(const void *memory, size_t size)
{
    bool yes = rota_watch_reuse(&lab_watch, memory, size, true);

    forget();
    return yes;
}

static void each_life(void)
{
    static char bytes[256], more[64];
    static struct sockaddr_in name;
    struct iovec vector = {bytes, 64};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    struct rota_prep_data {
        uint64_t words[4];
    } command = {{0}};
    struct io_uring_sqe *sqe;

    if (rota_queue_init(64, &lab, 0) < 0 ||
        rota_watch_begin(&lab_watch, &lab, lab_loans, 32, note, NULL)) {
        ok(false, "a ring to look at");
        return;
    }

    sqe = lab_sqe();
    rota_prep_write(sqe, 1, bytes, 64, 0);
    sqe->user_data = 1;
    show();
    ok(!rota_watch_reuse(&lab_watch, bytes, 64, false), "what is read may be read as well");
    planted_in_flight(bytes + 8, 8, "reads it until the completion", "until completion, read");
    answer(1, 64, 0);
    ok(!lent(bytes, 64), "and afterwards it is the program's");

    sqe = lab_sqe();
    rota_prep_accept(sqe, 1, (void *)&name, (void *)more, 0);
    sqe->user_data = 2;
    show();
    planted_in_flight(&name, sizeof(name), "addr (", "until completion, written: an address");
    planted_in_flight(more, 4, "reads and writes it until the completion",
                      "until completion, both: its length");
    answer(2, -ECANCELED, 0);
    ok(!lent(&name, sizeof(name)) && !lent(more, sizeof(more)), "both end together");

    sqe = lab_sqe();
    message.msg_name = &name;
    message.msg_namelen = sizeof(name);
    message.msg_control = more;
    message.msg_controllen = sizeof(more);
    rota_prep_recvmsg(sqe, 1, &message, 0);
    sqe->user_data = 3;
    show();
    ok(!lent(&vector, sizeof(vector)), "the vectors of a message were copied");
    planted_in_flight(&message, sizeof(message), "reads and writes it",
                      "until completion, both: a message");
    planted_in_flight(bytes + 63, 1, "writes to it", "until completion, written: what it receives");
    planted_in_flight(&name, 1, "writes to it", "until completion, written: where it came from");
    planted_in_flight(more, 1, "writes to it", "until completion, written: its control data");
    answer(3, 0, 0);

    sqe = lab_sqe();
    rota_prep_writev(sqe, 1, &vector, 1, 0);
    sqe->user_data = 4;
    show();
    ok(!lent(&vector, sizeof(vector)), "vectors need to live until submit only");
    planted_in_flight(bytes, 1, "reads it until the completion",
                      "until completion, read: what a vector names");
    answer(4, 0, 0);

    sqe = lab_sqe();
    rota_prep_send_zc(sqe, 1, bytes, 64, 0, 0);
    sqe->user_data = 5;
    show();
    answer(5, 64, IORING_CQE_F_MORE);
    planted_in_flight(bytes, 64, "until the notification",
                      "until notification, read: between result and notification");
    answer(5, 0, IORING_CQE_F_NOTIF);
    ok(!lent(bytes, 64), "and afterwards it is the program's");

    sqe = lab_sqe();
    rota_prep_provide_buffers(sqe, bytes, 64, 4, 9, 10);
    sqe->user_data = 6;
    show();
    planted_in_flight(bytes + 250, 1, "in flight", "until unregistered, written: provided");
    answer(6, 0, 0);
    planted_in_flight(bytes + 130, 1, "in the group", "until unregistered, written: in the group");
    answer(99, 5, IORING_CQE_F_BUFFER | 11 << IORING_CQE_BUFFER_SHIFT);
    ok(!lent(bytes + 64, 64), "the buffer of a completion is the program's");
    ok(lent(bytes + 63, 1) && lent(bytes + 128, 1), "those beside it are not");
    rota_prep_remove_buffers(lab_sqe(), 1, 8);
    show();
    ok(lent(bytes, 1), "nor when another group is taken away");
    rota_prep_remove_buffers(lab_sqe(), 1, 9);
    show();
    ok(!lent(bytes, 256), "with their own group it may be any");
    sqe = lab_sqe();
    rota_prep_provide_buffers(sqe, bytes, 64, 4, 9, 10);
    sqe->user_data = 7;
    show();
    answer(7, -EINVAL, 0);
    ok(!lent(bytes, 256), "buffers that were refused are in no group");

    /* UBLK_U_IO_FETCH_REQ: the letter and number of its driver say what it is. */
    sqe = lab_sqe();
    rota_prep_uring_cmd(sqe, (int)(3u << 30 | 16u << 16 | 'u' << 8 | 0x20), 1);
    command.words[1] = (uintptr_t)bytes;
    memcpy(sqe->cmd, &command, 16);
    sqe->user_data = 8;
    show();
    planted_in_flight(bytes, 1, "until it is unregistered", "until unregistered, both: a command");
    answer(8, 0, 0);
    ok(!lent(bytes, 1), "with its completion it is over");

    for (int i = 0; i < 2; i++) {
        sqe = lab_sqe();
        rota_prep_read(sqe, i, bytes + 64 * i, 64, 0);
        sqe->user_data = 0;
    }
    show();
    ok(lent(bytes, 1) && lent(bytes + 64, 1), "two requests with the same user_data are followed");
    answer(0, 64, 0);
    ok(!lent(bytes, 128), "which of them is over is not known");

    sqe = lab_sqe();
    rota_prep_read(sqe, 0, bytes, 64, 0);
    sqe->user_data = 20;
    present(false);
    ok(!lent(bytes, 64), "what the kernel has not taken is the program's");
    rota_prep_read(sqe, 0, bytes + 64, 64, 0);
    present(true);
    ok(!lent(bytes, 64) && lent(bytes + 64, 64), "and may become another request");
    answer(20, 0, 0);
    ok(!lent(bytes, 128) && lab_watch.count == 0, "which alone is followed");

    lab_watch.stack = 0;
    sqe = lab_sqe();
    rota_prep_timeout(sqe, on_a_stack(), 0, 0);
    show();
    ok(!reports, "a program on small stacks turns the look at them off");
    lab_watch.stack = 256 << 10;
    forget();
}

#ifdef ROTA_WATCH_ASAN
/* Makes a condition hold, where it is one on the request. */
static void satisfy(struct io_uring_sqe *sqe, const struct rota_condition *c)
{
    unsigned char *at = (unsigned char *)sqe + c->offset;
    uint64_t value = 0;

    if (c->offset == ROTA_COND_ON_RING)
        return;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    memcpy((unsigned char *)&value + 8 - c->size, at, c->size);
#else
    memcpy(&value, at, c->size);
#endif
    if (c->kind == ROTA_COND_HAS)
        value |= c->value;
    else if (c->kind == ROTA_COND_IS)
        value = c->value;
    else if (c->kind == ROTA_COND_ABOVE || (c->kind == ROTA_COND_IS_NOT && value == c->value))
        value = c->value + 1;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    memcpy(at, (unsigned char *)&value + 8 - c->size, c->size);
#else
    memcpy(at, &value, c->size);
#endif
}

static void put(struct io_uring_sqe *sqe, unsigned offset, unsigned size, uint64_t value)
{
    uint32_t word = (uint32_t)value;
    uint16_t half = (uint16_t)value;

    memcpy((char *)sqe + offset,
           size == 8   ? (void *)&value
           : size == 4 ? (void *)&word
                       : &half,
           size);
}

/* Every pointer that a request of the table has, with memory that was freed. */
static void each_pointer(void)
{
    unsigned pointers = 0, seen = 0, kinds[ROTA_LIVES_UNREGISTER + 1][ROTA_MEMORY_BOTH + 1] = {0};

    for (unsigned opcode = 0; opcode < 256; opcode++) {
        const struct rota_op_info *op = rota_opcode_info(opcode);
        const struct rota_field_info *fields = op ? rota_info_fields(op->fields) : NULL;

        for (unsigned i = 0; op && i < op->fields.count; i++) {
            const struct rota_field_info *field = &fields[i];
            const struct rota_condition *when = rota_info_conditions(field->when);
            struct io_uring_sqe *sqe;

            if (!field->memory)
                continue;
            sqe = lab_sqe();
            sqe->opcode = (uint8_t)opcode;
            sqe->fd = 1;
            sqe->len = 8;
            if (field->length_size)
                put(sqe, field->length_at, field->length_size, 8);
            for (unsigned k = 0; k < field->when.count; k++)
                satisfy(sqe, &when[k]);
            put(sqe, field->offset, field->size, (uintptr_t)freed(8));
            show();
            pointers++;
            if (reports && found == ROTA_WATCH_POISONED) {
                seen++;
                kinds[field->lives][field->memory]++;
            } else {
                printf("# not seen: %s of %s\n", rota_info_text(field->name),
                       rota_info_text(op->name));
            }
            forget();
        }
    }
    ok(pointers > 50 && seen == pointers, "%u of %u pointers of requests are looked at", seen,
       pointers);
    ok(kinds[ROTA_LIVES_SUBMIT][ROTA_MEMORY_READ] &&
           kinds[ROTA_LIVES_COMPLETION][ROTA_MEMORY_READ] &&
           kinds[ROTA_LIVES_COMPLETION][ROTA_MEMORY_WRITTEN] &&
           kinds[ROTA_LIVES_COMPLETION][ROTA_MEMORY_BOTH] &&
           kinds[ROTA_LIVES_NOTIFICATION][ROTA_MEMORY_READ] &&
           kinds[ROTA_LIVES_UNREGISTER][ROTA_MEMORY_WRITTEN],
       "for each time that memory lives and each kind of it");
}

/* And every one of a command that can be told by its number, or by the socket that takes it. */
static void each_command(int socket)
{
    const struct rota_family_info *families;
    const struct rota_command_info *commands;
    unsigned count, family_count, pointers = 0, seen = 0;

    families = rota_family_infos(&family_count);
    commands = rota_command_infos(&count);
    for (unsigned i = 0; i < count; i++) {
        const struct rota_point_info *points = rota_info_points(commands[i].points);

        for (unsigned k = 0; k < commands[i].points.count; k++) {
            struct io_uring_sqe *sqe;

            if (commands[i].bytes > 16 ||
                (!commands[i].coded && families[commands[i].family].kind != ROTA_COMMAND_OF_SOCKET))
                continue;
            sqe = lab_sqe();
            rota_prep_uring_cmd(sqe, (int)commands[i].number, socket);
            sqe->opcode = families[commands[i].family].opcode;
            if (points[k].length_size)
                put(sqe, points[k].length_at, points[k].length_size, 8);
            put(sqe, points[k].offset, points[k].size, (uintptr_t)freed(8));
            show();
            pointers++;
            seen += reports == 1 && found == ROTA_WATCH_POISONED;
            if (!reports)
                printf("# not seen: %s of %s\n", rota_info_text(points[k].name),
                       rota_info_text(commands[i].name));
            forget();
        }
    }
    ok(pointers > 8 && seen == pointers, "%u of %u pointers of commands are looked at", seen,
       pointers);
}

/* Parts that lie behind a part. */
static void each_part(void)
{
    static char bytes[64];
    struct iovec vector = {bytes, 8}, gone = {NULL, 8};
    struct msghdr message = {.msg_iov = &vector, .msg_iovlen = 1};
    char *name = malloc(8);
    struct io_uring_sqe *sqe;

    gone.iov_base = freed(8);
    message.msg_name = freed(16);
    message.msg_namelen = 16;
    rota_prep_sendmsg(lab_sqe(), 1, &message, 0);
    show();
    expect(ROTA_WATCH_POISONED, "16 bytes", "a message to an address that was freed");
    message.msg_name = NULL;
    message.msg_control = freed(24);
    message.msg_controllen = 24;
    rota_prep_sendmsg(lab_sqe(), 1, &message, 0);
    show();
    expect(ROTA_WATCH_POISONED, "24 bytes", "a message with control data that was freed");
    message.msg_control = NULL;
    message.msg_controllen = 0;
    message.msg_iov = &gone;
    rota_prep_sendmsg(lab_sqe(), 1, &message, 0);
    show();
    expect(ROTA_WATCH_POISONED, "reads it", "a message of bytes that were freed");
    message.msg_iov = freed(sizeof(vector));
    rota_prep_sendmsg(lab_sqe(), 1, &message, 0);
    show();
    expect(ROTA_WATCH_POISONED, "until the submission", "a message whose vector was freed");

    sqe = lab_sqe();
    rota_prep_send(sqe, 1, &gone, 1, 0);
    sqe->ioprio = IORING_SEND_VECTORIZED;
    show();
    expect(ROTA_WATCH_POISONED, "8 bytes", "a vector to send that names what was freed");

    memset(name, 'x', 8);
    rota_prep_openat(lab_sqe(), AT_FDCWD, name, O_RDONLY, 0);
    show();
    expect(ROTA_WATCH_POISONED, "memory of path", "a name that does not end in its memory");
    name[7] = 0;
    rota_prep_openat(lab_sqe(), AT_FDCWD, name, O_RDONLY, 0);
    show();
    ok(!reports, "and nothing when it does");
    free(name);
    name = calloc(1, 24);
    rota_prep_openat2(lab_sqe(), AT_FDCWD, "/", (void *)name);
    show();
    ok(!reports, "a structure of as many bytes as another field says is no array");
    free(name);

    /* What cannot be read is the kernel's to refuse. */
    rota_prep_readv(lab_sqe(), 1, (void *)(uintptr_t)4096, 1, 0);
    rota_prep_recvmsg(lab_sqe(), 1, (void *)(uintptr_t)4096, 0);
    rota_prep_openat(lab_sqe(), AT_FDCWD, (void *)(uintptr_t)4096, O_RDONLY, 0);
    show();
    ok(!reports, "addresses of nothing do no harm");
    forget();
}
#else
static void each_pointer(void)
{
    skip(2, "it takes AddressSanitizer to see what was freed");
}

static void each_command(int socket)
{
    (void)socket;
    skip(1, "it takes AddressSanitizer to see what was freed");
}

static void each_part(void)
{
    skip(9, "it takes AddressSanitizer to see what was freed");
}
#endif

/* Requests without a mistake, by handles and by hand, more than the watch has room for. */
static void innocent(void)
{
    static char text[32][8];
    struct io_uring_cqe *cqe;
    int reading, count = 0;

    for (int round = 0; round < 8; round++) {
        for (unsigned i = 0; i < 16; i++)
            rota_prep_write(rota_get_sqe(&ring), ends[1], text[i], 8, 0);
        rota_submit_and_wait(&ring, 16);
        while (!rota_peek_cqe(&ring, &cqe)) {
            rota_cqe_seen(&ring, cqe);
            count++;
        }
        for (unsigned i = 0; i < 16; i++) {
            char local[8];

            reading = rota_call_read(&ring, ends[0], local, sizeof(local), 0);
            count += reading == 8;
        }
    }
    rota_watch_look(&watch);
    ok(count == 256 && reports == 0, "nothing is reported of what is right (%d, %u)", count,
       reports);
    ok(watch.count == 0, "and nothing stays lent");
}

/* A handle's completion is taken from behind others, which move: what was where is not known then. */
static void taken_from_behind(void)
{
    static char text[2][8];
    struct rota_op op[2] = {ROTA_OP_INIT, ROTA_OP_INIT};
    struct io_uring_cqe *cqe;
    unsigned stays = 0;

    for (unsigned i = 0; i < 2; i++) {
        rota_prep_nop(rota_get_sqe(&ring));
        rota_start_read(&ring, &op[i], ends[0], text[i], sizeof(text[i]), 0);
    }
    rota_submit(&ring);
    if (write(ends[1], text, sizeof(text)) != (ssize_t)sizeof(text))
        exit(1);
    for (unsigned i = 0; i < 2; i++)
        ok(rota_await(&ring, &op[i]) == 8, "a handle is awaited behind what stays");
    rota_watch_look(&watch);
    ok(!rota_watch_reuse(&watch, text, sizeof(text), true) && reports == 0,
       "its memory is the program's again");
    while (!rota_peek_cqe(&ring, &cqe)) {
        rota_cqe_seen(&ring, cqe);
        stays++;
    }
    ok(stays == 2, "and the others are still there");
}

int main(void)
{
    int sockets[2];
    int ret = rota_init(&ring, 32, NULL);

    if (ret < 0)
        skip_all("no ring: %s", strerror(-ret));
    if (pipe(ends) || socketpair(AF_UNIX, SOCK_DGRAM, 0, sockets))
        return 1;
    ok(rota_watch_begin(&watch, &ring, NULL, 0, note, NULL) == -EINVAL, "loans need room");
    ok(rota_watch_begin(&watch, &ring, loans, 64, note, NULL) == 0, "a ring is watched");
    innocent();
    planted_for_asan(sockets[0]);
    planted();
    each_life();
    each_pointer();
    each_command(sockets[0]);
    each_part();
    rota_watch_end(&lab_watch);
    rota_queue_exit(&lab);
    forget();
    innocent();
    taken_from_behind();
    ok(rota_watch_end(&watch) >= 3, "the end tells how many there were");
    rota_queue_exit(&ring);
    return done();
}
