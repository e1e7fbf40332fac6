/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Series live in one list for each metric, in the order in which they were made. One lock guards
 * the lists and the counts of users; values are atomics of their own and are read without it.
 */
#include "base/metrics.h"

#include <pthread.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/memory.h"
#include "base/metrics_series.h"

#define METRIC_COLLECTORS_MAX 64
#define METRIC_LABELS_MAX     8

static const char *const kind_names[] = {"counter", "gauge", "histogram"};

static const enum metric_kind kinds[METRIC_COUNT] = {
#define METRIC_KIND(symbol, kind, name, labels, help) [symbol] = METRIC_##kind,
    METRICS(METRIC_KIND)
#undef METRIC_KIND
};

static const struct metric_description descriptions[METRIC_COUNT] = {
#define COUNTER                                              "counter"
#define GAUGE                                                "gauge"
#define HISTOGRAM                                            "histogram"
#define METRIC_DESCRIPTION(symbol, kind, name, labels, help) [symbol] = {name, kind, labels, help},
    METRICS(METRIC_DESCRIPTION)
#undef METRIC_DESCRIPTION
#undef COUNTER
#undef GAUGE
#undef HISTOGRAM
};

static const int64_t bounds_ns[] = {
    100000,   250000,    500000,    1000000,   2500000,    5000000,    10000000,   25000000,
    50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};
static const int64_t bounds_records[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024};
_Static_assert(COUNT_OF(bounds_ns) <= METRIC_BUCKETS_MAX, "and one for what is greater");
_Static_assert(COUNT_OF(bounds_records) <= METRIC_BUCKETS_MAX, "and one for what is greater");

struct collector {
    void (*collect)(void *context);
    void *context;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct metric_series *series_of[METRIC_COUNT];

static pthread_mutex_t collectors_lock = PTHREAD_MUTEX_INITIALIZER;
static struct collector collectors[METRIC_COLLECTORS_MAX];
static size_t collector_count;

const struct metric_description *metrics_describe(enum metric metric)
{
    return (unsigned)metric < METRIC_COUNT ? &descriptions[metric] : NULL;
}

bool metric_in_seconds(enum metric metric)
{
    return strstr(descriptions[metric].name, "_seconds") != NULL;
}

enum metric_kind metric_kind_of(enum metric metric)
{
    return kinds[metric];
}

static size_t label_count(enum metric metric)
{
    const char *labels = descriptions[metric].labels;
    size_t count = *labels != '\0';
    for (; *labels; labels++)
        count += *labels == ',';
    return count;
}

static uint64_t labels_hash(const char *const *values, size_t count)
{
    uint64_t hash = 0;
    for (size_t i = 0; i < count; i++) {
        CHECK(values[i] != NULL);
        hash = hash_bytes(values[i], strlen(values[i]) + 1, hash);
    }
    return hash;
}

static bool labels_equal(const struct metric_series *series, const char *const *values)
{
    for (size_t i = 0; i < series->label_count; i++)
        if (!values[i] || strcmp(series->label_values[i], values[i]) != 0)
            return false;
    return true;
}

static struct metric_series *series_make(enum metric metric, const char *const *values,
                                         size_t count, uint64_t hash)
{
    struct metric_series *series = aligned_alloc(METRIC_LINE_BYTES, sizeof *series);
    CHECK(series != NULL);
    memset(series, 0, sizeof *series);
    series->metric = metric;
    series->hash = hash;
    series->label_count = count;
    series->label_values = mem_array(count, sizeof *series->label_values);
    for (size_t i = 0; i < count; i++)
        series->label_values[i] = mem_strdup(values[i]);
    if (kinds[metric] == METRIC_HISTOGRAM) {
        bool seconds = metric_in_seconds(metric);
        series->bounds = seconds ? bounds_ns : bounds_records;
        series->bound_count = seconds ? COUNT_OF(bounds_ns) : COUNT_OF(bounds_records);
    }
    return series;
}

struct metric_series *metric_new(enum metric metric, const char *const *label_values)
{
    static const char *const no_labels[] = {NULL};
    CHECK((unsigned)metric < METRIC_COUNT);
    const char *const *values = label_values ? label_values : no_labels;
    size_t count = label_count(metric);
    CHECK(count <= METRIC_LABELS_MAX);
    uint64_t hash = labels_hash(values, count);
    CHECK(values[count] == NULL);

    pthread_mutex_lock(&lock);
    struct metric_series **at = &series_of[metric];
    while (*at && ((*at)->hash != hash || !labels_equal(*at, values)))
        at = &(*at)->next;
    if (!*at)
        *at = series_make(metric, values, count, hash);
    struct metric_series *series = *at;
    series->users++;
    pthread_mutex_unlock(&lock);
    return series;
}

void metric_free(struct metric_series *series)
{
    if (!series)
        return;
    pthread_mutex_lock(&lock);
    CHECK(series->users > 0);
    bool last = --series->users == 0;
    if (last) {
        struct metric_series **at = &series_of[series->metric];
        while (*at != series)
            at = &(*at)->next;
        *at = series->next;
    }
    pthread_mutex_unlock(&lock);
    if (!last)
        return;
    for (size_t i = 0; i < series->label_count; i++)
        free(series->label_values[i]);
    free(series->label_values);
    free(series);
}

void metric_add(struct metric_series *series, int64_t value)
{
    if (series)
        atomic_fetch_add_explicit(&series->value, value, memory_order_relaxed);
}

void metric_set(struct metric_series *series, int64_t value)
{
    if (series)
        atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

/* value holds the sum; the buckets' sum is the count, so that the two always agree. */
void metric_observe(struct metric_series *series, int64_t value)
{
    if (!series)
        return;
    DEBUG_CHECK(series->bounds != NULL);
    size_t bucket = 0;
    while (bucket < series->bound_count && value > series->bounds[bucket])
        bucket++;
    atomic_fetch_add_explicit(&series->buckets[bucket], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->value, value, memory_order_relaxed);
}

int64_t metric_get(const struct metric_series *series)
{
    return series ? atomic_load_explicit(&series->value, memory_order_relaxed) : 0;
}

void metrics_on_collect(void (*collect)(void *context), void *context)
{
    pthread_mutex_lock(&collectors_lock);
    CHECK(collector_count < METRIC_COLLECTORS_MAX);
    collectors[collector_count++] = (struct collector){collect, context};
    pthread_mutex_unlock(&collectors_lock);
}

void metrics_off_collect(void (*collect)(void *context), void *context)
{
    pthread_mutex_lock(&collectors_lock);
    for (size_t i = 0; i < collector_count; i++)
        if (collectors[i].collect == collect && collectors[i].context == context) {
            memmove(&collectors[i], &collectors[i + 1],
                    (--collector_count - i) * sizeof *collectors);
            break;
        }
    pthread_mutex_unlock(&collectors_lock);
}

void metrics_write(struct text *out, bool openmetrics)
{
    pthread_mutex_lock(&collectors_lock);
    metrics_process_collect();
    for (size_t i = 0; i < collector_count; i++)
        collectors[i].collect(collectors[i].context);
    pthread_mutex_unlock(&collectors_lock);

    pthread_mutex_lock(&lock);
    for (enum metric metric = 0; metric < METRIC_COUNT; metric++)
        if (series_of[metric])
            metric_family_write(out, series_of[metric], openmetrics);
    pthread_mutex_unlock(&lock);
    if (openmetrics)
        text_add(out, "# EOF\n");
}

const char *metric_kind_name(enum metric_kind kind)
{
    return kind_names[kind];
}
