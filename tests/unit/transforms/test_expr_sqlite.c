/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_expr_sqlite.c: random expressions, computed by weir and by SQLite, must agree.
 *
 * A round makes a batch of random rows and a table of the same in SQLite, then runs some hundred
 * expressions over both. WEIR_TEST_EXPRESSIONS says how many in all, WEIR_TEST_SEED which.
 */
#include "tests/unit/test.h"

#include <math.h>
#include <sqlite3.h>

#include "tests/unit/transforms/expr_generate.h"

#define EXPRESSIONS_DEFAULT 120000
#define ROWS_MAX            150
#define ROUND_EXPRESSIONS   40
#define SELECT_EXPRESSIONS  20

static const struct weir_field fields[] = {
#define TEST_FIELD(name, k, s, n) {#name, {.kind = k, .scale = s, .nullable = n}, COLUMN_##name},
    GENERATE_COLUMNS(TEST_FIELD)
#undef TEST_FIELD
};

struct oracle {
    struct test_random random;
    struct rig rig;
    struct generator generator;
    sqlite3 *db;
    uint32_t rows;
    uint64_t compared, rejected, filters; /* values, rows, expressions */
    uint64_t nulls;
    uint64_t kinds[16];
};

static void sqlite_must(struct oracle *o, int result, const char *what)
{
    if (result != SQLITE_OK && result != SQLITE_DONE && result != SQLITE_ROW)
        fail_msg("SQLite: %s: %s", what, sqlite3_errmsg(o->db));
}

static uint32_t below(struct oracle *o, uint32_t limit)
{
    return (uint32_t)random_below(&o->random, limit);
}

/* --- rows ----------------------------------------------------------------------------------- */

static int64_t wild_int(struct oracle *o)
{
    static const int64_t edges[] = {0,
                                    1,
                                    -1,
                                    INT64_MAX,
                                    INT64_MIN,
                                    INT64_MAX - 1,
                                    INT64_MIN + 1,
                                    1LL << 53,
                                    (1LL << 53) + 1,
                                    1LL << 32,
                                    64,
                                    -64,
                                    63};
    if (below(o, 2))
        return edges[below(o, sizeof edges / sizeof *edges)];
    return (int64_t)random_skewed(&o->random) * (below(o, 2) ? 1 : -1);
}

static double wild_float(struct oracle *o)
{
    static const double edges[] = {0.0,
                                   1.0,
                                   -1.0,
                                   0.1,
                                   1e300,
                                   -1e300,
                                   5e-324,
                                   1e18,
                                   0x1p63,
                                   -0x1p63,
                                   0x1p53,
                                   1e-300,
                                   9007199254740993.0,
                                   2.5};
    double value;
    if (below(o, 2))
        return edges[below(o, sizeof edges / sizeof *edges)];
    do {
        uint64_t bits = random_u64(&o->random);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value));
    return value;
}

static void random_text(struct oracle *o, char *text, size_t room)
{
    static const char *const letters[] = {"a", "A", "b", "B", "é", "É",  "日", "😀", "%", "_",
                                          "*", "?", "[", "]", "'", "\"", " ",  "1", "!", "-"};
    size_t length = 0;
    text[0] = '\0';
    for (uint32_t i = 0, count = below(o, 3) ? below(o, 6) : below(o, 40); i < count; i++) {
        const char *letter = letters[below(o, sizeof letters / sizeof *letters)];
        if (length + strlen(letter) >= room)
            return;
        length += (size_t)snprintf(text + length, room - length, "%s", letter);
    }
}

static const char *random_json(struct oracle *o)
{
    static const char *const texts[] = {
        "{\"a\":1,\"b\":{\"c\":\"x\\\"y\"},\"l\":[1,2,\"z\"]}",
        "{\"a\":\"t\\u00e9xt\",\"b\":null,\"l\":[]}",
        "{\"b\":{\"c\":[1,{\"d\":2}]},\"l\":[[3],[4]]}",
        "[10,20,{\"a\":5}]",
        "[\"a\"]",
        "{}",
        "17",
    };
    return texts[below(o, sizeof texts / sizeof *texts)];
}

static bool maybe_null(struct oracle *o, sqlite3_stmt *insert, int column, uint32_t row)
{
    if (!fields[column].type.nullable || below(o, 4))
        return false;
    rig_set_null(&o->rig, (uint32_t)column, row);
    sqlite3_bind_null(insert, column + 1);
    return true;
}

static void put_int(struct oracle *o, sqlite3_stmt *insert, int column, uint32_t row, int64_t value)
{
    if (maybe_null(o, insert, column, row))
        return;
    rig_set_int(&o->rig, (uint32_t)column, row, value);
    sqlite3_bind_int64(insert, column + 1, value);
}

static void put_bool(struct oracle *o, sqlite3_stmt *insert, int column, uint32_t row)
{
    bool value = below(o, 2);
    if (maybe_null(o, insert, column, row))
        return;
    rig_set_bool(&o->rig, (uint32_t)column, row, value);
    sqlite3_bind_int64(insert, column + 1, value);
}

static void put_float(struct oracle *o, sqlite3_stmt *insert, int column, uint32_t row,
                      double value)
{
    if (maybe_null(o, insert, column, row))
        return;
    rig_set_float(&o->rig, (uint32_t)column, row, value);
    sqlite3_bind_double(insert, column + 1, value);
}

static void put_text(struct oracle *o, sqlite3_stmt *insert, int column, uint32_t row,
                     const char *text)
{
    if (maybe_null(o, insert, column, row))
        return;
    rig_set_str(&o->rig, (uint32_t)column, row, str_of(text));
    sqlite3_bind_text(insert, column + 1, text, -1, SQLITE_TRANSIENT);
}

static void put_bytes(struct oracle *o, sqlite3_stmt *insert, int column, uint32_t row)
{
    unsigned char bytes[8];
    uint32_t length = 1 + below(o, sizeof bytes);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (unsigned char)below(o, 4) ? (unsigned char)below(o, 256) : 0;
    if (maybe_null(o, insert, column, row))
        return;
    rig_set_str(&o->rig, (uint32_t)column, row, str_make((const char *)bytes, length));
    sqlite3_bind_blob(insert, column + 1, length ? (const void *)bytes : "", (int)length,
                      SQLITE_TRANSIENT);
}

static void time_text(int64_t ns, char *text, size_t room)
{
    struct civil c = civil_from_ns(ns);
    snprintf(text, room, "%04d-%02u-%02u %02u:%02u:%02u.%03u", c.year, c.month, c.day, c.hour,
             c.minute, c.second, c.nanosecond / 1000000);
}

/* Whole milliseconds from 1850 to 2150: modifiers do not lead out of a timestamp's range. */
static void put_time(struct oracle *o, sqlite3_stmt *insert, int column, uint32_t row)
{
    const int64_t from_ms = -3786912000000, to_ms = 5680281600000;
    int64_t ms = from_ms + (int64_t)random_below(&o->random, (uint64_t)(to_ms - from_ms));
    char text[40];
    if (below(o, 3) == 0)
        ms -= (ms % 86400000 + 86400000) % 86400000 - (below(o, 2) ? 86399999 : 0);
    if (maybe_null(o, insert, column, row))
        return;
    rig_set_int(&o->rig, (uint32_t)column, row, ms * 1000000);
    time_text(ms * 1000000, text, sizeof text);
    sqlite3_bind_text(insert, column + 1, text, -1, SQLITE_TRANSIENT);
}

static void make_row(struct oracle *o, sqlite3_stmt *insert, uint32_t row)
{
    char text[256];
    put_int(o, insert, COLUMN_i_small, row, (int64_t)below(o, 200) - 100);
    put_int(o, insert, COLUMN_i_null, row,
            below(o, 3) ? (int64_t)below(o, 8) - 4 : (int64_t)below(o, 1u << 31));
    put_int(o, insert, COLUMN_i_wild, row, wild_int(o));
    put_float(o, insert, COLUMN_f_nice, row, (double)below(o, 1 << 23) / 8 - 524288);
    put_float(o, insert, COLUMN_f_null, row, (double)below(o, 64) / 8 - 4);
    put_float(o, insert, COLUMN_f_wild, row, wild_float(o));
    random_text(o, text, sizeof text);
    put_text(o, insert, COLUMN_s_any, row, text);
    random_text(o, text, sizeof text);
    put_text(o, insert, COLUMN_s_null, row, text);
    put_bool(o, insert, COLUMN_b_any, row);
    put_bool(o, insert, COLUMN_b_null, row);
    put_bytes(o, insert, COLUMN_y_null, row);
    put_time(o, insert, COLUMN_t_any, row);
    put_time(o, insert, COLUMN_t_null, row);
    put_int(o, insert, COLUMN_d_two, row, (int64_t)below(o, 20000000) - 10000000);
    put_int(o, insert, COLUMN_d_four, row,
            below(o, 2) ? (int64_t)below(o, 40000) - 20000 : (int64_t)below(o, 100000000));
    put_text(o, insert, COLUMN_j_null, row, random_json(o));
}

static void make_rows(struct oracle *o)
{
    struct text sql = TEXT_INIT;
    sqlite3_stmt *insert;
    sqlite_must(o, sqlite3_exec(o->db, "DELETE FROM t", NULL, NULL, NULL), "DELETE");
    text_add(&sql, "INSERT INTO t VALUES(?");
    for (int i = 1; i < COLUMN_COUNT; i++)
        text_add(&sql, ",?");
    text_add(&sql, ")");
    sqlite_must(o, sqlite3_prepare_v2(o->db, sql.data, -1, &insert, NULL), sql.data);
    o->rows = below(o, 4) ? 1 + below(o, 30) : 1 + below(o, ROWS_MAX);
    rig_begin(&o->rig, o->rows);
    for (uint32_t row = 0; row < o->rows; row++) {
        make_row(o, insert, row);
        sqlite_must(o, sqlite3_step(insert), "INSERT");
        sqlite3_reset(insert);
    }
    sqlite3_finalize(insert);
    text_done(&sql);
}

/* --- values --------------------------------------------------------------------------------- */

struct item {
    char *ours, *theirs;
    struct weir_type type;
    bool may_reject;
    struct weir_column *column; /* values; NULL: did not compile, or was not to be */
    uint64_t rejected[(ROWS_MAX + 63) / 64];
};

static bool bit(const uint64_t *bits, uint32_t row)
{
    return (bits[row >> 6] >> (row & 63)) & 1;
}

static bool same_value(const struct weir_column *column, uint32_t row, sqlite3_stmt *s, int i)
{
    char text[40];
    switch (column->type.kind) {
    case WEIR_BOOL:
        return sqlite3_column_type(s, i) == SQLITE_INTEGER && column->bools[row] <= 1 &&
               sqlite3_column_int64(s, i) == column->bools[row];
    case WEIR_INT:
    case WEIR_DECIMAL:
        return sqlite3_column_type(s, i) == SQLITE_INTEGER &&
               sqlite3_column_int64(s, i) == column->ints[row];
    case WEIR_FLOAT:
        return sqlite3_column_type(s, i) == SQLITE_FLOAT &&
               sqlite3_column_double(s, i) == column->floats[row];
    case WEIR_TIMESTAMP:
        time_text(column->ints[row], text, sizeof text);
        return !strcmp(text, (const char *)sqlite3_column_text(s, i));
    default:
        return sqlite3_column_bytes(s, i) == (int)column->strs[row].length &&
               !memcmp(sqlite3_column_blob(s, i) ? sqlite3_column_blob(s, i) : "",
                       column->strs[row].data, column->strs[row].length);
    }
}

static void describe(const struct oracle *o, const struct item *item, uint32_t row, sqlite3_stmt *s,
                     int i)
{
    struct text text = TEXT_INIT;
    text_addf(&text, "weir:   %s\nSQLite: %s\nrow %u:", item->ours, item->theirs, row);
    for (uint32_t c = 0; c < COLUMN_COUNT; c++) {
        text_addf(&text, " %s=", fields[c].name);
        json_write_value(&text, o->rig.columns[c], row);
    }
    text_add(&text, "\nweir gives ");
    if (bit(item->rejected, row))
        text_add(&text, "a rejected row");
    else
        json_write_value(&text, item->column, row);
    const unsigned char *theirs = sqlite3_column_text(s, i);
    text_addf(&text, ", SQLite %s (type %d)\n", theirs ? (const char *)theirs : "null",
              sqlite3_column_type(s, i));
    printf("%s", text.data);
    text_done(&text);
}

static void compare_row(struct oracle *o, const struct item *item, uint32_t row, sqlite3_stmt *s,
                        int i)
{
    if (bit(item->rejected, row)) {
        o->rejected++;
        if (item->may_reject)
            return;
        describe(o, item, row, s, i);
        fail_msg("a row was rejected that is in range");
    }
    bool null = sqlite3_column_type(s, i) == SQLITE_NULL, ours = !weir_valid(item->column, row);
    o->compared++;
    o->nulls += null;
    if (null == ours && (null || same_value(item->column, row, s, i)))
        return;
    describe(o, item, row, s, i);
    fail_msg("weir and SQLite do not agree");
}

/* --- a round -------------------------------------------------------------------------------- */

/* The rows for which a bool is true by expr_filter are those for which it is true by eval. */
static void check_filter(struct oracle *o, const struct weir_expr *expr, const struct item *item,
                         uint64_t selected)
{
    struct weir_batch *view = &o->rig.batch->view;
    rig_select(&o->rig, selected);
    uint32_t before = view->selected, next = 0;
    assert_int_equal(expr_filter(expr, view), 0);
    for (uint32_t row = 0; row < o->rows; row++) {
        bool passed = next < view->selected && view->selection[next] == row;
        next += passed;
        if (!((selected >> (row & 63)) & 1)) {
            assert_false(passed);
            continue;
        }
        if (bit(item->rejected, row))
            continue; /* filters look at less: it may be true, false or rejected there */
        bool want = weir_valid(item->column, row) && item->column->bools[row];
        if (passed != want) {
            printf("%s\nrow %u passes the filter: %d, and has the value %d\n", item->ours, row,
                   passed, want);
            fail();
        }
    }
    assert_int_equal(next, view->selected);
    assert_true(view->selected <= before);
    o->filters++;
}

static void forget_rejects(struct rig *rig)
{
    memset(rig->batch->rejected, 0, sizeof rig->batch->rejected);
    rig->batch->reject_count = rig->batch->reject_pending = 0;
}

/* Computed twice: for all rows, and for some of them, which must give the same. */
static void run_ours(struct oracle *o, struct item *item, struct weir_expr *expr)
{
    struct weir_batch *view = &o->rig.batch->view;
    uint64_t some = random_u64(&o->random);
    some |= random_u64(&o->random);
    rig_select(&o->rig, UINT64_MAX);
    item->column = expression_ops_sql.eval(expr, view);
    assert_non_null(item->column);
    memcpy(item->rejected, o->rig.batch->rejected, sizeof item->rejected);
    forget_rejects(&o->rig);
    struct weir_type type = expression_ops_sql.type(expr);
    assert_true(type_equal(type, item->type));
    assert_true(type_equal(type, item->column->type));
    for (uint32_t row = 0; row < o->rows && !type.nullable; row++)
        assert_true(bit(item->rejected, row) || weir_valid(item->column, row));

    rig_select(&o->rig, some);
    const struct weir_column *again = expression_ops_sql.eval(expr, view);
    assert_non_null(again);
    for (uint32_t i = 0; i < view->selected; i++) {
        uint32_t row = view->selection[i];
        assert_true(bit(item->rejected, row) == batch_is_rejected(o->rig.batch, row));
        if (bit(item->rejected, row))
            continue;
        assert_true(weir_valid(again, row) == weir_valid(item->column, row));
        struct text a = TEXT_INIT, b = TEXT_INIT;
        json_write_value(&a, item->column, row);
        json_write_value(&b, again, row);
        assert_string_equal(a.data, b.data);
        text_done(&a);
        text_done(&b);
    }
    forget_rejects(&o->rig);
    if (type.kind == WEIR_BOOL) {
        check_filter(o, expr, item, below(o, 2) ? UINT64_MAX : some);
        forget_rejects(&o->rig);
    }
}

static bool make_item(struct oracle *o, struct item *item)
{
    struct generator *g = &o->generator;
    struct expression_error error;
    struct weir_expr *expr;
    item->type = generate(g);
    item->may_reject = g->may_reject;
    item->ours = text_take(&g->ours);
    item->theirs = text_take(&g->theirs);
    if (expression_ops_sql.compile(item->ours, strlen(item->ours), &o->rig.schema, &expr, &error)) {
        /* A constant part that overflows is a mistake here. */
        if (item->may_reject && strstr(error.text, "does not fit"))
            return false;
        printf("%s\nat %u: %s\n", item->ours, error.position, error.text);
        fail_msg("a well-typed expression does not compile");
    }
    run_ours(o, item, expr);
    expression_ops_sql.free(expr);
    o->kinds[item->type.kind]++;
    return true;
}

static void compare(struct oracle *o, struct item *items, uint32_t count)
{
    struct text sql = TEXT_INIT;
    sqlite3_stmt *s;
    text_add(&sql, "SELECT ");
    for (uint32_t i = 0; i < count; i++)
        text_addf(&sql, "%s%s", i ? ", " : "", items[i].theirs);
    text_add(&sql, " FROM t ORDER BY rowid");
    sqlite_must(o, sqlite3_prepare_v2(o->db, sql.data, -1, &s, NULL), sql.data);
    for (uint32_t row = 0; row < o->rows; row++) {
        int result = sqlite3_step(s);
        sqlite_must(o, result, sql.data);
        assert_int_equal(result, SQLITE_ROW);
        for (uint32_t i = 0; i < count; i++)
            compare_row(o, items + i, row, s, (int)i);
    }
    sqlite3_finalize(s);
    text_done(&sql);
}

static uint32_t one_select(struct oracle *o)
{
    struct item items[SELECT_EXPRESSIONS];
    uint32_t count = 0;
    while (count < SELECT_EXPRESSIONS) {
        struct item *item = items + count;
        *item = (struct item){0};
        if (make_item(o, item)) {
            count++;
        } else {
            free(item->ours);
            free(item->theirs);
        }
    }
    compare(o, items, count);
    for (uint32_t i = 0; i < count; i++) {
        free(items[i].ours);
        free(items[i].theirs);
    }
    return count;
}

static void weir_and_sqlite_agree(void **state)
{
    static struct oracle oracle;
    struct oracle *o = &oracle;
    const char *wanted = getenv("WEIR_TEST_EXPRESSIONS");
    uint64_t total = wanted ? strtoull(wanted, NULL, 10) : EXPRESSIONS_DEFAULT, done = 0;
    o->random = random_begin();
    o->generator =
        (struct generator){.random = &o->random, .sqlite_version = sqlite3_libversion_number()};
    rig_init(&o->rig, fields, COLUMN_COUNT);
    struct text sql = TEXT_INIT;
    sqlite_must(o, sqlite3_open(":memory:", &o->db), "open");
    text_add(&sql, "CREATE TABLE t(");
    for (uint32_t i = 0; i < COLUMN_COUNT; i++)
        text_addf(&sql, "%s%s", i ? ", " : "", fields[i].name);
    text_add(&sql, ")");
    sqlite_must(o, sqlite3_exec(o->db, sql.data, NULL, NULL, NULL), sql.data);
    text_done(&sql);

    while (done < total) {
        make_rows(o);
        for (uint32_t i = 0; i < ROUND_EXPRESSIONS; i += SELECT_EXPRESSIONS)
            done += one_select(o);
    }
    printf("%llu expressions (bool %llu int %llu float %llu decimal %llu string %llu bytes %llu "
           "timestamp %llu), %llu values (%llu null), %llu rejected, %llu filters, SQLite %s\n",
           (unsigned long long)done, (unsigned long long)o->kinds[WEIR_BOOL],
           (unsigned long long)o->kinds[WEIR_INT], (unsigned long long)o->kinds[WEIR_FLOAT],
           (unsigned long long)o->kinds[WEIR_DECIMAL], (unsigned long long)o->kinds[WEIR_STRING],
           (unsigned long long)o->kinds[WEIR_BYTES], (unsigned long long)o->kinds[WEIR_TIMESTAMP],
           (unsigned long long)o->compared, (unsigned long long)o->nulls,
           (unsigned long long)o->rejected, (unsigned long long)o->filters, sqlite3_libversion());
    /* Most values were there to be compared. */
    assert_true(o->rejected < o->compared / 10);
    assert_true(o->nulls < o->compared / 2);
    sqlite3_close(o->db);
    rig_done(&o->rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(weir_and_sqlite_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
