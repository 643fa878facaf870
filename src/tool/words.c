/* SPDX-License-Identifier: MIT */
/* Conditions and rules of the table as sentences. */
#include <stdarg.h>
#include <string.h>

#include "tool/tool.h"

/* A text that grows in a buffer and never beyond it. */
struct text {
    char *buf;
    size_t size;
    size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct text *text, const char *format, ...)
{
    va_list args;
    int length;

    if (text->length >= text->size)
        return;
    va_start(args, format);
    length = vsnprintf(text->buf + text->length, text->size - text->length, format, args);
    va_end(args);
    if (length > 0)
        text->length += (size_t)length;
}

/* How each kind of condition reads in the table, and as a demand. */
static const struct {
    const char *says;
    const char *demands;
} kinds[] = {
    [ROTA_COND_HAS] = {"has", "must have"},
    [ROTA_COND_LACKS] = {"lacks", "must not have"},
    [ROTA_COND_WITHIN] = {"within", "must have nothing beyond"},
    [ROTA_COND_IS] = {"is", "must be"},
    [ROTA_COND_IS_NOT] = {"is not", "must not be"},
    [ROTA_COND_BELOW] = {"below", "must be below"},
    [ROTA_COND_ABOVE] = {"above", "must be above"},
};

/* "ioprio has X" as it stands, or as "ioprio must have X"; a ring gets its article. */
static void put_condition(struct text *text, const struct rota_condition *condition, bool demand)
{
    const char *says = kinds[condition->kind].says;
    const char *word = strchr(rota_info_text(condition->text), ' ');

    if (condition->offset == ROTA_COND_ON_RING)
        put(text, "the ");
    if (!word) {
        put(text, "%s", rota_info_text(condition->text));
        return;
    }
    put(text, "%.*s ", (int)(word - rota_info_text(condition->text)),
        rota_info_text(condition->text));
    word++;
    if (demand && !strncmp(word, says, strlen(says)))
        put(text, "%s%s", kinds[condition->kind].demands, word + strlen(says));
    else if (condition->kind == ROTA_COND_BELOW || condition->kind == ROTA_COND_ABOVE)
        put(text, "is %s", word);
    else
        put(text, "%s", word);
}

static void put_conditions(struct text *text, struct rota_condition_rows rows, bool demand)
{
    const struct rota_condition *conditions = rota_info_conditions(rows);

    for (unsigned i = 0; i < rows.count; i++) {
        if (i)
            put(text, " and ");
        put_condition(text, &conditions[i], demand);
    }
}

const char *conditions_text(struct rota_condition_rows rows, char *buf, size_t size)
{
    struct text text = {buf, size, 0};

    *buf = '\0';
    put_conditions(&text, rows, false);
    return buf;
}

const char *rule_text(const struct rota_rule_info *rule, char *buf, size_t size)
{
    struct text text = {buf, size, 0};

    *buf = '\0';
    if (rule->when.count) {
        put(&text, "When ");
        put_conditions(&text, rule->when, false);
        put(&text, rule->must.count ? ", " : ", the request is refused");
    }
    put_conditions(&text, rule->must, true);
    if (rule->since && rule->until)
        put(&text, " (from %s until %s)", release_name(rule->since), release_name(rule->until));
    else if (rule->since)
        put(&text, " (since %s%s)", release_name(rule->since),
            rule->backported ? ", and in some stable series before it" : "");
    else if (rule->until)
        put(&text, " (before %s)", release_name(rule->until));
    put(&text, ". %s", rota_info_text(rule->because));
    if (!strncmp(buf, "the ", 4))
        *buf = 'T';
    return buf;
}
