/* SPDX-License-Identifier: MIT */
/* A token and what stands around it: what a name is there, as far as tokens can tell. */
#include <string.h>

#include "tool/migrate/place.h"

const struct token *place_step(const struct place *place, size_t index, int by, size_t *found)
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

const struct token *place_before(const struct place *place)
{
    return place_step(place, place->index, -1, NULL);
}

const struct token *place_behind(const struct place *place)
{
    return place_step(place, place->index, 1, NULL);
}

bool place_is_any(const struct file *file, const struct token *token, const char *const *words,
                  size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (token_is(file, token, words[i]))
            return true;
    }
    return false;
}

/* Behind such a word an expression stands, not a name that is being declared. */
static bool is_statement_word(const struct place *place, const struct token *token)
{
    static const char *const words[] = {
        "return",   "else",     "do",        "case",   "goto",     "throw",  "and",     "or",
        "not",      "new",      "delete",    "sizeof", "typeof",   "public", "private", "protected",
        "co_await", "co_yield", "co_return", "using",  "typename", "friend",
    };

    return IS_ANY(place, token, words);
}

bool place_may_end_type(const struct place *place, const struct token *token)
{
    return token && token->kind == TOKEN_NAME && !is_statement_word(place, token);
}

bool place_is_member(const struct place *place)
{
    static const char *const arrows[] = {".", "->", "->*"};

    return IS_ANY(place, place_before(place), arrows);
}

bool place_is_scoped(const struct place *place)
{
    size_t colons;
    const struct token *owner;

    if (!token_is(place->file, place_step(place, place->index, -1, &colons), "::"))
        return false;
    owner = place_step(place, colons, -1, NULL);
    return owner && (token_is(place->file, owner, ">") || place_may_end_type(place, owner)) &&
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
        token = place_step(place, index, 1, &index);
    } while (token && depth);
    *found = index;
    return token;
}

bool place_declares_function(const struct place *place, bool file_scope)
{
    size_t front, index;
    const struct token *type = place_step(place, place->index, -1, &front);
    const struct token *token = place_step(place, place->index, 1, &index);

    if (!token_is(place->file, token, "(") || !type || place->tokens[place->index].group)
        return false;
    if (token_is(place->file, type, "*") || token_is(place->file, type, "&"))
        type = place_step(place, front, -1, NULL);
    if (!place_may_end_type(place, type) && !token_is(place->file, type, ">") &&
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
                                                  : place_step(place, index, 1, &index);
    }
    return false;
}

bool place_declares_pointer(const struct place *place)
{
    size_t star, open, close;
    const struct token *type;

    if (!token_is(place->file, place_step(place, place->index, -1, &star), "*") ||
        !token_is(place->file, place_step(place, star, -1, &open), "("))
        return false;
    type = place_step(place, open, -1, NULL);
    return token_is(place->file, place_step(place, place->index, 1, &close), ")") &&
           token_is(place->file, place_step(place, close, 1, NULL), "(") &&
           (place_may_end_type(place, type) || token_is(place->file, type, "*"));
}

bool place_declares_variable(const struct place *place)
{
    static const char *const ends[] = {";", "=", "[", ",", ")", ":", "{"};
    size_t front;
    const struct token *type = place_step(place, place->index, -1, &front);

    if (place->tokens[place->index].group || !IS_ANY(place, place_behind(place), ends))
        return false;
    while (token_is(place->file, type, "*") || token_is(place->file, type, "&"))
        type = place_step(place, front, -1, &front);
    return place_may_end_type(place, type) &&
           (type == place_before(place) || !token_is(place->file, place_behind(place), ")"));
}

/* The token that opens what the one at `*index` stands in, or NULL; `*index` becomes its. */
static const struct token *opening(const struct place *place, size_t *index, const char *open,
                                   const char *close)
{
    const struct token *token = place_step(place, *index, -1, index);

    for (unsigned depth = 0; token; token = place_step(place, *index, -1, index)) {
        if (token_is(place->file, token, open)) {
            if (!depth)
                break;
            depth--;
        }
        depth += token_is(place->file, token, close);
    }
    return token;
}

bool place_in_structure(const struct place *place)
{
    static const char *const ends[] = {";", "}", ")", "{"};
    static const char *const words[] = {"struct", "union", "class"};
    size_t index = place->index;
    const struct token *token = opening(place, &index, "{", "}");

    while (token) {
        token = place_step(place, index, -1, &index);
        if (IS_ANY(place, token, words))
            return true;
        if (IS_ANY(place, token, ends))
            return false;
    }
    return false;
}

bool place_is_defined_here(const struct place *place)
{
    const struct token *token = &place->tokens[place->index];

    return token->directive == DIRECTIVE_DEFINE && place->index >= 2 &&
           token_is(place->file, &place->tokens[place->index - 1], "define") &&
           token_is(place->file, &place->tokens[place->index - 2], "#");
}

bool place_is_tagged(const struct place *place)
{
    static const char *const words[] = {"struct", "class"};

    return IS_ANY(place, place_before(place), words);
}

bool place_declares_type(const struct place *place)
{
    static const char *const starts[] = {";", "{", "}"};
    const struct token *token = place_before(place), *first = token;
    size_t index = place->index;

    if (token_is(place->file, token, "using"))
        return token_is(place->file, place_behind(place), "=");
    if (!token_is(place->file, place_behind(place), ";"))
        return false;
    if (token_is(place->file, token, "}")) /* typedef struct { ... } name; */
        return !place_token(place)->group && place_token(place)->column > 1;
    for (; token && !IS_ANY(place, token, starts); token = place_step(place, index, -1, &index))
        first = token;
    return token_is(place->file, first, "typedef");
}

bool place_is_argument(const struct place *place, const struct token **callee)
{
    static const char *const starts[] = {"(", ","}, *const ends[] = {")", ","};
    size_t index = place->index;
    const struct token *token;

    if (!IS_ANY(place, place_before(place), starts) || !IS_ANY(place, place_behind(place), ends))
        return false;
    token = opening(place, &index, "(", ")");
    if (token)
        token = place_step(place, index, -1, &index);
    *callee = token;
    return token && token->kind == TOKEN_NAME;
}
