/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fuzz_expr.c: any text as an expression; what follows a NUL is the value of the text columns.
 *
 * Beside what sanitizers find: a row's value depends on that row alone, a filter passes the rows
 * for which the bool is true, strings are UTF-8, floats finite, and nothing is null that is said
 * not to be.
 */
#include <math.h>

#include "base/batch.h"
#include "base/check.h"
#include "base/value.h"
#include "transforms/expr.h"

#define ROWS 70

enum column {
    COLUMN_i,
    COLUMN_n,
    COLUMN_f,
    COLUMN_s,
    COLUMN_z,
    COLUMN_b,
    COLUMN_d,
    COLUMN_t,
    COLUMN_y,
    COLUMN_j,
    COLUMN_a,
    COLUMN_COUNT
};

static const struct weir_field fields[] = {
    {"i", {.kind = WEIR_INT}, COLUMN_i},
    {"n", {.kind = WEIR_INT, .nullable = 1}, COLUMN_n},
    {"f", {.kind = WEIR_FLOAT, .nullable = 1}, COLUMN_f},
    {"s", {.kind = WEIR_STRING}, COLUMN_s},
    {"z", {.kind = WEIR_STRING, .nullable = 1}, COLUMN_z},
    {"b", {.kind = WEIR_BOOL, .nullable = 1}, COLUMN_b},
    {"d", {.kind = WEIR_DECIMAL, .scale = 2, .nullable = 1}, COLUMN_d},
    {"t", {.kind = WEIR_TIMESTAMP, .nullable = 1}, COLUMN_t},
    {"y", {.kind = WEIR_BYTES}, COLUMN_y},
    {"j", {.kind = WEIR_JSON, .nullable = 1}, COLUMN_j},
    {"a", {.kind = WEIR_ARRAY, .element = WEIR_INT}, COLUMN_a},
};

static int64_t number(uint32_t row)
{
    static const int64_t edges[] = {0, 1, -1, 3, INT64_MAX, INT64_MIN, 1LL << 53, -64, 1700000000};
    return edges[row % COUNT_OF(edges)];
}

static struct weir_str text_of(uint32_t row, struct weir_str given)
{
    static const char *const texts[] = {"",
                                        "Weir",
                                        "12",
                                        "日本é",
                                        "2026-11-21 10:20:30",
                                        "a%b_c'd",
                                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"};
    return row % 8 == 7 ? given : str_of(texts[row % 8 % COUNT_OF(texts)]);
}

static struct weir_str json_of(uint32_t row, struct weir_str given)
{
    static const char *const texts[] = {"{\"a\":[1,\"\\u00e9\\ud83d\\ude00\"],\"b\":null}", "[1,2]",
                                        "{\"a\"", "\"\\u1\"", "[[[[1]]]]"};
    return row % 6 == 5 ? given : str_of(texts[row % 6 % COUNT_OF(texts)]);
}

static struct weir_column *column_new(struct batch *batch, uint32_t c)
{
    struct weir_column *column = batch_column_new(batch, fields[c].type);
    CHECK(column);
    if (column->type.nullable) {
        column->valid = batch_bitmap_new(batch);
        for (uint32_t row = 0; row < ROWS; row++)
            if ((row + c) % 4)
                column->valid[row >> 6] |= 1ULL << (row & 63);
    }
    batch_column_set(batch, c, column);
    return column;
}

static void fill(struct batch *batch, struct weir_str given)
{
    static const char nothing[ARENA_SLACK_BYTES + 1];
    struct weir_str text = utf8_valid(given.data, given.length) ? given : str_of("x");
    struct weir_column *columns[COLUMN_COUNT];
    batch_begin(batch, "fuzz", 0, 1795256430123456789LL);
    for (uint32_t row = 0; row < ROWS; row++)
        batch_add_borrowed(batch, &(struct weir_record){.value = {nothing, 0, 0}});
    for (uint32_t c = 0; c < COLUMN_COUNT; c++)
        columns[c] = column_new(batch, c);
    for (uint32_t row = 0; row < ROWS; row++) {
        columns[COLUMN_i]->ints[row] = number(row);
        columns[COLUMN_n]->ints[row] = number(row + 3);
        columns[COLUMN_f]->floats[row] = row % 5 ? (double)number(row + 1) / 8 : 1e308;
        columns[COLUMN_s]->strs[row] = text_of(row, text);
        columns[COLUMN_z]->strs[row] = text_of(row + 3, text);
        columns[COLUMN_b]->bools[row] = row & 1;
        columns[COLUMN_d]->ints[row] = number(row + 2);
        columns[COLUMN_t]->ints[row] = number(row + 4);
        columns[COLUMN_y]->strs[row] = row & 1 ? given : str_of("\xff");
        columns[COLUMN_j]->strs[row] = json_of(row, text);
        columns[COLUMN_a]->strs[row] = str_of("[1,2,3]");
    }
}

static void select_rows(struct batch *batch, uint64_t bits)
{
    batch->view.selected = 0;
    for (uint32_t row = 0; row < ROWS; row++)
        if ((bits >> (row & 63)) & 1)
            batch->selection[batch->view.selected++] = (uint16_t)row;
}

static void check_sound(const struct batch *batch, const struct weir_column *column)
{
    for (uint32_t i = 0; i < batch->view.selected; i++) {
        uint32_t row = batch->selection[i];
        if (batch_is_rejected(batch, row))
            continue;
        if (!weir_valid(column, row)) {
            CHECK(column->type.nullable);
            continue;
        }
        if (column->type.kind == WEIR_STRING)
            CHECK(utf8_valid(column->strs[row].data, column->strs[row].length));
        if (column->type.kind == WEIR_FLOAT)
            CHECK(isfinite(column->floats[row]));
        if (column->type.kind == WEIR_BOOL)
            CHECK(column->bools[row] <= 1);
    }
}

static void check_same(const struct batch *batch, const struct weir_column *a,
                       const struct weir_column *b, const uint64_t *rejected)
{
    for (uint32_t i = 0; i < batch->view.selected; i++) {
        uint32_t row = batch->selection[i];
        bool gone = (rejected[row >> 6] >> (row & 63)) & 1;
        CHECK(batch_is_rejected(batch, row) == gone);
        if (gone)
            continue;
        struct text x = TEXT_INIT, y = TEXT_INIT;
        plain_write_value(&x, a, row);
        plain_write_value(&y, b, row);
        CHECK(weir_valid(a, row) == weir_valid(b, row));
        CHECK(x.length == y.length && (!x.length || !memcmp(x.data, y.data, x.length)));
        text_done(&x);
        text_done(&y);
    }
}

static void forget_rejects(struct batch *batch)
{
    memset(batch->rejected, 0, sizeof batch->rejected);
    batch->reject_count = batch->reject_pending = 0;
}

static void run(const struct weir_expr *expr, struct weir_str given)
{
    static struct batch *batch;
    if (!batch)
        batch = batch_new(COLUMN_COUNT);
    fill(batch, given);
    uint64_t rejected[WEIR_BATCH_ROWS_MAX / 64];
    const struct weir_column *all = expression_ops_sql.eval(expr, &batch->view);
    CHECK(all && type_equal(all->type, expression_ops_sql.type(expr)));
    check_sound(batch, all);
    memcpy(rejected, batch->rejected, sizeof rejected);
    forget_rejects(batch);
    select_rows(batch, 0x5005555544443333);
    const struct weir_column *some = expression_ops_sql.eval(expr, &batch->view);
    CHECK(some);
    check_same(batch, all, some, rejected);
    forget_rejects(batch);
    if (all->type.kind != WEIR_BOOL)
        return;
    select_rows(batch, 0xfffff00000ffffff);
    CHECK(expr_filter(expr, &batch->view) == 0);
    uint32_t next = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        bool passed = next < batch->view.selected && batch->selection[next] == row;
        next += passed;
        if (passed && !batch_is_rejected(batch, row))
            CHECK(weir_valid(all, row) && all->bools[row]);
    }
    CHECK(next == batch->view.selected);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size ? memchr(data, 0, size) : NULL;
    size_t length = end ? (size_t)(end - data) : size;
    struct weir_str given = {"", 0, 0};
    if (end && size - length > 1)
        given = str_make((const char *)end + 1, size - length - 1);
    struct weir_schema schema = {fields, COLUMN_COUNT};
    struct expression_error error;
    struct weir_expr *expr;
    if (expression_ops_sql.compile((const char *)data, length, &schema, &expr, &error)) {
        CHECK(error.text[0] && error.position <= length);
        return 0;
    }
    run(expr, given);
    expression_ops_sql.free(expr);
    return 0;
}
