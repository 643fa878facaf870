/* SPDX-License-Identifier: MIT */
/* `rota migrate`: liburing's names in a program, made rota's. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tool/migrate/migrate.h"

static struct {
    bool in_place;
    bool dry;
    bool json;
} options;

static const char help[] =
    "Usage: rota migrate [OPTION]... FILE...\n"
    "Gives a program that was written for liburing rota's names.\n"
    "\n"
    "Functions get the prefix rota_, struct io_uring becomes struct rota_ring, and\n"
    "<liburing.h> <rota.h>; other structures keep their names. Strings, comments and\n"
    "names of the program's own stay. What changes is shown as a diff; what a person\n"
    "has to decide is listed on standard error with its line. Files that are no C or\n"
    "C++ by their names (build files) are never changed: their lines that name\n"
    "liburing are listed. All files of a program are best given at once. A program\n"
    "that is to stay as it is can be built with rota, too: see rota_liburing(7).\n"
    "\n"
    "Options:\n"
    "  -n, --dry-run   change nothing, show what would change (this is the default)\n"
    "  -i, --in-place  change the files, each as a whole or not at all\n"
    "  -j, --json      as JSON: each change, and each remark\n"
    "  -h, --help      print this\n"
    "\n"
    "Examples:\n"
    "  rota migrate src/*.c src/*.h              what would change\n"
    "  rota migrate --in-place src/*.c src/*.h\n"
    "  rota migrate src/*.[ch] | patch -p0       the same\n"
    "  rota migrate meson.build configure.ac     where the build asks for liburing\n"
    "\n"
    "Exit status: 0 nothing is left to do; 1 something is left to a person; 2 bad\n"
    "arguments; 3 a file could not be read or written.\n";

static enum language language_of(const char *name)
{
    static const struct {
        const char *ending;
        enum language language;
    } known[] = {
        {"c", LANGUAGE_C},      {"h", LANGUAGE_EITHER}, {"inc", LANGUAGE_EITHER},
        {"C", LANGUAGE_CXX},    {"H", LANGUAGE_CXX},    {"cc", LANGUAGE_CXX},
        {"hh", LANGUAGE_CXX},   {"cpp", LANGUAGE_CXX},  {"hpp", LANGUAGE_CXX},
        {"cxx", LANGUAGE_CXX},  {"hxx", LANGUAGE_CXX},  {"c++", LANGUAGE_CXX},
        {"h++", LANGUAGE_CXX},  {"ipp", LANGUAGE_CXX},  {"inl", LANGUAGE_CXX},
        {"tpp", LANGUAGE_CXX},  {"tcc", LANGUAGE_CXX},  {"ixx", LANGUAGE_CXX},
        {"cppm", LANGUAGE_CXX},
    };
    const char *base = strrchr(name, '/');
    const char *end = name + strlen(name);
    const char *dot;

    base = base ? base + 1 : name;
    if (end - base > 3 && !strcmp(end - 3, ".in")) /* config.h.in */
        end -= 3;
    for (dot = end; dot > base && dot[-1] != '.';)
        dot--;
    for (size_t i = 0; dot > base && i < sizeof(known) / sizeof(known[0]); i++) {
        if (strlen(known[i].ending) == (size_t)(end - dot) &&
            !strncmp(dot, known[i].ending, (size_t)(end - dot)))
            return known[i].language;
    }
    return LANGUAGE_NONE;
}

static bool read_text(struct file *file)
{
    FILE *stream = fopen(file->name, "re");
    char block[16384];
    size_t length;
    int error;

    if (!stream) {
        complain("cannot open '%s': %s", file->name, strerror(errno));
        return false;
    }
    errno = 0;
    while ((length = fread(block, 1, sizeof(block), stream)) > 0)
        bytes_add(&file->text, block, length);
    error = ferror(stream) ? errno : 0;
    fclose(stream);
    if (error) {
        complain("cannot read '%s': %s", file->name, strerror(error));
        return false;
    }
    if (file->text.length && memchr(file->text.data, 0, file->text.length)) {
        complain("'%s' is no text", file->name);
        return false;
    }
    return true;
}

/* Whether the program has met rota before. */
static bool includes_rota(const struct file *file)
{
    size_t count;
    const struct token *tokens = file_tokens(file, &count);

    for (size_t i = 0; i < count; i++) {
        const char *name = (const char *)file->text.data + tokens[i].at + 1;

        if (tokens[i].kind == TOKEN_HEADER && tokens[i].length > 7 &&
            (!strncmp(name, "rota.h", 6) || !strncmp(name, "rota/", 5)))
            return true;
    }
    return false;
}

static bool write_all(int fd, const struct bytes *bytes)
{
    for (size_t done = 0; done < bytes->length;) {
        ssize_t wrote = write(fd, bytes->data + done, bytes->length - done);

        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return false;
        done += (size_t)wrote;
    }
    return true;
}

/* Beside the old file, with its owner and mode, and then in its place. */
static bool replace_file(const struct file *file, const char *target)
{
    struct bytes changed = migrate_changed(file);
    struct stat status;
    char *path;
    int fd, error = 0;

    if (asprintf(&path, "%s.XXXXXX", target) < 0) {
        complain("no memory");
        exit(STATUS_TROUBLE);
    }
    fd = mkstemp(path);
    if (fd < 0) {
        error = errno;
    } else {
        if (stat(target, &status) || (fchown(fd, status.st_uid, status.st_gid) && errno != EPERM) ||
            fchmod(fd, status.st_mode & 07777) || !write_all(fd, &changed) || fsync(fd) ||
            rename(path, target))
            error = errno;
        close(fd);
        if (error)
            unlink(path);
    }
    free(path);
    bytes_free(&changed);
    if (error)
        complain("cannot write '%s': %s", file->name, strerror(error));
    return !error;
}

static bool write_file(const struct file *file)
{
    char *target = realpath(file->name, NULL); /* a link stays one */
    bool written;

    if (!target) {
        complain("cannot write '%s': %s", file->name, strerror(errno));
        return false;
    }
    written = replace_file(file, target);
    free(target);
    return written;
}

static void print_remarks(const struct file *file)
{
    size_t count;
    const struct remark *remarks = file_remarks(file, &count);

    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "%s:%u: %s%s\n", file->name, remarks[i].line,
                remarks[i].left ? "" : "note: ", remarks[i].text);
}

static void print_json(const struct file *file)
{
    size_t count;
    const struct edit *edits = file_edits(file, &count);
    const struct remark *remarks;
    char from[128];

    json_object(NULL);
    json_string("file", file->name);
    json_array("changes");
    for (size_t i = 0; i < count; i++) {
        snprintf(from, sizeof(from), "%.*s", (int)edits[i].length,
                 (const char *)file->text.data + edits[i].at);
        json_object(NULL);
        json_number("line", edits[i].line);
        json_number("column", edits[i].column);
        json_string("from", from);
        json_string("to", edits[i].text);
        json_end();
    }
    json_end();
    json_array("remarks");
    remarks = file_remarks(file, &count);
    for (size_t i = 0; i < count; i++) {
        json_object(NULL);
        json_number("line", remarks[i].line);
        json_number("column", remarks[i].column);
        json_bool("left", remarks[i].left);
        json_string("text", remarks[i].text);
        json_end();
    }
    json_end();
    json_end();
}

static bool leaves_something(const struct file *file)
{
    size_t count;
    const struct remark *remarks = file_remarks(file, &count);

    for (size_t i = 0; i < count; i++) {
        if (remarks[i].left)
            return true;
    }
    return false;
}

static void free_file(struct file *file)
{
    size_t count;
    const struct remark *remarks = file_remarks(file, &count);

    for (size_t i = 0; i < count; i++)
        free(remarks[i].text);
    bytes_free(&file->text);
    bytes_free(&file->tokens);
    bytes_free(&file->edits);
    bytes_free(&file->remarks);
}

/* Nothing is written unless all could be read. */
static int migrate(struct file *files, size_t count)
{
    int status = STATUS_OK;

    for (size_t i = 0; i < count; i++) {
        files[i].language = language_of(files[i].name);
        if (!read_text(&files[i])) {
            status = STATUS_TROUBLE;
        } else if (files[i].language != LANGUAGE_NONE) {
            migrate_read_tokens(&files[i]);
            files[i].has_rota = includes_rota(&files[i]);
        }
    }
    if (status)
        return status;
    migrate_find_own(files, count);
    if (options.json)
        json_array(NULL);
    for (size_t i = 0; i < count; i++) {
        size_t edits;

        migrate_decide(&files[i]);
        (void)file_edits(&files[i], &edits);
        if (options.json)
            print_json(&files[i]);
        else
            print_remarks(&files[i]);
        if (edits && options.in_place && !write_file(&files[i]))
            status = STATUS_TROUBLE;
        else if (edits && !options.in_place && !options.json)
            migrate_print_diff(&files[i]);
        if (!status && leaves_something(&files[i]))
            status = STATUS_NO;
    }
    if (options.json)
        json_end();
    return status;
}

int migrate_main(int argc, char **argv)
{
    static const struct option long_options[] = {
        {"dry-run", no_argument, NULL, 'n'},
        {"in-place", no_argument, NULL, 'i'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct file *files;
    size_t count;
    int option, status;

    while ((option = getopt_long(argc, argv, "nijh", long_options, NULL)) != -1) {
        switch (option) {
        case 'n':
            options.dry = true;
            break;
        case 'i':
            options.in_place = true;
            break;
        case 'j':
            options.json = true;
            break;
        case 'h':
            fputs(help, stdout);
            return STATUS_OK;
        default:
            return bad_option();
        }
    }
    if (options.dry && options.in_place)
        return usage_error("--dry-run and --in-place exclude each other");
    if (optind == argc)
        return usage_error("a file is missing");
    count = (size_t)(argc - optind);
    files = calloc(count, sizeof(*files));
    if (!files) {
        complain("no memory");
        return STATUS_TROUBLE;
    }
    for (size_t i = 0; i < count; i++)
        files[i].name = argv[optind + (int)i];
    status = migrate(files, count);
    for (size_t i = 0; i < count; i++)
        free_file(&files[i]);
    free(files);
    return status;
}
