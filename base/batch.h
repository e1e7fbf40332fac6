/* SPDX-License-Identifier: Apache-2.0 */
/*
 * batch.h: the host's side of a batch: memory, columns, rejected rows.
 *
 * One struct batch is reused by one worker for one pipeline, round after round:
 *
 *   batch_begin -> batch_add.. -> (decode, stages: batch_narrow after each) -> fold -> batch_begin
 *
 * Payloads are copied in by batch_add, one behind the other: that costs less than keeping
 * librdkafka's messages, and gives vector parsers the readable bytes that they need behind the end.
 */
#ifndef BASE_BATCH_H
#define BASE_BATCH_H

#include <weir/batch.h>
#include <weir/error.h>

#include "base/memory.h"

#define BATCH_MEMORY_BYTES_MAX ((size_t)256 << 20)
/* A batch is full at this many bytes of payload; a single larger record still fits alone. */
#define BATCH_PAYLOAD_BYTES_FULL    ((size_t)1 << 20)
#define BATCH_REJECT_TEXT_BYTES_MAX 240

struct batch_reject {
    uint16_t row;
    uint16_t reason;   /* enum weir_reason */
    const char *stage; /* "decode", or the stage's name */
    const char *text;  /* in the batch's memory */
};

struct batch {
    struct weir_batch view; /* first: a struct weir_batch * is a struct batch * */
    struct arena arena;
    size_t payload_bytes;
    struct weir_column **slots; /* view.columns */
    struct weir_record *records;
    uint16_t *selection;

    /* Rows whose value is null. They are not selected and not decoded; a set keyed by _key deletes
     * by them, in row order with the selected ones. */
    uint16_t *tombstones;
    uint32_t tombstone_count;

    const char *stage; /* who is running now, for batch_reject */
    struct batch_reject *rejects;
    uint32_t reject_count;
    uint32_t reject_pending; /* since the last batch_narrow */
    uint64_t rejected[WEIR_BATCH_ROWS_MAX / 64];
};

struct batch *batch_new(uint32_t column_count);
void batch_free(struct batch *batch); /* NULL is allowed */

/* Empty, no columns set, memory of the last round kept for this one. topic is borrowed. */
void batch_begin(struct batch *batch, const char *topic, int32_t partition, int64_t now_ns);
/* Full: the next record begins another batch. */
static inline bool batch_full(const struct batch *batch)
{
    return batch->view.rows == WEIR_BATCH_ROWS_MAX ||
           batch->payload_bytes >= BATCH_PAYLOAD_BYTES_FULL;
}
/* Copies key, value and headers. A record with a value is selected, one without is a tombstone.
 * WEIR_E_NOMEM: the record does not fit into the batch's memory. */
int batch_add(struct batch *batch, const struct weir_record *record);
/* The same without a copy, for bytes that live longer than the batch and have ARENA_SLACK_BYTES
 * readable bytes behind them. */
void batch_add_borrowed(struct batch *batch, const struct weir_record *record);

/* Memory until the next batch_begin, aligned to 16; NULL: none left. */
static inline void *batch_alloc(struct batch *batch, size_t bytes)
{
    return arena_alloc(&batch->arena, bytes);
}
/* A column with room for all rows (bools/ints/floats/strs), without a valid bitmap, not yet set as
 * one of the batch's. NULL: no memory. */
struct weir_column *batch_column_new(struct batch *batch, struct weir_type type);
/* A zeroed bitmap for all rows. */
uint64_t *batch_bitmap_new(struct batch *batch);
void batch_column_set(struct batch *batch, uint32_t index, struct weir_column *column);

/* Marks a selected row as rejected (the first reason counts). The row leaves the selection at the
 * next batch_narrow. */
void batch_reject(struct batch *batch, uint32_t row, enum weir_reason reason, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));
static inline bool batch_is_rejected(const struct batch *batch, uint32_t row)
{
    return (batch->rejected[row >> 6] >> (row & 63)) & 1;
}
/* Takes rejected rows out of the selection; returns how many were taken. Costs nothing when none.
 */
uint32_t batch_narrow(struct batch *batch);

const char *reason_label(enum weir_reason reason);

#endif
