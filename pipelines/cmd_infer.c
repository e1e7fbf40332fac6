/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_infer.c: `weir infer`: the `fields:` block of a topic or file, from a sample. */
#include <stdio.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/value.h"
#include "ingest/file.h"
#include "pipelines/command.h"
#include "pipelines/infer_sample.h"

#define RECORDS_DEFAULT "10000"
#define RECORDS_MAX     10000000

static const struct command_option options[] = {
    {"brokers", "HOST:PORT,..", NULL, "with --topic: where the topic is", false},
    {"topic", "NAME", NULL, "with --brokers: the newest records of this topic", false},
    {"records", "N", RECORDS_DEFAULT, "how many to look at", false},
    {"csv", NULL, NULL, "the file is CSV with a header, whatever its name", false},
    {"delimiter", "C", ",", "of CSV", false},
    {NULL, NULL, NULL, NULL, false},
};

struct request {
    const char *path; /* NULL: a topic */
    const char *brokers;
    const char *topic;
    uint64_t records_max;
    struct decode_options decode;
};

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t tail = strlen(end);
    return length >= tail && !strcmp(text + length - tail, end);
}

/* 0, or the exit code of a usage error. */
static int request_read(const struct command_line *line, struct request *request)
{
    const char *records = command_value(line, "records");
    const char *delimiter = command_value(line, "delimiter");
    int64_t count;
    request->path = line->argument_count ? line->arguments[0] : NULL;
    request->brokers = command_value(line, "brokers");
    request->topic = command_value(line, "topic");
    if (!request->brokers != !request->topic)
        return command_usage_error(line, "--brokers and --topic go together");
    if (!request->path == !request->topic)
        return command_usage_error(line, "needs a file, or --brokers and --topic");
    if (int_read(records, strlen(records), &count) < 0 || count < 1 || count > RECORDS_MAX)
        return command_usage_error(line, "--records is a number from 1 to %d", RECORDS_MAX);
    if (strlen(delimiter) != 1 || strchr("\"\r\n", *delimiter))
        return command_usage_error(line, "--delimiter is one character");
    bool csv = request->path && (command_flag(line, "csv") || ends_with(request->path, ".csv"));
    request->records_max = (uint64_t)count;
    request->decode.format = csv ? DECODE_CSV : DECODE_JSON;
    request->decode.csv_delimiter = *delimiter;
    return EXIT_DONE;
}

static int sample(const struct request *request, struct infer *infer, struct weir_error *error)
{
    if (!request->path)
        return infer_sample_topic(infer, request->brokers, request->topic, request->records_max,
                                  error);
    return infer_sample_file(infer, request->path, request->decode.format == DECODE_CSV,
                             request->decode.csv_delimiter, request->records_max, error);
}

static int exit_code(int status)
{
    return status == WEIR_E_UNAVAILABLE ? EXIT_UNREACHABLE
           : status == WEIR_E_INVALID   ? EXIT_USAGE
                                        : EXIT_FAILED;
}

static int infer_and_print(const struct request *request, struct weir_error *error)
{
    struct infer *infer;
    int status = infer_new(&request->decode, &infer, error);
    if (status < 0)
        return exit_code(status);
    status = sample(request, infer, error);
    int code = EXIT_DONE;
    if (status < 0) {
        code = exit_code(status);
    } else if (!infer_records(infer)) {
        error_set(error, WEIR_E_INVALID, "%s",
                  infer_unreadable(infer) ? "none of the records could be read as JSON objects"
                                          : "there are no records");
        code = EXIT_FAILED;
    } else {
        struct text text = TEXT_INIT;
        infer_write(infer, &text);
        fputs(text.data, stdout);
        text_done(&text);
        fprintf(stderr, "weir infer: %llu records looked at, %llu could not be read\n",
                (unsigned long long)infer_records(infer),
                (unsigned long long)infer_unreadable(infer));
    }
    infer_free(infer);
    return code;
}

static int run(const struct command_line *line)
{
    struct request request = {0};
    int code = request_read(line, &request);
    if (code != EXIT_DONE)
        return code;
    log_init(LOG_ERROR, false); /* what a consumer says on its way is of no interest here */
    struct weir_error error = {0};
    char **columns = NULL;
    uint32_t column_count = 0;
    if (request.decode.format == DECODE_CSV) {
        int status = file_csv_header(request.path, request.decode.csv_delimiter, &columns,
                                     &column_count, &error);
        if (status < 0)
            code = EXIT_USAGE;
        request.decode.csv_columns = (const char *const *)columns;
        request.decode.csv_column_count = column_count;
    }
    if (code == EXIT_DONE)
        code = infer_and_print(&request, &error);
    if (code != EXIT_DONE)
        fprintf(stderr, "weir infer: error: %s\n", error.text);
    for (uint32_t i = 0; i < column_count; i++)
        free(columns[i]);
    free(columns);
    return code;
}

const struct command command_infer = {
    .name = "infer",
    .usage = "(--brokers B --topic T | DATA)",
    .summary = "samples records and writes the `fields:` block of a pipeline file",
    .details =
        "DATA is NDJSON, or CSV with a header. A type is proposed only if every value that was\n"
        "seen is of it. No value of a record is shown.",
    .arguments_min = 0,
    .arguments_max = 1,
    .options = options,
    .run = run,
};
