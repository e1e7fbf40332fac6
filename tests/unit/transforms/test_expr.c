/* SPDX-License-Identifier: Apache-2.0 */
/*
 * test_expr.c: expressions by tables: values, rejected rows, mistakes with their place, and every
 * example of the table of functions. What SQLite can be asked is in test_expr_sqlite.c.
 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "tests/unit/transforms/expr_rig.h"

/* --- values --------------------------------------------------------------------------------- */

struct value {
    const char *expression;
    const char *json; /* as json_write_value writes it */
    const char *type; /* NULL: not looked at: nullable or not differs by what is constant */
};

/* All rows, and some: each has the value. */
static void check_value(struct rig *rig, const struct value *v)
{
    struct weir_expr *expr = rig_compile(rig, v->expression);
    char type[TYPE_TEXT_BYTES];
    assert_non_null(expr);
    type_text(expression_ops_sql.type(expr), type);
    if (v->type && strcmp(type, v->type))
        fail_msg("%s: of type %s, not %s", v->expression, type, v->type);
    static const uint64_t selections[] = {UINT64_MAX, 0x8000000000000001, 0x5555555555555555, 1};
    for (size_t i = 0; i < COUNT_OF(selections); i++) {
        rig_fill(rig, 70);
        rig_select(rig, selections[i]);
        const struct weir_column *column = expression_ops_sql.eval(expr, &rig->batch->view);
        assert_non_null(column);
        if (rig->batch->reject_count)
            fail_msg("%s: rejected: %s", v->expression, rig->batch->rejects[0].text);
        for (uint32_t k = 0; k < rig->batch->view.selected; k++) {
            struct text text = TEXT_INIT;
            json_write_value(&text, column, rig->batch->view.selection[k]);
            if (strcmp(text.data, v->json))
                fail_msg("%s: %s, not %s", v->expression, text.data, v->json);
            text_done(&text);
        }
        if (column->type.kind == WEIR_BOOL) {
            uint32_t selected = rig->batch->view.selected;
            assert_int_equal(expr_filter(expr, &rig->batch->view), 0);
            assert_int_equal(rig->batch->view.selected, strcmp(v->json, "true") ? 0 : selected);
        }
    }
    expression_ops_sql.free(expr);
}

static const struct value values[] = {
    /* literals */
    {"1", "1", "int"},
    {"-9223372036854775808", "-9223372036854775808", "int"},
    {"0xff", "255", "int"},
    {"0xFFFFFFFFFFFFFFFF", "-1", "int"},
    {"1.5e3", "1500.0", "float"},
    {".5", "0.5", "float"},
    {"5.", "5.0", "float"},
    {"'it''s'", "\"it's\"", "string"},
    {"x'00FF'", "\"AP8=\"", "bytes"},
    {"TRUE", "true", "bool"},
    {"CAST(NULL AS text)", "null", "string?"},
    {"/* c */ i -- rest\n + 1", "4", "int"},
    /* names */
    {"I + N IS NULL", "true", "bool"},
    {"\"Case\" * 10 + \"CASE\"", "12", "int"},
    {"\"odd name.x\" + [odd name.x] + `odd name.x`", "21", "int"},
    /* precedence; SQLite is asked for the rest */
    {"1 + 2 * 3", "7", "int"},
    {"2 * CAST(3 || 4 AS int)", "68", "int"},
    {"-i || 'x'", "\"-3x\"", "string"},
    {"1 << 2 + 1", "8", "int"},
    {"NOT i = 4", "true", "bool"},
    {"i BETWEEN 1 AND 3 = true", "true", "bool"},
    {"10 - 3 - 2", "5", "int"},
    /* int arithmetic */
    {"7 / 2", "3", "int"},
    {"-7 / 2", "-3", "int"},
    {"i / zero", "null", "int?"},
    {"i % zero", "null", "int?"},
    {"i / 2", "1", "int"},
    {"i % -1", "0", "int"},
    {"i + n", "null", "int?"},
    {"i + b", "4", "int"},
    {"b + b", "2", "int"},
    {"-b", "-1", "int"},
    {"big - 1 + 1", "9223372036854775807", "int"},
    {"-big - 1", "-9223372036854775808", "int"},
    {"i << 62 >> 62", "-1", "int"},
    {"i << -1", "1", "int"},
    {"i << 64", "0", "int"},
    {"-i >> 64", "-1", "int"},
    {"~i & 0xff | 256", "508", "int"},
    /* float */
    {"f / 0", "null", "float?"},
    {"i / 2.0", "1.5", "float"},
    {"f * i - 0.5", "7.0", "float"},
    {"f % 2", "0.0", "float"},
    {"-(f - f)", "0.0", "float"},
    /* decimals are exact */
    {"d + d", "24.68", "decimal(2)"},
    {"d * 0.92", "11.3528", "decimal(4)"},
    {"d * d", "152.2756", "decimal(4)"},
    {"d * i", "37.02", "decimal(2)"},
    {"d + 0.005", "12.345", "decimal(3)"},
    {"0.005 - d", "-12.335", "decimal(3)"},
    {"d + i", "15.34", "decimal(2)"},
    {"d + nd", "null", "decimal(4)?"},
    {"-d", "-12.34", "decimal(2)"},
    {"d / 2", "6.17", "float"},
    {"d + f", "14.84", "float"},
    {"d + 1e0", "13.34", "float"},
    {"d * b", "12.34", "decimal(2)"},
    {"abs(-d)", "12.34", "decimal(2)"},
    {"round(d, 1)", "12.3", "decimal(1)"},
    {"round(d)", "12", "decimal(0)"},
    {"round(d * 0.92, 2)", "11.35", "decimal(2)"},
    {"round(-d - 0.005, 2)", "-12.35", "decimal(2)"},
    {"round(d, i)", "12.34", "decimal(2)"},
    {"floor(-d)", "-13", "decimal(0)"},
    {"ceil(-d)", "-12", "decimal(0)"},
    {"trunc(-d)", "-12", "decimal(0)"},
    {"mod(d, 5)", "2.34", "decimal(2)"},
    {"mod(d, 0.1)", "0.04", "decimal(2)"},
    {"mod(d, 0)", "null", "decimal(2)?"},
    {"CAST(d AS int)", "12", "int"},
    {"CAST(-d AS float)", "-12.34", "float"},
    {"CAST(d AS text)", "\"12.34\"", "string"},
    {"CAST(d AS decimal(1))", "12.3", "decimal(1)"},
    {"CAST(12.345 AS decimal(2))", "12.35", "decimal(2)"},
    {"CAST(f AS decimal(0))", "3", "decimal(0)"},
    {"CAST('  -0012.345e1 ' AS decimal(1))", "-123.5", "decimal(1)"},
    {"CAST('1e-30' AS decimal(2))", "0.00", "decimal(2)"},
    {"CAST('0.004999999999999999999999999' AS decimal(2))", "0.00", "decimal(2)"},
    {"CAST('.5' AS decimal(0)) || CAST('5.' AS decimal(0))", "\"15\"", "string"},
    {"d || ''", "\"12.34\"", "string"},
    {"max(d, 12.345)", "12.345", "decimal(3)"},
    {"CASE WHEN b THEN d ELSE 0 END", "12.34", "decimal(2)"},
    /* comparisons between kinds of numbers */
    {"d = 12.34", "true", "bool"},
    {"d = 12.340", "true", "bool"},
    {"d > 12.339", "true", "bool"},
    {"d < 12.341", "true", "bool"},
    {"d = 12", "false", "bool"},
    {"d > i", "true", "bool"},
    {"i < d", "true", "bool"},
    {"d > f", "true", "bool"},
    {"CAST('0.10' AS decimal(2)) = CAST('0.1' AS float)", "true", "bool"},
    {"big = 9223372036854775807", "true", "bool"},
    {"big < 9223372036854775808.0", "true", "bool"},
    {"CAST(9007199254740993 AS float) = 9007199254740993", "false", "bool"},
    {"i = 3.0", "true", "bool"},
    {"i > 2.5", "true", "bool"},
    {"b = 1", "true", "bool"},
    {"b > 0.5", "true", "bool"},
    {"d IN (1, 12.34)", "true", "bool"},
    {"d IN (12.345, 12)", "false", "bool"},
    {"i IN (2.5, 3.0)", "true", "bool"},
    {"f IN (1, 2.5)", "true", "bool"},
    {"f NOT IN (1, n)", "null", "bool?"},
    /* null */
    {"n = n", "null", "bool?"},
    {"n IS n", "true", "bool"},
    {"n IS NOT NULL", "false", "bool"},
    {"i = NULL", "null", "bool?"},
    {"i IS DISTINCT FROM n", "true", "bool"},
    {"nb OR b", "true", "bool?"},
    {"nb AND b", "null", "bool?"},
    {"nb AND NOT b", "false", "bool?"},
    {"NOT nb", "null", "bool?"},
    {"nb IS TRUE", "false", "bool"},
    {"nb IS NOT FALSE", "true", "bool"},
    {"i BETWEEN n AND 2", "false", "bool?"},
    {"i BETWEEN n AND 4", "null", "bool?"},
    {"i IN ()", "false", "bool"},
    {"n IN ()", "false", "bool"},
    {"n NOT IN ()", "true", "bool"},
    {"n IN (1)", "null", "bool?"},
    {"i IN (1, NULL)", "null", "bool?"},
    {"i IN (3, NULL)", "true", "bool?"},
    {"i IN (zero, zero + 3)", "true", "bool"},
    {"coalesce(n, NULL, i)", "3", "int"},
    {"coalesce(n, f)", "2.5", "float"},
    {"coalesce(nt, t) = t", "true", "bool"},
    {"coalesce(nt, '2000-01-01') < t", "true", "bool"},
    {"ifnull(ns, 'x')", "\"x\"", "string"},
    {"nullif(i, 3)", "null", "int?"},
    {"nullif(s, 'weir')", "\"Weir\"", "string?"},
    {"nullif(n, 1)", "null", "int?"},
    {"iif(nb, 1, 2)", "2", "int"},
    {"iif(NOT b, 1)", "null", "int?"},
    {"max(i, n)", "null", "int?"},
    {"min(i, 2, 4)", "2", "int"},
    {"max(s, 'a', 'Z')", "\"a\"", "string"},
    {"CASE n WHEN NULL THEN 1 ELSE 2 END", "2", "int"},
    {"CASE WHEN nb THEN 1 END", "null", "int?"},
    {"CASE i WHEN 3.0 THEN 'three' END", "\"three\"", "string?"},
    {"CASE b WHEN 1 THEN 'yes' END", "\"yes\"", "string?"},
    {"CASE WHEN b THEN NULL ELSE 1 END", "null", "int?"},
    {"CASE WHEN b THEN i ELSE f END", "3.0", "float"},
    /* texts */
    {"s || '-' || i || f || b || d", "\"Weir-32.5112.34\"", "string"},
    {"s || ns", "null", "string?"},
    {"'x' || t", "\"x2026-11-21T10:20:30.123456789Z\"", "string"},
    {"(0.1 + 0.2) || ''", "\"0.3\"", "string"},
    {"CAST(1e15 AS text) || CAST(1e-5 AS text) || CAST(0.0 AS text)", "\"1.0e+151.0e-050.0\"",
     "string"},
    {"CAST(123456789012345.0 AS text)", "\"123456789012345.0\"", "string"},
    {"length('日本') || octet_length('日本')", "\"26\"", "string"},
    {"length(y)", "2", "int"},
    {"lower('ÀB') || upper('àb')", "\"ÀbàB\"", "string"},
    {"trim(' a ') || trim('日a日本', '本日')", "\"aa\"", "string"},
    {"substr('日本語', 2, 1) || substr('日本語', -1) || substr('abc', 0, 2)", "\"本語a\"",
     "string"},
    {"substr('abc', 3, -2) || substr('abc', -5, 3)", "\"aba\"", NULL},
    {"substr(y, 2)", "\"/w==\"", "bytes"},
    {"instr('日本語', '語')", "3", "int"},
    {"instr(s, 'x')", "0", "int"},
    {"replace('aaa', 'aa', 'b')", "\"ba\"", "string"},
    {"replace(s, '', 'x')", "\"Weir\"", "string"},
    {"hex(y) || hex('é') || hex(ns)", "\"00FFC3A9\"", "string"},
    {"unhex('zz')", "null", "bytes?"},
    {"unhex('6 1', ' ')", "null", "bytes?"},
    {"char(55296, 1114112, -1) = char(65533, 65533, 65533)", "true", "bool"},
    {"unicode(e)", "null", "int?"},
    {"concat(ns, e, i, NULL)", "\"3\"", "string"},
    {"concat_ws(', ', s, ns, i)", "\"Weir, 3\"", NULL},
    {"concat_ws(ns, 'a')", "null", "string?"},
    {"starts_with(s, 'We') AND ends_with(s, 'ir') AND starts_with(s, '')", "true", "bool"},
    {"ends_with('a', 'aa')", "false", "bool"},
    {"typeof(i) || typeof(f) || typeof(s) || typeof(y) || typeof(n)", "\"integerrealtextblobnull\"",
     "string"},
    {"typeof(d) || typeof(b) || typeof(t) || typeof(j) || typeof(a)",
     "\"decimalbooltimestampjsonarray\"", "string"},
    {"quote(s) || quote(i) || quote(ns) || quote(y) || quote(f)", "\"'Weir'3NULLX'00FF'2.5\"",
     "string"},
    {"hash(i) = hash(3) AND hash(s, i) <> hash(i, s) AND hash(i) >= 0", "true", "bool"},
    /* LIKE and GLOB */
    {"s LIKE 'weir'", "true", "bool"},
    {"s LIKE 'WE%'", "true", "bool"},
    {"s LIKE '%IR'", "true", "bool"},
    {"s LIKE '%ei%'", "true", "bool"},
    {"s LIKE '%'", "true", "bool"},
    {"e LIKE '%%'", "true", "bool"},
    {"e LIKE ''", "true", "bool"},
    {"e LIKE '_'", "false", "bool"},
    {"s LIKE '_e%_'", "true", "bool"},
    {"'É' LIKE 'é'", "false", "bool"},
    {"'日' LIKE '_'", "true", "bool"},
    {"s LIKE 'Weir!'  ESCAPE '!'", "false", "bool"},
    {"'a%b' LIKE 'a!%b' ESCAPE '!'", "true", "bool"},
    {"'axb' LIKE 'a!%b' ESCAPE '!'", "false", "bool"},
    {"s NOT LIKE s || '%'", "false", "bool"},
    {"ns LIKE 'a'", "null", "bool?"},
    {"s LIKE '%e%r%'", "true", "bool"},
    {"'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab' LIKE '%aab%'", "true", "bool"},
    {"'0123456789012345678901234567890123456789xY' LIKE '%XY%'", "true", "bool"},
    {"'0123456789012345678901234567890123456789xY' LIKE '%9y%'", "false", "bool"},
    {"s GLOB 'W*'", "true", "bool"},
    {"s GLOB 'w*'", "false", "bool"},
    {"s GLOB '*[a-i]r'", "true", "bool"},
    {"s GLOB '[^a-z]eir'", "true", "bool"},
    {"s GLOB '[W'", "false", "bool"},
    {"']' GLOB '[]]'", "true", "bool"},
    {"like('w%', s) AND glob('W*', s) AND like('w!%', 'w%', '!')", "true", "bool"},
    /* casts */
    {"CAST(' 12 ' AS int)", "12", "int"},
    {"CAST('+7' AS integer) + CAST('007.5' AS real)", "14.5", "float"},
    {"CAST(-2.9 AS int)", "-2", "int"},
    {"CAST('true' AS bool) AND CAST(' 1 ' AS bool) AND NOT CAST(0 AS bool)", "true", "bool"},
    {"CAST(b AS text)", "\"1\"", "string"},
    {"CAST(x'c3a9' AS text)", "\"é\"", "string"},
    {"CAST('é' AS blob) = x'c3a9'", "true", "bool"},
    {"CAST('2026-11-21T10:20:30.123456789Z' AS timestamp) = t", "true", "bool"},
    {"CAST('2026-11-21 12:20+02:00' AS timestamp)", "\"2026-11-21T10:20:00Z\"", "timestamp"},
    {"CAST('2026-11-21' AS timestamp)", "\"2026-11-21T00:00:00Z\"", "timestamp"},
    {"CAST(a AS text)", "\"[1,2,3]\"", "string"},
    {"CAST('{\"x\": [1, 2.5e3, \"\\u0041\", true, {}]}' AS json) ->> '$.x[2]'", "\"A\"", "string"},
    {"CAST(ns AS int)", "null", "int?"},
    /* times */
    {"t > '2026-11-21'", "true", "bool"},
    {"t < '2026-11-21 10:20:31'", "true", "bool"},
    {"t = '2026-11-21T10:20:30.123456789Z'", "true", "bool"},
    {"t BETWEEN '2026-11-21' AND '2026-11-22'", "true", "bool"},
    {"t IN ('2026-11-21T10:20:30.123456789Z')", "true", "bool"},
    {"'2026-11-21' < t", "true", "bool"},
    {"date(t) || ' ' || time(t)", "\"2026-11-21 10:20:30\"", NULL},
    {"datetime(t, '+1 day', 'start of day', '-1 second')", "\"2026-11-21 23:59:59\"", "string"},
    {"time(t, 'subsec')", "\"10:20:30.123\"", "string"},
    {"unixepoch(t)", "1795256430", "int"},
    {"unixepoch(t, 'subsec')", "1795256430.123", "float"},
    {"julianday('2000-01-01 12:00:00')", "2451545.0", "float"},
    {"timestamp(t, 'start of hour')", "\"2026-11-21T10:00:00Z\"", "timestamp"},
    {"timestamp(t, 'start of minute')", "\"2026-11-21T10:20:00Z\"", "timestamp"},
    {"timestamp(t, '+1 day') = '2026-11-22T10:20:30.123456789Z'", "true", "bool"},
    {"timestamp(i, 'unixepoch')", "\"1970-01-01T00:00:03Z\"", "timestamp?"},
    {"timestamp(f, 'unixepoch')", "\"1970-01-01T00:00:02.500Z\"", "timestamp?"},
    {"timestamp(d, 'unixepoch')", "\"1970-01-01T00:00:12.340Z\"", "timestamp?"},
    {"timestamp('now')", "\"2026-11-21T10:20:30.123456789Z\"", "timestamp"},
    {"strftime('%H', 'now') || strftime('%Y-%j-%w-%u-%W-%U-%G-%V', t)",
     "\"102026-325-6-6-46-46-2026-47\"", "string"},
    {"date('now', '-1 day')", "\"2026-11-20\"", "string"},
    {"strftime('%d|%e|%f|%F|%g|%G|%H|%I|%j|%k|%l|%m|%M|%p|%P|%R|%s|%S|%T|%u|%U|%V|%w|%W|%Y|%%', "
     "'2024-01-01 00:05:09.5')",
     "\"01| 1|09.500|2024-01-01|24|2024|00|12|001| 0|12|01|05|AM|am|00:05|1704067509|09|00:05:09|1|"
     "00|01|1|01|2024|%\"",
     "string"},
    {"strftime('%G-%V', '2021-01-03') || strftime('%J', '2000-01-01 12:00')", "\"2020-532451545\"",
     "string"},
    {"date(s)", "null", "string?"},
    {"datetime('2024-02-31')", "\"2024-03-02 00:00:00\"", "string"},
    {"date(nt)", "null", "string?"},
    {"date('9999-12-31', '+1 day')", "null", "string?"},
    {"datetime(i, 'julianday')", "null", "string?"},
    /* json */
    {"j ->> '$.a.b[1]'", "\"x\"", "string?"},
    {"j -> 'a' -> 'b' ->> 0", "\"10\"", "string?"},
    {"j -> 'a'", "{\"b\": [10, \"x\", null]}", "json?"},
    {"j ->> '$.a.b[#-1]'", "null", "string?"},
    {"j -> '$.a.b[#-1]'", "null", "json?"},
    {"(j -> '$.a.b[#-1]') IS NULL", "false", "bool"},
    {"j ->> 'kéy'", "\"1.50\"", "string?"},
    {"j ->> 't'", "\"true\"", "string?"},
    {"j ->> '$.\"a\".b[7]'", "null", "string?"},
    {"j ->> s", "null", "string?"},
    {"a ->> -1", "\"3\"", "string?"},
    {"CAST(a ->> (i - 3) AS int)", "1", "int?"},
    {"json_array_length(a)", "3", "int?"},
    {"json_array_length(j, '$.a.b')", "3", "int?"},
    {"json_array_length(j)", "0", "int?"},
    {"json_array_length(j, '$.none')", "null", "int?"},
    {"json_extract(j, '$.a.b[0]')", "\"10\"", "string?"},
    /* format */
    {"format('%5d|%-5d|%05d|%+d|%x|%X|%o', i, i, i, i, 255, 255, 8)",
     "\"    3|3    |00003|+3|ff|FF|10\"", "string"},
    {"format('%.2f|%8.3f|%e|%g', d, f, 12345.678, 0.5)", "\"12.34|   2.500|1.234568e+04|0.5\"",
     "string"},
    {"format('%s|%5s|%-5s|%.2s|%c', s, 'é', 'é', s, s)", "\"Weir|    é|é    |We|W\"", "string"},
    {"format('%q|%Q|%Q|%w', 'it''s', 'it''s', ns, 'a\"b')", "\"it''s|'it''s'|NULL|a\\\"\\\"b\"",
     "string"},
    {"printf('%d%%|%s|%,d|%,d', n, ns, 1234567, -123)", "\"0%||1,234,567|-123\"", "string"},
    {"format('%.1f', 0.25) || format('none')", "\"0.3none\"", "string"},
    /* numbers */
    {"sign(-f) + sign(zero) + sign(d)", "0", "int"},
    {"round(2.5) + round(-2.5)", "0.0", "float"},
    {"round(0.125, 2)", "0.13", "float"},
    {"round(2.675, 2)", "2.67", "float"},
    {"round(1e300, 2) = 1e300", "true", "bool"},
    {"round(i)", "3.0", "float"},
    {"floor(-f) || ceil(f) || trunc(-f)", "\"-3.03.0-2.0\"", "string"},
    {"floor(i)", "3", "int"},
    {"sqrt(-f)", "null", "float?"},
    {"log(8) = log10(8) AND log2(1024) = 10 AND log(2, 1024) = 10", "true", "bool"},
    {"ln(0)", "null", "float?"},
    {"pow(i, 2) + power(2, 0.5) * 0", "9.0", "float?"},
    {"mod(7, 3)", "1.0", "float"},
    {"abs(-9223372036854775807)", "9223372036854775807", "int"},
};

static void values_are_as_told(void **state)
{
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    for (size_t i = 0; i < COUNT_OF(values); i++)
        check_value(&rig, values + i);
    rig_done(&rig);
}

/* Every example of the table is equal to the result that stands beside it, and of its type. */
static void examples_are_true(void **state)
{
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    for (size_t i = 0; i < function_count(); i++) {
        const struct function_description *f = function_at(i);
        char text[1024];
        snprintf(text, sizeof text, "(%s) IS (%s)", f->example, f->result);
        /* IS TRUE and IS FALSE are not comparisons, but ask the same of a bool. */
        check_value(&rig, &(struct value){text, "true", "bool"});
        assert_non_null(f->name);
        assert_true(strlen(f->signature) > 0 && strlen(f->summary) > 0);
    }
    rig_done(&rig);
}

/* The hash is for ever: a known value. */
static void hash_never_changes(void **state)
{
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    check_value(&rig, &(struct value){"hash('weir')", "342712154962573452", "int"});
    check_value(&rig, &(struct value){"hash(1)", "1719861150632230039", "int"});
    rig_done(&rig);
}

/* --- mistakes ------------------------------------------------------------------------------- */

static const struct mistake {
    const char *expression;
    uint32_t position;
    const char *says; /* somewhere in the text */
} mistakes[] = {
    {"", 0, "empty"},
    {"  ", 2, "empty"},
    {"1 +", 3, "ends where a value should follow"},
    {"i j", 2, "an operator is missing before `j`"},
    {"(i", 2, "`)` is missing"},
    {"i)", 1, "this `)` has no `(`"},
    {"'abc", 0, "not closed"},
    {"\"abc", 0, "not closed"},
    {"i + /* x", 4, "comment is not closed"},
    {"x'0'", 0, "one digit is missing"},
    {"x'0g'", 0, "hexadecimal"},
    {"12abc", 0, "neither a number nor a name"},
    {"9223372036854775808", 0, "does not fit an int"},
    {"0x10000000000000000", 0, "more than 16 digits"},
    {"1e400", 0, "does not fit a float"},
    {"i ? 1", 2, "parameters"},
    {"i # 1", 2, "no meaning"},
    {"i; DROP", 1, "not a statement"},
    {"amonut > 1", 0, "did you mean `amount`?"},
    {"upper(s) = lowr(s)", 11, "did you mean `lower`?"},
    {"\"text\"", 0, "single quotes: 'text'"},
    {"j.a", 1, "->>"},
    {"case * 1", 5, "a value is missing before `*`"},
    {"case + 1", 8, "WHEN is missing"},
    {"i + and", 4, "double quotes"},
    {"count(*)", 6, "count(*)"},
    {"sum(i)", 0, "measure"},
    {"random()", 0, "replay"},
    {"(1, 2)", 2, "IN"},
    {"i IN 1", 5, "`(`"},
    {"EXISTS (SELECT 1)", 0, "SELECT"},
    {"s REGEXP 'x'", 2, "LIKE"},
    {"s COLLATE nocase", 2, "lower"},
    {"i NOT 3", 6, "NOT is followed by"},
    {"i NOT ISNULL", 6, "NOT is followed by"},
    {"i BETWEEN 1 OR 2", 12, "AND is missing"},
    {"CASE i END", 7, "WHEN"},
    {"CASE WHEN b THEN 1", 18, "END"},
    {"CAST(i)", 6, "AS"},
    {"CAST(i AS intt)", 10, "did you mean int"},
    {"CAST(i AS decimal)", 17, "decimal(2)"},
    {"CAST(i AS decimal(19))", 18, "0 to 18"},
    {"CAST(i AS decimal(10, 2))", 20, "digits behind the point"},
    {"1 + 'a'", 4, "||"},
    {"i + '1'", 4, "||"},
    {"i * '2'", 4, "without quotes"},
    {"s + 1", 0, "CAST(.. AS int)"},
    {"t + 1", 0, "unixepoch"},
    {"t - t", 0, "unixepoch"},
    {"-s", 1, "CAST"},
    {"f & 1", 0, "ints"},
    {"d % 2", 2, "mod"},
    {"i = '1'", 0, "without quotes"},
    {"s = 1", 0, "cannot compare a string with an int"},
    {"s = i", 0, "CAST"},
    {"t = 1", 0, "unixepoch"},
    {"t = s", 0, "CAST(.. AS timestamp)"},
    {"t > '2026-13-01'", 4, "cannot be read as a timestamp"},
    {"t > 'x'", 4, "cannot be read as a timestamp"},
    {"j = 'x'", 0, "->>"},
    {"y = 'x'", 0, "CAST"},
    {"i AND b", 0, "AND needs a bool, and `i` is an int"},
    {"NOT s", 4, ".. <> ''"},
    {"CASE WHEN i THEN 1 END", 10, "WHEN needs a bool"},
    {"i IS TRUE", 0, "bool"},
    {"CASE WHEN b THEN 1 ELSE 'x' END", 24, "one type"},
    {"coalesce(i, s)", 12, "one type"},
    {"min(j, j)", 0, "order"},
    {"iif(i, 1, 2)", 4, "bool"},
    {"i LIKE 'x'", 0, "CAST(.. AS string)"},
    {"s LIKE 'x' ESCAPE 'ab'", 18, "one character"},
    {"length(i)", 7, "a text or bytes"},
    {"length()", 0, "takes 1 argument and here are 0"},
    {"substr(s)", 0, "2 to 3"},
    {"instr(s, y)", 9, "one type"},
    {"y || s", 0, "bytes"},
    {"j || s", 0, "->>"},
    {"s -> 'a'", 0, "CAST(.. AS json)"},
    {"j -> 1.5", 5, "a name, an index or a path"},
    {"j ->> '$.a['", 6, "path"},
    {"json_extract(j, 'a')", 16, "begins with $"},
    {"format(s, 1)", 7, "stands in the expression"},
    {"format('%d', f)", 13, "an int"},
    {"format('%y', i)", 7, "`%y` is no conversion"},
    {"format('%d')", 7, "more values"},
    {"format('x', i)", 12, "no place"},
    {"format('%9999d', i)", 7, "width"},
    {"strftime('%q', t)", 9, "%q"},
    {"date(t, '+1 dya')", 8, "no modifier"},
    {"date(t, 'localtime')", 8, "UTC"},
    {"date(t, s)", 8, "stands in the expression"},
    {"date(t, 'unixepoch')", 8, "behind it"},
    {"date(i)", 5, "'unixepoch'"},
    {"date('2026-99-01')", 5, "not a time"},
    {"timestamp(b)", 10, "'unixepoch'"},
    {"CAST(t AS int)", 0, "unixepoch"},
    {"CAST(i AS timestamp)", 0, "timestamp(.., 'unixepoch')"},
    {"CAST(y AS int)", 0, "AS string"},
    {"CAST('abc' AS int)", 0, "cannot be read as an int"},
    {"9223372036854775807 + 1", 20, "does not fit an int"},
    {"1e308 * 10", 6, "does not fit a float"},
    {"CAST('99999999999999999999' AS decimal(2))", 0, "does not fit a decimal(2)"},
    {"CAST(amount AS decimal(10)) * CAST(amount AS decimal(10))", 28, "limit is 18"},
    {"NULL", 0, "CAST(NULL AS string)"},
    {"NULL + 1 || 'a' || \xff", 0, "UTF-8"},
};

static void mistakes_are_told_with_their_place(void **state)
{
    struct weir_schema schema = {rig_fields, RIG_FIELD_COUNT};
    for (size_t i = 0; i < COUNT_OF(mistakes); i++) {
        const struct mistake *m = mistakes + i;
        struct expression_error error;
        struct weir_expr *expr;
        if (expression_ops_sql.compile(m->expression, strlen(m->expression), &schema, &expr,
                                       &error) != WEIR_E_INVALID)
            fail_msg("%s: compiles", m->expression);
        if (error.position != m->position || !strstr(error.text, m->says))
            fail_msg("%s: at %u: %s (wanted %u: %s)", m->expression, error.position, error.text,
                     m->position, m->says);
    }
}

/* --- rejected rows -------------------------------------------------------------------------- */

static const struct rejection {
    const char *expression;
    enum weir_reason reason; /* WEIR_REASON_COUNT: none */
    const char *says;
} rejections[] = {
    {"big + 1", WEIR_REJECT_OVERFLOW, "`big + 1` does not fit an int"},
    {"-big - 2", WEIR_REJECT_OVERFLOW, "does not fit an int"},
    {"big * 2", WEIR_REJECT_OVERFLOW, "does not fit an int"},
    {"-(-big - 1)", WEIR_REJECT_OVERFLOW, "does not fit an int"},
    {"(-big - 1) / (zero - 1)", WEIR_REJECT_OVERFLOW, "does not fit an int"},
    {"abs(-big - 1)", WEIR_REJECT_OVERFLOW, "does not fit"},
    {"CAST(big AS decimal(2))", WEIR_REJECT_OVERFLOW, "`big` does not fit a decimal(2)"},
    {"d + big", WEIR_REJECT_OVERFLOW, "`big` does not fit a decimal(2)"},
    {"d * big", WEIR_REJECT_OVERFLOW, "does not fit a decimal(2)"},
    {"f * 1e300 * 1e300", WEIR_REJECT_OVERFLOW, "does not fit a float"},
    {"f / 1e-320", WEIR_REJECT_OVERFLOW, "does not fit a float"},
    {"exp(big)", WEIR_REJECT_OVERFLOW, "does not fit a float"},
    {"CAST(f * 1e300 AS int)", WEIR_REJECT_OVERFLOW, "does not fit an int"},
    {"CAST(s AS int)", WEIR_REJECT_CAST, "`s` cannot be read as an int"},
    {"CAST(e AS int)", WEIR_REJECT_CAST, "int"},
    {"CAST(s || '1' AS float)", WEIR_REJECT_CAST, "`s || '1'` cannot be read as a float"},
    {"CAST(i || 'e400' AS float)", WEIR_REJECT_OVERFLOW, "does not fit a float"},
    {"CAST('1.5' || e AS int)", WEIR_REJECT_CAST, "int"},
    {"CAST(s AS bool)", WEIR_REJECT_CAST, "bool"},
    {"CAST(s AS timestamp)", WEIR_REJECT_CAST, "timestamp"},
    {"CAST(s AS json)", WEIR_REJECT_CAST, "json"},
    {"CAST(y AS text)", WEIR_REJECT_CAST, "string"},
    {"timestamp('1500-01-01' || e)", WEIR_REJECT_OVERFLOW, "does not fit a timestamp"},
    {"replace(format('%1000s', s) || format('%1000s', s), ' ', format('%1000s', s))",
     WEIR_REJECT_OVERFLOW, "1 MiB"},
    {"CASE WHEN b THEN big + 1 END", WEIR_REJECT_OVERFLOW, "`big + 1`"},
    /* What is not taken is not computed. */
    {"CASE WHEN NOT b THEN big + 1 ELSE 1 END", WEIR_REASON_COUNT, NULL},
    {"CASE i WHEN 4 THEN big + 1 END", WEIR_REASON_COUNT, NULL},
    {"CASE WHEN b THEN 1 WHEN big + 1 > 0 THEN 2 END", WEIR_REASON_COUNT, NULL},
    {"iif(b, 1, CAST(s AS int))", WEIR_REASON_COUNT, NULL},
    {"coalesce(i, CAST(s AS int))", WEIR_REASON_COUNT, NULL},
    {"ifnull(n, i) + ifnull(i, big + 1)", WEIR_REASON_COUNT, NULL},
    {"b OR big + 1 > 0", WEIR_REASON_COUNT, NULL},
    {"NOT b AND big + 1 > 0", WEIR_REASON_COUNT, NULL},
    {"i IN (3, CAST(s AS int))", WEIR_REASON_COUNT, NULL},
    {"b AND big + 1 > 0", WEIR_REJECT_OVERFLOW, "`big + 1`"},
    /* Nulls do not overflow. */
    {"n + big", WEIR_REASON_COUNT, NULL},
    {"n * big * big", WEIR_REASON_COUNT, NULL},
    {"CAST(ns AS int)", WEIR_REASON_COUNT, NULL},
};

static void rows_out_of_range_are_rejected(void **state)
{
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    for (size_t i = 0; i < COUNT_OF(rejections); i++) {
        const struct rejection *r = rejections + i;
        struct weir_expr *expr = rig_compile(&rig, r->expression);
        assert_non_null(expr);
        rig_fill(&rig, 66);
        rig_select(&rig, 0x3);
        assert_non_null(expression_ops_sql.eval(expr, &rig.batch->view));
        uint32_t want = r->says ? 4 : 0;
        if (rig.batch->reject_count != want)
            fail_msg("%s: %u rejected, not %u", r->expression, rig.batch->reject_count, want);
        for (uint32_t k = 0; k < want; k++) {
            const struct batch_reject *reject = rig.batch->rejects + k;
            if (reject->reason != r->reason || !strstr(reject->text, r->says))
                fail_msg("%s: %s: %s", r->expression,
                         reason_label((enum weir_reason)reject->reason), reject->text);
        }
        assert_int_equal(batch_narrow(rig.batch), want);
        expression_ops_sql.free(expr);
    }
    rig_done(&rig);
}

/* One row overflows among others: only that one goes. Rows that are not asked for do not count. */
static void only_the_row_itself_is_rejected(void **state)
{
    struct rig rig;
    rig_init(&rig, rig_fields, RIG_FIELD_COUNT);
    struct weir_expr *expr = rig_compile(&rig, "i * 2 + 1 > 0 OR zero = 1");
    assert_non_null(expr);
    for (uint32_t bad = 0; bad < 200; bad += 13) {
        for (int filter = 0; filter < 2; filter++) {
            rig_fill(&rig, 200);
            rig_set_int(&rig, RIG_i, bad, INT64_MAX);
            rig_set_int(&rig, RIG_i, (bad + 1) % 200, INT64_MAX);
            rig_select(&rig, ~(1ULL << ((bad + 1) % 200 % 64)));
            uint32_t selected = rig.batch->view.selected;
            bool is_selected = bad % 64 != (bad + 1) % 200 % 64;
            if (filter)
                assert_int_equal(expr_filter(expr, &rig.batch->view), 0);
            else
                assert_non_null(expression_ops_sql.eval(expr, &rig.batch->view));
            assert_int_equal(rig.batch->reject_count, is_selected);
            if (is_selected)
                assert_int_equal(rig.batch->rejects[0].row, bad);
            assert_int_equal(rig.batch->view.selected, selected);
            assert_int_equal(batch_narrow(rig.batch), is_selected);
        }
    }
    expression_ops_sql.free(expr);
    rig_done(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_as_told),
        cmocka_unit_test(examples_are_true),
        cmocka_unit_test(hash_never_changes),
        cmocka_unit_test(mistakes_are_told_with_their_place),
        cmocka_unit_test(rows_out_of_range_are_rejected),
        cmocka_unit_test(only_the_row_itself_is_rejected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
