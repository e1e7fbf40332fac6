/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_produce.c: `weir produce DATA`. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/value.h"
#include "pipelines/command.h"
#include "pipelines/daemon.h"
#include "pipelines/produce.h"

static const struct command_option options[] = {
    {"pipeline", "FILE", NULL, "the pipeline whose brokers, topic and field types are used", false},
    {"brokers", "HOST:PORT,..", NULL, "with --topic, instead of --pipeline", false},
    {"topic", "NAME", NULL, "with --brokers; or another topic than the pipeline's", false},
    {"key", "FIELD", NULL, "the field or column whose value becomes the record's key", false},
    {"rate", "N", NULL, "records a second [as fast as it goes]", false},
    {"raw", NULL, NULL, "send lines as they are, also those of a CSV file", false},
    {NULL, NULL, NULL, NULL, false},
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text), tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

static int produce(const struct command_line *line, struct produce_options *o)
{
    struct weir_error error = {0};
    uint64_t records = 0;
    int64_t began = clock_mono_ns();
    int code = produce_file(o, &records, &error);
    double seconds = (double)(clock_mono_ns() - began) / 1e9;
    if (code != EXIT_DONE)
        fprintf(stderr, "weir produce: error: %s\n", error.text);
    if (code == EXIT_USAGE)
        return code;
    char count[24], time[24];
    snprintf(count, sizeof count, "%llu", (unsigned long long)records);
    snprintf(time, sizeof time, "%.3f", seconds);
    const char *columns[] = {"topic", "records", "seconds"};
    const bool numeric[] = {false, true, true};
    const char *cells[] = {o->topic, count, time};
    command_print_table(line, columns, numeric, 3, cells, 1);
    return code;
}

static int run(const struct command_line *line)
{
    struct produce_options o = {
        .path = line->arguments[0],
        .csv = ends_with(line->arguments[0], ".csv"),
        .raw = command_flag(line, "raw"),
        .brokers = command_value(line, "brokers"),
        .topic = command_value(line, "topic"),
        .key = command_value(line, "key"),
        .progress = isatty(STDERR_FILENO),
    };
    const char *rate = command_value(line, "rate");
    if (rate && (int_read(rate, strlen(rate), &o.rate) || o.rate < 1))
        return command_usage_error(line, "--rate %s: a number from 1 on is wanted", rate);
    if (access(o.path, R_OK))
        return command_usage_error(line, "cannot read %s", o.path);

    log_init(LOG_WARN, false);
    const char *file = command_value(line, "pipeline");
    struct pipeline_plan **plans = NULL;
    if (file) {
        int code = load_plans(&file, 1, &plans);
        if (code != EXIT_DONE)
            return code;
        const struct pipeline_plan *plan = plans[0];
        if (plan->source != SOURCE_KAFKA) {
            pipeline_plan_free(plans[0]);
            free(plans);
            return command_usage_error(line, "the pipeline of %s reads a file, not a topic", file);
        }
        o.plan = plan;
        o.brokers = o.brokers ? o.brokers : plan->kafka.brokers;
        o.topic = o.topic ? o.topic : plan->kafka.topics[0];
        o.properties = plan->kafka.properties;
        o.property_count = plan->kafka.property_count;
    }
    int code = o.brokers && o.topic
                   ? produce(line, &o)
                   : command_usage_error(line, "needs --pipeline FILE, or --brokers and --topic");
    if (plans)
        pipeline_plan_free(plans[0]);
    free(plans);
    return code;
}

const struct command command_produce = {
    .name = "produce",
    .usage = "DATA",
    .summary = "CSV or NDJSON into a topic: replays a recorded file",
    .details =
        "A file named *.csv is CSV with a header, anything else NDJSON. CSV rows become JSON\n"
        "objects, typed by the pipeline's fields; without them what matches JSON's number\n"
        "grammar is written as a number, verbatim.",
    .arguments_min = 1,
    .arguments_max = 1,
    .options = options,
    .run = run,
};
