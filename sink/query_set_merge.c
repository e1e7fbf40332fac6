/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "sink/query_set.h"

/* ---- merging ------------------------------------------------------------------------------------
 */

static bool same_key(const struct set_plan *plan, const union read_value *a,
                     const union read_value *b)
{
    for (uint32_t k = 0; k < plan->key_count; k++) {
        if (type_is_str(plan->key[k].type) ? !str_equal(a[k].s, b[k].s)
                                           : a[k].words[0] != b[k].words[0])
            return false;
    }
    return true;
}

static struct set_row row_of(const struct set_records *records, uint32_t i, int32_t partition)
{
    return (struct set_row){set_record_values(records, i),
                            records->nulls + (size_t)i * records->null_words, &records->orders[i],
                            records->hashes[i], partition};
}

void set_key_add(const struct set_plan *plan, const struct set_row *row, struct text *out)
{
    for (uint32_t k = 0; k < plan->key_count; k++) {
        struct measure_value value = {.value = row->values[k]};
        value.big = type_is_str(plan->key[k].type) ? 0 : row->values[k].i;
        sort_key_add(out, plan->key[k].type, &value, false);
    }
}

static bool merge_begin(struct set_read *read)
{
    memset(read->heads, 0, read->present_count * sizeof(*read->heads));
    size_t count = read->row_count;
    for (uint32_t i = 0; i < read->present_count; i++)
        count += read->records[i].count;
    read->rows = buffer_reserve(&read->workspace->winners, count + 1, sizeof(*read->rows));
    return read->rows != NULL;
}

/* The smallest hash that is still to be merged; false: none below `below`. */
static bool next_hash(const struct set_read *read, uint64_t below, bool all, uint64_t *ret_hash)
{
    bool found = false;
    for (uint32_t i = 0; i < read->present_count; i++) {
        const struct set_records *records = &read->records[i];
        if (read->heads[i] == records->count)
            continue;
        uint64_t hash = records->hashes[read->heads[i]];
        if ((!all && hash >= below) || (found && hash >= *ret_hash))
            continue;
        *ret_hash = hash;
        found = true;
    }
    return found;
}

static void row_take(struct set_read *read, uint32_t first, const struct set_row *row)
{
    for (uint32_t r = first; r < read->row_count; r++) {
        if (!same_key(read->plan, read->rows[r].values, row->values))
            continue;
        if (set_order_replaces(read->plan, read->rows[r].order, read->rows[r].partition, row->order,
                               row->partition))
            read->rows[r] = *row;
        return;
    }
    read->rows[read->row_count++] = *row;
}

int set_merge(struct set_read *read, uint64_t below, bool all, struct query_error *error)
{
    uint64_t hash = 0;
    if (!merge_begin(read))
        return query_fail_nomem(error);
    while (next_hash(read, below, all, &hash)) {
        uint32_t first = read->row_count;
        for (uint32_t i = 0; i < read->present_count; i++) {
            const struct set_records *records = &read->records[i];
            int32_t number = read->partitions[read->present[i]].number;
            while (read->heads[i] < records->count && records->hashes[read->heads[i]] == hash) {
                struct set_row row = row_of(records, read->heads[i]++, number);
                row_take(read, first, &row);
            }
        }
    }
    return 0;
}

/* ---- rows as a source
 * ----------------------------------------------------------------------------- */

static void row_value(const void *context, uint32_t row, uint32_t column,
                      struct measure_value *ret_value)
{
    const struct set_read *read = context;
    const struct set_row *r = &read->rows[row];
    struct weir_type type = read->columns[column].type;
    ret_value->null = (r->nulls[column >> 6] >> (column & 63)) & 1;
    ret_value->wide = false;
    ret_value->value = r->values[column];
    ret_value->big =
        type.kind == WEIR_INT || type.kind == WEIR_DECIMAL || type.kind == WEIR_TIMESTAMP
            ? r->values[column].i
            : 0;
}

struct row_source set_source(const struct set_read *read)
{
    return (struct row_source){read->columns, read->column_count, row_value, read};
}

/* ---- copying
 * ---------------------------------------------------------------------------------------- */

static uint32_t set_number(const struct set_read *read)
{
    return (uint32_t)(read->plan - read->sink->sets);
}

int set_copy(struct set_read *read, uint32_t wanted, bool first, struct query_result *result,
             struct query_error *error)
{
    uint64_t bytes_max = read->limits->bytes_max ? read->limits->bytes_max : UINT64_MAX;
    for (uint32_t i = 0; i < read->present_count; i++) {
        struct weir_error cause = {0};
        const struct query_partition *partition = &read->partitions[read->present[i]];
        uint64_t version = read->records[i].at.version;
        if (set_records_copy(partition->partition, set_number(read), wanted, bytes_max,
                             &read->places[i], &read->records[i], &cause) < 0)
            return query_fail_read(error, &cause);
        if (first)
            result_cover(result, partition, &read->records[i].at);
        else if (read->records[i].at.version != version)
            return SET_COPY_CHANGED;
    }
    return query_time_check(&read->time, error);
}

int set_filter(struct set_read *read, uint32_t from, struct query_error *error)
{
    if (!where_has(&read->where, false))
        return 0;
    uint32_t count = read->row_count - from;
    uint32_t *numbers = buffer_reserve(&read->workspace->kept, count + 1, sizeof(*numbers));
    if (!numbers)
        return query_fail_nomem(error);
    for (uint32_t i = 0; i < count; i++)
        numbers[i] = from + i;
    struct row_source source = set_source(read);
    int status = where_filter(&read->where, false, &source, numbers, count, read->workspace,
                              &read->time, &count, error);
    for (uint32_t i = 0; status == 0 && i < count; i++)
        read->rows[from + i] = read->rows[numbers[i]];
    if (status == 0)
        read->row_count = from + count;
    return status;
}

int set_result_fill(struct set_read *read, const struct page *page, struct query_result *result,
                    struct query_error *error)
{
    struct shown *shown = arena_alloc(&read->workspace->arena, sizeof(*shown));
    if (!shown)
        return query_fail_nomem(error);
    shown->count = read->column_count;
    for (uint32_t i = 0; i < shown->count; i++)
        shown->columns[i] = i;
    struct row_source source = set_source(read);
    return result_fill(result, &source, shown, page, read->workspace, error);
}
