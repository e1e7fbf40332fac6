/* SPDX-License-Identifier: Apache-2.0 */
/*
 * aggregate_fold.c: folds a batch's rows into the states that were found for them, one argument
 * column at a time, all numeric parts of it in one loop.
 */
#include "sink/aggregate_layout.h"

#define FORCE static inline __attribute__((always_inline))

/* ---- numbers: a loop for each set of parts, made from one body by constant folding ---- */

FORCE void sum_add_i64(void *at, int64_t value)
{
    struct sum128 *sum = at;
    uint64_t low = sum->low + (uint64_t)value;
    sum->high += (value >> 63) + (low < sum->low);
    sum->low = low;
}

/* Compensated summation: the error of each addition is kept exactly (Knuth's two-sum, which needs
 * no branch on magnitudes, in place of the comparison in Neumaier's algorithm). */
FORCE void sum_add_f64(void *at, double value)
{
    struct sum_float *s = at;
    double sum = s->sum, total = sum + value;
    double back = total - sum;
    s->compensation += (sum - (total - back)) + (value - back);
    s->sum = total;
}

/* records: also counts the record in the state's first word (where nothing can be null). */
FORCE void fold_i64(const struct layout_argument *a, const struct fold *f, const int64_t *values,
                    const struct weir_column *column, unsigned parts, bool nulls, bool records)
{
    const uint16_t *rows = f->rows;
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t row = rows[i];
        char *state = f->states[i];
        if (nulls && column->valid && !weir_valid(column, row))
            continue;
        int64_t value = values[row];
        if (records)
            STATE_RECORDS(state)->u++;
        if (nulls)
            ((struct word4 *)state_part(state, a->valid_at))->u++;
        if (parts & PART_SUM)
            sum_add_i64(state_part(state, a->sum_at), value);
        if (parts & PART_MIN) {
            struct word4 *min = state_part(state, a->min_at);
            min->i = value < min->i ? value : min->i;
        }
        if (parts & PART_MAX) {
            struct word4 *max = state_part(state, a->max_at);
            max->i = value > max->i ? value : max->i;
        }
    }
}

FORCE void fold_f64(const struct layout_argument *a, const struct fold *f, const double *values,
                    const struct weir_column *column, unsigned parts, bool nulls, bool records)
{
    const uint16_t *rows = f->rows;
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t row = rows[i];
        char *state = f->states[i];
        if (nulls && column->valid && !weir_valid(column, row))
            continue;
        double value = values[row];
        if (records)
            STATE_RECORDS(state)->u++;
        if (nulls)
            ((struct word4 *)state_part(state, a->valid_at))->u++;
        if (parts & PART_SUM)
            sum_add_f64(state_part(state, a->sum_at), value);
        if (parts & PART_MIN) {
            struct word4 *min = state_part(state, a->min_at);
            min->f = value < min->f ? value : min->f;
        }
        if (parts & PART_MAX) {
            struct word4 *max = state_part(state, a->max_at);
            max->f = value > max->f ? value : max->f;
        }
    }
}

#define FOLD_CASES(fold_kind, nulls, records)                                                      \
    switch (a->parts & (PART_SUM | PART_MIN | PART_MAX)) {                                         \
    case 0:                                                                                        \
        fold_kind(a, f, values, column, 0, nulls, records);                                        \
        break;                                                                                     \
    case PART_SUM:                                                                                 \
        fold_kind(a, f, values, column, PART_SUM, nulls, records);                                 \
        break;                                                                                     \
    case PART_MIN:                                                                                 \
        fold_kind(a, f, values, column, PART_MIN, nulls, records);                                 \
        break;                                                                                     \
    case PART_MAX:                                                                                 \
        fold_kind(a, f, values, column, PART_MAX, nulls, records);                                 \
        break;                                                                                     \
    case PART_SUM | PART_MIN:                                                                      \
        fold_kind(a, f, values, column, PART_SUM | PART_MIN, nulls, records);                      \
        break;                                                                                     \
    case PART_SUM | PART_MAX:                                                                      \
        fold_kind(a, f, values, column, PART_SUM | PART_MAX, nulls, records);                      \
        break;                                                                                     \
    case PART_MIN | PART_MAX:                                                                      \
        fold_kind(a, f, values, column, PART_MIN | PART_MAX, nulls, records);                      \
        break;                                                                                     \
    default:                                                                                       \
        fold_kind(a, f, values, column, PART_SUM | PART_MIN | PART_MAX, nulls, records);           \
    }

static void fold_ints(const struct layout_argument *a, const struct fold *f, const int64_t *values,
                      const struct weir_column *column, bool records)
{
    if (a->parts & PART_VALID) {
        FOLD_CASES(fold_i64, true, false)
    } else if (records) {
        FOLD_CASES(fold_i64, false, true)
    } else {
        FOLD_CASES(fold_i64, false, false)
    }
}

static void fold_floats(const struct layout_argument *a, const struct fold *f, const double *values,
                        const struct weir_column *column, bool records)
{
    if (a->parts & PART_VALID) {
        FOLD_CASES(fold_f64, true, false)
    } else if (records) {
        FOLD_CASES(fold_f64, false, true)
    } else {
        FOLD_CASES(fold_f64, false, false)
    }
}

/* ---- first and last of numbers ---- */

static void fold_stamped(const struct layout_argument *a, const struct fold *f,
                         const int64_t *words, const struct weir_column *column, bool first)
{
    for (uint32_t i = 0; i < f->count; i++) {
        uint32_t row = f->rows[i];
        if (column->valid && !weir_valid(column, row))
            continue;
        struct state_stamp *at = state_part(f->states[i], first ? a->first_at : a->last_at);
        int64_t time = f->times[row], offset = f->batch->records[row].offset;
        bool better = first ? time < at->time_ns || (time == at->time_ns && offset < at->offset)
                            : time > at->time_ns || (time == at->time_ns && offset >= at->offset);
        if (better) {
            *at = (struct state_stamp){time, offset};
            ((struct word4 *)(at + 1))->i = words[row];
        }
    }
}

/* ---- texts ---- */

/* A text is replaced by putting the new one before freeing the old, so that running out of pages
 * leaves the state whole; fold_pages has seen to it that this does not happen. */
static void text_replace(const struct slot_heap *heap, struct str_slot *slot, struct weir_str text)
{
    struct str_slot fresh = {0};

    slot_set_str(&fresh, text, heap->seed);
    if (text.length > STR_INLINE_MAX) {
        fresh.ref = heap_put(heap->image, heap->head, heap->owner, text.data, text.length);
        CHECK(fresh.ref);
    }
    if (slot->length != STR_NONE && slot->length > STR_INLINE_MAX)
        heap_free(heap->image, heap->head, slot->ref, slot->length);
    *slot = fresh;
}

static int text_order(const struct slot_heap *heap, const struct str_slot *slot,
                      struct weir_str text)
{
    if (slot->length > STR_INLINE_MAX)
        return heap_compare(heap->image, heap->head, slot->ref, slot->length, text.data,
                            text.length);
    uint32_t common = slot->length < text.length ? slot->length : text.length;
    int order = memcmp(slot->bytes, text.data, common);
    return order ? order : (slot->length > text.length) - (slot->length < text.length);
}

static void fold_text_row(const struct layout_argument *a, const struct fold *f, uint32_t i,
                          struct weir_str text)
{
    char *state = f->states[i];
    int64_t time = f->times[f->rows[i]], offset = f->batch->records[f->rows[i]].offset;

    if (a->parts & PART_MIN) {
        struct str_slot *min = state_part(state, a->min_at);
        if (min->length == STR_NONE || text_order(f->heap, min, text) > 0)
            text_replace(f->heap, min, text);
    }
    if (a->parts & PART_MAX) {
        struct str_slot *max = state_part(state, a->max_at);
        if (max->length == STR_NONE || text_order(f->heap, max, text) < 0)
            text_replace(f->heap, max, text);
    }
    if (a->parts & PART_FIRST) {
        struct state_stamp *at = state_part(state, a->first_at);
        if (time < at->time_ns || (time == at->time_ns && offset < at->offset)) {
            *at = (struct state_stamp){time, offset};
            text_replace(f->heap, (struct str_slot *)(at + 1), text);
        }
    }
    if (a->parts & PART_LAST) {
        struct state_stamp *at = state_part(state, a->last_at);
        if (time > at->time_ns || (time == at->time_ns && offset >= at->offset)) {
            *at = (struct state_stamp){time, offset};
            text_replace(f->heap, (struct str_slot *)(at + 1), text);
        }
    }
}

static void fold_texts(const struct layout_argument *a, const struct fold *f,
                       const struct weir_column *column)
{
    bool wanted = a->parts & (PART_MIN | PART_MAX | PART_FIRST | PART_LAST);
    for (uint32_t i = 0; i < f->count; i++) {
        if (column->valid && !weir_valid(column, f->rows[i]))
            continue;
        if (a->parts & PART_VALID)
            ((struct word4 *)state_part(f->states[i], a->valid_at))->u++;
        if (wanted)
            fold_text_row(a, f, i, column->strs[f->rows[i]]);
    }
}

uint64_t aggregate_fold_pages(const struct aggregate_layout *layout, const struct weir_batch *batch,
                              const uint16_t *rows, uint32_t count)
{
    uint64_t pages = 0;

    for (uint32_t k = 0; layout->has_texts && k < layout->argument_count; k++) {
        const struct layout_argument *a = &layout->arguments[k];
        uint32_t kept =
            (uint32_t)__builtin_popcount(a->parts & (PART_MIN | PART_MAX | PART_FIRST | PART_LAST));
        if (a->class != ARGUMENT_STR || !kept)
            continue;
        const struct weir_column *column = batch->columns[a->column];
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < count; i++) {
            uint32_t length = weir_valid(column, rows[i]) ? column->strs[rows[i]].length : 0;
            if (length > CELL_BYTES_MAX)
                pages += kept * heap_pages_for(length);
            else if (length > STR_INLINE_MAX)
                bytes += length + length / 4 + 16;
        }
        pages += bytes ? kept * (bytes / (PAGE_BYTES / 2) + HEAP_CLASSES) : 0;
    }
    return pages;
}

/* ---- all arguments ---- */

static void fold_bools(const struct layout_argument *a, const struct fold *f,
                       const struct weir_column *column)
{
    int64_t words[WEIR_BATCH_ROWS_MAX];
    for (uint32_t i = 0; i < f->count; i++)
        words[f->rows[i]] = column->bools[f->rows[i]];
    fold_ints(a, f, words, column, false);
    if (a->parts & PART_FIRST)
        fold_stamped(a, f, words, column, true);
    if (a->parts & PART_LAST)
        fold_stamped(a, f, words, column, false);
}

static void fold_argument(const struct layout_argument *a, const struct fold *f, bool records)
{
    const struct weir_column *column = f->batch->columns[a->column];

    switch (a->class) {
    case ARGUMENT_STR:
        fold_texts(a, f, column);
        return;
    case ARGUMENT_BOOL:
        fold_bools(a, f, column);
        return;
    case ARGUMENT_F64:
        fold_floats(a, f, column->floats, column, records);
        break;
    case ARGUMENT_I64:
        fold_ints(a, f, column->ints, column, records);
        break;
    }
    /* A double is kept as its 8 bytes. */
    if (a->parts & PART_FIRST)
        fold_stamped(a, f, column->data, column, true);
    if (a->parts & PART_LAST)
        fold_stamped(a, f, column->data, column, false);
}

void aggregate_fold(const struct aggregate_layout *layout, const struct fold *f)
{
    bool counted = false;

    for (uint32_t i = 0; i < layout->argument_count; i++) {
        const struct layout_argument *a = &layout->arguments[i];
        bool number = a->class == ARGUMENT_I64 || a->class == ARGUMENT_F64;
        bool records = !counted && number && !(a->parts & PART_VALID);
        fold_argument(a, f, records);
        counted |= records;
    }
    if (!counted)
        for (uint32_t i = 0; i < f->count; i++)
            STATE_RECORDS(f->states[i])->u++;
}
