/* SPDX-License-Identifier: MIT */
/* Finds names of the table as people write them. */
#include <ctype.h>
#include <inttypes.h>
#include <rota/explain.h>
#include <rota/names.h>
#include <string.h>
#include <strings.h>

#include "tool/tables.h"
#include "tool/tool.h"

/* Longest first where one begins with another. */
static const char *const prefixes[] = {
    "IORING_OP_", "IORING_SETUP_", "IORING_FEAT_", "IORING_ENTER_", "IORING_", "IOSQE_",
};

/* `name` behind one of the prefixes, in any case; `name` itself when it has none of them. */
static const char *bare(const char *name)
{
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t length = strlen(prefixes[i]);

        if (!strncasecmp(name, prefixes[i], length) && name[length])
            return name + length;
    }
    return name;
}

/* Whether a name of the table is meant: all of it, or what stands behind its prefix. */
static bool means(const char *of_table, const char *name)
{
    return !strcasecmp(of_table, name) || !strcasecmp(bare(of_table), name);
}

int find_opcode(const char *name)
{
    const char *has;
    uint64_t number;

    if (parse_number(name, 255, &number))
        return rota_op_name((unsigned)number) ? (int)number : -1;
    if (!strncasecmp(name, "IORING_OP_", 10))
        name += 10;
    for (unsigned i = 0; (has = rota_op_name(i)); i++) {
        if (!strcasecmp(has, name))
            return (int)i;
    }
    return -1;
}

int find_register(const char *name)
{
    const char *has;
    uint64_t number;

    if (parse_number(name, 255, &number))
        return rota_register_name((unsigned)number) ? (int)number : -1;
    if (!strncasecmp(name, "IORING_", 7))
        name += 7;
    for (unsigned i = 0; (has = rota_register_name(i)); i++) {
        if (!strcasecmp(has, name) || (!strncmp(has, "REGISTER_", 9) && !strcasecmp(has + 9, name)))
            return (int)i;
    }
    return -1;
}

const struct rota_flag_rule *find_flag(const char *group, const char *name)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    for (unsigned i = 0; i < count; i++) {
        if (means(rota_info_text(rules[i].name), name))
            return &rules[i];
    }
    return NULL;
}

/* rota_group_name() knows the kernel's own groups; those of libc show in the fields only. */
const char *group_at(unsigned index)
{
    static const char *foreign[64];
    static unsigned count;
    static bool collected;
    const struct rota_op_info *op;
    unsigned own = 0;

    while (rota_group_name(own)) {
        if (own == index)
            return rota_group_name(own);
        own++;
    }
    for (unsigned i = 0; !collected && (op = rota_opcode_info(i)); i++) {
        for (unsigned f = 0; f < op->fields.count; f++) {
            const char *group = rota_info_text(rota_info_fields(op->fields)[f].group);
            bool known = !group;

            for (unsigned k = 0; k < own && !known; k++)
                known = !strcmp(rota_group_name(k), group);
            for (unsigned k = 0; k < count && !known; k++)
                known = !strcmp(foreign[k], group);
            if (!known && count < sizeof(foreign) / sizeof(foreign[0]))
                foreign[count++] = group;
        }
    }
    collected = true;
    return index - own < count ? foreign[index - own] : NULL;
}

/* Behind one of the prefixes, or NULL. */
static const char *behind(const char *name, const char *const *starts, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!strncasecmp(name, starts[i], strlen(starts[i])))
            return name + strlen(starts[i]);
    }
    return NULL;
}

/* By a function that fills, starts or makes the request, of this library or of liburing. */
static int find_prep(const char *name)
{
    static const char *const starts[] = {"rota_prep_", "io_uring_prep_", "rota_start_",
                                         "rota_call_"};
    const char *rest = behind(name, starts, sizeof(starts) / sizeof(starts[0]));
    unsigned count;
    const struct rota_prep_info *preps = rota_prep_infos(&count);

    for (unsigned i = 0; rest && i < count; i++) {
        if (!strcasecmp(rota_info_text(preps[i].name) + strlen(starts[0]), rest))
            return preps[i].opcode;
    }
    return -1;
}

int find_call(const char *name)
{
    static const char *const starts[] = {"rota_", "io_uring_"};
    const char *rest = behind(name, starts, sizeof(starts) / sizeof(starts[0]));
    int number = find_register(name);

    if (number < 0 && rest)
        number = find_register(rest);
    /* "int rota_register_buf_ring(struct rota_ring *ring, ..." */
    for (unsigned i = 0; number < 0 && rest && i < tool_call_count; i++) {
        const char *has = strstr(tool_calls[i].prototype, starts[0]);

        if (has && !strncasecmp(has + strlen(starts[0]), rest, strlen(rest)) &&
            has[strlen(starts[0]) + strlen(rest)] == '(')
            number = tool_calls[i].opcode;
    }
    return number;
}

struct thing find_thing(const char *name)
{
    struct thing thing = {KIND_NONE, 0, NULL, NULL};
    int number = find_opcode(name);

    if (number < 0)
        number = find_prep(name);
    if (number >= 0) {
        thing.kind = KIND_OPCODE;
        thing.number = (unsigned)number;
        return thing;
    }
    number = isdigit((unsigned char)*name) ? -1 : find_call(name);
    if (number >= 0) {
        thing.kind = KIND_REGISTER;
        thing.number = (unsigned)number;
        return thing;
    }
    /* Full names in all groups before shortened ones in any. */
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned i = 0; (thing.group = group_at(i)); i++) {
            thing.flag = find_flag(thing.group, name);
            if (thing.flag && (pass || !strcasecmp(rota_info_text(thing.flag->name), name))) {
                thing.kind = KIND_FLAG;
                return thing;
            }
        }
    }
    thing.flag = NULL;
    for (unsigned i = 0; (thing.group = group_at(i)); i++) {
        if (!strcasecmp(thing.group, name)) {
            thing.kind = KIND_GROUP;
            return thing;
        }
    }
    return thing;
}

int find_error(const char *name)
{
    uint64_t number;

    if (*name == '-')
        name++;
    if (parse_number(name, MAX_ERRNO, &number))
        return (int)number;
    for (int error = 1; error <= MAX_ERRNO; error++) {
        const char *has = rota_error_name(error);

        if (has && !strcasecmp(has, name))
            return error;
    }
    return 0;
}

/*
 * Suggestions
 */

#define MAX_NAME 40

/* How many letters must change to make one name of the other. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[MAX_NAME + 1];
    size_t length = strlen(b);

    if (length > MAX_NAME)
        return MAX_NAME;
    for (unsigned i = 0; i <= length; i++)
        row[i] = i;
    for (unsigned i = 0; a[i]; i++) {
        unsigned diagonal = row[0];

        row[0] = i + 1;
        for (unsigned k = 0; k < length; k++) {
            unsigned above = row[k + 1];
            unsigned same =
                diagonal + (toupper((unsigned char)a[i]) != toupper((unsigned char)b[k]));
            unsigned least = above < row[k] ? above + 1 : row[k] + 1;

            row[k + 1] = same < least ? same : least;
            diagonal = above;
        }
    }
    return row[length];
}

struct best {
    const char *name;
    unsigned distance;
};

static void consider(struct best *best, const char *wanted, const char *name)
{
    unsigned found = distance(bare(wanted), bare(name));

    if (found < best->distance) {
        best->distance = found;
        best->name = name;
    }
}

static void consider_group(struct best *best, const char *wanted, const char *group)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);

    for (unsigned i = 0; i < count; i++)
        consider(best, wanted, rota_info_text(rules[i].name));
}

const char *did_you_mean(const char *name, unsigned which)
{
    /* A third of the letters may be wrong; more is another word. */
    struct best best = {NULL, (unsigned)strlen(bare(name)) / 3 + 1};
    static char text[MAX_NAME + 32];
    const char *known;

    if (strlen(name) > MAX_NAME)
        return "";
    for (unsigned i = 0; (which & NAMES_OPCODES) && (known = rota_op_name(i)); i++)
        consider(&best, name, known);
    for (unsigned i = 0; (which & NAMES_REGISTERS) && (known = rota_register_name(i)); i++)
        consider(&best, name, known);
    for (unsigned i = 0; (which & NAMES_FLAGS) && (known = group_at(i)); i++)
        consider_group(&best, name, known);
    if (which & NAMES_SETUP)
        consider_group(&best, name, "setup");
    for (int error = 1; (which & NAMES_ERRORS) && error <= MAX_ERRNO; error++) {
        known = rota_error_name(error);
        if (known)
            consider(&best, name, known);
    }
    if (!best.name)
        return "";
    snprintf(text, sizeof(text), "; did you mean %s?", best.name);
    return text;
}

const char *flags_text(const char *group, uint64_t value, const char *separator, char *buf,
                       size_t size)
{
    unsigned count;
    const struct rota_flag_rule *rules = rota_group_info(group, &count);
    size_t length = 0;

    snprintf(buf, size, "%s", value ? "" : "none");
    for (unsigned i = 0; i < count && length < size; i++) {
        if (!rules[i].value || (value & rules[i].value) != rules[i].value)
            continue;
        value &= ~rules[i].value;
        length += (size_t)snprintf(buf + length, size - length, "%s%s", length ? separator : "",
                                   bare(rota_info_text(rules[i].name)));
    }
    if (value && length < size)
        snprintf(buf + length, size - length, "%s0x%" PRIx64, length ? separator : "", value);
    return buf;
}
