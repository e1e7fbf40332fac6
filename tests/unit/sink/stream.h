/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream.h: a random stream of events, plans over it, and batches cut from it, for tests of the
 * store. An event is kept as plain values, so that a test can recount in the most naive way.
 */
#ifndef TESTS_UNIT_SINK_STREAM_H
#define TESTS_UNIT_SINK_STREAM_H

#include "tests/unit/test.h"

#include "base/batch.h"
#include "base/value.h"
#include "sink/partition.h"
#include "sink/read.h"

/* Columns of a batch. X(symbol, name, kind, scale, nullable) */
#define STREAM_COLUMNS(X)                                                                          \
    X(C_TIME, "time", WEIR_TIMESTAMP, 0, 0)                                                        \
    X(C_REGION, "region", WEIR_STRING, 0, 1)                                                       \
    X(C_USER, "user", WEIR_STRING, 0, 0)                                                           \
    X(C_AMOUNT, "amount", WEIR_DECIMAL, 2, 1)                                                      \
    X(C_N, "n", WEIR_INT, 0, 0)                                                                    \
    X(C_X, "x", WEIR_FLOAT, 0, 1)                                                                  \
    X(C_OK, "ok", WEIR_BOOL, 0, 1)                                                                 \
    X(C_NAME, "name", WEIR_STRING, 0, 1)                                                           \
    X(C_WHERE, "where", WEIR_BOOL, 0, 1)                                                           \
    X(C_VERSION, "version", WEIR_INT, 0, 1)                                                        \
    X(C_DELETE, "delete", WEIR_BOOL, 0, 0)                                                         \
    X(C_KEY, "_key", WEIR_STRING, 0, 1)

enum stream_column {
#define STREAM_ENUM(symbol, name, kind, scale, nullable) symbol,
    STREAM_COLUMNS(STREAM_ENUM)
#undef STREAM_ENUM
        STREAM_COLUMN_COUNT
};

/* A field of the plan over that column. */
struct weir_field stream_field(enum stream_column column);

/* A value; of a null all members are zero. */
struct value {
    bool null;
    int64_t i; /* also bool */
    double f;
    struct weir_str s;
};

struct event {
    int64_t offset;
    int64_t timestamp_ms;
    bool tombstone;
    bool filtered; /* not selected */
    struct value values[STREAM_COLUMN_COUNT];
};

struct stream {
    struct event *events;
    uint32_t count;
    int64_t now_ns; /* of every batch */
    struct arena arena;
};

struct stream_options {
    uint32_t count;
    uint32_t users;
    uint32_t regions;
    int64_t step_ns;   /* of event time from event to event */
    int64_t jitter_ns; /* out of order by up to this */
    bool strays;       /* events of 1970 and 2099 */
    bool long_texts;   /* some texts longer than a slot, few longer than a page */
    bool tombstones;
    uint32_t null_in; /* one value in so many is null; 0: none */
};

void stream_make(struct stream *stream, struct test_random *random,
                 const struct stream_options *options);
void stream_done(struct stream *stream);

/* Events [first, first + count) as a batch, observed and applied; texts are views into the batch's
 * own payload copies. Returns what partition_apply returned. */
int stream_apply(const struct stream *stream, uint32_t first, uint32_t count, struct batch *batch,
                 struct partition *partition, struct partition_counts *counts);
/* The whole stream in random cuts. */
void stream_apply_all(const struct stream *stream, struct test_random *random, uint32_t rows_max,
                      struct partition *partition, struct partition_counts *counts);

bool value_equal(const struct value *a, const struct value *b, struct weir_type type);

/* Measures by text: "count(*)", "sum(amount)". The array is the caller's. */
void stream_measures(struct measure_plan *measures, const char *const *texts, uint32_t count);

#endif
