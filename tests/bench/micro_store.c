/* SPDX-License-Identifier: Apache-2.0 */
/*
 * micro_store.c: what a partition's aggregates and sets cost per record, beside a hand-written
 * table for the same job (micro_store_floor.h).
 *
 *   micro_store [ROUNDS [PART]]     PART: only figures whose name begins so
 *
 * Rounds alternate; figures are medians of CPU time. Our side is the whole of partition_observe and
 * partition_apply: times, watermark, keys, hashing, the lock, limits, offsets. What both sides hold
 * in the end is compared: a difference is a wrong result, exit 1.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/batch.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/value.h"
#include "sink/read.h"
#include "tests/bench/micro_store_floor.h"

#define ROWS       WEIR_BATCH_ROWS_MAX
#define ROUNDS_MAX 101

static uint64_t mix(uint64_t x)
{
    return hash_u64(x, 0x5eed);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double *values, uint32_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

static void print_upper(const char *figure, double value, const char *unit, double goal)
{
    printf("bench micro %s %.3f %s goal %g %s\n", figure, value, unit, goal,
           value <= goal ? "ok" : "short");
    fflush(stdout);
}

/* Batches are made ready a few at a time, as if they had just been decoded, and then applied under
 * one pair of clock readings (a reading of the CPU clock costs as much as 50 records). */
#define BATCHES     4
#define START_NS    (1763712000 * NS_PER_SECOND)
#define TIME_COLUMN 0 /* event time: a millisecond for each record */

struct group_of_batches {
    struct batch *batches[BATCHES];
    uint32_t count;
};

static void batches_new(struct group_of_batches *group, uint32_t columns)
{
    for (uint32_t i = 0; i < BATCHES; i++)
        group->batches[i] = batch_new(columns);
}

static void batches_free(struct group_of_batches *group)
{
    for (uint32_t i = 0; i < BATCHES; i++)
        batch_free(group->batches[i]);
}

static void batch_rows(struct batch *batch, uint32_t rows, uint64_t offset)
{
    batch_begin(batch, "bench", 0, START_NS);
    for (uint32_t i = 0; i < rows; i++) {
        struct weir_record record = {
            .offset = (int64_t)(offset + i), .timestamp_ms = 0, .value = str_make("{}", 2)};
        batch_add_borrowed(batch, &record);
    }
    struct weir_column *times = batch_column_new(batch, (struct weir_type){.kind = WEIR_TIMESTAMP});
    for (uint32_t i = 0; i < rows; i++)
        times->ints[i] = START_NS + (int64_t)(offset + i) * 1000000;
    batch_column_set(batch, TIME_COLUMN, times);
}

static void apply_one(struct partition *partition, struct batch *batch)
{
    struct partition_counts counts = {0};
    struct weir_error error;
    int64_t next = batch->records[batch->view.rows - 1].offset + 1;
    partition_observe(partition, batch);
    if (partition_apply(partition, batch, next, &counts, &error) != 0)
        abort();
}

/* Times of single batches while a set grows. */
struct batch_times {
    double *ms;
    uint32_t count;
};

/* CPU time of the process: growing images have memory made ready by a second thread. */
static int64_t apply(struct partition *partition, struct group_of_batches *group,
                     struct batch_times *times)
{
    int64_t begin = clock_process_cpu_ns(), last = times ? clock_thread_cpu_ns() : 0;
    for (uint32_t i = 0; i < group->count; i++) {
        apply_one(partition, group->batches[i]);
        if (!times)
            continue;
        int64_t now = clock_thread_cpu_ns();
        times->ms[times->count++] = (double)(now - last) / 1e6;
        last = now;
    }
    return clock_process_cpu_ns() - begin;
}

/* ---- group-by ---- */

#define GROUP_ROWS 10000000u

static char *group_keys;
static double *group_values;

static void make_groups(uint64_t keys)
{
    for (uint64_t i = 0; i < GROUP_ROWS; i++) {
        char text[24];
        uint64_t random = mix(i + keys);
        snprintf(text, sizeof text, "cust%08u", (unsigned)((random >> 20) % keys));
        memcpy(group_keys + i * FLOOR_KEY_STRIDE, text, FLOOR_KEY_BYTES);
        group_values[i] = (double)(random % 100000) / 8; /* sums are exact in any order */
    }
}

static struct partition *groups_new(void)
{
    static const struct weir_field by = {"customer", {.kind = WEIR_STRING}, 1};
    static const struct weir_type number = {.kind = WEIR_FLOAT};
    static struct measure_plan measures[] = {
        {"n", "count(*)", MEASURE_COUNT_ALL, SINK_NO_COLUMN, {0}, {0}},
        {"sum", "sum(x)", MEASURE_SUM, 2, {0}, {0}},
        {"min", "min(x)", MEASURE_MIN, 2, {0}, {0}},
        {"max", "max(x)", MEASURE_MAX, 2, {0}, {0}},
    };
    static const struct aggregate_plan aggregate = {.name = "groups",
                                                    .by = &by,
                                                    .by_count = 1,
                                                    .where_column = SINK_NO_COLUMN,
                                                    .measures = measures,
                                                    .measure_count = 4,
                                                    .groups_max = UINT64_MAX};
    static const struct sink_plan plan = {
        .aggregates = &aggregate, .aggregate_count = 1, .event_time_column = TIME_COLUMN};
    struct partition *partition;
    for (int i = 0; i < 4; i++) {
        measures[i].argument = number;
        if (!measure_result_type(measures[i].function, number, &measures[i].result))
            abort();
    }
    if (partition_new(&plan, "bench", 0, NULL, &partition, NULL))
        abort();
    return partition;
}

static struct floor_sums groups_sums(struct partition *partition)
{
    struct partials p = PARTIALS_INIT;
    struct floor_sums sums = {0};
    struct measure_value values[4];
    if (partials_copy(partition, 0, 0, 0, UINT64_MAX >> 1, &p, NULL))
        abort();
    sums.groups = p.group_count;
    for (uint32_t e = 0; e < p.entry_count; e++) {
        for (uint32_t m = 0; m < 4; m++)
            aggregate_state_result(p.layout, m, partials_state(&p, e), &values[m]);
        sums.records += (uint64_t)values[0].value.i;
        sums.sum += values[1].value.f;
        sums.min += values[2].value.f;
        sums.max += values[3].value.f;
    }
    partials_done(&p);
    return sums;
}

static void group_batch(struct batch *batch, uint32_t at, uint32_t rows)
{
    batch_rows(batch, rows, at);
    struct weir_column *key = batch_column_new(batch, (struct weir_type){.kind = WEIR_STRING});
    struct weir_column *value = batch_column_new(batch, (struct weir_type){.kind = WEIR_FLOAT});
    for (uint32_t i = 0; i < rows; i++) {
        key->strs[i] = str_make(group_keys + (size_t)(at + i) * FLOOR_KEY_STRIDE, FLOOR_KEY_BYTES);
        value->floats[i] = group_values[at + i];
    }
    batch_column_set(batch, 1, key);
    batch_column_set(batch, 2, value);
}

static double run_groups(struct group_of_batches *group, struct floor_sums *ret_sums,
                         double *ret_bytes)
{
    struct partition *partition = groups_new();
    struct partition_info info;
    int64_t spent = 0;

    for (uint32_t at = 0; at < GROUP_ROWS;) {
        for (group->count = 0; group->count < BATCHES && at < GROUP_ROWS; group->count++) {
            uint32_t rows = GROUP_ROWS - at < ROWS ? GROUP_ROWS - at : ROWS;
            group_batch(group->batches[group->count], at, rows);
            at += rows;
        }
        spent += apply(partition, group, NULL);
    }
    *ret_sums = groups_sums(partition);
    partition_info(partition, &info);
    *ret_bytes = (double)info.memory_bytes / (double)info.groups;
    partition_free(partition);
    return (double)spent / GROUP_ROWS;
}

static double run_groups_floor(struct floor_sums *ret_sums)
{
    struct floor_groups *groups = floor_groups_new();
    int64_t begin = clock_process_cpu_ns();
    floor_groups_fold(groups, group_keys, group_values, GROUP_ROWS);
    int64_t spent = clock_process_cpu_ns() - begin;
    *ret_sums = floor_groups_sums(groups);
    floor_groups_free(groups);
    return (double)spent / GROUP_ROWS;
}

static bool bench_groups(const char *name, uint64_t keys, uint32_t rounds)
{
    double ours[ROUNDS_MAX], floor[ROUNDS_MAX], ratio[ROUNDS_MAX], bytes = 0;
    struct group_of_batches group;
    char figure[64];
    bool right = true;

    make_groups(keys);
    batches_new(&group, 3);
    for (uint32_t r = 0; r < rounds; r++) {
        struct floor_sums a = {0}, b = {0};
        floor[r] = run_groups_floor(&a);
        ours[r] = run_groups(&group, &b, &bytes);
        ratio[r] = ours[r] / floor[r];
        right &= a.groups == b.groups && a.records == b.records && a.sum == b.sum &&
                 a.min == b.min && a.max == b.max;
    }
    batches_free(&group);
    double ours_ns = median(ours, rounds), floor_ns = median(floor, rounds);
    fprintf(stderr, "group-by, %s keys: weir %.1f ns, floor %.1f ns, %.0f bytes a group; %s\n",
            name, ours_ns, floor_ns, bytes, right ? "the same sums" : "DIFFERENT SUMS");
    snprintf(figure, sizeof figure, "group_by_%s_keys", name);
    print_upper(figure, median(ratio, rounds), "x", 1.0);
    return right;
}

/* ---- upserts ---- */

#define SET_COLUMNS (1 + FLOOR_BINS)

static struct partition *set_new(void)
{
    static const struct weir_field key = {"id", {.kind = WEIR_INT}, 1};
    static struct weir_field bins[FLOOR_BINS];
    static const char *const names[FLOOR_BINS] = {"a", "b", "c", "d", "e", "f", "g"};
    static const struct set_plan set = {.name = "records",
                                        .key = &key,
                                        .key_count = 1,
                                        .bins = bins,
                                        .bin_count = FLOOR_BINS,
                                        .version_column = SINK_NO_COLUMN,
                                        .delete_column = SINK_NO_COLUMN};
    static const struct sink_plan plan = {
        .sets = &set, .set_count = 1, .event_time_column = TIME_COLUMN};
    struct partition *partition;
    for (uint32_t i = 0; i < FLOOR_BINS; i++)
        bins[i] = (struct weir_field){names[i], {.kind = WEIR_INT}, 2 + i};
    if (partition_new(&plan, "bench", 0, NULL, &partition, NULL))
        abort();
    return partition;
}

static int64_t set_sum(struct partition *partition, uint64_t *ret_count)
{
    struct set_records r = SET_RECORDS_INIT;
    struct set_cursor cursor = SET_CURSOR_INIT;
    uint64_t sum = 0;
    *ret_count = 0;
    while (!cursor.end) {
        if (set_records_copy(partition, 0, 100000, UINT64_MAX >> 1, &cursor, &r, NULL))
            abort();
        for (uint32_t i = 0; i < r.count * r.value_count; i++)
            sum += (uint64_t)r.values[i].i;
        *ret_count += r.count;
    }
    set_records_done(&r);
    return (int64_t)sum;
}

/* Row i of a run: which key, and its numbers. The first `keys` rows are all keys once. */
static void set_rows(uint64_t from, uint32_t rows, uint64_t keys, struct weir_column **columns)
{
    for (uint32_t i = 0; i < rows; i++) {
        uint64_t random = mix(from + i);
        uint64_t key = from + i < keys ? from + i : (random >> 16) % keys;
        columns[0]->ints[i] = (int64_t)(key * 7919);
        for (int c = 1; c < SET_COLUMNS; c++)
            columns[c]->ints[i] = (int64_t)(random >> c);
    }
}

struct set_times {
    double insert_ns, upsert_ns; /* ours */
    double floor_insert_ns, floor_upsert_ns;
    double bytes;           /* of a record of 64 */
    double p999_ms, max_ms; /* batches while the set grows */
    bool right;
};

static void set_batch(struct batch *batch, uint64_t at, uint32_t rows, uint64_t keys)
{
    struct weir_column *columns[SET_COLUMNS];
    batch_rows(batch, rows, at);
    for (uint32_t c = 0; c < SET_COLUMNS; c++) {
        columns[c] = batch_column_new(batch, (struct weir_type){.kind = WEIR_INT});
        batch_column_set(batch, 1 + c, columns[c]);
    }
    set_rows(at, rows, keys, columns);
}

static int64_t upsert_floor(struct floor_set *floor, const struct group_of_batches *group)
{
    int64_t begin = clock_process_cpu_ns();
    for (uint32_t i = 0; i < group->count; i++) {
        const struct weir_batch *view = &group->batches[i]->view;
        const int64_t *words[SET_COLUMNS];
        for (int c = 0; c < SET_COLUMNS; c++)
            words[c] = view->columns[1 + c]->ints;
        floor_set_upsert(floor, words, view->rows);
    }
    return clock_process_cpu_ns() - begin;
}

/* First every key once, then uniformly over all of them. */
static void run_set(uint64_t keys, uint64_t rows, struct group_of_batches *group,
                    struct set_times *t)
{
    struct partition *partition = set_new();
    struct floor_set *floor = floor_set_new(keys);
    struct partition_info info;
    int64_t spent[2] = {0}, floor_spent[2] = {0};
    struct batch_times times = {mem_array(keys / ROWS + BATCHES, sizeof(double)), 0};

    for (uint64_t at = 0; at < rows;) {
        bool growing = at < keys;
        uint64_t end = growing ? keys : rows;
        for (group->count = 0; group->count < BATCHES && at < end; group->count++) {
            uint32_t n = end - at < ROWS ? (uint32_t)(end - at) : ROWS;
            set_batch(group->batches[group->count], at, n, keys);
            at += n;
        }
        floor_spent[!growing] += upsert_floor(floor, group);
        spent[!growing] += apply(partition, group, growing ? &times : NULL);
    }
    uint64_t count;
    t->right &= set_sum(partition, &count) == floor_set_sum(floor);
    t->right &= count == floor_set_count(floor) && count == keys;
    partition_info(partition, &info);
    t->bytes = (double)info.memory_bytes / (double)keys;
    qsort(times.ms, times.count, sizeof *times.ms, compare);
    t->p999_ms = times.ms[times.count - 1 - times.count / 1000];
    t->max_ms = times.ms[times.count - 1];
    free(times.ms);
    t->insert_ns = (double)spent[0] / (double)keys;
    t->upsert_ns = (double)spent[1] / (double)(rows - keys);
    t->floor_insert_ns = (double)floor_spent[0] / (double)keys;
    t->floor_upsert_ns = (double)floor_spent[1] / (double)(rows - keys);
    partition_free(partition);
    floor_set_free(floor);
}

static bool bench_set(const char *name, uint64_t keys, uint64_t rows, double rate_goal,
                      uint32_t rounds)
{
    static double insert[ROUNDS_MAX], upsert[ROUNDS_MAX], ratio[ROUNDS_MAX], p999[ROUNDS_MAX];
    static double floor_insert[ROUNDS_MAX], floor_upsert[ROUNDS_MAX];
    struct group_of_batches group;
    struct set_times t = {.right = true};
    char figure[64];

    batches_new(&group, 1 + SET_COLUMNS);
    for (uint32_t r = 0; r < rounds; r++) {
        run_set(keys, rows, &group, &t);
        insert[r] = t.insert_ns;
        upsert[r] = t.upsert_ns;
        floor_insert[r] = t.floor_insert_ns;
        floor_upsert[r] = t.floor_upsert_ns;
        ratio[r] = t.upsert_ns / t.floor_upsert_ns;
        p999[r] = t.p999_ms;
    }
    batches_free(&group);
    double upsert_ns = median(upsert, rounds);
    fprintf(stderr,
            "upsert, %s keys: weir %.1f ns (new keys %.1f), floor %.1f ns (%.1f), "
            "%.1f bytes a record; %s\n",
            name, upsert_ns, median(insert, rounds), median(floor_upsert, rounds),
            median(floor_insert, rounds), t.bytes, t.right ? "the same" : "DIFFERENT");
    snprintf(figure, sizeof figure, "set_upsert_%s_keys", name);
    print_upper(figure, upsert_ns, "ns", 1e9 / rate_goal);
    snprintf(figure, sizeof figure, "set_upsert_%s_keys_to_floor", name);
    print_upper(figure, median(ratio, rounds), "x", 1.5);
    snprintf(figure, sizeof figure, "set_bytes_%s_keys", name);
    print_upper(figure, t.bytes / 64, "x", 1.5);
    fprintf(stderr, "batches of 1,024 new keys: the longest of the last round %.3f ms\n", t.max_ms);
    snprintf(figure, sizeof figure, "set_batch_p999_%s_keys", name);
    print_upper(figure, median(p999, rounds), "ms", 1.0);
    return t.right;
}

struct part {
    const char *name;
    bool (*run)(const struct part *part, uint32_t rounds);
    const char *keys_name;
    uint64_t keys;
    uint64_t rows;
    double rate_goal;
};

static bool run_group_by(const struct part *part, uint32_t rounds)
{
    group_keys = mem_alloc((size_t)GROUP_ROWS * FLOOR_KEY_STRIDE);
    group_values = mem_array(GROUP_ROWS, sizeof *group_values);
    bool right = bench_groups(part->keys_name, part->keys, rounds);
    free(group_keys);
    free(group_values);
    return right;
}

static bool run_upsert(const struct part *part, uint32_t rounds)
{
    return bench_set(part->keys_name, part->keys, part->rows, part->rate_goal, rounds);
}

static const struct part parts[] = {
    {"group_by_1k", run_group_by, "1k", 1000, GROUP_ROWS, 0},
    {"group_by_100k", run_group_by, "100k", 100000, GROUP_ROWS, 0},
    {"group_by_5M", run_group_by, "5M", 5000000, GROUP_ROWS, 0},
    {"set_upsert_1M", run_upsert, "1M", 1000000, 6000000, 6e6},
    {"set_upsert_10M", run_upsert, "10M", 10000000, 20000000, 3e6},
};

int main(int argc, char **argv)
{
    int64_t rounds = 5;
    const char *wanted = argc == 3 ? argv[2] : "";
    if (argc > 3 || (argc > 1 && (int_read(argv[1], strlen(argv[1]), &rounds) < 0 || rounds < 1 ||
                                  rounds > ROUNDS_MAX))) {
        fprintf(stderr, "usage: micro_store [ROUNDS [PART]], at most %d rounds\n", ROUNDS_MAX);
        return 2;
    }
    bool right = true;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        if (strncmp(parts[i].name, wanted, strlen(wanted)) == 0)
            right &= parts[i].run(&parts[i], (uint32_t)rounds);
    return right ? 0 : 1;
}
