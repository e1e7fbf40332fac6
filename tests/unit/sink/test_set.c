/* SPDX-License-Identifier: Apache-2.0 */
/* Sets against a naive list of records, through every way to read them. */
#include "tests/unit/sink/stream.h"

#include "base/memory.h"

struct set_spec {
    const char *name;
    enum stream_column key[2];
    uint32_t key_count;
    enum stream_column bins[8];
    uint32_t bin_count;
    bool record_key;
    bool version;
    bool delete_when;
    uint64_t records_max;
    enum sink_on_full on_full;
};

static const struct set_spec specs[] = {
    {"plain",
     {C_USER},
     1,
     {C_REGION, C_AMOUNT, C_N, C_X, C_OK, C_NAME, C_TIME},
     7,
     .on_full = ON_FULL_REFUSE},
    {"by_key",
     {C_KEY},
     1,
     {C_REGION, C_USER, C_N},
     3,
     .record_key = true,
     .on_full = ON_FULL_REFUSE},
    {"versioned",
     {C_USER},
     1,
     {C_NAME, C_VERSION, C_N},
     3,
     .version = true,
     .on_full = ON_FULL_REFUSE},
    {"deleting",
     {C_REGION, C_N},
     2,
     {C_NAME},
     1,
     .version = true,
     .delete_when = true,
     .on_full = ON_FULL_REFUSE},
    {"bounded", {C_USER, C_OK}, 2, {C_X}, 1, .records_max = 25, .on_full = ON_FULL_REFUSE},
    {"evicting", {C_USER}, 1, {C_NAME}, 1, .records_max = 40, .on_full = ON_FULL_EVICT},
};
#define SPECS (sizeof specs / sizeof *specs)

struct plans {
    struct sink_plan sink;
    struct set_plan sets[SPECS];
    struct weir_field keys[SPECS][2];
    struct weir_field bins[SPECS][8];
};

static void plans_make(struct plans *p)
{
    for (size_t i = 0; i < SPECS; i++) {
        const struct set_spec *s = &specs[i];
        for (uint32_t k = 0; k < s->key_count; k++)
            p->keys[i][k] = stream_field(s->key[k]);
        for (uint32_t k = 0; k < s->bin_count; k++)
            p->bins[i][k] = stream_field(s->bins[k]);
        p->sets[i] = (struct set_plan){
            .name = s->name,
            .key = p->keys[i],
            .key_count = s->key_count,
            .key_is_record_key = s->record_key,
            .bins = p->bins[i],
            .bin_count = s->bin_count,
            .version_column = s->version ? C_VERSION : SINK_NO_COLUMN,
            .version_type = stream_field(C_VERSION).type,
            .delete_column = s->delete_when ? C_DELETE : SINK_NO_COLUMN,
            .records_max = s->records_max,
            .on_full = s->on_full,
        };
    }
    p->sink = (struct sink_plan){
        .pipeline = "test",
        .sets = p->sets,
        .set_count = SPECS,
        .event_time_column = C_TIME,
        .max_ahead_ns = 300 * NS_PER_SECOND,
    };
}

/* ---- the naive list ---- */

struct naive {
    const struct event **records;
    uint32_t count, room;
    uint64_t refused, outdated;
};

static bool rejected(const struct event *e)
{
    for (size_t i = 0; i < SPECS; i++)
        for (uint32_t k = 0; k < specs[i].key_count; k++)
            if (e->values[specs[i].key[k]].null)
                return true;
    return false;
}

static uint32_t naive_find(const struct naive *n, const struct set_spec *s, const struct event *e)
{
    for (uint32_t i = 0; i < n->count; i++) {
        bool same = true;
        for (uint32_t k = 0; k < s->key_count && same; k++)
            same = value_equal(&n->records[i]->values[s->key[k]], &e->values[s->key[k]],
                               stream_field(s->key[k]).type);
        if (same)
            return i;
    }
    return n->count;
}

static void naive_apply(struct naive *n, const struct set_spec *s, const struct event *e)
{
    if (e->tombstone && (!s->record_key || e->values[C_KEY].null))
        return;
    uint32_t at = naive_find(n, s, e);
    bool there = at < n->count;
    bool deletes = e->tombstone || (s->delete_when && e->values[C_DELETE].i);
    if (there && s->version && !e->tombstone && !n->records[at]->values[C_VERSION].null &&
        (e->values[C_VERSION].null ||
         e->values[C_VERSION].i < n->records[at]->values[C_VERSION].i)) {
        n->outdated++;
    } else if (there && deletes) {
        n->records[at] = n->records[--n->count];
    } else if (there) {
        n->records[at] = e;
    } else if (!deletes && s->records_max && n->count >= s->records_max) {
        n->refused++;
    } else if (!deletes) {
        if (n->count == n->room) {
            n->room = n->room ? n->room * 2 : 64;
            n->records = mem_grow(n->records, n->room, sizeof *n->records);
        }
        n->records[n->count++] = e;
    }
}

static void naive_make(struct naive *n, const struct set_spec *s, const struct stream *stream)
{
    *n = (struct naive){0};
    for (uint32_t i = 0; i < stream->count; i++) {
        const struct event *e = &stream->events[i];
        if (e->tombstone || (!e->filtered && !rejected(e)))
            naive_apply(n, s, e);
    }
}

/* ---- comparing ---- */

static struct value value_at(const struct set_records *r, uint32_t record, uint32_t v,
                             struct weir_type type)
{
    const union read_value *values = set_record_values(r, record);
    struct value value = {.null = set_record_is_null(r, record, v)};
    if (value.null) {
        assert_true(values[v].words[0] == 0 && values[v].words[1] == 0);
        return value;
    }
    if (type_is_str(type))
        value.s = values[v].s;
    else if (type.kind == WEIR_FLOAT)
        value.f = values[v].f;
    else
        value.i = type.kind == WEIR_BOOL ? values[v].b : values[v].i;
    return value;
}

static void check_record(const struct set_spec *s, const struct set_records *r, uint32_t record,
                         const struct event *want)
{
    assert_int_equal(r->value_count, s->key_count + s->bin_count);
    for (uint32_t v = 0; v < r->value_count; v++) {
        enum stream_column column = v < s->key_count ? s->key[v] : s->bins[v - s->key_count];
        struct weir_type type = stream_field(column).type;
        struct value got = value_at(r, record, v, type);
        assert_true(value_equal(&got, &want->values[column], type));
    }
    const struct set_order *order = &r->orders[record];
    assert_true(order->event_time_ns == want->values[C_TIME].i);
    assert_int_equal(order->version_known, s->version && !want->values[C_VERSION].null);
    if (order->version_known)
        assert_true(order->version.i == want->values[C_VERSION].i);
}

static void key_of(const struct set_spec *s, const struct event *e, union read_value key[2])
{
    for (uint32_t k = 0; k < s->key_count; k++) {
        const struct value *v = &e->values[s->key[k]];
        key[k] = (union read_value){.words = {0, 0}};
        if (type_is_str(stream_field(s->key[k]).type))
            key[k].s = v->s;
        else if (stream_field(s->key[k]).type.kind == WEIR_BOOL)
            key[k].b = (uint8_t)v->i;
        else
            key[k].i = v->i;
    }
}

static void check_lookups(struct partition *partition, uint32_t set, const struct naive *naive,
                          const struct stream *stream)
{
    const struct set_spec *s = &specs[set];
    struct set_records r = SET_RECORDS_INIT;
    union read_value key[2];

    for (uint32_t i = 0; i < stream->count; i += 7) {
        const struct event *e = &stream->events[i];
        if (rejected(e))
            continue;
        uint32_t at = naive_find(naive, s, e);
        key_of(s, e, key);
        assert_int_equal(set_record_find(partition, set, key, &r, NULL), 0);
        assert_int_equal(r.count, at < naive->count);
        if (r.count)
            check_record(s, &r, 0, naive->records[at]);
    }
    set_records_done(&r);
}

/* The whole set, in steps of about `step`. */
static void check_scan(struct partition *partition, uint32_t set, const struct naive *naive,
                       uint32_t step)
{
    const struct set_spec *s = &specs[set];
    struct set_records r = SET_RECORDS_INIT;
    struct set_cursor cursor = SET_CURSOR_INIT;
    uint64_t last = 0;
    uint32_t seen = 0;

    while (!cursor.end) {
        uint64_t from = cursor.next;
        assert_int_equal(set_records_copy(partition, set, step, 1 << 30, &cursor, &r, NULL), 0);
        assert_true(r.count >= step || cursor.end);
        for (uint32_t i = 0; i < r.count; i++) {
            assert_true(r.hashes[i] >= last && r.hashes[i] >= from);
            assert_true(cursor.end || r.hashes[i] < cursor.next);
            last = r.hashes[i];
            if (s->on_full == ON_FULL_EVICT)
                continue;
            struct event probe = {0};
            for (uint32_t k = 0; k < s->key_count; k++)
                probe.values[s->key[k]] = value_at(&r, i, k, stream_field(s->key[k]).type);
            uint32_t at = naive_find(naive, s, &probe);
            assert_in_range(at, 0, naive->count - 1);
            check_record(s, &r, i, naive->records[at]);
        }
        seen += r.count;
    }
    assert_int_equal(seen, naive->count);
    set_records_done(&r);
}

static void check_stream(struct test_random *random, const struct stream_options *options)
{
    struct plans *plans = mem_alloc(sizeof *plans);
    struct stream stream;
    struct naive naives[SPECS];
    const uint32_t cuts[] = {WEIR_BATCH_ROWS_MAX, 60, 2};

    plans_make(plans);
    stream_make(&stream, random, options);
    for (uint32_t i = 0; i < SPECS; i++)
        naive_make(&naives[i], &specs[i], &stream);
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        struct memory_budget budget = {.limit_bytes = (uint64_t)4 << 30};
        struct partition *partition;
        struct partition_counts counts = {0};
        uint32_t applied = 0, skipped = 0;
        assert_int_equal(partition_new(&plans->sink, "events", 3, &budget, &partition, NULL), 0);
        stream_apply_all(&stream, random, cuts[c], partition, &counts);
        for (uint32_t i = 0; i < stream.count; i++) {
            const struct event *e = &stream.events[i];
            applied += e->tombstone ? !e->values[C_KEY].null : !e->filtered && !rejected(e);
            skipped += e->tombstone && e->values[C_KEY].null;
        }
        assert_int_equal(counts.applied, applied);
        assert_int_equal(counts.skipped, skipped);
        for (uint32_t i = 0; i < SPECS; i++) {
            struct table_counts table;
            set_counts(partition, i, &table);
            if (specs[i].on_full == ON_FULL_EVICT) {
                assert_true(table.entries <= specs[i].records_max);
                assert_int_equal(table.evicted > 0, options->users > specs[i].records_max);
                naives[i].count = (uint32_t)table.entries;
            } else {
                assert_int_equal(table.entries, naives[i].count);
                assert_int_equal(table.refused, naives[i].refused);
                assert_int_equal(table.outdated, naives[i].outdated);
                check_lookups(partition, i, &naives[i], &stream);
            }
            check_scan(partition, i, &naives[i], UINT32_MAX);
            check_scan(partition, i, &naives[i], 10);
        }
        partition_free(partition);
        assert_int_equal(budget.used_bytes, 0);
    }
    for (uint32_t i = 0; i < SPECS; i++)
        free(naives[i].records);
    stream_done(&stream);
    free(plans);
}

static void test_plain(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){
                              .count = 3000, .users = 30, .regions = 5, .step_ns = 1000});
}

static void test_nulls_and_tombstones(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){.count = 5000,
                                                   .users = 150,
                                                   .regions = 20,
                                                   .step_ns = 1000,
                                                   .jitter_ns = 1000000,
                                                   .tombstones = true,
                                                   .null_in = 12});
}

static void test_long_texts(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){.count = 4000,
                                                   .users = 700,
                                                   .regions = 150,
                                                   .step_ns = 1000,
                                                   .long_texts = true,
                                                   .tombstones = true,
                                                   .null_in = 15});
}

static void test_many(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(
        &random,
        &(struct stream_options){
            .count = 9000, .users = 5000, .regions = 5, .step_ns = 1000, .tombstones = true});
}

/* Deleting everything gives the memory back. */
static void test_deletes_give_memory_back(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    struct plans *plans = mem_alloc(sizeof *plans);
    struct stream stream;
    struct memory_budget budget = {.limit_bytes = (uint64_t)1 << 30};
    struct partition *partition;
    struct partition_counts counts = {0};
    struct partition_info info;

    plans_make(plans);
    plans->sink.sets = &plans->sets[1]; /* by_key */
    plans->sink.set_count = 1;
    stream_make(
        &stream, &random,
        &(struct stream_options){
            .count = 40000, .users = 1000000, .regions = 50, .step_ns = 1000, .long_texts = true});
    for (uint32_t i = 0; i < stream.count; i++)
        stream.events[i].filtered = false;
    assert_int_equal(partition_new(&plans->sink, "events", 3, &budget, &partition, NULL), 0);
    uint64_t empty = budget.used_bytes;
    stream_apply_all(&stream, &random, WEIR_BATCH_ROWS_MAX, partition, &counts);
    uint64_t full = budget.used_bytes;
    assert_true(full > ((uint64_t)2 << 20));
    for (uint32_t i = 0; i < stream.count; i++)
        stream.events[i].tombstone = true;
    stream_apply_all(&stream, &random, WEIR_BATCH_ROWS_MAX, partition, &counts);
    partition_tick(partition, stream.now_ns);
    partition_info(partition, &info);
    assert_int_equal(info.records, 0);
    assert_in_range(budget.used_bytes, info.memory_bytes, info.memory_bytes + (4 << 20));
    assert_true(budget.used_bytes < empty + 16 * 4096);
    partition_free(partition);
    stream_done(&stream);
    free(plans);
}

static void test_which_partition_wins(void **state)
{
    (void)state;
    struct set_plan plain = {.version_column = SINK_NO_COLUMN};
    struct set_plan versioned = {.version_column = 1, .version_type = {.kind = WEIR_INT}};
    struct set_order a = {.event_time_ns = 10}, b = a;

    assert_false(set_order_replaces(&plain, &a, 0, &b, 0));
    assert_true(set_order_replaces(&plain, &a, 0, &b, 1)); /* the higher partition */
    assert_false(set_order_replaces(&plain, &a, 1, &b, 0));
    b.event_time_ns = 11;
    assert_true(set_order_replaces(&plain, &a, 1, &b, 0));
    a.version_known = true;
    a.version.i = -3;
    assert_false(set_order_replaces(&versioned, &a, 0, &b, 1)); /* no version is the least */
    b.version_known = true;
    b.version.i = -2;
    assert_true(set_order_replaces(&versioned, &a, 1, &b, 0));
    versioned.version_type.kind = WEIR_FLOAT;
    a.version.f = -1.5;
    b.version.f = -2.5;
    assert_false(set_order_replaces(&versioned, &a, 0, &b, 1));
}

static void test_too_wide(void **state)
{
    (void)state;
    struct weir_field bins[255];
    struct weir_field key = stream_field(C_USER);
    struct weir_error error;
    struct partition *partition;
    for (int i = 0; i < 255; i++)
        bins[i] = stream_field(C_NAME);
    struct set_plan set = {.name = "wide",
                           .key = &key,
                           .key_count = 1,
                           .bins = bins,
                           .bin_count = 255,
                           .version_column = SINK_NO_COLUMN,
                           .delete_column = SINK_NO_COLUMN};
    struct sink_plan plan = {.sets = &set, .set_count = 1, .event_time_column = SINK_NO_COLUMN};
    assert_int_equal(partition_new(&plan, "t", 0, NULL, &partition, &error), WEIR_E_LIMIT);
    assert_non_null(strstr(error.text, "set `wide`"));
    set.bin_count = 240;
    assert_int_equal(partition_new(&plan, "t", 0, NULL, &partition, &error), 0);
    partition_free(partition);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_nulls_and_tombstones),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_many),
        cmocka_unit_test(test_deletes_give_memory_back),
        cmocka_unit_test(test_which_partition_wins),
        cmocka_unit_test(test_too_wide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
