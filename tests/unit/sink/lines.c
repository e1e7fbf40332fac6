/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/sink/lines.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/batch.h"
#include "base/memory.h"
#include "transforms/expr.h"

const struct query_limits wide_limits = {0, 1000000, (uint64_t)1 << 30, 1000000};

void lines_add(struct lines *lines, char *line)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity ? lines->capacity * 2 : 64;
        lines->items = mem_grow(lines->items, lines->capacity, sizeof(char *));
    }
    lines->items[lines->count++] = line;
}

void lines_done(struct lines *lines)
{
    for (uint32_t i = 0; i < lines->count; i++)
        free(lines->items[i]);
    free(lines->items);
}

static int line_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

void lines_sort(struct lines *lines)
{
    if (lines->count)
        qsort(lines->items, lines->count, sizeof(char *), line_compare);
}

void lines_equal(const struct lines *a, const struct lines *b, const char *what)
{
    for (uint32_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            fail_msg("%s: line %u\n  is  %s\n  not %s", what, i, a->items[i], b->items[i]);
    if (a->count != b->count)
        fail_msg("%s: %u lines, not %u", what, a->count, b->count);
}

void float_add(struct text *out, double value)
{
    text_addf(out, "%.10g", value);
}

void result_lines(const struct query_result *result, struct lines *lines)
{
    for (uint32_t c = 0; c < result->chunk_count; c++) {
        for (uint32_t r = 0; r < result->chunks[c]->view.rows; r++) {
            struct text line = TEXT_INIT;
            for (uint32_t f = 0; f < result->field_count; f++) {
                const struct weir_column *column = result->chunks[c]->slots[f];
                text_addf(&line, "%s=", result->fields[f].name);
                if (column->type.kind == WEIR_FLOAT && weir_valid(column, r))
                    float_add(&line, column->floats[r]);
                else
                    query_value_write(result, c, f, r, &line);
                text_add_char(&line, ' ');
            }
            lines_add(lines, text_take(&line));
        }
    }
}

void ask(const struct shop *shop, enum shop_aggregate aggregate,
         const struct aggregate_query *query, struct query_result *result)
{
    struct query_error error = {0};
    if (query_aggregate(&shop->plan.aggregates[aggregate], &shop->plan, shop->views,
                        shop->partition_count, &expression_ops_sql, &wide_limits, query, result,
                        &error) < 0)
        fail_msg("%d %s: %s", error.http_status, error.kind, error.text);
}
