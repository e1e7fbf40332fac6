/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/headers.h"

static void add(struct text *packed, const char *name, const char *value)
{
    struct header header = {.name = str_of(name)};
    if (value)
        header.value = str_of(value);
    headers_add(packed, header);
}

static void order_duplicates_and_nulls_are_kept(void **state)
{
    struct text packed = TEXT_INIT;
    add(&packed, "b", "1");
    add(&packed, "a", NULL);
    add(&packed, "b", "");
    size_t position = 0;
    struct header header;
    struct weir_str all = str_make(packed.data, packed.length);
    assert_true(headers_next(all, &position, &header));
    assert_true(str_is(header.name, "b") && str_is(header.value, "1"));
    assert_true(headers_next(all, &position, &header));
    assert_true(str_is(header.name, "a") && header.value.data == NULL);
    assert_true(headers_next(all, &position, &header));
    assert_true(str_is(header.name, "b") && header.value.data && header.value.length == 0);
    assert_false(headers_next(all, &position, &header));
    assert_int_equal(position, packed.length);
    text_done(&packed);
}

static void cut_bytes_end_the_list(void **state)
{
    struct text packed = TEXT_INIT;
    add(&packed, "name", "value");
    for (size_t length = 0; length < packed.length; length++) {
        char *exact = malloc(length ? length : 1);
        memcpy(exact, packed.data, length);
        size_t position = 0;
        struct header header;
        assert_false(headers_next(str_make(exact, length), &position, &header));
        assert_int_equal(position, 0);
        free(exact);
    }
    text_done(&packed);
}

static void any_bytes_are_safe(void **state)
{
    struct test_random random = random_begin();
    for (int i = 0; i < 100000; i++) {
        size_t length = random_below(&random, 40), position = 0;
        char *bytes = malloc(length ? length : 1);
        for (size_t k = 0; k < length; k++)
            bytes[k] =
                (char)(random_below(&random, 3) ? random_below(&random, 5) : random_u64(&random));
        struct header header;
        while (headers_next(str_make(bytes, length), &position, &header)) {
            assert_true(position <= length);
            assert_true(header.name.data + header.name.length <= bytes + length);
            assert_true(!header.value.data ||
                        header.value.data + header.value.length <= bytes + length);
        }
        struct text out = TEXT_INIT;
        headers_write_json(&out, str_make(bytes, length));
        assert_true(utf8_valid(out.data, out.length));
        text_done(&out);
        free(bytes);
    }
}

static void json_has_the_last_of_each_name(void **state)
{
    struct text packed = TEXT_INIT, out = TEXT_INIT;
    headers_write_json(&out, (struct weir_str){NULL, 0, 0});
    assert_string_equal(out.data, "{}");
    add(&packed, "trace", "first");
    add(&packed, "raw", "\xff\xfe");
    add(&packed, "none", NULL);
    add(&packed, "trace", "la\"st");
    add(&packed, "", "empty");
    text_clear(&out);
    headers_write_json(&out, str_make(packed.data, packed.length));
    assert_string_equal(out.data,
                        "{\"raw\":\"//4=\",\"none\":null,\"trace\":\"la\\\"st\",\"\":\"empty\"}");
    text_done(&packed);
    text_done(&out);
}

static void many_headers_take_no_quadratic_time(void **state)
{
    struct text packed = TEXT_INIT, out = TEXT_INIT;
    char name[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "h%d", i % 50000);
        add(&packed, name, "v");
    }
    headers_write_json(&out, str_make(packed.data, packed.length));
    size_t colons = 0;
    for (size_t i = 0; i < out.length; i++)
        colons += out.data[i] == ':';
    assert_int_equal(colons, 50000);
    text_done(&packed);
    text_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_duplicates_and_nulls_are_kept),
        cmocka_unit_test(cut_bytes_end_the_list),
        cmocka_unit_test(any_bytes_are_safe),
        cmocka_unit_test(json_has_the_last_of_each_name),
        cmocka_unit_test(many_headers_take_no_quadratic_time),
    };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
