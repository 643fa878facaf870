/* SPDX-License-Identifier: MIT */
/* Lists of causes, and their text. */
#include "explain/explain.h"
#include "ring/core.h"

/* Byte by byte: a copy of the structures would be a call to memcpy. */
static void copy(struct rota_cause *to, const struct rota_cause *from)
{
    unsigned char *left = (unsigned char *)to;
    const unsigned char *right = (const unsigned char *)from;

    for (size_t i = 0; i < sizeof(*to); i++) {
        left[i] = right[i];
        __asm__ volatile("" : : : "memory");
    }
}

bool rota_cause_add(struct rota_cause_list *list, enum rota_certainty certainty,
                    struct rota_cause_writer *writer)
{
    unsigned place = list->count;
    struct rota_cause *cause;

    while (place && list->causes[place - 1].certainty < certainty)
        place--;
    if (place >= list->max)
        return false;
    /* The weakest gives way when there is no room. */
    if (list->count < list->max)
        list->count++;
    for (unsigned i = list->count - 1; i > place; i--)
        copy(&list->causes[i], &list->causes[i - 1]);
    cause = &list->causes[place];
    cause->certainty = (uint8_t)certainty;
    cause->refusal = (uint8_t)list->refusal;
    rota_text_start(&writer->text, cause->text, sizeof(cause->text));
    rota_text_start(&writer->remedy, cause->remedy, sizeof(cause->remedy));
    return true;
}

void rota_cause_put(struct rota_cause_list *list, enum rota_certainty certainty, const char *text,
                    const char *remedy)
{
    struct rota_cause_writer writer;

    if (!rota_cause_add(list, certainty, &writer))
        return;
    rota_text_put(&writer.text, text);
    rota_text_put(&writer.remedy, remedy);
}

void rota_cause_sentence(struct rota_text *text, const struct rota_error_info *error, bool goes_on)
{
    for (const char *p = rota_word(error->cause); *p; p++) {
        if (p[0] != '.' || p[1] || !goes_on)
            rota_text_char(text, *p);
    }
}

bool rota_cause_known(const struct rota_cause_list *list, enum rota_certainty certainty)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (list->causes[i].certainty >= certainty)
            return true;
    }
    return false;
}

void rota_answer_text(struct rota_text *text, const char *name, int ret)
{
    const char *meaning = rota_error_meaning(ret);

    rota_text_all(text, name, ": ", NULL);
    rota_text_signed(text, ret);
    if (ret >= 0)
        return;
    if (rota_error_name(ret))
        rota_text_all(text, " ", rota_error_name(ret), NULL);
    if (meaning)
        rota_text_all(text, ": ", meaning, NULL);
}

void rota_cause_text(struct rota_text *text, const struct rota_cause *causes, int count)
{
    static const char *const words[] = {
        [ROTA_POSSIBLE] = "possible",
        [ROTA_LIKELY] = "likely",
        [ROTA_CERTAIN] = "certain",
    };

    for (int i = 0; i < count; i++) {
        rota_text_put(text, "\n ");
        rota_text_decimal(text, (unsigned)i + 1);
        rota_text_all(text, ". ", words[causes[i].certainty], ": ", causes[i].text, NULL);
        if (causes[i].remedy[0])
            rota_text_all(text, " -> ", causes[i].remedy, NULL);
    }
}
