/* SPDX-License-Identifier: Apache-2.0 */
/* Lookups: the table against a linear search, files right and wrong, the stage. */
#include "tests/unit/test.h"

#include <unistd.h>

#include "base/file.h"
#include "tests/unit/transforms/chain_rig.h"
#include "transforms/lookup.h"

#define FOLDER "/tmp/weir-test-lookup-XXXXXX"
static char folder[] = FOLDER;

static const char *file_with(const char *name, const char *text)
{
    static char path[80];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    struct weir_error error = {0};
    if (file_write_atomic(path, text, strlen(text), 0600, &error) < 0)
        fail_msg("%s", error.text);
    return path;
}

/* The table. */

static void the_table_finds_what_a_search_finds(void **state)
{
    struct test_random random = random_begin();
    for (int round = 0; round < 200; round++) {
        uint32_t count = (uint32_t)random_below(&random, 300);
        uint32_t width = 1 + (uint32_t)random_below(&random, 3);
        struct weir_str *rows = mem_array((size_t)count * width + 1, sizeof *rows);
        char(*texts)[24] = mem_array(count + 1, sizeof *texts);
        for (uint32_t i = 0; i < count; i++) {
            snprintf(texts[i], sizeof texts[i], "%s%u", i % 3 ? "key-" : "", i);
            rows[i * width] = str_of(texts[i]);
        }
        struct lookup_table table = {0};
        uint32_t duplicate;
        assert_int_equal(lookup_table_init(&table, rows, width, count, &duplicate), 0);

        struct weir_str keys[400];
        char wanted[400][24];
        uint32_t found[400];
        uint32_t n = (uint32_t)random_below(&random, 400);
        for (uint32_t i = 0; i < n; i++) {
            snprintf(wanted[i], sizeof wanted[i], "%s%u", random_below(&random, 3) ? "key-" : "",
                     (unsigned)random_below(&random, count + 50));
            keys[i] = random_below(&random, 20) ? str_of(wanted[i]) : (struct weir_str){0};
        }
        lookup_table_find(&table, keys, n, found);
        for (uint32_t i = 0; i < n; i++) {
            uint32_t expected = LOOKUP_NOT_FOUND;
            for (uint32_t row = 0; row < count && keys[i].data; row++)
                if (str_equal(rows[row * width], keys[i]))
                    expected = row;
            assert_int_equal(found[i], expected);
        }
        lookup_table_done(&table);
        free(rows);
        free(texts);
    }
}

static void keys_stand_once(void **state)
{
    const struct weir_str rows[] = {str_of("a"), str_of("b"), str_of("a")};
    struct lookup_table table = {0};
    uint32_t duplicate = 0;
    assert_int_equal(lookup_table_init(&table, rows, 1, 3, &duplicate), WEIR_E_INVALID);
    assert_int_equal(duplicate, 2);
    lookup_table_done(&table);
}

/* Files. */

static void assert_rows(enum lookup_format format, const char *text, const char *expected)
{
    static const char *const wanted[] = {"k", "v"};
    struct lookup_rows rows;
    struct weir_error error = {0};
    struct text out = TEXT_INIT;
    if (lookup_rows_read(file_with("f", text), format, ',', wanted, 2, &rows, &error) < 0) {
        text_add(&out, error.text + strlen(folder) + 2);
    } else {
        for (uint32_t i = 0; i < rows.count; i++) {
            text_addf(&out, "%u:", rows.lines[i]);
            for (uint32_t c = 0; c < 2; c++) {
                struct weir_str value = rows.values[i * 2 + c];
                if (value.data)
                    text_addf(&out, "<%.*s>", (int)value.length, value.data);
                else
                    text_add(&out, "null");
            }
        }
        lookup_rows_done(&rows);
    }
    assert_string_equal(out.length ? out.data : "", expected);
    text_done(&out);
}

static void csv_is_read_by_rfc_4180(void **state)
{
    assert_rows(LOOKUP_CSV, "k,v\na,1\nb,2\n", "2:<a><1>3:<b><2>");
    assert_rows(LOOKUP_CSV, "v,x,k\r\n1,q,a\r\n", "2:<a><1>");
    assert_rows(LOOKUP_CSV, "\xef\xbb\xbfk,v\na,1", "2:<a><1>");
    assert_rows(LOOKUP_CSV, "k,v\na,\"x, \"\"y\"\"\nz\"\nb,\n\n\"\",\"\"\n",
                "2:<a><x, \"y\"\nz>4:<b>null6:<><>");
    assert_rows(LOOKUP_CSV, "k,v\na\nb,2,3\n", "2:<a>null3:<b><2>");
    assert_rows(LOOKUP_CSV, "k,v\n", "");
    assert_rows(LOOKUP_CSV, "k,v\na,\"1\n", ":2: a quote is never closed");
    assert_rows(LOOKUP_CSV, "k,v\na,1\nb,\"2\"x\n",
                ":3: text follows a closing quote; a quote inside quotes is written twice");
    assert_rows(LOOKUP_CSV, "k,w\na,1\n", " has no column `v`; it has k, w");
    assert_rows(LOOKUP_CSV, "", ": the file is empty");
    assert_rows(LOOKUP_CSV, "k,v\n\xff,1\n", ": the file is not valid UTF-8");
}

static void ndjson_is_read_strictly(void **state)
{
    assert_rows(LOOKUP_NDJSON,
                "{\"k\":\"a\",\"v\":1.50}\n\n  {\"v\":\"x\",\"o\":{\"k\":1},\"k\":7}\n",
                "1:<a><1.50>3:<7><x>");
    assert_rows(LOOKUP_NDJSON, "{\"k\":\"\",\"v\":null}\n{\"k\":\"b\"}", "1:<>null2:<b>null");
    assert_rows(LOOKUP_NDJSON,
                "{\"k\":\"\\u00e4\\n\\ud83d\\ude00\\/\",\"v\":[1, {\"a\": \"]\"}]}\n",
                "1:<\xc3\xa4\n\xf0\x9f\x98\x80/><[1, {\"a\": \"]\"}]>");
    assert_rows(LOOKUP_NDJSON, "{\"k\":true,\"v\":-1e5,\"k\":\"second\"}\n", "1:<true><-1e5>");
    static const struct {
        const char *text;
        const char *told;
    } wrong[] = {
        {"[1]\n", ":1:1: a line is one JSON object"},
        {"{\"k\":1}\n{\"v\":1}\n", ":2:8: the key is missing or null"},
        {"{\"k\":1} x\n", ":1:9: something follows the object"},
        {"{\"k\":01}\n", ":1:8: a number is not one of JSON's"},
        {"{\"k\":1.}\n", ":1:8: a number is not one of JSON's"},
        {"{\"k\":tru}\n", ":1:6: a value is none of JSON's"},
        {"{\"k\":\"a}\n", ":1:9: a text is never closed"},
        {"{\"k\":\"\\x\"}\n", ":1:9: an escape is not one of JSON's"},
        {"{\"k\":\"\\ud800\"}\n", ":1:13: half of a surrogate pair stands alone"},
        {"{\"k\":\"\\udc00\"}\n", ":1:13: half of a surrogate pair stands alone"},
        {"{\"k\":\"\\u12g4\"}\n", ":1:12: an escape \\u needs four hexadecimal digits"},
        {"{\"k\" 1}\n", ":1:6: a `:` is wanted after a member's name"},
        {"{\"k\":1,}\n", ":1:8: the name of a member is wanted"},
        {"{\"k\":1\n", ":1:7: an object is never closed"},
        {"{\"k\":[1,2}\n", ":1:10: an array is never closed"},
        {"{\"k\":\"a\tb\"}\n", ":1:9: a control character stands in a text"},
        {"{\"k\":}\n", ":1:6: a number is not one of JSON's"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_rows(LOOKUP_NDJSON, wrong[i].text, wrong[i].told);
    struct text deep = TEXT_INIT;
    text_add(&deep, "{\"k\":");
    for (int i = 0; i < 100000; i++)
        text_add_char(&deep, '[');
    assert_rows(LOOKUP_NDJSON, deep.data, ":1:70: it is nested too deep");
    text_done(&deep);
}

/* The stage. */

static void lookup_plan_text(struct rig *rig, const char *columns, const char *file,
                             const char *options)
{
    char *stages =
        mem_printf("- lookup: {from: {file: %s/%s, key: k}, %s}\n", folder, file, options);
    rig_plan(rig, columns, stages);
    free(stages);
}

static const char *const texts[] = {"a", "zz", NULL, "b", ""};

static void what_is_missing_is_null_rejected_or_default(void **state)
{
    file_with("t.csv", "k,v,w\na,1,x\nb,2,\n\"\",3,\n"); /* null is not the empty text */
    struct rig rig;
    lookup_plan_text(&rig, "s string?", "t.csv", "key: s, take: {v: v, w: w}");
    rig_start(&rig, 5);
    rig_texts(&rig, 0, texts, 5);
    rig_run(&rig);
    assert_values(&rig, "v", "\"1\" null null \"2\" \"3\"");
    assert_values(&rig, "w", "\"x\" null null null null");
    assert_int_equal(plan_find(rig.plan, "v")->type.nullable, 1);
    rig_done(&rig);

    lookup_plan_text(&rig, "s string?", "t.csv", "key: s, take: {v: v}, on_missing: reject");
    rig_start(&rig, 5);
    rig_texts(&rig, 0, texts, 5);
    rig_run(&rig);
    assert_values(&rig, "v", "\"1\" \"2\" \"3\"");
    assert_int_equal(plan_find(rig.plan, "v")->type.nullable, 0);
    assert_int_equal(rig.counts[0].rejected, 2);
    assert_int_equal(rig.batch->rejects[0].reason, WEIR_REJECT_LOOKUP);
    rig_done(&rig);

    lookup_plan_text(
        &rig, "s string?", "t.csv",
        "key: s, take: {v: v, w: w}, on_missing: default, default: {v: \"0\", w: none}");
    rig_start(&rig, 5);
    rig_texts(&rig, 0, texts, 5);
    rig_run(&rig);
    assert_values(&rig, "v", "\"1\" \"0\" \"0\" \"2\" \"3\"");
    assert_values(&rig, "w", "\"x\" \"none\" \"none\" \"none\" \"none\"");
    rig_done(&rig);
}

static void keys_may_be_expressions_and_ints(void **state)
{
    file_with("t.ndjson", "{\"k\":7,\"v\":\"seven\"}\n{\"k\":-1,\"v\":\"minus\"}\n");
    static const int64_t ints[] = {6, -2, 5};
    struct rig rig;
    lookup_plan_text(&rig, "n int", "t.ndjson", "key: n + 1, take: {v: v}");
    rig_start(&rig, 3);
    rig_ints(&rig, 0, ints, 3);
    rig_run(&rig);
    assert_values(&rig, "v", "\"seven\" \"minus\" null");
    rig_done(&rig);

    file_with("two.csv", "v,k\none,a\n");
    lookup_plan_text(&rig, "s string?", "two.csv", "key: lower(s), as: found");
    static const char *const upper[] = {"A", "b"};
    rig_start(&rig, 2);
    rig_texts(&rig, 0, upper, 2);
    rig_run(&rig);
    assert_values(&rig, "found", "\"one\" null");
    rig_done(&rig);
}

static void assert_lookup_told(const char *columns, const char *file, const char *options,
                               const char *expected)
{
    struct rig rig;
    lookup_plan_text(&rig, columns, file, options);
    char *told = rig_told(&rig);
    if (!strstr(told, expected) || rig.problems.errors != 1)
        fail_msg("%s is not in %s", expected, told);
    free(told);
    rig_done(&rig);
}

static void mistakes_are_told_with_file_and_line(void **state)
{
    file_with("t.csv", "k,v,w\na,1,x\nb,2,\na,3,\n");
    assert_lookup_told("s string", "t.csv", "key: s, take: {v: v}",
                       "t.csv:4: the key stands in an earlier line as well");
    file_with("t.csv", "k,v,w\na,1,x\n,2,\n");
    assert_lookup_told("s string", "t.csv", "key: s, take: {v: v}", "t.csv:3: the key is empty");
    file_with("t.csv", "k,v,w\n1,1,x\nb,2,\n");
    assert_lookup_told("s int", "t.csv", "key: s, take: {v: v}",
                       "t.csv:3: the key `b` is not an integer, and `key` is of type int");
    assert_lookup_told("s string", "t.csv", "key: s, take: {v: u}",
                       "t.csv has no column `u`; it has k, v, w");
    assert_lookup_told("s string", "t.csv", "key: s, as: v", "`as` is for a file of two columns");
    assert_lookup_told("s string", "t.csv", "key: s", "say what to take");
    assert_lookup_told("s string", "t.csv", "key: s, take: {v: v}, default: x",
                       "`default` goes with `on_missing: default`");
    assert_lookup_told("s string", "t.csv", "key: s, take: {v: v}, on_missing: default",
                       "`on_missing: default` needs `default: TEXT`");
    assert_lookup_told("s string", "t.csv",
                       "key: s, take: {v: v}, on_missing: default, default: {w: x}",
                       "`default` has no text for `v`");
    assert_lookup_told("s string", "t.csv", "key: s, take: {_v: v}",
                       "`_v` cannot be the name of a column");
    assert_lookup_told("s bool", "t.csv", "key: s, take: {v: v}",
                       "a lookup's key is a string or an int, and this is of type bool");
    assert_lookup_told("s string", "none.csv", "key: s, take: {v: v}", "none.csv: No such file");
}

static int folder_make_one(void **state)
{
    return mkdtemp(folder) ? 0 : -1;
}

static int folder_remove(void **state)
{
    static const char *const names[] = {"f", "t.csv", "t.ndjson", "two.csv"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[80];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_finds_what_a_search_finds),
        cmocka_unit_test(keys_stand_once),
        cmocka_unit_test(csv_is_read_by_rfc_4180),
        cmocka_unit_test(ndjson_is_read_strictly),
        cmocka_unit_test(what_is_missing_is_null_rejected_or_default),
        cmocka_unit_test(keys_may_be_expressions_and_ints),
        cmocka_unit_test(mistakes_are_told_with_file_and_line),
    };
    return cmocka_run_group_tests(tests, folder_make_one, folder_remove);
}
