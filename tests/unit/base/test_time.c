/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "base/value.h"

struct reading {
    const char *text;
    int status;
    int64_t ns;
};

static void check_all(const struct reading *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int64_t ns = 4711;
        int status = time_read_rfc3339(cases[i].text, strlen(cases[i].text), &ns);
        if (status != cases[i].status || ns != (status == 0 ? cases[i].ns : 4711))
            fail_msg("%s: %d, %lld", cases[i].text, status, (long long)ns);
    }
}

static void rfc3339_is_read(void **state)
{
    static const struct reading cases[] = {
        {"1970-01-01T00:00:00Z", 0, 0},
        {"1970-01-01", 0, 0},
        {"1970-01-02 00:00:00z", 0, 86400 * NS_PER_SECOND},
        {"1970-01-01t00:00:00.5Z", 0, 500000000},
        {"1970-01-01T00:00:00.123456789Z", 0, 123456789},
        {"1970-01-01T00:00:00.1234567890000Z", 0, 123456789},
        {"1969-12-31T23:59:59.999999999Z", 0, -1},
        {"1970-01-01T01:00:00+01:00", 0, 0},
        {"1969-12-31T19:30:00-04:30", 0, 0},
        {"2026-11-21T10:00:59.120Z", 0, 1795255259120000000},
        {"2000-02-29T12:00:00Z", 0, 951825600 * NS_PER_SECOND},
        {"1970-01-01T00:00:00-00:00", 0, 0},
    };
    check_all(cases, COUNT_OF(cases));
}

static void what_is_not_rfc3339_is_refused(void **state)
{
    static const struct reading cases[] = {
        {"", WEIR_E_INVALID, 0},
        {"1970", WEIR_E_INVALID, 0},
        {"1970-1-1", WEIR_E_INVALID, 0},
        {"1970-13-01", WEIR_E_INVALID, 0},
        {"1970-00-01", WEIR_E_INVALID, 0},
        {"1970-01-00", WEIR_E_INVALID, 0},
        {"1970-02-30", WEIR_E_INVALID, 0},
        {"1900-02-29", WEIR_E_INVALID, 0},
        {"2023-02-29T00:00:00Z", WEIR_E_INVALID, 0},
        {"2023-04-31T00:00:00Z", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00Z", WEIR_E_INVALID, 0},
        {"1970-01-01T24:00:00Z", WEIR_E_INVALID, 0},
        {"1970-01-01T00:60:00Z", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:61Z", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00.Z", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00,5Z", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00Z ", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00ZZ", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00+0100", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00+01", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00+24:00", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00+01:60", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00.5", WEIR_E_INVALID, 0},
        {"1970/01/01T00:00:00Z", WEIR_E_INVALID, 0},
        {"1970-01-01_00:00:00Z", WEIR_E_INVALID, 0},
        {"+970-01-01T00:00:00Z", WEIR_E_INVALID, 0},
        {"1970-01-01T00:00:00.0000000001Z", WEIR_E_LIMIT, 0},
    };
    check_all(cases, COUNT_OF(cases));
}

static void leap_seconds_are_the_second_after(void **state)
{
    static const struct reading cases[] = {
        {"2016-12-31T23:59:60Z", 0, 1483228800 * NS_PER_SECOND},
        {"2016-12-31T23:59:60.5Z", 0, 1483228800 * NS_PER_SECOND + 500000000},
        {"2017-01-01T00:59:60+01:00", 0, 1483228800 * NS_PER_SECOND},
        {"2016-12-31T23:58:60Z", WEIR_E_INVALID, 0},
        {"2016-12-31T23:59:60+01:00", WEIR_E_INVALID, 0},
    };
    check_all(cases, COUNT_OF(cases));
}

static void the_range_is_that_of_64_bits(void **state)
{
    static const struct reading cases[] = {
        {"2262-04-11T23:47:16.854775807Z", 0, INT64_MAX},
        {"2262-04-11T23:47:16.854775808Z", WEIR_E_LIMIT, 0},
        {"2262-04-11T23:47:17Z", WEIR_E_LIMIT, 0},
        {"1677-09-21T00:12:43.145224192Z", 0, INT64_MIN},
        {"1677-09-21T00:12:43.145224191Z", WEIR_E_LIMIT, 0},
        {"1677-09-21T00:12:43Z", WEIR_E_LIMIT, 0},
        {"0000-01-01T00:00:00Z", WEIR_E_LIMIT, 0},
        {"9999-12-31T23:59:59Z", WEIR_E_LIMIT, 0},
    };
    check_all(cases, COUNT_OF(cases));
}

static void times_there_and_back(void **state)
{
    struct test_random random = random_begin();
    static const int64_t grains[] = {1, 1000, 1000000, NS_PER_SECOND};
    static const int64_t edges[] = {INT64_MIN, INT64_MIN + 1, -1, 0, 1, INT64_MAX};
    for (int i = 0; i < 200000; i++) {
        int64_t grain = grains[i % 4];
        int64_t ns =
            i < (int)COUNT_OF(edges) ? edges[i] : (int64_t)random_u64(&random) / grain * grain;
        struct text text = TEXT_INIT;
        time_write_rfc3339(&text, ns);
        int64_t back;
        assert_int_equal(time_read_rfc3339(text.data, text.length, &back), 0);
        if (back != ns)
            fail_msg("%lld was written as %s", (long long)ns, text.data);
        size_t most = grain == 1 ? 30 : grain == 1000 ? 27 : grain == 1000000 ? 24 : 20;
        assert_true(i < (int)COUNT_OF(edges) || text.length <= most);
        text_done(&text);
    }
}

static void times_are_written_in_the_fewest_digits(void **state)
{
    static const struct {
        int64_t ns;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00Z"},
        {1, "1970-01-01T00:00:00.000000001Z"},
        {1000, "1970-01-01T00:00:00.000001Z"},
        {120000000, "1970-01-01T00:00:00.120Z"},
        {-1, "1969-12-31T23:59:59.999999999Z"},
        {INT64_MIN, "1677-09-21T00:12:43.145224192Z"},
        {INT64_MAX, "2262-04-11T23:47:16.854775807Z"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct text text = TEXT_INIT;
        time_write_rfc3339(&text, cases[i].ns);
        assert_string_equal(text.data, cases[i].text);
        text_done(&text);
    }
}

static void every_day_of_the_calendar(void **state)
{
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int64_t day = days_from_civil(1678, 1, 1);
    assert_true(day == -106650);
    for (int year = 1678; year < 2262; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        for (unsigned month = 1; month <= 12; month++)
            for (unsigned d = 1; d <= (unsigned)lengths[month - 1] + (month == 2 && leap); d++) {
                assert_true(days_from_civil(year, month, d) == day);
                struct civil civil = civil_from_ns(day * 86400 * NS_PER_SECOND + 1);
                assert_true(civil.year == year && civil.month == month && civil.day == d);
                assert_true(civil.hour == 0 && civil.nanosecond == 1);
                day++;
            }
    }
    assert_true(days_from_civil(-4713, 11, 24) == -2440588); /* the first Julian day */
}

static void civil_as_gmtime(void **state)
{
    struct test_random random = random_begin();
    for (int i = 0; i < 100000; i++) {
        int64_t ns = (int64_t)random_u64(&random);
        time_t seconds = (time_t)(ns / NS_PER_SECOND - (ns % NS_PER_SECOND < 0));
        struct tm tm;
        gmtime_r(&seconds, &tm);
        struct civil civil = civil_from_ns(ns);
        assert_true(civil.year == tm.tm_year + 1900 && civil.month == tm.tm_mon + 1 &&
                    civil.day == tm.tm_mday && civil.hour == tm.tm_hour &&
                    civil.minute == tm.tm_min && civil.second == tm.tm_sec);
    }
}

static void units(void **state)
{
    int64_t ns = 7;
    assert_int_equal(time_from_units(1700000000, NS_PER_SECOND, &ns), 0);
    assert_true(ns == 1700000000 * NS_PER_SECOND);
    assert_int_equal(time_from_units(-5, 1000000, &ns), 0);
    assert_true(ns == -5000000);
    assert_int_equal(time_from_units(INT64_MIN, 1, &ns), 0);
    ns = 7;
    assert_int_equal(time_from_units(9223372037, NS_PER_SECOND, &ns), WEIR_E_LIMIT);
    assert_int_equal(time_from_units(INT64_MIN, 1000, &ns), WEIR_E_LIMIT);
    assert_true(ns == 7);
    assert_int_equal(time_from_units(9223372036, NS_PER_SECOND, &ns), 0);
}

static void durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
        const char *written;
    } good[] = {
        {"250ms", 250000000, "250ms"},
        {"30s", 30 * NS_PER_SECOND, "30s"},
        {"90s", 90 * NS_PER_SECOND, "90s"},
        {"60s", 60 * NS_PER_SECOND, "1m"},
        {"24h", 86400 * NS_PER_SECOND, "1d"},
        {"36h", 129600 * NS_PER_SECOND, "36h"},
        {"7d", 7 * 86400 * NS_PER_SECOND, "7d"},
        {"0s", 0, "0s"},
        {"3us", 3000, "3us"},
        {"5ns", 5, "5ns"},
    };
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        int64_t ns = -1, back;
        assert_int_equal(duration_read(good[i].text, &ns, NULL), 0);
        assert_true(ns == good[i].ns);
        struct text text = TEXT_INIT;
        duration_write(&text, ns);
        assert_string_equal(text.data, good[i].written);
        assert_int_equal(duration_read(text.data, &back, NULL), 0);
        assert_true(back == ns);
        text_done(&text);
    }
    struct weir_error error;
    int64_t ns = 7;
    static const char *const bad[] = {"", "5", "5 s", "s", "-5s", "1.5s", "5sec", "5S", "5m "};
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_int_equal(duration_read(bad[i], &ns, &error), WEIR_E_INVALID);
    assert_int_equal(duration_read("110000d", &ns, &error), WEIR_E_LIMIT);
    assert_int_equal(duration_read("99999999999999999999ns", &ns, &error), WEIR_E_LIMIT);
    assert_true(ns == 7);
}

static void sizes(void **state)
{
    uint64_t bytes = 7;
    struct weir_error error;
    assert_int_equal(size_read("64KiB", &bytes, NULL), 0);
    assert_true(bytes == 65536);
    assert_int_equal(size_read("1GiB", &bytes, NULL), 0);
    assert_true(bytes == 1u << 30);
    assert_int_equal(size_read("2MB", &bytes, NULL), 0);
    assert_true(bytes == 2000000);
    assert_int_equal(size_read("512B", &bytes, NULL), 0);
    assert_true(bytes == 512);
    assert_int_equal(size_read("4096", &bytes, NULL), 0);
    assert_true(bytes == 4096);
    assert_int_equal(size_read("12Q", &bytes, &error), WEIR_E_INVALID);
    assert_int_equal(size_read("-1B", &bytes, &error), WEIR_E_INVALID);
    assert_int_equal(size_read("9999999TiB", &bytes, &error), WEIR_E_LIMIT);
    assert_true(bytes == 4096);
    static const struct {
        uint64_t bytes;
        const char *text;
    } written[] = {
        {0, "0 B"},           {1023, "1023 B"},      {1024, "1.0 KiB"},       {1536, "1.5 KiB"},
        {1048575, "1.0 MiB"}, {3u << 29, "1.5 GiB"}, {UINT64_MAX, "16.0 EiB"}};
    for (size_t i = 0; i < COUNT_OF(written); i++) {
        struct text text = TEXT_INIT;
        size_write(&text, written[i].bytes);
        assert_string_equal(text.data, written[i].text);
        text_done(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc3339_is_read),
        cmocka_unit_test(what_is_not_rfc3339_is_refused),
        cmocka_unit_test(leap_seconds_are_the_second_after),
        cmocka_unit_test(the_range_is_that_of_64_bits),
        cmocka_unit_test(times_there_and_back),
        cmocka_unit_test(times_are_written_in_the_fewest_digits),
        cmocka_unit_test(every_day_of_the_calendar),
        cmocka_unit_test(civil_as_gmtime),
        cmocka_unit_test(units),
        cmocka_unit_test(durations),
        cmocka_unit_test(sizes),
    };
    return cmocka_run_group_tests_name("time", tests, NULL, NULL);
}
