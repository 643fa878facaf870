/* SPDX-License-Identifier: MIT */
/* `rota ops`: the words and rows that its text and its JSON both need. */
#include <rota/info.h>
#include <rota/names.h>
#include <stdio.h>

#include "tool/ops.h"

const char *const ops_iosqe_words[] = {
    [ROTA_IOSQE_TAKEN] = "taken",
    [ROTA_IOSQE_IGNORED] = "ignored",
    [ROTA_IOSQE_REQUIRED] = "required",
    [ROTA_IOSQE_REFUSED] = "refused",
};

const char *ops_error_name(int error)
{
    static char number[16];
    const char *name = rota_error_name(error);

    if (name)
        return name;
    snprintf(number, sizeof(number), "%d", error);
    return number;
}

const struct rota_prep_info *ops_preps(unsigned opcode, unsigned *count)
{
    unsigned all;
    const struct rota_prep_info *preps = rota_prep_infos(&all), *first = NULL;

    *count = 0;
    for (unsigned i = 0; i < all; i++) {
        if (preps[i].opcode == opcode) {
            if (!first)
                first = &preps[i];
            ++*count;
        }
    }
    return first;
}

const struct tool_call *ops_calls(unsigned opcode, unsigned *count)
{
    const struct tool_call *first = NULL;

    *count = 0;
    for (unsigned i = 0; i < tool_call_count; i++) {
        if (tool_calls[i].opcode == opcode) {
            if (!first)
                first = &tool_calls[i];
            ++*count;
        }
    }
    return first;
}
