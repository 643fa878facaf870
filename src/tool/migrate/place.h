/* SPDX-License-Identifier: MIT */
/* A token and what stands around it. Neighbours are those in the program's text, or in the same directive. */
#ifndef ROTA_SRC_TOOL_MIGRATE_PLACE_H
#define ROTA_SRC_TOOL_MIGRATE_PLACE_H

#include "tool/migrate/migrate.h"

struct place {
    const struct file *file;
    const struct token *tokens;
    size_t count;
    size_t index;
};

static inline struct place place_of(const struct file *file)
{
    struct place place = {.file = file};

    place.tokens = file_tokens(file, &place.count);
    return place;
}

static inline const struct token *place_token(const struct place *place)
{
    return &place->tokens[place->index];
}

/* The neighbour of the one at `index`; NULL at the end, with *found `index`. */
const struct token *place_step(const struct place *place, size_t index, int by, size_t *found);
const struct token *place_before(const struct place *place);
const struct token *place_behind(const struct place *place);

bool place_is_any(const struct file *file, const struct token *token, const char *const *words,
                  size_t count);
#define IS_ANY(place, token, words) \
    place_is_any((place)->file, token, words, sizeof(words) / sizeof((words)[0]))

/* A word that may be a type, or the end of one. */
bool place_may_end_type(const struct place *place, const struct token *token);

bool place_is_member(const struct place *place);
/* Behind a "::" that has a name in front of it. */
bool place_is_scoped(const struct place *place);
/* Behind "struct" or "class". */
bool place_is_tagged(const struct place *place);

/* "TYPE name(...)" with a body, or at file scope with a semicolon. */
bool place_declares_function(const struct place *place, bool file_scope);
/* "TYPE (*name)(": a pointer to a function. */
bool place_declares_pointer(const struct place *place);
/* "TYPE name;", "TYPE *name =", and their like. */
bool place_declares_variable(const struct place *place);
/* "typedef TYPE name;", "using name =". */
bool place_declares_type(const struct place *place);
/* Whether the brace around it is that of a structure: what is declared there is a member. */
bool place_in_structure(const struct place *place);
/* "#define name": the third token of its directive. */
bool place_is_defined_here(const struct place *place);
/* All of an argument of a macro or function, whose name is *callee; false when it is less, or none. */
bool place_is_argument(const struct place *place, const struct token **callee);

#endif /* ROTA_SRC_TOOL_MIGRATE_PLACE_H */
