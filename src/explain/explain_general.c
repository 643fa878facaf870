/* SPDX-License-Identifier: MIT */
/*
 * What an error can mean of a request, or of a register call, that is not at
 * hand: what the table says of all of its kind. No opcode is named here.
 */
#include "explain/check.h"
#include "explain/explain.h"
#include "ring/core.h"

static void put(struct rota_cause_list *list, const char *text, const char *remedy)
{
    rota_cause_put(list, ROTA_POSSIBLE, text, remedy);
}

/*
 * Both
 */

static void from_rows(struct rota_cause_list *list, struct rota_error_rows rows, int ret)
{
    for (unsigned i = 0; i < rows.count; i++) {
        const struct rota_error_info *error = &rota_errors(rows)[i];

        /* What holds only beside some flag or value is no more than possible. */
        if (error->error == ret)
            rota_cause_put(list,
                           error->sole         ? ROTA_CERTAIN
                           : error->when.count ? ROTA_POSSIBLE
                                               : ROTA_LIKELY,
                           rota_word(error->cause), rota_word(error->remedy));
    }
}

static void missing(struct rota_cause_list *list, const char *what, unsigned since,
                    const char *config)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(list, ROTA_CERTAIN, &w))
        return;
    rota_text_all(&w.text, "This kernel does not have the ", what, ".", NULL);
    rota_text_put(&w.remedy, "Use Linux ");
    rota_text_kernel(&w.remedy, since);
    rota_text_put(&w.remedy, " or newer");
    if (*config)
        rota_text_all(&w.remedy, " with ", config, NULL);
    rota_text_char(&w.remedy, '.');
}

static void put_ring(struct rota_cause_list *list, const char *before, uint32_t flags,
                     const char *behind)
{
    struct rota_cause_writer w;

    if (!flags || !rota_cause_add(list, ROTA_POSSIBLE, &w))
        return;
    rota_text_put(&w.text, before);
    rota_text_group(&w.text, "setup", flags);
    rota_text_put(&w.text, behind);
}

/*
 * Requests
 */

static void from_rule(struct rota_cause_list *list, const struct rota_rule_info *rule)
{
    struct rota_cause_writer w;

    if (!rota_cause_add(list, ROTA_POSSIBLE, &w))
        return;
    if (rule->when.count) {
        rota_text_put(&w.text, "When ");
        rota_check_put_conditions(&w.text, rule->when);
        rota_text_put(&w.text, rule->must.count ? ", " : ", the request is refused");
    }
    for (unsigned i = 0; i < rule->must.count; i++) {
        rota_text_put(&w.text, i ? " and " : "");
        rota_check_put_demand(&w.text, &rota_conditions(rule->must)[i]);
    }
    if (rule->since) {
        rota_text_put(&w.text, " (since ");
        rota_text_kernel(&w.text, rule->since);
        rota_text_char(&w.text, ')');
    }
    if (rule->until) {
        rota_text_put(&w.text, " (before ");
        rota_text_kernel(&w.text, rule->until);
        rota_text_char(&w.text, ')');
    }
    rota_text_all(&w.text, ". ", rota_word(rule->because), NULL);
}

static void from_flags(struct rota_cause_list *list, const struct rota_op_info *op, int ret)
{
    if (op->fixed_file_error == ret && op->fixed_file == ROTA_IOSQE_REFUSED)
        put(list, "IOSQE_FIXED_FILE is set; this request does not take it.",
            "Pass a descriptor instead of a slot.");
    if (op->fixed_file_error == ret && op->fixed_file == ROTA_IOSQE_REQUIRED)
        put(list, "IOSQE_FIXED_FILE is not set; this request needs it.",
            "Register the file and set the flag.");
    if (ret == -EOPNOTSUPP && op->buffer_select == ROTA_IOSQE_REFUSED)
        put(list, "IOSQE_BUFFER_SELECT is set; this request does not take it.",
            "Pass the address of a buffer instead.");
    if (ret == -EINVAL && op->cqe_skip == ROTA_IOSQE_REFUSED)
        put(list, "IOSQE_CQE_SKIP_SUCCESS is set; this request does not take it.", NULL);
}

static void from_ring(struct rota_cause_list *list, const struct rota_op_info *op)
{
    if (!op->iopoll)
        put(list, "The ring was made with IORING_SETUP_IOPOLL, on which this request does not run.",
            "Use a second ring without it.");
    put_ring(list, "The ring was not made with one of ", op->setup_one_of, ".");
    if (op->behind_link)
        put(list, "It does not stand right behind another request that has IOSQE_IO_LINK.", NULL);
}

/* Descriptors that are not open, memory that is not there. */
static void from_field(struct rota_cause_list *list, const struct rota_field_info *field, int ret)
{
    const char *name = rota_word(field->name);
    struct rota_cause_writer w;

    if (ret == -EBADF && field->role == ROTA_ROLE_FILE && rota_cause_add(list, ROTA_POSSIBLE, &w))
        rota_text_all(&w.text, name,
                      " is not an open descriptor, or with IOSQE_FIXED_FILE not a filled slot.",
                      NULL);
    if (ret == -EFAULT && field->memory != ROTA_MEMORY_NONE &&
        rota_cause_add(list, ROTA_POSSIBLE, &w)) {
        rota_text_all(&w.text, name, " does not point to memory of the process.", NULL);
        if (field->lives != ROTA_LIVES_SUBMIT)
            rota_text_put(&w.remedy, "Keep the memory until the completion has come.");
    }
    if (ret == -EFAULT && field->role == ROTA_ROLE_BUFFER &&
        rota_cause_add(list, ROTA_POSSIBLE, &w))
        rota_text_all(&w.text, name,
                      " is not the index of a registered buffer, or the range lies outside of it.",
                      NULL);
}

static void from_values(struct rota_cause_list *list, const struct rota_op_info *op,
                        const struct rota_field_info *field)
{
    struct rota_cause_writer w;

    if (field->group.at && field->others != ROTA_OTHERS_IGNORED &&
        rota_cause_add(list, ROTA_POSSIBLE, &w))
        rota_text_all(&w.text, rota_word(field->name), " holds ",
                      field->values ? "a value" : "a flag",
                      " that this request does not take, or this kernel does not know yet; rota "
                      "ops ",
                      rota_word(op->name), " lists them.", NULL);
}

/* Whether that place of the SQE is read, or is not looked at. */
static bool is_free(const struct rota_op_info *op, unsigned offset)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(op->fields)[i];

        if (offset >= field->offset && offset < (unsigned)field->offset + field->size)
            return true;
    }
    for (unsigned i = 0; i < op->ignored.count; i++) {
        const struct rota_ignored_info *field = &rota_ignored(op->ignored)[i];

        if (!field->until && offset >= field->offset &&
            offset < (unsigned)field->offset + field->size)
            return true;
    }
    return false;
}

static void from_zeros(struct rota_cause_list *list, const struct rota_op_info *op)
{
    static const struct {
        const char *name;
        unsigned offset;
    } members[] = {
        {"ioprio", 2},     {"fd", 4},
        {"off/addr2", 8},  {"addr", 16},
        {"len", 24},       {"flags of the operation", 28},
        {"buf_index", 40}, {"splice_fd_in/file_index/optlen", 44},
        {"addr3", 48},     {"__pad2", 56},
    };
    struct rota_cause_writer w;
    bool any = false;

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        any |= !is_free(op, members[i].offset);
    if (!any || !rota_cause_add(list, ROTA_POSSIBLE, &w))
        return;
    rota_text_put(&w.text, "A field that this request does not read is not 0: ");
    any = false;
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        if (is_free(op, members[i].offset))
            continue;
        rota_text_all(&w.text, any ? ", " : "", members[i].name, NULL);
        any = true;
    }
    rota_text_char(&w.text, '.');
    rota_text_put(&w.remedy, "Start from rota_get_sqe(), which clears the entry.");
}

static void from_everything(struct rota_cause_list *list, const struct rota_op_info *op, int ret)
{
    struct rota_cause_writer w;

    if (ret == -EINVAL)
        put(list, "sqe->personality is not the id of registered credentials.", NULL);
    if (ret == -EACCES)
        put(list, "A restriction of the ring forbids the opcode or one of its flags.", NULL);
    if (ret == -ECANCELED)
        rota_cause_put(list, ROTA_LIKELY,
                       "The request was cancelled, or stood behind one that failed in a chain of "
                       "IOSQE_IO_LINK.",
                       NULL);
    if (ret == -ENOBUFS && op->buffer_select != ROTA_IOSQE_REFUSED)
        put(list, "The buffer group is empty, or there is none of that number.", NULL);
    /* The system call's own errors are those of its manual page. */
    if (op->syscall.at && rota_cause_add(list, ROTA_POSSIBLE, &w))
        rota_text_all(&w.text, "The errors of ", rota_word(op->syscall),
                      " come back as well; see its manual page.", NULL);
}

int rota_opcode_causes(const struct rota_caps *caps, unsigned opcode, int ret,
                       struct rota_cause *causes, unsigned max)
{
    const struct rota_op_info *op = rota_opcode_info(opcode);
    struct rota_cause_list list = {causes, max, 0, NULL, ROTA_REFUSED_UNKNOWN};

    if (!op || (max && !causes))
        return -EINVAL;
    if (ret >= 0)
        return 0;
    if (ret == -EINVAL && caps && rota_caps_opcode(caps, opcode, NULL) == ROTA_NO)
        missing(&list, "opcode", op->since, op->config.at ? rota_word(op->config) : "");
    from_rows(&list, op->errors, ret);
    for (unsigned i = 0; i < op->rules.count; i++) {
        if (rota_rules(op->rules)[i].error == ret)
            from_rule(&list, &rota_rules(op->rules)[i]);
    }
    from_flags(&list, op, ret);
    if (ret == -EINVAL)
        from_ring(&list, op);
    for (unsigned i = 0; i < op->fields.count; i++)
        from_field(&list, &rota_fields(op->fields)[i], ret);
    for (unsigned i = 0; ret == -EINVAL && i < op->fields.count; i++)
        from_values(&list, op, &rota_fields(op->fields)[i]);
    if (ret == -EINVAL)
        from_zeros(&list, op);
    from_everything(&list, op, ret);
    return (int)list.count;
}

/*
 * Any request
 */

/* What is the case most often, whatever was asked for. */
static const struct {
    int16_t error;
    uint8_t certainty;
    const char *text;
    const char *remedy;
} of_any[] = {
    {-EINVAL, ROTA_LIKELY,
     "A field that the request does not read is not 0, as in an entry that still has what an "
     "earlier request left.",
     "Clear the entry before it is filled; rota_sqe_check() names the field."},
    {-EINVAL, ROTA_LIKELY,
     "A flag or a combination is not taken, or the kernel is older than the opcode or the flag.",
     "Ask rota_sqe_check(), and rota probe --missing what this kernel lacks."},
    {-EINVAL, ROTA_POSSIBLE, "The ring has IORING_SETUP_IOPOLL, on which few requests run.",
     "Use a second ring without it."},
    {-EBADF, ROTA_LIKELY,
     "The descriptor is not open, or not open for this; or with IOSQE_FIXED_FILE the slot is "
     "empty.",
     "Keep it open until the completion; set IOSQE_FIXED_FILE for a slot and only for one."},
    {-EFAULT, ROTA_LIKELY,
     "An address is no memory of the process, may not be written, or was given up before the "
     "completion.",
     "Keep the memory until the completion has come."},
    {-EFAULT, ROTA_POSSIBLE, "The range lies outside the registered buffer, or there is none.",
     NULL},
    {-EFAULT, ROTA_POSSIBLE, "The thread that submitted the request has ended.", NULL},
    {-ECANCELED, ROTA_LIKELY,
     "A request before it in a chain of IOSQE_IO_LINK failed or came short.",
     "Look at the first completion of the chain that is negative."},
    {-ECANCELED, ROTA_LIKELY, "It was cancelled, or the time of its linked timeout was over.",
     NULL},
    {-ECANCELED, ROTA_LIKELY, "The thread that submitted the request has ended.",
     "Keep the thread until its requests have completed."},
    {-ENOBUFS, ROTA_LIKELY, "The buffer group is empty, or there is none of that number.",
     "Give buffers to the group, then send the request again."},
    {-EOPNOTSUPP, ROTA_LIKELY,
     "The file is of a kind that cannot do it, or IOSQE_BUFFER_SELECT is set on a request that "
     "takes no group.",
     NULL},
    {-EOPNOTSUPP, ROTA_POSSIBLE,
     "A ring that has seen IOSQE_CQE_SKIP_SUCCESS refuses IOSQE_IO_DRAIN.", NULL},
    {-EACCES, ROTA_POSSIBLE, "A restriction of the ring forbids the opcode or one of its flags.",
     NULL},
    {-EINTR, ROTA_LIKELY,
     "The worker was interrupted: it was cancelled, or the thread that submitted it has ended.",
     NULL},
    {-EAGAIN, ROTA_LIKELY,
     "It cannot be done without waiting, and a flag such as O_NONBLOCK, RWF_NOWAIT or "
     "MSG_DONTWAIT forbids to wait.",
     "Leave the flag out: the ring waits without a thread."},
    {-EMFILE, ROTA_LIKELY, "The process has as many descriptors as it may have (RLIMIT_NOFILE).",
     "Close some, raise the limit, or put files into the ring's table."},
};

int rota_any_causes(int ret, struct rota_cause *causes, unsigned max)
{
    struct rota_cause_list list = {causes, max, 0, NULL, ROTA_REFUSED_UNKNOWN};
    const struct rota_op_info *op;

    if (max && !causes)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(of_any) / sizeof(of_any[0]); i++) {
        if (of_any[i].error == ret)
            rota_cause_put(&list, (enum rota_certainty)of_any[i].certainty, of_any[i].text,
                           of_any[i].remedy);
    }
    for (unsigned opcode = 0; ret < 0 && (op = rota_opcode_info(opcode)); opcode++) {
        for (unsigned i = 0; i < op->errors.count; i++) {
            const struct rota_error_info *error = &rota_errors(op->errors)[i];
            struct rota_cause_writer w;

            if (error->error != ret || !rota_cause_add(&list, ROTA_POSSIBLE, &w))
                continue;
            rota_text_all(&w.text, rota_word(op->name), ": ", rota_word(error->cause), NULL);
            rota_text_put(&w.remedy, rota_word(error->remedy));
        }
    }
    return (int)list.count;
}

/*
 * Register calls
 */

/* What the members must be of which nothing else is told. */
static void from_musts(struct rota_cause_list *list, const char *whose,
                       struct rota_condition_rows rows)
{
    struct rota_cause_writer w;

    if (!rows.count || !rota_cause_add(list, ROTA_POSSIBLE, &w))
        return;
    rota_text_all(&w.text, "A member of ", whose, " is not as it must be: ", NULL);
    for (unsigned i = 0; i < rows.count; i++)
        rota_text_all(&w.text, i ? ", " : "", rota_word(rota_conditions(rows)[i].text), NULL);
    rota_text_char(&w.text, '.');
}

int rota_call_causes(const struct rota_caps *caps, unsigned opcode, int ret,
                     struct rota_cause *causes, unsigned max)
{
    const struct rota_register_info *info = rota_register_opcode_info(opcode);
    struct rota_cause_list list = {causes, max, 0, NULL, ROTA_REFUSED_UNKNOWN};
    struct rota_cause_writer w;

    if (!info || (max && !causes))
        return -EINVAL;
    if (ret >= 0)
        return 0;
    if (ret == -EINVAL && caps && rota_caps_register(caps, opcode, NULL) == ROTA_NO)
        missing(&list, "call", info->since, "");
    from_rows(&list, info->errors, ret);
    if (ret == -EINVAL) {
        put_ring(&list, "The ring was not made with ", info->needs, ".");
        put_ring(&list, "The ring was made with ", info->refuses, ".");
        from_musts(&list, "the structure", info->must);
        from_musts(&list, "an element", info->items.must);
    }
    if (ret == -EFAULT && info->arg.at && rota_cause_add(&list, ROTA_POSSIBLE, &w))
        rota_text_all(&w.text, "The argument (", rota_word(info->arg),
                      ") is not in memory of the process.", NULL);
    if (ret == -EBADF)
        put(&list, "The ring is torn down.", NULL);
    if (ret == -EEXIST)
        put(&list,
            "The ring was made with IORING_SETUP_SINGLE_ISSUER and belongs to another thread.",
            "Make the call from the thread that made the ring.");
    if (ret == -EACCES)
        put(&list, "A restriction of the ring forbids the call.", NULL);
    return (int)list.count;
}
