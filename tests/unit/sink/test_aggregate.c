/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Aggregates against a naive recount: a list of groups, each with the events that belong to it.
 * Random streams with nulls, long texts, windows, lateness, strays, limits; the same stream in
 * other cuts gives the same answer.
 */
#include "tests/unit/sink/stream.h"

#include <math.h>

#include "base/memory.h"

#define MEASURES_MAX 24
#define SECOND       NS_PER_SECOND

/* ---- plans ---- */

static const char *const small_measures[] = {"count(*)", "sum(n)", "min(n)", "max(n)"};
static const char *const amount_measures[] = {"count(*)", "sum(amount)", "count(amount)"};
static const char *const float_measures[] = {"sum(x)", "min(x)",   "max(x)",
                                             "avg(x)", "first(x)", "last(x)"};
static const char *const all_measures[] = {
    "count(*)",     "count(amount)", "sum(amount)",   "avg(amount)", "min(amount)", "max(amount)",
    "last(amount)", "first(amount)", "sum(n)",        "avg(n)",      "sum(x)",      "min(name)",
    "max(name)",    "first(name)",   "last(name)",    "min(ok)",     "max(ok)",     "first(ok)",
    "min(user)",    "last(user)",    "count(region)", "min(time)",
};

struct plan_spec {
    const char *name;
    enum stream_column by[4];
    uint32_t by_count;
    const char *const *measures;
    uint32_t measure_count;
    enum stream_column where;                        /* STREAM_COLUMN_COUNT: none */
    int64_t size_ns, slide_ns, keep_ns, lateness_ns; /* size 0: running */
    uint64_t groups_max;
};
#define MEASURES(list) list, sizeof(list) / sizeof *(list)
#define ALL_ROWS       STREAM_COLUMN_COUNT

static const struct plan_spec specs[] = {
    {"inline", {C_USER}, 1, MEASURES(small_measures), ALL_ROWS, .groups_max = 100000},
    {"inline_two", {C_REGION, C_OK}, 2, MEASURES(amount_measures), C_WHERE, .groups_max = 100000},
    {"numbers", {C_N, C_X, C_OK}, 3, MEASURES(float_measures), ALL_ROWS, .groups_max = 100000},
    {"indexed", {C_REGION, C_USER}, 2, MEASURES(all_measures), ALL_ROWS, .groups_max = 100000},
    {"single", {0}, 0, MEASURES(all_measures), C_WHERE, .groups_max = 10},
    {"overflow", {C_USER}, 1, MEASURES(all_measures), ALL_ROWS, .groups_max = 20},
    {"overflow_inline", {C_USER}, 1, MEASURES(small_measures), ALL_ROWS, .groups_max = 33},
    {"panes",
     {C_REGION, C_USER},
     2,
     MEASURES(amount_measures),
     ALL_ROWS,
     10 * SECOND,
     10 * SECOND,
     60 * SECOND,
     30 * SECOND,
     100000},
    {"sliding",
     {C_USER},
     1,
     MEASURES(small_measures),
     C_WHERE,
     10 * SECOND,
     2 * SECOND,
     20 * SECOND,
     3 * SECOND,
     100000},
    {"large_panes",
     {C_USER},
     1,
     MEASURES(amount_measures),
     ALL_ROWS,
     600 * SECOND,
     600 * SECOND,
     7200 * SECOND,
     600 * SECOND,
     100000},
    {"indirect",
     {C_REGION},
     1,
     MEASURES(all_measures),
     ALL_ROWS,
     30 * SECOND,
     10 * SECOND,
     300 * SECOND,
     100 * SECOND,
     100000},
    {"texts",
     {C_REGION},
     1,
     (const char *const[]){"min(name)", "last(name)"},
     2,
     ALL_ROWS,
     20 * SECOND,
     20 * SECOND,
     100 * SECOND,
     100 * SECOND,
     100000},
    {"window_total",
     {0},
     0,
     MEASURES(float_measures),
     ALL_ROWS,
     5 * SECOND,
     5 * SECOND,
     50 * SECOND,
     0,
     100},
    {"overflow_panes",
     {C_USER},
     1,
     MEASURES(small_measures),
     ALL_ROWS,
     20 * SECOND,
     20 * SECOND,
     100 * SECOND,
     50 * SECOND,
     7},
};
#define SPECS (sizeof specs / sizeof *specs)

struct plans {
    struct sink_plan sink;
    struct aggregate_plan aggregates[SPECS];
    struct weir_field by[SPECS][4];
    struct measure_plan measures[SPECS][MEASURES_MAX];
};

static void plans_make(struct plans *p)
{
    for (size_t i = 0; i < SPECS; i++) {
        const struct plan_spec *s = &specs[i];
        for (uint32_t k = 0; k < s->by_count; k++)
            p->by[i][k] = stream_field(s->by[k]);
        stream_measures(p->measures[i], s->measures, s->measure_count);
        int64_t pane = s->slide_ns;
        p->aggregates[i] = (struct aggregate_plan){
            .name = s->name,
            .by = p->by[i],
            .by_count = s->by_count,
            .where_column = s->where == ALL_ROWS ? SINK_NO_COLUMN : s->where,
            .windowed = s->size_ns != 0,
            .pane_ns = pane,
            .size_ns = s->size_ns,
            .slide_ns = s->slide_ns,
            .keep_ns = s->keep_ns,
            .lateness_ns = s->lateness_ns,
            .measures = p->measures[i],
            .measure_count = s->measure_count,
            .groups_max = s->groups_max,
            .on_full = ON_FULL_OVERFLOW,
        };
    }
    p->sink = (struct sink_plan){
        .pipeline = "test",
        .aggregates = p->aggregates,
        .aggregate_count = SPECS,
        .event_time_column = C_TIME,
        .max_ahead_ns = 300 * SECOND,
        .idle_ns = 10 * SECOND,
    };
}

/* ---- the naive recount ---- */

struct naive_group {
    int64_t start_ns;
    bool overflow;
    const struct event *key; /* any event of the group */
    const struct event **events;
    uint32_t count, room;
};

struct naive {
    struct naive_group *groups;
    uint32_t count, room;
    uint64_t late, overflowed;
    int64_t watermark_ns, newest_ns;
};

static bool same_key(const struct plan_spec *s, const struct event *a, const struct event *b)
{
    for (uint32_t k = 0; k < s->by_count; k++)
        if (!value_equal(&a->values[s->by[k]], &b->values[s->by[k]], stream_field(s->by[k]).type))
            return false;
    return true;
}

static struct naive_group *group_add(struct naive *n, int64_t start, bool overflow,
                                     const struct event *e)
{
    if (n->count == n->room) {
        n->room = n->room ? n->room * 2 : 64;
        n->groups = mem_grow(n->groups, n->room, sizeof *n->groups);
    }
    struct naive_group *g = &n->groups[n->count++];
    *g = (struct naive_group){.start_ns = start, .overflow = overflow, .key = e};
    return g;
}

static struct naive_group *group_for(struct naive *n, const struct plan_spec *s, int64_t start,
                                     const struct event *e)
{
    struct naive_group *overflow = NULL;
    uint64_t groups = 0;
    for (uint32_t i = n->count; i-- > 0;) {
        struct naive_group *g = &n->groups[i];
        if (g->start_ns != start)
            continue;
        if (g->overflow)
            overflow = g;
        else if (same_key(s, g->key, e))
            return g;
        groups += !g->overflow;
    }
    if (groups < s->groups_max)
        return group_add(n, start, false, e);
    n->overflowed++;
    return overflow ? overflow : group_add(n, start, true, e);
}

static int64_t floor_to(int64_t time, int64_t width)
{
    int64_t start = time / width * width;
    return start > time ? start - width : start;
}

static void naive_fold(struct naive *n, const struct plan_spec *s, const struct event *e)
{
    int64_t time = e->values[C_TIME].i, start = 0;

    if (s->where != ALL_ROWS && (e->values[s->where].null || !e->values[s->where].i))
        return;
    if (s->size_ns) {
        if (time < n->watermark_ns - s->lateness_ns) {
            n->late++;
            return;
        }
        start = floor_to(time, s->slide_ns);
    }
    struct naive_group *g = group_for(n, s, start, e);
    if (g->count == g->room) {
        g->room = g->room ? g->room * 2 : 4;
        g->events = mem_grow(g->events, g->room, sizeof *g->events);
    }
    g->events[g->count++] = e;
}

static void naive_make(struct naive *n, const struct plan_spec *s, const struct sink_plan *plan,
                       const struct stream *stream)
{
    *n = (struct naive){.watermark_ns = INT64_MIN, .newest_ns = INT64_MIN};
    for (uint32_t i = 0; i < stream->count; i++) {
        const struct event *e = &stream->events[i];
        int64_t time = e->values[C_TIME].i, bound = stream->now_ns + plan->max_ahead_ns;
        if (e->tombstone)
            continue;
        if (time > n->newest_ns)
            n->newest_ns = time;
        time = time < bound ? time : bound;
        if (time > n->watermark_ns)
            n->watermark_ns = time;
        if (!e->filtered)
            naive_fold(n, s, e);
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < n->count; i++) {
        if (s->size_ns && n->groups[i].start_ns + s->size_ns <= n->watermark_ns - s->keep_ns)
            free(n->groups[i].events);
        else
            n->groups[kept++] = n->groups[i];
    }
    n->count = kept;
}

static void naive_done(struct naive *n)
{
    for (uint32_t i = 0; i < n->count; i++)
        free(n->groups[i].events);
    free(n->groups);
}

struct naive_value {
    bool null;
    int128 big;
    double f;
    struct weir_str s;
};

static int order_of(const struct value *a, const struct value *b, struct weir_type type)
{
    if (type_is_str(type)) {
        uint32_t common = a->s.length < b->s.length ? a->s.length : b->s.length;
        int order = memcmp(a->s.data, b->s.data, common);
        return order ? order : (a->s.length > b->s.length) - (a->s.length < b->s.length);
    }
    if (type.kind == WEIR_FLOAT)
        return (a->f > b->f) - (a->f < b->f);
    return (a->i > b->i) - (a->i < b->i);
}

static bool replaces(enum measure_function f, const struct event *now, const struct event *then,
                     const struct measure_plan *m)
{
    int64_t t = now->values[C_TIME].i, u = then->values[C_TIME].i;
    if (f == MEASURE_FIRST)
        return t < u; /* of equal times the lower offset, which came before */
    if (f == MEASURE_LAST)
        return t >= u;
    int order = order_of(&now->values[m->column], &then->values[m->column], m->argument);
    return f == MEASURE_MIN ? order < 0 : order > 0;
}

static struct naive_value naive_result(const struct naive_group *g, const struct measure_plan *m)
{
    struct naive_value r = {.null = true};
    const struct event *best = NULL;
    int64_t values = 0;
    long double sum = 0;

    for (uint32_t i = 0; i < g->count; i++) {
        const struct event *e = g->events[i];
        if (m->function == MEASURE_COUNT_ALL || e->values[m->column].null)
            continue;
        values++;
        r.big += e->values[m->column].i;
        sum += e->values[m->column].f;
        if (m->function >= MEASURE_MIN && (!best || replaces(m->function, e, best, m)))
            best = e;
    }
    if (m->function == MEASURE_COUNT_ALL || m->function == MEASURE_COUNT) {
        r.big = m->function == MEASURE_COUNT ? values : g->count;
        r.null = false;
        return r;
    }
    if (!values)
        return (struct naive_value){.null = true};
    r.null = false;
    r.f = (double)sum;
    if (m->function == MEASURE_AVG) {
        r.f = (double)(sum / values);
        if (m->argument.kind != WEIR_FLOAT)
            r.f = (double)((long double)r.big / values / powl(10, m->argument.scale));
    } else if (m->function != MEASURE_SUM) {
        r.big = best->values[m->column].i;
        r.f = best->values[m->column].f;
        r.s = best->values[m->column].s;
    }
    return r;
}

/* ---- comparing ---- */

static void check_value(const struct measure_plan *m, const struct naive_value *want,
                        const struct measure_value *got)
{
    assert_int_equal(want->null, got->null);
    if (want->null)
        return;
    switch (m->result.kind) {
    case WEIR_FLOAT:
        if (m->function == MEASURE_AVG)
            assert_true(fabs(want->f - got->value.f) <= fabs(want->f) * 1e-14);
        else
            assert_true(want->f == got->value.f);
        break;
    case WEIR_STRING:
        assert_true(str_equal(want->s, got->value.s));
        break;
    case WEIR_BOOL:
        assert_int_equal(want->big, got->value.b);
        break;
    default:
        assert_true(want->big == got->big);
        assert_int_equal(got->wide, want->big > INT64_MAX || want->big < INT64_MIN);
        if (!got->wide)
            assert_true(want->big == got->value.i);
    }
}

static bool key_matches(const struct plan_spec *s, const struct partials *p, uint32_t group,
                        const struct naive_group *want)
{
    const union read_value *key = partials_key(p, group, s->by_count);
    if (want->overflow != ((p->flags[group] & PARTIALS_OVERFLOW) != 0))
        return false;
    for (uint32_t k = 0; k < s->by_count; k++) {
        struct weir_type type = stream_field(s->by[k]).type;
        struct value got = {.null = p->flags[group] >> k & 1};
        if (want->overflow) {
            assert_int_equal(got.null, type.kind != WEIR_STRING);
            if (!got.null)
                assert_true(str_is(key[k].s, "_overflow"));
            continue;
        }
        if (type_is_str(type))
            got.s = key[k].s;
        else if (type.kind == WEIR_FLOAT)
            got.f = key[k].f;
        else
            got.i = type.kind == WEIR_BOOL ? key[k].b : key[k].i;
        if (got.null)
            assert_true(key[k].words[0] == 0 && key[k].words[1] == 0);
        if (!value_equal(&got, &want->key->values[s->by[k]], type))
            return false;
    }
    return true;
}

static void check_partials(const struct plan_spec *s, const struct aggregate_plan *plan,
                           const struct naive *naive, const struct partials *p)
{
    bool *used = mem_array(p->entry_count + 1, sizeof *used);
    bool implied = !s->size_ns && !s->by_count && naive->count == 0;
    assert_int_equal(p->entry_count, naive->count + implied);
    for (uint32_t i = 1; i < p->pane_count; i++)
        assert_true(p->pane_starts[i] > p->pane_starts[i - 1]);
    for (uint32_t g = 0; g < naive->count; g++) {
        const struct naive_group *want = &naive->groups[g];
        uint32_t e = 0;
        for (; e < p->entry_count; e++) {
            if (used[e] || (s->size_ns && p->pane_starts[p->entries[e].pane] != want->start_ns))
                continue;
            if (key_matches(s, p, p->entries[e].group, want))
                break;
        }
        assert_in_range(e, 0, p->entry_count - 1);
        used[e] = true;
        assert_int_equal(aggregate_state_records(p->layout, partials_state(p, e)), want->count);
        for (uint32_t m = 0; m < plan->measure_count; m++) {
            struct naive_value value = naive_result(want, &plan->measures[m]);
            struct measure_value got;
            aggregate_state_result(p->layout, m, partials_state(p, e), &got);
            check_value(&plan->measures[m], &value, &got);
        }
    }
    free(used);
}

static void check_partition(struct partition *partition, const struct plans *plans,
                            const struct naive *naives, const struct stream *stream)
{
    struct partials p = PARTIALS_INIT;
    struct weir_error error;
    uint64_t groups = 0;

    for (uint32_t i = 0; i < SPECS; i++) {
        struct table_counts counts;
        assert_int_equal(
            partials_copy(partition, i, INT64_MIN, INT64_MAX, UINT64_MAX >> 1, &p, &error), 0);
        check_partials(&specs[i], &plans->aggregates[i], &naives[i], &p);
        assert_int_equal(p.at.next_offset, stream->events[stream->count - 1].offset + 1);
        assert_true(p.at.watermark_ns == naives[i].watermark_ns);
        assert_true(p.at.newest_event_time_ns == naives[i].newest_ns);
        aggregate_counts(partition, i, &counts);
        assert_int_equal(counts.late, naives[i].late);
        assert_int_equal(counts.overflowed, naives[i].overflowed);
        uint64_t real = 0;
        for (uint32_t g = 0; g < naives[i].count; g++)
            real += !naives[i].groups[g].overflow;
        assert_int_equal(counts.entries, real);
        groups += real;
    }
    struct partition_info info;
    partition_info(partition, &info);
    assert_int_equal(info.groups, groups);
    partials_done(&p);
}

static void check_stream(struct test_random *random, const struct stream_options *options)
{
    struct plans *plans = mem_alloc(sizeof *plans);
    struct stream stream;
    struct naive naives[SPECS];
    const uint32_t cuts[] = {WEIR_BATCH_ROWS_MAX, 100, 3};

    plans_make(plans);
    stream_make(&stream, random, options);
    for (uint32_t i = 0; i < SPECS; i++)
        naive_make(&naives[i], &specs[i], &plans->sink, &stream);
    for (size_t c = 0; c < sizeof cuts / sizeof *cuts; c++) {
        struct memory_budget budget = {.limit_bytes = (uint64_t)4 << 30};
        struct partition *partition;
        struct partition_counts counts = {0};
        assert_int_equal(partition_new(&plans->sink, "events", 3, &budget, &partition, NULL), 0);
        stream_apply_all(&stream, random, cuts[c], partition, &counts);
        check_partition(partition, plans, naives, &stream);
        uint32_t selected = 0;
        for (uint32_t i = 0; i < stream.count; i++)
            selected += !stream.events[i].tombstone && !stream.events[i].filtered;
        assert_int_equal(counts.applied, selected);
        partition_free(partition);
        assert_int_equal(budget.used_bytes, 0);
    }
    for (uint32_t i = 0; i < SPECS; i++)
        naive_done(&naives[i]);
    stream_done(&stream);
    free(plans);
}

static void test_orderly_stream(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){
                              .count = 4000, .users = 40, .regions = 5, .step_ns = 50000000});
}

static void test_late_records(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){.count = 6000,
                                                   .users = 40,
                                                   .regions = 5,
                                                   .step_ns = 50000000,
                                                   .jitter_ns = 120 * SECOND,
                                                   .null_in = 10});
}

static void test_long_texts_and_nulls(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){.count = 3000,
                                                   .users = 300,
                                                   .regions = 120,
                                                   .step_ns = 20000000,
                                                   .jitter_ns = 5 * SECOND,
                                                   .long_texts = true,
                                                   .tombstones = true,
                                                   .null_in = 5});
}

/* One event of 2099 and one of 1970 must not take anything with them but what they must. */
static void test_strays(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){.count = 5000,
                                                   .users = 20,
                                                   .regions = 3,
                                                   .step_ns = 700000000,
                                                   .jitter_ns = 10 * SECOND,
                                                   .strays = true,
                                                   .null_in = 20});
}

static void test_many_groups(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    check_stream(&random, &(struct stream_options){.count = 8000,
                                                   .users = 6000,
                                                   .regions = 200,
                                                   .step_ns = 10000000,
                                                   .jitter_ns = SECOND,
                                                   .long_texts = true});
}

/* ---- merging detached states ---- */

/* Two streams' partials merged are the partials of both. */
static void test_merged_partitions(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    struct plans *plans = mem_alloc(sizeof *plans);
    struct stream stream;
    struct naive naive;
    struct partition *parts[2];
    struct partials p[2] = {PARTIALS_INIT, PARTIALS_INIT};
    struct partition_counts counts = {0};
    struct batch *batch = batch_new(STREAM_COLUMN_COUNT);
    uint32_t single = 4; /* one group, all measures */

    plans_make(plans);
    assert_string_equal(specs[single].name, "single");
    stream_make(&stream, &random,
                &(struct stream_options){.count = 3000,
                                         .users = 50,
                                         .regions = 5,
                                         .step_ns = 1000,
                                         .jitter_ns = 50000,
                                         .long_texts = true,
                                         .null_in = 4});
    naive_make(&naive, &specs[single], &plans->sink, &stream);
    for (int i = 0; i < 2; i++)
        assert_int_equal(partition_new(&plans->sink, "events", i, NULL, &parts[i], NULL), 0);
    for (uint32_t at = 0; at < stream.count; at += 100)
        stream_apply(&stream, at, 100, batch, parts[random_below(&random, 2)], &counts);
    for (int i = 0; i < 2; i++)
        assert_int_equal(partials_copy(parts[i], single, 0, 0, UINT64_MAX >> 1, &p[i], NULL), 0);
    unsigned char merged[2048];
    const struct aggregate_layout *layout = p[0].layout;
    assert_true(aggregate_state_size(layout) <= sizeof merged);
    aggregate_state_init(layout, merged);
    aggregate_state_merge(layout, merged, partials_state(&p[1], 0));
    aggregate_state_merge(layout, merged, partials_state(&p[0], 0));
    assert_int_equal(naive.count, 1);
    for (uint32_t m = 0; m < plans->aggregates[single].measure_count; m++) {
        const struct measure_plan *measure = &plans->aggregates[single].measures[m];
        struct naive_value want = naive_result(&naive.groups[0], measure);
        struct measure_value got;
        aggregate_state_result(layout, m, merged, &got);
        check_value(measure, &want, &got);
    }
    for (int i = 0; i < 2; i++) {
        partials_done(&p[i]);
        partition_free(parts[i]);
    }
    naive_done(&naive);
    stream_done(&stream);
    batch_free(batch);
    free(plans);
}

/* A running aggregate without `by` has its row before the first record. */
static void test_empty(void **state)
{
    (void)state;
    struct plans *plans = mem_alloc(sizeof *plans);
    struct partition *partition;
    struct partials p = PARTIALS_INIT;
    struct measure_value value;

    plans_make(plans);
    assert_int_equal(partition_new(&plans->sink, "events", 0, NULL, &partition, NULL), 0);
    for (uint32_t i = 0; i < SPECS; i++) {
        assert_int_equal(partials_copy(partition, i, INT64_MIN, INT64_MAX, 1 << 20, &p, NULL), 0);
        bool row = !specs[i].by_count && !specs[i].size_ns;
        assert_int_equal(p.entry_count, row);
        assert_int_equal(p.group_count, row);
        if (!row)
            continue;
        for (uint32_t m = 0; m < plans->aggregates[i].measure_count; m++) {
            aggregate_state_result(p.layout, m, partials_state(&p, 0), &value);
            enum measure_function f = plans->aggregates[i].measures[m].function;
            bool count = f == MEASURE_COUNT || f == MEASURE_COUNT_ALL;
            assert_int_equal(value.null, !count);
            assert_int_equal(value.value.i, 0);
        }
    }
    partials_done(&p);
    partition_free(partition);
    free(plans);
}

/* Panes by their starts, and a copy that would be too large. */
static void test_ranges_and_limits(void **state)
{
    (void)state;
    struct test_random random = random_begin();
    struct plans *plans = mem_alloc(sizeof *plans);
    struct stream stream;
    struct partition *partition;
    struct partition_counts counts = {0};
    struct partials all = PARTIALS_INIT, some = PARTIALS_INIT;
    struct weir_error error;
    uint32_t panes = 7;

    plans_make(plans);
    assert_string_equal(specs[panes].name, "panes");
    stream_make(
        &stream, &random,
        &(struct stream_options){.count = 3000, .users = 30, .regions = 4, .step_ns = 20000000});
    assert_int_equal(partition_new(&plans->sink, "events", 0, NULL, &partition, NULL), 0);
    stream_apply_all(&stream, &random, 500, partition, &counts);
    assert_int_equal(partials_copy(partition, panes, INT64_MIN, INT64_MAX, 1 << 30, &all, &error),
                     0);
    assert_true(all.pane_count >= 6);
    int64_t from = all.pane_starts[2], to = all.pane_starts[5];
    assert_int_equal(partials_copy(partition, panes, from, to, 1 << 30, &some, &error), 0);
    assert_int_equal(some.pane_count, 3);
    uint32_t wanted = 0;
    for (uint32_t e = 0; e < all.entry_count; e++)
        wanted += all.entries[e].pane >= 2 && all.entries[e].pane < 5;
    assert_int_equal(some.entry_count, wanted);
    assert_int_equal(partials_copy(partition, panes, to, from, 1 << 30, &some, &error), 0);
    assert_int_equal(some.entry_count, 0);
    assert_int_equal(partials_copy(partition, panes, INT64_MIN, INT64_MAX, 100, &some, &error),
                     WEIR_E_LIMIT);
    assert_non_null(strstr(error.text, "limit of 100 bytes"));
    partials_done(&all);
    partials_done(&some);
    partition_free(partition);
    stream_done(&stream);
    free(plans);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_orderly_stream),
        cmocka_unit_test(test_late_records),
        cmocka_unit_test(test_long_texts_and_nulls),
        cmocka_unit_test(test_strays),
        cmocka_unit_test(test_many_groups),
        cmocka_unit_test(test_merged_partitions),
        cmocka_unit_test(test_ranges_and_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
