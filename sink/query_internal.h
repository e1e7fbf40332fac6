/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_internal.h: the parts of a query, for sink/query_*.c alone.
 *
 *   copy partials or records of each partition      read.h, under its lock
 *   merge them into rows                            query_groups.c, query_set.c
 *   where, order, cursor, limit over `struct row_source`   query_where.c, query_page.c
 *   write the rows of one page into columns         query_result.c
 *
 * All memory of a query comes from a workspace that is taken for it, stays with its result (whose
 * strings point into it) and is then kept for the next one: a steady state allocates nothing.
 */
#ifndef SINK_QUERY_INTERNAL_H
#define SINK_QUERY_INTERNAL_H

#include "base/clock.h"
#include "sink/query.h"
#include "sink/read.h"

/* Columns of a row: group columns or keys and bins, measures, window_start, window_end, final. */
#define QUERY_COLUMNS_MAX  (AGGREGATE_BY_MAX + AGGREGATE_MEASURES_MAX + SET_BINS_MAX + 3)
#define QUERY_COLUMN_WORDS ((QUERY_COLUMNS_MAX + 63) / 64)
#define QUERY_ORDER_MAX    16

/* Memory that grows and is kept. */
struct buffer {
    void *data;
    size_t capacity_bytes;
};
/* Room for count elements, the old ones kept; NULL: no memory. */
void *buffer_reserve(struct buffer *buffer, size_t count, size_t element_bytes);

struct query_workspace {
    struct query_workspace *next;
    uint64_t hash_seed;
    struct arena arena; /* what one query makes once: covers, wide values */
    struct partials *partials;
    uint32_t partials_count;
    struct set_records *records;
    uint32_t records_count;
    struct buffer key_table, key_values, key_flags; /* query_groups.c */
    struct buffer cell_table, cells, states, local_keys;
    struct buffer kept; /* rows that `where` left */
    struct buffer ranked, ranked_other;
    struct buffer winners; /* query_set.c */
    struct text sort_keys;
    struct batch *scratch; /* for `where` */
    struct batch **chunks;
    uint32_t chunk_count;
};
/* Any thread. The workspace is empty but for kept memory; never NULL. */
struct query_workspace *workspace_take(void);
void workspace_give(struct query_workspace *workspace); /* NULL is allowed */
struct partials *workspace_partials(struct query_workspace *workspace, uint32_t count);
struct set_records *workspace_records(struct query_workspace *workspace, uint32_t count);

/* Writes the error and returns a negative status. */
int query_fail(struct query_error *error, int http_status, const char *kind, const char *format,
               ...) __attribute__((format(printf, 4, 5)));
int query_fail_nomem(struct query_error *error);
/* Out of an error of read.h. */
int query_fail_read(struct query_error *error, const struct weir_error *cause);

/* A query's own clock. */
struct query_time {
    int64_t deadline_ns; /* monotonic; INT64_MAX: none */
    int64_t limit_ns;
};
struct query_time query_time_begin(const struct query_limits *limits);
int query_time_check(const struct query_time *time, struct query_error *error);

/* ---- rows ----------------------------------------------------------------------------------- */

/* Rows by number, values on demand. Columns have the types of `columns`. */
struct row_source {
    const struct weir_field *columns;
    uint32_t column_count;
    void (*value)(const void *context, uint32_t row, uint32_t column,
                  struct measure_value *ret_value);
    const void *context;
};

/* ---- where ---------------------------------------------------------------------------------- */

#define WHERE_PARTS_MAX 32

struct where_part {
    struct weir_expr *expr;
    uint32_t position; /* in the whole text */
    uint64_t reads[QUERY_COLUMN_WORDS];
    bool early; /* over rows as they are before merging */
};
/* The condition, cut at its outermost ANDs so that each part can be asked as early as it may. */
struct where {
    const struct expression_ops *ops;
    const char *text;
    struct where_part parts[WHERE_PARTS_MAX];
    uint32_t count;
};
/* Columns below `early_columns` are known before merging; those of them that are not in `late`
 * (bits) are gone afterwards. */
int where_compile(struct where *where, const struct expression_ops *ops, const char *text,
                  const struct weir_field *columns, uint32_t column_count, uint32_t early_columns,
                  const uint64_t *late, struct query_error *error);
void where_done(struct where *where);
bool where_has(const struct where *where, bool early);
/* Asks rows[0..count) the parts that are early or not; moves those that pass to the front and
 * returns how many in ret_count. */
int where_filter(const struct where *where, bool early, const struct row_source *source,
                 uint32_t *rows, uint32_t count, struct query_workspace *workspace,
                 const struct query_time *time, uint32_t *ret_count, struct query_error *error);

/* ---- order, cursor, page ----------------------------------------------------------------------
 */

struct order_key {
    uint32_t column;
    bool descending;
};
struct order {
    struct order_key keys[QUERY_ORDER_MAX];
    uint32_t count;
};
int order_read(struct order *order, const char *text, const struct weir_field *columns,
               uint32_t column_count, struct query_error *error);

/* Adds one value so that memcmp orders as the type does, nulls first. */
void sort_key_add(struct text *out, struct weir_type type, const struct measure_value *value,
                  bool descending);

/* What a cursor says. Rows beyond it are those whose sort key is greater. */
#define CURSOR_KEY_BYTES_MAX 512
struct cursor {
    bool given;
    uint32_t key_length;
    bool cut; /* the key was longer: `digest` is of the whole */
    uint64_t digest[2];
    unsigned char key[CURSOR_KEY_BYTES_MAX];
};
/* query: a fingerprint of everything that must be the same from page to page. */
int cursor_read(struct cursor *cursor, const char *text, uint64_t query, struct query_error *error);
char *cursor_write(const void *key, size_t length, uint64_t query);

struct ranked {
    uint64_t prefix; /* the first 8 bytes of the key, as a number */
    uint32_t row;
    uint32_t length;
    size_t at; /* of the key in workspace->sort_keys */
};
struct page {
    const struct ranked *rows; /* in order */
    uint32_t count;
    bool more;
};
/* Adds the sort key of a row: its order columns, then its identity. */
struct page_order {
    const struct row_source *source;
    const struct order *order;
    void (*identity)(const void *context, uint32_t row, struct text *out);
    const void *context;
};
/* The first `limit` of rows beyond the cursor. */
int page_select(const struct page_order *page_order, const uint32_t *rows, uint32_t count,
                const struct cursor *cursor, uint64_t limit, struct query_workspace *workspace,
                struct page *ret_page, struct query_error *error);

/* ---- columns ----------------------------------------------------------------------------------
 */

/* Makes column `slot` of the batch (whose rows are set) out of `column` of the given rows. Values
 * beyond 64 bits are cut to the nearest and, where there are any, written exactly into *ret_wide,
 * from the workspace. */
int column_fill(struct batch *batch, uint32_t slot, const struct row_source *source,
                uint32_t column, const uint32_t *rows, uint32_t count,
                struct query_workspace *workspace, int128 **ret_wide, struct query_error *error);

/* ---- result ------------------------------------------------------------------------------------
 */

/* Columns that a result shows: numbers in the row source. */
struct shown {
    uint32_t columns[QUERY_COLUMNS_MAX];
    uint32_t count;
};
int result_fill(struct query_result *result, const struct row_source *source,
                const struct shown *shown, const struct page *page,
                struct query_workspace *workspace, struct query_error *error);
/* Partitions by topic and number; indexes into them. Missing ones are left out of `order` and put
 * into result->missing. */
int result_partitions(struct query_result *result, const struct query_partition *partitions,
                      uint32_t count, struct query_workspace *workspace, uint32_t *order,
                      uint32_t *ret_present, struct query_error *error);
void result_cover(struct query_result *result, const struct query_partition *partition,
                  const struct read_instant *at);

/* A name among columns, else a 400 with a suggestion. */
int column_find(const char *what, struct weir_str name, const struct weir_field *columns,
                uint32_t count, uint32_t *ret_column, struct query_error *error);

#endif
