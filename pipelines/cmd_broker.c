/* SPDX-License-Identifier: Apache-2.0 */
/* cmd_broker.c: `weir broker`, the embedded development broker. */
#include <stdio.h>

#include "base/memory.h"
#include "base/value.h"
#include "ingest/kafka.h"
#include "pipelines/command.h"
#include "pipelines/signals.h"

#define BROKER_PARTITIONS_MAX 1000

static const struct command_option options[] = {
    {"port", "PORT", "9092", "where clients bootstrap; 0 takes a free one", false},
    {"topic", "NAME:PARTITIONS", NULL, "make a topic; may be given more than once", true},
    {NULL, NULL, NULL, NULL, false},
};

/* "payments:4"; without a number one partition. */
static int make_topic(struct kafka_broker *broker, const struct command_line *line,
                      const char *argument)
{
    const char *colon = strrchr(argument, ':');
    int64_t partitions = 1;
    if (colon && (int_read(colon + 1, strlen(colon + 1), &partitions) || partitions < 1 ||
                  partitions > BROKER_PARTITIONS_MAX))
        return command_usage_error(line, "--topic %s: NAME:PARTITIONS is wanted, 1 to %d", argument,
                                   BROKER_PARTITIONS_MAX);
    char *name = mem_strndup(argument, colon ? (size_t)(colon - argument) : strlen(argument));
    struct weir_error error = {0};
    int code = EXIT_DONE;
    if (kafka_broker_topic(broker, name, (int32_t)partitions, &error)) {
        fprintf(stderr, "weir broker: error: %s\n", error.text);
        code = EXIT_FAILED;
    }
    free(name);
    return code;
}

static int run(const struct command_line *line)
{
    const char *port_text = command_value(line, "port");
    int64_t port;
    if (int_read(port_text, strlen(port_text), &port) || port < 0 || port > 65535)
        return command_usage_error(line, "--port %s: a port is wanted, 0 to 65535", port_text);
    signals_init();
    struct weir_error error = {0};
    struct kafka_broker *broker;
    if (kafka_broker_new((int)port, &broker, &error)) {
        fprintf(stderr, "weir broker: error: %s\n", error.text);
        return EXIT_FAILED;
    }
    int code = EXIT_DONE;
    for (uint32_t i = 0; i < line->value_count && code == EXIT_DONE; i++)
        if (!strcmp(line->values[i].option->name, "topic"))
            code = make_topic(broker, line, line->values[i].value);
    if (code == EXIT_DONE) {
        printf("%s\n", kafka_broker_bootstrap(broker));
        fflush(stdout);
        fputs("weir broker: serves until it is interrupted; keeps nothing\n", stderr);
        while (!signals_wait(-1))
            continue;
    }
    kafka_broker_free(broker);
    return code;
}

const struct command command_broker = {
    .name = "broker",
    .usage = "",
    .summary = "the embedded development broker, for trying things out without Kafka",
    .details = "Topics that are asked for come into being with 4 partitions. Nothing is kept: for\n"
               "work, use Apache Kafka.",
    .arguments_min = 0,
    .arguments_max = 0,
    .options = options,
    .run = run,
};
