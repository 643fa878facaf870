/* SPDX-License-Identifier: MIT */
/* One claim at a time: what the table foresees against what the kernel does. */
#include "claim.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tap.h"

static const char *const kind_names[CLAIM_KINDS] = {
    "fields that must be zero",
    "ignored fields",
    "flags and values",
    "IOSQE flags",
    "rings",
    "rules",
};

bool claim_verbose;
const struct rota_op_info *op;
struct base bases[CLAIM_TRIALS];
unsigned base_count;

static struct {
    unsigned kept, broken, untried;
} totals[CLAIM_KINDS];

/* What came of the claims of one kind. */
static unsigned kept, broken;
static char notes[24][400];
static unsigned note_count;
static struct {
    char text[200];
    unsigned count;
} untried[64];
static unsigned untried_count;

/* ---- keeping the account --------------------------------------------------------------- */

void claim_begin(void)
{
    kept = broken = note_count = untried_count = 0;
}

void claim_not_shown(const char *format, ...)
{
    char text[sizeof(untried[0].text)];
    va_list args;
    unsigned i;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    for (i = 0; i < untried_count && strcmp(untried[i].text, text) != 0; i++)
        ;
    if (i == sizeof(untried) / sizeof(untried[0]))
        i--;
    if (i == untried_count) {
        memcpy(untried[i].text, text, sizeof(text));
        untried[untried_count++].count = 0;
    }
    untried[i].count++;
}

void claim_report(enum claim_kind kind)
{
    unsigned skipped = 0;

    if (kept + broken)
        ok(!broken, "%s: %s, %u claims", rota_info_text(op->name), kind_names[kind], kept + broken);
    for (unsigned i = 0; i < note_count; i++)
        diag("%s", notes[i]);
    for (unsigned i = 0; i < untried_count; i++) {
        skip(1, "%s: %s, %u claims not shown: %s", rota_info_text(op->name), kind_names[kind],
             untried[i].count, untried[i].text);
        skipped += untried[i].count;
    }
    totals[kind].kept += kept;
    totals[kind].broken += broken;
    totals[kind].untried += skipped;
}

void claim_kept(void)
{
    kept++;
}

void claim_broken(const char *format, ...)
{
    va_list args;

    broken++;
    if (note_count == sizeof(notes) / sizeof(notes[0]))
        return;
    va_start(args, format);
    (void)vsnprintf(notes[note_count++], sizeof(notes[0]), format, args);
    va_end(args);
}

void claim_skip_all(const char *why)
{
    skip(1, "%s: no good request to start from: %s", rota_info_text(op->name), why);
}

int claim_done(void)
{
    for (unsigned i = 0; i < CLAIM_KINDS; i++)
        diag("%s: %u kept, %u broken, %u not shown", kind_names[i], totals[i].kept,
             totals[i].broken, totals[i].untried);
    return done();
}

/* ---- one claim ------------------------------------------------------------------------- */

struct request claim_base(const struct base *b)
{
    struct request r;

    memset(&r, 0, sizeof(r));
    r.op = op;
    memcpy(r.bytes, b->outcome.image, sizeof(r.bytes));
    r.ring = b->outcome.ring;
    return r;
}

const char *claim_answer(const struct outcome *o)
{
    static char text[64];

    if (o->stage == STAGE_PENDING)
        return "takes it";
    (void)snprintf(text, sizeof(text), "%s %d",
                   o->stage == STAGE_REFUSED ? "refuses with" : "answers", o->res);
    return text;
}

static bool foreseen(const struct prediction *p, int res)
{
    for (unsigned i = 0; i < p->count; i++) {
        if (p->breach[i].error == res)
            return true;
    }
    return false;
}

/* What the kernel says to a field that it does not want. EFAULT and EBADF, say, are about what it
 * found where a field that it does want points to. */
static bool refusal(int res)
{
    return res == -EINVAL || res == -EOPNOTSUPP;
}

/* The table tells that a file may not be able to do it; older kernels ask the file at once. */
static bool unable(int res)
{
    for (unsigned i = 0; i < op->errors.count && res == -EOPNOTSUPP; i++) {
        if (rota_info_errors(op->errors)[i].error == res)
            return true;
    }
    return false;
}

/* Whether the kernel does what the table foresees. */
static bool agrees(const struct prediction *p, const struct outcome *o, bool like_base)
{
    bool answered = o->stage == STAGE_REFUSED || o->stage == STAGE_ANSWERED;

    if (p->count)
        return answered && foreseen(p, o->res);
    if (o->stage == STAGE_REFUSED && refusal(o->res) && !unable(o->res))
        return false;
    return !like_base || o->expected;
}

static void disagree(const struct base *b, const struct prediction *p, const struct outcome *o,
                     bool like_base, const char *text)
{
    const char *in = b->trial->title;

    if (p->count)
        claim_broken("%s: the table says %d (%s), the kernel %s; in %s", text, p->breach[0].error,
                     p->breach[0].why, claim_answer(o), in);
    else if (like_base)
        claim_broken("%s: the table says it changes nothing, the kernel %s%s%s; in %s", text,
                     claim_answer(o), o->why[0] ? ": " : "", o->why, in);
    else
        claim_broken("%s: the table says it is taken, the kernel %s; in %s", text, claim_answer(o),
                     in);
}

const char *claim_try(const struct base *b, const struct request *r, unsigned how, bool like_base,
                      const char *text)
{
    static char why[200];
    struct prediction p, early;
    struct outcome o;

    predict(r, &p);
    attempt(b->trial, &b->outcome, r, how | (p.count || like_base ? ATTEMPT_ANSWER : 0), &o);
    if (claim_verbose)
        diag("%s: %s in %s: %s; table: %s", rota_info_text(op->name), text, b->trial->title,
             claim_answer(&o), p.count ? p.breach[0].why : "taken");
    if (o.stage == STAGE_NOT_OPENED || o.stage == STAGE_LOST) {
        (void)snprintf(why, sizeof(why), "%s", o.why);
        return why;
    }
    if (!agrees(&p, &o, like_base)) {
        predict_early = true;
        predict(r, &early);
        predict_early = false;
        if (agrees(&early, &o, like_base)) {
            (void)snprintf(why, sizeof(why), "%s: this release has no backport of it yet", text);
            return why;
        }
        disagree(b, &p, &o, like_base, text);
        return NULL;
    }
    if (!p.count && !like_base && o.stage != STAGE_PENDING && refusal(o.res)) {
        (void)snprintf(why, sizeof(why), "%s is taken, and %d for this file", text, o.res);
        return why;
    }
    claim_kept();
    return NULL;
}

void claim(const struct base *b, const struct request *r, unsigned how, bool like_base,
           const char *text)
{
    const char *why = claim_try(b, r, how, like_base, text);

    if (why)
        claim_not_shown("%s", why);
}
