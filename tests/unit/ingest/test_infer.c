/* SPDX-License-Identifier: Apache-2.0 */
/* test_infer.c: the fields that are proposed for records, and that they decode every one of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/ingest/rig.h"

#include "base/check.h"
#include "base/memory.h"
#include "ingest/infer.h"

#define RECORDS_MAX 8

static const struct {
    const char *records[RECORDS_MAX];
    const char *block;
} json_cases[] = {
    {{"{\"a\":1,\"b\":\"x\",\"c\":true,\"d\":1.25,\"e\":1e5}",
      "{\"a\":-5,\"b\":\"\",\"c\":false,\"d\":2,\"e\":0.5}"},
     "fields:  # from 2 records\n"
     "  a: int\n"
     "  b: string\n"
     "  c: bool\n"
     "  d: decimal(2)\n"
     "  e: float\n"},
    /* Missing and null; nothing but null. */
    {{"{\"a\":1,\"b\":null,\"c\":null}", "{\"b\":2,\"c\":null}", "{\"b\":3}"},
     "fields:  # from 3 records\n"
     "  a: int?  # in 1 of 3 records\n"
     "  b: int?  # in 2 of 3 records\n"
     "  c: string?  # always null\n"},
    /* Times. */
    {{"{\"at\":\"2026-11-21T10:00:00Z\",\"ms\":1763712000123,\"created\":1763712000,\"id\":"
      "1763712000,"
      "\"event_time\":\"1763712000123\",\"day\":\"2026-11-21\",\"us\":1763712000123456}",
      "{\"at\":\"2026-11-21 "
      "10:00:00.5+01:00\",\"ms\":1763712000124,\"created\":978307200,\"id\":978307200,"
      "\"event_time\":\"1763712000124\",\"day\":\"2026-11-22\",\"us\":1763712000123457}"},
     "fields:  # from 2 records\n"
     "  at: timestamp(rfc3339)\n"
     "  ms: timestamp(ms)\n"
     "  created: timestamp(s)\n"
     "  id: int\n"
     "  event_time: timestamp(ms)\n"
     "  day: timestamp(rfc3339)\n"
     "  us: timestamp(us)\n"},
    /* Paths, and names made of them. */
    {{"{\"user\":{\"id\":1,\"address\":{\"city\":\"x\"}},\"user_id\":2,\"a.b\":{\"c\":1},\"x-y\":1,"
      "\"9\":1,\"_key\":1,\"null\":1,\"\xc3\xa9\":2}"},
     "fields:  # from 1 records\n"
     "  user_id: {path: \"user.id\", type: \"int\"}\n"
     "  user_address_city: {path: \"user.address.city\", type: \"string\"}\n"
     "  user_id_2: {path: \"user_id\", type: \"int\"}\n"
     "  a_b_c: {path: [\"a.b\", \"c\"], type: \"int\"}\n"
     "  x_y: {path: \"x-y\", type: \"int\"}\n"
     "  field_9: {path: \"9\", type: \"int\"}\n"
     "  key: {path: \"_key\", type: \"int\"}\n"
     "  \"null\": int\n"
     "  field_: {path: \"\xc3\xa9\", type: \"int\"}\n"},
    {{"{\"u\":{\"a\":1}}", "{\"u\":null}", "{}"},
     "fields:  # from 3 records\n"
     "  u_a: {path: \"u.a\", type: \"int?\"}  # in 1 of 3 records\n"},
    /* Arrays, objects, mixtures. */
    {{"{\"a\":[1],\"b\":[1.5,2],\"c\":[\"x\"],\"d\":[],\"e\":[{\"x\":1}],\"f\":[1,\"x\"],\"g\":["
      "true],"
      "\"h\":{},\"i\":[1,null]}"},
     "fields:  # from 1 records\n"
     "  a: array(int)\n"
     "  b: array(float)\n"
     "  c: array(string)\n"
     "  d: json\n"
     "  e: array(json)\n"
     "  f: json\n"
     "  g: array(bool)\n"
     "  h: json  # objects in 1\n"
     "  i: json\n"},
    {{"{\"a\":1}", "{\"a\":\"x\"}", "{\"a\":{\"b\":1}}", "{\"a\":\"y\"}"},
     "fields:  # from 4 records\n"
     "  a: json  # whole numbers in 1, text in 2, objects in 1\n"},
    /* Numbers that an int cannot hold, and measurements. */
    {{"{\"a\":99999999999999999999,\"b\":0.125,\"c\":12.5}", "{\"a\":1,\"b\":1,\"c\":3}"},
     "fields:  # from 2 records\n"
     "  a: float  # whole numbers beyond 64 bits\n"
     "  b: float\n"
     "  c: decimal(1)\n"},
    /* Of duplicates the first counts; what cannot be read is told. */
    {{"{\"a\":1,\"a\":\"x\"}", "nonsense", "{\"a\":", "[1]", ""},
     "fields:  # from 1 records; 4 more could not be read\n"
     "  a: int\n"},
    {{"{\"\\u0061\":1}", "{\"a\":2}"},
     "fields:  # from 2 records\n"
     "  a: int\n"},
};

static void test_json(void **state)
{
    struct decode_options options = {.format = DECODE_JSON};
    struct weir_error error;
    for (size_t i = 0; i < COUNT_OF(json_cases); i++) {
        struct infer *infer;
        assert_int_equal(infer_new(&options, &infer, &error), 0);
        for (int r = 0; r < RECORDS_MAX && json_cases[i].records[r]; r++)
            infer_add(infer, str_of(json_cases[i].records[r]));
        struct text block = TEXT_INIT;
        infer_write(infer, &block);
        assert_string_equal(block.data, json_cases[i].block);
        text_done(&block);
        infer_free(infer);
    }
}

static void test_csv(void **state)
{
    static const char *const columns[] = {"id",   "zip", "price", "ok", "at",
                                          "note", "big", "ms",    "n"};
    static const char *const records[] = {
        "1,01234,12.50,true,2026-11-21T10:00:00Z,,99999999999999999999,1763712000123,1",
        "2,98765,3,false,2026-11-21T10:00:01Z,,1,1763712000124,x",
        "3,\"10115\",3.1,true,2026-11-21,\"\",2,1763712000125,2.5",
        "a,b",
    };
    struct decode_options options = {
        .format = DECODE_CSV, .csv_columns = columns, .csv_column_count = COUNT_OF(columns)};
    struct weir_error error;
    struct infer *infer;
    assert_int_equal(infer_new(&options, &infer, &error), 0);
    for (size_t i = 0; i < COUNT_OF(records); i++)
        infer_add(infer, str_of(records[i]));
    assert_int_equal(infer_records(infer), 3);
    assert_int_equal(infer_unreadable(infer), 1);
    struct text block = TEXT_INIT;
    infer_write(infer, &block);
    assert_string_equal(block.data, "fields:  # from 3 records; 1 more could not be read\n"
                                    "  id: int\n"
                                    "  zip: string\n"
                                    "  price: decimal(2)\n"
                                    "  ok: bool\n"
                                    "  at: timestamp(rfc3339)\n"
                                    "  note: string?  # in 1 of 3 records\n"
                                    "  big: string\n"
                                    "  ms: timestamp(ms)\n"
                                    "  n: string\n");
    text_done(&block);
    infer_free(infer);
    struct decode_options nameless = {.format = DECODE_CSV};
    assert_int_equal(infer_new(&nameless, &infer, &error), WEIR_E_INVALID);
}

/* Maps with many keys, deep records, many paths: bounded. */
static void test_bounds(void **state)
{
    struct decode_options options = {.format = DECODE_JSON};
    struct weir_error error;
    struct infer *infer;
    struct text record = TEXT_INIT, block = TEXT_INIT;
    assert_int_equal(infer_new(&options, &infer, &error), 0);
    text_add(&record, "{\"map\":{\"k\":0");
    for (int i = 0; i < INFER_KEYS_MAX; i++)
        text_addf(&record, ",\"k%d\":1", i);
    text_add(&record, "},\"deep\":");
    for (int i = 0; i < 20; i++)
        text_add(&record, "{\"d\":");
    text_add_char(&record, '1');
    for (int i = 0; i < 20; i++)
        text_add_char(&record, '}');
    text_add_char(&record, '}');
    infer_add(infer, str_make(record.data, record.length));
    infer_write(infer, &block);
    assert_string_equal(block.data,
                        "fields:  # from 1 records\n"
                        "  map: json  # objects in 1, with too many keys or levels for fields\n"
                        "  deep_d_d_d_d_d_d_d: {path: \"deep.d.d.d.d.d.d.d\", type: \"json\"}  # "
                        "objects in 1, with too many keys or levels for fields\n");
    infer_free(infer);

    assert_int_equal(infer_new(&options, &infer, &error), 0);
    for (int i = 0; i < 3 * INFER_FIELDS_MAX; i++) {
        text_clear(&record);
        text_addf(&record, "{\"key%d\":1}", i);
        infer_add(infer, str_make(record.data, record.length));
    }
    text_clear(&block);
    infer_write(infer, &block);
    assert_non_null(strstr(block.data, "; only the first 1000 paths are here\n"));
    assert_non_null(strstr(block.data, "  key999: "));
    assert_null(strstr(block.data, "  key1000: "));
    infer_free(infer);
    text_done(&record);
    text_done(&block);
}

/* "  name: type  # .." or "  name: {path: "p", type: "t"}" as the rig's words. */
static void words_of(const char *block, struct text *out)
{
    text_clear(out);
    for (const char *at = strchr(block, '\n') + 1; *at; at = strchr(at, '\n') + 1) {
        const char *colon = strchr(at, ':');
        text_addf(out, "%s%.*s", out->length ? ";" : "", (int)(colon - at - 2), at + 2);
        if (colon[2] == '{') {
            const char *path = strchr(colon, '"') + 1;
            const char *type = strstr(path, "type: \"") + 7;
            text_addf(out, "=%.*s %.*s", (int)strcspn(path, "\""), path, (int)strcspn(type, "\""),
                      type);
        } else {
            text_addf(out, " %.*s", (int)strcspn(colon + 2, " \n"), colon + 2);
        }
    }
}

/* Whatever is proposed reads all the records that it was made from. */
static void test_reads_its_sample(void **state)
{
    static const char *const values[] = {
        "1",
        "-7",
        "1.5",
        "12.25",
        "1e3",
        "null",
        "true",
        "\"x\"",
        "\"2026-11-21T10:00:00Z\"",
        "1763712000123",
        "\"1763712000123\"",
        "99999999999999999999",
        "[]",
        "[1]",
        "[1.5]",
        "[\"x\"]",
        "[null]",
        "{}",
        "{\"z\":1}",
        "{\"z\":\"y\"}",
        "{\"z\":null}",
        "\"\\n\"",
        "0.123456789",
        "9223372036854775807",
        "1.0",
    };
    uint64_t random = rig_seed("reads_its_sample");
    struct decode_options options = {.format = DECODE_JSON};
    struct text block = TEXT_INIT, words = TEXT_INIT;
    for (int round = 0; round < 3000; round++) {
        struct infer *infer;
        struct weir_error error;
        struct text records[6] = {0};
        assert_int_equal(infer_new(&options, &infer, &error), 0);
        uint32_t count = 1 + rig_below(&random, COUNT_OF(records));
        uint32_t kinds[3];
        for (size_t k = 0; k < COUNT_OF(kinds); k++)
            kinds[k] = rig_below(&random, COUNT_OF(values));
        for (uint32_t r = 0; r < count; r++) {
            text_add(&records[r], "{\"end\":0");
            for (uint32_t k = 0; k < COUNT_OF(kinds); k++)
                if (rig_below(&random, 5))
                    text_addf(&records[r], ",\"f%u_at\":%s", k,
                              values[rig_below(&random, 3) ? kinds[k]
                                                           : rig_below(&random, COUNT_OF(values))]);
            text_add_char(&records[r], '}');
            infer_add(infer, str_make(records[r].data, records[r].length));
        }
        text_clear(&block);
        infer_write(infer, &block);
        words_of(block.data, &words);
        struct rig rig;
        rig_json(&rig, words.data);
        for (uint32_t r = 0; r < count; r++) {
            const char *line = rig_one(&rig, records[r].data, records[r].length);
            if (line[0] == '!')
                fail_msg("%s\n%s: %s", block.data, records[r].data, rig_reject_text(&rig, 0));
        }
        rig_done(&rig);
        infer_free(infer);
        for (size_t r = 0; r < COUNT_OF(records); r++)
            text_done(&records[r]);
    }
    text_done(&block);
    text_done(&words);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_reads_its_sample),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
