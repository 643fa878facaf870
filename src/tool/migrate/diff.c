/* SPDX-License-Identifier: MIT */
/* The text with its edits, and the two side by side. An edit stays on its line. */
#include <string.h>

#include "tool/migrate/migrate.h"

/* Lines that are shown around one that changes. */
#define CONTEXT 3

struct bytes migrate_changed(const struct file *file)
{
    struct bytes out = {NULL, 0, 0};
    size_t count, done = 0;
    const struct edit *edits = file_edits(file, &count);

    for (size_t i = 0; i < count; i++) {
        bytes_add(&out, file->text.data + done, edits[i].at - done);
        bytes_add(&out, edits[i].text, strlen(edits[i].text));
        done = edits[i].at + edits[i].length;
    }
    bytes_add(&out, file->text.data + done, file->text.length - done);
    return out;
}

struct view {
    const struct file *file;
    const struct edit *edits;
    size_t edit_count;
    size_t next; /* the first edit that was not shown */
    size_t at;   /* of the line that comes next */
    unsigned line;
};

static size_t line_length(const struct view *view)
{
    const char *from = (const char *)view->file->text.data + view->at;
    size_t rest = view->file->text.length - view->at;
    const char *end = memchr(from, '\n', rest);

    return end ? (size_t)(end - from) + 1 : rest;
}

static void print_line(enum tone tone, char sign, const struct bytes *line)
{
    bool ends = line->length && line->data[line->length - 1] == '\n';

    paint(tone, "%c%.*s", sign, (int)(line->length - ends), (const char *)line->data);
    putchar('\n');
    if (!ends)
        puts("\\ No newline at end of file");
}

/* The line that comes next, as it is or as it becomes. */
static void print_next(struct view *view, bool changed)
{
    size_t length = line_length(view), done = view->at;
    struct bytes line = {NULL, 0, 0};

    for (; changed && view->next < view->edit_count && view->edits[view->next].line == view->line;
         view->next++) {
        const struct edit *edit = &view->edits[view->next];

        bytes_add(&line, view->file->text.data + done, edit->at - done);
        bytes_add(&line, edit->text, strlen(edit->text));
        done = edit->at + edit->length;
    }
    bytes_add(&line, view->file->text.data + done, view->at + length - done);
    print_line(changed ? TONE_GOOD : TONE_PLAIN, changed ? '+' : ' ', &line);
    bytes_free(&line);
}

static void print_old(const struct view *view)
{
    struct bytes line = {NULL, 0, 0};

    bytes_add(&line, view->file->text.data + view->at, line_length(view));
    print_line(TONE_BAD, '-', &line);
    bytes_free(&line);
}

static void pass_line(struct view *view)
{
    view->at += line_length(view);
    view->line++;
}

static bool changes(const struct view *view)
{
    return view->next < view->edit_count && view->edits[view->next].line == view->line;
}

static bool more(const struct view *view)
{
    return view->at < view->file->text.length;
}

static unsigned lines_of(const struct file *file)
{
    struct view view = {.file = file, .line = 1};

    while (more(&view))
        pass_line(&view);
    return view.line - 1;
}

/* Changed lines in a row, the old ones first. */
static void print_change(struct view *view)
{
    struct view old = *view;

    while (more(&old) && changes(&old)) {
        print_old(&old);
        while (changes(&old))
            old.next++;
        pass_line(&old);
    }
    while (more(view) && changes(view)) {
        print_next(view, true);
        pass_line(view);
    }
}

void migrate_print_diff(const struct file *file)
{
    struct view view = {.file = file, .line = 1};
    unsigned total = lines_of(file);

    view.edits = file_edits(file, &view.edit_count);
    paint(TONE_TITLE, "--- %s\n+++ %s\n", file->name, file->name);
    while (view.next < view.edit_count) {
        unsigned first = view.edits[view.next].line, last = first;
        unsigned start = first > CONTEXT ? first - CONTEXT : 1, end;

        for (size_t i = view.next; i < view.edit_count; i++) {
            if (view.edits[i].line > last + 2 * CONTEXT + 1)
                break;
            last = view.edits[i].line;
        }
        end = last + CONTEXT < total ? last + CONTEXT : total;
        while (view.line < start)
            pass_line(&view);
        paint(TONE_FAINT, "@@ -%u,%u +%u,%u @@", start, end - start + 1, start, end - start + 1);
        putchar('\n');
        while (view.line <= end && more(&view)) {
            if (changes(&view)) {
                print_change(&view);
            } else {
                print_next(&view, false);
                pass_line(&view);
            }
        }
    }
}
