/* SPDX-License-Identifier: MIT */
/* A list of causes, ranked by how sure they are. */
#ifndef ROTA_SRC_EXPLAIN_H
#define ROTA_SRC_EXPLAIN_H

#include "explain/understand.h"

struct rota_cause_list {
    struct rota_cause *causes;
    unsigned max;
    unsigned count;
    const struct rota_process *process; /* where to look; NULL: the calling one */
};

/* One cause while it is written: `text` and `remedy` write into the list's last place. */
struct rota_cause_writer {
    struct rota_text text;
    struct rota_text remedy;
};

/* Opens a place for another cause; false when the list is full. */
bool rota_cause_add(struct rota_cause_list *list, enum rota_certainty certainty,
                    struct rota_cause_writer *writer);
/* The same with fixed texts; `remedy` may be NULL. */
void rota_cause_put(struct rota_cause_list *list, enum rota_certainty certainty, const char *text,
                    const char *remedy);
/* Sorts by certainty, keeps the order among equals. */
void rota_cause_rank(struct rota_cause_list *list);
/* True when there is a cause of at least that certainty. */
bool rota_cause_known(const struct rota_cause_list *list, enum rota_certainty certainty);

/* The causes after a first line, which `text` holds already. */
void rota_cause_text(struct rota_text *text, const struct rota_cause *causes, int count);
/* "NAME: -22 EINVAL: what it means" */
void rota_answer_text(struct rota_text *text, const char *name, int ret);

#endif /* ROTA_SRC_EXPLAIN_H */
