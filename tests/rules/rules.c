/* SPDX-License-Identifier: MIT */
/*
 * Tries what the table claims of each opcode on the kernel beneath: takes the
 * live trials that succeed, changes one thing, and compares the answer with
 * what the table says of the changed request. Claims are: fields that must be
 * zero, fields that are ignored, each bit and value of each flag field, the
 * IOSQE flags, the rings that are needed or refused, and each rule.
 *
 *     rules [-v] [OPCODE]     only this opcode; -v prints each claim
 *
 * A claim is kept when the kernel refuses what the table refuses, with one of
 * the errors that the table gives, and takes what it takes. A taken request may
 * still fail when it runs, for want of a device or a right; when it does so
 * with the answer of a refusal, the claim was not shown, and is skipped.
 */
#include "claim.h"

#include <ftw.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "rules.h"
#include "tap.h"

/* ---- fields that must be zero, fields that are ignored ----------------------------------- */

/* The parts of an SQE that the kernel reads as one, whatever their name. */
static const struct {
    uint8_t offset, size;
    const char *name;
} units[] = {
    {2, 2, "ioprio"}, {4, 4, "fd"},      {8, 8, "off"},        {16, 8, "addr"},
    {24, 4, "len"},   {28, 4, "flags"},  {40, 2, "buf_index"}, {44, 4, "splice_fd"},
    {48, 8, "addr3"}, {56, 8, "__pad2"},
};

/* The run of bytes in one state that starts at an offset of a unit. */
static unsigned run_length(const enum byte_state *states, unsigned offset, unsigned end)
{
    unsigned at = offset;

    while (at < end && states[at] == states[offset])
        at++;
    return at - offset;
}

static void claim_zero(const struct base *b, unsigned offset, unsigned size, const char *name)
{
    char text[64];

    for (unsigned i = 0; i < 2; i++) {
        struct request r = claim_base(b);
        unsigned at = i ? offset + size - 1 : offset;
        unsigned bit = i ? 0x80 : 1;

        (void)snprintf(text, sizeof(text), "%s: byte %u set to %#x", name, at, bit);
        (void)request_pin(&r, at, 1, 0xff, bit);
        claim(b, &r, 0, false, text);
    }
}

static void claim_ignored(const struct base *b, unsigned offset, unsigned size, const char *name)
{
    char text[64];
    struct request r = claim_base(b);
    struct prediction p;

    (void)snprintf(text, sizeof(text), "%s: bytes %u to %u set to 0xff", name, offset,
                   offset + size - 1);
    for (unsigned i = 0; i < size; i++)
        (void)request_pin(&r, offset + i, 1, 0xff, 0xff);
    predict(&r, &p);
    /* A rule may limit a field that is otherwise not looked at: then as far as it goes. */
    if (p.count) {
        r = claim_base(b);
        (void)request_pin(&r, offset, 1, 0xff, 0x5a);
        (void)snprintf(text, sizeof(text), "%s: byte %u set to 0x5a", name, offset);
    }
    claim(b, &r, ATTEMPT_CHECK, true, text);
}

/* Both kinds of claim in one walk through the SQE of each trial, each part once. */
static void claims_of_bytes(enum byte_state wanted)
{
    bool seen[SQE_BYTES][SQE_BYTES] = {{false}};
    enum byte_state states[SQE_BYTES];

    for (unsigned i = 0; i < base_count; i++) {
        struct request r = claim_base(&bases[i]);

        predict_states(&r, states);
        for (unsigned u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
            unsigned end = units[u].offset + units[u].size, size;

            for (unsigned at = units[u].offset; at < end; at += size) {
                size = run_length(states, at, end);
                if (states[at] != wanted || seen[at][size])
                    continue;
                seen[at][size] = true;
                if (wanted == BYTE_ZERO)
                    claim_zero(&bases[i], at, size, units[u].name);
                else
                    claim_ignored(&bases[i], at, size, units[u].name);
            }
        }
    }
}

/* ---- flags and values ------------------------------------------------------------------- */

static const struct rules_group *group_of(unsigned field)
{
    for (unsigned i = 0; i < rules_field_count; i++) {
        if (rules_fields[i].opcode == op->opcode && rules_fields[i].field == field)
            return rules_fields[i].group;
    }
    return NULL;
}

static const char *flag_name(const struct rules_group *g, uint64_t value)
{
    for (unsigned i = 0; i < g->count; i++) {
        if (g->flags[i].value == value)
            return g->flags[i].name;
    }
    return NULL;
}

static bool all_hold(const struct request *r, const struct rota_field_info *f)
{
    for (unsigned i = 0; i < f->when.count; i++) {
        if (!condition_holds(r, &rota_info_conditions(f->when)[i]))
            return false;
    }
    return true;
}

/* A request in which the field is read: of the first trial that does, else made so. */
static const struct base *reading(const struct rota_field_info *f, struct request *r)
{
    for (unsigned i = 0; i < base_count; i++) {
        *r = claim_base(&bases[i]);
        if (all_hold(r, f))
            return &bases[i];
    }
    for (unsigned i = 0; i < base_count; i++) {
        bool forced = true;

        *r = claim_base(&bases[i]);
        for (unsigned c = 0; c < f->when.count; c++)
            forced &= condition_force(r, &rota_info_conditions(f->when)[c], true);
        if (forced && request_repair(r, -1))
            return &bases[i];
    }
    return NULL;
}

static bool takes(const struct rota_field_info *f, unsigned field, uint64_t value)
{
    for (unsigned i = 0; i < f->flags.count; i++) {
        if (rota_info_flags(f->flags)[i].value == value &&
            predict_has(op, RULES_FLAG, field, i, rota_info_flags(f->flags)[i].since))
            return true;
    }
    return false;
}

/* A trial that succeeds with these bits in the field has shown it. */
static bool shown(const struct rota_field_info *f, uint64_t mask, uint64_t value)
{
    for (unsigned i = 0; i < base_count; i++) {
        struct request r = claim_base(&bases[i]);

        if (all_hold(&r, f) && (request_get(&r, f->offset, f->size) & mask) == value)
            return true;
    }
    return false;
}

/* One bit, alone or with what it takes to make the request good again. */
static void claim_bit(unsigned field, const struct rules_group *g, unsigned bit)
{
    const struct rota_field_info *f = &rota_info_fields(op->fields)[field];
    uint64_t value = 1ULL << bit;
    const char *name = flag_name(g, value);
    struct request r;
    const struct base *b = reading(f, &r);
    char text[96];

    if (name)
        (void)snprintf(text, sizeof(text), "%s has %s", rota_info_text(f->name), name);
    else
        (void)snprintf(text, sizeof(text), "%s has bit %u", rota_info_text(f->name), bit);
    if (!b) {
        claim_not_shown("%s: no request reads the field", text);
        return;
    }
    if (takes(f, field, value) && shown(f, value, value)) {
        claim_kept();
        return;
    }
    if (!request_pin(&r, f->offset, f->size, value, value)) {
        claim_not_shown("%s: the trial does not allow it", text);
        return;
    }
    if (takes(f, field, value)) {
        struct request whole = r;

        /* A flag that is taken with others only is tried with them. */
        if (request_repair(&whole, -1))
            r = whole;
        else
            claim_not_shown("%s: no good request has it", text);
    }
    claim(b, &r, 0, false, text);
}

/* A flag without one that it needs, or beside one that it excludes. */
static void claim_companions(unsigned field, const struct rules_group *g)
{
    const struct rota_field_info *f = &rota_info_fields(op->fields)[field];

    for (unsigned i = 0; i < g->count; i++) {
        const struct rules_flag *flag = &g->flags[i];
        uint64_t wanted = flag->needs | flag->needs_one;
        struct request r;
        const struct base *b;
        char text[96];

        if (!flag->value || !takes(f, field, flag->value))
            continue;
        for (uint64_t rest = flag->excludes; rest; rest &= rest - 1) {
            uint64_t other = rest & -rest;
            const char *name = flag_name(g, other);

            b = reading(f, &r);
            if (!b || !takes(f, field, other) ||
                !request_pin(&r, f->offset, f->size, flag->value | other, UINT64_MAX))
                continue;
            (void)snprintf(text, sizeof(text), "%s has %s beside %s", rota_info_text(f->name),
                           flag->name, name ? name : "another");
            claim(b, &r, 0, false, text);
        }
        b = reading(f, &r);
        if (!wanted || !b ||
            !request_pin(&r, f->offset, f->size, flag->value | wanted, flag->value))
            continue;
        (void)snprintf(text, sizeof(text), "%s has %s alone", rota_info_text(f->name), flag->name);
        claim(b, &r, 0, false, text);
    }
}

static void claim_value(unsigned field, uint64_t value, const char *name)
{
    const struct rota_field_info *f = &rota_info_fields(op->fields)[field];
    struct request r;
    const struct base *b = reading(f, &r);
    char text[96];

    if (name)
        (void)snprintf(text, sizeof(text), "%s is %s", rota_info_text(f->name), name);
    else
        (void)snprintf(text, sizeof(text), "%s is %#" PRIx64, rota_info_text(f->name), value);
    if (b && takes(f, field, value) && shown(f, UINT64_MAX, value)) {
        claim_kept();
        return;
    }
    if (!b || !request_pin(&r, f->offset, f->size, UINT64_MAX, value)) {
        claim_not_shown("%s: the trial does not allow it", text);
        return;
    }
    if (takes(f, field, value)) {
        struct request whole = r;

        if (request_repair(&whole, -1))
            r = whole;
    }
    claim(b, &r, 0, false, text);
}

static void claims_of_flags(void)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        const struct rota_field_info *f = &rota_info_fields(op->fields)[i];
        const struct rules_group *g = group_of(i);

        if (!g || !predict_has(op, RULES_FIELD, i, 0, f->since))
            continue;
        if (f->values) {
            for (unsigned v = 0; v < g->count; v++)
                claim_value(i, g->flags[v].value, g->flags[v].name);
            claim_value(i, 0x7fff, NULL);
            continue;
        }
        for (unsigned bit = 0; bit < 8U * f->size; bit++)
            claim_bit(i, g, bit);
        claim_companions(i, g);
    }
}

/* ---- IOSQE flags -------------------------------------------------------------------------- */

static void claim_iosqe(const struct base *b, unsigned flag, bool set, unsigned how, bool like_base,
                        const char *text)
{
    struct request r = claim_base(b);

    if (!request_pin(&r, offsetof(struct io_uring_sqe, flags), 1, flag, set ? flag : 0)) {
        claim_not_shown("%s: the trial does not allow it", text);
        return;
    }
    if (set && flag == IOSQE_BUFFER_SELECT && op->buffer_select != ROTA_IOSQE_REFUSED) {
        for (unsigned i = 0; i < base_count; i++) {
            r = claim_base(&bases[i]);
            if (r.sqe.flags & flag) {
                claim_kept();
                return;
            }
        }
        r = claim_base(b);
        (void)request_pin(&r, offsetof(struct io_uring_sqe, flags), 1, flag, flag);
        (void)request_repair(&r, -1);
    }
    claim(b, &r, how, like_base, text);
}

/* The field that names the file, where it is read in the request. */
static bool has_file(const struct request *r)
{
    for (unsigned i = 0; i < op->fields.count; i++) {
        if (rota_info_fields(op->fields)[i].role == ROTA_ROLE_FILE)
            return all_hold(r, &rota_info_fields(op->fields)[i]);
    }
    return false;
}

static void claim_fixed_file(void)
{
    const struct base *b = &bases[0];
    struct request r = claim_base(b);
    struct outcome o;
    unsigned flag = IOSQE_FIXED_FILE;

    if (op->fixed_file == ROTA_IOSQE_REQUIRED) {
        claim_iosqe(b, flag, false, 0, false, "no IOSQE_FIXED_FILE");
        return;
    }
    for (unsigned i = 0; i < base_count && (r.sqe.flags & flag || !has_file(&r)); i++) {
        b = &bases[i];
        r = claim_base(b);
    }
    if (r.sqe.flags & flag) {
        claim_not_shown("IOSQE_FIXED_FILE: every request has it");
        return;
    }
    if (op->fixed_file != ROTA_IOSQE_TAKEN) {
        claim_iosqe(b, flag, true, ATTEMPT_CHECK, true, "IOSQE_FIXED_FILE");
        return;
    }
    if (!has_file(&r)) {
        claim_not_shown("IOSQE_FIXED_FILE: no request names a file");
        return;
    }
    if (op->fixed_file_since > predict_kernel) {
        claim_not_shown(
            "IOSQE_FIXED_FILE: Linux %u.%u takes it, and earlier releases may by a backport",
            op->fixed_file_since >> 8, op->fixed_file_since & 0xff);
        return;
    }
    /* Its own descriptor as a slot, and the slot of nothing: the flag has to matter. */
    claim_iosqe(b, 0, false, ATTEMPT_SLOT | ATTEMPT_CHECK, true, "the file in a slot");
    (void)request_pin(&r, offsetof(struct io_uring_sqe, flags), 1, flag, flag);
    (void)request_pin(&r, offsetof(struct io_uring_sqe, fd), 4, UINT64_MAX, 0x7fff);
    attempt(b->trial, &b->outcome, &r, ATTEMPT_ANSWER, &o);
    if (o.stage == STAGE_NOT_OPENED || o.stage == STAGE_LOST)
        claim_not_shown("%s", o.why);
    else if (o.cqes && o.res == -EBADF)
        claim_kept();
    else
        claim_broken("a slot that is empty: the table says -EBADF, the kernel %s",
                     claim_answer(&o));
}

static void claim_silence(void)
{
    struct request r = claim_base(&bases[0]);
    struct prediction p;
    struct outcome o;

    (void)request_pin(&r, offsetof(struct io_uring_sqe, flags), 1, IOSQE_CQE_SKIP_SUCCESS,
                      IOSQE_CQE_SKIP_SUCCESS);
    predict(&r, &p);
    /* What a stream posts on the way is no success of the request. */
    if (p.count || bases[0].outcome.res < 0 ||
        (op->shape == ROTA_SHAPE_STREAM && !op->stream_when.count)) {
        claim(&bases[0], &r, 0, false, "IOSQE_CQE_SKIP_SUCCESS");
        return;
    }
    attempt(bases[0].trial, &bases[0].outcome, &r, 0, &o);
    if (o.stage == STAGE_NOT_OPENED || o.stage == STAGE_LOST)
        claim_not_shown("%s", o.why);
    else if (o.stage == STAGE_PENDING || op->shape == ROTA_SHAPE_NOTIFICATION)
        claim_kept();
    else
        claim_broken(
            "IOSQE_CQE_SKIP_SUCCESS: the table says that a success is silent, the kernel %s",
            claim_answer(&o));
}

static void claims_of_iosqe(void)
{
    const struct base *b = &bases[0];

    claim_fixed_file();
    claim_iosqe(b, IOSQE_IO_DRAIN, true, 0, false, "IOSQE_IO_DRAIN");
    claim_iosqe(b, IOSQE_IO_LINK, true, 0, false, "IOSQE_IO_LINK");
    claim_iosqe(b, IOSQE_IO_HARDLINK, true, 0, false, "IOSQE_IO_HARDLINK");
    claim_iosqe(b, IOSQE_ASYNC, true, 0, false, "IOSQE_ASYNC");
    if (op->buffer_select == ROTA_IOSQE_REQUIRED)
        claim_iosqe(b, IOSQE_BUFFER_SELECT, false, 0, false, "no IOSQE_BUFFER_SELECT");
    else
        claim_iosqe(b, IOSQE_BUFFER_SELECT, true, 0, false, "IOSQE_BUFFER_SELECT");
    claim_silence();
    claim_iosqe(b, 0x80, true, 0, false, "bit 7 of the IOSQE flags");
}

/* ---- rings -------------------------------------------------------------------------------- */

static void claims_of_rings(void)
{
    struct request r = claim_base(&bases[0]);

    if (!(r.ring & IORING_SETUP_IOPOLL)) {
        r.ring |= IORING_SETUP_IOPOLL;
        claim(&bases[0], &r, 0, false, "a ring with IORING_SETUP_IOPOLL");
    }
    if (op->setup_one_of) {
        r = claim_base(&bases[0]);
        r.ring &= ~op->setup_one_of;
        claim(&bases[0], &r, 0, false, "a ring without the set-up it needs");
    }
}

/* ---- rules --------------------------------------------------------------------------------- */

/* Nothing is against the request but the rule, and what the table says of that very field. */
static bool same_field(unsigned index, const struct rota_condition *must, const struct request *r)
{
    struct prediction p;

    predict(r, &p);
    for (unsigned i = 0; i < p.count && must; i++) {
        const struct breach *b = &p.breach[i];

        if (!(b->kind == BREACH_RULE && b->rule == index) &&
            !((b->kind == BREACH_VALUE || b->kind == BREACH_FLAG) && b->offset == must->offset))
            return false;
    }
    return must != NULL;
}

/*
 * A good request in which a rule speaks: `when` holds, by itself or by force.
 * With `must` that condition is broken, and nothing else.
 */
static const struct base *spoken(unsigned index, const struct rota_condition *must,
                                 struct request *r)
{
    const struct rota_rule_info *rule = &rota_info_rules(op->rules)[index];

    for (int by_force = 0; by_force < 2; by_force++) {
        for (unsigned i = 0; i < base_count; i++) {
            bool holds = true;

            *r = claim_base(&bases[i]);
            for (unsigned c = 0; c < rule->when.count; c++) {
                if (!by_force)
                    holds &= condition_holds(r, &rota_info_conditions(rule->when)[c]);
            }
            if (holds && must)
                holds = condition_force(r, must, false);
            for (unsigned c = 0; c < rule->when.count && holds; c++)
                holds = condition_force(r, &rota_info_conditions(rule->when)[c], true);
            if (holds && (request_repair(r, (int)index) || same_field(index, must, r)))
                return &bases[i];
        }
    }
    return NULL;
}

/* The rule kept: nothing refuses what `when` describes. The request may still make no sense. */
static void claim_satisfied(unsigned index)
{
    const struct rota_rule_info *rule = &rota_info_rules(op->rules)[index];
    struct request r;
    const struct base *b = spoken(index, NULL, &r);
    char text[200];

    if (!b || !request_repair(&r, -1))
        return;
    (void)snprintf(text, sizeof(text), "kept: %s", rota_info_text(rule->because));
    (void)claim_try(b, &r, 0, false, text);
}

static void claim_breach(unsigned index, const struct rota_condition *must)
{
    struct request r;
    const struct base *b = spoken(index, must, &r);
    char text[200];

    (void)snprintf(text, sizeof(text), "broken: %s", rota_info_text(must->text));
    if (!b) {
        claim_not_shown("%s: no request of this kernel comes to it", text);
        return;
    }
    claim(b, &r, 0, false, text);
}

/* What succeeds as it is cannot be what the table refuses. */
static void claims_of_bases(void)
{
    for (unsigned i = 0; i < base_count; i++) {
        struct request r = claim_base(&bases[i]);
        struct prediction p;

        predict(&r, &p);
        if (p.count)
            claim_broken("the table says %d (%s), the kernel takes it: %s", p.breach[0].error,
                         p.breach[0].why, bases[i].trial->title);
        else
            claim_kept();
    }
}

/* Each flag of `must lacks A|B` by itself. */
static void claim_each(unsigned index, const struct rota_condition *must)
{
    struct rota_condition one = *must;

    if (must->kind != ROTA_COND_LACKS) {
        claim_breach(index, must);
        return;
    }
    for (uint64_t rest = must->value; rest; rest &= rest - 1) {
        one.value = rest & -rest;
        claim_breach(index, &one);
    }
}

static void claims_of_rules(void)
{
    claims_of_bases();
    for (unsigned i = 0; i < op->rules.count; i++) {
        for (unsigned m = 0; m < rota_info_rules(op->rules)[i].must.count; m++)
            claim_each(i, &rota_info_conditions(rota_info_rules(op->rules)[i].must)[m]);
        claim_satisfied(i);
    }
}

/* ---- opcodes --------------------------------------------------------------------------------- */

/* Every success of the opcode that comes out here as the table says. */
static const char *gather(void)
{
    static char why[160];
    bool tried = false;

    base_count = 0;
    (void)snprintf(why, sizeof(why), "no trial succeeds");
    for (unsigned i = 0; i < live_trial_count && base_count < CLAIM_TRIALS; i++) {
        const struct live_trial *t = &live_trials[i];
        struct base *b = &bases[base_count];

        if (t->opcode != op->opcode || t->error || !t->send)
            continue;
        tried = true;
        attempt(t, NULL, NULL, ATTEMPT_BASE | ATTEMPT_CHECK, &b->outcome);
        b->trial = t;
        if (b->outcome.expected)
            base_count++;
        else if (ROTA_KERNEL(t->since[0], t->since[1]) > predict_kernel)
            (void)snprintf(why, sizeof(why), "needs Linux %u.%u", t->since[0], t->since[1]);
        else if (b->outcome.why[0])
            (void)snprintf(why, sizeof(why), "%s: %s", t->scenario->name, b->outcome.why);
    }
    if (!tried && rules_untried[op->opcode])
        return rules_untried[op->opcode];
    return base_count ? NULL : why;
}

static void claim_unknown(void)
{
    struct request r;

    claim_begin();
    for (unsigned i = 0; i < live_trial_count; i++) {
        struct base *b = &bases[0];

        if (live_trials[i].opcode != IORING_OP_NOP || live_trials[i].error || !live_trials[i].send)
            continue;
        b->trial = &live_trials[i];
        attempt(b->trial, NULL, NULL, ATTEMPT_BASE, &b->outcome);
        r = claim_base(b);
        r.sqe.opcode = op->opcode;
        claim(b, &r, 0, false, "the opcode on an older kernel");
        break;
    }
    claim_report(CLAIM_RING);
}

static void try_opcode(void)
{
    const char *why;

    if (!predict_has(op, RULES_OP, 0, 0, op->since)) {
        claim_unknown();
        return;
    }
    why = gather();
    if (why) {
        claim_skip_all(why);
        return;
    }
    claim_begin();
    claims_of_bytes(BYTE_ZERO);
    claim_report(CLAIM_ZERO);
    claim_begin();
    claims_of_bytes(BYTE_IGNORED);
    claim_report(CLAIM_IGNORED);
    claim_begin();
    claims_of_flags();
    claim_report(CLAIM_FLAG);
    claim_begin();
    claims_of_iosqe();
    claim_report(CLAIM_IOSQE);
    claim_begin();
    claims_of_rings();
    claim_report(CLAIM_RING);
    claim_begin();
    claims_of_rules();
    claim_report(CLAIM_RULE);
}

/* ---- the scratch directory that processes which were ended leave behind ------------------- */

static char scratch[64];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *where)
{
    (void)status;
    (void)type;
    (void)where;
    return remove(path);
}

/* Everything that the scenarios make goes into one directory below TMPDIR. */
static bool make_scratch(void)
{
    const char *base = getenv("TMPDIR");
    int n = snprintf(scratch, sizeof(scratch), "%s/rules-XXXXXX", base ? base : "/tmp");

    if (n < 0 || (size_t)n >= sizeof(scratch))
        strcpy(scratch, "/tmp/rules-XXXXXX");
    return mkdtemp(scratch) != NULL;
}

static void clean(void)
{
    (void)nftw(scratch, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int main(int argc, char **argv)
{
    struct utsname name;
    unsigned major, minor;
    const char *only = NULL;

    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "-v"))
            claim_verbose = true;
        else
            only = argv[i];
    }
    if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
        bail("the kernel does not tell its version");
    predict_kernel = ROTA_KERNEL(major, minor);
    signal(SIGPIPE, SIG_IGN);
    if (!make_scratch())
        bail("no scratch directory: %s", strerror(errno));
    (void)setenv("TMPDIR", scratch, 1);
    atexit(clean);
    for (unsigned i = 0; (op = rota_opcode_info(i)) != NULL; i++) {
        if (!only || !strcmp(rota_info_text(op->name), only))
            try_opcode();
    }
    return claim_done();
}
