/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_expr_model.c: arithmetic against 128 bits, decimals against their texts, limits, threads.
 */
#include "tests/unit/test.h"

#include <pthread.h>

#include "base/check.h"
#include "tests/unit/transforms/expr_rig.h"

/* --- arithmetic against 128 bits ------------------------------------------------------------ */

static int64_t random_edge(struct test_random *random)
{
    int64_t value = (int64_t)random_skewed(random);
    switch (random_below(random, 4)) {
    case 0:
        return INT64_MAX - (value & 0xff);
    case 1:
        return INT64_MIN + (value & 0xff);
    case 2:
        return -value;
    default:
        return value;
    }
}

struct model {
    const char *expression; /* over i and big, or d and amount */
    int128 (*compute)(int128 a, int128 b);
    bool decimal;
};

static int128 model_add(int128 a, int128 b)
{
    return a + b;
}
static int128 model_subtract(int128 a, int128 b)
{
    return a - b;
}
static int128 model_multiply(int128 a, int128 b)
{
    return a * b;
}
static int128 model_divide(int128 a, int128 b)
{
    return a / b;
}
static int128 model_remainder(int128 a, int128 b)
{
    return a % b;
}
static int128 model_round(int128 a, int128 b)
{
    int128 half = a < 0 ? -5 : 5;
    return (a + half) / 10;
}
static int128 model_rescale(int128 a, int128 b)
{
    return a * 100 + b * 100;
}

static void check_model(struct rig *rig, struct test_random *random, const struct model *m)
{
    struct weir_expr *expr = rig_compile(rig, m->expression);
    uint32_t a_column = m->decimal ? RIG_d : RIG_i;
    uint32_t b_column = m->decimal ? RIG_amount : RIG_big;
    assert_non_null(expr);
    for (int round = 0; round < 40; round++) {
        int64_t a[200], b[200];
        uint64_t selected = random_u64(random) | 1;
        rig_fill(rig, 200);
        for (uint32_t row = 0; row < 200; row++) {
            a[row] = random_edge(random);
            b[row] = random_edge(random);
            rig_set_int(rig, a_column, row, a[row]);
            rig_set_int(rig, b_column, row, b[row]);
        }
        rig_select(rig, round % 2 ? UINT64_MAX : selected);
        const struct weir_column *column = expression_ops_sql.eval(expr, &rig->batch->view);
        for (uint32_t k = 0; k < rig->batch->view.selected; k++) {
            uint32_t row = rig->batch->view.selection[k];
            bool divides = strpbrk(m->expression, "/%") || strstr(m->expression, "mod");
            if (divides && b[row] == 0) {
                assert_false(weir_valid(column, row));
                continue;
            }
            int128 want = m->compute(a[row], b[row]);
            bool fits = want >= INT64_MIN && want <= INT64_MAX;
            /* Aligning comes first: what does not fit then is rejected, even if the sum would. */
            if (strstr(m->expression, "0.0001"))
                fits &= a[row] <= INT64_MAX / 100 && a[row] >= INT64_MIN / 100 &&
                        b[row] <= INT64_MAX / 100 && b[row] >= INT64_MIN / 100;
            if (batch_is_rejected(rig->batch, row) == fits ||
                (fits && column->ints[row] != (int64_t)want))
                fail_msg("%s: %lld and %lld: %lld", m->expression, (long long)a[row],
                         (long long)b[row], (long long)column->ints[row]);
        }
    }
    expression_ops_sql.free(expr);
}

static void arithmetic_is_exact_or_rejected(void **state)
{
    static const struct model models[] = {
        {"i + big", model_add, false},
        {"i - big", model_subtract, false},
        {"i * big", model_multiply, false},
        {"i / big", model_divide, false},
        {"i % big", model_remainder, false},
        {"d + amount", model_add, true},
        {"d - amount", model_subtract, true},
        {"d * amount", model_multiply, true},
        {"mod(d, amount)", model_remainder, true},
        {"round(d, 1)", model_round, true},
        {"CAST(d AS decimal(4)) + amount + 0.0001 - 0.0001", model_rescale, true},
    };
    struct test_random random = random_begin();
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    for (size_t i = 0; i < COUNT_OF(models); i++)
        check_model(&rig, &random, models + i);
    rig_done(&rig);
}

/* --- decimals and floats -------------------------------------------------------------------- */

/* The float of a decimal is the nearest one, and back it is the same decimal (below 2^49): both as
 * their texts are read by strtod. */
static void decimals_and_floats_convert_exactly(void **state)
{
    struct test_random random = random_begin();
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    struct weir_expr *to_float = rig_compile(&rig, "CAST(d AS float)");
    struct weir_expr *back = rig_compile(&rig, "CAST(CAST(d AS float) AS decimal(2)) = d");
    struct weir_expr *rounded = rig_compile(&rig, "round(f, 2)");
    for (int round = 0; round < 50; round++) {
        rig_fill(&rig, 200);
        for (uint32_t row = 0; row < 200; row++) {
            int64_t value = (int64_t)(random_skewed(&random) >> 15);
            rig_set_int(&rig, RIG_d, row, value * (random_below(&random, 2) ? 1 : -1));
            rig_set_float(&rig, RIG_f, row, (double)(value >> 16) / 1000 + 1e-9);
        }
        const struct weir_column *floats = expression_ops_sql.eval(to_float, &rig.batch->view);
        const struct weir_column *same = expression_ops_sql.eval(back, &rig.batch->view);
        const struct weir_column *two = expression_ops_sql.eval(rounded, &rig.batch->view);
        for (uint32_t row = 0; row < 200; row++) {
            struct text text = TEXT_INIT;
            decimal_write(&text, rig.columns[RIG_d]->ints[row], 2);
            assert_true(floats->floats[row] == strtod(text.data, NULL));
            assert_true(same->bools[row]);
            text_clear(&text);
            text_addf(&text, "%.2f", rig.columns[RIG_f]->floats[row]);
            if (two->floats[row] != strtod(text.data, NULL))
                fail_msg("round(%.17g, 2) is %.17g", rig.columns[RIG_f]->floats[row],
                         two->floats[row]);
            text_done(&text);
        }
    }
    expression_ops_sql.free(to_float);
    expression_ops_sql.free(back);
    expression_ops_sql.free(rounded);
    rig_done(&rig);
}

/* --- limits and the ops --------------------------------------------------------------------- */

static void check_limit(const char *text, size_t length, const char *says)
{
    struct weir_schema schema = {rig_fields, RIG_FIELD_COUNT};
    struct expression_error error;
    struct weir_expr *expr = NULL;
    int status = expression_ops_sql.compile(text, length, &schema, &expr, &error);
    if (says) {
        assert_int_equal(status, WEIR_E_INVALID);
        if (!strstr(error.text, says))
            fail_msg("%s", error.text);
    } else if (status) {
        fail_msg("%s", error.text);
    }
    expression_ops_sql.free(expr);
}

static void repeated(struct text *text, const char *before, const char *piece, uint32_t count,
                     const char *after)
{
    text_clear(text);
    text_add(text, before);
    for (uint32_t i = 0; i < count; i++)
        text_add(text, piece);
    text_add(text, after);
}

static void limits_have_names(void **state)
{
    struct text text = TEXT_INIT;
    repeated(&text, "", "(", 190, "i");
    for (int i = 0; i < 190; i++)
        text_add(&text, ")");
    check_limit(text.data, text.length, NULL);
    repeated(&text, "", "(", 100000 / 2, "i");
    check_limit(text.data, text.length, "deeper than 200 levels");
    repeated(&text, "", "-", 1, "");
    repeated(&text, "", "~", 300, "i");
    check_limit(text.data, text.length, "deeper than 200 levels");
    repeated(&text, "i", "+i", 300, "");
    check_limit(text.data, text.length, "deeper than 200 levels");
    repeated(&text, "b", " AND b", 5000, "");
    check_limit(text.data, text.length, NULL);
    repeated(&text, "s", "||s", 5000, "");
    check_limit(text.data, text.length, NULL);
    repeated(&text, "i IN (1", ",2", 9000, ")");
    check_limit(text.data, text.length, NULL);
    repeated(&text, "i IN (1", ",2", 11000, ")");
    check_limit(text.data, text.length, "more than 10000 operators");
    repeated(&text, "i", " ", 65536, "");
    check_limit(text.data, text.length, "limit is 65536");
    repeated(&text, "concat('a'", ",'b'", 100, ")");
    check_limit(text.data, text.length, "takes 1 to");
    /* A few operators that would make gigabytes of constants. */
    text_clear(&text);
    for (int i = 0; i < 40; i++)
        text_addf(&text, "%sreplace(format('%%1000s', 'x'), ' ', format('%%%ds', 'x'))",
                  i ? "||" : "", 900 + i);
    check_limit(text.data, text.length, "no memory left");
    text_done(&text);
}

static bool is_constant(const struct rig *rig, const char *text)
{
    struct weir_expr *expr = rig_compile(rig, text);
    bool constant = expression_ops_sql.is_constant(expr);
    expression_ops_sql.free(expr);
    return constant;
}

static void constants_and_columns_are_known(void **state)
{
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    assert_true(is_constant(&rig, "1 + 2 * length('x')"));
    assert_true(is_constant(&rig, "i + NULL IS NULL"));
    assert_false(is_constant(&rig, "i"));
    assert_false(is_constant(&rig, "unixepoch('now') > 0"));
    struct weir_expr *expr = rig_compile(&rig, "i + \"CASE\" > 2 AND s IN ('a') AND d = 1");
    uint64_t columns[1] = {1};
    expression_ops_sql.reads(expr, columns, RIG_FIELD_COUNT);
    assert_int_equal(columns[0], 1 | 1ULL << RIG_CASE | 1ULL << RIG_s | 1ULL << RIG_d);
    expression_ops_sql.free(expr);
    expression_ops_sql.free(NULL);

    /* No rows, and a constant for many. */
    struct weir_expr *constant = rig_compile(&rig, "'x' || 1");
    rig_begin(&rig, 0);
    assert_non_null(expression_ops_sql.eval(constant, &rig.batch->view));
    rig_fill(&rig, 1024);
    const struct weir_column *column = expression_ops_sql.eval(constant, &rig.batch->view);
    expression_ops_sql.free(constant); /* the column does not need it */
    for (uint32_t row = 0; row < 1024; row++)
        assert_true(str_is(column->strs[row], "x1"));
    rig_done(&rig);
}

/* --- json ----------------------------------------------------------------------------------- */

static void json_is_read_strictly(void **state)
{
    static const char *const right[] = {
        "1",
        "-0.5e+3",
        " null ",
        "true",
        "\"\"",
        "\"\\u00e9\\n\\\"\"",
        "[]",
        "[ ]",
        "{}",
        "{ }",
        "[1,[2,{\"a\":[]}],\"]\"]",
        "{\"a\":1,\"b\":{\"c\":null}}",
        "\t[\n1 , 2\r]",
    };
    static const char *const wrong[] = {
        "",      " ",         "[",       "]",           "{",          "[1",     "[1,]",
        "[,1]",  "[1 2]",     "{\"a\"}", "{\"a\":}",    "{\"a\":1,}", "{a:1}",  "{\"a\":1]",
        "[1}",   "1 2",       "01",      "1.",          ".5",         "+1",     "tru",
        "nulll", "\"",        "\"\\x\"", "\"\\u12g4\"", "\"\\",       "\"\n\"", "\"a\" \"b\"",
        "NaN",   "{\"a\" 1}", "{1:2}",   "[1]]",
    };
    for (size_t i = 0; i < COUNT_OF(right) + COUNT_OF(wrong); i++) {
        bool is_right = i < COUNT_OF(right);
        struct text text = TEXT_INIT;
        text_addf(&text, "CAST('%s' AS json)", is_right ? right[i] : wrong[i - COUNT_OF(right)]);
        check_limit(text.data, text.length, is_right ? NULL : "cannot be read as a json");
        text_done(&text);
    }
    struct text deep = TEXT_INIT;
    for (int i = 0; i < 1001; i++)
        text_add_char(&deep, '[');
    struct text text = TEXT_INIT;
    text_addf(&text, "CAST('%s' AS json)", deep.data);
    check_limit(text.data, text.length, "cannot be read as a json");
    text_done(&text);
    text_done(&deep);
}

/* --- threads -------------------------------------------------------------------------------- */

static void *evaluate(void *context)
{
    const struct weir_expr *expr = context;
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    uint64_t passed = 0;
    for (int round = 0; round < 200; round++) {
        rig_fill(&rig, 100);
        CHECK(expression_ops_sql.eval(expr, &rig.batch->view));
        CHECK(expr_filter(expr, &rig.batch->view) == 0);
        passed += rig.batch->view.selected;
    }
    rig_done(&rig);
    return (void *)(uintptr_t)passed;
}

static void threads_share_an_expression(void **state)
{
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    struct weir_expr *expr = rig_compile(
        &rig, "s LIKE '%EI%' AND i IN (1, 2, 3) AND strftime('%H', t) = '10' AND "
              "format('%05d', i) || replace(s, 'W', 'w') = '00003weir' AND j ->> 't' = 'true'");
    assert_non_null(expr);
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(threads + i, NULL, evaluate, expr), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        void *passed;
        assert_int_equal(pthread_join(threads[i], &passed), 0);
        assert_int_equal((uintptr_t)passed, 200 * 100);
    }
    expression_ops_sql.free(expr);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_is_exact_or_rejected),
        cmocka_unit_test(decimals_and_floats_convert_exactly),
        cmocka_unit_test(limits_have_names),
        cmocka_unit_test(constants_and_columns_are_known),
        cmocka_unit_test(json_is_read_strictly),
        cmocka_unit_test(threads_share_an_expression),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
