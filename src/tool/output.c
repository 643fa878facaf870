/* SPDX-License-Identifier: MIT */
/* Messages, coloured and wrapped text. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tool/tool.h"

/* Lines in a file or pipe are this long; a terminal may have fewer or some more columns. */
#define WIDTH     80
#define MIN_WIDTH 40
#define MAX_WIDTH 100

const char *tool_name = "rota";

static bool colour;
static bool something_printed;
static unsigned width = WIDTH;

void complain(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", tool_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
}

int bad_option(void)
{
    fprintf(stderr, "Try '%s --help'.\n", tool_name);
    return STATUS_USAGE;
}

int usage_error(const char *format, ...)
{
    va_list args;

    fprintf(stderr, "%s: ", tool_name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return bad_option();
}

bool parse_number(const char *text, uint64_t max, uint64_t *value)
{
    unsigned long long number;
    char *end;

    if (*text < '0' || *text > '9')
        return false; /* strtoull would take blanks and signs */
    errno = 0;
    number = strtoull(text, &end, 0);
    if (errno || *end || number > max)
        return false;
    *value = number;
    return true;
}

bool may_colour(void)
{
    const char *no_color = getenv("NO_COLOR");
    const char *term = getenv("TERM");

    return (!no_color || !*no_color) && term && *term && strcmp(term, "dumb") != 0;
}

void output_start(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO))
        return;
    colour = may_colour();
    if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col >= MIN_WIDTH)
        width = size.ws_col < MAX_WIDTH ? size.ws_col : MAX_WIDTH;
}

static void start_tone(enum tone tone)
{
    static const char *const codes[] = {
        [TONE_PLAIN] = "",           [TONE_GOOD] = "\033[32m", [TONE_BAD] = "\033[31m",
        [TONE_WARNING] = "\033[33m", [TONE_TITLE] = "\033[1m", [TONE_FAINT] = "\033[2m",
    };

    if (colour)
        fputs(codes[tone], stdout);
    something_printed = true;
}

static void end_tone(enum tone tone)
{
    if (colour && tone != TONE_PLAIN)
        fputs("\033[0m", stdout);
}

void paint(enum tone tone, const char *format, ...)
{
    va_list args;

    start_tone(tone);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    end_tone(tone);
}

void heading(const char *format, ...)
{
    va_list args;

    if (something_printed)
        putchar('\n');
    start_tone(TONE_TITLE);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    end_tone(TONE_TITLE);
    putchar('\n');
}

/* Words from `at` on, each line behind `indent`; the cursor stands in column `column`. */
static void put_wrapped(unsigned indent, unsigned column, const char *at)
{
    bool first = true;

    something_printed = true;
    while (*at) {
        size_t blanks = strspn(at, " ");
        size_t length = strcspn(at + blanks, " \n");

        if (at[blanks] == '\n') {
            at += blanks + 1;
            printf("\n%*s", (int)indent, "");
            column = indent;
            first = true;
            continue;
        }
        if (!length)
            break;
        if (!first && column + 1 + length > width) {
            printf("\n%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        if (!first) {
            putchar(' ');
            column++;
        }
        fwrite(at + blanks, 1, length, stdout);
        column += (unsigned)length;
        at += blanks + length;
        first = false;
    }
    putchar('\n');
}

/* The formatted text, to be freed. */
static char *formatted(const char *format, va_list args)
{
    char *text;

    if (vasprintf(&text, format, args) < 0) {
        complain("no memory");
        exit(STATUS_TROUBLE);
    }
    return text;
}

void paragraph(unsigned indent, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = formatted(format, args);
    va_end(args);
    printf("%*s", (int)indent, "");
    put_wrapped(indent, indent, text);
    free(text);
}

void entry(unsigned indent, unsigned column, enum tone tone, const char *label, const char *format,
           ...)
{
    size_t end = indent + strlen(label);
    va_list args;
    char *text;

    va_start(args, format);
    text = formatted(format, args);
    va_end(args);
    printf("%*s", (int)indent, "");
    paint(tone, "%s", label);
    if (!*text) {
        putchar('\n');
    } else if (end + 1 > column) {
        printf("\n%*s", (int)column, "");
        put_wrapped(column, column, text);
    } else {
        printf("%*s", (int)(column - end), "");
        put_wrapped(column, column, text);
    }
    free(text);
}

void declaration(unsigned indent, const char *prototype)
{
    size_t column = indent;
    bool first = true;

    printf("%*s", (int)indent, "");
    while (*prototype) {
        size_t length = strcspn(prototype, ",");

        length += prototype[length] == ',';
        if (!first && column + 1 + length > width) {
            column = indent + 4;
            printf("\n%*s", (int)column, "");
        } else if (!first) {
            putchar(' ');
            column++;
        }
        fwrite(prototype, 1, length, stdout);
        column += length;
        prototype += length;
        prototype += strspn(prototype, " ");
        first = false;
    }
    putchar('\n');
}

const char *release_name(unsigned release)
{
    static char names[8][16];
    static unsigned next;
    char *name = names[next++ % 8];

    snprintf(name, sizeof(names[0]), "%u.%u", release >> 8, release & 0xff);
    return name;
}

void bytes_add(struct bytes *bytes, const void *data, size_t length)
{
    if (bytes->room - bytes->length < length) {
        size_t room = bytes->room ? bytes->room * 2 : 4096;

        while (room - bytes->length < length)
            room *= 2;
        bytes->data = realloc(bytes->data, room);
        if (!bytes->data) {
            complain("no memory");
            exit(STATUS_TROUBLE);
        }
        bytes->room = room;
    }
    if (length)
        memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
}

void bytes_byte(struct bytes *bytes, unsigned char byte)
{
    bytes_add(bytes, &byte, 1);
}

void bytes_free(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){NULL, 0, 0};
}
