/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_check.c: `weir check FILE...`: everything that can be known without data. */
#include <stdio.h>

#include "base/memory.h"
#include "pipelines/command.h"
#include "pipelines/plan.h"
#include "pipelines/reference.h"

static const struct command_option options[] = {
    {"reference", NULL, NULL, "print the page docs/pipeline-files.md instead, in Markdown", false},
    {NULL, NULL, NULL, NULL, false},
};

enum { COLUMN_FILE, COLUMN_RESULT, COLUMN_PIPELINE, COLUMN_ERRORS, COLUMN_WARNINGS, COLUMN_COUNT };

/* Two pipelines of one name cannot run in one process. */
static void check_name(const struct command_line *line, char *const *cells, uint32_t i,
                       const struct pipeline_plan *plan, struct problems *problems)
{
    for (uint32_t j = 0; j < i; j++)
        if (*cells[j * COLUMN_COUNT + COLUMN_PIPELINE] &&
            !strcmp(cells[j * COLUMN_COUNT + COLUMN_PIPELINE], plan->name)) {
            struct weir_mark mark = plan->root->mark;
            mark.file = line->arguments[i];
            problem_error(problems, mark, "the pipeline of %s has the name `%s` as well",
                          line->arguments[j], plan->name);
        }
}

static int check_all(const struct command_line *line, char **cells)
{
    int code = EXIT_DONE;
    for (uint32_t i = 0; i < line->argument_count; i++) {
        struct problems problems = {0};
        struct pipeline_plan *plan = pipeline_plan_load(line->arguments[i], &problems);
        if (plan)
            check_name(line, cells, i, plan, &problems);
        struct text text = TEXT_INIT;
        problems_write(&problems, &text);
        if (text.length)
            fputs(text.data, stderr);
        text_done(&text);
        char **row = cells + i * COLUMN_COUNT;
        row[COLUMN_FILE] = mem_strdup(line->arguments[i]);
        row[COLUMN_RESULT] = mem_strdup(problems.errors ? "wrong" : "ok");
        row[COLUMN_PIPELINE] = mem_strdup(plan ? plan->name : "");
        row[COLUMN_ERRORS] = mem_printf("%u", problems.errors);
        row[COLUMN_WARNINGS] = mem_printf("%u", problems.warnings);
        if (problems.errors)
            code = EXIT_USAGE;
        pipeline_plan_free(plan);
        problems_done(&problems);
    }
    return code;
}

static int run(const struct command_line *line)
{
    if (command_flag(line, "reference")) {
        struct text page = TEXT_INIT;
        reference_pipeline_files(&page);
        fputs(page.data, stdout);
        text_done(&page);
        return EXIT_DONE;
    }
    if (!line->argument_count)
        return command_usage_error(line, "needs FILE...");
    static const char *const columns[COLUMN_COUNT] = {"file", "result", "pipeline", "errors",
                                                      "warnings"};
    static const bool numeric[COLUMN_COUNT] = {false, false, false, true, true};
    char **cells = mem_array((size_t)line->argument_count * COLUMN_COUNT, sizeof *cells);
    int code = check_all(line, cells);
    command_print_table(line, columns, numeric, COLUMN_COUNT, (const char *const *)cells,
                        line->argument_count);
    for (uint32_t i = 0; i < line->argument_count * COLUMN_COUNT; i++)
        free(cells[i]);
    free(cells);
    return code;
}

const struct command command_check = {
    .name = "check",
    .usage = "FILE...",
    .summary = "everything about pipeline files that can be known without data",
    .details =
        "Grammar, types, names, stages, windows. Each mistake is told with its place, what is\n"
        "wrong and a suggestion, all of a file at once, on standard error. No broker is asked.\n"
        "Exit code 2 where a file is wrong.",
    .arguments_min = 0,
    .arguments_max = UINT32_MAX,
    .options = options,
    .run = run,
};
