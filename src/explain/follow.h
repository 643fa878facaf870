/* SPDX-License-Identifier: MIT */
/* What an address of a request leads to, as text. */
#ifndef ROTA_SRC_FOLLOW_H
#define ROTA_SRC_FOLLOW_H

#include "explain/understand.h"

/* Puts the address and, as far as it can be read and its type is known, what is there. */
void rota_follow(struct rota_text *text, const struct rota_process *process,
                 const struct io_uring_sqe *sqe, const struct rota_field_info *field,
                 uint64_t address);

#endif /* ROTA_SRC_FOLLOW_H */
