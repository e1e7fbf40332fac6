/* SPDX-License-Identifier: Apache-2.0 */
#include "pipelines/meta.h"

#include "base/error.h"
#include "base/headers.h"
#include "base/value.h"

/* Text can only be copied into the batch's memory: packed headers are not JSON. */
static bool headers_json(struct batch *batch, struct weir_str packed, struct weir_str *ret_json)
{
    struct text json = TEXT_INIT;
    headers_write_json(&json, packed);
    char *copy = json.failed ? NULL : arena_copy(&batch->arena, json.data, json.length);
    if (copy)
        *ret_json = str_make(copy, json.length);
    text_done(&json);
    return copy != NULL;
}

/* The value of one row; *ret_there is false where it is null. False: no memory. */
static bool fill_row(enum plan_meta meta, struct batch *batch, uint32_t r,
                     struct weir_column *column, bool *ret_there)
{
    const struct weir_record *record = &batch->records[r];
    *ret_there = true;
    switch (meta) {
    case META_KEY:
        *ret_there = record->key.data != NULL;
        column->strs[r] = record->key;
        if (*ret_there && !utf8_valid(record->key.data, record->key.length))
            batch_reject(batch, r, WEIR_REJECT_BAD_UTF8, "the record's key is not UTF-8");
        return true;
    case META_TOPIC:
        column->strs[r] = str_of(batch->view.topic);
        return true;
    case META_PARTITION:
        column->ints[r] = batch->view.partition;
        return true;
    case META_OFFSET:
        column->ints[r] = record->offset;
        return true;
    case META_TIMESTAMP:
        *ret_there = record->timestamp_ms >= 0 &&
                     !time_from_units(record->timestamp_ms, NS_PER_SECOND / 1000, &column->ints[r]);
        return true;
    case META_HEADERS:
        *ret_there = record->headers.data != NULL;
        return !*ret_there || headers_json(batch, record->headers, &column->strs[r]);
    case PLAN_META_COUNT:
        break;
    }
    return true;
}

int meta_fill(const struct pipeline_plan *plan, struct batch *batch, struct weir_error *error)
{
    static const struct weir_type types[] = {
#define META_TYPE(symbol, label, type_kind, may_be_null)                                           \
    {.kind = (type_kind), .nullable = (may_be_null)},
        PLAN_META(META_TYPE)
#undef META_TYPE
    };
    for (uint32_t m = 0; m < PLAN_META_COUNT; m++) {
        if (!plan->meta_needed[m])
            continue;
        struct weir_column *column = batch_column_new(batch, types[m]);
        uint64_t *valid = types[m].nullable ? batch_bitmap_new(batch) : NULL;
        bool memory = column && (valid || !types[m].nullable);
        for (uint32_t i = 0; memory && i < batch->view.selected; i++) {
            uint32_t r = batch->selection[i];
            bool there;
            memory = fill_row((enum plan_meta)m, batch, r, column, &there);
            if (there && valid)
                valid[r >> 6] |= 1ULL << (r & 63);
        }
        if (!memory)
            return error_set(error, WEIR_E_NOMEM, "a batch's memory is used up");
        column->valid = valid;
        batch_column_set(batch, plan->meta_columns[m], column);
    }
    return 0;
}
