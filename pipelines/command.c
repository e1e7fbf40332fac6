/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/value.h"

static const struct command_option option_format = {
    "format", "table|json|csv|ndjson", NULL,
    "how results are printed (table on a terminal, else json)", false};

static void help(const struct command *command)
{
    printf("usage: weir %s%s%s\n\n%s\n", command->name, command->usage[0] ? " " : "",
           command->usage, command->summary);
    if (command->details)
        printf("\n%s\n", command->details);
    puts("\noptions:");
    for (const struct command_option *o = command->options; o && o->name; o++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", o->name, o->argument ? " " : "",
                 o->argument ? o->argument : "");
        printf("  %-30s %s%s%s%s\n", left, o->summary, o->fallback ? " [" : "",
               o->fallback ? o->fallback : "", o->fallback ? "]" : "");
    }
    printf("  %-30s %s\n", "--format table|json|csv|ndjson", option_format.summary);
    printf("  %-30s %s\n", "--help", "this text");
}

struct option_names {
    const struct command_option *options;
};

static const char *option_name_at(const void *context, size_t i)
{
    const struct option_names *names = context;
    return names->options[i].name;
}

static const struct command_option *option_find(const struct command *command, const char *name,
                                                size_t length)
{
    for (const struct command_option *o = command->options; o && o->name; o++)
        if (strlen(o->name) == length && !memcmp(o->name, name, length))
            return o;
    return strlen(option_format.name) == length && !memcmp(option_format.name, name, length)
               ? &option_format
               : NULL;
}

static int unknown_option(const struct command_line *line, const char *argument, const char *name)
{
    struct option_names names = {line->command->options};
    size_t count = 0;
    while (names.options && names.options[count].name)
        count++;
    const char *near = suggest(name, count, option_name_at, &names);
    return command_usage_error(line, "unknown option %s%s%s%s", argument,
                               near ? "; did you mean --" : "", near ? near : "", near ? "?" : "");
}

static bool format_read(const char *text, enum output_format *ret_format)
{
    static const char *const names[] = {"table", "json", "csv", "ndjson"};
    for (uint32_t i = 0; i < 4; i++)
        if (!strcmp(text, names[i])) {
            *ret_format = (enum output_format)i;
            return true;
        }
    return false;
}

/* One argument that begins with --; *at is moved past what it takes. */
static int parse_option(struct command_line *line, int argc, char **argv, int *at)
{
    const char *argument = argv[*at];
    const char *name = argument + 2;
    const char *equals = strchr(name, '=');
    size_t length = equals ? (size_t)(equals - name) : strlen(name);
    const struct command_option *option = option_find(line->command, name, length);
    if (!option)
        return unknown_option(line, argument, name);
    const char *value = "";
    if (option->argument) {
        if (equals)
            value = equals + 1;
        else if (*at + 1 < argc)
            value = argv[++*at];
        else
            return command_usage_error(line, "--%s needs %s", option->name, option->argument);
    } else if (equals) {
        return command_usage_error(line, "--%s takes no value", option->name);
    }
    if (option == &option_format && !format_read(value, &line->format))
        return command_usage_error(line, "--format %s: it is one of %s", value, option->argument);
    line->values[line->value_count].option = option;
    line->values[line->value_count++].value = value;
    return EXIT_DONE;
}

int command_main(const struct command *command, int argc, char **argv)
{
    struct command_line line = {.command = command};
    line.format = isatty(STDOUT_FILENO) ? OUTPUT_TABLE : OUTPUT_JSON;
    line.arguments = mem_array((size_t)argc + 1, sizeof *line.arguments);
    line.values = mem_array((size_t)argc + 1, sizeof *line.values);
    int code = EXIT_DONE;
    bool options_end = false;
    for (int i = 0; i < argc && code == EXIT_DONE; i++) {
        const char *argument = argv[i];
        if (options_end || argument[0] != '-' || !argument[1]) {
            line.arguments[line.argument_count++] = argument;
        } else if (!strcmp(argument, "--")) {
            options_end = true;
        } else if (!strcmp(argument, "--help") || !strcmp(argument, "-h")) {
            help(command);
            goto out;
        } else if (argument[1] != '-') {
            code = command_usage_error(&line, "unknown option %s; options begin with --", argument);
        } else {
            code = parse_option(&line, argc, argv, &i);
        }
    }
    if (code != EXIT_DONE)
        goto out;
    if (line.argument_count < command->arguments_min)
        code = command_usage_error(&line, "needs %s", command->usage);
    else if (line.argument_count > command->arguments_max)
        code = command_usage_error(&line, "`%s` is one argument too many",
                                   line.arguments[command->arguments_max]);
    else
        code = command->run(&line);
out:
    free(line.arguments);
    free(line.values);
    return code;
}

const char *command_value(const struct command_line *line, const char *name)
{
    const char *value = NULL;
    for (uint32_t i = 0; i < line->value_count; i++)
        if (!strcmp(line->values[i].option->name, name))
            value = line->values[i].value;
    if (value)
        return value;
    for (const struct command_option *o = line->command->options; o && o->name; o++)
        if (!strcmp(o->name, name))
            return o->fallback;
    return NULL;
}

bool command_flag(const struct command_line *line, const char *name)
{
    for (uint32_t i = 0; i < line->value_count; i++)
        if (!strcmp(line->values[i].option->name, name))
            return true;
    return false;
}

int command_usage_error(const struct command_line *line, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fprintf(stderr, "weir %s: error: ", line->command->name);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, "; `weir %s --help` says more\n", line->command->name);
    return EXIT_USAGE;
}

/* Characters, not bytes: what a terminal shows of UTF-8 without combining marks. */
static size_t shown_width(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

static void print_table_people(const char *const *columns, const bool *numeric,
                               uint32_t column_count, const char *const *cells, uint32_t row_count)
{
    size_t *widths = mem_array(column_count, sizeof *widths);
    for (uint32_t c = 0; c < column_count; c++)
        widths[c] = shown_width(columns[c]);
    for (uint32_t i = 0; i < row_count * column_count; i++) {
        size_t width = shown_width(cells[i]);
        if (width > widths[i % column_count])
            widths[i % column_count] = width;
    }
    for (uint32_t row = 0; row <= row_count; row++) {
        const char *const *line = row ? cells + (size_t)(row - 1) * column_count : columns;
        for (uint32_t c = 0; c < column_count; c++) {
            size_t pad = widths[c] - shown_width(line[c]);
            bool right = numeric && numeric[c];
            if (c)
                fputs("  ", stdout);
            if (right)
                printf("%*s", (int)pad, "");
            fputs(line[c], stdout);
            if (!right && c + 1 < column_count)
                printf("%*s", (int)pad, "");
        }
        putchar('\n');
    }
    free(widths);
}

static void write_json_row(struct text *out, const char *const *columns, const bool *numeric,
                           uint32_t column_count, const char *const *row)
{
    text_add_char(out, '{');
    for (uint32_t c = 0; c < column_count; c++) {
        if (c)
            text_add(out, ", ");
        json_write_string(out, columns[c], strlen(columns[c]));
        text_add(out, ": ");
        double number;
        if (numeric && numeric[c] && !row[c][0])
            text_add(out, "null");
        else if (numeric && numeric[c] && !float_read(row[c], strlen(row[c]), &number))
            text_add(out, row[c]);
        else
            json_write_string(out, row[c], strlen(row[c]));
    }
    text_add_char(out, '}');
}

static void write_csv_row(struct text *out, uint32_t column_count, const char *const *row)
{
    for (uint32_t c = 0; c < column_count; c++) {
        if (c)
            text_add_char(out, ',');
        csv_write_string(out, row[c], strlen(row[c]));
    }
    text_add(out, "\r\n");
}

void command_print_table(const struct command_line *line, const char *const *columns,
                         const bool *numeric, uint32_t column_count, const char *const *cells,
                         uint32_t row_count)
{
    if (line->format == OUTPUT_TABLE) {
        print_table_people(columns, numeric, column_count, cells, row_count);
        return;
    }
    struct text out = TEXT_INIT;
    if (line->format == OUTPUT_CSV)
        write_csv_row(&out, column_count, columns);
    if (line->format == OUTPUT_JSON)
        text_add_char(&out, '[');
    for (uint32_t r = 0; r < row_count; r++) {
        const char *const *row = cells + (size_t)r * column_count;
        if (line->format == OUTPUT_CSV) {
            write_csv_row(&out, column_count, row);
            continue;
        }
        if (line->format == OUTPUT_JSON)
            text_add(&out, r ? ",\n " : "");
        write_json_row(&out, columns, numeric, column_count, row);
        if (line->format == OUTPUT_NDJSON)
            text_add_char(&out, '\n');
    }
    if (line->format == OUTPUT_JSON)
        text_add(&out, "]\n");
    fwrite(out.data ? out.data : "", 1, out.length, stdout);
    text_done(&out);
}
