/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_lane.c: one partition's way, from bytes to the answers, with everything real but the source.
 *
 * Invariants: I1 (nothing lost, nothing twice, however records are cut into batches and delivered
 * again), I3 (covers never goes back), I8 (consumed = applied + filtered + rejected + skipped +
 * pending).
 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "base/value.h"
#include "pipelines/lane.h"
#include "transforms/expr.h"

static const char pipeline_text[] = "pipeline: lanes\n"
                                    "source:\n"
                                    "  kafka: {brokers: localhost:1, topics: [t]}\n"
                                    "  format: json\n"
                                    "  fields: {k: string, n: int}\n"
                                    "  on_error: %s\n"
                                    "transforms:\n"
                                    "  - filter: n <> 7\n"
                                    "sink:\n"
                                    "  aggregates:\n"
                                    "    total: {measures: {records: count(*), sum: sum(n)}}\n"
                                    "  sets:\n"
                                    "    last: {key: _key, bins: [n]}\n";

struct fixture {
    struct pipeline_plan *plan;
    struct memory_budget budget;
    struct lane_shared shared;
    struct lane_tools tools;
    struct lane *lane;
    struct batch *batch;
};

static void setup(struct fixture *f, const char *on_error)
{
    *f = (struct fixture){.budget.limit_bytes = (uint64_t)256 << 20};
    struct text text = TEXT_INIT;
    struct problems problems = {0};
    struct weir_error error = {0};
    char *source = mem_printf(pipeline_text, on_error);
    f->plan = pipeline_plan_parse("lanes.yaml", source, strlen(source), &problems);
    problems_write(&problems, &text);
    if (problems.errors)
        fail_msg("%s", text.data);
    text_done(&text);
    problems_done(&problems);
    free(source);
    f->shared = (struct lane_shared){.plan = f->plan, .budget = &f->budget};
    f->tools.stage_counts =
        mem_array(chain_stage_count(f->plan->chain) + 1, sizeof *f->tools.stage_counts);
    assert_int_equal(decoder_new(&f->plan->decode, f->plan->fields, f->plan->field_count,
                                 &f->tools.decoder, &error),
                     0);
    assert_int_equal(lane_new(&f->shared, "t", 0, &f->lane, &error), 0);
    lane_begin(f->lane, 0, 0, 1000);
    f->batch = batch_new(f->plan->column_count);
}

static void teardown(struct fixture *f)
{
    lane_free(f->lane);
    batch_free(f->batch);
    decoder_free(f->tools.decoder);
    free(f->tools.stage_counts);
    pipeline_plan_free(f->plan);
}

static void begin(struct fixture *f)
{
    batch_begin(f->batch, "t", 0, 1000 * NS_PER_SECOND);
}

static void add(struct fixture *f, int64_t offset, const char *key, const char *value)
{
    struct weir_record record = {.offset = offset, .timestamp_ms = 1000000 + offset};
    if (key)
        record.key = str_of(key);
    if (value)
        record.value = str_of(value);
    assert_int_equal(batch_add(f->batch, &record), 0);
}

static void one_row(const struct fixture *f, bool set, struct query_result *result)
{
    struct query_partition partition = {
        .partition = lane_image(f->lane), .complete = true, .topic = "t"};
    struct query_limits limits = {NS_PER_SECOND * 60, 1000, 1 << 20, 1000};
    struct aggregate_query by_all = {.limit = 10,
                                     .window = {.from_ns = INT64_MIN, .to_ns = INT64_MAX}};
    struct set_query records = {.limit = 10};
    struct query_error error = {0};
    const struct sink_plan *sink = &f->plan->sink;
    int r = set ? query_set(&sink->sets[0], sink, &partition, 1, &expression_ops_sql, &limits,
                            &records, result, &error)
                : query_aggregate(&sink->aggregates[0], sink, &partition, 1, &expression_ops_sql,
                                  &limits, &by_all, result, &error);
    if (r)
        fail_msg("%s", error.text);
}

/* {records, sum} of the aggregate; the offset that the answer covers. */
static int64_t totals(const struct fixture *f, int64_t *ret_records, int64_t *ret_sum)
{
    struct query_result result;
    one_row(f, false, &result);
    assert_int_equal(result.row_count, 1);
    const struct weir_batch *chunk = &result.chunks[0]->view;
    *ret_records = chunk->columns[0]->ints[0];
    *ret_sum = weir_valid(chunk->columns[1], 0) ? chunk->columns[1]->ints[0] : 0;
    assert_int_equal(result.cover_count, 1);
    int64_t covers = result.covers[0].next_offset;
    query_result_done(&result);
    return covers;
}

static struct partition_status status_of(const struct fixture *f)
{
    struct partition_status status;
    lane_status(f->lane, &status);
    const struct record_counts *r = &status.records;
    assert_int_equal(r->consumed, r->applied + r->filtered + r->rejected + r->skipped + r->pending);
    return status;
}

static void test_each_fate_is_counted(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, "skip");
    begin(&f);
    add(&f, 0, "a", "{\"k\": \"x\", \"n\": 5}");
    add(&f, 1, "b", "{\"k\": \"x\", \"n\": 7}");     /* filtered */
    add(&f, 2, "c", "{\"k\": \"x\", \"n\": \"7\"}"); /* rejected: text is no number */
    add(&f, 3, "a", NULL);                           /* deletes a: applied */
    add(&f, 4, NULL, NULL);                          /* a tombstone without a key: skipped */
    add(&f, 5, "d", "{\"k\": \"x\", \"n\": 6}");
    assert_int_equal(lane_deliver(f.lane, &f.tools, f.batch), SOURCE_ACCEPTED);
    struct partition_status status = status_of(&f);
    assert_int_equal(status.records.consumed, 6);
    assert_int_equal(status.records.applied, 3);
    assert_int_equal(status.records.filtered, 1);
    assert_int_equal(status.records.rejected, 1);
    assert_int_equal(status.records.skipped, 1);
    assert_int_equal(status.next_offset, 6);

    int64_t records, sum;
    assert_int_equal(totals(&f, &records, &sum), 6);
    assert_int_equal(records, 2);
    assert_int_equal(sum, 11);
    struct query_result set;
    one_row(&f, true, &set);
    assert_int_equal(set.row_count, 1); /* d; a was deleted */
    query_result_done(&set);
    teardown(&f);
}

static void test_stop_applies_what_stands_before(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, "stop");
    begin(&f);
    add(&f, 0, "a", "{\"k\": \"x\", \"n\": 1}");
    add(&f, 1, "a", "{\"k\": \"x\", \"n\": 2}");
    add(&f, 2, "a", "broken");
    add(&f, 3, "a", "{\"k\": \"x\", \"n\": 4}");
    assert_true(lane_deliver(f.lane, &f.tools, f.batch) < 0);
    struct partition_status status = status_of(&f);
    assert_int_equal(status.state, PARTITION_FAILED);
    assert_non_null(strstr(status.reason, "offset 2"));
    assert_int_equal(status.records.consumed, 2);
    int64_t records, sum;
    assert_int_equal(totals(&f, &records, &sum), 2);
    assert_int_equal(sum, 3);
    teardown(&f);
}

static void test_position_moves_over_gaps(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, "skip");
    lane_begin(f.lane, 0, 0, 10);
    assert_int_equal(status_of(&f).state, PARTITION_CATCHING_UP);
    begin(&f);
    add(&f, 5, "a", "{\"k\": \"x\", \"n\": 1}"); /* 0 .. 4 were compacted away */
    assert_int_equal(lane_deliver(f.lane, &f.tools, f.batch), SOURCE_ACCEPTED);
    assert_int_equal(status_of(&f).lag_records, 4);
    lane_position(f.lane, 10); /* control records */
    struct partition_status status = status_of(&f);
    assert_int_equal(status.state, PARTITION_RUNNING);
    assert_int_equal(status.lag_records, 0);
    lane_position(f.lane, 3); /* never back */
    assert_int_equal(status_of(&f).next_offset, 10);
    teardown(&f);
}

/* Any cut into batches, any redelivery from an earlier offset: the same totals as one pass. */
static void test_redelivery_changes_nothing(void **unused)
{
    (void)unused;
    struct test_random random = random_begin();
    enum { RECORDS = 5000 };
    int64_t *values = mem_array(RECORDS, sizeof *values);
    int64_t expected_records = 0, expected_sum = 0;
    for (int i = 0; i < RECORDS; i++) {
        values[i] = (int64_t)random_below(&random, 20) - 5;
        if (values[i] != 7 && values[i] >= 0) {
            expected_records++;
            expected_sum += values[i];
        }
    }
    struct fixture f;
    setup(&f, "skip");
    lane_begin(f.lane, 0, 0, RECORDS);
    int64_t next = 0, covered = 0;
    while (covered < RECORDS) {
        int64_t back = (int64_t)random_below(&random, 400);
        int64_t from = random_below(&random, 4) ? next : next < back ? 0 : next - back;
        int64_t count = 1 + (int64_t)random_below(&random, 300);
        begin(&f);
        for (int64_t i = from; i < from + count && i < RECORDS; i++) {
            char value[64];
            if (values[i] < 0)
                snprintf(value, sizeof value, "{\"k\": \"x\", \"n\": null}");
            else
                snprintf(value, sizeof value, "{\"n\": %lld, \"k\": \"x\"}", (long long)values[i]);
            add(&f, i, "key", value);
        }
        assert_int_equal(lane_deliver(f.lane, &f.tools, f.batch), SOURCE_ACCEPTED);
        int64_t records, sum;
        int64_t now = totals(&f, &records, &sum);
        assert_true(now >= covered);
        covered = now;
        next = from + count > next ? from + count : next;
        next = next > RECORDS ? RECORDS : next;
        assert_int_equal(covered, next);
    }
    int64_t records, sum;
    totals(&f, &records, &sum);
    assert_int_equal(records, expected_records);
    assert_int_equal(sum, expected_sum);
    struct partition_status status = status_of(&f);
    assert_int_equal(status.records.consumed, RECORDS);
    assert_int_equal(status.records.applied, expected_records);
    teardown(&f);
    free(values);
}

/* A set that is full and says on_full: pause holds the batch back, whole; later it goes in once. */
static void test_full_holds_the_batch(void **unused)
{
    (void)unused;
    struct fixture f;
    setup(&f, "skip");
    f.budget.limit_bytes = 1; /* no page more than there are */
    char value[64];
    int64_t offset = 0;
    int r = SOURCE_ACCEPTED;
    while (r == SOURCE_ACCEPTED && offset < 2000000) {
        begin(&f);
        for (int i = 0; i < 1000; i++, offset++) {
            char key[24];
            snprintf(key, sizeof key, "%lld", (long long)offset);
            snprintf(value, sizeof value, "{\"k\": \"x\", \"n\": 1}");
            add(&f, offset, key, value);
        }
        r = lane_deliver(f.lane, &f.tools, f.batch);
    }
    assert_int_equal(r, SOURCE_HELD);
    struct partition_status status = status_of(&f);
    assert_int_equal(status.state, PARTITION_PAUSED);
    assert_int_equal(status.records.pending, 1000);
    assert_int_equal(status.next_offset, offset - 1000);
    assert_int_equal(lane_deliver(f.lane, &f.tools, f.batch), SOURCE_HELD);
    assert_int_equal(status_of(&f).records.pending, 1000);
    f.budget.limit_bytes = (uint64_t)256 << 20;
    assert_int_equal(lane_deliver(f.lane, &f.tools, f.batch), SOURCE_ACCEPTED);
    status = status_of(&f);
    assert_int_equal(status.records.pending, 0);
    assert_int_equal(status.records.applied, offset);
    assert_int_not_equal(status.state, PARTITION_PAUSED);
    int64_t records, sum;
    assert_int_equal(totals(&f, &records, &sum), offset);
    assert_int_equal(records, offset);
    teardown(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_fate_is_counted),
        cmocka_unit_test(test_stop_applies_what_stands_before),
        cmocka_unit_test(test_position_moves_over_gaps),
        cmocka_unit_test(test_redelivery_changes_nothing),
        cmocka_unit_test(test_full_holds_the_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
