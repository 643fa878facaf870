/* SPDX-License-Identifier: MIT */
/* What the row of a request says of it, for the model and the sinks. */
#include <stdlib.h>
#include <string.h>

#include "tool/trace/calls.h"
#include "tool/trace/model.h"
#include "tool/trace/sinks.h"
#include "tool/trace/trace.h"

#define TEXT_ROOM 1024

/* What is known of an opcode before its first request is seen, filled once. */
static struct {
    bool known;
    uint64_t
        follows; /* a bit for each byte of the entry at which an address of such memory begins */
    bool notifies;
    bool polls;
    bool receives;     /* into memory at `addr` */
    bool commands;     /* carries a number to which its file gives a meaning */
    bool counts_bytes; /* `len` is the size of its buffer, and the result what of it was used */
} rows[256];

static void learn(unsigned opcode)
{
    const struct rota_op_info *op = rota_opcode_info(opcode);
    const struct rota_field_info *fields;

    rows[opcode].known = true;
    if (!op)
        return;
    rows[opcode].notifies = op->shape == ROTA_SHAPE_NOTIFICATION;
    fields = rota_info_fields(op->fields);
    rows[opcode].polls = opcode == IORING_OP_POLL_ADD;
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &fields[i];
        const char *type = rota_info_text(field->type);

        rows[opcode].commands |= field->role == ROTA_ROLE_COMMAND;
        if (!type || !strchr(type, '*'))
            continue;
        if (field->memory == ROTA_MEMORY_READ || field->memory == ROTA_MEMORY_BOTH)
            rows[opcode].follows |= field->offset <= 56 ? UINT64_C(1) << field->offset : 0;
        if (field->offset != offsetof(struct io_uring_sqe, addr))
            continue;
        if (!strcmp(type, "void *") || !strcmp(type, "const void *"))
            rows[opcode].counts_bytes = true;
        if (!strcmp(type, "void *") && field->memory == ROTA_MEMORY_WRITTEN)
            rows[opcode].receives = true;
    }
}

bool request_follows(const unsigned char *sqe)
{
    if (!rows[sqe[0]].known)
        learn(sqe[0]);
    if (rows[sqe[0]].commands)
        return true;
    for (uint64_t left = rows[sqe[0]].follows; left; left &= left - 1) {
        uint64_t address;

        memcpy(&address, sqe + __builtin_ctzll(left), sizeof(address));
        if (address)
            return true;
    }
    return false;
}

bool request_notifies(const struct request *request)
{
    if (!rows[request->sqe[0]].known)
        learn(request->sqe[0]);
    return rows[request->sqe[0]].notifies;
}

bool request_is_poll_once(const struct request *request)
{
    const struct io_uring_sqe *sqe = request_sqe(request);

    if (!rows[sqe->opcode].known)
        learn(sqe->opcode);
    return rows[sqe->opcode].polls && !(sqe->len & IORING_POLL_ADD_MULTI);
}

uint32_t request_most(const struct request *request)
{
    const struct io_uring_sqe *sqe = request_sqe(request);

    if (!rows[sqe->opcode].known)
        learn(sqe->opcode);
    /* A selected buffer has its own length, and 0 stands for that. */
    return rows[sqe->opcode].counts_bytes && sqe->len ? sqe->len : UINT32_MAX;
}

char *text_of_sqe(const struct rota_process *process, const unsigned char *sqe, bool big)
{
    unsigned options = ROTA_FORMAT_FOLLOW | (big ? ROTA_FORMAT_BIG : 0);
    const void *entry = sqe;
    size_t room = TEXT_ROOM + 4 * (size_t)process->data_shown;
    char *text = need_memory(malloc(room));

    rota_process_sqe_format(process, entry, options, text, room);
    return text;
}

size_t request_text(const struct request *request, char *buf, size_t size)
{
    int length;

    if (request->text) {
        size_t whole = strlen(request->text);

        if (whole >= size)
            whole = size - 1;
        memcpy(buf, request->text, whole);
        buf[whole] = '\0';
        return whole;
    }
    length = rota_sqe_format(request_sqe(request), request->big ? ROTA_FORMAT_BIG : 0, buf, size);
    if (length < 0)
        return 0;
    return (size_t)length < size ? (size_t)length : size - 1;
}

size_t received(const struct event *event, unsigned char *bytes, size_t most)
{
    const struct io_uring_sqe *sqe;

    if (!event->request || event->cqe->res <= 0)
        return 0;
    sqe = request_sqe(event->request);
    if (!rows[sqe->opcode].known)
        learn(sqe->opcode);
    /* A buffer that was selected has another address. */
    if (!rows[sqe->opcode].receives || (sqe->flags & IOSQE_BUFFER_SELECT))
        return 0;
    if (most > (size_t)event->cqe->res)
        most = (size_t)event->cqe->res;
    return read_process(event->request->pid, sqe->addr, bytes, most) ? most : 0;
}
