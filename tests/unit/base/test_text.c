/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "base/text.h"

static void grows_and_is_always_terminated(void **state)
{
    struct text text = TEXT_INIT;
    char expected[5000];
    for (size_t i = 0; i < sizeof expected - 1; i++) {
        expected[i] = (char)('a' + i % 26);
        expected[i + 1] = '\0';
        text_add_char(&text, expected[i]);
        assert_int_equal(text.length, i + 1);
        assert_int_equal(text.data[i + 1], '\0');
    }
    assert_string_equal(text.data, expected);
    text_clear(&text);
    assert_string_equal(text.data, "");
    text_add(&text, "");
    assert_int_equal(text.length, 0);
    text_done(&text);
}

static void formats_of_any_length(void **state)
{
    struct text text = TEXT_INIT;
    for (int width = 1; width < 2000; width += 37) {
        text_clear(&text);
        text_addf(&text, "<%*d>", width, 7);
        assert_int_equal(text.length, width + 2);
        assert_string_equal(text.data + width, "7>");
    }
    text_done(&text);
}

static void the_limit_is_exact_and_failing_lasts(void **state)
{
    for (size_t limit = 1; limit < 300; limit++) {
        struct text text = {.limit_bytes = limit};
        for (size_t i = 0; i < limit; i++)
            text_add_char(&text, 'x');
        assert_false(text.failed);
        assert_int_equal(text.length, limit);
        text_add_char(&text, 'y');
        assert_true(text.failed);
        text_add(&text, "");
        text_addf(&text, "%s", "z");
        text_add_base64(&text, "abc", 3);
        assert_true(text.failed);
        assert_int_equal(text.length, limit);
        text_clear(&text);
        assert_false(text.failed);
        text_addf(&text, "%*d", (int)limit, 1);
        assert_false(text.failed);
        assert_int_equal(text.length, limit);
        text_done(&text);
        assert_int_equal(text.limit_bytes, limit);
    }
}

static void taking_leaves_an_empty_text(void **state)
{
    struct text text = TEXT_INIT;
    char *nothing = text_take(&text);
    assert_string_equal(nothing, "");
    free(nothing);
    text_add(&text, "abc");
    char *taken = text_take(&text);
    assert_string_equal(taken, "abc");
    assert_int_equal(text.length, 0);
    assert_null(text.data);
    free(taken);
    text_done(NULL);
}

static void strings_compare(void **state)
{
    assert_true(str_is(str_of("abc"), "abc"));
    assert_false(str_is(str_of("abc"), "abcd"));
    assert_false(str_is(str_of("abd"), "abc"));
    assert_true(str_equal(str_make(NULL, 0), str_of("")));
    assert_true(text_starts("prefix", "pre"));
    assert_true(text_starts("pre", "pre"));
    assert_false(text_starts("pr", "pre"));
}

static void base64_has_padding(void **state)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"},
                                           {"\xff\xfe\xfd", "//79"}};
    for (size_t i = 0; i < COUNT_OF(pairs); i++) {
        struct text text = TEXT_INIT;
        text_add(&text, "<");
        text_add_base64(&text, pairs[i][0], strlen(pairs[i][0]));
        text_add(&text, ">");
        assert_int_equal(text.length, strlen(pairs[i][1]) + 2);
        assert_memory_equal(text.data + 1, pairs[i][1], strlen(pairs[i][1]));
        text_done(&text);
    }
}

static void utf8_forms(void **state)
{
    static const char *const good[] = {
        "",
        "plain",
        "\xc2\x80",
        "\xdf\xbf",
        "\xe0\xa0\x80",
        "\xed\x9f\xbf",
        "\xee\x80\x80",
        "\xef\xbf\xbf",
        "\xf0\x90\x80\x80",
        "\xf4\x8f\xbf\xbf",
        "mixed \xe2\x82\xac and \xf0\x9f\x98\x80 text",
    };
    static const char *const bad[] = {
        "\x80",             /* continuation alone */
        "\xbf",             /* the same */
        "\xc0\x80",         /* overlong NUL */
        "\xc1\xbf",         /* overlong */
        "\xe0\x80\x80",     /* overlong */
        "\xe0\x9f\xbf",     /* overlong */
        "\xf0\x80\x80\x80", /* overlong */
        "\xf0\x8f\xbf\xbf", /* overlong */
        "\xed\xa0\x80",     /* surrogate */
        "\xed\xbf\xbf",     /* surrogate */
        "\xf4\x90\x80\x80", /* beyond U+10FFFF */
        "\xf5\x80\x80\x80",
        "\xff",
        "\xfe",
        "\xc2",
        "\xe2\x82",
        "\xf0\x9f\x98", /* cut */
        "\xc2\x41",
        "\xe2\x41\x82",
        "\xe2\x82\x41",
        "\xf0\x9f\x98\x41",
    };
    char padded[64];
    for (size_t before = 0; before < 20; before++) {
        memset(padded, 'a', sizeof padded);
        for (size_t i = 0; i < COUNT_OF(good); i++) {
            memcpy(padded + before, good[i], strlen(good[i]));
            assert_true(utf8_valid(padded, before + strlen(good[i])));
        }
        memset(padded, 'a', sizeof padded);
        for (size_t i = 0; i < COUNT_OF(bad); i++) {
            memcpy(padded + before, bad[i], strlen(bad[i]));
            if (utf8_valid(padded, before + strlen(bad[i])))
                fail_msg("bad form %zu after %zu bytes passed", i, before);
        }
    }
    assert_true(utf8_valid("a\0b", 3));
    assert_true(utf8_valid(NULL, 0));
}

/* Another way to ask: decode, and compare with the shortest form of the code point. */
static bool utf8_slow(const unsigned char *s, size_t length)
{
    for (size_t i = 0; i < length;) {
        uint32_t point = s[i];
        size_t more = s[i] < 0x80 ? 0 : s[i] < 0xc0 ? 9 : s[i] < 0xe0 ? 1 : s[i] < 0xf0 ? 2 : 3;
        if (more == 9 || s[i] > 0xf7 || i + more >= length)
            return false;
        if (more)
            point = s[i] & (0x3fu >> more);
        for (size_t k = 1; k <= more; k++) {
            if ((s[i + k] & 0xc0) != 0x80)
                return false;
            point = point << 6 | (s[i + k] & 0x3fu);
        }
        size_t shortest = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
        if (more != shortest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff))
            return false;
        i += more + 1;
    }
    return true;
}

static void random_bytes_agree_with_another_decoder(void **state)
{
    struct test_random random = random_begin();
    static const unsigned char edges[] = {0x00, 0x41, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0,
                                          0xbf, 0xc1, 0xc2, 0xdf, 0xe0, 0xe1, 0xed, 0xee,
                                          0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0xf8, 0xff};
    size_t valid = 0;
    for (int i = 0; i < 300000; i++) {
        unsigned char bytes[24];
        size_t length = random_below(&random, 6) + (i % 3 == 0 ? 12 : 0);
        memset(bytes, 'a', sizeof bytes);
        for (size_t k = i % 3 == 0 ? 10 : 0; k < length; k++)
            bytes[k] = edges[random_below(&random, sizeof edges)];
        bool slow = utf8_slow(bytes, length);
        valid += slow;
        assert_int_equal(utf8_valid((const char *)bytes, length), slow);
    }
    assert_true(valid > 1000);
}

static const char *name_at(const void *context, size_t i)
{
    return ((const char *const *)context)[i];
}

static void suggests_what_was_meant(void **state)
{
    static const char *const names[] = {"source", "transforms", "sink", "tests", "pipeline", "s"};
    const size_t count = COUNT_OF(names);
    assert_string_equal(suggest("sources", count, name_at, names), "source");
    assert_string_equal(suggest("soruce", count, name_at, names), "source");
    assert_string_equal(suggest("tranforms", count, name_at, names), "transforms");
    assert_string_equal(suggest("Sink", count, name_at, names), "sink");
    assert_string_equal(suggest("pipelnie", count, name_at, names), "pipeline");
    assert_string_equal(suggest("snik", count, name_at, names), "sink"); /* a swap is one step */
    assert_null(suggest("windows", count, name_at, names));
    assert_null(suggest("x", count, name_at, names));
    assert_null(suggest("", count, name_at, names));
    assert_null(suggest("sink", 0, name_at, names));
    char longest[500];
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_null(suggest(longest, count, name_at, names));
}

static void of_two_candidates_the_nearer_one(void **state)
{
    static const char *const names[] = {"partitions", "partition", "position"};
    assert_string_equal(suggest("partitoin", 3, name_at, names), "partition");
    assert_string_equal(suggest("partitionss", 3, name_at, names), "partitions");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows_and_is_always_terminated),
        cmocka_unit_test(formats_of_any_length),
        cmocka_unit_test(the_limit_is_exact_and_failing_lasts),
        cmocka_unit_test(taking_leaves_an_empty_text),
        cmocka_unit_test(strings_compare),
        cmocka_unit_test(base64_has_padding),
        cmocka_unit_test(utf8_forms),
        cmocka_unit_test(random_bytes_agree_with_another_decoder),
        cmocka_unit_test(suggests_what_was_meant),
        cmocka_unit_test(of_two_candidates_the_nearer_one),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
