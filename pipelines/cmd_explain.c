/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_explain.c: `weir explain FILE`: the typed plan. */
#include <stdio.h>

#include "pipelines/command.h"
#include "pipelines/plan.h"

static int run(const struct command_line *line)
{
    if (line->format == OUTPUT_CSV)
        return command_usage_error(line, "a plan has no CSV form; use --format table or json");
    struct problems problems = {0};
    struct pipeline_plan *plan = pipeline_plan_load(line->arguments[0], &problems);
    struct text text = TEXT_INIT;
    problems_write(&problems, &text);
    if (text.length)
        fputs(text.data, stderr);
    text_clear(&text);
    if (plan) {
        pipeline_plan_explain(plan, line->format != OUTPUT_TABLE, &text);
        fputs(text.data, stdout);
    }
    text_done(&text);
    problems_done(&problems);
    int code = plan ? EXIT_DONE : EXIT_USAGE;
    pipeline_plan_free(plan);
    return code;
}

const struct command command_explain = {
    .name = "explain",
    .usage = "FILE",
    .summary = "the typed plan of a pipeline file",
    .details =
        "The fields that are decoded, the stages with the columns that they add and hide, the\n"
        "tables with what each key takes of memory. Values from ${..} are not shown.",
    .arguments_min = 1,
    .arguments_max = 1,
    .run = run,
};
