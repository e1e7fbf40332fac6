/* SPDX-License-Identifier: Apache-2.0 */
/* test_json.c: declared fields of JSON: every type, every reason, and nothing of the neighbours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/ingest/rig.h"

#include "base/check.h"
#include "base/memory.h"

struct row_case {
    const char *fields;
    const char *record;
    const char *line;
};

static const struct row_case type_cases[] = {
    {"a bool", "{\"a\":true}", "true"},
    {"a bool", "{\"a\": false }", "false"},
    {"a bool", "{\"a\":1}", "!wrong_type"},
    {"a bool", "{\"a\":tru}", "!malformed"},
    {"a bool", "{\"a\":truee}", "!malformed"},
    {"a bool coerce", "{\"a\":\"true\"}", "true"},
    {"a bool coerce", "{\"a\":\"0\"}", "false"},
    {"a bool coerce", "{\"a\":\"yes\"}", "!wrong_type"},

    {"a int", "{\"a\":0}", "0"},
    {"a int", "{\"a\":-0}", "0"},
    {"a int", "{\"a\":7}", "7"},
    {"a int", "{\"a\":12345678}", "12345678"},
    {"a int", "{\"a\":123456789}", "123456789"},
    {"a int", "{\"a\":-1234567890123456}", "-1234567890123456"},
    {"a int", "{\"a\":12345678901234567}", "12345678901234567"},
    {"a int", "{\"a\":9007199254740993}", "9007199254740993"},
    {"a int", "{\"a\":999999999999999999}", "999999999999999999"},
    {"a int", "{\"a\":9223372036854775807}", "9223372036854775807"},
    {"a int", "{\"a\":-9223372036854775808}", "-9223372036854775808"},
    {"a int", "{\"a\":9223372036854775808}", "!out_of_range"},
    {"a int", "{\"a\":-9223372036854775809}", "!out_of_range"},
    {"a int", "{\"a\":1e30}", "!out_of_range"},
    {"a int", "{\"a\":99999999999999999999999999}", "!out_of_range"},
    {"a int", "{\"a\":5.0}", "5"},
    {"a int", "{\"a\":1e3}", "1000"},
    {"a int", "{\"a\":1.5}", "!wrong_type"},
    {"a int", "{\"a\":\"5\"}", "!wrong_type"},
    {"a int", "{\"a\":true}", "!wrong_type"},
    {"a int", "{\"a\":[]}", "!wrong_type"},
    {"a int", "{\"a\":{}}", "!wrong_type"},
    {"a int", "{\"a\":007}", "!malformed"},
    {"a int", "{\"a\":-01}", "!malformed"},
    {"a int", "{\"a\":+1}", "!malformed"},
    {"a int", "{\"a\":-}", "!malformed"},
    {"a int", "{\"a\":1.}", "!malformed"},
    {"a int", "{\"a\":.5}", "!malformed"},
    {"a int", "{\"a\":1x}", "!malformed"},
    {"a int", "{\"a\":0x10}", "!malformed"},
    {"a int", "{\"a\":NaN}", "!malformed"},
    {"a int", "{\"a\":1\"\"}", "!malformed"},
    {"a int coerce", "{\"a\":\"-42\"}", "-42"},
    {"a int coerce", "{\"a\":42}", "42"},
    {"a int coerce", "{\"a\":\"\"}", "!wrong_type"},
    {"a int coerce", "{\"a\":\"4 2\"}", "!wrong_type"},
    {"a int coerce", "{\"a\":\"9223372036854775808\"}", "!out_of_range"},
    {"a int coerce", "{\"a\":true}", "!wrong_type"},

    {"a float", "{\"a\":0.1}", "0.1"},
    {"a float", "{\"a\":-1234.5}", "-1234.5"},
    {"a float", "{\"a\":1}", "1.0"},
    {"a float", "{\"a\":-0.0}", "-0.0"},
    {"a float", "{\"a\":3.141592653589793}", "3.141592653589793"},
    {"a float", "{\"a\":1e308}", "1e+308"},
    {"a float", "{\"a\":1e400}", "!out_of_range"},
    {"a float", "{\"a\":-1e400}", "!out_of_range"},
    {"a float", "{\"a\":1e}", "!malformed"},
    {"a float", "{\"a\":01.5}", "!malformed"},
    {"a float", "{\"a\":\"1.5\"}", "!wrong_type"},
    {"a float", "{\"a\":Infinity}", "!malformed"},
    {"a float coerce", "{\"a\":\"1.5\"}", "1.5"},

    {"a decimal(2)", "{\"a\":12.5}", "12.50"},
    {"a decimal(2)", "{\"a\":-12.50}", "-12.50"},
    {"a decimal(2)", "{\"a\":0.01}", "0.01"},
    {"a decimal(2)", "{\"a\":-0.99}", "-0.99"},
    {"a decimal(2)", "{\"a\":12.5000}", "12.50"},
    {"a decimal(2)", "{\"a\":12.345}", "!out_of_range"},
    {"a decimal(2)", "{\"a\":1e2}", "100.00"},
    {"a decimal(2)", "{\"a\":1250e-2}", "12.50"},
    {"a decimal(2)", "{\"a\":92233720368547758.07}", "92233720368547758.07"},
    {"a decimal(2)", "{\"a\":92233720368547758.08}", "!out_of_range"},
    {"a decimal(18)", "{\"a\":0.123456789012345678}", "0.123456789012345678"},
    {"a decimal(18)", "{\"a\":9}", "9.000000000000000000"},
    {"a decimal(18)", "{\"a\":10}", "!out_of_range"},
    {"a decimal(18)", "{\"a\":1.5}", "1.500000000000000000"},
    {"a decimal(0)", "{\"a\":7}", "7"},
    {"a decimal(0)", "{\"a\":7.5}", "!out_of_range"},
    {"a decimal(2)", "{\"a\":\"12.5\"}", "!wrong_type"},
    {"a decimal(2)", "{\"a\":00.5}", "!malformed"},
    {"a decimal(2)", "{\"a\":1.2.3}", "!malformed"},
    {"a decimal(2)", "{\"a\":1..2}", "!malformed"},
    {"a decimal(2) coerce", "{\"a\":\"12.5\"}", "12.50"},

    {"a string", "{\"a\":\"\"}", "\"\""},
    {"a string", "{\"a\":\"x\"}", "\"x\""},
    {"a string", "{\"a\" : \"x\" }", "\"x\""},
    {"a string", "{\"a\":\"\\u00e9\\n\\\"\\\\\\/\\b\\f\\r\\t\"}",
     "\"\xc3\xa9\\n\\\"\\\\/\\b\\f\\r\\t\""},
    {"a string", "{\"a\":\"\\ud83d\\ude00!\"}", "\"\xf0\x9f\x98\x80!\""},
    {"a string", "{\"a\":\"\\u0000\"}", "\"\\u0000\""},
    {"a string", "{\"a\":\"\\ud83d\"}", "!bad_utf8"},
    {"a string", "{\"a\":\"\\ude00\"}", "!bad_utf8"},
    {"a string", "{\"a\":\"\\ud83d\\n\"}", "!bad_utf8"},
    {"a string", "{\"a\":\"\\ud83d\\u0041\"}", "!bad_utf8"},
    {"a string", "{\"a\":\"\\u12g4\"}", "!malformed"},
    {"a string", "{\"a\":\"\\u12\"}", "!malformed"},
    {"a string", "{\"a\":\"\\x41\"}", "!malformed"},
    {"a string", "{\"a\":\"\xf0\x9f\x98\x80\"}", "\"\xf0\x9f\x98\x80\""},
    {"a string", "{\"a\":5}", "!wrong_type"},
    {"a string coerce", "{\"a\":5.50}", "\"5.50\""},
    {"a string coerce", "{\"a\":true}", "\"true\""},
    {"a string coerce", "{\"a\":tru}", "!malformed"},
    {"a string coerce", "{\"a\":{}}", "!wrong_type"},
    {"a string", "{\"a\":\"x\"y}", "!malformed"},
    {"a bytes", "{\"a\":\"x\\u0001\"}", "\"eAE=\""},
    {"a bytes", "{\"a\":1}", "!wrong_type"},

    {"a timestamp(s)", "{\"a\":1}", "\"1970-01-01T00:00:01Z\""},
    {"a timestamp(s)", "{\"a\":-1}", "\"1969-12-31T23:59:59Z\""},
    {"a timestamp(s)", "{\"a\":1.5}", "\"1970-01-01T00:00:01.500Z\""},
    {"a timestamp(s)", "{\"a\":\"1700000000\"}", "\"2023-11-14T22:13:20Z\""},
    {"a timestamp(s)", "{\"a\":\"-1\"}", "\"1969-12-31T23:59:59Z\""},
    {"a timestamp(s)", "{\"a\":9223372036}", "\"2262-04-11T23:47:16Z\""},
    {"a timestamp(s)", "{\"a\":9223372037}", "!out_of_range"},
    {"a timestamp(s)", "{\"a\":\"9223372037\"}", "!out_of_range"},
    {"a timestamp(s)", "{\"a\":01}", "!malformed"},
    {"a timestamp(s)", "{\"a\":-01}", "!malformed"},
    {"a timestamp(s)", "{\"a\":\"x\"}", "!wrong_type"},
    {"a timestamp(s)", "{\"a\":\"\"}", "!wrong_type"},
    {"a timestamp(s)", "{\"a\":true}", "!wrong_type"},
    {"a timestamp(ms)", "{\"a\":1700000000123}", "\"2023-11-14T22:13:20.123Z\""},
    {"a timestamp(ms)", "{\"a\":\"1700000000123\"}", "\"2023-11-14T22:13:20.123Z\""},
    {"a timestamp(ms)", "{\"a\":\"170000000012\\u0033\"}", "\"2023-11-14T22:13:20.123Z\""},
    {"a timestamp(us)", "{\"a\":1700000000123456}", "\"2023-11-14T22:13:20.123456Z\""},
    {"a timestamp(ns)", "{\"a\":1700000000123456789}", "\"2023-11-14T22:13:20.123456789Z\""},
    {"a timestamp(ns)", "{\"a\":1.5}", "!out_of_range"},
    {"a timestamp(rfc3339)", "{\"a\":\"2026-11-21T10:00:00+01:00\"}", "\"2026-11-21T09:00:00Z\""},
    {"a timestamp(rfc3339)", "{\"a\":\"2026-13-21T10:00:00Z\"}", "!wrong_type"},
    {"a timestamp(rfc3339)", "{\"a\":1700000000}", "!wrong_type"},
    {"a timestamp('%d/%m/%Y')", "{\"a\":\"21/11/2026\"}", "\"2026-11-21T00:00:00Z\""},
    {"a timestamp('%d/%m/%Y')", "{\"a\":\"21/11/26x\"}", "!wrong_type"},

    {"a json", "{\"a\":{\"b\":[1, 2]} }", "{\"b\":[1, 2]}"},
    {"a json", "{\"a\": 12 }", "12"},
    {"a json", "{\"a\":\"x\\ny\"}", "\"x\\ny\""},
    {"a json", "{\"a\":[]}", "[]"},
    {"a json", "{\"a\":[1,]}", "!malformed"},
    {"a json", "{\"a\":{\"b\" 1}}", "!malformed"},
    {"a json", "{\"a\":{\"b\":1,}}", "!malformed"},
    {"a json", "{\"a\":[1 2]}", "!malformed"},
    {"a json", "{\"a\":[1}}", "!malformed"},
    {"a json", "{\"a\":[\"\\x\"]}", "!malformed"},
    {"a json", "{\"a\":null}", "!missing_field"},
    {"a json?", "{\"a\":null}", "null"},
    {"a json coerce", "{\"a\":\"[1]\"}", "[1]"},
    {"a json coerce", "{\"a\":\"[1\"}", "!wrong_type"},

    {"a array(int)", "{\"a\":[1, 2,3]}", "[1, 2,3]"},
    {"a array(int)", "{\"a\":[ ]}", "[ ]"},
    {"a array(int)", "{\"a\":[1,\"2\"]}", "!wrong_type"},
    {"a array(int)", "{\"a\":[1,null]}", "!wrong_type"},
    {"a array(int)", "{\"a\":[1,[2]]}", "!wrong_type"},
    {"a array(int)", "{\"a\":[9223372036854775808]}", "!out_of_range"},
    {"a array(int)", "{\"a\":{\"b\":1}}", "!wrong_type"},
    {"a array(int)", "{\"a\":5}", "!wrong_type"},
    {"a array(string)", "{\"a\":[\"x\",\"y\"]}", "[\"x\",\"y\"]"},
    {"a array(string)", "{\"a\":[\"x\",1]}", "!wrong_type"},
    {"a array(bool)", "{\"a\":[true,false]}", "[true,false]"},
    {"a array(float)", "{\"a\":[1,1.5e3]}", "[1,1.5e3]"},
    {"a array(float)", "{\"a\":[1e999]}", "!out_of_range"},
    {"a array(decimal(2))", "{\"a\":[1.25]}", "[1.25]"},
    {"a array(decimal(2))", "{\"a\":[1.255]}", "!out_of_range"},
    {"a array(json)", "{\"a\":[1,{\"b\":[]},null]}", "[1,{\"b\":[]},null]"},
    {"a array(int) coerce", "{\"a\":\"[1,2]\"}", "[1,2]"},
};

static const struct row_case shape_cases[] = {
    /* Missing and null. */
    {"a int", "{}", "!missing_field"},
    {"a int", "{\"b\":1}", "!missing_field"},
    {"a int", "{\"a\":null}", "!missing_field"},
    {"a int", "{\"a\":nul}", "!malformed"},
    {"a int?", "{}", "null"},
    {"a int?", "{\"a\":null}", "null"},
    {"a int?", "{\"a\":\"x\"}", "!wrong_type"},
    {"a string?; b bool?; c float?; d decimal(1)?; e timestamp(s)?; f json?", "{}",
     "null null null null null null"},
    /* Paths. */
    {"c=u.a.c string; n=u.n int", "{\"u\":{\"a\":{\"c\":\"x\"},\"n\":2}}", "\"x\" 2"},
    {"c=u.a.c string; n=u.n int", "{\"u\":{\"n\":2,\"a\":{\"d\":0,\"c\":\"x\",\"e\":[1]}}}",
     "\"x\" 2"},
    {"c=u.a.c string?; n=u.n int?", "{\"u\":{\"n\":2}}", "null 2"},
    {"c=u.a.c string?; n=u.n int?", "{\"u\":null}", "null null"},
    {"c=u.a.c string?; n=u.n int?", "{\"u\":{}}", "null null"},
    {"c=u.a.c string; n=u.n int", "{\"u\":{\"n\":2}}", "!missing_field"},
    {"c=u.a.c string?", "{\"u\":5}", "!wrong_type"},
    {"c=u.a.c string?", "{\"u\":[{\"a\":1}]}", "!wrong_type"},
    {"u json; n=u.n int", "{\"u\":{\"n\":2}}", "{\"n\":2} 2"},
    {"u json; n=u.n int?", "{\"u\":[3]}", "!wrong_type"},
    {"x=t int; y=t timestamp(s); z=t float", "{\"t\":1}", "1 \"1970-01-01T00:00:01Z\" 1.0"},
    {"a.b int", "{\"a\":{\"b\":1,\"b\":\"x\"},\"a\":{\"b\":2}}", "1"},
    /* Duplicates: the first counts. */
    {"a int", "{\"a\":1,\"a\":2}", "1"},
    {"a int; b int", "{\"a\":1,\"a\":\"x\",\"b\":2}", "1 2"},
    /* Order, spaces, what is skipped. */
    {"a int; b int", "{\"b\":2,\"a\":1}", "1 2"},
    {"a int", " \t\r\n{ \"x\" : { \"a\" : 9 } , \"a\" \n:\t1 , \"y\":[{}] } \n", "1"},
    {"a int", "{\"x\":\"a\\\"\",\"a\":1}", "1"},
    {"a int", "{\"x\":\"\\\\\",\"a\":1}", "1"},
    {"a int", "{\"\":0,\"a\":1}", "1"},
    {"a int", "{\"x\":[[],[{}],{\"y\":[]}],\"a\":1}", "1"},
    {"a int", "{\"\\u0061\":1}", "1"},
    {"a int", "{\"\\x\":0,\"a\":1}", "1"},
    {"\xc3\xa9 int", "{\"\\u00e9\":1}", "1"},
    {"\xc3\xa9 int", "{\"\xc3\xa9\":1}", "1"},
    {"a int", "{\"aa\":3,\"a\":1}", "1"},
    {"temperature_outside_1 int; temperature_inside__1 int",
     "{\"temperature_in\":0,\"temperature_inside__1\":4,\"temperature_outside_1\":5}", "5 4"},
    {"a int", "\xef\xbb\xbf{\"a\":1}", "1"},
    /* Not JSON, or not an object. */
    {"a int", "", "!empty"},
    {"a int", "   ", "!malformed"},
    {"a int", "[1]", "!malformed"},
    {"a int", "5", "!malformed"},
    {"a int", "\"a\"", "!malformed"},
    {"a int", "null", "!malformed"},
    {"a int", "hello", "!malformed"},
    {"a int", "{", "!malformed"},
    {"a int", "}", "!malformed"},
    {"a int", "{\"a\"", "!malformed"},
    {"a int", "{\"a\":", "!malformed"},
    {"a int", "{\"a\":1", "!malformed"},
    {"a int", "{\"a\":1,", "!malformed"},
    {"a int", "{\"a\":1,\"b\":[", "!malformed"},
    {"a int", "{\"a\":1,\"b\":\"", "!malformed"},
    {"a int", "{\"a\":1,\"b\":\"\\\"}", "!malformed"},
    {"a int", "{\"b\":[1,2,\"a\":1}", "!malformed"},
    {"a int", "{\"a\" 1}", "!malformed"},
    {"a int", "{\"a\",1}", "!malformed"},
    {"a int", "{a:1}", "!malformed"},
    {"a int", "{'a':1}", "!malformed"},
    {"a int", "{1:1}", "!malformed"},
    {"a int", "{,\"a\":1}", "!malformed"},
    {"a int; b int?", "{\"a\":1,}", "!malformed"},
    {"a int; b int", "{\"a\":1 \"b\":2}", "!malformed"},
    {"a int; b int", "{\"a\":1;\"b\":2}", "!malformed"},
    {"a int", "{\"a\":}", "!malformed"},
    {"a int", "{\"a\":,\"b\":1}", "!malformed"},
    /* Behind the object. */
    {"a int", "{\"a\":1}}", "!malformed"},
    {"a int", "{\"a\":1}{\"a\":2}", "!malformed"},
    {"a int", "{\"a\":1},{\"a\":2}", "!malformed"},
    {"a int", "{\"a\":1} x", "!malformed"},
    {"a int", "{\"a\":1,\"b\":2}{\"c\":3}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":2},{\"c\":3}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":2}]", "!malformed"},
    {"a int?", "{}{}", "!malformed"},
    {"a int?", "{}", "null"},
    /* Not UTF-8. */
    {"a int", "{\"a\":1,\"b\":\"\xff\"}", "!bad_utf8"},
    {"a int", "{\"a\":1,\"b\":\"\xc0\xaf\"}", "!bad_utf8"},
    {"a int", "{\"a\":1,\"b\":\"\xed\xa0\x80\"}", "!bad_utf8"},
    {"a int", "{\"a\":1,\"b\":\"\xf4\x90\x80\x80\"}", "!bad_utf8"},
    {"a int", "{\"a\":1} \xe2\x82", "!bad_utf8"},
    {"a int", "{\"a\":1,\"b\":\"\xff", "!bad_utf8"},
    {"a int", "\xff", "!bad_utf8"},
    /* Control characters inside strings. */
    {"a int", "{\"a\":1,\"b\":\"\x01\"}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":\"\n\"}", "!malformed"},
    /* What `validate: fields` does not look at. */
    {"a int", "{\"a\":1,\"b\":tru}", "1"},
    {"a int", "{\"a\":1,\"b\" 2}", "1"},
    {"a int", "{\"b\":\"\\x\",\"a\":1}", "1"},
};

static const struct row_case full_cases[] = {
    {"a int", "{\"a\":1,\"b\":true,\"c\":[1,{\"d\":null}],\"e\":-1.5e+3,\"f\":\"\\u00e9\"}", "1"},
    {"a int", "{\"a\":1,\"b\":tru}", "!malformed"},
    {"a int", "{\"a\":1,\"b\" 2}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":01}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":\"\\x\"}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":\"\\ud800\"}", "!bad_utf8"},
    {"a int", "{\"a\":1,\"b\":[1,]}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":[}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":[}]}", "!malformed"},
    {"a int", "{\"a\":1,\"b\":{]}}", "!malformed"},
    {"a int", "{\"a\":1,}", "!malformed"},
    {"a int", "{\"a\":1", "!malformed"},
    {"a int", "{\"a\":1,", "!malformed"},
    {"a int", "{\"a\":1,\"b\"", "!malformed"},
    {"a int", "{\"a\":1,\"b\":", "!malformed"},
    {"a int", "{\"a\":1}}", "!malformed"},
    {"a int", "{\"a\":1}{}", "!malformed"},
    {"a int", "[1]", "!malformed"},
    {"a int", "{\"a\":1,\"a\":1}", "!duplicate_key"},
    {"a int", "{\"a\":1,\"\\u0061\":1}", "!duplicate_key"},
    {"a int", "{\"a\":1,\"b\":{\"x\":1,\"y\":2,\"x\":3}}", "!duplicate_key"},
    {"a int", "{\"a\":1,\"b\":{\"a\":1},\"c\":{\"a\":1}}", "1"},
    {"a int", "{\"a\":1,\"b\":[{\"a\":1},{\"a\":1}]}", "1"},
    {"a int", "{\"a\":1,\"\":1,\"\":2}", "!duplicate_key"},
};

/* The same record between others must come to the same: what follows it in memory is not read. */
static void check_cases(const struct row_case *cases, size_t count, bool full)
{
    static const char *const neighbours[] = {"{\"a\":77}", "}}}}]]]]\"\"\"\"", "\\\\\\\\\\\\\\\\",
                                             "999999999999999999", "\xff\xff\xff\xff"};
    for (size_t i = 0; i < count; i++) {
        const struct row_case *c = &cases[i];
        struct decode_options options = {.format = DECODE_JSON, .json_validate_full = full};
        struct rig rig;
        rig_init(&rig, &options, c->fields);
        const char *line = rig_one(&rig, c->record, strlen(c->record));
        if (strcmp(line, c->line) != 0)
            fail_msg("%s with %s: expected %s, came to %s (%s)", c->record, c->fields, c->line,
                     line, rig_reject_text(&rig, 0));
        rig_begin(&rig);
        for (size_t n = 0; n < COUNT_OF(neighbours); n++) {
            rig_add(&rig, c->record, strlen(c->record));
            rig_add(&rig, neighbours[n], strlen(neighbours[n]));
        }
        rig_run(&rig);
        for (uint32_t n = 0; n < COUNT_OF(neighbours); n++)
            assert_string_equal(rig_line(&rig, 2 * n), c->line);
        rig_done(&rig);
    }
}

static void test_types(void **state)
{
    check_cases(type_cases, COUNT_OF(type_cases), false);
}

static void test_shapes(void **state)
{
    check_cases(shape_cases, COUNT_OF(shape_cases), false);
}

static void test_validate_full(void **state)
{
    check_cases(full_cases, COUNT_OF(full_cases), true);
    check_cases(type_cases, COUNT_OF(type_cases), true);
}

/* NUL bytes anywhere: malformed, but as an escape. */
static void test_nul(void **state)
{
    static const char record[] = "{\"b\": 1 ,\"c\":\"x\",\"a\":1}";
    size_t length = sizeof(record) - 1;
    struct rig rig;
    rig_json(&rig, "a int");
    for (size_t at = 0; at <= length; at++) {
        char broken[sizeof(record)];
        memcpy(broken, record, at);
        broken[at] = 0;
        memcpy(broken + at + 1, record + at, length - at);
        assert_string_equal(rig_one(&rig, broken, length + 1), "!malformed");
    }
    rig_done(&rig);
}

static void test_texts(void **state)
{
    static const struct {
        const char *fields, *record, *words;
    } cases[] = {
        {"amount decimal(2)", "{\"amount\":\"12,5\"}",
         "`amount`: expected decimal(2), found the text \"12,5\""},
        {"c=user.city string", "{\"user\":{\"city\":17}}",
         "`user.city`: expected string, found 17"},
        {"c=user.city string", "{\"user\":{}}",
         "`user.city`: is missing or null, and its type has no `?`"},
        {"c=user.city string", "{\"user\":\"x\"}", "`user.city`: `user` is not an object"},
        {"a int", "{\"a\":{\"b\":1}}", "`a`: expected int, found an object"},
        {"a int", "{\"a\":[1]}", "`a`: expected int, found an array"},
        {"a int", "{\"a\":true}", "`a`: expected int, found true"},
        {"a int", "{\"a\":9223372036854775808}", "`a`: expected int, found 9223372036854775808"},
        {"a timestamp(ms)", "{\"a\":\"soon\"}",
         "`a`: expected a time in ms, found the text \"soon\""},
        {"a array(int)", "{\"a\":[1,\"x\"]}",
         "`a[1]`: expected an element of array(int), found \"x\""},
        {"a string", "{\"a\":\"\\ud800\"}", "`a`: an escape is half of a surrogate pair"},
        {"a int", "{\"a\":1} x", "byte 8: something follows the object"},
        {"a int", "{\"a\":1;}", "byte 5: `1;` is not a value of JSON"},
        {"a int", "[]", "byte 0: a record is an object in braces, this one is an array"},
        {"a int", "{\"b\":1 2}", "byte 7: a comma or } was expected"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_json(&rig, cases[i].fields);
        rig_one(&rig, cases[i].record, strlen(cases[i].record));
        assert_non_null(rig_reject_text(&rig, 0));
        assert_string_equal(rig_reject_text(&rig, 0), cases[i].words);
        rig_done(&rig);
    }
    /* A long value is quoted in part, and never in the middle of a character. */
    struct rig rig;
    rig_json(&rig, "a int");
    struct text record = TEXT_INIT;
    text_add(&record, "{\"a\":\"x");
    for (int i = 0; i < 1000; i++)
        text_add(&record, "\xc3\xa9");
    text_add(&record, "\"}");
    rig_one(&rig, record.data, record.length);
    const char *words = rig_reject_text(&rig, 0);
    assert_true(strlen(words) < 100);
    assert_true(utf8_valid(words, strlen(words)));
    assert_non_null(strstr(words, "..."));
    text_done(&record);
    rig_done(&rig);
}

/* depth containers of one kind, the record's own object included. */
static void nest(struct text *out, const char *key, uint32_t depth, bool objects)
{
    text_clear(out);
    text_addf(out, "{\"%s\":", key);
    for (uint32_t i = 1; i < depth; i++)
        text_add(out, objects && i + 1 < depth ? "{\"k\":" : "[");
    for (uint32_t i = depth; i-- > 1;)
        text_add_char(out, objects && i + 1 < depth ? '}' : ']');
    text_add(out, ",\"a\":1}");
}

static void test_depth(void **state)
{
    static const char *const keys[] = {"x", "j", "o"};
    struct text record = TEXT_INIT;
    for (int full = 0; full < 2; full++) {
        struct decode_options options = {.format = DECODE_JSON, .json_validate_full = full};
        for (size_t k = 0; k < COUNT_OF(keys); k++) {
            for (int objects = 0; objects < 2; objects++) {
                struct rig rig;
                rig_init(&rig, &options, k == 1 ? "a int; j json?" : "a int; n=o.k.z int?");
                nest(&record, keys[k], DECODE_DEPTH_MAX, objects);
                const char *line = rig_one(&rig, record.data, record.length);
                if (k < 2)
                    assert_true(line[0] == '1');
                nest(&record, keys[k], DECODE_DEPTH_MAX + 1, objects);
                line = rig_one(&rig, record.data, record.length);
                if (k < 2 || objects || full)
                    assert_string_equal(line, "!too_deep");
                nest(&record, keys[k], 100000, objects);
                line = rig_one(&rig, record.data, record.length);
                if (k < 2 || objects || full)
                    assert_string_equal(line, "!too_deep");
                else
                    assert_string_equal(line, "!wrong_type");
                /* The same without an end. */
                line = rig_one(&rig, record.data, 90000);
                assert_true(line[0] == '!');
                rig_done(&rig);
            }
        }
    }
    struct rig rig;
    rig_json(&rig, "a int");
    text_clear(&record);
    for (int i = 0; i < 100000; i++)
        text_add_char(&record, '[');
    assert_string_equal(rig_one(&rig, record.data, record.length), "!malformed");
    /* Behind the last declared field as well. */
    text_clear(&record);
    text_add(&record, "{\"a\":1,\"b\":");
    for (int i = 0; i < 600; i++)
        text_add_char(&record, '[');
    for (int i = 0; i < 600; i++)
        text_add_char(&record, ']');
    text_add(&record, "}");
    assert_string_equal(rig_one(&rig, record.data, record.length), "!too_deep");
    rig_done(&rig);
    text_done(&record);
}

static void test_sizes(void **state)
{
    struct rig rig;
    rig_json(&rig, "a int; s string");
    struct text record = TEXT_INIT;
    text_add(&record, "{\"a\":1,\"s\":\"");
    while (record.length < DECODE_RECORD_BYTES_MAX - 2)
        text_add_char(&record, 'x');
    text_add(&record, "\"}");
    assert_int_equal(record.length, DECODE_RECORD_BYTES_MAX);
    rig_begin(&rig);
    rig_add(&rig, record.data, record.length);
    rig_run(&rig);
    assert_int_equal(rig.batch->reject_count, 0);
    assert_int_equal(rig.batch->slots[1]->strs[0].length, DECODE_RECORD_BYTES_MAX - 14);
    text_add(&record, " ");
    assert_string_equal(rig_one(&rig, record.data, record.length), "!too_large");
    text_done(&record);
    assert_string_equal(rig_one(&rig, "{\"a\":1,\"s\":\"x\"}", 15), "1 \"x\"");
    rig_done(&rig);
}

/* Strings without escapes stay where they are. */
static void test_views(void **state)
{
    struct rig rig;
    rig_json(&rig, "s string; t string; j json");
    static const char record[] = "{\"s\":\"plain\",\"t\":\"a\\nb\",\"j\":[1]}";
    rig_one(&rig, record, sizeof(record) - 1);
    const char *begin = rig.batch->records[0].value.data;
    assert_ptr_equal(rig.batch->slots[0]->strs[0].data, begin + 6);
    assert_ptr_equal(rig.batch->slots[2]->strs[0].data, begin + 28);
    const char *unescaped = rig.batch->slots[1]->strs[0].data;
    assert_false(unescaped >= begin && unescaped < begin + sizeof(record));
    rig_done(&rig);
}

/* Only the bad rows are rejected, each with its reason; tombstones are not looked at. */
static void test_mixed_batch(void **state)
{
    static const struct {
        const char *record, *line;
    } kinds[] = {
        {"{\"a\":1,\"b\":\"x\"}", "1 \"x\""},
        {"{\"a\":2}", "2 null"},
        {"{\"a\":\"x\"}", "!wrong_type"},
        {"{\"b\":\"y\"}", "!missing_field"},
        {"{\"b\":\"y\",\"a\":3}", "3 \"y\""},
        {"nonsense", "!malformed"},
        {"", "!empty"},
        {"{\"a\":4,\"b\":null}", "4 null"},
        {"{\"a\":5,\"b\":\"\xff\"}", "!bad_utf8"},
        {"{\"a\":6,\"b\":\"\\u0041\"}", "6 \"A\""},
        {NULL, NULL},
    };
    uint64_t random = rig_seed("mixed_batch");
    struct rig rig;
    rig_json(&rig, "a int; b string?");
    for (int round = 0; round < 20; round++) {
        uint8_t chosen[WEIR_BATCH_ROWS_MAX];
        uint32_t rows = 1 + rig_below(&random, WEIR_BATCH_ROWS_MAX);
        uint32_t bad = 0;
        rig_begin(&rig);
        for (uint32_t row = 0; row < rows; row++) {
            chosen[row] = (uint8_t)rig_below(&random, COUNT_OF(kinds));
            const char *record = kinds[chosen[row]].record;
            struct weir_record added = {.offset = row};
            if (record)
                added.value = str_of(record);
            assert_int_equal(batch_add(rig.batch, &added), 0);
            bad += record && kinds[chosen[row]].line[0] == '!';
        }
        rig_run(&rig);
        assert_int_equal(rig.batch->reject_count, bad);
        for (uint32_t row = 0; row < rows; row++)
            if (kinds[chosen[row]].record)
                assert_string_equal(rig_line(&rig, row), kinds[chosen[row]].line);
        uint32_t selected = rig.batch->view.selected;
        assert_int_equal(batch_narrow(rig.batch), bad);
        assert_int_equal(rig.batch->view.selected, selected - bad);
    }
    rig_done(&rig);
}

/* More fields than a word has bits, and more members than places are remembered. */
static void test_many_fields(void **state)
{
    struct text fields = TEXT_INIT, record = TEXT_INIT, line = TEXT_INIT;
    text_add_char(&record, '{');
    for (int i = 0; i < 150; i++) {
        text_addf(&fields, "%sfield_number_%d %s", i ? "; " : "", i, i % 3 ? "int" : "int?");
        if (i % 3 || i % 2)
            text_addf(&record, "%s\"field_number_%d\":%d", record.length > 1 ? "," : "", i, i);
        text_addf(&record, "%s\"skipped_%d\":[]", record.length > 1 ? "," : "", i);
        if (i % 3 || i % 2)
            text_addf(&line, "%s%d", i ? " " : "", i);
        else
            text_addf(&line, "%snull", i ? " " : "");
    }
    text_add_char(&record, '}');
    struct rig rig;
    rig_json(&rig, fields.data);
    for (int i = 0; i < 3; i++)
        assert_string_equal(rig_one(&rig, record.data, record.length), line.data);
    rig_done(&rig);
    text_done(&fields);
    text_done(&record);
    text_done(&line);
}

/* A place that remembers a long key does not read beyond a short record (under AddressSanitizer).
 */
static void test_long_keys(void **state)
{
    struct rig rig;
    struct text record = TEXT_INIT;
    rig_json(&rig, "a int");
    for (uint32_t length = 1; length < 100000; length = length * 3 + 1) {
        text_clear(&record);
        text_add(&record, "{\"");
        for (uint32_t i = 0; i < length; i++)
            text_add_char(&record, 'k');
        text_add(&record, "\":0,\"a\":1}");
        assert_string_equal(rig_one(&rig, record.data, record.length), "1");
        assert_string_equal(rig_one(&rig, record.data, record.length), "1");
        assert_string_equal(rig_one(&rig, "{\"a\":2}", 7), "2");
        assert_string_equal(rig_one(&rig, "{\"\":0,\"a\":3}", 12), "3");
    }
    text_done(&record);
    rig_done(&rig);
}

static void test_no_fields(void **state)
{
    struct decode_options options = {.format = DECODE_JSON};
    struct decoder *decoder;
    struct weir_error error;
    assert_int_equal(decoder_new(&options, NULL, 0, &decoder, &error), 0);
    struct batch *batch = batch_new(1);
    batch_begin(batch, "t", 0, 0);
    struct weir_record good = {.value = str_of("{\"a\":[1,{\"b\":2}]}")};
    struct weir_record bad = {.value = str_of("{\"a\":[1,{\"b\":2}]")};
    batch_add(batch, &good);
    batch_add(batch, &bad);
    assert_int_equal(decoder_run(decoder, batch, &error), 0);
    assert_int_equal(batch->reject_count, 1);
    assert_int_equal(batch->rejects[0].row, 1);
    batch_free(batch);
    decoder_free(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),         cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_validate_full), cmocka_unit_test(test_nul),
        cmocka_unit_test(test_texts),         cmocka_unit_test(test_depth),
        cmocka_unit_test(test_sizes),         cmocka_unit_test(test_views),
        cmocka_unit_test(test_mixed_batch),   cmocka_unit_test(test_many_fields),
        cmocka_unit_test(test_no_fields),     cmocka_unit_test(test_long_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
