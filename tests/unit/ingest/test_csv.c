/* SPDX-License-Identifier: Apache-2.0 */
/* test_csv.c: declared columns of CSV records, the names of a header, and the words for types. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <fcntl.h>
#include <unistd.h>

#include "tests/unit/ingest/rig.h"

#include "base/check.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/value.h"
#include "ingest/file.h"

static const char *const columns[] = {"id", "name", "amount", "at"};
static const struct decode_options named = {
    .format = DECODE_CSV, .csv_columns = columns, .csv_column_count = COUNT_OF(columns)};
static const struct decode_options ordered = {.format = DECODE_CSV};
static const struct decode_options semicolons = {.format = DECODE_CSV, .csv_delimiter = ';'};

static const struct {
    const struct decode_options *options;
    const char *fields;
    const char *record;
    const char *line;
} cases[] = {
    /* Columns by name, in any order, not all of them. */
    {&named, "amount decimal(2); id int", "7,x,12.5,", "12.50 7"},
    {&named, "n=name string; name string", "7,x,,", "\"x\" \"x\""},
    {&named, "at timestamp(ms)?", "7,x,1,1700000000123", "\"2023-11-14T22:13:20.123Z\""},
    {&named, "at timestamp(rfc3339)?", "7,x,1,2026-11-21T10:00:00Z", "\"2026-11-21T10:00:00Z\""},
    /* Columns in the order of the fields. */
    {&ordered, "a int; b string", "1,x", "1 \"x\""},
    {&ordered, "a int; b string", "1,x\n", "1 \"x\""},
    {&ordered, "a int; b string", "1,x\r\n", "1 \"x\""},
    {&ordered, "a int; b string", "1,x\r", "1 \"x\""},
    {&ordered, "a string; b string", " x , y ", "\" x \" \" y \""},
    {&semicolons, "a string; b string", "x,y;z", "\"x,y\" \"z\""},
    {&ordered, "a int",
     "\xef\xbb\xbf"
     "1",
     "1"},
    /* Quotes. */
    {&ordered, "a string; b string", "\"x,y\",\"z\"", "\"x,y\" \"z\""},
    {&ordered, "a string; b string", "\"x\"\"y\",\"\"\"\"", "\"x\\\"y\" \"\\\"\""},
    {&ordered, "a string; b string", "\"x\ny\r\nz\",w\r\n", "\"x\\ny\\r\\nz\" \"w\""},
    {&ordered, "a int; b string", "\"1\",x", "1 \"x\""},
    {&ordered, "a string; b string", "\"x\"y,z", "!malformed"},
    {&ordered, "a string; b string", "\"x\" ,z", "!malformed"},
    {&ordered, "a string; b string", "x,\"y", "!malformed"},
    {&ordered, "a string; b string", "x,\"y\"\"", "!malformed"},
    {&ordered, "a string; b string", "x\"y,z", "!malformed"},
    {&ordered, "a string; b string", "x\ny,z", "!malformed"},
    {&ordered, "a string; b string", "x\ry,z", "!malformed"},
    /* Empty is null, empty in quotes is not. */
    {&ordered, "a string?; b string?", ",\"\"", "null \"\""},
    {&ordered, "a string; b string?", ",x", "!missing_field"},
    {&ordered, "a int?; b float?; c bool?; d timestamp(s)?; e json?", ",,,,",
     "null null null null null"},
    {&ordered, "a int?; b int?", "\"\",1", "!wrong_type"},
    /* The shape. */
    {&ordered, "a string?; b string?", "x", "!malformed"},
    {&ordered, "a string?; b string?", "x,y,z", "!malformed"},
    {&ordered, "a string?; b string?", "x,y,", "!malformed"},
    {&ordered, "a int; b int", "x,1,1", "!malformed"},
    {&named, "id int", "7", "!malformed"},
    {&ordered, "a string?", "", "!empty"},
    {&ordered, "a string?", "\n", "null"},
    /* Types. */
    {&ordered, "a int", "12x", "!wrong_type"},
    {&ordered, "a int", " 12", "!wrong_type"},
    {&ordered, "a int", "1.5", "!wrong_type"},
    {&ordered, "a int", "-9223372036854775808", "-9223372036854775808"},
    {&ordered, "a int", "9223372036854775808", "!out_of_range"},
    {&ordered, "a float", "1e400", "!out_of_range"},
    {&ordered, "a float", "1e3", "1000.0"},
    {&ordered, "a float", "nan", "!wrong_type"},
    {&ordered, "a decimal(2)", "1.234", "!out_of_range"},
    {&ordered, "a bool; b bool", "true,0", "true false"},
    {&ordered, "a bool", "yes", "!wrong_type"},
    {&ordered, "a bytes", "x", "\"eA==\""},
    {&ordered, "a json", "\"{\"\"b\"\": [1]}\"", "{\"b\": [1]}"},
    {&ordered, "a json", "\"{\"\"b\"\": [1}\"", "!wrong_type"},
    {&ordered, "a array(int); b array(string)", "[1],\"[\"\"x\"\",\"\"y\"\"]\"",
     "[1] [\"x\",\"y\"]"},
    {&ordered, "a array(int)", "[1.5]", "!wrong_type"},
    {&ordered, "a timestamp('%d.%m.%Y')", "21.11.2026", "\"2026-11-21T00:00:00Z\""},
    /* Bytes. */
    {&ordered, "a string", "\xff", "!bad_utf8"},
    {&ordered, "a int; b string", "1,\"\xc3\"", "!bad_utf8"},
};

static void test_cases(void **state)
{
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rig rig;
        rig_init(&rig, cases[i].options, cases[i].fields);
        const char *line = rig_one(&rig, cases[i].record, strlen(cases[i].record));
        if (strcmp(line, cases[i].line) != 0)
            fail_msg("%s with %s: expected %s, came to %s (%s)", cases[i].record, cases[i].fields,
                     cases[i].line, line, rig_reject_text(&rig, 0));
        rig_done(&rig);
    }
}

static void test_nul(void **state)
{
    struct rig rig;
    rig_init(&rig, &ordered, "a string; b string");
    assert_string_equal(rig_one(&rig, "x\0y,z", 5), "!malformed");
    assert_string_equal(rig_one(&rig, "\"x\0y\",z", 7), "!malformed");
    assert_string_equal(rig_one(&rig, "x,z\0", 4), "!malformed");
    rig_done(&rig);
}

static void test_texts(void **state)
{
    static const struct {
        const char *record, *words;
    } texts[] = {
        {"1,2,3", "the record has 3 columns, expected 2"},
        {"1", "the record has 1 columns, expected 2"},
        {"x,2", "`a`: expected int, found the text \"x\""},
        {",2", "`a`: is missing or null, and its type has no `?`"},
        {"1,\"2", "column 2: a quote is never closed"},
    };
    struct rig rig;
    rig_init(&rig, &ordered, "a int; b int");
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        rig_one(&rig, texts[i].record, strlen(texts[i].record));
        assert_string_equal(rig_reject_text(&rig, 0), texts[i].words);
    }
    rig_done(&rig);
}

static void test_refused(void **state)
{
    struct weir_error error;
    assert_int_equal(rig_try(&named, "nam string", &error), WEIR_E_INVALID);
    assert_string_equal(error.text, "field `nam`: there is no column `nam`; did you mean `name`?; "
                                    "the columns are: id, name, amount, at");
    assert_int_equal(rig_try(&ordered, "x=a.b string", &error), WEIR_E_INVALID);
    assert_non_null(strstr(error.text, "no dotted paths"));
    struct decode_options quote = {.format = DECODE_CSV, .csv_delimiter = '"'};
    assert_int_equal(rig_try(&quote, "a string", &error), WEIR_E_INVALID);
}

/* What csv_write_value writes is read back, whatever the texts hold. */
static void test_round_trip(void **state)
{
    uint64_t random = rig_seed("csv_round_trip");
    static const char bytes[] = "ab,\"\n\r;\t x\xc3\xa9";
    struct rig rig;
    struct decode_options options = {.format = DECODE_CSV};
    for (int round = 0; round < 5000; round++) {
        options.csv_delimiter = ',';
        rig_init(&rig, &options, "a string?; b string?; c string?");
        struct text record = TEXT_INIT, expected = TEXT_INIT;
        for (int i = 0; i < 3; i++) {
            struct text value = TEXT_INIT;
            for (uint32_t n = rig_below(&random, 8); n > 0; n--) {
                uint32_t at = rig_below(&random, sizeof(bytes) - 2);
                text_add_bytes(&value, bytes + at, at == sizeof(bytes) - 3 ? 2 : 1);
            }
            text_add(&value, "");
            if (i > 0)
                text_add_char(&record, ',');
            csv_write_string(&record, value.data, value.length);
            text_add(&expected, i ? " " : "");
            json_write_string(&expected, value.data, value.length);
            text_done(&value);
        }
        text_add(&record, "\r\n");
        assert_string_equal(rig_one(&rig, record.data, record.length), expected.data);
        text_done(&record);
        text_done(&expected);
        rig_done(&rig);
    }
}

static void test_header(void **state)
{
    static const struct {
        const char *text, *names; /* NULL: refused with `error` */
        const char *error;
    } headers[] = {
        {"id,name\n1,2\n", "id|name", NULL},
        {"\xef\xbb\xbfid,\"na\"\"me\"\r\n", "id|na\"me", NULL},
        {"id", "id", NULL},
        {"\n\nid,x\n", "id|x", NULL},
        {"\"a\nb\",c\n", "a\nb|c", NULL},
        {"id,\n", "id|", NULL},
        {"", NULL, "is empty"},
        {"id,id\n", NULL, "`id` twice"},
        {"\"id\n", NULL, "not closed"},
        {"i\xff\n", NULL, "not text in UTF-8"},
    };
    char path[] = "/tmp/weir-header-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (size_t i = 0; i < COUNT_OF(headers); i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_int_equal(pwrite(fd, headers[i].text, strlen(headers[i].text), 0),
                         (ssize_t)strlen(headers[i].text));
        char **names = NULL;
        uint32_t count = 0;
        struct weir_error error;
        int status = file_csv_header(path, 0, &names, &count, &error);
        assert_int_equal(status, headers[i].names ? 0 : WEIR_E_INVALID);
        if (!headers[i].names) {
            assert_non_null(strstr(error.text, headers[i].error));
            continue;
        }
        struct text joined = TEXT_INIT;
        for (uint32_t n = 0; n < count; n++) {
            text_addf(&joined, "%s%s", n ? "|" : "", names[n]);
            free(names[n]);
        }
        free(names);
        assert_string_equal(joined.data, headers[i].names);
        text_done(&joined);
    }
    close(fd);
    unlink(path);
    struct weir_error error;
    char **names;
    uint32_t count;
    assert_int_equal(file_csv_header("/nonexistent/x.csv", ',', &names, &count, &error), WEIR_E_IO);
    assert_non_null(strstr(error.text, "/nonexistent/x.csv"));
    assert_int_equal(file_csv_header("/tmp", ',', &names, &count, &error), WEIR_E_INVALID);
    assert_non_null(strstr(error.text, "not a regular file"));
}

static void test_type_words(void **state)
{
    static const struct {
        const char *text;
        struct weir_type type;
        enum decode_time time;
        int64_t unit_ns;
        const char *format;
    } good[] = {
        {"int", {WEIR_INT, 0, 0, 0}, 0, 0, NULL},
        {"string?", {WEIR_STRING, 0, 0, 1}, 0, 0, NULL},
        {"decimal(4)?", {WEIR_DECIMAL, 4, 0, 1}, 0, 0, NULL},
        {"array(int)", {WEIR_ARRAY, 0, WEIR_INT, 0}, 0, 0, NULL},
        {"timestamp(s)", {WEIR_TIMESTAMP, 0, 0, 0}, DECODE_TIME_UNIT, 1000000000, NULL},
        {"timestamp(ms)?", {WEIR_TIMESTAMP, 0, 0, 1}, DECODE_TIME_UNIT, 1000000, NULL},
        {"timestamp(us)", {WEIR_TIMESTAMP, 0, 0, 0}, DECODE_TIME_UNIT, 1000, NULL},
        {"timestamp(ns)", {WEIR_TIMESTAMP, 0, 0, 0}, DECODE_TIME_UNIT, 1, NULL},
        {"timestamp(rfc3339)?", {WEIR_TIMESTAMP, 0, 0, 1}, DECODE_TIME_RFC3339, 0, NULL},
        {"timestamp('%d/%m (%Y)')?",
         {WEIR_TIMESTAMP, 0, 0, 1},
         DECODE_TIME_FORMAT,
         0,
         "%d/%m (%Y)"},
    };
    static const struct {
        const char *text, *error;
    } bad[] = {
        {"timestamp", "says how it is written"},
        {"timestamp?", "says how it is written"},
        {"timestamp(m)", "timestamp(m) is not known"},
        {"timestamp(rfc339)", "did you mean timestamp(rfc3339)?"},
        {"timestamp(ms", "no closing parenthesis"},
        {"timestamp()", "is not known"},
        {"timestamp('x')", "no % conversion"},
        {"timestamps", "did you mean `timestamp`?"},
        {"integer", "unknown type"},
        {"", "unknown type"},
        {"?", "unknown type"},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct decode_field field = {0};
        struct weir_error error;
        assert_int_equal(decode_field_type_read(good[i].text, &field, &error), 0);
        assert_memory_equal(&field.type, &good[i].type, sizeof(field.type));
        assert_int_equal(field.time, good[i].time);
        assert_int_equal(field.time_unit_ns, good[i].unit_ns);
        if (good[i].format)
            assert_string_equal(field.time_format, good[i].format);
        free((char *)field.time_format);
    }
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct decode_field field = {0};
        struct weir_error error;
        assert_int_equal(decode_field_type_read(bad[i].text, &field, &error), WEIR_E_INVALID);
        if (!strstr(error.text, bad[i].error))
            fail_msg("%s: %s", bad[i].text, error.text);
    }
    for (const struct decode_type *type = decode_types; type->name; type++)
        assert_true(strlen(type->summary) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),      cmocka_unit_test(test_nul),
        cmocka_unit_test(test_texts),      cmocka_unit_test(test_refused),
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_header),
        cmocka_unit_test(test_type_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
