/* SPDX-License-Identifier: MIT */
/*
 * The breakages. Each says what it broke in the words that the explanation has
 * to find: the field, the descriptor, the path, the limit.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include "breakage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#define NOBODY       65534
#define PAGE         4096u
#define FAR_AWAY     987u /* a descriptor that is not open */
#define LONG_VECTORS 1025u

static unsigned char *edge;      /* the last byte of accessible memory lies before `nowhere` */
static unsigned char *nowhere;   /* a page that may not be touched, and stays so */
static unsigned char *read_only; /* a page */
static struct iovec many[LONG_VECTORS];
static char directory[] = "/tmp/rota-oracle-XXXXXX";
static char a_file[64], a_loop[64], a_dangling[64], below_file[80], in_missing[80], missing[64];
static char a_public[64], free_place[64], a_free[80], a_fifo[64], a_socket[64], new_file[64];
static char long_part[400], long_path[5000];
static char empty[1];
static struct rlimit old_limit;
static int limited_resource;

int breakages_open(void)
{
    unsigned char *area =
        mmap(NULL, 2 * (size_t)PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (area == MAP_FAILED || mprotect(area + PAGE, PAGE, PROT_NONE) || !mkdtemp(directory))
        return -1;
    nowhere = area + PAGE;
    edge = nowhere;
    read_only = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (read_only == MAP_FAILED)
        return -1;
    for (unsigned i = 0; i < LONG_VECTORS; i++)
        many[i] = (struct iovec){area, 1};
    (void)snprintf(a_file, sizeof(a_file), "%s/file", directory);
    (void)snprintf(a_loop, sizeof(a_loop), "%s/loop", directory);
    (void)snprintf(a_dangling, sizeof(a_dangling), "%s/dangling", directory);
    (void)snprintf(below_file, sizeof(below_file), "%s/below", a_file);
    (void)snprintf(missing, sizeof(missing), "%s/missing", directory);
    (void)snprintf(in_missing, sizeof(in_missing), "%s/new", missing);
    (void)snprintf(a_public, sizeof(a_public), "%s/public", directory);
    (void)snprintf(free_place, sizeof(free_place), "%s/free", directory);
    (void)snprintf(a_free, sizeof(a_free), "%s/mine", free_place);
    (void)snprintf(a_fifo, sizeof(a_fifo), "%s/fifo", directory);
    (void)snprintf(a_socket, sizeof(a_socket), "%s/socket", directory);
    (void)snprintf(new_file, sizeof(new_file), "%s/new", directory);
    memset(long_part, 'x', sizeof(long_part) - 1);
    memset(long_path, '/', sizeof(long_path) - 1);
    if (chmod(directory, 0755) || mkfifo(a_fifo, 0600) || mknod(a_socket, S_IFSOCK | 0600, 0) ||
        close(open(a_public, O_CREAT | O_RDWR | O_CLOEXEC, 0644)) || mkdir(free_place, 0700) ||
        chmod(free_place, 0777) || close(open(a_free, O_CREAT | O_RDWR | O_CLOEXEC, 0600)) ||
        (!geteuid() && chown(a_free, NOBODY, (gid_t)-1)))
        return -1;
    return close(open(a_file, O_CREAT | O_RDWR | O_CLOEXEC, 0600)) || symlink(a_loop, a_loop) ||
                   symlink(missing, a_dangling)
               ? -1
               : 0;
}

void breakages_close(void)
{
    unlink(a_file);
    unlink(a_loop);
    unlink(a_dangling);
    unlink(a_public);
    unlink(a_free);
    rmdir(free_place);
    unlink(a_fifo);
    unlink(a_socket);
    rmdir(directory);
}

void breakage_undo(struct victim *v)
{
    char link[64];

    if (v->limited)
        setrlimit((__rlimit_resource_t)limited_resource, &old_limit);
    if (v->powerless && seteuid(0))
        abort();
    /* What a request has made in spite of its breakage. */
    (void)remove(in_missing);
    (void)remove(missing);
    (void)remove(new_file);
    /* What a rename has put in the place of the link. */
    if (readlink(a_dangling, link, sizeof(link)) < 0) {
        (void)remove(a_dangling);
        if (symlink(missing, a_dangling))
            abort();
    }
    for (unsigned i = 0; i < 2; i++) {
        if (v->opened[i] >= 0)
            close(v->opened[i]);
    }
}

/*
 * Fields
 */

static uint64_t get(const struct io_uring_sqe *sqe, unsigned offset, unsigned size)
{
    uint64_t value = 0;
    uint32_t word;
    uint16_t half;

    switch (size) {
    case 1:
        return *((const uint8_t *)sqe + offset);
    case 2:
        memcpy(&half, (const char *)sqe + offset, 2);
        return half;
    case 4:
        memcpy(&word, (const char *)sqe + offset, 4);
        return word;
    default:
        memcpy(&value, (const char *)sqe + offset, 8);
        return value;
    }
}

static void put(struct io_uring_sqe *sqe, unsigned offset, unsigned size, uint64_t value)
{
    uint8_t byte = (uint8_t)value;
    uint16_t half = (uint16_t)value;
    uint32_t word = (uint32_t)value;

    memcpy((char *)sqe + offset,
           size == 1   ? (const void *)&byte
           : size == 2 ? (const void *)&half
           : size == 4 ? (const void *)&word
                       : (const void *)&value,
           size);
}

static bool holds(const struct rota_condition *c, const struct io_uring_sqe *sqe, uint32_t ring)
{
    uint64_t mask = c->size >= 8 ? ~UINT64_C(0) : (UINT64_C(1) << (8 * c->size)) - 1;
    uint64_t value = c->offset == ROTA_COND_ON_RING ? ring : get(sqe, c->offset, c->size);
    uint64_t wanted = c->value & mask;

    switch (c->kind) {
    case ROTA_COND_HAS:
        return (value & wanted) == wanted;
    case ROTA_COND_LACKS:
        return !(value & wanted);
    case ROTA_COND_WITHIN:
        return !(value & ~wanted);
    case ROTA_COND_IS:
        return value == wanted;
    case ROTA_COND_IS_NOT:
        return value != wanted;
    case ROTA_COND_BELOW:
        return value < c->value;
    default:
        return value > c->value;
    }
}

static bool all_hold(struct rota_condition_rows rows, const struct victim *v)
{
    for (unsigned i = 0; i < rows.count; i++) {
        if (!holds(&rota_info_conditions(rows)[i], &v->sqe, v->live->ring.flags))
            return false;
    }
    return true;
}

static const struct rota_field_info *field_at(const struct victim *v, unsigned i)
{
    return &rota_info_fields(v->op->fields)[i];
}

/* A random one of the fields that this kernel reads and that `fits` says yes to. */
static const struct rota_field_info *pick(const struct victim *v, struct dice *dice,
                                          bool (*fits)(const struct rota_field_info *field))
{
    const struct rota_field_info *found = NULL;
    unsigned count = 0;

    for (unsigned i = 0; i < v->op->fields.count; i++) {
        const struct rota_field_info *field = field_at(v, i);

        if (field->since <= v->caps->kernel_from && fits(field) && all_hold(field->when, v) &&
            !dice_below(dice, ++count))
            found = field;
    }
    return found;
}

static const char *say(struct victim *v, const char *format, const char *name, long number)
{
    (void)snprintf(v->text, sizeof(v->text), format, name, number);
    return v->text;
}

static bool break_unread(struct victim *v, struct dice *dice)
{
    static const uint8_t places[][2] = {{2, 2},  {4, 4},  {8, 8},  {16, 8}, {24, 4},
                                        {28, 4}, {40, 2}, {44, 4}, {48, 8}, {56, 8}};
    const uint8_t *place = places[dice_below(dice, sizeof(places) / sizeof(places[0]))];

    for (unsigned i = 0; i < v->op->fields.count; i++) {
        const struct rota_field_info *field = field_at(v, i);

        if (place[0] < field->offset + field->size && field->offset < place[0] + place[1])
            return false;
    }
    for (unsigned i = 0; i < v->op->ignored.count; i++) {
        const struct rota_ignored_info *field = &rota_info_ignored(v->op->ignored)[i];

        if (place[0] < field->offset + field->size && field->offset < place[0] + place[1])
            return false;
    }
    put(&v->sqe, place[0], place[1], 1 + dice_below(dice, 100));
    v->wanted = "must be 0";
    return true;
}

static bool has_flags(const struct rota_field_info *field)
{
    return field->group.at && !field->values && field->others != ROTA_OTHERS_IGNORED;
}

static bool has_values(const struct rota_field_info *field)
{
    return field->group.at && field->values && field->others != ROTA_OTHERS_IGNORED;
}

static bool break_flag(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, has_flags);
    uint64_t known = 0, bit;

    if (!field)
        return false;
    for (unsigned i = 0; i < field->group_rules.count; i++)
        known |= rota_info_flag_rules(field->group_rules)[i].value;
    bit = UINT64_C(1) << dice_below(dice, 8U * field->size);
    if (known & bit)
        return false;
    put(&v->sqe, field->offset, field->size, get(&v->sqe, field->offset, field->size) | bit);
    v->wanted = rota_info_text(field->name);
    return true;
}

static bool break_value(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, has_values);

    if (!field)
        return false;
    put(&v->sqe, field->offset, field->size, 0x5a);
    v->wanted = rota_info_text(field->name);
    return true;
}

static bool break_conflict(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, has_flags);
    const struct rota_flag_rule *rule;

    if (!field || !field->group_rules.count)
        return false;
    rule = &rota_info_flag_rules(field->group_rules)[dice_below(dice, field->group_rules.count)];
    if (!rule->excludes)
        return false;
    put(&v->sqe, field->offset, field->size,
        get(&v->sqe, field->offset, field->size) | rule->value |
            (rule->excludes & (0 - rule->excludes)));
    v->wanted = rota_info_text(field->name);
    return true;
}

static bool break_rule(struct victim *v, struct dice *dice)
{
    const struct rota_rule_info *rule;
    const struct rota_condition *c;
    uint64_t value;

    if (!v->op->rules.count)
        return false;
    rule = &rota_info_rules(v->op->rules)[dice_below(dice, v->op->rules.count)];
    if (rule->since || rule->until || !all_hold(rule->when, v))
        return false;
    c = &rota_info_conditions(rule->must)[dice_below(dice, rule->must.count)];
    if (c->offset == ROTA_COND_ON_RING || !holds(c, &v->sqe, v->live->ring.flags))
        return false;
    value = get(&v->sqe, c->offset, c->size);
    switch (c->kind) {
    case ROTA_COND_HAS:
        value &= ~c->value;
        break;
    case ROTA_COND_LACKS:
        value |= c->value & (0 - c->value);
        break;
    case ROTA_COND_WITHIN:
        return false;
    case ROTA_COND_IS:
        value = c->value + 1;
        break;
    default:
        value = c->value;
        break;
    }
    put(&v->sqe, c->offset, c->size, value);
    /* Where it lies is said in any case, and why by the rule itself. */
    v->wanted = rota_info_text(rule->because);
    (void)snprintf(v->text, sizeof(v->text), "%s", rota_info_text(c->text));
    v->text[strcspn(v->text, " ")] = '\0';
    v->or_else = v->text;
    return !holds(c, &v->sqe, v->live->ring.flags);
}

/*
 * What is common to all requests
 */

static bool break_opcode(struct victim *v, struct dice *dice)
{
    v->sqe.opcode = (uint8_t)(150 + dice_below(dice, 100));
    v->wanted = "opcode ";
    return true;
}

static bool break_sqe_flags(struct victim *v, struct dice *dice)
{
    (void)dice;
    v->sqe.flags |= 0x80;
    v->wanted = "flags has 0x80";
    return true;
}

static bool break_buffer_select(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->buffer_select != ROTA_IOSQE_REFUSED)
        return false;
    v->sqe.flags |= IOSQE_BUFFER_SELECT;
    v->wanted = "IOSQE_BUFFER_SELECT is not taken";
    return true;
}

static bool break_fixed_file(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->fixed_file != ROTA_IOSQE_REFUSED)
        return false;
    v->sqe.flags |= IOSQE_FIXED_FILE;
    v->wanted = "IOSQE_FIXED_FILE is not taken";
    return true;
}

static bool break_required(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->buffer_select == ROTA_IOSQE_REQUIRED && (v->sqe.flags & IOSQE_BUFFER_SELECT)) {
        v->sqe.flags &= (uint8_t)~IOSQE_BUFFER_SELECT;
        v->wanted = "needs IOSQE_BUFFER_SELECT";
        return true;
    }
    if (v->op->fixed_file == ROTA_IOSQE_REQUIRED && (v->sqe.flags & IOSQE_FIXED_FILE)) {
        v->sqe.flags &= (uint8_t)~IOSQE_FIXED_FILE;
        v->wanted = "needs IOSQE_FIXED_FILE";
        return true;
    }
    return false;
}

static bool break_skip_and_drain(struct victim *v, struct dice *dice)
{
    (void)dice;
    v->sqe.flags |= IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS;
    v->wanted = "IOSQE_CQE_SKIP_SUCCESS";
    return true;
}

static bool break_personality(struct victim *v, struct dice *dice)
{
    v->sqe.personality = (uint16_t)(1 + dice_below(dice, 1000));
    v->wanted = "personality";
    return true;
}

/*
 * What a ring lends
 */

static bool is_buffer(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_BUFFER;
}

static bool break_buffer_index(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_buffer);

    if (!field)
        return false;
    put(&v->sqe, field->offset, field->size, 40 + dice_below(dice, 100));
    v->wanted = "buf_index=";
    return true;
}

static bool break_buffer_range(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_buffer);
    const struct rota_field_info *data = NULL;

    for (unsigned i = 0; i < v->op->fields.count; i++) {
        if (field_at(v, i)->offset == offsetof(struct io_uring_sqe, addr))
            data = field_at(v, i);
    }
    if (!field || !data || !data->type.at || !strstr(rota_info_text(data->type), "void *"))
        return false;
    v->sqe.addr += UINT64_C(1) << (20 + dice_below(dice, 10));
    v->wanted = "is not all within registered buffer";
    return true;
}

static bool break_group(struct victim *v, struct dice *dice)
{
    if (!(v->sqe.flags & IOSQE_BUFFER_SELECT))
        return false;
    v->sqe.buf_group = (uint16_t)(0x7000 + dice_below(dice, 1000));
    v->wanted = "buffer group";
    return true;
}

static bool is_slot(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_SLOT || field->role == ROTA_ROLE_INDEX ||
           field->role == ROTA_ROLE_FAR_SLOT;
}

static bool break_slot(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_slot);

    if (!field || (v->op->opcode == IORING_OP_MSG_RING && v->sqe.addr != IORING_MSG_SEND_FD))
        return false;
    put(&v->sqe, field->offset, field->size, 5000 + dice_below(dice, 1000));
    v->wanted = "slot";
    v->or_else = "file table";
    return true;
}

/*
 * Descriptors
 */

static bool is_file(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_FILE || field->role == ROTA_ROLE_DESCRIPTOR;
}

static bool is_directory(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_DIRECTORY;
}

static bool break_fixed(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->fixed_file != ROTA_IOSQE_TAKEN || (v->sqe.flags & IOSQE_FIXED_FILE) ||
        !pick(v, dice, is_file))
        return false;
    v->sqe.flags |= IOSQE_FIXED_FILE;
    v->wanted = "file table";
    return true;
}

static bool use_descriptor(struct victim *v, struct dice *dice, int fd,
                           bool (*fits)(const struct rota_field_info *field))
{
    const struct rota_field_info *field = pick(v, dice, fits);

    v->opened[0] = fd == (int)FAR_AWAY ? -1 : fd;
    if (!field || (v->sqe.flags & IOSQE_FIXED_FILE) ||
        (field->slot_when.count && all_hold(field->slot_when, v)))
        return false;
    /* The descriptor has no say where a slot is closed. */
    if (v->op->opcode == IORING_OP_CLOSE && v->sqe.file_index)
        return false;
    /* A close would take away what is closed again below. */
    if (v->op->opcode == IORING_OP_CLOSE && fd != (int)FAR_AWAY)
        return false;
    put(&v->sqe, field->offset, field->size, (uint32_t)fd);
    v->wanted = say(v, "%s=%ld", rota_info_text(field->name), fd);
    return true;
}

static bool break_closed(struct victim *v, struct dice *dice)
{
    return use_descriptor(v, dice, FAR_AWAY, is_file);
}

static bool break_directory_closed(struct victim *v, struct dice *dice)
{
    return use_descriptor(v, dice, FAR_AWAY, is_directory);
}

static bool break_directory_kind(struct victim *v, struct dice *dice)
{
    return use_descriptor(v, dice, open(a_file, O_RDONLY | O_CLOEXEC), is_directory);
}

#define KIND(name, how)                                           \
    static bool break_##name(struct victim *v, struct dice *dice) \
    {                                                             \
        return use_descriptor(v, dice, how, is_file);             \
    }

static int half_pipe(int end)
{
    int ends[2];

    if (pipe2(ends, O_CLOEXEC))
        return -1;
    close(ends[!end]);
    return ends[end];
}

static int signal_fd(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

KIND(read_only, open(a_file, O_RDONLY | O_CLOEXEC))
KIND(write_only, open(a_file, O_WRONLY | O_CLOEXEC))
KIND(regular, open(a_file, O_RDWR | O_CLOEXEC))
KIND(appending, open(a_file, O_WRONLY | O_APPEND | O_CLOEXEC))
KIND(path_only, open(a_file, O_PATH | O_CLOEXEC))
KIND(a_directory, open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
KIND(device, open("/dev/null", O_RDWR | O_CLOEXEC))
KIND(read_end, half_pipe(0))
KIND(write_end, half_pipe(1))
KIND(stream, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0))
KIND(datagram, socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0))
KIND(tcp, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
KIND(udp, socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0))
KIND(eventfd, eventfd(0, EFD_CLOEXEC))
KIND(timerfd, timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC))
KIND(signalfd, signal_fd())
KIND(inotify, inotify_init1(IN_CLOEXEC))
KIND(epoll, epoll_create1(EPOLL_CLOEXEC))

static bool moves_data(const struct victim *v)
{
    return v->op->opcode == IORING_OP_READ || v->op->opcode == IORING_OP_WRITE;
}

static bool is_address(const struct rota_field_info *field);

/* A socket of another family than the address that the request has. */
static bool break_foreign_family(struct victim *v, struct dice *dice)
{
    if (!pick(v, dice, is_address) ||
        !use_descriptor(v, dice, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), is_file))
        return false;
    v->wanted = "another family";
    return true;
}

/* Only close(2) closes a ring. */
static bool break_own_ring(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->opcode != IORING_OP_CLOSE || v->sqe.file_index)
        return false;
    v->sqe.fd = v->live->ring.ring_fd;
    v->wanted = "io_uring";
    return true;
}

static bool is_output(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_FILE;
}

/* The two ends of one pipe. */
static bool break_same_pipe(struct victim *v, struct dice *dice)
{
    int ends[2];

    if ((v->op->opcode != IORING_OP_SPLICE && v->op->opcode != IORING_OP_TEE) ||
        (v->sqe.splice_flags & SPLICE_F_FD_IN_FIXED) || pipe2(ends, O_CLOEXEC))
        return false;
    v->opened[1] = ends[0];
    if (!use_descriptor(v, dice, ends[1], is_output))
        return false;
    if (v->op->opcode == IORING_OP_SPLICE) {
        v->sqe.off = UINT64_MAX;
        v->sqe.splice_off_in = UINT64_MAX;
    }
    v->sqe.splice_fd_in = ends[0];
    v->wanted = "same pipe";
    return true;
}

/* A pipe with bytes in it, spliced to a file, and a position in the pipe. */
static bool break_offset_of_pipe(struct victim *v, struct dice *dice)
{
    int ends[2];

    if (v->op->opcode != IORING_OP_SPLICE || (v->sqe.splice_flags & SPLICE_F_FD_IN_FIXED) ||
        pipe2(ends, O_CLOEXEC))
        return false;
    v->opened[1] = ends[0];
    v->sqe.splice_fd_in = ends[0];
    v->sqe.off = UINT64_MAX;
    v->sqe.splice_off_in = 16 * (uint64_t)dice_below(dice, 4);
    if (write(ends[1], "bytes", 5) != 5 ||
        !use_descriptor(v, dice, open(a_file, O_WRONLY | O_CLOEXEC), is_output)) {
        close(ends[1]);
        return false;
    }
    close(ends[1]);
    v->wanted = "An offset is given for the input";
    return true;
}

/* A number that no socket gives a meaning to. */
static bool break_command(struct victim *v, struct dice *dice)
{
    if (v->op->opcode != IORING_OP_URING_CMD ||
        !use_descriptor(v, dice, socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), is_file))
        return false;
    v->sqe.cmd_op = 100 + dice_below(dice, 100);
    v->sqe.ioprio = 0;
    v->wanted = "A socket has no such command";
    return true;
}

/* A connected pair in the place of the file; its other end is closed with it. */
static bool use_pair(struct victim *v, struct dice *dice, int type)
{
    int ends[2];

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends))
        return false;
    v->opened[1] = ends[1];
    return use_descriptor(v, dice, ends[0], is_output);
}

static bool break_out_of_band(struct victim *v, struct dice *dice)
{
    bool receives = v->op->opcode == IORING_OP_RECV || v->op->opcode == IORING_OP_RECVMSG;

    if ((!receives && v->op->opcode != IORING_OP_SEND && v->op->opcode != IORING_OP_SENDMSG) ||
        v->sqe.ioprio || (v->sqe.flags & IOSQE_BUFFER_SELECT) ||
        (v->op->opcode == IORING_OP_SEND && v->sqe.addr2) ||
        !use_pair(v, dice, receives && dice_below(dice, 2) ? SOCK_STREAM : SOCK_DGRAM))
        return false;
    v->sqe.msg_flags |= MSG_OOB;
    v->wanted = "MSG_OOB";
    return true;
}

static bool break_short_record(struct victim *v, struct dice *dice)
{
    if (!moves_data(v) || (v->sqe.flags & IOSQE_BUFFER_SELECT) ||
        !use_descriptor(v, dice, eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK), is_file))
        return false;
    v->sqe.len = 1 + dice_below(dice, 7);
    v->wanted = "no less than 8 bytes";
    return true;
}

static bool break_alignment(struct victim *v, struct dice *dice)
{
    int fd = open(a_file, O_RDWR | O_DIRECT | O_CLOEXEC);

    if (fd < 0 || !moves_data(v) || v->sqe.rw_flags || (v->sqe.flags & IOSQE_BUFFER_SELECT) ||
        !use_descriptor(v, dice, fd, is_file)) {
        if (fd >= 0 && v->opened[0] < 0)
            close(fd);
        return false;
    }
    v->wanted = "O_DIRECT";
    return true;
}

/*
 * Memory
 */

static bool is_memory(const struct rota_field_info *field)
{
    return field->memory != ROTA_MEMORY_NONE;
}

static bool is_written(const struct rota_field_info *field)
{
    return field->memory == ROTA_MEMORY_WRITTEN || field->memory == ROTA_MEMORY_BOTH;
}

static bool is_vector(const struct rota_field_info *field)
{
    return field->type.at && strstr(rota_info_text(field->type), "struct iovec *");
}

static bool is_message(const struct rota_field_info *field)
{
    return field->type.at && strstr(rota_info_text(field->type), "struct msghdr *");
}

static bool is_time(const struct rota_field_info *field)
{
    return field->type.at && strstr(rota_info_text(field->type), "struct __kernel_timespec *");
}

/* Advice on memory that is not there is ENOMEM, and on other memory it may do harm. */
static bool is_advice(const struct victim *v)
{
    return v->op->opcode == IORING_OP_MADVISE;
}

/* The field is the time itself. */
static bool is_immediate(const struct victim *v, const struct rota_field_info *field)
{
    return field->type.at && strstr(rota_info_text(field->type), "struct __kernel_timespec *") &&
           (v->sqe.timeout_flags & IORING_TIMEOUT_IMMEDIATE_ARG);
}

static bool use_address(struct victim *v, struct dice *dice, const void *address,
                        bool (*fits)(const struct rota_field_info *field))
{
    const struct rota_field_info *field = pick(v, dice, fits);

    if (!field || is_advice(v) || is_immediate(v, field) || (!address && field->optional))
        return false;
    put(&v->sqe, field->offset, field->size, (uintptr_t)address);
    v->wanted = say(v, address ? "%s=0x%lx" : "%s=NULL", rota_info_text(field->name),
                    (long)(uintptr_t)address);
    /* What lies in a registered buffer is looked for there. */
    v->or_else = "registered buffer";
    /* An address that nobody asked for before has no place for its length either. */
    if (v->op->opcode == IORING_OP_ACCEPT && !v->sqe.addr2)
        v->or_else = "how long it may be";
    return true;
}

static bool break_null(struct victim *v, struct dice *dice)
{
    return use_address(v, dice, NULL, is_memory);
}

static bool break_unmapped(struct victim *v, struct dice *dice)
{
    return use_address(v, dice, nowhere + dice_below(dice, PAGE), is_memory);
}

static bool break_low(struct victim *v, struct dice *dice)
{
    return use_address(v, dice, (const void *)(uintptr_t)(8 + dice_below(dice, 4000)), is_memory);
}

static bool break_beyond(struct victim *v, struct dice *dice)
{
    return use_address(v, dice, (const void *)(uintptr_t)(UINTPTR_MAX - PAGE), is_memory);
}

static bool break_read_only_memory(struct victim *v, struct dice *dice)
{
    return use_address(v, dice, read_only, is_written);
}

static bool break_short_memory(struct victim *v, struct dice *dice)
{
    edge[-1] = 'x'; /* as a path it is neither empty nor does it end */
    return use_address(v, dice, edge - 1, is_memory);
}

/* With `named` only where the memory that the vectors name is looked at as such. */
static bool own_vectors(struct victim *v, struct iovec *vectors, bool named)
{
    const struct rota_field_info *found = NULL;

    for (unsigned i = 0; i < v->op->fields.count; i++) {
        if (is_vector(field_at(v, i)) && (!named || field_at(v, i)->elements))
            found = field_at(v, i);
    }
    if (!found || !v->sqe.len || v->sqe.len > 2 || (v->sqe.flags & IOSQE_BUFFER_SELECT))
        return false;
    memcpy(vectors, (const void *)(uintptr_t)v->sqe.addr, v->sqe.len * sizeof(*vectors));
    v->sqe.addr = (uintptr_t)vectors;
    return true;
}

static struct iovec vectors[2];

static bool break_element(struct victim *v, struct dice *dice)
{
    unsigned which;

    if (!own_vectors(v, vectors, true))
        return false;
    which = dice_below(dice, v->sqe.len);
    vectors[which].iov_base = nowhere + dice_below(dice, 100);
    v->wanted = say(v, "%selement %ld of the vector", "", (long)which);
    return true;
}

static bool break_element_short(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (!own_vectors(v, vectors, true))
        return false;
    vectors[0].iov_base = edge - 2;
    v->wanted = "element 0 of the vector";
    return true;
}

static bool break_many_vectors(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_vector);

    if (!field)
        return false;
    v->sqe.addr = (uintptr_t)many;
    v->sqe.len = LONG_VECTORS + dice_below(dice, 100);
    v->wanted = "1024";
    v->or_else = "len must be ";
    return true;
}

static struct msghdr message;
static struct iovec piece;

static bool own_message(struct victim *v, struct dice *dice)
{
    if (!pick(v, dice, is_message) || (v->sqe.flags & IOSQE_BUFFER_SELECT) ||
        (v->sqe.ioprio & IORING_RECVSEND_FIXED_BUF))
        return false;
    message = *(const struct msghdr *)(uintptr_t)v->sqe.addr;
    v->sqe.addr = (uintptr_t)&message;
    return true;
}

static bool break_message_vectors(struct victim *v, struct dice *dice)
{
    if (!own_message(v, dice))
        return false;
    message.msg_iov = (void *)nowhere;
    message.msg_iovlen = 1;
    v->wanted = "msg_iov=";
    return true;
}

static bool break_message_piece(struct victim *v, struct dice *dice)
{
    if (!own_message(v, dice))
        return false;
    piece = (struct iovec){nowhere, 8};
    message.msg_iov = &piece;
    message.msg_iovlen = 1;
    v->wanted = "element 0 of the vector";
    return true;
}

static bool break_endless_vector(struct victim *v, struct dice *dice)
{
    unsigned which;

    if (own_vectors(v, vectors, false)) {
        which = dice_below(dice, v->sqe.len);
        vectors[which].iov_len = SIZE_MAX - dice_below(dice, 100);
    } else if (own_message(v, dice)) {
        piece = (struct iovec){many[0].iov_base, SIZE_MAX};
        message.msg_iov = &piece;
        message.msg_iovlen = 1;
    } else {
        return false;
    }
    v->wanted = "longer than any memory";
    return true;
}

/* A connected UDP socket, and more bytes than its datagrams can have. */
static bool break_datagram_size(struct victim *v, struct dice *dice)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof(address);
    static char bytes[70000];
    int fd;

    if (v->op->opcode == IORING_OP_RECVMSG || !own_message(v, dice))
        return false;
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (!use_descriptor(v, dice, fd, is_output) || bind(fd, (struct sockaddr *)&address, size) ||
        getsockname(fd, (struct sockaddr *)&address, &size) ||
        connect(fd, (struct sockaddr *)&address, size))
        return false;
    piece = (struct iovec){bytes, sizeof(bytes)};
    message = (struct msghdr){.msg_iov = &piece, .msg_iovlen = 1};
    v->wanted = "does not fit into one datagram";
    return true;
}

static bool break_message_name(struct victim *v, struct dice *dice)
{
    if (!own_message(v, dice))
        return false;
    message.msg_name = nowhere;
    message.msg_namelen = 16;
    v->wanted = "msg_name=";
    return true;
}

static bool break_message_control(struct victim *v, struct dice *dice)
{
    if (!own_message(v, dice))
        return false;
    message.msg_control = nowhere;
    message.msg_controllen = 64;
    v->wanted = "msg_control=";
    return true;
}

static struct iovec send_vectors[2];

/* A plain send becomes one of vectors, of which one is broken. */
static bool break_send_vector(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *data = NULL;

    for (unsigned i = 0; i < v->op->fields.count; i++) {
        if (field_at(v, i)->vector_when.count)
            data = field_at(v, i);
    }
    if (!data || v->sqe.ioprio || (v->sqe.flags & IOSQE_BUFFER_SELECT) ||
        v->caps->kernel_from < ROTA_KERNEL(6, 17))
        return false;
    send_vectors[0] = (struct iovec){(void *)(uintptr_t)v->sqe.addr, 1};
    send_vectors[1] = (struct iovec){nowhere + dice_below(dice, 100), 4};
    v->sqe.addr = (uintptr_t)send_vectors;
    v->sqe.len = 2;
    v->sqe.ioprio = IORING_SEND_VECTORIZED;
    v->wanted = "element 1 of the vector";
    return true;
}

static bool break_many_pieces(struct victim *v, struct dice *dice)
{
    if (!own_message(v, dice))
        return false;
    message.msg_iov = many;
    message.msg_iovlen = LONG_VECTORS;
    v->wanted = "1024 pieces";
    return true;
}

static bool is_address(const struct rota_field_info *field)
{
    return field->type.at && !strcmp(rota_info_text(field->type), "const struct sockaddr *") &&
           field->length_size && !field->optional;
}

static struct sockaddr_un unix_address;

/* An address of another family, or the path of a socket that does not exist. */
static bool break_family(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_address);

    if (!field)
        return false;
    unix_address.sun_family = AF_UNIX;
    (void)snprintf(unix_address.sun_path, sizeof(unix_address.sun_path), "%s", in_missing);
    put(&v->sqe, field->offset, field->size, (uintptr_t)&unix_address);
    put(&v->sqe, field->length_at, field->length_size, sizeof(unix_address));
    v->wanted = "another family";
    v->or_else = missing;
    return true;
}

static bool break_address_size(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_address);

    if (!field)
        return false;
    put(&v->sqe, field->length_at, field->length_size, dice_below(dice, 3));
    v->wanted = "length is not that of an address";
    return true;
}

static struct __kernel_timespec bad_time;

static bool break_time(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_time);

    if (!field)
        return false;
    bad_time.tv_sec = dice_below(dice, 2) ? -1 : 1;
    bad_time.tv_nsec = bad_time.tv_sec < 0 ? 0 : -5;
    put(&v->sqe, field->offset, field->size, (uintptr_t)&bad_time);
    v->wanted = "negative";
    return true;
}

static bool break_futex(struct victim *v, struct dice *dice)
{
    if (v->op->opcode != IORING_OP_FUTEX_WAIT && v->op->opcode != IORING_OP_FUTEX_WAKE)
        return false;
    v->sqe.addr += 1 + dice_below(dice, 3);
    v->wanted = "aligned";
    return true;
}

/* Words of which one is wrong. */
static bool break_futex_words(struct victim *v, struct dice *dice)
{
    static struct {
        uint64_t value, address;
        uint32_t flags, reserved;
    } words[2];
    static const char *const said[] = {"multiple of four", "reserved field", "word 1"};
    unsigned how = dice_below(dice, 3);

    if (v->op->opcode != IORING_OP_FUTEX_WAITV || v->sqe.len > 2)
        return false;
    memcpy(words, (const void *)(uintptr_t)v->sqe.addr, v->sqe.len * sizeof(words[0]));
    if (how == 0)
        words[v->sqe.len - 1].address += 1 + dice_below(dice, 3);
    else if (how == 1)
        words[v->sqe.len - 1].reserved = 1 + dice_below(dice, 100);
    else
        words[1].address = (uintptr_t)nowhere;
    v->sqe.addr = (uintptr_t)words;
    v->wanted = said[how];
    return how < 2 || v->sqe.len == 2;
}

/* A ring cannot be a registered file of any. */
static bool break_ring_among_files(struct victim *v, struct dice *dice)
{
    static int fd;

    if (v->op->opcode != IORING_OP_FILES_UPDATE)
        return false;
    fd = dice_below(dice, 2) ? v->live->ring.ring_fd : (int)FAR_AWAY;
    v->sqe.addr = (uintptr_t)&fd;
    v->sqe.len = 1;
    v->wanted = fd == (int)FAR_AWAY ? "A descriptor is not open" : "that of a ring";
    return true;
}

/*
 * Paths
 */

static bool is_path(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_PATH || field->role == ROTA_ROLE_NEW_PATH ||
           field->role == ROTA_ROLE_ANY_PATH;
}

static bool use_path(struct victim *v, struct dice *dice, const char *path, const char *wanted)
{
    const struct rota_field_info *field = pick(v, dice, is_path);

    /* An empty path stands for the descriptor before it: another path would change two things. */
    if (!field || !*(const char *)(uintptr_t)get(&v->sqe, field->offset, field->size))
        return false;
    put(&v->sqe, field->offset, field->size, (uintptr_t)path);
    v->wanted = wanted;
    return true;
}

static bool break_missing(struct victim *v, struct dice *dice)
{
    return use_path(v, dice, missing, missing);
}

static bool break_parent(struct victim *v, struct dice *dice)
{
    (void)snprintf(v->text, sizeof(v->text), "the directory \"%s\" does not exist", missing);
    return use_path(v, dice, in_missing, v->text);
}

static bool break_below_file(struct victim *v, struct dice *dice)
{
    (void)snprintf(v->text, sizeof(v->text), "the directory \"%s\" is no directory", a_file);
    return use_path(v, dice, below_file, v->text);
}

static bool break_long_part(struct victim *v, struct dice *dice)
{
    return use_path(v, dice, long_part, "xxxxxxxx");
}

static bool break_long_path(struct victim *v, struct dice *dice)
{
    return use_path(v, dice, long_path, "4095");
}

static bool break_loop(struct victim *v, struct dice *dice)
{
    v->or_else = "symbolic link";
    return use_path(v, dice, a_loop, a_loop);
}

static bool break_dangling(struct victim *v, struct dice *dice)
{
    return use_path(v, dice, a_dangling, a_dangling);
}

static bool break_empty(struct victim *v, struct dice *dice)
{
    return use_path(v, dice, empty, "empty");
}

static bool is_open(const struct victim *v)
{
    return v->op->opcode == IORING_OP_OPENAT && !v->sqe.file_index;
}

/* The last part is a symbolic link, or no directory, and the flags forbid that. */
static bool break_no_follow(struct victim *v, struct dice *dice)
{
    if (!is_open(v))
        return false;
    v->sqe.open_flags |= O_NOFOLLOW;
    return use_path(v, dice, a_dangling, "O_NOFOLLOW");
}

static bool break_no_directory(struct victim *v, struct dice *dice)
{
    if (!is_open(v) || (v->sqe.open_flags & (O_CREAT | O_TRUNC)))
        return false;
    v->sqe.open_flags |= O_DIRECTORY;
    return use_path(v, dice, a_file, "O_DIRECTORY");
}

static bool break_creat_directory(struct victim *v, struct dice *dice)
{
    if (!is_open(v) || v->caps->kernel_from < ROTA_KERNEL(6, 4))
        return false;
    v->sqe.open_flags = O_CREAT | O_DIRECTORY;
    return use_path(v, dice, new_file, "O_CREAT and O_DIRECTORY");
}

static bool break_direct_proc(struct victim *v, struct dice *dice)
{
    if (!is_open(v))
        return false;
    v->sqe.open_flags = O_DIRECT;
    return use_path(v, dice, "/proc/self/maps", "O_DIRECT");
}

static bool break_fifo(struct victim *v, struct dice *dice)
{
    if (!is_open(v))
        return false;
    v->sqe.open_flags = O_WRONLY | O_NONBLOCK;
    return use_path(v, dice, a_fifo, "nobody reads the pipe");
}

static struct open_how how;

static bool own_how(struct victim *v)
{
    if (v->op->opcode != IORING_OP_OPENAT2 || v->sqe.file_index || v->sqe.len != sizeof(how))
        return false;
    memset(&how, 0, sizeof(how));
    v->sqe.addr2 = (uintptr_t)&how;
    return true;
}

static bool break_resolve(struct victim *v, struct dice *dice)
{
    if (!own_how(v))
        return false;
    how.resolve = UINT64_C(1) << (32 + dice_below(dice, 31));
    v->wanted = "in `resolve`";
    return true;
}

/* An open of either kind with these flags, and nothing else that could be wrong. */
static bool use_flags(struct victim *v, uint64_t flags)
{
    if (is_open(v))
        v->sqe.open_flags = (uint32_t)flags;
    else if (own_how(v))
        how.flags = flags;
    else
        return false;
    v->sqe.fd = AT_FDCWD;
    return true;
}

static bool break_exclusive(struct victim *v, struct dice *dice)
{
    return use_flags(v, O_CREAT | O_EXCL | O_RDWR) && use_path(v, dice, a_file, "O_EXCL");
}

static bool break_path_of_socket(struct victim *v, struct dice *dice)
{
    return use_flags(v, O_RDWR) && use_path(v, dice, a_socket, "names a socket");
}

static bool break_running(struct victim *v, struct dice *dice)
{
    return use_flags(v, O_WRONLY) &&
           use_path(v, dice, "/proc/self/exe", "a program that is running");
}

/* What somebody may not open who is not root. */
static bool break_rights_to_open(struct victim *v, struct dice *dice)
{
    static const struct {
        int flags;
        const char *path, *wanted;
    } ways[] = {
        {O_RDONLY, a_file, "may not read the file"},
        {O_WRONLY, a_public, "may not write to the file"},
        {O_RDWR, a_public, "may not write to the file"},
        {O_RDONLY | O_TRUNC, a_public, "may not write to the file"},
        {O_WRONLY | O_CREAT, new_file, "may not make a file"},
    };
    unsigned way = dice_below(dice, sizeof(ways) / sizeof(ways[0]));

    if (geteuid() || !use_flags(v, (unsigned)ways[way].flags) ||
        !use_path(v, dice, ways[way].path, ways[way].wanted) || seteuid(NOBODY))
        return false;
    v->powerless = true;
    return true;
}

static bool break_exchange(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->opcode != IORING_OP_RENAMEAT)
        return false;
    v->sqe.rename_flags = RENAME_EXCHANGE;
    v->sqe.len = (uint32_t)AT_FDCWD;
    v->sqe.addr2 = (uintptr_t)missing;
    v->wanted = "RENAME_EXCHANGE";
    return true;
}

static bool break_into_itself(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->opcode != IORING_OP_RENAMEAT)
        return false;
    (void)snprintf(v->text, sizeof(v->text), "%s/itself", directory);
    v->sqe.rename_flags = 0;
    v->sqe.fd = AT_FDCWD;
    v->sqe.len = (uint32_t)AT_FDCWD;
    v->sqe.addr = (uintptr_t)directory;
    v->sqe.addr2 = (uintptr_t)v->text;
    v->wanted = "lies below the old one";
    return true;
}

static bool break_beneath(struct victim *v, struct dice *dice)
{
    if (!own_how(v))
        return false;
    how.resolve = RESOLVE_BENEATH;
    return use_path(v, dice, a_file, "RESOLVE_BENEATH");
}

static bool break_no_links(struct victim *v, struct dice *dice)
{
    if (!own_how(v))
        return false;
    how.resolve = RESOLVE_NO_SYMLINKS;
    return use_path(v, dice, a_dangling, "RESOLVE_NO_SYMLINKS");
}

/* Somebody who may neither write here nor look into what root keeps for itself. */
static bool break_rights(struct victim *v, struct dice *dice)
{
    if (geteuid() || !pick(v, dice, is_path) || seteuid(NOBODY))
        return false;
    v->powerless = true;
    v->wanted = "may not";
    v->or_else = "CAP_DAC_READ_SEARCH";
    return true;
}

/* Names in a directory of root's, from somebody who is not root. */
static bool break_rights_to_change(struct victim *v, struct dice *dice)
{
    bool renames = v->op->opcode == IORING_OP_RENAMEAT;

    switch (v->op->opcode) {
    case IORING_OP_UNLINKAT:
        v->sqe.addr = (uintptr_t)a_file;
        v->sqe.unlink_flags = 0;
        break;
    case IORING_OP_MKDIRAT:
        v->sqe.addr = (uintptr_t)new_file;
        break;
    case IORING_OP_SYMLINKAT:
    case IORING_OP_LINKAT:
    case IORING_OP_RENAMEAT:
        /* What is linked or renamed is the other's own, and lies where everybody may write. */
        v->sqe.addr = (uintptr_t)(renames && dice_below(dice, 2) ? a_public : a_free);
        v->sqe.addr2 = (uintptr_t)new_file;
        v->sqe.rename_flags = 0;
        break;
    default:
        return false;
    }
    /* A symbolic link starts from the descriptor, the others have two. */
    v->sqe.fd = AT_FDCWD;
    if (v->op->opcode == IORING_OP_LINKAT || renames)
        v->sqe.len = (uint32_t)AT_FDCWD;
    if (geteuid() || seteuid(NOBODY))
        return false;
    v->powerless = true;
    v->wanted = "in the directory";
    v->or_else = "from the directory";
    return true;
}

static bool is_new(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_NEW_PATH;
}

static bool break_existing(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_new);

    if (!field)
        return false;
    put(&v->sqe, field->offset, field->size, (uintptr_t)a_file);
    v->wanted = a_file;
    return true;
}

/*
 * Limits
 */

static bool limit(struct victim *v, int resource, rlim_t value)
{
    struct rlimit now;

    limited_resource = resource;
    if (getrlimit((__rlimit_resource_t)resource, &old_limit))
        return false;
    now = old_limit;
    now.rlim_cur = value;
    v->limited = !setrlimit((__rlimit_resource_t)resource, &now);
    return v->limited;
}

static bool break_descriptors(struct victim *v, struct dice *dice)
{
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)dice;
    close(next);
    if (next < 0 || !limit(v, RLIMIT_NOFILE, (rlim_t)next))
        return false;
    v->wanted = "descriptors";
    return true;
}

static bool break_size(struct victim *v, struct dice *dice)
{
    if (v->op->opcode != IORING_OP_WRITE || v->sqe.off == UINT64_MAX)
        return false;
    v->sqe.off = 10000000 + 4096 * (uint64_t)dice_below(dice, 100);
    if (!limit(v, RLIMIT_FSIZE, 1000000))
        return false;
    v->wanted = "files of this process may have 1000000 bytes";
    return true;
}

/* No file system has files that long. */
static bool break_far_offset(struct victim *v, struct dice *dice)
{
    bool writes = v->op->opcode == IORING_OP_WRITE || v->op->opcode == IORING_OP_WRITEV ||
                  v->op->opcode == IORING_OP_WRITE_FIXED || v->op->opcode == IORING_OP_WRITEV_FIXED;

    if (!writes || v->sqe.off == UINT64_MAX)
        return false;
    v->sqe.off = (UINT64_C(1) << 62) + 4096 * (uint64_t)dice_below(dice, 100);
    v->wanted = "larger than its file system";
    return true;
}

/*
 * Chains, cancellation, threads
 */

static bool break_behind(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (!v->op->behind_link)
        return false;
    rota_prep_nop(&v->before);
    v->has_before = true;
    v->wanted = "IOSQE_IO_LINK";
    return true;
}

static bool break_cut(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (!v->op->behind_link)
        return false;
    rota_prep_nop(&v->before);
    v->before.flags = IOSQE_IO_LINK;
    v->has_before = true;
    v->submit_between = true;
    v->wanted = "a submit came between";
    return true;
}

static bool break_chain(struct victim *v, struct dice *dice)
{
    (void)dice;
    if (v->op->behind_link)
        return false;
    rota_prep_close(&v->before, FAR_AWAY);
    v->before.flags = IOSQE_IO_LINK;
    v->has_before = true;
    v->wanted = "the request before it in the chain, CLOSE, failed";
    return true;
}

static bool is_request(const struct rota_field_info *field)
{
    return field->role == ROTA_ROLE_REQUEST;
}

static bool break_request(struct victim *v, struct dice *dice)
{
    const struct rota_field_info *field = pick(v, dice, is_request);

    if (!field)
        return false;
    put(&v->sqe, field->offset, field->size, UINT64_C(0x1234567800) + dice_below(dice, 100));
    v->wanted = "no request in flight";
    v->or_else = "in flight has this user_data";
    return true;
}

static bool break_thread(struct victim *v, struct dice *dice)
{
    (void)dice;
    if ((v->live->ring.flags & IORING_SETUP_SINGLE_ISSUER) || v->op->behind_link)
        return false;
    v->by_thread = true;
    v->wanted = "the thread that submitted it has ended";
    return true;
}

#define BREAKAGE(name)      \
    {                       \
#name, break_##name \
    }

const struct breakage breakages[] = {
    BREAKAGE(unread),
    BREAKAGE(flag),
    BREAKAGE(value),
    BREAKAGE(conflict),
    BREAKAGE(rule),
    BREAKAGE(opcode),
    BREAKAGE(sqe_flags),
    BREAKAGE(buffer_select),
    BREAKAGE(fixed_file),
    BREAKAGE(required),
    BREAKAGE(skip_and_drain),
    BREAKAGE(personality),
    BREAKAGE(buffer_index),
    BREAKAGE(buffer_range),
    BREAKAGE(group),
    BREAKAGE(slot),
    BREAKAGE(fixed),
    BREAKAGE(closed),
    BREAKAGE(directory_closed),
    BREAKAGE(directory_kind),
    BREAKAGE(read_only),
    BREAKAGE(write_only),
    BREAKAGE(regular),
    BREAKAGE(appending),
    BREAKAGE(path_only),
    BREAKAGE(a_directory),
    BREAKAGE(device),
    BREAKAGE(read_end),
    BREAKAGE(write_end),
    BREAKAGE(stream),
    BREAKAGE(datagram),
    BREAKAGE(tcp),
    BREAKAGE(udp),
    BREAKAGE(eventfd),
    BREAKAGE(timerfd),
    BREAKAGE(signalfd),
    BREAKAGE(inotify),
    BREAKAGE(epoll),
    BREAKAGE(short_record),
    BREAKAGE(alignment),
    BREAKAGE(null),
    BREAKAGE(unmapped),
    BREAKAGE(low),
    BREAKAGE(beyond),
    BREAKAGE(read_only_memory),
    BREAKAGE(short_memory),
    BREAKAGE(element),
    BREAKAGE(element_short),
    BREAKAGE(many_vectors),
    BREAKAGE(message_vectors),
    BREAKAGE(message_piece),
    BREAKAGE(message_name),
    BREAKAGE(message_control),
    BREAKAGE(send_vector),
    BREAKAGE(many_pieces),
    BREAKAGE(family),
    BREAKAGE(address_size),
    BREAKAGE(time),
    BREAKAGE(futex),
    BREAKAGE(missing),
    BREAKAGE(parent),
    BREAKAGE(below_file),
    BREAKAGE(long_part),
    BREAKAGE(long_path),
    BREAKAGE(loop),
    BREAKAGE(dangling),
    BREAKAGE(empty),
    BREAKAGE(no_follow),
    BREAKAGE(no_directory),
    BREAKAGE(resolve),
    BREAKAGE(beneath),
    BREAKAGE(no_links),
    BREAKAGE(rights),
    BREAKAGE(rights_to_change),
    BREAKAGE(existing),
    BREAKAGE(descriptors),
    BREAKAGE(size),
    BREAKAGE(behind),
    BREAKAGE(cut),
    BREAKAGE(chain),
    BREAKAGE(request),
    BREAKAGE(thread),
    BREAKAGE(foreign_family),
    BREAKAGE(own_ring),
    BREAKAGE(same_pipe),
    BREAKAGE(offset_of_pipe),
    BREAKAGE(command),
    BREAKAGE(out_of_band),
    BREAKAGE(endless_vector),
    BREAKAGE(datagram_size),
    BREAKAGE(futex_words),
    BREAKAGE(ring_among_files),
    BREAKAGE(creat_directory),
    BREAKAGE(direct_proc),
    BREAKAGE(fifo),
    BREAKAGE(exclusive),
    BREAKAGE(path_of_socket),
    BREAKAGE(running),
    BREAKAGE(rights_to_open),
    BREAKAGE(exchange),
    BREAKAGE(into_itself),
    BREAKAGE(far_offset),
};
const unsigned breakage_count = sizeof(breakages) / sizeof(breakages[0]);
