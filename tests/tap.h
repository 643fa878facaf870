/* SPDX-License-Identifier: MIT */
/*
 * The smallest TAP producer a C test needs.
 *
 *     int main(void)
 *     {
 *         ok(1 + 1 == 2, "arithmetic holds");
 *         is_int(strlen("rota"), 4, "strlen counts %s", "letters");
 *         if (!have_socket)
 *             skip(2, "no network: %s", reason);
 *         return done();
 *     }
 *
 * Each check prints one line at once. `done` prints the plan and gives the
 * exit status: 0 all passed, 1 something failed (or nothing ran), 77 every
 * check was skipped. `skip_all` and `bail` end the program. A failed check
 * prints where it stands and what was found, and the program goes on; the
 * checks return true on success, so that a test can stop where going on makes
 * no sense. Callable from several threads; the numbers stay unique.
 */
#ifndef ROTA_TESTS_TAP_H
#define ROTA_TESTS_TAP_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int tap_run, tap_failed, tap_skipped;

/* Prints `# ...` in front of each line of the formatted message, on stdout, so that order is kept. */
__attribute__((format(printf, 1, 2), unused)) static void diag(const char *format, ...)
{
    char text[2048];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    printf("# ");
    for (const char *c = text; *c; c++) {
        putchar(*c);
        if (*c == '\n' && c[1])
            printf("# ");
    }
    putchar('\n');
    fflush(stdout);
}

__attribute__((format(printf, 4, 5), unused)) static bool tap_check(bool passed, const char *file,
                                                                    int line, const char *format,
                                                                    ...)
{
    int number = __atomic_add_fetch(&tap_run, 1, __ATOMIC_RELAXED);
    char name[512];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    printf("%sok %d - %s\n", passed ? "" : "not ", number, name);
    if (!passed) {
        __atomic_add_fetch(&tap_failed, 1, __ATOMIC_RELAXED);
        printf("#   failed at %s:%d\n", file, line);
    }
    fflush(stdout);
    return passed;
}

/* ok(condition, name-format, ...): passes when the condition holds. */
#define ok(condition, ...) tap_check((condition) ? true : false, __FILE__, __LINE__, __VA_ARGS__)

/* is_int(got, expected, name-format, ...): signed comparison, prints both on failure. */
#define is_int(got, expected, ...) \
    tap_is_int((intmax_t)(got), (intmax_t)(expected), #got, __FILE__, __LINE__, __VA_ARGS__)

/* is_hex(got, expected, name-format, ...): unsigned comparison, prints both in hexadecimal. */
#define is_hex(got, expected, ...) \
    tap_is_hex((uintmax_t)(got), (uintmax_t)(expected), #got, __FILE__, __LINE__, __VA_ARGS__)

/* is_str(got, expected, name-format, ...): compares strings; NULL equals only NULL. */
#define is_str(got, expected, ...) \
    tap_is_str((got), (expected), #got, __FILE__, __LINE__, __VA_ARGS__)

/* is_mem(got, expected, bytes, name-format, ...): compares memory, dumps both from the first difference. */
#define is_mem(got, expected, bytes, ...) \
    tap_is_mem((got), (expected), (bytes), #got, __FILE__, __LINE__, __VA_ARGS__)

__attribute__((format(printf, 6, 7), unused)) static bool tap_is_int(intmax_t got,
                                                                     intmax_t expected,
                                                                     const char *what,
                                                                     const char *file, int line,
                                                                     const char *format, ...)
{
    char name[512];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    if (tap_check(got == expected, file, line, "%s", name))
        return true;
    diag("  %s\n       got: %" PRIdMAX "\n  expected: %" PRIdMAX, what, got, expected);
    return false;
}

__attribute__((format(printf, 6, 7), unused)) static bool tap_is_hex(uintmax_t got,
                                                                     uintmax_t expected,
                                                                     const char *what,
                                                                     const char *file, int line,
                                                                     const char *format, ...)
{
    char name[512];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    if (tap_check(got == expected, file, line, "%s", name))
        return true;
    diag("  %s\n       got: 0x%" PRIxMAX "\n  expected: 0x%" PRIxMAX, what, got, expected);
    return false;
}

__attribute__((format(printf, 6, 7), unused)) static bool tap_is_str(const char *got,
                                                                     const char *expected,
                                                                     const char *what,
                                                                     const char *file, int line,
                                                                     const char *format, ...)
{
    bool same = got && expected ? !strcmp(got, expected) : got == expected;
    char name[512];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    if (tap_check(same, file, line, "%s", name))
        return true;
    diag("  %s\n       got: %s\n  expected: %s", what, got ? got : "(null)",
         expected ? expected : "(null)");
    return false;
}

__attribute__((format(printf, 7, 8), unused)) static bool tap_is_mem(const void *got,
                                                                     const void *expected,
                                                                     size_t bytes, const char *what,
                                                                     const char *file, int line,
                                                                     const char *format, ...)
{
    const unsigned char *g = (const unsigned char *)got, *e = (const unsigned char *)expected;
    size_t first = 0;
    char name[512];
    va_list args;

    va_start(args, format);
    vsnprintf(name, sizeof(name), format, args);
    va_end(args);
    while (first < bytes && g[first] == e[first])
        first++;
    if (tap_check(first == bytes, file, line, "%s", name))
        return true;
    diag("  %s differs at byte %zu of %zu", what, first, bytes);
    for (int row = 0; row < 2; row++) {
        printf("#   %s", row ? "expected:" : "     got:");
        for (size_t i = first; i < bytes && i < first + 16; i++)
            printf(" %02x", row ? e[i] : g[i]);
        putchar('\n');
    }
    fflush(stdout);
    return false;
}

/* Counts `count` checks as skipped, with the reason. */
__attribute__((format(printf, 2, 3), unused)) static void skip(int count, const char *format, ...)
{
    char reason[512];
    va_list args;

    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    for (int i = 0; i < count; i++) {
        int number = __atomic_add_fetch(&tap_run, 1, __ATOMIC_RELAXED);

        __atomic_add_fetch(&tap_skipped, 1, __ATOMIC_RELAXED);
        printf("ok %d # SKIP %s\n", number, reason);
    }
    fflush(stdout);
}

/* Ends the program as skipped as a whole; to be called before the first check. */
__attribute__((format(printf, 1, 2), noreturn, unused)) static void skip_all(const char *format,
                                                                             ...)
{
    va_list args;

    va_start(args, format);
    printf("1..0 # SKIP ");
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    exit(77);
}

/* Ends the program: the ground the test stands on is missing, and no check after this can be trusted. */
__attribute__((format(printf, 1, 2), noreturn, unused)) static void bail(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    printf("Bail out! ");
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    fflush(stdout);
    exit(1);
}

/* Prints the plan and gives the exit status of the program. */
__attribute__((unused)) static int done(void)
{
    printf("1..%d\n", tap_run);
    fflush(stdout);
    if (!tap_run || tap_failed)
        return 1;
    return tap_skipped == tap_run ? 77 : 0;
}

#endif /* ROTA_TESTS_TAP_H */
