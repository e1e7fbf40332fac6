/* SPDX-License-Identifier: Apache-2.0 */
/*
 * plan.h: what a sink keeps, with names resolved to columns.
 *
 * Made by pipelines/ from the file, then constant and shared by all partitions and queries. Every
 * expression of the file has become a column before the sink sees it.
 */
#ifndef SINK_PLAN_H
#define SINK_PLAN_H

#include <weir/types.h>

#define SINK_NO_COLUMN         UINT32_MAX
#define AGGREGATE_BY_MAX       16
#define AGGREGATE_MEASURES_MAX 64
#define SET_BINS_MAX           256

/* Aggregate functions. X(symbol, name, summary); argument and result types: measure_result_type. */
#define MEASURE_FUNCTIONS(X)                                                                       \
    X(MEASURE_COUNT_ALL, "count(*)", "records")                                                    \
    X(MEASURE_COUNT, "count", "records in which x is not null")                                    \
    X(MEASURE_SUM, "sum", "exact for int and decimal; null over nothing")                          \
    X(MEASURE_MIN, "min", "smallest value; of text the first in byte order")                       \
    X(MEASURE_MAX, "max", "greatest value")                                                        \
    X(MEASURE_AVG, "avg", "mean, a float; null over nothing")                                      \
    X(MEASURE_FIRST, "first", "value of the earliest record by event time, then offset")           \
    X(MEASURE_LAST, "last", "value of the latest record by event time, then offset")

enum measure_function {
#define MEASURE_ENUM(symbol, name, summary) symbol,
    MEASURE_FUNCTIONS(MEASURE_ENUM)
#undef MEASURE_ENUM
        MEASURE_FUNCTION_COUNT
};

struct measure_plan {
    const char *name;
    const char *text; /* as declared: "sum(amount)" */
    enum measure_function function;
    uint32_t column; /* SINK_NO_COLUMN for count(*) */
    struct weir_type argument;
    struct weir_type result;
};

/* What happens at a limit. */
enum sink_on_full { ON_FULL_OVERFLOW, ON_FULL_EVICT, ON_FULL_REFUSE, ON_FULL_PAUSE };

struct aggregate_plan {
    const char *name;
    const struct weir_field *by;
    uint32_t by_count;
    uint32_t where_column; /* BOOL; SINK_NO_COLUMN: all records */
    bool windowed;
    int64_t pane_ns; /* greatest common divisor of size and slide */
    int64_t size_ns;
    int64_t slide_ns; /* = size_ns when tumbling */
    int64_t keep_ns;
    int64_t lateness_ns;
    const struct measure_plan *measures;
    uint32_t measure_count;
    uint64_t groups_max;       /* by partition (by pane where windowed) */
    enum sink_on_full on_full; /* OVERFLOW (default), EVICT or PAUSE */
    uint64_t fingerprint;      /* of everything above that gives the state its meaning */
};

struct set_plan {
    const char *name;
    const struct weir_field *key;
    uint32_t key_count;
    bool key_is_record_key;        /* the key is `_key`: a tombstone deletes */
    const struct weir_field *bins; /* not those of the key */
    uint32_t bin_count;
    uint32_t version_column; /* INT, DECIMAL, FLOAT or TIMESTAMP; SINK_NO_COLUMN: see store.md */
    struct weir_type version_type;
    uint32_t delete_column;    /* BOOL */
    uint64_t records_max;      /* by partition */
    enum sink_on_full on_full; /* EVICT, REFUSE (default) or PAUSE */
    uint64_t fingerprint;
};

struct sink_plan {
    const char *pipeline;
    const struct aggregate_plan *aggregates;
    uint32_t aggregate_count;
    const struct set_plan *sets;
    uint32_t set_count;
    uint32_t event_time_column; /* TIMESTAMP; SINK_NO_COLUMN: Kafka's timestamp */
    int64_t max_ahead_ns;       /* the watermark's bound beyond the wall clock */
    int64_t idle_ns; /* a partition at its end and silent for so long holds back nothing */
};

/* True, with the result's type, if the function takes such an argument. */
bool measure_result_type(enum measure_function function, struct weir_type argument,
                         struct weir_type *ret_result);
/* The columns that a row of an aggregate (group columns, then measures) or a set (key, then bins)
 * has, without window_start, window_end, final. The caller frees the array, not the names. */
struct weir_field *aggregate_row_fields(const struct aggregate_plan *plan, uint32_t *ret_count);
struct weir_field *set_row_fields(const struct set_plan *plan, uint32_t *ret_count);

#endif
