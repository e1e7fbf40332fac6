/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/test_runner.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/headers.h"
#include "base/node.h"
#include "base/value.h"
#include "pipelines/lane.h"
#include "pipelines/node_json.h"
#include "pipelines/test_compare.h"
#include "transforms/expr.h"

#define TEST_PARTITIONS_MAX 64
#define TEST_MEMORY_BYTES   ((uint64_t)1 << 30)
#define TEST_START          "2026-01-01T00:00:00Z"

static const struct weir_option test_options[] = {
    {"name", WEIR_OPTION_TEXT, 1, NULL, NULL, "what the test shows"},
    {"at", WEIR_OPTION_TEXT, 0, TEST_START, NULL, "where the clock stands"},
    {"input", WEIR_OPTION_NODE, 1, NULL, NULL, "records"},
    {"advance", WEIR_OPTION_DURATION, 0, NULL, NULL, "time that passes after the input"},
    {"expect", WEIR_OPTION_NODE, 1, NULL, NULL, "aggregates, sets, dead_letters"},
    {NULL, 0, 0, NULL, NULL, NULL},
};
static const struct weir_option expect_options[] = {
    {"aggregates", WEIR_OPTION_NODE, 0, NULL, NULL, "rows by aggregate"},
    {"sets", WEIR_OPTION_NODE, 0, NULL, NULL, "rows by set"},
    {"dead_letters", WEIR_OPTION_NODE, 0, NULL, NULL, "rejected records"},
    {NULL, 0, 0, NULL, NULL, NULL},
};
static const struct weir_option letter_options[] = {
    {"reason", WEIR_OPTION_TEXT, 0, NULL, NULL, "the label of the reason"},
    {"stage", WEIR_OPTION_TEXT, 0, NULL, NULL, "decode, or a stage's name"},
    {"error", WEIR_OPTION_TEXT, 0, NULL, NULL, "a part of the text"},
    {"value", WEIR_OPTION_TEXT, 0, NULL, NULL, "the record's original bytes"},
    {"offset", WEIR_OPTION_INT, 0, NULL, NULL, "counts from 0 in each partition"},
    {NULL, 0, 0, NULL, NULL, NULL},
};

struct letter {
    char *reason, *stage, *error, *value;
    int64_t offset;
};

struct test_run {
    const struct pipeline_plan *plan;
    struct lane_shared shared;
    struct memory_budget budget;
    struct lane *lanes[TEST_PARTITIONS_MAX]; /* made when first written to; 0 always */
    int64_t next_offsets[TEST_PARTITIONS_MAX];
    struct lane_tools tools;
    struct batch *batch;
    struct letter *letters;
    uint32_t letter_count;
    struct problems problems;
    struct text diff;
};

static const char *test_topic(const struct test_run *t)
{
    return t->plan->kafka.topic_count ? t->plan->kafka.topics[0] : "input";
}

static struct lane *lane_for(struct test_run *t, int64_t partition, struct weir_error *error)
{
    if (!t->lanes[partition] &&
        !lane_new(&t->shared, test_topic(t), (int32_t)partition, &t->lanes[partition], error))
        lane_begin(t->lanes[partition], 0, 0, 0);
    return t->lanes[partition];
}

static bool is_meta(const char *key)
{
    static const char *const names[] = {"_key", "_value", "_partition", "_timestamp", "_headers"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(key, names[i]))
            return true;
    return false;
}

/* A CSV record from a map: the columns in the order in which the pipeline knows them. */
static void write_csv(const struct pipeline_plan *plan, const struct weir_node *map,
                      struct text *out)
{
    bool named = plan->decode.csv_columns != NULL;
    uint32_t count = named ? plan->decode.csv_column_count : plan->field_count;
    for (uint32_t i = 0; i < count; i++) {
        const char *name = named ? plan->decode.csv_columns[i] : plan->fields[i].path[0];
        const struct weir_node *value = node_get(map, name);
        if (i)
            text_add_char(out, plan->decode.csv_delimiter ? plan->decode.csv_delimiter : ',');
        if (!node_is_null(value))
            csv_write_string(out, value->text, value->text_length);
    }
}

static void write_json(const struct weir_node *map, struct text *out)
{
    bool first = true;
    text_add_char(out, '{');
    for (uint32_t i = 0; i < map->count; i++) {
        if (is_meta(map->keys[i]->text))
            continue;
        text_add(out, first ? "" : ", ");
        first = false;
        json_write_string(out, map->keys[i]->text, map->keys[i]->text_length);
        text_add(out, ": ");
        node_write_json(out, map->values[i]);
    }
    text_add_char(out, '}');
}

/* What an item of `input:` stands for. */
struct input_record {
    struct weir_record record;
    int64_t partition;
    struct text value, headers;
};

static void read_headers(const struct weir_node *map, struct text *out)
{
    for (uint32_t i = 0; map && map->kind == WEIR_NODE_MAP && i < map->count; i++) {
        const struct weir_node *value = map->values[i];
        struct header header = {.name = str_of(map->keys[i]->text)};
        if (!node_is_null(value) && value->kind == WEIR_NODE_SCALAR)
            header.value = str_make(value->text, value->text_length);
        headers_add(out, header);
    }
}

static bool read_input(struct test_run *t, const struct weir_node *item, struct input_record *in)
{
    struct weir_record *r = &in->record;
    r->timestamp_ms = clock_wall_ns() / 1000000;
    if (item->kind == WEIR_NODE_SCALAR) {
        r->value = str_make(item->text, item->text_length);
        return true;
    }
    if (item->kind != WEIR_NODE_MAP) {
        problem_error(&t->problems, item->mark, "a record is a map of fields, or a text");
        return false;
    }
    const struct weir_node *key = node_get(item, "_key");
    const struct weir_node *partition = node_get(item, "_partition");
    const struct weir_node *timestamp = node_get(item, "_timestamp");
    if (!node_is_null(key))
        r->key = str_make(key->text, key->text_length);
    if (partition && !node_int(partition, "`_partition`", 0, TEST_PARTITIONS_MAX - 1,
                               &in->partition, &t->problems))
        return false;
    if (timestamp) {
        int64_t ns;
        if (timestamp->kind != WEIR_NODE_SCALAR ||
            time_read_rfc3339(timestamp->text, timestamp->text_length, &ns)) {
            problem_error(&t->problems, timestamp->mark, "`_timestamp` is a time as of RFC 3339");
            return false;
        }
        r->timestamp_ms = ns / 1000000;
    }
    read_headers(node_get(item, "_headers"), &in->headers);
    if (in->headers.length)
        r->headers = str_make(in->headers.data, in->headers.length);

    uint32_t plain = 0;
    for (uint32_t i = 0; i < item->count; i++)
        plain += !is_meta(item->keys[i]->text);
    const struct weir_node *raw = node_get(item, "_value");
    if (raw && plain) {
        problem_error(&t->problems, raw->mark, "`_value` is the whole value: no fields beside it");
        return false;
    }
    if (raw && node_is_null(raw))
        return true; /* a tombstone */
    if (raw)
        text_add_bytes(&in->value, raw->text, raw->text_length);
    else if (t->plan->decode.format == DECODE_CSV)
        write_csv(t->plan, item, &in->value);
    else
        write_json(item, &in->value);
    r->value = str_make(in->value.data ? in->value.data : "", in->value.length);
    return true;
}

static void keep_letters(struct test_run *t, const struct batch *batch)
{
    for (uint32_t i = 0; i < batch->reject_count; i++) {
        const struct batch_reject *reject = &batch->rejects[i];
        const struct weir_record *record = &batch->records[reject->row];
        t->letters = mem_grow(t->letters, t->letter_count + 1, sizeof *t->letters);
        t->letters[t->letter_count++] = (struct letter){
            .reason = mem_strdup(reason_label((enum weir_reason)reject->reason)),
            .stage = mem_strdup(reject->stage),
            .error = mem_strdup(reject->text),
            .value = mem_strndup(record->value.data, record->value.length),
            .offset = record->offset,
        };
    }
}

static void feed(struct test_run *t, const struct weir_node *input)
{
    for (uint32_t i = 0; i < input->count; i++) {
        struct weir_error error = {0};
        struct input_record in = {.value = TEXT_INIT, .headers = TEXT_INIT};
        struct lane *lane = NULL;
        if (read_input(t, input->values[i], &in)) {
            lane = lane_for(t, in.partition, &error);
            if (!lane)
                problem_error(&t->problems, input->values[i]->mark, "%s", error.text);
        }
        if (lane) {
            in.record.offset = t->next_offsets[in.partition]++;
            batch_begin(t->batch, test_topic(t), (int32_t)in.partition, clock_wall_ns());
            int r = batch_add(t->batch, &in.record);
            lane_end(lane, in.record.offset + 1);
            if (!r)
                r = lane_deliver(lane, &t->tools, t->batch);
            keep_letters(t, t->batch);
            if (r == SOURCE_HELD || (r && t->plan->on_error != ON_ERROR_STOP)) {
                struct partition_status status;
                lane_status(lane, &status);
                problem_error(&t->problems, input->values[i]->mark, "the record was not taken: %s",
                              status.reason);
            }
        }
        text_done(&in.value);
        text_done(&in.headers);
    }
}

static uint32_t view(struct test_run *t, struct query_partition partitions[TEST_PARTITIONS_MAX])
{
    uint32_t count = 0;
    for (int32_t i = 0; i < TEST_PARTITIONS_MAX; i++)
        if (t->lanes[i])
            partitions[count++] = (struct query_partition){
                .partition = lane_image(t->lanes[i]),
                .complete = true,
                .holds_back = !lane_is_idle(t->lanes[i], clock_wall_ns(), t->plan->sink.idle_ns),
                .topic = test_topic(t),
                .number = i,
            };
    return count;
}

static const struct query_limits limits = {60 * NS_PER_SECOND, 100000, (uint64_t)1 << 30, 10000000};

/* `[rows]` or `{order: "-x", rows: [..]}` */
static void expect_table(struct test_run *t, const struct weir_node *name,
                         const struct weir_node *expected, bool aggregate)
{
    const char *order = NULL;
    const struct weir_node *rows = expected;
    if (expected->kind == WEIR_NODE_MAP) {
        rows = node_get(expected, "rows");
        const struct weir_node *by = node_get(expected, "order");
        if (by && !node_text(by, "`order`", &order, &t->problems))
            return;
    }
    if (!rows || (rows->kind != WEIR_NODE_LIST && !node_is_null(rows))) {
        problem_error(&t->problems, expected->mark, "`%s` wants a list of rows, or {order, rows}",
                      name->text);
        return;
    }
    struct query_partition partitions[TEST_PARTITIONS_MAX];
    uint32_t count = view(t, partitions);
    const struct sink_plan *sink = &t->plan->sink;
    struct query_result result = {0};
    struct query_error error = {0};
    int r = 1;
    for (uint32_t i = 0; aggregate && i < sink->aggregate_count; i++)
        if (!strcmp(sink->aggregates[i].name, name->text)) {
            struct aggregate_query query = {.order = order,
                                            .limit = limits.rows_max,
                                            .window = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}};
            r = query_aggregate(&sink->aggregates[i], sink, partitions, count, &expression_ops_sql,
                                &limits, &query, &result, &error);
        }
    for (uint32_t i = 0; !aggregate && i < sink->set_count; i++)
        if (!strcmp(sink->sets[i].name, name->text)) {
            struct set_query query = {.order = order, .limit = limits.rows_max};
            r = query_set(&sink->sets[i], sink, partitions, count, &expression_ops_sql, &limits,
                          &query, &result, &error);
        }
    if (r > 0)
        problem_error(&t->problems, name->mark, "there is no %s `%s`",
                      aggregate ? "aggregate" : "set", name->text);
    else if (r < 0)
        problem_error(&t->problems, expected->mark, "%s", error.text);
    else {
        struct text lines = TEXT_INIT;
        if (!rows_compare(rows, &result, order != NULL, &lines))
            text_addf(&t->diff, "    %s %s: expected (-) and came (+)\n%s",
                      aggregate ? "aggregate" : "set", name->text, lines.data);
        text_done(&lines);
        query_result_done(&result);
    }
}

static bool letter_matches(const struct weir_node *expected, const struct letter *letter)
{
    const struct weir_node *reason = node_get(expected, "reason");
    const struct weir_node *stage = node_get(expected, "stage");
    const struct weir_node *error = node_get(expected, "error");
    const struct weir_node *value = node_get(expected, "value");
    const struct weir_node *offset = node_get(expected, "offset");
    int64_t number;
    return (!reason || !strcmp(reason->text, letter->reason)) &&
           (!stage || !strcmp(stage->text, letter->stage)) &&
           (!error || strstr(letter->error, error->text)) &&
           (!value || !strcmp(value->text, letter->value)) &&
           (!offset ||
            (!int_read(offset->text, offset->text_length, &number) && number == letter->offset));
}

/* In the order in which they were rejected, which is that of the input. */
static void expect_letters(struct test_run *t, const struct weir_node *expected)
{
    uint32_t count = expected && expected->kind == WEIR_NODE_LIST ? expected->count : 0;
    struct text lines = TEXT_INIT;
    for (uint32_t i = 0; i < count || i < t->letter_count; i++) {
        if (i < count &&
            !node_check_options(expected->values[i], letter_options, "a dead letter", &t->problems))
            continue;
        if (i < count && i < t->letter_count && letter_matches(expected->values[i], &t->letters[i]))
            continue;
        if (i < count) {
            text_add(&lines, "      - ");
            node_write_json(&lines, expected->values[i]);
            text_add_char(&lines, '\n');
        }
        if (i < t->letter_count)
            text_addf(&lines,
                      "      + {\"reason\": \"%s\", \"stage\": \"%s\", \"offset\": %lld}: %s\n",
                      t->letters[i].reason, t->letters[i].stage, (long long)t->letters[i].offset,
                      t->letters[i].error);
    }
    if (lines.length)
        text_addf(&t->diff, "    dead letters: expected (-) and came (+)\n%s", lines.data);
    text_done(&lines);
}

static void expect(struct test_run *t, const struct weir_node *expected)
{
    if (!node_check_options(expected, expect_options, "`expect`", &t->problems))
        return;
    const struct weir_node *aggregates = node_get(expected, "aggregates");
    const struct weir_node *sets = node_get(expected, "sets");
    for (uint32_t i = 0; aggregates && aggregates->kind == WEIR_NODE_MAP && i < aggregates->count;
         i++)
        expect_table(t, aggregates->keys[i], aggregates->values[i], true);
    for (uint32_t i = 0; sets && sets->kind == WEIR_NODE_MAP && i < sets->count; i++)
        expect_table(t, sets->keys[i], sets->values[i], false);
    expect_letters(t, node_get(expected, "dead_letters"));
}

static void run_steps(struct test_run *t, const struct weir_node *test)
{
    const struct weir_node *at = node_get(test, "at");
    const char *start = at ? at->text : TEST_START;
    int64_t now;
    if (time_read_rfc3339(start, strlen(start), &now)) {
        problem_error(&t->problems, at->mark, "`at` is a time as of RFC 3339: " TEST_START);
        return;
    }
    clock_set_virtual(now);
    struct weir_error error = {0};
    const struct weir_node *input = node_get(test, "input");
    if (!lane_for(t, 0, &error) || decoder_new(&t->plan->decode, t->plan->fields,
                                               t->plan->field_count, &t->tools.decoder, &error)) {
        problem_error(&t->problems, test->mark, "%s", error.text);
        return;
    }
    if (input->kind == WEIR_NODE_LIST)
        feed(t, input);
    int64_t advance;
    const struct weir_node *wait = node_get(test, "advance");
    if (wait && node_duration(wait, "`advance`", &advance, &t->problems))
        now += advance;
    clock_set_virtual(now);
    for (int i = 0; i < TEST_PARTITIONS_MAX; i++)
        if (t->lanes[i])
            lane_tick(t->lanes[i], now);
    if (!t->problems.errors)
        expect(t, node_get(test, "expect"));
}

static bool run_one(const struct pipeline_plan *plan, const struct weir_node *test,
                    struct text *out)
{
    struct test_run *t = mem_alloc(sizeof *t);
    t->plan = plan;
    t->budget.limit_bytes = TEST_MEMORY_BYTES;
    t->shared = (struct lane_shared){.plan = plan, .budget = &t->budget};
    t->batch = batch_new(plan->column_count);
    t->tools.stage_counts =
        mem_array(chain_stage_count(plan->chain) + 1, sizeof *t->tools.stage_counts);
    if (node_check_options(test, test_options, "a test", &t->problems))
        run_steps(t, test);
    clock_set_virtual(-1);

    bool passed = !t->problems.errors && !t->diff.length;
    if (!passed) {
        text_addf(out, "%s:%u: test failed: %s\n%s", plan->path, test->mark.line,
                  node_get(test, "name") ? node_get(test, "name")->text : "(no name)",
                  t->diff.data ? t->diff.data : "");
        problems_write(&t->problems, out);
    }
    for (int i = 0; i < TEST_PARTITIONS_MAX; i++)
        lane_free(t->lanes[i]);
    for (uint32_t i = 0; i < t->letter_count; i++) {
        free(t->letters[i].reason);
        free(t->letters[i].stage);
        free(t->letters[i].error);
        free(t->letters[i].value);
    }
    free(t->letters);
    free(t->tools.stage_counts);
    decoder_free(t->tools.decoder);
    batch_free(t->batch);
    problems_done(&t->problems);
    text_done(&t->diff);
    free(t);
    return passed;
}

void tests_run(const struct pipeline_plan *plan, struct test_totals *totals, struct text *out)
{
    const struct weir_node *tests = plan->tests;
    for (uint32_t i = 0; tests && tests->kind == WEIR_NODE_LIST && i < tests->count; i++) {
        if (run_one(plan, tests->values[i], out))
            totals->passed++;
        else
            totals->failed++;
    }
}
