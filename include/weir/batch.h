/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h: records on their way through a pipeline, as columns.
 *
 * A batch holds up to WEIR_BATCH_ROWS_MAX records of one partition, in the order of their offsets.
 * Only declared fields are decoded, each once, into a column; strings are views into the payloads,
 * which live until the batch is released. A stage reads columns, adds columns, and narrows the
 * selection; it never moves a row, so row r of every column belongs to records[r].
 *
 * Invariants
 *   B1  selection[0 .. selected) is strictly ascending and below rows.
 *   B2  a value is defined for selected rows only; at other rows the memory is readable, no more.
 *   B3  valid == NULL says that no selected row is null; else bit r says that row r has a value.
 *   B4  a column once added is never changed by a later stage.
 *
 * A batch belongs to one worker thread at a time.
 */
#ifndef WEIR_BATCH_H
#define WEIR_BATCH_H

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

#define WEIR_BATCH_ROWS_MAX 1024

/* What a record was before it was decoded. */
struct weir_record {
    int64_t offset;          /* Kafka's offset; of a file: the byte at which the record begins */
    int64_t timestamp_ms;    /* Kafka's timestamp; -1: none */
    struct weir_str key;     /* data NULL: null */
    struct weir_str value;   /* data NULL: null, a tombstone */
    struct weir_str headers; /* packed, see base/headers.h; data NULL: none */
};

struct weir_column {
    struct weir_type type;
    uint32_t reserved;
    uint64_t *valid; /* B3 */
    union {
        uint8_t *bools;
        int64_t *ints; /* INT, DECIMAL, TIMESTAMP */
        double *floats;
        struct weir_str *strs; /* STRING, BYTES, ARRAY, JSON */
        void *data;
    };
};

struct weir_batch {
    uint32_t size; /* sizeof(struct weir_batch) of the host */
    uint32_t rows;
    uint32_t selected;
    uint32_t column_count;
    uint16_t *selection;
    struct weir_column *const *columns; /* by weir_field.column; NULL: not computed */
    const struct weir_record *records;
    const char *topic;
    int32_t partition;
    uint32_t reserved;
    int64_t now_ns; /* wall clock when the batch was begun; virtual under `weir test` */
};

static inline bool weir_valid(const struct weir_column *column, uint32_t row)
{
    return !column->valid || ((column->valid[row >> 6] >> (row & 63)) & 1);
}

/*
 * Why a row was rejected: the label `reason` of weir_records_rejected_total and of dead letters.
 * Only ever grows at its end.  X(symbol, label, meaning)
 */
#define WEIR_REASONS(X)                                                                            \
    X(WEIR_REJECT_MALFORMED, "malformed", "the bytes are not of the declared format")              \
    X(WEIR_REJECT_EMPTY, "empty", "the value has no bytes")                                        \
    X(WEIR_REJECT_BAD_UTF8, "bad_utf8", "text is not valid UTF-8")                                 \
    X(WEIR_REJECT_TOO_DEEP, "too_deep", "nested deeper than the limit")                            \
    X(WEIR_REJECT_TOO_LARGE, "too_large", "larger than the limit of a record")                     \
    X(WEIR_REJECT_MISSING, "missing_field", "a field without `?` is missing or null")              \
    X(WEIR_REJECT_TYPE, "wrong_type", "a field has another type than declared")                    \
    X(WEIR_REJECT_RANGE, "out_of_range", "a number or time does not fit its type")                 \
    X(WEIR_REJECT_DUPLICATE, "duplicate_key", "a key stands twice (json: {validate: full})")       \
    X(WEIR_REJECT_OVERFLOW, "overflow", "the result of an expression does not fit its type")       \
    X(WEIR_REJECT_CAST, "cast", "a text could not be read as the type asked for")                  \
    X(WEIR_REJECT_LOOKUP, "lookup_missing", "a lookup found nothing and says on_missing: reject")  \
    X(WEIR_REJECT_KEY, "null_key", "a key of a set is null")                                       \
    X(WEIR_REJECT_STAGE, "stage", "a plugged-in stage rejected it")

enum weir_reason {
#define WEIR_REASON_ENUM(symbol, label, meaning) symbol,
    WEIR_REASONS(WEIR_REASON_ENUM)
#undef WEIR_REASON_ENUM
        WEIR_REASON_COUNT
};

#ifdef __cplusplus
}
#endif
#endif
