/* SPDX-License-Identifier: MIT */
/*
 * Explains the result of a request: what its row says of the error, what the
 * check finds, and what a look at the descriptors, addresses, paths and limits
 * of the process shows. No opcode is named here.
 */
#include "explain/explain.h"
#include "ring/core.h"

/*
 * What the check finds
 */

static int check(const struct rota_subject *s, struct rota_finding *findings, unsigned max)
{
    int other = s->ring ? rota_check_thread(s->list->process, s->ring, findings, max) : 0;

    if (other < 0 || (unsigned)other >= max)
        return other;
    return other + rota_check_in_chain(s->ring, s->caps, s->sqe, false, NULL, findings + other,
                                       max - (unsigned)other);
}

/* What a command needs of its ring counts where the file takes it, which the check does not see. */
static bool is_of_command(const struct rota_subject *s, const struct rota_finding *finding)
{
    const struct rota_field_info *number = s->op ? rota_command_field(s->op) : NULL;

    return number && finding->code == ROTA_FINDING_RING && finding->offset == number->offset;
}

static void from_check(struct rota_subject *s)
{
    struct rota_finding findings[4];
    int count = check(s, findings, 4);

    for (int i = 0; i < count && i < 4; i++) {
        if (findings[i].error == s->res && !is_of_command(s, &findings[i]))
            rota_cause_put(s->list, ROTA_CERTAIN, findings[i].text, NULL);
    }
}

/*
 * The row, and what holds for every request
 */

/* A row that looks at what the exact look has spoken of already. */
static bool told(const struct rota_subject *s, const struct rota_error_info *error)
{
    for (unsigned i = 0; i < error->looks.count; i++) {
        const struct rota_look *look = &rota_looks(error->looks)[i];

        if (look->at < s->op->fields.count && (s->claimed >> look->at & 1))
            return true;
    }
    return false;
}

enum rota_answer rota_row_holds(const struct rota_subject *s, const struct rota_error_info *error)
{
    enum rota_answer answer = s->call ? rota_call_conditions_hold(s->call, error)
                                      : rota_conditions_hold(error->when, s->sqe, s->ring);

    if (answer == ROTA_NO ||
        (error->since && rota_since_holds(s->caps, error->since, false) == ROTA_NO) ||
        (error->until && (!s->caps || rota_since_holds(s->caps, error->until, false) == ROTA_YES)))
        return ROTA_NO;
    for (unsigned i = 0; i < error->looks.count; i++) {
        const struct rota_look *look = &rota_looks(error->looks)[i];
        enum rota_answer one = s->call ? rota_call_look_holds(s, look) : rota_look_holds(s, look);

        if (one == ROTA_NO)
            return ROTA_NO;
        if (one == ROTA_UNKNOWN)
            answer = ROTA_UNKNOWN;
    }
    return answer;
}

/* Whether a condition of the row is on that field. */
static bool is_named(const struct rota_error_info *error, const struct rota_field_info *field)
{
    for (unsigned i = 0; i < error->when.count; i++) {
        if (rota_conditions(error->when)[i].offset == field->offset)
            return true;
    }
    return false;
}

/* The one of an array that the look has found, by its index. */
static void put_descriptor(struct rota_text *text, const struct rota_subject *s,
                           const struct rota_field_info *field, bool rings)
{
    uint64_t address = rota_sqe_field(s->sqe, field->offset, field->size);
    uint64_t count = rota_sqe_field(s->sqe, field->length_at, field->length_size);
    int fd = -1;
    long at = rota_array_find(s->list->process, address, count, rings, &fd);

    rota_text_hex(text, address);
    if (at < 0)
        return;
    rota_text_put(text, ", element ");
    rota_text_decimal(text, (uint64_t)at);
    rota_text_put(text, " is ");
    rota_text_signed(text, fd);
}

/* Values, and the descriptors, paths and slots that were looked at, in parentheses. */
static void put_evidence(struct rota_text *text, const struct rota_subject *s,
                         const struct rota_error_info *error)
{
    const struct rota_look *looks = rota_looks(error->looks);
    bool first = true;

    for (unsigned i = 0; i < s->op->fields.count && error->looks.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (!((field->group.at && field->values) || field->role == ROTA_ROLE_COMMAND) ||
            !is_named(error, field))
            continue;
        rota_text_all(text, first ? " (" : ", ", rota_word(field->name), "=", NULL);
        rota_text_value(text, field, rota_sqe_field(s->sqe, field->offset, field->size));
        first = false;
    }
    for (unsigned i = 0; i < error->looks.count; i++) {
        const struct rota_field_info *field;
        struct rota_path_view path;
        uint64_t value;

        if (looks[i].at >= s->op->fields.count || (i && looks[i].at == looks[i - 1].at))
            continue;
        field = &rota_fields(s->op->fields)[looks[i].at];
        value = rota_sqe_field(s->sqe, field->offset, field->size);
        rota_text_all(text, first ? " (" : ", ", rota_word(field->name), "=", NULL);
        first = false;
        if (field->role == ROTA_ROLE_DESCRIPTORS) {
            put_descriptor(text, s, field, looks[i].kind == ROTA_LOOK_RING);
        } else if (field->role >= ROTA_ROLE_PATH && field->memory != ROTA_MEMORY_NONE &&
                   rota_view_path(s->list->process, rota_subject_directory(s, field), value,
                                  &path)) {
            rota_text_char(text, '"');
            for (unsigned k = 0; k < path.length && k < 60; k++)
                rota_text_escaped(text, (unsigned char)path.text[k], false);
            rota_text_char(text, '"');
        } else if (field->memory != ROTA_MEMORY_NONE) {
            rota_text_hex(text, value);
        } else {
            rota_text_signed(text, (int32_t)value);
        }
    }
    if (!first)
        rota_text_char(text, ')');
}

/* What the row says of the error: first what can decide, then what only may be. */
static void from_row(struct rota_subject *s, bool decides)
{
    for (unsigned i = 0; i < s->op->errors.count; i++) {
        const struct rota_error_info *error = &rota_errors(s->op->errors)[i];
        bool conditional = error->when.count || error->looks.count || error->sole;
        struct rota_cause_writer w;
        enum rota_answer holds;

        if (error->error != s->res || (conditional && !error->partial) != decides || told(s, error))
            continue;
        holds = rota_row_holds(s, error);
        if (holds == ROTA_NO)
            continue;
        if (!rota_cause_add(
                s->list, error->sole || (decides && holds == ROTA_YES) ? ROTA_CERTAIN : ROTA_LIKELY,
                &w))
            continue;
        rota_cause_sentence(&w.text, error, error->looks.count);
        put_evidence(&w.text, s, error);
        if (!error->done.count || rota_conditions_hold(error->done, s->sqe, s->ring) != ROTA_YES)
            rota_text_put(&w.remedy, rota_word(error->remedy));
    }
}

/* The meanings that the number of the request's command may have to its file. */
static void commands_of(const struct rota_subject *s, struct rota_command_set *set)
{
    const struct rota_field_info *number = rota_command_field(s->op);
    const struct rota_field_info *file = NULL;
    struct rota_file_view view;

    set->count = 0;
    set->certain = false;
    if (!number)
        return;
    rota_commands_of(s->op, (uint32_t)rota_sqe_field(s->sqe, number->offset, number->size), set);
    for (unsigned i = 0; i < s->op->fields.count && !file; i++) {
        if (rota_fields(s->op->fields)[i].role == ROTA_ROLE_FILE)
            file = &rota_fields(s->op->fields)[i];
    }
    if (!file)
        return;
    rota_subject_file(s, file, &view);
    if (view.open == ROTA_YES)
        rota_commands_on(set, s->list->process, view.slot ? -1 : view.fd, view.kind);
}

static void put_command_errors(struct rota_subject *s, const struct rota_command_info *command,
                               struct rota_error_rows rows)
{
    for (unsigned i = 0; i < rows.count; i++) {
        const struct rota_error_info *error = &rota_errors(rows)[i];
        struct rota_cause_writer w;

        if (error->error != s->res || !rota_cause_add(s->list, ROTA_LIKELY, &w))
            continue;
        rota_command_put_name(&w.text, command);
        rota_text_all(&w.text, ": ", rota_word(error->cause), NULL);
        rota_text_put(&w.remedy, rota_word(error->remedy));
    }
}

/* Whether the ring's entries are too small for a command; says so. */
static bool ring_is_small(struct rota_subject *s, const struct rota_command_set *set)
{
    const struct rota_command_info *command = set->found[0];
    unsigned lacks = s->ring ? rota_command_lacks(s->ring, s->op, command) : 0;
    struct rota_cause_writer w;

    if (!lacks || rota_command_family(command)->ring_error != s->res)
        return false;
    if (rota_cause_add(s->list, set->certain ? ROTA_CERTAIN : ROTA_LIKELY, &w)) {
        rota_command_put_name(&w.text, command);
        rota_text_put(&w.text, " needs ");
        rota_command_put_needs(&w.text, lacks);
        rota_text_put(&w.remedy, "make the ring with ");
        rota_command_put_flags(&w.remedy, lacks);
    }
    return true;
}

/* Memory that the command's structure leads to and that is not there. */
static void look_at_points(struct rota_subject *s, const struct rota_command_set *set)
{
    const struct rota_command_info *command = set->found[0];

    for (unsigned i = 0; i < command->points.count; i++) {
        const struct rota_point_info *point = &rota_points(command->points)[i];
        char words[sizeof(((struct rota_cause *)0)->text)];
        struct rota_cause_writer w;
        struct rota_text text;

        /* The second half of an SQE is there on large rings only. */
        if (point->offset + point->size > sizeof(struct io_uring_sqe) && !s->op->big &&
            !(s->ring && (s->ring->flags & IORING_SETUP_SQE128)))
            continue;
        rota_text_start(&text, words, sizeof(words));
        if (rota_subject_point(s, point, &text) != ROTA_NO ||
            !rota_cause_add(s->list, set->certain ? ROTA_CERTAIN : ROTA_LIKELY, &w))
            continue;
        rota_command_put_name(&w.text, command);
        rota_text_all(&w.text, ": ", words, NULL);
        rota_text_all(&w.remedy, "pass the address of memory that ",
                      point->memory == ROTA_MEMORY_READ ? "" : "may be written and ",
                      "stays until the ",
                      point->lives == ROTA_LIVES_SUBMIT ? "submit" : "completion", NULL);
    }
}

/* What the command says of the error. */
static void from_command(struct rota_subject *s)
{
    struct rota_command_set set;

    commands_of(s, &set);
    /* What one of several says would be no more than a guess. */
    if (set.count != 1 || ring_is_small(s, &set))
        return;
    if (s->res == -EFAULT && !rota_cause_known(s->list, ROTA_CERTAIN))
        look_at_points(s, &set);
    put_command_errors(s, set.found[0], set.found[0]->errors);
    put_command_errors(s, set.found[0], rota_command_family(set.found[0])->errors);
}

/* Of an EFAULT whose memory is all there, and came from no group, the rows can say nothing. */
static bool memory_is_fine(const struct rota_subject *s)
{
    return s->res == -EFAULT && !(s->sqe->flags & IOSQE_BUFFER_SELECT) &&
           rota_subject_memory_is_fine(s) == ROTA_YES;
}

bool rota_row_speaks(struct rota_error_rows rows, int res)
{
    for (unsigned i = 0; i < rows.count; i++) {
        if (rota_errors(rows)[i].error == res)
            return true;
    }
    return false;
}

/*
 * A ring gets restrictions before it is enabled, or from its thread where the
 * kernel has that; an EACCES of a path has nearer reasons.
 */
static bool may_be_restricted(const struct rota_subject *s)
{
    const struct rota_register_info *call = rota_register_opcode_info(IORING_REGISTER_RESTRICTIONS);

    if (!s->ring || (s->ring->flags & IORING_SETUP_R_DISABLED))
        return true;
    if (rota_since_holds(s->caps, call->without_ring, false) == ROTA_NO)
        return false;
    for (unsigned i = 0; i < s->op->fields.count; i++) {
        const struct rota_field_info *field = &rota_fields(s->op->fields)[i];

        if (field->role == ROTA_ROLE_PATH || field->role == ROTA_ROLE_NEW_PATH ||
            field->role == ROTA_ROLE_ANY_PATH ||
            rota_field_points_to(field, "const struct sockaddr *"))
            return false;
    }
    return true;
}

static void from_all_requests(struct rota_subject *s)
{
    bool certain = rota_cause_known(s->list, ROTA_CERTAIN);

    switch (s->res) {
    case -EINVAL:
        if (!certain)
            rota_cause_put(s->list, ROTA_POSSIBLE,
                           "the file or its driver does not take these values", NULL);
        break;
    case -EACCES:
        if (!certain && may_be_restricted(s))
            rota_cause_put(s->list, s->list->count ? ROTA_POSSIBLE : ROTA_LIKELY,
                           "the ring has restrictions that forbid the opcode or a flag",
                           "allow it before rota_enable_rings");
        break;
    case -EOPNOTSUPP:
        if (!certain && (s->sqe->flags & (IOSQE_IO_DRAIN | IOSQE_CQE_SKIP_SUCCESS)))
            rota_cause_put(s->list, s->list->count ? ROTA_POSSIBLE : ROTA_LIKELY,
                           "a ring that has seen IOSQE_CQE_SKIP_SUCCESS refuses IOSQE_IO_DRAIN",
                           "use two rings, or only one of the flags");
        if (!certain && s->op->config.at && !s->caps)
            rota_cause_put(s->list, ROTA_POSSIBLE, "the kernel was built without the operation",
                           rota_word(s->op->config));
        break;
    case -EINTR:
        rota_cause_put(s->list, ROTA_LIKELY,
                       "its worker was interrupted: it was cancelled, or the thread that submitted "
                       "it has ended",
                       "send it again");
        break;
    case -EAGAIN:
        if (!s->list->count && !rota_row_speaks(s->op->errors, s->res))
            rota_cause_put(s->list, ROTA_POSSIBLE,
                           "the kernel has no memory, worker or other resource for it now",
                           "send it again later");
        break;
    default:
        break;
    }
}

/* What was taken by the kernel failed for something outside of its bytes. */
static void look_around(struct rota_subject *s)
{
    rota_situation_exact(s);
    /* A limit that is reached says all; that on memory there is always. */
    if (s->res != -ENOMEM)
        rota_situation_limits(s);
    if (s->res == -EMFILE && rota_cause_known(s->list, ROTA_CERTAIN))
        return;
    if ((s->res == -ENOBUFS || s->res == -ENOENT) && (s->sqe->flags & IOSQE_BUFFER_SELECT))
        rota_situation_group(s);
    from_row(s, true);
    from_command(s);
    rota_situation_kinds(s);
    rota_chain_causes(s);
    /* What may be says nothing beside what was seen. */
    if (!rota_cause_known(s->list, ROTA_CERTAIN) && !memory_is_fine(s) &&
        !(s->res == -ENOBUFS && (s->sqe->flags & IOSQE_BUFFER_SELECT)))
        from_row(s, false);
    if (s->res == -EFAULT && (s->sqe->flags & IOSQE_BUFFER_SELECT) &&
        !rota_cause_known(s->list, ROTA_CERTAIN))
        rota_situation_group_memory(s);
    if (s->res == -ENOMEM && !rota_cause_known(s->list, ROTA_CERTAIN))
        rota_situation_limits(s);
    from_all_requests(s);
    if (!s->list->count)
        rota_situation_anything(s);
}

static int causes_of(const struct rota_process *process, const struct rota_ring *ring,
                     const struct rota_caps *caps, const struct io_uring_sqe *sqe, int res,
                     struct rota_cause *causes, unsigned max)
{
    struct rota_cause_list list = {causes, max, 0, process, ROTA_REFUSED_UNKNOWN};
    struct rota_subject s;

    if (res >= 0)
        return 0;
    s.ring = ring;
    s.caps = caps;
    s.sqe = sqe;
    s.op = rota_opcode_info(sqe->opcode);
    s.res = res;
    s.list = &list;
    s.call = NULL;
    s.claimed = 0;
    from_check(&s);
    if (s.op && res == -EINVAL && sqe->personality && !list.count)
        rota_situation_personality(&s);
    /* What the kernel refuses it has not begun. */
    if (s.op && !rota_cause_known(&list, ROTA_CERTAIN))
        look_around(&s);
    return (int)list.count;
}

int rota_request_causes(const struct rota_ring *ring, const struct rota_caps *caps,
                        const struct io_uring_sqe *sqe, int res, struct rota_cause *causes,
                        unsigned max)
{
    if (!sqe || (max && !causes))
        return -EINVAL;
    return causes_of(NULL, ring, caps, sqe, res, causes, max);
}

/* What a result that is no error means. */
static void put_success(struct rota_text *text, const struct rota_op_info *op, int res)
{
    rota_text_all(text, op ? rota_word(op->name) : "the request", ": ", NULL);
    rota_text_signed(text, res);
    rota_text_put(text, " is no error");
    if (op)
        rota_text_all(text, ": ", rota_word(op->res), NULL);
}

static int explain(const struct rota_process *process, const struct rota_ring *ring,
                   const struct rota_caps *caps, const struct io_uring_sqe *sqe, int res, char *buf,
                   size_t size)
{
    struct rota_cause causes[ROTA_MAX_CAUSES];
    const struct rota_op_info *op;
    struct rota_text text;
    int count;

    if (!sqe)
        return -EINVAL;
    op = rota_opcode_info(sqe->opcode);
    rota_text_start(&text, buf, size);
    if (res >= 0) {
        put_success(&text, op, res);
        return rota_text_result(&text);
    }
    count = causes_of(process, ring, caps, sqe, res, causes, ROTA_MAX_CAUSES);
    rota_answer_text(&text, op ? rota_word(op->name) : "an unknown opcode", res);
    rota_cause_text(&text, causes, count);
    return rota_text_result(&text);
}

int rota_explain(const struct rota_ring *ring, const struct rota_caps *caps,
                 const struct io_uring_sqe *sqe, int res, char *buf, size_t size)
{
    return explain(NULL, ring, caps, sqe, res, buf, size);
}

int rota_process_explain(const struct rota_process *process, const struct rota_ring *ring,
                         const struct rota_caps *caps, const struct io_uring_sqe *sqe, int res,
                         char *buf, size_t size)
{
    return process ? explain(process, ring, caps, sqe, res, buf, size) : -EINVAL;
}
