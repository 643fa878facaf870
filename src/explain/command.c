/* SPDX-License-Identifier: MIT */
/* What the number of a command means: to the files that the table knows, and to the one at hand. */
#include "ring/core.h"
#include "explain/understand.h"
#include "explain/world.h"

#include <linux/fcntl.h>

#define PAYLOAD_AT offsetof(struct io_uring_sqe, addr3)

const struct rota_field_info *rota_command_field(const struct rota_op_info *op)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (rota_fields(op->fields)[i].role == ROTA_ROLE_COMMAND)
            return &rota_fields(op->fields)[i];
    }
    return NULL;
}

/* An opcode that needs a large SQE takes the commands of the one that does the same in a small one. */
static bool carries(const struct rota_op_info *op, const struct rota_family_info *family)
{
    return family->opcode == op->opcode || op->big;
}

void rota_commands_of(const struct rota_op_info *op, uint32_t number, struct rota_command_set *set)
{
    set->count = 0;
    for (unsigned i = 0; i < rota_command_table_count; i++) {
        const struct rota_command_info *command = &rota_command_table[i];

        if (!command->every_number && command->number == number &&
            carries(op, rota_command_family(command)) && set->count < ROTA_COMMANDS_MAX)
            set->found[set->count++] = command;
    }
    /* A number that holds letter and size of its owner means nothing else; a small one may. */
    set->certain = set->count == 1 && set->found[0]->coded;
}

static bool of_kind(const struct rota_family_info *family, enum rota_file_kind kind)
{
    switch (kind) {
    case ROTA_FILE_UNKNOWN:
        return true;
    case ROTA_FILE_SOCKET:
        return family->kind == ROTA_COMMAND_OF_SOCKET;
    case ROTA_FILE_BLOCK:
        return family->kind == ROTA_COMMAND_OF_BLOCK;
    case ROTA_FILE_CHARACTER:
        return family->kind == ROTA_COMMAND_OF_CHARACTER;
    case ROTA_FILE_REGULAR:
    case ROTA_FILE_DIRECTORY:
        return family->kind == ROTA_COMMAND_OF_REGULAR;
    case ROTA_FILE_OTHER:
        return family->kind == ROTA_COMMAND_OF_ANONYMOUS;
    default:
        return false;
    }
}

/* Whether a name is one of some with blanks between, where `*` is any number. */
static bool is_device(const char *name, const char *patterns)
{
    while (*patterns) {
        const char *p = patterns, *n = name;

        while (*p && *p != ' ') {
            if (*p == '*' && *n >= '0' && *n <= '9') {
                while (*n >= '0' && *n <= '9')
                    n++;
            } else if (*p != '*' && *p == *n) {
                n++;
            } else {
                break;
            }
            p++;
        }
        if ((!*p || *p == ' ') && !*n)
            return true;
        while (*p && *p != ' ')
            p++;
        patterns = *p ? p + 1 : p;
    }
    return false;
}

/* The name of an open device below /dev; false when it has another place or cannot be seen. */
static bool device_name(const struct rota_process *process, int fd, char *name, size_t size)
{
    static const char start[] = "/dev/";
    char path[ROTA_PROC_PATH], link[64];
    long length;

    rota_proc_path(path, process, "fd/", fd);
    length =
        rota_syscall6(__NR_readlinkat, AT_FDCWD, (long)path, (long)link, sizeof(link) - 1, 0, 0);
    if (length < (long)sizeof(start) || (size_t)length - sizeof(start) + 1 >= size)
        return false;
    link[length] = '\0';
    for (unsigned i = 0; start[i]; i++) {
        if (link[i] != start[i])
            return false;
    }
    for (long i = 0; i <= length - (long)sizeof(start) + 1; i++)
        name[i] = link[i + (long)sizeof(start) - 1];
    return true;
}

/* Leaves out what a file of that kind does not take, or a device of that name; NULL: not known. */
static void narrow(struct rota_command_set *set, enum rota_file_kind kind, const char *name)
{
    unsigned kept = 0;
    bool known = false;

    for (unsigned i = 0; i < set->count; i++) {
        const struct rota_family_info *family = rota_command_family(set->found[i]);

        if (!of_kind(family, kind))
            continue;
        if (name && !is_device(name, rota_word(family->devices)))
            continue;
        set->found[kept++] = set->found[i];
        /* Any file may be of another owner, but neither sockets nor block devices are. */
        known = known || name || kind == ROTA_FILE_SOCKET || kind == ROTA_FILE_BLOCK;
    }
    /* Devices to which every number means the same are known by their names alone. */
    for (unsigned i = 0; name && !kept && i < rota_command_table_count; i++) {
        const struct rota_command_info *command = &rota_command_table[i];

        if (command->every_number &&
            is_device(name, rota_word(rota_command_family(command)->devices)))
            set->found[kept++] = command;
    }
    set->count = kept;
    set->certain = kept == 1 && (known || set->found[0]->coded || set->found[0]->every_number);
}

void rota_commands_on(struct rota_command_set *set, const struct rota_process *process, int fd,
                      enum rota_file_kind kind)
{
    char name[64];
    bool named =
        kind == ROTA_FILE_CHARACTER && fd >= 0 && device_name(process, fd, name, sizeof(name));

    if (kind != ROTA_FILE_UNKNOWN && kind != ROTA_FILE_CLOSED)
        narrow(set, kind, named ? name : NULL);
}

/* Whether a name below /dev is that of a device which takes commands. */
static bool takes_commands(const char *name)
{
    for (unsigned i = 0; *name && i < rota_command_table_count; i++) {
        const char *devices = rota_word(rota_command_family(&rota_command_table[i])->devices);

        if (devices && is_device(name, devices))
            return true;
    }
    return false;
}

void rota_commands_in_slot(struct rota_command_set *set, const struct rota_process *process,
                           unsigned slot)
{
    struct rota_ring_view view;

    if (set->certain || !process || !(process->flags & ROTA_PROCESS_RING))
        return;
    rota_view_ring(process, process->ring_fd, ROTA_RING_SLOT, slot, &view);
    if (!view.there)
        return;
    /* There the table shows a path, but not what kind of file it leads to. */
    if (takes_commands(view.device))
        narrow(set, ROTA_FILE_CHARACTER, view.device);
    else if (view.kind != ROTA_FILE_UNKNOWN)
        narrow(set, view.kind, NULL);
}

unsigned rota_command_lacks(const struct rota_ring *ring, const struct rota_op_info *op,
                            const struct rota_command_info *command)
{
    unsigned lacks = 0;

    if (command->bytes > 16 && !op->big && !(ring->flags & IORING_SETUP_SQE128))
        lacks |= ROTA_LACK_SQE;
    if (rota_command_family(command)->big_cqe &&
        !(ring->flags & (IORING_SETUP_CQE32 | IORING_SETUP_CQE_MIXED)))
        lacks |= ROTA_LACK_CQE;
    return lacks;
}

static void put_lacks(struct rota_text *text, unsigned lacks, const char *sqe, const char *cqe)
{
    if (lacks & ROTA_LACK_SQE)
        rota_text_put(text, sqe);
    if (lacks == (ROTA_LACK_SQE | ROTA_LACK_CQE))
        rota_text_put(text, " and ");
    if (lacks & ROTA_LACK_CQE)
        rota_text_put(text, cqe);
}

void rota_command_put_needs(struct rota_text *text, unsigned lacks)
{
    put_lacks(text, lacks, "an SQE of 128 bytes", "completions of 32 bytes");
}

void rota_command_put_flags(struct rota_text *text, unsigned lacks)
{
    put_lacks(text, lacks, "IORING_SETUP_SQE128", "IORING_SETUP_CQE32");
}

void rota_command_put_name(struct rota_text *text, const struct rota_command_info *command)
{
    if (command->every_number)
        rota_text_all(text, "a command of ", rota_word(rota_command_family(command)->place), NULL);
    else
        rota_text_put(text, rota_word(command->name));
}

void rota_command_put(struct rota_text *text, uint32_t number, const struct rota_command_set *set)
{
    if (set->certain && set->found[0]->every_number) {
        rota_text_number(text, number); /* it means no more than any other */
        return;
    }
    if (set->certain) {
        rota_text_put(text, rota_word(set->found[0]->name));
        return;
    }
    rota_text_number(text, number);
    for (unsigned i = 0; i < set->count; i++) {
        rota_text_all(text, i ? " or " : " (", rota_word(set->found[i]->name), " on ",
                      rota_word(rota_command_family(set->found[i])->place), NULL);
    }
    if (set->count)
        rota_text_char(text, ')');
}

void rota_command_put_payload(struct rota_text *text, const struct io_uring_sqe *sqe,
                              const struct rota_command_info *command, unsigned room)
{
    const struct rota_member_info *members = rota_members(command->members);
    const unsigned char *bytes = (const unsigned char *)sqe + PAYLOAD_AT;
    unsigned end = command->bytes < room ? command->bytes : room, shown = 0;
    bool any = false;

    rota_text_char(text, '{');
    for (unsigned i = 0; i < command->members.count; i++) {
        const struct rota_member_info *m = &members[i];

        /* Of members that share bytes the first is shown, and none that is zero. */
        if (m->offset < shown || m->offset + m->size > end ||
            rota_all_zero(bytes + m->offset, m->size))
            continue;
        shown = m->offset + m->size;
        rota_text_all(text, any ? ", " : "", rota_word(m->name), "=", NULL);
        any = true;
        if (m->count > 1 || (m->size != 1 && m->size != 2 && m->size != 4 && m->size != 8))
            rota_text_bytes(text, bytes + m->offset, m->size);
        else if (m->size == 8) /* most of them are addresses */
            rota_text_hex(text, rota_sqe_field(sqe, PAYLOAD_AT + m->offset, 8));
        else
            rota_text_number(text, rota_sqe_field(sqe, PAYLOAD_AT + m->offset, m->size));
    }
    if (command->bytes > room)
        rota_text_put(text, any ? ", ..." : "...");
    rota_text_char(text, '}');
}
