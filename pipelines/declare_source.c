/* SPDX-License-Identifier: Apache-2.0 */
/* declare_source.c: `source:` but for its fields. */
#include "pipelines/declare.h"

#include "base/value.h"

#define START_CHOICES   "earliest, latest, or a time such as 2026-11-21T10:00:00Z"
#define TOPIC_BYTES_MAX 249 /* Kafka's own limit */

static bool topic_valid(const char *topic)
{
    size_t length = strlen(topic);
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return length && length <= TOPIC_BYTES_MAX && strcmp(topic, ".") && strcmp(topic, "..") &&
           !topic[strspn(topic, all)];
}

static void plan_topics(struct planner *planner, const struct weir_node *topics)
{
    struct kafka_options *kafka = &planner->plan->kafka;
    const char **names = planner_alloc(planner, topics->count * sizeof *names);
    if (!topics->count || topics->count > TOPICS_MAX)
        problem_error(planner->problems, topics->mark, "`topics` names 1 to %d topics", TOPICS_MAX);
    for (uint32_t i = 0; i < topics->count && i < TOPICS_MAX; i++) {
        const struct weir_node *topic = topics->values[i];
        if (!topic_valid(topic->text))
            problem_error(planner->problems, topic->mark,
                          "`%s` cannot be a topic: letters, digits, `.`, `_` and `-`, at most %d",
                          topic->secret ? "${..}" : topic->text, TOPIC_BYTES_MAX);
        for (uint32_t j = 0; j < i; j++)
            if (!strcmp(names[j], topic->text))
                problem_error(planner->problems, topic->mark, "the topic `%s` stands twice",
                              topic->secret ? "${..}" : topic->text);
        names[i] = topic->text;
        kafka->topic_count = i + 1;
    }
    kafka->topics = names;
}

static void plan_start(struct planner *planner, const struct weir_node *start)
{
    struct pipeline_plan *plan = planner->plan;
    if (!start || !strcmp(start->text, "earliest"))
        plan->start = START_EARLIEST;
    else if (!strcmp(start->text, "latest"))
        plan->start = START_LATEST;
    else if (time_read_rfc3339(start->text, start->text_length, &plan->start_ns) == 0)
        plan->start = START_TIME;
    else
        problem_error(planner->problems, start->mark, "`start` must be " START_CHOICES);
}

static void plan_properties(struct planner *planner, const struct weir_node *properties)
{
    if (!properties)
        return;
    struct kafka_property *list = planner_alloc(planner, properties->count * sizeof *list);
    for (uint32_t i = 0; i < properties->count; i++) {
        const struct weir_node *value = properties->values[i];
        list[i] = (struct kafka_property){.name = properties->keys[i]->text,
                                          .value = value->text,
                                          .secret = value->secret,
                                          .mark = properties->keys[i]->mark};
    }
    planner->plan->kafka.properties = list;
    planner->plan->kafka.property_count = properties->count;
}

static void plan_kafka(struct planner *planner, const struct weir_node *node)
{
    struct pipeline_plan *plan = planner->plan;
    plan->source = SOURCE_KAFKA;
    uint32_t errors = planner->problems->errors;
    node = declare_read(planner, node, &declare_kafka, "`source.kafka`");
    if (!node)
        return;
    const struct weir_node *group = node_get(node, "group");
    const struct weir_node *membership = node_get(node, "membership");
    const struct weir_node *on_gap = node_get(node, "on_gap");
    const struct weir_node *on_recreated = node_get(node, "on_recreated");
    int choice;

    const struct weir_node *brokers = node_get(node, "brokers");
    const struct weir_node *topics = node_get(node, "topics");
    plan->kafka.pipeline = plan->name;
    if (brokers) {
        plan->kafka.brokers = brokers->text;
        plan->kafka.brokers_mark = brokers->mark;
    }
    if (topics)
        plan_topics(planner, topics);
    plan_start(planner, node_get(node, "start"));
    plan_properties(planner, node_get(node, "properties"));
    plan->kafka.group = group ? group->text : planner_printf(planner, "weir-%s", plan->name);
    if (group && !*group->text)
        problem_error(planner->problems, group->mark, "`group` is empty");
    if (membership &&
        node_choice(membership, "`membership`", "static|dynamic", &choice, planner->problems))
        plan->kafka_dynamic = choice == 1;
    if (on_gap &&
        node_choice(on_gap, "`on_gap`", "stop|earliest|latest", &choice, planner->problems))
        plan->on_gap = (enum kafka_on_gap)choice;
    if (on_recreated &&
        node_choice(on_recreated, "`on_recreated`", "stop|restart", &choice, planner->problems))
        plan->on_recreated_restart = choice == 1;
    /* It looks at properties and brokers, and takes both for given. */
    if (brokers && topics && planner->problems->errors == errors)
        kafka_options_check(&plan->kafka, planner->problems);
}

static void plan_file(struct planner *planner, const struct weir_node *node)
{
    struct pipeline_plan *plan = planner->plan;
    plan->source = SOURCE_FILE;
    node = declare_read(planner, node, &declare_file_source, "`source.file`");
    if (!node)
        return;
    const struct weir_node *path = node_get(node, "path");
    const struct weir_node *follow = node_get(node, "follow");
    if (path && !*path->text)
        problem_error(planner->problems, path->mark, "`path` is empty");
    if (path) {
        char *full = node_path(path);
        plan->file.path = planner_text(planner, full);
        free(full);
    }
    if (follow)
        node_bool(follow, "`follow`", &plan->file.follow, planner->problems);
}

/* The formats that there are, and those that a later version has. */
#define FORMATS       "json|csv"
#define FORMATS_LATER "avro, protobuf, msgpack and text are not formats of this version"

static void plan_format_json(struct planner *planner, const struct weir_node *options)
{
    int choice = 0;
    if (options && options->kind != WEIR_NODE_NULL)
        options = declare_read(planner, options, &declare_format_json, "format `json`");
    const struct weir_node *validate = node_get(options, "validate");
    if (validate && node_choice(validate, "`validate`", "fields|full", &choice, planner->problems))
        planner->plan->decode.json_validate_full = choice == 1;
}

static void plan_format_csv(struct planner *planner, const struct weir_node *options)
{
    struct pipeline_plan *plan = planner->plan;
    struct decode_options *decode = &plan->decode;
    bool file = plan->source == SOURCE_FILE;
    plan->file.csv = file;
    plan->file.csv_header = file;
    if (options && options->kind != WEIR_NODE_NULL)
        options = declare_read(planner, options, &declare_format_csv, "format `csv`");
    const struct weir_node *header = node_get(options, "header");
    const struct weir_node *columns = node_get(options, "columns");
    const struct weir_node *delimiter = node_get(options, "delimiter");

    plan->file.csv_header = file && !columns;
    if (header) {
        bool has = false;
        node_bool(header, "`header`", &has, planner->problems);
        if (has && !file)
            problem_error(planner->problems, header->mark,
                          "in Kafka a record has no header; name the `columns`, or leave it to the "
                          "order of `fields`");
        plan->file.csv_header = has && file;
    }
    if (delimiter) {
        if (delimiter->text_length != 1 || strchr("\"\r\n", delimiter->text[0]))
            problem_error(planner->problems, delimiter->mark,
                          "`delimiter` is one character, as in `\";\"`");
        else
            plan->file.csv_delimiter = decode->csv_delimiter = delimiter->text[0];
    }
    if (columns) {
        const char **names = planner_alloc(planner, columns->count * sizeof *names);
        for (uint32_t i = 0; i < columns->count; i++)
            names[i] = columns->values[i]->text;
        if (!columns->count)
            problem_error(planner->problems, columns->mark, "`columns` names no column");
        decode->csv_columns = names;
        decode->csv_column_count = columns->count;
    }
}

static void plan_format(struct planner *planner, const struct weir_node *format)
{
    struct decode_options *decode = &planner->plan->decode;
    decode->csv_delimiter = ',';
    const struct weir_node *name = format;
    const struct weir_node *options = NULL;
    if (format && format->kind == WEIR_NODE_MAP && format->count == 1) {
        name = format->keys[0];
        options = format->values[0];
    }
    if (!name) {
        const char *path = planner->plan->file.path;
        size_t length = path ? strlen(path) : 0;
        if (length > 4 && !strcmp(path + length - 4, ".csv"))
            problem_warning(
                planner->problems, format ? format->mark : planner->plan->root->mark,
                "the format is json, and the file's name ends in .csv; say `format: csv`");
        return;
    }
    static const char *const later[] = {"avro", "protobuf", "msgpack", "text"};
    for (size_t i = 0; i < sizeof later / sizeof *later && name->kind == WEIR_NODE_SCALAR; i++)
        if (!strcmp(name->text, later[i])) {
            problem_error(planner->problems, name->mark,
                          "`%s` is not a format of this version; known: json, csv", name->text);
            return;
        }
    int choice;
    if (!node_choice(name, "`format`", FORMATS, &choice, planner->problems))
        return;
    decode->format = choice == 1 ? DECODE_CSV : DECODE_JSON;
    if (choice == 1)
        plan_format_csv(planner, options);
    else
        plan_format_json(planner, options);
}

static void plan_on_error(struct planner *planner, const struct weir_node *source)
{
    struct pipeline_plan *plan = planner->plan;
    const struct weir_node *on_error = node_get(source, "on_error");
    const struct weir_node *dead_letter = node_get(source, "dead_letter");
    int choice = 0;
    if (on_error)
        node_choice(on_error, "`on_error`", "dead_letter|skip|stop", &choice, planner->problems);
    plan->on_error = (enum on_error)choice;
    plan->dead_letter_bytes_max = DEAD_LETTER_BYTES_DEFAULT;
    if (!dead_letter)
        return;
    const struct weir_node *letters =
        declare_read(planner, dead_letter, &declare_dead_letter, "`source.dead_letter`");
    const struct weir_node *max_bytes = node_get(letters, "max_bytes");
    if (max_bytes)
        node_size(max_bytes, "`max_bytes`", &plan->dead_letter_bytes_max, planner->problems);
    if (on_error && plan->on_error != ON_ERROR_DEAD_LETTER)
        problem_error(planner->problems, dead_letter->mark,
                      "`dead_letter` has no effect with `on_error: %s`", on_error->text);
}

static void plan_time(struct planner *planner, const struct weir_node *source)
{
    struct sink_plan *sink = &planner->plan->sink;
    const struct weir_node *max_ahead = node_get(source, "max_ahead");
    const struct weir_node *idle = node_get(source, "idle");
    duration_read(declare_default(&declare_source, "max_ahead"), &sink->max_ahead_ns, NULL);
    duration_read(declare_default(&declare_source, "idle"), &sink->idle_ns, NULL);
    if (max_ahead)
        node_duration(max_ahead, "`max_ahead`", &sink->max_ahead_ns, planner->problems);
    if (idle)
        node_duration(idle, "`idle`", &sink->idle_ns, planner->problems);
}

void declare_plan_source(struct planner *planner, const struct weir_node *source)
{
    source = declare_read(planner, source, &declare_source, "`source`");
    if (!source || !node_get(source, "fields"))
        plan_unknown(planner->columns, PLAN_UNKNOWN_ALL);
    if (!source)
        return;
    const struct weir_node *kafka = node_get(source, "kafka");
    const struct weir_node *file = node_get(source, "file");
    if (!kafka == !file)
        problem_error(planner->problems, (file ? file : source)->mark,
                      file ? "`source` has `kafka` and `file`; it reads from one"
                           : "`source` needs `kafka: {brokers, topics}` or `file: {path}`");
    if (kafka)
        plan_kafka(planner, kafka);
    else if (file)
        plan_file(planner, file);
    plan_format(planner, node_get(source, "format"));
    plan_on_error(planner, source);
    plan_time(planner, source);
    const struct weir_node *fields = node_get(source, "fields");
    const struct weir_node *event_time = node_get(source, "event_time");
    if (fields)
        declare_plan_fields(planner, fields, event_time);
}
