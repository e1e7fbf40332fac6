/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_functions.c: `weir functions [NAME]`: functions of expressions, and those of measures. */
#include <stdio.h>

#include "base/memory.h"
#include "pipelines/command.h"
#include "pipelines/reference.h"
#include "sink/plan.h"
#include "transforms/expr.h"

static const struct command_option options[] = {
    {"reference", NULL, NULL, "print the page docs/functions.md instead, in Markdown", false},
    {NULL, NULL, NULL, NULL, false},
};

static const struct {
    const char *name;
    const char *summary;
} measures[] = {
#define MEASURE_ROW(symbol, name, summary) {name, summary},
    MEASURE_FUNCTIONS(MEASURE_ROW)
#undef MEASURE_ROW
};

enum {
    COLUMN_NAME,
    COLUMN_USE,
    COLUMN_SIGNATURE,
    COLUMN_SUMMARY,
    COLUMN_EXAMPLE,
    COLUMN_RESULT,
    COLUMN_COUNT
};

/* A name stands in both worlds (min): then it has a row for each. */
static uint32_t collect(const char *name, const char **cells)
{
    uint32_t rows = 0;
    for (size_t i = 0; i < function_count(); i++) {
        const struct function_description *f = function_at(i);
        if (name && strcmp(name, f->name) != 0)
            continue;
        const char *row[COLUMN_COUNT] = {f->name,    "expression", f->signature,
                                         f->summary, f->example,   f->result};
        memcpy(cells + rows++ * COLUMN_COUNT, row, sizeof row);
    }
    for (size_t i = 0; i < MEASURE_FUNCTION_COUNT; i++) {
        size_t length = strcspn(measures[i].name, "(");
        if (name && (strlen(name) != length || strncmp(name, measures[i].name, length) != 0) &&
            strcmp(name, measures[i].name) != 0)
            continue;
        const char *row[COLUMN_COUNT] = {measures[i].name,    "measure", "",
                                         measures[i].summary, "",        ""};
        memcpy(cells + rows++ * COLUMN_COUNT, row, sizeof row);
    }
    return rows;
}

static const char *name_at(const void *context, size_t i)
{
    (void)context;
    size_t functions = function_count();
    return i < functions ? function_at(i)->name : measures[i - functions].name;
}

static void print_people(const char *const *cells, uint32_t rows)
{
    for (uint32_t i = 0; i < rows; i++) {
        const char *const *row = cells + i * COLUMN_COUNT;
        printf("%s%s (%s)\n    %s\n", i ? "\n" : "",
               *row[COLUMN_SIGNATURE] ? row[COLUMN_SIGNATURE] : row[COLUMN_NAME], row[COLUMN_USE],
               row[COLUMN_SUMMARY]);
        if (*row[COLUMN_EXAMPLE])
            printf("    %s  is  %s\n", row[COLUMN_EXAMPLE], row[COLUMN_RESULT]);
    }
}

static int run(const struct command_line *line)
{
    if (command_flag(line, "reference")) {
        struct text page = TEXT_INIT;
        reference_functions(&page);
        fputs(page.data, stdout);
        text_done(&page);
        return EXIT_DONE;
    }
    static const char *const columns[COLUMN_COUNT] = {"function", "use",     "signature",
                                                      "summary",  "example", "result"};
    const char *name = line->argument_count ? line->arguments[0] : NULL;
    size_t most = function_count() + MEASURE_FUNCTION_COUNT;
    const char **cells = mem_array(most * COLUMN_COUNT, sizeof *cells);
    uint32_t rows = collect(name, cells);
    int code = EXIT_DONE;
    if (!rows) {
        const char *near = suggest(name, most, name_at, NULL);
        code =
            command_usage_error(line, "there is no function `%s`%s%s%s", name,
                                near ? "; did you mean `" : "", near ? near : "", near ? "`?" : "");
    } else if (name && line->format == OUTPUT_TABLE) {
        print_people(cells, rows);
    } else if (line->format == OUTPUT_TABLE) {
        /* Examples are too wide for a terminal: `weir functions NAME` shows them. */
        static const char *const narrow[] = {"function", "use", "summary"};
        const char **few = mem_array(rows * 3, sizeof *few);
        for (uint32_t i = 0; i < rows; i++) {
            few[3 * i] = cells[i * COLUMN_COUNT + COLUMN_NAME];
            few[3 * i + 1] = cells[i * COLUMN_COUNT + COLUMN_USE];
            few[3 * i + 2] = cells[i * COLUMN_COUNT + COLUMN_SUMMARY];
        }
        command_print_table(line, narrow, NULL, 3, few, rows);
        free(few);
    } else {
        command_print_table(line, columns, NULL, COLUMN_COUNT, cells, rows);
    }
    free(cells);
    return code;
}

const struct command command_functions = {
    .name = "functions",
    .usage = "[NAME]",
    .summary = "the functions of expressions and measures, or one of them with an example",
    .arguments_min = 0,
    .arguments_max = 1,
    .options = options,
    .run = run,
};
