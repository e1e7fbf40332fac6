/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include <locale.h>
#include <math.h>

#include "base/check.h"
#include "base/value.h"

static int64_t int_of(const char *text)
{
    int64_t value = 0x5555;
    assert_int_equal(int_read(text, strlen(text), &value), 0);
    return value;
}

static int int_status(const char *text)
{
    int64_t value = 0x5555;
    int status = int_read(text, strlen(text), &value);
    if (status != 0)
        assert_int_equal(value, 0x5555);
    return status;
}

static void ints_at_their_edges(void **state)
{
    assert_true(int_of("9223372036854775807") == INT64_MAX);
    assert_true(int_of("-9223372036854775808") == INT64_MIN);
    assert_true(int_of("+0") == 0);
    assert_true(int_of("-0") == 0);
    assert_true(int_of("00000000000000000000000000000012") == 12);
    assert_int_equal(int_status("9223372036854775808"), WEIR_E_LIMIT);
    assert_int_equal(int_status("-9223372036854775809"), WEIR_E_LIMIT);
    assert_int_equal(int_status("18446744073709551616"), WEIR_E_LIMIT);
    assert_int_equal(int_status("99999999999999999999999999"), WEIR_E_LIMIT);
    static const char *const bad[] = {
        "",    "-",   "+",         " 1",          "1 ",
        "1.",  "1e3", "0x1",       "1234567/",    "1234567:8",
        "--1", "+-1", "12345678a", "1234567\xff", "99999999999999999999x"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(int_status(bad[i]), WEIR_E_INVALID);
    assert_int_equal(int_status("1"), 0);
}

static void every_byte_in_every_place(void **state)
{
    for (int place = 0; place < 8; place++)
        for (int c = 0; c < 256; c++) {
            char text[] = "12345678";
            text[place] = (char)c;
            int64_t value = 0, expected = 0;
            bool sign = place == 0 && (c == '-' || c == '+');
            bool good = (c >= '0' && c <= '9') || sign;
            assert_int_equal(int_read(text, 8, &value), good ? 0 : WEIR_E_INVALID);
            for (int i = sign; i < 8 && good; i++)
                expected = expected * 10 + (text[i] - '0');
            assert_true(!good || value == (c == '-' && sign ? -expected : expected));
        }
}

static void ints_there_and_back(void **state)
{
    struct test_random random = random_begin();
    for (int i = 0; i < 200000; i++) {
        int64_t value = (int64_t)random_skewed(&random), back;
        if (random_below(&random, 2))
            value = (int64_t)(0 - (uint64_t)value);
        struct text text = TEXT_INIT;
        int_write(&text, value);
        char expected[32];
        snprintf(expected, sizeof expected, "%lld", (long long)value);
        assert_string_equal(text.data, expected);
        assert_int_equal(int_read(text.data, text.length, &back), 0);
        assert_true(back == value);
        text_done(&text);
    }
}

static void assert_wide(int128 value, uint8_t scale, const char *expected)
{
    struct text text = TEXT_INIT;
    decimal_write(&text, value, scale);
    assert_string_equal(text.data, expected);
    text_done(&text);
}

static void wide_numbers_are_written(void **state)
{
    int128 most = (int128)(((unsigned __int128)1 << 127) - 1);
    assert_wide(most, 0, "170141183460469231731687303715884105727");
    assert_wide(-most - 1, 0, "-170141183460469231731687303715884105728");
    assert_wide(most, 18, "170141183460469231731.687303715884105727");
    assert_wide((int128)INT64_MIN, 0, "-9223372036854775808");
    assert_wide((int128)UINT64_MAX + 1, 0, "18446744073709551616");
    assert_wide((int128)10000000000000000000ULL * 1000000000000000000ULL, 0,
                "10000000000000000000000000000000000000");
    assert_wide(0, 0, "0");
    assert_wide(0, 2, "0.00");
    assert_wide(5, 2, "0.05");
    assert_wide(-5, 2, "-0.05");
    assert_wide(1250, 2, "12.50");
    assert_wide(1, 18, "0.000000000000000001");
    struct text text = TEXT_INIT;
    int128_write(&text, -12);
    assert_string_equal(text.data, "-12");
    text_done(&text);
}

static int decimal_of(const char *text, uint8_t scale, int64_t *ret)
{
    return decimal_read(text, strlen(text), scale, ret);
}

static void decimals_are_exact_or_refused(void **state)
{
    static const struct {
        const char *text;
        uint8_t scale;
        int status;
        int64_t value;
    } cases[] = {
        {"12.5", 2, 0, 1250},
        {"1250e-2", 2, 0, 1250},
        {"1.25E+1", 2, 0, 1250},
        {"+12.500000000000000000000000000000", 2, 0, 1250},
        {"-0.00", 2, 0, 0},
        {"0e999999999999", 2, 0, 0},
        {"0.000000000000000000000000000000000000001e39", 0, 0, 1},
        {"100000000000000000000000000000000000000000e-41", 0, 0, 1},
        {"12.505", 2, WEIR_E_LIMIT, 0},
        {"1e-3", 2, WEIR_E_LIMIT, 0},
        {"1e400", 2, WEIR_E_LIMIT, 0},
        {"1e-400", 2, WEIR_E_LIMIT, 0},
        {"1e99999999999999999999999", 2, WEIR_E_LIMIT, 0},
        {"9223372036854775807", 0, 0, INT64_MAX},
        {"-9223372036854775808", 0, 0, INT64_MIN},
        {"9223372036854775808", 0, WEIR_E_LIMIT, 0},
        {"-9223372036854775809", 0, WEIR_E_LIMIT, 0},
        {"92233720368547758.07", 2, 0, INT64_MAX},
        {"92233720368547758.08", 2, WEIR_E_LIMIT, 0},
        {"-92233720368547758.08", 2, 0, INT64_MIN},
        {"9.223372036854775807", 18, 0, INT64_MAX},
        {"10", 18, WEIR_E_LIMIT, 0},
        {"9", 18, 0, 9000000000000000000},
        {"12345678901234567890.1", 2, WEIR_E_LIMIT, 0},
        {"", 2, WEIR_E_INVALID, 0},
        {".5", 2, WEIR_E_INVALID, 0},
        {"5.", 2, WEIR_E_INVALID, 0},
        {"05", 2, WEIR_E_INVALID, 0},
        {"1e", 2, WEIR_E_INVALID, 0},
        {"1e+", 2, WEIR_E_INVALID, 0},
        {"1.5.5", 2, WEIR_E_INVALID, 0},
        {"1,5", 2, WEIR_E_INVALID, 0},
        {"NaN", 2, WEIR_E_INVALID, 0},
        {"- 1", 2, WEIR_E_INVALID, 0},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t value = 4711;
        int status = decimal_of(cases[i].text, cases[i].scale, &value);
        if (status != cases[i].status || value != (status == 0 ? cases[i].value : 4711))
            fail_msg("%s at %u: %d, %lld", cases[i].text, cases[i].scale, status, (long long)value);
    }
}

static void decimals_there_and_back(void **state)
{
    struct test_random random = random_begin();
    for (int i = 0; i < 200000; i++) {
        int64_t value = (int64_t)random_skewed(&random), back;
        if (random_below(&random, 2))
            value = (int64_t)(0 - (uint64_t)value);
        uint8_t scale = (uint8_t)random_below(&random, WEIR_DECIMAL_SCALE_MAX + 1);
        struct text text = TEXT_INIT;
        decimal_write(&text, value, scale);
        assert_int_equal(decimal_read(text.data, text.length, scale, &back), 0);
        assert_true(back == value);
        /* The same number with the point elsewhere. */
        text_clear(&text);
        int_write(&text, value);
        text_addf(&text, "e-%u", scale);
        assert_int_equal(decimal_read(text.data, text.length, scale, &back), 0);
        assert_true(back == value);
        text_done(&text);
    }
}

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void assert_float_as_strtod(const char *text)
{
    double value = 0.5, expected = strtod(text, NULL);
    int status = float_read(text, strlen(text), &value);
    if (isfinite(expected)) {
        assert_int_equal(status, 0);
        if (bits_of(value) != bits_of(expected))
            fail_msg("%s: %.17g, not %.17g", text, value, expected);
    } else {
        assert_int_equal(status, WEIR_E_LIMIT);
        assert_true(value == 0.5);
    }
}

static void floats_as_strtod_reads_them(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "1",
        "+1",
        "-1.5",
        "1e308",
        "1.7976931348623157e308",
        "1.7976931348623159e308",
        "1e400",
        "-1e400",
        "1e-400",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.2250738585072011e-308",
        "9007199254740993",
        "9007199254740992",
        "9007199254740991e22",
        "9007199254740993e-22",
        "0.1",
        "0.30000000000000004",
        "123456789012345678901234567890",
        "0.000000000000000000000000000000000001",
        "1e22",
        "1e23",
        "8.5e-21",
        "17976931348623158079372897140530341507993413271003782693617377e240",
        "1E5",
        "1e+5",
        "0e999999999999999",
        "1e-99999999999999999999"};
    for (size_t i = 0; i < COUNT_OF(texts); i++)
        assert_float_as_strtod(texts[i]);
    struct text text = TEXT_INIT;
    text_add(&text, "0.");
    for (int i = 0; i < 3000; i++)
        text_add(&text, "3");
    assert_float_as_strtod(text.data);
    text_done(&text);

    static const char *const bad[] = {"",    "-",   "nan",  "inf", "Infinity", "0x10", "1.",
                                      ".5",  "01",  "1e",   "1e-", " 1",       "1 ",   "1_0",
                                      "1,5", "--1", "1.e5", "-.5", "00",       "1f"};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        double value;
        assert_int_equal(float_read(bad[i], strlen(bad[i]), &value), WEIR_E_INVALID);
    }
}

static void random_texts_as_strtod_reads_them(void **state)
{
    struct test_random random = random_begin();
    for (int i = 0; i < 200000; i++) {
        char text[80];
        snprintf(text, sizeof text, "%s%llu.%0*llue%d", random_below(&random, 2) ? "-" : "",
                 (unsigned long long)random_skewed(&random), (int)random_below(&random, 20) + 1,
                 (unsigned long long)random_skewed(&random),
                 (int)random_below(&random, 60) - 30 + (i % 20 == 0 ? (int)(i % 700) - 350 : 0));
        assert_float_as_strtod(text);
    }
}

/* Digits before the exponent, without a point and zeros at the end or in front. */
static int digits_of(const char *text)
{
    int digits = 0, zeros = 0;
    for (; *text && *text != 'e'; text++) {
        if (*text == '0' && digits > 0)
            zeros++;
        if (*text >= '1' && *text <= '9') {
            digits += zeros + 1;
            zeros = 0;
        }
    }
    return digits;
}

static void assert_float_written(double value)
{
    struct text text = TEXT_INIT;
    float_write(&text, value);
    double back;
    assert_int_equal(float_read(text.data, text.length, &back), 0);
    if (bits_of(back) != bits_of(value))
        fail_msg("%a was written as %s", value, text.data);
    assert_true(strpbrk(text.data, ".e") != NULL);
    for (int precision = 1; precision < digits_of(text.data); precision++)
        for (int64_t step = -1; step <= 1; step++) {
            /* The nearest decimal of so many digits, and its neighbours. */
            char shorter[64], digits[32];
            snprintf(shorter, sizeof shorter, "%.*e", precision - 1, value);
            const char *exponent = strchr(shorter, 'e') + 1;
            size_t count = 0;
            for (const char *at = shorter; *at != 'e'; at++)
                if (*at >= '0' && *at <= '9')
                    digits[count++] = *at;
            digits[count] = '\0';
            snprintf(digits, sizeof digits, "%s%llde%lld", value < 0 ? "-" : "",
                     strtoll(digits, NULL, 10) + step,
                     strtoll(exponent, NULL, 10) - (long long)precision + 1);
            if (strtod(digits, NULL) == value)
                fail_msg("%s is longer than %s", text.data, digits);
        }
    text_done(&text);
}

static void floats_there_and_back_in_the_fewest_digits(void **state)
{
    struct test_random random = random_begin();
    static const double edges[] = {0.0,
                                   -0.0,
                                   1.0,
                                   -1.0,
                                   0.1,
                                   1e308,
                                   5e-324,
                                   1e15,
                                   1e14,
                                   1e16,
                                   123456.0,
                                   1e-4,
                                   9.99e-5,
                                   1e22,
                                   1e23,
                                   0.5,
                                   1.0 / 3,
                                   2.0 / 3,
                                   100.25,
                                   1e-7,
                                   99999999999999.9,
                                   999999999999999.0,
                                   1.7976931348623157e308,
                                   2.2250738585072014e-308};
    for (size_t i = 0; i < COUNT_OF(edges); i++)
        assert_float_written(edges[i]);
    for (int exponent = -1074; exponent < 1024; exponent++)
        assert_float_written(ldexp(1, exponent));
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = random_u64(&random);
        double value;
        memcpy(&value, &bits, sizeof value);
        if (isfinite(value))
            assert_float_written(value);
        assert_float_written((double)(int64_t)random_skewed(&random));
        assert_float_written((double)random_below(&random, 100000000) /
                             (double)(random_below(&random, 2) ? 100 : 1000000));
    }
}

static void assert_text_of(double value, const char *expected)
{
    struct text text = TEXT_INIT;
    float_write(&text, value);
    assert_string_equal(text.data, expected);
    text_done(&text);
}

static void floats_as_people_write_them(void **state)
{
    assert_text_of(1, "1.0");
    assert_text_of(-0.0, "-0.0");
    assert_text_of(12.5, "12.5");
    assert_text_of(0.1 + 0.2, "0.30000000000000004");
    assert_text_of(0.0001, "0.0001");
    assert_text_of(1e100, "1e+100");
    assert_text_of(1234567.891, "1234567.891");
}

static void a_locale_changes_nothing(void **state)
{
    static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE"};
    bool comma = false;
    for (size_t i = 0; i < COUNT_OF(names) && !comma; i++)
        comma = setlocale(LC_ALL, names[i]) && strtod("1,5", NULL) == 1.5;
    if (!comma)
        skip();
    double value;
    assert_int_equal(float_read("1.7976931348623157e308", 22, &value), 0);
    assert_text_of(1.0 / 3, "0.3333333333333333");
    setlocale(LC_ALL, "C");
}

static void bools(void **state)
{
    uint8_t value = 9;
    assert_int_equal(bool_read("true", 4, &value), 0);
    assert_int_equal(value, 1);
    assert_int_equal(bool_read("0", 1, &value), 0);
    assert_int_equal(value, 0);
    assert_int_equal(bool_read("1", 1, &value), 0);
    assert_int_equal(bool_read("false", 5, &value), 0);
    assert_int_equal(value, 0);
    static const char *const bad[] = {"", "True", "yes", "2", "tru", "falsee"};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(bool_read(bad[i], strlen(bad[i]), &value), WEIR_E_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ints_at_their_edges),
        cmocka_unit_test(every_byte_in_every_place),
        cmocka_unit_test(ints_there_and_back),
        cmocka_unit_test(wide_numbers_are_written),
        cmocka_unit_test(decimals_are_exact_or_refused),
        cmocka_unit_test(decimals_there_and_back),
        cmocka_unit_test(floats_as_strtod_reads_them),
        cmocka_unit_test(random_texts_as_strtod_reads_them),
        cmocka_unit_test(floats_there_and_back_in_the_fewest_digits),
        cmocka_unit_test(floats_as_people_write_them),
        cmocka_unit_test(a_locale_changes_nothing),
        cmocka_unit_test(bools),
    };
    return cmocka_run_group_tests_name("number", tests, NULL, NULL);
}
