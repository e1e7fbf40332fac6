/* SPDX-License-Identifier: Apache-2.0 */
/*
 * command.h: one command of the command line.
 *
 * Each command is a file cmd_NAME.c that defines a constant descriptor; main.c holds the table of
 * them. --help, the man page and the parser come from it.
 */
#ifndef PIPELINES_COMMAND_H
#define PIPELINES_COMMAND_H

#include "base/text.h"

enum exit_code { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2, EXIT_UNREACHABLE = 3 };

struct command_option {
    const char *name;     /* "http"; the last entry has NULL */
    const char *argument; /* "ADDRESS:PORT"; NULL: a flag */
    const char *fallback; /* the default, for --help; NULL: none */
    const char *summary;
    bool many; /* each one counts; of the others the last */
};

enum output_format { OUTPUT_TABLE, OUTPUT_JSON, OUTPUT_CSV, OUTPUT_NDJSON };

/* The parsed command line. Values live as long as argv. */
struct command_line {
    const struct command *command;
    const char **arguments;
    uint32_t argument_count;
    struct command_value {
        const struct command_option *option;
        const char *value; /* "" of a flag */
    } * values;
    uint32_t value_count;
    enum output_format format; /* --format; table on a terminal, else json */
};

struct command {
    const char *name;
    const char *usage;   /* "FILE..." */
    const char *summary; /* one line */
    const char *details; /* paragraphs for --help; NULL: none */
    uint32_t arguments_min;
    uint32_t arguments_max; /* UINT32_MAX: any number */
    const struct command_option *options;
    int (*run)(const struct command_line *line); /* returns enum exit_code */
};

/* Parses what follows the command's name and runs it; returns the exit code. */
int command_main(const struct command *command, int argc, char **argv);
/* The last value given; `fallback` of the option where none was; NULL: neither. */
const char *command_value(const struct command_line *line, const char *name);
bool command_flag(const struct command_line *line, const char *name);
/* "weir COMMAND: text" to standard error; returns EXIT_USAGE, so that one can return it. */
int command_usage_error(const struct command_line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A table of text for people, or the same as JSON, CSV or NDJSON, to standard output. cells are
 * row by row; numbers in JSON where a cell is a number and `numeric` of its column says so. */
void command_print_table(const struct command_line *line, const char *const *columns,
                         const bool *numeric, uint32_t column_count, const char *const *cells,
                         uint32_t row_count);

#endif
