/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query.h: questions about aggregates and sets over all partitions of a pipeline.
 *
 * A query reads each partition at one instant (its offset at that instant is what `covers` says),
 * merges the partials, and leaves typed rows. Writing them as JSON, NDJSON or CSV is the business
 * of sink/http/format.c. [query threads and http]
 */
#ifndef SINK_QUERY_H
#define SINK_QUERY_H

#include "base/expression.h"
#include "base/text.h"
#include "sink/partition.h"

struct query_limits {
    int64_t time_ns_max;
    uint64_t rows_max; /* in one answer */
    uint64_t bytes_max;
    uint64_t groups_max; /* after merging, before `limit` */
};

/* One partition to be read. One that no reachable node holds has no image here: it makes the answer
 * incomplete and is named in `missing` by topic and number. */
struct query_partition {
    struct partition *partition; /* NULL: missing */
    bool complete;   /* false while restoring or rebuilding: the answer is not complete */
    bool holds_back; /* false: empty, or at its end and idle; `final` does not wait for it */
    const char *topic;
    int32_t number;
};

struct query_window {
    bool all;        /* window=all */
    int64_t size_ns; /* 0: as declared */
    int64_t from_ns; /* INT64_MIN: open */
    int64_t to_ns;   /* INT64_MAX: open */
    int64_t last_ns; /* 0: none; counted back from the newest watermark */
};

struct aggregate_query {
    const char *const *by; /* NULL: as declared */
    uint32_t by_count;
    bool by_given;
    const char *where; /* NULL: none */
    const char *order; /* "-revenue,region"; NULL: engine's own */
    uint64_t limit;
    const char *cursor; /* as handed out; NULL: from the beginning */
    struct query_window window;
    bool window_given;
};

struct set_query {
    const char *where;
    const char *order;
    uint64_t limit;
    const char *cursor;
};

struct query_cover {
    const char *topic;
    int32_t partition;
    int64_t next_offset;
};

/* Rows in chunks of up to WEIR_BATCH_ROWS_MAX, as batches, so that expressions work on them. */
struct query_result {
    struct weir_field *fields; /* names and types; column i of each chunk */
    uint32_t field_count;
    struct batch **chunks;
    uint32_t chunk_count;
    uint64_t row_count;
    struct query_cover *covers;
    uint32_t cover_count;
    bool complete;
    struct query_cover *missing; /* next_offset is -1 */
    uint32_t missing_count;
    int64_t newest_event_time_ns; /* INT64_MIN: none */
    char *next_cursor;            /* NULL: that was all */
    /* Sums beyond 64 bits: NULL where there are none, else chunk x field_count + field gives NULL
     * or the chunk's exact values by row. The column itself holds the nearest value of 64 bits. */
    __int128 **wide;
    struct query_workspace *workspace; /* private */
};
/* One value: of a wide column the exact one as JSON writes it. */
void query_value_write(const struct query_result *result, uint32_t chunk, uint32_t field,
                       uint32_t row, struct text *out);
void query_result_done(struct query_result *result);

/* What is wrong with a query, for a problem document. */
struct query_error {
    int http_status;   /* 400, 404, 422, 504, 500 */
    const char *kind;  /* "unknown-parameter", "expression", "limit", ... */
    uint32_t position; /* in the expression; UINT32_MAX: not of one */
    char text[WEIR_ERROR_TEXT_BYTES_MAX];
};

/* 0 with a result, or negative with an error. */
int query_aggregate(const struct aggregate_plan *plan, const struct sink_plan *sink,
                    const struct query_partition *partitions, uint32_t partition_count,
                    const struct expression_ops *expressions, const struct query_limits *limits,
                    const struct aggregate_query *query, struct query_result *ret_result,
                    struct query_error *error);
int query_set(const struct set_plan *plan, const struct sink_plan *sink,
              const struct query_partition *partitions, uint32_t partition_count,
              const struct expression_ops *expressions, const struct query_limits *limits,
              const struct set_query *query, struct query_result *ret_result,
              struct query_error *error);
/* One record by its key's parts as text. A result with 0 or 1 rows. */
int query_set_key(const struct set_plan *plan, const struct sink_plan *sink,
                  const struct query_partition *partitions, uint32_t partition_count,
                  const struct weir_str *key, uint32_t key_count, struct query_result *ret_result,
                  struct query_error *error);

#endif
