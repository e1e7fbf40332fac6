/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <math.h>
#include <weir/batch.h>

#include "base/check.h"
#include "base/value.h"

static void assert_json(const char *data, size_t length, const char *expected)
{
    struct text text = TEXT_INIT;
    char *exact = malloc(length ? length : 1); /* so that reading past the end is seen */
    memcpy(exact, data, length);
    json_write_string(&text, exact, length);
    assert_string_equal(text.data, expected);
    free(exact);
    text_done(&text);
}

static void json_strings(void **state)
{
    assert_json("", 0, "\"\"");
    assert_json("plain text of some length", 25, "\"plain text of some length\"");
    assert_json("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"");
    assert_json("\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\"");
    assert_json("\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\"");
    assert_json("\xe2\x82\xac", 3, "\"\xe2\x82\xac\"");
    assert_json("\xe2\x82", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json("a\xff"
                "b",
                3,
                "\"a\xef\xbf\xbd"
                "b\"");
    assert_json("\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"");
    assert_json("0123456789\xf0\x9f\x98\x80\"", 15, "\"0123456789\xf0\x9f\x98\x80\\\"\"");
}

static void every_byte_in_every_place_of_a_word(void **state)
{
    for (size_t place = 0; place < 20; place++)
        for (int c = 0; c < 0x80; c++) {
            char data[20], escape[8], expected[64];
            memset(data, 'x', sizeof data);
            data[place] = (char)c;
            static const char shorts[] = "\bb\ff\nn\rr\tt\"\"\\\\";
            const char *found = NULL;
            for (size_t i = 0; i < sizeof shorts - 1; i += 2)
                if (shorts[i] == c)
                    found = &shorts[i + 1];
            if (found)
                snprintf(escape, sizeof escape, "\\%c", *found);
            else if (c < 0x20)
                snprintf(escape, sizeof escape, "\\u%04x", (unsigned)c);
            else
                snprintf(escape, sizeof escape, "%c", c);
            snprintf(expected, sizeof expected, "\"%.*s%s%.*s\"", (int)place,
                     "xxxxxxxxxxxxxxxxxxxx", escape, 19 - (int)place, "xxxxxxxxxxxxxxxxxxxx");
            assert_json(data, sizeof data, expected);
        }
}

static void what_json_writes_is_utf8(void **state)
{
    struct test_random random = random_begin();
    for (int i = 0; i < 100000; i++) {
        char data[40];
        size_t length = random_below(&random, sizeof data);
        for (size_t k = 0; k < length; k++)
            data[k] = (char)(random_below(&random, 3) ? random_u64(&random) : 'a');
        struct text text = TEXT_INIT;
        json_write_string(&text, data, length);
        assert_true(utf8_valid(text.data, text.length));
        if (utf8_valid(data, length))
            assert_null(strstr(text.data, "\xef\xbf\xbd"));
        text_done(&text);
    }
}

/* One column of each kind, with two rows: a value and a null. */
static const struct {
    struct weir_type type;
    const char *json, *csv, *plain;
} columns[] = {
    {{.kind = WEIR_BOOL}, "true", "true", "true"},
    {{.kind = WEIR_INT}, "-9223372036854775808", "-9223372036854775808", "-9223372036854775808"},
    {{.kind = WEIR_FLOAT}, "1.5", "1.5", "1.5"},
    {{.kind = WEIR_DECIMAL, .scale = 2}, "12.50", "12.50", "12.50"},
    {{.kind = WEIR_STRING}, "\"a,\\\"b\\\"\"", "\"a,\"\"b\"\"\"", "a,\"b\""},
    {{.kind = WEIR_BYTES}, "\"YSwiYiI=\"", "YSwiYiI=", "YSwiYiI="},
    {{.kind = WEIR_TIMESTAMP},
     "\"1970-01-01T00:00:01Z\"",
     "1970-01-01T00:00:01Z",
     "1970-01-01T00:00:01Z"},
    {{.kind = WEIR_JSON}, "a,\"b\"", "\"a,\"\"b\"\"\"", "a,\"b\""},
    {{.kind = WEIR_ARRAY, .element = WEIR_INT}, "a,\"b\"", "\"a,\"\"b\"\"\"", "a,\"b\""},
};

static void values_of_every_kind(void **state)
{
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        uint64_t valid = 1;
        uint8_t bools[2] = {1, 0};
        int64_t ints[2] = {INT64_MIN, 0};
        double floats[2] = {1.5, 0};
        struct weir_str strs[2] = {str_of("a,\"b\""), {NULL, 0, 0}};
        struct weir_column column = {.type = columns[i].type, .valid = &valid, .ints = ints};
        if (column.type.kind == WEIR_BOOL)
            column.bools = bools;
        else if (column.type.kind == WEIR_FLOAT)
            column.floats = floats;
        else if (type_is_str(column.type))
            column.strs = strs;
        else if (column.type.kind != WEIR_INT)
            ints[0] = column.type.kind == WEIR_DECIMAL ? 1250 : NS_PER_SECOND;
        struct text json = TEXT_INIT, csv = TEXT_INIT, plain = TEXT_INIT;
        for (uint32_t row = 0; row < 2; row++) {
            json_write_value(&json, &column, row);
            csv_write_value(&csv, &column, row);
            plain_write_value(&plain, &column, row);
            text_add_char(&json, ';');
            text_add_char(&csv, ';');
            text_add_char(&plain, ';');
        }
        char expected[100];
        snprintf(expected, sizeof expected, "%s;null;", columns[i].json);
        assert_string_equal(json.data, expected);
        snprintf(expected, sizeof expected, "%s;;", columns[i].csv);
        assert_string_equal(csv.data, expected);
        snprintf(expected, sizeof expected, "%s;;", columns[i].plain);
        assert_string_equal(plain.data, expected);
        text_done(&json);
        text_done(&csv);
        text_done(&plain);
    }
}

static void csv_quotes_where_needed(void **state)
{
    static const char *const cases[][2] = {
        {"", "\"\""},         {"plain", "plain"},
        {"a b", "a b"},       {"a,b", "\"a,b\""},
        {"\"", "\"\"\"\""},   {"a\nb", "\"a\nb\""},
        {"a\rb", "\"a\rb\""}, {"\"\"", "\"\"\"\"\"\""},
        {"it's", "it's"},     {"x\"y\"z", "\"x\"\"y\"\"z\""},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text text = TEXT_INIT;
        csv_write_string(&text, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(text.data, cases[i][1]);
        text_done(&text);
    }
}

static void json_has_no_infinity(void **state)
{
    double floats[] = {INFINITY, NAN};
    struct weir_column column = {.type = {.kind = WEIR_FLOAT}, .floats = floats};
    struct text text = TEXT_INIT;
    json_write_value(&text, &column, 0);
    json_write_value(&text, &column, 1);
    assert_string_equal(text.data, "nullnull");
    text_done(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(json_strings),
        cmocka_unit_test(every_byte_in_every_place_of_a_word),
        cmocka_unit_test(what_json_writes_is_utf8),
        cmocka_unit_test(values_of_every_kind),
        cmocka_unit_test(csv_quotes_where_needed),
        cmocka_unit_test(json_has_no_infinity),
    };
    return cmocka_run_group_tests_name("write", tests, NULL, NULL);
}
