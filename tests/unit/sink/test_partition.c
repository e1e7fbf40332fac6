/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition as a whole: offsets, watermarks, limits that pause before anything was applied,
 * eviction, memory, groups that die with their panes.
 */
#include "tests/unit/sink/stream.h"

#include "base/memory.h"

#define SECOND NS_PER_SECOND

struct fixture {
    struct sink_plan sink;
    struct aggregate_plan aggregates[2];
    struct set_plan set;
    struct weir_field user, bins[2];
    struct measure_plan measures[4];
    struct memory_budget budget;
    struct partition *partition;
    struct stream stream;
    struct batch *batch;
    struct partition_counts counts;
};

static void begin(struct fixture *f)
{
    static const char *const texts[] = {"count(*)", "sum(n)", "min(name)", "last(name)"};
    *f = (struct fixture){.budget.limit_bytes = (uint64_t)1 << 30};
    f->user = stream_field(C_USER);
    f->bins[0] = stream_field(C_N);
    f->bins[1] = stream_field(C_NAME);
    stream_measures(f->measures, texts, 4);
    f->aggregates[0] = (struct aggregate_plan){
        .name = "running",
        .by = &f->user,
        .by_count = 1,
        .where_column = SINK_NO_COLUMN,
        .measures = f->measures,
        .measure_count = 4,
        .groups_max = 1000000,
        .on_full = ON_FULL_PAUSE,
    };
    f->aggregates[1] = f->aggregates[0];
    f->aggregates[1].name = "windowed";
    f->aggregates[1].windowed = true;
    f->aggregates[1].size_ns = f->aggregates[1].slide_ns = f->aggregates[1].pane_ns = 10 * SECOND;
    f->aggregates[1].keep_ns = f->aggregates[1].lateness_ns = 60 * SECOND;
    f->set = (struct set_plan){
        .name = "users",
        .key = &f->user,
        .key_count = 1,
        .bins = f->bins,
        .bin_count = 2,
        .version_column = SINK_NO_COLUMN,
        .delete_column = SINK_NO_COLUMN,
        .on_full = ON_FULL_PAUSE,
    };
    f->sink = (struct sink_plan){
        .pipeline = "test",
        .aggregates = f->aggregates,
        .aggregate_count = 2,
        .sets = &f->set,
        .set_count = 1,
        .event_time_column = C_TIME,
        .max_ahead_ns = 300 * SECOND,
    };
}

static void open(struct fixture *f)
{
    assert_int_equal(partition_new(&f->sink, "events", 3, &f->budget, &f->partition, NULL), 0);
    f->batch = batch_new(STREAM_COLUMN_COUNT);
}

static void end(struct fixture *f)
{
    partition_free(f->partition);
    stream_done(&f->stream);
    batch_free(f->batch);
    assert_int_equal(f->budget.used_bytes, 0);
}

static void make(struct fixture *f, const struct stream_options *options)
{
    struct test_random random = random_begin();
    stream_make(&f->stream, &random, options);
    for (uint32_t i = 0; i < f->stream.count; i++)
        f->stream.events[i].filtered = false;
}

static int apply(struct fixture *f, uint32_t first, uint32_t count)
{
    return stream_apply(&f->stream, first, count, f->batch, f->partition, &f->counts);
}

static uint64_t records_of(struct partition *partition, uint32_t aggregate)
{
    struct partials p = PARTIALS_INIT;
    uint64_t records = 0;
    assert_int_equal(
        partials_copy(partition, aggregate, INT64_MIN, INT64_MAX, UINT64_MAX >> 1, &p, NULL), 0);
    for (uint32_t e = 0; e < p.entry_count; e++)
        records += aggregate_state_records(p.layout, partials_state(&p, e));
    partials_done(&p);
    return records;
}

static void test_new_partition(void **state)
{
    (void)state;
    struct fixture f;
    struct partition_info info;
    begin(&f);
    make(&f, &(struct stream_options){.count = 1, .users = 1, .regions = 1});
    open(&f);
    assert_string_equal(partition_topic(f.partition), "events");
    assert_int_equal(partition_number(f.partition), 3);
    partition_info(f.partition, &info);
    assert_true(info.watermark_ns == INT64_MIN && info.newest_event_time_ns == INT64_MIN);
    assert_int_equal(info.next_offset, 0);
    assert_int_equal(info.records + info.groups, 0);
    assert_true(info.memory_bytes <= 16 * 4096);
    end(&f);
}

static void test_offsets_and_versions(void **state)
{
    (void)state;
    struct fixture f;
    struct partition_info info;
    begin(&f);
    make(&f, &(struct stream_options){.count = 200, .users = 10, .regions = 1, .step_ns = 1000});
    open(&f);
    uint64_t version = partition_version(f.partition);
    assert_int_equal(apply(&f, 0, 100), 0);
    assert_true(partition_version(f.partition) > version);
    partition_info(f.partition, &info);
    assert_int_equal(info.next_offset, f.stream.events[99].offset + 1);
    assert_true(info.watermark_ns == f.stream.events[99].values[C_TIME].i);

    version = partition_version(f.partition);
    partition_advance(f.partition, info.next_offset);
    partition_tick(f.partition, f.stream.now_ns);
    assert_int_equal(partition_version(f.partition), version); /* nothing changed */
    partition_advance(f.partition, info.next_offset + 7);
    assert_true(partition_version(f.partition) > version);
    partition_info(f.partition, &info);
    assert_int_equal(info.next_offset, f.stream.events[99].offset + 8);
    assert_int_equal(f.counts.applied, 100);
    end(&f);
}

/* A watermark of records that were observed but not applied is nobody's. */
static void test_the_watermark_waits_for_the_records(void **state)
{
    (void)state;
    struct fixture f;
    struct partition_info info;
    begin(&f);
    f.aggregates[0].groups_max = 1;
    make(&f, &(struct stream_options){.count = 50, .users = 10, .regions = 1, .step_ns = SECOND});
    open(&f);
    assert_int_equal(apply(&f, 0, 50), PARTITION_FULL);
    partition_info(f.partition, &info);
    assert_true(info.watermark_ns == INT64_MIN && info.newest_event_time_ns == INT64_MIN);
    assert_int_equal(info.next_offset, 0);
    end(&f);
}

/* No record is applied in part: what was full leaves everything as it was, in every table. */
static void test_pause_applies_nothing(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        struct fixture f;
        struct partition_info before, after;
        begin(&f);
        if (which < 2)
            f.aggregates[which].groups_max = 20;
        else
            f.set.records_max = 20;
        make(&f,
             &(struct stream_options){.count = 400, .users = 60, .regions = 1, .step_ns = 1000});
        open(&f);
        uint32_t at = 0;
        while (apply(&f, at, 5) == 0)
            at += 5;
        assert_in_range(at, 20, 60);
        partition_info(f.partition, &before);
        assert_int_equal(apply(&f, at, 5), PARTITION_FULL);
        assert_int_equal(apply(&f, at, 200), PARTITION_FULL);
        partition_info(f.partition, &after);
        assert_memory_equal(&before, &after, sizeof before);
        assert_int_equal(records_of(f.partition, 0), at);
        assert_int_equal(records_of(f.partition, 1), at);
        assert_int_equal(f.counts.applied, at);
        /* What is there already may go on. */
        struct event known = f.stream.events[0];
        known.offset = f.stream.events[at].offset;
        f.stream.events[at] = known;
        assert_int_equal(apply(&f, at, 1), 0);
        end(&f);
    }
}

/* The budget of the process: met before anything of a batch is applied, never passed by much, and
 * what it refused fits once there is room. */
static void test_the_budget_pauses(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f);
    f.budget.limit_bytes = 8 << 20;
    make(&f,
         &(struct stream_options){
             .count = 60000, .users = 10000000, .regions = 1, .step_ns = 1000, .long_texts = true});
    open(&f);
    uint32_t at = 0;
    int rc = 0;
    while (at < f.stream.count && (rc = apply(&f, at, 500)) == 0) {
        assert_true(f.budget.used_bytes <= f.budget.limit_bytes);
        at += 500;
    }
    assert_int_equal(rc, PARTITION_FULL);
    assert_true(f.budget.used_bytes > f.budget.limit_bytes / 2); /* it was of some use */
    assert_int_equal(records_of(f.partition, 0), at);
    __atomic_store_n(&f.budget.limit_bytes, f.budget.limit_bytes * 100, __ATOMIC_RELAXED);
    for (; at < f.stream.count; at += 500)
        assert_int_equal(apply(&f, at, 500), 0);
    assert_int_equal(records_of(f.partition, 0), f.stream.count);
    assert_int_equal(f.counts.applied, f.stream.count);
    end(&f);
}

/* Dead groups are given up before a limit is: an endless stream of new users in a bounded window
 * runs for ever in bounded memory. */
static void test_groups_die_with_their_panes(void **state)
{
    (void)state;
    struct fixture f;
    struct partition_info info;
    uint64_t most = 0;
    begin(&f);
    f.sink.aggregates = &f.aggregates[1];
    f.sink.aggregate_count = 1;
    f.sink.set_count = 0;
    f.aggregates[1].keep_ns = f.aggregates[1].lateness_ns = 20 * SECOND;
    make(&f, &(struct stream_options){.count = 300000,
                                      .users = 1000000000,
                                      .regions = 1,
                                      .step_ns = SECOND / 200,
                                      .long_texts = true});
    open(&f);
    for (uint32_t at = 0; at < f.stream.count; at += 1000) {
        assert_int_equal(apply(&f, at, 1000), 0);
        if (f.budget.used_bytes > most)
            most = f.budget.used_bytes;
    }
    partition_info(f.partition, &info);
    assert_true(info.groups <= 40 * 200); /* 20 s, one open pane, one about to be dropped */
    /* Some 8,000 live groups of about 200 bytes; a third of the names are long. */
    assert_true(most < (uint64_t)8 << 20);
    end(&f);
}

/* EVICT keeps to the limit and keeps those with the most records. */
static void test_evicting_groups(void **state)
{
    (void)state;
    struct fixture f;
    struct table_counts counts;
    struct partials p = PARTIALS_INIT;
    begin(&f);
    f.aggregates[0].on_full = f.aggregates[1].on_full = ON_FULL_EVICT;
    f.aggregates[0].groups_max = f.aggregates[1].groups_max = 64;
    f.set.on_full = ON_FULL_EVICT;
    f.set.records_max = 64;
    make(&f, &(struct stream_options){.count = 20000,
                                      .users = 100000,
                                      .regions = 1,
                                      .step_ns = SECOND / 1000,
                                      .long_texts = true});
    for (uint32_t i = 0; i < f.stream.count; i += 4) /* eight users make a quarter of it all */
        f.stream.events[i].values[C_USER] = f.stream.events[(i / 4) % 8].values[C_USER];
    open(&f);
    for (uint32_t at = 0; at < f.stream.count; at += 250)
        assert_int_equal(apply(&f, at, 250), 0);
    for (uint32_t i = 0; i < 2; i++) {
        aggregate_counts(f.partition, i, &counts);
        assert_true(counts.evicted > 1000);
        assert_int_equal(partials_copy(f.partition, i, INT64_MIN, INT64_MAX, 1 << 30, &p, NULL), 0);
        assert_int_equal(counts.entries, p.entry_count);
        assert_true(p.entry_count <= 64 * (p.pane_count + (i == 0)));
        uint64_t most = 0, records;
        for (uint32_t e = 0; e < p.entry_count; e++)
            if ((records = aggregate_state_records(p.layout, partials_state(&p, e))) > most)
                most = records;
        assert_true(most >= (i == 0 ? 500 : 50));
    }
    set_counts(f.partition, 0, &counts);
    assert_true(counts.evicted > 1000 && counts.entries <= 64);
    partials_done(&p);
    end(&f);
}

/* 5,000 panes of a hundred groups with names of 36 bytes, as the ad benchmark has them: what the
 * promise of memory rests on. */
static void test_memory_of_many_panes(void **state)
{
    (void)state;
    struct fixture f;
    static const char *const count_only[] = {"count(*)"};
    begin(&f);
    stream_measures(f.measures, count_only, 1);
    f.aggregates[1].measure_count = 1;
    f.aggregates[1].keep_ns = f.aggregates[1].lateness_ns = 1000000 * SECOND;
    f.sink.aggregates = &f.aggregates[1];
    f.sink.aggregate_count = 1;
    f.sink.set_count = 0;
    enum { PANES = 5000, EACH = 83 };
    make(&f, &(struct stream_options){
                 .count = PANES * EACH, .users = 100, .regions = 1, .step_ns = 10 * SECOND / EACH});
    for (uint32_t i = 0; i < f.stream.count; i++) {
        char *name = arena_alloc(&f.stream.arena, 64);
        struct weir_str *user = &f.stream.events[i].values[C_USER].s;
        snprintf(name, 64, "%.*s-4b1f-4c7e-9d53-3f0b6a5d8c21-0000000000", (int)user->length,
                 user->data);
        *user = str_make(name, 36);
    }
    open(&f);
    for (uint32_t at = 0; at < f.stream.count; at += 1000)
        assert_int_equal(apply(&f, at, f.stream.count - at < 1000 ? f.stream.count - at : 1000), 0);
    struct partition_info info;
    partition_info(f.partition, &info);
    print_message("%llu groups in %.1f MB\n", (unsigned long long)info.groups,
                  (double)info.memory_bytes / 1e6);
    assert_true(info.groups > 200000);
    assert_true(info.memory_bytes < 8000000);
    end(&f);
}

/* Kafka's timestamp is the event time where none is declared, or where it is null; a record that
 * has neither belongs into no window. */
static void test_event_time_of_kafka(void **state)
{
    (void)state;
    struct fixture f;
    struct partition_info info;
    struct table_counts counts;
    begin(&f);
    f.sink.event_time_column = SINK_NO_COLUMN;
    make(&f, &(struct stream_options){.count = 20, .users = 5, .regions = 1, .step_ns = SECOND});
    f.stream.events[7].timestamp_ms = -1;
    open(&f);
    assert_int_equal(apply(&f, 0, 20), 0);
    partition_info(f.partition, &info);
    assert_true(info.watermark_ns == f.stream.events[19].timestamp_ms * 1000000);
    aggregate_counts(f.partition, 1, &counts);
    assert_int_equal(counts.late, 1);
    assert_int_equal(partition_late(f.partition, 1), 1);
    assert_int_equal(records_of(f.partition, 0), 20);
    assert_int_equal(records_of(f.partition, 1), 19);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_new_partition),
        cmocka_unit_test(test_offsets_and_versions),
        cmocka_unit_test(test_the_watermark_waits_for_the_records),
        cmocka_unit_test(test_pause_applies_nothing),
        cmocka_unit_test(test_the_budget_pauses),
        cmocka_unit_test(test_groups_die_with_their_panes),
        cmocka_unit_test(test_evicting_groups),
        cmocka_unit_test(test_memory_of_many_panes),
        cmocka_unit_test(test_event_time_of_kafka),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
