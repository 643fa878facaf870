/* SPDX-License-Identifier: MIT */
/* The three system calls as text. */
#include <rota/names.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>

#include "tool/tables.h"
#include "tool/tool.h"
#include "tool/trace/calls.h"

/* Elements of an array that are shown. */
#define ELEMENTS_SHOWN 4

bool read_process(int pid, uint64_t address, void *to, size_t size)
{
    struct iovec local = {to, size};
    struct iovec remote = {(void *)(uintptr_t)address, size};

    return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)size;
}

struct text {
    char *at;
    size_t left;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    int length;

    va_start(args, format);
    length = vsnprintf(text->at, text->left, format, args);
    va_end(args);
    if (length < 0)
        return;
    if ((size_t)length >= text->left)
        length = text->left ? (int)text->left - 1 : 0;
    text->at += length;
    text->left -= (size_t)length;
}

void describe_setup(char *buf, size_t size, uint32_t entries, const struct io_uring_params *params)
{
    struct text text = {buf, size};
    char described[1024];

    rota_params_format(params, described, sizeof(described));
    put(&text, "io_uring_setup(%u, %s)", entries, described);
}

void describe_enter(char *buf, size_t size, const uint64_t *args)
{
    struct text text = {buf, size};
    char flags[256];

    put(&text, "io_uring_enter(%s%d, to_submit=%u, min_complete=%u, %s",
        args[3] & IORING_ENTER_REGISTERED_RING ? "index " : "", (int)args[0], (unsigned)args[1],
        (unsigned)args[2], flags_text("enter", (uint32_t)args[3], "|", flags, sizeof(flags)));
    if (args[4])
        put(&text, ", arg=0x%llx", (unsigned long long)args[4]);
    put(&text, ")");
}

/* A number of `size` bytes in this machine's order. */
static uint64_t number_at(const unsigned char *at, unsigned size)
{
    uint8_t byte;
    uint16_t half;
    uint32_t word;
    uint64_t whole = 0;

    switch (size) {
    case 1:
        memcpy(&byte, at, 1);
        return byte;
    case 2:
        memcpy(&half, at, 2);
        return half;
    case 4:
        memcpy(&word, at, 4);
        return word;
    case 8:
        memcpy(&whole, at, 8);
        return whole;
    default:
        return 0;
    }
}

static void put_number(struct text *text, uint64_t value, unsigned size, bool is_signed)
{
    if (is_signed && size == 4)
        put(text, "%d", (int)(uint32_t)value);
    else if (value > 0xffff)
        put(text, "0x%llx", (unsigned long long)value);
    else
        put(text, "%llu", (unsigned long long)value);
}

static bool all_zero(const unsigned char *bytes, size_t size)
{
    while (size && !*bytes) {
        bytes++;
        size--;
    }
    return !size;
}

/* The members of a structure that say something; the first one always. */
static void put_struct(struct text *text, const struct tool_struct *structure,
                       const unsigned char *bytes)
{
    bool any = false;

    put(text, "{");
    for (unsigned i = 0; i < structure->count; i++) {
        const struct tool_member *member = &structure->members[i];

        if (!member->size || (all_zero(bytes + member->offset, member->size) && (any || i)))
            continue;
        put(text, "%s%s=", any ? ", " : "", member->name);
        any = true;
        if (!member->unit) {
            put(text, "%u bytes", member->size);
            continue;
        }
        if (member->size > member->unit)
            put(text, "[");
        for (unsigned at = 0; at < member->size; at += member->unit) {
            put(text, "%s", at ? ", " : "");
            put_number(text, number_at(bytes + member->offset + at, member->unit), member->unit,
                       member->is_signed);
        }
        if (member->size > member->unit)
            put(text, "]");
    }
    put(text, "}");
}

static const struct tool_struct *find_struct(const char *type)
{
    if (strncmp(type, "struct ", 7))
        return NULL;
    for (unsigned i = 0; i < tool_struct_count; i++) {
        if (!strcmp(tool_structs[i].name, type + 7))
            return &tool_structs[i];
    }
    return NULL;
}

/* The elements that the argument leads to; one when the count means something else. */
static void put_argument(struct text *text, const struct rota_process *process, const char *type,
                         uint64_t address, uint32_t count, bool is_array)
{
    const struct tool_struct *structure = find_struct(type);
    bool narrow = process->flags & ROTA_PROCESS_32BIT;
    bool vector = !strcmp(type, "struct iovec");
    size_t size = structure ? structure->size : vector ? (narrow ? 8 : 2 * sizeof(void *)) : 4;
    uint32_t shown = !is_array ? 1 : count < ELEMENTS_SHOWN ? count : ELEMENTS_SHOWN;
    unsigned char bytes[256];

    put(text, "0x%llx", (unsigned long long)address);
    if (!address || !size || size > sizeof(bytes))
        return;
    if (!structure && !vector && strcmp(type, "__s32"))
        return;
    for (uint32_t i = 0; i < shown; i++) {
        if (!read_process(process->pid, address + i * size, bytes, size)) {
            put(text, "%s not readable", i ? "," : "");
            return;
        }
        put(text, "%s", i ? ", " : is_array ? " [" : " ");
        if (vector) {
            unsigned half = (unsigned)size / 2;

            put(text, "{0x%llx, %llu}", (unsigned long long)number_at(bytes, half),
                (unsigned long long)number_at(bytes + half, half));
        } else if (structure) {
            put_struct(text, structure, bytes);
        } else {
            put(text, "%d", (int)number_at(bytes, 4));
        }
    }
    if (is_array && shown)
        put(text, count > shown ? ", ...]" : "]");
}

/* Counts that say how many elements there are begin so in the table. */
static bool counts_elements(const char *count)
{
    return !strncmp(count, "Number of ", 10) && !strchr(count, '`');
}

void describe_register(char *buf, size_t size, const struct rota_process *process,
                       const uint64_t *args)
{
    uint32_t opcode = (uint32_t)args[1] & ~IORING_REGISTER_USE_REGISTERED_RING;
    const struct rota_register_info *info = rota_register_opcode_info(opcode);
    const char *type = info ? rota_info_text(info->arg) : NULL;
    bool registered = args[1] & IORING_REGISTER_USE_REGISTERED_RING;
    struct text text = {buf, size};

    put(&text, "io_uring_register(%s%d, ", registered ? "index " : "", (int)args[0]);
    if (info)
        put(&text, "%s, ", rota_info_text(info->name));
    else
        put(&text, "%u, ", opcode);
    if (type)
        put_argument(&text, process, type, args[2], (uint32_t)args[3],
                     counts_elements(rota_info_text(info->nr_args)));
    else if (args[2])
        put(&text, "0x%llx", (unsigned long long)args[2]);
    else
        put(&text, "NULL");
    put(&text, ", %u)", (unsigned)args[3]);
}
