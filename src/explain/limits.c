/* SPDX-License-Identifier: MIT */
/* Limits of the process that explain an error, with their numbers. */
#include "explain/explain.h"
#include "ring/core.h"

#include <linux/resource.h>

bool rota_limit_descriptors(struct rota_cause_list *list, const char *remedy)
{
    uint64_t limit = rota_limit(list->process, RLIMIT_NOFILE);
    unsigned open = rota_open_descriptors(list->process, limit);
    struct rota_cause_writer w;

    /* The error has no other reason; what is open now may be less than it was. */
    if (limit == UINT64_MAX || !rota_cause_add(list, ROTA_CERTAIN, &w))
        return false;
    rota_text_put(&w.text, "the process may have ");
    rota_text_decimal(&w.text, limit);
    rota_text_put(&w.text, " descriptors (RLIMIT_NOFILE), and ");
    rota_text_put(&w.text, open >= limit ? "has all of them" : "had all of them then");
    if (open && open < limit) {
        rota_text_put(&w.text, "; of those numbers now ");
        rota_text_decimal(&w.text, open);
        rota_text_put(&w.text, open == 1 ? " is in use" : " are in use");
    }
    rota_text_put(&w.remedy, remedy);
    return true;
}

void rota_limit_text(struct rota_text *text, const struct rota_process *process, int error)
{
    int resource = error == -EMFILE ? RLIMIT_NOFILE : RLIMIT_MEMLOCK;
    uint64_t limit;

    if (error != -EMFILE && error != -ENOMEM)
        return;
    limit = rota_limit(process, resource);
    rota_text_put(text, error == -EMFILE ? " (RLIMIT_NOFILE is " : " (RLIMIT_MEMLOCK is ");
    if (limit == UINT64_MAX)
        rota_text_put(text, "not set");
    else
        rota_text_decimal(text, limit);
    rota_text_put(text, limit != UINT64_MAX && error == -ENOMEM ? " bytes)" : ")");
}

static void look_at_size(struct rota_subject *s)
{
    uint64_t limit = rota_limit(s->list->process, RLIMIT_FSIZE);
    struct rota_cause_writer w;

    if (limit == UINT64_MAX ||
        !rota_cause_add(s->list, s->sqe->off >= limit ? ROTA_CERTAIN : ROTA_LIKELY, &w))
        return;
    rota_text_put(&w.text, "files of this process may have ");
    rota_text_decimal(&w.text, limit);
    rota_text_put(&w.text, " bytes");
    rota_text_put(&w.remedy, "raise RLIMIT_FSIZE");
}

void rota_situation_limits(struct rota_subject *s)
{
    uint64_t limit;
    struct rota_cause_writer w;

    if (s->res == -EMFILE) {
        (void)rota_limit_descriptors(
            s->list, "close some, raise RLIMIT_NOFILE, or put files into the ring's table");
    } else if (s->res == -EFBIG) {
        look_at_size(s);
    } else if (s->res == -ENOMEM) {
        limit = rota_limit(s->list->process, RLIMIT_MEMLOCK);
        if (limit != UINT64_MAX && rota_cause_add(s->list, ROTA_POSSIBLE, &w)) {
            rota_text_put(&w.text, "the process may lock ");
            rota_text_decimal(&w.text, limit);
            rota_text_put(&w.text, " bytes of memory");
            rota_text_put(&w.remedy, "raise RLIMIT_MEMLOCK");
        }
    }
}
