/* SPDX-License-Identifier: MIT */
/*
 * Follows the addresses of a request. Every byte is fetched by
 * rota_peek_memory(), so that an address that leads nowhere is an error
 * number here and not a fault.
 */
#include "explain/follow.h"
#include "ring/core.h"

#define TEXT_SHOWN    64
#define DATA_SHOWN    32
#define VECTORS_SHOWN 4

static bool ends_with(const char *string, const char *end)
{
    size_t length = 0, tail = 0;

    while (string[length])
        length++;
    while (end[tail])
        tail++;
    return length >= tail && rota_text_same(string + length - tail, end);
}

/* Bytes as a string in quotes; `more` says that not all of them are there. */
static void put_quoted(struct rota_text *text, const unsigned char *bytes, size_t count, bool more)
{
    rota_text_char(text, '"');
    for (size_t i = 0; i < count; i++)
        rota_text_escaped(text, bytes[i], false);
    rota_text_put(text, more ? "\"..." : "\"");
}

static void put_string(struct rota_text *text, const struct rota_process *process, uint64_t address)
{
    unsigned char bytes[TEXT_SHOWN];
    long got = rota_peek_memory(process, address, bytes, sizeof(bytes));

    if (got <= 0)
        return;
    for (long i = 0; i < got; i++) {
        if (!bytes[i]) {
            rota_text_char(text, ' ');
            put_quoted(text, bytes, (size_t)i, false);
            return;
        }
    }
    rota_text_char(text, ' ');
    put_quoted(text, bytes, (size_t)got, true);
}

static void put_data(struct rota_text *text, const struct rota_process *process, uint64_t address,
                     uint64_t size)
{
    uint64_t wanted = process && process->data_shown ? process->data_shown : DATA_SHOWN;
    unsigned char bytes[DATA_SHOWN];
    uint64_t done = 0;

    if (wanted > size)
        wanted = size;
    while (done < wanted) {
        uint64_t part = wanted - done < sizeof(bytes) ? wanted - done : sizeof(bytes);
        long got = rota_peek_memory(process, address + done, bytes, (size_t)part);

        if (got <= 0)
            break;
        rota_text_put(text, done ? "" : " \"");
        for (long i = 0; i < got; i++)
            rota_text_escaped(text, bytes[i], false);
        done += (uint64_t)got;
        if ((uint64_t)got < part)
            break;
    }
    if (done)
        rota_text_put(text, size > done ? "\"..." : "\"");
}

static void put_vectors(struct rota_text *text, const struct rota_process *process,
                        uint64_t address, uint64_t count)
{
    uint64_t shown = count < VECTORS_SHOWN ? count : VECTORS_SHOWN;
    uint64_t base[VECTORS_SHOWN], size[VECTORS_SHOWN];

    for (uint64_t i = 0; i < shown; i++) {
        if (!rota_peek_vector(process, address, i, &base[i], &size[i]))
            return;
    }
    if (!shown)
        return;
    rota_text_put(text, " [");
    for (uint64_t i = 0; i < shown; i++) {
        rota_text_put(text, i ? ", {" : "{");
        rota_text_hex(text, base[i]);
        rota_text_put(text, ", ");
        rota_text_number(text, size[i]);
        rota_text_char(text, '}');
    }
    rota_text_put(text, count > shown ? ", ...]" : "]");
}

static void put_address(struct rota_text *text, const struct rota_process *process,
                        uint64_t address, uint64_t size)
{
    unsigned char bytes[28];
    size_t wanted = size && size < sizeof(bytes) ? (size_t)size : sizeof(bytes);
    long got = rota_peek_memory(process, address, bytes, wanted);
    uint16_t family;

    if (got < (long)sizeof(family))
        return;
    __builtin_memcpy(&family, bytes, sizeof(family));
    if (family == 2 && got >= 8) {
        rota_text_put(text, " {AF_INET, ");
        for (unsigned i = 4; i < 8; i++) {
            if (i > 4)
                rota_text_char(text, '.');
            rota_text_decimal(text, bytes[i]);
        }
        rota_text_char(text, ':');
        rota_text_decimal(text, (uint64_t)bytes[2] << 8 | bytes[3]);
        rota_text_char(text, '}');
    } else if (family == 10 && got >= 24) {
        rota_text_put(text, " {AF_INET6, [");
        for (unsigned i = 8; i < 24; i += 2) {
            if (i > 8)
                rota_text_char(text, ':');
            rota_text_bytes(text, &bytes[i], 2);
        }
        rota_text_put(text, "]:");
        rota_text_decimal(text, (uint64_t)bytes[2] << 8 | bytes[3]);
        rota_text_char(text, '}');
    } else if (family == 1) {
        rota_text_put(text, " {AF_UNIX,");
        if (bytes[2])
            put_string(text, process, address + 2);
        rota_text_char(text, '}');
    } else {
        rota_text_put(text, " {family ");
        rota_text_decimal(text, family);
        rota_text_char(text, '}');
    }
}

static void put_time(struct rota_text *text, const struct rota_process *process, uint64_t address)
{
    int64_t time[2];

    if (rota_peek_memory(process, address, time, sizeof(time)) != (long)sizeof(time))
        return;
    rota_text_put(text, " {");
    rota_text_signed(text, time[0]);
    rota_text_put(text, " s, ");
    rota_text_signed(text, time[1]);
    rota_text_put(text, " ns}");
}

static void put_message(struct rota_text *text, const struct rota_process *process,
                        uint64_t address)
{
    struct rota_message message;

    if (!rota_peek_message(process, address, &message))
        return;
    rota_text_put(text, " {");
    if (message.name) {
        rota_text_put(text, "name=");
        rota_text_hex(text, message.name);
        put_address(text, process, message.name, (uint64_t)message.name_size);
        rota_text_put(text, ", ");
    }
    rota_text_put(text, "iov=");
    rota_text_hex(text, message.vectors);
    put_vectors(text, process, message.vectors, message.vector_count);
    if (message.control_size) {
        rota_text_put(text, ", control=");
        rota_text_number(text, message.control_size);
        rota_text_put(text, " bytes");
    }
    rota_text_char(text, '}');
}

/* The number that says how much there is: the length field, unless it is something else. */
static uint64_t length_of(const struct io_uring_sqe *sqe)
{
    return sqe->len;
}

void rota_follow(struct rota_text *text, const struct rota_process *process,
                 const struct io_uring_sqe *sqe, const struct rota_field_info *field,
                 uint64_t address)
{
    const char *type = rota_word(field->type);

    rota_text_hex(text, address);
    /* What the kernel is to write tells nothing yet. */
    if (field->memory == ROTA_MEMORY_WRITTEN)
        return;
    if (ends_with(type, "struct iovec *") ||
        (field->vector_when.count &&
         rota_conditions_hold(field->vector_when, sqe, NULL) == ROTA_YES))
        put_vectors(text, process, address, length_of(sqe));
    else if (ends_with(type, "struct msghdr *"))
        put_message(text, process, address);
    else if (ends_with(type, "struct sockaddr *"))
        put_address(text, process, address, 0);
    else if (ends_with(type, "struct __kernel_timespec *"))
        put_time(text, process, address);
    else if (ends_with(type, "char *"))
        put_string(text, process, address);
    else if (rota_text_same(type, "const void *"))
        put_data(text, process, address, length_of(sqe));
}
