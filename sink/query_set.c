/* SPDX-License-Identifier: Apache-2.0 */
#include "sink/query_set.h"

#include <pthread.h>

#include "base/check.h"
#include "base/hash.h"

/* Hashes are keyed anew in each process, so a cursor in hash order means nothing to another one. */
static uint64_t run_number;
static pthread_once_t run_once = PTHREAD_ONCE_INIT;

static void run_number_make(void)
{
    run_number = hash_random_seed();
}

static uint64_t hash_text(const char *text, uint64_t seed)
{
    return text ? hash_bytes(text, strlen(text), seed + 1) : seed;
}

static void fingerprint_make(struct set_read *read)
{
    pthread_once(&run_once, run_number_make);
    uint64_t hash = hash_text(read->sink->pipeline, read->plan->fingerprint);
    hash = hash_text(read->plan->name, hash);
    hash = hash_text(read->query->where, hash);
    hash = hash_text(read->query->order, hash);
    read->fingerprint = read->order.count ? hash : hash ^ run_number;
}

static int columns_make(struct set_read *read, struct query_error *error)
{
    const struct set_plan *plan = read->plan;
    read->column_count = plan->key_count + plan->bin_count;
    read->columns =
        arena_alloc(&read->workspace->arena, read->column_count * sizeof(*read->columns));
    if (!read->columns)
        return query_fail_nomem(error);
    for (uint32_t i = 0; i < read->column_count; i++) {
        read->columns[i] = i < plan->key_count ? plan->key[i] : plan->bins[i - plan->key_count];
        read->columns[i].column = i;
    }
    return 0;
}

static int places_make(struct set_read *read, uint32_t partition_count, struct query_result *result,
                       struct query_error *error)
{
    struct arena *arena = &read->workspace->arena;
    size_t count = (size_t)partition_count + 1;
    read->present = arena_alloc(arena, count * sizeof(*read->present));
    read->places = arena_alloc(arena, count * sizeof(*read->places));
    read->heads = arena_alloc(arena, count * sizeof(*read->heads));
    if (!read->present || !read->places || !read->heads)
        return query_fail_nomem(error);
    memset(read->places, 0, count * sizeof(*read->places));
    int status = result_partitions(result, read->partitions, partition_count, read->workspace,
                                   read->present, &read->present_count, error);
    read->records = workspace_records(read->workspace, read->present_count);
    return status;
}

static int read_prepare(struct set_read *read, uint32_t partition_count,
                        const struct expression_ops *expressions, struct query_result *result,
                        struct query_error *error)
{
    int status = columns_make(read, error);
    if (status == 0)
        status = places_make(read, partition_count, result, error);
    if (status < 0 || !read->query)
        return status;
    uint64_t late[QUERY_COLUMN_WORDS];
    memset(late, 0xff, sizeof(late));
    if (read->query->where)
        status = where_compile(&read->where, expressions, read->query->where, read->columns,
                               read->column_count, 0, late, error);
    if (status == 0)
        status =
            order_read(&read->order, read->query->order, read->columns, read->column_count, error);
    if (status < 0)
        return status;
    read->limit = read->query->limit;
    if (read->limits->rows_max && read->limit > read->limits->rows_max)
        read->limit = read->limits->rows_max;
    fingerprint_make(read);
    return cursor_read(&read->cursor, read->query->cursor, read->fingerprint, error);
}

static void row_identity(const void *context, uint32_t row, struct text *out)
{
    const struct set_read *read = context;
    set_key_add(read->plan, &read->rows[row], out);
}

/* With order=: everything, at one instant of each partition. */
static int read_ordered(struct set_read *read, struct query_result *result,
                        struct query_error *error)
{
    int status = set_copy(read, UINT32_MAX, true, result, error);
    if (status == 0)
        status = set_merge(read, 0, true, error);
    if (status == 0)
        status = set_filter(read, 0, error);
    if (status < 0)
        return status;
    uint32_t *rows =
        buffer_reserve(&read->workspace->kept, (size_t)read->row_count + 1, sizeof(*rows));
    if (!rows)
        return query_fail_nomem(error);
    for (uint32_t i = 0; i < read->row_count; i++)
        rows[i] = i;
    struct row_source source = set_source(read);
    struct page_order page_order = {&source, &read->order, row_identity, read};
    struct page page;
    status = page_select(&page_order, rows, read->row_count, &read->cursor, read->limit,
                         read->workspace, &page, error);
    if (status == 0)
        status = set_result_fill(read, &page, result, error);
    if (status < 0 || !page.more || page.count == 0)
        return status;
    const struct ranked *last = &page.rows[page.count - 1];
    result->next_cursor =
        cursor_write(read->workspace->sort_keys.data + last->at, last->length, read->fingerprint);
    return 0;
}

int query_set(const struct set_plan *plan, const struct sink_plan *sink,
              const struct query_partition *partitions, uint32_t partition_count,
              const struct expression_ops *expressions, const struct query_limits *limits,
              const struct set_query *query, struct query_result *ret_result,
              struct query_error *error)
{
    struct query_result result = {.workspace = workspace_take()};
    struct set_read read = {.plan = plan,
                            .sink = sink,
                            .query = query,
                            .limits = limits,
                            .workspace = result.workspace,
                            .partitions = partitions,
                            .time = query_time_begin(limits)};
    int status = read_prepare(&read, partition_count, expressions, &result, error);
    if (status == 0)
        status = read.order.count ? read_ordered(&read, &result, error)
                                  : set_scan(&read, &result, error);
    where_done(&read.where);
    if (status < 0) {
        query_result_done(&result);
        return status;
    }
    *ret_result = result;
    return 0;
}

/* ---- one record
 * ----------------------------------------------------------------------------------- */

/* Standard or URL-safe alphabet, with or without padding. NULL: not base64. */
static char *base64_decode(struct arena *arena, struct weir_str text, uint32_t *ret_length)
{
    char *out = arena_alloc(arena, (size_t)text.length + 1);
    uint32_t group = 0;
    int bits = 0;
    uint32_t n = 0;
    while (text.length && text.data[text.length - 1] == '=')
        text.length--;
    for (uint32_t i = 0; out && i < text.length; i++) {
        char c = text.data[i];
        int digit = c >= 'A' && c <= 'Z'   ? c - 'A'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 26
                    : c >= '0' && c <= '9' ? c - '0' + 52
                    : c == '+' || c == '-' ? 62
                    : c == '/' || c == '_' ? 63
                                           : -1;
        if (digit < 0)
            return NULL;
        group = group << 6 | (uint32_t)digit;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (char)(group >> bits);
        }
    }
    *ret_length = n;
    return out;
}

static int key_part_read(struct arena *arena, const struct weir_field *field, struct weir_str text,
                         union read_value *value, struct query_error *error)
{
    int status = 0;
    char name[TYPE_TEXT_BYTES];
    switch (field->type.kind) {
    case WEIR_BOOL:
        status = bool_read(text.data, text.length, &value->b);
        break;
    case WEIR_INT:
        status = int_read(text.data, text.length, &value->i);
        break;
    case WEIR_DECIMAL:
        status = decimal_read(text.data, text.length, field->type.scale, &value->i);
        break;
    case WEIR_FLOAT:
        status = float_read(text.data, text.length, &value->f);
        break;
    case WEIR_TIMESTAMP:
        status = time_read_rfc3339(text.data, text.length, &value->i);
        break;
    case WEIR_BYTES: {
        uint32_t length = 0;
        char *bytes = base64_decode(arena, text, &length);
        status = bytes ? 0 : WEIR_E_INVALID;
        value->s = str_make(bytes, length);
        break;
    }
    default:
        value->s = text;
        break;
    }
    if (status == 0)
        return 0;
    return query_fail(error, 400, "bad-key", "`%.*s` is not a value of `%s`, which is of type %s%s",
                      (int)(text.length > 100 ? 100 : text.length), text.data, field->name,
                      type_text(field->type, name),
                      field->type.kind == WEIR_BYTES ? " (base64)" : "");
}

static int key_read(struct set_read *read, const struct weir_str *key, uint32_t key_count,
                    union read_value *values, struct query_error *error)
{
    const struct set_plan *plan = read->plan;
    if (key_count != plan->key_count) {
        struct text names = TEXT_INIT;
        for (uint32_t k = 0; k < plan->key_count; k++)
            text_addf(&names, "/{%s}", plan->key[k].name);
        query_fail(error, 400, "bad-key", "the key of `%s` has %u part%s: %s", plan->name,
                   plan->key_count, plan->key_count == 1 ? "" : "s", names.data);
        text_done(&names);
        return WEIR_E_INVALID;
    }
    memset(values, 0, key_count * sizeof(*values));
    for (uint32_t k = 0; k < key_count; k++) {
        int status =
            key_part_read(&read->workspace->arena, &plan->key[k], key[k], &values[k], error);
        if (status < 0)
            return status;
    }
    return 0;
}

/* Looks into every partition: which of them has the key is not known from the key alone. */
static int find_all(struct set_read *read, const union read_value *key, struct query_result *result,
                    struct query_error *error)
{
    uint32_t number = (uint32_t)(read->plan - read->sink->sets);
    for (uint32_t i = 0; i < read->present_count; i++) {
        struct weir_error cause = {0};
        const struct query_partition *partition = &read->partitions[read->present[i]];
        if (set_record_find(partition->partition, number, key, &read->records[i], &cause) < 0)
            return query_fail_read(error, &cause);
        result_cover(result, partition, &read->records[i].at);
    }
    return 0;
}

int query_set_key(const struct set_plan *plan, const struct sink_plan *sink,
                  const struct query_partition *partitions, uint32_t partition_count,
                  const struct weir_str *key, uint32_t key_count, struct query_result *ret_result,
                  struct query_error *error)
{
    struct query_result result = {.workspace = workspace_take()};
    struct set_read read = {.plan = plan,
                            .sink = sink,
                            .workspace = result.workspace,
                            .partitions = partitions,
                            .limit = 1};
    union read_value values[QUERY_COLUMNS_MAX];
    int status = read_prepare(&read, partition_count, NULL, &result, error);
    if (status == 0)
        status = key_read(&read, key, key_count, values, error);
    if (status == 0)
        status = find_all(&read, values, &result, error);
    if (status == 0)
        status = set_merge(&read, 0, true, error);
    if (status == 0) {
        struct ranked only = {0};
        struct page page = {&only, read.row_count, false};
        status = set_result_fill(&read, &page, &result, error);
    }
    if (status < 0) {
        query_result_done(&result);
        return status;
    }
    *ret_result = result;
    return 0;
}
