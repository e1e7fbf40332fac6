/* SPDX-License-Identifier: Apache-2.0 */
/*
 * query_set.h: reading sets, for sink/query_set*.c alone.
 *
 * Without order= a page is a run of keys in hash order, which is the order of the tables
 * themselves: each partition lends one chunk under one hold of its lock, and keys that stand in
 * several partitions meet because equal keys have equal hashes. With order= the whole set is
 * copied, at one instant of each partition.
 */
#ifndef SINK_QUERY_SET_H
#define SINK_QUERY_SET_H

#include "sink/query_internal.h"

struct set_row { /* the version of a key that counts */
    const union read_value *values;
    const uint64_t *nulls;
    const struct set_order *order;
    uint64_t hash;
    int32_t partition;
};

struct set_read {
    const struct set_plan *plan;
    const struct sink_plan *sink;
    const struct set_query *query;
    const struct query_limits *limits;
    struct query_workspace *workspace;
    struct query_time time;
    const struct query_partition *partitions;
    uint32_t *present; /* indexes into partitions, by topic and number */
    uint32_t present_count;
    struct weir_field *columns;
    uint32_t column_count;
    struct where where;
    struct order order;
    struct cursor cursor;
    uint64_t fingerprint;
    uint64_t limit;
    struct set_records *records; /* one for each present partition */
    struct set_cursor *places;   /* the same */
    uint32_t *heads;             /* the same: the next record to merge */
    struct set_row *rows;        /* in workspace->winners */
    uint32_t row_count;
};

/* query_set_merge.c */

/* The next `wanted` records of each partition from its place on. SET_COPY_CHANGED: a partition is
 * not what it was at the first copy. */
enum { SET_COPIED = 0, SET_COPY_CHANGED = 1 };
int set_copy(struct set_read *read, uint32_t wanted, bool first, struct query_result *result,
             struct query_error *error);
/* Merges what was copied below that hash (all: everything) into rows, in hash order. */
int set_merge(struct set_read *read, uint64_t below, bool all, struct query_error *error);
/* Of the rows from `from` on, keeps those that pass `where`. */
int set_filter(struct set_read *read, uint32_t from, struct query_error *error);
struct row_source set_source(const struct set_read *read);
/* The key of a row as bytes: for cursors and as the last order column. */
void set_key_add(const struct set_plan *plan, const struct set_row *row, struct text *out);
int set_result_fill(struct set_read *read, const struct page *page, struct query_result *result,
                    struct query_error *error);

/* query_set_scan.c: a page in hash order. */
int set_scan(struct set_read *read, struct query_result *result, struct query_error *error);

#endif
