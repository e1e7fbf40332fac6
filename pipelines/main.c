/* SPDX-License-Identifier: Apache-2.0 */
/* main.c: the table of commands, and which one is asked for. */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "pipelines/command.h"
#include "pipelines/version.h"

/* Every command: its descriptor stands in cmd_NAME.c. The order is that of `weir --help`. */
#define COMMANDS(X)                                                                                \
    X(run)                                                                                         \
    X(check)                                                                                       \
    X(test)                                                                                        \
    X(explain)                                                                                     \
    X(infer)                                                                                       \
    X(infer)                                                                                       \
    X(produce)                                                                                     \
    X(broker)                                                                                      \
    X(demo)                                                                                        \
    X(stages)                                                                                      \
    X(functions)                                                                                   \
    X(metrics)                                                                                     \
    X(new)

#define COMMAND_EXTERN(name) extern const struct command command_##name;
COMMANDS(COMMAND_EXTERN)

static const struct command *const commands[] = {
#define COMMAND_ENTRY(name) &command_##name,
    COMMANDS(COMMAND_ENTRY)};

static void help(FILE *to)
{
    fputs("usage: weir COMMAND [OPTIONS] [ARGS]\n\n"
          "Consumes Kafka topics, transforms and folds their records in memory, and answers\n"
          "questions about the live state over HTTP.\n\n",
          to);
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        fprintf(to, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
    fputs(
        "\n  weir COMMAND --help   says more about one of them\n"
        "  weir --version        this version and those of the libraries\n\n"
        "Exit codes: 0 done; 1 what was asked for failed; 2 the command line or a file is wrong;\n"
        "3 something needed cannot be reached.\n",
        to);
}

static const char *command_name_at(const void *context, size_t i)
{
    (void)context;
    return commands[i]->name;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return EXIT_USAGE;
    }
    const char *name = argv[1];
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || !strcmp(name, "help")) {
        help(stdout);
        return EXIT_DONE;
    }
    if (!strcmp(name, "--version")) {
        struct text text = TEXT_INIT;
        version_write(&text);
        fputs(text.data, stdout);
        text_done(&text);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < COUNT_OF(commands); i++)
        if (!strcmp(name, commands[i]->name))
            return command_main(commands[i], argc - 2, argv + 2);

    const char *near = suggest(name, COUNT_OF(commands), command_name_at, NULL);
    fprintf(stderr, "weir: error: there is no command `%s`%s%s%s; `weir --help` lists them\n", name,
            near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    return EXIT_USAGE;
}
