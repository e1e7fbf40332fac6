/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/test.h"

#include "base/check.h"
#include "base/value.h"

static void formats_are_read(void **state)
{
    static const struct {
        const char *text, *format;
        int status;
        const char *rfc3339;
    } cases[] = {
        {"2026-11-21 10:00:59", "%Y-%m-%d %H:%M:%S", 0, "2026-11-21T10:00:59Z"},
        {"2026-11-21T10:00:59", "%FT%T", 0, "2026-11-21T10:00:59Z"},
        {"21/Nov/2026:10:00:59 +0100", "%d/%b/%Y:%H:%M:%S %z", 0, "2026-11-21T09:00:59Z"},
        {"21/november/2026:10:00:59 -03:30", "%d/%b/%Y:%H:%M:%S %z", 0, "2026-11-21T13:30:59Z"},
        {"Sat, 21 Nov 2026 10:00:59 Z", "%a, %d %b %Y %T %z", 0, "2026-11-21T10:00:59Z"},
        {"2026-11-21 10:00:59.123456789", "%F %T.%f", 0, "2026-11-21T10:00:59.123456789Z"},
        {"2026-11-21 10:00:59.5", "%F %T.%f", 0, "2026-11-21T10:00:59.500Z"},
        {"11/21/26 03:07 PM", "%D %I:%M %p", 0, "2026-11-21T15:07:00Z"},
        {"11/21/69 12:00 am", "%D %I:%M %p", 0, "1969-11-21T00:00:00Z"},
        {"12/31/68 12:00 PM", "%D %I:%M %p", 0, "2068-12-31T12:00:00Z"},
        {"2024060", "%Y%j", 0, "2024-02-29T00:00:00Z"},
        {"2023060", "%Y%j", 0, "2023-03-01T00:00:00Z"},
        {"20261121100059", "%Y%m%d%H%M%S", 0, "2026-11-21T10:00:59Z"},
        {"1700000000", "%s", 0, "2023-11-14T22:13:20Z"},
        {"-1", "%s", 0, "1969-12-31T23:59:59Z"},
        {"1700000000.25", "%s.%f", 0, "2023-11-14T22:13:20.250Z"},
        {"-1.25", "%s.%f", 0, "1969-12-31T23:59:58.750Z"},
        {"-0.5", "%s.%f", 0, "1969-12-31T23:59:59.500Z"},
        {"2026-11-21", "%Y-%m-%d", 0, "2026-11-21T00:00:00Z"},
        {"100% 2026-01-02", "100%% %F", 0, "2026-01-02T00:00:00Z"},
        {"2026-11-21   10:00", "%F %R", 0, "2026-11-21T10:00:00Z"},
        {"2016-12-31 23:59:60", "%F %T", 0, "2017-01-01T00:00:00Z"},
        {"2026-02-30", "%F", WEIR_E_INVALID, NULL},
        {"2023366", "%Y%j", WEIR_E_INVALID, NULL},
        {"2026-13-01", "%F", WEIR_E_INVALID, NULL},
        {"2026-11-21 24:00", "%F %R", WEIR_E_INVALID, NULL},
        {"2026-11-21 ", "%F", WEIR_E_INVALID, NULL},
        {"2026-11-2", "%Y-%m-%d%%", WEIR_E_INVALID, NULL},
        {"2026-11", "%Y-%m-%d", WEIR_E_INVALID, NULL},
        {"", "%F", WEIR_E_INVALID, NULL},
        {"21 Nox 2026", "%d %b %Y", WEIR_E_INVALID, NULL},
        {"2026-01-01 00:00:00.0000000001", "%F %T.%f", WEIR_E_LIMIT, NULL},
        {"9999-01-01", "%F", WEIR_E_LIMIT, NULL},
        {"99999999999", "%s", WEIR_E_LIMIT, NULL},
        {"99999999999999999999", "%s", WEIR_E_LIMIT, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        int64_t ns = 4711, expected = 4711;
        int status = time_read_format(cases[i].text, strlen(cases[i].text), cases[i].format, &ns);
        if (cases[i].rfc3339)
            assert_int_equal(
                time_read_rfc3339(cases[i].rfc3339, strlen(cases[i].rfc3339), &expected), 0);
        if (status != cases[i].status || ns != expected)
            fail_msg("%s as %s: %d, %lld", cases[i].text, cases[i].format, status, (long long)ns);
    }
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the formats are the test's own */
static void written_by_strftime(char *text, size_t bytes, const char *format, const struct tm *tm)
{
    strftime(text, bytes, format, tm);
}
#pragma GCC diagnostic pop

static void as_strftime_writes(void **state)
{
    static const char *const formats[] = {"%Y-%m-%d %H:%M:%S",
                                          "%a %b %e %H:%M:%S %Y",
                                          "%d/%b/%Y:%T %z",
                                          "%A, %d %B %Y, %I:%M:%S %p",
                                          "%s",
                                          "%Y %j %R:%S",
                                          "%m/%d/%Y%n%H:%M:%S%t!"};
    struct test_random random = random_begin();
    for (int i = 0; i < 50000; i++) {
        const char *format = formats[random_below(&random, COUNT_OF(formats))];
        /* %Y wants four digits, so not before the year 1000; the clock's range does the rest */
        time_t seconds = (time_t)((int64_t)random_u64(&random) / NS_PER_SECOND);
        struct tm tm;
        char text[100];
        gmtime_r(&seconds, &tm);
        if (strcmp(format, "%s") == 0)
            snprintf(text, sizeof text, "%lld", (long long)seconds);
        else
            written_by_strftime(text, sizeof text, format, &tm);
        int64_t ns;
        if (time_read_format(text, strlen(text), format, &ns) != 0 || ns != seconds * NS_PER_SECOND)
            fail_msg("%s as %s", text, format);
    }
}

static void formats_are_checked(void **state)
{
    struct weir_error error = {0};
    assert_int_equal(time_format_check("%Y-%m-%dT%H:%M:%S%z", &error), 0);
    assert_int_equal(time_format_check("%s", &error), 0);
    assert_int_equal(time_format_check("%D", &error), 0);
    assert_int_equal(time_format_check("%Y%j", &error), 0);
    assert_int_equal(time_format_check("%H:%M", &error), WEIR_E_INVALID);
    assert_int_equal(time_format_check("%Y-%m-%d %Q", &error), WEIR_E_INVALID);
    assert_non_null(strstr(error.text, "%Q"));
    assert_int_equal(time_format_check("%Y-%m-%d %", &error), WEIR_E_INVALID);
    assert_int_equal(time_format_check("", &error), WEIR_E_INVALID);
}

static void random_bytes_do_no_harm(void **state)
{
    struct test_random random = random_begin();
    static const char characters[] = "%YmdHMSzfspjbaTDRFne0123456789-+: .ZAaPpMmNovSat";
    for (int i = 0; i < 200000; i++) {
        char format[12], text[20];
        size_t f = random_below(&random, sizeof format), t = random_below(&random, sizeof text);
        for (size_t k = 0; k < f; k++)
            format[k] = characters[random_below(&random, sizeof characters - 1)];
        format[f] = '\0';
        for (size_t k = 0; k < t; k++)
            text[k] = characters[random_below(&random, sizeof characters - 1)];
        int64_t ns = 4711;
        char *exact = malloc(t ? t : 1); /* so that reading past the end is seen */
        memcpy(exact, text, t);
        int status = time_read_format(exact, t, format, &ns);
        free(exact);
        assert_true(status == 0 || ns == 4711);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(formats_are_read),
        cmocka_unit_test(as_strftime_writes),
        cmocka_unit_test(formats_are_checked),
        cmocka_unit_test(random_bytes_do_no_harm),
    };
    return cmocka_run_group_tests_name("format", tests, NULL, NULL);
}
