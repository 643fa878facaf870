/* SPDX-License-Identifier: MIT */
/* Requests, completions and set-up parameters as text. */
#include <rota/names.h>

#include "ring/core.h"
#include "explain/follow.h"
#include "table/info_tables.h"
#include "explain/understand.h"

/* A list of items with commas between them. */
struct list {
    struct rota_text *text;
    bool any;
};

static void item(struct list *list, const char *name)
{
    if (list->any)
        rota_text_put(list->text, ", ");
    list->any = true;
    if (name)
        rota_text_all(list->text, name, "=", NULL);
}

static bool is_pointer(const char *type)
{
    for (; type && *type; type++) {
        if (*type == '*')
            return true;
    }
    return false;
}

static bool is_signed(const char *type)
{
    return type && (rota_text_same(type, "int") || rota_text_same(type, "__s64"));
}

static uint64_t sign_extend(uint64_t value, unsigned size)
{
    uint64_t sign = UINT64_C(1) << (8 * size - 1);

    return (value ^ sign) - sign;
}

void rota_text_value(struct rota_text *text, const struct rota_field_info *field, uint64_t value)
{
    for (unsigned i = 0; i < field->group_rules.count; i++) {
        if ((rota_flag_rules(field->group_rules)[i].value & rota_field_mask(field->size)) ==
            value) {
            rota_text_put(text, rota_word(rota_flag_rules(field->group_rules)[i].name));
            return;
        }
    }
    rota_text_number(text, value);
}

static void put_slot(struct rota_text *text, uint64_t value)
{
    if (value == IORING_FILE_INDEX_ALLOC) {
        rota_text_put(text, "IORING_FILE_INDEX_ALLOC");
    } else {
        rota_text_decimal(text, value);
        if (value) {
            rota_text_put(text, " (slot ");
            rota_text_decimal(text, value - 1);
            rota_text_char(text, ')');
        }
    }
}

static void put_field(struct rota_text *text, const struct rota_process *process,
                      const struct io_uring_sqe *sqe, const struct rota_field_info *field,
                      unsigned options)
{
    uint64_t value = rota_sqe_field(sqe, field->offset, field->size);

    if (field->group.at && field->values) {
        rota_text_value(text, field, value);
    } else if (field->group.at) {
        rota_text_flags(text, rota_flag_rules(field->group_rules), field->group_rules.count,
                        rota_field_flags(field, value));
    } else if (is_pointer(rota_word(field->type))) {
        if ((options & ROTA_FORMAT_FOLLOW) && value)
            rota_follow(text, process, sqe, field, value);
        else if (value)
            rota_text_hex(text, value);
        else
            rota_text_put(text, "NULL");
    } else if (field->role == ROTA_ROLE_FILE && (sqe->flags & IOSQE_FIXED_FILE)) {
        rota_text_put(text, "slot ");
        rota_text_decimal(text, value);
    } else if (field->role == ROTA_ROLE_SLOT || field->role == ROTA_ROLE_FAR_SLOT) {
        put_slot(text, value);
    } else if (field->role != ROTA_ROLE_FILE && field->size == 4 &&
               field->offset == offsetof(struct io_uring_sqe, fd) && value == (uint32_t)-100) {
        rota_text_put(text, "AT_FDCWD");
    } else if (field->role == ROTA_ROLE_FILE || is_signed(rota_word(field->type)) ||
               value == UINT64_MAX) {
        rota_text_signed(text, (int64_t)sign_extend(value, field->size));
    } else {
        rota_text_number(text, value);
    }
}

/* What the request's command may be: of the file that it names only when it may be looked at. */
static void command_set(const struct rota_process *process, const struct io_uring_sqe *sqe,
                        const struct rota_op_info *op, unsigned options,
                        struct rota_command_set *set)
{
    const struct rota_field_info *field = rota_command_field(op);

    set->count = 0;
    set->certain = false;
    if (!field)
        return;
    rota_commands_of(op, (uint32_t)rota_sqe_field(sqe, field->offset, field->size), set);
    if (!(options & ROTA_FORMAT_FOLLOW))
        return;
    if (sqe->flags & IOSQE_FIXED_FILE)
        rota_commands_in_slot(set, process, (unsigned)sqe->fd);
    else
        rota_commands_on(set, process, sqe->fd, rota_file_kind(process, sqe->fd));
}

/* The bytes of an SQE, from the structure of a command on. */
#define PAYLOAD_AT offsetof(struct io_uring_sqe, addr3)

static void put_fields(struct list *list, const struct rota_process *process,
                       const struct io_uring_sqe *sqe, const struct rota_op_info *op,
                       unsigned options, uint64_t *shown, const struct rota_command_set *commands)
{
    const struct rota_command_info *said =
        commands->certain && commands->found[0]->members.count ? commands->found[0] : NULL;

    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(op->fields)[i];
        uint64_t bytes = ((UINT64_C(1) << field->size) - 1) << field->offset;
        uint64_t value = rota_sqe_field(sqe, field->offset, field->size);

        if (rota_conditions_hold(field->when, sqe, NULL) != ROTA_YES)
            continue;
        if (said && field->offset >= PAYLOAD_AT)
            continue;
        *shown |= bytes;
        /* What the prep functions take always shows, the rest when it is set. */
        if (!value && !field->arg.at)
            continue;
        item(list, rota_word(field->name));
        if (field->role == ROTA_ROLE_COMMAND)
            rota_command_put(list->text, (uint32_t)value, commands);
        else
            put_field(list->text, process, sqe, field, options);
    }
    if (said) {
        unsigned room = options & ROTA_FORMAT_BIG ? 80 : 16;

        item(list, "cmd");
        rota_command_put_payload(list->text, sqe, said, room);
        *shown |= UINT64_MAX << PAYLOAD_AT;
    }
}

/* What its prep function has left in a field that is not read is as good as shown. */
static uint64_t left_over(const struct io_uring_sqe *sqe, const struct rota_op_info *op)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < op->left_over.count; i++) {
        const struct rota_condition *c = &rota_conditions(op->left_over)[i];

        if (rota_condition_holds(c, sqe, NULL) == ROTA_YES)
            bytes |= ((UINT64_C(1) << c->size) - 1) << c->offset;
    }
    return bytes;
}

/* Which bytes of the first 64 are set and not shown. */
static uint64_t bytes_left(const struct io_uring_sqe *sqe, uint64_t shown)
{
    uint64_t set = 0;

    for (unsigned word = 0; word < 8; word++) {
        if ((shown >> (8 * word) & 0xff) == 0xff || !rota_sqe_field(sqe, 8 * word, 8))
            continue;
        for (unsigned byte = 8 * word; byte < 8 * word + 8; byte++)
            set |= (uint64_t)(rota_sqe_field(sqe, byte, 1) != 0) << byte;
    }
    return set & ~shown;
}

/* Members that are set although nothing above showed them. */
static void put_rest(struct rota_text *text, const struct io_uring_sqe *sqe, uint64_t shown)
{
    struct list list = {text, false};

    if (!bytes_left(sqe, shown))
        return;
    for (unsigned i = 0; i < rota_sqe_slot_count; i++) {
        const struct rota_slot_info *slot = &rota_sqe_slots[i];
        uint64_t bytes, value;

        if (!slot->size || slot->size > 8 || (slot->size & (slot->size - 1U)))
            continue; /* an array */
        bytes = ((UINT64_C(1) << slot->size) - 1) << slot->offset;
        if (bytes & shown)
            continue;
        value = rota_sqe_field(sqe, slot->offset, slot->size);
        if (!value)
            continue;
        if (!list.any)
            rota_text_put(text, "; not read: ");
        shown |= bytes;
        item(&list, rota_word(slot->name));
        rota_text_hex(text, value);
    }
    /* Bytes beside a shorter member that was shown. */
    for (unsigned byte = 0; byte < 64; byte++) {
        if ((shown >> byte & 1) || !rota_sqe_field(sqe, byte, 1))
            continue;
        rota_text_put(text, list.any ? ", byte " : "; not read: byte ");
        list.any = true;
        rota_text_decimal(text, byte);
        rota_text_char(text, '=');
        rota_text_hex(text, rota_sqe_field(sqe, byte, 1));
    }
}

static int sqe_format(const struct rota_process *process, const struct io_uring_sqe *sqe,
                      unsigned options, char *buf, size_t size)
{
    /* Shown by themselves: opcode, flags, user_data, personality. */
    uint64_t shown = UINT64_C(0x3) | UINT64_C(0xff) << 32 | UINT64_C(0x3) << 42;
    const struct rota_op_info *op;
    struct rota_text text;
    struct list list = {&text, false};
    struct rota_command_set commands; /* cleared below: at once it would be by libc */
    unsigned said = 0; /* bytes of the second half that the command's structure has shown */

    if (!sqe)
        return -EINVAL;
    commands.count = 0;
    commands.certain = false;
    rota_text_start(&text, buf, size);
    op = rota_opcode_info(sqe->opcode);
    if (op) {
        rota_text_put(&text, rota_word(op->name));
        rota_text_char(&text, '(');
        command_set(process, sqe, op, options, &commands);
        put_fields(&list, process, sqe, op, options, &shown, &commands);
        if (commands.certain && commands.found[0]->members.count && commands.found[0]->bytes > 16)
            said = commands.found[0]->bytes - 16U;
        shown |= left_over(sqe, op);
    } else {
        rota_text_put(&text, "opcode ");
        rota_text_decimal(&text, sqe->opcode);
        rota_text_char(&text, '(');
    }
    if (sqe->flags & IOSQE_BUFFER_SELECT && !(shown >> 40 & 3)) {
        shown |= UINT64_C(3) << 40;
        item(&list, "buf_group");
        rota_text_decimal(&text, sqe->buf_group);
    }
    rota_text_char(&text, ')');
    if (sqe->flags) {
        rota_text_put(&text, " flags=");
        rota_text_group(&text, "sqe", sqe->flags);
    }
    if (sqe->personality) {
        rota_text_put(&text, " personality=");
        rota_text_decimal(&text, sqe->personality);
    }
    if (sqe->user_data) {
        rota_text_put(&text, " user_data=");
        rota_text_hex(&text, sqe->user_data);
    }
    put_rest(&text, sqe, shown);
    if (options & ROTA_FORMAT_BIG) {
        const unsigned char *second = (const unsigned char *)sqe + 64;

        if (!rota_all_zero(second + said, 64 - said)) {
            rota_text_put(&text, said ? "; behind it " : "; second half ");
            rota_text_bytes(&text, second + said, 64 - said);
        }
    }
    return rota_text_result(&text);
}

int rota_sqe_format(const struct io_uring_sqe *sqe, unsigned options, char *buf, size_t size)
{
    return sqe_format(NULL, sqe, options, buf, size);
}

int rota_process_sqe_format(const struct rota_process *process, const struct io_uring_sqe *sqe,
                            unsigned options, char *buf, size_t size)
{
    return process ? sqe_format(process, sqe, options, buf, size) : -EINVAL;
}

int rota_cqe_format(const struct io_uring_cqe *cqe, const struct io_uring_sqe *sqe,
                    unsigned options, char *buf, size_t size)
{
    const struct rota_op_info *op = sqe ? rota_opcode_info(sqe->opcode) : NULL;
    uint32_t flags;
    struct rota_text text;

    if (!cqe)
        return -EINVAL;
    rota_text_start(&text, buf, size);
    if (op)
        rota_text_all(&text, rota_word(op->name), ": ", NULL);
    rota_text_put(&text, "res=");
    rota_text_signed(&text, cqe->res);
    if (cqe->res < 0 && rota_error_name(cqe->res))
        rota_text_all(&text, " (", rota_error_name(cqe->res), ")", NULL);
    flags = cqe->flags;
    if (flags & IORING_CQE_F_BUFFER) {
        rota_text_put(&text, " buffer=");
        rota_text_decimal(&text, flags >> IORING_CQE_BUFFER_SHIFT);
        flags &= ((1U << IORING_CQE_BUFFER_SHIFT) - 1) & ~IORING_CQE_F_BUFFER;
    }
    if (flags) {
        rota_text_put(&text, " flags=");
        rota_text_group(&text, "cqe", flags);
    }
    if (cqe->user_data) {
        rota_text_put(&text, " user_data=");
        rota_text_hex(&text, cqe->user_data);
    }
    if ((options & ROTA_FORMAT_BIG) || (cqe->flags & IORING_CQE_F_32)) {
        /* The two words behind the first half; F_32 says that they are there. */
        const unsigned char *second = (const unsigned char *)cqe + 16;

        if (options & ROTA_FORMAT_BIG) {
            rota_text_put(&text, " big_cqe=");
            rota_text_bytes(&text, second, 16);
        }
    }
    return rota_text_result(&text);
}

static void put_number(struct list *list, const char *name, uint64_t value)
{
    if (!value)
        return;
    item(list, name);
    rota_text_number(list->text, value);
}

int rota_params_format(const struct io_uring_params *params, char *buf, size_t size)
{
    struct rota_text text;
    struct list list = {&text, false};

    if (!params)
        return -EINVAL;
    rota_text_start(&text, buf, size);
    rota_text_char(&text, '{');
    item(&list, "flags");
    rota_text_group(&text, "setup", params->flags);
    put_number(&list, "sq_entries", params->sq_entries);
    put_number(&list, "cq_entries", params->cq_entries);
    if (params->flags & IORING_SETUP_SQ_AFF) {
        item(&list, "sq_thread_cpu");
        rota_text_decimal(&text, params->sq_thread_cpu);
    } else {
        put_number(&list, "sq_thread_cpu", params->sq_thread_cpu);
    }
    put_number(&list, "sq_thread_idle", params->sq_thread_idle);
    if (params->features) {
        item(&list, "features");
        rota_text_group(&text, "feature", params->features);
    }
    if (params->flags & IORING_SETUP_ATTACH_WQ) {
        item(&list, "wq_fd");
        rota_text_signed(&text, (int32_t)params->wq_fd);
    } else {
        put_number(&list, "wq_fd", params->wq_fd);
    }
    for (unsigned i = 0; i < 3; i++)
        put_number(&list, "resv", params->resv[i]);
    put_number(&list, "sq_off.user_addr", params->sq_off.user_addr);
    put_number(&list, "cq_off.user_addr", params->cq_off.user_addr);
    rota_text_char(&text, '}');
    return rota_text_result(&text);
}
