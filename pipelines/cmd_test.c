/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_test.c: `weir test FILE...` */
#include <stdio.h>

#include "base/log.h"
#include "pipelines/command.h"
#include "pipelines/daemon.h"
#include "pipelines/test_runner.h"

static const struct command_option options[] = {
    {NULL, NULL, NULL, NULL, false},
};

static int run(const struct command_line *line)
{
    log_init(LOG_ERROR, false);
    struct pipeline_plan **plans;
    int code = load_plans(line->arguments, line->argument_count, &plans);
    if (code != EXIT_DONE)
        return code;
    struct test_totals totals = {0};
    struct text out = TEXT_INIT;
    for (uint32_t i = 0; i < line->argument_count; i++) {
        tests_run(plans[i], &totals, &out);
        pipeline_plan_free(plans[i]);
    }
    free(plans);
    fputs(out.data ? out.data : "", stdout);
    text_done(&out);
    printf("%u passed, %u failed\n", totals.passed, totals.failed);
    return totals.failed ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_test = {
    .name = "test",
    .usage = "FILE...",
    .summary = "runs the `tests:` of the files on the real engine with a virtual clock",
    .details = "Prints what differs: lines with - were expected, lines with + came.",
    .arguments_min = 1,
    .arguments_max = UINT32_MAX,
    .options = options,
    .run = run,
};
