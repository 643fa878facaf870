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

#include "tool/migrate/names.h"
#include "tool/migrate/own.h"

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
        remark(file, token, false,
               "with <liburing.h> came%s: include what the compiler or an #ifdef misses",
               (const char *)list.data);
    bytes_free(&list);
}

/* A path that leads to a header of liburing's, whatever is in front of it. */
static bool names_header(const char *name)
{
    static const char *const known[] = {"liburing.h", "liburing/"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        for (const char *at = name; (at = strstr(at, known[i])); at++) {
            if (at == name || strchr("/\"<", at[-1]))
                return true;
        }
    }
    return false;
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
    const char *name = names_token(file, token);

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].header) + 2 == token->length &&
            !strncmp(name + 1, known[i].header, token->length - 2)) {
            if (*name == '"' && own_has_header(file, known[i].header)) {
                remark(file, token, true, "%s is a file of the program's own", name);
                return;
            }
            replace(file, token, known[i].rota);
            if (i == 0 && first_time(said, name))
                say_headers(file, token);
            return;
        }
    }
    if (names_header(name))
        remark(file, token, true, "%s: rota has no such header", name);
}

/* "io_uring_" ## name */
static bool is_pasted(const struct place *place)
{
    return token_is(place->file, place_before(place), "##") ||
           token_is(place->file, place_behind(place), "##");
}

/* A backslash ends the line within the name. */
static bool goes_on(const struct file *file, const struct token *token)
{
    const char *text = (const char *)file->text.data + token->at + token->length;
    size_t rest = file->text.length - token->at - token->length;
    size_t pair = rest > 2 && text[1] == '\r' ? 3 : 2;

    return rest > pair && text[0] == '\\' && text[pair - 1] == '\n' &&
           (isalnum((unsigned char)text[pair]) || text[pair] == '_');
}

enum use {
    USE_TYPE,
    USE_OWN,
    USE_UNKNOWN,
};

/* A tag without `struct`: in C++ it is the type, unless a variable has that name. */
static enum use use_of_tag(const struct place *place, int tag)
{
    static const char *const own_ends[] = {".", "->"};
    static const char *const type_ends[] = {"*", "&", "&&", ">"};
    static const char *const type_starts[] = {"<",       "new",    "typename", "const",
                                              "private", "public", "protected"};
    const struct token *next = place_behind(place);
    size_t index = place->index;

    if (own_is_type(tag) || place_declares_variable(place) || IS_ANY(place, next, own_ends) ||
        token_is(place->file, place_before(place), "&"))
        return USE_OWN;
    if (place->file->language == LANGUAGE_C)
        return own_is_variable(tag) ? USE_OWN : USE_UNKNOWN;
    if (place_may_end_type(place, next) || IS_ANY(place, next, type_ends) ||
        IS_ANY(place, place_before(place), type_starts))
        return USE_TYPE;
    if (place->file->language == LANGUAGE_CXX &&
        (token_is(place->file, next, "{") || token_is(place->file, next, "(")))
        return USE_TYPE;
    /* sizeof(io_uring); using ring = io_uring */
    if (token_is(place->file, place_step(place, index, -1, &index), "(") &&
        token_is(place->file, place_step(place, index, -1, &index), "sizeof"))
        return USE_TYPE;
    index = place->index;
    if (token_is(place->file, place_step(place, index, -1, &index), "=") &&
        place_step(place, index, -1, &index) &&
        token_is(place->file, place_step(place, index, -1, &index), "using"))
        return USE_TYPE;
    return USE_UNKNOWN;
}

static void decide_tag(struct file *file, const struct place *place, const char *name, int tag,
                       struct said *said)
{
    const struct token *token = place_token(place);
    const char *rota = migrate_tags[tag].rota, *instead = names_instead(name);
    const struct own *own = own_structure(tag);
    enum use use = place_is_tagged(place) ? USE_TYPE : use_of_tag(place, tag);

    if (own) {
        if (first_time(said, name))
            remark(file, token, true, "%s is declared by the program itself (%s:%u)", name,
                   own->file->name, own->line);
        return;
    }
    if (use == USE_UNKNOWN)
        remark(file, token, true, "%s may be the type or a name of the program's own", name);
    if (use != USE_TYPE)
        return;
    if (rota)
        replace(file, token, rota);
    else if (first_time(said, name))
        remark(file, token, true, "struct %s: rota has none that is like it%s%s", name,
               instead ? "; " : "", instead ? instead : "");
}

static void decide_function(struct file *file, const struct place *place, const char *name,
                            int function, struct said *said)
{
    const struct token *token = place_token(place);
    const char *rota = migrate_functions[function].rota, *instead = names_instead(name);
    const struct own *own = own_function(function);

    if (token->directive == DIRECTIVE_CONDITION) {
        remark(file, token, true, "a condition asks for %s: what holds with rota?", name);
    } else if (own) {
        if (first_time(said, name))
            remark(file, token, true, "%s is declared by the program itself (%s:%u)%s%s", name,
                   own->file->name, own->line, rota ? "; rota has " : "", rota ? rota : "");
    } else if (place_declares_pointer(place) || place_declares_variable(place)) {
        bool member = place_in_structure(place);

        remark(file, token, !member, "%s is %s, and left as it is", name,
               member ? "a member here" : "a variable or a parameter here");
    } else if (!rota) {
        if (first_time(said, name))
            remark(file, token, true, "%s: rota has nothing that means the same%s%s", name,
                   instead ? "; " : "", instead ? instead : "");
    } else {
        replace(file, token, rota);
    }
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

/* "__wrap_io_uring_submit": what a linker puts in the place of another. */
static const char *wrapped(const char *name)
{
    static const char *const known[] = {"__wrap_", "__real_"};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (!strncmp(name, known[i], strlen(known[i])) &&
            names_function(name + strlen(known[i])) >= 0)
            return name + strlen(known[i]);
    }
    return NULL;
}

/* Names that are not, or may not be, what they look like: they are left, and it is said. */
static bool decide_odd(struct file *file, const struct place *place, const char *name, bool known)
{
    static const char *const ends[] = {".", "/"};
    const struct token *token = place_token(place);

    if (goes_on(file, token) && !strncmp(name, "io_uring", 8))
        remark(file, token, true, "a name begins here and goes on in the next line");
    else if (known && is_pasted(place))
        remark(file, token, true, "%s is put together with ##", name);
    else if (known && own_macro_joins(place))
        remark(file, token, true, "%s goes to a macro that makes names or strings of it", name);
    else if (names_like_liburing(name) && name[strlen(name) - 1] == '_')
        remark(file, token, true, "%s may be the beginning of a name that is put together", name);
    else if (token->group && !strcmp(name, "liburing") && IS_ANY(place, place_behind(place), ends))
        remark(file, token, true, "a macro that may be the name of liburing's header");
    else if (wrapped(name))
        remark(file, token, true, "%s goes with a linker's --wrap=%s", name, wrapped(name));
    else
        return false;
    return true;
}

/* "struct io_uring_sqe sqe;": not one of the ring's, which are handed out cleared. */
static bool is_own_entry(const struct place *place, const char *name)
{
    static const char *const ends[] = {";", ",", "["};
    size_t index;
    const struct token *next = place_step(place, place->index, 1, &index);

    return !strcmp(name, "io_uring_sqe") &&
           (place_is_tagged(place) || place->file->language != LANGUAGE_C) && next &&
           next->kind == TOKEN_NAME && IS_ANY(place, place_step(place, index, 1, NULL), ends);
}

static void decide_name(struct file *file, const struct place *place, struct said *said)
{
    static const char *const tagged[] = {"struct", "class", "enum", "union"};
    const struct token *token = place_token(place);
    const char *name = names_token(file, token), *member = names_member(name);
    int function = names_function(name), tag = names_tag(name);

    if (place_is_member(place)) {
        if (member)
            remark(file, token, true, "a member %s: %s", name, member);
        return;
    }
    if (is_guard(place) ||
        decide_odd(file, place, name, function >= 0 || tag >= 0 || names_like_liburing(name)))
        return;
    if (place_is_scoped(place))
        return;
    if (token_is(file, place_behind(place), "::")) {
        if (tag >= 0 && !own_is_namespace(tag) && !own_structure(tag))
            remark(file, token, true, "%s may be the type or a name of the program's own", name);
        return;
    }
    if (function >= 0 && !IS_ANY(place, place_before(place), tagged))
        decide_function(file, place, name, function, said);
    else if (tag >= 0)
        decide_tag(file, place, name, tag, said);
    else if (token->directive == DIRECTIVE_CONDITION && names_uring(name, strlen(name)))
        remark(file, token, true, "a condition asks for %s: what holds with rota?", name);
    else if (is_own_entry(place, name) && first_time(said, name))
        remark(file, token, false,
               "an entry of the program's own: clear it before each of rota's prep functions");
    else if (names_kernel_tag(name))
        return;
    else if (names_like_liburing(name) && first_time(said, name))
        remark(file, token, false, "%s is not liburing's, and left as it is", name);
    else if (!own_has_rota() && names_own(name) && first_time(said, name))
        remark(file, token, true, "%s is a name that rota declares, too", name);
}

/* Text, or what becomes text, follows the string right behind it. */
static bool goes_together(const struct place *place)
{
    const struct token *next = place_behind(place);

    return next && (next->kind == TOKEN_NAME || next->kind == TOKEN_STRING ||
                    token_is(place->file, next, "#"));
}

/* All of a string is a name, or the beginning of one: it may be looked up at run time. */
static void decide_string(struct file *file, const struct place *place)
{
    static const char *const files[] = {"liburing.h", "liburing.so", "-luring"};
    const struct token *token = place_token(place);
    const char *text = (const char *)file->text.data + token->at;
    const char *name = names_token(file, token);
    char inside[128];

    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (memmem(text, token->length, files[i], strlen(files[i])))
            remark(file, token, true, "%s in a string is left", files[i]);
    }
    if (strlen(name) < 3 || *name != '"')
        return;
    strcpy(inside, name + 1);
    inside[strlen(inside) - 1] = '\0';
    if (names_function(inside) >= 0 ||
        (names_like_liburing(inside) && inside[strlen(inside) - 1] == '_' && goes_together(place)))
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

        if (names_uring(text + at, length)) {
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
    struct said said = {{NULL, 0, 0}};

    if (file->language == LANGUAGE_NONE) {
        decide_lines(file);
        return;
    }
    for (struct place place = place_of(file); place.index < place.count; place.index++) {
        const struct token *token = place_token(&place);

        if (token->kind == TOKEN_HEADER)
            decide_header(file, token, &said);
        else if (token->kind == TOKEN_STRING)
            decide_string(file, &place);
        else if (token->kind == TOKEN_NAME)
            decide_name(file, &place, &said);
    }
    bytes_free(&said.names);
}
