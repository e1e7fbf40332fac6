/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_new.c: `weir new pipeline NAME`: a first pipeline that runs and passes its own test. */
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "pipelines/command.h"
#include "pipelines/plan.h"

static const struct command_option options[] = {
    {"output", "FILE", NULL, "where to write it; default: NAME.yaml, - is standard output", false},
    {NULL, NULL, NULL, NULL, false},
};

/* NAME stands for the name given. */
static const char template[] =
    "# Reads JSON records from Kafka, counts them by kind and minute, keeps the last of each key.\n"
    "#\n"
    "#   weir check NAME.yaml     is everything right?\n"
    "#   weir test NAME.yaml      runs the tests at the end of this file\n"
    "#   weir run NAME.yaml       the daemon; answers on http://127.0.0.1:8080\n"
    "#\n"
    "# `weir infer --brokers B --topic T` writes the fields of an existing topic;\n"
    "# `weir stages` and `weir functions` list what can stand below.\n"
    "pipeline: NAME\n"
    "\n"
    "source:\n"
    "  kafka:\n"
    "    brokers: ${KAFKA_BROKERS:-127.0.0.1:9092}\n"
    "    topics: [NAME]\n"
    "  format: json\n"
    "  fields:\n"
    "    id: string\n"
    "    kind: string\n"
    "    value: decimal(2)?          # may be missing or null\n"
    "    at: timestamp(rfc3339)\n"
    "  event_time: at\n"
    "\n"
    "transforms:\n"
    "  - filter: kind <> 'test'\n"
    "  - set:\n"
    "      large: coalesce(value, 0) >= 100\n"
    "\n"
    "sink:\n"
    "  aggregates:\n"
    "    kinds:\n"
    "      by: [kind]\n"
    "      window: {size: 1m, keep: 24h}\n"
    "      measures:\n"
    "        records: count(*)\n"
    "        total: sum(value)\n"
    "  sets:\n"
    "    latest:\n"
    "      key: _key                 # of the Kafka record: a null value deletes\n"
    "      bins: [id, kind, value, large, at]\n"
    "\n"
    "tests:\n"
    "  - name: records are counted by kind and minute\n"
    "    at: 2026-01-01T12:00:00Z\n"
    "    input:\n"
    "      - {_key: a, id: \"1\", kind: order, value: 120.50, at: \"2026-01-01T11:59:10Z\"}\n"
    "      - {_key: b, id: \"2\", kind: order, value: 9.50, at: \"2026-01-01T11:59:40Z\"}\n"
    "      - {_key: c, id: \"3\", kind: test, value: 1, at: \"2026-01-01T11:59:50Z\"}\n"
    "      - {_key: b, _value: null}\n"
    "    expect:\n"
    "      aggregates:\n"
    "        kinds:\n"
    "          - {kind: order, window_start: \"2026-01-01T11:59:00Z\", records: 2, total: 130.00}\n"
    "      sets:\n"
    "        latest:\n"
    "          - {_key: a, id: \"1\", kind: order, value: 120.50, large: true, at: "
    "\"2026-01-01T11:59:10Z\"}\n";

static void fill(const char *name, struct text *out)
{
    for (const char *at = template; *at;) {
        const char *next = strstr(at, "NAME");
        size_t length = next ? (size_t)(next - at) : strlen(at);
        text_add_bytes(out, at, length);
        at += length;
        if (next) {
            text_add(out, name);
            at += strlen("NAME");
        }
    }
}

static int write_pipeline(const struct command_line *line, const char *name,
                          const struct text *text)
{
    const char *output = command_value(line, "output");
    if (output && !strcmp(output, "-")) {
        fputs(text->data, stdout);
        return EXIT_DONE;
    }
    char *path = output ? mem_strdup(output) : mem_printf("%s.yaml", name);
    struct weir_error error = {0};
    int code = EXIT_DONE;
    if (access(path, F_OK) == 0)
        code =
            command_usage_error(line, "%s is there already; name another file with --output", path);
    else if (file_write_atomic(path, text->data, text->length, 0644, &error) < 0) {
        fprintf(stderr, "weir new: error: %s\n", error.text);
        code = EXIT_FAILED;
    } else {
        fprintf(stderr, "%s: written; try `weir test %s`\n", path, path);
    }
    free(path);
    return code;
}

static int run(const struct command_line *line)
{
    if (!strcmp(line->arguments[0], "stage"))
        return command_usage_error(line, "this version makes no stages of one's own; it makes a "
                                         "`pipeline`");
    if (strcmp(line->arguments[0], "pipeline") != 0)
        return command_usage_error(line, "`%s` is not something to make; `pipeline` is",
                                   line->arguments[0]);
    const char *name = line->arguments[1];
    struct text text = TEXT_INIT;
    fill(name, &text);
    struct problems problems = {0};
    struct pipeline_plan *plan = pipeline_plan_parse("NAME", text.data, text.length, &problems);
    int code;
    if (plan)
        code = write_pipeline(line, name, &text);
    else
        code = command_usage_error(line, "%s", problems.items[0].text);
    pipeline_plan_free(plan);
    problems_done(&problems);
    text_done(&text);
    return code;
}

const struct command command_new = {
    .name = "new",
    .usage = "pipeline NAME",
    .summary = "a starting point that runs and passes its own test",
    .arguments_min = 2,
    .arguments_max = 2,
    .options = options,
    .run = run,
};
