/* SPDX-License-Identifier: MIT */
/* The `rota` command: finds the subcommand and sees to it that what it printed has arrived. */
#include <errno.h>
#include <rota.h>
#include <string.h>

#include "tool/tool.h"

static const struct command {
    const char *name;
    const char *summary;
    const char *full_name;
    int (*main)(int argc, char **argv);
} commands[] = {
    {"probe", "what this kernel can do, against the table", "rota probe", probe_main},
    {"doctor", "whether a ring can be made here, and what limits will bite", "rota doctor",
     doctor_main},
    {"ops", "requests, register calls and flags as the table has them", "rota ops", ops_main},
    {"explain", "what an error of a request or of a set-up means", "rota explain", explain_main},
    {"decode", "submission and completion entries as text", "rota decode", decode_main},
    {"migrate", "liburing's names in a program, made rota's", "rota migrate", migrate_main},
    {"trace", "what a program does with its rings", "rota trace", trace_main},
    {"top", "the rings of all processes, and how busy they are", "rota top", top_main},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

static void print_help(FILE *to)
{
    fputs("Usage: rota COMMAND [OPTION]... [ARGUMENT]...\n"
          "io_uring explained: of this kernel, of a request, of an error.\n"
          "\n"
          "Commands:\n",
          to);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].summary);
    fputs("\n"
          "Options:\n"
          "  -h, --help     print this, or with a command its own help\n"
          "  -V, --version  print the version\n"
          "\n"
          "Examples:\n"
          "  rota doctor                   can I make a ring here?\n"
          "  rota probe --missing          what does this kernel lack?\n"
          "  rota ops recv                 all about IORING_OP_RECV\n"
          "  rota explain recv EINVAL      why does it fail?\n"
          "  xxd sqes.bin | rota decode    what do these bytes say?\n"
          "  rota migrate server.c         what changes with rota's names?\n"
          "  rota trace -- fio job.fio     what does that program do?\n"
          "  rota top                      who uses rings, and how busily?\n"
          "\n"
          "Exit status: 0 done; 1 the answer is no; 2 bad arguments; 3 a file or the\n"
          "kernel stood in the way. Each command takes --json. See rota(1).\n",
          to);
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (!strcmp(commands[i].name, name))
            return &commands[i];
    }
    return NULL;
}

static int run(int argc, char **argv)
{
    const struct command *command;
    char help[] = "--help";
    char *help_argv[] = {NULL, help, NULL};

    if (argc < 2) {
        print_help(stderr);
        return STATUS_USAGE;
    }
    if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
        (!strcmp(argv[1], "help") && argc == 2)) {
        print_help(stdout);
        return STATUS_OK;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
        uint32_t version = rota_version();

        printf("rota %u.%u.%u\n", version >> 16, version >> 8 & 0xff, version & 0xff);
        return STATUS_OK;
    }
    argc--;
    argv++;
    if (!strcmp(argv[0], "help")) { /* rota help probe */
        help_argv[0] = argv[1];
        argc = 2;
        argv = help_argv;
    }
    command = find_command(argv[0]);
    if (!command)
        return usage_error(
            argv[0][0] == '-' ? "there is no option '%s'" : "there is no command '%s'", argv[0]);
    tool_name = command->full_name;
    argv[0] = (char *)command->full_name; /* what getopt_long calls the program */
    return command->main(argc, argv);
}

int main(int argc, char **argv)
{
    int status;

    output_start();
    status = run(argc, argv);
    errno = 0;
    if (fflush(stdout) || ferror(stdout)) {
        complain("cannot write the output: %s", errno ? strerror(errno) : "write error");
        return STATUS_TROUBLE;
    }
    return status;
}
