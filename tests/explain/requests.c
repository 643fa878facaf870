/* SPDX-License-Identifier: MIT */
/* Random requests from the table: right ones, and such as break a rule or two. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "differential.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <linux/time_types.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Each kind of memory has a part of its own, as large as the longest length that is used. */
#define PART  (1U << 20)
#define PARTS 12

enum part {
    PART_BYTES,
    PART_IOVEC,
    PART_MSGHDR,
    PART_TEXT,
    PART_TIME,
    PART_ADDRESS,
    PART_HOW,
    PART_EVENT,
    PART_FUTEX,
    PART_WAITV,
    PART_LENGTH,
    PART_ZERO,
};

#ifndef FUTEX2_SIZE_U32
#define FUTEX2_SIZE_U32 2
#endif

struct waiter { /* struct futex_waitv, which old headers lack */
    uint64_t value, address;
    uint32_t flags, reserved;
};

static unsigned char *part(const struct scratch *scratch, enum part which)
{
    return scratch->area + (size_t)which * PART;
}

int scratch_open(struct scratch *scratch)
{
    struct iovec *vectors;
    struct msghdr *message;
    struct __kernel_timespec *time;
    struct sockaddr_in *address;
    struct waiter *waiters;

    scratch->size = (size_t)PART * PARTS;
    scratch->area =
        mmap(NULL, scratch->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (scratch->area == MAP_FAILED)
        return -1;
    vectors = (struct iovec *)(void *)part(scratch, PART_IOVEC);
    for (unsigned i = 0; i < PART / sizeof(*vectors); i++) {
        vectors[i].iov_base = part(scratch, PART_BYTES) + i % 4096;
        vectors[i].iov_len = 1;
    }
    message = (struct msghdr *)(void *)part(scratch, PART_MSGHDR);
    message->msg_iov = vectors;
    message->msg_iovlen = 1;
    strcpy((char *)part(scratch, PART_TEXT), "user.rota");
    time = (struct __kernel_timespec *)(void *)part(scratch, PART_TIME);
    time->tv_sec = INT64_C(1) << 33; /* far away on every clock */
    address = (struct sockaddr_in *)(void *)part(scratch, PART_ADDRESS);
    address->sin_family = AF_INET;
    waiters = (struct waiter *)(void *)part(scratch, PART_WAITV);
    for (unsigned i = 0; i < 200; i++) {
        waiters[i].address = (uintptr_t)part(scratch, PART_FUTEX);
        waiters[i].flags = FUTEX2_SIZE_U32;
    }
    *(unsigned *)(void *)part(scratch, PART_LENGTH) = 16;
    scratch->fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    return scratch->fd < 0 ? -1 : 0;
}

void scratch_close(struct scratch *scratch)
{
    close(scratch->fd);
    munmap(scratch->area, scratch->size);
}

uint64_t scratch_pointer(const struct scratch *scratch, const char *type)
{
    static const struct {
        const char *type;
        enum part part;
    } kinds[] = {
        {"struct iovec *", PART_IOVEC},
        {"struct msghdr *", PART_MSGHDR},
        {"const char *", PART_TEXT},
        {"struct __kernel_timespec *", PART_TIME},
        {"struct sockaddr *", PART_ADDRESS},
        {"struct open_how *", PART_HOW},
        {"struct epoll_event *", PART_EVENT},
        {"uint32_t *", PART_FUTEX},
        {"struct futex_waitv *", PART_WAITV},
        {"unsigned *", PART_LENGTH},
        {"struct io_uring_attr_pi *", PART_ZERO},
        {"*", PART_BYTES},
    };

    for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (strstr(type, kinds[i].type))
            return (uintptr_t)part(scratch, kinds[i].part);
    }
    return 0;
}

static bool is_pointer(const struct rota_field_info *field)
{
    /* Rows that have no function for it leave its type out. */
    return (field->type.at && strchr(rota_info_text(field->type), '*')) ||
           !strcmp(rota_info_text(field->name), "attr_ptr");
}

static uint64_t get(const struct io_uring_sqe *sqe, unsigned offset, unsigned size)
{
    uint64_t value = 0;

    if (size == 1)
        value = *((const uint8_t *)sqe + offset);
    else if (size == 2)
        value = *(const uint16_t *)(const void *)((const char *)sqe + offset);
    else if (size == 4)
        value = *(const uint32_t *)(const void *)((const char *)sqe + offset);
    else
        memcpy(&value, (const char *)sqe + offset, 8);
    return value;
}

static void put(struct io_uring_sqe *sqe, unsigned offset, unsigned size, uint64_t value)
{
    uint8_t byte = (uint8_t)value;
    uint16_t half = (uint16_t)value;
    uint32_t word = (uint32_t)value;
    const void *from = size == 1   ? (const void *)&byte
                       : size == 2 ? (const void *)&half
                       : size == 4 ? (const void *)&word
                                   : (const void *)&value;

    memcpy((char *)sqe + offset, from, size);
}

/* A number that is interesting on its own, or because a rule of the opcode names it. */
static uint64_t number(struct dice *dice, const struct rota_op_info *op)
{
    static const uint64_t some[] = {
        0,
        1,
        2,
        3,
        7,
        8,
        16,
        23,
        24,
        64,
        127,
        128,
        129,
        255,
        256,
        511,
        512,
        1000,
        1024,
        1025,
        4095,
        4096,
        4097,
        65535,
        65536,
        65537,
        0x7ffffffe,
        0x7fffffff,
        0x80000000,
        0xfffffffe,
        0xffffffff,
        0x100000000,
        UINT64_C(1) << 62,
        UINT64_C(1) << 63,
        UINT64_MAX,
    };

    if (op->rules.count && !dice_below(dice, 3)) {
        const struct rota_rule_info *rule =
            &rota_info_rules(op->rules)[dice_below(dice, op->rules.count)];
        const struct rota_condition *c =
            rule->when.count && dice_below(dice, 2)
                ? &rota_info_conditions(rule->when)[dice_below(dice, rule->when.count)]
                : &rota_info_conditions(rule->must)[dice_below(dice, rule->must.count)];

        return c->value + dice_below(dice, 3) - 1;
    }
    if (!dice_below(dice, 8))
        return dice_roll(dice) >> dice_below(dice, 64);
    return some[dice_below(dice, sizeof(some) / sizeof(some[0]))];
}

/* A value that such a field may well have. */
static uint64_t proper(struct dice *dice, const struct aim *aim, const struct rota_op_info *op,
                       const struct rota_field_info *field)
{
    uint64_t value = 0;

    if (is_pointer(field))
        return scratch_pointer(aim->scratch, rota_info_text(field->type)
                                                 ? rota_info_text(field->type)
                                                 : "struct io_uring_attr_pi *");
    if (field->group.at && field->flags.count) {
        if (field->values)
            return rota_info_flags(field->flags)[dice_below(dice, field->flags.count)].value;
        for (unsigned n = dice_below(dice, 3); n; n--)
            value |= rota_info_flags(field->flags)[dice_below(dice, field->flags.count)].value;
        return value;
    }
    switch (field->role) {
    case ROTA_ROLE_FILE:
        return (uint32_t)aim->scratch->fd;
    case ROTA_ROLE_SLOT:
    case ROTA_ROLE_FAR_SLOT:
        return dice_below(dice, 2) ? 0 : dice_below(dice, 2) ? IORING_FILE_INDEX_ALLOC : 1;
    case ROTA_ROLE_BUFFER:
    case ROTA_ROLE_GROUP:
        return dice_below(dice, 3);
    default:
        return dice_below(dice, 2) ? number(dice, op) : dice_below(dice, 4);
    }
}

static uint8_t proper_flags(struct dice *dice, const struct rota_op_info *op)
{
    static const uint8_t some[] = {0,
                                   0,
                                   0,
                                   IOSQE_ASYNC,
                                   IOSQE_IO_LINK,
                                   IOSQE_IO_HARDLINK,
                                   IOSQE_IO_DRAIN,
                                   IOSQE_CQE_SKIP_SUCCESS};
    uint8_t flags = some[dice_below(dice, sizeof(some))];

    if (op->buffer_select == ROTA_IOSQE_REQUIRED ||
        (op->buffer_select == ROTA_IOSQE_TAKEN && !dice_below(dice, 3)))
        flags |= IOSQE_BUFFER_SELECT;
    if (op->fixed_file == ROTA_IOSQE_REQUIRED ||
        (op->fixed_file != ROTA_IOSQE_REFUSED && !dice_below(dice, 4)))
        flags |= IOSQE_FIXED_FILE;
    return flags;
}

/* Makes rules hold that do not. */
static void repair(const struct aim *aim, const struct rota_op_info *op, struct io_uring_sqe *sqe)
{
    struct rota_finding findings[8];
    int count = rota_sqe_check(aim->ring, aim->caps, sqe, findings, 8);

    for (int i = 0; i < count && i < 8; i++) {
        const struct rota_finding *f = &findings[i];

        if (!f->rule) {
            if (f->offset != 0xff && f->offset)
                put(sqe, f->offset, f->size, 0);
            continue;
        }
        for (unsigned k = 0; k < f->rule->must.count; k++) {
            const struct rota_condition *c = &rota_info_conditions(f->rule->must)[k];
            uint64_t value;

            if (c->offset == ROTA_COND_ON_RING)
                continue;
            value = get(sqe, c->offset, c->size);
            if (c->kind == ROTA_COND_HAS)
                value |= c->value;
            else if (c->kind == ROTA_COND_LACKS)
                value &= ~c->value;
            else if (c->kind == ROTA_COND_WITHIN)
                value &= c->value;
            else if (c->kind == ROTA_COND_IS)
                value = c->value;
            else if (c->kind == ROTA_COND_BELOW && value >= c->value)
                value = c->value - 1;
            else if (c->kind == ROTA_COND_ABOVE && value <= c->value)
                value = c->value + 1;
            else if (c->kind == ROTA_COND_IS_NOT && value == c->value)
                value = c->value + 1;
            put(sqe, c->offset, c->size, value);
        }
    }
    if (op->buffer_select == ROTA_IOSQE_REQUIRED)
        sqe->flags |= IOSQE_BUFFER_SELECT;
    if (op->fixed_file == ROTA_IOSQE_REQUIRED)
        sqe->flags |= IOSQE_FIXED_FILE;
}

void request_valid(struct dice *dice, const struct aim *aim, const struct rota_op_info *op,
                   struct io_uring_sqe *sqe)
{
    memset(sqe, 0, sizeof(*sqe));
    sqe->opcode = op->opcode;
    sqe->flags = proper_flags(dice, op);
    if (!dice_below(dice, 16))
        sqe->personality = (uint16_t)aim->scratch->personality;
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_info_fields(op->fields)[i];

        /* Half of what an opcode can do at a time. */
        if (is_pointer(field) || field->role == ROTA_ROLE_FILE || field->values ||
            dice_below(dice, 2))
            put(sqe, field->offset, field->size, proper(dice, aim, op, field));
    }
    for (unsigned i = 0; i < op->ignored.count; i++) {
        if (!dice_below(dice, 4))
            put(sqe, rota_info_ignored(op->ignored)[i].offset,
                rota_info_ignored(op->ignored)[i].size, dice_roll(dice));
    }
    for (unsigned round = 0; round < 3; round++)
        repair(aim, op, sqe);
}

void request_break(struct dice *dice, const struct aim *aim, const struct rota_op_info *op,
                   struct io_uring_sqe *sqe)
{
    /* Members of the SQE that do not overlap, without opcode, user_data and personality. */
    static const uint8_t places[][2] = {{2, 2},  {4, 4},  {8, 8},  {12, 4}, {16, 8}, {24, 4},
                                        {28, 4}, {40, 2}, {44, 4}, {46, 2}, {48, 8}, {56, 8}};

    switch (dice_below(dice, 5)) {
    case 0: /* a flag of all requests */
        sqe->flags ^= (uint8_t)(1U << dice_below(dice, 8));
        break;
    case 1: { /* any member */
        const uint8_t *place = places[dice_below(dice, sizeof(places) / 2)];

        for (unsigned i = 0; i < op->fields.count; i++) {
            /* What an address leads to is not the check's business. */
            if (is_pointer(&rota_info_fields(op->fields)[i]) &&
                rota_info_fields(op->fields)[i].offset < place[0] + place[1] &&
                place[0] <
                    rota_info_fields(op->fields)[i].offset + rota_info_fields(op->fields)[i].size)
                return;
        }
        put(sqe, place[0], place[1], number(dice, op));
        break;
    }
    case 2: /* a field of the opcode */
        if (op->fields.count) {
            const struct rota_field_info *field =
                &rota_info_fields(op->fields)[dice_below(dice, op->fields.count)];

            if (!is_pointer(field))
                put(sqe, field->offset, field->size, number(dice, op));
            else if (!dice_below(dice, 8))
                put(sqe, field->offset, field->size, 16); /* where no memory is */
        }
        break;
    case 3: /* a flag of a field */
        for (unsigned i = 0; i < op->fields.count; i++) {
            const struct rota_field_info *field = &rota_info_fields(op->fields)[i];
            uint64_t value = get(sqe, field->offset, field->size);

            if (!field->group.at || is_pointer(field) || dice_below(dice, 2))
                continue;
            put(sqe, field->offset, field->size,
                value ^ UINT64_C(1) << dice_below(dice, 8U * field->size));
        }
        break;
    default: /* a rule */
        if (op->rules.count) {
            const struct rota_rule_info *rule =
                &rota_info_rules(op->rules)[dice_below(dice, op->rules.count)];

            for (unsigned k = 0; k < rule->when.count; k++) {
                const struct rota_condition *c = &rota_info_conditions(rule->when)[k];

                if (c->offset != ROTA_COND_ON_RING && c->kind == ROTA_COND_HAS)
                    put(sqe, c->offset, c->size, get(sqe, c->offset, c->size) | c->value);
                else if (c->offset != ROTA_COND_ON_RING && c->kind == ROTA_COND_IS)
                    put(sqe, c->offset, c->size, c->value);
            }
            for (unsigned k = 0; k < rule->must.count; k++) {
                const struct rota_condition *c = &rota_info_conditions(rule->must)[k];

                if (c->offset != ROTA_COND_ON_RING)
                    put(sqe, c->offset, c->size, c->value + dice_below(dice, 2));
            }
        }
        break;
    }
    (void)aim;
}
