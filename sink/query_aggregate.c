/* SPDX-License-Identifier: Apache-2.0 */
#include "base/check.h"
#include "base/hash.h"
#include "sink/query_groups.h"

/* Everything that one read of an aggregate knows. Columns by number: the declared group columns,
 * the measures, window_start, window_end, final. */
struct aggregate_read {
    const struct aggregate_plan *plan;
    const struct sink_plan *sink;
    const struct aggregate_query *query;
    const struct query_limits *limits;
    struct query_workspace *workspace;
    struct query_time time;
    struct weir_field columns[QUERY_COLUMNS_MAX];
    uint32_t column_count;
    uint32_t by[AGGREGATE_BY_MAX]; /* as asked, in the order asked */
    uint32_t by_count;
    uint32_t place[AGGREGATE_BY_MAX]; /* of a declared column in `by`; UINT32_MAX: merged away */
    struct shown shown;
    struct window_plan windows;
    struct where where;
    struct order order;
    struct cursor cursor;
    uint64_t fingerprint;
    struct partials *partials; /* one for each partition that is there */
    uint32_t partition_count;
    struct groups groups;
    struct aggregate_layout *own_layout; /* where no copy lends one */
    int64_t final_ns; /* windows that end, with lateness, at or before it are final */
};

static uint32_t window_column(const struct aggregate_read *read)
{
    return read->plan->by_count + read->plan->measure_count;
}

static void columns_make(struct aggregate_read *read)
{
    const struct aggregate_plan *plan = read->plan;
    static const struct weir_field window_fields[] = {
        {"window_start", {.kind = WEIR_TIMESTAMP}, 0},
        {"window_end", {.kind = WEIR_TIMESTAMP}, 0},
        {"final", {.kind = WEIR_BOOL}, 0},
    };
    uint32_t n = 0;
    for (uint32_t i = 0; i < plan->by_count; i++, n++) {
        read->columns[n] = plan->by[i];
        read->columns[n].type.nullable = 1; /* of the overflow group; and of merged rows */
    }
    for (uint32_t i = 0; i < plan->measure_count; i++, n++) {
        read->columns[n].name = plan->measures[i].name;
        read->columns[n].type = plan->measures[i].result;
    }
    for (uint32_t i = 0; plan->windowed && i < COUNT_OF(window_fields); i++, n++)
        read->columns[n] = window_fields[i];
    for (uint32_t i = 0; i < n; i++)
        read->columns[i].column = i;
    read->column_count = n;
}

static int by_read(struct aggregate_read *read, struct query_error *error)
{
    const struct aggregate_plan *plan = read->plan;
    for (uint32_t i = 0; i < plan->by_count; i++)
        read->place[i] = UINT32_MAX;
    uint32_t count = read->query->by_given ? read->query->by_count : plan->by_count;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = i;
        if (read->query->by_given) {
            int status = column_find("by", str_of(read->query->by[i]), plan->by, plan->by_count,
                                     &column, error);
            if (status < 0)
                return status;
        }
        if (read->place[column] != UINT32_MAX)
            return query_fail(error, 400, "bad-parameter", "`by=` names `%s` twice",
                              plan->by[column].name);
        read->place[column] = read->by_count;
        read->by[read->by_count++] = column;
    }
    return 0;
}

/* Group columns, window_start, window_end, measures, final. */
static void shown_make(struct aggregate_read *read)
{
    struct shown *shown = &read->shown;
    uint32_t window = window_column(read);
    for (uint32_t i = 0; i < read->by_count; i++)
        shown->columns[shown->count++] = read->by[i];
    if (read->plan->windowed) {
        shown->columns[shown->count++] = window;
        shown->columns[shown->count++] = window + 1;
    }
    for (uint32_t i = 0; i < read->plan->measure_count; i++)
        shown->columns[shown->count++] = read->plan->by_count + i;
    if (read->plan->windowed)
        shown->columns[shown->count++] = window + 2;
}

static int order_make(struct aggregate_read *read, struct query_error *error)
{
    struct weir_field fields[QUERY_COLUMNS_MAX];
    for (uint32_t i = 0; i < read->shown.count; i++)
        fields[i] = read->columns[read->shown.columns[i]];
    int status = order_read(&read->order, read->query->order, fields, read->shown.count, error);
    for (uint32_t i = 0; status == 0 && i < read->order.count; i++)
        read->order.keys[i].column = read->shown.columns[read->order.keys[i].column];
    return status;
}

static int where_make(struct aggregate_read *read, const struct expression_ops *expressions,
                      struct query_error *error)
{
    if (!read->query->where)
        return 0;
    uint64_t late[QUERY_COLUMN_WORDS] = {0};
    for (uint32_t c = 0; c < read->column_count; c++)
        if (c >= read->plan->by_count || read->place[c] != UINT32_MAX)
            late[c >> 6] |= 1ULL << (c & 63);
    return where_compile(&read->where, expressions, read->query->where, read->columns,
                         read->column_count, read->plan->by_count, late, error);
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return text ? hash_bytes(text, strlen(text), seed + 1) : seed;
}

static void fingerprint_make(struct aggregate_read *read)
{
    const struct window_plan *w = &read->windows;
    int64_t numbers[] = {w->all, w->size_ns, w->slide_ns, w->from_ns, w->to_ns, w->last_ns};
    uint64_t hash = hash_text(read->sink->pipeline, read->plan->fingerprint);
    hash = hash_text(read->plan->name, hash);
    hash = hash_bytes(read->by, read->by_count * sizeof(read->by[0]), hash);
    hash = hash_bytes(numbers, sizeof(numbers), hash);
    hash = hash_text(read->query->where, hash);
    read->fingerprint = hash_text(read->query->order, hash);
}

static int read_prepare(struct aggregate_read *read, const struct expression_ops *expressions,
                        struct query_error *error)
{
    columns_make(read);
    int status = by_read(read, error);
    if (status < 0)
        return status;
    shown_make(read);
    status = window_plan_make(&read->windows, read->plan, read->query, error);
    if (status == 0)
        status = where_make(read, expressions, error);
    if (status == 0)
        status = order_make(read, error);
    if (status < 0)
        return status;
    fingerprint_make(read);
    return cursor_read(&read->cursor, read->query->cursor, read->fingerprint, error);
}

/* With last=, panes that cannot be within it need not be copied. A watermark only grows, so what is
 * found here is never too late a bound. */
static void narrow_by_last(struct aggregate_read *read, const struct query_partition *partitions,
                           const uint32_t *order, int64_t *from_ns)
{
    if (!read->windows.windowed || !read->windows.last_ns)
        return;
    int64_t newest = INT64_MIN;
    for (uint32_t i = 0; i < read->partition_count; i++) {
        struct partition_info info;
        partition_info(partitions[order[i]].partition, &info);
        if (info.watermark_ns > newest)
            newest = info.watermark_ns;
    }
    if (newest < INT64_MIN + read->windows.last_ns + read->windows.size_ns)
        return;
    *from_ns = newest - read->windows.last_ns - read->windows.size_ns;
}

static int copy_all(struct aggregate_read *read, const struct query_partition *partitions,
                    const uint32_t *order, struct query_result *result, struct query_error *error)
{
    uint32_t number = (uint32_t)(read->plan - read->sink->aggregates);
    uint64_t bytes_max = read->limits->bytes_max ? read->limits->bytes_max : UINT64_MAX;
    int64_t from_ns;
    int64_t to_ns;
    window_plan_panes(&read->windows, &from_ns, &to_ns);
    narrow_by_last(read, partitions, order, &from_ns);
    read->partials = workspace_partials(read->workspace, read->partition_count);
    for (uint32_t i = 0; i < read->partition_count; i++) {
        struct weir_error cause = {0};
        const struct query_partition *partition = &partitions[order[i]];
        if (partials_copy(partition->partition, number, from_ns, to_ns, bytes_max,
                          &read->partials[i], &cause) < 0)
            return query_fail_read(error, &cause);
        result_cover(result, partition, &read->partials[i].at);
        int status = query_time_check(&read->time, error);
        if (status < 0)
            return status;
    }
    return 0;
}

/* Final is what every partition's watermark has passed; one that holds nothing back does not
 * count, but some partition must have passed it. */
static void final_make(struct aggregate_read *read, const struct query_partition *partitions,
                       const uint32_t *order, bool complete)
{
    int64_t newest = INT64_MIN;
    int64_t held = INT64_MAX;
    for (uint32_t i = 0; i < read->partition_count; i++) {
        int64_t watermark = read->partials[i].at.watermark_ns;
        if (watermark > newest)
            newest = watermark;
        if (partitions[order[i]].holds_back && watermark < held)
            held = watermark;
    }
    read->final_ns = !complete ? INT64_MIN : newest < held ? newest : held;
}

static void key_value(const struct weir_field *column, const union read_value *value, bool null,
                      struct measure_value *ret_value)
{
    ret_value->null = null;
    ret_value->wide = false;
    ret_value->value = *value;
    ret_value->big = column->type.kind == WEIR_BOOL || column->type.kind == WEIR_FLOAT ||
                             type_is_str(column->type)
                         ? 0
                         : value->i;
}

/* Rows before merging: the groups of one copy. */
struct early_rows {
    const struct aggregate_read *read;
    const struct partials *partials;
};

static void early_value(const void *context, uint32_t row, uint32_t column,
                        struct measure_value *ret_value)
{
    const struct early_rows *rows = context;
    const struct partials *partials = rows->partials;
    key_value(&rows->read->columns[column],
              &partials_key(partials, row, rows->read->plan->by_count)[column],
              (partials->flags[row] >> column) & 1, ret_value);
}

/* A bitmap of the groups that pass what is asked before merging. */
static int early_filter(struct aggregate_read *read, const struct partials *partials,
                        const uint64_t **ret_passes, struct query_error *error)
{
    *ret_passes = NULL;
    if (!where_has(&read->where, true))
        return 0;
    uint32_t words = (partials->group_count + 63) / 64 + 1;
    uint32_t *rows =
        buffer_reserve(&read->workspace->kept, partials->group_count + 1, sizeof(*rows));
    uint64_t *passes = arena_alloc(&read->workspace->arena, words * sizeof(*passes));
    if (!rows || !passes)
        return query_fail_nomem(error);
    memset(passes, 0, words * sizeof(*passes));
    for (uint32_t i = 0; i < partials->group_count; i++)
        rows[i] = i;
    struct early_rows early = {read, partials};
    struct row_source source = {read->columns, read->plan->by_count, early_value, &early};
    uint32_t count;
    int status = where_filter(&read->where, true, &source, rows, partials->group_count,
                              read->workspace, &read->time, &count, error);
    if (status < 0)
        return status;
    for (uint32_t i = 0; i < count; i++)
        passes[rows[i] >> 6] |= 1ULL << (rows[i] & 63);
    *ret_passes = passes;
    return 0;
}

static int merge_all(struct aggregate_read *read, struct query_error *error)
{
    uint64_t cells_max = read->limits->groups_max ? read->limits->groups_max : UINT32_MAX - 1;
    int status = groups_begin(&read->groups, read->plan, read->by, read->by_count, cells_max,
                              read->workspace, error);
    for (uint32_t i = 0; i < read->partition_count && status == 0; i++) {
        const uint64_t *passes;
        status = early_filter(read, &read->partials[i], &passes, error);
        if (status == 0)
            status = groups_merge(&read->groups, &read->partials[i], passes, &read->windows,
                                  &read->time, error);
    }
    if (status < 0 || read->plan->windowed || read->by_count > 0 || read->groups.cell_count > 0)
        return status;
    read->own_layout = aggregate_layout_new(read->plan);
    return groups_add_empty(&read->groups, read->own_layout, error);
}

static void window_bounds(const struct aggregate_read *read, const struct cell *cell,
                          int64_t *ret_start, int64_t *ret_end)
{
    if (read->windows.all) {
        *ret_start = read->windows.all_start_ns;
        *ret_end = read->windows.all_end_ns;
        return;
    }
    *ret_start = cell->window_start_ns;
    *ret_end = cell->window_start_ns + read->windows.size_ns;
}

static void window_value(const struct aggregate_read *read, const struct cell *cell, uint32_t which,
                         struct measure_value *ret_value)
{
    int64_t start;
    int64_t end;
    window_bounds(read, cell, &start, &end);
    memset(ret_value, 0, sizeof(*ret_value));
    if (which == 2) {
        ret_value->value.b = (int128)end + read->plan->lateness_ns <= read->final_ns;
        return;
    }
    ret_value->value.i = which == 0 ? start : end;
    ret_value->big = ret_value->value.i;
}

/* Rows after merging: cells. */
static void cell_value(const void *context, uint32_t row, uint32_t column,
                       struct measure_value *ret_value)
{
    const struct aggregate_read *read = context;
    const struct groups *groups = &read->groups;
    const struct cell *cell = groups_cell(groups, row);
    uint32_t by_count = read->plan->by_count;
    if (column < by_count) {
        uint32_t place = read->place[column];
        key_value(&read->columns[column], &groups_key(groups, cell->key)[place],
                  (groups_flags(groups, cell->key) >> place) & 1, ret_value);
    } else if (column < window_column(read)) {
        aggregate_state_result(groups->layout, column - by_count, groups_state(groups, row),
                               ret_value);
    } else {
        window_value(read, cell, column - window_column(read), ret_value);
    }
}

/* What tells a row from all others, and gives the order where none is asked for: window, key. */
static void cell_identity(const void *context, uint32_t row, struct text *out)
{
    const struct aggregate_read *read = context;
    struct measure_value value;
    if (read->plan->windowed) {
        uint32_t column = window_column(read);
        cell_value(read, row, column, &value);
        sort_key_add(out, read->columns[column].type, &value, false);
    }
    for (uint32_t i = 0; i < read->by_count; i++) {
        cell_value(read, row, read->by[i], &value);
        sort_key_add(out, read->columns[read->by[i]].type, &value, false);
    }
    uint32_t flags = groups_flags(&read->groups, groups_cell(&read->groups, row)->key);
    text_add_char(out, (char)(flags & PARTIALS_OVERFLOW ? 1 : 0));
}

static int rows_make(struct aggregate_read *read, struct query_result *result,
                     struct query_error *error)
{
    struct row_source source = {read->columns, read->column_count, cell_value, read};
    uint32_t count = read->groups.cell_count;
    uint32_t *rows = buffer_reserve(&read->workspace->kept, count + 1, sizeof(*rows));
    if (!rows)
        return query_fail_nomem(error);
    for (uint32_t i = 0; i < count; i++)
        rows[i] = i;
    int status = 0;
    if (where_has(&read->where, false))
        status = where_filter(&read->where, false, &source, rows, count, read->workspace,
                              &read->time, &count, error);
    uint64_t limit = read->query->limit;
    if (read->limits->rows_max && limit > read->limits->rows_max)
        limit = read->limits->rows_max;
    struct page_order page_order = {&source, &read->order, cell_identity, read};
    struct page page;
    if (status == 0)
        status = page_select(&page_order, rows, count, &read->cursor, limit, read->workspace, &page,
                             error);
    if (status == 0)
        status = result_fill(result, &source, &read->shown, &page, read->workspace, error);
    if (status < 0 || !page.more || page.count == 0)
        return status;
    const struct ranked *last = &page.rows[page.count - 1];
    result->next_cursor =
        cursor_write(read->workspace->sort_keys.data + last->at, last->length, read->fingerprint);
    return 0;
}

static int read_run(struct aggregate_read *read, const struct query_partition *partitions,
                    uint32_t partition_count, const struct expression_ops *expressions,
                    struct query_result *result, struct query_error *error)
{
    uint32_t *order = arena_alloc(&read->workspace->arena, (partition_count + 1) * sizeof(*order));
    if (!order)
        return query_fail_nomem(error);
    int status = read_prepare(read, expressions, error);
    if (status == 0)
        status = result_partitions(result, partitions, partition_count, read->workspace, order,
                                   &read->partition_count, error);
    if (status == 0)
        status = copy_all(read, partitions, order, result, error);
    if (status < 0)
        return status;
    window_plan_settle(&read->windows, read->plan, read->partials, read->partition_count);
    final_make(read, partitions, order, result->complete);
    status = merge_all(read, error);
    return status < 0 ? status : rows_make(read, result, error);
}

int query_aggregate(const struct aggregate_plan *plan, const struct sink_plan *sink,
                    const struct query_partition *partitions, uint32_t partition_count,
                    const struct expression_ops *expressions, const struct query_limits *limits,
                    const struct aggregate_query *query, struct query_result *ret_result,
                    struct query_error *error)
{
    struct query_result result = {.workspace = workspace_take()};
    struct aggregate_read read = {.plan = plan,
                                  .sink = sink,
                                  .query = query,
                                  .limits = limits,
                                  .workspace = result.workspace,
                                  .time = query_time_begin(limits)};
    int status = read_run(&read, partitions, partition_count, expressions, &result, error);
    where_done(&read.where);
    aggregate_layout_free(read.own_layout);
    if (status < 0) {
        query_result_done(&result);
        return status;
    }
    *ret_result = result;
    return 0;
}
