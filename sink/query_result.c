/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/error.h"
#include "sink/query_internal.h"

static int64_t cut_to_64(int128 value)
{
    return value > INT64_MAX ? INT64_MAX : value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

/* The exact values of a column in which some row is wide: those of the rows so far. */
static int128 *wide_begin(const struct weir_column *column, uint32_t rows,
                          struct query_workspace *workspace)
{
    int128 *wide = arena_alloc(&workspace->arena, WEIR_BATCH_ROWS_MAX * sizeof(*wide));
    for (uint32_t i = 0; wide && i < rows; i++)
        wide[i] = column->ints[i];
    return wide;
}

static void value_put(struct weir_column *column, uint32_t row, const struct measure_value *value)
{
    switch (column->type.kind) {
    case WEIR_BOOL:
        column->bools[row] = value->value.b;
        break;
    case WEIR_FLOAT:
        column->floats[row] = value->value.f;
        break;
    case WEIR_INT:
    case WEIR_DECIMAL:
    case WEIR_TIMESTAMP:
        column->ints[row] = cut_to_64(value->big);
        break;
    default:
        column->strs[row] = value->value.s;
        break;
    }
}

/* The bitmap begins when the first null comes: until then all rows are valid. */
static bool valid_begin(struct batch *batch, struct weir_column *column, uint32_t rows)
{
    column->valid = batch_bitmap_new(batch);
    for (uint32_t i = 0; column->valid && i < rows; i++)
        column->valid[i >> 6] |= 1ULL << (i & 63);
    return column->valid != NULL;
}

int column_fill(struct batch *batch, uint32_t slot, const struct row_source *source,
                uint32_t column_number, const uint32_t *rows, uint32_t count,
                struct query_workspace *workspace, int128 **ret_wide, struct query_error *error)
{
    struct weir_type type = source->columns[column_number].type;
    struct weir_column *column = batch_column_new(batch, type);
    if (!column)
        return query_fail_nomem(error);
    int128 *wide = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct measure_value value;
        source->value(source->context, rows[i], column_number, &value);
        if (value.null) {
            memset(&value.value, 0, sizeof(value.value));
            value.big = 0;
            value.wide = false;
            if (!column->valid && !valid_begin(batch, column, i))
                return query_fail_nomem(error);
        } else if (column->valid) {
            column->valid[i >> 6] |= 1ULL << (i & 63);
        }
        if (value.wide && !wide) {
            wide = wide_begin(column, i, workspace);
            if (!wide)
                return query_fail_nomem(error);
        }
        if (wide)
            wide[i] = value.big;
        value_put(column, i, &value);
    }
    batch_column_set(batch, slot, column);
    if (wide)
        *ret_wide = wide;
    return 0;
}

static struct batch *chunk_at(struct query_workspace *workspace, uint32_t index)
{
    if (index == workspace->chunk_count) {
        workspace->chunks = mem_grow(workspace->chunks, index + 1, sizeof(struct batch *));
        workspace->chunks[workspace->chunk_count++] = batch_new(QUERY_COLUMNS_MAX);
    }
    return workspace->chunks[index];
}

static void chunk_begin(struct batch *chunk, uint32_t rows)
{
    batch_begin(chunk, "", 0, 0);
    chunk->view.rows = rows;
    chunk->view.selected = rows;
    for (uint32_t i = 0; i < rows; i++)
        chunk->selection[i] = (uint16_t)i;
}

static int chunk_fill(struct query_result *result, uint32_t index, const struct row_source *source,
                      const struct shown *shown, const struct ranked *ranked, uint32_t count,
                      struct query_workspace *workspace, struct query_error *error)
{
    uint32_t rows[WEIR_BATCH_ROWS_MAX];
    for (uint32_t i = 0; i < count; i++)
        rows[i] = ranked[i].row;
    struct batch *chunk = chunk_at(workspace, index);
    chunk_begin(chunk, count);
    for (uint32_t f = 0; f < shown->count; f++) {
        int128 *wide = NULL;
        int status =
            column_fill(chunk, f, source, shown->columns[f], rows, count, workspace, &wide, error);
        if (status < 0)
            return status;
        if (!wide)
            continue;
        if (!result->wide)
            result->wide = mem_array((size_t)result->chunk_count * shown->count, sizeof(int128 *));
        result->wide[(size_t)index * shown->count + f] = wide;
    }
    return 0;
}

int result_fill(struct query_result *result, const struct row_source *source,
                const struct shown *shown, const struct page *page,
                struct query_workspace *workspace, struct query_error *error)
{
    result->field_count = shown->count;
    result->fields = mem_array(shown->count, sizeof(*result->fields));
    for (uint32_t f = 0; f < shown->count; f++) {
        result->fields[f] = source->columns[shown->columns[f]];
        result->fields[f].column = f;
    }
    result->row_count = page->count;
    result->chunk_count = (page->count + WEIR_BATCH_ROWS_MAX - 1) / WEIR_BATCH_ROWS_MAX;
    for (uint32_t i = 0; i < result->chunk_count; i++) {
        uint32_t at = i * WEIR_BATCH_ROWS_MAX;
        uint32_t count = page->count - at;
        if (count > WEIR_BATCH_ROWS_MAX)
            count = WEIR_BATCH_ROWS_MAX;
        int status = chunk_fill(result, i, source, shown, page->rows + at, count, workspace, error);
        if (status < 0)
            return status;
    }
    result->chunks = workspace->chunks;
    return 0;
}

static bool partition_before(const struct query_partition *a, const struct query_partition *b)
{
    int order = strcmp(a->topic, b->topic);
    return order ? order < 0 : a->number < b->number;
}

int result_partitions(struct query_result *result, const struct query_partition *partitions,
                      uint32_t count, struct query_workspace *workspace, uint32_t *order,
                      uint32_t *ret_present, struct query_error *error)
{
    /* Insertion: they come in order nearly always. */
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = i;
        for (; at > 0 && partition_before(&partitions[i], &partitions[order[at - 1]]); at--)
            order[at] = order[at - 1];
        order[at] = i;
    }
    result->complete = count > 0; /* before anything is assigned nothing is known */
    uint32_t present = 0;
    for (uint32_t i = 0; i < count; i++) {
        const struct query_partition *partition = &partitions[order[i]];
        result->complete &= partition->partition && partition->complete;
        if (partition->partition) {
            order[present++] = order[i];
            continue;
        }
        if (!result->missing)
            result->missing = arena_alloc(&workspace->arena, count * sizeof(*result->missing));
        if (!result->missing)
            return query_fail_nomem(error);
        result->missing[result->missing_count++] =
            (struct query_cover){partition->topic, partition->number, -1};
    }
    result->covers = arena_alloc(&workspace->arena, count * sizeof(*result->covers));
    if (!result->covers)
        return query_fail_nomem(error);
    result->newest_event_time_ns = INT64_MIN;
    *ret_present = present;
    return 0;
}

void result_cover(struct query_result *result, const struct query_partition *partition,
                  const struct read_instant *at)
{
    result->covers[result->cover_count++] =
        (struct query_cover){partition->topic, partition->number, at->next_offset};
    if (at->newest_event_time_ns > result->newest_event_time_ns)
        result->newest_event_time_ns = at->newest_event_time_ns;
}

void query_result_done(struct query_result *result)
{
    if (!result)
        return;
    free(result->fields);
    free(result->wide);
    free(result->next_cursor);
    workspace_give(result->workspace);
    *result = (struct query_result){0};
}

void query_value_write(const struct query_result *result, uint32_t chunk, uint32_t field,
                       uint32_t row, struct text *out)
{
    const struct weir_column *column = result->chunks[chunk]->slots[field];
    const int128 *wide =
        result->wide ? result->wide[(size_t)chunk * result->field_count + field] : NULL;
    if (!wide || !weir_valid(column, row))
        json_write_value(out, column, row);
    else if (column->type.kind == WEIR_DECIMAL)
        decimal_write(out, wide[row], column->type.scale);
    else
        int128_write(out, wide[row]);
}

struct named_columns {
    const struct weir_field *columns;
};

static const char *column_name_at(const void *context, size_t i)
{
    const struct named_columns *named = context;
    return named->columns[i].name;
}

int column_find(const char *what, struct weir_str name, const struct weir_field *columns,
                uint32_t count, uint32_t *ret_column, struct query_error *error)
{
    for (uint32_t i = 0; i < count; i++) {
        if (str_is(name, columns[i].name)) {
            *ret_column = i;
            return 0;
        }
    }
    struct named_columns named = {columns};
    char text[128];
    snprintf(text, sizeof(text), "%.*s", (int)name.length, name.data);
    const char *near = suggest(text, count, column_name_at, &named);
    if (near)
        return query_fail(error, 400, "unknown-column",
                          "`%s=`: there is no column `%s` here; did you mean `%s`?", what, text,
                          near);
    struct text list = TEXT_INIT;
    for (uint32_t i = 0; i < count && list.length < 600; i++)
        text_addf(&list, "%s%s", i ? ", " : "", columns[i].name);
    query_fail(error, 400, "unknown-column", "`%s=`: there is no column `%s` here; %s%s", what,
               text, count ? "there are " : "there are none", count ? list.data : "");
    text_done(&list);
    return WEIR_E_INVALID;
}
