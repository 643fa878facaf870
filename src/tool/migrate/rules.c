/* SPDX-License-Identifier: MIT */
/*
 * What becomes of each name. A name of liburing's gets rota's, unless the
 * program means something of its own by it; where that cannot be told from the
 * tokens nothing is changed, and it is said where.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tool/migrate/migrate.h"
#include "tool/migrate/names.h"

/* Names of liburing's that the program declares itself, by their place in migrate_functions. */
struct own {
    const struct file *file; /* NULL: it does not */
    unsigned line;
};

static struct own *own;

/* Some file includes rota already: its names are no collision. */
static bool has_rota;

/*
 * Lists in the order of strcmp()
 */

static int find_name(const struct migrate_name *names, unsigned count, const char *name)
{
    unsigned low = 0, high = count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(names[middle].name, name);

        if (!order)
            return (int)middle;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return -1;
}

static bool has_name(const char *const *names, unsigned count, const char *name)
{
    unsigned low = 0, high = count;

    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        int order = strcmp(names[middle], name);

        if (!order)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return false;
}

static int find_function(const char *name)
{
    return find_name(migrate_functions, migrate_function_count, name);
}

static int find_tag(const char *name)
{
    return find_name(migrate_tags, migrate_tag_count, name);
}

static bool is_kernel_tag(const char *name)
{
    return has_name(migrate_kernel_tags, migrate_kernel_tag_count, name);
}

/*
 * Tokens and their neighbours
 */

struct place {
    const struct file *file;
    const struct token *tokens;
    size_t count;
    size_t index;
};

/* The neighbour in the program's text, or in the same directive; NULL at its end, with *found `index`. */
static const struct token *step(const struct place *place, size_t index, int by, size_t *found)
{
    unsigned group = place->tokens[index].group;

    if (found)
        *found = index;
    while (by < 0 ? index-- > 0 : ++index < place->count) {
        if (place->tokens[index].group == group) {
            if (found)
                *found = index;
            return &place->tokens[index];
        }
        if (group)
            return NULL;
    }
    return NULL;
}

static const struct token *before(const struct place *place)
{
    return step(place, place->index, -1, NULL);
}

static const struct token *behind(const struct place *place)
{
    return step(place, place->index, 1, NULL);
}

static bool is_any(const struct file *file, const struct token *token, const char *const *words,
                   size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (token_is(file, token, words[i]))
            return true;
    }
    return false;
}

#define IS_ANY(place, token, words) \
    is_any((place)->file, token, words, sizeof(words) / sizeof((words)[0]))

/* Behind such a word an expression stands, not a name that is being declared. */
static bool is_statement_word(const struct place *place, const struct token *token)
{
    static const char *const words[] = {
        "return",  "else",      "do",       "case",     "goto",      "throw",  "and",
        "or",      "not",       "new",      "delete",   "sizeof",    "typeof", "public",
        "private", "protected", "co_await", "co_yield", "co_return", "using",  "typename",
    };

    return IS_ANY(place, token, words);
}

/* A word that may be a type, or the end of one. */
static bool may_end_type(const struct place *place, const struct token *token)
{
    return token && token->kind == TOKEN_NAME && !is_statement_word(place, token);
}

static bool is_member(const struct place *place)
{
    static const char *const arrows[] = {".", "->", "->*"};

    return IS_ANY(place, before(place), arrows);
}

/* Behind a "::" that has a name in front of it. */
static bool is_scoped(const struct place *place)
{
    size_t colons;
    const struct token *owner;

    if (!token_is(place->file, step(place, place->index, -1, &colons), "::"))
        return false;
    owner = step(place, colons, -1, NULL);
    return owner && (token_is(place->file, owner, ">") || may_end_type(place, owner)) &&
           owner->at + owner->length == place->tokens[colons].at;
}

/* The token behind the parenthesis that closes the one at `index`. */
static const struct token *behind_parenthesis(const struct place *place, size_t index,
                                              size_t *found)
{
    const struct token *token = &place->tokens[index];
    unsigned depth = 0;

    do {
        depth += token_is(place->file, token, "(");
        depth -= token_is(place->file, token, ")");
        token = step(place, index, 1, &index);
    } while (token && depth);
    *found = index;
    return token;
}

/* "TYPE name(...)" with a body, or at file scope with a semicolon. */
static bool declares_function(const struct place *place, bool file_scope)
{
    size_t front, index;
    const struct token *type = step(place, place->index, -1, &front);
    const struct token *token = step(place, place->index, 1, &index);

    if (!token_is(place->file, token, "(") || !type || place->tokens[place->index].group)
        return false;
    if (token_is(place->file, type, "*") || token_is(place->file, type, "&"))
        type = step(place, front, -1, NULL);
    if (!may_end_type(place, type) && !token_is(place->file, type, ">") &&
        !token_is(place->file, type, "*"))
        return false;
    token = behind_parenthesis(place, index, &index);
    /* const, noexcept, __attribute__((...)) */
    for (unsigned i = 0; i < 6 && token; i++) {
        if (token_is(place->file, token, "{"))
            return true;
        if (token_is(place->file, token, ";"))
            return file_scope;
        if (token->kind != TOKEN_NAME && !token_is(place->file, token, "("))
            return false;
        token = token_is(place->file, token, "(") ? behind_parenthesis(place, index, &index)
                                                  : step(place, index, 1, &index);
    }
    return false;
}

/* "TYPE (*name)(": a pointer to a function. */
static bool declares_pointer(const struct place *place)
{
    size_t star, open, close;
    const struct token *type;

    if (!token_is(place->file, step(place, place->index, -1, &star), "*") ||
        !token_is(place->file, step(place, star, -1, &open), "("))
        return false;
    type = step(place, open, -1, NULL);
    return token_is(place->file, step(place, place->index, 1, &close), ")") &&
           token_is(place->file, step(place, close, 1, NULL), "(") &&
           (may_end_type(place, type) || token_is(place->file, type, "*"));
}

/* "TYPE name;", "TYPE *name =", and their like. */
static bool declares_variable(const struct place *place)
{
    static const char *const ends[] = {";", "=", "[", ",", ")", ":", "{"};
    size_t front;
    const struct token *type = step(place, place->index, -1, &front);

    if (place->tokens[place->index].group || !IS_ANY(place, behind(place), ends))
        return false;
    while (token_is(place->file, type, "*") || token_is(place->file, type, "&"))
        type = step(place, front, -1, &front);
    return may_end_type(place, type) &&
           (type == before(place) || !token_is(place->file, behind(place), ")"));
}

/* Whether the brace around it is that of a structure: what is declared there is a member. */
static bool in_structure(const struct place *place)
{
    static const char *const ends[] = {";", "}", ")", "{"};
    static const char *const words[] = {"struct", "union", "class"};
    size_t index = place->index;
    const struct token *token = step(place, index, -1, &index);

    for (unsigned depth = 0; token; token = step(place, index, -1, &index)) {
        if (token_is(place->file, token, "{")) {
            if (!depth)
                break;
            depth--;
        }
        depth += token_is(place->file, token, "}");
    }
    while (token) {
        token = step(place, index, -1, &index);
        if (IS_ANY(place, token, words))
            return true;
        if (IS_ANY(place, token, ends))
            return false;
    }
    return false;
}

/* "#define name": the third token of its directive. */
static bool is_defined_here(const struct place *place)
{
    const struct token *token = &place->tokens[place->index];

    return token->directive == DIRECTIVE_DEFINE && place->index >= 2 &&
           token_is(place->file, &place->tokens[place->index - 1], "define") &&
           token_is(place->file, &place->tokens[place->index - 2], "#");
}

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
    const struct token *token = step(place, place->index, -1, &index);

    if (token && token->kind == TOKEN_STRING)
        return token_is(place->file, step(place, index, -1, NULL), "extern");
    for (unsigned i = 0; i < 8 && token; i++) {
        if (token_is(place->file, token, "namespace"))
            return true;
        if (token->kind != TOKEN_NAME && !token_is(place->file, token, "::"))
            return false;
        token = step(place, index, -1, &index);
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
 * Names as strings
 */

static const char *name_of(const struct file *file, const struct token *token)
{
    static char name[128];

    if (token->length >= sizeof(name))
        return "";
    memcpy(name, file->text.data + token->at, token->length);
    name[token->length] = '\0';
    return name;
}

/* Whether it looks as if it were liburing's. */
static bool is_like_liburing(const char *name)
{
    name += strspn(name, "_");
    return !strncmp(name, "io_uring_", 9);
}

void migrate_find_own(struct file *files, size_t count)
{
    own = calloc(migrate_function_count, sizeof(*own));
    if (!own) {
        complain("no memory");
        exit(STATUS_TROUBLE);
    }
    for (size_t i = 0; i < count; i++) {
        struct place place = {.file = &files[i]};
        struct scope scope = {.depth = 0};

        place.tokens = file_tokens(&files[i], &place.count);
        has_rota |= files[i].has_rota;
        for (; place.index < place.count; place.index++) {
            const struct token *token = &place.tokens[place.index];
            int known;
            bool outside;

            follow_braces(&scope, &place);
            if (token->kind != TOKEN_NAME)
                continue;
            known = find_function(name_of(&files[i], token));
            if (known < 0 || own[known].file || is_member(&place) || is_scoped(&place))
                continue;
            outside = at_file_scope(&scope);
            if (is_defined_here(&place) || declares_function(&place, outside) ||
                (outside && (declares_pointer(&place) || declares_variable(&place)))) {
                own[known].file = &files[i];
                own[known].line = token->line;
            }
        }
    }
}

/*
 * Decisions
 */

__attribute__((format(printf, 4, 5))) static void remark(struct file *file,
                                                         const struct token *token, bool left,
                                                         const char *format, ...)
{
    struct remark made = {.left = left};
    va_list args;

    if (token) {
        made.line = token->line;
        made.column = token->column;
    }
    va_start(args, format);
    if (vasprintf(&made.text, format, args) < 0) {
        complain("no memory");
        exit(STATUS_TROUBLE);
    }
    va_end(args);
    bytes_add(&file->remarks, &made, sizeof(made));
}

static void replace(struct file *file, const struct token *token, const char *text)
{
    struct edit edit = {token->at, token->length, token->line, token->column, text};

    bytes_add(&file->edits, &edit, sizeof(edit));
}

/* Names of which something was said in this file. */
struct said {
    struct bytes names;
};

static bool first_time(struct said *said, const char *name)
{
    for (size_t at = 0; at < said->names.length; at += strlen((char *)said->names.data + at) + 1) {
        if (!strcmp((char *)said->names.data + at, name))
            return false;
    }
    bytes_add(&said->names, name, strlen(name) + 1);
    return true;
}

static bool includes(const struct file *file, const char *header)
{
    size_t count;
    const struct token *tokens = file_tokens(file, &count);

    for (size_t i = 0; i < count; i++) {
        if (tokens[i].kind == TOKEN_HEADER && token_is(file, &tokens[i], header))
            return true;
    }
    return false;
}

/* A program may live on headers that come with liburing's, and not with rota's. */
static void say_headers(struct file *file, const struct token *token)
{
    struct bytes list = {NULL, 0, 0};

    for (unsigned i = 0; i < migrate_header_count; i++) {
        if (!includes(file, migrate_headers[i])) {
            bytes_add(&list, " ", 1);
            bytes_add(&list, migrate_headers[i], strlen(migrate_headers[i]));
        }
    }
    bytes_byte(&list, 0);
    if (list.length > 1)
        remark(file, token, false, "with <liburing.h> came%s: include what the compiler misses",
               (const char *)list.data);
    bytes_free(&list);
}

static void decide_header(struct file *file, const struct token *token, struct said *said)
{
    static const struct {
        const char *header;
        const char *rota;
    } known[] = {
        {"liburing.h", "<rota.h>"},
        {"liburing/io_uring.h", "<rota/uapi.h>"},
        {"liburing/io_uring/query.h", "<rota/uapi.h>"},
        {"liburing/io_uring/bpf_filter.h", "<rota/uapi.h>"},
    };
    const char *name = name_of(file, token);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].header) + 2 == token->length &&
            !strncmp(name + 1, known[i].header, token->length - 2)) {
            replace(file, token, known[i].rota);
            if (i == 0 && first_time(said, name))
                say_headers(file, token);
            return;
        }
    }
    if (strstr(name, "liburing.h") || strstr(name, "liburing/"))
        remark(file, token, true, "%s: rota has no such header", name);
}

/* "io_uring_" ## name */
static bool is_pasted(const struct place *place)
{
    return token_is(place->file, before(place), "##") || token_is(place->file, behind(place), "##");
}

enum use {
    USE_TYPE,
    USE_OWN,
    USE_UNKNOWN,
};

/* A tag without `struct`: in C++ it is the type, unless a variable has that name. */
static enum use use_of_tag(const struct place *place)
{
    static const char *const own_ends[] = {".", "->"};
    static const char *const type_ends[] = {"*", "&", "&&", ">"};
    static const char *const type_starts[] = {"<",       "new",    "typename", "const",
                                              "private", "public", "protected"};
    const struct token *next = behind(place);
    size_t index = place->index;

    if (place->file->language == LANGUAGE_C || declares_variable(place) ||
        IS_ANY(place, next, own_ends) || token_is(place->file, before(place), "&"))
        return USE_OWN;
    if (may_end_type(place, next) || IS_ANY(place, next, type_ends) ||
        IS_ANY(place, before(place), type_starts))
        return USE_TYPE;
    if (place->file->language == LANGUAGE_CXX &&
        (token_is(place->file, next, "{") || token_is(place->file, next, "(")))
        return USE_TYPE;
    /* sizeof(io_uring); using ring = io_uring */
    if (token_is(place->file, step(place, index, -1, &index), "(") &&
        token_is(place->file, step(place, index, -1, &index), "sizeof"))
        return USE_TYPE;
    index = place->index;
    if (token_is(place->file, step(place, index, -1, &index), "=") &&
        step(place, index, -1, &index) &&
        token_is(place->file, step(place, index, -1, &index), "using"))
        return USE_TYPE;
    return USE_UNKNOWN;
}

static void decide_tag(struct file *file, const struct place *place, const char *name, int tag,
                       struct said *said)
{
    const struct token *token = &place->tokens[place->index];
    const char *rota = migrate_tags[tag].rota;
    bool tagged = token_is(file, before(place), "struct") || token_is(file, before(place), "class");
    enum use use = tagged ? USE_TYPE : use_of_tag(place);

    if (use == USE_UNKNOWN)
        remark(file, token, true, "%s may be the type or a name of the program's own", name);
    if (use != USE_TYPE)
        return;
    if (rota)
        replace(file, token, rota);
    else if (first_time(said, name))
        remark(file, token, true, "struct %s: rota has none that is like it", name);
}

static void decide_function(struct file *file, const struct place *place, const char *name,
                            int function, struct said *said)
{
    const struct token *token = &place->tokens[place->index];
    const char *rota = migrate_functions[function].rota;

    if (token->directive == DIRECTIVE_CONDITION) {
        remark(file, token, true, "a condition asks for %s: what holds with rota?", name);
    } else if (own[function].file) {
        if (first_time(said, name))
            remark(file, token, true, "%s is declared by the program itself (%s:%u)%s%s", name,
                   own[function].file->name, own[function].line, rota ? "; rota has " : "",
                   rota ? rota : "");
    } else if (declares_pointer(place) || declares_variable(place)) {
        bool member = in_structure(place);

        remark(file, token, !member, "%s is %s, and left as it is", name,
               member ? "a member here" : "a variable or a parameter here");
    } else if (!rota) {
        if (first_time(said, name))
            remark(file, token, true, "%s: rota has nothing that means the same", name);
    } else {
        replace(file, token, rota);
    }
}

/* Upper case: a feature that somebody found, or the version of the library. */
static bool is_feature(const char *name)
{
    return strstr(name, "URING") != NULL;
}

/* "#ifndef NAME" with "#define NAME" on the next line: it keeps a header from being read twice. */
static bool is_guard(const struct place *place)
{
    size_t i = place->index;

    return i >= 1 && token_is(place->file, &place->tokens[i - 1], "ifndef") &&
           i + 3 < place->count && token_is(place->file, &place->tokens[i + 2], "define") &&
           place->tokens[i + 3].length == place->tokens[i].length &&
           !memcmp(place->file->text.data + place->tokens[i + 3].at,
                   place->file->text.data + place->tokens[i].at, place->tokens[i].length);
}

static void decide_name(struct file *file, const struct place *place, struct said *said)
{
    const struct token *token = &place->tokens[place->index];
    const char *name = name_of(file, token);
    int function = find_function(name), tag = find_tag(name);
    bool structure =
        token_is(file, before(place), "struct") || token_is(file, before(place), "class") ||
        token_is(file, before(place), "enum") || token_is(file, before(place), "union");

    if (is_member(place)) {
        int member = find_name(migrate_members, migrate_member_count, name);

        if (member >= 0)
            remark(file, token, true, "a member %s: %s", name, migrate_members[member].rota);
        return;
    }
    if (is_guard(place))
        return;
    if (is_pasted(place) && (function >= 0 || tag >= 0 || is_like_liburing(name)))
        remark(file, token, true, "%s is put together with ##", name);
    else if (is_scoped(place) || token_is(file, behind(place), "::"))
        return;
    else if (function >= 0 && !structure)
        decide_function(file, place, name, function, said);
    else if (tag >= 0)
        decide_tag(file, place, name, tag, said);
    else if (token->directive == DIRECTIVE_CONDITION && is_feature(name))
        remark(file, token, true, "a condition asks for %s: what holds with rota?", name);
    else if (is_kernel_tag(name))
        return;
    else if (is_like_liburing(name) && first_time(said, name))
        remark(file, token, false, "%s is not liburing's, and left as it is", name);
    else if (!has_rota && has_name(migrate_own_names, migrate_own_name_count, name) &&
             first_time(said, name))
        remark(file, token, true, "%s is a name that rota declares, too", name);
}

/* All of a string is a name: it may be looked up at run time. */
static void decide_string(struct file *file, const struct token *token)
{
    const char *name = name_of(file, token);
    char inside[128];

    if (strlen(name) < 3 || *name != '"')
        return;
    strcpy(inside, name + 1);
    inside[strlen(inside) - 1] = '\0';
    if (find_function(inside) >= 0)
        remark(file, token, true, "%s in a string is left: is it looked up at run time?", inside);
}

/* A build file: each line that names liburing is a person's. */
static void decide_lines(struct file *file)
{
    const char *text = (const char *)file->text.data;
    struct token line = {.line = 1, .column = 1};

    for (size_t at = 0; at < file->text.length; line.line++) {
        const char *end = memchr(text + at, '\n', file->text.length - at);
        size_t length = end ? (size_t)(end - text) - at : file->text.length - at;

        if (memmem(text + at, length, "uring", 5) || memmem(text + at, length, "URING", 5)) {
            while (length && isspace((unsigned char)text[at])) {
                at++;
                length--;
            }
            remark(file, &line, true, "no C, and left as it is: %.*s",
                   (int)(length < 200 ? length : 200), text + at);
        }
        at += length + 1;
    }
}

void migrate_decide(struct file *file)
{
    struct place place = {.file = file};
    struct said said = {{NULL, 0, 0}};

    if (file->language == LANGUAGE_NONE) {
        decide_lines(file);
        return;
    }
    place.tokens = file_tokens(file, &place.count);
    for (; place.index < place.count; place.index++) {
        const struct token *token = &place.tokens[place.index];

        if (token->kind == TOKEN_HEADER)
            decide_header(file, token, &said);
        else if (token->kind == TOKEN_STRING)
            decide_string(file, token);
        else if (token->kind == TOKEN_NAME)
            decide_name(file, &place, &said);
    }
    bytes_free(&said.names);
}
