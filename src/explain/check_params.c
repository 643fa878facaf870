/* SPDX-License-Identifier: MIT */
/* Checks the arguments of io_uring_setup(2). */
#include "ring/core.h"
#include "explain/understand.h"
#include "ring/setup_rules.h"

/* A size that every kernel has; no header names it. */
#define PAGE_MASK 4095u

struct check {
    struct rota_finding *findings;
    unsigned max;
    unsigned count;
};

static struct rota_finding *found(struct check *c, enum rota_finding_code code,
                                  struct rota_text *text, const char *field, unsigned offset,
                                  unsigned size, uint64_t value)
{
    struct rota_finding *f;

    if (c->count++ >= c->max)
        return NULL;
    f = &c->findings[c->count - 1];
    f->code = (uint8_t)code;
    f->stage = ROTA_STAGE_CALL;
    f->error = -EINVAL;
    f->offset = (uint8_t)offset;
    f->size = (uint8_t)size;
    f->since = 0;
    f->value = value;
    f->field = field;
    f->rule = NULL;
    rota_text_start(text, f->text, sizeof(f->text));
    return f;
}

#define FLAGS(p) "flags", offsetof(struct io_uring_params, flags), 4, (p)->flags

static void check_flags(struct check *c, const struct io_uring_params *p,
                        const struct rota_caps *caps, const struct rota_flag_rule *rules,
                        unsigned count)
{
    uint32_t known = 0;
    struct rota_text text;
    struct rota_finding *f;

    for (unsigned i = 0; i < count; i++) {
        known |= (uint32_t)rules[i].value;
        if (!(p->flags & rules[i].value) || !caps ||
            (caps->setup_known & rules[i].value) != rules[i].value ||
            (caps->setup_flags & rules[i].value) == rules[i].value)
            continue;
        f = found(c, ROTA_FINDING_TOO_NEW, &text, FLAGS(p));
        if (f) {
            f->since = rules[i].since;
            rota_text_all(&text, "this kernel has no ", rota_word(rules[i].name), " (first in ",
                          NULL);
            rota_text_kernel(&text, rules[i].since);
            rota_text_char(&text, ')');
        }
    }
    if ((p->flags & ~known) && (!caps || (p->flags & ~known & ~caps->setup_flags))) {
        f = found(c, ROTA_FINDING_FLAGS, &text, FLAGS(p));
        if (f) {
            rota_text_put(&text, "flags has ");
            rota_text_hex(&text, p->flags & ~known);
            rota_text_put(&text, ", which means nothing; leave it out");
        }
    }
}

static void check_conflicts(struct check *c, const struct io_uring_params *p,
                            const struct rota_flag_rule *rules, unsigned count)
{
    struct rota_text text;

    for (unsigned i = 0; i < count; i++) {
        const struct rota_flag_rule *rule = &rules[i];
        uint64_t lacking = rule->needs & ~(uint64_t)p->flags;
        uint64_t clash = p->flags & rule->excludes;

        if (!(p->flags & rule->value))
            continue;
        if (clash && found(c, ROTA_FINDING_CONFLICT, &text, FLAGS(p))) {
            rota_text_all(&text, rota_word(rule->name), " excludes ", NULL);
            rota_text_flags(&text, rules, count, clash);
        }
        if (lacking && found(c, ROTA_FINDING_CONFLICT, &text, FLAGS(p))) {
            rota_text_all(&text, rota_word(rule->name), " needs ", NULL);
            rota_text_flags(&text, rules, count, lacking);
        }
        if (rule->needs_one && !(p->flags & rule->needs_one) &&
            found(c, ROTA_FINDING_CONFLICT, &text, FLAGS(p))) {
            rota_text_all(&text, rota_word(rule->name), " needs one of ", NULL);
            rota_text_flags(&text, rules, count, rule->needs_one);
        }
    }
}

static uint32_t round_up(uint32_t entries)
{
    uint32_t power = 1;

    while (power < entries && power < ROTA_CQ_ENTRIES_MOST)
        power *= 2;
    return power;
}

static void check_size(struct check *c, const char *name, unsigned offset, uint32_t entries,
                       uint32_t most, bool clamp)
{
    struct rota_text text;

    if (entries && (entries <= most || clamp))
        return;
    if (!found(c, ROTA_FINDING_ENTRIES, &text, name, offset, 4, entries))
        return;
    rota_text_all(&text, name, " is ", NULL);
    rota_text_decimal(&text, entries);
    rota_text_put(&text, "; it must be 1 to ");
    rota_text_decimal(&text, most);
    if (entries)
        rota_text_put(&text, ", or set IORING_SETUP_CLAMP");
}

/* A ring of both sizes must have room for a large entry, which fills two places. */
static void check_room(struct check *c, const char *flag, const char *name, unsigned offset,
                       uint32_t entries)
{
    struct rota_text text;
    struct rota_finding *f;

    if (entries != 1)
        return;
    f = found(c, ROTA_FINDING_ENTRIES, &text, name, offset, 4, entries);
    if (f) {
        f->error = -EOVERFLOW;
        rota_text_all(&text, flag, " needs room for two entries, and ", name,
                      " is 1; the kernel answers EOVERFLOW", NULL);
    }
}

static void check_entries(struct check *c, unsigned entries, const struct io_uring_params *p)
{
    unsigned place = offsetof(struct io_uring_params, cq_entries);
    bool clamp = p->flags & IORING_SETUP_CLAMP;
    struct rota_text text;

    check_size(c, "entries", 0xff, entries, ROTA_SQ_ENTRIES_MOST, clamp);
    if (p->flags & IORING_SETUP_SQE_MIXED)
        check_room(c, "IORING_SETUP_SQE_MIXED", "entries", 0xff, entries);
    if (!(p->flags & IORING_SETUP_CQSIZE))
        return;
    check_size(c, "cq_entries", place, p->cq_entries, ROTA_CQ_ENTRIES_MOST, clamp);
    if (p->flags & IORING_SETUP_CQE_MIXED)
        check_room(c, "IORING_SETUP_CQE_MIXED", "cq_entries", place, p->cq_entries);
    if (!entries || !p->cq_entries || round_up(p->cq_entries) >= round_up(entries) ||
        entries > ROTA_SQ_ENTRIES_MOST)
        return;
    if (found(c, ROTA_FINDING_ENTRIES, &text, "cq_entries", place, 4, p->cq_entries)) {
        rota_text_put(&text, "cq_entries is ");
        rota_text_decimal(&text, p->cq_entries);
        rota_text_put(&text, "; it must not be less than entries, which is ");
        rota_text_decimal(&text, entries);
    }
}

static void check_memory(struct check *c, const char *name, unsigned offset, uint64_t address)
{
    struct rota_finding *f;
    struct rota_text text;

    if (address && !(address & PAGE_MASK))
        return;
    f = found(c, ROTA_FINDING_VALUE, &text, name, offset, 8, address);
    if (f) {
        if (!address)
            f->error = -EFAULT;
        rota_text_all(&text, "IORING_SETUP_NO_MMAP: ", name, " must be the address of a page (is ",
                      NULL);
        rota_text_hex(&text, address);
        rota_text_char(&text, ')');
    }
}

int rota_params_check(unsigned entries, const struct io_uring_params *params,
                      const struct rota_caps *caps, struct rota_finding *findings, unsigned max)
{
    const struct rota_flag_rule *rules;
    struct check c = {findings, max, 0};
    struct rota_text text;
    unsigned count;

    if (!params || (max && !findings))
        return -EINVAL;
    rules = rota_group_info("setup", &count);
    check_flags(&c, params, caps, rules, count);
    check_conflicts(&c, params, rules, count);
    check_entries(&c, entries, params);
    for (unsigned i = 0; i < 3; i++) {
        if (params->resv[i] &&
            found(&c, ROTA_FINDING_NOT_ZERO, &text, "resv",
                  (unsigned)offsetof(struct io_uring_params, resv) + 4 * i, 4, params->resv[i]))
            rota_text_put(&text, "resv must be 0; clear the whole structure before it is filled");
    }
    if (params->flags & IORING_SETUP_NO_MMAP) {
        check_memory(&c, "cq_off.user_addr",
                     (unsigned)(offsetof(struct io_uring_params, cq_off) +
                                offsetof(struct io_cqring_offsets, user_addr)),
                     params->cq_off.user_addr);
        check_memory(&c, "sq_off.user_addr",
                     (unsigned)(offsetof(struct io_uring_params, sq_off) +
                                offsetof(struct io_sqring_offsets, user_addr)),
                     params->sq_off.user_addr);
    }
    return (int)c.count;
}
