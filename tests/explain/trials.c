/* SPDX-License-Identifier: MIT */
/*
 * The live trials of the table once more, for what is said of them: a request
 * that succeeds passes the check; broken where the kernel looks only when it
 * runs, it gets the error that the check foretells; and of every error that is
 * provoked the explanation holds the cause that the table gives.
 *
 *     explain-requests [TEXT]     only the trials whose title contains TEXT
 */
#include "trials.h"

#include <rota/explain.h>
#include <signal.h>
#include <unistd.h>

#include "tap.h"

#define USER_DATA 0x7e57
#define PATIENCE  20 /* seconds */

static struct rota_caps caps;
static unsigned long broken, foretold;

/* Sends a request and waits for its first completion; -EINPROGRESS when none comes. */
static int answer(struct live *l, const struct live_trial *t, const struct io_uring_sqe *request,
                  int seconds)
{
    const struct __kernel_timespec patience = {.tv_sec = seconds};
    struct io_uring_sqe *sqe = rota_get_sqe(&l->ring);
    int ret;

    if (!sqe)
        return -EBUSY;
    memcpy(sqe, request, (l->ring.flags & IORING_SETUP_SQE128 ? 2 : 1) * sizeof(*sqe));
    ret = rota_submit(&l->ring);
    if (ret < 0)
        return ret;
    if (t->scenario->act && seconds == PATIENCE)
        t->scenario->act(l);
    for (;;) {
        struct io_uring_cqe *cqe = NULL;
        bool found;

        if (rota_wait_cqe_timeout(&l->ring, &cqe, &patience) < 0)
            return -EINPROGRESS;
        ret = cqe->res;
        found = cqe->user_data == USER_DATA;
        rota_cqe_seen(&l->ring, cqe);
        if (found)
            return ret;
    }
}

/* What the trial would send, in the room of two SQEs. */
static void prepare(const struct live_trial *t, struct live *l, struct io_uring_sqe *sqe)
{
    memset(sqe, 0, 2 * sizeof(*sqe));
    t->send(l, sqe);
    sqe->user_data = USER_DATA;
}

static void set(struct io_uring_sqe *sqe, unsigned offset, unsigned size, uint64_t value)
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

static uint64_t get(const struct io_uring_sqe *sqe, unsigned offset, unsigned size)
{
    uint64_t value = 0;
    uint32_t word;
    uint16_t half;

    if (size == 8)
        memcpy(&value, (const char *)sqe + offset, 8);
    else if (size == 4)
        memcpy(&word, (const char *)sqe + offset, 4), value = word;
    else if (size == 2)
        memcpy(&half, (const char *)sqe + offset, 2), value = half;
    else
        value = *((const uint8_t *)sqe + offset);
    return value;
}

static void impose(struct io_uring_sqe *sqe, const struct rota_condition *c, bool holds)
{
    uint64_t value;

    if (c->offset == ROTA_COND_ON_RING)
        return;
    value = get(sqe, c->offset, c->size);
    switch (c->kind) {
    case ROTA_COND_HAS:
        value = holds ? value | c->value : value & ~c->value;
        break;
    case ROTA_COND_LACKS:
        value = holds ? value & ~c->value : value | c->value;
        break;
    case ROTA_COND_WITHIN:
        value = holds ? value & c->value : value | (c->value + 1);
        break;
    case ROTA_COND_IS:
        value = holds ? c->value : c->value + 1;
        break;
    case ROTA_COND_IS_NOT:
        value = holds ? c->value + 1 : c->value;
        break;
    case ROTA_COND_BELOW:
        value = holds ? 0 : c->value;
        break;
    default:
        value = holds ? c->value + 1 : c->value;
        break;
    }
    set(sqe, c->offset, c->size, value);
}

/*
 * The n-th way to break a request so that the kernel finds out when it runs;
 * false when there are not so many.
 */
static bool break_at_issue(const struct rota_op_info *op, unsigned n, struct io_uring_sqe *sqe)
{
    for (unsigned i = 0; i < op->rules.count; i++) {
        const struct rota_rule_info *rule = &rota_info_rules(op->rules)[i];

        for (unsigned k = 0; rule->at_issue && k < rule->must.count; k++) {
            if (n--)
                continue;
            for (unsigned w = 0; w < rule->when.count; w++)
                impose(sqe, &rota_info_conditions(rule->when)[w], true);
            impose(sqe, &rota_info_conditions(rule->must)[k], false);
            return true;
        }
    }
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *field = &rota_info_fields(op->fields)[i];
        uint64_t known = 0;

        if (field->others != ROTA_OTHERS_ISSUE || !field->group.at)
            continue;
        if (field->values) {
            if (!n--) {
                set(sqe, field->offset, field->size, 0x5a5a);
                return true;
            }
            continue;
        }
        for (unsigned g = 0; g < field->group_rules.count; g++)
            known |= rota_info_flag_rules(field->group_rules)[g].value;
        for (unsigned bit = 0; bit < 8U * field->size; bit++) {
            if ((known >> bit & 1) || n--)
                continue;
            set(sqe, field->offset, field->size,
                get(sqe, field->offset, field->size) | UINT64_C(1) << bit);
            return true;
        }
        for (unsigned g = 0; g < field->group_rules.count; g++) {
            const struct rota_flag_rule *rule = &rota_info_flag_rules(field->group_rules)[g];

            if (!rule->excludes || n--)
                continue;
            set(sqe, field->offset, field->size,
                get(sqe, field->offset, field->size) | rule->value |
                    (rule->excludes & (0 - rule->excludes)));
            return true;
        }
    }
    return false;
}

/* Sends one broken request in a scenario of its own. */
static bool try_broken(const struct live_trial *t, unsigned n, bool *more)
{
    const struct rota_op_info *op = rota_opcode_info(t->opcode);
    struct rota_finding findings[8];
    struct io_uring_sqe sqe[2]; /* room for a large one */
    bool agreed = true;
    struct live l;
    int count, res;

    live_init(&l);
    *more = false;
    if (t->scenario->open(&l) < 0 || l.skip)
        goto close;
    prepare(t, &l, sqe);
    *more = break_at_issue(op, n, sqe);
    if (!*more)
        goto close;
    count = rota_sqe_check(&l.ring, &caps, sqe, findings, 8);
    /* Only what is found when the request runs is of interest here. */
    for (int i = 0; i < count && i < 8; i++) {
        if (findings[i].stage != ROTA_STAGE_ISSUE)
            goto close;
    }
    if (count <= 0)
        goto close; /* this kernel does not check it yet */
    broken++;
    res = answer(&l, t, sqe, 1);
    agreed = false;
    for (int i = 0; i < count && i < 8; i++)
        agreed |= findings[i].error == res;
    /* An address that is now looked at, and leads nowhere, comes before everything else. */
    agreed |= res == -EFAULT;
    foretold += agreed;
    if (!agreed) {
        char text[600];

        rota_sqe_format(sqe, 0, text, sizeof(text));
        diag("%s", text);
        diag("  kernel: %d %s", res, rota_error_name(res) ? rota_error_name(res) : "");
        for (int i = 0; i < count && i < 8; i++)
            diag("  check: %d %s", findings[i].error, findings[i].text);
    }
close:
    if (t->scenario->close)
        t->scenario->close(&l);
    return agreed;
}

static void try_all_broken(const struct live_trial *t)
{
    unsigned long before = broken;
    bool more = true, agreed = true;

    for (unsigned n = 0; more; n++)
        agreed &= try_broken(t, n, &more);
    if (broken != before)
        ok(agreed, "%s: %lu broken requests fail as foretold", t->title, broken - before);
}

/*
 * The cause that the table gives for an error is in its explanation with its
 * remedy, or something that was seen takes its place.
 */
static void judge_text(const char *title, const char *text, const struct rota_error_info *error,
                       int res)
{
    const char *sentence = rota_info_text(error->cause);
    const char *remedy = rota_info_text(error->remedy);
    bool seen = strstr(text, " 1. certain: ") || strstr(text, " 1. likely: buffer group ");
    const char *cause;
    char words[300];
    bool right;

    /* What was looked at stands in place of the full stop. */
    (void)snprintf(words, sizeof(words), "%.*s", (int)strlen(sentence) - 1, sentence);
    cause = strstr(text, words);
    right = cause ? !remedy || strstr(cause, remedy) : seen;
    if (!ok(right && strstr(text, rota_error_name(res)), "%s is explained", title))
        diag("%s", text);
}

static void explain_request(const struct live_trial *t, struct live *l)
{
    const struct rota_op_info *op = rota_opcode_info(t->opcode);
    struct io_uring_sqe sqe[2]; /* room for a large one */
    char text[4096];
    int res, expected;

    prepare(t, l, sqe);
    res = answer(l, t, sqe, PATIENCE);
    expected = t->result(l);
    if (res != expected && rota_caps_opcode(&caps, t->opcode, NULL) == ROTA_NO) {
        rota_explain(&l->ring, &caps, sqe, res, text, sizeof(text));
        ok(strstr(text, "certain: this kernel has no "), "%s: this kernel lacks it", t->title);
        return;
    }
    if (res != expected) {
        /* The live test judges results; without the error there is nothing to explain. */
        skip(1, "%s: the answer is %d", t->title, res);
        return;
    }
    rota_explain(&l->ring, &caps, sqe, res, text, sizeof(text));
    judge_text(t->title, text, &rota_info_errors(op->errors)[t->error - 1], res);
}

/* Some errors are those of calls on descriptor -1, which have no ring. */
static bool is_without_ring(const struct rota_error_info *error)
{
    const struct rota_look *looks = rota_info_looks(error->looks);

    for (unsigned i = 0; i < error->looks.count; i++) {
        if (looks[i].kind == ROTA_LOOK_ABSENT && !looks[i].negated)
            return true;
    }
    return false;
}

static void explain_call(const struct live_trial *t, struct live *l)
{
    const struct rota_register_info *info = rota_register_opcode_info(t->opcode);
    const struct rota_error_info *error = &rota_info_errors(info->errors)[t->error - 1];
    char text[4096];
    int ret = t->call(l), expected = t->result(l);

    if (ret != expected && rota_caps_register(&caps, t->opcode, NULL) == ROTA_NO) {
        rota_explain_register(&l->ring, &caps, t->opcode, ret, text, sizeof(text));
        ok(strstr(text, "certain: this kernel has no "), "%s: this kernel lacks it", t->title);
        return;
    }
    if (ret != expected) {
        skip(1, "%s: the answer is %d", t->title, ret);
        return;
    }
    rota_explain_register(is_without_ring(error) ? NULL : &l->ring, &caps, t->opcode, ret, text,
                          sizeof(text));
    judge_text(t->title, text, error, ret);
}

/*
 * A request of the table that succeeds must look right. On a kernel that is
 * too old for it the check must say so, and the kernel refuse it.
 */
static void check_right(const struct live_trial *t, struct live *l)
{
    const char *name = rota_op_name(t->opcode);
    struct rota_finding findings[4];
    struct io_uring_sqe sqe[2]; /* room for a large one */
    bool too_new = true;
    char text[1024];
    int count;

    prepare(t, l, sqe);
    count = rota_sqe_check(&l->ring, &caps, sqe, findings, 4);
    if (rota_caps_opcode(&caps, t->opcode, NULL) != ROTA_YES) {
        ok(count == 1 && findings[0].code == ROTA_FINDING_MISSING, "%s: this kernel has no %s",
           t->title, name);
        return;
    }
    rota_sqe_format(sqe, ROTA_FORMAT_FOLLOW, text, sizeof(text));
    ok(!strncmp(text, name, strlen(name)), "%s as text", t->title);
    for (int i = 0; i < count && i < 4; i++)
        too_new &= findings[i].code == ROTA_FINDING_TOO_NEW;
    /* Beside what is too new there may be rules that a later kernel has lifted. */
    too_new |= ROTA_KERNEL(t->since[0], t->since[1]) > caps.kernel_from;
    if (count > 0 && too_new) {
        int res = answer(l, t, sqe, PATIENCE);

        bool as_said = false;

        for (int i = 0; i < count && i < 4; i++)
            as_said |= findings[i].error == res;
        ok(as_said, "%s: %s", t->title, findings[0].text);
    } else if (!ok(!count, "%s passes the check", t->title)) {
        diag("%s", text);
        for (int i = 0; i < count && i < 4; i++)
            diag("  check: %s", findings[i].text);
    }
}

static void run(const struct live_trial *t)
{
    struct live l;
    int ret;

    live_init(&l);
    ret = t->scenario->open(&l);
    if (l.skip)
        skip(1, "%s: %s", t->title, l.skip);
    else if (ret < 0)
        skip(1, "%s: scenario %s: %s", t->title, t->scenario->name, strerror(-ret));
    else if (t->call && t->error)
        explain_call(t, &l);
    else if (t->error)
        explain_request(t, &l);
    else if (!t->call)
        check_right(t, &l);
    if (t->scenario->close)
        t->scenario->close(&l);
    if (!t->call && !t->error && rota_caps_opcode(&caps, t->opcode, NULL) == ROTA_YES)
        try_all_broken(t);
}

/* A scenario that changes its process gets one of its own. */
static void run_apart(const struct live_trial *t)
{
    pid_t child = fork();
    int status = 0;

    if (child < 0)
        bail("fork: %s", strerror(errno));
    if (!child) {
        int failed = tap_failed, skipped = tap_skipped;

        run(t);
        fflush(stdout);
        _exit(tap_failed != failed ? 1 : tap_skipped != skipped ? 77 : 0);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        ok(0, "%s", t->title);
        return;
    }
    tap_run++;
    tap_failed += WEXITSTATUS(status) == 1;
    tap_skipped += WEXITSTATUS(status) == 77;
}

int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : NULL;
    int ret = rota_caps_get(&caps, NULL);

    if (ret < 0)
        skip_all("no ring can be made here: %s", strerror(-ret));
    signal(SIGPIPE, SIG_IGN);
    for (unsigned i = 0; i < live_trial_count; i++) {
        const struct live_trial *t = &live_trials[i];

        if ((only && !strstr(t->title, only)) || (t->call && !t->error))
            continue;
        alarm(4 * PATIENCE);
        if (t->scenario->apart)
            run_apart(t);
        else
            run(t);
    }
    if (broken)
        diag("%lu requests were broken, %lu failed as foretold", broken, foretold);
    return done();
}
