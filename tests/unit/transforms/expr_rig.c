/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/transforms/expr_rig.h"

#include <stdio.h>

#include "base/check.h"

void rig_init(struct rig *rig, const struct weir_field *fields, uint32_t count)
{
    CHECK(count <= RIG_COLUMNS_MAX);
    *rig = (struct rig){.batch = batch_new(count), .schema = {fields, count}};
    CHECK(rig->batch);
}

void rig_done(struct rig *rig)
{
    batch_free(rig->batch);
}

void rig_begin(struct rig *rig, uint32_t rows)
{
    static const char nothing[ARENA_SLACK_BYTES + 1];
    /* 2026-11-21T10:20:30.123456789Z */
    batch_begin(rig->batch, "topic", 0, 1795256430123456789LL);
    for (uint32_t row = 0; row < rows; row++) {
        struct weir_record record = {.offset = row, .value = {nothing, 0, 0}};
        batch_add_borrowed(rig->batch, &record);
    }
    for (uint32_t i = 0; i < rig->schema.count; i++) {
        struct weir_column *column = batch_column_new(rig->batch, rig->schema.fields[i].type);
        CHECK(column);
        if (column->type.nullable)
            column->valid = batch_bitmap_new(rig->batch);
        batch_column_set(rig->batch, i, column);
        rig->columns[i] = column;
    }
}

void rig_select(struct rig *rig, uint64_t bits)
{
    struct weir_batch *view = &rig->batch->view;
    view->selected = 0;
    for (uint32_t row = 0; row < view->rows; row++)
        if ((bits >> (row & 63)) & 1)
            view->selection[view->selected++] = (uint16_t)row;
}

static struct weir_column *mark_valid(struct rig *rig, uint32_t column, uint32_t row)
{
    struct weir_column *c = rig->columns[column];
    if (c->valid)
        c->valid[row >> 6] |= 1ULL << (row & 63);
    return c;
}

void rig_set_null(struct rig *rig, uint32_t column, uint32_t row)
{
    CHECK(rig->columns[column]->valid);
    rig->columns[column]->valid[row >> 6] &= ~(1ULL << (row & 63));
}

void rig_set_bool(struct rig *rig, uint32_t column, uint32_t row, bool value)
{
    mark_valid(rig, column, row)->bools[row] = value;
}

void rig_set_int(struct rig *rig, uint32_t column, uint32_t row, int64_t value)
{
    mark_valid(rig, column, row)->ints[row] = value;
}

void rig_set_float(struct rig *rig, uint32_t column, uint32_t row, double value)
{
    mark_valid(rig, column, row)->floats[row] = value;
}

void rig_set_str(struct rig *rig, uint32_t column, uint32_t row, struct weir_str value)
{
    char *copy = arena_copy(&rig->batch->arena, value.data, value.length);
    CHECK(copy);
    mark_valid(rig, column, row)->strs[row] = str_make(copy, value.length);
}

const struct weir_field rig_fields[RIG_FIELD_COUNT] = {
    {"i", {.kind = WEIR_INT}, RIG_i},
    {"n", {.kind = WEIR_INT, .nullable = 1}, RIG_n},
    {"big", {.kind = WEIR_INT}, RIG_big},
    {"zero", {.kind = WEIR_INT}, RIG_zero},
    {"f", {.kind = WEIR_FLOAT}, RIG_f},
    {"s", {.kind = WEIR_STRING}, RIG_s},
    {"e", {.kind = WEIR_STRING}, RIG_e},
    {"ns", {.kind = WEIR_STRING, .nullable = 1}, RIG_ns},
    {"b", {.kind = WEIR_BOOL}, RIG_b},
    {"nb", {.kind = WEIR_BOOL, .nullable = 1}, RIG_nb},
    {"d", {.kind = WEIR_DECIMAL, .scale = 2}, RIG_d},
    {"nd", {.kind = WEIR_DECIMAL, .scale = 4, .nullable = 1}, RIG_nd},
    {"t", {.kind = WEIR_TIMESTAMP}, RIG_t},
    {"nt", {.kind = WEIR_TIMESTAMP, .nullable = 1}, RIG_nt},
    {"y", {.kind = WEIR_BYTES}, RIG_y},
    {"j", {.kind = WEIR_JSON}, RIG_j},
    {"a", {.kind = WEIR_ARRAY, .element = WEIR_INT}, RIG_a},
    {"Case", {.kind = WEIR_INT}, RIG_Case},
    {"CASE", {.kind = WEIR_INT}, RIG_CASE},
    {"odd name.x", {.kind = WEIR_INT}, RIG_odd},
    {"amount", {.kind = WEIR_DECIMAL, .scale = 2}, RIG_amount},
};

void rig_fill(struct rig *rig, uint32_t rows)
{
    rig_begin(rig, rows);
    for (uint32_t row = 0; row < rows; row++) {
        rig_set_int(rig, RIG_i, row, 3);
        rig_set_int(rig, RIG_big, row, INT64_MAX);
        rig_set_int(rig, RIG_zero, row, 0);
        rig_set_float(rig, RIG_f, row, 2.5);
        rig_set_str(rig, RIG_s, row, str_of("Weir"));
        rig_set_str(rig, RIG_e, row, str_of(""));
        rig_set_bool(rig, RIG_b, row, true);
        rig_set_int(rig, RIG_d, row, 1234);
        rig_set_int(rig, RIG_t, row, 1795256430123456789LL);
        rig_set_str(rig, RIG_y, row, str_make("\0\xff", 2));
        rig_set_str(
            rig, RIG_j, row,
            str_of("{\"a\": {\"b\": [10, \"x\", null]}, \"k\\u00e9y\": 1.50, \"t\": true}"));
        rig_set_str(rig, RIG_a, row, str_of("[1,2,3]"));
        rig_set_int(rig, RIG_Case, row, 1);
        rig_set_int(rig, RIG_CASE, row, 2);
        rig_set_int(rig, RIG_odd, row, 7);
        rig_set_int(rig, RIG_amount, row, 10000);
    }
}

struct weir_expr *rig_compile(const struct rig *rig, const char *text)
{
    struct weir_expr *expr = NULL;
    struct expression_error error;
    if (expression_ops_sql.compile(text, strlen(text), &rig->schema, &expr, &error) == 0)
        return expr;
    printf("%s\n%*s^ %s\n", text, (int)error.position, "", error.text);
    return NULL;
}
