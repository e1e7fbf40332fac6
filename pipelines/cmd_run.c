/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_run.c: `weir run FILE...`, the daemon. */
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/value.h"
#include "pipelines/command.h"
#include "pipelines/daemon.h"
#include "pipelines/signals.h"

#define WORKERS_MAX       256
#define UNTIL_END_POLL_MS 20

static const struct command_option options[] = {
    {"http", "ADDRESS:PORT", "127.0.0.1:8080", "where to answer; port 0 takes a free one", false},
    {"insecure", NULL, NULL, "allow an --http address other than loopback, without authentication",
     false},
    {"data", "DIR", "./weir-data", "instance id, dead letters; one process each", false},
    {"workers", "N", NULL, "worker threads for each pipeline [one per core]", false},
    {"memory", "SIZE", "4GiB", "limit of the images of all pipelines", false},
    {"until-end", NULL, NULL, "stop when all sources are at the end that they found", false},
    {"log-level", "error|warn|info|debug", "info", "what is logged", false},
    {"log-format", "text|json", "text", "how it is logged, to standard error", false},
    {NULL, NULL, NULL, NULL, false},
};

static int read_options(const struct command_line *line, struct daemon_options *o)
{
    *o = (struct daemon_options){
        .files = line->arguments,
        .file_count = line->argument_count,
        .http_listen = command_value(line, "http"),
        .http_insecure = command_flag(line, "insecure"),
        .data_folder = command_value(line, "data"),
        .workers = (int32_t)sysconf(_SC_NPROCESSORS_ONLN),
    };
    struct weir_error error;
    const char *workers = command_value(line, "workers");
    int64_t count;
    if (workers) {
        if (int_read(workers, strlen(workers), &count) || count < 1 || count > WORKERS_MAX)
            return command_usage_error(line, "--workers %s: a number from 1 to %d is wanted",
                                       workers, WORKERS_MAX);
        o->workers = (int32_t)count;
    }
    if (size_read(command_value(line, "memory"), &o->memory_bytes, &error))
        return command_usage_error(line, "--memory: %s", error.text);
    enum log_level level;
    if (!log_level_read(command_value(line, "log-level"), &level))
        return command_usage_error(line, "--log-level %s: it is one of error, warn, info, debug",
                                   command_value(line, "log-level"));
    const char *format = command_value(line, "log-format");
    if (strcmp(format, "text") != 0 && strcmp(format, "json") != 0)
        return command_usage_error(line, "--log-format %s: it is text or json", format);
    log_init(level, !strcmp(format, "json"));
    return EXIT_DONE;
}

static int run(const struct command_line *line)
{
    struct daemon_options daemon_options;
    int code = read_options(line, &daemon_options);
    if (code != EXIT_DONE)
        return code;
    signals_init();
    struct daemon *daemon;
    code = daemon_start(&daemon_options, &daemon);
    if (code != EXIT_DONE)
        return code;

    bool until_end = command_flag(line, "until-end");
    bool failed = false;
    while (!signals_wait(until_end ? UNTIL_END_POLL_MS : -1))
        if (until_end && daemon_at_end(daemon, &failed))
            break;
    signals_arm_second();
    daemon_stop(daemon);
    /* Not exit(): librdkafka may leave threads behind that must not meet destructors. */
    fflush(NULL);
    _exit(failed ? EXIT_FAILED : EXIT_DONE);
}

const struct command command_run = {
    .name = "run",
    .usage = "FILE...",
    .summary = "the daemon: runs all named pipelines in one process",
    .details =
        "SIGTERM or SIGINT: stops reading, answers what is in flight, exits 0; a second one\n"
        "ends the process at once.",
    .arguments_min = 1,
    .arguments_max = UINT32_MAX,
    .options = options,
    .run = run,
};
