/* SPDX-License-Identifier: MIT */
/* Flags, releases and errors as text. */
#ifndef ROTA_SRC_WORDS_H
#define ROTA_SRC_WORDS_H

#include <rota/info.h>

#include "table/text.h"

/* Flags by name, joined by |, and what has no name in hexadecimal; "0" for none. */
void rota_text_flags(struct rota_text *text, const struct rota_flag_rule *rules, unsigned count,
                     uint64_t value);
/* The same of a group by its name; a group that numbers values gives the one name. */
void rota_text_group(struct rota_text *text, const char *group, uint64_t value);
/* A kernel release as in "6.7". */
void rota_text_kernel(struct rota_text *text, unsigned release);
/* An error as in "EINVAL", or its number. */
void rota_text_error(struct rota_text *text, int error);

#endif /* ROTA_SRC_WORDS_H */
