/* SPDX-License-Identifier: MIT */
/* Looks through all files for what the program declares itself. */
#include "tool/migrate/own.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tool/migrate/names.h"

struct own_tag {
    struct own structure;
    bool type;
    bool namespace;
    bool variable;
};

static struct own *functions;
static struct own_tag *tags;
static bool has_rota;
static struct bytes joining; /* names of macros, each with its end */
static const struct file *all_files;
static size_t file_count;

/*
 * Braces: which of them are around a name, those of namespaces and of extern "C" left out.
 */

struct scope {
    bool open[256]; /* whether each brace that is open hides file scope */
    unsigned depth;
};

static bool opens_nothing(const struct place *place)
{
    size_t index;
    const struct token *token = place_step(place, place->index, -1, &index);

    if (token && token->kind == TOKEN_STRING)
        return token_is(place->file, place_step(place, index, -1, NULL), "extern");
    for (unsigned i = 0; i < 8 && token; i++) {
        if (token_is(place->file, token, "namespace"))
            return true;
        if (token->kind != TOKEN_NAME && !token_is(place->file, token, "::"))
            return false;
        token = place_step(place, index, -1, &index);
    }
    return false;
}

static void follow_braces(struct scope *scope, const struct place *place)
{
    const struct token *token = &place->tokens[place->index];
    bool first = token->column == 1;

    if (token->group)
        return;
    if (token_is(place->file, token, "{")) {
        bool hides = !opens_nothing(place);

        /* Branches of an #if may open a brace twice; one in the first column begins a function. */
        while (first && hides && scope->depth && scope->open[scope->depth - 1])
            scope->depth--;
        if (scope->depth < sizeof(scope->open))
            scope->open[scope->depth++] = hides;
    } else if (token_is(place->file, token, "}") && scope->depth) {
        bool hid = scope->open[--scope->depth];

        while (first && hid && scope->depth && scope->open[scope->depth - 1])
            scope->depth--;
    }
}

static bool at_file_scope(const struct scope *scope)
{
    for (unsigned i = 0; i < scope->depth; i++) {
        if (scope->open[i])
            return false;
    }
    return true;
}

/*
 * Macros
 */

static bool joins(const struct file *file, const struct token *name)
{
    for (size_t at = 0; at < joining.length; at += strlen((char *)joining.data + at) + 1) {
        if (token_is(file, name, (char *)joining.data + at))
            return true;
    }
    return false;
}

/* The parenthesis right behind the name of a macro, which makes it one with parameters. */
static bool opens_parameters(const struct place *place, size_t *open)
{
    const struct token *name = place_token(place);
    const struct token *token = place_step(place, place->index, 1, open);

    return token_is(place->file, token, "(") && token->at == name->at + name->length;
}

/* Whether the macro that is defined here joins its arguments to names, or hands them to one that does. */
static bool body_joins(const struct place *place)
{
    size_t index;
    const struct token *token, *previous = NULL;

    if (!opens_parameters(place, &index))
        return false;
    do
        token = place_step(place, index, 1, &index);
    while (token && !token_is(place->file, token, ")"));
    while (token && (token = place_step(place, index, 1, &index))) {
        /* The comma that goes when nothing follows it joins nothing. */
        if (token_is(place->file, token, "##") && !token_is(place->file, previous, ","))
            return true;
        if (token_is(place->file, token, "#") ||
            (token->kind == TOKEN_NAME && joins(place->file, token)))
            return true;
        previous = token;
    }
    return false;
}

/* Whether the name is a parameter of the macro in whose definition it stands. */
static bool is_parameter(const struct place *place, const struct token *wanted)
{
    struct place start = *place;
    const struct token *token;
    size_t index;

    if (place_token(place)->directive != DIRECTIVE_DEFINE)
        return false;
    while (start.index && place->tokens[start.index - 1].group == place_token(place)->group)
        start.index--;
    start.index += 2; /* behind "#" and "define" */
    if (start.index >= place->index || !opens_parameters(&start, &index))
        return false;
    do {
        token = place_step(place, index, 1, &index);
        if (token && token->length == wanted->length &&
            !memcmp(place->file->text.data + token->at, place->file->text.data + wanted->at,
                    token->length))
            return true;
    } while (token && !token_is(place->file, token, ")"));
    return false;
}

bool own_macro_joins(const struct place *place)
{
    const struct token *callee;

    return place_is_argument(place, &callee) &&
           (joins(place->file, callee) || is_parameter(place, callee));
}

/* One macro may hand its arguments to another, which may be defined behind it. */
static void find_macros(void)
{
    size_t known;

    do {
        known = joining.length;
        for (size_t i = 0; i < file_count; i++) {
            for (struct place place = place_of(&all_files[i]); place.index < place.count;
                 place.index++) {
                const struct token *name = place_token(&place);

                if (!place_is_defined_here(&place) || joins(place.file, name) ||
                    !body_joins(&place))
                    continue;
                bytes_add(&joining, place.file->text.data + name->at, name->length);
                bytes_byte(&joining, 0);
            }
        }
    } while (joining.length > known);
}

/*
 * Names
 */

static void note(struct own *own, const struct place *place)
{
    if (own->file)
        return;
    own->file = place->file;
    own->line = place_token(place)->line;
}

static void find_function(const struct place *place, int function, bool outside)
{
    if (place_is_member(place) || place_is_scoped(place))
        return;
    if (place_is_defined_here(place) || place_declares_function(place, outside) ||
        (outside && (place_declares_pointer(place) || place_declares_variable(place))))
        note(&functions[function], place);
}

static void find_tag(const struct place *place, struct own_tag *tag)
{
    static const char *const bodies[] = {"{", ":", "final"};

    if (place_is_tagged(place)) {
        if (IS_ANY(place, place_behind(place), bodies))
            note(&tag->structure, place);
    } else if (token_is(place->file, place_before(place), "namespace")) {
        tag->namespace = true;
    } else if (place_is_defined_here(place) || place_declares_type(place)) {
        tag->type = true;
    } else if (place_declares_variable(place)) {
        tag->variable = true;
    }
}

static void *allocate(size_t count, size_t size)
{
    void *made = calloc(count + 1, size);

    if (!made) {
        complain("no memory");
        exit(STATUS_TROUBLE);
    }
    return made;
}

void migrate_find_own(const struct file *files, size_t count)
{
    all_files = files;
    file_count = count;
    functions = allocate(migrate_function_count, sizeof(*functions));
    tags = allocate(migrate_tag_count, sizeof(*tags));
    for (size_t i = 0; i < count; i++) {
        struct scope scope = {.depth = 0};

        has_rota |= files[i].has_rota;
        for (struct place place = place_of(&files[i]); place.index < place.count; place.index++) {
            const char *name;
            int known;

            follow_braces(&scope, &place);
            if (place_token(&place)->kind != TOKEN_NAME)
                continue;
            name = names_token(&files[i], place_token(&place));
            if ((known = names_tag(name)) >= 0)
                find_tag(&place, &tags[known]);
            if ((known = names_function(name)) >= 0)
                find_function(&place, known, at_file_scope(&scope));
        }
    }
    find_macros();
}

const struct own *own_function(int function)
{
    return functions[function].file ? &functions[function] : NULL;
}

const struct own *own_structure(int tag)
{
    return tags[tag].structure.file ? &tags[tag].structure : NULL;
}

bool own_is_type(int tag)
{
    return tags[tag].type;
}

bool own_is_namespace(int tag)
{
    return tags[tag].namespace;
}

bool own_is_variable(int tag)
{
    return tags[tag].variable;
}

bool own_has_rota(void)
{
    return has_rota;
}

bool own_has_header(const struct file *file, const char *header)
{
    const char *slash = strrchr(file->name, '/');
    size_t length = strlen(header);
    char *path;
    bool found;

    for (size_t i = 0; i < file_count; i++) {
        const char *name = all_files[i].name;
        size_t whole = strlen(name);

        if (whole >= length && !strcmp(name + whole - length, header) &&
            (whole == length || name[whole - length - 1] == '/'))
            return true;
    }
    if (asprintf(&path, "%.*s%s", slash ? (int)(slash + 1 - file->name) : 0, file->name, header) <
        0) {
        complain("no memory");
        exit(STATUS_TROUBLE);
    }
    found = !access(path, F_OK);
    free(path);
    return found;
}
