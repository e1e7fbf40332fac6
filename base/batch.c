/* SPDX-License-Identifier: Apache-2.0 */
#include "base/batch.h"

#include <stdarg.h>

#include "base/check.h"
#include "base/value.h"

/* What a batch keeps from round to round: full payloads and a generous set of columns. */
#define BATCH_MEMORY_BYTES_KEPT ((size_t)16 << 20)

#define WORD_ROWS 64

static const char *const reason_labels[WEIR_REASON_COUNT] = {
#define REASON_LABEL(symbol, label, meaning) [symbol] = label,
    WEIR_REASONS(REASON_LABEL)
#undef REASON_LABEL
};

const char *reason_label(enum weir_reason reason)
{
    return (unsigned)reason < WEIR_REASON_COUNT ? reason_labels[reason] : "unknown";
}

struct batch *batch_new(uint32_t column_count)
{
    struct batch *batch = mem_alloc(sizeof *batch);
    arena_init(&batch->arena, BATCH_MEMORY_BYTES_MAX);
    batch->slots = mem_array(column_count, sizeof *batch->slots);
    batch->records = mem_array(WEIR_BATCH_ROWS_MAX, sizeof *batch->records);
    batch->selection = mem_array(WEIR_BATCH_ROWS_MAX, sizeof *batch->selection);
    batch->tombstones = mem_array(WEIR_BATCH_ROWS_MAX, sizeof *batch->tombstones);
    batch->rejects = mem_array(WEIR_BATCH_ROWS_MAX, sizeof *batch->rejects);
    batch->view = (struct weir_batch){
        .size = sizeof batch->view,
        .column_count = column_count,
        .selection = batch->selection,
        .columns = batch->slots,
        .records = batch->records,
    };
    return batch;
}

void batch_free(struct batch *batch)
{
    if (!batch)
        return;
    arena_done(&batch->arena);
    free(batch->slots);
    free(batch->records);
    free(batch->selection);
    free(batch->tombstones);
    free(batch->rejects);
    free(batch);
}

void batch_begin(struct batch *batch, const char *topic, int32_t partition, int64_t now_ns)
{
    arena_reset(&batch->arena, BATCH_MEMORY_BYTES_KEPT);
    memset(batch->slots, 0, batch->view.column_count * sizeof(struct weir_column *));
    if (batch->reject_count)
        memset(batch->rejected, 0, sizeof batch->rejected);
    batch->payload_bytes = 0;
    batch->tombstone_count = 0;
    batch->stage = "decode";
    batch->reject_count = 0;
    batch->reject_pending = 0;
    batch->view.rows = 0;
    batch->view.selected = 0;
    batch->view.topic = topic;
    batch->view.partition = partition;
    batch->view.now_ns = now_ns;
}

void batch_add_borrowed(struct batch *batch, const struct weir_record *record)
{
    uint32_t row = batch->view.rows;
    CHECK(row < WEIR_BATCH_ROWS_MAX);
    batch->records[row] = *record;
    if (likely(record->value.data != NULL))
        batch->selection[batch->view.selected++] = (uint16_t)row;
    else
        batch->tombstones[batch->tombstone_count++] = (uint16_t)row;
    batch->view.rows = row + 1;
    batch->payload_bytes +=
        (size_t)record->value.length + record->key.length + record->headers.length;
}

static inline char *put(char *at, struct weir_str *ret_copy, struct weir_str from)
{
    *ret_copy = from;
    if (!from.data)
        return at;
    memcpy(at, from.data, from.length);
    ret_copy->data = at;
    return at + from.length;
}

int batch_add(struct batch *batch, const struct weir_record *record)
{
    DEBUG_CHECK((record->key.data || !record->key.length) &&
                (record->value.data || !record->value.length) &&
                (record->headers.data || !record->headers.length));
    size_t bytes = (size_t)record->value.length + record->key.length + record->headers.length;
    char *at = arena_alloc(&batch->arena, bytes);
    if (unlikely(!at))
        return WEIR_E_NOMEM;
    struct weir_record copy = {.offset = record->offset, .timestamp_ms = record->timestamp_ms};
    at = put(at, &copy.value, record->value);
    at = put(at, &copy.key, record->key);
    put(at, &copy.headers, record->headers);
    batch_add_borrowed(batch, &copy);
    return 0;
}

/* Whole words of a bitmap, so that a column may be computed for 64 rows at a time. */
static size_t rows_rounded(const struct batch *batch)
{
    return batch->view.rows ? (batch->view.rows + WORD_ROWS - 1) / WORD_ROWS * WORD_ROWS
                            : WORD_ROWS;
}

struct weir_column *batch_column_new(struct batch *batch, struct weir_type type)
{
    size_t bytes = type_is_str(type)        ? sizeof(struct weir_str)
                   : type.kind == WEIR_BOOL ? sizeof(uint8_t)
                                            : sizeof(int64_t);
    const size_t head = (sizeof(struct weir_column) + 15) & ~(size_t)15;
    char *memory = arena_alloc(&batch->arena, head + rows_rounded(batch) * bytes);
    if (!memory)
        return NULL;
    struct weir_column *column = (struct weir_column *)memory;
    *column = (struct weir_column){.type = type, .data = memory + head};
    return column;
}

uint64_t *batch_bitmap_new(struct batch *batch)
{
    size_t bytes = rows_rounded(batch) / 8;
    uint64_t *bitmap = arena_alloc(&batch->arena, bytes);
    if (bitmap)
        memset(bitmap, 0, bytes);
    return bitmap;
}

void batch_column_set(struct batch *batch, uint32_t index, struct weir_column *column)
{
    CHECK(index < batch->view.column_count);
    batch->slots[index] = column;
}

void batch_reject(struct batch *batch, uint32_t row, enum weir_reason reason, const char *format,
                  ...)
{
    CHECK(row < batch->view.rows);
    if (batch_is_rejected(batch, row))
        return;
    char text[BATCH_REJECT_TEXT_BYTES_MAX + 4];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    size_t length = written < 0 ? 0 : strlen(text);
    if (length > BATCH_REJECT_TEXT_BYTES_MAX) {
        length = BATCH_REJECT_TEXT_BYTES_MAX;
        while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
            length--; /* never half a character */
    }
    text[length] = '\0';
    const char *copy = arena_copy(&batch->arena, text, length + 1);
    batch->rejected[row / WORD_ROWS] |= (uint64_t)1 << row % WORD_ROWS;
    batch->rejects[batch->reject_count++] = (struct batch_reject){
        .row = (uint16_t)row,
        .reason = (uint16_t)reason,
        .stage = batch->stage,
        .text = copy ? copy : reason_label(reason),
    };
    batch->reject_pending++;
}

uint32_t batch_narrow(struct batch *batch)
{
    if (likely(batch->reject_pending == 0))
        return 0;
    uint32_t kept = 0, before = batch->view.selected;
    for (uint32_t i = 0; i < before; i++) {
        uint16_t row = batch->selection[i];
        batch->selection[kept] = row;
        kept += !batch_is_rejected(batch, row);
    }
    batch->view.selected = kept;
    batch->reject_pending = 0;
    return before - kept;
}
