/* SPDX-License-Identifier: MIT */
/* Flags, releases and errors as text. */
#include "table/words.h"

#include <rota/names.h>

#include "table/info_tables.h"

static bool single_bit(uint64_t value)
{
    return value && !(value & (value - 1));
}

static void put_flag(struct rota_text *text, const char *name, bool *first)
{
    if (!*first)
        rota_text_char(text, '|');
    *first = false;
    rota_text_put(text, name);
}

void rota_text_flags(struct rota_text *text, const struct rota_flag_rule *rules, unsigned count,
                     uint64_t value)
{
    uint64_t rest = value;
    bool first = true;

    if (!value) {
        rota_text_char(text, '0');
        return;
    }
    /* Names of several bits go first: they say more than the names of their bits. */
    for (unsigned i = 0; i < count; i++) {
        if (rules[i].value && !single_bit(rules[i].value) &&
            (rest & rules[i].value) == rules[i].value) {
            put_flag(text, rota_word(rules[i].name), &first);
            rest &= ~rules[i].value;
        }
    }
    for (unsigned i = 0; i < count; i++) {
        if (single_bit(rules[i].value) && (rest & rules[i].value)) {
            put_flag(text, rota_word(rules[i].name), &first);
            rest &= ~rules[i].value;
        }
    }
    if (rest) {
        if (!first)
            rota_text_char(text, '|');
        rota_text_hex(text, rest);
    }
}

void rota_text_group(struct rota_text *text, const char *group, uint64_t value)
{
    const struct rota_flag_rule *rules;
    unsigned count;

    rules = rota_group_info(group, &count);
    rota_text_flags(text, rules, count, value);
}

void rota_text_kernel(struct rota_text *text, unsigned release)
{
    rota_text_decimal(text, release >> 8);
    rota_text_char(text, '.');
    rota_text_decimal(text, release & 0xff);
}

void rota_text_error(struct rota_text *text, int error)
{
    const char *name = rota_error_name(error);

    if (name) {
        rota_text_put(text, name);
    } else {
        rota_text_put(text, "error ");
        rota_text_signed(text, error);
    }
}
