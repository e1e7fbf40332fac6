/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_metrics.c: `weir metrics`, the reference of what /metrics shows. */
#include "base/memory.h"
#include "base/metrics.h"
#include "pipelines/command.h"

static const struct command_option options[] = {
    {NULL, NULL, NULL, NULL, false},
};

static int run(const struct command_line *line)
{
    static const char *const columns[] = {"metric", "kind", "labels", "help"};
    const char **cells = mem_array((size_t)METRIC_COUNT * 4, sizeof *cells);
    for (uint32_t m = 0; m < METRIC_COUNT; m++) {
        const struct metric_description *d = metrics_describe((enum metric)m);
        const char *row[] = {d->name, d->kind, d->labels, d->help};
        memcpy(cells + (size_t)m * 4, row, sizeof row);
    }
    command_print_table(line, columns, NULL, 4, cells, METRIC_COUNT);
    free(cells);
    return EXIT_DONE;
}

const struct command command_metrics = {
    .name = "metrics",
    .usage = "",
    .summary = "reference of the metrics that /metrics shows",
    .arguments_min = 0,
    .arguments_max = 0,
    .options = options,
    .run = run,
};
