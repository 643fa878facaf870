/* SPDX-License-Identifier: MIT */
/*
 * Results below what was asked for: whether they cancel the request that is
 * linked behind, and are posted in spite of IOSQE_CQE_SKIP_SUCCESS, as the table
 * says of each opcode. A row that says so of an opcode without a case here fails.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <rota.h>

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "tap.h"

#define THERE 100U /* bytes that can be had */
#define ASKED 200U
#define MUCH  (4U << 20) /* more than any socket here takes at once */

/* Everything that a case may use. */
struct place {
    struct rota_ring ring;
    int file;      /* THERE bytes */
    int source[2]; /* a pipe with THERE bytes */
    int full[2];   /* one with room for a page, of which more is never waited for */
    int empty[2];
    int sock[2]; /* the second has sent THERE bytes, and nothing more will come */
    unsigned char *memory;
    struct iovec piece;
    struct iovec large;
    struct msghdr message;
};

static struct rota_caps caps;

struct short_case {
    const char *what;
    int opcode;
    void (*prepare)(struct place *p, struct io_uring_sqe *sqe);
};

static void prepare_read(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_read(sqe, p->file, p->memory, ASKED, 0);
}

static void prepare_read_end(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_read(sqe, p->file, p->memory, ASKED, THERE);
}

static void prepare_readv(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_readv(sqe, p->file, &p->piece, 1, 0);
}

static void prepare_read_fixed(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_read_fixed(sqe, p->file, p->memory, ASKED, 0, 0);
}

static void prepare_readv_fixed(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_readv_fixed(sqe, p->file, &p->piece, 1, 0, 0, 0);
}

static void prepare_write(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_write(sqe, p->full[1], p->memory, MUCH, 0);
}

static void prepare_writev(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_writev(sqe, p->full[1], &p->large, 1, 0);
}

static void prepare_write_fixed(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_write_fixed(sqe, p->full[1], p->memory, MUCH, 0, 0);
}

static void prepare_writev_fixed(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_writev_fixed(sqe, p->full[1], &p->large, 1, 0, 0, 0);
}

static void prepare_splice(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_splice(sqe, p->file, 0, p->empty[1], -1, ASKED, 0);
}

static void prepare_tee(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_tee(sqe, p->source[0], p->empty[1], ASKED, 0);
}

static void prepare_recv(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_recv(sqe, p->sock[0], p->memory, ASKED, 0);
}

static void prepare_recv_all(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_recv(sqe, p->sock[0], p->memory, ASKED, MSG_WAITALL);
}

static void prepare_recvmsg(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_recvmsg(sqe, p->sock[0], &p->message, 0);
}

static void prepare_recvmsg_all(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_recvmsg(sqe, p->sock[0], &p->message, MSG_WAITALL);
}

static void prepare_send(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_send(sqe, p->sock[1], p->memory, MUCH, MSG_DONTWAIT);
}

static void prepare_send_all(struct place *p, struct io_uring_sqe *sqe)
{
    rota_prep_send(sqe, p->sock[1], p->memory, MUCH, MSG_DONTWAIT | MSG_WAITALL);
}

static void prepare_sendmsg(struct place *p, struct io_uring_sqe *sqe)
{
    p->message.msg_iov = &p->large;
    rota_prep_sendmsg(sqe, p->sock[1], &p->message, MSG_DONTWAIT);
}

static void prepare_sendmsg_all(struct place *p, struct io_uring_sqe *sqe)
{
    p->message.msg_iov = &p->large;
    rota_prep_sendmsg(sqe, p->sock[1], &p->message, MSG_DONTWAIT | MSG_WAITALL);
}

static const struct short_case cases[] = {
    {"a read over the end", IORING_OP_READ, prepare_read},
    {"a read at the end", IORING_OP_READ, prepare_read_end},
    {"a read of vectors", IORING_OP_READV, prepare_readv},
    {"a read into a registered buffer", IORING_OP_READ_FIXED, prepare_read_fixed},
    {"a read of registered vectors", IORING_OP_READV_FIXED, prepare_readv_fixed},
    {"a write into a full pipe", IORING_OP_WRITE, prepare_write},
    {"a write of vectors", IORING_OP_WRITEV, prepare_writev},
    {"a write out of a registered buffer", IORING_OP_WRITE_FIXED, prepare_write_fixed},
    {"a write of registered vectors", IORING_OP_WRITEV_FIXED, prepare_writev_fixed},
    {"a splice over the end", IORING_OP_SPLICE, prepare_splice},
    {"a tee of less", IORING_OP_TEE, prepare_tee},
    {"a receive of less", IORING_OP_RECV, prepare_recv},
    {"a receive that waits for all", IORING_OP_RECV, prepare_recv_all},
    {"a message of less", IORING_OP_RECVMSG, prepare_recvmsg},
    {"a message that waits for all", IORING_OP_RECVMSG, prepare_recvmsg_all},
    {"a send into a full socket", IORING_OP_SEND, prepare_send},
    {"a send of all into one", IORING_OP_SEND, prepare_send_all},
    {"a message into a full socket", IORING_OP_SENDMSG, prepare_sendmsg},
    {"a message of all into one", IORING_OP_SENDMSG, prepare_sendmsg_all},
};

/*
 * Rows that are not tried: how much a zero-copy send takes is the network's
 * business, and loopback takes all.
 */
static const int untried[] = {IORING_OP_SEND_ZC, IORING_OP_SENDMSG_ZC};

static void must(int good, const char *what)
{
    if (!good)
        bail("%s: %s", what, strerror(errno));
}

static void open_sockets(struct place *p)
{
    struct sockaddr_in name = {.sin_family = AF_INET};
    socklen_t size = sizeof(name);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    must(listener >= 0 && !bind(listener, (struct sockaddr *)&name, size) && !listen(listener, 1) &&
             !getsockname(listener, (struct sockaddr *)&name, &size),
         "a listener");
    p->sock[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    must(p->sock[1] >= 0 && !connect(p->sock[1], (struct sockaddr *)&name, size), "a client");
    p->sock[0] = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    must(p->sock[0] >= 0, "a connection");
    close(listener);
}

static void open_place(struct place *p, bool sends)
{
    struct iovec whole;
    char name[] = "/tmp/rota-short-XXXXXX";

    memset(p, 0, sizeof(*p));
    must(!rota_queue_init(8, &p->ring, 0), "a ring");
    p->memory = aligned_alloc(4096, MUCH);
    must(!!p->memory, "memory");
    memset(p->memory, 1, MUCH);
    p->file = mkstemp(name);
    must(p->file >= 0 && write(p->file, p->memory, THERE) == THERE, "a file");
    unlink(name);
    must(!pipe2(p->source, O_CLOEXEC) && !pipe2(p->empty, O_CLOEXEC) &&
             !pipe2(p->full, O_CLOEXEC | O_NONBLOCK),
         "pipes");
    must(write(p->source[1], p->memory, THERE) == THERE, "bytes in a pipe");
    while (write(p->full[1], p->memory, 4096) > 0)
        ;
    must(read(p->full[0], p->memory, 4096) == 4096, "room in a pipe");
    open_sockets(p);
    if (!sends) {
        must(send(p->sock[1], p->memory, THERE, 0) == THERE, "bytes in a socket");
        must(!shutdown(p->sock[1], SHUT_WR), "the end of a stream");
    }
    p->piece.iov_base = p->large.iov_base = p->memory;
    p->piece.iov_len = ASKED;
    p->large.iov_len = MUCH;
    p->message.msg_iov = &p->piece;
    p->message.msg_iovlen = 1;
    whole.iov_base = p->memory;
    whole.iov_len = MUCH;
    must(!rota_register_buffers(&p->ring, &whole, 1), "a registered buffer");
}

static void close_place(struct place *p)
{
    rota_queue_exit(&p->ring);
    close(p->file);
    for (unsigned i = 0; i < 2; i++) {
        close(p->source[i]);
        close(p->full[i]);
        close(p->empty[i]);
        close(p->sock[i]);
    }
    free(p->memory);
}

/* What the table says of this request; conditions on flags are all that it uses here. */
static bool fails(const struct io_uring_sqe *sqe)
{
    const struct rota_op_info *op = rota_opcode_info(sqe->opcode);
    const struct rota_condition *when = rota_info_conditions(op->short_when);

    for (unsigned i = 0; i < op->short_when.count; i++) {
        if (when[i].kind != ROTA_COND_HAS ||
            when[i].offset != offsetof(struct io_uring_sqe, msg_flags))
            bail("a condition of another kind: %s", rota_info_text(when[i].text));
        if ((sqe->msg_flags & when[i].value) != when[i].value)
            return false;
    }
    return op->short_fails;
}

/* The result of the request with this user_data, or `none` when it is silent. */
static int result_of(struct place *p, uint64_t wanted, unsigned count, int none)
{
    struct __kernel_timespec patience = {.tv_sec = 5};
    int res = none;

    for (unsigned i = 0; i < count; i++) {
        struct io_uring_cqe *cqe = NULL;

        if (rota_wait_cqe_timeout(&p->ring, &cqe, &patience))
            break;
        if (cqe->user_data == wanted)
            res = cqe->res;
        rota_cqe_seen(&p->ring, cqe);
    }
    return res;
}

static void try_case(const struct short_case *c)
{
    const int none = 12345;
    struct io_uring_sqe *sqe;
    struct place p;
    bool wanted;
    int res;

    if (rota_caps_opcode(&caps, (unsigned)c->opcode, NULL) != ROTA_YES) {
        skip(2, "%s: this kernel has no %s", c->what, rota_op_name((unsigned)c->opcode));
        return;
    }
    open_place(&p, c->opcode == IORING_OP_SEND || c->opcode == IORING_OP_SENDMSG);
    sqe = rota_get_sqe(&p.ring);
    c->prepare(&p, sqe);
    sqe->flags |= IOSQE_IO_LINK;
    wanted = fails(sqe);
    sqe = rota_get_sqe(&p.ring);
    rota_prep_nop(sqe);
    sqe->user_data = 1;
    rota_submit(&p.ring);
    res = result_of(&p, 1, 2, none);
    is_int(res, wanted ? -ECANCELED : 0, "%s: the request linked behind", c->what);
    close_place(&p);

    open_place(&p, c->opcode == IORING_OP_SEND || c->opcode == IORING_OP_SENDMSG);
    sqe = rota_get_sqe(&p.ring);
    c->prepare(&p, sqe);
    sqe->flags |= IOSQE_CQE_SKIP_SUCCESS;
    sqe->user_data = 1;
    rota_submit(&p.ring);
    sqe = rota_get_sqe(&p.ring);
    rota_prep_nop(sqe);
    sqe->user_data = 2;
    rota_submit(&p.ring);
    res = result_of(&p, 1, wanted ? 2 : 1, none);
    if (!(p.ring.features & IORING_FEAT_CQE_SKIP)) /* 5.17 */
        skip(1, "%s: this kernel has no IOSQE_CQE_SKIP_SUCCESS", c->what);
    else
        ok((res != none) == wanted && (res == none || res >= 0), "%s: %s", c->what,
           wanted ? "its completion is posted" : "it is silent");
    close_place(&p);
}

static bool has_case(int opcode)
{
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (cases[i].opcode == opcode)
            return true;
    }
    for (unsigned i = 0; i < sizeof(untried) / sizeof(untried[0]); i++) {
        if (untried[i] == opcode)
            return true;
    }
    return false;
}

int main(void)
{
    if (rota_caps_get(&caps, NULL))
        skip_all("no ring can be made");
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        try_case(&cases[i]);
    for (int op = 0; op < IORING_OP_LAST; op++) {
        if (rota_opcode_info((unsigned)op)->short_fails)
            ok(has_case(op), "%s has a case", rota_op_name((unsigned)op));
    }
    return done();
}
